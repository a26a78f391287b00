/*
 * test_image.c - image files of devices: what is read, what is refused and in which words, and
 * what is written. The small files are the seeds of the fuzzer of the same decoder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/err.h"
#include "common/image.h"

#define SEEDS    "tests/fuzz/seeds/image/"
#define PATH_LEN 512
#define BYTES    4096

static char folder[PATH_LEN]; /* for files that a test writes */
static char why[IMAGE_WHY_MAX];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "%s/inkpost-image-XXXXXX", P_tmpdir);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *in_folder(const char *name)
{
    static char path[PATH_LEN * 2];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const void *p, size_t len)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static size_t read_seed(uint8_t out[BYTES], const char *name)
{
    char path[PATH_LEN];
    size_t len;
    FILE *f;

    snprintf(path, sizeof(path), SEEDS "%s", name);
    f = fopen(path, "rb");
    assert_non_null(f);
    len = fread(out, 1, BYTES, f);
    fclose(f);
    assert_in_range(len, 1, BYTES - 1);
    return len;
}

static void load(struct image *img, const char *path)
{
    if (image_load(img, path, why, sizeof(why)) != 0)
        fail_msg("%s", why);
    assert_string_equal(why, "");
}

/* Loading fails with err, and the sentence has all these words. */
static void expect_refusal(const char *path, int err, const char *const words[], size_t count)
{
    struct image img = {1, 1, 1, NULL};

    assert_int_equal(image_load(&img, path, why, sizeof(why)), err);
    assert_null(img.pixels);
    assert_int_equal(img.width, 0);
    assert_non_null(strstr(why, path));
    for (size_t i = 0; i < count; i++)
        if (!strstr(why, words[i]))
            fail_msg("\"%s\" does not say \"%s\"", why, words[i]);
}

#define REFUSED(path, err, ...)                                                                    \
    do {                                                                                           \
        const char *const words_[] = {__VA_ARGS__};                                                \
        expect_refusal(path, err, words_, sizeof(words_) / sizeof(words_[0]));                     \
    } while (0)

/* The grey of the seeds at (x, y). */
static int ramp(int x, int y)
{
    return (x * 16 + y) & 255;
}

/* ---- reading */

static void image_load__each_kind__size_and_channels(void **state)
{
    static const struct {
        const char *name;
        int channels;
    } seeds[] = {
        {"grey.png", 1}, {"grey16.png", 1}, {"rgba.png", 4}, {"palette.png", 3},
        {"grey.pgm", 1}, {"rgb.bmp", 3},    {"rgb.jpg", 3},  {"progressive.jpg", 1},
    };
    char path[PATH_LEN];
    struct image img;

    (void)state;
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        snprintf(path, sizeof(path), SEEDS "%s", seeds[i].name);
        load(&img, path);
        assert_int_equal(img.width, 16);
        assert_int_equal(img.height, 16);
        assert_int_equal(img.channels, seeds[i].channels);
        image_free(&img);
    }
}

static void image_load__lossless_grey__exact_pixels(void **state)
{
    static const char *const seeds[] = {SEEDS "grey.png", SEEDS "grey16.png", SEEDS "grey.pgm"};
    struct image img;

    (void)state;
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        load(&img, seeds[i]);
        for (int y = 0; y < 16; y++)
            for (int x = 0; x < 16; x++)
                assert_int_equal(img.pixels[y * 16 + x], ramp(x, y));
        image_free(&img);
    }
}

/* BMP keeps blue first and the last row first; what comes out is RGB from the top. */
static void image_load__bmp__rows_from_the_top_in_rgb(void **state)
{
    struct image img;

    (void)state;
    load(&img, SEEDS "rgb.bmp");
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 16; x++) {
            assert_int_equal(img.pixels[(y * 16 + x) * 3], ramp(x, y));
            assert_int_equal(img.pixels[(y * 16 + x) * 3 + 1], y);
            assert_int_equal(img.pixels[(y * 16 + x) * 3 + 2], x);
        }
    image_free(&img);
}

static void image_load__photo_turned_by_exif__refused(void **state)
{
    (void)state;
    REFUSED(SEEDS "turned.jpg", ERR_ROTATED, "EXIF", "turned", "save it upright and try again");
    REFUSED(SEEDS "turned.png", ERR_ROTATED, "EXIF", "turned", "save it upright and try again");
}

static void image_load__missing_or_unreadable__says_so(void **state)
{
    (void)state;
    REFUSED("tests/data/no-such.png", ERR_NOTFOUND, "does not exist");
    REFUSED(SEEDS "grey.png/inside", ERR_SYS, "cannot be opened");
    REFUSED("tests/data", ERR_FORMAT, "not a file");
}

static void image_load__not_an_image__names_the_kinds(void **state)
{
    static const char *const contents[] = {"GIF89a.........", "P2\n16 16\n255\n",
                                           "P6\n1 1\n255\nx", "RIFF....WEBPVP8 ",
                                           "hello, world",    "B"};
    const char *path = in_folder("odd.png");

    (void)state;
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        write_file(path, contents[i], strlen(contents[i]));
        REFUSED(path, ERR_FORMAT, "PNG", "JPEG", "BMP", "PGM", "convert it");
    }
    write_file(path, "", 0);
    REFUSED(path, ERR_FORMAT, "empty", "PNG");
    unlink(path);
}

static void image_load__pgm_of_other_depth__says_which(void **state)
{
    const char *path = in_folder("deep.pgm");

    (void)state;
    write_file(path, "P5\n2 1\n65535\nabcd", 17);
    REFUSED(path, ERR_FORMAT, "65535", "8-bit");
    write_file(path, "P5\n2 1\n15\nab", 12);
    REFUSED(path, ERR_FORMAT, "15", "8-bit");
    unlink(path);
}

static void image_load__too_many_pixels__names_size_and_bound(void **state)
{
    const char *path = in_folder("vast");
    uint8_t png[BYTES];
    size_t len = read_seed(png, "grey.png");

    (void)state;
    write_file(path, "P5\n5000 4000\n255\nabc", 20);
    REFUSED(path, ERR_TOO_LARGE, "5000 x 4000", "16 million");
    memcpy(png + 16, "\x00\x00\x4e\x20\x00\x00\x75\x30", 8); /* IHDR: 20000 x 30000 */
    write_file(path, png, len);
    REFUSED(path, ERR_TOO_LARGE, "20000 x 30000", "16 million");
    memcpy(png + 16, "\x7f\xff\xff\xff\x00\x00\x00\x10", 8);
    write_file(path, png, len);
    REFUSED(path, ERR_TOO_LARGE, "16 million");
    unlink(path);
}

static void image_load__file_above_its_bound__not_even_read(void **state)
{
    const char *path = in_folder("heavy.pgm");

    (void)state;
    write_file(path, "P5\n16 16\n255\n", 13);
    assert_int_equal(truncate(path, IMAGE_FILE_MAX + 1), 0);
    REFUSED(path, ERR_TOO_LARGE, "32 MiB");
    unlink(path);
}

static void image_load__short_room_for_the_reason__cut_and_terminated(void **state)
{
    struct image img;
    char little[8];

    (void)state;
    memset(little, 'x', sizeof(little));
    assert_int_equal(image_load(&img, "tests/data", little, sizeof(little)), ERR_FORMAT);
    assert_int_equal(strlen(little), sizeof(little) - 1);
    assert_int_equal(image_load(&img, "tests/data", NULL, 0), ERR_FORMAT);
}

static const char *const whole[] = {"grey.png", "grey16.png",      "rgba.png", "palette.png",
                                    "rgb.jpg",  "progressive.jpg", "rgb.bmp",  "grey.pgm"};

/* Decode a copy of exactly len bytes; 0 or an error, with all that must then be true. */
static int decode_copy(const uint8_t *bytes, size_t len)
{
    uint8_t *p = malloc(len + (len == 0));
    struct image img;
    int rc;

    assert_non_null(p);
    memcpy(p, bytes, len);
    rc = image_decode(&img, p, len, "copy", why, sizeof(why));
    free(p);
    if (rc == 0) {
        assert_string_equal(why, "");
        assert_in_range(image_pixels(&img), 1, IMAGE_PIXELS_MAX);
        assert_in_range(img.channels, 1, 4);
    } else {
        assert_null(img.pixels);
        assert_non_null(strstr(why, "copy"));
    }
    image_free(&img);
    return rc;
}

/* A PNG is whole once its last chunk has begun, and stb reads no further. */
static void image_decode__cut_anywhere__fails(void **state)
{
    uint8_t bytes[BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        size_t len = read_seed(bytes, whole[i]);
        size_t tail = strstr(whole[i], ".png") ? 12 : 0;

        assert_int_equal(decode_copy(bytes, len), 0);
        for (size_t cut = 0; cut < len - tail; cut++)
            if (decode_copy(bytes, cut) == 0)
                fail_msg("%s cut to %zu of %zu bytes was read", whole[i], cut, len);
    }
}

static void image_decode__bits_flipped__an_image_or_a_reason(void **state)
{
    uint8_t bytes[BYTES];
    unsigned refused = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        size_t len = read_seed(bytes, whole[i]);
        size_t step = len > 400 ? 7 : 1;

        for (size_t bit = 0; bit < len * 8; bit += step) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            refused += decode_copy(bytes, len) != 0;
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_true(refused > 100);
}

/* A table of more codes than there are bytes would overrun the arrays of the decoder. */
static void image_decode__huffman_table_too_full__refused(void **state)
{
    uint8_t bytes[BYTES], *table;
    size_t len = read_seed(bytes, "rgb.jpg");

    (void)state;
    table = memmem(bytes, len, "\xff\xc4", 2);
    assert_non_null(table);
    memset(table + 5, 255, 16);
    assert_int_equal(decode_copy(bytes, len), ERR_MALFORMED);
    assert_non_null(strstr(why, "Huffman"));
}

/* ---- in memory */

static void image_init__out_of_bounds__refused_and_empty(void **state)
{
    struct image img;

    (void)state;
    assert_int_equal(image_init(&img, 0, 1, 1), ERR_ARG);
    assert_int_equal(image_init(&img, 1, -1, 1), ERR_ARG);
    assert_int_equal(image_init(&img, 4096, 4097, 1), ERR_ARG);
    assert_int_equal(image_init(&img, INT32_MAX, INT32_MAX, 1), ERR_ARG);
    assert_int_equal(image_init(&img, 1, 1, 0), ERR_ARG);
    assert_int_equal(image_init(&img, 1, 1, 5), ERR_ARG);
    assert_null(img.pixels);
    image_free(&img);
    image_free(NULL);
}

static void image_to_grey__each_number_of_channels__integer_formula(void **state)
{
    static const struct {
        int channels;
        uint8_t pixel[4], grey;
    } cases[] = {
        {1, {77}, 77},
        {2, {0, 255}, 0},
        {2, {0, 0}, 255},
        {2, {100, 128}, 177},
        {3, {255, 0, 0}, 76},
        {3, {0, 255, 0}, 149},
        {3, {0, 0, 255}, 28},
        {3, {255, 255, 255}, 255},
        {4, {10, 20, 30, 255}, 18},
        {4, {10, 20, 30, 100}, 162},
    };
    struct image grey;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t pixel[4];
        struct image one = {1, 1, cases[i].channels, pixel};

        memcpy(pixel, cases[i].pixel, sizeof(pixel));
        assert_int_equal(image_to_grey(&one, &grey), 0);
        assert_int_equal(grey.channels, 1);
        assert_int_equal(grey.pixels[0], cases[i].grey);
        image_free(&grey);
    }
}

static void image_compare__known_differences__known_figures(void **state)
{
    struct image a, b;
    struct image_diff d;

    (void)state;
    assert_int_equal(image_init(&a, 20, 10, 1), 0);
    assert_int_equal(image_init(&b, 20, 10, 1), 0);
    assert_int_equal(image_compare(&a, &b, &d), 0);
    assert_int_equal(d.changed, 0);
    assert_true(d.mse == 0.0);
    assert_true(isinf(d.psnr) && d.psnr > 0);
    b.pixels[0] = 1;
    a.pixels[199] = 1;
    assert_int_equal(image_compare(&a, &b, &d), 0);
    assert_int_equal(d.changed, 2);
    assert_true(fabs(d.mse - 0.01) < 1e-12);
    assert_true(fabs(d.psnr - 68.130803609) < 1e-6);
    memset(b.pixels, 255, 200);
    a.pixels[199] = 0;
    assert_int_equal(image_compare(&a, &b, &d), 0);
    assert_int_equal(d.changed, 200);
    assert_true(fabs(d.psnr) < 1e-12);
    b.width = 10;
    b.height = 20;
    assert_int_equal(image_compare(&a, &b, &d), ERR_ARG);
    image_free(&a);
    image_free(&b);
}

/* ---- writing */

static void expect_round_trip(const char *path, const struct image *img)
{
    struct image back;

    assert_int_equal(image_save(path, img), 0);
    load(&back, path);
    assert_int_equal(back.width, img->width);
    assert_int_equal(back.height, img->height);
    assert_int_equal(back.channels, img->channels);
    assert_memory_equal(back.pixels, img->pixels, image_pixels(img) * (size_t)img->channels);
    image_free(&back);
    assert_int_equal(unlink(path), 0);
}

static void image_save__what_was_loaded__same_pixels_again(void **state)
{
    struct image cover, rgb;

    (void)state;
    load(&cover, "tests/data/covers/camera-128.png");
    expect_round_trip(in_folder("a.png"), &cover);
    expect_round_trip(in_folder("a.PGM"), &cover);
    load(&rgb, SEEDS "rgb.bmp");
    expect_round_trip(in_folder("b.png"), &rgb);
    assert_int_equal(image_save(in_folder("b.pgm"), &rgb), ERR_ARG);
    image_free(&rgb);
    image_free(&cover);
}

/* remove_folder notices any temporary file that is left behind. */
static void image_save__cannot_be_written__error_and_nothing_left(void **state)
{
    const char *path = in_folder("taken.png");
    struct image img;

    (void)state;
    assert_int_equal(image_init(&img, 16, 16, 1), 0);
    assert_int_equal(image_save("no-such-folder/a.png", &img), ERR_SYS);
    assert_int_equal(image_save("a.jpg", &img), ERR_FORMAT);
    assert_int_equal(image_save("png", &img), ERR_FORMAT);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(image_save(path, &img), ERR_SYS);
    assert_int_equal(rmdir(path), 0);
    img.channels = 4;
    assert_int_equal(image_save(in_folder("a.png"), &img), ERR_ARG);
    image_free(&img);
}

static void image_save__file_is_there__replaced_whole(void **state)
{
    const char *path = in_folder("again.pgm");
    char head[16] = {0};
    struct image img;
    struct stat st;
    FILE *f;

    (void)state;
    write_file(path, "something much longer than what comes now", 41);
    assert_int_equal(image_init(&img, 2, 3, 1), 0);
    assert_int_equal(image_save(path, &img), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 11 + 6);
    f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(head, 1, 11, f), 11);
    fclose(f);
    assert_string_equal(head, "P5\n2 3\n255\n");
    image_free(&img);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_load__each_kind__size_and_channels),
        cmocka_unit_test(image_load__lossless_grey__exact_pixels),
        cmocka_unit_test(image_load__bmp__rows_from_the_top_in_rgb),
        cmocka_unit_test(image_load__photo_turned_by_exif__refused),
        cmocka_unit_test(image_load__missing_or_unreadable__says_so),
        cmocka_unit_test(image_load__not_an_image__names_the_kinds),
        cmocka_unit_test(image_load__pgm_of_other_depth__says_which),
        cmocka_unit_test(image_load__too_many_pixels__names_size_and_bound),
        cmocka_unit_test(image_load__file_above_its_bound__not_even_read),
        cmocka_unit_test(image_load__short_room_for_the_reason__cut_and_terminated),
        cmocka_unit_test(image_decode__cut_anywhere__fails),
        cmocka_unit_test(image_decode__bits_flipped__an_image_or_a_reason),
        cmocka_unit_test(image_decode__huffman_table_too_full__refused),
        cmocka_unit_test(image_init__out_of_bounds__refused_and_empty),
        cmocka_unit_test(image_to_grey__each_number_of_channels__integer_formula),
        cmocka_unit_test(image_compare__known_differences__known_figures),
        cmocka_unit_test(image_save__what_was_loaded__same_pixels_again),
        cmocka_unit_test(image_save__cannot_be_written__error_and_nothing_left),
        cmocka_unit_test(image_save__file_is_there__replaced_whole),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
