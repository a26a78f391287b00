/* test_hill.c - HILL costs: the order they give, and their bounds. Vectors are in test_stego.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/hill.h"
#include "covers.h"

static uint32_t *costs_of(const uint8_t *pixels, unsigned w, unsigned h)
{
    uint32_t *cost = malloc((size_t)w * h * sizeof(*cost));

    assert_non_null(cost);
    assert_int_equal(hill_costs(cost, pixels, w, h), 0);
    return cost;
}

static void hill__busy_half__is_cheaper_than_the_smooth_half(void **state)
{
    uint8_t *pixels = cover_make("noise", 64, 32);

    (void)state;
    for (size_t y = 0; y < 32; y++)
        memset(pixels + y * 64, 90, 32);
    uint32_t *cost = costs_of(pixels, 64, 32);

    for (size_t y = 0; y < 32; y++) {
        for (size_t x = 0; x < 22; x++) {
            for (size_t b = 42; b < 64; b++)
                assert_true(cost[y * 64 + x] > 10 * cost[y * 64 + b]);
        }
    }
    free(pixels);
    free(cost);
}

static void hill__flat_image__has_the_greatest_cost_everywhere(void **state)
{
    uint8_t *pixels = cover_make("white", 19, 8);
    uint32_t *cost = costs_of(pixels, 19, 8);

    (void)state;
    /* 15 * sqrt(2^30) */
    for (size_t i = 0; i < 19 * 8; i++)
        assert_int_equal(cost[i], 15 << 15);
    assert_true(cost[0] < HILL_COST_MAX);
    free(pixels);
    free(cost);
}

/* The sharpest pattern there is: every residual is 8 * 255. */
static void hill__checkerboard__has_the_least_cost(void **state)
{
    uint8_t pixels[40 * 40];

    (void)state;
    for (size_t i = 0; i < sizeof(pixels); i++)
        pixels[i] = (i / 40 + i % 40) % 2 == 0 ? 0 : 255;
    uint32_t *cost = costs_of(pixels, 40, 40);

    /* S = 9 * 8 * 255 inside; Q = floor(2^24 / S) = 913; cost = floor(15 * sqrt(913)) */
    assert_int_equal(cost[20 * 40 + 20], 453);
    for (size_t i = 0; i < sizeof(pixels); i++)
        assert_true(cost[i] >= 453);
    free(cost);
}

static void hill__mirrored_image__has_mirrored_costs(void **state)
{
    enum { W = 37, H = 22 };
    uint8_t *pixels = cover_make("noise", W, H), *mirror = cover_make("noise", W, H);

    (void)state;
    for (size_t i = 0; i < W * H; i++)
        mirror[i] = pixels[W * H - 1 - i];
    uint32_t *a = costs_of(pixels, W, H), *b = costs_of(mirror, W, H);

    for (size_t i = 0; i < W * H; i++)
        assert_int_equal(a[i], b[W * H - 1 - i]);
    free(pixels);
    free(mirror);
    free(a);
    free(b);
}

/* Smaller than the filters: the mirror is folded more than once. */
static void hill__tiny_images__stay_within_bounds(void **state)
{
    (void)state;
    for (unsigned w = 1; w <= 9; w++) {
        for (unsigned h = 1; h <= 9; h++) {
            uint8_t *pixels = cover_make("noise", w, h);
            uint32_t *cost = costs_of(pixels, w, h);

            for (size_t i = 0; i < (size_t)w * h; i++)
                assert_in_range(cost[i], 1, HILL_COST_MAX - 1);
            free(pixels);
            free(cost);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hill__busy_half__is_cheaper_than_the_smooth_half),
        cmocka_unit_test(hill__flat_image__has_the_greatest_cost_everywhere),
        cmocka_unit_test(hill__checkerboard__has_the_least_cost),
        cmocka_unit_test(hill__mirrored_image__has_mirrored_costs),
        cmocka_unit_test(hill__tiny_images__stay_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
