/*
 * pair_record.h - the record of a pair, sealed at rest, and what it is made from. Each works on a
 * STORE_PAIR_GET or STORE_PAIR_PUT that is done; for the pool, since all are public-key work.
 */
#ifndef INKPOST_CLOUDD_PAIR_RECORD_H
#define INKPOST_CLOUDD_PAIR_RECORD_H

#include "cloudd/pairing.h"
#include "cloudd/store.h"
#include "cloudd/vault.h"

/* Open the pair's record. Errors of vault.h and pairing.h. */
int pair_record_open(struct pair_keys *k, const struct noise_keypair *cloud,
                     const struct store_op *pair);
/* The record of a new pair, from what both devices brought at enrolment. out->p is malloc'd. */
int pair_record_new(struct store_bytes *out, const struct noise_keypair *cloud,
                    const struct store_op *got);
/* Only `dev` of both devices. */
int pair_record_devs(uint8_t dev_a[KEY_BYTES], uint8_t dev_b[KEY_BYTES],
                     const struct noise_keypair *cloud, const struct store_op *got);

#endif
