/*
 * cloud_load.c - devices played by hand against a running cloudd, with packages that were made and
 * sealed before the clock starts: cloudd is what is measured, not sds. The store was filled by
 * `cloud_crowd fill`; the sender is device 0, the receiver device 1.
 *
 *     cloud_load load  HOST:PORT KEY MESSAGE SIDES WINDOW N SECONDS [PID]
 *                      to an absent receiver; with PID that process is killed at the last
 *                      acknowledgement. SIDES: WIDTHxHEIGHT of the image.
 *     cloud_load drain HOST:PORT KEY MESSAGE SIDES ACKED
 *                      which of the first ACKED are still there; receipts them
 *     cloud_load wire  HOST:PORT KEY MESSAGE SIDES N
 *                      bytes of TCP payload a message, from the package to the receipt
 *     cloud_load setup HOST:PORT KEY ROUNDS         connect and hop; and ATTACH to ATTACHED, us
 */
#include "tests/integration/cloud_peer.h"

#include "tests/bench/peers/load.h"

#define SENDER   "device-000000"
#define RECEIVER "device-000001"

/* The shape of a package. */
struct shape {
    size_t message, width, height;
    uint8_t *image;
    size_t image_len;
};

/* Sealed frames, one behind the other; frame i ends at end[i]. */
struct frames {
    uint8_t *bytes;
    size_t *end;
};

static void shape_init(struct shape *s, const char *message, const char *sides)
{
    size_t size;
    uint8_t *pixels;

    s->message = strtoul(message, NULL, 10);
    CHECK(s->message >= sizeof(uint32_t) && s->message <= MESSAGE_MAX);
    CHECK(sscanf(sides, "%zux%zu", &s->width, &s->height) == 2);
    CHECK(s->width <= IMAGE_SIDE_MAX && s->height <= IMAGE_SIDE_MAX);
    size = s->width * s->height;
    pixels = malloc(size);
    s->image = malloc(size + PGM_HEADER_MAX);
    CHECK(pixels != NULL && s->image != NULL);
    bench_fill(pixels, size, 1);
    CHECK(pgm_write(s->image, size + PGM_HEADER_MAX, &s->image_len, (unsigned)s->width,
                    (unsigned)s->height, pixels) == 0);
    free(pixels);
}

/* The body of package `number`; *len is its length. */
static uint8_t *make_body(const struct shape *s, uint32_t number, size_t *len)
{
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *p = &m.u.package;
    uint8_t *message = malloc(s->message), *body;
    struct wbuf w;

    CHECK(message != NULL);
    load_fill(message, s->message, number);
    p->profile = p->codec = 1;
    memset(p->session, 0x5e, SESSION_ID_BYTES);
    p->index = number;
    p->seq = (uint64_t)number + 1;
    text_copy(p->from, sizeof(p->from), SENDER);
    text_copy(p->to, sizeof(p->to), RECEIVER);
    p->message = (struct blob){message, s->message};
    p->message_bytes = (uint32_t)s->message;
    p->width = (uint16_t)s->width;
    p->height = (uint16_t)s->height;
    p->image = (struct blob){s->image, s->image_len};
    body = malloc(msg_encoded_max(&m));
    CHECK(body != NULL);
    wbuf_init(&w, body, msg_encoded_max(&m));
    msg_encode(&m, &w);
    CHECK(wbuf_err(&w) == 0);
    free(message);
    *len = w.len;
    return body;
}

static void frames_make(struct frames *f, struct device *d, const struct shape *s, size_t n)
{
    size_t at = 0;

    f->bytes = NULL;
    f->end = calloc(n, sizeof(*f->end));
    CHECK(f->end != NULL);
    for (size_t i = 0; i < n; i++) {
        size_t len, size;
        uint8_t *body = make_body(s, (uint32_t)i, &len);

        size = hop_frame_size(HOP_SEALED, len);
        if (f->bytes == NULL)
            f->bytes = malloc(n * (size + 16)); /* all are of about the same size */
        CHECK(f->bytes != NULL);
        CHECK(hop_seal_frame(&d->hop, MSG_PACKAGE, body, len, f->bytes + at, size) == 0);
        at += size;
        f->end[i] = at;
        free(body);
    }
}

/* 0 when the cloud is gone. */
static int put_frame(const struct frames *f, size_t i, int fd)
{
    const uint8_t *p = f->bytes + (i > 0 ? f->end[i - 1] : 0);
    const uint8_t *end = f->bytes + f->end[i];

    while (p < end) {
        ssize_t n = send(fd, p, (size_t)(end - p), MSG_NOSIGNAL);

        if (n <= 0)
            return 0;
        p += n;
    }
    return 1;
}

/* An ACCEPTED that is there already, or (wait) the next one. */
static int take_ack(struct device *d, uint64_t index, int wait, double deadline)
{
    struct pollfd ready = {.fd = d->fd, .events = POLLIN};
    struct msg m;

    if (poll(&ready, 1, wait ? load_ms_until(deadline) : 0) <= 0)
        return 0;
    expect(d, &m, MSG_ACCEPTED);
    CHECK(m.u.accepted.index == index);
    return 1;
}

static void load(const struct shape *s, size_t window, size_t n, size_t seconds, pid_t victim)
{
    struct load_result r = {0};
    struct load_plan plan;
    struct frames f;
    struct device d;

    device_init(&d, SENDER);
    attach(&d, ROLE_SEND, HOP_SEALED);
    frames_make(&f, &d, s, n);
    plan = load_plan(n, seconds, victim);
    r.start = bench_now_us();
    while (!load_is_over(&plan, &r)) {
        if (r.sent < n && r.sent - r.acked < window) {
            if (!put_frame(&f, r.sent, d.fd))
                break;
            r.sent++;
        }
        while (take_ack(&d, r.acked, r.sent - r.acked == window || r.sent == n, plan.deadline)) {
            r.acked++;
            if (load_is_over(&plan, &r) || r.acked == r.sent)
                break;
        }
    }
    load_end(&plan, &r);
}

static void send_receipt(struct device *d, const struct msg_package *p)
{
    struct msg r = {.type = MSG_RECEIPT};

    memcpy(r.u.receipt.peer, p->from, sizeof(r.u.receipt.peer));
    memcpy(r.u.receipt.session, p->session, SESSION_ID_BYTES);
    r.u.receipt.direction = p->direction;
    r.u.receipt.index = p->index;
    r.u.receipt.status = RECEIPT_VERIFIED;
    package_digest(r.u.receipt.digest, d->body, d->body_len);
    memset(r.u.receipt.mac, 0x3a, MAC_BYTES);
    send_msg(d, &r);
}

/* Message and image are those that were sent. */
static int is_sound(const struct shape *s, const struct msg_package *p)
{
    return p->message.len == s->message && load_is_sound(p->message.p, s->message) &&
           load_number(p->message.p) == p->index && p->image.len == s->image_len &&
           memcmp(p->image.p, s->image, s->image_len) == 0;
}

static void drain(const struct shape *s, size_t acked)
{
    struct survivors left;
    struct device d;
    struct msg m;

    survivors_start(&left, acked);
    device_init(&d, RECEIVER);
    attach(&d, ROLE_RECV, HOP_SEALED);
    for (;;) {
        struct pollfd ready = {.fd = d.fd, .events = POLLIN};

        if (poll(&ready, 1, left.distinct < acked ? DRAIN_MS : 200) <= 0)
            break;
        expect(&d, &m, MSG_PACKAGE);
        survivors_add(&left, (uint32_t)m.u.package.index, is_sound(s, &m.u.package));
        send_receipt(&d, &m.u.package);
    }
    survivors_print(&left);
}

static void one_trip(struct device *from, struct device *to, const struct shape *s, uint32_t i)
{
    struct msg m, ack = {.type = MSG_RECEIPT_ACK};
    size_t len;
    uint8_t *body = make_body(s, i, &len);

    send_body(from, MSG_PACKAGE, body, len);
    free(body);
    expect(from, &m, MSG_ACCEPTED);
    expect(to, &m, MSG_PACKAGE);
    CHECK(m.u.package.index == i && is_sound(s, &m.u.package));
    send_receipt(to, &m.u.package);
    expect(from, &m, MSG_RECEIPT);
    memcpy(ack.u.receipt_ack.peer, m.u.receipt.peer, sizeof(ack.u.receipt_ack.peer));
    memcpy(ack.u.receipt_ack.session, m.u.receipt.session, SESSION_ID_BYTES);
    ack.u.receipt_ack.index = m.u.receipt.index;
    send_msg(from, &ack);
}

static void wire(const struct shape *s, size_t n)
{
    struct device from, to;
    uint64_t up, down;

    CHECK(n > 0);
    device_init(&from, SENDER);
    device_init(&to, RECEIVER);
    attach(&to, ROLE_RECV, HOP_SEALED);
    attach(&from, ROLE_SEND, HOP_SEALED);
    up = load_tcp_bytes(from.fd);
    down = load_tcp_bytes(to.fd);
    for (size_t i = 0; i < n; i++)
        one_trip(&from, &to, s, (uint32_t)i);
    printf("sender_bytes %.0f receiver_bytes %.0f\n",
           (double)(load_tcp_bytes(from.fd) - up) / (double)n,
           (double)(load_tcp_bytes(to.fd) - down) / (double)n);
}

static void setup(size_t rounds)
{
    double *keys = calloc(rounds, sizeof(*keys)), *all = calloc(rounds, sizeof(*all));
    struct device d;
    struct msg m;

    CHECK(keys != NULL && all != NULL && rounds > 0);
    device_init(&d, SENDER);
    for (size_t i = 0; i < rounds; i++) {
        double start = bench_now_us();

        hop_up(&d, ROLE_RECV, HOP_SEALED);
        keys[i] = bench_now_us() - start;
        send_attach(&d);
        expect(&d, &m, MSG_ATTACHED);
        all[i] = bench_now_us() - start;
        close(d.fd);
    }
    printf("keys_p50 %.1f keys_p99 %.1f all_p50 %.1f all_p99 %.1f\n", bench_median(keys, rounds),
           bench_percentile(keys, rounds, 0.99), bench_median(all, rounds),
           bench_percentile(all, rounds, 0.99));
    free(keys);
    free(all);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    size_t v[4] = {0};
    struct shape s;

    if (argc < 5 || argc > 10 || sodium_init() < 0) {
        fprintf(stderr, "usage: see the head of cloud_load.c\n");
        return 2;
    }
    CHECK(text_unhex(cloud_key, KEY_BYTES, argv[3]) == 0);
    reach(argv[2]);
    if (strcmp(what, "setup") == 0) {
        setup(strtoul(argv[4], NULL, 10));
        return 0;
    }
    CHECK(argc >= 7);
    shape_init(&s, argv[4], argv[5]);
    for (int i = 6; i < argc; i++)
        v[i - 6] = strtoul(argv[i], NULL, 10);
    if (strcmp(what, "load") == 0 && argc >= 9) {
        load(&s, v[0], v[1], v[2], (pid_t)v[3]);
    } else if (strcmp(what, "drain") == 0) {
        drain(&s, v[0]);
    } else {
        CHECK(strcmp(what, "wire") == 0);
        wire(&s, v[0]);
    }
    return 0;
}
