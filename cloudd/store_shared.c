/*
 * store_shared.c - what the packages to the members of a set have in common: stored once, for as
 * long as a package names it that waits or is kept.
 *
 * A mailbox and a sender's part of it count every package in full, since that is what a receiver
 * will get; the store as a whole counts a common part once, since that is what lies on the disk.
 */
#include <stdlib.h>

#include "cloudd/store_sqlite.h"
#include "common/err.h"

size_t store_package_bytes(const struct store_op *op)
{
    const struct store_common *common = op->u.enqueue.common;

    /* As PACKAGE_SHARED: two blobs with their lengths. */
    return op->u.enqueue.package.body.len + (common != NULL ? 4 + 4 + common->len : 0);
}

static int insert_common(struct backend *b, const struct store_op *op, uint64_t *number)
{
    const struct store_common *common = op->u.enqueue.common;
    struct sql_query q;
    int err;

    sql_ask(&q, b->db, "INSERT INTO commons (sender, digest, bytes, body) VALUES (?, ?, ?, ?)");
    sql_put_text(&q, op->u.enqueue.package.from);
    sql_put_bytes(&q, common->digest, DIGEST_BYTES);
    sql_put_u64(&q, common->len);
    sql_put_bytes(&q, common->p, common->len);
    err = sql_do(&q);
    if (!err)
        *number = sql_last_row(b->db);
    return err;
}

/* Who sends it again may do so because what lies here is damaged: then it is so no more. Once for
 * an upload, not for each member. */
static int mend_common(struct backend *b, const struct store_op *op, uint64_t number)
{
    const struct store_common *common = op->u.enqueue.common;
    struct sql_query q;

    if (!op->u.enqueue.carries_common)
        return 0;
    sql_ask(&q, b->db, "UPDATE commons SET body = ?1 WHERE number = ?2 AND body <> ?1");
    sql_put_bytes(&q, common->p, common->len);
    sql_put_u64(&q, number);
    return sql_do(&q);
}

/* Does a package that waits name it? */
static int is_waiting(struct backend *b, uint64_t number, int *yes)
{
    struct sql_query q;

    sql_ask(&q, b->db, "SELECT 1 FROM packages WHERE common = ? AND common <> 0 LIMIT 1");
    sql_put_u64(&q, number);
    *yes = sql_row(&q);
    return sql_end(&q);
}

int store_shared_take(struct backend *b, const struct store_op *op, uint64_t *number)
{
    const struct store_common *common = op->u.enqueue.common;
    struct sql_query q;
    int is_counted = 0, err;

    *number = 0;
    if (common == NULL)
        return 0;
    sql_ask(&q, b->db, "SELECT number FROM commons WHERE sender = ? AND digest = ?");
    sql_put_text(&q, op->u.enqueue.package.from);
    sql_put_bytes(&q, common->digest, DIGEST_BYTES);
    if (sql_row(&q))
        *number = sql_get_u64(&q);
    err = sql_end(&q);
    if (!err && *number == 0)
        return insert_common(b, op, number);
    if (!err)
        err = mend_common(b, op, *number);
    if (!err)
        err = is_waiting(b, *number, &is_counted);
    return err || !is_counted ? err : store_held_common(b, (int64_t)common->len);
}

int store_shared_drop(struct backend *b, uint64_t number)
{
    struct sql_query q;

    sql_ask(&q, b->db,
            "DELETE FROM commons WHERE number = ?1"
            " AND NOT EXISTS (SELECT 1 FROM packages WHERE common = ?1 AND common <> 0)"
            " AND NOT EXISTS (SELECT 1 FROM kept WHERE common = ?1 AND common <> 0)");
    sql_put_u64(&q, number);
    return sql_do(&q);
}

int store_shared_sweep(struct backend *b)
{
    return sql_exec(b->db,
                    "DELETE FROM commons WHERE NOT EXISTS"
                    " (SELECT 1 FROM packages WHERE common = commons.number AND common <> 0)"
                    " AND NOT EXISTS"
                    " (SELECT 1 FROM kept WHERE common = commons.number AND common <> 0)");
}

int store_shared_give(struct backend *b, uint64_t number)
{
    struct sql_query q;
    int64_t bytes = 0;
    int is_counted, err = is_waiting(b, number, &is_counted);

    if (err || !is_counted)
        return err ? err : store_shared_drop(b, number);
    sql_ask(&q, b->db, "SELECT bytes FROM commons WHERE number = ?");
    sql_put_u64(&q, number);
    if (sql_row(&q))
        bytes = sql_get_i64(&q);
    err = sql_end(&q);
    return err ? err : store_held_common(b, -bytes);
}

/* Make a package that is a member's part whole. */
static int join(struct store_package *p, const struct store_bytes *common)
{
    size_t cap = p->body.len + 4 + 4 + common->len;
    struct msg m = {.type = MSG_PACKAGE_SHARED};
    uint8_t *whole = malloc(cap);
    struct wbuf w;

    if (whole == NULL)
        return ERR_NOMEM;
    m.u.package_shared.member = (struct blob){p->body.p, p->body.len};
    m.u.package_shared.common = (struct blob){common->p, common->len};
    wbuf_init(&w, whole, cap);
    msg_encode(&m, &w);
    free(p->body.p);
    p->body = (struct store_bytes){whole, w.len};
    p->is_shared = 1;
    return wbuf_err(&w) != 0 ? ERR_FORMAT : 0;
}

void store_get_body(struct sql_query *q, struct store_package *p)
{
    struct store_bytes common;

    sql_get_bytes(q, &p->body.p, &p->body.len, STORED_MAX);
    if (sql_get_u64(q) == 0)
        return;
    sql_get_bytes(q, &common.p, &common.len, STORED_MAX);
    if (q->err == 0)
        q->err = join(p, &common);
    free(common.p);
}
