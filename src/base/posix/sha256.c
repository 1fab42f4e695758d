#include <openssl/evp.h>

#include "base/hash.h"
#include "base/mem.h"

struct sha256 {
    EVP_MD_CTX *context;
};

/* libcrypto counts its contexts itself; ours goes through mem.h, so that its failure can be tested. */
sha256 *sha256_create(void) {
    sha256 *h = mem_alloc(sizeof *h);
    if (!h) {
        return NULL;
    }
    h->context = EVP_MD_CTX_new();
    if (!h->context || EVP_DigestInit_ex(h->context, EVP_sha256(), NULL) != 1) {
        sha256_destroy(h);
        return NULL;
    }
    return h;
}

void sha256_update(sha256 *h, const void *bytes, size_t length) {
    EVP_DigestUpdate(h->context, bytes, length);
}

void sha256_finish(sha256 *h, char hex[SHA256_HEX_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[32] = {0};
    EVP_DigestFinal_ex(h->context, digest, NULL);
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = '\0';
    sha256_destroy(h);
}

void sha256_destroy(sha256 *h) {
    if (h) {
        EVP_MD_CTX_free(h->context);
        mem_free(h);
    }
}

accel_status sha256_bytes(const void *bytes, size_t length, char hex[SHA256_HEX_BYTES], accel_error *err) {
    sha256 *h = sha256_create();
    if (!h) {
        return error_no_memory(err, "a SHA-256", sizeof *h);
    }
    sha256_update(h, bytes, length);
    sha256_finish(h, hex);
    return ACCEL_OK;
}
