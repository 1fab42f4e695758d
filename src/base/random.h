/* Seeded random numbers: the same bits on every platform and compiler (contracts.md, "Portability of bits"). Integer
 * generator (xoshiro256** seeded by splitmix64), then only exactly rounded + x / sqrt. */
#ifndef ACCEL_BASE_RANDOM_H
#define ACCEL_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct rng {
    uint64_t state[4];
} rng;

void rng_seed(rng *r, uint64_t seed);
void rng_seed_name(rng *r, uint64_t seed, const char *name); /* one stream per (seed, name) */
uint64_t rng_u64(rng *r);
uint64_t rng_below(rng *r, uint64_t bound); /* unbiased, 0 <= x < bound; 0 for bound 0 */
float rng_f32(rng *r);                      /* [0, 1), 24 bits */
double rng_f64(rng *r);                     /* [0, 1), 53 bits */
void rng_fill_uniform_f32(rng *r, float *out, size_t count, float low, float high);
/* Sum of six uniforms, scaled: bit-exact everywhere; tails end at 4.24 standard deviations. */
void rng_fill_normal_f32(rng *r, float *out, size_t count, float mean, float std);

#endif
