/* secret.c - process hardening, guarded memory, and owner-only files that are replaced whole. */
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "common/err.h"

/* A standard stream that is closed would be the number of the next file or socket, which then got
 * what is printed. Something that cannot be used in its place keeps the number: errors stay. */
static int keep_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return ERR_SYS;
    return 0;
}

int secret_process_init(void)
{
    const struct rlimit none = {0, 0};

    if (keep_standard_streams() != 0 || sodium_init() < 0)
        return ERR_SYS;
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return ERR_SYS;
    umask(077);
    return 0;
}

void *secret_alloc(size_t len)
{
    void *p = sodium_malloc(len);

    /* sodium_malloc tries to lock and does not tell when it could not. */
    if (p != NULL && sodium_mlock(p, len) != 0) {
        sodium_free(p);
        p = NULL;
    }
    return p;
}

void secret_free(void *p)
{
    sodium_free(p);
}

static int sys_error(void)
{
    return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_SYS;
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sys_error();
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Close fd, keeping the errno and the code of an earlier error. */
static int close_after(int fd, int rc)
{
    int saved = errno;

    if (close(fd) != 0 && rc == 0)
        return sys_error();
    if (rc != 0)
        errno = saved;
    return rc;
}

static int write_temporary(const char *tmp, const void *bytes, size_t len)
{
    int fd, rc;

    /* What a crash left behind; O_EXCL then makes sure that nobody put a link there meanwhile. */
    if (unlink(tmp) != 0 && errno != ENOENT)
        return sys_error();
    fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return sys_error();
    rc = write_all(fd, bytes, len);
    if (rc == 0 && fsync(fd) != 0)
        rc = sys_error();
    return close_after(fd, rc);
}

/* A rename is durable only once its folder is synced. */
static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd, n, rc = 0;

    if (slash == NULL)
        n = snprintf(folder, sizeof folder, ".");
    else
        n = snprintf(folder, sizeof folder, "%.*s/", (int)(slash - path), path);
    if (n < 0 || (size_t)n >= sizeof folder) {
        errno = ENAMETOOLONG;
        return ERR_SYS;
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sys_error();
    if (fsync(fd) != 0)
        rc = sys_error();
    return close_after(fd, rc);
}

int secret_write_file(const char *path, const void *bytes, size_t len)
{
    char tmp[PATH_MAX];
    int n = snprintf(tmp, sizeof tmp, "%s.tmp", path);
    int rc, saved;

    if (n < 0 || (size_t)n >= sizeof tmp) {
        errno = ENAMETOOLONG;
        return ERR_SYS;
    }
    rc = write_temporary(tmp, bytes, len);
    if (rc == 0 && rename(tmp, path) != 0)
        rc = sys_error();
    if (rc == 0)
        return sync_folder(path);
    saved = errno;
    unlink(tmp);
    errno = saved;
    return rc;
}

static int check_file(int fd, size_t len)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return ERR_SYS;
    if (!S_ISREG(st.st_mode))
        return ERR_MALFORMED;
    if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return ERR_PERMS;
    return st.st_size >= 0 && (size_t)st.st_size == len ? 0 : ERR_MALFORMED;
}

static int read_all(int fd, uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_SYS;
        if (n == 0)
            return ERR_MALFORMED;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int secret_read_file(const char *path, void *out, size_t len)
{
    /* O_NONBLOCK: a FIFO under this name must not hang us before check_file refuses it. */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int rc;

    if (fd < 0) {
        sodium_memzero(out, len);
        if (errno == ENOENT)
            return ERR_NOTFOUND;
        return errno == ELOOP || errno == EACCES ? ERR_PERMS : ERR_SYS;
    }
    rc = check_file(fd, len);
    if (rc == 0)
        rc = read_all(fd, out, len);
    if (rc != 0)
        sodium_memzero(out, len);
    return close_after(fd, rc);
}
