/*
 * steps.c - what a cloud that tells the truth says to the real device, step by step: the hop, a
 * negotiation, bob's receipts. The lies of the scenarios are made of these.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/package.h"
#include "tests/integration/hostile_cloud/hostile_cloud.h"

struct noise_keypair cloud, alice, bob;
uint8_t shk[KEY_BYTES];
struct device at = {.fd = -1};

static int listener;

/* ---- the hop ---- */

unsigned listen_somewhere(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);

    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0);
    CHECK(listen(listener, 8) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&a, &len) == 0);
    return ntohs(a.sin_port);
}

void accept_one(void)
{
    struct pollfd ready = {.fd = listener, .events = POLLIN};

    if (at.fd >= 0)
        close(at.fd);
    CHECK(poll(&ready, 1, WAIT_MS) == 1);
    at.fd = accept(listener, NULL, NULL);
    at.frame = shared_frame;
    CHECK(at.fd >= 0);
}

void read_hello(struct msg *m)
{
    size_t total = read_frame(&at);

    CHECK(total > FRAME_HEADER);
    CHECK(msg_decode(m, MSG_HOP_HELLO, at.frame + FRAME_HEADER, total - FRAME_HEADER) == 0);
}

static void hop(void)
{
    struct msg m, reply = {.type = MSG_HOP_REPLY};
    uint8_t noise[256], none[1];
    struct noise_handshake hs;
    size_t n;

    accept_one();
    read_hello(&m);
    CHECK(hop_start_cloud(&hs, HOP_SEALED, m.u.hop_hello.role, &cloud) == 0);
    CHECK(noise_read(&hs, m.u.hop_hello.noise.p, m.u.hop_hello.noise.len, none, 0, &n) == 0);
    CHECK(noise_write(&hs, NULL, 0, noise, sizeof(noise), &n) == 0);
    CHECK(hop_finish(&hs, HOP_SEALED, &at.hop) == 0);
    reply.u.hop_reply.noise = (struct blob){noise, n};
    send_plain(at.fd, &reply);
}

void attached(struct msg *m)
{
    struct msg yes = {.type = MSG_ATTACHED};

    hop();
    expect(&at, m, MSG_ATTACH);
    yes.u.attached.enrolment = 1;
    yes.u.attached.retention = RETENTION_DAYS;
    send_msg(&at, &yes);
}

void attached_offer(struct offer *o)
{
    struct msg m;

    attached(&m);
    *o = (struct offer){m.u.attach.profiles, m.u.attach.suites, m.u.attach.codecs};
}

void expect_gone(void)
{
    struct msg m;

    while (next(&at, &m) != 0)
        ;
}

void send_away(void)
{
    struct msg m = {.type = MSG_ERROR};

    m.u.error.reason = REASON_NOT_ENROLLED;
    send_msg(&at, &m);
    CHECK(shutdown(at.fd, SHUT_WR) == 0);
    CHECK(next(&at, &m) == 0);
}

/* ---- a negotiation ---- */

void new_terms(struct neg_terms *t, const struct offer *o)
{
    memset(t, 0, sizeof(*t));
    randombytes_buf(t->negotiation, NEG_ID_BYTES);
    randombytes_buf(t->salt, KEY_BYTES);
    t->sk.len = KEY_BYTES;
    randombytes_buf(t->sk.b, KEY_BYTES);
    keybuf_set(&t->shk, shk, KEY_BYTES);
    memcpy(t->cloud, cloud.public_key, KEY_BYTES);
    text_copy(t->initiator, sizeof(t->initiator), "alice");
    text_copy(t->responder, sizeof(t->responder), "bob");
    t->i_offer = t->r_offer = *o;
    suite_list_strong(&t->allowed, 0);
    CHECK(offer_choose(&t->choice, o, o, &t->allowed) == 0);
}

void send_peer(const struct noise_keypair *self, const uint8_t key[KEY_BYTES])
{
    struct msg inner = {.type = MSG_PAIR_BODY}, m = {.type = MSG_PEER};
    const char *id = self == &alice ? "alice" : "bob", *peer = self == &alice ? "bob" : "alice";
    uint8_t sealed[256];
    size_t len;

    text_copy(inner.u.pair_body.to, sizeof(inner.u.pair_body.to), id);
    text_copy(inner.u.pair_body.peer, sizeof(inner.u.pair_body.peer), peer);
    inner.u.pair_body.shk = (struct blob){shk, KEY_BYTES};
    CHECK(body_seal(&inner, self->public_key, sealed, sizeof(sealed), &len) == 0);
    text_copy(m.u.peer.peer, sizeof(m.u.peer.peer), peer);
    memcpy(m.u.peer.key, key, KEY_BYTES);
    m.u.peer.enrolment = 2;
    m.u.peer.sealed = (struct blob){sealed, len};
    send_msg(&at, &m);
}

void send_salt(const struct noise_keypair *self, const struct neg_terms *t, uint64_t request,
               const uint8_t inside[NEG_ID_BYTES])
{
    struct msg inner = {.type = MSG_SALT_BODY}, m = {.type = MSG_SALT};
    struct msg_salt *s = &m.u.salt;
    uint8_t sealed[256];
    size_t len;

    memcpy(inner.u.salt_body.negotiation, inside, NEG_ID_BYTES);
    memcpy(inner.u.salt_body.salt, t->salt, KEY_BYTES);
    inner.u.salt_body.sk = keybuf_blob(&t->sk);
    CHECK(body_seal(&inner, self->public_key, sealed, sizeof(sealed), &len) == 0);
    memcpy(s->negotiation, t->negotiation, NEG_ID_BYTES);
    s->request = request;
    memcpy(s->initiator, t->initiator, sizeof(s->initiator));
    memcpy(s->responder, t->responder, sizeof(s->responder));
    s->i_profiles = t->i_offer.profiles;
    s->i_suites = t->i_offer.suites;
    s->i_codecs = t->i_offer.codecs;
    s->r_profiles = t->r_offer.profiles;
    s->r_suites = t->r_offer.suites;
    s->r_codecs = t->r_offer.codecs;
    s->allowed = t->allowed;
    s->profile = t->choice.profile;
    s->suite = t->choice.suite;
    s->codec = t->choice.codec;
    s->sealed = (struct blob){sealed, len};
    send_msg(&at, &m);
}

struct offer offer_of(const struct msg_open *o)
{
    return (struct offer){o->profiles, o->suites, o->codecs};
}

void send_result(const struct neg_terms *t, const struct blob *noise)
{
    struct msg m = {.type = MSG_NEG_RESULT};
    uint8_t sealed[NEG_SEALED_MAX];
    size_t len;

    CHECK(neg_body_seal(t, alice.public_key, sealed, &len) == 0);
    memcpy(m.u.neg_result.negotiation, t->negotiation, NEG_ID_BYTES);
    m.u.neg_result.sealed = (struct blob){sealed, len};
    m.u.neg_result.noise = *noise;
    send_msg(&at, &m);
}

size_t to_step_2(struct neg_terms *t, uint8_t out[256])
{
    struct msg m;
    struct offer o;
    uint64_t request;

    expect(&at, &m, MSG_OPEN);
    o = offer_of(&m.u.open);
    request = m.u.open.request;
    new_terms(t, &o);
    send_peer(&alice, bob.public_key);
    send_salt(&alice, t, request, t->negotiation);
    expect(&at, &m, MSG_NEG_REQUEST);
    CHECK(memcmp(m.u.neg_request.negotiation, t->negotiation, NEG_ID_BYTES) == 0);
    CHECK(neg_body_check(t, &m.u.neg_request.sealed, &cloud) == 0);
    memcpy(out, m.u.neg_request.noise.p, m.u.neg_request.noise.len);
    return m.u.neg_request.noise.len;
}

size_t bobs_part(const struct neg_terms *t, const uint8_t *in, size_t in_len, uint8_t out[256],
                 struct session_keys *keys)
{
    struct noise_handshake hs;
    uint8_t none[1];
    size_t n;

    CHECK(neg_noise_start(&hs, t, 0, &bob, alice.public_key) == 0);
    CHECK(noise_read(&hs, in, in_len, none, 0, &n) == 0);
    CHECK(noise_write(&hs, NULL, 0, out, 256, &n) == 0);
    CHECK(neg_session_keys(&hs, keys) == 0);
    return n;
}

void first_package(struct neg_terms *t, struct session_keys *keys, struct msg *m,
                   uint8_t digest[DIGEST_BYTES])
{
    uint8_t request[256], noise[256];
    size_t n;

    attached(m);
    n = to_step_2(t, request);
    n = bobs_part(t, request, n, noise, keys);
    send_result(t, &(struct blob){noise, n});
    expect(&at, m, MSG_NEG_CONFIRM);
    expect(&at, m, MSG_PACKAGE);
    package_digest(digest, at.body, at.body_len);
}

/* ---- receipts to alice ---- */

void tell_receipt(const struct session_keys *k, const struct msg_package *p,
                  const uint8_t digest[DIGEST_BYTES], uint8_t status)
{
    struct msg m = {.type = MSG_RECEIPT};
    struct msg_receipt *r = &m.u.receipt;

    text_copy(r->peer, sizeof(r->peer), "bob");
    memcpy(r->session, p->session, SESSION_ID_BYTES);
    r->index = p->index;
    r->status = status;
    memcpy(r->digest, digest, DIGEST_BYTES);
    if (k != NULL)
        receipt_mac(r->mac, k->receipt, r);
    send_msg(&at, &m);
}

void send_receipt(const struct session_keys *k, const struct msg_package *p,
                  const uint8_t digest[DIGEST_BYTES], uint8_t status)
{
    struct msg m;

    tell_receipt(k, p, digest, status);
    expect(&at, &m, MSG_RECEIPT_ACK);
}

void resumed_at(const struct session_keys *k, uint64_t next_index)
{
    struct msg m, resumed = {.type = MSG_RESUMED};

    attached(&m);
    expect(&at, &m, MSG_RESUME);
    text_copy(resumed.u.resumed.to, sizeof(resumed.u.resumed.to), "bob");
    memcpy(resumed.u.resumed.session, k->session, SESSION_ID_BYTES);
    resumed.u.resumed.next = next_index;
    resumed.u.resumed.enrolment = 2;
    send_msg(&at, &resumed);
}
