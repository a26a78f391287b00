/* test_store_negotiations.c - pairs and the three states of a negotiation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/store_fixture.h"

static struct store *three_devices(void **state)
{
    struct store *s = ((struct fix *)*state)->s;

    fix_enrol(s, "ann", 1);
    fix_enrol(s, "bob", 2);
    fix_enrol(s, "cat", 3);
    return s;
}

static struct store_op *pair(enum store_kind kind, const char *a, const char *b)
{
    struct store_op *op = fix_op(kind);

    snprintf(op->u.pair.a, sizeof(op->u.pair.a), "%s", a);
    snprintf(op->u.pair.b, sizeof(op->u.pair.b), "%s", b);
    return op;
}

static struct store_op *pair_put(uint64_t a, uint64_t b, uint8_t *secret, size_t len)
{
    struct store_op *op = pair(STORE_PAIR_PUT, "ann", "bob");

    op->u.pair.enrolment_a = a;
    op->u.pair.enrolment_b = b;
    op->u.pair.sealed = (struct store_bytes){secret, len};
    return op;
}

static void pair_get__none_yet__gives_both_records(void **state)
{
    struct store *s = three_devices(state);
    struct store_op *op =
        fix_run(s, pair(STORE_PAIR_GET, "ann", "bob"), STORE_NOTFOUND, REASON_NONE);

    assert_int_equal(op->u.pair.enrolment_a, 1);
    assert_int_equal(op->u.pair.enrolment_b, 2);
    assert_int_equal(op->u.pair.rec_a.len, 3);
    assert_int_equal(op->u.pair.rec_b.len, 3);
    assert_memory_equal(op->u.pair.rec_b.p, "\1\2\3", 3);
    assert_null(op->u.pair.sealed.p);
    store_op_free(op);
}

static void pair_get__unknown_or_misordered__unknown_peer(void **state)
{
    struct store *s = three_devices(state);

    fix_expect(s, pair(STORE_PAIR_GET, "ann", "zed"), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    fix_expect(s, pair(STORE_PAIR_GET, "bob", "ann"), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    fix_expect(s, pair(STORE_PAIR_GET, "ann", "ann"), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
}

static void pair_put__twice__the_first_stays_and_is_given_back(void **state)
{
    struct store *s = three_devices(state);
    uint8_t one[4] = {1, 1, 1, 1}, two[5] = {2, 2, 2, 2, 2};
    struct store_op *op;

    fix_expect(s, pair_put(1, 2, one, sizeof(one)), STORE_OK, REASON_NONE);
    op = fix_run(s, pair_put(1, 2, two, sizeof(two)), STORE_ALREADY, REASON_NONE);
    assert_int_equal(op->u.pair.sealed.len, 4);
    assert_memory_equal(op->u.pair.sealed.p, one, 4);
    store_op_free(op);
    op = fix_run(s, pair(STORE_PAIR_GET, "ann", "bob"), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.pair.sealed.len, 4);
    assert_memory_equal(op->u.pair.sealed.p, one, 4);
    assert_null(op->u.pair.rec_a.p);
    store_op_free(op);
}

static void pair__after_revocation__is_gone_and_cannot_come_late(void **state)
{
    struct store *s = three_devices(state);
    uint8_t one[4] = {1, 1, 1, 1};

    fix_expect(s, pair_put(1, 2, one, sizeof(one)), STORE_OK, REASON_NONE);
    fix_expect(s, fix_revoke("bob"), STORE_OK, REASON_NONE);
    fix_expect(s, pair(STORE_PAIR_GET, "ann", "bob"), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    fix_expect(s, pair_put(1, 2, one, sizeof(one)), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    assert_int_equal(fix_enrol(s, "bob", 9), 4);
    fix_expect(s, pair(STORE_PAIR_GET, "ann", "bob"), STORE_NOTFOUND, REASON_NONE);
    /* made from the records of the enrolment that is over */
    fix_expect(s, pair_put(1, 2, one, sizeof(one)), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    fix_expect(s, pair_put(1, 4, one, sizeof(one)), STORE_OK, REASON_NONE);
}

static struct store_op *put(uint8_t t, const char *from, const char *to, enum neg_state state)
{
    static uint8_t content[4];
    struct store_op *op = fix_op(STORE_NEG_PUT);
    struct store_neg *n = &op->u.neg.neg;

    memset(n->id, t, NEG_ID_BYTES);
    n->request = 0xfffffffffffffff0u + t;
    snprintf(n->from, sizeof(n->from), "%s", from);
    snprintf(n->to, sizeof(n->to), "%s", to);
    n->state = state;
    memset(content, t * 16 + (int)state, sizeof(content));
    n->sealed = (struct store_bytes){content, sizeof(content)};
    return op;
}

static struct store_op *by_id(enum store_kind kind, uint8_t t)
{
    struct store_op *op = fix_op(kind);

    memset(op->u.neg.neg.id, t, NEG_ID_BYTES);
    return op;
}

static void neg__each_step__advances_by_one_only(void **state)
{
    struct store *s = three_devices(state);
    struct store_op *op;

    fix_expect(s, put(1, "ann", "bob", NEG_ASKED), STORE_CONFLICT, REASON_STALE);
    fix_expect(s, put(1, "ann", "bob", NEG_OPENED), STORE_OK, REASON_NONE);
    fix_expect(s, put(1, "ann", "bob", NEG_ANSWERED), STORE_CONFLICT, REASON_STALE);
    fix_expect(s, put(1, "ann", "bob", NEG_ASKED), STORE_OK, REASON_NONE);
    fix_expect(s, put(1, "ann", "bob", NEG_ASKED), STORE_ALREADY, REASON_NONE);
    fix_expect(s, put(1, "ann", "bob", NEG_OPENED), STORE_CONFLICT, REASON_STALE);
    fix_expect(s, put(1, "ann", "cat", NEG_ANSWERED), STORE_CONFLICT, REASON_STALE);
    fix_expect(s, put(1, "ann", "bob", NEG_ANSWERED), STORE_OK, REASON_NONE);
    op = fix_run(s, by_id(STORE_NEG_GET, 1), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.neg.neg.state, NEG_ANSWERED);
    assert_true(op->u.neg.neg.request == 0xfffffffffffffff1u);
    assert_int_equal(op->u.neg.neg.sealed.len, 4);
    assert_int_equal(op->u.neg.neg.sealed.p[3], 16 + NEG_ANSWERED);
    store_op_free(op);
}

static void neg_put__new_id_for_the_same_two__replaces_the_older(void **state)
{
    struct store *s = three_devices(state);
    struct store_op *op;

    op = fix_run(s, put(1, "ann", "bob", NEG_OPENED), STORE_OK, REASON_NONE);
    assert_false(op->u.neg.replaced);
    store_op_free(op);
    fix_expect(s, put(2, "bob", "ann", NEG_OPENED), STORE_OK, REASON_NONE);
    fix_expect(s, put(1, "ann", "bob", NEG_ASKED), STORE_OK, REASON_NONE);
    op = fix_run(s, put(3, "ann", "bob", NEG_OPENED), STORE_OK, REASON_NONE);
    assert_true(op->u.neg.replaced);
    store_op_free(op);
    fix_expect(s, by_id(STORE_NEG_GET, 1), STORE_NOTFOUND, REASON_STALE);
    fix_expect(s, put(1, "ann", "bob", NEG_ANSWERED), STORE_CONFLICT, REASON_STALE);
    /* the other direction is a negotiation of its own */
    fix_expect(s, by_id(STORE_NEG_GET, 2), STORE_OK, REASON_NONE);
}

static void neg_put__unknown_party__unknown_peer(void **state)
{
    struct store *s = three_devices(state);

    fix_expect(s, put(1, "ann", "zed", NEG_OPENED), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    fix_expect(s, put(1, "zed", "ann", NEG_OPENED), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
}

static void neg_get__without_id__finds_by_the_two_devices(void **state)
{
    struct store *s = three_devices(state);
    struct store_op *op = fix_op(STORE_NEG_GET);

    fix_expect(s, put(1, "ann", "bob", NEG_OPENED), STORE_OK, REASON_NONE);
    memcpy(op->u.neg.neg.from, "ann", 4);
    memcpy(op->u.neg.neg.to, "bob", 4);
    fix_run(s, op, STORE_OK, REASON_NONE);
    assert_int_equal(op->u.neg.neg.id[0], 1);
    store_op_free(op);
    op = fix_op(STORE_NEG_GET);
    memcpy(op->u.neg.neg.from, "bob", 4);
    memcpy(op->u.neg.neg.to, "ann", 4);
    fix_expect(s, op, STORE_NOTFOUND, REASON_STALE);
}

static void neg_delete__again__already(void **state)
{
    struct store *s = three_devices(state);

    fix_expect(s, put(1, "ann", "bob", NEG_OPENED), STORE_OK, REASON_NONE);
    fix_expect(s, by_id(STORE_NEG_DELETE, 1), STORE_OK, REASON_NONE);
    fix_expect(s, by_id(STORE_NEG_DELETE, 1), STORE_ALREADY, REASON_NONE);
    fix_expect(s, by_id(STORE_NEG_GET, 1), STORE_NOTFOUND, REASON_STALE);
}

/* The ids in the list, as digits. */
static void assert_list(struct store *s, const char *id, enum conn_role role, const char *want)
{
    struct store_op *op = fix_op(STORE_NEG_LIST);
    char got[16] = "";

    snprintf(op->u.negs.id, sizeof(op->u.negs.id), "%s", id);
    op->u.negs.role = role;
    fix_run(s, op, STORE_OK, REASON_NONE);
    assert_true(op->u.negs.n < sizeof(got));
    for (size_t i = 0; i < op->u.negs.n; i++) {
        got[i] = (char)('0' + op->u.negs.v[i].id[0]);
        assert_int_equal(op->u.negs.v[i].sealed.len, 4);
    }
    assert_string_equal(got, want);
    store_op_free(op);
}

static void neg_list__by_role__shows_who_is_awaited_oldest_first(void **state)
{
    struct store *s = three_devices(state);

    fix_expect(s, put(5, "ann", "bob", NEG_OPENED), STORE_OK, REASON_NONE);
    fix_expect(s, put(2, "ann", "cat", NEG_OPENED), STORE_OK, REASON_NONE);
    fix_expect(s, put(3, "cat", "bob", NEG_OPENED), STORE_OK, REASON_NONE);
    assert_list(s, "ann", ROLE_SEND, "52");
    assert_list(s, "bob", ROLE_RECV, "53");
    assert_list(s, "bob", ROLE_SEND, "");
    fix_expect(s, put(5, "ann", "bob", NEG_ASKED), STORE_OK, REASON_NONE);
    assert_list(s, "ann", ROLE_SEND, "2");
    assert_list(s, "bob", ROLE_RECV, "53");
    fix_expect(s, put(5, "ann", "bob", NEG_ANSWERED), STORE_OK, REASON_NONE);
    assert_list(s, "ann", ROLE_SEND, "52");
    assert_list(s, "bob", ROLE_RECV, "53");
    fix_expect(s, put(5, "ann", "bob", NEG_GRANTED), STORE_OK, REASON_NONE);
    assert_list(s, "ann", ROLE_SEND, "52");
    assert_list(s, "bob", ROLE_RECV, "3");
    fix_expect(s, fix_revoke("ann"), STORE_OK, REASON_NONE);
    assert_list(s, "ann", ROLE_SEND, "");
    assert_list(s, "bob", ROLE_RECV, "3");
    fix_expect(s, fix_revoke("bob"), STORE_OK, REASON_NONE);
    assert_list(s, "cat", ROLE_SEND, "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, fix_setup, fix_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(pair_get__none_yet__gives_both_records),
        T(pair_get__unknown_or_misordered__unknown_peer),
        T(pair_put__twice__the_first_stays_and_is_given_back),
        T(pair__after_revocation__is_gone_and_cannot_come_late),
        T(neg__each_step__advances_by_one_only),
        T(neg_put__new_id_for_the_same_two__replaces_the_older),
        T(neg_put__unknown_party__unknown_peer),
        T(neg_get__without_id__finds_by_the_two_devices),
        T(neg_delete__again__already),
        T(neg_list__by_role__shows_who_is_awaited_oldest_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
