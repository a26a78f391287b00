/* set_fixture.h - messages of "alice" to a set, made from the keys of their members. For tests. */
#ifndef INKPOST_TESTS_UNIT_SET_FIXTURE_H
#define INKPOST_TESTS_UNIT_SET_FIXTURE_H

#include "common/set.h"

#define SFX_SIDE 64 /* pixels, of the cover */

struct sfx_common {
    uint8_t secret[KEY_BYTES];
    uint8_t *body; /* malloc'd */
    size_t len;
    uint8_t digest[DIGEST_BYTES];
};

/* A member's message key by number; of `sealed`, with its first suite. */
struct keybuf sfx_key(uint8_t profile, uint32_t number);

/* The common part of a message, under a fresh secret, or the one that c has if `keep`. */
void sfx_make(struct sfx_common *c, uint8_t profile, const char *text, int keep);
void sfx_free(struct sfx_common *c);

/* The header of a member's part: session by number. */
struct msg_set_member sfx_header(const char *to, uint32_t number, uint64_t index);
/* The same with the secret of c in it, for who has the key. */
struct msg_set_member sfx_member(const char *to, uint32_t number, uint64_t index,
                                 const struct keybuf *key, const struct sfx_common *c);
/* A PACKAGE_SHARED body, malloc'd. */
uint8_t *sfx_join(const struct msg_set_member *m, const struct sfx_common *c, size_t *len);

#endif
