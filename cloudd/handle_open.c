/*
 * handle_open.c - OPEN, step 1 of a negotiation: the peer is looked up, the choice made, the pair
 * made on first need, T, salt and Sk drawn; all of it is on the disk before either device hears of
 * it. One request runs through the steps below, each the completion of the one before; those in
 * brackets only when they are due, those with a star on the pool.
 *
 *     find_peer -> find_earlier [-> reuse*] -> find_pair [-> make_pair* -> put_pair]
 *     -> draw* -> put -> PEER and SALT to both
 */
#include "cloudd/handle.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/neg_send.h"
#include "cloudd/pair_record.h"
#include "cloudd/records.h"
#include "common/err.h"
#include "common/log.h"
#include "common/profile.h"

struct open_job {
    struct job job;
    struct server *srv;
    struct neg_record rec;           /* grows from step to step */
    struct store_op *found;          /* what the pool works on: the earlier one, or the pair */
    struct store_bytes pair, record; /* lent to the store while it writes */
    struct letters to_sender, to_receiver; /* step 1, sent when the record is on the disk */
    int err, is_same;                      /* from the pool */
};

static void job_free(struct open_job *j)
{
    if (j == NULL)
        return;
    store_op_free(j->found);
    free(j->pair.p);
    free(j->record.p);
    sodium_memzero(j, sizeof(*j));
    free(j);
}

static void reject(struct conn *c, struct open_job *j, unsigned reason)
{
    if (reason == REASON_NO_SUITE)
        neg_send_no_suite(c, &j->rec);
    else
        neg_send_reject(c, j->rec.request, NULL, j->rec.terms.responder, reason);
    job_free(j);
}

/* The next operation of a job, or NULL after the job has been given up. */
static struct store_op *job_op(struct conn *c, struct open_job *j, enum store_kind kind,
                               void (*done)(struct store_op *))
{
    struct store_op *op = server_op(j->srv, c, kind, done);

    if (op == NULL) {
        job_free(j);
        return NULL;
    }
    op->ctx = j;
    return op;
}

/* Have the pool run a step over what the store found. */
static void job_work(struct conn *c, struct open_job *j, struct store_op *found,
                     void (*run)(struct job *), void (*done)(struct job *))
{
    store_op_free(j->found);
    j->found = found;
    j->job = (struct job){.run = run, .done = done, .ctx = j};
    server_work(j->srv, c, &j->job);
}

static unsigned reason_of(const struct store_op *op)
{
    if (op->result == STORE_NOTFOUND || op->result == STORE_CONFLICT)
        return op->reason != REASON_NONE ? op->reason : REASON_UNKNOWN_PEER;
    return REASON_STORAGE;
}

static int is_done(const struct store_op *op)
{
    return op->result == STORE_OK || op->result == STORE_ALREADY;
}

static void on_put(struct store_op *op)
{
    struct open_job *j = op->ctx;
    struct server *srv = j->srv;
    struct conn *c = server_completed(srv, op), *peer;

    if (is_done(op)) {
        log_info("negotiation opened: %s to %s", j->rec.terms.initiator, j->rec.terms.responder);
        if (c != NULL)
            neg_send(c, &j->to_sender);
        peer = server_find(srv, j->rec.terms.responder, ROLE_RECV);
        if (peer != NULL && !negotiations_hold(peer))
            neg_send(peer, &j->to_receiver);
        job_free(j);
    } else if (c != NULL) {
        reject(c, j, reason_of(op));
    } else {
        job_free(j);
    }
    store_op_free(op);
}

static void put(struct conn *c, struct open_job *j)
{
    struct store_op *op = job_op(c, j, STORE_NEG_PUT, on_put);
    struct store_neg *n;

    if (op == NULL)
        return;
    n = &op->u.neg.neg;
    memcpy(n->id, j->rec.terms.negotiation, NEG_ID_BYTES);
    n->request = j->rec.request;
    memcpy(n->from, j->rec.terms.initiator, sizeof(n->from));
    memcpy(n->to, j->rec.terms.responder, sizeof(n->to));
    n->state = NEG_OPENED;
    n->sealed = j->record;
    server_submit(j->srv, op);
}

/* T, salt, Sk and Shk from the pair's keys. */
static int draw_terms(struct neg_terms *t, const struct pair_keys *k)
{
    const struct profile *profile = profile_find(t->choice.profile);
    struct slice slice;
    unsigned redrawn;
    int err = pairing_draw_slice(k, &slice, &redrawn);

    if (redrawn > 0)
        log_debug("an all-zero slice of Rv was drawn again, %u times", redrawn);
    if (err != 0)
        return err;
    randombytes_buf(t->negotiation, NEG_ID_BYTES);
    pairing_salt(t->salt);
    err = profile->shk(&t->shk, k);
    return err != 0 ? err : profile->sk(&t->sk, k, t->negotiation, slice);
}

/* On the pool: what the profile wants of both devices' enrolments. Their records came with a pair
 * that is to be made, and we have it by now; or with the pair, since we asked for them. */
static int take_accounts(struct open_job *j)
{
    const struct neg_gateway *gateway = profile_cloud_side(j->rec.terms.choice.profile);
    uint8_t dev_a[KEY_BYTES], dev_b[KEY_BYTES];
    int ordered = strcmp(j->rec.terms.initiator, j->rec.terms.responder) < 0;
    int err;

    if (gateway == NULL)
        return 0;
    if (j->found->u.pair.rec_a.p == NULL)
        return sodium_is_zero(j->rec.i_account, KEY_BYTES) ? ERR_STATE : 0;
    err = pair_record_devs(dev_a, dev_b, &j->srv->home->secrets->key, j->found);
    if (err == 0) {
        gateway->account(j->rec.i_account, ordered ? dev_a : dev_b);
        gateway->account(j->rec.r_account, ordered ? dev_b : dev_a);
    }
    sodium_memzero(dev_a, sizeof(dev_a));
    sodium_memzero(dev_b, sizeof(dev_b));
    return err;
}

/* On the pool: the terms, the record, and what both devices will get. */
static void draw(struct job *job)
{
    struct open_job *j = job->ctx;
    struct pair_keys k;

    j->err = pair_record_open(&k, &j->srv->home->secrets->key, j->found);
    if (j->err == 0)
        j->err = take_accounts(j);
    if (j->err == 0)
        j->err = draw_terms(&j->rec.terms, &k);
    if (j->err == 0)
        j->err = neg_record_seal(&j->record, j->rec.terms.cloud, &j->rec);
    if (j->err == 0)
        j->err = neg_write_salt(&j->to_sender, &j->rec, ROLE_SEND);
    if (j->err == 0)
        j->err = neg_write_salt(&j->to_receiver, &j->rec, ROLE_RECV);
    sodium_memzero(&k, sizeof(k));
}

static void on_drawn(struct job *job)
{
    struct open_job *j = job->ctx;
    struct conn *c = server_worked(j->srv, job);

    if (c == NULL) {
        job_free(j);
    } else if (j->err != 0) {
        log_error("the pair of %s and %s cannot be used: %s", j->found->u.pair.a,
                  j->found->u.pair.b, err_str(j->err));
        reject(c, j, REASON_STORAGE);
    } else {
        put(c, j);
    }
}

/* The pair is of the very enrolments that this job began with, not of later ones. */
static int is_same_pair(const struct open_job *j, const struct store_op *op)
{
    int ordered = strcmp(j->rec.terms.initiator, j->rec.terms.responder) < 0;
    uint64_t i = ordered ? op->u.pair.enrolment_a : op->u.pair.enrolment_b;
    uint64_t r = ordered ? op->u.pair.enrolment_b : op->u.pair.enrolment_a;

    return i == j->rec.i_enrolment && r == j->rec.r_enrolment;
}

/* Takes op. */
static void go_on_with_pair(struct conn *c, struct open_job *j, struct store_op *op)
{
    if (is_same_pair(j, op)) {
        job_work(c, j, op, draw, on_drawn);
    } else {
        store_op_free(op);
        reject(c, j, REASON_STALE);
    }
}

static void on_pair_put(struct store_op *op)
{
    struct open_job *j = op->ctx;
    struct conn *c = server_completed(j->srv, op);

    if (c != NULL && is_done(op)) {
        go_on_with_pair(c, j, op);
        return;
    }
    if (c != NULL)
        reject(c, j, reason_of(op));
    else
        job_free(j);
    store_op_free(op);
}

/* On the pool. */
static void make_pair(struct job *job)
{
    struct open_job *j = job->ctx;

    j->err = pair_record_new(&j->pair, &j->srv->home->secrets->key, j->found);
    if (j->err == 0)
        j->err = take_accounts(j);
}

static void on_pair_made(struct job *job)
{
    struct open_job *j = job->ctx;
    struct conn *c = server_worked(j->srv, job);
    const struct store_op *got = j->found;
    struct store_op *op;

    if (c == NULL) {
        job_free(j);
        return;
    }
    if (j->err != 0) {
        log_error("no pair of %s and %s: %s", got->u.pair.a, got->u.pair.b, err_str(j->err));
        reject(c, j, REASON_STORAGE);
        return;
    }
    log_info("paired: %s and %s", got->u.pair.a, got->u.pair.b);
    op = job_op(c, j, STORE_PAIR_PUT, on_pair_put);
    if (op == NULL)
        return;
    memcpy(op->u.pair.a, got->u.pair.a, sizeof(op->u.pair.a));
    memcpy(op->u.pair.b, got->u.pair.b, sizeof(op->u.pair.b));
    op->u.pair.enrolment_a = got->u.pair.enrolment_a;
    op->u.pair.enrolment_b = got->u.pair.enrolment_b;
    op->u.pair.sealed = j->pair;
    server_submit(j->srv, op);
}

static void on_pair(struct store_op *op)
{
    struct open_job *j = op->ctx;
    struct conn *c = server_completed(j->srv, op);

    if (c != NULL && op->result == STORE_OK) {
        go_on_with_pair(c, j, op);
        return;
    }
    if (c != NULL && op->result == STORE_NOTFOUND && op->reason == REASON_NONE) {
        job_work(c, j, op, make_pair, on_pair_made);
        return;
    }
    if (c == NULL)
        job_free(j);
    else
        reject(c, j, reason_of(op));
    store_op_free(op);
}

static void find_pair(struct conn *c, struct open_job *j)
{
    struct store_op *op = job_op(c, j, STORE_PAIR_GET, on_pair);
    const char *i = j->rec.terms.initiator, *r = j->rec.terms.responder;
    int ordered = strcmp(i, r) < 0;

    if (op == NULL)
        return;
    memcpy(op->u.pair.a, ordered ? i : r, ID_MAX + 1);
    memcpy(op->u.pair.b, ordered ? r : i, ID_MAX + 1);
    op->u.pair.records = profile_cloud_side(j->rec.terms.choice.profile) != NULL;
    server_submit(j->srv, op);
}

/* On the pool. A repeated OPEN (the same request number, the same two enrolments) goes on with what
 * is there. */
static void reuse(struct job *job)
{
    struct open_job *j = job->ctx;
    struct neg_record rec;

    j->is_same = 0;
    if (neg_record_open(&rec, &j->srv->home->secrets->key, &j->found->u.neg.neg) != 0)
        return;
    j->is_same = rec.i_enrolment == j->rec.i_enrolment && rec.r_enrolment == j->rec.r_enrolment &&
                 offer_equal(&rec.terms.i_offer, &j->rec.terms.i_offer) &&
                 list_equal(&rec.terms.allowed, &j->rec.terms.allowed) &&
                 neg_write_salt(&j->to_sender, &rec, ROLE_SEND) == 0;
    sodium_memzero(&rec, sizeof(rec));
}

static void on_reuse(struct job *job)
{
    struct open_job *j = job->ctx;
    struct conn *c = server_worked(j->srv, job);

    if (c != NULL && !j->is_same) {
        j->to_sender.n = 0;
        find_pair(c, j);
        return;
    }
    if (c != NULL)
        neg_send(c, &j->to_sender);
    job_free(j);
}

static void on_earlier(struct store_op *op)
{
    struct open_job *j = op->ctx;
    struct conn *c = server_completed(j->srv, op);

    if (c != NULL && op->result == STORE_OK && op->u.neg.neg.request == j->rec.request) {
        job_work(c, j, op, reuse, on_reuse);
        return;
    }
    if (c == NULL)
        job_free(j);
    else if (op->result == STORE_UNSURE)
        reject(c, j, REASON_STORAGE);
    else
        find_pair(c, j);
    store_op_free(op);
}

static void find_earlier(struct conn *c, struct open_job *j)
{
    struct store_op *op = job_op(c, j, STORE_NEG_GET, on_earlier);

    if (op == NULL)
        return;
    memcpy(op->u.neg.neg.from, j->rec.terms.initiator, ID_MAX + 1);
    memcpy(op->u.neg.neg.to, j->rec.terms.responder, ID_MAX + 1);
    server_submit(j->srv, op);
}

/* Nothing but research is wanted, so the responder was started without it. */
static int wants_research(const struct offer *o)
{
    for (size_t i = 0; i < o->profiles.n; i++) {
        const struct profile *p = profile_find(o->profiles.v[i]);

        if (p == NULL || p->research == NULL)
            return 0;
    }
    return 1;
}

/* What both offer and our policy allows, or why there is nothing. */
static unsigned choose(const struct server *srv, struct neg_terms *t)
{
    const struct profile *p;
    int err;

    t->allowed = srv->opt->suites;
    err = offer_choose(&t->choice, &t->i_offer, &t->r_offer, &t->allowed);
    if (err == ERR_DENIED)
        return REASON_NO_SUITE;
    if (err != 0)
        return wants_research(&t->i_offer) ? REASON_RESEARCH : REASON_NO_COMMON;
    p = profile_find(t->choice.profile);
    if (p == NULL)
        return REASON_NO_COMMON;
    return p->research && !srv->opt->allow_research ? REASON_RESEARCH : REASON_NONE;
}

static void on_peer(struct store_op *op)
{
    struct open_job *j = op->ctx;
    struct conn *c = server_completed(j->srv, op);
    unsigned reason;

    if (c == NULL) {
        job_free(j);
    } else if (op->result != STORE_OK || op->u.device.revoked) {
        reject(c, j, op->result == STORE_OK ? REASON_PEER_REVOKED : reason_of(op));
    } else {
        j->rec.terms.r_offer = op->u.device.offer;
        j->rec.r_enrolment = op->u.device.enrolment;
        memcpy(j->rec.r_key, op->u.device.key, KEY_BYTES);
        reason = choose(j->srv, &j->rec.terms);
        if (reason != REASON_NONE)
            reject(c, j, reason);
        else
            find_earlier(c, j);
    }
    store_op_free(op);
}

static struct open_job *job_new(const struct conn *c, const struct msg_open *o)
{
    struct open_job *j = calloc(1, sizeof(*j));

    if (j == NULL)
        return NULL;
    j->srv = c->srv;
    j->rec.request = o->request;
    j->rec.i_enrolment = c->enrolment;
    memcpy(j->rec.i_key, c->key, KEY_BYTES);
    memcpy(j->rec.terms.cloud, c->srv->home->secrets->key.public_key, KEY_BYTES);
    memcpy(j->rec.terms.initiator, c->id, ID_MAX + 1);
    memcpy(j->rec.terms.responder, o->peer, ID_MAX + 1);
    j->rec.terms.i_offer = (struct offer){o->profiles, o->suites, o->codecs};
    return j;
}

void handle_open(struct conn *c, const struct msg *m, const struct blob *body)
{
    const struct msg_open *o = &m->u.open;
    struct open_job *j;
    struct store_op *op;

    (void)body;
    if (strcmp(o->peer, c->id) == 0) {
        neg_send_reject(c, o->request, NULL, o->peer, REASON_SELF);
        return;
    }
    if (!buckets_take(c->srv->opens, server_hash(c->srv, c->id), server_clock())) {
        neg_send_reject(c, o->request, NULL, o->peer, REASON_RATE);
        return;
    }
    c->last_peer = server_hash(c->srv, o->peer);
    j = job_new(c, o);
    if (j == NULL) {
        neg_send_reject(c, o->request, NULL, o->peer, REASON_BUSY);
        return;
    }
    op = job_op(c, j, STORE_DEVICE_GET, on_peer);
    if (op == NULL)
        return;
    memcpy(op->u.device.id, o->peer, ID_MAX + 1);
    server_submit(c->srv, op);
}
