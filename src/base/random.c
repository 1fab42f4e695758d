/* Same bits on every platform: integer steps, then only operations that IEEE 754 rounds exactly. A product and a sum must
 * not be fused into one operation, hence the pragma for clang and the attribute for gcc, which ignores the pragma;
 * the build also compiles this file with -ffp-contract=off. */
#include "base/random.h"

#include <string.h>

#include "base/hash.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#define NO_CONTRACTION
#elif defined(__GNUC__)
#define NO_CONTRACTION __attribute__((optimize("fp-contract=off")))
#else
#define NO_CONTRACTION
#endif

/* splitmix64 (Steele, Lea, Flood 2014): spreads any seed over the whole state, which must not be all zero. */
static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

void rng_seed(rng *r, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        r->state[i] = splitmix64(&seed);
    }
}

void rng_seed_name(rng *r, uint64_t seed, const char *name) {
    rng_seed(r, hash_bytes(name, strlen(name), seed));
}

static uint64_t rotate_left(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

/* xoshiro256** 1.0 (Blackman, Vigna 2018). */
uint64_t rng_u64(rng *r) {
    uint64_t *s = r->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rng_below(rng *r, uint64_t bound) {
    if (bound == 0) {
        return 0;
    }
    /* The first (2^64 mod bound) values would make the small remainders more likely: draw again. */
    uint64_t unfair = (0 - bound) % bound;
    uint64_t x;
    do {
        x = rng_u64(r);
    } while (x < unfair);
    return x % bound;
}

float rng_f32(rng *r) {
    return (float)(rng_u64(r) >> 40) * 0x1p-24f;
}

double rng_f64(rng *r) {
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

NO_CONTRACTION void rng_fill_uniform_f32(rng *r, float *out, size_t count, float low, float high) {
    float span = high - low;
    for (size_t i = 0; i < count; i++) {
        float scaled = rng_f32(r) * span;
        out[i] = low + scaled;
    }
}

/* Element i comes from counters 2i + 1 and 2i + 2 behind one drawn base, so that no element waits for the one before it: four times as fast as
 * drawing one after the other, which counts where a graph has 140 million generated weights. Six uniforms of 21 bits, three from
 * each counter, summed as integers: the centred sum is exact in a float, and no order of additions enters. Each uniform stands for
 * the middle of its interval, which makes the mean exactly 0; the sum has variance 1/2, hence the factor. */
NO_CONTRACTION void rng_fill_normal_f32(rng *r, float *out, size_t count, float mean, float std) {
    const uint64_t step = 0x9E3779B97F4A7C15u, base = rng_u64(r);
    const float unit = std * 0x1.6a09e6p+0f; /* sqrt(2) */
    for (size_t i = 0; i < count; i++) {
        uint64_t before = base + 2 * (uint64_t)i * step, second = before + step;
        uint64_t x = splitmix64(&before), y = splitmix64(&second);
        int32_t sum = (int32_t)(x >> 43) + (int32_t)(x >> 22 & 0x1FFFFF) + (int32_t)(x >> 1 & 0x1FFFFF) +
                      (int32_t)(y >> 43) + (int32_t)(y >> 22 & 0x1FFFFF) + (int32_t)(y >> 1 & 0x1FFFFF);
        float scaled = (float)(sum + 3 - 3 * (1 << 21)) * 0x1p-21f * unit;
        out[i] = mean + scaled;
    }
}
