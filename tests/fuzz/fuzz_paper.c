/*
 * fuzz_paper.c - the state of a session of the profile `paper`, as a store or a file may give it
 * back: any bytes are refused, or turn to as many bytes and turn no further than that. The first
 * four bytes are R^T, the rest is the state.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/macless.h"
#include "common/profile.h"

#define RT_BYTES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t text[] = "Hello";
    uint8_t hidden[HIDDEN_MAX] = {0};
    struct keybuf state = {0}, key;
    struct msg m = {.type = MSG_PACKAGE};
    int err;

    if (size < RT_BYTES || size - RT_BYTES > KEYBUF_MAX || sodium_init() < 0)
        return 0;
    memcpy(hidden + MACLESS_BYTES, data, RT_BYTES);
    keybuf_set(&state, data + RT_BYTES, size - RT_BYTES);
    err = profile_paper.take_key(&key, &state);
    m.u.package.message = (struct blob){text, sizeof(text)};
    if (err == 0 && profile_paper.make(&key, &m, &m.u.package.message, NULL, hidden) != 0)
        abort();
    if (err == 0 && profile_paper.open(&key, &m, hidden, NULL, NULL) != 0)
        abort();
    profile_paper.turn(&state, hidden);
    if (state.len != (err == 0 ? size - RT_BYTES : 0))
        abort();
    return 0;
}
