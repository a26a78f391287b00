/* test_session.c - the ratchet, receipts, digests and fingerprints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/session.h"
#include "tests/unit/covers.h"

#define STEPS 64

static int start(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

/* ---- ratchet ---- */

static void session_step__two_ends_stay_in_step(void **state)
{
    uint8_t a[KEY_BYTES] = {1}, b[KEY_BYTES] = {1}, seed_a[KEY_BYTES], seed_b[KEY_BYTES];

    (void)state;
    for (int i = 0; i < STEPS; i++) {
        session_step(a, seed_a);
        session_step(b, seed_b);
        assert_memory_equal(seed_a, seed_b, KEY_BYTES);
        assert_memory_equal(a, b, KEY_BYTES);
    }
}

static void session_step__no_seed_or_key_comes_twice(void **state)
{
    uint8_t ck[KEY_BYTES] = {0}, seen[2 * STEPS][KEY_BYTES];

    (void)state;
    for (size_t i = 0; i < STEPS; i++) {
        session_step(ck, seen[2 * i]);
        memcpy(seen[2 * i + 1], ck, KEY_BYTES);
    }
    for (size_t i = 0; i < 2 * STEPS; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(seen[i], seen[j], KEY_BYTES);
}

static void session_step__another_bit_of_the_key__another_seed(void **state)
{
    uint8_t first[KEY_BYTES] = {0}, seed[KEY_BYTES], other[KEY_BYTES];

    (void)state;
    session_step(first, seed);
    for (size_t bit = 0; bit < KEY_BYTES * 8; bit++) {
        uint8_t ck[KEY_BYTES] = {0};

        ck[bit / 8] ^= (uint8_t)(1u << bit % 8);
        session_step(ck, other);
        assert_memory_not_equal(seed, other, KEY_BYTES);
        assert_memory_not_equal(first, ck, KEY_BYTES);
    }
}

/* The labels and the order of the fields are on the wire between versions: they must not drift. */
static void session_step__is_the_documented_derivation(void **state)
{
    static const char label[] = "inkpost message seed";
    uint8_t ck[KEY_BYTES], old[KEY_BYTES], seed[KEY_BYTES], expected[KEY_BYTES];
    crypto_generichash_blake2b_state h;
    const uint8_t label_len[4] = {0, 0, 0, sizeof(label) - 1}, none[4] = {0};

    (void)state;
    cover_random(ck, sizeof(ck), 5);
    memcpy(old, ck, sizeof(ck));
    session_step(ck, seed);
    crypto_generichash_blake2b_init(&h, old, KEY_BYTES, KEY_BYTES);
    crypto_generichash_blake2b_update(&h, label_len, 4);
    crypto_generichash_blake2b_update(&h, (const uint8_t *)label, sizeof(label) - 1);
    crypto_generichash_blake2b_update(&h, none, 4);
    crypto_generichash_blake2b_final(&h, expected, KEY_BYTES);
    assert_memory_equal(seed, expected, KEY_BYTES);
}

/* ---- receipts ---- */

static struct msg_receipt receipt(void)
{
    struct msg_receipt r = {.direction = 0, .index = 300, .status = RECEIPT_VERIFIED};

    memcpy(r.peer, "bob", 4);
    cover_random(r.session, sizeof(r.session), 1);
    cover_random(r.digest, sizeof(r.digest), 2);
    return r;
}

static void expect_other_mac(const uint8_t rk[KEY_BYTES], const struct msg_receipt *changed)
{
    uint8_t mac[MAC_BYTES], other[MAC_BYTES], key[KEY_BYTES] = {9};
    struct msg_receipt r = receipt();

    receipt_mac(mac, key, &r);
    receipt_mac(other, rk, changed);
    assert_memory_not_equal(mac, other, MAC_BYTES);
}

static void receipt_mac__same_fields__same_mac(void **state)
{
    uint8_t mac[MAC_BYTES], again[MAC_BYTES], key[KEY_BYTES] = {9};
    struct msg_receipt r = receipt();

    (void)state;
    receipt_mac(mac, key, &r);
    memset(r.mac, 0xff, sizeof(r.mac));
    receipt_mac(again, key, &r);
    assert_memory_equal(mac, again, MAC_BYTES);
}

static void receipt_mac__any_bit_of_any_field__another_mac(void **state)
{
    uint8_t key[KEY_BYTES] = {9};
    struct msg_receipt r;

    (void)state;
    for (size_t bit = 0; bit < 8 * SESSION_ID_BYTES; bit++) {
        r = receipt();
        r.session[bit / 8] ^= (uint8_t)(1u << bit % 8);
        expect_other_mac(key, &r);
        r = receipt();
        r.digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
        expect_other_mac(key, &r);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        r = receipt();
        r.index ^= UINT64_C(1) << bit;
        expect_other_mac(key, &r);
    }
    for (unsigned bit = 0; bit < 8; bit++) {
        r = receipt();
        r.direction ^= (uint8_t)(1u << bit);
        expect_other_mac(key, &r);
        r = receipt();
        r.status ^= (uint8_t)(1u << bit);
        expect_other_mac(key, &r);
    }
}

static void receipt_mac__another_key__another_mac(void **state)
{
    struct msg_receipt r = receipt();

    (void)state;
    for (size_t bit = 0; bit < 8 * KEY_BYTES; bit++) {
        uint8_t key[KEY_BYTES] = {9};

        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        expect_other_mac(key, &r);
    }
}

/* ---- digests and fingerprints ---- */

static void package_digest__any_bit_or_length__another_digest(void **state)
{
    uint8_t body[48] = {0}, digest[DIGEST_BYTES], other[DIGEST_BYTES];

    (void)state;
    package_digest(digest, body, sizeof(body));
    for (size_t bit = 0; bit < 8 * sizeof(body); bit++) {
        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
        package_digest(other, body, sizeof(body));
        assert_memory_not_equal(digest, other, DIGEST_BYTES);
        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < sizeof(body); len++) {
        package_digest(other, body, len);
        assert_memory_not_equal(digest, other, DIGEST_BYTES);
    }
    package_digest(other, body, sizeof(body));
    assert_memory_equal(digest, other, DIGEST_BYTES);
}

static void key_fingerprint__eight_groups_of_four_hex_digits(void **state)
{
    uint8_t key[KEY_BYTES];
    char text[FINGERPRINT_CHARS];

    (void)state;
    cover_random(key, sizeof(key), 3);
    key_fingerprint(text, key);
    assert_int_equal(strlen(text), FINGERPRINT_CHARS - 1);
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (i % 5 == 4)
            assert_int_equal(text[i], ' ');
        else
            assert_non_null(strchr("0123456789abcdef", text[i]));
    }
}

static void key_fingerprint__another_key__another_fingerprint(void **state)
{
    char text[FINGERPRINT_CHARS], other[FINGERPRINT_CHARS];
    uint8_t key[KEY_BYTES] = {0};

    (void)state;
    key_fingerprint(text, key);
    for (size_t bit = 0; bit < 8 * KEY_BYTES; bit++) {
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        key_fingerprint(other, key);
        assert_string_not_equal(text, other);
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_step__two_ends_stay_in_step),
        cmocka_unit_test(session_step__no_seed_or_key_comes_twice),
        cmocka_unit_test(session_step__another_bit_of_the_key__another_seed),
        cmocka_unit_test(session_step__is_the_documented_derivation),
        cmocka_unit_test(receipt_mac__same_fields__same_mac),
        cmocka_unit_test(receipt_mac__any_bit_of_any_field__another_mac),
        cmocka_unit_test(receipt_mac__another_key__another_mac),
        cmocka_unit_test(package_digest__any_bit_or_length__another_digest),
        cmocka_unit_test(key_fingerprint__eight_groups_of_four_hex_digits),
        cmocka_unit_test(key_fingerprint__another_key__another_fingerprint),
    };

    return cmocka_run_group_tests_name("session", tests, start, NULL);
}
