/* handle_attach.c - ATTACH: who the device is, and what has waited for it. */
#include "cloudd/handle.h"

#include <string.h>

#include "cloudd/mailbox.h"
#include "common/log.h"
#include "common/session.h"

static enum conn_state state_of(unsigned role)
{
    return role == ROLE_SEND ? CONN_SEND : role == ROLE_RECV ? CONN_RECV : CONN_READ;
}

static void attached(struct conn *c, const struct store_device *d)
{
    struct msg m = {.type = MSG_ATTACHED};
    struct conn *older;

    memcpy(c->id, d->id, sizeof(c->id));
    c->enrolment = d->enrolment;
    older = server_find(c->srv, c->id, (enum conn_role)c->role);
    if (older != NULL)
        conn_close(older, REASON_FENCED);
    conn_set_state(c, state_of(c->role));
    conn_set_deadline(c, 0);
    registry_add(c->srv->registry, c);
    /* No stranger, unless it comes and goes and comes again. */
    if (buckets_take(c->srv->attaches, server_hash(c->srv, c->id), server_clock()))
        buckets_give(c->srv->strangers, c->address);
    log_info("attached: %s %s", c->id, role_name(c->role));
    m.u.attached.enrolment = d->enrolment;
    m.u.attached.retention = RETENTION_DAYS;
    conn_send(c, &m);
    if (c->role == ROLE_READ)
        return;
    if (c->role == ROLE_SEND)
        receipts_resume(c);
    negotiations_resume(c);
    if (c->role == ROLE_RECV)
        mailbox_start(c);
}

static void on_device(struct store_op *op)
{
    struct conn *c = server_completed(op->ctx, op);

    if (c == NULL)
        ;
    else if (op->result == STORE_OK || op->result == STORE_ALREADY)
        attached(c, &op->u.device);
    else if (op->result == STORE_NOTFOUND || op->result == STORE_CONFLICT)
        conn_close(c, REASON_NOT_ENROLLED);
    else
        conn_close(c, REASON_STORAGE);
    store_op_free(op);
}

void handle_attach(struct conn *c, const struct msg *m, const struct blob *body)
{
    const struct msg_attach *a = &m->u.attach;
    struct store_op *op;

    (void)body;
    if (c->role == ROLE_ENROL) {
        conn_close(c, REASON_OUT_OF_ORDER);
        return;
    }
    op = server_op(c->srv, c, STORE_DEVICE_ATTACH, on_device);
    if (op == NULL)
        return;
    memcpy(op->u.device.id, a->id, sizeof(op->u.device.id));
    memcpy(op->u.device.key, c->key, KEY_BYTES);
    /* What a device offers is what its receiver offers: a sender says in OPEN what it wants. */
    if (c->role == ROLE_RECV)
        op->u.device.offer = (struct offer){a->profiles, a->suites, a->codecs};
    server_submit(c->srv, op);
}
