/* cover.c - loading covers. */
#include "common/agent/cover.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/agent/options.h"
#include "common/err.h"
#include "common/image.h"
#include "common/pgm.h"

static int check(const struct image *img, const char *path, enum stego_code code, size_t bits,
                 char *why, size_t cap)
{
    unsigned w = (unsigned)img->width, h = (unsigned)img->height;
    unsigned side = stego_min_side(bits, code);

    if (img->width > IMAGE_SIDE_MAX || img->height > IMAGE_SIDE_MAX)
        return say(why, cap, ERR_TOO_LARGE,
                   "cover %s has %dx%d pixels; at most %dx%d travel: scale it down", path,
                   img->width, img->height, IMAGE_SIDE_MAX, IMAGE_SIDE_MAX);
    if (img->width < IMAGE_SIDE_MIN || img->height < IMAGE_SIDE_MIN ||
        stego_capacity(w, h) < bits)
        return say(why, cap, ERR_TOO_SMALL,
                   "cover %s has %dx%d pixels, too few for %zu hidden bits; the smallest square "
                   "that works is %ux%u",
                   path, img->width, img->height, bits, side, side);
    if (stego_is_flat(img->pixels, w, h))
        return say(why, cap, ERR_FLAT,
                   "cover %s is flat: most of it is one tone, so changes would show; use a "
                   "photograph with texture",
                   path);
    return 0;
}

int cover_load(struct out_bytes *pgm, const char *path, enum stego_code code, size_t bits,
               char *why, size_t cap)
{
    struct image img = {0}, grey = {0};
    int err = image_load(&img, path, why, cap);

    memset(pgm, 0, sizeof(*pgm));
    if (err != 0)
        return err;
    err = image_to_grey(&img, &grey);
    image_free(&img);
    if (err != 0)
        return say(why, cap, err, "cover %s: %s", path, err_str(err));
    err = check(&grey, path, code, bits, why, cap);
    if (err == 0) {
        size_t room = PGM_HEADER_MAX + image_pixels(&grey);

        pgm->p = malloc(room);
        err = pgm->p == NULL ? ERR_NOMEM
                             : pgm_write(pgm->p, room, &pgm->len, (unsigned)grey.width,
                                         (unsigned)grey.height, grey.pixels);
        if (err != 0)
            say(why, cap, err, "cover %s: %s", path, err_str(err));
    }
    image_free(&grey);
    return err;
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

int cover_set_load(struct cover_set *set, const char *folder, enum stego_code code, size_t bits,
                   char *why, size_t cap)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, is_visible, alphasort);
    char path[PATH_MAX], reason[WHY_MAX];

    memset(set, 0, sizeof(*set));
    if (n < 0)
        return say(why, cap, ERR_SYS, "--covers %s: %s; give a folder of images", folder,
                   strerror(errno));
    set->v = calloc((size_t)n + 1, sizeof(*set->v));
    for (int i = 0; i < n; i++) {
        if (set->v != NULL &&
            (size_t)snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name) <
                sizeof(path)) {
            if (cover_load(&set->v[set->n], path, code, bits, reason, sizeof(reason)) == 0)
                set->n++;
            else
                fprintf(stderr, "%s: left out: %s\n", options_program(), reason);
        }
        free(names[i]);
    }
    free(names);
    if (set->v == NULL)
        return say(why, cap, ERR_NOMEM, "out of memory");
    if (set->n == 0)
        return say(why, cap, ERR_NOTFOUND, "--covers %s holds no usable cover", folder);
    return 0;
}

void cover_set_free(struct cover_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        free(set->v[i].p);
    free(set->v);
    memset(set, 0, sizeof(*set));
}
