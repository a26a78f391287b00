/*
 * test_outbox.c - the sending side of state.db: messages from queue to receipt, sessions and how
 * they end, and negotiations that wait.
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

#include "common/agent/outbox.h"
#include "common/err.h"
#include "common/session.h"
#include "tests/unit/covers.h"
#include "tests/unit/store_fixture.h"

struct tx {
    struct home home;
    struct sql *db;
};

static int open_state(struct tx *tx)
{
    char why[WHY_MAX];

    return state_open(&tx->db, &tx->home, why, sizeof(why));
}

static int setup(void **state)
{
    struct tx *tx = calloc(1, sizeof(*tx));

    assert_non_null(tx);
    if (sodium_init() < 0)
        return -1;
    text_copy(tx->home.dir, sizeof(tx->home.dir), "/tmp/test-outbox-XXXXXX");
    assert_non_null(mkdtemp(tx->home.dir));
    *state = tx;
    return open_state(tx);
}

static int teardown(void **state)
{
    struct tx *tx = *state;

    state_close(tx->db);
    fix_remove(tx->home.dir);
    free(tx);
    return 0;
}

static void reopen(struct tx *tx)
{
    state_close(tx->db);
    assert_int_equal(open_state(tx), 0);
}

static struct sql *db_of(void **state)
{
    return ((struct tx *)*state)->db;
}

/* Queue text to peer; returns the item's id. */
static int64_t put(struct sql *db, const char *peer, const char *text)
{
    static uint8_t cover[] = "a cover";
    uint8_t message[64];
    struct out_item item = {.profile = 1, .codec = 2, .exact = text[0] == '-'};

    text_copy(item.peer, sizeof(item.peer), peer);
    memcpy(message, text, strlen(text));
    item.message = (struct out_bytes){message, strlen(text)};
    item.cover = (struct out_bytes){cover, sizeof(cover)};
    assert_int_equal(outbox_put(db, &item), 0);
    assert_int_equal(item.state, OUT_QUEUED);
    assert_true(item.queued_at > 0);
    return item.id;
}

/* Make the oldest queued item to peer package `index` of session `number`. */
static int64_t pack(struct sql *db, const char *peer, uint32_t number, uint64_t index)
{
    struct out_item item;
    int64_t id;

    assert_int_equal(outbox_next_queued(db, peer, &item), 0);
    cover_random(item.session, SESSION_ID_BYTES, number);
    cover_random(item.digest, DIGEST_BYTES, (uint32_t)index + 500);
    item.index = index;
    item.suite = 3;
    item.psnr_mdb = 81234;
    item.changed_pixels = 17;
    item.embed_us = 99;
    item.body.p = malloc(3);
    item.body.len = 3;
    assert_non_null(item.body.p);
    memcpy(item.body.p, "PKG", 3);
    assert_int_equal(outbox_packed(db, &item), 0);
    id = item.id;
    out_item_free(&item);
    return id;
}

static void make_session(struct out_session *s, uint32_t number, const char *peer)
{
    memset(s, 0, sizeof(*s));
    cover_random(&s->keys, sizeof(s->keys), number);
    keybuf_set(&s->keys.state, s->keys.receipt, KEY_BYTES);
    cover_random(s->keys.session, SESSION_ID_BYTES, number);
    cover_random(s->negotiation, NEG_ID_BYTES, number + 100);
    text_copy(s->peer, sizeof(s->peer), peer);
    s->profile = 1;
    s->suite = 4;
    s->codecs = (struct list){2, {1, 2}};
    s->created = 1000000;
}

static void put_session(struct sql *db, uint32_t number, const char *peer)
{
    struct out_session s;

    make_session(&s, number, peer);
    assert_int_equal(out_session_put(db, &s), 0);
}

static int has_session(struct sql *db, uint32_t number)
{
    uint8_t name[SESSION_ID_BYTES];
    struct out_session s;

    cover_random(name, sizeof(name), number);
    return out_session_get(db, name, &s) == 0;
}

/* ---- messages ---- */

static void outbox_put__seq_counts_from_one_for_each_peer(void **state)
{
    struct sql *db = db_of(state);
    struct out_item item;

    put(db, "bob", "one");
    put(db, "carol", "other");
    put(db, "bob", "two");
    assert_int_equal(outbox_next_queued(db, "carol", &item), 0);
    assert_int_equal(item.seq, 1);
    out_item_free(&item);
    pack(db, "bob", 1, 0);
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_int_equal(item.seq, 2);
    out_item_free(&item);
}

static void outbox_put__rolled_back__leaves_no_message_and_no_gap(void **state)
{
    struct sql *db = db_of(state);
    struct out_item item;

    put(db, "bob", "one");
    assert_int_equal(sql_begin(db, SQL_WRITE), 0);
    put(db, "bob", "never");
    sql_rollback(db);
    put(db, "bob", "two");
    pack(db, "bob", 1, 0);
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_int_equal(item.seq, 2);
    assert_memory_equal(item.message.p, "two", 3);
    out_item_free(&item);
}

/* What a message asks for stays with it, until it is packed and after. */
static void outbox__profile_suite_and_padding__kept(void **state)
{
    struct sql *db = db_of(state);
    struct out_item item;
    uint8_t profile;

    assert_int_equal(outbox_next_profile(db, "bob", &profile), ERR_NOTFOUND);
    put(db, "bob", "-not to be padded");
    put(db, "bob", "to be padded");
    assert_int_equal(sql_exec(db, "UPDATE outbox SET profile = 2 WHERE exact = 1"), 0);
    assert_int_equal(outbox_next_profile(db, "bob", &profile), 0);
    assert_int_equal(profile, 2);
    assert_int_equal(outbox_next_profile(db, "carol", &profile), ERR_NOTFOUND);
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_true(item.exact);
    out_item_free(&item);
    pack(db, "bob", 1, 0);
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

    assert_int_equal(outbox_delete(tx->db, put(tx->db, "bob", "one")), 0);
    reopen(tx);
    put(tx->db, "bob", "two");
    assert_int_equal(outbox_next_queued(tx->db, "bob", &item), 0);
    assert_int_equal(item.seq, 2);
    out_item_free(&item);
}

static void outbox_next_queued__oldest_first_with_its_bytes(void **state)
{
    struct sql *db = db_of(state);
    struct out_item item;

    put(db, "bob", "first");
    put(db, "bob", "second");
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

    put(db_of(state), "bob", "x");
    assert_int_equal(outbox_next_queued(db_of(state), "carol", &item), ERR_NOTFOUND);
    assert_null(item.message.p);
    assert_null(item.cover.p);
}

static void outbox_packed__text_and_cover_are_gone_the_package_stays(void **state)
{
    struct tx *tx = *state;
    struct out_item item;
    struct sql_query q;

    put(tx->db, "bob", "secret");
    pack(tx->db, "bob", 1, 7);
    reopen(tx);
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
    struct sql *db = db_of(state);
    struct out_item item;

    cover_random(session, sizeof(session), 1);
    cover_random(other, sizeof(other), 2);
    cover_random(digest, sizeof(digest), 503);
    put(db, "bob", "x");
    pack(db, "bob", 1, 3);
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
    struct sql *db = db_of(state);
    struct out_item item;
    int64_t a, b, after = 0;

    put(db, "bob", "a");
    put(db, "bob", "b");
    a = pack(db, "bob", 1, 0);
    put(db, "carol", "not bob's");
    b = pack(db, "bob", 1, 1);
    pack(db, "carol", 2, 0);
    put(db, "bob", "queued");
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
    struct sql *db = db_of(state);
    struct out_item item;
    int64_t id;

    put(db, "bob", "a");
    id = pack(db, "bob", 1, 0);
    assert_int_equal(outbox_set_accepted(db, id, 111), 0);
    assert_int_equal(outbox_set_accepted(db, id, 222), 0);
    assert_int_equal(outbox_next_packed(db, "bob", 0, &item), 0);
    assert_int_equal(item.accepted_at, 111);
    out_item_free(&item);
    id = put(db, "carol", "b");
    assert_int_equal(outbox_set_accepted(db, id, 111), 0);
    assert_int_equal(outbox_next_queued(db, "carol", &item), 0);
    out_item_free(&item);
}

static void outbox_count_resend__is_to_be_accepted_again(void **state)
{
    struct sql *db = db_of(state);
    struct out_item item;
    int64_t id;

    put(db, "bob", "a");
    id = pack(db, "bob", 1, 0);
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
    struct sql *db = db_of(state);
    struct out_item item;

    put(db, "bob", "packed");
    pack(db, "bob", 1, 0);
    put(db, "bob", "queued");
    put(db, "carol", "other peer");
    assert_int_equal(outbox_skip_seq(db, "bob", 10), 0);
    assert_int_equal(outbox_next_packed(db, "bob", 0, &item), 0);
    assert_int_equal(item.seq, 1);
    out_item_free(&item);
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_int_equal(item.seq, 12);
    out_item_free(&item);
    pack(db, "bob", 1, 1);
    put(db, "bob", "later");
    assert_int_equal(outbox_next_queued(db, "bob", &item), 0);
    assert_int_equal(item.seq, 13);
    out_item_free(&item);
    assert_int_equal(outbox_next_queued(db, "carol", &item), 0);
    assert_int_equal(item.seq, 1);
    out_item_free(&item);
}

static void outbox_count__by_state_and_peer(void **state)
{
    struct sql *db = db_of(state);
    uint64_t queued, packed;

    put(db, "bob", "a");
    put(db, "bob", "b");
    put(db, "carol", "c");
    assert_int_equal(outbox_set_accepted(db, pack(db, "bob", 1, 0), 1), 0);
    pack(db, "bob", 1, 1);
    put(db, "bob", "d");
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
    struct sql *db = db_of(state);
    char peer[ID_MAX + 1] = "";

    put(db, "carol", "1");
    put(db, "bob", "2");
    put(db, "carol", "3");
    assert_int_equal(outbox_next_peer(db, peer, peer), 0);
    assert_string_equal(peer, "bob");
    assert_int_equal(outbox_next_peer(db, peer, peer), 0);
    assert_string_equal(peer, "carol");
    assert_int_equal(outbox_next_peer(db, peer, peer), ERR_NOTFOUND);
}

static void outbox_next_session__each_with_outstanding_packages_once(void **state)
{
    uint8_t name[SESSION_ID_BYTES], last[SESSION_ID_BYTES], *after = NULL;
    struct sql *db = db_of(state);
    size_t n = 0;

    for (uint32_t i = 0; i < 6; i++) {
        put(db, "bob", "x");
        pack(db, "bob", i % 3, i);
    }
    put(db, "bob", "queued");
    for (; outbox_next_session(db, "bob", after, name) == 0; n++) {
        assert_true(n == 0 || memcmp(last, name, sizeof(name)) < 0);
        memcpy(last, name, sizeof(name));
        after = last;
    }
    assert_int_equal(n, 3);
    assert_int_equal(outbox_next_session(db, "carol", NULL, name), ERR_NOTFOUND);
}

/* ---- sessions ---- */

static void out_session__put_and_found_by_each_of_its_names(void **state)
{
    struct tx *tx = *state;
    struct out_session s, got;

    make_session(&s, 1, "bob");
    assert_int_equal(out_session_put(tx->db, &s), 0);
    reopen(tx);
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

    make_session(&s, 1, "bob");
    assert_int_equal(out_session_put(tx->db, &s), 0);
    session_step(s.keys.state.b, seed);
    s.next = 5;
    assert_int_equal(out_session_save(tx->db, &s), 0);
    reopen(tx);
    assert_int_equal(out_session_current(tx->db, "bob", &got), 0);
    assert_int_equal(got.next, 5);
    assert_memory_equal(got.keys.state.b, s.keys.state.b, KEY_BYTES);
}

static void out_session_put__older_one_loses_its_chain_and_keeps_its_receipt_key(void **state)
{
    static const uint8_t zero[KEY_BYTES];
    struct sql *db = db_of(state);
    struct out_session one, got;

    make_session(&one, 1, "bob");
    assert_int_equal(out_session_put(db, &one), 0);
    put_session(db, 3, "carol");
    put_session(db, 2, "bob");
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

    make_session(&s, number, "bob");
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
    struct sql *db = db_of(state);
    struct out_session s, got;

    make_session(&s, 1, "bob");
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
    assert_true(has_session(db, 1) && has_session(db, 2));
}

static void
out_session_put__those_set_aside__go_with_a_new_one_of_their_profile_or_age(void **state)
{
    const int64_t age = (int64_t)SESSION_AGE_MAX * 1000000;
    struct sql *db = db_of(state);
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
    struct sql *db = db_of(state);

    put_of_profile(db, 1, 1, 1);
    put_of_profile(db, 2, 2, 1);
    assert_int_equal(out_session_retire(db, "bob"), 0);
    assert_int_equal(out_session_switch(db, "bob", 1), ERR_NOTFOUND);
    assert_int_equal(out_session_switch(db, "bob", 2), ERR_NOTFOUND);
}

static void out_session_retire__none_is_current(void **state)
{
    struct sql *db = db_of(state);
    struct out_session got;

    put_session(db, 1, "bob");
    put_session(db, 2, "carol");
    assert_int_equal(out_session_retire(db, "bob"), 0);
    assert_int_equal(out_session_current(db, "bob", &got), ERR_NOTFOUND);
    assert_int_equal(out_session_current(db, "carol", &got), 0);
}

static void out_session_retire_this__an_older_session_does_not_end_the_current(void **state)
{
    uint8_t older[SESSION_ID_BYTES], current[SESSION_ID_BYTES];
    struct sql *db = db_of(state);
    struct out_session got;

    cover_random(older, sizeof(older), 1);
    cover_random(current, sizeof(current), 2);
    put_session(db, 1, "bob");
    put_session(db, 2, "bob");
    assert_int_equal(out_session_retire_this(db, older), 0);
    assert_int_equal(out_session_current(db, "bob", &got), 0);
    assert_int_equal(out_session_retire_this(db, current), 0);
    assert_int_equal(out_session_current(db, "bob", &got), ERR_NOTFOUND);
}

static void out_session_sweep__keeps_current_and_those_that_wait_for_receipts(void **state)
{
    struct sql *db = db_of(state);
    int64_t id;

    put_session(db, 1, "bob");
    put_session(db, 2, "bob");
    put_session(db, 3, "bob");
    put(db, "bob", "waits");
    id = pack(db, "bob", 2, 0);
    assert_int_equal(out_session_sweep(db), 0);
    assert_false(has_session(db, 1));
    assert_true(has_session(db, 2));
    assert_true(has_session(db, 3));
    assert_int_equal(outbox_delete(db, id), 0);
    assert_int_equal(out_session_sweep(db), 0);
    assert_false(has_session(db, 2));
    assert_true(has_session(db, 3));
}

/* ---- when a session is worn ---- */

static void out_session_is_worn__by_age(void **state)
{
    const int64_t day = (int64_t)SESSION_AGE_MAX * 1000000;
    struct out_session s;

    make_session(&s, 1, "bob");
    assert_false(out_session_is_worn(db_of(state), &s, s.created));
    assert_false(out_session_is_worn(db_of(state), &s, s.created + day));
    assert_true(out_session_is_worn(db_of(state), &s, s.created + day + 1));
    assert_false(out_session_is_worn(db_of(state), &s, 0)); /* a clock that was put back */
}

static void out_session_is_worn__by_messages(void **state)
{
    struct out_session s;

    make_session(&s, 1, "bob");
    s.next = SESSION_INDEX_MAX - 1;
    s.heard = s.next;
    assert_false(out_session_is_worn(db_of(state), &s, s.created));
    s.next = SESSION_INDEX_MAX;
    assert_true(out_session_is_worn(db_of(state), &s, s.created));
}

static void out_session_is_worn__by_what_is_not_receipted(void **state)
{
    struct sql *db = db_of(state);
    struct out_session s;
    int64_t id;

    make_session(&s, 1, "bob");
    put(db, "bob", "the oldest");
    put(db, "bob", "a later one");
    id = pack(db, "bob", 1, 1000);
    pack(db, "bob", 1, 2000);
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

    make_session(&s, 1, "bob");
    s.heard = 500;
    s.next = 500 + SESSION_AHEAD_MAX - 2;
    assert_false(out_session_is_worn(db_of(state), &s, s.created));
    s.next++;
    assert_true(out_session_is_worn(db_of(state), &s, s.created));
}

static void outbox_oldest__of_that_session_or_next(void **state)
{
    struct sql *db = db_of(state);
    struct out_session s;
    uint64_t index;

    make_session(&s, 1, "bob");
    s.next = 42;
    put(db, "bob", "of another session");
    pack(db, "bob", 2, 3);
    assert_int_equal(outbox_oldest(db, &s, &index), 0);
    assert_int_equal(index, 42);
    put(db, "bob", "of this one");
    pack(db, "bob", 1, 9);
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
    reopen(tx);
    assert_int_equal(out_negotiation_get(tx->db, "bob", &got), 0);
    assert_memory_equal(&got, &n, sizeof(n));
    assert_int_equal(out_negotiation_by_id(tx->db, n.negotiation, &got), 0);
    assert_memory_equal(&got, &n, sizeof(n));
    assert_int_equal(out_negotiation_get(tx->db, "carol", &got), ERR_NOTFOUND);
}

static void out_negotiation_put__replaces_the_older_one(void **state)
{
    struct out_negotiation one, two, got;
    struct sql *db = db_of(state);

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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

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

    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
