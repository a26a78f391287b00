/*
 * inbox.h - the receiving side of state.db: receiving sessions, the answers that made them, what
 * has been seen of each, and the messages that were verified.
 *
 * Everything that one package changes changes in one transaction of the caller: a message stands in
 * the inbox exactly once, and its copy is known from then on. All calls return 0 or a negative
 * ERR_*; those that look something up answer ERR_NOTFOUND.
 */
#ifndef INKPOST_AGENT_INBOX_H
#define INKPOST_AGENT_INBOX_H

#include <limits.h>

#include "common/agent/state.h"
#include "common/negotiation.h"

#define ANSWER_MAX      1536 /* bytes of a NEG_ANSWER body */
#define ANSWER_DAYS     7    /* an initiator keeps its handshake no longer */
#define PROVISIONAL_MAX 64   /* sessions of one peer that no package has used yet */
#define INBOX_STEGO_MAX PATH_MAX
#define RECORD_DAYS     400 /* of a message, without its text: longer than a cloud keeps */

/* The responder's end of a session. Holds secrets: wipe after use. */
struct recv_session {
    struct session_keys keys; /* the state is that of index `next`; empty: the session has ended */
    char peer[ID_MAX + 1];
    uint64_t enrolment; /* of the peer: enrolled anew it counts its messages anew */
    uint8_t negotiation[NEG_ID_BYTES];
    uint64_t next;
    uint8_t profile, suite;
    int64_t created; /* wall clock, microseconds, as the next two */
    int64_t used;    /* first verified package; 0: provisional */
    int64_t retired; /* a later session was used; 0: not yet */
};

/* Step 4 as it was sent, to be repeated byte for byte. */
struct recv_answer {
    uint8_t negotiation[NEG_ID_BYTES];
    uint8_t request[DIGEST_BYTES]; /* of the Noise message that it answers */
    uint8_t body[ANSWER_MAX];
    size_t len;
    int64_t created;
};

/* What the responder keeps between its answer and the cloud's grant. Holds secrets. */
struct recv_ungranted {
    char peer[ID_MAX + 1];
    uint8_t negotiation[NEG_ID_BYTES];
    uint64_t enrolment; /* of the peer */
    uint8_t profile, suite;
    struct neg_bytes kept;
    int64_t created;
};

/* A verified message. */
struct inbox_record {
    int64_t id; /* grows in the order in which messages were verified */
    char peer[ID_MAX + 1];
    uint8_t session[SESSION_ID_BYTES];
    uint64_t index, seq;
    uint8_t profile, suite;
    int late;         /* a later one of the same peer was verified before */
    uint8_t *message; /* malloc'd; NULL when empty */
    size_t bytes;
    int gone;                     /* the message was deleted for its age; only the record is left */
    int has_digest;               /* false only of what came before digests were recorded */
    uint8_t digest[DIGEST_BYTES]; /* of the package that it came in */
    char stego[INBOX_STEGO_MAX]; /* the saved image, or empty */
    int64_t received;            /* wall clock, microseconds */
};

/* ---- sessions (in_session.c) ---- */

int recv_session_get(struct sql *db, const uint8_t session[SESSION_ID_BYTES],
                     struct recv_session *s);
/* Is there one that this negotiation made? 0 or ERR_NOTFOUND. */
int recv_session_is_made(struct sql *db, const uint8_t negotiation[NEG_ID_BYTES]);
/* Add; of the peer's unused sessions only the newest PROVISIONAL_MAX are kept. */
int recv_session_put(struct sql *db, const struct recv_session *s);
/* Save state, next index and first use. */
int recv_session_save(struct sql *db, const struct recv_session *s);
/* s is the one in use now: the peer's sessions that were made no later count as retired. */
int recv_session_retire_others(struct sql *db, const struct recv_session *s, int64_t now);
/* Forget a session, with the answer that made it. */
int recv_session_delete(struct sql *db, const struct recv_session *s);
/* All sessions with a peer and our answers that led to them. */
int recv_session_delete_peer(struct sql *db, const char *peer);

int recv_answer_get(struct sql *db, const uint8_t negotiation[NEG_ID_BYTES], struct recv_answer *a);
int recv_answer_put(struct sql *db, const struct recv_answer *a);

/* One a peer, as at the cloud: put forgets an earlier one, with its answer. */
int recv_ungranted_get(struct sql *db, const uint8_t negotiation[NEG_ID_BYTES],
                       struct recv_ungranted *u);
int recv_ungranted_put(struct sql *db, const struct recv_ungranted *u);
int recv_ungranted_delete(struct sql *db, const char *peer);

/* Keys of indices that were passed over, and digests of packages that were verified. */
int recv_skipped_get(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
                     struct keybuf *key);
int recv_skipped_put(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
                     const struct keybuf *key);
int recv_skipped_delete(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index);
int recv_seen_get(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
                  uint8_t digest[DIGEST_BYTES]);
int recv_seen_put(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
                  const uint8_t digest[DIGEST_BYTES]);
/* Forget keys and digests of indices below `oldest`. */
int recv_window(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t oldest);

/* The highest seq verified of the session's peer, under the enrolment that it made the session
 * with; 0 when there is none. */
int recv_last_get(struct sql *db, const struct recv_session *s, uint64_t *seq);
int recv_last_set(struct sql *db, const struct recv_session *s, uint64_t seq);

/* ---- messages (inbox.c) ---- */

/* Add a record (its id and message are not looked at, has_digest and gone neither); *id is the new
 * one's. ERR_EXISTS when (session, index) is there. */
int inbox_put(struct sql *db, const struct inbox_record *r, const struct blob *message,
              int64_t *id);
/* The first record with an id above `after`; free it with inbox_record_free. */
int inbox_next(struct sql *db, int64_t after, struct inbox_record *r);
/* The record of one message, to be freed in the same way. */
int inbox_find(struct sql *db, const uint8_t session[SESSION_ID_BYTES], uint64_t index,
               struct inbox_record *r);
void inbox_record_free(struct inbox_record *r);

/* Up to which record messages have been printed. */
int inbox_shown(struct sql *db, int64_t *id);
/* Save that, outside any transaction, without waiting for the disk: after a crash of the machine
 * the last lines may be printed again. */
int inbox_set_shown(struct sql *db, int64_t id);

/* Delete what nobody can ask for any more: old answers, sessions whose packages have all expired,
 * and messages printed long ago; of these the record is left for RECORD_DAYS. In a transaction of
 * its own. */
int inbox_purge(struct sql *db, int64_t now);

#endif
