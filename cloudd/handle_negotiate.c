/*
 * handle_negotiate.c - steps 2 to 6 of a negotiation. Each message names T; the record of T is
 * fetched, the message judged by it on the pool, the record advanced on the disk, and only then
 * does the other device hear of it. A repeated message is answered again with what is due.
 */
#include "cloudd/handle.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/neg_send.h"
#include "cloudd/records.h"
#include "cloudd/states.h"
#include "common/err.h"
#include "common/log.h"
#include "common/profile.h"

/* conn.negs_held: kept back; the store makes the list; the pool makes the letters from it; and then
 * there is more, which came after the list. */
enum { HELD = 1, LISTING, LISTED, LISTED_AND_MORE };

/* What comes of a message. */
enum verdict {
    VERDICT_UNKNOWN, /* no such negotiation, or not this device's: it learns nothing about it */
    VERDICT_WRONG,   /* a check failed, or the responder declined: over for all */
    VERDICT_STALE,
    VERDICT_ADVANCE, /* the record goes on to its next state */
    VERDICT_REPEAT   /* it stands there already: what is due is sent again */
};

/* One message of a device about a negotiation, on its way through the store and the pool. */
struct step {
    struct job job;
    struct server *srv;
    struct store_op *found; /* the record, until it is judged */
    char from[ID_MAX + 1];  /* the device that sent it */
    uint64_t enrolment;
    enum msg_type type;
    uint8_t t[NEG_ID_BYTES];
    char peer[ID_MAX + 1]; /* of the device that sent it, once the record is there */
    unsigned reason;       /* of NEG_ANSWER */
    uint8_t sealed[NEG_SEALED_MAX], noise[NOISE_MAX];
    size_t sealed_len, noise_len;
    struct msg_neg_confirm confirm;
    /* By the pool: */
    struct neg_record rec;
    enum verdict verdict;
    enum neg_state state;      /* where the record stands, or will */
    struct store_bytes record; /* in its next state; lent to the store while it writes, as is */
    struct store_bytes copy;   /* the cloud's of the new session's first state, if it keeps one */
    uint8_t session[SESSION_ID_BYTES];
    struct letters due; /* step 3 or 5 */
};

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
    struct conn *i = initiator_of(s), *r = responder_of(s);

    if (s->state == NEG_ASKED) {
        if (i != NULL)
            neg_send_pending(i, &s->rec);
        if (r != NULL && !negotiations_hold(r))
            neg_send(r, &s->due);
    } else if (s->state == NEG_ANSWERED && i != NULL && !negotiations_hold(i)) {
        neg_send(i, &s->due);
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

static int body_is_right(const struct step *s)
{
    struct blob sealed = {s->sealed, s->sealed_len};

    return neg_body_check(&s->rec.terms, &sealed, &s->srv->home->secrets->key) == 0;
}

/* The two messages of the devices' handshake are there when the profile has one, and not else. */
static int noise_is_due(const struct step *s)
{
    const struct profile *profile = profile_find(s->rec.terms.choice.profile);

    return profile != NULL && (profile->handshake != NULL) == (s->noise_len > 0);
}

static int same_noise(const struct step *s, const uint8_t *noise, size_t len)
{
    return s->noise_len == len && sodium_memcmp(s->noise, noise, len) == 0;
}

/* Step 2. */
static enum verdict judge_request(struct step *s)
{
    if (!body_is_right(s) || !noise_is_due(s))
        return VERDICT_WRONG;
    if (s->state != NEG_OPENED)
        return same_noise(s, s->rec.noise1, s->rec.noise1_len) ? VERDICT_REPEAT : VERDICT_STALE;
    memcpy(s->rec.noise1, s->noise, s->noise_len);
    s->rec.noise1_len = s->noise_len;
    s->state = NEG_ASKED;
    return VERDICT_ADVANCE;
}

/* Step 4. */
static enum verdict judge_answer(struct step *s)
{
    if (s->reason != REASON_NONE)
        return s->state != NEG_ANSWERED ? VERDICT_WRONG : VERDICT_STALE;
    if (s->state == NEG_OPENED)
        return VERDICT_STALE;
    if (!body_is_right(s) || !noise_is_due(s)) {
        s->reason = REASON_CHECK_FAILED;
        return VERDICT_WRONG;
    }
    if (s->state == NEG_ANSWERED)
        return same_noise(s, s->rec.noise2, s->rec.noise2_len) ? VERDICT_REPEAT : VERDICT_STALE;
    memcpy(s->rec.noise2, s->noise, s->noise_len);
    s->rec.noise2_len = s->noise_len;
    s->state = NEG_ANSWERED;
    return VERDICT_ADVANCE;
}

/* After step 6: it is only passed on. */
static enum verdict judge_confirm(const struct step *s)
{
    return s->state == NEG_ANSWERED ? VERDICT_REPEAT : VERDICT_STALE;
}

/* Is this the device that may send this message about this negotiation? */
static int is_party(const struct step *s)
{
    const struct neg_terms *t = &s->rec.terms;

    if (s->type == MSG_NEG_ANSWER)
        return strcmp(s->from, t->responder) == 0 && s->enrolment == s->rec.r_enrolment;
    return strcmp(s->from, t->initiator) == 0 && s->enrolment == s->rec.i_enrolment;
}

/* The next record, and the letter of step 3 or 5. */
static int write_next(struct step *s)
{
    int err = 0;

    if (s->verdict == VERDICT_ADVANCE)
        err = neg_record_seal(&s->record, s->rec.terms.cloud, &s->rec);
    if (err == 0 && s->verdict == VERDICT_ADVANCE && s->state == NEG_ANSWERED)
        err = states_begin(&s->copy, s->session, &s->rec.terms, &s->srv->home->secrets->key);
    if (err == 0)
        err = s->state == NEG_ASKED ? neg_write_forward(&s->due, &s->rec)
                                    : neg_write_result(&s->due, &s->rec);
    return err;
}

/* On the pool. */
static void judge(struct job *job)
{
    struct step *s = job->ctx;
    const struct store_neg *row = &s->found->u.neg.neg;

    s->verdict = VERDICT_UNKNOWN;
    s->state = row->state;
    if (neg_record_open(&s->rec, &s->srv->home->secrets->key, row) != 0 || !is_party(s))
        return;
    s->verdict = s->type == MSG_NEG_REQUEST  ? judge_request(s)
                 : s->type == MSG_NEG_ANSWER ? judge_answer(s)
                                             : judge_confirm(s);
    if (s->type != MSG_NEG_CONFIRM &&
        (s->verdict == VERDICT_ADVANCE || s->verdict == VERDICT_REPEAT) && write_next(s) != 0)
        s->verdict = VERDICT_UNKNOWN;
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
    if (s->type == MSG_NEG_CONFIRM && s->verdict == VERDICT_REPEAT)
        confirmed(s);
    else if (s->verdict == VERDICT_REPEAT)
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
    if (c != NULL && op->result == STORE_OK) {
        s->job = (struct job){.run = judge, .done = on_judged, .ctx = s};
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
        memcpy(s->noise, noise->p, noise->len);
    s->noise_len = noise->len;
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

void handle_neg_confirm(struct conn *c, const struct msg *m, const struct blob *body)
{
    struct step s = {.type = MSG_NEG_CONFIRM, .confirm = m->u.neg_confirm};

    (void)body;
    memcpy(s.t, m->u.neg_confirm.negotiation, NEG_ID_BYTES);
    look_up(c, &s);
}

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

static int write_due(struct letters *out, const struct listing *l, const struct store_neg *row)
{
    struct neg_record rec;
    int err = neg_record_open(&rec, &l->srv->home->secrets->key, row);

    if (err != 0)
        return err;
    err = neg_write_salt(out, &rec, l->role);
    if (err == 0 && l->role == ROLE_SEND && row->state == NEG_ANSWERED)
        err = neg_write_result(out, &rec);
    if (err == 0 && l->role == ROLE_RECV && row->state == NEG_ASKED)
        err = neg_write_forward(out, &rec);
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
