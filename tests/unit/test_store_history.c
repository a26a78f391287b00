/* test_store_history.c - packages kept after they were verified: which, for how long, and that they
 * never stand in the way of one that comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/store_fixture.h"

#define MANY 1000000

static struct fix *three_devices(void **state)
{
    static const char *const ids[] = {"ann", "bob", "cat"};
    struct fix *f = *state;

    for (uint8_t i = 0; i < 3; i++)
        fix_enrol(f->s, ids[i], (uint8_t)(i + 1));
    return f;
}

static uint64_t enqueue(struct fix *f, const char *from, uint64_t index, size_t len)
{
    struct store_op *op = fix_enqueue(from, "bob", index, len, 0);
    uint64_t row;

    op->u.enqueue.keep = 1;
    row = fix_run(f->s, op, STORE_OK, REASON_NONE)->u.enqueue.package.row;
    fix_free(op);
    return row;
}

static void receipt(struct fix *f, uint64_t row, const char *from, uint64_t index, uint8_t status)
{
    struct store_op *op = fix_receipt(row, from, "bob", index, status);

    op->u.receipt.keep = 1;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
}

/* Taken, verified, kept. */
static uint64_t keep(struct fix *f, const char *from, uint64_t index, size_t len)
{
    uint64_t row = enqueue(f, from, index, len);

    receipt(f, row, from, index, RECEIPT_VERIFIED);
    return row;
}

static struct store_op *history(const char *from, const char *to, uint64_t after)
{
    struct store_op *op = fix_op(STORE_HISTORY);

    snprintf(op->u.history.from, sizeof(op->u.history.from), "%s", from);
    snprintf(op->u.history.to, sizeof(op->u.history.to), "%s", to);
    op->u.history.after = after;
    op->u.history.max_n = MANY;
    op->u.history.max_bytes = SIZE_MAX;
    return op;
}

/* The history of ann's packages to bob has exactly these indices: digits, in their order. */
static void expect_kept(struct fix *f, const char *indices)
{
    struct store_op *op = fix_run(f->s, history("ann", "bob", 0), STORE_OK, REASON_NONE);
    char got[64] = "";

    assert_true(op->u.history.n < sizeof(got));
    assert_false(op->u.history.more);
    for (size_t i = 0; i < op->u.history.n; i++)
        got[i] = (char)('0' + op->u.history.v[i].seq - 1);
    assert_string_equal(got, indices);
    store_op_free(op);
}

static void expect_counts_true(const struct fix *f)
{
    assert_int_equal(fix_ask(f,
                             "SELECT COUNT(*) FROM kept_counts c WHERE receiver <> '' AND"
                             " (packages <> (SELECT COUNT(*) FROM kept k WHERE k.receiver ="
                             " c.receiver) OR bytes <> (SELECT COALESCE(SUM(bytes), 0) FROM kept k"
                             " WHERE k.receiver = c.receiver))"),
                     0);
    assert_int_equal(fix_ask(f, "SELECT (SELECT packages FROM kept_counts WHERE receiver = '') -"
                                " (SELECT COUNT(*) FROM kept)"),
                     0);
    assert_int_equal(fix_ask(f, "SELECT (SELECT bytes FROM kept_counts WHERE receiver = '') -"
                                " (SELECT COALESCE(SUM(length(body)), 0) FROM kept)"),
                     0);
}

static void keep__verified__same_bytes_in_order_and_no_longer_waiting(void **state)
{
    struct fix *f = three_devices(state);
    struct store_op *op, *like;

    for (uint64_t i = 0; i < 3; i++)
        keep(f, "ann", i, 5000 * (size_t)i);
    keep(f, "cat", 7, 10);
    fix_reopen(f);
    assert_int_equal(fix_mailbox(f->s, "bob", NULL), 0);
    op = fix_run(f->s, history("ann", "bob", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.history.n, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct store_package *p = &op->u.history.v[i];

        like = fix_enqueue("ann", "bob", i, 5000 * i, 0);
        assert_int_equal(p->body.len, like->u.enqueue.package.body.len);
        if (i > 0)
            assert_memory_equal(p->body.p, like->u.enqueue.package.body.p, p->body.len);
        assert_true(i == 0 || p->row > p[-1].row);
        fix_free(like);
    }
    store_op_free(op);
    op = fix_run(f->s, fix_receipts("ann", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.receipts.n, 3); /* as without keeping */
    store_op_free(op);
    expect_counts_true(f);
}

static void keep__rejected_or_not_asked_for__nothing_is_kept(void **state)
{
    struct fix *f = three_devices(state);
    uint64_t row = enqueue(f, "ann", 0, 10);

    receipt(f, row, "ann", 0, RECEIPT_REJECTED);
    row = enqueue(f, "ann", 1, 10);
    receipt(f, row, "ann", 1, RECEIPT_UNVERIFIABLE);
    row = enqueue(f, "ann", 2, 10);
    fix_expect(f->s, fix_receipt(row, "ann", "bob", 2, RECEIPT_VERIFIED), STORE_OK, REASON_NONE);
    receipt(f, 0, "ann", 3, RECEIPT_VERIFIED); /* never written: nothing to keep */
    expect_kept(f, "");
    expect_counts_true(f);
}

static void keep__sent_and_verified_again__stands_there_once(void **state)
{
    struct fix *f = three_devices(state);
    struct store_op *ack = fix_op(STORE_RECEIPT_ACK);

    keep(f, "ann", 4, 10);
    memcpy(ack->u.stream.from, "ann", 4);
    memcpy(ack->u.stream.to, "bob", 4);
    memset(ack->u.stream.session, 7, SESSION_ID_BYTES);
    ack->u.stream.next = 4;
    fix_expect(f->s, ack, STORE_OK, REASON_NONE);
    keep(f, "ann", 4, 10);
    expect_kept(f, "4");
    expect_counts_true(f);
}

/* A package whose receipt overtakes the writer. */
static void keep_elided(struct fix *f, uint64_t index, uint8_t status, uint64_t max_packages)
{
    struct store_op *op = fix_enqueue("ann", "bob", index, 100, 0);
    struct store_op *r = fix_receipt(0, "ann", "bob", index, status);
    struct store_handover h = {.receipt = r->u.receipt.receipt};

    atomic_store(&h.receipted, 1);
    op->u.enqueue.keep = 1;
    op->u.enqueue.max_packages = max_packages;
    op->u.enqueue.handover = &h;
    fix_run(f->s, op, STORE_OK, REASON_NONE);
    assert_true(op->u.enqueue.receipt_known);
    assert_int_equal(op->u.enqueue.package.row, 0);
    fix_free(op);
    store_op_free(r);
}

static void elided__and_verified__is_written_among_the_kept(void **state)
{
    struct fix *f = three_devices(state);
    struct store_op *op;

    keep(f, "ann", 0, 10);
    keep_elided(f, 1, RECEIPT_VERIFIED, MANY);
    keep_elided(f, 2, RECEIPT_REJECTED, MANY);
    keep(f, "ann", 3, 10);
    expect_kept(f, "013");
    assert_int_equal(fix_mailbox(f->s, "bob", NULL), 0);
    op = fix_run(f->s, fix_receipts("ann", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.receipts.n, 4);
    store_op_free(op);
    op = fix_run(f->s, fix_fetch("bob", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.fetch.n, 0);
    store_op_free(op);
    expect_counts_true(f);
}

static void elided__in_a_full_mailbox__is_receipted_and_not_kept(void **state)
{
    struct fix *f = three_devices(state);

    enqueue(f, "ann", 0, 10);
    keep_elided(f, 1, RECEIPT_VERIFIED, 1);
    expect_kept(f, "");
    expect_counts_true(f);
}

static void mailbox_quota__short_of_room__the_oldest_kept_go_and_none_is_refused(void **state)
{
    struct fix *f = three_devices(state);
    struct store_op *op;

    for (uint64_t i = 0; i < 4; i++)
        keep(f, "ann", i, 100);
    for (uint64_t i = 4; i < 7; i++) { /* 3 wait, 5 are allowed: 2 kept ones stay */
        op = fix_enqueue("ann", "bob", i, 100, 0);
        op->u.enqueue.keep = 1;
        op->u.enqueue.max_packages = 5;
        fix_expect(f->s, op, STORE_OK, REASON_NONE);
    }
    expect_kept(f, "23");
    op = fix_enqueue("ann", "bob", 7, 301,
                     0); /* by bytes: 601 of 700 wait, one more would not fit */
    op->u.enqueue.keep = 1;
    op->u.enqueue.max_bytes = 700;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
    expect_kept(f, "");
    op = fix_enqueue("ann", "bob", 8, 100, 0); /* what waits is full by itself */
    op->u.enqueue.keep = 1;
    op->u.enqueue.max_packages = 4;
    fix_expect(f->s, op, STORE_FULL, REASON_MAILBOX_FULL);
    expect_counts_true(f);
}

static void mailbox_quota__refused_package__pushes_nothing_out(void **state)
{
    struct fix *f = three_devices(state);
    struct store_op *op;

    keep(f, "ann", 0, 100);
    op = fix_enqueue("ann", "bob", 1, 1001, 0);
    op->u.enqueue.keep = 1;
    op->u.enqueue.max_bytes = 1000;
    fix_expect(f->s, op, STORE_FULL, REASON_MAILBOX_FULL);
    expect_kept(f, "0");
}

static void store_quota__short_of_room__the_oldest_of_all_go(void **state)
{
    struct fix *f = three_devices(state);
    struct store_op *op;

    for (uint64_t i = 0; i < 3; i++)
        keep(f, "ann", i, 100);
    op = fix_enqueue("ann", "cat", 3, 100, 0); /* another mailbox */
    op->u.enqueue.keep = 1;
    op->u.enqueue.all_packages = 3;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
    expect_kept(f, "12");
    op = fix_enqueue("ann", "cat", 4, 100, 0);
    op->u.enqueue.keep = 1;
    op->u.enqueue.all_bytes = 300;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
    expect_kept(f, "2");
    expect_counts_true(f);
}

static void page_limit__short_of_room__kept_go_before_a_package_is_refused(void **state)
{
    struct fix *f = three_devices(state);
    uint64_t row = 0, i = 0, kept;
    struct store_op *op;

    assert_int_equal(store_set_page_limit(f->s, 600), 0);
    for (; i < 100; i++) { /* far more than the file may hold */
        row = enqueue(f, "ann", i, 40000);
        receipt(f, row, "ann", i, RECEIPT_VERIFIED);
    }
    kept = (uint64_t)fix_ask(f, "SELECT COUNT(*) FROM kept");
    assert_in_range(kept, 10, 60);
    assert_int_equal(fix_ask(f, "SELECT MAX(idx) FROM kept"), 99);
    expect_counts_true(f);
    for (;; i++) { /* and at last what waits is all there is */
        op = fix_enqueue("ann", "bob", i, 40000, 0);
        op->u.enqueue.keep = 1;
        store_run(f->s, op);
        if (op->result != STORE_OK)
            break;
        fix_free(op);
    }
    assert_int_equal(op->reason, REASON_DISK_FULL);
    fix_free(op);
    assert_true(fix_mailbox(f->s, "bob", NULL) > kept);
    expect_counts_true(f);
    op = fix_run(f->s, fix_fetch("bob", 0), STORE_OK, REASON_NONE);
    for (size_t k = 0; k < op->u.fetch.n; k++) /* receipts go on, kept or not */
        receipt(f, op->u.fetch.v[k].row, "ann", op->u.fetch.v[k].index, RECEIPT_VERIFIED);
    store_op_free(op);
    assert_int_equal(fix_mailbox(f->s, "bob", NULL), 0);
    expect_counts_true(f);
}

static void full_disk__kept_go_and_packages_are_still_taken(void **state)
{
    unsigned refused = 0;
    uint64_t i;
    struct store_op *op;
    struct fix f;

    (void)state;
    fix_disk_open(&f, 40);
    fix_enrol(f.s, "ann", 1);
    fix_enrol(f.s, "bob", 2);
    for (i = 0; i < 300; i++) { /* 60 MB in all, one after the other */
        op = fix_enqueue("ann", "bob", i, 200000, 0);
        op->u.enqueue.keep = 1;
        store_run(f.s, op);
        if (op->result == STORE_OK)
            receipt(&f, op->u.enqueue.package.row, "ann", i, RECEIPT_VERIFIED);
        else
            refused++;
        fix_free(op);
    }
    assert_int_equal(refused, 0);
    assert_int_equal(fix_mailbox(f.s, "bob", NULL), 0);
    assert_true(fix_ask(&f, "SELECT COUNT(*) FROM kept") > 0);
    expect_counts_true(&f);
    fix_disk_close(&f);
}

static struct store_op *expire(int64_t kept_before, size_t max_n)
{
    struct store_op *op = fix_op(STORE_EXPIRE);

    op->u.expire.kept_before = kept_before;
    op->u.expire.max_n = max_n;
    return op;
}

static void expire__by_the_time_of_the_receipt__in_parts(void **state)
{
    struct fix *f = three_devices(state);
    struct store_op *op;

    for (uint64_t i = 0; i < 5; i++) {
        op = fix_receipt(enqueue(f, "ann", i, 10), "ann", "bob", i, RECEIPT_VERIFIED);
        op->u.receipt.keep = 1;
        op->now = FIX_NOW + (int64_t)i;
        fix_expect(f->s, op, STORE_OK, REASON_NONE);
    }
    op = expire(FIX_NOW + 3, 2);
    assert_true(fix_run(f->s, op, STORE_OK, REASON_NONE)->u.expire.more);
    assert_int_equal(op->u.expire.n, 0); /* no sender has news */
    store_op_free(op);
    expect_kept(f, "234");
    op = expire(FIX_NOW + 3, 2);
    assert_false(fix_run(f->s, op, STORE_OK, REASON_NONE)->u.expire.more);
    store_op_free(op);
    expect_kept(f, "34");
    fix_expect(f->s, expire(INT64_MAX, 1000), STORE_OK, REASON_NONE);
    expect_kept(f, "");
    expect_counts_true(f);
}

static void revoke__the_receiver__takes_what_is_kept_for_it(void **state)
{
    struct fix *f = three_devices(state);
    struct store_op *op;

    keep(f, "ann", 0, 10);
    keep(f, "cat", 1, 10);
    fix_expect(f->s, fix_revoke("ann"), STORE_OK, REASON_NONE);
    expect_kept(f, "0");
    fix_expect(f->s, fix_revoke("bob"), STORE_OK, REASON_NONE);
    expect_kept(f, "");
    op = fix_run(f->s, history("cat", "bob", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.history.n, 0);
    store_op_free(op);
    expect_counts_true(f);
}

static void history__bounds_and_cursor__page_by_page(void **state)
{
    struct fix *f = three_devices(state);
    uint64_t after = 0, seen = 0, more = 1;
    struct store_op *op;

    for (uint64_t i = 0; i < 7; i++)
        keep(f, "ann", i, 1000);
    for (unsigned page = 0; more; page++) {
        op = history("ann", "bob", after);
        op->u.history.max_n = 3;
        op->u.history.max_bytes = page == 0 ? 500 : 2500; /* at least one, then at most two */
        fix_run(f->s, op, STORE_OK, REASON_NONE);
        assert_int_equal(op->u.history.n, page == 0 ? 1 : 2);
        seen += op->u.history.n;
        after = op->u.history.v[op->u.history.n - 1].row;
        more = (uint64_t)op->u.history.more;
        store_op_free(op);
    }
    assert_int_equal(seen, 7);
}

static void history__since_a_seq__also_beyond_the_signed_numbers(void **state)
{
    static const uint64_t since[] = {0, 2, 3, INT64_MAX, UINT64_MAX};
    static const size_t n[] = {4, 2, 1, 1, 1};
    struct fix *f = three_devices(state);
    struct store_op *op;

    for (uint64_t i = 0; i < 4; i++) {
        op = fix_enqueue("ann", "bob", i, 10, 0);
        if (i == 3)
            op->u.enqueue.package.seq = UINT64_MAX - 1;
        fix_run(f->s, op, STORE_OK, REASON_NONE);
        receipt(f, op->u.enqueue.package.row, "ann", i, RECEIPT_VERIFIED);
        fix_free(op);
    }
    for (size_t i = 0; i < 5; i++) {
        op = history("ann", "bob", 0);
        op->u.history.since = since[i];
        assert_int_equal(fix_run(f->s, op, STORE_OK, REASON_NONE)->u.history.n, n[i]);
        store_op_free(op);
    }
}

static void counts__after_any_mixture__are_what_is_kept(void **state)
{
    static const char *const ids[] = {"ann", "bob", "cat"};
    struct fix *f = three_devices(state);
    struct store_op *op;

    srand(2);
    for (unsigned i = 0; i < 400; i++) {
        const char *from = ids[rand() % 3], *to = ids[rand() % 3];

        op = fix_enqueue(from, to, (uint64_t)(rand() % 40), (size_t)(rand() % 300), 0);
        op->u.enqueue.keep = rand() % 8 != 0;
        op->u.enqueue.max_packages = (uint64_t)(5 + rand() % 5);
        op->u.enqueue.all_bytes = 3000;
        store_run(f->s, op);
        if (op->result == STORE_OK && rand() % 3 != 0) {
            struct store_op *r = fix_receipt(op->u.enqueue.package.row, from, to,
                                             op->u.enqueue.package.index, RECEIPT_VERIFIED);

            r->u.receipt.keep = 1;
            fix_expect(f->s, r, STORE_OK, REASON_NONE);
        }
        fix_free(op);
        if (i == 200)
            fix_expect(f->s, fix_revoke("cat"), STORE_OK, REASON_NONE);
    }
    assert_true(fix_ask(f, "SELECT COUNT(*) FROM kept") > 0);
    expect_counts_true(f);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fix_setup, fix_teardown)
    const struct CMUnitTest tests[] = {
        T(keep__verified__same_bytes_in_order_and_no_longer_waiting),
        T(keep__rejected_or_not_asked_for__nothing_is_kept),
        T(keep__sent_and_verified_again__stands_there_once),
        T(elided__and_verified__is_written_among_the_kept),
        T(elided__in_a_full_mailbox__is_receipted_and_not_kept),
        T(mailbox_quota__short_of_room__the_oldest_kept_go_and_none_is_refused),
        T(mailbox_quota__refused_package__pushes_nothing_out),
        T(store_quota__short_of_room__the_oldest_of_all_go),
        T(page_limit__short_of_room__kept_go_before_a_package_is_refused),
        cmocka_unit_test(full_disk__kept_go_and_packages_are_still_taken),
        T(expire__by_the_time_of_the_receipt__in_parts),
        T(revoke__the_receiver__takes_what_is_kept_for_it),
        T(history__bounds_and_cursor__page_by_page),
        T(history__since_a_seq__also_beyond_the_signed_numbers),
        T(counts__after_any_mixture__are_what_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
