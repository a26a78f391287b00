/* feed.c - lines of stdin as messages. */
#include "common/agent/feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/agent/cover.h"
#include "common/err.h"

#define LINES_AT_ONCE 64  /* that share one commit */
#define PENDING_HIGH  512 /* messages under way: stop reading */
#define PENDING_LOW   256 /* and go on */

struct feed {
    struct feed_config config;
    char to[ID_MAX + 1]; /* who gets the next line; empty: nobody is known */
    struct cover_set covers;
    size_t next_cover, covers_used;
    struct event *input;
    uint8_t *line; /* what was read and is not a whole line yet */
    size_t line_len;
    int skipping; /* inside a line that is too long */
    int held;     /* there are lines that wait until some messages have ended */
    int at_end, reading, stopped;
    uint64_t pending;
};

static void update_reading(struct feed *f)
{
    if (f->stopped)
        return;
    if (f->reading && (f->at_end || f->held || f->pending >= PENDING_HIGH)) {
        event_del(f->input);
        f->reading = 0;
    } else if (f->held && f->pending <= PENDING_LOW) {
        event_active(f->input, EV_TIMEOUT, 0);
    } else if (!f->reading && !f->held && !f->at_end && f->pending <= PENDING_LOW) {
        event_add(f->input, NULL);
        f->reading = 1;
    }
    if (f->at_end && !f->held && f->pending == 0)
        f->config.handlers->over(f->config.arg);
}

static const struct out_bytes *take_cover(struct feed *f)
{
    static const struct out_bytes none;

    if (f->covers.n == 0)
        return &none;
    if (f->covers_used == f->covers.n)
        fprintf(stderr,
                "%s run: all %zu covers are used; they repeat from here. Two pictures of "
                "one cover show by their difference where the hidden parts are\n",
                options_program(), f->covers.n);
    f->covers_used++;
    f->next_cover = (f->next_cover + 1) % f->covers.n;
    return &f->covers.v[f->next_cover];
}

struct batch {
    struct out_item items[LINES_AT_ONCE];
    size_t n;
    size_t unaddressed;
};

static void queue_batch(struct feed *f, struct batch *b)
{
    int err = b->n > 0 ? sender_add_many(f->config.sender, b->items, b->n) : 0;

    if (err == 0) {
        f->pending += b->n;
    } else {
        (void)fail(EXIT_FAILED,
                   "cannot save to %s/state.db: %s; %zu %s not taken, and nothing that follows",
                   f->config.device->home.dir, state_trouble(err), b->n,
                   b->n == 1 ? "line was" : "lines were");
        feed_stop(f);
        f->config.handlers->trouble(f->config.arg, FEED_BROKEN);
    }
    b->n = 0;
}

static void take_line(struct feed *f, struct batch *b, const uint8_t *p, size_t len)
{
    struct out_item *item;

    if (f->to[0] == '\0') {
        b->unaddressed++;
        return;
    }
    item = &b->items[b->n++];
    memset(item, 0, sizeof(*item));
    text_copy(item->peer, sizeof(item->peer), f->to);
    item->profile = f->config.kind.profile->id;
    item->codec = (uint8_t)f->config.kind.code;
    item->exact = f->config.kind.exact;
    /* Borrowed until queue_batch(), which only reads them. */
    item->message = (struct out_bytes){(uint8_t *)(uintptr_t)p, len};
    item->cover = *take_cover(f);
    if (b->n == LINES_AT_ONCE)
        queue_batch(f, b);
}

static void too_long(struct feed *f)
{
    if (!f->skipping) {
        (void)fail(EXIT_FAILED,
                   "a line has more than %zu bytes and was left out; use sds send --file in pieces",
                   f->config.kind.message_max);
        f->config.handlers->trouble(f->config.arg, FEED_LEFT_OUT);
    }
    f->skipping = 1;
}

/* Take the whole lines from `at` on, as far as there is room; returns where they end. */
static size_t take_whole_lines(struct feed *f, struct batch *b, size_t at)
{
    size_t max = f->config.kind.message_max;
    uint8_t *end;

    f->held = 0;
    while (!f->stopped && at < f->line_len &&
           (end = memchr(f->line + at, '\n', f->line_len - at)) != NULL) {
        size_t len = (size_t)(end - f->line) - at;

        f->held = f->pending + b->n >= PENDING_HIGH;
        if (f->held)
            break;
        if (!f->skipping && len <= max)
            take_line(f, b, f->line + at, len);
        else if (!f->skipping)
            too_long(f);
        f->skipping = 0;
        at = (size_t)(end - f->line) + 1;
    }
    return at;
}

/* Queue the lines that are there; keep the rest for later. */
static void take_lines(struct feed *f)
{
    size_t max = f->config.kind.message_max, at;
    struct batch b = {.n = 0};

    at = take_whole_lines(f, &b, 0);
    if (f->at_end && !f->held && !f->stopped && at < f->line_len && !f->skipping &&
        f->line_len - at <= max) {
        take_line(f, &b, f->line + at, f->line_len - at);
        at = f->line_len;
    }
    queue_batch(f, &b);
    if (b.unaddressed > 0)
        f->config.handlers->unaddressed(f->config.arg, b.unaddressed);
    memmove(f->line, f->line + at, f->line_len - at);
    f->line_len -= at;
    if (f->line_len > max && !f->held && !f->stopped) {
        too_long(f);
        f->line_len = 0;
    }
}

static void read_more(struct feed *f, int fd)
{
    ssize_t n = read(fd, f->line + f->line_len, MESSAGE_MAX + 1 - f->line_len);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    /* EIO is what a terminal gives that was hung up: its end. */
    if (n < 0 && errno != EIO) {
        (void)fail(EXIT_FAILED, "cannot read standard input: %s", strerror(errno));
        f->config.handlers->trouble(f->config.arg, FEED_LEFT_OUT);
    }
    if (n <= 0)
        f->at_end = 1;
    else
        f->line_len += (size_t)n;
}

/* There is something to read, or room for lines that were held. */
static void on_input(evutil_socket_t fd, short what, void *arg)
{
    struct feed *f = arg;

    (void)what;
    if (!f->held)
        read_more(f, fd);
    take_lines(f);
    update_reading(f);
}

static int prepare(struct feed *f)
{
    const struct feed_config *c = &f->config;
    uint64_t queued, packed;
    char why[WHY_MAX];

    if (c->to != NULL && (strchr(c->to, ',') != NULL || c->to[0] == '@'))
        return fail(EXIT_USAGE, "--to %s: run takes one receiver; sds send takes several, and sets",
                    c->to);
    if (c->to != NULL && !id_is_valid(c->to, strlen(c->to)))
        return fail(EXIT_USAGE, "--to %s: an id is 1 to %d of a-z 0-9 . _ -", c->to, ID_MAX);
    if (c->to != NULL && strcmp(c->to, c->device->home.id) == 0)
        return fail(EXIT_USAGE, "--to %s is this device itself", c->to);
    if (c->kind.profile->hidden_bytes > 0 &&
        cover_set_load(&f->covers, c->covers, c->kind.code, c->kind.profile->hidden_bytes * 8, why,
                       sizeof(why)) != 0)
        return fail(EXIT_FAILED, "%s", why);
    if (outbox_count(c->device->db, c->to, &queued, &packed) != 0)
        return fail(EXIT_FAILED, "cannot read %s/state.db", c->device->home.dir);
    f->pending = queued + packed;
    if (c->to != NULL)
        text_copy(f->to, sizeof(f->to), c->to);
    f->line = malloc(MESSAGE_MAX + 1);
    f->input = event_new(c->device->base, c->fd, EV_READ | EV_PERSIST, on_input, f);
    if (f->line == NULL || f->input == NULL)
        return fail(EXIT_FAILED, "out of memory");
    return 0;
}

int feed_new(struct feed **out, const struct feed_config *config)
{
    struct feed *f = calloc(1, sizeof(*f));
    int code;

    *out = NULL;
    if (f == NULL)
        return fail(EXIT_FAILED, "out of memory");
    f->config = *config;
    code = prepare(f);
    if (code == 0)
        *out = f;
    else
        feed_free(f);
    return code;
}

void feed_start(struct feed *f)
{
    update_reading(f);
}

void feed_address(struct feed *f, const char *peer)
{
    if (f->config.to == NULL)
        text_copy(f->to, sizeof(f->to), peer);
}

void feed_ended(struct feed *f, const char *peer)
{
    if ((f->config.to == NULL || strcmp(peer, f->config.to) == 0) && f->pending > 0)
        f->pending--;
    update_reading(f);
}

void feed_stop(struct feed *f)
{
    event_del(f->input);
    f->reading = 0;
    f->stopped = 1;
}

void feed_free(struct feed *f)
{
    if (f == NULL)
        return;
    if (f->input != NULL)
        event_free(f->input);
    free(f->line);
    cover_set_free(&f->covers);
    free(f);
}
