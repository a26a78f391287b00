/*
 * set_outbox.h - messages to sets in the outbox: what the items of one message share is kept once.
 *
 * A message to a set is an item in the outbox for each member, with the same of_set. Until the last
 * of them is packed, its text and cover are kept here, and the secret S of every common part that
 * was made; then only the common parts, until the last item has left the outbox. There is one
 * common part for each suite and stego code among the members' sessions.
 */
#ifndef INKPOST_AGENT_SET_OUTBOX_H
#define INKPOST_AGENT_SET_OUTBOX_H

#include "common/agent/outbox.h"
#include "common/package.h"

struct set_text {
    struct out_bytes message, cover;
};

struct set_part {
    int64_t id;
    uint8_t secret[KEY_BYTES]; /* S */
    uint8_t digest[DIGEST_BYTES];
    int64_t psnr_mdb, embed_us;
    uint64_t changed_pixels;
};

/* Keep a message: *of_set is its number. In the caller's transaction, as all writes here. */
int set_outbox_put(struct sql *db, const struct set_text *text, int64_t *of_set);
/* Is the oldest QUEUED message to peer one to a set? */
int set_outbox_is_next(struct sql *db, const char *peer);
/* Text and cover, malloc'd. ERR_NOTFOUND. */
int set_outbox_text(struct sql *db, int64_t of_set, struct set_text *text);
/* The common part for item's of_set, suite and codec. ERR_NOTFOUND: not made yet. */
int set_outbox_part(struct sql *db, const struct out_item *item, struct set_part *part);
/* It was made: all of part but id is filled in, and set here. */
int set_outbox_put_part(struct sql *db, const struct out_item *item, struct set_part *part,
                        const struct package *made);
/* The body of a common part, malloc'd. ERR_NOTFOUND. */
int set_outbox_body(struct sql *db, int64_t common, struct out_bytes *body);
/* An item was packed, or has left the outbox: forget what no other one needs. of_set 0: nothing. */
int set_outbox_tidy(struct sql *db, int64_t of_set);

#endif
