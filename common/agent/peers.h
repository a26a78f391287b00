/*
 * peers.h - which key belongs to which peer: pinned, accepted by hand, or remembered at first use.
 *
 * The cloud's directory only suggests. A key that differs from the one on record is not used: it is
 * kept as the key on offer until the user accepts it.
 */
#ifndef INKPOST_AGENT_PEERS_H
#define INKPOST_AGENT_PEERS_H

#include "common/agent/state.h"

enum peer_trust { PEER_FIRST_USE = 1, PEER_PINNED = 2, PEER_ACCEPTED = 3 };

struct peer {
    char id[ID_MAX + 1];
    uint8_t key[KEY_BYTES];
    uint64_t enrolment; /* 0 while the peer was only pinned, never seen */
    enum peer_trust trust;
    int has_offered;
    uint8_t offered[KEY_BYTES]; /* a changed key that waits to be accepted */
};

/* ERR_NOTFOUND when we never met. */
int peer_get(struct sql *db, const char *id, struct peer *p);
/*
 * The directory says that this is the peer's key: remember it at first use. ERR_CONFLICT when
 * another is on record; then it is kept as the key on offer. *is_new: met for the first time.
 */
int peer_meet(struct sql *db, const char *id, const uint8_t key[KEY_BYTES], uint64_t enrolment,
              int *is_new);
/*
 * Put the user's word on record: pinned by --peer-key, or accepted. Another key than before ends
 * the sending session and negotiation that were made with the old one; pinning also deletes the
 * receiving sessions, for the user says that the old key never was the peer's. After accepting,
 * what the old enrolment sent can still be received. In a transaction of its own.
 */
int peer_trust(struct sql *db, const char *id, const uint8_t key[KEY_BYTES], enum peer_trust trust);
/* All peers in order of id; stops when each() returns non-zero, and returns that. */
int peer_each(struct sql *db, int (*each)(void *arg, const struct peer *p), void *arg);

/* Parse "ID=KEY" (64 hex digits). ERR_MALFORMED. */
int peer_parse(const char *text, char id[ID_MAX + 1], uint8_t key[KEY_BYTES]);
const char *peer_trust_name(enum peer_trust t);

#endif
