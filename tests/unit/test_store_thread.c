/*
 * test_store_thread.c - the writer thread: order, batches, group commit, and that one operation
 * that cannot be written does not take the others of its batch with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/flaky_vfs.h"
#include "tests/unit/store_fixture.h"

/* What done() saw. */
static struct {
    struct store *s;
    uint64_t next;      /* the operation expected next, by its conn */
    unsigned misplaced; /* done out of order */
    unsigned by_result[STORE_UNSURE + 1];
    unsigned resubmit; /* done() submits so many more */
} seen;

static void submit(struct store *s, struct store_op *op, uint64_t number);

static void on_done(struct store_op *op)
{
    seen.misplaced += op->conn != seen.next;
    seen.next++;
    seen.by_result[op->result]++;
    if (seen.resubmit > 0) {
        seen.resubmit--;
        submit(seen.s, fix_enqueue("ann", "bob", 100000 + op->conn, 10, 0), op->conn + 1);
    }
    fix_free(op);
}

static void submit(struct store *s, struct store_op *op, uint64_t number)
{
    op->done = on_done;
    op->conn = number;
    store_submit(s, op);
}

static void wait_for(struct store *s, uint64_t n)
{
    struct pollfd bell = {.fd = store_notify_fd(s), .events = POLLIN};

    while (seen.next < n) {
        if (poll(&bell, 1, 20000) != 1)
            fail_msg("only %llu of %llu came back", (unsigned long long)seen.next,
                     (unsigned long long)n);
        store_complete(s);
    }
}

static int setup(void **state)
{
    int rc;

    flaky_install();
    flaky_set(FLAKY_NONE, 0);
    rc = fix_setup(state);
    memset(&seen, 0, sizeof(seen));
    if (rc == 0) {
        seen.s = ((struct fix *)*state)->s;
        fix_enrol(seen.s, "ann", 1);
        fix_enrol(seen.s, "bob", 2);
    }
    return rc;
}

static int teardown(void **state)
{
    flaky_set(FLAKY_NONE, 0);
    return fix_teardown(state);
}

static void submit__ten_thousand_in_random_sizes__complete_in_order(void **state)
{
    struct store *s = ((struct fix *)*state)->s;
    uint64_t sent = 0, packages;
    unsigned rng = 12345;

    assert_int_equal(store_start(s), 0);
    while (sent < 10000) {
        rng = rng * 1103515245u + 12345u;
        for (unsigned i = (rng >> 16) % 300; i > 0 && sent < 10000; i--, sent++)
            submit(s,
                   sent % 10 == 9 ? fix_fetch("ann", 0)
                                  : fix_enqueue("ann", "bob", sent, (rng >> 8) % 3000, 0),
                   sent);
        store_complete(s);
    }
    wait_for(s, 10000);
    assert_int_equal(seen.misplaced, 0);
    assert_int_equal(seen.by_result[STORE_OK], 10000);
    assert_int_equal(store_waiting(s), 0);
    assert_int_equal(store_waiting_bytes(s), 0);
    fix_reopen(*state);
    packages = fix_mailbox(((struct fix *)*state)->s, "bob", NULL);
    assert_int_equal(packages, 9000);
}

static void commits__one_waiting__commits_alone(void **state)
{
    struct store *s = ((struct fix *)*state)->s;
    uint64_t before;

    assert_int_equal(store_start(s), 0);
    before = store_commits(s);
    for (uint64_t i = 0; i < 5; i++) {
        submit(s, fix_enqueue("ann", "bob", i, 10, 0), i);
        wait_for(s, i + 1);
        assert_int_equal(store_commits(s) - before, i + 1);
    }
}

static void commits__many_waiting__share_one(void **state)
{
    struct store *s = ((struct fix *)*state)->s;
    uint64_t before = store_commits(s);

    for (uint64_t i = 0; i < 200; i++)
        submit(s, fix_enqueue("ann", "bob", i, 10, 0), i);
    assert_int_equal(store_waiting(s), 200);
    assert_int_equal(store_waiting_bytes(s), 2000);
    assert_int_equal(store_start(s), 0);
    wait_for(s, 200);
    assert_int_equal(store_commits(s) - before, 1);
    assert_int_equal(seen.by_result[STORE_OK], 200);
}

static void commits__more_than_a_batch__no_batch_is_larger(void **state)
{
    struct store *s = ((struct fix *)*state)->s;
    uint64_t before = store_commits(s);

    for (uint64_t i = 0; i < 3 * STORE_BATCH; i++)
        submit(s, fix_enqueue("ann", "bob", i, 10, 0), i);
    assert_int_equal(store_start(s), 0);
    wait_for(s, 3 * STORE_BATCH);
    assert_int_equal(store_commits(s) - before, 3);
}

static void commits__large_bodies__batches_are_bounded_in_bytes(void **state)
{
    struct store *s = ((struct fix *)*state)->s;
    uint64_t before = store_commits(s);

    for (uint64_t i = 0; i < 10; i++)
        submit(s, fix_enqueue("ann", "bob", i, 1 << 20, 0), i);
    assert_int_equal(store_start(s), 0);
    wait_for(s, 10);
    assert_int_equal(store_commits(s) - before, 3);
}

static void commits__only_reads__none(void **state)
{
    struct store *s = ((struct fix *)*state)->s;
    uint64_t before = store_commits(s);

    for (uint64_t i = 0; i < 100; i++)
        submit(s, fix_fetch("bob", 0), i);
    assert_int_equal(store_start(s), 0);
    wait_for(s, 100);
    assert_int_equal(store_commits(s), before);
}

static void on_read(struct store_op *op)
{
    assert_int_equal(op->u.fetch.n, op->conn);
    on_done(op);
}

static void read__after_a_write_in_the_same_batch__sees_it(void **state)
{
    struct store *s = ((struct fix *)*state)->s;
    struct store_op *op;

    submit(s, fix_enqueue("ann", "bob", 0, 10, 0), 0);
    op = fix_fetch("bob", 0);
    op->done = on_read;
    op->conn = 1;
    store_submit(s, op);
    assert_int_equal(store_start(s), 0);
    wait_for(s, 2);
}

static void batch__some_refused__the_others_are_written(void **state)
{
    struct store *s = ((struct fix *)*state)->s;
    struct store_op *op;

    for (uint64_t i = 0; i < 40; i++) {
        op = fix_enqueue("ann", i % 4 == 3 ? "zed" : "bob", i, 10, 0);
        if (i % 4 == 2)
            op->u.enqueue.max_bytes = 9;
        submit(s, op, i);
    }
    assert_int_equal(store_start(s), 0);
    wait_for(s, 40);
    assert_int_equal(seen.by_result[STORE_OK], 20);
    assert_int_equal(seen.by_result[STORE_FULL], 10);
    assert_int_equal(seen.by_result[STORE_NOTFOUND], 10);
    fix_reopen(*state);
    assert_int_equal(fix_mailbox(((struct fix *)*state)->s, "bob", NULL), 20);
}

static void batch__commit_fails_once__each_is_tried_alone(void **state)
{
    struct store *s = ((struct fix *)*state)->s;
    uint64_t before = store_commits(s);

    for (uint64_t i = 0; i < 10; i++)
        submit(s, i == 5 ? fix_fetch("bob", 0) : fix_enqueue("ann", "bob", i, 10, 0), i);
    flaky_set(FLAKY_SYNC, 1);
    assert_int_equal(store_start(s), 0);
    wait_for(s, 10);
    assert_int_equal(store_commits(s) - before, 9);
    assert_int_equal(seen.by_result[STORE_OK], 10);
    fix_reopen(*state);
    assert_int_equal(fix_mailbox(((struct fix *)*state)->s, "bob", NULL), 9);
}

static void batch__commit_fails_for_some__only_those_are_unsure(void **state)
{
    struct store *s = ((struct fix *)*state)->s;
    uint64_t kept;

    for (uint64_t i = 0; i < 10; i++)
        submit(s, fix_enqueue("ann", "bob", i, 10, 0), i);
    flaky_set(FLAKY_SYNC, 5); /* the batch, then four of the ten */
    assert_int_equal(store_start(s), 0);
    wait_for(s, 10);
    assert_int_equal(seen.misplaced, 0);
    assert_int_equal(seen.by_result[STORE_UNSURE], 4);
    assert_int_equal(seen.by_result[STORE_OK], 6);
    fix_reopen(*state);
    kept = fix_mailbox(((struct fix *)*state)->s, "bob", NULL);
    assert_true(kept >= 6 && kept <= 10);
}

/* Room for about ten packages; the invitations and receipts around them are not affected. */
static void batch__disk_full_in_the_middle__the_small_ones_are_written(void **state)
{
    struct store *s = ((struct fix *)*state)->s;

    assert_int_equal(store_set_page_limit(s, 160), 0);
    for (uint64_t i = 0; i < 60; i++)
        submit(s,
               i % 2 == 0 ? fix_enqueue("ann", "bob", i, 16384, 0)
                          : fix_receipt(0, "ann", "bob", i, RECEIPT_VERIFIED),
               i);
    assert_int_equal(store_start(s), 0);
    wait_for(s, 60);
    assert_int_equal(seen.misplaced, 0);
    assert_true(seen.by_result[STORE_FULL] > 5);
    assert_true(seen.by_result[STORE_OK] > 30);
    assert_int_equal(seen.by_result[STORE_FULL] + seen.by_result[STORE_OK], 60);
}

/* The disk fills in the middle of a batch: exactly what was accepted is there afterwards. */
static void small_disk__filled_by_batches__accepted_and_stored_agree(void **state)
{
    struct fix f;
    uint64_t stored;

    (void)state;
    memset(&seen, 0, sizeof(seen));
    fix_disk_open(&f, 40);
    fix_enrol(f.s, "ann", 1);
    fix_enrol(f.s, "bob", 2);
    for (uint64_t i = 0; i < 3000; i++)
        submit(f.s, fix_enqueue("ann", "bob", i, 16384, 0), i);
    assert_int_equal(store_start(f.s), 0);
    wait_for(f.s, 3000);
    assert_int_equal(seen.misplaced, 0);
    assert_int_equal(seen.by_result[STORE_OK] + seen.by_result[STORE_FULL], 3000);
    assert_true(seen.by_result[STORE_OK] > 200);
    fix_reopen(&f);
    stored = fix_mailbox(f.s, "bob", NULL);
    assert_int_equal(stored, seen.by_result[STORE_OK]);
    fix_disk_close(&f);
}

static void close__with_work_left__writes_and_completes_it_all(void **state)
{
    struct fix *f = *state;

    assert_int_equal(store_start(f->s), 0);
    seen.resubmit = 3;
    submit(f->s, fix_enqueue("ann", "bob", 0, 10, 0), 0);
    fix_reopen(f);
    assert_int_equal(seen.next, 4);
    assert_int_equal(seen.by_result[STORE_OK], 4);
    assert_int_equal(fix_mailbox(f->s, "bob", NULL), 4);
}

/* A second process takes the write lock again and again; nobody is refused for it. */
static void two_processes__both_write__all_is_written(void **state)
{
    struct fix *f = *state;
    int status;
    pid_t child;

    store_close(f->s);
    f->s = NULL;
    child = fork();
    if (child == 0) {
        struct store *s = NULL;
        int wrong = store_open(&s, f->path, NULL, 0) != 0;

        for (uint8_t i = 10; !wrong && i < 60; i++) {
            struct store_op *op = fix_invite("dev", i);

            store_run(s, op);
            wrong = op->result != STORE_OK;
            store_op_free(op);
        }
        store_close(s);
        _exit(wrong);
    }
    assert_int_equal(store_open(&f->s, f->path, NULL, 0), 0);
    assert_int_equal(store_start(f->s), 0);
    for (uint64_t i = 0; i < 2000; i++)
        submit(f->s, fix_enqueue("ann", "bob", i, 100, 0), i);
    wait_for(f->s, 2000);
    assert_int_equal(seen.by_result[STORE_OK], 2000);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(submit__ten_thousand_in_random_sizes__complete_in_order),
        T(commits__one_waiting__commits_alone),
        T(commits__many_waiting__share_one),
        T(commits__more_than_a_batch__no_batch_is_larger),
        T(commits__large_bodies__batches_are_bounded_in_bytes),
        T(commits__only_reads__none),
        T(read__after_a_write_in_the_same_batch__sees_it),
        T(batch__some_refused__the_others_are_written),
        T(batch__commit_fails_once__each_is_tried_alone),
        T(batch__commit_fails_for_some__only_those_are_unsure),
        T(batch__disk_full_in_the_middle__the_small_ones_are_written),
        cmocka_unit_test(small_disk__filled_by_batches__accepted_and_stored_agree),
        T(close__with_work_left__writes_and_completes_it_all),
        T(two_processes__both_write__all_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
