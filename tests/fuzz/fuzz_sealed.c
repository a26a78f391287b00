/*
 * fuzz_sealed.c - messages of the profile `sealed`: any bytes as ciphertext, tag and nonce never
 * open; the same bytes as a message come back whole, and not when a bit is flipped. The first byte
 * picks suite, padding and bit.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/profile.h"
#include "common/suite.h"

#define LONGEST 5000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keybuf key_for(uint8_t choice)
{
    static const uint8_t seed[KEY_BYTES] = {7};
    uint8_t suite = profile_sealed.suites.v[choice % profile_sealed.suites.n];
    struct keybuf key = {0};

    if (!suite_find(suite)->available())
        suite = SUITE_XCHACHA20_POLY1305;
    keybuf_set(&key, seed, sizeof(seed));
    keybuf_append(&key, &suite, 1);
    return key;
}

static void is_refused(const struct keybuf *key, const struct msg *m, const uint8_t *hidden)
{
    static uint8_t out[4 * LONGEST];
    size_t len;

    if (profile_sealed.open(key, m, hidden, out, &len) != ERR_AUTH || len != 0)
        abort();
}

static void there_and_back(const struct keybuf *key, struct msg *m, const struct blob *message,
                           uint8_t choice)
{
    static uint8_t field[4 * LONGEST], out[4 * LONGEST];
    struct msg_package *p = &m->u.package;
    uint8_t hidden[HIDDEN_MAX];
    size_t len;

    p->message_bytes = (uint32_t)profile_sealed.field_bytes(message->len, choice & 4);
    if (profile_sealed.make(key, m, message, field, hidden) != 0)
        abort();
    p->message = (struct blob){field, p->message_bytes};
    if (profile_sealed.open(key, m, hidden, out, &len) != 0 || len != message->len ||
        (len > 0 && memcmp(out, message->p, len) != 0))
        abort();
    field[choice % p->message_bytes] ^= (uint8_t)(1u << choice % 8);
    is_refused(key, m, hidden);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msg m = {.type = MSG_PACKAGE};
    uint8_t hidden[HIDDEN_MAX] = {0};
    struct keybuf key;

    if (size < 1 + MAC_BYTES + NONCE_BYTES || size > LONGEST || sodium_init() < 0)
        return 0;
    key = key_for(data[0]);
    m.u.package.profile = PROFILE_SEALED;
    memcpy(m.u.package.from, "alice", 6);
    memcpy(m.u.package.to, "bob", 4);
    memcpy(hidden, data + 1, MAC_BYTES + NONCE_BYTES);
    m.u.package.message =
        (struct blob){data + 1 + MAC_BYTES + NONCE_BYTES, size - 1 - MAC_BYTES - NONCE_BYTES};
    m.u.package.message_bytes = (uint32_t)m.u.package.message.len;
    is_refused(&key, &m, hidden);
    there_and_back(&key, &m, &(struct blob){data + 1, size - 1}, data[0]);
    return 0;
}
