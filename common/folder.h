/*
 * folder.h - the folder of a program's keys and state: private to its owner, one program at a time.
 */
#ifndef INKPOST_COMMON_FOLDER_H
#define INKPOST_COMMON_FOLDER_H

#include <stddef.h>

/*
 * Is dir a folder of ours that nobody else may enter? make: the command that would make it, for the
 * sentence in `why`. ERR_NOTFOUND, ERR_PERMS, ERR_SYS.
 */
int folder_check(const char *dir, const char *make, char *why, size_t why_len);

/*
 * Take the lock file at path for as long as this process lives and *fd is open; the system lets go
 * of it even after kill -9. who: the program that would hold it, for the sentence. ERR_LOCKED,
 * ERR_SYS.
 */
int folder_lock(int *fd, const char *path, const char *who, char *why, size_t why_len);

#endif
