/*
 * pairing.h - the secrets that two devices share at the cloud (Al Sibahee 2020, section IV-A and
 * IV-B-1), in the hardened form: Rv is one factor among others, never the only entropy.
 */
#ifndef INKPOST_CLOUDD_PAIRING_H
#define INKPOST_CLOUDD_PAIRING_H

#include <stddef.h>
#include <stdint.h>

#include "common/pair_keys.h"

/* What a device brought at its enrolment. */
struct pair_party {
    const char *id;
    uint64_t enrolment;
    const uint8_t *dev;    /* KEY_BYTES */
    const uint8_t *canvas; /* FX1_CANVAS */
};

#define PAIR_RECORD_BYTES (1 + KEY_BYTES + FX1_BYTES + 4)

/*
 * Rv = FX-1(HS_a UNION HS_b); K_pair = BLAKE2b(key = pair_secret; ids in strcmp order, enrolment
 * numbers, dev_a, dev_b, Rv). The order of a and b makes no difference. pair_secret: 32 fresh
 * random bytes, not needed afterwards. The slice for a printed Shk is drawn, too. ERR_NOMEM,
 * ERR_BLANK.
 */
int pairing_make(struct pair_keys *out, const struct pair_party *a, const struct pair_party *b,
                 const uint8_t pair_secret[KEY_BYTES]);

/* Draw I and E: a slice Rv[I..E], both ends included, of 14 to 64 bytes, not all zero. *redrawn is
 * the number of all-zero slices on the way. ERR_BLANK when 1000 draws found none. */
int pairing_draw_slice(const struct pair_keys *k, struct slice *s, unsigned *redrawn);

/* The session salt d^r: a random element of ristretto255, d its fixed generator. */
void pairing_salt(uint8_t salt[KEY_BYTES]);

/* The record as the vault keeps it, exactly PAIR_RECORD_BYTES; ERR_VERSION, ERR_MALFORMED. */
void pairing_encode(uint8_t out[PAIR_RECORD_BYTES], const struct pair_keys *k);
int pairing_decode(struct pair_keys *k, const struct blob *record);

#endif
