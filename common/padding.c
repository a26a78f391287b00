/* padding.c - size classes of encrypted messages. */
#include "common/padding.h"

#include <sodium.h>

#include "common/err.h"

size_t padding_size(size_t len, int exact)
{
    size_t size = PADDING_SMALLEST;

    if (len > PADDED_MESSAGE_MAX)
        return 0;
    if (exact)
        return len + 1;
    while (size <= len)
        size *= PADDING_FACTOR;
    return size;
}

void padding_add(uint8_t *buf, size_t len, size_t size)
{
    size_t padded;

    /* One block as long as the whole: cannot fail, since len < size. */
    (void)sodium_pad(&padded, buf, len, size, size);
}

int padding_remove(const uint8_t *p, size_t size, size_t *len)
{
    *len = 0;
    if (size == 0 || sodium_unpad(len, p, size, size) != 0)
        return ERR_MALFORMED;
    return 0;
}
