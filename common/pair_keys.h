/*
 * pair_keys.h - what the cloud keeps of two devices, and the two ways to make Shk and Sk from it
 * (Al Sibahee 2020, section IV-A): derived, where Rv is one factor among others, or sliced out of
 * Rv as printed.
 */
#ifndef INKPOST_COMMON_PAIR_KEYS_H
#define INKPOST_COMMON_PAIR_KEYS_H

#include "common/fx1.h"
#include "common/keybuf.h"

#define SLICE_MIN 14 /* bytes of Rv in a slice, ends included */
#define SLICE_MAX PAIR_KEY_MAX

/* Rv[i..e], both ends included. */
struct slice {
    uint16_t i, e;
};

/* Kept sealed by the cloud. Secret. */
struct pair_keys {
    uint8_t k_pair[KEY_BYTES];
    uint8_t rv[FX1_BYTES];
    struct slice shk; /* of the printed Shk, drawn once for the pair */
};

/* Shk, the pair key, and Sk of session T, from Rv[s.i..s.e]: 32 bytes each. ERR_ARG when the slice
 * is out of its bounds. */
int pair_keys_derive_shk(struct keybuf *shk, const struct pair_keys *k);
int pair_keys_derive_sk(struct keybuf *sk, const struct pair_keys *k,
                        const uint8_t t[NEG_ID_BYTES], struct slice s);

/* The same as printed: the slice itself, 14 to 64 bytes. T is not an input. */
int pair_keys_slice_shk(struct keybuf *shk, const struct pair_keys *k);
int pair_keys_slice_sk(struct keybuf *sk, const struct pair_keys *k, const uint8_t t[NEG_ID_BYTES],
                       struct slice s);

#endif
