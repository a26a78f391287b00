/*
 * cloud_probe.c - devices played by hand against a running cloudd, one scenario a run: what good
 * devices do step by step, and what bad ones try.
 *
 *     cloud_probe HOST:PORT CLOUD_KEY SCENARIO [ARGUMENT...]
 *
 * It prints "ok SCENARIO" and exits 0, or says which line failed and exits 1. Device keys follow
 * from the id, so that separate runs play the same devices.
 */
#include "common/profile.h"
#include "common/set.h"
#include "tests/integration/cloud_peer.h"

#define SIDE 16 /* of the images sent, pixels */

/* enrol ID TOKEN SCAN */
static void scenario_enrol(char **arg)
{
    struct pgm_view scan = load_scan(arg[2]);
    struct device d;
    struct msg m;

    device_init(&d, arg[0]);
    send_token(&d, arg[1]);
    expect(&d, &m, MSG_ENROL_READY);
    send_scan(&d, &scan, d.id);
    expect(&d, &m, MSG_ENROLLED);
    CHECK(m.u.enrolled.enrolment > 0);
}

/* enrol-fails ID TOKEN SCAN REASON: refused at the token or after it */
static void scenario_enrol_fails(char **arg)
{
    struct pgm_view scan = load_scan(arg[2]);
    unsigned reason = (unsigned)atoi(arg[3]);
    struct device d;
    struct msg m;

    device_init(&d, arg[0]);
    send_token(&d, arg[1]);
    if (next(&d, &m) == MSG_ENROL_READY) {
        send_scan(&d, &scan, d.id);
        CHECK(next(&d, &m) == MSG_ERROR);
    }
    CHECK(m.type == MSG_ERROR);
    if (m.u.error.reason != reason)
        fprintf(stderr, "got %s, not %s\n", reason_name(m.u.error.reason), reason_name(reason));
    CHECK(m.u.error.reason == reason);
    CHECK(next(&d, &m) == 0);
}

/* enrol-blank ID TOKEN: white paper, then another id in the seal; the token stays usable */
static void scenario_enrol_blank(char **arg)
{
    static uint8_t white[64 * 64];
    struct pgm_view scan = {64, 64, white};
    struct device d;
    struct msg m;

    memset(white, 255, sizeof(white));
    device_init(&d, arg[0]);
    send_token(&d, arg[1]);
    expect(&d, &m, MSG_ENROL_READY);
    send_scan(&d, &scan, d.id);
    expect_error(&d, REASON_SIGNATURE_BLANK);
    send_token(&d, arg[1]);
    expect(&d, &m, MSG_ENROL_READY);
    send_scan(&d, &scan, "somebody-else");
    expect_error(&d, REASON_SEAL);
}

/* All six steps between two attached devices. */
static void negotiate(struct device *a, struct device *b, struct session_keys *keys)
{
    struct session_keys theirs;
    struct neg_terms ta, tb;
    struct noise_handshake hs;
    uint8_t ka[KEY_BYTES], kb[KEY_BYTES], noise[256], none[1];
    struct msg m;
    size_t n;

    send_open(a, b->id, 7);
    take_salt(a, &ta, kb);
    take_salt(b, &tb, ka);
    CHECK(memcmp(ka, a->key.public_key, KEY_BYTES) == 0);
    CHECK(memcmp(kb, b->key.public_key, KEY_BYTES) == 0);
    CHECK(memcmp(&ta, &tb, sizeof(ta)) == 0);
    CHECK(neg_noise_start(&hs, &ta, 1, &a->key, kb) == 0);
    CHECK(noise_write(&hs, NULL, 0, noise, sizeof(noise), &n) == 0);
    send_request(a, &ta, &(struct blob){noise, n});
    expect(a, &m, MSG_NEG_PENDING);
    answer(b, &tb, ka, &theirs);
    expect(a, &m, MSG_NEG_RESULT);
    CHECK(neg_body_check(&ta, &m.u.neg_result.sealed, &a->key) == 0);
    CHECK(noise_read(&hs, m.u.neg_result.noise.p, m.u.neg_result.noise.len, none, 0, &n) == 0);
    CHECK(neg_session_keys(&hs, keys) == 0);
    CHECK(memcmp(keys, &theirs, sizeof(theirs)) == 0);
    memset(&m, 0, sizeof(m));
    m.type = MSG_NEG_CONFIRM;
    memcpy(m.u.neg_confirm.negotiation, ta.negotiation, NEG_ID_BYTES);
    memcpy(m.u.neg_confirm.session, keys->session, SESSION_ID_BYTES);
    neg_confirm_mac(m.u.neg_confirm.mac, keys);
    send_msg(a, &m);
    expect(b, &m, MSG_NEG_CONFIRM);
}

/* A package that the cloud takes; what is hidden in the image is not the cloud's to judge. */
static void fill_package(struct msg *m, const char *from, const char *to, uint64_t index)
{
    static uint8_t pixels[SIDE * SIDE], pgm[PGM_HEADER_MAX + SIDE * SIDE];
    static char text[32];
    struct msg_package *p = &m->u.package;
    size_t len;

    memset(m, 0, sizeof(*m));
    m->type = MSG_PACKAGE;
    p->profile = 1;
    p->codec = 1;
    memset(p->session, 0x5e, SESSION_ID_BYTES);
    p->index = index;
    p->seq = index + 1;
    text_copy(p->from, sizeof(p->from), from);
    text_copy(p->to, sizeof(p->to), to);
    snprintf(text, sizeof(text), "message %llu", (unsigned long long)index);
    p->message = (struct blob){(const uint8_t *)text, strlen(text)};
    p->message_bytes = (uint32_t)p->message.len;
    p->width = p->height = SIDE;
    CHECK(pgm_write(pgm, sizeof(pgm), &len, SIDE, SIDE, pixels) == 0);
    p->image = (struct blob){pgm, len};
}

static void send_package(struct device *d, const char *to, uint64_t index)
{
    struct msg m;

    fill_package(&m, d->id, to, index);
    send_msg(d, &m);
}

static void expect_accepted(struct device *d, uint64_t index)
{
    struct msg m;

    expect(d, &m, MSG_ACCEPTED);
    CHECK(m.u.accepted.index == index);
}

static void expect_refused(struct device *d, uint64_t index, unsigned reason)
{
    struct msg m;

    expect(d, &m, MSG_REFUSED);
    CHECK(m.u.refused.index == index);
    if (m.u.refused.reason != reason)
        fprintf(stderr, "got %s, not %s\n", reason_name(m.u.refused.reason), reason_name(reason));
    CHECK(m.u.refused.reason == reason);
}

/* Take package `index` from the cloud and answer it. */
static void receive(struct device *d, uint64_t index, uint8_t status)
{
    struct msg m, r = {.type = MSG_RECEIPT};

    expect(d, &m, MSG_PACKAGE);
    CHECK(m.u.package.index == index);
    memcpy(r.u.receipt.peer, m.u.package.from, sizeof(r.u.receipt.peer));
    memcpy(r.u.receipt.session, m.u.package.session, SESSION_ID_BYTES);
    r.u.receipt.direction = m.u.package.direction;
    r.u.receipt.index = m.u.package.index;
    r.u.receipt.status = status;
    package_digest(r.u.receipt.digest, d->body, d->body_len);
    memset(r.u.receipt.mac, 0x3a, MAC_BYTES);
    send_msg(d, &r);
}

static void acknowledge(struct device *d, const struct msg *receipt)
{
    struct msg ack = {.type = MSG_RECEIPT_ACK};

    memcpy(ack.u.receipt_ack.peer, receipt->u.receipt.peer, sizeof(ack.u.receipt_ack.peer));
    memcpy(ack.u.receipt_ack.session, receipt->u.receipt.session, SESSION_ID_BYTES);
    ack.u.receipt_ack.index = receipt->u.receipt.index;
    send_msg(d, &ack);
}

static void expect_receipt(struct device *d, const char *peer, uint64_t index, uint8_t status)
{
    struct msg m;

    expect(d, &m, MSG_RECEIPT);
    CHECK(strcmp(m.u.receipt.peer, peer) == 0);
    CHECK(m.u.receipt.index == index && m.u.receipt.status == status);
    CHECK(m.u.receipt.mac[0] == (status == RECEIPT_EXPIRED ? 0 : 0x3a));
    acknowledge(d, &m);
}

static uint64_t resume(struct device *d, const char *to)
{
    struct msg m = {.type = MSG_RESUME};

    text_copy(m.u.resume.to, sizeof(m.u.resume.to), to);
    memset(m.u.resume.session, 0x5e, SESSION_ID_BYTES);
    send_msg(d, &m);
    expect(d, &m, MSG_RESUMED);
    return m.u.resumed.next;
}

/* flow A B [clear]: a session, packages online and offline, receipts, fencing */
static void scenario_flow(char **arg)
{
    enum hop_mode mode = arg[2] != NULL ? HOP_CLEAR : HOP_SEALED;
    struct device a, b, again;
    struct session_keys keys;

    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&a, ROLE_SEND, mode);
    attach(&b, ROLE_RECV, mode);
    negotiate(&a, &b, &keys);
    CHECK(resume(&a, b.id) == 0);
    for (uint64_t i = 0; i < 3; i++)
        send_package(&a, b.id, i);
    for (uint64_t i = 0; i < 3; i++)
        expect_accepted(&a, i);
    receive(&b, 0, RECEIPT_VERIFIED);
    receive(&b, 1, RECEIPT_REJECTED);
    expect_receipt(&a, b.id, 0, RECEIPT_VERIFIED);
    expect_receipt(&a, b.id, 1, RECEIPT_REJECTED);
    close(b.fd); /* package 2 is delivered and not receipted */
    send_package(&a, b.id, 2);
    expect_accepted(&a, 2);
    send_package(&a, b.id, 3);
    expect_accepted(&a, 3);
    CHECK(resume(&a, b.id) == 4);
    attach(&b, ROLE_RECV, mode);
    close(a.fd); /* the receipts find nobody, and wait */
    receive(&b, 2, RECEIPT_VERIFIED);
    receive(&b, 3, RECEIPT_VERIFIED);
    barrier(&b);
    device_init(&again, arg[1]);
    attach(&again, ROLE_RECV, mode);
    expect_error(&b, REASON_FENCED);
    attach(&a, ROLE_SEND, mode);
    expect_receipt(&a, b.id, 2, RECEIPT_VERIFIED);
    expect_receipt(&a, b.id, 3, RECEIPT_VERIFIED);
}

static void expect_reject(struct device *d, unsigned reason)
{
    struct msg m;

    expect(d, &m, MSG_NEG_REJECT);
    if (m.u.neg_reject.reason != reason)
        fprintf(stderr, "got %s, not %s\n", reason_name(m.u.neg_reject.reason),
                reason_name(reason));
    CHECK(m.u.neg_reject.reason == reason);
}

/* negotiation A B: repeats, an absent responder, forged fields, and T of nobody */
static void scenario_negotiation(char **arg)
{
    static const uint8_t noise_bytes[64] = {1};
    const struct blob noise = {noise_bytes, 48}, other = {noise_bytes, 47};
    struct neg_terms t, again;
    uint8_t key[KEY_BYTES];
    struct device a, b;
    struct msg m;

    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    send_open(&a, a.id, 1);
    expect_reject(&a, REASON_SELF);
    send_open(&a, "nobody", 1);
    expect_reject(&a, REASON_UNKNOWN_PEER);
    send_open(&a, b.id, 2);
    take_salt(&a, &t, key);
    send_open(&a, b.id, 2); /* the same request again: the same negotiation */
    take_salt(&a, &again, key);
    CHECK(memcmp(&t, &again, sizeof(t)) == 0);
    send_request(&a, &t, &noise);
    expect(&a, &m, MSG_NEG_PENDING);
    send_request(&a, &t, &noise);
    expect(&a, &m, MSG_NEG_PENDING);
    send_request(&a, &t, &other);
    expect_reject(&a, REASON_STALE);
    attach(&b, ROLE_RECV, HOP_SEALED); /* what waited */
    take_salt(&b, &again, key);
    CHECK(memcmp(&t, &again, sizeof(t)) == 0);
    expect(&b, &m, MSG_NEG_FORWARD);
    CHECK(neg_body_check(&t, &m.u.neg_forward.sealed, &b.key) == 0);
    memset(&m, 0, sizeof(m));
    m.type = MSG_NEG_ANSWER;
    memcpy(m.u.neg_answer.negotiation, t.negotiation, NEG_ID_BYTES);
    m.u.neg_answer.reason = REASON_POLICY;
    send_msg(&b, &m);
    expect_reject(&a, REASON_POLICY);
    send_request(&a, &t, &noise); /* T is gone */
    expect_reject(&a, REASON_STALE);
    send_open(&a, b.id, 3);
    take_salt(&a, &t, key);
    take_salt(&b, &again, key);
    t.sk.b[0] ^= 1; /* a forged proof ends it for both */
    send_request(&a, &t, &noise);
    expect_reject(&a, REASON_CHECK_FAILED);
    expect_reject(&b, REASON_CHECK_FAILED);
}

/* repeats A B N: A says step 2 again N times before it reads an answer. Each gets one, and others
 * are let in meanwhile. */
static void scenario_repeats(char **arg)
{
    static const uint8_t noise_bytes[48] = {1};
    const struct blob noise = {noise_bytes, sizeof(noise_bytes)};
    int n = atoi(arg[2]);
    struct neg_terms t;
    uint8_t key[KEY_BYTES];
    struct device a, other;
    struct msg m;

    device_init(&a, arg[0]);
    device_init(&other, "stranger");
    attach(&a, ROLE_SEND, HOP_SEALED);
    send_open(&a, arg[1], 77);
    take_salt(&a, &t, key);
    send_request(&a, &t, &noise);
    expect(&a, &m, MSG_NEG_PENDING);
    for (int i = 0; i < n; i++)
        send_request(&a, &t, &noise);
    hop_up(&other, ROLE_SEND, HOP_SEALED);
    for (int i = 0; i < n; i++) {
        expect(&a, &m, MSG_NEG_PENDING);
        CHECK(memcmp(m.u.neg_pending.negotiation, t.negotiation, NEG_ID_BYTES) == 0);
    }
    t.sk.b[0] ^= 1; /* ends it, for the next scenario */
    send_request(&a, &t, &noise);
    expect_reject(&a, REASON_CHECK_FAILED);
}

/* full A B: for a mailbox of 3 packages. Order is kept across a refusal. */
static void scenario_full(char **arg)
{
    struct device a, b;
    struct msg m;

    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    for (uint64_t i = 0; i < 3; i++)
        send_package(&a, b.id, i);
    for (uint64_t i = 0; i < 3; i++)
        expect_accepted(&a, i);
    fill_package(&m, a.id, b.id, 2); /* other bytes under the same name */
    m.u.package.seq = 99;
    send_msg(&a, &m);
    expect_refused(&a, 2, REASON_CONFLICT);
    for (uint64_t i = 3; i < 6; i++)
        send_package(&a, b.id, i);
    expect_refused(&a, 3, REASON_MAILBOX_FULL);
    expect_refused(&a, 4, REASON_STREAM_STOPPED);
    expect_refused(&a, 5, REASON_STREAM_STOPPED);
    attach(&b, ROLE_RECV, HOP_SEALED);
    for (uint64_t i = 0; i < 3; i++)
        receive(&b, i, RECEIPT_VERIFIED);
    for (uint64_t i = 0; i < 3; i++)
        expect_receipt(&a, b.id, i, RECEIPT_VERIFIED);
    send_package(&a, b.id, 4);
    expect_refused(&a, 4, REASON_STREAM_STOPPED);
    CHECK(resume(&a, b.id) == 3);
    send_package(&a, b.id, 3);
    expect_accepted(&a, 3);
    send_package(&a, "nobody", 0);
    expect_refused(&a, 0, REASON_UNKNOWN_PEER);
    send_package(&a, b.id, 4);
    expect_accepted(&a, 4);
    receive(&b, 3, RECEIPT_VERIFIED);
    receive(&b, 4, RECEIPT_VERIFIED);
    expect_receipt(&a, b.id, 3, RECEIPT_VERIFIED);
    expect_receipt(&a, b.id, 4, RECEIPT_VERIFIED);
}

/* lies A B: headers that do not tell the truth, each refused alone */
static void scenario_lies(char **arg)
{
    uint8_t long_message[2000] = {0};
    struct device a;
    struct msg m;

    device_init(&a, arg[0]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    fill_package(&m, arg[1], a.id, 0);
    send_msg(&a, &m);
    expect_refused(&a, 0, REASON_NOT_YOURS);
    send_package(&a, a.id, 1);
    expect_refused(&a, 1, REASON_SELF);
    fill_package(&m, a.id, arg[1], 2);
    m.u.package.width++;
    send_msg(&a, &m);
    expect_refused(&a, 2, REASON_IMAGE);
    fill_package(&m, a.id, arg[1], 3);
    m.u.package.image.len--;
    send_msg(&a, &m);
    expect_refused(&a, 3, REASON_IMAGE);
    fill_package(&m, a.id, arg[1], 4);
    m.u.package.message_bytes++;
    send_msg(&a, &m);
    expect_refused(&a, 4, REASON_MALFORMED);
    fill_package(&m, a.id, arg[1], 5); /* the cloud runs with --max-message 1000 */
    m.u.package.message = (struct blob){long_message, sizeof(long_message)};
    m.u.package.message_bytes = sizeof(long_message);
    send_msg(&a, &m);
    expect_refused(&a, 5, REASON_TOO_LARGE);
}

/* ---- messages to sets ---- */

struct table {
    uint8_t bytes[(SET_MAX + 2) * (4 + SET_MEMBER_MAX)];
    size_t len;
};

static void add_member(struct table *t, const char *to, uint64_t index, uint8_t direction)
{
    struct msg_set_member m = {.index = index, .seq = index + 1, .direction = direction};
    uint8_t part[SET_MEMBER_MAX];
    struct wbuf w;
    size_t len;

    memset(m.session, 0x5e, SESSION_ID_BYTES);
    text_copy(m.to, sizeof(m.to), to);
    CHECK(set_member_encode(part, &len, &m) == 0);
    wbuf_init(&w, t->bytes + t->len, sizeof(t->bytes) - t->len);
    wbuf_blob(&w, &(struct blob){part, len});
    CHECK(wbuf_err(&w) == 0);
    t->len += w.len;
}

/* A common part of d's that the cloud takes. */
static void fill_common(struct msg *m, const struct device *d)
{
    fill_package(m, d->id, d->id, 0);
    set_common_header(&m->u.package);
}

static void send_set(struct device *d, const struct table *t, const struct msg *common)
{
    static uint8_t body[65536];
    struct msg m = {.type = MSG_SET_PACKAGE};
    struct wbuf w;

    wbuf_init(&w, body, sizeof(body));
    msg_encode(common, &w);
    CHECK(wbuf_err(&w) == 0);
    m.u.set_package.members = (struct blob){t->bytes, t->len};
    m.u.set_package.common = (struct blob){body, w.len};
    send_msg(d, &m);
}

/* What cannot be read ends the connection. */
static void bad_sets(const char *from, const char *to)
{
    struct device a;
    struct msg common;

    for (int i = 0; i < 6; i++) {
        struct table t = {.len = 0};

        device_init(&a, from);
        attach(&a, ROLE_SEND, HOP_SEALED);
        fill_common(&common, &a);
        if (i > 0)
            add_member(&t, to, 0, 0);
        if (i == 1)
            add_member(&t, to, 1, 0); /* twice */
        for (int n = 0; i == 2 && n < SET_MAX; n++) {
            char name[ID_MAX + 1];

            snprintf(name, sizeof(name), "member-%d", n);
            add_member(&t, name, 0, 0);
        }
        if (i == 3)
            t.len -= 5;
        if (i == 4)
            common.u.package.session[0] = 1;
        if (i == 5)
            text_copy(common.u.package.to, sizeof(common.u.package.to), to);
        send_set(&a, &t, &common);
        expect_error(&a, REASON_MALFORMED);
        close(a.fd);
    }
}

/* What is not true, or not taken, is refused for each member by itself. */
static void refused_sets(struct device *a, const char *to)
{
    static const unsigned reasons[] = {REASON_NOT_YOURS, REASON_MALFORMED, REASON_TOO_LARGE,
                                       REASON_IMAGE};
    static uint8_t long_message[2000];
    struct msg common;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct msg_package *p = &common.u.package;
        struct table t = {.len = 0};

        fill_common(&common, a);
        if (i == 0) {
            text_copy(p->from, sizeof(p->from), to);
            text_copy(p->to, sizeof(p->to), to);
        }
        if (i == 1)
            p->profile = PROFILE_PAPER;
        if (i == 2) {
            p->message = (struct blob){long_message, sizeof(long_message)};
            p->message_bytes = sizeof(long_message);
        }
        if (i == 3)
            p->height++;
        add_member(&t, to, 7, 0);
        add_member(&t, "nobody", 8, 0);
        send_set(a, &t, &common);
        expect_refused(a, 7, reasons[i]);
        expect_refused(a, 8, reasons[i]);
    }
}

/* Take a member's package of this index and receipt it. */
static void receive_shared(struct device *d, uint64_t index)
{
    struct msg m, r = {.type = MSG_RECEIPT};
    struct set_shared s;

    expect(d, &m, MSG_PACKAGE_SHARED);
    CHECK(set_shared_parse(&s, &m.u.package_shared) == 0);
    CHECK(s.member.index == index && strcmp(s.member.to, d->id) == 0);
    memcpy(r.u.receipt.peer, s.common.u.package.from, sizeof(r.u.receipt.peer));
    memcpy(r.u.receipt.session, s.member.session, SESSION_ID_BYTES);
    r.u.receipt.index = index;
    r.u.receipt.status = RECEIPT_VERIFIED;
    memcpy(r.u.receipt.digest, s.digest, DIGEST_BYTES);
    memset(r.u.receipt.mac, 0x3a, MAC_BYTES);
    send_msg(d, &r);
}

/* sets A B: tables and common parts that are wrong, and members that cannot be; each good part is
 * taken all the same. For a cloud with --max-message 1000 */
static void scenario_sets(char **arg)
{
    struct table t = {.len = 0};
    struct device a, b;
    struct msg common, m;
    int accepted = 0;

    bad_sets(arg[0], arg[1]);
    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    refused_sets(&a, b.id);
    fill_common(&common, &a);
    add_member(&t, a.id, 1, 0);
    add_member(&t, "member-1", 2, 1);
    add_member(&t, "nobody", 3, 0);
    add_member(&t, b.id, 4, 0);
    for (int again = 0; again < 2; again++) {
        send_set(&a, &t, &common);
        expect_refused(&a, 1, REASON_SELF);
        expect_refused(&a, 2, REASON_MALFORMED);
        for (int i = 0; i < 2; i++) { /* as the store answers */
            CHECK(next(&a, &m) == MSG_REFUSED || m.type == MSG_ACCEPTED);
            if (m.type == MSG_REFUSED)
                CHECK(m.u.refused.index == 3 && m.u.refused.reason == REASON_UNKNOWN_PEER);
            else
                CHECK(m.u.accepted.index == 4 && ++accepted);
        }
    }
    CHECK(accepted == 2);
    attach(&b, ROLE_RECV, HOP_SEALED);
    receive_shared(&b, 4);
    expect_receipt(&a, b.id, 4, RECEIPT_VERIFIED);
    barrier(&b);
}

static void send_raw(struct device *d, const void *p, size_t len)
{
    d->fd = dial();
    write_all(d->fd, p, len);
}

/* Before the handshake: sizes, types, versions, modes and keys that are not right. */
static void scenario_preauth(char **arg)
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
static void scenario_no_open(char **arg)
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
static void scenario_postauth(char **arg)
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
static void scenario_silent(char **arg)
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
static void scenario_crowd(char **arg)
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

/* put A B: three packages for a receiver that is away */
static void scenario_put(char **arg)
{
    struct device a;

    device_init(&a, arg[0]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    for (uint64_t i = 20; i < 23; i++)
        send_package(&a, arg[1], i);
    for (uint64_t i = 20; i < 23; i++)
        expect_accepted(&a, i);
}

/* altered A B: of the three, the first has another index now, the second is cut, the third has
 * another pixel. The sender hears of each under the name that it gave it. */
static void scenario_altered(char **arg)
{
    struct device a, b;
    struct msg m;

    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&b, ROLE_RECV, HOP_SEALED);
    receive(&b, 99, RECEIPT_UNVERIFIABLE);
    receive(&b, 22, RECEIPT_REJECTED);
    barrier(&b);
    attach(&a, ROLE_SEND, HOP_SEALED);
    for (int i = 0; i < 3; i++) {
        expect(&a, &m, MSG_RECEIPT);
        CHECK(m.u.receipt.index >= 20 && m.u.receipt.index <= 22);
        CHECK(m.u.receipt.status ==
              (m.u.receipt.index == 22 ? RECEIPT_REJECTED : RECEIPT_UNVERIFIABLE));
        CHECK(sodium_is_zero(m.u.receipt.mac, MAC_BYTES) == (m.u.receipt.index != 22));
        acknowledge(&a, &m);
    }
    CHECK(resume(&a, b.id) == 23);
}

/* revoked A B: attached devices, while the caller revokes B */
static void scenario_revoked(char **arg)
{
    struct device a, b;
    struct msg m;

    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    attach(&b, ROLE_RECV, HOP_SEALED);
    send_package(&a, b.id, 10);
    expect_accepted(&a, 10);
    expect(&b, &m, MSG_PACKAGE);
    printf("ready\n");
    fflush(stdout);
    expect_error(&b, REASON_NOT_ENROLLED);
    expect(&a, &m, MSG_PEER_GONE);
    CHECK(strcmp(m.u.peer_gone.peer, b.id) == 0);
    expect_receipt(&a, b.id, 10, RECEIPT_EXPIRED);
    send_package(&a, b.id, 11);
    expect_refused(&a, 11, REASON_PEER_REVOKED);
}

/* term A: attached, while the caller stops the cloud */
static void scenario_term(char **arg)
{
    struct device a;
    struct msg m;

    device_init(&a, arg[0]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    printf("ready\n");
    fflush(stdout);
    expect(&a, &m, MSG_ERROR);
    CHECK(m.u.error.reason == REASON_SHUTDOWN);
    CHECK(next(&a, &m) == 0);
}

/* flood A B N: A asks for a session N times while B does not read. B is not buried under it: what
 * waits for it stays bounded, and the last negotiation is there in the end. */
static void scenario_flood(char **arg)
{
    const int n = atoi(arg[2]), at_once = 100;
    struct neg_terms t, last;
    struct device a, b;
    uint8_t key[KEY_BYTES];
    struct msg m = {.type = MSG_NEG_ANSWER};
    int seen = 0;

    CHECK(n >= at_once && n % at_once == 0);
    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&b, ROLE_RECV, HOP_SEALED);
    attach(&a, ROLE_SEND, HOP_SEALED);
    for (int i = 0; i < n; i += at_once) {
        for (int k = 0; k < at_once; k++)
            send_open(&a, b.id, 1000000 + (uint64_t)(i + k));
        for (int k = 0; k < at_once; k++)
            take_salt(&a, &last, key);
    }
    do {
        take_salt(&b, &t, key);
        seen++;
    } while (memcmp(t.negotiation, last.negotiation, NEG_ID_BYTES) != 0);
    printf("%d of %d\n", seen, n);
    CHECK(seen < n);
    memcpy(m.u.neg_answer.negotiation, last.negotiation, NEG_ID_BYTES);
    m.u.neg_answer.reason = REASON_POLICY;
    send_msg(&b, &m);
    expect(&a, &m, MSG_NEG_REJECT);
    CHECK(m.u.neg_reject.reason == REASON_POLICY);
    barrier(&b);
}

static const struct {
    const char *name;
    int arguments;
    void (*run)(char **arg);
} scenarios[] = {
    {"enrol", 3, scenario_enrol},
    {"enrol-fails", 4, scenario_enrol_fails},
    {"enrol-blank", 2, scenario_enrol_blank},
    {"flow", 2, scenario_flow},
    {"negotiation", 2, scenario_negotiation},
    {"repeats", 3, scenario_repeats},
    {"full", 2, scenario_full},
    {"lies", 2, scenario_lies},
    {"sets", 2, scenario_sets},
    {"preauth", 0, scenario_preauth},
    {"no-open", 0, scenario_no_open},
    {"postauth", 1, scenario_postauth},
    {"silent", 0, scenario_silent},
    {"crowd", 1, scenario_crowd},
    {"put", 2, scenario_put},
    {"altered", 2, scenario_altered},
    {"revoked", 2, scenario_revoked},
    {"flood", 3, scenario_flood},
    {"term", 1, scenario_term},
};

int main(int argc, char **argv)
{
    CHECK(argc >= 4 && sodium_init() >= 0);
    CHECK(text_unhex(cloud_key, KEY_BYTES, argv[2]) == 0);
    reach(argv[1]);
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strcmp(scenarios[i].name, argv[3]) != 0)
            continue;
        CHECK(argc - 4 >= scenarios[i].arguments);
        scenarios[i].run(argv + 4);
        printf("ok %s\n", argv[3]);
        return 0;
    }
    fprintf(stderr, "not ok: no scenario %s\n", argv[3]);
    return 1;
}
