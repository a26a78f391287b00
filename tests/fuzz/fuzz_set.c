/*
 * fuzz_set.c - messages to sets: any bytes as a SET_PACKAGE are taken apart as the cloud does it;
 * what it makes of each member's part is taken apart and opened as the member does it, with a part
 * that fits the common one. What opens does not with a flipped bit. The first byte picks the bit.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/profile.h"
#include "common/session.h"
#include "common/set.h"
#include "common/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key_bytes[KEY_BYTES] = {7}, secret[KEY_BYTES] = {9};

static void require(int true_thing)
{
    if (!true_thing)
        abort();
}

static int open_body(const uint8_t *body, size_t len, const struct keybuf *key)
{
    struct package_opened opened = {.buf = NULL};
    struct set_shared shared;
    struct msg m;
    int err = msg_decode(&m, MSG_PACKAGE_SHARED, body, len);

    if (err == 0)
        err = set_shared_parse(&shared, &m.u.package_shared);
    if (err == 0)
        err = set_shared_open(&opened, &shared, key);
    package_opened_free(&opened);
    return err;
}

/* As the cloud puts the two parts together; malloc'd. */
static uint8_t *join(const struct blob *part, const struct blob *common, size_t *len)
{
    size_t cap = part->len + common->len + 8;
    struct msg m = {.type = MSG_PACKAGE_SHARED};
    uint8_t *body = malloc(cap);
    struct wbuf w;

    require(body != NULL);
    m.u.package_shared.member = *part;
    m.u.package_shared.common = *common;
    wbuf_init(&w, body, cap);
    msg_encode(&m, &w);
    require(wbuf_err(&w) == 0 && w.len == cap);
    *len = cap;
    return body;
}

static void as_the_member(const struct msg_set_member *m, const struct msg *parsed,
                          const struct blob *common, uint8_t choice)
{
    uint8_t digest[DIGEST_BYTES], part[SET_MEMBER_MAX], *body;
    struct msg_set_member fitting = *m;
    struct keybuf key = {0};
    size_t len;

    keybuf_set(&key, key_bytes, KEY_BYTES);
    if (parsed->u.package.profile == PROFILE_SEALED)
        keybuf_append(&key, (const uint8_t[]){SUITE_XCHACHA20_POLY1305}, 1);
    package_digest(digest, common->p, common->len);
    require(set_wrap(&fitting, &key, digest, secret) == 0);
    require(set_member_encode(part, &len, &fitting) == 0);
    body = join(&(struct blob){part, len}, common, &len);
    if (open_body(body, len, &key) == 0) {
        body[len * choice / 256] ^= (uint8_t)(1u << choice % 8);
        require(open_body(body, len, &key) != 0);
    }
    free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t again[SET_MEMBER_MAX];
    struct msg_set_member member;
    struct msg m, parsed;
    struct blob part;
    struct rbuf r;
    size_t len;

    if (size < 1 || sodium_init() < 0 || msg_decode(&m, MSG_SET_PACKAGE, data + 1, size - 1) != 0 ||
        set_common_parse(&parsed, &m.u.set_package.common) != 0)
        return 0;
    rbuf_init(&r, m.u.set_package.members.p, m.u.set_package.members.len);
    while (r.left > 0 && set_table_next(&r, &part, &member) == 0) {
        require(set_member_encode(again, &len, &member) == 0);
        require(len == part.len && memcmp(again, part.p, len) == 0);
        as_the_member(&member, &parsed, &m.u.set_package.common, data[0]);
    }
    return 0;
}
