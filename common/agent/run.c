/* run.c - `sds run` and `sdr run`: their engines, and how they end together. */
#include "common/agent/run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/agent/device.h"
#include "common/agent/feed.h"
#include "common/agent/receiver.h"

struct sending {
    struct device device;
    struct message_kind kind;
    struct sender *sender; /* NULL: this program does not send */
    struct feed *feed;
    int is_over;
};

struct receiving {
    struct device device;
    struct accept_policy accept;
    struct receiver *receiver; /* NULL: this program does not receive */
    int is_over;
};

struct run {
    const struct device_options *o;
    enum conn_role role; /* whose end is the program's */
    struct device *first;
    struct sending out;
    struct receiving in;
    struct event *stop; /* from the loop, since one side must not end in the middle of the other */
    int both, stopping, signalled;
    int lost; /* a connection for good, or stdout */
    int code;
};

/* ---- the end ---- */

static void stop(struct run *r)
{
    if (!r->stopping)
        event_active(r->stop, EV_TIMEOUT, 0);
    r->stopping = 1;
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    struct run *r = arg;

    (void)fd;
    (void)what;
    if (r->out.feed != NULL)
        feed_stop(r->out.feed);
    if (r->in.receiver != NULL && !r->in.is_over)
        receiver_stop(r->in.receiver);
    if (r->out.sender != NULL)
        sender_stop(r->out.sender);
}

/* What is not receipted stays in the outbox: to be stopped is no failure. */
static void on_signal(void *arg)
{
    struct run *r = arg;

    r->signalled = 1;
    stop(r);
}

static void side_is_over(struct run *r, int *is_over)
{
    *is_over = 1;
    if ((r->out.sender == NULL || r->out.is_over) && (r->in.receiver == NULL || r->in.is_over))
        event_base_loopbreak(r->first->base);
    else
        stop(r);
}

/* which: the side, where there are two. why: NULL when it was said before. */
static void tell_down(struct run *r, const char *which, int final, const char *why)
{
    if (why != NULL)
        fprintf(stderr, "%s run: %s%s%s\n", options_program(), r->both ? which : "", why,
            final ? "" : " (trying again)");
    r->lost |= final;
}

/* ---- the sending side ---- */

static void on_status(void *arg, const struct out_item *item, enum out_status status,
                      unsigned reason)
{
    struct run *r = arg;

    if (status != STATUS_QUEUED)
        report_item(item, status, reason,
                    r->o->json ? REPORT_JSON
                    : r->both  ? REPORT_ASIDE
                               : REPORT_TEXT);
    if (status == STATUS_QUEUED || status == STATUS_ACCEPTED)
        return;
    if (status == STATUS_REJECTED)
        r->code = EXIT_REJECTED;
    else if (status == STATUS_EXPIRED && r->code == EXIT_DONE)
        r->code = EXIT_FAILED;
    feed_ended(r->out.feed, item->peer);
}

static void on_trouble(void *arg, const char *peer, int final, unsigned reason, const char *why)
{
    struct run *r = arg;

    fprintf(stderr, "%s run: %s: %s%s\n", options_program(), peer, why,
            final || reason == REASON_NONE ? "" : "; trying again");
    if (final && r->role == ROLE_SEND && strcmp(peer, r->o->to) == 0) {
        r->code = EXIT_FAILED;
        stop(r);
    }
}

static void on_phase(void *arg, const char *peer, enum out_phase phase,
                     const uint8_t key[KEY_BYTES])
{
    (void)arg;
    report_phase(peer, phase, key);
}

static void on_sender_down(void *arg, int final, const char *why)
{
    struct run *r = arg;

    tell_down(r, "sending: ", final, why);
    if (final)
        stop(r);
}

static void on_sender_stopped(void *arg)
{
    struct run *r = arg;

    side_is_over(r, &r->out.is_over);
}

static void on_fed(void *arg)
{
    struct run *r = arg;

    if (r->role == ROLE_SEND)
        stop(r);
}

static void on_feed_trouble(void *arg, enum feed_trouble what)
{
    struct run *r = arg;

    r->code = EXIT_FAILED;
    if (what == FEED_BROKEN)
        stop(r);
}

static void on_unaddressed(void *arg, size_t lines)
{
    (void)arg;
    fprintf(stderr,
            "%s run: nobody has written yet, so there is nobody to answer: %zu %s not sent. Type "
            "again after the first message, or start with --to ID\n",
            options_program(), lines, lines == 1 ? "line was" : "lines were");
}

static int make_sender(struct run *r)
{
    static const struct sender_handlers handlers = {.status = on_status,
                                                    .trouble = on_trouble,
                                                    .phase = on_phase,
                                                    .down = on_sender_down,
                                                    .stopped = on_sender_stopped};
    static const struct feed_handlers feed_handlers = {on_fed, on_feed_trouble, on_unaddressed};
    struct sending *s = &r->out;
    int code = kind_from_options(&s->kind, r->o, &s->device.offer);

    if (code != 0)
        return code;
    s->sender = sender_new(&(struct sender_config){.base = s->device.base,
                                                   .db = s->device.db,
                                                   .home = &s->device.home,
                                                   .mode = r->o->hop,
                                                   .offer = s->device.offer,
                                                   .handlers = &handlers,
                                                   .arg = r});
    if (s->sender == NULL)
        return fail(EXIT_FAILED, "out of memory");
    return feed_new(&s->feed, &(struct feed_config){.device = &s->device,
                                                    .sender = s->sender,
                                                    .kind = s->kind,
                                                    .covers = r->o->covers,
                                                    .to = r->o->to,
                                                    .fd = STDIN_FILENO,
                                                    .handlers = &feed_handlers,
                                                    .arg = r});
}

/* ---- the receiving side ---- */

static void on_receiver_down(void *arg, int final, const char *why)
{
    struct run *r = arg;

    tell_down(r, "receiving: ", final, why);
    if (final)
        side_is_over(r, &r->in.is_over);
}

static void on_note(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "%s\n", text);
}

static void on_shown(void *arg, const char *from)
{
    struct run *r = arg;

    if (r->out.feed != NULL)
        feed_address(r->out.feed, from);
}

static void on_done(void *arg, int any_failed)
{
    struct run *r = arg;

    if (any_failed && r->code == EXIT_DONE)
        r->code = EXIT_REJECTED;
    side_is_over(r, &r->in.is_over);
}

static void warn_of_research(void)
{
    for (size_t i = 0; i < profile_count; i++)
        if (profiles[i]->research != NULL)
            fprintf(stderr,
                    "%s: warning: --allow-research lets senders choose the profile %s, which is "
                    "for research only: %s\n",
                    options_program(), profiles[i]->name, profiles[i]->research);
}

static int make_receiver(struct run *r)
{
    static const struct receiver_handlers handlers = {
        .down = on_receiver_down, .note = on_note, .shown = on_shown, .done = on_done};
    struct receiving *s = &r->in;
    const char *accept = r->o->accept != NULL ? r->o->accept : "any";
    char why[WHY_MAX];

    if (accept_parse(&s->accept, accept, why, sizeof(why)) != 0)
        return fail(EXIT_USAGE, "%s", why);
    if (r->o->allow_research)
        warn_of_research();
    if (receiver_new(&s->receiver,
                     &(struct receiver_config){.base = s->device.base,
                                               .db = s->device.db,
                                               .home = &s->device.home,
                                               .mode = r->o->hop,
                                               .offer = s->device.offer,
                                               .accept = &s->accept,
                                               .inbox = r->o->inbox,
                                               .json = r->o->json,
                                               .count = r->o->count,
                                               .handlers = &handlers,
                                               .arg = r},
                     why, sizeof(why)) != 0)
        return fail(EXIT_FAILED, "%s", why);
    return 0;
}

/* ---- both ---- */

static void save_receiver(void *arg)
{
    struct run *r = arg;

    if (r->in.receiver != NULL)
        receiver_flush(r->in.receiver);
}

static void save_sender(void *arg)
{
    struct run *r = arg;

    if (r->out.sender != NULL)
        sender_flush(r->out.sender);
}

/* Each side keeps a transaction open while more is arriving. */
static int open_both(struct run *r, struct device *second, enum conn_role role)
{
    int code = device_open_beside(second, r->first, role, r->o);

    if (code == 0) {
        sql_on_busy(r->out.device.db, save_receiver, r);
        sql_on_busy(r->in.device.db, save_sender, r);
    }
    return code;
}

static int open_devices(struct run *r)
{
    int sends = r->role == ROLE_SEND;
    struct device *second = sends ? &r->in.device : &r->out.device;
    int code;

    r->first = sends ? &r->out.device : &r->in.device;
    code = device_open(r->first, r->o, r->role);
    if (code == 0 && r->both)
        code = open_both(r, second, sends ? ROLE_RECV : ROLE_SEND);
    if (code != 0)
        return code;
    r->stop = event_new(r->first->base, -1, 0, on_stop, r);
    return r->stop != NULL ? 0 : fail(EXIT_FAILED, "out of memory");
}

static int loop(struct run *r)
{
    device_on_stop(r->first, on_signal, r);
    if (r->out.sender != NULL) {
        feed_start(r->out.feed);
        sender_start(r->out.sender);
    }
    if (r->in.receiver != NULL && receiver_start(r->in.receiver) != 0)
        return fail(EXIT_FAILED, "cannot read %s/state.db", r->first->home.dir);
    event_base_dispatch(r->first->base);
    return r->lost ? EXIT_FAILED : r->signalled ? EXIT_DONE : r->code;
}

static int run(struct run *r)
{
    int code = open_devices(r);

    if (code == 0 && (r->both || r->role == ROLE_SEND))
        code = make_sender(r);
    if (code == 0 && (r->both || r->role == ROLE_RECV))
        code = make_receiver(r);
    if (code == 0)
        code = device_remember(r->first);
    if (code == 0)
        code = loop(r);
    feed_free(r->out.feed);
    receiver_free(r->in.receiver);
    r->in.receiver = NULL; /* save_receiver() may still be called */
    sender_free(r->out.sender);
    accept_free(&r->in.accept);
    if (r->stop != NULL)
        event_free(r->stop);
    if (r->both)
        device_close(r->first == &r->out.device ? &r->in.device : &r->out.device);
    if (r->first != NULL)
        device_close(r->first);
    return code;
}

/* Messages of this profile need no covers. */
static int needs_no_covers(const struct device_options *o)
{
    const struct profile *p = o->profile != NULL ? profile_by_name(o->profile) : NULL;

    return p != NULL && p->hidden_bytes == 0;
}

int run_sending(struct device_options *o)
{
    struct run r = {.o = o, .role = ROLE_SEND, .both = o->talk};

    if (o->to == NULL)
        return fail(EXIT_USAGE, "--to ID is missing: who shall get the messages");
    if (o->covers == NULL && !needs_no_covers(o))
        return fail(EXIT_USAGE, "--covers FOLDER is missing: the pictures that carry the tags");
    if (!o->talk && (o->accept != NULL || o->inbox != NULL))
        return fail(EXIT_USAGE, "--accept and --inbox are for what comes back; add --talk");
    return run(&r);
}

int run_receiving(struct device_options *o)
{
    struct run r = {.o = o, .role = ROLE_RECV, .both = o->covers != NULL || needs_no_covers(o)};

    if (!r.both && (o->to != NULL || o->profile != NULL || o->stego != NULL || o->no_pad))
        return fail(EXIT_USAGE, "--to, --profile, --stego and --no-pad are for answers; add "
                                "--covers FOLDER");
    return run(&r);
}
