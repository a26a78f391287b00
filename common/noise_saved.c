/*
 * noise_saved.c - the saved form of an initiator's handshake between its two messages: fields one
 * by one, never a copy of the struct, so the form does not depend on compiler or machine.
 */
#include "common/noise.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/kdf.h"

static int has_pattern(uint8_t pattern)
{
    return pattern == NOISE_IK || pattern == NOISE_KKPSK2;
}

/* Guards against a damaged file only: whoever can write the file can also compute it. */
static void saved_check(uint8_t check[NOISE_SAVED_CHECK], const uint8_t *saved)
{
    struct kdf k;

    kdf_init(&k, NULL, 0, "inkpost noise saved", NOISE_SAVED_CHECK);
    kdf_field(&k, saved, NOISE_SAVED_BYTES - NOISE_SAVED_CHECK);
    kdf_final(&k, check, NOISE_SAVED_CHECK);
}

static uint8_t *put(uint8_t *p, const uint8_t *from, size_t len)
{
    memcpy(p, from, len);
    return p + len;
}

static const uint8_t *get(const uint8_t *p, uint8_t *to, size_t len)
{
    memcpy(to, p, len);
    return p + len;
}

int noise_save(const struct noise_handshake *hs, uint8_t out[NOISE_SAVED_BYTES])
{
    uint8_t *p = out;

    if (!has_pattern(hs->pattern) || !hs->initiator || hs->step != 1)
        return ERR_STATE;
    *p++ = NOISE_SAVED_VERSION;
    *p++ = hs->pattern;
    p = put(p, hs->s.public_key, NOISE_KEY_BYTES);
    p = put(p, hs->rs, NOISE_KEY_BYTES);
    p = put(p, hs->e.secret_key, NOISE_KEY_BYTES);
    p = put(p, hs->psk, NOISE_KEY_BYTES);
    p = put(p, hs->ck, NOISE_HASH_BYTES);
    p = put(p, hs->h, NOISE_HASH_BYTES);
    saved_check(p, out);
    return 0;
}

static int saved_verify(const uint8_t *saved, size_t len)
{
    uint8_t check[NOISE_SAVED_CHECK];

    if (len > 0 && saved[0] > NOISE_SAVED_VERSION)
        return ERR_VERSION;
    if (len != NOISE_SAVED_BYTES || saved[0] != NOISE_SAVED_VERSION || !has_pattern(saved[1]))
        return ERR_MALFORMED;
    saved_check(check, saved);
    if (sodium_memcmp(check, saved + len - sizeof check, sizeof check) != 0)
        return ERR_MALFORMED;
    return 0;
}

/* The cipher is not saved: message 2 of either pattern sets a new key before it decrypts. */
int noise_load(struct noise_handshake *hs, const uint8_t *saved, size_t len,
               const struct noise_keypair *s)
{
    const uint8_t *p;
    int rc = saved_verify(saved, len);

    noise_wipe(hs);
    if (rc != 0)
        return rc;
    p = get(saved + 2, hs->s.public_key, NOISE_KEY_BYTES);
    p = get(p, hs->rs, NOISE_KEY_BYTES);
    p = get(p, hs->e.secret_key, NOISE_KEY_BYTES);
    p = get(p, hs->psk, NOISE_KEY_BYTES);
    p = get(p, hs->ck, NOISE_HASH_BYTES);
    get(p, hs->h, NOISE_HASH_BYTES);
    hs->pattern = saved[1];
    if (memcmp(hs->s.public_key, s->public_key, NOISE_KEY_BYTES) != 0)
        rc = ERR_ARG;
    if (hs->pattern == NOISE_IK && !sodium_is_zero(hs->psk, sizeof hs->psk))
        rc = ERR_MALFORMED;
    if (rc != 0) {
        noise_wipe(hs);
        return rc;
    }
    hs->s = *s;
    crypto_scalarmult_curve25519_base(hs->e.public_key, hs->e.secret_key);
    hs->initiator = hs->step = hs->has_e = hs->has_rs = 1;
    return 0;
}
