/* Attention of few queries over many keys: decoding. Keys and values are read where they lie, once for all queries that share
 * them; blocks of keys are shared by the threads and joined in their order, so that the bits are those of one thread. */
#include "engines/native/kernels/attention.h"

#include <string.h>

#include "engines/native/kernels/math.h"

enum { BLOCK = 256 }; /* keys of a task; they and their values stay in the second-level cache */

/* Queries that meet a key together: their sums stay in registers. */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { TOGETHER = 4 };
#else
enum { TOGETHER = 2 };
#endif
enum { KEYS_AT_ONCE = 4, VALUES_AT_ONCE = 4 };

typedef struct few_block {
    const kernel_call *call;
    const attention_state *s;
    int64_t batch, kv_head;
    int64_t first, count;       /* keys */
    const float *keys, *values; /* of the first */
    int64_t key_step, value_step;
    float *scores; /* [rows][BLOCK] */
} few_block;

static int64_t block_count(const attention_state *s) {
    return (s->total + BLOCK - 1) / BLOCK;
}

size_t attention_few_bytes(attention_state *s, int threads) {
    s->partial_floats =
        (size_t)(s->v_head + 15) / 16 * 16 + 16; /* sums of values; maximum and sum of weights */
    s->score_floats = (size_t)s->rows * BLOCK;
    size_t partials = (size_t)(s->batch * s->kv_heads * block_count(s) * s->rows) * s->partial_floats;
    return (partials + (size_t)threads * s->score_floats) * sizeof(float);
}

static float *partial_of(const kernel_call *c, const attention_state *s, int64_t item, int64_t row) {
    char *memory = (char *)c->workspace + s->key_cache_bytes + s->value_cache_bytes;
    return (float *)(void *)memory + (size_t)(item * s->rows + row) * s->partial_floats;
}

static float *scores_of(const kernel_call *c, const attention_state *s, int worker) {
    int64_t items = s->batch * s->kv_heads * block_count(s);
    return partial_of(c, s, items, 0) + (size_t)worker * s->score_floats;
}

/* ---- scores --------------------------------------------------------------------------------------------------------- */

/* Lane i of the result is the sum of part[i]: neighbours are added until one vector is left. */
INLINE vf sum_each(vf part[VW]) {
    for (int width = VW; width > 1; width /= 2) {
        for (int i = 0; i < width / 2; i++) {
            part[i] = v_even(part[2 * i], part[2 * i + 1]) + v_odd(part[2 * i], part[2 * i + 1]);
        }
    }
    return part[0];
}

/* rows queries times VW keys (the last of which may repeat). */
INLINE void score_vector(const int rows, const float *const *q, const float *const *keys, int64_t size,
                         float *scores) {
    vf part[TOGETHER][VW];
    for (int k = 0; k < VW; k += KEYS_AT_ONCE) {
        vf sum[TOGETHER][KEYS_AT_ONCE] = {{{0}}};
        for (int64_t d = 0; d < size; d += VW) {
            UNROLL for (int j = 0; j < KEYS_AT_ONCE; j++) {
                vf key = v_load_some(keys[k + j] + d, size - d);
                UNROLL for (int r = 0; r < rows; r++) {
                    sum[r][j] = v_madd(key, v_load_some(q[r] + d, size - d), sum[r][j]);
                }
            }
        }
        UNROLL for (int r = 0; r < rows; r++) {
            UNROLL for (int j = 0; j < KEYS_AT_ONCE; j++) {
                part[r][k + j] = sum[r][j];
            }
        }
    }
    for (int r = 0; r < rows; r++) {
        v_store(scores + r * BLOCK, sum_each(part[r]));
    }
}

INLINE void score_rows(const int rows, const few_block *b, const float *const *q, float *scores) {
    const float *keys[VW];
    for (int64_t j = 0; j < b->count; j += VW) {
        for (int64_t k = 0; k < VW; k++) {
            int64_t at = j + k < b->count ? j + k : b->count - 1;
            keys[k] = b->keys + at * b->key_step;
        }
        score_vector(rows, q, keys, b->s->head, scores + j);
    }
}

/* ---- weights -------------------------------------------------------------------------------------------------------- */

static float mask_value(const kernel_value *mask, int64_t at) {
    if (mask->type == DTYPE_BOOL) {
        return ((const uint8_t *)mask->data)[at] != 0 ? 0.0f : -INFINITY;
    }
    return ((const float *)mask->data)[at];
}

/* Scale, soft cap, mask and windows of one row. */
static void finish_scores(const few_block *b, int64_t head, int64_t query, float *row) {
    const attention_state *s = b->s;
    for (int64_t j = 0; j < b->count; j += VW) {
        vf x = v_load(row + j) * s->scale;
        v_store(row + j, s->softcap > 0 ? s->softcap * v_tanh(x * (1.0f / s->softcap)) : x);
    }
    int64_t first, end;
    open_keys(b->call, s, b->batch, query, &first, &end);
    if (kernel_has(b->call, 3)) {
        int64_t at = b->batch * s->mask_strides[0] + head * s->mask_strides[1] + query * s->mask_strides[2];
        for (int64_t j = 0; j < b->count && b->first + j < s->mask_length; j++) {
            row[j] += mask_value(b->call->inputs[3], at + (b->first + j) * s->mask_strides[3]);
        }
    }
    for (int64_t j = 0; j < b->count; j++) {
        int64_t key = b->first + j;
        row[j] = key < first || key >= end ? -INFINITY : row[j];
    }
}

/* Scores to weights in place; their maximum and sum. Behind the last key the row holds zeros. */
static void weigh(const few_block *b, float *row, float *most_out, float *sum_out) {
    vf most = v_splat(-INFINITY), sums = {0};
    for (int64_t j = b->count; j % VW != 0; j++) {
        row[j] = -INFINITY;
    }
    for (int64_t j = 0; j < b->count; j += VW) {
        most = v_max(v_load(row + j), most);
    }
    float top = v_max_lane(most), base = top == -INFINITY ? 0.0f : top;
    for (int64_t j = 0; j < b->count; j += VW) {
        vf weight = v_exp2_negative((v_load(row + j) - base) * LOG2_E);
        v_store(row + j, weight);
        sums += weight;
    }
    *most_out = top;
    *sum_out = v_sum(sums);
}

/* ---- values ----------------------------------------------------------------------------------------------------------- */

/* Columns [d, d + vectors · VW) of the sums of values; the last vector may be a part. */
INLINE void sum_columns(const int rows, const int vectors, const few_block *b, const float *weights,
                        int64_t d, float *const *out) {
    vf sum[TOGETHER][VALUES_AT_ONCE] = {{{0}}};
    const int64_t left = b->s->v_head - d;
    for (int64_t j = 0; j < b->count; j++) {
        const float *value = b->values + j * b->value_step + d;
        UNROLL for (int v = 0; v < vectors; v++) {
            vf x = v_load_some(value + v * VW, left - v * VW);
            UNROLL for (int r = 0; r < rows; r++) {
                sum[r][v] = v_madd(v_splat(weights[r * BLOCK + j]), x, sum[r][v]);
            }
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) {
            v_store(out[r] + d + v * VW, sum[r][v]);
        }
    }
}

INLINE void sum_rows(const int rows, const few_block *b, const float *weights, float *const *out) {
    int64_t d = 0;
    for (; b->s->v_head - d >= VALUES_AT_ONCE * VW; d += VALUES_AT_ONCE * VW) {
        sum_columns(rows, VALUES_AT_ONCE, b, weights, d, out);
    }
    for (; d < b->s->v_head; d += VW) {
        sum_columns(rows, 1, b, weights, d, out);
    }
}

/* ---- a task: one block of keys of one head ------------------------------------------------------------------------------ */

#define ROWS(count)                                                                                          \
    static __attribute__((noinline)) void score_##count(const few_block *b, const float *const *q,           \
                                                        float *scores) {                                     \
        score_rows(count, b, q, scores);                                                                     \
    }                                                                                                        \
    static __attribute__((noinline)) void sum_##count(const few_block *b, const float *weights,              \
                                                      float *const *out) {                                   \
        sum_rows(count, b, weights, out);                                                                    \
    }
ROWS(1)
ROWS(2)
#if defined(__AVX512F__) || defined(__aarch64__)
ROWS(3)
ROWS(4)
#endif

static const struct {
    void (*score)(const few_block *b, const float *const *q, float *scores);
    void (*sum)(const few_block *b, const float *weights, float *const *out);
} by_rows[TOGETHER] = {{score_1, sum_1},
                       {score_2, sum_2},
#if defined(__AVX512F__) || defined(__aarch64__)
                       {score_3, sum_3},
                       {score_4, sum_4}
#endif
};

/* Row r of those that share the key head is query r % q_length of query head r / q_length. */
static void run_rows(const few_block *b, int64_t item, int64_t from, int rows) {
    const attention_state *s = b->s;
    const float *q[TOGETHER];
    float *out[TOGETHER];
    for (int r = 0; r < rows; r++) {
        int64_t head = b->kv_head * (s->q_heads / s->kv_heads) + (from + r) / s->q_length;
        q[r] = (const float *)b->call->inputs[0]->data +
               line_at(&s->q, b->batch, head, (from + r) % s->q_length);
        out[r] = partial_of(b->call, s, item, from + r);
    }
    float *scores = b->scores + from * BLOCK;
    by_rows[rows - 1].score(b, q, scores);
    for (int r = 0; r < rows; r++) {
        int64_t head = b->kv_head * (s->q_heads / s->kv_heads) + (from + r) / s->q_length;
        float *last = out[r] + s->partial_floats - 2;
        finish_scores(b, head, (from + r) % s->q_length, scores + r * BLOCK);
        weigh(b, scores + r * BLOCK, last, last + 1);
    }
    by_rows[rows - 1].sum(b, scores, out);
}

static void block_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const attention_state *s = c->state;
    const int64_t blocks = block_count(s);
    for (int64_t item = (int64_t)begin; item < (int64_t)end; item++) {
        int64_t line = item / blocks;
        few_block b = {.call = c, .s = s, .batch = line / s->kv_heads, .kv_head = line % s->kv_heads};
        b.first = item % blocks * BLOCK;
        b.count = s->total - b.first < BLOCK ? s->total - b.first : BLOCK;
        const attention_lines *k = s->cached ? &s->key_cache : &s->k,
                              *v = s->cached ? &s->value_cache : &s->v;
        if (s->cached) {
            attention_copy_cache(c, s, 1, b.batch, b.kv_head, b.first, b.first + b.count);
            attention_copy_cache(c, s, 2, b.batch, b.kv_head, b.first, b.first + b.count);
        }
        b.keys = (s->cached ? cache_of(c, s, 1) : (const float *)c->inputs[1]->data) +
                 line_at(k, b.batch, b.kv_head, b.first);
        b.values = (s->cached ? cache_of(c, s, 2) : (const float *)c->inputs[2]->data) +
                   line_at(v, b.batch, b.kv_head, b.first);
        b.key_step = k->step;
        b.value_step = v->step;
        b.scores = scores_of(c, s, worker);
        for (int64_t from = 0; from < s->rows; from += TOGETHER) {
            run_rows(&b, item, from, (int)(s->rows - from < TOGETHER ? s->rows - from : TOGETHER));
        }
    }
}

/* ---- joining the blocks ---------------------------------------------------------------------------------------------------- */

static void join_row(const kernel_call *c, const attention_state *s, int64_t line, int64_t row) {
    const int64_t blocks = block_count(s), first = line * blocks;
    float most = -INFINITY, total = 0;
    for (int64_t i = 0; i < blocks; i++) {
        float top = partial_of(c, s, first + i, row)[s->partial_floats - 2];
        most = top > most ? top : most;
    }
    int64_t head = line % s->kv_heads * (s->q_heads / s->kv_heads) + row / s->q_length;
    float *out = (float *)c->outputs[0]->data + line_at(&s->out, line / s->kv_heads, head, row % s->q_length);
    memset(out, 0, (size_t)s->v_head * sizeof(float));
    for (int64_t i = 0; i < blocks; i++) {
        const float *part = partial_of(c, s, first + i, row), *stats = part + s->partial_floats - 2;
        float shrink = stats[0] == -INFINITY ? 0.0f : v_exp2_negative(v_splat((stats[0] - most) * LOG2_E))[0];
        total += stats[1] * shrink;
        for (int64_t d = 0; d < s->v_head; d++) {
            out[d] += part[d] * shrink;
        }
    }
    /* A row that is closed everywhere gives zeros. */
    float factor = total == 0 ? 0.0f : 1.0f / total;
    for (int64_t d = 0; d < s->v_head; d++) {
        out[d] *= factor;
    }
}

static void join_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const attention_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        join_row(c, s, (int64_t)i / s->rows, (int64_t)i % s->rows);
    }
}

accel_status attention_few_run(kernel_call *c) {
    const attention_state *s = c->state;
    int64_t lines = s->batch * s->kv_heads, floats = lines * s->total * (s->head + s->v_head);
    thread_pool_for(pool_for(c, floats), (size_t)(lines * block_count(s)), 1, block_task, c);
    int64_t rows = lines * s->rows, summed = rows * block_count(s) * s->v_head;
    thread_pool_for(pool_for(c, summed), (size_t)rows, 4, join_task, c);
    return ACCEL_OK;
}
