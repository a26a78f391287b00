/*
 * bench_store.c - the store alone: packages enqueued, fetched and receipted a second, by size and
 * by how many wait for their answer at once. Every answer is on disk. Medians of several runs, in
 * the folder given (default: a new one beside the current one), since the disk is what is measured.
 *
 *     bench_store [FOLDER [RUNS]]
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cloudd/store.h"
#include "common/err.h"
#include "tests/bench/bench.h"

#define RUNS_MAX 25
#define NOW      1000000

struct load {
    struct store *store;
    uint8_t *body;
    size_t size, window, total, sent, answered, refused;
};

static double now_s(void)
{
    return bench_now_us() / 1e6;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

static struct store_op *new_op(enum store_kind kind, void (*done)(struct store_op *))
{
    struct store_op *op = store_op_new(kind, done);

    if (op == NULL)
        die("no memory");
    op->now = NOW;
    return op;
}

static void run(struct store *s, struct store_op *op)
{
    store_run(s, op);
    if (op->result != STORE_OK)
        die("an operation of the set-up was refused");
    store_op_free(op);
}

static void enrol(struct store *s, const char *id, uint8_t number)
{
    struct store_op *op = new_op(STORE_INVITE, NULL);

    memcpy(op->u.invite.id, id, strlen(id) + 1);
    op->u.invite.token_hash[0] = number;
    op->u.invite.expires = NOW + 1;
    run(s, op);
    op = new_op(STORE_DEVICE_ADD, NULL);
    memcpy(op->u.add.device.id, id, strlen(id) + 1);
    op->u.add.token_hash[0] = number;
    op->u.add.device.key[0] = number;
    op->u.add.scan_digest[0] = number;
    run(s, op);
}

static struct store *new_store(const char *folder, char *path, size_t size)
{
    struct store *s;
    char why[200];
    static unsigned serial;

    snprintf(path, size, "%s/bench-%ld-%u.db", folder, (long)getpid(), serial++);
    if (store_open(&s, path, why, sizeof(why)) != 0)
        die(why);
    enrol(s, "sender", 1);
    enrol(s, "receiver", 2);
    if (store_start(s) != 0)
        die("cannot start the writer");
    return s;
}

static void remove_store(const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-reserve"};
    char name[600];

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, tails[i]);
        unlink(name);
    }
}

static void answered(struct store_op *op)
{
    struct load *l = op->ctx;

    l->answered++;
    l->refused += op->result != STORE_OK;
    store_op_free(op);
}

static void send_package(struct load *l)
{
    struct store_op *op = new_op(STORE_ENQUEUE, answered);
    struct store_package *p = &op->u.enqueue.package;

    op->ctx = l;
    memcpy(p->from, "sender", 7);
    memcpy(p->to, "receiver", 9);
    p->index = l->sent;
    p->body.p = l->body;
    p->body.len = l->size;
    memcpy(op->u.enqueue.digest, &l->sent, sizeof(l->sent));
    op->u.enqueue.max_packages = UINT64_MAX;
    op->u.enqueue.max_bytes = UINT64_MAX;
    store_submit(l->store, op);
    l->sent++;
}

static void send_receipt(struct load *l)
{
    struct store_op *op = new_op(STORE_RECEIPT, answered);
    struct store_receipt *r = &op->u.receipt.receipt;

    op->ctx = l;
    op->u.receipt.row = l->sent + 1;
    memcpy(r->sender, "sender", 7);
    memcpy(r->receiver, "receiver", 9);
    r->index = l->sent;
    r->status = RECEIPT_VERIFIED;
    store_submit(l->store, op);
    l->sent++;
}

static double rate(struct load *l, void (*send)(struct load *))
{
    struct pollfd bell = {.fd = store_notify_fd(l->store), .events = POLLIN};
    double start = now_s();

    l->sent = l->answered = l->refused = 0;
    while (l->answered < l->total) {
        while (l->sent < l->total && l->sent - l->answered < l->window)
            send(l);
        poll(&bell, 1, -1);
        store_complete(l->store);
    }
    if (l->refused != 0)
        die("an operation was refused");
    return (double)l->total / (now_s() - start);
}

static void fetched(struct store_op *op)
{
    struct load *l = op->ctx;

    l->answered += op->u.fetch.n;
    l->sent = op->u.fetch.n == 0 ? l->sent : op->u.fetch.v[op->u.fetch.n - 1].row;
    store_op_free(op);
}

/* The whole mailbox, 64 packages a call. */
static double fetch_rate(struct load *l)
{
    struct pollfd bell = {.fd = store_notify_fd(l->store), .events = POLLIN};
    double start = now_s();

    l->sent = l->answered = 0;
    while (l->answered < l->total) {
        struct store_op *op = new_op(STORE_FETCH, fetched);

        op->ctx = l;
        memcpy(op->u.fetch.to, "receiver", 9);
        op->u.fetch.after = l->sent;
        op->u.fetch.max_n = 64;
        op->u.fetch.max_bytes = 4u << 20;
        store_submit(l->store, op);
        poll(&bell, 1, -1);
        store_complete(l->store);
    }
    return (double)l->total / (now_s() - start);
}

static void bench(const char *folder, size_t size, size_t window, size_t total, size_t runs)
{
    double put[RUNS_MAX], get[RUNS_MAX], drop[RUNS_MAX];
    uint64_t commits = 0;
    char path[500];

    for (size_t i = 0; i < runs; i++) {
        struct load l = {.size = size, .window = window, .total = total};

        l.body = malloc(size);
        if (l.body == NULL)
            die("no memory");
        memset(l.body, 0x5a, size);
        l.store = new_store(folder, path, sizeof(path));
        commits = store_commits(l.store);
        put[i] = rate(&l, send_package);
        commits = store_commits(l.store) - commits;
        get[i] = fetch_rate(&l);
        drop[i] = rate(&l, send_receipt);
        store_close(l.store);
        remove_store(path);
        free(l.body);
    }
    printf("%8zu %8zu %12.0f %12.0f %12.0f %16.1f\n", size, window, bench_median(put, runs),
           bench_median(get, runs), bench_median(drop, runs), (double)total / (double)commits);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {256, 4096, 16384};
    char folder[] = "bench-store-XXXXXX";
    const char *where = argc > 1 ? argv[1] : mkdtemp(folder);
    size_t runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
    double load[1] = {0};

    if (where == NULL || runs < 1 || runs > RUNS_MAX)
        die("usage: bench_store [FOLDER [RUNS]]");
    getloadavg(load, 1);
    printf("store: operations a second, each on disk; medians of %zu runs; load %.2f\n", runs,
           load[0]);
    printf("%8s %8s %12s %12s %12s %16s\n", "bytes", "window", "enqueue", "fetch", "receipt",
           "packages/commit");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        bench(where, sizes[i], 1, 500, runs);
        bench(where, sizes[i], 100, 10000, runs);
    }
    if (argc <= 1)
        rmdir(folder);
    return 0;
}
