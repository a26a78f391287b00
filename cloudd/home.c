/* home.c - the cloud's folder: created, checked, locked. */
#include "cloudd/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "common/err.h"
#include "common/folder.h"
#include "common/kdf.h"
#include "common/secret.h"
#include "common/text.h"

#define HOME_VERSION "1\n"

static void home_zero(struct cloud_home *h)
{
    memset(h, 0, sizeof(*h));
    h->lock_fd = -1;
}

int cloud_home_path(const struct cloud_home *h, const char *name, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/%s", h->dir, name);

    return n > 0 && n < PATH_MAX ? 0 : ERR_TOO_LARGE;
}

static int set_dir(struct cloud_home *h, const char *dir, char *why, size_t why_len)
{
    if (strlen(dir) == 0 || strlen(dir) > PATH_MAX - 32)
        return say(why, why_len, ERR_ARG, "--home: the name is empty or too long");
    text_copy(h->dir, sizeof(h->dir), dir);
    return 0;
}

static int take_secrets(struct cloud_home *h, char *why, size_t why_len)
{
    h->secrets = secret_alloc(sizeof(*h->secrets));
    if (h->secrets == NULL)
        return say(why, why_len, ERR_NOMEM,
                   "no locked memory for the key; raise the limit with: ulimit -l 65536");
    memset(h->secrets, 0, sizeof(*h->secrets));
    return 0;
}

static int derive_secrets(struct cloud_home *h, char *why, size_t why_len)
{
    struct cloud_secrets *s = h->secrets;

    if (crypto_scalarmult_base(s->key.public_key, s->key.secret_key) != 0)
        return say(why, why_len, ERR_MALFORMED, "%s/cloud.key is damaged", h->dir);
    kdf_derive(s->scan_key, sizeof(s->scan_key), s->key.secret_key, "inkpost scan digest key", NULL,
               0);
    return 0;
}

static int read_key(struct cloud_home *h, char *why, size_t why_len)
{
    char path[PATH_MAX];
    int err = cloud_home_path(h, "cloud.key", path);

    if (err == 0)
        err = secret_read_file(path, h->secrets->key.secret_key, NOISE_KEY_BYTES);
    if (err == ERR_PERMS)
        return say(why, why_len, err,
                   "%s may be read by others, or is not ours; close it with: "
                   "chmod 600 %s",
                   path, path);
    if (err == ERR_MALFORMED)
        return say(why, why_len, err,
                   "%s is damaged: it should have 32 bytes; restore it from a "
                   "backup",
                   path);
    if (err == ERR_NOTFOUND)
        return say(why, why_len, err, "%s is missing; restore it from a backup", path);
    if (err != 0)
        return say(why, why_len, err, "%s: %s", path,
                   err == ERR_SYS ? strerror(errno) : err_str(err));
    return derive_secrets(h, why, why_len);
}

static int make_key(struct cloud_home *h, char *why, size_t why_len)
{
    char path[PATH_MAX];
    int err = cloud_home_path(h, "cloud.key", path);

    noise_keypair_new(&h->secrets->key);
    if (err == 0)
        err = secret_write_file(path, h->secrets->key.secret_key, NOISE_KEY_BYTES);
    if (err != 0)
        return say(why, why_len, err, "%s: %s", path, strerror(errno));
    return derive_secrets(h, why, why_len);
}

/* ERR_NOTFOUND when there is no version file: the home was never finished. */
static int read_version(const struct cloud_home *h, char *why, size_t why_len)
{
    char path[PATH_MAX], text[16] = "";
    ssize_t n;
    int fd;

    if (cloud_home_path(h, "version", path) != 0)
        return ERR_TOO_LARGE;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return say(why, why_len, ERR_NOTFOUND,
                   "%s is not a cloud's home; make one with: cloudd init --home %s", h->dir,
                   h->dir);
    if (fd < 0)
        return say(why, why_len, ERR_SYS, "%s: %s", path, strerror(errno));
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0 || strcmp(text, HOME_VERSION) != 0)
        return say(why, why_len, ERR_VERSION,
                   "%s was made by another version of cloudd; use the release that made it or a "
                   "newer one",
                   h->dir);
    return 0;
}

int cloud_home_init(struct cloud_home *h, const char *dir, char *why, size_t why_len)
{
    int err;

    home_zero(h);
    err = set_dir(h, dir, why, why_len);
    if (err == 0 && mkdir(h->dir, 0700) != 0 && errno != EEXIST)
        err = say(why, why_len, ERR_SYS, "%s: %s", h->dir, strerror(errno));
    if (err == 0)
        err = folder_check(h->dir, "cloudd init", why, why_len);
    if (err != 0)
        return err;
    err = read_version(h, why, why_len);
    if (err == 0 || err == ERR_VERSION)
        return say(why, why_len, ERR_EXISTS, "%s is a cloud's home already; choose another folder",
                   h->dir);
    if (err != ERR_NOTFOUND)
        return err;
    err = take_secrets(h, why, why_len);
    if (err == 0)
        err = read_key(h, why, why_len);
    if (err == ERR_NOTFOUND)
        err = make_key(h, why, why_len);
    return err;
}

int cloud_home_finish(const struct cloud_home *h, char *why, size_t why_len)
{
    char path[PATH_MAX];
    int err = cloud_home_path(h, "version", path);

    if (err == 0)
        err = secret_write_file(path, HOME_VERSION, sizeof(HOME_VERSION) - 1);
    return err == 0 ? 0 : say(why, why_len, err, "%s: %s", path, strerror(errno));
}

int cloud_home_open(struct cloud_home *h, const char *dir, char *why, size_t why_len)
{
    int err;

    home_zero(h);
    err = set_dir(h, dir, why, why_len);
    if (err == 0)
        err = folder_check(h->dir, "cloudd init", why, why_len);
    if (err == 0)
        err = read_version(h, why, why_len);
    if (err == 0)
        err = take_secrets(h, why, why_len);
    if (err == 0)
        err = read_key(h, why, why_len);
    return err;
}

int cloud_home_lock(struct cloud_home *h, char *why, size_t why_len)
{
    char path[PATH_MAX];
    int err = cloud_home_path(h, "run.lock", path);

    if (err != 0)
        return err;
    return folder_lock(&h->lock_fd, path, "cloudd run", why, why_len);
}

void cloud_home_close(struct cloud_home *h)
{
    secret_free(h->secrets);
    h->secrets = NULL;
    if (h->lock_fd >= 0)
        close(h->lock_fd);
    h->lock_fd = -1;
}
