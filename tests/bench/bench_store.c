/*
 * bench_store.c - the store alone: packages enqueued, fetched and receipted a second, by size and
 * by how many wait for their answer at once; and what it costs to keep them after that (--retain).
 * Every answer is on disk. Medians of several runs, in the folder given (default: a new one beside
 * the current one), since the disk is what is measured.
 *
 *     bench_store [FOLDER [RUNS]]
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloudd/store.h"
#include "common/err.h"
#include "tests/bench/bench.h"

#define RUNS_MAX 25
#define NOW      1000000
#define BATCH    100 /* packages that come and go together, of those that are kept */
#define BATCHES  50

struct load {
    struct store *store;
    uint8_t *body;
    size_t size, window, total, sent, answered, refused;
    size_t first; /* index of the first package of this batch */
    int keep;     /* as with --retain */
    int elided;   /* receipted before they are written */
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
    if (op->kind == STORE_ENQUEUE)
        free(op->u.enqueue.handover);
    store_op_free(op);
}

static void name_receipt(struct store_receipt *r, uint64_t index)
{
    memcpy(r->sender, "sender", 7);
    memcpy(r->receiver, "receiver", 9);
    r->index = index;
    r->status = RECEIPT_VERIFIED;
}

/* As one that was handed on and receipted while it waited to be written. */
static struct store_handover *receipted_handover(uint64_t index)
{
    struct store_handover *h = calloc(1, sizeof(*h));

    if (h == NULL)
        die("no memory");
    name_receipt(&h->receipt, index);
    atomic_store(&h->receipted, 1);
    return h;
}

static void send_package(struct load *l)
{
    struct store_op *op = new_op(STORE_ENQUEUE, answered);
    struct store_package *p = &op->u.enqueue.package;

    op->ctx = l;
    memcpy(p->from, "sender", 7);
    memcpy(p->to, "receiver", 9);
    p->index = l->first + l->sent;
    p->body.p = l->body;
    p->body.len = l->size;
    memcpy(op->u.enqueue.digest, &p->index, sizeof(p->index));
    op->u.enqueue.keep = l->keep;
    if (l->elided)
        op->u.enqueue.handover = receipted_handover(p->index);
    op->u.enqueue.max_packages = UINT64_MAX;
    op->u.enqueue.max_bytes = UINT64_MAX;
    store_submit(l->store, op);
    l->sent++;
}

static void send_receipt(struct load *l)
{
    struct store_op *op = new_op(STORE_RECEIPT, answered);

    op->ctx = l;
    op->u.receipt.row = l->first + l->sent + 1;
    op->u.receipt.keep = l->keep;
    name_receipt(&op->u.receipt.receipt, l->first + l->sent);
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

/* Packages a second that come and are receipted, a batch at a time; *bytes of the store's file for
 * each when all have gone. */
static double flow(const char *folder, struct load *l, double *bytes)
{
    struct stat st;
    char path[500];
    double start;

    l->store = new_store(folder, path, sizeof(path));
    start = now_s();
    for (l->first = 0; l->first < BATCHES * BATCH; l->first += BATCH) {
        rate(l, send_package);
        if (!l->elided)
            rate(l, send_receipt);
    }
    start = now_s() - start;
    store_close(l->store);
    if (stat(path, &st) != 0)
        die("the store has no file");
    *bytes = (double)st.st_size / (BATCHES * BATCH);
    remove_store(path);
    return BATCHES * BATCH / start;
}

/* Without and with keeping, in turn. */
static void bench_keep(const char *folder, size_t size, int elided, size_t runs)
{
    struct load l = {.size = size, .window = BATCH, .total = BATCH, .elided = elided};
    double per_s[2][RUNS_MAX], bytes[2][RUNS_MAX], without;

    l.body = malloc(size);
    if (l.body == NULL)
        die("no memory");
    memset(l.body, 0x5a, size);
    for (size_t i = 0; i < 2 * runs; i++) {
        l.keep = i % 2;
        per_s[i % 2][i / 2] = flow(folder, &l, &bytes[i % 2][i / 2]);
    }
    without = bench_median(per_s[0], runs);
    printf("%8zu %-14s %12.0f %12.0f %8.2f %14.0f %12.0f\n", size,
           elided ? "on its way" : "in the mailbox", without, bench_median(per_s[1], runs),
           bench_median(per_s[1], runs) / without, bench_median(bytes[0], runs),
           bench_median(bytes[1], runs));
    fflush(stdout);
    free(l.body);
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
    printf("\nkept: packages a second, each enqueued and receipted, and bytes of the file for each "
           "when all are\n");
    printf("%8s %-14s %12s %12s %8s %14s %12s\n", "bytes", "receipted", "without", "--retain",
           "ratio", "file, without", "--retain");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        bench_keep(where, sizes[i], 0, runs);
        bench_keep(where, sizes[i], 1, runs);
    }
    if (argc <= 1)
        rmdir(folder);
    return 0;
}
