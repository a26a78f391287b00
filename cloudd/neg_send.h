/*
 * neg_send.h - the messages of a negotiation from the cloud to one of its two devices. Each is made
 * from the record alone, so that it can be sent again after a reconnect or a restart.
 */
#ifndef INKPOST_CLOUDD_NEG_SEND_H
#define INKPOST_CLOUDD_NEG_SEND_H

#include "cloudd/conn.h"
#include "cloudd/records.h"

/* Step 1: PEER and SALT. c is the initiator's or the responder's connection. */
void neg_send_salt(struct conn *c, const struct neg_record *rec);
/* Step 2 is kept. */
void neg_send_pending(struct conn *c, const struct neg_record *rec);
/* Step 3, to the responder; step 5, to the initiator. */
void neg_send_forward(struct conn *c, const struct neg_record *rec);
void neg_send_result(struct conn *c, const struct neg_record *rec);
/* t NULL: no negotiation was made. */
void neg_send_reject(struct conn *c, uint64_t request, const uint8_t *t, const char *peer,
                     unsigned reason);

#endif
