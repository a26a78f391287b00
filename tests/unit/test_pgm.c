/* test_pgm.c - the canonical PGM of the wire: one form in, the same form out, nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/pgm.h"
#include "proto/limits.h"

#define SMALL_PIXELS (17 * 16)

static uint8_t pixels[SMALL_PIXELS];

/* A canonical image of 17 x 16; its length. */
static size_t small_pgm(uint8_t out[PGM_HEADER_MAX + SMALL_PIXELS])
{
    size_t len;

    randombytes_buf(pixels, sizeof(pixels));
    assert_int_equal(pgm_write(out, PGM_HEADER_MAX + SMALL_PIXELS, &len, 17, 16, pixels), 0);
    return len;
}

/* Parse header followed by body bytes, from a block of exactly that length. */
static int parse_header(const char *header, size_t body)
{
    struct pgm_view view;
    size_t head = strlen(header);
    uint8_t *p = calloc(head + body + 1, 1);
    int rc;

    assert_non_null(p);
    memcpy(p, header, head);
    rc = pgm_parse(p, head + body, &view);
    if (rc != 0) {
        assert_null(view.pixels);
        assert_int_equal(view.width, 0);
        assert_int_equal(view.height, 0);
    }
    free(p);
    return rc;
}

static void pgm_write__small_image__canonical_bytes(void **state)
{
    uint8_t out[PGM_HEADER_MAX + SMALL_PIXELS];
    size_t len = small_pgm(out);

    (void)state;
    assert_int_equal(len, 13 + SMALL_PIXELS);
    assert_memory_equal(out, "P5\n17 16\n255\n", 13);
    assert_memory_equal(out + 13, pixels, SMALL_PIXELS);
}

static void pgm_parse__what_was_written__same_image(void **state)
{
    uint8_t out[PGM_HEADER_MAX + SMALL_PIXELS];
    size_t len = small_pgm(out);
    struct pgm_view view;

    (void)state;
    assert_int_equal(pgm_parse(out, len, &view), 0);
    assert_int_equal(view.width, 17);
    assert_int_equal(view.height, 16);
    assert_ptr_equal(view.pixels, out + 13);
}

static void pgm__largest_image__fits_the_announced_maximum(void **state)
{
    size_t len, body = (size_t)IMAGE_SIDE_MAX * IMAGE_SIDE_MAX;
    uint8_t *in = calloc(body, 1), *out = malloc(PGM_MAX);
    struct pgm_view view;

    (void)state;
    assert_non_null(in);
    assert_non_null(out);
    assert_int_equal(pgm_write(out, PGM_MAX, &len, IMAGE_SIDE_MAX, IMAGE_SIDE_MAX, in), 0);
    assert_int_equal(pgm_parse(out, len, &view), 0);
    assert_int_equal(view.width, IMAGE_SIDE_MAX);
    free(in);
    free(out);
}

static void pgm_write__room_one_byte_short__fails_unchanged(void **state)
{
    uint8_t out[PGM_HEADER_MAX + SMALL_PIXELS], untouched[sizeof(out)];
    size_t len = small_pgm(out);

    (void)state;
    memset(out, 7, sizeof(out));
    memset(untouched, 7, sizeof(untouched));
    for (size_t cap = 0; cap < len; cap++) {
        size_t written = 1;

        assert_int_equal(pgm_write(out, cap, &written, 17, 16, pixels), ERR_TOO_SMALL);
        assert_int_equal(written, 0);
    }
    assert_memory_equal(out, untouched, sizeof(out));
}

static void pgm_write__side_out_of_bounds__refused(void **state)
{
    static const unsigned sides[][2] = {{0, 16},    {16, 15},   {15, 16},
                                        {1025, 16}, {16, 1025}, {UINT32_MAX, UINT32_MAX}};
    uint8_t out[64];
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
        assert_int_equal(pgm_write(out, sizeof(out), &len, sides[i][0], sides[i][1], pixels),
                         ERR_ARG);
}

static void pgm_parse__any_other_spelling__malformed(void **state)
{
    static const char *const headers[] = {
        "",
        "P5",
        "P6\n16 16\n255\n",
        "P2\n16 16\n255\n",
        "P5 16 16\n255\n",
        "P5\n 16 16\n255\n",
        "P5\n16  16\n255\n",
        "P5\n16\t16\n255\n",
        "P5\n16\n16\n255\n",
        "P5\n16 16 255\n",
        "P5\n16 16\n255 ",
        "P5\n16 16\n255\r",
        "P5\r\n16 16\r\n255\r\n",
        "P5\n016 16\n255\n",
        "P5\n16 016\n255\n",
        "P5\n16 16\n0255\n",
        "P5\n+16 16\n255\n",
        "P5\n-16 16\n255\n",
        "P5\n0x10 16\n255\n",
        "P5\n16 16\n254\n",
        "P5\n16 16\n65535\n",
        "P5\n# comment\n16 16\n255\n",
        "P5\n16 16 # comment\n255\n",
        "P5\n16 \n255\n",
        "P5\n16 16\n\n255\n",
    };

    (void)state;
    assert_int_equal(parse_header("P5\n16 16\n255\n", 256), 0);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        assert_int_equal(parse_header(headers[i], 256), ERR_MALFORMED);
}

static void pgm_parse__side_out_of_bounds__named(void **state)
{
    (void)state;
    assert_int_equal(parse_header("P5\n15 16\n255\n", 240), ERR_TOO_SMALL);
    assert_int_equal(parse_header("P5\n16 1\n255\n", 16), ERR_TOO_SMALL);
    assert_int_equal(parse_header("P5\n1025 16\n255\n", 16400), ERR_TOO_LARGE);
    assert_int_equal(parse_header("P5\n16 1025\n255\n", 16400), ERR_TOO_LARGE);
    assert_int_equal(parse_header("P5\n4294967312 16\n255\n", 256), ERR_TOO_LARGE);
    assert_int_equal(parse_header("P5\n99999999999999999999999999 16\n255\n", 256), ERR_TOO_LARGE);
}

static void pgm_parse__length_off_by_one__malformed(void **state)
{
    (void)state;
    assert_int_equal(parse_header("P5\n16 16\n255\n", 255), ERR_MALFORMED);
    assert_int_equal(parse_header("P5\n16 16\n255\n", 257), ERR_MALFORMED);
    assert_int_equal(parse_header("P5\n1024 1024\n255\n", 0), ERR_MALFORMED);
}

static void pgm_parse__cut_anywhere__fails(void **state)
{
    uint8_t whole[PGM_HEADER_MAX + SMALL_PIXELS];
    size_t len = small_pgm(whole);
    struct pgm_view view;

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *p = malloc(cut + 1);

        assert_non_null(p);
        memcpy(p, whole, cut);
        assert_int_not_equal(pgm_parse(p, cut, &view), 0);
        assert_null(view.pixels);
        free(p);
    }
}

/* No bit of the header may change without notice: another header never fits the same length. */
static void pgm_parse__bit_flipped__header_refused_pixels_kept(void **state)
{
    uint8_t p[PGM_HEADER_MAX + SMALL_PIXELS];
    size_t len = small_pgm(p);
    struct pgm_view view;

    (void)state;
    for (size_t bit = 0; bit < len * 8; bit++) {
        int rc;

        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        rc = pgm_parse(p, len, &view);
        if (bit / 8 < 13)
            assert_int_not_equal(rc, 0);
        else
            assert_int_equal(rc, 0);
        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pgm_write__small_image__canonical_bytes),
        cmocka_unit_test(pgm_parse__what_was_written__same_image),
        cmocka_unit_test(pgm__largest_image__fits_the_announced_maximum),
        cmocka_unit_test(pgm_write__room_one_byte_short__fails_unchanged),
        cmocka_unit_test(pgm_write__side_out_of_bounds__refused),
        cmocka_unit_test(pgm_parse__any_other_spelling__malformed),
        cmocka_unit_test(pgm_parse__side_out_of_bounds__named),
        cmocka_unit_test(pgm_parse__length_off_by_one__malformed),
        cmocka_unit_test(pgm_parse__cut_anywhere__fails),
        cmocka_unit_test(pgm_parse__bit_flipped__header_refused_pixels_kept),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
