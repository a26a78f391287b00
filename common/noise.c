/*
 * noise.c - HandshakeState: the two Noise handshakes, driven by a table of message patterns. A
 * message is processed on a copy of the state, which replaces the state only when all went well.
 */
#include "common/noise.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/noise_symmetric.h"

#define MESSAGES   2
#define TOKENS_MAX 5

enum token { T_END = 0, T_E, T_S, T_EE, T_ES, T_SE, T_SS, T_PSK };

/* Sections 7.5 and 9.4. Index 0 of a pair is the initiator's, 1 the responder's. */
struct pattern {
    const char *name;
    uint8_t pre_s[2]; /* the side's static key is known to the other beforehand */
    uint8_t uses_psk;
    uint8_t tokens[MESSAGES][TOKENS_MAX];
};

static const struct pattern patterns[] = {
    [NOISE_IK] = {"Noise_IK_25519_ChaChaPoly_BLAKE2b",
                  {0, 1},
                  0,
                  {{T_E, T_ES, T_S, T_SS, T_END}, {T_E, T_EE, T_SE, T_END}}},
    [NOISE_KKPSK2] = {"Noise_KKpsk2_25519_ChaChaPoly_BLAKE2b",
                      {1, 1},
                      1,
                      {{T_E, T_ES, T_SS, T_END}, {T_E, T_EE, T_SE, T_PSK, T_END}}},
};

/* The rest of a message while it is written or read. */
struct cursor {
    uint8_t *out;
    const uint8_t *in;
    size_t left;
};

void noise_keypair_new(struct noise_keypair *kp)
{
    randombytes_buf(kp->secret_key, sizeof kp->secret_key);
    crypto_scalarmult_curve25519_base(kp->public_key, kp->secret_key);
}

static const struct pattern *pattern_of(const struct noise_handshake *hs)
{
    return hs->pattern == NOISE_IK || hs->pattern == NOISE_KKPSK2 ? &patterns[hs->pattern] : NULL;
}

static int setup_is_valid(const struct noise_setup *setup)
{
    const struct pattern *p;
    int needs_rs;

    if (setup->pattern != NOISE_IK && setup->pattern != NOISE_KKPSK2)
        return 0;
    p = &patterns[setup->pattern];
    needs_rs = p->pre_s[setup->initiator ? 1 : 0];
    return setup->s != NULL && (setup->rs != NULL) == needs_rs &&
           (setup->psk != NULL) == p->uses_psk && (setup->prologue != NULL || !setup->prologue_len);
}

int noise_start(struct noise_handshake *hs, const struct noise_setup *setup)
{
    const struct pattern *p;

    noise_wipe(hs);
    if (!setup_is_valid(setup))
        return ERR_ARG;
    p = &patterns[setup->pattern];
    hs->pattern = (uint8_t)setup->pattern;
    hs->initiator = setup->initiator ? 1 : 0;
    hs->s = *setup->s;
    if (setup->rs != NULL) {
        memcpy(hs->rs, setup->rs, sizeof hs->rs);
        hs->has_rs = 1;
    }
    if (setup->psk != NULL)
        memcpy(hs->psk, setup->psk, sizeof hs->psk);

    /* Both names are shorter than HASHLEN, so h starts as the name padded with zeros. */
    memcpy(hs->h, p->name, strlen(p->name));
    memcpy(hs->ck, hs->h, sizeof hs->ck);
    noise_mix_hash(hs, setup->prologue, setup->prologue_len);
    for (unsigned side = 0; side < 2; side++) {
        int ours = (side == 0) == hs->initiator;

        if (p->pre_s[side])
            noise_mix_hash(hs, ours ? hs->s.public_key : hs->rs, NOISE_KEY_BYTES);
    }
    return 0;
}

void noise_set_ephemeral(struct noise_handshake *hs, const struct noise_keypair *e)
{
    hs->e = *e;
    hs->has_e = 1;
}

/* DH of one of our keys with one of the peer's, mixed in. The result's all-zero check is
 * libsodium's own return value. */
static int mix_dh(struct noise_handshake *hs, const struct noise_keypair *ours,
                  const uint8_t theirs[NOISE_KEY_BYTES])
{
    uint8_t shared[NOISE_KEY_BYTES];
    int rc = ERR_AUTH;

    if (crypto_scalarmult_curve25519(shared, ours->secret_key, theirs) == 0) {
        noise_mix_key(hs, shared);
        rc = 0;
    }
    sodium_memzero(shared, sizeof shared);
    return rc;
}

/* The tokens that only change keys: the same for the writer and the reader. */
static int mix_token(struct noise_handshake *hs, enum token t)
{
    switch (t) {
    case T_EE:
        return mix_dh(hs, &hs->e, hs->re);
    case T_ES:
        return hs->initiator ? mix_dh(hs, &hs->e, hs->rs) : mix_dh(hs, &hs->s, hs->re);
    case T_SE:
        return hs->initiator ? mix_dh(hs, &hs->s, hs->re) : mix_dh(hs, &hs->e, hs->rs);
    case T_SS:
        return mix_dh(hs, &hs->s, hs->rs);
    case T_PSK:
        noise_mix_key_and_hash(hs, hs->psk);
        return 0;
    case T_END:
    case T_E:
    case T_S:
        break;
    }
    return ERR_STATE;
}

/* An ephemeral is hashed, and where a psk is in play also mixed into the key (section 9.2). */
static void mix_ephemeral(struct noise_handshake *hs, const uint8_t e[NOISE_KEY_BYTES])
{
    noise_mix_hash(hs, e, NOISE_KEY_BYTES);
    if (patterns[hs->pattern].uses_psk)
        noise_mix_key(hs, e);
}

/* EncryptAndHash and DecryptAndHash at the cursor. */
static int put_sealed(struct noise_handshake *hs, struct cursor *c, const uint8_t *p, size_t len)
{
    int rc;

    if (c->left < len + NOISE_TAG_BYTES)
        return ERR_TOO_SMALL;
    rc = noise_encrypt_and_hash(hs, p, len, c->out);
    c->out += len + NOISE_TAG_BYTES;
    c->left -= len + NOISE_TAG_BYTES;
    return rc;
}

static int get_sealed(struct noise_handshake *hs, struct cursor *c, size_t sealed_len, uint8_t *out)
{
    int rc;

    if (c->left < sealed_len)
        return ERR_MALFORMED;
    rc = noise_decrypt_and_hash(hs, c->in, sealed_len, out);
    c->in += sealed_len;
    c->left -= sealed_len;
    return rc;
}

static int write_token(struct noise_handshake *hs, enum token t, struct cursor *c)
{
    if (t == T_S)
        return put_sealed(hs, c, hs->s.public_key, NOISE_KEY_BYTES);
    if (t != T_E)
        return mix_token(hs, t);
    if (c->left < NOISE_KEY_BYTES)
        return ERR_TOO_SMALL;
    if (!hs->has_e)
        noise_keypair_new(&hs->e);
    hs->has_e = 1;
    memcpy(c->out, hs->e.public_key, NOISE_KEY_BYTES);
    c->out += NOISE_KEY_BYTES;
    c->left -= NOISE_KEY_BYTES;
    mix_ephemeral(hs, hs->e.public_key);
    return 0;
}

static int read_token(struct noise_handshake *hs, enum token t, struct cursor *c)
{
    if (t == T_S) {
        hs->has_rs = 1;
        return get_sealed(hs, c, NOISE_KEY_BYTES + NOISE_TAG_BYTES, hs->rs);
    }
    if (t != T_E)
        return mix_token(hs, t);
    if (c->left < NOISE_KEY_BYTES)
        return ERR_MALFORMED;
    memcpy(hs->re, c->in, NOISE_KEY_BYTES);
    c->in += NOISE_KEY_BYTES;
    c->left -= NOISE_KEY_BYTES;
    mix_ephemeral(hs, hs->re);
    return 0;
}

/* The initiator writes message 0 and reads message 1. */
static int is_turn(const struct noise_handshake *hs, int writing)
{
    return pattern_of(hs) != NULL && hs->step < MESSAGES &&
           ((hs->step == 0) == (hs->initiator == 1)) == (writing == 1);
}

int noise_write(struct noise_handshake *hs, const uint8_t *payload, size_t len, uint8_t *out,
                size_t cap, size_t *out_len)
{
    struct noise_handshake next;
    struct cursor c = {.out = out, .left = cap};
    const uint8_t *t;
    int rc = 0;

    *out_len = 0;
    if (!is_turn(hs, 1))
        return ERR_STATE;
    if (len > NOISE_MESSAGE_MAX - NOISE_IK_1_OVERHEAD)
        return ERR_TOO_LARGE;
    next = *hs;
    for (t = patterns[hs->pattern].tokens[hs->step]; *t != T_END && rc == 0; t++)
        rc = write_token(&next, *t, &c);
    if (rc == 0)
        rc = put_sealed(&next, &c, payload, len);
    if (rc == 0) {
        next.step++;
        *hs = next;
        *out_len = cap - c.left;
    }
    noise_wipe(&next);
    return rc;
}

/* What is left of a message after its tokens. */
static int read_payload(struct noise_handshake *hs, struct cursor *c, uint8_t *payload, size_t cap,
                        size_t *payload_len)
{
    size_t len;
    int rc;

    if (c->left < NOISE_TAG_BYTES)
        return ERR_MALFORMED;
    len = c->left - NOISE_TAG_BYTES;
    if (len > cap)
        return ERR_TOO_SMALL;
    rc = get_sealed(hs, c, c->left, payload);
    if (rc == 0)
        *payload_len = len;
    return rc;
}

int noise_read(struct noise_handshake *hs, const uint8_t *msg, size_t len, uint8_t *payload,
               size_t cap, size_t *payload_len)
{
    struct noise_handshake next;
    struct cursor c = {.in = msg, .left = len};
    const uint8_t *t;
    int rc = 0;

    *payload_len = 0;
    if (!is_turn(hs, 0))
        return ERR_STATE;
    if (len > NOISE_MESSAGE_MAX)
        return ERR_TOO_LARGE;
    next = *hs;
    for (t = patterns[hs->pattern].tokens[hs->step]; *t != T_END && rc == 0; t++)
        rc = read_token(&next, *t, &c);
    if (rc == 0)
        rc = read_payload(&next, &c, payload, cap, payload_len);
    if (rc == 0) {
        next.step++;
        *hs = next;
    }
    noise_wipe(&next);
    return rc;
}

int noise_done(const struct noise_handshake *hs)
{
    return pattern_of(hs) != NULL && hs->step == MESSAGES;
}

int noise_split(const struct noise_handshake *hs, struct noise_cipher *send,
                struct noise_cipher *recv)
{
    if (!noise_done(hs))
        return ERR_STATE;
    if (hs->initiator)
        noise_split_keys(hs->ck, send->key, recv->key);
    else
        noise_split_keys(hs->ck, recv->key, send->key);
    send->n = recv->n = 0;
    return 0;
}

void noise_wipe(struct noise_handshake *hs)
{
    if (hs != NULL)
        sodium_memzero(hs, sizeof *hs);
}
