/* profile.c - the table of profiles. */
#include "common/profile.h"

#include <string.h>

const struct profile profiles[] = {
    {PROFILE_AUTH, "auth", 0, (MAC_BYTES + NONCE_BYTES) * 8, profile_auth_protect,
     profile_auth_verify},
};
const size_t profile_count = sizeof(profiles) / sizeof(profiles[0]);

const struct profile *profile_find(uint8_t id)
{
    for (size_t i = 0; i < profile_count; i++)
        if (profiles[i].id == id)
            return &profiles[i];
    return NULL;
}

const struct profile *profile_by_name(const char *name)
{
    for (size_t i = 0; i < profile_count; i++)
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    return NULL;
}
