/*
 * link.h - a device's connection to its cloud: connect, handshake, attach, frames both ways, and
 * again after a loss, with backoff (100 ms doubling to 5 s, jittered, reset by a completed
 * handshake).
 *
 * Single-threaded, on a libevent base. Handlers may call link_send and link_stop.
 */
#ifndef INKPOST_AGENT_LINK_H
#define INKPOST_AGENT_LINK_H

#include <event2/event.h>

#include "common/agent/home.h"
#include "common/hop.h"
#include "common/offer.h"

struct link;

struct link_handlers {
    /* Attached (roles send, recv and read), or the hop is up (role enrol). */
    void (*up)(void *arg);
    /* A message that is legal in this state. m borrows from body; both die on return. */
    void (*message)(void *arg, const struct msg *m, const uint8_t *body, size_t len);
    /* All messages that had arrived are delivered, or output has drained: the place for one commit
     * over many, and for sending more. May be NULL. */
    void (*idle)(void *arg);
    /* The connection is gone or never came. reason is the cloud's word (REASON_NONE when it said
     * nothing); final when trying again cannot help. why is a sentence for people, or NULL for the
     * one that was said last, with no connection since. */
    void (*down)(void *arg, int final, unsigned reason, const char *why);
    /* link_stop is done: all that was queued has been handed to the system. May be NULL. */
    void (*stopped)(void *arg);
};

struct link_config {
    struct event_base *base;
    const struct home *home;
    enum conn_role role;
    enum hop_mode mode;
    struct offer offer;
    int retry; /* connect again after a loss; also when the first try fails */
    const struct link_handlers *handlers;
    void *arg;
};

/* NULL without memory. The home must outlive the link. */
struct link *link_new(const struct link_config *config);
void link_start(struct link *l);
/* Queue a message. Nothing happens while the link is down: who cares sends again at up(). */
void link_send(struct link *l, const struct msg *m);
/* The same with an encoded body, for packages. */
void link_send_body(struct link *l, enum msg_type type, const uint8_t *body, size_t len);
/* Bytes that wait to be sent: check before adding packages. */
size_t link_backlog(const struct link *l);
int link_is_up(const struct link *l);
/* For role enrol: the token was accepted. */
void link_enrolling(struct link *l);
/* Close after what is queued has been sent, and do not connect again; then stopped() is called,
 * perhaps before this returns. A second call changes nothing. */
void link_stop(struct link *l);
/* The same, but close our direction only and wait until the cloud, having read it all, closes its
 * own (at most 2 s); what it still sends is not read. To close at once while it is sending could
 * take back what we sent last. */
void link_stop_gently(struct link *l);
/* Give this connection up and make another a few seconds later: what the cloud sent could not be
 * dealt with, and it will send it again. why is a sentence for people; down() gets it. */
void link_drop(struct link *l, const char *why);
void link_free(struct link *l);

#endif
