/* test_vault.c - records at rest: sealed, bound to kind and name, and nothing damaged gets out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "cloudd/records.h"
#include "common/pair_keys.h"
#include "cloudd/vault.h"
#include "common/err.h"

static struct noise_keypair cloud;

static int make_cloud(void **state)
{
    (void)state;
    if (sodium_init() < 0)
        return -1;
    noise_keypair_new(&cloud);
    return 0;
}

static struct store_bytes seal_text(const char *name, const char *text)
{
    struct store_bytes out;
    struct blob body = {(const uint8_t *)text, strlen(text)};

    assert_int_equal(vault_seal(&out, cloud.public_key, VAULT_PAIR, name, &body), 0);
    return out;
}

static void vault__sealed_record__opens_to_what_it_was(void **state)
{
    struct store_bytes sealed = seal_text("a b", "the body");
    struct vault_plain plain;

    (void)state;
    assert_null(memmem(sealed.p, sealed.len, "the body", 8));
    assert_int_equal(vault_open(&plain, &cloud, VAULT_PAIR, "a b", &sealed), 0);
    assert_int_equal(plain.body.len, 8);
    assert_memory_equal(plain.body.p, "the body", 8);
    vault_plain_free(&plain);
    assert_null(plain.p);
    free(sealed.p);
}

static void vault__empty_body__opens_to_an_empty_body(void **state)
{
    struct store_bytes sealed = seal_text("a", "");
    struct vault_plain plain;

    (void)state;
    assert_int_equal(vault_open(&plain, &cloud, VAULT_PAIR, "a", &sealed), 0);
    assert_int_equal(plain.body.len, 0);
    vault_plain_free(&plain);
    free(sealed.p);
}

static void vault__other_kind_or_name__is_malformed(void **state)
{
    struct store_bytes sealed = seal_text("a b", "the body");
    struct vault_plain plain;

    (void)state;
    assert_int_equal(vault_open(&plain, &cloud, VAULT_DEVICE, "a b", &sealed), ERR_MALFORMED);
    assert_int_equal(vault_open(&plain, &cloud, VAULT_PAIR, "a c", &sealed), ERR_MALFORMED);
    assert_int_equal(vault_open(&plain, &cloud, VAULT_PAIR, "a", &sealed), ERR_MALFORMED);
    assert_null(plain.p);
    free(sealed.p);
}

static void vault__other_key__does_not_open(void **state)
{
    struct store_bytes sealed = seal_text("a", "x");
    struct noise_keypair other;
    struct vault_plain plain;

    (void)state;
    noise_keypair_new(&other);
    assert_int_equal(vault_open(&plain, &other, VAULT_PAIR, "a", &sealed), ERR_AUTH);
    free(sealed.p);
}

static void vault__every_bit_flipped_and_every_length_cut__fails(void **state)
{
    struct store_bytes sealed = seal_text("a", "body"), cut;
    struct vault_plain plain;

    (void)state;
    for (size_t i = 0; i < 8 * sealed.len; i++) {
        sealed.p[i / 8] ^= (uint8_t)(1u << (i % 8));
        /* The top bit of an X25519 public key is ignored, but it is hashed into the nonce. */
        assert_int_equal(vault_open(&plain, &cloud, VAULT_PAIR, "a", &sealed), ERR_AUTH);
        sealed.p[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    for (size_t n = 0; n < sealed.len; n++) {
        cut = (struct store_bytes){sealed.p, n};
        assert_int_equal(vault_open(&plain, &cloud, VAULT_PAIR, "a", &cut), ERR_AUTH);
    }
    free(sealed.p);
}

static void vault__name_too_long__is_refused(void **state)
{
    char name[VAULT_NAME_MAX + 2];
    struct store_bytes out;

    (void)state;
    memset(name, 'a', sizeof(name));
    name[VAULT_NAME_MAX + 1] = '\0';
    assert_int_equal(vault_seal(&out, cloud.public_key, VAULT_PAIR, name, &(struct blob){NULL, 0}),
                     ERR_ARG);
    assert_null(out.p);
}

#define W 20
#define H 17

static void device_record__comes_back_whole__and_a_canvas_out_of_range_does_not(void **state)
{
    static uint8_t canvas[FX1_CANVAS], scan[W * H];
    uint8_t dev[KEY_BYTES];
    struct device_record rec = {dev, canvas, W, H, {scan, sizeof(scan)}}, back;
    struct vault_plain plain;
    struct store_bytes sealed;

    (void)state;
    randombytes_buf(dev, sizeof(dev));
    randombytes_buf(scan, sizeof(scan));
    for (size_t i = 0; i < FX1_CANVAS; i++)
        canvas[i] = (uint8_t)(i % 16);
    assert_int_equal(device_record_seal(&sealed, cloud.public_key, "alice", &rec), 0);
    assert_int_equal(device_record_open(&back, &plain, &cloud, "alice", &sealed), 0);
    assert_memory_equal(back.dev, dev, KEY_BYTES);
    assert_memory_equal(back.canvas, canvas, FX1_CANVAS);
    assert_int_equal(back.width, W);
    assert_int_equal(back.height, H);
    assert_int_equal(back.scan.len, sizeof(scan));
    assert_memory_equal(back.scan.p, scan, sizeof(scan));
    vault_plain_free(&plain);
    free(sealed.p);
    canvas[FX1_CANVAS - 1] = 16;
    assert_int_equal(device_record_seal(&sealed, cloud.public_key, "alice", &rec), 0);
    assert_int_equal(device_record_open(&back, &plain, &cloud, "alice", &sealed), ERR_MALFORMED);
    vault_plain_free(&plain);
    free(sealed.p);
}

static void fill_neg(struct neg_record *rec)
{
    memset(rec, 0, sizeof(*rec));
    rec->request = 77;
    randombytes_buf(rec->terms.negotiation, NEG_ID_BYTES);
    randombytes_buf(rec->terms.salt, KEY_BYTES);
    rec->terms.sk.len = SLICE_MIN;
    randombytes_buf(rec->terms.sk.b, SLICE_MIN);
    rec->terms.shk.len = PAIR_KEY_MAX;
    randombytes_buf(rec->terms.shk.b, PAIR_KEY_MAX);
    memcpy(rec->terms.cloud, cloud.public_key, KEY_BYTES);
    strcpy(rec->terms.initiator, "alice");
    strcpy(rec->terms.responder, "bob");
    offer_local(&rec->terms.i_offer, 0);
    offer_local(&rec->terms.r_offer, 0);
    rec->terms.choice = (struct choice){1, 1, 1};
    randombytes_buf(rec->i_key, KEY_BYTES);
    rec->i_enrolment = 3;
    rec->r_enrolment = UINT64_MAX;
    rec->asked.len = rec->forwarded.len = NEG_HANDSHAKE_MAX;
    randombytes_buf(rec->asked.b, NEG_HANDSHAKE_MAX);
    randombytes_buf(rec->forwarded.b, NEG_HANDSHAKE_MAX);
    randombytes_buf(rec->r_account, KEY_BYTES);
}

static struct store_neg row_of(const struct neg_record *rec, struct store_bytes sealed)
{
    struct store_neg row = {.request = rec->request, .state = NEG_OPENED, .sealed = sealed};

    memcpy(row.id, rec->terms.negotiation, NEG_ID_BYTES);
    memcpy(row.from, rec->terms.initiator, sizeof(row.from));
    memcpy(row.to, rec->terms.responder, sizeof(row.to));
    return row;
}

static void neg_record__comes_back_whole__and_only_beside_its_own_columns(void **state)
{
    struct neg_record rec, back;
    struct store_bytes sealed;
    struct store_neg row;

    (void)state;
    fill_neg(&rec);
    assert_int_equal(neg_record_seal(&sealed, cloud.public_key, &rec), 0);
    row = row_of(&rec, sealed);
    assert_int_equal(neg_record_open(&back, &cloud, &row), 0);
    assert_memory_equal(&back, &rec, sizeof(rec));
    strcpy(row.to, "carol");
    assert_int_equal(neg_record_open(&back, &cloud, &row), ERR_MALFORMED);
    assert_true(sodium_is_zero((const uint8_t *)&back, sizeof(back)));
    row = row_of(&rec, sealed);
    row.id[0] ^= 1;
    assert_int_equal(neg_record_open(&back, &cloud, &row), ERR_MALFORMED);
    free(sealed.p);
}

/* Sealed anew, so that it is the decoder that sees the damage. */
static void neg_record__every_cut_of_the_body__is_malformed(void **state)
{
    char name[2 * NEG_ID_BYTES + 1];
    struct store_bytes sealed, again;
    struct neg_record rec, back;
    struct vault_plain plain;
    struct store_neg row;

    (void)state;
    fill_neg(&rec);
    sodium_bin2hex(name, sizeof(name), rec.terms.negotiation, NEG_ID_BYTES);
    assert_int_equal(neg_record_seal(&sealed, cloud.public_key, &rec), 0);
    assert_int_equal(vault_open(&plain, &cloud, VAULT_NEGOTIATION, name, &sealed), 0);
    for (size_t n = 0; n < plain.body.len; n++) {
        struct blob body = {plain.body.p, n};

        assert_int_equal(vault_seal(&again, cloud.public_key, VAULT_NEGOTIATION, name, &body), 0);
        row = row_of(&rec, again);
        assert_int_equal(neg_record_open(&back, &cloud, &row), ERR_MALFORMED);
        free(again.p);
    }
    vault_plain_free(&plain);
    free(sealed.p);
}

/* As it was before the cloud had a part in any profile: it ends behind steps 2 and 4. */
static void neg_record__of_version_1__is_read(void **state)
{
    const size_t more = 2 * KEY_BYTES + 4 * 4 + NEG_HANDSHAKE_MAX;
    char name[2 * NEG_ID_BYTES + 1];
    struct store_bytes sealed, again;
    struct neg_record rec, back;
    struct vault_plain plain;
    struct store_neg row;
    uint8_t *version;

    (void)state;
    fill_neg(&rec);
    sodium_bin2hex(name, sizeof(name), rec.terms.negotiation, NEG_ID_BYTES);
    assert_int_equal(neg_record_seal(&sealed, cloud.public_key, &rec), 0);
    assert_int_equal(vault_open(&plain, &cloud, VAULT_NEGOTIATION, name, &sealed), 0);
    version = plain.p + (plain.body.p - plain.p);
    assert_int_equal(*version, 2);
    *version = 1;
    plain.body.len -= more;
    assert_int_equal(vault_seal(&again, cloud.public_key, VAULT_NEGOTIATION, name, &plain.body), 0);
    row = row_of(&rec, again);
    assert_int_equal(neg_record_open(&back, &cloud, &row), 0);
    memset(&rec.forwarded, 0, sizeof(rec.forwarded));
    memset(rec.r_account, 0, KEY_BYTES);
    assert_memory_equal(&back, &rec, sizeof(rec));
    vault_plain_free(&plain);
    free(again.p);
    free(sealed.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vault__sealed_record__opens_to_what_it_was),
        cmocka_unit_test(vault__empty_body__opens_to_an_empty_body),
        cmocka_unit_test(vault__other_kind_or_name__is_malformed),
        cmocka_unit_test(vault__other_key__does_not_open),
        cmocka_unit_test(vault__every_bit_flipped_and_every_length_cut__fails),
        cmocka_unit_test(vault__name_too_long__is_refused),
        cmocka_unit_test(device_record__comes_back_whole__and_a_canvas_out_of_range_does_not),
        cmocka_unit_test(neg_record__comes_back_whole__and_only_beside_its_own_columns),
        cmocka_unit_test(neg_record__every_cut_of_the_body__is_malformed),
        cmocka_unit_test(neg_record__of_version_1__is_read),
    };

    return cmocka_run_group_tests(tests, make_cloud, NULL);
}
