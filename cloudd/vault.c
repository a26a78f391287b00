/* vault.c - sealing of records at rest: version, kind, name and body in one crypto_box_seal. */
#include "cloudd/vault.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "proto/wbuf.h"

/* version u8, kind u8, name (u32 length and bytes), body */
#define HEADER (2 + 4)

int vault_seal(struct store_bytes *out, const uint8_t cloud[KEY_BYTES], enum vault_kind kind,
               const char *name, const struct blob *body)
{
    struct blob n = {(const uint8_t *)name, strlen(name)};
    size_t cap = HEADER + n.len + body->len;
    uint8_t *plain = NULL;
    struct wbuf w;
    int err = 0;

    memset(out, 0, sizeof(*out));
    if (n.len > VAULT_NAME_MAX)
        return ERR_ARG;
    plain = malloc(cap);
    out->p = malloc(cap + crypto_box_SEALBYTES);
    if (plain == NULL || out->p == NULL) {
        err = ERR_NOMEM;
        goto out;
    }
    wbuf_init(&w, plain, cap);
    wbuf_u8(&w, VAULT_VERSION);
    wbuf_u8(&w, (uint8_t)kind);
    wbuf_blob(&w, &n);
    wbuf_bytes(&w, body->p, body->len);
    err = wbuf_err(&w);
    if (err == 0 && crypto_box_seal(out->p, plain, w.len, cloud) != 0)
        err = ERR_ARG;
    if (err == 0)
        out->len = w.len + crypto_box_SEALBYTES;
out:
    if (plain != NULL)
        sodium_memzero(plain, cap);
    free(plain);
    if (err != 0) {
        free(out->p);
        out->p = NULL;
    }
    return err;
}

static int check_header(struct vault_plain *v, enum vault_kind kind, const char *name)
{
    uint8_t version, k;
    struct blob n;
    struct rbuf r;

    rbuf_init(&r, v->p, v->len);
    if (rbuf_u8(&r, &version) != 0)
        return ERR_MALFORMED;
    if (version > VAULT_VERSION)
        return ERR_VERSION;
    if (version != VAULT_VERSION || rbuf_u8(&r, &k) != 0 || k != kind)
        return ERR_MALFORMED;
    if (rbuf_blob(&r, &n, VAULT_NAME_MAX) != 0 || n.len != strlen(name) ||
        memcmp(n.p, name, n.len) != 0)
        return ERR_MALFORMED;
    v->body.p = r.p;
    v->body.len = r.left;
    return 0;
}

int vault_open(struct vault_plain *out, const struct noise_keypair *cloud, enum vault_kind kind,
               const char *name, const struct store_bytes *sealed)
{
    int err = 0;

    memset(out, 0, sizeof(*out));
    if (sealed->len < crypto_box_SEALBYTES)
        return ERR_AUTH;
    out->len = sealed->len - crypto_box_SEALBYTES;
    out->p = malloc(out->len + 1);
    if (out->p == NULL)
        err = ERR_NOMEM;
    else if (crypto_box_seal_open(out->p, sealed->p, sealed->len, cloud->public_key,
                                  cloud->secret_key) != 0)
        err = ERR_AUTH;
    else
        err = check_header(out, kind, name);
    if (err != 0)
        vault_plain_free(out);
    return err;
}

void vault_plain_free(struct vault_plain *plain)
{
    if (plain->p != NULL)
        sodium_memzero(plain->p, plain->len);
    free(plain->p);
    memset(plain, 0, sizeof(*plain));
}
