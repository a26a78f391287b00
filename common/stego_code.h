/*
 * stego_code.h - the two linear codes of stego.c, nothing for others.
 *
 * Both have the same shape. carriers[] holds the blocks in K1's order, the parity in bit 0. A code
 * uses the first `used` of them; syndrome() gives H . p, m bits; solve() gives the places whose
 * flips change the syndrome by diff. m is 1 .. room. Bit order as in stego.h.
 */
#ifndef INKPOST_COMMON_STEGO_CODE_H
#define INKPOST_COMMON_STEGO_CODE_H

#include <stddef.h>
#include <stdint.h>

/* Columns a payload bit gets at most: as many as there are different columns. */
#define STEALTH_WIDTH_MAX 64

static inline unsigned bit_get(const uint8_t *bits, size_t i)
{
    return (unsigned)bits[i / 8] >> (i % 8) & 1u;
}

/* OR a bit into a zeroed array. */
static inline void bit_put(uint8_t *bits, size_t i, unsigned v)
{
    bits[i / 8] = (uint8_t)((unsigned)bits[i / 8] | (v & 1u) << (i % 8));
}

size_t stego_light_used(size_t m, size_t room);
void stego_light_syndrome(uint8_t *out, const uint32_t *carriers, size_t m, size_t room);
/* flips has room for m; returns how many were written, ascending. */
size_t stego_light_solve(uint32_t *flips, const uint8_t *diff, size_t m, size_t room);

size_t stego_stealth_used(size_t m, size_t room);
/* The 8-row submatrix of that width, 1 .. STEALTH_WIDTH_MAX: a byte a column, bit 0 the top row. */
void stego_stealth_columns(uint8_t *columns, size_t width);
void stego_stealth_syndrome(uint8_t *out, const uint32_t *carriers, size_t m, size_t room);
/*
 * The cheapest flips: cost[i], below 2^20, is that of the carrier at place i. flips has room for
 * all that are used; *n is how many were written, ascending. ERR_NOMEM.
 */
int stego_stealth_solve(uint32_t *flips, size_t *n, const uint8_t *diff, size_t m,
                        const uint32_t *cost, size_t room);

#endif
