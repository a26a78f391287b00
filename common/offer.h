/*
 * offer.h - what a device can speak, and the choice between two offers.
 *
 * The choice is the first of the initiator's that the responder offers too, for profile, suite and
 * stego code each; a suite must also be one that the profile can use and that the cloud allows.
 * Every party computes it for itself, and both offers and the cloud's list are bound into the Noise
 * prologue, so that nobody in between can steer it. The profile comes first and is never given up
 * for another one because no suite is left.
 */
#ifndef INKPOST_COMMON_OFFER_H
#define INKPOST_COMMON_OFFER_H

#include "common/suite.h"
#include "proto/rbuf.h"

struct offer {
    struct list profiles, suites, codecs; /* best first */
};

struct choice {
    uint8_t profile, suite, codec;
};

/* What this program offers. Research profiles only when allowed. */
void offer_local(struct offer *o, int allow_research);
/* 0; ERR_DENIED when there is no suite for the profile; ERR_NOTFOUND when there is no profile, or
 * no stego code, in common. `allowed`: the cloud's suites, in any order. */
int offer_choose(struct choice *c, const struct offer *initiator, const struct offer *responder,
                 const struct list *allowed);
int offer_is_empty(const struct offer *o);
int offer_equal(const struct offer *a, const struct offer *b);
int list_equal(const struct list *a, const struct list *b);
/* Is every entry of `some` in l? */
int list_covers(const struct list *l, const struct list *some);
/* Is there an entry in both? */
int list_meets(const struct list *a, const struct list *b);
int list_has(const struct list *l, uint8_t v);

#endif
