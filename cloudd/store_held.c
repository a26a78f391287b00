/*
 * store_held.c - what is held and who may have more of it held. The store, each mailbox and each
 * sender's part of it is a row of its own, kept with every change, so that no operation ever counts
 * packages.
 */
#include "cloudd/store_sqlite.h"

#include <string.h>

#include "common/err.h"

struct fill {
    uint64_t packages, bytes, receipts;
};

/* The rows that a package of one sender for one receiver is counted in. */
struct fills {
    struct fill all, box, own;
};

static int get_fills(struct backend *b, const struct store_package *p, struct fills *f)
{
    char receiver[ID_MAX + 1], sender[ID_MAX + 1];
    struct sql_query q;
    struct fill *to;

    memset(f, 0, sizeof(*f));
    sql_ask(&q, b->db,
            "SELECT receiver, sender, packages, bytes, receipts FROM held"
            " WHERE receiver IN ('', ?) AND sender IN ('', ?)");
    sql_put_text(&q, p->to);
    sql_put_text(&q, p->from);
    while (sql_row(&q)) {
        sql_get_text(&q, receiver, sizeof(receiver));
        sql_get_text(&q, sender, sizeof(sender));
        to = receiver[0] == '\0' ? &f->all : sender[0] == '\0' ? &f->box : &f->own;
        to->packages = sql_get_u64(&q);
        to->bytes = sql_get_u64(&q);
        to->receipts = sql_get_u64(&q);
    }
    return sql_end(&q);
}

/* Does one more, or so many bytes more, stay within the limit? */
static int fits(uint64_t have, uint64_t more, uint64_t limit)
{
    return have <= limit && more <= limit - have;
}

/* share % of v, which may be any number. */
static uint64_t part_of(uint64_t v, uint64_t share)
{
    return v / 100 * share + v % 100 * share / 100;
}

/*
 * Of what the others leave of the mailbox a sender gets a share, and so some of it is left for who
 * comes next: with half, one sender alone fills a half, two a third each, and so on.
 */
static int fits_share(const struct store_op *op, const struct fills *f)
{
    uint64_t bytes = store_package_bytes(op), share = op->u.enqueue.share;
    uint64_t max_packages = op->u.enqueue.max_packages, max_bytes = op->u.enqueue.max_bytes;

    if (share == 0 || share >= 100 || f->own.packages == 0)
        return 1;
    max_packages -= f->box.packages - f->own.packages;
    max_bytes -= f->box.bytes - f->own.bytes;
    return fits(f->own.packages, 1, part_of(max_packages, share)) &&
           fits(f->own.bytes, bytes, part_of(max_bytes, share));
}

static unsigned check_room(const struct store_op *op, const struct fills *f)
{
    uint64_t bytes = store_package_bytes(op);
    uint64_t all_packages = op->u.enqueue.all_packages, all_bytes = op->u.enqueue.all_bytes;

    if ((all_packages != 0 && !fits(f->all.packages, 1, all_packages)) ||
        (all_bytes != 0 && !fits(f->all.bytes, bytes, all_bytes)))
        return REASON_CLOUD_FULL;
    if (!fits(f->box.packages, 1, op->u.enqueue.max_packages) ||
        !fits(f->box.bytes, bytes, op->u.enqueue.max_bytes))
        return REASON_MAILBOX_FULL;
    if (!fits_share(op, f))
        return REASON_SHARE_FULL;
    return f->own.receipts >= STORE_RECEIPTS_MAX ? REASON_UNACKED : REASON_NONE;
}

int store_held_take(struct backend *b, struct store_op *op)
{
    const struct store_package *p = &op->u.enqueue.package;
    struct sql_query q;
    struct fills f;
    unsigned reason;
    int err = get_fills(b, p, &f);

    if (err)
        return err;
    reason = check_room(op, &f);
    if (reason != REASON_NONE)
        return store_answer(op, STORE_FULL, reason);
    sql_ask(&q, b->db,
            "INSERT INTO held (receiver, sender, packages, bytes)"
            " VALUES ('', '', 1, ?1), (?2, '', 1, ?1), (?2, ?3, 1, ?1)"
            " ON CONFLICT (receiver, sender) DO UPDATE SET packages = held.packages + 1,"
            " bytes = held.bytes + excluded.bytes");
    sql_put_u64(&q, store_package_bytes(op));
    sql_put_text(&q, p->to);
    sql_put_text(&q, p->from);
    return sql_do(&q);
}

int store_held_give(struct backend *b, const char *receiver, const char *sender, uint64_t bytes)
{
    struct sql_query q;

    sql_ask(&q, b->db,
            "UPDATE held SET packages = packages - 1, bytes = bytes - ?"
            " WHERE receiver IN ('', ?) AND sender IN ('', ?)");
    sql_put_u64(&q, bytes);
    sql_put_text(&q, receiver);
    sql_put_text(&q, sender);
    return sql_do(&q);
}

int store_held_common(struct backend *b, int64_t bytes)
{
    struct sql_query q;

    sql_ask(&q, b->db, "UPDATE held SET bytes = bytes - ? WHERE receiver = '' AND sender = ''");
    sql_put_i64(&q, bytes);
    return sql_do(&q);
}

int store_held_unacked(struct backend *b, const char *receiver, const char *sender, int *yes)
{
    struct sql_query q;

    sql_ask(&q, b->db, "SELECT receipts >= ? FROM held WHERE receiver = ? AND sender = ?");
    sql_put_u64(&q, STORE_RECEIPTS_MAX);
    sql_put_text(&q, receiver);
    sql_put_text(&q, sender);
    *yes = sql_row(&q) && sql_get_i64(&q) != 0;
    return sql_end(&q);
}

int store_held_receipt(struct backend *b, const struct store_receipt *r)
{
    struct sql_query q;

    sql_ask(&q, b->db,
            "INSERT INTO held (receiver, sender, packages, bytes, receipts) VALUES (?, ?, 0, 0, 1)"
            " ON CONFLICT (receiver, sender) DO UPDATE SET receipts = held.receipts + 1");
    sql_put_text(&q, r->receiver);
    sql_put_text(&q, r->sender);
    return sql_do(&q);
}

int store_held_receipt_gone(struct backend *b, const char *receiver, const char *sender)
{
    struct sql_query q;

    sql_ask(&q, b->db, "UPDATE held SET receipts = receipts - 1 WHERE receiver = ? AND sender = ?");
    sql_put_text(&q, receiver);
    sql_put_text(&q, sender);
    return sql_do(&q);
}

int store_held_forget(struct backend *b, const char *id)
{
    struct sql_query q;

    sql_ask(&q, b->db,
            "DELETE FROM held WHERE (receiver = ?1 OR sender = ?1) AND packages = 0"
            " AND receipts = 0");
    sql_put_text(&q, id);
    return sql_do(&q);
}
