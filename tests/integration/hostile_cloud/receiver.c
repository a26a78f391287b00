/*
 * receiver.c - lies to sdr: negotiations whose terms were changed on the way, and packages that
 * alice did not make like this. The one genuine package between them is shown, and once.
 */
#include "common/package.h"
#include "common/profile.h"
#include "tests/integration/hostile_cloud/hostile_cloud.h"

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

void agree(const struct offer *o, uint8_t profile, struct session_keys *keys, struct keybuf *key)
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

void scenario_bob(void)
{
    struct offer o;

    attached_offer(&o);
    bad_negotiations(&o);
    deliver_to_bob(&o, PROFILE_AUTH);
}

void scenario_forge(void)
{
    struct offer o;

    attached_offer(&o);
    send_peer(&bob, alice.public_key);
    deliver_to_bob(&o, PROFILE_SEALED);
}
