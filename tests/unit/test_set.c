/*
 * test_set.c - messages to sets: what a member can open, and what nobody can: flips anywhere, other
 * members' parts, forgeries by a member, and the next message for one that was removed.
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
#include "common/session.h"
#include "common/suite.h"
#include "tests/unit/set_fixture.h"

static const uint8_t with_sets[] = {PROFILE_AUTH, PROFILE_SEALED};

/* Everything a receiver does with the bytes; the text must be that when it opens. */
static int open_body(const uint8_t *body, size_t len, const struct keybuf *key, const char *text)
{
    struct package_opened opened = {.buf = NULL};
    struct set_shared s;
    struct msg m;
    int err = msg_decode(&m, MSG_PACKAGE_SHARED, body, len);

    if (err == 0)
        err = set_shared_parse(&s, &m.u.package_shared);
    if (err != 0)
        return err;
    err = set_shared_open(&opened, &s, key);
    if (err == 0) {
        assert_int_equal(opened.message.len, strlen(text));
        assert_memory_equal(opened.message.p, text, strlen(text));
    }
    package_opened_free(&opened);
    return err;
}

static int open_member(const struct msg_set_member *m, const struct sfx_common *c,
                       const struct keybuf *key, const char *text)
{
    size_t len;
    uint8_t *body = sfx_join(m, c, &len);
    int err = open_body(body, len, key, text);

    free(body);
    return err;
}

static void shared__opened_by_each_member__says_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(with_sets); i++) {
        struct sfx_common c;

        sfx_make(&c, with_sets[i], "to all of you", 0);
        for (uint32_t n = 1; n < 5; n++) {
            struct keybuf key = sfx_key(with_sets[i], n);
            struct msg_set_member m = sfx_member("bob", n, 7 * n, &key, &c);

            assert_int_equal(open_member(&m, &c, &key, "to all of you"), 0);
        }
        sfx_free(&c);
    }
}

static void shared__a_bit_flipped_anywhere__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(with_sets); i++) {
        struct keybuf key = sfx_key(with_sets[i], 1);
        struct msg_set_member m;
        struct sfx_common c;
        uint8_t *body;
        size_t len;

        sfx_make(&c, with_sets[i], "to all of you", 0);
        m = sfx_member("bob", 1, 0, &key, &c);
        body = sfx_join(&m, &c, &len);
        assert_int_equal(open_body(body, len, &key, "to all of you"), 0);
        for (size_t at = 0; at < len; at++) {
            body[at] ^= (uint8_t)(1u << at % 8);
            assert_int_not_equal(open_body(body, len, &key, ""), 0);
            body[at] ^= (uint8_t)(1u << at % 8);
        }
        for (size_t cut = 0; cut < len; cut++)
            assert_int_not_equal(open_body(body, cut, &key, ""), 0);
        free(body);
        sfx_free(&c);
    }
}

static void member__every_field_of_its_header__is_bound(void **state)
{
    struct keybuf key = sfx_key(PROFILE_AUTH, 1);
    struct msg_set_member m, good;
    struct sfx_common c;

    (void)state;
    sfx_make(&c, PROFILE_AUTH, "hello", 0);
    good = sfx_member("bob", 1, 3, &key, &c);
    m = good;
    m.index++;
    assert_int_equal(open_member(&m, &c, &key, ""), ERR_AUTH);
    m = good;
    m.seq++;
    assert_int_equal(open_member(&m, &c, &key, ""), ERR_AUTH);
    m = good;
    m.direction = 1;
    assert_int_equal(open_member(&m, &c, &key, ""), ERR_AUTH);
    m = good;
    m.session[0] ^= 1;
    assert_int_equal(open_member(&m, &c, &key, ""), ERR_AUTH);
    m = good;
    memcpy(m.to, "eve", 4);
    assert_int_equal(open_member(&m, &c, &key, ""), ERR_AUTH);
    assert_int_equal(open_member(&good, &c, &key, "hello"), 0);
    sfx_free(&c);
}

/* Bob is a member and so has S: he makes another common part, which S itself cannot tell from the
 * sender's, and puts it behind Carol's own part; or makes Carol's part with the keys he has. */
static void forgery__by_a_member_to_another__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(with_sets); i++) {
        struct keybuf bob = sfx_key(with_sets[i], 1), carol = sfx_key(with_sets[i], 2);
        struct msg_set_member to_bob, to_carol, made;
        struct sfx_common c, forged;

        sfx_make(&c, with_sets[i], "pay 10", 0);
        to_bob = sfx_member("bob", 1, 0, &bob, &c);
        to_carol = sfx_member("carol", 2, 0, &carol, &c);
        assert_int_equal(set_unwrap(forged.secret, &to_bob, &bob, c.digest), 0);
        assert_memory_equal(forged.secret, c.secret, KEY_BYTES);
        sfx_make(&forged, with_sets[i], "pay 99", 1);
        made = sfx_member("bob", 1, 0, &bob, &forged);
        assert_int_equal(open_member(&made, &forged, &bob, "pay 99"), 0); /* to himself he can */
        assert_int_equal(open_member(&to_carol, &forged, &carol, ""), ERR_AUTH);
        made = sfx_member("carol", 2, 0, &bob, &forged);
        assert_int_equal(open_member(&made, &forged, &carol, ""), ERR_AUTH);
        memcpy(made.wrapped, to_bob.wrapped, WRAPPED_BYTES);
        assert_int_equal(open_member(&made, &c, &carol, ""), ERR_AUTH);
        memcpy(made.wrapped, to_carol.wrapped, WRAPPED_BYTES);
        assert_int_equal(open_member(&made, &forged, &carol, ""), ERR_AUTH);
        assert_int_equal(open_member(&to_carol, &c, &carol, "pay 10"), 0);
        sfx_free(&c);
        sfx_free(&forged);
    }
}

/* Bob was a member of the first message, not of the second; the cloud hands him all of it. */
static void removed_member__with_all_keys_it_ever_had__cannot_open_the_next(void **state)
{
    struct keybuf key = sfx_key(PROFILE_SEALED, 2), old = sfx_key(PROFILE_SEALED, 1), set_key;
    static const char text[] = "not for bob any more";
    struct msg_set_member first, second;
    struct package_opened opened;
    struct sfx_common c, next;
    struct msg common;

    (void)state;
    sfx_make(&c, PROFILE_SEALED, "for bob too", 0);
    sfx_make(&next, PROFILE_SEALED, text, 0);
    assert_memory_not_equal(c.secret, next.secret, KEY_BYTES);
    first = sfx_member("bob", 1, 0, &old, &c);
    second = sfx_member("carol", 2, 0, &key, &next);
    assert_int_equal(open_member(&second, &next, &key, text), 0);
    assert_int_equal(open_member(&second, &next, &old, ""), ERR_AUTH);
    memcpy(second.wrapped, first.wrapped, WRAPPED_BYTES);
    assert_int_equal(open_member(&second, &next, &old, ""), ERR_AUTH);
    assert_int_equal(open_member(&first, &next, &old, ""), ERR_AUTH);
    /* the secret of the first message */
    assert_int_equal(set_common_parse(&common, &(struct blob){next.body, next.len}), 0);
    profile_sealed.set_key(&set_key, &old, c.secret);
    assert_int_equal(package_open(&opened, &common, &set_key), ERR_AUTH);
    package_opened_free(&opened);
    assert_null(memmem(next.body, next.len, text, strlen(text)));
    sfx_free(&c);
    sfx_free(&next);
}

static void suite__of_another_session__does_not_open(void **state)
{
    struct keybuf key = sfx_key(PROFILE_SEALED, 1), other = key;
    struct msg_set_member m;
    struct sfx_common c;

    (void)state;
    sfx_make(&c, PROFILE_SEALED, "hello", 0);
    m = sfx_member("bob", 1, 0, &key, &c);
    other.b[KEY_BYTES] = SUITE_CHACHA20_POLY1305;
    assert_int_not_equal(key.b[KEY_BYTES], other.b[KEY_BYTES]);
    assert_int_equal(open_member(&m, &c, &other, ""), ERR_AUTH);
    m = sfx_member("bob", 1, 0, &other, &c); /* a sender that mixes them up */
    assert_int_equal(open_member(&m, &c, &other, ""), ERR_AUTH);
    sfx_free(&c);
}

static void profile__whose_keys_turn_or_without_cover__has_no_sets(void **state)
{
    (void)state;
    for (size_t i = 0; i < profile_count; i++)
        assert_int_equal(profiles[i]->set_key == NULL,
                         profiles[i]->turn != NULL || profiles[i]->hidden_bytes == 0);
}

static void common__with_the_header_of_a_package__malformed(void **state)
{
    struct msg m, parsed;
    struct sfx_common c;
    uint8_t *copy;
    struct wbuf w;

    (void)state;
    sfx_make(&c, PROFILE_AUTH, "hello", 0);
    copy = malloc(c.len + 8);
    assert_non_null(copy);
    for (int field = 0; field < 6; field++) {
        assert_int_equal(set_common_parse(&m, &(struct blob){c.body, c.len}), 0);
        m.u.package.session[31] = field == 1;
        m.u.package.direction = field == 2;
        m.u.package.index = field == 3;
        m.u.package.seq = field == 4;
        if (field == 5)
            memcpy(m.u.package.to, "bob", 4);
        wbuf_init(&w, copy, c.len + 8);
        msg_encode(&m, &w);
        assert_int_equal(wbuf_err(&w), 0);
        assert_int_equal(set_common_parse(&parsed, &(struct blob){copy, w.len}),
                         field == 0 ? 0 : ERR_MALFORMED);
    }
    free(copy);
    sfx_free(&c);
}

static void table__truncated_or_flipped__never_reads_past_its_end(void **state)
{
    struct msg_set_member m = sfx_header("bob", 1, 0), got;
    uint8_t part[SET_MEMBER_MAX], table[3 * SET_MEMBER_MAX];
    struct blob blob;
    struct rbuf r;
    struct wbuf w;
    size_t len;

    (void)state;
    assert_int_equal(set_member_encode(part, &len, &m), 0);
    wbuf_init(&w, table, sizeof(table));
    wbuf_blob(&w, &(struct blob){part, len});
    wbuf_blob(&w, &(struct blob){part, len});
    rbuf_init(&r, table, w.len);
    assert_int_equal(set_table_next(&r, &blob, &got), 0);
    assert_memory_equal(blob.p, part, len);
    assert_int_equal(set_table_next(&r, &blob, &got), 0);
    assert_string_equal(got.to, "bob");
    assert_int_equal(r.left, 0);
    assert_int_equal(set_table_next(&r, &blob, &got), ERR_MALFORMED);
    for (size_t cut = 0; cut < 4 + len; cut++) {
        uint8_t *copy = malloc(cut + 1); /* valgrind and ASan see a read behind it */

        memcpy(copy, table, cut);
        rbuf_init(&r, copy, cut);
        assert_int_not_equal(set_table_next(&r, &blob, &got), 0);
        free(copy);
    }
    table[3]++;
    rbuf_init(&r, table, w.len);
    assert_int_not_equal(set_table_next(&r, &blob, &got), 0);
}

static void wrap__same_message_key_other_message__other_box(void **state)
{
    struct keybuf key = sfx_key(PROFILE_AUTH, 1);
    struct msg_set_member a, b;
    struct sfx_common c, d;

    (void)state;
    sfx_make(&c, PROFILE_AUTH, "one", 0);
    memcpy(d.secret, c.secret, KEY_BYTES);
    sfx_make(&d, PROFILE_AUTH, "two", 1);
    a = sfx_member("bob", 1, 0, &key, &c);
    b = sfx_member("bob", 1, 0, &key, &d); /* as a sender whose state was rolled back */
    assert_memory_not_equal(a.wrapped, b.wrapped, WRAPPED_BYTES);
    assert_memory_not_equal(a.wrapped + 16, b.wrapped + 16, KEY_BYTES);
    sfx_free(&c);
    sfx_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared__opened_by_each_member__says_the_same),
        cmocka_unit_test(shared__a_bit_flipped_anywhere__refused),
        cmocka_unit_test(member__every_field_of_its_header__is_bound),
        cmocka_unit_test(forgery__by_a_member_to_another__refused),
        cmocka_unit_test(removed_member__with_all_keys_it_ever_had__cannot_open_the_next),
        cmocka_unit_test(suite__of_another_session__does_not_open),
        cmocka_unit_test(profile__whose_keys_turn_or_without_cover__has_no_sets),
        cmocka_unit_test(common__with_the_header_of_a_package__malformed),
        cmocka_unit_test(table__truncated_or_flipped__never_reads_past_its_end),
        cmocka_unit_test(wrap__same_message_key_other_message__other_box),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
