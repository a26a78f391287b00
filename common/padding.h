/*
 * padding.h - the lengths of encrypted messages, made few: who sees a ciphertext learns one of
 * eight size classes instead of the length.
 *
 * The classes are 64 bytes and each four times the one before, up to MESSAGE_MAX. Eight of them
 * tell three bits at most. Up to 16 KiB a padded message is no larger than a picture of 128x128,
 * and every message has a picture; beyond that padding costs a factor of four at worst. It is that
 * of ISO/IEC 7816-4, one byte 0x80 and zeros, put on and taken off by libsodium in constant time.
 */
#ifndef INKPOST_COMMON_PADDING_H
#define INKPOST_COMMON_PADDING_H

#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

#define PADDING_SMALLEST   64
#define PADDING_FACTOR     4
#define PADDED_MESSAGE_MAX (MESSAGE_MAX - 1) /* the longest message: one byte marks its end */

/*
 * Bytes that a message of len bytes becomes: the smallest class above len, or with `exact` (the
 * switch that turns size classes off) len + 1. 0 when len is above PADDED_MESSAGE_MAX.
 */
size_t padding_size(size_t len, int exact);
/* Pad the len bytes in buf, which has room for size, to size > len. */
void padding_add(uint8_t *buf, size_t len, size_t size);
/* The length of the message in the size bytes at p, or ERR_MALFORMED: there is no mark. */
int padding_remove(const uint8_t *p, size_t size, size_t *len);

#endif
