/*
 * sql.h - a thin layer over SQLite, shared by the cloud's store and the devices' state file.
 *
 * One struct sql is one connection: one thread at a time. Statements are prepared once and kept for
 * the life of the connection. Values are bound, never pasted into the text. A query has a sticky
 * error, as the cursors of proto/ have, so that callers bind and read without asking each time:
 *
 *     struct sql_query q;
 *     sql_ask(&q, db, "SELECT key, offer FROM devices WHERE id = ?");
 *     sql_put_text(&q, id);
 *     if (sql_row(&q)) {
 *         sql_get_fixed(&q, key, KEY_BYTES);
 *         sql_get_bytes(&q, &p, &len, OFFER_MAX);
 *     }
 *     err = sql_end(&q);
 *
 * Errors: ERR_FULL (disk, quota or page limit), ERR_LOCKED (another process holds the file for
 * longer than we wait), ERR_EXISTS (a UNIQUE constraint), ERR_FORMAT (damaged, or no database),
 * ERR_MALFORMED (a column of another length than asked for), ERR_NOMEM, else ERR_SYS.
 */
#ifndef INKPOST_COMMON_SQL_SQL_H
#define INKPOST_COMMON_SQL_SQL_H

#include <stddef.h>
#include <stdint.h>

struct sql;
struct sqlite3_stmt;

struct sql_query {
    struct sql *db;
    struct sqlite3_stmt *stmt;
    int err;   /* sticky */
    int param; /* next to bind, from 1 */
    int col;   /* next to read, from 0 */
};

/*
 * Open or create the database file (mode 0600): WAL, synchronous FULL, foreign keys on, deleted
 * content overwritten, 10 s of patience with other processes. `why` gets a sentence for people
 * when it fails (why_len 0: none). ERR_PERMS when group or others have any right to the file, it is
 * not ours or it is a symbolic link; ERR_FORMAT, ERR_LOCKED, ERR_FULL, ERR_NOMEM, ERR_SYS.
 */
int sql_open(struct sql **out, const char *path, char *why, size_t why_len);
/* Finish all statements and close; NULL is allowed. What was not committed is rolled back. */
void sql_close(struct sql *db);

/*
 * For two connections of one thread to one file: when a write of this one finds the file taken,
 * call give_way(arg), which commits what the other one has open, since waiting for it would never
 * end. give_way must not touch this connection. Then wait for other processes as before.
 */
void sql_on_busy(struct sql *db, void (*give_way)(void *arg), void *arg);

/*
 * Bring the schema up to date: list[i] is the text that leads from version i to i + 1, and is never
 * changed once released, only appended to. Each runs in one transaction with the version number
 * (PRAGMA user_version). ERR_VERSION when the file is of a version above n.
 */
int sql_migrate(struct sql *db, const char *const *list, int n, char *why, size_t why_len);

/* Run texts without parameters, one or several separated by semicolons. */
int sql_exec(struct sql *db, const char *text);

enum sql_begin { SQL_READ, SQL_WRITE, SQL_WRITE_SOON };
/*
 * SQL_WRITE takes the write lock at once, so that nothing read in it can be stale, and its commit
 * returns when the disk has it. SQL_WRITE_SOON is the same with a commit that does not wait for the
 * disk: it outlives the process, however that ends, but a power cut may take it, unless sql_sync()
 * or the commit of a SQL_WRITE came between. What a power cut leaves is always the state after one
 * of the commits, never a later one without an earlier.
 */
int sql_begin(struct sql *db, enum sql_begin how);
/* When it fails, sql_rollback() is due; whether the changes are on disk is then unknown. */
int sql_commit(struct sql *db);
/* Wait until the disk has all that was committed on this connection. Not inside a transaction. When
 * it fails nothing is undone, but nothing may be promised either; it can be tried again. */
int sql_sync(struct sql *db);
void sql_rollback(struct sql *db);
/* False once SQLite itself rolled the transaction back, as it may on a full disk. */
int sql_in_transaction(const struct sql *db);
/* A part of a transaction that can be undone alone; these do not nest. */
int sql_part_begin(struct sql *db);
int sql_part_keep(struct sql *db);
int sql_part_undo(struct sql *db);

/*
 * Start a query: the statement of this text, from the cache or prepared now. Parameters are bound
 * and columns read in the order of the calls. Bound bytes are not copied: they must live until
 * sql_end(). A query is over with sql_end(); until then, do not ask the same text again.
 */
void sql_ask(struct sql_query *q, struct sql *db, const char *text);
void sql_put_i64(struct sql_query *q, int64_t v);
/* Stored as the signed integer of the same bits: above 2^63 - 1 it must not be compared in SQL. */
void sql_put_u64(struct sql_query *q, uint64_t v);
void sql_put_text(struct sql_query *q, const char *s);
void sql_put_bytes(struct sql_query *q, const void *p, size_t len);
/* True when there is a (next) row to read. False at the end and on errors. */
int sql_row(struct sql_query *q);
int64_t sql_get_i64(struct sql_query *q);
uint64_t sql_get_u64(struct sql_query *q);
/* Copy a text of at most size - 1 characters; "" on error. */
void sql_get_text(struct sql_query *q, char *out, size_t size);
/* Copy a blob of exactly len bytes; zeros on error. */
void sql_get_fixed(struct sql_query *q, void *out, size_t len);
/* Copy a blob of at most max bytes into new memory, the caller's to free; NULL and 0 on error and
 * NULL for an empty one. */
void sql_get_bytes(struct sql_query *q, uint8_t **out, size_t *len, size_t max);
/* Copy a blob of at most size bytes; returns its length, 0 on error. */
size_t sql_get_short(struct sql_query *q, void *out, size_t size);
/* Reset the statement for the next time and forget what was bound. 0, or the first error. */
int sql_end(struct sql_query *q);
/* Run a query that gives no rows to its end: sql_row() and sql_end() in one. */
int sql_do(struct sql_query *q);
/* Rows that the last INSERT, UPDATE or DELETE changed. */
int64_t sql_changes(const struct sql *db);
/* The INTEGER PRIMARY KEY that the last INSERT gave out. */
uint64_t sql_last_row(const struct sql *db);

/* Grow to at most so many pages (0: no limit). ERR_ARG above 2^31 - 2. */
int sql_set_page_limit(struct sql *db, unsigned pages);
/* Pages in use, in this transaction; 0 on errors. */
unsigned sql_pages_used(struct sql *db);
/* Pages of the file that hold nothing and can be used again; 0 on errors. */
unsigned sql_pages_free(struct sql *db);
/* Move what the log (WAL) holds into the file; when no reader still needs it, the next write starts
 * again at the log's beginning, in the space it has. Waits for nobody. Not inside a transaction.
 * ERR_FULL when the file cannot grow. */
int sql_checkpoint(struct sql *db);
/* Write a consistent, compact copy to a new file, mode 0600. ERR_EXISTS, ERR_FULL, ERR_SYS. Not
 * inside a transaction. */
int sql_copy_to(struct sql *db, const char *path);

#endif
