/*
 * hill.h - what a change of a pixel costs in detectability: HILL, "A new cost function for spatial
 * image steganography" (Li, Wang, Huang, Li, ICIP 2014), in integers, and of it the square root.
 */
#ifndef INKPOST_COMMON_HILL_H
#define INKPOST_COMMON_HILL_H

#include <stdint.h>

/* No cost reaches this. */
#define HILL_COST_MAX (1u << 19)

/*
 * Write width * height costs, row by row, 1 .. HILL_COST_MAX - 1, low where the image is busy:
 * R = |high-pass KB of the pixels|, S = sum of R over 3x3, Q = floor(2^24 / S), or 2^30 where S is
 * 0, cost = floor(sqrt(sum of Q over 15x15)). Beyond an edge the image is mirrored, the edge pixel
 * repeated. Integers only, so the costs are the same everywhere. ERR_NOMEM.
 */
int hill_costs(uint32_t *cost, const uint8_t *pixels, unsigned width, unsigned height);

#endif
