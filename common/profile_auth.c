/*
 * profile_auth.c - the profile `auth`: the message in clear, its header and itself under a 128-bit
 * tag; tag and nonce hidden in the cover by two keyed passes.
 *
 * From the message's seed come K1 and K2 (places), and mk (tag). The nonce is fresh, so that even
 * a sender whose state was rolled back does not make two tags of one key and input.
 */
#include "common/profile.h"

#include <string.h>

#include "common/err.h"
#include "common/kdf.h"
#include "common/stego.h"

#define HIDDEN_BYTES (MAC_BYTES + NONCE_BYTES)
#define HEADER_MAX   256

struct message_keys {
    struct stego_keys places;
    uint8_t mk[KEY_BYTES];
};

static void derive(struct message_keys *k, const uint8_t seed[KEY_BYTES])
{
    kdf_derive(k->places.k1, KEY_BYTES, seed, "inkpost auth K1", NULL, 0);
    kdf_derive(k->places.k2, KEY_BYTES, seed, "inkpost auth K2", NULL, 0);
    kdf_derive(k->mk, KEY_BYTES, seed, "inkpost auth mk", NULL, 0);
}

static int make_tag(uint8_t tag[MAC_BYTES], const uint8_t mk[KEY_BYTES],
                    const uint8_t nonce[NONCE_BYTES], const struct msg *m)
{
    uint8_t header[HEADER_MAX];
    struct wbuf w;
    struct kdf h;

    wbuf_init(&w, header, sizeof(header));
    msg_encode_before(m, "message", &w);
    if (wbuf_err(&w) != 0)
        return wbuf_err(&w);
    kdf_init(&h, mk, KEY_BYTES, "inkpost auth tag", MAC_BYTES);
    kdf_field(&h, nonce, NONCE_BYTES);
    kdf_field(&h, header, w.len);
    kdf_field(&h, m->u.package.message.p, m->u.package.message.len);
    kdf_final(&h, tag, MAC_BYTES);
    return 0;
}

int profile_auth_protect(const uint8_t seed[KEY_BYTES], const struct msg *m, uint8_t *pixels)
{
    const struct msg_package *p = &m->u.package;
    uint8_t hidden[HIDDEN_BYTES];
    struct message_keys k;
    int err;

    derive(&k, seed);
    randombytes_buf(hidden + MAC_BYTES, NONCE_BYTES);
    err = make_tag(hidden, k.mk, hidden + MAC_BYTES, m);
    if (err == 0)
        err = stego_embed(pixels, p->width, p->height, &k.places, (enum stego_code)p->codec, hidden,
                          sizeof(hidden) * 8);
    sodium_memzero(&k, sizeof(k));
    sodium_memzero(hidden, sizeof(hidden));
    return err;
}

int profile_auth_verify(const uint8_t seed[KEY_BYTES], const struct msg *m, const uint8_t *pixels)
{
    const struct msg_package *p = &m->u.package;
    uint8_t hidden[HIDDEN_BYTES], tag[MAC_BYTES];
    struct message_keys k;
    int err;

    derive(&k, seed);
    err = stego_extract(pixels, p->width, p->height, &k.places, (enum stego_code)p->codec, hidden,
                        sizeof(hidden) * 8);
    if (err == 0)
        err = make_tag(tag, k.mk, hidden + MAC_BYTES, m);
    if (err == 0 && sodium_memcmp(hidden, tag, MAC_BYTES) != 0)
        err = ERR_AUTH;
    sodium_memzero(&k, sizeof(k));
    sodium_memzero(hidden, sizeof(hidden));
    sodium_memzero(tag, sizeof(tag));
    return err;
}
