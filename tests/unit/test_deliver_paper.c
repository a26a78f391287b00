/*
 * test_deliver_paper.c - what becomes of a package where the session's state turns by each message
 * (profile `paper`): nothing can be passed over, and a failed check ends the session.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/agent/receiving.h"
#include "common/package.h"
#include "tests/unit/covers.h"
#include "tests/unit/recv_fixture.h"

#define SIDE 64

struct pair {
    struct rx *rx;
    struct session_keys sender; /* its state steps with make() */
    uint64_t next;
};

static struct pair with_session(void **state, unsigned number)
{
    struct pair p = {.rx = *state};
    struct recv_session s = {.profile = PROFILE_PAPER, .enrolment = 1, .created = 100 + number};
    struct neg_terms t;

    memset(&t, 0, sizeof(t));
    cover_random(t.negotiation, NEG_ID_BYTES, number);
    cover_random(t.salt, KEY_BYTES, number + 1);
    t.sk.len = t.shk.len = 40;
    cover_random(t.sk.b, 40, number + 2);
    cover_random(t.shk.b, 40, number + 3);
    assert_int_equal(profile_paper.keys(&p.sender, &t), 0);
    s.keys = p.sender;
    memcpy(s.negotiation, t.negotiation, NEG_ID_BYTES);
    strcpy(s.peer, "alice");
    assert_int_equal(recv_session_put(p.rx->db, &s), 0);
    return p;
}

static void make(struct pair *pair, struct rx_package *out, const char *text)
{
    uint8_t *pixels = cover_make("busy", SIDE, SIDE);
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *p = &m.u.package;
    struct package made;
    struct keybuf key;

    p->profile = PROFILE_PAPER;
    p->codec = STEGO_LIGHT;
    memcpy(p->session, pair->sender.session, SESSION_ID_BYTES);
    p->index = pair->next++;
    p->seq = pair->next;
    strcpy(p->from, "alice");
    strcpy(p->to, "bob");
    p->message = (struct blob){(const uint8_t *)text, strlen(text)};
    assert_int_equal(profile_paper.take_key(&key, &pair->sender.state), 0);
    assert_int_equal(package_make(&made, &m, &(struct pgm_view){SIDE, SIDE, pixels}, &key, 0), 0);
    profile_paper.turn(&pair->sender.state, made.hidden);
    free(pixels);
    out->body = made.body;
    out->len = made.len;
    assert_int_equal(msg_decode(&out->m, MSG_PACKAGE, out->body, out->len), 0);
}

static void expect(struct pair *pair, const struct rx_package *p, enum receipt_status status,
                   unsigned reason)
{
    struct verdict v;

    rx_reopen(pair->rx);
    rx_deliver(pair->rx, p, &v);
    assert_int_equal(v.receipt.status, status);
    assert_int_equal(v.reason, reason);
    assert_int_equal(rx_is_signed(&v, &pair->sender), status != RECEIPT_UNVERIFIABLE);
}

static int64_t messages(const struct pair *pair)
{
    return rx_number(pair->rx, "SELECT count(*) FROM inbox");
}

static void paper__in_order__verified_and_repeated_copies_once(void **state)
{
    struct pair pair = with_session(state, 1);
    struct rx_package p;

    for (int n = 0; n < 10; n++) {
        make(&pair, &p, "hello");
        expect(&pair, &p, RECEIPT_VERIFIED, REASON_NONE);
        expect(&pair, &p, RECEIPT_VERIFIED, REASON_NONE);
        rx_package_free(&p);
    }
    assert_int_equal(messages(&pair), 10);
    assert_int_equal(rx_number(pair.rx, "SELECT count(*) FROM recv_skipped"), 0);
}

/* Of 9 bits some pass by chance: a session in which that happens is tried again. */
static void paper__one_package_lost__the_next_ends_the_session(void **state)
{
    struct rx_package p[4];
    struct pair pair;
    int64_t before;
    unsigned number = 1;

    do {
        pair = with_session(state, number += 10);
        before = messages(&pair);
        for (int n = 0; n < 4; n++)
            make(&pair, &p[n], "hello");
        expect(&pair, &p[0], RECEIPT_VERIFIED, REASON_NONE);
        rx_deliver(pair.rx, &p[2], &(struct verdict){.line = LINE_NONE});
        for (int n = 0; messages(&pair) > before + 1 && n < 4; n++)
            rx_package_free(&p[n]);
    } while (messages(&pair) > before + 1 && number < 50);
    assert_int_equal(messages(&pair), before + 1);
    expect(&pair, &p[1], RECEIPT_UNVERIFIABLE, REASON_NO_SESSION);
    expect(&pair, &p[2], RECEIPT_UNVERIFIABLE, REASON_NO_SESSION);
    expect(&pair, &p[3], RECEIPT_UNVERIFIABLE, REASON_NO_SESSION);
    /* what it verified while it lived it still knows */
    expect(&pair, &p[0], RECEIPT_VERIFIED, REASON_NONE);
    assert_int_equal(messages(&pair), before + 1);
    for (int n = 0; n < 4; n++)
        rx_package_free(&p[n]);
}

static void paper__failed_check__signed_refusal_and_the_keys_are_gone(void **state)
{
    struct pair pair = with_session(state, 1);
    struct rx_package p;

    make(&pair, &p, "hello");
    p.m.u.package.image.len -= 5; /* no image any more: fails without chance */
    p.m.u.package.width++;
    rx_encode_again(&p);
    expect(&pair, &p, RECEIPT_REJECTED, REASON_IMAGE);
    assert_int_equal(
        rx_number(pair.rx, "SELECT count(*) FROM recv_session WHERE profile = 3 AND chain = x''"),
        1);
    expect(&pair, &p, RECEIPT_UNVERIFIABLE, REASON_NO_SESSION);
    rx_package_free(&p);
    make(&pair, &p, "hello");
    expect(&pair, &p, RECEIPT_UNVERIFIABLE, REASON_NO_SESSION);
    rx_package_free(&p);
    assert_int_equal(messages(&pair), 0);
}

static void paper__another_session_after_it_ended__verifies(void **state)
{
    struct pair first = with_session(state, 1), second = with_session(state, 50);
    struct rx_package p;

    make(&first, &p, "hello");
    p.m.u.package.width++;
    rx_encode_again(&p);
    expect(&first, &p, RECEIPT_REJECTED, REASON_IMAGE);
    rx_package_free(&p);
    make(&second, &p, "hello");
    expect(&second, &p, RECEIPT_VERIFIED, REASON_NONE);
    rx_package_free(&p);
}

static void paper__package_that_claims_another_profile__ends_the_session(void **state)
{
    struct pair pair = with_session(state, 1);
    struct rx_package p;

    make(&pair, &p, "hello");
    p.m.u.package.profile = PROFILE_AUTH;
    rx_encode_again(&p);
    expect(&pair, &p, RECEIPT_REJECTED, REASON_BAD_TAG);
    expect(&pair, &p, RECEIPT_UNVERIFIABLE, REASON_NO_SESSION);
    rx_package_free(&p);
}

static void paper__device_that_takes_no_part_in_it_now__refused_and_the_session_stays(void **state)
{
    static const struct list hardened = {2, {PROFILE_AUTH, PROFILE_SEALED}};
    struct pair pair = with_session(state, 1);
    struct delivery d = {NULL, pair.rx->home.id, NULL, 5000, &hardened};
    struct rx_package p[2];
    struct verdict v;

    make(&pair, &p[0], "while it did");
    make(&pair, &p[1], "now");
    expect(&pair, &p[0], RECEIPT_VERIFIED, REASON_NONE);
    d.db = pair.rx->db;
    assert_int_equal(deliver(&d, &p[1].m, p[1].body, p[1].len, &v), 0);
    assert_int_equal(v.receipt.status, RECEIPT_REJECTED);
    assert_int_equal(v.reason, REASON_RESEARCH);
    assert_true(rx_is_signed(&v, &pair.sender));
    assert_int_equal(messages(&pair), 1);
    /* what it took then is not taken back */
    assert_int_equal(deliver(&d, &p[0].m, p[0].body, p[0].len, &v), 0);
    assert_int_equal(v.receipt.status, RECEIPT_VERIFIED);
    expect(&pair, &p[1], RECEIPT_VERIFIED, REASON_NONE);
    rx_package_free(&p[0]);
    rx_package_free(&p[1]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rx_setup, rx_teardown)
    const struct CMUnitTest tests[] = {
        T(paper__in_order__verified_and_repeated_copies_once),
        T(paper__one_package_lost__the_next_ends_the_session),
        T(paper__failed_check__signed_refusal_and_the_keys_are_gone),
        T(paper__another_session_after_it_ended__verifies),
        T(paper__package_that_claims_another_profile__ends_the_session),
        T(paper__device_that_takes_no_part_in_it_now__refused_and_the_session_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
