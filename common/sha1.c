/* sha1.c - SHA-1 from libcrypto. Apart, since OpenSSL's headers have an ERR_STATE of their own. */
#include "common/sha1.h"

#include <openssl/evp.h>

int sha1(uint8_t out[SHA1_BYTES], const struct blob *parts, size_t n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1;

    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].p, parts[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -1;
}
