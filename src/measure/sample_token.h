/* The next token from logits: greedy, or sampled by temperature, top-k and top-p. */
#ifndef ACCEL_MEASURE_SAMPLE_TOKEN_H
#define ACCEL_MEASURE_SAMPLE_TOKEN_H

#include <stdint.h>

#include "base/random.h"

typedef struct token_sampler {
    double temperature, top_p;
    int64_t top_k;
    rng random;
    struct token_chance *chances; /* grows to the vocabulary */
    int64_t capacity;
} token_sampler;

void token_sampler_start(token_sampler *s, double temperature, int64_t top_k, double top_p, uint64_t seed);
void token_sampler_end(token_sampler *s);
/* Greedy (temperature 0, or memory ended): the first of the largest. Else one draw of the softmax of logits/temperature,
 * cut to the top_k likeliest and then to the fewest of them that hold top_p of the probability (Holtzman et al., arXiv
 * 1904.09751), renormalised. NaN logits are never chosen unless all are. */
int64_t token_sample(token_sampler *s, const float *logits, int64_t count);
/* What such a draw begins with: uniform in [0, 1). For graphs that choose by themselves (zoo_choose_token): the same seed means the same tokens. */
double token_draw(token_sampler *s);

#endif
