/*
 * suite.h - the cipher suites: authenticated encryption (AEAD) under identifiers of one byte, and
 * `none` for profiles whose message travels in clear.
 *
 * A device has a set of them, best first; the cloud has those that it allows; one is agreed on for
 * each session (offer.h; Chen 2016, sections 4.2 and 4.3). All are libsodium's. A new one is a row
 * in suite.c with a number that was never used.
 */
#ifndef INKPOST_COMMON_SUITE_H
#define INKPOST_COMMON_SUITE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/rbuf.h"

enum suite_id {
    SUITE_NONE = 1, /* the message travels in clear; its profile authenticates it */
    SUITE_XCHACHA20_POLY1305 = 2,
    SUITE_CHACHA20_POLY1305 = 3, /* RFC 8439 */
    SUITE_AES_256_GCM = 4        /* NIST SP 800-38D; needs the processor's instructions */
};

#define SUITE_KEY_MAX   32
#define SUITE_NONCE_MAX 24
#define SUITE_TEXT_MAX  400 /* room for LIST_MAX names with commas */

struct suite {
    uint8_t id;
    const char *name;
    unsigned strength; /* bits that keep the message secret */
    size_t key_bytes, nonce_bytes, tag_bytes;
    int (*available)(void); /* on this processor; sodium_init() was called */
    /*
     * out and tag from plain and the associated data ad. out has plain->len bytes and may be
     * plain->p. NULL for `none`, as the next.
     */
    void (*seal)(uint8_t *out, uint8_t *tag, const struct blob *plain, const struct blob *ad,
                 const uint8_t *nonce, const uint8_t *key);
    /* 0, or ERR_AUTH and out is wiped. out has cipher->len bytes and is not cipher->p. */
    int (*open)(uint8_t *out, const struct blob *cipher, const uint8_t *tag, const struct blob *ad,
                const uint8_t *nonce, const uint8_t *key);
};

extern const struct suite suite_table[];
extern const size_t suite_count;

/* NULL when there is none. */
const struct suite *suite_find(uint8_t id);

/* Every suite that this processor has, in the order that we recommend. */
void suite_list_local(struct list *l);
/* Every suite in the table that has at least so many bits, available here or not. */
void suite_list_strong(struct list *l, unsigned strength);
/* "NAME,NAME...", best first. ERR_ARG when a name is unknown, doubled or missing: why says which.
 */
int suite_list_parse(struct list *l, const char *text, char *why, size_t why_len);
/* The same text from a list; a number that is not in the table is printed as a number. */
void suite_list_text(char out[SUITE_TEXT_MAX], const struct list *l);

#endif
