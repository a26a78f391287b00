/* test_stego_light.c - the Hamming groups: their split, their syndrome, one flip a group. */
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

/* Carriers of k groups, the design's sentence in plain loops; SIZE_MAX when out of any range. */
static size_t carriers_of(size_t m, size_t k)
{
    size_t sum = 0;

    for (size_t i = 0; i < k; i++) {
        size_t bits = m / k + (i < m % k);

        if (bits > 30)
            return SIZE_MAX;
        sum += ((size_t)1 << bits) - 1;
    }
    return sum;
}

static size_t fewest_groups(size_t m, size_t room)
{
    for (size_t k = 1; k <= m; k++) {
        if (carriers_of(m, k) <= room)
            return k;
    }
    return 0;
}

static void light_used__is_that_of_the_fewest_groups_that_fit(void **state)
{
    static const size_t rooms[] = {1, 2, 55, 128, 2048, 8192};

    (void)state;
    for (size_t r = 0; r < sizeof(rooms) / sizeof(rooms[0]); r++) {
        for (size_t m = 1; m <= rooms[r]; m += 1 + m / 8) {
            size_t k = fewest_groups(m, rooms[r]);

            assert_int_equal(stego_light_used(m, rooms[r]), carriers_of(m, k));
        }
    }
    assert_int_equal(stego_light_used(64, 2048), 8 * 255);
    assert_int_equal(stego_light_used(192, 8192), 8 * 511 + 15 * 255);
    assert_int_equal(stego_light_used(1, 1u << 21), 1);
    assert_int_equal(stego_light_used(21, 1u << 21), (1u << 21) - 1);
}

/* 5 bits in 10 carriers: groups of 3 and 2 bits. Carriers 2 and 5 of the first, 3 of the second. */
static void light_syndrome__worked_example(void **state)
{
    uint32_t carriers[10] = {100, 103, 104, 106, 109, 110, 112, 114, 116, 119};
    uint8_t out[1] = {0xff};

    (void)state;
    stego_light_syndrome(out, carriers, 5, 10);
    assert_int_equal(out[0], (2 ^ 5) | 3 << 3);
}

static void light_solve__worked_example(void **state)
{
    uint32_t flips[5];
    uint8_t diff[1] = {6 | 1 << 3};

    (void)state;
    assert_int_equal(stego_light_solve(flips, diff, 5, 10), 2);
    assert_int_equal(flips[0], 5);
    assert_int_equal(flips[1], 7);
    diff[0] = 0;
    assert_int_equal(stego_light_solve(flips, diff, 5, 10), 0);
}

static void light_solve__any_difference__is_made_by_one_flip_a_group_at_most(void **state)
{
    enum { ROOM = 500 };
    uint32_t carriers[ROOM], flips[ROOM];
    uint8_t diff[63], before[63], after[63];

    (void)state;
    for (size_t m = 1; m <= ROOM; m += 7) {
        cover_random(carriers, sizeof(carriers), (uint32_t)m);
        cover_random(diff, sizeof(diff), (uint32_t)m + 1);
        stego_light_syndrome(before, carriers, m, ROOM);
        size_t n = stego_light_solve(flips, diff, m, ROOM);

        assert_true(n <= fewest_groups(m, ROOM));
        for (size_t i = 0; i < n; i++) {
            assert_true(flips[i] < stego_light_used(m, ROOM));
            assert_true(i == 0 || flips[i - 1] < flips[i]);
            carriers[flips[i]] ^= 1;
        }
        stego_light_syndrome(after, carriers, m, ROOM);
        for (size_t i = 0; i < m; i++)
            assert_int_equal(bit_get(before, i) ^ bit_get(after, i), bit_get(diff, i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(light_used__is_that_of_the_fewest_groups_that_fit),
        cmocka_unit_test(light_syndrome__worked_example),
        cmocka_unit_test(light_solve__worked_example),
        cmocka_unit_test(light_solve__any_difference__is_made_by_one_flip_a_group_at_most),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
