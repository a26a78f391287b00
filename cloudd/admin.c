/* admin.c - each command is one operation of the store and a way to print it. */
#include "cloudd/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "cloudd/token.h"
#include "common/err.h"
#include "common/profile.h"
#include "common/session.h"
#include "common/suite.h"
#include "common/text.h"

#define TIME_CHARS 32

/* UTC, to the second; "-" for 0. */
static void time_text(char out[TIME_CHARS], int64_t t)
{
    time_t when = (time_t)t;
    struct tm tm;

    if (t == 0 || gmtime_r(&when, &tm) == NULL ||
        strftime(out, TIME_CHARS, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        text_copy(out, TIME_CHARS, "-");
}

static void json_id(const char *name, const char *id)
{
    printf("\"%s\":", name);
    text_json(stdout, id, strlen(id));
}

static const char *profile_name(uint8_t id)
{
    const struct profile *p = profile_find(id);

    return p != NULL ? p->name : NULL;
}

static const char *suite_name(uint8_t id)
{
    const struct suite *s = suite_find(id);

    return s != NULL ? s->name : NULL;
}

/* Numbers that have a name by that. */
static void print_list(const char *key, const struct list *l, const char *(*name_of)(uint8_t))
{
    printf(",\"%s\":[", key);
    for (size_t i = 0; i < l->n; i++) {
        const char *name = name_of(l->v[i]);

        if (name != NULL)
            printf("%s\"%s\"", i > 0 ? "," : "", name);
        else
            printf("%s%u", i > 0 ? "," : "", l->v[i]);
    }
    printf("]");
}

static void print_device(const struct store_device *d, int json)
{
    char fingerprint[FINGERPRINT_CHARS], key[2 * KEY_BYTES + 1], when[TIME_CHARS];

    key_fingerprint(fingerprint, d->key);
    text_hex(key, d->key, KEY_BYTES);
    time_text(when, d->enrolled_at);
    if (!json) {
        printf("%-24s %6" PRIu64 "  %s  %s%s\n", d->id, d->enrolment, fingerprint, when,
               d->revoked ? "  revoked" : "");
        return;
    }
    printf("{");
    json_id("id", d->id);
    printf(",\"enrolment\":%" PRIu64 ",\"key\":\"%s\",\"fingerprint\":\"%s\"", d->enrolment, key,
           fingerprint);
    printf(",\"enrolled_at\":%" PRId64 ",\"revoked\":%s", d->enrolled_at,
           d->revoked ? "true" : "false");
    print_list("profiles", &d->offer.profiles, profile_name);
    print_list("suites", &d->offer.suites, suite_name);
    printf("}\n");
}

static void print_stream(const struct store_stream *s, int json)
{
    char session[2 * SESSION_ID_BYTES + 1], when[TIME_CHARS];

    text_hex(session, s->session, SESSION_ID_BYTES);
    time_text(when, s->used_at);
    if (!json) {
        printf("%-24s %-24s %.16s  %8" PRIu64 " packages  %s\n", s->from, s->to, session, s->next,
               when);
        return;
    }
    printf("{");
    json_id("from", s->from);
    printf(",");
    json_id("to", s->to);
    printf(",\"session\":\"%s\",\"next\":%" PRIu64 ",\"used_at\":%" PRId64 "}\n", session, s->next,
           s->used_at);
}

static void print_mailbox(const struct store_mailbox *m, int json)
{
    char when[TIME_CHARS];

    time_text(when, m->oldest);
    if (!json) {
        printf("%-24s %8" PRIu64 " packages  %12" PRIu64 " bytes  oldest %s", m->id, m->packages,
               m->bytes, when);
        if (m->kept_packages > 0)
            printf("  kept %" PRIu64 " packages  %" PRIu64 " bytes", m->kept_packages,
                   m->kept_bytes);
        printf("\n");
        return;
    }
    printf("{");
    json_id("id", m->id);
    printf(",\"packages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"oldest\":%" PRId64, m->packages,
           m->bytes, m->oldest);
    printf(",\"kept_packages\":%" PRIu64 ",\"kept_bytes\":%" PRIu64 "}\n", m->kept_packages,
           m->kept_bytes);
}

/* The exit status for an operation's result, with a sentence when it is not EXIT_DONE. */
static int status_of(const struct store_op *op, const char *what, char *why, size_t why_len)
{
    unsigned reason = op->reason != REASON_NONE ? op->reason : REASON_STORAGE;

    switch (op->result) {
    case STORE_OK:
    case STORE_ALREADY:
        return EXIT_DONE;
    case STORE_CONFLICT:
    case STORE_NOTFOUND:
        say(why, why_len, 0, "%s: %s", what, reason_text(reason));
        return EXIT_REJECTED;
    case STORE_FULL:
    case STORE_UNSURE:
        say(why, why_len, 0, "%s: %s", what, reason_text(reason));
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

static int invite(const struct options *o, struct store *store, struct store_op *op, char *why,
                  size_t why_len)
{
    uint8_t token[TOKEN_BYTES];
    char hex[2 * TOKEN_BYTES + 1];
    int status;

    randombytes_buf(token, sizeof(token));
    memcpy(op->u.invite.id, o->id, strlen(o->id) + 1);
    token_hash(op->u.invite.token_hash, token);
    op->u.invite.expires = op->now + (int64_t)o->ttl;
    store_run(store, op);
    status = status_of(op, o->id, why, why_len);
    text_hex(hex, token, sizeof(token));
    if (status == EXIT_DONE)
        printf("token %s\n", hex);
    sodium_memzero(token, sizeof(token));
    sodium_memzero(hex, sizeof(hex));
    return status;
}

static int revoke(const struct options *o, struct store *store, struct store_op *op, char *why,
                  size_t why_len)
{
    memcpy(op->u.revoke.id, o->id, strlen(o->id) + 1);
    store_run(store, op);
    return status_of(op, o->id, why, why_len);
}

static int list(const struct options *o, struct store *store, struct store_op *op, char *why,
                size_t why_len)
{
    int status;

    store_run(store, op);
    status = status_of(op, "the store", why, why_len);
    if (status != EXIT_DONE)
        return status;
    if (op->kind == STORE_DEVICE_LIST)
        for (size_t i = 0; i < op->u.devices.n; i++)
            print_device(&op->u.devices.v[i], o->json);
    else if (op->kind == STORE_SESSIONS)
        for (size_t i = 0; i < op->u.sessions.n; i++)
            print_stream(&op->u.sessions.v[i], o->json);
    else
        for (size_t i = 0; i < op->u.mailboxes.n; i++)
            print_mailbox(&op->u.mailboxes.v[i], o->json);
    return EXIT_DONE;
}

static const struct {
    enum command command;
    enum store_kind kind;
    int (*run)(const struct options *o, struct store *store, struct store_op *op, char *why,
               size_t why_len);
} rows[] = {
    {CMD_INVITE, STORE_INVITE, invite},     {CMD_REVOKE, STORE_DEVICE_REVOKE, revoke},
    {CMD_DEVICES, STORE_DEVICE_LIST, list}, {CMD_SESSIONS, STORE_SESSIONS, list},
    {CMD_MAILBOX, STORE_MAILBOXES, list},
};

int admin_run(const struct options *o, struct store *store, char *why, size_t why_len)
{
    struct store_op *op;
    int status = EXIT_USAGE;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].command != o->command)
            continue;
        op = store_op_new(rows[i].kind, NULL);
        if (op == NULL) {
            say(why, why_len, ERR_NOMEM, "no memory");
            return EXIT_FAILED;
        }
        op->now = (int64_t)time(NULL);
        status = rows[i].run(o, store, op, why, why_len);
        store_op_free(op);
    }
    return status;
}
