/*
 * test_sga.c - profile sga as printed: a run gives both devices the same key, and whatever
 * is changed, cut, old or out of turn on the way is refused and leaves the party as it was.
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
#include "tests/unit/msg_fill.h"
#include "tests/unit/sga_fixture.h"

static int start(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

static void all_bits_flipped_and_cut(struct sga_world *w, enum at at)
{
    struct sga_body *in = sga_world_input(w, at);
    size_t len = in->len;

    for (size_t bit = 0; bit < 8 * len; bit++) {
        in->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sga_refused(w, at, ERR_AUTH, ERR_AUTH);
        in->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (in->len = 0; in->len < len; in->len++)
        sga_refused(w, at, ERR_AUTH, ERR_MALFORMED);
    in->p[in->len++] = 0;
    sga_refused(w, at, ERR_AUTH, ERR_MALFORMED);
    in->len = len;
}

/* ---- registration ---- */

static const struct list allowed = {
    4, {SUITE_NONE, SUITE_XCHACHA20_POLY1305, SUITE_CHACHA20_POLY1305, SUITE_AES_256_GCM}};

static void register__checked_by_the_cloud__same_account(void **state)
{
    struct sga_world w;
    struct sga_account got;
    struct sga_body b;

    (void)state;
    sga_world_new(&w);
    assert_int_equal(sga_register(&w.alice, w.cloud_key.public_key, &b), 0);
    assert_int_equal(sga_register_check(&got, &(struct blob){b.p, b.len}, &w.cloud_key, &allowed),
                     0);
    assert_string_equal(got.id, "alice");
    assert_memory_equal(got.key, w.alice.key, KEY_BYTES);
    assert_memory_equal(&got.suites, &w.alice.suites, sizeof(got.suites));
    assert_int_equal(got.initial, SUITE_XCHACHA20_POLY1305);
}

static void register__a_cipher_that_the_cloud_has_not__denied(void **state)
{
    static const struct list fewer = {1, {SUITE_XCHACHA20_POLY1305}};
    struct sga_world w;
    struct sga_account got;
    struct sga_body b;

    (void)state;
    sga_world_new(&w);
    assert_int_equal(sga_register(&w.alice, w.cloud_key.public_key, &b), 0);
    assert_int_equal(sga_register_check(&got, &(struct blob){b.p, b.len}, &w.cloud_key, &fewer),
                     ERR_DENIED);
    assert_int_equal(got.id[0], 0);
    w.alice.initial = SUITE_AES_256_GCM; /* not in her set */
    assert_int_equal(sga_register(&w.alice, w.cloud_key.public_key, &b), ERR_ARG);
    w.alice.initial = SUITE_XCHACHA20_POLY1305;
    w.alice.id[0] = 'A';
    assert_int_equal(sga_register(&w.alice, w.cloud_key.public_key, &b), ERR_ARG);
}

static void register__a_suite_that_does_not_encrypt__denied(void **state)
{
    struct sga_world w;
    struct sga_account got;
    struct sga_body b;

    (void)state;
    sga_world_new(&w);
    w.alice.suites.v[1] = SUITE_NONE;
    assert_int_equal(sga_register(&w.alice, w.cloud_key.public_key, &b), 0);
    assert_int_equal(sga_register_check(&got, &(struct blob){b.p, b.len}, &w.cloud_key, &allowed),
                     ERR_DENIED);
    w.alice.initial = SUITE_NONE;
    assert_int_equal(sga_register(&w.alice, w.cloud_key.public_key, &b), ERR_ARG);
}

/* As printed nothing binds the list of ciphers to the rest: those flips pass (docs/design.md). */
static void register__any_bit_of_key_id_or_initial_cipher_flipped__refused(void **state)
{
    struct sga_world w;
    struct sga_account got;
    struct sga_body b;
    size_t suites;

    (void)state;
    sga_world_new(&w);
    assert_int_equal(sga_register(&w.alice, w.cloud_key.public_key, &b), 0);
    suites = msg_offset_of(MSG_SGA_REGISTER, "suites", b.p, b.len);
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        if (bit / 8 >= suites && bit / 8 < b.len - 1)
            continue;
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(sga_register_check(&got, &(struct blob){b.p, b.len}, &w.cloud_key, &allowed) <
                    0);
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < b.len; n++)
        assert_true(sga_register_check(&got, &(struct blob){b.p, n}, &w.cloud_key, &allowed) < 0);
}

/* ---- whole runs ---- */

static void run__both_devices_get_the_same_key(void **state)
{
    struct sga_world w;
    uint8_t first[KEY_BYTES];

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_END);
    assert_memory_equal(w.i_key, w.r_key, KEY_BYTES);
    assert_false(sodium_is_zero(w.i_key, KEY_BYTES));
    memcpy(first, w.i_key, KEY_BYTES);
    sga_world_again(&w);
    sga_world_run(&w, AT_A1, AT_END);
    assert_memory_equal(w.i_key, w.r_key, KEY_BYTES);
    assert_memory_not_equal(w.i_key, first, KEY_BYTES);
}

static void run__other_direction__the_same_accounts_serve(void **state)
{
    struct sga_world w;
    struct sga_account bob;

    (void)state;
    sga_world_new(&w);
    bob = w.bob;
    w.bob = w.alice;
    w.alice = bob;
    memcpy(w.terms.initiator, "bob\0\0", 6);
    memcpy(w.terms.responder, "alice", 6);
    sga_world_run(&w, AT_A1, AT_END);
    assert_memory_equal(w.i_key, w.r_key, KEY_BYTES);
}

static void run__longest_ids_fit(void **state)
{
    struct sga_world w;

    (void)state;
    sga_world_new(&w);
    memset(w.alice.id, 'a', ID_MAX);
    memset(w.bob.id, 'b', ID_MAX);
    memcpy(w.terms.initiator, w.alice.id, sizeof(w.alice.id));
    memcpy(w.terms.responder, w.bob.id, sizeof(w.bob.id));
    sga_world_run(&w, AT_A1, AT_END);
    assert_memory_equal(w.i_key, w.r_key, KEY_BYTES);
}

static void run__messages_pass_under_the_key_both_ways(void **state)
{
    static const uint8_t text[] = "meter 4711 reads 20 kWh";
    struct sga_body sealed, plain;
    struct blob in;
    struct sga_world w;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_END);
    for (int way = 0; way < 2; way++) {
        assert_int_equal(sga_encrypt(w.terms.suite, way ? w.r_key : w.i_key,
                                     &(struct blob){text, sizeof(text)}, &sealed),
                         0);
        in = sga_blob(&sealed);
        assert_int_equal(sga_decrypt(w.terms.suite, way ? w.i_key : w.r_key, &in, &plain), 0);
        assert_int_equal(plain.len, sizeof(text));
        assert_memory_equal(plain.p, text, sizeof(text));
        for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
            sealed.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(sga_decrypt(w.terms.suite, way ? w.i_key : w.r_key, &in, &plain),
                             ERR_AUTH);
            sealed.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void run__everybody_wipes_at_the_end(void **state)
{
    struct sga_world w;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_END);
    assert_int_equal(w.i.step, SGA_DONE);
    assert_int_equal(w.r.step, SGA_DONE);
    assert_int_equal(w.c.step, SGA_DONE);
    w.i.step = w.r.step = SGA_START;
    w.c.step = SGA_START;
    assert_true(sodium_is_zero((const uint8_t *)&w.i, sizeof(w.i)));
    assert_true(sodium_is_zero((const uint8_t *)&w.r, sizeof(w.r)));
    assert_true(sodium_is_zero((const uint8_t *)&w.c, sizeof(w.c)));
}

/* ---- on the way ---- */

static void every_step__any_bit_flipped_or_cut__refused_the_genuine_still_passes(void **state)
{
    struct sga_world w;

    (void)state;
    sga_world_new(&w);
    for (int at = AT_A1; at < AT_END; at++) {
        if (sga_world_input(&w, (enum at)at) != NULL)
            all_bits_flipped_and_cut(&w, (enum at)at);
        sga_world_run(&w, (enum at)at, (enum at)(at + 1));
    }
    assert_memory_equal(w.i_key, w.r_key, KEY_BYTES);
}

/* Steps of which the body does not exist yet find it empty where the party itself could go on. */
static void every_step__not_its_turn__refused(void **state)
{
    struct sga_world w;

    (void)state;
    sga_world_new(&w);
    for (int next = AT_A1; next < AT_END; next++) {
        for (int at = AT_A1; at < AT_END; at++)
            if (at < next)
                sga_refused(&w, (enum at)at, ERR_STATE, ERR_STATE);
            else if (at > next && !(next == AT_B7_I && at == AT_B7_R))
                sga_refused(&w, (enum at)at, ERR_STATE,
                            at == AT_A2 || at == AT_A4 ? ERR_AUTH : ERR_MALFORMED);
        sga_world_run(&w, (enum at)next, (enum at)(next + 1));
    }
    assert_memory_equal(w.i_key, w.r_key, KEY_BYTES);
}

static void every_step__body_of_an_older_run__refused(void **state)
{
    struct sga_world old, w;

    (void)state;
    sga_world_new(&old);
    sga_world_run(&old, AT_A1, AT_END);
    w = old;
    w.pair = (struct sga_pair){&w.alice, &w.bob};
    sga_world_again(&w);
    for (int at = AT_A1; at < AT_END; at++) {
        struct sga_body *in = sga_world_input(&w, (enum at)at), genuine;

        /* A1 to A3 carry nothing fresh of their receiver: test_sga_claims.c goes on from there. */
        if (in != NULL && at > AT_A4) {
            genuine = *in;
            *in = *sga_world_input(&old, (enum at)at);
            sga_refused(&w, (enum at)at, ERR_AUTH, ERR_AUTH);
            *in = genuine;
        }
        sga_world_run(&w, (enum at)at, (enum at)(at + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(register__checked_by_the_cloud__same_account),
        cmocka_unit_test(register__a_cipher_that_the_cloud_has_not__denied),
        cmocka_unit_test(register__a_suite_that_does_not_encrypt__denied),
        cmocka_unit_test(register__any_bit_of_key_id_or_initial_cipher_flipped__refused),
        cmocka_unit_test(run__both_devices_get_the_same_key),
        cmocka_unit_test(run__other_direction__the_same_accounts_serve),
        cmocka_unit_test(run__longest_ids_fit),
        cmocka_unit_test(run__messages_pass_under_the_key_both_ways),
        cmocka_unit_test(run__everybody_wipes_at_the_end),
        cmocka_unit_test(every_step__any_bit_flipped_or_cut__refused_the_genuine_still_passes),
        cmocka_unit_test(every_step__not_its_turn__refused),
        cmocka_unit_test(every_step__body_of_an_older_run__refused),
    };

    return cmocka_run_group_tests_name("sga", tests, start, NULL);
}
