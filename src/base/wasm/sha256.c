#include "base/hash.h"
#include "base/mem.h"
#include "base/wasm/host.h"

struct sha256 {
    int handle;
};

sha256 *sha256_create(void) {
    sha256 *h = mem_alloc(sizeof *h);
    if (h) {
        h->handle = host_sha256_create();
        if (h->handle == 0) {
            mem_free(h);
            return NULL;
        }
    }
    return h;
}

void sha256_update(sha256 *h, const void *bytes, size_t length) {
    host_sha256_update(h->handle, bytes, length);
}

void sha256_finish(sha256 *h, char hex[SHA256_HEX_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[32] = {0};
    host_sha256_finish(h->handle, digest);
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = '\0';
    mem_free(h);
}

void sha256_destroy(sha256 *h) {
    if (h) {
        host_sha256_destroy(h->handle);
        mem_free(h);
    }
}

accel_status sha256_bytes(const void *bytes, size_t length, char hex[SHA256_HEX_BYTES], accel_error *err) {
    sha256 *h = sha256_create();
    if (!h) {
        return error_set(err, ACCEL_ABSENT, "this page gives no SHA-256 (or memory ended)");
    }
    sha256_update(h, bytes, length);
    sha256_finish(h, hex);
    return ACCEL_OK;
}
