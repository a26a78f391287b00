/*
 * negotiation.c - sessions: all steps as they should be, repeats and forgeries of single ones, and
 * a responder that does not listen.
 */
#include "tests/integration/cloud_probe/cloud_probe.h"

/* Steps 1 to 6, but for the last word. */
static void agree(struct device *a, struct device *b, struct neg_terms *t,
                  struct session_keys *keys)
{
    struct session_keys theirs;
    struct neg_terms tb;
    struct noise_handshake hs;
    uint8_t ka[KEY_BYTES], kb[KEY_BYTES], noise[256], none[1];
    struct msg m;
    size_t n;

    send_open(a, b->id, 7);
    take_salt(a, t, kb);
    take_salt(b, &tb, ka);
    CHECK(memcmp(ka, a->key.public_key, KEY_BYTES) == 0);
    CHECK(memcmp(kb, b->key.public_key, KEY_BYTES) == 0);
    CHECK(memcmp(t, &tb, sizeof(tb)) == 0);
    CHECK(neg_noise_start(&hs, t, 1, &a->key, kb) == 0);
    CHECK(noise_write(&hs, NULL, 0, noise, sizeof(noise), &n) == 0);
    send_request(a, t, &(struct blob){noise, n});
    expect(a, &m, MSG_NEG_PENDING);
    answer(b, &tb, ka, &theirs);
    expect(a, &m, MSG_NEG_RESULT);
    CHECK(neg_body_check(t, &m.u.neg_result.sealed, &a->key) == 0);
    CHECK(noise_read(&hs, m.u.neg_result.noise.p, m.u.neg_result.noise.len, none, 0, &n) == 0);
    CHECK(neg_session_keys(&hs, keys) == 0);
    CHECK(memcmp(keys, &theirs, sizeof(theirs)) == 0);
}

static void send_confirm(struct device *a, const struct neg_terms *t,
                         const struct session_keys *keys)
{
    struct msg m = {.type = MSG_NEG_CONFIRM};

    memcpy(m.u.neg_confirm.negotiation, t->negotiation, NEG_ID_BYTES);
    memcpy(m.u.neg_confirm.session, keys->session, SESSION_ID_BYTES);
    neg_confirm_mac(m.u.neg_confirm.mac, keys);
    send_msg(a, &m);
}

void negotiate(struct device *a, struct device *b, struct session_keys *keys)
{
    struct neg_terms t;
    struct msg m;

    agree(a, b, &t, keys);
    send_confirm(a, &t, keys);
    expect(b, &m, MSG_NEG_CONFIRM);
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

/* negotiation A B: repeats, an absent responder, forged fields, T of nobody, and an initiator that
 * leaves with its last word */
void scenario_negotiation(char **arg)
{
    static const uint8_t noise_bytes[64] = {1};
    const struct blob noise = {noise_bytes, 48}, other = {noise_bytes, 47};
    struct session_keys keys;
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
    agree(&a, &b, &t, &keys);
    send_confirm(&a, &t, &keys);
    close(a.fd);
    expect(&b, &m, MSG_NEG_CONFIRM);
}

/* repeats A B N: A says step 2 again N times before it reads an answer. Each gets one, and others
 * are let in meanwhile. */
void scenario_repeats(char **arg)
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

/* flood A B N: A asks for a session N times while B does not read. B is not buried under it: what
 * waits for it stays bounded, and the last negotiation is there in the end. */
void scenario_flood(char **arg)
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
    expect_reject(&a, REASON_POLICY);
    barrier(&b);
}
