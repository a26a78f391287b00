/*
 * home.h - the cloud's folder.
 *
 *   version    "1\n", written last by init
 *   cloud.key  the X25519 secret key, 32 bytes, mode 0600
 *   cloud.db   the store
 *   run.lock   held while `cloudd run` is running
 *
 * The folder is created 0700; one that others may enter or read is refused.
 */
#ifndef INKPOST_CLOUDD_HOME_H
#define INKPOST_CLOUDD_HOME_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "common/noise.h"

#define WHY_MAX 1024 /* room for a sentence that says what is wrong and what to do */

/* The cloud's secrets, in guarded memory. */
struct cloud_secrets {
    struct noise_keypair key;
    uint8_t scan_key[NOISE_KEY_BYTES]; /* for the digest that finds a scan enrolled twice */
};

struct cloud_home {
    char dir[PATH_MAX];
    struct cloud_secrets *secrets;
    int lock_fd; /* -1 when not locked */
};

/* Make the folder and the key, or finish what an interrupted init began. `why` gets a sentence for
 * people, here and below. ERR_EXISTS when it is a cloud's home already, ERR_PERMS, ERR_SYS. */
int cloud_home_init(struct cloud_home *h, const char *dir, char *why, size_t why_len);
/* Write the version file: from now on the folder is a cloud's home. */
int cloud_home_finish(const struct cloud_home *h, char *why, size_t why_len);

/* Open a home that init has made. ERR_NOTFOUND, ERR_PERMS, ERR_VERSION, ERR_MALFORMED, ERR_SYS. */
int cloud_home_open(struct cloud_home *h, const char *dir, char *why, size_t why_len);
/* Take the lock of `run`. ERR_LOCKED when another one is running. */
int cloud_home_lock(struct cloud_home *h, char *why, size_t why_len);

/* DIR/name; ERR_TOO_LARGE when that is no path. */
int cloud_home_path(const struct cloud_home *h, const char *name, char out[PATH_MAX]);

/* Wipe, unlock, free. A home whose opening failed is fine. */
void cloud_home_close(struct cloud_home *h);

#endif
