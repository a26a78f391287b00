/*
 * test_out_block.c - indices that are reserved: what a crash and a power cut leave of them, and
 * that none is ever used for two packages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/agent/out_block.h"
#include "common/err.h"
#include "common/profile.h"
#include "tests/unit/covers.h"
#include "tests/unit/flaky_vfs.h"
#include "tests/unit/store_fixture.h"

struct tx {
    struct home home, after; /* the device's, and what a power cut leaves of it */
    struct sql *db;
    struct out_block block;
};

static void open_state(struct sql **db, const struct home *h)
{
    char why[WHY_MAX];

    if (state_open(db, h, why, sizeof(why)) != 0)
        fail_msg("%s", why);
}

static void put_session(struct sql *db, uint32_t number, uint8_t profile)
{
    struct out_session s;

    memset(&s, 0, sizeof(s));
    cover_random(s.keys.session, SESSION_ID_BYTES, number);
    cover_random(s.keys.receipt, KEY_BYTES, number + 1);
    keybuf_set(&s.keys.state, s.keys.receipt, KEY_BYTES);
    cover_random(s.negotiation, NEG_ID_BYTES, number + 2);
    text_copy(s.peer, sizeof(s.peer), "bob");
    s.profile = profile;
    s.created = state_now_us();
    assert_int_equal(out_session_put(db, &s), 0);
}

static int setup(void **state)
{
    struct tx *tx = calloc(1, sizeof(*tx));

    assert_non_null(tx);
    if (sodium_init() < 0)
        return -1;
    flaky_install();
    flaky_set(FLAKY_NONE, 0);
    flaky_keep_synced(1);
    text_copy(tx->home.dir, sizeof(tx->home.dir), "/tmp/test-out-block-XXXXXX");
    text_copy(tx->after.dir, sizeof(tx->after.dir), "/tmp/test-out-block-XXXXXX");
    assert_non_null(mkdtemp(tx->home.dir));
    assert_non_null(mkdtemp(tx->after.dir));
    open_state(&tx->db, &tx->home);
    assert_int_equal(sql_checkpoint(tx->db), 0);
    put_session(tx->db, 1, PROFILE_AUTH);
    *state = tx;
    return 0;
}

static int teardown(void **state)
{
    struct tx *tx = *state;

    flaky_keep_synced(0);
    state_close(tx->db);
    fix_remove(tx->home.dir);
    fix_remove(tx->after.dir);
    free(tx);
    return 0;
}

/* The program is gone, with its block; another one begins. */
static void restart(struct tx *tx)
{
    state_close(tx->db);
    out_block_forget(&tx->block);
    open_state(&tx->db, &tx->home);
    assert_int_equal(outbox_skip_reserved(tx->db), 0);
}

/* And nothing is left of what was not synced. */
static void lose_power(struct tx *tx)
{
    char path[PATH_MAX], to[PATH_MAX];
    struct home before = tx->home;

    home_path(&tx->home, "state.db", path);
    home_path(&tx->after, "state.db", to);
    assert_int_equal(flaky_power_cut(path, to), 0);
    assert_int_equal(chmod(to, 0600), 0);
    state_close(tx->db);
    out_block_forget(&tx->block);
    tx->home = tx->after;
    tx->after = before;
    open_state(&tx->db, &tx->home);
    assert_int_equal(sql_checkpoint(tx->db), 0);
    assert_int_equal(outbox_skip_reserved(tx->db), 0);
}

struct taken {
    uint64_t index, seq;
    struct keybuf key;
};

/* What sending a line does to the state: number it, reserve when need be, use an index, put the
 * package into the outbox; the disk is waited for only when indices were reserved. */
static int send_line(struct tx *tx, struct taken *t)
{
    static uint8_t body[] = "a package";
    const struct profile *p;
    struct out_item item = {.profile = 1, .codec = 1, .body = {body, sizeof(body)}};
    int reserves;

    text_copy(item.peer, sizeof(item.peer), "bob");
    assert_int_equal(out_block_update(tx->db, "bob", &tx->block), 0);
    assert_int_equal(sql_begin(tx->db, SQL_WRITE_SOON), 0);
    assert_int_equal(outbox_number(tx->db, &item), 0);
    reserves = !out_block_has(&tx->block, item.seq);
    if (reserves)
        assert_int_equal(out_block_reserve(tx->db, &tx->block), 0);
    p = profile_find(tx->block.session.profile);
    assert_int_equal(p->take_key(&t->key, &tx->block.session.keys.state), 0);
    t->index = item.index = tx->block.session.next++;
    t->seq = item.seq;
    memcpy(item.session, tx->block.session.keys.session, SESSION_ID_BYTES);
    assert_int_equal(outbox_put_packed(tx->db, &item), 0);
    assert_int_equal(out_block_used(tx->db, &tx->block), 0);
    assert_int_equal(sql_commit(tx->db), 0);
    if (reserves)
        assert_int_equal(sql_sync(tx->db), 0);
    return reserves;
}

static uint64_t outstanding(struct sql *db)
{
    uint64_t queued, packed;

    assert_int_equal(outbox_count(db, "bob", &queued, &packed), 0);
    assert_int_equal(queued, 0);
    return packed;
}

static void out_block__one_sync_for_each_64(void **state)
{
    struct tx *tx = *state;
    struct taken t;
    int syncs = 0;

    for (uint64_t i = 0; i < 3 * OUT_BLOCK; i++) {
        syncs += send_line(tx, &t);
        assert_int_equal(t.index, i);
        assert_int_equal(t.seq, i + 1);
    }
    assert_int_equal(syncs, 3);
}

static void out_block__keys_are_those_of_the_chain(void **state)
{
    struct tx *tx = *state;
    struct out_session s;
    struct keybuf key;
    struct taken t;

    assert_int_equal(out_session_current(tx->db, "bob", &s), 0);
    for (int i = 0; i < 2 * OUT_BLOCK + 3; i++) {
        send_line(tx, &t);
        assert_int_equal(profile_find(PROFILE_AUTH)->take_key(&key, &s.keys.state), 0);
        assert_true(keybuf_equal(&key, &t.key));
        if (i % 50 == 49) { /* a crash: the chain goes on behind what was reserved */
            restart(tx);
            assert_int_equal(out_block_update(tx->db, "bob", &tx->block), 0);
            for (uint64_t n = t.index + 1; n < tx->block.session.next; n++)
                assert_int_equal(profile_find(PROFILE_AUTH)->take_key(&key, &s.keys.state), 0);
        }
    }
}

static void out_block__crash__passes_over_what_was_reserved_and_keeps_what_was_sent(void **state)
{
    struct tx *tx = *state;
    struct taken t;

    send_line(tx, &t);
    send_line(tx, &t);
    restart(tx);
    assert_int_equal(outstanding(tx->db), 2);
    assert_int_equal(send_line(tx, &t), 1);
    assert_int_equal(t.index, OUT_BLOCK);
    assert_true(t.seq > 2);
}

static void out_block__power_cut__no_index_no_number_and_no_key_again(void **state)
{
    struct tx *tx = *state;
    struct taken before, after;

    for (int round = 0; round < 4; round++) {
        uint64_t last_index, last_seq;

        /* Reserves, and so syncs, at its first line; the others are in the log only. */
        for (int i = 0; i < 1 + 30 * round; i++)
            send_line(tx, &before);
        last_index = before.index;
        last_seq = before.seq;
        lose_power(tx);
        send_line(tx, &after);
        assert_true(after.index > last_index);
        assert_true(after.seq > last_seq);
        assert_false(keybuf_equal(&before.key, &after.key));
    }
}

static void out_block__power_cut__takes_only_what_was_not_synced(void **state)
{
    struct tx *tx = *state;
    struct taken t;

    send_line(tx, &t); /* synced with the block */
    send_line(tx, &t);
    assert_int_equal(sql_sync(tx->db), 0);
    send_line(tx, &t);
    lose_power(tx);
    assert_int_equal(outstanding(tx->db), 2);
}

static void out_block__row__holds_no_state_of_an_index_that_was_used(void **state)
{
    struct tx *tx = *state;
    struct out_session row;
    struct taken t;

    for (uint64_t i = 0; i < 100; i++) {
        send_line(tx, &t);
        assert_int_equal(out_session_current(tx->db, "bob", &row), 0);
        assert_true(row.next > t.index);
        assert_int_equal(row.next, tx->block.end);
    }
}

static void out_block_give_back__nothing_is_passed_over(void **state)
{
    struct tx *tx = *state;
    struct taken t;

    for (int i = 0; i < 3; i++)
        send_line(tx, &t);
    assert_int_equal(out_block_give_back(tx->db, &tx->block), 0);
    restart(tx);
    assert_int_equal(send_line(tx, &t), 1);
    assert_int_equal(t.index, 3);
    assert_int_equal(t.seq, 4);
}

static void out_block_give_back__another_session_by_now__stays_as_it_is(void **state)
{
    struct tx *tx = *state;
    struct out_session row;
    struct taken t;

    send_line(tx, &t);
    put_session(tx->db, 7, PROFILE_AUTH);
    assert_int_equal(out_block_give_back(tx->db, &tx->block), 0);
    assert_int_equal(out_session_current(tx->db, "bob", &row), 0);
    assert_int_equal(row.next, 0);
    send_line(tx, &t);
    assert_int_equal(t.index, 0);
    assert_int_equal(t.seq, 2);
}

static void out_block_update__session_retired__no_block(void **state)
{
    struct tx *tx = *state;
    struct taken t;

    send_line(tx, &t);
    assert_int_equal(out_session_retire(tx->db, "bob"), 0);
    assert_int_equal(out_block_update(tx->db, "bob", &tx->block), ERR_NOTFOUND);
    assert_false(out_block_has(&tx->block, 2));
}

static void out_block_reserve__row_was_changed__refused(void **state)
{
    struct tx *tx = *state;
    struct out_session row;
    struct taken t;

    send_line(tx, &t);
    assert_int_equal(out_session_current(tx->db, "bob", &row), 0);
    row.next += 10;
    assert_int_equal(out_session_save(tx->db, &row), 0);
    assert_int_equal(out_block_reserve(tx->db, &tx->block), ERR_CONFLICT);
    assert_int_equal(out_block_update(tx->db, "bob", &tx->block), 0);
    assert_int_equal(tx->block.session.next, row.next);
}

static void out_block_hear__kept_with_the_next_block(void **state)
{
    struct tx *tx = *state;
    uint8_t other[SESSION_ID_BYTES] = {9};
    struct taken t;

    for (int i = 0; i < OUT_BLOCK; i++)
        send_line(tx, &t);
    out_block_hear(&tx->block, tx->block.session.keys.session, 20);
    out_block_hear(&tx->block, tx->block.session.keys.session, 10);
    out_block_hear(&tx->block, tx->block.session.keys.session, 5000); /* never sent */
    out_block_hear(&tx->block, other, 30);
    send_line(tx, &t);
    restart(tx);
    assert_int_equal(out_block_update(tx->db, "bob", &tx->block), 0);
    assert_int_equal(tx->block.session.heard, 21);
}

static void out_block__state_depends_on_messages__saved_with_each(void **state)
{
    struct tx *tx = *state;
    struct out_session row;

    put_session(tx->db, 5, PROFILE_PAPER);
    assert_int_equal(out_block_update(tx->db, "bob", &tx->block), 0);
    for (uint64_t i = 0; i < 3; i++) {
        assert_false(out_block_has(&tx->block, i + 1));
        assert_int_equal(out_block_reserve(tx->db, &tx->block), 0);
        tx->block.session.next++;
        tx->block.session.keys.state.b[0]++;
        assert_int_equal(out_block_used(tx->db, &tx->block), 0);
        assert_int_equal(out_session_current(tx->db, "bob", &row), 0);
        assert_int_equal(row.next, i + 1);
        assert_true(keybuf_equal(&row.keys.state, &tx->block.session.keys.state));
        assert_int_equal(out_block_update(tx->db, "bob", &tx->block), 0);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(out_block__one_sync_for_each_64),
        T(out_block__keys_are_those_of_the_chain),
        T(out_block__crash__passes_over_what_was_reserved_and_keeps_what_was_sent),
        T(out_block__power_cut__no_index_no_number_and_no_key_again),
        T(out_block__power_cut__takes_only_what_was_not_synced),
        T(out_block__row__holds_no_state_of_an_index_that_was_used),
        T(out_block_give_back__nothing_is_passed_over),
        T(out_block_give_back__another_session_by_now__stays_as_it_is),
        T(out_block_update__session_retired__no_block),
        T(out_block_reserve__row_was_changed__refused),
        T(out_block_hear__kept_with_the_next_block),
        T(out_block__state_depends_on_messages__saved_with_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
