/* test_suite.c - the table of cipher suites against published vectors, and lists as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/suite.h"
#include "common/text.h"

#define LONG 70000

struct vector {
    uint8_t suite;
    const char *key, *nonce, *ad, *plain;
    const char *cipher; /* its beginning */
    const char *tag;
};

#define SUNSCREEN                                                                                  \
    "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204"  \
    "920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652"   \
    "c2073756e73637265656e20776f756c642062652069742e"
#define KEY_80 "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"

static const struct vector vectors[] = {
    /* draft-irtf-cfrg-xchacha-03, A.3.1 */
    {SUITE_XCHACHA20_POLY1305, KEY_80, "404142434445464748494a4b4c4d4e4f5051525354555657",
     "50515253c0c1c2c3c4c5c6c7", SUNSCREEN, "bd6d179d3e83d43b9576579493c0e939",
     "c0875924c1c7987947deafd8780acf49"},
    /* RFC 8439, 2.8.2 */
    {SUITE_CHACHA20_POLY1305, KEY_80, "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     SUNSCREEN, "d31a8d34648e60db7b86afbc53ef7ec2", "1ae10b594f09e26a7e902ecbd0600691"},
    /* The Galois/Counter Mode of Operation (McGrew and Viega), test case 16 */
    {SUITE_AES_256_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d", "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static size_t unhex(uint8_t *out, const char *hex)
{
    assert_int_equal(text_unhex(out, strlen(hex) / 2, hex), 0);
    return strlen(hex) / 2;
}

static int has(const struct list *l, uint8_t id)
{
    return l->n > 0 && memchr(l->v, id, l->n) != NULL;
}

static struct list parse(const char *text)
{
    struct list l;
    char why[512];

    assert_int_equal(suite_list_parse(&l, text, why, sizeof(why)), 0);
    return l;
}

static void suites__rows__are_found_by_number_and_have_sane_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < suite_count; i++) {
        const struct suite *s = &suite_table[i];

        assert_ptr_equal(suite_find(s->id), s); /* so no number stands twice */
        assert_true(s->id != 0 && suite_count <= LIST_MAX);
        assert_true(s->key_bytes <= SUITE_KEY_MAX && s->nonce_bytes <= SUITE_NONCE_MAX);
        if (s->id == SUITE_NONE) {
            assert_true(s->seal == NULL && s->open == NULL && s->strength == 0);
            continue;
        }
        assert_true(s->key_bytes * 8 >= s->strength && s->strength >= 128);
        assert_int_equal(s->tag_bytes, 16);
    }
    assert_null(suite_find(0));
    assert_null(suite_find(200));
}

static void suite_seal__published_vectors__match(void **state)
{
    uint8_t key[32], nonce[24], ad[64], plain[256], cipher[256], tag[16], want[32];
    int tried = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct vector *v = &vectors[i];
        const struct suite *s = suite_find(v->suite);
        struct blob p = {plain, unhex(plain, v->plain)}, a = {ad, unhex(ad, v->ad)};

        if (!s->available()) {
            printf("%s is not available on this processor\n", s->name);
            continue;
        }
        assert_int_equal(unhex(key, v->key), s->key_bytes);
        assert_int_equal(unhex(nonce, v->nonce), s->nonce_bytes);
        s->seal(cipher, tag, &p, &a, nonce, key);
        assert_memory_equal(cipher, want, unhex(want, v->cipher));
        assert_memory_equal(tag, want, unhex(want, v->tag));
        tried++;
    }
    assert_true(tried >= 2);
}

/* What one text is under one suite. */
struct sealed {
    const struct suite *s;
    uint8_t key[SUITE_KEY_MAX], nonce[SUITE_NONCE_MAX], ad[40], tag[16];
    uint8_t *plain, *cipher, *out;
    size_t len, ad_len;
};

static void make(struct sealed *x, const struct suite *s, size_t len, size_t ad_len)
{
    struct blob plain, ad = {x->ad, ad_len};

    x->s = s;
    x->len = len;
    x->ad_len = ad_len;
    x->plain = malloc(len + 1);
    x->cipher = malloc(len + 1);
    x->out = malloc(len + 1);
    randombytes_buf(x->key, sizeof(x->key));
    randombytes_buf(x->nonce, sizeof(x->nonce));
    randombytes_buf(x->ad, sizeof(x->ad));
    randombytes_buf(x->plain, len + 1);
    plain = (struct blob){x->plain, len};
    s->seal(x->cipher, x->tag, &plain, &ad, x->nonce, x->key);
}

static int open_it(const struct sealed *x)
{
    struct blob cipher = {x->cipher, x->len}, ad = {x->ad, x->ad_len};

    memset(x->out, 0xaa, x->len + 1);
    return x->s->open(x->out, &cipher, x->tag, &ad, x->nonce, x->key);
}

static void drop(struct sealed *x)
{
    free(x->plain);
    free(x->cipher);
    free(x->out);
}

static void suite_open__of_every_length__the_text(void **state)
{
    static const size_t lengths[] = {0, 1, 15, 16, 17, 63, 64, 65, 1000, LONG};
    struct sealed x;

    (void)state;
    for (size_t i = 0; i < suite_count; i++) {
        if (suite_table[i].seal == NULL || !suite_table[i].available())
            continue;
        for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
            make(&x, &suite_table[i], lengths[n], n % 2 == 0 ? 0 : 40);
            assert_int_equal(open_it(&x), 0);
            assert_memory_equal(x.out, x.plain, x.len);
            assert_int_equal(x.out[x.len], 0xaa);
            drop(&x);
        }
    }
}

static void suite_seal__in_place__the_same(void **state)
{
    struct sealed x;

    (void)state;
    for (size_t i = 0; i < suite_count; i++) {
        uint8_t tag[16];

        if (suite_table[i].seal == NULL || !suite_table[i].available())
            continue;
        make(&x, &suite_table[i], 300, 40);
        suite_table[i].seal(x.plain, tag, &(struct blob){x.plain, x.len},
                            &(struct blob){x.ad, x.ad_len}, x.nonce, x.key);
        assert_memory_equal(x.plain, x.cipher, x.len);
        assert_memory_equal(tag, x.tag, 16);
        drop(&x);
    }
}

/* Flip each bit of one input; out must be wiped each time. */
static void refuses(struct sealed *x, uint8_t *p, size_t len)
{
    for (size_t bit = 0; bit < 8 * len; bit++) {
        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(open_it(x), ERR_AUTH);
        assert_true(sodium_is_zero(x->out, x->len));
        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void suite_open__any_bit_of_any_input_changed__refused_and_wiped(void **state)
{
    struct sealed x;

    (void)state;
    for (size_t i = 0; i < suite_count; i++) {
        if (suite_table[i].seal == NULL || !suite_table[i].available())
            continue;
        make(&x, &suite_table[i], 50, 40);
        refuses(&x, x.cipher, x.len);
        refuses(&x, x.tag, 16);
        refuses(&x, x.ad, x.ad_len);
        refuses(&x, x.key, suite_table[i].key_bytes);
        refuses(&x, x.nonce, suite_table[i].nonce_bytes);
        for (x.len = 0; x.len < 50; x.len++)
            assert_int_equal(open_it(&x), ERR_AUTH);
        for (x.ad_len = 0; x.ad_len < 40; x.ad_len++)
            assert_int_equal(open_it(&x), ERR_AUTH);
        drop(&x);
    }
}

static void suite_open__under_another_suite__refused(void **state)
{
    struct sealed x;

    (void)state;
    make(&x, suite_find(SUITE_CHACHA20_POLY1305), 50, 40);
    x.s = suite_find(SUITE_XCHACHA20_POLY1305);
    assert_int_equal(open_it(&x), ERR_AUTH);
    drop(&x);
}

static void suite_list_local__what_this_processor_has__best_first(void **state)
{
    struct list l;

    (void)state;
    suite_list_local(&l);
    assert_int_equal(l.v[0], SUITE_XCHACHA20_POLY1305);
    for (size_t i = 0; i < suite_count; i++)
        assert_int_equal(has(&l, suite_table[i].id), suite_table[i].available() != 0);
}

static void suite_list_strong__by_bits(void **state)
{
    struct list l;

    (void)state;
    suite_list_strong(&l, 0);
    assert_int_equal(l.n, suite_count);
    suite_list_strong(&l, 1);
    assert_false(has(&l, SUITE_NONE));
    assert_true(has(&l, SUITE_AES_256_GCM));
    suite_list_strong(&l, 256);
    assert_true(has(&l, SUITE_XCHACHA20_POLY1305));
    suite_list_strong(&l, 257);
    assert_int_equal(l.n, 0);
}

static void suite_list_parse__names__in_the_order_given(void **state)
{
    struct list l = parse("aes-256-gcm,none,xchacha20-poly1305");

    (void)state;
    assert_int_equal(l.n, 3);
    assert_int_equal(l.v[0], SUITE_AES_256_GCM);
    assert_int_equal(l.v[1], SUITE_NONE);
    assert_int_equal(l.v[2], SUITE_XCHACHA20_POLY1305);
}

static void suite_list_parse__what_is_no_list__says_which_name(void **state)
{
    static const char *const bad[][2] = {
        {"", "\"\""},           {",", "\"\""},
        {"none,", "\"\""},      {",none", "\"\""},
        {"none,,none", "\"\""}, {"rot13", "rot13"},
        {"none,aes", "aes"},    {"none, aes-256-gcm", "aes-256-gcm"},
        {"NONE", "NONE"},       {"none,aes-256-gcm,none", "none is named twice"},
    };
    struct list l;
    char why[512];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(suite_list_parse(&l, bad[i][0], why, sizeof(why)), ERR_ARG);
        assert_non_null(strstr(why, bad[i][1]));
    }
}

static void suite_list_text__parsed_again__the_same(void **state)
{
    char text[SUITE_TEXT_MAX];
    struct list all, again;

    (void)state;
    suite_list_strong(&all, 0);
    suite_list_text(text, &all);
    again = parse(text);
    assert_int_equal(again.n, all.n);
    assert_memory_equal(again.v, all.v, all.n);
    suite_list_text(text, &(struct list){0, {0}});
    assert_string_equal(text, "");
}

static void suite_list_text__full_of_numbers_and_of_long_names__fits(void **state)
{
    struct list l = {LIST_MAX, {0}};
    char text[SUITE_TEXT_MAX];

    (void)state;
    memset(l.v, 201, sizeof(l.v));
    suite_list_text(text, &l);
    assert_int_equal(strncmp(text, "201,201,", 8), 0);
    memset(l.v, SUITE_XCHACHA20_POLY1305, sizeof(l.v));
    suite_list_text(text, &l);
    assert_string_equal(text + strlen(text) - 8, "poly1305");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suites__rows__are_found_by_number_and_have_sane_sizes),
        cmocka_unit_test(suite_seal__published_vectors__match),
        cmocka_unit_test(suite_open__of_every_length__the_text),
        cmocka_unit_test(suite_seal__in_place__the_same),
        cmocka_unit_test(suite_open__any_bit_of_any_input_changed__refused_and_wiped),
        cmocka_unit_test(suite_open__under_another_suite__refused),
        cmocka_unit_test(suite_list_local__what_this_processor_has__best_first),
        cmocka_unit_test(suite_list_strong__by_bits),
        cmocka_unit_test(suite_list_parse__names__in_the_order_given),
        cmocka_unit_test(suite_list_parse__what_is_no_list__says_which_name),
        cmocka_unit_test(suite_list_text__parsed_again__the_same),
        cmocka_unit_test(suite_list_text__full_of_numbers_and_of_long_names__fits),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("suite", tests, NULL, NULL);
}
