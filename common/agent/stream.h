/*
 * stream.h - private to the sending engine (sender.c, stream*.c, set_send.c, initiate.c,
 * verdict.c): one stream a receiver.
 */
#ifndef INKPOST_AGENT_STREAM_H
#define INKPOST_AGENT_STREAM_H

#include "common/agent/out_block.h"
#include "common/agent/sender.h"

#define STREAM_SESSIONS_MAX 64 /* older sessions with packages still on their way */
#define RESENDS_MAX         3  /* after altered copies; then the message counts as rejected */

enum stream_state {
    STREAM_IDLE,     /* nothing is wanted of it, or the link is down */
    STREAM_RESUMING, /* asked the cloud what it has */
    STREAM_OPENING,  /* step 1 asked */
    STREAM_ASKED,    /* step 2 sent */
    STREAM_READY,    /* there is a session */
    STREAM_WAITING,  /* refused for now; a timer will begin again */
    STREAM_BLOCKED   /* the user must act */
};

struct stream_resume {
    uint8_t session[SESSION_ID_BYTES];
    uint64_t next; /* what the cloud answered */
};

struct stream {
    struct sender *sender;
    struct stream *next_stream;
    char peer[ID_MAX + 1];
    enum stream_state state;
    struct stream_resume resume[STREAM_SESSIONS_MAX];
    size_t resume_n, resumed;
    int64_t resent;   /* packed items up to this id have been looked at since the link came up */
    int resending;    /* there may be more */
    uint64_t request; /* of our OPEN, as the next */
    struct offer offer;
    uint8_t key[KEY_BYTES]; /* from PEER, until SALT, as the next */
    struct keybuf shk;
    int has_peer;
    int is_new;              /* not begun since it was made */
    size_t added;            /* bytes of packages that are added and not sent */
    struct out_block *block; /* of the current session; in guarded memory */
    struct event *timer;
    unsigned wait_ms;
};

/* An upload that is being gathered: parts of members that share a common part. */
struct set_upload {
    struct set_upload *next; /* in order of of_set */
    int64_t of_set, common;
    uint8_t *table; /* malloc'd */
    size_t len;
};

#define ACKS_MAX  256 /* receipts that share one sync */
#define SETTLE_MS 50  /* what is committed may be on no disk for so long */

struct sender {
    struct sender_config config;
    struct link *link;
    struct stream *streams;
    int in_transaction;
    struct msg_receipt_ack acks[ACKS_MAX]; /* sent once what they are for is on the disk */
    size_t acks_n;
    struct event *settle;       /* runs while something is committed and not synced */
    struct set_upload *uploads; /* committed, perhaps not on the disk, not sent */
    int unsaved;                /* a word of the cloud could not be saved: it must say it again */
};

/* What the cloud says in one breath is saved in one transaction: begin it if none is open (0 or
 * ERR_*), and commit it. It outlives the program at once, and a power cut a little later. */
int sender_begin(struct sender *sender);
void sender_commit(struct sender *sender);
/* Have all that is committed on the disk, then send the acknowledgements that waited for that. */
void sender_settle(struct sender *sender);
/* Soon. */
void sender_settle_later(struct sender *sender);

void stream_set_state(struct stream *s, enum stream_state state);
/* The stream of a peer, made when there is none; NULL without memory. */
struct stream *stream_get(struct sender *sender, const char *peer);
struct stream *stream_find(struct sender *sender, const char *peer);
/* The link is up, or a wait is over: ask the cloud what it has, then go on. */
void stream_begin(struct stream *s);
/* Pack and send while there are messages, a session and room. */
void stream_pump(struct stream *s);
/* Add a message to the outbox, in the caller's transaction: as a package, when it can be sent right
 * away, else QUEUED. *reserved is set when indices were reserved: then the transaction must be on
 * the disk before the package leaves. */
int stream_add(struct stream *s, struct out_item *item, int *reserved);
/* That transaction was rolled back. */
void stream_undo_add(struct stream *s);
/* Send the package of an item that was just added, when it is one; its bytes are freed. */
void stream_send(struct stream *s, struct out_item *item);
/* Is most of the block used? Then reserve the next one: in the caller's transaction, synced before
 * it is used; *reserved is set when there is something to sync. */
int stream_is_low(const struct stream *s);
int stream_reserve_ahead(struct stream *s, int *reserved);
/* Another session for the next message: its profile is not that of the current one, or that one is
 * worn, or its suite is not used any more. 0 or ERR_*. */
int stream_next_session(struct stream *s);
/* Try again a little later, each time a little later than before. reason: the cloud's, or
 * REASON_NONE when it is our own state.db that does not let us go on. */
void stream_wait(struct stream *s, unsigned reason);
/* Stop until the user acts; says why. */
void stream_block(struct stream *s, const char *why);
/* End the QUEUED messages of the stream as rejected: all (profile 0), or the first ones as far as
 * they want this profile. */
void stream_reject_queued(struct stream *s, uint8_t profile, unsigned reason);
void stream_free(struct stream *s);

/* The link is up and not too much waits on it. */
int stream_has_room(const struct stream *s);

/*
 * stream_pack.c: pack the item with the block's next index, for a set or for one receiver; block
 * and item are updated. In the caller's transaction; *reserved as in stream_add().
 */
int stream_pack(struct stream *s, struct out_item *item, int *reserved);
/* The stego code for a message that wants one, of those that the receiver can read. */
uint8_t stream_codec(const struct out_session *session, uint8_t wanted);
/* May a message of this profile go out in the current session? In its own profile or not at all,
 * and in no profile or suite that this device does not take part in any more. */
int stream_fits(const struct stream *s, uint8_t profile);

/*
 * set_send.c: messages to sets. Turn the item into the session's next package; both are updated,
 * and the common part is made for the first of the members. In the caller's transaction.
 */
int set_pack(struct stream *s, struct out_session *session, struct out_item *item);
/* Gather a packed item for an upload, unless it is in one. ERR_NOMEM: then nothing is lost, it will
 * be sent again. */
int set_upload_add(struct sender *sender, const struct out_item *item);
/* Have what is gathered on the disk and send it, as far as the link has room. True when nothing is
 * left: a package of any stream may follow. */
int set_upload_flush(struct sender *sender);
/* The same, unless other streams will be ready in a moment: then they share the upload. */
void set_upload_soon(struct sender *sender);
void set_upload_clear(struct sender *sender);

/* stream.c */
void stream_on_resumed(struct sender *sender, const struct msg_resumed *m);

/* initiate.c: the initiator's side of a negotiation. */
void initiate(struct stream *s);
void initiate_on_peer(struct sender *sender, const struct msg_peer *m);
void initiate_on_salt(struct sender *sender, const struct msg_salt *m);
void initiate_on_pending(struct sender *sender, const struct msg_neg_pending *m);
void initiate_on_result(struct sender *sender, const struct msg_neg_result *m);
void initiate_on_reject(struct sender *sender, const struct msg_neg_reject *m);

/* verdict.c: what becomes of packages. */
void verdict_on_accepted(struct sender *sender, const struct msg_accepted *m);
void verdict_on_refused(struct sender *sender, const struct msg_refused *m);
void verdict_on_receipt(struct sender *sender, const struct msg_receipt *m);
void verdict_on_peer_gone(struct sender *sender, const struct msg_peer_gone *m);
/* Take an item out of the outbox with its last status, in a transaction of its own. */
void verdict_end(struct sender *sender, const struct out_item *item, enum out_status status,
                 unsigned reason);

#endif
