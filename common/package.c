/* package.c - making and checking packages, by the row of their profile. */
#include "common/package.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    struct image before = {(int)cover->width, (int)cover->height, 1, NULL};
    struct image_diff diff;
    int err = image_init(&before, before.width, before.height, 1);

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

int package_make(struct package *out, struct msg *m, const struct pgm_view *cover,
                 const uint8_t seed[KEY_BYTES])
{
    const struct profile *profile = profile_find(m->u.package.profile);
    struct msg_package *p = &m->u.package;
    struct image stego = {0};
    uint8_t *pgm = NULL;
    size_t pgm_len = 0;
    int err;

    memset(out, 0, sizeof(*out));
    if (profile == NULL)
        return ERR_ARG;
    p->message_bytes = (uint32_t)p->message.len;
    p->width = (uint16_t)cover->width;
    p->height = (uint16_t)cover->height;
    err = image_init(&stego, p->width, p->height, 1);
    if (err != 0)
        return err;
    memcpy(stego.pixels, cover->pixels, image_pixels(&stego));
    err = profile->protect(seed, m, stego.pixels);
    if (err == 0)
        err = measure(out, cover, &stego);
    if (err == 0 && (pgm = malloc(PGM_HEADER_MAX + image_pixels(&stego))) == NULL)
        err = ERR_NOMEM;
    if (err == 0)
        err = pgm_write(pgm, PGM_HEADER_MAX + image_pixels(&stego), &pgm_len, p->width, p->height,
                        stego.pixels);
    p->image = (struct blob){pgm, pgm_len};
    if (err == 0)
        err = encode(out, m);
    p->image = (struct blob){NULL, 0};
    free(pgm);
    image_free(&stego);
    if (err != 0) {
        free(out->body);
        memset(out, 0, sizeof(*out));
    }
    return err;
}

int package_check(const struct msg *m, const uint8_t seed[KEY_BYTES])
{
    const struct profile *profile = profile_find(m->u.package.profile);
    const struct msg_package *p = &m->u.package;
    struct pgm_view image;

    if (profile == NULL)
        return ERR_ARG;
    if (p->message_bytes != p->message.len || pgm_parse(p->image.p, p->image.len, &image) != 0 ||
        image.width != p->width || image.height != p->height)
        return ERR_MALFORMED;
    return profile->verify(seed, m, image.pixels);
}
