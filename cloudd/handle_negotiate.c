/*
 * handle_negotiate.c - steps 2 to 6 of a negotiation. Each message names T; the record of T is
 * fetched, the message judged by it on the pool, the record advanced on the disk, and only then
 * does the other device hear of it. A repeated message is answered again with what is due.
 */
#include "cloudd/handle.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/neg_step.h"
#include "common/log.h"

static void step_free(struct step *s)
{
    store_op_free(s->found);
    free(s->record.p);
    free(s->copy.p);
    sodium_memzero(s, sizeof(*s));
    free(s);
}

static struct conn *initiator_of(const struct step *s)
{
    return server_find(s->srv, s->rec.terms.initiator, ROLE_SEND);
}

static struct conn *responder_of(const struct step *s)
{
    return server_find(s->srv, s->rec.terms.responder, ROLE_RECV);
}

static void on_deleted(struct store_op *op)
{
    server_completed(op->ctx, op);
    store_op_free(op);
}

/* Nobody waits for this: what is left over goes when negotiations expire. */
static void delete_negotiation(struct server *srv, const uint8_t t[NEG_ID_BYTES])
{
    struct store_op *op = server_op(srv, NULL, STORE_NEG_DELETE, on_deleted);

    if (op == NULL)
        return;
    memcpy(op->u.neg.neg.id, t, NEG_ID_BYTES);
    server_submit(srv, op);
}

/* The negotiation is over: both devices, as far as they are there, and the store. */
static void reject_all(struct step *s, unsigned reason)
{
    const struct neg_terms *t = &s->rec.terms;
    struct conn *i = initiator_of(s), *r = responder_of(s);

    if (i != NULL)
        neg_send_reject(i, s->rec.request, s->t, t->responder, reason);
    if (r != NULL && reason == REASON_CHECK_FAILED)
        neg_send_reject(r, s->rec.request, s->t, t->initiator, reason);
    delete_negotiation(s->srv, s->t);
}

/* What the parties get once the record stands at its state. */
static void send_due(struct step *s)
{
    enum neg_due due = neg_due(&s->rec, s->state);
    struct conn *i = initiator_of(s), *r = responder_of(s);

    if (due == NEG_DUE_FORWARD && i != NULL)
        neg_send_pending(i, &s->rec);
    if (due == NEG_DUE_RESULT && i != NULL && !negotiations_hold(i))
        neg_send(i, &s->due);
    if ((due == NEG_DUE_FORWARD || due == NEG_DUE_GRANT) && r != NULL && !negotiations_hold(r))
        neg_send(r, &s->due);
}

static const char *advance_name(const struct step *s)
{
    return s->type == MSG_NEG_REQUEST  ? "asked"
           : s->type == MSG_NEG_ANSWER ? "answered"
                                       : "granted";
}

static void on_advanced(struct store_op *op)
{
    struct step *s = op->ctx;
    struct conn *c = server_completed(s->srv, op);

    /* ALREADY: two copies of one message crossed; the first one's completion has answered. */
    if (op->result == STORE_OK) {
        log_info("negotiation %s: %s to %s", advance_name(s), s->rec.terms.initiator,
                 s->rec.terms.responder);
        send_due(s);
    } else if (op->result != STORE_ALREADY && c != NULL) {
        neg_send_reject(c, s->rec.request, s->t, s->peer,
                        op->result == STORE_CONFLICT || op->result == STORE_NOTFOUND
                            ? REASON_STALE
                            : REASON_STORAGE);
    }
    step_free(s);
    store_op_free(op);
}

/* Write the record in its next state. Takes s. */
static void advance(struct conn *c, struct step *s)
{
    struct store_op *op = server_op(s->srv, c, STORE_NEG_PUT, on_advanced);
    struct store_neg *n;

    if (op == NULL) {
        step_free(s);
        return;
    }
    op->ctx = s;
    n = &op->u.neg.neg;
    memcpy(n->id, s->t, NEG_ID_BYTES);
    n->request = s->rec.request;
    memcpy(n->from, s->rec.terms.initiator, sizeof(n->from));
    memcpy(n->to, s->rec.terms.responder, sizeof(n->to));
    n->state = s->state;
    n->sealed = s->record;
    n->state_sealed = s->copy;
    memcpy(n->session, s->session, SESSION_ID_BYTES);
    server_submit(s->srv, op);
}

/* The session is made: the responder gets the proof, if it is there. */
static void confirmed(struct step *s)
{
    struct msg m = {.type = MSG_NEG_CONFIRM};
    struct conn *r = responder_of(s);

    m.u.neg_confirm = s->confirm;
    log_info("session negotiated: %s to %s", s->rec.terms.initiator, s->rec.terms.responder);
    if (r != NULL)
        conn_send(r, &m);
    delete_negotiation(s->srv, s->t);
}

/* What a device gets that asked about a negotiation which is not there for it. */
static void tell_unknown(struct conn *c, const struct step *s, unsigned reason)
{
    if (s->type != MSG_NEG_CONFIRM)
        neg_send_reject(c, 0, s->t, c->id, reason);
}

static void on_judged(struct job *job)
{
    struct step *s = job->ctx;
    struct conn *c = server_worked(s->srv, job);
    const struct neg_terms *t = &s->rec.terms;

    if (s->type == MSG_NEG_CONFIRM && s->verdict == VERDICT_REPEAT) {
        confirmed(s);
        step_free(s);
        return;
    }
    if (c == NULL || s->verdict == VERDICT_UNKNOWN) {
        if (c != NULL)
            tell_unknown(c, s, REASON_STALE);
        step_free(s);
        return;
    }
    memcpy(s->peer, c->role == ROLE_SEND ? t->responder : t->initiator, sizeof(s->peer));
    if (s->verdict == VERDICT_ADVANCE) {
        advance(c, s);
        return;
    }
    if (s->verdict == VERDICT_REPEAT)
        send_due(s);
    else if (s->verdict == VERDICT_WRONG)
        reject_all(s, s->type == MSG_NEG_REQUEST ? REASON_CHECK_FAILED : s->reason);
    else if (s->type != MSG_NEG_CONFIRM)
        neg_send_reject(c, s->rec.request, s->t, s->peer, REASON_STALE);
    step_free(s);
}

static void on_found(struct store_op *op)
{
    struct step *s = op->ctx;
    struct conn *c = server_completed(s->srv, op);

    s->found = op;
    /* A confirmation is the initiator's last word: it may have left since. */
    if ((c != NULL || s->type == MSG_NEG_CONFIRM) && op->result == STORE_OK) {
        s->job = (struct job){.run = neg_judge, .done = on_judged, .ctx = s};
        server_work(s->srv, c, &s->job);
        return;
    }
    if (c != NULL)
        tell_unknown(c, s, op->result == STORE_UNSURE ? REASON_STORAGE : REASON_STALE);
    step_free(s);
}

static void look_up(struct conn *c, const struct step *step)
{
    struct step *s = malloc(sizeof(*s));
    struct store_op *op = server_op(c->srv, c, STORE_NEG_GET, on_found);

    if (s == NULL || op == NULL) {
        free(s);
        store_op_free(op);
        conn_drop(c);
        return;
    }
    *s = *step;
    s->srv = c->srv;
    memcpy(s->from, c->id, sizeof(s->from));
    s->enrolment = c->enrolment;
    op->ctx = s;
    memcpy(op->u.neg.neg.id, s->t, NEG_ID_BYTES);
    server_submit(c->srv, op);
}

static void keep(struct step *s, const struct blob *sealed, const struct blob *noise)
{
    if (sealed->len > 0)
        memcpy(s->sealed, sealed->p, sealed->len);
    s->sealed_len = sealed->len;
    if (noise->len > 0)
        memcpy(s->noise.b, noise->p, noise->len);
    s->noise.len = noise->len;
}

void handle_neg_request(struct conn *c, const struct msg *m, const struct blob *body)
{
    struct step s = {.type = MSG_NEG_REQUEST};

    (void)body;
    memcpy(s.t, m->u.neg_request.negotiation, NEG_ID_BYTES);
    keep(&s, &m->u.neg_request.sealed, &m->u.neg_request.noise);
    look_up(c, &s);
}

void handle_neg_answer(struct conn *c, const struct msg *m, const struct blob *body)
{
    struct step s = {.type = MSG_NEG_ANSWER, .reason = m->u.neg_answer.reason};

    (void)body;
    memcpy(s.t, m->u.neg_answer.negotiation, NEG_ID_BYTES);
    keep(&s, &m->u.neg_answer.sealed, &m->u.neg_answer.noise);
    look_up(c, &s);
}

void handle_neg_granted(struct conn *c, const struct msg *m, const struct blob *body)
{
    struct step s = {.type = MSG_NEG_GRANTED};

    (void)body;
    memcpy(s.t, m->u.neg_granted.negotiation, NEG_ID_BYTES);
    look_up(c, &s);
}

void handle_neg_confirm(struct conn *c, const struct msg *m, const struct blob *body)
{
    struct step s = {.type = MSG_NEG_CONFIRM, .confirm = m->u.neg_confirm};

    (void)body;
    memcpy(s.t, m->u.neg_confirm.negotiation, NEG_ID_BYTES);
    look_up(c, &s);
}
