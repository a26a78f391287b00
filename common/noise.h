/*
 * noise.h - two handshakes of the Noise Protocol Framework, revision 34, over libsodium.
 *
 * Noise_IK_25519_ChaChaPoly_BLAKE2b protects the hop from a device to the cloud (hop.h),
 * Noise_KKpsk2_25519_ChaChaPoly_BLAKE2b agrees on a session's keys between two devices. Section
 * numbers below are those of the Noise document. Both patterns have two messages, the initiator's
 * and the responder's, so a handshake is: noise_start, then one noise_write and one noise_read in
 * the order of the role, then noise_split.
 */
#ifndef INKPOST_COMMON_NOISE_H
#define INKPOST_COMMON_NOISE_H

#include <stddef.h>
#include <stdint.h>

#define NOISE_KEY_BYTES   32 /* DHLEN, and the length of a cipher key and of a psk */
#define NOISE_HASH_BYTES  64 /* HASHLEN of BLAKE2b */
#define NOISE_TAG_BYTES   16
#define NOISE_MESSAGE_MAX 65535 /* longest handshake message, section 3 */

/* What a message is longer than its payload, by pattern: an ephemeral and a tag, and in the first
 * message of IK the initiator's static key with its own tag. */
#define NOISE_IK_1_OVERHEAD 96
#define NOISE_OVERHEAD      48 /* every other message */

/* From 1, so that a wiped or never started handshake has no pattern. */
enum noise_pattern { NOISE_IK = 1, NOISE_KKPSK2 = 2 };

struct noise_keypair {
    uint8_t public_key[NOISE_KEY_BYTES];
    uint8_t secret_key[NOISE_KEY_BYTES];
};

/* A CipherState (section 5.1) that has a key. */
struct noise_cipher {
    uint8_t key[NOISE_KEY_BYTES];
    uint64_t n;
};

/*
 * A HandshakeState with its SymmetricState (sections 5.2, 5.3). Plain data without pointers, so the
 * caller may keep it in guarded memory. Callers read h (the handshake hash, valid once noise_done),
 * rs and has_rs (the peer's static key; in IK the responder learns it from message 1) and nothing
 * else.
 */
struct noise_handshake {
    uint8_t pattern;   /* enum noise_pattern, 0 when wiped */
    uint8_t initiator; /* 1 or 0 */
    uint8_t step;      /* messages written or read so far */
    uint8_t has_key;   /* cipher is in use */
    uint8_t has_e, has_rs;
    uint8_t h[NOISE_HASH_BYTES];
    uint8_t ck[NOISE_HASH_BYTES];
    struct noise_cipher cipher;
    uint8_t psk[NOISE_KEY_BYTES];
    struct noise_keypair s, e;
    uint8_t rs[NOISE_KEY_BYTES];
    uint8_t re[NOISE_KEY_BYTES];
};

/* What a handshake starts from. The pointers are needed only during noise_start. */
struct noise_setup {
    enum noise_pattern pattern;
    int initiator;
    const uint8_t *prologue; /* both sides must give the same bytes */
    size_t prologue_len;
    const struct noise_keypair *s; /* our static key pair */
    const uint8_t *rs;             /* the peer's static key: NULL for the responder of IK only */
    const uint8_t *psk;            /* 32 bytes for KKpsk2, NULL for IK */
};

/* Draw a fresh X25519 key pair. */
void noise_keypair_new(struct noise_keypair *kp);

/*
 * Initialize (section 5.3): protocol name, prologue and pre-messages are hashed. ERR_ARG when a key
 * that the pattern needs is absent, or one that it has no use for is given.
 */
int noise_start(struct noise_handshake *hs, const struct noise_setup *setup);

/*
 * WriteMessage: writes len + overhead bytes to out and their number to *out_len. payload may be
 * NULL when len is 0, and must not overlap out. ERR_STATE when it is not our turn, ERR_TOO_LARGE
 * above NOISE_MESSAGE_MAX, ERR_TOO_SMALL when cap is too little, ERR_AUTH when the peer's key is of
 * low order (the shared secret would be all zero; checked although section 12.1 leaves it open).
 * On an error hs is unchanged.
 */
int noise_write(struct noise_handshake *hs, const uint8_t *payload, size_t len, uint8_t *out,
                size_t cap, size_t *out_len);

/*
 * ReadMessage: the mirror of noise_write. ERR_MALFORMED when the message is too short for its
 * pattern, ERR_TOO_LARGE above NOISE_MESSAGE_MAX, ERR_TOO_SMALL when cap has no room for the
 * payload, ERR_AUTH when anything does not verify or a key is of low order, ERR_STATE when it is
 * not the peer's turn. On an error hs is unchanged, so a forged message does not end a handshake
 * whose genuine message is still to come; payload's bytes are then undefined but hold no secret.
 */
int noise_read(struct noise_handshake *hs, const uint8_t *msg, size_t len, uint8_t *payload,
               size_t cap, size_t *payload_len);

/* 1 when both messages have been processed, else 0. */
int noise_done(const struct noise_handshake *hs);

/* Split (section 5.2): the two transport ciphers as seen from this side. ERR_STATE unless done.
 * hs keeps its hash; wipe it when that has been used. */
int noise_split(const struct noise_handshake *hs, struct noise_cipher *send,
                struct noise_cipher *recv);

/* Erase everything; a wiped handshake answers ERR_STATE to all calls. NULL is allowed. */
void noise_wipe(struct noise_handshake *hs);

/*
 * EncryptWithAd (section 5.1), ChaCha20-Poly1305 of RFC 8439: writes len + NOISE_TAG_BYTES bytes to
 * out, which may be the same address as in. ERR_STATE when the counter is exhausted (2^64 - 1 is
 * reserved); then nothing is written.
 */
int noise_encrypt(struct noise_cipher *c, const uint8_t *ad, size_t ad_len, const uint8_t *in,
                  size_t len, uint8_t *out);

/*
 * DecryptWithAd: in has len bytes with the tag, writes len - NOISE_TAG_BYTES bytes to out, which
 * may be the same address as in. ERR_MALFORMED when len is below a tag, ERR_AUTH when it does not
 * verify (the counter stays, out is zeroed), ERR_STATE when the counter is exhausted.
 */
int noise_decrypt(struct noise_cipher *c, const uint8_t *ad, size_t ad_len, const uint8_t *in,
                  size_t len, uint8_t *out);

/* For published vectors and tests only: use this ephemeral instead of a random one. Call it between
 * noise_start and our noise_write. */
void noise_set_ephemeral(struct noise_handshake *hs, const struct noise_keypair *e);

/*
 * The saved form of an initiator's handshake between its two messages: a device keeps it in its
 * state file while the peer's answer is on its way. In this order: version, pattern, our static
 * public key, the peer's, the ephemeral secret, psk, ck, h, and a check value over all of them. The
 * static secret is not in it, so a copy of the file alone cannot complete the handshake; it is
 * secret all the same.
 */
#define NOISE_SAVED_VERSION 1
#define NOISE_SAVED_CHECK   16
#define NOISE_SAVED_BYTES   (2 + 4 * NOISE_KEY_BYTES + 2 * NOISE_HASH_BYTES + NOISE_SAVED_CHECK)

/* Write the saved form. ERR_STATE unless hs is an initiator's and message 1 has been written. */
int noise_save(const struct noise_handshake *hs, uint8_t out[NOISE_SAVED_BYTES]);

/*
 * Restore it. s is our static key pair. ERR_MALFORMED for a wrong length, pattern or check value,
 * ERR_VERSION for a version above ours, ERR_ARG when s is not the key that the handshake was
 * started with. On an error hs is wiped.
 */
int noise_load(struct noise_handshake *hs, const uint8_t *saved, size_t len,
               const struct noise_keypair *s);

#endif
