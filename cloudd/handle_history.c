/*
 * handle_history.c - HISTORY: a page of what is kept for the device that asks, bounded in packages
 * and bytes. The next page is sent when it is asked for, and a request is only read while little
 * waits to be sent: so a reader that is slow, or does not read at all, costs no more than a page.
 */
#include "cloudd/handle.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define PAGE_PACKAGES 64
#define PAGE_BYTES    (1u << 20)

static void send_kept(struct conn *c, const struct store_package *p)
{
    struct msg m = {.type = MSG_KEPT};
    size_t cap;
    uint8_t *body;
    struct wbuf w;

    m.u.kept.number = p->row;
    m.u.kept.type = p->is_shared ? MSG_PACKAGE_SHARED : MSG_PACKAGE;
    m.u.kept.package = (struct blob){p->body.p, p->body.len};
    cap = msg_encoded_max(&m);
    body = malloc(cap);
    if (body == NULL) {
        conn_drop(c);
        return;
    }
    wbuf_init(&w, body, cap);
    msg_encode(&m, &w);
    if (wbuf_err(&w) == 0)
        conn_send_body(c, MSG_KEPT, body, w.len);
    else /* longer than any package: it was damaged at rest, and the rest is worth having */
        log_error("what is kept for %s is damaged: number %llu", c->id, (unsigned long long)p->row);
    free(body);
}

static void send_end(struct conn *c, int more)
{
    struct msg m = {.type = MSG_HISTORY_END};

    m.u.history_end.more = more != 0;
    m.u.history_end.days = (uint16_t)c->srv->opt->retain;
    conn_send(c, &m);
}

static void on_history(struct store_op *op)
{
    struct conn *c = server_completed(op->ctx, op);

    if (c != NULL && op->result == STORE_OK) {
        for (size_t i = 0; i < op->u.history.n && c->state == CONN_READ; i++)
            send_kept(c, &op->u.history.v[i]);
        if (c->state == CONN_READ)
            send_end(c, op->u.history.more);
    } else if (c != NULL) {
        conn_close(c, REASON_STORAGE);
    }
    store_op_free(op);
}

void handle_history(struct conn *c, const struct msg *m, const struct blob *body)
{
    const struct msg_history *h = &m->u.history;
    struct store_op *op;

    (void)body;
    /* What is left of a time when packages were kept is about to go. */
    if (c->srv->opt->retain == 0) {
        send_end(c, 0);
        return;
    }
    op = server_op(c->srv, c, STORE_HISTORY, on_history);
    if (op == NULL)
        return;
    memcpy(op->u.history.to, c->id, sizeof(op->u.history.to));
    memcpy(op->u.history.from, h->peer, sizeof(op->u.history.from));
    op->u.history.after = h->after;
    op->u.history.since = h->since;
    op->u.history.max_n = h->limit < PAGE_PACKAGES ? h->limit : PAGE_PACKAGES;
    op->u.history.max_bytes = PAGE_BYTES;
    server_submit(c->srv, op);
}
