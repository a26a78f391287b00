/*
 * fuzz_hop.c - frames from an enemy, in every mode, under fixed keys; and what is taken from the
 * fuzzer as a type and body, sealed, must open again to the same. The first byte picks the mode.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/hop.h"
#include "proto/limits.h"

static struct hop_keys keys_of(uint8_t mode)
{
    struct hop_keys keys = {.mode = mode};

    memset(keys.send.key, 7, sizeof keys.send.key);
    memset(keys.recv.key, 7, sizeof keys.recv.key);
    return keys;
}

static void open_frame(uint8_t mode, const uint8_t *p, size_t len)
{
    struct hop_keys keys = keys_of(mode);
    uint8_t *frame = malloc(len > 0 ? len : 1), type, *body;
    size_t body_len, total;

    if (frame == NULL)
        return;
    if (len > 0)
        memcpy(frame, p, len);
    if (hop_frame_length(frame, len, FRAME_PREAUTH_MAX, &total) == 0 &&
        (total < FRAME_HEADER || total > FRAME_PREAUTH_MAX + 4))
        abort();
    if (hop_open_frame(&keys, frame, len, &type, &body, &body_len) == 0) {
        size_t tag = mode == HOP_OPEN ? 0 : NOISE_TAG_BYTES;

        if (body + body_len + tag != frame + len || keys.recv.n != (mode != HOP_OPEN))
            abort();
    } else if (body != NULL || keys.recv.n != UINT64_MAX) {
        abort();
    }
    free(frame);
}

static void round_trip(uint8_t mode, const uint8_t *p, size_t len)
{
    struct hop_keys keys = keys_of(mode);
    size_t size = hop_frame_size((enum hop_mode)mode, len - 1), body_len;
    uint8_t *frame, type, *body;

    if (p[0] == HOP_TYPE_SEALED)
        return;
    frame = malloc(size);
    if (frame == NULL)
        return;
    if (hop_seal_frame(&keys, p[0], p + 1, len - 1, frame, size) != 0 ||
        hop_open_frame(&keys, frame, size, &type, &body, &body_len) != 0 || type != p[0] ||
        body_len != len - 1 || memcmp(body, p + 1, body_len) != 0)
        abort();
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (sodium_init() < 0 || size < 2)
        return 0;
    open_frame(data[0] % 3, data + 1, size - 1);
    round_trip(data[0] % 3, data + 1, size - 1);
    return 0;
}
