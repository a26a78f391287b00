/*
 * fuzz_stego.c - extraction from any bytes as an image of any size, and the round trip over them.
 * Input: width, height (u8 each, plus 0..255 more from byte 2 for the width), code, bits (u16 LE),
 * then pixels, repeated as needed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/stego.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER 6

/* What embed puts in, extract gives back; neither fails where the other does not. */
static void round_trip(uint8_t *pixels, unsigned w, unsigned h, enum stego_code code, size_t bits)
{
    static const struct stego_keys keys = {{3}, {4}};
    uint8_t *payload = calloc(1, bits / 8 + 1), *got = calloc(1, bits / 8 + 1);

    if (payload == NULL || got == NULL)
        abort();
    int first = stego_extract(pixels, w, h, &keys, code, payload, bits);

    for (size_t i = 0; i < bits / 8; i++)
        payload[i] = (uint8_t)(payload[i] ^ (i * 29 + 1));
    if (stego_embed(pixels, w, h, &keys, code, payload, bits) != first ||
        stego_extract(pixels, w, h, &keys, code, got, bits) != first)
        abort();
    if (first == 0 && memcmp(payload, got, bits / 8) != 0)
        abort();
    free(payload);
    free(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEADER || sodium_init() < 0)
        return 0;
    unsigned w = data[0] + (unsigned)data[2], h = data[1];
    enum stego_code code = (enum stego_code)(data[3] % 4);
    size_t bits = data[4] | (size_t)data[5] << 8, n = (size_t)w * h;
    uint8_t *pixels = calloc(1, n + 1);

    if (pixels == NULL)
        abort();
    for (size_t i = 0; i < n && size > HEADER; i++)
        pixels[i] = data[HEADER + i % (size - HEADER)];
    (void)stego_is_flat(pixels, w, h);
    round_trip(pixels, w, h, code, bits);
    free(pixels);
    return 0;
}
