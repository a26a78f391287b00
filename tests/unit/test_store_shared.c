/*
 * test_store_shared.c - what packages to the members of a set have in common: stored once, counted
 * once for the store and in full for each mailbox, and there for as long as a package names it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/store_fixture.h"

#define COMMON_BYTES 5000
#define PART_BYTES   100
#define SHARED_BYTES (4 + PART_BYTES + 4 + COMMON_BYTES) /* as a PACKAGE_SHARED */

static const char *const members[] = {"bob", "cat", "dan"};

static struct fix *a_sender_and_members(void **state)
{
    struct fix *f = *state;

    fix_enrol(f->s, "ann", 1);
    for (uint8_t i = 0; i < 3; i++)
        fix_enrol(f->s, members[i], (uint8_t)(i + 2));
    return f;
}

/* A common part, filled with its number; static. */
static struct store_common *common(uint8_t number)
{
    static struct store_common c;
    static uint8_t bytes[COMMON_BYTES];

    memset(bytes, number, sizeof(bytes));
    memset(c.digest, number, sizeof(c.digest));
    c.p = bytes;
    c.len = sizeof(bytes);
    return &c;
}

static struct store_op *op_for(const char *from, const char *to, uint64_t index, uint8_t number)
{
    struct store_op *op = fix_enqueue(from, to, index, PART_BYTES, 0);

    op->u.enqueue.common = common(number);
    op->u.enqueue.carries_common = strcmp(to, members[0]) == 0;
    op->u.enqueue.keep = 1;
    return op;
}

static uint64_t put(struct fix *f, const char *to, uint64_t index, uint8_t number)
{
    struct store_op *op = fix_run(f->s, op_for("ann", to, index, number), STORE_OK, REASON_NONE);
    uint64_t row = op->u.enqueue.package.row;

    fix_free(op);
    return row;
}

static void receipt(struct fix *f, uint64_t row, const char *to, uint64_t index, int keep)
{
    struct store_op *op = fix_receipt(row, "ann", to, index, RECEIPT_VERIFIED);

    op->u.receipt.keep = keep;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
}

static int64_t commons(const struct fix *f)
{
    return fix_ask(f, "SELECT COUNT(*) FROM commons");
}

static int64_t store_bytes(const struct fix *f)
{
    return fix_ask(f, "SELECT bytes FROM held WHERE receiver = '' AND sender = ''");
}

/* This is the member's part with this common part behind it. */
static void expect_whole(const struct store_package *p, const char *to, uint64_t index,
                         uint8_t number)
{
    struct store_op *like = fix_enqueue("ann", to, index, PART_BYTES, 0);
    struct msg m;

    assert_true(p->is_shared);
    assert_int_equal(p->body.len, SHARED_BYTES);
    assert_int_equal(msg_decode(&m, MSG_PACKAGE_SHARED, p->body.p, p->body.len), 0);
    assert_int_equal(m.u.package_shared.member.len, PART_BYTES);
    assert_memory_equal(m.u.package_shared.member.p, like->u.enqueue.package.body.p, PART_BYTES);
    assert_int_equal(m.u.package_shared.common.len, COMMON_BYTES);
    assert_memory_equal(m.u.package_shared.common.p, common(number)->p, COMMON_BYTES);
    fix_free(like);
}

static void expect_fetched(struct fix *f, const char *to, uint64_t index, uint8_t number)
{
    struct store_op *op = fix_run(f->s, fix_fetch(to, 0), STORE_OK, REASON_NONE);

    assert_int_equal(op->u.fetch.n, 1);
    expect_whole(&op->u.fetch.v[0], to, index, number);
    store_op_free(op);
}

static void set__to_three__stored_once_and_whole_for_each(void **state)
{
    struct fix *f = a_sender_and_members(state);
    uint64_t rows[3], bytes;

    for (size_t i = 0; i < 3; i++)
        rows[i] = put(f, members[i], i, 1);
    fix_reopen(f);
    assert_int_equal(commons(f), 1);
    assert_int_equal(fix_ask(f, "SELECT SUM(length(body)) FROM packages"), 3 * PART_BYTES);
    assert_int_equal(store_bytes(f), 3 * SHARED_BYTES - 2 * COMMON_BYTES);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fix_mailbox(f->s, members[i], &bytes), 1);
        assert_int_equal(bytes, SHARED_BYTES);
        expect_fetched(f, members[i], i, 1);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(commons(f), 1);
        receipt(f, rows[i], members[i], i, 0);
    }
    assert_int_equal(commons(f), 0);
    assert_int_equal(store_bytes(f), 0);
}

/* Two messages with one common part are none that a sender makes; a third party's is its own. */
static void common__same_digest__shared_by_one_sender_only(void **state)
{
    struct fix *f = a_sender_and_members(state);

    put(f, "bob", 0, 1);
    put(f, "cat", 0, 1);
    fix_expect(f->s, op_for("dan", "bob", 0, 1), STORE_OK, REASON_NONE);
    put(f, "dan", 0, 2);
    assert_int_equal(commons(f), 3);
}

static void enqueue__again__is_already_there_once(void **state)
{
    struct fix *f = a_sender_and_members(state);
    int64_t before;

    put(f, "bob", 0, 1);
    put(f, "cat", 0, 1);
    before = store_bytes(f);
    fix_expect(f->s, op_for("ann", "bob", 0, 1), STORE_ALREADY, REASON_NONE);
    fix_expect(f->s, op_for("ann", "cat", 0, 1), STORE_ALREADY, REASON_NONE);
    assert_int_equal(store_bytes(f), before);
    assert_int_equal(commons(f), 1);
}

static void enqueue__one_mailbox_full__leaves_nothing_of_that_member(void **state)
{
    struct fix *f = a_sender_and_members(state);
    struct store_op *op = op_for("ann", "bob", 0, 1);

    op->u.enqueue.max_bytes = SHARED_BYTES - 1; /* a mailbox counts it in full */
    fix_expect(f->s, op, STORE_FULL, REASON_MAILBOX_FULL);
    assert_int_equal(commons(f), 0);
    put(f, "cat", 0, 1);
    assert_int_equal(commons(f), 1);
    assert_int_equal(store_bytes(f), SHARED_BYTES);
}

static void damaged__sent_again__is_whole_for_all(void **state)
{
    struct fix *f = a_sender_and_members(state);
    uint64_t row = put(f, "bob", 0, 1);
    struct store_op *op = fix_receipt(row, "ann", "bob", 0, RECEIPT_REJECTED);

    put(f, "cat", 0, 1);
    fix_ask(f, "UPDATE commons SET body = zeroblob(length(body))");
    op->u.receipt.receipt.digest[0] ^= 1; /* of the copy that bob got */
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
    put(f, "bob", 0, 1);
    expect_fetched(f, "bob", 0, 1);
    expect_fetched(f, "cat", 0, 1);
}

static struct store_op *history(const char *to)
{
    struct store_op *op = fix_op(STORE_HISTORY);

    strcpy(op->u.history.from, "ann");
    strcpy(op->u.history.to, to);
    op->u.history.max_n = 100;
    op->u.history.max_bytes = SIZE_MAX;
    return op;
}

static void kept__of_each_member__whole_until_the_last_is_gone(void **state)
{
    struct fix *f = a_sender_and_members(state);
    struct store_op *op;

    for (size_t i = 0; i < 3; i++)
        receipt(f, put(f, members[i], i, 1), members[i], i, i < 2);
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM packages"), 0);
    assert_int_equal(store_bytes(f), 0);
    assert_int_equal(commons(f), 1);
    for (size_t i = 0; i < 3; i++) {
        op = fix_run(f->s, history(members[i]), STORE_OK, REASON_NONE);
        assert_int_equal(op->u.history.n, i < 2);
        if (i < 2)
            expect_whole(&op->u.history.v[0], members[i], i, 1);
        store_op_free(op);
    }
    fix_expect(f->s, fix_revoke("bob"), STORE_OK, REASON_NONE);
    assert_int_equal(commons(f), 1);
    fix_expect(f->s, fix_revoke("cat"), STORE_OK, REASON_NONE);
    assert_int_equal(commons(f), 0);
}

static void expire__waiting_and_kept__the_common_part_goes_with_the_last(void **state)
{
    struct fix *f = a_sender_and_members(state);
    struct store_op *op;

    receipt(f, put(f, "bob", 0, 1), "bob", 0, 1);
    put(f, "cat", 0, 1);
    op = fix_op(STORE_EXPIRE);
    op->u.expire.packages_before = FIX_NOW + 1;
    op->u.expire.max_n = 100;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
    assert_int_equal(commons(f), 1);
    assert_int_equal(store_bytes(f), 0);
    op = fix_op(STORE_EXPIRE);
    op->u.expire.kept_before = FIX_NOW + 1;
    op->u.expire.max_n = 100;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
    assert_int_equal(commons(f), 0);
}

static void revoke__a_member__the_others_still_get_it(void **state)
{
    struct fix *f = a_sender_and_members(state);

    put(f, "bob", 0, 1);
    put(f, "cat", 0, 1);
    fix_expect(f->s, fix_revoke("bob"), STORE_OK, REASON_NONE);
    expect_fetched(f, "cat", 0, 1);
    assert_int_equal(store_bytes(f), SHARED_BYTES);
    fix_expect(f->s, fix_revoke("cat"), STORE_OK, REASON_NONE);
    assert_int_equal(commons(f), 0);
    assert_int_equal(store_bytes(f), 0);
}

/* Whatever happens to packages in whichever order, the counts are those of what is there. */
static void counts__after_any_mixture__are_what_is_stored(void **state)
{
    struct fix *f = a_sender_and_members(state);
    uint64_t rows[3][40] = {{0}};

    srandom(7);
    for (int step = 0; step < 400; step++) {
        size_t m = (size_t)random() % 3, i = (size_t)random() % 40;

        if (rows[m][i] == 0) {
            rows[m][i] = put(f, members[m], i, (uint8_t)(i / 2));
        } else if (rows[m][i] != UINT64_MAX) {
            receipt(f, rows[m][i], members[m], i, (int)(random() % 2));
            rows[m][i] = UINT64_MAX;
        }
    }
    assert_int_equal(store_bytes(f),
                     fix_ask(f, "SELECT SUM(bytes) - (SELECT SUM(n * bytes) FROM (SELECT"
                                " (SELECT COUNT(*) FROM packages WHERE common = c.number) - 1 AS n,"
                                " bytes FROM commons c) WHERE n > 0) FROM packages"));
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM commons WHERE number NOT IN"
                                " (SELECT common FROM packages) AND number NOT IN"
                                " (SELECT common FROM kept)"),
                     0);
    assert_int_equal(fix_ask(f, "SELECT (SELECT bytes FROM kept_counts WHERE receiver = '') -"
                                " (SELECT SUM(bytes) FROM kept)"),
                     0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(set__to_three__stored_once_and_whole_for_each),
        TEST(common__same_digest__shared_by_one_sender_only),
        TEST(enqueue__again__is_already_there_once),
        TEST(enqueue__one_mailbox_full__leaves_nothing_of_that_member),
        TEST(damaged__sent_again__is_whole_for_all),
        TEST(kept__of_each_member__whole_until_the_last_is_gone),
        TEST(expire__waiting_and_kept__the_common_part_goes_with_the_last),
        TEST(revoke__a_member__the_others_still_get_it),
        TEST(counts__after_any_mixture__are_what_is_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
