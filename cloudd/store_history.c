/*
 * store_history.c - packages that their receivers verified, kept to be read again. They count
 * against no quota: they stand in what the packages that wait leave of it, of a mailbox and of the
 * store, and the oldest give way to each one that is taken. What is kept is counted as it changes.
 */
#include <stdlib.h>
#include <string.h>

#include "cloudd/store_sqlite.h"
#include "common/err.h"

static int count(struct backend *b, const char *receiver, int64_t packages, int64_t bytes)
{
    struct sql_query q;

    sql_ask(&q, b->db,
            "INSERT INTO kept_counts (receiver, packages, bytes) VALUES ('', ?1, ?2), (?3, ?1, ?2)"
            " ON CONFLICT (receiver) DO UPDATE SET"
            " packages = packages + excluded.packages, bytes = bytes + excluded.bytes");
    sql_put_i64(&q, packages);
    sql_put_i64(&q, bytes);
    sql_put_text(&q, receiver);
    return sql_do(&q);
}

/* One that goes. */
struct old {
    uint64_t number, bytes, common;
    char receiver[ID_MAX + 1];
};

/* The first row of a started query of number, receiver, bytes and common, deleted. */
static int drop_first(struct backend *b, struct sql_query *q, int *found)
{
    struct old old = {.number = 0};
    int err;

    *found = sql_row(q);
    if (*found) {
        old.number = sql_get_u64(q);
        sql_get_text(q, old.receiver, sizeof(old.receiver));
        old.bytes = sql_get_u64(q);
        old.common = sql_get_u64(q);
    }
    err = sql_end(q);
    if (err || !*found)
        return err;
    sql_ask(q, b->db, "DELETE FROM kept WHERE number = ?");
    sql_put_u64(q, old.number);
    err = sql_do(q);
    if (!err && old.common != 0)
        err = store_shared_drop(b, old.common);
    return err ? err : count(b, old.receiver, -1, -(int64_t)old.bytes);
}

/* The oldest of a mailbox, or of all when receiver is NULL. */
static int drop_oldest(struct backend *b, const char *receiver, int *found)
{
    struct sql_query q;

    if (receiver == NULL) {
        sql_ask(&q, b->db,
                "SELECT number, receiver, bytes, common FROM kept ORDER BY number LIMIT 1");
    } else {
        sql_ask(&q, b->db,
                "SELECT number, receiver, bytes, common FROM kept WHERE receiver = ?"
                " ORDER BY number LIMIT 1");
        sql_put_text(&q, receiver);
    }
    return drop_first(b, &q, found);
}

int store_kept_any(struct backend *b, int *any)
{
    struct sql_query q;

    sql_ask(&q, b->db, "SELECT packages > 0 FROM kept_counts WHERE receiver = ''");
    *any = sql_row(&q) && sql_get_i64(&q) != 0;
    return sql_end(&q);
}

int store_kept_shed(struct backend *b, size_t n, size_t *gone)
{
    int found = 1, err = 0;

    for (*gone = 0; !err && found && *gone < n; *gone += (size_t)found)
        err = drop_oldest(b, NULL, &found);
    return err;
}

/* Is there room for so many bytes more, if older ones go? */
static int find_room(struct backend *b, size_t bytes, int *room)
{
    size_t gone = 1;
    int err = 0;

    *room = store_has_room(b, bytes);
    for (size_t i = 0; !err && !*room && gone > 0 && i < STORE_YIELD_MAX; i++) {
        err = store_kept_shed(b, 1, &gone);
        *room = store_has_room(b, bytes);
    }
    return err;
}

/* A package that was kept, then sent and verified once more, is not kept twice. */
int store_kept_add(struct backend *b, uint64_t row, uint64_t bytes, int64_t now)
{
    char receiver[ID_MAX + 1] = "";
    struct sql_query q;
    int room, err;

    err = find_room(b, bytes, &room);
    if (err || !room)
        return err;
    sql_ask(&q, b->db,
            "INSERT INTO kept (number, sender, receiver, session, idx, seq, kept_at, bytes, common,"
            " body) SELECT number, sender, receiver, session, idx, seq, ?, bytes, common, body"
            " FROM packages WHERE number = ? ON CONFLICT DO NOTHING RETURNING receiver");
    sql_put_i64(&q, now);
    sql_put_u64(&q, row);
    if (sql_row(&q))
        sql_get_text(&q, receiver, sizeof(receiver));
    err = sql_end(&q);
    return err || receiver[0] == '\0' ? err : count(b, receiver, 1, (int64_t)bytes);
}

int store_kept_expire(struct backend *b, struct store_op *op)
{
    int found = 1, err = 0;
    struct sql_query q;
    size_t n = 0;

    for (; !err && found && n < op->u.expire.max_n; n += (size_t)found) {
        sql_ask(&q, b->db,
                "SELECT number, receiver, bytes, common FROM kept WHERE kept_at < ?"
                " ORDER BY kept_at LIMIT 1");
        sql_put_i64(&q, op->u.expire.kept_before);
        err = drop_first(b, &q, &found);
    }
    op->u.expire.more |= !err && found;
    return err;
}

/* Packages and bytes that wait and are kept: of a mailbox, and of the store. */
struct load {
    uint64_t packages, bytes, kept;
};

static int get_loads(struct backend *b, const char *receiver, struct load *box, struct load *all)
{
    char id[ID_MAX + 1];
    struct sql_query q;
    struct load *to;

    memset(box, 0, sizeof(*box));
    memset(all, 0, sizeof(*all));
    sql_ask(&q, b->db,
            "SELECT k.receiver, k.packages + COALESCE(h.packages, 0),"
            " k.bytes + COALESCE(h.bytes, 0), k.packages FROM kept_counts k"
            " LEFT JOIN held h ON h.receiver = k.receiver AND h.sender = ''"
            " WHERE k.receiver IN ('', ?)");
    sql_put_text(&q, receiver);
    while (sql_row(&q)) {
        sql_get_text(&q, id, sizeof(id));
        to = id[0] == '\0' ? all : box;
        to->packages = sql_get_u64(&q);
        to->bytes = sql_get_u64(&q);
        to->kept = sql_get_u64(&q);
    }
    return sql_end(&q);
}

/* Is there something kept that must go? A limit of 0 is none. */
static int is_over(const struct load *l, uint64_t packages, uint64_t bytes)
{
    return l->kept > 0 &&
           ((packages != 0 && l->packages > packages) || (bytes != 0 && l->bytes > bytes));
}

int store_kept_yield(struct backend *b, const struct store_op *op)
{
    const char *to = op->u.enqueue.package.to;
    struct load box, all;
    int found = 1, err = 0;

    if (!op->u.enqueue.keep)
        return 0;
    for (size_t i = 0; !err && found && i < STORE_YIELD_MAX; i++) {
        err = get_loads(b, to, &box, &all);
        if (err)
            return err;
        found = 0;
        if (is_over(&box, op->u.enqueue.max_packages, op->u.enqueue.max_bytes))
            err = drop_oldest(b, to, &found);
        else if (is_over(&all, op->u.enqueue.all_packages, op->u.enqueue.all_bytes))
            err = drop_oldest(b, NULL, &found);
    }
    return err;
}

int store_kept_forget(struct backend *b, const char *receiver)
{
    static const char *const texts[] = {
        "UPDATE kept_counts SET (packages, bytes) = (SELECT kept_counts.packages - gone.packages,"
        " kept_counts.bytes - gone.bytes FROM kept_counts gone WHERE gone.receiver = ?1)"
        " WHERE receiver = '' AND EXISTS (SELECT 1 FROM kept_counts WHERE receiver = ?1)",
        "DELETE FROM kept_counts WHERE receiver = ?1",
        "DELETE FROM kept WHERE receiver = ?1",
    };
    struct sql_query q;
    int err = 0;

    for (size_t i = 0; !err && i < sizeof(texts) / sizeof(texts[0]); i++) {
        sql_ask(&q, b->db, texts[i]);
        sql_put_text(&q, receiver);
        err = sql_do(&q);
    }
    return err ? err : store_shared_sweep(b);
}

/* Read the row that the query stands on, unless its body goes beyond what may still be read. */
static int get_kept(struct sql_query *q, struct store_package *p, size_t *left, int must)
{
    uint64_t bytes;

    memset(p, 0, sizeof(*p));
    p->row = sql_get_u64(q);
    p->seq = sql_get_u64(q);
    bytes = sql_get_u64(q);
    if (bytes > *left && !must)
        return 0;
    store_get_body(q, p);
    *left -= bytes < *left ? (size_t)bytes : *left;
    return 1;
}

static int read_history(struct store_op *op, struct sql_query *q)
{
    size_t n = 0, left = op->u.history.max_bytes;
    struct store_package *more;

    while (!op->u.history.more && sql_row(q)) {
        more = store_grow(op->u.history.v, n, sizeof(*more));
        if (more == NULL)
            return ERR_NOMEM;
        op->u.history.v = more;
        op->u.history.more = n == op->u.history.max_n || !get_kept(q, &more[n], &left, n == 0);
        if (!op->u.history.more)
            op->u.history.n = ++n;
    }
    return 0;
}

int store_history(struct backend *b, struct store_op *op)
{
    struct sql_query q;
    int err;

    op->u.history.v = NULL;
    op->u.history.n = 0;
    op->u.history.more = 0;
    /* A seq above the signed integers is stored as a negative number. */
    sql_ask(&q, b->db,
            "SELECT k.number, k.seq, k.bytes, k.body, k.common, c.body FROM kept k"
            " LEFT JOIN commons c ON c.number = k.common WHERE k.receiver = ?1 AND k.sender = ?2"
            " AND k.number > ?3 AND (k.seq < 0 OR k.seq > ?4) ORDER BY k.number");
    sql_put_text(&q, op->u.history.to);
    sql_put_text(&q, op->u.history.from);
    sql_put_u64(&q, op->u.history.after);
    sql_put_u64(&q, op->u.history.since <= INT64_MAX ? op->u.history.since : INT64_MAX);
    err = read_history(op, &q);
    if (err)
        q.err = err;
    return sql_end(&q);
}
