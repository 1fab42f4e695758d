/* Passes that recognise what exporters spell out: the same numbers in one operator, and what only looks alike left alone. */
#include "graph/same_numbers.h"

static value_id f32_input(builder *b, const char *name, int rank, const int64_t *dims) {
    return build_input(b, name, DTYPE_F32, rank, dims, NULL);
}

static void assert_single(graph *g, const char *op_type) {
    assert_int_equal(count_nodes(g, op_type), 1);
    assert_int_equal(g->node_count, 1);
    graph_destroy(g);
}

/* --- activations --- */

#define NUMBER(x) build_f32(b, (float)(x))

static value_id erf_gelu(builder *b, value_id x, int spelling) {
    value_id inner = spelling & 1 ? BUILD(b, "Mul", NUMBER(0.70710678118), x)
                                  : BUILD(b, "Div", x, NUMBER(1.4142135381698608));
    value_id sum = BUILD(b, "Add", BUILD(b, "Erf", inner), NUMBER(1));
    switch (spelling >> 1) {
    case 0:
        return BUILD(b, "Mul", BUILD(b, "Mul", x, sum), NUMBER(0.5));
    case 1:
        return BUILD(b, "Mul", x, BUILD(b, "Mul", NUMBER(0.5), sum));
    case 2:
        return BUILD(b, "Mul", BUILD(b, "Mul", x, NUMBER(0.5)), sum);
    default:
        return BUILD(b, "Div", BUILD(b, "Mul", sum, x), NUMBER(2));
    }
}

static void gelu_is_found_in_every_spelling(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 8; spelling++) {
        builder b = start();
        value_id x = f32_input(&b, "x", DIMS(3, 5));
        assert_single(after(finish(&b, erf_gelu(&b, x, spelling)), pass_fuse_activations), "Gelu");
    }
}

static value_id tanh_gelu(builder *b, value_id x, int spelling) {
    value_id square = BUILD(b, "Mul", x, x), inner;
    if (spelling == 0) {
        value_id cube = BUILD(b, "Pow", x, NUMBER(3));
        inner = BUILD(b, "Mul", NUMBER(0.7978845608),
                      BUILD(b, "Add", x, BUILD(b, "Mul", NUMBER(0.044715), cube)));
    } else if (spelling == 1) {
        value_id cube = BUILD(b, "Mul", x, square);
        inner = BUILD(b, "Mul", BUILD(b, "Add", x, BUILD(b, "Mul", cube, NUMBER(0.044715))),
                      NUMBER(0.7978845608));
    } else {
        value_id one = BUILD(b, "Add", NUMBER(1), BUILD(b, "Mul", NUMBER(0.044715), square));
        inner = BUILD(b, "Mul", BUILD(b, "Mul", x, NUMBER(0.7978845608)), one);
    }
    value_id sum = BUILD(b, "Add", NUMBER(1), BUILD(b, "Tanh", inner));
    return BUILD(b, "Mul", BUILD(b, "Mul", NUMBER(0.5), x), sum);
}

static void the_approximation_by_tanh_is_found(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 3; spelling++) {
        builder b = start();
        value_id x = f32_input(&b, "x", DIMS(3, 5));
        graph *g = after(finish(&b, tanh_gelu(&b, x, spelling)), pass_fuse_activations);
        assert_string_equal(node_attr_string(g->nodes[0], "approximate", ""), "tanh");
        assert_single(g, "Gelu");
    }
}

static void gates_of_sigmoid_are_found(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id x = f32_input(b, "x", DIMS(7));
    assert_single(after(finish(b, BUILD(b, "Mul", BUILD(b, "Sigmoid", x), x)), pass_fuse_activations),
                  "Swish");
    start_b = start();
    x = f32_input(b, "x", DIMS(7));
    value_id gate = BUILD(b, "Sigmoid", BUILD(b, "Mul", NUMBER(1.702), x));
    graph *g = after(finish(b, BUILD(b, "Mul", x, gate)), pass_fuse_activations);
    assert_float_equal(node_attr_float(g->nodes[0], "alpha", 0), 1.702, 1e-6);
    assert_single(g, "Swish");
}

static void gates_of_clip_are_found(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 3; spelling++) {
        builder start_b = start(), *b = &start_b;
        value_id x = f32_input(b, "x", DIMS(7));
        value_id clip = BUILD(b, "Clip", BUILD(b, "Add", x, NUMBER(3)), NUMBER(0), NUMBER(6));
        value_id six = NUMBER(6);
        value_id y = spelling == 0   ? BUILD(b, "Div", BUILD(b, "Mul", x, clip), six)
                     : spelling == 1 ? BUILD(b, "Mul", x, BUILD(b, "Div", clip, six))
                                     : BUILD(b, "Div", clip, six);
        assert_single(after(finish(b, y), pass_fuse_activations), spelling < 2 ? "HardSwish" : "HardSigmoid");
    }
}

static void softplus_and_mish_are_found(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id x = f32_input(b, "x", DIMS(7));
    value_id softplus = BUILD(b, "Log", BUILD(b, "Add", BUILD(b, "Exp", x), NUMBER(1)));
    assert_single(after(finish(b, softplus), pass_fuse_activations), "Softplus");
    start_b = start();
    x = f32_input(b, "x", DIMS(7));
    value_id mish = BUILD(b, "Mul", x, BUILD(b, "Tanh", BUILD(b, "Softplus", x)));
    assert_single(after(finish(b, mish), pass_fuse_activations), "Mish");
}

static void what_is_no_activation_stays(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id x = f32_input(b, "x", DIMS(3)), z = f32_input(b, "z", DIMS(3));
    value_id other = BUILD(b, "Mul", x, BUILD(b, "Sigmoid", z));       /* another gate */
    value_id inner = BUILD(b, "Erf", BUILD(b, "Div", x, NUMBER(1.5))); /* another number */
    value_id wrong = BUILD(b, "Mul", BUILD(b, "Mul", x, BUILD(b, "Add", inner, NUMBER(1))), NUMBER(0.5));
    value_id gate = BUILD(b, "Sigmoid", z), seen = BUILD(b, "Mul", z, gate); /* others read the gate */
    build_output(b, "gate", gate);
    build_output(b, "other", other);
    build_output(b, "wrong", wrong);
    graph *g = after(finish(b, seen), pass_fuse_activations);
    assert_int_equal(count_nodes(g, "Swish") + count_nodes(g, "Gelu"), 0);
    graph_destroy(g);
}

/* --- normalisation --- */

enum { WIDTH = 6 };

static value_id vector(builder *b, int rank, const int64_t *dims, float first) {
    float numbers[WIDTH];
    value_id id = VALUE_NONE;
    accel_error err = {0};
    shape s = shape_make(rank, dims);
    for (int i = 0; i < WIDTH; i++) {
        numbers[i] = first + 0.25f * (float)i;
    }
    assert_ok(graph_add_constant(b->graph, NULL, DTYPE_F32, &s, numbers, &id, &err));
    return id;
}

static value_id mean(builder *b, value_id x, int64_t axis, int64_t keepdims) {
    return build_op(b, "ReduceMean", 2, (value_id[]){x, build_i64s(b, 1, &axis)}, 1,
                    &BUILD_INT("keepdims", keepdims));
}

/* Bits: how the square, the division and the affine part are spelt. */
static value_id layer_norm(builder *b, value_id x, int spelling, bool centred) {
    value_id d = centred ? BUILD(b, "Sub", x, mean(b, x, spelling & 1 ? -1 : 2, 1)) : x;
    value_id again = spelling & 2 && centred ? BUILD(b, "Sub", x, mean(b, x, -1, 1)) : d;
    value_id square = spelling & 4 ? BUILD(b, "Mul", again, again) : BUILD(b, "Pow", again, NUMBER(2));
    value_id variance = BUILD(b, "Add", NUMBER(1e-5), mean(b, square, -1, 1));
    value_id normal, root = VALUE_NONE;
    if ((spelling >> 4 & 3) < 3) {
        root = spelling & 8 ? BUILD(b, "Pow", variance, NUMBER(0.5)) : BUILD(b, "Sqrt", variance);
    }
    switch (spelling >> 4 & 3) {
    case 0:
        normal = BUILD(b, "Div", d, root);
        break;
    case 1:
        normal = BUILD(b, "Mul", d, BUILD(b, "Div", NUMBER(1), root));
        break;
    case 2:
        normal = BUILD(b, "Mul", BUILD(b, "Reciprocal", root), d);
        break;
    default:
        normal = BUILD(b, "Mul", d, BUILD(b, "Pow", variance, NUMBER(-0.5)));
        break;
    }
    value_id scale = vector(b, DIMS(WIDTH), 1), shift = vector(b, DIMS(1, 1, WIDTH), -1);
    return spelling & 64 ? normal
           : centred     ? BUILD(b, "Add", BUILD(b, "Mul", scale, normal), shift)
                         : BUILD(b, "Mul", normal, scale);
}

static void layer_normalization_is_found_in_every_spelling(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 128; spelling++) {
        builder b = start();
        value_id x = f32_input(&b, "x", DIMS(2, 3, WIDTH));
        graph *g = after(finish(&b, layer_norm(&b, x, spelling, true)), pass_fuse_norms);
        assert_int_equal(count_nodes(g, "LayerNormalization"), 1);
        assert_int_equal(count_nodes(g, "ReduceMean"), 0);
        graph_destroy(g);
    }
}

static void rms_normalization_is_found_in_every_spelling(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 128; spelling++) {
        builder b = start();
        value_id x = f32_input(&b, "x", DIMS(2, 3, WIDTH));
        graph *g = after(finish(&b, layer_norm(&b, x, spelling, false)), pass_fuse_norms);
        assert_int_equal(count_nodes(g, "RMSNormalization"), 1);
        assert_int_equal(count_nodes(g, "ReduceMean"), 0);
        graph_destroy(g);
    }
}

static void a_multiplied_out_normalization_is_found(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id x = f32_input(b, "x", DIMS(4, WIDTH)), average = mean(b, x, -1, 1),
             d = BUILD(b, "Sub", x, average);
    value_id variance = BUILD(b, "Add", mean(b, BUILD(b, "Mul", d, d), -1, 1), NUMBER(1e-3));
    value_id gain =
        BUILD(b, "Mul", BUILD(b, "Reciprocal", BUILD(b, "Sqrt", variance)), vector(b, DIMS(WIDTH), 1));
    value_id rest = BUILD(b, "Sub", vector(b, DIMS(WIDTH), -1), BUILD(b, "Mul", average, gain));
    graph *g = after(finish(b, BUILD(b, "Add", BUILD(b, "Mul", x, gain), rest)), pass_fuse_norms);
    assert_single(g, "LayerNormalization");
}

static void what_is_no_normalization_stays(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id x = f32_input(b, "x", DIMS(2, WIDTH, WIDTH));
    for (int wrong = 0; wrong < 3; wrong++) {
        value_id d = BUILD(b, "Sub", x, mean(b, x, wrong == 0 ? 1 : -1, 1)); /* another axis */
        value_id square = BUILD(b, "Pow", d, NUMBER(wrong == 1 ? 4 : 2));    /* another power */
        value_id variance = mean(b, square, -1, 1);
        value_id root = BUILD(b, "Sqrt", BUILD(b, "Add", variance, NUMBER(1e-5)));
        build_output(b, wrong == 0 ? "axis" : wrong == 1 ? "power" : "seen", BUILD(b, "Div", d, root));
        if (wrong == 2) {
            build_output(b, "variance", variance); /* others read the inside */
        }
    }
    graph *g = after(finish(b, BUILD(b, "Neg", x)), pass_fuse_norms);
    assert_int_equal(count_nodes(g, "LayerNormalization"), 0);
    assert_int_equal(count_nodes(g, "RMSNormalization"),
                     1); /* that of d, where only the axis of d is another */
    graph_destroy(g);
}

/* --- attention --- */

enum { BATCH = 2, HEADS = 4, LENGTH = 5, KEYS = 7, SIZE = 3 };

enum spelling {
    KEY_IN_ONE = 1,     /* one Transpose from rows to [batch, heads, size, keys] */
    KEY_FLAT = 2,       /* batch and heads in one around the key's Transpose */
    SCALE_OPERANDS = 4, /* on q and on k, not on the scores */
    SCALE_BY_DIV = 8,
    MASK = 16,   /* added */
    CHOICE = 32, /* Where(open, scores, lowest) */
    NAN_GUARD = 64,
    SHARED_HEADS = 128,   /* two query heads a key head */
    STAYS_SPLIT = 256,    /* nobody joins the heads behind */
    KEY_FROM_CACHE = 512, /* keys and values come as heads */
    ALL_IN_ONE = 1024,    /* batch and heads in one throughout: bmm */
    SOFTCAP = 2048
};

static value_id transpose(builder *b, value_id x, size_t rank, const int64_t *perm) {
    return build_transpose(b, x, rank, perm);
}

static value_id split(builder *b, value_id rows, int64_t length, int64_t heads) {
    value_id apart = build_reshape(b, rows, 4, (int64_t[]){BATCH, length, heads, SIZE});
    return transpose(b, apart, 4, (int64_t[]){0, 2, 1, 3});
}

static value_id repeat(builder *b, value_id x, size_t rank) {
    value_id apart = BUILD(b, "Unsqueeze", x, build_i64s(b, 1, &(int64_t){2}));
    value_id many = BUILD(b, "Expand", apart, build_i64s(b, 5, (int64_t[]){BATCH, HEADS / 2, 2, KEYS, SIZE}));
    return rank == 3 ? build_reshape(b, many, 3, (int64_t[]){BATCH * HEADS, KEYS, SIZE})
                     : build_reshape(b, many, 4, (int64_t[]){BATCH, HEADS, KEYS, SIZE});
}

static value_id source(builder *b, const char *name, unsigned s, int64_t heads) {
    return s & KEY_FROM_CACHE ? f32_input(b, name, DIMS(BATCH, heads, KEYS, SIZE))
                              : split(b, f32_input(b, name, DIMS(BATCH, KEYS, heads * SIZE)), KEYS, heads);
}

static value_id flat(builder *b, value_id x, int64_t rows, int64_t columns) {
    return build_reshape(b, x, 3, (int64_t[]){BATCH * HEADS, rows, columns});
}

static value_id turned_key(builder *b, unsigned s, int64_t heads) {
    if (s & KEY_IN_ONE) {
        value_id rows = f32_input(b, "k", DIMS(BATCH, KEYS, heads * SIZE));
        value_id apart = build_reshape(b, rows, 4, (int64_t[]){BATCH, KEYS, heads, SIZE});
        return transpose(b, apart, 4, (int64_t[]){0, 2, 3, 1});
    }
    value_id k = source(b, "k", s, heads);
    k = s & SHARED_HEADS ? repeat(b, k, s & KEY_FLAT ? 3 : 4) : k;
    if (s & KEY_FLAT) {
        value_id turned =
            transpose(b, s & SHARED_HEADS ? k : flat(b, k, KEYS, SIZE), 3, (int64_t[]){0, 2, 1});
        return build_reshape(b, turned, 4, (int64_t[]){BATCH, HEADS, SIZE, KEYS});
    }
    return transpose(b, k, 4, (int64_t[]){0, 1, 3, 2});
}

static value_id masked(builder *b, value_id scores, unsigned s) {
    if (s & CHOICE) {
        value_id open = build_input(b, "open", DTYPE_BOOL, 4, (int64_t[]){1, 1, LENGTH, KEYS}, NULL);
        scores = BUILD(b, "Where", open, scores, NUMBER(-3.4028234663852886e38));
    }
    if (s & MASK) {
        scores = BUILD(b, "Add", f32_input(b, "mask", DIMS(BATCH, 1, 1, KEYS)), scores);
    }
    return scores;
}

static value_id scored(builder *b, value_id q, value_id k, unsigned s) {
    if (s & SCALE_OPERANDS) {
        q = BUILD(b, "Mul", q, NUMBER(0.8));
        k = BUILD(b, "Mul", k, NUMBER(0.7));
    }
    if (s & ALL_IN_ONE) {
        q = flat(b, q, LENGTH, SIZE);
        k = flat(b, k, SIZE, KEYS);
    }
    value_id scores = BUILD(b, "MatMul", q, k);
    if (s & ALL_IN_ONE) {
        scores = build_reshape(b, scores, 4, (int64_t[]){BATCH, HEADS, LENGTH, KEYS});
    }
    if (!(s & SCALE_OPERANDS)) {
        scores =
            s & SCALE_BY_DIV ? BUILD(b, "Div", scores, NUMBER(1.7)) : BUILD(b, "Mul", NUMBER(0.6), scores);
    }
    if (s & SOFTCAP) {
        scores = BUILD(b, "Mul", BUILD(b, "Tanh", BUILD(b, "Div", scores, NUMBER(5))), NUMBER(5));
    }
    return masked(b, scores, s);
}

static value_id attention(builder *b, unsigned s) {
    int64_t heads = s & SHARED_HEADS ? HEADS / 2 : HEADS;
    value_id q = split(b, f32_input(b, "q", DIMS(BATCH, LENGTH, HEADS * SIZE)), LENGTH, HEADS);
    value_id weights = scored(b, q, turned_key(b, s, heads), s);
    if (s & ALL_IN_ONE) {
        weights = flat(b, weights, LENGTH, KEYS);
    }
    weights = build_op(b, "Softmax", 1, &weights, 1, &BUILD_INT("axis", -1));
    if (s & NAN_GUARD) {
        weights = BUILD(b, "Where", BUILD(b, "IsNaN", weights), NUMBER(0), weights);
    }
    value_id v = source(b, "v", s, heads);
    v = s & SHARED_HEADS ? repeat(b, v, 4) : v;
    value_id y = BUILD(b, "MatMul", weights, s & ALL_IN_ONE ? flat(b, v, KEYS, SIZE) : v);
    if (s & STAYS_SPLIT) {
        return y;
    }
    y = s & ALL_IN_ONE ? build_reshape(b, y, 4, (int64_t[]){BATCH, HEADS, LENGTH, SIZE}) : y;
    y = transpose(b, y, 4, (int64_t[]){0, 2, 1, 3});
    return build_reshape(b, y, 3, (int64_t[]){0, 0, HEADS * SIZE});
}

static graph *attention_after(unsigned s) {
    builder b = start();
    return after(finish(&b, attention(&b, s)), pass_fuse_attention);
}

static void attention_is_found_in_many_spellings(void **state) {
    (void)state;
    static const unsigned cases[] = {
        0,
        KEY_IN_ONE | MASK,
        KEY_IN_ONE | SCALE_BY_DIV | CHOICE,
        KEY_FLAT | SCALE_OPERANDS | MASK | NAN_GUARD,
        SCALE_OPERANDS | MASK | CHOICE,
        SHARED_HEADS | MASK,
        SHARED_HEADS | KEY_FROM_CACHE | MASK,
        SHARED_HEADS | KEY_FLAT | NAN_GUARD | CHOICE,
        KEY_FROM_CACHE | SCALE_BY_DIV,
        STAYS_SPLIT | MASK,
        STAYS_SPLIT | KEY_IN_ONE,
        ALL_IN_ONE | MASK,
        ALL_IN_ONE | STAYS_SPLIT,
        SOFTCAP | MASK,
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph *g = attention_after(cases[i]);
        assert_int_equal(count_nodes(g, "Attention"), 1);
        assert_int_equal(count_nodes(g, "Softmax") + count_nodes(g, "MatMul"), 0);
        graph_destroy(g);
    }
}

/* What is put behind a cache: the cache's new state is the attention's own. */
static graph *attention_on_a_cache(bool others_read_it) {
    builder start_b = start(), *b = &start_b;
    value_id q = split(b, f32_input(b, "q", DIMS(BATCH, LENGTH, HEADS * SIZE)), LENGTH, HEADS), kv[2];
    for (int i = 0; i < 2; i++) {
        value_id past = f32_input(b, i == 0 ? "pk" : "pv", DIMS(BATCH, HEADS / 2, KEYS - 2, SIZE));
        value_id fresh = f32_input(b, i == 0 ? "k" : "v", DIMS(BATCH, HEADS / 2, 2, SIZE));
        kv[i] = build_op(b, "Concat", 2, (value_id[]){past, fresh}, 1, &BUILD_INT("axis", -2));
        build_output(b, i == 0 ? "present_key" : "present_value", kv[i]);
    }
    if (others_read_it) {
        build_output(b, "other", BUILD(b, "Neg", kv[0]));
    }
    value_id turned = transpose(b, repeat(b, kv[0], 4), 4, (int64_t[]){0, 1, 3, 2});
    value_id scores = BUILD(b, "MatMul", q, turned);
    value_id weights = build_op(b, "Softmax", 1, &scores, 1, &BUILD_INT("axis", -1));
    return after(finish(b, BUILD(b, "MatMul", weights, repeat(b, kv[1], 4))), pass_fuse_attention);
}

static void a_cache_is_kept_by_the_attention_that_reads_it(void **state) {
    (void)state;
    for (int others = 0; others < 2; others++) {
        graph *g = attention_on_a_cache(others == 1);
        assert_int_equal(count_nodes(g, "Attention"), 1);
        assert_int_equal(count_nodes(g, "Concat"), others == 1 ? 2 : 0);
        graph_destroy(g);
    }
}

static void rows_need_no_transpose(void **state) {
    (void)state;
    static const unsigned cases[] = {0, KEY_IN_ONE | MASK, SHARED_HEADS, KEY_FLAT | SCALE_OPERANDS,
                                     ALL_IN_ONE};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph *g = attention_after(cases[i]);
        assert_int_equal(count_nodes(g, "Transpose"), 0);
        graph_destroy(g);
    }
}

/* The mask of Where is made once for all layers. */
static void layers_share_what_is_made_of_their_mask(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id x = f32_input(b, "x", DIMS(1, 2, LENGTH, LENGTH));
    value_id open = build_input(b, "open", DTYPE_BOOL, 4, (int64_t[]){1, 1, LENGTH, LENGTH}, NULL);
    for (int layer = 0; layer < 2; layer++) {
        value_id scores = BUILD(b, "MatMul", x, transpose(b, x, 4, (int64_t[]){0, 1, 3, 2}));
        scores = BUILD(b, "Where", open, scores, NUMBER(-1e30));
        x = BUILD(b, "MatMul", build_op(b, "Softmax", 1, &scores, 1, &BUILD_INT("axis", 3)), x);
    }
    graph *first = after(finish(b, x), pass_fuse_attention), *g = after(first, pass_share);
    assert_int_equal(count_nodes(g, "Attention"), 2);
    assert_int_equal(count_nodes(g, "Where"), 1);
    graph_destroy(g);
}

static void what_is_no_attention_stays(void **state) {
    (void)state;
    for (int wrong = 0; wrong < 6; wrong++) {
        builder start_b = start(), *b = &start_b;
        value_id x = f32_input(b, "x", DIMS(2, 3, LENGTH, LENGTH)), mask = f32_input(b, "m", DIMS(LENGTH));
        value_id turned = wrong == 0 ? x : transpose(b, x, 4, (int64_t[]){0, 1, 3, 2}); /* not turned */
        value_id scores = BUILD(b, "MatMul", x, turned);
        scores =
            wrong == 1 ? BUILD(b, "Mul", BUILD(b, "Add", scores, mask), NUMBER(2)) : scores; /* mask scaled */
        scores = wrong == 2 ? BUILD(b, "Mul", scores, mask) : scores;                        /* gated */
        scores =
            wrong == 3 ? BUILD(b, "Where", BUILD(b, "Less", scores, NUMBER(0)), scores, NUMBER(-5)) : scores;
        value_id weights = build_op(b, "Softmax", 1, &scores, 1, &BUILD_INT("axis", wrong == 4 ? 2 : 3));
        if (wrong == 5) {
            build_output(b, "weights", weights); /* wanted */
        }
        graph *g = after(finish(b, BUILD(b, "MatMul", weights, x)), pass_fuse_attention);
        assert_int_equal(count_nodes(g, "Attention"), 0);
        graph_destroy(g);
    }
}

/* --- rotary embedding --- */

enum { TOKENS = 5, HALF = 3 };

static value_id part(builder *b, value_id x, int64_t begin, int64_t end) {
    return BUILD(b, "Slice", x, build_i64s(b, 1, &begin), build_i64s(b, 1, &end),
                 build_i64s(b, 1, &(int64_t){3}), build_i64s(b, 1, &(int64_t){1}));
}

/* Bits: 1 cosines of one sequence for all, 2 the operands exchanged. */
static value_id rotary(builder *b, value_id angles, int spelling) {
    value_id x = f32_input(b, "x", DIMS(2, 3, TOKENS, 2 * HALF));
    value_id axis = build_i64s(b, 1, &(int64_t){1});
    value_id cosine = BUILD(b, "Unsqueeze", BUILD(b, "Cos", angles), axis);
    value_id sine = BUILD(b, "Unsqueeze", BUILD(b, "Mul", BUILD(b, "Sin", angles), NUMBER(1.5)), axis);
    value_id halves[2] = {BUILD(b, "Neg", part(b, x, HALF, INT64_MAX)), part(b, x, 0, HALF)};
    value_id turned = build_op(b, "Concat", 2, halves, 1, &BUILD_INT("axis", -1));
    value_id a = BUILD(b, "Mul", x, cosine), c = BUILD(b, "Mul", sine, turned);
    return spelling & 2 ? BUILD(b, "Add", c, a) : BUILD(b, "Add", a, c);
}

static void rotary_embedding_is_found(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 4; spelling++) {
        builder start_b = start(), *b = &start_b;
        value_id half = f32_input(b, "angles", DIMS(spelling & 1 ? 1 : 2, TOKENS, HALF));
        value_id angles = build_op(b, "Concat", 2, (value_id[]){half, half}, 1, &BUILD_INT("axis", -1));
        graph *g = after(finish(b, rotary(b, angles, spelling)), pass_fuse_rotary);
        assert_int_equal(count_nodes(g, "RotaryEmbedding"), 1);
        assert_int_equal(count_nodes(g, "Neg"), 0);
        graph_destroy(g);
    }
}

static void other_angles_in_the_second_half_are_no_rotary_embedding(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id angles = f32_input(b, "angles", DIMS(2, TOKENS, 2 * HALF));
    graph *g = after(finish(b, rotary(b, angles, 0)), pass_fuse_rotary);
    assert_int_equal(count_nodes(g, "RotaryEmbedding"), 0);
    graph_destroy(g);
}

/* --- transposes --- */

static void a_transpose_of_single_dims_becomes_a_reshape(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id x = f32_input(b, "x", DIMS(2, 1, 3, 4)), z = f32_input(b, "z", DIMS(2, 2, 3, 4));
    build_output(b, "moved", transpose(b, z, 4, (int64_t[]){0, 2, 1, 3}));
    graph *g = after(finish(b, transpose(b, x, 4, (int64_t[]){0, 2, 1, 3})), pass_view_transposes);
    assert_int_equal(count_nodes(g, "Transpose"), 1);
    assert_int_equal(count_nodes(g, "Reshape"), 1);
    graph_destroy(g);
}

static void what_is_empty_stays(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id x = f32_input(b, "x", DIMS(1, 0, 3)), q = f32_input(b, "q", DIMS(2, 0, SIZE)),
             k = f32_input(b, "k", DIMS(2, KEYS, SIZE));
    value_id scores = BUILD(b, "MatMul", q, transpose(b, k, 3, (int64_t[]){0, 2, 1}));
    value_id weights = build_op(b, "Softmax", 1, &scores, 1, &BUILD_INT("axis", -1));
    build_output(b, "attention", BUILD(b, "MatMul", weights, k));
    graph *first = after(finish(b, transpose(b, x, 3, (int64_t[]){1, 0, 2})), pass_view_transposes);
    graph *g = after(first, pass_fuse_attention);
    assert_int_equal(count_nodes(g, "Transpose"), 2);
    assert_int_equal(count_nodes(g, "Softmax"), 1);
    graph_destroy(g);
}

/* --- equal nodes --- */

static void what_is_computed_twice_is_computed_once(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id x = f32_input(b, "x", DIMS(2, 3)), sum = VALUE_NONE;
    for (int i = 0; i < 3; i++) {
        value_id one = FLOATS(b->graph, 1, 2, 3); /* a constant of its own */
        value_id y = BUILD(b, "Exp", BUILD(b, "Add", x, one));
        y = build_op(b, "Softmax", 1, &y, 1, &BUILD_INT("axis", i == 2 ? 0 : 1));
        sum = i == 0 ? y : BUILD(b, "Add", sum, y);
    }
    graph *g = after(finish(b, sum), pass_share);
    assert_int_equal(count_nodes(g, "Exp"), 1);
    assert_int_equal(count_nodes(g, "Softmax"), 2);
    graph_destroy(g);
}

static void random_numbers_and_outputs_are_not_shared(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id x = f32_input(b, "x", DIMS(2, 3));
    build_output(b, "first", BUILD(b, "Exp", x));
    build_output(b, "second", BUILD(b, "Exp", x));
    for (int i = 0; i < 2; i++) {
        value_id noise = build_op(b, "RandomNormalLike", 1, &x, 0, NULL);
        x = BUILD(b, "Add", x, BUILD(b, "Mul", noise, NUMBER(0)));
    }
    graph *g = after(finish(b, x), pass_share);
    assert_int_equal(count_nodes(g, "Exp"), 2);
    assert_int_equal(count_nodes(g, "RandomNormalLike"), 2);
    graph_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gelu_is_found_in_every_spelling),
        cmocka_unit_test(the_approximation_by_tanh_is_found),
        cmocka_unit_test(gates_of_sigmoid_are_found),
        cmocka_unit_test(gates_of_clip_are_found),
        cmocka_unit_test(softplus_and_mish_are_found),
        cmocka_unit_test(what_is_no_activation_stays),
        cmocka_unit_test(layer_normalization_is_found_in_every_spelling),
        cmocka_unit_test(rms_normalization_is_found_in_every_spelling),
        cmocka_unit_test(a_multiplied_out_normalization_is_found),
        cmocka_unit_test(what_is_no_normalization_stays),
        cmocka_unit_test(attention_is_found_in_many_spellings),
        cmocka_unit_test(a_cache_is_kept_by_the_attention_that_reads_it),
        cmocka_unit_test(rows_need_no_transpose),
        cmocka_unit_test(layers_share_what_is_made_of_their_mask),
        cmocka_unit_test(what_is_no_attention_stays),
        cmocka_unit_test(rotary_embedding_is_found),
        cmocka_unit_test(other_angles_in_the_second_half_are_no_rotary_embedding),
        cmocka_unit_test(a_transpose_of_single_dims_becomes_a_reshape),
        cmocka_unit_test(what_is_empty_stays),
        cmocka_unit_test(what_is_computed_twice_is_computed_once),
        cmocka_unit_test(random_numbers_and_outputs_are_not_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
