/* sql_query.c - prepared statements: the cache, binding, and bounded copies of columns. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/sql/sql_private.h"

void sql_cache_free(struct sql *db)
{
    for (size_t i = 0; i < SQL_CACHE; i++) {
        sqlite3_finalize(db->cache[i].stmt);
        free(db->cache[i].text);
        memset(&db->cache[i], 0, sizeof(db->cache[i]));
    }
    db->kept = 0;
}

static size_t hash_of(const char *text)
{
    uint32_t h = 2166136261u;

    for (; *text != '\0'; text++)
        h = (h ^ (uint8_t)*text) * 16777619u;
    return h & (SQL_CACHE - 1);
}

static int prepare(struct sql *db, struct sql_slot *slot, const char *text)
{
    int rc = sqlite3_prepare_v3(db->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &slot->stmt, NULL);

    if (rc != SQLITE_OK)
        return sql_err_of(db, rc);
    slot->text = strdup(text);
    if (slot->text == NULL) {
        sqlite3_finalize(slot->stmt);
        slot->stmt = NULL;
        return ERR_NOMEM;
    }
    db->kept++;
    return 0;
}

void sql_ask(struct sql_query *q, struct sql *db, const char *text)
{
    size_t i = hash_of(text);

    memset(q, 0, sizeof(*q));
    q->db = db;
    q->param = 1;
    /* One slot stays empty, so that the search for a new text ends. */
    while (db->cache[i].text != NULL && strcmp(db->cache[i].text, text) != 0)
        i = (i + 1) & (SQL_CACHE - 1);
    if (db->cache[i].text == NULL) {
        q->err = db->kept < SQL_CACHE - 1 ? prepare(db, &db->cache[i], text) : ERR_TOO_LARGE;
        if (q->err)
            return;
    }
    q->stmt = db->cache[i].stmt;
}

/* Keep the first error of the query. */
static void note(struct sql_query *q, int rc)
{
    if (q->err == 0 && rc != SQLITE_OK)
        q->err = sql_err_of(q->db, rc);
}

void sql_put_i64(struct sql_query *q, int64_t v)
{
    if (q->err == 0)
        note(q, sqlite3_bind_int64(q->stmt, q->param++, v));
}

void sql_put_u64(struct sql_query *q, uint64_t v)
{
    sql_put_i64(q, (int64_t)v);
}

void sql_put_text(struct sql_query *q, const char *s)
{
    if (q->err == 0)
        note(q, sqlite3_bind_text(q->stmt, q->param++, s, -1, SQLITE_STATIC));
}

void sql_put_bytes(struct sql_query *q, const void *p, size_t len)
{
    if (q->err != 0)
        return;
    if (len > INT_MAX)
        q->err = ERR_TOO_LARGE;
    else
        /* a NULL pointer would bind NULL instead of an empty blob */
        note(q,
             sqlite3_bind_blob(q->stmt, q->param++, p != NULL ? p : "", (int)len, SQLITE_STATIC));
}

int sql_row(struct sql_query *q)
{
    int rc;

    if (q->err != 0)
        return 0;
    q->col = 0;
    rc = sqlite3_step(q->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        note(q, rc);
    return rc == SQLITE_ROW;
}

int64_t sql_get_i64(struct sql_query *q)
{
    return q->err == 0 ? sqlite3_column_int64(q->stmt, q->col++) : 0;
}

uint64_t sql_get_u64(struct sql_query *q)
{
    return (uint64_t)sql_get_i64(q);
}

/* The bytes of the next column when there are at most max; else NULL, and the error is kept. */
static const void *column(struct sql_query *q, size_t max, size_t *len)
{
    const void *p;

    *len = 0;
    if (q->err != 0)
        return NULL;
    p = sqlite3_column_blob(q->stmt, q->col);
    *len = (size_t)sqlite3_column_bytes(q->stmt, q->col);
    q->col++;
    if (*len > max) {
        q->err = ERR_MALFORMED;
        *len = 0;
        return NULL;
    }
    if (p == NULL && *len > 0)
        q->err = ERR_NOMEM;
    return p;
}

void sql_get_text(struct sql_query *q, char *out, size_t size)
{
    size_t len;
    const void *p = column(q, size - 1, &len);

    memset(out, 0, size);
    if (p != NULL)
        memcpy(out, p, len);
}

void sql_get_fixed(struct sql_query *q, void *out, size_t len)
{
    size_t got;
    const void *p = column(q, len, &got);

    memset(out, 0, len);
    if (q->err == 0 && got != len)
        q->err = ERR_MALFORMED;
    else if (p != NULL)
        memcpy(out, p, len);
}

void sql_get_bytes(struct sql_query *q, uint8_t **out, size_t *len, size_t max)
{
    const void *p = column(q, max, len);

    *out = NULL;
    if (p == NULL || *len == 0)
        return;
    *out = malloc(*len);
    if (*out == NULL) {
        q->err = ERR_NOMEM;
        *len = 0;
        return;
    }
    memcpy(*out, p, *len);
}

size_t sql_get_short(struct sql_query *q, void *out, size_t size)
{
    size_t len;
    const void *p = column(q, size, &len);

    memset(out, 0, size);
    if (p != NULL)
        memcpy(out, p, len);
    return len;
}

int sql_end(struct sql_query *q)
{
    if (q->stmt != NULL) {
        sqlite3_reset(q->stmt);
        sqlite3_clear_bindings(q->stmt);
        q->stmt = NULL;
    }
    return q->err;
}

int sql_do(struct sql_query *q)
{
    while (sql_row(q))
        ;
    return sql_end(q);
}

int64_t sql_changes(const struct sql *db)
{
    return sqlite3_changes64(db->handle);
}

uint64_t sql_last_row(const struct sql *db)
{
    return (uint64_t)sqlite3_last_insert_rowid(db->handle);
}
