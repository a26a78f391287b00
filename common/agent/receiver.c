/*
 * receiver.c - the receiving engine: the link's messages to respond.c and deliver.c, one commit for
 * all packages that had arrived, and only then receipts and lines.
 */
#include "common/agent/receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/agent/receiving.h"
#include "common/agent/show.h"
#include "common/err.h"
#include "common/log.h"

#define BATCH_MAX   64
#define BATCH_BYTES (8u << 20) /* of package bodies in one transaction */

struct receiver {
    struct receiver_config config;
    struct link *link;
    struct responder responder;
    struct save *save;
    struct show show;
    struct event *over; /* tells the program that all is over, from the loop */
    struct verdict batch[BATCH_MAX];
    size_t batch_n, batch_bytes;
    int in_batch;   /* a transaction is open */
    int64_t shown;  /* record up to which messages are printed */
    uint64_t lines; /* printed since the start */
    int any_failed, ending;
    char broken[WHY_MAX]; /* why stdout cannot be written */
};

static void tell(struct receiver *r, const char *text)
{
    r->config.handlers->note(r->config.arg, text);
}

static void end(struct receiver *r)
{
    if (r->ending)
        return;
    r->ending = 1;
    link_stop_gently(r->link);
}

/* ---- lines ---- */

static int is_full(const struct receiver *r)
{
    return r->broken[0] != '\0' || (r->config.count > 0 && r->lines >= r->config.count);
}

static void printed(struct receiver *r, int err)
{
    if (err == 0)
        r->lines++;
    else
        say(r->broken, sizeof(r->broken), 0, "standard output: %s",
            err == ERR_SYS ? strerror(errno) : err_str(err));
}

/* Print the records up to last that have not been printed. */
static void print_messages(struct receiver *r, int64_t last)
{
    struct inbox_record rec;
    int err;

    while (!is_full(r)) {
        err = inbox_next(r->config.db, r->shown, &rec);
        if (err != 0 && err != ERR_NOTFOUND)
            log_error("the inbox cannot be read: %s", err_str(err));
        if (err != 0 || rec.id > last) {
            inbox_record_free(&rec);
            return;
        }
        printed(r, show_message(&r->show, &rec));
        if (r->broken[0] == '\0') {
            r->shown = rec.id;
            if (r->config.handlers->shown != NULL)
                r->config.handlers->shown(r->config.arg, rec.peer);
        }
        inbox_record_free(&rec);
    }
}

static void save_shown(struct receiver *r, int64_t before)
{
    int err = r->shown != before ? inbox_set_shown(r->config.db, r->shown) : 0;

    if (err != 0)
        log_warn("what was printed may be printed again: %s", err_str(err));
}

static void print_batch(struct receiver *r, size_t n)
{
    int64_t before = r->shown;

    for (size_t i = 0; i < n; i++) {
        const struct verdict *v = &r->batch[i];

        if (v->line == LINE_FAILURE)
            r->any_failed = 1;
        if (v->line == LINE_MESSAGE)
            print_messages(r, v->inbox_id);
        else if (v->line == LINE_FAILURE && !is_full(r))
            printed(r, show_failure(&r->show, v));
    }
    save_shown(r, before);
}

/* ---- packages ---- */

static void end_batch(struct receiver *r)
{
    r->in_batch = 0;
    r->batch_n = r->batch_bytes = 0;
}

/* Our own trouble: nothing of the batch has happened, or nobody knows yet; the cloud will deliver
 * again. */
static void give_up_batch(struct receiver *r, int err)
{
    char why[WHY_MAX];

    sql_rollback(r->config.db);
    end_batch(r);
    if (err == ERR_MALFORMED || err == ERR_TOO_LARGE)
        say(why, sizeof(why), 0, "the cloud sent a package that cannot be read");
    else
        say(why, sizeof(why), 0,
            "what arrived could not be saved: %s. Nothing was confirmed, the cloud "
            "will deliver it again",
            state_trouble(err));
    link_drop(r->link, why);
}

static int commit(struct receiver *r)
{
    int err = save_sync(r->save);

    return err != 0 ? err : sql_commit(r->config.db);
}

static void send_receipt(struct receiver *r, const struct verdict *v)
{
    struct msg m = {.type = MSG_RECEIPT};

    m.u.receipt = v->receipt;
    link_send(r->link, &m);
}

/* Lines need not wait for the disk: of what they say the record is there, also after a kill, and a
 * power cut may repeat them. Receipts do: the cloud forgets a package that has one. */
static void flush(struct receiver *r)
{
    size_t n = r->batch_n;
    int err;

    if (!r->in_batch)
        return;
    err = commit(r);
    if (err == 0) {
        print_batch(r, n);
        err = sql_sync(r->config.db);
    }
    if (err != 0) {
        give_up_batch(r, err);
    } else {
        end_batch(r);
        for (size_t i = 0; i < n; i++)
            send_receipt(r, &r->batch[i]);
    }
    if (is_full(r))
        end(r);
}

static void on_package(struct receiver *r, const struct msg *m, const uint8_t *body, size_t len)
{
    struct delivery d = {r->config.db, r->config.home->id, r->save, state_now_us(),
                         &r->config.offer.profiles};
    int err = 0;

    if (!r->in_batch) {
        err = sql_begin(r->config.db, SQL_WRITE_SOON);
        r->in_batch = err == 0;
    }
    if (err == 0)
        err = deliver(&d, m, body, len, &r->batch[r->batch_n]);
    if (err != 0) {
        give_up_batch(r, err);
        return;
    }
    r->batch_n++;
    r->batch_bytes += len;
    if (r->batch_n == BATCH_MAX || r->batch_bytes >= BATCH_BYTES)
        flush(r);
}

/* ---- everything else ---- */

static int on_forward(struct receiver *r, const struct msg_neg_forward *m)
{
    struct recv_answer answer;
    int err = respond_on_forward(&r->responder, m, &answer);

    if (err == 0 && answer.len > 0)
        link_send_body(r->link, MSG_NEG_ANSWER, answer.body, answer.len);
    return err;
}

static int on_grant(struct receiver *r, const struct msg_neg_grant *m)
{
    struct msg granted = {.type = MSG_NEG_GRANTED};
    struct recv_answer refusal;
    int err = respond_on_grant(&r->responder, m, &refusal);

    if (err != 0)
        return err;
    memcpy(granted.u.neg_granted.negotiation, m->negotiation, NEG_ID_BYTES);
    if (refusal.len > 0)
        link_send_body(r->link, MSG_NEG_ANSWER, refusal.body, refusal.len);
    else
        link_send(r->link, &granted);
    return 0;
}

static void on_gone(struct receiver *r, const struct msg_peer_gone *m)
{
    char text[WHY_MAX];

    say(text, sizeof(text), 0, "the enrolment of %s was revoked; what it sent before still comes",
        m->peer);
    tell(r, text);
}

static int dispatch(struct receiver *r, const struct msg *m)
{
    if (m->type == MSG_PEER)
        return respond_on_peer(&r->responder, &m->u.peer);
    if (m->type == MSG_SALT)
        return respond_on_salt(&r->responder, &m->u.salt);
    if (m->type == MSG_NEG_FORWARD)
        return on_forward(r, &m->u.neg_forward);
    if (m->type == MSG_NEG_GRANT)
        return on_grant(r, &m->u.neg_grant);
    if (m->type == MSG_NEG_CONFIRM)
        return respond_on_confirm(&r->responder, &m->u.neg_confirm);
    if (m->type == MSG_NEG_REJECT)
        respond_on_reject(&r->responder, &m->u.neg_reject);
    else if (m->type == MSG_PEER_GONE)
        on_gone(r, &m->u.peer_gone);
    return 0;
}

static void on_message(void *arg, const struct msg *m, const uint8_t *body, size_t len)
{
    struct receiver *r = arg;
    char why[WHY_MAX];
    int err;

    if (r->ending)
        return;
    if (m->type == MSG_PACKAGE || m->type == MSG_PACKAGE_SHARED) {
        on_package(r, m, body, len);
        return;
    }
    /* These commit for themselves. */
    flush(r);
    if (!link_is_up(r->link) || r->ending)
        return;
    err = dispatch(r, m);
    if (err != 0) {
        say(why, sizeof(why), 0, "a negotiation could not be saved: %s", state_trouble(err));
        link_drop(r->link, why);
    }
}

static void on_idle(void *arg)
{
    flush(arg);
}

static void on_up(void *arg)
{
    (void)arg;
}

static void on_down(void *arg, int final, unsigned reason, const char *why)
{
    struct receiver *r = arg;

    (void)reason;
    if (!r->ending)
        r->config.handlers->down(r->config.arg, final, why);
}

static void on_stopped(void *arg)
{
    struct receiver *r = arg;

    event_active(r->over, EV_TIMEOUT, 0);
}

static void on_over(evutil_socket_t fd, short what, void *arg)
{
    struct receiver *r = arg;

    (void)fd;
    (void)what;
    if (r->broken[0] != '\0')
        r->config.handlers->down(r->config.arg, 1, r->broken);
    else
        r->config.handlers->done(r->config.arg, r->any_failed);
}

static const struct link_handlers link_handlers = {
    .up = on_up, .message = on_message, .idle = on_idle, .down = on_down, .stopped = on_stopped};

/* ---- life ---- */

static int make_parts(struct receiver *r, char *why, size_t cap)
{
    const struct receiver_config *c = &r->config;
    int err = 0;

    r->responder = (struct responder){.db = c->db,
                                      .home = c->home,
                                      .offer = &r->config.offer,
                                      .accept = c->accept,
                                      .note = c->handlers->note,
                                      .arg = c->arg};
    r->link = link_new(&(struct link_config){.base = c->base,
                                             .home = c->home,
                                             .role = ROLE_RECV,
                                             .mode = c->mode,
                                             .offer = c->offer,
                                             .retry = 1,
                                             .handlers = &link_handlers,
                                             .arg = r});
    r->over = evtimer_new(c->base, on_over, r);
    if (r->link == NULL || r->over == NULL || respond_init(&r->responder) != 0)
        return say(why, cap, ERR_NOMEM, "out of memory");
    if (c->inbox != NULL)
        err = save_open(&r->save, c->inbox, why, cap);
    return err;
}

int receiver_new(struct receiver **out, const struct receiver_config *config, char *why,
                 size_t why_len)
{
    struct receiver *r = calloc(1, sizeof(*r));
    int err;

    *out = NULL;
    if (r == NULL)
        return say(why, why_len, ERR_NOMEM, "out of memory");
    r->config = *config;
    r->show = (struct show){stdout, stderr, config->json};
    err = make_parts(r, why, why_len);
    if (err != 0) {
        receiver_free(r);
        return err;
    }
    *out = r;
    return 0;
}

int receiver_start(struct receiver *r)
{
    int64_t before;
    int err = inbox_shown(r->config.db, &r->shown);

    if (err != 0)
        return err;
    /* A disk too full to delete from is no reason not to print what is there. */
    if ((err = inbox_purge(r->config.db, state_now_us())) != 0)
        log_warn("what is old could not be deleted: %s", err_str(err));
    before = r->shown;
    print_messages(r, INT64_MAX);
    save_shown(r, before);
    if (is_full(r))
        end(r);
    if (!r->ending)
        link_start(r->link);
    return 0;
}

void receiver_flush(struct receiver *r)
{
    flush(r);
}

void receiver_stop(struct receiver *r)
{
    flush(r);
    end(r);
}

void receiver_free(struct receiver *r)
{
    if (r == NULL)
        return;
    if (r->in_batch)
        sql_rollback(r->config.db);
    link_free(r->link);
    if (r->over != NULL)
        event_free(r->over);
    respond_close(&r->responder);
    save_close(r->save);
    free(r);
}
