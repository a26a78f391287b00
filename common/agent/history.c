/* history.c - asking the cloud for what it kept, page by page, and showing each message once. */
#include "common/agent/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/agent/save.h"
#include "common/agent/show.h"
#include "common/err.h"

#define PAGE 64 /* packages asked for at a time */

struct history {
    struct history_config config;
    struct link *link;
    struct save *save;
    struct show show;
    struct event *silence; /* nothing was heard for too long */
    struct event *over;    /* tells the program, from the loop */
    uint64_t after;        /* number of the last package */
    uint16_t asked, got;   /* packages of this page */
    uint64_t lines;
    int64_t *ids; /* records shown, rising */
    size_t n_ids;
    int ending, failed, unverified;
    char why[WHY_MAX];
};

static void end(struct history *h, int failed, const char *why)
{
    if (h->ending)
        return;
    h->ending = 1;
    h->failed = failed;
    text_copy(h->why, sizeof(h->why), why);
    link_stop(h->link);
}

static void listen_for(struct history *h)
{
    struct timeval tv = {.tv_sec = (time_t)h->config.timeout};

    evtimer_add(h->silence, &tv);
}

static void ask(struct history *h)
{
    uint64_t left = h->config.limit > 0 ? h->config.limit - h->lines : PAGE;
    struct msg m = {.type = MSG_HISTORY};

    h->asked = (uint16_t)(left < PAGE ? left : PAGE);
    h->got = 0;
    memcpy(m.u.history.peer, h->config.from, strlen(h->config.from) + 1);
    m.u.history.after = h->after;
    m.u.history.since = h->config.since;
    m.u.history.limit = h->asked;
    link_send(h->link, &m);
    listen_for(h);
}

/* Was the record shown? If not, it counts as shown from now on. They come rising from a cloud that
 * is honest. 1, 0 or ERR_NOMEM. */
static int was_shown(struct history *h, int64_t id)
{
    size_t at = h->n_ids;
    int64_t *more;

    while (at > 0 && h->ids[at - 1] > id)
        at--;
    if (at > 0 && h->ids[at - 1] == id)
        return 1;
    if (h->n_ids % 1024 == 0) {
        more = reallocarray(h->ids, h->n_ids + 1024, sizeof(*more));
        if (more == NULL)
            return ERR_NOMEM;
        h->ids = more;
    }
    memmove(h->ids + at + 1, h->ids + at, (h->n_ids - at) * sizeof(*h->ids));
    h->ids[at] = id;
    h->n_ids++;
    return 0;
}

static int show_ours(struct history *h, struct kept *k)
{
    struct inbox_record *r = &k->record;
    struct blob message = {r->message, r->bytes};
    int err = was_shown(h, r->id);

    if (err != 0)
        return err < 0 ? err : 0;
    if (h->save != NULL && !r->gone) {
        err = save_files(h->save, r, &message, &k->m.u.package.image);
        if (err == 0)
            err = save_sync(h->save);
    }
    if (err == 0)
        err = show_message(&h->show, r);
    h->lines++;
    return err;
}

static int show_kept(struct history *h, const struct msg_kept *m)
{
    struct kept k;
    int err = kept_judge(&k, h->config.db, h->config.from, m);

    if (err == 0 && k.kind == KEPT_OURS) {
        if (k.record.seq > h->config.since)
            err = show_ours(h, &k);
    } else if (err == 0) {
        h->unverified = 1;
        h->lines++;
        err = show_unverified(&h->show, h->config.from,
                              k.kind == KEPT_UNREADABLE ? NULL : &k.m.u.package, kept_why(k.kind));
    }
    kept_free(&k);
    return err;
}

static void on_kept(struct history *h, const struct msg_kept *m)
{
    char why[WHY_MAX];
    int err;

    if (h->got == h->asked || m->number <= h->after) {
        end(h, 1, "the cloud answers with other packages than were asked for");
        return;
    }
    h->got++;
    h->after = m->number;
    err = show_kept(h, m);
    if (err != 0) {
        say(why, sizeof(why), 0, "a message cannot be shown: %s",
            err == ERR_SYS ? strerror(errno) : err_str(err));
        end(h, 1, why);
    }
}

static void on_end(struct history *h, const struct msg_history_end *m)
{
    char why[WHY_MAX] = "";

    if (m->days == 0)
        say(why, sizeof(why), 0, "this cloud keeps no packages: cloudd runs without --retain");
    else if (h->lines == 0 && !m->more)
        say(why, sizeof(why), 0, "nothing from %s is kept; this cloud keeps packages for %u days",
            h->config.from, (unsigned)m->days);
    if (m->more != 0 && h->got > 0 && (h->config.limit == 0 || h->lines < h->config.limit))
        ask(h);
    else if (m->more != 0 && h->got == 0)
        end(h, 1, "the cloud promises packages and sends none");
    else
        end(h, 0, why);
}

static void on_message(void *arg, const struct msg *m, const uint8_t *body, size_t len)
{
    struct history *h = arg;

    (void)body;
    (void)len;
    if (h->ending)
        return;
    listen_for(h);
    if (m->type == MSG_KEPT)
        on_kept(h, &m->u.kept);
    else if (m->type == MSG_HISTORY_END)
        on_end(h, &m->u.history_end);
    /* What an ERROR says comes again with the loss of the connection. */
}

static void on_up(void *arg)
{
    ask(arg);
}

/* There is one try: who is told may ask again. */
static void on_down(void *arg, int final, unsigned reason, const char *why)
{
    struct history *h = arg;

    (void) final;
    (void)reason;
    end(h, 1, why);
}

static void on_silence(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    end(arg, 1, "the cloud does not answer in time; --timeout allows it longer");
}

static void on_stopped(void *arg)
{
    struct history *h = arg;

    event_active(h->over, EV_TIMEOUT, 0);
}

static void on_over(evutil_socket_t fd, short what, void *arg)
{
    struct history *h = arg;

    (void)fd;
    (void)what;
    h->config.done(h->config.arg, h->why, h->failed, h->unverified);
}

static const struct link_handlers link_handlers = {
    .up = on_up, .message = on_message, .down = on_down, .stopped = on_stopped};

static int make_parts(struct history *h, char *why, size_t cap)
{
    const struct history_config *c = &h->config;

    h->link = link_new(&(struct link_config){.base = c->base,
                                             .home = c->home,
                                             .role = ROLE_READ,
                                             .mode = c->mode,
                                             .offer = c->offer,
                                             .handlers = &link_handlers,
                                             .arg = h});
    h->silence = evtimer_new(c->base, on_silence, h);
    h->over = evtimer_new(c->base, on_over, h);
    if (h->link == NULL || h->silence == NULL || h->over == NULL)
        return say(why, cap, ERR_NOMEM, "out of memory");
    return c->inbox != NULL ? save_open(&h->save, c->inbox, why, cap) : 0;
}

int history_new(struct history **out, const struct history_config *config, char *why, size_t cap)
{
    struct history *h = calloc(1, sizeof(*h));
    int err;

    *out = NULL;
    if (h == NULL)
        return say(why, cap, ERR_NOMEM, "out of memory");
    h->config = *config;
    h->show = (struct show){stdout, stderr, config->json};
    err = make_parts(h, why, cap);
    if (err != 0) {
        history_free(h);
        return err;
    }
    *out = h;
    return 0;
}

void history_start(struct history *h)
{
    listen_for(h);
    link_start(h->link);
}

void history_stop(struct history *h)
{
    end(h, 0, "");
}

void history_free(struct history *h)
{
    if (h == NULL)
        return;
    link_free(h->link);
    if (h->silence != NULL)
        event_free(h->silence);
    if (h->over != NULL)
        event_free(h->over);
    save_close(h->save);
    free(h->ids);
    free(h);
}
