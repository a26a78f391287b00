/* session.c - ratchet, receipts, fingerprints. */
#include "common/session.h"

#include <stdio.h>
#include <string.h>

#include "common/kdf.h"

void session_step(uint8_t ck[KEY_BYTES], uint8_t seed[KEY_BYTES])
{
    uint8_t next[KEY_BYTES];

    kdf_derive(seed, KEY_BYTES, ck, "inkpost message seed", NULL, 0);
    kdf_derive(next, KEY_BYTES, ck, "inkpost next chain key", NULL, 0);
    memcpy(ck, next, KEY_BYTES);
    sodium_memzero(next, sizeof(next));
}

void package_digest(uint8_t digest[DIGEST_BYTES], const uint8_t *body, size_t len)
{
    struct kdf h;

    kdf_init(&h, NULL, 0, "inkpost package digest", DIGEST_BYTES);
    kdf_field(&h, body, len);
    kdf_final(&h, digest, DIGEST_BYTES);
}

void receipt_mac(uint8_t mac[MAC_BYTES], const uint8_t rk[KEY_BYTES], const struct msg_receipt *r)
{
    struct kdf h;

    kdf_init(&h, rk, KEY_BYTES, "inkpost receipt", MAC_BYTES);
    kdf_field(&h, r->session, sizeof(r->session));
    kdf_field(&h, &r->direction, 1);
    kdf_u64(&h, r->index);
    kdf_field(&h, &r->status, 1);
    kdf_field(&h, r->digest, sizeof(r->digest));
    kdf_final(&h, mac, MAC_BYTES);
}

void key_fingerprint(char out[FINGERPRINT_CHARS], const uint8_t key[KEY_BYTES])
{
    uint8_t d[16];
    struct kdf h;
    size_t at = 0;

    kdf_init(&h, NULL, 0, "inkpost fingerprint", sizeof(d));
    kdf_field(&h, key, KEY_BYTES);
    kdf_final(&h, d, sizeof(d));
    for (size_t i = 0; i < sizeof(d); i += 2)
        at += (size_t)snprintf(out + at, FINGERPRINT_CHARS - at, "%s%02x%02x", i > 0 ? " " : "",
                               d[i], d[i + 1]);
}
