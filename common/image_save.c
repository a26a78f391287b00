/* image_save.c - writes PNG (through stb) and PGM files, each in one step under its final name. */
#include "common/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <stb/stb_image_write.h>

#include "common/err.h"

/* A file on its way: written as temp, then renamed to path. */
struct pending {
    const char *path;
    char *temp;
    FILE *file;
    bool failed; /* a write fell short; errno says why */
};

static int pending_open(struct pending *f, const char *path)
{
    int fd;

    *f = (struct pending){.path = path};
    if (asprintf(&f->temp, "%s.%ld.tmp", path, (long)getpid()) < 0) {
        f->temp = NULL;
        return ERR_NOMEM;
    }
    /* what a crashed process of the same number left behind */
    unlink(f->temp);
    fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return ERR_SYS;
    f->file = fdopen(fd, "wb");
    if (!f->file) {
        close(fd);
        unlink(f->temp);
        return ERR_SYS;
    }
    return 0;
}

static void pending_write(void *context, void *data, int size)
{
    struct pending *f = context;

    if (!f->failed && fwrite(data, 1, (size_t)size, f->file) != (size_t)size)
        f->failed = true;
}

/* Finish: rename into place when rc is 0 and all was written, else remove. Frees *f. */
static int pending_close(struct pending *f, int rc)
{
    int saved;

    if (f->file) {
        if (rc == 0 && (f->failed || fflush(f->file) != 0 || fsync(fileno(f->file)) != 0))
            rc = ERR_SYS;
        saved = errno;
        if (fclose(f->file) != 0 && rc == 0)
            rc = ERR_SYS;
        else
            errno = saved;
        if (rc == 0 && rename(f->temp, f->path) != 0)
            rc = ERR_SYS;
        saved = errno;
        if (rc != 0)
            unlink(f->temp);
        errno = saved;
    }
    free(f->temp);
    return rc;
}

int image_save_png(const char *path, const struct image *img)
{
    struct pending f;
    int rc;

    if (!img->pixels || (img->channels != 1 && img->channels != 3))
        return ERR_ARG;
    rc = pending_open(&f, path);
    if (rc == 0 && !stbi_write_png_to_func(pending_write, &f, img->width, img->height,
                                           img->channels, img->pixels, img->width * img->channels))
        rc = ERR_NOMEM;
    return pending_close(&f, rc);
}

int image_save_pgm(const char *path, const struct image *img)
{
    struct pending f;
    int rc;

    if (!img->pixels || img->channels != 1)
        return ERR_ARG;
    rc = pending_open(&f, path);
    if (rc == 0) {
        if (fprintf(f.file, "P5\n%d %d\n255\n", img->width, img->height) < 0)
            f.failed = true;
        pending_write(&f, img->pixels, img->width * img->height);
    }
    return pending_close(&f, rc);
}

int image_save(const char *path, const struct image *img)
{
    const char *ending = strrchr(path, '.');

    if (ending && strcasecmp(ending, ".png") == 0)
        return image_save_png(path, img);
    if (ending && strcasecmp(ending, ".pgm") == 0)
        return image_save_pgm(path, img);
    return ERR_FORMAT;
}
