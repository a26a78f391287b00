/*
 * neg_resume.c - what waits of negotiations for a device that attaches, or that did not read for a
 * while: listed by the store, written on the pool, sent on the loop.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/handle.h"
#include "cloudd/neg_send.h"
#include "cloudd/records.h"
#include "common/err.h"
#include "common/log.h"

/* conn.negs_held: kept back; the store makes the list; the pool makes the letters from it; and then
 * there is more, which came after the list. */
enum { HELD = 1, LISTING, LISTED, LISTED_AND_MORE };

/* The negotiations of one device, listed, on their way through the pool. */
struct listing {
    struct job job;
    struct server *srv;
    struct store_op *list;
    enum conn_role role;
    struct letters *due; /* for each */
};

static void listing_free(struct listing *l)
{
    store_op_free(l->list);
    free(l->due);
    free(l);
}

static int write_to_initiator(struct letters *out, const struct neg_record *rec,
                              enum neg_state state)
{
    enum neg_due due = neg_due(rec, state);
    int err = 0;

    if (due == NEG_DUE_REQUEST || due == NEG_DUE_RESULT)
        err = neg_write_salt(out, rec, ROLE_SEND);
    return err == 0 && due == NEG_DUE_RESULT ? neg_write_result(out, rec) : err;
}

static int write_to_responder(struct letters *out, const struct neg_record *rec,
                              enum neg_state state)
{
    enum neg_due due = neg_due(rec, state);
    int err = 0;

    if (due == NEG_DUE_GRANT)
        return neg_write_grant(out, rec);
    if (due == NEG_DUE_REQUEST || due == NEG_DUE_FORWARD)
        err = neg_write_salt(out, rec, ROLE_RECV);
    return err == 0 && due == NEG_DUE_FORWARD ? neg_write_forward(out, rec) : err;
}

static int write_due(struct letters *out, const struct listing *l, const struct store_neg *row)
{
    struct neg_record rec;
    int err = neg_record_open(&rec, &l->srv->home->secrets->key, row);

    if (err != 0)
        return err;
    err = l->role == ROLE_SEND ? write_to_initiator(out, &rec, row->state)
                               : write_to_responder(out, &rec, row->state);
    sodium_memzero(&rec, sizeof(rec));
    return err;
}

/* On the pool. */
static void write_list(struct job *job)
{
    struct listing *l = job->ctx;
    const struct store_neg *v = l->list->u.negs.v;
    int err;

    for (size_t i = 0; i < l->list->u.negs.n; i++) {
        err = write_due(&l->due[i], l, &v[i]);
        if (err == 0)
            continue;
        l->due[i].n = 0;
        log_error("the negotiation of %s with %s cannot be read: %s", v[i].from, v[i].to,
                  err_str(err));
    }
}

static void on_list_written(struct job *job)
{
    struct listing *l = job->ctx;
    struct conn *c = server_worked(l->srv, job);

    if (c != NULL) {
        for (size_t i = 0; i < l->list->u.negs.n; i++)
            neg_send(c, &l->due[i]);
        c->negs_held = c->negs_held == LISTED_AND_MORE ? HELD : 0;
        negotiations_continue(c);
    }
    listing_free(l);
}

static struct listing *listing_new(struct conn *c, struct store_op *list)
{
    struct listing *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->due = calloc(list->u.negs.n, sizeof(*l->due));
    if (l->due == NULL) {
        free(l);
        return NULL;
    }
    l->job = (struct job){.run = write_list, .done = on_list_written, .ctx = l};
    l->srv = c->srv;
    l->list = list;
    l->role = (enum conn_role)c->role;
    return l;
}

static void on_listed(struct store_op *op)
{
    struct conn *c = server_completed(op->ctx, op);
    struct listing *l;

    if (c == NULL || op->result != STORE_OK || op->u.negs.n == 0) {
        if (c != NULL)
            c->negs_held = 0;
        if (c != NULL && op->result != STORE_OK)
            conn_close(c, REASON_STORAGE);
        store_op_free(op);
        return;
    }
    l = listing_new(c, op);
    if (l == NULL) {
        store_op_free(op);
        conn_drop(c);
        return;
    }
    /* What was held back before this list was made is in it; what comes now follows it. */
    c->negs_held = LISTED;
    server_work(c->srv, c, &l->job);
}

int negotiations_hold(struct conn *c)
{
    if (c->negs_held == LISTED)
        c->negs_held = LISTED_AND_MORE;
    else if (!c->negs_held && conn_backlog(c) > OUT_PAUSE)
        c->negs_held = HELD;
    return c->negs_held != 0;
}

void negotiations_continue(struct conn *c)
{
    if (c->negs_held == HELD && conn_backlog(c) == 0 && !c->srv->draining)
        negotiations_resume(c);
}

void negotiations_resume(struct conn *c)
{
    struct store_op *op = server_op(c->srv, c, STORE_NEG_LIST, on_listed);

    if (op == NULL)
        return;
    c->negs_held = LISTING;
    memcpy(op->u.negs.id, c->id, sizeof(op->u.negs.id));
    op->u.negs.role = (enum conn_role)c->role;
    server_submit(c->srv, op);
}
