/* covers.h - the covers that the tests of double-stegging run over: made by formula, and files. */
#ifndef INKPOST_TESTS_COVERS_H
#define INKPOST_TESTS_COVERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/image.h"

/* A new cover of a kind of stego_reference.py ("busy", "ramp", ...) or "noise"; aborts if none. */
uint8_t *cover_make(const char *kind, unsigned width, unsigned height);

/* Byte i is n + 37 i: the keys and payloads of the vectors. */
void cover_seeded(uint8_t *out, size_t len, unsigned n);

/* Bytes that depend on number alone and look random. */
void cover_random(void *out, size_t len, uint32_t number);

/* Call f for every image of tests/data/covers and covers-stress, grey; returns how many. */
size_t cover_each(void (*f)(const struct image *grey, const char *name, void *arg), void *arg);

#endif
