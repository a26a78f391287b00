/*
 * test_negotiation.c - the checks of the six steps, and the devices' handshake inside them:
 * whatever one party sees otherwise than the other is noticed, and two that agree get equal keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/negotiation.h"
#include "tests/unit/covers.h"

static struct noise_keypair cloud, alice, bob;

static int start(void **state)
{
    (void)state;
    if (sodium_init() < 0)
        return -1;
    noise_keypair_new(&cloud);
    noise_keypair_new(&alice);
    noise_keypair_new(&bob);
    return 0;
}

static struct neg_terms terms(void)
{
    struct neg_terms t;

    memset(&t, 0, sizeof(t));
    cover_random(t.negotiation, sizeof(t.negotiation), 1);
    memcpy(t.cloud, cloud.public_key, KEY_BYTES);
    memcpy(t.initiator, "alice", 6);
    memcpy(t.responder, "bob", 4);
    offer_local(&t.i_offer, 0);
    offer_local(&t.r_offer, 0);
    suite_list_strong(&t.allowed, 0);
    assert_int_equal(offer_choose(&t.choice, &t.i_offer, &t.r_offer, &t.allowed), 0);
    cover_random(t.salt, KEY_BYTES, 2);
    t.sk.len = t.shk.len = KEY_BYTES;
    cover_random(t.sk.b, KEY_BYTES, 3);
    cover_random(t.shk.b, KEY_BYTES, 4);
    return t;
}

/* One way in which a party may see the terms otherwise. */
struct change {
    const char *what;
    void (*apply)(struct neg_terms *t);
    int in_body, in_handshake; /* which of the two must notice */
};

static void other_negotiation(struct neg_terms *t)
{
    t->negotiation[NEG_ID_BYTES - 1] ^= 1;
}
static void other_cloud(struct neg_terms *t)
{
    t->cloud[0] ^= 1;
}
static void other_initiator(struct neg_terms *t)
{
    memcpy(t->initiator, "alicf", 6);
}
static void other_responder(struct neg_terms *t)
{
    memcpy(t->responder, "bo", 3);
}
static void other_salt(struct neg_terms *t)
{
    t->salt[31] ^= 0x80;
}
static void other_sk(struct neg_terms *t)
{
    t->sk.b[0] ^= 1;
}
static void other_shk(struct neg_terms *t)
{
    t->shk.b[15] ^= 4;
}
static void other_i_offer(struct neg_terms *t)
{
    t->i_offer.codecs.n--;
}
static void other_r_offer(struct neg_terms *t)
{
    t->r_offer.profiles.v[t->r_offer.profiles.n++] = 99;
}
static void other_suites(struct neg_terms *t)
{
    t->r_offer.suites.v[0] ^= 1;
}
static void other_allowed(struct neg_terms *t)
{
    t->allowed.n--;
}
static void other_profile(struct neg_terms *t)
{
    t->choice.profile ^= 1;
}
static void other_suite(struct neg_terms *t)
{
    t->choice.suite ^= 1;
}
static void other_codec(struct neg_terms *t)
{
    t->choice.codec ^= 1;
}
/* The masked value stays the same: only the handshake's psk can tell. */
static void salt_and_sk_swapped(struct neg_terms *t)
{
    uint8_t salt[KEY_BYTES];

    memcpy(salt, t->salt, KEY_BYTES);
    memcpy(t->salt, t->sk.b, KEY_BYTES);
    memcpy(t->sk.b, salt, KEY_BYTES);
}

static const struct change changes[] = {
    {"T", other_negotiation, 1, 1},
    {"the cloud's key", other_cloud, 1, 0},
    {"the initiator", other_initiator, 1, 1},
    {"the responder", other_responder, 1, 1},
    {"the salt", other_salt, 1, 1},
    {"the salt key", other_sk, 1, 1},
    {"the pair key", other_shk, 1, 1},
    {"the initiator's list", other_i_offer, 0, 1},
    {"the responder's list", other_r_offer, 0, 1},
    {"the suites", other_suites, 0, 1},
    {"the suites allowed", other_allowed, 0, 1},
    {"the profile", other_profile, 0, 1},
    {"the suite", other_suite, 0, 1},
    {"the codec", other_codec, 0, 1},
    {"salt and salt key", salt_and_sk_swapped, 0, 1},
};
#define CHANGES (sizeof(changes) / sizeof(changes[0]))

/* ---- sealed bodies ---- */

static void neg_body__sealed_and_checked_by_the_same_terms(void **state)
{
    uint8_t sealed[NEG_SEALED_MAX];
    struct neg_terms t = terms();
    size_t len;

    (void)state;
    assert_int_equal(neg_body_seal(&t, cloud.public_key, sealed, &len), 0);
    assert_true(len > 0 && len <= NEG_SEALED_MAX);
    assert_int_equal(neg_body_check(&t, &(struct blob){sealed, len}, &cloud), 0);
}

static void neg_body__longest_ids_fit(void **state)
{
    uint8_t sealed[NEG_SEALED_MAX];
    struct neg_terms t = terms();
    size_t len;

    (void)state;
    memset(t.initiator, 'a', ID_MAX);
    memset(t.responder, 'b', ID_MAX);
    assert_int_equal(neg_body_seal(&t, cloud.public_key, sealed, &len), 0);
    assert_int_equal(neg_body_check(&t, &(struct blob){sealed, len}, &cloud), 0);
}

static void neg_body_check__any_other_field__refused(void **state)
{
    uint8_t sealed[NEG_SEALED_MAX];
    struct neg_terms t;
    size_t len;

    (void)state;
    for (size_t i = 0; i < CHANGES; i++) {
        t = terms();
        assert_int_equal(neg_body_seal(&t, cloud.public_key, sealed, &len), 0);
        changes[i].apply(&t);
        if (neg_body_check(&t, &(struct blob){sealed, len}, &cloud) !=
            (changes[i].in_body ? ERR_AUTH : 0))
            fail_msg("another %s", changes[i].what);
    }
}

static void neg_body_check__any_bit_flipped_or_cut__refused(void **state)
{
    uint8_t sealed[NEG_SEALED_MAX];
    struct neg_terms t = terms();
    size_t len;

    (void)state;
    assert_int_equal(neg_body_seal(&t, cloud.public_key, sealed, &len), 0);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        /* X25519 ignores the top bit of a public key; the seal's nonce is a hash over all of it. */
        assert_int_equal(neg_body_check(&t, &(struct blob){sealed, len}, &cloud), ERR_AUTH);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < len; n++)
        assert_int_equal(neg_body_check(&t, &(struct blob){sealed, n}, &cloud), ERR_AUTH);
}

static void neg_body_check__sealed_to_another_party__refused(void **state)
{
    uint8_t sealed[NEG_SEALED_MAX];
    struct neg_terms t = terms();
    size_t len;

    (void)state;
    assert_int_equal(neg_body_seal(&t, bob.public_key, sealed, &len), 0);
    assert_int_equal(neg_body_check(&t, &(struct blob){sealed, len}, &cloud), ERR_AUTH);
    assert_int_equal(neg_body_check(&t, &(struct blob){sealed, len}, &bob), 0);
}

static void neg_body_seal__twice__other_bytes(void **state)
{
    uint8_t one[NEG_SEALED_MAX], two[NEG_SEALED_MAX];
    struct neg_terms t = terms();
    size_t len;

    (void)state;
    assert_int_equal(neg_body_seal(&t, cloud.public_key, one, &len), 0);
    assert_int_equal(neg_body_seal(&t, cloud.public_key, two, &len), 0);
    assert_memory_not_equal(one, two, len);
}

static void body_open__another_type_or_trailing_bytes__refused(void **state)
{
    uint8_t plain[256] = {0}, sealed[256 + crypto_box_SEALBYTES], out[256];
    struct msg m = {.type = MSG_SALT_BODY}, got;
    size_t len;

    (void)state;
    cover_random(m.u.salt_body.salt, KEY_BYTES, 1);
    assert_int_equal(body_seal(&m, bob.public_key, sealed, sizeof(sealed), &len), 0);
    assert_int_equal(body_open(&got, MSG_SALT_BODY, &(struct blob){sealed, len}, &bob, out,
                               sizeof(out)),
                     0);
    assert_memory_equal(got.u.salt_body.salt, m.u.salt_body.salt, KEY_BYTES);
    assert_int_equal(body_open(&got, MSG_PAIR_BODY, &(struct blob){sealed, len}, &bob, out,
                               sizeof(out)),
                     ERR_MALFORMED);
    assert_int_equal(crypto_box_seal_open(plain, sealed, len, bob.public_key, bob.secret_key), 0);
    assert_int_equal(crypto_box_seal(sealed, plain, len - crypto_box_SEALBYTES + 1,
                                     bob.public_key),
                     0);
    assert_int_equal(body_open(&got, MSG_SALT_BODY, &(struct blob){sealed, len + 1}, &bob, out,
                               sizeof(out)),
                     ERR_MALFORMED);
}

static void body_seal_and_open__no_room__too_small(void **state)
{
    uint8_t sealed[256 + crypto_box_SEALBYTES], out[256];
    struct msg m = {.type = MSG_SALT_BODY}, got;
    size_t len, n;

    (void)state;
    assert_int_equal(body_seal(&m, bob.public_key, sealed, sizeof(sealed), &len), 0);
    for (size_t cap = 0; cap < len; cap++) {
        assert_int_equal(body_seal(&m, bob.public_key, sealed, cap, &n), ERR_TOO_SMALL);
        assert_int_equal(n, 0);
    }
    assert_int_equal(body_seal(&m, bob.public_key, sealed, len, &n), 0);
    assert_int_equal(body_open(&got, MSG_SALT_BODY, &(struct blob){sealed, len}, &bob, out,
                               len - crypto_box_SEALBYTES - 1),
                     ERR_TOO_SMALL);
}

/* ---- the handshake ---- */

struct sides {
    struct neg_terms i, r;
    const uint8_t *i_knows, *r_knows; /* the peer's static key */
    struct session_keys i_keys, r_keys;
};

static struct sides two_sides(void)
{
    struct sides s;

    memset(&s, 0, sizeof(s));
    s.i = s.r = terms();
    s.i_knows = bob.public_key;
    s.r_knows = alice.public_key;
    return s;
}

/* Run both messages; 0 when both sides finished. */
static int shake(struct sides *s)
{
    struct noise_handshake i, r;
    uint8_t one[256], two[256];
    size_t one_len, two_len, n;
    int err;

    assert_int_equal(neg_noise_start(&i, &s->i, 1, &alice, s->i_knows), 0);
    assert_int_equal(neg_noise_start(&r, &s->r, 0, &bob, s->r_knows), 0);
    assert_int_equal(noise_write(&i, NULL, 0, one, sizeof(one), &one_len), 0);
    err = noise_read(&r, one, one_len, NULL, 0, &n);
    if (err == 0)
        err = noise_write(&r, NULL, 0, two, sizeof(two), &two_len);
    if (err == 0)
        err = noise_read(&i, two, two_len, NULL, 0, &n);
    if (err == 0)
        err = neg_session_keys(&r, &s->r_keys);
    if (err == 0)
        err = neg_session_keys(&i, &s->i_keys);
    noise_wipe(&i);
    noise_wipe(&r);
    return err;
}

static void neg_noise__same_terms__both_sides_get_equal_keys(void **state)
{
    struct sides s = two_sides();
    uint8_t mac_i[MAC_BYTES], mac_r[MAC_BYTES];

    (void)state;
    assert_int_equal(shake(&s), 0);
    assert_memory_equal(&s.i_keys, &s.r_keys, sizeof(s.i_keys));
    neg_confirm_mac(mac_i, &s.i_keys);
    neg_confirm_mac(mac_r, &s.r_keys);
    assert_memory_equal(mac_i, mac_r, MAC_BYTES);
}

static void neg_noise__keys_of_a_session_differ_from_each_other(void **state)
{
    struct sides s = two_sides();
    const struct session_keys *k = &s.i_keys;

    (void)state;
    assert_int_equal(shake(&s), 0);
    assert_memory_not_equal(k->session, k->state.b, KEY_BYTES);
    assert_memory_not_equal(k->state.b, k->receipt, KEY_BYTES);
    assert_memory_not_equal(k->state.b, k->confirm, KEY_BYTES);
    assert_memory_not_equal(k->receipt, k->confirm, KEY_BYTES);
    assert_memory_not_equal(k->session, k->confirm, KEY_BYTES);
}

static void neg_noise__same_terms_again__other_keys(void **state)
{
    struct sides one = two_sides(), two = two_sides();

    (void)state;
    assert_int_equal(shake(&one), 0);
    assert_int_equal(shake(&two), 0);
    assert_memory_not_equal(one.i_keys.session, two.i_keys.session, SESSION_ID_BYTES);
    assert_memory_not_equal(one.i_keys.state.b, two.i_keys.state.b, KEY_BYTES);
    assert_memory_not_equal(one.i_keys.receipt, two.i_keys.receipt, KEY_BYTES);
}

static void neg_noise__any_other_term__no_session(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHANGES; i++) {
        struct sides s = two_sides();
        int expected = changes[i].in_handshake ? ERR_AUTH : 0;

        changes[i].apply(&s.i);
        if (shake(&s) != expected)
            fail_msg("another %s at the initiator", changes[i].what);
        s = two_sides();
        changes[i].apply(&s.r);
        if (shake(&s) != expected)
            fail_msg("another %s at the responder", changes[i].what);
    }
}

/* What `paper` slices out of Rv, or nothing at all, is no key of this handshake. */
static void neg_noise__pair_keys_of_another_length__refused(void **state)
{
    static const size_t lengths[] = {0, 14, KEY_BYTES - 1, KEY_BYTES + 1, PAIR_KEY_MAX};
    struct noise_handshake hs;

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct neg_terms t = terms();

        (i % 2 == 0 ? &t.sk : &t.shk)->len = lengths[i / 2];
        assert_int_equal(neg_noise_start(&hs, &t, 1, &alice, bob.public_key), ERR_AUTH);
        assert_int_equal(neg_noise_start(&hs, &t, 0, &bob, alice.public_key), ERR_AUTH);
    }
}

static void neg_noise__another_peer_key__no_session(void **state)
{
    struct sides s = two_sides();

    (void)state;
    s.i_knows = cloud.public_key;
    assert_int_equal(shake(&s), ERR_AUTH);
    s = two_sides();
    s.r_knows = cloud.public_key;
    assert_int_equal(shake(&s), ERR_AUTH);
}

static void neg_noise__any_bit_of_step_2_flipped__refused_the_genuine_still_passes(void **state)
{
    struct neg_terms t = terms();
    struct noise_handshake i, r;
    uint8_t one[256];
    size_t len, n;

    (void)state;
    assert_int_equal(neg_noise_start(&i, &t, 1, &alice, bob.public_key), 0);
    assert_int_equal(neg_noise_start(&r, &t, 0, &bob, alice.public_key), 0);
    assert_int_equal(noise_write(&i, NULL, 0, one, sizeof(one), &len), 0);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        one[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(noise_read(&r, one, len, NULL, 0, &n), ERR_AUTH);
        one[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(noise_read(&r, one, len, NULL, 0, &n), 0);
    noise_wipe(&i);
    noise_wipe(&r);
}

static void neg_session_keys__handshake_not_done__state(void **state)
{
    static const struct session_keys zero;
    struct neg_terms t = terms();
    struct noise_handshake i;
    struct session_keys k;

    (void)state;
    memset(&k, 0xaa, sizeof(k));
    assert_int_equal(neg_noise_start(&i, &t, 1, &alice, bob.public_key), 0);
    assert_int_equal(neg_session_keys(&i, &k), ERR_STATE);
    assert_memory_equal(&k, &zero, sizeof(k));
    noise_wipe(&i);
}

static void neg_confirm_mac__bound_to_session_and_key(void **state)
{
    uint8_t mac[MAC_BYTES], other[MAC_BYTES];
    struct session_keys k;

    (void)state;
    cover_random(&k, sizeof(k), 8);
    neg_confirm_mac(mac, &k);
    for (size_t bit = 0; bit < 8 * KEY_BYTES; bit++) {
        k.session[bit / 8] ^= (uint8_t)(1u << bit % 8);
        neg_confirm_mac(other, &k);
        assert_memory_not_equal(mac, other, MAC_BYTES);
        k.session[bit / 8] ^= (uint8_t)(1u << bit % 8);
        k.confirm[bit / 8] ^= (uint8_t)(1u << bit % 8);
        neg_confirm_mac(other, &k);
        assert_memory_not_equal(mac, other, MAC_BYTES);
        k.confirm[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neg_body__sealed_and_checked_by_the_same_terms),
        cmocka_unit_test(neg_body__longest_ids_fit),
        cmocka_unit_test(neg_body_check__any_other_field__refused),
        cmocka_unit_test(neg_body_check__any_bit_flipped_or_cut__refused),
        cmocka_unit_test(neg_body_check__sealed_to_another_party__refused),
        cmocka_unit_test(neg_body_seal__twice__other_bytes),
        cmocka_unit_test(body_open__another_type_or_trailing_bytes__refused),
        cmocka_unit_test(body_seal_and_open__no_room__too_small),
        cmocka_unit_test(neg_noise__same_terms__both_sides_get_equal_keys),
        cmocka_unit_test(neg_noise__keys_of_a_session_differ_from_each_other),
        cmocka_unit_test(neg_noise__same_terms_again__other_keys),
        cmocka_unit_test(neg_noise__any_other_term__no_session),
        cmocka_unit_test(neg_noise__pair_keys_of_another_length__refused),
        cmocka_unit_test(neg_noise__another_peer_key__no_session),
        cmocka_unit_test(neg_noise__any_bit_of_step_2_flipped__refused_the_genuine_still_passes),
        cmocka_unit_test(neg_session_keys__handshake_not_done__state),
        cmocka_unit_test(neg_confirm_mac__bound_to_session_and_key),
    };

    return cmocka_run_group_tests_name("negotiation", tests, start, NULL);
}
