/* run.c - `sds run`: a message a line from stdin, until all are receipted. */
#include "sds/sds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/agent/cover.h"
#include "common/err.h"

#define LINES_AT_ONCE 64   /* that share one commit */
#define PENDING_HIGH  512  /* messages under way: stop reading stdin */
#define PENDING_LOW   256  /* and go on */

struct streaming {
    struct device device;
    const struct device_options *o;
    struct message_kind kind;
    struct sender *sender;
    struct cover_set covers;
    size_t next_cover, covers_used;
    struct event *input;
    uint8_t *line; /* what stdin gave and is not a whole line yet */
    size_t line_len;
    int skipping; /* inside a line that is too long */
    int at_end, reading, stopping, signalled;
    uint64_t pending;
    int code;
};

static void stop(void *arg)
{
    struct streaming *s = arg;

    if (s->stopping)
        return;
    s->stopping = 1;
    event_del(s->input);
    sender_stop(s->sender);
}

/* What is not receipted stays in the outbox: to be stopped is no failure. */
static void on_signal(void *arg)
{
    struct streaming *s = arg;

    s->signalled = 1;
    stop(s);
}

static void update_reading(struct streaming *s)
{
    if (s->reading && (s->at_end || s->pending >= PENDING_HIGH)) {
        event_del(s->input);
        s->reading = 0;
    } else if (!s->reading && !s->at_end && !s->stopping && s->pending <= PENDING_LOW) {
        event_add(s->input, NULL);
        s->reading = 1;
    }
    if (s->at_end && s->pending == 0)
        stop(s);
}

static void on_status(void *arg, const struct out_item *item, enum out_status status,
                      unsigned reason)
{
    struct streaming *s = arg;

    if (status != STATUS_QUEUED)
        report_item(item, status, reason, s->o->json);
    if (status == STATUS_QUEUED || status == STATUS_ACCEPTED)
        return;
    if (status == STATUS_REJECTED)
        s->code = EXIT_REJECTED;
    else if (status == STATUS_EXPIRED && s->code == EXIT_DONE)
        s->code = EXIT_FAILED;
    if (strcmp(item->peer, s->o->to) == 0 && s->pending > 0)
        s->pending--;
    update_reading(s);
}

static void on_trouble(void *arg, const char *peer, int final, unsigned reason, const char *why)
{
    struct streaming *s = arg;

    fprintf(stderr, "sds run: %s: %s%s\n", peer, why,
            final || reason == REASON_NONE ? "" : "; trying again");
    if (final && strcmp(peer, s->o->to) == 0) {
        s->code = EXIT_FAILED;
        stop(s);
    }
}

static void on_phase(void *arg, const char *peer, enum out_phase phase,
                     const uint8_t key[KEY_BYTES])
{
    (void)arg;
    report_phase(peer, phase, key);
}

static void on_down(void *arg, int final, const char *why)
{
    struct streaming *s = arg;

    fprintf(stderr, "sds run: %s%s\n", why, final ? "" : "; trying again");
    if (final) {
        s->code = EXIT_FAILED;
        stop(s);
    }
}

static void on_stopped(void *arg)
{
    struct streaming *s = arg;

    event_base_loopbreak(s->device.base);
}

static const struct out_bytes *take_cover(struct streaming *s)
{
    if (s->covers_used == s->covers.n)
        fprintf(stderr, "sds run: all %zu covers are used; they repeat from here. Two pictures of "
                        "one cover show by their difference where the hidden parts are\n",
                s->covers.n);
    s->covers_used++;
    s->next_cover = (s->next_cover + 1) % s->covers.n;
    return &s->covers.v[s->next_cover];
}

struct batch {
    struct out_item items[LINES_AT_ONCE];
    size_t n;
};

static void queue_batch(struct streaming *s, struct batch *b)
{
    int err = b->n > 0 ? sender_add_many(s->sender, b->items, b->n) : 0;

    if (err == 0) {
        s->pending += b->n;
    } else {
        s->code = fail(EXIT_FAILED, "cannot save to %s/state.db: %s; the last %zu lines were not "
                                    "taken",
                       s->device.home.dir, state_trouble(err), b->n);
        stop(s);
    }
    b->n = 0;
}

static void take_line(struct streaming *s, struct batch *b, const uint8_t *p, size_t len)
{
    struct out_item *item;

    if (b->n == LINES_AT_ONCE)
        queue_batch(s, b);
    item = &b->items[b->n++];
    memset(item, 0, sizeof(*item));
    text_copy(item->peer, sizeof(item->peer), s->o->to);
    item->profile = s->kind.profile->id;
    item->codec = (uint8_t)s->kind.code;
    item->exact = s->kind.exact;
    /* Borrowed until queue_batch(), which only reads them. */
    item->message = (struct out_bytes){(uint8_t *)(uintptr_t)p, len};
    item->cover = *take_cover(s);
}

static void too_long(struct streaming *s)
{
    if (!s->skipping)
        s->code = fail(EXIT_FAILED, "a line has more than %zu bytes and was left out; use sds send "
                                    "--file in pieces",
                       s->kind.message_max);
    s->skipping = 1;
}

/* Queue the whole lines that are there; keep the rest for the next read. */
static void take_lines(struct streaming *s)
{
    struct batch b = {.n = 0};
    size_t at = 0;
    uint8_t *end;

    while (at < s->line_len &&
           (end = memchr(s->line + at, '\n', s->line_len - at)) != NULL) {
        size_t len = (size_t)(end - s->line) - at;

        if (!s->skipping && len <= s->kind.message_max)
            take_line(s, &b, s->line + at, len);
        else if (!s->skipping)
            too_long(s);
        s->skipping = 0;
        at = (size_t)(end - s->line) + 1;
    }
    if (s->at_end && at < s->line_len && !s->skipping &&
        s->line_len - at <= s->kind.message_max) {
        take_line(s, &b, s->line + at, s->line_len - at);
        at = s->line_len;
    }
    queue_batch(s, &b);
    memmove(s->line, s->line + at, s->line_len - at);
    s->line_len -= at;
    if (s->line_len > s->kind.message_max) {
        too_long(s);
        s->line_len = 0;
    }
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    struct streaming *s = arg;
    ssize_t n;

    (void)what;
    n = read(fd, s->line + s->line_len, MESSAGE_MAX + 1 - s->line_len);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0)
        s->at_end = 1;
    else
        s->line_len += (size_t)n;
    take_lines(s);
    if (!s->stopping)
        update_reading(s);
}

static int prepare(struct streaming *s)
{
    static const struct sender_handlers handlers = {
        .status = on_status, .trouble = on_trouble, .phase = on_phase, .down = on_down,
        .stopped = on_stopped};
    uint64_t queued, packed;
    char why[WHY_MAX];

    if (s->o->to == NULL || !id_is_valid(s->o->to, strlen(s->o->to)))
        return fail(EXIT_USAGE, "--to ID is missing or no id: who shall get the messages");
    if (strcmp(s->o->to, s->device.home.id) == 0)
        return fail(EXIT_USAGE, "--to %s is this device itself", s->o->to);
    if (s->o->covers == NULL)
        return fail(EXIT_USAGE, "--covers FOLDER is missing: the pictures that carry the tags");
    if (cover_set_load(&s->covers, s->o->covers, s->kind.code, s->kind.profile->hidden_bytes * 8,
                       why, sizeof(why)) != 0)
        return fail(EXIT_FAILED, "%s", why);
    if (outbox_count(s->device.db, s->o->to, &queued, &packed) != 0)
        return fail(EXIT_FAILED, "cannot read %s/state.db", s->device.home.dir);
    s->pending = queued + packed;
    s->line = malloc(MESSAGE_MAX + 1);
    s->input = event_new(s->device.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, s);
    s->sender = sender_new(&(struct sender_config){.base = s->device.base,
                                                   .db = s->device.db,
                                                   .home = &s->device.home,
                                                   .mode = s->o->hop,
                                                   .offer = s->device.offer,
                                                   .handlers = &handlers,
                                                   .arg = s});
    if (s->line == NULL || s->input == NULL || s->sender == NULL)
        return fail(EXIT_FAILED, "out of memory");
    return 0;
}

int lines_run(struct device_options *o)
{
    struct streaming s = {.o = o};
    int code = device_open(&s.device, o, ROLE_SEND);

    if (code == 0)
        code = kind_from_options(&s.kind, o, &s.device.offer);
    if (code == 0)
        code = prepare(&s);
    if (code == 0) {
        device_on_stop(&s.device, on_signal, &s);
        update_reading(&s);
        sender_start(s.sender);
        event_base_dispatch(s.device.base);
        code = s.signalled ? EXIT_DONE : s.code;
    }
    sender_free(s.sender);
    if (s.input != NULL)
        event_free(s.input);
    free(s.line);
    cover_set_free(&s.covers);
    device_close(&s.device);
    return code;
}
