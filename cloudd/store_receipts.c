/*
 * store_receipts.c - how packages leave: receipted by their receiver, expired by time, expired
 * because the receiver was revoked. Each way leaves a receipt until the sender has seen it. Rows
 * are deleted before receipts are written, so that on a full disk the one makes room for the other.
 */
#include <stdlib.h>
#include <string.h>

#include "cloudd/store_sqlite.h"
#include "common/err.h"

#define REVOKE_CHUNK 1024 /* packages read at a time */

/* One package that goes, and the receipt in its place. */
struct gone {
    uint64_t row, bytes, common;
    struct store_receipt receipt;
};

static void put_name(struct sql_query *q, const struct store_receipt *r)
{
    sql_put_bytes(q, r->session, SESSION_ID_BYTES);
    sql_put_u64(q, r->index);
    sql_put_text(q, r->sender);
    sql_put_text(q, r->receiver);
}

static int insert_receipt(struct backend *b, const struct store_receipt *r, int64_t now)
{
    struct sql_query q;

    sql_ask(&q, b->db,
            "INSERT INTO receipts (session, idx, sender, receiver, direction, status, digest, mac,"
            " kept_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    put_name(&q, r);
    sql_put_i64(&q, r->direction);
    sql_put_i64(&q, r->status);
    sql_put_bytes(&q, r->digest, DIGEST_BYTES);
    sql_put_bytes(&q, r->mac, MAC_BYTES);
    sql_put_i64(&q, now);
    return sql_do(&q);
}

/*
 * Keep r in the place of an older receipt of its name, unless that says VERIFIED and r does not: a
 * second copy that was refused or expired does not undo the first. The new one gets a new number,
 * so that a sender that lists from a cursor sees it. A revoked sender gets none.
 */
static int keep_receipt(struct backend *b, const struct store_receipt *r, int64_t now)
{
    uint64_t sender, number = 0;
    int64_t status = 0;
    struct sql_query q;
    int err = store_living(b, r->sender, &sender);

    if (err || sender == 0)
        return err;
    sql_ask(&q, b->db,
            "SELECT number, status FROM receipts"
            " WHERE session = ? AND idx = ? AND sender = ? AND receiver = ?");
    put_name(&q, r);
    if (sql_row(&q)) {
        number = sql_get_u64(&q);
        status = sql_get_i64(&q);
    }
    err = sql_end(&q);
    if (err || (status == RECEIPT_VERIFIED && r->status != RECEIPT_VERIFIED))
        return err;
    if (number != 0) {
        sql_ask(&q, b->db, "DELETE FROM receipts WHERE number = ?");
        sql_put_u64(&q, number);
        err = sql_do(&q);
    } else {
        err = store_held_receipt(b, r);
    }
    return err ? err : insert_receipt(b, r, now);
}

static int delete_package(struct backend *b, const struct gone *g)
{
    struct sql_query q;
    int err;

    sql_ask(&q, b->db, "DELETE FROM packages WHERE number = ?");
    sql_put_u64(&q, g->row);
    err = sql_do(&q);
    if (!err)
        err = store_held_give(b, g->receipt.receiver, g->receipt.sender, g->bytes);
    return err || g->common == 0 ? err : store_shared_give(b, g->common);
}

/* Delete the row, if it holds the package that the receipt names. */
static int delete_receipted(struct backend *b, struct store_op *op)
{
    const struct store_receipt *r = &op->u.receipt.receipt;
    struct gone g = {.row = op->u.receipt.row, .receipt = *r};
    struct sql_query q;
    int found, err;

    sql_ask(&q, b->db,
            "SELECT bytes, common FROM packages WHERE number = ?"
            " AND session = ? AND idx = ? AND sender = ? AND receiver = ?");
    sql_put_u64(&q, op->u.receipt.row);
    put_name(&q, r);
    found = sql_row(&q);
    if (found) {
        g.bytes = sql_get_u64(&q);
        g.common = sql_get_u64(&q);
    }
    err = sql_end(&q);
    if (err)
        return err;
    if (!found)
        return store_answer(op, STORE_NOTFOUND, REASON_NONE);
    if (op->u.receipt.keep && r->status == RECEIPT_VERIFIED)
        err = store_kept_add(b, g.row, g.bytes, op->now);
    return err ? err : delete_package(b, &g);
}

static int raise_elided(struct backend *b, const struct store_receipt *r, int64_t now)
{
    struct store_stream stream = {.next = r->index + 1};

    memcpy(stream.from, r->sender, sizeof(stream.from));
    memcpy(stream.to, r->receiver, sizeof(stream.to));
    memcpy(stream.session, r->session, SESSION_ID_BYTES);
    return store_stream_raise(b, &stream, now);
}

int store_receipt_unwritten(struct backend *b, const struct store_receipt *r, int64_t now)
{
    int err = raise_elided(b, r, now);

    return err ? err : keep_receipt(b, r, now);
}

int store_receipt(struct backend *b, struct store_op *op)
{
    const struct store_receipt *r = &op->u.receipt.receipt;
    int unacked, err;

    if (r->index >= STORE_INDEX_MAX)
        return store_answer(op, STORE_CONFLICT, REASON_INDEX);
    if (op->u.receipt.row == 0) {
        err = store_held_unacked(b, r->receiver, r->sender, &unacked);
        if (!err && unacked)
            return store_answer(op, STORE_NOTFOUND, REASON_UNACKED);
        return err ? err : store_receipt_unwritten(b, r, op->now);
    }
    err = delete_receipted(b, op);
    if (err || op->result != STORE_OK)
        return err;
    return keep_receipt(b, r, op->now);
}

int store_receipt_list(struct backend *b, struct store_op *op)
{
    struct store_receipt *v = NULL, *more;
    struct sql_query q;
    size_t n = 0;

    sql_ask(&q, b->db,
            "SELECT number, sender, receiver, session, direction, idx, status, digest, mac"
            " FROM receipts WHERE sender = ? AND number > ? ORDER BY number");
    sql_put_text(&q, op->u.receipts.sender);
    sql_put_u64(&q, op->u.receipts.after);
    while (n < op->u.receipts.max_n && sql_row(&q)) {
        more = store_grow(v, n, sizeof(*v));
        if (more == NULL) {
            q.err = ERR_NOMEM;
            break;
        }
        v = more;
        op->u.receipts.after = sql_get_u64(&q);
        sql_get_text(&q, v[n].sender, sizeof(v[n].sender));
        sql_get_text(&q, v[n].receiver, sizeof(v[n].receiver));
        sql_get_fixed(&q, v[n].session, SESSION_ID_BYTES);
        v[n].direction = (uint8_t)sql_get_i64(&q);
        v[n].index = sql_get_u64(&q);
        v[n].status = (uint8_t)sql_get_i64(&q);
        sql_get_fixed(&q, v[n].digest, DIGEST_BYTES);
        sql_get_fixed(&q, v[n].mac, MAC_BYTES);
        n++;
    }
    op->u.receipts.v = v;
    op->u.receipts.n = n;
    return sql_end(&q);
}

int store_receipt_ack(struct backend *b, struct store_op *op)
{
    const struct store_stream *s = &op->u.stream;
    struct sql_query q;
    int err;

    sql_ask(&q, b->db,
            "DELETE FROM receipts WHERE session = ? AND idx = ? AND sender = ? AND receiver = ?");
    sql_put_bytes(&q, s->session, SESSION_ID_BYTES);
    sql_put_u64(&q, s->next);
    sql_put_text(&q, s->from);
    sql_put_text(&q, s->to);
    err = sql_do(&q);
    if (err)
        return err;
    if (sql_changes(b->db) == 0)
        return store_answer(op, STORE_ALREADY, REASON_NONE);
    return store_held_receipt_gone(b, s->to, s->from);
}

#define GONE_COLUMNS "number, bytes, common, sender, receiver, session, direction, idx, digest"

static void get_gone(struct sql_query *q, struct gone *g)
{
    struct store_receipt *r = &g->receipt;

    memset(g, 0, sizeof(*g));
    g->row = sql_get_u64(q);
    g->bytes = sql_get_u64(q);
    g->common = sql_get_u64(q);
    sql_get_text(q, r->sender, sizeof(r->sender));
    sql_get_text(q, r->receiver, sizeof(r->receiver));
    sql_get_fixed(q, r->session, SESSION_ID_BYTES);
    r->direction = (uint8_t)sql_get_i64(q);
    r->index = sql_get_u64(q);
    r->status = RECEIPT_EXPIRED;
    sql_get_fixed(q, r->digest, DIGEST_BYTES);
}

struct gone_list {
    struct gone *v;
    size_t n;
};

/* Read the rows of a started query, at most max. */
static int read_gone(struct sql_query *q, size_t max, struct gone_list *out)
{
    struct gone *more;

    *out = (struct gone_list){NULL, 0};
    while (out->n < max && sql_row(q)) {
        more = store_grow(out->v, out->n, sizeof(*more));
        if (more == NULL) {
            q->err = ERR_NOMEM;
            break;
        }
        out->v = more;
        get_gone(q, &more[out->n++]);
    }
    return sql_end(q);
}

/* Read them, then expire them one after the other. */
static int expire_rows(struct backend *b, struct sql_query *q, size_t max, int64_t now,
                       struct gone_list *out)
{
    int err = read_gone(q, max, out);

    for (size_t i = 0; !err && i < out->n; i++) {
        const struct gone *g = &out->v[i];

        err = delete_package(b, g);
        if (!err)
            err = keep_receipt(b, &g->receipt, now);
    }
    return err;
}

/* Receipts that nobody asked for in all this time. */
static int expire_receipts(struct backend *b, struct store_op *op)
{
    struct gone_list gone;
    struct sql_query q;
    int err;

    sql_ask(&q, b->db,
            "SELECT number, 0, 0, sender, receiver, session, direction, idx, digest FROM receipts"
            " WHERE kept_at < ? ORDER BY kept_at, number");
    sql_put_i64(&q, op->u.expire.receipts_before);
    err = read_gone(&q, op->u.expire.max_n, &gone);
    op->u.expire.more |= gone.n == op->u.expire.max_n;
    for (size_t i = 0; !err && i < gone.n; i++) {
        sql_ask(&q, b->db, "DELETE FROM receipts WHERE number = ?");
        sql_put_u64(&q, gone.v[i].row);
        err = sql_do(&q);
        if (!err)
            err = store_held_receipt_gone(b, gone.v[i].receipt.receiver, gone.v[i].receipt.sender);
    }
    free(gone.v);
    return err;
}

int store_expire_all_to(struct backend *b, const char *receiver, int64_t now)
{
    struct gone_list gone;
    struct sql_query q;
    int err;

    do {
        sql_ask(&q, b->db,
                "SELECT " GONE_COLUMNS " FROM packages WHERE receiver = ?"
                " ORDER BY number");
        sql_put_text(&q, receiver);
        err = expire_rows(b, &q, REVOKE_CHUNK, now, &gone);
        free(gone.v);
    } while (!err && gone.n > 0);
    return err;
}

static int compare_ids(const void *a, const void *z)
{
    return strcmp(a, z);
}

/* The senders of the rows, each once. */
static int list_senders(struct store_op *op, const struct gone *v, size_t n)
{
    char(*ids)[ID_MAX + 1] = calloc(n + 1, sizeof(*ids));
    size_t kept = 0;

    if (ids == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        memcpy(ids[i], v[i].receipt.sender, sizeof(ids[i]));
    qsort(ids, n, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || strcmp(ids[kept - 1], ids[i]) != 0)
            memmove(ids[kept++], ids[i], sizeof(*ids));
    op->u.expire.senders = ids;
    op->u.expire.n = kept;
    return 0;
}

static int delete_older(struct backend *b, const char *text, int64_t before)
{
    struct sql_query q;

    sql_ask(&q, b->db, text);
    sql_put_i64(&q, before);
    return sql_do(&q);
}

int store_expire(struct backend *b, struct store_op *op)
{
    int64_t before = op->u.expire.packages_before;
    struct gone_list gone;
    struct sql_query q;
    int err;

    op->u.expire.senders = NULL;
    op->u.expire.n = 0;
    sql_ask(&q, b->db,
            "SELECT " GONE_COLUMNS " FROM packages WHERE accepted_at < ?"
            " ORDER BY accepted_at, number");
    sql_put_i64(&q, before);
    err = expire_rows(b, &q, op->u.expire.max_n, op->now, &gone);
    if (!err)
        err = list_senders(op, gone.v, gone.n);
    op->u.expire.more = gone.n == op->u.expire.max_n;
    free(gone.v);
    if (!err)
        err = expire_receipts(b, op);
    if (!err)
        err = store_kept_expire(b, op);
    if (!err)
        err = delete_older(b, "DELETE FROM streams WHERE used_at < ?", before);
    if (!err)
        err = delete_older(b, "DELETE FROM states WHERE used_at < ?", before);
    /* Until then the token's holder is told that it expired or was used, not that it is wrong. */
    if (!err)
        err = delete_older(b, "DELETE FROM tokens WHERE expires < ?", before);
    if (!err)
        err = delete_older(b, "DELETE FROM negotiations WHERE changed_at < ?",
                           op->u.expire.negs_before);
    return err;
}
