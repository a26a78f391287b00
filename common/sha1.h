/* sha1.h - SHA-1 (FIPS 180-4), for research profiles: broken as a hash, named by their papers. */
#ifndef INKPOST_COMMON_SHA1_H
#define INKPOST_COMMON_SHA1_H

#include <stddef.h>
#include <stdint.h>

#include "proto/rbuf.h"

#define SHA1_BYTES 20

/* Hash n parts, concatenated raw. 0, or -1 when libcrypto will not (no memory, or FIPS mode). */
int sha1(uint8_t out[SHA1_BYTES], const struct blob *parts, size_t n);

#endif
