/* send.c - `sds send`: one message to one or several receivers, and wait for their word. */
#include "sds/send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/agent/cover.h"
#include "common/agent/device.h"
#include "common/agent/report.h"
#include "common/agent/set_names.h"
#include "common/err.h"

#define NO_WAIT_LIMIT_S 5 /* for --no-wait to hand over what it can */

struct target {
    struct out_item item; /* as last heard of; without bytes */
    enum out_status status;
    unsigned reason;
    int is_over;   /* has its last status */
    int is_parked; /* nothing more can happen until the receiver is there */
    int is_stuck;  /* nor until somebody acts */
};

struct sending {
    struct device device;
    const struct device_options *o;
    struct sender *sender;
    struct target *targets;
    size_t n;
    struct event *deadline;
    int stopping, failed, signalled;
};

static struct target *find(struct sending *s, int64_t id)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->targets[i].item.id == id)
            return &s->targets[i];
    return NULL;
}

static void stop(void *arg)
{
    struct sending *s = arg;

    if (s->stopping)
        return;
    s->stopping = 1;
    if (s->sender != NULL)
        sender_stop(s->sender);
}

/* What is not receipted stays in the outbox: to be stopped is no failure. */
static void on_signal(void *arg)
{
    struct sending *s = arg;

    s->signalled = 1;
    stop(s);
}

/* Enough is known of every message: its end, or with --no-wait that it is in good hands. */
static void stop_when_done(struct sending *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct target *t = &s->targets[i];

        if (!t->is_over && !t->is_stuck &&
            !(s->o->no_wait && (t->is_parked || t->status == STATUS_ACCEPTED)))
            return;
    }
    stop(s);
}

static void on_status(void *arg, const struct out_item *item, enum out_status status,
                      unsigned reason)
{
    struct sending *s = arg;
    struct target *t = find(s, item->id);

    if (t == NULL) {
        if (status != STATUS_QUEUED && status != STATUS_ACCEPTED)
            fprintf(stderr, "an earlier message to %s, number %llu: %s%s%s\n", item->peer,
                    (unsigned long long)item->seq, out_status_name(status),
                    status == STATUS_REJECTED ? ": " : "",
                    status == STATUS_REJECTED ? reason_text(reason) : "");
        return;
    }
    t->item = *item;
    memset(&t->item.message, 0, sizeof(t->item.message));
    memset(&t->item.cover, 0, sizeof(t->item.cover));
    memset(&t->item.body, 0, sizeof(t->item.body));
    t->status = status;
    t->reason = reason;
    t->is_over = status != STATUS_QUEUED && status != STATUS_ACCEPTED;
    stop_when_done(s);
}

static void on_trouble(void *arg, const char *peer, int final, unsigned reason, const char *why)
{
    struct sending *s = arg;

    fprintf(stderr, "sds send: %s: %s\n", peer, why);
    if (!final && !sender_lacks_room(reason))
        return;
    /* One receiver's trouble is not the others'; an earlier message's is not this one's. */
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->targets[i].item.peer, peer) == 0 && !s->targets[i].is_over)
            s->targets[i].is_stuck = s->failed = 1;
    }
    stop_when_done(s);
}

static void on_phase(void *arg, const char *peer, enum out_phase phase,
                     const uint8_t key[KEY_BYTES])
{
    struct sending *s = arg;

    report_phase(peer, phase, key);
    for (size_t i = 0; phase == PHASE_PENDING && i < s->n; i++)
        if (strcmp(s->targets[i].item.peer, peer) == 0)
            s->targets[i].is_parked = 1;
    stop_when_done(s);
}

static void on_down(void *arg, int final, const char *why)
{
    struct sending *s = arg;

    if (why != NULL)
        fprintf(stderr, "sds send: %s\n", why);
    if (final)
        s->failed = 1;
    if (final || s->o->no_wait)
        stop(s);
}

static void on_stopped(void *arg)
{
    struct sending *s = arg;

    event_base_loopbreak(s->device.base);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct sending *s = arg;

    (void)fd;
    (void)what;
    if (!s->o->no_wait)
        fprintf(stderr,
                "sds send: no receipt within %llu s; what was not receipted stays in the outbox, "
                "and the next sds command continues\n",
                (unsigned long long)s->o->timeout);
    if (s->stopping)
        event_base_loopbreak(s->device.base);
    stop(s);
}

static int read_message(const struct device_options *o, const struct message_kind *kind,
                        struct out_bytes *m)
{
    FILE *f;

    if ((o->file != NULL) == (o->rest_n == 1) || o->rest_n > 1)
        return fail(EXIT_USAGE, "give one MESSAGE, or --file F (- for stdin)");
    m->p = malloc(MESSAGE_MAX + 1);
    if (m->p == NULL)
        return fail(EXIT_FAILED, "out of memory");
    if (o->rest_n == 1) {
        m->len = strlen(o->rest[0]);
        if (m->len <= MESSAGE_MAX)
            memcpy(m->p, o->rest[0], m->len);
    } else {
        f = strcmp(o->file, "-") == 0 ? stdin : fopen(o->file, "rb");
        if (f == NULL)
            return fail(EXIT_FAILED, "--file %s: %s", o->file, strerror(errno));
        m->len = fread(m->p, 1, MESSAGE_MAX + 1, f);
        if (ferror(f))
            return fail(EXIT_FAILED, "--file %s: %s", o->file, strerror(errno));
        if (f != stdin)
            fclose(f);
    }
    if (m->len > kind->message_max)
        return fail(EXIT_FAILED, "the message has more than %zu bytes, which is the most that one "
                                 "package carries; split it",
                    kind->message_max);
    return 0;
}

static int add_receiver(struct sending *s, const char *id)
{
    struct target *t = &s->targets[s->n];

    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->targets[i].item.peer, id) == 0)
            return 0;
    if (s->n == SET_MAX)
        return fail(EXIT_USAGE, "--to names more than %d receivers", SET_MAX);
    if (strcmp(id, s->device.home.id) == 0)
        return fail(EXIT_USAGE, "--to %s is this device itself", id);
    text_copy(t->item.peer, sizeof(t->item.peer), id);
    s->n++;
    return 0;
}

/* @NAME: the members of a named set. */
static int add_set(struct sending *s, const char *name, size_t len)
{
    char set[ID_MAX + 1] = "", member[ID_MAX + 1] = "";
    int code = 0, err = id_is_valid(name, len) ? 0 : ERR_NOTFOUND;

    if (err == 0)
        memcpy(set, name, len);
    if (err == 0 && !set_name_exists(s->device.db, set))
        err = ERR_NOTFOUND;
    if (err != 0)
        return fail(EXIT_USAGE, "--to @%.*s: there is no such set; sds set list shows them",
                    (int)len, name);
    while (code == 0 && set_name_next(s->device.db, set, member, member) == 0)
        code = add_receiver(s, member);
    return code;
}

static int parse_receivers(struct sending *s)
{
    const char *at = s->o->to;
    int code = 0;

    s->targets = calloc(SET_MAX, sizeof(*s->targets));
    if (s->targets == NULL)
        return fail(EXIT_FAILED, "out of memory");
    while (code == 0 && at != NULL && *at != '\0') {
        size_t len = strcspn(at, ",");
        char id[ID_MAX + 1] = "";

        if (*at == '@') {
            code = add_set(s, at + 1, len - 1);
        } else if (!id_is_valid(at, len)) {
            code = fail(EXIT_USAGE, "--to %.*s: an id is 1 to %d of a-z 0-9 . _ -", (int)len, at,
                        ID_MAX);
        } else {
            memcpy(id, at, len);
            code = add_receiver(s, id);
        }
        at += len + (at[len] == ',');
    }
    if (code == 0 && s->n == 0)
        return fail(EXIT_USAGE, "--to ID is missing: who shall get the message");
    return code;
}

/* A message to several is one to a set; not every profile can make it. */
static int check_set(const struct sending *s, const struct message_kind *kind)
{
    if (s->n < 2 || kind->profile->set_key != NULL)
        return 0;
    return fail(EXIT_USAGE, "--profile %s: its keys belong to one pair alone, so a message "
                            "cannot go to several receivers; send it to each by itself",
                kind->profile->name);
}

/* Queue the message for everyone, in one transaction. */
static int queue_all(struct sending *s, const struct message_kind *kind,
                     const struct out_bytes *message, const struct out_bytes *cover)
{
    struct out_item *items = calloc(s->n, sizeof(*items));
    int err = items == NULL ? ERR_NOMEM : 0;

    for (size_t i = 0; err == 0 && i < s->n; i++) {
        text_copy(items[i].peer, sizeof(items[i].peer), s->targets[i].item.peer);
        items[i].profile = kind->profile->id;
        items[i].codec = (uint8_t)kind->code;
        items[i].exact = kind->exact;
    }
    if (err == 0 && s->n > 1) {
        err = sender_add_set(s->sender, items, s->n, message, cover);
    } else if (err == 0) {
        items[0].message = *message;
        items[0].cover = *cover;
        err = sender_add(s->sender, items);
    }
    for (size_t i = 0; err == 0 && i < s->n; i++) {
        s->targets[i].item = items[i];
        s->targets[i].item.message = s->targets[i].item.cover = (struct out_bytes){NULL, 0};
    }
    free(items);
    if (err != 0)
        return fail(EXIT_FAILED, "cannot save the message to %s/state.db: %s", s->device.home.dir,
                    state_trouble(err));
    return 0;
}

static int take_cover(const struct sending *s, const struct message_kind *kind,
                      struct out_bytes *cover)
{
    const char *path = s->o->cover;
    size_t bits = kind->profile->hidden_bytes * 8;
    char why[WHY_MAX];

    if (bits == 0) {
        if (path != NULL)
            fprintf(stderr, "sds send: the profile %s hides nothing; --cover is not used\n",
                    kind->profile->name);
        return 0;
    }
    if (path == NULL)
        return fail(EXIT_USAGE, "--cover IMAGE is missing: the picture that carries the tag");
    if (cover_load(cover, path, kind->code, bits, why, sizeof(why)) != 0)
        return fail(EXIT_FAILED, "%s", why);
    return 0;
}

static int start(struct sending *s, const struct message_kind *kind)
{
    static const struct sender_handlers handlers = {
        .status = on_status, .trouble = on_trouble, .phase = on_phase, .down = on_down,
        .stopped = on_stopped};
    struct out_bytes message = {0}, cover = {0};
    int code = read_message(s->o, kind, &message);

    if (code == 0)
        code = take_cover(s, kind, &cover);
    if (code == 0)
        s->sender = sender_new(&(struct sender_config){.base = s->device.base,
                                                       .db = s->device.db,
                                                       .home = &s->device.home,
                                                       .mode = s->o->hop,
                                                       .offer = s->device.offer,
                                                       .handlers = &handlers,
                                                       .arg = s});
    if (code == 0 && s->sender == NULL)
        code = fail(EXIT_FAILED, "out of memory");
    if (code == 0)
        code = queue_all(s, kind, &message, &cover);
    free(message.p);
    free(cover.p);
    return code;
}

static int loop(struct sending *s)
{
    struct timeval tv = {.tv_sec = s->o->no_wait ? NO_WAIT_LIMIT_S : (time_t)s->o->timeout};

    s->deadline = event_new(s->device.base, -1, EV_PERSIST, on_deadline, s);
    if (s->deadline == NULL)
        return fail(EXIT_FAILED, "out of memory");
    event_add(s->deadline, &tv);
    device_on_stop(&s->device, on_signal, s);
    sender_start(s->sender);
    event_base_dispatch(s->device.base);
    return 0;
}

/* Print how every message stands; the worst of them is the exit code. */
static int conclude(const struct sending *s)
{
    int code = EXIT_DONE;

    for (size_t i = 0; i < s->n; i++) {
        const struct target *t = &s->targets[i];

        report_item(&t->item, t->status, t->reason, s->o->json ? REPORT_JSON : REPORT_TEXT);
        if (t->status == STATUS_REJECTED)
            code = EXIT_REJECTED;
        else if (code == EXIT_DONE && t->status != STATUS_RECEIPTED &&
                 ((!s->o->no_wait && !s->signalled) || s->failed || t->status == STATUS_EXPIRED))
            code = EXIT_FAILED;
    }
    return code;
}

int send_run(struct device_options *o)
{
    struct sending s = {.o = o};
    struct message_kind kind;
    int code = device_open(&s.device, o, ROLE_SEND);

    if (code == 0)
        code = kind_from_options(&kind, o, &s.device.offer);
    if (code == 0)
        code = parse_receivers(&s);
    if (code == 0)
        code = check_set(&s, &kind);
    if (code == 0)
        code = device_remember(&s.device);
    if (code == 0)
        code = start(&s, &kind);
    if (code == 0)
        code = loop(&s);
    if (code == 0)
        code = conclude(&s);
    sender_free(s.sender);
    if (s.deadline != NULL)
        event_free(s.deadline);
    free(s.targets);
    device_close(&s.device);
    return code;
}
