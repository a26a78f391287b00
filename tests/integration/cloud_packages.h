/*
 * cloud_packages.h - packages, receipts and acknowledgements of a device played by hand, for loads:
 * the devices of `cloud_crowd fill`, one session, the smallest image, a message of any size.
 */
#ifndef INKPOST_TESTS_INTEGRATION_CLOUD_PACKAGES_H
#define INKPOST_TESTS_INTEGRATION_CLOUD_PACKAGES_H

#include "tests/integration/cloud_peer.h"

static inline void name_device(struct device *d, unsigned i)
{
    char id[ID_MAX + 1];

    snprintf(id, sizeof(id), "device-%06u", i);
    device_init(d, id);
}

/* size: at most 65536. */
static inline void send_package(struct device *d, const char *to, uint64_t index, size_t size)
{
    static const uint8_t pixels[IMAGE_SIDE_MIN * IMAGE_SIDE_MIN], message[65536];
    uint8_t image[sizeof(pixels) + PGM_HEADER_MAX];
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *p = &m.u.package;
    size_t len;

    CHECK(size <= sizeof(message));
    CHECK(pgm_write(image, sizeof(image), &len, IMAGE_SIDE_MIN, IMAGE_SIDE_MIN, pixels) == 0);
    p->profile = p->codec = 1;
    memset(p->session, 0x5e, SESSION_ID_BYTES);
    p->index = index;
    p->seq = index + 1;
    text_copy(p->from, sizeof(p->from), d->id);
    text_copy(p->to, sizeof(p->to), to);
    p->message = (struct blob){message, size};
    p->message_bytes = (uint32_t)size;
    p->width = p->height = IMAGE_SIDE_MIN;
    p->image = (struct blob){image, len};
    send_msg(d, &m);
}

/* Of the package that d received last, p. */
static inline void send_receipt(struct device *d, const struct msg_package *p)
{
    struct msg r = {.type = MSG_RECEIPT};

    memcpy(r.u.receipt.peer, p->from, sizeof(r.u.receipt.peer));
    memcpy(r.u.receipt.session, p->session, SESSION_ID_BYTES);
    r.u.receipt.direction = p->direction;
    r.u.receipt.index = p->index;
    r.u.receipt.status = RECEIPT_VERIFIED;
    package_digest(r.u.receipt.digest, d->body, d->body_len);
    send_msg(d, &r);
}

static inline void send_ack(struct device *d, const struct msg_receipt *r)
{
    struct msg ack = {.type = MSG_RECEIPT_ACK};

    memcpy(ack.u.receipt_ack.peer, r->peer, sizeof(ack.u.receipt_ack.peer));
    memcpy(ack.u.receipt_ack.session, r->session, SESSION_ID_BYTES);
    ack.u.receipt_ack.index = r->index;
    send_msg(d, &ack);
}

#endif
