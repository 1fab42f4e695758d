/* Random small graphs that are mostly valid: a stream of choices becomes 1 to 6 nodes, each over values that are there or over new inputs
 * and constants. The same stream gives the same graph.
 *
 * With a nudge, floating contents and results are off by about a rounding: how far the outputs move says what difference between two
 * right engines may be expected. */
#ifndef ACCEL_TESTS_FUZZ_RANDOM_GRAPH_H
#define ACCEL_TESTS_FUZZ_RANDOM_GRAPH_H

#include "fuzz/choices.h"
#include "graph/infer.h"

enum { GRAPH_INPUTS = 16, GRAPH_VALUES = 64, GRAPH_ELEMENTS = 6000, GRAPH_ATTRS = 16, MOST_OUTPUTS = 8 };

typedef struct maker {
    choices *c;
    graph *g;
    unsigned nudge; /* 0: none; else which */
    bool tame;      /* no infinities, NaN or large numbers */
    uint64_t noise;
    tensor inputs[GRAPH_INPUTS]; /* in graph input order; owned */
    value_id values[GRAPH_VALUES];
    size_t input_count, value_count, node_count;
    graph_attr attrs[GRAPH_ATTRS]; /* of the node being made */
    size_t attr_count;
} maker;

/* ---- contents ------------------------------------------------------------------------------------------------------- */

typedef enum contents {
    MILD,     /* in [-2, 2) */
    POSITIVE, /* in [0.25, 2): variances, scales */
    WILD      /* zeros, infinities, NaN, large and tiny numbers among mild ones */
} contents;

static inline double next_uniform(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (double)(*state >> 11) / 9007199254740992.0;
}

static inline double rounding_of(dtype t) {
    return t == DTYPE_BF16 ? 0x1p-6 : t == DTYPE_F16 ? 0x1p-9 : dtype_bits(t) < 16 ? 0 : 0x1p-21;
}

static inline double nudged(maker *m, dtype t, double x) {
    return m->nudge == 0 ? x : x * (1 + rounding_of(t) * (2 * next_uniform(&m->noise) - 1));
}

static inline double real_of(contents how, double u, uint64_t pick) {
    static const double odd[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 1e6, 1e-40, 30, -30, 0.5};
    if (how == WILD && pick % 4 == 0)
        return odd[pick / 4 % (sizeof odd / sizeof *odd)];
    return how == POSITIVE ? 0.25 + 1.75 * u : 4 * u - 2;
}

static inline void fill_contents(maker *m, tensor *t, contents how, int64_t low, int64_t high) {
    uint64_t state = 0x9E3779B97F4A7C15ull + choose(m->c, 256) * 0x2545F4914F6CDD1Dull;
    int64_t elements = 0;
    shape_elements(&t->shape, &elements);
    for (size_t i = 0; i < (size_t)elements; i++) {
        double u = next_uniform(&state);
        if (dtype_is_float(t->type))
            dtype_set_f64(t->type, t->data, i, nudged(m, t->type, real_of(how, u, state >> 20)));
        else
            dtype_set_i64(t->type, t->data, i, low + (int64_t)(u * (double)(high - low + 1)));
    }
}

/* ---- values ---------------------------------------------------------------------------------------------------------- */

static inline const shape *shape_of(const maker *m, value_id v) {
    return &m->g->values[v].type.shape;
}
static inline dtype type_of(const maker *m, value_id v) {
    return m->g->values[v].type.type;
}
static inline int64_t dim_of(const maker *m, value_id v, int axis) {
    const shape *s = shape_of(m, v);
    return s->dims[axis < 0 ? s->rank + axis : axis];
}

static inline void remember(maker *m, value_id v) {
    if (v != VALUE_NONE && m->value_count < GRAPH_VALUES)
        m->values[m->value_count++] = v;
}

/* A constant or, where there is room and constant is not asked for, an input. VALUE_NONE when memory ends. */
static inline value_id make_between(maker *m, dtype t, const shape *s, contents how, int64_t low,
                                    int64_t high, bool constant) {
    tensor made;
    value_id v = VALUE_NONE;
    if (tensor_create(t, s, &made, NULL) != ACCEL_OK)
        return VALUE_NONE;
    fill_contents(m, &made, how, low, high);
    if (!constant && m->input_count < GRAPH_INPUTS &&
        graph_add_input(m->g, NULL, t, s, &v, NULL) == ACCEL_OK) {
        m->inputs[m->input_count++] = made;
        return v;
    }
    (void)graph_add_constant(m->g, NULL, t, s, made.data, &v, NULL);
    tensor_free(&made);
    return v;
}

static inline value_id make_new(maker *m, dtype t, const shape *s) {
    contents how = choose(m->c, 12) == 0 && !m->tame ? WILD : MILD;
    value_id v = make_between(m, t, s, how,
                              t == DTYPE_BOOL                ? 0
                              : dtype_is_unsigned_integer(t) ? 0
                                                             : -3,
                              t == DTYPE_BOOL ? 1 : 4, choose(m->c, 3) == 0);
    return v;
}

static inline value_id make_weight(maker *m, dtype t, int rank, const int64_t *dims, contents how) {
    shape s = shape_make(rank, dims);
    return make_between(m, t, &s, how, dtype_is_unsigned_integer(t) ? 0 : -5, 5, choose(m->c, 8) != 0);
}

/* Parameters: never nudged, since they decide shapes. */
static inline value_id make_ints(maker *m, size_t count, const int64_t *values) {
    value_id v = VALUE_NONE;
    shape s = {.rank = 1, .dims = {(int64_t)count}};
    (void)graph_add_constant(m->g, NULL, DTYPE_I64, &s, values, &v, NULL);
    return v;
}
static inline value_id make_floats(maker *m, size_t count, const float *values) {
    value_id v = VALUE_NONE;
    shape s = {.rank = 1, .dims = {(int64_t)count}};
    (void)graph_add_constant(m->g, NULL, DTYPE_F32, &s, values, &v, NULL);
    return v;
}
static inline value_id make_scalar(maker *m, dtype t, double x) {
    uint8_t bytes[16] = {0};
    value_id v = VALUE_NONE;
    shape s = {.rank = 0};
    dtype_set_f64(t, bytes, 0, x);
    (void)graph_add_constant(m->g, NULL, t, &s, bytes, &v, NULL);
    return v;
}

static inline shape new_shape(maker *m, int low, int high) {
    static const int64_t dims[] = {1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 32, 33, 48};
    shape s = {.rank = low + (int)choose(m->c, (unsigned)(high - low) + 1)};
    int64_t elements = 1;
    for (int i = 0; i < s.rank; i++) {
        int64_t dim = choose(m->c, 40) == 0 ? 0 : PICK(m->c, dims);
        s.dims[i] = elements * dim > GRAPH_ELEMENTS ? 1 : dim;
        elements *= s.dims[i];
    }
    return s;
}

static inline dtype new_float_type(maker *m) {
    static const dtype types[] = {DTYPE_F32, DTYPE_F32, DTYPE_F32, DTYPE_F32, DTYPE_F32,
                                  DTYPE_F32, DTYPE_F16, DTYPE_F64, DTYPE_BF16};
    return PICK(m->c, types);
}
static inline dtype new_type(maker *m) {
    static const dtype types[] = {DTYPE_I64, DTYPE_I32, DTYPE_U8, DTYPE_BOOL, DTYPE_I8, DTYPE_U4};
    return choose(m->c, 4) != 0 ? new_float_type(m) : PICK(m->c, types);
}

/* A value of a rank in [low, high]; mostly one that a node made. */
static inline value_id pick_of(maker *m, bool real, int low, int high) {
    for (unsigned attempt = 0; m->value_count > 0 && attempt < 3 && choose(m->c, 6) != 0; attempt++) {
        unsigned back = choose(m->c, (unsigned)(m->value_count < 4 ? m->value_count : 4));
        value_id v = m->values[m->value_count - 1 - back];
        const value_type *t = &m->g->values[v].type;
        bool fits = t->container == CONTAINER_TENSOR && shape_is_static(&t->shape) && t->shape.rank >= low &&
                    t->shape.rank <= high;
        if (fits && (!real || dtype_is_float(t->type)) && dtype_bits(t->type) > 0)
            return v;
    }
    shape s = new_shape(m, low, high);
    value_id v = make_new(m, real ? new_float_type(m) : new_type(m), &s);
    remember(m, v);
    return v;
}

/* ---- nodes ---------------------------------------------------------------------------------------------------------- */

static inline graph_attr *add_attr(maker *m, const char *name, attr_kind kind) {
    graph_attr *a = &m->attrs[m->attr_count < GRAPH_ATTRS ? m->attr_count++ : GRAPH_ATTRS - 1];
    *a = (graph_attr){.name = name, .kind = kind};
    return a;
}
static inline void with_int(maker *m, const char *name, int64_t value) {
    add_attr(m, name, ATTR_INT)->i = value;
}
static inline void with_float(maker *m, const char *name, double value) {
    add_attr(m, name, ATTR_FLOAT)->f = value;
}
static inline void with_text(maker *m, const char *name, const char *value) {
    graph_attr *a = add_attr(m, name, ATTR_STRING);
    a->s = value;
    a->s_length = strlen(value);
}
static inline void with_ints(maker *m, const char *name, size_t count, const int64_t *values) {
    int64_t *copy = ARENA_ARRAY(m->g->arena, int64_t, count + 1);
    if (copy == NULL)
        return;
    memcpy(copy, values, count * sizeof *copy);
    graph_attr *a = add_attr(m, name, ATTR_INTS);
    a->ints = copy;
    a->count = count;
}

/* What is done to a result: a Mul by numbers that are nearly one, or an Add of one that is nearly nothing, which gives zeros a sign. */
static inline value_id nudge_result(maker *m, value_id v) {
    dtype t = type_of(m, v);
    tensor near_one;
    if (m->nudge == 0 || m->g->values[v].type.container != CONTAINER_TENSOR || !dtype_is_float(t) ||
        dtype_bits(t) < 16 || !shape_is_static(shape_of(m, v)) ||
        tensor_create(t, shape_of(m, v), &near_one, NULL) != ACCEL_OK)
        return v;
    shape s = *shape_of(m, v);
    int64_t elements = 0;
    shape_elements(&s, &elements);
    for (size_t i = 0; i < (size_t)elements; i++)
        dtype_set_f64(t, near_one.data, i,
                      m->nudge > 2 ? (m->nudge == 3 ? 0x1p-100 : -0x1p-100) : nudged(m, t, 1));
    value_id inputs[] = {v, VALUE_NONE};
    node_id n;
    (void)graph_add_constant(m->g, NULL, t, &s, near_one.data, &inputs[1], NULL);
    tensor_free(&near_one);
    if (graph_add_node(m->g, "", m->nudge > 2 ? "Add" : "Mul", NULL, inputs, 2, NULL, 1, NULL, 0, &n, NULL) !=
            ACCEL_OK ||
        graph_infer(m->g, NULL) != ACCEL_OK)
        return v;
    return m->g->nodes[n]->outputs[0];
}

/* Adds a node with the attributes gathered; one that inference refuses is taken away again. */
static inline bool add_node(maker *m, const char *domain, const char *op, size_t count,
                            const value_id *inputs, size_t outputs) {
    node_id n;
    accel_error err;
    size_t attr_count = m->attr_count;
    m->attr_count = 0;
    if (graph_add_node(m->g, domain, op, NULL, inputs, count, NULL, outputs, m->attrs, attr_count, &n,
                       &err) != ACCEL_OK)
        return false;
    if (graph_infer(m->g, &err) != ACCEL_OK || graph_check(m->g, &err) != ACCEL_OK) {
        m->g->nodes[n]->dead = true;
        return false;
    }
    m->node_count++;
    for (size_t i = 0; i < outputs; i++)
        remember(m, nudge_result(m, m->g->nodes[n]->outputs[i]));
    return true;
}

#define ADD(m, op, outputs, ...)                                                                             \
    add_node((m), "", (op), sizeof((value_id[]){__VA_ARGS__}) / sizeof(value_id), (value_id[]){__VA_ARGS__}, \
             (outputs))

/* ---- elementwise ---------------------------------------------------------------------------------------------------- */

static inline void make_unary(maker *m) {
    static const char *const ops[] = {"Relu",      "Sigmoid",    "Tanh",  "Erf",         "Exp",
                                      "Log",       "Sqrt",       "Abs",   "Neg",         "Softplus",
                                      "LeakyRelu", "Elu",        "Selu",  "HardSwish",   "Gelu",
                                      "Mish",      "Floor",      "Ceil",  "Round",       "Sign",
                                      "Softsign",  "Sin",        "Cos",   "Celu",        "Not",
                                      "IsNaN",     "Reciprocal", "Swish", "HardSigmoid", "ThresholdedRelu",
                                      "Identity",  "Atan"};
    const char *op = PICK(m->c, ops);
    if (strcmp(op, "Gelu") == 0 && choose(m->c, 2) == 0)
        with_text(m, "approximate", "tanh");
    if (choose(m->c, 2) == 0 &&
        (strcmp(op, "LeakyRelu") == 0 || strcmp(op, "Elu") == 0 || strcmp(op, "HardSigmoid") == 0))
        with_float(m, "alpha", 0.25 * (1 + choose(m->c, 8)));
    ADD(m, op, 1, pick_of(m, strcmp(op, "Not") != 0, 0, 5));
}

/* The other side of a broadcast: the same value, a scalar, the last dims, a number a channel, or one that makes the result larger. */
static inline value_id other_side(maker *m, value_id x, dtype t) {
    shape s = *shape_of(m, x);
    switch (choose(m->c, 6)) {
    case 0:
        return x;
    case 1:
        s.rank = 0;
        break;
    case 2:
        s = (shape){.rank = s.rank > 0, .dims = {s.rank > 0 ? s.dims[s.rank - 1] : 1}};
        break;
    case 3:
        for (int i = 0; i < s.rank; i++)
            s.dims[i] = i == 1 ? s.dims[i] : 1;
        break;
    case 4:
        for (int i = 0; i < s.rank; i++)
            s.dims[i] = choose(m->c, 2) == 0 ? 1 : s.dims[i];
        break;
    default:
        break;
    }
    return make_new(m, t, &s);
}

static inline void make_binary(maker *m) {
    static const char *const ops[] = {"Add", "Mul",   "Sub", "Div",   "Add",       "Mul",     "Max",
                                      "Min", "PRelu", "Pow", "Equal", "Less",      "Greater", "LessOrEqual",
                                      "And", "Or",    "Xor", "Mod",   "BitwiseAnd"};
    const char *op = PICK(m->c, ops);
    value_id x = pick_of(m, false, 0, 5);
    value_id y = other_side(m, x, type_of(m, x));
    if (strcmp(op, "Mod") == 0)
        with_int(m, "fmod", dtype_is_float(type_of(m, x)) || choose(m->c, 2));
    if (choose(m->c, 4) == 0 && strcmp(op, "PRelu") != 0)
        ADD(m, op, 1, y, x);
    else
        ADD(m, op, 1, x, y);
}

static inline void make_select(maker *m) {
    value_id x = pick_of(m, false, 0, 4);
    value_id y = other_side(m, x, type_of(m, x)), condition = other_side(m, x, DTYPE_BOOL);
    if (choose(m->c, 3) == 0) {
        value_id low = make_scalar(m, type_of(m, x), -0.5 * choose(m->c, 4)),
                 high =
                     choose(m->c, 3) != 0 ? make_scalar(m, type_of(m, x), 1 + choose(m->c, 6)) : VALUE_NONE;
        ADD(m, "Clip", 1, x, choose(m->c, 4) != 0 ? low : VALUE_NONE, high);
    } else if (condition != x) {
        ADD(m, "Where", 1, condition, x, y);
    }
}

static inline int64_t onnx_number(dtype t) {
    int64_t number = 1;
    while (number < 64 && dtype_from_onnx(number) != t)
        number++;
    return number;
}

static inline void make_cast(maker *m) {
    static const dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_F64,      DTYPE_I32, DTYPE_I64,
                                  DTYPE_U8,  DTYPE_I8,  DTYPE_BOOL, DTYPE_F8E4M3FN, DTYPE_U16};
    with_int(m, "to", onnx_number(PICK(m->c, types)));
    ADD(m, "Cast", 1, pick_of(m, false, 0, 4));
}

/* ---- products and convolutions --------------------------------------------------------------------------------------- */

static inline int64_t new_dim(maker *m) {
    static const int64_t dims[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65};
    return PICK(m->c, dims);
}

static inline void make_matmul(maker *m) {
    value_id x = pick_of(m, true, 1, 4);
    dtype t = type_of(m, x);
    int64_t k = dim_of(m, x, -1), n = new_dim(m);
    value_id w;
    if (choose(m->c, 4) == 0 && shape_of(m, x)->rank > 2) {
        shape s = *shape_of(m, x);
        s.dims[s.rank - 2] = k;
        s.dims[s.rank - 1] = n;
        w = make_between(m, t, &s, MILD, 0, 0, false);
    } else if (choose(m->c, 4) == 0) {
        w = make_weight(m, t, 2, (int64_t[]){n, k}, MILD);
        with_ints(m, "perm", 2, (int64_t[]){1, 0});
        if (!ADD(m, "Transpose", 1, w))
            return;
        w = m->values[m->value_count - 1];
    } else {
        w = make_weight(m, t, choose(m->c, 8) == 0 ? 1 : 2, (int64_t[]){k, n}, MILD);
    }
    ADD(m, "MatMul", 1, x, w);
}

static inline void make_gemm(maker *m) {
    value_id x = pick_of(m, true, 2, 2);
    bool turned = choose(m->c, 3) == 0, other = choose(m->c, 2) == 0;
    int64_t k = dim_of(m, x, turned ? 0 : 1), n = new_dim(m);
    value_id w = make_weight(m, type_of(m, x), 2, other ? (int64_t[]){n, k} : (int64_t[]){k, n}, MILD),
             bias = make_weight(m, type_of(m, x), choose(m->c, 2) == 0, (int64_t[]){n}, MILD);
    with_int(m, "transA", turned);
    with_int(m, "transB", other);
    if (choose(m->c, 2) == 0)
        with_float(m, "alpha", 0.5 * choose(m->c, 5));
    if (choose(m->c, 2) == 0)
        with_float(m, "beta", 0.5 * choose(m->c, 5));
    if (choose(m->c, 3) == 0)
        ADD(m, "Gemm", 1, x, w);
    else
        ADD(m, "Gemm", 1, x, w, bias);
}

/* kernel_shape goes into kernel; strides, dilations and padding as attributes. */
static inline void with_window(maker *m, int rank, int64_t *kernel, bool dilate) {
    int64_t strides[4], dilations[4], pads[8];
    static const char *const automatic[] = {"SAME_UPPER", "SAME_LOWER", "VALID"};
    for (int i = 0; i < rank; i++) {
        kernel[i] = 1 + choose(m->c, 4);
        strides[i] = 1 + choose(m->c, 4) / 2;
        dilations[i] = 1 + choose(m->c, 5) / 4;
        pads[i] = choose(m->c, 3);
        pads[rank + i] = choose(m->c, 3) == 0 ? choose(m->c, 3) : pads[i];
    }
    if (choose(m->c, 2) == 0) /* the common window */
        for (int i = 0; i < rank; i++)
            kernel[i] = 3, pads[i] = pads[rank + i] = 1, strides[i] = 1, dilations[i] = 1;
    if (choose(m->c, 3) != 0)
        with_ints(m, "strides", (size_t)rank, strides);
    if (dilate && choose(m->c, 3) == 0)
        with_ints(m, "dilations", (size_t)rank, dilations);
    if (choose(m->c, 6) == 0)
        with_text(m, "auto_pad", PICK(m->c, automatic));
    else if (choose(m->c, 5) != 0)
        with_ints(m, "pads", 2 * (size_t)rank, pads);
}

static inline void make_conv(maker *m, bool transposed) {
    value_id x = pick_of(m, true, 3, 5);
    int rank = shape_of(m, x)->rank - 2;
    int64_t channels = dim_of(m, x, 1), groups = 1, kernel[4], dims[TENSOR_MAX_RANK];
    if (choose(m->c, 3) == 0)
        groups = choose(m->c, 2) == 0 ? channels : channels % 2 == 0 ? 2 : 1;
    if (groups < 1)
        return;
    int64_t each = groups == channels ? 1 + choose(m->c, 2) : (new_dim(m) + groups - 1) / groups;
    with_window(m, rank, kernel, true);
    with_int(m, "group", groups);
    dims[0] = transposed ? channels : each * groups;
    dims[1] = transposed ? each : channels / groups;
    int64_t count = dims[0] * dims[1];
    for (int i = 0; i < rank; i++) {
        dims[2 + i] = count * kernel[i] > 40000 ? 1 : kernel[i];
        count *= dims[2 + i];
    }
    if (count > 40000)
        return;
    value_id w = make_weight(m, type_of(m, x), rank + 2, dims, MILD),
             bias = make_weight(m, type_of(m, x), 1, (int64_t[]){each * groups}, MILD);
    if (choose(m->c, 3) == 0)
        ADD(m, transposed ? "ConvTranspose" : "Conv", 1, x, w);
    else
        ADD(m, transposed ? "ConvTranspose" : "Conv", 1, x, w, bias);
}
static inline void make_convolution(maker *m) {
    make_conv(m, choose(m->c, 4) == 0);
}

static inline void make_pool(maker *m) {
    static const char *const ops[] = {"MaxPool",       "AveragePool", "LpPool",     "GlobalAveragePool",
                                      "GlobalMaxPool", "MaxPool",     "AveragePool"};
    const char *op = PICK(m->c, ops);
    value_id x = pick_of(m, true, 3, 5);
    int64_t kernel[4];
    if (op[0] == 'G') {
        ADD(m, op, 1, x);
        return;
    }
    int rank = shape_of(m, x)->rank - 2;
    with_window(m, rank, kernel, true);
    with_ints(m, "kernel_shape", (size_t)rank, kernel);
    if (choose(m->c, 4) == 0)
        with_int(m, "ceil_mode", 1);
    if (op[0] == 'A' && choose(m->c, 2) == 0)
        with_int(m, "count_include_pad", 1);
    ADD(m, op, op[0] == 'M' && choose(m->c, 3) == 0 ? 2 : 1, x);
}

/* ---- along axes -------------------------------------------------------------------------------------------------------- */

static inline int64_t any_axis(maker *m, int rank) {
    return rank == 0 ? 0 : (int64_t)choose(m->c, 2 * (unsigned)rank) - rank;
}

static inline void make_norm(maker *m) {
    static const char *const ops[] = {"LayerNormalization",
                                      "RMSNormalization",
                                      "BatchNormalization",
                                      "InstanceNormalization",
                                      "GroupNormalization",
                                      "LpNormalization",
                                      "LRN",
                                      "Softmax",
                                      "LogSoftmax",
                                      "Hardmax"};
    unsigned which = choose(m->c, sizeof ops / sizeof *ops);
    const char *op = ops[which];
    value_id x = pick_of(m, true, which >= 2 && which <= 4 ? 3 : 2, 5);
    dtype t = type_of(m, x);
    int64_t channels = dim_of(m, x, 1), width = dim_of(m, x, -1);
    value_id scale, shift;
    if (which < 2) {
        scale = make_weight(m, t, 1, &width, MILD);
        shift = make_weight(m, t, 1, &width, MILD);
        if (which == 1 || choose(m->c, 3) == 0)
            ADD(m, op, 1, x, scale);
        else
            ADD(m, op, 1, x, scale, shift);
        return;
    }
    scale = make_weight(m, t, 1, &channels, MILD);
    shift = make_weight(m, t, 1, &channels, MILD);
    if (which == 2) {
        ADD(m, op, 1, x, scale, shift, make_weight(m, t, 1, &channels, MILD),
            make_weight(m, t, 1, &channels, POSITIVE));
    } else if (which == 3 || which == 4) {
        if (which == 4)
            with_int(m, "num_groups", channels % 4 == 0 && choose(m->c, 2) ? 4 : 1);
        ADD(m, op, 1, x, scale, shift);
    } else if (which == 6) {
        with_int(m, "size", 1 + (int64_t)choose(m->c, 7));
        with_float(m, "alpha", 0.01 * choose(m->c, 20));
        ADD(m, op, 1, x);
    } else {
        with_int(m, "axis", any_axis(m, shape_of(m, x)->rank));
        ADD(m, op, 1, x);
    }
}

static inline void make_reduce(maker *m) {
    static const char *const ops[] = {"ReduceSum",       "ReduceMean", "ReduceMax",  "ReduceMin",
                                      "ReduceL2",        "ReduceL1",   "ReduceProd", "ReduceSumSquare",
                                      "ReduceLogSumExp", "ArgMax",     "ArgMin",     "CumSum"};
    const char *op = PICK(m->c, ops);
    value_id x = pick_of(m, choose(m->c, 4) != 0, 0, 5);
    int rank = shape_of(m, x)->rank;
    int64_t axes[] = {any_axis(m, rank), any_axis(m, rank)};
    if (op[0] == 'C') {
        with_int(m, "exclusive", choose(m->c, 2));
        with_int(m, "reverse", choose(m->c, 2));
        ADD(m, op, 1, x, make_scalar(m, DTYPE_I64, (double)axes[0]));
        return;
    }
    with_int(m, "keepdims", choose(m->c, 2));
    if (op[0] == 'A') {
        with_int(m, "axis", axes[0]);
        with_int(m, "select_last_index", choose(m->c, 2));
        ADD(m, op, 1, x);
        return;
    }
    if (choose(m->c, 5) == 0)
        ADD(m, op, 1, x);
    else
        ADD(m, op, 1, x, make_ints(m, 1 + choose(m->c, 2), axes));
}

static inline void make_topk(maker *m) {
    value_id x = pick_of(m, false, 1, 4);
    int64_t axis = any_axis(m, shape_of(m, x)->rank), k = 1 + choose(m->c, 6);
    with_int(m, "axis", axis);
    with_int(m, "largest", choose(m->c, 2));
    ADD(m, "TopK", 2, x, make_ints(m, 1, &k));
}

/* ---- moving data ---------------------------------------------------------------------------------------------------------- */

static inline void make_transpose(maker *m) {
    value_id x = pick_of(m, false, 1, 6);
    int rank = shape_of(m, x)->rank;
    int64_t perm[TENSOR_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        int at = (int)choose(m->c, (unsigned)i + 1);
        perm[i] = perm[at];
        perm[at] = i;
    }
    with_ints(m, "perm", (size_t)rank, perm);
    ADD(m, "Transpose", 1, x);
}

static inline void make_reshape(maker *m) {
    value_id x = pick_of(m, false, 0, 5);
    const shape *s = shape_of(m, x);
    int64_t dims[TENSOR_MAX_RANK], axis = any_axis(m, s->rank);
    size_t count = 0;
    switch (choose(m->c, 5)) {
    case 0:
        with_int(m, "axis", axis);
        ADD(m, "Flatten", 1, x);
        return;
    case 1:
        ADD(m, "Unsqueeze", 1, x, make_ints(m, 1, &axis));
        return;
    case 2:
        ADD(m, "Squeeze", 1, x, make_ints(m, 1, &axis));
        return;
    case 3: /* two neighbours become one */
        for (int i = 0; i < s->rank; i++)
            dims[count++] = i == 0 && s->rank > 1 ? s->dims[i] * s->dims[i + 1] : i == 1 ? 0 : s->dims[i];
        if (s->rank > 1) {
            memmove(dims + 1, dims + 2, (count - 2) * sizeof *dims);
            count--;
        }
        break;
    default: /* a dim is cut in two, one of them is left to infer */
        for (int i = 0; i < s->rank && count + 2 < TENSOR_MAX_RANK; i++) {
            bool cut = i == s->rank - 1 && s->dims[i] % 2 == 0 && s->dims[i] > 0;
            dims[count++] = cut ? 2 : s->dims[i];
            if (cut)
                dims[count++] = -1;
        }
    }
    ADD(m, "Reshape", 1, x, make_ints(m, count, dims));
}

static inline void make_concat(maker *m) {
    value_id x = pick_of(m, false, 1, 5);
    shape s = *shape_of(m, x);
    int64_t axis = any_axis(m, s.rank);
    value_id parts[4] = {x, x, x, x};
    size_t count = 1 + choose(m->c, 4);
    for (size_t i = 1; i < count; i++) {
        s.dims[axis < 0 ? axis + s.rank : axis] = choose(m->c, 5);
        if (choose(m->c, 3) != 0)
            parts[i] = make_new(m, type_of(m, x), &s);
    }
    with_int(m, "axis", axis);
    add_node(m, "", "Concat", count, parts, 1);
}

static inline void make_split(maker *m) {
    value_id x = pick_of(m, false, 1, 5);
    int64_t axis = any_axis(m, shape_of(m, x)->rank), dim = dim_of(m, x, (int)axis),
            first = dim > 0 ? choose(m->c, (unsigned)dim + 1) : 0, sizes[] = {first, dim - first};
    with_int(m, "axis", axis);
    if (choose(m->c, 2) == 0) {
        with_int(m, "num_outputs", 2);
        ADD(m, "Split", 2, x);
    } else {
        ADD(m, "Split", 2, x, make_ints(m, 2, sizes));
    }
}

static inline void make_slice(maker *m) {
    value_id x = pick_of(m, false, 1, 5);
    int rank = shape_of(m, x)->rank;
    int64_t starts[2], ends[2], axes[2] = {any_axis(m, rank), any_axis(m, rank)}, steps[2];
    static const int64_t strides[] = {1, 1, 1, 2, 3, -1, -2};
    for (int i = 0; i < 2; i++) {
        starts[i] = (int64_t)choose(m->c, 12) - 4;
        ends[i] =
            choose(m->c, 4) == 0 ? (choose(m->c, 2) ? INT64_MAX : INT64_MIN) : (int64_t)choose(m->c, 16) - 4;
        steps[i] = PICK(m->c, strides);
    }
    size_t count = 1 + choose(m->c, 2);
    ADD(m, "Slice", 1, x, make_ints(m, count, starts), make_ints(m, count, ends), make_ints(m, count, axes),
        make_ints(m, count, steps));
}

static inline void make_gather(maker *m) {
    static const char *const ops[] = {"Gather",   "Gather",          "GatherElements",
                                      "GatherND", "ScatterElements", "ScatterND"};
    const char *op = PICK(m->c, ops);
    value_id x = pick_of(m, false, 1, 4);
    int64_t axis = any_axis(m, shape_of(m, x)->rank), dim = dim_of(m, x, (int)axis);
    int64_t reach = choose(m->c, 10) == 0 ? 2 : 0; /* sometimes outside */
    shape s = new_shape(m, 0, 2);
    if (strcmp(op, "GatherElements") == 0 || strcmp(op, "ScatterElements") == 0)
        s = *shape_of(m, x);
    if (strstr(op, "ND") != NULL) {
        s = (shape){.rank = 2, .dims = {1 + choose(m->c, 4), 1}};
        axis = 0, dim = dim_of(m, x, 0);
    }
    value_id indices = make_between(m, choose(m->c, 2) ? DTYPE_I64 : DTYPE_I32, &s, MILD, -dim - reach,
                                    dim - 1 + reach, choose(m->c, 2));
    if (strstr(op, "ND") == NULL)
        with_int(m, "axis", axis);
    if (op[0] == 'G') {
        ADD(m, op, 1, x, indices);
        return;
    }
    if (strcmp(op, "ScatterND") == 0) {
        int64_t rows = s.dims[0];
        s = *shape_of(m, x);
        s.dims[0] = rows;
    }
    ADD(m, op, 1, x, indices, make_new(m, type_of(m, x), &s));
}

static inline void make_pad(maker *m) {
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    value_id x = pick_of(m, false, 1, 5);
    int rank = shape_of(m, x)->rank;
    int64_t pads[2 * TENSOR_MAX_RANK];
    for (int i = 0; i < 2 * rank; i++)
        pads[i] = choose(m->c, 3) == 0 ? (int64_t)choose(m->c, 4) - 1 : 0;
    with_text(m, "mode", PICK(m->c, modes));
    if (choose(m->c, 2) == 0)
        ADD(m, "Pad", 1, x, make_ints(m, 2 * (size_t)rank, pads));
    else
        ADD(m, "Pad", 1, x, make_ints(m, 2 * (size_t)rank, pads), make_scalar(m, type_of(m, x), 1));
}

static inline void make_repeat(maker *m) {
    value_id x = pick_of(m, false, 1, 4);
    const shape *s = shape_of(m, x);
    int64_t numbers[TENSOR_MAX_RANK];
    bool tile = choose(m->c, 2) == 0;
    for (int i = 0; i < s->rank; i++)
        numbers[i] = tile ? 1 + choose(m->c, 2) : s->dims[i] == 1 ? 1 + (int64_t)choose(m->c, 4) : 1;
    ADD(m, tile ? "Tile" : "Expand", 1, x, make_ints(m, (size_t)s->rank, numbers));
}

static inline void make_resize(maker *m) {
    static const char *const modes[] = {"nearest", "linear", "cubic"},
                             *const places[] = {"half_pixel", "asymmetric", "align_corners",
                                                "pytorch_half_pixel"},
                             *const roundings[] = {"round_prefer_floor", "floor", "ceil",
                                                   "round_prefer_ceil"};
    static const float factors[] = {1, 2, 2, 3, 0.5f, 1.5f};
    value_id x = pick_of(m, true, 3, 4);
    int rank = shape_of(m, x)->rank;
    float scales[4] = {1, 1, 1, 1};
    for (int i = 2; i < rank; i++)
        scales[i] = PICK(m->c, factors);
    with_text(m, "mode", PICK(m->c, modes));
    with_text(m, "coordinate_transformation_mode", PICK(m->c, places));
    with_text(m, "nearest_mode", PICK(m->c, roundings));
    ADD(m, "Resize", 1, x, VALUE_NONE, make_floats(m, (size_t)rank, scales));
}

static inline void make_blocks(maker *m) {
    bool to_space = choose(m->c, 2) == 0;
    value_id x = pick_of(m, false, 4, 4);
    with_int(m, "blocksize", 2);
    if (to_space && choose(m->c, 2) == 0)
        with_text(m, "mode", "CRD");
    ADD(m, to_space ? "DepthToSpace" : "SpaceToDepth", 1, x);
}

static inline void make_trilu(maker *m) {
    value_id x = pick_of(m, false, 2, 4);
    with_int(m, "upper", choose(m->c, 2));
    ADD(m, "Trilu", 1, x, make_scalar(m, DTYPE_I64, (double)choose(m->c, 7) - 3));
}

/* ---- larger operators ---------------------------------------------------------------------------------------------------- */

static inline void make_attention(maker *m) {
    int64_t batch = 1 + choose(m->c, 2), kv_heads = 1 + choose(m->c, 2),
            q_heads = kv_heads * (1 + choose(m->c, 2)), rows = new_dim(m), keys = new_dim(m),
            head = 1 + 4 * choose(m->c, 6), v_head = choose(m->c, 3) ? head : 8;
    dtype t = new_float_type(m);
    const shape q = {.rank = 4, .dims = {batch, q_heads, rows, head}},
                k = {.rank = 4, .dims = {batch, kv_heads, keys, head}},
                v = {.rank = 4, .dims = {batch, kv_heads, keys, v_head}};
    value_id inputs[] = {make_between(m, t, &q, MILD, 0, 0, false), make_between(m, t, &k, MILD, 0, 0, false),
                         make_between(m, t, &v, MILD, 0, 0, false), VALUE_NONE};
    size_t count = 3;
    if (choose(m->c, 2) == 0)
        with_int(m, "is_causal", 1);
    if (choose(m->c, 4) == 0)
        with_float(m, "softcap", 2);
    if (choose(m->c, 2) == 0) {
        shape mask = {.rank = 4, .dims = {batch, q_heads, rows, keys}};
        for (int i = 0; i < 2; i++)
            mask.dims[i] = choose(m->c, 2) ? 1 : mask.dims[i];
        inputs[count++] = make_new(m, choose(m->c, 2) ? DTYPE_BOOL : t, &mask);
    }
    add_node(m, "", "Attention", count, inputs, 1);
}

static inline void make_recurrent(maker *m) {
    static const char *const ops[] = {"LSTM", "GRU", "RNN"};
    unsigned which = choose(m->c, 3);
    int64_t gates = which == 0   ? 4
                    : which == 1 ? 3
                                 : 1,
            hidden = 1 + choose(m->c, 20), directions = 1 + choose(m->c, 4) / 3;
    value_id x = pick_of(m, true, 3, 3);
    dtype t = type_of(m, x);
    int64_t input = dim_of(m, x, 2);
    with_int(m, "hidden_size", hidden);
    with_text(m, "direction",
              directions == 2        ? "bidirectional"
              : choose(m->c, 4) == 0 ? "reverse"
                                     : "forward");
    if (which == 1 && choose(m->c, 2) == 0)
        with_int(m, "linear_before_reset", 1);
    value_id w = make_weight(m, t, 3, (int64_t[]){directions, gates * hidden, input}, MILD),
             r = make_weight(m, t, 3, (int64_t[]){directions, gates * hidden, hidden}, MILD),
             b = make_weight(m, t, 2, (int64_t[]){directions, 2 * gates * hidden}, MILD);
    if (choose(m->c, 3) == 0)
        ADD(m, ops[which], 1 + choose(m->c, 2), x, w, r);
    else
        ADD(m, ops[which], 1 + choose(m->c, 2), x, w, r, b);
}

static inline void make_quantised(maker *m) {
    bool is_signed = choose(m->c, 2) == 0;
    dtype t = is_signed ? DTYPE_I8 : DTYPE_U8, wt = choose(m->c, 2) == 0 ? DTYPE_I8 : DTYPE_U8;
    value_id scale = make_scalar(m, DTYPE_F32, 0.03125 * (1 + choose(m->c, 3))),
             zero = make_scalar(m, t, is_signed ? -3 : 120);
    if (choose(m->c, 3) != 0) {
        value_id x = pick_of(m, true, 1, 4);
        if (!ADD(m, "QuantizeLinear", 1, x, scale, zero))
            return;
        if (choose(m->c, 2) == 0) {
            ADD(m, "DequantizeLinear", 1, m->values[m->value_count - 1], scale, zero);
            return;
        }
    }
    shape s = new_shape(m, 2, 3);
    value_id x = make_between(m, t, &s, MILD, is_signed ? -128 : 0, is_signed ? 127 : 255, false);
    int64_t k = dim_of(m, x, -1), n = new_dim(m);
    shape ws = {.rank = 2, .dims = {k, n}};
    value_id w = make_between(m, wt, &ws, MILD, wt == DTYPE_I8 ? -128 : 0, 127, choose(m->c, 4) != 0),
             w_zero = make_scalar(m, wt, 5);
    if (choose(m->c, 2) == 0)
        ADD(m, "MatMulInteger", 1, x, w, zero, w_zero);
    else
        ADD(m, "QLinearMatMul", 1, x, scale, zero, w, scale, w_zero, make_scalar(m, DTYPE_F32, 2), zero);
}

/* Any operator of the table over values that are there: mostly refused. */
static inline void make_any(maker *m) {
    const op_def *op = op_at((choose(m->c, 256) * 256 + choose(m->c, 256)) % op_count());
    value_id inputs[MOST_INPUTS];
    size_t most = op->max_inputs < MOST_INPUTS ? op->max_inputs : MOST_INPUTS,
           least = op->min_inputs < most ? op->min_inputs : most,
           count = least + choose(m->c, (unsigned)(most - least) + 1);
    if ((op->flags & OP_RANDOM) != 0)
        return;
    for (size_t i = 0; i < count; i++)
        inputs[i] = i >= least && choose(m->c, 3) == 0 ? VALUE_NONE : pick_of(m, choose(m->c, 3) != 0, 0, 4);
    for (size_t i = 0; i < op->attr_count && i < GRAPH_ATTRS; i++) {
        if (choose_attr(m->c, m->g, &op->attrs[i], &m->attrs[m->attr_count]))
            m->attr_count++;
    }
    add_node(m, op->domain, op->name, count, inputs, op->min_outputs > 0 ? op->min_outputs : 1);
}

/* ---- the graph -------------------------------------------------------------------------------------------------------------- */

static inline void make_one(maker *m) {
    static void (*const makers[])(maker *m) = {
        make_unary,     make_unary,     make_binary, make_binary, make_binary,      make_select,
        make_cast,      make_matmul,    make_matmul, make_gemm,   make_convolution, make_convolution,
        make_pool,      make_norm,      make_norm,   make_reduce, make_topk,        make_transpose,
        make_transpose, make_reshape,   make_concat, make_split,  make_slice,       make_gather,
        make_pad,       make_repeat,    make_resize, make_blocks, make_trilu,       make_attention,
        make_recurrent, make_quantised, make_any};
    m->attr_count = 0;
    PICK(m->c, makers)(m);
}

/* Every value that nobody reads becomes an output. */
static inline bool finish(maker *m) {
    uint32_t *uses = ARENA_ARRAY(m->g->arena, uint32_t, m->g->value_count + 1);
    if (uses == NULL || graph_count_uses(m->g, uses, NULL) != ACCEL_OK)
        return false;
    for (size_t i = 0; i < m->value_count && m->g->output_count < MOST_OUTPUTS; i++) {
        const graph_value *v = &m->g->values[m->values[i]];
        if (uses[m->values[i]] == 0 && v->origin == VALUE_NODE && v->type.container == CONTAINER_TENSOR &&
            graph_add_output(m->g, m->values[i], NULL) != ACCEL_OK)
            return false;
    }
    return m->g->output_count > 0 && graph_sweep(m->g, NULL) == ACCEL_OK &&
           graph_infer(m->g, NULL) == ACCEL_OK;
}

static inline void random_graph_close(maker *m) {
    for (size_t i = 0; i < m->input_count; i++)
        tensor_free(&m->inputs[i]);
    graph_destroy(m->g);
    *m = (maker){0};
}

/* False: the choices give no graph; nothing is left. */
static inline bool random_graph_open(maker *m, const uint8_t *data, size_t size, unsigned nudge, bool tame) {
    choices c = {data, data + size};
    *m = (maker){.c = &c, .nudge = nudge, .tame = tame, .noise = 0x243F6A8885A308D3ull * (nudge + 1)};
    if (graph_create(&m->g, NULL) != ACCEL_OK)
        return false;
    unsigned nodes = 1 + choose(&c, 6);
    for (unsigned i = 0; i < 12 && m->node_count < nodes && c.at < c.end; i++)
        make_one(m);
    bool fine = finish(m);
    m->c = NULL;
    if (!fine)
        random_graph_close(m);
    return fine;
}

#endif
