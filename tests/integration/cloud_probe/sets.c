/*
 * sets.c - messages to sets: tables of members and common parts, good ones and bad ones.
 */
#include "common/profile.h"
#include "common/set.h"
#include "tests/integration/cloud_probe/cloud_probe.h"

struct table {
    uint8_t bytes[(SET_MAX + 2) * (4 + SET_MEMBER_MAX)];
    size_t len;
};

static void add_member(struct table *t, const char *to, uint64_t index, uint8_t direction)
{
    struct msg_set_member m = {.index = index, .seq = index + 1, .direction = direction};
    uint8_t part[SET_MEMBER_MAX];
    struct wbuf w;
    size_t len;

    memset(m.session, 0x5e, SESSION_ID_BYTES);
    text_copy(m.to, sizeof(m.to), to);
    CHECK(set_member_encode(part, &len, &m) == 0);
    wbuf_init(&w, t->bytes + t->len, sizeof(t->bytes) - t->len);
    wbuf_blob(&w, &(struct blob){part, len});
    CHECK(wbuf_err(&w) == 0);
    t->len += w.len;
}

/* A common part of d's that the cloud takes. */
static void fill_common(struct msg *m, const struct device *d)
{
    fill_package(m, d->id, d->id, 0);
    set_common_header(&m->u.package);
}

static void send_set(struct device *d, const struct table *t, const struct msg *common)
{
    static uint8_t body[65536];
    struct msg m = {.type = MSG_SET_PACKAGE};
    struct wbuf w;

    wbuf_init(&w, body, sizeof(body));
    msg_encode(common, &w);
    CHECK(wbuf_err(&w) == 0);
    m.u.set_package.members = (struct blob){t->bytes, t->len};
    m.u.set_package.common = (struct blob){body, w.len};
    send_msg(d, &m);
}

/* What cannot be read ends the connection. */
static void bad_sets(const char *from, const char *to)
{
    struct device a;
    struct msg common;

    for (int i = 0; i < 6; i++) {
        struct table t = {.len = 0};

        device_init(&a, from);
        attach(&a, ROLE_SEND, HOP_SEALED);
        fill_common(&common, &a);
        if (i > 0)
            add_member(&t, to, 0, 0);
        if (i == 1)
            add_member(&t, to, 1, 0); /* twice */
        for (int n = 0; i == 2 && n < SET_MAX; n++) {
            char name[ID_MAX + 1];

            snprintf(name, sizeof(name), "member-%d", n);
            add_member(&t, name, 0, 0);
        }
        if (i == 3)
            t.len -= 5;
        if (i == 4)
            common.u.package.session[0] = 1;
        if (i == 5)
            text_copy(common.u.package.to, sizeof(common.u.package.to), to);
        send_set(&a, &t, &common);
        expect_error(&a, REASON_MALFORMED);
        close(a.fd);
    }
}

/* What is not true, or not taken, is refused for each member by itself. */
static void refused_sets(struct device *a, const char *to)
{
    static const unsigned reasons[] = {REASON_NOT_YOURS, REASON_MALFORMED, REASON_TOO_LARGE,
                                       REASON_IMAGE};
    static uint8_t long_message[2000];
    struct msg common;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct msg_package *p = &common.u.package;
        struct table t = {.len = 0};

        fill_common(&common, a);
        if (i == 0) {
            text_copy(p->from, sizeof(p->from), to);
            text_copy(p->to, sizeof(p->to), to);
        }
        if (i == 1)
            p->profile = PROFILE_PAPER;
        if (i == 2) {
            p->message = (struct blob){long_message, sizeof(long_message)};
            p->message_bytes = sizeof(long_message);
        }
        if (i == 3)
            p->height++;
        add_member(&t, to, 7, 0);
        add_member(&t, "nobody", 8, 0);
        send_set(a, &t, &common);
        expect_refused(a, 7, reasons[i]);
        expect_refused(a, 8, reasons[i]);
    }
}

/* Take a member's package of this index and receipt it. */
static void receive_shared(struct device *d, uint64_t index)
{
    struct msg m, r = {.type = MSG_RECEIPT};
    struct set_shared s;

    expect(d, &m, MSG_PACKAGE_SHARED);
    CHECK(set_shared_parse(&s, &m.u.package_shared) == 0);
    CHECK(s.member.index == index && strcmp(s.member.to, d->id) == 0);
    memcpy(r.u.receipt.peer, s.common.u.package.from, sizeof(r.u.receipt.peer));
    memcpy(r.u.receipt.session, s.member.session, SESSION_ID_BYTES);
    r.u.receipt.index = index;
    r.u.receipt.status = RECEIPT_VERIFIED;
    memcpy(r.u.receipt.digest, s.digest, DIGEST_BYTES);
    memset(r.u.receipt.mac, 0x3a, MAC_BYTES);
    send_msg(d, &r);
}

/* sets A B: tables and common parts that are wrong, and members that cannot be; each good part is
 * taken all the same. For a cloud with --max-message 1000 */
void scenario_sets(char **arg)
{
    struct table t = {.len = 0};
    struct device a, b;
    struct msg common, m;
    int accepted = 0;

    bad_sets(arg[0], arg[1]);
    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    refused_sets(&a, b.id);
    fill_common(&common, &a);
    add_member(&t, a.id, 1, 0);
    add_member(&t, "member-1", 2, 1);
    add_member(&t, "nobody", 3, 0);
    add_member(&t, b.id, 4, 0);
    for (int again = 0; again < 2; again++) {
        send_set(&a, &t, &common);
        expect_refused(&a, 1, REASON_SELF);
        expect_refused(&a, 2, REASON_MALFORMED);
        for (int i = 0; i < 2; i++) { /* as the store answers */
            CHECK(next(&a, &m) == MSG_REFUSED || m.type == MSG_ACCEPTED);
            if (m.type == MSG_REFUSED)
                CHECK(m.u.refused.index == 3 && m.u.refused.reason == REASON_UNKNOWN_PEER);
            else
                CHECK(m.u.accepted.index == 4 && ++accepted);
        }
    }
    CHECK(accepted == 2);
    attach(&b, ROLE_RECV, HOP_SEALED);
    receive_shared(&b, 4);
    expect_receipt(&a, b.id, 4, RECEIPT_VERIFIED);
    barrier(&b);
}
