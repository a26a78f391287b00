/*
 * fuzz_sga.c - bodies of profile sga from an enemy who holds the keys of the layer around them. The
 * first byte picks the step; the rest is the plaintext, which is sealed or encrypted as the step
 * expects it, or with the top bit set is handed over as it is.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/sga.h"
#include "common/sga_parts.h"
#include "common/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int true_thing)
{
    if (!true_thing)
        abort();
}

static struct noise_keypair cloud;
static struct sga_account alice, bob;
static const struct sga_pair pair = {&alice, &bob};
static const struct list allowed = {2, {SUITE_XCHACHA20_POLY1305, SUITE_CHACHA20_POLY1305}};

static void fixed(void)
{
    memset(cloud.secret_key, 9, sizeof(cloud.secret_key));
    require(crypto_scalarmult_base(cloud.public_key, cloud.secret_key) == 0);
    memcpy(alice.id, "alice", 6);
    memcpy(bob.id, "bob", 4);
    memset(alice.key, 1, KEY_BYTES);
    memset(bob.key, 2, KEY_BYTES);
    alice.suites = bob.suites = allowed;
    alice.initial = bob.initial = SUITE_XCHACHA20_POLY1305;
}

static struct sga_terms terms(void)
{
    struct sga_terms t = {.initiator = "alice", .responder = "bob", .suite = allowed.v[0]};

    memcpy(t.gateway, cloud.public_key, KEY_BYTES);
    return t;
}

/* A device or the cloud in the middle of a run with fixed keys. */
static struct sga_device device_at(enum sga_step step)
{
    struct sga_device d = {.step = step, .terms = terms()};

    memset(d.kt, 3, KEY_BYTES);
    memset(d.peer_kt, 4, KEY_BYTES);
    d.exponent[0] = 5;
    memset(d.once, 6, KEY_BYTES);
    return d;
}

static struct sga_cloud cloud_at(enum sga_step step)
{
    struct sga_cloud c = {.step = step, .terms = terms()};

    memset(c.i_kt, 3, KEY_BYTES);
    memset(c.r_kt, 4, KEY_BYTES);
    return c;
}

/* The layer around the plaintext; key NULL: sealed to the cloud. 0 when it does not fit. */
static int wrap(struct sga_body *out, const uint8_t *key, const uint8_t *p, size_t len)
{
    static const struct blob empty = {(const uint8_t *)"", 0};
    struct blob plain = len > 0 ? (struct blob){p, len} : empty;

    if (key != NULL)
        return sga_encrypt(allowed.v[0], key, &plain, out) == 0;
    if (len > sizeof(out->p) - crypto_box_SEALBYTES)
        return 0;
    require(crypto_box_seal(out->p, plain.p, len, cloud.public_key) == 0);
    out->len = len + crypto_box_SEALBYTES;
    return 1;
}

/* What a party does with `in`; a refusal leaves its step. */
static void take(unsigned step, const struct blob *in)
{
    struct sga_device d = device_at(step == 1 ? SGA_START : step == 3 ? SGA_A1 : SGA_A3);
    struct sga_cloud c = cloud_at(step == 0 ? SGA_START : step == 2 ? SGA_A2 : SGA_A4);
    uint8_t key[KEY_BYTES];
    struct sga_body out;

    if (step == 0)
        require((sga_a2_forward(&c, &pair, &cloud, in, &out) == 0) == (c.step == SGA_A2));
    else if (step == 1)
        require((sga_a3_open(&d, &bob, cloud.public_key, in) == 0) == (d.step == SGA_A3_OPENED));
    else if (step == 2)
        require((sga_a4_forward(&c, &cloud, in, &out) == 0) == (c.step == SGA_A4));
    else if (step == 3)
        require((sga_a5_accept(&d, in) == 0) == (d.step == SGA_A5));
    else if (step == 4)
        require((sga_b2_invite(&c, in, &out) == 0) == (c.step == SGA_B2));
    else if (step == 5)
        require((sga_b3_share(&d, &bob, in, &out) == 0) == (d.step == SGA_B3));
    else {
        d.step = SGA_B3;
        require((sga_b7_key(&d, in, key) == 0) == (d.step == SGA_DONE));
    }
}

/* B4 decodes both shares; the enemy is the initiator, and the responder's is the same bytes. */
static void take_shares(const uint8_t *p, size_t len)
{
    struct sga_cloud c = cloud_at(SGA_B2);
    struct sga_body out;
    struct blob in;

    if (len > sizeof(c.i_share.p) || !wrap(&out, c.r_kt, p, len))
        return;
    memcpy(c.i_share.p, p, len);
    c.i_share.len = len;
    in = (struct blob){out.p, out.len};
    require((sga_b4_check(&c, &pair, &cloud, &in) == 0) == (c.step == SGA_B4));
}

static void take_registration(const uint8_t *p, size_t len)
{
    struct sga_account got;
    struct blob in = {p, len};

    if (sga_register_check(&got, &in, &cloud, &allowed) == 0)
        require(id_is_valid(got.id, strlen(got.id)) && got.suites.n > 0);
    else
        require(sodium_is_zero((const uint8_t *)&got, sizeof(got)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t *const keys[] = {NULL, bob.key, NULL};
    unsigned step;
    uint8_t kt[KEY_BYTES];
    struct sga_body body;
    struct blob in;

    if (sodium_init() < 0 || size < 1)
        return 0;
    if (alice.id[0] == 0)
        fixed();
    step = data[0] % 9;
    in = (struct blob){data + 1, size - 1};
    if (step == 7) {
        take_shares(in.p, in.len);
    } else if (step == 8) {
        take_registration(in.p, in.len);
    } else if (step == 6 || (data[0] & 0x80) != 0) {
        take(step, &in);
    } else {
        memset(kt, 3, sizeof(kt)); /* what the initiator and B1 use; B2 is under the same here */
        if (wrap(&body, step < 3 ? keys[step] : kt, in.p, in.len)) {
            in = (struct blob){body.p, body.len};
            take(step, &in);
        }
    }
    return 0;
}
