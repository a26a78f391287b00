/* test_sql.c - the layer over SQLite: how files are opened, migrated, queried, and how they fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/err.h"
#include "common/sql/sql.h"
#include "tests/unit/flaky_vfs.h"
#include "tests/unit/store_fixture.h"

struct place {
    char dir[64], path[80], why[200];
    struct sql *db;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    snprintf(p->dir, sizeof(p->dir), "/tmp/test-sql-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof(p->path), "%s/a.db", p->dir);
    assert_int_equal(sql_open(&p->db, p->path, p->why, sizeof(p->why)), 0);
    assert_int_equal(sql_exec(p->db, "CREATE TABLE t (n INTEGER PRIMARY KEY, s TEXT UNIQUE,"
                                     " b BLOB)"),
                     0);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;

    sql_close(p->db);
    fix_remove(p->dir);
    free(p);
    return 0;
}

static int insert(struct sql *db, uint64_t n, const char *s, const void *b, size_t len)
{
    struct sql_query q;

    sql_ask(&q, db, "INSERT INTO t (n, s, b) VALUES (?, ?, ?)");
    sql_put_u64(&q, n);
    sql_put_text(&q, s);
    sql_put_bytes(&q, b, len);
    return sql_do(&q);
}

static int64_t one_number(struct sql *db, const char *text)
{
    struct sql_query q;
    int64_t v = -1;

    sql_ask(&q, db, text);
    if (sql_row(&q))
        v = sql_get_i64(&q);
    assert_int_equal(sql_end(&q), 0);
    return v;
}

static void sql_open__new_file__has_the_promised_settings(void **state)
{
    struct place *p = *state;
    struct sql_query q;
    char mode[8];
    struct stat st;

    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    sql_ask(&q, p->db, "PRAGMA journal_mode");
    assert_true(sql_row(&q));
    sql_get_text(&q, mode, sizeof(mode));
    assert_int_equal(sql_end(&q), 0);
    assert_string_equal(mode, "wal");
    assert_int_equal(one_number(p->db, "PRAGMA synchronous"), 2);
    assert_int_equal(one_number(p->db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(one_number(p->db, "PRAGMA secure_delete"), 1);
    assert_int_equal(one_number(p->db, "PRAGMA page_size"), 4096);
    assert_true(one_number(p->db, "PRAGMA busy_timeout") >= 5000);
}

static void sql_open__log_beside_the_file__is_0600_too(void **state)
{
    struct place *p = *state;
    char name[100];
    struct stat st;

    assert_int_equal(insert(p->db, 1, "a", "x", 1), 0);
    snprintf(name, sizeof(name), "%s-wal", p->path);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void sql_open__bad_files__say_what_is_wrong(void **state)
{
    struct place *p = *state;
    struct sql *db;
    char name[100];
    FILE *f;

    snprintf(name, sizeof(name), "%s/text", p->dir);
    f = fopen(name, "w");
    assert_non_null(f);
    for (int i = 0; i < 500; i++)
        fputs("this is a text and no database\n", f);
    fclose(f);
    chmod(name, 0600);
    assert_int_equal(sql_open(&db, name, p->why, sizeof(p->why)), ERR_FORMAT);
    assert_null(db);
    assert_non_null(strstr(p->why, "text"));
    chmod(name, 0640);
    assert_int_equal(sql_open(&db, name, p->why, sizeof(p->why)), ERR_PERMS);
    assert_non_null(strstr(p->why, "chmod"));
    assert_int_equal(sql_open(&db, name, NULL, 0), ERR_PERMS);
    assert_int_equal(sql_open(&db, p->dir, p->why, sizeof(p->why)) < 0, 1);
    snprintf(name, sizeof(name), "%s/link", p->dir);
    assert_int_equal(symlink(p->path, name), 0);
    assert_int_equal(sql_open(&db, name, p->why, sizeof(p->why)), ERR_PERMS);
    snprintf(name, sizeof(name), "%s/none/a.db", p->dir);
    assert_int_equal(sql_open(&db, name, p->why, sizeof(p->why)), ERR_SYS);
    assert_non_null(strstr(p->why, "No such file"));
}

static void sql_values__all_kinds__come_back_as_stored(void **state)
{
    struct place *p = *state;
    const uint8_t b[4] = {0, 1, 0xff, 0};
    struct sql_query q;
    uint8_t *out, back[4];
    char s[8];
    size_t len;

    assert_int_equal(insert(p->db, 0xfffffffffffffff0u, "abc", b, 4), 0);
    sql_ask(&q, p->db, "SELECT n, s, b, b, b FROM t");
    assert_true(sql_row(&q));
    assert_true(sql_get_u64(&q) == 0xfffffffffffffff0u);
    sql_get_text(&q, s, sizeof(s));
    assert_string_equal(s, "abc");
    sql_get_fixed(&q, back, 4);
    assert_memory_equal(back, b, 4);
    sql_get_bytes(&q, &out, &len, 4);
    assert_int_equal(len, 4);
    assert_memory_equal(out, b, 4);
    free(out);
    memset(back, 0, 4);
    assert_int_equal(sql_get_short(&q, back, 4), 4);
    assert_memory_equal(back, b, 4);
    assert_false(sql_row(&q));
    assert_int_equal(sql_end(&q), 0);
}

static void sql_values__longer_than_asked__fail_and_stay_failed(void **state)
{
    struct place *p = *state;
    struct sql_query q;
    uint8_t *out, four[4];
    char s[4];
    size_t len;

    assert_int_equal(insert(p->db, 1, "abcd", "wxyz", 4), 0);
    sql_ask(&q, p->db, "SELECT s, b, n FROM t");
    assert_true(sql_row(&q));
    sql_get_text(&q, s, sizeof(s));
    assert_string_equal(s, "");
    sql_get_fixed(&q, four, 4);
    assert_int_equal(four[0], 0);
    assert_int_equal(sql_get_i64(&q), 0);
    assert_int_equal(sql_end(&q), ERR_MALFORMED);
    sql_ask(&q, p->db, "SELECT b FROM t");
    assert_true(sql_row(&q));
    sql_get_bytes(&q, &out, &len, 3);
    assert_null(out);
    assert_int_equal(len, 0);
    assert_int_equal(sql_end(&q), ERR_MALFORMED);
    sql_ask(&q, p->db, "SELECT b FROM t");
    assert_true(sql_row(&q));
    sql_get_fixed(&q, four, 3);
    assert_int_equal(sql_end(&q), ERR_MALFORMED);
}

static void sql_values__empty_blob__is_not_null(void **state)
{
    struct place *p = *state;

    assert_int_equal(insert(p->db, 1, "a", NULL, 0), 0);
    assert_int_equal(one_number(p->db, "SELECT count(*) FROM t WHERE b = x''"), 1);
}

static void sql_query__wrong_text__is_an_error_not_a_crash(void **state)
{
    struct place *p = *state;
    struct sql_query q;

    sql_ask(&q, p->db, "SELEC 1");
    sql_put_i64(&q, 1);
    assert_false(sql_row(&q));
    assert_int_equal(sql_get_i64(&q), 0);
    assert_int_equal(sql_end(&q), ERR_SYS);
    sql_ask(&q, p->db, "SELECT 1");
    sql_put_i64(&q, 1);
    assert_int_equal(sql_do(&q), ERR_SYS);
}

static void sql_query__same_text_again__forgets_what_was_bound(void **state)
{
    struct place *p = *state;
    struct sql_query q;

    assert_int_equal(insert(p->db, 1, "a", "x", 1), 0);
    assert_int_equal(insert(p->db, 2, "a", "x", 1), ERR_EXISTS);
    assert_int_equal(insert(p->db, 2, "b", "x", 1), 0);
    sql_ask(&q, p->db, "INSERT INTO t (n, s, b) VALUES (?, ?, ?)");
    sql_put_u64(&q, 3);
    assert_int_equal(sql_do(&q), 0);
    assert_int_equal(one_number(p->db, "SELECT count(*) FROM t WHERE s IS NULL AND b IS NULL"), 1);
    assert_int_equal(sql_last_row(p->db), 3);
    assert_int_equal(sql_changes(p->db), 1);
}

static void sql_part__undone__leaves_the_rest_of_the_transaction(void **state)
{
    struct place *p = *state;

    assert_int_equal(sql_begin(p->db, SQL_WRITE), 0);
    assert_true(sql_in_transaction(p->db));
    assert_int_equal(sql_part_begin(p->db), 0);
    assert_int_equal(insert(p->db, 1, "a", "x", 1), 0);
    assert_int_equal(sql_part_keep(p->db), 0);
    assert_int_equal(sql_part_begin(p->db), 0);
    assert_int_equal(insert(p->db, 2, "b", "x", 1), 0);
    assert_int_equal(sql_part_undo(p->db), 0);
    assert_int_equal(sql_commit(p->db), 0);
    assert_false(sql_in_transaction(p->db));
    assert_int_equal(one_number(p->db, "SELECT sum(n) FROM t"), 1);
    assert_int_equal(sql_begin(p->db, SQL_WRITE), 0);
    assert_int_equal(insert(p->db, 3, "c", "x", 1), 0);
    sql_rollback(p->db);
    sql_rollback(p->db);
    assert_int_equal(one_number(p->db, "SELECT sum(n) FROM t"), 1);
}

/* ---- what a crash and a power cut leave ---- */

/* A database whose files are kept as they were synced; the table is on the disk. */
static int cut_setup(void **state)
{
    int err;

    flaky_install();
    flaky_set(FLAKY_NONE, 0);
    flaky_keep_synced(1);
    err = setup(state);
    return err != 0 ? err : sql_checkpoint(((struct place *)*state)->db);
}

static int cut_teardown(void **state)
{
    flaky_set(FLAKY_NONE, 0);
    flaky_keep_synced(0);
    return teardown(state);
}

static void put_soon(struct sql *db, uint64_t n)
{
    char name[16];

    snprintf(name, sizeof(name), "row %d", (int)n);
    assert_int_equal(sql_begin(db, SQL_WRITE_SOON), 0);
    assert_int_equal(insert(db, n, name, "x", 1), 0);
    assert_int_equal(sql_commit(db), 0);
}

/* Rows that are there after a power cut. */
static int64_t left_by_power_cut(const struct place *p)
{
    char to[96], why[200];
    struct sql *db;
    int64_t n;

    snprintf(to, sizeof(to), "%s/cut.db", p->dir);
    assert_int_equal(flaky_power_cut(p->path, to), 0);
    assert_int_equal(chmod(to, 0600), 0);
    assert_int_equal(sql_open(&db, to, why, sizeof(why)), 0);
    n = one_number(db, "SELECT count(*) FROM t");
    sql_close(db);
    unlink(to);
    return n;
}

static void sql_commit__soon__outlives_the_process_and_no_power_cut(void **state)
{
    struct place *p = *state;
    struct sql *other;

    put_soon(p->db, 1);
    assert_int_equal(left_by_power_cut(p), 0);
    /* Another connection sees what another process would after our end. */
    assert_int_equal(sql_open(&other, p->path, p->why, sizeof(p->why)), 0);
    assert_int_equal(one_number(other, "SELECT count(*) FROM t"), 1);
    sql_close(other);
}

static void sql_sync__all_commits_are_on_the_disk(void **state)
{
    struct place *p = *state;

    put_soon(p->db, 1);
    put_soon(p->db, 2);
    assert_int_equal(sql_sync(p->db), 0);
    put_soon(p->db, 3);
    assert_int_equal(left_by_power_cut(p), 2);
}

static void sql_commit__after_a_soon_one__takes_it_along(void **state)
{
    struct place *p = *state;

    put_soon(p->db, 1);
    assert_int_equal(insert(p->db, 2, "b", "x", 1), 0); /* waits for the disk, as ever */
    put_soon(p->db, 3);
    assert_int_equal(left_by_power_cut(p), 2);
    assert_int_equal(sql_begin(p->db, SQL_WRITE), 0);
    assert_int_equal(insert(p->db, 4, "d", "x", 1), 0);
    assert_int_equal(sql_commit(p->db), 0);
    assert_int_equal(left_by_power_cut(p), 4);
}

static void sql_rollback__of_a_soon_one__next_write_waits_for_the_disk(void **state)
{
    struct place *p = *state;

    assert_int_equal(sql_begin(p->db, SQL_WRITE_SOON), 0);
    assert_int_equal(insert(p->db, 1, "a", "x", 1), 0);
    sql_rollback(p->db);
    assert_int_equal(insert(p->db, 2, "b", "x", 1), 0);
    assert_int_equal(left_by_power_cut(p), 1);
}

/* After a sync that failed, the kernel may call pages written that are not: only what is written
 * once more counts. */
static void sql_sync__fails__next_one_writes_again(void **state)
{
    struct place *p = *state;
    char log[96];

    put_soon(p->db, 1);
    flaky_set(FLAKY_SYNC, 1);
    assert_int_equal(sql_sync(p->db), ERR_SYS);
    assert_int_equal(left_by_power_cut(p), 0);
    assert_int_equal(sql_sync(p->db), 0);
    /* It is in the file itself, whatever became of the log. */
    snprintf(log, sizeof(log), "%s-wal-synced", p->path);
    assert_int_equal(truncate(log, 0), 0);
    assert_int_equal(left_by_power_cut(p), 1);
}

static void sql_sync__nothing_was_written__asks_no_disk(void **state)
{
    struct place *p = *state;

    flaky_set(FLAKY_SYNC, 1000);
    assert_int_equal(sql_sync(p->db), 0);
}

static void sql_migrate__from_any_version__ends_at_the_newest(void **state)
{
    static const char *const steps[] = {"CREATE TABLE a (n INTEGER); INSERT INTO a VALUES (1)",
                                        "UPDATE a SET n = n + 1", "UPDATE a SET n = n * 10"};
    struct place *p = *state;

    assert_int_equal(sql_migrate(p->db, steps, 1, p->why, sizeof(p->why)), 0);
    assert_int_equal(sql_migrate(p->db, steps, 3, p->why, sizeof(p->why)), 0);
    assert_int_equal(sql_migrate(p->db, steps, 3, p->why, sizeof(p->why)), 0);
    assert_int_equal(one_number(p->db, "SELECT n FROM a"), 20);
    assert_int_equal(one_number(p->db, "PRAGMA user_version"), 3);
    assert_int_equal(sql_migrate(p->db, steps, 2, p->why, sizeof(p->why)), ERR_VERSION);
    assert_non_null(strstr(p->why, "version 3"));
}

static void sql_migrate__a_step_that_fails__changes_nothing(void **state)
{
    static const char *const steps[] = {"CREATE TABLE a (n INTEGER)",
                                        "INSERT INTO a VALUES (1); INSERT INTO missing VALUES (2)"};
    struct place *p = *state;

    assert_int_equal(sql_migrate(p->db, steps, 2, p->why, sizeof(p->why)), ERR_SYS);
    assert_non_null(strstr(p->why, "missing"));
    assert_int_equal(one_number(p->db, "PRAGMA user_version"), 1);
    assert_int_equal(one_number(p->db, "SELECT count(*) FROM a"), 0);
}

static void sql_page_limit__reached__is_full_until_rows_go(void **state)
{
    static uint8_t block[100000];
    struct place *p = *state;
    unsigned used = sql_pages_used(p->db);
    int n = 0, err;

    assert_true(used > 0);
    assert_int_equal(sql_set_page_limit(p->db, 0x7fffffffu), ERR_ARG);
    assert_int_equal(sql_set_page_limit(p->db, used + 100), 0);
    while ((err = insert(p->db, (uint64_t)n + 1, NULL, block, sizeof(block))) == 0)
        n++;
    assert_int_equal(err, ERR_FULL);
    assert_true(n >= 3 && n <= 4);
    assert_int_equal(sql_exec(p->db, "DELETE FROM t WHERE n = 1"), 0);
    assert_true(sql_pages_free(p->db) >= 24);
    assert_int_equal(insert(p->db, 1, NULL, block, sizeof(block)), 0);
    assert_int_equal(sql_set_page_limit(p->db, 0), 0);
    assert_int_equal(insert(p->db, 100, NULL, block, sizeof(block)), 0);
}

static void sql_checkpoint__nobody_reads__lets_the_log_start_again(void **state)
{
    static uint8_t block[100000];
    struct place *p = *state;
    struct stat before, after;
    char name[100];

    snprintf(name, sizeof(name), "%s-wal", p->path);
    for (uint64_t i = 1; i < 8; i++)
        assert_int_equal(insert(p->db, i, NULL, block, sizeof(block)), 0);
    assert_int_equal(stat(name, &before), 0);
    assert_int_equal(sql_checkpoint(p->db), 0);
    for (uint64_t i = 11; i < 18; i++)
        assert_int_equal(insert(p->db, i, NULL, block, sizeof(block)), 0);
    assert_int_equal(stat(name, &after), 0);
    assert_true(after.st_size < before.st_size + before.st_size / 4);
}

static void sql_copy__while_open__is_whole_and_private(void **state)
{
    struct place *p = *state;
    struct sql *copy;
    char name[100];
    struct stat st;

    assert_int_equal(insert(p->db, 5, "a", "x", 1), 0);
    snprintf(name, sizeof(name), "%s/copy.db", p->dir);
    assert_int_equal(sql_copy_to(p->db, name), 0);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(sql_copy_to(p->db, name), ERR_EXISTS);
    assert_int_equal(sql_open(&copy, name, p->why, sizeof(p->why)), 0);
    assert_int_equal(one_number(copy, "SELECT n FROM t"), 5);
    sql_close(copy);
    snprintf(name, sizeof(name), "%s/none/copy.db", p->dir);
    assert_int_equal(sql_copy_to(p->db, name), ERR_SYS);
}

/* The other connection of this thread, with a transaction that it keeps open. */
struct other {
    struct sql *db;
    int asked;
};

static void give_way(void *arg)
{
    struct other *o = arg;

    o->asked++;
    assert_int_equal(sql_commit(o->db), 0);
}

static void sql_on_busy__the_other_has_begun__is_asked_to_commit(void **state)
{
    struct place *p = *state;
    struct other o = {NULL, 0};

    assert_int_equal(sql_open(&o.db, p->path, p->why, sizeof(p->why)), 0);
    sql_on_busy(p->db, give_way, &o);
    assert_int_equal(insert(p->db, 1, "nobody is in the way", "", 0), 0);
    assert_int_equal(o.asked, 0);
    assert_int_equal(sql_begin(o.db, SQL_WRITE), 0);
    assert_int_equal(insert(o.db, 2, "the other's", "", 0), 0);
    assert_int_equal(sql_begin(p->db, SQL_WRITE), 0);
    assert_int_equal(o.asked, 1);
    assert_int_equal(one_number(p->db, "SELECT count(*) FROM t"), 2);
    assert_int_equal(sql_commit(p->db), 0);
    /* the same for a write outside a transaction, and once more */
    assert_int_equal(sql_begin(o.db, SQL_WRITE), 0);
    assert_int_equal(insert(p->db, 3, "ours", "", 0), 0);
    assert_int_equal(o.asked, 2);
    sql_close(o.db);
}

static void sql_close__never_opened__is_nothing(void **state)
{
    (void)state;
    sql_close(NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define C(f) cmocka_unit_test_setup_teardown(f, cut_setup, cut_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(sql_open__new_file__has_the_promised_settings),
        T(sql_open__log_beside_the_file__is_0600_too),
        T(sql_open__bad_files__say_what_is_wrong),
        T(sql_values__all_kinds__come_back_as_stored),
        T(sql_values__longer_than_asked__fail_and_stay_failed),
        T(sql_values__empty_blob__is_not_null),
        T(sql_query__wrong_text__is_an_error_not_a_crash),
        T(sql_query__same_text_again__forgets_what_was_bound),
        T(sql_part__undone__leaves_the_rest_of_the_transaction),
        T(sql_migrate__from_any_version__ends_at_the_newest),
        T(sql_migrate__a_step_that_fails__changes_nothing),
        T(sql_page_limit__reached__is_full_until_rows_go),
        T(sql_checkpoint__nobody_reads__lets_the_log_start_again),
        T(sql_copy__while_open__is_whole_and_private),
        T(sql_on_busy__the_other_has_begun__is_asked_to_commit),
        C(sql_commit__soon__outlives_the_process_and_no_power_cut),
        C(sql_sync__all_commits_are_on_the_disk),
        C(sql_commit__after_a_soon_one__takes_it_along),
        C(sql_rollback__of_a_soon_one__next_write_waits_for_the_disk),
        C(sql_sync__fails__next_one_writes_again),
        C(sql_sync__nothing_was_written__asks_no_disk),
        cmocka_unit_test(sql_close__never_opened__is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
