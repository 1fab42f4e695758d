/* BERT against what the transformers package computes: tests/golden/make_minilm.py, make_bert_mlm.py. */
#include "support/test.h"

#include "base/file.h"
#include "graph/evaluate.h"
#include "zoo/golden.h"
#include "zoo/zoo.h"

static const double tolerance = 1e-5;

typedef struct run {
    yyjson_doc *golden;
    zoo_model model;
    tensor inputs[3];
    evaluation *evaluation;
    int64_t batch, sequence;
} run;

static void start(run *r, const char *golden, const char *reference, const zoo_options *options) {
    static const char *const names[] = {"input_ids", "attention_mask", "token_type_ids"};
    accel_error err;
    *r = (run){.golden = golden_open(golden)};
    r->batch = golden_dim(r->golden, 0);
    r->sequence = golden_dim(r->golden, 1);
    assert_ok(zoo_load(reference, options, &r->model, &err));
    assert_int_equal(r->model.graph->input_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(r->model.graph->values[r->model.graph->inputs[i]].name, names[i]);
        r->inputs[i] = golden_tensor(r->golden, names[i], DTYPE_I64, 2, (int64_t[]){r->batch, r->sequence});
    }
    assert_ok(graph_evaluate(r->model.graph, r->inputs, 3, NULL, &r->evaluation, &err));
}

static void finish(run *r) {
    evaluation_destroy(r->evaluation);
    for (size_t i = 0; i < 3; i++) {
        tensor_free(&r->inputs[i]);
    }
    zoo_model_free(&r->model);
    yyjson_doc_free(r->golden);
}

static tensor output(const run *r, const char *name) {
    tensor t = {0};
    for (size_t i = 0; i < r->model.graph->output_count; i++) {
        if (strcmp(r->model.graph->values[r->model.graph->outputs[i]].name, name) == 0) {
            evaluation_output_tensor(r->evaluation, i, &t);
        }
    }
    assert_non_null(t.data);
    return t;
}

/* The first `width` values of each row of an output, as the golden files keep them. */
static void check_slices(const run *r, const char *name, size_t rows, size_t width, const int64_t *keep) {
    tensor got = output(r, name);
    size_t full = (size_t)got.shape.dims[got.shape.rank - 1];
    tensor want = golden_tensor(r->golden, name, DTYPE_F32, 2, (int64_t[]){(int64_t)rows, (int64_t)width});
    float *cut = malloc(rows * width * sizeof *cut);
    for (size_t i = 0; i < rows; i++) {
        memcpy(cut + i * width, (const float *)got.data + i * full, width * sizeof *cut);
    }
    double distance = relative_l2(cut, want.data, rows * width, keep, width);
    print_message("%s: relative L2 %.2g\n", name, distance);
    assert_true(distance <= tolerance);
    free(cut);
    tensor_free(&want);
}

static void minilm_gives_the_sentence_embeddings_of_transformers(void **state) {
    (void)state;
    const char *deps = source_path(".deps");
    zoo_options options = {.data_folder = deps};
    if (!file_is_folder(source_path(".deps/minilm"))) {
        print_message("skipped: make deps has not brought .deps/minilm\n");
        skip();
    }
    run r;
    start(&r, "tests/golden/minilm.json", "minilm", &options);
    assert_int_equal(r.model.source, ZOO_HF);
    const int64_t *keep = r.inputs[1].data;
    size_t rows = (size_t)(r.batch * r.sequence);
    check_slices(&r, "last_hidden_state", rows, 8, keep);
    check_slices(&r, "pooler_output", (size_t)r.batch, 8, NULL);
    check_slices(&r, "sentence_embedding", (size_t)r.batch, 384, NULL);
    finish(&r);
}

static void masked_lm_gives_the_logits_of_transformers(void **state) {
    (void)state;
    static const char *const folders[] = {"tests/golden/bert_mlm", "tests/golden/bert_mlm/old"};
    for (size_t i = 0; i < 2; i++) {
        run r;
        start(&r, "tests/golden/bert_mlm/golden.json", source_path(folders[i]), NULL);
        check_slices(&r, "logits", (size_t)(r.batch * r.sequence), 24, r.inputs[1].data);
        finish(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minilm_gives_the_sentence_embeddings_of_transformers),
        cmocka_unit_test(masked_lm_gives_the_logits_of_transformers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
