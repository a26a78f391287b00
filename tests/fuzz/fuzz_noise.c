/*
 * fuzz_noise.c - handshake messages and the saved form from an enemy. The first byte picks what the
 * rest is: message 1 or 2 of either pattern, or a saved handshake. Keys are fixed, so a seed that
 * is accepted stays accepted.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/noise.h"

static void fixed_keypair(struct noise_keypair *kp, uint8_t fill)
{
    memset(kp->secret_key, fill, sizeof kp->secret_key);
    crypto_scalarmult_curve25519_base(kp->public_key, kp->secret_key);
}

/* One side with fixed keys: static key 1 for the initiator, 2 for the responder. */
static void start(struct noise_handshake *hs, enum noise_pattern pattern, int initiator)
{
    static const uint8_t psk[NOISE_KEY_BYTES] = {5};
    struct noise_keypair ours, theirs, e;
    struct noise_setup setup = {.pattern = pattern, .initiator = initiator, .s = &ours};

    fixed_keypair(&ours, initiator ? 1 : 2);
    fixed_keypair(&theirs, initiator ? 2 : 1);
    fixed_keypair(&e, initiator ? 3 : 4);
    if (initiator || pattern == NOISE_KKPSK2)
        setup.rs = theirs.public_key;
    if (pattern == NOISE_KKPSK2)
        setup.psk = psk;
    if (noise_start(hs, &setup) != 0)
        abort();
    noise_set_ephemeral(hs, &e);
}

static void read_message(enum noise_pattern pattern, int to_initiator, const uint8_t *p, size_t len)
{
    uint8_t out[1024], msg[NOISE_IK_1_OVERHEAD];
    struct noise_handshake hs, before;
    size_t out_len, msg_len;

    start(&hs, pattern, to_initiator);
    if (to_initiator && noise_write(&hs, NULL, 0, msg, sizeof msg, &msg_len) != 0)
        abort();
    before = hs;
    if (noise_read(&hs, p, len, out, sizeof out, &out_len) == 0) {
        if (hs.step != before.step + 1 || out_len + NOISE_OVERHEAD > len)
            abort();
    } else if (memcmp(&hs, &before, sizeof hs) != 0 || out_len != 0) {
        abort();
    }
}

static void load_saved(const uint8_t *p, size_t len)
{
    uint8_t again[NOISE_SAVED_BYTES];
    struct noise_keypair ours;
    struct noise_handshake hs;

    fixed_keypair(&ours, 1);
    if (noise_load(&hs, p, len, &ours) != 0)
        return;
    if (noise_save(&hs, again) != 0 || memcmp(again, p, len) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (sodium_init() < 0 || size < 1)
        return 0;
    if (data[0] < 4)
        read_message(data[0] & 1 ? NOISE_KKPSK2 : NOISE_IK, data[0] >> 1, data + 1, size - 1);
    else
        load_saved(data + 1, size - 1);
    return 0;
}
