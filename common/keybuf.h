/*
 * keybuf.h - key material of variable length: a slice of Rv, the state of a session, the key of one
 * message. Each profile knows what its own hold; everybody else only carries and wipes them.
 */
#ifndef INKPOST_COMMON_KEYBUF_H
#define INKPOST_COMMON_KEYBUF_H

#include <stddef.h>
#include <stdint.h>

#include "proto/rbuf.h"

#define KEYBUF_MAX 192

struct keybuf {
    size_t len; /* not a secret */
    uint8_t b[KEYBUF_MAX];
};

/* Hold a copy of len bytes; what is above KEYBUF_MAX is no key of ours and leaves it empty. */
void keybuf_set(struct keybuf *k, const void *p, size_t len);
void keybuf_append(struct keybuf *k, const void *p, size_t len);
/* Lend the bytes. */
struct blob keybuf_blob(const struct keybuf *k);
/* The same length and, in constant time, the same bytes. */
int keybuf_equal(const struct keybuf *a, const struct keybuf *b);
void keybuf_wipe(struct keybuf *k);

#endif
