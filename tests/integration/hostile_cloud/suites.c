/*
 * suites.c - sealed messages of sds: a cloud that steers the choice of their suite, one that has no
 * suite for them, and one that tries to read them.
 */
#include "common/err.h"
#include "common/package.h"
#include "common/profile.h"
#include "tests/integration/hostile_cloud/hostile_cloud.h"

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

void scenario_suites(void)
{
    steer_alice(0, STEER_NOT_ALLOWED);
}

/* Waits between her tries grow, so in two parts. */
void scenario_steered(void)
{
    steer_alice(STEER_NOT_ALLOWED, STEER_END);
}

/* A list that has nothing in common with hers: the end, with everybody's suites. */
void scenario_nosuite(void)
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
void scenario_read(void)
{
    uint8_t digest[DIGEST_BYTES], psk[KEY_BYTES];
    const uint8_t *secrets[] = {shk, psk, NULL, NULL, cloud.secret_key};
    struct session_keys keys;
    struct package_opened opened;
    struct keybuf key;
    struct neg_terms t;
    struct msg m;

    first_package(&t, &keys, &m, digest);
    CHECK(t.choice.profile == PROFILE_SEALED && t.choice.suite == SUITE_XCHACHA20_POLY1305);
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
