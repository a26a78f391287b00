/* conn.c - the life of a connection: accepted, its state, its deadlines, its end. */
#include "cloudd/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "cloudd/conn_frames.h"
#include "cloudd/handle.h"
#include "cloudd/mailbox.h"
#include "common/err.h"
#include "common/log.h"
#include "common/net/gulp.h"

#define KEEPALIVE_IDLE_S  60
#define KEEPALIVE_EVERY_S 20
#define KEEPALIVE_COUNT   3
#define READ_TURN         12288 /* bytes read in one turn of the loop, if a frame needs no more */

const char *role_name(unsigned role)
{
    switch (role) {
    case ROLE_SEND:
        return "send";
    case ROLE_RECV:
        return "receive";
    case ROLE_READ:
        return "read";
    case ROLE_ENROL:
        return "enrol";
    default:
        return "none";
    }
}

const char *conn_name(const struct conn *c)
{
    return c->id[0] != '\0' ? c->id : "-";
}

static int is_pending(unsigned state)
{
    return state == CONN_NEW || state == CONN_HANDSHAKE || state == CONN_ENROL;
}

void conn_set_deadline(struct conn *c, int64_t ms)
{
    if (c->list == IN_TIMED) {
        TAILQ_REMOVE(&c->srv->timed, c, link);
        c->list = IN_NO_LIST;
    }
    if (ms == 0 || c->list == IN_DEAD)
        return;
    c->deadline = server_clock() + ms;
    TAILQ_INSERT_TAIL(&c->srv->timed, c, link);
    c->list = IN_TIMED;
}

void conn_set_state(struct conn *c, enum conn_state state)
{
    log_debug("connection %llu %s: %s -> %s", (unsigned long long)c->serial, conn_name(c),
              conn_state_name((enum conn_state)c->state), conn_state_name(state));
    if (is_pending(c->state) && !is_pending(state))
        c->srv->n_pending--;
    c->state = (uint8_t)state;
}

static void set_socket_options(evutil_socket_t fd)
{
    const int one = 1, idle = KEEPALIVE_IDLE_S, every = KEEPALIVE_EVERY_S, n = KEEPALIVE_COUNT;

    /* Without them the connection still works: nothing to do about a refusal. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &n, sizeof(n));
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    size_t rest;

    server_turn(c->srv);
    if (c->state == CONN_CLOSING) {
        evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
        return;
    }
    /* Who has not said who it is gets no more room than it needs; and who has, about a package a
     * turn, for others wait their turn. */
    if (c->state == CONN_SEND || c->state == CONN_RECV) {
        rest = conn_rest(c);
        gulp(bev, rest > READ_TURN ? rest : READ_TURN);
    }
    conn_read(c);
}

/* All is sent: the peer is told by a FIN, and what it still sends is read and dropped, since a
 * close with unread bytes would reset the connection and take our last message with it. */
static void finish_sending(struct conn *c)
{
    if (c->flushed)
        return;
    c->flushed = 1;
    shutdown(bufferevent_getfd(c->bev), SHUT_WR);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;

    server_turn(c->srv);
    if (c->state == CONN_CLOSING) {
        if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
            finish_sending(c);
    } else if (c->state == CONN_RECV) {
        mailbox_continue(c);
        negotiations_continue(c);
        conn_check_pressure(c);
    } else if (c->state == CONN_SEND) {
        receipts_continue(c);
        negotiations_continue(c);
        conn_check_pressure(c);
    } else if (c->state == CONN_READ) {
        conn_check_pressure(c);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct conn *c = arg;

    (void)bev;
    server_turn(c->srv);
    if (c->state != CONN_NEW && c->state != CONN_HANDSHAKE && c->state != CONN_CLOSING)
        log_info("gone: %s %s (%s)", conn_name(c), role_name(c->role),
                 (what & BEV_EVENT_EOF) != 0 ? "closed by the device" : "connection lost");
    conn_drop(c);
}

/* The flood that would fill the table pushes out its own oldest first. */
static void drop_oldest_pending(struct server *srv)
{
    struct conn *c;

    for (c = TAILQ_FIRST(&srv->timed); c != NULL; c = TAILQ_NEXT(c, link)) {
        if (c->state == CONN_NEW || c->state == CONN_HANDSHAKE) {
            conn_drop(c);
            return;
        }
    }
}

static int conn_start(struct conn *c, evutil_socket_t fd)
{
    c->bev = bufferevent_socket_new(c->srv->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (c->bev == NULL)
        return ERR_NOMEM;
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, FRAME_HEADER, 0);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    return 0;
}

void conn_accept(struct server *srv, evutil_socket_t fd, uint64_t address)
{
    struct conn *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        close(fd);
        return;
    }
    c->srv = srv;
    c->address = address;
    if (srv->n_pending >= PENDING_MAX)
        drop_oldest_pending(srv);
    c->serial = server_enter(srv, c);
    if (c->serial == 0 || conn_start(c, fd) != 0) {
        log_warn("a connection was turned away: no room or no memory");
        if (c->serial != 0)
            server_leave(srv, c);
        free(c);
        close(fd);
        return;
    }
    srv->n_pending++;
    set_socket_options(fd);
    conn_set_deadline(c, PREAUTH_SECONDS * 1000);
}

static void leave_lists(struct conn *c)
{
    registry_remove(c->srv->registry, c);
    if (c->paused)
        TAILQ_REMOVE(&c->srv->paused, c, pause_link);
    c->paused = 0;
}

void conn_close(struct conn *c, unsigned reason)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);

    if (c->state == CONN_CLOSING)
        return;
    if (reason != REASON_NONE) {
        log_info("closing: %s %s: %s", conn_name(c), role_name(c->role), reason_name(reason));
        conn_error(c, reason, (enum msg_type)0);
    }
    if (c->state == CONN_CLOSING)
        return; /* the error could not be sent */
    leave_lists(c);
    conn_set_state(c, CONN_CLOSING);
    bufferevent_setwatermark(c->bev, EV_READ, 0, 0);
    bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
    bufferevent_enable(c->bev, EV_READ);
    conn_set_deadline(c, CLOSING_MS);
    if (evbuffer_get_length(out) == 0)
        finish_sending(c);
}

void conn_drop(struct conn *c)
{
    if (c->list == IN_DEAD)
        return;
    if (c->state != CONN_CLOSING) {
        leave_lists(c);
        conn_set_state(c, CONN_CLOSING);
    }
    conn_set_deadline(c, 0);
    bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    TAILQ_INSERT_TAIL(&c->srv->dead, c, link);
    c->list = IN_DEAD;
    server_reap_soon(c->srv);
}

/* Has it, so many times over, at most what is free of the pool's queue? */
static int has_jobs_share(const struct conn *c, size_t times)
{
    const struct server *srv = c->srv;

    return c->jobs <= 1 || times * c->jobs + srv->jobs - srv->shaking <= QUEUE_JOBS;
}

/* The same of the store's queue, too. */
static int has_share(const struct conn *c, size_t times)
{
    const struct server *srv = c->srv;

    return c->ops <= 1 ||
           (times * c->ops + srv->queue_ops <= QUEUE_OPS &&
            times * c->waiting_bytes + srv->queue_bytes <= QUEUE_BYTES && has_jobs_share(c, times));
}

void conn_check_pressure(struct conn *c)
{
    struct server *srv = c->srv;
    int over =
        !has_share(c, 1) || srv->queue_bytes > SERVER_BYTES_MAX || conn_backlog(c) > OUT_PAUSE;
    int below = has_share(c, 2) && srv->queue_bytes <= SERVER_BYTES_MAX / 2 &&
                conn_backlog(c) <= OUT_PAUSE / 2;

    if (c->state == CONN_CLOSING)
        return;
    if (over && !c->paused) {
        c->paused = 1;
        TAILQ_INSERT_TAIL(&srv->paused, c, pause_link);
        bufferevent_disable(c->bev, EV_READ);
    } else if (below && c->paused && !srv->draining) {
        c->paused = 0;
        TAILQ_REMOVE(&srv->paused, c, pause_link);
        bufferevent_enable(c->bev, EV_READ);
        /* Frames may lie in the buffer already; deferred, since we are inside a completion. */
        bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_OPT_DEFER_CALLBACKS);
    }
}

void conn_free(struct conn *c)
{
    if (c->u.uplink != NULL && c->role == ROLE_SEND)
        uplink_free(c->u.uplink);
    if (c->u.mailbox != NULL && c->role == ROLE_RECV)
        mailbox_free(c->u.mailbox);
    if (c->u.enrol != NULL && c->role == ROLE_ENROL)
        enrol_free(c->u.enrol);
    slab_give(c->srv->keys, c->keys);
    bufferevent_free(c->bev);
    server_leave(c->srv, c);
    free(c);
}
