/*
 * conn.h - one connection: its frames, its state, its end.
 *
 * Life: NEW (accepted) -> HANDSHAKE (the hop is up) -> SEND, RECV or READ (attached), or ENROL;
 * from each of them CLOSING, in which nothing more is read. conn_set_state is the only place where
 * the state changes. A handler never frees its connection: it calls conn_close; the server's reaper
 * frees.
 */
#ifndef INKPOST_CLOUDD_CONN_H
#define INKPOST_CLOUDD_CONN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/bufferevent.h>

#include "cloudd/server.h"
#include "common/hop.h"
#include "proto/msg.h"

#define PREAUTH_SECONDS  10   /* from accept to ATTACH or ENROL_TOKEN */
#define CLOSING_MS       3000 /* for the last bytes to leave */
#define PENDING_MAX      1024 /* connections that have not said who they are */
#define QUEUE_OPS        512  /* in the store at a time: see conn_check_pressure */
#define QUEUE_BYTES      (2u << 20)
#define QUEUE_JOBS       64 /* in the pool, besides handshakes */
#define SHAKING_MAX      512 /* handshakes there: done before a flood of them pushes them out */
#define SERVER_BYTES_MAX (64u << 20)
#define OUT_PAUSE        (256u << 10) /* more waits to be sent: hold back what can wait */
#define OUT_MAX          (16u << 20)  /* a peer that does not read at all */

struct uplink;  /* handle_package.h */
struct mailbox; /* mailbox.h */
struct enrol;   /* handle_enrol.c */

enum list_tag { IN_NO_LIST, IN_TIMED, IN_DEAD };

struct conn {
    struct server *srv;
    struct bufferevent *bev;
    struct hop_keys *keys; /* slab slot; NULL until the handshake is done */
    struct conn *reg_next; /* registry's chain */
    TAILQ_ENTRY(conn) link, pause_link;
    union {
        struct uplink *uplink;   /* role send */
        struct mailbox *mailbox; /* role receive */
        struct enrol *enrol;     /* role enrol */
    } u;
    uint64_t serial, enrolment;
    uint64_t last_peer; /* hash of the last id this sender asked a session with */
    uint64_t address;   /* hash of where it comes from */
    uint64_t told_gone; /* the last revoked enrolment that this device was told of */
    int64_t deadline;   /* server_clock(), while in `timed` */
    size_t waiting_bytes;
    uint32_t ops;  /* in the store and the pool, for this connection */
    uint32_t jobs; /* of them in the pool, or on the way there */
    uint8_t state, role, list;
    uint8_t paused, flushed;
    uint8_t negs_held;      /* negotiations were kept back; they are listed when all else is sent */
    uint8_t key[KEY_BYTES]; /* the peer's, proven by the handshake */
    char id[ID_MAX + 1];    /* once attached, or of the token shown */
};

/* Take over an accepted socket, from the address with this hash. On failure it is closed. */
void conn_accept(struct server *srv, evutil_socket_t fd, uint64_t address);

/* The one place where a state changes. Not from or to CLOSING: that is conn_close. */
void conn_set_state(struct conn *c, enum conn_state state);

/* Send a message. An error, or a peer that lets too much pile up, closes the connection. */
void conn_send(struct conn *c, const struct msg *m);
/* The same with a body that is encoded already. */
void conn_send_body(struct conn *c, enum msg_type type, const uint8_t *body, size_t len);
/* Bytes that wait to be sent. */
size_t conn_backlog(const struct conn *c);

/* Answer a request with ERROR and go on. */
void conn_error(struct conn *c, unsigned reason, enum msg_type about);
/* End the connection: ERROR with the reason when the hop is up (REASON_NONE: silently), then what
 * is buffered is sent, then it is freed by the reaper. May be repeated. */
void conn_close(struct conn *c, unsigned reason);
/* End it at once, without sending anything more. */
void conn_drop(struct conn *c);

/* Give this connection a deadline from now, after which it is dropped; 0 takes it away. */
void conn_set_deadline(struct conn *c, int64_t ms);

/*
 * Stop or go on reading, by what waits to be sent and what waits in the store and in the pool.
 * There, a connection may have as much as is free of QUEUE_OPS, QUEUE_BYTES and QUEUE_JOBS, and
 * always one of each. So one that floods gets half of the queue and k of them k / (k + 1); there is
 * always room for who comes next, and nobody waits behind more than the queue holds.
 */
void conn_check_pressure(struct conn *c);

/* For the reaper only. */
void conn_free(struct conn *c);

/* "id" or "-", and the role: for the log. */
const char *conn_name(const struct conn *c);
const char *role_name(unsigned role);

#endif
