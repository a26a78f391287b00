/*
 * parity.h - two ways to hide that the project does not use, to compare with: the paper's rule on
 * floating-point pixels, and the plainest rule that 8-bit pixels can hold.
 *
 * Both read an image in 2x2 blocks, an odd last row or column left alone. Payload bit n is bit
 * n % 8, least significant first, of byte n / 8, as in stego.h.
 */
#ifndef INKPOST_TESTS_REPRODUCE_PARITY_H
#define INKPOST_TESTS_REPRODUCE_PARITY_H

#include <stddef.h>
#include <stdint.h>

/*
 * Naive parity: bit n is the parity of the n-th block's sum, row by row; where it differs, the
 * block's first pixel changes by 1 (up if it is even, so that 0 and 255 stay in range). No key, no
 * code. bits is at most the number of blocks.
 */
void parity_embed(uint8_t *pixels, unsigned width, const uint8_t *payload, size_t bits);
void parity_extract(const uint8_t *pixels, unsigned width, uint8_t *payload, size_t bits);

enum band { BAND_LL, BAND_HL, BAND_LH, BAND_HH };

/*
 * The paper's first pass (section IV-B-3, step 1), on the first `bits` coefficients of one band of
 * the orthonormal one-level Haar transform: a coefficient that is whole for a bit 0, or fractional
 * for a bit 1, becomes sgn(C) (|C| - 1/2). What is printed as "C mod 1 = 1" is read as whole. out:
 * width * height pixels, not rounded. Returns how many coefficients changed; *stuck counts those
 * that the rule would change but cannot, being 0.
 */
size_t printed_embed(double *out, const uint8_t *pixels, unsigned width, unsigned height,
                     enum band band, const uint8_t *payload, size_t bits, size_t *stuck);
/* The paper's extraction (step 2 at SDR): whole is 0, fractional is 1. */
void printed_extract(const double *pixels, unsigned width, enum band band, uint8_t *payload,
                     size_t bits);

#endif
