/*
 * test_store_states.c - the cloud's copies of sessions' states: made with step 4, turned once for
 * every package, in the transaction that takes it.
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

#include "cloudd/states.h"
#include "common/err.h"
#include "common/package.h"
#include "common/sql/sql.h"
#include "tests/unit/covers.h"
#include "tests/unit/store_fixture.h"

#define SIDE 32

static uint8_t first_state[] = {0};

static struct store_op *neg(uint8_t id, enum neg_state state)
{
    struct store_op *op = fix_op(STORE_NEG_PUT);
    struct store_neg *n = &op->u.neg.neg;

    memset(n->id, id, NEG_ID_BYTES);
    snprintf(n->from, sizeof(n->from), "ann");
    snprintf(n->to, sizeof(n->to), "bob");
    n->state = state;
    n->sealed = (struct store_bytes){first_state, 1};
    if (state == NEG_ANSWERED) {
        memset(n->session, 7, SESSION_ID_BYTES); /* as fix_enqueue has it */
        n->state_sealed = (struct store_bytes){first_state, 1};
    }
    return op;
}

static struct fix *with_session(void **state)
{
    struct fix *f = *state;

    fix_enrol(f->s, "ann", 1);
    fix_enrol(f->s, "bob", 2);
    fix_expect(f->s, neg(1, NEG_OPENED), STORE_OK, REASON_NONE);
    fix_expect(f->s, neg(1, NEG_ASKED), STORE_OK, REASON_NONE);
    fix_expect(f->s, neg(1, NEG_ANSWERED), STORE_OK, REASON_NONE);
    return f;
}

/* The state is one byte, the number of turns. */
static int count_up(const struct store_op *op, const struct store_bytes *was,
                    struct store_bytes *next)
{
    (void)op;
    if (was->len != 1 || was->p[0] == 99)
        return ERR_AUTH;
    next->p = malloc(1);
    next->p[0] = (uint8_t)(was->p[0] + 1);
    next->len = 1;
    return 0;
}

static struct store_op *package(uint64_t index, uint8_t variant)
{
    struct store_op *op = fix_enqueue("ann", "bob", index, 10, variant);

    op->u.enqueue.turn = count_up;
    return op;
}

static int64_t turns(const struct fix *f)
{
    return fix_ask(f, "SELECT instr(x'0001020304050607', sealed) - 1 FROM states");
}

static int64_t next_index(const struct fix *f)
{
    return fix_ask(f, "SELECT next FROM states");
}

static void turn__each_package__once_however_often_it_comes(void **state)
{
    struct fix *f = with_session(state);

    assert_int_equal(turns(f), 0);
    for (uint64_t n = 0; n < 3; n++) {
        fix_expect(f->s, package(n, 0), STORE_OK, REASON_NONE);
        fix_expect(f->s, package(n, 0), STORE_ALREADY, REASON_NONE);
        fix_expect(f->s, package(n, 1), STORE_CONFLICT, REASON_CONFLICT);
        fix_reopen(f);
        assert_int_equal(turns(f), n + 1);
        assert_int_equal(next_index(f), n + 1);
    }
}

static void turn__refused_copy_taken_again__not_turned_again(void **state)
{
    struct fix *f = with_session(state);
    struct store_op *op = fix_run(f->s, package(0, 0), STORE_OK, REASON_NONE);
    uint64_t row = op->u.enqueue.package.row;

    fix_free(op);
    fix_expect(f->s, fix_receipt(row, "ann", "bob", 0, RECEIPT_REJECTED), STORE_OK, REASON_NONE);
    /* a refused copy does not stop the package: it is taken again */
    fix_expect(f->s, package(0, 3), STORE_OK, REASON_NONE);
    assert_int_equal(turns(f), 1);
}

static void turn__package_receipted_before_it_was_written__turned(void **state)
{
    struct fix *f = with_session(state);
    struct store_handover handover = {.receiver = 1};
    struct store_op *op = package(0, 0);

    memcpy(handover.receipt.sender, "ann", 4);
    memcpy(handover.receipt.receiver, "bob", 4);
    memset(handover.receipt.session, 7, SESSION_ID_BYTES);
    handover.receipt.status = RECEIPT_VERIFIED;
    atomic_store(&handover.receipted, 1);
    op->u.enqueue.handover = &handover;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
    assert_int_equal(turns(f), 1);
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM packages"), 0);
}

static void turn__refused_package__leaves_the_state(void **state)
{
    struct fix *f = with_session(state);
    struct store_op *op = package(0, 0);

    op->u.enqueue.max_packages = 0;
    fix_expect(f->s, op, STORE_FULL, REASON_MAILBOX_FULL);
    assert_int_equal(turns(f), 0);
    fix_expect(f->s, package(0, 0), STORE_OK, REASON_NONE);
    assert_int_equal(turns(f), 1);
}

static void turn__fails_or_none_is_asked_for__package_taken_and_state_left(void **state)
{
    struct fix *f = with_session(state);
    struct sql *db;

    fix_expect(f->s, fix_enqueue("ann", "bob", 0, 10, 0), STORE_OK, REASON_NONE);
    assert_int_equal(turns(f), 0);
    assert_int_equal(sql_open(&db, f->path, NULL, 0), 0);
    assert_int_equal(sql_exec(db, "UPDATE states SET sealed = x'63'"), 0);
    sql_close(db);
    fix_expect(f->s, package(1, 0), STORE_OK, REASON_NONE);
    assert_int_equal(fix_ask(f, "SELECT sealed = x'63' FROM states"), 1);
    assert_int_equal(next_index(f), 0);
}

static void states__of_many_sessions__the_oldest_go(void **state)
{
    struct fix *f = with_session(state);

    for (uint8_t n = 2; n < 102; n++) {
        struct store_op *op = neg(n, NEG_ANSWERED);

        fix_expect(f->s, neg(n, NEG_OPENED), STORE_OK, REASON_NONE);
        fix_expect(f->s, neg(n, NEG_ASKED), STORE_OK, REASON_NONE);
        memset(op->u.neg.neg.session, 100 + n, SESSION_ID_BYTES);
        op->now = FIX_NOW + n;
        fix_expect(f->s, op, STORE_OK, REASON_NONE);
    }
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM states"), 64);
    assert_int_equal(fix_ask(f, "SELECT MIN(used_at) FROM states"), FIX_NOW + 101 - 63);
}

static void states__device_revoked_or_long_unused__gone(void **state)
{
    struct fix *f = with_session(state);
    struct store_op *op = fix_op(STORE_EXPIRE);

    op->u.expire.packages_before = FIX_NOW;
    op->u.expire.max_n = 10;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM states"), 1);
    op = fix_op(STORE_EXPIRE);
    op->u.expire.packages_before = FIX_NOW + 1;
    op->u.expire.max_n = 10;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM states"), 0);
    fix_expect(f->s, neg(2, NEG_OPENED), STORE_OK, REASON_NONE);
    fix_expect(f->s, neg(2, NEG_ASKED), STORE_OK, REASON_NONE);
    fix_expect(f->s, neg(2, NEG_ANSWERED), STORE_OK, REASON_NONE);
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM states"), 1);
    fix_expect(f->s, fix_revoke("bob"), STORE_OK, REASON_NONE);
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM states"), 0);
}

/* ---- what is in them (states.c) ---- */

static struct neg_terms terms(uint8_t profile)
{
    struct neg_terms t;

    memset(&t, 0, sizeof(t));
    t.choice.profile = profile;
    cover_random(t.negotiation, NEG_ID_BYTES, 1);
    cover_random(t.salt, KEY_BYTES, 2);
    t.sk.len = t.shk.len = 20;
    cover_random(t.sk.b, 20, 3);
    cover_random(t.shk.b, 20, 4);
    return t;
}

/* A package of the session, and its sender's state after it. */
static struct store_bytes make(struct session_keys *keys)
{
    uint8_t *pixels = cover_make("busy", SIDE, SIDE);
    struct msg m = {.type = MSG_PACKAGE};
    struct package made;
    struct keybuf key;

    m.u.package.profile = PROFILE_PAPER;
    m.u.package.codec = STEGO_LIGHT;
    memcpy(m.u.package.session, keys->session, SESSION_ID_BYTES);
    strcpy(m.u.package.from, "ann");
    strcpy(m.u.package.to, "bob");
    assert_int_equal(profile_paper.take_key(&key, &keys->state), 0);
    assert_int_equal(package_make(&made, &m, &(struct pgm_view){SIDE, SIDE, pixels}, &key, 0), 0);
    profile_paper.turn(&keys->state, made.hidden);
    free(pixels);
    return (struct store_bytes){made.body, made.len};
}

static void states_turn__packages_of_a_session__stays_with_its_sender(void **state)
{
    struct neg_terms t = terms(PROFILE_PAPER);
    struct store_bytes now, next, body;
    uint8_t session[SESSION_ID_BYTES];
    struct session_keys sender;
    struct noise_keypair cloud, other;
    struct vault_plain plain;
    char name[2 * SESSION_ID_BYTES + 1];

    (void)state;
    noise_keypair_new(&cloud);
    noise_keypair_new(&other);
    assert_int_equal(profile_paper.keys(&sender, &t), 0);
    assert_int_equal(states_begin(&now, session, &t, &cloud), 0);
    assert_memory_equal(session, sender.session, SESSION_ID_BYTES);
    for (int n = 0; n < 5; n++) {
        body = make(&sender);
        assert_int_equal(states_turn(&next, &now, &body, &other), ERR_AUTH);
        assert_null(next.p);
        assert_int_equal(states_turn(&next, &now, &body, &cloud), 0);
        free(now.p);
        free(body.p);
        now = next;
    }
    sodium_bin2hex(name, sizeof(name), session, sizeof(session));
    assert_int_equal(vault_open(&plain, &cloud, VAULT_STATE, name, &now), 0);
    assert_int_equal(plain.body.len, sender.state.len);
    assert_memory_equal(plain.body.p, sender.state.b, sender.state.len);
    vault_plain_free(&plain);
    free(now.p);
}

static void states_turn__body_that_is_no_package__refused(void **state)
{
    struct neg_terms t = terms(PROFILE_PAPER);
    uint8_t session[SESSION_ID_BYTES];
    struct store_bytes now, next, body;
    struct session_keys sender;
    struct noise_keypair cloud;

    (void)state;
    noise_keypair_new(&cloud);
    assert_int_equal(profile_paper.keys(&sender, &t), 0);
    assert_int_equal(states_begin(&now, session, &t, &cloud), 0);
    body = make(&sender);
    for (size_t n = 0; n < body.len; n += 7) {
        assert_int_not_equal(states_turn(&next, &now, &(struct store_bytes){body.p, n}, &cloud), 0);
        assert_null(next.p);
    }
    body.p[0] = PROFILE_AUTH;
    assert_int_equal(states_turn(&next, &now, &body, &cloud), ERR_ARG);
    free(body.p);
    free(now.p);
}

static void states_begin__profile_whose_cloud_keeps_nothing__nothing(void **state)
{
    struct neg_terms t = terms(PROFILE_AUTH);
    uint8_t session[SESSION_ID_BYTES];
    struct noise_keypair cloud;
    struct store_bytes now;

    (void)state;
    noise_keypair_new(&cloud);
    assert_int_equal(states_begin(&now, session, &t, &cloud), 0);
    assert_null(now.p);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fix_setup, fix_teardown)
    const struct CMUnitTest tests[] = {
        T(turn__each_package__once_however_often_it_comes),
        T(turn__refused_copy_taken_again__not_turned_again),
        T(turn__package_receipted_before_it_was_written__turned),
        T(turn__refused_package__leaves_the_state),
        T(turn__fails_or_none_is_asked_for__package_taken_and_state_left),
        T(states__of_many_sessions__the_oldest_go),
        T(states__device_revoked_or_long_unused__gone),
        cmocka_unit_test(states_turn__packages_of_a_session__stays_with_its_sender),
        cmocka_unit_test(states_turn__body_that_is_no_package__refused),
        cmocka_unit_test(states_begin__profile_whose_cloud_keeps_nothing__nothing),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
