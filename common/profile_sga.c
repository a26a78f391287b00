/*
 * profile_sga.c - the profile `sga`: Chen 2016 as printed, for research. The devices agree on a key
 * through the cloud (sga.h), in one round: step 2 carries A1 and B1, step 3 A2, step 4 A3 and B3,
 * step 5 A4 and B6 for the initiator, NEG_GRANT B6 for the responder.
 *
 * The state of a session is the session key, which is the key of every message, and the suite, one
 * byte. A message is encrypted under it with a random nonce; its header is authenticated beside it.
 * There is no cover. Whatever the print lacks stays lacking: no key of a message, no forward
 * secrecy within a session, nothing against a cloud that replaces N_i and N_j.
 */
#include "common/profile.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/kdf.h"
#include "common/sga.h"
#include "common/sga_parts.h"
#include "common/suite.h"

/* ---- who takes part ---- */

static void account_key(uint8_t key[KEY_BYTES], const uint8_t dev[KEY_BYTES])
{
    kdf_derive(key, KEY_BYTES, dev, "inkpost sga k_d", NULL, 0);
}

/* What a device has registered: its id, k_d and those of its suites that encrypt; the first of
 * them is its initial cipher. */
static void make_account(struct sga_account *a, const char *id, const struct list *suites,
                         const uint8_t key[KEY_BYTES])
{
    memset(a, 0, sizeof(*a));
    memcpy(a->id, id, strlen(id));
    memcpy(a->key, key, KEY_BYTES);
    for (size_t i = 0; i < suites->n; i++)
        if (list_has(&profile_sga.suites, suites->v[i]))
            a->suites.v[a->suites.n++] = suites->v[i];
    a->initial = a->suites.n > 0 ? a->suites.v[0] : 0;
}

static void device_account(struct sga_account *a, const char *id, const struct list *suites,
                           const struct neg_ends *ends)
{
    uint8_t key[KEY_BYTES];

    account_key(key, ends->dev);
    make_account(a, id, suites, key);
    sodium_memzero(key, sizeof(key));
}

static struct sga_terms make_terms(const struct neg_terms *t)
{
    struct sga_terms out = {.suite = t->choice.suite};

    memcpy(out.initiator, t->initiator, sizeof(out.initiator));
    memcpy(out.responder, t->responder, sizeof(out.responder));
    memcpy(out.gateway, t->cloud, sizeof(out.gateway));
    return out;
}

static int are_terms(const struct sga_terms *got, const struct neg_terms *t)
{
    return !sga_names_differ(got, t->initiator, t->responder, t->cloud) &&
           got->suite == t->choice.suite;
}

/* ---- what travels, and what is kept: one or two bodies of sga.h, or keys ---- */

static int put_two(struct neg_bytes *out, const struct sga_body *a, const struct sga_body *b)
{
    struct wbuf w;

    wbuf_init(&w, out->b, sizeof(out->b));
    wbuf_blob(&w, &(struct blob){a->p, a->len});
    wbuf_blob(&w, &(struct blob){b->p, b->len});
    out->len = wbuf_err(&w) == 0 ? w.len : 0;
    return wbuf_err(&w);
}

static int get_two(const struct blob *in, struct blob *a, struct blob *b)
{
    struct rbuf r;

    rbuf_init(&r, in->p, in->len);
    return rbuf_blob(&r, a, SGA_BODY_MAX) != 0 || rbuf_blob(&r, b, SGA_BODY_MAX) != 0 ||
                   rbuf_end(&r) != 0
               ? ERR_MALFORMED
               : 0;
}

static void put_one(struct neg_bytes *out, const struct sga_body *a)
{
    memcpy(out->b, a->p, a->len);
    out->len = a->len;
}

/* R, K and the own temporary key: the responder needs the first two in the end. */
static void keep_device(struct neg_bytes *kept, const struct sga_device *d)
{
    memcpy(kept->b, d->exponent, KEY_BYTES);
    memcpy(kept->b + KEY_BYTES, d->once, KEY_BYTES);
    memcpy(kept->b + 2 * KEY_BYTES, d->kt, KEY_BYTES);
    kept->len = 3 * KEY_BYTES;
}

static int load_device(struct sga_device *d, const struct neg_bytes *kept,
                       const struct neg_terms *t, enum sga_step step)
{
    if (kept->len != 3 * KEY_BYTES)
        return ERR_STATE;
    *d = (struct sga_device){.step = step, .terms = make_terms(t)};
    memcpy(d->exponent, kept->b, KEY_BYTES);
    memcpy(d->once, kept->b + KEY_BYTES, KEY_BYTES);
    memcpy(d->kt, kept->b + 2 * KEY_BYTES, KEY_BYTES);
    return 0;
}

/* k_t of the initiator, then its share. */
static void keep_cloud(struct neg_bytes *kept, const struct sga_cloud *c)
{
    memcpy(kept->b, c->i_kt, KEY_BYTES);
    memcpy(kept->b + KEY_BYTES, c->i_share.p, c->i_share.len);
    kept->len = KEY_BYTES + c->i_share.len;
}

static int load_cloud(struct sga_cloud *c, const struct neg_bytes *kept, const struct neg_terms *t)
{
    if (kept->len < KEY_BYTES || kept->len - KEY_BYTES > SGA_BODY_MAX)
        return ERR_STATE;
    *c = (struct sga_cloud){.step = SGA_A2_B2, .terms = make_terms(t)};
    memcpy(c->i_kt, kept->b, KEY_BYTES);
    c->i_share.len = kept->len - KEY_BYTES;
    memcpy(c->i_share.p, kept->b + KEY_BYTES, c->i_share.len);
    return 0;
}

static void forget(struct neg_bytes *b)
{
    sodium_memzero(b, sizeof(*b));
}

/* ---- the devices ---- */

/* A1 and B1. */
static int ask(struct neg_bytes *out, struct neg_bytes *kept, const struct neg_terms *t,
               const struct neg_ends *ends)
{
    struct sga_device d = {.step = SGA_START};
    struct sga_terms terms = make_terms(t);
    struct sga_account self;
    struct sga_body a1, b1;
    int err;

    forget(out);
    forget(kept);
    device_account(&self, t->initiator, &t->i_offer.suites, ends);
    err = sga_a1_ask(&d, &self, &terms, &a1);
    if (err == 0)
        err = sga_b1_share_at_once(&d, &self, &b1);
    if (err == 0)
        err = put_two(out, &a1, &b1);
    if (err == 0)
        keep_device(kept, &d);
    sodium_memzero(&d, sizeof(d));
    sodium_memzero(&self, sizeof(self));
    return err;
}

/* A3 and B3. */
static int answer(struct neg_bytes *out, struct neg_bytes *kept, const struct neg_terms *t,
                  const struct neg_ends *ends, const struct blob *asked)
{
    struct sga_device d = {.step = SGA_START};
    struct sga_account self;
    struct sga_body a3, b3;
    int err;

    forget(out);
    forget(kept);
    device_account(&self, t->responder, &t->r_offer.suites, ends);
    err = sga_a3_open(&d, &self, t->cloud, asked);
    if (err == 0 && !are_terms(&d.terms, t))
        err = ERR_AUTH;
    if (err == 0)
        err = sga_a3_answer(&d, &a3);
    if (err == 0)
        err = sga_b3_share_at_once(&d, &self, &b3);
    if (err == 0)
        err = put_two(out, &a3, &b3);
    if (err == 0)
        keep_device(kept, &d);
    sodium_memzero(&d, sizeof(d));
    sodium_memzero(&self, sizeof(self));
    return err;
}

/* B7, and what the print has not: a name, and keys of receipts and confirmation. */
static int take_key_of_session(struct session_keys *keys, struct sga_device *d,
                               const struct neg_terms *t, const struct blob *grant)
{
    uint8_t key[KEY_BYTES];
    int err = sga_b7_key(d, grant, key);

    if (err == 0) {
        kdf_derive(keys->session, SESSION_ID_BYTES, key, "inkpost sga session", t->negotiation,
                   NEG_ID_BYTES);
        kdf_derive(keys->receipt, KEY_BYTES, key, "inkpost sga receipt key", NULL, 0);
        kdf_derive(keys->confirm, KEY_BYTES, key, "inkpost sga confirm key", NULL, 0);
        keybuf_set(&keys->state, key, KEY_BYTES);
        keybuf_append(&keys->state, &t->choice.suite, 1);
    }
    sodium_memzero(key, sizeof(key));
    return err;
}

/* A5 and B7. */
static int finish(struct session_keys *keys, const struct neg_bytes *kept,
                  const struct neg_terms *t, const struct neg_ends *ends,
                  const struct blob *answered)
{
    struct sga_device d;
    struct blob a4, grant;
    int err = load_device(&d, kept, t, SGA_A1_B1);

    (void)ends;
    memset(keys, 0, sizeof(*keys));
    if (err == 0)
        err = get_two(answered, &a4, &grant);
    if (err == 0)
        err = sga_a5_accept(&d, &a4);
    if (err == 0)
        err = take_key_of_session(keys, &d, t, &grant);
    sodium_memzero(&d, sizeof(d));
    return err;
}

static int granted(struct session_keys *keys, const struct neg_bytes *kept,
                   const struct neg_terms *t, const struct blob *grant)
{
    struct sga_device d;
    int err = load_device(&d, kept, t, SGA_B3);

    memset(keys, 0, sizeof(*keys));
    if (err == 0)
        err = take_key_of_session(keys, &d, t, grant);
    sodium_memzero(&d, sizeof(d));
    return err;
}

/* ---- the cloud ---- */

struct accounts {
    struct sga_account i, r;
    struct sga_pair pair;
};

static void make_accounts(struct accounts *a, const struct neg_terms *t,
                          const struct neg_cloud *cloud)
{
    make_account(&a->i, t->initiator, &t->i_offer.suites, cloud->i_account);
    make_account(&a->r, t->responder, &t->r_offer.suites, cloud->r_account);
    a->pair = (struct sga_pair){&a->i, &a->r};
}

/* A2, with B2 as far as it is ours: the share is opened, so that a wrong k_d shows now. */
static int forward(struct neg_bytes *to_responder, struct neg_bytes *kept,
                   const struct neg_terms *t, const struct neg_cloud *cloud,
                   const struct blob *asked)
{
    struct sga_cloud c = {.step = SGA_START};
    struct accounts accounts;
    struct blob a1, b1;
    struct sga_body a2;
    int err = get_two(asked, &a1, &b1);

    forget(to_responder);
    forget(kept);
    make_accounts(&accounts, t, cloud);
    if (err == 0)
        err = sga_a2_forward(&c, &accounts.pair, cloud->self, &a1, &a2);
    if (err == 0 && !are_terms(&c.terms, t))
        err = ERR_AUTH;
    if (err == 0)
        err = sga_b2_keep(&c, &b1);
    if (err == 0) {
        put_one(to_responder, &a2);
        keep_cloud(kept, &c);
    }
    sodium_memzero(&c, sizeof(c));
    sodium_memzero(&accounts, sizeof(accounts));
    return err;
}

/* A4, B4 to B6. */
static int settle(struct neg_bytes *to_initiator, struct neg_bytes *to_responder,
                  const struct neg_terms *t, const struct neg_cloud *cloud,
                  const struct neg_bytes *kept, const struct blob *answered)
{
    struct sga_body a4, i_grant, r_grant;
    struct accounts accounts;
    struct blob a3, b3;
    struct sga_cloud c;
    int err = load_cloud(&c, kept, t);

    forget(to_initiator);
    forget(to_responder);
    make_accounts(&accounts, t, cloud);
    if (err == 0)
        err = get_two(answered, &a3, &b3);
    if (err == 0)
        err = sga_a4_forward(&c, cloud->self, &a3, &a4);
    if (err == 0)
        err = sga_b4_check(&c, &accounts.pair, cloud->self, &b3);
    if (err == 0)
        err = sga_b5_grant(&c, &i_grant, &r_grant);
    if (err == 0)
        err = put_two(to_initiator, &a4, &i_grant);
    if (err == 0)
        put_one(to_responder, &r_grant);
    sodium_memzero(&c, sizeof(c));
    sodium_memzero(&accounts, sizeof(accounts));
    return err;
}

static const struct neg_handshake handshake = {.ask = ask, .finish = finish};
static const struct neg_gateway gateway = {.account = account_key,
                                           .forward = forward,
                                           .settle = settle,
                                           .answer = answer,
                                           .granted = granted};

/* ---- one message ---- */

static const struct suite *suite_of(const struct keybuf *key)
{
    const struct suite *s = key->len == KEY_BYTES + 1 ? suite_find(key->b[KEY_BYTES]) : NULL;

    return s != NULL && sga_is_cipher(s->id) && s->tag_bytes == MAC_BYTES ? s : NULL;
}

static int take_key(struct keybuf *key, struct keybuf *state)
{
    *key = *state;
    return suite_of(state) != NULL ? 0 : ERR_STATE;
}

/* The field: a nonce, ciphertext, tag. Behind a nonce that is shorter than the longest stand zeros,
 * so that the length does not depend on the suite. */
#define FIELD_MORE (SUITE_NONCE_MAX + MAC_BYTES)

static size_t field_bytes(size_t message_bytes, int exact)
{
    (void)exact;
    return message_bytes <= MESSAGE_MAX - FIELD_MORE ? message_bytes + FIELD_MORE : 0;
}

static int make(const struct keybuf *key, const struct msg *m, const struct blob *message,
                uint8_t *field, uint8_t *hidden)
{
    const struct suite *s = suite_of(key);
    uint8_t *text = field + SUITE_NONCE_MAX, buf[PROFILE_HEADER_MAX];
    struct blob header;
    int err = s != NULL ? profile_header(buf, &header, m) : ERR_ARG;

    (void)hidden;
    if (err != 0)
        return err;
    memset(field, 0, SUITE_NONCE_MAX);
    randombytes_buf(field, s->nonce_bytes);
    s->seal(text, text + message->len, message, &header, field, key->b);
    return 0;
}

static int open(const struct keybuf *key, const struct msg *m, const uint8_t *hidden,
                uint8_t *message, size_t *len)
{
    const struct suite *s = suite_of(key);
    const struct blob *field = &m->u.package.message;
    uint8_t buf[PROFILE_HEADER_MAX];
    struct blob header, cipher;
    int err = s != NULL ? profile_header(buf, &header, m) : ERR_ARG;

    (void)hidden;
    *len = 0;
    if (err != 0)
        return err;
    if (field->len < FIELD_MORE ||
        !sodium_is_zero(field->p + s->nonce_bytes, SUITE_NONCE_MAX - s->nonce_bytes))
        return ERR_AUTH;
    cipher = (struct blob){field->p + SUITE_NONCE_MAX, field->len - FIELD_MORE};
    err = s->open(message, &cipher, cipher.p + cipher.len, &header, field->p, key->b);
    if (err == 0)
        *len = cipher.len;
    return err;
}

const struct profile profile_sga = {
    .id = PROFILE_SGA,
    .name = "sga",
    .suites = {3, {SUITE_XCHACHA20_POLY1305, SUITE_CHACHA20_POLY1305, SUITE_AES_256_GCM}},
    .research = "the cloud vouches for both halves of the key, so that it can put its own in their "
                "place and read and change any message",
    .shk = pair_keys_derive_shk,
    .sk = pair_keys_derive_sk,
    .handshake = &handshake,
    .gateway = &gateway,
    .take_key = take_key,
    .field_bytes = field_bytes,
    .make = make,
    .open = open,
};
