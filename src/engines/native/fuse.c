/* Which nodes join the step before them: scale, shift, residual and activation of the kernels that take them. */
#include "engines/native/plan.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

typedef struct fuser {
    plan *plan;
    plan_fusion *fusions;
    uint32_t *uses;   /* of each value */
    node_id *readers; /* of each value: the last node that reads it */
    accel_error *err;
} fuser;

static bool is_op(const graph_node *n, const char *name) {
    return n->domain[0] == '\0' && strcmp(n->op_type, name) == 0;
}

/* ---- activations -------------------------------------------------------------------------------------------------- */

static bool scalar_constant(fuser *f, int32_t value, float fallback, float *out) {
    if (value == PLAN_NONE) {
        *out = fallback;
        return true;
    }
    plan_value *v = &f->plan->values[value];
    int64_t elements;
    if (!v->v.constant || v->v.type != DTYPE_F32 || !shape_elements(&v->v.shape, &elements) ||
        elements != 1) {
        return false;
    }
    if (native_plan_contents(f->plan, value, f->err) != ACCEL_OK) {
        return false;
    }
    memcpy(out, v->v.data, sizeof *out);
    return true;
}

static bool activation_of(fuser *f, const graph_node *n, kernel_epilogue *e) {
    static const struct {
        const char *name;
        kernel_activation activation;
        double alpha, beta;
    } simple[] = {
        {"Relu", ACT_RELU, 0, 0},
        {"LeakyRelu", ACT_LEAKY_RELU, 0.01, 0},
        {"Sigmoid", ACT_SIGMOID, 0, 0},
        {"Tanh", ACT_TANH, 0, 0},
        {"Elu", ACT_ELU, 1, 0},
        {"HardSigmoid", ACT_HARD_SIGMOID, 0.2, 0.5},
        {"HardSwish", ACT_HARD_SWISH, 0, 0},
        {"Softplus", ACT_SOFTPLUS, 0, 0},
        {"HardSwish", ACT_HARD_SWISH, 0, 0},
        {"Swish", ACT_SILU, 1, 0},
    };
    for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++) {
        if (is_op(n, simple[i].name)) {
            e->activation = simple[i].activation;
            e->alpha = (float)node_attr_float(n, "alpha", simple[i].alpha);
            e->beta = (float)node_attr_float(n, "beta", simple[i].beta);
            return true;
        }
    }
    if (is_op(n, "Gelu")) {
        e->activation =
            strcmp(node_attr_string(n, "approximate", "none"), "tanh") == 0 ? ACT_GELU_TANH : ACT_GELU;
        return true;
    }
    if (is_op(n, "Clip")) {
        if (!scalar_constant(f, n->input_count > 1 ? n->inputs[1] : PLAN_NONE, -INFINITY, &e->alpha) ||
            !scalar_constant(f, n->input_count > 2 ? n->inputs[2] : PLAN_NONE, INFINITY, &e->beta)) {
            return false;
        }
        e->activation = ACT_CLIP;
        return true;
    }
    return false;
}

/* ---- scale and shift a channel ---------------------------------------------------------------------------------------- */

/* The axis of the output's channels for this leader: the columns of a product. */
static int channel_axis(const graph_node *leader, const shape *s) {
    static const char *const products[] = {"MatMul", "Gemm", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
                                           "MatMulNBits"};
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        if (strcmp(leader->op_type, products[i]) == 0) {
            return s->rank - 1;
        }
    }
    return 1;
}

/* Whether a constant has one element, or one a channel when broadcast against the output. */
static bool is_channel_vector(const plan_value *v, const shape *out, int axis) {
    int64_t elements;
    if (!v->v.constant || v->v.type != DTYPE_F32 || !shape_elements(&v->v.shape, &elements) ||
        v->v.shape.rank > out->rank) {
        return false;
    }
    if (elements == 1) {
        return true;
    }
    for (int d = 0; d < v->v.shape.rank; d++) {
        int at = out->rank - v->v.shape.rank + d;
        if (v->v.shape.dims[d] != (at == axis ? out->dims[axis] : 1)) {
            return false;
        }
    }
    return elements == out->dims[axis];
}

/* One of them, all `first` where there is none yet. */
static float *ensure_vector(fuser *f, const float **vector, int64_t channels, float first) {
    if (*vector == NULL) {
        float *made = ARENA_ARRAY(f->plan->arena, float, (size_t)channels);
        for (int64_t c = 0; c < channels && made != NULL; c++) {
            made[c] = first;
        }
        *vector = made;
    }
    return (float *)(uintptr_t)*vector;
}

/* y = x * mul[c] + add[c] behind what the epilogue already does; NULL: one, zero. A count of 1 is for all channels. What only adds leaves the
 * weights as they are: a scale would have to be packed into them. */
static accel_status then_affine(fuser *f, kernel_epilogue *e, int64_t channels, const float *mul,
                                int64_t mul_count, const float *add, int64_t add_count) {
    float *scale = mul == NULL ? NULL : ensure_vector(f, &e->scale, channels, 1.0f);
    float *shift = ensure_vector(f, &e->shift, channels, 0.0f);
    if (shift == NULL || (mul != NULL && scale == NULL)) {
        return error_no_memory(f->err, "a fused scale", (unsigned long long)channels * sizeof(float));
    }
    for (int64_t c = 0; c < channels; c++) {
        float m = mul == NULL ? 1.0f : mul[mul_count == 1 ? 0 : c];
        if (scale != NULL) {
            scale[c] *= m;
        }
        shift[c] = shift[c] * m + (add == NULL ? 0.0f : add[add_count == 1 ? 0 : c]);
    }
    return ACCEL_OK;
}

/* Mul, Add, Sub and Div by constants, one a channel. *done tells whether it joined. */
static accel_status try_vector(fuser *f, const graph_node *n, int32_t current, const shape *out, int axis,
                               kernel_epilogue *e, bool *done) {
    bool add = is_op(n, "Add"), mul = is_op(n, "Mul"), sub = is_op(n, "Sub"), divide = is_op(n, "Div");
    if (!add && !mul && !sub && !divide) {
        return ACCEL_OK;
    }
    int32_t other = n->inputs[0] == current ? n->inputs[1] : n->inputs[0];
    if (other == current || ((sub || divide) && n->inputs[0] != current) ||
        !is_channel_vector(&f->plan->values[other], out, axis)) {
        return ACCEL_OK;
    }
    ACCEL_TRY(native_plan_contents(f->plan, other, f->err));
    const float *contents = f->plan->values[other].v.data;
    int64_t channels = out->dims[axis], count = 1;
    (void)shape_elements(&f->plan->values[other].v.shape, &count);
    float *copy = ARENA_ARRAY(f->plan->arena, float, (size_t)count);
    if (copy == NULL) {
        return error_no_memory(f->err, "a fused scale", (unsigned long long)count * sizeof(float));
    }
    for (int64_t c = 0; c < count; c++) {
        copy[c] = sub ? -contents[c] : divide ? 1.0f / contents[c] : contents[c];
    }
    *done = true;
    return add || sub ? then_affine(f, e, channels, NULL, 0, copy, count)
                      : then_affine(f, e, channels, copy, count, NULL, 0);
}

static accel_status try_batch_norm(fuser *f, const graph_node *n, int32_t current, const shape *out, int axis,
                                   kernel_epilogue *e, bool *done) {
    if (!is_op(n, "BatchNormalization") || n->input_count != 5 || n->inputs[0] != current ||
        node_attr_int(n, "training_mode", 0) != 0 || axis != 1) {
        return ACCEL_OK;
    }
    int64_t channels = out->dims[1];
    const float *v[4];
    for (int i = 0; i < 4; i++) {
        const plan_value *p = &f->plan->values[n->inputs[i + 1]];
        if (!p->v.constant || p->v.type != DTYPE_F32) {
            return ACCEL_OK;
        }
        ACCEL_TRY(native_plan_contents(f->plan, n->inputs[i + 1], f->err));
        v[i] = p->v.data;
    }
    float *mul = ARENA_ARRAY(f->plan->arena, float, (size_t)channels),
          *add = ARENA_ARRAY(f->plan->arena, float, (size_t)channels);
    if (mul == NULL || add == NULL) {
        return error_no_memory(f->err, "a fused scale", (unsigned long long)channels * sizeof(float));
    }
    double epsilon = node_attr_float(n, "epsilon", 1e-5);
    for (int64_t c = 0; c < channels; c++) {
        double m = (double)v[0][c] / __builtin_sqrt((double)v[3][c] + epsilon);
        mul[c] = (float)m;
        add[c] = (float)((double)v[1][c] - (double)v[2][c] * m);
    }
    *done = true;
    return then_affine(f, e, channels, mul, channels, add, channels);
}

/* ---- chains -------------------------------------------------------------------------------------------------------- */

static bool same_shape_f32(const plan *p, int32_t a, const shape *s) {
    const plan_value *v = &p->values[a];
    return v->is_static && v->v.type == DTYPE_F32 && shape_equal(&v->v.shape, s);
}

static bool try_residual(fuser *f, const graph_node *n, int32_t current, const shape *out,
                         plan_fusion *lead) {
    if ((!is_op(n, "Add") && !is_op(n, "Sum")) || n->input_count != 2 || n->inputs[0] == n->inputs[1]) {
        return false;
    }
    int32_t other = n->inputs[0] == current ? n->inputs[1] : n->inputs[0];
    if (!same_shape_f32(f->plan, other, out)) {
        return false;
    }
    lead->residual = other;
    return true;
}

/* One more node behind the leader; *joined tells. */
static accel_status join_next(fuser *f, const graph_node *leader, plan_fusion *lead, uint32_t flags,
                              node_id next, bool *joined) {
    plan *p = f->plan;
    const graph_node *n = p->graph->nodes[next];
    const shape *out = &p->values[lead->output].v.shape;
    if (f->fusions[next].joined || f->fusions[next].skipped || n->output_count < 1 ||
        n->outputs[0] == VALUE_NONE) {
        return ACCEL_OK;
    }
    for (size_t i = 1; i < n->output_count; i++) {
        if (n->outputs[i] != VALUE_NONE && f->uses[n->outputs[i]] > 0) {
            return ACCEL_OK;
        }
    }
    if (!same_shape_f32(p, n->outputs[0], out)) {
        return ACCEL_OK;
    }
    kernel_epilogue *e = &lead->epilogue;
    if (e->activation != ACT_NONE) {
        return ACCEL_OK;
    }
    int axis = channel_axis(leader, out);
    if ((flags & KERNEL_AFFINE) != 0 && lead->residual == PLAN_NONE && out->rank >= 2) {
        ACCEL_TRY(try_vector(f, n, lead->output, out, axis, e, joined));
        if (!*joined) {
            ACCEL_TRY(try_batch_norm(f, n, lead->output, out, axis, e, joined));
        }
    }
    if (!*joined && (flags & KERNEL_RESIDUAL) != 0 && lead->residual == PLAN_NONE) {
        *joined = try_residual(f, n, lead->output, out, lead);
    }
    if (!*joined && (flags & KERNEL_ACTIVATION) != 0 && n->inputs[0] == lead->output) {
        *joined = activation_of(f, n, e);
    }
    return ACCEL_OK;
}

static accel_status grow_chain(fuser *f, node_id at, uint32_t flags) {
    plan *p = f->plan;
    plan_fusion *lead = &f->fusions[at];
    node_id last = at;
    for (;;) {
        if (f->uses[lead->output] != 1 || f->readers[lead->output] == NODE_NONE) {
            break;
        }
        node_id next = f->readers[lead->output];
        bool joined = false;
        ACCEL_TRY(join_next(f, p->graph->nodes[at], lead, flags, next, &joined));
        if (!joined) {
            break;
        }
        f->fusions[next].joined = true;
        f->fusions[next].emits = NODE_NONE;
        lead->leads = true;
        lead->output = p->graph->nodes[next]->outputs[0];
        last = next;
    }
    f->fusions[at].emits = NODE_NONE;
    f->fusions[last].emits = at;
    return ACCEL_OK;
}

/* The operator whose output this constant is, not made yet; NULL: none of that name. */
static const graph_node *constant_made_by(const fuser *f, int32_t value, const char *name) {
    const plan_value *v = &f->plan->values[value];
    if (!v->foldable || v->v.data != NULL) {
        return NULL;
    }
    const graph_node *n = f->plan->graph->nodes[f->plan->graph->values[value].producer];
    return is_op(n, name) ? n : NULL;
}

static bool is_narrow_weight(const plan_value *v) {
    return (v->v.type == DTYPE_F16 || v->v.type == DTYPE_BF16) && v->v.shape.rank == 2;
}

/* MatMul(x, Transpose(W)) of a constant [out, in] matrix packs straight from W, and one of 16 bits is read as it is. */
static void find_right(fuser *f, node_id at) {
    const plan *p = f->plan;
    const graph_node *n = p->graph->nodes[at];
    if (!is_op(n, "MatMul") || p->values[n->inputs[1]].v.shape.rank != 2) {
        return;
    }
    plan_fusion *fusion = &f->fusions[at];
    int32_t right = n->inputs[1];
    const graph_node *transpose = constant_made_by(f, right, "Transpose");
    if (transpose != NULL) {
        const graph_attr *perm = node_attr(transpose, "perm");
        if (perm != NULL && (perm->count != 2 || perm->ints[0] != 1 || perm->ints[1] != 0)) {
            return;
        }
        right = transpose->inputs[0];
        fusion->transposed_right = true;
    }
    const graph_node *cast = constant_made_by(f, right, "Cast");
    if (cast != NULL && is_narrow_weight(&p->values[cast->inputs[0]]) &&
        p->values[n->inputs[1]].v.type == DTYPE_F32) {
        right = cast->inputs[0];
    }
    fusion->right = right == n->inputs[1] ? PLAN_NONE : right;
}

/* The only reader of a value, when it is that operator; else NODE_NONE. */
static node_id only_reader(const fuser *f, int32_t value, const char *name) {
    node_id reader = f->uses[value] == 1 ? f->readers[value] : NODE_NONE;
    return reader != NODE_NONE && is_op(f->plan->graph->nodes[reader], name) ? reader : NODE_NONE;
}

/* ShuffleNet's channel shuffle: [N,C,H,W] as [N,groups,C/groups,H,W], the middle axes exchanged, and back. */
static bool is_shuffle(const fuser *f, node_id first, node_id middle, node_id last) {
    const graph *g = f->plan->graph;
    const plan_value *x = &f->plan->values[g->nodes[first]->inputs[0]];
    const plan_value *split = &f->plan->values[g->nodes[first]->outputs[0]];
    const plan_value *out = &f->plan->values[g->nodes[last]->outputs[0]];
    const graph_attr *perm = node_attr(g->nodes[middle], "perm");
    const shape *a = &x->v.shape, *b = &split->v.shape;
    if (!x->is_static || !split->is_static || !out->is_static || x->v.constant ||
        (dtype_bits(x->v.type) != 32 && dtype_bits(x->v.type) != 8) || a->rank != 4 || b->rank != 5 ||
        perm == NULL || perm->count != 5) {
        return false;
    }
    static const int64_t exchange[5] = {0, 2, 1, 3, 4};
    return memcmp(perm->ints, exchange, sizeof exchange) == 0 && shape_equal(a, &out->v.shape) &&
           b->dims[0] == a->dims[0] && b->dims[3] == a->dims[2] && b->dims[4] == a->dims[3] && b->dims[1] > 0;
}

static void find_shuffle(fuser *f, node_id first) {
    const graph *g = f->plan->graph;
    if (!is_op(g->nodes[first], "Reshape")) {
        return;
    }
    node_id middle = only_reader(f, g->nodes[first]->outputs[0], "Transpose");
    node_id last = middle == NODE_NONE ? NODE_NONE : only_reader(f, g->nodes[middle]->outputs[0], "Reshape");
    if (last == NODE_NONE || !is_shuffle(f, first, middle, last)) {
        return;
    }
    f->fusions[first].shuffle = f->plan->values[g->nodes[first]->outputs[0]].v.shape.dims[1];
    f->fusions[first].output = g->nodes[last]->outputs[0];
    f->fusions[first].emits = NODE_NONE;
    f->fusions[middle].joined = f->fusions[last].joined = true;
    f->fusions[middle].emits = NODE_NONE;
    f->fusions[last].emits = first;
}

static accel_status fuse_node(fuser *f, node_id at) {
    plan *p = f->plan;
    const graph_node *n = p->graph->nodes[at];
    find_right(f, at);
    if (n->output_count < 1 || n->outputs[0] == VALUE_NONE || !p->values[n->outputs[0]].is_static) {
        return ACCEL_OK;
    }
    find_shuffle(f, at);
    kernel_call call = {0};
    ACCEL_TRY(native_plan_make_call(p, n, &call, f->err));
    const kernel_def *kernel = native_plan_find_kernel(p, n->domain, n->op_type, &call);
    if (kernel == NULL || (kernel->flags & (KERNEL_EPILOGUE | KERNEL_ACTIVATION)) == 0) {
        return ACCEL_OK;
    }
    return grow_chain(f, at, kernel->flags);
}

static void count_readers(fuser *f) {
    const graph *g = f->plan->graph;
    for (size_t v = 0; v < g->value_count; v++) {
        f->readers[v] = NODE_NONE;
    }
    for (size_t i = 0; i < g->node_count; i++) {
        for (size_t k = 0; k < g->nodes[i]->input_count && !f->fusions[i].skipped; k++) {
            if (g->nodes[i]->inputs[k] != VALUE_NONE) {
                f->readers[g->nodes[i]->inputs[k]] = (node_id)i;
            }
        }
    }
}

/* Constant nodes are no steps; nor are those whose outputs nobody reads, seen from the end. */
static void mark_skipped(fuser *f) {
    const graph *g = f->plan->graph;
    for (size_t i = g->node_count; i-- > 0;) {
        plan_fusion *fusion = &f->fusions[i];
        *fusion = (plan_fusion){
            .emits = (node_id)i, .right = PLAN_NONE, .residual = PLAN_NONE, .output = PLAN_NONE};
        const graph_node *n = g->nodes[i];
        bool needed = false;
        for (size_t k = 0; k < n->output_count; k++) {
            needed = needed || (n->outputs[k] != VALUE_NONE && f->uses[n->outputs[k]] > 0 &&
                                !f->plan->values[n->outputs[k]].v.constant);
        }
        if (n->output_count > 0) {
            fusion->output = n->outputs[0];
        }
        fusion->skipped = n->dead || !needed;
        for (size_t k = 0; k < n->input_count && fusion->skipped && !n->dead; k++) {
            if (n->inputs[k] != VALUE_NONE) {
                f->uses[n->inputs[k]]--;
            }
        }
    }
}

accel_status native_plan_fuse(plan *p, plan_fusion *fusions, accel_error *err) {
    fuser f = {.plan = p, .fusions = fusions, .err = err};
    f.uses = p->uses = ARENA_ARRAY(p->arena, uint32_t, p->graph->value_count);
    f.readers = ARENA_ARRAY(p->arena, node_id, p->graph->value_count);
    if (f.uses == NULL || f.readers == NULL) {
        return error_no_memory(err, "the plan", p->graph->value_count * sizeof(node_id));
    }
    ACCEL_TRY(graph_count_uses(p->graph, f.uses, err));
    mark_skipped(&f);
    count_readers(&f);
    for (size_t i = 0; i < p->graph->node_count; i++) {
        if (!fusions[i].joined && !fusions[i].skipped) {
            ACCEL_TRY(fuse_node(&f, (node_id)i));
        }
    }
    return ACCEL_OK;
}
