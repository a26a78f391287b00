/*
 * delivery.c - packages on their way: to a receiver that is there, away or revoked, with a full
 * mailbox, headers that lie, a store that was altered, a cloud that stops.
 */
#include "tests/integration/cloud_probe/cloud_probe.h"

/* flow A B [clear]: a session, packages online and offline, receipts, fencing */
void scenario_flow(char **arg)
{
    enum hop_mode mode = arg[2] != NULL ? HOP_CLEAR : HOP_SEALED;
    struct device a, b, again;
    struct session_keys keys;

    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&a, ROLE_SEND, mode);
    attach(&b, ROLE_RECV, mode);
    negotiate(&a, &b, &keys);
    CHECK(resume(&a, b.id) == 0);
    for (uint64_t i = 0; i < 3; i++)
        send_package(&a, b.id, i);
    for (uint64_t i = 0; i < 3; i++)
        expect_accepted(&a, i);
    receive(&b, 0, RECEIPT_VERIFIED);
    receive(&b, 1, RECEIPT_REJECTED);
    expect_receipt(&a, b.id, 0, RECEIPT_VERIFIED);
    expect_receipt(&a, b.id, 1, RECEIPT_REJECTED);
    close(b.fd); /* package 2 is delivered and not receipted */
    send_package(&a, b.id, 2);
    expect_accepted(&a, 2);
    send_package(&a, b.id, 3);
    expect_accepted(&a, 3);
    CHECK(resume(&a, b.id) == 4);
    attach(&b, ROLE_RECV, mode);
    close(a.fd); /* the receipts find nobody, and wait */
    receive(&b, 2, RECEIPT_VERIFIED);
    receive(&b, 3, RECEIPT_VERIFIED);
    barrier(&b);
    device_init(&again, arg[1]);
    attach(&again, ROLE_RECV, mode);
    expect_error(&b, REASON_FENCED);
    attach(&a, ROLE_SEND, mode);
    expect_receipt(&a, b.id, 2, RECEIPT_VERIFIED);
    expect_receipt(&a, b.id, 3, RECEIPT_VERIFIED);
}

/* full A B: for a mailbox of 3 packages. Order is kept across a refusal. */
void scenario_full(char **arg)
{
    struct device a, b;
    struct msg m;

    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    for (uint64_t i = 0; i < 3; i++)
        send_package(&a, b.id, i);
    for (uint64_t i = 0; i < 3; i++)
        expect_accepted(&a, i);
    fill_package(&m, a.id, b.id, 2); /* other bytes under the same name */
    m.u.package.seq = 99;
    send_msg(&a, &m);
    expect_refused(&a, 2, REASON_CONFLICT);
    for (uint64_t i = 3; i < 6; i++)
        send_package(&a, b.id, i);
    expect_refused(&a, 3, REASON_MAILBOX_FULL);
    expect_refused(&a, 4, REASON_STREAM_STOPPED);
    expect_refused(&a, 5, REASON_STREAM_STOPPED);
    attach(&b, ROLE_RECV, HOP_SEALED);
    for (uint64_t i = 0; i < 3; i++)
        receive(&b, i, RECEIPT_VERIFIED);
    for (uint64_t i = 0; i < 3; i++)
        expect_receipt(&a, b.id, i, RECEIPT_VERIFIED);
    send_package(&a, b.id, 4);
    expect_refused(&a, 4, REASON_STREAM_STOPPED);
    CHECK(resume(&a, b.id) == 3);
    send_package(&a, b.id, 3);
    expect_accepted(&a, 3);
    send_package(&a, "nobody", 0);
    expect_refused(&a, 0, REASON_UNKNOWN_PEER);
    send_package(&a, b.id, 4);
    expect_accepted(&a, 4);
    receive(&b, 3, RECEIPT_VERIFIED);
    receive(&b, 4, RECEIPT_VERIFIED);
    expect_receipt(&a, b.id, 3, RECEIPT_VERIFIED);
    expect_receipt(&a, b.id, 4, RECEIPT_VERIFIED);
}

/* lies A B: headers that do not tell the truth, each refused alone */
void scenario_lies(char **arg)
{
    uint8_t long_message[2000] = {0};
    struct device a;
    struct msg m;

    device_init(&a, arg[0]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    fill_package(&m, arg[1], a.id, 0);
    send_msg(&a, &m);
    expect_refused(&a, 0, REASON_NOT_YOURS);
    send_package(&a, a.id, 1);
    expect_refused(&a, 1, REASON_SELF);
    fill_package(&m, a.id, arg[1], 2);
    m.u.package.width++;
    send_msg(&a, &m);
    expect_refused(&a, 2, REASON_IMAGE);
    fill_package(&m, a.id, arg[1], 3);
    m.u.package.image.len--;
    send_msg(&a, &m);
    expect_refused(&a, 3, REASON_IMAGE);
    fill_package(&m, a.id, arg[1], 4);
    m.u.package.message_bytes++;
    send_msg(&a, &m);
    expect_refused(&a, 4, REASON_MALFORMED);
    fill_package(&m, a.id, arg[1], 5); /* the cloud runs with --max-message 1000 */
    m.u.package.message = (struct blob){long_message, sizeof(long_message)};
    m.u.package.message_bytes = sizeof(long_message);
    send_msg(&a, &m);
    expect_refused(&a, 5, REASON_TOO_LARGE);
}

/* put A B: three packages for a receiver that is away */
void scenario_put(char **arg)
{
    struct device a;

    device_init(&a, arg[0]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    for (uint64_t i = 20; i < 23; i++)
        send_package(&a, arg[1], i);
    for (uint64_t i = 20; i < 23; i++)
        expect_accepted(&a, i);
}

/* altered A B: of the three, the first has another index now, the second is cut, the third has
 * another pixel. The sender hears of each under the name that it gave it. */
void scenario_altered(char **arg)
{
    struct device a, b;
    struct msg m;

    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&b, ROLE_RECV, HOP_SEALED);
    receive(&b, 99, RECEIPT_UNVERIFIABLE);
    receive(&b, 22, RECEIPT_REJECTED);
    barrier(&b);
    attach(&a, ROLE_SEND, HOP_SEALED);
    for (int i = 0; i < 3; i++) {
        expect(&a, &m, MSG_RECEIPT);
        CHECK(m.u.receipt.index >= 20 && m.u.receipt.index <= 22);
        CHECK(m.u.receipt.status ==
              (m.u.receipt.index == 22 ? RECEIPT_REJECTED : RECEIPT_UNVERIFIABLE));
        CHECK(sodium_is_zero(m.u.receipt.mac, MAC_BYTES) == (m.u.receipt.index != 22));
        acknowledge(&a, &m);
    }
    CHECK(resume(&a, b.id) == 23);
}

/* revoked A B: attached devices, while the caller revokes B */
void scenario_revoked(char **arg)
{
    struct device a, b;
    struct msg m;

    device_init(&a, arg[0]);
    device_init(&b, arg[1]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    attach(&b, ROLE_RECV, HOP_SEALED);
    send_package(&a, b.id, 10);
    expect_accepted(&a, 10);
    expect(&b, &m, MSG_PACKAGE);
    printf("ready\n");
    fflush(stdout);
    expect_error(&b, REASON_NOT_ENROLLED);
    expect(&a, &m, MSG_PEER_GONE);
    CHECK(strcmp(m.u.peer_gone.peer, b.id) == 0);
    expect_receipt(&a, b.id, 10, RECEIPT_EXPIRED);
    send_package(&a, b.id, 11);
    expect_refused(&a, 11, REASON_PEER_REVOKED);
}

/* term A: attached, while the caller stops the cloud */
void scenario_term(char **arg)
{
    struct device a;
    struct msg m;

    device_init(&a, arg[0]);
    attach(&a, ROLE_SEND, HOP_SEALED);
    printf("ready\n");
    fflush(stdout);
    expect(&a, &m, MSG_ERROR);
    CHECK(m.u.error.reason == REASON_SHUTDOWN);
    CHECK(next(&a, &m) == 0);
}
