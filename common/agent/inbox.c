/* inbox.c - verified messages, up to where they have been printed, and the purge of what is old. */
#include "common/agent/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/session.h"

#define DAY_US (INT64_C(24) * 60 * 60 * 1000000)

int inbox_put(struct sql *db, const struct inbox_record *r, const struct blob *message, int64_t *id)
{
    struct sql_query q;
    int err;

    *id = 0;
    sql_ask(&q, db,
            "INSERT INTO inbox (peer, session, idx, seq, profile, suite, late, message, stego,"
            " received, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    sql_put_text(&q, r->peer);
    sql_put_bytes(&q, r->session, SESSION_ID_BYTES);
    sql_put_u64(&q, r->index);
    sql_put_u64(&q, r->seq);
    sql_put_i64(&q, r->profile);
    sql_put_i64(&q, r->suite);
    sql_put_i64(&q, r->late);
    sql_put_bytes(&q, message->p, message->len);
    sql_put_text(&q, r->stego);
    sql_put_i64(&q, r->received);
    sql_put_bytes(&q, r->digest, DIGEST_BYTES);
    err = sql_do(&q);
    if (err == 0)
        *id = (int64_t)sql_last_row(db);
    return err;
}

#define RECORD_COLUMNS                                                                             \
    "id, peer, session, idx, seq, profile, suite, late, message, stego, received, digest, gone"

/* The first row of a started query of RECORD_COLUMNS. */
static int get_record(struct sql_query *q, struct inbox_record *r)
{
    int found = sql_row(q), err;

    memset(r, 0, sizeof(*r));
    if (found) {
        r->id = sql_get_i64(q);
        sql_get_text(q, r->peer, sizeof(r->peer));
        sql_get_fixed(q, r->session, SESSION_ID_BYTES);
        r->index = sql_get_u64(q);
        r->seq = sql_get_u64(q);
        r->profile = (uint8_t)sql_get_i64(q);
        r->suite = (uint8_t)sql_get_i64(q);
        r->late = sql_get_i64(q) != 0;
        sql_get_bytes(q, &r->message, &r->bytes, MESSAGE_MAX);
        sql_get_text(q, r->stego, sizeof(r->stego));
        r->received = sql_get_i64(q);
        r->has_digest = sql_get_short(q, r->digest, DIGEST_BYTES) == DIGEST_BYTES;
        r->gone = sql_get_i64(q) != 0;
    }
    err = sql_end(q);
    if (err != 0)
        inbox_record_free(r);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

int inbox_next(struct sql *db, int64_t after, struct inbox_record *r)
{
    struct sql_query q;

    sql_ask(&q, db, "SELECT " RECORD_COLUMNS " FROM inbox WHERE id > ? ORDER BY id LIMIT 1");
    sql_put_i64(&q, after);
    return get_record(&q, r);
}

int inbox_find(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
               struct inbox_record *r)
{
    struct sql_query q;

    sql_ask(&q, db, "SELECT " RECORD_COLUMNS " FROM inbox WHERE session = ? AND idx = ?");
    sql_put_bytes(&q, session, SESSION_ID_BYTES);
    sql_put_u64(&q, index);
    return get_record(&q, r);
}

void inbox_record_free(struct inbox_record *r)
{
    if (r == NULL)
        return;
    free(r->message);
    r->message = NULL;
    r->bytes = 0;
}

int inbox_shown(struct sql *db, int64_t *id)
{
    struct sql_query q;
    int found, err;

    *id = 0;
    sql_ask(&q, db, "SELECT id FROM shown WHERE one = 1");
    found = sql_row(&q);
    if (found)
        *id = sql_get_i64(&q);
    err = sql_end(&q);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

int inbox_set_shown(struct sql *db, int64_t id)
{
    struct sql_query q;
    int err = sql_begin(db, SQL_WRITE_SOON);

    if (err != 0)
        return err;
    sql_ask(&q, db, "UPDATE shown SET id = ? WHERE one = 1");
    sql_put_i64(&q, id);
    err = sql_do(&q);
    if (err == 0)
        err = sql_commit(db);
    if (err != 0)
        sql_rollback(db);
    return err;
}

static int purge_before(struct sql *db, const char *text, int64_t when)
{
    struct sql_query q;

    sql_ask(&q, db, text);
    sql_put_i64(&q, when);
    return sql_do(&q);
}

static int purge(struct sql *db, int64_t now)
{
    const int64_t kept = RETENTION_DAYS * DAY_US;
    int err;

    err = purge_before(db, "DELETE FROM recv_answer WHERE created < ?", now - ANSWER_DAYS * DAY_US);
    if (err == 0)
        err = purge_before(db, "DELETE FROM recv_ungranted WHERE created < ?",
                           now - ANSWER_DAYS * DAY_US);
    if (err == 0)
        /* Its sender may have gone on with it, beside the later one, as long as it may be used. */
        err = purge_before(db, "DELETE FROM recv_session WHERE retired > 0 AND retired < ?",
                           now - kept - INT64_C(1000000) * SESSION_AGE_MAX);
    /* An answer may wait for its initiator, and then the first package in the mailbox. */
    if (err == 0)
        err = purge_before(db, "DELETE FROM recv_session WHERE used = 0 AND created < ?",
                           now - 2 * kept);
    if (err == 0)
        err = sql_exec(db, "DELETE FROM recv_skipped WHERE session NOT IN"
                           " (SELECT session FROM recv_session);"
                           "DELETE FROM recv_seen WHERE session NOT IN"
                           " (SELECT session FROM recv_session)");
    if (err == 0)
        err = purge_before(db,
                           "UPDATE inbox SET message = NULL, stego = '', gone = 1 WHERE gone = 0"
                           " AND id <= (SELECT id FROM shown WHERE one = 1) AND received < ?",
                           now - kept);
    if (err == 0)
        err = purge_before(db,
                           "DELETE FROM inbox WHERE id <= (SELECT id FROM shown WHERE one = 1)"
                           " AND received < ?",
                           now - RECORD_DAYS * DAY_US);
    return err;
}

int inbox_purge(struct sql *db, int64_t now)
{
    int err = sql_begin(db, SQL_WRITE);

    if (err != 0)
        return err;
    err = purge(db, now);
    if (err == 0)
        err = sql_commit(db);
    if (err != 0)
        sql_rollback(db);
    return err;
}
