/* Attention, rotary embedding and caches of the native engine against the reference. */
#include <math.h>
#include <stdio.h>

#include "engines/native_check.h"
#include "graph/internal.h"

static value_id input(builder *b, const char *name, int rank, const int64_t *dims) {
    return build_input(b, name, DTYPE_F32, rank, dims, NULL);
}

static void finish(builder *b, double tolerance, const char *name) {
    native_check(finish_graph(b), tolerance, false, name);
}

/* ---- attention ------------------------------------------------------------------------------------------------------- */

typedef struct attention_case {
    const char *name;
    bool packed;
    int64_t batch, q_heads, kv_heads, q_length, fresh, head, v_head;
    int64_t past;  /* -1: none is given */
    bool presents; /* wanted */
    int mask;      /* 0: none, else its rank */
    int64_t mask_short;
    bool mask_is_bool, mask_a_head, mask_shared, causal;
    int64_t left, right;
    const int64_t *lengths; /* nonpad_kv_seqlen */
    double softcap;
} attention_case;

static value_id mask_input(builder *b, const attention_case *c, int64_t total) {
    const int64_t full[4] = {c->batch, c->mask_a_head ? c->q_heads : 1, c->mask_shared ? 1 : c->q_length,
                             total - c->mask_short};
    return build_input(b, "mask", c->mask_is_bool ? DTYPE_BOOL : DTYPE_F32, c->mask, full + 4 - c->mask,
                       NULL);
}

static void check_attention(const attention_case *c) {
    builder start_b = start(), *b = &start_b;
    int64_t past = c->past > 0 ? c->past : 0, total = past + c->fresh;
    value_id in[7], out[3] = {VALUE_NONE, VALUE_NONE, VALUE_NONE};
    in[0] = c->packed ? input(b, "q", DIMS(c->batch, c->q_length, c->q_heads * c->head))
                      : input(b, "q", DIMS(c->batch, c->q_heads, c->q_length, c->head));
    in[1] = c->packed ? input(b, "k", DIMS(c->batch, c->fresh, c->kv_heads * c->head))
                      : input(b, "k", DIMS(c->batch, c->kv_heads, c->fresh, c->head));
    in[2] = c->packed ? input(b, "v", DIMS(c->batch, c->fresh, c->kv_heads * c->v_head))
                      : input(b, "v", DIMS(c->batch, c->kv_heads, c->fresh, c->v_head));
    in[3] = c->mask > 0 ? mask_input(b, c, total) : VALUE_NONE;
    in[4] = c->past >= 0 ? input(b, "pk", DIMS(c->batch, c->kv_heads, c->past, c->head)) : VALUE_NONE;
    in[5] = c->past >= 0 ? input(b, "pv", DIMS(c->batch, c->kv_heads, c->past, c->v_head)) : VALUE_NONE;
    in[6] = c->lengths != NULL ? build_i64s(b, (size_t)c->batch, c->lengths) : VALUE_NONE;
    build_attr attrs[] = {BUILD_INT("is_causal", c->causal),
                          BUILD_INT("left_window_size", c->left - 1),
                          BUILD_INT("right_window_size", c->right - 1),
                          BUILD_FLOAT("softcap", c->softcap),
                          BUILD_INT("q_num_heads", c->q_heads),
                          BUILD_INT("kv_num_heads", c->kv_heads)};
    build_any(b, &(build_node){.domain = "",
                               .op_type = "Attention",
                               .input_count = 7,
                               .inputs = in,
                               .attr_count = c->packed ? 6 : 4,
                               .attrs = attrs,
                               .output_count = c->presents ? 3 : 1,
                               .outputs = out});
    build_output(b, "y", out[0]);
    if (c->presents) {
        build_output(b, "present_key", out[1]);
        build_output(b, "present_value", out[2]);
    }
    finish(b, 3e-6, c->name);
}

/* Windows are given one too high, so that 0 is none. */
static void test_many_queries(void **state) {
    (void)state;
    static const int64_t lengths[2] = {37, 52};
    static const attention_case cases[] = {
        {"rows", .packed = true, .batch = 2, .q_heads = 3, .kv_heads = 3, .q_length = 40, .fresh = 52,
         .head = 20, .v_head = 12, .past = -1},
        {"heads", .batch = 2, .q_heads = 4, .kv_heads = 2, .q_length = 33, .fresh = 19, .head = 16,
         .v_head = 32, .past = -1},
        {"past", .batch = 1, .q_heads = 4, .kv_heads = 2, .q_length = 21, .fresh = 21, .head = 16,
         .v_head = 8, .past = 300, .presents = true, .causal = true},
        {"past of rows", .packed = true, .batch = 2, .q_heads = 2, .kv_heads = 1, .q_length = 11, .fresh = 9,
         .head = 16, .v_head = 5, .past = 14},
        {"presents alone", .packed = true, .batch = 2, .q_heads = 2, .kv_heads = 2, .q_length = 35,
         .fresh = 35, .head = 8, .v_head = 8, .past = -1, .presents = true, .causal = true},
        {"empty past", .batch = 1, .q_heads = 2, .kv_heads = 2, .q_length = 12, .fresh = 12, .head = 8,
         .v_head = 8, .past = 0, .presents = true},
        {"left window", .batch = 1, .q_heads = 2, .kv_heads = 2, .q_length = 70, .fresh = 70, .head = 16,
         .v_head = 16, .past = -1, .left = 6, .causal = true},
        {"both windows", .batch = 1, .q_heads = 2, .kv_heads = 2, .q_length = 90, .fresh = 700, .head = 16,
         .v_head = 16, .past = -1, .left = 9, .right = 3},
        {"lengths", .batch = 2, .q_heads = 2, .kv_heads = 2, .q_length = 20, .fresh = 60, .head = 16,
         .v_head = 16, .past = -1, .lengths = lengths, .causal = true},
        {"added mask", .packed = true, .batch = 2, .q_heads = 4, .kv_heads = 4, .q_length = 34, .fresh = 34,
         .head = 16, .v_head = 16, .past = -1, .mask = 4, .mask_a_head = true},
        {"short mask", .packed = true, .batch = 2, .q_heads = 4, .kv_heads = 4, .q_length = 34, .fresh = 34,
         .head = 16, .v_head = 16, .past = -1, .mask = 4, .mask_short = 5, .mask_is_bool = true},
        {"short shared mask", .packed = true, .batch = 2, .q_heads = 4, .kv_heads = 4, .q_length = 34,
         .fresh = 34, .head = 16, .v_head = 16, .past = -1, .mask = 4, .mask_short = 5, .mask_shared = true},
        {"mask of keys", .batch = 2, .q_heads = 2, .kv_heads = 2, .q_length = 20, .fresh = 300, .head = 16,
         .v_head = 16, .past = -1, .mask = 1, .softcap = 2},
        {"bool mask and causal", .batch = 2, .q_heads = 2, .kv_heads = 2, .q_length = 40, .fresh = 40,
         .head = 16, .v_head = 16, .past = -1, .mask = 4, .mask_shared = true, .mask_is_bool = true,
         .causal = true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_attention(&cases[i]);
    }
}

static void test_few_queries(void **state) {
    (void)state;
    static const int64_t lengths[2] = {37, 600};
    static const attention_case cases[] = {
        {"one query", .batch = 1, .q_heads = 2, .kv_heads = 2, .q_length = 1, .fresh = 1, .head = 64,
         .v_head = 64, .past = 511, .presents = true},
        {"grouped", .batch = 2, .q_heads = 8, .kv_heads = 2, .q_length = 1, .fresh = 1, .head = 32,
         .v_head = 48, .past = 300, .presents = true, .causal = true},
        {"three queries", .batch = 1, .q_heads = 4, .kv_heads = 2, .q_length = 3, .fresh = 3, .head = 20,
         .v_head = 13, .past = 20, .causal = true},
        {"rows", .packed = true, .batch = 2, .q_heads = 3, .kv_heads = 3, .q_length = 2, .fresh = 77,
         .head = 5, .v_head = 3, .past = -1},
        {"rows and a past", .packed = true, .batch = 1, .q_heads = 2, .kv_heads = 1, .q_length = 2,
         .fresh = 2, .head = 16, .v_head = 16, .past = 30, .presents = true},
        {"added mask", .batch = 2, .q_heads = 2, .kv_heads = 2, .q_length = 5, .fresh = 290, .head = 16,
         .v_head = 80, .past = -1, .mask = 4, .mask_a_head = true},
        {"short bool mask", .batch = 2, .q_heads = 2, .kv_heads = 2, .q_length = 5, .fresh = 29, .head = 16,
         .v_head = 16, .past = -1, .mask = 4, .mask_short = 4, .mask_is_bool = true},
        {"lengths", .batch = 2, .q_heads = 6, .kv_heads = 2, .q_length = 1, .fresh = 700, .head = 16,
         .v_head = 16, .past = -1, .lengths = lengths, .causal = true, .left = 21},
        {"soft cap", .batch = 1, .q_heads = 2, .kv_heads = 2, .q_length = 7, .fresh = 40, .head = 16,
         .v_head = 16, .past = -1, .softcap = 1.5, .right = 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_attention(&cases[i]);
    }
}

/* ---- masks that close ---------------------------------------------------------------------------------------------------- */

enum { CLOSED_KEYS = 300 };

/* Query i sees the keys from `first` to i + 250; every seventh query sees none at all. */
static value_id closing_mask(builder *b, int64_t queries, int64_t first, float shut) {
    float *numbers = mem_calloc((size_t)(queries * CLOSED_KEYS), sizeof *numbers);
    shape s = shape_make(DIMS(queries, CLOSED_KEYS));
    value_id id = VALUE_NONE;
    accel_error err = {0};
    for (int64_t i = 0; i < queries; i++) {
        for (int64_t j = 0; j < CLOSED_KEYS; j++) {
            bool open = j >= first && j <= i + 250 && i % 7 != 3;
            numbers[i * CLOSED_KEYS + j] = open ? 0.25f * (float)(j % 5) : shut;
        }
    }
    check_ok(graph_add_constant(b->graph, "", DTYPE_F32, &s, numbers, &id, &err), &err);
    mem_free(numbers);
    return id;
}

static void test_masks_that_close(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 8; spelling++) {
        builder start_b = start(), *b = &start_b;
        int64_t queries = spelling & 1 ? 50 : 4;
        float shut = spelling & 2 ? -INFINITY : -3.4028234663852886e38f;
        value_id q = input(b, "q", DIMS(1, 2, queries, 16)), k = input(b, "k", DIMS(1, 2, CLOSED_KEYS, 16));
        value_id mask = closing_mask(b, queries, spelling & 4 ? 40 : 0, shut), out = VALUE_NONE;
        build_any(b, &(build_node){.domain = "",
                                   .op_type = "Attention",
                                   .input_count = 4,
                                   .inputs = (value_id[]){q, k, k, mask},
                                   .output_count = 1,
                                   .outputs = &out});
        build_output(b, "y", out);
        finish(b, 3e-6, "closing mask");
    }
}

/* Padding that leaves nothing: lowest numbers give the average of all values, -inf gives zeros. */
static void test_sequences_of_padding(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 4; spelling++) {
        builder start_b = start(), *b = &start_b;
        float shut = spelling & 2 ? -INFINITY : -3.4028234663852886e38f, numbers[2 * 20] = {0};
        for (int i = 20; i < 40; i++) {
            numbers[i] = shut;
        }
        shape s = shape_make(DIMS(2, 1, 1, 20));
        value_id mask = VALUE_NONE, out = VALUE_NONE, k = input(b, "k", DIMS(2, 2, 20, 16));
        value_id q = input(b, "q", DIMS(2, 2, spelling & 1 ? 33 : 2, 16));
        accel_error err = {0};
        check_ok(graph_add_constant(b->graph, "", DTYPE_F32, &s, numbers, &mask, &err), &err);
        build_any(b, &(build_node){.domain = "",
                                   .op_type = "Attention",
                                   .input_count = 4,
                                   .inputs = (value_id[]){q, k, k, mask},
                                   .output_count = 1,
                                   .outputs = &out});
        build_output(b, "y", out);
        finish(b, 3e-6, "padding");
    }
}

static void test_a_length_outside_the_cache_is_an_error(void **state) {
    (void)state;
    builder start_b = start(), *b = &start_b;
    value_id q = input(b, "q", DIMS(1, 2, 1, 8)), k = input(b, "k", DIMS(1, 2, 9, 8)), none = VALUE_NONE;
    value_id lengths = build_input(b, "lengths", DTYPE_I64, 1, (int64_t[]){1}, NULL), out = VALUE_NONE;
    build_any(b, &(build_node){.domain = "",
                               .op_type = "Attention",
                               .input_count = 7,
                               .inputs = (value_id[]){q, k, k, none, none, none, lengths},
                               .output_count = 1,
                               .outputs = &out});
    build_output(b, "y", out);
    graph *g = NULL;
    accel_error err = {0};
    check_ok(builder_finish(b, &g, &err), &err);
    native_case c = native_case_open(g);
    *(int64_t *)c.inputs[2].data = 10;
    engine_session *s = native_open(&c, 1);
    assert_int_equal(engine_find("native")->run(s, &err), ACCEL_BAD_GRAPH);
    assert_non_null(strstr(err.message, "Attention"));
    engine_find("native")->unload(s);
    native_case_close(&c);
}

/* ---- rotary embedding ------------------------------------------------------------------------------------------------ */

static void test_rotary_embedding(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 16; spelling++) {
        builder start_b = start(), *b = &start_b;
        bool packed = (spelling & 1) != 0, positions = (spelling & 2) != 0, part = (spelling & 4) != 0;
        int64_t half = part ? 9 : 20;
        value_id in[4] = {packed ? input(b, "x", DIMS(2, 5, 3 * 40)) : input(b, "x", DIMS(2, 3, 5, 40)),
                          positions ? input(b, "cos", DIMS(8, half)) : input(b, "cos", DIMS(2, 5, half)),
                          positions ? input(b, "sin", DIMS(8, half)) : input(b, "sin", DIMS(2, 5, half)),
                          positions ? build_input(b, "at", DTYPE_I64, 2, (int64_t[]){2, 5}, NULL)
                                    : VALUE_NONE};
        build_attr attrs[] = {BUILD_INT("interleaved", spelling >> 3), BUILD_INT("num_heads", packed ? 3 : 0),
                              BUILD_INT("rotary_embedding_dim", part ? 2 * half : 0)};
        build_output(b, "y", build_op(b, "RotaryEmbedding", positions ? 4 : 3, in, 3, attrs));
        finish(b, 1e-6, "rotary");
    }
}

/* ---- caches --------------------------------------------------------------------------------------------------------------- */

static void test_lines_written_into_a_cache(void **state) {
    (void)state;
    for (int spelling = 0; spelling < 16; spelling++) {
        builder start_b = start(), *b = &start_b;
        bool circular = (spelling & 1) != 0, whole = (spelling & 2) != 0, in_place = (spelling & 4) != 0;
        int64_t fresh = whole ? 9 : 4, starts[2] = {whole && !circular ? 0 : 5, whole && !circular ? 0 : 2};
        value_id cache = input(b, "cache", DIMS(2, 3, 9, 8)),
                 update = input(b, "update", DIMS(2, 3, fresh, 8));
        if (in_place) { /* both die here */
            cache = BUILD(b, "Neg", cache);
            update = BUILD(b, "Abs", update);
        }
        value_id in[3] = {cache, update, spelling & 8 ? VALUE_NONE : build_i64s(b, 2, starts)};
        build_attr mode = BUILD_STRING("mode", circular ? "circular" : "linear");
        value_id y = build_op(b, "TensorScatter", spelling & 8 ? 2 : 3, in, 1, &mode);
        build_output(b, "y", BUILD(b, "Neg", y));
        finish(b, 0, "cache");
    }
}

static accel_status run_with(graph *g, size_t input, int64_t number, accel_error *err) {
    native_case c = native_case_open(g);
    ((int64_t *)c.inputs[input].data)[0] = number;
    engine_session *s = native_open(&c, 1);
    accel_status status = engine_find("native")->run(s, err);
    engine_find("native")->unload(s);
    native_case_close(&c);
    return status;
}

static void test_places_outside_are_errors(void **state) {
    (void)state;
    static const int64_t wrong[2] = {-1, 6};
    for (int i = 0; i < 4; i++) {
        builder start_b = start(), *b = &start_b;
        accel_error err = {0};
        graph *g = NULL;
        value_id at = build_input(b, "at", DTYPE_I64, i < 2 ? 1 : 2, (int64_t[]){1, 1}, NULL), y;
        if (i < 2) {
            value_id cache = input(b, "cache", DIMS(1, 6, 4)), update = input(b, "update", DIMS(1, 1, 4));
            y = BUILD(b, "TensorScatter", cache, update, at);
        } else {
            value_id x = input(b, "x", DIMS(1, 2, 1, 4)), table = input(b, "table", DIMS(6, 2));
            y = BUILD(b, "RotaryEmbedding", x, table, table, at);
        }
        build_output(b, "y", y);
        check_ok(builder_finish(b, &g, &err), &err);
        assert_int_equal(run_with(g, 0, wrong[i % 2], &err), ACCEL_BAD_GRAPH);
        assert_non_null(strstr(err.message, i < 2 ? "TensorScatter" : "RotaryEmbedding"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_queries),
        cmocka_unit_test(test_few_queries),
        cmocka_unit_test(test_masks_that_close),
        cmocka_unit_test(test_sequences_of_padding),
        cmocka_unit_test(test_a_length_outside_the_cache_is_an_error),
        cmocka_unit_test(test_rotary_embedding),
        cmocka_unit_test(test_lines_written_into_a_cache),
        cmocka_unit_test(test_places_outside_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
