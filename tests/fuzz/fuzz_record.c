/*
 * fuzz_record.c - the cloud's records at rest, as they are after their seal is opened: the fuzzer's
 * bytes are sealed to a fixed key (whoever may write the database can do that) and opened again.
 * The first byte picks the kind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct noise_keypair *cloud_key(void)
{
    static struct noise_keypair kp;

    if (kp.public_key[0] == 0) {
        memset(kp.secret_key, 9, sizeof(kp.secret_key));
        if (sodium_init() < 0 || crypto_scalarmult_base(kp.public_key, kp.secret_key) != 0)
            abort();
    }
    return &kp;
}

static void open_device(const struct store_bytes *sealed)
{
    struct device_record rec;
    struct vault_plain plain = {0};

    if (device_record_open(&rec, &plain, cloud_key(), "fuzz", sealed) == 0 &&
        rec.scan.len != (size_t)rec.width * rec.height)
        abort();
    vault_plain_free(&plain);
}

static void open_negotiation(const struct store_bytes *sealed)
{
    static struct store_neg row;
    struct neg_record rec;

    row.sealed = *sealed;
    if (neg_record_open(&rec, cloud_key(), &row) == 0 &&
        (rec.asked.len > NEG_HANDSHAKE_MAX || rec.grant.len > NEG_HANDSHAKE_MAX))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_bytes sealed;
    struct blob body;
    int is_device;

    if (size < 1)
        return 0;
    is_device = data[0] & 1;
    body = (struct blob){data + 1, size - 1};
    if (vault_seal(&sealed, cloud_key()->public_key, is_device ? VAULT_DEVICE : VAULT_NEGOTIATION,
                   is_device ? "fuzz" : "00000000000000000000000000000000", &body) != 0)
        return 0;
    if (is_device)
        open_device(&sealed);
    else
        open_negotiation(&sealed);
    free(sealed.p);
    return 0;
}
