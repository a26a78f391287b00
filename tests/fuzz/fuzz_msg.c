/* fuzz_msg.c - the message codec: what decodes must encode to the same bytes and decode again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "proto/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int true_thing)
{
    if (!true_thing)
        abort();
}

/* Encodes into exactly as many bytes as there must be, so that one too many is seen by ASan. */
static uint8_t *encode_exactly(const struct msg *m, size_t len)
{
    uint8_t *out = malloc(len + 1);
    struct wbuf w;

    require(out != NULL);
    wbuf_init(&w, out, len);
    msg_encode(m, &w);
    require(wbuf_err(&w) == 0);
    require(w.len == len);
    return out;
}

/* The first byte is the code, the rest the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msg m, again;
    uint8_t *out;
    size_t len;
    int err;

    if (size < 1)
        return 0;
    len = size - 1;
    err = msg_decode(&m, data[0], data + 1, len);
    if (err != 0) {
        require(err == ERR_MALFORMED || err == ERR_TOO_LARGE);
        return 0;
    }
    require(msg_encoded_max(&m) >= len);
    out = encode_exactly(&m, len);
    require(len == 0 || memcmp(out, data + 1, len) == 0);
    require(msg_decode(&again, data[0], out, len) == 0);
    require(again.type == m.type);
    free(out);
    return 0;
}
