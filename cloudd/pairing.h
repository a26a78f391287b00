/*
 * pairing.h - the secrets that two devices get from the cloud (Al Sibahee 2020, section IV-A and
 * IV-B-1), in the hardened form: Rv is one factor among others, never the only entropy.
 */
#ifndef INKPOST_CLOUDD_PAIRING_H
#define INKPOST_CLOUDD_PAIRING_H

#include <stddef.h>
#include <stdint.h>

#include "common/fx1.h"
#include "proto/limits.h"
#include "proto/rbuf.h"

#define SLICE_MIN 14 /* bytes of Rv in a slice, ends included */
#define SLICE_MAX 64

/* What a device brought at its enrolment. */
struct pair_party {
    const char *id;
    uint64_t enrolment;
    const uint8_t *dev;    /* KEY_BYTES */
    const uint8_t *canvas; /* FX1_CANVAS */
};

/* What the cloud keeps of a pair, sealed. Secret. */
struct pair_keys {
    uint8_t k_pair[KEY_BYTES];
    uint8_t rv[FX1_BYTES];
};

#define PAIR_RECORD_BYTES (1 + KEY_BYTES + FX1_BYTES)

/*
 * Rv = FX-1(HS_a UNION HS_b); K_pair = BLAKE2b(key = pair_secret; ids in strcmp order, enrolment
 * numbers, dev_a, dev_b, Rv). The order of a and b makes no difference. pair_secret: 32 fresh
 * random bytes, not needed afterwards. ERR_NOMEM.
 */
int pairing_make(struct pair_keys *out, const struct pair_party *a, const struct pair_party *b,
                 const uint8_t pair_secret[KEY_BYTES]);

/* Shk, the pair key that both devices get. */
void pairing_shk(uint8_t shk[KEY_BYTES], const struct pair_keys *k);

/* Draw I and E: a slice Rv[I..E], both ends included, of 14 to 64 bytes, not all zero. *redrawn is
 * the number of all-zero slices on the way. ERR_BLANK when 1000 draws found none. */
int pairing_draw_slice(const struct pair_keys *k, uint16_t *i, uint16_t *e, unsigned *redrawn);

/* Sk of session T from Rv[i..e]. ERR_ARG when the slice is out of its bounds. */
int pairing_sk(uint8_t sk[KEY_BYTES], const struct pair_keys *k, const uint8_t t[NEG_ID_BYTES],
               uint16_t i, uint16_t e);

/* The session salt d^r: a random element of ristretto255, d its fixed generator. */
void pairing_salt(uint8_t salt[KEY_BYTES]);

/* The record as the vault keeps it, exactly PAIR_RECORD_BYTES; ERR_VERSION, ERR_MALFORMED. */
void pairing_encode(uint8_t out[PAIR_RECORD_BYTES], const struct pair_keys *k);
int pairing_decode(struct pair_keys *k, const struct blob *record);

#endif
