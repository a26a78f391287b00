/*
 * outbox.h - the sending side of state.db: messages on their way, sending sessions, and
 * negotiations that wait for their answer.
 *
 * A message is QUEUED (text and cover) until a session takes it; then it is PACKED: its package's
 * bytes are kept, and stay the same, until it is receipted, rejected or expired. A message to a set
 * is an item for each member; what they have in common is kept once (set_outbox.h).
 */
#ifndef INKPOST_AGENT_OUTBOX_H
#define INKPOST_AGENT_OUTBOX_H

#include "common/agent/state.h"
#include "common/negotiation.h"

enum out_state { OUT_QUEUED = 1, OUT_PACKED = 2, OUT_ACCEPTED = 3 };

struct out_bytes {
    uint8_t *p; /* malloc'd */
    size_t len;
};

struct out_item {
    int64_t id;
    char peer[ID_MAX + 1];
    uint64_t seq;
    enum out_state state;
    uint8_t profile, codec;          /* wanted while QUEUED, then as packed */
    uint8_t suite;                   /* PACKED and later */
    int exact;                       /* its length need not be hidden */
    struct out_bytes message, cover; /* QUEUED; cover is a PGM */
    int64_t of_set;                  /* a message to a set (set_outbox.h), or 0 */
    int64_t common;                  /* PACKED and later, to a set: its common part */
    struct out_bytes body;           /* PACKED and later: PACKAGE; to a set: SET_MEMBER */
    uint8_t session[SESSION_ID_BYTES];
    uint64_t index;
    uint8_t digest[DIGEST_BYTES]; /* of the package, as receipts name it */
    unsigned resends;             /* after copies that were altered on the way */
    int64_t psnr_mdb;             /* of the stego image, thousandths of a dB */
    uint64_t changed_pixels;
    int64_t embed_us;
    int64_t queued_at, accepted_at; /* wall clock, microseconds */
    int64_t receipted_at;           /* set with STATUS_RECEIPTED only, not stored */
};

struct out_session {
    struct session_keys keys; /* the state is that of index `next` */
    char peer[ID_MAX + 1];
    uint8_t negotiation[NEG_ID_BYTES];
    uint64_t next;  /* as saved: the first index that is not reserved (out_block.h) */
    uint64_t heard; /* the receiver has verified one before this index, if not that before */
    uint8_t profile, suite;
    struct list codecs; /* that the receiver can read */
    int64_t created;    /* wall clock, microseconds */
};

/* An initiator's negotiation between step 2 and step 6. */
struct out_negotiation {
    char peer[ID_MAX + 1];
    uint64_t request;
    uint8_t negotiation[NEG_ID_BYTES];
    uint8_t salt[KEY_BYTES];
    struct keybuf sk, shk;
    struct choice choice; /* codec is not kept */
    struct list codecs;
    struct neg_bytes kept;           /* of the handshake */
    uint8_t body[FRAME_PREAUTH_MAX]; /* the NEG_REQUEST as it was sent */
    size_t body_len;
    int64_t created;
};

void out_item_free(struct out_item *item);

/* Queue a message (peer, profile, codec, exact, message, cover): sets id, seq, queued_at. In the
 * caller's transaction, as all writes here. */
int outbox_put(struct sql *db, struct out_item *item);
/* The same in two steps for a message that is packed at once, and is never QUEUED here: sets seq
 * and queued_at; then, with its package, id. */
int outbox_number(struct sql *db, struct out_item *item);
int outbox_put_packed(struct sql *db, struct out_item *item);
/* Is a message to peer QUEUED? Also when that cannot be found out. */
int outbox_has_queued(struct sql *db, const char *peer);
/* The oldest QUEUED message to peer, with its bytes. ERR_NOTFOUND. */
int outbox_next_queued(struct sql *db, const char *peer, struct out_item *item);
/* Only what the oldest QUEUED message to peer asks for. ERR_NOTFOUND. */
int outbox_next_profile(struct sql *db, const char *peer, uint8_t *profile);
/* It became package (session, index) with these body bytes; text and cover are dropped. */
int outbox_packed(struct sql *db, const struct out_item *item);
/* The item of a package, without bytes. ERR_NOTFOUND. */
int outbox_find(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
                struct out_item *item);
/* The first packed item to peer with an id above `after`, with its body. ERR_NOTFOUND. */
int outbox_next_packed(struct sql *db, const char *peer, int64_t after, struct out_item *item);
int outbox_set_accepted(struct sql *db, int64_t id, int64_t now_us);
int outbox_count_resend(struct sql *db, int64_t id);
int outbox_delete(struct sql *db, int64_t id);
/* A program begins to send: leave out the sequence numbers that one before it had reserved and may
 * have used without a trace (out_block.h). */
int outbox_skip_reserved(struct sql *db);
/* Leave out the next n sequence numbers to peer: what is QUEUED, and what comes, has later ones. */
int outbox_skip_seq(struct sql *db, const char *peer, uint64_t n);
/* Messages to peer (NULL: to anyone) that are QUEUED, or that are PACKED or ACCEPTED. */
int outbox_count(struct sql *db, const char *peer, uint64_t *queued, uint64_t *packed);
/* Lowest index of the session that is still outstanding; `next` when none is. */
int outbox_oldest(struct sql *db, const struct out_session *s, uint64_t *index);
/* The next peer after `after` (in order of id) that has messages here. ERR_NOTFOUND at the end. */
int outbox_next_peer(struct sql *db, const char *after, char peer[ID_MAX + 1]);
/* The next session of peer after `after` (32 bytes, NULL to begin) with outstanding packages. */
int outbox_next_session(struct sql *db, const char *peer, const uint8_t *after,
                        uint8_t session[SESSION_ID_BYTES]);

/* The current session to peer, that of a profile, current or set aside, any session by its name, or
 * by T. ERR_NOTFOUND. */
int out_session_current(struct sql *db, const char *peer, struct out_session *s);
int out_session_of(struct sql *db, const char *peer, uint8_t profile, struct out_session *s);
int out_session_get(struct sql *db, const uint8_t session[SESSION_ID_BYTES], struct out_session *s);
int out_session_by_negotiation(struct sql *db, const uint8_t negotiation[NEG_ID_BYTES],
                               struct out_session *s);
/* Make s the current session of its peer; older ones of its profile stay for their receipts, that
 * of another profile is set aside. */
int out_session_put(struct sql *db, const struct out_session *s);
/* Save state, next index and what was heard. */
int out_session_save(struct sql *db, const struct out_session *s);
/* Is it time for a new one: too old, too many messages, or so many without a receipt, or passed
 * over, that the receiver could not step over them? Also when that cannot be found out. */
int out_session_is_worn(struct sql *db, const struct out_session *s, int64_t now_us);
/* Set the current session aside and make that of this profile current, which may be the same.
 * ERR_NOTFOUND: there is none, and no current one. */
int out_session_switch(struct sql *db, const char *peer, uint8_t profile);
/* No more messages on the peer's current session, nor on those set aside. */
int out_session_retire(struct sql *db, const char *peer);
/* The same of this session only: news of an older one says nothing about it. */
int out_session_retire_this(struct sql *db, const uint8_t session[SESSION_ID_BYTES]);
/* Forget sessions that are neither current nor have outstanding packages. */
int out_session_sweep(struct sql *db);

int out_negotiation_get(struct sql *db, const char *peer, struct out_negotiation *n);
int out_negotiation_by_id(struct sql *db, const uint8_t negotiation[NEG_ID_BYTES],
                          struct out_negotiation *n);
/* Replaces an older one with the same peer. */
int out_negotiation_put(struct sql *db, const struct out_negotiation *n);
int out_negotiation_delete(struct sql *db, const char *peer);

#endif
