/* pairing.c - Rv, K_pair, Shk, Sk and the session salt. */
#include "cloudd/pairing.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/kdf.h"

#define RECORD_VERSION 1
#define DRAWS_MAX      1000

_Static_assert(crypto_core_ristretto255_BYTES == KEY_BYTES, "an element is as long as a key");

static void hash_pair(struct pair_keys *out, const struct pair_party *a, const struct pair_party *b,
                      const uint8_t pair_secret[KEY_BYTES])
{
    struct kdf k;

    kdf_init(&k, pair_secret, KEY_BYTES, "inkpost pair", KEY_BYTES);
    kdf_field(&k, a->id, strlen(a->id));
    kdf_field(&k, b->id, strlen(b->id));
    kdf_u64(&k, a->enrolment);
    kdf_u64(&k, b->enrolment);
    kdf_field(&k, a->dev, KEY_BYTES);
    kdf_field(&k, b->dev, KEY_BYTES);
    kdf_field(&k, out->rv, FX1_BYTES);
    kdf_final(&k, out->k_pair, KEY_BYTES);
}

int pairing_make(struct pair_keys *out, const struct pair_party *a, const struct pair_party *b,
                 const uint8_t pair_secret[KEY_BYTES])
{
    uint8_t *shs = malloc(FX1_CANVAS);

    memset(out, 0, sizeof(*out));
    if (shs == NULL)
        return ERR_NOMEM;
    fx1_union(shs, a->canvas, b->canvas);
    fx1_features(out->rv, shs);
    if (strcmp(a->id, b->id) < 0)
        hash_pair(out, a, b, pair_secret);
    else
        hash_pair(out, b, a, pair_secret);
    sodium_memzero(shs, FX1_CANVAS);
    free(shs);
    return 0;
}

void pairing_shk(uint8_t shk[KEY_BYTES], const struct pair_keys *k)
{
    kdf_derive(shk, KEY_BYTES, k->k_pair, "inkpost pair key", NULL, 0);
}

int pairing_draw_slice(const struct pair_keys *k, uint16_t *i, uint16_t *e, unsigned *redrawn)
{
    for (*redrawn = 0; *redrawn < DRAWS_MAX; ++*redrawn) {
        uint32_t len = SLICE_MIN + randombytes_uniform(SLICE_MAX - SLICE_MIN + 1);
        uint32_t start = randombytes_uniform(FX1_BYTES - len + 1);

        if (sodium_is_zero(k->rv + start, len))
            continue;
        *i = (uint16_t)start;
        *e = (uint16_t)(start + len - 1);
        return 0;
    }
    *i = 0;
    *e = 0;
    return ERR_BLANK;
}

int pairing_sk(uint8_t sk[KEY_BYTES], const struct pair_keys *k, const uint8_t t[NEG_ID_BYTES],
               uint16_t i, uint16_t e)
{
    struct kdf h;

    if (e >= FX1_BYTES || i > e || e - i + 1 < SLICE_MIN || e - i + 1 > SLICE_MAX)
        return ERR_ARG;
    kdf_init(&h, k->k_pair, KEY_BYTES, "inkpost salt key", KEY_BYTES);
    kdf_field(&h, t, NEG_ID_BYTES);
    kdf_u64(&h, i);
    kdf_u64(&h, e);
    kdf_field(&h, k->rv + i, (size_t)(e - i + 1));
    kdf_final(&h, sk, KEY_BYTES);
    return 0;
}

void pairing_salt(uint8_t salt[KEY_BYTES])
{
    uint8_t r[crypto_core_ristretto255_SCALARBYTES];

    do
        crypto_core_ristretto255_scalar_random(r);
    while (crypto_scalarmult_ristretto255_base(salt, r) != 0);
    sodium_memzero(r, sizeof(r));
}

void pairing_encode(uint8_t out[PAIR_RECORD_BYTES], const struct pair_keys *k)
{
    out[0] = RECORD_VERSION;
    memcpy(out + 1, k->k_pair, KEY_BYTES);
    memcpy(out + 1 + KEY_BYTES, k->rv, FX1_BYTES);
}

int pairing_decode(struct pair_keys *k, const struct blob *record)
{
    uint8_t version;
    struct rbuf r;

    memset(k, 0, sizeof(*k));
    rbuf_init(&r, record->p, record->len);
    if (rbuf_u8(&r, &version) != 0 || version == 0)
        return ERR_MALFORMED;
    if (version > RECORD_VERSION)
        return ERR_VERSION;
    if (record->len != PAIR_RECORD_BYTES)
        return ERR_MALFORMED;
    memcpy(k->k_pair, r.p, KEY_BYTES);
    memcpy(k->rv, r.p + KEY_BYTES, FX1_BYTES);
    return 0;
}
