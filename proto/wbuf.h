/*
 * wbuf.h - the write cursor over a buffer of the caller. Integers are big-endian.
 *
 * An error sticks: after the first write that does not fit, the others do nothing, and the caller
 * asks once, at the end, with wbuf_err().
 */
#ifndef INKPOST_PROTO_WBUF_H
#define INKPOST_PROTO_WBUF_H

#include <stddef.h>
#include <stdint.h>

#include "proto/rbuf.h"

struct wbuf {
    uint8_t *p;
    size_t cap, len;
    int err;
};

void wbuf_init(struct wbuf *w, void *p, size_t cap);
void wbuf_u8(struct wbuf *w, uint8_t v);
void wbuf_u16(struct wbuf *w, uint16_t v);
void wbuf_u32(struct wbuf *w, uint32_t v);
void wbuf_u64(struct wbuf *w, uint64_t v);
void wbuf_bytes(struct wbuf *w, const void *p, size_t len);
/* The shapes of rbuf.h: u32 length and bytes; u8 length and id; u8 count and numbers. */
void wbuf_blob(struct wbuf *w, const struct blob *b);
void wbuf_id(struct wbuf *w, const char *id);
void wbuf_list(struct wbuf *w, const struct list *l);
/* 0, or ERR_TOO_SMALL when something did not fit, or ERR_ARG for a value the wire cannot hold. */
int wbuf_err(const struct wbuf *w);

#endif
