/* fx1.c - steps 6 to 11 of FX-1: canvas, union, local binary patterns, histograms; and the
 * distance of two results. */
#include "common/fx1_steps.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define SHIFT        4 /* 8-bit grey to the 16 levels of the canvas */
#define PAPER        (255 >> SHIFT)
#define BLOCK_WIDTH  160
#define BLOCK_HEIGHT 100
#define STEP_X       64 /* 40 % of a block: neighbours share 60 % */
#define STEP_Y       40
#define BLOCKS_X     4
#define BLOCKS_Y     3
#define BINS         255 /* pattern 255, flat paper or flat ink, is not counted */

_Static_assert(BLOCK_WIDTH + (BLOCKS_X - 1) * STEP_X == FX1_WIDTH, "blocks cover the width");
_Static_assert(BLOCK_HEIGHT + (BLOCKS_Y - 1) * STEP_Y == FX1_HEIGHT, "blocks cover the height");
_Static_assert(FX1_BYTES == BINS * BLOCKS_X * BLOCKS_Y, "bytes of Rv");

/* Step 6: the inked box alone, paper white and the darkest ink black. */
static void crop(uint8_t *out, const struct fx1_segment *seg)
{
    uint8_t darkest = 255;

    for (int y = 0; y < seg->rows; y++)
        for (int x = 0; x < seg->cols; x++) {
            size_t at = (size_t)(seg->top + y) * (size_t)seg->width + (size_t)(seg->left + x);

            *out++ = seg->ink[at] ? seg->flat[at] : 255;
            if (seg->ink[at] && seg->flat[at] < darkest)
                darkest = seg->flat[at];
        }
    /* ink is always darker than 255, so 255 is paper */
    for (int i = seg->rows * seg->cols; i > 0; i--) {
        out--;
        if (*out != 255)
            *out = (uint8_t)(*out - darkest);
    }
}

/* The largest size with this aspect that fits the canvas. */
static void fitted_size(int cols, int rows, int *width, int *height)
{
    if (cols * FX1_HEIGHT >= rows * FX1_WIDTH) {
        *width = FX1_WIDTH;
        *height = (rows * FX1_WIDTH + cols / 2) / cols;
    } else {
        *width = (cols * FX1_HEIGHT + rows / 2) / rows;
        *height = FX1_HEIGHT;
    }
    *width = *width < 1 ? 1 : *width;
    *height = *height < 1 ? 1 : *height;
}

/* Step 7: centre the fitted picture on paper, in 16 levels. */
static void paste(uint8_t canvas[FX1_CANVAS], const uint8_t *fitted, int width, int height)
{
    uint8_t *start = canvas + (FX1_HEIGHT - height) / 2 * FX1_WIDTH + (FX1_WIDTH - width) / 2;

    memset(canvas, PAPER, FX1_CANVAS);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            start[y * FX1_WIDTH + x] = *fitted++ >> SHIFT;
}

int fx1_normalise(uint8_t canvas[FX1_CANVAS], const uint8_t *pixels, int width, int height,
                  int channels)
{
    struct fx1_segment seg;
    uint8_t *box = NULL, *fitted = NULL;
    int fitted_width, fitted_height;
    int rc = fx1_segment(&seg, pixels, width, height, channels);

    if (rc != 0)
        return rc;
    box = malloc((size_t)seg.cols * (size_t)seg.rows);
    fitted = malloc(FX1_CANVAS);
    if (!box || !fitted) {
        rc = ERR_NOMEM;
        goto out;
    }
    crop(box, &seg);
    fitted_size(seg.cols, seg.rows, &fitted_width, &fitted_height);
    rc = fx1_area_resize(fitted, fitted_width, fitted_height, box, seg.cols, seg.rows);
    if (rc == 0)
        paste(canvas, fitted, fitted_width, fitted_height);
out:
    free(box);
    free(fitted);
    fx1_segment_free(&seg);
    return rc;
}

void fx1_union(uint8_t out[FX1_CANVAS], const uint8_t a[FX1_CANVAS], const uint8_t b[FX1_CANVAS])
{
    for (size_t i = 0; i < FX1_CANVAS; i++)
        out[i] = a[i] < b[i] ? a[i] : b[i];
}

void fx1_lbp(uint8_t codes[FX1_CANVAS], const uint8_t canvas[FX1_CANVAS])
{
    /* clockwise from the top left, the first neighbour in the highest bit */
    static const struct {
        int dx, dy;
    } around[8] = {{-1, -1}, {0, -1}, {1, -1}, {1, 0}, {1, 1}, {0, 1}, {-1, 1}, {-1, 0}};

    for (int y = 0; y < FX1_HEIGHT; y++)
        for (int x = 0; x < FX1_WIDTH; x++) {
            unsigned code = 0;

            for (int n = 0; n < 8; n++) {
                int nx = x + around[n].dx, ny = y + around[n].dy;
                bool inside = nx >= 0 && nx < FX1_WIDTH && ny >= 0 && ny < FX1_HEIGHT;
                uint8_t grey = inside ? canvas[ny * FX1_WIDTH + nx] : PAPER;

                code = code << 1 | (grey >= canvas[y * FX1_WIDTH + x]);
            }
            codes[y * FX1_WIDTH + x] = (uint8_t)code;
        }
}

/* One block's histogram; a bin that overflows its byte stays at 255. */
static void block_histogram(uint8_t bins[BINS], const uint8_t *codes)
{
    for (int y = 0; y < BLOCK_HEIGHT; y++)
        for (int x = 0; x < BLOCK_WIDTH; x++) {
            uint8_t code = codes[y * FX1_WIDTH + x];

            if (code < BINS && bins[code] < 255)
                bins[code]++;
        }
}

void fx1_features(uint8_t rv[FX1_BYTES], const uint8_t canvas[FX1_CANVAS])
{
    uint8_t codes[FX1_CANVAS];

    memset(rv, 0, FX1_BYTES);
    fx1_lbp(codes, canvas);
    for (int by = 0; by < BLOCKS_Y; by++)
        for (int bx = 0; bx < BLOCKS_X; bx++)
            block_histogram(rv + (by * BLOCKS_X + bx) * BINS,
                            codes + by * STEP_Y * FX1_WIDTH + bx * STEP_X);
}

uint32_t fx1_distance(const uint8_t a[FX1_BYTES], const uint8_t b[FX1_BYTES])
{
    uint32_t distance = 0;

    for (size_t i = 0; i < FX1_BYTES; i++) {
        uint32_t gap = a[i] > b[i] ? (uint32_t)(a[i] - b[i]) : (uint32_t)(b[i] - a[i]);

        if (gap > 0)
            distance += 256 * gap * gap / ((uint32_t)a[i] + b[i]);
    }
    return distance;
}
