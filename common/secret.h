/*
 * secret.h - where secrets live: a process that leaves no core dump, guarded memory for long-lived
 * keys, and files that only their owner can read.
 */
#ifndef INKPOST_COMMON_SECRET_H
#define INKPOST_COMMON_SECRET_H

#include <stddef.h>
#include <stdint.h>

/*
 * First call of every program, before any thread: keeps the numbers of standard streams that are
 * closed from other files, starts libsodium, forbids core dumps (also those piped to a collector)
 * and attaching by other processes of the same user, sets umask 077. ERR_SYS when the system
 * refuses one of them. May be repeated.
 */
int secret_process_init(void);

/*
 * len bytes between guard pages, locked in memory and kept out of core dumps; filled with 0xdb.
 * Costs about 8 KiB apiece whatever len is, so it is for few, long-lived secrets; connections use
 * slab.h. Returns NULL when memory is short or cannot be locked (RLIMIT_MEMLOCK), which the caller
 * reports as ERR_NOMEM. Free with secret_free.
 */
void *secret_alloc(size_t len);

/* Wipe, unlock and free. NULL is allowed. */
void secret_free(void *p);

/*
 * Replace the file at path by these bytes, mode 0600, so that after a crash it holds either the old
 * content or the new, whole: temporary file path.tmp in the same folder, fsync, rename, fsync of
 * the folder. When it returns 0 the bytes are on disk. One writer at a time. ERR_FULL for a full
 * disk or quota, else ERR_SYS (errno says why); the old file is then still in place.
 */
int secret_write_file(const char *path, const void *bytes, size_t len);

/*
 * Read exactly len bytes. ERR_NOTFOUND when it is not there; ERR_PERMS when group or others have
 * any right to it, it is not ours, or it is a symbolic link; ERR_MALFORMED when it is not a regular
 * file or has another length; ERR_SYS. out is wiped on error.
 */
int secret_read_file(const char *path, void *out, size_t len);

#endif
