/*
 * frames.c - strangers and liars on a connection: frames that are malformed, cut, too large, out of
 * order or forged, before the handshake and behind it; silence, and a crowd.
 */
#include "tests/integration/cloud_probe/cloud_probe.h"

static void send_raw(struct device *d, const void *p, size_t len)
{
    d->fd = dial();
    write_all(d->fd, p, len);
}

/* Before the handshake: sizes, types, versions, modes and keys that are not right. */
void scenario_preauth(char **arg)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0x01};
    static const uint8_t none[] = {0, 0, 0, 0, 0x01};
    static const uint8_t package[] = {0, 0, 0, 2, 0x30, 0};
    static const uint8_t cut[] = {0, 0, 0, 3, 0x01, 1, 0};
    struct noise_handshake hs;
    struct device d;
    struct msg m = {.type = MSG_HOP_HELLO};

    (void)arg;
    device_init(&d, "stranger");
    send_raw(&d, huge, sizeof(huge));
    expect_hop_refused(&d, REASON_TOO_LARGE);
    send_raw(&d, none, sizeof(none));
    expect_hop_refused(&d, REASON_MALFORMED);
    send_raw(&d, package, sizeof(package));
    expect_hop_refused(&d, REASON_OUT_OF_ORDER);
    send_raw(&d, cut, sizeof(cut));
    expect_hop_refused(&d, REASON_MALFORMED);
    d.fd = dial();
    m.u.hop_hello.version = PROTO_VERSION + 1;
    m.u.hop_hello.role = ROLE_SEND;
    send_plain(d.fd, &m);
    expect_hop_refused(&d, REASON_VERSION);
    d.fd = dial();
    m.u.hop_hello.version = PROTO_VERSION;
    m.u.hop_hello.role = 9;
    send_plain(d.fd, &m);
    expect_hop_refused(&d, REASON_MALFORMED);
    hello(&d, &hs, ROLE_SEND, HOP_CLEAR); /* the cloud runs with --hop sealed */
    expect_hop_refused(&d, REASON_MODE);
    cloud_key[0] ^= 1; /* a handshake to another cloud's key */
    hello(&d, &hs, ROLE_SEND, HOP_SEALED);
    cloud_key[0] ^= 1;
    expect_hop_refused(&d, REASON_HANDSHAKE);
}

/* A cloud with --hop any, but without --allow-research. */
void scenario_no_open(char **arg)
{
    struct noise_handshake hs;
    struct device d;

    (void)arg;
    device_init(&d, "stranger");
    hello(&d, &hs, ROLE_SEND, HOP_OPEN);
    expect_hop_refused(&d, REASON_MODE);
}

/* The message in two frames that arrive as one. */
static void send_twice(struct device *d, const struct msg *m)
{
    uint8_t body[256], frames[1024];
    struct wbuf w;
    size_t n;

    wbuf_init(&w, body, sizeof(body));
    msg_encode(m, &w);
    n = hop_frame_size(HOP_SEALED, w.len);
    for (size_t i = 0; i < 2; i++)
        CHECK(hop_seal_frame(&d->hop, (uint8_t)m->type, body, w.len, frames + i * n, n) == 0);
    write_all(d->fd, frames, 2 * n);
}

/* Behind the handshake: forged, replayed, oversized and illegal frames. */
void scenario_postauth(char **arg)
{
    uint8_t frame[256], zeros[FRAME_PREAUTH_MAX + 64] = {0};
    struct msg m = {.type = MSG_RESUME}, receipt = {.type = MSG_RECEIPT};
    struct msg history = {.type = MSG_HISTORY};
    struct device d;

    device_init(&d, arg[0]);
    text_copy(history.u.history.peer, sizeof(history.u.history.peer), "bob");
    hop_up(&d, ROLE_SEND, HOP_SEALED); /* not attached: only small frames */
    send_body(&d, MSG_PACKAGE, zeros, sizeof(zeros));
    expect_error(&d, REASON_TOO_LARGE);
    hop_up(&d, ROLE_SEND, HOP_SEALED); /* legal later, not yet */
    text_copy(m.u.resume.to, sizeof(m.u.resume.to), "bob");
    send_msg(&d, &m);
    expect_error(&d, REASON_OUT_OF_ORDER);
    hop_up(&d, ROLE_ENROL, HOP_SEALED); /* ATTACH in the role of an enrolment */
    send_attach(&d);
    expect_error(&d, REASON_OUT_OF_ORDER);
    attach(&d, ROLE_SEND, HOP_SEALED); /* a flipped bit */
    CHECK(hop_seal_frame(&d.hop, MSG_RESUME, zeros, 30, frame, hop_frame_size(0, 30)) == 0);
    frame[20] ^= 1;
    write_all(d.fd, frame, hop_frame_size(0, 30));
    expect_error(&d, REASON_MALFORMED);
    attach(&d, ROLE_SEND, HOP_SEALED); /* the right key, a body that is none */
    send_body(&d, MSG_RESUME, zeros, 3);
    expect_error(&d, REASON_MALFORMED);
    attach(&d, ROLE_RECV, HOP_SEALED); /* a sender's message in the other role */
    send_msg(&d, &m);
    expect_error(&d, REASON_OUT_OF_ORDER);
    attach(&d, ROLE_SEND, HOP_SEALED); /* a body from inside a seal, and a type that is none */
    send_body(&d, MSG_NEG_BODY, zeros, 8);
    expect_error(&d, REASON_OUT_OF_ORDER);
    attach(&d, ROLE_SEND, HOP_SEALED);
    send_body(&d, 0x7f, zeros, 8);
    expect_error(&d, REASON_OUT_OF_ORDER);
    attach(&d, ROLE_READ, HOP_SEALED); /* and in the role that only reads */
    send_msg(&d, &m);
    expect_error(&d, REASON_OUT_OF_ORDER);
    attach(&d, ROLE_READ, HOP_SEALED); /* where each answer is waited for */
    send_twice(&d, &history);
    expect_error(&d, REASON_OUT_OF_ORDER);
    attach(&d, ROLE_RECV, HOP_SEALED); /* a page is not for the receiver's role */
    send_msg(&d, &history);
    expect_error(&d, REASON_OUT_OF_ORDER);
    attach(&d, ROLE_RECV, HOP_SEALED); /* a receipt for nothing is ignored */
    text_copy(receipt.u.receipt.peer, sizeof(receipt.u.receipt.peer), "bob");
    receipt.u.receipt.status = RECEIPT_VERIFIED;
    send_msg(&d, &receipt);
    barrier(&d);
    close(d.fd);
    device_init(&d, "stranger");
    hop_up(&d, ROLE_SEND, HOP_SEALED);
    send_attach(&d);
    expect_error(&d, REASON_NOT_ENROLLED);
}

/* silent: says nothing, or only a part, and is closed at the deadline, not before */
void scenario_silent(char **arg)
{
    static const uint8_t part[] = {0, 0, 1, 0, 0x01, 1, 0};
    struct device quiet, half, up;
    int64_t start = now_ms(), took;

    (void)arg;
    device_init(&quiet, "stranger");
    device_init(&half, "stranger");
    device_init(&up, "stranger");
    quiet.fd = dial();
    send_raw(&half, part, sizeof(part));
    hop_up(&up, ROLE_SEND, HOP_SEALED);
    expect_hop_refused(&quiet, REASON_TIMEOUT);
    took = now_ms() - start;
    CHECK(took >= 9000 && took <= 18000);
    expect_hop_refused(&half, REASON_TIMEOUT);
    expect_error(&up, REASON_TIMEOUT);
    CHECK(now_ms() - start <= 19000);
}

/* crowd N: connections above the limit are told BUSY, and room that is made can be used */
void scenario_crowd(char **arg)
{
    int n = atoi(arg[0]), fds[64];
    struct device d;
    uint8_t end;

    CHECK(n > 0 && n < 64);
    for (int i = 0; i < n; i++)
        fds[i] = dial();
    device_init(&d, "stranger");
    d.fd = dial();
    expect_hop_refused(&d, REASON_BUSY);
    CHECK(shutdown(fds[0], SHUT_WR) == 0);
    CHECK(read_some(fds[0], &end, 1) == 0); /* the cloud has closed it too */
    hop_up(&d, ROLE_SEND, HOP_SEALED);
    for (int i = 0; i < n; i++)
        close(fds[i]);
}
