/* test_noise_saved.c - transport ciphers on their own, and the saved form of a handshake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/noise.h"

static const uint8_t psk[NOISE_KEY_BYTES] = {1, 2, 3};

struct pair {
    struct noise_keypair key[2];
    struct noise_handshake side[2];
};

/* Message 1 written and read; the initiator waits for message 2. */
static void pair_half_way(struct pair *p, enum noise_pattern pattern)
{
    uint8_t msg[NOISE_IK_1_OVERHEAD], payload[1];
    size_t len, payload_len;

    for (int i = 0; i < 2; i++)
        noise_keypair_new(&p->key[i]);
    for (int i = 0; i < 2; i++) {
        struct noise_setup setup = {.pattern = pattern, .initiator = i == 0, .s = &p->key[i]};

        if (i == 0 || pattern == NOISE_KKPSK2)
            setup.rs = p->key[1 - i].public_key;
        if (pattern == NOISE_KKPSK2)
            setup.psk = psk;
        assert_int_equal(noise_start(&p->side[i], &setup), 0);
    }
    assert_int_equal(noise_write(&p->side[0], NULL, 0, msg, sizeof msg, &len), 0);
    assert_int_equal(noise_read(&p->side[1], msg, len, payload, 0, &payload_len), 0);
}

static void noise_load__after_save__finishes_handshake(void **state)
{
    (void)state;
    for (enum noise_pattern pattern = NOISE_IK; pattern <= NOISE_KKPSK2; pattern++) {
        struct pair p;
        struct noise_handshake restored;
        struct noise_cipher ours[2], theirs[2];
        uint8_t saved[NOISE_SAVED_BYTES], again[NOISE_SAVED_BYTES], msg[64], payload[1];
        size_t len, payload_len;

        pair_half_way(&p, pattern);
        assert_int_equal(noise_save(&p.side[0], saved), 0);
        assert_int_equal(noise_load(&restored, saved, sizeof saved, &p.key[0]), 0);
        assert_int_equal(noise_save(&restored, again), 0);
        assert_memory_equal(saved, again, sizeof saved);
        assert_int_equal(noise_write(&p.side[1], NULL, 0, msg, sizeof msg, &len), 0);
        assert_int_equal(noise_read(&restored, msg, len, payload, 0, &payload_len), 0);
        assert_memory_equal(restored.h, p.side[1].h, NOISE_HASH_BYTES);
        assert_memory_equal(restored.rs, p.key[1].public_key, NOISE_KEY_BYTES);
        assert_int_equal(noise_split(&restored, &ours[0], &ours[1]), 0);
        assert_int_equal(noise_split(&p.side[1], &theirs[1], &theirs[0]), 0);
        assert_memory_equal(ours, theirs, sizeof ours);
    }
}

static void noise_save__not_an_initiator_half_way__refused(void **state)
{
    struct pair p;
    uint8_t saved[NOISE_SAVED_BYTES], msg[64];
    size_t len;

    (void)state;
    pair_half_way(&p, NOISE_KKPSK2);
    assert_int_equal(noise_save(&p.side[1], saved), ERR_STATE);
    assert_int_equal(noise_write(&p.side[1], NULL, 0, msg, sizeof msg, &len), 0);
    assert_int_equal(noise_read(&p.side[0], msg, len, NULL, 0, &len), 0);
    assert_int_equal(noise_save(&p.side[0], saved), ERR_STATE);
    noise_wipe(&p.side[0]);
    assert_int_equal(noise_save(&p.side[0], saved), ERR_STATE);
}

static void noise_save__saved_form__holds_no_static_secret(void **state)
{
    struct pair p;
    uint8_t saved[NOISE_SAVED_BYTES];

    (void)state;
    pair_half_way(&p, NOISE_KKPSK2);
    assert_int_equal(noise_save(&p.side[0], saved), 0);
    for (size_t i = 0; i + 8 <= sizeof saved; i++)
        assert_memory_not_equal(saved + i, p.key[0].secret_key, 8);
}

static void noise_load__any_bit_flipped__refused_and_wiped(void **state)
{
    (void)state;
    for (enum noise_pattern pattern = NOISE_IK; pattern <= NOISE_KKPSK2; pattern++) {
        struct pair p;
        struct noise_handshake hs;
        uint8_t saved[NOISE_SAVED_BYTES];

        pair_half_way(&p, pattern);
        assert_int_equal(noise_save(&p.side[0], saved), 0);
        for (size_t bit = 0; bit < sizeof saved * 8; bit++) {
            int rc;

            saved[bit / 8] ^= (uint8_t)(1u << bit % 8);
            rc = noise_load(&hs, saved, sizeof saved, &p.key[0]);
            assert_int_equal(rc, bit < 8 && bit > 0 ? ERR_VERSION : ERR_MALFORMED);
            assert_true(sodium_is_zero((const uint8_t *)&hs, sizeof hs));
            saved[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(noise_load(&hs, saved, sizeof saved, &p.key[0]), 0);
    }
}

static void noise_load__any_other_length__refused(void **state)
{
    struct pair p;
    struct noise_handshake hs;
    uint8_t saved[NOISE_SAVED_BYTES + 1] = {0};

    (void)state;
    pair_half_way(&p, NOISE_KKPSK2);
    assert_int_equal(noise_save(&p.side[0], saved), 0);
    for (size_t len = 0; len <= sizeof saved; len++) {
        if (len != NOISE_SAVED_BYTES)
            assert_int_equal(noise_load(&hs, saved, len, &p.key[0]), ERR_MALFORMED);
    }
}

static void noise_load__another_static_key__refused(void **state)
{
    struct pair p;
    struct noise_handshake hs;
    uint8_t saved[NOISE_SAVED_BYTES];

    (void)state;
    pair_half_way(&p, NOISE_KKPSK2);
    assert_int_equal(noise_save(&p.side[0], saved), 0);
    assert_int_equal(noise_load(&hs, saved, sizeof saved, &p.key[1]), ERR_ARG);
    assert_true(sodium_is_zero((const uint8_t *)&hs, sizeof hs));
}

static void noise_decrypt__failure__counter_stays(void **state)
{
    struct noise_cipher send = {{7}, 0}, recv = {{7}, 0};
    uint8_t buf[5 + NOISE_TAG_BYTES], forged[sizeof buf], out[5];
    const uint8_t ad[] = {9};

    (void)state;
    assert_int_equal(noise_encrypt(&send, ad, 1, (const uint8_t *)"hello", 5, buf), 0);
    assert_int_equal(send.n, 1);
    for (size_t bit = 0; bit < sizeof buf * 8; bit++) {
        memcpy(forged, buf, sizeof buf);
        forged[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(noise_decrypt(&recv, ad, 1, forged, sizeof forged, out), ERR_AUTH);
    }
    for (size_t len = 0; len < sizeof buf; len++)
        assert_int_equal(noise_decrypt(&recv, ad, 1, buf, len, out),
                         len < NOISE_TAG_BYTES ? ERR_MALFORMED : ERR_AUTH);
    assert_int_equal(noise_decrypt(&recv, ad, 0, buf, sizeof buf, out), ERR_AUTH);
    assert_int_equal(recv.n, 0);
    assert_int_equal(noise_decrypt(&recv, ad, 1, buf, sizeof buf, out), 0);
    assert_memory_equal(out, "hello", 5);
    assert_int_equal(recv.n, 1);
    assert_int_equal(noise_decrypt(&recv, ad, 1, buf, sizeof buf, out), ERR_AUTH);
}

static void noise_cipher__counter_exhausted__refused(void **state)
{
    struct noise_cipher send = {{7}, UINT64_MAX - 1}, recv = send;
    uint8_t buf[NOISE_TAG_BYTES];

    (void)state;
    assert_int_equal(noise_encrypt(&send, NULL, 0, NULL, 0, buf), 0);
    assert_int_equal(noise_encrypt(&send, NULL, 0, NULL, 0, buf), ERR_STATE);
    assert_int_equal(noise_decrypt(&recv, NULL, 0, buf, sizeof buf, NULL), 0);
    assert_int_equal(noise_decrypt(&recv, NULL, 0, buf, sizeof buf, NULL), ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_load__after_save__finishes_handshake),
        cmocka_unit_test(noise_save__not_an_initiator_half_way__refused),
        cmocka_unit_test(noise_save__saved_form__holds_no_static_secret),
        cmocka_unit_test(noise_load__any_bit_flipped__refused_and_wiped),
        cmocka_unit_test(noise_load__any_other_length__refused),
        cmocka_unit_test(noise_load__another_static_key__refused),
        cmocka_unit_test(noise_decrypt__failure__counter_stays),
        cmocka_unit_test(noise_cipher__counter_exhausted__refused),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
