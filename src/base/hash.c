/* XXH64 (Collet, the public specification), for tables and stream names: not for anything that must resist an attacker. */
#include "base/hash.h"

#include <string.h>

static const uint64_t PRIME_1 = 0x9E3779B185EBCA87u;
static const uint64_t PRIME_2 = 0xC2B2AE3D27D4EB4Fu;
static const uint64_t PRIME_3 = 0x165667B19E3779F9u;
static const uint64_t PRIME_4 = 0x85EBCA77C2B2AE63u;
static const uint64_t PRIME_5 = 0x27D4EB2F165667C5u;

static uint64_t rotate_left(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

/* Little-endian on every platform; compilers make one load of it. */
static uint32_t load_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t load_u64(const uint8_t *p) {
    return (uint64_t)load_u32(p) | (uint64_t)load_u32(p + 4) << 32;
}

static uint64_t mix_lane(uint64_t lane, uint64_t word) {
    return rotate_left(lane + word * PRIME_2, 31) * PRIME_1;
}

/* Four lanes over blocks of 32 bytes; *p moves behind the last whole block. */
static uint64_t hash_blocks(const uint8_t **p, size_t length, uint64_t seed) {
    uint64_t lanes[4] = {seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1};
    for (; length >= 32; length -= 32, *p += 32) {
        for (int i = 0; i < 4; i++) {
            lanes[i] = mix_lane(lanes[i], load_u64(*p + 8 * i));
        }
    }
    uint64_t h = rotate_left(lanes[0], 1) + rotate_left(lanes[1], 7) + rotate_left(lanes[2], 12) +
                 rotate_left(lanes[3], 18);
    for (int i = 0; i < 4; i++) {
        h = (h ^ mix_lane(0, lanes[i])) * PRIME_1 + PRIME_4;
    }
    return h;
}

static uint64_t hash_tail(uint64_t h, const uint8_t *p, size_t length) {
    for (; length >= 8; length -= 8, p += 8) {
        h = rotate_left(h ^ mix_lane(0, load_u64(p)), 27) * PRIME_1 + PRIME_4;
    }
    if (length >= 4) {
        h = rotate_left(h ^ load_u32(p) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        length -= 4;
        p += 4;
    }
    for (; length > 0; length--, p++) {
        h = rotate_left(h ^ *p * PRIME_5, 11) * PRIME_1;
    }
    return h;
}

uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed) {
    const uint8_t *p = bytes;
    uint64_t h = length >= 32 ? hash_blocks(&p, length, seed) : seed + PRIME_5;
    h = hash_tail(h + (uint64_t)length, p, length % 32);
    h = (h ^ h >> 33) * PRIME_2;
    h = (h ^ h >> 29) * PRIME_3;
    return h ^ h >> 32;
}

uint64_t hash_text(const char *text) {
    return hash_bytes(text, strlen(text), 0);
}
