/* test_padding.c - size classes: few, wide enough, and taken off to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/padding.h"

static const size_t classes[] = {64, 256, 1024, 4096, 16384, 65536, 262144, 1048576};

#define N_CLASSES (sizeof(classes) / sizeof(classes[0]))

static void padding_size__around_each_class__the_class_that_has_room_for_the_mark(void **state)
{
    (void)state;
    assert_int_equal(padding_size(0, 0), 64);
    for (size_t i = 0; i < N_CLASSES; i++) {
        assert_int_equal(padding_size(classes[i] - 1, 0), classes[i]);
        if (i + 1 < N_CLASSES)
            assert_int_equal(padding_size(classes[i], 0), classes[i + 1]);
    }
}

static void padding_size__every_length__grows_and_costs_a_factor_of_four_at_most(void **state)
{
    size_t before = 0;

    (void)state;
    for (size_t len = 0; len <= PADDED_MESSAGE_MAX; len++) {
        size_t size = padding_size(len, 0);

        assert_true(size > len && size >= before && size <= MESSAGE_MAX);
        assert_true(size == PADDING_SMALLEST || size <= PADDING_FACTOR * len);
        before = size;
    }
}

static void padding_size__exact__one_more(void **state)
{
    (void)state;
    assert_int_equal(padding_size(0, 1), 1);
    assert_int_equal(padding_size(63, 1), 64);
    assert_int_equal(padding_size(64, 1), 65);
    assert_int_equal(padding_size(PADDED_MESSAGE_MAX, 1), MESSAGE_MAX);
}

static void padding_size__too_long__none(void **state)
{
    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        assert_int_equal(padding_size(MESSAGE_MAX, exact), 0);
        assert_int_equal(padding_size(SIZE_MAX, exact), 0);
    }
}

/* Messages that look like padding themselves are among them. */
static void padding_add__then_remove__the_message(void **state)
{
    static const uint8_t fills[] = {0, 0x80, 0xff, 'x'};
    uint8_t buf[4096], message[1024];
    size_t len;

    (void)state;
    for (size_t f = 0; f < sizeof(fills); f++) {
        memset(message, fills[f], sizeof(message));
        for (size_t n = 0; n < sizeof(message); n++) {
            for (int exact = 0; exact < 2; exact++) {
                size_t size = padding_size(n, exact);

                memset(buf, 0xaa, sizeof(buf));
                memcpy(buf, message, n);
                padding_add(buf, n, size);
                assert_int_equal(buf[size], 0xaa);
                assert_int_equal(padding_remove(buf, size, &len), 0);
                assert_int_equal(len, n);
                assert_memory_equal(buf, message, n);
            }
        }
    }
}

static void padding_add__largest_message__fills_the_largest_class(void **state)
{
    uint8_t *buf = calloc(1, MESSAGE_MAX);
    size_t len;

    (void)state;
    assert_non_null(buf);
    padding_add(buf, PADDED_MESSAGE_MAX, MESSAGE_MAX);
    assert_int_equal(buf[MESSAGE_MAX - 1], 0x80);
    assert_int_equal(padding_remove(buf, MESSAGE_MAX, &len), 0);
    assert_int_equal(len, PADDED_MESSAGE_MAX);
    free(buf);
}

static void padding_remove__no_mark__malformed(void **state)
{
    uint8_t buf[64] = {0};
    size_t len = 7;

    (void)state;
    assert_int_equal(padding_remove(buf, 0, &len), ERR_MALFORMED);
    assert_int_equal(len, 0);
    for (size_t size = 1; size <= sizeof(buf); size++) {
        memset(buf, 0, sizeof(buf));
        assert_int_equal(padding_remove(buf, size, &len), ERR_MALFORMED);
        buf[size - 1] = 1;
        assert_int_equal(padding_remove(buf, size, &len), ERR_MALFORMED);
        buf[size - 1] = 0x81;
        assert_int_equal(padding_remove(buf, size, &len), ERR_MALFORMED);
    }
}

/* Every bit of the padding counts: none of it can carry anything. */
static void padding_remove__any_bit_behind_the_message__malformed_or_longer(void **state)
{
    uint8_t buf[64] = "hello";
    size_t len;

    (void)state;
    padding_add(buf, 5, sizeof(buf));
    for (size_t bit = 8 * 5; bit < 8 * sizeof(buf); bit++) {
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(padding_remove(buf, sizeof(buf), &len) == ERR_MALFORMED || len > 5);
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t size = 0; size <= 5; size++)
        assert_int_equal(padding_remove(buf, size, &len), ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_size__around_each_class__the_class_that_has_room_for_the_mark),
        cmocka_unit_test(padding_size__every_length__grows_and_costs_a_factor_of_four_at_most),
        cmocka_unit_test(padding_size__exact__one_more),
        cmocka_unit_test(padding_size__too_long__none),
        cmocka_unit_test(padding_add__then_remove__the_message),
        cmocka_unit_test(padding_add__largest_message__fills_the_largest_class),
        cmocka_unit_test(padding_remove__no_mark__malformed),
        cmocka_unit_test(padding_remove__any_bit_behind_the_message__malformed_or_longer),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("padding", tests, NULL, NULL);
}
