/* test_buckets.c - rates: bursts, the steady rate, what is given back, and who shares a bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cloudd/buckets.h"

#define NOW 123456789

static int take_all(struct buckets *b, uint64_t hash, int64_t now_ms)
{
    int n = 0;

    while (n < 100000 && buckets_take(b, hash, now_ms))
        n++;
    return n;
}

static void buckets_take__burst__then_the_rate(void **state)
{
    struct buckets *b = buckets_new(20);
    int n = 0;

    (void)state;
    assert_non_null(b);
    assert_int_equal(take_all(b, 1, NOW), 20 * BUCKET_SECONDS);
    assert_int_equal(take_all(b, 1, NOW + 49), 0);
    assert_int_equal(take_all(b, 1, NOW + 50), 1);
    for (int64_t t = NOW + 51; t <= NOW + 10050; t++)
        n += buckets_take(b, 1, t);
    assert_int_equal(n, 200);
    buckets_free(b);
}

static void buckets_take__after_a_long_rest__is_one_burst_again(void **state)
{
    struct buckets *b = buckets_new(3);

    (void)state;
    assert_int_equal(take_all(b, 1, NOW), 15);
    assert_int_equal(take_all(b, 1, NOW + 1000000), 15);
    buckets_free(b);
}

static void buckets_take__others__have_their_own(void **state)
{
    struct buckets *b = buckets_new(20);

    (void)state;
    take_all(b, 1, NOW);
    assert_int_equal(take_all(b, 2, NOW), 100);
    assert_int_equal(take_all(b, UINT64_MAX, NOW), 100);
    buckets_free(b);
}

static void buckets_give__what_was_taken__never_runs_out(void **state)
{
    struct buckets *b = buckets_new(1);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_true(buckets_take(b, 7, NOW));
        buckets_give(b, 7);
    }
    assert_int_equal(take_all(b, 7, NOW), BUCKET_SECONDS);
    buckets_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_take__burst__then_the_rate),
        cmocka_unit_test(buckets_take__after_a_long_rest__is_one_burst_again),
        cmocka_unit_test(buckets_take__others__have_their_own),
        cmocka_unit_test(buckets_give__what_was_taken__never_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
