/* handle_receipt.c - receipts: from receivers, kept until their senders acknowledge them. */
#include "cloudd/handle.h"

#include <stdlib.h>
#include <string.h>

#include "cloudd/handle_package.h"
#include "cloudd/mailbox.h"
#include "common/log.h"

#define PAGE 256

void handle_receipt(struct conn *c, const struct msg *m, const struct blob *body)
{
    (void)body;
    mailbox_receipt(c, &m->u.receipt);
}

static void send_receipt(struct conn *c, const struct store_receipt *r)
{
    struct msg m = {.type = MSG_RECEIPT};
    struct msg_receipt *out = &m.u.receipt;

    memcpy(out->peer, r->receiver, sizeof(out->peer));
    memcpy(out->session, r->session, SESSION_ID_BYTES);
    out->direction = r->direction;
    out->index = r->index;
    out->status = r->status;
    memcpy(out->digest, r->digest, DIGEST_BYTES);
    memcpy(out->mac, r->mac, MAC_BYTES);
    conn_send(c, &m);
}

void receipt_tell(struct server *srv, const struct store_receipt *r)
{
    struct conn *c = server_find(srv, r->sender, ROLE_SEND);

    if (c != NULL)
        send_receipt(c, r);
}

static void on_acked(struct store_op *op)
{
    server_completed(op->ctx, op);
    store_op_free(op);
}

void handle_receipt_ack(struct conn *c, const struct msg *m, const struct blob *body)
{
    const struct msg_receipt_ack *a = &m->u.receipt_ack;
    struct store_op *op = server_op(c->srv, c, STORE_RECEIPT_ACK, on_acked);

    (void)body;
    if (op == NULL)
        return;
    memcpy(op->u.stream.from, c->id, sizeof(op->u.stream.from));
    memcpy(op->u.stream.to, a->peer, sizeof(op->u.stream.to));
    memcpy(op->u.stream.session, a->session, SESSION_ID_BYTES);
    op->u.stream.next = a->index;
    server_submit(c->srv, op);
}

static void on_page(struct store_op *op)
{
    struct conn *c = server_completed(op->ctx, op);

    if (c != NULL && c->u.uplink != NULL) {
        c->u.uplink->listing = 0;
        for (size_t i = 0; i < op->u.receipts.n; i++)
            send_receipt(c, &op->u.receipts.v[i]);
        c->u.uplink->after = op->u.receipts.after;
        if (op->u.receipts.n < PAGE)
            c->u.uplink->more = 0;
        if (op->result == STORE_UNSURE || op->result == STORE_FULL)
            conn_close(c, REASON_STORAGE);
        else if (c->state == CONN_SEND)
            receipts_continue(c);
    }
    store_op_free(op);
}

void receipts_continue(struct conn *c)
{
    struct uplink *s = c->u.uplink;
    struct store_op *op;

    if (s == NULL || !s->more || s->listing || conn_backlog(c) > OUT_PAUSE || c->srv->draining)
        return;
    op = server_op(c->srv, c, STORE_RECEIPT_LIST, on_page);
    if (op == NULL)
        return;
    memcpy(op->u.receipts.sender, c->id, sizeof(op->u.receipts.sender));
    op->u.receipts.after = s->after;
    op->u.receipts.max_n = PAGE;
    s->listing = 1;
    server_submit(c->srv, op);
}

void receipts_resume(struct conn *c)
{
    struct uplink *s = uplink_of(c);

    if (s == NULL)
        return;
    s->after = 0;
    s->more = 1;
    receipts_continue(c);
}
