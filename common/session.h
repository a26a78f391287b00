/*
 * session.h - what a session does with its keys: the ratchet, receipts, and names for people.
 *
 * The chain key ck_n gives the seed of message n and ck_{n+1}; then it is erased, so a device that
 * is taken later does not give up earlier messages. Pure functions: who holds the keys, and when
 * they reach the disk, is the caller's business (agent/).
 */
#ifndef INKPOST_COMMON_SESSION_H
#define INKPOST_COMMON_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "proto/msg.h"

#define SESSION_AHEAD_MAX 4096            /* a package may be so many indices ahead */
#define SESSION_INDEX_MAX (1u << 20)      /* messages of one session */
#define SESSION_AGE_MAX   (24 * 60 * 60)  /* seconds, at the sender */
#define RETENTION_DAYS    30              /* mailbox, and old receiving chains */
#define FINGERPRINT_CHARS 40              /* with the NUL: 8 groups of 4 hex digits */

/* seed = seed of this message; ck becomes the next one. */
void session_step(uint8_t ck[KEY_BYTES], uint8_t seed[KEY_BYTES]);

/* BLAKE2b-256 of a PACKAGE body as it is on the wire. */
void package_digest(uint8_t digest[DIGEST_BYTES], const uint8_t *body, size_t len);

/* MAC(rk; session, direction, index, status, digest) of a RECEIPT whose fields are filled in. */
void receipt_mac(uint8_t mac[MAC_BYTES], const uint8_t rk[KEY_BYTES], const struct msg_receipt *r);

/* A public key's fingerprint, for people to compare: 8 groups of 4 hex digits, 128 bits. */
void key_fingerprint(char out[FINGERPRINT_CHARS], const uint8_t key[KEY_BYTES]);

#endif
