/*
 * noise_symmetric.c - the symmetric half of Noise: HMAC and HKDF over BLAKE2b, CipherState and
 * SymmetricState. No key agreement and no message pattern here (noise.c).
 */
#include "common/noise_symmetric.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"

#define BLOCK_BYTES 128 /* BLOCKLEN of BLAKE2b */

/* --- Hash functions, sections 4.3 and 12.8 ------------------------------------------------- */

/* HMAC of RFC 2104 with BLAKE2b-512; Noise wants this form and not BLAKE2b's own keyed mode. */
static void hmac(uint8_t out[NOISE_HASH_BYTES], const uint8_t key[NOISE_HASH_BYTES],
                 const uint8_t *p, size_t len, const uint8_t *last)
{
    crypto_generichash_blake2b_state st;
    uint8_t pad[BLOCK_BYTES], inner[NOISE_HASH_BYTES];

    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] = (uint8_t)(0x36 ^ (i < NOISE_HASH_BYTES ? key[i] : 0));
    crypto_generichash_blake2b_init(&st, NULL, 0, NOISE_HASH_BYTES);
    crypto_generichash_blake2b_update(&st, pad, sizeof pad);
    if (len > 0)
        crypto_generichash_blake2b_update(&st, p, len);
    if (last != NULL)
        crypto_generichash_blake2b_update(&st, last, 1);
    crypto_generichash_blake2b_final(&st, inner, sizeof inner);

    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    crypto_generichash_blake2b_init(&st, NULL, 0, NOISE_HASH_BYTES);
    crypto_generichash_blake2b_update(&st, pad, sizeof pad);
    crypto_generichash_blake2b_update(&st, inner, sizeof inner);
    crypto_generichash_blake2b_final(&st, out, NOISE_HASH_BYTES);
    sodium_memzero(&st, sizeof st);
    sodium_memzero(pad, sizeof pad);
    sodium_memzero(inner, sizeof inner);
}

/* HKDF with two or three outputs of 64 bytes; out may start with the chaining key itself. */
static void hkdf(uint8_t out[][NOISE_HASH_BYTES], size_t outputs,
                 const uint8_t ck[NOISE_HASH_BYTES], const uint8_t *ikm, size_t ikm_len)
{
    uint8_t temp[NOISE_HASH_BYTES];

    hmac(temp, ck, ikm, ikm_len, NULL);
    for (size_t i = 0; i < outputs; i++) {
        uint8_t number = (uint8_t)(i + 1);

        hmac(out[i], temp, i > 0 ? out[i - 1] : NULL, i > 0 ? NOISE_HASH_BYTES : 0, &number);
    }
    sodium_memzero(temp, sizeof temp);
}

/* --- CipherState, section 5.1 -------------------------------------------------------------- */

/* Section 12.3: 32 zero bits, then the counter, little-endian. */
static void nonce_of(uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES], uint64_t n)
{
    memset(nonce, 0, 4);
    for (size_t i = 0; i < 8; i++)
        nonce[4 + i] = (uint8_t)(n >> (8 * i));
}

int noise_encrypt(struct noise_cipher *c, const uint8_t *ad, size_t ad_len, const uint8_t *in,
                  size_t len, uint8_t *out)
{
    uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

    if (c->n == UINT64_MAX)
        return ERR_STATE;
    nonce_of(nonce, c->n);
    if (crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, len, ad, ad_len, NULL, nonce,
                                                  c->key) != 0)
        return ERR_TOO_LARGE;
    c->n++;
    return 0;
}

int noise_decrypt(struct noise_cipher *c, const uint8_t *ad, size_t ad_len, const uint8_t *in,
                  size_t len, uint8_t *out)
{
    uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

    if (c->n == UINT64_MAX)
        return ERR_STATE;
    if (len < NOISE_TAG_BYTES)
        return ERR_MALFORMED;
    nonce_of(nonce, c->n);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, in, len, ad, ad_len, nonce,
                                                  c->key) != 0)
        return ERR_AUTH;
    c->n++;
    return 0;
}

/* --- SymmetricState, section 5.2 ----------------------------------------------------------- */

void noise_mix_hash(struct noise_handshake *hs, const uint8_t *p, size_t len)
{
    crypto_generichash_blake2b_state st;

    crypto_generichash_blake2b_init(&st, NULL, 0, NOISE_HASH_BYTES);
    crypto_generichash_blake2b_update(&st, hs->h, sizeof hs->h);
    if (len > 0)
        crypto_generichash_blake2b_update(&st, p, len);
    crypto_generichash_blake2b_final(&st, hs->h, sizeof hs->h);
}

static void set_key(struct noise_handshake *hs, const uint8_t temp_k[NOISE_HASH_BYTES])
{
    memcpy(hs->cipher.key, temp_k, NOISE_KEY_BYTES);
    hs->cipher.n = 0;
    hs->has_key = 1;
}

void noise_mix_key(struct noise_handshake *hs, const uint8_t ikm[NOISE_KEY_BYTES])
{
    uint8_t out[2][NOISE_HASH_BYTES];

    hkdf(out, 2, hs->ck, ikm, NOISE_KEY_BYTES);
    memcpy(hs->ck, out[0], sizeof hs->ck);
    set_key(hs, out[1]);
    sodium_memzero(out, sizeof out);
}

void noise_mix_key_and_hash(struct noise_handshake *hs, const uint8_t psk[NOISE_KEY_BYTES])
{
    uint8_t out[3][NOISE_HASH_BYTES];

    hkdf(out, 3, hs->ck, psk, NOISE_KEY_BYTES);
    memcpy(hs->ck, out[0], sizeof hs->ck);
    noise_mix_hash(hs, out[1], NOISE_HASH_BYTES);
    set_key(hs, out[2]);
    sodium_memzero(out, sizeof out);
}

/* In both patterns every encrypted field follows a DH, so an absent key means a broken table. */
int noise_encrypt_and_hash(struct noise_handshake *hs, const uint8_t *p, size_t len, uint8_t *out)
{
    int rc = hs->has_key ? noise_encrypt(&hs->cipher, hs->h, sizeof hs->h, p, len, out) : ERR_STATE;

    if (rc == 0)
        noise_mix_hash(hs, out, len + NOISE_TAG_BYTES);
    return rc;
}

int noise_decrypt_and_hash(struct noise_handshake *hs, const uint8_t *p, size_t len, uint8_t *out)
{
    int rc = hs->has_key ? noise_decrypt(&hs->cipher, hs->h, sizeof hs->h, p, len, out) : ERR_STATE;

    if (rc == 0)
        noise_mix_hash(hs, p, len);
    return rc;
}

void noise_split_keys(const uint8_t ck[NOISE_HASH_BYTES], uint8_t k1[NOISE_KEY_BYTES],
                      uint8_t k2[NOISE_KEY_BYTES])
{
    uint8_t out[2][NOISE_HASH_BYTES];

    hkdf(out, 2, ck, NULL, 0);
    memcpy(k1, out[0], NOISE_KEY_BYTES);
    memcpy(k2, out[1], NOISE_KEY_BYTES);
    sodium_memzero(out, sizeof out);
}
