/* package.c - making and checking packages, by the row of their profile. */
#include "common/package.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/image.h"
#include "common/session.h"

static int encode(struct package *out, const struct msg *m)
{
    size_t cap = msg_encoded_max(m);
    struct wbuf w;

    out->body = malloc(cap);
    if (out->body == NULL)
        return ERR_NOMEM;
    wbuf_init(&w, out->body, cap);
    msg_encode(m, &w);
    out->len = w.len;
    package_digest(out->digest, out->body, out->len);
    return wbuf_err(&w);
}

static int measure(struct package *out, const struct pgm_view *cover, struct image *stego)
{
    struct image before = {stego->width, stego->height, 1, NULL};
    struct image_diff diff;
    int err;

    if (cover == NULL) {
        out->psnr_mdb = INT64_MAX;
        return 0;
    }
    err = image_init(&before, before.width, before.height, 1);
    if (err != 0)
        return err;
    memcpy(before.pixels, cover->pixels, image_pixels(&before));
    err = image_compare(&before, stego, &diff);
    image_free(&before);
    if (err != 0)
        return err;
    out->changed_pixels = diff.changed;
    out->psnr_mdb = diff.changed == 0 ? INT64_MAX : llround(diff.psnr * 1000);
    return 0;
}

/* What package_make works on. */
struct making {
    const struct profile *profile;
    const struct keybuf *key;
    struct image stego;
    uint8_t *field, *pgm; /* malloc'd; field NULL where the message travels as it is */
};

static int take_cover(struct making *k, struct msg_package *p, const struct pgm_view *cover)
{
    int err;

    p->width = cover != NULL ? (uint16_t)cover->width : 0;
    p->height = cover != NULL ? (uint16_t)cover->height : 0;
    if (cover == NULL)
        return 0;
    err = image_init(&k->stego, p->width, p->height, 1);
    if (err == 0)
        memcpy(k->stego.pixels, cover->pixels, image_pixels(&k->stego));
    return err;
}

static int begin(struct making *k, struct msg_package *p, const struct pgm_view *cover, int exact)
{
    int err = take_cover(k, p, cover);

    if (err != 0)
        return err;
    p->message_bytes = (uint32_t)p->message.len;
    if (k->profile->field_bytes != NULL) {
        p->message_bytes = (uint32_t)k->profile->field_bytes(p->message.len, exact);
        if (p->message_bytes == 0)
            return ERR_TOO_LARGE;
        k->field = malloc(p->message_bytes);
        if (k->field == NULL)
            return ERR_NOMEM;
    }
    return 0;
}

/* Field and payload from the message, and the payload into the pixels. */
static int protect(struct making *k, struct msg *m, uint8_t *hidden)
{
    struct msg_package *p = &m->u.package;
    struct stego_keys places;
    int err = k->profile->make(k->key, m, &p->message, k->field, hidden);

    if (err != 0)
        return err;
    if (k->field != NULL)
        p->message = (struct blob){k->field, p->message_bytes};
    if (k->profile->hidden_bytes == 0)
        return 0;
    k->profile->places(&places, k->key);
    err = stego_embed(k->stego.pixels, p->width, p->height, &places, (enum stego_code)p->codec,
                      hidden, k->profile->hidden_bytes * 8);
    sodium_memzero(&places, sizeof(places));
    return err;
}

static int write_image(struct making *k, struct msg_package *p)
{
    size_t cap = PGM_HEADER_MAX + image_pixels(&k->stego), len = 0;
    int err;

    if (k->stego.pixels == NULL)
        return 0;
    k->pgm = malloc(cap);
    if (k->pgm == NULL)
        return ERR_NOMEM;
    err = pgm_write(k->pgm, cap, &len, p->width, p->height, k->stego.pixels);
    p->image = (struct blob){k->pgm, len};
    return err;
}

int package_make(struct package *out, struct msg *m, const struct pgm_view *cover,
                 const struct keybuf *key, int exact)
{
    struct msg_package *p = &m->u.package;
    struct making k = {.profile = profile_find(p->profile), .key = key};
    struct blob message = p->message;
    int err;

    memset(out, 0, sizeof(*out));
    if (k.profile == NULL || (k.profile->hidden_bytes == 0) != (cover == NULL))
        return ERR_ARG;
    err = begin(&k, p, cover, exact);
    if (err == 0)
        err = protect(&k, m, out->hidden);
    if (err == 0)
        err = measure(out, cover, &k.stego);
    if (err == 0)
        err = write_image(&k, p);
    if (err == 0)
        err = encode(out, m);
    p->image = (struct blob){NULL, 0};
    p->message = message;
    free(k.pgm);
    free(k.field);
    image_free(&k.stego);
    if (err != 0) {
        free(out->body);
        sodium_memzero(out, sizeof(*out));
    }
    return err;
}

int package_image(struct pgm_view *image, const struct msg_package *p)
{
    const struct profile *profile = profile_find(p->profile);

    memset(image, 0, sizeof(*image));
    if (profile != NULL && profile->hidden_bytes == 0)
        return p->image.len == 0 && p->width == 0 && p->height == 0 ? 0 : ERR_MALFORMED;
    return pgm_parse(p->image.p, p->image.len, image) == 0 && image->width == p->width &&
                   image->height == p->height
               ? 0
               : ERR_MALFORMED;
}

int package_hidden(uint8_t hidden[HIDDEN_MAX], const struct msg *m, const struct keybuf *key)
{
    const struct profile *profile = profile_find(m->u.package.profile);
    const struct msg_package *p = &m->u.package;
    struct stego_keys places;
    struct pgm_view image;
    int err;

    memset(hidden, 0, HIDDEN_MAX);
    if (profile == NULL)
        return ERR_ARG;
    if (p->message_bytes != p->message.len || package_image(&image, p) != 0)
        return ERR_MALFORMED;
    if (profile->hidden_bytes == 0)
        return 0;
    profile->places(&places, key);
    err = stego_extract(image.pixels, p->width, p->height, &places, (enum stego_code)p->codec,
                        hidden, profile->hidden_bytes * 8);
    sodium_memzero(&places, sizeof(places));
    return err;
}

int package_open(struct package_opened *out, const struct msg *m, const struct keybuf *key)
{
    const struct profile *profile = profile_find(m->u.package.profile);
    const struct msg_package *p = &m->u.package;
    size_t len = 0;
    int err;

    memset(out, 0, sizeof(*out));
    err = package_hidden(out->hidden, m, key);
    if (err == 0 && profile->field_bytes != NULL) {
        out->buf = malloc(p->message.len + 1);
        if (out->buf == NULL)
            err = ERR_NOMEM;
    }
    if (err == 0)
        err = profile->open(key, m, out->hidden, out->buf, &len);
    out->message = out->buf != NULL ? (struct blob){out->buf, len} : p->message;
    return err;
}

void package_opened_free(struct package_opened *o)
{
    if (o->buf != NULL)
        sodium_memzero(o->buf, o->message.len);
    free(o->buf);
    sodium_memzero(o, sizeof(*o));
}
