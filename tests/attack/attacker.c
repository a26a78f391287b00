/*
 * attacker.c - the core's cryptography in an attacker's hands, for the experiments, which ask as
 * words.h says. PACKAGE is the body of a PACKAGE, STATE a session's state as its profile keeps it
 * (auth: the chain key; paper: Shk, Sk and salt; sga: the key and the suite).
 *
 *   hidden PACKAGE                    what lies at the public places: "ok PAYLOAD"
 *   forge PACKAGE MESSAGE PAYLOAD     another message, and this payload at the public places
 *   digest PACKAGE                    what a receipt of it names: "ok DIGEST"
 *   guess PROFILE TRIES PAYLOAD SEED  blind guesses through the receiver's check: "ok HITS SECONDS"
 *   open STATE PACKAGE STEPS          does a key of this state, or of one up to STEPS later, open
 *                                     it? "ok STEP" or "no"
 *   read STATE PACKAGE                the message in it: "ok MESSAGE" or "no"
 *   scan BYTES PACKAGE STEPS          the same with every 32 bytes in BYTES, as a state and as a
 *                                     message key: "ok TRIED" or "no TRIED"
 *   make STATE PACKAGE MESSAGE        a package of that message, with header and cover of PACKAGE
 *   share STATE SHARED STEPS          as open, for what a member of a set got
 *   reshare STATE SHARED PART TEXT    what the member whose STATE it is can make of that: another
 *                                     common part under the same secret, and for PART's place a box
 *                                     under its own key: "ok COMMON PART"
 *   slices PROFILE RV SALT SHK TRIES PACKAGE...   search Sk, and Shk if it is "-", among the slices
 *                                     of Rv, such that it opens the session's first packages: "ok
 *                                     TRIES SECONDS SHK SK" or "no TRIES SECONDS"
 *   request CLOUDKEY T FROM TO SALT SK SHK   step 2 with these secrets, sealed to the cloud
 *   unseal KEY KIND NAME SEALED       a record of the cloud's vault, with the cloud's secret key
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "cloudd/vault.h"
#include "common/err.h"
#include "common/package.h"
#include "common/session.h"
#include "common/set.h"
#include "common/stego.h"
#include "tests/attack/words.h"

#define PACKAGES_MAX    8
#define TEXT_BYTES      16 /* of a guessed message */
#define FIELD_GUESS_MAX 64

/* ---- packages ---- */

static void decode(struct msg *m, const struct blob *body)
{
    words_need(msg_decode(m, MSG_PACKAGE, body->p, body->len) == 0, "that is no package");
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const struct profile *profile_of(const struct msg *m)
{
    const struct profile *p = profile_find(m->u.package.profile);

    words_need(p != NULL, "no such profile");
    return p;
}

/* ---- reading and writing where `paper` hides, which no key decides ---- */

static void public_places(struct stego_keys *keys)
{
    struct keybuf none = {.len = 0};

    profile_paper.places(keys, &none);
}

static void do_hidden(void)
{
    uint8_t hidden[HIDDEN_MAX] = {0};
    struct blob body = words_bytes(1);
    struct pgm_view image;
    struct stego_keys keys;
    struct msg m;

    decode(&m, &body);
    public_places(&keys);
    words_need(pgm_parse(m.u.package.image.p, m.u.package.image.len, &image) == 0, "no image");
    words_need(stego_extract(image.pixels, image.width, image.height, &keys,
                             (enum stego_code)m.u.package.codec, hidden,
                             8 * profile_paper.hidden_bytes) == 0,
               "cannot extract");
    words_say(hidden, profile_paper.hidden_bytes);
}

static void say_package(const struct msg *m)
{
    size_t cap = msg_encoded_max(m);
    uint8_t *out = malloc(cap);
    struct wbuf w;

    words_need(out != NULL, "no memory");
    wbuf_init(&w, out, cap);
    msg_encode(m, &w);
    words_need(wbuf_err(&w) == 0, "cannot encode");
    words_say(out, w.len);
    free(out);
}

static void do_forge(void)
{
    struct blob body = words_bytes(1), message = words_bytes(2), payload = words_bytes(3);
    struct pgm_view image;
    struct stego_keys keys;
    uint8_t *pixels, *pgm;
    struct msg m;
    size_t n, len;

    decode(&m, &body);
    words_need(pgm_parse(m.u.package.image.p, m.u.package.image.len, &image) == 0, "no image");
    n = (size_t)image.width * image.height;
    pixels = malloc(n);
    pgm = malloc(n + PGM_HEADER_MAX);
    words_need(pixels != NULL && pgm != NULL, "no memory");
    memcpy(pixels, image.pixels, n);
    public_places(&keys);
    words_need(stego_embed(pixels, image.width, image.height, &keys,
                           (enum stego_code)m.u.package.codec, payload.p, 8 * payload.len) == 0,
               "cannot embed");
    words_need(pgm_write(pgm, n + PGM_HEADER_MAX, &len, image.width, image.height, pixels) == 0,
               "cannot write the image");
    m.u.package.message = message;
    m.u.package.message_bytes = (uint32_t)message.len;
    m.u.package.image = (struct blob){pgm, len};
    say_package(&m);
    free(pixels);
    free(pgm);
}

static void do_digest(void)
{
    uint8_t digest[DIGEST_BYTES];
    struct blob body = words_bytes(1);

    package_digest(digest, body.p, body.len);
    words_say(digest, sizeof(digest));
}

/* ---- guessing the payload ---- */

/* A chain key, or a message's key, from 32 bytes; where the profile encrypts, for its i-th suite.
 * Whether there is such a suite. */
static int key_from(struct keybuf *key, const struct profile *p, const uint8_t *raw, size_t i)
{
    keybuf_set(key, raw, KEY_BYTES);
    if (p->field_bytes != NULL && i < p->suites.n)
        keybuf_append(key, &p->suites.v[i], 1);
    return i == 0 || (p->field_bytes != NULL && i < p->suites.n);
}

/* A field as long as the profile makes it of TEXT_BYTES, where it holds all that proves the
 * message; else TEXT_BYTES alone. */
static size_t guessed_bytes(const struct profile *p)
{
    return p->hidden_bytes == 0 ? p->field_bytes(TEXT_BYTES, 1) : TEXT_BYTES;
}

/* A key of one message, as the profile holds it, from random bytes. */
static void key_of(struct keybuf *key, const struct profile *p, const uint8_t raw[KEYBUF_MAX])
{
    struct wbuf w;

    if (p->turn == NULL) {
        key_from(key, p, raw, 0);
        return;
    }
    wbuf_init(&w, key->b, sizeof(key->b));
    wbuf_blob(&w, &(struct blob){raw, 14 + raw[0] % 51});
    wbuf_blob(&w, &(struct blob){raw + 64, 14 + raw[64] % 51});
    wbuf_bytes(&w, raw + 128, KEY_BYTES);
    key->len = w.len;
}

static void do_guess(void)
{
    unsigned long tries = words_number(2), hits = 0;
    const struct profile *p = profile_by_name(words_at[1]);
    uint8_t raw[KEYBUF_MAX + HIDDEN_MAX + FIELD_GUESS_MAX], seed[randombytes_SEEDBYTES] = {0};
    uint8_t *hidden = raw + KEYBUF_MAX, *text = hidden + HIDDEN_MAX, message[64];
    struct msg m = {.type = MSG_PACKAGE};
    struct blob payload = words_bytes(3);
    struct keybuf key;
    double start = now();
    unsigned long from = words_number(4) << 32;
    size_t len;

    words_need(p != NULL && payload.len <= p->hidden_bytes, "no such guess");
    words_need(guessed_bytes(p) <= FIELD_GUESS_MAX, "a field is too long");
    m.u.package.profile = p->id;
    m.u.package.codec = STEGO_LIGHT;
    memcpy(m.u.package.from, "alice", 6);
    memcpy(m.u.package.to, "bob", 4);
    for (unsigned long i = 0; i < tries; i++) {
        unsigned long name = from + i;

        memcpy(seed, &name, sizeof(name));
        randombytes_buf_deterministic(raw, sizeof(raw), seed);
        key_of(&key, p, raw);
        if (payload.len > 0)
            memcpy(hidden, payload.p, payload.len);
        m.u.package.message = (struct blob){text, guessed_bytes(p)};
        m.u.package.message_bytes = (uint32_t)m.u.package.message.len;
        hits += p->open(&key, &m, hidden, message, &len) == 0;
    }
    printf("ok %lu %.3f\n", hits, now() - start);
}

/* ---- keys that were found ---- */

static int opens(const struct msg *m, const struct keybuf *key)
{
    struct package_opened opened;
    int err = package_open(&opened, m, key);

    package_opened_free(&opened);
    return err == 0;
}

/* The first step at which the state opens m, or -1. */
static long opens_within(const struct msg *m, struct keybuf state, unsigned long steps)
{
    const struct profile *p = profile_of(m);
    struct keybuf key;

    for (unsigned long i = 0; i <= steps; i++) {
        if (p->take_key(&key, &state) != 0)
            return -1;
        if (opens(m, &key))
            return (long)i;
        if (p->turn != NULL)
            return -1; /* the next state depends on what this one hid */
    }
    return -1;
}

static void do_open(void)
{
    struct blob given = words_bytes(1), body = words_bytes(2);
    struct keybuf state;
    struct msg m;
    long step;

    decode(&m, &body);
    keybuf_set(&state, given.p, given.len);
    step = opens_within(&m, state, words_number(3));
    if (step < 0)
        printf("no\n");
    else
        printf("ok %ld\n", step);
}

static void do_read(void)
{
    struct blob given = words_bytes(1), body = words_bytes(2);
    struct package_opened opened;
    struct keybuf state, key;
    struct msg m;

    decode(&m, &body);
    keybuf_set(&state, given.p, given.len);
    words_need(profile_of(&m)->take_key(&key, &state) == 0, "no state of this profile");
    if (package_open(&opened, &m, &key) == 0)
        words_say(opened.message.p, opened.message.len);
    else
        printf("no\n");
    package_opened_free(&opened);
}

static void do_scan(void)
{
    struct blob hay = words_bytes(1), body = words_bytes(2);
    unsigned long steps = words_number(3), tried = 0;
    int found = 0;
    struct msg m;

    decode(&m, &body);
    for (size_t at = 0; at + KEY_BYTES <= hay.len && !found; at++) {
        struct keybuf key;

        for (size_t i = 0; key_from(&key, profile_of(&m), hay.p + at, i) && !found; i++)
            found = opens(&m, &key) || opens_within(&m, key, steps) >= 0;
        tried++;
    }
    printf("%s %lu\n", found ? "ok" : "no", tried);
}

static void do_make(void)
{
    struct blob given = words_bytes(1), body = words_bytes(2), message = words_bytes(3);
    struct keybuf state, key;
    struct package made;
    struct pgm_view cover;
    struct msg m;

    decode(&m, &body);
    keybuf_set(&state, given.p, given.len);
    if (given.len == KEY_BYTES)
        key_from(&state, profile_of(&m), given.p, 0);
    words_need(profile_of(&m)->take_key(&key, &state) == 0, "no state of this profile");
    words_need(package_image(&cover, &m.u.package) == 0, "no image");
    m.u.package.message = message;
    words_need(package_make(&made, &m, cover.pixels != NULL ? &cover : NULL, &key, 0) == 0,
               "cannot make a package");
    words_say(made.body, made.len);
    free(made.body);
}

/* ---- messages to sets ---- */

static void decode_shared(struct set_shared *s, int i)
{
    struct blob body = words_bytes(i);
    struct msg m;

    words_need(msg_decode(&m, MSG_PACKAGE_SHARED, body.p, body.len) == 0 &&
                   set_shared_parse(s, &m.u.package_shared) == 0,
               "no PACKAGE_SHARED");
}

static void do_share(void)
{
    struct blob given = words_bytes(1);
    unsigned long steps = words_number(3), step = 0;
    struct package_opened opened;
    struct keybuf state, key;
    struct set_shared s;
    int err = -1;

    decode_shared(&s, 2);
    keybuf_set(&state, given.p, given.len);
    for (; err != 0 && step <= steps; step++) {
        words_need(profile_of(&s.common)->take_key(&key, &state) == 0, "no state of this profile");
        err = set_shared_open(&opened, &s, &key);
        package_opened_free(&opened);
    }
    if (err == 0)
        printf("ok %lu\n", step - 1);
    else
        printf("no\n");
}

/* The member's own key, and with it the secret that all members have. */
static void take_secret(uint8_t secret[KEY_BYTES], struct keybuf *key, const struct set_shared *s)
{
    struct blob given = words_bytes(1);
    struct keybuf state;

    keybuf_set(&state, given.p, given.len);
    words_need(profile_of(&s->common)->take_key(key, &state) == 0, "no state of this profile");
    words_need(set_unwrap(secret, &s->member, key, s->common_digest) == 0,
               "not the member's state");
}

static void do_reshare(void)
{
    struct blob part = words_bytes(3);
    uint8_t secret[KEY_BYTES], made_part[SET_MEMBER_MAX];
    struct package made;
    struct pgm_view cover;
    struct keybuf key, set_key;
    struct set_shared s;
    struct msg m;
    size_t len;

    decode_shared(&s, 2);
    take_secret(secret, &key, &s);
    profile_of(&s.common)->set_key(&set_key, &key, secret);
    words_need(pgm_parse(s.common.u.package.image.p, s.common.u.package.image.len, &cover) == 0,
               "no image");
    s.common.u.package.message = words_bytes(4);
    words_need(package_make(&made, &s.common, &cover, &set_key, 0) == 0, "cannot make a package");
    words_need(msg_decode(&m, MSG_SET_MEMBER, part.p, part.len) == 0, "no SET_MEMBER");
    words_need(set_wrap(&m.u.set_member, &key, made.digest, secret) == 0 &&
                   set_member_encode(made_part, &len, &m.u.set_member) == 0,
               "cannot make a part");
    printf("ok");
    words_put(made.body, made.len);
    words_put(made_part, len);
    putchar('\n');
    free(made.body);
}

/* ---- the search for I and E ---- */

struct search {
    const struct profile *profile;
    struct blob rv, salt;
    struct msg m[PACKAGES_MAX];
    uint8_t hidden[PACKAGES_MAX][HIDDEN_MAX];
    int n;
    unsigned long tries, most;
};

/* The state that a session with these would have begun with. Of `auth` the attacker lacks what the
 * devices agreed on between themselves: all that he can put together is the psk. */
static void state_of(struct keybuf *state, const struct search *s, struct blob shk, struct blob sk)
{
    uint8_t psk[KEY_BYTES];
    struct neg_terms t;
    struct wbuf w;

    if (s->profile->turn == NULL) {
        memset(&t, 0, sizeof(t));
        keybuf_set(&t.shk, shk.p, shk.len);
        keybuf_set(&t.sk, sk.p, sk.len);
        memcpy(t.salt, s->salt.p, KEY_BYTES);
        neg_psk(psk, &t);
        key_from(state, s->profile, psk, 0);
        return;
    }
    wbuf_init(&w, state->b, sizeof(state->b));
    wbuf_blob(&w, &shk);
    wbuf_blob(&w, &sk);
    wbuf_bytes(&w, s->salt.p, KEY_BYTES);
    state->len = w.len;
}

static int fits(struct search *s, struct blob shk, struct blob sk)
{
    struct keybuf state, key;

    s->tries++;
    state_of(&state, s, shk, sk);
    if (s->profile->turn == NULL)
        return opens_within(&s->m[0], state, 0) == 0;
    for (int i = 0; i < s->n; i++) {
        if (s->profile->take_key(&key, &state) != 0 ||
            s->profile->open(&key, &s->m[i], s->hidden[i], NULL, NULL) != 0)
            return 0;
        s->profile->turn(&state, s->hidden[i]);
    }
    return 1;
}

/* Every slice of Rv as Sk; the one that fits, or nothing. */
static struct blob find_sk(struct search *s, struct blob shk)
{
    for (size_t len = SLICE_MIN; len <= SLICE_MAX; len++)
        for (size_t i = 0; i + len <= s->rv.len && s->tries < s->most; i++)
            if (fits(s, shk, (struct blob){s->rv.p + i, len}))
                return (struct blob){s->rv.p + i, len};
    return (struct blob){NULL, 0};
}

static struct blob find_both(struct search *s, struct blob *shk)
{
    struct blob sk = {NULL, 0};

    for (size_t len = SLICE_MIN; len <= SLICE_MAX && sk.p == NULL; len++)
        for (size_t i = 0; i + len <= s->rv.len && sk.p == NULL && s->tries < s->most; i++) {
            *shk = (struct blob){s->rv.p + i, len};
            sk = find_sk(s, *shk);
        }
    return sk;
}

static void do_slices(void)
{
    struct search s = {.profile = profile_by_name(words_at[1])};
    struct keybuf none = {.len = 0};
    struct blob shk, sk;
    double start;

    words_need(s.profile != NULL, "no such profile");
    s.rv = words_bytes(2);
    s.salt = words_bytes(3);
    words_need(s.salt.len == KEY_BYTES, "a salt has 32 bytes");
    shk = words_bytes(4);
    s.most = words_number(5);
    for (int i = 6; i < words_n && s.n < PACKAGES_MAX; i++, s.n++) {
        struct blob body = words_bytes(i);

        decode(&s.m[s.n], &body);
        if (s.profile->turn != NULL)
            words_need(package_hidden(s.hidden[s.n], &s.m[s.n], &none) == 0, "cannot extract");
    }
    words_need(s.n > 0, "no package");
    start = now();
    sk = shk.p != NULL ? find_sk(&s, shk) : find_both(&s, &shk);
    printf("%s %lu %.3f", sk.p != NULL ? "ok" : "no", s.tries, now() - start);
    if (sk.p != NULL) {
        words_put(shk.p, shk.len);
        words_put(sk.p, sk.len);
    }
    putchar('\n');
}

/* ---- step 2 of a negotiation ---- */

static void id_of(char out[ID_MAX + 1], int i)
{
    words_need(i < words_n && strlen(words_at[i]) <= ID_MAX, "an id is too long");
    memcpy(out, words_at[i], strlen(words_at[i]) + 1);
}

static void do_request(void)
{
    struct blob cloud = words_bytes(1), t = words_bytes(2), salt = words_bytes(5),
                sk = words_bytes(6), shk = words_bytes(7);
    struct neg_terms terms;
    uint8_t out[NEG_SEALED_MAX];
    size_t len;

    words_need(cloud.len == KEY_BYTES && t.len == NEG_ID_BYTES && salt.len == KEY_BYTES,
               "a length");
    memset(&terms, 0, sizeof(terms));
    memcpy(terms.cloud, cloud.p, KEY_BYTES);
    memcpy(terms.negotiation, t.p, NEG_ID_BYTES);
    memcpy(terms.salt, salt.p, KEY_BYTES);
    id_of(terms.initiator, 3);
    id_of(terms.responder, 4);
    keybuf_set(&terms.sk, sk.p, sk.len);
    keybuf_set(&terms.shk, shk.p, shk.len);
    words_need(neg_body_seal(&terms, cloud.p, out, &len) == 0, "cannot seal");
    words_say(out, len);
}

/* ---- the cloud's own ---- */

static void do_unseal(void)
{
    struct blob key = words_bytes(1), name = words_bytes(3), sealed = words_bytes(4);
    char text[VAULT_NAME_MAX + 1] = {0};
    struct noise_keypair cloud;
    struct vault_plain plain;
    uint8_t *copy = malloc(sealed.len + 1);

    words_need(key.len >= KEY_BYTES && name.len <= VAULT_NAME_MAX && words_n == 5 && copy != NULL,
               "usage");
    memcpy(text, name.p, name.len);
    memcpy(copy, sealed.p, sealed.len);
    memcpy(cloud.secret_key, key.p, KEY_BYTES);
    words_need(crypto_scalarmult_base(cloud.public_key, cloud.secret_key) == 0, "no key");
    int err = vault_open(&plain, &cloud, (enum vault_kind)words_number(2), text,
                         &(struct store_bytes){copy, sealed.len});

    if (err == 0)
        words_say(plain.body.p, plain.body.len);
    else
        printf("no\n");
    vault_plain_free(&plain);
    free(copy);
}

int main(void)
{
    static const struct verb verbs[] = {
        {"hidden", do_hidden},   {"forge", do_forge},   {"digest", do_digest},
        {"guess", do_guess},     {"open", do_open},     {"read", do_read},
        {"scan", do_scan},       {"make", do_make},     {"slices", do_slices},
        {"request", do_request}, {"unseal", do_unseal}, {"share", do_share},
        {"reshare", do_reshare}, {NULL, NULL}};

    return words_serve(verbs);
}
