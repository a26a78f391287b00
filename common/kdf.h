/*
 * kdf.h - labelled hashing: every hash of the hardened profiles goes through here.
 *
 * A hash input is a label followed by fields, each as u32 big-endian length and bytes, so no two
 * different lists of fields give the same input. BLAKE2b (RFC 7693), keyed where a key is given.
 */
#ifndef INKPOST_COMMON_KDF_H
#define INKPOST_COMMON_KDF_H

#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

#define KDF_KEY_BYTES 32

struct kdf {
    crypto_generichash_blake2b_state state;
};

/* Start: key may be NULL (key_len 0), else 16..64 bytes; out_len 16..64 is part of the hash. */
void kdf_init(struct kdf *k, const uint8_t *key, size_t key_len, const char *label, size_t out_len);
/* Add one field of any length (0 included). */
void kdf_field(struct kdf *k, const void *p, size_t len);
void kdf_u64(struct kdf *k, uint64_t v);
/* Write out_len bytes as given to kdf_init, and wipe the state. */
void kdf_final(struct kdf *k, uint8_t *out, size_t out_len);

/* One call for the common case: out = BLAKE2b(key, label, field). */
void kdf_derive(uint8_t *out, size_t out_len, const uint8_t key[KDF_KEY_BYTES], const char *label,
                const void *field, size_t field_len);

#endif
