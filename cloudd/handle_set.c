/*
 * handle_set.c - a message to a set: checked once, then a package for each member, all with one
 * common part. Each member's package is answered for itself, as if it had come alone.
 */
#include <stdlib.h>
#include <string.h>

#include "cloudd/handle.h"
#include "cloudd/handle_package.h"
#include "common/err.h"
#include "common/profile.h"
#include "common/session.h"
#include "common/set.h"

/* Is it one of the first n? */
static int is_among(char ids[SET_MAX][ID_MAX + 1], size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(ids[i], id) == 0)
            return 1;
    return 0;
}

/* The table, read whole before anything of it is done: 1..SET_MAX members, each once. */
static int check_table(const struct blob *members)
{
    char seen[SET_MAX][ID_MAX + 1];
    struct msg_set_member m;
    struct blob part;
    struct rbuf r;
    size_t n = 0;

    rbuf_init(&r, members->p, members->len);
    while (n < SET_MAX && r.left > 0) {
        if (set_table_next(&r, &part, &m) != 0 || is_among(seen, n, m.to))
            return ERR_MALFORMED;
        memcpy(seen[n++], m.to, sizeof(m.to));
    }
    return n == 0 ? ERR_MALFORMED : rbuf_end(&r);
}

static void name_of(struct store_package *name, const struct conn *c,
                    const struct msg_set_member *m)
{
    memset(name, 0, sizeof(*name));
    memcpy(name->from, c->id, sizeof(name->from));
    memcpy(name->to, m->to, sizeof(name->to));
    memcpy(name->session, m->session, SESSION_ID_BYTES);
    name->direction = m->direction;
    name->index = m->index;
    name->seq = m->seq;
}

/* Is the common part one that is taken here, for whichever member? */
static unsigned check_common(const struct conn *c, const struct msg_package *p)
{
    const struct profile *profile = profile_find(p->profile);

    if (profile != NULL && profile->set_key == NULL)
        return REASON_MALFORMED;
    return package_check(c, p);
}

static struct store_common *keep_common(const struct blob *body)
{
    struct store_common *common = calloc(1, sizeof(*common));

    if (common == NULL)
        return NULL;
    common->users = 1;
    common->p = malloc(body->len);
    if (common->p == NULL) {
        free(common);
        return NULL;
    }
    memcpy(common->p, body->p, body->len);
    common->len = body->len;
    package_digest(common->digest, body->p, body->len);
    return common;
}

/* Every member of the checked table: refused for the reason, or with REASON_NONE taken. */
static void each_member(struct conn *c, const struct blob *members, unsigned reason,
                        struct store_common *common)
{
    struct package_bytes b = {.common = common, .carries_common = 1};
    struct store_package name;
    struct msg_set_member m;
    struct rbuf r;

    rbuf_init(&r, members->p, members->len);
    while (c->state == CONN_SEND && r.left > 0 && set_table_next(&r, &b.body, &m) == 0) {
        name_of(&name, c, &m);
        if (reason != REASON_NONE || m.direction != 0) {
            package_refuse(c, &name, reason != REASON_NONE ? reason : REASON_MALFORMED);
            continue;
        }
        set_digest(b.digest, &b.body, common->digest);
        if (package_take(c, &name, &b))
            b.carries_common = 0;
    }
}

void handle_set_package(struct conn *c, const struct msg *m, const struct blob *body)
{
    const struct msg_set_package *set = &m->u.set_package;
    struct store_common *common = NULL;
    struct msg parsed;
    unsigned reason;

    (void)body;
    if (check_table(&set->members) != 0 || set_common_parse(&parsed, &set->common) != 0) {
        conn_close(c, REASON_MALFORMED);
        return;
    }
    reason = check_common(c, &parsed.u.package);
    if (reason == REASON_NONE) {
        common = keep_common(&set->common);
        if (common == NULL) {
            conn_drop(c);
            return;
        }
    }
    each_member(c, &set->members, reason, common);
    package_common_release(common);
}
