/* set_fixture.c - messages to a set for tests; see set_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/unit/covers.h"
#include "tests/unit/set_fixture.h"

struct keybuf sfx_key(uint8_t profile, uint32_t number)
{
    const struct profile *p = profile_find(profile);
    struct keybuf key = {0};
    uint8_t seed[KEY_BYTES];

    cover_random(seed, sizeof(seed), number);
    keybuf_set(&key, seed, sizeof(seed));
    if (p->field_bytes != NULL)
        keybuf_append(&key, p->suites.v, 1);
    return key;
}

void sfx_make(struct sfx_common *c, uint8_t profile, const char *text, int keep)
{
    uint8_t *cover = cover_make("busy", SFX_SIDE, SFX_SIDE);
    struct keybuf member = sfx_key(profile, 1), key = {0};
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *p = &m.u.package;
    struct package made;

    if (!keep)
        randombytes_buf(c->secret, KEY_BYTES);
    profile_find(profile)->set_key(&key, &member, c->secret);
    p->profile = profile;
    p->codec = STEGO_LIGHT;
    memcpy(p->from, "alice", 6);
    set_common_header(p);
    p->message = (struct blob){(const uint8_t *)text, strlen(text)};
    assert_int_equal(
        package_make(&made, &m, &(struct pgm_view){SFX_SIDE, SFX_SIDE, cover}, &key, 0), 0);
    free(cover);
    c->body = made.body;
    c->len = made.len;
    memcpy(c->digest, made.digest, DIGEST_BYTES);
}

void sfx_free(struct sfx_common *c)
{
    free(c->body);
    c->body = NULL;
}

struct msg_set_member sfx_header(const char *to, uint32_t number, uint64_t index)
{
    struct msg_set_member m = {.index = index, .seq = index + 1};

    cover_random(m.session, sizeof(m.session), number);
    memcpy(m.to, to, strlen(to));
    return m;
}

struct msg_set_member sfx_member(const char *to, uint32_t number, uint64_t index,
                                 const struct keybuf *key, const struct sfx_common *c)
{
    struct msg_set_member m = sfx_header(to, number, index);

    assert_int_equal(set_wrap(&m, key, c->digest, c->secret), 0);
    return m;
}

uint8_t *sfx_join(const struct msg_set_member *m, const struct sfx_common *c, size_t *len)
{
    size_t part_len, cap = c->len + SET_MEMBER_MAX + 8;
    struct msg whole = {.type = MSG_PACKAGE_SHARED};
    uint8_t part[SET_MEMBER_MAX], *body = malloc(cap);
    struct wbuf w;

    assert_non_null(body);
    assert_int_equal(set_member_encode(part, &part_len, m), 0);
    whole.u.package_shared.member = (struct blob){part, part_len};
    whole.u.package_shared.common = (struct blob){c->body, c->len};
    wbuf_init(&w, body, cap);
    msg_encode(&whole, &w);
    assert_int_equal(wbuf_err(&w), 0);
    *len = w.len;
    return body;
}
