/* A GGUF file as a model of the zoo, against what the transformers package computes with the same numbers:
 * tests/golden/make_gguf.py. */
#include "support/test.h"

#include "formats/formats.h"
#include "graph/evaluate.h"
#include "support/temp_folder.h"
#include "zoo/golden.h"
#include "zoo/zoo.h"

static const double tolerance = 1e-5;
static accel_error err;

static tensor read_golden(const char *name) {
    tensor t;
    assert_ok(npy_read(source_path(name), &t, &err));
    return t;
}

static void a_llama_gives_the_logits_of_transformers(void **state) {
    (void)state;
    zoo_model m;
    zoo_inputs inputs;
    evaluation *e;
    tensor ids = read_golden("tests/golden/gguf/llama_ids.npy"), got;
    tensor want = read_golden("tests/golden/gguf/llama_logits.npy");
    assert_ok(zoo_load(source_path("tests/golden/gguf/llama.gguf"), NULL, &m, &err));
    assert_string_equal(m.name, "llama");
    assert_string_equal(m.family, "llama");
    assert_string_equal(m.modality, "text");
    assert_string_equal(zoo_source_name(m.source), "file");
    assert_null(m.onnx_path);
    assert_int_equal(m.vocabulary, 24);
    assert_int_equal(m.max_sequence, 64);
    assert_true(m.generation.able);
    assert_ok(zoo_complete_inputs(&m, NULL, (const char *[]){"input_ids"}, &ids, 1, &inputs, &err));
    assert_ok(graph_evaluate(m.graph, inputs.tensors, inputs.count, NULL, &e, &err));
    evaluation_output_tensor(e, 0, &got);
    assert_true(shape_equal(&got.shape, &want.shape));
    double distance = relative_l2(got.data, want.data, got.size_bytes / 4, NULL, 1);
    print_message("logits: relative L2 %.2g\n", distance);
    assert_true(distance <= tolerance);
    evaluation_destroy(e);
    zoo_inputs_free(&inputs);
    zoo_model_free(&m);
    tensor_free(&ids);
    tensor_free(&want);
}

static void only_bytes_of_the_file_are_file_backed(void **state) {
    (void)state;
    zoo_model m;
    size_t mapped = 0, made = 0;
    assert_ok(zoo_load(source_path("tests/golden/gguf/llama.gguf"), NULL, &m, &err));
    for (size_t i = 0; i < m.graph->value_count; i++) {
        const graph_value *v = &m.graph->values[i];
        bool weight =
            v->data.kind == DATA_BYTES && v->type.shape.rank == 2 && str_starts_with(v->name, "model.");
        mapped += weight && v->data.file_backed;
        made += weight && !v->data.file_backed;
    }
    assert_int_equal(mapped, 5); /* the words (BF16), v, o, gate and down */
    assert_int_equal(made, 3);   /* q (Q8_0, reordered), k (reordered), up (Q4_0) */
    zoo_model_free(&m);
}

static void faults_name_the_file_once(void **state) {
    zoo_model m;
    const char *path = temp_file(state, "broken.gguf", "GGUF");
    assert_int_equal(zoo_load(path, NULL, &m, &err), ACCEL_BAD_FILE);
    assert_true(str_starts_with(err.message, path));
    assert_null(strstr(err.message + strlen(path), path));
    assert_int_equal(zoo_load("absent.gguf", NULL, &m, &err), ACCEL_NOT_FOUND);
    assert_says("absent.gguf");
}

static void running_out_of_memory_anywhere_is_an_error(void **state) {
    (void)state;
    accel_status status = ACCEL_OUT_OF_MEMORY;
    for (uint64_t n = 1; status != ACCEL_OK && n < 100000; n++) {
        zoo_model m;
        uint64_t hits = mem_fault_hits();
        mem_fault_set(n, false);
        status = zoo_load(source_path("tests/golden/gguf/llama.gguf"), NULL, &m, &err);
        mem_fault_set(0, false);
        assert_true(status != ACCEL_OK || mem_fault_hits() == hits);
        if (status != ACCEL_OK && status != ACCEL_OUT_OF_MEMORY)
            fail_msg("%llu: %s", (unsigned long long)n, err.message);
        if (status == ACCEL_OK)
            zoo_model_free(&m);
    }
    assert_int_equal(status, ACCEL_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_llama_gives_the_logits_of_transformers),
        cmocka_unit_test(only_bytes_of_the_file_are_file_backed),
        cmocka_unit_test_setup_teardown(faults_name_the_file_once, temp_folder_setup, temp_folder_teardown),
        cmocka_unit_test(running_out_of_memory_anywhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
