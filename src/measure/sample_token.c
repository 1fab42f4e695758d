#include "measure/sample_token.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

typedef struct token_chance {
    double chance;
    int64_t token;
} token_chance;

void token_sampler_start(token_sampler *s, double temperature, int64_t top_k, double top_p, uint64_t seed) {
    *s = (token_sampler){.temperature = temperature, .top_k = top_k, .top_p = top_p};
    rng_seed_name(&s->random, seed, "generated tokens");
}

void token_sampler_end(token_sampler *s) {
    mem_free(s->chances);
    *s = (token_sampler){0};
}

static int64_t largest(const float *logits, int64_t count) {
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (logits[i] > logits[best] || logits[best] != logits[best])
            best = i;
    return best;
}

/* Likeliest first; equals in the order of their ids, so that a seed means the same everywhere. */
static int by_chance(const void *a, const void *b) {
    const token_chance *x = a, *y = b;
    if (x->chance != y->chance)
        return x->chance < y->chance ? 1 : -1;
    return x->token > y->token ? 1 : x->token < y->token ? -1 : 0;
}

/* How many of the sorted chances stay. */
static int64_t cut(const token_sampler *s, int64_t count, double total) {
    if (s->top_k > 0 && s->top_k < count) {
        count = s->top_k;
        total = 0;
        for (int64_t i = 0; i < count; i++)
            total += s->chances[i].chance;
    }
    if (!(s->top_p > 0 && s->top_p < 1))
        return count;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += s->chances[i].chance;
        if (sum >= s->top_p * total)
            return i + 1;
    }
    return count;
}

double token_draw(token_sampler *s) {
    return rng_f64(&s->random);
}

int64_t token_sample(token_sampler *s, const float *logits, int64_t count) {
    int64_t best = largest(logits, count);
    if (!(s->temperature > 0))
        return best;
    if (s->capacity < count) {
        token_chance *larger = mem_realloc(s->chances, (size_t)count * sizeof *larger);
        if (!larger)
            return best;
        s->chances = larger;
        s->capacity = count;
    }
    double total = 0;
    for (int64_t i = 0; i < count; i++) {
        double chance = exp(((double)logits[i] - (double)logits[best]) / s->temperature);
        s->chances[i] = (token_chance){chance == chance ? chance : 0, i};
        total += s->chances[i].chance;
    }
    qsort(s->chances, (size_t)count, sizeof *s->chances, by_chance);
    int64_t kept = cut(s, count, total);
    total = 0;
    for (int64_t i = 0; i < kept; i++)
        total += s->chances[i].chance;
    double draw = token_draw(s) * total;
    for (int64_t i = 0; i < kept; i++) {
        draw -= s->chances[i].chance;
        if (draw < 0)
            return s->chances[i].token;
    }
    return s->chances[kept - 1].token;
}
