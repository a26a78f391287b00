/*
 * fuzz_profile_sga.c - the fields of a negotiation in the profile sga, and its messages, from an
 * enemy who holds the keys of the layers around the bodies. The first byte picks who takes the
 * input; its top bit says that it is handed over as it is. Else the second byte says where the
 * first body ends, and each is sealed or encrypted as its step has it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/package.h"
#include "common/profile.h"
#include "common/sga_parts.h"
#include "common/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FORWARD, SETTLE, ANSWER, FINISH, GRANTED, MESSAGE, KEPT };

#define SUITE SUITE_CHACHA20_POLY1305

static const struct neg_gateway *gateway;
static struct noise_keypair cloud_key;
static uint8_t dev[KEY_BYTES], kd[KEY_BYTES], kt[KEY_BYTES];
static struct neg_terms terms;

static void require(int true_thing)
{
    if (!true_thing)
        abort();
}

/* Both devices have the same k_d here. */
static void fixed(void)
{
    struct list suites = {2, {SUITE, SUITE_XCHACHA20_POLY1305}};

    gateway = profile_cloud_side(PROFILE_SGA);
    memset(cloud_key.secret_key, 9, sizeof(cloud_key.secret_key));
    require(crypto_scalarmult_base(cloud_key.public_key, cloud_key.secret_key) == 0);
    memset(dev, 1, sizeof(dev));
    memset(kt, 3, sizeof(kt));
    gateway->account(kd, dev);
    memcpy(terms.cloud, cloud_key.public_key, KEY_BYTES);
    memcpy(terms.initiator, "alice", 6);
    memcpy(terms.responder, "bob", 4);
    terms.i_offer.suites = terms.r_offer.suites = suites;
    terms.choice = (struct choice){PROFILE_SGA, SUITE, 0};
}

static struct neg_cloud at_cloud(void)
{
    struct neg_cloud c = {.self = &cloud_key};

    memcpy(c.i_account, kd, KEY_BYTES);
    memcpy(c.r_account, kd, KEY_BYTES);
    return c;
}

/* What a party kept: for a device R, K and k_t; for the cloud k_t and a share. */
static struct neg_bytes kept_by(int device)
{
    struct neg_bytes k = {.len = 3 * KEY_BYTES};

    memset(k.b, 5, sizeof(k.b));
    k.b[KEY_BYTES - 1] = 0;
    memcpy(k.b + (device ? 2 * KEY_BYTES : 0), kt, KEY_BYTES);
    return k;
}

static struct blob lend(const struct sga_body *b)
{
    return (struct blob){b->p, b->len};
}

/* The masked value stands first in A1 and A3: what it is worth under `with`. */
static void masked_key(uint8_t key[KEY_BYTES], const struct blob *plain,
                       const uint8_t with[KEY_BYTES])
{
    memset(key, 0, KEY_BYTES);
    memcpy(key, plain->p, plain->len < KEY_BYTES ? plain->len : KEY_BYTES);
    sga_xor(key, key, with);
}

static int box(struct sga_body *out, const struct blob *plain)
{
    if (plain->len > sizeof(out->p) - crypto_box_SEALBYTES)
        return 0;
    require(crypto_box_seal(out->p, plain->p, plain->len, cloud_key.public_key) == 0);
    out->len = plain->len + crypto_box_SEALBYTES;
    return 1;
}

static int put(struct wbuf *w, const struct sga_body *b)
{
    struct blob in = lend(b);

    wbuf_blob(w, &in);
    return wbuf_err(w) == 0;
}

/* The field that a party gets, from the plaintexts of its bodies. */
static int wrap(struct neg_bytes *out, int who, const struct blob *first, const struct blob *second)
{
    struct sga_body a = {0}, b = {0};
    uint8_t key[KEY_BYTES];
    struct wbuf w;
    int fits = 1;

    wbuf_init(&w, out->b, sizeof(out->b));
    masked_key(key, first, who == FORWARD ? kd : kt);
    if (who == FORWARD || who == SETTLE)
        fits = box(&a, first) && sga_encrypt(SUITE, key, second, &b) == 0;
    else if (who == ANSWER)
        fits = sga_encrypt(SUITE, kd, first, &a) == 0;
    else
        fits = sga_encrypt(SUITE, kt, first, &a) == 0;
    if (who == FINISH) {
        b.len = second->len < sizeof(b.p) ? second->len : sizeof(b.p);
        memcpy(b.p, second->p, b.len);
    }
    if (!fits)
        return 0;
    if (who == ANSWER)
        wbuf_bytes(&w, a.p, a.len);
    else
        fits = put(&w, &a) && put(&w, &b);
    out->len = w.len;
    return fits && wbuf_err(&w) == 0;
}

static int is_empty(const struct neg_bytes *b)
{
    return b->len == 0 && sodium_is_zero(b->b, sizeof(b->b));
}

/* The party takes it, or refuses and leaves nothing. */
static void take(int who, const struct blob *in, const struct neg_bytes *kept)
{
    struct neg_ends ends = {.dev = dev};
    struct neg_cloud c = at_cloud();
    struct neg_bytes one, two;
    struct session_keys keys = {.state.len = 0};
    int err;

    if (who == FORWARD)
        err = gateway->forward(&one, &two, &terms, &c, in);
    else if (who == SETTLE)
        err = gateway->settle(&one, &two, &terms, &c, kept, in);
    else if (who == ANSWER)
        err = gateway->answer(&one, &two, &terms, &ends, in);
    else {
        err = who == FINISH ? profile_finish(&terms, &ends, kept, in, &keys)
                            : gateway->granted(&keys, kept, &terms, in);
        require((err == 0) == (keys.state.len == KEY_BYTES + 1));
        return;
    }
    require(err == 0 ? one.len > 0 && two.len > 0 : is_empty(&one) && is_empty(&two));
}

static void take_message(const struct blob *in)
{
    struct msg m = {.type = MSG_PACKAGE};
    struct package_opened opened;
    struct package made;
    struct keybuf key;

    keybuf_set(&key, kd, KEY_BYTES);
    keybuf_append(&key, &(uint8_t){SUITE}, 1);
    m.u.package.profile = PROFILE_SGA;
    memcpy(m.u.package.from, "alice", 6);
    memcpy(m.u.package.to, "bob", 4);
    m.u.package.message = *in;
    m.u.package.message_bytes = (uint32_t)in->len;
    require(package_open(&opened, &m, &key) != 0); /* nobody has made it */
    package_opened_free(&opened);
    require(package_make(&made, &m, NULL, &key, 0) == 0);
    require(msg_decode(&m, MSG_PACKAGE, made.body, made.len) == 0);
    require(package_open(&opened, &m, &key) == 0 && opened.message.len == in->len);
    require(in->len == 0 || memcmp(opened.message.p, in->p, in->len) == 0);
    package_opened_free(&opened);
    free(made.body);
}

/* Both parties whose kept bytes are other than they left them. */
static void take_damaged(const struct blob *in)
{
    struct neg_bytes kept;

    kept.len = in->len < sizeof(kept.b) ? in->len : sizeof(kept.b);
    memcpy(kept.b, in->p, kept.len);
    take(SETTLE, in, &kept);
    take(FINISH, in, &kept);
    take(GRANTED, in, &kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct blob in, first, second;
    struct neg_bytes field, kept;
    int who;

    if (sodium_init() < 0 || size < 2 || size > 4096)
        return 0;
    if (gateway == NULL)
        fixed();
    who = (data[0] & 0x7f) % 7;
    kept = kept_by(who == FINISH || who == GRANTED);
    in = (struct blob){data + 2, size - 2};
    first = (struct blob){in.p, in.len < data[1] ? in.len : data[1]};
    second = (struct blob){in.p + first.len, in.len - first.len};
    if (who == MESSAGE)
        take_message(&in);
    else if (who == KEPT)
        take_damaged(&in);
    else if (who == GRANTED || (data[0] & 0x80) != 0)
        take(who, &in, &kept);
    else if (wrap(&field, who, &first, &second))
        take(who, &(struct blob){field.b, field.len}, &kept);
    return 0;
}
