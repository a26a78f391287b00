/*
 * profile_paper.c - the profile `paper`: Al Sibahee 2020 as printed, for research. The message goes
 * in clear; MACLESS and R^T, 4 bytes each, are hidden in the cover at places that no key decides.
 *
 * The state of a session is Shk, Sk and the salt, and so is the key of a message. After each one Sk
 * turns by its R^T, at both devices and at the cloud, which knows all of it from the terms (section
 * IV-B, 3 to 5). Whoever misses one R^T has another Sk for ever.
 */
#include "common/profile.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/kdf.h"
#include "common/macless.h"
#include "common/package.h"

#define RT_BYTES 4

/* Lent from a state. */
struct parts {
    struct blob shk, sk;
    const uint8_t *salt; /* KEY_BYTES */
};

/* The state: u32 length and Shk, u32 length and Sk, salt. */
static int split(struct parts *p, const struct keybuf *state)
{
    struct rbuf r;

    rbuf_init(&r, state->b, state->len);
    if (rbuf_blob(&r, &p->shk, PAIR_KEY_MAX) != 0 || rbuf_blob(&r, &p->sk, PAIR_KEY_MAX) != 0 ||
        p->sk.len == 0 || r.left != KEY_BYTES)
        return ERR_STATE;
    p->salt = r.p;
    return 0;
}

static void join(struct keybuf *state, const struct neg_terms *t)
{
    struct blob shk = keybuf_blob(&t->shk), sk = keybuf_blob(&t->sk);
    struct wbuf w;

    keybuf_wipe(state);
    wbuf_init(&w, state->b, sizeof(state->b));
    wbuf_blob(&w, &shk);
    wbuf_blob(&w, &sk);
    wbuf_bytes(&w, t->salt, KEY_BYTES);
    state->len = wbuf_err(&w) == 0 ? w.len : 0;
}

/* The paper has no names of sessions and no receipts: both follow from what all three know. */
static int keys(struct session_keys *out, const struct neg_terms *t)
{
    uint8_t psk[KEY_BYTES];

    memset(out, 0, sizeof(*out));
    if (t->sk.len < SLICE_MIN || t->sk.len > SLICE_MAX || t->shk.len < SLICE_MIN ||
        t->shk.len > SLICE_MAX)
        return ERR_AUTH;
    neg_psk(psk, t);
    kdf_derive(out->session, SESSION_ID_BYTES, psk, "inkpost paper session", NULL, 0);
    kdf_derive(out->receipt, KEY_BYTES, psk, "inkpost paper receipt key", NULL, 0);
    kdf_derive(out->confirm, KEY_BYTES, psk, "inkpost paper confirm key", NULL, 0);
    join(&out->state, t);
    sodium_memzero(psk, sizeof(psk));
    return 0;
}

static int take_key(struct keybuf *key, struct keybuf *state)
{
    struct parts p;

    *key = *state;
    return split(&p, state);
}

/* The bits of k, the first byte's highest bit first, rotated right. */
static void rotate_right(uint8_t *k, size_t len, uint32_t by)
{
    uint8_t out[PAIR_KEY_MAX];
    size_t bytes = by / 8 % len;
    unsigned bits = by % 8;

    for (size_t i = 0; i < len; i++) {
        unsigned here = k[(i + len - bytes) % len], before = k[(i + 2 * len - bytes - 1) % len];

        out[i] = (uint8_t)(before << 8 >> bits | here >> bits);
    }
    memcpy(k, out, len);
    sodium_memzero(out, sizeof(out));
}

/* Sk = (Sk XOR salt) >>> R^T, R^T taken modulo the bits of Sk. */
static void turn(struct keybuf *state, const uint8_t *hidden)
{
    struct parts p;
    struct rbuf r;
    uint8_t *sk;
    uint32_t rt;

    rbuf_init(&r, hidden + MACLESS_BYTES, RT_BYTES);
    if (split(&p, state) != 0 || rbuf_u32(&r, &rt) != 0) {
        keybuf_wipe(state);
        return;
    }
    sk = state->b + (p.sk.p - state->b);
    for (size_t i = 0; i < p.sk.len; i++)
        sk[i] ^= p.salt[i % KEY_BYTES];
    rotate_right(sk, p.sk.len, (uint32_t)(rt % (8 * p.sk.len)));
}

/* No key decides it: fixed and public, so that anybody can read the payload, as printed. */
static void places(struct stego_keys *out, const struct keybuf *key)
{
    (void)key;
    memset(out->k1, 1, sizeof(out->k1));
    memset(out->k2, 2, sizeof(out->k2));
}

/* h(Msg || salt || Sk || Shk || R^T), raw, and the sum of it. */
static int make_tag(uint8_t tag[MACLESS_BYTES], const struct keybuf *key,
                    const uint8_t rt[RT_BYTES], const struct blob *message)
{
    struct parts p;
    int err = split(&p, key);

    if (err != 0)
        return err;
    return macless(tag,
                   (struct blob[]){*message, {p.salt, KEY_BYTES}, p.sk, p.shk, {rt, RT_BYTES}}, 5);
}

static int make(const struct keybuf *key, const struct msg *m, const struct blob *message,
                uint8_t *field, uint8_t *hidden)
{
    (void)m, (void)field;
    randombytes_buf(hidden + MACLESS_BYTES, RT_BYTES);
    return make_tag(hidden, key, hidden + MACLESS_BYTES, message);
}

static int open(const struct keybuf *key, const struct msg *m, const uint8_t *hidden,
                uint8_t *message, size_t *len)
{
    uint8_t tag[MACLESS_BYTES];
    int err = make_tag(tag, key, hidden + MACLESS_BYTES, &m->u.package.message);

    (void)message, (void)len;
    if (err == 0 && sodium_memcmp(hidden, tag, MACLESS_BYTES) != 0)
        err = ERR_AUTH;
    return err;
}

/* The cloud reads R^T out of the picture, genuine or not, and turns its copy of Sk. */
static int at_cloud(struct keybuf *state, const struct msg *m)
{
    uint8_t hidden[HIDDEN_MAX];
    int err = package_hidden(hidden, m, state);

    if (err == 0)
        turn(state, hidden);
    sodium_memzero(hidden, sizeof(hidden));
    return err;
}

const struct profile profile_paper = {
    .id = PROFILE_PAPER,
    .name = "paper",
    .suites = {1, {SUITE_NONE}},
    .research = "its tag of four digits is guessed once in about 300 tries, and the cloud holds "
                "every key, so that it can forge any message",
    .shk = pair_keys_slice_shk,
    .sk = pair_keys_slice_sk,
    .keys = keys,
    .take_key = take_key,
    .turn = turn,
    .hidden_bytes = MACLESS_BYTES + RT_BYTES,
    .places = places,
    .make = make,
    .open = open,
    .at_cloud = at_cloud,
};
