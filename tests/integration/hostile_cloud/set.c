/*
 * set.c - messages to a set, to sdr: bob is a member, and carol another one, who works for the
 * cloud.
 */
#include "common/package.h"
#include "common/profile.h"
#include "common/set.h"
#include "tests/integration/hostile_cloud/hostile_cloud.h"

/* What carol has of one message, and bob's part, which the cloud has. */
struct set_message {
    uint8_t profile, secret[KEY_BYTES];
    struct keybuf bobs, carols; /* message keys */
    struct package common;
    struct msg_set_member part;
};

/* A common part under the message's secret, as alice or carol can make it. */
static void make_common(struct package *made, const struct set_message *s, const char *text,
                        const char *from)
{
    struct pgm_view cover = {SIDE, SIDE, pixels};
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *p = &m.u.package;
    struct keybuf key;

    p->profile = s->profile;
    p->codec = 1;
    text_copy(p->from, sizeof(p->from), from);
    set_common_header(p);
    p->message = (struct blob){(const uint8_t *)text, strlen(text)};
    profile_find(s->profile)->set_key(&key, &s->bobs, s->secret);
    CHECK(package_make(made, &m, &cover, &key, 0) == 0);
}

static void send_shared(const struct msg_set_member *part, const struct blob *common)
{
    struct msg m = {.type = MSG_PACKAGE_SHARED};
    uint8_t buf[SET_MEMBER_MAX];
    size_t len;

    CHECK(set_member_encode(buf, &len, part) == 0);
    m.u.package_shared.member = (struct blob){buf, len};
    m.u.package_shared.common = *common;
    send_msg(&at, &m);
}

static void bob_refuses(void)
{
    struct msg m;

    expect(&at, &m, MSG_RECEIPT);
    CHECK(m.u.receipt.status == RECEIPT_REJECTED || m.u.receipt.status == RECEIPT_UNVERIFIABLE);
}

/* Another text under the same secret, which fits it as well as alice's does, with each part that
 * carol and the cloud can put before it: alice's for bob, alice's for carol, carol's own making. */
static void forge_common(const struct set_message *s, const char *from)
{
    struct msg_set_member part = s->part;
    struct package forged;
    struct blob body;

    make_common(&forged, s, "forgery", from);
    body = (struct blob){forged.body, forged.len};
    send_shared(&part, &body);
    bob_refuses();
    CHECK(set_wrap(&part, &s->carols, s->common.digest, s->secret) == 0);
    send_shared(&part, &body);
    bob_refuses();
    CHECK(set_wrap(&part, &s->carols, forged.digest, s->secret) == 0);
    send_shared(&part, &body);
    bob_refuses();
    free(forged.body);
}

/* Alice's message with a part for bob that says something else. */
static void twist_part(const struct set_message *s, int twist)
{
    struct msg_set_member part = s->part;

    if (twist == 0)
        part.index++;
    if (twist == 1)
        part.seq++;
    if (twist == 2)
        part.session[0] ^= 1;
    if (twist == 3)
        text_copy(part.to, sizeof(part.to), "carol");
    if (twist == 4)
        part.wrapped[WRAPPED_BYTES - 1] ^= 1;
    send_shared(&part, &(struct blob){s->common.body, s->common.len});
    bob_refuses();
}

/* The same secret as if it were the message key of a package to bob alone. */
static void forge_alone(const struct set_message *s)
{
    struct pgm_view cover = {SIDE, SIDE, pixels};
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *p = &m.u.package;
    struct package made;
    struct keybuf key;

    p->profile = s->profile;
    p->codec = 1;
    memcpy(p->session, s->part.session, SESSION_ID_BYTES);
    p->seq = 1;
    text_copy(p->from, sizeof(p->from), "alice");
    text_copy(p->to, sizeof(p->to), "bob");
    p->message = (struct blob){(const uint8_t *)"forgery", 7};
    profile_find(s->profile)->set_key(&key, &s->bobs, s->secret);
    CHECK(package_make(&made, &m, &cover, &key, 0) == 0);
    send_body(&at, MSG_PACKAGE, made.body, made.len);
    bob_refuses();
    free(made.body);
}

static void set_to_bob(const struct offer *o, uint8_t profile)
{
    struct set_message s = {.profile = profile, .part = {.seq = 1}};
    struct session_keys keys;
    struct msg m;

    agree(o, profile, &keys, &s.bobs);
    s.carols = s.bobs;
    randombytes_buf(s.carols.b, KEY_BYTES);
    randombytes_buf(s.secret, KEY_BYTES);
    make_common(&s.common, &s, "genuine", "alice");
    memcpy(s.part.session, keys.session, SESSION_ID_BYTES);
    text_copy(s.part.to, sizeof(s.part.to), "bob");
    CHECK(set_wrap(&s.part, &s.bobs, s.common.digest, s.secret) == 0);
    forge_common(&s, "alice");
    forge_common(&s, "carol");
    for (int twist = 0; twist < 5; twist++)
        twist_part(&s, twist);
    forge_alone(&s);
    for (int i = 0; i < 2; i++) {
        send_shared(&s.part, &(struct blob){s.common.body, s.common.len});
        expect(&at, &m, MSG_RECEIPT);
        CHECK(m.u.receipt.status == RECEIPT_VERIFIED && m.u.receipt.index == 0);
    }
    forge_common(&s, "alice");
    free(s.common.body);
}

/* What is no message to a set ends the connection and nothing else; then both profiles. */
void scenario_set(void)
{
    struct msg m, garbage = {.type = MSG_PACKAGE_SHARED};
    struct offer o;

    attached(&m);
    garbage.u.package_shared.member = garbage.u.package_shared.common =
        (struct blob){shk, sizeof(shk)};
    send_msg(&at, &garbage);
    expect_gone();
    attached_offer(&o);
    send_peer(&bob, alice.public_key);
    set_to_bob(&o, PROFILE_AUTH);
    set_to_bob(&o, PROFILE_SEALED);
}
