/* folder.c - private folders and their locks. */
#include "common/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/text.h"

int folder_check(const char *dir, const char *make, char *why, size_t cap)
{
    struct stat st;

    if (stat(dir, &st) != 0) {
        if (errno == ENOENT)
            return say(why, cap, ERR_NOTFOUND, "home %s does not exist; make it with: %s --home %s",
                       dir, make, dir);
        return say(why, cap, ERR_SYS, "home %s: %s", dir, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode))
        return say(why, cap, ERR_SYS, "home %s is not a folder", dir);
    if (st.st_uid != geteuid())
        return say(why, cap, ERR_PERMS,
                   "home %s belongs to another user; run this program as its owner", dir);
    if ((st.st_mode & 077) != 0)
        return say(why, cap, ERR_PERMS,
                   "home %s may be read by others, and a home holds keys; if it is the right "
                   "folder, close it with: chmod 700 %s",
                   dir, dir);
    return 0;
}

int folder_lock(int *fd, const char *path, const char *who, char *why, size_t cap)
{
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return say(why, cap, ERR_SYS, "%s: %s", path, strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return say(why, cap, ERR_LOCKED, "%s: in use by another %s; stop that one first", path,
                   who);
    return say(why, cap, ERR_SYS, "%s: %s", path, strerror(errno));
}
