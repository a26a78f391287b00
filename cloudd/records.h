/*
 * records.h - the bodies of the vault's records: what a device brought at enrolment, and a
 * negotiation with all that is needed to go on with it after a restart.
 */
#ifndef INKPOST_CLOUDD_RECORDS_H
#define INKPOST_CLOUDD_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "cloudd/store.h"
#include "cloudd/vault.h"
#include "common/fx1.h"
#include "common/negotiation.h"

/* Lent from the decoded record (or from the caller, for encoding). */
struct device_record {
    const uint8_t *dev;    /* KEY_BYTES */
    const uint8_t *canvas; /* FX1_CANVAS, each byte 0..15 */
    uint16_t width, height;
    struct blob scan; /* width * height */
};

/* Holds secrets: wipe after use. */
struct neg_record {
    uint64_t request;
    struct neg_terms terms;
    uint8_t i_key[KEY_BYTES], r_key[KEY_BYTES];
    uint64_t i_enrolment, r_enrolment;
    struct neg_bytes asked, answered; /* of the devices' handshake: steps 2 and 4 */
    /* In a profile whose cloud has a part in it (struct neg_gateway), else empty: what we know of
     * both devices, what we keep between steps 2 and 4, and what we made: step 3, step 5 and the
     * grant. It is made once, so that who asks again gets the same bytes. */
    uint8_t i_account[KEY_BYTES], r_account[KEY_BYTES];
    struct neg_bytes kept, forwarded, result, grant;
};

/* Seal a device's record under its id. out->p is malloc'd. ERR_NOMEM, ERR_ARG. */
int device_record_seal(struct store_bytes *out, const uint8_t cloud[KEY_BYTES], const char *id,
                       const struct device_record *rec);
/* Open it; rec borrows from plain, which the caller frees with vault_plain_free in any case.
 * Errors of vault_open; ERR_MALFORMED, ERR_VERSION. */
int device_record_open(struct device_record *rec, struct vault_plain *plain,
                       const struct noise_keypair *cloud, const char *id,
                       const struct store_bytes *sealed);

/* The same for a negotiation, under its T. */
int neg_record_seal(struct store_bytes *out, const uint8_t cloud[KEY_BYTES],
                    const struct neg_record *rec);
int neg_record_open(struct neg_record *rec, const struct noise_keypair *cloud,
                    const struct store_neg *row);

#endif
