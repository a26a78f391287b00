/* sga_exchange.c - profile sga, steps B1 to B7 of the paper's section 4.4: the session key by a
 * Diffie-Hellman of three, in which the cloud vouches for each device's N. */
#include "common/sga.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/sga_parts.h"

_Static_assert(crypto_core_ristretto255_BYTES == KEY_BYTES, "an element is as long as a key");
_Static_assert(crypto_core_ristretto255_SCALARBYTES == KEY_BYTES, "so is a scalar");

/* The fields of a share that need secrets. masked lends its bytes to b. */
static int fill_share(struct msg_sga_share *b, struct sga_device *d, const struct sga_account *self,
                      struct sga_body *masked)
{
    uint8_t r[KEY_BYTES], mixed[KEY_BYTES];
    int err = 0;

    crypto_core_ristretto255_scalar_random(d->exponent);
    crypto_core_ristretto255_scalar_random(r);
    if (crypto_scalarmult_ristretto255_base(b->n, d->exponent) != 0 ||
        crypto_scalarmult_ristretto255(d->once, r, b->n) != 0)
        err = ERR_ARG;
    if (err == 0) {
        memcpy(b->once, d->once, sizeof(b->once));
        sga_share_proof(b->proof, d->once, b->n);
        err = sga_box(b->random, r, d->terms.gateway);
    }
    if (err == 0) {
        sga_xor(mixed, b->n, self->key);
        err = sga_encrypt(d->terms.suite, self->key, &(struct blob){mixed, sizeof(mixed)}, masked);
    }
    b->masked = (struct blob){masked->p, masked->len};
    sodium_memzero(r, sizeof(r));
    sodium_memzero(mixed, sizeof(mixed));
    return err;
}

/* B1 and B3: draw R and r, encrypt all under our temporary key. */
static int make_share(struct sga_device *d, const struct sga_account *self, enum sga_step step,
                      struct sga_body *out)
{
    struct sga_device next = *d;
    struct msg m = {.type = MSG_SGA_SHARE};
    struct msg_sga_share *b = &m.u.sga_share;
    struct sga_body masked = {0};
    int err;

    memcpy(b->initiator, d->terms.initiator, sizeof(b->initiator));
    memcpy(b->responder, d->terms.responder, sizeof(b->responder));
    memcpy(b->gateway, d->terms.gateway, sizeof(b->gateway));
    err = fill_share(b, &next, self, &masked);
    if (err == 0)
        err = sga_encrypt_msg(d->terms.suite, d->kt, &m, out);
    if (err == 0) {
        next.step = step;
        *d = next;
    }
    sodium_memzero(&next, sizeof(next));
    sodium_memzero(&m, sizeof(m));
    return err;
}

int sga_b1_share(struct sga_device *d, const struct sga_account *self, struct sga_body *out)
{
    out->len = 0;
    return d->step == SGA_A5 ? make_share(d, self, SGA_B1, out) : ERR_STATE;
}

int sga_b1_share_at_once(struct sga_device *d, const struct sga_account *self,
                         struct sga_body *out)
{
    out->len = 0;
    return d->step == SGA_A1 ? make_share(d, self, SGA_A1_B1, out) : ERR_STATE;
}

int sga_b2_keep(struct sga_cloud *c, const struct blob *in)
{
    struct sga_body plain = {0};
    struct msg m;
    int err;

    if (c->step != SGA_A2)
        return ERR_STATE;
    err = sga_decrypt_msg(&m, MSG_SGA_SHARE, c->terms.suite, c->i_kt, in, &plain);
    if (err == 0) {
        c->i_share = plain;
        c->step = SGA_A2_B2;
    }
    sodium_memzero(&plain, sizeof(plain));
    sodium_memzero(&m, sizeof(m));
    return err;
}

int sga_b2_invite(struct sga_cloud *c, const struct blob *in, struct sga_body *out)
{
    struct sga_body plain = {0};
    struct msg m;
    struct msg_sga_invite *b = &m.u.sga_invite;
    int err;

    out->len = 0;
    if (c->step != SGA_A4)
        return ERR_STATE;
    err = sga_decrypt_msg(&m, MSG_SGA_SHARE, c->terms.suite, c->i_kt, in, &plain);
    if (err == 0) {
        memset(&m, 0, sizeof(m));
        m.type = MSG_SGA_INVITE;
        memcpy(b->initiator, c->terms.initiator, sizeof(b->initiator));
        memcpy(b->responder, c->terms.responder, sizeof(b->responder));
        memcpy(b->gateway, c->terms.gateway, sizeof(b->gateway));
        err = sga_encrypt_msg(c->terms.suite, c->r_kt, &m, out);
    }
    if (err == 0) {
        c->i_share = plain;
        c->step = SGA_B2;
    }
    sodium_memzero(&plain, sizeof(plain));
    sodium_memzero(&m, sizeof(m));
    return err;
}

int sga_b3_share(struct sga_device *d, const struct sga_account *self, const struct blob *in,
                 struct sga_body *out)
{
    struct sga_body plain;
    struct msg m;
    const struct msg_sga_invite *b = &m.u.sga_invite;
    int err;

    out->len = 0;
    if (d->step != SGA_A3)
        return ERR_STATE;
    err = sga_decrypt_msg(&m, MSG_SGA_INVITE, d->terms.suite, d->kt, in, &plain);
    if (err == 0 && sga_names_differ(&d->terms, b->initiator, b->responder, b->gateway))
        err = ERR_AUTH;
    return err != 0 ? err : make_share(d, self, SGA_B3, out);
}

int sga_b3_share_at_once(struct sga_device *d, const struct sga_account *self,
                         struct sga_body *out)
{
    out->len = 0;
    return d->step == SGA_A3 ? make_share(d, self, SGA_B3, out) : ERR_STATE;
}

/* The equations of B4 for one device: N out of E_k(N XOR k_d), K = r N, f_K(N). */
static int check_share(const struct sga_terms *t, const struct sga_account *a,
                       const struct msg_sga_share *b, const struct noise_keypair *cloud)
{
    uint8_t n[KEY_BYTES], r[KEY_BYTES], once[KEY_BYTES], proof[DIGEST_BYTES];
    struct sga_body mixed = {0};
    int err = 0;

    if (sga_names_differ(t, b->initiator, b->responder, b->gateway))
        return ERR_AUTH;
    if (sga_decrypt(t->suite, a->key, &b->masked, &mixed) != 0 || mixed.len != KEY_BYTES)
        return ERR_AUTH;
    sga_xor(n, mixed.p, a->key);
    if (sodium_memcmp(n, b->n, KEY_BYTES) != 0 || sga_unbox(r, b->random, cloud) != 0 ||
        crypto_scalarmult_ristretto255(once, r, n) != 0 ||
        sodium_memcmp(once, b->once, KEY_BYTES) != 0)
        err = ERR_AUTH;
    if (err == 0) {
        sga_share_proof(proof, once, n);
        err = sodium_memcmp(proof, b->proof, DIGEST_BYTES) == 0 ? 0 : ERR_AUTH;
    }
    sodium_memzero(r, sizeof(r));
    sodium_memzero(once, sizeof(once));
    sodium_memzero(&mixed, sizeof(mixed));
    return err;
}

/* Decode the plaintext of a share, check it, and keep what B5 needs. */
static int take_share(struct sga_cloud *c, const struct sga_account *a,
                      const struct sga_body *plain, const struct noise_keypair *cloud,
                      int initiator)
{
    struct msg m;
    const struct msg_sga_share *b = &m.u.sga_share;
    int err = msg_decode(&m, MSG_SGA_SHARE, plain->p, plain->len);

    if (err == 0)
        err = check_share(&c->terms, a, b, cloud);
    if (err == 0) {
        memcpy(initiator ? c->i_n : c->r_n, b->n, KEY_BYTES);
        memcpy(initiator ? c->i_once : c->r_once, b->once, KEY_BYTES);
    }
    sodium_memzero(&m, sizeof(m));
    return err;
}

int sga_b4_check(struct sga_cloud *c, const struct sga_pair *pair,
                 const struct noise_keypair *cloud, const struct blob *in)
{
    struct sga_cloud next = *c;
    struct sga_body plain = {0};
    int err;

    if (c->step != SGA_B2)
        return ERR_STATE;
    err = sga_decrypt(c->terms.suite, c->r_kt, in, &plain);
    if (err == 0)
        err = take_share(&next, pair->initiator, &c->i_share, cloud, 1);
    if (err == 0)
        err = take_share(&next, pair->responder, &plain, cloud, 0);
    if (err == 0) {
        next.step = SGA_B4;
        *c = next;
    }
    sodium_memzero(&next, sizeof(next));
    sodium_memzero(&plain, sizeof(plain));
    return err;
}

/* B6 for one device: the other's N times R_s, vouched for under this one's K. */
static int make_grant(const struct sga_terms *t, const uint8_t n[KEY_BYTES],
                      const uint8_t rs[KEY_BYTES], const uint8_t once[KEY_BYTES],
                      struct sga_body *out)
{
    struct msg m = {.type = MSG_SGA_GRANT};
    struct msg_sga_grant *b = &m.u.sga_grant;
    struct wbuf w;

    if (crypto_scalarmult_ristretto255(b->n, rs, n) != 0)
        return ERR_AUTH;
    sga_grant_proof(b->proof, t, once, b->n);
    wbuf_init(&w, out->p, sizeof(out->p));
    msg_encode(&m, &w);
    out->len = w.len;
    return wbuf_err(&w);
}

int sga_b5_grant(struct sga_cloud *c, struct sga_body *to_initiator, struct sga_body *to_responder)
{
    uint8_t rs[KEY_BYTES];
    int err;

    to_initiator->len = to_responder->len = 0;
    if (c->step != SGA_B4)
        return ERR_STATE;
    crypto_core_ristretto255_scalar_random(rs);
    err = make_grant(&c->terms, c->r_n, rs, c->i_once, to_initiator);
    if (err == 0)
        err = make_grant(&c->terms, c->i_n, rs, c->r_once, to_responder);
    if (err == 0) {
        sodium_memzero(c, sizeof(*c));
        c->step = SGA_DONE;
    }
    sodium_memzero(rs, sizeof(rs));
    return err;
}

int sga_b7_key(struct sga_device *d, const struct blob *in, uint8_t key[KEY_BYTES])
{
    uint8_t proof[DIGEST_BYTES], element[KEY_BYTES];
    struct msg m;
    int err;

    memset(key, 0, KEY_BYTES);
    if (d->step != SGA_B1 && d->step != SGA_B3)
        return ERR_STATE;
    err = msg_decode(&m, MSG_SGA_GRANT, in->p, in->len);
    if (err != 0)
        return err;
    sga_grant_proof(proof, &d->terms, d->once, m.u.sga_grant.n);
    if (sodium_memcmp(proof, m.u.sga_grant.proof, DIGEST_BYTES) != 0 ||
        crypto_scalarmult_ristretto255(element, d->exponent, m.u.sga_grant.n) != 0)
        return ERR_AUTH;
    sga_session_key(key, element);
    sodium_memzero(element, sizeof(element));
    sodium_memzero(d, sizeof(*d));
    d->step = SGA_DONE;
    return 0;
}
