/* test_store_mailbox.c - packages and receipts: taken, handed out, receipted, expired. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/store_fixture.h"

static struct store *two_devices(void **state)
{
    struct store *s = ((struct fix *)*state)->s;

    fix_enrol(s, "ann", 1);
    fix_enrol(s, "bob", 2);
    return s;
}

static uint64_t enqueue(struct store *s, uint64_t index, size_t len)
{
    struct store_op *op =
        fix_run(s, fix_enqueue("ann", "bob", index, len, 0), STORE_OK, REASON_NONE);
    uint64_t row = op->u.enqueue.package.row;

    fix_free(op);
    return row;
}

static uint64_t stream_next(struct store *s, uint8_t session)
{
    struct store_op *op = fix_op(STORE_STREAM);
    uint64_t next;

    memcpy(op->u.stream.from, "ann", 4);
    memcpy(op->u.stream.to, "bob", 4);
    memset(op->u.stream.session, session, SESSION_ID_BYTES);
    next = fix_run(s, op, STORE_OK, REASON_NONE)->u.stream.next;
    store_op_free(op);
    return next;
}

static struct store_op *ack(uint64_t index)
{
    struct store_op *op = fix_op(STORE_RECEIPT_ACK);

    memcpy(op->u.stream.from, "ann", 4);
    memcpy(op->u.stream.to, "bob", 4);
    memset(op->u.stream.session, 7, SESSION_ID_BYTES);
    op->u.stream.next = index;
    return op;
}

static void enqueue__then_fetch__same_bytes_in_order(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 4095, 4096, 5000, 70000};
    struct store *s = two_devices(state);
    struct store_op *op, *like;

    for (size_t i = 0; i < 7; i++)
        enqueue(s, i, sizes[i]);
    op = fix_run(s, fix_fetch("bob", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.fetch.n, 7);
    for (size_t i = 0; i < 7; i++) {
        const struct store_package *p = &op->u.fetch.v[i];

        like = fix_enqueue("ann", "bob", i, sizes[i], 0);
        assert_int_equal(p->body.len, sizes[i]);
        if (sizes[i] > 0)
            assert_memory_equal(p->body.p, like->u.enqueue.package.body.p, sizes[i]);
        assert_int_equal(p->index, i);
        assert_int_equal(p->seq, i + 1);
        assert_string_equal(p->from, "ann");
        assert_string_equal(p->to, "bob");
        assert_true(i == 0 || p->row > p[-1].row);
        fix_free(like);
    }
    store_op_free(op);
}

static void fetch__bounds__cut_the_answer_but_never_to_nothing(void **state)
{
    struct store *s = two_devices(state);
    struct store_op *op;
    uint64_t first = enqueue(s, 0, 5000);

    enqueue(s, 1, 1000);
    enqueue(s, 2, 1000);
    op = fix_fetch("bob", 0);
    op->u.fetch.max_bytes = 100;
    assert_int_equal(fix_run(s, op, STORE_OK, REASON_NONE)->u.fetch.n, 1);
    store_op_free(op);
    op = fix_fetch("bob", first);
    op->u.fetch.max_bytes = 2000;
    assert_int_equal(fix_run(s, op, STORE_OK, REASON_NONE)->u.fetch.n, 2);
    store_op_free(op);
    op = fix_fetch("bob", first);
    op->u.fetch.max_bytes = 1999;
    assert_int_equal(fix_run(s, op, STORE_OK, REASON_NONE)->u.fetch.n, 1);
    store_op_free(op);
    op = fix_fetch("bob", first);
    op->u.fetch.max_n = 1;
    assert_int_equal(fix_run(s, op, STORE_OK, REASON_NONE)->u.fetch.v[0].index, 1);
    store_op_free(op);
    op = fix_run(s, fix_fetch("ann", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.fetch.n, 0);
    store_op_free(op);
}

static void enqueue__again__already_with_its_row(void **state)
{
    struct store *s = two_devices(state);
    uint64_t row = enqueue(s, 0, 10), bytes = 0;
    struct store_op *op =
        fix_run(s, fix_enqueue("ann", "bob", 0, 10, 0), STORE_ALREADY, REASON_NONE);

    assert_true(op->u.enqueue.package.row == row);
    assert_false(op->u.enqueue.receipt_known);
    fix_free(op);
    fix_expect(s, fix_enqueue("ann", "bob", 0, 10, 1), STORE_CONFLICT, REASON_CONFLICT);
    assert_int_equal(fix_mailbox(s, "bob", &bytes), 1);
    assert_int_equal(bytes, 10);
}

static void enqueue__parties_not_living__named(void **state)
{
    struct store *s = two_devices(state);

    fix_expect(s, fix_enqueue("ann", "zed", 0, 10, 0), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    fix_expect(s, fix_enqueue("zed", "bob", 0, 10, 0), STORE_NOTFOUND, REASON_NOT_ENROLLED);
    fix_expect(s, fix_revoke("bob"), STORE_OK, REASON_NONE);
    fix_expect(s, fix_enqueue("ann", "bob", 0, 10, 0), STORE_NOTFOUND, REASON_PEER_REVOKED);
}

static void enqueue__index_at_the_end_of_numbers__refused(void **state)
{
    struct store *s = two_devices(state);

    fix_expect(s, fix_enqueue("ann", "bob", UINT64_MAX, 10, 0), STORE_CONFLICT, REASON_INDEX);
    fix_expect(s, fix_enqueue("ann", "bob", UINT64_C(1) << 62, 10, 0), STORE_CONFLICT,
               REASON_INDEX);
    fix_expect(s, fix_enqueue("ann", "bob", (UINT64_C(1) << 62) - 1, 10, 0), STORE_OK, REASON_NONE);
    assert_true(stream_next(s, 7) == UINT64_C(1) << 62);
}

static struct store_op *limited(uint64_t index, size_t len, uint64_t packages, uint64_t bytes)
{
    struct store_op *op = fix_enqueue("ann", "bob", index, len, 0);

    op->u.enqueue.max_packages = packages;
    op->u.enqueue.max_bytes = bytes;
    return op;
}

static void enqueue__quota__is_exact_in_count_and_bytes(void **state)
{
    struct store *s = two_devices(state);
    uint64_t bytes = 0;

    fix_expect(s, limited(0, 101, 10, 100), STORE_FULL, REASON_MAILBOX_FULL);
    fix_expect(s, limited(0, 10, 0, 100), STORE_FULL, REASON_MAILBOX_FULL);
    assert_int_equal(stream_next(s, 7), 0);
    fix_expect(s, limited(0, 60, 2, 100), STORE_OK, REASON_NONE);
    fix_expect(s, limited(1, 41, 2, 100), STORE_FULL, REASON_MAILBOX_FULL);
    fix_expect(s, limited(1, 40, 1, 100), STORE_FULL, REASON_MAILBOX_FULL);
    fix_expect(s, limited(1, 40, 2, 100), STORE_OK, REASON_NONE);
    fix_expect(s, limited(2, 0, 2, 100), STORE_FULL, REASON_MAILBOX_FULL);
    /* a repeat is no new package, however full it is */
    fix_expect(s, limited(1, 40, 0, 0), STORE_ALREADY, REASON_NONE);
    assert_int_equal(fix_mailbox(s, "bob", &bytes), 2);
    assert_int_equal(bytes, 100);
    assert_int_equal(stream_next(s, 7), 2);
}

static void receipt__of_a_row__deletes_it_and_waits_for_the_sender(void **state)
{
    struct store *s = two_devices(state);
    uint64_t row = enqueue(s, 0, 10), bytes = 1;
    struct store_op *op;

    fix_expect(s, fix_receipt(row + 1, "ann", "bob", 0, RECEIPT_VERIFIED), STORE_NOTFOUND,
               REASON_NONE);
    fix_expect(s, fix_receipt(row, "ann", "bob", 1, RECEIPT_VERIFIED), STORE_NOTFOUND, REASON_NONE);
    fix_expect(s, fix_receipt(row, "ann", "zed", 0, RECEIPT_VERIFIED), STORE_NOTFOUND, REASON_NONE);
    fix_expect(s, fix_receipt(row, "ann", "bob", 0, RECEIPT_VERIFIED), STORE_OK, REASON_NONE);
    fix_expect(s, fix_receipt(row, "ann", "bob", 0, RECEIPT_VERIFIED), STORE_NOTFOUND, REASON_NONE);
    assert_int_equal(fix_mailbox(s, "bob", &bytes), 0);
    assert_int_equal(bytes, 0);
    op = fix_run(s, fix_receipts("ann", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.receipts.n, 1);
    assert_string_equal(op->u.receipts.v[0].receiver, "bob");
    assert_int_equal(op->u.receipts.v[0].status, RECEIPT_VERIFIED);
    assert_int_equal(op->u.receipts.v[0].mac[15], 9);
    store_op_free(op);
}

static void enqueue__receipted_already__known_until_acknowledged(void **state)
{
    struct store *s = two_devices(state);
    struct store_op *op;

    fix_expect(s, fix_receipt(enqueue(s, 3, 10), "ann", "bob", 3, RECEIPT_VERIFIED), STORE_OK,
               REASON_NONE);
    op = fix_run(s, fix_enqueue("ann", "bob", 3, 10, 0), STORE_ALREADY, REASON_NONE);
    assert_true(op->u.enqueue.receipt_known);
    assert_int_equal(op->u.enqueue.receipt.status, RECEIPT_VERIFIED);
    assert_int_equal(op->u.enqueue.receipt.index, 3);
    assert_int_equal(op->u.enqueue.package.row, 0);
    fix_free(op);
    fix_expect(s, fix_enqueue("ann", "bob", 3, 10, 1), STORE_CONFLICT, REASON_CONFLICT);
    fix_expect(s, ack(3), STORE_OK, REASON_NONE);
    fix_expect(s, ack(3), STORE_ALREADY, REASON_NONE);
    assert_int_equal(stream_next(s, 7), 4);
}

/* A copy that was changed in the store is rejected under its own digest; the genuine one may come
 * again. */
static void enqueue__another_copy_was_rejected__is_taken(void **state)
{
    struct store *s = two_devices(state);

    fix_expect(s, fix_receipt(enqueue(s, 0, 10), "ann", "bob", 0, RECEIPT_REJECTED), STORE_OK,
               REASON_NONE);
    fix_expect(s, fix_enqueue("ann", "bob", 0, 10, 5), STORE_OK, REASON_NONE);
}

/* The receiver had it before it was written: only its word is kept. */
static void enqueue__receipted_while_it_waited__is_never_written(void **state)
{
    struct store *s = two_devices(state);
    struct store_handover h = {.receiver = 1};
    struct store_op *op = fix_receipt(0, "ann", "bob", 4, RECEIPT_VERIFIED);

    h.receipt = op->u.receipt.receipt;
    fix_free(op);
    op = fix_enqueue("ann", "bob", 4, 10, 0);
    op->u.enqueue.handover = &h;
    atomic_store(&h.receipted, 1);
    fix_run(s, op, STORE_OK, REASON_NONE);
    assert_true(op->u.enqueue.receipt_known);
    assert_int_equal(op->u.enqueue.package.row, 0);
    fix_free(op);
    assert_int_equal(fix_mailbox(s, "bob", NULL), 0);
    assert_int_equal(stream_next(s, 7), 5);
    fix_expect(s, ack(4), STORE_OK, REASON_NONE);
}

/* Handed over and not receipted yet: written like any other. */
static void enqueue__handed_over__is_written(void **state)
{
    struct store *s = two_devices(state);
    struct store_handover h = {.receiver = 1};
    struct store_op *op = fix_enqueue("ann", "bob", 0, 10, 0);

    op->u.enqueue.handover = &h;
    fix_run(s, op, STORE_OK, REASON_NONE);
    assert_true(op->u.enqueue.package.row > 0);
    fix_free(op);
    assert_int_equal(fix_mailbox(s, "bob", NULL), 1);
}

static void receipt__row_zero__is_kept_and_raises_the_stream(void **state)
{
    struct store *s = two_devices(state);
    struct store_op *op;

    fix_expect(s, fix_receipt(0, "ann", "bob", 8, RECEIPT_VERIFIED), STORE_OK, REASON_NONE);
    assert_int_equal(stream_next(s, 7), 9);
    assert_int_equal(fix_mailbox(s, "bob", NULL), 0);
    op = fix_run(s, fix_enqueue("ann", "bob", 8, 10, 0), STORE_ALREADY, REASON_NONE);
    assert_true(op->u.enqueue.receipt_known);
    fix_free(op);
    fix_expect(s, fix_receipt(0, "ann", "bob", UINT64_MAX, RECEIPT_VERIFIED), STORE_CONFLICT,
               REASON_INDEX);
}

static uint8_t receipt_status(struct store *s, uint64_t after, uint64_t *cursor)
{
    struct store_op *op = fix_run(s, fix_receipts("ann", after), STORE_OK, REASON_NONE);
    uint8_t status = op->u.receipts.n == 1 ? op->u.receipts.v[0].status : 0;

    *cursor = op->u.receipts.after;
    store_op_free(op);
    return status;
}

static void receipt__second_of_its_name__replaces_but_never_a_verified(void **state)
{
    struct store *s = two_devices(state);
    uint64_t cursor = 0, end;

    fix_expect(s, fix_receipt(0, "ann", "bob", 0, RECEIPT_REJECTED), STORE_OK, REASON_NONE);
    assert_int_equal(receipt_status(s, 0, &cursor), RECEIPT_REJECTED);
    fix_expect(s, fix_receipt(0, "ann", "bob", 0, RECEIPT_VERIFIED), STORE_OK, REASON_NONE);
    assert_int_equal(receipt_status(s, cursor, &end), RECEIPT_VERIFIED);
    fix_expect(s, fix_receipt(0, "ann", "bob", 0, RECEIPT_UNVERIFIABLE), STORE_OK, REASON_NONE);
    assert_int_equal(receipt_status(s, 0, &end), RECEIPT_VERIFIED);
}

static void receipt_list__cursor__pages_in_order(void **state)
{
    struct store *s = two_devices(state);
    struct store_op *op;
    uint64_t after = 0, seen = 0;

    for (uint64_t i = 0; i < 50; i++)
        fix_expect(s, fix_receipt(0, "ann", "bob", i, RECEIPT_VERIFIED), STORE_OK, REASON_NONE);
    do {
        op = fix_receipts("ann", after);
        op->u.receipts.max_n = 7;
        fix_run(s, op, STORE_OK, REASON_NONE);
        for (size_t i = 0; i < op->u.receipts.n; i++)
            assert_int_equal(op->u.receipts.v[i].index, seen++);
        assert_true(op->u.receipts.n == 7 || seen == 50);
        after = op->u.receipts.after;
        store_op_free(op);
    } while (seen < 50);
    op = fix_run(s, fix_receipts("ann", after), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.receipts.n, 0);
    assert_int_equal(op->u.receipts.after, after);
    store_op_free(op);
}

static void stream__out_of_order__keeps_the_highest(void **state)
{
    struct store *s = two_devices(state);
    struct store_op *op;

    assert_int_equal(stream_next(s, 7), 0);
    enqueue(s, 5, 10);
    enqueue(s, 2, 10);
    assert_int_equal(stream_next(s, 7), 6);
    assert_int_equal(stream_next(s, 8), 0);
    op = fix_run(s, fix_op(STORE_SESSIONS), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.sessions.n, 1);
    assert_string_equal(op->u.sessions.v[0].to, "bob");
    assert_int_equal(op->u.sessions.v[0].next, 6);
    assert_int_equal(op->u.sessions.v[0].used_at, FIX_NOW);
    store_op_free(op);
}

static struct store_op *expire(int64_t before, size_t max_n)
{
    struct store_op *op = fix_op(STORE_EXPIRE);

    op->u.expire.packages_before = before;
    op->u.expire.negs_before = before;
    op->u.expire.max_n = max_n;
    return op;
}

static void expire__old_packages__become_receipts_for_their_senders(void **state)
{
    struct store *s = two_devices(state);
    struct store_op *op;

    fix_enrol(s, "cat", 3);
    for (uint64_t i = 0; i < 5; i++) {
        op = fix_enqueue(i < 3 ? "ann" : "cat", "bob", i, 100, 0);
        op->now = FIX_NOW + (int64_t)i;
        fix_expect(s, op, STORE_OK, REASON_NONE);
    }
    op = fix_run(s, expire(FIX_NOW, 100), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.expire.n, 0);
    store_op_free(op);
    op = fix_run(s, expire(FIX_NOW + 4, 2), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.expire.n, 1);
    assert_string_equal(op->u.expire.senders[0], "ann");
    store_op_free(op);
    op = fix_run(s, expire(FIX_NOW + 4, 100), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.expire.n, 2);
    assert_string_equal(op->u.expire.senders[1], "cat");
    store_op_free(op);
    assert_int_equal(fix_mailbox(s, "bob", NULL), 1);
    op = fix_run(s, fix_receipts("ann", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.receipts.n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(op->u.receipts.v[i].status, RECEIPT_EXPIRED);
        assert_int_equal(op->u.receipts.v[i].index, i);
        assert_int_equal(op->u.receipts.v[i].digest[0], i);
        assert_int_equal(op->u.receipts.v[i].mac[0], 0);
    }
    store_op_free(op);
}

static void expire__old_tokens_and_negotiations__go(void **state)
{
    struct store *s = two_devices(state);
    struct store_op *op = fix_op(STORE_NEG_PUT);

    memset(op->u.neg.neg.id, 1, NEG_ID_BYTES);
    memcpy(op->u.neg.neg.from, "ann", 4);
    memcpy(op->u.neg.neg.to, "bob", 4);
    op->u.neg.neg.state = NEG_OPENED;
    fix_expect(s, op, STORE_OK, REASON_NONE);
    fix_expect(s, fix_invite("cat", 9), STORE_OK, REASON_NONE);
    fix_expect(s, expire(FIX_NOW + 1, 100), STORE_OK, REASON_NONE);
    op = fix_op(STORE_NEG_GET);
    memset(op->u.neg.neg.id, 1, NEG_ID_BYTES);
    fix_expect(s, op, STORE_NOTFOUND, REASON_STALE);
    fix_expect(s, fix_reserve("cat", 9, 9), STORE_OK, REASON_NONE);
    fix_expect(s, expire(FIX_NOW + 3601, 100), STORE_OK, REASON_NONE);
    fix_expect(s, fix_reserve("cat", 9, 9), STORE_NOTFOUND, REASON_TOKEN_WRONG);
}

static void revoke__receiver__expires_what_is_queued_to_it(void **state)
{
    struct store *s = two_devices(state);
    struct store_op *op;

    for (uint64_t i = 0; i < 3000; i++)
        enqueue(s, i, 10);
    fix_expect(s, fix_revoke("bob"), STORE_OK, REASON_NONE);
    op = fix_run(s, fix_receipts("ann", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.receipts.n, 3000);
    for (size_t i = 0; i < 3000; i++) {
        assert_int_equal(op->u.receipts.v[i].index, i);
        assert_int_equal(op->u.receipts.v[i].status, RECEIPT_EXPIRED);
    }
    store_op_free(op);
    fix_enrol(s, "bob", 9);
    assert_int_equal(fix_mailbox(s, "bob", NULL), 0);
}

static void revoke__sender__what_it_sent_is_still_delivered(void **state)
{
    struct store *s = two_devices(state);
    uint64_t row = enqueue(s, 0, 10);
    struct store_op *op;

    fix_expect(s, fix_revoke("ann"), STORE_OK, REASON_NONE);
    op = fix_run(s, fix_fetch("bob", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.fetch.n, 1);
    store_op_free(op);
    fix_expect(s, fix_receipt(row, "ann", "bob", 0, RECEIPT_VERIFIED), STORE_OK, REASON_NONE);
    assert_int_equal(fix_mailbox(s, "bob", NULL), 0);
    op = fix_run(s, fix_receipts("ann", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.receipts.n, 0);
    store_op_free(op);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fix_setup, fix_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(enqueue__then_fetch__same_bytes_in_order),
        T(fetch__bounds__cut_the_answer_but_never_to_nothing),
        T(enqueue__again__already_with_its_row),
        T(enqueue__parties_not_living__named),
        T(enqueue__index_at_the_end_of_numbers__refused),
        T(enqueue__quota__is_exact_in_count_and_bytes),
        T(receipt__of_a_row__deletes_it_and_waits_for_the_sender),
        T(enqueue__receipted_already__known_until_acknowledged),
        T(enqueue__another_copy_was_rejected__is_taken),
        T(enqueue__receipted_while_it_waited__is_never_written),
        T(enqueue__handed_over__is_written),
        T(receipt__row_zero__is_kept_and_raises_the_stream),
        T(receipt__second_of_its_name__replaces_but_never_a_verified),
        T(receipt_list__cursor__pages_in_order),
        T(stream__out_of_order__keeps_the_highest),
        T(expire__old_packages__become_receipts_for_their_senders),
        T(expire__old_tokens_and_negotiations__go),
        T(revoke__receiver__expires_what_is_queued_to_it),
        T(revoke__sender__what_it_sent_is_still_delivered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
