/* test_kstream.c - the keyed stream and its shuffle: even, and the same however it is drawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/kstream.h"
#include "covers.h"

static void start(struct kstream *ks, uint32_t number)
{
    uint8_t key[KSTREAM_KEY_BYTES];

    cover_random(key, sizeof(key), number);
    kstream_init(ks, key, "inkpost test");
}

static void count_up(uint32_t *items, size_t n)
{
    for (uint32_t i = 0; i < n; i++)
        items[i] = i;
}

static void kstream_bytes__in_any_portions__are_the_same(void **state)
{
    static uint8_t whole[20000], parts[20000];
    static const size_t steps[] = {1, 3, 63, 64, 65, 4095, 4096, 4097};
    struct kstream ks;

    (void)state;
    start(&ks, 1);
    kstream_bytes(&ks, whole, sizeof(whole));
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        start(&ks, 1);
        for (size_t at = 0; at < sizeof(parts); at += steps[s])
            kstream_bytes(&ks, parts + at,
                          steps[s] < sizeof(parts) - at ? steps[s] : sizeof(parts) - at);
        assert_memory_equal(whole, parts, sizeof(whole));
    }
}

static void kstream_init__other_label_or_key__gives_another_stream(void **state)
{
    struct kstream a, b, c;
    uint8_t key[KSTREAM_KEY_BYTES] = {0}, x[32], y[32], z[32];

    (void)state;
    kstream_init(&a, key, "inkpost one");
    kstream_init(&b, key, "inkpost two");
    key[31] = 1;
    kstream_init(&c, key, "inkpost one");
    kstream_bytes(&a, x, sizeof(x));
    kstream_bytes(&b, y, sizeof(y));
    kstream_bytes(&c, z, sizeof(z));
    assert_memory_not_equal(x, y, sizeof(x));
    assert_memory_not_equal(x, z, sizeof(x));
}

static void check_permutation(size_t n, size_t count)
{
    uint32_t *items = malloc(n * 4), *full = malloc(n * 4);
    uint8_t *seen = calloc(n, 1);
    struct kstream ks;

    assert_true(items && full && seen);
    count_up(items, n);
    count_up(full, n);
    start(&ks, (uint32_t)n);
    kstream_shuffle(&ks, items, n, count);
    start(&ks, (uint32_t)n);
    kstream_shuffle(&ks, full, n, n);
    assert_memory_equal(items, full, count * 4);
    for (size_t i = 0; i < n; i++) {
        assert_true(items[i] < n);
        assert_int_equal(seen[items[i]]++, 0);
    }
    free(items);
    free(full);
    free(seen);
}

static void kstream_shuffle__part__is_the_front_of_a_full_one(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 100, 2047, 2048, 8191, 8192, 8193, 70000};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        check_permutation(sizes[i], sizes[i] / 2);
        check_permutation(sizes[i], sizes[i]);
    }
}

/* All 24 orders of 4 items, 24,000 draws: chi-square with 23 degrees, far below its 99.9 % point
 * (49.7) for this fixed stream, and far above it for a shuffle that is biased. */
static void kstream_shuffle__all_orders_of_four__equally_often(void **state)
{
    unsigned seen[256] = {0};
    double chi = 0;
    struct kstream ks;

    (void)state;
    start(&ks, 4);
    for (unsigned round = 0; round < 24000; round++) {
        uint32_t items[4];

        count_up(items, 4);
        kstream_shuffle(&ks, items, 4, 4);
        seen[items[0] | items[1] << 2 | items[2] << 4 | items[3] << 6]++;
    }
    unsigned orders = 0;

    for (size_t i = 0; i < 256; i++) {
        if (seen[i] > 0) {
            orders++;
            chi += ((double)seen[i] - 1000) * ((double)seen[i] - 1000) / 1000;
        }
    }
    assert_int_equal(orders, 24);
    assert_true(chi < 49.7);
}

/*
 * The first place among 6001, thirds: 16-bit words fall on 6001 values unevenly unless the surplus
 * is rejected.
 */
static void kstream_shuffle__first_place__is_even_over_the_range(void **state)
{
    enum { N = 6001, ROUNDS = 3000 };
    static uint32_t items[N];
    unsigned third[3] = {0};
    struct kstream ks;

    (void)state;
    start(&ks, 9);
    for (unsigned round = 0; round < ROUNDS; round++) {
        count_up(items, N);
        kstream_shuffle(&ks, items, N, 1);
        third[items[0] * 3 / N]++;
    }
    for (size_t i = 0; i < 3; i++)
        assert_in_range(third[i], 920, 1080);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kstream_bytes__in_any_portions__are_the_same),
        cmocka_unit_test(kstream_init__other_label_or_key__gives_another_stream),
        cmocka_unit_test(kstream_shuffle__part__is_the_front_of_a_full_one),
        cmocka_unit_test(kstream_shuffle__all_orders_of_four__equally_often),
        cmocka_unit_test(kstream_shuffle__first_place__is_even_over_the_range),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
