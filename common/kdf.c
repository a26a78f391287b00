/* kdf.c - labelled hashing over libsodium's BLAKE2b. */
#include "common/kdf.h"

#include <string.h>

void kdf_init(struct kdf *k, const uint8_t *key, size_t key_len, const char *label, size_t out_len)
{
    crypto_generichash_blake2b_init(&k->state, key, key_len, out_len);
    kdf_field(k, label, strlen(label));
}

void kdf_field(struct kdf *k, const void *p, size_t len)
{
    uint8_t n[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

    crypto_generichash_blake2b_update(&k->state, n, sizeof(n));
    if (len > 0)
        crypto_generichash_blake2b_update(&k->state, p, len);
}

void kdf_u64(struct kdf *k, uint64_t v)
{
    uint8_t b[8];

    for (int i = 7; i >= 0; i--, v >>= 8)
        b[i] = (uint8_t)v;
    kdf_field(k, b, sizeof(b));
}

void kdf_final(struct kdf *k, uint8_t *out, size_t out_len)
{
    crypto_generichash_blake2b_final(&k->state, out, out_len);
    sodium_memzero(k, sizeof(*k));
}

void kdf_derive(uint8_t *out, size_t out_len, const uint8_t key[KDF_KEY_BYTES], const char *label,
                const void *field, size_t field_len)
{
    struct kdf k;

    kdf_init(&k, key, KDF_KEY_BYTES, label, out_len);
    kdf_field(&k, field, field_len);
    kdf_final(&k, out, out_len);
}
