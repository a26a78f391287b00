/*
 * mailbox.h - the delivery pump of one attached receiver.
 *
 * It keeps a window of packages that are sent and not receipted, and holds back while the receiver
 * does not read. While it has caught up with the store, a package goes straight from memory to the
 * receiver, while it is being written; otherwise it is fetched in the order of rows. A receipt that
 * comes before the package is written takes its place in the store.
 */
#ifndef INKPOST_CLOUDD_MAILBOX_H
#define INKPOST_CLOUDD_MAILBOX_H

#include "cloudd/conn.h"

#define WINDOW_PACKAGES 256
#define WINDOW_BYTES    (4u << 20)
/* Read and handed over at a time: between two of these it is others' turn. */
#define FETCH_PACKAGES  64
#define FETCH_BYTES     (256u << 10)

/* Start delivering to a receiver that has just attached. */
void mailbox_start(struct conn *c);
/* The receiver has read, or receipted: go on. */
void mailbox_continue(struct conn *c);
/*
 * A package is about to be written: hand it to its receiver at once, when that is attached and has
 * caught up. op is the STORE_ENQUEUE, filled in and not yet submitted.
 */
void mailbox_hand_over(struct server *srv, struct store_op *op);
/* The same op is completed: its package, if it was written and not handed over, is delivered. */
void mailbox_written(struct server *srv, struct store_op *op);
/* A receipt from it. One that belongs to nothing in flight is ignored. */
void mailbox_receipt(struct conn *c, const struct msg_receipt *r);

void mailbox_free(struct mailbox *box);

#endif
