/*
 * cloud_peer.c - a device played by hand: see cloud_peer.h.
 */
#include "tests/integration/cloud_peer.h"

struct addrinfo *address;
uint8_t cloud_key[KEY_BYTES];
uint8_t shared_frame[FRAME_MAX + 64];

int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void device_init(struct device *d, const char *id)
{
    uint8_t seed[KEY_BYTES];

    memset(d, 0, sizeof(*d));
    text_copy(d->id, sizeof(d->id), id);
    crypto_generichash(seed, sizeof(seed), (const uint8_t *)id, strlen(id), cloud_key, KEY_BYTES);
    memcpy(d->key.secret_key, seed, KEY_BYTES);
    CHECK(crypto_scalarmult_base(d->key.public_key, d->key.secret_key) == 0);
    d->fd = -1;
    d->frame = shared_frame;
}

int dial(void)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;

    CHECK(fd >= 0);
    CHECK(connect(fd, address->ai_addr, address->ai_addrlen) == 0);
    /* As the real devices do: else a second small frame waits for the first to be acknowledged. */
    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    return fd;
}

void write_all(int fd, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

        if (n < 0)
            return; /* the cloud has closed; what it said is still to be read */
        p += n;
        len -= (size_t)n;
    }
}

ssize_t read_some(int fd, uint8_t *p, size_t len)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t n;

    if (poll(&ready, 1, WAIT_MS) <= 0)
        return -1;
    n = recv(fd, p, len, 0);
    return n < 0 ? 0 : n;
}

size_t read_frame(struct device *d)
{
    size_t have = 0, total = 0;
    ssize_t n;

    for (;;) {
        if (hop_frame_length(d->frame, have, FRAME_MAX, &total) == 0 && have == total)
            return total;
        n = read_some(d->fd, d->frame + have, (total > 0 ? total : FRAME_HEADER) - have);
        CHECK(n >= 0);
        if (n == 0)
            return 0;
        have += (size_t)n;
    }
}

void send_plain(int fd, const struct msg *m)
{
    uint8_t frame[1024];
    struct wbuf head, body;

    wbuf_init(&body, frame + FRAME_HEADER, sizeof(frame) - FRAME_HEADER);
    msg_encode(m, &body);
    CHECK(wbuf_err(&body) == 0);
    wbuf_init(&head, frame, FRAME_HEADER);
    wbuf_u32(&head, (uint32_t)(1 + body.len));
    wbuf_u8(&head, (uint8_t)m->type);
    write_all(fd, frame, FRAME_HEADER + body.len);
}

void hello(struct device *d, struct noise_handshake *hs, uint8_t role, enum hop_mode mode)
{
    struct msg m = {.type = MSG_HOP_HELLO};
    uint8_t noise[256];
    size_t len;

    d->fd = dial();
    CHECK(hop_start_device(hs, mode, role, &d->key, cloud_key) == 0);
    CHECK(noise_write(hs, NULL, 0, noise, sizeof(noise), &len) == 0);
    m.u.hop_hello.version = PROTO_VERSION;
    m.u.hop_hello.mode = (uint8_t)mode;
    m.u.hop_hello.role = role;
    m.u.hop_hello.noise = (struct blob){noise, len};
    send_plain(d->fd, &m);
}

void hop_up(struct device *d, uint8_t role, enum hop_mode mode)
{
    struct noise_handshake hs;
    struct msg m;
    uint8_t none[1];
    size_t total, len;

    hello(d, &hs, role, mode);
    total = read_frame(d);
    CHECK(total > FRAME_HEADER && d->frame[4] == MSG_HOP_REPLY);
    CHECK(msg_decode(&m, MSG_HOP_REPLY, d->frame + FRAME_HEADER, total - FRAME_HEADER) == 0);
    CHECK(noise_read(&hs, m.u.hop_reply.noise.p, m.u.hop_reply.noise.len, none, 0, &len) == 0);
    CHECK(hop_finish(&hs, mode, &d->hop) == 0);
}

void send_body(struct device *d, uint8_t type, const uint8_t *body, size_t len)
{
    size_t size = hop_frame_size((enum hop_mode)d->hop.mode, len);
    uint8_t *frame = malloc(size);

    CHECK(frame != NULL);
    CHECK(hop_seal_frame(&d->hop, type, body, len, frame, size) == 0);
    write_all(d->fd, frame, size);
    free(frame);
}

void send_msg(struct device *d, const struct msg *m)
{
    size_t cap = msg_encoded_max(m);
    uint8_t *body = malloc(cap);
    struct wbuf w;

    CHECK(body != NULL);
    wbuf_init(&w, body, cap);
    msg_encode(m, &w);
    CHECK(wbuf_err(&w) == 0);
    send_body(d, (uint8_t)m->type, body, w.len);
    free(body);
}

uint8_t next(struct device *d, struct msg *m)
{
    size_t total = read_frame(d);
    uint8_t type;

    if (total == 0)
        return 0;
    CHECK(hop_open_frame(&d->hop, d->frame, total, &type, &d->body, &d->body_len) == 0);
    CHECK(msg_decode(m, type, d->body, d->body_len) == 0);
    return type;
}

void expect(struct device *d, struct msg *m, enum msg_type type)
{
    uint8_t got = next(d, m);

    if (got == MSG_ERROR)
        fprintf(stderr, "%s got ERROR %s\n", d->id, reason_name(m->u.error.reason));
    if (got != type)
        fprintf(stderr, "%s got %s, not %s\n", d->id, msg_name(got), msg_name((uint8_t)type));
    CHECK(got == type);
}

void expect_error(struct device *d, unsigned reason)
{
    struct msg m;

    CHECK(next(d, &m) == MSG_ERROR);
    if (m.u.error.reason != reason)
        fprintf(stderr, "got %s, not %s\n", reason_name(m.u.error.reason), reason_name(reason));
    CHECK(m.u.error.reason == reason);
    CHECK(next(d, &m) == 0);
    close(d->fd);
}

void expect_hop_refused(struct device *d, unsigned reason)
{
    size_t total = read_frame(d);
    struct msg m;

    CHECK(total > FRAME_HEADER && d->frame[4] == MSG_HOP_REFUSED);
    CHECK(msg_decode(&m, MSG_HOP_REFUSED, d->frame + FRAME_HEADER, total - FRAME_HEADER) == 0);
    CHECK(m.u.hop_refused.reason == reason);
    CHECK(read_frame(d) == 0);
    close(d->fd);
}

void send_attach(struct device *d)
{
    struct msg m = {.type = MSG_ATTACH};
    struct offer o;

    offer_local(&o, 0);
    memcpy(m.u.attach.id, d->id, sizeof(m.u.attach.id));
    m.u.attach.profiles = o.profiles;
    m.u.attach.suites = o.suites;
    m.u.attach.codecs = o.codecs;
    send_msg(d, &m);
}

void attach(struct device *d, uint8_t role, enum hop_mode mode)
{
    struct msg m;

    hop_up(d, role, mode);
    send_attach(d);
    expect(d, &m, MSG_ATTACHED);
    CHECK(m.u.attached.enrolment > 0 && m.u.attached.retention == RETENTION_DAYS);
}

void send_token(struct device *d, const char *token)
{
    struct msg m = {.type = MSG_ENROL_TOKEN};

    hop_up(d, ROLE_ENROL, HOP_SEALED);
    memcpy(m.u.enrol_token.id, d->id, sizeof(m.u.enrol_token.id));
    CHECK(text_unhex(m.u.enrol_token.token, TOKEN_BYTES, token) == 0);
    send_msg(d, &m);
}

void send_scan(struct device *d, const struct pgm_view *scan, const char *claimed)
{
    struct msg inner = {.type = MSG_ENROL_BODY}, m = {.type = MSG_ENROL_REQUEST};
    size_t cap = ENROL_SEALED_MAX, len;
    uint8_t *sealed = malloc(cap);
    struct offer o;

    CHECK(sealed != NULL);
    text_copy(inner.u.enrol_body.id, sizeof(inner.u.enrol_body.id), claimed);
    randombytes_buf(inner.u.enrol_body.dev, KEY_BYTES);
    inner.u.enrol_body.width = (uint16_t)scan->width;
    inner.u.enrol_body.height = (uint16_t)scan->height;
    inner.u.enrol_body.pixels = (struct blob){scan->pixels, (size_t)scan->width * scan->height};
    CHECK(body_seal(&inner, cloud_key, sealed, cap, &len) == 0);
    offer_local(&o, 0);
    m.u.enrol_request.profiles = o.profiles;
    m.u.enrol_request.suites = o.suites;
    m.u.enrol_request.codecs = o.codecs;
    m.u.enrol_request.sealed = (struct blob){sealed, len};
    send_msg(d, &m);
    free(sealed);
}

struct pgm_view load_scan(const char *path)
{
    static uint8_t bytes[PGM_MAX];
    struct pgm_view v;
    FILE *f = fopen(path, "rb");
    size_t n;

    CHECK(f != NULL);
    n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    CHECK(pgm_parse(bytes, n, &v) == 0);
    return v;
}

void send_open(struct device *d, const char *peer, uint64_t request)
{
    struct msg m = {.type = MSG_OPEN};
    struct offer o;

    offer_local(&o, 0);
    m.u.open.request = request;
    text_copy(m.u.open.peer, sizeof(m.u.open.peer), peer);
    m.u.open.profiles = o.profiles;
    m.u.open.suites = o.suites;
    m.u.open.codecs = o.codecs;
    send_msg(d, &m);
}

void take_salt(struct device *d, struct neg_terms *t, uint8_t peer_key[KEY_BYTES])
{
    uint8_t plain[512];
    struct msg m, inner;

    memset(t, 0, sizeof(*t));
    expect(d, &m, MSG_PEER);
    memcpy(peer_key, m.u.peer.key, KEY_BYTES);
    CHECK(body_open(&inner, MSG_PAIR_BODY, &m.u.peer.sealed, &d->key, plain, sizeof(plain)) == 0);
    CHECK(strcmp(inner.u.pair_body.to, d->id) == 0);
    keybuf_set(&t->shk, inner.u.pair_body.shk.p, inner.u.pair_body.shk.len);
    expect(d, &m, MSG_SALT);
    CHECK(body_open(&inner, MSG_SALT_BODY, &m.u.salt.sealed, &d->key, plain, sizeof(plain)) == 0);
    CHECK(memcmp(inner.u.salt_body.negotiation, m.u.salt.negotiation, NEG_ID_BYTES) == 0);
    memcpy(t->negotiation, m.u.salt.negotiation, NEG_ID_BYTES);
    memcpy(t->cloud, cloud_key, KEY_BYTES);
    memcpy(t->initiator, m.u.salt.initiator, sizeof(t->initiator));
    memcpy(t->responder, m.u.salt.responder, sizeof(t->responder));
    t->i_offer = (struct offer){m.u.salt.i_profiles, m.u.salt.i_suites, m.u.salt.i_codecs};
    t->r_offer = (struct offer){m.u.salt.r_profiles, m.u.salt.r_suites, m.u.salt.r_codecs};
    t->allowed = m.u.salt.allowed;
    t->choice = (struct choice){m.u.salt.profile, m.u.salt.suite, m.u.salt.codec};
    memcpy(t->salt, inner.u.salt_body.salt, KEY_BYTES);
    keybuf_set(&t->sk, inner.u.salt_body.sk.p, inner.u.salt_body.sk.len);
}

void send_request(struct device *d, const struct neg_terms *t, const struct blob *noise)
{
    struct msg m = {.type = MSG_NEG_REQUEST};
    uint8_t sealed[NEG_SEALED_MAX];
    size_t len;

    memcpy(m.u.neg_request.negotiation, t->negotiation, NEG_ID_BYTES);
    CHECK(neg_body_seal(t, cloud_key, sealed, &len) == 0);
    m.u.neg_request.sealed = (struct blob){sealed, len};
    m.u.neg_request.noise = *noise;
    send_msg(d, &m);
}

void answer(struct device *d, const struct neg_terms *t, const uint8_t *peer,
            struct session_keys *keys)
{
    struct msg m, out = {.type = MSG_NEG_ANSWER};
    uint8_t noise[256], sealed[NEG_SEALED_MAX], none[1];
    struct noise_handshake hs;
    size_t n, len;

    expect(d, &m, MSG_NEG_FORWARD);
    CHECK(neg_body_check(t, &m.u.neg_forward.sealed, &d->key) == 0);
    CHECK(neg_noise_start(&hs, t, 0, &d->key, peer) == 0);
    CHECK(noise_read(&hs, m.u.neg_forward.noise.p, m.u.neg_forward.noise.len, none, 0, &n) == 0);
    CHECK(noise_write(&hs, NULL, 0, noise, sizeof(noise), &n) == 0);
    CHECK(neg_session_keys(&hs, keys) == 0);
    memcpy(out.u.neg_answer.negotiation, t->negotiation, NEG_ID_BYTES);
    CHECK(neg_body_seal(t, cloud_key, sealed, &len) == 0);
    out.u.neg_answer.sealed = (struct blob){sealed, len};
    out.u.neg_answer.noise = (struct blob){noise, n};
    send_msg(d, &out);
}

void barrier(struct device *d)
{
    struct msg m = {.type = MSG_NEG_ANSWER};

    send_msg(d, &m);
    expect(d, &m, MSG_NEG_REJECT);
    CHECK(m.u.neg_reject.reason == REASON_STALE);
}

void reach(const char *where)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char host[HOST_MAX + 1], port[8];
    uint16_t p;

    CHECK(text_host_port(where, host, &p) == 0);
    snprintf(port, sizeof(port), "%u", p);
    CHECK(getaddrinfo(host, port, &hints, &address) == 0);
}
