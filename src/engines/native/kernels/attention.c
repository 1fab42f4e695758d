/* Attention (opset 23 and later) in one pass over the keys: tiles of Q·Kᵀ, a running maximum and sum (Milakov & Gimelshein,
 * arXiv 1805.02867), tiles of P·V (Dao et al., arXiv 2205.14135). The matrix of scores is never whole. */
#include "engines/native/kernels/attention.h"

#include <string.h>

#include "engines/native/kernels/half_gemm.h"
#include "engines/native/kernels/math.h"

enum {
    QUERIES = 4 * GEMM_MR, /* rows of a block */
    KEYS = 256 /* columns of a block; a multiple of GEMM_NR. QUERIES × KEYS scores stay in the cache */
};
/* Rows that share a key head, up to which packing keys and values costs more than it saves. */
enum { FEW_ROWS = 8 };

/* ---- what is asked -------------------------------------------------------------------------------------------------- */

/* [batch, length, heads·size] where packed, else [batch, heads, length, size]. */
static attention_lines lines_of(const shape *s, bool packed, int64_t size) {
    int64_t length = s->dims[s->rank - 2], width = s->dims[s->rank - 1];
    return packed ? (attention_lines){length * width, size, width}
                  : (attention_lines){s->dims[1] * length * size, length * size, size};
}

static bool read_dims(const kernel_call *c, attention_state *s) {
    const shape *q = &c->inputs[0]->shape, *k = &c->inputs[1]->shape, *v = &c->inputs[2]->shape;
    if (q->rank != k->rank || q->rank != v->rank || (q->rank != 3 && q->rank != 4)) {
        return false;
    }
    bool packed = q->rank == 3;
    s->batch = q->dims[0];
    s->q_length = q->dims[q->rank - 2];
    s->fresh = k->dims[k->rank - 2];
    s->q_heads = packed ? kernel_attr_int(c, "q_num_heads", 0) : q->dims[1];
    s->kv_heads = packed ? kernel_attr_int(c, "kv_num_heads", s->q_heads) : k->dims[1];
    if (s->q_heads <= 0 || s->kv_heads <= 0 || s->q_heads % s->kv_heads != 0) {
        return false;
    }
    s->head = packed ? q->dims[2] / s->q_heads : q->dims[3];
    s->v_head = packed ? v->dims[2] / s->kv_heads : v->dims[3];
    s->past = kernel_has(c, 4) ? c->inputs[4]->shape.dims[2] : 0;
    s->total = s->past + s->fresh;
    s->q = lines_of(q, packed, s->head);
    s->k = lines_of(k, packed, s->head);
    s->v = lines_of(v, packed, s->v_head);
    s->out = lines_of(&c->outputs[0]->shape, packed, s->v_head);
    s->key_cache = (attention_lines){s->kv_heads * s->total * s->head, s->total * s->head, s->head};
    s->value_cache = (attention_lines){s->kv_heads * s->total * s->v_head, s->total * s->v_head, s->v_head};
    return s->total > 0 && s->head > 0 && s->v_head > 0;
}

/* The last dim may be shorter than the keys: the rest is closed. */
static bool read_mask(const kernel_call *c, attention_state *s) {
    memset(s->mask_strides, 0, sizeof s->mask_strides);
    s->mask_length = s->total;
    if (!kernel_has(c, 3)) {
        return true;
    }
    const kernel_value *mask = c->inputs[3];
    if ((mask->type != DTYPE_F32 && mask->type != DTYPE_BOOL) || mask->shape.rank > 4 ||
        mask->shape.rank < 1) {
        return false;
    }
    const int64_t full[4] = {s->batch, s->q_heads, s->q_length, s->total};
    int64_t step = 1;
    for (int d = mask->shape.rank - 1; d >= 0; d--) {
        int at = 4 - mask->shape.rank + d;
        int64_t have = mask->shape.dims[d];
        if (have != 1 && have != full[at] && !(at == 3 && have < full[at])) {
            return false;
        }
        s->mask_strides[at] = have == 1 ? 0 : step;
        s->mask_length = at == 3 && have != 1 ? have : s->mask_length;
        step *= have;
    }
    return true;
}

static bool is_wanted(const kernel_call *c, size_t output) {
    return output < c->output_count && c->outputs[output] != NULL;
}

static bool read_attention(const kernel_call *c, attention_state *s) {
    *s = (attention_state){0};
    for (size_t i = 0; i < 6; i++) {
        if (i < 3 ? !kernel_is_f32(kernel_has(c, i) ? c->inputs[i] : NULL)
                  : i > 3 && kernel_has(c, i) && !kernel_is_f32(c->inputs[i])) {
            return false;
        }
    }
    if (!is_wanted(c, 0) || is_wanted(c, 3) || kernel_has(c, 4) != kernel_has(c, 5)) {
        return false;
    }
    s->cached = kernel_has(c, 4) || is_wanted(c, 1) || is_wanted(c, 2);
    s->scale = 0;
    s->causal = kernel_attr_int(c, "is_causal", 0) != 0;
    s->left = kernel_attr_int(c, "left_window_size", -1);
    s->right = kernel_attr_int(c, "right_window_size", -1);
    if (!read_dims(c, s) || !read_mask(c, s)) {
        return false;
    }
    s->limited = s->causal || s->left >= 0 || s->right >= 0 || kernel_has(c, 6) || s->mask_length < s->total;
    return true;
}

static bool attention_accepts(const kernel_call *c) {
    attention_state s;
    return read_attention(c, &s);
}

static size_t round_floats(size_t floats) {
    return (floats + 15) / 16 * 16;
}

static void size_blocks(const kernel_call *c, attention_state *s) {
    const bool pairs = half_form(c) == GEMM_BF16_PAIRS;
    s->form = pairs ? GEMM_BF16_PAIRS : GEMM_F32;
    s->key_floats = half_packed_bytes(s->form, s->total, 1, s->head) / sizeof(float);
    s->value_floats = half_packed_bytes(s->form, s->v_head, 1, s->total) / sizeof(float);
    s->query_words = pairs ? round_floats((size_t)(QUERIES * half_inner(s->form, s->head))) : 0;
    s->out_floats = (size_t)QUERIES * (size_t)gemm_panels(s->v_head) * GEMM_NR;
    s->shared_mask = kernel_has(c, 3) && s->mask_strides[1] == 0 && s->mask_strides[2] == 0;
    s->bias_floats = s->shared_mask ? round_floats((size_t)s->total) : 0;
    s->worker_bytes = (s->key_floats + s->value_floats + s->out_floats + s->bias_floats +
                       (size_t)QUERIES * KEYS + s->query_words + (pairs ? (size_t)QUERIES * KEYS / 2 : 0)) *
                      sizeof(float);
    int64_t heads = s->batch * s->kv_heads, blocks = (s->q_length + QUERIES - 1) / QUERIES;
    s->splits =
        c->threads == 1 || heads >= 3 * c->threads || heads == 0 ? 1 : (3 * c->threads + heads - 1) / heads;
    if (s->splits > blocks) {
        s->splits = blocks > 0 ? blocks : 1;
    }
}

static accel_status attention_prepare(kernel_call *c) {
    attention_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_attention(c, s);
    s->scale = kernel_attr_float(c, "scale", 1.0 / __builtin_sqrt((double)s->head));
    s->softcap = kernel_attr_float(c, "softcap", 0.0);
    s->rows = s->q_length * (s->q_heads / s->kv_heads);
    s->few = s->rows > 0 && s->rows <= FEW_ROWS;
    if (s->cached) {
        size_t lines = (size_t)(s->batch * s->kv_heads * s->total);
        s->key_cache_bytes = is_wanted(c, 1) ? 0 : round_floats(lines * (size_t)s->head) * sizeof(float);
        s->value_cache_bytes = is_wanted(c, 2) ? 0 : round_floats(lines * (size_t)s->v_head) * sizeof(float);
    }
    size_t work;
    if (s->few) {
        work = attention_few_bytes(s, c->threads);
    } else {
        size_blocks(c, s);
        work = s->worker_bytes * (size_t)c->threads;
    }
    c->workspace_bytes = s->key_cache_bytes + s->value_cache_bytes + work;
    c->state = s;
    c->variant = s->few                ? "attention few rows"
                 : s->form == GEMM_F32 ? "attention one pass"
                                       : "attention bf16";
    return ACCEL_OK;
}

/* ---- one block of queries ------------------------------------------------------------------------------------------- */

typedef struct attention_block {
    const kernel_call *call;
    const attention_state *s;
    int64_t batch, head, first; /* query */
    int rows;
    const float *q; /* lines of the queries, or of their words */
    int64_t q_step;
    uint32_t *query_words, *weight_words; /* GEMM_BF16_PAIRS: rounded rows */
    int64_t begin;                        /* the first key that some row of the block may see */
    const float *keys, *values;           /* packed */
    float *bias;                          /* of each key, when the mask is shared; else NULL */
    float *scores, *out;
    float most[QUERIES], sum[QUERIES];
} attention_block;

/* scores[r][j] = q[r] · key[j] for the keys of one block. A panel of keys stays in the first-level cache while all rows meet it. */
static void score_tiles(const attention_block *b, int64_t first_key, int64_t keys) {
    const attention_state *s = b->s;
    const float *pointers[QUERIES];
    for (int i = 0; i < b->rows; i++) {
        pointers[i] = b->q + i * b->q_step;
    }
    const gemm_tiles *tiles = gemm_tiles_of(s->form);
    const int64_t depth = half_inner(s->form, s->head);
    for (int64_t j = 0; j < keys; j += GEMM_NR) {
        int vectors = s->total - first_key - j <= VW ? 1 : 2;
        gemm_tile_args t = {.segments = 1, .length = depth, .out_stride = KEYS};
        t.panel = b->keys + (first_key + j) * depth;
        for (int r = 0; r < b->rows; r += GEMM_MR) {
            t.rows = pointers + r;
            t.out = b->scores + r * KEYS + j;
            tiles->tiles[(b->rows - r < GEMM_MR ? b->rows - r : GEMM_MR) - 1][vectors - 1](&t);
        }
    }
}

static int64_t mask_row_of(const attention_block *b, int64_t query) {
    const attention_state *s = b->s;
    return b->batch * s->mask_strides[0] + b->head * s->mask_strides[1] + query * s->mask_strides[2];
}

static void add_mask(const attention_block *b, int64_t query, int64_t first_key, int64_t keys, float *row) {
    const attention_state *s = b->s;
    if (kernel_has(b->call, 3) && !s->shared_mask) {
        const kernel_value *mask = b->call->inputs[3];
        int64_t at = mask_row_of(b, query);
        int64_t step = s->mask_strides[3],
                given = s->mask_length - first_key < keys ? s->mask_length - first_key : keys;
        if (mask->type == DTYPE_BOOL) {
            const uint8_t *open = (const uint8_t *)mask->data + at + first_key * step;
            for (int64_t j = 0; j < given; j++) {
                row[j] = open[j * step] != 0 ? row[j] : -INFINITY;
            }
        } else {
            const float *bias = (const float *)mask->data + at + first_key * step;
            for (int64_t j = 0; j < given; j++) {
                row[j] += bias[j * step];
            }
        }
    }
    int64_t first, end;
    open_keys(b->call, s, b->batch, query, &first, &end);
    for (int64_t j = 0; j < keys && j < first - first_key; j++) {
        row[j] = -INFINITY;
    }
    for (int64_t j = end > first_key ? end - first_key : 0; j < keys; j++) {
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
    const bool masked = (kernel_has(b->call, 3) && !s->shared_mask) || s->limited;
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
        if (first_key > b->begin && most > before) {
            float shrink = before == -INFINITY ? 0.0f : v_exp2_negative(v_splat(before - base))[0];
            b->sum[r] *= shrink;
            scale_out(b->out + r * width, width, shrink);
        }
        b->sum[r] += sum;
        b->most[r] = most;
    }
}

/* The weights of one block as the products want them; *step from row to row. */
static const float *weight_rows(const attention_block *b, int64_t keys, int64_t *step) {
    *step = KEYS;
    if (b->s->form == GEMM_F32) {
        return b->scores;
    }
    half_rows rows = {.base = b->scores, .rows = b->rows, .row_stride = KEYS, .runs = 1, .inner = keys};
    half_pairs(&rows, b->weight_words, NULL);
    *step = half_inner(b->s->form, keys);
    return (const float *)(const void *)b->weight_words;
}

/* out[r] += weights[r] · values for the keys of one block. */
static void value_tiles(const attention_block *b, int64_t first_key, int64_t keys) {
    const attention_state *s = b->s;
    const int64_t panels = gemm_panels(s->v_head), width = panels * GEMM_NR;
    const int64_t depth = half_inner(s->form, keys), before = half_inner(s->form, first_key);
    const gemm_tiles *tiles = gemm_tiles_of(s->form);
    int64_t step;
    const float *weights = weight_rows(b, keys, &step);
    for (int r = 0; r < b->rows; r += GEMM_MR) {
        int rows = b->rows - r < GEMM_MR ? b->rows - r : GEMM_MR;
        const float *pointers[GEMM_MR];
        for (int i = 0; i < rows; i++) {
            pointers[i] = weights + (r + i) * step;
        }
        for (int64_t p = 0; p < panels; p++) {
            int vectors = s->v_head - p * GEMM_NR <= VW ? 1 : 2;
            gemm_tile_args t = {.rows = pointers,
                                .segments = 1,
                                .length = depth,
                                .accumulate = first_key > b->begin,
                                .out_stride = width};
            t.panel = b->values + gemm_panel_offset(p, half_inner(s->form, s->total)) + before * vectors * VW;
            t.out = b->out + r * width + p * GEMM_NR;
            tiles->tiles[rows - 1][vectors - 1](&t);
        }
    }
}

/* What the mask adds to a key of a row. */
static float mask_value(const attention_block *b, int64_t mask_row, int64_t key) {
    if (b->bias != NULL) {
        return b->bias[key];
    }
    const kernel_value *mask = b->call->inputs[3];
    int64_t at = mask_row + key * b->s->mask_strides[3];
    if (mask->type == DTYPE_BOOL) {
        return ((const uint8_t *)mask->data)[at] != 0 ? 0.0f : -INFINITY;
    }
    return ((const float *)mask->data)[at];
}

static bool has_mask(const attention_block *b) {
    return b->bias != NULL || (kernel_has(b->call, 3) && !b->s->shared_mask);
}

/* A row that is closed everywhere: zeros where that is said by -inf. Lowest numbers say it so that nothing of the scores is left: the
 * average of the keys that the mask holds highest. */
static void store_closed_row(const attention_block *b, int64_t query, float *to) {
    const attention_state *s = b->s;
    const attention_lines *lines = s->cached ? &s->value_cache : &s->v;
    const float *values = (s->cached ? cache_of(b->call, s, 2) : (const float *)b->call->inputs[2]->data) +
                          line_at(lines, b->batch, b->head / (s->q_heads / s->kv_heads), 0);
    int64_t first, end, row = mask_row_of(b, query), count = 0;
    float top = -INFINITY;
    memset(to, 0, (size_t)s->v_head * sizeof(float));
    open_keys(b->call, s, b->batch, query, &first, &end);
    for (int64_t j = first; j < end && has_mask(b); j++) {
        float m = mask_value(b, row, j);
        top = m > top ? m : top;
    }
    for (int64_t j = first; j < end && top > -INFINITY; j++) {
        if (mask_value(b, row, j) == top) {
            count++;
            for (int64_t i = 0; i < s->v_head; i++) {
                to[i] += values[j * lines->step + i];
            }
        }
    }
    for (int64_t i = 0; i < s->v_head && count > 0; i++) {
        to[i] /= (float)count;
    }
}

static void store_rows(const attention_block *b, float *out) {
    const attention_state *s = b->s;
    const int64_t width = gemm_panels(s->v_head) * GEMM_NR;
    for (int r = 0; r < b->rows; r++) {
        const float *from = b->out + r * width;
        float *to = out + r * s->out.step;
        if (b->sum[r] == 0) {
            store_closed_row(b, b->first + r, to);
            continue;
        }
        float factor = 1.0f / b->sum[r];
        for (int64_t i = 0; i < s->v_head; i++) {
            to[i] = from[i] * factor;
        }
    }
}

/* The keys that count for a row: those that the mask closes at both ends are left out, unless it closes all. */
static void seen_keys(const attention_block *b, int64_t query, int64_t *first, int64_t *end) {
    const attention_state *s = b->s;
    open_keys(b->call, s, b->batch, query, first, end);
    if (!has_mask(b)) {
        return;
    }
    const float shut = -1e30f; /* scores are never near it */
    int64_t row = mask_row_of(b, query), from = *first, to = *end;
    while (to > from && mask_value(b, row, to - 1) <= shut) {
        to--;
    }
    while (from < to && mask_value(b, row, from) <= shut) {
        from++;
    }
    if (from < to) {
        *first = from;
        *end = to;
    }
}

static void run_block(attention_block *b, float *out) {
    const attention_state *s = b->s;
    int64_t begin = s->total, end = 0;
    for (int r = 0; r < b->rows; r++) {
        b->most[r] = -INFINITY;
        b->sum[r] = 0;
        int64_t first, last;
        seen_keys(b, b->first + r, &first, &last);
        begin = first < begin && first < last ? first : begin;
        end = last > end && first < last ? last : end;
    }
    b->begin = begin = begin / GEMM_NR * GEMM_NR; /* panels start there */
    for (int64_t key = begin; key < end; key += KEYS) {
        int64_t keys = end - key < KEYS ? end - key : KEYS;
        score_tiles(b, key, keys);
        weigh_rows(b, key, keys);
        value_tiles(b, key, keys);
    }
    store_rows(b, out);
}

/* ---- the heads ------------------------------------------------------------------------------------------------------- */

void attention_copy_cache(const kernel_call *c, const attention_state *s, int which, int64_t batch,
                          int64_t head, int64_t from, int64_t to) {
    const attention_lines *cache = which == 1 ? &s->key_cache : &s->value_cache,
                          *fresh = which == 1 ? &s->k : &s->v;
    const int64_t size = cache->step;
    float *out = cache_of(c, s, which) + line_at(cache, batch, head, 0);
    if (from < s->past) {
        const float *past =
            (const float *)c->inputs[which + 3]->data + (batch * s->kv_heads + head) * s->past * size;
        int64_t end = to < s->past ? to : s->past;
        memcpy(out + from * size, past + from * size, (size_t)((end - from) * size) * sizeof(float));
    }
    for (int64_t j = from > s->past ? from : s->past; j < to; j++) {
        const float *line = (const float *)c->inputs[which]->data + line_at(fresh, batch, head, j - s->past);
        memcpy(out + j * size, line, (size_t)size * sizeof(float));
    }
}

static void pack_head(const kernel_call *c, const attention_state *s, int64_t batch, int64_t head,
                      float *keys, float *values) {
    const attention_lines *at_k = s->cached ? &s->key_cache : &s->k,
                          *at_v = s->cached ? &s->value_cache : &s->v;
    const float *from_k = s->cached ? cache_of(c, s, 1) : c->inputs[1]->data,
                *from_v = s->cached ? cache_of(c, s, 2) : c->inputs[2]->data;
    gemm_source k = {
        .base = from_k + line_at(at_k, batch, head, 0), .column_stride = at_k->step, .inner_stride = 1};
    half_pack(s->form, &k, s->total, 1, s->head, keys, NULL);
    gemm_source v = {
        .base = from_v + line_at(at_v, batch, head, 0), .column_stride = 1, .inner_stride = at_v->step};
    half_pack(s->form, &v, s->v_head, 1, s->total, values, NULL);
}

/* The one row of a shared mask as numbers to add; NULL when it closes nothing. */
static float *read_shared_mask(const attention_block *b, float *bias) {
    const attention_state *s = b->s;
    const kernel_value *mask = b->call->inputs[3];
    bool all_open = true;
    for (int64_t j = 0; j < s->total; j++) {
        int64_t at = b->batch * s->mask_strides[0] + j * s->mask_strides[3];
        if (j >= s->mask_length) {
            bias[j] = -INFINITY;
        } else if (mask->type == DTYPE_BOOL) {
            bias[j] = ((const uint8_t *)mask->data)[at] != 0 ? 0.0f : -INFINITY;
        } else {
            bias[j] = ((const float *)mask->data)[at];
        }
        all_open = all_open && bias[j] == 0;
    }
    return all_open ? NULL : bias;
}

static void set_queries(attention_block *b, const float *q) {
    const attention_state *s = b->s;
    b->q = q;
    b->q_step = s->q.step;
    if (s->form == GEMM_BF16_PAIRS) {
        half_rows rows = {.base = q, .rows = b->rows, .row_stride = s->q.step, .runs = 1, .inner = s->head};
        half_pairs(&rows, b->query_words, NULL);
        b->q = (const float *)(const void *)b->query_words;
        b->q_step = half_inner(s->form, s->head);
    }
}

static void run_queries(attention_block *b, int64_t begin, int64_t end) {
    const attention_state *s = b->s;
    const kernel_call *c = b->call;
    const float *q = (const float *)c->inputs[0]->data + line_at(&s->q, b->batch, b->head, 0);
    float *out = (float *)c->outputs[0]->data + line_at(&s->out, b->batch, b->head, 0);
    for (int64_t i = begin; i < end; i += QUERIES) {
        b->first = i;
        b->rows = (int)(end - i < QUERIES ? end - i : QUERIES);
        set_queries(b, q + i * s->q.step);
        run_block(b, out + i * s->out.step);
    }
}

static void attention_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const attention_state *s = c->state;
    float *memory = (float *)(void *)((char *)c->workspace + s->key_cache_bytes + s->value_cache_bytes +
                                      (size_t)worker * s->worker_bytes);
    attention_block b = {.call = c, .s = s, .keys = memory, .values = memory + s->key_floats};
    b.out = memory + s->key_floats + s->value_floats;
    b.scores = b.out + s->out_floats;
    float *bias = b.scores + QUERIES * KEYS;
    b.query_words = (uint32_t *)(void *)(bias + s->bias_floats);
    b.weight_words = b.query_words + s->query_words;
    const int64_t group = s->q_heads / s->kv_heads, blocks = (s->q_length + QUERIES - 1) / QUERIES;
    for (size_t i = begin; i < end; i++) {
        int64_t split = (int64_t)i % s->splits, kv = (int64_t)i / s->splits;
        int64_t first = blocks * split / s->splits * QUERIES,
                last = blocks * (split + 1) / s->splits * QUERIES;
        b.batch = kv / s->kv_heads;
        pack_head(c, s, b.batch, kv % s->kv_heads, memory, memory + s->key_floats);
        b.bias = s->shared_mask ? read_shared_mask(&b, bias) : NULL;
        for (int64_t g = 0; g < group; g++) {
            b.head = kv % s->kv_heads * group + g;
            run_queries(&b, first, last < s->q_length ? last : s->q_length);
        }
    }
}

static void cache_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const attention_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        attention_copy_cache(c, s, 1, (int64_t)i / s->kv_heads, (int64_t)i % s->kv_heads, 0, s->total);
        attention_copy_cache(c, s, 2, (int64_t)i / s->kv_heads, (int64_t)i % s->kv_heads, 0, s->total);
    }
}

static accel_status check_lengths(const kernel_call *c, const attention_state *s) {
    for (int64_t i = 0; kernel_has(c, 6) && i < s->batch; i++) {
        int64_t keys = ((const int64_t *)c->inputs[6]->data)[i];
        if (keys < 0 || keys > s->total) {
            return kernel_fail(c, ACCEL_BAD_GRAPH, "nonpad_kv_seqlen holds %lld", (long long)keys);
        }
    }
    return ACCEL_OK;
}

static accel_status attention_run(kernel_call *c) {
    const attention_state *s = c->state;
    ACCEL_TRY(check_lengths(c, s));
    if (s->few) {
        return attention_few_run(c);
    }
    size_t heads = (size_t)(s->batch * s->kv_heads);
    if (s->cached) {
        int64_t floats = (int64_t)heads * s->total * (s->head + s->v_head);
        thread_pool_for(pool_for(c, floats), heads, 1, cache_task, c);
    }
    int64_t work = s->batch * s->q_heads * s->q_length * s->total * (s->head + s->v_head) / 16;
    thread_pool_for(pool_for(c, work), heads * (size_t)s->splits, 1, attention_task, c);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "Attention", 0, attention_accepts, attention_prepare, attention_run}};
KERNEL_FAMILY(attention, kernels);
