/* store_states.c - the copies of sessions: put with step 4 of a negotiation, turned by packages. */
#include <stdlib.h>

#include "cloudd/store_sqlite.h"
#include "common/err.h"

#define STATES_MAX 64 /* of one sender and one receiver; those used longest ago go */

static int forget_oldest(struct backend *b, const struct store_neg *n,
                         const uint8_t session[SESSION_ID_BYTES])
{
    struct sql_query q;

    sql_ask(&q, b->db,
            "DELETE FROM states WHERE sender = ?1 AND receiver = ?2 AND session IN"
            " (SELECT session FROM states WHERE sender = ?1 AND receiver = ?2 AND session <> ?3"
            " ORDER BY used_at DESC LIMIT -1 OFFSET ?4)");
    sql_put_text(&q, n->from);
    sql_put_text(&q, n->to);
    sql_put_bytes(&q, session, SESSION_ID_BYTES);
    sql_put_u64(&q, STATES_MAX - 1);
    return sql_do(&q);
}

int store_state_put(struct backend *b, const struct store_op *op)
{
    const struct store_neg *n = &op->u.neg.neg;
    struct sql_query q;
    int err;

    if (n->state_sealed.p == NULL)
        return 0;
    sql_ask(&q, b->db,
            "INSERT OR IGNORE INTO states (session, sender, receiver, next, used_at, sealed)"
            " VALUES (?, ?, ?, 0, ?, ?)");
    sql_put_bytes(&q, n->session, SESSION_ID_BYTES);
    sql_put_text(&q, n->from);
    sql_put_text(&q, n->to);
    sql_put_i64(&q, op->now);
    sql_put_bytes(&q, n->state_sealed.p, n->state_sealed.len);
    err = sql_do(&q);
    return err ? err : forget_oldest(b, n, n->session);
}

static void put_name(struct sql_query *q, const struct store_package *p)
{
    sql_put_bytes(q, p->session, SESSION_ID_BYTES);
    sql_put_text(q, p->from);
    sql_put_text(q, p->to);
}

static int save(struct backend *b, const struct store_op *op, const struct store_bytes *next)
{
    const struct store_package *p = &op->u.enqueue.package;
    struct sql_query q;

    sql_ask(&q, b->db,
            "UPDATE states SET sealed = ?, next = ?, used_at = ?"
            " WHERE session = ? AND sender = ? AND receiver = ?");
    sql_put_bytes(&q, next->p, next->len);
    sql_put_u64(&q, p->index + 1);
    sql_put_i64(&q, op->now);
    put_name(&q, p);
    return sql_do(&q);
}

int store_state_turn(struct backend *b, const struct store_op *op)
{
    const struct store_package *p = &op->u.enqueue.package;
    struct store_bytes was = {NULL, 0}, next = {NULL, 0};
    struct sql_query q;
    int found, err;

    if (op->u.enqueue.turn == NULL)
        return 0;
    sql_ask(&q, b->db,
            "SELECT sealed FROM states WHERE session = ? AND sender = ? AND receiver = ?"
            " AND next <= ?");
    put_name(&q, p);
    sql_put_u64(&q, p->index);
    found = sql_row(&q);
    if (found)
        sql_get_bytes(&q, &was.p, &was.len, STORED_MAX);
    err = sql_end(&q);
    if (!err && found && op->u.enqueue.turn(op, &was, &next) == 0)
        err = save(b, op, &next);
    free(was.p);
    free(next.p);
    return err;
}

int store_state_forget(struct backend *b, const char *id)
{
    struct sql_query q;

    sql_ask(&q, b->db, "DELETE FROM states WHERE sender = ?1 OR receiver = ?1");
    sql_put_text(&q, id);
    return sql_do(&q);
}
