/* lab_run.c - what each lab command does: FX-1, MACLESS digits, embed, extract, compare. */
#include "common/agent/lab_run.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/fx1.h"
#include "common/image.h"
#include "common/macless.h"
#include "common/stego.h"
#include "common/text.h"

#define DONE   LAB_DONE
#define FAILED LAB_FAILED
#define USAGE  LAB_USAGE


int lab_run_fail(const struct lab_args *a, int code, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "sds lab %s: ", a->command);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return code;
}

static int fail_memory(const struct lab_args *a)
{
    return lab_run_fail(a, FAILED, "out of memory; use a smaller image or free some");
}

static int load(const struct lab_args *a, const char *path, struct image *img)
{
    char why[IMAGE_WHY_MAX];

    if (image_load(img, path, why, sizeof(why)) == 0)
        return DONE;
    return lab_run_fail(a, FAILED, "%s", why);
}

/* Every command on covers works on grey images. */
static int load_grey(const struct lab_args *a, const char *path, struct image *grey)
{
    struct image img = {0, 0, 0, NULL};
    int code = load(a, path, &img);

    if (code == DONE && image_to_grey(&img, grey) != 0)
        code = fail_memory(a);
    image_free(&img);
    return code;
}

static int write_file(const struct lab_args *a, const char *path, const uint8_t *p, size_t len)
{
    FILE *f = fopen(path, "wb");
    int ok = f != NULL && fwrite(p, 1, len, f) == len;

    if (f != NULL && fclose(f) != 0)
        ok = 0;
    if (ok)
        return DONE;
    return lab_run_fail(a, FAILED, "cannot write %s: %s; check the folder, its rights and the disk",
                        path, strerror(errno));
}

static int load_canvas(const struct lab_args *a, const char *path, uint8_t canvas[FX1_CANVAS])
{
    struct image img = {0, 0, 0, NULL};
    int code = load(a, path, &img);

    if (code != DONE)
        return code;
    switch (fx1_normalise(canvas, img.pixels, img.width, img.height, img.channels)) {
    case 0:
        break;
    case ERR_BLANK:
        code = lab_run_fail(a, FAILED, "%s shows no signature; scan one in dark ink on plain paper",
                            path);
        break;
    case ERR_NOMEM:
        code = fail_memory(a);
        break;
    default:
        code = lab_run_fail(a, FAILED, "%s is %d x %d pixels; use a scan of at least 16 x 16", path,
                            img.width, img.height);
        break;
    }
    image_free(&img);
    return code;
}

int lab_run_fx1(const struct lab_args *a)
{
    static uint8_t canvas[FX1_CANVAS], other[FX1_CANVAS];
    uint8_t rv[FX1_BYTES], digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(digest) + 1];
    int code = load_canvas(a, a->words[0], canvas);

    if (code == DONE && a->count == 2) {
        code = load_canvas(a, a->words[1], other);
        fx1_union(canvas, canvas, other);
    }
    if (code != DONE)
        return code;
    fx1_features(rv, canvas);
    crypto_hash_sha256(digest, rv, sizeof(rv));
    text_hex(hex, digest, sizeof(digest));
    if (a->out != NULL)
        code = write_file(a, a->out, rv, sizeof(rv));
    if (code == DONE)
        printf(a->json ? "{\"sha256\":\"%s\",\"bytes\":%d}\n" : "%s\n", hex, FX1_BYTES);
    return code;
}

int lab_run_macless(const struct lab_args *a)
{
    uint8_t tag[MACLESS_BYTES];

    if (macless_of_digits(tag, a->words[0]) != 0)
        return lab_run_fail(a, USAGE,
                            "the digest is not 40 hex digits; give a SHA-1 as sha1sum prints it");
    printf(a->json ? "{\"tag\":\"%.*s\"}\n" : "%.*s\n", MACLESS_BYTES, (const char *)tag);
    return DONE;
}

static int get_code(const struct lab_args *a, enum stego_code *code)
{
    int n = a->stego == NULL ? STEGO_LIGHT : stego_code_from_name(a->stego);

    if (n < 0)
        return lab_run_fail(a, USAGE, "no such code: %s; use light or stealth", a->stego);
    *code = (enum stego_code)n;
    return DONE;
}

static int get_keys(const struct lab_args *a, struct stego_keys *keys)
{
    if (text_unhex(keys->k1, sizeof(keys->k1), a->k1) != 0)
        return lab_run_fail(a, USAGE, "--k1 is not 64 hex digits; give 32 bytes in hex");
    if (text_unhex(keys->k2, sizeof(keys->k2), a->k2) != 0)
        return lab_run_fail(a, USAGE, "--k2 is not 64 hex digits; give 32 bytes in hex");
    return DONE;
}

/* *payload is new and the caller's to free. */
static int get_payload(const struct lab_args *a, uint8_t **payload, size_t *bits)
{
    size_t len = strlen(a->payload) / 2;

    *payload = malloc(len + 1);
    if (*payload == NULL)
        return fail_memory(a);
    if (len == 0 || text_unhex(*payload, len, a->payload) != 0)
        return lab_run_fail(a, USAGE, "--payload is not hex; give whole bytes, two digits each");
    *bits = 8 * len;
    return DONE;
}

/* Words for what embed or extract answered, when it is not 0. */
static int stego_code_result(const struct lab_args *a, const char *path, const struct image *img,
                             size_t bits, enum stego_code code, int err)
{
    unsigned side = stego_min_side(bits, code);

    if (err == 0)
        return DONE;
    if (err == ERR_NOMEM)
        return fail_memory(a);
    if (err != ERR_TOO_SMALL)
        return lab_run_fail(a, FAILED, "%s, %d x %d pixels: %s; use another image", path,
                            img->width, img->height, err_str(err));
    if (side == 0)
        return lab_run_fail(a, FAILED, "no image holds %zu bits; use at most %zu", bits,
                            stego_capacity(STEGO_SIDE_MAX, STEGO_SIDE_MAX));
    return lab_run_fail(a, FAILED,
                        "%s, %d x %d pixels, holds %zu bits of the %zu; use an image of at least "
                        "%u x %u pixels",
                        path, img->width, img->height,
                        stego_capacity((unsigned)img->width, (unsigned)img->height), bits, side,
                        side);
}

/* Equal images have no finite PSNR: null in JSON, inf in words. */
static void print_diff(const struct lab_args *a, const struct image_diff *d, int with_mse)
{
    if (!a->json) {
        printf("changed-pixels %zu\n", d->changed);
        if (with_mse)
            printf("mse %.6g\n", d->mse);
        printf("psnr-db %.2f\n", d->psnr);
        return;
    }
    printf("{\"changed_pixels\":%zu,", d->changed);
    if (with_mse)
        printf("\"mse\":%.6g,", d->mse);
    if (isinf(d->psnr))
        printf("\"psnr_db\":null}\n");
    else
        printf("\"psnr_db\":%.2f}\n", d->psnr);
}

static int save(const struct lab_args *a, const struct image *img)
{
    switch (image_save(a->out, img)) {
    case 0:
        return DONE;
    case ERR_NOMEM:
        return fail_memory(a);
    default:
        return lab_run_fail(a, FAILED,
                            "cannot write %s: %s; check the folder, its rights and the disk",
                            a->out, strerror(errno));
    }
}

static int has_ending(const char *path)
{
    size_t n = strlen(path);

    return n > 4 && (strcmp(path + n - 4, ".png") == 0 || strcmp(path + n - 4, ".pgm") == 0);
}

/* Embed into a copy of the cover, save it, and print how the two differ. */
static int embed_copy(const struct lab_args *a, const struct image *cover,
                      const struct stego_keys *keys, enum stego_code code, const uint8_t *payload,
                      size_t bits)
{
    struct image stego = {0, 0, 0, NULL};
    struct image_diff diff;
    int result;

    if (image_init(&stego, cover->width, cover->height, 1) != 0)
        return fail_memory(a);
    memcpy(stego.pixels, cover->pixels, image_pixels(cover));
    result = stego_code_result(a, a->cover, cover, bits, code,
                               stego_embed(stego.pixels, (unsigned)cover->width,
                                           (unsigned)cover->height, keys, code, payload, bits));
    if (result == DONE)
        result = save(a, &stego);
    if (result == DONE && image_compare(cover, &stego, &diff) == 0)
        print_diff(a, &diff, 0);
    image_free(&stego);
    return result;
}

int lab_run_embed(const struct lab_args *a)
{
    struct image cover = {0, 0, 0, NULL};
    struct stego_keys keys;
    uint8_t *payload = NULL;
    enum stego_code code = STEGO_LIGHT;
    size_t bits = 0;
    int result = get_keys(a, &keys);

    if (result == DONE)
        result = get_payload(a, &payload, &bits);
    if (result == DONE)
        result = get_code(a, &code);
    if (result == DONE && !has_ending(a->out))
        result = lab_run_fail(a, USAGE,
                              "%s ends in neither .png nor .pgm; give --out one of them, "
                              "which keep every pixel",
                              a->out);
    if (result == DONE)
        result = load_grey(a, a->cover, &cover);
    if (result != DONE)
        goto out;
    if (stego_is_flat(cover.pixels, (unsigned)cover.width, (unsigned)cover.height))
        lab_run_fail(a, DONE,
                     "warning: %s is mostly flat, a change shows in it; use a photo with texture",
                     a->cover);
    result = embed_copy(a, &cover, &keys, code, payload, bits);
out:
    sodium_memzero(&keys, sizeof(keys));
    if (payload != NULL)
        sodium_memzero(payload, bits / 8);
    free(payload);
    image_free(&cover);
    return result;
}

static int print_payload(const struct lab_args *a, const uint8_t *payload, size_t bits)
{
    size_t len = (bits + 7) / 8;
    char *hex = malloc(2 * len + 1);

    if (hex == NULL)
        return fail_memory(a);
    text_hex(hex, payload, len);
    if (a->json)
        printf("{\"payload\":\"%s\",\"bits\":%zu}\n", hex, bits);
    else
        printf("%s\n", hex);
    free(hex);
    return DONE;
}

int lab_run_extract(const struct lab_args *a)
{
    struct image img = {0, 0, 0, NULL};
    struct stego_keys keys;
    uint8_t *payload = NULL;
    enum stego_code code = STEGO_LIGHT;
    uint64_t bits = 0;
    int result = get_keys(a, &keys);

    if (result == DONE && text_number(a->bits, 1, STEGO_PIXELS_MAX, &bits) != 0)
        result = lab_run_fail(a, USAGE, "--bits %s is not a number from 1; give the payload's bits",
                              a->bits);
    if (result == DONE)
        result = get_code(a, &code);
    if (result == DONE)
        result = load_grey(a, a->image, &img);
    if (result != DONE)
        goto out;
    payload = malloc((bits + 7) / 8);
    if (payload == NULL) {
        result = fail_memory(a);
        goto out;
    }
    result = stego_code_result(a, a->image, &img, bits, code,
                               stego_extract(img.pixels, (unsigned)img.width, (unsigned)img.height,
                                             &keys, code, payload, bits));
    if (result == DONE)
        result = print_payload(a, payload, bits);
out:
    sodium_memzero(&keys, sizeof(keys));
    free(payload);
    image_free(&img);
    return result;
}

int lab_run_compare(const struct lab_args *a)
{
    struct image one = {0, 0, 0, NULL}, two = {0, 0, 0, NULL};
    struct image_diff diff;
    int result = load_grey(a, a->words[0], &one);

    if (result == DONE)
        result = load_grey(a, a->words[1], &two);
    if (result == DONE && image_compare(&one, &two, &diff) != 0)
        result =
            lab_run_fail(a, FAILED, "%s is %d x %d pixels and %s %d x %d; compare equal sizes",
                         a->words[0], one.width, one.height, a->words[1], two.width, two.height);
    else if (result == DONE)
        print_diff(a, &diff, 1);
    image_free(&one);
    image_free(&two);
    return result;
}
