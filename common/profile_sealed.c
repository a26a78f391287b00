/*
 * profile_sealed.c - the profile `sealed`: as `auth`, with the message padded and encrypted by the
 * suite of the session; the suite's tag and a nonce hidden in the cover by two keyed passes.
 *
 * The state of a session is its chain key and then the suite, one byte; the key of a message is the
 * seed that the chain gives, and the same byte. From the seed come K1 and K2 (places), and mk. What
 * the suite is called with is made from mk, the suite's number and the fresh nonce, so that even a
 * sender whose state was rolled back does not encrypt twice under one key.
 */
#include "common/profile.h"

#include <string.h>

#include "common/err.h"
#include "common/kdf.h"
#include "common/padding.h"
#include "common/session.h"
#include "common/suite.h"

#define ONCE_BYTES 64 /* the suite's key, then its nonce */

_Static_assert(SUITE_KEY_MAX + SUITE_NONCE_MAX <= ONCE_BYTES, "one hash gives key and nonce");

static const struct suite *suite_of(const struct keybuf *key)
{
    const struct suite *s = key->len == KEY_BYTES + 1 ? suite_find(key->b[KEY_BYTES]) : NULL;

    return s != NULL && s->seal != NULL && s->tag_bytes == MAC_BYTES && s->available() ? s : NULL;
}

/* ---- the session: the handshake of `auth`, and the suite along with its chain key ---- */

static int add_suite(struct session_keys *keys, const struct neg_terms *t)
{
    keybuf_append(&keys->state, &t->choice.suite, 1);
    return suite_of(&keys->state) != NULL ? 0 : ERR_ARG;
}

static int ask(struct neg_bytes *out, struct neg_bytes *kept, const struct neg_terms *t,
               const struct neg_ends *ends)
{
    return neg_kkpsk2.ask(out, kept, t, ends);
}

static int answer(struct neg_bytes *out, struct session_keys *keys, const struct neg_terms *t,
                  const struct neg_ends *ends, const struct blob *asked)
{
    int err = neg_kkpsk2.answer(out, keys, t, ends, asked);

    return err != 0 ? err : add_suite(keys, t);
}

static int finish(struct session_keys *keys, const struct neg_bytes *kept,
                  const struct neg_terms *t, const struct neg_ends *ends,
                  const struct blob *answered)
{
    int err = neg_kkpsk2.finish(keys, kept, t, ends, answered);

    return err != 0 ? err : add_suite(keys, t);
}

static const struct neg_handshake kkpsk2_and_suite = {ask, answer, finish};

static int take_key(struct keybuf *key, struct keybuf *state)
{
    uint8_t seed[KEY_BYTES];

    if (suite_of(state) == NULL)
        return ERR_STATE;
    session_step(state->b, seed);
    keybuf_set(key, seed, KEY_BYTES);
    keybuf_append(key, state->b + KEY_BYTES, 1);
    sodium_memzero(seed, sizeof(seed));
    return 0;
}

/* ---- one message ---- */

static void places(struct stego_keys *out, const struct keybuf *key)
{
    kdf_derive(out->k1, KEY_BYTES, key->b, "inkpost sealed K1", NULL, 0);
    kdf_derive(out->k2, KEY_BYTES, key->b, "inkpost sealed K2", NULL, 0);
}

static void derive_once(uint8_t once[ONCE_BYTES], const struct keybuf *key,
                        const uint8_t nonce[NONCE_BYTES])
{
    uint8_t mk[KEY_BYTES];
    struct kdf h;

    kdf_derive(mk, KEY_BYTES, key->b, "inkpost sealed mk", NULL, 0);
    kdf_init(&h, mk, KEY_BYTES, "inkpost sealed key", ONCE_BYTES);
    kdf_field(&h, key->b + KEY_BYTES, 1);
    kdf_field(&h, nonce, NONCE_BYTES);
    kdf_final(&h, once, ONCE_BYTES);
    sodium_memzero(mk, sizeof(mk));
}

static int make(const struct keybuf *key, const struct msg *m, const struct blob *message,
                uint8_t *field, uint8_t *hidden)
{
    const struct suite *s = suite_of(key);
    uint8_t once[ONCE_BYTES], buf[PROFILE_HEADER_MAX];
    struct blob plain = {field, m->u.package.message_bytes}, header;
    int err = s != NULL ? profile_header(buf, &header, m) : ERR_ARG;

    if (err != 0)
        return err;
    if (message->len > 0)
        memcpy(field, message->p, message->len);
    padding_add(field, message->len, plain.len);
    randombytes_buf(hidden + MAC_BYTES, NONCE_BYTES);
    derive_once(once, key, hidden + MAC_BYTES);
    s->seal(field, hidden, &plain, &header, once + SUITE_KEY_MAX, once);
    sodium_memzero(once, sizeof(once));
    return 0;
}

static int open(const struct keybuf *key, const struct msg *m, const uint8_t *hidden,
                uint8_t *message, size_t *len)
{
    const struct suite *s = suite_of(key);
    const struct blob *field = &m->u.package.message;
    uint8_t once[ONCE_BYTES], buf[PROFILE_HEADER_MAX];
    struct blob header;
    int err = s != NULL ? profile_header(buf, &header, m) : ERR_ARG;

    *len = 0;
    if (err != 0)
        return err;
    derive_once(once, key, hidden + MAC_BYTES);
    err = s->open(message, field, hidden, &header, once + SUITE_KEY_MAX, once);
    /* Only the sender can have left the padding out: to the receiver it is all one. */
    if (err == 0 && padding_remove(message, field->len, len) != 0) {
        sodium_memzero(message, field->len);
        err = ERR_AUTH;
    }
    sodium_memzero(once, sizeof(once));
    return err;
}

const struct profile profile_sealed = {
    .id = PROFILE_SEALED,
    .name = "sealed",
    .suites = {3, {SUITE_XCHACHA20_POLY1305, SUITE_CHACHA20_POLY1305, SUITE_AES_256_GCM}},
    .shk = pair_keys_derive_shk,
    .sk = pair_keys_derive_sk,
    .handshake = &kkpsk2_and_suite,
    .take_key = take_key,
    .hidden_bytes = MAC_BYTES + NONCE_BYTES,
    .places = places,
    .field_bytes = padding_size,
    .make = make,
    .open = open,
    .set_key = profile_set_key,
};
