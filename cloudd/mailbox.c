/* mailbox.c - the delivery pump: fetched or handed over, sent, matched with receipts. */
#include "cloudd/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/handle.h"
#include "common/log.h"
#include "common/session.h"
#include "common/set.h"

/* A package that is sent and not receipted, with the columns that the store keeps beside it. */
struct delivery {
    TAILQ_ENTRY(delivery) link;
    struct store_handover *handover; /* while it is being written; owned by that operation */
    uint64_t row, index;             /* row 0: not in the store (yet, or refused by it) */
    size_t bytes;
    uint8_t direction;
    uint8_t session[SESSION_ID_BYTES];
    uint8_t digest[DIGEST_BYTES]; /* of the bytes as sent */
    char from[ID_MAX + 1];
};

struct mailbox {
    TAILQ_HEAD(, delivery) sent;
    size_t n, bytes;
    uint64_t cursor;          /* rows up to here are sent */
    uint8_t fetching, behind; /* the store may hold rows after the cursor */
};

static void remove_delivery(struct mailbox *box, struct delivery *d)
{
    TAILQ_REMOVE(&box->sent, d, link);
    box->n--;
    box->bytes -= d->bytes;
    free(d);
}

void mailbox_free(struct mailbox *box)
{
    if (box == NULL)
        return;
    while (!TAILQ_EMPTY(&box->sent))
        remove_delivery(box, TAILQ_FIRST(&box->sent));
    free(box);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int has_room(const struct conn *c)
{
    const struct mailbox *box = c->u.mailbox;

    return box->n < WINDOW_PACKAGES && box->bytes < WINDOW_BYTES && conn_backlog(c) < OUT_PAUSE;
}

static void on_receipted(struct store_op *op)
{
    struct server *srv = op->ctx;
    struct conn *c = server_completed(srv, op);

    if (op->result != STORE_OK && op->result != STORE_ALREADY && op->result != STORE_NOTFOUND) {
        log_warn("a receipt of %s could not be written: %s", op->u.receipt.receipt.receiver,
                 reason_name(op->reason));
        server_retry(srv, op);
        return;
    }
    if (c != NULL && c->state == CONN_RECV)
        mailbox_continue(c);
    store_op_free(op);
}

static void submit_receipt(struct server *srv, struct conn *c, uint64_t row,
                           const struct store_receipt *r)
{
    struct store_op *op = server_op(srv, c, STORE_RECEIPT, on_receipted);

    if (op == NULL)
        return;
    op->u.receipt.row = row;
    op->u.receipt.keep = srv->opt->retain > 0;
    op->u.receipt.receipt = *r;
    server_submit(srv, op);
}

/* The receipt under the names that the store has for this delivery. */
static void name_receipt(const struct conn *c, const struct delivery *d, struct store_receipt *r)
{
    memset(r, 0, sizeof(*r));
    memcpy(r->sender, d->from, sizeof(r->sender));
    memcpy(r->receiver, c->id, sizeof(r->receiver));
    memcpy(r->session, d->session, SESSION_ID_BYTES);
    r->direction = d->direction;
    r->index = d->index;
    memcpy(r->digest, d->digest, DIGEST_BYTES);
}

/* A copy that is no package any more: the receiver could not even answer it. */
static void refuse_damaged(struct conn *c, struct delivery *d)
{
    struct store_receipt r;

    log_error("a package of %s for %s is damaged at rest", d->from, c->id);
    name_receipt(c, d, &r);
    r.status = RECEIPT_UNVERIFIABLE;
    receipt_tell(c->srv, &r);
    submit_receipt(c->srv, c, d->row, &r);
    free(d);
}

/* A delivery of the package, without its digest; NULL without memory: c is then dropped. */
static struct delivery *delivery_new(struct conn *c, const struct store_package *p)
{
    struct delivery *d = calloc(1, sizeof(*d));

    if (d == NULL) {
        conn_drop(c);
        return NULL;
    }
    d->row = p->row;
    d->index = p->index;
    d->direction = p->direction;
    d->bytes = p->body.len;
    memcpy(d->session, p->session, SESSION_ID_BYTES);
    memcpy(d->from, p->from, sizeof(d->from));
    return d;
}

static void send_package(struct conn *c, struct delivery *d, const struct store_package *p)
{
    enum msg_type type = p->is_shared ? MSG_PACKAGE_SHARED : MSG_PACKAGE;
    struct mailbox *box = c->u.mailbox;

    TAILQ_INSERT_TAIL(&box->sent, d, link);
    box->n++;
    box->bytes += d->bytes;
    conn_send_body(c, type, p->body.p, p->body.len);
}

/* The digest of a package in the store, and whether it still is one. */
static int digest_stored(uint8_t digest[DIGEST_BYTES], const struct store_package *p)
{
    struct set_shared shared;
    struct msg m;
    int err;

    package_digest(digest, p->body.p, p->body.len);
    if (!p->is_shared)
        return msg_decode(&m, MSG_PACKAGE, p->body.p, p->body.len);
    err = msg_decode(&m, MSG_PACKAGE_SHARED, p->body.p, p->body.len);
    if (err == 0)
        err = set_shared_parse(&shared, &m.u.package_shared);
    if (err == 0)
        memcpy(digest, shared.digest, DIGEST_BYTES);
    return err;
}

/* A package as the disk gave it back. */
static void deliver_stored(struct conn *c, const struct store_package *p)
{
    struct delivery *d;

    if (p->row <= c->u.mailbox->cursor)
        return;
    c->u.mailbox->cursor = p->row;
    d = delivery_new(c, p);
    if (d == NULL)
        return;
    if (digest_stored(d->digest, p) != 0)
        refuse_damaged(c, d);
    else
        send_package(c, d, p);
}

static void on_fetched(struct store_op *op)
{
    struct conn *c = server_completed(op->ctx, op);
    size_t n = op->u.fetch.n;

    if (c != NULL) {
        c->u.mailbox->fetching = 0;
        if (op->result == STORE_OK && n > 0)
            c->u.mailbox->behind = 1; /* there may be more */
        if (op->result == STORE_UNSURE || op->result == STORE_FULL) {
            conn_close(c, REASON_STORAGE);
            n = 0;
        }
        for (size_t i = 0; i < n && c->state == CONN_RECV; i++)
            deliver_stored(c, &op->u.fetch.v[i]);
        if (c->state == CONN_RECV)
            mailbox_continue(c);
    }
    store_op_free(op);
}

void mailbox_continue(struct conn *c)
{
    struct mailbox *box = c->u.mailbox;
    struct store_op *op;

    if (box == NULL || !box->behind || box->fetching || !has_room(c) || c->srv->draining)
        return;
    op = server_op(c->srv, c, STORE_FETCH, on_fetched);
    if (op == NULL)
        return;
    memcpy(op->u.fetch.to, c->id, sizeof(op->u.fetch.to));
    op->u.fetch.after = box->cursor;
    op->u.fetch.max_n = smaller(WINDOW_PACKAGES - box->n, FETCH_PACKAGES);
    op->u.fetch.max_bytes = smaller(WINDOW_BYTES - box->bytes, FETCH_BYTES);
    box->fetching = 1;
    box->behind = 0;
    server_submit(c->srv, op);
}

void mailbox_start(struct conn *c)
{
    struct mailbox *box = calloc(1, sizeof(*box));

    if (box == NULL) {
        conn_drop(c);
        return;
    }
    TAILQ_INIT(&box->sent);
    box->behind = 1;
    c->u.mailbox = box;
    mailbox_continue(c);
}

static struct delivery *find_delivery(const struct mailbox *box, const uint8_t *digest)
{
    struct delivery *d;

    d = TAILQ_FIRST(&box->sent);
    while (d != NULL && memcmp(d->digest, digest, DIGEST_BYTES) != 0)
        d = TAILQ_NEXT(d, link);
    return d;
}

/* Everything in the store is sent, and there is room for more. */
static int has_caught_up(const struct conn *c)
{
    const struct mailbox *box = c->u.mailbox;

    return box != NULL && !box->behind && !box->fetching && !c->srv->draining && has_room(c);
}

void mailbox_hand_over(struct server *srv, struct store_op *op)
{
    const struct store_package *p = &op->u.enqueue.package;
    struct conn *c = server_find(srv, p->to, ROLE_RECV);
    struct store_handover *h;
    struct delivery *d;

    if (c == NULL || c->u.mailbox == NULL)
        return;
    /* A copy that is under way already was sent again by its sender: once is enough. A package to
     * a member of a set is made whole by the store. */
    if (op->u.enqueue.common != NULL || !has_caught_up(c) ||
        find_delivery(c->u.mailbox, op->u.enqueue.digest) != NULL) {
        /* It will come from the store, and so must all that follow it until then. */
        c->u.mailbox->behind = 1;
        return;
    }
    h = calloc(1, sizeof(*h));
    d = h != NULL ? delivery_new(c, p) : NULL;
    if (d == NULL) {
        free(h);
        conn_drop(c);
        return;
    }
    h->receiver = c->serial;
    memcpy(d->digest, op->u.enqueue.digest, DIGEST_BYTES);
    d->handover = op->u.enqueue.handover = h;
    send_package(c, d, p);
}

static struct delivery *find_handover(const struct mailbox *box, const struct store_handover *h)
{
    struct delivery *d;

    d = TAILQ_FIRST(&box->sent);
    while (d != NULL && d->handover != h)
        d = TAILQ_NEXT(d, link);
    return d;
}

/* Is the package under way to the receiver? Then it has a row from now on. */
static int settle(struct conn *c, const struct store_op *op)
{
    uint64_t row = op->u.enqueue.package.row;
    struct delivery *d = NULL;

    if (op->u.enqueue.handover != NULL && c->u.mailbox != NULL)
        d = find_handover(c->u.mailbox, op->u.enqueue.handover);
    if (d == NULL)
        return 0;
    d->handover = NULL;
    d->row = row;
    if (row > c->u.mailbox->cursor)
        c->u.mailbox->cursor = row;
    return 1;
}

void mailbox_written(struct server *srv, struct store_op *op)
{
    struct store_package *p = &op->u.enqueue.package;
    struct store_handover *h = op->u.enqueue.handover;
    struct conn *c = server_find(srv, p->to, ROLE_RECV);
    struct mailbox *box = c != NULL ? c->u.mailbox : NULL;

    if (h != NULL && atomic_load(&h->receipted)) {
        if (srv->opt->retain > 0)
            receipt_tell(srv, &h->receipt);
        /* The receipt came too late to take its place: now it takes the row away. */
        if (!op->u.enqueue.receipt_known)
            submit_receipt(srv, NULL, p->row, &h->receipt);
        if (box != NULL && h->receiver == c->serial && p->row > box->cursor)
            box->cursor = p->row;
    } else if (box != NULL && !settle(c, op) && op->result == STORE_OK) {
        /* Not handed over, or to a connection that is gone: it comes from the store. */
        box->behind = 1;
        mailbox_continue(c);
    }
    op->u.enqueue.handover = NULL;
    free(h);
}

static int names_match(const struct delivery *d, const struct msg_receipt *r)
{
    return strcmp(d->from, r->peer) == 0 && d->direction == r->direction && d->index == r->index &&
           memcmp(d->session, r->session, SESSION_ID_BYTES) == 0;
}

static int is_receivers_status(uint8_t status)
{
    return status == RECEIPT_VERIFIED || status == RECEIPT_REJECTED ||
           status == RECEIPT_UNVERIFIABLE;
}

void mailbox_receipt(struct conn *c, const struct msg_receipt *r)
{
    struct delivery *d = c->u.mailbox != NULL ? find_delivery(c->u.mailbox, r->digest) : NULL;
    struct store_receipt kept;

    if (d == NULL || !is_receivers_status(r->status)) {
        log_debug("a receipt of %s belongs to nothing in flight", c->id);
        return;
    }
    name_receipt(c, d, &kept);
    if (names_match(d, r)) {
        kept.status = r->status;
        memcpy(kept.mac, r->mac, MAC_BYTES);
    } else {
        /* The header was altered at rest. The sender gets it under the names it knows, without the
         * MAC, which was made over the others. */
        kept.status = RECEIPT_UNVERIFIABLE;
    }
    if (kept.status != RECEIPT_VERIFIED)
        log_info("refused: a package of %s by %s: %s", d->from, c->id,
                 kept.status == RECEIPT_REJECTED ? "rejected" : "unverifiable");
    /* The sender may hear it at once: if we fall before it is written, the package is delivered
     * again and receipted again. One that is not written yet nobody would send again: where it is
     * to be kept, mailbox_written() tells. */
    if (d->handover == NULL || c->srv->opt->retain == 0)
        receipt_tell(c->srv, &kept);
    if (d->handover != NULL) {
        d->handover->receipt = kept;
        atomic_store(&d->handover->receipted, 1);
    } else {
        submit_receipt(c->srv, c, d->row, &kept);
    }
    remove_delivery(c->u.mailbox, d);
    mailbox_continue(c);
}
