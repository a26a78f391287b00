/* measure.c - ends, progress and scans of the programs behind scripts/reproduce. */
#include "tests/reproduce/measure.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>

#include "cloudd/pairing.h"
#include "common/err.h"

void die(const char *what)
{
    fprintf(stderr, "reproduce: %s\n", what);
    exit(1);
}

void must(int err)
{
    if (err != 0)
        die(err_str(err));
}

void *must_alloc(size_t n)
{
    void *p = calloc(1, n);

    if (p == NULL)
        die("no memory");
    return p;
}

double cpu_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void progress(const char *what, size_t done, size_t total)
{
    if (done == 0 || done == total || done * 10 / total != (done - 1) * 10 / total)
        fprintf(stderr, "%s %zu of %zu\n", what, done, total);
}

/* ---- scans ---- */

static int is_image(const struct dirent *e)
{
    const char *end = strrchr(e->d_name, '.');

    return e->d_name[0] != '.' && end != NULL &&
           (strcmp(end, ".png") == 0 || strcmp(end, ".pgm") == 0 || strcmp(end, ".jpg") == 0);
}

static void name_signer(char out[NAME_SIZE], const char *file)
{
    size_t n = 0;

    while (file[n] != '\0' && !isdigit((unsigned char)file[n]))
        n++;
    while (isdigit((unsigned char)file[n]))
        n++;
    snprintf(out, NAME_SIZE, "%.*s", (int)n, file);
}

/* 0 when the file shows no signature; it is named on stderr and left out. */
static int scan_load(struct scan *s, const char *folder, const char *file)
{
    char path[4096], why[IMAGE_WHY_MAX];
    struct image img = {0};
    int err;

    snprintf(path, sizeof(path), "%s/%s", folder, file);
    name_signer(s->signer, file);
    err = image_load(&img, path, why, sizeof(why));
    if (err == 0)
        err = image_to_grey(&img, &s->grey);
    if (err == 0)
        err = fx1_working_raster(&s->grey);
    if (err == 0)
        err = fx1_normalise(s->canvas, s->grey.pixels, s->grey.width, s->grey.height, 1);
    if (err != 0) {
        fprintf(stderr, "left out: %s: %s\n", file, err_str(err));
        image_free(&s->grey);
    }
    image_free(&img);
    return err == 0;
}

struct scan *scans_load(const char *folder, size_t *n)
{
    struct scan *scans = must_alloc(SCANS_MAX * sizeof(*scans));
    struct dirent **names = NULL;
    int found = scandir(folder, &names, is_image, alphasort), signers = 0;

    if (found < 0)
        die("cannot read the folder of signatures");
    *n = 0;
    for (int i = 0; i < found; i++) {
        if (*n < SCANS_MAX && scan_load(&scans[*n], folder, names[i]->d_name))
            ++*n;
        free(names[i]);
    }
    free(names);
    for (size_t i = 0; i < *n; i++)
        signers += i == 0 || strcmp(scans[i].signer, scans[i - 1].signer) != 0;
    if (signers < 2)
        die("the folder of signatures must hold scans of two signers");
    return scans;
}

void scans_free(struct scan *scans, size_t n)
{
    for (size_t i = 0; i < n; i++)
        image_free(&scans[i].grey);
    free(scans);
}

static void pair_make(struct pair_keys *k, const struct scan *a, const struct scan *b)
{
    uint8_t *shs = must_alloc(FX1_CANVAS);
    unsigned redrawn;

    fx1_union(shs, a->canvas, b->canvas);
    fx1_features(k->rv, shs);
    must(pairing_draw_slice(k, &k->shk, &redrawn));
    free(shs);
}

struct pair_keys *pairs_make(const struct scan *scans, size_t n, size_t *pairs)
{
    struct pair_keys *keys = must_alloc(n * n / 2 * sizeof(*keys));

    *pairs = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            if (strcmp(scans[i].signer, scans[j].signer) != 0)
                pair_make(&keys[(*pairs)++], &scans[i], &scans[j]);
        }
    }
    return keys;
}
