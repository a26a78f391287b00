/*
 * words.h - how the experiments talk to a program in C: one request a line on stdin, words with
 * spaces between, and one line back on stdout. Bytes are hex, "-" is none. A request that makes no
 * sense ends the program.
 */
#ifndef INKPOST_TESTS_ATTACK_WORDS_H
#define INKPOST_TESTS_ATTACK_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/rbuf.h"

#define WORDS_MAX 16

/* Of the request that is served: its name, and what follows. */
extern char *words_at[WORDS_MAX];
extern int words_n;

void words_need(int ok, const char *what);
unsigned long words_number(int i);
/* Decoded in place of the word itself. */
struct blob words_bytes(int i);
/* The same, of just so many bytes. */
const uint8_t *words_fixed(int i, size_t len);

/* A space and the bytes, on stdout. */
void words_put(const uint8_t *p, size_t n);
/* "ok" and the bytes, the whole answer. */
void words_say(const uint8_t *p, size_t n);

struct verb {
    const char *name;
    void (*run)(void);
};

/* Serve stdin to its end. The last verb has no name. For main. */
int words_serve(const struct verb *verbs);

#endif
