/* hop.c - handshake set-up and frame protection of the hop between a device and the cloud. */
#include "common/hop.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "proto/limits.h"

#define LABEL        "inkpost hop"
#define LABEL_BYTES  (sizeof LABEL - 1)
#define PROLOGUE_MAX (LABEL_BYTES + 3)
#define LENGTH_BYTES 4

static int is_mode(enum hop_mode mode)
{
    return mode == HOP_SEALED || mode == HOP_CLEAR || mode == HOP_OPEN;
}

/* label, version, mode, role */
static int start(struct noise_handshake *hs, struct noise_setup *setup, enum hop_mode mode,
                 uint8_t role)
{
    uint8_t prologue[PROLOGUE_MAX];

    if (!is_mode(mode))
        return ERR_ARG;
    memcpy(prologue, LABEL, LABEL_BYTES);
    prologue[LABEL_BYTES] = PROTO_VERSION;
    prologue[LABEL_BYTES + 1] = (uint8_t)mode;
    prologue[LABEL_BYTES + 2] = role;
    setup->pattern = NOISE_IK;
    setup->prologue = prologue;
    setup->prologue_len = sizeof prologue;
    return noise_start(hs, setup);
}

int hop_start_device(struct noise_handshake *hs, enum hop_mode mode, uint8_t role,
                     const struct noise_keypair *device, const uint8_t cloud_pub[NOISE_KEY_BYTES])
{
    struct noise_setup setup = {.initiator = 1, .s = device, .rs = cloud_pub};

    return start(hs, &setup, mode, role);
}

int hop_start_cloud(struct noise_handshake *hs, enum hop_mode mode, uint8_t role,
                    const struct noise_keypair *cloud)
{
    struct noise_setup setup = {.initiator = 0, .s = cloud};

    return start(hs, &setup, mode, role);
}

int hop_finish(struct noise_handshake *hs, enum hop_mode mode, struct hop_keys *keys)
{
    int rc;

    if (!is_mode(mode))
        return ERR_ARG;
    rc = noise_split(hs, &keys->send, &keys->recv);
    if (rc != 0)
        return rc;
    keys->mode = (uint8_t)mode;
    noise_wipe(hs);
    return 0;
}

/* A sealed frame holds the inner type as well. */
static size_t inner_header(unsigned mode)
{
    return mode == HOP_SEALED ? 1 : 0;
}

static size_t tag_bytes(unsigned mode)
{
    return mode == HOP_OPEN ? 0 : NOISE_TAG_BYTES;
}

size_t hop_frame_size(enum hop_mode mode, size_t body_len)
{
    return FRAME_HEADER + inner_header(mode) + body_len + tag_bytes(mode);
}

static void put_header(uint8_t *out, size_t frame_len, uint8_t type)
{
    size_t length = frame_len - LENGTH_BYTES;

    for (size_t i = 0; i < LENGTH_BYTES; i++)
        out[i] = (uint8_t)(length >> (8 * (LENGTH_BYTES - 1 - i)));
    out[LENGTH_BYTES] = type;
}

int hop_seal_frame(struct hop_keys *keys, uint8_t type, const uint8_t *body, size_t body_len,
                   uint8_t *out, size_t out_len)
{
    uint8_t *inner = out + FRAME_HEADER;
    size_t skip = inner_header(keys->mode);

    if (body_len > FRAME_MAX - (1 + 1 + NOISE_TAG_BYTES))
        return ERR_TOO_LARGE;
    if (type == HOP_TYPE_SEALED || out_len != hop_frame_size((enum hop_mode)keys->mode, body_len))
        return ERR_ARG;
    if (body_len > 0)
        memmove(inner + skip, body, body_len);
    if (keys->mode == HOP_SEALED) {
        put_header(out, out_len, HOP_TYPE_SEALED);
        inner[0] = type;
        return noise_encrypt(&keys->send, out, FRAME_HEADER, inner, 1 + body_len, inner);
    }
    put_header(out, out_len, type);
    if (keys->mode == HOP_OPEN)
        return 0;
    return noise_encrypt(&keys->send, out, FRAME_HEADER + body_len, NULL, 0, inner + body_len);
}

int hop_frame_length(const uint8_t *p, size_t have, size_t cap, size_t *total)
{
    uint32_t length = 0;

    *total = 0;
    if (have < FRAME_HEADER)
        return ERR_NEED_MORE;
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        length = length << 8 | p[i];
    if (length < 1)
        return ERR_MALFORMED;
    if (length > cap)
        return ERR_TOO_LARGE;
    *total = LENGTH_BYTES + (size_t)length;
    return 0;
}

static int open_sealed(struct hop_keys *keys, uint8_t *frame, size_t frame_len)
{
    uint8_t *inner = frame + FRAME_HEADER;
    int rc;

    if (frame[LENGTH_BYTES] != HOP_TYPE_SEALED)
        return ERR_MALFORMED;
    rc = noise_decrypt(&keys->recv, frame, FRAME_HEADER, inner, frame_len - FRAME_HEADER, inner);
    if (rc == 0 && inner[0] == HOP_TYPE_SEALED)
        rc = ERR_MALFORMED;
    return rc;
}

static int open_clear(struct hop_keys *keys, uint8_t *frame, size_t frame_len)
{
    size_t signed_len = frame_len - NOISE_TAG_BYTES;
    uint8_t nothing;

    if (frame[LENGTH_BYTES] == HOP_TYPE_SEALED)
        return ERR_MALFORMED;
    return noise_decrypt(&keys->recv, frame, signed_len, frame + signed_len, NOISE_TAG_BYTES,
                         &nothing);
}

/* Decides everything but the outputs. */
static int open_any(struct hop_keys *keys, uint8_t *frame, size_t frame_len)
{
    size_t total;
    int rc;

    if (keys->recv.n == UINT64_MAX)
        return ERR_STATE;
    rc = hop_frame_length(frame, frame_len, FRAME_MAX, &total);
    if (rc == ERR_TOO_LARGE)
        return rc;
    if (rc != 0 || total != frame_len || frame_len < hop_frame_size((enum hop_mode)keys->mode, 0))
        return ERR_MALFORMED;
    if (keys->mode == HOP_SEALED)
        return open_sealed(keys, frame, frame_len);
    if (keys->mode == HOP_CLEAR)
        return open_clear(keys, frame, frame_len);
    return frame[LENGTH_BYTES] == HOP_TYPE_SEALED ? ERR_MALFORMED : 0;
}

int hop_open_frame(struct hop_keys *keys, uint8_t *frame, size_t frame_len, uint8_t *type,
                   uint8_t **body, size_t *body_len)
{
    size_t skip = inner_header(keys->mode);
    int rc;

    *type = 0;
    *body = NULL;
    *body_len = 0;
    rc = open_any(keys, frame, frame_len);
    if (rc != 0) {
        sodium_memzero(keys->recv.key, sizeof keys->recv.key);
        keys->recv.n = UINT64_MAX;
        return rc;
    }
    *type = frame[LENGTH_BYTES + skip];
    *body = frame + FRAME_HEADER + skip;
    *body_len = frame_len - hop_frame_size((enum hop_mode)keys->mode, 0);
    return 0;
}
