/*
 * bench_overload.c - a quiet device beside others that ask for as much as they can: how much longer
 * it waits, and what cloudd needs of memory. Each line is measured against a fresh cloudd whose
 * store `cloud_crowd fill` filled. The quiet device is 0, its receiver 1.
 *
 *     bench_overload flood     HOST:PORT KEY PID FLOODERS   full windows of 16 KiB, nobody fetches
 *     bench_overload backlog   HOST:PORT KEY PID N          N packages for a slow receiver
 *     bench_overload crowd     HOST:PORT KEY PID N          N connections, 1 in 100 of them active
 *     bench_overload strangers HOST:PORT KEY PID ADDRESSES  handshakes of devices nobody knows
 */
#include "tests/integration/cloud_packages.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "tests/bench/peers/load.h"

#define ROUNDS     5
#define TRIPS      200 /* a round */
#define GAP_MS     5
#define WINDOW     256
#define FLOOD_BODY 16384
#define QUIET_BODY 1024
#define BAR        5.0

struct quiet {
    struct device from, to;
    uint64_t next;
};

/* us: medians of what the rounds gave, so that one bad moment of the machine does not decide. */
struct latency {
    double p50[ROUNDS], p99[ROUNDS];
};

struct latencies {
    struct latency accepted, receipted;
};

/* What another process of this bench did meanwhile. */
struct report {
    uint64_t done;
    double seconds;
};

/* ---- the quiet device ---- */

static void quiet_init(struct quiet *q)
{
    memset(q, 0, sizeof(*q));
    name_device(&q->from, 0);
    name_device(&q->to, 1);
    attach(&q->to, ROLE_RECV, HOP_SEALED);
    attach(&q->from, ROLE_SEND, HOP_SEALED);
}

/* One package, until it is accepted and its receipt is here, in whichever order. */
static void one_trip(struct quiet *q, double *accepted, double *receipted)
{
    struct pollfd ready[2] = {{q->from.fd, POLLIN, 0}, {q->to.fd, POLLIN, 0}};
    double start = bench_now_us();
    struct msg m;
    uint8_t type;

    *accepted = *receipted = 0;
    send_package(&q->from, q->to.id, q->next++, QUIET_BODY);
    while (*accepted == 0 || *receipted == 0) {
        CHECK(poll(ready, 2, WAIT_MS) > 0);
        if (ready[1].revents != 0) {
            expect(&q->to, &m, MSG_PACKAGE);
            send_receipt(&q->to, &m.u.package);
        }
        if (ready[0].revents == 0)
            continue;
        type = next(&q->from, &m);
        CHECK(type == MSG_ACCEPTED || type == MSG_RECEIPT);
        if (type == MSG_ACCEPTED) {
            *accepted = bench_now_us() - start;
        } else {
            *receipted = bench_now_us() - start;
            send_ack(&q->from, &m.u.receipt);
        }
    }
}

static void add_round(struct latency *l, size_t round, double *v)
{
    l->p50[round] = bench_percentile(v, TRIPS, 0.5);
    l->p99[round] = bench_percentile(v, TRIPS, 0.99);
}

static void quiet_measure(struct quiet *q, struct latencies *out)
{
    double accepted[TRIPS], receipted[TRIPS];

    for (size_t r = 0; r < ROUNDS; r++) {
        for (size_t i = 0; i < TRIPS; i++) {
            poll(NULL, 0, GAP_MS);
            one_trip(q, &accepted[i], &receipted[i]);
        }
        add_round(&out->accepted, r, accepted);
        add_round(&out->receipted, r, receipted);
    }
}

static uint64_t peak_of(const char *pid)
{
    char path[64], line[256];
    unsigned long kb = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%s/status", pid);
    f = fopen(path, "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL)
        (void)sscanf(line, "VmHWM: %lu kB", &kb);
    fclose(f);
    return (uint64_t)kb * 1024;
}

/* alone: p99 in us, 0 when this is it. Returns the p99. */
static double print_latency(const char *what, const char *kind, struct latency *l, double alone)
{
    double p50 = bench_median(l->p50, ROUNDS), p99 = bench_median(l->p99, ROUNDS);

    printf("%-30s %-9s %9.0f %9.0f", what, kind, p50, p99);
    if (alone > 0)
        printf(" %7.1fx   %s", p99 / alone, p99 <= BAR * alone ? "met" : "missed");
    printf("\n");
    return p99;
}

/* ---- the others: each runs in a process of its own until it is told to stop ---- */

typedef void (*other)(unsigned n, struct report *r);

static _Atomic int *over; /* shared by the processes */

struct child {
    pid_t pid;
    int from;
};

static struct child child_start(other run, unsigned n)
{
    struct report r = {0, 0};
    struct child c;
    char byte = 0;
    int ends[2];

    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    c.from = ends[0];
    fflush(stdout);
    c.pid = fork();
    CHECK(c.pid >= 0);
    if (c.pid == 0) {
        r.seconds = -bench_now_us();
        /* It stands for other machines: what it computes shall not take the time of this one. */
        CHECK(nice(19) != -1);
        /* It says one byte when it is at work. */
        dup2(ends[1], 9);
        run(n, &r);
        r.seconds = (r.seconds + bench_now_us()) / 1e6;
        CHECK(write(ends[1], &r, sizeof(r)) == sizeof(r));
        _exit(0);
    }
    close(ends[1]);
    CHECK(read(c.from, &byte, 1) == 1);
    return c;
}

static void at_work(void)
{
    CHECK(write(9, "", 1) == 1);
}

static struct report child_end(struct child *c)
{
    struct report r;

    *over = 1;
    CHECK(read(c->from, &r, sizeof(r)) == sizeof(r));
    close(c->from);
    return r;
}

/* What has come on this connection, without waiting; the number of ACCEPTED in it. */
static unsigned take_accepted(struct device *d)
{
    struct pollfd ready = {d->fd, POLLIN, 0};
    unsigned n = 0;
    struct msg m;

    while (poll(&ready, 1, 0) > 0) {
        CHECK(next(d, &m) == MSG_ACCEPTED);
        n++;
    }
    return n;
}

/* n senders with full windows, to device 2, which is away. */
static void flood(unsigned n, struct report *r)
{
    struct device *d = calloc(n, sizeof(*d));
    uint64_t *sent = calloc(n, sizeof(*sent)), *acked = calloc(n, sizeof(*acked));

    CHECK(d != NULL && sent != NULL && acked != NULL);
    for (unsigned i = 0; i < n; i++) {
        name_device(&d[i], 3 + i);
        attach(&d[i], ROLE_SEND, HOP_SEALED);
    }
    at_work();
    while (!*over) {
        int moved = 0;

        for (unsigned i = 0; i < n; i++) {
            struct pollfd room = {d[i].fd, POLLOUT, 0};

            acked[i] += take_accepted(&d[i]);
            if (sent[i] - acked[i] < WINDOW && poll(&room, 1, 0) > 0) {
                send_package(&d[i], "device-000002", sent[i]++, FLOOD_BODY);
                moved = 1;
            }
        }
        if (!moved)
            poll(NULL, 0, 1);
    }
    for (unsigned i = 0; i < n; i++)
        r->done += acked[i];
}

/* The receiver of a long queue, which looks at 20 packages a second. */
static void backlog(unsigned n, struct report *r)
{
    struct device from, to;
    struct msg m;

    name_device(&from, 3);
    name_device(&to, 2);
    attach(&from, ROLE_SEND, HOP_SEALED);
    for (uint64_t sent = 0, acked = 0; acked < n;) {
        if (sent < n && sent - acked < 64)
            send_package(&from, to.id, sent++, FLOOD_BODY);
        else
            CHECK(next(&from, &m) == MSG_ACCEPTED && ++acked);
    }
    attach(&to, ROLE_RECV, HOP_SEALED);
    at_work();
    while (!*over) {
        struct pollfd ready = {to.fd, POLLIN, 0};

        if (poll(&ready, 1, 10) <= 0)
            continue;
        expect(&to, &m, MSG_PACKAGE);
        send_receipt(&to, &m.u.package);
        r->done++;
        if (r->done % 64 == 0)
            poll(NULL, 0, 20);
    }
}

/* One of the active: a sender and its receiver, who answer at once. */
static void crowd_turn(struct device *from, struct device *to, const struct pollfd *ready,
                       struct report *r)
{
    struct msg m;

    if (ready[1].revents != 0) {
        expect(to, &m, MSG_PACKAGE);
        send_receipt(to, &m.u.package);
    }
    if (ready[0].revents != 0 && next(from, &m) == MSG_RECEIPT) {
        send_ack(from, &m.u.receipt);
        r->done++;
        send_package(from, to->id, m.u.receipt.index + 1, QUIET_BODY);
    }
}

/* n connections, of which one in 200 sends to another one in 200. */
static void crowd(unsigned n, struct report *r)
{
    unsigned pairs = n / 200;
    struct device *d = calloc(2 * pairs, sizeof(*d)), idle;
    struct pollfd *ready = calloc(2 * pairs, sizeof(*ready));

    CHECK(d != NULL && ready != NULL && pairs > 0);
    load_allow_files(n);
    for (unsigned i = 0; i < n; i++) {
        struct device *one = i < 2 * pairs ? &d[i] : &idle;

        name_device(one, 2 + i);
        attach(one, i < 2 * pairs && i % 2 == 0 ? ROLE_SEND : ROLE_RECV, HOP_SEALED);
        if (i < 2 * pairs)
            ready[i] = (struct pollfd){one->fd, POLLIN, 0};
    }
    at_work();
    r->seconds = -bench_now_us();
    for (unsigned i = 0; i < 2 * pairs; i += 2)
        send_package(&d[i], d[i + 1].id, 0, QUIET_BODY);
    while (!*over && poll(ready, 2 * pairs, 10) >= 0)
        for (unsigned i = 0; i < 2 * pairs; i += 2)
            crowd_turn(&d[i], &d[i + 1], &ready[i], r);
}

/* A handshake that is right, of a device that nobody knows; it comes from 127.1.0.0 + from. */
static int strange(const struct msg *m, unsigned from)
{
    struct sockaddr_in me = {.sin_family = AF_INET};
    const struct linger reset = {1, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    me.sin_addr.s_addr = htonl(0x7f010000u + from);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
    CHECK(bind(fd, (struct sockaddr *)&me, sizeof(me)) == 0);
    CHECK(connect(fd, address->ai_addr, address->ai_addrlen) == 0);
    send_plain(fd, m);
    return fd;
}

/* As many as it can, with the last 256 of them open; from n addresses. */
static void strangers(unsigned n, struct report *r)
{
    struct msg m = {.type = MSG_HOP_HELLO};
    struct noise_handshake hs;
    uint8_t noise[256];
    int fds[256];
    struct device d;
    size_t len;

    name_device(&d, 1000000);
    CHECK(hop_start_device(&hs, HOP_SEALED, ROLE_SEND, &d.key, cloud_key) == 0);
    CHECK(noise_write(&hs, NULL, 0, noise, sizeof(noise), &len) == 0);
    m.u.hop_hello.version = PROTO_VERSION;
    m.u.hop_hello.mode = HOP_SEALED;
    m.u.hop_hello.role = ROLE_SEND;
    m.u.hop_hello.noise = (struct blob){noise, len};
    at_work();
    for (size_t i = 0; !*over; i++, r->done++) {
        if (i >= 256)
            close(fds[i % 256]);
        fds[i % 256] = strange(&m, 1 + (unsigned)(i % n));
    }
}

static void print_memory(const char *pid, uint64_t before, const struct report *r)
{
    printf("  they: %.0f/s; cloudd: %.1f MiB before, %.1f at its peak, %.1f after",
           (double)r->done / r->seconds, (double)before / 1048576.0,
           (double)peak_of(pid) / 1048576.0, (double)load_memory_of(pid) / 1048576.0);
}

static void measure(other run, unsigned n, const char *label, const char *pid)
{
    static struct quiet q;
    struct latencies alone, beside;
    double accepted, receipted;
    uint64_t before;
    struct report r;
    struct child c;

    quiet_init(&q);
    quiet_measure(&q, &alone);
    before = load_memory_of(pid);
    c = child_start(run, n);
    quiet_measure(&q, &beside);
    r = child_end(&c);
    accepted = print_latency("alone", "accepted", &alone.accepted, 0);
    receipted = print_latency("alone", "receipted", &alone.receipted, 0);
    print_latency(label, "accepted", &beside.accepted, accepted);
    print_latency(label, "receipted", &beside.receipted, receipted);
    print_memory(pid, before, &r);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name, *label;
        other run;
    } kinds[] = {
        {"flood", "beside flooding senders:", flood},
        {"backlog", "beside a queue of", backlog},
        {"crowd", "among connections:", crowd},
        {"strangers", "strangers, by address:", strangers},
    };
    char label[64];

    CHECK(argc == 6 && sodium_init() >= 0);
    CHECK(text_unhex(cloud_key, KEY_BYTES, argv[3]) == 0);
    reach(argv[2]);
    over = mmap(NULL, sizeof(*over), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(over != MAP_FAILED);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, argv[1]) != 0)
            continue;
        snprintf(label, sizeof(label), "%s %s", kinds[i].label, argv[5]);
        measure(kinds[i].run, (unsigned)strtoul(argv[5], NULL, 10), label, argv[4]);
        return 0;
    }
    fprintf(stderr, "usage: see the head of bench_overload.c\n");
    return 2;
}
