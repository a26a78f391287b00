/*
 * stego.h - double-stegging: a payload hidden in the parities of a grey image's 2x2 blocks.
 *
 * Two keyed passes over a one-level Haar transform (Al Sibahee 2020, section IV-B), in the form
 * that 8-bit pixels can hold; docs/stego.md is the normative description. With the orthonormal
 * transform, a coefficient modulo 1 is the parity of its block's sum, and one pixel changed by 1
 * flips it. K1 orders the blocks that carry (i + j even), K2 those that are only read; what is
 * read there masks what is carried. K1 and K2 are fresh for every message.
 *
 * Images are 8-bit grey, rows of width bytes without gaps. Payload bit n is bit n % 8, least
 * significant first, of byte n / 8; unused bits of the last byte are ignored and extracted as 0.
 */
#ifndef INKPOST_COMMON_STEGO_H
#define INKPOST_COMMON_STEGO_H

#include <stddef.h>
#include <stdint.h>

#define STEGO_KEY_BYTES  32
#define STEGO_SIDE_MAX   4096       /* of the square that stego_min_side looks for */
#define STEGO_PIXELS_MAX (1u << 24) /* width * height */

enum stego_code {
    STEGO_LIGHT = 1,  /* Hamming groups of mixed size: fast, fewest changes */
    STEGO_STEALTH = 2 /* syndrome-trellis code with HILL costs: changes where they hide */
};

struct stego_keys {
    uint8_t k1[STEGO_KEY_BYTES], k2[STEGO_KEY_BYTES];
};

/* Bits that an image holds: ceil(floor(W/2) * floor(H/2) / 2). */
size_t stego_capacity(unsigned width, unsigned height);

/* Side of the smallest square cover, even, that holds so many bits with that code; 0: none. */
unsigned stego_min_side(size_t bits, enum stego_code code);

/*
 * Change pixels so that stego_extract gives the payload of 1 .. capacity bits. Every change is by
 * 1, on one pixel of a block with i + j even. The outcome depends on the arguments alone: the
 * signs come from K1 and K2. The pixels stay as they were on an error: ERR_TOO_SMALL (the image
 * has no room), ERR_ARG (bits 0, a side 0, above STEGO_PIXELS_MAX, no such code), ERR_NOMEM.
 */
int stego_embed(uint8_t *pixels, unsigned width, unsigned height, const struct stego_keys *keys,
                enum stego_code code, const uint8_t *payload, size_t bits);

/*
 * Read `bits` bits into payload, which has room for (bits + 7) / 8 bytes. Any image of fitting size
 * gives some payload; whether it is genuine is for the tag in it to say. Errors as above.
 */
int stego_extract(const uint8_t *pixels, unsigned width, unsigned height,
                  const struct stego_keys *keys, enum stego_code code, uint8_t *payload,
                  size_t bits);

/* Whether more than half of the 2x2 blocks are constant: such a cover hides nothing. */
int stego_is_flat(const uint8_t *pixels, unsigned width, unsigned height);

/* "light" or "stealth" to the code, or ERR_ARG; and back, NULL for a number that is no code. */
int stego_code_from_name(const char *name);
const char *stego_code_name(enum stego_code code);

#endif
