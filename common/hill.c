/* hill.c - the filter chain of HILL: high-pass, mean of the residual, mean of its reciprocal. */
#include "common/hill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define RESIDUAL_RADIUS   1
#define RECIPROCAL_RADIUS 7
#define ONE               (1u << 24)
#define FLAT              (1u << 30)

/* A box sum that slides down the rows of src: col[x] holds the sum of column x over its rows. */
struct box {
    const uint32_t *src;
    int width, height, radius;
    uint64_t *col;
};

/* Mirror i into 0 .. n-1, the edge repeated: -1 is 0, n is n-1. */
static size_t fold(int i, int n)
{
    int period = 2 * n;

    i %= period;
    if (i < 0)
        i += period;
    return (size_t)(i < n ? i : period - 1 - i);
}

static void box_start(struct box *b)
{
    memset(b->col, 0, (size_t)b->width * sizeof(*b->col));
    for (int y = -b->radius; y <= b->radius; y++) {
        const uint32_t *row = b->src + fold(y, b->height) * (size_t)b->width;

        for (int x = 0; x < b->width; x++)
            b->col[x] += row[x];
    }
}

/* Move from row y to row y + 1. */
static void box_down(struct box *b, int y)
{
    const uint32_t *in = b->src + fold(y + 1 + b->radius, b->height) * (size_t)b->width;
    const uint32_t *out = b->src + fold(y - b->radius, b->height) * (size_t)b->width;

    for (int x = 0; x < b->width; x++)
        b->col[x] += (uint64_t)in[x] - out[x];
}

static void box_row(const struct box *b, uint64_t *sums)
{
    uint64_t sum = 0;

    for (int x = -b->radius; x <= b->radius; x++)
        sum += b->col[fold(x, b->width)];
    for (int x = 0; x < b->width; x++) {
        sums[x] = sum;
        sum += b->col[fold(x + 1 + b->radius, b->width)] - b->col[fold(x - b->radius, b->width)];
    }
}

/* KB is, but for its sign, the second difference along both axes: (1 -2 1) times (1 -2 1). */
static void residual(uint32_t *out, const uint8_t *pixels, int width, int height)
{
    for (int y = 0; y < height; y++) {
        const uint8_t *up = pixels + fold(y - 1, height) * (size_t)width;
        const uint8_t *mid = pixels + (size_t)y * (size_t)width;
        const uint8_t *down = pixels + fold(y + 1, height) * (size_t)width;

        for (int x = 0; x < width; x++) {
            size_t l = fold(x - 1, width), r = fold(x + 1, width);
            int left = up[l] - 2 * mid[l] + down[l];
            int centre = up[x] - 2 * mid[x] + down[x];
            int right = up[r] - 2 * mid[r] + down[r];

            out[(size_t)y * (size_t)width + (size_t)x] = (uint32_t)abs(left - 2 * centre + right);
        }
    }
}

/* floor(sqrt(v)): the steps after make it exact whatever the rounding of the library. */
static uint32_t root(uint64_t v)
{
    uint64_t r = (uint64_t)sqrt((double)v);

    while (r * r > v)
        r--;
    while ((r + 1) * (r + 1) <= v)
        r++;
    return (uint32_t)r;
}

static uint32_t reciprocal(uint64_t sum)
{
    return sum == 0 ? FLAT : (uint32_t)(ONE / sum);
}

/* out = f(box sum of in), row by row; sums and b->col hold a row each. */
static void filter(uint32_t *out, struct box *b, uint64_t *sums, uint32_t (*f)(uint64_t))
{
    box_start(b);
    for (int y = 0; y < b->height; y++) {
        box_row(b, sums);
        for (int x = 0; x < b->width; x++)
            out[(size_t)y * (size_t)b->width + (size_t)x] = f(sums[x]);
        box_down(b, y);
    }
}

int hill_costs(uint32_t *cost, const uint8_t *pixels, unsigned width, unsigned height)
{
    int err = ERR_NOMEM;
    uint32_t *q = calloc((size_t)width * height, sizeof(*q));
    uint64_t *rows = calloc((size_t)width * 2, sizeof(*rows));

    if (q == NULL || rows == NULL)
        goto out;
    struct box b = {cost, (int)width, (int)height, RESIDUAL_RADIUS, rows};

    residual(cost, pixels, (int)width, (int)height);
    filter(q, &b, rows + width, reciprocal);
    b.src = q;
    b.radius = RECIPROCAL_RADIUS;
    filter(cost, &b, rows + width, root);
    err = 0;
out:
    free(q);
    free(rows);
    return err;
}
