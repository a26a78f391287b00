/* sga_parts.c - the building blocks of profile sga, over libsodium. */
#include "common/sga_parts.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/kdf.h"
#include "common/suite.h"

_Static_assert(SGA_BOX_BYTES == KEY_BYTES + crypto_box_SEALBYTES, "length of a sealed key");

_Static_assert(SUITE_KEY_MAX == KEY_BYTES, "every cipher takes a key of that length");

void sga_xor(uint8_t out[KEY_BYTES], const uint8_t a[KEY_BYTES], const uint8_t b[KEY_BYTES])
{
    for (size_t i = 0; i < KEY_BYTES; i++)
        out[i] = a[i] ^ b[i];
}

int sga_names_differ(const struct sga_terms *t, const char *initiator, const char *responder,
                     const uint8_t gateway[KEY_BYTES])
{
    return strcmp(t->initiator, initiator) != 0 || strcmp(t->responder, responder) != 0 ||
           sodium_memcmp(t->gateway, gateway, KEY_BYTES) != 0;
}

int sga_box(uint8_t out[SGA_BOX_BYTES], const uint8_t in[KEY_BYTES], const uint8_t to[KEY_BYTES])
{
    return crypto_box_seal(out, in, KEY_BYTES, to) == 0 ? 0 : ERR_ARG;
}

int sga_unbox(uint8_t out[KEY_BYTES], const uint8_t in[SGA_BOX_BYTES],
              const struct noise_keypair *kp)
{
    return crypto_box_seal_open(out, in, SGA_BOX_BYTES, kp->public_key, kp->secret_key) == 0
               ? 0
               : ERR_AUTH;
}

static const struct suite *cipher_of(uint8_t id)
{
    const struct suite *s = suite_find(id);

    return s != NULL && s->seal != NULL && s->available() ? s : NULL;
}

int sga_is_cipher(uint8_t suite)
{
    return cipher_of(suite) != NULL;
}

int sga_encrypt(uint8_t suite, const uint8_t key[KEY_BYTES], const struct blob *in,
                struct sga_body *out)
{
    static const struct blob no_data = {NULL, 0};
    const struct suite *s = cipher_of(suite);

    out->len = 0;
    if (s == NULL)
        return ERR_ARG;
    if (in->len > sizeof(out->p) - s->nonce_bytes - s->tag_bytes)
        return ERR_TOO_LARGE;
    randombytes_buf(out->p, s->nonce_bytes);
    s->seal(out->p + s->nonce_bytes, out->p + s->nonce_bytes + in->len, in, &no_data, out->p, key);
    out->len = s->nonce_bytes + in->len + s->tag_bytes;
    return 0;
}

int sga_decrypt(uint8_t suite, const uint8_t key[KEY_BYTES], const struct blob *in,
                struct sga_body *out)
{
    static const struct blob no_data = {NULL, 0};
    const struct suite *s = cipher_of(suite);
    struct blob cipher;

    out->len = 0;
    if (s == NULL)
        return ERR_ARG;
    if (in->len < s->nonce_bytes + s->tag_bytes)
        return ERR_MALFORMED;
    cipher = (struct blob){in->p + s->nonce_bytes, in->len - s->nonce_bytes - s->tag_bytes};
    if (cipher.len > sizeof(out->p))
        return ERR_TOO_LARGE;
    if (s->open(out->p, &cipher, cipher.p + cipher.len, &no_data, in->p, key) != 0)
        return ERR_AUTH;
    out->len = cipher.len;
    return 0;
}

int sga_encrypt_msg(uint8_t suite, const uint8_t key[KEY_BYTES], const struct msg *m,
                    struct sga_body *out)
{
    uint8_t plain[SGA_BODY_MAX];
    struct wbuf w;
    int err;

    out->len = 0;
    wbuf_init(&w, plain, sizeof(plain));
    msg_encode(m, &w);
    err = wbuf_err(&w);
    if (err == 0)
        err = sga_encrypt(suite, key, &(struct blob){plain, w.len}, out);
    sodium_memzero(plain, sizeof(plain));
    return err;
}

int sga_decrypt_msg(struct msg *m, enum msg_type type, uint8_t suite, const uint8_t key[KEY_BYTES],
                    const struct blob *in, struct sga_body *plain)
{
    int err = sga_decrypt(suite, key, in, plain);

    memset(m, 0, sizeof(*m));
    return err != 0 ? err : msg_decode(m, (uint8_t)type, plain->p, plain->len);
}

void sga_share_proof(uint8_t proof[DIGEST_BYTES], const uint8_t once[KEY_BYTES],
                     const uint8_t n[KEY_BYTES])
{
    kdf_derive(proof, DIGEST_BYTES, once, "inkpost sga share", n, KEY_BYTES);
}

void sga_grant_proof(uint8_t proof[DIGEST_BYTES], const struct sga_terms *t,
                     const uint8_t once[KEY_BYTES], const uint8_t n[KEY_BYTES])
{
    struct kdf k;

    kdf_init(&k, once, KEY_BYTES, "inkpost sga grant", DIGEST_BYTES);
    kdf_field(&k, t->initiator, strlen(t->initiator));
    kdf_field(&k, t->responder, strlen(t->responder));
    kdf_field(&k, once, KEY_BYTES);
    kdf_field(&k, n, KEY_BYTES);
    kdf_final(&k, proof, DIGEST_BYTES);
}

void sga_session_key(uint8_t key[KEY_BYTES], const uint8_t element[KEY_BYTES])
{
    kdf_derive(key, KEY_BYTES, element, "inkpost sga session key", NULL, 0);
}
