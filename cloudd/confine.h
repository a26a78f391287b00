/*
 * confine.h - a fence around the running cloud, for the case that somebody breaks into it: of the
 * file system it reaches its home only (Landlock), and of the kernel only the system calls that
 * serving takes (seccomp). Linux only.
 *
 * The fence for files holds for the calling thread and those that it starts, so it comes before the
 * store's thread. The one for calls is put around all threads, when all of them are running: from
 * then on none can be started, no program, and no socket opened.
 */
#ifndef INKPOST_CLOUDD_CONFINE_H
#define INKPOST_CLOUDD_CONFINE_H

#include <stddef.h>

struct confine {
    int landlock;   /* the version of Landlock in force, 0: none */
    unsigned calls; /* system calls that are allowed, 0: all */
};

/* 1 in a build with a sanitizer, whose runtime needs what is forbidden here: then both functions
 * below do nothing and return 0. */
int confine_is_built_out(void);

/*
 * No file but those in `home` (a folder) from now on, and no connection to another host. Files that
 * are open stay so. Without Landlock in the kernel it returns 0 and leaves c->landlock at 0. No new
 * privileges must hold. ERR_SYS with a sentence in why.
 */
int confine_files(struct confine *c, const char *home, char *why, size_t why_len);

/*
 * No system call but those of the list, in all threads; any other one ends the process (SIGSYS).
 * With `explain` its number is written to stderr first. ERR_SYS with a sentence in why.
 */
int confine_calls(struct confine *c, int explain, char *why, size_t why_len);

/* One line in the log: what holds. */
void confine_report(const struct confine *c, const char *user);

#endif
