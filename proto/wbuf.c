/* wbuf.c - the write cursor. */
#include "proto/wbuf.h"

#include <string.h>

#include "common/err.h"

void wbuf_init(struct wbuf *w, void *p, size_t cap)
{
    w->p = p;
    w->cap = cap;
    w->len = 0;
    w->err = 0;
}

/* The first error is the one that says what went wrong. */
static void fail(struct wbuf *w, int err)
{
    if (w->err == 0)
        w->err = err;
}

void wbuf_bytes(struct wbuf *w, const void *p, size_t len)
{
    if (len > w->cap - w->len)
        fail(w, ERR_TOO_SMALL);
    if (w->err != 0 || len == 0)
        return;
    memcpy(w->p + w->len, p, len);
    w->len += len;
}

static void write_be(struct wbuf *w, uint64_t v, size_t len)
{
    uint8_t b[8];

    for (size_t i = 0; i < len; i++)
        b[i] = (uint8_t)(v >> (8 * (len - 1 - i)));
    wbuf_bytes(w, b, len);
}

void wbuf_u8(struct wbuf *w, uint8_t v)
{
    write_be(w, v, 1);
}

void wbuf_u16(struct wbuf *w, uint16_t v)
{
    write_be(w, v, 2);
}

void wbuf_u32(struct wbuf *w, uint32_t v)
{
    write_be(w, v, 4);
}

void wbuf_u64(struct wbuf *w, uint64_t v)
{
    write_be(w, v, 8);
}

void wbuf_blob(struct wbuf *w, const struct blob *b)
{
    if (b->len > FRAME_MAX) {
        fail(w, ERR_ARG);
        return;
    }
    wbuf_u32(w, (uint32_t)b->len);
    wbuf_bytes(w, b->p, b->len);
}

void wbuf_id(struct wbuf *w, const char *id)
{
    size_t len = strlen(id);

    if (!id_is_valid(id, len)) {
        fail(w, ERR_ARG);
        return;
    }
    wbuf_u8(w, (uint8_t)len);
    wbuf_bytes(w, id, len);
}

void wbuf_list(struct wbuf *w, const struct list *l)
{
    if (l->n > LIST_MAX) {
        fail(w, ERR_ARG);
        return;
    }
    wbuf_u8(w, l->n);
    wbuf_bytes(w, l->v, l->n);
}

int wbuf_err(const struct wbuf *w)
{
    return w->err;
}
