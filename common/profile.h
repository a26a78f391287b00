/*
 * profile.h - the profiles: each a complete way to protect a message, one row and one module each.
 *
 * A row says what travels hidden in the cover and how it is made and checked. Everything else
 * (sessions, delivery, storage) works on rows and never asks for a profile by name.
 */
#ifndef INKPOST_COMMON_PROFILE_H
#define INKPOST_COMMON_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/msg.h"

enum profile_id { PROFILE_AUTH = 1 };

struct profile {
    uint8_t id;
    const char *name;
    int research;      /* refused unless --allow-research */
    size_t hidden_bits; /* payload in the cover: tag and nonce */
    /*
     * Hide the proof of m (a PACKAGE whose header and message are filled in) in the grey pixels,
     * m->u.package.width by height, in place. ERR_TOO_SMALL when the cover cannot take it.
     */
    int (*protect)(const uint8_t seed[KEY_BYTES], const struct msg *m, uint8_t *pixels);
    /* Extract and compare in constant time: 0 or ERR_AUTH; ERR_TOO_SMALL as above. */
    int (*verify)(const uint8_t seed[KEY_BYTES], const struct msg *m, const uint8_t *pixels);
};

extern const struct profile profiles[];
extern const size_t profile_count;

/* NULL when there is none. */
const struct profile *profile_find(uint8_t id);
const struct profile *profile_by_name(const char *name);

/* profile_auth.c: 128-bit keyed BLAKE2b tag and 64-bit nonce by double-stegging. */
int profile_auth_protect(const uint8_t seed[KEY_BYTES], const struct msg *m, uint8_t *pixels);
int profile_auth_verify(const uint8_t seed[KEY_BYTES], const struct msg *m, const uint8_t *pixels);

#endif
