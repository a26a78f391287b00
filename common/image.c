/* image.c - images in memory: allocation, grey, comparison. No file formats here. */
#include "common/image.h"

#include <math.h>
#include <stdlib.h>

#include "common/err.h"

int image_init(struct image *img, int width, int height, int channels)
{
    *img = (struct image){0};
    if (width < 1 || height < 1 || width > IMAGE_PIXELS_MAX / height)
        return ERR_ARG;
    if (channels < 1 || channels > 4)
        return ERR_ARG;
    img->pixels = calloc((size_t)width * (size_t)height, (size_t)channels);
    if (!img->pixels)
        return ERR_NOMEM;
    img->width = width;
    img->height = height;
    img->channels = channels;
    return 0;
}

void image_free(struct image *img)
{
    if (!img)
        return;
    free(img->pixels);
    *img = (struct image){0};
}

size_t image_pixels(const struct image *img)
{
    return (size_t)img->width * (size_t)img->height;
}

void image_grey(uint8_t *out, const uint8_t *pixels, size_t count, int channels)
{
    for (size_t i = 0; i < count; i++, pixels += channels) {
        unsigned y = pixels[0];

        if (channels >= 3)
            y = (77u * pixels[0] + 150u * pixels[1] + 29u * pixels[2]) >> 8;
        if (channels == 2 || channels == 4) {
            unsigned alpha = pixels[channels - 1];

            y = (y * alpha + 255u * (255u - alpha) + 127u) / 255u;
        }
        out[i] = (uint8_t)y;
    }
}

int image_to_grey(const struct image *img, struct image *grey)
{
    int rc;

    *grey = (struct image){0};
    if (!img->pixels || img->channels < 1 || img->channels > 4)
        return ERR_ARG;
    rc = image_init(grey, img->width, img->height, 1);
    if (rc == 0)
        image_grey(grey->pixels, img->pixels, image_pixels(img), img->channels);
    return rc;
}

int image_compare(const struct image *a, const struct image *b, struct image_diff *out)
{
    uint64_t squares = 0;

    *out = (struct image_diff){0};
    if (!a->pixels || !b->pixels || a->channels != 1 || b->channels != 1 || a->width != b->width ||
        a->height != b->height)
        return ERR_ARG;
    for (size_t i = 0; i < image_pixels(a); i++) {
        int d = a->pixels[i] - b->pixels[i];

        out->changed += d != 0;
        squares += (uint64_t)(d * d);
    }
    out->mse = (double)squares / (double)image_pixels(a);
    out->psnr = squares == 0 ? INFINITY : 10.0 * log10(255.0 * 255.0 / out->mse);
    return 0;
}
