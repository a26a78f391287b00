/* save.c - verified messages as files. */
#include "common/agent/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"

#define NAME_BYTES 160 /* from-, an id, two numbers of up to 20 digits, 8 hex digits, ending */

struct save {
    char folder[PATH_MAX];
    int fd;
    int dirty; /* names that are not synced yet */
};

static int err_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL : ERR_SYS;
}

int save_open(struct save **out, const char *folder, char *why, size_t why_len)
{
    struct save *s;

    *out = NULL;
    if (strlen(folder) > PATH_MAX - NAME_BYTES)
        return say(why, why_len, ERR_TOO_LARGE, "--inbox: the folder's name is too long");
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return say(why, why_len, err_of_errno(), "%s: %s", folder, strerror(errno));
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return say(why, why_len, ERR_NOMEM, "out of memory");
    text_copy(s->folder, sizeof(s->folder), folder);
    s->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->fd < 0 || faccessat(s->fd, ".", W_OK | X_OK, 0) != 0) {
        say(why, why_len, 0, "%s: %s; --inbox needs a folder that can be written", folder,
            strerror(errno));
        save_close(s);
        return ERR_SYS;
    }
    *out = s;
    return 0;
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_of_errno();
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_file(struct save *s, const char *name, const struct blob *content)
{
    char temporary[NAME_BYTES + 8];
    int err, fd;

    (void)snprintf(temporary, sizeof(temporary), ".%s.tmp", name);
    fd = openat(s->fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_of_errno();
    err = write_all(fd, content->p, content->len);
    if (err == 0 && fsync(fd) != 0)
        err = err_of_errno();
    if (close(fd) != 0 && err == 0)
        err = err_of_errno();
    if (err == 0 && renameat(s->fd, temporary, s->fd, name) != 0)
        err = err_of_errno();
    if (err != 0)
        (void)unlinkat(s->fd, temporary, 0);
    s->dirty = 1;
    return err;
}

int save_files(struct save *s, struct inbox_record *r, const struct blob *message,
               const struct blob *image)
{
    char stem[NAME_BYTES - 8], name[NAME_BYTES], session[2 * 4 + 1];
    int err;

    text_hex(session, r->session, 4);
    (void)snprintf(stem, sizeof(stem), "from-%s-%010llu-%s-%010llu", r->peer,
                   (unsigned long long)r->seq, session, (unsigned long long)r->index);
    (void)snprintf(name, sizeof(name), "%s.msg", stem);
    err = write_file(s, name, message);
    if (err != 0 || image->len == 0)
        return err;
    (void)snprintf(name, sizeof(name), "%s.pgm", stem);
    err = write_file(s, name, image);
    if (err == 0 &&
        snprintf(r->stego, sizeof(r->stego), "%s/%s", s->folder, name) >= (int)sizeof(r->stego))
        err = ERR_TOO_LARGE;
    return err;
}

int save_sync(struct save *s)
{
    if (s == NULL || !s->dirty)
        return 0;
    if (fsync(s->fd) != 0)
        return err_of_errno();
    s->dirty = 0;
    return 0;
}

void save_close(struct save *s)
{
    if (s == NULL)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}
