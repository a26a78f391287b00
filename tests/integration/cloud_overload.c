/*
 * cloud_overload.c - devices played by hand that ask for more than they may have, against a running
 * cloudd whose store `cloud_crowd fill` filled. Device 0 is the receiver. Each scenario ends with 0
 * when the cloud did what it should; the limits it was started with are arguments.
 *
 *     cloud_overload HOST:PORT KEY SCENARIO [ARGUMENT ...]
 */
#include "tests/integration/cloud_packages.h"

#include <fcntl.h>
#include <netinet/in.h>

#include "tests/bench/peers/load.h"

#define RECEIVER "device-000000"
#define DEAF     3

/* One package from d; the reason why it was refused, NONE when it was accepted. */
static unsigned put(struct device *d, const char *to, uint64_t index, size_t size)
{
    struct msg m;
    uint8_t type;

    send_package(d, to, index, size);
    while ((type = next(d, &m)) == MSG_RECEIPT)
        send_ack(d, &m.u.receipt);
    CHECK(type == MSG_ACCEPTED || type == MSG_REFUSED);
    return type == MSG_ACCEPTED ? REASON_NONE : m.u.refused.reason;
}

static void expect_put(struct device *d, const char *to, uint64_t index, unsigned reason)
{
    unsigned got = put(d, to, index, 100);

    if (got != reason)
        fprintf(stderr, "%s, %d: %s\n", d->id, (int)index, reason_name(got));
    CHECK(got == reason);
}

static void sender(struct device *d, unsigned number)
{
    name_device(d, number);
    attach(d, ROLE_SEND, HOP_SEALED);
}

/* share NUMBER N: so many packages of one sender find room, and one more is over its share. They
 * are put again if they are there already, as after a restart. */
static void scenario_share(char **arg)
{
    uint64_t n = strtoul(arg[1], NULL, 10);
    struct device d;

    sender(&d, (unsigned)atoi(arg[0]));
    for (uint64_t i = 0; i < n; i++)
        expect_put(&d, RECEIVER, i, REASON_NONE);
    expect_put(&d, RECEIVER, n, REASON_SHARE_FULL);
    expect_put(&d, RECEIVER, n + 1, REASON_STREAM_STOPPED);
    expect_put(&d, "device-000009", 0, REASON_NONE); /* another mailbox is another stream */
}

/* quota N: the cloud takes so many in all, of whomever and for whomever. */
static void scenario_quota(char **arg)
{
    uint64_t n = strtoul(arg[0], NULL, 10);
    struct device d, other;

    sender(&d, 1);
    sender(&other, 2);
    for (uint64_t i = 0; i < n; i++)
        expect_put(&d, i % 2 == 0 ? RECEIVER : "device-000009", i, REASON_NONE);
    expect_put(&d, RECEIVER, n, REASON_CLOUD_FULL);
    expect_put(&other, "device-000008", 0, REASON_CLOUD_FULL);
}

/* room NUMBER N: after the receiver has taken all there is, N packages, this sender finds room. */
static void scenario_room(char **arg)
{
    struct device d, to;
    struct msg m;

    name_device(&to, 0);
    attach(&to, ROLE_RECV, HOP_SEALED);
    for (int i = 0; i < atoi(arg[1]); i++) {
        expect(&to, &m, MSG_PACKAGE);
        send_receipt(&to, &m.u.package);
    }
    barrier(&to); /* no package is before the answer to it */
    close(to.fd);
    sender(&d, (unsigned)atoi(arg[0]));
    expect_put(&d, RECEIVER, 1000, REASON_NONE);
}

/* What OPEN number `request` is answered with: NONE for a salt. Answers to earlier ones, which come
 * again on a new connection, are passed over. */
static unsigned open_reason(struct device *d, const char *peer, uint64_t request)
{
    struct msg m;

    send_open(d, peer, request);
    for (;;) {
        uint8_t type = next(d, &m);

        if (type == MSG_NEG_REJECT) {
            CHECK(m.u.neg_reject.request == request);
            return m.u.neg_reject.reason;
        }
        if (type == MSG_SALT && m.u.salt.request == request)
            return REASON_NONE;
        CHECK(type == MSG_PEER || type == MSG_SALT);
    }
}

/* Open until the cloud says RATE. Of one device, whose OPENs have been counted in *n since `start`:
 * five seconds' worth, and what was added in the time that passed. */
static void open_all(struct device *d, const char *peer, unsigned rate, int64_t start, unsigned *n)
{
    unsigned reason;

    while ((reason = open_reason(d, peer, 500 + *n)) == REASON_NONE)
        CHECK(++*n <= 5 * rate + rate * (unsigned)(now_ms() - start) / 1000 + 1);
    CHECK(reason == REASON_RATE);
}

/* opens RATE A B: five seconds' worth at once, then RATE; others have their own; time helps. A new
 * connection does not. */
static void scenario_opens(char **arg)
{
    unsigned rate = (unsigned)atoi(arg[0]), n = 0, before;
    struct device a, b;
    int64_t start;

    CHECK(rate > 0);
    device_init(&a, arg[1]);
    device_init(&b, arg[2]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    attach(&b, ROLE_SEND, HOP_SEALED);
    start = now_ms();
    open_all(&a, b.id, rate, start, &n);
    CHECK(n >= 5 * rate);
    CHECK(open_reason(&b, a.id, 900) == REASON_NONE);
    poll(NULL, 0, (int)(1500 / rate));
    before = n;
    open_all(&a, b.id, rate, start, &n);
    CHECK(n > before);
    attach(&a, ROLE_SEND, HOP_SEALED);
    open_all(&a, b.id, rate, start, &n);
}

static int dial_from(uint32_t me)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(me)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
    CHECK(connect(fd, address->ai_addr, address->ai_addrlen) == 0);
    return fd;
}

static int has_said(int fd, int ms)
{
    struct pollfd said = {.fd = fd, .events = POLLIN};

    return poll(&said, 1, ms) > 0;
}

/* strangers RATE: an address that never attaches is turned away after five seconds' worth; others
 * are not, and who attaches does not count. */
static void scenario_strangers(char **arg)
{
    unsigned rate = (unsigned)atoi(arg[0]), n = 10 * rate, let_in = 0;
    struct device d, *strange = calloc(n, sizeof(*strange));
    int64_t start;

    CHECK(strange != NULL);
    for (unsigned i = 0; i < n; i++) {
        sender(&d, 1 + i % 5);
        close(d.fd);
    }
    start = now_ms();
    for (unsigned i = 0; i < n; i++) {
        name_device(&strange[i], 100);
        strange[i].fd = dial_from(0x7f010203);
    }
    /* They are let in or turned away in their order, so all have been when the last one was. */
    expect_hop_refused(&strange[n - 1], REASON_BUSY);
    for (unsigned i = 0; i < n - 1; i++)
        let_in += !has_said(strange[i].fd, 0);
    CHECK(let_in >= 5 * rate);
    CHECK(let_in <= 5 * rate + rate * (unsigned)(now_ms() - start) / 1000 + 1);
    d.fd = dial_from(0x7f010204);
    CHECK(!has_said(d.fd, 300));
    close(d.fd);
    sender(&d, 1);
    close(d.fd);
    free(strange);
}

/* Send packages until the cloud has taken no more for a while; nothing is read. */
static void pour(struct device *d, unsigned n)
{
    struct timeval patience = {.tv_usec = 300000};
    uint64_t index = 0;

    CHECK(setsockopt(d->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
    for (unsigned i = 0; i < n; i++) {
        struct pollfd room = {.fd = d->fd, .events = POLLOUT};

        if (poll(&room, 1, 500) <= 0)
            return;
        send_package(d, RECEIVER, index++, i < 200 ? 16384 : 100);
    }
    CHECK(!"the cloud took all that it was given");
}

/* deaf PID: senders that never read their answers, and a receiver that never reads its packages,
 * cost a bounded amount of memory, and others are served meanwhile. */
static void scenario_deaf(char **arg)
{
    uint64_t before = load_memory_of(arg[0]), after;
    struct device deaf[DEAF], slow, d;
    struct msg m;

    name_device(&slow, 0);
    attach(&slow, ROLE_RECV, HOP_SEALED);
    for (unsigned i = 0; i < DEAF; i++)
        sender(&deaf[i], 1 + i);
    for (unsigned i = 0; i < DEAF; i++)
        pour(&deaf[i], 100000);
    after = load_memory_of(arg[0]);
    printf("memory: %.1f MiB before, %.1f after\n", (double)before / 1048576.0,
           (double)after / 1048576.0);
    CHECK(after < before + (64u << 20));
    sender(&d, 10);
    send_package(&d, "device-000009", 0, 100);
    expect(&d, &m, MSG_ACCEPTED);
}

/* receipts N: so many wait for sender 1, and no more. */
static void scenario_receipts(char **arg)
{
    struct device d;
    struct msg m;

    sender(&d, 1);
    for (int i = 0; i < atoi(arg[0]); i++)
        expect(&d, &m, MSG_RECEIPT);
    CHECK(!has_said(d.fd, 500));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int arguments;
        void (*run)(char **arg);
    } scenarios[] = {
        {"share", 2, scenario_share},       {"quota", 1, scenario_quota},
        {"room", 2, scenario_room},         {"opens", 3, scenario_opens},
        {"deaf", 1, scenario_deaf},         {"strangers", 1, scenario_strangers},
        {"receipts", 1, scenario_receipts},
    };

    CHECK(argc >= 4 && sodium_init() >= 0);
    CHECK(text_unhex(cloud_key, KEY_BYTES, argv[2]) == 0);
    reach(argv[1]);
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strcmp(argv[3], scenarios[i].name) != 0)
            continue;
        CHECK(argc == 4 + scenarios[i].arguments);
        scenarios[i].run(argv + 4);
        return 0;
    }
    fprintf(stderr, "no scenario is called %s\n", argv[3]);
    return 2;
}
