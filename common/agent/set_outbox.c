/* set_outbox.c - messages to sets: the tables set_message and set_common. */
#include "common/agent/set_outbox.h"

#include <string.h>

#include "common/err.h"

int set_outbox_put(struct sql *db, const struct set_text *text, int64_t *of_set)
{
    struct sql_query q;
    int err;

    sql_ask(&q, db, "INSERT INTO set_message (message, cover) VALUES (?, ?)");
    sql_put_bytes(&q, text->message.p, text->message.len);
    sql_put_bytes(&q, text->cover.p, text->cover.len);
    err = sql_do(&q);
    *of_set = (int64_t)sql_last_row(db);
    return err;
}

int set_outbox_is_next(struct sql *db, const char *peer)
{
    struct sql_query q;
    int64_t of_set = 0;

    sql_ask(&q, db, "SELECT of_set FROM outbox WHERE peer = ? AND state = 1 ORDER BY id LIMIT 1");
    sql_put_text(&q, peer);
    if (sql_row(&q))
        of_set = sql_get_i64(&q);
    return sql_end(&q) == 0 && of_set != 0;
}

int set_outbox_text(struct sql *db, int64_t of_set, struct set_text *text)
{
    struct sql_query q;
    int found, err;

    memset(text, 0, sizeof(*text));
    sql_ask(&q, db, "SELECT message, cover FROM set_message WHERE id = ?");
    sql_put_i64(&q, of_set);
    found = sql_row(&q);
    if (found) {
        sql_get_bytes(&q, &text->message.p, &text->message.len, MESSAGE_MAX);
        sql_get_bytes(&q, &text->cover.p, &text->cover.len, PGM_MAX);
    }
    err = sql_end(&q);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

static void put_kind(struct sql_query *q, const struct out_item *item)
{
    sql_put_i64(q, item->of_set);
    sql_put_i64(q, item->suite);
    sql_put_i64(q, item->codec);
}

int set_outbox_part(struct sql *db, const struct out_item *item, struct set_part *part)
{
    struct sql_query q;
    int found, err;

    memset(part, 0, sizeof(*part));
    sql_ask(&q, db,
            "SELECT id, secret, digest, psnr, changed, embed_us FROM set_common"
            " WHERE of_set = ? AND suite = ? AND codec = ?");
    put_kind(&q, item);
    found = sql_row(&q);
    if (found) {
        part->id = sql_get_i64(&q);
        sql_get_fixed(&q, part->secret, KEY_BYTES);
        sql_get_fixed(&q, part->digest, DIGEST_BYTES);
        part->psnr_mdb = sql_get_i64(&q);
        part->changed_pixels = sql_get_u64(&q);
        part->embed_us = sql_get_i64(&q);
    }
    err = sql_end(&q);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

int set_outbox_put_part(struct sql *db, const struct out_item *item, struct set_part *part,
                        const struct package *made)
{
    struct sql_query q;
    int err;

    sql_ask(&q, db,
            "INSERT INTO set_common (of_set, suite, codec, secret, digest, psnr, changed, embed_us,"
            " body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    put_kind(&q, item);
    sql_put_bytes(&q, part->secret, KEY_BYTES);
    sql_put_bytes(&q, part->digest, DIGEST_BYTES);
    sql_put_i64(&q, part->psnr_mdb);
    sql_put_u64(&q, part->changed_pixels);
    sql_put_i64(&q, part->embed_us);
    sql_put_bytes(&q, made->body, made->len);
    err = sql_do(&q);
    part->id = (int64_t)sql_last_row(db);
    return err;
}

int set_outbox_body(struct sql *db, int64_t common, struct out_bytes *body)
{
    struct sql_query q;
    int found, err;

    memset(body, 0, sizeof(*body));
    sql_ask(&q, db, "SELECT body FROM set_common WHERE id = ?");
    sql_put_i64(&q, common);
    found = sql_row(&q);
    if (found)
        sql_get_bytes(&q, &body->p, &body->len, PACKAGE_MAX);
    err = sql_end(&q);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

static int run(struct sql *db, const char *text, int64_t of_set)
{
    struct sql_query q;

    sql_ask(&q, db, text);
    sql_put_i64(&q, of_set);
    return sql_do(&q);
}

int set_outbox_tidy(struct sql *db, int64_t of_set)
{
    int err;

    if (of_set == 0)
        return 0;
    err = run(db,
              "DELETE FROM set_message WHERE id = ?1 AND NOT EXISTS"
              " (SELECT 1 FROM outbox WHERE of_set = ?1 AND of_set <> 0 AND state = 1)",
              of_set);
    if (err == 0 && sql_changes(db) > 0)
        err = run(db, "UPDATE set_common SET secret = NULL WHERE of_set = ?", of_set);
    if (err != 0)
        return err;
    return run(db,
               "DELETE FROM set_common WHERE of_set = ?1 AND NOT EXISTS"
               " (SELECT 1 FROM outbox WHERE of_set = ?1 AND of_set <> 0)",
               of_set);
}
