/*
 * mosq_client.c - an MQTT 3.1.1 client by hand, for the comparison with mosquitto: blocking
 * sockets, QoS 1, plain or TLS-PSK. It does no more than the protocol asks, so that the broker is
 * what is measured. Built by tests/bench/peers/run only.
 *
 *     mosq_client latency PORT plain|psk BYTES N          publish -> subscriber, one at a time, us
 *     mosq_client load    PORT plain|psk BYTES WINDOW N SECONDS [PID]
 *                         to an absent subscriber with a session; with PID that process is killed
 *                         at the last acknowledgement
 *     mosq_client drain   PORT plain|psk BYTES ACKED      which of the first ACKED are still there
 *     mosq_client hold    PORT plain|psk N PID            memory of PID for each idle connection
 *     mosq_client setup   PORT plain|psk ROUNDS           connect, TLS, CONNECT to CONNACK, us
 *     mosq_client wire    PORT plain|psk BYTES N          bytes of TCP payload a message
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>

#include "tests/bench/peers/load.h"

#define TOPIC      "bench/peers"
#define PSK_ID     "bench"
#define KEEP_ALIVE 600
#define MQTT_MAX   (1u << 20)

enum packet {
    CONNECT = 0x10,
    CONNACK = 0x20,
    PUBLISH = 0x32, /* QoS 1 */
    PUBACK = 0x40,
    SUBSCRIBE = 0x82,
    SUBACK = 0x90,
    DISCONNECT = 0xe0
};

struct client {
    int fd;
    SSL *tls; /* NULL: plain */
    uint8_t *in;
    size_t in_len; /* of the body of the last packet */
};

/* A published message comes with its number and the broker's own packet id. */
struct arrival {
    uint32_t number;
    uint16_t packet_id;
    int sound; /* all its bytes are those that were sent */
};

static uint16_t port;
static SSL_CTX *tls_context; /* NULL: plain */
static uint8_t out[MQTT_MAX], in[MQTT_MAX];

/* ---- transport ---- */

static unsigned give_psk(SSL *tls, const char *hint, char *identity, unsigned identity_max,
                         unsigned char *psk, unsigned psk_max)
{
    (void)tls;
    (void)hint;
    CHECK(identity_max > strlen(PSK_ID) && psk_max >= PSK_BYTES);
    memcpy(identity, PSK_ID, sizeof(PSK_ID));
    memset(psk, PSK_BYTE, PSK_BYTES);
    return PSK_BYTES;
}

static void use_security(const char *name)
{
    if (strcmp(name, "plain") == 0)
        return;
    CHECK(strcmp(name, "psk") == 0);
    tls_context = SSL_CTX_new(TLS_client_method());
    CHECK(tls_context != NULL);
    SSL_CTX_set_psk_client_callback(tls_context, give_psk);
}

static int tcp_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    CHECK(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

static void tls_start(struct client *c)
{
    if (tls_context == NULL)
        return;
    c->tls = SSL_new(tls_context);
    CHECK(c->tls != NULL && SSL_set_fd(c->tls, c->fd) == 1);
    CHECK(SSL_connect(c->tls) == 1);
}

/* 0 when the broker is gone. */
static int put(struct client *c, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n =
            c->tls != NULL ? SSL_write(c->tls, p, (int)len) : send(c->fd, p, len, MSG_NOSIGNAL);

        if (n <= 0)
            return 0;
        p += n;
        len -= (size_t)n;
    }
    return 1;
}

/* 0 at the end of the stream, or when nothing came for `ms`. */
static int get(struct client *c, uint8_t *p, size_t len, int ms)
{
    struct pollfd ready = {.fd = c->fd, .events = POLLIN};

    while (len > 0) {
        ssize_t n;

        if ((c->tls == NULL || SSL_pending(c->tls) == 0) && poll(&ready, 1, ms) <= 0)
            return 0;
        n = c->tls != NULL ? SSL_read(c->tls, p, (int)len) : recv(c->fd, p, len, 0);
        if (n <= 0)
            return 0;
        p += n;
        len -= (size_t)n;
    }
    return 1;
}

static void hang_up(struct client *c)
{
    SSL_free(c->tls);
    close(c->fd);
}

/* ---- packets ---- */

static uint8_t *put_u16(uint8_t *p, size_t v)
{
    *p++ = (uint8_t)(v >> 8);
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *put_text(uint8_t *p, const char *text)
{
    size_t len = strlen(text);

    p = put_u16(p, len);
    memcpy(p, text, len);
    return p + len;
}

static uint8_t *put_head(uint8_t *p, enum packet type, size_t body_len)
{
    *p++ = (uint8_t)type;
    do {
        *p++ = (uint8_t)((body_len & 127) | (body_len > 127 ? 128 : 0));
        body_len >>= 7;
    } while (body_len > 0);
    return p;
}

/* The next packet's first byte, its body in c->in; 0 at the end of the stream or after `ms`. */
static uint8_t next_packet(struct client *c, int ms)
{
    uint8_t type, more = 128;
    size_t shift = 0;

    if (!get(c, &type, 1, ms))
        return 0;
    c->in_len = 0;
    for (; more & 128; shift += 7) {
        if (shift > 21 || !get(c, &more, 1, WAIT_MS))
            return 0;
        c->in_len |= (size_t)(more & 127) << shift;
    }
    CHECK(c->in_len <= sizeof(in));
    c->in = in;
    return get(c, in, c->in_len, WAIT_MS) ? type : 0;
}

static void mqtt_connect(struct client *c, const char *id, int clean)
{
    uint8_t *p = put_head(out, CONNECT, 10 + 2 + strlen(id));

    p = put_text(p, "MQTT");
    *p++ = 4;
    *p++ = clean ? 2 : 0;
    p = put_text(put_u16(p, KEEP_ALIVE), id);
    CHECK(put(c, out, (size_t)(p - out)));
    CHECK(next_packet(c, WAIT_MS) == CONNACK && c->in_len == 2 && c->in[1] == 0);
}

static void client_open(struct client *c, const char *id, int clean)
{
    memset(c, 0, sizeof(*c));
    c->fd = tcp_connect();
    tls_start(c);
    mqtt_connect(c, id, clean);
}

static void subscribe(struct client *c)
{
    uint8_t *p = put_head(out, SUBSCRIBE, 2 + 2 + strlen(TOPIC) + 1);

    p = put_text(put_u16(p, 1), TOPIC);
    *p++ = 1;
    CHECK(put(c, out, (size_t)(p - out)));
    CHECK(next_packet(c, WAIT_MS) == SUBACK && c->in_len == 3 && c->in[2] == 1);
}

static int publish(struct client *c, uint32_t number, size_t bytes)
{
    uint8_t *p = put_head(out, PUBLISH, 2 + strlen(TOPIC) + 2 + bytes);

    p = put_u16(put_text(p, TOPIC), number % 65535 + 1);
    load_fill(p, bytes, number);
    return put(c, out, (size_t)(p - out) + bytes);
}

static void take_published(const struct client *c, size_t bytes, struct arrival *a)
{
    size_t head = 2 + strlen(TOPIC) + 2;

    memset(a, 0, sizeof(*a));
    if (c->in_len != head + bytes)
        return;
    a->packet_id = (uint16_t)(c->in[head - 2] << 8 | c->in[head - 1]);
    a->number = load_number(c->in + head);
    a->sound = load_is_sound(c->in + head, bytes);
}

static void acknowledge(struct client *c, uint16_t packet_id)
{
    uint8_t *p = put_u16(put_head(out, PUBACK, 2), packet_id);

    CHECK(put(c, out, (size_t)(p - out)));
}

/* ---- what is measured ---- */

static void one_trip(struct client *from, struct client *to, uint32_t number, size_t bytes)
{
    struct arrival a;

    CHECK(publish(from, number, bytes));
    CHECK((next_packet(to, WAIT_MS) & 0xf0) == (PUBLISH & 0xf0));
    take_published(to, bytes, &a);
    CHECK(a.sound && a.number == number);
    acknowledge(to, a.packet_id);
}

static void latency(size_t bytes, size_t n)
{
    struct client from, to;
    double *us = calloc(n, sizeof(*us));

    CHECK(us != NULL && n > 0);
    client_open(&to, "to", 1);
    subscribe(&to);
    client_open(&from, "from", 1);
    for (size_t i = 0; i < n; i++) {
        double start = bench_now_us();

        one_trip(&from, &to, (uint32_t)i, bytes);
        us[i] = bench_now_us() - start;
        CHECK(next_packet(&from, WAIT_MS) == PUBACK);
    }
    printf("p50 %.1f p99 %.1f n %zu\n", bench_median(us, n), bench_percentile(us, n, 0.99), n);
    free(us);
}

/* An acknowledgement that is there already, or (wait) the next one. */
static int take_ack(struct client *c, int wait, double deadline)
{
    struct pollfd ready = {.fd = c->fd, .events = POLLIN};
    int ms = wait ? load_ms_until(deadline) : 0;

    if (poll(&ready, 1, ms) <= 0)
        return 0;
    return next_packet(c, WAIT_MS) == PUBACK;
}

static void load(size_t bytes, size_t window, const struct load_plan *plan)
{
    struct load_result r = {0};
    struct client c;

    client_open(&c, "absent", 0);
    subscribe(&c);
    CHECK(put(&c, (const uint8_t *)"\xe0\0", 2));
    hang_up(&c);
    client_open(&c, "from", 1);
    r.start = bench_now_us();
    while (!load_is_over(plan, &r)) {
        if (r.sent < plan->n && r.sent - r.acked < window) {
            if (!publish(&c, (uint32_t)r.sent, bytes))
                break;
            r.sent++;
        }
        while (take_ack(&c, r.sent - r.acked == window || r.sent == plan->n, plan->deadline)) {
            r.acked++;
            if (load_is_over(plan, &r) || r.acked == r.sent)
                break;
        }
    }
    load_end(plan, &r);
}

static void drain(size_t bytes, size_t acked)
{
    struct survivors s;
    struct arrival a;
    struct client c;

    survivors_start(&s, acked);
    client_open(&c, "absent", 0);
    while (next_packet(&c, s.distinct < acked ? DRAIN_MS : 200) != 0) {
        take_published(&c, bytes, &a);
        survivors_add(&s, a.number, a.sound);
        acknowledge(&c, a.packet_id);
    }
    survivors_print(&s);
}

static void hold(size_t n, const char *pid)
{
    uint64_t before;
    struct client c;
    char id[32];
    double start;

    load_allow_files(n);
    before = load_memory_of(pid);
    start = bench_now_us();
    for (size_t i = 0; i < n; i++) {
        snprintf(id, sizeof(id), "device-%06zu", i);
        client_open(&c, id, 1);
    }
    start = bench_now_us() - start;
    poll(NULL, 0, 1500);
    printf("attach_us %.1f bytes_each %.0f\n", start / (double)n,
           ((double)load_memory_of(pid) - (double)before) / (double)n);
}

static void setup(size_t rounds)
{
    double *keys = calloc(rounds, sizeof(*keys)), *all = calloc(rounds, sizeof(*all));

    CHECK(keys != NULL && all != NULL && rounds > 0);
    for (size_t i = 0; i < rounds; i++) {
        double start = bench_now_us();
        struct client c = {.fd = tcp_connect()};

        tls_start(&c);
        keys[i] = bench_now_us() - start;
        mqtt_connect(&c, "device", 1);
        all[i] = bench_now_us() - start;
        hang_up(&c);
    }
    printf("keys_p50 %.1f keys_p99 %.1f all_p50 %.1f all_p99 %.1f\n", bench_median(keys, rounds),
           bench_percentile(keys, rounds, 0.99), bench_median(all, rounds),
           bench_percentile(all, rounds, 0.99));
    free(keys);
    free(all);
}

static void wire(size_t bytes, size_t n)
{
    struct client from, to;
    uint64_t up, down;

    client_open(&to, "to", 1);
    subscribe(&to);
    client_open(&from, "from", 1);
    up = load_tcp_bytes(from.fd);
    down = load_tcp_bytes(to.fd);
    for (size_t i = 0; i < n; i++) {
        one_trip(&from, &to, (uint32_t)i, bytes);
        CHECK(next_packet(&from, WAIT_MS) == PUBACK);
    }
    printf("sender_bytes %.0f receiver_bytes %.0f\n",
           (double)(load_tcp_bytes(from.fd) - up) / (double)n,
           (double)(load_tcp_bytes(to.fd) - down) / (double)n);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    size_t v[5] = {0};

    if (argc < 5 || argc > 9) {
        fprintf(stderr, "usage: see the head of mosq_client.c\n");
        return 2;
    }
    port = (uint16_t)atoi(argv[2]);
    use_security(argv[3]);
    for (int i = 4; i < argc; i++)
        v[i - 4] = strtoul(argv[i], NULL, 10);
    if (strcmp(what, "latency") == 0 && argc == 6) {
        latency(v[0], v[1]);
    } else if (strcmp(what, "load") == 0 && argc >= 8) {
        struct load_plan plan = load_plan(v[2], v[3], (pid_t)v[4]);

        load(v[0], v[1], &plan);
    } else if (strcmp(what, "drain") == 0 && argc == 6) {
        drain(v[0], v[1]);
    } else if (strcmp(what, "hold") == 0 && argc == 6) {
        hold(v[0], argv[5]);
    } else if (strcmp(what, "setup") == 0) {
        setup(v[0]);
    } else {
        CHECK(strcmp(what, "wire") == 0 && argc == 6);
        wire(v[0], v[1]);
    }
    return 0;
}
