/*
 * server.h - the running cloud: one event loop, its listener, timers and signals, the table of
 * connections, and the way to the store.
 *
 * All of it runs on one thread. The store has its own for the disk, the pool (work.h) a few for
 * public-key work, and neither touches what is here.
 */
#ifndef INKPOST_CLOUDD_SERVER_H
#define INKPOST_CLOUDD_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "cloudd/buckets.h"
#include "cloudd/confine.h"
#include "cloudd/home.h"
#include "cloudd/options.h"
#include "cloudd/registry.h"
#include "cloudd/store.h"
#include "cloudd/work.h"
#include "common/slab.h"

#define SERVER_ADDRESS_MAX 1100 /* the longest host that getnameinfo gives, and a port */

struct conn;
TAILQ_HEAD(conn_list, conn);

struct server {
    struct event_base *base;
    const struct options *opt;
    const struct cloud_home *home;
    struct store *store;
    struct work *work;
    struct registry *registry; /* attached connections by id and role */
    struct slab *keys;         /* struct hop_keys of connections */

    struct buckets *opens;     /* by device: it asks for a session */
    struct buckets *attaches;  /* by device: it attaches */
    struct buckets *strangers; /* by address: it connects and does not attach */
    size_t turned_away;        /* connections, since the log spoke of them */

    int socket; /* bound, until it is the listener's; else -1 */
    struct confine confine;

    struct evconnlistener *listener;
    char address[SERVER_ADDRESS_MAX]; /* HOST:PORT that it listens at */
    struct event *on_term, *on_int, *on_store, *on_work, *tick, *minute, *reap, *accept_again;

    /* The table: a connection's serial holds its slot and how many were there before it. */
    struct conn **slots;
    uint32_t *free_slots;
    size_t n_slots, n_free;
    uint64_t generation;
    size_t n_conns, n_pending; /* all; those that have not said who they are */

    struct conn_list timed;  /* those with a deadline, oldest first */
    struct conn_list paused; /* those not read from until the store has caught up */
    struct conn_list dead;   /* to be freed by the reap event */

    size_t ops;                    /* submitted and not completed, by the store and the pool */
    size_t queue_ops, queue_bytes; /* those in the store; their packages */
    size_t jobs, shaking;          /* those in the pool, or on the way there; handshakes of them */
    struct store_op *retry;        /* receipts that could not be written: again at the next tick */
    uint64_t revoked_seen;
    int revoked_busy, expire_busy;
    int draining;
    int64_t drain_deadline;
    uint8_t hash_key[16]; /* of conn.last_peer, and of buckets */

    uint64_t turn_began; /* nanoseconds: of the first callback in this turn of the loop, or 0 */
    uint64_t turns, turn_longest;
    uint64_t accept_turn; /* the last in which connections were accepted, and how many */
    unsigned accepts;
};

/* What a server starts with. The home is open and locked and stays the caller's; the store is open
 * and not started, the socket bound: both are closed by server_run. */
struct server_start {
    const struct options *opt;
    const struct cloud_home *home;
    struct store *store;
    int socket;
    const char *user; /* whom we run as, for the log */
};

/* Serve until SIGTERM or SIGINT, confined unless the options say otherwise. 0, or an error with a
 * sentence in why. */
int server_run(const struct server_start *with, char *why, size_t why_len);

/* Monotonic milliseconds; unix seconds. */
int64_t server_clock(void);
int64_t server_now(void);

/* A zeroed operation on behalf of c (NULL: of the server itself). ctx is the server until the
 * caller sets another. NULL without memory: the caller gives up on c. */
struct store_op *server_op(struct server *srv, struct conn *c, enum store_kind kind,
                           void (*done)(struct store_op *));
/* Hand it to the store, counted against its connection. */
void server_submit(struct server *srv, struct store_op *op);
/* First call of every done(): settles the counts and gives the connection that asked, or NULL when
 * that is closing or gone. */
struct conn *server_completed(struct server *srv, const struct store_op *op);
/* Submit op once more at the next tick. */
void server_retry(struct server *srv, struct store_op *op);

/* Have j run on the pool on behalf of c (NULL: of the server itself), counted in the same way; and
 * the first call of its done(). */
void server_work(struct server *srv, struct conn *c, struct job *j);
struct conn *server_worked(struct server *srv, const struct job *j);

/* First call of every callback of the loop, and the call after each turn: it is measured from its
 * first callback to its end. */
void server_turn(struct server *srv);
void server_turn_ends(struct server *srv);

/* The attached connection of a device in a role, or NULL. */
struct conn *server_find(const struct server *srv, const char *id, enum conn_role role);

/* A keyed hash of an id, or of other bytes, the same while the server runs. */
uint64_t server_hash(const struct server *srv, const char *id);
uint64_t server_hash_bytes(const struct server *srv, const void *p, size_t len);

/* For conn.c: enter the table (0 when it is full), leave it, and ask for the reaper. */
uint64_t server_enter(struct server *srv, struct conn *c);
void server_leave(struct server *srv, struct conn *c);
struct conn *server_conn(const struct server *srv, uint64_t serial);
void server_reap_soon(struct server *srv);

#endif
