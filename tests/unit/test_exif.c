/* test_exif.c - the orientation of a photo: found where it is stated, and damage does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/exif.h"

#define FILE_MAX 256

/* A file that is being put together. */
struct file {
    uint8_t bytes[FILE_MAX];
    size_t len;
};

static void put(struct file *f, const void *p, size_t n)
{
    assert_true(n <= FILE_MAX - f->len);
    memcpy(f->bytes + f->len, p, n);
    f->len += n;
}

static void put_number(struct file *f, uint32_t v, unsigned bytes, char order)
{
    for (unsigned i = 0; i < bytes; i++) {
        unsigned shift = 8 * (order == 'I' ? i : bytes - 1 - i);
        uint8_t b = (uint8_t)(v >> shift);

        put(f, &b, 1);
    }
}

static void put_entry(struct file *f, char order, uint32_t tag, uint32_t type, uint32_t value)
{
    put_number(f, tag, 2, order);
    put_number(f, type, 2, order);
    put_number(f, 1, 4, order);
    put_number(f, value, 2, order);
    put_number(f, 0, 2, order);
}

/* A TIFF block of two entries, the orientation second; order 'I' or 'M' (little or big endian). */
static void put_tiff(struct file *f, char order, uint32_t orientation)
{
    const char mark[2] = {order, order};

    put(f, mark, 2);
    put_number(f, 42, 2, order);
    put_number(f, 8, 4, order);
    put_number(f, 2, 2, order);
    put_entry(f, order, 0x0100, 3, 640);
    put_entry(f, order, 0x0112, 3, orientation);
    put_number(f, 0, 4, order);
}

static void jpeg_with(struct file *f, char order, uint32_t orientation)
{
    struct file tiff = {.len = 0};

    put_tiff(&tiff, order, orientation);
    f->len = 0;
    put(f, "\xff\xd8", 2);
    put(f, "\xff\xe0\x00\x06JFIF", 8);
    put(f, "\xff\xe1\x00\x06http", 8);
    put(f, "\xff\xff\xe1", 3);
    put_number(f, (uint32_t)tiff.len + 8, 2, 'M');
    put(f, "Exif\0\0", 6);
    put(f, tiff.bytes, tiff.len);
    put(f, "\xff\xd9", 2);
}

static void png_with(struct file *f, char order, uint32_t orientation)
{
    struct file tiff = {.len = 0};

    put_tiff(&tiff, order, orientation);
    f->len = 0;
    put(f, "\x89PNG\r\n\x1a\n", 8);
    put(f, "\0\0\0\2tEXtab\0\0\0\0", 14);
    put_number(f, (uint32_t)tiff.len, 4, 'M');
    put(f, "eXIf", 4);
    put(f, tiff.bytes, tiff.len);
    put(f, "\0\0\0\0", 4);
}

static void exif__every_orientation_in_both_byte_orders__found(void **state)
{
    struct file f;

    (void)state;
    for (int o = 1; o <= 8; o++) {
        jpeg_with(&f, 'I', (uint32_t)o);
        assert_int_equal(exif_orientation(f.bytes, f.len), o);
        jpeg_with(&f, 'M', (uint32_t)o);
        assert_int_equal(exif_orientation(f.bytes, f.len), o);
        png_with(&f, 'I', (uint32_t)o);
        assert_int_equal(exif_orientation(f.bytes, f.len), o);
        png_with(&f, 'M', (uint32_t)o);
        assert_int_equal(exif_orientation(f.bytes, f.len), o);
    }
}

static void exif__value_that_means_nothing__upright(void **state)
{
    struct file f;

    (void)state;
    jpeg_with(&f, 'I', 0);
    assert_int_equal(exif_orientation(f.bytes, f.len), EXIF_UPRIGHT);
    jpeg_with(&f, 'I', 9);
    assert_int_equal(exif_orientation(f.bytes, f.len), EXIF_UPRIGHT);
    png_with(&f, 'M', 0x0600);
    assert_int_equal(exif_orientation(f.bytes, f.len), EXIF_UPRIGHT);
}

static void exif__no_exif_or_no_image__upright(void **state)
{
    (void)state;
    assert_int_equal(exif_orientation((const uint8_t *)"", 0), EXIF_UPRIGHT);
    assert_int_equal(exif_orientation((const uint8_t *)"P5\n1 1\n255\nx", 12), EXIF_UPRIGHT);
    assert_int_equal(exif_orientation((const uint8_t *)"\xff\xd8\xff\xd9", 4), EXIF_UPRIGHT);
    assert_int_equal(exif_orientation((const uint8_t *)"\x89PNG\r\n\x1a\n", 8), EXIF_UPRIGHT);
}

/* What comes after the start of the scan is picture data, whatever it looks like. */
static void exif__after_the_scan_starts__ignored(void **state)
{
    struct file f, late = {.len = 0};

    (void)state;
    jpeg_with(&f, 'I', 6);
    put(&late, "\xff\xd8\xff\xda\x00\x02", 6);
    put(&late, f.bytes + 2, f.len - 2);
    assert_int_equal(exif_orientation(late.bytes, late.len), EXIF_UPRIGHT);
}

/* From blocks of exactly the length, so that memory checkers see a byte too far. */
static int orientation_of_copy(const struct file *f, size_t len)
{
    uint8_t *p = malloc(len + (len == 0));
    int o;

    assert_non_null(p);
    memcpy(p, f->bytes, len);
    o = exif_orientation(p, len);
    free(p);
    return o;
}

static void exif__cut_anywhere__upright_or_as_stated(void **state)
{
    struct file f;

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        size_t tail = kind == 0 ? 2 : 0;

        (kind == 0 ? jpeg_with : png_with)(&f, 'M', 6);
        for (size_t cut = 0; cut < f.len - tail; cut++)
            assert_int_equal(orientation_of_copy(&f, cut), EXIF_UPRIGHT);
        assert_int_equal(orientation_of_copy(&f, f.len - tail), 6);
    }
}

static void exif__bits_flipped__always_an_orientation(void **state)
{
    struct file f;
    int unharmed = 0;

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        (kind == 0 ? jpeg_with : png_with)(&f, 'I', 6);
        for (size_t bit = 0; bit < f.len * 8; bit++) {
            int o;

            f.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            o = orientation_of_copy(&f, f.len);
            assert_in_range(o, 1, 8);
            unharmed += o == 6;
            f.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_true(unharmed > 0);
}

/* Offsets and counts near 2^32 and 2^16 must not wrap. */
static void exif__offsets_at_their_limits__upright(void **state)
{
    struct file f;

    (void)state;
    png_with(&f, 'M', 6);
    for (unsigned last = 0; last < 256; last++) {
        memset(f.bytes + 34, 0xff, 3); /* the first directory's offset */
        f.bytes[37] = (uint8_t)last;
        assert_int_equal(orientation_of_copy(&f, f.len), EXIF_UPRIGHT);
    }
    png_with(&f, 'M', 9);
    memset(f.bytes + 38, 0xff, 2); /* the number of entries */
    assert_int_equal(orientation_of_copy(&f, f.len), EXIF_UPRIGHT);
    memset(f.bytes + 22, 0xff, 4); /* the chunk's length */
    assert_int_equal(orientation_of_copy(&f, f.len), EXIF_UPRIGHT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exif__every_orientation_in_both_byte_orders__found),
        cmocka_unit_test(exif__value_that_means_nothing__upright),
        cmocka_unit_test(exif__no_exif_or_no_image__upright),
        cmocka_unit_test(exif__after_the_scan_starts__ignored),
        cmocka_unit_test(exif__cut_anywhere__upright_or_as_stated),
        cmocka_unit_test(exif__bits_flipped__always_an_orientation),
        cmocka_unit_test(exif__offsets_at_their_limits__upright),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
