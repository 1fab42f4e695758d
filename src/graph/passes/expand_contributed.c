/* Operators that ONNX Runtime's optimisers write, in ONNX's own: one spelling for engines to be fast at. In f32, where it makes no
 * difference that a sum on the way is rounded. What ONNX cannot say stays: statistics as outputs, lengths that only the run
 * knows. The operators are defined in graph/ops/fused.c and transformers.c. */
#include "graph/group_query.h"
#include "graph/passes.h"

#include <math.h>
#include <string.h>

#include "graph/passes/form.h"
#include "graph/passes/match.h"

static bool is_wanted(const editor *e, const graph_node *n, size_t output) {
    return output < n->output_count && n->outputs[output] != VALUE_NONE && e->uses[n->outputs[output]] > 0;
}

static int64_t dim_of(const graph *g, value_id v, int axis) {
    return shape_of(g, v)->dims[axis];
}

static value_id add(editor *e, value_id a, value_id b) {
    return a == VALUE_NONE ? b : b == VALUE_NONE ? a : FORM_VALUE(e, "Add", a, b);
}

static value_id cast(editor *e, value_id x, dtype to) {
    return form_value(e, false, "Cast", 1, &x, 1, &BUILD_INT("to", (int64_t)to));
}

static value_id reshape(editor *e, value_id x, size_t rank, const int64_t *dims) {
    return FORM_VALUE(e, "Reshape", x, build_i64s(&e->b, rank, dims));
}

static value_id swap_heads(editor *e, value_id x) {
    return form_value(e, false, "Transpose", 1, &x, 1, &BUILD_INTS("perm", 4, ((int64_t[]){0, 2, 1, 3})));
}

/* [batch, length, heads·size] to [batch, heads, length, size]. */
static value_id split_heads(editor *e, value_id x, int64_t heads) {
    const shape s = *shape_of(e->g, x);
    return swap_heads(e, reshape(e, x, 4, (int64_t[]){s.dims[0], s.dims[1], heads, s.dims[2] / heads}));
}

static value_id slice(editor *e, value_id x, int64_t axis, int64_t begin, int64_t end) {
    builder *b = &e->b;
    return FORM_VALUE(e, "Slice", x, build_i64s(b, 1, &begin), build_i64s(b, 1, &end),
                      build_i64s(b, 1, &axis));
}

/* 0, 1, 2… as [1, count]. */
static value_id counting(editor *e, int64_t count) {
    builder *b = &e->b;
    value_id all = FORM_VALUE(e, "Range", build_i64(b, 0), build_i64(b, count), build_i64(b, 1));
    return FORM_VALUE(e, "Unsqueeze", all, build_i64s(b, 1, &(int64_t){0}));
}

/* ---- activations ---------------------------------------------------------------------------------------------------- */

static void expand_gelu(editor *e, graph_node *n) {
    value_id x = add(e, n->inputs[0], input_or_none(n, 1)), y = n->outputs[0];
    bool by_tanh = strcmp(n->op_type, "FastGelu") == 0;
    retire(n);
    form_into(e, false, "Gelu", 1, &x, 1, &BUILD_STRING("approximate", by_tanh ? "tanh" : "none"), y);
}

static void expand_quick_gelu(editor *e, graph_node *n) {
    value_id x = n->inputs[0], y = n->outputs[0];
    double alpha = node_attr_float(n, "alpha", 1.702);
    retire(n);
    form_into(e, false, "Swish", 1, &x, 1, &BUILD_FLOAT("alpha", alpha), y);
}

/* ---- products --------------------------------------------------------------------------------------------------------- */

static value_id turned(editor *e, value_id x, bool turn) {
    int rank = shape_of(e->g, x)->rank;
    int64_t perm[TENSOR_MAX_RANK];
    if (!turn || rank < 2) {
        return x;
    }
    for (int i = 0; i < rank; i++) {
        perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    }
    return form_value(e, false, "Transpose", 1, &x, 1, &BUILD_INTS("perm", (size_t)rank, perm));
}

static void expand_matmul(editor *e, graph_node *n) {
    double alpha = node_attr_float(n, "alpha", 1);
    value_id y = n->outputs[0], a = turned(e, n->inputs[0], node_attr_int(n, "transA", 0) != 0),
             b = turned(e, n->inputs[1], node_attr_int(n, "transB", 0) != 0);
    retire(n);
    if (alpha == 1) {
        FORM_INTO(e, y, "MatMul", a, b);
    } else {
        FORM_INTO(e, y, "Mul", FORM_VALUE(e, "MatMul", a, b), build_f32(&e->b, (float)alpha));
    }
}

static void write_activation(editor *e, const char *name, const graph_attr *p, value_id x, value_id y) {
    double first = p != NULL && p->count > 0 ? p->floats[0] : 0.01,
           second = p != NULL && p->count > 1 ? p->floats[1] : 0;
    build_attr attrs[2] = {BUILD_FLOAT("alpha", first), BUILD_FLOAT("beta", second)};
    if (strcmp(name, "Clip") == 0) {
        FORM_INTO(e, y, "Clip", x, build_f32(&e->b, (float)first), build_f32(&e->b, (float)second));
        return;
    }
    size_t count = strcmp(name, "LeakyRelu") == 0 ? 1 : strcmp(name, "HardSigmoid") == 0 ? 2 : 0;
    form_into(e, false, name[0] != '\0' ? name : "Identity", 1, &x, count, attrs, y);
}

static void expand_conv(editor *e, graph_node *n) {
    static const char *const kept[] = {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"};
    build_attr attrs[sizeof kept / sizeof kept[0]];
    size_t count = 0;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const graph_attr *a = node_attr(n, kept[i]);
        if (a != NULL) {
            attrs[count++] = (build_attr){
                .name = a->name, .kind = a->kind, .i = a->i, .s = a->s, .ints = a->ints, .count = a->count};
        }
    }
    value_id y = n->outputs[0], addend = input_or_none(n, 3);
    const char *activation = node_attr_string(n, "activation", "");
    const graph_attr *parameters = node_attr(n, "activation_params");
    value_id conv =
        form_value(e, false, "Conv", n->input_count < 3 ? n->input_count : 3, n->inputs, count, attrs);
    retire(n);
    write_activation(e, activation, parameters, add(e, conv, addend), y);
}

/* ---- normalisation ------------------------------------------------------------------------------------------------------ */

static void expand_simplified_norm(editor *e, graph_node *n) {
    value_id y = n->outputs[0], inputs[2] = {n->inputs[0], n->inputs[1]};
    build_attr attrs[2] = {BUILD_INT("axis", node_attr_int(n, "axis", -1)),
                           BUILD_FLOAT("epsilon", node_attr_float(n, "epsilon", 1e-5))};
    if (!is_wanted(e, n, 1)) {
        retire(n);
        form_into(e, false, "RMSNormalization", 2, inputs, 2, attrs, y);
    }
}

/* Input, skip and bias; the bias goes to the product where one of them is, whose step it joins. */
static value_id skip_sum(editor *e, value_id x, value_id skip, value_id bias) {
    bool swap = made_by(e->g, x, "MatMul") == NULL && made_by(e->g, skip, "MatMul") != NULL;
    return swap ? add(e, add(e, skip, bias), x) : add(e, add(e, x, bias), skip);
}

static void expand_skip_norm(editor *e, graph_node *n) {
    bool centred = strcmp(n->op_type, "SkipLayerNormalization") == 0;
    value_id y = n->outputs[0], sum = n->output_count > 3 ? n->outputs[3] : VALUE_NONE;
    value_id beta = centred ? input_or_none(n, 3) : VALUE_NONE, bias = input_or_none(n, centred ? 4 : 3);
    build_attr attrs[2] = {BUILD_INT("axis", -1),
                           BUILD_FLOAT("epsilon", node_attr_float(n, "epsilon", 1e-12))};
    if (is_wanted(e, n, 1) || is_wanted(e, n, 2)) {
        return;
    }
    value_id x = skip_sum(e, n->inputs[0], n->inputs[1], bias);
    value_id inputs[3] = {x, n->inputs[2], beta};
    retire(n);
    if (sum != VALUE_NONE) {
        FORM_INTO(e, sum, "Identity", x);
    }
    form_into(e, false, centred ? "LayerNormalization" : "RMSNormalization", centred ? 3 : 2, inputs, 2,
              attrs, y);
}

enum { IDS, SEGMENTS, WORDS, POSITIONS, SEGMENT_TABLE, GAMMA, BETA, PADDING, POSITION_IDS };

static value_id rows_of(editor *e, value_id table, value_id ids) {
    return form_value(e, false, "Gather", 2, (value_id[]){table, ids}, 1, &BUILD_INT("axis", 0));
}

/* Tokens that the mask keeps, of each sequence. */
static void count_kept(editor *e, value_id mask, value_id counts) {
    value_id kept = FORM_VALUE(e, "Equal", mask, cast(e, build_i64(&e->b, 1), DTYPE_I32));
    value_id inputs[2] = {cast(e, kept, DTYPE_I32), build_i64s(&e->b, 1, &(int64_t){1})};
    form_into(e, false, "ReduceSum", 2, inputs, 1, &BUILD_INT("keepdims", 0), counts);
}

static void expand_embedding(editor *e, graph_node *n) {
    value_id mask = input_or_none(n, PADDING), y = n->outputs[0], ids = input_or_none(n, POSITION_IDS);
    if (!has_static_shape(e->g, y) || (is_wanted(e, n, 1) && mask == VALUE_NONE)) {
        return;
    }
    value_id x = rows_of(e, n->inputs[WORDS], n->inputs[IDS]);
    x = add(e, x,
            rows_of(e, n->inputs[POSITIONS], ids != VALUE_NONE ? ids : counting(e, dim_of(e->g, y, 1))));
    if (n->inputs[SEGMENTS] != VALUE_NONE) {
        x = add(e, x, rows_of(e, n->inputs[SEGMENT_TABLE], n->inputs[SEGMENTS]));
    }
    value_id counts = is_wanted(e, n, 1) ? n->outputs[1] : VALUE_NONE,
             sum = is_wanted(e, n, 2) ? n->outputs[2] : VALUE_NONE,
             inputs[3] = {x, n->inputs[GAMMA], n->inputs[BETA]};
    build_attr attrs[2] = {BUILD_INT("axis", -1),
                           BUILD_FLOAT("epsilon", node_attr_float(n, "epsilon", 1e-12))};
    retire(n);
    if (counts != VALUE_NONE) {
        count_kept(e, mask, counts);
    }
    if (sum != VALUE_NONE) {
        FORM_INTO(e, sum, "Identity", x);
    }
    form_into(e, false, "LayerNormalization", 3, inputs, 2, attrs, y);
}

/* ---- attention ------------------------------------------------------------------------------------------------------------ */

/* Keys inside [start, end) of each sequence, as a bool of [batch, keys]. VALUE_NONE start: 0. */
static value_id inside(editor *e, value_id start, value_id end, int64_t batch, int64_t keys) {
    value_id place = counting(e, keys);
    value_id open =
        FORM_VALUE(e, "Less", place, reshape(e, cast(e, end, DTYPE_I64), 2, (int64_t[]){batch, 1}));
    if (start == VALUE_NONE) {
        return open;
    }
    value_id from = reshape(e, cast(e, start, DTYPE_I64), 2, (int64_t[]){batch, 1});
    return FORM_VALUE(e, "And", open, FORM_VALUE(e, "GreaterOrEqual", place, from));
}

/* What a padding mask adds to scores: 0 or the filter value, as [batch, 1, queries or 1, keys]. */
static value_id padding_bias(editor *e, const graph_node *n, value_id mask, int64_t batch, int64_t keys) {
    if (mask == VALUE_NONE) {
        return VALUE_NONE;
    }
    const shape s = *shape_of(e->g, mask);
    value_id open;
    if (s.rank > 1) {
        open = cast(e, mask, DTYPE_BOOL);
    } else if (s.dims[0] == 2 * batch) {
        open = inside(e, slice(e, mask, 0, batch, 2 * batch), slice(e, mask, 0, 0, batch), batch, keys);
    } else {
        open = inside(e, VALUE_NONE, s.dims[0] == batch ? mask : slice(e, mask, 0, 0, batch), batch, keys);
    }
    float filter = (float)node_attr_float(n, "mask_filter_value", -10000);
    value_id bias = FORM_VALUE(e, "Where", open, build_f32(&e->b, 0), build_f32(&e->b, filter));
    static const int64_t axes[2] = {1, 2};
    return FORM_VALUE(e, "Unsqueeze", bias, build_i64s(&e->b, s.rank == 3 ? 1 : 2, axes));
}

typedef struct attend {
    value_id inputs[7];
    int64_t q_heads, kv_heads; /* 0: the operands are [batch, heads, length, size] */
    double scale, softcap;     /* scale 0: the default */
    bool causal;
    int64_t left_window; /* -1: none */
    value_id outputs[3]; /* y, present key and value; VALUE_NONE: a fresh one */
    bool key, value;     /* the presents are wanted */
} attend;

static void write_attention(editor *e, attend *a) {
    build_attr attrs[6];
    size_t count = 0;
    if (a->scale != 0) {
        attrs[count++] = BUILD_FLOAT("scale", a->scale);
    }
    if (a->softcap > 0) {
        attrs[count++] = BUILD_FLOAT("softcap", a->softcap);
    }
    if (a->causal) {
        attrs[count++] = BUILD_INT("is_causal", 1);
    }
    if (a->left_window >= 0) {
        attrs[count++] = BUILD_INT("left_window_size", a->left_window);
    }
    if (a->q_heads > 0) {
        attrs[count++] = BUILD_INT("q_num_heads", a->q_heads);
        attrs[count++] = BUILD_INT("kv_num_heads", a->kv_heads);
    }
    build_any(&e->b, &(build_node){.domain = "",
                                   .op_type = "Attention",
                                   .input_count = 7,
                                   .inputs = a->inputs,
                                   .attr_count = count,
                                   .attrs = attrs,
                                   .output_count = a->key || a->value ? 3 : 1,
                                   .outputs = a->outputs,
                                   .omit = (a->key ? 0u : 2u) | (a->value ? 0u : 4u)});
}

static attend new_attention(const graph_node *n) {
    attend a = {.scale = node_attr_float(n, "scale", 0),
                .causal = node_attr_int(n, "unidirectional", 0) != 0,
                .left_window = -1,
                .outputs = {VALUE_NONE, VALUE_NONE, VALUE_NONE}};
    for (size_t i = 0; i < 7; i++) {
        a.inputs[i] = VALUE_NONE;
    }
    return a;
}

enum { A_INPUT, A_WEIGHTS, A_BIAS, A_MASK, A_PAST, A_SCORE_BIAS };

static value_id half_of(editor *e, value_id pair, int64_t which) {
    return pair == VALUE_NONE ? pair
                              : form_value(e, false, "Gather", 2, (value_id[]){pair, build_i64(&e->b, which)},
                                           1, &BUILD_INT("axis", 0));
}

static void join_halves(editor *e, value_id key, value_id value, value_id pair) {
    value_id axis = build_i64s(&e->b, 1, &(int64_t){0});
    value_id both[2] = {FORM_VALUE(e, "Unsqueeze", key, axis), FORM_VALUE(e, "Unsqueeze", value, axis)};
    form_into(e, false, "Concat", 2, both, 1, &BUILD_INT("axis", 0), pair);
}

/* One product for query, key and value, whose columns the attention reads apart. */
static void project(editor *e, const graph_node *n, int64_t heads, attend *a) {
    const graph_attr *sizes = node_attr(n, "qkv_hidden_sizes");
    int64_t third = dim_of(e->g, n->inputs[A_WEIGHTS], 1) / 3;
    int64_t equal[3] = {third, third, third};
    value_id all = FORM_VALUE(e, "MatMul", n->inputs[A_INPUT], n->inputs[A_WEIGHTS]);
    value_id inputs[2] = {add(e, all, input_or_none(n, A_BIAS)),
                          build_i64s(&e->b, 3, sizes != NULL ? sizes->ints : equal)};
    for (int i = 0; i < 3; i++) {
        a->inputs[i] = VALUE_NONE;
    }
    build_any(&e->b, &(build_node){.domain = "",
                                   .op_type = "Split",
                                   .input_count = 2,
                                   .inputs = inputs,
                                   .attr_count = 1,
                                   .attrs = &BUILD_INT("axis", -1),
                                   .output_count = 3,
                                   .outputs = a->inputs});
    a->q_heads = a->kv_heads = heads;
}

static void expand_attention(editor *e, graph_node *n) {
    const graph *g = e->g;
    value_id mask = input_or_none(n, A_MASK), past = input_or_none(n, A_PAST), y = n->outputs[0];
    int64_t heads = node_attr_int(n, "num_heads", 0);
    if (!has_static_shape(g, n->inputs[A_INPUT]) || !has_static_shape(g, n->inputs[A_WEIGHTS]) ||
        (mask != VALUE_NONE && !has_static_shape(g, mask)) ||
        (past != VALUE_NONE && !has_static_shape(g, past))) {
        return;
    }
    int64_t batch = dim_of(g, n->inputs[A_INPUT], 0), length = dim_of(g, n->inputs[A_INPUT], 1);
    int64_t keys = length + (past != VALUE_NONE ? dim_of(g, past, 3) : 0);
    value_id present = is_wanted(e, n, 1) ? n->outputs[1] : VALUE_NONE;
    attend a = new_attention(n);
    project(e, n, heads, &a);
    a.inputs[3] = add(e, padding_bias(e, n, mask, batch, keys), input_or_none(n, A_SCORE_BIAS));
    a.inputs[4] = half_of(e, past, 0);
    a.inputs[5] = half_of(e, past, 1);
    retire(n);
    a.outputs[0] = y;
    a.key = a.value = present != VALUE_NONE;
    write_attention(e, &a);
    if (present != VALUE_NONE) {
        join_halves(e, a.outputs[1], a.outputs[2], present);
    }
}

enum { M_QUERY, M_KEY, M_VALUE, M_BIAS, M_MASK, M_SCORE_BIAS, M_PAST_KEY, M_PAST_VALUE };

/* A part of the bias of query, key and value together. */
static value_id biased(editor *e, value_id x, value_id bias, int64_t *from) {
    int64_t width = dim_of(e->g, x, 2), begin = *from;
    *from += width;
    return bias == VALUE_NONE ? x : add(e, x, slice(e, bias, 0, begin, begin + width));
}

static void join_heads(editor *e, value_id split, const shape *s, value_id y) {
    FORM_INTO(e, y, "Reshape", swap_heads(e, split), build_i64s(&e->b, (size_t)s->rank, s->dims));
}

static void expand_multi_head(editor *e, graph_node *n) {
    const graph *g = e->g;
    value_id key = input_or_none(n, M_KEY), value = input_or_none(n, M_VALUE),
             mask = input_or_none(n, M_MASK), past = input_or_none(n, M_PAST_KEY), y = n->outputs[0],
             bias = input_or_none(n, M_BIAS);
    const shape to = *shape_of(g, y);
    if (!has_static_shape(g, y) || !has_static_shape(g, key) || !has_static_shape(g, value) ||
        is_wanted(e, n, 3) || (mask != VALUE_NONE && !has_static_shape(g, mask)) ||
        (past != VALUE_NONE && !has_static_shape(g, past))) {
        return;
    }
    bool cross = shape_of(g, key)->rank == 4; /* the reference adds the bias to the query alone: left to it */
    int64_t heads = node_attr_int(n, "num_heads", 0), at = 0,
            keys = dim_of(g, key, cross ? 2 : 1) + (past != VALUE_NONE ? dim_of(g, past, 2) : 0);
    if (cross && bias != VALUE_NONE) {
        return;
    }
    attend a = new_attention(n);
    a.inputs[0] =
        cross ? split_heads(e, n->inputs[M_QUERY], heads) : biased(e, n->inputs[M_QUERY], bias, &at);
    a.inputs[1] = cross ? key : biased(e, key, bias, &at);
    a.inputs[2] = cross ? value : biased(e, value, bias, &at);
    a.inputs[3] = add(e, padding_bias(e, n, mask, to.dims[0], keys), input_or_none(n, M_SCORE_BIAS));
    a.inputs[4] = past;
    a.inputs[5] = input_or_none(n, M_PAST_VALUE);
    a.q_heads = a.kv_heads = cross ? 0 : heads;
    a.outputs[0] = cross ? VALUE_NONE : y;
    a.key = is_wanted(e, n, 1);
    a.value = is_wanted(e, n, 2);
    a.outputs[1] = a.key ? n->outputs[1] : VALUE_NONE;
    a.outputs[2] = a.value ? n->outputs[2] : VALUE_NONE;
    retire(n);
    write_attention(e, &a);
    if (cross) {
        join_heads(e, a.outputs[0], &to, y);
    }
}

/* ---- GroupQueryAttention ---------------------------------------------------------------------------------------------------- */

typedef struct group_query {
    const graph_node *n;
    int64_t batch, length, q_heads, kv_heads, size, past, total;
    bool first;     /* nothing is cached yet */
    value_id start; /* [batch] i64: tokens before these, of each sequence */
} group_query;

static bool read_group_query(const editor *e, const graph_node *n, group_query *q) {
    const graph *g = e->g;
    double total;
    value_id key = input_or_none(n, G_KEY), past = input_or_none(n, G_PAST_KEY);
    *q = (group_query){
        .n = n, .q_heads = node_attr_int(n, "num_heads", 0), .kv_heads = node_attr_int(n, "kv_num_heads", 0)};
    if (!has_static_shape(g, n->inputs[G_QUERY]) || !scalar_constant(g, n->inputs[G_TOTAL], &total) ||
        (past != VALUE_NONE && !has_static_shape(g, past)) ||
        node_attr_int(n, "local_window_size", -1) == 0 || is_wanted(e, n, 3)) {
        return false;
    }
    const shape *s = shape_of(g, n->inputs[G_QUERY]);
    q->batch = s->dims[0];
    q->length = s->dims[1];
    q->size = s->dims[2] / (q->q_heads + (key == VALUE_NONE ? 2 * q->kv_heads : 0));
    q->total = (int64_t)total;
    q->past = past != VALUE_NONE ? dim_of(g, past, 2) : 0;
    q->first = q->total == q->length;
    return true;
}

/* The cosines and sines are those of the tokens' places. */
static value_id rotated(editor *e, const group_query *q, value_id x) {
    const graph_node *n = q->n;
    if (node_attr_int(n, "do_rotary", 0) == 0) {
        return x;
    }
    value_id places = input_or_none(n, G_POSITIONS);
    if (places != VALUE_NONE) {
        places = reshape(e, places, 2, (int64_t[]){q->batch, q->length});
    } else {
        value_id from = reshape(e, q->start, 2, (int64_t[]){q->batch, 1});
        places = FORM_VALUE(e, "Add", from, counting(e, q->length));
    }
    int64_t turned_size = 2 * dim_of(e->g, n->inputs[G_COSINE], 1);
    build_attr attrs[2] = {BUILD_INT("interleaved", node_attr_int(n, "rotary_interleaved", 0)),
                           BUILD_INT("rotary_embedding_dim", turned_size)};
    return form_value(e, false, "RotaryEmbedding", 4,
                      (value_id[]){x, n->inputs[G_COSINE], n->inputs[G_SINE], places}, 2, attrs);
}

/* The cache with the new tokens behind each sequence's past; `present` is the operator's own output, or VALUE_NONE. */
static value_id cached(editor *e, const group_query *q, size_t past_input, value_id fresh, value_id present) {
    int64_t room = q->total > q->past ? q->total : q->past;
    bool alone = q->first && room == q->length;
    value_id past = q->past > 0 ? input_or_none(q->n, past_input) : VALUE_NONE;
    if (room > q->past && !alone) {
        value_id none =
            FORM_VALUE(e, "Expand", build_f32(&e->b, 0),
                       build_i64s(&e->b, 4, (int64_t[]){q->batch, q->kv_heads, room - q->past, q->size}));
        past = past == VALUE_NONE
                   ? none
                   : form_value(e, false, "Concat", 2, (value_id[]){past, none}, 1, &BUILD_INT("axis", 2));
    }
    value_id inputs[3] = {alone ? fresh : past, fresh, q->start};
    const char *op = alone ? "Identity" : "TensorScatter";
    if (present == VALUE_NONE) {
        return form_value(e, false, op, alone ? 1 : 3, inputs, 0, NULL);
    }
    form_into(e, false, op, alone ? 1 : 3, inputs, 0, NULL, present);
    return present;
}

/* Query, key or value, apart and as heads. */
static value_id group_heads(editor *e, const group_query *q, int which) {
    const graph_node *n = q->n;
    int64_t count = which == 0 ? q->q_heads : q->kv_heads;
    value_id x = input_or_none(n, (size_t)which);
    if (input_or_none(n, G_KEY) == VALUE_NONE) {
        int64_t before = which == 0 ? 0 : q->q_heads + (which - 1) * q->kv_heads;
        x = slice(e, n->inputs[G_QUERY], 2, before * q->size, (before + count) * q->size);
    }
    return swap_heads(e, reshape(e, x, 4, (int64_t[]){q->batch, q->length, count, q->size}));
}

static value_id lengths_as_i64(editor *e, value_id lengths, int64_t batch, int64_t more) {
    value_id flat = reshape(e, cast(e, lengths, DTYPE_I64), 1, &batch);
    return FORM_VALUE(e, "Add", flat, build_i64(&e->b, more));
}

static void expand_group_query(editor *e, graph_node *n) {
    group_query q;
    if (!read_group_query(e, n, &q)) {
        return;
    }
    value_id y = n->outputs[0], lengths = n->inputs[G_LENGTHS];
    const shape to = *shape_of(e->g, y);
    q.start = q.first ? FORM_VALUE(e, "Expand", build_i64(&e->b, 0), build_i64s(&e->b, 1, &q.batch))
                      : lengths_as_i64(e, lengths, q.batch, 1 - q.length);
    attend a = new_attention(n);
    a.causal = true;
    a.softcap = node_attr_float(n, "softcap", 0);
    a.left_window = node_attr_int(n, "local_window_size", -1) - 1;
    a.inputs[0] = rotated(e, &q, group_heads(e, &q, 0));
    a.inputs[1] = cached(e, &q, G_PAST_KEY, rotated(e, &q, group_heads(e, &q, 1)),
                         is_wanted(e, n, 1) ? n->outputs[1] : VALUE_NONE);
    a.inputs[2] =
        cached(e, &q, G_PAST_VALUE, group_heads(e, &q, 2), is_wanted(e, n, 2) ? n->outputs[2] : VALUE_NONE);
    a.inputs[3] = input_or_none(n, G_SCORE_BIAS);
    a.inputs[6] = q.first ? VALUE_NONE : lengths_as_i64(e, lengths, q.batch, 1);
    retire(n);
    write_attention(e, &a);
    join_heads(e, a.outputs[0], &to, y);
}

/* ---- RotaryEmbedding -------------------------------------------------------------------------------------------------------- */

/* Positions of all tokens from one offset. */
static value_id places_from(editor *e, value_id offset, int64_t batch, int64_t length) {
    value_id one = reshape(e, offset, 2, (int64_t[]){1, 1});
    return FORM_VALUE(e, "Expand", FORM_VALUE(e, "Add", one, counting(e, length)),
                      build_i64s(&e->b, 2, (int64_t[]){batch, length}));
}

static void expand_rotary(editor *e, graph_node *n) {
    const graph *g = e->g;
    value_id x = n->inputs[0], places = n->inputs[1], y = n->outputs[0];
    if (!has_static_shape(g, x) || !has_static_shape(g, places) || !has_static_shape(g, n->inputs[2])) {
        return;
    }
    const shape s = *shape_of(g, x), p = *shape_of(g, places);
    int64_t turned_size = 2 * dim_of(g, n->inputs[2], 1), heads = node_attr_int(n, "num_heads", 0), length;
    length = s.dims[s.rank == 4 ? 2 : 1];
    bool known = heads > 0 && node_attr_int(n, "rotary_embedding_dim", 0) > 0;
    if ((p.rank == 1 && p.dims[0] != 1) || (p.rank == 2 && (p.dims[0] != s.dims[0] || p.dims[1] != length)) ||
        turned_size == 0) {
        return;
    }
    build_attr attrs[3] = {BUILD_INT("interleaved", node_attr_int(n, "interleaved", 0)),
                           BUILD_INT("rotary_embedding_dim", turned_size),
                           BUILD_INT("num_heads", s.rank == 4 ? 0
                                                  : known     ? heads
                                                              : s.dims[2] / turned_size)};
    value_id inputs[4] = {x, n->inputs[2], n->inputs[3],
                          p.rank == 1 ? places_from(e, places, s.dims[0], length) : places};
    retire(n);
    form_into(e, false, "RotaryEmbedding", 4, inputs, s.rank == 4 ? 2 : 3, attrs, y);
}

/* ---- the pass ------------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *domain, *op_type;
    void (*expand)(editor *e, graph_node *n);
} expansions[] = {
    {"com.microsoft", "Gelu", expand_gelu},
    {"com.microsoft", "BiasGelu", expand_gelu},
    {"com.microsoft", "FastGelu", expand_gelu},
    {"com.microsoft", "QuickGelu", expand_quick_gelu},
    {"com.microsoft", "FusedMatMul", expand_matmul},
    {"com.microsoft", "FusedConv", expand_conv},
    {"", "SimplifiedLayerNormalization", expand_simplified_norm},
    {"com.microsoft", "SkipLayerNormalization", expand_skip_norm},
    {"com.microsoft", "SkipSimplifiedLayerNormalization", expand_skip_norm},
    {"com.microsoft", "EmbedLayerNormalization", expand_embedding},
    {"com.microsoft", "Attention", expand_attention},
    {"com.microsoft", "MultiHeadAttention", expand_multi_head},
    {"com.microsoft", "GroupQueryAttention", expand_group_query},
    {"com.microsoft", "RotaryEmbedding", expand_rotary},
};

static accel_status expand(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    for (size_t i = 0; i < sizeof expansions / sizeof expansions[0] && !n->dead; i++) {
        if (strcmp(n->op_type, expansions[i].op_type) == 0 && strcmp(n->domain, expansions[i].domain) == 0 &&
            e->g->values[n->outputs[0]].type.type == DTYPE_F32) {
            expansions[i].expand(e, n);
            return ACCEL_OK;
        }
    }
    return ACCEL_OK;
}

accel_status pass_expand_contributed(graph *g, accel_error *err) {
    static const rewrite_rule rules[] = {expand};
    return rewrite_nodes(g, rules, sizeof rules / sizeof rules[0], err);
}
