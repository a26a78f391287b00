/*
 * receiving.h - private to the receiving engine: receiver.c (the loop), respond.c and grant.c (the
 * responder's side of a negotiation) and deliver.c (packages). All but the first know no network:
 * they work on the device's state and on decoded messages, and return what is to be said.
 */
#ifndef INKPOST_AGENT_RECEIVING_H
#define INKPOST_AGENT_RECEIVING_H

#include "common/agent/inbox.h"
#include "common/agent/receiver.h"
#include "common/agent/save.h"

/* ---- deliver.c ---- */

enum verdict_line {
    LINE_NONE,    /* a copy of what was shown before */
    LINE_MESSAGE, /* a new message, in the inbox */
    LINE_FAILURE  /* a package that did not verify */
};

/* What becomes of one package. The receipt may be sent once the transaction is committed. */
struct verdict {
    struct msg_receipt receipt; /* also has sender, session and index */
    enum verdict_line line;
    int64_t inbox_id; /* of a LINE_MESSAGE */
    unsigned reason;  /* of a LINE_FAILURE: enum reason */
    uint8_t profile;
};

struct delivery {
    struct sql *db;
    const char *self;  /* our id */
    struct save *save; /* folder for messages and images, or NULL */
    int64_t now;       /* wall clock, microseconds */
    /* Profiles that this device takes part in now, whatever it did when a session was made; NULL:
     * all. */
    const struct list *profiles;
};

/*
 * Check a PACKAGE or PACKAGE_SHARED (m, decoded from the len bytes of body) and record it: replay
 * record, key state and inbox entry, in the caller's transaction. A package that fails changes
 * nothing. An error is one of our own (disk, memory), never of the package, but for ERR_MALFORMED
 * or ERR_TOO_LARGE: the parts of a PACKAGE_SHARED cannot be read. Then roll back, and say nothing
 * to the cloud.
 */
int deliver(const struct delivery *d, const struct msg *m, const uint8_t *body, size_t len,
            struct verdict *v);

/* ---- respond.c ---- */

#define MET_MAX     16 /* peers whose SALT is still to come */
#define PENDING_MAX 64 /* negotiations whose step 3 is still to come */

/* A peer as PEER introduced it. */
struct met {
    char id[ID_MAX + 1];
    uint8_t key[KEY_BYTES];
    struct keybuf shk;
    uint64_t enrolment;
    unsigned reason; /* why its negotiations are refused, or 0 */
};

/* What SALT announced. */
struct pending {
    struct neg_terms terms;
    uint8_t key[KEY_BYTES]; /* the initiator's */
    uint64_t enrolment;     /* also the initiator's */
    unsigned reason;        /* why step 3 will be refused, or 0 */
    int in_use;
};

/* Kept in guarded memory. The oldest entry gives way. */
struct responder_secrets {
    struct met met[MET_MAX];
    struct pending pending[PENDING_MAX];
    size_t next_met, next_pending;
};

struct responder {
    struct sql *db;
    const struct home *home;
    const struct offer *offer;
    const struct accept_policy *accept; /* NULL: any */
    void (*note)(void *arg, const char *text);
    void *arg;
    struct responder_secrets *secrets;
};

/* Allocate the secrets of a responder whose other fields are set. ERR_NOMEM. */
int respond_init(struct responder *r);
void respond_close(struct responder *r);

/* Each returns 0 also when the cloud or the peer was wrong; an error is one of our own state. */
int respond_on_peer(struct responder *r, const struct msg_peer *m);
int respond_on_salt(struct responder *r, const struct msg_salt *m);
/* Step 3 to step 4: `answer` is the NEG_ANSWER to send, saved already; len 0: say nothing. */
int respond_on_forward(struct responder *r, const struct msg_neg_forward *m,
                       struct recv_answer *answer);
/* NEG_GRANT, in a profile whose cloud has a part in the key: make the session and save it
 * (grant.c). refusal->len 0: the cloud is to hear NEG_GRANTED, also after a repeated grant. */
int respond_on_grant(struct responder *r, const struct msg_neg_grant *m,
                     struct recv_answer *refusal);
int respond_on_confirm(struct responder *r, const struct msg_neg_confirm *m);
void respond_on_reject(struct responder *r, const struct msg_neg_reject *m);

/* For respond.c and grant.c: one line for people; a NEG_ANSWER that refuses, whose T is set. */
void respond_note(const struct responder *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int respond_refuse(const struct responder *r, const char *peer, unsigned reason,
                   struct recv_answer *a);

#endif
