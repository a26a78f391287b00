/* test_respond.c - the responder's side of a negotiation, against an initiator and a cloud that are
 * played by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/agent/peers.h"
#include "common/err.h"
#include "common/profile.h"
#include "common/secret.h"
#include "tests/unit/recv_fixture.h"

/* Bob's engine, the two others, and one negotiation. */
struct play {
    struct rx *rx;
    struct responder bob;
    struct offer offer;
    struct accept_policy accept;
    struct noise_keypair cloud, alice;
    struct neg_terms terms; /* as the cloud knows them */
    struct noise_handshake hs;
    uint8_t pair[256], salt[256], request[NEG_SEALED_MAX], noise[256];
    size_t pair_len, salt_len, request_len, noise_len;
    char notes[8192];
};

static void on_note(void *arg, const char *text)
{
    struct play *p = arg;
    size_t n = strlen(p->notes);

    snprintf(p->notes + n, sizeof(p->notes) - n, "%s\n", text);
}

static void seal_to_bob(const struct play *p, const struct msg *m, uint8_t out[256], size_t *len)
{
    assert_int_equal(body_seal(m, p->rx->home.secrets->key.public_key, out, 256, len), 0);
}

/* New T and salt, all parts made as honest parties do. */
static void renew(struct play *p)
{
    struct msg pair = {.type = MSG_PAIR_BODY}, salt = {.type = MSG_SALT_BODY};

    randombytes_buf(p->terms.negotiation, NEG_ID_BYTES);
    randombytes_buf(p->terms.salt, KEY_BYTES);
    p->terms.sk.len = KEY_BYTES;
    randombytes_buf(p->terms.sk.b, KEY_BYTES);
    text_copy(pair.u.pair_body.to, sizeof(pair.u.pair_body.to), "bob");
    text_copy(pair.u.pair_body.peer, sizeof(pair.u.pair_body.peer), "alice");
    pair.u.pair_body.shk = keybuf_blob(&p->terms.shk);
    seal_to_bob(p, &pair, p->pair, &p->pair_len);
    memcpy(salt.u.salt_body.negotiation, p->terms.negotiation, NEG_ID_BYTES);
    memcpy(salt.u.salt_body.salt, p->terms.salt, KEY_BYTES);
    salt.u.salt_body.sk = keybuf_blob(&p->terms.sk);
    seal_to_bob(p, &salt, p->salt, &p->salt_len);
    assert_int_equal(
        neg_body_seal(&p->terms, p->rx->home.secrets->key.public_key, p->request, &p->request_len),
        0);
    assert_int_equal(
        neg_noise_start(&p->hs, &p->terms, 1, &p->alice, p->rx->home.secrets->key.public_key), 0);
    assert_int_equal(noise_write(&p->hs, NULL, 0, p->noise, sizeof(p->noise), &p->noise_len), 0);
}

static void start_bob(struct play *p)
{
    p->bob = (struct responder){
        .db = p->rx->db, .home = &p->rx->home, .offer = &p->offer, .note = on_note, .arg = p};
    assert_int_equal(respond_init(&p->bob), 0);
}

static int setup(void **state)
{
    struct play *p = calloc(1, sizeof(*p));
    void *rx;

    assert_non_null(p);
    assert_int_equal(rx_setup(&rx), 0);
    p->rx = rx;
    p->rx->home.secrets = secret_alloc(sizeof(*p->rx->home.secrets));
    assert_non_null(p->rx->home.secrets);
    noise_keypair_new(&p->rx->home.secrets->key);
    noise_keypair_new(&p->cloud);
    noise_keypair_new(&p->alice);
    memcpy(p->rx->home.cloud_key, p->cloud.public_key, KEY_BYTES);
    offer_local(&p->offer, 0);
    p->terms.i_offer = p->terms.r_offer = p->offer;
    suite_list_strong(&p->terms.allowed, 0);
    assert_int_equal(
        offer_choose(&p->terms.choice, &p->offer, &p->offer, &p->terms.allowed), 0);
    text_copy(p->terms.initiator, sizeof(p->terms.initiator), "alice");
    text_copy(p->terms.responder, sizeof(p->terms.responder), "bob");
    memcpy(p->terms.cloud, p->cloud.public_key, KEY_BYTES);
    p->terms.shk.len = KEY_BYTES;
    randombytes_buf(p->terms.shk.b, KEY_BYTES);
    start_bob(p);
    renew(p);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct play *p = *state;
    void *rx = p->rx;

    respond_close(&p->bob);
    secret_free(p->rx->home.secrets);
    rx_teardown(&rx);
    free(p);
    return 0;
}

static void peer(struct play *p)
{
    struct msg_peer m = {.enrolment = 1, .sealed = {p->pair, p->pair_len}};

    text_copy(m.peer, sizeof(m.peer), "alice");
    memcpy(m.key, p->alice.public_key, KEY_BYTES);
    assert_int_equal(respond_on_peer(&p->bob, &m), 0);
}

static void salt(struct play *p, const struct neg_terms *t)
{
    struct msg_salt m = {.sealed = {p->salt, p->salt_len}};

    memcpy(m.negotiation, t->negotiation, NEG_ID_BYTES);
    memcpy(m.initiator, t->initiator, sizeof(m.initiator));
    memcpy(m.responder, t->responder, sizeof(m.responder));
    m.i_profiles = t->i_offer.profiles;
    m.i_suites = t->i_offer.suites;
    m.i_codecs = t->i_offer.codecs;
    m.r_profiles = t->r_offer.profiles;
    m.r_suites = t->r_offer.suites;
    m.r_codecs = t->r_offer.codecs;
    m.allowed = t->allowed;
    m.profile = t->choice.profile;
    m.suite = t->choice.suite;
    m.codec = t->choice.codec;
    assert_int_equal(respond_on_salt(&p->bob, &m), 0);
}

static int forward(struct play *p, struct recv_answer *a)
{
    struct msg_neg_forward m = {.sealed = {p->request, p->request_len},
                                .noise = {p->noise, p->noise_len}};

    memcpy(m.negotiation, p->terms.negotiation, NEG_ID_BYTES);
    return respond_on_forward(&p->bob, &m, a);
}

/* The reason in the answer; m borrows from it. */
static unsigned reason_of(const struct recv_answer *a, struct msg *m)
{
    assert_true(a->len > 0);
    assert_int_equal(msg_decode(m, MSG_NEG_ANSWER, a->body, a->len), 0);
    if (m->u.neg_answer.reason != 0) {
        assert_int_equal(m->u.neg_answer.sealed.len, 0);
        assert_int_equal(m->u.neg_answer.noise.len, 0);
    }
    return m->u.neg_answer.reason;
}

static int64_t saved(struct play *p)
{
    return rx_number(p->rx, "SELECT (SELECT count(*) FROM recv_session WHERE created > 1000)"
                            " + (SELECT count(*) FROM recv_answer)");
}

/* PEER and SALT as honest, step 3 as it stands: it must be refused, with nothing saved. */
static void expect_refused(struct play *p, unsigned reason)
{
    struct recv_answer a;
    struct msg m;

    assert_int_equal(forward(p, &a), 0);
    assert_int_equal(reason_of(&a, &m), reason);
    assert_int_equal(saved(p), 0);
}

static void agree(struct play *p, struct recv_answer *a, struct session_keys *keys)
{
    struct msg m;
    size_t n;

    peer(p);
    salt(p, &p->terms);
    assert_int_equal(forward(p, a), 0);
    assert_int_equal(reason_of(a, &m), 0);
    assert_int_equal(neg_body_check(&p->terms, &m.u.neg_answer.sealed, &p->cloud), 0);
    assert_int_equal(
        noise_read(&p->hs, m.u.neg_answer.noise.p, m.u.neg_answer.noise.len, NULL, 0, &n), 0);
    assert_int_equal(neg_session_keys(&p->hs, keys), 0);
}

static void respond__honest_parties__same_keys_saved_before_the_answer(void **state)
{
    struct play *p = *state;
    struct session_keys keys;
    struct recv_session s;
    struct recv_answer a;

    agree(p, &a, &keys);
    rx_reopen(p->rx);
    assert_int_equal(recv_session_get(p->rx->db, keys.session, &s), 0);
    assert_memory_equal(&s.keys, &keys, sizeof(keys));
    assert_string_equal(s.peer, "alice");
    assert_int_equal(s.profile, PROFILE_AUTH);
    assert_int_equal(s.used, 0);
    assert_non_null(strstr(p->notes, "alice is new"));
    assert_non_null(strstr(p->notes, "session with alice agreed"));
}

static void respond__step_3_repeated__same_bytes_also_after_a_restart(void **state)
{
    struct play *p = *state;
    struct session_keys keys;
    struct recv_answer a, again;

    agree(p, &a, &keys);
    /* the cloud seals anew each time */
    assert_int_equal(
        neg_body_seal(&p->terms, p->rx->home.secrets->key.public_key, p->request, &p->request_len),
        0);
    assert_int_equal(forward(p, &again), 0);
    assert_int_equal(again.len, a.len);
    assert_memory_equal(again.body, a.body, a.len);
    respond_close(&p->bob);
    rx_reopen(p->rx);
    start_bob(p);
    assert_int_equal(forward(p, &again), 0);
    assert_int_equal(again.len, a.len);
    assert_memory_equal(again.body, a.body, a.len);
    assert_int_equal(saved(p), 2);
}

static void respond__other_request_under_an_answered_name__silence(void **state)
{
    struct play *p = *state;
    struct session_keys keys;
    struct recv_answer a;

    agree(p, &a, &keys);
    p->noise[0] ^= 1;
    assert_int_equal(forward(p, &a), 0);
    assert_int_equal(a.len, 0);
}

static void respond__step_3_without_salt__refused_as_stale(void **state)
{
    struct play *p = *state;

    peer(p);
    expect_refused(p, REASON_STALE);
}

static void respond__salt_without_peer__refused(void **state)
{
    struct play *p = *state;

    salt(p, &p->terms);
    expect_refused(p, REASON_CHECK_FAILED);
}

static void respond__sender_not_accepted__refused_and_not_remembered(void **state)
{
    struct play *p = *state;
    char why[WHY_MAX];
    struct peer known;

    assert_int_equal(accept_parse(&p->accept, "carol,dave", why, sizeof(why)), 0);
    p->bob.accept = &p->accept;
    peer(p);
    salt(p, &p->terms);
    expect_refused(p, REASON_POLICY);
    assert_int_equal(peer_get(p->rx->db, "alice", &known), ERR_NOTFOUND);
    accept_free(&p->accept);
}

static void respond__changed_key__refused_until_accepted(void **state)
{
    struct play *p = *state;
    struct session_keys keys;
    struct recv_answer a;
    uint8_t other[KEY_BYTES];

    memset(other, 7, sizeof(other));
    assert_int_equal(peer_trust(p->rx->db, "alice", other, PEER_PINNED), 0);
    peer(p);
    salt(p, &p->terms);
    expect_refused(p, REASON_PEER_KEY);
    assert_non_null(strstr(p->notes, "--accept-key alice="));
    assert_int_equal(peer_trust(p->rx->db, "alice", p->alice.public_key, PEER_ACCEPTED), 0);
    renew(p);
    agree(p, &a, &keys);
}

static void respond__altered_terms__refused(void **state)
{
    struct play *p = *state;
    struct neg_terms t;

    peer(p);
    t = p->terms;
    t.r_offer.codecs.n = 1;
    salt(p, &t);
    expect_refused(p, REASON_STALE);
    t = p->terms;
    t.choice.codec = 2;
    salt(p, &t);
    expect_refused(p, REASON_CHECK_FAILED);
    t = p->terms;
    t.i_offer.profiles.n = 0;
    salt(p, &t);
    expect_refused(p, REASON_NO_COMMON);
    t = p->terms;
    text_copy(t.responder, sizeof(t.responder), "carol");
    salt(p, &t);
    expect_refused(p, REASON_CHECK_FAILED);
    t = p->terms;
    text_copy(t.initiator, sizeof(t.initiator), "mallory");
    salt(p, &t);
    expect_refused(p, REASON_CHECK_FAILED);
    t = p->terms;
    t.i_offer.codecs.n = 1;
    salt(p, &t); /* a lie about the initiator: the choice still holds, the prologue does not */
    expect_refused(p, REASON_CHECK_FAILED);
}

static void respond__altered_suites__refused(void **state)
{
    struct play *p = *state;
    struct neg_terms t;

    peer(p);
    t = p->terms;
    t.choice.suite = SUITE_XCHACHA20_POLY1305; /* not one of the profile */
    salt(p, &t);
    expect_refused(p, REASON_CHECK_FAILED);
    t = p->terms;
    t.r_offer.suites.n--; /* our own */
    salt(p, &t);
    expect_refused(p, REASON_STALE);
    t = p->terms;
    t.i_offer.suites = t.allowed = (struct list){1, {SUITE_AES_256_GCM}};
    salt(p, &t); /* nothing is left, and yet something was chosen */
    expect_refused(p, REASON_NO_COMMON);
    t = p->terms;
    t.allowed = (struct list){1, {SUITE_NONE}};
    salt(p, &t); /* another policy than the initiator was told: the same choice */
    expect_refused(p, REASON_CHECK_FAILED);
}

static void respond__any_bit_of_the_seals_flipped__refused(void **state)
{
    struct play *p = *state;

    for (size_t i = 0; i < p->salt_len; i += 7) {
        peer(p);
        p->salt[i] ^= 0x10;
        salt(p, &p->terms);
        expect_refused(p, REASON_CHECK_FAILED);
        p->salt[i] ^= 0x10;
    }
    for (size_t i = 0; i < p->pair_len; i += 7) {
        p->pair[i] ^= 0x10;
        peer(p);
        salt(p, &p->terms);
        expect_refused(p, REASON_CHECK_FAILED);
        p->pair[i] ^= 0x10;
    }
    peer(p);
    salt(p, &p->terms);
    for (size_t i = 0; i < p->request_len; i += 5) {
        p->request[i] ^= 0x10;
        expect_refused(p, REASON_CHECK_FAILED);
        p->request[i] ^= 0x10;
    }
}

static void respond__any_byte_of_the_handshake_changed_or_cut__refused(void **state)
{
    struct play *p = *state;
    size_t whole = p->noise_len;
    struct recv_answer a;
    struct msg m;

    peer(p);
    salt(p, &p->terms);
    for (size_t i = 0; i < whole; i++) {
        p->noise[i] ^= 1;
        expect_refused(p, REASON_CHECK_FAILED);
        p->noise[i] ^= 1;
    }
    for (p->noise_len = 0; p->noise_len < whole; p->noise_len++)
        expect_refused(p, REASON_CHECK_FAILED);
    assert_int_equal(forward(p, &a), 0);
    assert_int_equal(reason_of(&a, &m), 0);
}

static void respond__each_field_of_step_3_wrong__refused(void **state)
{
    struct play *p = *state;
    const struct neg_terms good = p->terms;

    peer(p);
    salt(p, &p->terms);
    for (int field = 0; field < 7; field++) {
        struct neg_terms t = good;
        uint8_t *byte[] = {t.salt, t.sk.b, t.shk.b, t.cloud, t.negotiation};

        if (field < 5)
            byte[field][3] ^= 4;
        else
            text_copy(field == 5 ? t.initiator : t.responder, ID_MAX + 1, "carol");
        assert_int_equal(
            neg_body_seal(&t, p->rx->home.secrets->key.public_key, p->request, &p->request_len), 0);
        expect_refused(p, REASON_CHECK_FAILED);
    }
}

static void respond__disk_full__an_error_and_no_answer(void **state)
{
    struct play *p = *state;
    struct session_keys keys;
    struct recv_answer a;

    peer(p);
    salt(p, &p->terms);
    /* The limit counts whole pages: fill what is free in the last one of each table. */
    for (int i = 0; i < 40; i++) {
        struct session_keys more;

        rx_session(p->rx, 100 + (unsigned)i, 500, &more);
    }
    assert_int_equal(sql_set_page_limit(p->rx->db, sql_pages_used(p->rx->db)), 0);
    for (unsigned i = 200; forward(p, &a) == 0; i++) {
        assert_true(i < 300);
        renew(p);
        peer(p);
        salt(p, &p->terms);
    }
    assert_int_equal(a.len, 0);
    assert_int_equal(sql_in_transaction(p->rx->db), 0);
    assert_int_equal(sql_set_page_limit(p->rx->db, 0), 0);
    agree(p, &a, &keys);
}

static void respond__too_many_salts__the_oldest_is_forgotten(void **state)
{
    struct play *p = *state;
    struct neg_terms t = p->terms;

    peer(p);
    salt(p, &p->terms);
    for (int i = 0; i < PENDING_MAX; i++) {
        t.negotiation[0]++;
        snprintf(t.initiator, sizeof(t.initiator), "peer-%d", i);
        salt(p, &t);
    }
    expect_refused(p, REASON_STALE);
}

static void respond__many_salts_of_one_peer__displace_no_other(void **state)
{
    struct play *p = *state;
    struct recv_answer a;
    struct neg_terms t = p->terms;
    struct msg m;

    text_copy(t.initiator, sizeof(t.initiator), "mallory");
    t.negotiation[2] ^= 1; /* none of mallory's has the name of alice's */
    peer(p);
    salt(p, &p->terms);
    for (int i = 0; i < 4 * PENDING_MAX; i++) {
        t.negotiation[0]++;
        t.negotiation[1] = (uint8_t)(i / 100 + 1);
        salt(p, &t);
    }
    assert_int_equal(forward(p, &a), 0);
    assert_int_equal(reason_of(&a, &m), 0);
}

/* A peer that negotiates without end and never sends leaves a bounded number of rows. */
static void respond__negotiations_without_end__rows_are_bounded(void **state)
{
    struct play *p = *state;
    struct session_keys keys;
    struct recv_answer a;

    for (int i = 0; i < PROVISIONAL_MAX + 5; i++) {
        renew(p);
        agree(p, &a, &keys);
    }
    assert_int_equal(rx_number(p->rx, "SELECT count(*) FROM recv_session WHERE used = 0"),
                     PROVISIONAL_MAX);
    assert_int_equal(rx_number(p->rx, "SELECT count(*) FROM recv_answer"), PROVISIONAL_MAX);
}

static void confirm(struct play *p, const struct session_keys *keys, uint8_t flip)
{
    struct msg_neg_confirm m;

    memset(&m, 0, sizeof(m));
    memcpy(m.negotiation, p->terms.negotiation, NEG_ID_BYTES);
    memcpy(m.session, keys->session, SESSION_ID_BYTES);
    neg_confirm_mac(m.mac, keys);
    m.mac[15] ^= flip;
    assert_int_equal(respond_on_confirm(&p->bob, &m), 0);
}

static void respond__confirmation__right_is_noted_wrong_drops_the_session(void **state)
{
    struct play *p = *state;
    struct session_keys keys;
    struct recv_session s;
    struct recv_answer a;

    agree(p, &a, &keys);
    confirm(p, &keys, 0);
    assert_non_null(strstr(p->notes, "session with alice confirmed"));
    s.used = 0;
    assert_int_equal(recv_session_get(p->rx->db, keys.session, &s), 0);
    s.used = 1;
    assert_int_equal(recv_session_save(p->rx->db, &s), 0);
    confirm(p, &keys, 1);
    assert_int_equal(recv_session_get(p->rx->db, keys.session, &s), 0);
    s.used = 0;
    assert_int_equal(recv_session_save(p->rx->db, &s), 0);
    confirm(p, &keys, 1);
    assert_int_equal(recv_session_get(p->rx->db, keys.session, &s), ERR_NOTFOUND);
    assert_int_equal(saved(p), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(respond__honest_parties__same_keys_saved_before_the_answer),
        T(respond__step_3_repeated__same_bytes_also_after_a_restart),
        T(respond__other_request_under_an_answered_name__silence),
        T(respond__step_3_without_salt__refused_as_stale),
        T(respond__salt_without_peer__refused),
        T(respond__sender_not_accepted__refused_and_not_remembered),
        T(respond__changed_key__refused_until_accepted),
        T(respond__altered_terms__refused),
        T(respond__altered_suites__refused),
        T(respond__any_bit_of_the_seals_flipped__refused),
        T(respond__any_byte_of_the_handshake_changed_or_cut__refused),
        T(respond__each_field_of_step_3_wrong__refused),
        T(respond__disk_full__an_error_and_no_answer),
        T(respond__too_many_salts__the_oldest_is_forgotten),
        T(respond__many_salts_of_one_peer__displace_no_other),
        T(respond__negotiations_without_end__rows_are_bounded),
        T(respond__confirmation__right_is_noted_wrong_drops_the_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
