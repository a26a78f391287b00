/* suite.c - the table of cipher suites, and lists of them as text. */
#include "common/suite.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/text.h"

static int always(void)
{
    return 1;
}

static int opened(int sodium_result, uint8_t *out, size_t len)
{
    if (sodium_result == 0)
        return 0;
    if (len > 0)
        sodium_memzero(out, len);
    return ERR_AUTH;
}

/* libsodium has one shape for all its AEADs. */
#define SUITE_FUNCTIONS(name, sodium)                                                              \
    static void name##_seal(uint8_t *out, uint8_t *tag, const struct blob *plain,                  \
                            const struct blob *ad, const uint8_t *nonce, const uint8_t *key)       \
    {                                                                                              \
        sodium##_encrypt_detached(out, tag, NULL, plain->p, plain->len, ad->p, ad->len, NULL,      \
                                  nonce, key);                                                     \
    }                                                                                              \
    static int name##_open(uint8_t *out, const struct blob *cipher, const uint8_t *tag,            \
                           const struct blob *ad, const uint8_t *nonce, const uint8_t *key)        \
    {                                                                                              \
        return opened(sodium##_decrypt_detached(out, NULL, cipher->p, cipher->len, tag, ad->p,     \
                                                ad->len, nonce, key),                              \
                      out, cipher->len);                                                           \
    }

SUITE_FUNCTIONS(xchacha, crypto_aead_xchacha20poly1305_ietf)
SUITE_FUNCTIONS(chacha, crypto_aead_chacha20poly1305_ietf)
SUITE_FUNCTIONS(aes, crypto_aead_aes256gcm)

#define SIZES(sodium) sodium##_KEYBYTES, sodium##_NPUBBYTES, sodium##_ABYTES

/* In the order that we recommend: what is fast and constant in time without help comes first. */
const struct suite suite_table[] = {
    {SUITE_XCHACHA20_POLY1305, "xchacha20-poly1305", 256, SIZES(crypto_aead_xchacha20poly1305_ietf),
     always, xchacha_seal, xchacha_open},
    {SUITE_CHACHA20_POLY1305, "chacha20-poly1305", 256, SIZES(crypto_aead_chacha20poly1305_ietf),
     always, chacha_seal, chacha_open},
    {SUITE_AES_256_GCM, "aes-256-gcm", 256, SIZES(crypto_aead_aes256gcm),
     crypto_aead_aes256gcm_is_available, aes_seal, aes_open},
    {SUITE_NONE, "none", 0, 0, 0, 0, always, NULL, NULL},
};
const size_t suite_count = sizeof(suite_table) / sizeof(suite_table[0]);

const struct suite *suite_find(uint8_t id)
{
    for (size_t i = 0; i < suite_count; i++)
        if (suite_table[i].id == id)
            return &suite_table[i];
    return NULL;
}

static const struct suite *find_name(const char *name, size_t len)
{
    for (size_t i = 0; i < suite_count; i++)
        if (strlen(suite_table[i].name) == len && memcmp(suite_table[i].name, name, len) == 0)
            return &suite_table[i];
    return NULL;
}

void suite_list_local(struct list *l)
{
    memset(l, 0, sizeof(*l));
    for (size_t i = 0; i < suite_count; i++)
        if (suite_table[i].available())
            l->v[l->n++] = suite_table[i].id;
}

void suite_list_strong(struct list *l, unsigned strength)
{
    memset(l, 0, sizeof(*l));
    for (size_t i = 0; i < suite_count; i++)
        if (suite_table[i].strength >= strength)
            l->v[l->n++] = suite_table[i].id;
}

static int is_listed(const struct list *l, uint8_t id)
{
    return l->n > 0 && memchr(l->v, id, l->n) != NULL;
}

int suite_list_parse(struct list *l, const char *text, char *why, size_t why_len)
{
    char known[SUITE_TEXT_MAX];
    struct list all;

    memset(l, 0, sizeof(*l));
    for (const char *at = text; at != NULL; at = strchr(at, ',')) {
        size_t len;
        const struct suite *s;

        at += at != text;
        len = strcspn(at, ",");
        s = find_name(at, len);
        if (s == NULL) {
            suite_list_strong(&all, 0);
            suite_list_text(known, &all);
            return say(why, why_len, ERR_ARG, "\"%.*s\" is no cipher suite; there are %s",
                       (int)(len < 64 ? len : 64), at, known);
        }
        if (is_listed(l, s->id))
            return say(why, why_len, ERR_ARG, "%s is named twice", s->name);
        l->v[l->n++] = s->id;
    }
    return 0;
}

void suite_list_text(char out[SUITE_TEXT_MAX], const struct list *l)
{
    size_t at = 0;
    int n;

    out[0] = '\0';
    for (size_t i = 0; i < l->n; i++) {
        const struct suite *s = suite_find(l->v[i]);
        const char *comma = i > 0 ? "," : "";

        if (s != NULL)
            n = snprintf(out + at, SUITE_TEXT_MAX - at, "%s%s", comma, s->name);
        else
            n = snprintf(out + at, SUITE_TEXT_MAX - at, "%s%u", comma, l->v[i]);
        at += n > 0 ? (size_t)n : 0;
    }
}
