/* outbox.c - messages on their way: the table outbox. */
#include "common/agent/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define ITEM_COLUMNS                                                                               \
    "id, peer, seq, state, profile, codec, suite, exact, resends, psnr, changed, embed_us,"        \
    " queued_at, accepted_at, of_set, common"

void out_item_free(struct out_item *item)
{
    free(item->message.p);
    free(item->cover.p);
    free(item->body.p);
    memset(item, 0, sizeof(*item));
}

static int next_seq(struct sql *db, const char *peer, uint64_t *seq)
{
    struct sql_query q;
    int err;

    sql_ask(&q, db,
            "INSERT INTO send_seq (peer, last) VALUES (?, 1)"
            " ON CONFLICT (peer) DO UPDATE SET last = last + 1");
    sql_put_text(&q, peer);
    err = sql_do(&q);
    if (err != 0)
        return err;
    sql_ask(&q, db, "SELECT last FROM send_seq WHERE peer = ?");
    sql_put_text(&q, peer);
    *seq = sql_row(&q) ? sql_get_u64(&q) : 0;
    return sql_end(&q);
}

int outbox_skip_reserved(struct sql *db)
{
    return sql_exec(db, "UPDATE send_seq SET last = reserved WHERE reserved > last");
}

static void put_package(struct sql_query *q, const struct out_item *item)
{
    sql_put_i64(q, item->profile);
    sql_put_i64(q, item->codec);
    sql_put_i64(q, item->suite);
    sql_put_bytes(q, item->session, SESSION_ID_BYTES);
    sql_put_u64(q, item->index);
    sql_put_bytes(q, item->body.p, item->body.len);
    sql_put_bytes(q, item->digest, DIGEST_BYTES);
    sql_put_i64(q, item->psnr_mdb);
    sql_put_u64(q, item->changed_pixels);
    sql_put_i64(q, item->embed_us);
}

int outbox_number(struct sql *db, struct out_item *item)
{
    item->state = OUT_QUEUED;
    item->queued_at = state_now_us();
    return next_seq(db, item->peer, &item->seq);
}

int outbox_put(struct sql *db, struct out_item *item)
{
    struct sql_query q;
    int err = outbox_number(db, item);

    if (err != 0)
        return err;
    sql_ask(&q, db,
            "INSERT INTO outbox (peer, seq, state, profile, codec, exact, message, cover,"
            " queued_at, of_set) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    sql_put_text(&q, item->peer);
    sql_put_u64(&q, item->seq);
    sql_put_i64(&q, item->state);
    sql_put_i64(&q, item->profile);
    sql_put_i64(&q, item->codec);
    sql_put_i64(&q, item->exact);
    sql_put_bytes(&q, item->message.p, item->message.len);
    sql_put_bytes(&q, item->cover.p, item->cover.len);
    sql_put_i64(&q, item->queued_at);
    sql_put_i64(&q, item->of_set);
    err = sql_do(&q);
    item->id = (int64_t)sql_last_row(db);
    return err;
}

int outbox_put_packed(struct sql *db, struct out_item *item)
{
    struct sql_query q;
    int err;

    item->state = OUT_PACKED;
    sql_ask(&q, db,
            "INSERT INTO outbox (peer, seq, state, profile, codec, suite, session, idx, body,"
            " digest, psnr, changed, embed_us, queued_at)"
            " VALUES (?, ?, 2, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    sql_put_text(&q, item->peer);
    sql_put_u64(&q, item->seq);
    put_package(&q, item);
    sql_put_i64(&q, item->queued_at);
    err = sql_do(&q);
    item->id = (int64_t)sql_last_row(db);
    return err;
}

int outbox_has_queued(struct sql *db, const char *peer)
{
    struct sql_query q;
    int found;

    sql_ask(&q, db, "SELECT 1 FROM outbox WHERE peer = ? AND state = 1 LIMIT 1");
    sql_put_text(&q, peer);
    found = sql_row(&q);
    return sql_end(&q) != 0 || found;
}

static void read_item(struct sql_query *q, struct out_item *item)
{
    item->id = sql_get_i64(q);
    sql_get_text(q, item->peer, sizeof(item->peer));
    item->seq = sql_get_u64(q);
    item->state = (enum out_state)sql_get_i64(q);
    item->profile = (uint8_t)sql_get_i64(q);
    item->codec = (uint8_t)sql_get_i64(q);
    item->suite = (uint8_t)sql_get_i64(q);
    item->exact = sql_get_i64(q) != 0;
    item->resends = (unsigned)sql_get_i64(q);
    item->psnr_mdb = sql_get_i64(q);
    item->changed_pixels = sql_get_u64(q);
    item->embed_us = sql_get_i64(q);
    item->queued_at = sql_get_i64(q);
    item->accepted_at = sql_get_i64(q);
    item->of_set = sql_get_i64(q);
    item->common = sql_get_i64(q);
}

static void read_package(struct sql_query *q, struct out_item *item)
{
    sql_get_fixed(q, item->session, SESSION_ID_BYTES);
    item->index = sql_get_u64(q);
    sql_get_fixed(q, item->digest, DIGEST_BYTES);
}

/* End a query for one item: 0, ERR_NOTFOUND or what went wrong. */
static int end_item(struct sql_query *q, int found, struct out_item *item)
{
    int err = sql_end(q);

    if (err != 0)
        out_item_free(item);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

int outbox_next_queued(struct sql *db, const char *peer, struct out_item *item)
{
    struct sql_query q;
    int found;

    memset(item, 0, sizeof(*item));
    sql_ask(&q, db,
            "SELECT " ITEM_COLUMNS ", message, cover FROM outbox"
            " WHERE peer = ? AND state = 1 ORDER BY id LIMIT 1");
    sql_put_text(&q, peer);
    found = sql_row(&q);
    if (found) {
        read_item(&q, item);
        sql_get_bytes(&q, &item->message.p, &item->message.len, MESSAGE_MAX);
        sql_get_bytes(&q, &item->cover.p, &item->cover.len, PGM_MAX);
    }
    return end_item(&q, found, item);
}

int outbox_next_profile(struct sql *db, const char *peer, uint8_t *profile)
{
    struct sql_query q;
    int found, err;

    sql_ask(&q, db, "SELECT profile FROM outbox WHERE peer = ? AND state = 1 ORDER BY id LIMIT 1");
    sql_put_text(&q, peer);
    found = sql_row(&q);
    *profile = found ? (uint8_t)sql_get_i64(&q) : 0;
    err = sql_end(&q);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

int outbox_packed(struct sql *db, const struct out_item *item)
{
    struct sql_query q;

    sql_ask(&q, db,
            "UPDATE outbox SET state = 2, message = NULL, cover = NULL, profile = ?, codec = ?,"
            " suite = ?, session = ?, idx = ?, body = ?, digest = ?, psnr = ?, changed = ?,"
            " embed_us = ?, common = ? WHERE id = ?");
    put_package(&q, item);
    sql_put_i64(&q, item->common);
    sql_put_i64(&q, item->id);
    return sql_do(&q);
}

int outbox_find(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
                struct out_item *item)
{
    struct sql_query q;
    int found;

    memset(item, 0, sizeof(*item));
    sql_ask(&q, db,
            "SELECT " ITEM_COLUMNS ", session, idx, digest FROM outbox"
            " WHERE session = ? AND idx = ?");
    sql_put_bytes(&q, session, SESSION_ID_BYTES);
    sql_put_u64(&q, index);
    found = sql_row(&q);
    if (found) {
        read_item(&q, item);
        read_package(&q, item);
    }
    return end_item(&q, found, item);
}

int outbox_next_packed(struct sql *db, const char *peer, int64_t after, struct out_item *item)
{
    struct sql_query q;
    int found;

    memset(item, 0, sizeof(*item));
    sql_ask(&q, db,
            "SELECT " ITEM_COLUMNS ", session, idx, digest, body FROM outbox"
            " WHERE peer = ? AND state IN (2, 3) AND id > ? ORDER BY id LIMIT 1");
    sql_put_text(&q, peer);
    sql_put_i64(&q, after);
    found = sql_row(&q);
    if (found) {
        read_item(&q, item);
        read_package(&q, item);
        sql_get_bytes(&q, &item->body.p, &item->body.len, FRAME_MAX);
    }
    return end_item(&q, found, item);
}

int outbox_set_accepted(struct sql *db, int64_t id, int64_t now_us)
{
    struct sql_query q;

    sql_ask(&q, db, "UPDATE outbox SET state = 3, accepted_at = ? WHERE id = ? AND state = 2");
    sql_put_i64(&q, now_us);
    sql_put_i64(&q, id);
    return sql_do(&q);
}

int outbox_count_resend(struct sql *db, int64_t id)
{
    struct sql_query q;

    sql_ask(&q, db, "UPDATE outbox SET state = 2, resends = resends + 1 WHERE id = ?");
    sql_put_i64(&q, id);
    return sql_do(&q);
}

int outbox_delete(struct sql *db, int64_t id)
{
    struct sql_query q;

    sql_ask(&q, db, "DELETE FROM outbox WHERE id = ?");
    sql_put_i64(&q, id);
    return sql_do(&q);
}

int outbox_skip_seq(struct sql *db, const char *peer, uint64_t n)
{
    struct sql_query q;
    int err;

    sql_ask(&q, db, "UPDATE send_seq SET last = last + ? WHERE peer = ?");
    sql_put_u64(&q, n);
    sql_put_text(&q, peer);
    err = sql_do(&q);
    if (err != 0)
        return err;
    sql_ask(&q, db, "UPDATE outbox SET seq = seq + ? WHERE peer = ? AND state = 1");
    sql_put_u64(&q, n);
    sql_put_text(&q, peer);
    return sql_do(&q);
}

int outbox_count(struct sql *db, const char *peer, uint64_t *queued, uint64_t *packed)
{
    struct sql_query q;

    *queued = *packed = 0;
    if (peer != NULL) {
        sql_ask(&q, db, "SELECT state, COUNT(*) FROM outbox WHERE peer = ? GROUP BY state");
        sql_put_text(&q, peer);
    } else {
        sql_ask(&q, db, "SELECT state, COUNT(*) FROM outbox GROUP BY state");
    }
    while (sql_row(&q)) {
        int64_t state = sql_get_i64(&q);

        *(state == OUT_QUEUED ? queued : packed) += sql_get_u64(&q);
    }
    return sql_end(&q);
}

int outbox_oldest(struct sql *db, const struct out_session *s, uint64_t *index)
{
    struct sql_query q;

    *index = s->next;
    sql_ask(&q, db, "SELECT idx FROM outbox WHERE session = ? ORDER BY idx LIMIT 1");
    sql_put_bytes(&q, s->keys.session, SESSION_ID_BYTES);
    if (sql_row(&q))
        *index = sql_get_u64(&q);
    return sql_end(&q);
}

int outbox_next_peer(struct sql *db, const char *after, char peer[ID_MAX + 1])
{
    struct sql_query q;
    int found, err;

    sql_ask(&q, db, "SELECT peer FROM outbox WHERE peer > ? ORDER BY peer LIMIT 1");
    sql_put_text(&q, after);
    found = sql_row(&q);
    if (found)
        sql_get_text(&q, peer, ID_MAX + 1);
    err = sql_end(&q);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

int outbox_next_session(struct sql *db, const char *peer, const uint8_t *after,
                        uint8_t session[SESSION_ID_BYTES])
{
    static const uint8_t first[SESSION_ID_BYTES];
    struct sql_query q;
    int found, err;

    sql_ask(&q, db,
            "SELECT session FROM outbox WHERE peer = ? AND state IN (2, 3) AND session > ?"
            " ORDER BY session LIMIT 1");
    sql_put_text(&q, peer);
    sql_put_bytes(&q, after != NULL ? after : first, SESSION_ID_BYTES);
    found = sql_row(&q);
    if (found)
        sql_get_fixed(&q, session, SESSION_ID_BYTES);
    err = sql_end(&q);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}
