/* Attention (opset 23) in one pass over the keys: tiles of Q·Kᵀ, a running maximum and sum (Milakov & Gimelshein, arXiv 1805.02867),
 * tiles of P·V (Dao et al., arXiv 2205.14135). The matrix of scores is never whole. */
#include <string.h>

#include "engines/native/kernels/gemm.h"
#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"

enum {
    QUERIES = 4 * GEMM_MR, /* rows of a block */
    KEYS = 256 /* columns of a block; a multiple of GEMM_NR. QUERIES × KEYS scores stay in the cache */
};

typedef struct attention_state {
    int64_t batch, q_heads, kv_heads, q_length, kv_length, head, v_head;
    int64_t q_stride, k_stride, v_stride, out_stride; /* floats from one position to the next */
    bool packed; /* [batch, length, heads·head], else [batch, heads, length, head] */
    float scale, softcap;
    bool causal;
    int64_t mask_strides[4]; /* batch, head, query, key; in elements */
    bool shared_mask;        /* one row of the mask serves all queries and heads of a batch */
    size_t key_floats, value_floats, out_floats, bias_floats, worker_bytes;
    int64_t splits; /* pieces of the queries of one head */
} attention_state;

static bool read_dims(const kernel_call *c, attention_state *s) {
    const shape *q = &c->inputs[0]->shape, *k = &c->inputs[1]->shape, *v = &c->inputs[2]->shape;
    if (q->rank != k->rank || q->rank != v->rank || (q->rank != 3 && q->rank != 4)) {
        return false;
    }
    s->packed = q->rank == 3;
    s->batch = q->dims[0];
    s->q_length = q->dims[q->rank - 2];
    s->kv_length = k->dims[k->rank - 2];
    if (s->packed) {
        s->q_heads = kernel_attr_int(c, "q_num_heads", 0);
        s->kv_heads = kernel_attr_int(c, "kv_num_heads", s->q_heads);
        if (s->q_heads <= 0 || s->kv_heads <= 0) {
            return false;
        }
        s->head = q->dims[2] / s->q_heads;
        s->v_head = v->dims[2] / s->kv_heads;
        s->q_stride = q->dims[2];
        s->k_stride = k->dims[2];
        s->v_stride = v->dims[2];
        s->out_stride = s->q_heads * s->v_head;
    } else {
        s->q_heads = q->dims[1];
        s->kv_heads = k->dims[1];
        s->head = s->q_stride = s->k_stride = q->dims[3];
        s->v_head = s->v_stride = s->out_stride = v->dims[3];
    }
    return s->kv_heads > 0 && s->q_heads % s->kv_heads == 0 && s->kv_length > 0 && s->head > 0 &&
           s->v_head > 0;
}

static bool read_mask(const kernel_call *c, attention_state *s) {
    memset(s->mask_strides, 0, sizeof s->mask_strides);
    if (!kernel_has(c, 3)) {
        return true;
    }
    const kernel_value *mask = c->inputs[3];
    if ((mask->type != DTYPE_F32 && mask->type != DTYPE_BOOL) || mask->shape.rank > 4) {
        return false;
    }
    const int64_t full[4] = {s->batch, s->q_heads, s->q_length, s->kv_length};
    int64_t step = 1;
    for (int d = mask->shape.rank - 1; d >= 0; d--) {
        int at = 4 - mask->shape.rank + d;
        if (mask->shape.dims[d] != 1 && mask->shape.dims[d] != full[at]) {
            return false;
        }
        s->mask_strides[at] = mask->shape.dims[d] == 1 ? 0 : step;
        step *= mask->shape.dims[d];
    }
    return true;
}

static bool read_attention(const kernel_call *c, attention_state *s) {
    *s = (attention_state){0};
    for (size_t i = 0; i < 3; i++) {
        if (!kernel_has(c, i) || !kernel_is_f32(c->inputs[i])) {
            return false;
        }
    }
    if (kernel_has(c, 4) || kernel_has(c, 5) || kernel_has(c, 6) ||
        kernel_attr_int(c, "left_window_size", -1) != -1 ||
        kernel_attr_int(c, "right_window_size", -1) != -1) {
        return false;
    }
    for (size_t i = 1; i < c->output_count; i++) {
        if (c->outputs[i] != NULL) {
            return false;
        }
    }
    return read_dims(c, s) && read_mask(c, s);
}

static bool attention_accepts(const kernel_call *c) {
    attention_state s;
    return read_attention(c, &s);
}

static size_t round_floats(size_t floats) {
    return (floats + 15) / 16 * 16;
}

static accel_status attention_prepare(kernel_call *c) {
    attention_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_attention(c, s);
    s->scale = kernel_attr_float(c, "scale", 1.0 / __builtin_sqrt((double)s->head));
    s->softcap = kernel_attr_float(c, "softcap", 0.0);
    s->causal = kernel_attr_int(c, "is_causal", 0) != 0;
    s->key_floats = round_floats(gemm_packed_floats(s->kv_length, s->head));
    s->value_floats = round_floats(gemm_packed_floats(s->v_head, s->kv_length));
    s->out_floats = (size_t)QUERIES * (size_t)gemm_panels(s->v_head) * GEMM_NR;
    s->shared_mask = kernel_has(c, 3) && s->mask_strides[1] == 0 && s->mask_strides[2] == 0;
    s->bias_floats = s->shared_mask ? round_floats((size_t)s->kv_length) : 0;
    s->worker_bytes =
        (s->key_floats + s->value_floats + s->out_floats + s->bias_floats + (size_t)QUERIES * KEYS) *
        sizeof(float);
    c->workspace_bytes = s->worker_bytes * (size_t)c->threads;
    int64_t heads = s->batch * s->kv_heads, blocks = (s->q_length + QUERIES - 1) / QUERIES;
    s->splits =
        c->threads == 1 || heads >= 3 * c->threads || heads == 0 ? 1 : (3 * c->threads + heads - 1) / heads;
    if (s->splits > blocks) {
        s->splits = blocks > 0 ? blocks : 1;
    }
    c->state = s;
    c->variant = "attention one pass";
    return ACCEL_OK;
}

/* ---- one block of queries ------------------------------------------------------------------------------------------- */

typedef struct attention_block {
    const kernel_call *call;
    const attention_state *s;
    int64_t batch, head, first; /* query */
    int rows;
    const float *q;
    const float *keys, *values; /* packed */
    float *bias;                /* of each key, when the mask is shared; else NULL */
    float *scores, *out;
    float most[QUERIES], sum[QUERIES];
} attention_block;

/* scores[r][j] = q[r] · key[j] for the keys of one block. A panel of keys stays in the first-level cache while all rows meet it. */
static void score_tiles(const attention_block *b, int64_t first_key, int64_t keys) {
    const attention_state *s = b->s;
    const float *pointers[QUERIES];
    for (int i = 0; i < b->rows; i++) {
        pointers[i] = b->q + i * s->q_stride;
    }
    for (int64_t j = 0; j < keys; j += GEMM_NR) {
        int vectors = s->kv_length - first_key - j <= VW ? 1 : 2;
        gemm_tile_args t = {.segments = 1, .length = s->head, .out_stride = KEYS};
        t.panel = b->keys + (first_key + j) * s->head;
        for (int r = 0; r < b->rows; r += GEMM_MR) {
            t.rows = pointers + r;
            t.out = b->scores + r * KEYS + j;
            gemm_tile(b->rows - r < GEMM_MR ? b->rows - r : GEMM_MR, vectors, &t);
        }
    }
}

static void add_mask(const attention_block *b, int64_t query, int64_t first_key, int64_t keys, float *row) {
    const attention_state *s = b->s;
    if (kernel_has(b->call, 3) && !s->shared_mask) {
        const kernel_value *mask = b->call->inputs[3];
        int64_t at =
            b->batch * s->mask_strides[0] + b->head * s->mask_strides[1] + query * s->mask_strides[2];
        int64_t step = s->mask_strides[3];
        if (mask->type == DTYPE_BOOL) {
            const uint8_t *open = (const uint8_t *)mask->data + at + first_key * step;
            for (int64_t j = 0; j < keys; j++) {
                row[j] = open[j * step] != 0 ? row[j] : -INFINITY;
            }
        } else {
            const float *bias = (const float *)mask->data + at + first_key * step;
            for (int64_t j = 0; j < keys; j++) {
                row[j] += bias[j * step];
            }
        }
    }
    for (int64_t j = s->causal && query + 1 > first_key ? query + 1 - first_key
                     : s->causal                        ? 0
                                                        : keys;
         j < keys; j++) {
        row[j] = -INFINITY;
    }
}

INLINE vf scaled(const attention_state *s, vf x, vf bias) {
    x = x * s->scale;
    if (s->softcap > 0) {
        x = s->softcap * v_tanh(x * (1.0f / s->softcap));
    }
    return x + bias;
}

/* Scores times the scale, plus the bias of each key where there is one. */
static void scale_row(const attention_state *s, float *row, const float *bias, int64_t keys) {
    const vf zero = {0};
    int64_t j = 0;
    for (; j + VW <= keys; j += VW) {
        v_store(row + j, scaled(s, v_load(row + j), bias == NULL ? zero : v_load(bias + j)));
    }
    if (j < keys) {
        size_t rest = (size_t)(keys - j);
        vf x = scaled(s, v_load_part(row + j, rest), bias == NULL ? zero : v_load_part(bias + j, rest));
        v_store_part(row + j, x, rest);
    }
}

static float max_of(const float *row, int64_t keys) {
    vf most = v_splat(-INFINITY);
    int64_t j = 0;
    for (; j + VW <= keys; j += VW) {
        most = v_max(v_load(row + j), most);
    }
    float result = v_max_lane(most);
    for (; j < keys; j++) {
        result = row[j] > result ? row[j] : result;
    }
    return result;
}

/* row[j] = 2^(factor row[j] - base); returns their sum. */
static float exponentials(float *row, int64_t keys, float factor, float base) {
    vf sums = {0};
    int64_t j = 0;
    for (; j + VW <= keys; j += VW) {
        vf e = v_exp2_negative(v_load(row + j) * factor - base);
        v_store(row + j, e);
        sums += e;
    }
    float sum = v_sum(sums);
    if (j < keys) {
        vf e = v_exp2_negative(v_load_part(row + j, (size_t)(keys - j)) * factor - base);
        v_store_part(row + j, e, (size_t)(keys - j));
        for (; j < keys; j++) {
            sum += row[j];
        }
    }
    return sum;
}

static void scale_out(float *out, int64_t count, float factor) {
    for (int64_t i = 0; i < count; i += VW) {
        v_store(out + i, v_load(out + i) * factor);
    }
}

/* Scores to weights, and what the block before weighs less now that a higher maximum is known. Where nothing but the scale is
 * done to the scores it is part of the exponential. Maxima and exponents are in powers of two. */
static void weigh_rows(attention_block *b, int64_t first_key, int64_t keys) {
    const attention_state *s = b->s;
    const int64_t width = gemm_panels(s->v_head) * GEMM_NR;
    const bool masked = (kernel_has(b->call, 3) && !s->shared_mask) || s->causal;
    const bool plain = !masked && b->bias == NULL && s->softcap <= 0 && s->scale > 0;
    const float factor = plain ? s->scale * LOG2_E : LOG2_E;
    for (int r = 0; r < b->rows; r++) {
        float *row = b->scores + r * KEYS;
        if (!plain) {
            scale_row(s, row, b->bias == NULL ? NULL : b->bias + first_key, keys);
        }
        if (masked) {
            add_mask(b, b->first + r, first_key, keys, row);
        }
        float most = max_of(row, keys) * factor, before = b->most[r];
        most = most > before ? most : before;
        float base = most == -INFINITY ? 0.0f : most; /* nothing open yet: all weights are 0 */
        float sum = exponentials(row, keys, factor, base);
        if (first_key > 0 && most > before) {
            float shrink = before == -INFINITY ? 0.0f : v_exp2_negative(v_splat(before - base))[0];
            b->sum[r] *= shrink;
            scale_out(b->out + r * width, width, shrink);
        }
        b->sum[r] += sum;
        b->most[r] = most;
    }
}

/* out[r] += weights[r] · values for the keys of one block. */
static void value_tiles(const attention_block *b, int64_t first_key, int64_t keys) {
    const attention_state *s = b->s;
    const int64_t panels = gemm_panels(s->v_head), width = panels * GEMM_NR;
    for (int r = 0; r < b->rows; r += GEMM_MR) {
        int rows = b->rows - r < GEMM_MR ? b->rows - r : GEMM_MR;
        const float *pointers[GEMM_MR];
        for (int i = 0; i < rows; i++) {
            pointers[i] = b->scores + (r + i) * KEYS;
        }
        for (int64_t p = 0; p < panels; p++) {
            int vectors = s->v_head - p * GEMM_NR <= VW ? 1 : 2;
            gemm_tile_args t = {.rows = pointers,
                                .segments = 1,
                                .length = keys,
                                .accumulate = first_key > 0,
                                .out_stride = width};
            t.panel = b->values + p * s->kv_length * GEMM_NR + first_key * vectors * VW;
            t.out = b->out + r * width + p * GEMM_NR;
            gemm_tile(rows, vectors, &t);
        }
    }
}

static void store_rows(const attention_block *b, float *out) {
    const attention_state *s = b->s;
    const int64_t width = gemm_panels(s->v_head) * GEMM_NR;
    for (int r = 0; r < b->rows; r++) {
        /* A row that is closed everywhere gives zeros. */
        float factor = b->sum[r] == 0 ? 0.0f : 1.0f / b->sum[r];
        const float *from = b->out + r * width;
        float *to = out + r * s->out_stride;
        for (int64_t i = 0; i < s->v_head; i++) {
            to[i] = from[i] * factor;
        }
    }
}

static void run_block(attention_block *b, float *out) {
    const attention_state *s = b->s;
    for (int r = 0; r < b->rows; r++) {
        b->most[r] = -INFINITY;
        b->sum[r] = 0;
    }
    int64_t end = s->kv_length;
    if (s->causal && b->first + b->rows < end) {
        end = b->first + b->rows; /* later keys are closed to all of these rows */
    }
    for (int64_t key = 0; key < end; key += KEYS) {
        int64_t keys = end - key < KEYS ? end - key : KEYS;
        score_tiles(b, key, keys);
        weigh_rows(b, key, keys);
        value_tiles(b, key, keys);
    }
    store_rows(b, out);
}

/* ---- the heads ------------------------------------------------------------------------------------------------------- */

static const float *head_start(const attention_state *s, const void *data, int64_t batch, int64_t head,
                               int64_t heads, int64_t length, int64_t stride, int64_t size) {
    int64_t at = s->packed ? batch * length * stride + head * size : (batch * heads + head) * length * size;
    return (const float *)data + at;
}

static void pack_head(const kernel_call *c, const attention_state *s, int64_t batch, int64_t head,
                      float *keys, float *values) {
    gemm_source k = {.base = head_start(s, c->inputs[1]->data, batch, head, s->kv_heads, s->kv_length,
                                        s->k_stride, s->head),
                     .column_stride = s->k_stride,
                     .inner_stride = 1};
    gemm_pack(&k, s->kv_length, 1, s->head, keys, NULL);
    gemm_source v = {.base = head_start(s, c->inputs[2]->data, batch, head, s->kv_heads, s->kv_length,
                                        s->v_stride, s->v_head),
                     .column_stride = 1,
                     .inner_stride = s->v_stride};
    gemm_pack(&v, s->v_head, 1, s->kv_length, values, NULL);
}

/* The one row of a shared mask as numbers to add; NULL when it closes nothing. */
static float *read_shared_mask(const attention_block *b, float *bias) {
    const attention_state *s = b->s;
    const kernel_value *mask = b->call->inputs[3];
    bool all_open = true;
    for (int64_t j = 0; j < s->kv_length; j++) {
        int64_t at = b->batch * s->mask_strides[0] + j * s->mask_strides[3];
        if (mask->type == DTYPE_BOOL) {
            bias[j] = ((const uint8_t *)mask->data)[at] != 0 ? 0.0f : -INFINITY;
        } else {
            bias[j] = ((const float *)mask->data)[at];
        }
        all_open = all_open && bias[j] == 0;
    }
    return all_open ? NULL : bias;
}

static void run_queries(attention_block *b, int64_t begin, int64_t end) {
    const attention_state *s = b->s;
    const kernel_call *c = b->call;
    const float *q =
        head_start(s, c->inputs[0]->data, b->batch, b->head, s->q_heads, s->q_length, s->q_stride, s->head);
    float *out = (float *)(uintptr_t)head_start(s, c->outputs[0]->data, b->batch, b->head, s->q_heads,
                                                s->q_length, s->out_stride, s->v_head);
    for (int64_t i = begin; i < end; i += QUERIES) {
        b->first = i;
        b->rows = (int)(end - i < QUERIES ? end - i : QUERIES);
        b->q = q + i * s->q_stride;
        run_block(b, out + i * s->out_stride);
    }
}

static void attention_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const attention_state *s = c->state;
    float *memory = (float *)(void *)((char *)c->workspace + (size_t)worker * s->worker_bytes);
    attention_block b = {.call = c, .s = s, .keys = memory, .values = memory + s->key_floats};
    b.out = memory + s->key_floats + s->value_floats;
    b.scores = b.out + s->out_floats;
    const int64_t group = s->q_heads / s->kv_heads, blocks = (s->q_length + QUERIES - 1) / QUERIES;
    for (size_t i = begin; i < end; i++) {
        int64_t split = (int64_t)i % s->splits, kv = (int64_t)i / s->splits;
        int64_t first = blocks * split / s->splits * QUERIES,
                last = blocks * (split + 1) / s->splits * QUERIES;
        b.batch = kv / s->kv_heads;
        pack_head(c, s, b.batch, kv % s->kv_heads, memory, memory + s->key_floats);
        b.bias = s->shared_mask ? read_shared_mask(&b, b.scores + QUERIES * KEYS) : NULL;
        for (int64_t g = 0; g < group; g++) {
            b.head = kv % s->kv_heads * group + g;
            run_queries(&b, first, last < s->q_length ? last : s->q_length);
        }
    }
}

static accel_status attention_run(kernel_call *c) {
    const attention_state *s = c->state;
    int64_t work = s->batch * s->q_heads * s->q_length * s->kv_length * (s->head + s->v_head) / 16;
    thread_pool_for(pool_for(c, work), (size_t)(s->batch * s->kv_heads * s->splits), 1, attention_task, c);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "Attention", 0, attention_accepts, attention_prepare, attention_run}};
KERNEL_FAMILY(attention, kernels);
