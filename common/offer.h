/*
 * offer.h - what a device can speak, and the choice between two offers.
 *
 * The choice is the first of the initiator's that the responder offers too, for profile, suite and
 * stego code each. Every party computes it for itself, and both offers are bound into the Noise
 * prologue, so that nobody in between can steer it.
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
/* 0, or ERR_NOTFOUND when a list has nothing in common. */
int offer_choose(struct choice *c, const struct offer *initiator, const struct offer *responder);
int offer_equal(const struct offer *a, const struct offer *b);
int list_has(const struct list *l, uint8_t v);

#endif
