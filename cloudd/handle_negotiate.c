/*
 * handle_negotiate.c - steps 2 to 6 of a negotiation. Each message names T; the record of T is
 * fetched, the message checked against it, the record advanced on the disk, and only then does the
 * other device hear of it. A repeated message is answered again with what is due.
 */
#include "cloudd/handle.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/neg_send.h"
#include "cloudd/records.h"
#include "common/err.h"
#include "common/log.h"

/* conn.negs_held: kept back, then being listed. */
enum { HELD = 1, LISTING = 2 };

/* One message of a device about a negotiation, kept while the store looks for T. */
struct step {
    struct server *srv;
    enum msg_type type;
    uint8_t t[NEG_ID_BYTES];
    char peer[ID_MAX + 1]; /* of the device that sent it, once the record is there */
    unsigned reason;       /* of NEG_ANSWER */
    uint8_t sealed[NEG_SEALED_MAX], noise[NOISE_MAX];
    size_t sealed_len, noise_len;
    struct msg_neg_confirm confirm;
    struct neg_record rec;
    struct store_bytes record; /* lent to the store while it writes */
};

static void step_free(struct step *s)
{
    free(s->record.p);
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

/* What the parties get once the record stands at `state`. */
static void send_due(struct step *s, enum neg_state state)
{
    struct conn *i = initiator_of(s), *r = responder_of(s);

    if (state == NEG_ASKED) {
        if (i != NULL)
            neg_send_pending(i, &s->rec);
        if (r != NULL && !negotiations_hold(r))
            neg_send_forward(r, &s->rec);
    } else if (state == NEG_ANSWERED && i != NULL) {
        neg_send_result(i, &s->rec);
    }
}

static void on_advanced(struct store_op *op)
{
    struct step *s = op->ctx;
    struct conn *c = server_completed(s->srv, op);

    /* ALREADY: two copies of one message crossed; the first one's completion has answered. */
    if (op->result == STORE_OK) {
        log_info("negotiation %s: %s to %s", s->type == MSG_NEG_REQUEST ? "asked" : "answered",
                 s->rec.terms.initiator, s->rec.terms.responder);
        send_due(s, op->u.neg.neg.state);
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
static void advance(struct conn *c, struct step *s, enum neg_state state)
{
    struct store_op *op = server_op(s->srv, c, STORE_NEG_PUT, on_advanced);
    struct store_neg *n;

    if (op == NULL || neg_record_seal(&s->record, s->rec.terms.cloud, &s->rec) != 0) {
        neg_send_reject(c, s->rec.request, s->t, s->peer, REASON_STORAGE);
        store_op_free(op);
        step_free(s);
        return;
    }
    op->ctx = s;
    n = &op->u.neg.neg;
    memcpy(n->id, s->t, NEG_ID_BYTES);
    n->request = s->rec.request;
    memcpy(n->from, s->rec.terms.initiator, sizeof(n->from));
    memcpy(n->to, s->rec.terms.responder, sizeof(n->to));
    n->state = state;
    n->sealed = s->record;
    server_submit(s->srv, op);
}

static int body_is_right(const struct step *s)
{
    struct blob sealed = {s->sealed, s->sealed_len};

    return neg_body_check(&s->rec.terms, &sealed, &s->srv->home->secrets->key) == 0;
}

static int same_noise(const struct step *s, const uint8_t *noise, size_t len)
{
    return s->noise_len == len && sodium_memcmp(s->noise, noise, len) == 0;
}

/* Step 2. Takes s. */
static void take_request(struct conn *c, struct step *s, enum neg_state state)
{
    if (!body_is_right(s) || s->noise_len == 0) {
        reject_all(s, REASON_CHECK_FAILED);
    } else if (state == NEG_OPENED) {
        memcpy(s->rec.noise1, s->noise, s->noise_len);
        s->rec.noise1_len = s->noise_len;
        advance(c, s, NEG_ASKED);
        return;
    } else if (same_noise(s, s->rec.noise1, s->rec.noise1_len)) {
        send_due(s, state);
    } else {
        neg_send_reject(c, s->rec.request, s->t, s->peer, REASON_STALE);
    }
    step_free(s);
}

/* Step 4. Takes s. */
static void take_answer(struct conn *c, struct step *s, enum neg_state state)
{
    if (s->reason != REASON_NONE && state != NEG_ANSWERED) {
        reject_all(s, s->reason);
    } else if (s->reason != REASON_NONE || state == NEG_OPENED) {
        neg_send_reject(c, s->rec.request, s->t, s->peer, REASON_STALE);
    } else if (!body_is_right(s) || s->noise_len == 0) {
        reject_all(s, REASON_CHECK_FAILED);
    } else if (state == NEG_ASKED) {
        memcpy(s->rec.noise2, s->noise, s->noise_len);
        s->rec.noise2_len = s->noise_len;
        advance(c, s, NEG_ANSWERED);
        return;
    } else if (same_noise(s, s->rec.noise2, s->rec.noise2_len)) {
        send_due(s, state);
    } else {
        neg_send_reject(c, s->rec.request, s->t, s->peer, REASON_STALE);
    }
    step_free(s);
}

/* After step 6. Takes s. */
static void take_confirm(struct step *s, enum neg_state state)
{
    struct msg m = {.type = MSG_NEG_CONFIRM};
    struct conn *r = responder_of(s);

    if (state == NEG_ANSWERED) {
        m.u.neg_confirm = s->confirm;
        log_info("session negotiated: %s to %s", s->rec.terms.initiator, s->rec.terms.responder);
        if (r != NULL)
            conn_send(r, &m);
        delete_negotiation(s->srv, s->t);
    }
    step_free(s);
}

/* Is this the device that may send this message about this negotiation? */
static int is_party(const struct conn *c, const struct step *s)
{
    const struct neg_terms *t = &s->rec.terms;

    if (s->type == MSG_NEG_ANSWER)
        return strcmp(c->id, t->responder) == 0 && c->enrolment == s->rec.r_enrolment;
    return strcmp(c->id, t->initiator) == 0 && c->enrolment == s->rec.i_enrolment;
}

static void on_found(struct store_op *op)
{
    struct step *s = op->ctx;
    struct conn *c = server_completed(s->srv, op);
    enum neg_state state = op->u.neg.neg.state;
    int known;

    known = op->result == STORE_OK &&
            neg_record_open(&s->rec, &s->srv->home->secrets->key, &op->u.neg.neg) == 0;
    if (c == NULL) {
        step_free(s);
    } else if (!known || !is_party(c, s)) {
        /* A device learns nothing about the negotiations of others. */
        if (s->type != MSG_NEG_CONFIRM)
            neg_send_reject(c, 0, s->t, c->id,
                            op->result == STORE_UNSURE ? REASON_STORAGE : REASON_STALE);
        step_free(s);
    } else {
        memcpy(s->peer, c->role == ROLE_SEND ? s->rec.terms.responder : s->rec.terms.initiator,
               sizeof(s->peer));
        if (s->type == MSG_NEG_REQUEST)
            take_request(c, s, state);
        else if (s->type == MSG_NEG_ANSWER)
            take_answer(c, s, state);
        else
            take_confirm(s, state);
    }
    store_op_free(op);
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
        memcpy(s->noise, noise->p, noise->len);
    s->noise_len = noise->len;
}

void handle_neg_request(struct conn *c, const struct msg *m, const struct blob *body)
{
    struct step s = {.srv = c->srv, .type = MSG_NEG_REQUEST};

    (void)body;
    memcpy(s.t, m->u.neg_request.negotiation, NEG_ID_BYTES);
    keep(&s, &m->u.neg_request.sealed, &m->u.neg_request.noise);
    look_up(c, &s);
}

void handle_neg_answer(struct conn *c, const struct msg *m, const struct blob *body)
{
    struct step s = {.srv = c->srv, .type = MSG_NEG_ANSWER, .reason = m->u.neg_answer.reason};

    (void)body;
    memcpy(s.t, m->u.neg_answer.negotiation, NEG_ID_BYTES);
    keep(&s, &m->u.neg_answer.sealed, &m->u.neg_answer.noise);
    look_up(c, &s);
}

void handle_neg_confirm(struct conn *c, const struct msg *m, const struct blob *body)
{
    struct step s = {.srv = c->srv, .type = MSG_NEG_CONFIRM, .confirm = m->u.neg_confirm};

    (void)body;
    memcpy(s.t, m->u.neg_confirm.negotiation, NEG_ID_BYTES);
    look_up(c, &s);
}

static void resume_one(struct conn *c, const struct store_neg *n)
{
    struct neg_record rec;
    int err = neg_record_open(&rec, &c->srv->home->secrets->key, n);

    if (err != 0) {
        log_error("the negotiation of %s with %s cannot be read: %s", n->from, n->to, err_str(err));
        return;
    }
    neg_send_salt(c, &rec);
    if (c->role == ROLE_SEND && n->state == NEG_ANSWERED)
        neg_send_result(c, &rec);
    if (c->role == ROLE_RECV && n->state == NEG_ASKED)
        neg_send_forward(c, &rec);
    sodium_memzero(&rec, sizeof(rec));
}

static void on_listed(struct store_op *op)
{
    struct conn *c = server_completed(op->ctx, op);

    /* What was held back before this list was made is in it; what comes now follows it. */
    if (c != NULL)
        c->negs_held = 0;
    if (c != NULL && op->result == STORE_OK)
        for (size_t i = 0; i < op->u.negs.n; i++)
            resume_one(c, &op->u.negs.v[i]);
    store_op_free(op);
}

int negotiations_hold(struct conn *c)
{
    if (!c->negs_held && conn_backlog(c) > OUT_PAUSE)
        c->negs_held = HELD;
    return c->negs_held != 0;
}

void negotiations_continue(struct conn *c)
{
    if (c->negs_held != HELD || conn_backlog(c) > 0 || c->srv->draining)
        return;
    c->negs_held = LISTING;
    negotiations_resume(c);
}

void negotiations_resume(struct conn *c)
{
    struct store_op *op = server_op(c->srv, c, STORE_NEG_LIST, on_listed);

    if (op == NULL)
        return;
    memcpy(op->u.negs.id, c->id, sizeof(op->u.negs.id));
    op->u.negs.role = (enum conn_role)c->role;
    server_submit(c->srv, op);
}
