/*
 * image.h - images in memory, and the files a device reads and writes.
 *
 * image.c holds what needs no file format (allocation, grey, comparison) and may be linked into
 * the cloud. image_load.c and image_save.c reach the decoders of stb and belong on devices only:
 * the cloud never decodes an image format that came from the network, only PGM (common/pgm.h).
 */
#ifndef INKPOST_COMMON_IMAGE_H
#define INKPOST_COMMON_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define IMAGE_PIXELS_MAX (1 << 24)  /* largest width * height that is decoded; FX-1's bound too */
#define IMAGE_FILE_MAX   (32 << 20) /* bytes of the largest file that is read */
#define IMAGE_WHY_MAX    512        /* room for any sentence of image_load with a usual path */

/*
 * 8 bits a sample, row after row from the top, channels interleaved: 1 grey, 2 grey and alpha,
 * 3 RGB, 4 RGB and alpha. All zero is the empty image. pixels is owned and came from malloc.
 */
struct image {
    int width, height, channels;
    uint8_t *pixels;
};

struct image_diff {
    size_t changed; /* pixels that differ */
    double mse;     /* mean of the squared differences */
    double psnr;    /* dB for 8 bits, INFINITY when nothing differs */
};

/* A black image of this size. ERR_ARG (a side below 1, too many pixels, not 1..4 channels) or
 * ERR_NOMEM; *img is then empty. Free it with image_free. */
int image_init(struct image *img, int width, int height, int channels);
/* Free the pixels and leave *img empty; NULL and the empty image are fine. */
void image_free(struct image *img);

/* width * height */
size_t image_pixels(const struct image *img);

/* count pixels to grey by the integer rule that is step 1 of FX-1: (77 R + 150 G + 29 B) / 256,
 * then laid on white where there is alpha. channels 1..4; out has room for count bytes. */
void image_grey(uint8_t *out, const uint8_t *pixels, size_t count, int channels);

/* Make *grey a new one-channel image of img, by image_grey. The two must be different structs.
 * ERR_ARG, ERR_NOMEM. */
int image_to_grey(const struct image *img, struct image *grey);

/* Compare two one-channel images of equal size; ERR_ARG when they are not. */
int image_compare(const struct image *a, const struct image *b, struct image_diff *out);

/*
 * Read a PNG, JPEG, BMP or binary PGM file. 16-bit PNG samples keep their upper 8 bits.
 * On failure *out is empty, the result says what kind of trouble, and why (NUL-ended, cut to
 * why_len) holds one sentence that names the file, the trouble and the way out:
 *   ERR_NOTFOUND, ERR_SYS   no such file, or it cannot be read
 *   ERR_FORMAT              empty, not one of the four kinds, or a PGM of other than 8 bits
 *   ERR_MALFORMED           one of the four kinds, but damaged or cut off
 *   ERR_TOO_LARGE           above IMAGE_FILE_MAX or IMAGE_PIXELS_MAX; checked before decoding
 *   ERR_ROTATED             EXIF says that the picture is to be turned or mirrored
 *   ERR_NOMEM
 */
int image_load(struct image *out, const char *path, char *why, size_t why_len);

/* The same for a file's bytes; name is what the sentence calls them. */
int image_decode(struct image *out, const uint8_t *bytes, size_t len, const char *name, char *why,
                 size_t why_len);

/*
 * Write a file under a temporary name beside path, sync it, and rename it to path: path is never
 * seen half written. image_save picks the format from the ending, .png or .pgm (ERR_FORMAT for any
 * other). PNG takes 1 or 3 channels, PGM 1 (else ERR_ARG). ERR_SYS with errno, ERR_NOMEM.
 */
int image_save(const char *path, const struct image *img);
int image_save_png(const char *path, const struct image *img);
int image_save_pgm(const char *path, const struct image *img);

#endif
