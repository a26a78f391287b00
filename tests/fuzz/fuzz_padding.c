/*
 * fuzz_padding.c - any bytes as an opened message: what is taken off must be what was put on. The
 * same bytes as a message come back from both kinds of padding.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/padding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(const uint8_t *data, size_t len, size_t size)
{
    uint8_t *buf = malloc(size);
    size_t again;

    if (buf == NULL)
        return;
    if (len > 0)
        memcpy(buf, data, len);
    padding_add(buf, len, size);
    if (padding_remove(buf, size, &again) != 0 || again != len || memcmp(buf, data, len) != 0)
        abort();
    free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len;

    if (size >= MESSAGE_MAX)
        return 0;
    if (padding_remove(data, size, &len) == 0) {
        if (len >= size || data[len] != 0x80)
            abort();
        there_and_back(data, len, size);
    }
    there_and_back(data, size, padding_size(size, 0));
    there_and_back(data, size, padding_size(size, 1));
    return 0;
}
