/*
 * privileges.h - what `cloudd` was given at its start, and gives up: the user root, supplementary
 * groups, capabilities, and the way to get any of them back.
 */
#ifndef INKPOST_CLOUDD_PRIVILEGES_H
#define INKPOST_CLOUDD_PRIVILEGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define USER_NAME_MAX 255

/* Whom to run as. */
struct privileges {
    uid_t uid;
    gid_t gid;
    int change;                   /* we are root and shall become someone else */
    char name[USER_NAME_MAX + 1]; /* for the log; the number where the system has no name */
};

/*
 * Find out whom to run as: `user`, or when that is NULL and we are root, the owner of `home`, else
 * who we are. Changes nothing. A sentence in why with ERR_NOTFOUND (no such user) or ERR_PERMS (not
 * root, or the home belongs to someone else than `user`). A home that is not there is no error
 * here: opening it says more.
 */
int privileges_find(struct privileges *p, const char *user, const char *home, char *why,
                    size_t why_len);

/* Allow as many open files and as much locked memory as `connections` at a time want, as far as
 * the system permits; root raises its own limits. Warns in the log when it is not enough. */
void privileges_limits(uint64_t connections);

/*
 * Become p for good: no supplementary groups, no capability in any set, no new privileges by
 * exec(2). Before any thread is started, and after privileged ports are bound. ERR_SYS with a
 * sentence in why when anything is refused or could be undone: the caller must not go on.
 */
int privileges_drop(const struct privileges *p, char *why, size_t why_len);

#endif
