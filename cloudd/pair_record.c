/* pair_record.c - opening and making the records of pairs. */
#include "cloudd/pair_record.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/records.h"

/* The name that a pair's record is sealed under. */
static void pair_name(char out[VAULT_NAME_MAX + 1], const struct store_op *op)
{
    snprintf(out, VAULT_NAME_MAX + 1, "%s %llu %s %llu", op->u.pair.a,
             (unsigned long long)op->u.pair.enrolment_a, op->u.pair.b,
             (unsigned long long)op->u.pair.enrolment_b);
}

int pair_record_open(struct pair_keys *k, const struct noise_keypair *cloud,
                     const struct store_op *pair)
{
    char name[VAULT_NAME_MAX + 1];
    struct vault_plain plain;
    int err;

    memset(k, 0, sizeof(*k));
    pair_name(name, pair);
    err = vault_open(&plain, cloud, VAULT_PAIR, name, &pair->u.pair.sealed);
    if (err == 0)
        err = pairing_decode(k, &plain.body);
    vault_plain_free(&plain);
    return err;
}

/* Both devices' records. Borrow from plain. */
struct both {
    struct device_record a, b;
    struct vault_plain plain_a, plain_b;
};

static int both_open(struct both *both, const struct noise_keypair *cloud,
                     const struct store_op *got)
{
    int err;

    memset(both, 0, sizeof(*both));
    err = device_record_open(&both->a, &both->plain_a, cloud, got->u.pair.a, &got->u.pair.rec_a);
    if (err == 0)
        err =
            device_record_open(&both->b, &both->plain_b, cloud, got->u.pair.b, &got->u.pair.rec_b);
    return err;
}

static void both_free(struct both *both)
{
    vault_plain_free(&both->plain_a);
    vault_plain_free(&both->plain_b);
}

static int seal(struct store_bytes *out, const struct noise_keypair *cloud,
                const struct store_op *got, const struct pair_keys *k)
{
    uint8_t record[PAIR_RECORD_BYTES];
    char name[VAULT_NAME_MAX + 1];
    int err;

    pairing_encode(record, k);
    pair_name(name, got);
    err = vault_seal(out, cloud->public_key, VAULT_PAIR, name,
                     &(struct blob){record, sizeof(record)});
    sodium_memzero(record, sizeof(record));
    return err;
}

int pair_record_new(struct store_bytes *out, const struct noise_keypair *cloud,
                    const struct store_op *got)
{
    uint8_t secret[KEY_BYTES];
    struct pair_party first, second;
    struct pair_keys k;
    struct both both;
    int err = both_open(&both, cloud, got);

    if (err == 0) {
        randombytes_buf(secret, sizeof(secret));
        first =
            (struct pair_party){got->u.pair.a, got->u.pair.enrolment_a, both.a.dev, both.a.canvas};
        second =
            (struct pair_party){got->u.pair.b, got->u.pair.enrolment_b, both.b.dev, both.b.canvas};
        err = pairing_make(&k, &first, &second, secret);
        if (err == 0)
            err = seal(out, cloud, got, &k);
        sodium_memzero(secret, sizeof(secret));
        sodium_memzero(&k, sizeof(k));
    }
    both_free(&both);
    return err;
}

int pair_record_devs(uint8_t dev_a[KEY_BYTES], uint8_t dev_b[KEY_BYTES],
                     const struct noise_keypair *cloud, const struct store_op *got)
{
    struct both both;
    int err = both_open(&both, cloud, got);

    if (err == 0) {
        memcpy(dev_a, both.a.dev, KEY_BYTES);
        memcpy(dev_b, both.b.dev, KEY_BYTES);
    }
    both_free(&both);
    return err;
}
