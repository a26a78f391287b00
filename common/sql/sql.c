/*
 * sql.c - the connection: opening with the pragmas that the promises of the store need, migrations,
 * transactions, errors, and what bounds the file. Queries are in sql_query.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/sql/sql_private.h"

#define SQL_PATIENCE_MS 10000
#define SQL_RETRY_MS    10

static int err_of_write(const struct sql *db)
{
    int e = sqlite3_system_errno(db->handle);

    return e == ENOSPC || e == EDQUOT || e == EFBIG ? ERR_FULL : ERR_SYS;
}

int sql_err_of(const struct sql *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_LOCKED;
    case SQLITE_CONSTRAINT:
        return ERR_EXISTS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_FORMAT;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return err_of_write(db);
    default:
        return ERR_SYS;
    }
}

static void say(char *why, size_t why_len, const char *path, const char *what)
{
    if (why_len > 0)
        snprintf(why, why_len, "%s: %s", path, what);
}

/* The file is not opened to look at it: closing it again would drop the locks of another connection
 * of this process (fcntl locks belong to the process). */
static int check_owner(const char *path, char *why, size_t why_len)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        say(why, why_len, path, strerror(errno));
        return ERR_SYS;
    }
    if (S_ISLNK(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
        say(why, why_len, path,
            "others may have a hand in this file; make it a file of your own "
            "and chmod 600 it");
        return ERR_PERMS;
    }
    if (!S_ISREG(st.st_mode)) {
        say(why, why_len, path, "not a regular file");
        return ERR_FORMAT;
    }
    return 0;
}

/* Create the file, or check whose it is: SQLite gives the log beside it the same mode. */
static int own_file(const char *path, char *why, size_t why_len)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if (errno == EEXIST)
        return check_owner(path, why, why_len);
    say(why, why_len, path, strerror(errno));
    return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_SYS;
}

/* SQLite does not wait by itself when two programs turn a new file to WAL at once. */
static int use_log(struct sql *db)
{
    const struct timespec pause = {.tv_nsec = SQL_RETRY_MS * 1000000L};
    int err = sql_exec(db, "PRAGMA journal_mode = WAL");

    for (int ms = 0; err == ERR_LOCKED && ms < SQL_PATIENCE_MS; ms += SQL_RETRY_MS) {
        nanosleep(&pause, NULL);
        err = sql_exec(db, "PRAGMA journal_mode = WAL");
    }
    return err;
}

static int set_up(struct sql *db)
{
    int err;

    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, SQL_PATIENCE_MS);
    /* A damaged file must not trick us through its own schema. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    err = use_log(db);
    if (err)
        return err;
    err = sql_exec(db, "PRAGMA synchronous = FULL;"
                       "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;"
                       "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;"
                       /* what a long reader made the log grow to is given back later */
                       "PRAGMA journal_size_limit = 67108864");
    /* The first page is read here, so that what is no database is told at once. */
    return err ? err : sql_exec(db, "SELECT count(*) FROM sqlite_schema");
}

int sql_open(struct sql **out, const char *path, char *why, size_t why_len)
{
    struct sql *db = NULL;
    int rc, err;

    *out = NULL;
    if (why_len > 0)
        why[0] = '\0';
    err = own_file(path, why, why_len);
    if (err)
        return err;
    db = calloc(1, sizeof(*db));
    if (db == NULL)
        return ERR_NOMEM;
    rc = sqlite3_open_v2(path, &db->handle,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                         NULL);
    err = rc == SQLITE_OK ? set_up(db) : sql_err_of(db, rc);
    if (err) {
        say(why, why_len, path, db->handle != NULL ? sqlite3_errmsg(db->handle) : err_str(err));
        sql_close(db);
        return err;
    }
    *out = db;
    return 0;
}

/* What SQLite calls when the file is taken, the tries-th time for this statement; 0 gives up. */
static int on_busy(void *arg, int tries)
{
    const struct timespec pause = {.tv_nsec = SQL_RETRY_MS * 1000000L};
    struct sql *db = arg;

    if (tries == 0)
        db->give_way(db->give_way_arg);
    else
        nanosleep(&pause, NULL);
    return tries < SQL_PATIENCE_MS / SQL_RETRY_MS;
}

void sql_on_busy(struct sql *db, void (*give_way)(void *arg), void *arg)
{
    db->give_way = give_way;
    db->give_way_arg = arg;
    sqlite3_busy_handler(db->handle, on_busy, db);
}

void sql_close(struct sql *db)
{
    if (db == NULL)
        return;
    sql_cache_free(db);
    sqlite3_close(db->handle);
    free(db);
}

int sql_exec(struct sql *db, const char *text)
{
    return sql_err_of(db, sqlite3_exec(db->handle, text, NULL, NULL, NULL));
}

static int number(struct sql *db, const char *text, int64_t *v)
{
    struct sql_query q;

    *v = 0;
    sql_ask(&q, db, text);
    if (sql_row(&q))
        *v = sql_get_i64(&q);
    return sql_end(&q);
}

/* One step up, whole or not at all. The version is read again under the write lock: another process
 * may have done this step while we waited. */
static int migrate_one(struct sql *db, const char *text, int to, char *why, size_t why_len)
{
    char set_version[64];
    int64_t version;
    int err = sql_begin(db, SQL_WRITE);

    if (!err)
        err = number(db, "PRAGMA user_version", &version);
    if (!err && version < to) {
        err = sql_exec(db, text);
        /* a pragma takes no parameters; the value is our own small integer */
        snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %d", to);
        if (!err)
            err = sql_exec(db, set_version);
    }
    if (!err)
        err = sql_commit(db);
    if (err) {
        say(why, why_len, "schema", sqlite3_errmsg(db->handle));
        sql_rollback(db);
    }
    return err;
}

int sql_migrate(struct sql *db, const char *const *list, int n, char *why, size_t why_len)
{
    int64_t version;
    int err;

    if (why_len > 0)
        why[0] = '\0';
    err = number(db, "PRAGMA user_version", &version);
    if (err)
        say(why, why_len, "schema", sqlite3_errmsg(db->handle));
    if (!err && (version > n || version < 0)) {
        if (why_len > 0)
            snprintf(why, why_len,
                     "the file is of version %lld and this program knows versions up to %d; "
                     "use the newer release",
                     (long long)version, n);
        return ERR_VERSION;
    }
    for (int i = (int)version; !err && i < n; i++)
        err = migrate_one(db, list[i], i + 1, why, why_len);
    return err;
}

static int short_statement(struct sql *db, const char *text)
{
    struct sql_query q;

    sql_ask(&q, db, text);
    return sql_do(&q);
}

/* Only outside a transaction. With a log, NORMAL syncs at checkpoints and not at commits. */
static int set_soon(struct sql *db, int soon)
{
    int err = 0;

    if (db->soon != soon)
        err = sql_exec(db, soon ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
    if (err == 0)
        db->soon = soon;
    return err;
}

int sql_begin(struct sql *db, enum sql_begin how)
{
    int err = set_soon(db, how == SQL_WRITE_SOON);

    if (!err)
        err = short_statement(db, how == SQL_READ ? "BEGIN" : "BEGIN IMMEDIATE");
    if (err)
        (void)set_soon(db, 0);
    return err;
}

int sql_commit(struct sql *db)
{
    int err = short_statement(db, "COMMIT");

    if (err) {
        db->distrust |= db->unsynced;
        return err;
    }
    db->unsynced |= db->soon;
    return set_soon(db, 0);
}

void sql_rollback(struct sql *db)
{
    if (sql_in_transaction(db))
        short_statement(db, "ROLLBACK");
    (void)set_soon(db, 0);
}

/* After a failed sync the kernel may take for written what is not. A checkpoint writes it again,
 * into the file. */
static int write_again(struct sql *db)
{
    int in_log, moved;
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_FULL, &in_log, &moved);

    if (rc == SQLITE_OK && in_log != moved)
        rc = SQLITE_BUSY;
    return sql_err_of(db, rc);
}

static int sync_log(struct sql *db)
{
    sqlite3_file *log = NULL;
    int rc = sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log);

    if (rc == SQLITE_OK && log != NULL && log->pMethods != NULL)
        rc = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    return sql_err_of(db, rc);
}

int sql_sync(struct sql *db)
{
    int err;

    if (!db->unsynced)
        return 0;
    err = db->distrust ? write_again(db) : sync_log(db);
    db->unsynced = db->distrust = err != 0;
    return err;
}

int sql_in_transaction(const struct sql *db)
{
    return sqlite3_get_autocommit(db->handle) == 0;
}

int sql_part_begin(struct sql *db)
{
    return short_statement(db, "SAVEPOINT part");
}

int sql_part_keep(struct sql *db)
{
    return short_statement(db, "RELEASE part");
}

int sql_part_undo(struct sql *db)
{
    int err = short_statement(db, "ROLLBACK TO part");

    return err ? err : short_statement(db, "RELEASE part");
}

int sql_set_page_limit(struct sql *db, unsigned pages)
{
    char text[64];

    if (pages > (unsigned)INT_MAX - 1)
        return ERR_ARG;
    snprintf(text, sizeof(text), "PRAGMA max_page_count = %u",
             pages == 0 ? (unsigned)INT_MAX - 1 : pages);
    return sql_exec(db, text);
}

unsigned sql_pages_free(struct sql *db)
{
    int64_t unused;

    return number(db, "PRAGMA freelist_count", &unused) ? 0 : (unsigned)unused;
}

unsigned sql_pages_used(struct sql *db)
{
    int64_t all;

    if (number(db, "PRAGMA page_count", &all))
        return 0;
    return (unsigned)all - sql_pages_free(db);
}

int sql_checkpoint(struct sql *db)
{
    return sql_err_of(
        db, sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
}

int sql_copy_to(struct sql *db, const char *path)
{
    struct sql_query q;
    int fd, err;

    /* An empty file of our own mode is what VACUUM INTO accepts as its target. */
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? ERR_EXISTS : errno == ENOSPC ? ERR_FULL : ERR_SYS;
    sql_ask(&q, db, "VACUUM INTO ?");
    sql_put_text(&q, path);
    err = sql_do(&q);
    if (!err && fsync(fd) != 0)
        err = ERR_SYS;
    close(fd);
    if (err)
        unlink(path);
    return err;
}
