/*
 * sga_attacker.c - the steps of the profile sga in an attacker's hands, for three_party.py, which
 * asks as words.h says. SECRET is the cloud's secret key and CLOUD its public one; DEV what a
 * device gave at enrolment, from which k_d follows; KT a temporary key, K and N as in sga.h, E an
 * exponent of the attacker's; A1 and so on the bodies of steps, SUITE and PIN numbers, T a
 * negotiation.
 *
 *   ask CLOUD DEV FROM TO SUITE    A1 and B1 of a device with that DEV: "ok FIELD"
 *   a1 SECRET DEV A1               "ok SUITE KT", KT the initiator's
 *   a2 DEV SUITE A2                the same by the responder: "ok KT"
 *   a3 SECRET KT A3                "ok KT", the responder's
 *   share SUITE KT BODY            B1 or B3: "ok N K BOX"
 *   unbox SECRET BOX               "ok r"
 *   grant FROM TO CLOUD K          B6 with an N of ours, vouched for under K: "ok E GRANT"
 *   key T SUITE E N                the session of E and N: "ok SESSION STATE RECEIPT CONFIRM"
 *   receipt KEY RECEIPT            its MAC: "ok MAC"
 *   pins SUITE MASK BODY           does it open under MASK XOR the k_d of a DEV of four digits? "ok
 *                                  PIN" or "no"
 *   pin PIN                        such a DEV: "ok DEV"
 *   register PIN SUITE             the id of a printed registration under that k_d: "ok BODY"
 *   question PIN SUITE             A1 from one who has not that k_d, as printed: "ok MASK A4"
 *   combine PACKAGE SUITE COUNT SCALAR... ELEMENT...   is it under an element, one times a scalar,
 * or the sum of two? "ok TRIED" or "no TRIED"
 */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/package.h"
#include "common/session.h"
#include "common/sga_parts.h"
#include "tests/attack/words.h"

#define PINS 10000

static void need(int err, const char *what)
{
    words_need(err == 0, what);
}

static uint8_t suite_at(int i)
{
    unsigned long n = words_number(i);

    words_need(n <= UINT8_MAX && sga_is_cipher((uint8_t)n), "no such suite");
    return (uint8_t)n;
}

static void id_at(char out[ID_MAX + 1], int i)
{
    words_need(i < words_n && strlen(words_at[i]) <= ID_MAX, "an id is wrong");
    memcpy(out, words_at[i], strlen(words_at[i]) + 1);
}

static void cloud_at(struct noise_keypair *cloud, int i)
{
    memcpy(cloud->secret_key, words_fixed(i, KEY_BYTES), KEY_BYTES);
    need(crypto_scalarmult_base(cloud->public_key, cloud->secret_key), "no key");
}

static void kd_of(uint8_t kd[KEY_BYTES], const uint8_t dev[KEY_BYTES])
{
    profile_cloud_side(PROFILE_SGA)->account(kd, dev);
}

static void dev_of_pin(uint8_t dev[KEY_BYTES], unsigned long pin)
{
    char digits[8];

    words_need(pin < PINS, "no PIN");
    snprintf(digits, sizeof(digits), "%04lu", pin);
    memset(dev, 0, KEY_BYTES);
    memcpy(dev, digits, 4);
}

/* ---- what the parties send ---- */

static void do_ask(void)
{
    struct neg_terms t = {.choice.profile = PROFILE_SGA};
    struct neg_ends ends = {.dev = words_fixed(2, KEY_BYTES)};
    struct neg_bytes out, kept;

    memcpy(t.cloud, words_fixed(1, KEY_BYTES), KEY_BYTES);
    id_at(t.initiator, 3);
    id_at(t.responder, 4);
    t.choice.suite = suite_at(5);
    t.i_offer.suites = (struct list){1, {t.choice.suite}};
    need(profile_ask(&t, &ends, &out, &kept), "cannot ask");
    words_say(out.b, out.len);
}

static void do_grant(void)
{
    struct msg m = {.type = MSG_SGA_GRANT};
    uint8_t e[KEY_BYTES], body[SGA_BODY_MAX];
    struct sga_terms t = {.suite = 0};
    struct wbuf w;

    id_at(t.initiator, 1);
    id_at(t.responder, 2);
    memcpy(t.gateway, words_fixed(3, KEY_BYTES), KEY_BYTES);
    crypto_core_ristretto255_scalar_random(e);
    need(crypto_scalarmult_ristretto255_base(m.u.sga_grant.n, e), "no element");
    sga_grant_proof(m.u.sga_grant.proof, &t, words_fixed(4, KEY_BYTES), m.u.sga_grant.n);
    wbuf_init(&w, body, sizeof(body));
    msg_encode(&m, &w);
    printf("ok");
    words_put(e, sizeof(e));
    words_put(body, w.len);
    putchar('\n');
}

/* ---- what can be opened ---- */

static void do_a1(void)
{
    uint8_t plain[SGA_BODY_MAX], kd[KEY_BYTES];
    struct noise_keypair cloud;
    struct blob in = words_bytes(3);
    struct msg m;

    cloud_at(&cloud, 1);
    kd_of(kd, words_fixed(2, KEY_BYTES));
    need(body_open(&m, MSG_SGA_ASK, &in, &cloud, plain, sizeof(plain)), "A1 does not open");
    sga_xor(kd, m.u.sga_ask.masked, kd);
    printf("ok %u", m.u.sga_ask.suite);
    words_put(kd, KEY_BYTES);
    putchar('\n');
}

static void do_a2(void)
{
    struct blob in = words_bytes(3);
    uint8_t kd[KEY_BYTES];
    struct sga_body plain;
    struct msg m;

    kd_of(kd, words_fixed(1, KEY_BYTES));
    need(sga_decrypt_msg(&m, MSG_SGA_ASK, suite_at(2), kd, &in, &plain), "A2 does not open");
    sga_xor(kd, m.u.sga_ask.masked, kd);
    words_say(kd, KEY_BYTES);
}

static void do_a3(void)
{
    uint8_t plain[SGA_BODY_MAX], kt[KEY_BYTES];
    struct noise_keypair cloud;
    struct blob in = words_bytes(3);
    struct msg m;

    cloud_at(&cloud, 1);
    need(body_open(&m, MSG_SGA_ANSWER, &in, &cloud, plain, sizeof(plain)), "A3 does not open");
    sga_xor(kt, m.u.sga_answer.masked, words_fixed(2, KEY_BYTES));
    words_say(kt, KEY_BYTES);
}

static void do_share(void)
{
    struct blob in = words_bytes(3);
    struct sga_body plain;
    struct msg m;

    need(sga_decrypt_msg(&m, MSG_SGA_SHARE, suite_at(1), words_fixed(2, KEY_BYTES), &in, &plain),
         "the share does not open");
    printf("ok");
    words_put(m.u.sga_share.n, KEY_BYTES);
    words_put(m.u.sga_share.once, KEY_BYTES);
    words_put(m.u.sga_share.random, SGA_BOX_BYTES);
    putchar('\n');
}

static void do_unbox(void)
{
    struct noise_keypair cloud;
    uint8_t r[KEY_BYTES];

    cloud_at(&cloud, 1);
    need(sga_unbox(r, words_fixed(2, SGA_BOX_BYTES), &cloud), "the box does not open");
    words_say(r, sizeof(r));
}

/* ---- a session between the attacker and a device ---- */

/* As the responder's side of the profile makes it, for whom R is E and the grant brings N. */
static void do_key(void)
{
    struct neg_terms t = {.choice.profile = PROFILE_SGA};
    struct msg m = {.type = MSG_SGA_GRANT};
    struct sga_terms names = {.suite = 0};
    struct neg_bytes kept = {.len = 3 * KEY_BYTES};
    uint8_t *once = kept.b + KEY_BYTES, body[SGA_BODY_MAX], mac[MAC_BYTES];
    struct session_keys keys;
    struct wbuf w;

    memcpy(t.negotiation, words_fixed(1, NEG_ID_BYTES), NEG_ID_BYTES);
    t.choice.suite = suite_at(2);
    memcpy(kept.b, words_fixed(3, KEY_BYTES), KEY_BYTES);
    memcpy(m.u.sga_grant.n, words_fixed(4, KEY_BYTES), KEY_BYTES);
    sga_grant_proof(m.u.sga_grant.proof, &names, once, m.u.sga_grant.n);
    wbuf_init(&w, body, sizeof(body));
    msg_encode(&m, &w);
    need(profile_cloud_side(PROFILE_SGA)->granted(&keys, &kept, &t, &(struct blob){body, w.len}),
         "no session");
    neg_confirm_mac(mac, &keys);
    printf("ok");
    words_put(keys.session, SESSION_ID_BYTES);
    words_put(keys.state.b, keys.state.len);
    words_put(keys.receipt, KEY_BYTES);
    words_put(mac, sizeof(mac));
    putchar('\n');
}

static void do_receipt(void)
{
    struct blob body = words_bytes(2);
    uint8_t mac[MAC_BYTES];
    struct msg m;

    need(msg_decode(&m, MSG_RECEIPT, body.p, body.len), "that is no receipt");
    receipt_mac(mac, words_fixed(1, KEY_BYTES), &m.u.receipt);
    words_say(mac, sizeof(mac));
}

/* ---- guesses at k_d ---- */

static void do_pin(void)
{
    uint8_t dev[KEY_BYTES];

    dev_of_pin(dev, words_number(1));
    words_say(dev, sizeof(dev));
}

static void do_pins(void)
{
    const uint8_t *mask = words_fixed(2, KEY_BYTES);
    struct blob in = words_bytes(3);
    uint8_t suite = suite_at(1), key[KEY_BYTES];
    struct sga_body plain;

    for (unsigned long pin = 0; pin < PINS; pin++) {
        dev_of_pin(key, pin);
        kd_of(key, key);
        sga_xor(key, mask, key);
        if (sga_decrypt(suite, key, &in, &plain) == 0) {
            printf("ok %lu\n", pin);
            return;
        }
    }
    printf("no\n");
}

static void account(struct sga_account *a, const char *id, uint8_t suite, unsigned long pin)
{
    memset(a, 0, sizeof(*a));
    memcpy(a->id, id, strlen(id));
    dev_of_pin(a->key, pin);
    kd_of(a->key, a->key);
    a->suites = (struct list){1, {suite}};
    a->initial = suite;
}

static void do_register(void)
{
    struct noise_keypair cloud;
    struct sga_account a;
    struct sga_body out;
    struct msg m;

    noise_keypair_new(&cloud);
    account(&a, "alice", suite_at(2), words_number(1));
    need(sga_register(&a, cloud.public_key, &out), "cannot register");
    need(msg_decode(&m, MSG_SGA_REGISTER, out.p, out.len), "that is no registration");
    words_say(m.u.sga_register.id.p, m.u.sga_register.id.len);
}

/* A1 by nobody: the masked value is random. Cloud and bob do as printed, up to A4. */
static void do_question(void)
{
    struct msg m = {.type = MSG_SGA_ASK};
    struct msg_sga_ask *ask = &m.u.sga_ask;
    struct sga_account alice, bob;
    struct sga_pair pair = {&alice, &bob};
    struct sga_cloud c = {.step = SGA_START};
    struct sga_device r = {.step = SGA_START};
    struct noise_keypair cloud;
    struct sga_body a1, a2, a3, a4;
    struct blob in = {a1.p, 0};

    noise_keypair_new(&cloud);
    account(&alice, "alice", suite_at(2), words_number(1));
    account(&bob, "bob", suite_at(2), 0);
    randombytes_buf(bob.key, sizeof(bob.key));
    memcpy(ask->initiator, alice.id, sizeof(ask->initiator));
    memcpy(ask->responder, bob.id, sizeof(ask->responder));
    memcpy(ask->gateway, cloud.public_key, KEY_BYTES);
    ask->suite = alice.initial;
    randombytes_buf(ask->masked, KEY_BYTES);
    need(body_seal(&m, cloud.public_key, a1.p, sizeof(a1.p), &in.len), "no A1");
    need(sga_a2_forward(&c, &pair, &cloud, &in, &a2), "A2 refuses");
    need(sga_a3_open(&r, &bob, cloud.public_key, &(struct blob){a2.p, a2.len}), "A3 refuses");
    need(sga_a3_answer(&r, &a3), "no A3");
    need(sga_a4_forward(&c, &cloud, &(struct blob){a3.p, a3.len}, &a4), "A4 refuses");
    printf("ok");
    words_put(ask->masked, KEY_BYTES);
    words_put(a4.p, a4.len);
    putchar('\n');
}

/* ---- the session key, from all that a run shows ---- */

static unsigned long tried;

static int opens(const struct msg *m, uint8_t suite, const uint8_t element[KEY_BYTES])
{
    struct package_opened opened;
    uint8_t key[KEY_BYTES];
    struct keybuf state;
    int err;

    sga_session_key(key, element);
    keybuf_set(&state, key, KEY_BYTES);
    keybuf_append(&state, &suite, 1);
    err = package_open(&opened, m, &state);
    package_opened_free(&opened);
    tried++;
    return err == 0;
}

static void do_combine(void)
{
    struct blob body = words_bytes(1);
    uint8_t suite = suite_at(2), element[KEY_BYTES];
    int scalars = (int)words_number(3), first = 4 + scalars, found = 0;
    const uint8_t *given[WORDS_MAX];
    struct msg m;

    need(msg_decode(&m, MSG_PACKAGE, body.p, body.len), "that is no package");
    for (int i = 4; i < words_n; i++)
        given[i] = words_fixed(i, KEY_BYTES);
    tried = 0;
    for (int a = first; a < words_n; a++) {
        found |= opens(&m, suite, given[a]);
        for (int b = 4; b < first; b++)
            if (crypto_scalarmult_ristretto255(element, given[b], given[a]) == 0)
                found |= opens(&m, suite, element);
        for (int b = a; b < words_n; b++)
            if (crypto_core_ristretto255_add(element, given[a], given[b]) == 0)
                found |= opens(&m, suite, element);
    }
    printf("%s %lu\n", found ? "ok" : "no", tried);
}

int main(void)
{
    static const struct verb verbs[] = {{"ask", do_ask},
                                        {"a1", do_a1},
                                        {"a2", do_a2},
                                        {"a3", do_a3},
                                        {"share", do_share},
                                        {"unbox", do_unbox},
                                        {"grant", do_grant},
                                        {"key", do_key},
                                        {"receipt", do_receipt},
                                        {"pins", do_pins},
                                        {"pin", do_pin},
                                        {"register", do_register},
                                        {"question", do_question},
                                        {"combine", do_combine},
                                        {NULL, NULL}};

    return words_serve(verbs);
}
