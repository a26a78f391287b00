/*
 * macless.h - MACLESS, the message authentication code of Al Sibahee 2020, section IV-B-3: the sum
 * of a SHA-1. About 9 bits: for the research profile that reproduces it, and for nothing else.
 *
 * Settled, where the formula leaves it open: the 40 lower-case hex digits of the SHA-1, taken as
 * ASCII codes, are added up, and the sum is written as decimal digits, again ASCII. 40 times '0' to
 * 'f' gives 1920 to 4080, so there are always the four bytes that the paper counts; and its
 * Table 4 prints 2695 for 54d32f22593cb0000a6f09d19e99b36fc20c383c.
 */
#ifndef INKPOST_COMMON_MACLESS_H
#define INKPOST_COMMON_MACLESS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/rbuf.h"

#define MACLESS_BYTES  4
#define MACLESS_DIGITS 40 /* hex digits of a SHA-1 */

/* The tag of a SHA-1 in 40 hex digits, of either case. ERR_MALFORMED when they are none. */
int macless_of_digits(uint8_t tag[MACLESS_BYTES], const char *digits);
/* The tag of n parts, concatenated raw. ERR_NOMEM when libcrypto will not hash. */
int macless(uint8_t tag[MACLESS_BYTES], const struct blob *parts, size_t n);

#endif
