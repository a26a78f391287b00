/*
 * stego_light.c - the code `light`: Hamming groups of mixed size (matrix embedding). A group of b
 * bits has 2^b - 1 carriers and at most one of them is flipped, whatever the bits.
 */
#include "common/stego_code.h"

#include <string.h>

/* No image has room for a group of more bits. */
#define GROUP_BITS_MAX 24

struct groups {
    size_t count, wide; /* the first `wide` groups have a bit more than the rest */
    unsigned bits;      /* of the rest */
};

static unsigned group_bits(const struct groups *g, size_t i)
{
    return g->bits + (i < g->wide);
}

static size_t group_carriers(const struct groups *g)
{
    size_t narrow = ((size_t)1 << g->bits) - 1;

    return g->wide * (2 * narrow + 1) + (g->count - g->wide) * narrow;
}

/* The fewest groups that fit: the longest groups, so the fewest changes a bit. */
static struct groups split(size_t m, size_t room)
{
    struct groups g = {(m + GROUP_BITS_MAX - 1) / GROUP_BITS_MAX, 0, 0};

    for (;; g.count++) {
        g.wide = m % g.count;
        g.bits = (unsigned)(m / g.count);
        if (group_carriers(&g) <= room)
            return g;
    }
}

size_t stego_light_used(size_t m, size_t room)
{
    struct groups g = split(m, room);

    return group_carriers(&g);
}

void stego_light_syndrome(uint8_t *out, const uint32_t *carriers, size_t m, size_t room)
{
    struct groups g = split(m, room);
    size_t at = 0;

    memset(out, 0, (m + 7) / 8);
    for (size_t i = 0; i < g.count; i++) {
        unsigned bits = group_bits(&g, i);
        uint32_t last = ((uint32_t)1 << bits) - 1, s = 0;

        for (uint32_t c = 1; c <= last; c++)
            s ^= c & (0u - (carriers[c - 1] & 1u));
        carriers += last;
        for (unsigned b = 0; b < bits; b++)
            bit_put(out, at++, s >> b);
    }
}

size_t stego_light_solve(uint32_t *flips, const uint8_t *diff, size_t m, size_t room)
{
    struct groups g = split(m, room);
    size_t at = 0, n = 0;
    uint32_t first = 0;

    for (size_t i = 0; i < g.count; i++) {
        unsigned bits = group_bits(&g, i);
        uint32_t place = 0;

        for (unsigned b = 0; b < bits; b++)
            place |= (uint32_t)bit_get(diff, at++) << b;
        if (place != 0)
            flips[n++] = first + place - 1;
        first += ((uint32_t)1 << bits) - 1;
    }
    return n;
}
