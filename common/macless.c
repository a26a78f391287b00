/* macless.c - MACLESS: a SHA-1, and the sum of its digits. */
#include "common/macless.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/sha1.h"
#include "common/text.h"

int macless_of_digits(uint8_t tag[MACLESS_BYTES], const char *digits)
{
    char text[16];
    unsigned sum = 0;

    memset(tag, 0, MACLESS_BYTES);
    if (strlen(digits) != MACLESS_DIGITS ||
        strspn(digits, "0123456789abcdefABCDEF") != MACLESS_DIGITS)
        return ERR_MALFORMED;
    for (size_t i = 0; i < MACLESS_DIGITS; i++) {
        char c = digits[i];

        sum += (unsigned)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    }
    snprintf(text, sizeof(text), "%u", sum);
    memcpy(tag, text, MACLESS_BYTES);
    return 0;
}

int macless(uint8_t tag[MACLESS_BYTES], const struct blob *parts, size_t n)
{
    char digits[2 * SHA1_BYTES + 1];
    uint8_t hash[SHA1_BYTES];
    int err = sha1(hash, parts, n) == 0 ? 0 : ERR_NOMEM;

    memset(tag, 0, MACLESS_BYTES);
    if (err == 0) {
        text_hex(digits, hash, sizeof(hash));
        err = macless_of_digits(tag, digits);
        sodium_memzero(digits, sizeof(digits));
    }
    sodium_memzero(hash, sizeof(hash));
    return err;
}
