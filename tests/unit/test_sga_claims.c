/*
 * test_sga_claims.c - what the paper of profile sga claims in its section 5, and what is true of it
 * as printed: each test is an adversary with just the powers that its name gives. Tests that end in
 * __holds show a claim holding, tests that end in __fails an attack that succeeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/negotiation.h"
#include "common/suite.h"
#include "tests/unit/sga_fixture.h"

#define PINS 10000

static const char text[] = "open the valve";

static int start(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

/* ---- 5.1 mutual authentication ---- */

/* A1 is a public-key encryption: anybody can make it, and up to A4 nobody objects. But who has not
 * k_d does not know the k_t that the cloud works out, and B1 must be under it. */
static void mutual__stranger_in_the_initiators_place__stopped_at_b2__holds(void **state)
{
    struct sga_world w;
    struct sga_account alice;

    (void)state;
    sga_world_new(&w);
    alice = w.alice;
    randombytes_buf(w.alice.key, KEY_BYTES); /* the stranger's guess */
    sga_world_run(&w, AT_A1, AT_A2);
    w.alice = alice; /* the cloud's record */
    sga_world_run(&w, AT_A2, AT_A5);
    assert_int_equal(sga_world_step(&w, AT_A5), ERR_AUTH);
    w.i.step = SGA_A5; /* goes on without */
    sga_world_run(&w, AT_B1, AT_B2);
    assert_int_equal(sga_world_step(&w, AT_B2), ERR_AUTH);
}

static void mutual__stranger_in_the_clouds_place__refused_by_the_devices__holds(void **state)
{
    struct sga_world w;
    struct sga_cloud stranger;
    struct sga_account unknown;
    struct sga_pair pair;
    struct noise_keypair own;
    struct blob in;
    uint8_t exponent[KEY_BYTES], once[KEY_BYTES];

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_A2);
    noise_keypair_new(&own);
    memset(&stranger, 0, sizeof(stranger));
    unknown = w.alice;
    randombytes_buf(unknown.key, KEY_BYTES);
    pair = (struct sga_pair){&unknown, &w.bob};
    in = sga_blob(&w.a1);
    assert_int_equal(sga_a2_forward(&stranger, &pair, &own, &in, &w.a2), ERR_AUTH);
    sga_world_run(&w, AT_A2, AT_B5);
    randombytes_buf(once, KEY_BYTES);
    sga_forge_grant(&w, once, exponent, &w.to_i);
    assert_int_equal(sga_world_step(&w, AT_B7_I), ERR_AUTH);
}

/* A1 and B1 hold nothing fresh of the cloud's or bob's: played again, they open a session in which
 * alice takes no part. The player cannot read in it. */
static void mutual__replayed_a1_and_b1__session_without_the_initiator__fails(void **state)
{
    struct sga_body a1, b1;
    struct sga_world w;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_END);
    a1 = w.a1;
    b1 = w.b1;
    sga_world_again(&w);
    w.a1 = a1;
    sga_world_run(&w, AT_A2, AT_A5);
    w.b1 = b1;
    sga_world_run(&w, AT_B2, AT_B7_I);
    assert_int_equal(sga_world_step(&w, AT_B7_R), 0); /* bob believes that alice is there */
    assert_int_equal(w.i.step, SGA_START);
    assert_memory_not_equal(w.r_key, w.i_key, KEY_BYTES);
}

/* A2 tells bob alice's k_t, under which B1 carries her K: so bob can speak as the cloud. */
static void mutual__peer_in_the_clouds_place__initiator_believes_it__fails(void **state)
{
    struct sga_world w;
    struct sga_body plain;
    struct msg_sga_share seen;
    uint8_t exponent[KEY_BYTES], key[KEY_BYTES];

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_B2);
    seen = sga_open_share(w.terms.suite, w.r.peer_kt, &w.b1, &plain);
    sga_forge_grant(&w, seen.once, exponent, &w.to_i);
    assert_int_equal(sga_world_step(&w, AT_B7_I), 0);
    sga_key_with(key, exponent, seen.n);
    assert_memory_equal(key, w.i_key, KEY_BYTES);
    assert_int_equal(w.c.step, SGA_A4); /* the cloud has seen no share */
}

/* ---- 5.2 key guessing: k_d of 256 random bits against k_d made of four digits ---- */

static void pin_key(uint8_t key[KEY_BYTES], unsigned pin)
{
    char digits[5];

    snprintf(digits, sizeof(digits), "%04u", pin);
    memset(key, 0, KEY_BYTES); /* the print: "pending some bits in order to fit" */
    memcpy(key, digits, 4);
}

/* The first PIN under which the ciphertext opens, or PINS. */
static unsigned search(uint8_t suite, const struct blob *in)
{
    uint8_t key[KEY_BYTES];
    struct sga_body plain;
    unsigned pin = 0;

    for (; pin < PINS; pin++) {
        pin_key(key, pin);
        if (sga_decrypt(suite, key, in, &plain) == 0)
            break;
    }
    return pin;
}

static void guessing__random_key__no_four_digits_open_anything__holds(void **state)
{
    struct sga_world w;
    struct blob a2;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_END);
    a2 = sga_blob(&w.a2);
    assert_int_equal(search(w.bob.initial, &a2), PINS);
}

/* E(ID) of the registration is on the wire, and the tag says which guess is right. */
static void guessing__weak_key__found_from_a_registration__fails(void **state)
{
    struct sga_world w;
    struct sga_body sent;
    struct msg m;

    (void)state;
    sga_world_new(&w);
    pin_key(w.alice.key, 4711);
    assert_int_equal(sga_register(&w.alice, w.cloud_key.public_key, &sent), 0);
    assert_int_equal(msg_decode(&m, MSG_SGA_REGISTER, sent.p, sent.len), 0);
    assert_int_equal(search(m.u.sga_register.initial, &m.u.sga_register.id), 4711);
}

static void guessing__weak_key_of_the_responder__found_from_a2__fails(void **state)
{
    struct sga_world w;
    struct blob a2;

    (void)state;
    sga_world_new(&w);
    pin_key(w.bob.key, 815);
    sga_world_run(&w, AT_A1, AT_A3);
    a2 = sga_blob(&w.a2);
    assert_int_equal(search(w.bob.initial, &a2), 815);
}

/* The XOR with k_d inside E_k(N XOR k_d) adds nothing: the tag alone decides. */
static void guessing__weak_key_of_the_initiator__found_by_the_peer_from_b1__fails(void **state)
{
    struct sga_world w;
    struct sga_body plain;
    struct msg_sga_share seen;

    (void)state;
    sga_world_new(&w);
    pin_key(w.alice.key, 1234);
    sga_world_run(&w, AT_A1, AT_B2);
    seen = sga_open_share(w.terms.suite, w.r.peer_kt, &w.b1, &plain);
    assert_int_equal(search(w.terms.suite, &seen.masked), 1234);
}

/* ---- 5.3 undetectable guessing on line ---- */

static void online__wrong_key_in_a_share__the_cloud_notices__holds(void **state)
{
    struct sga_world w;
    struct sga_account stranger;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_B1);
    stranger = w.alice; /* has even got the temporary key, and guesses k_d */
    randombytes_buf(stranger.key, KEY_BYTES);
    assert_int_equal(sga_b1_share(&w.i, &stranger, &w.b1), 0);
    sga_world_run(&w, AT_B2, AT_B4);
    assert_int_equal(sga_world_step(&w, AT_B4), ERR_AUTH);
}

/* One A1 with any masked value x: the cloud answers under x XOR k_d. Nobody sees anything wrong,
 * and the answer tests every guess without another question. */
static void online__one_question_then_all_guesses_unseen__fails(void **state)
{
    struct sga_world w;
    struct msg m = {.type = MSG_SGA_ASK};
    struct msg_sga_ask *ask = &m.u.sga_ask;
    struct sga_body plain;
    struct blob a4;
    uint8_t key[KEY_BYTES];
    unsigned pin = 0;

    (void)state;
    sga_world_new(&w);
    pin_key(w.alice.key, 7777);
    randombytes_buf(ask->masked, KEY_BYTES);
    memcpy(ask->initiator, w.terms.initiator, sizeof(ask->initiator));
    memcpy(ask->responder, w.terms.responder, sizeof(ask->responder));
    memcpy(ask->gateway, w.terms.gateway, KEY_BYTES);
    ask->suite = w.terms.suite;
    assert_int_equal(body_seal(&m, w.terms.gateway, w.a1.p, sizeof(w.a1.p), &w.a1.len), 0);
    sga_world_run(&w, AT_A2, AT_A5);
    a4 = sga_blob(&w.a4);
    for (; pin < PINS; pin++) {
        pin_key(key, pin);
        sga_xor(key, ask->masked, key);
        if (sga_decrypt(w.terms.suite, key, &a4, &plain) == 0)
            break;
    }
    assert_int_equal(pin, 7777);
}

/* ---- 5.5 relay ---- */

/* Passing bytes on to whom they were meant for is what the cloud does, and no check could tell a
 * relay from it. Passed on to somebody else, or in a later run, they are refused. */
static void relay__to_another_device_or_run__refused__holds(void **state)
{
    struct sga_world w, old;
    struct sga_account carol;
    struct sga_device at_carol = {.step = SGA_START};
    struct blob in;

    (void)state;
    sga_world_new(&w);
    carol = w.bob;
    memcpy(carol.id, "carol", 6);
    randombytes_buf(carol.key, KEY_BYTES);
    sga_world_run(&w, AT_A1, AT_A3);
    in = sga_blob(&w.a2);
    assert_int_equal(sga_a3_open(&at_carol, &carol, w.terms.gateway, &in), ERR_AUTH);
    memcpy(carol.key, w.bob.key, KEY_BYTES); /* even with bob's key: his name is in it */
    assert_int_equal(sga_a3_open(&at_carol, &carol, w.terms.gateway, &in), ERR_AUTH);
    sga_world_run(&w, AT_A3, AT_B7_I);
    in = sga_blob(&w.to_r);
    assert_int_equal(sga_b7_key(&w.i, &in, w.i_key), ERR_AUTH);
    old = w;
    sga_world_again(&w);
    sga_world_run(&w, AT_A1, AT_B2);
    in = sga_blob(&old.b1);
    assert_int_equal(sga_b2_invite(&w.c, &in, &w.b2), ERR_AUTH);
    in = sga_blob(&old.to_i);
    assert_int_equal(sga_b7_key(&w.i, &in, w.i_key), ERR_AUTH);
}

/* c = E_K(m) has no number and no direction in it. */
static void relay__message_again_or_back_to_its_sender__accepted__fails(void **state)
{
    struct sga_world w;
    struct sga_body sent;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_END);
    sga_send_text(&w, w.i_key, text, &sent);
    assert_true(sga_reads_text(&w, w.r_key, &sent, text));
    assert_true(sga_reads_text(&w, w.r_key, &sent, text));
    assert_true(sga_reads_text(&w, w.i_key, &sent, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutual__stranger_in_the_initiators_place__stopped_at_b2__holds),
        cmocka_unit_test(mutual__stranger_in_the_clouds_place__refused_by_the_devices__holds),
        cmocka_unit_test(mutual__replayed_a1_and_b1__session_without_the_initiator__fails),
        cmocka_unit_test(mutual__peer_in_the_clouds_place__initiator_believes_it__fails),
        cmocka_unit_test(guessing__random_key__no_four_digits_open_anything__holds),
        cmocka_unit_test(guessing__weak_key__found_from_a_registration__fails),
        cmocka_unit_test(guessing__weak_key_of_the_responder__found_from_a2__fails),
        cmocka_unit_test(guessing__weak_key_of_the_initiator__found_by_the_peer_from_b1__fails),
        cmocka_unit_test(online__wrong_key_in_a_share__the_cloud_notices__holds),
        cmocka_unit_test(online__one_question_then_all_guesses_unseen__fails),
        cmocka_unit_test(relay__to_another_device_or_run__refused__holds),
        cmocka_unit_test(relay__message_again_or_back_to_its_sender__accepted__fails),
    };

    return cmocka_run_group_tests_name("sga claims", tests, start, NULL);
}
