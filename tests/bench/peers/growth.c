/*
 * growth.c - how the store's costs grow: N devices are registered, nine of them have Q packages
 * waiting. The file is filled through the writer's thread; then single operations are timed on this
 * thread, each in a transaction of its own, and a stream of them with 100 waiting at once.
 *
 *     growth FOLDER DEVICES PACKAGES BYTES ROUNDS
 */
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloudd/store.h"
#include "tests/bench/bench.h"

#define NOW       1000000
#define WINDOW    100
#define MAILBOXES 9
#define PAGE      64 /* packages of one fetch, as cloudd asks for them */

struct bench {
    struct store *store;
    char path[512];
    size_t devices, packages, bytes, rounds;
    uint8_t *body;
    size_t sent, answered;
};

static void die(const char *what)
{
    fprintf(stderr, "growth: %s\n", what);
    exit(1);
}

static void key_of(uint8_t key[KEY_BYTES], size_t number)
{
    crypto_generichash(key, KEY_BYTES, (const uint8_t *)&number, sizeof(number), NULL, 0);
}

static void id_of(char id[ID_MAX + 1], size_t number)
{
    snprintf(id, ID_MAX + 1, "device-%06zu", number);
}

static struct store_op *new_op(enum store_kind kind, void (*done)(struct store_op *), void *ctx)
{
    struct store_op *op = store_op_new(kind, done);

    if (op == NULL)
        die("no memory");
    op->now = NOW;
    op->ctx = ctx;
    return op;
}

static void answered(struct store_op *op)
{
    struct bench *b = op->ctx;

    if (op->result != STORE_OK)
        die("an operation was refused");
    b->answered++;
    store_op_free(op);
}

/* ---- the operations ---- */

static struct store_op *invite(struct bench *b, size_t i)
{
    struct store_op *op = new_op(STORE_INVITE, answered, b);

    id_of(op->u.invite.id, i);
    key_of(op->u.invite.token_hash, i);
    op->u.invite.expires = NOW + 1;
    return op;
}

static struct store_op *add(struct bench *b, size_t i)
{
    static uint8_t record[4096]; /* a small scan, sealed */
    struct store_op *op = new_op(STORE_DEVICE_ADD, answered, b);

    id_of(op->u.add.device.id, i);
    key_of(op->u.add.device.key, i);
    key_of(op->u.add.token_hash, i);
    key_of(op->u.add.scan_digest, i);
    offer_local(&op->u.add.device.offer, 0);
    op->u.add.sealed = (struct store_bytes){record, sizeof(record)};
    return op;
}

/* Package i: the mailboxes in turn, from a device that is none of them. */
static struct store_op *enqueue(struct bench *b, size_t i)
{
    struct store_op *op = new_op(STORE_ENQUEUE, answered, b);
    struct store_package *p = &op->u.enqueue.package;

    id_of(p->from, MAILBOXES);
    id_of(p->to, i % MAILBOXES);
    p->index = i / MAILBOXES;
    p->seq = p->index + 1;
    p->body = (struct store_bytes){b->body, b->bytes};
    memcpy(op->u.enqueue.digest, &i, sizeof(i));
    op->u.enqueue.max_packages = op->u.enqueue.max_bytes = UINT64_MAX;
    return op;
}

/* Of package i, whose row follows from its order. */
static struct store_op *receipt(struct bench *b, size_t i)
{
    struct store_op *op = new_op(STORE_RECEIPT, answered, b);
    struct store_receipt *r = &op->u.receipt.receipt;

    op->u.receipt.row = i + 1;
    id_of(r->sender, MAILBOXES);
    id_of(r->receiver, i % MAILBOXES);
    r->index = i / MAILBOXES;
    r->status = RECEIPT_VERIFIED;
    return op;
}

static struct store_op *attach(struct bench *b, size_t i)
{
    struct store_op *op = new_op(STORE_DEVICE_ATTACH, answered, b);

    id_of(op->u.device.id, i % b->devices);
    key_of(op->u.device.key, i % b->devices);
    offer_local(&op->u.device.offer, 0);
    return op;
}

static struct store_op *fetch(struct bench *b, size_t i)
{
    struct store_op *op = new_op(STORE_FETCH, answered, b);

    id_of(op->u.fetch.to, i % MAILBOXES);
    op->u.fetch.max_n = PAGE;
    op->u.fetch.max_bytes = SIZE_MAX;
    return op;
}

typedef struct store_op *make_op(struct bench *b, size_t i);

/* ---- timing ---- */

static void open_store(struct bench *b, int start)
{
    char why[200] = "";

    if (store_open(&b->store, b->path, why, sizeof(why)) != 0)
        die(why);
    if (start && store_start(b->store) != 0)
        die("cannot start the writer");
}

/* Operations first..first+n-1 with WINDOW under way; us for each. */
static double streamed(struct bench *b, make_op *make, size_t first, size_t n)
{
    struct pollfd bell = {.fd = store_notify_fd(b->store), .events = POLLIN};
    double start = bench_now_us();

    b->sent = b->answered = 0;
    while (b->answered < n) {
        while (b->sent < n && b->sent - b->answered < WINDOW)
            store_submit(b->store, make(b, first + b->sent++));
        poll(&bell, 1, -1);
        store_complete(b->store);
    }
    return n > 0 ? (bench_now_us() - start) / (double)n : 0;
}

/* The median of single operations on this thread, us. */
static double single(struct bench *b, make_op *make, size_t first)
{
    double *us = calloc(b->rounds, sizeof(*us)), median;

    if (us == NULL)
        die("no memory");
    for (size_t i = 0; i < b->rounds; i++) {
        struct store_op *op = make(b, first + i);
        double start = bench_now_us();

        store_run(b->store, op);
        us[i] = bench_now_us() - start;
        answered(op);
    }
    median = bench_median(us, b->rounds);
    free(us);
    return median;
}

/* Scattered over the registered devices. */
static struct store_op *attach_any(struct bench *b, size_t i)
{
    return attach(b, i * 7919);
}

static double file_mib(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        die("no store");
    return (double)st.st_size / 1048576;
}

static void measure(struct bench *b)
{
    size_t queued = b->packages * MAILBOXES, n = b->rounds * 10;
    double enrol, one_attach, one_fetch, one_put, one_receipt, put, drop, mib;

    open_store(b, 1);
    streamed(b, invite, 0, b->devices);
    enrol = streamed(b, add, 0, b->devices);
    streamed(b, enqueue, 0, queued);
    store_close(b->store);
    mib = file_mib(b->path);
    open_store(b, 0);
    one_attach = single(b, attach_any, 0);
    one_fetch = single(b, fetch, 0);
    one_put = single(b, enqueue, queued);
    one_receipt = single(b, receipt, queued);
    store_close(b->store);
    open_store(b, 1);
    put = streamed(b, enqueue, queued + b->rounds, n);
    drop = streamed(b, receipt, queued + b->rounds, n);
    store_close(b->store);
    printf("devices %zu packages %zu enrol %.1f attach %.1f fetch %.1f put_one %.1f "
           "receipt_one %.1f put %.1f receipt %.1f mib %.2f\n",
           b->devices, b->packages, enrol, one_attach, one_fetch, one_put, one_receipt, put, drop,
           mib);
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

int main(int argc, char **argv)
{
    struct bench b = {0};

    if (argc != 6 || sodium_init() < 0)
        die("usage: growth FOLDER DEVICES PACKAGES BYTES ROUNDS");
    snprintf(b.path, sizeof(b.path), "%s/growth-%ld.db", argv[1], (long)getpid());
    b.devices = strtoul(argv[2], NULL, 10);
    b.packages = strtoul(argv[3], NULL, 10);
    b.bytes = strtoul(argv[4], NULL, 10);
    b.rounds = strtoul(argv[5], NULL, 10);
    if (b.devices <= MAILBOXES || b.bytes < 1 || b.rounds < 1)
        die("more devices than mailboxes are wanted, and packages with something in them");
    b.body = calloc(b.bytes, 1);
    if (b.body == NULL)
        die("no memory");
    memset(b.body, 0x5a, b.bytes);
    measure(&b);
    remove_store(b.path);
    free(b.body);
    return 0;
}
