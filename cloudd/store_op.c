/* store_op.c - the life of one operation: made, emptied of what the store allocated, freed. */
#include <stdlib.h>

#include "cloudd/store_backend.h"

int store_op_is_read(enum store_kind kind)
{
    switch (kind) {
    case STORE_DEVICE_GET:
    case STORE_DEVICE_LIST:
    case STORE_REVOKED_SINCE:
    case STORE_PAIR_GET:
    case STORE_NEG_GET:
    case STORE_NEG_LIST:
    case STORE_FETCH:
    case STORE_HISTORY:
    case STORE_RECEIPT_LIST:
    case STORE_STREAM:
    case STORE_MAILBOXES:
    case STORE_SESSIONS:
    case STORE_BACKUP:
        return 1;
    case STORE_INVITE:
    case STORE_TOKEN_RESERVE:
    case STORE_DEVICE_ADD:
    case STORE_DEVICE_ATTACH:
    case STORE_DEVICE_REVOKE:
    case STORE_PAIR_PUT:
    case STORE_NEG_PUT:
    case STORE_NEG_DELETE:
    case STORE_ENQUEUE:
    case STORE_RECEIPT:
    case STORE_RECEIPT_ACK:
    case STORE_EXPIRE:
        return 0;
    }
    return 0;
}

size_t store_op_bytes(const struct store_op *op)
{
    const struct store_common *common;

    if (op->kind != STORE_ENQUEUE)
        return 0;
    common = op->u.enqueue.common;
    return op->u.enqueue.package.body.len +
           (common != NULL && op->u.enqueue.carries_common ? common->len : 0);
}

struct store_op *store_op_new(enum store_kind kind, void (*done)(struct store_op *))
{
    struct store_op *op = calloc(1, sizeof(*op));

    if (op != NULL) {
        op->kind = kind;
        op->done = done;
    }
    return op;
}

static void free_pair(struct store_op *op)
{
    /* A put lends `sealed`, unless the answer took its place. */
    if (op->kind == STORE_PAIR_GET || op->result == STORE_ALREADY)
        free(op->u.pair.sealed.p);
    free(op->u.pair.rec_a.p);
    free(op->u.pair.rec_b.p);
}

static void free_negs(struct store_op *op)
{
    for (size_t i = 0; i < op->u.negs.n; i++)
        free(op->u.negs.v[i].sealed.p);
    free(op->u.negs.v);
}

static void free_packages(struct store_package *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(v[i].body.p);
    free(v);
}

void store_op_free_outputs(struct store_op *op)
{
    switch (op->kind) {
    case STORE_DEVICE_LIST:
        free(op->u.devices.v);
        break;
    case STORE_REVOKED_SINCE:
        free(op->u.revoked.v);
        break;
    case STORE_PAIR_GET:
    case STORE_PAIR_PUT:
        free_pair(op);
        break;
    case STORE_NEG_GET:
        free(op->u.neg.neg.sealed.p);
        break;
    case STORE_NEG_LIST:
        free_negs(op);
        break;
    case STORE_FETCH:
        free_packages(op->u.fetch.v, op->u.fetch.n);
        break;
    case STORE_HISTORY:
        free_packages(op->u.history.v, op->u.history.n);
        break;
    case STORE_RECEIPT_LIST:
        free(op->u.receipts.v);
        break;
    case STORE_EXPIRE:
        free(op->u.expire.senders);
        break;
    case STORE_MAILBOXES:
        free(op->u.mailboxes.v);
        break;
    case STORE_SESSIONS:
        free(op->u.sessions.v);
        break;
    case STORE_INVITE:
    case STORE_TOKEN_RESERVE:
    case STORE_DEVICE_ADD:
    case STORE_DEVICE_ATTACH:
    case STORE_DEVICE_GET:
    case STORE_DEVICE_REVOKE:
    case STORE_NEG_PUT:
    case STORE_NEG_DELETE:
    case STORE_ENQUEUE:
    case STORE_RECEIPT:
    case STORE_RECEIPT_ACK:
    case STORE_STREAM:
    case STORE_BACKUP:
        break;
    }
}

void store_op_free(struct store_op *op)
{
    if (op == NULL)
        return;
    store_op_free_outputs(op);
    free(op);
}
