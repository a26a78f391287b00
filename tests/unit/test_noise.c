/*
 * test_noise.c - behaviour of the handshakes that vectors cannot show: what is refused, that a
 * refusal changes nothing, and the saved form. Everything runs for both patterns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/noise.h"

#define MESSAGE_CAP 256

static const enum noise_pattern both[] = {NOISE_IK, NOISE_KKPSK2};

/* Both ends of one handshake. */
struct pair {
    struct noise_keypair key[2];
    uint8_t psk[NOISE_KEY_BYTES];
    struct noise_handshake side[2];
    uint8_t msg[MESSAGE_CAP];
    size_t len;
};

static struct noise_setup setup_of(const struct pair *p, enum noise_pattern pattern, int initiator)
{
    int self = initiator ? 0 : 1;
    struct noise_setup setup = {.pattern = pattern,
                                .initiator = initiator,
                                .prologue = (const uint8_t *)"prologue",
                                .prologue_len = 8,
                                .s = &p->key[self]};

    if (initiator || pattern == NOISE_KKPSK2)
        setup.rs = p->key[1 - self].public_key;
    if (pattern == NOISE_KKPSK2)
        setup.psk = p->psk;
    return setup;
}

static void pair_start(struct pair *p, enum noise_pattern pattern)
{
    for (int i = 0; i < 2; i++)
        noise_keypair_new(&p->key[i]);
    randombytes_buf(p->psk, sizeof p->psk);
    for (int i = 0; i < 2; i++) {
        struct noise_setup setup = setup_of(p, pattern, i == 0);

        assert_int_equal(noise_start(&p->side[i], &setup), 0);
    }
}

/* Side `from` writes its message, with a payload, to p->msg. */
static void pair_write(struct pair *p, int from)
{
    assert_int_equal(
        noise_write(&p->side[from], (const uint8_t *)"payload", 7, p->msg, sizeof p->msg, &p->len),
        0);
}

static int pair_read(struct pair *p, int to)
{
    uint8_t payload[MESSAGE_CAP];
    size_t len;
    int rc = noise_read(&p->side[to], p->msg, p->len, payload, sizeof payload, &len);

    if (rc == 0) {
        assert_int_equal(len, 7);
        assert_memory_equal(payload, "payload", 7);
    } else {
        assert_int_equal(len, 0);
    }
    return rc;
}

/* Run up to the point where message number `step` lies written and unread. */
static void pair_run_to(struct pair *p, enum noise_pattern pattern, int step)
{
    pair_start(p, pattern);
    pair_write(p, 0);
    if (step == 1) {
        assert_int_equal(pair_read(p, 1), 0);
        pair_write(p, 1);
    }
}

static void noise_handshake__both_sides__agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pair p;
        struct noise_cipher a_send, a_recv, b_send, b_recv;

        pair_run_to(&p, both[i], 1);
        assert_false(noise_done(&p.side[0]));
        assert_int_equal(noise_split(&p.side[0], &a_send, &a_recv), ERR_STATE);
        assert_int_equal(pair_read(&p, 0), 0);
        assert_true(noise_done(&p.side[0]) && noise_done(&p.side[1]));
        assert_memory_equal(p.side[0].h, p.side[1].h, NOISE_HASH_BYTES);
        assert_true(p.side[1].has_rs);
        assert_memory_equal(p.side[1].rs, p.key[0].public_key, NOISE_KEY_BYTES);
        assert_int_equal(noise_split(&p.side[0], &a_send, &a_recv), 0);
        assert_int_equal(noise_split(&p.side[1], &b_send, &b_recv), 0);
        assert_memory_equal(&a_send, &b_recv, sizeof a_send);
        assert_memory_equal(&a_recv, &b_send, sizeof a_recv);
        assert_memory_not_equal(&a_send, &a_recv, sizeof a_send);
    }
}

static void noise_message__overhead__as_declared(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pair p;

        pair_run_to(&p, both[i], 0);
        assert_int_equal(p.len, 7 + (both[i] == NOISE_IK ? NOISE_IK_1_OVERHEAD : NOISE_OVERHEAD));
        assert_int_equal(pair_read(&p, 1), 0);
        pair_write(&p, 1);
        assert_int_equal(p.len, 7 + NOISE_OVERHEAD);
    }
}

static void noise_read__any_bit_flipped__refused_unchanged(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct pair p;
        struct noise_handshake before;
        int step = i % 2, to = 1 - step;

        pair_run_to(&p, both[i / 2], step);
        before = p.side[to];
        for (size_t bit = 0; bit < p.len * 8; bit++) {
            p.msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(pair_read(&p, to), ERR_AUTH);
            assert_memory_equal(&p.side[to], &before, sizeof before);
            p.msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(pair_read(&p, to), 0);
    }
}

static void noise_read__any_truncation__refused_unchanged(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct pair p;
        struct noise_handshake before;
        int step = i % 2, to = 1 - step;
        size_t whole;

        pair_run_to(&p, both[i / 2], step);
        before = p.side[to];
        whole = p.len;
        for (p.len = 0; p.len < whole; p.len++) {
            int rc = pair_read(&p, to);

            assert_true(rc == ERR_MALFORMED || rc == ERR_AUTH);
            assert_memory_equal(&p.side[to], &before, sizeof before);
        }
        assert_int_equal(pair_read(&p, to), 0);
    }
}

static void noise_read__appended_byte__refused(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct pair p;

        pair_run_to(&p, both[i / 2], i % 2);
        p.msg[p.len++] = 0;
        assert_int_equal(pair_read(&p, 1 - i % 2), ERR_AUTH);
    }
}

/* Points of order 1, 2, 4 and 8 and their non-canonical forms give an all-zero shared secret. */
static const char *const low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

#define LOW_ORDER_COUNT (sizeof low_order / sizeof low_order[0])

static void low_order_point(size_t i, uint8_t out[NOISE_KEY_BYTES])
{
    assert_int_equal(sodium_hex2bin(out, NOISE_KEY_BYTES, low_order[i], 64, NULL, NULL, NULL), 0);
}

static void noise_read__low_order_ephemeral__refused_unchanged(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4 * LOW_ORDER_COUNT; i++) {
        struct pair p;
        struct noise_handshake before;
        int step = (int)i % 2, to = 1 - step;

        pair_run_to(&p, both[i / 2 % 2], step);
        before = p.side[to];
        low_order_point(i / 4, p.msg);
        assert_int_equal(pair_read(&p, to), ERR_AUTH);
        assert_memory_equal(&p.side[to], &before, sizeof before);
    }
}

static void noise_read__low_order_static__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOW_ORDER_COUNT; i++) {
        struct pair p;

        pair_start(&p, NOISE_IK);
        low_order_point(i, p.side[0].s.public_key);
        pair_write(&p, 0);
        assert_int_equal(pair_read(&p, 1), ERR_AUTH);
        assert_false(p.side[1].has_rs);
    }
}

static void noise_write__low_order_peer__refused_unchanged(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * LOW_ORDER_COUNT; i++) {
        struct pair p;
        struct noise_handshake before;
        uint8_t rs[NOISE_KEY_BYTES];
        struct noise_setup setup;

        pair_start(&p, both[i % 2]);
        low_order_point(i / 2, rs);
        setup = setup_of(&p, both[i % 2], 1);
        setup.rs = rs;
        assert_int_equal(noise_start(&p.side[0], &setup), 0);
        before = p.side[0];
        assert_int_equal(noise_write(&p.side[0], NULL, 0, p.msg, sizeof p.msg, &p.len), ERR_AUTH);
        assert_int_equal(p.len, 0);
        assert_memory_equal(&p.side[0], &before, sizeof before);
    }
}

static void noise_read__wrong_psk__refused(void **state)
{
    struct pair p;
    struct noise_setup setup;

    (void)state;
    pair_start(&p, NOISE_KKPSK2);
    p.psk[0] ^= 1;
    setup = setup_of(&p, NOISE_KKPSK2, 0);
    assert_int_equal(noise_start(&p.side[1], &setup), 0);
    pair_write(&p, 0);
    /* psk2 enters at the end of message 2, so only there does it show. */
    assert_int_equal(pair_read(&p, 1), 0);
    pair_write(&p, 1);
    assert_int_equal(pair_read(&p, 0), ERR_AUTH);
}

static void noise_read__wrong_prologue__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pair p;
        struct noise_setup setup;

        pair_start(&p, both[i]);
        setup = setup_of(&p, both[i], 0);
        setup.prologue = (const uint8_t *)"Prologue";
        assert_int_equal(noise_start(&p.side[1], &setup), 0);
        pair_write(&p, 0);
        assert_int_equal(pair_read(&p, 1), ERR_AUTH);
    }
}

static void noise_read__wrong_static__refused(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        enum noise_pattern pattern = both[i % 2];
        struct noise_keypair other;
        struct noise_setup setup;
        struct pair p;

        /* i < 2: the initiator expects another responder; else it is another initiator. */
        noise_keypair_new(&other);
        pair_start(&p, pattern);
        setup = setup_of(&p, pattern, 1);
        if (i < 2)
            setup.rs = other.public_key;
        else
            setup.s = &other;
        assert_int_equal(noise_start(&p.side[0], &setup), 0);
        pair_write(&p, 0);
        if (pattern == NOISE_IK && i >= 2) {
            /* IK lets any key in: the caller sees which. */
            assert_int_equal(pair_read(&p, 1), 0);
            assert_memory_equal(p.side[1].rs, other.public_key, NOISE_KEY_BYTES);
        } else {
            assert_int_equal(pair_read(&p, 1), ERR_AUTH);
        }
    }
}

/* Knows the initiator's public key only: cannot make its first message. */
static void noise_read__initiator_without_its_secret__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pair p;

        pair_start(&p, both[i]);
        randombytes_buf(p.side[0].s.secret_key, NOISE_KEY_BYTES);
        pair_write(&p, 0);
        assert_int_equal(pair_read(&p, 1), ERR_AUTH);
    }
}

static void noise_start__keys_that_do_not_fit__refused(void **state)
{
    struct noise_handshake hs;
    struct noise_setup setup;
    struct pair p;

    (void)state;
    pair_start(&p, NOISE_IK);
    setup = setup_of(&p, NOISE_IK, 1);
    setup.rs = NULL;
    assert_int_equal(noise_start(&hs, &setup), ERR_ARG);
    setup = setup_of(&p, NOISE_IK, 1);
    setup.psk = p.psk;
    assert_int_equal(noise_start(&hs, &setup), ERR_ARG);
    setup = setup_of(&p, NOISE_IK, 0);
    setup.rs = p.key[0].public_key;
    assert_int_equal(noise_start(&hs, &setup), ERR_ARG);
    setup = setup_of(&p, NOISE_KKPSK2, 0);
    setup.psk = NULL;
    assert_int_equal(noise_start(&hs, &setup), ERR_ARG);
    setup = setup_of(&p, NOISE_KKPSK2, 0);
    setup.s = NULL;
    assert_int_equal(noise_start(&hs, &setup), ERR_ARG);
    setup = setup_of(&p, (enum noise_pattern)0, 1);
    assert_int_equal(noise_start(&hs, &setup), ERR_ARG);
    setup = setup_of(&p, (enum noise_pattern)3, 1);
    assert_int_equal(noise_start(&hs, &setup), ERR_ARG);
    assert_int_equal(noise_write(&hs, NULL, 0, p.msg, sizeof p.msg, &p.len), ERR_STATE);
}

static void noise_calls__out_of_turn__refused(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pair_start(&p, both[i]);
        p.len = 100;
        assert_int_equal(pair_read(&p, 0), ERR_STATE);
        assert_int_equal(noise_write(&p.side[1], NULL, 0, p.msg, sizeof p.msg, &p.len), ERR_STATE);
        pair_write(&p, 0);
        assert_int_equal(noise_write(&p.side[0], NULL, 0, p.msg, sizeof p.msg, &p.len), ERR_STATE);
        pair_run_to(&p, both[i], 1);
        assert_int_equal(pair_read(&p, 0), 0);
        assert_int_equal(pair_read(&p, 0), ERR_STATE);
        assert_int_equal(noise_write(&p.side[0], NULL, 0, p.msg, sizeof p.msg, &p.len), ERR_STATE);
        noise_wipe(&p.side[0]);
        assert_true(sodium_is_zero((const uint8_t *)&p.side[0], sizeof p.side[0]));
        assert_false(noise_done(&p.side[0]));
        assert_int_equal(pair_read(&p, 0), ERR_STATE);
    }
}

static void noise_write__too_little_room__refused_unchanged(void **state)
{
    struct pair p;
    uint8_t payload[8];
    size_t len;

    (void)state;
    for (int i = 0; i < 4; i++) {
        int step = i % 2;
        struct noise_handshake before;
        size_t whole;

        pair_run_to(&p, both[i / 2], step);
        whole = p.len;
        before = p.side[1 - step];
        assert_int_equal(noise_read(&p.side[1 - step], p.msg, p.len, payload, 6, &len),
                         ERR_TOO_SMALL);
        assert_memory_equal(&p.side[1 - step], &before, sizeof before);
        pair_start(&p, both[i / 2]);
        if (step == 1) {
            pair_write(&p, 0);
            assert_int_equal(pair_read(&p, 1), 0);
        }
        for (size_t cap = 0; cap < whole; cap++) {
            assert_int_equal(
                noise_write(&p.side[step], (const uint8_t *)"payload", 7, p.msg, cap, &len),
                ERR_TOO_SMALL);
            assert_int_equal(len, 0);
        }
        assert_int_equal(
            noise_write(&p.side[step], (const uint8_t *)"payload", 7, p.msg, whole, &len), 0);
        assert_int_equal(len, whole);
    }
}

static void noise_messages__above_65535_bytes__refused(void **state)
{
    static uint8_t big[NOISE_MESSAGE_MAX + 1], out[2 * NOISE_MESSAGE_MAX];
    struct pair p;
    size_t len;

    (void)state;
    pair_start(&p, NOISE_IK);
    assert_int_equal(noise_write(&p.side[0], big, NOISE_MESSAGE_MAX - NOISE_IK_1_OVERHEAD + 1, out,
                                 sizeof out, &len),
                     ERR_TOO_LARGE);
    assert_int_equal(noise_read(&p.side[1], big, sizeof big, out, sizeof out, &len), ERR_TOO_LARGE);
    assert_int_equal(noise_write(&p.side[0], big, NOISE_MESSAGE_MAX - NOISE_IK_1_OVERHEAD, out,
                                 sizeof out, &len),
                     0);
    assert_int_equal(len, NOISE_MESSAGE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_handshake__both_sides__agree),
        cmocka_unit_test(noise_message__overhead__as_declared),
        cmocka_unit_test(noise_read__any_bit_flipped__refused_unchanged),
        cmocka_unit_test(noise_read__any_truncation__refused_unchanged),
        cmocka_unit_test(noise_read__appended_byte__refused),
        cmocka_unit_test(noise_read__low_order_ephemeral__refused_unchanged),
        cmocka_unit_test(noise_read__low_order_static__refused),
        cmocka_unit_test(noise_write__low_order_peer__refused_unchanged),
        cmocka_unit_test(noise_read__wrong_psk__refused),
        cmocka_unit_test(noise_read__wrong_prologue__refused),
        cmocka_unit_test(noise_read__wrong_static__refused),
        cmocka_unit_test(noise_read__initiator_without_its_secret__refused),
        cmocka_unit_test(noise_start__keys_that_do_not_fit__refused),
        cmocka_unit_test(noise_calls__out_of_turn__refused),
        cmocka_unit_test(noise_write__too_little_room__refused_unchanged),
        cmocka_unit_test(noise_messages__above_65535_bytes__refused),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
