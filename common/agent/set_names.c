/* set_names.c - named sets of receivers: the table set_name. */
#include "common/agent/set_names.h"

#include "common/err.h"

static int change(struct sql *db, const char *text, const char *name, const char *member)
{
    struct sql_query q;

    sql_ask(&q, db, text);
    sql_put_text(&q, name);
    sql_put_text(&q, member);
    return sql_do(&q);
}

int set_name_add(struct sql *db, const char *name, const char *member)
{
    return change(db, "INSERT OR IGNORE INTO set_name (name, member) VALUES (?, ?)", name, member);
}

int set_name_remove(struct sql *db, const char *name, const char *member)
{
    int err = change(db, "DELETE FROM set_name WHERE name = ? AND member = ?", name, member);

    return err == 0 && sql_changes(db) == 0 ? ERR_NOTFOUND : err;
}

int set_name_count(struct sql *db, const char *name, size_t *n)
{
    struct sql_query q;

    *n = 0;
    sql_ask(&q, db, "SELECT COUNT(*) FROM set_name WHERE name = ?");
    sql_put_text(&q, name);
    if (sql_row(&q))
        *n = (size_t)sql_get_u64(&q);
    return sql_end(&q);
}

int set_name_exists(struct sql *db, const char *name)
{
    size_t n;

    return set_name_count(db, name, &n) == 0 && n > 0;
}

/* End a query for one text. */
static int end_text(struct sql_query *q, char out[ID_MAX + 1])
{
    int found = sql_row(q), err;

    if (found)
        sql_get_text(q, out, ID_MAX + 1);
    err = sql_end(q);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

int set_name_next(struct sql *db, const char *name, const char *after, char member[ID_MAX + 1])
{
    struct sql_query q;

    sql_ask(&q, db,
            "SELECT member FROM set_name WHERE name = ? AND member > ? ORDER BY member LIMIT 1");
    sql_put_text(&q, name);
    sql_put_text(&q, after);
    return end_text(&q, member);
}

int set_name_next_set(struct sql *db, const char *after, char name[ID_MAX + 1])
{
    struct sql_query q;

    sql_ask(&q, db, "SELECT name FROM set_name WHERE name > ? ORDER BY name LIMIT 1");
    sql_put_text(&q, after);
    return end_text(&q, name);
}
