/* token.c - the hash of an enrolment token. */
#include "cloudd/token.h"

#include "common/kdf.h"

void token_hash(uint8_t hash[DIGEST_BYTES], const uint8_t token[TOKEN_BYTES])
{
    struct kdf k;

    kdf_init(&k, NULL, 0, "inkpost token", DIGEST_BYTES);
    kdf_field(&k, token, TOKEN_BYTES);
    kdf_final(&k, hash, DIGEST_BYTES);
}
