/*
 * keep_synced.c - preloaded into a device's program: of state.db and its log, what was synced last
 * is kept in the folder KEEP_SYNCED. That is what a power cut leaves. Built by power_cuts.py.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd);
int fsync(int fd);

/* Through the descriptor that SQLite has: to close another one would drop its locks. */
static int copy(int fd, const char *to)
{
    static char block[1 << 16];
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    off_t at = 0;
    ssize_t n = -1;

    while (out >= 0 && (n = pread(fd, block, sizeof(block), at)) > 0) {
        if (write(out, block, (size_t)n) != n)
            break;
        at += n;
    }
    if (out >= 0)
        close(out);
    return n == 0 ? 0 : -1;
}

/* A copy is there as a whole or not at all: the program may be killed at any instant. */
static void keep(int fd)
{
    const char *folder = getenv("KEEP_SYNCED"), *name;
    char link[64], path[PATH_MAX], to[2 * PATH_MAX], part[2 * PATH_MAX];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    if (folder == NULL || n <= 0)
        return;
    path[n] = '\0';
    name = strrchr(path, '/');
    if (name == NULL || (strcmp(name, "/state.db") != 0 && strcmp(name, "/state.db-wal") != 0))
        return;
    snprintf(to, sizeof(to), "%s%s", folder, name);
    snprintf(part, sizeof(part), "%s%s.part", folder, name);
    if (copy(fd, part) != 0 || rename(part, to) != 0)
        abort();
}

int fdatasync(int fd)
{
    int rc = (int)syscall(SYS_fdatasync, fd);

    if (rc == 0)
        keep(fd);
    return rc;
}

int fsync(int fd)
{
    int rc = (int)syscall(SYS_fsync, fd);

    if (rc == 0)
        keep(fd);
    return rc;
}
