/*
 * store_crash.c - the two halves of the test that kills the store at random instants.
 *
 *     store_crash write FILE SEED     enqueue packages until killed; one line on stdout for each
 *                                     that done() reported as written
 *     store_crash check FILE SEED LOG every package of the log is there exactly once, in order and
 *                                     with its bytes; exit 1 when not
 *
 * The content of package n follows from the seed and n, so that nothing but the log is kept between
 * the two. Now and then the writer receipts its oldest packages, which then must be gone from those
 * that wait and stand among those that are kept.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cloudd/store.h"
#include "common/err.h"
#include "common/kdf.h"

#define NOW      1000000
#define WINDOW   100
#define BODY_MAX 20000

static uint64_t seed;
static size_t waiting;

static void die(const char *what)
{
    fprintf(stderr, "store_crash: %s\n", what);
    exit(1);
}

/* Fill body (BODY_MAX bytes) with package n; returns its length, which varies too. */
static size_t make_body(uint8_t *body, uint64_t n)
{
    uint8_t block[64];
    struct kdf k;
    size_t len;

    kdf_init(&k, NULL, 0, "inkpost test package", sizeof(block));
    kdf_u64(&k, seed);
    kdf_u64(&k, n);
    kdf_final(&k, block, sizeof(block));
    len = ((size_t)block[0] * 256 + block[1]) % (BODY_MAX + 1);
    for (size_t i = 0; i < len; i++)
        body[i] = (uint8_t)(block[i % 64] + i / 64);
    return len;
}

static struct store_op *new_op(enum store_kind kind, void (*done)(struct store_op *))
{
    struct store_op *op = store_op_new(kind, done);

    if (op == NULL)
        die("no memory");
    op->now = NOW;
    return op;
}

static void enrol(struct store *s, const char *id, uint8_t number)
{
    struct store_op *op = new_op(STORE_INVITE, NULL);

    memcpy(op->u.invite.id, id, strlen(id) + 1);
    op->u.invite.token_hash[0] = number;
    op->u.invite.expires = NOW + 1;
    store_run(s, op);
    store_op_free(op);
    op = new_op(STORE_DEVICE_ADD, NULL);
    memcpy(op->u.add.device.id, id, strlen(id) + 1);
    op->u.add.token_hash[0] = number;
    op->u.add.device.key[0] = number;
    op->u.add.scan_digest[0] = number;
    store_run(s, op);
    store_op_free(op);
}

static void report(const char *word, uint64_t n)
{
    char line[40];
    int len = snprintf(line, sizeof(line), "%s %llu\n", word, (unsigned long long)n);

    /* One write: a line is there or not, whenever the kill comes. */
    if (write(STDOUT_FILENO, line, (size_t)len) != len)
        exit(1);
}

static void enqueued(struct store_op *op)
{
    if (op->result != STORE_OK && op->result != STORE_ALREADY)
        die("an enqueue was refused");
    report("accepted", op->u.enqueue.package.index);
    free(op->u.enqueue.package.body.p);
    store_op_free(op);
    waiting--;
}

static void receipted(struct store_op *op)
{
    if (op->result != STORE_OK)
        die("a receipt was refused");
    report("receipted", op->u.receipt.receipt.index);
    store_op_free(op);
    waiting--;
}

static void send_package(struct store *s, uint64_t n)
{
    struct store_op *op = new_op(STORE_ENQUEUE, enqueued);
    struct store_package *p = &op->u.enqueue.package;

    memcpy(p->from, "sender", 7);
    memcpy(p->to, "receiver", 9);
    p->index = n;
    p->seq = n + 1;
    op->u.enqueue.keep = 1;
    p->body.p = malloc(BODY_MAX);
    if (p->body.p == NULL)
        die("no memory");
    p->body.len = make_body(p->body.p, n);
    memcpy(op->u.enqueue.digest, &n, sizeof(n));
    op->u.enqueue.max_packages = UINT64_MAX;
    op->u.enqueue.max_bytes = UINT64_MAX;
    store_submit(s, op);
    waiting++;
}

/* Say before the asking which one is to go: after a kill it may be there or not. */
static void send_receipt(struct store *s, const struct store_package *p)
{
    struct store_op *op = new_op(STORE_RECEIPT, receipted);
    struct store_receipt *r = &op->u.receipt.receipt;

    report("receipting", p->index);
    op->u.receipt.row = p->row;
    op->u.receipt.keep = 1;
    memcpy(r->sender, p->from, sizeof(r->sender));
    memcpy(r->receiver, p->to, sizeof(r->receiver));
    r->index = p->index;
    r->status = RECEIPT_VERIFIED;
    store_submit(s, op);
    waiting++;
}

static void fetched(struct store_op *op)
{
    struct store *s = op->ctx;

    for (size_t i = 0; i < op->u.fetch.n; i++)
        send_receipt(s, &op->u.fetch.v[i]);
    store_op_free(op);
    waiting--;
}

static void receipt_oldest(struct store *s, size_t n)
{
    struct store_op *op = new_op(STORE_FETCH, fetched);

    op->ctx = s;
    memcpy(op->u.fetch.to, "receiver", 9);
    op->u.fetch.max_n = n;
    op->u.fetch.max_bytes = SIZE_MAX;
    store_submit(s, op);
    waiting++;
}

static void wait_until(struct store *s, size_t left)
{
    struct pollfd bell = {.fd = store_notify_fd(s), .events = POLLIN};

    while (waiting > left) {
        if (poll(&bell, 1, -1) < 0 && errno != EINTR)
            die("poll");
        store_complete(s);
    }
}

static _Noreturn void run_write(struct store *s)
{
    enrol(s, "sender", 1);
    enrol(s, "receiver", 2);
    if (store_start(s) != 0)
        die("cannot start");
    for (uint64_t n = 0;; n++) {
        wait_until(s, WINDOW - 1);
        send_package(s, n);
        if (n % 500 == 499) {
            wait_until(s, 0);
            receipt_oldest(s, 300);
            wait_until(s, 0);
        }
    }
}

struct log {
    uint64_t accepted;              /* packages 0 .. accepted - 1 were reported */
    uint64_t receipted, receipting; /* the same for receipts, sure and asked for */
};

static void read_log(const char *path, struct log *log)
{
    FILE *f = fopen(path, "r");
    unsigned long long n;
    char word[16];
    uint64_t *at;

    memset(log, 0, sizeof(*log));
    if (f == NULL)
        die("no log");
    while (fscanf(f, "%15s %llu", word, &n) == 2) {
        at = strcmp(word, "accepted") == 0    ? &log->accepted
             : strcmp(word, "receipted") == 0 ? &log->receipted
                                              : &log->receipting;
        if (n != *at)
            die("the log itself is out of order");
        *at = n + 1;
    }
    fclose(f);
}

static void check_package(const struct store_package *p)
{
    static uint8_t want[BODY_MAX];
    size_t len = make_body(want, p->index);

    if (p->body.len != len || (len > 0 && memcmp(p->body.p, want, len) != 0))
        die("a package has other bytes than were accepted");
}

/* Packages 0 .. n - 1, and no others, are kept. */
static void check_kept(struct store *s, uint64_t n)
{
    uint64_t after = 0, at = 0;
    int more = 1;

    while (more) {
        struct store_op *op = new_op(STORE_HISTORY, NULL);

        memcpy(op->u.history.from, "sender", 7);
        memcpy(op->u.history.to, "receiver", 9);
        op->u.history.after = after;
        op->u.history.max_n = 256;
        op->u.history.max_bytes = SIZE_MAX;
        store_run(s, op);
        for (size_t i = 0; i < op->u.history.n; i++, at++) {
            struct store_package *p = &op->u.history.v[i];

            p->index = at;
            if (p->seq != at + 1)
                die("a kept package is missing, doubled or out of order");
            check_package(p);
            after = p->row;
        }
        more = op->u.history.more;
        store_op_free(op);
    }
    if (at != n)
        die("not all that was receipted is kept, or more than that");
}

static int run_check(struct store *s, const char *path)
{
    struct store_op *op = new_op(STORE_FETCH, NULL);
    struct log log;
    uint64_t first, n;

    read_log(path, &log);
    memcpy(op->u.fetch.to, "receiver", 9);
    op->u.fetch.max_n = SIZE_MAX;
    op->u.fetch.max_bytes = SIZE_MAX;
    store_run(s, op);
    n = op->u.fetch.n;
    if (op->result != STORE_OK)
        die("cannot fetch");
    first = n == 0 ? log.accepted : op->u.fetch.v[0].index;
    for (size_t i = 0; i < n; i++) {
        if (op->u.fetch.v[i].index != first + i)
            die("a package is missing, doubled or out of order");
        check_package(&op->u.fetch.v[i]);
    }
    if (first < log.receipted || (first > log.receipting && first > log.receipted))
        die("what was receipted is there, or what was not is gone");
    if (first + n < log.accepted)
        die("an accepted package is lost");
    check_kept(s, first);
    printf("%llu accepted, %llu receipted, %llu stored, %llu more than reported\n",
           (unsigned long long)log.accepted, (unsigned long long)log.receipted,
           (unsigned long long)n, (unsigned long long)(first + n - log.accepted));
    store_op_free(op);
    return 0;
}

int main(int argc, char **argv)
{
    char why[200];
    struct store *s;
    int rc = 1;

    if (argc < 4)
        die("usage: store_crash write FILE SEED | check FILE SEED LOG");
    seed = strtoull(argv[3], NULL, 10);
    if (store_open(&s, argv[2], why, sizeof(why)) != 0)
        die(why);
    if (strcmp(argv[1], "write") == 0)
        run_write(s);
    else if (argc == 5)
        rc = run_check(s, argv[4]);
    store_close(s);
    return rc;
}
