/*
 * packages.c - packages and receipts, one function a step: what the scenarios of delivery and of
 * sets are made of.
 */
#include "tests/integration/cloud_probe/cloud_probe.h"

#define SIDE 16 /* of the images sent, pixels */

void fill_package(struct msg *m, const char *from, const char *to, uint64_t index)
{
    static uint8_t pixels[SIDE * SIDE], pgm[PGM_HEADER_MAX + SIDE * SIDE];
    static char text[32];
    struct msg_package *p = &m->u.package;
    size_t len;

    memset(m, 0, sizeof(*m));
    m->type = MSG_PACKAGE;
    p->profile = 1;
    p->codec = 1;
    memset(p->session, 0x5e, SESSION_ID_BYTES);
    p->index = index;
    p->seq = index + 1;
    text_copy(p->from, sizeof(p->from), from);
    text_copy(p->to, sizeof(p->to), to);
    snprintf(text, sizeof(text), "message %llu", (unsigned long long)index);
    p->message = (struct blob){(const uint8_t *)text, strlen(text)};
    p->message_bytes = (uint32_t)p->message.len;
    p->width = p->height = SIDE;
    CHECK(pgm_write(pgm, sizeof(pgm), &len, SIDE, SIDE, pixels) == 0);
    p->image = (struct blob){pgm, len};
}

void send_package(struct device *d, const char *to, uint64_t index)
{
    struct msg m;

    fill_package(&m, d->id, to, index);
    send_msg(d, &m);
}

void expect_accepted(struct device *d, uint64_t index)
{
    struct msg m;

    expect(d, &m, MSG_ACCEPTED);
    CHECK(m.u.accepted.index == index);
}

void expect_refused(struct device *d, uint64_t index, unsigned reason)
{
    struct msg m;

    expect(d, &m, MSG_REFUSED);
    CHECK(m.u.refused.index == index);
    if (m.u.refused.reason != reason)
        fprintf(stderr, "got %s, not %s\n", reason_name(m.u.refused.reason), reason_name(reason));
    CHECK(m.u.refused.reason == reason);
}

void receive(struct device *d, uint64_t index, uint8_t status)
{
    struct msg m, r = {.type = MSG_RECEIPT};

    expect(d, &m, MSG_PACKAGE);
    CHECK(m.u.package.index == index);
    memcpy(r.u.receipt.peer, m.u.package.from, sizeof(r.u.receipt.peer));
    memcpy(r.u.receipt.session, m.u.package.session, SESSION_ID_BYTES);
    r.u.receipt.direction = m.u.package.direction;
    r.u.receipt.index = m.u.package.index;
    r.u.receipt.status = status;
    package_digest(r.u.receipt.digest, d->body, d->body_len);
    memset(r.u.receipt.mac, 0x3a, MAC_BYTES);
    send_msg(d, &r);
}

void acknowledge(struct device *d, const struct msg *receipt)
{
    struct msg ack = {.type = MSG_RECEIPT_ACK};

    memcpy(ack.u.receipt_ack.peer, receipt->u.receipt.peer, sizeof(ack.u.receipt_ack.peer));
    memcpy(ack.u.receipt_ack.session, receipt->u.receipt.session, SESSION_ID_BYTES);
    ack.u.receipt_ack.index = receipt->u.receipt.index;
    send_msg(d, &ack);
}

void expect_receipt(struct device *d, const char *peer, uint64_t index, uint8_t status)
{
    struct msg m;

    expect(d, &m, MSG_RECEIPT);
    CHECK(strcmp(m.u.receipt.peer, peer) == 0);
    CHECK(m.u.receipt.index == index && m.u.receipt.status == status);
    CHECK(m.u.receipt.mac[0] == (status == RECEIPT_EXPIRED ? 0 : 0x3a));
    acknowledge(d, &m);
}

uint64_t resume(struct device *d, const char *to)
{
    struct msg m = {.type = MSG_RESUME};

    text_copy(m.u.resume.to, sizeof(m.u.resume.to), to);
    memset(m.u.resume.session, 0x5e, SESSION_ID_BYTES);
    send_msg(d, &m);
    expect(d, &m, MSG_RESUMED);
    return m.u.resumed.next;
}
