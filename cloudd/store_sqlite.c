/*
 * store_sqlite.c - the SQLite back-end: opening, batches, and what happens when one fails.
 *
 * A batch is one transaction, each operation of it a part (savepoint) of its own, so that a refusal
 * undoes only itself. When the transaction as a whole is lost - the commit failed, or a full disk
 * made SQLite roll back - each operation is run again from its inputs in a transaction of its own:
 * one that cannot be written does not take the others with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloudd/migrations.h"
#include "cloudd/store_sqlite.h"
#include "common/err.h"

#define PAGE_BYTES   4096
#define MARGIN_PAGES 64 /* left for receipts and deletes under a page limit */
#define SHED_AT_ONCE 16 /* kept packages, when the disk is full */

static int store_backup(struct backend *b, struct store_op *op)
{
    int err = sql_copy_to(b->db, op->u.backup.path);

    return err == ERR_EXISTS ? store_answer(op, STORE_CONFLICT, REASON_NONE) : err;
}

typedef int (*op_fn)(struct backend *, struct store_op *);

static op_fn fn_of(enum store_kind kind)
{
    static const op_fn table[] = {
        [STORE_INVITE] = store_invite,
        [STORE_TOKEN_RESERVE] = store_token_reserve,
        [STORE_DEVICE_ADD] = store_device_add,
        [STORE_DEVICE_ATTACH] = store_device_attach,
        [STORE_DEVICE_GET] = store_device_get,
        [STORE_DEVICE_LIST] = store_device_list,
        [STORE_DEVICE_REVOKE] = store_device_revoke,
        [STORE_REVOKED_SINCE] = store_revoked_since,
        [STORE_PAIR_GET] = store_pair_get,
        [STORE_PAIR_PUT] = store_pair_put,
        [STORE_NEG_PUT] = store_neg_put,
        [STORE_NEG_GET] = store_neg_get,
        [STORE_NEG_LIST] = store_neg_list,
        [STORE_NEG_DELETE] = store_neg_delete,
        [STORE_ENQUEUE] = store_enqueue,
        [STORE_FETCH] = store_fetch,
        [STORE_RECEIPT] = store_receipt,
        [STORE_HISTORY] = store_history,
        [STORE_RECEIPT_LIST] = store_receipt_list,
        [STORE_RECEIPT_ACK] = store_receipt_ack,
        [STORE_STREAM] = store_stream_get,
        [STORE_EXPIRE] = store_expire,
        [STORE_MAILBOXES] = store_mailboxes,
        [STORE_SESSIONS] = store_sessions,
        [STORE_BACKUP] = store_backup,
    };

    return table[kind];
}

/* A package that was not taken closes its stream's gate to those behind it. Should a second try
 * take it after all, the gate stays: they are refused in vain, but never overtake. */
static void close_gate(const struct store_op *op)
{
    uint64_t *gate = op->u.enqueue.gate;

    if (gate != NULL && op->u.enqueue.order < *gate)
        *gate = op->u.enqueue.order;
}

int store_answer(struct store_op *op, enum store_result result, unsigned reason)
{
    op->result = result;
    op->reason = reason;
    if (op->kind == STORE_ENQUEUE && (result == STORE_FULL || result == STORE_UNSURE))
        close_gate(op);
    return 0;
}

static void answer_error(struct store_op *op, int err)
{
    if (err == ERR_FULL)
        store_answer(op, STORE_FULL, REASON_DISK_FULL);
    else
        store_answer(op, STORE_UNSURE, REASON_STORAGE);
}

void *store_grow(void *v, size_t n, size_t size)
{
    if (n != 0 && (n < 16 || (n & (n - 1)) != 0))
        return v;
    return reallocarray(v, n == 0 ? 16 : 2 * n, size);
}

/* Operations that make the file larger, and by how many bytes; 0 for the others. */
static size_t growth_of(const struct store_op *op)
{
    switch ((int)op->kind) {
    case STORE_ENQUEUE:
        return store_package_bytes(op) + PAGE_BYTES;
    case STORE_DEVICE_ADD:
        return op->u.add.sealed.len + PAGE_BYTES;
    case STORE_PAIR_PUT:
        return op->u.pair.sealed.len + PAGE_BYTES;
    case STORE_NEG_PUT:
        return op->u.neg.neg.sealed.len + PAGE_BYTES;
    case STORE_INVITE:
        return PAGE_BYTES;
    default:
        return 0;
    }
}

int store_has_room(struct backend *b, size_t bytes)
{
    size_t need = bytes / PAGE_BYTES + MARGIN_PAGES;

    if (b->page_limit == 0 && b->may_grow)
        return 1;
    if (b->page_limit != 0 && sql_pages_used(b->db) + need > b->page_limit)
        return 0;
    return b->may_grow || sql_pages_free(b->db) >= need;
}

/* Is there room for what op adds? Kept packages give way to it. */
static int find_room(struct backend *b, const struct store_op *op, int *found)
{
    size_t growth = growth_of(op), gone = 1;
    int err = 0;

    *found = growth == 0 || store_has_room(b, growth);
    while (!err && !*found && gone > 0) {
        err = store_kept_shed(b, SHED_AT_ONCE, &gone);
        *found = store_has_room(b, growth);
    }
    return err;
}

static int run_write(struct backend *b, struct store_op *op)
{
    int room, err = sql_part_begin(b->db);

    if (err)
        return err;
    err = find_room(b, op, &room);
    if (!err && room)
        err = fn_of(op->kind)(b, op);
    else if (!err)
        store_answer(op, STORE_FULL, REASON_DISK_FULL);
    if (!sql_in_transaction(b->db))
        return err ? err : ERR_FULL;
    if (err == 0 && op->result == STORE_OK)
        return sql_part_keep(b->db);
    return sql_part_undo(b->db) ? ERR_SYS : err;
}

/* One operation within a transaction. An error here means that the whole transaction is lost. */
static int run_one(struct backend *b, struct store_op *op)
{
    int err = store_op_is_read(op->kind) ? fn_of(op->kind)(b, op) : run_write(b, op);
    if (err == ERR_FULL || !sql_in_transaction(b->db))
        return err ? err : ERR_SYS;
    if (err)
        answer_error(op, err);
    return 0;
}

static int run_transaction(struct backend *b, struct store_op *const *ops, size_t n, int writes)
{
    int err = sql_begin(b->db, writes ? SQL_WRITE : SQL_READ);

    for (size_t i = 0; !err && i < n; i++)
        err = run_one(b, ops[i]);
    if (!err)
        err = sql_commit(b->db);
    if (err)
        sql_rollback(b->db);
    else if (writes)
        atomic_fetch_add(&b->commits, 1);
    return err;
}

/* Put op back to what was submitted. */
static void take_back(struct store_op *op, const struct store_op *input)
{
    store_op_free_outputs(op);
    *op = *input;
}

/* A full disk keeps nothing beyond what it must. */
static void keep_nothing(struct store_op *op)
{
    if (op->kind == STORE_RECEIPT)
        op->u.receipt.keep = 0;
    if (op->kind == STORE_ENQUEUE)
        op->u.enqueue.keep = 0;
}

/* Kept packages give way to one that would grow the file: with the help of the reserve, since to
 * delete takes room too. True when that made room for so many bytes. */
static int shed_alone(struct backend *b, size_t bytes)
{
    size_t gone = 1;
    int any, err = store_kept_any(b, &any);

    if (err || !any)
        return 0;
    store_reserve_release(b->path);
    b->may_grow = 0;
    err = sql_begin(b->db, SQL_WRITE);
    while (!err && gone > 0 && !store_has_room(b, bytes))
        err = store_kept_shed(b, SHED_AT_ONCE, &gone);
    if (!err)
        err = sql_commit(b->db);
    if (err)
        sql_rollback(b->db);
    sql_checkpoint(b->db);
    return !err && store_has_room(b, bytes);
}

/* Is there a way to go on with op on a full disk? */
static int free_room(struct backend *b, const struct store_op *op)
{
    if (growth_of(op) > 0)
        return shed_alone(b, growth_of(op));
    if (!store_reserve_present(b->path))
        return 0;
    store_reserve_release(b->path);
    return 1;
}

/*
 * The second try, alone. A full disk may only be a log that has grown: moved into the file, it
 * starts again in the space that it has. If even that lacks room, the reserve is for operations
 * that do not grow the file, and for those that can take the place of what is kept.
 */
static void run_alone(struct backend *b, struct store_op *op, const struct store_op *input)
{
    int writes = !store_op_is_read(op->kind);
    int err = run_transaction(b, &op, 1, writes);

    for (int step = 0; err == ERR_FULL && step < 2; step++) {
        if (step == 1 && !free_room(b, input))
            break;
        take_back(op, input);
        keep_nothing(op);
        sql_checkpoint(b->db);
        err = run_transaction(b, &op, 1, writes);
    }
    if (err) {
        take_back(op, input);
        answer_error(op, err);
    }
}

/* A backup reads the whole file outside any transaction. */
static void run_backup(struct backend *b, struct store_op *op)
{
    int err;

    store_answer(op, STORE_OK, REASON_NONE);
    err = store_backup(b, op);
    if (err)
        answer_error(op, err);
}

static int may_keep(const struct store_op *op)
{
    return op->kind == STORE_RECEIPT && op->u.receipt.keep;
}

void backend_run(struct backend *b, struct store_op *const *ops, size_t n)
{
    int writes = 0, grows = 0, err;

    if (n == 1 && ops[0]->kind == STORE_BACKUP) {
        run_backup(b, ops[0]);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        store_answer(ops[i], STORE_OK, REASON_NONE);
        b->inputs[i] = *ops[i];
        writes |= !store_op_is_read(ops[i]->kind);
        grows |= growth_of(ops[i]) > 0 || may_keep(ops[i]);
    }
    b->may_grow = grows && store_reserve_make(b->path);
    err = run_transaction(b, ops, n, writes);
    if (!err)
        return;
    for (size_t i = 0; i < n; i++)
        take_back(ops[i], &b->inputs[i]);
    /* Busy for so long: it would be no better one by one, and take n times as long. */
    for (size_t i = 0; i < n; i++) {
        if (err == ERR_LOCKED)
            answer_error(ops[i], err);
        else
            run_alone(b, ops[i], &b->inputs[i]);
    }
}

int backend_open(struct backend **out, const char *path, char *why, size_t why_len)
{
    struct backend *b = calloc(1, sizeof(*b));
    int err = ERR_NOMEM;

    *out = NULL;
    if (b == NULL)
        return ERR_NOMEM;
    b->path = strdup(path);
    b->inputs = calloc(STORE_BATCH, sizeof(*b->inputs));
    if (b->path == NULL || b->inputs == NULL)
        goto out;
    err = sql_open(&b->db, path, why, why_len);
    if (err)
        goto out;
    err = migrations_run(b->db, why, why_len);
    if (err)
        goto out;
    err = sql_exec(b->db, "PRAGMA cache_size = -16384");
    if (err)
        goto out;
    store_reserve_make(path);
    *out = b;
    b = NULL;
out:
    backend_close(b);
    return err;
}

void backend_close(struct backend *b)
{
    if (b == NULL)
        return;
    sql_close(b->db);
    free(b->inputs);
    free(b->path);
    free(b);
}

int backend_set_page_limit(struct backend *b, unsigned pages)
{
    int err = sql_set_page_limit(b->db, pages);

    if (!err)
        b->page_limit = pages;
    return err;
}

uint64_t backend_commits(const struct backend *b)
{
    return atomic_load(&b->commits);
}
