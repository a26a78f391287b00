/*
 * stego_stealth.c - the code `stealth`: a syndrome-trellis code of constraint height 8 (Filler,
 * Judas, Fridrich 2011). H is built of one 8 x w submatrix, one row further down for each payload
 * bit; a Viterbi search over its 256 partial syndromes finds the flips of least total cost.
 */
#include "common/stego_code.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/kdf.h"

#define HEIGHT  8
#define STATES  256
#define HALF    (STATES / 2)
#define ENDS    0x81u /* top and bottom row */
#define BLOCKED (1u << 30)

/*
 * What was decided at one column: for each pair of states s < 128 and s ^ column >= 128, whether
 * the cheaper way into s (low) and into s ^ column (high) flips the carrier.
 */
struct choices {
    uint8_t low[HALF / 8], high[HALF / 8];
};

static size_t width_of(size_t m, size_t room)
{
    size_t w = room / m;

    return w > STEALTH_WIDTH_MAX ? STEALTH_WIDTH_MAX : w;
}

size_t stego_stealth_used(size_t m, size_t room)
{
    return width_of(m, room) * m;
}

void stego_stealth_columns(uint8_t *columns, size_t width)
{
    uint8_t seen[STATES] = {0}, block[64];
    size_t n = 0;

    for (uint64_t counter = 0; n < width; counter++) {
        struct kdf k;

        kdf_init(&k, NULL, 0, "inkpost stego submatrix", sizeof(block));
        kdf_u64(&k, width);
        kdf_u64(&k, counter);
        kdf_final(&k, block, sizeof(block));
        for (size_t i = 0; i < sizeof(block) && n < width; i++) {
            uint8_t c = (uint8_t)(block[i] | ENDS);

            if (!seen[c])
                columns[n++] = c;
            seen[c] = 1;
        }
    }
}

void stego_stealth_syndrome(uint8_t *out, const uint32_t *carriers, size_t m, size_t room)
{
    uint8_t columns[STEALTH_WIDTH_MAX];
    size_t width = width_of(m, room);
    uint32_t window = 0;

    stego_stealth_columns(columns, width);
    memset(out, 0, (m + 7) / 8);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < width; j++)
            window ^= columns[j] & (0u - (carriers[j] & 1u));
        carriers += width;
        bit_put(out, i, window);
        window >>= 1;
    }
}

/*
 * One column of the trellis, in place. The bottom row is all ones, so the states fall into pairs
 * of a low and a high one; each is reached from itself (no flip) or from the other (flip).
 */
static void step(uint32_t total[STATES], struct choices *ch, uint8_t column, uint32_t cost)
{
    for (uint32_t base = 0; base < HALF; base += 8) {
        uint32_t low = 0, high = 0;

        for (uint32_t k = 0; k < 8; k++) {
            uint32_t s = base + k, t = s ^ column;
            uint32_t a = total[s], b = total[t];

            low |= (uint32_t)(b + cost < a) << k;
            high |= (uint32_t)(a + cost < b) << k;
            total[s] = b + cost < a ? b + cost : a;
            total[t] = a + cost < b ? a + cost : b;
        }
        ch->low[base / 8] = (uint8_t)low;
        ch->high[base / 8] = (uint8_t)high;
    }
}

/*
 * The top row is complete: keep the states that have the wanted bit there and move a row down.
 * Totals are made relative to the least one, which is always below BLOCKED. States that cannot be
 * reached stay at BLOCKED exactly, and nothing that came from one gets below it.
 */
static void settle(uint32_t total[STATES], unsigned bit)
{
    uint32_t least = BLOCKED;

    for (size_t s = 0; s < HALF; s++) {
        total[s] = total[2 * s + bit];
        least = total[s] < least ? total[s] : least;
    }
    for (size_t s = 0; s < HALF; s++)
        total[s] = total[s] < BLOCKED ? total[s] - least : BLOCKED;
    for (size_t s = HALF; s < STATES; s++)
        total[s] = BLOCKED;
}

/* Walk back from the cheapest last state; flips[] is filled from its end and then moved down. */
static size_t trace(uint32_t *flips, const struct choices *ch, const uint8_t *columns, size_t width,
                    const uint8_t *diff, size_t m, uint32_t state)
{
    size_t used = width * m, n = 0;

    for (size_t i = used; i-- > 0;) {
        uint8_t column = columns[i % width];

        if (i % width == width - 1)
            state = state << 1 | bit_get(diff, i / width);
        uint32_t s = state < HALF ? state : state ^ column;
        const uint8_t *row = state < HALF ? ch[i].low : ch[i].high;

        if (bit_get(row, s)) {
            state ^= column;
            flips[used - ++n] = (uint32_t)i;
        }
    }
    memmove(flips, flips + used - n, n * sizeof(*flips));
    return n;
}

int stego_stealth_solve(uint32_t *flips, size_t *n, const uint8_t *diff, size_t m,
                        const uint32_t *cost, size_t room)
{
    uint8_t columns[STEALTH_WIDTH_MAX];
    uint32_t total[STATES], best = 0;
    size_t width = width_of(m, room);
    struct choices *ch = calloc(width * m, sizeof(*ch));

    if (ch == NULL)
        return ERR_NOMEM;
    stego_stealth_columns(columns, width);
    for (size_t s = 0; s < STATES; s++)
        total[s] = s == 0 ? 0 : BLOCKED;
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < width; j++)
            step(total, &ch[i * width + j], columns[j], cost[i * width + j]);
        settle(total, bit_get(diff, i));
    }
    for (uint32_t s = 0; s < HALF; s++)
        best = total[s] < total[best] ? s : best;
    *n = trace(flips, ch, columns, width, diff, m, best);
    sodium_memzero(ch, width * m * sizeof(*ch));
    free(ch);
    return 0;
}
