/* negotiation.c - sealed bodies, the checks of the six steps, and the session's keys. */
#include "common/negotiation.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/kdf.h"

#define PROLOGUE_MAX 512

int body_seal(const struct msg *m, const uint8_t to[KEY_BYTES], uint8_t *out, size_t cap,
              size_t *len)
{
    size_t plain_cap = msg_encoded_max(m);
    uint8_t *plain = sodium_malloc(plain_cap);
    struct wbuf w;
    int err = 0;

    *len = 0;
    if (plain == NULL)
        return ERR_NOMEM;
    wbuf_init(&w, plain, plain_cap);
    msg_encode(m, &w);
    err = wbuf_err(&w);
    if (err == 0 && (cap < crypto_box_SEALBYTES || w.len > cap - crypto_box_SEALBYTES))
        err = ERR_TOO_SMALL;
    if (err == 0 && crypto_box_seal(out, plain, w.len, to) != 0)
        err = ERR_ARG;
    if (err == 0)
        *len = w.len + crypto_box_SEALBYTES;
    sodium_free(plain);
    return err;
}

int body_open(struct msg *m, enum msg_type type, const struct blob *sealed,
              const struct noise_keypair *kp, uint8_t *plain, size_t cap)
{
    memset(m, 0, sizeof(*m));
    if (sealed->len < crypto_box_SEALBYTES)
        return ERR_AUTH;
    if (sealed->len - crypto_box_SEALBYTES > cap)
        return ERR_TOO_SMALL;
    if (crypto_box_seal_open(plain, sealed->p, sealed->len, kp->public_key, kp->secret_key) != 0)
        return ERR_AUTH;
    return msg_decode(m, (uint8_t)type, plain, sealed->len - crypto_box_SEALBYTES);
}

/* The salt repeated or cut to len bytes, XOR k: with k = Sk the mask of the paper; with k = the
 * mask, Sk. */
static void xor_salt(struct keybuf *out, const uint8_t salt[KEY_BYTES], const struct blob *k)
{
    keybuf_set(out, k->p, k->len);
    for (size_t i = 0; i < out->len; i++)
        out->b[i] ^= salt[i % KEY_BYTES];
}

/* Is mask XOR Sk the salt, as far as Sk is long? */
static int unmasks_salt(const struct blob *masked, const struct neg_terms *t)
{
    int bad = masked->len != t->sk.len;

    for (size_t i = 0; !bad && i < t->sk.len; i += KEY_BYTES) {
        uint8_t salt[KEY_BYTES];
        size_t n = t->sk.len - i < KEY_BYTES ? t->sk.len - i : KEY_BYTES;

        for (size_t k = 0; k < n; k++)
            salt[k] = masked->p[i + k] ^ t->sk.b[i + k];
        bad = sodium_memcmp(salt, t->salt, n) != 0;
        sodium_memzero(salt, sizeof(salt));
    }
    return !bad;
}

/* Is mask XOR salt Sk? */
static int unmasks_sk(const struct blob *masked, const struct neg_terms *t)
{
    struct keybuf sk = {0};
    int ok;

    xor_salt(&sk, t->salt, masked);
    ok = keybuf_equal(&sk, &t->sk);
    keybuf_wipe(&sk);
    return ok;
}

static int is_key(const struct blob *got, const struct keybuf *k)
{
    return got->len == k->len && sodium_memcmp(got->p, k->b, k->len) == 0;
}

int neg_body_seal(const struct neg_terms *t, const uint8_t to[KEY_BYTES],
                  uint8_t out[NEG_SEALED_MAX], size_t *len)
{
    struct msg m = {.type = MSG_NEG_BODY};
    struct msg_neg_body *b = &m.u.neg_body;
    struct keybuf masked = {0};
    struct blob sk = keybuf_blob(&t->sk);
    int err;

    xor_salt(&masked, t->salt, &sk);
    memcpy(b->negotiation, t->negotiation, sizeof(b->negotiation));
    b->masked = keybuf_blob(&masked);
    memcpy(b->cloud, t->cloud, sizeof(b->cloud));
    memcpy(b->initiator, t->initiator, sizeof(b->initiator));
    memcpy(b->responder, t->responder, sizeof(b->responder));
    b->shk = keybuf_blob(&t->shk);
    err = body_seal(&m, to, out, NEG_SEALED_MAX, len);
    keybuf_wipe(&masked);
    sodium_memzero(&m, sizeof(m));
    return err;
}

int neg_body_check(const struct neg_terms *t, const struct blob *sealed,
                   const struct noise_keypair *kp)
{
    uint8_t plain[NEG_SEALED_MAX];
    const struct msg_neg_body *b;
    struct msg m;
    int err, bad = 0;

    err = body_open(&m, MSG_NEG_BODY, sealed, kp, plain, sizeof(plain));
    if (err == 0) {
        b = &m.u.neg_body;
        /* (salt XOR Sk) XOR Sk = salt proves who made it; (salt XOR Sk) XOR salt = Sk, for which
         * session. Over XOR the two are one equation; both are written as the paper has them. */
        bad |= !unmasks_salt(&b->masked, t);
        bad |= !unmasks_sk(&b->masked, t);
        bad |= !is_key(&b->shk, &t->shk);
        bad |= sodium_memcmp(b->cloud, t->cloud, KEY_BYTES);
        bad |= sodium_memcmp(b->negotiation, t->negotiation, NEG_ID_BYTES);
        bad |= strcmp(b->initiator, t->initiator) != 0;
        bad |= strcmp(b->responder, t->responder) != 0;
        if (bad != 0)
            err = ERR_AUTH;
    }
    sodium_memzero(plain, sizeof(plain));
    sodium_memzero(&m, sizeof(m));
    return err;
}

static void write_offer(struct wbuf *w, const struct offer *o)
{
    wbuf_list(w, &o->profiles);
    wbuf_list(w, &o->suites);
    wbuf_list(w, &o->codecs);
}

/* Everything that both devices must see alike, or the handshake fails. */
static int make_prologue(const struct neg_terms *t, struct wbuf *w)
{
    static const char label[] = "inkpost session";

    wbuf_bytes(w, label, sizeof(label) - 1);
    wbuf_u8(w, PROTO_VERSION);
    wbuf_bytes(w, t->negotiation, NEG_ID_BYTES);
    wbuf_id(w, t->initiator);
    wbuf_id(w, t->responder);
    write_offer(w, &t->i_offer);
    write_offer(w, &t->r_offer);
    wbuf_list(w, &t->allowed);
    wbuf_u8(w, t->choice.profile);
    wbuf_u8(w, t->choice.suite);
    wbuf_u8(w, t->choice.codec);
    return wbuf_err(w);
}

void neg_psk(uint8_t psk[KEY_BYTES], const struct neg_terms *t)
{
    struct kdf k;

    kdf_init(&k, NULL, 0, "inkpost session psk", KEY_BYTES);
    kdf_field(&k, t->shk.b, t->shk.len);
    kdf_field(&k, t->sk.b, t->sk.len);
    kdf_field(&k, t->salt, KEY_BYTES);
    kdf_field(&k, t->negotiation, NEG_ID_BYTES);
    kdf_final(&k, psk, KEY_BYTES);
}

int neg_noise_start(struct noise_handshake *hs, const struct neg_terms *t, int initiator,
                    const struct noise_keypair *self, const uint8_t peer[KEY_BYTES])
{
    uint8_t prologue[PROLOGUE_MAX], psk[KEY_BYTES];
    struct wbuf w;
    int err;

    /* No slice of Rv: the cloud derives them. */
    if (t->shk.len != KEY_BYTES || t->sk.len != KEY_BYTES)
        return ERR_AUTH;
    wbuf_init(&w, prologue, sizeof(prologue));
    err = make_prologue(t, &w);
    if (err != 0)
        return err;
    neg_psk(psk, t);
    err = noise_start(hs, &(struct noise_setup){.pattern = NOISE_KKPSK2,
                                                .initiator = initiator,
                                                .prologue = prologue,
                                                .prologue_len = w.len,
                                                .s = self,
                                                .rs = peer,
                                                .psk = psk});
    sodium_memzero(psk, sizeof(psk));
    return err;
}

int neg_session_keys(struct noise_handshake *hs, struct session_keys *out)
{
    struct noise_cipher tx, rx;
    const uint8_t *forward, *reverse;
    int err;

    memset(out, 0, sizeof(*out));
    err = noise_split(hs, &tx, &rx);
    if (err == 0) {
        forward = hs->initiator ? tx.key : rx.key;
        reverse = hs->initiator ? rx.key : tx.key;
        memcpy(out->session, hs->h, SESSION_ID_BYTES);
        out->state.len = KEY_BYTES;
        kdf_derive(out->state.b, KEY_BYTES, forward, "inkpost chain key", NULL, 0);
        kdf_derive(out->confirm, KEY_BYTES, forward, "inkpost confirm key", NULL, 0);
        kdf_derive(out->receipt, KEY_BYTES, reverse, "inkpost receipt key", NULL, 0);
    }
    sodium_memzero(&tx, sizeof(tx));
    sodium_memzero(&rx, sizeof(rx));
    return err;
}

void neg_confirm_mac(uint8_t mac[MAC_BYTES], const struct session_keys *k)
{
    kdf_derive(mac, MAC_BYTES, k->confirm, "inkpost confirm", k->session, SESSION_ID_BYTES);
}
