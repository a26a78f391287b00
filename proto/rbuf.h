/*
 * rbuf.h - the read cursor: the only way bytes from a peer, a disk or a seal become fields.
 *
 * Integers are big-endian. Every call zeroes its output first, then checks the cap, then the bytes
 * left; on failure (ERR_MALFORMED, ERR_TOO_LARGE) the cursor has not moved. Nothing is copied that
 * can be lent: a blob points into the caller's buffer and lives as long as that does.
 */
#ifndef INKPOST_PROTO_RBUF_H
#define INKPOST_PROTO_RBUF_H

#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

struct rbuf {
    const uint8_t *p;
    size_t left;
};

struct blob {
    const uint8_t *p;
    size_t len;
};

/* A short list of one-byte numbers, in order of preference. */
struct list {
    uint8_t n;
    uint8_t v[LIST_MAX];
};

void rbuf_init(struct rbuf *r, const void *p, size_t len);
int rbuf_u8(struct rbuf *r, uint8_t *v);
int rbuf_u16(struct rbuf *r, uint16_t *v);
int rbuf_u32(struct rbuf *r, uint32_t *v);
int rbuf_u64(struct rbuf *r, uint64_t *v);
/* Exactly len bytes into out. */
int rbuf_bytes(struct rbuf *r, uint8_t *out, size_t len);
/* u32 length, then at most cap bytes: lent, not copied. */
int rbuf_blob(struct rbuf *r, struct blob *b, size_t cap);
/* u8 length, then a device id: anything but 1..64 of a-z 0-9 . _ - is malformed. NUL-terminated. */
int rbuf_id(struct rbuf *r, char id[ID_MAX + 1]);
/* u8 count, then count bytes, at most LIST_MAX. */
int rbuf_list(struct rbuf *r, struct list *l);
/* 0 when nothing is left, else ERR_MALFORMED: every message ends with this call. */
int rbuf_end(const struct rbuf *r);

/* True for 1..64 characters of a-z 0-9 . _ - (len bytes, no NUL needed). */
int id_is_valid(const char *id, size_t len);

#endif
