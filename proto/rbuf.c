/* rbuf.c - the read cursor. The length is compared with what is left and only then subtracted. */
#include "proto/rbuf.h"

#include <string.h>

#include "common/err.h"

void rbuf_init(struct rbuf *r, const void *p, size_t len)
{
    r->p = p;
    r->left = len;
}

static const uint8_t *take(struct rbuf *r, size_t len)
{
    const uint8_t *p = r->p;

    if (len > r->left)
        return NULL;
    if (len > 0)
        r->p += len;
    r->left -= len;
    return p;
}

static int read_be(struct rbuf *r, size_t len, uint64_t *v)
{
    const uint8_t *p;

    *v = 0;
    if (len > r->left)
        return ERR_MALFORMED;
    p = take(r, len);
    for (size_t i = 0; i < len; i++)
        *v = *v << 8 | p[i];
    return 0;
}

int rbuf_u8(struct rbuf *r, uint8_t *v)
{
    uint64_t x;
    int err = read_be(r, 1, &x);

    *v = (uint8_t)x;
    return err;
}

int rbuf_u16(struct rbuf *r, uint16_t *v)
{
    uint64_t x;
    int err = read_be(r, 2, &x);

    *v = (uint16_t)x;
    return err;
}

int rbuf_u32(struct rbuf *r, uint32_t *v)
{
    uint64_t x;
    int err = read_be(r, 4, &x);

    *v = (uint32_t)x;
    return err;
}

int rbuf_u64(struct rbuf *r, uint64_t *v)
{
    return read_be(r, 8, v);
}

int rbuf_bytes(struct rbuf *r, uint8_t *out, size_t len)
{
    memset(out, 0, len);
    if (len > r->left)
        return ERR_MALFORMED;
    if (len > 0)
        memcpy(out, take(r, len), len);
    return 0;
}

int rbuf_blob(struct rbuf *r, struct blob *b, size_t cap)
{
    struct rbuf at = *r;
    uint32_t len;

    memset(b, 0, sizeof(*b));
    if (rbuf_u32(&at, &len) != 0)
        return ERR_MALFORMED;
    if (len > cap)
        return ERR_TOO_LARGE;
    if (len > at.left)
        return ERR_MALFORMED;
    b->p = take(&at, len);
    b->len = len;
    *r = at;
    return 0;
}

int rbuf_id(struct rbuf *r, char id[ID_MAX + 1])
{
    struct rbuf at = *r;
    uint8_t len;

    memset(id, 0, ID_MAX + 1);
    if (rbuf_u8(&at, &len) != 0)
        return ERR_MALFORMED;
    if (len > ID_MAX)
        return ERR_TOO_LARGE;
    if (len > at.left || !id_is_valid((const char *)at.p, len))
        return ERR_MALFORMED;
    memcpy(id, take(&at, len), len);
    *r = at;
    return 0;
}

int rbuf_list(struct rbuf *r, struct list *l)
{
    struct rbuf at = *r;
    uint8_t n;

    memset(l, 0, sizeof(*l));
    if (rbuf_u8(&at, &n) != 0)
        return ERR_MALFORMED;
    if (n > LIST_MAX)
        return ERR_TOO_LARGE;
    if (n > at.left)
        return ERR_MALFORMED;
    if (n > 0)
        memcpy(l->v, take(&at, n), n);
    l->n = n;
    *r = at;
    return 0;
}

int rbuf_end(const struct rbuf *r)
{
    return r->left == 0 ? 0 : ERR_MALFORMED;
}

int id_is_valid(const char *id, size_t len)
{
    if (len < 1 || len > ID_MAX)
        return 0;
    for (size_t i = 0; i < len; i++) {
        char c = id[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-'))
            return 0;
    }
    return 1;
}
