/* listen.c - listening, accepting, and being full. */
#include "cloudd/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cloudd/conn.h"
#include "common/err.h"
#include "common/log.h"

#define BACKLOG         1024
#define ACCEPT_AGAIN_MS 200
#define BUSY_FRAME_MAX  64
#define ACCEPTS_A_TURN  16 /* then a pause: at most 4,000 a second, some more than we can shake */
#define ACCEPT_PAUSE_MS 4

/* Over the limit there is no connection to speak of: one frame, as far as the socket takes it. */
static void turn_away(evutil_socket_t fd)
{
    struct msg m = {.type = MSG_HOP_REFUSED};
    uint8_t frame[BUSY_FRAME_MAX], body[BUSY_FRAME_MAX - FRAME_HEADER];
    struct wbuf w, f;

    m.u.hop_refused.reason = REASON_BUSY;
    wbuf_init(&w, body, sizeof(body));
    msg_encode(&m, &w);
    wbuf_init(&f, frame, sizeof(frame));
    wbuf_u32(&f, (uint32_t)(1 + w.len));
    wbuf_u8(&f, MSG_HOP_REFUSED);
    wbuf_bytes(&f, body, w.len);
    if (wbuf_err(&w) == 0 && wbuf_err(&f) == 0 &&
        send(fd, frame, f.len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        shutdown(fd, SHUT_WR);
    close(fd);
}

/* Of an IPv6 address the part that names a network: who has one address there has them all. */
static uint64_t hash_address(const struct server *srv, const struct sockaddr *from)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (from->sa_family == AF_INET) {
        memcpy(&v4, from, sizeof(v4));
        return server_hash_bytes(srv, &v4.sin_addr, sizeof(v4.sin_addr));
    }
    memcpy(&v6, from, sizeof(v6));
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return server_hash_bytes(srv, &v6.sin6_addr.s6_addr[12], 4);
    return server_hash_bytes(srv, &v6.sin6_addr, 8);
}

/* The rest of a crowd at the door waits a little, for those who are in to have their turn. */
static void pause_if_many(struct server *srv)
{
    const struct timeval pause = {0, ACCEPT_PAUSE_MS * 1000};

    if (srv->accept_turn != srv->turns)
        srv->accepts = 0;
    srv->accept_turn = srv->turns;
    if (++srv->accepts < ACCEPTS_A_TURN)
        return;
    evconnlistener_disable(srv->listener);
    evtimer_add(srv->accept_again, &pause);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int from_len, void *arg)
{
    struct server *srv = arg;
    uint64_t address = hash_address(srv, from);

    (void)listener;
    (void)from_len;
    server_turn(srv);
    pause_if_many(srv);
    if (srv->draining || srv->n_conns >= srv->opt->max_connections ||
        !buckets_take(srv->strangers, address, server_clock())) {
        srv->turned_away++;
        turn_away(fd);
        return;
    }
    conn_accept(srv, fd, address);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct server *srv = arg;
    const struct timeval pause = {0, ACCEPT_AGAIN_MS * 1000};

    log_warn("cannot accept for a moment: %s", strerror(EVUTIL_SOCKET_ERROR()));
    evconnlistener_disable(listener);
    evtimer_add(srv->accept_again, &pause);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    struct server *srv = arg;

    (void)fd;
    (void)what;
    server_turn(srv);
    if (srv->listener != NULL)
        evconnlistener_enable(srv->listener);
}

/* HOST:PORT with what the system chose. */
static int set_address(struct server *srv, char *why, size_t why_len)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    if (getsockname(evconnlistener_get_fd(srv->listener), (struct sockaddr *)&ss, &len) != 0 ||
        getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return say(why, why_len, ERR_SYS, "the listening address is not known: %s",
                   strerror(errno));
    snprintf(srv->address, sizeof(srv->address), ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
             host, port);
    return 0;
}

void listen_announce(const struct server *srv)
{
    printf("listening %s\n", srv->address);
    fflush(stdout);
}

static int say_bind(const struct options *o, char *why, size_t why_len)
{
    if (errno == EADDRINUSE)
        return say(why, why_len, ERR_SYS,
                   "port %u of %s is in use by another program; choose another with --listen "
                   "HOST:PORT, or port 0",
                   o->port, o->host);
    if (errno == EADDRNOTAVAIL)
        return say(why, why_len, ERR_SYS,
                   "%s is no address of this host; give one of its own to --listen, or 0.0.0.0",
                   o->host);
    if (errno == EACCES)
        return say(why, why_len, ERR_SYS,
                   "port %u is for root only; start as root, which cloudd then gives up, or choose "
                   "a port from 1024 on with --listen HOST:PORT",
                   o->port);
    return say(why, why_len, ERR_SYS, "cannot listen at %s port %u: %s", o->host, o->port,
               strerror(errno));
}

/* Connections inherit keep-alive from the socket that they come in by. */
static int bind_to(const struct addrinfo *at)
{
    const int on = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), saved;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, at->ai_addr, at->ai_addrlen) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int listen_bind(const struct options *opt, int *fd, char *why, size_t why_len)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    int e;

    *fd = -1;
    snprintf(port, sizeof(port), "%u", opt->port);
    e = getaddrinfo(opt->host, port, &hints, &found);
    if (e != 0)
        return say(why, why_len, ERR_SYS, "--listen %s: %s", opt->host, gai_strerror(e));
    *fd = bind_to(found);
    e = *fd < 0 ? say_bind(opt, why, why_len) : 0;
    freeaddrinfo(found);
    return e;
}

int listen_start(struct server *srv, char *why, size_t why_len)
{
    srv->listener =
        evconnlistener_new(srv->base, on_accept, srv, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
                           BACKLOG, srv->socket);
    if (srv->listener == NULL)
        return say_bind(srv->opt, why, why_len);
    srv->socket = -1;
    srv->accept_again = evtimer_new(srv->base, on_accept_again, srv);
    if (srv->accept_again == NULL)
        return say(why, why_len, ERR_NOMEM, "no memory");
    evconnlistener_set_error_cb(srv->listener, on_accept_error);
    return set_address(srv, why, why_len);
}

void listen_stop(struct server *srv)
{
    if (srv->listener != NULL)
        evconnlistener_free(srv->listener);
    if (srv->accept_again != NULL)
        event_free(srv->accept_again);
    srv->listener = NULL;
    srv->accept_again = NULL;
}
