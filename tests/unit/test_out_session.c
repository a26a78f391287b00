/* test_out_session.c - sessions on the sending side and how they end, and negotiations that wait.
 */
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
#include "tests/unit/covers.h"
#include "tests/unit/outbox_fixture.h"

/* ---- sessions ---- */

static void out_session__put_and_found_by_each_of_its_names(void **state)
{
    struct tx *tx = *state;
    struct out_session s, got;

    tx_make_session(&s, 1, "bob");
    assert_int_equal(out_session_put(tx->db, &s), 0);
    tx_reopen(tx);
    assert_int_equal(out_session_current(tx->db, "bob", &got), 0);
    assert_memory_equal(&got.keys, &s.keys, sizeof(s.keys));
    assert_int_equal(got.codecs.n, 2);
    assert_int_equal(got.codecs.v[1], 2);
    assert_int_equal(got.suite, 4);
    assert_int_equal(got.created, s.created);
    assert_int_equal(out_session_get(tx->db, s.keys.session, &got), 0);
    assert_string_equal(got.peer, "bob");
    assert_int_equal(out_session_by_negotiation(tx->db, s.negotiation, &got), 0);
    assert_memory_equal(got.keys.session, s.keys.session, SESSION_ID_BYTES);
    assert_int_equal(out_session_current(tx->db, "carol", &got), ERR_NOTFOUND);
    assert_int_equal(out_session_get(tx->db, s.keys.state.b, &got), ERR_NOTFOUND);
}

static void out_session_save__chain_and_next_survive(void **state)
{
    struct tx *tx = *state;
    struct out_session s, got;
    uint8_t seed[KEY_BYTES];

    tx_make_session(&s, 1, "bob");
    assert_int_equal(out_session_put(tx->db, &s), 0);
    session_step(s.keys.state.b, seed);
    s.next = 5;
    assert_int_equal(out_session_save(tx->db, &s), 0);
    tx_reopen(tx);
    assert_int_equal(out_session_current(tx->db, "bob", &got), 0);
    assert_int_equal(got.next, 5);
    assert_memory_equal(got.keys.state.b, s.keys.state.b, KEY_BYTES);
}

static void out_session_put__older_one_loses_its_chain_and_keeps_its_receipt_key(void **state)
{
    static const uint8_t zero[KEY_BYTES];
    struct sql *db = tx_db(state);
    struct out_session one, got;

    tx_make_session(&one, 1, "bob");
    assert_int_equal(out_session_put(db, &one), 0);
    tx_put_session(db, 3, "carol");
    tx_put_session(db, 2, "bob");
    assert_int_equal(out_session_get(db, one.keys.session, &got), 0);
    assert_memory_equal(got.keys.state.b, zero, KEY_BYTES);
    assert_memory_equal(got.keys.receipt, one.keys.receipt, KEY_BYTES);
    assert_int_equal(out_session_current(db, "bob", &got), 0);
    assert_memory_not_equal(got.keys.session, one.keys.session, SESSION_ID_BYTES);
    assert_int_equal(out_session_current(db, "carol", &got), 0);
}

static void put_of_profile(struct sql *db, uint32_t number, uint8_t profile, int64_t created)
{
    struct out_session s;

    tx_make_session(&s, number, "bob");
    s.profile = profile;
    s.created = created;
    assert_int_equal(out_session_put(db, &s), 0);
}

/* Which of put_of_profile's is current; 0: none. */
static uint32_t current_of(struct sql *db)
{
    uint8_t name[SESSION_ID_BYTES];
    struct out_session s;
    uint32_t number = 0;

    if (out_session_current(db, "bob", &s) != 0)
        return 0;
    do
        cover_random(name, sizeof(name), ++number);
    while (memcmp(name, s.keys.session, sizeof(name)) != 0);
    return number;
}

static void out_session_switch__there_and_back__with_state_and_next(void **state)
{
    struct sql *db = tx_db(state);
    struct out_session s, got;

    tx_make_session(&s, 1, "bob");
    s.next = 5;
    assert_int_equal(out_session_put(db, &s), 0);
    put_of_profile(db, 2, 2, s.created);
    assert_int_equal(current_of(db), 2);
    assert_int_equal(out_session_switch(db, "bob", 1), 0);
    assert_int_equal(current_of(db), 1);
    assert_int_equal(out_session_current(db, "bob", &got), 0);
    assert_int_equal(got.next, 5);
    assert_memory_equal(&got.keys, &s.keys, sizeof(s.keys));
    assert_int_equal(out_session_switch(db, "bob", 1), 0);
    assert_int_equal(current_of(db), 1);
    assert_int_equal(out_session_switch(db, "bob", 2), 0);
    assert_int_equal(current_of(db), 2);
    assert_int_equal(out_session_switch(db, "bob", 3), ERR_NOTFOUND);
    assert_int_equal(current_of(db), 0);
    assert_int_equal(out_session_switch(db, "bob", 1), 0);
    assert_int_equal(out_session_sweep(db), 0);
    assert_true(tx_has_session(db, 1) && tx_has_session(db, 2));
}

static void
out_session_put__those_set_aside__go_with_a_new_one_of_their_profile_or_age(void **state)
{
    const int64_t age = (int64_t)SESSION_AGE_MAX * 1000000;
    struct sql *db = tx_db(state);
    struct out_session got;
    uint8_t name[SESSION_ID_BYTES];

    put_of_profile(db, 1, 1, age);
    put_of_profile(db, 2, 2, age);
    put_of_profile(db, 3, 1, age);
    assert_int_equal(out_session_switch(db, "bob", 1), 0);
    assert_int_equal(current_of(db), 3);
    put_of_profile(db, 4, 3, 2 * age + 1);
    assert_int_equal(out_session_switch(db, "bob", 1), ERR_NOTFOUND);
    assert_int_equal(out_session_switch(db, "bob", 2), ERR_NOTFOUND);
    cover_random(name, sizeof(name), 3);
    assert_int_equal(out_session_get(db, name, &got), 0);
    assert_true(sodium_is_zero(got.keys.state.b, got.keys.state.len));
}

static void out_session_retire__those_set_aside_too(void **state)
{
    struct sql *db = tx_db(state);

    put_of_profile(db, 1, 1, 1);
    put_of_profile(db, 2, 2, 1);
    assert_int_equal(out_session_retire(db, "bob"), 0);
    assert_int_equal(out_session_switch(db, "bob", 1), ERR_NOTFOUND);
    assert_int_equal(out_session_switch(db, "bob", 2), ERR_NOTFOUND);
}

static void out_session_retire__none_is_current(void **state)
{
    struct sql *db = tx_db(state);
    struct out_session got;

    tx_put_session(db, 1, "bob");
    tx_put_session(db, 2, "carol");
    assert_int_equal(out_session_retire(db, "bob"), 0);
    assert_int_equal(out_session_current(db, "bob", &got), ERR_NOTFOUND);
    assert_int_equal(out_session_current(db, "carol", &got), 0);
}

static void out_session_retire_this__an_older_session_does_not_end_the_current(void **state)
{
    uint8_t older[SESSION_ID_BYTES], current[SESSION_ID_BYTES];
    struct sql *db = tx_db(state);
    struct out_session got;

    cover_random(older, sizeof(older), 1);
    cover_random(current, sizeof(current), 2);
    tx_put_session(db, 1, "bob");
    tx_put_session(db, 2, "bob");
    assert_int_equal(out_session_retire_this(db, older), 0);
    assert_int_equal(out_session_current(db, "bob", &got), 0);
    assert_int_equal(out_session_retire_this(db, current), 0);
    assert_int_equal(out_session_current(db, "bob", &got), ERR_NOTFOUND);
}

static void out_session_sweep__keeps_current_and_those_that_wait_for_receipts(void **state)
{
    struct sql *db = tx_db(state);
    int64_t id;

    tx_put_session(db, 1, "bob");
    tx_put_session(db, 2, "bob");
    tx_put_session(db, 3, "bob");
    tx_put(db, "bob", "waits");
    id = tx_pack(db, "bob", 2, 0);
    assert_int_equal(out_session_sweep(db), 0);
    assert_false(tx_has_session(db, 1));
    assert_true(tx_has_session(db, 2));
    assert_true(tx_has_session(db, 3));
    assert_int_equal(outbox_delete(db, id), 0);
    assert_int_equal(out_session_sweep(db), 0);
    assert_false(tx_has_session(db, 2));
    assert_true(tx_has_session(db, 3));
}

/* ---- when a session is worn ---- */

static void out_session_is_worn__by_age(void **state)
{
    const int64_t day = (int64_t)SESSION_AGE_MAX * 1000000;
    struct out_session s;

    tx_make_session(&s, 1, "bob");
    assert_false(out_session_is_worn(tx_db(state), &s, s.created));
    assert_false(out_session_is_worn(tx_db(state), &s, s.created + day));
    assert_true(out_session_is_worn(tx_db(state), &s, s.created + day + 1));
    assert_false(out_session_is_worn(tx_db(state), &s, 0)); /* a clock that was put back */
}

static void out_session_is_worn__by_messages(void **state)
{
    struct out_session s;

    tx_make_session(&s, 1, "bob");
    s.next = SESSION_INDEX_MAX - 1;
    s.heard = s.next;
    assert_false(out_session_is_worn(tx_db(state), &s, s.created));
    s.next = SESSION_INDEX_MAX;
    assert_true(out_session_is_worn(tx_db(state), &s, s.created));
}

static void out_session_is_worn__by_what_is_not_receipted(void **state)
{
    struct sql *db = tx_db(state);
    struct out_session s;
    int64_t id;

    tx_make_session(&s, 1, "bob");
    tx_put(db, "bob", "the oldest");
    tx_put(db, "bob", "a later one");
    id = tx_pack(db, "bob", 1, 1000);
    tx_pack(db, "bob", 1, 2000);
    s.next = 1000 + SESSION_AHEAD_MAX - 2;
    s.heard = s.next;
    assert_false(out_session_is_worn(db, &s, s.created));
    s.next++;
    assert_true(out_session_is_worn(db, &s, s.created));
    assert_int_equal(outbox_delete(db, id), 0);
    assert_false(out_session_is_worn(db, &s, s.created));
}

static void out_session_is_worn__by_what_was_passed_over(void **state)
{
    struct out_session s;

    tx_make_session(&s, 1, "bob");
    s.heard = 500;
    s.next = 500 + SESSION_AHEAD_MAX - 2;
    assert_false(out_session_is_worn(tx_db(state), &s, s.created));
    s.next++;
    assert_true(out_session_is_worn(tx_db(state), &s, s.created));
}

static void outbox_oldest__of_that_session_or_next(void **state)
{
    struct sql *db = tx_db(state);
    struct out_session s;
    uint64_t index;

    tx_make_session(&s, 1, "bob");
    s.next = 42;
    tx_put(db, "bob", "of another session");
    tx_pack(db, "bob", 2, 3);
    assert_int_equal(outbox_oldest(db, &s, &index), 0);
    assert_int_equal(index, 42);
    tx_put(db, "bob", "of this one");
    tx_pack(db, "bob", 1, 9);
    assert_int_equal(outbox_oldest(db, &s, &index), 0);
    assert_int_equal(index, 9);
}

/* ---- negotiations ---- */

static void make_negotiation(struct out_negotiation *n, uint32_t number)
{
    memset(n, 0, sizeof(*n));
    text_copy(n->peer, sizeof(n->peer), "bob");
    n->request = UINT64_MAX - number;
    cover_random(n->negotiation, NEG_ID_BYTES, number);
    cover_random(n->salt, KEY_BYTES, number + 1);
    n->sk.len = KEY_BYTES;
    n->shk.len = PAIR_KEY_MAX;
    cover_random(n->sk.b, n->sk.len, number + 2);
    cover_random(n->shk.b, n->shk.len, number + 3);
    n->kept.len = NOISE_SAVED_BYTES;
    cover_random(n->kept.b, n->kept.len, number + 4);
    n->codecs = (struct list){1, {2}};
    n->choice.profile = 1;
    n->choice.suite = 2;
    cover_random(n->body, 300, number + 5);
    n->body_len = 300;
    n->created = 77;
}

static void out_negotiation__kept_as_it_was(void **state)
{
    struct tx *tx = *state;
    struct out_negotiation n, got;

    make_negotiation(&n, 1);
    assert_int_equal(out_negotiation_put(tx->db, &n), 0);
    tx_reopen(tx);
    assert_int_equal(out_negotiation_get(tx->db, "bob", &got), 0);
    assert_memory_equal(&got, &n, sizeof(n));
    assert_int_equal(out_negotiation_by_id(tx->db, n.negotiation, &got), 0);
    assert_memory_equal(&got, &n, sizeof(n));
    assert_int_equal(out_negotiation_get(tx->db, "carol", &got), ERR_NOTFOUND);
}

static void out_negotiation_put__replaces_the_older_one(void **state)
{
    struct out_negotiation one, two, got;
    struct sql *db = tx_db(state);

    make_negotiation(&one, 1);
    make_negotiation(&two, 50);
    assert_int_equal(out_negotiation_put(db, &one), 0);
    assert_int_equal(out_negotiation_put(db, &two), 0);
    assert_int_equal(out_negotiation_by_id(db, one.negotiation, &got), ERR_NOTFOUND);
    assert_int_equal(out_negotiation_get(db, "bob", &got), 0);
    assert_memory_equal(got.negotiation, two.negotiation, NEG_ID_BYTES);
    assert_int_equal(out_negotiation_delete(db, "bob"), 0);
    assert_int_equal(out_negotiation_get(db, "bob", &got), ERR_NOTFOUND);
}

#define T(f) cmocka_unit_test_setup_teardown(f, tx_setup, tx_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(out_session__put_and_found_by_each_of_its_names),
        T(out_session_save__chain_and_next_survive),
        T(out_session_put__older_one_loses_its_chain_and_keeps_its_receipt_key),
        T(out_session_switch__there_and_back__with_state_and_next),
        T(out_session_put__those_set_aside__go_with_a_new_one_of_their_profile_or_age),
        T(out_session_retire__those_set_aside_too),
        T(out_session_retire__none_is_current),
        T(out_session_retire_this__an_older_session_does_not_end_the_current),
        T(out_session_sweep__keeps_current_and_those_that_wait_for_receipts),
        T(out_session_is_worn__by_age),
        T(out_session_is_worn__by_messages),
        T(out_session_is_worn__by_what_is_not_receipted),
        T(out_session_is_worn__by_what_was_passed_over),
        T(outbox_oldest__of_that_session_or_next),
        T(out_negotiation__kept_as_it_was),
        T(out_negotiation_put__replaces_the_older_one),
    };

    return cmocka_run_group_tests_name("out_session", tests, NULL, NULL);
}
