/*
 * store_reserve.c - room set aside for deleting. A receipt frees space in the database file, but to
 * say so it first needs a little in the log, and moving the log into the file may need as much as
 * the log holds. So a file of that size lies beside the database while the disk has room. On a full
 * disk it is removed for the sake of receipts and deletes; until it can be made again, what would
 * grow the file is refused.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloudd/store_sqlite.h"

/* More than the log may hold: 1,000 pages at which it is moved, and twice the largest batch. */
#define RESERVE_BYTES (16 << 20)

static char *reserve_path(const char *path)
{
    char *p = NULL;

    return asprintf(&p, "%s-reserve", path) < 0 ? NULL : p;
}

int store_reserve_present(const char *path)
{
    char *name = reserve_path(path);
    struct stat st;
    int there = name != NULL && stat(name, &st) == 0 && st.st_size >= RESERVE_BYTES;

    free(name);
    return there;
}

int store_reserve_make(const char *path)
{
    char *name;
    int fd, made = 0;

    if (store_reserve_present(path))
        return 1;
    name = reserve_path(path);
    if (name == NULL)
        return 0;
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        made = posix_fallocate(fd, 0, RESERVE_BYTES) == 0;
        close(fd);
        /* Half a reserve would only take the space that is needed now. */
        if (!made)
            unlink(name);
    }
    free(name);
    return made;
}

void store_reserve_release(const char *path)
{
    char *name = reserve_path(path);

    if (name != NULL)
        unlink(name);
    free(name);
}
