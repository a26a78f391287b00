/* fuzz_pgm.c - any bytes through the PGM parser; what it takes, the writer must write again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/pgm.h"
#include "proto/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pgm_view view;
    uint8_t *again;
    size_t len;

    if (pgm_parse(data, size, &view) != 0)
        return 0;
    again = malloc(size);
    if (!again || pgm_write(again, size, &len, view.width, view.height, view.pixels) != 0 ||
        len != size || memcmp(again, data, size) != 0)
        abort();
    free(again);
    return 0;
}
