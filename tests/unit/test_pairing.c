/* test_pairing.c - the secrets of a pair: who must agree gets the same, everybody else another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "cloudd/pairing.h"
#include "common/err.h"

static uint8_t canvas_a[FX1_CANVAS], canvas_b[FX1_CANVAS];
static uint8_t dev_a[KEY_BYTES] = {1}, dev_b[KEY_BYTES] = {2}, secret[KEY_BYTES] = {3};

static int draw_canvases(void **state)
{
    (void)state;
    if (sodium_init() < 0)
        return -1;
    for (size_t i = 0; i < FX1_CANVAS; i++) {
        canvas_a[i] = (uint8_t)(i * 7 / 3 % 16);
        canvas_b[i] = (uint8_t)(i / 5 % 16);
    }
    return 0;
}

static const struct pair_party alice = {"alice", 1, dev_a, canvas_a};
static const struct pair_party bob = {"bob", 2, dev_b, canvas_b};

static struct pair_keys make(const struct pair_party *a, const struct pair_party *b)
{
    struct pair_keys k;

    assert_int_equal(pairing_make(&k, a, b, secret), 0);
    return k;
}

static void pairing__order_of_the_two__makes_no_difference(void **state)
{
    struct pair_keys ab = make(&alice, &bob), ba = make(&bob, &alice);

    (void)state;
    assert_memory_equal(ab.k_pair, ba.k_pair, KEY_BYTES);
    assert_memory_equal(ab.rv, ba.rv, FX1_BYTES);
    assert_false(sodium_is_zero(ab.rv, FX1_BYTES));
}

static void pairing__any_input_changed__another_key(void **state)
{
    struct pair_keys base = make(&alice, &bob), other;
    uint8_t dev[KEY_BYTES] = {9}, another_secret[KEY_BYTES] = {4};
    struct pair_party p;

    (void)state;
    p = alice;
    p.id = "alicia";
    other = make(&p, &bob);
    assert_memory_not_equal(base.k_pair, other.k_pair, KEY_BYTES);
    p = alice;
    p.enrolment = 3;
    other = make(&p, &bob);
    assert_memory_not_equal(base.k_pair, other.k_pair, KEY_BYTES);
    p = alice;
    p.dev = dev;
    other = make(&p, &bob);
    assert_memory_not_equal(base.k_pair, other.k_pair, KEY_BYTES);
    p = alice;
    p.canvas = canvas_b;
    other = make(&p, &bob);
    assert_memory_not_equal(base.rv, other.rv, FX1_BYTES);
    assert_memory_not_equal(base.k_pair, other.k_pair, KEY_BYTES);
    assert_int_equal(pairing_make(&other, &alice, &bob, another_secret), 0);
    assert_memory_equal(base.rv, other.rv, FX1_BYTES);
    assert_memory_not_equal(base.k_pair, other.k_pair, KEY_BYTES);
}

static void pairing__salt_key__follows_from_t_and_slice_and_is_not_the_pair_key(void **state)
{
    struct pair_keys k = make(&alice, &bob);
    uint8_t t[NEG_ID_BYTES] = {5}, u[NEG_ID_BYTES] = {6};
    struct keybuf first, second;

    (void)state;
    assert_int_equal(pair_keys_derive_sk(&first, &k, t, (struct slice){10, 40}), 0);
    assert_int_equal(pair_keys_derive_sk(&second, &k, t, (struct slice){10, 40}), 0);
    assert_int_equal(first.len, KEY_BYTES);
    assert_true(keybuf_equal(&first, &second));
    assert_int_equal(pair_keys_derive_sk(&second, &k, u, (struct slice){10, 40}), 0);
    assert_false(keybuf_equal(&first, &second));
    assert_int_equal(pair_keys_derive_sk(&second, &k, t, (struct slice){11, 40}), 0);
    assert_false(keybuf_equal(&first, &second));
    assert_int_equal(pair_keys_derive_sk(&second, &k, t, (struct slice){10, 41}), 0);
    assert_false(keybuf_equal(&first, &second));
    assert_int_equal(pair_keys_derive_shk(&second, &k), 0);
    assert_false(keybuf_equal(&first, &second));
    assert_memory_not_equal(second.b, k.k_pair, KEY_BYTES);
}

static void pair_keys__slice_out_of_bounds__is_refused(void **state)
{
    struct pair_keys k = make(&alice, &bob);
    static const struct {
        struct slice s;
        int err;
    } cases[] = {
        {{0, SLICE_MIN - 1}, 0},
        {{0, SLICE_MIN - 2}, ERR_ARG},
        {{0, SLICE_MAX - 1}, 0},
        {{0, SLICE_MAX}, ERR_ARG},
        {{20, 19}, ERR_ARG},
        {{FX1_BYTES - 20, FX1_BYTES - 1}, 0},
        {{FX1_BYTES - 20, FX1_BYTES}, ERR_ARG},
    };
    uint8_t t[NEG_ID_BYTES] = {0};
    struct keybuf key;

    (void)state;
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        assert_int_equal(pair_keys_derive_sk(&key, &k, t, cases[n].s), cases[n].err);
        assert_int_equal(pair_keys_slice_sk(&key, &k, t, cases[n].s), cases[n].err);
        assert_int_equal(key.len, cases[n].err == 0 ? cases[n].s.e - cases[n].s.i + 1 : 0);
        k.shk = cases[n].s;
        assert_int_equal(pair_keys_slice_shk(&key, &k), cases[n].err);
    }
}

static void pair_keys__slice__is_that_part_of_rv_itself(void **state)
{
    struct pair_keys k = make(&alice, &bob);
    struct keybuf key;

    (void)state;
    assert_int_equal(pair_keys_slice_sk(&key, &k, NULL, (struct slice){100, 140}), 0);
    assert_int_equal(key.len, 41);
    assert_memory_equal(key.b, k.rv + 100, 41);
    assert_int_equal(pair_keys_slice_shk(&key, &k), 0);
    assert_in_range(key.len, SLICE_MIN, SLICE_MAX);
    assert_memory_equal(key.b, k.rv + k.shk.i, key.len);
    assert_false(sodium_is_zero(key.b, key.len));
}

static void pairing_draw_slice__lengths_14_to_64_both_ends_reached__never_all_zero(void **state)
{
    struct pair_keys k;
    unsigned redrawn, seen_min = 0, seen_max = 0, seen_end = 0, redraws = 0;
    struct slice s;

    (void)state;
    memset(&k, 0, sizeof(k));
    memset(k.rv + FX1_BYTES / 2, 1, FX1_BYTES - FX1_BYTES / 2); /* the first half all zero */
    for (unsigned n = 0; n < 20000; n++) {
        assert_int_equal(pairing_draw_slice(&k, &s, &redrawn), 0);
        assert_in_range(s.e - s.i + 1, SLICE_MIN, SLICE_MAX);
        assert_in_range(s.e, FX1_BYTES / 2, FX1_BYTES - 1);
        seen_min += s.e - s.i + 1 == SLICE_MIN;
        seen_max += s.e - s.i + 1 == SLICE_MAX;
        seen_end += s.e == FX1_BYTES - 1;
        redraws += redrawn;
    }
    assert_true(seen_min > 0 && seen_max > 0 && seen_end > 0);
    assert_in_range(redraws, 16000, 24000); /* about one for each that is kept */
}

static void pairing_draw_slice__rv_all_zero__ends_with_blank(void **state)
{
    struct pair_keys k;
    unsigned redrawn;
    struct slice s;

    (void)state;
    memset(&k, 0, sizeof(k));
    assert_int_equal(pairing_draw_slice(&k, &s, &redrawn), ERR_BLANK);
    assert_int_equal(redrawn, 1000);
}

static void pairing_salt__is_an_element_of_the_group_and_fresh(void **state)
{
    uint8_t a[KEY_BYTES], b[KEY_BYTES];

    (void)state;
    pairing_salt(a);
    pairing_salt(b);
    assert_int_equal(crypto_core_ristretto255_is_valid_point(a), 1);
    assert_int_equal(crypto_core_ristretto255_is_valid_point(b), 1);
    assert_memory_not_equal(a, b, KEY_BYTES);
}

static void pairing_decode__record__comes_back_and_no_other_length_does(void **state)
{
    static uint8_t record[PAIR_RECORD_BYTES + 1];
    struct pair_keys k = make(&alice, &bob), back;

    (void)state;
    pairing_encode(record, &k);
    assert_int_equal(pairing_decode(&back, &(struct blob){record, PAIR_RECORD_BYTES}), 0);
    assert_memory_equal(&back, &k, sizeof(k));
    for (size_t n = 0; n <= sizeof(record); n++)
        if (n != PAIR_RECORD_BYTES)
            assert_int_equal(pairing_decode(&back, &(struct blob){record, n}), ERR_MALFORMED);
    record[0] = 2;
    assert_int_equal(pairing_decode(&back, &(struct blob){record, PAIR_RECORD_BYTES}), ERR_VERSION);
    record[0] = 0;
    assert_int_equal(pairing_decode(&back, &(struct blob){record, PAIR_RECORD_BYTES}),
                     ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairing__order_of_the_two__makes_no_difference),
        cmocka_unit_test(pairing__any_input_changed__another_key),
        cmocka_unit_test(pairing__salt_key__follows_from_t_and_slice_and_is_not_the_pair_key),
        cmocka_unit_test(pair_keys__slice_out_of_bounds__is_refused),
        cmocka_unit_test(pair_keys__slice__is_that_part_of_rv_itself),
        cmocka_unit_test(pairing_draw_slice__lengths_14_to_64_both_ends_reached__never_all_zero),
        cmocka_unit_test(pairing_draw_slice__rv_all_zero__ends_with_blank),
        cmocka_unit_test(pairing_salt__is_an_element_of_the_group_and_fresh),
        cmocka_unit_test(pairing_decode__record__comes_back_and_no_other_length_does),
    };

    return cmocka_run_group_tests(tests, draw_canvases, NULL);
}
