/* test_outbox.c - messages on the sending side, from the queue to the receipt. */
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

static void outbox_put__seq_counts_from_one_for_each_peer(void **state)
{
    struct sql *db = tx_db(state);
    struct out_item item;

    tx_put(db, "bob", "one");
    tx_put(db, "carol", "other");
    tx_put(db, "bob", "two");
    assert_int_equal(outbox_next_queued(db, "carol", &item), 0);
    assert_int_equal(item.seq, 1);
    out_item_free(&item);
    tx_pack(db, "bob", 1, 0);
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_int_equal(item.seq, 2);
    out_item_free(&item);
}

static void outbox_put__rolled_back__leaves_no_message_and_no_gap(void **state)
{
    struct sql *db = tx_db(state);
    struct out_item item;

    tx_put(db, "bob", "one");
    assert_int_equal(sql_begin(db, SQL_WRITE), 0);
    tx_put(db, "bob", "never");
    sql_rollback(db);
    tx_put(db, "bob", "two");
    tx_pack(db, "bob", 1, 0);
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_int_equal(item.seq, 2);
    assert_memory_equal(item.message.p, "two", 3);
    out_item_free(&item);
}

/* What a message asks for stays with it, until it is packed and after. */
static void outbox__profile_suite_and_padding__kept(void **state)
{
    struct sql *db = tx_db(state);
    struct out_item item;
    uint8_t profile;

    assert_int_equal(outbox_next_profile(db, "bob", &profile), ERR_NOTFOUND);
    tx_put(db, "bob", "-not to be padded");
    tx_put(db, "bob", "to be padded");
    assert_int_equal(sql_exec(db, "UPDATE outbox SET profile = 2 WHERE exact = 1"), 0);
    assert_int_equal(outbox_next_profile(db, "bob", &profile), 0);
    assert_int_equal(profile, 2);
    assert_int_equal(outbox_next_profile(db, "carol", &profile), ERR_NOTFOUND);
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_true(item.exact);
    out_item_free(&item);
    tx_pack(db, "bob", 1, 0);
    assert_int_equal(outbox_next_profile(db, "bob", &profile), 0);
    assert_int_equal(profile, 1);
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_false(item.exact);
    out_item_free(&item);
    assert_int_equal(outbox_next_packed(db, "bob", 0, &item), 0);
    assert_int_equal(item.suite, 3);
    assert_int_equal(item.profile, 2);
    out_item_free(&item);
}

static void outbox_put__seq_after_delete_and_restart__goes_on(void **state)
{
    struct tx *tx = *state;
    struct out_item item;

    assert_int_equal(outbox_delete(tx->db, tx_put(tx->db, "bob", "one")), 0);
    tx_reopen(tx);
    tx_put(tx->db, "bob", "two");
    assert_int_equal(outbox_next_queued(tx->db, "bob", &item), 0);
    assert_int_equal(item.seq, 2);
    out_item_free(&item);
}

static void outbox_next_queued__oldest_first_with_its_bytes(void **state)
{
    struct sql *db = tx_db(state);
    struct out_item item;

    tx_put(db, "bob", "first");
    tx_put(db, "bob", "second");
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_int_equal(item.state, OUT_QUEUED);
    assert_int_equal(item.message.len, 5);
    assert_memory_equal(item.message.p, "first", 5);
    assert_string_equal((char *)item.cover.p, "a cover");
    assert_int_equal(item.profile, 1);
    assert_int_equal(item.codec, 2);
    out_item_free(&item);
    assert_null(item.message.p);
}

static void outbox_next_queued__nothing__not_found(void **state)
{
    struct out_item item;

    tx_put(tx_db(state), "bob", "x");
    assert_int_equal(outbox_next_queued(tx_db(state), "carol", &item), ERR_NOTFOUND);
    assert_null(item.message.p);
    assert_null(item.cover.p);
}

static void outbox_packed__text_and_cover_are_gone_the_package_stays(void **state)
{
    struct tx *tx = *state;
    struct out_item item;
    struct sql_query q;

    tx_put(tx->db, "bob", "secret");
    tx_pack(tx->db, "bob", 1, 7);
    tx_reopen(tx);
    assert_int_equal(outbox_next_queued(tx->db, "bob", &item), ERR_NOTFOUND);
    assert_int_equal(outbox_next_packed(tx->db, "bob", 0, &item), 0);
    assert_int_equal(item.state, OUT_PACKED);
    assert_int_equal(item.index, 7);
    assert_int_equal(item.psnr_mdb, 81234);
    assert_int_equal(item.changed_pixels, 17);
    assert_int_equal(item.embed_us, 99);
    assert_int_equal(item.body.len, 3);
    assert_memory_equal(item.body.p, "PKG", 3);
    out_item_free(&item);
    sql_ask(&q, tx->db, "SELECT COUNT(*) FROM outbox WHERE message IS NULL AND cover IS NULL");
    assert_true(sql_row(&q));
    assert_int_equal(sql_get_i64(&q), 1);
    assert_int_equal(sql_end(&q), 0);
}

static void outbox_find__only_the_very_package(void **state)
{
    uint8_t session[SESSION_ID_BYTES], other[SESSION_ID_BYTES], digest[DIGEST_BYTES];
    struct sql *db = tx_db(state);
    struct out_item item;

    cover_random(session, sizeof(session), 1);
    cover_random(other, sizeof(other), 2);
    cover_random(digest, sizeof(digest), 503);
    tx_put(db, "bob", "x");
    tx_pack(db, "bob", 1, 3);
    assert_int_equal(outbox_find(db, session, 3, &item), 0);
    assert_string_equal(item.peer, "bob");
    assert_memory_equal(item.digest, digest, DIGEST_BYTES);
    assert_memory_equal(item.session, session, SESSION_ID_BYTES);
    assert_null(item.body.p);
    out_item_free(&item);
    assert_int_equal(outbox_find(db, session, 2, &item), ERR_NOTFOUND);
    assert_int_equal(outbox_find(db, session, UINT64_MAX, &item), ERR_NOTFOUND);
    assert_int_equal(outbox_find(db, other, 3, &item), ERR_NOTFOUND);
}

static void outbox_next_packed__walks_in_order_past_what_is_queued(void **state)
{
    struct sql *db = tx_db(state);
    struct out_item item;
    int64_t a, b, after = 0;

    tx_put(db, "bob", "a");
    tx_put(db, "bob", "b");
    a = tx_pack(db, "bob", 1, 0);
    tx_put(db, "carol", "not bob's");
    b = tx_pack(db, "bob", 1, 1);
    tx_pack(db, "carol", 2, 0);
    tx_put(db, "bob", "queued");
    assert_int_equal(outbox_set_accepted(db, a, 5), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(outbox_next_packed(db, "bob", after, &item), 0);
        assert_int_equal(item.id, i == 0 ? a : b);
        assert_int_equal(item.state, i == 0 ? OUT_ACCEPTED : OUT_PACKED);
        after = item.id;
        out_item_free(&item);
    }
    assert_int_equal(outbox_next_packed(db, "bob", after, &item), ERR_NOTFOUND);
}

static void outbox_set_accepted__keeps_its_first_time_and_leaves_queued_alone(void **state)
{
    struct sql *db = tx_db(state);
    struct out_item item;
    int64_t id;

    tx_put(db, "bob", "a");
    id = tx_pack(db, "bob", 1, 0);
    assert_int_equal(outbox_set_accepted(db, id, 111), 0);
    assert_int_equal(outbox_set_accepted(db, id, 222), 0);
    assert_int_equal(outbox_next_packed(db, "bob", 0, &item), 0);
    assert_int_equal(item.accepted_at, 111);
    out_item_free(&item);
    id = tx_put(db, "carol", "b");
    assert_int_equal(outbox_set_accepted(db, id, 111), 0);
    assert_int_equal(outbox_next_queued(db, "carol", &item), 0);
    out_item_free(&item);
}

static void outbox_count_resend__is_to_be_accepted_again(void **state)
{
    struct sql *db = tx_db(state);
    struct out_item item;
    int64_t id;

    tx_put(db, "bob", "a");
    id = tx_pack(db, "bob", 1, 0);
    assert_int_equal(outbox_set_accepted(db, id, 1), 0);
    for (unsigned n = 1; n <= 3; n++) {
        assert_int_equal(outbox_count_resend(db, id), 0);
        assert_int_equal(outbox_next_packed(db, "bob", 0, &item), 0);
        assert_int_equal(item.resends, n);
        assert_int_equal(item.state, OUT_PACKED);
        out_item_free(&item);
    }
}

static void outbox_skip_seq__queued_and_coming_move_packed_stay(void **state)
{
    struct sql *db = tx_db(state);
    struct out_item item;

    tx_put(db, "bob", "packed");
    tx_pack(db, "bob", 1, 0);
    tx_put(db, "bob", "queued");
    tx_put(db, "carol", "other peer");
    assert_int_equal(outbox_skip_seq(db, "bob", 10), 0);
    assert_int_equal(outbox_next_packed(db, "bob", 0, &item), 0);
    assert_int_equal(item.seq, 1);
    out_item_free(&item);
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_int_equal(item.seq, 12);
    out_item_free(&item);
    tx_pack(db, "bob", 1, 1);
    tx_put(db, "bob", "later");
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_int_equal(item.seq, 13);
    out_item_free(&item);
    assert_int_equal(outbox_next_queued(db, "carol", &item), 0);
    assert_int_equal(item.seq, 1);
    out_item_free(&item);
}

static void outbox_count__by_state_and_peer(void **state)
{
    struct sql *db = tx_db(state);
    uint64_t queued, packed;

    tx_put(db, "bob", "a");
    tx_put(db, "bob", "b");
    tx_put(db, "carol", "c");
    assert_int_equal(outbox_set_accepted(db, tx_pack(db, "bob", 1, 0), 1), 0);
    tx_pack(db, "bob", 1, 1);
    tx_put(db, "bob", "d");
    assert_int_equal(outbox_count(db, "bob", &queued, &packed), 0);
    assert_int_equal(queued, 1);
    assert_int_equal(packed, 2);
    assert_int_equal(outbox_count(db, NULL, &queued, &packed), 0);
    assert_int_equal(queued, 2);
    assert_int_equal(packed, 2);
    assert_int_equal(outbox_count(db, "nobody", &queued, &packed), 0);
    assert_int_equal(queued + packed, 0);
}

static void outbox_next_peer__each_once_in_order(void **state)
{
    struct sql *db = tx_db(state);
    char peer[ID_MAX + 1] = "";

    tx_put(db, "carol", "1");
    tx_put(db, "bob", "2");
    tx_put(db, "carol", "3");
    assert_int_equal(outbox_next_peer(db, peer, peer), 0);
    assert_string_equal(peer, "bob");
    assert_int_equal(outbox_next_peer(db, peer, peer), 0);
    assert_string_equal(peer, "carol");
    assert_int_equal(outbox_next_peer(db, peer, peer), ERR_NOTFOUND);
}

static void outbox_next_session__each_with_outstanding_packages_once(void **state)
{
    uint8_t name[SESSION_ID_BYTES], last[SESSION_ID_BYTES], *after = NULL;
    struct sql *db = tx_db(state);
    size_t n = 0;

    for (uint32_t i = 0; i < 6; i++) {
        tx_put(db, "bob", "x");
        tx_pack(db, "bob", i % 3, i);
    }
    tx_put(db, "bob", "queued");
    for (; outbox_next_session(db, "bob", after, name) == 0; n++) {
        assert_true(n == 0 || memcmp(last, name, sizeof(name)) < 0);
        memcpy(last, name, sizeof(name));
        after = last;
    }
    assert_int_equal(n, 3);
    assert_int_equal(outbox_next_session(db, "carol", NULL, name), ERR_NOTFOUND);
}

#define T(f) cmocka_unit_test_setup_teardown(f, tx_setup, tx_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(outbox_put__seq_counts_from_one_for_each_peer),
        T(outbox_put__rolled_back__leaves_no_message_and_no_gap),
        T(outbox__profile_suite_and_padding__kept),
        T(outbox_put__seq_after_delete_and_restart__goes_on),
        T(outbox_next_queued__oldest_first_with_its_bytes),
        T(outbox_next_queued__nothing__not_found),
        T(outbox_packed__text_and_cover_are_gone_the_package_stays),
        T(outbox_find__only_the_very_package),
        T(outbox_next_packed__walks_in_order_past_what_is_queued),
        T(outbox_set_accepted__keeps_its_first_time_and_leaves_queued_alone),
        T(outbox_count_resend__is_to_be_accepted_again),
        T(outbox_skip_seq__queued_and_coming_move_packed_stay),
        T(outbox_count__by_state_and_peer),
        T(outbox_next_peer__each_once_in_order),
        T(outbox_next_session__each_with_outstanding_packages_once),
    };

    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
