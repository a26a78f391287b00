/*
 * handle_package.c - packages from a sender: checked, handed on, written, acknowledged. ACCEPTED
 * goes out only when the store has the package on its disk, or its receipt.
 */
#include "cloudd/handle_package.h"

#include <stdlib.h>
#include <string.h>

#include "cloudd/handle.h"
#include "cloudd/mailbox.h"
#include "cloudd/states.h"
#include "common/err.h"
#include "common/log.h"
#include "common/package.h"
#include "common/session.h"

static void detach(struct stream *s)
{
    LIST_REMOVE(s, link);
    s->owner = NULL;
    if (s->in_store == 0)
        free(s);
}

/* An idle stream that is not stopped says nothing: forget it. */
static void release(struct stream *s)
{
    if (s->in_store > 0)
        return;
    if (s->owner == NULL)
        free(s);
    else if (!s->stopped)
        detach(s);
}

void uplink_free(struct uplink *s)
{
    if (s == NULL)
        return;
    while (!LIST_EMPTY(&s->streams))
        detach(LIST_FIRST(&s->streams));
    free(s);
}

struct uplink *uplink_of(struct conn *c)
{
    if (c->u.uplink == NULL) {
        c->u.uplink = calloc(1, sizeof(*c->u.uplink));
        if (c->u.uplink == NULL)
            conn_drop(c);
    }
    return c->u.uplink;
}

static struct stream *find_stream(struct uplink *up, const char *to)
{
    struct stream *s;

    s = LIST_FIRST(&up->streams);
    while (s != NULL && strcmp(s->to, to) != 0)
        s = LIST_NEXT(s, link);
    return s;
}

static struct stream *stream_of(struct conn *c, const char *to)
{
    struct uplink *up = uplink_of(c);
    struct stream *s = up != NULL ? find_stream(up, to) : NULL;

    if (up == NULL || s != NULL)
        return s;
    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        conn_drop(c);
        return NULL;
    }
    s->srv = c->srv;
    s->owner = up;
    s->gate = STORE_GATE_OPEN;
    memcpy(s->to, to, sizeof(s->to));
    LIST_INSERT_HEAD(&up->streams, s, link);
    return s;
}

void package_common_release(struct store_common *common)
{
    if (common == NULL || --common->users > 0)
        return;
    free(common->p);
    free(common);
}

void package_refuse(struct conn *c, const struct store_package *p, unsigned reason)
{
    struct msg m = {.type = MSG_REFUSED};

    /* Those behind a refused one are too many to name each. */
    if (reason != REASON_STREAM_STOPPED)
        log_info("refused: a package of %s to %s: %s", c->id, p->to, reason_name(reason));
    memcpy(m.u.refused.session, p->session, SESSION_ID_BYTES);
    m.u.refused.index = p->index;
    memcpy(m.u.refused.to, p->to, sizeof(m.u.refused.to));
    m.u.refused.reason = (uint16_t)reason;
    conn_send(c, &m);
}

static void send_accepted(struct conn *c, const struct store_package *p)
{
    struct msg m = {.type = MSG_ACCEPTED};

    memcpy(m.u.accepted.session, p->session, SESSION_ID_BYTES);
    m.u.accepted.index = p->index;
    conn_send(c, &m);
}

static void answer_sender(struct conn *c, struct stream *s, const struct store_op *op)
{
    const struct store_package *p = &op->u.enqueue.package;

    switch (op->result) {
    case STORE_OK:
        send_accepted(c, p);
        return;
    case STORE_ALREADY:
        send_accepted(c, p);
        if (op->u.enqueue.receipt_known && op->u.enqueue.handover == NULL)
            receipt_tell(c->srv, &op->u.enqueue.receipt);
        return;
    case STORE_FULL:
    case STORE_UNSURE:
        s->stopped = 1;
        package_refuse(c, p, op->reason != REASON_NONE ? op->reason : REASON_STORAGE);
        return;
    case STORE_CONFLICT:
    case STORE_NOTFOUND:
        package_refuse(c, p, op->reason);
        return;
    }
}

static void on_enqueued(struct store_op *op)
{
    struct stream *s = op->ctx;
    struct server *srv = s->srv;
    struct conn *c = server_completed(srv, op);

    s->in_store--;
    if (c != NULL)
        answer_sender(c, s, op);
    mailbox_written(srv, op);
    release(s);
    free(op->u.enqueue.package.body.p);
    package_common_release(op->u.enqueue.common);
    store_op_free(op);
}

unsigned package_check(const struct conn *c, const struct msg_package *p)
{
    const struct profile *profile = profile_find(p->profile);
    struct pgm_view image;

    if (strcmp(p->from, c->id) != 0)
        return REASON_NOT_YOURS;
    if (p->direction != 0 || p->message.len != p->message_bytes)
        return REASON_MALFORMED;
    if (p->message.len > c->srv->opt->max_message)
        return REASON_TOO_LARGE;
    if (profile != NULL && profile->research && !c->srv->opt->allow_research)
        return REASON_RESEARCH;
    /* A session may be older than our policy. */
    if (profile != NULL && !list_meets(&profile->suites, &c->srv->opt->suites))
        return REASON_NO_SUITE;
    if (package_image(&image, p) != 0)
        return REASON_IMAGE;
    return REASON_NONE;
}

static int keeps_state(const struct msg_package *p)
{
    const struct profile *profile = profile_find(p->profile);

    return profile != NULL && profile->at_cloud != NULL;
}

static void fill_package(struct store_package *out, const struct msg_package *p)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->from, p->from, sizeof(out->from));
    memcpy(out->to, p->to, sizeof(out->to));
    memcpy(out->session, p->session, SESSION_ID_BYTES);
    out->direction = p->direction;
    out->index = p->index;
    out->seq = p->seq;
}

static void set_quotas(struct store_op *op, const struct options *opt)
{
    op->u.enqueue.max_packages = opt->mailbox_packages;
    op->u.enqueue.max_bytes = opt->mailbox_bytes;
    op->u.enqueue.share = opt->sender_share;
    op->u.enqueue.all_packages = opt->store_packages;
    op->u.enqueue.all_bytes = opt->store_bytes;
    op->u.enqueue.keep = opt->retain > 0;
}

/* On the writer's thread: of the server it reads only the key, which never changes. */
static int turn_state(const struct store_op *op, const struct store_bytes *was,
                      struct store_bytes *next)
{
    const struct stream *s = op->ctx;
    int err = states_turn(next, was, &op->u.enqueue.package.body, &s->srv->home->secrets->key);

    if (err != 0)
        log_warn("the keys of a session of %s with %s did not turn: %s",
                 op->u.enqueue.package.from, op->u.enqueue.package.to, err_str(err));
    return err;
}

static int submit_package(struct conn *c, struct stream *s, const struct store_package *name,
                          const struct package_bytes *b)
{
    struct store_op *op = server_op(c->srv, c, STORE_ENQUEUE, on_enqueued);
    uint8_t *copy = malloc(b->body.len);

    if (op == NULL || copy == NULL) {
        free(copy);
        store_op_free(op);
        conn_drop(c);
        return 0;
    }
    memcpy(copy, b->body.p, b->body.len);
    op->ctx = s;
    op->u.enqueue.package = *name;
    op->u.enqueue.package.body = (struct store_bytes){copy, b->body.len};
    memcpy(op->u.enqueue.digest, b->digest, DIGEST_BYTES);
    op->u.enqueue.common = b->common;
    op->u.enqueue.carries_common = b->carries_common;
    if (b->common != NULL)
        b->common->users++;
    set_quotas(op, c->srv->opt);
    op->u.enqueue.turn = b->turns ? turn_state : NULL;
    op->u.enqueue.gate = &s->gate;
    op->u.enqueue.order = s->order++;
    s->in_store++;
    mailbox_hand_over(c->srv, op);
    server_submit(c->srv, op);
    return 1;
}

int package_take(struct conn *c, const struct store_package *name, const struct package_bytes *b)
{
    struct stream *s;

    if (strcmp(name->to, c->id) == 0) {
        package_refuse(c, name, REASON_SELF);
        return 0;
    }
    s = stream_of(c, name->to);
    if (s == NULL)
        return 0;
    if (!s->stopped)
        return submit_package(c, s, name, b);
    package_refuse(c, name, REASON_STREAM_STOPPED);
    return 0;
}

void handle_package(struct conn *c, const struct msg *m, const struct blob *body)
{
    const struct msg_package *p = &m->u.package;
    struct package_bytes b = {.body = *body, .turns = keeps_state(p)};
    unsigned reason = package_check(c, p);
    struct store_package name;

    fill_package(&name, p);
    if (reason != REASON_NONE) {
        package_refuse(c, &name, reason);
        return;
    }
    package_digest(b.digest, body->p, body->len);
    (void)package_take(c, &name, &b);
}

static void on_stream(struct store_op *op)
{
    struct conn *c = server_completed(op->ctx, op);
    struct msg m = {.type = MSG_RESUMED};

    if (c == NULL)
        ;
    else if (op->result == STORE_UNSURE || op->result == STORE_FULL)
        conn_close(c, REASON_STORAGE);
    else {
        memcpy(m.u.resumed.to, op->u.stream.to, sizeof(m.u.resumed.to));
        memcpy(m.u.resumed.session, op->u.stream.session, SESSION_ID_BYTES);
        m.u.resumed.next = op->result == STORE_NOTFOUND ? 0 : op->u.stream.next;
        m.u.resumed.enrolment = op->u.stream.enrolment;
        conn_send(c, &m);
    }
    store_op_free(op);
}

void handle_resume(struct conn *c, const struct msg *m, const struct blob *body)
{
    const struct msg_resume *r = &m->u.resume;
    struct uplink *up = uplink_of(c);
    struct stream *s = up != NULL ? find_stream(up, r->to) : NULL;
    struct store_op *op;

    (void)body;
    if (s != NULL && s->stopped)
        detach(s);
    op = server_op(c->srv, c, STORE_STREAM, on_stream);
    if (op == NULL)
        return;
    memcpy(op->u.stream.from, c->id, sizeof(op->u.stream.from));
    memcpy(op->u.stream.to, r->to, sizeof(op->u.stream.to));
    memcpy(op->u.stream.session, r->session, SESSION_ID_BYTES);
    server_submit(c->srv, op);
}
