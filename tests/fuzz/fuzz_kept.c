/*
 * fuzz_kept.c - what a cloud says it kept: any bytes are judged without an error, and are this
 * device's only if they are those on its record. What decodes gets such a record, and then a bit of
 * it is flipped. The first byte says whether it came as a package to a set and picks the bit.
 */
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/agent/history.h"
#include "common/profile.h"
#include "common/session.h"
#include "common/set.h"

#define RECORDED "the text on record"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct home home = {.lock_fd = -1};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_home(void)
{
    nftw(home.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A device's state, without records. */
static struct sql *state(void)
{
    static struct sql *db;
    char why[WHY_MAX];

    if (db != NULL)
        return db;
    snprintf(home.dir, sizeof(home.dir), "/tmp/fuzz-kept-XXXXXX");
    if (sodium_init() < 0 || mkdtemp(home.dir) == NULL)
        abort();
    atexit(remove_home);
    if (state_open(&db, &home, why, sizeof(why)) != 0)
        abort();
    return db;
}

static void judge(struct kept *k, const char *from, const struct msg_kept *m)
{
    if (kept_judge(k, state(), from, m) != 0)
        abort();
}

static void must_be(enum kept_kind kind, const char *from, const struct msg_kept *m)
{
    struct kept k;

    judge(&k, from, m);
    if (k.kind != kind)
        abort();
    kept_free(&k);
}

static void get_digest(uint8_t digest[DIGEST_BYTES], const struct msg_kept *m)
{
    struct set_shared shared;
    struct msg decoded;

    if (m->type != MSG_PACKAGE_SHARED) {
        package_digest(digest, m->package.p, m->package.len);
        return;
    }
    if (msg_decode(&decoded, MSG_PACKAGE_SHARED, m->package.p, m->package.len) != 0 ||
        set_shared_parse(&shared, &decoded.u.package_shared) != 0)
        abort();
    memcpy(digest, shared.digest, DIGEST_BYTES);
}

/* As if it had been verified when it came. */
static int put_record(const struct msg_package *p, const struct msg_kept *m)
{
    const struct blob text = {(const uint8_t *)RECORDED, strlen(RECORDED)};
    struct inbox_record r = {
        .peer = "alice", .index = p->index, .seq = p->seq, .profile = p->profile};
    int64_t id;

    memcpy(r.session, p->session, sizeof(r.session));
    get_digest(r.digest, m);
    return inbox_put(state(), &r, &text, &id);
}

/* The package's own text where it travelled in clear, else that on record. */
static void has_its_text(const struct msg_kept *m)
{
    const struct profile *profile;
    struct blob want;
    struct kept k;

    judge(&k, "alice", m);
    if (k.kind != KEPT_OURS)
        abort();
    profile = profile_find(k.m.u.package.profile);
    want = k.m.u.package.message;
    if (profile == NULL || profile->field_bytes != NULL)
        want = (struct blob){(const uint8_t *)RECORDED, strlen(RECORDED)};
    if (k.record.bytes != want.len ||
        (want.len > 0 && memcmp(k.record.message, want.p, want.len) != 0))
        abort();
    kept_free(&k);
}

static void is_not_ours(const struct msg_kept *m, uint8_t choice)
{
    size_t at = m->package.len * choice / 256;
    uint8_t *copy = malloc(m->package.len);
    struct msg_kept flipped = *m;
    struct kept k;

    if (copy == NULL)
        abort();
    memcpy(copy, m->package.p, m->package.len);
    copy[at] ^= (uint8_t)(1u << choice % 8);
    flipped.package.p = copy;
    judge(&k, "alice", &flipped);
    if (k.kind == KEPT_OURS || k.kind == KEPT_FOREIGN)
        abort();
    kept_free(&k);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msg_kept m = {.number = 1};
    struct kept k;

    if (size < 1)
        return 0;
    m.type = data[0] & 1 ? MSG_PACKAGE_SHARED : MSG_PACKAGE;
    m.package = (struct blob){data + 1, size - 1};
    judge(&k, "alice", &m);
    if (k.kind != KEPT_UNREADABLE && k.kind != KEPT_UNKNOWN)
        abort();
    if (k.kind == KEPT_UNKNOWN && sql_begin(state(), SQL_WRITE_SOON) == 0) {
        if (put_record(&k.m.u.package, &m) == 0) {
            has_its_text(&m);
            must_be(KEPT_FOREIGN, "carol", &m);
            is_not_ours(&m, data[0]);
        }
        sql_rollback(state());
    }
    kept_free(&k);
    return 0;
}
