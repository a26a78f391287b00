/* states.c - the cloud's copy of a session's state. */
#include "cloudd/states.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/profile.h"
#include "common/text.h"

static int seal(struct store_bytes *out, const struct noise_keypair *cloud,
                const uint8_t session[SESSION_ID_BYTES], const struct keybuf *state)
{
    char name[2 * SESSION_ID_BYTES + 1];
    struct blob body = keybuf_blob(state);

    text_hex(name, session, SESSION_ID_BYTES);
    return vault_seal(out, cloud->public_key, VAULT_STATE, name, &body);
}

static int unseal(struct keybuf *state, const struct noise_keypair *cloud,
                  const uint8_t session[SESSION_ID_BYTES], const struct store_bytes *sealed)
{
    char name[2 * SESSION_ID_BYTES + 1];
    struct vault_plain plain;
    int err;

    text_hex(name, session, SESSION_ID_BYTES);
    err = vault_open(&plain, cloud, VAULT_STATE, name, sealed);
    if (err == 0)
        keybuf_set(state, plain.body.p, plain.body.len);
    vault_plain_free(&plain);
    return err;
}

int states_begin(struct store_bytes *sealed, uint8_t session[SESSION_ID_BYTES],
                 const struct neg_terms *t, const struct noise_keypair *cloud)
{
    const struct profile *profile = profile_find(t->choice.profile);
    struct session_keys keys;
    int err;

    memset(sealed, 0, sizeof(*sealed));
    if (profile == NULL || profile->at_cloud == NULL)
        return 0;
    err = profile->keys(&keys, t);
    if (err == 0)
        err = seal(sealed, cloud, keys.session, &keys.state);
    memcpy(session, keys.session, SESSION_ID_BYTES);
    sodium_memzero(&keys, sizeof(keys));
    return err;
}

int states_turn(struct store_bytes *next, const struct store_bytes *was,
                const struct store_bytes *body, const struct noise_keypair *cloud)
{
    const struct profile *profile;
    struct keybuf state = {.len = 0};
    struct msg m;
    int err;

    memset(next, 0, sizeof(*next));
    err = msg_decode(&m, MSG_PACKAGE, body->p, body->len);
    if (err != 0)
        return err;
    profile = profile_find(m.u.package.profile);
    if (profile == NULL || profile->at_cloud == NULL)
        return ERR_ARG;
    err = unseal(&state, cloud, m.u.package.session, was);
    if (err == 0)
        err = profile->at_cloud(&state, &m);
    if (err == 0)
        err = seal(next, cloud, m.u.package.session, &state);
    keybuf_wipe(&state);
    return err;
}
