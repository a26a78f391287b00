/* profile.c - the table of profiles. */
#include "common/profile.h"

#include <string.h>

#include "common/err.h"

const struct profile *const profiles[] = {&profile_auth, &profile_sealed, &profile_paper,
                                          &profile_sga};
const size_t profile_count = sizeof(profiles) / sizeof(profiles[0]);

const struct profile *profile_find(uint8_t id)
{
    for (size_t i = 0; i < profile_count; i++)
        if (profiles[i]->id == id)
            return profiles[i];
    return NULL;
}

const struct profile *profile_by_name(const char *name)
{
    for (size_t i = 0; i < profile_count; i++)
        if (strcmp(profiles[i]->name, name) == 0)
            return profiles[i];
    return NULL;
}

size_t profile_message_max(const struct profile *p)
{
    size_t max = MESSAGE_MAX;

    while (p->field_bytes != NULL && max > 0 && p->field_bytes(max, 1) == 0)
        max--;
    return max;
}

void profile_set_key(struct keybuf *out, const struct keybuf *key, const uint8_t secret[KEY_BYTES])
{
    keybuf_set(out, secret, KEY_BYTES);
    if (key->len > KEY_BYTES)
        keybuf_append(out, key->b + KEY_BYTES, key->len - KEY_BYTES);
}

const struct neg_gateway *profile_cloud_side(uint8_t id)
{
    const struct profile *p = profile_find(id);

    return p != NULL ? p->gateway : NULL;
}

int profile_header(uint8_t buf[PROFILE_HEADER_MAX], struct blob *header, const struct msg *m)
{
    struct wbuf w;

    wbuf_init(&w, buf, PROFILE_HEADER_MAX);
    msg_encode_before(m, "message", &w);
    *header = (struct blob){buf, w.len};
    return wbuf_err(&w);
}

int profile_ask(const struct neg_terms *t, const struct neg_ends *ends, struct neg_bytes *out,
                struct neg_bytes *kept)
{
    const struct profile *p = profile_find(t->choice.profile);

    out->len = kept->len = 0;
    if (p == NULL)
        return ERR_ARG;
    return p->handshake != NULL ? p->handshake->ask(out, kept, t, ends) : 0;
}

int profile_answer(const struct neg_terms *t, const struct neg_ends *ends, const struct blob *asked,
                   struct neg_bytes *out, struct session_keys *keys)
{
    const struct profile *p = profile_find(t->choice.profile);

    out->len = 0;
    if (p == NULL || p->gateway != NULL)
        return ERR_ARG;
    if (p->handshake != NULL)
        return p->handshake->answer(out, keys, t, ends, asked);
    return asked->len == 0 ? p->keys(keys, t) : ERR_AUTH;
}

int profile_finish(const struct neg_terms *t, const struct neg_ends *ends,
                   const struct neg_bytes *kept, const struct blob *answered,
                   struct session_keys *keys)
{
    const struct profile *p = profile_find(t->choice.profile);

    if (p == NULL)
        return ERR_ARG;
    if (p->handshake != NULL)
        return p->handshake->finish(keys, kept, t, ends, answered);
    return answered->len == 0 ? p->keys(keys, t) : ERR_AUTH;
}
