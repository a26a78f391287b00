/*
 * kstream.h - a keyed stream of bytes, and an unbiased shuffle drawn from it.
 *
 * The stream of (key, label) is the ChaCha20 keystream (RFC 8439, nonce 0, counter from 0) under
 * the 32-byte key kdf_derive(key, label, empty field). One stream serves one purpose.
 */
#ifndef INKPOST_COMMON_KSTREAM_H
#define INKPOST_COMMON_KSTREAM_H

#include <stddef.h>
#include <stdint.h>

#define KSTREAM_KEY_BYTES 32
#define KSTREAM_BUFFER    4096

/* A shuffle of at most this many items draws 16-bit words, a longer one 32-bit words. */
#define KSTREAM_SHORT_MAX 8192

struct kstream {
    uint8_t key[KSTREAM_KEY_BYTES];
    uint32_t block; /* counter of the next 64-byte block to make */
    size_t pos, fill;
    uint8_t buf[KSTREAM_BUFFER];
};

/* Start the stream of (key, label). Wipe it with kstream_wipe when it has served. */
void kstream_init(struct kstream *ks, const uint8_t key[KSTREAM_KEY_BYTES], const char *label);

/* Write the next n bytes of the stream. */
void kstream_bytes(struct kstream *ks, uint8_t *out, size_t n);

/*
 * Fisher-Yates from the front: for i = 0 .. count-1 draw r uniform in 0 .. n-i-1 and swap items
 * i and i+r. The first count items are then the first count of a full shuffle. count <= n < 2^32.
 * A draw takes words x of the stream (16 or 32 bits, little-endian) until the low word of
 * x * (n-i) is at least 2^16 (2^32) mod (n-i); r is the high word (Lemire 2019).
 */
void kstream_shuffle(struct kstream *ks, uint32_t *items, size_t n, size_t count);

void kstream_wipe(struct kstream *ks);

#endif
