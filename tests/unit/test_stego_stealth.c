/* test_stego_stealth.c - the syndrome-trellis code: its columns, and that its search is optimal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/stego_code.h"
#include "covers.h"

static void stealth_columns__ends_are_ones_and_all_differ(void **state)
{
    uint8_t columns[STEALTH_WIDTH_MAX];

    (void)state;
    for (size_t w = 1; w <= STEALTH_WIDTH_MAX; w++) {
        stego_stealth_columns(columns, w);
        for (size_t i = 0; i < w; i++) {
            assert_int_equal(columns[i] & 0x81, 0x81);
            for (size_t j = 0; j < i; j++)
                assert_int_not_equal(columns[i], columns[j]);
        }
    }
}

static void stealth_used__whole_columns_and_bounded(void **state)
{
    (void)state;
    assert_int_equal(stego_stealth_used(192, 2048), 1920);
    assert_int_equal(stego_stealth_used(64, 8192), 64 * 64);
    assert_int_equal(stego_stealth_used(2048, 2048), 2048);
    assert_int_equal(stego_stealth_used(1025, 2048), 1025);
    assert_int_equal(stego_stealth_used(1, 1), 1);
}

/* Row r of the syndrome from H itself: column j of block i is the submatrix's, i rows down. */
static unsigned syndrome_row(const uint32_t *carriers, size_t m, size_t room, size_t r)
{
    uint8_t columns[STEALTH_WIDTH_MAX];
    size_t width = stego_stealth_used(m, room) / m;
    unsigned bit = 0;

    stego_stealth_columns(columns, width);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < width; j++) {
            if (r >= i && r - i < 8)
                bit ^= (unsigned)columns[j] >> (r - i) & carriers[i * width + j] & 1u;
        }
    }
    return bit;
}

static void stealth_syndrome__is_the_product_with_h(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 7, 8, 9, 40, 111, 300};
    uint32_t carriers[300];
    uint8_t out[38];

    (void)state;
    cover_random(carriers, sizeof(carriers), 9);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        stego_stealth_syndrome(out, carriers, sizes[s], 300);
        for (size_t r = 0; r < sizes[s]; r++)
            assert_int_equal(bit_get(out, r), syndrome_row(carriers, sizes[s], 300, r));
    }
}

/* The least cost of any of the 2^room changes that give diff, by trying them all. */
static uint64_t least_cost(unsigned diff, size_t m, const uint32_t *cost, size_t room)
{
    size_t used = stego_stealth_used(m, room);
    uint64_t least = UINT64_MAX;

    for (uint32_t e = 0; e < (1u << used); e++) {
        uint32_t carriers[16];
        uint8_t got[2];
        uint64_t sum = 0;

        for (size_t i = 0; i < used; i++) {
            carriers[i] = e >> i & 1;
            sum += carriers[i] * (uint64_t)cost[i];
        }
        if (sum >= least)
            continue;
        stego_stealth_syndrome(got, carriers, m, room);
        unsigned value = got[0] | (m > 8 ? (unsigned)got[1] << 8 : 0);

        if (value == diff)
            least = sum;
    }
    return least;
}

static void stealth_solve__small_codes__no_cheaper_change_exists(void **state)
{
    static const size_t sizes[][2] = {{1, 5},  {2, 8},  {3, 12},  {4, 12},  {5, 10},
                                      {6, 12}, {9, 12}, {12, 12}, {10, 10}, {3, 3}};

    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        size_t m = sizes[s][0], room = sizes[s][1];

        for (uint32_t round = 0; round < 12; round++) {
            uint32_t cost[16], flips[16];
            uint8_t diff[2];
            uint64_t sum = 0;
            size_t n = 0;

            cover_random(cost, sizeof(cost), round);
            cover_random(diff, sizeof(diff), round + 100);
            for (size_t i = 0; i < 16; i++)
                cost[i] = 1 + cost[i] % (round % 2 == 0 ? 1000 : (1u << 20) - 1);
            unsigned want = (diff[0] | (unsigned)diff[1] << 8) & ((1u << m) - 1);

            assert_int_equal(stego_stealth_solve(flips, &n, diff, m, cost, room), 0);
            for (size_t i = 0; i < n; i++)
                sum += cost[flips[i]];
            assert_true(sum == least_cost(want, m, cost, room));
        }
    }
}

static void solve_and_check(size_t m, size_t room, uint32_t number)
{
    uint32_t *carriers = malloc(room * 4), *cost = malloc(room * 4), *flips = malloc(room * 4);
    uint8_t *diff = malloc(m / 8 + 1), *before = malloc(m / 8 + 1), *after = malloc(m / 8 + 1);
    size_t n = 0;

    assert_true(carriers && cost && flips && diff && before && after);
    cover_random(carriers, room * 4, number);
    cover_random(cost, room * 4, number + 1);
    cover_random(diff, m / 8 + 1, number + 2);
    for (size_t i = 0; i < room; i++)
        cost[i] = 1 + (number % 2 == 0 ? cost[i] % 1000 : (1u << 20) - 2);
    stego_stealth_syndrome(before, carriers, m, room);
    assert_int_equal(stego_stealth_solve(flips, &n, diff, m, cost, room), 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(flips[i] < stego_stealth_used(m, room));
        assert_true(i == 0 || flips[i - 1] < flips[i]);
        carriers[flips[i]] ^= 1;
    }
    stego_stealth_syndrome(after, carriers, m, room);
    for (size_t i = 0; i < m; i++)
        assert_int_equal(bit_get(before, i) ^ bit_get(after, i), bit_get(diff, i));
    free(carriers);
    free(cost);
    free(flips);
    free(diff);
    free(before);
    free(after);
}

/* The highest costs over many bits: the totals must not run over, not even with one column. */
static void stealth_solve__any_difference__is_made(void **state)
{
    static const size_t sizes[][2] = {{1, 1},       {7, 100},     {64, 2048},   {500, 600},
                                      {1000, 2048}, {2047, 2048}, {9000, 9000}, {9000, 18001}};

    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (uint32_t number = 0; number < 4; number++)
            solve_and_check(sizes[s][0], sizes[s][1], number);
    }
}

/*
 * One column a bit leaves one state at a time that can be reached. With every carrier to be flipped
 * its total grows at each step and that of the others does not: they must stay out of the way.
 */
static void stealth_solve__one_column_and_all_flips__no_unreachable_state_wins(void **state)
{
    enum { M = 9000 };
    static uint32_t carriers[M], cost[M], flips[M];
    static uint8_t diff[M / 8];
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < M; i++) {
        carriers[i] = 1;
        cost[i] = (1u << 20) - 1;
    }
    stego_stealth_syndrome(diff, carriers, M, M);
    assert_int_equal(stego_stealth_solve(flips, &n, diff, M, cost, M), 0);
    assert_int_equal(n, M);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stealth_columns__ends_are_ones_and_all_differ),
        cmocka_unit_test(stealth_used__whole_columns_and_bounded),
        cmocka_unit_test(stealth_syndrome__is_the_product_with_h),
        cmocka_unit_test(stealth_solve__small_codes__no_cheaper_change_exists),
        cmocka_unit_test(stealth_solve__any_difference__is_made),
        cmocka_unit_test(stealth_solve__one_column_and_all_flips__no_unreachable_state_wins),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
