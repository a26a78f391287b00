/* fx1_raster.c - step 2 of FX-1: the exact area resampling that makes the working raster (and, in
 * step 7, the canvas). Step 1 is image_grey. */
#include "common/fx1_steps.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/image.h"
#include "proto/limits.h"

#define WORK_SIDE 1024
#define SIDE_MIN  16

_Static_assert(WORK_SIDE == IMAGE_SIDE_MAX, "a working raster must fit the wire");

bool fx1_size_ok(int width, int height)
{
    return width >= SIDE_MIN && height >= SIDE_MIN && width <= IMAGE_PIXELS_MAX / height;
}

static int scaled(int side, int longest)
{
    int v = (int)(((int64_t)side * WORK_SIDE + longest / 2) / longest);

    return v < 1 ? 1 : v;
}

void fx1_working_size(int width, int height, int *working_width, int *working_height)
{
    int longest = width > height ? width : height;

    *working_width = longest > WORK_SIDE ? scaled(width, longest) : width;
    *working_height = longest > WORK_SIDE ? scaled(height, longest) : height;
}

/* One axis cut into src input cells and dst output cells, measured in 1/(src * dst) of its
 * length: how much of output cell o does input cell i cover? They must overlap. */
static uint64_t overlap(uint64_t o, uint64_t i, uint64_t src, uint64_t dst)
{
    uint64_t low = o * src > i * dst ? o * src : i * dst;
    uint64_t high = (o + 1) * src < (i + 1) * dst ? (o + 1) * src : (i + 1) * dst;

    return high - low;
}

/* Weighted sum of the input rows under output row o. A sum is at most 255 * height < 2^28, since
 * the weights of a cell add up to the number of input cells. */
static void sum_rows(uint32_t *sums, size_t o, size_t out_height, const uint8_t *in, size_t width,
                     size_t height)
{
    memset(sums, 0, width * sizeof(*sums));
    for (size_t i = o * height / out_height; i * out_height < (o + 1) * height; i++) {
        uint32_t weight = (uint32_t)overlap(o, i, height, out_height);
        const uint8_t *row = in + i * width;

        for (size_t x = 0; x < width; x++)
            sums[x] += weight * row[x];
    }
}

/* The same along the row, then divided by the area of the whole and rounded. */
static void sum_columns(uint8_t *out, size_t out_width, const uint32_t *sums, size_t width,
                        uint64_t area)
{
    for (size_t o = 0; o < out_width; o++) {
        uint64_t sum = 0;

        for (size_t i = o * width / out_width; i * out_width < (o + 1) * width; i++)
            sum += overlap(o, i, width, out_width) * sums[i];
        out[o] = (uint8_t)((sum + area / 2) / area);
    }
}

int fx1_area_resize(uint8_t *out, int out_width, int out_height, const uint8_t *in, int width,
                    int height)
{
    size_t w = (size_t)width, h = (size_t)height, ow = (size_t)out_width, oh = (size_t)out_height;
    uint32_t *sums;

    if (ow == w && oh == h) {
        memcpy(out, in, w * h);
        return 0;
    }
    sums = calloc(w, sizeof(*sums));
    if (!sums)
        return ERR_NOMEM;
    for (size_t o = 0; o < oh; o++) {
        sum_rows(sums, o, oh, in, w, h);
        sum_columns(out + o * ow, ow, sums, w, (uint64_t)w * h);
    }
    free(sums);
    return 0;
}

int fx1_working_raster(struct image *grey)
{
    struct image small = {0};
    int width, height, rc;

    if (!grey->pixels || grey->channels != 1)
        return ERR_ARG;
    if (grey->width < SIDE_MIN || grey->height < SIDE_MIN)
        return ERR_TOO_SMALL;
    if (!fx1_size_ok(grey->width, grey->height))
        return ERR_TOO_LARGE;
    fx1_working_size(grey->width, grey->height, &width, &height);
    if (width < IMAGE_SIDE_MIN || height < IMAGE_SIDE_MIN)
        return ERR_TOO_SMALL;
    if (width == grey->width && height == grey->height)
        return 0;
    rc = image_init(&small, width, height, 1);
    if (rc == 0)
        rc = fx1_area_resize(small.pixels, width, height, grey->pixels, grey->width, grey->height);
    if (rc != 0) {
        image_free(&small);
        return rc;
    }
    image_free(grey);
    *grey = small;
    return 0;
}
