/* out_session.c - sending sessions and the negotiations that lead to them. */
#include "common/agent/outbox.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/session.h"

#define SESSION_COLUMNS                                                                            \
    "session, peer, negotiation, chain, receipt, confirm, next, heard, profile, suite, codecs,"    \
    " created"

static void read_list(struct sql_query *q, struct list *l)
{
    l->n = (uint8_t)sql_get_short(q, l->v, sizeof(l->v));
}

static void get_key(struct sql_query *q, struct keybuf *k)
{
    k->len = sql_get_short(q, k->b, sizeof(k->b));
}

static int read_session(struct sql_query *q, struct out_session *s)
{
    int found, err;

    memset(s, 0, sizeof(*s));
    found = sql_row(q);
    if (found) {
        sql_get_fixed(q, s->keys.session, SESSION_ID_BYTES);
        sql_get_text(q, s->peer, sizeof(s->peer));
        sql_get_fixed(q, s->negotiation, NEG_ID_BYTES);
        get_key(q, &s->keys.state);
        sql_get_fixed(q, s->keys.receipt, KEY_BYTES);
        sql_get_fixed(q, s->keys.confirm, KEY_BYTES);
        s->next = sql_get_u64(q);
        s->heard = sql_get_u64(q);
        s->profile = (uint8_t)sql_get_i64(q);
        s->suite = (uint8_t)sql_get_i64(q);
        read_list(q, &s->codecs);
        s->created = sql_get_i64(q);
    }
    err = sql_end(q);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

int out_session_current(struct sql *db, const char *peer, struct out_session *s)
{
    struct sql_query q;

    sql_ask(&q, db, "SELECT " SESSION_COLUMNS " FROM send_session WHERE peer = ? AND current = 1");
    sql_put_text(&q, peer);
    return read_session(&q, s);
}

int out_session_of(struct sql *db, const char *peer, uint8_t profile, struct out_session *s)
{
    struct sql_query q;

    sql_ask(&q, db,
            "SELECT " SESSION_COLUMNS
            " FROM send_session WHERE peer = ? AND current > 0 AND profile = ?");
    sql_put_text(&q, peer);
    sql_put_i64(&q, profile);
    return read_session(&q, s);
}

int out_session_get(struct sql *db, const uint8_t session[SESSION_ID_BYTES], struct out_session *s)
{
    struct sql_query q;

    sql_ask(&q, db, "SELECT " SESSION_COLUMNS " FROM send_session WHERE session = ?");
    sql_put_bytes(&q, session, SESSION_ID_BYTES);
    return read_session(&q, s);
}

int out_session_by_negotiation(struct sql *db, const uint8_t negotiation[NEG_ID_BYTES],
                               struct out_session *s)
{
    struct sql_query q;

    sql_ask(&q, db, "SELECT " SESSION_COLUMNS " FROM send_session WHERE negotiation = ?");
    sql_put_bytes(&q, negotiation, NEG_ID_BYTES);
    return read_session(&q, s);
}

int out_session_is_worn(struct sql *db, const struct out_session *s, int64_t now_us)
{
    uint64_t oldest;

    if (s->next >= SESSION_INDEX_MAX || now_us - s->created > (int64_t)SESSION_AGE_MAX * 1000000)
        return 1;
    /* Also of what a crash passed over: the receiver has to step over that as well. */
    if (s->next > s->heard && s->next - s->heard >= SESSION_AHEAD_MAX - 1)
        return 1;
    return outbox_oldest(db, s, &oldest) != 0 || s->next - oldest >= SESSION_AHEAD_MAX - 1;
}

int out_session_retire(struct sql *db, const char *peer)
{
    struct sql_query q;

    sql_ask(&q, db,
            "UPDATE send_session SET current = 0, chain = zeroblob(length(chain))"
            " WHERE peer = ? AND current > 0");
    sql_put_text(&q, peer);
    return sql_do(&q);
}

/* Those that a new session takes the place of, and those that are too old to be used again. */
static int retire_profile(struct sql *db, const struct out_session *s)
{
    struct sql_query q;

    sql_ask(&q, db,
            "UPDATE send_session SET current = 0, chain = zeroblob(length(chain))"
            " WHERE current > 0 AND peer = ? AND (profile = ? OR created < ?)");
    sql_put_text(&q, s->peer);
    sql_put_i64(&q, s->profile);
    sql_put_i64(&q, s->created - (int64_t)SESSION_AGE_MAX * 1000000);
    return sql_do(&q);
}

static int set_aside(struct sql *db, const char *peer)
{
    struct sql_query q;

    sql_ask(&q, db, "UPDATE send_session SET current = 2 WHERE peer = ? AND current = 1");
    sql_put_text(&q, peer);
    return sql_do(&q);
}

int out_session_switch(struct sql *db, const char *peer, uint8_t profile)
{
    struct out_session s;
    struct sql_query q;
    int err = set_aside(db, peer);

    if (err != 0)
        return err;
    sql_ask(&q, db,
            "UPDATE send_session SET current = 1 WHERE peer = ? AND current = 2 AND profile = ?");
    sql_put_text(&q, peer);
    sql_put_i64(&q, profile);
    err = sql_do(&q);
    if (err == 0)
        err = out_session_current(db, peer, &s);
    sodium_memzero(&s.keys, sizeof(s.keys));
    return err;
}

int out_session_retire_this(struct sql *db, const uint8_t session[SESSION_ID_BYTES])
{
    struct sql_query q;

    sql_ask(&q, db,
            "UPDATE send_session SET current = 0, chain = zeroblob(length(chain))"
            " WHERE session = ? AND current > 0");
    sql_put_bytes(&q, session, SESSION_ID_BYTES);
    return sql_do(&q);
}

int out_session_put(struct sql *db, const struct out_session *s)
{
    struct sql_query q;
    int err = retire_profile(db, s);

    if (err == 0)
        err = set_aside(db, s->peer);
    if (err != 0)
        return err;
    sql_ask(&q, db,
            "INSERT INTO send_session (" SESSION_COLUMNS ", current)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)");
    sql_put_bytes(&q, s->keys.session, SESSION_ID_BYTES);
    sql_put_text(&q, s->peer);
    sql_put_bytes(&q, s->negotiation, NEG_ID_BYTES);
    sql_put_bytes(&q, s->keys.state.b, s->keys.state.len);
    sql_put_bytes(&q, s->keys.receipt, KEY_BYTES);
    sql_put_bytes(&q, s->keys.confirm, KEY_BYTES);
    sql_put_u64(&q, s->next);
    sql_put_u64(&q, s->heard);
    sql_put_i64(&q, s->profile);
    sql_put_i64(&q, s->suite);
    sql_put_bytes(&q, s->codecs.v, s->codecs.n);
    sql_put_i64(&q, s->created);
    return sql_do(&q);
}

int out_session_save(struct sql *db, const struct out_session *s)
{
    struct sql_query q;

    sql_ask(&q, db, "UPDATE send_session SET chain = ?, next = ?, heard = ? WHERE session = ?");
    sql_put_bytes(&q, s->keys.state.b, s->keys.state.len);
    sql_put_u64(&q, s->next);
    sql_put_u64(&q, s->heard);
    sql_put_bytes(&q, s->keys.session, SESSION_ID_BYTES);
    return sql_do(&q);
}

int out_session_sweep(struct sql *db)
{
    return sql_exec(db, "DELETE FROM send_session WHERE current = 0 AND NOT EXISTS"
                        " (SELECT 1 FROM outbox WHERE outbox.session = send_session.session)");
}

#define NEGOTIATION_COLUMNS                                                                        \
    "peer, request, negotiation, salt, sk, shk, profile, suite, codecs, handshake, body,"          \
    " created"

static int read_negotiation(struct sql_query *q, struct out_negotiation *n)
{
    int found, err;

    memset(n, 0, sizeof(*n));
    found = sql_row(q);
    if (found) {
        sql_get_text(q, n->peer, sizeof(n->peer));
        n->request = sql_get_u64(q);
        sql_get_fixed(q, n->negotiation, NEG_ID_BYTES);
        sql_get_fixed(q, n->salt, KEY_BYTES);
        get_key(q, &n->sk);
        get_key(q, &n->shk);
        n->choice.profile = (uint8_t)sql_get_i64(q);
        n->choice.suite = (uint8_t)sql_get_i64(q);
        read_list(q, &n->codecs);
        n->kept.len = sql_get_short(q, n->kept.b, sizeof(n->kept.b));
        n->body_len = sql_get_short(q, n->body, sizeof(n->body));
        n->created = sql_get_i64(q);
    }
    err = sql_end(q);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

int out_negotiation_get(struct sql *db, const char *peer, struct out_negotiation *n)
{
    struct sql_query q;

    sql_ask(&q, db, "SELECT " NEGOTIATION_COLUMNS " FROM send_negotiation WHERE peer = ?");
    sql_put_text(&q, peer);
    return read_negotiation(&q, n);
}

int out_negotiation_by_id(struct sql *db, const uint8_t negotiation[NEG_ID_BYTES],
                          struct out_negotiation *n)
{
    struct sql_query q;

    sql_ask(&q, db, "SELECT " NEGOTIATION_COLUMNS " FROM send_negotiation WHERE negotiation = ?");
    sql_put_bytes(&q, negotiation, NEG_ID_BYTES);
    return read_negotiation(&q, n);
}

int out_negotiation_put(struct sql *db, const struct out_negotiation *n)
{
    struct sql_query q;

    sql_ask(&q, db,
            "INSERT OR REPLACE INTO send_negotiation (" NEGOTIATION_COLUMNS ")"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    sql_put_text(&q, n->peer);
    sql_put_u64(&q, n->request);
    sql_put_bytes(&q, n->negotiation, NEG_ID_BYTES);
    sql_put_bytes(&q, n->salt, KEY_BYTES);
    sql_put_bytes(&q, n->sk.b, n->sk.len);
    sql_put_bytes(&q, n->shk.b, n->shk.len);
    sql_put_i64(&q, n->choice.profile);
    sql_put_i64(&q, n->choice.suite);
    sql_put_bytes(&q, n->codecs.v, n->codecs.n);
    sql_put_bytes(&q, n->kept.b, n->kept.len);
    sql_put_bytes(&q, n->body, n->body_len);
    sql_put_i64(&q, n->created);
    return sql_do(&q);
}

int out_negotiation_delete(struct sql *db, const char *peer)
{
    struct sql_query q;

    sql_ask(&q, db, "DELETE FROM send_negotiation WHERE peer = ?");
    sql_put_text(&q, peer);
    return sql_do(&q);
}
