/*
 * vault.h - what the cloud keeps encrypted at rest: records sealed to the cloud's own key.
 *
 * crypto_box_seal keeps a copied database unreadable without cloud.key. It does not prove who wrote
 * a record: whoever may write the database may replace one. Kind and name are sealed in, so that
 * one record cannot be put in the place of another unnoticed.
 */
#ifndef INKPOST_CLOUDD_VAULT_H
#define INKPOST_CLOUDD_VAULT_H

#include <stddef.h>
#include <stdint.h>

#include "cloudd/store.h"
#include "common/noise.h"
#include "proto/rbuf.h"

enum vault_kind { VAULT_DEVICE = 1, VAULT_PAIR, VAULT_NEGOTIATION, VAULT_STATE };

#define VAULT_VERSION  1
#define VAULT_NAME_MAX 255

/* A record in clear, in memory that vault_plain_free wipes. body lies inside it. */
struct vault_plain {
    uint8_t *p;
    size_t len;
    struct blob body;
};

/* Seal body under a kind and a name. out->p is malloc'd, the caller's to free. ERR_ARG, ERR_NOMEM;
 * out is then empty. */
int vault_seal(struct store_bytes *out, const uint8_t cloud[KEY_BYTES], enum vault_kind kind,
               const char *name, const struct blob *body);

/* Open what vault_seal made. ERR_AUTH when it is not sealed to this key, ERR_VERSION, ERR_MALFORMED
 * for another kind or name, ERR_NOMEM; out is then empty. */
int vault_open(struct vault_plain *out, const struct noise_keypair *cloud, enum vault_kind kind,
               const char *name, const struct store_bytes *sealed);

/* Wipe and free. A zeroed one is fine. */
void vault_plain_free(struct vault_plain *plain);

#endif
