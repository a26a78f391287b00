/*
 * test_fx1.c - FX-1 against published vectors, step by step; its exact properties; bad input.
 *
 * The same reader checks two lists: the one beside the synthetic signatures of this project, and
 * the reference's own, which also needs scans that may not be shipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/fx1_steps.h"
#include "common/image.h"

#define DATA      "tests/data/signatures/"
#define LINE_MAX_ 512
#define PATH_LEN  256

/* A list of vectors, and how many of each kind were checked. */
struct vectors {
    FILE *f;
    const char *root; /* what its paths start from */
    char line[LINE_MAX_];
    unsigned images, pairs, distances;
};

/* ---- helpers */

static void load(struct image *img, const char *root, const char *path)
{
    char full[PATH_LEN * 2], why[IMAGE_WHY_MAX];

    snprintf(full, sizeof(full), "%s/%s", root, path);
    if (image_load(img, full, why, sizeof(why)) != 0)
        fail_msg("%s", why);
}

static void canvas_of(uint8_t canvas[FX1_CANVAS], const char *root, const char *path)
{
    struct image img;

    load(&img, root, path);
    assert_int_equal(fx1_normalise(canvas, img.pixels, img.width, img.height, img.channels), 0);
    image_free(&img);
}

static void features_of(uint8_t rv[FX1_BYTES], const char *root, const char *path)
{
    uint8_t canvas[FX1_CANVAS];

    canvas_of(canvas, root, path);
    fx1_features(rv, canvas);
}

static void next_line(struct vectors *v)
{
    if (!fgets(v->line, sizeof(v->line), v->f))
        fail_msg("the list of vectors ends too early");
}

static void assert_hex(const char *expected, const uint8_t *p, size_t len)
{
    char hex[2 * 64 + 1];

    assert_true(len <= 64);
    assert_string_equal(sodium_bin2hex(hex, sizeof(hex), p, len), expected);
}

/* The next line is a label and the SHA-256 of these bytes. */
static void expect_sha(struct vectors *v, const char *label, const uint8_t *p, size_t len)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char name[16], hex[80];

    next_line(v);
    assert_int_equal(sscanf(v->line, " %15s %79s", name, hex), 2);
    assert_string_equal(name, label);
    crypto_hash_sha256(hash, p, len);
    assert_hex(hex, hash, sizeof(hash));
}

static void expect_rv(struct vectors *v, const uint8_t rv[FX1_BYTES])
{
    unsigned zeros, found = 0;
    char hex[80];

    expect_sha(v, "rv", rv, FX1_BYTES);
    next_line(v);
    assert_int_equal(sscanf(v->line, " rv[0..31] %79s zeros %u", hex, &zeros), 2);
    assert_hex(hex, rv, 32);
    for (size_t i = 0; i < FX1_BYTES; i++)
        found += rv[i] == 0;
    assert_int_equal(found, zeros);
}

/* ---- the three parts of a list */

static void check_decoded(struct vectors *v, const struct image *img)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    int width, height, channels;
    char hex[80];

    next_line(v);
    assert_int_equal(
        sscanf(v->line, " decoded %dx%dx%d sha256 %79s", &width, &height, &channels, hex), 4);
    assert_int_equal(img->width, width);
    assert_int_equal(img->height, height);
    assert_int_equal(img->channels, channels);
    crypto_hash_sha256(hash, img->pixels, image_pixels(img) * (size_t)channels);
    assert_hex(hex, hash, sizeof(hash));
}

static void check_segment(struct vectors *v, const struct image *img)
{
    int width, height, otsu, inverted, left, top, cols, rows;
    struct fx1_segment seg;
    size_t raw, kept;

    next_line(v);
    assert_int_equal(sscanf(v->line, " work %dx%d otsu %d inverted %d ink %zu/%zu bbox %d %d %d %d",
                            &width, &height, &otsu, &inverted, &raw, &kept, &left, &top, &cols,
                            &rows),
                     10);
    assert_int_equal(fx1_segment(&seg, img->pixels, img->width, img->height, img->channels), 0);
    assert_int_equal(seg.width, width);
    assert_int_equal(seg.height, height);
    assert_int_equal(seg.otsu, otsu);
    assert_int_equal(seg.inverted, inverted);
    assert_int_equal(seg.ink_raw, raw);
    assert_int_equal(seg.ink_kept, kept);
    assert_int_equal(seg.left, left);
    assert_int_equal(seg.top, top);
    assert_int_equal(seg.cols, cols);
    assert_int_equal(seg.rows, rows);
    fx1_segment_free(&seg);
}

static void check_image(struct vectors *v, const char *path)
{
    uint8_t canvas[FX1_CANVAS], rv[FX1_BYTES];
    struct image img;

    load(&img, v->root, path);
    check_decoded(v, &img);
    check_segment(v, &img);
    assert_int_equal(fx1_normalise(canvas, img.pixels, img.width, img.height, img.channels), 0);
    expect_sha(v, "canvas", canvas, sizeof(canvas));
    fx1_features(rv, canvas);
    expect_rv(v, rv);
    image_free(&img);
    v->images++;
}

static void check_pair(struct vectors *v, const char *first, const char *second)
{
    uint8_t a[FX1_CANVAS], b[FX1_CANVAS], shs[FX1_CANVAS], swapped[FX1_CANVAS], codes[FX1_CANVAS];
    uint8_t rv[FX1_BYTES];
    char hex[80];

    canvas_of(a, v->root, first);
    canvas_of(b, v->root, second);
    fx1_union(shs, a, b);
    fx1_union(swapped, b, a);
    assert_memory_equal(shs, swapped, FX1_CANVAS);
    expect_sha(v, "shs", shs, sizeof(shs));
    fx1_lbp(codes, shs);
    expect_sha(v, "lbp", codes, sizeof(codes));
    fx1_features(rv, shs);
    expect_rv(v, rv);
    next_line(v);
    assert_int_equal(sscanf(v->line, " rv[940..956] %79s", hex), 1);
    assert_hex(hex, rv + 940, 17);
    v->pairs++;
}

static void check_distance(struct vectors *v, const char *first, const char *second,
                           uint32_t expected)
{
    uint8_t a[FX1_BYTES], b[FX1_BYTES];

    features_of(a, v->root, first);
    features_of(b, v->root, second);
    assert_int_equal(fx1_distance(a, b), expected);
    assert_int_equal(fx1_distance(b, a), expected);
    v->distances++;
}

static void check_list(struct vectors *v)
{
    char first[PATH_LEN], second[PATH_LEN];
    uint32_t distance;

    while (fgets(v->line, sizeof(v->line), v->f)) {
        if (v->line[0] == '#' || v->line[0] == '\n')
            continue;
        if (sscanf(v->line, "%255s UNION %255s", first, second) == 2)
            check_pair(v, first, second);
        else if (sscanf(v->line, " %255s %255s %u", first, second, &distance) == 3)
            check_distance(v, first, second, distance);
        else if (sscanf(v->line, "%255s", first) == 1)
            check_image(v, first);
    }
}

static void fx1__vectors_of_the_synthetic_signatures__equal_in_every_step(void **state)
{
    struct vectors v = {.f = fopen(DATA "fx1-vectors.txt", "r"), .root = "."};

    (void)state;
    assert_non_null(v.f);
    check_list(&v);
    fclose(v.f);
    assert_int_equal(v.images, 7);
    assert_int_equal(v.pairs, 2);
    assert_int_equal(v.distances, 4);
}

static void fx1__vectors_of_the_reference__equal_in_every_step(void **state)
{
    const char *shared = getenv("INKPOST_SHARED") ? getenv("INKPOST_SHARED") : "../shared";
    struct vectors v = {.root = shared};
    char path[PATH_LEN];

    (void)state;
    snprintf(path, sizeof(path), "%s/reference/fx1-vectors.txt", shared);
    v.f = fopen(path, "r");
    if (!v.f) {
        print_message("skipped: no %s (set INKPOST_SHARED)\n", path);
        skip();
    }
    check_list(&v);
    fclose(v.f);
    assert_int_equal(v.images, 26);
    assert_int_equal(v.pairs, 9);
    assert_int_equal(v.distances, 14);
}

/* ---- exact properties */

static void fx1__negative_image__same_bytes(void **state)
{
    uint8_t positive[FX1_BYTES], negative[FX1_BYTES];

    (void)state;
    features_of(positive, ".", DATA "synth1a.pgm");
    features_of(negative, ".", DATA "synth1a-neg.pgm");
    assert_memory_equal(positive, negative, FX1_BYTES);
    assert_int_equal(fx1_distance(positive, negative), 0);
}

static void fx1_union__with_itself__unchanged(void **state)
{
    uint8_t a[FX1_CANVAS], both[FX1_CANVAS];

    (void)state;
    canvas_of(a, ".", DATA "synth1a.pgm");
    fx1_union(both, a, a);
    assert_memory_equal(both, a, FX1_CANVAS);
}

static void fx1_union__sides_swapped__same(void **state)
{
    uint8_t a[FX1_CANVAS], b[FX1_CANVAS], ab[FX1_CANVAS];

    (void)state;
    canvas_of(a, ".", DATA "synth1a.pgm");
    canvas_of(b, ".", DATA "synth2a.pgm");
    fx1_union(ab, a, b);
    assert_memory_not_equal(ab, a, FX1_CANVAS);
    assert_memory_not_equal(ab, b, FX1_CANVAS);
    fx1_union(b, b, a);
    assert_memory_equal(ab, b, FX1_CANVAS);
}

/* Spread a grey image over channels: RGB get the grey, or the ink goes into alpha. */
static void spread(struct image *out, const struct image *grey, int channels)
{
    assert_int_equal(image_init(out, grey->width, grey->height, channels), 0);
    for (size_t i = 0; i < image_pixels(grey); i++) {
        uint8_t *p = out->pixels + i * (size_t)channels;

        if (channels == 3)
            memset(p, grey->pixels[i], 3);
        else
            p[channels - 1] = (uint8_t)(255 - grey->pixels[i]);
    }
}

static void fx1_normalise__grey_in_rgb_or_ink_in_alpha__same_canvas(void **state)
{
    uint8_t expected[FX1_CANVAS], canvas[FX1_CANVAS];
    struct image grey, img;

    (void)state;
    load(&grey, ".", DATA "synth1a.pgm");
    canvas_of(expected, ".", DATA "synth1a.pgm");
    for (int channels = 2; channels <= 4; channels++) {
        spread(&img, &grey, channels);
        assert_int_equal(fx1_normalise(canvas, img.pixels, img.width, img.height, channels), 0);
        assert_memory_equal(canvas, expected, FX1_CANVAS);
        image_free(&img);
    }
    image_free(&grey);
}

/* ---- resampling and the working raster */

/* The definition, cell by cell: out(i, j) = sum of in(y, x) * shared area, over the area. */
static uint8_t resampled(const uint8_t *in, int w, int h, int out_x, int out_y, const int size[2])
{
    long long sum = 0;

    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            int left = x * size[0] > out_x * w ? x * size[0] : out_x * w;
            int right = (x + 1) * size[0] < (out_x + 1) * w ? (x + 1) * size[0] : (out_x + 1) * w;
            int top = y * size[1] > out_y * h ? y * size[1] : out_y * h;
            int low = (y + 1) * size[1] < (out_y + 1) * h ? (y + 1) * size[1] : (out_y + 1) * h;

            if (right > left && low > top)
                sum += (long long)in[y * w + x] * (right - left) * (low - top);
        }
    return (uint8_t)((sum + w * h / 2) / (w * h));
}

static void fx1_area_resize__any_size__equals_the_definition(void **state)
{
    static const int sizes[][2] = {{1, 1}, {5, 9}, {11, 7}, {12, 8}, {13, 8}, {40, 3}, {31, 29}};
    uint8_t in[11 * 7], out[31 * 29];

    (void)state;
    randombytes_buf(in, sizeof(in));
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        int w = sizes[s][0], h = sizes[s][1];

        assert_int_equal(fx1_area_resize(out, w, h, in, 11, 7), 0);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                assert_int_equal(out[y * w + x], resampled(in, 11, 7, x, y, sizes[s]));
    }
}

/* A signature larger than the working raster: every pixel becomes a block of times x times. */
static void magnify(struct image *out, const struct image *in, int times)
{
    assert_int_equal(image_init(out, in->width * times, in->height * times, 1), 0);
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
            out->pixels[y * out->width + x] = in->pixels[y / times * in->width + x / times];
}

static void fx1_working_raster__large_scan__fits_and_keeps_its_canvas(void **state)
{
    uint8_t before[FX1_CANVAS], after[FX1_CANVAS];
    struct image scan, large;

    (void)state;
    load(&scan, ".", DATA "synth2a.pgm");
    magnify(&large, &scan, 7);
    assert_int_equal(fx1_normalise(before, large.pixels, large.width, large.height, 1), 0);
    assert_int_equal(fx1_working_raster(&large), 0);
    assert_int_equal(large.width, 1024);
    assert_int_equal(large.height, 512);
    assert_int_equal(fx1_normalise(after, large.pixels, large.width, large.height, 1), 0);
    assert_memory_equal(before, after, FX1_CANVAS);
    image_free(&large);
    image_free(&scan);
}

static void fx1_working_raster__scan_that_fits__untouched(void **state)
{
    struct image scan, copy;

    (void)state;
    load(&scan, ".", DATA "synth1a.pgm");
    load(&copy, ".", DATA "synth1a.pgm");
    assert_int_equal(fx1_working_raster(&scan), 0);
    assert_int_equal(scan.width, copy.width);
    assert_memory_equal(scan.pixels, copy.pixels, image_pixels(&copy));
    image_free(&scan);
    image_free(&copy);
}

static void fx1_working_raster__sides_out_of_bounds__refused_unchanged(void **state)
{
    static const struct {
        int width, height, channels, err;
    } cases[] = {
        {15, 400, 1, ERR_TOO_SMALL},
        {400, 15, 1, ERR_TOO_SMALL},
        {4096, 16, 1, ERR_TOO_SMALL}, /* fits FX-1, but shrinks to 1024 x 4 */
        {100, 100, 3, ERR_ARG},
    };
    struct image img;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(image_init(&img, cases[i].width, cases[i].height, cases[i].channels), 0);
        assert_int_equal(fx1_working_raster(&img), cases[i].err);
        assert_int_equal(img.width, cases[i].width);
        assert_int_equal(img.height, cases[i].height);
        image_free(&img);
    }
}

/* ---- bad input */

static int normalise_flat(int width, int height, int channels, uint8_t grey)
{
    static uint8_t canvas[FX1_CANVAS];
    size_t bytes = (size_t)width * (size_t)height * (size_t)channels;
    uint8_t *pixels = malloc(bytes);
    int rc;

    assert_non_null(pixels);
    memset(pixels, grey, bytes);
    rc = fx1_normalise(canvas, pixels, width, height, channels);
    free(pixels);
    return rc;
}

static void fx1_normalise__one_grey_only__blank(void **state)
{
    (void)state;
    assert_int_equal(normalise_flat(400, 200, 1, 255), ERR_BLANK);
    assert_int_equal(normalise_flat(400, 200, 1, 128), ERR_BLANK);
    assert_int_equal(normalise_flat(400, 200, 3, 1), ERR_BLANK);
    assert_int_equal(normalise_flat(16, 16, 1, 255), ERR_BLANK);
    assert_int_equal(normalise_flat(16, 2000, 1, 255), ERR_BLANK);
}

/* Black everywhere is one grey too: its negative is white paper. But transparent black is. */
static void fx1_normalise__all_ink_or_fully_transparent__blank(void **state)
{
    (void)state;
    assert_int_equal(normalise_flat(64, 64, 1, 0), ERR_BLANK);
    assert_int_equal(normalise_flat(64, 64, 2, 0), ERR_BLANK);
    assert_int_equal(normalise_flat(64, 64, 4, 0), ERR_BLANK);
}

static void fx1_normalise__size_or_channels_out_of_bounds__refused(void **state)
{
    static uint8_t canvas[FX1_CANVAS], pixel[4];

    (void)state;
    assert_int_equal(normalise_flat(15, 16, 1, 255), ERR_ARG);
    assert_int_equal(normalise_flat(16, 15, 1, 255), ERR_ARG);
    assert_int_equal(fx1_normalise(canvas, pixel, 0, 0, 1), ERR_ARG);
    assert_int_equal(fx1_normalise(canvas, pixel, -400, 200, 1), ERR_ARG);
    assert_int_equal(fx1_normalise(canvas, pixel, 4097, 4096, 1), ERR_ARG);
    assert_int_equal(fx1_normalise(canvas, pixel, INT32_MAX, INT32_MAX, 1), ERR_ARG);
    assert_int_equal(fx1_normalise(canvas, pixel, 400, 200, 0), ERR_ARG);
    assert_int_equal(fx1_normalise(canvas, pixel, 400, 200, 5), ERR_ARG);
}

/* A square of ink, side pixels wide, in the middle of paper. */
static int normalise_square(uint8_t canvas[FX1_CANVAS], int side)
{
    uint8_t pixels[64 * 64];

    memset(pixels, 255, sizeof(pixels));
    for (int y = 0; y < side; y++)
        memset(pixels + (20 + y) * 64 + 20, 10, (size_t)side);
    return fx1_normalise(canvas, pixels, 64, 64, 1);
}

static void fx1_normalise__fewest_ink_pixels__accepted_one_less_blank(void **state)
{
    uint8_t canvas[FX1_CANVAS];

    (void)state;
    assert_int_equal(normalise_square(canvas, 7), ERR_BLANK);
    assert_int_equal(normalise_square(canvas, 8), 0);
    assert_int_equal(canvas[0], 15);
    assert_int_equal(canvas[FX1_HEIGHT / 2 * FX1_WIDTH + FX1_WIDTH / 2], 0);
}

/* Specks of three pixels each, far more than 64 ink pixels in all. */
static void fx1_normalise__specks_only__blank(void **state)
{
    uint8_t canvas[FX1_CANVAS];
    struct image img;

    (void)state;
    assert_int_equal(image_init(&img, 400, 200, 1), 0);
    memset(img.pixels, 255, image_pixels(&img));
    for (int y = 5; y < 195; y += 10)
        for (int x = 5; x < 395; x += 10)
            memset(img.pixels + y * 400 + x, 0, 3);
    assert_int_equal(fx1_normalise(canvas, img.pixels, 400, 200, 1), ERR_BLANK);
    image_free(&img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fx1__vectors_of_the_synthetic_signatures__equal_in_every_step),
        cmocka_unit_test(fx1__vectors_of_the_reference__equal_in_every_step),
        cmocka_unit_test(fx1__negative_image__same_bytes),
        cmocka_unit_test(fx1_union__with_itself__unchanged),
        cmocka_unit_test(fx1_union__sides_swapped__same),
        cmocka_unit_test(fx1_normalise__grey_in_rgb_or_ink_in_alpha__same_canvas),
        cmocka_unit_test(fx1_area_resize__any_size__equals_the_definition),
        cmocka_unit_test(fx1_working_raster__large_scan__fits_and_keeps_its_canvas),
        cmocka_unit_test(fx1_working_raster__scan_that_fits__untouched),
        cmocka_unit_test(fx1_working_raster__sides_out_of_bounds__refused_unchanged),
        cmocka_unit_test(fx1_normalise__one_grey_only__blank),
        cmocka_unit_test(fx1_normalise__all_ink_or_fully_transparent__blank),
        cmocka_unit_test(fx1_normalise__size_or_channels_out_of_bounds__refused),
        cmocka_unit_test(fx1_normalise__fewest_ink_pixels__accepted_one_less_blank),
        cmocka_unit_test(fx1_normalise__specks_only__blank),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
