/*
 * store_mailbox.c - packages: taken in where there is room for them (store_held.c), handed out in
 * order; and the streams that they come in.
 */
#include <stdlib.h>
#include <string.h>

#include "cloudd/store_sqlite.h"
#include "common/err.h"

static void put_stream(struct sql_query *q, const struct store_stream *s)
{
    sql_put_bytes(q, s->session, SESSION_ID_BYTES);
    sql_put_text(q, s->from);
    sql_put_text(q, s->to);
}

/* A sender may invent sessions: those it used longest ago go. */
static int forget_streams(struct backend *b, const struct store_stream *s)
{
    struct sql_query q;

    sql_ask(&q, b->db,
            "DELETE FROM streams WHERE sender = ?1 AND receiver = ?2 AND session IN"
            " (SELECT session FROM streams WHERE sender = ?1 AND receiver = ?2 AND session <> ?3"
            " ORDER BY used_at DESC LIMIT -1 OFFSET ?4)");
    sql_put_text(&q, s->from);
    sql_put_text(&q, s->to);
    sql_put_bytes(&q, s->session, SESSION_ID_BYTES);
    sql_put_u64(&q, STORE_STREAMS_MAX - 1);
    return sql_do(&q);
}

static int insert_stream(struct backend *b, const struct store_stream *s, int64_t now)
{
    struct sql_query q;
    int err;

    sql_ask(
        &q, b->db,
        "INSERT INTO streams (session, sender, receiver, next, used_at) VALUES (?, ?, ?, ?, ?)");
    put_stream(&q, s);
    sql_put_u64(&q, s->next);
    sql_put_i64(&q, now);
    err = sql_do(&q);
    return err ? err : forget_streams(b, s);
}

int store_stream_raise(struct backend *b, const struct store_stream *s, int64_t now)
{
    struct sql_query q;
    int err;

    sql_ask(&q, b->db,
            "UPDATE streams SET used_at = ?, next = MAX(next, ?)"
            " WHERE session = ? AND sender = ? AND receiver = ?");
    sql_put_i64(&q, now);
    sql_put_u64(&q, s->next);
    put_stream(&q, s);
    err = sql_do(&q);
    if (!err && sql_changes(b->db) == 0)
        err = insert_stream(b, s, now);
    return err;
}

/* NOT_ENROLLED, PEER_REVOKED or UNKNOWN_PEER, when one of the two is not living. */
static int check_parties(struct backend *b, struct store_op *op)
{
    const struct store_package *p = &op->u.enqueue.package;
    uint64_t from, to;
    struct sql_query q;
    int err = store_living(b, p->from, &from);

    if (!err)
        err = store_living(b, p->to, &to);
    if (err)
        return err;
    if (from == 0)
        return store_answer(op, STORE_NOTFOUND, REASON_NOT_ENROLLED);
    if (to != 0)
        return 0;
    store_answer(op, STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    sql_ask(&q, b->db, "SELECT 1 FROM devices WHERE id = ?");
    sql_put_text(&q, p->to);
    if (sql_row(&q))
        store_answer(op, STORE_NOTFOUND, REASON_PEER_REVOKED);
    return sql_end(&q);
}

static void put_name(struct sql_query *q, const struct store_package *p)
{
    sql_put_bytes(q, p->session, SESSION_ID_BYTES);
    sql_put_u64(q, p->index);
    sql_put_text(q, p->from);
    sql_put_text(q, p->to);
}

/* Is a package of this name queued? */
static int check_queued(struct backend *b, struct store_op *op)
{
    struct store_package *p = &op->u.enqueue.package;
    uint8_t digest[DIGEST_BYTES];
    struct sql_query q;

    sql_ask(&q, b->db,
            "SELECT number, digest FROM packages"
            " WHERE session = ? AND idx = ? AND sender = ? AND receiver = ?");
    put_name(&q, p);
    if (sql_row(&q)) {
        p->row = sql_get_u64(&q);
        sql_get_fixed(&q, digest, sizeof(digest));
        if (memcmp(digest, op->u.enqueue.digest, sizeof(digest)) == 0)
            store_answer(op, STORE_ALREADY, REASON_NONE);
        else
            store_answer(op, STORE_CONFLICT, REASON_CONFLICT);
    }
    return sql_end(&q);
}

/* Does a receipt for this name wait? One that refused another copy does not stop this one. */
static int check_receipted(struct backend *b, struct store_op *op)
{
    const struct store_package *p = &op->u.enqueue.package;
    struct store_receipt *r = &op->u.enqueue.receipt;
    struct sql_query q;

    memset(r, 0, sizeof(*r));
    sql_ask(&q, b->db,
            "SELECT direction, status, digest, mac FROM receipts"
            " WHERE session = ? AND idx = ? AND sender = ? AND receiver = ?");
    put_name(&q, p);
    if (sql_row(&q)) {
        r->direction = (uint8_t)sql_get_i64(&q);
        r->status = (uint8_t)sql_get_i64(&q);
        sql_get_fixed(&q, r->digest, DIGEST_BYTES);
        sql_get_fixed(&q, r->mac, MAC_BYTES);
        memcpy(r->sender, p->from, sizeof(r->sender));
        memcpy(r->receiver, p->to, sizeof(r->receiver));
        memcpy(r->session, p->session, SESSION_ID_BYTES);
        r->index = p->index;
        op->u.enqueue.receipt_known = memcmp(r->digest, op->u.enqueue.digest, DIGEST_BYTES) == 0;
        if (op->u.enqueue.receipt_known)
            store_answer(op, STORE_ALREADY, REASON_NONE);
        else if (r->status == RECEIPT_VERIFIED)
            store_answer(op, STORE_CONFLICT, REASON_CONFLICT);
    }
    return sql_end(&q);
}

static int insert_package(struct backend *b, struct store_op *op)
{
    struct store_package *p = &op->u.enqueue.package;
    struct sql_query q;
    uint64_t common;
    int err = store_shared_take(b, op, &common);

    if (err)
        return err;
    sql_ask(&q, b->db,
            "INSERT INTO packages (session, idx, sender, receiver, direction, seq, digest,"
            " accepted_at, bytes, common, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    put_name(&q, p);
    sql_put_i64(&q, p->direction);
    sql_put_u64(&q, p->seq);
    sql_put_bytes(&q, op->u.enqueue.digest, DIGEST_BYTES);
    sql_put_i64(&q, op->now);
    sql_put_u64(&q, store_package_bytes(op));
    sql_put_u64(&q, common);
    sql_put_bytes(&q, p->body.p, p->body.len);
    err = sql_do(&q);
    if (!err)
        p->row = sql_last_row(b->db);
    return err;
}

/* Written after all, among those that are kept. */
static int keep_elided(struct backend *b, struct store_op *op)
{
    struct store_package *p = &op->u.enqueue.package;
    struct sql_query q;
    int err = insert_package(b, op);

    if (!err)
        err = store_kept_add(b, p->row, p->body.len, op->now);
    if (err)
        return err;
    sql_ask(&q, b->db, "DELETE FROM packages WHERE number = ?");
    sql_put_u64(&q, p->row);
    p->row = 0;
    err = sql_do(&q);
    return err ? err : store_kept_yield(b, op);
}

/* Its receiver has it, and said so before we wrote it: keep that word instead. */
static int elide(struct backend *b, struct store_op *op)
{
    const struct store_receipt *r = &op->u.enqueue.handover->receipt;
    int unacked, err = store_held_unacked(b, r->receiver, r->sender, &unacked);

    if (err)
        return err;
    if (unacked)
        return store_answer(op, STORE_FULL, REASON_UNACKED);
    op->u.enqueue.receipt = *r;
    op->u.enqueue.receipt_known = 1;
    err = store_receipt_unwritten(b, &op->u.enqueue.receipt, op->now);
    if (!err && op->u.enqueue.keep && r->status == RECEIPT_VERIFIED)
        err = keep_elided(b, op);
    return err ? err : store_state_turn(b, op);
}

/* Behind one of its stream that was refused: it must not overtake that. */
static int is_gated(const struct store_op *op)
{
    return op->u.enqueue.gate != NULL && *op->u.enqueue.gate < op->u.enqueue.order;
}

/* The package and all that goes with it. */
static int write_package(struct backend *b, struct store_op *op)
{
    const struct store_package *p = &op->u.enqueue.package;
    struct store_stream stream = {.next = p->index + 1};
    int err = store_held_take(b, op);

    if (!err && op->result == STORE_OK)
        err = insert_package(b, op);
    if (err || op->result != STORE_OK)
        return err;
    memcpy(stream.from, p->from, sizeof(stream.from));
    memcpy(stream.to, p->to, sizeof(stream.to));
    memcpy(stream.session, p->session, SESSION_ID_BYTES);
    err = store_stream_raise(b, &stream, op->now);
    if (!err)
        err = store_kept_yield(b, op);
    return err ? err : store_state_turn(b, op);
}

static int is_receipted(const struct store_op *op)
{
    return op->u.enqueue.handover != NULL && atomic_load(&op->u.enqueue.handover->receipted);
}

int store_enqueue(struct backend *b, struct store_op *op)
{
    static int (*const checks[])(struct backend *, struct store_op *) = {
        check_parties,
        check_queued,
        check_receipted,
    };
    int err;

    op->u.enqueue.package.row = 0;
    op->u.enqueue.receipt_known = 0;
    if (op->u.enqueue.package.index >= STORE_INDEX_MAX)
        return store_answer(op, STORE_CONFLICT, REASON_INDEX);
    if (is_gated(op))
        return store_answer(op, STORE_FULL, REASON_STREAM_STOPPED);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        err = checks[i](b, op);
        if (err || op->result != STORE_OK)
            return err;
    }
    return is_receipted(op) ? elide(b, op) : write_package(b, op);
}

/* Read the row that the query stands on, unless its body goes beyond what may still be read. */
static int get_package(struct sql_query *q, struct store_package *p, size_t *left, int must)
{
    uint64_t bytes;

    memset(p, 0, sizeof(*p));
    p->row = sql_get_u64(q);
    sql_get_text(q, p->from, sizeof(p->from));
    sql_get_text(q, p->to, sizeof(p->to));
    sql_get_fixed(q, p->session, SESSION_ID_BYTES);
    p->direction = (uint8_t)sql_get_i64(q);
    p->index = sql_get_u64(q);
    p->seq = sql_get_u64(q);
    bytes = sql_get_u64(q);
    if (bytes > *left && !must)
        return 0;
    store_get_body(q, p);
    *left -= bytes < *left ? (size_t)bytes : *left;
    return 1;
}

int store_fetch(struct backend *b, struct store_op *op)
{
    size_t n = 0, left = op->u.fetch.max_bytes;
    struct store_package *more;
    struct sql_query q;

    op->u.fetch.v = NULL;
    op->u.fetch.n = 0;
    sql_ask(&q, b->db,
            "SELECT p.number, p.sender, p.receiver, p.session, p.direction, p.idx, p.seq, p.bytes,"
            " p.body, p.common, c.body FROM packages p LEFT JOIN commons c ON c.number = p.common"
            " WHERE p.receiver = ? AND p.number > ? ORDER BY p.number");
    sql_put_text(&q, op->u.fetch.to);
    sql_put_u64(&q, op->u.fetch.after);
    while (n < op->u.fetch.max_n && sql_row(&q)) {
        more = store_grow(op->u.fetch.v, n, sizeof(*more));
        if (more == NULL) {
            q.err = ERR_NOMEM;
            break;
        }
        op->u.fetch.v = more;
        if (!get_package(&q, &more[n], &left, n == 0))
            break;
        op->u.fetch.n = ++n;
    }
    return sql_end(&q);
}

int store_stream_get(struct backend *b, struct store_op *op)
{
    struct store_stream *s = &op->u.stream;
    struct sql_query q;
    int err = store_living(b, s->to, &s->enrolment);

    s->next = 0;
    s->used_at = 0;
    if (err)
        return err;
    sql_ask(&q, b->db,
            "SELECT next, used_at FROM streams"
            " WHERE session = ? AND sender = ? AND receiver = ?");
    sql_put_bytes(&q, s->session, SESSION_ID_BYTES);
    sql_put_text(&q, s->from);
    sql_put_text(&q, s->to);
    if (sql_row(&q)) {
        s->next = sql_get_u64(&q);
        s->used_at = sql_get_i64(&q);
    }
    return sql_end(&q);
}

int store_mailboxes(struct backend *b, struct store_op *op)
{
    struct store_mailbox *v = NULL, *more;
    struct sql_query q;
    size_t n = 0;

    sql_ask(&q, b->db,
            "SELECT d.id, COALESCE(m.packages, 0), COALESCE(m.bytes, 0), COALESCE((SELECT"
            " p.accepted_at FROM packages p WHERE p.receiver = d.id ORDER BY p.number LIMIT 1), 0),"
            " COALESCE(k.packages, 0), COALESCE(k.bytes, 0)"
            " FROM devices d LEFT JOIN held m ON m.receiver = d.id AND m.sender = ''"
            " LEFT JOIN kept_counts k ON k.receiver = d.id"
            " WHERE d.revocation IS NULL ORDER BY d.id");
    while (sql_row(&q)) {
        more = store_grow(v, n, sizeof(*v));
        if (more == NULL) {
            q.err = ERR_NOMEM;
            break;
        }
        v = more;
        sql_get_text(&q, v[n].id, sizeof(v[n].id));
        v[n].packages = sql_get_u64(&q);
        v[n].bytes = sql_get_u64(&q);
        v[n].oldest = sql_get_i64(&q);
        v[n].kept_packages = sql_get_u64(&q);
        v[n].kept_bytes = sql_get_u64(&q);
        n++;
    }
    op->u.mailboxes.v = v;
    op->u.mailboxes.n = n;
    return sql_end(&q);
}

int store_sessions(struct backend *b, struct store_op *op)
{
    struct store_stream *v = NULL, *more;
    struct sql_query q;
    size_t n = 0;

    sql_ask(&q, b->db,
            "SELECT sender, receiver, session, next, used_at FROM streams"
            " ORDER BY sender, receiver, used_at, session");
    while (sql_row(&q)) {
        more = store_grow(v, n, sizeof(*v));
        if (more == NULL) {
            q.err = ERR_NOMEM;
            break;
        }
        v = more;
        sql_get_text(&q, v[n].from, sizeof(v[n].from));
        sql_get_text(&q, v[n].to, sizeof(v[n].to));
        sql_get_fixed(&q, v[n].session, SESSION_ID_BYTES);
        v[n].next = sql_get_u64(&q);
        v[n].used_at = sql_get_i64(&q);
        n++;
    }
    op->u.sessions.v = v;
    op->u.sessions.n = n;
    return sql_end(&q);
}
