/* SHA-256 (FIPS 180-4), for the wasm build: pages have it only where they are secure, and only of whole buffers. */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { BLOCK_BYTES = 64, ROUNDS = 64 };

struct sha256 {
    uint32_t state[8];
    uint64_t length; /* of all bytes so far */
    uint8_t block[BLOCK_BYTES];
};

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int by) {
    return x >> by | x << (32 - by);
}

static uint32_t read_word(const uint8_t *bytes) {
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return __builtin_bswap32(word);
}

static void write_word(uint8_t *bytes, uint32_t word) {
    word = __builtin_bswap32(word);
    memcpy(bytes, &word, sizeof word);
}

static void take_block(uint32_t state[8], const uint8_t *bytes) {
    uint32_t w[ROUNDS];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 16; i++) {
        w[i] = read_word(bytes + 4 * i);
    }
    for (int i = 16; i < ROUNDS; i++) {
        uint32_t early = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t late = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + early + w[i - 7] + late;
    }
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t sum = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        uint32_t first = h + sum + ((e & f) ^ (~e & g)) + constants[i] + w[i];
        uint32_t second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + first;
        d = c;
        c = b;
        b = a;
        a = first + second;
    }
    const uint32_t after[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++) {
        state[i] += after[i];
    }
}

sha256 *sha256_create(void) {
    sha256 *h = mem_alloc(sizeof *h);
    if (h) {
        *h = (sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                                0x1f83d9ab, 0x5be0cd19}};
    }
    return h;
}

void sha256_update(sha256 *h, const void *bytes, size_t length) {
    const uint8_t *p = bytes;
    size_t held = (size_t)(h->length % BLOCK_BYTES);
    h->length += length;
    if (held > 0) {
        size_t taken = length < BLOCK_BYTES - held ? length : BLOCK_BYTES - held;
        memcpy(h->block + held, p, taken);
        p += taken;
        length -= taken;
        if (held + taken < BLOCK_BYTES) {
            return;
        }
        take_block(h->state, h->block);
    }
    for (; length >= BLOCK_BYTES; p += BLOCK_BYTES, length -= BLOCK_BYTES) {
        take_block(h->state, p);
    }
    memcpy(h->block, p, length);
}

void sha256_finish(sha256 *h, char hex[SHA256_HEX_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    static const uint8_t end[BLOCK_BYTES] = {0x80};
    uint64_t bits = h->length * 8;
    size_t held = (size_t)(h->length % BLOCK_BYTES);
    uint8_t length[8];
    write_word(length, (uint32_t)(bits >> 32));
    write_word(length + 4, (uint32_t)bits);
    sha256_update(h, end, (held < 56 ? 56 : 120) - held);
    sha256_update(h, length, sizeof length);
    for (int i = 0; i < 64; i++) {
        hex[i] = digits[h->state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    }
    hex[64] = '\0';
    sha256_destroy(h);
}

void sha256_destroy(sha256 *h) {
    mem_free(h);
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
