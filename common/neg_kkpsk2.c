/*
 * neg_kkpsk2.c - the handshake of the hardened profiles: Noise_KKpsk2 between the devices, its two
 * messages carried by steps 2 and 4. psk and prologue come from the terms.
 */
#include "common/negotiation.h"

#include <sodium.h>

#include "common/err.h"
#include "common/secret.h"

_Static_assert(NOISE_SAVED_BYTES <= NEG_HANDSHAKE_MAX, "a saved handshake can be kept");

#define MESSAGE_CAP 256 /* of the field `noise` in steps 2 to 5 */

static int ask(struct neg_bytes *out, struct neg_bytes *kept, const struct neg_terms *t,
               const struct neg_ends *ends)
{
    struct noise_handshake *hs = secret_alloc(sizeof(*hs));
    int err;

    if (hs == NULL)
        return ERR_NOMEM;
    err = neg_noise_start(hs, t, 1, ends->self, ends->peer);
    if (err == 0)
        err = noise_write(hs, NULL, 0, out->b, MESSAGE_CAP, &out->len);
    if (err == 0)
        err = noise_save(hs, kept->b);
    kept->len = NOISE_SAVED_BYTES;
    noise_wipe(hs);
    secret_free(hs);
    return err;
}

static int answer(struct neg_bytes *out, struct session_keys *keys, const struct neg_terms *t,
                  const struct neg_ends *ends, const struct blob *asked)
{
    struct noise_handshake *hs = secret_alloc(sizeof(*hs));
    size_t n;
    int err;

    if (hs == NULL)
        return ERR_NOMEM;
    err = neg_noise_start(hs, t, 0, ends->self, ends->peer);
    if (err == 0)
        err = noise_read(hs, asked->p, asked->len, NULL, 0, &n);
    if (err == 0)
        err = noise_write(hs, NULL, 0, out->b, MESSAGE_CAP, &out->len);
    if (err == 0)
        err = neg_session_keys(hs, keys);
    noise_wipe(hs);
    secret_free(hs);
    return err;
}

/* Everything about the terms is in what was kept. */
static int finish(struct session_keys *keys, const struct neg_bytes *kept,
                  const struct neg_terms *t, const struct neg_ends *ends,
                  const struct blob *answered)
{
    struct noise_handshake *hs = secret_alloc(sizeof(*hs));
    size_t n;
    int err;

    (void)t;
    if (hs == NULL)
        return ERR_NOMEM;
    err = noise_load(hs, kept->b, kept->len, ends->self);
    if (err == 0)
        err = noise_read(hs, answered->p, answered->len, NULL, 0, &n);
    if (err == 0)
        err = neg_session_keys(hs, keys);
    noise_wipe(hs);
    secret_free(hs);
    return err;
}

const struct neg_handshake neg_kkpsk2 = {ask, answer, finish};
