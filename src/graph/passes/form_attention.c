/* Attention, as ONNX has it since opset 23, in the forms of its time and before. */
#include <math.h>
#include <string.h>

#include "graph/passes/form.h"

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, NONPAD };

/* Adds to scores in place of -inf: exp(x - max) is 0 all the same, and a row that is masked everywhere gives an average, not NaN. */
static double closed_for(dtype t) {
    return t == DTYPE_F16 ? -65504.0
                          : -3.3895313892515355e38; /* bfloat16's lowest: no other type overflows either */
}

typedef struct attention {
    value_id in[7];
    value_id y, present_key, present_value;
    bool packed; /* [B,S,heads*size]; else [B,heads,S,size] */
    int64_t q_heads, kv_heads, q_size, v_size;
    double scale, softcap;
    bool causal;
} attention;

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static bool sees_everything(const graph_node *n) {
    return node_attr_int(n, "left_window_size", -1) < 0 && node_attr_int(n, "right_window_size", -1) < 0;
}

static bool read_heads(const graph *g, const graph_node *n, attention *a) {
    const shape *q = shape_of(g, a->in[Q]), *k = shape_of(g, a->in[K]), *v = shape_of(g, a->in[V]);
    if (q->rank != k->rank || q->rank != v->rank || (q->rank != 3 && q->rank != 4)) {
        return false;
    }
    a->packed = q->rank == 3;
    a->q_heads = a->packed ? node_attr_int(n, "q_num_heads", 0) : q->dims[1];
    a->kv_heads = a->packed ? node_attr_int(n, "kv_num_heads", 0) : k->dims[1];
    int last = q->rank - 1;
    if (a->q_heads < 1 || a->kv_heads < 1 || a->q_heads % a->kv_heads != 0 || q->dims[last] < 1 ||
        v->dims[last] < 1) {
        return false;
    }
    a->q_size = a->packed ? q->dims[last] / a->q_heads : q->dims[last];
    a->v_size = a->packed ? v->dims[last] / a->kv_heads : v->dims[last];
    return a->q_size > 0 && a->v_size > 0;
}

/* False for what these forms do not have: windows, scores as an output, padding by lengths. */
static bool read_attention(const editor *e, const graph_node *n, attention *a) {
    *a = (attention){.y = n->outputs[0], .causal = node_attr_int(n, "is_causal", 0) != 0};
    for (size_t k = 0; k < 7; k++) {
        a->in[k] = input_or_none(n, k);
    }
    for (size_t k = 1; k < n->output_count; k++) {
        bool wanted = n->outputs[k] != VALUE_NONE && e->uses[n->outputs[k]] > 0;
        if (wanted && k == 3) {
            return false;
        }
        *(k == 1 ? &a->present_key : &a->present_value) = wanted ? n->outputs[k] : VALUE_NONE;
    }
    a->present_key = n->output_count > 1 ? a->present_key : VALUE_NONE;
    a->present_value = n->output_count > 2 ? a->present_value : VALUE_NONE;
    if (!sees_everything(n) || a->in[NONPAD] != VALUE_NONE || !read_heads(e->g, n, a)) {
        return false;
    }
    a->softcap = node_attr_float(n, "softcap", 0);
    a->scale = node_attr_float(n, "scale", 1 / sqrt((double)a->q_size));
    return true;
}

/* ---- masks ----------------------------------------------------------------------------------------------------------- */

/* The [batch, keys] integers or bools behind a mask of [batch,1,1,keys], seen through casts and reshapes. */
static value_id rows_behind(const graph *g, value_id v) {
    static const char *const through[] = {"Unsqueeze", "Reshape", "Cast", "Identity"};
    for (;;) {
        const shape *s = shape_of(g, v);
        dtype t = g->values[v].type.type;
        if (s->rank == 2 && (dtype_is_integer(t) || t == DTYPE_BOOL)) {
            return v;
        }
        graph_node *maker = NULL;
        for (size_t i = 0; i < sizeof through / sizeof through[0] && !maker; i++) {
            maker = made_by(g, v, through[i]);
        }
        if (!maker) {
            return VALUE_NONE;
        }
        v = maker->inputs[0];
    }
}

/* (1 - keep) · closed, or Where(keep, 0, closed): the two ways in which exporters write an additive mask. */
static value_id keep_of_additive(const graph *g, value_id v) {
    double number;
    graph_node *n = made_by(g, v, "Mul");
    if (n && scalar_constant(g, n->inputs[1], &number) && number < -9999) {
        graph_node *sub = made_by(g, n->inputs[0], "Sub");
        return sub && scalar_constant(g, sub->inputs[0], &number) && number == 1 ? sub->inputs[1]
                                                                                 : VALUE_NONE;
    }
    n = made_by(g, v, "Where");
    double open = 1;
    if (n && scalar_constant(g, n->inputs[1], &open) && open == 0 &&
        scalar_constant(g, n->inputs[2], &number) && number < -9999) {
        return n->inputs[0];
    }
    return VALUE_NONE;
}

/* One Cast for all layers. */
static value_id as_int32(editor *e, value_id v) {
    for (size_t i = 0; i < e->g->node_count; i++) {
        const graph_node *n = e->g->nodes[i];
        if (node_is(n, "Cast") && n->inputs[0] == v && node_attr_int(n, "to", 0) == DTYPE_I32) {
            return n->outputs[0];
        }
    }
    return form_value(e, false, "Cast", 1, &v, 1, &BUILD_INT("to", DTYPE_I32));
}

/* A mask that says only which keys are padding, as [batch, keys] int32; VALUE_NONE when it says more. */
static value_id key_padding(editor *e, value_id mask) {
    const graph *g = e->g;
    graph_node *expand = made_by(g, mask, "Expand");
    value_id keep = expand ? expand->inputs[0] : mask;
    if (g->values[keep].type.type != DTYPE_BOOL) {
        keep = keep_of_additive(g, keep);
    }
    if (keep == VALUE_NONE) {
        return VALUE_NONE;
    }
    const shape *s = shape_of(g, keep);
    if (s->rank != 4 || s->dims[1] != 1 || s->dims[2] != 1) {
        return VALUE_NONE;
    }
    value_id rows = rows_behind(g, keep);
    if (rows == VALUE_NONE || shape_of(g, rows)->dims[1] != s->dims[3]) {
        return VALUE_NONE;
    }
    return as_int32(e, rows);
}

static value_id additive(editor *e, value_id mask, value_id like) {
    if (mask == VALUE_NONE || e->g->values[mask].type.type != DTYPE_BOOL) {
        return mask;
    }
    return FORM_VALUE(e, "Where", mask, form_scalar(e, like, 0),
                      form_scalar(e, like, closed_for(e->g->values[like].type.type)));
}

/* The same for all heads and queries. */
static bool only_keys(const graph *g, value_id mask) {
    const shape *s = shape_of(g, mask);
    return s->rank == 1 || (s->rank == 4 && s->dims[1] == 1 && s->dims[2] == 1);
}

/* Contributed operators broadcast a bias over batch and heads, not over queries. */
static value_id attention_bias(editor *e, const attention *a) {
    const graph *g = e->g;
    const shape *m = shape_of(g, a->in[MASK]), *q = shape_of(g, a->in[Q]), *k = shape_of(g, a->in[K]);
    int64_t batch = q->dims[0], queries = q->dims[1], keys = k->dims[1];
    if (m->rank < 2 || m->rank > 4 || !shape_is_static(m) || queries < 0 || keys < 0 ||
        (m->rank == 4 && m->dims[0] != 1 && m->dims[0] != batch)) {
        return VALUE_NONE;
    }
    int64_t target[4] = {m->rank == 4 ? m->dims[0] : 1, m->rank >= 3 ? m->dims[m->rank - 3] : 1, queries,
                         keys};
    return FORM_VALUE(e, "Expand", additive(e, a->in[MASK], a->in[Q]), build_i64s(&e->b, 4, target));
}

/* ---- com.microsoft --------------------------------------------------------------------------------------------------- */

typedef struct linear {
    value_id x, weight,
        bias; /* weight [in,out], maybe by a Transpose of an initializer; bias VALUE_NONE when absent */
    int64_t width;
} linear;

static bool is_weight(const graph *g, value_id v) {
    graph_node *turned = made_by(g, v, "Transpose");
    return is_initializer(g, v) || (turned && is_initializer(g, turned->inputs[0]));
}

static bool read_linear(const editor *e, value_id v, linear *out) {
    const graph *g = e->g;
    *out = (linear){.bias = VALUE_NONE};
    graph_node *add = used_once(e, v) ? made_by(g, v, "Add") : NULL;
    for (size_t k = 0; add && k < 2; k++) {
        if (is_initializer(g, add->inputs[k]) && shape_of(g, add->inputs[k])->rank == 1) {
            out->bias = add->inputs[k];
            v = add->inputs[1 - k];
            break;
        }
    }
    graph_node *product = used_once(e, v) ? made_by(g, v, "MatMul") : NULL;
    if (!product || !is_weight(g, product->inputs[1]) || !has_static_shape(g, product->inputs[1]) ||
        shape_of(g, product->inputs[1])->rank != 2) {
        return false;
    }
    out->x = product->inputs[0];
    out->weight = product->inputs[1];
    out->width = shape_of(g, out->weight)->dims[1];
    bool bias_fits = out->bias == VALUE_NONE || shape_of(g, out->bias)->dims[0] == out->width;
    return shape_of(g, out->x)->rank == 3 && bias_fits;
}

/* Whether the contributed operators can say it: one head count, no cache, positions counted from the first key. */
static bool contributed_fits(const graph *g, const attention *a) {
    const shape *q = shape_of(g, a->in[Q]), *k = shape_of(g, a->in[K]);
    bool cached =
        a->in[PAST_KEY] != VALUE_NONE || a->present_key != VALUE_NONE || a->present_value != VALUE_NONE;
    return a->packed && !cached && a->softcap == 0 && a->q_heads == a->kv_heads &&
           (!a->causal || (q->dims[1] == k->dims[1] && q->dims[1] >= 0));
}

static bool read_self_attention(const editor *e, const attention *a, linear l[3]) {
    bool all = true;
    for (int i = 0; i < 3; i++) {
        all = all && read_linear(e, a->in[Q + i], &l[i]);
    }
    bool biases = all && ((l[0].bias == VALUE_NONE) == (l[1].bias == VALUE_NONE)) &&
                  ((l[0].bias == VALUE_NONE) == (l[2].bias == VALUE_NONE));
    return biases && l[0].x == l[1].x && l[0].x == l[2].x;
}

static void common_attrs(const attention *a, build_attr *attrs, size_t *count) {
    attrs[(*count)++] = BUILD_INT("num_heads", a->q_heads);
    attrs[(*count)++] = BUILD_FLOAT("scale", a->scale);
    if (a->causal) {
        attrs[(*count)++] = BUILD_INT("unidirectional", 1);
    }
}

/* The three linear layers of one input as one product [in, q+k+v] inside com.microsoft.Attention. The joined weights are constants:
 * folding makes them. */
static void write_self_attention(editor *e, graph_node *n, const attention *a, const linear l[3],
                                 value_id padding, value_id bias) {
    build_attr attrs[4], columns = BUILD_INT("axis", 1), whole = BUILD_INT("axis", 0);
    size_t attr_count = 0;
    common_attrs(a, attrs, &attr_count);
    int64_t widths[3] = {l[0].width, l[1].width, l[2].width};
    if (widths[0] != widths[2]) {
        attrs[attr_count++] = BUILD_INTS("qkv_hidden_sizes", 3, widths);
    }
    value_id weights =
        form_value(e, false, "Concat", 3, (value_id[]){l[0].weight, l[1].weight, l[2].weight}, 1, &columns);
    value_id biases = VALUE_NONE;
    if (l[0].bias != VALUE_NONE) {
        biases = form_value(e, false, "Concat", 3, (value_id[]){l[0].bias, l[1].bias, l[2].bias}, 1, &whole);
    }
    retire(n);
    form_into(e, true, "Attention", 6, (value_id[]){l[0].x, weights, biases, padding, VALUE_NONE, bias},
              attr_count, attrs, a->y);
}

accel_status form_attention_fused(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    attention a;
    if (!read_attention(e, n, &a) || !contributed_fits(e->g, &a)) {
        return ACCEL_OK;
    }
    value_id padding = VALUE_NONE, bias = VALUE_NONE;
    if (a.in[MASK] != VALUE_NONE) {
        padding = key_padding(e, a.in[MASK]);
        bias = padding == VALUE_NONE ? attention_bias(e, &a) : VALUE_NONE;
        if (padding == VALUE_NONE && bias == VALUE_NONE) {
            return ACCEL_OK;
        }
    }
    linear l[3];
    if (read_self_attention(e, &a, l)) {
        write_self_attention(e, n, &a, l, padding, bias);
        return ACCEL_OK;
    }
    build_attr attrs[3];
    size_t attr_count = 0;
    common_attrs(&a, attrs, &attr_count);
    retire(n);
    form_into(e, true, "MultiHeadAttention", 6,
              (value_id[]){a.in[Q], a.in[K], a.in[V], VALUE_NONE, padding, bias}, attr_count, attrs, a.y);
    return ACCEL_OK;
}

/* ---- taken apart -------------------------------------------------------------------------------------------------------- */

static value_id transpose(editor *e, value_id x, const int64_t perm[4]) {
    return form_value(e, false, "Transpose", 1, &x, 1, &BUILD_INTS("perm", 4, perm));
}

/* Behind a join of heads ([B,heads,S,size] to [B,S,heads*size]): what it joined; else VALUE_NONE. */
static value_id joined_heads(const graph *g, value_id x, int64_t heads) {
    static const int64_t swap[4] = {0, 2, 1, 3};
    graph_node *joined = made_by(g, x, "Reshape");
    graph_node *turned = joined ? made_by(g, joined->inputs[0], "Transpose") : NULL;
    const graph_attr *perm = turned ? node_attr(turned, "perm") : NULL;
    if (!perm || perm->count != 4 || memcmp(perm->ints, swap, sizeof swap) != 0 ||
        shape_of(g, turned->inputs[0])->dims[1] != heads) {
        return VALUE_NONE;
    }
    return turned->inputs[0];
}

/* [B,S,heads*size] to [B,heads,S,size]. */
static value_id split_heads(editor *e, const attention *a, value_id x, int64_t heads) {
    if (!a->packed) {
        return x;
    }
    value_id apart = joined_heads(e->g, x, heads);
    if (apart != VALUE_NONE) {
        return apart;
    }
    value_id split = FORM_VALUE(e, "Reshape", x, build_i64s(&e->b, 4, (int64_t[]){0, 0, heads, -1}));
    return transpose(e, split, (int64_t[]){0, 2, 1, 3});
}

static value_id with_past(editor *e, value_id past, value_id present, value_id x) {
    if (past != VALUE_NONE) {
        value_id joined[2] = {past, x};
        if (present != VALUE_NONE) {
            form_into(e, false, "Concat", 2, joined, 1, &BUILD_INT("axis", 2), present);
            return present;
        }
        return form_value(e, false, "Concat", 2, joined, 1, &BUILD_INT("axis", 2));
    }
    if (present != VALUE_NONE) {
        FORM_INTO(e, present, "Identity", x);
    }
    return x;
}

/* Each key and value head as often as there are query heads that share it. */
static value_id repeat_heads(editor *e, const attention *a, value_id x, int64_t size) {
    int64_t times = a->q_heads / a->kv_heads;
    if (times == 1) {
        return x;
    }
    value_id apart = FORM_VALUE(e, "Unsqueeze", x, build_i64s(&e->b, 1, (int64_t[]){2}));
    value_id copied = FORM_VALUE(e, "Expand", apart, build_i64s(&e->b, 5, (int64_t[]){1, 1, times, 1, 1}));
    return FORM_VALUE(e, "Reshape", copied, build_i64s(&e->b, 4, (int64_t[]){0, a->q_heads, -1, size}));
}

/* Query heads that share a key head stand one below the other: [B,kv heads,shared*S,·], so that no key is copied; and back. Both are
 * views of the same numbers. */
static value_id stack_shared(editor *e, const attention *a, value_id x) {
    return a->q_heads == a->kv_heads
               ? x
               : FORM_VALUE(e, "Reshape", x, build_i64s(&e->b, 4, (int64_t[]){0, a->kv_heads, -1, 0}));
}

static value_id unstack_shared(editor *e, const attention *a, value_id x) {
    return a->q_heads == a->kv_heads
               ? x
               : FORM_VALUE(e, "Reshape", x, build_i64s(&e->b, 4, (int64_t[]){0, a->q_heads, -1, 0}));
}

/* Lower triangle, shifted by the keys that stand before the first query: constant for constant lengths. */
static value_id causal_bias(editor *e, const attention *a) {
    const graph *g = e->g;
    int length_axis = a->packed ? 1 : 2;
    int64_t queries = shape_of(g, a->in[Q])->dims[length_axis],
            keys = shape_of(g, a->in[K])->dims[length_axis];
    int64_t past = a->in[PAST_KEY] == VALUE_NONE ? 0 : shape_of(g, a->in[PAST_KEY])->dims[2];
    if (queries < 0 || keys < 0 || past < 0) {
        return VALUE_NONE;
    }
    build_attr down = BUILD_INT("upper", 1);
    value_id shut = form_scalar(e, a->in[Q], closed_for(g->values[a->in[Q]].type.type));
    value_id all = FORM_VALUE(e, "Expand", shut, build_i64s(&e->b, 2, (int64_t[]){queries, past + keys}));
    return form_value(e, false, "Trilu", 2, (value_id[]){all, build_i64(&e->b, past + 1)}, 1, &down);
}

static accel_status split(editor *e, graph_node *n, bool repeat, accel_error *err) {
    attention a;
    if (!read_attention(e, n, &a)) {
        return form_refuse(e, n, "windows, padding by lengths, scores as an output, or unknown head sizes",
                           err);
    }
    value_id causal = a.causal ? causal_bias(e, &a) : VALUE_NONE;
    if (a.causal && causal == VALUE_NONE && e->b.error.status == ACCEL_OK) {
        return form_refuse(e, n, "a causal mask needs lengths that are known; give input shapes", err);
    }
    retire(n);
    value_id q = split_heads(e, &a, a.in[Q], a.q_heads);
    value_id k = with_past(e, a.in[PAST_KEY], a.present_key, split_heads(e, &a, a.in[K], a.kv_heads));
    value_id v = with_past(e, a.in[PAST_VALUE], a.present_value, split_heads(e, &a, a.in[V], a.kv_heads));
    if (repeat) {
        k = repeat_heads(e, &a, k, a.q_size);
        v = repeat_heads(e, &a, v, a.v_size);
        a.kv_heads = a.q_heads;
    }
    value_id k_turned = transpose(e, k, (int64_t[]){0, 1, 3, 2});
    value_id scores = FORM_VALUE(e, "Mul", FORM_VALUE(e, "MatMul", stack_shared(e, &a, q), k_turned),
                                 form_scalar(e, a.in[Q], a.scale));
    if (a.softcap > 0) {
        value_id cap = form_scalar(e, a.in[Q], a.softcap);
        scores = FORM_VALUE(e, "Mul", FORM_VALUE(e, "Tanh", FORM_VALUE(e, "Div", scores, cap)), cap);
    }
    bool by_query = causal != VALUE_NONE || (a.in[MASK] != VALUE_NONE && !only_keys(e->g, a.in[MASK]));
    scores = by_query ? unstack_shared(e, &a, scores) : scores;
    if (a.in[MASK] != VALUE_NONE) {
        scores = FORM_VALUE(e, "Add", scores, additive(e, a.in[MASK], a.in[Q]));
    }
    if (causal != VALUE_NONE) {
        scores = FORM_VALUE(e, "Add", scores, causal);
    }
    value_id weights = form_value(e, false, "Softmax", 1, &scores, 1, &BUILD_INT("axis", -1));
    weights = by_query ? stack_shared(e, &a, weights) : weights;
    value_id y = unstack_shared(e, &a, FORM_VALUE(e, "MatMul", weights, v));
    if (!a.packed) {
        FORM_INTO(e, a.y, "Identity", y);
        return ACCEL_OK;
    }
    value_id joined = build_i64s(&e->b, 3, (int64_t[]){0, 0, a.q_heads * a.v_size});
    FORM_INTO(e, a.y, "Reshape", transpose(e, y, (int64_t[]){0, 2, 1, 3}), joined);
    return ACCEL_OK;
}

accel_status form_attention_split(editor *e, graph_node *n, accel_error *err) {
    return split(e, n, false, err);
}

/* OpenVINO runs MatMul, Softmax, MatMul as one piece only where nothing stands between them; worth a copy of the keys for many queries,
 * not for one. */
accel_status form_attention_repeated(editor *e, graph_node *n, accel_error *err) {
    const shape *q = shape_of(e->g, n->inputs[0]);
    bool one = q->rank >= 3 && q->dims[q->rank - 2] == 1;
    return split(e, n, !one, err);
}
