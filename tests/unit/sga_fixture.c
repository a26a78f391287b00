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
