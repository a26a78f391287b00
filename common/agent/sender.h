/*
 * sender.h - the sending engine: takes messages into the outbox, negotiates sessions, packs, sends,
 * and follows every message to its end. `sds send` and `sds run` are two ways to feed it.
 */
#ifndef INKPOST_AGENT_SENDER_H
#define INKPOST_AGENT_SENDER_H

#include "common/agent/link.h"
#include "common/agent/outbox.h"

enum out_status {
    STATUS_QUEUED,    /* in the outbox */
    STATUS_ACCEPTED,  /* on the cloud's disk */
    STATUS_RECEIPTED, /* verified by the receiver */
    STATUS_REJECTED,  /* refused for good, by the cloud or the receiver */
    STATUS_EXPIRED    /* the cloud gave up keeping it */
};

/* What a negotiation went through, for people. */
enum out_phase { PHASE_OPENED, PHASE_ASKED, PHASE_PENDING, PHASE_AGREED };

struct sender;

struct sender_handlers {
    /* A message moved on. RECEIPTED, REJECTED and EXPIRED end it: it is out of the outbox. */
    void (*status)(void *arg, const struct out_item *item, enum out_status status,
                   unsigned reason);
    /* The stream to a peer cannot go on now (final 0: we try again) or until the user acts. reason:
     * the cloud's, or REASON_NONE. */
    void (*trouble)(void *arg, const char *peer, int final, unsigned reason, const char *why);
    /* A step of a negotiation is done; key is the peer's. */
    void (*phase)(void *arg, const char *peer, enum out_phase phase, const uint8_t key[KEY_BYTES]);
    /* The connection is gone; final when it will not come back. why as in link.h. */
    void (*down)(void *arg, int final, const char *why);
    /* sender_stop is done. */
    void (*stopped)(void *arg);
};

struct sender_config {
    struct event_base *base;
    struct sql *db;
    const struct home *home;
    enum hop_mode mode;
    struct offer offer;
    const struct sender_handlers *handlers;
    void *arg;
};

/* NULL without memory. */
struct sender *sender_new(const struct sender_config *config);
void sender_start(struct sender *s);
/*
 * Put a message into the outbox and send it when that is possible. On return it outlives this
 * program, however that ends; a power cut, 50 ms later or once sender_stop() has returned. item:
 * peer, profile, codec, exact, message, cover (borrowed). ERR_FULL (disk), ERR_SYS.
 */
int sender_add(struct sender *s, struct out_item *item);
/* The same for several messages in one transaction: all or none. */
int sender_add_many(struct sender *s, struct out_item *items, size_t n);
/* One message to the members of a set, 2..SET_MAX, each an item with its peer, profile, codec and
 * exact; the profile has sets. message and cover are borrowed, and kept once. As sender_add(). */
int sender_add_set(struct sender *s, struct out_item *items, size_t n,
                   const struct out_bytes *message, const struct out_bytes *cover);
/* Save what the cloud has said, now, and leave no transaction open. */
void sender_flush(struct sender *s);
/* Let what is queued on the link go out, and close; stopped() follows. */
void sender_stop(struct sender *s);
void sender_free(struct sender *s);

const char *out_status_name(enum out_status s);

/* Is it a reason to refuse a package for want of room, which time cures? */
int sender_lacks_room(unsigned reason);

#endif
