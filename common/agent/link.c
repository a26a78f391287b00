/* link.c - a device's connection to its cloud. */
#include "common/agent/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <sodium.h>

#include "common/err.h"
#include "common/net/gulp.h"
#include "common/secret.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define HANDSHAKE_S    10
#define LINGER_MS      2000
#define UNANSWERED_MAX 4
#define STOP_MS        10000        /* for what is queued to leave, when the cloud does not read */
#define READ_AT_ONCE   (4u << 20)   /* bytes taken from the socket ahead of the handlers */
#define WRITE_LOW      (256u << 10) /* below so many unsent bytes the handlers may add more */

/* What must not be swapped out or dumped. */
struct link_secrets {
    struct noise_handshake hs;
    struct hop_keys keys;
};

struct link {
    struct link_config config;
    struct link_secrets *secrets;
    struct bufferevent *bev;
    struct event *timer; /* deadline while connecting, else the next try */
    enum conn_state state;
    int connected, stopping, lingering, up;
    int was_up;          /* a handshake with the pinned key was completed before */
    int is_hint;         /* `reason` was said without proof: anybody on the way can say it */
    unsigned unanswered; /* connections lost between our ATTACH and the answer: it may come late */
    unsigned backoff_ms;
    unsigned reason; /* the cloud's last word */
    char detail[256];
    char said[256]; /* to the handler, of the last loss; empty once there was a connection */
};

static void connect_now(struct link *l);

static void set_state(struct link *l, enum conn_state state)
{
    l->state = state;
}

static void arm(struct link *l, unsigned ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

    evtimer_add(l->timer, &tv);
}

static void hang_up(struct link *l)
{
    evtimer_del(l->timer);
    if (l->bev != NULL)
        bufferevent_free(l->bev);
    l->bev = NULL;
    l->up = l->connected = 0;
    set_state(l, CONN_CLOSING);
    sodium_memzero(l->secrets, sizeof(*l->secrets));
}

static void finish_stop(struct link *l)
{
    hang_up(l);
    if (l->config.handlers->stopped != NULL)
        l->config.handlers->stopped(l->config.arg);
}

/* Reasons after which the same words will be refused again. */
static int is_final(unsigned reason)
{
    return reason == REASON_VERSION || reason == REASON_MODE || reason == REASON_HANDSHAKE ||
           reason == REASON_NOT_ENROLLED || reason == REASON_FENCED || reason == REASON_NOT_YOURS;
}

/* The cloud takes an ATTACH that was long under way for a newer program's. For each that was lost
 * we come back once; two programs of one device still part. */
static int is_fenced_by_itself(struct link *l)
{
    if (l->reason != REASON_FENCED || l->unanswered == 0)
        return 0;
    l->unanswered--;
    return 1;
}

static void lose(struct link *l, const char *text)
{
    /* Who was let in once is not turned away for good by a word that anybody could have said. */
    int final = (is_final(l->reason) && !(l->is_hint && l->was_up) && !is_fenced_by_itself(l)) ||
                !l->config.retry;
    int is_news = final || strncmp(text, l->said, sizeof(l->said) - 1) != 0;
    unsigned ms = l->backoff_ms;

    if (l->stopping) {
        finish_stop(l);
        return;
    }
    say(l->said, sizeof(l->said), 0, "%s", text);
    if (l->state == CONN_HANDSHAKE && l->reason == REASON_NONE && l->unanswered < UNANSWERED_MAX)
        l->unanswered++;
    hang_up(l);
    if (!final) {
        l->backoff_ms = ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms * 2;
        arm(l, ms / 2 + randombytes_uniform(ms / 2 + 1));
    }
    l->config.handlers->down(l->config.arg, final, l->reason, is_news ? text : NULL);
}

static void lost(struct link *l, const char *why)
{
    char text[1024];

    if (l->reason != REASON_NONE)
        say(text, sizeof(text), 0, "the cloud says: %s%s%s", reason_text(l->reason),
            l->detail[0] != '\0' ? ": " : "", l->detail);
    else
        say(text, sizeof(text), 0, "%s:%u: %s", l->config.home->host,
            (unsigned)l->config.home->port, why);
    lose(l, text);
}

static void write_plain(struct link *l, const struct msg *m)
{
    uint8_t body[FRAME_PREAUTH_MAX], frame[FRAME_HEADER];
    struct wbuf w, f;

    wbuf_init(&w, body, sizeof(body));
    msg_encode(m, &w);
    wbuf_init(&f, frame, sizeof(frame));
    wbuf_u32(&f, (uint32_t)(w.len + 1));
    wbuf_u8(&f, (uint8_t)m->type);
    bufferevent_write(l->bev, frame, sizeof(frame));
    bufferevent_write(l->bev, body, w.len);
}

static void send_hello(struct link *l)
{
    const struct link_config *c = &l->config;
    struct msg m = {.type = MSG_HOP_HELLO};
    uint8_t noise[256];
    size_t len;
    int err;

    err = hop_start_device(&l->secrets->hs, c->mode, (uint8_t)c->role, &c->home->secrets->key,
                           c->home->cloud_key);
    if (err == 0)
        err = noise_write(&l->secrets->hs, NULL, 0, noise, sizeof(noise), &len);
    if (err != 0) {
        lost(l, "the cloud key is not a usable key; check --cloud-key");
        return;
    }
    m.u.hop_hello.version = PROTO_VERSION;
    m.u.hop_hello.mode = (uint8_t)c->mode;
    m.u.hop_hello.role = (uint8_t)c->role;
    m.u.hop_hello.noise = (struct blob){noise, len};
    write_plain(l, &m);
}

void link_send_body(struct link *l, enum msg_type type, const uint8_t *body, size_t len)
{
    size_t total = hop_frame_size(l->config.mode, len);
    struct evbuffer *out;
    struct evbuffer_iovec v;

    if (l->bev == NULL || l->state == CONN_NEW || l->state == CONN_CLOSING)
        return;
    out = bufferevent_get_output(l->bev);
    if (evbuffer_reserve_space(out, (ev_ssize_t)total, &v, 1) != 1)
        return;
    v.iov_len = total;
    if (hop_seal_frame(&l->secrets->keys, (uint8_t)type, body, len, v.iov_base, total) == 0)
        evbuffer_commit_space(out, &v, 1);
}

void link_send(struct link *l, const struct msg *m)
{
    size_t cap = msg_encoded_max(m);
    uint8_t *body = malloc(cap);
    struct wbuf w;

    if (body == NULL)
        return;
    wbuf_init(&w, body, cap);
    msg_encode(m, &w);
    if (wbuf_err(&w) == 0)
        link_send_body(l, m->type, body, w.len);
    free(body);
}

static void send_attach(struct link *l)
{
    struct msg m = {.type = MSG_ATTACH};

    memcpy(m.u.attach.id, l->config.home->id, sizeof(m.u.attach.id));
    m.u.attach.profiles = l->config.offer.profiles;
    m.u.attach.suites = l->config.offer.suites;
    m.u.attach.codecs = l->config.offer.codecs;
    link_send(l, &m);
}

static void now_up(struct link *l)
{
    l->up = l->was_up = 1;
    l->backoff_ms = BACKOFF_MIN_MS;
    l->said[0] = '\0';
    evtimer_del(l->timer);
    l->config.handlers->up(l->config.arg);
}

static int on_reply(struct link *l, const struct msg_hop_reply *r)
{
    size_t n;
    int err = noise_read(&l->secrets->hs, r->noise.p, r->noise.len, NULL, 0, &n);

    if (err == 0)
        err = hop_finish(&l->secrets->hs, l->config.mode, &l->secrets->keys);
    if (err != 0)
        return err;
    set_state(l, CONN_HANDSHAKE);
    if (l->config.role == ROLE_ENROL)
        now_up(l);
    else
        send_attach(l);
    return 0;
}

static void remember(struct link *l, unsigned reason, const struct blob *detail)
{
    l->reason = reason;
    l->is_hint = l->state == CONN_NEW;
    say(l->detail, sizeof(l->detail), 0, "%.*s", (int)detail->len, (const char *)detail->p);
    for (char *c = l->detail; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = '?';
}

/* Messages of the hop itself are ours; all others are the handler's. */
static int on_message(struct link *l, const struct msg *m, const uint8_t *body, size_t len)
{
    if (m->type == MSG_HOP_REPLY)
        return on_reply(l, &m->u.hop_reply);
    if (m->type == MSG_HOP_REFUSED) {
        remember(l, m->u.hop_refused.reason, &m->u.hop_refused.detail);
        return ERR_DENIED;
    }
    if (m->type == MSG_ATTACHED) {
        set_state(l, l->config.role == ROLE_SEND   ? CONN_SEND
                     : l->config.role == ROLE_RECV ? CONN_RECV
                                                   : CONN_READ);
        now_up(l);
        return 0;
    }
    if (m->type == MSG_ERROR)
        remember(l, m->u.error.reason, &m->u.error.detail);
    l->config.handlers->message(l->config.arg, m, body, len);
    return 0;
}

/* One frame out of the input: 1 when there was one, 0 when more bytes are needed, or ERR_*. */
static int take_frame(struct link *l)
{
    struct evbuffer *in = bufferevent_get_input(l->bev);
    size_t have = evbuffer_get_length(in), total, len;
    uint8_t head[FRAME_HEADER], type, *frame, *body;
    struct msg m;
    int err;

    if (have < FRAME_HEADER)
        return 0;
    evbuffer_copyout(in, head, sizeof(head));
    err = hop_frame_length(head, sizeof(head), l->state == CONN_NEW ? FRAME_PREAUTH_MAX : FRAME_MAX,
                           &total);
    if (err != 0)
        return err;
    if (have < total)
        return 0;
    frame = evbuffer_pullup(in, (ev_ssize_t)total);
    if (frame == NULL)
        return ERR_NOMEM;
    type = frame[4];
    body = frame + FRAME_HEADER;
    len = total - FRAME_HEADER;
    if (l->state != CONN_NEW)
        err = hop_open_frame(&l->secrets->keys, frame, total, &type, &body, &len);
    if (err == 0 && !msg_is_legal(type, SIDE_DEVICE, l->state))
        err = ERR_STATE;
    if (err == 0)
        err = msg_decode(&m, type, body, len);
    if (err == 0)
        err = on_message(l, &m, body, len);
    if (l->bev != NULL)
        evbuffer_drain(in, total);
    return err != 0 ? err : 1;
}

static void discard_input(struct bufferevent *bev)
{
    struct evbuffer *in = bufferevent_get_input(bev);

    evbuffer_drain(in, evbuffer_get_length(in));
}

static int has_unread(struct bufferevent *bev)
{
    int n = 0;

    return ioctl((int)bufferevent_getfd(bev), FIONREAD, &n) == 0 && n > 0;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct link *l = arg;
    int more = 0;

    gulp(bev, READ_AT_ONCE);
    while (l->bev == bev && !l->lingering && (more = take_frame(l)) > 0)
        ;
    if (l->bev != bev)
        return;
    if (l->lingering) {
        discard_input(bev);
        return;
    }
    /* What has arrived already still belongs to this batch. */
    if (more == 0 && has_unread(bev))
        return;
    if (l->config.handlers->idle != NULL)
        l->config.handlers->idle(l->config.arg);
    if (more < 0 && l->bev == bev)
        lost(l, more == ERR_AUTH    ? "a frame was damaged or forged on the way"
                : more == ERR_STATE ? "the cloud sent a message that is not legal now"
                                    : "the cloud sent a message that we cannot read");
}

/* When all is sent, say so. */
static void half_close(struct link *l)
{
    if (link_backlog(l) == 0)
        (void)shutdown((int)bufferevent_getfd(l->bev), SHUT_WR);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct link *l = arg;

    if (l->lingering)
        half_close(l);
    else if (l->stopping && evbuffer_get_length(bufferevent_get_output(bev)) == 0)
        finish_stop(l);
    else if (l->up && !l->stopping && l->config.handlers->idle != NULL)
        l->config.handlers->idle(l->config.arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct link *l = arg;
    int one = 1, fd = (int)bufferevent_getfd(bev);

    if (what & BEV_EVENT_CONNECTED) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        l->connected = 1;
        send_hello(l);
        return;
    }
    if (what & BEV_EVENT_EOF)
        lost(l, "the cloud closed the connection");
    else if (what & BEV_EVENT_ERROR)
        lost(l, l->connected ? evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR())
                             : "no cloud answers there; is cloudd running, and is --cloud right?");
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct link *l = arg;

    (void)fd;
    (void)what;
    if (l->bev == NULL)
        connect_now(l);
    else
        lost(l, "the cloud did not finish the handshake in time");
}

static void connect_now(struct link *l)
{
    l->reason = REASON_NONE;
    l->is_hint = 0;
    l->detail[0] = '\0';
    l->bev = bufferevent_socket_new(l->config.base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (l->bev == NULL) {
        lost(l, "out of memory");
        return;
    }
    set_state(l, CONN_NEW);
    bufferevent_setcb(l->bev, on_read, on_write, on_event, l);
    bufferevent_setwatermark(l->bev, EV_WRITE, WRITE_LOW, 0);
    bufferevent_set_max_single_read(l->bev, READ_AT_ONCE);
    bufferevent_set_max_single_write(l->bev, READ_AT_ONCE);
    bufferevent_enable(l->bev, EV_READ | EV_WRITE);
    arm(l, HANDSHAKE_S * 1000);
    if (bufferevent_socket_connect_hostname(l->bev, NULL, AF_UNSPEC, l->config.home->host,
                                            l->config.home->port) != 0 &&
        l->bev != NULL)
        lost(l, "cannot connect");
}

struct link *link_new(const struct link_config *config)
{
    struct link *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->config = *config;
    l->backoff_ms = BACKOFF_MIN_MS;
    l->secrets = secret_alloc(sizeof(*l->secrets));
    l->timer = evtimer_new(config->base, on_timer, l);
    if (l->secrets == NULL || l->timer == NULL) {
        link_free(l);
        return NULL;
    }
    sodium_memzero(l->secrets, sizeof(*l->secrets));
    set_state(l, CONN_CLOSING);
    return l;
}

void link_start(struct link *l)
{
    connect_now(l);
}

size_t link_backlog(const struct link *l)
{
    return l->bev != NULL ? evbuffer_get_length(bufferevent_get_output(l->bev)) : 0;
}

int link_is_up(const struct link *l)
{
    return l->up;
}

void link_enrolling(struct link *l)
{
    set_state(l, CONN_ENROL);
}

void link_stop(struct link *l)
{
    if (l->stopping)
        return;
    l->stopping = 1;
    if (l->bev == NULL || link_backlog(l) == 0)
        finish_stop(l);
    else
        arm(l, STOP_MS);
}

void link_stop_gently(struct link *l)
{
    if (l->stopping)
        return;
    if (l->bev == NULL || !l->connected) {
        link_stop(l);
        return;
    }
    l->stopping = l->lingering = 1;
    arm(l, LINGER_MS);
    half_close(l);
}

void link_drop(struct link *l, const char *why)
{
    if (l->bev == NULL)
        return;
    l->reason = REASON_NONE;
    l->backoff_ms = BACKOFF_MAX_MS;
    lose(l, why);
}

void link_free(struct link *l)
{
    if (l == NULL)
        return;
    if (l->bev != NULL)
        bufferevent_free(l->bev);
    if (l->timer != NULL)
        event_free(l->timer);
    secret_free(l->secrets);
    free(l);
}
