/* store_tokens.c - one-time tokens: issued, reserved to a key for a minute, used by an enrolment.
 */
#include <string.h>

#include <sodium.h>

#include "cloudd/store_sqlite.h"
#include "common/err.h"

struct token {
    int found;
    char id[ID_MAX + 1];
    int64_t expires, held_until;
    uint8_t held_by[KEY_BYTES];
    size_t held_len; /* 0: was never held */
    uint64_t used_by;
};

int store_living(struct backend *b, const char *id, uint64_t *enrolment)
{
    struct sql_query q;

    *enrolment = 0;
    sql_ask(&q, b->db, "SELECT enrolment FROM devices WHERE id = ? AND revocation IS NULL");
    sql_put_text(&q, id);
    if (sql_row(&q))
        *enrolment = sql_get_u64(&q);
    return sql_end(&q);
}

int store_count_up(struct backend *b, const char *name, uint64_t *value)
{
    struct sql_query q;

    *value = 0;
    sql_ask(&q, b->db,
            "INSERT INTO counters (name, value) VALUES (?, 1)"
            " ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value");
    sql_put_text(&q, name);
    if (sql_row(&q))
        *value = sql_get_u64(&q);
    return sql_do(&q);
}

int store_invite(struct backend *b, struct store_op *op)
{
    uint64_t taken;
    struct sql_query q;
    int err = store_living(b, op->u.invite.id, &taken);

    if (err)
        return err;
    if (taken != 0)
        return store_answer(op, STORE_CONFLICT, REASON_ID_TAKEN);
    sql_ask(&q, b->db,
            "INSERT INTO tokens (hash, id, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
    sql_put_bytes(&q, op->u.invite.token_hash, DIGEST_BYTES);
    sql_put_text(&q, op->u.invite.id);
    sql_put_i64(&q, op->u.invite.expires);
    err = sql_do(&q);
    if (!err && sql_changes(b->db) == 0)
        store_answer(op, STORE_ALREADY, REASON_NONE);
    return err;
}

static int token_find(struct backend *b, const uint8_t hash[DIGEST_BYTES], struct token *t)
{
    struct sql_query q;

    memset(t, 0, sizeof(*t));
    sql_ask(&q, b->db,
            "SELECT id, expires, held_by, held_until, used_by FROM tokens WHERE hash = ?");
    sql_put_bytes(&q, hash, DIGEST_BYTES);
    if (sql_row(&q)) {
        t->found = 1;
        sql_get_text(&q, t->id, sizeof(t->id));
        t->expires = sql_get_i64(&q);
        t->held_len = sql_get_short(&q, t->held_by, sizeof(t->held_by));
        t->held_until = sql_get_i64(&q);
        t->used_by = sql_get_u64(&q);
    }
    return sql_end(&q);
}

/* A used token: ALREADY to the device that it enrolled and that still lives. */
static int answer_used(struct backend *b, struct store_op *op, const struct token *t,
                       const uint8_t key[KEY_BYTES])
{
    struct sql_query q;

    store_answer(op, STORE_CONFLICT, REASON_TOKEN_USED);
    sql_ask(&q, b->db,
            "SELECT 1 FROM devices WHERE enrolment = ? AND pubkey = ? AND revocation IS NULL");
    sql_put_u64(&q, t->used_by);
    sql_put_bytes(&q, key, KEY_BYTES);
    if (sql_row(&q))
        store_answer(op, STORE_ALREADY, REASON_NONE);
    return sql_end(&q);
}

int store_token_check(struct backend *b, struct store_op *op, const struct store_claim *c,
                      uint64_t *used_by)
{
    struct token t;
    int err = token_find(b, c->token_hash, &t);

    if (err)
        return err;
    *used_by = t.used_by;
    if (!t.found || strcmp(t.id, c->id) != 0)
        return store_answer(op, STORE_NOTFOUND, REASON_TOKEN_WRONG);
    if (t.used_by != 0)
        return answer_used(b, op, &t, c->key);
    if (t.expires <= op->now)
        return store_answer(op, STORE_CONFLICT, REASON_TOKEN_EXPIRED);
    if (t.held_len != 0 && t.held_until > op->now &&
        sodium_memcmp(t.held_by, c->key, KEY_BYTES) != 0)
        return store_answer(op, STORE_CONFLICT, REASON_TOKEN_HELD);
    return store_answer(op, STORE_OK, REASON_NONE);
}

int store_token_reserve(struct backend *b, struct store_op *op)
{
    const struct store_claim claim = {op->u.token.id, op->u.token.token_hash, op->u.token.key};
    struct sql_query q;
    uint64_t used_by;
    int err = store_token_check(b, op, &claim, &used_by);

    if (err || op->result != STORE_OK)
        return err;
    sql_ask(&q, b->db, "UPDATE tokens SET held_by = ?, held_until = ? WHERE hash = ?");
    sql_put_bytes(&q, op->u.token.key, KEY_BYTES);
    sql_put_i64(&q, op->now + ENROL_READY_S);
    sql_put_bytes(&q, op->u.token.token_hash, DIGEST_BYTES);
    return sql_do(&q);
}

int store_token_use(struct backend *b, const uint8_t hash[DIGEST_BYTES], uint64_t enrolment)
{
    struct sql_query q;

    sql_ask(&q, b->db, "UPDATE tokens SET used_by = ? WHERE hash = ?");
    sql_put_u64(&q, enrolment);
    sql_put_bytes(&q, hash, DIGEST_BYTES);
    return sql_do(&q);
}
