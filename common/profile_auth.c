/*
 * profile_auth.c - the profile `auth`: the message in clear, its header and itself under a 128-bit
 * tag; tag and nonce hidden in the cover by two keyed passes.
 *
 * The state of a session is its chain key, the key of a message the seed that the chain gives. From
 * the seed come K1 and K2 (places), and mk (tag). The nonce is fresh, so that even a sender whose
 * state was rolled back does not make two tags of one key and input.
 */
#include "common/profile.h"

#include <string.h>

#include "common/err.h"
#include "common/kdf.h"
#include "common/session.h"
#include "common/suite.h"

static int take_key(struct keybuf *key, struct keybuf *state)
{
    uint8_t seed[KEY_BYTES];

    if (state->len != KEY_BYTES)
        return ERR_STATE;
    session_step(state->b, seed);
    keybuf_set(key, seed, KEY_BYTES);
    sodium_memzero(seed, sizeof(seed));
    return 0;
}

static void places(struct stego_keys *out, const struct keybuf *key)
{
    kdf_derive(out->k1, KEY_BYTES, key->b, "inkpost auth K1", NULL, 0);
    kdf_derive(out->k2, KEY_BYTES, key->b, "inkpost auth K2", NULL, 0);
}

static int make_tag(uint8_t tag[MAC_BYTES], const struct keybuf *key,
                    const uint8_t nonce[NONCE_BYTES], const struct msg *m,
                    const struct blob *message)
{
    uint8_t buf[PROFILE_HEADER_MAX], mk[KEY_BYTES];
    struct blob header;
    struct kdf h;
    int err = profile_header(buf, &header, m);

    if (err != 0)
        return err;
    kdf_derive(mk, KEY_BYTES, key->b, "inkpost auth mk", NULL, 0);
    kdf_init(&h, mk, KEY_BYTES, "inkpost auth tag", MAC_BYTES);
    kdf_field(&h, nonce, NONCE_BYTES);
    kdf_field(&h, header.p, header.len);
    kdf_field(&h, message->p, message->len);
    kdf_final(&h, tag, MAC_BYTES);
    sodium_memzero(mk, sizeof(mk));
    return 0;
}

static int make(const struct keybuf *key, const struct msg *m, const struct blob *message,
                uint8_t *field, uint8_t *hidden)
{
    (void)field;
    randombytes_buf(hidden + MAC_BYTES, NONCE_BYTES);
    return make_tag(hidden, key, hidden + MAC_BYTES, m, message);
}

static int open(const struct keybuf *key, const struct msg *m, const uint8_t *hidden,
                uint8_t *message, size_t *len)
{
    uint8_t tag[MAC_BYTES];
    int err;

    (void)message, (void)len;
    err = make_tag(tag, key, hidden + MAC_BYTES, m, &m->u.package.message);
    if (err == 0 && sodium_memcmp(hidden, tag, MAC_BYTES) != 0)
        err = ERR_AUTH;
    sodium_memzero(tag, sizeof(tag));
    return err;
}

const struct profile profile_auth = {
    .id = PROFILE_AUTH,
    .name = "auth",
    .suites = {1, {SUITE_NONE}},
    .shk = pair_keys_derive_shk,
    .sk = pair_keys_derive_sk,
    .handshake = &neg_kkpsk2,
    .take_key = take_key,
    .hidden_bytes = MAC_BYTES + NONCE_BYTES,
    .places = places,
    .make = make,
    .open = open,
    .set_key = profile_set_key,
};
