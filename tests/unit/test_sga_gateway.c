/*
 * test_sga_gateway.c - what the paper of profile sga claims of data privacy (5.4), and what the
 * cloud, its gateway, can do: it cannot compute the session key of an honest run, and as a cheat it
 * has one key with each device and reads everything. Names end as in test_sga_claims.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/negotiation.h"
#include "common/suite.h"
#include "tests/unit/sga_fixture.h"

static const char text[] = "open the valve";

static int start(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

/* Everything that a run shows to one who has all the long-term keys: elements and scalars. */
struct seen {
    uint8_t element[8][KEY_BYTES], scalar[4][KEY_BYTES];
    size_t elements, scalars;
};

static void see_grant(struct seen *s, const struct sga_body *grant)
{
    struct msg m;

    assert_int_equal(msg_decode(&m, MSG_SGA_GRANT, grant->p, grant->len), 0);
    memcpy(s->element[s->elements++], m.u.sga_grant.n, KEY_BYTES);
}

static void see_share(struct seen *s, const struct sga_world *w, const uint8_t kt[KEY_BYTES],
                      const struct sga_body *share)
{
    struct sga_body plain;
    struct msg_sga_share b = sga_open_share(w->terms.suite, kt, share, &plain);

    memcpy(s->element[s->elements++], b.n, KEY_BYTES);
    memcpy(s->element[s->elements++], b.once, KEY_BYTES);
    assert_int_equal(sga_unbox(s->scalar[s->scalars++], b.random, &w->cloud_key), 0);
}

/* Does an element, or one times a scalar, or a sum of two, give the key? */
static int gives(const struct seen *s, const uint8_t key[KEY_BYTES])
{
    uint8_t got[KEY_BYTES], element[KEY_BYTES];
    int found = 0;

    for (size_t a = 0; a < s->elements; a++) {
        sga_session_key(got, s->element[a]);
        found |= memcmp(got, key, sizeof(got)) == 0;
        for (size_t b = 0; b < s->scalars; b++) {
            sga_key_with(got, s->scalar[b], s->element[a]);
            found |= memcmp(got, key, sizeof(got)) == 0;
        }
        for (size_t b = 0; b < s->elements; b++) {
            assert_int_equal(crypto_core_ristretto255_add(element, s->element[a], s->element[b]),
                             0);
            sga_session_key(got, element);
            found |= memcmp(got, key, sizeof(got)) == 0;
        }
    }
    return found;
}

/* The temporary keys from the wire, with k_d of bob and the cloud's secret key. */
static void see_all(struct seen *s, const struct sga_world *w)
{
    struct sga_world copy = *w;
    struct blob a2 = sga_blob(&w->a2), a3 = sga_blob(&w->a3);

    memset(s, 0, sizeof(*s));
    sga_world_again(&copy);
    assert_int_equal(sga_a3_open(&copy.r, &copy.bob, copy.cloud_key.public_key, &a2), 0);
    copy.c.step = SGA_A2;
    copy.c.terms = copy.terms;
    memcpy(copy.c.i_kt, copy.r.peer_kt, KEY_BYTES);
    assert_int_equal(sga_a4_forward(&copy.c, &copy.cloud_key, &a3, &copy.a4), 0);
    see_share(s, &copy, copy.c.i_kt, &w->b1);
    see_share(s, &copy, copy.c.r_kt, &w->b3);
    see_grant(s, &w->to_i);
    see_grant(s, &w->to_r);
}

static void
privacy__all_long_term_keys_lost_later__session_key_not_among_what_they_open__holds(void **state)
{
    struct sga_world w;
    struct sga_body sent;
    struct seen s;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_END);
    sga_send_text(&w, w.i_key, text, &sent);
    see_all(&s, &w);
    assert_int_equal(s.elements, 6);
    assert_int_equal(s.scalars, 2);
    assert_false(gives(&s, w.i_key));
    assert_true(sga_reads_text(&w, w.r_key, &sent, text));
}

/* B5 says that the cloud computes K_isj. It lacks R_i and R_j: what it knows, R_s included, does
 * not give the key, and the printed equation does as soon as one of them is added. */
static void gateway__honest_run__does_not_have_the_session_key__holds(void **state)
{
    struct sga_world w;
    uint8_t r_i[KEY_BYTES], r_s[KEY_BYTES] = {0};
    struct msg m = {.type = MSG_SGA_GRANT};
    struct seen s;

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_B5);
    memcpy(r_i, w.i.exponent, KEY_BYTES);
    crypto_core_ristretto255_scalar_random(r_s); /* B5 with an R_s that the test knows */
    assert_int_equal(crypto_scalarmult_ristretto255(m.u.sga_grant.n, r_s, w.c.r_n), 0);
    sga_grant_proof(m.u.sga_grant.proof, &w.terms, w.c.i_once, m.u.sga_grant.n);
    sga_encode(&m, &w.to_i);
    assert_int_equal(crypto_scalarmult_ristretto255(m.u.sga_grant.n, r_s, w.c.i_n), 0);
    sga_grant_proof(m.u.sga_grant.proof, &w.terms, w.c.r_once, m.u.sga_grant.n);
    sga_encode(&m, &w.to_r);
    sga_world_run(&w, AT_B7_I, AT_END);
    assert_memory_equal(w.i_key, w.r_key, KEY_BYTES);
    see_all(&s, &w);
    memcpy(s.scalar[s.scalars++], r_s, KEY_BYTES);
    assert_false(gives(&s, w.i_key));
    memcpy(s.scalar[s.scalars++], r_i, KEY_BYTES);
    assert_true(gives(&s, w.i_key));
}

/* The devices take any N that is hashed under K, and the cloud has both K. So it puts an N of its
 * own in the place of each, has a key with each device, and reads and changes all they say. */
static void gateway__replaces_n_i_and_n_j__reads_and_changes_everything__fails(void **state)
{
    static const char changed[] = "shut the valve";
    struct sga_world w;
    struct sga_body sent;
    uint8_t a[KEY_BYTES], b[KEY_BYTES], with_i[KEY_BYTES], with_r[KEY_BYTES];

    (void)state;
    sga_world_new(&w);
    sga_world_run(&w, AT_A1, AT_B5); /* all its checks were made */
    sga_forge_grant(&w, w.c.i_once, a, &w.to_i);
    sga_forge_grant(&w, w.c.r_once, b, &w.to_r);
    sga_world_run(&w, AT_B7_I, AT_END); /* and all of the devices */
    sga_key_with(with_i, a, w.c.i_n);
    sga_key_with(with_r, b, w.c.r_n);
    sga_send_text(&w, w.i_key, text, &sent);
    assert_true(sga_reads_text(&w, with_i, &sent, text));
    sga_send_text(&w, with_r, changed, &sent);
    assert_true(sga_reads_text(&w, w.r_key, &sent, changed));
    sga_send_text(&w, w.r_key, text, &sent); /* and the way back */
    assert_true(sga_reads_text(&w, with_r, &sent, text));
    assert_memory_not_equal(w.i_key, w.r_key, KEY_BYTES);
}

/* The same body for the other cipher; those of A2 and A4 also name it. */
static void rewrite(struct sga_body *body, enum msg_type type, const uint8_t key[KEY_BYTES],
                    uint8_t from, uint8_t to)
{
    struct blob in = sga_blob(body);
    struct sga_body plain;
    struct msg m;

    assert_int_equal(sga_decrypt_msg(&m, type, from, key, &in, &plain), 0);
    if (type == MSG_SGA_ANSWER)
        m.u.sga_answer.suite = to;
    assert_int_equal(sga_encrypt_msg(to, key, &m, body), 0);
}

/* The cloud opens A1 and seals it to itself again with another cipher in it. */
static void choose(struct sga_world *w, uint8_t suite)
{
    uint8_t plain[SGA_BODY_MAX];
    struct blob in = sga_blob(&w->a1);
    struct msg m;

    assert_int_equal(body_open(&m, MSG_SGA_ASK, &in, &w->cloud_key, plain, sizeof(plain)), 0);
    m.u.sga_ask.suite = suite;
    assert_int_equal(body_seal(&m, w->cloud_key.public_key, w->a1.p, sizeof(w->a1.p), &w->a1.len),
                     0);
}

/* B4 of a cloud that takes N and K from both shares and asks no questions. */
static void take_n_and_k(struct sga_world *w)
{
    struct sga_body plain;
    struct msg_sga_share i = sga_open_share(w->c.terms.suite, w->c.i_kt, &w->b1, &plain);
    struct msg_sga_share r = sga_open_share(w->c.terms.suite, w->c.r_kt, &w->b3, &plain);

    memcpy(w->c.i_n, i.n, KEY_BYTES);
    memcpy(w->c.i_once, i.once, KEY_BYTES);
    memcpy(w->c.r_n, r.n, KEY_BYTES);
    memcpy(w->c.r_once, r.once, KEY_BYTES);
    w->c.step = SGA_B4;
}

/* No hash covers the cipher. The cloud asks bob for another one than alice chose, tells alice that
 * he took hers, translates in between, and both hold the same key for two ciphers. */
static void gateway__steers_the_cipher__keys_agree_all_the_same__fails(void **state)
{
    const uint8_t hers = SUITE_CHACHA20_POLY1305, his = SUITE_XCHACHA20_POLY1305;
    struct sga_world w;

    (void)state;
    sga_world_new(&w);
    w.bob.suites.v[w.bob.suites.n++] = his;
    sga_world_run(&w, AT_A1, AT_A2);
    choose(&w, his);
    sga_world_run(&w, AT_A2, AT_A5);
    rewrite(&w.a4, MSG_SGA_ANSWER, w.c.i_kt, his, hers);
    sga_world_run(&w, AT_A5, AT_B2);
    rewrite(&w.b1, MSG_SGA_SHARE, w.c.i_kt, hers, his);
    sga_world_run(&w, AT_B2, AT_B4);
    assert_int_equal(w.i.terms.suite, hers);
    assert_int_equal(w.r.terms.suite, his);
    take_n_and_k(&w);
    sga_world_run(&w, AT_B5, AT_END);
    assert_memory_equal(w.i_key, w.r_key, KEY_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            privacy__all_long_term_keys_lost_later__session_key_not_among_what_they_open__holds),
        cmocka_unit_test(gateway__honest_run__does_not_have_the_session_key__holds),
        cmocka_unit_test(gateway__replaces_n_i_and_n_j__reads_and_changes_everything__fails),
        cmocka_unit_test(gateway__steers_the_cipher__keys_agree_all_the_same__fails),
    };

    return cmocka_run_group_tests_name("sga gateway", tests, start, NULL);
}
