/*
 * neg_step.h - one message of a device about a negotiation, steps 2 to 6, and what the pool makes
 * of it: handle_negotiate.c fetches the record and sends what is due, neg_judge.c decides.
 */
#ifndef INKPOST_CLOUDD_NEG_STEP_H
#define INKPOST_CLOUDD_NEG_STEP_H

#include "cloudd/neg_send.h"
#include "cloudd/server.h"
#include "cloudd/work.h"

/* What comes of a message. */
enum verdict {
    VERDICT_UNKNOWN, /* no such negotiation, or not this device's: it learns nothing about it */
    VERDICT_WRONG,   /* a check failed, or the responder declined: over for all */
    VERDICT_STALE,
    VERDICT_ADVANCE, /* the record goes on to its next state */
    VERDICT_REPEAT   /* it stands there already: what is due is sent again */
};

/* One message of a device about a negotiation, on its way through the store and the pool. */
struct step {
    struct job job;
    struct server *srv;
    struct store_op *found; /* the record, until it is judged */
    char from[ID_MAX + 1];  /* the device that sent it */
    uint64_t enrolment;
    enum msg_type type;
    uint8_t t[NEG_ID_BYTES];
    char peer[ID_MAX + 1]; /* of the device that sent it, once the record is there */
    unsigned reason;       /* of NEG_ANSWER */
    uint8_t sealed[NEG_SEALED_MAX];
    size_t sealed_len;
    struct neg_bytes noise;
    struct msg_neg_confirm confirm;
    /* By the pool: */
    struct neg_record rec;
    enum verdict verdict;
    enum neg_state state;      /* where the record stands, or will */
    struct store_bytes record; /* in its next state; lent to the store while it writes, as is */
    struct store_bytes copy;   /* the cloud's of the new session's first state, if it keeps one */
    uint8_t session[SESSION_ID_BYTES];
    struct letters due; /* step 3 or 5, or the grant */
};

/* On the pool: ctx is a struct step whose record was found. Fills in what is by the pool. */
void neg_judge(struct job *job);

#endif
