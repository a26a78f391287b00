/*
 * test_profile_sga.c - the row of the profile sga: a run in one round between both devices and the
 * cloud, by the functions that the programs call, and messages under its key. Whatever is altered
 * or cut on the way, or in what a party kept, is refused and leaves nothing behind.
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
#include "common/profile.h"
#include "common/suite.h"
#include "tests/unit/covers.h"

static const struct neg_gateway *gateway;
static uint8_t i_dev[KEY_BYTES], r_dev[KEY_BYTES];

/* One run: what travels, what each party keeps, and both devices' keys. */
struct run {
    struct noise_keypair cloud_key;
    struct neg_cloud cloud;
    struct neg_terms terms;
    struct neg_ends i, r;
    struct neg_bytes asked, forwarded, answered, result, grant;
    struct neg_bytes i_kept, r_kept, c_kept;
    struct session_keys i_keys, r_keys;
};

enum at { AT_ASK, AT_FORWARD, AT_ANSWER, AT_SETTLE, AT_GRANTED, AT_FINISH, AT_END };

static int start(void **state)
{
    (void)state;
    if (sodium_init() < 0)
        return -1;
    gateway = profile_cloud_side(PROFILE_SGA);
    cover_random(i_dev, sizeof(i_dev), 5);
    cover_random(r_dev, sizeof(r_dev), 6);
    return gateway == NULL;
}

static void run_new(struct run *w, uint8_t suite)
{
    struct neg_terms *t = &w->terms;

    memset(w, 0, sizeof(*w));
    noise_keypair_new(&w->cloud_key);
    w->cloud.self = &w->cloud_key;
    gateway->account(w->cloud.i_account, i_dev);
    gateway->account(w->cloud.r_account, r_dev);
    w->i.dev = i_dev;
    w->r.dev = r_dev;
    cover_random(t->negotiation, sizeof(t->negotiation), 1);
    memcpy(t->cloud, w->cloud_key.public_key, KEY_BYTES);
    memcpy(t->initiator, "alice", 6);
    memcpy(t->responder, "bob", 4);
    t->i_offer.suites = t->r_offer.suites =
        (struct list){3, {SUITE_NONE, SUITE_XCHACHA20_POLY1305, SUITE_CHACHA20_POLY1305}};
    t->choice = (struct choice){PROFILE_SGA, suite, 0};
}

static struct blob lend(const struct neg_bytes *b)
{
    return (struct blob){b->b, b->len};
}

static int run_step(struct run *w, enum at at)
{
    struct blob asked = lend(&w->asked), forwarded = lend(&w->forwarded),
                answered = lend(&w->answered), result = lend(&w->result), grant = lend(&w->grant);

    switch (at) {
    case AT_ASK:
        return profile_ask(&w->terms, &w->i, &w->asked, &w->i_kept);
    case AT_FORWARD:
        return gateway->forward(&w->forwarded, &w->c_kept, &w->terms, &w->cloud, &asked);
    case AT_ANSWER:
        return gateway->answer(&w->answered, &w->r_kept, &w->terms, &w->r, &forwarded);
    case AT_SETTLE:
        return gateway->settle(&w->result, &w->grant, &w->terms, &w->cloud, &w->c_kept, &answered);
    case AT_GRANTED:
        return gateway->granted(&w->r_keys, &w->r_kept, &w->terms, &grant);
    case AT_FINISH:
        return profile_finish(&w->terms, &w->i, &w->i_kept, &result, &w->i_keys);
    case AT_END:
        break;
    }
    return 0;
}

static void run_to(struct run *w, enum at to)
{
    for (int at = AT_ASK; at < (int)to; at++)
        if (run_step(w, (enum at)at) != 0)
            fail_msg("step %d was refused", at);
}

/* What the step reads, of what travels and of what its party kept. */
static struct neg_bytes *taken(struct run *w, enum at at)
{
    switch (at) {
    case AT_FORWARD:
        return &w->asked;
    case AT_ANSWER:
        return &w->forwarded;
    case AT_SETTLE:
        return &w->answered;
    case AT_GRANTED:
        return &w->grant;
    case AT_FINISH:
        return &w->result;
    case AT_ASK:
    case AT_END:
        break;
    }
    return NULL;
}

static struct neg_bytes *kept(struct run *w, enum at at)
{
    return at == AT_SETTLE ? &w->c_kept : at == AT_GRANTED ? &w->r_kept : &w->i_kept;
}

/* The step is refused, and all that it gives is zeros. */
static void refused(const struct run *w, enum at at)
{
    struct run after = *w;

    after.cloud.self = &after.cloud_key;
    memset(&after.i_keys, 7, sizeof(after.i_keys));
    memset(&after.r_keys, 7, sizeof(after.r_keys));
    assert_int_not_equal(run_step(&after, at), 0);
    if (at == AT_FORWARD)
        assert_true(sodium_is_zero(after.forwarded.b, sizeof(after.forwarded.b)) &&
                    sodium_is_zero(after.c_kept.b, sizeof(after.c_kept.b)));
    if (at == AT_ANSWER)
        assert_true(sodium_is_zero(after.answered.b, sizeof(after.answered.b)) &&
                    sodium_is_zero(after.r_kept.b, sizeof(after.r_kept.b)));
    if (at == AT_SETTLE)
        assert_true(sodium_is_zero(after.result.b, sizeof(after.result.b)) &&
                    sodium_is_zero(after.grant.b, sizeof(after.grant.b)));
    if (at == AT_GRANTED)
        assert_int_equal(after.r_keys.state.len, 0);
    if (at == AT_FINISH)
        assert_int_equal(after.i_keys.state.len, 0);
}

static void run__all_steps__both_devices_have_one_session(void **state)
{
    static const uint8_t suites[] = {SUITE_XCHACHA20_POLY1305, SUITE_CHACHA20_POLY1305};
    struct run w;

    (void)state;
    for (size_t i = 0; i < sizeof(suites); i++) {
        run_new(&w, suites[i]);
        run_to(&w, AT_END);
        assert_memory_equal(&w.i_keys, &w.r_keys, sizeof(w.i_keys));
        assert_int_equal(w.i_keys.state.len, KEY_BYTES + 1);
        assert_int_equal(w.i_keys.state.b[KEY_BYTES], suites[i]);
        assert_false(sodium_is_zero(w.i_keys.session, SESSION_ID_BYTES));
    }
}

static void run__twice__nothing_of_one_is_in_the_other(void **state)
{
    struct run w, again;

    (void)state;
    run_new(&w, SUITE_XCHACHA20_POLY1305);
    again = w;
    again.cloud.self = &again.cloud_key;
    run_to(&w, AT_END);
    run_to(&again, AT_END);
    assert_memory_not_equal(w.i_keys.session, again.i_keys.session, SESSION_ID_BYTES);
    assert_memory_not_equal(w.i_keys.state.b, again.i_keys.state.b, KEY_BYTES);
}

static void step__any_bit_flipped__refused(void **state)
{
    struct neg_bytes *in;
    struct run w;

    (void)state;
    run_new(&w, SUITE_CHACHA20_POLY1305);
    run_to(&w, AT_END);
    for (int at = AT_FORWARD; at < AT_END; at++) {
        in = taken(&w, (enum at)at);
        for (size_t bit = 0; bit < 8 * in->len; bit += 3) {
            in->b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            refused(&w, (enum at)at);
            in->b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void step__cut_or_longer__refused(void **state)
{
    struct neg_bytes *in;
    struct run w;
    size_t whole;

    (void)state;
    run_new(&w, SUITE_XCHACHA20_POLY1305);
    run_to(&w, AT_END);
    for (int at = AT_FORWARD; at < AT_END; at++) {
        in = taken(&w, (enum at)at);
        whole = in->len;
        for (in->len = 0; in->len <= whole + 1; in->len++)
            if (in->len != whole)
                refused(&w, (enum at)at);
        in->len = whole;
    }
}

static void step__what_was_kept_is_cut__refused(void **state)
{
    struct neg_bytes *own;
    struct run w;
    size_t whole;

    (void)state;
    run_new(&w, SUITE_XCHACHA20_POLY1305);
    run_to(&w, AT_END);
    for (int at = AT_SETTLE; at < AT_END; at++) {
        own = kept(&w, (enum at)at);
        whole = own->len;
        for (own->len = 0; own->len < whole; own->len++)
            refused(&w, (enum at)at);
        own->len = whole;
    }
}

static void step__other_names_suite_or_cloud__refused(void **state)
{
    struct run w, other;

    (void)state;
    run_new(&w, SUITE_XCHACHA20_POLY1305);
    run_to(&w, AT_END);
    for (int at = AT_FORWARD; at < AT_END; at++) {
        for (int field = 0; field < 4; field++) {
            other = w;
            other.cloud.self = &other.cloud_key;
            if (field == 0)
                other.terms.initiator[4] ^= 1;
            else if (field == 1)
                other.terms.responder[2] ^= 1;
            else if (field == 2)
                other.terms.cloud[0] ^= 1;
            else
                other.terms.choice.suite = SUITE_CHACHA20_POLY1305;
            /* As printed, the hash of the grant has neither cloud nor cipher in it. */
            if (field < 2 || at != AT_GRANTED)
                refused(&other, (enum at)at);
        }
    }
}

static void step__other_k_d__refused(void **state)
{
    struct run w;

    (void)state;
    run_new(&w, SUITE_XCHACHA20_POLY1305);
    run_to(&w, AT_FORWARD);
    w.cloud.i_account[0] ^= 1;
    refused(&w, AT_FORWARD);
    w.cloud.i_account[0] ^= 1;
    assert_int_equal(run_step(&w, AT_FORWARD), 0);
    r_dev[0] ^= 1;
    refused(&w, AT_ANSWER);
    r_dev[0] ^= 1;
    assert_int_equal(run_step(&w, AT_ANSWER), 0);
    w.cloud.r_account[0] ^= 1;
    refused(&w, AT_SETTLE);
    w.cloud.r_account[0] ^= 1;
    w.cloud.i_account[0] ^= 1; /* B4 checks both */
    refused(&w, AT_SETTLE);
}

/* ---- messages ---- */

static const char text[] = "open the valve";

static void key_for(struct keybuf *key, uint8_t suite)
{
    uint8_t raw[KEY_BYTES];

    cover_random(raw, sizeof(raw), 9);
    keybuf_set(key, raw, sizeof(raw));
    keybuf_append(key, &suite, 1);
}

static void package(struct package *out, struct msg *m, const struct keybuf *key)
{
    memset(m, 0, sizeof(*m));
    m->type = MSG_PACKAGE;
    m->u.package.profile = PROFILE_SGA;
    memcpy(m->u.package.from, "alice", 6);
    memcpy(m->u.package.to, "bob", 4);
    m->u.package.index = 3;
    m->u.package.message = (struct blob){(const uint8_t *)text, sizeof(text)};
    assert_int_equal(package_make(out, m, NULL, key, 0), 0);
}

static int opens(const uint8_t *body, size_t len, const struct keybuf *key)
{
    struct package_opened opened;
    struct msg m;
    int err = msg_decode(&m, MSG_PACKAGE, body, len);

    if (err != 0)
        return err;
    err = package_open(&opened, &m, key);
    if (err == 0 &&
        (opened.message.len != sizeof(text) || memcmp(opened.message.p, text, sizeof(text)) != 0))
        fail_msg("another message than was sent");
    package_opened_free(&opened);
    return err;
}

static void message__each_suite__comes_back_without_a_picture(void **state)
{
    static const uint8_t suites[] = {SUITE_XCHACHA20_POLY1305, SUITE_CHACHA20_POLY1305};
    struct package made, again;
    struct keybuf key;
    struct msg m;

    (void)state;
    for (size_t i = 0; i < sizeof(suites); i++) {
        key_for(&key, suites[i]);
        package(&made, &m, &key);
        package(&again, &m, &key);
        assert_int_equal(opens(made.body, made.len, &key), 0);
        assert_int_equal(made.len, again.len);
        assert_memory_not_equal(made.body, again.body, made.len); /* a fresh nonce */
        assert_null(memmem(made.body, made.len, text, strlen(text)));
        free(made.body);
        free(again.body);
    }
}

static void message__any_bit_flipped_or_cut__refused(void **state)
{
    struct package made;
    struct keybuf key;
    struct msg m;

    (void)state;
    key_for(&key, SUITE_CHACHA20_POLY1305);
    package(&made, &m, &key);
    for (size_t bit = 0; bit < 8 * made.len; bit++) {
        made.body[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(opens(made.body, made.len, &key), 0);
        made.body[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < made.len; len++)
        assert_int_not_equal(opens(made.body, len, &key), 0);
    free(made.body);
}

static void message__with_a_picture_or_a_cover__refused(void **state)
{
    static const char picture[] = "P5\n1 1\n255\nx";
    struct pgm_view cover = {.width = 1, .height = 1, .pixels = (const uint8_t *)"x"};
    struct package made, other;
    struct package_opened opened;
    struct keybuf key;
    struct msg m;

    (void)state;
    key_for(&key, SUITE_XCHACHA20_POLY1305);
    package(&made, &m, &key);
    assert_int_equal(msg_decode(&m, MSG_PACKAGE, made.body, made.len), 0);
    m.u.package.image = (struct blob){(const uint8_t *)picture, sizeof(picture) - 1};
    assert_int_equal(package_open(&opened, &m, &key), ERR_MALFORMED);
    package_opened_free(&opened);
    assert_int_equal(package_make(&other, &m, &cover, &key, 0), ERR_ARG);
    free(made.body);
}

static void message__state_of_no_suite__refused(void **state)
{
    const struct profile *p = profile_find(PROFILE_SGA);
    struct keybuf key, none;

    (void)state;
    key_for(&none, SUITE_NONE);
    assert_int_equal(p->take_key(&key, &none), ERR_STATE);
    none.len = KEY_BYTES;
    assert_int_equal(p->take_key(&key, &none), ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run__all_steps__both_devices_have_one_session),
        cmocka_unit_test(run__twice__nothing_of_one_is_in_the_other),
        cmocka_unit_test(step__any_bit_flipped__refused),
        cmocka_unit_test(step__cut_or_longer__refused),
        cmocka_unit_test(step__what_was_kept_is_cut__refused),
        cmocka_unit_test(step__other_names_suite_or_cloud__refused),
        cmocka_unit_test(step__other_k_d__refused),
        cmocka_unit_test(message__each_suite__comes_back_without_a_picture),
        cmocka_unit_test(message__any_bit_flipped_or_cut__refused),
        cmocka_unit_test(message__with_a_picture_or_a_cover__refused),
        cmocka_unit_test(message__state_of_no_suite__refused),
    };

    return cmocka_run_group_tests_name("profile sga", tests, start, NULL);
}
