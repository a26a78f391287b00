/* keybuf.c - key material of variable length. */
#include "common/keybuf.h"

#include <string.h>

#include <sodium.h>

void keybuf_set(struct keybuf *k, const void *p, size_t len)
{
    keybuf_wipe(k);
    keybuf_append(k, p, len);
}

void keybuf_append(struct keybuf *k, const void *p, size_t len)
{
    if (len > KEYBUF_MAX - k->len) {
        keybuf_wipe(k);
    } else if (len > 0) {
        memcpy(k->b + k->len, p, len);
        k->len += len;
    }
}

struct blob keybuf_blob(const struct keybuf *k)
{
    return (struct blob){k->b, k->len};
}

int keybuf_equal(const struct keybuf *a, const struct keybuf *b)
{
    return a->len == b->len && sodium_memcmp(a->b, b->b, a->len) == 0;
}

void keybuf_wipe(struct keybuf *k)
{
    sodium_memzero(k, sizeof(*k));
}
