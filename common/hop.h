/*
 * hop.h - the protection of one TCP connection between a device and the cloud. Bytes in, bytes out;
 * the sockets are elsewhere.
 *
 * The two handshake messages are Noise IK: the device is the initiator and has pinned the cloud's
 * static key, the cloud learns the device's. They are made and read with noise_write and
 * noise_read. After hop_finish every frame is
 *
 *     length  u32 big-endian, of all that follows it
 *     type    u8
 *     HOP_SEALED: ChaCha20-Poly1305 of (inner type u8, inner body), tag included; the type outside
 *                 is always HOP_TYPE_SEALED; associated data: the 5 bytes of length and type
 *     HOP_CLEAR:  body, then a tag of 16 bytes over nothing, with length, type and body as
 *                 associated data
 *     HOP_OPEN:   body, and nothing else: the public channel that the papers assume, on which
 *                 anybody on the way may read, change, drop, insert and repeat frames. For research
 *
 * All modes make the same handshake, and the first two use its keys and counters; the mode, the
 * device's role and the protocol's version are in the prologue, so the two ends cannot disagree
 * about them and still finish.
 *
 * A departure from the Noise document, which ends transport messages at 65535 bytes: a frame here
 * may have FRAME_MAX bytes (about 2 MiB) and is one AEAD message. That bound of Noise exists to
 * simplify buffers; the AEAD itself takes 2^38 bytes under one nonce (RFC 8439 section 2.8), and
 * its forgery bound grows with the number of 16-byte blocks: 2^-103 * 2^17 for one attempt at 2
 * MiB, and one failed attempt ends the connection.
 */
#ifndef INKPOST_COMMON_HOP_H
#define INKPOST_COMMON_HOP_H

#include <stddef.h>
#include <stdint.h>

#include "common/noise.h"

#define HOP_TYPE_SEALED 0x03 /* the one type seen on a sealed hop once keys are in use */

enum hop_mode { HOP_SEALED = 0, HOP_CLEAR = 1, HOP_OPEN = 2 };

/* The keys of one connection: 88 bytes, to be kept in a slab slot (slab.h). */
struct hop_keys {
    struct noise_cipher send, recv;
    uint8_t mode; /* enum hop_mode */
};

/* Begin as the device. role is what the device's first frame says it is; both ends must give the
 * same. hs should be in guarded memory. ERR_ARG for an unknown mode. */
int hop_start_device(struct noise_handshake *hs, enum hop_mode mode, uint8_t role,
                     const struct noise_keypair *device, const uint8_t cloud_pub[NOISE_KEY_BYTES]);

/* Begin as the cloud. After noise_read of message 1, hs->rs is the device's proven static key. */
int hop_start_cloud(struct noise_handshake *hs, enum hop_mode mode, uint8_t role,
                    const struct noise_keypair *cloud);

/* Take the keys out of a finished handshake and wipe it. ERR_STATE unless noise_done. */
int hop_finish(struct noise_handshake *hs, enum hop_mode mode, struct hop_keys *keys);

/* Bytes on the wire of a frame with a body of body_len. */
size_t hop_frame_size(enum hop_mode mode, size_t body_len);

/*
 * Write one whole frame to out, which has exactly out_len = hop_frame_size(mode, body_len) bytes
 * (else ERR_ARG). body may be NULL when body_len is 0 and may lie inside out. ERR_ARG for the type
 * HOP_TYPE_SEALED, ERR_TOO_LARGE above FRAME_MAX, ERR_STATE when the counter is exhausted.
 */
int hop_seal_frame(struct hop_keys *keys, uint8_t type, const uint8_t *body, size_t body_len,
                   uint8_t *out, size_t out_len);

/*
 * The total size of the frame that begins at p, of which have bytes are there, so that it can be
 * bounded before anything is allocated for it. Usable before the handshake as well. cap bounds the
 * length field. ERR_NEED_MORE until the 5 header bytes are there, ERR_MALFORMED when the length has
 * no room for the type, ERR_TOO_LARGE above cap. *total is 0 on error.
 */
int hop_frame_length(const uint8_t *p, size_t have, size_t cap, size_t *total);

/*
 * Verify one whole frame and decrypt it in place (HOP_OPEN: look at its length and type only):
 * *body points into frame. ERR_MALFORMED when frame_len is not what the frame says or too short, or
 * the type is not one of this mode's; ERR_TOO_LARGE above FRAME_MAX; ERR_AUTH when it does not
 * verify. Any failure is final: the receiving key is erased and all later calls return ERR_STATE,
 * the caller closes the connection.
 */
int hop_open_frame(struct hop_keys *keys, uint8_t *frame, size_t frame_len, uint8_t *type,
                   uint8_t **body, size_t *body_len);

#endif
