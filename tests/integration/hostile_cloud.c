/*
 * hostile_cloud.c - a cloud that lies, against the real sds and sdr. It holds the right hop key, as
 * a malicious operator would, and plays the peer as well where a scenario needs one.
 *
 *     hostile_cloud HOME SCENARIO     makes HOME, a device enrolled here, and prints "ready"
 *
 * In HOME: device.key, device.conf, and cover.pgm for sds. The device is alice when it sends and
 * bob when it receives. Exit 0: the device did what it should.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "common/err.h"
#include "common/package.h"
#include "common/profile.h"
#include "common/secret.h"
#include "common/set.h"
#include "common/sql/sql.h"
#include "tests/integration/cloud_peer.h"

#define SIDE 128 /* pixels, of the cover */

static struct noise_keypair cloud, alice, bob; /* one of the two devices is real */
static uint8_t shk[KEY_BYTES];
static uint8_t pixels[SIDE * SIDE];
static int listener;
static const char *home;
static struct device at = {.fd = -1}; /* the connection to the real device */

/* ---- the device's home ---- */

static void write_file(const char *dir, const char *name, const void *p, size_t len)
{
    char path[512];

    CHECK((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) < sizeof(path));
    CHECK(secret_write_file(path, p, len) == 0);
}

static unsigned listen_somewhere(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);

    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0);
    CHECK(listen(listener, 8) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&a, &len) == 0);
    return ntohs(a.sin_port);
}

static void make_home(const char *dir, const char *id, const struct noise_keypair *key)
{
    uint8_t raw[2 * KEY_BYTES], pgm[PGM_HEADER_MAX + sizeof(pixels)];
    char conf[512], hex[2 * KEY_BYTES + 1];
    size_t len;
    int n;

    CHECK(mkdir(dir, 0700) == 0 || errno == EEXIST);
    memcpy(raw, key->secret_key, KEY_BYTES);
    randombytes_buf(raw + KEY_BYTES, KEY_BYTES);
    write_file(dir, "device.key", raw, sizeof(raw));
    text_hex(hex, cloud.public_key, KEY_BYTES);
    n = snprintf(conf, sizeof(conf),
                 "inkpost-device 1\nid %s\nhost 127.0.0.1\nport %u\ncloud-key %s\nenrolment 1\n",
                 id, listen_somewhere(), hex);
    write_file(dir, "device.conf", conf, (size_t)n);
    randombytes_buf(pixels, sizeof(pixels));
    CHECK(pgm_write(pgm, sizeof(pgm), &len, SIDE, SIDE, pixels) == 0);
    write_file(dir, "cover.pgm", pgm, len);
    printf("ready\n");
    fflush(stdout);
}

/* ---- the cloud's side of the hop ---- */

static void accept_one(void)
{
    struct pollfd ready = {.fd = listener, .events = POLLIN};

    if (at.fd >= 0)
        close(at.fd);
    CHECK(poll(&ready, 1, WAIT_MS) == 1);
    at.fd = accept(listener, NULL, NULL);
    at.frame = shared_frame;
    CHECK(at.fd >= 0);
}

static void read_hello(struct msg *m)
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

/* The device is attached; m is its ATTACH. */
static void attached(struct msg *m)
{
    struct msg yes = {.type = MSG_ATTACHED};

    hop();
    expect(&at, m, MSG_ATTACH);
    yes.u.attached.enrolment = 1;
    yes.u.attached.retention = RETENTION_DAYS;
    send_msg(&at, &yes);
}

/* The device gives this connection up, whatever it still says. */
static void expect_gone(void)
{
    struct msg m;

    while (next(&at, &m) != 0)
        ;
}

/* At the end, that the device need not wait for its time-out: a word that is final. It has nothing
 * more to say. */
static void send_away(void)
{
    struct msg m = {.type = MSG_ERROR};

    m.u.error.reason = REASON_NOT_ENROLLED;
    send_msg(&at, &m);
    CHECK(shutdown(at.fd, SHUT_WR) == 0);
    CHECK(next(&at, &m) == 0);
}

/* ---- one negotiation ---- */

static void new_terms(struct neg_terms *t, const struct offer *o)
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

/* PEER, to `self` about the other one, whose key is said to be `key`. */
static void send_peer(const struct noise_keypair *self, const uint8_t key[KEY_BYTES])
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

/* SALT of t; the sealed part belongs to the negotiation `inside`. */
static void send_salt(const struct noise_keypair *self, const struct neg_terms *t, uint64_t request,
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

static struct offer offer_of(const struct msg_open *o)
{
    return (struct offer){o->profiles, o->suites, o->codecs};
}

/* Step 5 to alice, with these bytes for bob's Noise message. */
static void send_result(const struct neg_terms *t, const struct blob *noise)
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

/* OPEN to step 2: the terms, and alice's Noise message in out. */
static size_t to_step_2(struct neg_terms *t, uint8_t out[256])
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

/* Bob's Noise message for these terms. */
static size_t bobs_part(const struct neg_terms *t, const uint8_t *in, size_t in_len,
                        uint8_t out[256], struct session_keys *keys)
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

/* ---- against sds ---- */

/* Before and behind the handshake: what cannot be read ends the connection, never the program. */
static void scenario_frames(void)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0x02};
    uint8_t zeros[64] = {0}, frame[128];
    struct msg m, refused = {.type = MSG_HOP_REFUSED}, reply = {.type = MSG_HOP_REPLY};

    accept_one(); /* not final, and with a text that would steer a terminal */
    read_hello(&m);
    refused.u.hop_refused.reason = REASON_BUSY;
    refused.u.hop_refused.detail = (struct blob){(const uint8_t *)"\x1b[2J\xc2\x9b"
                                                                  "31mx\x9b",
                                                 11};
    send_plain(at.fd, &refused);
    accept_one(); /* the handshake of somebody without the key */
    read_hello(&m);
    reply.u.hop_reply.noise = (struct blob){zeros, 48};
    send_plain(at.fd, &reply);
    CHECK(read_frame(&at) == 0);
    accept_one(); /* a length beyond everything */
    write_all(at.fd, huge, sizeof(huge));
    read_hello(&m);
    CHECK(read_frame(&at) == 0);
    attached(&m); /* the receiver's message to a sender */
    send_body(&at, MSG_NEG_FORWARD, zeros, 16);
    expect_gone();
    attached(&m); /* cut */
    send_body(&at, MSG_RESUMED, zeros, 3);
    expect_gone();
    attached(&m); /* a flipped bit */
    CHECK(hop_seal_frame(&at.hop, MSG_ACCEPTED, zeros, 40, frame, hop_frame_size(0, 40)) == 0);
    frame[9] ^= 1;
    write_all(at.fd, frame, hop_frame_size(0, 40));
    expect_gone();
    accept_one(); /* it was let in: anybody on the way may say this, so it is not believed */
    read_hello(&m);
    refused.u.hop_refused.reason = REASON_NOT_ENROLLED;
    refused.u.hop_refused.detail = (struct blob){NULL, 0};
    send_plain(at.fd, &refused);
    attached(&m);
    expect(&at, &m, MSG_OPEN);
    send_away();
}

/* Terms that differ from what alice asked, or from each other: no step 2. */
static void scenario_terms(void)
{
    struct noise_keypair other;
    struct neg_terms t;
    struct msg m;

    noise_keypair_new(&other);
    attached(&m);
    for (int i = 0; i < 6; i++) {
        uint8_t inside[NEG_ID_BYTES];
        struct offer o;

        expect(&at, &m, MSG_OPEN); /* nothing else came of the one before */
        o = offer_of(&m.u.open);
        new_terms(&t, &o);
        memcpy(inside, t.negotiation, NEG_ID_BYTES);
        if (i == 0)
            t.i_offer.codecs = (struct list){1, {2}};
        if (i == 1)
            t.choice.codec = 2;
        if (i == 2)
            t.i_offer.profiles.v[t.i_offer.profiles.n++] = t.choice.profile = 9;
        if (i == 3)
            text_copy(t.initiator, sizeof(t.initiator), "mallory");
        if (i == 4)
            inside[0] ^= 1;
        send_peer(&alice, bob.public_key);
        send_salt(i == 5 ? &other : &alice, &t, m.u.open.request, inside);
    }
    expect(&at, &m, MSG_OPEN);
    send_away();
}

/* Another key for a peer that was met: the user must act. */
static void scenario_key(void)
{
    struct msg m, reject = {.type = MSG_NEG_REJECT};
    struct noise_keypair other;
    uint8_t noise[256];
    struct neg_terms t;

    noise_keypair_new(&other);
    attached(&m);
    to_step_2(&t, noise);
    memcpy(reject.u.neg_reject.negotiation, t.negotiation, NEG_ID_BYTES);
    text_copy(reject.u.neg_reject.peer, sizeof(reject.u.neg_reject.peer), "bob");
    reject.u.neg_reject.reason = REASON_STALE;
    send_msg(&at, &reject);
    expect(&at, &m, MSG_OPEN);
    send_peer(&alice, other.public_key);
    CHECK(next(&at, &m) == 0);
}

/* Results that bob did not make: no session, no package. */
static void scenario_result(void)
{
    uint8_t request[256], noise[256];
    struct neg_terms t, wrong;
    struct session_keys keys;
    struct msg m;
    size_t n;

    attached(&m);
    for (int i = 0; i < 4; i++) {
        n = to_step_2(&t, request);
        n = bobs_part(&t, request, n, noise, &keys);
        wrong = t;
        if (i == 0)
            noise[n - 1] ^= 1;
        if (i == 1)
            randombytes_buf(noise, n);
        if (i == 2)
            wrong.shk.b[0] ^= 1;
        if (i == 3)
            n = 0;
        send_result(&wrong, &(struct blob){noise, n});
    }
    expect(&at, &m, MSG_OPEN); /* and not NEG_CONFIRM */
    send_away();
}

static void tell_receipt(const struct session_keys *k, const struct msg_package *p,
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

static void send_receipt(const struct session_keys *k, const struct msg_package *p,
                         const uint8_t digest[DIGEST_BYTES], uint8_t status)
{
    struct msg m;

    tell_receipt(k, p, digest, status);
    expect(&at, &m, MSG_RECEIPT_ACK);
}

/* Lies about a package that bob never saw, then an index that was never used. */
static void scenario_receipts(void)
{
    uint8_t request[256], noise[256], digest[DIGEST_BYTES];
    struct session_keys keys, forged = {.receipt = {0}};
    struct msg m, resumed = {.type = MSG_RESUMED};
    struct msg_package p;
    struct neg_terms t;
    size_t n;

    attached(&m);
    n = to_step_2(&t, request);
    n = bobs_part(&t, request, n, noise, &keys);
    send_result(&t, &(struct blob){noise, n});
    expect(&at, &m, MSG_NEG_CONFIRM);
    expect(&at, &m, MSG_PACKAGE);
    p = m.u.package;
    package_digest(digest, at.body, at.body_len);
    CHECK(memcmp(p.session, keys.session, SESSION_ID_BYTES) == 0);
    send_receipt(NULL, &p, digest, RECEIPT_VERIFIED);
    send_receipt(&forged, &p, digest, RECEIPT_VERIFIED);
    send_receipt(NULL, &p, digest, RECEIPT_REJECTED);
    send_receipt(&keys, &p, digest, 77);
    close(at.fd);
    at.fd = -1;
    attached(&m);
    expect(&at, &m, MSG_RESUME);
    text_copy(resumed.u.resumed.to, sizeof(resumed.u.resumed.to), "bob");
    memcpy(resumed.u.resumed.session, keys.session, SESSION_ID_BYTES);
    resumed.u.resumed.next = UINT64_MAX;
    resumed.u.resumed.enrolment = 2;
    send_msg(&at, &resumed);
    expect(&at, &m, MSG_PACKAGE); /* the same bytes: it was never accepted */
    package_digest(noise, at.body, at.body_len);
    CHECK(memcmp(noise, digest, DIGEST_BYTES) == 0);
    send_away();
}

/* Bob's true word, while alice cannot save it: not acknowledged, and taken when it is said again.
 */
static void scenario_unsaved(void)
{
    uint8_t request[256], noise[256], digest[DIGEST_BYTES];
    struct msg m, resumed = {.type = MSG_RESUMED};
    char path[512], why[256];
    struct session_keys keys;
    struct msg_package p;
    struct neg_terms t;
    struct sql *db;
    size_t n;

    attached(&m);
    n = to_step_2(&t, request);
    n = bobs_part(&t, request, n, noise, &keys);
    send_result(&t, &(struct blob){noise, n});
    expect(&at, &m, MSG_NEG_CONFIRM);
    expect(&at, &m, MSG_PACKAGE);
    p = m.u.package;
    package_digest(digest, at.body, at.body_len);
    poll(NULL, 0, 500); /* she looks once more for messages to pack, and must not meet us there */
    CHECK((size_t)snprintf(path, sizeof(path), "%s/state.db", home) < sizeof(path));
    CHECK(sql_open(&db, path, why, sizeof(why)) == 0 && sql_begin(db, SQL_WRITE) == 0);
    tell_receipt(&keys, &p, digest, RECEIPT_VERIFIED);
    CHECK(next(&at, &m) == 0);
    sql_rollback(db);
    sql_close(db);
    attached(&m);
    expect(&at, &m, MSG_RESUME);
    text_copy(resumed.u.resumed.to, sizeof(resumed.u.resumed.to), "bob");
    memcpy(resumed.u.resumed.session, keys.session, SESSION_ID_BYTES);
    resumed.u.resumed.next = 1;
    resumed.u.resumed.enrolment = 2;
    send_msg(&at, &resumed);
    expect(&at, &m, MSG_PACKAGE);
    send_receipt(&keys, &p, digest, RECEIPT_VERIFIED);
}

/* ---- suites and sealed messages, against sds ---- */

/* Ways to steer the choice of a suite: the first ones contradict what alice offered or can compute;
 * the last ones are sound in themselves, and only bob knows better. */
enum steer {
    STEER_HER_LIST,
    STEER_HER_ORDER,
    STEER_SECOND_BEST,
    STEER_NONE,
    STEER_NOT_ALLOWED,
    STEER_PROFILE,
    STEER_HIS_LIST,
    STEER_ALLOWED,
    STEER_END
};

static void steer(struct neg_terms *t, enum steer how)
{
    struct list *hers = &t->i_offer.suites, *his = &t->r_offer.suites;
    uint8_t second = SUITE_CHACHA20_POLY1305;

    switch (how) {
    case STEER_HER_LIST:
        *hers = (struct list){1, {second}};
        break;
    case STEER_HER_ORDER:
        hers->v[0] = second;
        hers->v[1] = SUITE_XCHACHA20_POLY1305;
        break;
    case STEER_SECOND_BEST:
    case STEER_NOT_ALLOWED:
        break;
    case STEER_NONE:
        t->choice.suite = SUITE_NONE;
        return;
    case STEER_PROFILE:
        t->i_offer.profiles = t->r_offer.profiles;
        t->choice = (struct choice){PROFILE_AUTH, SUITE_NONE, t->choice.codec};
        return;
    case STEER_HIS_LIST:
        *his = (struct list){1, {second}};
        break;
    case STEER_ALLOWED:
        t->allowed = (struct list){1, {second}};
        break;
    case STEER_END:
        return;
    }
    if (how == STEER_NOT_ALLOWED)
        t->allowed = (struct list){1, {second}}; /* and the first is chosen nevertheless */
    else
        t->choice.suite = second;
}

/* Step 1 with these terms, to alice. */
static void tell_alice(const struct neg_terms *t, uint64_t request)
{
    send_peer(&alice, bob.public_key);
    send_salt(&alice, t, request, t->negotiation);
}

/* A cloud that steers the choice: no step 2, or no session. */
static void steer_alice(enum steer from, enum steer to)
{
    uint8_t request[256], noise[256];
    struct neg_terms t, told;
    struct session_keys keys;
    struct noise_handshake hs;
    struct msg m;
    struct offer o;
    size_t n;

    attached(&m);
    for (enum steer how = from; how < to; how++) {
        expect(&at, &m, MSG_OPEN); /* nothing else came of the one before */
        o = offer_of(&m.u.open);
        CHECK(o.profiles.n == 1 && o.profiles.v[0] == PROFILE_SEALED);
        CHECK(o.suites.v[0] == SUITE_XCHACHA20_POLY1305);
        new_terms(&t, &o);
        t.r_offer.profiles = (struct list){2, {PROFILE_AUTH, PROFILE_SEALED}};
        told = t;
        steer(&told, how);
        tell_alice(&told, m.u.open.request);
        if (how < STEER_HIS_LIST)
            continue;
        expect(&at, &m, MSG_NEG_REQUEST);
        n = m.u.neg_request.noise.len;
        memcpy(request, m.u.neg_request.noise.p, n);
        /* bob, who knows his own list and hears the truth, cannot read it */
        CHECK(neg_noise_start(&hs, &t, 0, &bob, alice.public_key) == 0);
        CHECK(noise_read(&hs, request, n, noise, 0, &n) == ERR_AUTH);
        /* and one that answers all the same is not believed */
        n = bobs_part(&told, request, m.u.neg_request.noise.len, noise, &keys);
        noise[n - 1] ^= 1;
        send_result(&told, &(struct blob){noise, n});
    }
    expect(&at, &m, MSG_OPEN);
    send_away();
}

static void scenario_suites(void)
{
    steer_alice(0, STEER_NOT_ALLOWED);
}

/* Waits between her tries grow, so in two parts. */
static void scenario_steered(void)
{
    steer_alice(STEER_NOT_ALLOWED, STEER_END);
}

/* A list that has nothing in common with hers: the end, with everybody's suites. */
static void scenario_nosuite(void)
{
    struct msg m, reject = {.type = MSG_NEG_REJECT};
    struct msg_neg_reject *r = &reject.u.neg_reject;

    attached(&m);
    expect(&at, &m, MSG_OPEN);
    r->request = m.u.open.request;
    text_copy(r->peer, sizeof(r->peer), "bob");
    r->reason = REASON_NO_SUITE;
    r->i_suites = m.u.open.suites;
    r->r_suites = (struct list){2, {SUITE_CHACHA20_POLY1305, 200}};
    r->allowed = (struct list){1, {SUITE_NONE}};
    send_msg(&at, &reject);
    expect_gone();
}

/* Try to open a package with a secret that the cloud has. */
static void cannot_open(const struct msg *m, const void *secret, uint8_t suite)
{
    struct package_opened opened;
    struct keybuf state = {0}, key;

    keybuf_set(&state, secret, KEY_BYTES);
    keybuf_append(&state, &suite, 1);
    CHECK(package_open(&opened, m, &state) == ERR_AUTH);
    package_opened_free(&opened);
    CHECK(profile_sealed.take_key(&key, &state) == 0);
    CHECK(package_open(&opened, m, &key) == ERR_AUTH);
    package_opened_free(&opened);
}

/* Alice's sealed message at a cloud that has all that a cloud has: it sees a size class. */
static void scenario_read(void)
{
    uint8_t request[256], noise[256], digest[DIGEST_BYTES], psk[KEY_BYTES];
    const uint8_t *secrets[] = {shk, psk, NULL, NULL, cloud.secret_key};
    struct session_keys keys;
    struct package_opened opened;
    struct keybuf key;
    struct neg_terms t;
    struct msg m;
    size_t n;

    attached(&m);
    n = to_step_2(&t, request);
    CHECK(t.choice.profile == PROFILE_SEALED && t.choice.suite == SUITE_XCHACHA20_POLY1305);
    n = bobs_part(&t, request, n, noise, &keys);
    send_result(&t, &(struct blob){noise, n});
    expect(&at, &m, MSG_NEG_CONFIRM);
    expect(&at, &m, MSG_PACKAGE);
    package_digest(digest, at.body, at.body_len);
    CHECK(memmem(at.body, at.body_len, "hello", 5) == NULL);
    CHECK(m.u.package.message_bytes == 64 && m.u.package.message.len == 64);
    neg_psk(psk, &t);
    secrets[2] = t.salt;
    secrets[3] = t.sk.b;
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        cannot_open(&m, secrets[i], t.choice.suite);
    keybuf_append(&keys.state, &t.choice.suite, 1); /* bob can */
    CHECK(profile_sealed.take_key(&key, &keys.state) == 0);
    CHECK(package_open(&opened, &m, &key) == 0);
    CHECK(opened.message.len == 5 && memcmp(opened.message.p, "hello", 5) == 0);
    package_opened_free(&opened);
    send_receipt(&keys, &m.u.package, digest, RECEIPT_VERIFIED);
}

/* ---- against sdr ---- */

static void send_forward(const struct neg_terms *t, const uint8_t *noise, size_t len)
{
    struct msg m = {.type = MSG_NEG_FORWARD};
    uint8_t sealed[NEG_SEALED_MAX];
    size_t n;

    CHECK(neg_body_seal(t, bob.public_key, sealed, &n) == 0);
    memcpy(m.u.neg_forward.negotiation, t->negotiation, NEG_ID_BYTES);
    m.u.neg_forward.sealed = (struct blob){sealed, n};
    m.u.neg_forward.noise = (struct blob){noise, len};
    send_msg(&at, &m);
}

/* Bob hears the terms `told`, alice meant `t`: bob's answer, and its reason. */
static unsigned ask_bob(const struct neg_terms *t, const struct neg_terms *told,
                        struct noise_handshake *hs, struct msg *m)
{
    uint8_t noise[256];
    size_t n;

    CHECK(neg_noise_start(hs, t, 1, &alice, bob.public_key) == 0);
    CHECK(noise_write(hs, NULL, 0, noise, sizeof(noise), &n) == 0);
    send_salt(&bob, told, 1, told->negotiation);
    send_forward(told, noise, n);
    expect(&at, m, MSG_NEG_ANSWER);
    CHECK(memcmp(m->u.neg_answer.negotiation, told->negotiation, NEG_ID_BYTES) == 0);
    return m->u.neg_answer.reason;
}

static void bad_negotiations(const struct offer *o)
{
    struct noise_keypair other;
    struct noise_handshake hs;
    struct neg_terms t, told;
    struct msg m;

    noise_keypair_new(&other);
    new_terms(&t, o);
    send_forward(&t, shk, KEY_BYTES); /* step 3 of nothing */
    expect(&at, &m, MSG_NEG_ANSWER);
    CHECK(m.u.neg_answer.reason == REASON_STALE);
    send_peer(&bob, alice.public_key);
    new_terms(&t, o);
    told = t;
    told.r_offer.codecs = (struct list){1, {2}}; /* bob's own list */
    CHECK(ask_bob(&t, &told, &hs, &m) == REASON_STALE);
    new_terms(&t, o);
    told = t;
    told.i_offer.codecs = (struct list){1, {told.choice.codec}}; /* alice's list: same choice */
    CHECK(ask_bob(&t, &told, &hs, &m) == REASON_CHECK_FAILED);
    new_terms(&t, o);
    told = t;
    told.choice.codec = 2; /* not the first in common */
    CHECK(ask_bob(&t, &told, &hs, &m) == REASON_CHECK_FAILED);
    for (int i = 0; i < 4; i++) {
        new_terms(&t, o);
        told = t;
        if (i == 0)
            told.i_offer.suites =
                (struct list){1, {SUITE_NONE}}; /* lists that lead to the same choice */
        if (i == 1)
            told.allowed = (struct list){1, {SUITE_NONE}};
        if (i == 2)
            told.allowed.v[0] = 200;
        if (i == 3)
            told.choice.suite =
                SUITE_CHACHA20_POLY1305; /* not one of the profile's, or not first */
        CHECK(ask_bob(&t, &told, &hs, &m) == REASON_CHECK_FAILED);
    }
    new_terms(&t, o);
    told = t;
    told.r_offer.suites.n--; /* bob's own set */
    CHECK(ask_bob(&t, &told, &hs, &m) == REASON_STALE);
    new_terms(&t, o);
    told = t;
    text_copy(told.responder, sizeof(told.responder), "carol");
    CHECK(ask_bob(&t, &told, &hs, &m) == REASON_CHECK_FAILED);
    new_terms(&t, o);
    told = t;
    told.shk.b[0] ^= 1; /* the pair key in step 3 is another */
    CHECK(ask_bob(&t, &told, &hs, &m) == REASON_CHECK_FAILED);
    send_peer(&bob, other.public_key); /* alice's key, changed */
    new_terms(&t, o);
    CHECK(ask_bob(&t, &t, &hs, &m) == REASON_PEER_KEY);
    send_peer(&bob, alice.public_key);
}

/* A package of the session; `twist` changes something of it behind alice's back. */
static void send_twisted(const struct session_keys *k, const struct keybuf *key, uint8_t profile,
                         int twist)
{
    struct pgm_view cover = {SIDE, SIDE, pixels};
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *p = &m.u.package;
    uint8_t forged[64];
    struct package made;

    p->profile = profile;
    p->codec = 1;
    memcpy(p->session, k->session, SESSION_ID_BYTES);
    p->seq = 1;
    text_copy(p->from, sizeof(p->from), "alice");
    text_copy(p->to, sizeof(p->to), "bob");
    p->message = (struct blob){(const uint8_t *)"genuine", 7};
    CHECK(package_make(&made, &m, &cover, key, 0) == 0);
    CHECK(msg_decode(&m, MSG_PACKAGE, made.body, made.len) == 0);
    CHECK(p->message.len <= sizeof(forged));
    memcpy(forged, p->message.p, p->message.len);
    memcpy(forged, "forgery", 7);
    if (twist == 1)
        p->message.p = forged;
    if (twist == 2)
        p->seq = 2;
    if (twist == 3)
        text_copy(p->from, sizeof(p->from), "carol");
    if (twist == 4)
        p->index = 1;
    if (twist == 5)
        p->session[0] ^= 1;
    if (twist == 6)
        p->codec = 2;
    if (twist == 7)
        p->index = UINT64_MAX;
    send_msg(&at, &m);
    if (twist == 0)
        send_msg(&at, &m); /* and once more */
    free(made.body);
}

/* A session with bob in this profile, and the key of its first message. */
static void agree(const struct offer *o, uint8_t profile, struct session_keys *keys,
                  struct keybuf *key)
{
    struct noise_handshake hs;
    struct neg_terms t;
    struct msg m;
    uint8_t none[1];
    size_t n;

    new_terms(&t, o);
    t.i_offer.profiles = (struct list){1, {profile}};
    CHECK(offer_choose(&t.choice, &t.i_offer, &t.r_offer, &t.allowed) == 0);
    CHECK(ask_bob(&t, &t, &hs, &m) == REASON_NONE);
    CHECK(neg_body_check(&t, &m.u.neg_answer.sealed, &cloud) == 0);
    CHECK(noise_read(&hs, m.u.neg_answer.noise.p, m.u.neg_answer.noise.len, none, 0, &n) == 0);
    CHECK(neg_session_keys(&hs, keys) == 0);
    if (profile == PROFILE_SEALED)
        keybuf_append(&keys->state, &t.choice.suite, 1);
    CHECK(profile_find(profile)->take_key(key, &keys->state) == 0);
}

/* Everything wrong before one genuine package, which bob shows once. */
static void deliver_to_bob(const struct offer *o, uint8_t profile)
{
    struct session_keys keys;
    uint8_t mac[MAC_BYTES];
    struct keybuf key;
    struct msg m;

    agree(o, profile, &keys, &key);
    for (int twist = 1; twist <= 7; twist++) {
        send_twisted(&keys, &key, profile, twist);
        expect(&at, &m, MSG_RECEIPT);
        CHECK(m.u.receipt.status == RECEIPT_REJECTED || m.u.receipt.status == RECEIPT_UNVERIFIABLE);
    }
    send_twisted(&keys, &key, profile, 0);
    for (int i = 0; i < 2; i++) {
        expect(&at, &m, MSG_RECEIPT);
        CHECK(m.u.receipt.status == RECEIPT_VERIFIED && m.u.receipt.index == 0);
        receipt_mac(mac, keys.receipt, &m.u.receipt);
        CHECK(memcmp(mac, m.u.receipt.mac, MAC_BYTES) == 0);
    }
    send_twisted(&keys, &key, profile, 1); /* another under its name */
    expect(&at, &m, MSG_RECEIPT);
    CHECK(m.u.receipt.status == RECEIPT_REJECTED);
}

static void scenario_bob(void)
{
    struct offer o;
    struct msg m;

    attached(&m);
    o = (struct offer){m.u.attach.profiles, m.u.attach.suites, m.u.attach.codecs};
    bad_negotiations(&o);
    deliver_to_bob(&o, PROFILE_AUTH);
}

static void scenario_forge(void)
{
    struct offer o;
    struct msg m;

    attached(&m);
    o = (struct offer){m.u.attach.profiles, m.u.attach.suites, m.u.attach.codecs};
    send_peer(&bob, alice.public_key);
    deliver_to_bob(&o, PROFILE_SEALED);
}

/* ---- messages to a set: bob is a member, and carol another one, who works for the cloud ---- */

/* What carol has of one message, and bob's part, which the cloud has. */
struct set_message {
    uint8_t profile, secret[KEY_BYTES];
    struct keybuf bobs, carols; /* message keys */
    struct package common;
    struct msg_set_member part;
};

/* A common part under the message's secret, as alice or carol can make it. */
static void make_common(struct package *made, const struct set_message *s, const char *text,
                        const char *from)
{
    struct pgm_view cover = {SIDE, SIDE, pixels};
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *p = &m.u.package;
    struct keybuf key;

    p->profile = s->profile;
    p->codec = 1;
    text_copy(p->from, sizeof(p->from), from);
    set_common_header(p);
    p->message = (struct blob){(const uint8_t *)text, strlen(text)};
    profile_find(s->profile)->set_key(&key, &s->bobs, s->secret);
    CHECK(package_make(made, &m, &cover, &key, 0) == 0);
}

static void send_shared(const struct msg_set_member *part, const struct blob *common)
{
    struct msg m = {.type = MSG_PACKAGE_SHARED};
    uint8_t buf[SET_MEMBER_MAX];
    size_t len;

    CHECK(set_member_encode(buf, &len, part) == 0);
    m.u.package_shared.member = (struct blob){buf, len};
    m.u.package_shared.common = *common;
    send_msg(&at, &m);
}

static void bob_refuses(void)
{
    struct msg m;

    expect(&at, &m, MSG_RECEIPT);
    CHECK(m.u.receipt.status == RECEIPT_REJECTED || m.u.receipt.status == RECEIPT_UNVERIFIABLE);
}

/* Another text under the same secret, which fits it as well as alice's does, with each part that
 * carol and the cloud can put before it: alice's for bob, alice's for carol, carol's own making. */
static void forge_common(const struct set_message *s, const char *from)
{
    struct msg_set_member part = s->part;
    struct package forged;
    struct blob body;

    make_common(&forged, s, "forgery", from);
    body = (struct blob){forged.body, forged.len};
    send_shared(&part, &body);
    bob_refuses();
    CHECK(set_wrap(&part, &s->carols, s->common.digest, s->secret) == 0);
    send_shared(&part, &body);
    bob_refuses();
    CHECK(set_wrap(&part, &s->carols, forged.digest, s->secret) == 0);
    send_shared(&part, &body);
    bob_refuses();
    free(forged.body);
}

/* Alice's message with a part for bob that says something else. */
static void twist_part(const struct set_message *s, int twist)
{
    struct msg_set_member part = s->part;

    if (twist == 0)
        part.index++;
    if (twist == 1)
        part.seq++;
    if (twist == 2)
        part.session[0] ^= 1;
    if (twist == 3)
        text_copy(part.to, sizeof(part.to), "carol");
    if (twist == 4)
        part.wrapped[WRAPPED_BYTES - 1] ^= 1;
    send_shared(&part, &(struct blob){s->common.body, s->common.len});
    bob_refuses();
}

/* The same secret as if it were the message key of a package to bob alone. */
static void forge_alone(const struct set_message *s)
{
    struct pgm_view cover = {SIDE, SIDE, pixels};
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *p = &m.u.package;
    struct package made;
    struct keybuf key;

    p->profile = s->profile;
    p->codec = 1;
    memcpy(p->session, s->part.session, SESSION_ID_BYTES);
    p->seq = 1;
    text_copy(p->from, sizeof(p->from), "alice");
    text_copy(p->to, sizeof(p->to), "bob");
    p->message = (struct blob){(const uint8_t *)"forgery", 7};
    profile_find(s->profile)->set_key(&key, &s->bobs, s->secret);
    CHECK(package_make(&made, &m, &cover, &key, 0) == 0);
    send_body(&at, MSG_PACKAGE, made.body, made.len);
    bob_refuses();
    free(made.body);
}

static void set_to_bob(const struct offer *o, uint8_t profile)
{
    struct set_message s = {.profile = profile, .part = {.seq = 1}};
    struct session_keys keys;
    struct msg m;

    agree(o, profile, &keys, &s.bobs);
    s.carols = s.bobs;
    randombytes_buf(s.carols.b, KEY_BYTES);
    randombytes_buf(s.secret, KEY_BYTES);
    make_common(&s.common, &s, "genuine", "alice");
    memcpy(s.part.session, keys.session, SESSION_ID_BYTES);
    text_copy(s.part.to, sizeof(s.part.to), "bob");
    CHECK(set_wrap(&s.part, &s.bobs, s.common.digest, s.secret) == 0);
    forge_common(&s, "alice");
    forge_common(&s, "carol");
    for (int twist = 0; twist < 5; twist++)
        twist_part(&s, twist);
    forge_alone(&s);
    for (int i = 0; i < 2; i++) {
        send_shared(&s.part, &(struct blob){s.common.body, s.common.len});
        expect(&at, &m, MSG_RECEIPT);
        CHECK(m.u.receipt.status == RECEIPT_VERIFIED && m.u.receipt.index == 0);
    }
    forge_common(&s, "alice");
    free(s.common.body);
}

/* What is no message to a set ends the connection and nothing else; then both profiles. */
static void scenario_set(void)
{
    struct msg m, garbage = {.type = MSG_PACKAGE_SHARED};
    struct offer o;

    attached(&m);
    garbage.u.package_shared.member = garbage.u.package_shared.common =
        (struct blob){shk, sizeof(shk)};
    send_msg(&at, &garbage);
    expect_gone();
    attached(&m);
    o = (struct offer){m.u.attach.profiles, m.u.attach.suites, m.u.attach.codecs};
    send_peer(&bob, alice.public_key);
    set_to_bob(&o, PROFILE_AUTH);
    set_to_bob(&o, PROFILE_SEALED);
}

/* Bob's request for a page of alice's messages. */
static void asked_history(struct msg *m)
{
    struct msg attach;

    attached(&attach);
    expect(&at, m, MSG_HISTORY);
    CHECK(strcmp(m->u.history.peer, "alice") == 0 && m->u.history.after == 0);
}

static void send_kept(uint64_t number, const struct blob *package)
{
    struct msg m = {.type = MSG_KEPT};

    m.u.kept.number = number;
    m.u.kept.package = *package;
    send_msg(&at, &m);
}

/* A package that bob never had, with the cloud's word that he had; and it twice. */
static void scenario_history(void)
{
    struct msg m, fake = {.type = MSG_PACKAGE};
    struct msg_package *p = &fake.u.package;
    uint8_t body[512];
    struct wbuf w;

    p->profile = PROFILE_AUTH;
    text_copy(p->from, sizeof(p->from), "alice");
    text_copy(p->to, sizeof(p->to), "bob");
    p->message = (struct blob){(const uint8_t *)"forgery", 7};
    p->message_bytes = 7;
    wbuf_init(&w, body, sizeof(body));
    msg_encode(&fake, &w);
    asked_history(&m);
    send_kept(5, &(struct blob){body, w.len});
    send_kept(6, &(struct blob){body, 3});
    send_kept(6, &(struct blob){body, w.len});
    expect_gone();
}

static void scenario_flood(void)
{
    struct msg m;

    asked_history(&m);
    CHECK(m.u.history.limit == 2);
    for (uint64_t i = 1; i <= 3; i++)
        send_kept(i, &(struct blob){(const uint8_t *)"x", 1});
    expect_gone();
}

static void scenario_promise(void)
{
    struct msg m, end = {.type = MSG_HISTORY_END};

    asked_history(&m);
    end.u.history_end.more = 1;
    end.u.history_end.days = 7;
    send_msg(&at, &end);
    expect_gone();
}

/* A message for a receiver has no business here. */
static void scenario_intruder(void)
{
    struct msg m, gone = {.type = MSG_PEER_GONE};

    asked_history(&m);
    text_copy(gone.u.peer_gone.peer, sizeof(gone.u.peer_gone.peer), "alice");
    send_msg(&at, &gone);
    expect_gone();
}

static const struct {
    const char *name;
    void (*run)(void);
    int receives;
} scenarios[] = {
    {"frames", scenario_frames, 0},     {"terms", scenario_terms, 0},
    {"key", scenario_key, 0},           {"result", scenario_result, 0},
    {"receipts", scenario_receipts, 0}, {"unsaved", scenario_unsaved, 0},
    {"suites", scenario_suites, 0},     {"steered", scenario_steered, 0},
    {"nosuite", scenario_nosuite, 0},   {"read", scenario_read, 0},
    {"bob", scenario_bob, 1},           {"forge", scenario_forge, 1},
    {"history", scenario_history, 1},   {"flood", scenario_flood, 1},
    {"promise", scenario_promise, 1},   {"intruder", scenario_intruder, 1},
    {"set", scenario_set, 1},
};

int main(int argc, char **argv)
{
    CHECK(argc == 3 && sodium_init() >= 0);
    noise_keypair_new(&cloud);
    noise_keypair_new(&alice);
    noise_keypair_new(&bob);
    memcpy(cloud_key, cloud.public_key, KEY_BYTES);
    randombytes_buf(shk, sizeof(shk));
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strcmp(scenarios[i].name, argv[2]) != 0)
            continue;
        home = argv[1];
        make_home(home, scenarios[i].receives ? "bob" : "alice",
                  scenarios[i].receives ? &bob : &alice);
        scenarios[i].run();
        printf("ok %s\n", argv[2]);
        return 0;
    }
    fprintf(stderr, "not ok: no scenario %s\n", argv[2]);
    return 1;
}
