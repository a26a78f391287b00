/*
 * sga_parts.h - the building blocks of profile sga: what the paper writes as E_PK, E_k, F_G, f_K
 * and XOR. Used by sga*.c and by the tests that play an adversary.
 */
#ifndef INKPOST_COMMON_SGA_PARTS_H
#define INKPOST_COMMON_SGA_PARTS_H

#include "common/sga.h"
#include "proto/msg.h"

void sga_xor(uint8_t out[KEY_BYTES], const uint8_t a[KEY_BYTES], const uint8_t b[KEY_BYTES]);

/* Are these other parties than those of the terms? */
int sga_names_differ(const struct sga_terms *t, const char *initiator, const char *responder,
                     const uint8_t gateway[KEY_BYTES]);

/* E_PK and F_G: 32 bytes sealed to the cloud. ERR_ARG for an unusable key; ERR_AUTH. */
int sga_box(uint8_t out[SGA_BOX_BYTES], const uint8_t in[KEY_BYTES], const uint8_t to[KEY_BYTES]);
int sga_unbox(uint8_t out[KEY_BYTES], const uint8_t in[SGA_BOX_BYTES],
              const struct noise_keypair *kp);

/* Is it a suite that encrypts, and that this processor has? */
int sga_is_cipher(uint8_t suite);

/* E_k with a suite of suite.h: random nonce, ciphertext, tag; the print binds no data beside it.
 * out and in must not overlap. ERR_ARG when it is no cipher, ERR_TOO_LARGE; ERR_MALFORMED when in
 * is shorter than nonce and tag, ERR_AUTH. */
int sga_encrypt(uint8_t suite, const uint8_t key[KEY_BYTES], const struct blob *in,
                struct sga_body *out);
int sga_decrypt(uint8_t suite, const uint8_t key[KEY_BYTES], const struct blob *in,
                struct sga_body *out);

/* The same for a body of messages.def. m borrows from plain: wipe both. */
int sga_encrypt_msg(uint8_t suite, const uint8_t key[KEY_BYTES], const struct msg *m,
                    struct sga_body *out);
int sga_decrypt_msg(struct msg *m, enum msg_type type, uint8_t suite, const uint8_t key[KEY_BYTES],
                    const struct blob *in, struct sga_body *plain);

/* f_K(N) of B1 and B3, and f_K(ID_i, ID_j, K, N) of B5. */
void sga_share_proof(uint8_t proof[DIGEST_BYTES], const uint8_t once[KEY_BYTES],
                     const uint8_t n[KEY_BYTES]);
void sga_grant_proof(uint8_t proof[DIGEST_BYTES], const struct sga_terms *t,
                     const uint8_t once[KEY_BYTES], const uint8_t n[KEY_BYTES]);
/* The session key from R_i R_s R_j times the generator. */
void sga_session_key(uint8_t key[KEY_BYTES], const uint8_t element[KEY_BYTES]);

#endif
