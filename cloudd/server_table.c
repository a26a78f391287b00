/* server_table.c - the table of connections, and what goes between it, the store and the pool. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "cloudd/conn.h"
#include "cloudd/server.h"

/* serial = generation << SLOT_BITS | slot; the generation begins at 1, so no serial is 0. */
#define SLOT_BITS 20
#define SLOT_MASK ((1u << SLOT_BITS) - 1)

int64_t server_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t server_now(void)
{
    return (int64_t)time(NULL);
}

static uint64_t nanoseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void server_turn(struct server *srv)
{
    if (srv->turn_began == 0)
        srv->turn_began = nanoseconds();
}

void server_turn_ends(struct server *srv)
{
    uint64_t took = srv->turn_began == 0 ? 0 : nanoseconds() - srv->turn_began;

    srv->turn_began = 0;
    srv->turns++;
    if (took > srv->turn_longest)
        srv->turn_longest = took;
}

uint64_t server_hash_bytes(const struct server *srv, const void *p, size_t len)
{
    uint8_t h[crypto_shorthash_BYTES];
    uint64_t v;

    crypto_shorthash(h, p, len, srv->hash_key);
    memcpy(&v, h, sizeof(v));
    return v;
}

uint64_t server_hash(const struct server *srv, const char *id)
{
    return server_hash_bytes(srv, id, strlen(id));
}

uint64_t server_enter(struct server *srv, struct conn *c)
{
    uint32_t slot;

    if (srv->n_free == 0)
        return 0;
    slot = srv->free_slots[--srv->n_free];
    srv->slots[slot] = c;
    srv->n_conns++;
    return ++srv->generation << SLOT_BITS | slot;
}

void server_leave(struct server *srv, struct conn *c)
{
    uint32_t slot = (uint32_t)(c->serial & SLOT_MASK);

    srv->slots[slot] = NULL;
    srv->free_slots[srv->n_free++] = slot;
    srv->n_conns--;
}

struct conn *server_conn(const struct server *srv, uint64_t serial)
{
    size_t slot = serial & SLOT_MASK;
    struct conn *c = slot < srv->n_slots ? srv->slots[slot] : NULL;

    return c != NULL && c->serial == serial ? c : NULL;
}

struct conn *server_find(const struct server *srv, const char *id, enum conn_role role)
{
    return registry_find(srv->registry, id, role);
}

void server_reap_soon(struct server *srv)
{
    static const struct timeval now = {0, 0};

    /* By the timer, so that it is a turn of its own. */
    if (!evtimer_pending(srv->reap, NULL))
        evtimer_add(srv->reap, &now);
}

struct store_op *server_op(struct server *srv, struct conn *c, enum store_kind kind,
                           void (*done)(struct store_op *))
{
    struct store_op *op = store_op_new(kind, done);

    if (op == NULL) {
        if (c != NULL)
            conn_drop(c);
        return NULL;
    }
    op->ctx = srv;
    op->conn = c != NULL ? c->serial : 0;
    op->now = server_now();
    return op;
}

/* What is read of a negotiation goes on to the pool: it has its place there from the beginning, so
 * that no crowd of them moves from the one queue to the other. */
static uint32_t job_places(const struct store_op *op)
{
    return op->kind == STORE_NEG_GET;
}

void server_submit(struct server *srv, struct store_op *op)
{
    struct conn *c = server_conn(srv, op->conn);

    srv->ops++;
    srv->jobs += job_places(op);
    srv->queue_ops++;
    srv->queue_bytes += store_op_bytes(op);
    if (c != NULL) {
        c->ops++;
        c->jobs += job_places(op);
        c->waiting_bytes += store_op_bytes(op);
    }
    store_submit(srv->store, op);
}

/* One thing less is done for the connection that asked, by the store or the pool. */
static struct conn *settle(struct server *srv, uint64_t serial, uint32_t jobs, size_t bytes)
{
    struct conn *c = server_conn(srv, serial);

    srv->ops--;
    srv->jobs -= jobs;
    if (c == NULL)
        return NULL;
    c->ops--;
    c->jobs -= jobs;
    c->waiting_bytes -= bytes;
    if (c->state == CONN_CLOSING)
        return NULL;
    if (c->paused)
        conn_check_pressure(c);
    return c;
}

struct conn *server_completed(struct server *srv, const struct store_op *op)
{
    srv->queue_ops--;
    srv->queue_bytes -= store_op_bytes(op);
    return settle(srv, op->conn, job_places(op), store_op_bytes(op));
}

void server_work(struct server *srv, struct conn *c, struct job *j)
{
    srv->ops++;
    srv->jobs++;
    j->conn = 0;
    if (c != NULL) {
        c->ops++;
        c->jobs++;
        j->conn = c->serial;
    }
    work_submit(srv->work, j);
}

struct conn *server_worked(struct server *srv, const struct job *j)
{
    return settle(srv, j->conn, 1, 0);
}

void server_retry(struct server *srv, struct store_op *op)
{
    op->next = srv->retry;
    srv->retry = op;
}
