/* records.c - encoding of the vault's records. */
#include "cloudd/records.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/text.h"
#include "proto/wbuf.h"

#define RECORD_VERSION 1
#define DEVICE_FIXED   (1 + KEY_BYTES + 2 + 2 + FX1_CANVAS + 4)
#define NEG_VERSION    2 /* 1 ended after steps 2 and 4 */
#define NEG_RECORD_MAX 8192

int device_record_seal(struct store_bytes *out, const uint8_t cloud[KEY_BYTES], const char *id,
                       const struct device_record *rec)
{
    size_t cap = DEVICE_FIXED + rec->scan.len;
    struct wbuf w;
    uint8_t *plain = malloc(cap);
    int err;

    memset(out, 0, sizeof(*out));
    if (plain == NULL)
        return ERR_NOMEM;
    wbuf_init(&w, plain, cap);
    wbuf_u8(&w, RECORD_VERSION);
    wbuf_bytes(&w, rec->dev, KEY_BYTES);
    wbuf_u16(&w, rec->width);
    wbuf_u16(&w, rec->height);
    wbuf_bytes(&w, rec->canvas, FX1_CANVAS);
    wbuf_blob(&w, &rec->scan);
    err = wbuf_err(&w);
    if (err == 0)
        err = vault_seal(out, cloud, VAULT_DEVICE, id, &(struct blob){plain, w.len});
    sodium_memzero(plain, cap);
    free(plain);
    return err;
}

/* FX-1 indexes tables by the canvas's bytes, so a damaged record must not get through. */
static int canvas_is_valid(const uint8_t *canvas)
{
    uint8_t all = 0;

    for (size_t i = 0; i < FX1_CANVAS; i++)
        all |= canvas[i];
    return all <= 15;
}

static int device_record_parse(struct device_record *rec, const struct blob *body)
{
    uint8_t version;
    struct rbuf r;

    rbuf_init(&r, body->p, body->len);
    if (rbuf_u8(&r, &version) != 0 || version == 0)
        return ERR_MALFORMED;
    if (version > RECORD_VERSION)
        return ERR_VERSION;
    if (r.left < DEVICE_FIXED - 1)
        return ERR_MALFORMED;
    rec->dev = r.p;
    r.p += KEY_BYTES;
    r.left -= KEY_BYTES;
    if (rbuf_u16(&r, &rec->width) != 0 || rbuf_u16(&r, &rec->height) != 0)
        return ERR_MALFORMED;
    rec->canvas = r.p;
    r.p += FX1_CANVAS;
    r.left -= FX1_CANVAS;
    if (rbuf_blob(&r, &rec->scan, IMAGE_SIDE_MAX * IMAGE_SIDE_MAX) != 0 || rbuf_end(&r) != 0)
        return ERR_MALFORMED;
    if (rec->scan.len != (size_t)rec->width * rec->height || !canvas_is_valid(rec->canvas))
        return ERR_MALFORMED;
    return 0;
}

int device_record_open(struct device_record *rec, struct vault_plain *plain,
                       const struct noise_keypair *cloud, const char *id,
                       const struct store_bytes *sealed)
{
    int err;

    memset(rec, 0, sizeof(*rec));
    err = vault_open(plain, cloud, VAULT_DEVICE, id, sealed);
    if (err == 0)
        err = device_record_parse(rec, &plain->body);
    return err;
}

static void put_offer(struct wbuf *w, const struct offer *o)
{
    wbuf_list(w, &o->profiles);
    wbuf_list(w, &o->suites);
    wbuf_list(w, &o->codecs);
}

static void put_key(struct wbuf *w, const struct keybuf *k)
{
    struct blob b = keybuf_blob(k);

    wbuf_blob(w, &b);
}

static void put_terms(struct wbuf *w, const struct neg_terms *t)
{
    wbuf_bytes(w, t->negotiation, NEG_ID_BYTES);
    wbuf_bytes(w, t->cloud, KEY_BYTES);
    wbuf_id(w, t->initiator);
    wbuf_id(w, t->responder);
    put_offer(w, &t->i_offer);
    put_offer(w, &t->r_offer);
    wbuf_list(w, &t->allowed);
    wbuf_u8(w, t->choice.profile);
    wbuf_u8(w, t->choice.suite);
    wbuf_u8(w, t->choice.codec);
    wbuf_bytes(w, t->salt, KEY_BYTES);
    put_key(w, &t->sk);
    put_key(w, &t->shk);
}

static void put_bytes(struct wbuf *w, const struct neg_bytes *b)
{
    wbuf_blob(w, &(struct blob){b->b, b->len});
}

static void put_ours(struct wbuf *w, const struct neg_record *rec)
{
    wbuf_bytes(w, rec->i_account, KEY_BYTES);
    wbuf_bytes(w, rec->r_account, KEY_BYTES);
    put_bytes(w, &rec->kept);
    put_bytes(w, &rec->forwarded);
    put_bytes(w, &rec->result);
    put_bytes(w, &rec->grant);
}

int neg_record_seal(struct store_bytes *out, const uint8_t cloud[KEY_BYTES],
                    const struct neg_record *rec)
{
    char name[2 * NEG_ID_BYTES + 1];
    uint8_t plain[NEG_RECORD_MAX];
    struct wbuf w;
    int err;

    memset(out, 0, sizeof(*out));
    text_hex(name, rec->terms.negotiation, NEG_ID_BYTES);
    wbuf_init(&w, plain, sizeof(plain));
    wbuf_u8(&w, NEG_VERSION);
    wbuf_u64(&w, rec->request);
    put_terms(&w, &rec->terms);
    wbuf_bytes(&w, rec->i_key, KEY_BYTES);
    wbuf_bytes(&w, rec->r_key, KEY_BYTES);
    wbuf_u64(&w, rec->i_enrolment);
    wbuf_u64(&w, rec->r_enrolment);
    put_bytes(&w, &rec->asked);
    put_bytes(&w, &rec->answered);
    put_ours(&w, rec);
    err = wbuf_err(&w);
    if (err == 0)
        err = vault_seal(out, cloud, VAULT_NEGOTIATION, name, &(struct blob){plain, w.len});
    sodium_memzero(plain, sizeof(plain));
    return err;
}

static int get_offer(struct rbuf *r, struct offer *o)
{
    int bad = rbuf_list(r, &o->profiles);

    bad |= rbuf_list(r, &o->suites);
    bad |= rbuf_list(r, &o->codecs);
    return bad != 0 ? ERR_MALFORMED : 0;
}

static int get_key(struct rbuf *r, struct keybuf *k)
{
    struct blob b;
    int err = rbuf_blob(r, &b, PAIR_KEY_MAX);

    keybuf_set(k, b.p, b.len);
    return err;
}

static int get_terms(struct rbuf *r, struct neg_terms *t)
{
    int bad = rbuf_bytes(r, t->negotiation, NEG_ID_BYTES);

    bad |= rbuf_bytes(r, t->cloud, KEY_BYTES);
    bad |= rbuf_id(r, t->initiator);
    bad |= rbuf_id(r, t->responder);
    bad |= get_offer(r, &t->i_offer);
    bad |= get_offer(r, &t->r_offer);
    bad |= rbuf_list(r, &t->allowed);
    bad |= rbuf_u8(r, &t->choice.profile);
    bad |= rbuf_u8(r, &t->choice.suite);
    bad |= rbuf_u8(r, &t->choice.codec);
    bad |= rbuf_bytes(r, t->salt, KEY_BYTES);
    bad |= get_key(r, &t->sk);
    bad |= get_key(r, &t->shk);
    return bad != 0 ? ERR_MALFORMED : 0;
}

static int get_bytes(struct rbuf *r, struct neg_bytes *out)
{
    struct blob b;
    int err = rbuf_blob(r, &b, sizeof(out->b));

    out->len = b.len;
    if (err == 0 && b.len > 0)
        memcpy(out->b, b.p, b.len);
    return err;
}

static int get_ours(struct rbuf *r, struct neg_record *rec)
{
    int bad = rbuf_bytes(r, rec->i_account, KEY_BYTES);

    bad |= rbuf_bytes(r, rec->r_account, KEY_BYTES);
    bad |= get_bytes(r, &rec->kept);
    bad |= get_bytes(r, &rec->forwarded);
    bad |= get_bytes(r, &rec->result);
    bad |= get_bytes(r, &rec->grant);
    return bad != 0 ? ERR_MALFORMED : 0;
}

static int neg_record_parse(struct neg_record *rec, const struct blob *body)
{
    uint8_t version;
    struct rbuf r;
    int bad;

    rbuf_init(&r, body->p, body->len);
    if (rbuf_u8(&r, &version) != 0 || version == 0)
        return ERR_MALFORMED;
    if (version > NEG_VERSION)
        return ERR_VERSION;
    bad = rbuf_u64(&r, &rec->request);
    bad |= get_terms(&r, &rec->terms);
    bad |= rbuf_bytes(&r, rec->i_key, KEY_BYTES);
    bad |= rbuf_bytes(&r, rec->r_key, KEY_BYTES);
    bad |= rbuf_u64(&r, &rec->i_enrolment);
    bad |= rbuf_u64(&r, &rec->r_enrolment);
    bad |= get_bytes(&r, &rec->asked);
    bad |= get_bytes(&r, &rec->answered);
    if (version > 1)
        bad |= get_ours(&r, rec);
    bad |= rbuf_end(&r);
    return bad != 0 ? ERR_MALFORMED : 0;
}

/* The columns beside the record say who and which; a record that says otherwise is damaged. */
static int matches_row(const struct neg_record *rec, const struct store_neg *row)
{
    return memcmp(rec->terms.negotiation, row->id, NEG_ID_BYTES) == 0 &&
           strcmp(rec->terms.initiator, row->from) == 0 &&
           strcmp(rec->terms.responder, row->to) == 0;
}

int neg_record_open(struct neg_record *rec, const struct noise_keypair *cloud,
                    const struct store_neg *row)
{
    char name[2 * NEG_ID_BYTES + 1];
    struct vault_plain plain;
    int err;

    memset(rec, 0, sizeof(*rec));
    text_hex(name, row->id, NEG_ID_BYTES);
    err = vault_open(&plain, cloud, VAULT_NEGOTIATION, name, &row->sealed);
    if (err == 0)
        err = neg_record_parse(rec, &plain.body);
    if (err == 0 && !matches_row(rec, row))
        err = ERR_MALFORMED;
    if (err != 0)
        sodium_memzero(rec, sizeof(*rec));
    vault_plain_free(&plain);
    return err;
}
