/*
 * test_store.c - the file of the store: versions, damage, several processes, a full disk, a disk
 * that fails, backups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/err.h"
#include "common/sql/sql.h"
#include "tests/unit/flaky_vfs.h"
#include "tests/unit/store_fixture.h"

#define BODY 16384

static void enrol_two(struct store *s)
{
    fix_enrol(s, "ann", 1);
    fix_enrol(s, "bob", 2);
}

/* Enqueue from `index` on until one is refused or n are in; returns how many were taken. */
static uint64_t enqueue_many(struct store *s, uint64_t index, uint64_t n, unsigned *reason)
{
    uint64_t taken = 0;
    enum store_result result = STORE_OK;

    *reason = REASON_NONE;
    while (taken < n && result == STORE_OK) {
        struct store_op *op = fix_enqueue("ann", "bob", index + taken, BODY, 0);

        store_run(s, op);
        result = op->result;
        *reason = op->reason;
        taken += result == STORE_OK;
        fix_free(op);
    }
    return taken;
}

/* Every package of [first, first + n) is there, once, in order, with its bytes. */
static void assert_packages(struct store *s, uint64_t first, uint64_t n)
{
    struct store_op *op = fix_run(s, fix_fetch("bob", 0), STORE_OK, REASON_NONE);

    assert_int_equal(op->u.fetch.n, n);
    for (size_t i = 0; i < n; i++) {
        struct store_op *like = fix_enqueue("ann", "bob", first + i, BODY, 0);

        assert_int_equal(op->u.fetch.v[i].index, first + i);
        assert_int_equal(op->u.fetch.v[i].body.len, BODY);
        assert_memory_equal(op->u.fetch.v[i].body.p, like->u.enqueue.package.body.p, BODY);
        fix_free(like);
    }
    store_op_free(op);
}

/* Receipt the first n packages of the mailbox. */
static void receipt_many(struct store *s, size_t n)
{
    struct store_op *op = fix_run(s, fix_fetch("bob", 0), STORE_OK, REASON_NONE);

    assert_true(op->u.fetch.n >= n);
    for (size_t i = 0; i < n; i++)
        fix_expect(s,
                   fix_receipt(op->u.fetch.v[i].row, "ann", "bob", op->u.fetch.v[i].index,
                               RECEIPT_VERIFIED),
                   STORE_OK, REASON_NONE);
    store_op_free(op);
}

static void open__new_file__is_private_and_survives_a_restart(void **state)
{
    struct fix *f = *state;
    struct stat st;

    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    enrol_two(f->s);
    fix_reopen(f);
    assert_int_equal(fix_mailbox(f->s, "bob", NULL), 0);
}

static void open__file_from_the_future__refused_with_a_word(void **state)
{
    struct fix *f = *state;
    struct store *s;
    struct sql *db;
    char why[200];

    assert_int_equal(sql_open(&db, f->path, why, sizeof(why)), 0);
    assert_int_equal(sql_exec(db, "PRAGMA user_version = 9999"), 0);
    sql_close(db);
    assert_int_equal(store_open(&s, f->path, why, sizeof(why)), ERR_VERSION);
    assert_null(s);
    assert_non_null(strstr(why, "9999"));
}

static void overwrite(const char *path, long from, long n)
{
    FILE *f = fopen(path, "r+");

    assert_non_null(f);
    fseek(f, from, SEEK_SET);
    for (long i = 0; i < n; i++)
        fputc(0xa5, f);
    fclose(f);
}

static void open__damaged_file__refused_with_a_word(void **state)
{
    struct fix *f = *state;
    char why[200], other[100];
    struct store *s;

    enrol_two(f->s);
    snprintf(other, sizeof(other), "%s/copy.db", f->dir);
    {
        struct store_op *op = fix_op(STORE_BACKUP);

        op->u.backup.path = other;
        fix_expect(f->s, op, STORE_OK, REASON_NONE);
    }
    overwrite(other, 0, 100);
    assert_int_equal(store_open(&s, other, why, sizeof(why)), ERR_FORMAT);
    assert_true(strlen(why) > 10);
    chmod(other, 0644);
    assert_int_equal(store_open(&s, other, why, sizeof(why)), ERR_PERMS);
}

/* The first page of a table or an index, as an offset in the file. */
static long root_of(const char *path, const char *name)
{
    struct sql_query q;
    struct sql *db;
    int64_t page = 0;

    assert_int_equal(sql_open(&db, path, NULL, 0), 0);
    sql_ask(&q, db, "SELECT rootpage FROM sqlite_schema WHERE name = ?");
    sql_put_text(&q, name);
    if (sql_row(&q))
        page = sql_get_i64(&q);
    assert_int_equal(sql_end(&q), 0);
    sql_close(db);
    assert_true(page > 1);
    return (long)(page - 1) * 4096;
}

static void run__damaged_table__unsure_and_the_others_work(void **state)
{
    struct fix *f = *state;
    char why[200], other[100];
    struct store_op *op = fix_op(STORE_BACKUP);
    struct store *s = NULL;
    unsigned reason;

    enrol_two(f->s);
    assert_int_equal(enqueue_many(f->s, 0, 5, &reason), 5);
    snprintf(other, sizeof(other), "%s/copy.db", f->dir);
    op->u.backup.path = other;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
    overwrite(other, root_of(other, "packages"), 4096);
    assert_int_equal(store_open(&s, other, why, sizeof(why)), 0);
    fix_expect(s, fix_fetch("bob", 0), STORE_UNSURE, REASON_STORAGE);
    fix_expect(s, fix_enqueue("ann", "bob", 9, 10, 0), STORE_UNSURE, REASON_STORAGE);
    fix_expect(s, fix_receipt(0, "ann", "bob", 9, RECEIPT_VERIFIED), STORE_OK, REASON_NONE);
    store_close(s);
}

static void backup__while_in_use__is_a_whole_store(void **state)
{
    struct fix *f = *state;
    char why[200], other[100];
    struct store_op *op = fix_op(STORE_BACKUP);
    struct store *s;
    unsigned reason;

    enrol_two(f->s);
    assert_int_equal(enqueue_many(f->s, 0, 20, &reason), 20);
    snprintf(other, sizeof(other), "%s/copy.db", f->dir);
    op->u.backup.path = other;
    fix_expect(f->s, op, STORE_OK, REASON_NONE);
    assert_int_equal(store_open(&s, other, why, sizeof(why)), 0);
    assert_packages(s, 0, 20);
    store_close(s);
    op = fix_op(STORE_BACKUP);
    op->u.backup.path = other;
    fix_expect(f->s, op, STORE_CONFLICT, REASON_NONE);
    op = fix_op(STORE_BACKUP);
    op->u.backup.path = "/nonexistent/copy.db";
    fix_expect(f->s, op, STORE_UNSURE, REASON_STORAGE);
}

/* What another process revokes is seen by the next operation here, and by the cursor. */
static void two_processes__one_revokes__the_other_sees_it(void **state)
{
    struct fix *f = *state;
    struct store_op *op;
    int status;
    pid_t child;

    enrol_two(f->s);
    store_close(f->s);
    f->s = NULL;
    child = fork();
    if (child == 0) {
        struct store *s;

        if (store_open(&s, f->path, NULL, 0) != 0)
            _exit(1);
        op = store_op_new(STORE_DEVICE_REVOKE, NULL);
        memcpy(op->u.revoke.id, "bob", 4);
        store_run(s, op);
        status = op->result == STORE_OK ? 0 : 2;
        store_op_free(op);
        store_close(s);
        _exit(status);
    }
    assert_int_equal(store_open(&f->s, f->path, NULL, 0), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fix_expect(f->s, fix_enqueue("ann", "bob", 0, 10, 0), STORE_NOTFOUND, REASON_PEER_REVOKED);
    op = fix_run(f->s, fix_op(STORE_REVOKED_SINCE), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.revoked.n, 1);
    assert_string_equal(op->u.revoked.v[0].id, "bob");
    store_op_free(op);
}

static void page_limit__reached__receipts_still_go_and_make_room(void **state)
{
    struct fix *f = *state;
    uint64_t taken;
    unsigned reason;

    enrol_two(f->s);
    assert_int_equal(store_set_page_limit(f->s, UINT32_MAX), ERR_ARG);
    assert_int_equal(store_set_page_limit(f->s, 1000), 0);
    taken = enqueue_many(f->s, 0, 10000, &reason);
    assert_int_equal(reason, REASON_DISK_FULL);
    assert_true(taken > 150 && taken < 250);
    assert_packages(f->s, 0, taken);
    receipt_many(f->s, 100);
    assert_packages(f->s, 100, taken - 100);
    assert_true(enqueue_many(f->s, taken, 90, &reason) == 90);
    receipt_many(f->s, taken - 100 + 90);
    assert_int_equal(fix_mailbox(f->s, "bob", NULL), 0);
}

/* The reserve's margin is for this: small rows free no page, and still every receipt is kept. */
static void page_limit__many_small_packages__all_can_be_receipted(void **state)
{
    struct fix *f = *state;
    struct store_op *op;
    uint64_t n = 0;
    int full = 0;

    enrol_two(f->s);
    assert_int_equal(store_set_page_limit(f->s, 400), 0);
    while (!full) {
        op = fix_enqueue("ann", "bob", n, 100, 0);
        store_run(f->s, op);
        full = op->result == STORE_FULL;
        n += op->result == STORE_OK;
        fix_free(op);
    }
    assert_true(n > 500);
    receipt_many(f->s, n);
    assert_int_equal(fix_mailbox(f->s, "bob", NULL), 0);
}

static int setup_flaky(void **state)
{
    flaky_install();
    flaky_set(FLAKY_NONE, 0);
    return fix_setup(state);
}

static int teardown_flaky(void **state)
{
    flaky_set(FLAKY_NONE, 0);
    return fix_teardown(state);
}

/* Put a folder where the reserve should be, so that it cannot be made. */
static void block_reserve(const struct fix *f, char *name, size_t size)
{
    snprintf(name, size, "%s-reserve", f->path);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(mkdir(name, 0700), 0);
}

/* No file can grow, but the log can start again and the database has free pages: so it goes on. */
static void full_disk__free_pages_inside__are_used_up_first(void **state)
{
    struct fix *f = *state;
    char name[120];
    uint64_t taken;
    unsigned reason;

    enrol_two(f->s);
    assert_int_equal(enqueue_many(f->s, 0, 600, &reason), 600);
    receipt_many(f->s, 600);
    block_reserve(f, name, sizeof(name));
    flaky_set(FLAKY_FULL, 0);
    taken = enqueue_many(f->s, 600, 1000, &reason);
    assert_int_equal(reason, REASON_DISK_FULL);
    assert_true(taken > 100);
    assert_packages(f->s, 600, taken);
    receipt_many(f->s, taken / 2);
    assert_true(enqueue_many(f->s, 600 + taken, 20, &reason) == 20);
    flaky_set(FLAKY_NONE, 0);
    assert_packages(f->s, 600 + taken / 2, taken - taken / 2 + 20);
    rmdir(name);
}

static void failing_sync__once__the_second_try_writes(void **state)
{
    struct fix *f = *state;
    unsigned reason;

    enrol_two(f->s);
    flaky_set(FLAKY_SYNC, 1);
    assert_int_equal(enqueue_many(f->s, 0, 3, &reason), 3);
    assert_packages(f->s, 0, 3);
}

static void failing_sync__for_long__unsure_and_repeatable(void **state)
{
    struct fix *f = *state;
    struct store_op *op = fix_enqueue("ann", "bob", 0, BODY, 0);
    unsigned reason;

    enrol_two(f->s);
    flaky_set(FLAKY_SYNC, 1000);
    fix_expect(f->s, op, STORE_UNSURE, REASON_STORAGE);
    op = fix_run(f->s, fix_fetch("bob", 0), STORE_OK, REASON_NONE);
    assert_int_equal(op->u.fetch.n, 0);
    store_op_free(op);
    flaky_set(FLAKY_NONE, 0);
    assert_int_equal(enqueue_many(f->s, 0, 3, &reason), 3);
    assert_packages(f->s, 0, 3);
}

static void reserve_missing__disk_cannot_hold_it__growth_is_refused(void **state)
{
    struct fix *f = *state;
    char name[120];

    enrol_two(f->s);
    block_reserve(f, name, sizeof(name));
    fix_expect(f->s, fix_enqueue("ann", "bob", 0, BODY, 0), STORE_FULL, REASON_DISK_FULL);
    fix_expect(f->s, fix_receipt(0, "ann", "bob", 0, RECEIPT_VERIFIED), STORE_OK, REASON_NONE);
    assert_int_equal(rmdir(name), 0);
    fix_expect(f->s, fix_enqueue("ann", "bob", 1, BODY, 0), STORE_OK, REASON_NONE);
}

/* A disk of 48 MiB, really full: first by the store alone, then with the rest taken by another. */
static void small_disk__filled__receipts_go_and_make_room(void **state)
{
    struct fix f;
    uint64_t taken, more;
    char name[120];
    unsigned reason;
    FILE *other;

    (void)state;
    fix_disk_open(&f, 48);
    enrol_two(f.s);
    taken = enqueue_many(f.s, 0, 10000, &reason);
    assert_int_equal(reason, REASON_DISK_FULL);
    assert_true(taken > 200);
    snprintf(name, sizeof(name), "%s/other", f.dir);
    other = fopen(name, "w");
    assert_non_null(other);
    while (fputc('x', other) != EOF && fflush(other) == 0)
        ;
    fclose(other);
    assert_packages(f.s, 0, taken);
    receipt_many(f.s, taken - 50);
    fix_reopen(&f);
    assert_packages(f.s, taken - 50, 50);
    more = enqueue_many(f.s, taken, 100, &reason);
    assert_int_equal(more, 100);
    unlink(name);
    assert_packages(f.s, taken - 50, 150);
    fix_disk_close(&f);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fix_setup, fix_teardown)
#define F(f) cmocka_unit_test_setup_teardown(f, setup_flaky, teardown_flaky)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(open__new_file__is_private_and_survives_a_restart),
        T(open__file_from_the_future__refused_with_a_word),
        T(open__damaged_file__refused_with_a_word),
        T(run__damaged_table__unsure_and_the_others_work),
        T(backup__while_in_use__is_a_whole_store),
        T(two_processes__one_revokes__the_other_sees_it),
        T(page_limit__reached__receipts_still_go_and_make_room),
        T(page_limit__many_small_packages__all_can_be_receipted),
        T(reserve_missing__disk_cannot_hold_it__growth_is_refused),
        cmocka_unit_test(small_disk__filled__receipts_go_and_make_room),
        F(full_disk__free_pages_inside__are_used_up_first),
        F(failing_sync__once__the_second_try_writes),
        F(failing_sync__for_long__unsure_and_repeatable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
