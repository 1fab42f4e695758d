/* Descriptions for WebNN: their structure, layouts, integers of 64 bits, what is refused and how, memory that ends. Numbers are checked in a
 * browser: tests/web/test_webnn_*.py. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engines/native_graphs.h"
#include "engines/webnn/webnn.h"
#include "zoo/zoo.h"

/* ---- what the browser can do ----------------------------------------------------------------------------------------- */

/* Chromium 153's, with one text in place of another everywhere. */
static webnn_limits *limits_with(const char *old, const char *new) {
    const char *source = getenv("ACCEL_SOURCE_DIR");
    str_buf path = {0}, json = {0};
    char *text = NULL;
    size_t length = 0;
    accel_error err = {0};
    webnn_limits *l = NULL;
    str_appendf(&path, "%s/tests/data/webnn/chromium-153.json", source != NULL ? source : ".");
    check_ok(file_read(path.data, 1 << 20, &text, &length, &err), &err);
    for (char *at = text, *found; *at != 0; at = found + strlen(old)) {
        found = old != NULL ? strstr(at, old) : NULL;
        str_append_bytes(&json, at, found != NULL ? (size_t)(found - at) : strlen(at));
        if (found == NULL)
            break;
        str_append(&json, new);
    }
    check_ok(webnn_limits_read(json.data, json.length, &l, &err), &err);
    str_free(&path);
    str_free(&json);
    mem_free(text);
    return l;
}

static webnn_limits *chromium(void) {
    return limits_with(NULL, NULL);
}

/* ---- the check --------------------------------------------------------------------------------------------------------- */

typedef struct checked {
    webnn_description d;
    yyjson_doc *doc;
    bool made[4096]; /* by operand: it is there when the next call is made */
} checked;

static const webnn_operand *operand_at(const checked *c, yyjson_val *id) {
    assert_true(yyjson_is_uint(id) && yyjson_get_uint(id) < c->d.operand_count);
    return &c->d.operands[yyjson_get_uint(id)];
}

static void check_told(const webnn_operand *o, yyjson_val *type, yyjson_val *dims) {
    assert_string_equal(yyjson_get_str(type), dtype_name(o->type));
    assert_int_equal(yyjson_arr_size(dims), o->shape.rank);
    for (int d = 0; d < o->shape.rank; d++)
        assert_int_equal(yyjson_get_sint(yyjson_arr_get(dims, (size_t)d)), o->shape.dims[d]);
}

static void make(checked *c, yyjson_val *id) {
    operand_at(c, id);
    assert_false(c->made[yyjson_get_uint(id)]);
    c->made[yyjson_get_uint(id)] = true;
}

/* Every "#id" of an argument is there already. */
static void check_argument(const checked *c, yyjson_val *v) {
    if (yyjson_is_str(v) && yyjson_get_str(v)[0] == '#') {
        int64_t id = -1;
        assert_true(str_to_i64(yyjson_get_str(v) + 1, &id));
        assert_in_range(id, 0, c->d.operand_count - 1);
        assert_true(c->made[id]);
    }
    size_t i, count;
    yyjson_val *key, *item;
    yyjson_arr_foreach(v, i, count, item) check_argument(c, item);
    yyjson_obj_foreach(v, i, count, key, item) check_argument(c, item);
}

static const webnn_operand *argument_operand(const checked *c, yyjson_val *call, size_t index) {
    const char *text = yyjson_get_str(yyjson_arr_get(yyjson_arr_get(call, 1), index));
    int64_t id = 0;
    return text != NULL && text[0] == '#' && str_to_i64(text + 1, &id) ? &c->d.operands[id] : NULL;
}

/* Types and shapes, of the methods that say them by themselves. */
static void check_rule(const checked *c, yyjson_val *call) {
    const char *method = yyjson_get_str(yyjson_arr_get(call, 0));
    const webnn_operand *a = argument_operand(c, call, 0), *b = argument_operand(c, call, 1);
    const webnn_operand *y = operand_at(c, yyjson_arr_get_first(yyjson_arr_get(call, 2)));
    int64_t before = 0, after = 0;
    shape s;
    if (strstr(" relu gelu erf exp sqrt tanh sigmoid softmax layerNormalization identity ", method) != NULL) {
        assert_true(shape_equal(&a->shape, &y->shape) && a->type == y->type);
    } else if (strstr(" add sub mul div pow max min ", method) != NULL) {
        assert_true(a->type == b->type && a->type == y->type);
        assert_true(shape_broadcast(&a->shape, &b->shape, &s) && shape_equal(&s, &y->shape));
    } else if (strcmp(method, "reshape") == 0) {
        assert_true(shape_elements(&a->shape, &before) && shape_elements(&y->shape, &after) &&
                    before == after);
    } else if (strcmp(method, "transpose") == 0) {
        yyjson_val *perm = yyjson_obj_get(yyjson_arr_get(yyjson_arr_get(call, 1), 1), "permutation");
        for (int d = 0; d < y->shape.rank; d++)
            assert_int_equal(y->shape.dims[d],
                             a->shape.dims[yyjson_get_sint(yyjson_arr_get(perm, (size_t)d))]);
    } else if (strcmp(method, "matmul") == 0) {
        assert_int_equal(a->shape.dims[a->shape.rank - 1], b->shape.dims[b->shape.rank - 2]);
        assert_int_equal(y->shape.dims[y->shape.rank - 1], b->shape.dims[b->shape.rank - 1]);
    }
}

static void check_description(checked *c) {
    size_t i, count;
    yyjson_val *root = yyjson_doc_get_root(c->doc), *item;
    assert_true(c->d.operand_count <= sizeof c->made);
    yyjson_arr_foreach(yyjson_obj_get(root, "inputs"), i, count, item) {
        make(c, yyjson_obj_get(item, "id"));
        check_told(operand_at(c, yyjson_obj_get(item, "id")), yyjson_obj_get(item, "type"),
                   yyjson_obj_get(item, "dims"));
    }
    yyjson_arr_foreach(yyjson_obj_get(root, "constants"), i, count, item) {
        const webnn_operand *o = operand_at(c, yyjson_arr_get(item, 0));
        make(c, yyjson_arr_get(item, 0));
        check_told(o, yyjson_arr_get(item, 1), yyjson_arr_get(item, 2));
        assert_int_equal(yyjson_get_uint(yyjson_arr_get(item, 3)), (uintptr_t)o->bytes);
        size_t size = 0;
        int64_t elements = 0;
        assert_true(shape_elements(&o->shape, &elements) && dtype_size_bytes(o->type, elements, &size));
        assert_int_equal(yyjson_get_uint(yyjson_arr_get(item, 4)), size);
    }
    yyjson_arr_foreach(yyjson_obj_get(root, "calls"), i, count, item) {
        size_t k, results;
        yyjson_val *id;
        check_argument(c, yyjson_arr_get(item, 1));
        check_rule(c, item);
        yyjson_arr_foreach(yyjson_arr_get(item, 2), k, results, id) make(c, id);
    }
    yyjson_arr_foreach(yyjson_obj_get(root, "outputs"), i, count, item)
        assert_true(c->made[yyjson_get_uint(yyjson_obj_get(item, "id"))]);
}

static void close_checked(checked *c) {
    yyjson_doc_free(c->doc);
    webnn_description_free(&c->d);
    mem_free(c);
}

/* Described, checked; the graph stays the caller's. */
static checked *describe(const graph *g, webnn_limits *l) {
    accel_error err = {0};
    checked *c = mem_calloc(1, sizeof *c);
    check_ok(webnn_describe(g, l, &c->d, &err), &err);
    check_ok(json_parse(c->d.json.data, c->d.json.length, SIZE_MAX / 2, "the description", &c->doc, &err),
             &err);
    check_description(c);
    webnn_limits_destroy(l);
    return c;
}

static void check_refused(graph *g, webnn_limits *l, const char *words) {
    accel_error err = {0};
    webnn_description d;
    assert_int_equal(webnn_describe(g, l, &d, &err), ACCEL_UNSUPPORTED);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" does not hold \"%s\"", err.message, words);
    webnn_description_free(&d);
    webnn_limits_destroy(l);
    graph_destroy(g);
}

static size_t count_calls(const checked *c, const char *method) {
    size_t i, count, found = 0;
    yyjson_val *call;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(c->doc), "calls"), i, count, call) found +=
        method == NULL || yyjson_equals_str(yyjson_arr_get(call, 0), method);
    return found;
}

/* ---- small graphs ------------------------------------------------------------------------------------------------------ */

/* Convolution, activation, pool, convolution, sum. */
static graph *picture(void) {
    builder b = start();
    build_attr pads = BUILD_INTS("pads", 4, ((int64_t[]){1, 1, 1, 1}));
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(1, 3, 8, 8), NULL);
    value_id y = build_op(&b, "Conv", 2, (value_id[]){x, constant(&b, DIMS(4, 3, 3, 3))}, 1, &pads);
    y = BUILD(&b, "Relu", y);
    value_id z = build_op(&b, "Conv", 2, (value_id[]){y, constant(&b, DIMS(4, 4, 3, 3))}, 1, &pads);
    return done(&b, BUILD(&b, "Add", BUILD(&b, "Add", z, y), constant(&b, DIMS(4, 1, 1))));
}

static void test_a_picture_is_turned_once_each_way(void **state) {
    (void)state;
    graph *g = picture();
    checked *c = describe(g, chromium());
    assert_int_equal(count_calls(c, "conv2d"), 2);
    assert_int_equal(count_calls(c, "transpose"), 2);
    close_checked(c);
    c = describe(g, limits_with("\"nhwc\"", "\"nchw\""));
    assert_int_equal(count_calls(c, "transpose"), 0);
    close_checked(c);
    graph_destroy(g);
}

/* What a sound's convolutions leave channels-last is what comes after them reads. */
static void test_a_transpose_behind_a_convolution_of_a_line_is_none(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(1, 8, 20), NULL);
    value_id y = BUILD(&b, "Gelu", BUILD(&b, "Conv", x, constant(&b, DIMS(6, 8, 3))));
    graph *g = done(&b, build_transpose(&b, y, 3, (int64_t[]){0, 2, 1}));
    checked *c = describe(g, chromium());
    assert_int_equal(count_calls(c, "transpose"), 1);
    close_checked(c);
    graph_destroy(g);
}

static void test_a_product_takes_its_bias_along(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(2, 5, 6), NULL);
    value_id y = BUILD(&b, "MatMul", x, constant(&b, DIMS(6, 7)));
    graph *g = done(&b, BUILD(&b, "Add", y, constant(&b, DIMS(7))));
    checked *c = describe(g, chromium());
    assert_int_equal(count_calls(c, "gemm"), 1);
    assert_int_equal(count_calls(c, "add"), 0);
    assert_int_equal(count_calls(c, "reshape"), 2);
    close_checked(c);
    graph_destroy(g);
}

/* A bias that others read too stays a sum of its own. */
static void test_a_product_that_is_read_twice_stays_apart(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(5, 6), NULL);
    value_id y = BUILD(&b, "MatMul", x, constant(&b, DIMS(6, 7)));
    value_id sum = BUILD(&b, "Add", y, constant(&b, DIMS(7)));
    graph *g = done(&b, BUILD(&b, "Mul", sum, y));
    checked *c = describe(g, chromium());
    assert_int_equal(count_calls(c, "add"), 1);
    close_checked(c);
    graph_destroy(g);
}

/* ---- integers ------------------------------------------------------------------------------------------------------------ */

static graph *rows_of_a_table(int64_t added) {
    builder b = start();
    value_id ids = build_input(&b, "ids", DTYPE_I64, DIMS(1, 4), NULL);
    value_id moved = BUILD(&b, "Add", ids, build_i64(&b, added));
    value_id rows =
        build_op(&b, "Gather", 2, (value_id[]){constant(&b, DIMS(10, 3)), moved}, 1, &BUILD_INT("axis", 0));
    build_output(&b, "moved", moved);
    return done(&b, rows);
}

static void test_wide_integers_stay_where_the_browser_has_them(void **state) {
    (void)state;
    graph *g = rows_of_a_table(1);
    checked *c = describe(g, chromium());
    assert_non_null(strstr(c->d.json.data, "\"name\":\"ids\",\"id\":0,\"type\":\"int64\",\"dims\":[1,4]}"));
    close_checked(c);
    graph_destroy(g);
}

static void test_wide_integers_are_32_bits_where_it_has_none(void **state) {
    (void)state;
    graph *g = rows_of_a_table(1);
    checked *c = describe(g, limits_with("\"int64\",", ""));
    assert_non_null(strstr(
        c->d.json.data, "\"name\":\"ids\",\"id\":0,\"type\":\"int32\",\"dims\":[1,4],\"given\":\"int64\"}"));
    assert_non_null(strstr(c->d.json.data, "\"name\":\"moved\""));
    close_checked(c);
    graph_destroy(g);
}

static void test_a_constant_beyond_32_bits_is_named(void **state) {
    (void)state;
    check_refused(rows_of_a_table(INT64_C(1) << 40), limits_with("\"int64\",", ""), "holds 1099511627776");
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------- */

static void test_all_that_is_missing_is_named_at_once(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(1, 3, 3), NULL),
             y = BUILD(&b, "Atan", BUILD(&b, "Det", x));
    graph *g = done(&b, BUILD(&b, "Relu", y));
    check_refused(g, chromium(), "2 parts of the model");
}

static void test_a_type_that_a_method_lacks_is_named(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_U8, DIMS(3), NULL);
    check_refused(done(&b, BUILD(&b, "Div", x, x)), chromium(),
                  "div takes float32, float16, int32 as a, not uint8");
}

static void test_a_method_that_the_browser_lacks_is_named(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(3), NULL);
    check_refused(done(&b, BUILD(&b, "Gelu", x)), limits_with("\"gelu\"", "\"other\""),
                  "the browser's WebNN has no gelu");
}

static void test_a_shape_that_nobody_gave_is_refused(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, 1, (int64_t[]){DIM_UNKNOWN}, (const char *const[]){"n"});
    check_refused(done(&b, BUILD(&b, "Relu", x)), chromium(), "input 'x'");
}

static void test_limits_that_are_no_limits_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "[]", "{", "7"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        accel_error err = {0};
        webnn_limits *l = NULL;
        assert_int_not_equal(webnn_limits_read(bad[i], strlen(bad[i]), &l, &err), ACCEL_OK);
        assert_true(err.message[0] != 0);
    }
}

/* Other numbers where limits have lists and texts: nothing is believed of them. */
static void test_limits_of_another_form_do_no_harm(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(3), NULL);
    graph *g = done(&b, BUILD(&b, "Relu", x));
    static const char json[] =
        "{\"relu\":{\"input\":{\"dataTypes\":7,\"rankRange\":[]},\"output\":null},\"preferredInputLayout\":1}";
    accel_error err = {0};
    webnn_limits *l = NULL;
    check_ok(webnn_limits_read(json, strlen(json), &l, &err), &err);
    close_checked(describe(g, l));
    graph_destroy(g);
}

/* ---- inputs and outputs ----------------------------------------------------------------------------------------------------- */

static void test_an_input_that_nothing_reads_is_not_the_browsers(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(2, 3), NULL),
             like = build_input(&b, "like", DTYPE_F32, DIMS(6), NULL);
    graph *g = done(&b, BUILD(&b, "Reshape", x, BUILD(&b, "Shape", like)));
    checked *c = describe(g, chromium());
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(c->doc), "inputs")), 1);
    close_checked(c);
    graph_destroy(g);
}

static void test_an_output_that_is_an_input_is_a_copy(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, DIMS(2), NULL), y = BUILD(&b, "Relu", x);
    build_output(&b, "same", BUILD(&b, "Identity", x));
    build_output(&b, "again", BUILD(&b, "Identity", y));
    graph *g = done(&b, y);
    checked *c = describe(g, chromium());
    assert_int_equal(count_calls(c, "identity"), 2);
    close_checked(c);
    graph_destroy(g);
}

/* ---- whole models ------------------------------------------------------------------------------------------------------------- */

static void test_the_zoos_smallest_have_good_descriptions(void **state) {
    (void)state;
    static const struct {
        const char *name;
        zoo_mode mode;
        int64_t sequence;
    } models[] = {{"bert-tiny", ZOO_INFERENCE, 8},        {"resnet-tiny", ZOO_INFERENCE, 0},
                  {"detr-tiny", ZOO_INFERENCE, 0},        {"clip-tiny", ZOO_INFERENCE, 12},
                  {"clap-tiny", ZOO_INFERENCE, 12},       {"wav2vec2-tiny", ZOO_INFERENCE, 0},
                  {"llama-tiny", ZOO_DECODE, 8},          {"t5-tiny", ZOO_DECODE, 8},
                  {"whisper-tiny-random", ZOO_PREFILL, 8}};
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        accel_error err = {0};
        zoo_model m = {0};
        zoo_inputs inputs = {0};
        const zoo_options options = {.mode = models[i].mode};
        const zoo_input_options shapes = {.sequence = models[i].sequence};
        check_ok(zoo_load(models[i].name, &options, &m, &err), &err);
        check_ok(zoo_make_inputs(&m, &shapes, &inputs, &err), &err);
        check_ok(zoo_bind(&m, &inputs, &err), &err);
        checked *c = describe(m.graph, chromium());
        assert_true(count_calls(c, NULL) > 10);
        close_checked(c);
        zoo_inputs_free(&inputs);
        zoo_model_free(&m);
    }
}

static void test_every_failed_allocation_is_reported(void **state) {
    (void)state;
    graph *g = picture();
    webnn_limits *l = chromium();
    bool done_whole = false;
    for (uint64_t n = 1; n < 20000 && !done_whole; n++) {
        accel_error err = {0};
        webnn_description d = {0};
        mem_fault_set(n, true);
        accel_status status = webnn_describe(g, l, &d, &err);
        mem_fault_set(0, false);
        done_whole = status == ACCEL_OK;
        if (!done_whole)
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
        webnn_description_free(&d);
    }
    assert_true(done_whole);
    webnn_limits_destroy(l);
    graph_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_picture_is_turned_once_each_way),
        cmocka_unit_test(test_a_transpose_behind_a_convolution_of_a_line_is_none),
        cmocka_unit_test(test_a_product_takes_its_bias_along),
        cmocka_unit_test(test_a_product_that_is_read_twice_stays_apart),
        cmocka_unit_test(test_wide_integers_stay_where_the_browser_has_them),
        cmocka_unit_test(test_wide_integers_are_32_bits_where_it_has_none),
        cmocka_unit_test(test_a_constant_beyond_32_bits_is_named),
        cmocka_unit_test(test_all_that_is_missing_is_named_at_once),
        cmocka_unit_test(test_a_type_that_a_method_lacks_is_named),
        cmocka_unit_test(test_a_method_that_the_browser_lacks_is_named),
        cmocka_unit_test(test_a_shape_that_nobody_gave_is_refused),
        cmocka_unit_test(test_limits_that_are_no_limits_are_refused),
        cmocka_unit_test(test_limits_of_another_form_do_no_harm),
        cmocka_unit_test(test_an_input_that_nothing_reads_is_not_the_browsers),
        cmocka_unit_test(test_an_output_that_is_an_input_is_a_copy),
        cmocka_unit_test(test_the_zoos_smallest_have_good_descriptions),
        cmocka_unit_test(test_every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
