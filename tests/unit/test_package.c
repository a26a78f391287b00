/*
 * test_package.c - packages: what was made verifies, and no change of header, message or image
 * makes another message pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/package.h"
#include "common/session.h"
#include "common/stego.h"
#include "tests/unit/covers.h"
#include "tests/unit/msg_fill.h"

#define SIDE 64

static const enum stego_code codes[] = {STEGO_LIGHT, STEGO_STEALTH};
static const char text[] = "The kettle is on.";

/* A package, its own bytes, and what they decode to (m borrows from made.body). */
struct sample {
    struct keybuf key;
    uint8_t *cover;
    struct package made;
    struct msg m;
};

static int start(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

static void fill_header(struct msg *m, enum stego_code code, const void *message, size_t len)
{
    struct msg_package *p = &m->u.package;

    memset(m, 0, sizeof(*m));
    m->type = MSG_PACKAGE;
    p->profile = PROFILE_AUTH;
    p->codec = (uint8_t)code;
    cover_random(p->session, sizeof(p->session), 1);
    p->index = 5;
    p->seq = 77;
    memcpy(p->from, "alice", 6);
    memcpy(p->to, "bob", 4);
    p->message = (struct blob){message, len};
}

static void make(struct sample *s, enum stego_code code, const void *message, size_t len)
{
    struct pgm_view cover = {SIDE, SIDE, NULL};
    struct msg m;

    s->key.len = KEY_BYTES;
    cover_random(s->key.b, KEY_BYTES, 9);
    s->cover = cover_make("busy", SIDE, SIDE);
    cover.pixels = s->cover;
    fill_header(&m, code, message, len);
    assert_int_equal(package_make(&s->made, &m, &cover, &s->key, 0), 0);
    assert_int_equal(msg_decode(&s->m, MSG_PACKAGE, s->made.body, s->made.len), 0);
}

static void drop(struct sample *s)
{
    free(s->made.body);
    free(s->cover);
}

static int check(const struct msg *m, const struct keybuf *key)
{
    struct package_opened o;
    int err = package_open(&o, m, key);

    package_opened_free(&o);
    return err;
}

/* Does the body, as it now stands, verify? Undecodable counts as refused. */
static int check_bytes(const struct sample *s)
{
    struct msg m;
    int err = msg_decode(&m, MSG_PACKAGE, s->made.body, s->made.len);

    return err != 0 ? err : check(&m, &s->key);
}

static uint8_t *pixels_of(struct sample *s)
{
    return s->made.body + s->made.len - (size_t)SIDE * SIDE;
}

static void package_make__verifies_with_its_seed_only(void **state)
{
    struct sample s;

    (void)state;
    for (size_t c = 0; c < 2; c++) {
        make(&s, codes[c], text, sizeof(text));
        assert_int_equal(check(&s.m, &s.key), 0);
        for (size_t bit = 0; bit < 8 * KEY_BYTES; bit += 5) {
            s.key.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(check(&s.m, &s.key), ERR_AUTH);
            s.key.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        drop(&s);
    }
}

static void package_make__lengths_image_digest_and_figures(void **state)
{
    uint8_t digest[DIGEST_BYTES];
    struct pgm_view image;
    uint64_t changed = 0;
    struct sample s;

    (void)state;
    for (size_t c = 0; c < 2; c++, changed = 0) {
        make(&s, codes[c], text, sizeof(text));
        assert_int_equal(s.m.u.package.message_bytes, sizeof(text));
        assert_memory_equal(s.m.u.package.message.p, text, sizeof(text));
        assert_int_equal(s.m.u.package.width, SIDE);
        assert_int_equal(s.m.u.package.height, SIDE);
        package_digest(digest, s.made.body, s.made.len);
        assert_memory_equal(s.made.digest, digest, DIGEST_BYTES);
        assert_int_equal(pgm_parse(s.m.u.package.image.p, s.m.u.package.image.len, &image), 0);
        for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) {
            assert_in_range(abs(image.pixels[i] - s.cover[i]), 0, 1);
            changed += image.pixels[i] != s.cover[i];
        }
        assert_true(changed > 0);
        assert_int_equal(s.made.changed_pixels, changed);
        assert_in_range(s.made.psnr_mdb, 55000, 90000);
        drop(&s);
    }
}

static void package_make__twice__other_bytes_both_verify(void **state)
{
    struct sample one, two;

    (void)state;
    make(&one, STEGO_LIGHT, text, sizeof(text));
    make(&two, STEGO_LIGHT, text, sizeof(text));
    assert_memory_not_equal(one.made.digest, two.made.digest, DIGEST_BYTES);
    assert_int_equal(check(&one.m, &two.key), 0);
    assert_int_equal(check(&two.m, &one.key), 0);
    drop(&one);
    drop(&two);
}

static void package_make__empty_message__verifies(void **state)
{
    struct sample s;

    (void)state;
    make(&s, STEGO_LIGHT, NULL, 0);
    assert_int_equal(s.m.u.package.message.len, 0);
    assert_int_equal(check(&s.m, &s.key), 0);
    drop(&s);
}

static void package_make__no_such_profile_or_a_small_cover__nothing_made(void **state)
{
    uint8_t *pixels = cover_make("busy", 16, 16);
    struct keybuf key = {.len = KEY_BYTES};
    struct pgm_view cover = {16, 16, pixels};
    struct package made;
    struct msg m;

    (void)state;
    fill_header(&m, STEGO_LIGHT, text, sizeof(text));
    assert_int_equal(package_make(&made, &m, &cover, &key, 0), ERR_TOO_SMALL);
    assert_null(made.body);
    m.u.package.profile = 200;
    assert_int_equal(package_make(&made, &m, &cover, &key, 0), ERR_ARG);
    assert_null(made.body);
    free(pixels);
}

/* Every bit before the image: header, lengths and message. */
static void package_check__any_bit_of_header_or_message__refused(void **state)
{
    struct sample s;
    size_t image;

    (void)state;
    for (size_t c = 0; c < 2; c++) {
        make(&s, codes[c], text, sizeof(text));
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

/* Each field as the receiver would see it, with everything else whole. */
static void package_check__any_header_field_changed__refused(void **state)
{
    struct sample s;
    struct msg m;

    (void)state;
    make(&s, STEGO_LIGHT, text, sizeof(text));
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        m = s.m;                                                                                   \
        change;                                                                                    \
        assert_int_not_equal(check(&m, &s.key), 0);                                        \
    } while (0)
    REFUSED(m.u.package.profile++);
    REFUSED(m.u.package.codec = STEGO_STEALTH);
    REFUSED(m.u.package.codec = 0);
    REFUSED(m.u.package.session[0] ^= 1);
    REFUSED(m.u.package.direction = 1);
    REFUSED(m.u.package.index++);
    REFUSED(m.u.package.index += UINT64_C(1) << 32);
    REFUSED(m.u.package.seq++);
    REFUSED(m.u.package.from[0] = 'b');
    REFUSED(memcpy(m.u.package.from, "alic", 5));
    REFUSED(memcpy(m.u.package.to, "bobb", 5));
    REFUSED(m.u.package.message_bytes--);
    REFUSED(m.u.package.message.len--);
    REFUSED((m.u.package.message.len--, m.u.package.message_bytes--));
    REFUSED(m.u.package.width--);
    REFUSED(m.u.package.height++);
#undef REFUSED
    drop(&s);
}

static void package_check__text_moved_between_header_and_message__refused(void **state)
{
    struct sample s;
    struct msg m;

    (void)state;
    make(&s, STEGO_LIGHT, "obhello", 7);
    m = s.m;
    memcpy(m.u.package.to, "bobob", 6);
    m.u.package.message = (struct blob){(const uint8_t *)"hello", 5};
    m.u.package.message_bytes = 5;
    assert_int_equal(check(&m, &s.key), ERR_AUTH);
    drop(&s);
}

/* The image is the carrier: a change of it destroys the hidden proof, or leaves it whole. Counts
 * how many single pixels do which; both must occur. */
static void package_check__one_pixel_changed__refused_or_the_genuine_message(void **state)
{
    size_t whole, destroyed;
    struct sample s;

    (void)state;
    for (size_t c = 0; c < 2; c++) {
        whole = destroyed = 0;
        make(&s, codes[c], text, sizeof(text));
        for (size_t i = 0; i < (size_t)SIDE * SIDE; i += 7) {
            uint8_t *pixel = pixels_of(&s) + i;
            uint8_t before = *pixel;
            int err;

            *pixel ^= 1; /* the parity of its block flips */
            err = check_bytes(&s);
            assert_true(err == 0 || err == ERR_AUTH);
            *(err == 0 ? &whole : &destroyed) += 1;
            *pixel = before;
        }
        assert_true(destroyed > 0);
        if (codes[c] == STEGO_LIGHT)
            assert_true(whole > 0); /* blocks that no group reads */
        drop(&s);
    }
}

static void package_check__every_parity_kept__the_genuine_message(void **state)
{
    struct sample s;

    (void)state;
    for (size_t c = 0; c < 2; c++) {
        make(&s, codes[c], text, sizeof(text));
        for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
            pixels_of(&s)[i] ^= 2;
        assert_int_equal(check_bytes(&s), 0);
        drop(&s);
    }
}

static void package_check__image_of_another_package__refused(void **state)
{
    struct sample one, two;
    struct msg m;

    (void)state;
    make(&one, STEGO_LIGHT, text, sizeof(text));
    make(&two, STEGO_LIGHT, "Another message..", sizeof(text));
    m = one.m;
    m.u.package.image = two.m.u.package.image;
    assert_int_equal(check(&m, &one.key), ERR_AUTH);
    drop(&one);
    drop(&two);
}

static void package_check__image_that_is_none__malformed(void **state)
{
    struct sample s;
    struct msg m;

    (void)state;
    make(&s, STEGO_LIGHT, text, sizeof(text));
    m = s.m;
    for (size_t len = 0; len < s.m.u.package.image.len; len += 101) {
        m.u.package.image.len = len;
        assert_int_equal(check(&m, &s.key), ERR_MALFORMED);
    }
    m = s.m;
    m.u.package.profile = 0;
    assert_int_equal(check(&m, &s.key), ERR_ARG);
    drop(&s);
}

static void package_check__body_cut_anywhere__never_verifies(void **state)
{
    struct sample s;
    struct msg m;

    (void)state;
    make(&s, STEGO_LIGHT, text, sizeof(text));
    for (size_t len = 0; len < s.made.len; len++)
        assert_int_not_equal(msg_decode(&m, MSG_PACKAGE, s.made.body, len), 0);
    drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(package_make__verifies_with_its_seed_only),
        cmocka_unit_test(package_make__lengths_image_digest_and_figures),
        cmocka_unit_test(package_make__twice__other_bytes_both_verify),
        cmocka_unit_test(package_make__empty_message__verifies),
        cmocka_unit_test(package_make__no_such_profile_or_a_small_cover__nothing_made),
        cmocka_unit_test(package_check__any_bit_of_header_or_message__refused),
        cmocka_unit_test(package_check__any_header_field_changed__refused),
        cmocka_unit_test(package_check__text_moved_between_header_and_message__refused),
        cmocka_unit_test(package_check__one_pixel_changed__refused_or_the_genuine_message),
        cmocka_unit_test(package_check__every_parity_kept__the_genuine_message),
        cmocka_unit_test(package_check__image_of_another_package__refused),
        cmocka_unit_test(package_check__image_that_is_none__malformed),
        cmocka_unit_test(package_check__body_cut_anywhere__never_verifies),
    };

    return cmocka_run_group_tests_name("package", tests, start, NULL);
}
