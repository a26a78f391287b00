/*
 * fx1.h - FX-1: from one or two handwritten signatures to 3060 bytes of texture features.
 *
 * This is the profile's settled form of UNION, SHS and Fx of Al Sibahee et al. 2020, section
 * IV-A: normalise each scan to a small canvas, unite two canvases, local binary patterns,
 * histograms of twelve overlapping blocks. Everything is integer arithmetic with divisions that
 * round down, so any implementation gives the same bytes. docs/design.md has the steps.
 */
#ifndef INKPOST_COMMON_FX1_H
#define INKPOST_COMMON_FX1_H

#include <stddef.h>
#include <stdint.h>

struct image;

#define FX1_WIDTH  352 /* canvas, pixels */
#define FX1_HEIGHT 180
#define FX1_CANVAS (FX1_WIDTH * FX1_HEIGHT) /* bytes of a canvas: one grey 0..15 each */
#define FX1_BYTES  3060                     /* Rv: 12 blocks of 255 bins */

/*
 * Steps 1 to 7: one scan to its canvas. pixels is row after row, 1..4 channels interleaved as in
 * struct image. ERR_ARG when the size or the number of channels is refused (a side below 16, more
 * than IMAGE_PIXELS_MAX pixels), ERR_BLANK when no signature is found, ERR_NOMEM. On failure the
 * canvas is undefined.
 */
int fx1_normalise(uint8_t canvas[FX1_CANVAS], const uint8_t *pixels, int width, int height,
                  int channels);

/* Step 8: SHS, each pixel as dark as the darker of the two; out may be a or b. */
void fx1_union(uint8_t out[FX1_CANVAS], const uint8_t a[FX1_CANVAS], const uint8_t b[FX1_CANVAS]);

/* Steps 9 to 11: Rv of a canvas, whose bytes must be 0..15. */
void fx1_features(uint8_t rv[FX1_BYTES], const uint8_t canvas[FX1_CANVAS]);

/* How far apart two Rv are: chi-square with 8 fractional bits; 0 when they are equal. */
uint32_t fx1_distance(const uint8_t a[FX1_BYTES], const uint8_t b[FX1_BYTES]);

/*
 * Step 2 for a device that sends its scan: shrink a one-channel image in place so that no side is
 * above IMAGE_SIDE_MAX (one that fits is left alone). FX-1 of the result equals FX-1 of the
 * original. ERR_ARG (channels), ERR_TOO_LARGE, ERR_NOMEM; ERR_TOO_SMALL when a side is below
 * IMAGE_SIDE_MIN, before or after shrinking. On failure *grey is unchanged.
 */
int fx1_working_raster(struct image *grey);

#endif
