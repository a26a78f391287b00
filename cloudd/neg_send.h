/*
 * neg_send.h - the messages of a negotiation from the cloud to one of its two devices. Each is made
 * from the record alone, so that it can be sent again after a reconnect or a restart.
 */
#ifndef INKPOST_CLOUDD_NEG_SEND_H
#define INKPOST_CLOUDD_NEG_SEND_H

#include "cloudd/conn.h"
#include "cloudd/records.h"

#define LETTER_MAX  1536
#define LETTERS_MAX 3 /* PEER, SALT, and FORWARD or RESULT */

/* Messages to one device, encoded, with their sealed parts: made on the pool, sent on the loop. */
struct letters {
    size_t n;
    struct letter {
        enum msg_type type;
        size_t len;
        uint8_t body[LETTER_MAX];
    } v[LETTERS_MAX];
};

/* Step 1, PEER and SALT, to the initiator (ROLE_SEND) or the responder (ROLE_RECV). */
int neg_write_salt(struct letters *out, const struct neg_record *rec, enum conn_role to);
/* Step 3, to the responder; step 5, to the initiator. */
int neg_write_forward(struct letters *out, const struct neg_record *rec);
int neg_write_result(struct letters *out, const struct neg_record *rec);
/* NEG_GRANT, to the responder. */
int neg_write_grant(struct letters *out, const struct neg_record *rec);

/* What a negotiation waits for: that one of the two devices takes this. */
enum neg_due { NEG_DUE_REQUEST, NEG_DUE_FORWARD, NEG_DUE_GRANT, NEG_DUE_RESULT };
enum neg_due neg_due(const struct neg_record *rec, enum neg_state state);

void neg_send(struct conn *c, const struct letters *letters);
/* Step 2 is kept. */
void neg_send_pending(struct conn *c, const struct neg_record *rec);
/* t NULL: no negotiation was made. */
void neg_send_reject(struct conn *c, uint64_t request, const uint8_t *t, const char *peer,
                     unsigned reason);
/* The end of a negotiation for want of a suite, with everybody's. */
void neg_send_no_suite(struct conn *c, const struct neg_record *rec);

#endif
