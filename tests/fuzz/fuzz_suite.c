/* fuzz_suite.c - any text as a list of suites: what is taken, printed, must be the text again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), again[SUITE_TEXT_MAX], why[256];
    struct list l;

    if (text == NULL || sodium_init() < 0)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    if (suite_list_parse(&l, text, why, sizeof(why)) == 0) {
        suite_list_text(again, &l);
        if (l.n == 0 || strcmp(text, again) != 0)
            abort();
    }
    free(text);
    return 0;
}
