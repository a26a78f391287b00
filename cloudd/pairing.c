/* pairing.c - Rv, K_pair, slices of Rv and the session salt. */
#include "cloudd/pairing.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/kdf.h"
#include "proto/wbuf.h"

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
    unsigned redrawn;

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
    return pairing_draw_slice(out, &out->shk, &redrawn);
}

int pairing_draw_slice(const struct pair_keys *k, struct slice *s, unsigned *redrawn)
{
    for (*redrawn = 0; *redrawn < DRAWS_MAX; ++*redrawn) {
        uint32_t len = SLICE_MIN + randombytes_uniform(SLICE_MAX - SLICE_MIN + 1);
        uint32_t start = randombytes_uniform(FX1_BYTES - len + 1);

        if (sodium_is_zero(k->rv + start, len))
            continue;
        *s = (struct slice){(uint16_t)start, (uint16_t)(start + len - 1)};
        return 0;
    }
    *s = (struct slice){0, 0};
    return ERR_BLANK;
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
    struct wbuf w;

    out[0] = RECORD_VERSION;
    memcpy(out + 1, k->k_pair, KEY_BYTES);
    memcpy(out + 1 + KEY_BYTES, k->rv, FX1_BYTES);
    wbuf_init(&w, out + 1 + KEY_BYTES + FX1_BYTES, 4);
    wbuf_u16(&w, k->shk.i);
    wbuf_u16(&w, k->shk.e);
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
    if (rbuf_bytes(&r, k->k_pair, KEY_BYTES) != 0 || rbuf_bytes(&r, k->rv, FX1_BYTES) != 0 ||
        rbuf_u16(&r, &k->shk.i) != 0 || rbuf_u16(&r, &k->shk.e) != 0)
        return ERR_MALFORMED;
    return 0;
}
