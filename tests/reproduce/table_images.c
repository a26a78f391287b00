/*
 * table_images.c - Table 4 of Al Sibahee 2020: what hiding 4 + 4 bytes (MACLESS and R^T) does to
 * covers of 128x128 pixels. Usage: table_images ROUNDS [+KIND] COVER..., each cover with that many
 * keys and nonces. +KIND names the covers that follow, in the report. A cover of another size is
 * cut to its centred square and averaged down.
 *
 * Measured on 8-bit pixels: naive parity and the project's two codes, each checked to read back.
 * Measured on unrounded pixels: the paper's own rule, before and after rounding to 8 bits.
 */
#include <math.h>
#include <stdio.h>

#include <sodium.h>

#include "common/err.h"
#include "common/image.h"
#include "common/stego.h"
#include "common/text.h"
#include "tests/reproduce/measure.h"
#include "tests/reproduce/parity.h"

#define SIDE   128
#define PIXELS (SIDE * SIDE)
#define BYTES  8
#define BITS   (8 * BYTES)

struct sums {
    double psnr, mse, changed;
    size_t wrong; /* bits that did not read back */
};

/* "2695" of the paper's Table 4, and a fresh R^T. */
static void fill_payload(uint8_t payload[BYTES], uint32_t round)
{
    memcpy(payload, "2695", 4);
    bench_fill(payload + 4, 4, round + 7777);
}

static size_t bits_wrong(const uint8_t a[BYTES], const uint8_t b[BYTES])
{
    size_t n = 0;

    for (size_t i = 0; i < BITS; i++)
        n += (a[i / 8] ^ b[i / 8]) >> i % 8 & 1;
    return n;
}

/* Hide and read back; code 0 is naive parity. */
static void hide(uint8_t *pixels, unsigned code, uint32_t round, struct sums *s)
{
    uint8_t payload[BYTES], got[BYTES];
    struct stego_keys keys;

    fill_payload(payload, round);
    bench_fill(&keys, sizeof(keys), round);
    if (code == 0) {
        parity_embed(pixels, SIDE, payload, BITS);
        parity_extract(pixels, SIDE, got, BITS);
    } else {
        must(stego_embed(pixels, SIDE, SIDE, &keys, (enum stego_code)code, payload, BITS));
        must(stego_extract(pixels, SIDE, SIDE, &keys, (enum stego_code)code, got, BITS));
    }
    s->wrong += bits_wrong(payload, got);
}

static void measure_code(const struct image *cover, unsigned code, uint32_t rounds)
{
    struct image stego = *cover;
    struct sums s = {0, 0, 0, 0};
    const char *name = code == 0 ? "naive" : stego_code_name((enum stego_code)code);

    stego.pixels = must_alloc(PIXELS);
    for (uint32_t r = 0; r < rounds; r++) {
        struct image_diff diff;

        memcpy(stego.pixels, cover->pixels, PIXELS);
        hide(stego.pixels, code, r, &s);
        must(image_compare(cover, &stego, &diff));
        s.psnr += diff.psnr / rounds;
        s.mse += diff.mse / rounds;
        s.changed += (double)diff.changed / rounds;
    }
    printf(",\"%s\":{\"psnr\":%.4f,\"mse\":%.7f,\"changed\":%.3f,\"wrong\":%zu}", name, s.psnr,
           s.mse, s.changed, s.wrong);
    free(stego.pixels);
}

/* ---- the paper's rule ---- */

static double error_of(const double *a, const uint8_t *b)
{
    double squares = 0;

    for (size_t i = 0; i < PIXELS; i++)
        squares += (a[i] - b[i]) * (a[i] - b[i]);
    return squares / PIXELS;
}

struct printed {
    double edits, stuck, mse, mse_rounded, wrong, wrong_rounded;
};

static void hide_printed(const struct image *cover, enum band band, uint32_t round,
                         struct printed *sum)
{
    double *pixels = must_alloc(PIXELS * sizeof(*pixels));
    uint8_t payload[BYTES], got[BYTES];
    size_t stuck;

    fill_payload(payload, round);
    sum->edits +=
        (double)printed_embed(pixels, cover->pixels, SIDE, SIDE, band, payload, BITS, &stuck);
    sum->stuck += (double)stuck;
    sum->mse += error_of(pixels, cover->pixels);
    printed_extract(pixels, SIDE, band, got, BITS);
    sum->wrong += (double)bits_wrong(payload, got);
    for (size_t i = 0; i < PIXELS; i++)
        pixels[i] = fmin(fmax(floor(pixels[i] + 0.5), 0), 255);
    sum->mse_rounded += error_of(pixels, cover->pixels);
    printed_extract(pixels, SIDE, band, got, BITS);
    sum->wrong_rounded += (double)bits_wrong(payload, got);
    free(pixels);
}

static void measure_printed(const struct image *cover, enum band band, uint32_t rounds)
{
    struct printed s = {0, 0, 0, 0, 0, 0};
    double n = rounds;

    for (uint32_t r = 0; r < rounds; r++)
        hide_printed(cover, band, r, &s);
    printf(",\"printed_%s\":{\"edits\":%.3f,\"stuck\":%.3f,\"mse\":%.7f,\"mse_rounded\":%.7f,"
           "\"wrong\":%.3f,\"wrong_rounded\":%.3f}",
           band == BAND_LL ? "ll" : "hh", s.edits / n, s.stuck / n, s.mse / n, s.mse_rounded / n,
           s.wrong / n, s.wrong_rounded / n);
}

/* ---- covers ---- */

/* The centred square of a grey image, each pixel the mean of its box. */
static int to_cover(struct image *out, const struct image *grey)
{
    int side = grey->width < grey->height ? grey->width : grey->height;
    int left = (grey->width - side) / 2, top = (grey->height - side) / 2;
    int err = side < SIDE ? ERR_TOO_SMALL : image_init(out, SIDE, SIDE, 1);

    for (int i = 0; err == 0 && i < PIXELS; i++) {
        int x0 = i % SIDE * side / SIDE, x1 = (i % SIDE + 1) * side / SIDE;
        int y0 = i / SIDE * side / SIDE, y1 = (i / SIDE + 1) * side / SIDE;
        long sum = 0, n = (long)(x1 - x0) * (y1 - y0);

        for (int y = top + y0; y < top + y1; y++) {
            for (int x = left + x0; x < left + x1; x++)
                sum += grey->pixels[(size_t)y * (size_t)grey->width + (size_t)x];
        }
        out->pixels[i] = (uint8_t)((sum + n / 2) / n);
    }
    return err;
}

/* A file as a cover; a sentence on stderr when it cannot be one. */
static int load_cover(struct image *out, const char *path)
{
    struct image img = {0}, grey = {0};
    char why[IMAGE_WHY_MAX];
    int err = image_load(&img, path, why, sizeof(why));

    *out = (struct image){0};
    if (err == 0)
        err = say(why, sizeof(why), image_to_grey(&img, &grey), "%s: no memory", path);
    if (err == 0)
        err = say(why, sizeof(why), to_cover(out, &grey), "%s: a side is below %d pixels", path,
                  SIDE);
    if (err != 0)
        fprintf(stderr, "left out: %s\n", why);
    image_free(&img);
    image_free(&grey);
    return err;
}

static void print_text(const char *s)
{
    text_json(stdout, s, strlen(s));
}

static void measure_cover(const char *path, const char *kind, uint32_t rounds)
{
    const char *slash = strrchr(path, '/');
    struct image cover;

    if (load_cover(&cover, path) != 0)
        return;
    printf("{\"row\":\"cover\",\"file\":");
    print_text(slash != NULL ? slash + 1 : path);
    printf(",\"kind\":");
    print_text(kind);
    printf(",\"flat\":%s", stego_is_flat(cover.pixels, SIDE, SIDE) ? "true" : "false");
    measure_code(&cover, 0, rounds);
    measure_code(&cover, STEGO_LIGHT, rounds);
    measure_code(&cover, STEGO_STEALTH, rounds);
    measure_printed(&cover, BAND_LL, rounds);
    measure_printed(&cover, BAND_HH, rounds);
    printf("}\n");
    image_free(&cover);
}

int main(int argc, char **argv)
{
    const char *kind = "";
    uint64_t rounds;

    if (argc < 3 || text_number(argv[1], 1, 1000, &rounds) != 0) {
        fprintf(stderr, "usage: table_images ROUNDS [+KIND] COVER...\n");
        return 2;
    }
    if (sodium_init() < 0)
        return 1;
    for (int i = 2; i < argc; i++) {
        progress("table 4: covers", (size_t)i - 2, (size_t)argc - 2);
        if (argv[i][0] == '+')
            kind = argv[i] + 1;
        else
            measure_cover(argv[i], kind, (uint32_t)rounds);
    }
    progress("table 4: covers", (size_t)argc - 2, (size_t)argc - 2);
    return 0;
}
