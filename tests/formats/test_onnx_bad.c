/* Files that are broken in every way we can think of: each ends in a sentence that names the file and the
 * place. */
#include "formats/onnx_bytes.h"

#include "base/file.h"
#include "base/mem.h"
#include "graph/infer.h"

static accel_error err;

/* The model is refused with this status, and the sentence names the file and contains text. */
static void refused(str_buf m, accel_status status, const char *text) {
    graph *g = NULL;
    err = (accel_error){0};
    accel_status got = read_bytes(&m, &g, &err);
    if (got == ACCEL_OK) {
        got = graph_infer(g, &err);
        graph_destroy(g);
    } else {
        assert_says("model.onnx: ");
    }
    str_free(&m);
    assert_says(text);
    assert_int_equal(got, status);
}

static str_buf model_with(str_buf g) {
    return model_of(&g, 17);
}

/* --- wholeness --- */

static void a_model_cut_anywhere_is_refused_or_reads_as_less(void **state) {
    (void)state;
    str_buf m = small_model();
    for (size_t length = 0; length < m.length; length++) {
        char *cut = malloc(length + 1); /* its own block, so that a sanitizer sees a byte too many */
        memcpy(cut, m.data, length);
        graph *g = NULL;
        err = (accel_error){0};
        if (onnx_read_bytes(cut, length, "model.onnx", NULL, &g, &err) == ACCEL_OK) {
            graph_destroy(g); /* a cut between two fields leaves a smaller model */
        } else {
            assert_says("model.onnx");
        }
        free(cut);
    }
    str_free(&m);
}

static void every_single_changed_byte_is_survived(void **state) {
    (void)state;
    str_buf m = small_model();
    for (size_t at = 0; at < m.length; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            graph *g = NULL;
            m.data[at] = (char)(m.data[at] ^ (1 << bit));
            if (onnx_read_bytes(m.data, m.length, "model.onnx", NULL, &g, &err) == ACCEL_OK) {
                (void)graph_infer(g, &err);
                graph_destroy(g);
            }
            m.data[at] = (char)(m.data[at] ^ (1 << bit));
        }
    }
    str_free(&m);
}

static void what_is_no_model_is_called_so(void **state) {
    (void)state;
    str_buf text = {0}, empty = {0};
    str_append(&text, "This is a text file, and no model at all.");
    refused(text, ACCEL_BAD_FILE, "not a whole ONNX model");
    refused(empty, ACCEL_BAD_FILE, "no graph");
}

static void a_missing_file_is_named(void **state) {
    (void)state;
    graph *g;
    assert_int_equal(onnx_read("/nowhere/model.onnx", &g, &err), ACCEL_NOT_FOUND);
    assert_says("/nowhere/model.onnx");
}

static void too_new_versions_say_what_is_known(void **state) {
    (void)state;
    str_buf g = small_graph(), h = small_graph(), old = {0};
    refused(model_of(&g, 99), ACCEL_UNSUPPORTED, "opset 99; the newest that is known is 28");
    str_buf m = model_of(&h, 17);
    m.data[1] = 77; /* ir_version */
    refused(m, ACCEL_UNSUPPORTED, "IR version 77");
    str_buf k = small_graph();
    pb_put_int(&old, 1, 2);
    put_and_free(&old, 7, &k);
    refused(old, ACCEL_UNSUPPORTED, "IR version 2");
}

static void a_file_must_name_its_opset(void **state) {
    (void)state;
    str_buf m = {0}, g = small_graph();
    pb_put_int(&m, 1, 8);
    put_and_free(&m, 7, &g);
    refused(m, ACCEL_BAD_FILE, "node 'add' (Add): the file does not say which ai.onnx opset");
}

static void graphs_nested_without_end_are_refused(void **state) {
    (void)state;
    str_buf g = {0};
    for (int depth = 0; depth < 40; depth++) {
        str_buf around = {0}, attrs = {0};
        put_graph_attr(&attrs, "then_branch", &g);
        put_node(&around, "If", "if", "c", "y", &attrs);
        str_free(&attrs);
        g = around;
    }
    refused(model_with(g), ACCEL_LIMIT, "nested more than");
}

/* --- structure --- */

static void a_missing_input_is_named_with_its_node(void **state) {
    (void)state;
    str_buf g = {0};
    put_node(&g, "Relu", "act", "nothing", "y", NULL);
    put_value(&g, GRAPH_OUTPUT, "y", DTYPE_F32, 0, NULL);
    refused(model_with(g), ACCEL_BAD_GRAPH, "node 'act' (Relu): it uses 'nothing'");
}

static void a_nameless_node_is_named_by_its_output(void **state) {
    (void)state;
    str_buf g = {0};
    put_node(&g, "Relu", NULL, "nothing", "y", NULL);
    put_value(&g, GRAPH_OUTPUT, "y", DTYPE_F32, 0, NULL);
    refused(model_with(g), ACCEL_BAD_GRAPH, "the node that makes 'y' (Relu)");
}

static void an_output_that_nothing_makes_is_named(void **state) {
    (void)state;
    str_buf g = small_graph();
    put_value(&g, GRAPH_OUTPUT, "z", DTYPE_F32, 0, NULL);
    refused(model_with(g), ACCEL_BAD_GRAPH, "output 'z'");
}

static void a_cycle_is_found(void **state) {
    (void)state;
    str_buf g = {0};
    put_node(&g, "Add", "a", "x q", "p", NULL);
    put_node(&g, "Relu", "b", "p", "q", NULL);
    put_value(&g, GRAPH_INPUT, "x", DTYPE_F32, 0, NULL);
    put_value(&g, GRAPH_OUTPUT, "q", DTYPE_F32, 0, NULL);
    refused(model_with(g), ACCEL_BAD_GRAPH, "cycle: node 'a' (Add)");
}

static void two_makers_of_one_name_are_named(void **state) {
    (void)state;
    str_buf g = small_graph(), h = small_graph(), k = small_graph();
    put_node(&g, "Neg", "other", "x", "y", NULL);
    refused(model_with(g), ACCEL_BAD_GRAPH,
            "'y' is an output of both node 'relu' (Relu) and node 'other' (Neg)");
    put_node(&h, "Neg", "other", "x", "b", NULL);
    refused(model_with(h), ACCEL_BAD_GRAPH, "the name 'b' is given to two values");
    put_value(&k, GRAPH_INPUT, "x", DTYPE_F32, 0, NULL);
    refused(model_with(k), ACCEL_BAD_GRAPH, "the name 'x' is given to two values");
}

static void nodes_in_any_order_are_sorted(void **state) {
    (void)state;
    str_buf g = {0};
    graph *made;
    put_node(&g, "Relu", "second", "s", "y", NULL);
    put_node(&g, "Neg", "first", "x", "s", NULL);
    put_value(&g, GRAPH_INPUT, "x", DTYPE_F32, 1, (int64_t[]){4});
    put_value(&g, GRAPH_OUTPUT, "y", DTYPE_F32, 1, (int64_t[]){4});
    str_buf m = model_with(g);
    assert_ok(read_bytes(&m, &made, &err));
    assert_string_equal(made->nodes[0]->name, "first");
    graph_destroy(made);
    str_free(&m);
}

static void a_function_that_calls_itself_is_refused(void **state) {
    (void)state;
    str_buf m = {0}, g = {0}, f = {0}, n = {0}, call = {0};
    pb_put_text(&n, 1, "a");
    pb_put_text(&n, 2, "b");
    pb_put_text(&n, 4, "F");
    pb_put_text(&n, 7, "own");
    pb_put_text(&f, 1, "F");
    pb_put_text(&f, 4, "a");
    pb_put_text(&f, 5, "b");
    pb_put_message(&f, 7, &n);
    put_opset(&f, 9, "own", 1);
    pb_put_text(&f, 10, "own");
    str_append_bytes(&call, n.data, n.length);
    put_and_free(&g, GRAPH_NODE, &call);
    put_value(&g, GRAPH_INPUT, "a", DTYPE_F32, 0, NULL);
    put_value(&g, GRAPH_OUTPUT, "b", DTYPE_F32, 0, NULL);
    pb_put_int(&m, 1, 8);
    put_and_free(&m, 7, &g);
    put_opset(&m, 8, "", 17);
    put_and_free(&m, 25, &f);
    str_free(&n);
    refused(m, ACCEL_BAD_GRAPH, "calls itself");
}

/* --- types and shapes --- */

static void a_shape_conflict_names_the_node(void **state) {
    (void)state;
    str_buf g = {0};
    put_node(&g, "Add", "sum", "x z", "y", NULL);
    put_value(&g, GRAPH_INPUT, "x", DTYPE_F32, 1, (int64_t[]){3});
    put_value(&g, GRAPH_INPUT, "z", DTYPE_F32, 1, (int64_t[]){4});
    put_value(&g, GRAPH_OUTPUT, "y", DTYPE_F32, RANK_UNKNOWN, NULL);
    refused(model_with(g), ACCEL_BAD_GRAPH, "node 'sum' (Add)");
}

static void a_type_conflict_names_the_node(void **state) {
    (void)state;
    str_buf g = {0};
    put_node(&g, "Add", "sum", "x z", "y", NULL);
    put_value(&g, GRAPH_INPUT, "x", DTYPE_F32, 1, (int64_t[]){3});
    put_value(&g, GRAPH_INPUT, "z", DTYPE_I64, 1, (int64_t[]){3});
    put_value(&g, GRAPH_OUTPUT, "y", DTYPE_F32, RANK_UNKNOWN, NULL);
    refused(model_with(g), ACCEL_BAD_GRAPH, "node 'sum' (Add)");
}

static void negative_dimensions_are_refused(void **state) {
    (void)state;
    str_buf g = {0}, h = {0};
    put_value(&g, GRAPH_INPUT, "x", DTYPE_F32, 2, (int64_t[]){3, -5});
    refused(model_with(g), ACCEL_BAD_FILE, "value 'x' is declared with the negative dimension -5");
    put_raw(&h, "w", DTYPE_F32, 1, (int64_t[]){-4}, "", 0);
    refused(model_with(h), ACCEL_BAD_FILE, "negative dimension -4");
}

/* As Paddle and Keras write it. */
static void minus_one_is_a_dimension_not_known(void **state) {
    (void)state;
    str_buf g = {0};
    graph *made;
    put_node(&g, "Relu", "r", "x", "y", NULL);
    put_value(&g, GRAPH_INPUT, "x", DTYPE_F32, 2, (int64_t[]){-1, 3});
    put_value(&g, GRAPH_OUTPUT, "y", DTYPE_F32, 2, (int64_t[]){-1, 3});
    str_buf m = model_with(g);
    assert_ok(read_bytes(&m, &made, &err));
    assert_int_equal(made->values[made->inputs[0]].type.shape.dims[0], DIM_UNKNOWN);
    graph_destroy(made);
    str_free(&m);
}

static void absurd_sizes_are_refused_before_memory_is_asked_for(void **state) {
    (void)state;
    static const int64_t exabytes[] = {1, (int64_t)1 << 58};
    static const int64_t overflow[] = {(int64_t)1 << 40, (int64_t)1 << 40};
    str_buf g = {0}, h = {0}, k = {0};
    put_raw(&g, "w", DTYPE_F32, 2, exabytes, "1234", 4);
    refused(model_with(g), ACCEL_BAD_FILE, "initializer 'w'");
    put_raw(&h, "w", DTYPE_F32, 2, overflow, "1234", 4);
    refused(model_with(h), ACCEL_BAD_FILE, "more elements than can be counted");
    put_raw(&k, "w", DTYPE_F32, 1, (int64_t[]){1000}, "1234", 4);
    refused(model_with(k), ACCEL_BAD_FILE,
            "initializer 'w' has shape [1000], which needs 4000 bytes, but the file holds 4");
}

static void a_rank_above_the_limit_is_refused(void **state) {
    (void)state;
    str_buf g = {0}, h = {0};
    static const int64_t dims[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    put_value(&g, GRAPH_INPUT, "x", DTYPE_F32, 9, dims);
    refused(model_with(g), ACCEL_LIMIT, "value 'x' has rank 9");
    put_raw(&h, "w", DTYPE_F32, 9, dims, "1234", 4);
    refused(model_with(h), ACCEL_LIMIT, "rank above 8");
}

static void unknown_element_types_are_named(void **state) {
    (void)state;
    str_buf g = {0}, h = {0};
    put_value(&g, GRAPH_INPUT, "x", 28, 0, NULL);
    refused(model_with(g), ACCEL_UNSUPPORTED, "element type 28 (float6)");
    put_raw(&h, "w", 1234, 0, NULL, "1234", 4);
    refused(model_with(h), ACCEL_UNSUPPORTED, "initializer 'w' has element type 1234");
}

static void strings_are_refused_only_where_they_are_used(void **state) {
    (void)state;
    str_buf g = small_graph(), h = small_graph();
    graph *made;
    put_raw(&g, "labels", DTYPE_STRING, 1, (int64_t[]){2}, "", 0);
    str_buf m = model_with(g);
    assert_ok(read_bytes(&m, &made, &err));
    graph_destroy(made);
    str_free(&m);
    put_raw(&h, "labels", DTYPE_STRING, 1, (int64_t[]){2}, "", 0);
    put_node(&h, "Identity", "id", "labels", "z", NULL);
    refused(model_with(h), ACCEL_UNSUPPORTED, "node 'id' (Identity): it uses 'labels', a tensor of strings");
}

static void an_unknown_operator_is_read(void **state) {
    (void)state;
    str_buf g = {0};
    graph *made;
    put_node(&g, "Frobnicate", "f", "x", "y", NULL);
    put_value(&g, GRAPH_INPUT, "x", DTYPE_F32, 1, (int64_t[]){4});
    put_value(&g, GRAPH_OUTPUT, "y", DTYPE_F32, RANK_UNKNOWN, NULL);
    str_buf m = model_with(g);
    assert_ok(read_bytes(&m, &made, &err));
    assert_null(made->nodes[0]->op);
    assert_string_equal(made->nodes[0]->op_type, "Frobnicate");
    assert_ok(graph_infer(made, &err));
    graph_destroy(made);
    str_free(&m);
}

static void an_attribute_given_twice_is_refused(void **state) {
    (void)state;
    str_buf g = {0}, attrs = {0};
    put_int_attr(&attrs, "axis", 0);
    put_int_attr(&attrs, "axis", 1);
    put_node(&g, "Softmax", "soft", "x", "y", &attrs);
    str_free(&attrs);
    put_value(&g, GRAPH_INPUT, "x", DTYPE_F32, 2, (int64_t[]){4, 4});
    put_value(&g, GRAPH_OUTPUT, "y", DTYPE_F32, RANK_UNKNOWN, NULL);
    refused(model_with(g), ACCEL_BAD_FILE, "node 'soft' (Softmax): attribute 'axis': it is given twice");
}

/* --- memory --- */

/* Every allocation fails once; reading says so each time and leaves nothing behind (the sanitizer build
 * would tell). */
static void fail_each_allocation(str_buf m) {
    bool finished = false;
    for (uint64_t n = 1; !finished && n < 100000; n++) {
        graph *g = NULL;
        uint64_t hits = mem_fault_hits();
        err = (accel_error){0};
        mem_fault_set(n, false);
        accel_status status = read_bytes(&m, &g, &err);
        mem_fault_set(0, false);
        assert_true(status != ACCEL_OK || mem_fault_hits() == hits); /* nothing was passed over in silence */
        finished = status == ACCEL_OK;
        graph_destroy(g);
        if (!finished) {
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
        }
    }
    assert_true(finished);
    str_free(&m);
}

static void running_out_of_memory_anywhere_is_an_error(void **state) {
    (void)state;
    str_buf old = small_graph(), attrs = {0};
    put_int_attr(&attrs, "axis", 0);
    put_node(&old, "Softmax", "soft", "y", "z", &attrs);
    str_free(&attrs);
    fail_each_allocation(small_model());
    fail_each_allocation(model_of(&old, 9));
}

/* The seeds of the fuzz target have a file for each kind of thing that the reader does. */
static accel_status fail_each_allocation_of(void *folder, const char *name, accel_error *e) {
    char path[1024];
    char *bytes;
    size_t length;
    graph *g;
    str_buf m = {0};
    snprintf(path, sizeof path, "%s/%s", (const char *)folder, name);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &length, e), ACCEL_OK);
    str_append_bytes(&m, bytes, length);
    mem_free(bytes);
    if (read_bytes(&m, &g, e) == ACCEL_OK) {
        graph_destroy(g);
        fail_each_allocation(m);
    } else {
        str_free(&m); /* external data: needs its folder */
    }
    return ACCEL_OK;
}

static void running_out_of_memory_in_any_kind_of_model_is_an_error(void **state) {
    (void)state;
    const char *source = getenv("ACCEL_SOURCE_DIR");
    char folder[512];
    snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/onnx", source ? source : ".");
    assert_ok(file_list(folder, fail_each_allocation_of, folder, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_cut_anywhere_is_refused_or_reads_as_less),
        cmocka_unit_test(every_single_changed_byte_is_survived),
        cmocka_unit_test(what_is_no_model_is_called_so),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(too_new_versions_say_what_is_known),
        cmocka_unit_test(a_file_must_name_its_opset),
        cmocka_unit_test(graphs_nested_without_end_are_refused),
        cmocka_unit_test(a_missing_input_is_named_with_its_node),
        cmocka_unit_test(a_nameless_node_is_named_by_its_output),
        cmocka_unit_test(an_output_that_nothing_makes_is_named),
        cmocka_unit_test(a_cycle_is_found),
        cmocka_unit_test(two_makers_of_one_name_are_named),
        cmocka_unit_test(nodes_in_any_order_are_sorted),
        cmocka_unit_test(a_function_that_calls_itself_is_refused),
        cmocka_unit_test(a_shape_conflict_names_the_node),
        cmocka_unit_test(a_type_conflict_names_the_node),
        cmocka_unit_test(negative_dimensions_are_refused),
        cmocka_unit_test(minus_one_is_a_dimension_not_known),
        cmocka_unit_test(absurd_sizes_are_refused_before_memory_is_asked_for),
        cmocka_unit_test(a_rank_above_the_limit_is_refused),
        cmocka_unit_test(unknown_element_types_are_named),
        cmocka_unit_test(strings_are_refused_only_where_they_are_used),
        cmocka_unit_test(an_unknown_operator_is_read),
        cmocka_unit_test(an_attribute_given_twice_is_refused),
        cmocka_unit_test(running_out_of_memory_anywhere_is_an_error),
        cmocka_unit_test(running_out_of_memory_in_any_kind_of_model_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
