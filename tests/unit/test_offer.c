/* test_offer.c - offers, and the choice that all three parties compute for themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "common/offer.h"
#include "common/profile.h"
#include "common/stego.h"

#define LIST(...) ((struct list){sizeof((uint8_t[]){__VA_ARGS__}), {__VA_ARGS__}})

static struct offer offer_of(struct list profiles_, struct list suites, struct list codecs)
{
    struct offer o;

    memset(&o, 0, sizeof(o));
    o.profiles = profiles_;
    o.suites = suites;
    o.codecs = codecs;
    return o;
}

static void offer_local__auth_first_and_both_codes(void **state)
{
    struct offer o;

    (void)state;
    offer_local(&o, 0);
    assert_true(o.profiles.n > 0);
    assert_int_equal(o.profiles.v[0], PROFILE_AUTH);
    assert_int_equal(o.codecs.v[0], STEGO_LIGHT);
    assert_true(list_has(&o.codecs, STEGO_STEALTH));
    assert_true(list_has(&o.suites, SUITE_NONE));
}

static void offer_local__research_only_when_allowed(void **state)
{
    struct offer without, with;

    (void)state;
    offer_local(&without, 0);
    offer_local(&with, 1);
    for (size_t i = 0; i < profile_count; i++) {
        assert_int_equal(list_has(&without.profiles, profiles[i]->id),
                         profiles[i]->research == NULL);
        assert_true(list_has(&with.profiles, profiles[i]->id));
    }
}

static void list_has__only_what_counts(void **state)
{
    struct list l = {2, {1, 2, 3}};

    (void)state;
    assert_true(list_has(&l, 1));
    assert_true(list_has(&l, 2));
    assert_false(list_has(&l, 3)); /* behind the end */
    l.n = 0;
    assert_false(list_has(&l, 1));
}

static void offer_choose__first_of_the_initiators_that_the_responder_has(void **state)
{
    struct offer i = offer_of(LIST(5, 3, 1), LIST(2, 1), LIST(7, 8));
    struct offer r = offer_of(LIST(1, 3), LIST(1, 2), LIST(8));
    struct choice c;

    (void)state;
    assert_int_equal(offer_choose(&c, &i, &r), 0);
    assert_int_equal(c.profile, 3);
    assert_int_equal(c.suite, 2);
    assert_int_equal(c.codec, 8);
    assert_int_equal(offer_choose(&c, &r, &i), 0);
    assert_int_equal(c.profile, 1);
    assert_int_equal(c.suite, 1);
}

static void offer_choose__nothing_in_common_in_any_one_list__not_found(void **state)
{
    struct offer i = offer_of(LIST(1), LIST(1), LIST(1)), r;
    struct choice c;

    (void)state;
    r = offer_of(LIST(2), LIST(1), LIST(1));
    assert_int_equal(offer_choose(&c, &i, &r), ERR_NOTFOUND);
    r = offer_of(LIST(1), LIST(2), LIST(1));
    assert_int_equal(offer_choose(&c, &i, &r), ERR_NOTFOUND);
    r = offer_of(LIST(1), LIST(1), LIST(2));
    assert_int_equal(offer_choose(&c, &i, &r), ERR_NOTFOUND);
    r = offer_of(LIST(1), LIST(1), LIST(1));
    r.codecs.n = 0;
    assert_int_equal(offer_choose(&c, &i, &r), ERR_NOTFOUND);
    assert_int_equal(offer_choose(&c, &r, &i), ERR_NOTFOUND);
}

static void offer_choose__full_lists__last_entry_is_looked_at(void **state)
{
    struct offer i, r;
    struct choice c;

    (void)state;
    memset(&i, 0, sizeof(i));
    for (uint8_t k = 0; k < LIST_MAX; k++)
        i.profiles.v[k] = (uint8_t)(k + 1);
    i.profiles.n = LIST_MAX;
    i.suites = i.codecs = i.profiles;
    r = offer_of(LIST(LIST_MAX), LIST(LIST_MAX), LIST(LIST_MAX));
    assert_int_equal(offer_choose(&c, &i, &r), 0);
    assert_int_equal(c.profile, LIST_MAX);
    assert_int_equal(c.codec, LIST_MAX);
}

static void offer_equal__order_length_and_every_entry_count(void **state)
{
    struct offer a = offer_of(LIST(1, 2), LIST(3, 4), LIST(5, 6)), b = a;

    (void)state;
    assert_true(offer_equal(&a, &b));
    b.profiles.v[9] = 1; /* behind the end: says nothing */
    assert_true(offer_equal(&a, &b));
    b = offer_of(LIST(2, 1), LIST(3, 4), LIST(5, 6));
    assert_false(offer_equal(&a, &b));
    b = offer_of(LIST(1, 2), LIST(3), LIST(5, 6));
    assert_false(offer_equal(&a, &b));
    b = offer_of(LIST(1, 2), LIST(3, 4), LIST(5, 6, 6));
    assert_false(offer_equal(&a, &b));
    b = offer_of(LIST(1, 2), LIST(3, 4), LIST(5, 7));
    assert_false(offer_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offer_local__auth_first_and_both_codes),
        cmocka_unit_test(offer_local__research_only_when_allowed),
        cmocka_unit_test(list_has__only_what_counts),
        cmocka_unit_test(offer_choose__first_of_the_initiators_that_the_responder_has),
        cmocka_unit_test(offer_choose__nothing_in_common_in_any_one_list__not_found),
        cmocka_unit_test(offer_choose__full_lists__last_entry_is_looked_at),
        cmocka_unit_test(offer_equal__order_length_and_every_entry_count),
    };

    return cmocka_run_group_tests_name("offer", tests, NULL, NULL);
}
