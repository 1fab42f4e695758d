/* com.microsoft: the attention operators of ONNX Runtime's transformer optimiser and model builder. */
#include <math.h>
#include <string.h>

#include "graph/group_query.h"
#include "graph/ops/attend.h"
#include "graph/ops/kit.h"

#define MS "com.microsoft"

/* ---- masks, as MultiHeadAttention and Attention take them --------------------------------------------------------------- */

enum mask_form { MASK_NONE, MASK_LENGTHS, MASK_ENDS_AND_STARTS, MASK_2D, MASK_3D };

typedef struct ms_bias {
    const op_context *c;
    size_t mask, bias; /* inputs; above the input count: none */
    int form;
    int64_t batch, past_length, total;
    bool causal;
    double filter; /* what a masked score is lowered by */
} ms_bias;

/* [batch]: lengths; [2 batch]: ends, then starts; [3 batch + 2] (lengths and cumulated lengths): its first part; [batch, total];
 * [batch, q, total]. */
static accel_status mask_form(const op_context *c, size_t mask, int64_t batch, int64_t q_length,
                              int64_t total, int *form) {
    *form = MASK_NONE;
    if (!op_has_input(c, mask) || input_rank(c, mask) == RANK_UNKNOWN || batch < 0 || total < 0 ||
        q_length < 0)
        return ACCEL_OK;
    const shape *s = input_shape(c, mask);
    bool fits = s->rank == 1 ? s->dims[0] == batch || s->dims[0] == 2 * batch || s->dims[0] == 3 * batch + 2
                : s->rank == 2
                    ? s->dims[0] == batch && s->dims[1] == total
                    : s->rank == 3 && s->dims[0] == batch && s->dims[1] == q_length && s->dims[2] == total;
    if (!shape_is_static(s))
        return ACCEL_OK;
    if (!fits)
        return op_fail(c, ACCEL_UNSUPPORTED, "a mask of this shape is not supported");
    *form = s->rank == 1   ? s->dims[0] == 2 * batch ? MASK_ENDS_AND_STARTS : MASK_LENGTHS
            : s->rank == 2 ? MASK_2D
                           : MASK_3D;
    return ACCEL_OK;
}

static bool masked(const ms_bias *b, int64_t batch, int64_t query, int64_t q_length, int64_t key) {
    switch (b->form) {
    case MASK_LENGTHS:
        return key >= input_i64_at(b->c, b->mask, batch, 0);
    case MASK_ENDS_AND_STARTS:
        return key >= input_i64_at(b->c, b->mask, batch, 0) ||
               key < input_i64_at(b->c, b->mask, b->batch + batch, 0);
    case MASK_2D:
        return input_i64_at(b->c, b->mask, batch * b->total + key, 1) == 0;
    case MASK_3D:
        return input_i64_at(b->c, b->mask, (batch * q_length + query) * b->total + key, 1) == 0;
    default:
        return false;
    }
}

/* attention_bias is [batch or 1, heads or 1, q, total]. */
static double score_bias(const op_context *c, size_t input, int64_t batch, int64_t head, int64_t query,
                         int64_t key) {
    if (!op_has_input(c, input))
        return 0;
    const int64_t *d = input_shape(c, input)->dims;
    int64_t at = (d[0] == 1 ? 0 : batch) * d[1] + (d[1] == 1 ? 0 : head);
    return input_f64_at(c, input, (at * d[2] + query) * d[3] + key, 0);
}

static void ms_add_bias(const attend_problem *p, int64_t batch, int64_t head, int64_t query, double *row) {
    const ms_bias *b = p->bias_context;
    for (int64_t j = 0; j < p->kv_length; j++) {
        row[j] += score_bias(b->c, b->bias, batch, head, query, j);
        if (masked(b, batch, query, p->q_length, j))
            row[j] += b->filter;
        if (b->causal && j > query + b->past_length)
            row[j] = -INFINITY;
    }
}

static accel_status check_score_bias(const op_context *c, size_t input, int64_t batch, int64_t heads,
                                     int64_t q_length, int64_t total) {
    const int64_t wanted[4] = {batch, heads, q_length, total};
    if (!op_has_input(c, input))
        return ACCEL_OK;
    ACCEL_TRY(require_rank(c, input, 4, 4));
    ACCEL_TRY(require_type(c, input, TYPES_FLOAT));
    for (int i = 0; i < 4 && input_rank(c, input) == 4; i++) {
        int64_t dim = wanted[i];
        if (i < 2 && input_dim(c, input, i) == 1)
            continue;
        ACCEL_TRY(merge_dim(c, "the scores and attention_bias", &dim, input_dim(c, input, i)));
    }
    return ACCEL_OK;
}

/* ---- MultiHeadAttention ---------------------------------------------------------------------------------------------------- */

static const op_attr_def mha_attrs[] = {{"mask_filter_value", ATTR_FLOAT, false, "-10000.0"},
                                        {"num_heads", ATTR_INT, true, NULL},
                                        {"scale", ATTR_FLOAT, false, "1/sqrt(head_size)"},
                                        {"unidirectional", ATTR_INT, false, "0"}};
enum { QUERY, KEY, VALUE, BIAS, KEY_MASK, SCORE_BIAS, PAST_KEY, PAST_VALUE, PAST_LENGTH, INDIRECTION };

typedef struct heads {
    int64_t batch, heads, q_length, kv_length, past, total, head, v_head;
    bool cross; /* key and value are [batch, heads, length, head] already */
} heads;

static accel_status size_of_head(const op_context *c, int64_t width, int64_t heads_count, int64_t *out) {
    if (width < 0)
        return ACCEL_OK;
    if (width % heads_count != 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "a width of %lld does not divide into %lld heads",
                       (long long)width, (long long)heads_count);
    return merge_dim(c, "the head sizes", out, width / heads_count);
}

static accel_status read_heads(const op_context *c, int64_t *out) {
    *out = op_attr_int(c, "num_heads", 0);
    if (*out >= 1 && *out < (int64_t)1 << 31)
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "num_heads is %lld", (long long)*out);
}

/* A state [batch, heads, past, head] before the new keys or values. */
static accel_status read_past(const op_context *c, size_t input, heads *d, int64_t *head) {
    if (!op_has_input(c, input))
        return ACCEL_OK;
    ACCEL_TRY(require_rank(c, input, 4, 4));
    ACCEL_TRY(require_same_type(c, QUERY, input));
    if (input_rank(c, input) == RANK_UNKNOWN)
        return ACCEL_OK;
    int64_t heads_count = d->heads;
    ACCEL_TRY(merge_dim(c, "the batches", &d->batch, input_dim(c, input, 0)));
    ACCEL_TRY(merge_dim(c, "the heads", &heads_count, input_dim(c, input, 1)));
    ACCEL_TRY(merge_dim(c, "the lengths of past key and value", &d->past, input_dim(c, input, 2)));
    return merge_dim(c, "the head sizes", head, input_dim(c, input, 3));
}

static accel_status mha_read(const op_context *c, heads *d) {
    *d = (heads){
        .head = DIM_UNKNOWN, .v_head = DIM_UNKNOWN, .past = op_has_input(c, PAST_KEY) ? DIM_UNKNOWN : 0};
    ACCEL_TRY(read_heads(c, &d->heads));
    for (size_t i = QUERY; i <= VALUE; i++) {
        ACCEL_TRY(require_type(c, i, TYPES_FLOAT));
        ACCEL_TRY(require_same_type(c, QUERY, i));
        ACCEL_TRY(require_rank(c, i, 3, i == QUERY ? 3 : 4));
    }
    if (!op_has_input(c, KEY) || !op_has_input(c, VALUE) || op_has_input(c, PAST_LENGTH) ||
        op_has_input(c, INDIRECTION))
        return op_fail(c, ACCEL_UNSUPPORTED, "packed inputs and shared caches are not supported");
    d->batch = input_dim(c, QUERY, 0);
    d->q_length = input_dim(c, QUERY, 1);
    d->cross = input_rank(c, KEY) == 4;
    d->kv_length = input_dim(c, KEY, d->cross ? 2 : 1);
    ACCEL_TRY(require_rank(c, VALUE, d->cross ? 4 : 3, d->cross ? 4 : 3));
    ACCEL_TRY(size_of_head(c, input_dim(c, QUERY, 2), d->heads, &d->head));
    for (size_t i = KEY; i <= VALUE; i++) {
        int64_t *head = i == KEY ? &d->head : &d->v_head, count = d->heads;
        ACCEL_TRY(merge_dim(c, "the batches", &d->batch, input_dim(c, i, 0)));
        ACCEL_TRY(
            merge_dim(c, "the lengths of key and value", &d->kv_length, input_dim(c, i, d->cross ? 2 : 1)));
        if (d->cross)
            ACCEL_TRY(merge_dim(c, "the heads", &count, input_dim(c, i, 1)));
        ACCEL_TRY(d->cross ? merge_dim(c, "the head sizes", head, input_dim(c, i, 3))
                           : size_of_head(c, input_dim(c, i, 2), d->heads, head));
    }
    if (op_has_input(c, PAST_KEY) != op_has_input(c, PAST_VALUE))
        return op_fail(c, ACCEL_BAD_GRAPH, "past key and value must be given together");
    ACCEL_TRY(read_past(c, PAST_KEY, d, &d->head));
    ACCEL_TRY(read_past(c, PAST_VALUE, d, &d->v_head));
    d->total = d->past < 0 || d->kv_length < 0 ? DIM_UNKNOWN : d->past + d->kv_length;
    if (op_has_input(c, BIAS)) {
        int64_t width = d->head < 0 || d->v_head < 0 ? DIM_UNKNOWN : d->heads * (2 * d->head + d->v_head);
        ACCEL_TRY(require_rank(c, BIAS, 1, 1));
        ACCEL_TRY(require_same_type(c, QUERY, BIAS));
        ACCEL_TRY(merge_dim(c, "the widths and the bias", &width, input_dim(c, BIAS, 0)));
    }
    return check_score_bias(c, SCORE_BIAS, d->batch, d->heads, d->q_length, d->total);
}

static int64_t times(int64_t a, int64_t b) {
    return a < 0 || b < 0 ? DIM_UNKNOWN : a * b;
}

static accel_status mha_infer(op_context *c) {
    heads d;
    int form;
    ACCEL_TRY(mha_read(c, &d));
    ACCEL_TRY(require_type(c, KEY_MASK, TYPE_BIT(DTYPE_I32)));
    ACCEL_TRY(mask_form(c, KEY_MASK, d.batch, d.q_length, d.total, &form));
    shape out = {.rank = 3, .dims = {d.batch, d.q_length, times(d.heads, d.v_head)}};
    shape key = {.rank = 4, .dims = {d.batch, d.heads, d.total, d.head}}, value = key,
          scores = {.rank = 4, .dims = {d.batch, d.heads, d.q_length, d.total}};
    value.dims[3] = d.v_head;
    put_output(c, 0, input_type(c, QUERY), &out);
    put_output(c, 1, input_type(c, QUERY), &key);
    put_output(c, 2, input_type(c, QUERY), &value);
    put_output(c, 3, input_type(c, QUERY), &scores);
    return ACCEL_OK;
}

/* An input plus its part of the bias, as [batch, heads, length, head]. */
static const double *biased_heads(op_context *c, size_t input, int64_t bias_start, int64_t batch,
                                  int64_t length, int64_t count, int64_t head) {
    const double *in = op_input_f64(c, input);
    int64_t width = count * head;
    double *out = SCRATCH(c, double, batch *length *width);
    if (!in || !out)
        return NULL;
    for (int64_t i = 0; i < batch * length * width; i++)
        out[i] = in[i] + input_f64_at(c, BIAS, bias_start + i % width, 0);
    return split_heads(c, out, batch, length, count, head);
}

static const double *with_past(op_context *c, size_t past, const double *fresh, int64_t lines, const heads *d,
                               int64_t head) {
    if (!fresh || !op_has_input(c, past))
        return fresh;
    const double *before = op_input_f64(c, past);
    return before ? append_cache(c, before, fresh, lines, d->past, d->kv_length, head) : NULL;
}

/* Runs the attention and puts the joined result and the caches. */
static accel_status finish(op_context *c, const heads *d, attend_problem *p) {
    p->out = SCRATCH(c, double, d->batch * d->heads * d->q_length * d->v_head);
    if (!p->out || !p->q || !p->k || !p->v)
        return ACCEL_OUT_OF_MEMORY;
    ACCEL_TRY(attend(c, p));
    const double *joined = join_heads(c, p->out, d->batch, d->q_length, d->heads, d->v_head);
    return joined ? op_output_from_f64(c, 0, joined) : ACCEL_OUT_OF_MEMORY;
}

static accel_status mha_eval(op_context *c) {
    heads d;
    ACCEL_TRY(mha_read(c, &d));
    ms_bias bias = {.c = c,
                    .mask = KEY_MASK,
                    .bias = SCORE_BIAS,
                    .batch = d.batch,
                    .past_length = d.past,
                    .total = d.total,
                    .causal = op_attr_int(c, "unidirectional", 0) != 0,
                    .filter = op_attr_float(c, "mask_filter_value", -10000)};
    ACCEL_TRY(mask_form(c, KEY_MASK, d.batch, d.q_length, d.total, &bias.form));
    int64_t width = d.heads * d.head;
    const double *q = biased_heads(c, QUERY, 0, d.batch, d.q_length, d.heads, d.head);
    const double *k =
        d.cross ? op_input_f64(c, KEY) : biased_heads(c, KEY, width, d.batch, d.kv_length, d.heads, d.head);
    const double *v = d.cross ? op_input_f64(c, VALUE)
                              : biased_heads(c, VALUE, 2 * width, d.batch, d.kv_length, d.heads, d.v_head);
    k = with_past(c, PAST_KEY, k, d.batch * d.heads, &d, d.head);
    v = with_past(c, PAST_VALUE, v, d.batch * d.heads, &d, d.v_head);
    double *qk = has_output(c, 3) ? SCRATCH(c, double, output_elements(c, 3)) : NULL;
    attend_problem p = {.batch = d.batch,
                        .q_heads = d.heads,
                        .kv_heads = d.heads,
                        .q_length = d.q_length,
                        .kv_length = d.total,
                        .head = d.head,
                        .v_head = d.v_head,
                        .q = q,
                        .k = k,
                        .v = v,
                        .scale = op_attr_float(c, "scale", 0),
                        .add_bias = ms_add_bias,
                        .bias_context = &bias,
                        .qk = qk,
                        .qk_mode = QK_RAW};
    if (p.scale == 0)
        p.scale = 1 / sqrt((double)d.head);
    ACCEL_TRY(finish(c, &d, &p));
    if (has_output(c, 1))
        ACCEL_TRY(op_output_from_f64(c, 1, k));
    if (has_output(c, 2))
        ACCEL_TRY(op_output_from_f64(c, 2, v));
    return qk ? op_output_from_f64(c, 3, qk) : ACCEL_OK;
}

/* ---- Attention: projects the input itself --------------------------------------------------------------------------------------- */

static const op_attr_def ms_attention_attrs[] = {
    {"do_rotary", ATTR_INT, false, "0"},
    {"mask_filter_value", ATTR_FLOAT, false, "-10000.0"},
    {"num_heads", ATTR_INT, true, NULL},
    {"past_present_share_buffer", ATTR_INT, false, "0"},
    {"qkv_hidden_sizes", ATTR_INTS, false, "equal"},
    {"rotary_embedding_dim", ATTR_INT, false, "0"},
    {"scale", ATTR_FLOAT, false, "1/sqrt(head_size)"},
    {"unidirectional", ATTR_INT, false, "0"},
};
enum { A_INPUT, A_WEIGHTS, A_BIAS, A_MASK, A_PAST, A_SCORE_BIAS, A_PAST_LENGTH };

static accel_status ms_attention_read(const op_context *c, heads *d) {
    const int64_t *sizes;
    int64_t width = input_dim(c, A_WEIGHTS, 1), input = input_dim(c, A_INPUT, 2);
    *d = (heads){.batch = input_dim(c, A_INPUT, 0),
                 .q_length = input_dim(c, A_INPUT, 1),
                 .kv_length = input_dim(c, A_INPUT, 1),
                 .head = DIM_UNKNOWN,
                 .v_head = DIM_UNKNOWN};
    ACCEL_TRY(read_heads(c, &d->heads));
    ACCEL_TRY(attr_ints(c, "qkv_hidden_sizes", 3, 1, (int64_t)1 << 31, &sizes));
    if (op_attr_int(c, "do_rotary", 0) != 0 || op_attr_int(c, "past_present_share_buffer", 0) != 0 ||
        op_has_input(c, A_PAST_LENGTH))
        return op_fail(c, ACCEL_UNSUPPORTED, "rotary embedding and shared caches are not supported here");
    ACCEL_TRY(merge_dim(c, "the widths of input and weights", &input, input_dim(c, A_WEIGHTS, 0)));
    if (sizes && sizes[0] != sizes[1])
        return op_fail(c, ACCEL_BAD_GRAPH, "query and key must have one width");
    if (!sizes && width >= 0 && width % 3 != 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "weights of %lld columns do not divide into three",
                       (long long)width);
    ACCEL_TRY(size_of_head(c, sizes ? sizes[0] : width < 0 ? width : width / 3, d->heads, &d->head));
    ACCEL_TRY(size_of_head(c, sizes ? sizes[2] : width < 0 ? width : width / 3, d->heads, &d->v_head));
    int64_t all = d->head < 0 ? DIM_UNKNOWN : d->heads * (2 * d->head + d->v_head);
    ACCEL_TRY(merge_dim(c, "the columns of the weights", &all, width));
    if (op_has_input(c, A_BIAS))
        ACCEL_TRY(merge_dim(c, "the bias and the weights", &all, input_dim(c, A_BIAS, 0)));
    d->past = op_has_input(c, A_PAST) ? input_dim(c, A_PAST, 3) : 0;
    const int64_t wanted[5] = {2, d->batch, d->heads, d->past, d->head};
    for (int i = 0; i < 5 && op_has_input(c, A_PAST); i++) {
        int64_t dim = wanted[i];
        ACCEL_TRY(merge_dim(c, "the dims of the past state", &dim, input_dim(c, A_PAST, i)));
    }
    if ((op_has_input(c, A_PAST) || has_output(c, 1)) && d->head >= 0 && d->head != d->v_head)
        return op_fail(c, ACCEL_BAD_GRAPH, "a cache needs values as wide as keys");
    d->total = d->past < 0 || d->kv_length < 0 ? DIM_UNKNOWN : d->past + d->kv_length;
    return check_score_bias(c, A_SCORE_BIAS, d->batch, d->heads, d->q_length, d->total);
}

static accel_status ms_attention_infer(op_context *c) {
    static const int ranks[] = {3, 2, 1};
    heads d;
    int form;
    for (size_t i = A_INPUT; i <= A_BIAS; i++) {
        ACCEL_TRY(require_type(c, i, TYPES_FLOAT));
        ACCEL_TRY(require_same_type(c, A_INPUT, i));
        ACCEL_TRY(require_rank(c, i, ranks[i], ranks[i]));
    }
    ACCEL_TRY(require_rank(c, A_PAST, 5, 5));
    ACCEL_TRY(require_same_type(c, A_INPUT, A_PAST));
    ACCEL_TRY(require_type(c, A_MASK, TYPE_BIT(DTYPE_I32)));
    ACCEL_TRY(ms_attention_read(c, &d));
    ACCEL_TRY(mask_form(c, A_MASK, d.batch, d.q_length, d.total, &form));
    shape out = {.rank = 3, .dims = {d.batch, d.q_length, times(d.heads, d.v_head)}},
          present = {.rank = 5, .dims = {2, d.batch, d.heads, d.total, d.head}};
    put_output(c, 0, input_type(c, A_INPUT), &out);
    put_output(c, 1, input_type(c, A_INPUT), &present);
    return ACCEL_OK;
}

/* Columns [start, start + width) of the projection, as heads. */
static const double *take_projection(const op_context *c, const double *all, int64_t rows, int64_t columns,
                                     int64_t start, const heads *d, int64_t head) {
    int64_t width = d->heads * head;
    double *out = SCRATCH(c, double, rows *width);
    for (int64_t i = 0; out && i < rows * width; i++)
        out[i] = all[i / width * columns + start + i % width] + input_f64_at(c, A_BIAS, start + i % width, 0);
    return out ? split_heads(c, out, d->batch, d->q_length, d->heads, head) : NULL;
}

static accel_status ms_attention_eval(op_context *c) {
    heads d;
    ACCEL_TRY(ms_attention_read(c, &d));
    ms_bias bias = {.c = c,
                    .mask = A_MASK,
                    .bias = A_SCORE_BIAS,
                    .batch = d.batch,
                    .past_length = d.past,
                    .total = d.total,
                    .causal = op_attr_int(c, "unidirectional", 0) != 0,
                    .filter = op_attr_float(c, "mask_filter_value", -10000)};
    ACCEL_TRY(mask_form(c, A_MASK, d.batch, d.q_length, d.total, &bias.form));
    int64_t rows = d.batch * d.q_length, input = input_dim(c, A_INPUT, 2),
            columns = input_dim(c, A_WEIGHTS, 1), width = d.heads * d.head;
    const double *x = op_input_f64(c, A_INPUT), *w = op_input_f64(c, A_WEIGHTS),
                 *past = op_has_input(c, A_PAST) ? op_input_f64(c, A_PAST) : NULL;
    double *all = SCRATCH(c, double, rows *columns);
    if (!x || !w || !all || (op_has_input(c, A_PAST) && !past))
        return ACCEL_OUT_OF_MEMORY;
    matmul_f64(c->pool, rows, columns, input, x, input, w, columns, all, columns);
    const double *q = take_projection(c, all, rows, columns, 0, &d, d.head),
                 *k = take_projection(c, all, rows, columns, width, &d, d.head);
    const double *v = take_projection(c, all, rows, columns, 2 * width, &d, d.v_head);
    if (!q || !k || !v)
        return ACCEL_OUT_OF_MEMORY;
    if (past) {
        int64_t lines = d.batch * d.heads;
        k = append_cache(c, past, k, lines, d.past, d.kv_length, d.head);
        v = append_cache(c, past + lines * d.past * d.head, v, lines, d.past, d.kv_length, d.head);
    }
    attend_problem p = {.batch = d.batch,
                        .q_heads = d.heads,
                        .kv_heads = d.heads,
                        .q_length = d.q_length,
                        .kv_length = d.total,
                        .head = d.head,
                        .v_head = d.v_head,
                        .q = q,
                        .k = k,
                        .v = v,
                        .scale = op_attr_float(c, "scale", 0),
                        .add_bias = ms_add_bias,
                        .bias_context = &bias};
    if (p.scale == 0)
        p.scale = 1 / sqrt((double)d.head);
    ACCEL_TRY(finish(c, &d, &p));
    if (!has_output(c, 1))
        return ACCEL_OK;
    int64_t half = output_elements(c, 1) / 2;
    store_f64(c->outputs[1].type.type, c->output_data[1], 0, 1, half, k);
    store_f64(c->outputs[1].type.type, c->output_data[1], half, 1, half, v);
    return ACCEL_OK;
}

/* ---- GroupQueryAttention -------------------------------------------------------------------------------------------------------------- */

static const op_attr_def gqa_attrs[] = {
    {"do_rotary", ATTR_INT, false, "0"},
    {"k_quant_type", ATTR_STRING, false, "NONE"},
    {"kv_cache_bit_width", ATTR_INT, false, "0"},
    {"kv_num_heads", ATTR_INT, true, NULL},
    {"local_window_size", ATTR_INT, false, "-1"},
    {"num_heads", ATTR_INT, true, NULL},
    {"qk_output", ATTR_INT, false, "0"},
    {"rotary_interleaved", ATTR_INT, false, "0"},
    {"scale", ATTR_FLOAT, false, "1/sqrt(head_size)"},
    {"smooth_softmax", ATTR_INT, false, "0"},
    {"softcap", ATTR_FLOAT, false, "0.0"},
    {"v_quant_type", ATTR_STRING, false, "NONE"},
};
typedef struct gqa_dims {
    int64_t batch, length, q_heads, kv_heads, head, past, present; /* past, present: room of the caches */
    bool packed;
} gqa_dims;

static accel_status gqa_read(const op_context *c, gqa_dims *d) {
    *d = (gqa_dims){.batch = input_dim(c, G_QUERY, 0),
                    .length = input_dim(c, G_QUERY, 1),
                    .kv_heads = op_attr_int(c, "kv_num_heads", 0),
                    .head = DIM_UNKNOWN,
                    .packed = !op_has_input(c, G_KEY)};
    ACCEL_TRY(read_heads(c, &d->q_heads));
    if (d->kv_heads < 1 || d->q_heads % d->kv_heads != 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "kv_num_heads is %lld", (long long)d->kv_heads);
    if (op_has_input(c, G_SINK) || op_attr_int(c, "smooth_softmax", 0) > 0 ||
        op_attr_int(c, "kv_cache_bit_width", 0) != 0 || op_attr_int(c, "qk_output", 0) != 0)
        return op_fail(c, ACCEL_UNSUPPORTED,
                       "attention sinks, quantised caches and score outputs are not supported");
    ACCEL_TRY(
        size_of_head(c, input_dim(c, G_QUERY, 2), d->q_heads + (d->packed ? 2 * d->kv_heads : 0), &d->head));
    for (size_t i = G_KEY; i <= G_VALUE && !d->packed; i++) {
        if (!op_has_input(c, i))
            return op_fail(c, ACCEL_BAD_GRAPH, "key and value must be given together");
        ACCEL_TRY(merge_dim(c, "the batches", &d->batch, input_dim(c, i, 0)));
        ACCEL_TRY(merge_dim(c, "the lengths", &d->length, input_dim(c, i, 1)));
        ACCEL_TRY(size_of_head(c, input_dim(c, i, 2), d->kv_heads, &d->head));
    }
    d->past = op_has_input(c, G_PAST_KEY) ? DIM_UNKNOWN : 0;
    if (op_has_input(c, G_PAST_KEY) != op_has_input(c, G_PAST_VALUE))
        return op_fail(c, ACCEL_BAD_GRAPH, "past key and value must be given together");
    for (size_t i = G_PAST_KEY; i <= G_PAST_VALUE && op_has_input(c, i); i++) {
        int64_t count = d->kv_heads;
        ACCEL_TRY(merge_dim(c, "the batches", &d->batch, input_dim(c, i, 0)));
        ACCEL_TRY(merge_dim(c, "the heads", &count, input_dim(c, i, 1)));
        ACCEL_TRY(merge_dim(c, "the lengths of past key and value", &d->past, input_dim(c, i, 2)));
        ACCEL_TRY(merge_dim(c, "the head sizes", &d->head, input_dim(c, i, 3)));
    }
    int64_t total = input_i64_at(c, G_TOTAL, 0, DIM_UNKNOWN);
    if (c->inputs[G_TOTAL].data &&
        (total < 1 || total > (int64_t)1 << 40 || (d->length >= 0 && total < d->length)))
        return op_fail(c, ACCEL_BAD_GRAPH, "total_sequence_length is %lld", (long long)total);
    d->present = total < 0 || d->past < 0 ? DIM_UNKNOWN : total > d->past ? total : d->past;
    return check_score_bias(c, G_SCORE_BIAS, d->batch, d->q_heads, d->length, total);
}

static accel_status gqa_infer(op_context *c) {
    gqa_dims d;
    ACCEL_TRY(require_present(c, G_LENGTHS));
    ACCEL_TRY(require_present(c, G_TOTAL));
    for (size_t i = 0; i < c->input_count && i <= G_PAST_VALUE; i++) {
        ACCEL_TRY(require_type(c, i, TYPES_FLOAT));
        ACCEL_TRY(require_same_type(c, G_QUERY, i));
        ACCEL_TRY(require_rank(c, i, i < G_PAST_KEY ? 3 : 4, i < G_PAST_KEY ? 3 : 4));
    }
    ACCEL_TRY(require_type(c, G_LENGTHS, TYPE_BIT(DTYPE_I32)));
    ACCEL_TRY(require_type(c, G_TOTAL, TYPE_BIT(DTYPE_I32)));
    ACCEL_TRY(require_one_element(c, G_TOTAL));
    ACCEL_TRY(require_type(c, G_POSITIONS, TYPES_I64));
    ACCEL_TRY(gqa_read(c, &d));
    if (input_is_static(c, G_LENGTHS) && d.batch >= 0 && op_elements(&c->inputs[G_LENGTHS]) != d.batch)
        return op_fail(c, ACCEL_BAD_GRAPH, "seqlens_k must have one entry a sequence");
    if (input_is_static(c, G_POSITIONS) && d.batch >= 0 && d.length >= 0 &&
        op_elements(&c->inputs[G_POSITIONS]) != d.batch * d.length)
        return op_fail(c, ACCEL_BAD_GRAPH, "position_ids must have one entry a token");
    if (op_attr_int(c, "do_rotary", 0) != 0) {
        int64_t rows = DIM_UNKNOWN, half = DIM_UNKNOWN;
        for (size_t i = G_COSINE; i <= G_SINE; i++) {
            if (!op_has_input(c, i))
                return op_fail(c, ACCEL_BAD_GRAPH, "do_rotary needs the caches of cosines and sines");
            ACCEL_TRY(require_rank(c, i, 2, 2));
            ACCEL_TRY(merge_dim(c, "the rows of the caches", &rows, input_dim(c, i, 0)));
            ACCEL_TRY(merge_dim(c, "the widths of the caches", &half, input_dim(c, i, 1)));
        }
        if (d.head >= 0 && half >= 0 && half > d.head / 2)
            return op_fail(c, ACCEL_BAD_GRAPH, "the caches are wider than half a head");
    }
    shape out = {.rank = 3, .dims = {d.batch, d.length, times(d.q_heads, d.head)}},
          present = {.rank = 4, .dims = {d.batch, d.kv_heads, d.present, d.head}};
    put_output(c, 0, input_type(c, G_QUERY), &out);
    put_output(c, 1, input_type(c, G_QUERY), &present);
    put_output(c, 2, input_type(c, G_QUERY), &present);
    return ACCEL_OK;
}

/* Tokens before this call's, of sequence b: seqlens_k holds the last valid position. A first call has none. */
static int64_t gqa_past(const op_context *c, const gqa_dims *d, int64_t b) {
    bool first = input_i64_at(c, G_TOTAL, 0, 0) == d->length;
    return first ? 0 : input_i64_at(c, G_LENGTHS, b, 0) + 1 - d->length;
}

typedef struct gqa_bias {
    const op_context *c;
    const gqa_dims *dims;
    int64_t window;
} gqa_bias;

static void gqa_add_bias(const attend_problem *p, int64_t batch, int64_t head, int64_t query, double *row) {
    const gqa_bias *b = p->bias_context;
    int64_t place = gqa_past(b->c, b->dims, batch) + query, total = input_i64_at(b->c, G_TOTAL, 0, 0);
    for (int64_t j = 0; j < p->kv_length; j++) {
        bool open = j <= place && j < total && (b->window < 0 || j > place - b->window);
        row[j] = open ? row[j] + score_bias(b->c, G_SCORE_BIAS, batch, head, query, j) : -INFINITY;
    }
}

/* Columns of an input as heads. */
static const double *gqa_heads(op_context *c, const gqa_dims *d, size_t input, int64_t start, int64_t count) {
    const double *in = op_input_f64(c, d->packed ? G_QUERY : input);
    int64_t width = input_dim(c, d->packed ? G_QUERY : input, 2), part = count * d->head,
            tokens = d->batch * d->length;
    double *out = SCRATCH(c, double, tokens *part);
    if (!in || !out)
        return NULL;
    for (int64_t i = 0; i < tokens * part; i++)
        out[i] = in[i / part * width + (d->packed ? start : 0) + i % part];
    return split_heads(c, out, d->batch, d->length, count, d->head);
}

/* Rotates [batch, heads, length, head] by the tokens' positions. */
static accel_status gqa_rotate(op_context *c, const gqa_dims *d, int64_t count, double *x) {
    int64_t rows = input_dim(c, G_COSINE, 0), half = input_dim(c, G_COSINE, 1);
    const double *cosine = op_input_f64(c, G_COSINE), *sine = op_input_f64(c, G_SINE);
    if (!cosine || !sine)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < d->batch * count * d->length; i++) {
        int64_t b = i / d->length / count, t = i % d->length, position = gqa_past(c, d, b) + t;
        if (op_has_input(c, G_POSITIONS))
            position = input_i64_at(c, G_POSITIONS, b * d->length + t, 0);
        if (position < 0 || position >= rows)
            return op_fail(c, ACCEL_BAD_GRAPH, "position %lld is outside a cache of %lld",
                           (long long)position, (long long)rows);
        rotate_head(x + i * d->head, 2 * half, cosine + position * half, sine + position * half,
                    op_attr_int(c, "rotary_interleaved", 0) != 0);
    }
    return ACCEL_OK;
}

/* The cache of `present` places: what was there, with the new tokens written behind each sequence's past. */
static double *gqa_cache(op_context *c, const gqa_dims *d, size_t past, const double *fresh) {
    const double *before = op_has_input(c, past) ? op_input_f64(c, past) : NULL;
    double *out = SCRATCH(c, double, d->batch * d->kv_heads * d->present * d->head);
    if (!out || !fresh || (op_has_input(c, past) && !before))
        return NULL;
    for (int64_t line = 0; line < d->batch * d->kv_heads; line++) {
        double *to = out + line * d->present * d->head;
        int64_t start = gqa_past(c, d, line / d->kv_heads) * d->head;
        for (int64_t i = 0; i < d->past * d->head; i++)
            to[i] = before[line * d->past * d->head + i];
        for (int64_t i = 0; i < d->length * d->head; i++)
            to[start + i] = fresh[line * d->length * d->head + i];
    }
    return out;
}

static accel_status gqa_eval(op_context *c) {
    gqa_dims d;
    ACCEL_TRY(gqa_read(c, &d));
    for (int64_t b = 0; b < d.batch; b++) {
        int64_t past = gqa_past(c, &d, b);
        if (past < 0 || past > d.present - d.length)
            return op_fail(c, ACCEL_BAD_GRAPH, "seqlens_k holds %lld",
                           (long long)input_i64_at(c, G_LENGTHS, b, 0));
    }
    gqa_bias bias = {c, &d, op_attr_int(c, "local_window_size", -1)};
    const double *q = gqa_heads(c, &d, G_QUERY, 0, d.q_heads),
                 *k = gqa_heads(c, &d, G_KEY, d.q_heads * d.head, d.kv_heads);
    const double *v = gqa_heads(c, &d, G_VALUE, (d.q_heads + d.kv_heads) * d.head, d.kv_heads);
    if (!q || !k || !v)
        return ACCEL_OUT_OF_MEMORY;
    if (op_attr_int(c, "do_rotary", 0) != 0) {
        double *turned_q =
            arena_copy(c->scratch, q, (size_t)(d.batch * d.q_heads * d.length * d.head) * sizeof *q);
        double *turned_k =
            arena_copy(c->scratch, k, (size_t)(d.batch * d.kv_heads * d.length * d.head) * sizeof *k);
        if (!turned_q || !turned_k)
            return op_fail(c, ACCEL_OUT_OF_MEMORY, "not enough memory");
        ACCEL_TRY(gqa_rotate(c, &d, d.q_heads, turned_q));
        ACCEL_TRY(gqa_rotate(c, &d, d.kv_heads, turned_k));
        q = turned_q;
        k = turned_k;
    }
    k = gqa_cache(c, &d, G_PAST_KEY, k);
    v = gqa_cache(c, &d, G_PAST_VALUE, v);
    heads h = {.batch = d.batch, .heads = d.q_heads, .q_length = d.length, .v_head = d.head};
    attend_problem p = {.batch = d.batch,
                        .q_heads = d.q_heads,
                        .kv_heads = d.kv_heads,
                        .q_length = d.length,
                        .kv_length = d.present,
                        .head = d.head,
                        .v_head = d.head,
                        .q = q,
                        .k = k,
                        .v = v,
                        .scale = op_attr_float(c, "scale", 0),
                        .softcap = op_attr_float(c, "softcap", 0),
                        .add_bias = gqa_add_bias,
                        .bias_context = &bias};
    if (p.scale == 0)
        p.scale = 1 / sqrt((double)d.head);
    ACCEL_TRY(finish(c, &h, &p));
    if (has_output(c, 1))
        ACCEL_TRY(op_output_from_f64(c, 1, k));
    return has_output(c, 2) ? op_output_from_f64(c, 2, v) : ACCEL_OK;
}

static void attention_cost(const op_context *c, op_cost *out) {
    /* scores and values: each query token meets every key; keys are counted by the mask-free total where it is known */
    const shape *q = input_shape(c, 0), *present = has_output(c, 1) ? &c->outputs[1].type.shape : NULL;
    double width = q->rank == 3 ? (double)q->dims[2] : 0,
           tokens = q->rank == 3 ? (double)q->dims[0] * (double)q->dims[1] : 0;
    int at = present && present->rank == 5 ? 3 : 2;
    double keys = present && present->rank > at                 ? (double)present->dims[at]
                  : op_has_input(c, 1) && input_rank(c, 1) == 3 ? (double)input_dim(c, 1, 1)
                  : q->rank == 3                                ? (double)q->dims[1]
                                                                : 0;
    cost_of_flops(c, 4 * tokens * keys * width, out);
}

static void projected_cost(const op_context *c, op_cost *out) {
    op_cost inner;
    attention_cost(c, &inner);
    *out = inner;
    out->flops = 4 * (double)input_dim(c, 0, 0) * (double)input_dim(c, 0, 1) * (double)input_dim(c, 0, 1) *
                     (double)input_dim(c, 0, 2) +
                 2 * (double)input_dim(c, 0, 0) * (double)input_dim(c, 0, 1) *
                     (double)op_elements(&c->inputs[A_WEIGHTS]);
}

/* ---- RotaryEmbedding: input, positions, cosines, sines ------------------------------------------------------------------------------------ */

static const op_attr_def rotary_attrs[] = {{"interleaved", ATTR_INT, false, "0"},
                                           {"is_packed_batching", ATTR_INT, false, "0"},
                                           {"num_heads", ATTR_INT, false, "0"},
                                           {"rotary_embedding_dim", ATTR_INT, false, "0"},
                                           {"scale", ATTR_FLOAT, false, "1.0"}};

typedef struct rotary_dims {
    int64_t batch, heads, length, head, rotated;
} rotary_dims;

static accel_status rotary_read(const op_context *c, rotary_dims *d) {
    const shape *x = input_shape(c, 0);
    int64_t half = input_dim(c, 2, 1), rotated = op_attr_int(c, "rotary_embedding_dim", 0),
            count = op_attr_int(c, "num_heads", 0);
    if (op_attr_int(c, "is_packed_batching", 0) != 0)
        return op_fail(c, ACCEL_UNSUPPORTED, "packed batches are not supported");
    ACCEL_TRY(merge_dim(c, "the widths of the caches", &half, input_dim(c, 3, 1)));
    int64_t rows = input_dim(c, 2, 0);
    ACCEL_TRY(merge_dim(c, "the rows of the caches", &rows, input_dim(c, 3, 0)));
    *d = (rotary_dims){x->dims[0], 1, x->dims[1], x->dims[2], half < 0 ? DIM_UNKNOWN : 2 * half};
    if (x->rank == 4) {
        *d = (rotary_dims){x->dims[0], x->dims[1], x->dims[2], x->dims[3], d->rotated};
    } else if (d->head >= 0 && d->rotated >= 0) {
        int64_t head = rotated > 0 && count > 0 ? d->head / count
                                                : d->rotated; /* whole heads: the caches tell their size */
        if (head < 1 || d->head % head != 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "a width of %lld does not divide into heads of %lld",
                           (long long)d->head, (long long)head);
        d->heads = d->head / head;
        d->head = head;
    }
    if (d->rotated >= 0 && d->head >= 0 && d->rotated > d->head)
        return op_fail(c, ACCEL_BAD_GRAPH, "the caches are wider than half a head");
    return ACCEL_OK;
}

static accel_status rotary_infer(op_context *c) {
    rotary_dims d;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 3, 4));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_rank(c, 1, 1, 2));
    ACCEL_TRY(require_rank(c, 2, 2, 2));
    ACCEL_TRY(require_rank(c, 3, 2, 2));
    ACCEL_TRY(require_same_type(c, 0, 2));
    ACCEL_TRY(require_same_type(c, 0, 3));
    if (input_rank(c, 0) != RANK_UNKNOWN) {
        ACCEL_TRY(rotary_read(c, &d));
        int64_t count = input_is_static(c, 1) ? op_elements(&c->inputs[1]) : 1;
        if (count != 1 && d.batch >= 0 && d.length >= 0 && count != d.batch * d.length)
            return op_fail(c, ACCEL_BAD_GRAPH, "positions must be one offset or one entry a token");
    }
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status rotary_eval(op_context *c) {
    rotary_dims d;
    ACCEL_TRY(rotary_read(c, &d));
    bool offset = input_rank(c, 1) == 1, packed = input_rank(c, 0) == 3;
    int64_t rows = input_dim(c, 2, 0), count = output_elements(c, 0);
    const double *cosine = op_input_f64(c, 2), *sine = op_input_f64(c, 3);
    double *out = SCRATCH(c, double, count);
    if (!cosine || !sine || !out)
        return ACCEL_OUT_OF_MEMORY;
    load_f64(input_type(c, 0), c->inputs[0].data, 0, 1, count, out);
    for (int64_t i = 0; i < d.batch * d.heads * d.length; i++) { /* one head of one token, in memory order */
        int64_t batch = i / (d.heads * d.length), t = packed ? i / d.heads % d.length : i % d.length;
        int64_t position =
            offset ? input_i64_at(c, 1, 0, 0) + t : input_i64_at(c, 1, batch * d.length + t, 0);
        if (position < 0 || position >= rows)
            return op_fail(c, ACCEL_BAD_GRAPH, "position %lld is outside a cache of %lld",
                           (long long)position, (long long)rows);
        rotate_head(out + i * d.head, d.rotated, cosine + position * d.rotated / 2,
                    sine + position * d.rotated / 2, op_attr_int(c, "interleaved", 0) != 0);
    }
    return op_output_from_f64(c, 0, out);
}

static const op_def transformers_ops[] = {
    {MS, "MultiHeadAttention", 1, 10, 1, 4, 0, OPS_LIST(mha_attrs), mha_infer, attention_cost, mha_eval},
    {MS, "Attention", 2, 7, 1, 2, 0, OPS_LIST(ms_attention_attrs), ms_attention_infer, projected_cost,
     ms_attention_eval},
    {MS, "GroupQueryAttention", 1, 14, 1, 4, 0, OPS_LIST(gqa_attrs), gqa_infer, attention_cost, gqa_eval},
    {MS, "RotaryEmbedding", 4, 4, 1, 1, 0, OPS_LIST(rotary_attrs), rotary_infer, NULL, rotary_eval},
};
OPS_FAMILY(transformers, transformers_ops);
