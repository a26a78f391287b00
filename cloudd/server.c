/* server.c - the running cloud: set up, the loop's timers and signals, the way down. */
#include "cloudd/server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "cloudd/conn.h"
#include "cloudd/handle.h"
#include "cloudd/listen.h"
#include "cloudd/upkeep.h"
#include "common/err.h"
#include "common/log.h"

#define EXPIRE_EVERY_S 60
#define DRAIN_MS       10000 /* for the store and the last bytes, at a SIGTERM */
#define SPARE_SLOTS    64    /* for connections that are closing */
#define KEYS_PER_CHUNK 512
#define REAP_MAX       64 /* connections freed in one turn of the loop */
#define ATTACH_RATE    10 /* a second, of one device */

static void close_all(struct server *srv, unsigned reason)
{
    for (size_t i = 0; i < srv->n_slots; i++)
        if (srv->slots[i] != NULL)
            conn_close(srv->slots[i], reason);
}

/* Free at most so many of those that are closed. */
static void reap(struct server *srv, size_t n)
{
    struct conn *c;

    while (n-- > 0 && (c = TAILQ_FIRST(&srv->dead)) != NULL) {
        TAILQ_REMOVE(&srv->dead, c, link);
        conn_free(c);
    }
}

/* On the way down: the store finishes, then the connections are closed, then the loop ends. */
static void drain_on(struct server *srv)
{
    int late = server_clock() > srv->drain_deadline;

    if (!srv->draining || (srv->ops > 0 && !late))
        return;
    if (srv->draining == 1) {
        srv->draining = 2;
        close_all(srv, REASON_SHUTDOWN);
    }
    if (srv->n_conns == 0 || late)
        event_base_loopbreak(srv->base);
}

static void on_reap(evutil_socket_t fd, short what, void *arg)
{
    struct server *srv = arg;

    (void)fd;
    (void)what;
    server_turn(srv);
    reap(srv, REAP_MAX);
    if (!TAILQ_EMPTY(&srv->dead))
        server_reap_soon(srv);
    drain_on(srv);
}

/* Who was held back because of the store as a whole may go on when it has caught up. */
static void release_paused(struct server *srv)
{
    struct conn *c, *next;

    if (srv->queue_bytes > SERVER_BYTES_MAX / 2)
        return;
    for (c = TAILQ_FIRST(&srv->paused); c != NULL; c = next) {
        next = TAILQ_NEXT(c, pause_link);
        conn_check_pressure(c);
    }
}

static void on_store(evutil_socket_t fd, short what, void *arg)
{
    struct server *srv = arg;

    (void)fd;
    (void)what;
    server_turn(srv);
    store_complete(srv->store);
    release_paused(srv);
    drain_on(srv);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
    struct server *srv = arg;

    (void)fd;
    (void)what;
    server_turn(srv);
    work_complete(srv->work);
    drain_on(srv);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct server *srv = arg;

    (void)what;
    server_turn(srv);
    if (srv->draining)
        return;
    log_info("stopping: signal %d, %zu connections, %zu operations in the store", (int)fd,
             srv->n_conns, srv->ops);
    listen_stop(srv);
    srv->draining = 1;
    srv->drain_deadline = server_clock() + DRAIN_MS;
    for (size_t i = 0; i < srv->n_slots; i++)
        if (srv->slots[i] != NULL && srv->slots[i]->state != CONN_CLOSING)
            bufferevent_disable(srv->slots[i]->bev, EV_READ);
    drain_on(srv);
}

static void close_late(struct server *srv)
{
    int64_t now = server_clock();
    struct conn *c, *next;

    for (c = TAILQ_FIRST(&srv->timed); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->deadline > now)
            continue;
        if (c->state == CONN_CLOSING)
            conn_drop(c);
        else if (c->keys == NULL)
            hop_refuse(c, REASON_TIMEOUT);
        else
            conn_close(c, REASON_TIMEOUT);
    }
}

static void retry_receipts(struct server *srv)
{
    struct store_op *op = srv->retry, *next;

    srv->retry = NULL;
    for (; op != NULL; op = next) {
        next = op->next;
        op->now = server_now();
        server_submit(srv, op);
    }
}

/* A flood must not fill the log too: one line a second. */
static void report_turned_away(struct server *srv)
{
    if (srv->turned_away > 0)
        log_warn("refused: %zu connections: BUSY, there are %zu", srv->turned_away, srv->n_conns);
    srv->turned_away = 0;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct server *srv = arg;

    (void)fd;
    (void)what;
    server_turn(srv);
    close_late(srv);
    report_turned_away(srv);
    if (!srv->draining)
        retry_receipts(srv);
    upkeep_revoked(srv);
    drain_on(srv);
}

static void on_minute(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    server_turn(arg);
    upkeep_expire(arg);
}

static int make_table(struct server *srv)
{
    srv->n_slots = (size_t)srv->opt->max_connections + SPARE_SLOTS;
    srv->slots = calloc(srv->n_slots, sizeof(*srv->slots));
    srv->free_slots = calloc(srv->n_slots, sizeof(*srv->free_slots));
    srv->registry = registry_new();
    srv->keys = slab_new(sizeof(struct hop_keys), KEYS_PER_CHUNK);
    if (srv->slots == NULL || srv->free_slots == NULL || srv->registry == NULL || srv->keys == NULL)
        return ERR_NOMEM;
    srv->n_free = srv->n_slots;
    for (size_t i = 0; i < srv->n_slots; i++)
        srv->free_slots[i] = (uint32_t)(srv->n_slots - 1 - i);
    return 0;
}

static int make_buckets(struct server *srv)
{
    srv->opens = buckets_new(srv->opt->open_rate);
    srv->attaches = buckets_new(ATTACH_RATE);
    srv->strangers = buckets_new(srv->opt->stranger_rate);
    return srv->opens != NULL && srv->attaches != NULL && srv->strangers != NULL ? 0 : ERR_NOMEM;
}

static struct event *make_event(struct server *srv, evutil_socket_t fd, short what,
                                event_callback_fn fn, int seconds)
{
    struct event *ev = event_new(srv->base, fd, what, fn, srv);
    const struct timeval every = {seconds, 0};

    if (ev != NULL && (what & (EV_PERSIST | EV_SIGNAL)) != 0 &&
        event_add(ev, seconds > 0 ? &every : NULL) != 0) {
        event_free(ev);
        return NULL;
    }
    return ev;
}

static int make_events(struct server *srv)
{
    srv->on_term = make_event(srv, SIGTERM, EV_SIGNAL | EV_PERSIST, on_signal, 0);
    srv->on_int = make_event(srv, SIGINT, EV_SIGNAL | EV_PERSIST, on_signal, 0);
    srv->on_store = make_event(srv, store_notify_fd(srv->store), EV_READ | EV_PERSIST, on_store, 0);
    srv->on_work = make_event(srv, work_notify_fd(srv->work), EV_READ | EV_PERSIST, on_work, 0);
    srv->tick = make_event(srv, -1, EV_PERSIST, on_tick, 1);
    srv->minute = make_event(srv, -1, EV_PERSIST, on_minute, EXPIRE_EVERY_S);
    srv->reap = make_event(srv, -1, 0, on_reap, 0);
    return srv->on_term != NULL && srv->on_int != NULL && srv->on_store != NULL &&
                   srv->on_work != NULL && srv->tick != NULL && srv->minute != NULL &&
                   srv->reap != NULL
               ? 0
               : ERR_NOMEM;
}

/* With the other threads started behind one fence, and the other fence around all of them at the
 * end: see confine.h. */
static int start_confined(struct server *srv, char *why, size_t why_len)
{
    int on = !srv->opt->no_confine, err = 0;

    if (on)
        err = confine_files(&srv->confine, srv->home->dir, why, why_len);
    if (err != 0)
        return err;
    err = store_start(srv->store);
    if (err != 0)
        return say(why, why_len, err, "the store's thread cannot be started: %s", err_str(err));
    srv->work = work_new();
    if (srv->work == NULL || make_events(srv) != 0)
        return say(why, why_len, ERR_NOMEM, "no memory, or no threads");
    err = listen_start(srv, why, why_len);
    if (err == 0 && on)
        err = confine_calls(&srv->confine, srv->opt->log == LOG_LEVEL_DEBUG, why, why_len);
    return err;
}

static int start(struct server *srv, char *why, size_t why_len)
{
    TAILQ_INIT(&srv->timed);
    TAILQ_INIT(&srv->paused);
    TAILQ_INIT(&srv->dead);
    randombytes_buf(srv->hash_key, sizeof(srv->hash_key));
    signal(SIGPIPE, SIG_IGN);
    srv->base = event_base_new();
    if (srv->base == NULL || make_table(srv) != 0 || make_buckets(srv) != 0)
        return say(why, why_len, ERR_NOMEM, "no memory");
    upkeep_start(srv);
    return start_confined(srv, why, why_len);
}

static void free_event(struct event *ev)
{
    if (ev != NULL)
        event_free(ev);
}

/* Nobody hears them any more, and whoever is told to end while he ends is not killed by it. */
static void free_signals(struct server *srv)
{
    sigset_t late;

    sigemptyset(&late);
    sigaddset(&late, SIGTERM);
    sigaddset(&late, SIGINT);
    sigprocmask(SIG_BLOCK, &late, NULL);
    free_event(srv->on_term);
    free_event(srv->on_int);
}

static void stop(struct server *srv)
{
    struct store_op *next;

    srv->draining = 2;
    listen_stop(srv);
    if (srv->socket >= 0)
        close(srv->socket);
    for (size_t i = 0; srv->slots != NULL && i < srv->n_slots; i++)
        if (srv->slots[i] != NULL)
            conn_drop(srv->slots[i]);
    reap(srv, srv->n_slots);
    work_free(srv->work); /* what these two still complete finds no connection */
    store_close(srv->store);
    for (; srv->retry != NULL; srv->retry = next) {
        next = srv->retry->next;
        store_op_free(srv->retry);
    }
    free_signals(srv);
    free_event(srv->on_store);
    free_event(srv->on_work);
    free_event(srv->tick);
    free_event(srv->minute);
    free_event(srv->reap);
    if (srv->base != NULL)
        event_base_free(srv->base);
    registry_free(srv->registry);
    slab_free(srv->keys);
    buckets_free(srv->opens);
    buckets_free(srv->attaches);
    buckets_free(srv->strangers);
    free(srv->slots);
    free(srv->free_slots);
}

/* Turn by turn, so that the longest is known. 0, or -1 when the loop itself failed. */
static int loop(struct server *srv)
{
    int err;

    do {
        err = event_base_loop(srv->base, EVLOOP_ONCE);
        server_turn_ends(srv);
    } while (err == 0 && !event_base_got_break(srv->base));
    log_info("longest turn of the loop: %.3f ms, of %llu", (double)srv->turn_longest / 1e6,
             (unsigned long long)srv->turns);
    return err;
}

int server_run(const struct server_start *with, char *why, size_t why_len)
{
    struct server srv = {
        .opt = with->opt, .home = with->home, .store = with->store, .socket = with->socket};
    int err = start(&srv, why, why_len);

    if (err == 0) {
        if (with->opt->no_confine)
            log_warn("not confined: --no-confine; no new privileges, user %s", with->user);
        else
            confine_report(&srv.confine, with->user);
        listen_announce(&srv);
        upkeep_expire(&srv);
        if (loop(&srv) < 0)
            err = say(why, why_len, ERR_SYS, "the event loop failed");
        log_info("stopped");
    }
    stop(&srv);
    return err;
}
