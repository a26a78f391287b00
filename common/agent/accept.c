/* accept.c - from whom a receiver takes sessions. */
#include <stdlib.h>
#include <string.h>

#include "common/agent/receiver.h"
#include "common/err.h"

static int add(struct accept_policy *policy, const char *id, size_t len, char *why, size_t cap)
{
    char(*ids)[ID_MAX + 1];

    if (!id_is_valid(id, len))
        return say(why, cap, ERR_MALFORMED,
                   "--accept: \"%.*s\" is no device id (1 to %d of a-z 0-9 . _ -)",
                   (int)(len > ID_MAX ? ID_MAX : len), id, ID_MAX);
    ids = realloc(policy->ids, (policy->n + 1) * sizeof(*ids));
    if (ids == NULL)
        return say(why, cap, ERR_NOMEM, "out of memory");
    policy->ids = ids;
    memcpy(ids[policy->n], id, len);
    ids[policy->n][len] = '\0';
    policy->n++;
    return 0;
}

int accept_parse(struct accept_policy *policy, const char *text, char *why, size_t why_len)
{
    int err = 0;

    memset(policy, 0, sizeof(*policy));
    if (strcmp(text, "any") == 0) {
        policy->any = 1;
        return 0;
    }
    for (size_t len; err == 0; text += len + 1) {
        len = strcspn(text, ",");
        err = add(policy, text, len, why, why_len);
        if (text[len] == '\0')
            break;
    }
    if (err != 0)
        accept_free(policy);
    return err;
}

void accept_free(struct accept_policy *policy)
{
    free(policy->ids);
    memset(policy, 0, sizeof(*policy));
}

int accept_has(const struct accept_policy *policy, const char *id)
{
    for (size_t i = 0; i < policy->n; i++)
        if (strcmp(policy->ids[i], id) == 0)
            return 1;
    return policy->any;
}
