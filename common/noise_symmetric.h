/*
 * noise_symmetric.h - the SymmetricState inside a handshake (Noise section 5.2), for noise.c only.
 * The other modules use noise.h.
 */
#ifndef INKPOST_COMMON_NOISE_SYMMETRIC_H
#define INKPOST_COMMON_NOISE_SYMMETRIC_H

#include "common/noise.h"

/* MixHash of len bytes; p may be NULL when len is 0. */
void noise_mix_hash(struct noise_handshake *hs, const uint8_t *p, size_t len);
/* MixKey of 32 bytes: a DH result, or an ephemeral where a psk is in play. */
void noise_mix_key(struct noise_handshake *hs, const uint8_t ikm[NOISE_KEY_BYTES]);
void noise_mix_key_and_hash(struct noise_handshake *hs, const uint8_t psk[NOISE_KEY_BYTES]);

/* EncryptAndHash: out has room for len + NOISE_TAG_BYTES. DecryptAndHash: len counts the tag, out
 * has room for len without it. Errors as noise_encrypt and noise_decrypt. */
int noise_encrypt_and_hash(struct noise_handshake *hs, const uint8_t *p, size_t len, uint8_t *out);
int noise_decrypt_and_hash(struct noise_handshake *hs, const uint8_t *p, size_t len, uint8_t *out);

/* Split: the initiator's sending key and the responder's. */
void noise_split_keys(const uint8_t ck[NOISE_HASH_BYTES], uint8_t k1[NOISE_KEY_BYTES],
                      uint8_t k2[NOISE_KEY_BYTES]);

#endif
