/*
 * bench_stego.c - what hiding costs: time of embed and extract against BLAKE2b over the same bytes
 * (medians), what the change does to each cover, and which of the project's bars are met. Usage:
 * bench_stego [COVERS], a folder of 8-bit images, tests/data/covers when not given.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/image.h"
#include "common/stego.h"
#include "tests/bench/bench.h"

#define ROUNDS 401
#define KEYS   32 /* different keys per cover in the table of quality */

static const size_t payloads[] = {64, 192};

struct sum {
    double psnr, changed;
    unsigned n;
};

/* Sums per payload, code and side 128 or 256. */
static struct sum sums[2][2][2];

/* The larger ratio to hashing of embed and extract, `light`, 128x128, over the payloads. */
static double worst_ratio;

/* The three medians of one row, all taken in the same rounds. */
static void time_row(unsigned side, enum stego_code code, size_t bits)
{
    static double hash[ROUNDS], embed[ROUNDS], extract[ROUNDS];
    size_t n = (size_t)side * side, rounds = side > 256 ? ROUNDS / 4 : ROUNDS;
    uint8_t *cover = malloc(n), *stego = malloc(n);
    uint8_t digest[32], payload[24], got[24];
    struct stego_keys keys;
    size_t wrong = 0;

    bench_fill(cover, n, side);
    for (size_t r = 0; r < rounds; r++) {
        bench_fill(&keys, sizeof(keys), (uint32_t)r);
        bench_fill(payload, sizeof(payload), (uint32_t)r + 7777);
        memcpy(stego, cover, n);
        double t0 = bench_now_us();
        crypto_generichash_blake2b(digest, sizeof(digest), stego, n, NULL, 0);
        double t1 = bench_now_us();
        wrong += stego_embed(stego, side, side, &keys, code, payload, bits) != 0;
        double t2 = bench_now_us();
        wrong += stego_extract(stego, side, side, &keys, code, got, bits) != 0;
        double t3 = bench_now_us();
        wrong += memcmp(payload, got, bits / 8) != 0;
        hash[r] = t1 - t0;
        embed[r] = t2 - t1;
        extract[r] = t3 - t2;
    }
    double h = bench_median(hash, rounds), e = bench_median(embed, rounds),
           x = bench_median(extract, rounds);

    if (code == STEGO_LIGHT && side == 128)
        worst_ratio = fmax(worst_ratio, fmax(e, x) / h);
    printf("%-8s %5u %5zu %10.1f %10.1f %10.1f %8.2f %8.2f %6zu\n", stego_code_name(code), side,
           bits, h, e, x, e / h, x / h, wrong);
    free(cover);
    free(stego);
}

static void time_table(void)
{
    printf("Time, us, medians; ratio to BLAKE2b of the image's bytes\n");
    printf("%-8s %5s %5s %10s %10s %10s %8s %8s %6s\n", "code", "side", "bits", "blake2b", "embed",
           "extract", "emb/b2b", "ext/b2b", "wrong");
    for (int code = STEGO_LIGHT; code <= STEGO_STEALTH; code++) {
        for (unsigned side = 128; side <= 512; side *= 2) {
            for (size_t p = 0; p < 2; p++)
                time_row(side, (enum stego_code)code, payloads[p]);
        }
    }
}

/* Mean over many keys of what one payload does to one cover. */
static void quality_cell(const struct image *cover, enum stego_code code, size_t p)
{
    unsigned w = (unsigned)cover->width, h = (unsigned)cover->height;
    struct image stego = *cover;
    uint8_t payload[24];
    struct stego_keys keys;
    double psnr = 0, changed = 0;

    stego.pixels = malloc(image_pixels(cover));
    for (uint32_t r = 0; r < KEYS; r++) {
        struct image_diff diff = {0, 0, 0};

        bench_fill(&keys, sizeof(keys), r);
        bench_fill(payload, sizeof(payload), r + 7777);
        memcpy(stego.pixels, cover->pixels, image_pixels(cover));
        if (stego_embed(stego.pixels, w, h, &keys, code, payload, payloads[p]) != 0 ||
            image_compare(cover, &stego, &diff) != 0)
            break;
        psnr += diff.psnr / KEYS;
        changed += (double)diff.changed / KEYS;
    }
    printf("  %8.2f %6.1f", psnr, changed);
    if (w == h && (w == 128 || w == 256)) {
        struct sum *s = &sums[p][code - STEGO_LIGHT][w / 256];

        s->psnr += psnr;
        s->changed += changed;
        s->n++;
    }
    free(stego.pixels);
}

static void quality_row(const char *folder, const char *name)
{
    struct image img = {0, 0, 0, NULL}, grey = {0, 0, 0, NULL};
    char path[4096], why[IMAGE_WHY_MAX];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (image_load(&img, path, why, sizeof(why)) != 0) {
        fprintf(stderr, "%s\n", why);
    } else if (image_to_grey(&img, &grey) == 0) {
        printf("%-20s %4d", name, grey.width);
        for (size_t p = 0; p < 2; p++) {
            quality_cell(&grey, STEGO_LIGHT, p);
            quality_cell(&grey, STEGO_STEALTH, p);
        }
        printf("\n");
    }
    image_free(&img);
    image_free(&grey);
}

static void quality_means(void)
{
    for (size_t side = 0; side < 2; side++) {
        printf("%-20s %4d", "mean", side == 0 ? 128 : 256);
        for (size_t p = 0; p < 2; p++) {
            for (size_t code = 0; code < 2; code++) {
                const struct sum *s = &sums[p][code][side];
                double n = s->n > 0 ? s->n : 1;

                printf("  %8.2f %6.1f", s->psnr / n, s->changed / n);
            }
        }
        printf("\n");
    }
}

static double mean_psnr(size_t payload, enum stego_code code, size_t side)
{
    const struct sum *s = &sums[payload][code - STEGO_LIGHT][side / 256];

    return s->n > 0 ? s->psnr / s->n : 0;
}

static void bar(const char *what, const char *wanted, double got, int met)
{
    printf("%-44s %12s %9.2f   %s\n", what, wanted, got, met ? "met" : "missed");
}

static void bars(void)
{
    double small = mean_psnr(0, STEGO_LIGHT, 128), large = mean_psnr(1, STEGO_LIGHT, 256);
    double stealth = mean_psnr(1, STEGO_STEALTH, 256);

    printf("\n%-44s %12s %9s\n", "Bars (PSNR: mean of the covers)", "wanted", "got");
    bar("light, 64 bits in 128x128, dB", ">= 81", small, small >= 81);
    bar("light, 192 bits in 256x256, dB", ">= 82.5", large, large >= 82.5);
    bar("stealth, 192 bits in 256x256, dB (a hope)", ">= 81", stealth, stealth >= 81);
    bar("light, 128x128, embed or extract / blake2b", "<= 2", worst_ratio, worst_ratio <= 2);
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int quality_table(const char *folder)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, is_visible, alphasort);

    if (n < 0) {
        fprintf(stderr, "bench_stego: cannot read the folder %s; give one that holds covers\n",
                folder);
        return 1;
    }
    printf("\nQuality: PSNR in dB and changed pixels, means over %d keys\n", KEYS);
    printf("%-20s %4s  %15s  %15s  %15s  %15s\n", "cover", "side", "light 64", "stealth 64",
           "light 192", "stealth 192");
    for (int i = 0; i < n; i++) {
        quality_row(folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    quality_means();
    bars();
    return 0;
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0)
        return 1;
    time_table();
    return quality_table(argc > 1 ? argv[1] : "tests/data/covers");
}
