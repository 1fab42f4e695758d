/* Operators of ONNX Runtime's optimisers in ONNX's own: the numbers of their references. */
#include "graph/same_numbers.h"

#include "graph/internal.h"

enum { BATCH = 2, LENGTH = 5, HEADS = 2, SIZE = 4, WIDTH = HEADS * SIZE };

static value_id f32_input(builder *b, const char *name, int rank, const int64_t *dims) {
    return build_input(b, name, DTYPE_F32, rank, dims, NULL);
}

static value_id i32_constant(builder *b, int rank, const int64_t *dims, const int32_t *numbers) {
    value_id id = VALUE_NONE;
    accel_error err = {0};
    shape s = shape_make(rank, dims);
    assert_ok(graph_add_constant(b->graph, NULL, DTYPE_I32, &s, numbers, &id, &err));
    return id;
}

/* Numbers between -1 and 1. */
static value_id weight(builder *b, int rank, const int64_t *dims) {
    static float numbers[1024];
    value_id id = VALUE_NONE;
    accel_error err = {0};
    shape s = shape_make(rank, dims);
    for (int i = 0; i < 1024; i++) {
        numbers[i] = (float)((i * 37 + (int)b->graph->value_count * 11) % 101 - 50) / 50.0f;
    }
    assert_ok(graph_add_constant(b->graph, NULL, DTYPE_F32, &s, numbers, &id, &err));
    return id;
}

typedef struct made {
    value_id out[4];
} made;

static made contributed(builder *b, const char *op, size_t input_count, const value_id *inputs,
                        size_t attr_count, const build_attr *attrs, size_t output_count) {
    made m = {{VALUE_NONE, VALUE_NONE, VALUE_NONE, VALUE_NONE}};
    const char *domain = strcmp(op, "SimplifiedLayerNormalization") == 0 ? "" : "com.microsoft";
    build_any(b, &(build_node){.domain = domain,
                               .op_type = op,
                               .input_count = input_count,
                               .inputs = inputs,
                               .attr_count = attr_count,
                               .attrs = attrs,
                               .output_count = output_count,
                               .outputs = m.out});
    return m;
}

static graph *expanded(builder *b, value_id y) {
    return after(finish(b, y), pass_expand_contributed);
}

static void assert_none_left(graph *g) {
    for (size_t i = 0; i < g->node_count; i++) {
        assert_string_equal(g->nodes[i]->domain, "");
        assert_string_not_equal(g->nodes[i]->op_type, "SimplifiedLayerNormalization");
    }
    graph_destroy(g);
}

/* --- activations, products --- */

static void activations_become_onnx(void **state) {
    (void)state;
    static const char *const names[] = {"Gelu", "FastGelu", "QuickGelu", "BiasGelu", "FastGelu"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        builder b = start();
        value_id inputs[2] = {f32_input(&b, "x", DIMS(3, 6)), weight(&b, DIMS(6))};
        assert_none_left(expanded(&b, contributed(&b, names[i], i < 3 ? 1 : 2, inputs, 0, NULL, 1).out[0]));
    }
}

static void a_fused_product_becomes_transposes_and_a_scale(void **state) {
    (void)state;
    for (int turn = 0; turn < 4; turn++) {
        builder b = start();
        value_id inputs[2] = {
            turn & 1 ? f32_input(&b, "a", DIMS(2, 4, 3)) : f32_input(&b, "a", DIMS(2, 3, 4)),
            turn & 2 ? f32_input(&b, "b", DIMS(2, 5, 4)) : f32_input(&b, "b", DIMS(2, 4, 5))};
        build_attr attrs[] = {BUILD_INT("transA", turn & 1), BUILD_INT("transB", turn >> 1),
                              BUILD_FLOAT("alpha", turn == 0 ? 1 : 0.25)};
        graph *g = expanded(&b, contributed(&b, "FusedMatMul", 2, inputs, 3, attrs, 1).out[0]);
        assert_int_equal(count_nodes(g, "MatMul"), 1);
        assert_none_left(g);
    }
}

static void a_fused_convolution_becomes_its_parts(void **state) {
    (void)state;
    static const char *const activations[] = {"", "Relu", "Sigmoid", "LeakyRelu"};
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++) {
        builder b = start();
        value_id inputs[4] = {f32_input(&b, "x", DIMS(1, 2, 5, 5)), weight(&b, DIMS(3, 2, 3, 3)),
                              weight(&b, DIMS(3)), f32_input(&b, "z", DIMS(1, 3, 3, 3))};
        build_attr attrs[] = {BUILD_INTS("strides", 2, ((int64_t[]){2, 2})),
                              BUILD_INTS("pads", 4, ((int64_t[]){1, 1, 1, 1})),
                              BUILD_STRING("activation", activations[i])};
        assert_none_left(
            expanded(&b, contributed(&b, "FusedConv", i < 2 ? 4 : 3, inputs, 3, attrs, 1).out[0]));
    }
}

/* --- normalisation --- */

static void skip_norms_become_sums_and_norms(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 8; spelling++) {
        bool centred = (spelling & 1) == 0, short_skip = (spelling & 2) != 0, wants_sum = (spelling & 4) != 0;
        builder b = start();
        value_id gamma = weight(&b, DIMS(WIDTH)), beta = weight(&b, DIMS(WIDTH)),
                 bias = weight(&b, DIMS(WIDTH));
        value_id x = f32_input(&b, "x", DIMS(BATCH, LENGTH, WIDTH));
        value_id skip = short_skip ? f32_input(&b, "s", DIMS(1, LENGTH, WIDTH))
                                   : f32_input(&b, "s", DIMS(BATCH, LENGTH, WIDTH));
        value_id inputs[5] = {x, skip, gamma, centred ? beta : bias, bias};
        made m = contributed(&b, centred ? "SkipLayerNormalization" : "SkipSimplifiedLayerNormalization",
                             centred ? 5 : 4, inputs, 1, &BUILD_FLOAT("epsilon", 1e-3), wants_sum ? 4 : 1);
        if (wants_sum) {
            build_output(&b, "sum", m.out[3]);
        }
        graph *g = expanded(&b, m.out[0]);
        assert_int_equal(count_nodes(g, centred ? "LayerNormalization" : "RMSNormalization"), 1);
        assert_none_left(g);
    }
}

static void statistics_stay_with_the_reference(void **state) {
    (void)state;
    builder b = start();
    value_id inputs[4] = {f32_input(&b, "x", DIMS(BATCH, LENGTH, WIDTH)),
                          f32_input(&b, "s", DIMS(BATCH, LENGTH, WIDTH)), weight(&b, DIMS(WIDTH)),
                          weight(&b, DIMS(WIDTH))};
    made m = contributed(&b, "SkipLayerNormalization", 4, inputs, 0, NULL, 3);
    build_output(&b, "mean", m.out[1]);
    graph *g = expanded(&b, m.out[0]);
    assert_int_equal(count_nodes(g, "SkipLayerNormalization"), 1);
    graph_destroy(g);
}

static void a_simplified_norm_becomes_rms(void **state) {
    (void)state;
    builder b = start();
    value_id inputs[2] = {f32_input(&b, "x", DIMS(3, WIDTH)), weight(&b, DIMS(WIDTH))};
    assert_none_left(expanded(
        &b, contributed(&b, "SimplifiedLayerNormalization", 2, inputs, 1, &BUILD_FLOAT("epsilon", 1e-6), 1)
                .out[0]));
}

static void embeddings_become_gathers(void **state) {
    (void)state;
    static const int32_t ids[BATCH * LENGTH] = {1, 3, 0, 2, 2, 0, 1, 1, 3, 3},
                                     kept[BATCH * LENGTH] = {1, 1, 1, 0, 0, 1},
                                     places[LENGTH] = {4, 2, 0, 1, 3};
    for (int spelling = 0; spelling < 4; spelling++) {
        builder b = start();
        bool segments = (spelling & 1) != 0, positions = (spelling & 2) != 0;
        value_id in[9] = {i32_constant(&b, DIMS(BATCH, LENGTH), ids),
                          segments ? i32_constant(&b, DIMS(BATCH, LENGTH), kept) : VALUE_NONE,
                          weight(&b, DIMS(4, WIDTH)),
                          weight(&b, DIMS(6, WIDTH)),
                          segments ? weight(&b, DIMS(2, WIDTH)) : VALUE_NONE,
                          weight(&b, DIMS(WIDTH)),
                          weight(&b, DIMS(WIDTH)),
                          i32_constant(&b, DIMS(BATCH, LENGTH), kept),
                          positions ? i32_constant(&b, DIMS(1, LENGTH), places) : VALUE_NONE};
        made m = contributed(&b, "EmbedLayerNormalization", 9, in, 0, NULL, 3);
        build_output(&b, "counts", m.out[1]);
        build_output(&b, "sum", m.out[2]);
        assert_none_left(expanded(&b, m.out[0]));
    }
}

/* --- attention --- */

/* The forms of a padding mask over `keys` keys. */
static value_id mask_of(builder *b, int form, int64_t queries, int64_t keys) {
    int32_t numbers[BATCH * LENGTH * 16];
    for (int i = 0; i < BATCH * LENGTH * 16; i++) {
        numbers[i] = i % 7 != 3 && i % 5 != 1;
    }
    switch (form) {
    case 1:
        return i32_constant(b, DIMS(BATCH), (int32_t[]){4, 3});
    case 2:
        return i32_constant(b, DIMS(2 * BATCH), (int32_t[]){5, 4, 1, 2});
    case 3:
        return i32_constant(b, DIMS(3 * BATCH + 2), (int32_t[]){4, 3, 0, 0, 0, 0, 0, 0});
    case 4:
        return i32_constant(b, DIMS(BATCH, keys), numbers);
    case 5:
        return i32_constant(b, DIMS(BATCH, queries, keys), numbers);
    default:
        return VALUE_NONE;
    }
}

static void attention_projects_masks_and_keeps_a_state(void **state) {
    (void)state;
    for (int form = 0; form < 6; form++) {
        for (int past = 0; past < 2; past++) {
            builder b = start();
            int64_t keys = LENGTH + (past ? 3 : 0);
            value_id in[6] = {f32_input(&b, "x", DIMS(BATCH, LENGTH, 6)),
                              weight(&b, DIMS(6, 3 * WIDTH)),
                              weight(&b, DIMS(3 * WIDTH)),
                              mask_of(&b, form, LENGTH, keys),
                              past ? f32_input(&b, "past", DIMS(2, BATCH, HEADS, 3, SIZE)) : VALUE_NONE,
                              form == 4 ? f32_input(&b, "bias", DIMS(1, HEADS, LENGTH, keys)) : VALUE_NONE};
            build_attr attrs[] = {BUILD_INT("num_heads", HEADS), BUILD_INT("unidirectional", form & 1)};
            made m = contributed(&b, "Attention", 6, in, 2, attrs, past ? 2 : 1);
            if (past) {
                build_output(&b, "present", m.out[1]);
            }
            graph *g = expanded(&b, m.out[0]);
            assert_int_equal(count_nodes(g, "Attention"), 1);
            assert_none_left(g);
        }
    }
}

static void multi_head_attention_takes_rows_heads_and_a_past(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 12; spelling++) {
        builder b = start();
        bool cross = spelling % 3 == 1, past = spelling % 3 == 2;
        int form = spelling / 3 + 1;
        int64_t keys = LENGTH + (past ? 3 : 0);
        value_id key = cross ? f32_input(&b, "k", DIMS(BATCH, HEADS, LENGTH, SIZE))
                             : f32_input(&b, "k", DIMS(BATCH, LENGTH, WIDTH));
        value_id in[8] = {f32_input(&b, "q", DIMS(BATCH, LENGTH, WIDTH)),
                          key,
                          cross ? key : f32_input(&b, "v", DIMS(BATCH, LENGTH, WIDTH)),
                          cross ? VALUE_NONE : weight(&b, DIMS(3 * WIDTH)),
                          mask_of(&b, form, LENGTH, keys),
                          VALUE_NONE,
                          past ? f32_input(&b, "pk", DIMS(BATCH, HEADS, 3, SIZE)) : VALUE_NONE,
                          past ? f32_input(&b, "pv", DIMS(BATCH, HEADS, 3, SIZE)) : VALUE_NONE};
        build_attr attrs[] = {BUILD_INT("num_heads", HEADS), BUILD_FLOAT("scale", spelling & 1 ? 0.3 : 0),
                              BUILD_FLOAT("mask_filter_value", -5)};
        made m = contributed(&b, "MultiHeadAttention", 8, in, 3, attrs, past ? 3 : 1);
        if (past) {
            build_output(&b, "present_key", m.out[1]);
            build_output(&b, "present_value", m.out[2]);
        }
        graph *g = expanded(&b, m.out[0]);
        assert_int_equal(count_nodes(g, "Attention"), 1);
        assert_none_left(g);
    }
}

enum grouped {
    SEPARATE = 1, /* query, key and value apart */
    ROTARY = 2,
    PAST = 4,      /* as long as what came before */
    WIDE_PAST = 8, /* with room for more */
    WINDOW = 16,
    FIRST = 32, /* nothing before */
    POSITIONS = 64,
    SHORTER = 128 /* one sequence is behind the other */
};

static graph *group_query(unsigned s) {
    enum { KV = 1, TOTAL = 6, NEW = 2, ROOM = 9 };
    builder b = start();
    int64_t length = s & FIRST ? TOTAL : NEW, past = s & WIDE_PAST ? ROOM : s & PAST ? TOTAL - NEW : 0;
    value_id q = s & SEPARATE ? f32_input(&b, "q", DIMS(BATCH, length, HEADS * SIZE))
                              : f32_input(&b, "q", DIMS(BATCH, length, (HEADS + 2 * KV) * SIZE));
    int32_t last = TOTAL - 1, places[BATCH * TOTAL] = {3, 1, 2, 0, 4, 5, 7, 6, 2, 2, 1, 0};
    value_id in[12] = {q,
                       s & SEPARATE ? f32_input(&b, "k", DIMS(BATCH, length, KV * SIZE)) : VALUE_NONE,
                       s & SEPARATE ? f32_input(&b, "v", DIMS(BATCH, length, KV * SIZE)) : VALUE_NONE,
                       past > 0 ? f32_input(&b, "pk", DIMS(BATCH, KV, past, SIZE)) : VALUE_NONE,
                       past > 0 ? f32_input(&b, "pv", DIMS(BATCH, KV, past, SIZE)) : VALUE_NONE,
                       i32_constant(&b, DIMS(BATCH), (int32_t[]){last, s & SHORTER ? last - 2 : last}),
                       i32_constant(&b, DIMS(1), (int32_t[]){TOTAL}),
                       s & ROTARY ? weight(&b, DIMS(12, SIZE / 2)) : VALUE_NONE,
                       s & ROTARY ? weight(&b, DIMS(12, SIZE / 2)) : VALUE_NONE,
                       VALUE_NONE,
                       VALUE_NONE,
                       VALUE_NONE};
    if (s & POSITIONS) {
        value_id as_i32 = i32_constant(&b, DIMS(BATCH, length), places);
        in[9] = build_op(&b, "Cast", 1, &as_i32, 1, &BUILD_INT("to", DTYPE_I64));
    }
    build_attr attrs[] = {BUILD_INT("num_heads", HEADS),
                          BUILD_INT("kv_num_heads", KV),
                          BUILD_INT("do_rotary", s & ROTARY ? 1 : 0),
                          BUILD_INT("rotary_interleaved", s & SEPARATE ? 1 : 0),
                          BUILD_INT("local_window_size", s & WINDOW ? 2 : -1),
                          BUILD_FLOAT("softcap", s & WINDOW ? 3 : 0)};
    made m = contributed(&b, "GroupQueryAttention", 12, in, 6, attrs, 3);
    build_output(&b, "present_key", m.out[1]);
    build_output(&b, "present_value", m.out[2]);
    return expanded(&b, m.out[0]);
}

static void group_query_attention_becomes_attention_on_a_cache(void **state) {
    (void)state;
    static const unsigned cases[] = {
        FIRST,
        FIRST | ROTARY | SEPARATE,
        FIRST | WIDE_PAST | ROTARY,
        FIRST | PAST | WINDOW,
        PAST,
        PAST | ROTARY | SEPARATE,
        PAST | SHORTER | ROTARY,
        WIDE_PAST | ROTARY | WINDOW,
        WIDE_PAST | SHORTER | SEPARATE | ROTARY | POSITIONS,
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph *g = group_query(cases[i]);
        assert_int_equal(count_nodes(g, "Attention"), 1);
        assert_int_equal(count_nodes(g, "RotaryEmbedding"), cases[i] & ROTARY ? 2 : 0);
        assert_none_left(g);
    }
}

static void rotary_embedding_gets_a_position_a_token(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 8; spelling++) {
        builder b = start();
        bool split = (spelling & 1) != 0, offset = (spelling & 2) != 0, part = (spelling & 4) != 0;
        value_id positions = offset ? build_i64s(&b, 1, &(int64_t){3}) : VALUE_NONE;
        if (!offset) {
            value_id flat = build_i64s(&b, BATCH * LENGTH, (int64_t[]){1, 4, 2, 0, 3, 7, 6, 5, 4, 1});
            positions = build_reshape(&b, flat, 2, (int64_t[]){BATCH, LENGTH});
        }
        value_id in[4] = {split ? f32_input(&b, "x", DIMS(BATCH, HEADS, LENGTH, SIZE))
                                : f32_input(&b, "x", DIMS(BATCH, LENGTH, WIDTH)),
                          positions, weight(&b, DIMS(9, part ? 1 : SIZE / 2)),
                          weight(&b, DIMS(9, part ? 1 : SIZE / 2))};
        build_attr attrs[] = {BUILD_INT("interleaved", spelling >> 2),
                              BUILD_INT("num_heads", part ? HEADS : 0),
                              BUILD_INT("rotary_embedding_dim", part ? 2 : 0)};
        assert_none_left(expanded(&b, contributed(&b, "RotaryEmbedding", 4, in, 3, attrs, 1).out[0]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_become_onnx),
        cmocka_unit_test(a_fused_product_becomes_transposes_and_a_scale),
        cmocka_unit_test(a_fused_convolution_becomes_its_parts),
        cmocka_unit_test(skip_norms_become_sums_and_norms),
        cmocka_unit_test(statistics_stay_with_the_reference),
        cmocka_unit_test(a_simplified_norm_becomes_rms),
        cmocka_unit_test(embeddings_become_gathers),
        cmocka_unit_test(attention_projects_masks_and_keeps_a_state),
        cmocka_unit_test(multi_head_attention_takes_rows_heads_and_a_past),
        cmocka_unit_test(group_query_attention_becomes_attention_on_a_cache),
        cmocka_unit_test(rotary_embedding_gets_a_position_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
