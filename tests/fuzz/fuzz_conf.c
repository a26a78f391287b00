/* fuzz_conf.c - any bytes as device.conf: what is taken must be a usable id, host and port. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/agent/home.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *conf = malloc(size + 1), why[WHY_MAX];
    struct home h = {.lock_fd = -1};

    if (conf == NULL)
        return 0;
    memcpy(conf, data, size);
    conf[size] = '\0';
    if (home_parse(&h, conf, size, why, sizeof(why)) == 0 &&
        (!id_is_valid(h.id, strlen(h.id)) || h.port == 0 || h.enrolment == 0))
        abort();
    free(conf);
    return 0;
}
