/*
 * upkeep.c - expiry and revocation.
 *
 * Who is told of a revocation: the attached devices that have, by the store, a stream of packages
 * with the revoked one in either direction, and the attached senders whose last request for a
 * session was to it. The others learn it when they next ask.
 */
#include "cloudd/upkeep.h"

#include <stdlib.h>
#include <string.h>

#include "cloudd/conn.h"
#include "cloudd/handle.h"
#include "common/log.h"
#include "common/session.h"

#define DAY         (24 * 60 * 60)
#define EXPIRE_PAGE 100 /* at a time: others wait behind it */

void upkeep_start(struct server *srv)
{
    struct store_op *op = store_op_new(STORE_REVOKED_SINCE, NULL);

    if (op == NULL)
        return;
    op->now = server_now();
    store_run(srv->store, op);
    if (op->result == STORE_OK)
        srv->revoked_seen = op->u.revoked.since;
    store_op_free(op);
}

static void on_expired(struct store_op *op)
{
    struct server *srv = op->ctx;
    struct conn *c;
    int more = op->result == STORE_OK && op->u.expire.more;

    server_completed(srv, op);
    srv->expire_busy = 0;
    if (op->result != STORE_OK)
        log_warn("what is too old could not be removed: %s", reason_name(op->reason));
    for (size_t i = 0; op->result == STORE_OK && i < op->u.expire.n; i++) {
        log_info("expired: packages of %s", op->u.expire.senders[i]);
        c = server_find(srv, op->u.expire.senders[i], ROLE_SEND);
        if (c != NULL)
            receipts_resume(c);
    }
    store_op_free(op);
    if (more)
        upkeep_expire(srv);
}

void upkeep_expire(struct server *srv)
{
    struct store_op *op;

    if (srv->expire_busy || srv->draining)
        return;
    op = server_op(srv, NULL, STORE_EXPIRE, on_expired);
    if (op == NULL)
        return;
    op->u.expire.packages_before = op->now - (int64_t)RETENTION_DAYS * DAY;
    op->u.expire.receipts_before = op->u.expire.packages_before;
    op->u.expire.negs_before = op->now - (int64_t)NEG_RETENTION_DAYS * DAY;
    /* Where nothing is to be kept, nothing is. */
    op->u.expire.kept_before =
        srv->opt->retain > 0 ? op->now - (int64_t)srv->opt->retain * DAY : INT64_MAX;
    op->u.expire.max_n = EXPIRE_PAGE;
    srv->expire_busy = 1;
    server_submit(srv, op);
}

/* Revoked devices whose peers are to be told, while the store lists its streams. */
struct gone_list {
    struct server *srv;
    size_t n;
    struct store_device devices[];
};

static void tell_gone(struct conn *c, const struct store_device *d)
{
    struct msg m = {.type = MSG_PEER_GONE};

    if (c == NULL || c->told_gone == d->enrolment)
        return;
    c->told_gone = d->enrolment;
    memcpy(m.u.peer_gone.peer, d->id, sizeof(m.u.peer_gone.peer));
    m.u.peer_gone.enrolment = d->enrolment;
    conn_send(c, &m);
    /* What was queued to it has expired receipts now. */
    if (c->state == CONN_SEND)
        receipts_resume(c);
}

static void tell_asker(struct conn *c, void *arg)
{
    const struct store_device *d = arg;

    if (c->state == CONN_SEND && c->last_peer == server_hash(c->srv, d->id))
        tell_gone(c, d);
}

static void tell_peers(struct server *srv, struct store_device *d, const struct store_op *op)
{
    for (size_t i = 0; i < op->u.sessions.n; i++) {
        const struct store_stream *s = &op->u.sessions.v[i];

        if (strcmp(s->to, d->id) == 0)
            tell_gone(server_find(srv, s->from, ROLE_SEND), d);
        if (strcmp(s->from, d->id) == 0)
            tell_gone(server_find(srv, s->to, ROLE_RECV), d);
    }
    registry_each(srv->registry, tell_asker, d);
}

static void on_sessions(struct store_op *op)
{
    struct gone_list *gone = op->ctx;

    server_completed(gone->srv, op);
    for (size_t i = 0; i < gone->n; i++)
        tell_peers(gone->srv, &gone->devices[i], op);
    free(gone);
    store_op_free(op);
}

static void find_peers(struct server *srv, const struct store_device *v, size_t n)
{
    struct gone_list *gone = malloc(sizeof(*gone) + n * sizeof(*v));
    struct store_op *op = server_op(srv, NULL, STORE_SESSIONS, on_sessions);

    if (gone == NULL || op == NULL) {
        free(gone);
        store_op_free(op);
        return;
    }
    gone->srv = srv;
    gone->n = n;
    memcpy(gone->devices, v, n * sizeof(*v));
    op->ctx = gone;
    server_submit(srv, op);
}

static void close_revoked(struct server *srv, const struct store_device *d, enum conn_role role)
{
    struct conn *c = server_find(srv, d->id, role);

    /* The id may have been enrolled again since. */
    if (c != NULL && c->enrolment == d->enrolment)
        conn_close(c, REASON_NOT_ENROLLED);
}

static void on_revoked(struct store_op *op)
{
    struct server *srv = op->ctx;

    server_completed(srv, op);
    srv->revoked_busy = 0;
    if (op->result == STORE_OK && op->u.revoked.n > 0 && !srv->draining) {
        srv->revoked_seen = op->u.revoked.since;
        for (size_t i = 0; i < op->u.revoked.n; i++) {
            log_info("revoked: %s", op->u.revoked.v[i].id);
            close_revoked(srv, &op->u.revoked.v[i], ROLE_SEND);
            close_revoked(srv, &op->u.revoked.v[i], ROLE_RECV);
            close_revoked(srv, &op->u.revoked.v[i], ROLE_READ);
        }
        find_peers(srv, op->u.revoked.v, op->u.revoked.n);
    }
    store_op_free(op);
}

void upkeep_revoked(struct server *srv)
{
    struct store_op *op;

    if (srv->revoked_busy || srv->draining)
        return;
    op = server_op(srv, NULL, STORE_REVOKED_SINCE, on_revoked);
    if (op == NULL)
        return;
    op->u.revoked.since = srv->revoked_seen;
    srv->revoked_busy = 1;
    server_submit(srv, op);
}
