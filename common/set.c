/* set.c - messages to a set: the member's part, the common part, and what joins them. */
#include "common/set.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/kdf.h"
#include "common/session.h"

_Static_assert(WRAPPED_BYTES == KEY_BYTES + crypto_secretbox_MACBYTES, "S in a secretbox");

void set_common_header(struct msg_package *p)
{
    memset(p->session, 0, sizeof(p->session));
    p->direction = 0;
    p->index = p->seq = 0;
    memcpy(p->to, p->from, sizeof(p->to));
}

int set_common_parse(struct msg *common, const struct blob *body)
{
    const struct msg_package *p = &common->u.package;
    int err = msg_decode(common, MSG_PACKAGE, body->p, body->len);

    if (err != 0)
        return err;
    if (!sodium_is_zero(p->session, sizeof(p->session)) || p->direction != 0 || p->index != 0 ||
        p->seq != 0 || strcmp(p->to, p->from) != 0)
        return ERR_MALFORMED;
    return 0;
}

int set_member_encode(uint8_t buf[SET_MEMBER_MAX], size_t *len, const struct msg_set_member *m)
{
    struct msg part = {.type = MSG_SET_MEMBER, .u.set_member = *m};
    struct wbuf w;

    wbuf_init(&w, buf, SET_MEMBER_MAX);
    msg_encode(&part, &w);
    *len = w.len;
    return wbuf_err(&w);
}

static int decode_member(struct msg_set_member *m, const struct blob *part)
{
    struct msg decoded;
    int err = msg_decode(&decoded, MSG_SET_MEMBER, part->p, part->len);

    if (err == 0)
        *m = decoded.u.set_member;
    return err;
}

int set_table_next(struct rbuf *table, struct blob *part, struct msg_set_member *m)
{
    int err = rbuf_blob(table, part, SET_MEMBER_MAX);

    return err != 0 ? err : decode_member(m, part);
}

void set_digest(uint8_t digest[DIGEST_BYTES], const struct blob *part,
                const uint8_t common_digest[DIGEST_BYTES])
{
    struct kdf h;

    kdf_init(&h, NULL, 0, "inkpost shared package digest", DIGEST_BYTES);
    kdf_field(&h, part->p, part->len);
    kdf_field(&h, common_digest, DIGEST_BYTES);
    kdf_final(&h, digest, DIGEST_BYTES);
}

/* ---- S in its box ---- */

/* Another key for every member, header and common part: so the box needs no nonce, and opens to
 * nothing else. */
static int derive_box_key(uint8_t box[KEY_BYTES], const struct msg_set_member *m,
                          const struct keybuf *key, const uint8_t common_digest[DIGEST_BYTES])
{
    struct msg part = {.type = MSG_SET_MEMBER, .u.set_member = *m};
    uint8_t header[SET_MEMBER_MAX];
    struct wbuf w;
    struct kdf h;

    wbuf_init(&w, header, sizeof(header));
    msg_encode_before(&part, "wrapped", &w);
    if (wbuf_err(&w) != 0)
        return wbuf_err(&w);
    if (key->len < KEY_BYTES)
        return ERR_ARG;
    kdf_init(&h, key->b, KEY_BYTES, "inkpost set wrap", KEY_BYTES);
    kdf_field(&h, key->b + KEY_BYTES, key->len - KEY_BYTES);
    kdf_field(&h, header, w.len);
    kdf_field(&h, common_digest, DIGEST_BYTES);
    kdf_final(&h, box, KEY_BYTES);
    return 0;
}

static const uint8_t no_nonce[crypto_secretbox_NONCEBYTES];

int set_wrap(struct msg_set_member *m, const struct keybuf *key,
             const uint8_t common_digest[DIGEST_BYTES], const uint8_t secret[KEY_BYTES])
{
    uint8_t box[KEY_BYTES];
    int err = derive_box_key(box, m, key, common_digest);

    if (err == 0)
        crypto_secretbox_easy(m->wrapped, secret, KEY_BYTES, no_nonce, box);
    sodium_memzero(box, sizeof(box));
    return err;
}

int set_unwrap(uint8_t secret[KEY_BYTES], const struct msg_set_member *m, const struct keybuf *key,
               const uint8_t common_digest[DIGEST_BYTES])
{
    uint8_t box[KEY_BYTES];
    int err = derive_box_key(box, m, key, common_digest);

    if (err == 0 &&
        crypto_secretbox_open_easy(secret, m->wrapped, WRAPPED_BYTES, no_nonce, box) != 0)
        err = ERR_AUTH;
    if (err != 0)
        sodium_memzero(secret, KEY_BYTES);
    sodium_memzero(box, sizeof(box));
    return err;
}

/* ---- what one member gets ---- */

int set_shared_parse(struct set_shared *s, const struct msg_package_shared *m)
{
    int err = decode_member(&s->member, &m->member);

    if (err == 0)
        err = set_common_parse(&s->common, &m->common);
    if (err != 0)
        return err;
    package_digest(s->common_digest, m->common.p, m->common.len);
    set_digest(s->digest, &m->member, s->common_digest);
    return 0;
}

void set_shared_view(struct msg *package, const struct set_shared *s)
{
    struct msg_package *p = &package->u.package;

    *package = s->common;
    memcpy(p->session, s->member.session, sizeof(p->session));
    p->direction = s->member.direction;
    p->index = s->member.index;
    p->seq = s->member.seq;
    memcpy(p->to, s->member.to, sizeof(p->to));
}

int set_shared_open(struct package_opened *out, const struct set_shared *s,
                    const struct keybuf *key)
{
    const struct profile *profile = profile_find(s->common.u.package.profile);
    struct keybuf set_key = {0};
    uint8_t secret[KEY_BYTES];
    int err;

    memset(out, 0, sizeof(*out));
    if (profile == NULL || profile->set_key == NULL)
        return ERR_ARG;
    err = set_unwrap(secret, &s->member, key, s->common_digest);
    if (err == 0) {
        profile->set_key(&set_key, key, secret);
        err = package_open(out, &s->common, &set_key);
    }
    keybuf_wipe(&set_key);
    sodium_memzero(secret, sizeof(secret));
    return err;
}
