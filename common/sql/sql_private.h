/* sql_private.h - what sql.c and sql_query.c share. */
#ifndef INKPOST_COMMON_SQL_SQL_PRIVATE_H
#define INKPOST_COMMON_SQL_SQL_PRIVATE_H

#include <sqlite3.h>

#include "common/sql/sql.h"

#define SQL_CACHE 256 /* statements kept; a power of two, more than any program has */

struct sql_slot {
    char *text;
    sqlite3_stmt *stmt;
};

struct sql {
    sqlite3 *handle;
    void (*give_way)(void *arg); /* NULL: nobody else in this thread */
    void *give_way_arg;
    size_t kept;
    int soon;     /* commits do not wait for the disk */
    int unsynced; /* some did not */
    int distrust; /* a sync failed: a later one may succeed without having written the same */
    struct sql_slot cache[SQL_CACHE];
};

/* The ERR_* of what SQLite just answered on this connection. */
int sql_err_of(const struct sql *db, int rc);
void sql_cache_free(struct sql *db);

#endif
