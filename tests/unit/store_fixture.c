/* store_fixture.c - a store in a folder of its own, and short ways to fill it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/err.h"
#include "tests/unit/store_fixture.h"

#include "common/sql/sql.h"

static void open_store(struct fix *f)
{
    char why[200];
    int err = store_open(&f->s, f->path, why, sizeof(why));

    if (err)
        fail_msg("store_open: %d, %s", err, why);
}

int fix_setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    snprintf(f->dir, sizeof(f->dir), "/tmp/test-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/cloud.db", f->dir);
    open_store(f);
    *state = f;
    return 0;
}

void fix_remove(const char *dir)
{
    char name[400];
    struct dirent *e;
    DIR *d = opendir(dir);

    while (d != NULL && (e = readdir(d)) != NULL) {
        snprintf(name, sizeof(name), "%s/%s", dir, e->d_name);
        unlink(name);
    }
    if (d != NULL)
        closedir(d);
    rmdir(dir);
}

int fix_teardown(void **state)
{
    struct fix *f = *state;

    store_close(f->s);
    fix_remove(f->dir);
    free(f);
    return 0;
}

void fix_reopen(struct fix *f)
{
    store_close(f->s);
    open_store(f);
}

void fix_disk_open(struct fix *f, unsigned mib)
{
    char options[40];

    memset(f, 0, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "/tmp/test-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(options, sizeof(options), "size=%um,mode=700", mib);
    if (mount("none", f->dir, "tmpfs", 0, options) != 0) {
        rmdir(f->dir);
        print_message("skipped: needs the right to mount a small disk\n");
        skip();
    }
    snprintf(f->path, sizeof(f->path), "%s/cloud.db", f->dir);
    open_store(f);
}

void fix_disk_close(struct fix *f)
{
    store_close(f->s);
    umount(f->dir);
    rmdir(f->dir);
}

struct store_op *fix_op(enum store_kind kind)
{
    struct store_op *op = store_op_new(kind, NULL);

    assert_non_null(op);
    op->now = FIX_NOW;
    return op;
}

struct store_op *fix_run(struct store *s, struct store_op *op, enum store_result result,
                         unsigned reason)
{
    store_run(s, op);
    if (op->result != result || op->reason != reason)
        fail_msg("kind %d: result %d with %s, wanted %d with %s", (int)op->kind, (int)op->result,
                 reason_name(op->reason), (int)result, reason_name(reason));
    return op;
}

void fix_free(struct store_op *op)
{
    if (op->kind == STORE_ENQUEUE)
        free(op->ctx);
    store_op_free(op);
}

void fix_expect(struct store *s, struct store_op *op, enum store_result result, unsigned reason)
{
    fix_free(fix_run(s, op, result, reason));
}

static void set_id(char *out, const char *id)
{
    snprintf(out, ID_MAX + 1, "%s", id);
}

struct store_op *fix_invite(const char *id, uint8_t token)
{
    struct store_op *op = fix_op(STORE_INVITE);

    set_id(op->u.invite.id, id);
    memset(op->u.invite.token_hash, token, DIGEST_BYTES);
    op->u.invite.expires = FIX_NOW + 3600;
    return op;
}

struct store_op *fix_add(const char *id, uint8_t token, uint8_t key, uint8_t scan)
{
    static uint8_t record[] = {1, 2, 3};
    struct store_op *op = fix_op(STORE_DEVICE_ADD);

    set_id(op->u.add.device.id, id);
    memset(op->u.add.device.key, key, KEY_BYTES);
    memset(op->u.add.token_hash, token, DIGEST_BYTES);
    memset(op->u.add.scan_digest, scan, DIGEST_BYTES);
    op->u.add.device.offer.profiles = (struct list){1, {1}};
    op->u.add.device.offer.suites = (struct list){1, {1}};
    op->u.add.device.offer.codecs = (struct list){2, {2, 1}};
    op->u.add.sealed = (struct store_bytes){record, sizeof(record)};
    return op;
}

struct store_op *fix_reserve(const char *id, uint8_t token, uint8_t key)
{
    struct store_op *op = fix_op(STORE_TOKEN_RESERVE);

    set_id(op->u.token.id, id);
    memset(op->u.token.token_hash, token, DIGEST_BYTES);
    memset(op->u.token.key, key, KEY_BYTES);
    return op;
}

struct store_op *fix_revoke(const char *id)
{
    struct store_op *op = fix_op(STORE_DEVICE_REVOKE);

    set_id(op->u.revoke.id, id);
    return op;
}

uint64_t fix_enrol(struct store *s, const char *id, uint8_t number)
{
    struct store_op *op;
    uint64_t enrolment;

    fix_expect(s, fix_invite(id, number), STORE_OK, REASON_NONE);
    op = fix_run(s, fix_add(id, number, number, number), STORE_OK, REASON_NONE);
    enrolment = op->u.add.device.enrolment;
    store_op_free(op);
    return enrolment;
}

struct store_op *fix_enqueue(const char *from, const char *to, uint64_t index, size_t len,
                             uint8_t variant)
{
    struct store_op *op = fix_op(STORE_ENQUEUE);
    struct store_package *p = &op->u.enqueue.package;

    set_id(p->from, from);
    set_id(p->to, to);
    memset(p->session, 7, SESSION_ID_BYTES);
    p->index = index;
    p->seq = index + 1;
    p->body.p = malloc(len + 1);
    assert_non_null(p->body.p);
    for (size_t i = 0; i < len; i++)
        p->body.p[i] = (uint8_t)(i * 31 + index * 7 + variant);
    p->body.len = len;
    op->ctx = p->body.p;
    memcpy(op->u.enqueue.digest, &index, sizeof(index));
    op->u.enqueue.digest[31] = variant;
    op->u.enqueue.max_packages = 1000000;
    op->u.enqueue.max_bytes = UINT64_C(1) << 40;
    return op;
}

struct store_op *fix_fetch(const char *to, uint64_t after)
{
    struct store_op *op = fix_op(STORE_FETCH);

    set_id(op->u.fetch.to, to);
    op->u.fetch.after = after;
    op->u.fetch.max_n = 100000;
    op->u.fetch.max_bytes = SIZE_MAX;
    return op;
}

struct store_op *fix_receipt(uint64_t row, const char *from, const char *to, uint64_t index,
                             uint8_t status)
{
    struct store_op *op = fix_op(STORE_RECEIPT);
    struct store_receipt *r = &op->u.receipt.receipt;

    op->u.receipt.row = row;
    set_id(r->sender, from);
    set_id(r->receiver, to);
    memset(r->session, 7, SESSION_ID_BYTES);
    r->index = index;
    r->status = status;
    memcpy(r->digest, &index, sizeof(index));
    memset(r->mac, 9, MAC_BYTES);
    return op;
}

struct store_op *fix_receipts(const char *sender, uint64_t after)
{
    struct store_op *op = fix_op(STORE_RECEIPT_LIST);

    set_id(op->u.receipts.sender, sender);
    op->u.receipts.after = after;
    op->u.receipts.max_n = 100000;
    return op;
}

uint64_t fix_mailbox(struct store *s, const char *id, uint64_t *bytes)
{
    struct store_op *op = fix_run(s, fix_op(STORE_MAILBOXES), STORE_OK, REASON_NONE);
    uint64_t packages = UINT64_MAX;

    for (size_t i = 0; i < op->u.mailboxes.n; i++)
        if (strcmp(op->u.mailboxes.v[i].id, id) == 0) {
            packages = op->u.mailboxes.v[i].packages;
            if (bytes != NULL)
                *bytes = op->u.mailboxes.v[i].bytes;
        }
    store_op_free(op);
    return packages;
}

int64_t fix_ask(const struct fix *f, const char *text)
{
    struct sql_query q;
    struct sql *db;
    int64_t v = -1;

    assert_int_equal(sql_open(&db, f->path, NULL, 0), 0);
    sql_ask(&q, db, text);
    if (sql_row(&q))
        v = sql_get_i64(&q);
    assert_int_equal(sql_end(&q), 0);
    sql_close(db);
    return v;
}
