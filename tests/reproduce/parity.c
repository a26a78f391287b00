/* parity.c - naive parity, and the paper's rule for DWT coefficients. */
#include "tests/reproduce/parity.h"

#include <math.h>
#include <string.h>

/* Signs of the four pixels (top left, top right, bottom left, bottom right) in each band. */
static const int signs[4][4] = {{1, 1, 1, 1}, {1, -1, 1, -1}, {1, 1, -1, -1}, {1, -1, -1, 1}};

static int bit_of(const uint8_t *payload, size_t n)
{
    return payload[n / 8] >> n % 8 & 1;
}

/* Where pixel k of the n-th block lies. */
static size_t pixel(unsigned width, size_t n, unsigned k)
{
    size_t across = width / 2, row = 2 * (n / across) + k / 2, column = 2 * (n % across) + k % 2;

    return row * width + column;
}

static int parity(const uint8_t *pixels, unsigned width, size_t n)
{
    unsigned sum = 0;

    for (unsigned k = 0; k < 4; k++)
        sum += pixels[pixel(width, n, k)];
    return (int)(sum % 2);
}

void parity_embed(uint8_t *pixels, unsigned width, const uint8_t *payload, size_t bits)
{
    for (size_t n = 0; n < bits; n++) {
        if (parity(pixels, width, n) != bit_of(payload, n))
            pixels[pixel(width, n, 0)] ^= 1;
    }
}

void parity_extract(const uint8_t *pixels, unsigned width, uint8_t *payload, size_t bits)
{
    memset(payload, 0, (bits + 7) / 8);
    for (size_t n = 0; n < bits; n++)
        payload[n / 8] |= (uint8_t)(parity(pixels, width, n) << n % 8);
}

/* ---- the paper's rule ---- */

/* Sums of pixels divided by 2 are exact in a double. */
static double coefficient(const double *pixels, unsigned width, enum band band, size_t n)
{
    double c = 0;

    for (unsigned k = 0; k < 4; k++)
        c += signs[band][k] * pixels[pixel(width, n, k)];
    return c / 2;
}

static int is_whole(double c)
{
    return c == floor(c);
}

size_t printed_embed(double *out, const uint8_t *pixels, unsigned width, unsigned height,
                     enum band band, const uint8_t *payload, size_t bits, size_t *stuck)
{
    size_t changed = 0;

    *stuck = 0;
    for (size_t i = 0; i < (size_t)width * height; i++)
        out[i] = pixels[i];
    for (size_t n = 0; n < bits; n++) {
        double c = coefficient(out, width, band, n), by = c > 0 ? -0.5 : 0.5;

        if (is_whole(c) == bit_of(payload, n))
            continue;
        if (c == 0) {
            ++*stuck;
            continue;
        }
        for (unsigned k = 0; k < 4; k++)
            out[pixel(width, n, k)] += signs[band][k] * by / 2;
        changed++;
    }
    return changed;
}

void printed_extract(const double *pixels, unsigned width, enum band band, uint8_t *payload,
                     size_t bits)
{
    memset(payload, 0, (bits + 7) / 8);
    for (size_t n = 0; n < bits; n++)
        payload[n / 8] |= (uint8_t)(!is_whole(coefficient(pixels, width, band, n)) << n % 8);
}
