/* What the two ways of attention share: blocks of many queries (attention.c), few queries over many keys (attention_few.c). */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_ATTENTION_H
#define ACCEL_ENGINES_NATIVE_KERNELS_ATTENTION_H

#include <math.h>

#include "engines/native/kernels/gemm.h"
#include "engines/native/kernels/kernels.h"

/* Floats from one batch, head, position to the next. */
typedef struct attention_lines {
    int64_t batch, head, step;
} attention_lines;

typedef struct attention_state {
    int64_t batch, q_heads, kv_heads, q_length, head, v_head;
    int64_t fresh, past, total; /* keys of this call, before it, together */
    attention_lines q, k, v, out;
    /* With a past, or presents to give: keys and values lie in the presents or, where nobody wants one, in the workspace. */
    bool cached;
    attention_lines key_cache, value_cache;
    size_t key_cache_bytes, value_cache_bytes; /* in the workspace */
    float scale, softcap;
    bool causal;
    int64_t left, right;     /* windows, or -1 */
    bool limited;            /* some query may not see all keys, whatever the mask says */
    int64_t mask_strides[4]; /* batch, head, query, key; in elements */
    int64_t mask_length;     /* keys behind it are closed */
    bool shared_mask;        /* one row of the mask serves all queries and heads of a batch */
    gemm_form form;          /* of the products of a block: pairs of bfloat16, or floats */
    size_t query_words;      /* pairs: of a block's queries, rounded */
    size_t key_floats, value_floats, out_floats, bias_floats, worker_bytes;
    int64_t splits; /* pieces of the queries of one head */
    bool few;
    int64_t rows;                        /* few: queries that share a key head */
    size_t partial_floats, score_floats; /* few: of one block of keys and row; of one worker */
} attention_state;

INLINE int64_t line_at(const attention_lines *l, int64_t batch, int64_t head, int64_t position) {
    return batch * l->batch + head * l->head + position * l->step;
}

/* The keys that a query may see: [*first, *end). */
INLINE void open_keys(const kernel_call *c, const attention_state *s, int64_t batch, int64_t query,
                      int64_t *first, int64_t *end) {
    int64_t keys = s->total, offset = s->past;
    if (kernel_has(c, 6)) {
        keys = ((const int64_t *)c->inputs[6]->data)[batch];
        offset = keys - s->q_length;
    }
    int64_t place = query + offset;
    *first = s->left >= 0 && place - s->left > 0 ? place - s->left : 0;
    *end = s->causal && place + 1 < keys ? place + 1 : keys;
    *end = s->right >= 0 && place + s->right + 1 < *end ? place + s->right + 1 : *end;
    *end = *end < s->mask_length ? *end : s->mask_length;
    *end = *end < *first ? *first : *end;
}

/* Where keys and values lie when the attention itself runs. */
INLINE float *cache_of(const kernel_call *c, const attention_state *s, int which) {
    kernel_value *present = (size_t)which < c->output_count ? c->outputs[which] : NULL;
    char *memory = c->workspace;
    return present != NULL ? present->data
                           : (float *)(void *)(which == 1 ? memory : memory + s->key_cache_bytes);
}

#define attention_copy_cache ISA_NAME(attention_copy_cache)
#define attention_few_bytes  ISA_NAME(attention_few_bytes)
#define attention_few_run    ISA_NAME(attention_few_run)

/* Past and fresh keys (which 1) or values (2) of one head, [from, to), into the cache. */
void attention_copy_cache(const kernel_call *c, const attention_state *s, int which, int64_t batch,
                          int64_t head, int64_t from, int64_t to);

/* Few queries: sets the state's sizes and returns the workspace for so many threads, behind the caches. */
size_t attention_few_bytes(attention_state *s, int threads);
accel_status attention_few_run(kernel_call *c);

#endif
