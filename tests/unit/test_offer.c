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

static const struct list any = {LIST_MAX, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void offer_choose__first_of_the_initiators_that_the_responder_has(void **state)
{
    struct offer i = offer_of(LIST(99, PROFILE_AUTH), LIST(3, 1), LIST(7, 8));
    struct offer r = offer_of(LIST(PROFILE_AUTH, 98), LIST(1, 2), LIST(8));
    struct choice c;

    (void)state;
    assert_int_equal(offer_choose(&c, &i, &r, &any), 0);
    assert_int_equal(c.profile, PROFILE_AUTH);
    assert_int_equal(c.suite, SUITE_NONE);
    assert_int_equal(c.codec, 8);
    i.codecs = r.codecs = (struct list){2, {2, 1}};
    assert_int_equal(offer_choose(&c, &r, &i, &any), 0);
    assert_int_equal(c.codec, 2);
}

static void offer_choose__no_profile_or_code_in_common__not_found(void **state)
{
    struct offer i = offer_of(LIST(PROFILE_AUTH), LIST(1), LIST(1)), r;
    struct choice c;

    (void)state;
    r = offer_of(LIST(2), LIST(1), LIST(1));
    assert_int_equal(offer_choose(&c, &i, &r, &any), ERR_NOTFOUND);
    r = offer_of(LIST(PROFILE_AUTH), LIST(1), LIST(2));
    assert_int_equal(offer_choose(&c, &i, &r, &any), ERR_NOTFOUND);
    r.codecs.n = 0;
    assert_int_equal(offer_choose(&c, &i, &r, &any), ERR_NOTFOUND);
    assert_int_equal(offer_choose(&c, &r, &i, &any), ERR_NOTFOUND);
    i = r = offer_of(LIST(200), LIST(1), LIST(1)); /* in common, but nobody knows it */
    assert_int_equal(offer_choose(&c, &i, &r, &any), ERR_NOTFOUND);
}

/* Each of the three can leave the other two without a suite. */
static void offer_choose__no_suite_left__denied(void **state)
{
    struct offer i = offer_of(LIST(PROFILE_AUTH), LIST(2, 1), LIST(1)), r = i;
    struct list allowed = any, without = LIST(2, 3, 4);
    struct choice c;

    (void)state;
    assert_int_equal(offer_choose(&c, &i, &r, &allowed), 0);
    r.suites = without;
    assert_int_equal(offer_choose(&c, &i, &r, &allowed), ERR_DENIED);
    assert_int_equal(offer_choose(&c, &r, &i, &allowed), ERR_DENIED);
    r.suites = i.suites;
    assert_int_equal(offer_choose(&c, &i, &r, &without), ERR_DENIED);
    allowed.n = 0;
    assert_int_equal(offer_choose(&c, &i, &r, &allowed), ERR_DENIED);
}

/* A suite that the profile has no use for is passed over, wherever it stands. */
static void offer_choose__suites__only_those_of_the_profile(void **state)
{
    struct offer i = offer_of(LIST(PROFILE_AUTH), LIST(4, 3, 2, 1), LIST(1));
    struct choice c;

    (void)state;
    for (size_t k = 0; k < profile_count; k++) {
        i.profiles.v[0] = profiles[k]->id;
        assert_int_equal(offer_choose(&c, &i, &i, &any), 0);
        assert_true(list_has(&profiles[k]->suites, c.suite));
        for (size_t s = 0; i.suites.v[s] != c.suite; s++)
            assert_false(list_has(&profiles[k]->suites, i.suites.v[s]));
    }
}

static void offer_choose__full_lists__last_entry_is_looked_at(void **state)
{
    struct offer i, r;
    struct choice c;

    (void)state;
    memset(&i, 0, sizeof(i));
    for (uint8_t k = 0; k < LIST_MAX; k++)
        i.profiles.v[k] = (uint8_t)(LIST_MAX - k);
    i.profiles.n = LIST_MAX;
    i.suites = i.codecs = i.profiles;
    r = offer_of(LIST(PROFILE_AUTH), LIST(SUITE_NONE), LIST(1));
    assert_int_equal(offer_choose(&c, &i, &r, &i.suites), 0);
    assert_int_equal(c.profile, PROFILE_AUTH);
    assert_int_equal(c.suite, SUITE_NONE);
    assert_int_equal(c.codec, 1);
}

static void list_covers__every_entry_in_any_order(void **state)
{
    struct list l = LIST(3, 1, 2), some = LIST(2, 3), other = LIST(2, 4);

    (void)state;
    assert_true(list_covers(&l, &some));
    assert_true(list_covers(&l, &l));
    assert_false(list_covers(&some, &l));
    assert_false(list_covers(&l, &other));
    assert_true(list_meets(&l, &other));
    assert_false(list_meets(&other, &(struct list){2, {1, 3}}));
    some.n = 0;
    assert_false(list_meets(&l, &some));
    assert_true(list_covers(&l, &some));
    assert_false(list_covers(&some, &l));
}

static void offer_is_empty__only_without_any_list(void **state)
{
    struct offer o = {.suites = {1, {1}}};

    (void)state;
    assert_false(offer_is_empty(&o));
    o.suites.n = 0;
    assert_true(offer_is_empty(&o));
    o.codecs.n = 1;
    assert_false(offer_is_empty(&o));
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
        cmocka_unit_test(offer_choose__no_profile_or_code_in_common__not_found),
        cmocka_unit_test(offer_choose__no_suite_left__denied),
        cmocka_unit_test(offer_choose__suites__only_those_of_the_profile),
        cmocka_unit_test(offer_choose__full_lists__last_entry_is_looked_at),
        cmocka_unit_test(list_covers__every_entry_in_any_order),
        cmocka_unit_test(offer_is_empty__only_without_any_list),
        cmocka_unit_test(offer_equal__order_length_and_every_entry_count),
    };

    return cmocka_run_group_tests_name("offer", tests, NULL, NULL);
}
