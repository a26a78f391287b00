/* test_store_devices.c - tokens, enrolment and revocation: every answer that store.h names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/store_fixture.h"

static struct store *store_of(void **state)
{
    return ((struct fix *)*state)->s;
}

static struct store_op *at(struct store_op *op, int64_t seconds)
{
    op->now = FIX_NOW + seconds;
    return op;
}

static void invite__same_token_again__already(void **state)
{
    struct store *s = store_of(state);

    fix_expect(s, fix_invite("cam", 1), STORE_OK, REASON_NONE);
    fix_expect(s, fix_invite("cam", 1), STORE_ALREADY, REASON_NONE);
    fix_expect(s, fix_invite("cam", 2), STORE_OK, REASON_NONE);
}

static void invite__id_of_a_living_device__taken(void **state)
{
    struct store *s = store_of(state);

    fix_enrol(s, "cam", 1);
    fix_expect(s, fix_invite("cam", 2), STORE_CONFLICT, REASON_ID_TAKEN);
}

static void reserve__unknown_token_or_other_id__wrong(void **state)
{
    struct store *s = store_of(state);

    fix_expect(s, fix_invite("cam", 1), STORE_OK, REASON_NONE);
    fix_expect(s, fix_reserve("cam", 2, 9), STORE_NOTFOUND, REASON_TOKEN_WRONG);
    fix_expect(s, fix_reserve("cat", 1, 9), STORE_NOTFOUND, REASON_TOKEN_WRONG);
    fix_expect(s, fix_reserve("cam", 1, 9), STORE_OK, REASON_NONE);
}

static void reserve__by_two_keys__held_for_a_minute(void **state)
{
    struct store *s = store_of(state);

    fix_expect(s, fix_invite("cam", 1), STORE_OK, REASON_NONE);
    fix_expect(s, fix_reserve("cam", 1, 8), STORE_OK, REASON_NONE);
    fix_expect(s, fix_reserve("cam", 1, 8), STORE_OK, REASON_NONE);
    fix_expect(s, at(fix_reserve("cam", 1, 9), 59), STORE_CONFLICT, REASON_TOKEN_HELD);
    fix_expect(s, at(fix_add("cam", 1, 9, 9), 59), STORE_CONFLICT, REASON_TOKEN_HELD);
    fix_expect(s, at(fix_reserve("cam", 1, 9), 60), STORE_OK, REASON_NONE);
    fix_expect(s, at(fix_reserve("cam", 1, 8), 61), STORE_CONFLICT, REASON_TOKEN_HELD);
}

static void reserve__after_its_time__expired(void **state)
{
    struct store *s = store_of(state);

    fix_expect(s, fix_invite("cam", 1), STORE_OK, REASON_NONE);
    fix_expect(s, at(fix_reserve("cam", 1, 8), 3600), STORE_CONFLICT, REASON_TOKEN_EXPIRED);
    fix_expect(s, at(fix_add("cam", 1, 8, 8), 3600), STORE_CONFLICT, REASON_TOKEN_EXPIRED);
    fix_expect(s, at(fix_reserve("cam", 1, 8), 3599), STORE_OK, REASON_NONE);
}

static void add__with_its_token__uses_it_up(void **state)
{
    struct store *s = store_of(state);
    struct store_op *op;

    assert_int_equal(fix_enrol(s, "cam", 1), 1);
    fix_expect(s, fix_reserve("cam", 1, 1), STORE_ALREADY, REASON_NONE);
    fix_expect(s, fix_reserve("cam", 1, 2), STORE_CONFLICT, REASON_TOKEN_USED);
    fix_expect(s, fix_add("cam", 1, 2, 2), STORE_CONFLICT, REASON_TOKEN_USED);
    op = fix_run(s, at(fix_add("cam", 1, 1, 1), 90000), STORE_ALREADY, REASON_NONE);
    assert_int_equal(op->u.add.device.enrolment, 1);
    store_op_free(op);
    assert_int_equal(fix_enrol(s, "sensor", 2), 2);
}

static void add__without_or_with_anothers_token__wrong(void **state)
{
    struct store *s = store_of(state);

    fix_expect(s, fix_add("cam", 1, 1, 1), STORE_NOTFOUND, REASON_TOKEN_WRONG);
    fix_expect(s, fix_invite("cam", 1), STORE_OK, REASON_NONE);
    fix_expect(s, fix_add("cat", 1, 1, 1), STORE_NOTFOUND, REASON_TOKEN_WRONG);
}

/* Two tokens for one id can be out; the second to arrive finds the id taken. */
static void add__several_things_taken__names_the_first_in_order(void **state)
{
    struct store *s = store_of(state);

    fix_expect(s, fix_invite("cam", 1), STORE_OK, REASON_NONE);
    fix_expect(s, fix_invite("cam", 2), STORE_OK, REASON_NONE);
    fix_expect(s, fix_invite("dog", 3), STORE_OK, REASON_NONE);
    fix_expect(s, fix_add("cam", 1, 1, 1), STORE_OK, REASON_NONE);
    fix_expect(s, fix_add("cam", 9, 1, 1), STORE_NOTFOUND, REASON_TOKEN_WRONG);
    fix_expect(s, fix_add("cam", 2, 1, 1), STORE_CONFLICT, REASON_ID_TAKEN);
    fix_expect(s, fix_add("dog", 3, 1, 1), STORE_CONFLICT, REASON_KEY_TAKEN);
    fix_expect(s, fix_add("dog", 3, 3, 1), STORE_CONFLICT, REASON_SIGNATURE_TAKEN);
    /* none of the refusals used the token up */
    fix_expect(s, fix_add("dog", 3, 3, 3), STORE_OK, REASON_NONE);
}

static struct store_op *attach(const char *id, uint8_t key, uint8_t codec)
{
    struct store_op *op = fix_op(STORE_DEVICE_ATTACH);

    memcpy(op->u.device.id, id, strlen(id) + 1);
    memset(op->u.device.key, key, KEY_BYTES);
    op->u.device.offer.codecs = (struct list){1, {codec}};
    return op;
}

static struct store_op *get(const char *id)
{
    struct store_op *op = fix_op(STORE_DEVICE_GET);

    memcpy(op->u.device.id, id, strlen(id) + 1);
    return op;
}

static void attach__key_and_id_must_belong_together(void **state)
{
    struct store *s = store_of(state);
    struct store_op *op;

    fix_enrol(s, "cam", 1);
    fix_enrol(s, "dog", 2);
    fix_expect(s, attach("cam", 2, 1), STORE_NOTFOUND, REASON_NOT_ENROLLED);
    fix_expect(s, attach("cat", 1, 1), STORE_NOTFOUND, REASON_NOT_ENROLLED);
    op = fix_run(s, attach("dog", 2, 1), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.device.enrolment, 2);
    assert_int_equal(op->u.device.enrolled_at, FIX_NOW);
    store_op_free(op);
}

static void attach__changed_offer__is_kept(void **state)
{
    struct store *s = store_of(state);
    struct store_op *op;

    fix_enrol(s, "cam", 1);
    op = fix_run(s, get("cam"), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.device.offer.codecs.n, 2);
    store_op_free(op);
    fix_expect(s, attach("cam", 1, 7), STORE_OK, REASON_NONE);
    op = fix_run(s, get("cam"), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.device.offer.codecs.n, 1);
    assert_int_equal(op->u.device.offer.codecs.v[0], 7);
    assert_int_equal(op->u.device.offer.profiles.n, 0);
    assert_int_equal(op->u.device.key[31], 1);
    store_op_free(op);
    op = attach("cam", 1, 7); /* a sender says nothing of it */
    op->u.device.offer.codecs.n = 0;
    fix_expect(s, op, STORE_OK, REASON_NONE);
    op = fix_run(s, get("cam"), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.device.offer.codecs.v[0], 7);
    store_op_free(op);
    fix_expect(s, get("nobody"), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
}

static void revoke__then_all_forms_of_access__are_gone(void **state)
{
    struct store *s = store_of(state);

    fix_enrol(s, "cam", 1);
    fix_expect(s, fix_revoke("cam"), STORE_OK, REASON_NONE);
    fix_expect(s, attach("cam", 1, 1), STORE_NOTFOUND, REASON_NOT_ENROLLED);
    fix_expect(s, get("cam"), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    fix_expect(s, fix_reserve("cam", 1, 1), STORE_CONFLICT, REASON_TOKEN_USED);
    fix_expect(s, fix_revoke("cam"), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    fix_expect(s, fix_revoke("nobody"), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
}

static void revoke__open_invitation__is_withdrawn(void **state)
{
    struct store *s = store_of(state);

    fix_expect(s, fix_invite("cam", 1), STORE_OK, REASON_NONE);
    fix_expect(s, fix_invite("cam", 2), STORE_OK, REASON_NONE);
    fix_expect(s, fix_add("cam", 1, 1, 1), STORE_OK, REASON_NONE);
    fix_expect(s, fix_revoke("cam"), STORE_OK, REASON_NONE);
    fix_expect(s, fix_reserve("cam", 2, 2), STORE_NOTFOUND, REASON_TOKEN_WRONG);
}

static void enrol_again__new_key__is_a_new_enrolment(void **state)
{
    struct store *s = store_of(state);
    struct store_op *op;

    assert_int_equal(fix_enrol(s, "cam", 1), 1);
    fix_expect(s, fix_revoke("cam"), STORE_OK, REASON_NONE);
    fix_expect(s, fix_invite("cam", 2), STORE_OK, REASON_NONE);
    /* the old key is burnt, the scan may be used again */
    fix_expect(s, fix_add("cam", 2, 1, 1), STORE_CONFLICT, REASON_KEY_TAKEN);
    op = fix_run(s, fix_add("cam", 2, 2, 1), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.add.device.enrolment, 2);
    store_op_free(op);
}

static void list__living_and_revoked__in_order_of_enrolment(void **state)
{
    struct store *s = store_of(state);
    struct store_op *op;
    char id[8];

    for (uint8_t i = 1; i <= 40; i++) {
        id[0] = 'd';
        id[1] = (char)('0' + i / 10);
        id[2] = (char)('0' + i % 10);
        id[3] = '\0';
        fix_enrol(s, id, i);
    }
    fix_expect(s, fix_revoke("d07"), STORE_OK, REASON_NONE);
    op = fix_run(s, fix_op(STORE_DEVICE_LIST), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.devices.n, 40);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(op->u.devices.v[i].enrolment, i + 1);
        assert_int_equal(op->u.devices.v[i].revoked, i == 6);
    }
    assert_string_equal(op->u.devices.v[6].id, "d07");
    store_op_free(op);
}

static void revoked_since__cursor__gives_each_once(void **state)
{
    struct store *s = store_of(state);
    struct store_op *op = fix_run(s, fix_op(STORE_REVOKED_SINCE), STORE_OK, REASON_NONE);

    assert_int_equal(op->u.revoked.n, 0);
    assert_int_equal(op->u.revoked.since, 0);
    store_op_free(op);
    fix_enrol(s, "a", 1);
    fix_enrol(s, "b", 2);
    fix_expect(s, fix_revoke("b"), STORE_OK, REASON_NONE);
    fix_expect(s, fix_revoke("a"), STORE_OK, REASON_NONE);
    op = fix_run(s, fix_op(STORE_REVOKED_SINCE), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.revoked.n, 2);
    assert_string_equal(op->u.revoked.v[0].id, "b");
    assert_int_equal(op->u.revoked.v[0].enrolment, 2);
    assert_string_equal(op->u.revoked.v[1].id, "a");
    assert_int_equal(op->u.revoked.since, 2);
    store_op_free(op);
    op = fix_op(STORE_REVOKED_SINCE);
    op->u.revoked.since = 1;
    op = fix_run(s, op, STORE_OK, REASON_NONE);
    assert_int_equal(op->u.revoked.n, 1);
    assert_string_equal(op->u.revoked.v[0].id, "a");
    store_op_free(op);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fix_setup, fix_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(invite__same_token_again__already),
        T(invite__id_of_a_living_device__taken),
        T(reserve__unknown_token_or_other_id__wrong),
        T(reserve__by_two_keys__held_for_a_minute),
        T(reserve__after_its_time__expired),
        T(add__with_its_token__uses_it_up),
        T(add__without_or_with_anothers_token__wrong),
        T(add__several_things_taken__names_the_first_in_order),
        T(attach__key_and_id_must_belong_together),
        T(attach__changed_offer__is_kept),
        T(revoke__then_all_forms_of_access__are_gone),
        T(revoke__open_invitation__is_withdrawn),
        T(enrol_again__new_key__is_a_new_enrolment),
        T(list__living_and_revoked__in_order_of_enrolment),
        T(revoked_since__cursor__gives_each_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
