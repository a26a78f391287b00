/*
 * test_sealed.c - the profile `sealed`: by vectors made elsewhere (sealed_reference.py), in every
 * suite; what can be seen of a message, and that nothing else than the message comes out.
 */
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
#include "common/package.h"
#include "common/padding.h"
#include "common/suite.h"
#include "tests/unit/covers.h"
#include "tests/unit/msg_fill.h"

#define VECTORS "tests/unit/sealed-vectors.txt"
#define FIELDS  6
#define SIDE    64

static const char words[] = "The kettle is on, and nobody but bob may know.";

/* A package in one suite, and what it decodes to (m borrows from made.body). */
struct sample {
    struct keybuf key;
    uint8_t *cover;
    struct package made;
    struct msg m;
};

static struct keybuf key_of(uint8_t suite, uint32_t number)
{
    struct keybuf key = {0};
    uint8_t seed[KEY_BYTES];

    cover_random(seed, sizeof(seed), number);
    keybuf_set(&key, seed, sizeof(seed));
    keybuf_append(&key, &suite, 1);
    return key;
}

static int try_make(struct sample *s, uint8_t suite, const void *message, size_t len, int exact)
{
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *p = &m.u.package;

    memset(s, 0, sizeof(*s));
    s->key = key_of(suite, 9);
    s->cover = cover_make("busy", SIDE, SIDE);
    p->profile = PROFILE_SEALED;
    p->codec = STEGO_LIGHT;
    cover_random(p->session, sizeof(p->session), 1);
    p->index = 5;
    p->seq = 77;
    memcpy(p->from, "alice", 6);
    memcpy(p->to, "bob", 4);
    p->message = (struct blob){message, len};
    return package_make(&s->made, &m, &(struct pgm_view){SIDE, SIDE, s->cover}, &s->key, exact);
}

static void make(struct sample *s, uint8_t suite, const void *message, size_t len, int exact)
{
    assert_int_equal(try_make(s, suite, message, len, exact), 0);
    assert_int_equal(msg_decode(&s->m, MSG_PACKAGE, s->made.body, s->made.len), 0);
}

static void drop(struct sample *s)
{
    free(s->made.body);
    free(s->cover);
}

/* The result of opening, with nothing left in the buffer when it is refused. */
static int open_as(const struct msg *m, const struct keybuf *key)
{
    struct package_opened opened;
    int err = package_open(&opened, m, key);

    if (err == ERR_AUTH && opened.buf != NULL)
        assert_true(sodium_is_zero(opened.buf, m->u.package.message.len));
    package_opened_free(&opened);
    return err;
}

static int check_bytes(const struct sample *s)
{
    struct msg m;
    int err = msg_decode(&m, MSG_PACKAGE, s->made.body, s->made.len);

    return err != 0 ? err : open_as(&m, &s->key);
}

static void opens_as(const struct sample *s, const void *message, size_t len)
{
    struct package_opened opened;

    assert_int_equal(package_open(&opened, &s->m, &s->key), 0);
    assert_int_equal(opened.message.len, len);
    if (len > 0)
        assert_memory_equal(opened.message.p, message, len);
    package_opened_free(&opened);
}

/* Every suite of the profile that this processor has, in turn: 0 at the end. */
static uint8_t next_suite(uint8_t before)
{
    const struct list *l = &profile_sealed.suites;
    int take = before == 0;

    for (size_t i = 0; i < l->n; i++) {
        if (take && suite_find(l->v[i])->available())
            return l->v[i];
        take = take || l->v[i] == before;
    }
    return 0;
}

/* ---- vectors ---- */

struct field {
    uint8_t b[512];
    size_t len;
};

static void unhex(struct field *f, const char *hex)
{
    memset(f, 0, sizeof(*f));
    if (strcmp(hex, "-") != 0)
        assert_int_equal(sodium_hex2bin(f->b, sizeof(f->b), hex, strlen(hex), NULL, &f->len, NULL),
                         0);
}

/* seed, nonce, header, message, field, tag */
static void check_vector(uint8_t suite, const struct field *f)
{
    uint8_t body[1024], hidden[HIDDEN_MAX] = {0}, out[512];
    struct blob image = {NULL, 0};
    struct keybuf key = {0};
    struct wbuf w;
    struct msg m;
    size_t len;

    wbuf_init(&w, body, sizeof(body));
    wbuf_bytes(&w, f[2].b, f[2].len);
    wbuf_blob(&w, &(struct blob){f[4].b, f[4].len});
    wbuf_blob(&w, &image);
    assert_int_equal(msg_decode(&m, MSG_PACKAGE, body, w.len), 0);
    keybuf_set(&key, f[0].b, KEY_BYTES);
    keybuf_append(&key, &suite, 1);
    memcpy(hidden, f[5].b, MAC_BYTES);
    memcpy(hidden + MAC_BYTES, f[1].b, NONCE_BYTES);
    assert_int_equal(profile_sealed.open(&key, &m, hidden, out, &len), 0);
    assert_int_equal(len, f[3].len);
    assert_memory_equal(out, f[3].b, len);
    hidden[0] ^= 1;
    assert_int_equal(profile_sealed.open(&key, &m, hidden, out, &len), ERR_AUTH);
}

static void sealed__vectors_made_elsewhere__open(void **state)
{
    char line[4096], *word, *rest;
    struct field fields[FIELDS];
    FILE *f = fopen(VECTORS, "r");
    int checked = 0;

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        uint8_t suite = (uint8_t)(line[0] - '0');

        (void)strtok_r(line, " \n", &rest);
        for (size_t i = 0; i < FIELDS; i++) {
            word = strtok_r(NULL, " \n", &rest);
            assert_non_null(word);
            unhex(&fields[i], word);
        }
        if (!suite_find(suite)->available())
            continue;
        check_vector(suite, fields);
        checked++;
    }
    fclose(f);
    assert_true(checked >= 14);
}

/* ---- packages ---- */

static void sealed__every_suite_and_length__opens_with_its_key_only(void **state)
{
    static const size_t lengths[] = {0, 1, 63, 64, 1000, 5000};
    static uint8_t message[5000];
    struct sample s;

    (void)state;
    cover_random(message, sizeof(message), 3);
    for (uint8_t suite = next_suite(0); suite != 0; suite = next_suite(suite)) {
        for (size_t i = 0; i < 2 * sizeof(lengths) / sizeof(lengths[0]); i++) {
            make(&s, suite, message, lengths[i / 2], (int)(i % 2));
            opens_as(&s, message, lengths[i / 2]);
            drop(&s);
        }
        make(&s, suite, words, sizeof(words), 0);
        for (size_t bit = 0; bit < 8 * KEY_BYTES; bit += 5) {
            s.key.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(open_as(&s.m, &s.key), ERR_AUTH);
            s.key.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        drop(&s);
    }
}

static void sealed__two_messages_of_one_key__share_nothing(void **state)
{
    struct sample one, two;

    (void)state;
    make(&one, SUITE_XCHACHA20_POLY1305, words, sizeof(words), 0);
    make(&two, SUITE_XCHACHA20_POLY1305, words, sizeof(words), 0);
    assert_memory_equal(one.key.b, two.key.b, KEY_BYTES);
    assert_memory_not_equal(one.m.u.package.message.p, two.m.u.package.message.p, 16);
    drop(&one);
    drop(&two);
}

static int is_in(const uint8_t *p, size_t len, const void *word, size_t n)
{
    return memmem(p, len, word, n) != NULL;
}

static void sealed__package__has_no_piece_of_the_message(void **state)
{
    struct sample s;

    (void)state;
    for (uint8_t suite = next_suite(0); suite != 0; suite = next_suite(suite)) {
        for (int exact = 0; exact < 2; exact++) {
            make(&s, suite, words, sizeof(words), exact);
            for (size_t at = 0; at + 4 <= sizeof(words); at++)
                assert_false(is_in(s.made.body, s.made.len, words + at, 4));
            drop(&s);
        }
    }
}

/* All that the cloud sees of a length is in the header and in the sizes. */
static void sealed__lengths_of_one_class__look_alike(void **state)
{
    static const uint8_t message[64];
    struct sample s;
    size_t size = 0;

    (void)state;
    for (size_t len = 0; len < 64; len += 7) {
        make(&s, SUITE_CHACHA20_POLY1305, message, len, 0);
        assert_int_equal(s.m.u.package.message_bytes, 64);
        assert_true(size == 0 || s.made.len == size);
        size = s.made.len;
        drop(&s);
    }
    make(&s, SUITE_CHACHA20_POLY1305, message, 64, 0);
    assert_int_equal(s.m.u.package.message_bytes, 256);
    drop(&s);
    make(&s, SUITE_CHACHA20_POLY1305, message, 13, 1);
    assert_int_equal(s.m.u.package.message_bytes, 14);
    drop(&s);
}

static void sealed__longest_message__and_one_byte_more(void **state)
{
    uint8_t *message = calloc(1, MESSAGE_MAX);
    struct sample s;

    (void)state;
    assert_non_null(message);
    assert_int_equal(profile_message_max(&profile_sealed), PADDED_MESSAGE_MAX);
    assert_int_equal(profile_message_max(&profile_auth), MESSAGE_MAX);
    for (int exact = 0; exact < 2; exact++) {
        make(&s, SUITE_XCHACHA20_POLY1305, message, PADDED_MESSAGE_MAX, exact);
        assert_int_equal(s.m.u.package.message_bytes, MESSAGE_MAX);
        opens_as(&s, message, PADDED_MESSAGE_MAX);
        drop(&s);
        assert_int_equal(try_make(&s, SUITE_XCHACHA20_POLY1305, message, MESSAGE_MAX, exact),
                         ERR_TOO_LARGE);
        assert_null(s.made.body);
        drop(&s);
    }
    free(message);
}

/* Every bit before the image: header, lengths, ciphertext. */
static void sealed__any_bit_of_header_or_ciphertext__refused(void **state)
{
    struct sample s;
    size_t image;

    (void)state;
    for (uint8_t suite = next_suite(0); suite != 0; suite = next_suite(suite)) {
        make(&s, suite, words, sizeof(words), 0);
        image = msg_offset_of(MSG_PACKAGE, "image", s.made.body, s.made.len);
        assert_true(image < s.made.len);
        for (size_t bit = 0; bit < 8 * image; bit++) {
            s.made.body[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_not_equal(check_bytes(&s), 0);
            s.made.body[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(check_bytes(&s), 0);
        drop(&s);
    }
}

static void sealed__body_cut_anywhere__never_opens(void **state)
{
    struct sample s;
    struct msg m;

    (void)state;
    make(&s, SUITE_XCHACHA20_POLY1305, words, sizeof(words), 0);
    for (size_t len = 0; len < s.made.len; len++)
        assert_int_not_equal(msg_decode(&m, MSG_PACKAGE, s.made.body, len), 0);
    m = s.m;
    for (size_t len = 0; len < s.m.u.package.message.len; len++) {
        m.u.package.message.len = len;
        m.u.package.message_bytes = (uint32_t)len;
        assert_int_equal(open_as(&m, &s.key), ERR_AUTH);
    }
    drop(&s);
}

/* One key never serves two suites, nor two profiles. */
static void sealed__suite_or_profile_taken_for_another__refused(void **state)
{
    struct sample s;
    struct keybuf key;
    struct msg m;

    (void)state;
    for (uint8_t suite = next_suite(0); suite != 0; suite = next_suite(suite)) {
        make(&s, suite, words, sizeof(words), 0);
        for (unsigned other = 0; other < 256; other++) {
            if (other == suite)
                continue;
            key = key_of((uint8_t)other, 9);
            assert_int_not_equal(open_as(&s.m, &key), 0);
        }
        m = s.m;
        m.u.package.profile = PROFILE_AUTH;
        assert_int_not_equal(open_as(&m, &s.key), 0);
        key = s.key;
        key.len = KEY_BYTES;
        assert_int_equal(open_as(&s.m, &key), ERR_ARG);
        drop(&s);
    }
    assert_int_equal(try_make(&s, SUITE_NONE, words, sizeof(words), 0), ERR_ARG);
    drop(&s);
    assert_int_equal(try_make(&s, 200, words, sizeof(words), 0), ERR_ARG);
    drop(&s);
}

static void sealed__image_of_another_package__refused(void **state)
{
    struct sample one, two;
    struct msg m;

    (void)state;
    make(&one, SUITE_XCHACHA20_POLY1305, words, sizeof(words), 0);
    make(&two, SUITE_XCHACHA20_POLY1305, words, sizeof(words), 0);
    m = one.m;
    m.u.package.image = two.m.u.package.image;
    assert_int_equal(open_as(&m, &one.key), ERR_AUTH);
    m = one.m;
    m.u.package.message = two.m.u.package.message;
    assert_int_equal(open_as(&m, &one.key), ERR_AUTH);
    drop(&one);
    drop(&two);
}

/* ---- keys ---- */

static void sealed__take_key__steps_the_chain_and_keeps_the_suite(void **state)
{
    struct keybuf steps = key_of(SUITE_CHACHA20_POLY1305, 4), before = steps, key = {0}, last;

    (void)state;
    assert_int_equal(profile_sealed.take_key(&key, &steps), 0);
    assert_int_equal(key.len, KEY_BYTES + 1);
    assert_int_equal(key.b[KEY_BYTES], SUITE_CHACHA20_POLY1305);
    assert_int_equal(steps.len, KEY_BYTES + 1);
    assert_int_equal(steps.b[KEY_BYTES], SUITE_CHACHA20_POLY1305);
    assert_memory_not_equal(steps.b, before.b, KEY_BYTES);
    last = key;
    assert_int_equal(profile_sealed.take_key(&key, &steps), 0);
    assert_memory_not_equal(key.b, last.b, KEY_BYTES);
}

static void sealed__take_key__of_a_state_that_is_none__refused(void **state)
{
    struct keybuf steps = {0}, key = {0};

    (void)state;
    assert_int_equal(profile_sealed.take_key(&key, &steps), ERR_STATE);
    steps = key_of(SUITE_NONE, 4);
    assert_int_equal(profile_sealed.take_key(&key, &steps), ERR_STATE);
    steps = key_of(SUITE_CHACHA20_POLY1305, 4);
    steps.len--;
    assert_int_equal(profile_sealed.take_key(&key, &steps), ERR_STATE);
    steps.len += 2;
    assert_int_equal(profile_sealed.take_key(&key, &steps), ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealed__vectors_made_elsewhere__open),
        cmocka_unit_test(sealed__every_suite_and_length__opens_with_its_key_only),
        cmocka_unit_test(sealed__two_messages_of_one_key__share_nothing),
        cmocka_unit_test(sealed__package__has_no_piece_of_the_message),
        cmocka_unit_test(sealed__lengths_of_one_class__look_alike),
        cmocka_unit_test(sealed__longest_message__and_one_byte_more),
        cmocka_unit_test(sealed__any_bit_of_header_or_ciphertext__refused),
        cmocka_unit_test(sealed__body_cut_anywhere__never_opens),
        cmocka_unit_test(sealed__suite_or_profile_taken_for_another__refused),
        cmocka_unit_test(sealed__image_of_another_package__refused),
        cmocka_unit_test(sealed__take_key__steps_the_chain_and_keeps_the_suite),
        cmocka_unit_test(sealed__take_key__of_a_state_that_is_none__refused),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("sealed", tests, NULL, NULL);
}
