/* fx1_steps.h - the inner steps of FX-1: private to common/fx1*.c and to the tests that compare
 * each step with the published vectors. */
#ifndef INKPOST_COMMON_FX1_STEPS_H
#define INKPOST_COMMON_FX1_STEPS_H

#include <stdbool.h>

#include "common/fx1.h"

/* Steps 1 to 5 of one scan: the working raster, and where its ink is. */
struct fx1_segment {
    int width, height;         /* of the working raster */
    uint8_t *flat;             /* grey with the light made even */
    uint8_t *ink;              /* 1 where there is ink, else 0 */
    int otsu;                  /* threshold that the polarity was judged by */
    bool inverted;             /* light ink on dark paper */
    size_t ink_raw, ink_kept;  /* ink pixels before and after the specks were dropped */
    int left, top, cols, rows; /* the smallest box around the ink */
};

/* Does FX-1 take an image of this size? */
bool fx1_size_ok(int width, int height);

/* The working raster's size of an image: at most 1024 on the long side, at least 1. */
void fx1_working_size(int width, int height, int *working_width, int *working_height);

/* Exact area resampling, up or down, rounded to nearest. ERR_NOMEM. */
int fx1_area_resize(uint8_t *out, int out_width, int out_height, const uint8_t *in, int width,
                    int height);

/* Fill *seg; results and arguments as fx1_normalise. Free with fx1_segment_free on success. */
int fx1_segment(struct fx1_segment *seg, const uint8_t *pixels, int width, int height,
                int channels);
void fx1_segment_free(struct fx1_segment *seg);

/* Step 9: the 8-bit local binary pattern of every canvas pixel. */
void fx1_lbp(uint8_t codes[FX1_CANVAS], const uint8_t canvas[FX1_CANVAS]);

#endif
