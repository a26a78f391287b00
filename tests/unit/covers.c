/* covers.c - covers by formula and from tests/data; see covers.h. */
#include "covers.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

static uint8_t busy(unsigned x, unsigned y)
{
    return (uint8_t)(3 * x * x + 5 * y * y + 7 * x * y + 11 * (x ^ y));
}

static uint8_t value(const char *kind, unsigned x, unsigned y, unsigned w, unsigned h)
{
    if (strcmp(kind, "busy") == 0)
        return busy(x, y);
    if (strcmp(kind, "ramp") == 0)
        return (uint8_t)(x + 2 * y);
    if (strcmp(kind, "black") == 0)
        return 0;
    if (strcmp(kind, "white") == 0)
        return 255;
    if (strcmp(kind, "step") != 0)
        abort();
    if (y < h / 2)
        return x < w / 2 ? 0 : busy(x, y);
    return x < w / 2 ? busy(x, y) : 255;
}

uint8_t *cover_make(const char *kind, unsigned width, unsigned height)
{
    uint8_t *pixels = malloc((size_t)width * height + 1);

    if (pixels == NULL)
        abort();
    if (strcmp(kind, "noise") == 0) {
        cover_random(pixels, (size_t)width * height, width * 4096 + height);
        return pixels;
    }
    for (unsigned y = 0; y < height; y++) {
        for (unsigned x = 0; x < width; x++)
            pixels[(size_t)y * width + x] = value(kind, x, y, width, height);
    }
    return pixels;
}

void cover_seeded(uint8_t *out, size_t len, unsigned n)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(n + 37 * i);
}

void cover_random(void *out, size_t len, uint32_t number)
{
    uint8_t seed[randombytes_SEEDBYTES] = {0};

    memcpy(seed, &number, sizeof(number));
    randombytes_buf_deterministic(out, len, seed);
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

size_t cover_each(void (*f)(const struct image *grey, const char *name, void *arg), void *arg)
{
    static const char *const folders[] = {"tests/data/covers", "tests/data/covers-stress"};
    size_t loaded = 0;

    for (size_t d = 0; d < 2; d++) {
        struct dirent **names = NULL;
        int n = scandir(folders[d], &names, is_visible, alphasort);

        for (int i = 0; i < n; i++) {
            struct image img = {0, 0, 0, NULL}, grey = {0, 0, 0, NULL};
            char path[512], why[IMAGE_WHY_MAX];

            snprintf(path, sizeof(path), "%s/%s", folders[d], names[i]->d_name);
            if (image_load(&img, path, why, sizeof(why)) == 0 && image_to_grey(&img, &grey) == 0) {
                f(&grey, names[i]->d_name, arg);
                loaded++;
            }
            image_free(&img);
            image_free(&grey);
            free(names[i]);
        }
        free(names);
    }
    return loaded;
}
