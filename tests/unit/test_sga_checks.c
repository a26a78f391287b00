/*
 * test_sga_checks.c - each check of profile sga, by bodies from somebody who holds the keys around
 * them: every bit inside the ciphers, other names, keys, ciphers and accounts than agreed.
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
#include "common/suite.h"
#include "tests/unit/sga_fixture.h"

static int start(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

/* ---- inside ---- */

/* Where a body can be opened and closed again by somebody who holds the key. */
struct layer {
    enum at at;      /* the step that takes the body */
    enum at noticed; /* the step that refuses it at the latest */
    size_t free;     /* bytes at the front that no check covers: the masked key */
};

/* Who asks, in A2, is the cloud's word alone; the cloud's own check of A4 finds the difference. */
static const struct layer layers[] = {
    {AT_A2, AT_A2, KEY_BYTES}, {AT_A3, AT_A4, KEY_BYTES}, {AT_A4, AT_A4, KEY_BYTES},
    {AT_A5, AT_A5, KEY_BYTES}, {AT_B2, AT_B4, 0},         {AT_B3, AT_B3, 0},
    {AT_B4, AT_B4, 0},
};

/* The key and the cipher of a layer; NULL where the body is sealed to the cloud. */
static const uint8_t *layer_key(const struct sga_world *w, enum at at, uint8_t *suite)
{
    *suite = at == AT_A3 ? w->bob.initial : w->terms.suite;
    if (at == AT_A3)
        return w->bob.key;
    if (at == AT_A5 || at == AT_B2)
        return w->c.i_kt;
    return at == AT_A2 || at == AT_A4 ? NULL : w->c.r_kt;
}

static void peel(const struct sga_world *w, enum at at, const struct sga_body *in,
                 struct sga_body *plain)
{
    struct blob b = sga_blob(in);
    uint8_t suite;
    const uint8_t *key = layer_key(w, at, &suite);

    if (key != NULL) {
        assert_int_equal(sga_decrypt(suite, key, &b, plain), 0);
        return;
    }
    plain->len = in->len - crypto_box_SEALBYTES;
    assert_int_equal(crypto_box_seal_open(plain->p, in->p, in->len, w->cloud_key.public_key,
                                          w->cloud_key.secret_key),
                     0);
}

static void wrap(const struct sga_world *w, enum at at, const struct sga_body *plain,
                 struct sga_body *out)
{
    struct blob b = sga_blob(plain);
    uint8_t suite;
    const uint8_t *key = layer_key(w, at, &suite);

    if (key != NULL) {
        assert_int_equal(sga_encrypt(suite, key, &b, out), 0);
        return;
    }
    assert_int_equal(crypto_box_seal(out->p, plain->p, plain->len, w->cloud_key.public_key), 0);
    out->len = plain->len + crypto_box_SEALBYTES;
}

/* The body is taken by the first of the steps and refused by the last of them at the latest. */
static int accepted_up_to(const struct sga_world *w, const struct layer *l, struct sga_body *in)
{
    struct sga_world copy = *w;
    int err = 0;

    copy.pair = (struct sga_pair){&copy.alice, &copy.bob};
    *sga_world_input(&copy, l->at) = *in;
    for (int at = (int)l->at; err == 0 && at <= (int)l->noticed; at++)
        err = sga_world_step(&copy, (enum at)at);
    return err;
}

static void flip_inside(const struct sga_world *w, const struct layer *l)
{
    struct sga_world copy = *w;
    struct sga_body plain, in;

    peel(w, l->at, sga_world_input(&copy, l->at), &plain);
    for (size_t bit = 8 * l->free; bit < 8 * plain.len; bit++) {
        plain.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        wrap(w, l->at, &plain, &in);
        if (accepted_up_to(w, l, &in) == 0)
            fail_msg("step %d, bit %zu inside", (int)l->at, bit);
        plain.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    wrap(w, l->at, &plain, &in);
    assert_int_equal(accepted_up_to(w, l, &in), 0);
}

static void every_check__any_bit_inside_the_cipher_flipped__refused(void **state)
{
    struct sga_world w;
    int at = AT_A1;

    (void)state;
    sga_world_new(&w);
    for (size_t k = 0; k < sizeof(layers) / sizeof(layers[0]); k++) {
        sga_world_run(&w, (enum at)at, layers[k].at);
        at = (int)layers[k].at;
        flip_inside(&w, &layers[k]);
    }
}

/* Flip one bit of the masked key in the body that `at` takes. The first step that refuses. */
static enum at masked_key_changed(enum at at)
{
    struct sga_body plain;
    struct sga_world w;

    sga_world_new(&w);
    sga_world_run(&w, AT_A1, at);
    peel(&w, at, sga_world_input(&w, at), &plain);
    plain.p[0] ^= 1;
    wrap(&w, at, &plain, sga_world_input(&w, at));
    while (at != AT_END && sga_world_step(&w, at) == 0)
        at = (enum at)(at + 1);
    return at;
}

/* The print says that the cloud verifies the key in A2. It cannot: every value gives some key. */
static void masked_key_changed__the_cloud_takes_it_and_a_device_finds_out(void **state)
{
    (void)state;
    assert_int_equal(masked_key_changed(AT_A2), AT_A5);
    assert_int_equal(masked_key_changed(AT_A4), AT_B3);
}

/* ---- refusals ---- */

static void a2__cipher_not_of_both__refused(void **state)
{
    struct sga_world w;

    (void)state;
    sga_world_new(&w);
    w.terms.suite = SUITE_XCHACHA20_POLY1305; /* alice's only */
    sga_world_run(&w, AT_A1, AT_A2);
    sga_refused(&w, AT_A2, ERR_NOTFOUND, ERR_NOTFOUND);
    sga_world_new(&w);
    w.terms.suite = SUITE_AES_256_GCM; /* bob's only */
    assert_int_equal(sga_world_step(&w, AT_A1), ERR_ARG);
    w.alice.suites = w.bob.suites; /* hers by now, but the cloud has not heard of it */
    sga_world_run(&w, AT_A1, AT_A2);
    w.alice.suites = (struct list){1, {SUITE_CHACHA20_POLY1305}};
    sga_refused(&w, AT_A2, ERR_NOTFOUND, ERR_NOTFOUND);
}

static void a1__in_anothers_name_or_to_oneself__refused(void **state)
{
    struct sga_world w;

    (void)state;
    sga_world_new(&w);
    memcpy(w.terms.initiator, "carol", 6);
    sga_refused(&w, AT_A1, ERR_ARG, ERR_ARG);
    sga_world_new(&w);
    memcpy(w.terms.responder, "alice", 6);
    sga_refused(&w, AT_A1, ERR_ARG, ERR_ARG);
}

static void a3__asked_by_oneself__refused(void **state)
{
    struct sga_world w;
    struct sga_body plain;
    struct blob in;
    struct msg m;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_A3);
    in = sga_blob(&w.a2);
    assert_int_equal(sga_decrypt_msg(&m, MSG_SGA_ASK, w.bob.initial, w.bob.key, &in, &plain), 0);
    memcpy(m.u.sga_ask.initiator, "bob\0\0", 6);
    assert_int_equal(sga_encrypt_msg(w.bob.initial, w.bob.key, &m, &w.a2), 0);
    sga_refused(&w, AT_A3, ERR_AUTH, ERR_AUTH);
}

static void b4__masked_n_with_a_byte_more__refused(void **state)
{
    uint8_t longer[KEY_BYTES + 1] = {0};
    struct sga_body plain, masked;
    struct sga_world w;
    struct blob in;
    struct msg m;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_B4);
    in = sga_blob(&w.b3);
    assert_int_equal(sga_decrypt_msg(&m, MSG_SGA_SHARE, w.terms.suite, w.r.kt, &in, &plain), 0);
    sga_xor(longer, m.u.sga_share.n, w.bob.key);
    assert_int_equal(
        sga_encrypt(w.terms.suite, w.bob.key, &(struct blob){longer, sizeof(longer)}, &masked), 0);
    m.u.sga_share.masked = sga_blob(&masked);
    assert_int_equal(sga_encrypt_msg(w.terms.suite, w.r.kt, &m, &w.b3), 0);
    sga_refused(&w, AT_B4, ERR_AUTH, ERR_AUTH);
}

static void a3__cipher_that_the_responder_has_dropped__refused(void **state)
{
    struct sga_world w;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_A3);
    w.bob.suites = (struct list){1, {SUITE_AES_256_GCM}};
    sga_refused(&w, AT_A3, ERR_NOTFOUND, ERR_NOTFOUND);
}

static void wrong_initial_keys__refused_by_whom_they_concern(void **state)
{
    struct sga_world w;

    (void)state;
    sga_world_new(&w); /* bob's key at the cloud is not bob's */
    sga_world_run(&w, AT_A1, AT_A3);
    w.bob.key[0] ^= 1;
    sga_refused(&w, AT_A3, ERR_AUTH, ERR_AUTH);
    sga_world_new(&w); /* alice's neither: A4 is under a key that she has not */
    sga_world_run(&w, AT_A1, AT_A2);
    w.alice.key[0] ^= 1;
    sga_world_run(&w, AT_A2, AT_A5);
    sga_refused(&w, AT_A5, ERR_AUTH, ERR_AUTH);
    sga_world_new(&w); /* and if she changes it in between, B4 finds out */
    sga_world_run(&w, AT_A1, AT_B4);
    w.alice.key[0] ^= 1;
    sga_refused(&w, AT_B4, ERR_AUTH, ERR_AUTH);
}

static void another_cloud__refused(void **state)
{
    struct sga_world w;
    struct noise_keypair other;

    (void)state;
    sga_world_new(&w);
    noise_keypair_new(&other);
    sga_world_run(&w, AT_A1, AT_A2);
    w.cloud_key = other;
    sga_refused(&w, AT_A2, ERR_AUTH, ERR_AUTH);
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_A3);
    w.cloud_key = other; /* bob knows another cloud than the one that forwards */
    sga_refused(&w, AT_A3, ERR_AUTH, ERR_AUTH);
}

static void other_accounts_than_named__refused(void **state)
{
    struct sga_world w;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_A2);
    w.pair = (struct sga_pair){&w.bob, &w.alice};
    sga_refused(&w, AT_A2, ERR_AUTH, ERR_AUTH);
}

/* The print has no such check; ristretto255 as libsodium has it refuses the neutral element. */
static void b7__neutral_element_with_a_true_hash__refused(void **state)
{
    struct msg m = {.type = MSG_SGA_GRANT};
    struct sga_world w;
    struct wbuf out;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_B5);
    sga_grant_proof(m.u.sga_grant.proof, &w.terms, w.c.i_once, m.u.sga_grant.n);
    wbuf_init(&out, w.to_i.p, sizeof(w.to_i.p));
    msg_encode(&m, &out);
    w.to_i.len = out.len;
    sga_refused(&w, AT_B7_I, ERR_AUTH, ERR_AUTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_check__any_bit_inside_the_cipher_flipped__refused),
        cmocka_unit_test(masked_key_changed__the_cloud_takes_it_and_a_device_finds_out),
        cmocka_unit_test(a2__cipher_not_of_both__refused),
        cmocka_unit_test(a1__in_anothers_name_or_to_oneself__refused),
        cmocka_unit_test(a3__asked_by_oneself__refused),
        cmocka_unit_test(b4__masked_n_with_a_byte_more__refused),
        cmocka_unit_test(a3__cipher_that_the_responder_has_dropped__refused),
        cmocka_unit_test(wrong_initial_keys__refused_by_whom_they_concern),
        cmocka_unit_test(another_cloud__refused),
        cmocka_unit_test(other_accounts_than_named__refused),
        cmocka_unit_test(b7__neutral_element_with_a_true_hash__refused),
    };

    return cmocka_run_group_tests_name("sga checks", tests, start, NULL);
}
