/*
 * handle.h - one handler for each message that the cloud may receive. A handler is called only in
 * the states that messages.def allows; m borrows from body, and both die when it returns.
 */
#ifndef INKPOST_CLOUDD_HANDLE_H
#define INKPOST_CLOUDD_HANDLE_H

#include "cloudd/conn.h"
#include "proto/msg.h"

typedef void (*handler)(struct conn *c, const struct msg *m, const struct blob *body);

void handle_hop_hello(struct conn *c, const struct msg *m, const struct blob *body);
void handle_attach(struct conn *c, const struct msg *m, const struct blob *body);
void handle_enrol_token(struct conn *c, const struct msg *m, const struct blob *body);
void handle_enrol_request(struct conn *c, const struct msg *m, const struct blob *body);
void handle_open(struct conn *c, const struct msg *m, const struct blob *body);
void handle_neg_request(struct conn *c, const struct msg *m, const struct blob *body);
void handle_neg_answer(struct conn *c, const struct msg *m, const struct blob *body);
void handle_neg_granted(struct conn *c, const struct msg *m, const struct blob *body);
void handle_neg_confirm(struct conn *c, const struct msg *m, const struct blob *body);
void handle_package(struct conn *c, const struct msg *m, const struct blob *body);
void handle_set_package(struct conn *c, const struct msg *m, const struct blob *body);
void handle_resume(struct conn *c, const struct msg *m, const struct blob *body);
void handle_receipt(struct conn *c, const struct msg *m, const struct blob *body);
void handle_receipt_ack(struct conn *c, const struct msg *m, const struct blob *body);
void handle_history(struct conn *c, const struct msg *m, const struct blob *body);

/* Before there are keys: HOP_REFUSED, then close. */
void hop_refuse(struct conn *c, unsigned reason);

/* What waits for a device that has just attached, by role. */
void negotiations_resume(struct conn *c);
/* Is so much on its way to this device that its part of a negotiation must wait? Then it gets it
 * from the store, by negotiations_continue, once the output is empty: whatever the other devices
 * ask of a slow one, it costs no more than the last of each. */
int negotiations_hold(struct conn *c);
void negotiations_continue(struct conn *c);
void receipts_resume(struct conn *c);
/* More of the waiting receipts, when the output has room again. */
void receipts_continue(struct conn *c);

/* Tell a sender of a receipt if it is attached; else it gets it when it attaches. */
void receipt_tell(struct server *srv, const struct store_receipt *r);

/* Free what a role keeps. NULL is allowed. */
void uplink_free(struct uplink *s);
void enrol_free(struct enrol *e);

#endif
