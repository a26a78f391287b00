/*
 * text.h - text at the edges: hex, JSON strings, host:port, and sentences for people.
 */
#ifndef INKPOST_COMMON_TEXT_H
#define INKPOST_COMMON_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HOST_MAX 255

/* out needs 2 * len + 1 bytes; lower case. */
void text_hex(char *out, const uint8_t *p, size_t len);
/* Exactly 2 * len hex digits, either case, or ERR_MALFORMED. */
int text_unhex(uint8_t *out, size_t len, const char *hex);

/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void text_json(FILE *f, const char *s, size_t len);
/* Strict UTF-8 (RFC 3629): no overlong forms, surrogates, or code points above U+10FFFF. */
int text_is_utf8(const uint8_t *p, size_t len);

/* "HOST:PORT" or "[IPV6]:PORT": host without brackets. ERR_MALFORMED. */
int text_host_port(const char *s, char host[HOST_MAX + 1], uint16_t *port);

/* A whole number in min..max, nothing after it, or ERR_MALFORMED. */
int text_number(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/* A sentence for people, cut to cap; returns err, so that a function can end with it. */
int say(char *why, size_t cap, int err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Copy an id or another short string that is known to fit (else it is cut). */
void text_copy(char *out, size_t cap, const char *s);

#endif
