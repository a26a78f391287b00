/* pair_keys.c - Shk and Sk of a pair, derived or sliced. */
#include "common/pair_keys.h"

#include "common/err.h"
#include "common/kdf.h"

static int is_slice(struct slice s)
{
    return s.e < FX1_BYTES && s.i <= s.e && s.e - s.i + 1 >= SLICE_MIN &&
           s.e - s.i + 1 <= SLICE_MAX;
}

int pair_keys_derive_shk(struct keybuf *shk, const struct pair_keys *k)
{
    keybuf_wipe(shk);
    shk->len = KEY_BYTES;
    kdf_derive(shk->b, KEY_BYTES, k->k_pair, "inkpost pair key", NULL, 0);
    return 0;
}

int pair_keys_derive_sk(struct keybuf *sk, const struct pair_keys *k,
                        const uint8_t t[NEG_ID_BYTES], struct slice s)
{
    struct kdf h;

    keybuf_wipe(sk);
    if (!is_slice(s))
        return ERR_ARG;
    kdf_init(&h, k->k_pair, KEY_BYTES, "inkpost salt key", KEY_BYTES);
    kdf_field(&h, t, NEG_ID_BYTES);
    kdf_u64(&h, s.i);
    kdf_u64(&h, s.e);
    kdf_field(&h, k->rv + s.i, (size_t)(s.e - s.i + 1));
    kdf_final(&h, sk->b, KEY_BYTES);
    sk->len = KEY_BYTES;
    return 0;
}

int pair_keys_slice_shk(struct keybuf *shk, const struct pair_keys *k)
{
    return pair_keys_slice_sk(shk, k, NULL, k->shk);
}

int pair_keys_slice_sk(struct keybuf *sk, const struct pair_keys *k, const uint8_t t[NEG_ID_BYTES],
                       struct slice s)
{
    (void)t;
    keybuf_wipe(sk);
    if (!is_slice(s))
        return ERR_ARG;
    keybuf_set(sk, k->rv + s.i, (size_t)(s.e - s.i + 1));
    return 0;
}
