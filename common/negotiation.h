/*
 * negotiation.h - the checks and keys of the six steps (Al Sibahee 2020, IV-B-1), free of sockets
 * and storage: the cloud and both devices run the same code.
 *
 * Steps 2 to 5 carry NEG_BODY = (salt XOR Sk, cloud, initiator, responder, Shk) sealed to the next
 * party, which compares every field with what it knows and both XOR relations. In the hardened
 * profiles steps 2 and 4 also carry the two messages of Noise_KKpsk2 between the devices.
 */
#ifndef INKPOST_COMMON_NEGOTIATION_H
#define INKPOST_COMMON_NEGOTIATION_H

#include <stddef.h>
#include <stdint.h>

#include "common/keybuf.h"
#include "common/noise.h"
#include "common/offer.h"
#include "proto/msg.h"

/* All that the parties must agree on in one negotiation. Holds secrets: wipe after use. */
struct neg_terms {
    uint8_t negotiation[NEG_ID_BYTES]; /* T */
    uint8_t cloud[KEY_BYTES];          /* the cloud's static key */
    char initiator[ID_MAX + 1], responder[ID_MAX + 1];
    struct offer i_offer, r_offer;
    struct list allowed; /* suites, by the cloud */
    struct choice choice;
    uint8_t salt[KEY_BYTES];
    struct keybuf sk, shk; /* 1 to PAIR_KEY_MAX bytes */
};

/* What the parties of a session start from. Holds secrets. */
struct session_keys {
    uint8_t session[SESSION_ID_BYTES]; /* its name */
    struct keybuf state;               /* of the messages, as the profile has it; auth: ck_0 */
    uint8_t receipt[KEY_BYTES];        /* rk */
    uint8_t confirm[KEY_BYTES];        /* for NEG_CONFIRM */
};

#define NEG_SEALED_MAX    512
#define NEG_HANDSHAKE_MAX 768 /* of the fields `noise`, and what is kept for the next one */

/* Encode and seal any message body of messages.def (crypto_box_seal) to the key `to`. */
int body_seal(const struct msg *m, const uint8_t to[KEY_BYTES], uint8_t *out, size_t cap,
              size_t *len);
/* Open and decode a sealed body of the given type. `plain` is the caller's buffer of at least
 * sealed->len bytes; m borrows from it: wipe both. ERR_AUTH, ERR_MALFORMED, ERR_TOO_SMALL. */
int body_open(struct msg *m, enum msg_type type, const struct blob *sealed,
              const struct noise_keypair *kp, uint8_t *plain, size_t cap);

/* NEG_BODY for these terms, sealed to `to`. */
int neg_body_seal(const struct neg_terms *t, const uint8_t to[KEY_BYTES],
                  uint8_t out[NEG_SEALED_MAX], size_t *len);
/* Open a sealed NEG_BODY and make every check of the paper against the terms. ERR_AUTH when any of
 * them fails: which one is nobody's business on the wire. */
int neg_body_check(const struct neg_terms *t, const struct blob *sealed,
                   const struct noise_keypair *kp);

/* psk of the terms: a hash of Shk, Sk, salt and T. */
void neg_psk(uint8_t psk[KEY_BYTES], const struct neg_terms *t);

/* Start the devices' Noise_KKpsk2 with psk and prologue made from the terms. ERR_AUTH when
 * Shk or Sk is not KEY_BYTES long. */
int neg_noise_start(struct noise_handshake *hs, const struct neg_terms *t, int initiator,
                    const struct noise_keypair *self, const uint8_t peer[KEY_BYTES]);
/* After both messages: the session's keys, its name the first half of the handshake hash, rk from
 * the reverse direction. Wipes nothing of hs. */
int neg_session_keys(struct noise_handshake *hs, struct session_keys *out);

/* The keys of a handshake: ours and the other device's, and what we share with the cloud. */
struct neg_ends {
    const struct noise_keypair *self;
    const uint8_t *peer; /* KEY_BYTES */
    const uint8_t *dev;  /* KEY_BYTES: given at enrolment; NULL where no handshake wants it */
};

/* Bytes of a handshake of the devices: what to send, what to keep until the answer. */
struct neg_bytes {
    size_t len;
    uint8_t b[NEG_HANDSHAKE_MAX];
};

/*
 * A handshake of two messages between the devices. ask: the initiator's message, and what it keeps;
 * answer: the responder's message and the keys; finish: the initiator's keys, from what it kept and
 * the answer. Of the terms, finish has T, the parties, the choice, salt, Sk and Shk. ERR_AUTH
 * and others of noise.h.
 */
struct neg_handshake {
    int (*ask)(struct neg_bytes *out, struct neg_bytes *kept, const struct neg_terms *t,
               const struct neg_ends *ends);
    int (*answer)(struct neg_bytes *out, struct session_keys *keys, const struct neg_terms *t,
                  const struct neg_ends *ends, const struct blob *asked);
    int (*finish)(struct session_keys *keys, const struct neg_bytes *kept,
                  const struct neg_terms *t, const struct neg_ends *ends,
                  const struct blob *answered);
};

/* The same at a cloud that has a part in it. */
struct neg_cloud {
    const struct noise_keypair *self;
    uint8_t i_account[KEY_BYTES], r_account[KEY_BYTES]; /* by `account`. Secret */
};

/*
 * What a handshake needs beside ask and finish when the cloud has a part in it; its `answer` is
 * NULL. The cloud makes step 3 from step 2 (forward), and from step 4 the messages to both devices
 * (settle): step 5 and NEG_GRANT, which the responder gets first. So the responder has its keys
 * only then: `answer` gives what to keep, and granted finishes.
 *
 * Each leaves what it gives zeroed when it fails. ERR_AUTH when a check fails, and others of the
 * profile's.
 */
struct neg_gateway {
    /* What the cloud keeps of `dev` for a negotiation. */
    void (*account)(uint8_t key[KEY_BYTES], const uint8_t dev[KEY_BYTES]);
    int (*forward)(struct neg_bytes *to_responder, struct neg_bytes *kept,
                   const struct neg_terms *t, const struct neg_cloud *cloud,
                   const struct blob *asked);
    int (*settle)(struct neg_bytes *to_initiator, struct neg_bytes *to_responder,
                  const struct neg_terms *t, const struct neg_cloud *cloud,
                  const struct neg_bytes *kept, const struct blob *answered);
    int (*answer)(struct neg_bytes *out, struct neg_bytes *kept, const struct neg_terms *t,
                  const struct neg_ends *ends, const struct blob *asked);
    /* Of the terms it has what finish has, less the salt and Sk. */
    int (*granted)(struct session_keys *keys, const struct neg_bytes *kept,
                   const struct neg_terms *t, const struct blob *grant);
};

/* Noise_KKpsk2_25519_ChaChaPoly_BLAKE2b (neg_kkpsk2.c). */
extern const struct neg_handshake neg_kkpsk2;

void neg_confirm_mac(uint8_t mac[MAC_BYTES], const struct session_keys *k);

#endif
