/* sga.c - profile sga, section 4 of the paper: registration, and steps A1 to A5 that agree on a
 * cipher and on temporary keys. Steps B1 to B7 are in sga_exchange.c. */
#include "common/sga.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/negotiation.h"
#include "common/offer.h"
#include "common/sga_parts.h"

static int account_is_valid(const struct sga_account *a)
{
    return id_is_valid(a->id, strnlen(a->id, sizeof(a->id))) && list_has(&a->suites, a->initial);
}

/* ---- registration ---- */

int sga_register(const struct sga_account *self, const uint8_t cloud[KEY_BYTES],
                 struct sga_body *out)
{
    struct msg m = {.type = MSG_SGA_REGISTER};
    struct msg_sga_register *b = &m.u.sga_register;
    struct sga_body id;
    struct wbuf w;
    int err;

    out->len = 0;
    if (!account_is_valid(self))
        return ERR_ARG;
    err = sga_box(b->key, self->key, cloud);
    if (err == 0)
        err = sga_encrypt(self->initial, self->key,
                          &(struct blob){(const uint8_t *)self->id, strlen(self->id)}, &id);
    if (err != 0)
        return err;
    b->id = (struct blob){id.p, id.len};
    b->suites = self->suites;
    b->initial = self->initial;
    wbuf_init(&w, out->p, sizeof(out->p));
    msg_encode(&m, &w);
    err = wbuf_err(&w);
    if (err == 0)
        out->len = w.len;
    return err;
}

/* The keys and the id of a decoded registration. */
static int read_registration(struct sga_account *a, const struct msg_sga_register *b,
                             const struct noise_keypair *cloud)
{
    struct sga_body id;
    int err;

    a->suites = b->suites;
    a->initial = b->initial;
    err = sga_unbox(a->key, b->key, cloud);
    if (err == 0)
        err = sga_decrypt(b->initial, a->key, &b->id, &id);
    if (err != 0)
        return err;
    if (!id_is_valid((const char *)id.p, id.len))
        return ERR_MALFORMED;
    memcpy(a->id, id.p, id.len);
    return account_is_valid(a) ? 0 : ERR_MALFORMED;
}

int sga_register_check(struct sga_account *a, const struct blob *in,
                       const struct noise_keypair *cloud, const struct list *allowed)
{
    struct msg m;
    int err;

    memset(a, 0, sizeof(*a));
    err = msg_decode(&m, MSG_SGA_REGISTER, in->p, in->len);
    if (err == 0)
        err = read_registration(a, &m.u.sga_register, cloud);
    for (size_t i = 0; err == 0 && i < a->suites.n; i++)
        if (!list_has(allowed, a->suites.v[i]) || !sga_is_cipher(a->suites.v[i]))
            err = ERR_DENIED;
    if (err != 0)
        sodium_memzero(a, sizeof(*a));
    return err;
}

/* ---- what A1 to A4 carry ---- */

/* masked = a XOR b */
static void make_ask(struct msg *m, const struct sga_terms *t, const uint8_t a[KEY_BYTES],
                     const uint8_t b[KEY_BYTES])
{
    struct msg_sga_ask *ask = &m->u.sga_ask;

    memset(m, 0, sizeof(*m));
    m->type = MSG_SGA_ASK;
    sga_xor(ask->masked, a, b);
    memcpy(ask->initiator, t->initiator, sizeof(ask->initiator));
    memcpy(ask->gateway, t->gateway, sizeof(ask->gateway));
    memcpy(ask->responder, t->responder, sizeof(ask->responder));
    ask->suite = t->suite;
}

static void make_answer(struct msg *m, const struct sga_terms *t, const uint8_t a[KEY_BYTES],
                        const uint8_t b[KEY_BYTES])
{
    struct msg_sga_answer *answer = &m->u.sga_answer;

    memset(m, 0, sizeof(*m));
    m->type = MSG_SGA_ANSWER;
    sga_xor(answer->masked, a, b);
    memcpy(answer->gateway, t->gateway, sizeof(answer->gateway));
    memcpy(answer->responder, t->responder, sizeof(answer->responder));
    memcpy(answer->initiator, t->initiator, sizeof(answer->initiator));
    answer->suite = t->suite;
}

/* Is it the answer to these terms? */
static int check_answer(const struct sga_terms *t, const struct msg_sga_answer *answer)
{
    return sga_names_differ(t, answer->initiator, answer->responder, answer->gateway) ||
                   answer->suite != t->suite
               ? ERR_AUTH
               : 0;
}

/* ---- A1 to A5 ---- */

int sga_a1_ask(struct sga_device *d, const struct sga_account *self, const struct sga_terms *terms,
               struct sga_body *out)
{
    struct sga_device next = {.step = SGA_A1, .terms = *terms};
    struct msg m;
    int err;

    out->len = 0;
    if (d->step != SGA_START)
        return ERR_STATE;
    if (!list_has(&self->suites, terms->suite) || strcmp(self->id, terms->initiator) != 0 ||
        strcmp(terms->initiator, terms->responder) == 0)
        return ERR_ARG;
    randombytes_buf(next.kt, sizeof(next.kt));
    make_ask(&m, terms, next.kt, self->key);
    err = body_seal(&m, terms->gateway, out->p, sizeof(out->p), &out->len);
    if (err == 0)
        *d = next;
    sodium_memzero(&m, sizeof(m));
    sodium_memzero(&next, sizeof(next));
    return err;
}

/* The checks of A2. Nothing here proves who sent it: every value of `masked` gives some key. */
static int check_ask(const struct msg_sga_ask *ask, const struct sga_pair *pair,
                     const uint8_t gateway[KEY_BYTES])
{
    if (strcmp(ask->initiator, pair->initiator->id) != 0 ||
        strcmp(ask->responder, pair->responder->id) != 0 ||
        sodium_memcmp(ask->gateway, gateway, KEY_BYTES) != 0)
        return ERR_AUTH;
    if (!list_has(&pair->initiator->suites, ask->suite) ||
        !list_has(&pair->responder->suites, ask->suite))
        return ERR_NOTFOUND;
    return 0;
}

static void terms_from_ask(struct sga_terms *t, const struct msg_sga_ask *ask)
{
    memcpy(t->initiator, ask->initiator, sizeof(t->initiator));
    memcpy(t->responder, ask->responder, sizeof(t->responder));
    memcpy(t->gateway, ask->gateway, sizeof(t->gateway));
    t->suite = ask->suite;
}

int sga_a2_forward(struct sga_cloud *c, const struct sga_pair *pair,
                   const struct noise_keypair *cloud, const struct blob *in, struct sga_body *out)
{
    struct sga_cloud next = {.step = SGA_A2};
    uint8_t plain[SGA_BODY_MAX];
    struct msg m;
    int err;

    out->len = 0;
    if (c->step != SGA_START)
        return ERR_STATE;
    err = body_open(&m, MSG_SGA_ASK, in, cloud, plain, sizeof(plain));
    if (err == 0)
        err = check_ask(&m.u.sga_ask, pair, cloud->public_key);
    if (err == 0) {
        terms_from_ask(&next.terms, &m.u.sga_ask);
        sga_xor(next.i_kt, m.u.sga_ask.masked, pair->initiator->key);
        make_ask(&m, &next.terms, next.i_kt, pair->responder->key);
        err = sga_encrypt_msg(pair->responder->initial, pair->responder->key, &m, out);
    }
    if (err == 0)
        *c = next;
    sodium_memzero(plain, sizeof(plain));
    sodium_memzero(&m, sizeof(m));
    sodium_memzero(&next, sizeof(next));
    return err;
}

int sga_a3_open(struct sga_device *d, const struct sga_account *self,
                const uint8_t cloud[KEY_BYTES], const struct blob *in)
{
    struct sga_body plain;
    struct msg m;
    const struct msg_sga_ask *ask = &m.u.sga_ask;
    int err;

    if (d->step != SGA_START)
        return ERR_STATE;
    err = sga_decrypt_msg(&m, MSG_SGA_ASK, self->initial, self->key, in, &plain);
    if (err == 0 &&
        (strcmp(ask->responder, self->id) != 0 || strcmp(ask->initiator, self->id) == 0 ||
         sodium_memcmp(ask->gateway, cloud, KEY_BYTES) != 0))
        err = ERR_AUTH;
    if (err == 0 && !list_has(&self->suites, ask->suite))
        err = ERR_NOTFOUND;
    if (err == 0) {
        terms_from_ask(&d->terms, ask);
        sga_xor(d->peer_kt, ask->masked, self->key);
        d->step = SGA_A3_OPENED;
    }
    sodium_memzero(&plain, sizeof(plain));
    sodium_memzero(&m, sizeof(m));
    return err;
}

int sga_a3_answer(struct sga_device *d, struct sga_body *out)
{
    uint8_t kt[KEY_BYTES];
    struct msg m;
    int err;

    out->len = 0;
    if (d->step != SGA_A3_OPENED)
        return ERR_STATE;
    randombytes_buf(kt, sizeof(kt));
    make_answer(&m, &d->terms, d->peer_kt, kt);
    err = body_seal(&m, d->terms.gateway, out->p, sizeof(out->p), &out->len);
    if (err == 0) {
        memcpy(d->kt, kt, sizeof(d->kt));
        d->step = SGA_A3;
    }
    sodium_memzero(kt, sizeof(kt));
    sodium_memzero(&m, sizeof(m));
    return err;
}

int sga_a4_forward(struct sga_cloud *c, const struct noise_keypair *cloud, const struct blob *in,
                   struct sga_body *out)
{
    uint8_t plain[SGA_BODY_MAX];
    struct msg m;
    int err;

    out->len = 0;
    if (c->step != SGA_A2 && c->step != SGA_A2_B2)
        return ERR_STATE;
    err = body_open(&m, MSG_SGA_ANSWER, in, cloud, plain, sizeof(plain));
    if (err == 0)
        err = check_answer(&c->terms, &m.u.sga_answer);
    if (err == 0)
        err = sga_encrypt_msg(c->terms.suite, c->i_kt, &m, out);
    if (err == 0) {
        sga_xor(c->r_kt, m.u.sga_answer.masked, c->i_kt);
        c->step = c->step == SGA_A2 ? SGA_A4 : SGA_B2;
    }
    sodium_memzero(plain, sizeof(plain));
    sodium_memzero(&m, sizeof(m));
    return err;
}

int sga_a5_accept(struct sga_device *d, const struct blob *in)
{
    struct sga_body plain;
    struct msg m;
    int err;

    if (d->step != SGA_A1 && d->step != SGA_A1_B1)
        return ERR_STATE;
    err = sga_decrypt_msg(&m, MSG_SGA_ANSWER, d->terms.suite, d->kt, in, &plain);
    if (err == 0)
        err = check_answer(&d->terms, &m.u.sga_answer);
    if (err == 0) {
        sga_xor(d->peer_kt, m.u.sga_answer.masked, d->kt);
        d->step = d->step == SGA_A1 ? SGA_A5 : SGA_B1;
    }
    sodium_memzero(&plain, sizeof(plain));
    sodium_memzero(&m, sizeof(m));
    return err;
}
