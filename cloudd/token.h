/* token.h - enrolment tokens: only their hash is ever stored. */
#ifndef INKPOST_CLOUDD_TOKEN_H
#define INKPOST_CLOUDD_TOKEN_H

#include <stdint.h>

#include "proto/limits.h"

/* BLAKE2b of a token. A token has 128 random bits, so a plain hash cannot be searched. */
void token_hash(uint8_t hash[DIGEST_BYTES], const uint8_t token[TOKEN_BYTES]);

#endif
