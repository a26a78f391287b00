/* set.c - `sds set`: create, change and list named sets of receivers. */
#include "sds/set.h"

#include <stdio.h>
#include <string.h>

#include "common/agent/device.h"
#include "common/agent/set_names.h"
#include "common/err.h"

struct change {
    const char *verb;
    int must_exist, must_be_new;
    int (*apply)(struct sql *db, const char *name, const char *member);
};

static const struct change changes[] = {
    {"create", 0, 1, set_name_add},
    {"add", 1, 0, set_name_add},
    {"remove", 1, 0, set_name_remove},
};

static int print_set(struct sql *db, const char *name, int json)
{
    char member[ID_MAX + 1] = "";
    int n = 0;

    printf(json ? "{\"set\":\"%s\",\"members\":[" : "%s:", name);
    for (; set_name_next(db, name, member, member) == 0; n++)
        printf(json ? "%s\"%s\"" : "%s %s", json && n > 0 ? "," : "", member);
    printf(json ? "]}\n" : "\n");
    return 0;
}

static int list(const struct device *d, const struct device_options *o)
{
    char name[ID_MAX + 1] = "";

    if (o->rest_n > 2)
        return fail(EXIT_USAGE, "list takes one NAME, or none");
    if (o->rest_n == 2 && !set_name_exists(d->db, o->rest[1]))
        return fail(EXIT_FAILED, "there is no set %s", o->rest[1]);
    if (o->rest_n == 2)
        return print_set(d->db, o->rest[1], o->json);
    while (set_name_next_set(d->db, name, name) == 0)
        print_set(d->db, name, o->json);
    return 0;
}

static int not_saved(int err)
{
    return fail(EXIT_FAILED, "cannot save the set to state.db: %s", state_trouble(err));
}

static int apply_one(const struct device *d, const struct change *c, const char *name,
                     const char *id)
{
    int err;

    if (strcmp(id, d->home.id) == 0)
        return fail(EXIT_USAGE, "%s is this device itself", id);
    err = c->apply(d->db, name, id);
    if (err == ERR_NOTFOUND)
        return fail(EXIT_FAILED, "%s is not in the set %s", id, name);
    return err != 0 ? not_saved(err) : 0;
}

/* Every id of the list, in the caller's transaction. */
static int apply_all(const struct device *d, const struct change *c, const char *name,
                     const char *ids)
{
    char id[ID_MAX + 1];
    size_t len, n;
    int code, err;

    do {
        len = strcspn(ids, ",");
        if (!id_is_valid(ids, len))
            return fail(EXIT_USAGE, "\"%.*s\": an id is 1 to %d of a-z 0-9 . _ -", (int)len, ids,
                        ID_MAX);
        memcpy(id, ids, len);
        id[len] = '\0';
        code = apply_one(d, c, name, id);
        ids += len + (ids[len] == ',');
    } while (code == 0 && *ids != '\0');
    if (code != 0)
        return code;
    err = set_name_count(d->db, name, &n);
    if (err != 0)
        return not_saved(err);
    if (n > SET_MAX)
        return fail(EXIT_USAGE, "%s would have %zu members; a set has %d at most", name, n,
                    SET_MAX);
    return 0;
}

static int apply(const struct device *d, const struct change *c, const struct device_options *o)
{
    const char *name = o->rest[1];
    int exists = set_name_exists(d->db, name), code, err;

    if (c->must_exist && !exists)
        return fail(EXIT_FAILED, "there is no set %s; make it with create", name);
    if (c->must_be_new && exists)
        return fail(EXIT_FAILED, "there is a set %s already; change it with add and remove", name);
    err = sql_begin(d->db, SQL_WRITE);
    if (err != 0)
        return not_saved(err);
    code = apply_all(d, c, name, o->rest[2]);
    if (code != 0) {
        sql_rollback(d->db);
        return code;
    }
    err = sql_commit(d->db);
    if (err != 0)
        return not_saved(err);
    return print_set(d->db, name, o->json);
}

static int run_verb(const struct device *d, const struct device_options *o)
{
    const char *verb = o->rest_n > 0 ? o->rest[0] : "";

    if (strcmp(verb, "list") == 0)
        return list(d, o);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        if (strcmp(verb, changes[i].verb) != 0)
            continue;
        if (o->rest_n != 3 || !id_is_valid(o->rest[1], strlen(o->rest[1])))
            return fail(EXIT_USAGE, "%s takes a NAME (1 to %d of a-z 0-9 . _ -) and ID[,ID...]",
                        verb, ID_MAX);
        return apply(d, &changes[i], o);
    }
    return fail(EXIT_USAGE, "create, add, remove or list: which?");
}

int set_run(struct device_options *o)
{
    struct device d;
    int code = device_open(&d, o, 0);

    if (code == 0)
        code = run_verb(&d, o);
    device_close(&d);
    return code;
}
