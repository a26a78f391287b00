/* in_session.c - receiving sessions, answers, and what was seen of each session. */
#include "common/agent/inbox.h"

#include <string.h>

#include "common/err.h"

#define SESSION_COLUMNS                                                                            \
    "session, peer, enrolment, negotiation, chain, receipt, confirm, next, profile, suite, "       \
    "created, "                                                                                    \
    "used,"                                                                                        \
    " retired"

static int found_or(int found, int err)
{
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

int recv_session_get(struct sql *db, const uint8_t session[SESSION_ID_BYTES],
                     struct recv_session *s)
{
    struct sql_query q;
    int found;

    memset(s, 0, sizeof(*s));
    sql_ask(&q, db, "SELECT " SESSION_COLUMNS " FROM recv_session WHERE session = ?");
    sql_put_bytes(&q, session, SESSION_ID_BYTES);
    found = sql_row(&q);
    if (found) {
        sql_get_fixed(&q, s->keys.session, SESSION_ID_BYTES);
        sql_get_text(&q, s->peer, sizeof(s->peer));
        s->enrolment = sql_get_u64(&q);
        sql_get_fixed(&q, s->negotiation, NEG_ID_BYTES);
        s->keys.state.len = sql_get_short(&q, s->keys.state.b, sizeof(s->keys.state.b));
        sql_get_fixed(&q, s->keys.receipt, KEY_BYTES);
        sql_get_fixed(&q, s->keys.confirm, KEY_BYTES);
        s->next = sql_get_u64(&q);
        s->profile = (uint8_t)sql_get_i64(&q);
        s->suite = (uint8_t)sql_get_i64(&q);
        s->created = sql_get_i64(&q);
        s->used = sql_get_i64(&q);
        s->retired = sql_get_i64(&q);
    }
    return found_or(found, sql_end(&q));
}

int recv_session_is_made(struct sql *db, const uint8_t negotiation[NEG_ID_BYTES])
{
    struct sql_query q;
    int found;

    sql_ask(&q, db, "SELECT 1 FROM recv_session WHERE negotiation = ? LIMIT 1");
    sql_put_bytes(&q, negotiation, NEG_ID_BYTES);
    found = sql_row(&q);
    return found_or(found, sql_end(&q));
}

/* A peer that negotiates without end must not fill the disk. */
static int bound_provisional(struct sql *db, const char *peer)
{
#define TOO_MANY                                                                                   \
    "peer = ? AND used = 0 AND session NOT IN (SELECT session FROM recv_session"                   \
    " WHERE peer = ? AND used = 0 ORDER BY created DESC, rowid DESC LIMIT ?)"
    static const char *const texts[] = {
        "DELETE FROM recv_answer WHERE negotiation IN"
        " (SELECT negotiation FROM recv_session WHERE " TOO_MANY ")",
        "DELETE FROM recv_session WHERE " TOO_MANY,
    };
    struct sql_query q;
    int err = 0;

    for (size_t i = 0; err == 0 && i < sizeof(texts) / sizeof(texts[0]); i++) {
        sql_ask(&q, db, texts[i]);
        sql_put_text(&q, peer);
        sql_put_text(&q, peer);
        sql_put_i64(&q, PROVISIONAL_MAX);
        err = sql_do(&q);
    }
    return err;
#undef TOO_MANY
}

int recv_session_put(struct sql *db, const struct recv_session *s)
{
    struct sql_query q;
    int err;

    sql_ask(&q, db,
            "INSERT INTO recv_session (" SESSION_COLUMNS
            ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    sql_put_bytes(&q, s->keys.session, SESSION_ID_BYTES);
    sql_put_text(&q, s->peer);
    sql_put_u64(&q, s->enrolment);
    sql_put_bytes(&q, s->negotiation, NEG_ID_BYTES);
    sql_put_bytes(&q, s->keys.state.b, s->keys.state.len);
    sql_put_bytes(&q, s->keys.receipt, KEY_BYTES);
    sql_put_bytes(&q, s->keys.confirm, KEY_BYTES);
    sql_put_u64(&q, s->next);
    sql_put_i64(&q, s->profile);
    sql_put_i64(&q, s->suite);
    sql_put_i64(&q, s->created);
    sql_put_i64(&q, s->used);
    sql_put_i64(&q, s->retired);
    err = sql_do(&q);
    return err != 0 ? err : bound_provisional(db, s->peer);
}

int recv_session_save(struct sql *db, const struct recv_session *s)
{
    struct sql_query q;

    sql_ask(&q, db, "UPDATE recv_session SET chain = ?, next = ?, used = ? WHERE session = ?");
    sql_put_bytes(&q, s->keys.state.b, s->keys.state.len);
    sql_put_u64(&q, s->next);
    sql_put_i64(&q, s->used);
    sql_put_bytes(&q, s->keys.session, SESSION_ID_BYTES);
    return sql_do(&q);
}

int recv_session_retire_others(struct sql *db, const struct recv_session *s, int64_t now)
{
    struct sql_query q;

    sql_ask(&q, db,
            "UPDATE recv_session SET retired = ? WHERE peer = ? AND session <> ?"
            " AND retired = 0 AND created <= ?");
    sql_put_i64(&q, now);
    sql_put_text(&q, s->peer);
    sql_put_bytes(&q, s->keys.session, SESSION_ID_BYTES);
    sql_put_i64(&q, s->created);
    return sql_do(&q);
}

int recv_ungranted_delete(struct sql *db, const char *peer)
{
    struct sql_query q;

    sql_ask(&q, db, "DELETE FROM recv_ungranted WHERE peer = ?");
    sql_put_text(&q, peer);
    return sql_do(&q);
}

/* With the answer that led to it. */
static int forget_ungranted(struct sql *db, const char *peer)
{
    struct sql_query q;
    int err;

    sql_ask(&q, db,
            "DELETE FROM recv_answer WHERE negotiation IN"
            " (SELECT negotiation FROM recv_ungranted WHERE peer = ?)");
    sql_put_text(&q, peer);
    err = sql_do(&q);
    return err != 0 ? err : recv_ungranted_delete(db, peer);
}

int recv_session_delete_peer(struct sql *db, const char *peer)
{
    struct sql_query q;
    int err;

    sql_ask(&q, db,
            "DELETE FROM recv_answer WHERE negotiation IN"
            " (SELECT negotiation FROM recv_session WHERE peer = ?)");
    sql_put_text(&q, peer);
    err = sql_do(&q);
    if (err != 0)
        return err;
    sql_ask(&q, db, "DELETE FROM recv_session WHERE peer = ?");
    sql_put_text(&q, peer);
    err = sql_do(&q);
    return err != 0 ? err : forget_ungranted(db, peer);
}

int recv_session_delete(struct sql *db, const struct recv_session *s)
{
    struct sql_query q;
    int err;

    sql_ask(&q, db, "DELETE FROM recv_answer WHERE negotiation = ?");
    sql_put_bytes(&q, s->negotiation, NEG_ID_BYTES);
    err = sql_do(&q);
    if (err != 0)
        return err;
    sql_ask(&q, db, "DELETE FROM recv_session WHERE session = ?");
    sql_put_bytes(&q, s->keys.session, SESSION_ID_BYTES);
    return sql_do(&q);
}

int recv_answer_get(struct sql *db, const uint8_t negotiation[NEG_ID_BYTES], struct recv_answer *a)
{
    struct sql_query q;
    int found;

    memset(a, 0, sizeof(*a));
    sql_ask(&q, db,
            "SELECT negotiation, request, body, created FROM recv_answer WHERE negotiation = ?");
    sql_put_bytes(&q, negotiation, NEG_ID_BYTES);
    found = sql_row(&q);
    if (found) {
        sql_get_fixed(&q, a->negotiation, NEG_ID_BYTES);
        sql_get_fixed(&q, a->request, DIGEST_BYTES);
        a->len = sql_get_short(&q, a->body, sizeof(a->body));
        a->created = sql_get_i64(&q);
    }
    return found_or(found, sql_end(&q));
}

int recv_answer_put(struct sql *db, const struct recv_answer *a)
{
    struct sql_query q;

    sql_ask(&q, db,
            "INSERT INTO recv_answer (negotiation, request, body, created) VALUES (?, ?, ?, ?)");
    sql_put_bytes(&q, a->negotiation, NEG_ID_BYTES);
    sql_put_bytes(&q, a->request, DIGEST_BYTES);
    sql_put_bytes(&q, a->body, a->len);
    sql_put_i64(&q, a->created);
    return sql_do(&q);
}

int recv_ungranted_get(struct sql *db, const uint8_t negotiation[NEG_ID_BYTES],
                       struct recv_ungranted *u)
{
    struct sql_query q;
    int found;

    memset(u, 0, sizeof(*u));
    sql_ask(&q, db,
            "SELECT peer, negotiation, enrolment, profile, suite, kept, created"
            " FROM recv_ungranted WHERE negotiation = ?");
    sql_put_bytes(&q, negotiation, NEG_ID_BYTES);
    found = sql_row(&q);
    if (found) {
        sql_get_text(&q, u->peer, sizeof(u->peer));
        sql_get_fixed(&q, u->negotiation, NEG_ID_BYTES);
        u->enrolment = sql_get_u64(&q);
        u->profile = (uint8_t)sql_get_i64(&q);
        u->suite = (uint8_t)sql_get_i64(&q);
        u->kept.len = sql_get_short(&q, u->kept.b, sizeof(u->kept.b));
        u->created = sql_get_i64(&q);
    }
    return found_or(found, sql_end(&q));
}

int recv_ungranted_put(struct sql *db, const struct recv_ungranted *u)
{
    struct sql_query q;
    int err = forget_ungranted(db, u->peer);

    if (err != 0)
        return err;
    sql_ask(&q, db,
            "INSERT INTO recv_ungranted (peer, negotiation, enrolment, profile, suite, kept,"
            " created) VALUES (?, ?, ?, ?, ?, ?, ?)");
    sql_put_text(&q, u->peer);
    sql_put_bytes(&q, u->negotiation, NEG_ID_BYTES);
    sql_put_u64(&q, u->enrolment);
    sql_put_i64(&q, u->profile);
    sql_put_i64(&q, u->suite);
    sql_put_bytes(&q, u->kept.b, u->kept.len);
    sql_put_i64(&q, u->created);
    return sql_do(&q);
}

/* The short bytes that a table keyed by (session, idx) holds. */
static int get_indexed(struct sql *db, const char *text, const uint8_t *session, uint64_t index,
                       struct keybuf *out)
{
    struct sql_query q;
    int found;

    keybuf_wipe(out);
    sql_ask(&q, db, text);
    sql_put_bytes(&q, session, SESSION_ID_BYTES);
    sql_put_u64(&q, index);
    found = sql_row(&q);
    if (found)
        out->len = sql_get_short(&q, out->b, sizeof(out->b));
    return found_or(found, sql_end(&q));
}

static int put_indexed(struct sql *db, const char *text, const uint8_t *session, uint64_t index,
                       const struct blob *in)
{
    struct sql_query q;

    sql_ask(&q, db, text);
    sql_put_bytes(&q, session, SESSION_ID_BYTES);
    sql_put_u64(&q, index);
    sql_put_bytes(&q, in->p, in->len);
    return sql_do(&q);
}

static int delete_index(struct sql *db, const char *text, const uint8_t *session, uint64_t index)
{
    struct sql_query q;

    sql_ask(&q, db, text);
    sql_put_bytes(&q, session, SESSION_ID_BYTES);
    sql_put_u64(&q, index);
    return sql_do(&q);
}

int recv_skipped_get(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
                     struct keybuf *key)
{
    return get_indexed(db, "SELECT seed FROM recv_skipped WHERE session = ? AND idx = ?", session,
                       index, key);
}

int recv_skipped_put(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
                     const struct keybuf *key)
{
    struct blob b = keybuf_blob(key);

    return put_indexed(db, "INSERT INTO recv_skipped (session, idx, seed) VALUES (?, ?, ?)",
                       session, index, &b);
}

int recv_skipped_delete(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index)
{
    return delete_index(db, "DELETE FROM recv_skipped WHERE session = ? AND idx = ?", session,
                        index);
}

int recv_seen_get(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
                  uint8_t digest[DIGEST_BYTES])
{
    struct keybuf got;
    int err = get_indexed(db, "SELECT digest FROM recv_seen WHERE session = ? AND idx = ?", session,
                          index, &got);

    memcpy(digest, got.b, DIGEST_BYTES);
    return err == 0 && got.len != DIGEST_BYTES ? ERR_MALFORMED : err;
}

int recv_seen_put(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
                  const uint8_t digest[DIGEST_BYTES])
{
    return put_indexed(db, "INSERT INTO recv_seen (session, idx, digest) VALUES (?, ?, ?)", session,
                       index, &(struct blob){digest, DIGEST_BYTES});
}

int recv_window(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t oldest)
{
    int err =
        delete_index(db, "DELETE FROM recv_skipped WHERE session = ? AND idx < ?", session, oldest);

    return err != 0 ? err
                    : delete_index(db, "DELETE FROM recv_seen WHERE session = ? AND idx < ?",
                                   session, oldest);
}

int recv_last_get(struct sql *db, const struct recv_session *s, uint64_t *seq)
{
    struct sql_query q;

    *seq = 0;
    sql_ask(&q, db, "SELECT seq FROM recv_last WHERE peer = ? AND enrolment = ?");
    sql_put_text(&q, s->peer);
    sql_put_u64(&q, s->enrolment);
    if (sql_row(&q))
        *seq = sql_get_u64(&q);
    return sql_end(&q);
}

int recv_last_set(struct sql *db, const struct recv_session *s, uint64_t seq)
{
    struct sql_query q;

    sql_ask(&q, db, "INSERT OR REPLACE INTO recv_last (peer, enrolment, seq) VALUES (?, ?, ?)");
    sql_put_text(&q, s->peer);
    sql_put_u64(&q, s->enrolment);
    sql_put_u64(&q, seq);
    return sql_do(&q);
}
