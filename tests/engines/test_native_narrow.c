/* Weights that stay 16 bits wide in the graph, behind a Cast: products read them as they are stored. Against the reference, which casts
 * them, and against the same weights as float32. */
#include "engines/native_graphs.h"

static const dtype types[] = {DTYPE_F16, DTYPE_BF16};

/* Seeded, of that type, scaled like weights; wide: the same values as float32. */
static value_id weight_of(builder *b, dtype type, bool wide, int rank, const int64_t *dims) {
    shape s = shape_make(rank, dims);
    tensor from, narrow, t;
    accel_error err = {0};
    value_id id = VALUE_NONE;
    int64_t n = 0;
    shape_elements(&s, &n);
    check_ok(tensor_create(DTYPE_F32, &s, &from, &err), &err);
    check_ok(tensor_create(type, &s, &narrow, &err), &err);
    check_ok(tensor_create(wide ? DTYPE_F32 : type, &s, &t, &err), &err);
    fill_input(&from, 5);
    for (int64_t i = 0; i < n; i++) {
        dtype_set_f64(type, narrow.data, (size_t)i, (double)((float *)from.data)[i] / sqrt((double)dims[0]));
        dtype_set_f64(t.type, t.data, (size_t)i, dtype_get_f64(type, narrow.data, (size_t)i));
    }
    check_ok(graph_add_constant(b->graph, "", t.type, &s, t.data, &id, &err), &err);
    tensor_free(&from);
    tensor_free(&narrow);
    tensor_free(&t);
    return id;
}

static value_id widen(builder *b, value_id v) {
    return build_op(b, "Cast", 1, &v, 1, &BUILD_INT("to", DTYPE_F32));
}

static value_id turned(builder *b, value_id v) {
    return build_transpose(b, v, 2, (const int64_t[]){1, 0});
}

/* x [m,k] by a weight [n,k] that is transposed, or [k,n]. */
static value_id product(builder *b, dtype type, bool wide, bool transposed, int64_t m, int64_t k, int64_t n) {
    value_id x = input(b, DIMS(m, k));
    value_id w = transposed ? weight_of(b, type, wide, DIMS(n, k)) : weight_of(b, type, wide, DIMS(k, n));
    w = wide ? w : widen(b, w);
    return BUILD(b, "MatMul", x, transposed ? turned(b, w) : w);
}

/* One row to more than are read in place; depths and widths around the vectors' and over a block of sums. */
static void test_products(void **state) {
    (void)state;
    static const int64_t sizes[][3] = {
        {1, 1, 1},    {1, 7, 3},     {1, 8, 4},    {1, 1000, 5},  {2, 31, 17},   {3, 64, 64},
        {4, 65, 130}, {5, 3200, 6},  {6, 385, 33}, {7, 6200, 9},  {8, 129, 100}, {9, 385, 33},
        {9, 7, 3},    {20, 600, 70}, {1, 0, 4},    {130, 96, 48}, {33, 1025, 16}};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            const int64_t m = sizes[i][0], k = sizes[i][1], n = sizes[i][2];
            for (int transposed = 0; transposed < 2; transposed++) {
                char name[64];
                snprintf(name, sizeof name, "%s %dx%dx%d %s", dtype_name(types[t]), (int)m, (int)k, (int)n,
                         transposed != 0 ? "transposed" : "as it is");
                builder b = start();
                finish(&b, product(&b, types[t], false, transposed != 0, m, k, n), 5e-6, name);
            }
        }
    }
}

static void test_what_joins_a_product(void **state) {
    (void)state;
    for (int64_t m = 1; m <= 9; m += 4) {
        builder b = start();
        value_id y = product(&b, DTYPE_F16, false, true, m, 45, 29);
        y = BUILD(&b, "Mul", y, constant(&b, DIMS(29)));
        y = BUILD(&b, "Add", BUILD(&b, "Add", y, constant(&b, DIMS(29))), input(&b, DIMS(m, 29)));
        finish(&b, BUILD(&b, "Relu", y), 5e-6, "scale, bias, residual and Relu");
    }
}

static void keep_output(const native_case *c, tensor *out) {
    accel_error err = {0};
    tensor now;
    engine_session *s = native_open(c, 2);
    check_ok(engine_find("native")->run(s, &err), &err);
    check_ok(engine_find("native")->outputs(s, &now, 1, &err), &err);
    check_ok(tensor_create(now.type, &now.shape, out, &err), &err);
    memcpy(out->data, now.data, now.size_bytes);
    engine_find("native")->unload(s);
}

/* Weights so large that few rows read float32 ones in their own way too. */
static void test_large_ones_as_float32(void **state) {
    (void)state;
    for (int64_t m = 1; m <= 8; m++) {
        tensor outputs[2];
        for (int wide = 0; wide < 2; wide++) {
            builder b = start();
            build_output(&b, "y", product(&b, types[m % 2], wide != 0, true, m, 1031, 1050));
            native_case c = native_case_open(finish_graph(&b));
            keep_output(&c, &outputs[wide]);
            native_case_close(&c);
        }
        assert_true(outputs[0].size_bytes > 0);
        /* Not bit by bit: float32 weights that fit 16 bits may be packed, and then sums have another order. */
        tensor_distance d;
        accel_error err = {0};
        check_ok(tensor_compare(&outputs[0], &outputs[1], &d, &err), &err);
        assert_true(d.relative_l2 < 1e-6);
        tensor_free(&outputs[0]);
        tensor_free(&outputs[1]);
    }
}

static const engine_profile_row *row_of(const engine_profile_row *rows, size_t count, const char *op_type) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].op_type, op_type) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* A table whose rows are words, and which makes the logits: neither widens it as a whole. */
static void test_tied_table(void **state) {
    (void)state;
    for (size_t t = 0; t < 2; t++) {
        builder b = start();
        value_id table = weight_of(&b, types[t], false, DIMS(300, 40)), wide = widen(&b, table);
        value_id words = build_rows(&b, wide, input_of(&b, DTYPE_I64, DIMS(1, 3)));
        build_output(&b, "y", BUILD(&b, "MatMul", words, turned(&b, wide)));
        native_case c = native_case_open(finish_graph(&b));
        engine_session *s = native_open(&c, 1);
        accel_error err = {0};
        check_ok(engine_find("native")->run(s, &err), &err);
        native_compare(&c, s, 5e-6, "a tied table");
        engine_profile_row *rows;
        size_t count;
        arena *a = arena_create();
        check_ok(engine_find("native")->profile(s, a, &rows, &count, &err), &err);
        const engine_profile_row *logits = row_of(rows, count, "MatMul"), *cast = row_of(rows, count, "Cast");
        assert_string_equal(logits->kernel, t == 0 ? "gemv fp16 in place" : "gemv bf16 in place");
        assert_true(logits->bytes < 300 * 40 * 2 + 3 * 400 * 4);
        assert_non_null(cast);
        assert_true(cast->bytes <= 3 * 40 * 6);
        arena_destroy(a);
        engine_find("native")->unload(s);
        native_case_close(&c);
    }
}

/* Where a file holds a weight at an odd address, a copy is read. */
static void test_unaligned(void **state) {
    (void)state;
    builder b = start();
    value_id y = product(&b, DTYPE_F16, false, true, 2, 33, 21);
    for (size_t v = 0; v < b.graph->value_count; v++) {
        graph_value *value = &b.graph->values[v];
        if (value->type.type == DTYPE_F16 && value->data.kind == DATA_BYTES) {
            uint8_t *odd = (uint8_t *)arena_alloc(b.graph->arena, value->data.size_bytes + 1) + 1;
            memcpy(odd, value->data.bytes, value->data.size_bytes);
            value->data.bytes = odd;
        }
    }
    finish(&b, y, 5e-6, "an odd address");
}

/* Asked for 16 bits: weights of the other type are rounded to it, sums stay float32. */
static void test_other_precisions(void **state) {
    (void)state;
    static const precision asked[] = {PRECISION_FP16, PRECISION_BF16};
    for (size_t i = 0; i < 8; i++) {
        builder b = start();
        build_output(&b, "y", product(&b, types[i % 2], false, i / 2 % 2 != 0, i < 4 ? 3 : 12, 77, 50));
        native_case c = native_case_open(finish_graph(&b));
        for (size_t p = 0; p < 2; p++) {
            accel_error err = {0};
            engine_session *s = native_open_in(&c, asked[p], 2);
            check_ok(engine_find("native")->run(s, &err), &err);
            native_compare(&c, s, asked[p] == PRECISION_BF16 ? 8e-3 : 1e-3, precision_name(asked[p]));
            native_check_kernels(s, false, "at 16 bits");
            engine_find("native")->unload(s);
        }
        native_case_close(&c);
    }
}

static void test_allocations_that_fail(void **state) {
    (void)state;
    builder b = start();
    value_id x = product(&b, DTYPE_F16, false, true, 2, 33, 21);
    build_output(&b, "few", x);
    build_output(&b, "many", product(&b, DTYPE_BF16, false, false, 20, 33, 21));
    native_fail_every_allocation(finish_graph(&b));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_what_joins_a_product),
        cmocka_unit_test(test_large_ones_as_float32),
        cmocka_unit_test(test_tied_table),
        cmocka_unit_test(test_unaligned),
        cmocka_unit_test(test_other_precisions),
        cmocka_unit_test(test_allocations_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
