/* store_negotiations.c - pairs, and negotiations on their way through their states. */
#include <stdlib.h>
#include <string.h>

#include "cloudd/store_sqlite.h"
#include "common/err.h"

#define NEG_COLUMNS  "id, request, sender, receiver, state, sealed"
#define NEG_LIST_MAX 256

static int get_pair(struct backend *b, uint64_t a, uint64_t z, struct store_bytes *sealed,
                    int *found)
{
    struct sql_query q;

    sealed->p = NULL;
    sealed->len = 0;
    sql_ask(&q, b->db, "SELECT sealed FROM pairs WHERE enrolment_a = ? AND enrolment_b = ?");
    sql_put_u64(&q, a);
    sql_put_u64(&q, z);
    *found = sql_row(&q);
    if (*found)
        sql_get_bytes(&q, &sealed->p, &sealed->len, STORED_MAX);
    return sql_end(&q);
}

static int get_record(struct backend *b, uint64_t enrolment, struct store_bytes *sealed)
{
    struct sql_query q;

    sealed->p = NULL;
    sealed->len = 0;
    sql_ask(&q, b->db, "SELECT sealed FROM records WHERE enrolment = ?");
    sql_put_u64(&q, enrolment);
    if (sql_row(&q))
        sql_get_bytes(&q, &sealed->p, &sealed->len, STORED_MAX);
    return sql_end(&q);
}

int store_pair_get(struct backend *b, struct store_op *op)
{
    uint64_t a, z;
    int found, err;

    memset(&op->u.pair.sealed, 0, sizeof(op->u.pair.sealed));
    memset(&op->u.pair.rec_a, 0, sizeof(op->u.pair.rec_a));
    memset(&op->u.pair.rec_b, 0, sizeof(op->u.pair.rec_b));
    err = store_living(b, op->u.pair.a, &a);
    if (!err)
        err = store_living(b, op->u.pair.b, &z);
    if (err)
        return err;
    if (a == 0 || z == 0 || strcmp(op->u.pair.a, op->u.pair.b) >= 0)
        return store_answer(op, STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    op->u.pair.enrolment_a = a;
    op->u.pair.enrolment_b = z;
    err = get_pair(b, a, z, &op->u.pair.sealed, &found);
    if (err || (found && !op->u.pair.records))
        return err;
    if (!found)
        store_answer(op, STORE_NOTFOUND, REASON_NONE);
    err = get_record(b, a, &op->u.pair.rec_a);
    return err ? err : get_record(b, z, &op->u.pair.rec_b);
}

int store_pair_put(struct backend *b, struct store_op *op)
{
    struct store_bytes first;
    uint64_t a, z;
    struct sql_query q;
    int found, err = store_living(b, op->u.pair.a, &a);

    if (!err)
        err = store_living(b, op->u.pair.b, &z);
    if (err)
        return err;
    /* A device that enrolled anew in between has other secrets: this pair was never theirs. */
    if (a == 0 || z == 0 || a != op->u.pair.enrolment_a || z != op->u.pair.enrolment_b)
        return store_answer(op, STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    err = get_pair(b, a, z, &first, &found);
    if (err)
        return err;
    if (found) {
        op->u.pair.sealed = first;
        return store_answer(op, STORE_ALREADY, REASON_NONE);
    }
    sql_ask(&q, b->db, "INSERT INTO pairs (enrolment_a, enrolment_b, sealed) VALUES (?, ?, ?)");
    sql_put_u64(&q, a);
    sql_put_u64(&q, z);
    sql_put_bytes(&q, op->u.pair.sealed.p, op->u.pair.sealed.len);
    return sql_do(&q);
}

static void get_neg(struct sql_query *q, struct store_neg *n)
{
    memset(n, 0, sizeof(*n));
    sql_get_fixed(q, n->id, NEG_ID_BYTES);
    n->request = sql_get_u64(q);
    sql_get_text(q, n->from, sizeof(n->from));
    sql_get_text(q, n->to, sizeof(n->to));
    n->state = (enum neg_state)sql_get_i64(q);
    sql_get_bytes(q, &n->sealed.p, &n->sealed.len, STORED_MAX);
}

static int find_by_id(struct backend *b, const uint8_t id[NEG_ID_BYTES], struct store_neg *n,
                      int *found)
{
    struct sql_query q;

    sql_ask(&q, b->db, "SELECT " NEG_COLUMNS " FROM negotiations WHERE id = ?");
    sql_put_bytes(&q, id, NEG_ID_BYTES);
    *found = sql_row(&q);
    if (*found)
        get_neg(&q, n);
    return sql_end(&q);
}

static int find_by_pair(struct backend *b, const char *from, const char *to, struct store_neg *n,
                        int *found)
{
    struct sql_query q;

    sql_ask(&q, b->db,
            "SELECT " NEG_COLUMNS " FROM negotiations WHERE sender = ? AND receiver = ?");
    sql_put_text(&q, from);
    sql_put_text(&q, to);
    *found = sql_row(&q);
    if (*found)
        get_neg(&q, n);
    return sql_end(&q);
}

static int insert_neg(struct backend *b, struct store_op *op)
{
    const struct store_neg *n = &op->u.neg.neg;
    uint64_t number;
    struct sql_query q;
    int err;

    sql_ask(&q, b->db, "DELETE FROM negotiations WHERE sender = ? AND receiver = ?");
    sql_put_text(&q, n->from);
    sql_put_text(&q, n->to);
    err = sql_do(&q);
    if (err)
        return err;
    op->u.neg.replaced = sql_changes(b->db) > 0;
    err = store_count_up(b, "negotiation", &number);
    if (err)
        return err;
    sql_ask(&q, b->db,
            "INSERT INTO negotiations (id, number, request, sender, receiver, state, changed_at,"
            " sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    sql_put_bytes(&q, n->id, NEG_ID_BYTES);
    sql_put_u64(&q, number);
    sql_put_u64(&q, n->request);
    sql_put_text(&q, n->from);
    sql_put_text(&q, n->to);
    sql_put_i64(&q, NEG_OPENED);
    sql_put_i64(&q, op->now);
    sql_put_bytes(&q, n->sealed.p, n->sealed.len);
    return sql_do(&q);
}

static int advance_neg(struct backend *b, struct store_op *op, const struct store_neg *now)
{
    const struct store_neg *n = &op->u.neg.neg;
    struct sql_query q;
    int err;

    if (strcmp(n->from, now->from) != 0 || strcmp(n->to, now->to) != 0)
        return store_answer(op, STORE_CONFLICT, REASON_STALE);
    if (n->state == now->state)
        return store_answer(op, STORE_ALREADY, REASON_NONE);
    if ((int)n->state != (int)now->state + 1)
        return store_answer(op, STORE_CONFLICT, REASON_STALE);
    sql_ask(&q, b->db,
            "UPDATE negotiations SET state = ?, changed_at = ?, sealed = ? WHERE id = ?");
    sql_put_i64(&q, n->state);
    sql_put_i64(&q, op->now);
    sql_put_bytes(&q, n->sealed.p, n->sealed.len);
    sql_put_bytes(&q, n->id, NEG_ID_BYTES);
    err = sql_do(&q);
    return err ? err : store_state_put(b, op);
}

int store_neg_put(struct backend *b, struct store_op *op)
{
    const struct store_neg *n = &op->u.neg.neg;
    struct store_neg now = {.sealed = {NULL, 0}};
    uint64_t from, to;
    int found, err = store_living(b, n->from, &from);

    op->u.neg.replaced = 0;
    if (!err)
        err = store_living(b, n->to, &to);
    if (err)
        return err;
    if (from == 0 || to == 0)
        return store_answer(op, STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    err = find_by_id(b, n->id, &now, &found);
    if (!err && found)
        err = advance_neg(b, op, &now);
    else if (!err && n->state != NEG_OPENED)
        store_answer(op, STORE_CONFLICT, REASON_STALE);
    else if (!err)
        err = insert_neg(b, op);
    free(now.sealed.p);
    return err;
}

int store_neg_get(struct backend *b, struct store_op *op)
{
    static const uint8_t none[NEG_ID_BYTES];
    const struct store_neg *in = &op->u.neg.neg;
    struct store_neg n = {.sealed = {NULL, 0}};
    int found, err;

    if (memcmp(in->id, none, NEG_ID_BYTES) != 0)
        err = find_by_id(b, in->id, &n, &found);
    else
        err = find_by_pair(b, in->from, in->to, &n, &found);
    if (err) {
        free(n.sealed.p);
        return err;
    }
    if (!found)
        return store_answer(op, STORE_NOTFOUND, REASON_STALE);
    op->u.neg.neg = n;
    return 0;
}

int store_neg_list(struct backend *b, struct store_op *op)
{
    int sends = op->u.negs.role == ROLE_SEND;
    struct store_neg *v = calloc(NEG_LIST_MAX, sizeof(*v));
    struct sql_query q;

    op->u.negs.v = v;
    op->u.negs.n = 0;
    if (v == NULL)
        return ERR_NOMEM;
    sql_ask(&q, b->db,
            sends ? "SELECT " NEG_COLUMNS " FROM negotiations WHERE sender = ?"
                    " AND state IN (1, 3, 4) ORDER BY number LIMIT 256"
                  : "SELECT " NEG_COLUMNS " FROM negotiations WHERE receiver = ?"
                    " AND state IN (1, 2, 3) ORDER BY number LIMIT 256");
    sql_put_text(&q, op->u.negs.id);
    while (op->u.negs.n < NEG_LIST_MAX && sql_row(&q))
        get_neg(&q, &v[op->u.negs.n++]);
    return sql_end(&q);
}

int store_neg_delete(struct backend *b, struct store_op *op)
{
    struct sql_query q;
    int err;

    sql_ask(&q, b->db, "DELETE FROM negotiations WHERE id = ?");
    sql_put_bytes(&q, op->u.neg.neg.id, NEG_ID_BYTES);
    err = sql_do(&q);
    if (!err && sql_changes(b->db) == 0)
        store_answer(op, STORE_ALREADY, REASON_NONE);
    return err;
}
