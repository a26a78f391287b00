/*
 * home.h - a device's folder: its key, who it is, which cloud it belongs to, and one lock a role.
 *
 *   device.key     64 bytes: X25519 secret key, then the share `dev` given at enrolment
 *   device.conf    text: version, id, cloud, cloud key, enrolment number, suites; no secrets
 *   state.db       sessions, outbox, inbox, peers (state.h)
 *   *.lock         held while a program runs in that role
 */
#ifndef INKPOST_AGENT_HOME_H
#define INKPOST_AGENT_HOME_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "common/noise.h"
#include "common/text.h"
#include "proto/msg.h"

#define WHY_MAX 1024 /* room for a sentence that says what is wrong and what to do */

/* What a home holds of secrets, in guarded memory. */
struct home_secrets {
    struct noise_keypair key;
    uint8_t dev[KEY_BYTES]; /* the device's share of every pair key */
};

struct home {
    char dir[PATH_MAX];
    char id[ID_MAX + 1]; /* empty until enrolled */
    char host[HOST_MAX + 1];
    uint16_t port;
    uint8_t cloud_key[KEY_BYTES];
    uint64_t enrolment;
    struct list suites; /* the device's set, best first; empty: all that its processor has */
    struct home_secrets *secrets;
    int lock_fd;
    int unsaved; /* host, port or suites are not those of device.conf */
};

/*
 * Make the folder (0700) with a fresh key for a device that is about to enrol, or take up one that
 * was made by an enrolment that did not finish; locks it. ERR_EXISTS when it holds an enrolled
 * device already. `why` gets a sentence for people, here and below.
 */
int home_prepare(struct home *h, const char *dir, char *why, size_t why_len);
/* Write device.conf: from now on the home is an enrolled device. */
int home_enrolled(const struct home *h, char *why, size_t why_len);

/*
 * Open an enrolled home and take the lock of the role; role 0 takes none (for `peers`).
 * ERR_NOTFOUND, ERR_PERMS, ERR_LOCKED, ERR_VERSION, ERR_MALFORMED, ERR_SYS.
 */
int home_open(struct home *h, const char *dir, enum conn_role role, char *why, size_t why_len);
/* Take another address of the cloud, to be remembered with home_save(). */
int home_set_cloud(struct home *h, const char *host_port, char *why, size_t why_len);
/* Take another set of suites (suite.h), as text or "all", to be remembered with home_save().
 * ERR_ARG also for one that this processor does not have. */
int home_set_suites(struct home *h, const char *text, char *why, size_t why_len);
/* Write to device.conf what was set since. */
int home_save(struct home *h, char *why, size_t why_len);
/* What the device offers of suites now: its set, less what this processor does not have. */
void home_suites(const struct home *h, struct list *l);
/* Free, wipe, unlock. A zeroed home is fine. */
void home_close(struct home *h);

/* Take the fields out of device.conf's text, which must have a NUL at conf[len] and is changed.
 * ERR_VERSION, ERR_MALFORMED. */
int home_parse(struct home *h, char *conf, size_t len, char *why, size_t why_len);

/* DIR/name into out. */
void home_path(const struct home *h, const char *name, char out[PATH_MAX]);

#endif
