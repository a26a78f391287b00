/*
 * cloud_crowd.c - many devices at once, for a look at what each costs the cloud.
 *
 *     cloud_crowd fill FILE CLOUD_KEY N            enrol N devices straight into the store FILE
 *     cloud_crowd hold HOST:PORT CLOUD_KEY N PID   attach N receivers, then print the memory of the
 *                                                  cloud's process PID for each of them, in bytes
 */
#include <sys/resource.h>

#include "cloudd/store.h"
#include "cloudd/token.h"
#include "tests/integration/cloud_packages.h"

static void run(struct store *s, struct store_op *op)
{
    CHECK(op != NULL);
    op->now = time(NULL);
    store_run(s, op);
    CHECK(op->result == STORE_OK || op->result == STORE_ALREADY);
    store_op_free(op);
}

static void fill_one(struct store *s, unsigned i)
{
    struct store_op *op = store_op_new(STORE_INVITE, NULL);
    uint8_t hash[DIGEST_BYTES], record[64] = {0};
    struct device d;

    CHECK(op != NULL);
    name_device(&d, i);
    token_hash(hash, d.key.public_key); /* a token as good as any */
    memcpy(op->u.invite.id, d.id, sizeof(d.id));
    memcpy(op->u.invite.token_hash, hash, sizeof(hash));
    op->u.invite.expires = INT64_MAX;
    run(s, op);
    op = store_op_new(STORE_DEVICE_ADD, NULL);
    CHECK(op != NULL);
    memcpy(op->u.add.device.id, d.id, sizeof(d.id));
    memcpy(op->u.add.device.key, d.key.public_key, KEY_BYTES);
    offer_local(&op->u.add.device.offer, 0);
    memcpy(op->u.add.token_hash, hash, sizeof(hash));
    memcpy(op->u.add.scan_digest, d.key.public_key, DIGEST_BYTES);
    op->u.add.sealed = (struct store_bytes){record, sizeof(record)};
    run(s, op);
}

static void fill(const char *path, unsigned n)
{
    char why[256] = "";
    struct store *s;

    if (store_open(&s, path, why, sizeof(why)) != 0)
        fprintf(stderr, "%s\n", why);
    for (unsigned i = 0; i < n; i++)
        fill_one(s, i);
    store_close(s);
}

/* Private memory of a process, in bytes: what is its own and not shared with others. */
static uint64_t memory_of(const char *pid)
{
    char path[64], line[256];
    uint64_t kb = 0, v;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", pid);
    f = fopen(path, "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "Private_Dirty: %lu kB", &v) == 1 ||
            sscanf(line, "Private_Clean: %lu kB", &v) == 1)
            kb += v;
    fclose(f);
    return kb * 1024;
}

static void hold(unsigned n, const char *pid)
{
    struct rlimit r;
    struct device d;
    uint64_t before, after;
    int64_t start = now_ms();

    CHECK(getrlimit(RLIMIT_NOFILE, &r) == 0);
    r.rlim_cur = r.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max > n + 16);
    before = memory_of(pid);
    for (unsigned i = 0; i < n; i++) {
        name_device(&d, i);
        attach(&d, ROLE_RECV, HOP_SEALED);
    }
    poll(NULL, 0, 1500); /* the last mailbox is looked into, the buffers are empty again */
    after = memory_of(pid);
    CHECK(after > before);
    printf("connections %u attach_us %lld bytes_each %llu\n", n,
           (long long)((now_ms() - 1500 - start) * 1000 / n),
           (unsigned long long)((after - before) / n));
    /* The first is still served. */
    name_device(&d, 0);
    attach(&d, ROLE_RECV, HOP_SEALED);
    barrier(&d);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 5 && sodium_init() >= 0);
    CHECK(text_unhex(cloud_key, KEY_BYTES, argv[3]) == 0);
    if (strcmp(argv[1], "fill") == 0) {
        fill(argv[2], (unsigned)atoi(argv[4]));
        return 0;
    }
    CHECK(strcmp(argv[1], "hold") == 0 && argc == 6);
    reach(argv[2]);
    hold((unsigned)atoi(argv[4]), argv[5]);
    return 0;
}
