/* sga_fixture.c - alice, bob and the cloud in one run of profile sga. */
#include "tests/unit/sga_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/suite.h"

static void account(struct sga_account *a, const char *id, uint8_t one, uint8_t two)
{
    memset(a, 0, sizeof(*a));
    memcpy(a->id, id, strlen(id));
    randombytes_buf(a->key, sizeof(a->key));
    a->suites = (struct list){2, {one, two}};
    a->initial = one;
}

void sga_world_new(struct sga_world *w)
{
    memset(w, 0, sizeof(*w));
    noise_keypair_new(&w->cloud_key);
    account(&w->alice, "alice", SUITE_XCHACHA20_POLY1305, SUITE_CHACHA20_POLY1305);
    account(&w->bob, "bob", SUITE_CHACHA20_POLY1305, SUITE_AES_256_GCM);
    w->pair = (struct sga_pair){&w->alice, &w->bob};
    memcpy(w->terms.initiator, "alice", 6);
    memcpy(w->terms.responder, "bob", 4);
    memcpy(w->terms.gateway, w->cloud_key.public_key, KEY_BYTES);
    w->terms.suite = SUITE_CHACHA20_POLY1305;
}

void sga_world_again(struct sga_world *w)
{
    memset(&w->i, 0, sizeof(w->i));
    memset(&w->r, 0, sizeof(w->r));
    memset(&w->c, 0, sizeof(w->c));
}

struct blob sga_blob(const struct sga_body *b)
{
    return (struct blob){b->p, b->len};
}

struct sga_body *sga_world_input(struct sga_world *w, enum at at)
{
    switch (at) {
    case AT_A2:
        return &w->a1;
    case AT_A3:
        return &w->a2;
    case AT_A4:
        return &w->a3;
    case AT_A5:
        return &w->a4;
    case AT_B2:
        return &w->b1;
    case AT_B3:
        return &w->b2;
    case AT_B4:
        return &w->b3;
    case AT_B7_I:
        return &w->to_i;
    case AT_B7_R:
        return &w->to_r;
    case AT_A1:
    case AT_B1:
    case AT_B5:
    case AT_END:
        break;
    }
    return NULL;
}

int sga_world_step(struct sga_world *w, enum at at)
{
    const struct sga_body *body = sga_world_input(w, at);
    struct blob in = body == NULL ? (struct blob){NULL, 0} : sga_blob(body);
    int err;

    switch (at) {
    case AT_A1:
        return sga_a1_ask(&w->i, &w->alice, &w->terms, &w->a1);
    case AT_A2:
        return sga_a2_forward(&w->c, &w->pair, &w->cloud_key, &in, &w->a2);
    case AT_A3:
        err = sga_a3_open(&w->r, &w->bob, w->cloud_key.public_key, &in);
        return err != 0 ? err : sga_a3_answer(&w->r, &w->a3);
    case AT_A4:
        return sga_a4_forward(&w->c, &w->cloud_key, &in, &w->a4);
    case AT_A5:
        return sga_a5_accept(&w->i, &in);
    case AT_B1:
        return sga_b1_share(&w->i, &w->alice, &w->b1);
    case AT_B2:
        return sga_b2_invite(&w->c, &in, &w->b2);
    case AT_B3:
        return sga_b3_share(&w->r, &w->bob, &in, &w->b3);
    case AT_B4:
        return sga_b4_check(&w->c, &w->pair, &w->cloud_key, &in);
    case AT_B5:
        return sga_b5_grant(&w->c, &w->to_i, &w->to_r);
    case AT_B7_I:
        return sga_b7_key(&w->i, &in, w->i_key);
    case AT_B7_R:
        return sga_b7_key(&w->r, &in, w->r_key);
    case AT_END:
        break;
    }
    return 0;
}

void sga_world_run(struct sga_world *w, enum at from, enum at to)
{
    for (int at = (int)from; at < (int)to; at++)
        if (sga_world_step(w, (enum at)at) != 0)
            fail_msg("step %d was refused", at);
}

void sga_encode(const struct msg *m, struct sga_body *out)
{
    struct wbuf w;

    wbuf_init(&w, out->p, sizeof(out->p));
    msg_encode(m, &w);
    assert_int_equal(wbuf_err(&w), 0);
    out->len = w.len;
}

void sga_forge_grant(const struct sga_world *w, const uint8_t once[KEY_BYTES],
                     uint8_t exponent[KEY_BYTES], struct sga_body *out)
{
    struct msg m = {.type = MSG_SGA_GRANT};

    crypto_core_ristretto255_scalar_random(exponent);
    assert_int_equal(crypto_scalarmult_ristretto255_base(m.u.sga_grant.n, exponent), 0);
    sga_grant_proof(m.u.sga_grant.proof, &w->terms, once, m.u.sga_grant.n);
    sga_encode(&m, out);
}

void sga_key_with(uint8_t key[KEY_BYTES], const uint8_t exponent[KEY_BYTES],
                  const uint8_t n[KEY_BYTES])
{
    uint8_t element[KEY_BYTES];

    assert_int_equal(crypto_scalarmult_ristretto255(element, exponent, n), 0);
    sga_session_key(key, element);
}

struct msg_sga_share sga_open_share(uint8_t suite, const uint8_t kt[KEY_BYTES],
                                    const struct sga_body *share, struct sga_body *plain)
{
    struct blob in = sga_blob(share);
    struct msg m;

    assert_int_equal(sga_decrypt_msg(&m, MSG_SGA_SHARE, suite, kt, &in, plain), 0);
    return m.u.sga_share;
}

void sga_send_text(const struct sga_world *w, const uint8_t key[KEY_BYTES], const char *message,
                   struct sga_body *out)
{
    struct blob in = {(const uint8_t *)message, strlen(message)};

    assert_int_equal(sga_encrypt(w->terms.suite, key, &in, out), 0);
}

int sga_reads_text(const struct sga_world *w, const uint8_t key[KEY_BYTES],
                   const struct sga_body *sent, const char *message)
{
    struct blob in = sga_blob(sent);
    struct sga_body plain;

    return sga_decrypt(w->terms.suite, key, &in, &plain) == 0 && plain.len == strlen(message) &&
           memcmp(plain.p, message, plain.len) == 0;
}

void sga_refused(const struct sga_world *w, enum at at, int err, int or_err)
{
    struct sga_world after;
    int got;

    memcpy(&after, w, sizeof(after));
    after.pair = (struct sga_pair){&after.alice, &after.bob};
    if (w->pair.initiator == &w->bob)
        after.pair = (struct sga_pair){&after.bob, &after.alice};
    got = sga_world_step(&after, at);
    if (got != err && got != or_err)
        fail_msg("step %d gave %d", (int)at, got);
    assert_memory_equal(&after.i, &w->i, sizeof(w->i));
    assert_memory_equal(&after.r, &w->r, sizeof(w->r));
    assert_memory_equal(&after.c, &w->c, sizeof(w->c));
}
