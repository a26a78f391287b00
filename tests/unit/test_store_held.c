/* test_store_held.c - quotas: the store's, a mailbox's, a sender's share; and what may not grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/sql/sql.h"
#include "tests/unit/store_fixture.h"

static struct fix *four_devices(void **state)
{
    static const char *const ids[] = {"ann", "bob", "cat", "dan"};
    struct fix *f = *state;

    for (uint8_t i = 0; i < 4; i++)
        fix_enrol(f->s, ids[i], (uint8_t)(i + 1));
    return f;
}

/* To bob, whose mailbox holds so many packages, with half of it as a sender's share. */
static struct store_op *shared(const char *from, uint64_t index, size_t len, uint64_t packages)
{
    struct store_op *op = fix_enqueue(from, "bob", index, len, 0);

    op->u.enqueue.max_packages = packages;
    op->u.enqueue.share = 50;
    return op;
}

/* How many a sender gets in before it is refused for its share, beginning at index `from`. */
static unsigned fill(struct store *s, const char *sender, uint64_t from, uint64_t packages)
{
    struct store_op *op;
    unsigned n = 0;

    for (;; n++) {
        op = shared(sender, from + n, 10, packages);
        store_run(s, op);
        if (op->result != STORE_OK)
            break;
        fix_free(op);
    }
    assert_int_equal(op->result, STORE_FULL);
    assert_int_equal(op->reason, REASON_SHARE_FULL);
    fix_free(op);
    return n;
}

static void tell(const struct fix *f, const char *text)
{
    struct sql *db;

    assert_int_equal(sql_open(&db, f->path, NULL, 0), 0);
    assert_int_equal(sql_exec(db, text), 0);
    sql_close(db);
}

/* What is counted is what is there, row by row and in sum. */
static void expect_counts_true(const struct fix *f)
{
    static const char *const wrong[] = {
        "SELECT COUNT(*) FROM held h WHERE sender <> '' AND (packages <> (SELECT COUNT(*) FROM"
        " packages p WHERE p.receiver = h.receiver AND p.sender = h.sender) OR bytes <> (SELECT"
        " COALESCE(SUM(bytes), 0) FROM packages p WHERE p.receiver = h.receiver AND p.sender ="
        " h.sender) OR receipts <> (SELECT COUNT(*) FROM receipts r WHERE r.receiver = h.receiver"
        " AND r.sender = h.sender))",
        "SELECT COUNT(*) FROM held h WHERE sender = '' AND receiver <> '' AND (packages <> (SELECT"
        " COUNT(*) FROM packages p WHERE p.receiver = h.receiver) OR bytes <> (SELECT"
        " COALESCE(SUM(bytes), 0) FROM packages p WHERE p.receiver = h.receiver))",
        "SELECT (SELECT packages FROM held WHERE receiver = '') - COUNT(*) FROM packages",
        "SELECT (SELECT bytes FROM held WHERE receiver = '') - COALESCE(SUM(bytes), 0)"
        " FROM packages",
        "SELECT (SELECT SUM(receipts) FROM held) - COUNT(*) FROM receipts",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(fix_ask(f, wrong[i]), 0);
}

static void share__of_what_others_leave__always_leaves_some(void **state)
{
    struct fix *f = four_devices(state);

    assert_int_equal(fill(f->s, "ann", 0, 100), 50); /* a half */
    assert_int_equal(fill(f->s, "cat", 0, 100), 25); /* a half of the other half */
    fix_reopen(f);
    assert_int_equal(fill(f->s, "ann", 50, 100), 0);
    assert_int_equal(fill(f->s, "dan", 0, 100), 12);
    expect_counts_true(f);
}

static void share__first_package_of_a_sender__needs_room_in_the_mailbox_only(void **state)
{
    struct fix *f = four_devices(state);

    fix_expect(f->s, shared("ann", 0, 10, 1), STORE_OK, REASON_NONE);
    fix_expect(f->s, shared("cat", 0, 10, 1), STORE_FULL, REASON_MAILBOX_FULL);
    fix_expect(f->s, shared("cat", 0, 10, 2), STORE_OK, REASON_NONE);
    fix_expect(f->s, shared("cat", 1, 10, 3), STORE_FULL, REASON_SHARE_FULL);
}

static void share__of_bytes__is_exact(void **state)
{
    struct fix *f = four_devices(state);
    struct store_op *op;

    for (uint64_t i = 0; i < 2; i++) {
        op = shared("ann", i, i == 0 ? 300 : 201, 100);
        op->u.enqueue.max_bytes = 1000;
        fix_expect(f->s, op, i == 0 ? STORE_OK : STORE_FULL,
                   i == 0 ? REASON_NONE : REASON_SHARE_FULL);
    }
    op = shared("ann", 1, 200, 100);
    op->u.enqueue.max_bytes = 1000;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
}

static void share__with_numbers_without_end__does_not_wrap(void **state)
{
    struct fix *f = four_devices(state);
    struct store_op *op;

    for (uint64_t i = 0; i < 3; i++) {
        op = shared("ann", i, 10, UINT64_MAX);
        op->u.enqueue.max_bytes = UINT64_MAX;
        fix_expect(f->s, op, STORE_OK, REASON_NONE);
    }
}

static struct store_op *within(uint64_t index, const char *to, uint64_t packages, uint64_t bytes)
{
    struct store_op *op = fix_enqueue("ann", to, index, 10, 0);

    op->u.enqueue.all_packages = packages;
    op->u.enqueue.all_bytes = bytes;
    return op;
}

static void store_quota__over_all_mailboxes__is_exact(void **state)
{
    struct fix *f = four_devices(state);
    struct store_op *op;

    fix_expect(f->s, within(0, "bob", 2, 20), STORE_OK, REASON_NONE);
    fix_expect(f->s, within(1, "cat", 1, 20), STORE_FULL, REASON_CLOUD_FULL);
    fix_expect(f->s, within(1, "cat", 2, 19), STORE_FULL, REASON_CLOUD_FULL);
    op = fix_run(f->s, within(1, "cat", 2, 20), STORE_OK, REASON_NONE);
    fix_expect(f->s, within(2, "dan", 2, 20), STORE_FULL, REASON_CLOUD_FULL);
    fix_expect(f->s, fix_receipt(op->u.enqueue.package.row, "ann", "cat", 1, RECEIPT_VERIFIED),
               STORE_OK, REASON_NONE);
    fix_free(op);
    fix_expect(f->s, within(2, "dan", 2, 20), STORE_OK, REASON_NONE);
}

static struct store_op *ack(const char *from, const char *to, uint64_t index)
{
    struct store_op *op = fix_op(STORE_RECEIPT_ACK);

    memcpy(op->u.stream.from, from, strlen(from) + 1);
    memcpy(op->u.stream.to, to, strlen(to) + 1);
    memset(op->u.stream.session, 7, SESSION_ID_BYTES);
    op->u.stream.next = index;
    return op;
}

static struct store_op *expire(int64_t packages, int64_t receipts)
{
    struct store_op *op = fix_op(STORE_EXPIRE);

    op->u.expire.packages_before = packages;
    op->u.expire.receipts_before = receipts;
    op->u.expire.max_n = 1000;
    return op;
}

/* Every way in and every way out, at random: the counts stay true, also after a restart. */
static void counts__after_any_mixture__are_what_is_there(void **state)
{
    static const char *const ids[] = {"ann", "bob", "cat", "dan"};
    struct fix *f = four_devices(state);
    struct store_op *op;

    srand(1);
    for (unsigned i = 0; i < 400; i++) {
        const char *from = ids[rand() % 4], *to = ids[rand() % 4];
        uint64_t index = (uint64_t)(rand() % 20);

        if (strcmp(from, to) == 0)
            continue;
        op = fix_enqueue(from, to, index, (size_t)(rand() % 500), 0);
        store_run(f->s, op);
        if (op->result == STORE_OK && rand() % 2 == 0)
            fix_expect(f->s,
                       fix_receipt(op->u.enqueue.package.row, from, to, index,
                                   rand() % 3 == 0 ? RECEIPT_REJECTED : RECEIPT_VERIFIED),
                       STORE_OK, REASON_NONE);
        fix_free(op);
        op = rand() % 3 == 0 ? fix_receipt(0, from, to, index, RECEIPT_VERIFIED)
                             : ack(to, from, index);
        store_run(f->s, op);
        fix_free(op);
        if (i == 150)
            fix_expect(f->s, fix_revoke("dan"), STORE_OK, REASON_NONE);
        if (i == 300)
            fix_expect(f->s, expire(FIX_NOW + 1, 0), STORE_OK, REASON_NONE);
    }
    expect_counts_true(f);
    assert_true(fix_ask(f, "SELECT COUNT(*) FROM receipts") > 0);
    fix_expect(f->s, expire(0, FIX_NOW + 1), STORE_OK, REASON_NONE);
    fix_reopen(f);
    expect_counts_true(f);
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM receipts"), 0);
}

static void receipts__older_than_the_limit__go_and_others_stay(void **state)
{
    struct fix *f = four_devices(state);
    struct store_op *op;

    for (uint64_t i = 0; i < 4; i++) {
        op = fix_receipt(0, "ann", "bob", i, RECEIPT_VERIFIED);
        op->now = FIX_NOW + (int64_t)i;
        fix_expect(f->s, op, STORE_OK, REASON_NONE);
    }
    op = expire(0, FIX_NOW + 2);
    op->u.expire.max_n = 1;
    assert_true(fix_run(f->s, op, STORE_OK, REASON_NONE)->u.expire.more);
    fix_free(op);
    op = fix_run(f->s, expire(0, FIX_NOW + 2), STORE_OK, REASON_NONE);
    assert_false(op->u.expire.more);
    fix_free(op);
    op = fix_run(f->s, fix_receipts("ann", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.receipts.n, 2);
    assert_int_equal(op->u.receipts.v[0].index, 2);
    store_op_free(op);
    expect_counts_true(f);
}

static void receipts__never_acknowledged__stop_their_sender(void **state)
{
    struct fix *f = four_devices(state);
    struct store_handover h = {.receipted = 1};
    struct store_op *op;
    char set[100];

    fix_expect(f->s, fix_receipt(0, "ann", "bob", 0, RECEIPT_VERIFIED), STORE_OK, REASON_NONE);
    snprintf(set, sizeof(set), "UPDATE held SET receipts = %d", STORE_RECEIPTS_MAX);
    tell(f, set);
    fix_expect(f->s, fix_enqueue("ann", "bob", 1, 10, 0), STORE_FULL, REASON_UNACKED);
    fix_expect(f->s, fix_receipt(0, "ann", "bob", 1, RECEIPT_VERIFIED), STORE_NOTFOUND,
               REASON_UNACKED);
    op = fix_enqueue("ann", "bob", 1, 10, 0);
    op->u.enqueue.handover = &h;
    memcpy(h.receipt.sender, "ann", 4);
    memcpy(h.receipt.receiver, "bob", 4);
    fix_expect(f->s, op, STORE_FULL, REASON_UNACKED);
    fix_expect(f->s, fix_enqueue("ann", "cat", 1, 10, 0), STORE_OK, REASON_NONE);
    fix_expect(f->s, fix_enqueue("dan", "bob", 1, 10, 0), STORE_OK, REASON_NONE);
    fix_expect(f->s, ack("ann", "bob", 0), STORE_OK, REASON_NONE);
    fix_expect(f->s, fix_enqueue("ann", "bob", 1, 10, 0), STORE_OK, REASON_NONE);
}

static void streams__invented_without_end__the_oldest_go(void **state)
{
    struct fix *f = four_devices(state);
    struct store_op *op;

    for (unsigned i = 0; i < STORE_STREAMS_MAX + 20; i++) {
        op = fix_receipt(0, "ann", i % 20 == 0 ? "cat" : "bob", 0, RECEIPT_VERIFIED);
        memcpy(op->u.receipt.receipt.session, &i, sizeof(i));
        op->now = FIX_NOW + i;
        fix_expect(f->s, op, STORE_OK, REASON_NONE);
    }
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM streams WHERE receiver = 'cat'"), 14);
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM streams WHERE receiver = 'bob'"),
                     STORE_STREAMS_MAX);
    /* 262 were made for bob: the first six are gone, the last is there */
    assert_int_equal(fix_ask(f, "SELECT MIN(used_at) FROM streams WHERE receiver = 'bob'"),
                     FIX_NOW + 7);
    assert_int_equal(fix_ask(f, "SELECT MAX(used_at) FROM streams WHERE receiver = 'bob'"),
                     FIX_NOW + STORE_STREAMS_MAX + 19);
}

/* A file of the first version, made from one of today by taking away what has come since. */
static void migration__from_the_first_version__counts_what_is_there(void **state)
{
    struct fix *f = four_devices(state);

    for (uint64_t i = 0; i < 6; i++) {
        fix_expect(f->s, fix_enqueue(i % 2 == 0 ? "ann" : "cat", "bob", i, 100 + i, 0), STORE_OK,
                   REASON_NONE);
        fix_expect(f->s,
                   fix_receipt(0, i % 3 == 0 ? "ann" : "dan", "bob", i + 10, RECEIPT_VERIFIED),
                   STORE_OK, REASON_NONE);
    }
    tell(f, "DROP TABLE commons; DROP INDEX packages_common;"
            "ALTER TABLE packages DROP COLUMN common;"
            "DROP TABLE kept; DROP TABLE kept_counts; DROP TABLE states;"
            "DROP TABLE held; DROP INDEX receipts_kept; DROP INDEX streams_pair;"
            "ALTER TABLE receipts DROP COLUMN kept_at;"
            "CREATE TABLE mailboxes (receiver TEXT NOT NULL PRIMARY KEY,"
            " packages INTEGER NOT NULL, bytes INTEGER NOT NULL);"
            "PRAGMA user_version = 1");
    fix_reopen(f);
    expect_counts_true(f);
    assert_int_equal(fix_ask(f, "SELECT COUNT(*) FROM held"), 5); /* all, bob, and three senders */
    assert_true(fix_ask(f, "SELECT MIN(kept_at) FROM receipts") > FIX_NOW);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fix_setup, fix_teardown)
    const struct CMUnitTest tests[] = {
        T(share__of_what_others_leave__always_leaves_some),
        T(share__first_package_of_a_sender__needs_room_in_the_mailbox_only),
        T(share__of_bytes__is_exact),
        T(share__with_numbers_without_end__does_not_wrap),
        T(store_quota__over_all_mailboxes__is_exact),
        T(counts__after_any_mixture__are_what_is_there),
        T(receipts__older_than_the_limit__go_and_others_stay),
        T(receipts__never_acknowledged__stop_their_sender),
        T(streams__invented_without_end__the_oldest_go),
        T(migration__from_the_first_version__counts_what_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
