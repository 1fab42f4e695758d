/* Reading and writing whole models. With arguments this is a tool for test_onnx_forms.py, which compares
 * with the onnx package and ONNX Runtime:
 *   --run MODEL.onnx FOLDER INPUT.npy...  runs the reference on a model, writes FOLDER/N.npy for output N
 *   --copy MODEL.onnx OUT.onnx [external] reads and writes a model */
#include "formats/onnx_bytes.h"

#include "base/file.h"
#include "graph/evaluate.h"
#include "graph/infer.h"
#include "support/temp_folder.h"

static accel_error err;

/* --- reading --- */

static void weights_are_not_copied(void **state) {
    (void)state;
    graph *g;
    str_buf m = small_model();
    assert_ok(read_bytes(&m, &g, &err));
    const graph_value *b = &g->values[graph_find_value(g, "b")];
    assert_int_equal(b->origin, VALUE_INITIALIZER);
    assert_true((const char *)b->data.bytes > m.data && (const char *)b->data.bytes < m.data + m.length);
    graph_destroy(g);
    str_free(&m);
}

static void a_model_says_where_it_comes_from(void **state) {
    (void)state;
    graph *g;
    str_buf m = small_model();
    assert_ok(read_bytes(&m, &g, &err));
    assert_string_equal(g->name, "small");
    assert_string_equal(g->source_text, "hand");
    assert_int_equal(g->source_opset, 17);
    graph_destroy(g);
    str_free(&m);
}

static void caches_stay_what_they_are(void **state) {
    (void)state;
    graph *g, *again;
    str_buf parts = small_graph(), m = model_of(&parts, 17), copy = {0};
    assert_ok(read_bytes(&m, &g, &err));
    for (int kind = 0; kind < 3; kind++) {
        graph_value *x = &g->values[g->inputs[0]];
        x->held = kind > 0;
        x->updated = kind > 1;
        assert_ok(onnx_write_bytes(g, NULL, &copy, &err));
        assert_ok(read_bytes(&copy, &again, &err));
        const graph_value *y = &again->values[again->inputs[0]];
        assert_true(y->held == (kind > 0) && y->updated == (kind > 1));
        graph_destroy(again);
        str_free(&copy);
    }
    graph_destroy(g);
    str_free(&m);
}

static void initializers_listed_as_inputs_are_none(void **state) {
    (void)state;
    graph *g;
    str_buf parts = small_graph();
    put_value(&parts, GRAPH_INPUT, "b", DTYPE_F32, 1, (int64_t[]){3});
    str_buf m = model_of(&parts, 17);
    assert_ok(read_bytes(&m, &g, &err));
    assert_int_equal(g->input_count, 1);
    assert_string_equal(g->values[g->inputs[0]].name, "x");
    graph_destroy(g);
    str_free(&m);
}

/* TensorProto with a typed list instead of raw_data; packed or one field a number. */
static void put_list(str_buf *g, const char *name, int64_t type, uint32_t field, int64_t dim,
                     const int64_t *values, size_t count, bool packed) {
    str_buf t = {0}, list = {0};
    pb_put_int(&t, 1, dim);
    pb_put_int(&t, 2, type);
    pb_put_text(&t, 8, name);
    for (size_t i = 0; i < count; i++) {
        if (packed) {
            pb_put_varint(&list, (uint64_t)values[i]);
        } else {
            pb_put_int(&t, field, values[i]);
        }
    }
    if (packed) {
        pb_put_bytes(&t, field, str_text(&list), list.length);
    }
    str_free(&list);
    put_and_free(g, GRAPH_INITIALIZER, &t);
}

static void check_list(dtype type, uint32_t field, int64_t dim, const int64_t *stored, size_t count,
                       const int64_t *want) {
    for (int packed = 0; packed < 2; packed++) {
        graph *g;
        str_buf parts = {0};
        put_list(&parts, "w", type, field, dim, stored, count, packed);
        put_node(&parts, "Identity", "i", "w", "y", NULL);
        put_value(&parts, GRAPH_OUTPUT, "y", type, 1, (int64_t[]){dim});
        str_buf m = model_of(&parts, 25);
        assert_ok(read_bytes(&m, &g, &err));
        const graph_data *data = &g->values[graph_find_value(g, "w")].data;
        for (size_t i = 0; i < (size_t)dim; i++) {
            assert_int_equal(dtype_get_i64(type, data->bytes, i), want[i]);
        }
        graph_destroy(g);
        str_free(&m);
    }
}

static void typed_lists_are_decoded(void **state) {
    (void)state;
    static const int64_t small[3] = {-1, 0, 100}, wide[2] = {INT64_MIN, INT64_MAX};
    static const int64_t nibbles[2] = {0x21, 0x0f}, from_nibbles[3] = {1, 2, -1},
                         halves[2] = {0x3c00, 0xc000}, from_halves[2] = {1, -2};
    check_list(DTYPE_I8, 5, 3, small, 3, small);
    check_list(DTYPE_I16, 5, 3, small, 3, small);
    check_list(DTYPE_I32, 5, 3, small, 3, small);
    check_list(DTYPE_I64, 7, 2, wide, 2, wide);
    check_list(DTYPE_U64, 11, 2, wide, 2, wide);
    check_list(DTYPE_U32, 11, 3, (int64_t[]){0, 1, 0xffffffff}, 3, (int64_t[]){0, 1, 0xffffffff});
    check_list(DTYPE_I4, 5, 3, nibbles, 2, from_nibbles);
    check_list(DTYPE_F16, 5, 2, halves, 2, from_halves);
    check_list(DTYPE_BOOL, 5, 2, (int64_t[]){1, 0}, 2, (int64_t[]){1, 0});
}

static void a_list_of_the_wrong_length_is_refused(void **state) {
    (void)state;
    graph *g;
    str_buf parts = {0};
    put_list(&parts, "w", DTYPE_I64, 7, 3, (int64_t[]){1, 2}, 2, true);
    str_buf m = model_of(&parts, 17);
    assert_int_equal(read_bytes(&m, &g, &err), ACCEL_BAD_FILE);
    assert_says("initializer 'w' has shape [3], which needs 3 values, but the file holds 2");
    str_free(&m);
}

static void constants_become_initializers(void **state) {
    (void)state;
    graph *g;
    str_buf parts = {0}, attrs = {0};
    put_int_attr(&attrs, "value_int", 42);
    put_node(&parts, "Constant", "c", "", "y", &attrs);
    str_free(&attrs);
    put_value(&parts, GRAPH_OUTPUT, "y", DTYPE_I64, 0, NULL);
    str_buf m = model_of(&parts, 17);
    assert_ok(read_bytes(&m, &g, &err));
    assert_int_equal(g->node_count, 0);
    assert_int_equal(g->values[g->outputs[0]].origin, VALUE_INITIALIZER);
    assert_int_equal(dtype_get_i64(DTYPE_I64, g->values[g->outputs[0]].data.bytes, 0), 42);
    graph_destroy(g);
    str_free(&m);
}

/* --- writing --- */

static void a_model_written_is_the_model_read(void **state) {
    static const bool external[] = {false, true};
    for (size_t i = 0; i < 2; i++) {
        graph *g, *back;
        char one[65], two[65];
        str_buf parts = {0};
        float w[512];
        for (size_t k = 0; k < 512; k++) {
            w[k] = (float)k;
        }
        put_raw(&parts, "w", DTYPE_F32, 1, (int64_t[]){512}, w, sizeof w);
        put_node(&parts, "Add", "add", "x w", "y", NULL);
        put_value(&parts, GRAPH_INPUT, "x", DTYPE_F32, 2, (int64_t[]){DIM_UNKNOWN, 512});
        put_value(&parts, GRAPH_OUTPUT, "y", DTYPE_F32, 2, (int64_t[]){DIM_UNKNOWN, 512});
        str_buf m = model_of(&parts, 17);
        assert_ok(read_bytes(&m, &g, &err));
        onnx_write_options options = {.all_external = external[i]};
        assert_ok(onnx_write(g, temp_path(state, "out.onnx"), &options, &err));
        assert_int_equal(file_exists(temp_path(state, "out.onnx.data")), external[i]);
        assert_ok(onnx_read(temp_path(state, "out.onnx"), &back, &err));
        assert_ok(graph_sha256(g, one, &err));
        assert_ok(graph_sha256(back, two, &err));
        assert_string_equal(one, two);
        graph_destroy(back);
        graph_destroy(g);
        str_free(&m);
    }
}

static void weights_above_the_threshold_go_beside_the_model(void **state) {
    graph *g;
    static const float w[512];
    str_buf parts = {0};
    put_raw(&parts, "w", DTYPE_F32, 1, (int64_t[]){512}, w, sizeof w);
    put_node(&parts, "Neg", "n", "w", "y", NULL);
    put_value(&parts, GRAPH_OUTPUT, "y", DTYPE_F32, 1, (int64_t[]){512});
    str_buf m = model_of(&parts, 17);
    assert_ok(read_bytes(&m, &g, &err));
    onnx_write_options options = {.external_threshold_bytes = sizeof w};
    assert_ok(onnx_write(g, temp_path(state, "a.onnx"), &options, &err));
    assert_false(file_exists(temp_path(state, "a.onnx.data")));
    options.external_threshold_bytes = sizeof w - 1;
    assert_ok(onnx_write(g, temp_path(state, "a.onnx"), &options, &err));
    assert_true(file_exists(temp_path(state, "a.onnx.data")));
    graph_destroy(g);
    str_free(&m);
}

/* y = x + generated, and z = x + given. */
static graph *two_weights(const float *given, double spread) {
    graph *g;
    str_buf parts = {0};
    put_raw(&parts, "generated", DTYPE_F32, 1, (int64_t[]){1024}, given, 4096);
    put_raw(&parts, "given", DTYPE_F32, 1, (int64_t[]){1024}, given, 4096);
    put_node(&parts, "Add", "a", "x generated", "y", NULL);
    put_node(&parts, "Add", "b", "x given", "z", NULL);
    put_value(&parts, GRAPH_INPUT, "x", DTYPE_F32, 1, (int64_t[]){1024});
    put_value(&parts, GRAPH_OUTPUT, "y", DTYPE_F32, 1, (int64_t[]){1024});
    put_value(&parts, GRAPH_OUTPUT, "z", DTYPE_F32, 1, (int64_t[]){1024});
    str_buf m = model_of(&parts, 17);
    assert_ok(read_bytes(&m, &g, &err));
    g->values[graph_find_value(g, "generated")].data =
        (graph_data){.kind = DATA_GENERATED, .size_bytes = 4096, .stream = "s", .seed = 3, .b = spread};
    g->values[graph_find_value(g, "given")].data.bytes = given;
    str_free(&m);
    return g;
}

static void read_two_weights(const graph *g, float out[2][1024]) {
    assert_ok(graph_value_read(g, graph_find_value(g, "generated"), out[0], sizeof out[0], &err));
    assert_ok(graph_value_read(g, graph_find_value(g, "given"), out[1], sizeof out[1], &err));
}

static void weights_go_on_in_further_files_of_no_more_than_is_said(void **state) {
    static float given[1024], written[2][1024], back[2][1024];
    for (size_t i = 0; i < 1024; i++)
        given[i] = (float)i;
    const onnx_write_options options = {.all_external = true, .external_file_bytes = 8192};
    graph *g = two_weights(given, 1), *again;
    assert_ok(onnx_write(g, temp_path(state, "s.onnx"), &options, &err));
    read_two_weights(g, written);
    graph_destroy(g);
    assert_true(file_exists(temp_path(state, "s.onnx.data")));
    assert_true(file_exists(temp_path(state, "s.onnx.data.1")));
    assert_false(file_exists(temp_path(state, "s.onnx.data.2")));
    assert_ok(onnx_read(temp_path(state, "s.onnx"), &again, &err));
    read_two_weights(again, back);
    assert_memory_equal(written, back, sizeof back);
    graph_destroy(again);
}

static void models_written_together_share_weights(void **state) {
    static float given[1024];
    static const double spreads[] = {1, 1, 2}; /* the third has one weight of its own */
    onnx_weights *shared;
    assert_ok(onnx_weights_open(temp_path(state, "w.data"), &shared, &err));
    const onnx_write_options options = {.all_external = true, .shared = shared, .scratch = true};
    static float written[3][2][1024], back[2][1024];
    for (size_t i = 0; i < 1024; i++)
        given[i] = (float)i;
    for (size_t i = 0; i < 3; i++) {
        graph *g = two_weights(given, spreads[i]);
        assert_ok(onnx_write(g, temp_path(state, (const char *[]){"0", "1", "2"}[i]), &options, &err));
        read_two_weights(g, written[i]);
        graph_destroy(g);
    }
    assert_ok(onnx_weights_commit(shared, &err));
    file_map map = {0};
    assert_ok(file_map_open(temp_path(state, "w.data"), &map, &err));
    assert_int_equal(map.size_bytes, 3 * 4096);
    file_map_close(&map);
    for (size_t i = 0; i < 3; i++) {
        graph *g;
        assert_ok(onnx_read(temp_path(state, (const char *[]){"0", "1", "2"}[i]), &g, &err));
        read_two_weights(g, back);
        assert_memory_equal(written[i], back, sizeof back);
        graph_destroy(g);
    }
    assert_memory_not_equal(written[0], written[2], sizeof back);
}

static void a_folder_that_cannot_be_written_is_named(void **state) {
    (void)state;
    graph *g;
    str_buf m = small_model();
    assert_ok(read_bytes(&m, &g, &err));
    assert_true(onnx_write(g, "/nowhere/out.onnx", NULL, &err) != ACCEL_OK);
    assert_says("/nowhere");
    graph_destroy(g);
    str_free(&m);
}

static void every_failing_write_leaves_nothing_behind(void **state) {
    graph *g;
    str_buf m = small_model();
    assert_ok(read_bytes(&m, &g, &err));
    accel_status status = ACCEL_IO;
    for (uint64_t n = 1; status != ACCEL_OK && n < 1000; n++) {
        assert_false(file_exists(temp_path(state, "out.onnx")));
        file_fault_set(n, 28); /* ENOSPC */
        status = onnx_write(g, temp_path(state, "out.onnx"), NULL, &err);
        file_fault_set(0, 0);
        if (status != ACCEL_OK && file_exists(temp_path(state, "out.onnx"))) {
            break; /* the folder could not be synced after the file was whole */
        }
    }
    graph *back;
    assert_ok(onnx_read(temp_path(state, "out.onnx"), &back, &err));
    graph_destroy(back);
    graph_destroy(g);
    str_free(&m);
}

/* --- single values --- */

static void a_tensor_written_is_the_tensor_read(void **state) {
    tensor t, back;
    shape s = shape_make(2, (int64_t[]){1, 3});
    assert_ok(tensor_create(DTYPE_I16, &s, &t, &err));
    dtype_set_i64(DTYPE_I16, t.data, 1, -7);
    assert_ok(onnx_write_tensor_pb(temp_path(state, "t.pb"), "x", &t, &err));
    assert_ok(onnx_read_tensor_pb(temp_path(state, "t.pb"), &back, &err));
    assert_int_equal(back.type, DTYPE_I16);
    assert_true(shape_equal(&back.shape, &s));
    assert_memory_equal(back.data, t.data, t.size_bytes);
    tensor_free(&t);
    tensor_free(&back);
}

static const char *write_message(void **state, str_buf *m) {
    const char *path = temp_path(state, "v.pb");
    assert_ok(file_replace(path, str_text(m), m->length, &err));
    str_free(m);
    return path;
}

/* A sequence of two scalars. */
static str_buf sequence_message(void) {
    str_buf sequence = {0};
    pb_put_text(&sequence, 1, "seq");
    pb_put_int(&sequence, 2, 1);
    for (int i = 0; i < 2; i++) {
        str_buf t = {0};
        float value = (float)i;
        pb_put_int(&t, 2, DTYPE_F32);
        pb_put_bytes(&t, 9, &value, 4);
        put_and_free(&sequence, 3, &t);
    }
    return sequence;
}

static void sequences_and_optionals_are_read(void **state) {
    onnx_value v;
    str_buf one = sequence_message(), inner = sequence_message(), around = {0}, nothing = {0};
    assert_ok(onnx_read_value_pb(write_message(state, &one), CONTAINER_SEQUENCE, &v, &err));
    assert_string_equal(v.name, "seq");
    assert_int_equal(v.count, 2);
    assert_true(v.present && ((float *)v.items[1].data)[0] == 1);
    onnx_value_free(&v);
    put_and_free(&around, 5, &inner);
    assert_ok(onnx_read_value_pb(write_message(state, &around), CONTAINER_OPTIONAL_SEQUENCE, &v, &err));
    assert_true(v.present && v.count == 2);
    onnx_value_free(&v);
    pb_put_int(&nothing, 2, 1);
    assert_ok(onnx_read_value_pb(write_message(state, &nothing), CONTAINER_OPTIONAL, &v, &err));
    assert_false(v.present);
    onnx_value_free(&v);
}

static void broken_values_are_refused(void **state) {
    onnx_value v;
    str_buf cut = {0}, strings = {0};
    pb_put_bytes(&cut, 9, "12", 2);
    pb_put_int(&cut, 2, DTYPE_F32);
    assert_int_equal(onnx_read_value_pb(write_message(state, &cut), CONTAINER_TENSOR, &v, &err),
                     ACCEL_BAD_FILE);
    assert_says("v.pb");
    pb_put_int(&strings, 2, DTYPE_STRING);
    assert_int_equal(onnx_read_value_pb(write_message(state, &strings), CONTAINER_TENSOR, &v, &err),
                     ACCEL_UNSUPPORTED);
    assert_says("strings");
}

/* --- the tool --- */

static int complain(void) {
    fprintf(stderr, "%s\n", err.message);
    return 1;
}

static int run_model(const char *model, const char *folder, int count, char **files) {
    graph *g;
    evaluation *e;
    tensor inputs[16] = {0};
    if (onnx_read(model, &g, &err) != ACCEL_OK) {
        return complain();
    }
    for (int i = 0; i < count && i < 16; i++) {
        if (npy_read(files[i], &inputs[i], &err) != ACCEL_OK) {
            return complain();
        }
    }
    if (graph_infer(g, &err) != ACCEL_OK ||
        graph_evaluate(g, inputs, (size_t)count, NULL, &e, &err) != ACCEL_OK) {
        return complain();
    }
    for (size_t i = 0; i < evaluation_output_count(e); i++) {
        tensor t;
        char path[1024];
        evaluation_output_tensor(e, i, &t);
        snprintf(path, sizeof path, "%s/%zu.npy", folder, i);
        if (npy_write(path, &t, &err) != ACCEL_OK) {
            return complain();
        }
    }
    evaluation_destroy(e);
    for (int i = 0; i < count && i < 16; i++) {
        tensor_free(&inputs[i]);
    }
    graph_destroy(g);
    return 0;
}

static int copy_model(const char *from, const char *to, bool external) {
    graph *g;
    onnx_write_options options = {.all_external = external};
    if (onnx_read(from, &g, &err) != ACCEL_OK || graph_infer(g, &err) != ACCEL_OK ||
        onnx_write(g, to, &options, &err) != ACCEL_OK) {
        return complain();
    }
    graph_destroy(g);
    return 0;
}

int main(int count, char **arguments) {
    if (count >= 4 && strcmp(arguments[1], "--run") == 0) {
        return run_model(arguments[2], arguments[3], count - 4, arguments + 4);
    }
    if (count >= 4 && strcmp(arguments[1], "--copy") == 0) {
        return copy_model(arguments[2], arguments[3], count > 4);
    }
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_not_copied),
        cmocka_unit_test(a_model_says_where_it_comes_from),
        cmocka_unit_test(caches_stay_what_they_are),
        cmocka_unit_test(initializers_listed_as_inputs_are_none),
        cmocka_unit_test(typed_lists_are_decoded),
        cmocka_unit_test(a_list_of_the_wrong_length_is_refused),
        cmocka_unit_test(constants_become_initializers),
        WITH_FOLDER(a_model_written_is_the_model_read),
        WITH_FOLDER(weights_above_the_threshold_go_beside_the_model),
        WITH_FOLDER(weights_go_on_in_further_files_of_no_more_than_is_said),
        WITH_FOLDER(models_written_together_share_weights),
        WITH_FOLDER(every_failing_write_leaves_nothing_behind),
        WITH_FOLDER(a_tensor_written_is_the_tensor_read),
        WITH_FOLDER(sequences_and_optionals_are_read),
        WITH_FOLDER(broken_values_are_refused),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
