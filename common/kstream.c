/* kstream.c - the keyed stream over libsodium's ChaCha20, and the shuffle that draws from it. */
#include "common/kstream.h"

#include <string.h>

#include <sodium.h>

#include "common/kdf.h"

#define BLOCK 64

void kstream_init(struct kstream *ks, const uint8_t key[KSTREAM_KEY_BYTES], const char *label)
{
    kdf_derive(ks->key, sizeof(ks->key), key, label, NULL, 0);
    ks->block = 0;
    ks->pos = 0;
    ks->fill = 0;
}

/* Make the next blocks, enough for `want` bytes where the buffer holds so many. */
static void refill(struct kstream *ks, size_t want)
{
    static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
    size_t n = want > sizeof(ks->buf) ? sizeof(ks->buf) : (want + BLOCK - 1) / BLOCK * BLOCK;

    memset(ks->buf, 0, n);
    crypto_stream_chacha20_ietf_xor_ic(ks->buf, ks->buf, n, nonce, ks->block, ks->key);
    ks->block += (uint32_t)(n / BLOCK);
    ks->pos = 0;
    ks->fill = n;
}

void kstream_bytes(struct kstream *ks, uint8_t *out, size_t n)
{
    while (n > 0) {
        if (ks->pos == ks->fill)
            refill(ks, n);
        size_t part = ks->fill - ks->pos < n ? ks->fill - ks->pos : n;

        memcpy(out, ks->buf + ks->pos, part);
        ks->pos += part;
        out += part;
        n -= part;
    }
}

/* left: draws still to come, a hint of how much to make at once. */
static inline uint32_t word16(struct kstream *ks, size_t left)
{
    if (ks->pos + 2 > ks->fill)
        refill(ks, 2 * left);
    const uint8_t *p = ks->buf + ks->pos;

    ks->pos += 2;
    return (uint32_t)(p[0] | p[1] << 8);
}

static inline uint32_t word32(struct kstream *ks, size_t left)
{
    if (ks->pos + 4 > ks->fill)
        refill(ks, 4 * left);
    const uint8_t *p = ks->buf + ks->pos;

    ks->pos += 4;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void swap(uint32_t *items, size_t i, size_t j)
{
    uint32_t t = items[i];

    items[i] = items[j];
    items[j] = t;
}

/* The remainder is only worked out where the low word is below n, so almost never. */
static void shuffle16(struct kstream *ks, uint32_t *items, size_t n, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bound = (uint32_t)(n - i);
        uint32_t x = word16(ks, count - i) * bound;

        if ((x & 0xffff) < bound) {
            uint32_t least = 0x10000 % bound;

            while ((x & 0xffff) < least)
                x = word16(ks, count - i) * bound;
        }
        swap(items, i, i + (x >> 16));
    }
}

static void shuffle32(struct kstream *ks, uint32_t *items, size_t n, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bound = n - i;
        uint64_t x = word32(ks, count - i) * bound;

        if ((x & 0xffffffff) < bound) {
            uint64_t least = 0x100000000u % bound;

            while ((x & 0xffffffff) < least)
                x = word32(ks, count - i) * bound;
        }
        swap(items, i, i + (size_t)(x >> 32));
    }
}

void kstream_shuffle(struct kstream *ks, uint32_t *items, size_t n, size_t count)
{
    if (n <= KSTREAM_SHORT_MAX)
        shuffle16(ks, items, n, count);
    else
        shuffle32(ks, items, n, count);
}

void kstream_wipe(struct kstream *ks)
{
    sodium_memzero(ks, sizeof(*ks));
}
