/*
 * mailbox.h - the delivery pump of one attached receiver.
 *
 * It keeps a window of packages that are sent and not receipted, and holds back while the receiver
 * does not read. While it has caught up with the store, a package that was just accepted goes
 * straight from memory to the receiver; otherwise it is fetched in the order of rows.
 */
#ifndef INKPOST_CLOUDD_MAILBOX_H
#define INKPOST_CLOUDD_MAILBOX_H

#include "cloudd/conn.h"

#define WINDOW_PACKAGES 256
#define WINDOW_BYTES    (4u << 20)

/* Start delivering to a receiver that has just attached. */
void mailbox_start(struct conn *c);
/* The receiver has read, or receipted: go on. */
void mailbox_continue(struct conn *c);
/* A package for it has been accepted: p->row and p->body are set. The body stays the caller's. */
void mailbox_offer(struct conn *c, const struct store_package *p,
                   const uint8_t digest[DIGEST_BYTES]);
/* A receipt from it. One that belongs to nothing in flight is ignored. */
void mailbox_receipt(struct conn *c, const struct msg_receipt *r);

void mailbox_free(struct mailbox *box);

#endif
