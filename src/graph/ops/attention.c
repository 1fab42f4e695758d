/* Attention (opset 23 and later) and RotaryEmbedding. */
#include <math.h>
#include <string.h>

#include "base/thread.h"
#include "graph/ops/attend.h"
#include "graph/ops/kit.h"

/* ---- the computation ----------------------------------------------------------------------------------------------- */

enum { ATTEND_ROWS = 16 }; /* queries at a time: the scores of a long sequence are never held whole */

typedef struct attend_job {
    const attend_problem *p;
    double *turned; /* k as [batch, kv_heads, head, kv_length] */
    double *scores; /* [workers][ATTEND_ROWS, kv_length] */
} attend_job;

static void capture(const attend_problem *p, enum qk_output stage, int64_t row, const double *scores) {
    if (p->qk && p->qk_mode == stage)
        memcpy(p->qk + row * p->kv_length, scores, (size_t)p->kv_length * sizeof(double));
}

/* Softmax in place; closed everywhere: zeros. */
static void attend_softmax(double *row, int64_t n) {
    double top = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++)
        top = row[j] > top || isnan(row[j]) ? row[j] : top;
    for (int64_t j = 0; j < n; j++) {
        row[j] = top == -INFINITY ? 0 : exp(row[j] - top);
        sum += row[j];
    }
    for (int64_t j = 0; j < n && sum > 0; j++)
        row[j] /= sum;
}

static void attend_row(const attend_problem *p, int64_t batch, int64_t head, int64_t query, double *row) {
    int64_t at = (batch * p->q_heads + head) * p->q_length + query;
    for (int64_t j = 0; j < p->kv_length; j++)
        row[j] *= p->scale;
    capture(p, QK_RAW, at, row);
    for (int64_t j = 0; j < p->kv_length && p->softcap > 0; j++)
        row[j] = p->softcap * tanh(row[j] / p->softcap);
    capture(p, QK_SOFTCAPPED, at, row);
    if (p->add_bias)
        p->add_bias(p, batch, head, query, row);
    capture(p, QK_BIASED, at, row);
    attend_softmax(row, p->kv_length);
    capture(p, QK_SOFTMAX, at, row);
}

/* One item is a head of an image of the batch. */
static void attend_task(void *context, size_t begin, size_t end, int worker) {
    const attend_job *job = context;
    const attend_problem *p = job->p;
    double *scores = job->scores + worker * ATTEND_ROWS * p->kv_length;
    for (int64_t item = (int64_t)begin; item < (int64_t)end; item++) {
        int64_t batch = item / p->q_heads, head = item % p->q_heads;
        int64_t kv = batch * p->kv_heads + head / (p->q_heads / p->kv_heads);
        for (int64_t first = 0; first < p->q_length; first += ATTEND_ROWS) {
            int64_t rows = p->q_length - first < ATTEND_ROWS ? p->q_length - first : ATTEND_ROWS;
            matmul_f64(NULL, rows, p->kv_length, p->head, p->q + (item * p->q_length + first) * p->head,
                       p->head, job->turned + kv * p->head * p->kv_length, p->kv_length, scores,
                       p->kv_length);
            for (int64_t r = 0; r < rows; r++)
                attend_row(p, batch, head, first + r, scores + r * p->kv_length);
            matmul_f64(NULL, rows, p->v_head, p->kv_length, scores, p->kv_length,
                       p->v + kv * p->kv_length * p->v_head, p->v_head,
                       p->out + (item * p->q_length + first) * p->v_head, p->v_head);
        }
    }
}

accel_status attend(op_context *c, const attend_problem *p) {
    attend_job job = {.p = p};
    int64_t heads = p->batch * p->kv_heads, kv = p->kv_length * p->head;
    job.turned = SCRATCH(c, double, heads *kv);
    job.scores = SCRATCH(c, double, (int64_t)thread_pool_size(c->pool) * ATTEND_ROWS * p->kv_length);
    if (!job.turned || !job.scores)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t h = 0; h < heads; h++) {
        for (int64_t i = 0; i < kv; i++)
            job.turned[h * kv + i % p->head * p->kv_length + i / p->head] = p->k[h * kv + i];
    }
    thread_pool_for(c->pool, (size_t)(p->batch * p->q_heads), 1, attend_task, &job);
    return ACCEL_OK;
}

static const double *swap_middle(const op_context *c, const double *in, int64_t batch, int64_t a, int64_t b,
                                 int64_t size) {
    double *out = SCRATCH(c, double, batch *a *b *size);
    for (int64_t i = 0; out && i < batch * a * b; i++) {
        int64_t to = (i / (a * b) * b + i % b) * a + i / b % a;
        memcpy(out + to * size, in + i * size, (size_t)size * sizeof(double));
    }
    return out;
}

const double *split_heads(const op_context *c, const double *in, int64_t batch, int64_t length, int64_t heads,
                          int64_t head) {
    return swap_middle(c, in, batch, length, heads, head);
}

const double *join_heads(const op_context *c, const double *in, int64_t batch, int64_t length, int64_t heads,
                         int64_t head) {
    return swap_middle(c, in, batch, heads, length, head);
}

const double *append_cache(const op_context *c, const double *past, const double *fresh, int64_t lines,
                           int64_t past_length, int64_t length, int64_t head) {
    double *out = SCRATCH(c, double, lines *(past_length + length) * head);
    size_t past_bytes = (size_t)(past_length * head) * sizeof(double),
           bytes = (size_t)(length * head) * sizeof(double);
    for (int64_t i = 0; out && i < lines; i++) {
        double *to = out + i * (past_length + length) * head;
        if (past_bytes)
            memcpy(to, past + i * past_length * head, past_bytes);
        if (bytes)
            memcpy(to + past_length * head, fresh + i * length * head, bytes);
    }
    return out;
}

/* ---- Attention -------------------------------------------------------------------------------------------------------- */

static const op_attr_def attention_attrs[] = {
    {"is_causal", ATTR_INT, false, "0"},
    {"kv_num_heads", ATTR_INT, false, "from K"},
    {"left_window_size", ATTR_INT, false, "-1"},
    {"q_num_heads", ATTR_INT, false, "from Q"},
    {"qk_matmul_output_mode", ATTR_INT, false, "0"},
    {"right_window_size", ATTR_INT, false, "-1"},
    {"scale", ATTR_FLOAT, false, "1/sqrt(head_size)"},
    {"softcap", ATTR_FLOAT, false, "0.0"},
    {"softmax_precision", ATTR_INT, false, "computed in float32 or better"},
};

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, NONPAD };

typedef struct attention_dims {
    bool packed; /* 3-D: [batch, length, heads · head] */
    int64_t batch, q_heads, kv_heads, q_length, kv_length, past_length, total, head, v_head;
} attention_dims;

static int64_t add_known(int64_t a, int64_t b) {
    return a < 0 || b < 0 ? DIM_UNKNOWN : a + b;
}

static accel_status divide_heads(const op_context *c, const char *what, int64_t width, int64_t heads,
                                 int64_t *out) {
    *out = DIM_UNKNOWN;
    if (width < 0)
        return ACCEL_OK;
    if (width % heads != 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "a %s of %lld does not divide into %lld heads", what,
                       (long long)width, (long long)heads);
    *out = width / heads;
    return ACCEL_OK;
}

/* Sizes from q, k and v; all ranks known. */
static accel_status read_sizes(const op_context *c, attention_dims *d) {
    const int64_t *q = input_shape(c, Q)->dims, *k = input_shape(c, K)->dims, *v = input_shape(c, V)->dims;
    int length = d->packed ? 1 : 2;
    int64_t v_heads;
    d->batch = q[0];
    d->q_length = q[length];
    d->kv_length = k[length];
    if (d->packed) {
        d->q_heads = op_attr_int(c, "q_num_heads", 0);
        d->kv_heads = v_heads = op_attr_int(c, "kv_num_heads", 0);
        if (d->q_heads < 1 || d->kv_heads < 1)
            return op_fail(c, ACCEL_BAD_GRAPH, "inputs of rank 3 need q_num_heads and kv_num_heads");
        int64_t k_head;
        ACCEL_TRY(divide_heads(c, "query width", q[2], d->q_heads, &d->head));
        ACCEL_TRY(divide_heads(c, "key width", k[2], d->kv_heads, &k_head));
        ACCEL_TRY(divide_heads(c, "value width", v[2], d->kv_heads, &d->v_head));
        ACCEL_TRY(merge_dim(c, "the head sizes of query and key", &d->head, k_head));
    } else {
        d->q_heads = q[1];
        d->kv_heads = k[1];
        v_heads = v[1];
        d->head = q[3];
        d->v_head = v[3];
        ACCEL_TRY(merge_dim(c, "the head sizes of query and key", &d->head, k[3]));
    }
    ACCEL_TRY(merge_dim(c, "the batches of query and key", &d->batch, k[0]));
    ACCEL_TRY(merge_dim(c, "the batches of query and value", &d->batch, v[0]));
    ACCEL_TRY(merge_dim(c, "the heads of key and value", &d->kv_heads, v_heads));
    ACCEL_TRY(merge_dim(c, "the lengths of key and value", &d->kv_length, v[length]));
    if (d->q_heads >= 0 && d->kv_heads >= 0 && (d->kv_heads == 0 || d->q_heads % d->kv_heads != 0))
        return op_fail(c, ACCEL_BAD_GRAPH, "%lld query heads do not share %lld key heads",
                       (long long)d->q_heads, (long long)d->kv_heads);
    return ACCEL_OK;
}

static accel_status read_past(const op_context *c, attention_dims *d) {
    if (op_has_input(c, PAST_KEY) != op_has_input(c, PAST_VALUE))
        return op_fail(c, ACCEL_BAD_GRAPH, "past_key and past_value must be given together");
    if (op_has_input(c, PAST_KEY) && op_has_input(c, NONPAD))
        return op_fail(c, ACCEL_BAD_GRAPH, "nonpad_kv_seqlen and past_key cannot be given together");
    d->past_length = 0;
    for (size_t i = PAST_KEY; i <= PAST_VALUE && op_has_input(c, i); i++) {
        const shape *s = input_shape(c, i);
        ACCEL_TRY(require_rank(c, i, 4, 4));
        if (i == PAST_KEY)
            d->past_length = DIM_UNKNOWN;
        if (s->rank == RANK_UNKNOWN)
            continue;
        ACCEL_TRY(merge_dim(c, "the batches of query and past", &d->batch, s->dims[0]));
        ACCEL_TRY(merge_dim(c, "the heads of key and past", &d->kv_heads, s->dims[1]));
        ACCEL_TRY(merge_dim(c, "the lengths of past key and past value", &d->past_length, s->dims[2]));
        ACCEL_TRY(merge_dim(c, "the head sizes of past", i == PAST_KEY ? &d->head : &d->v_head, s->dims[3]));
    }
    d->total = add_known(d->past_length, d->kv_length);
    return ACCEL_OK;
}

/* The mask broadcasts to [batch, q_heads, q_length, total]; its last dim may be shorter (the rest is closed). */
static accel_status check_mask(const op_context *c, const attention_dims *d) {
    if (!op_has_input(c, MASK) || !input_is_static(c, MASK))
        return ACCEL_OK;
    const shape *mask = input_shape(c, MASK);
    const int64_t wanted[4] = {d->batch, d->q_heads, d->q_length, d->total};
    ACCEL_TRY(require_rank(c, MASK, 1, 4));
    for (int i = 0; i < mask->rank; i++) {
        int64_t have = mask->dims[i], want = wanted[4 - mask->rank + i];
        bool last = i == mask->rank - 1;
        if (want >= 0 && have != want && have != 1 && !(last && have < want))
            return op_fail(c, ACCEL_BAD_GRAPH,
                           "the mask does not broadcast to the scores: %lld where %lld are", (long long)have,
                           (long long)want);
    }
    return ACCEL_OK;
}

static accel_status read_attention(const op_context *c, attention_dims *d) {
    *d = (attention_dims){.batch = DIM_UNKNOWN};
    d->packed = input_rank(c, Q) == 3;
    ACCEL_TRY(read_sizes(c, d));
    ACCEL_TRY(read_past(c, d));
    if (op_has_input(c, NONPAD)) {
        ACCEL_TRY(require_rank(c, NONPAD, 1, 1));
        ACCEL_TRY(merge_dim(c, "the batch and nonpad_kv_seqlen", &d->batch, input_dim(c, NONPAD, 0)));
    }
    return check_mask(c, d);
}

static accel_status attention_types(const op_context *c) {
    for (size_t i = Q; i <= V; i++) {
        ACCEL_TRY(require_type(c, i, TYPES_FLOAT));
        ACCEL_TRY(require_rank(c, i, 3, 4));
    }
    ACCEL_TRY(require_same_type(c, Q, K));
    ACCEL_TRY(require_type(c, MASK, TYPES_NUMBER | TYPES_BOOL));
    ACCEL_TRY(require_same_type(c, K, PAST_KEY));
    ACCEL_TRY(require_same_type(c, V, PAST_VALUE));
    ACCEL_TRY(require_type(c, NONPAD, TYPES_I64));
    int64_t mode = op_attr_int(c, "qk_matmul_output_mode", 0);
    if (mode < 0 || mode > 3)
        return op_fail(c, ACCEL_BAD_GRAPH, "qk_matmul_output_mode is %lld", (long long)mode);
    if (op_attr_int(c, "left_window_size", -1) < -1 || op_attr_int(c, "right_window_size", -1) < -1)
        return op_fail(c, ACCEL_BAD_GRAPH, "a window size below -1");
    return ACCEL_OK;
}

static accel_status attention_infer(op_context *c) {
    attention_dims d;
    ACCEL_TRY(attention_types(c));
    int rank = input_rank(c, Q);
    put_unknown(c, 0, input_type(c, Q));
    put_unknown(c, 1, input_type(c, K));
    put_unknown(c, 2, input_type(c, V));
    put_unknown(c, 3, input_type(c, Q));
    if (rank == RANK_UNKNOWN || input_rank(c, K) == RANK_UNKNOWN || input_rank(c, V) == RANK_UNKNOWN)
        return ACCEL_OK;
    ACCEL_TRY(require_rank(c, K, rank, rank));
    ACCEL_TRY(require_rank(c, V, rank, rank));
    ACCEL_TRY(read_attention(c, &d));
    shape packed = {.rank = 3,
                    .dims = {d.batch, d.q_length, d.v_head < 0 ? DIM_UNKNOWN : d.q_heads * d.v_head}};
    shape split = {.rank = 4, .dims = {d.batch, d.q_heads, d.q_length, d.v_head}};
    shape key = {.rank = 4, .dims = {d.batch, d.kv_heads, d.total, d.head}};
    shape value = {.rank = 4, .dims = {d.batch, d.kv_heads, d.total, d.v_head}};
    shape scores = {.rank = 4, .dims = {d.batch, d.q_heads, d.q_length, d.total}};
    put_output(c, 0, input_type(c, Q), d.packed ? &packed : &split);
    put_output(c, 1, input_type(c, K), &key);
    put_output(c, 2, input_type(c, V), &value);
    put_output(c, 3, input_type(c, Q), &scores);
    return ACCEL_OK;
}

typedef struct attention_bias {
    const op_context *c;
    const attention_dims *dims;
    const double *mask;
    bool mask_is_bool, causal;
    int64_t strides[4]; /* of the mask, seen as [batch, heads, queries, keys] */
    int64_t mask_length, left, right;
} attention_bias;

static void attention_add_bias(const attend_problem *p, int64_t batch, int64_t head, int64_t query,
                               double *row) {
    const attention_bias *b = p->bias_context;
    int64_t keys = p->kv_length, offset = b->dims->past_length;
    bool padded = op_has_input(b->c, NONPAD);
    if (padded) {
        keys = input_i64_at(b->c, NONPAD, batch, 0);
        offset = keys - p->q_length;
    }
    int64_t place = query + offset,
            mask_row = batch * b->strides[0] + head * b->strides[1] + query * b->strides[2];
    for (int64_t j = 0; j < p->kv_length; j++) {
        bool open = j < keys && (!b->causal || j <= place) && (b->left < 0 || place - j <= b->left) &&
                    (b->right < 0 || j - place <= b->right);
        if (b->mask && j >= b->mask_length && b->strides[3] != 0)
            open = false;
        double mask = open && b->mask ? b->mask[mask_row + j * b->strides[3]] : 0;
        if (b->mask && b->mask_is_bool && mask == 0)
            open = false;
        if (!open)
            row[j] = -INFINITY;
        else if (b->mask && !b->mask_is_bool)
            row[j] += mask;
        if (open && mask == -INFINITY)
            row[j] = -INFINITY; /* even where the score was infinite or NaN */
    }
}

static accel_status read_bias(op_context *c, const attention_dims *d, attention_bias *b) {
    *b = (attention_bias){.c = c,
                          .dims = d,
                          .causal = op_attr_int(c, "is_causal", 0) != 0,
                          .left = op_attr_int(c, "left_window_size", -1),
                          .right = op_attr_int(c, "right_window_size", -1)};
    if (!op_has_input(c, MASK))
        return ACCEL_OK;
    const shape *s = input_shape(c, MASK);
    int64_t dense[TENSOR_MAX_RANK];
    b->mask = op_input_f64(c, MASK);
    if (!b->mask)
        return ACCEL_OUT_OF_MEMORY;
    b->mask_is_bool = input_type(c, MASK) == DTYPE_BOOL;
    b->mask_length = s->dims[s->rank - 1];
    dense_strides(s->rank, s->dims, dense);
    for (int i = 0; i < s->rank; i++)
        b->strides[4 - s->rank + i] = s->dims[i] == 1 ? 0 : dense[i];
    /* A last dim of 1 repeats, unless there is more than one key and it counts as a short mask: the standard
     * broadcast wins. */
    return ACCEL_OK;
}

/* Keys or values as [batch, kv_heads, total, size], the past before them. */
static const double *with_past(op_context *c, size_t input, size_t past, const attention_dims *d,
                               int64_t size) {
    const double *fresh = op_input_f64(c, input);
    if (fresh && d->packed)
        fresh = split_heads(c, fresh, d->batch, d->kv_length, d->kv_heads, size);
    if (!fresh || !op_has_input(c, past))
        return fresh;
    const double *before = op_input_f64(c, past);
    if (!before)
        return NULL;
    return append_cache(c, before, fresh, d->batch * d->kv_heads, d->past_length, d->kv_length, size);
}

static accel_status attention_eval(op_context *c) {
    attention_dims d;
    attention_bias bias;
    ACCEL_TRY(read_attention(c, &d));
    ACCEL_TRY(read_bias(c, &d, &bias));
    for (int64_t i = 0; op_has_input(c, NONPAD) && i < d.batch; i++) {
        int64_t keys = input_i64_at(c, NONPAD, i, 0);
        if (keys < 0 || keys > d.total)
            return op_fail(c, ACCEL_BAD_GRAPH, "nonpad_kv_seqlen holds %lld", (long long)keys);
    }
    const double *q = op_input_f64(c, Q);
    if (q && d.packed)
        q = split_heads(c, q, d.batch, d.q_length, d.q_heads, d.head);
    const double *k = with_past(c, K, PAST_KEY, &d, d.head), *v = with_past(c, V, PAST_VALUE, &d, d.v_head);
    double *out = SCRATCH(c, double, d.batch *d.q_heads *d.q_length *d.v_head);
    double *qk = has_output(c, 3) ? SCRATCH(c, double, output_elements(c, 3)) : NULL;
    if (!q || !k || !v || !out || (has_output(c, 3) && !qk))
        return ACCEL_OUT_OF_MEMORY;
    attend_problem p = {.batch = d.batch,
                        .q_heads = d.q_heads,
                        .kv_heads = d.kv_heads,
                        .q_length = d.q_length,
                        .kv_length = d.total,
                        .head = d.head,
                        .v_head = d.v_head,
                        .q = q,
                        .k = k,
                        .v = v,
                        .scale = op_attr_float(c, "scale", 1 / sqrt((double)d.head)),
                        .softcap = op_attr_float(c, "softcap", 0),
                        .add_bias = attention_add_bias,
                        .bias_context = &bias,
                        .out = out,
                        .qk = qk,
                        .qk_mode = (enum qk_output)op_attr_int(c, "qk_matmul_output_mode", 0)};
    ACCEL_TRY(attend(c, &p));
    const double *result = d.packed ? join_heads(c, out, d.batch, d.q_length, d.q_heads, d.v_head) : out;
    if (!result)
        return ACCEL_OUT_OF_MEMORY;
    if (has_output(c, 1))
        ACCEL_TRY(op_output_from_f64(c, 1, k));
    if (has_output(c, 2))
        ACCEL_TRY(op_output_from_f64(c, 2, v));
    if (has_output(c, 3))
        ACCEL_TRY(op_output_from_f64(c, 3, qk));
    return has_output(c, 0) ? op_output_from_f64(c, 0, result) : ACCEL_OK;
}

static void attention_cost(const op_context *c, op_cost *out) {
    attention_dims d;
    double flops = 0;
    if (read_attention(c, &d) == ACCEL_OK) {
        double scores = (double)d.batch * (double)d.q_heads * (double)d.q_length * (double)d.total;
        flops = scores * (2 * (double)(d.head + d.v_head) + 5);
    }
    cost_of_flops(c, flops, out);
}

/* ---- RotaryEmbedding ------------------------------------------------------------------------------------------------------ */

static const op_attr_def rotary_attrs[] = {{"interleaved", ATTR_INT, false, "0"},
                                           {"num_heads", ATTR_INT, false, "from a rank of 4"},
                                           {"rotary_embedding_dim", ATTR_INT, false, "0: the whole head"}};

typedef struct rotary_dims {
    int64_t batch, heads, length, head, rotated;
} rotary_dims;

static accel_status read_rotary(const op_context *c, rotary_dims *d) {
    const shape *x = input_shape(c, 0);
    if (x->rank == 4) {
        *d = (rotary_dims){x->dims[0], x->dims[1], x->dims[2], x->dims[3], 0};
    } else {
        *d = (rotary_dims){x->dims[0], op_attr_int(c, "num_heads", 0), x->dims[1], 0, 0};
        if (d->heads < 1)
            return op_fail(c, ACCEL_BAD_GRAPH, "an input of rank 3 needs num_heads");
        ACCEL_TRY(divide_heads(c, "width", x->dims[2], d->heads, &d->head));
    }
    d->rotated = op_attr_int(c, "rotary_embedding_dim", 0);
    if (d->rotated == 0)
        d->rotated = d->head;
    if (d->rotated != DIM_UNKNOWN &&
        (d->rotated < 0 || d->rotated % 2 != 0 || (d->head >= 0 && d->rotated > d->head)))
        return op_fail(c, ACCEL_BAD_GRAPH, "%lld elements of a head of %lld cannot be rotated",
                       (long long)d->rotated, (long long)d->head);
    return ACCEL_OK;
}

/* With positions the caches are [rows, rotated/2]; without, [batch, length, rotated/2]. */
static accel_status check_caches(const op_context *c, rotary_dims *d) {
    bool positions = op_has_input(c, 3);
    int64_t rows = DIM_UNKNOWN, half = d->rotated < 0 ? DIM_UNKNOWN : d->rotated / 2;
    for (size_t i = 1; i < 3; i++) {
        const shape *s = input_shape(c, i);
        ACCEL_TRY(require_rank(c, i, positions ? 2 : 3, positions ? 2 : 3));
        if (s->rank == RANK_UNKNOWN)
            continue;
        ACCEL_TRY(
            merge_dim(c, "the last dim of a cache and half the rotated size", &half, s->dims[s->rank - 1]));
        if (positions) {
            ACCEL_TRY(merge_dim(c, "the rows of the caches", &rows, s->dims[0]));
            continue;
        }
        ACCEL_TRY(merge_dim(c, "the batches of input and cache", &d->batch, s->dims[0]));
        ACCEL_TRY(merge_dim(c, "the lengths of input and cache", &d->length, s->dims[1]));
    }
    ACCEL_TRY(require_rank(c, 3, 2, 2));
    if (positions && input_rank(c, 3) == 2) {
        ACCEL_TRY(merge_dim(c, "the batches of input and positions", &d->batch, input_dim(c, 3, 0)));
        ACCEL_TRY(merge_dim(c, "the lengths of input and positions", &d->length, input_dim(c, 3, 1)));
    }
    return ACCEL_OK;
}

static accel_status rotary_infer(op_context *c) {
    rotary_dims d;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 3, 4));
    ACCEL_TRY(require_same_type(c, 0, 1));
    ACCEL_TRY(require_same_type(c, 0, 2));
    ACCEL_TRY(require_type(c, 3, TYPES_I64));
    if (input_rank(c, 0) != RANK_UNKNOWN) {
        ACCEL_TRY(read_rotary(c, &d));
        ACCEL_TRY(check_caches(c, &d));
    }
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

void rotate_head(double *x, int64_t rotated, const double *cosine, const double *sine, bool interleaved) {
    for (int64_t i = 0; i < rotated / 2; i++) {
        double *a = &x[interleaved ? 2 * i : i], *b = &x[interleaved ? 2 * i + 1 : i + rotated / 2];
        double real = cosine[i] * *a - sine[i] * *b;
        *b = sine[i] * *a + cosine[i] * *b;
        *a = real;
    }
}

static accel_status rotary_eval(op_context *c) {
    rotary_dims d;
    ACCEL_TRY(read_rotary(c, &d));
    bool interleaved = op_attr_int(c, "interleaved", 0) != 0, packed = input_rank(c, 0) == 3;
    int64_t rows = input_dim(c, 1, 0), half = d.rotated / 2;
    const double *x = op_input_f64(c, 0), *cosine = op_input_f64(c, 1), *sine = op_input_f64(c, 2);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!x || !cosine || !sine || !out)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < output_elements(c, 0); i++)
        out[i] = x[i];
    for (int64_t token = 0; token < d.batch * d.length; token++) {
        int64_t batch = token / d.length, at = token % d.length;
        int64_t row = op_has_input(c, 3) ? input_i64_at(c, 3, token, 0) : token;
        if (op_has_input(c, 3) && (row < 0 || row >= rows))
            return op_fail(c, ACCEL_BAD_GRAPH, "position %lld is outside a cache of %lld", (long long)row,
                           (long long)rows);
        for (int64_t h = 0; h < d.heads; h++) {
            int64_t place = packed ? token * d.heads + h : (batch * d.heads + h) * d.length + at;
            rotate_head(out + place * d.head, d.rotated, cosine + row * half, sine + row * half, interleaved);
        }
    }
    return op_output_from_f64(c, 0, out);
}

static const op_def attention_ops[] = {
    {"", "Attention", 3, 7, 1, 4, 0, OPS_LIST(attention_attrs), attention_infer, attention_cost,
     attention_eval},
    /* The same, in the name of an engine that takes this node as it is whatever form the rest gets. */
    {"accel", "Attention", 3, 7, 1, 4, 0, OPS_LIST(attention_attrs), attention_infer, attention_cost,
     attention_eval},
    {"", "RotaryEmbedding", 3, 4, 1, 1, 0, OPS_LIST(rotary_attrs), rotary_infer, NULL, rotary_eval},
};
OPS_FAMILY(attention, attention_ops);
