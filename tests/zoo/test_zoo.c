/* References, generated models, and inputs made from a model's description. */
#include "support/test.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "formats/formats.h"
#include "graph/builder.h"
#include "graph/cost.h"
#include "graph/evaluate.h"
#include "support/temp_folder.h"
#include "zoo/golden.h"
#include "zoo/zoo.h"

static accel_error err;

static char cache_variable[512]; /* what the environment of the tests says */

static char *only_hub_cache(const char *name) {
    return strcmp(name, "HF_HUB_CACHE") == 0 ? cache_variable : NULL;
}

static zoo_model load(const char *reference, const zoo_options *options) {
    zoo_model m;
    assert_ok(zoo_load(reference, options, &m, &err));
    return m;
}

/* --- names and references --- */

static void an_unknown_name_gets_a_suggestion(void **state) {
    (void)state;
    zoo_model m;
    assert_int_equal(zoo_load("minilmm", NULL, &m, &err), ACCEL_NOT_FOUND);
    assert_says("did you mean 'minilm'?");
    assert_int_equal(zoo_load("resnet50", NULL, &m, &err), ACCEL_NOT_FOUND);
    assert_says("did you mean 'resnet50-light'?");
    assert_int_equal(zoo_load("completely-different", NULL, &m, &err), ACCEL_NOT_FOUND);
    assert_says("accel models");
}

static void every_name_is_complete(void **state) {
    (void)state;
    for (size_t i = 0; i < zoo_name_count(); i++) {
        const zoo_name *n = zoo_name_at(i);
        assert_true(n->name[0] && n->family[0] && n->modality[0] && n->description[0]);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(n->name, zoo_name_at(k)->name);
        }
    }
    assert_null(zoo_name_at(zoo_name_count()));
}

static void a_name_whose_files_are_missing_says_how_to_get_them(void **state) {
    zoo_model m;
    zoo_options options = {.data_folder = *state};
    assert_int_equal(zoo_load("minilm", &options, &m, &err), ACCEL_NOT_FOUND);
    assert_says("make deps");
    for (size_t i = 0; i < zoo_name_count(); i++) {
        const zoo_name *n = zoo_name_at(i);
        bool needs_files = n->source == ZOO_HF || str_ends_with(n->name, "-light");
        assert_int_equal(zoo_name_available(n, &options), !needs_files);
    }
}

static void a_file_that_is_not_there_is_named(void **state) {
    (void)state;
    zoo_model m;
    assert_int_equal(zoo_load("none/model.onnx", NULL, &m, &err), ACCEL_NOT_FOUND);
    assert_says("none/model.onnx");
}

static void a_repository_is_looked_up_in_the_cache(void **state) {
    zoo_model m;
    zoo_options options = {.environment = only_hub_cache};
    snprintf(cache_variable, sizeof cache_variable, "%s", (const char *)*state);
    assert_int_equal(zoo_load("some/model", &options, &m, &err), ACCEL_NOT_FOUND);
    assert_says("'some/model' is no file or folder here");
    assert_says(*state);
    static const char *const folders[] = {"models--some--model", "models--some--model/refs",
                                          "models--some--model/snapshots",
                                          "models--some--model/snapshots/abc"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(mkdir(temp_path(state, folders[i]), 0755), 0);
    }
    temp_file(state, "models--some--model/refs/main", "abc");
    temp_file(state, "models--some--model/snapshots/abc/config.json",
              "{\"model_type\":\"bert\",\"vocab_size\":10,\"hidden_size\":8,\"num_hidden_layers\":1,"
              "\"num_attention_heads\":2,\"intermediate_size\":16}");
    m = load("some/model", &options);
    assert_string_equal(m.name, "some/model");
    assert_int_equal(m.source, ZOO_GENERATED);
    assert_int_equal(m.vocabulary, 10);
    zoo_model_free(&m);
}

static void pickled_weights_are_never_read(void **state) {
    zoo_model m;
    temp_file(state, "config.json", "{\"model_type\":\"bert\"}");
    temp_file(state, "pytorch_model.bin", "");
    assert_int_equal(zoo_load(*state, NULL, &m, &err), ACCEL_UNSUPPORTED);
    assert_says("never read");
}

static void an_unknown_class_lists_the_known_ones(void **state) {
    zoo_model m;
    temp_file(state, "config.json", "{\"model_type\":\"mamba\"}");
    assert_int_equal(zoo_load(*state, NULL, &m, &err), ACCEL_UNSUPPORTED);
    assert_says("'mamba' is not supported; known are: bert");
}

static void configurations_that_contradict_themselves_are_refused(void **state) {
    static const struct {
        const char *config, *complaint;
    } cases[] = {
        {"{\"model_type\":\"bert\",\"hidden_size\":10,\"num_attention_heads\":3}", "not a multiple"},
        {"{\"model_type\":\"bert\",\"hidden_size\":-4}", "hidden_size"},
        {"{\"model_type\":\"bert\",\"hidden_size\":\"big\"}", "hidden_size"},
        {"{\"model_type\":\"bert\",\"position_embedding_type\":\"relative_key\"}", "position_embedding_type"},
        {"{\"model_type\":\"bert\",\"hidden_act\":\"nothing\"}", "nothing"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        zoo_model m;
        temp_file(state, "config.json", cases[i].config);
        assert_true(zoo_load(*state, NULL, &m, &err) != ACCEL_OK);
        assert_says(*state);
        assert_says(cases[i].complaint);
    }
}

static void weights_of_the_wrong_shape_are_named(void **state) {
    zoo_model m;
    char *bytes;
    size_t length;
    assert_ok(
        file_read(source_path("tests/golden/bert_mlm/model.safetensors"), 1 << 20, &bytes, &length, &err));
    assert_ok(file_replace(temp_path(state, "model.safetensors"), bytes, length, &err));
    mem_free(bytes);
    temp_file(state, "config.json",
              "{\"model_type\":\"bert\",\"vocab_size\":99,\"hidden_size\":16,\"num_attention_heads\":2}");
    assert_int_equal(zoo_load(*state, NULL, &m, &err), ACCEL_BAD_FILE);
    assert_says("word_embeddings.weight' has shape [24,16]; its configuration asks for [99,16]");
}

/* The tensors of a file again, as bfloat16 or float16. */
static void write_narrow(const char *from, const char *to, dtype type) {
    safetensors *file;
    str_buf header = {0}, data = {0}, whole = {0};
    assert_ok(safetensors_open(from, &file, &err));
    str_append(&header, "{");
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const safetensors_entry *e = safetensors_at(file, i);
        str_appendf(&header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "", e->name,
                    type == DTYPE_F16 ? "F16" : "BF16");
        for (int d = 0; d < e->shape.rank; d++) {
            str_appendf(&header, "%s%lld", d ? "," : "", (long long)e->shape.dims[d]);
        }
        str_appendf(&header, "],\"data_offsets\":[%zu,%zu]}", data.length, data.length + e->size_bytes / 2);
        for (size_t k = 0; k < e->size_bytes; k += 4) {
            float value;
            memcpy(&value, e->bytes + k, 4);
            uint16_t bits = type == DTYPE_F16 ? f32_to_f16(value) : f32_to_bf16(value);
            str_append_bytes(&data, &bits, 2);
        }
    }
    str_append(&header, "}");
    uint64_t length = header.length;
    str_append_bytes(&whole, &length, 8);
    str_append_bytes(&whole, header.data, header.length);
    str_append_bytes(&whole, data.data, data.length);
    assert_ok(file_replace(to, whole.data, whole.length, &err));
    safetensors_close(file);
    str_free(&header);
    str_free(&data);
    str_free(&whole);
}

static evaluation *logits_of(zoo_model *m, tensor *out) {
    zoo_inputs in;
    evaluation *e;
    zoo_input_options options = {.batch = 2, .sequence = 6};
    assert_ok(zoo_make_inputs(m, &options, &in, &err));
    assert_ok(graph_evaluate(m->graph, in.tensors, in.count, NULL, &e, &err));
    evaluation_output_tensor(e, 0, out);
    zoo_inputs_free(&in);
    return e;
}

static void half_precision_weights_give_nearly_the_same(void **state) {
    static const dtype types[] = {DTYPE_F16, DTYPE_BF16};
    zoo_model wide = load(source_path("tests/golden/bert_mlm"), NULL);
    tensor a, b;
    evaluation *of_wide = logits_of(&wide, &a);
    temp_file(state, "config.json",
              "{\"model_type\":\"bert\",\"architectures\":[\"BertForMaskedLM\"],\"vocab_size\":24,"
              "\"hidden_size\":16,\"num_hidden_layers\":2,\"num_attention_heads\":2,"
              "\"intermediate_size\":24,\"hidden_act\":\"gelu_new\",\"max_position_embeddings\":8}");
    for (size_t i = 0; i < 2; i++) {
        write_narrow(source_path("tests/golden/bert_mlm/model.safetensors"),
                     temp_path(state, "model.safetensors"), types[i]);
        zoo_model narrow = load(*state, NULL);
        evaluation *of_narrow = logits_of(&narrow, &b);
        tensor_distance distance;
        assert_ok(tensor_compare(&b, &a, &distance, &err));
        assert_true(distance.relative_l2 > 0 && distance.relative_l2 < (types[i] == DTYPE_F16 ? 2e-3 : 2e-2));
        evaluation_destroy(of_narrow);
        zoo_model_free(&narrow);
    }
    evaluation_destroy(of_wide);
    zoo_model_free(&wide);
}

/* --- generated models --- */

static void generated_models_have_the_published_number_of_parameters(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t parameters;
    } cases[] = {{"bert-tiny", 4385920},
                 {"bert-base", 109482240},
                 {"bert-base-uncased", 109514298},
                 {"distilbert-base-uncased", 66985530},
                 {"roberta-base", 124697433},
                 {"opt-125m", 125239296},
                 {"gpt2", 124439808},
                 {"tinyllama-1.1b-chat-v1.0", 1100048384},
                 {"llama-7b", 6738415616},
                 {"qwen2-0.5b", 494032768},
                 {"qwen3-0.6b", 596049920}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph_cost cost;
        zoo_model m = load(cases[i].name, NULL);
        assert_ok(graph_cost_compute(m.graph, &cost, &err));
        assert_int_equal(cost.parameters, cases[i].parameters);
        assert_int_equal(m.source, ZOO_GENERATED);
        zoo_model_free(&m);
    }
}

static void the_seed_is_the_identity_of_a_generated_model(void **state) {
    (void)state;
    zoo_options other = {.seed = 1};
    zoo_model a = load("bert-tiny", NULL), b = load("bert-tiny", NULL), c = load("bert-tiny", &other);
    assert_ok(zoo_model_sha256(&a, &err));
    assert_ok(zoo_model_sha256(&b, &err));
    assert_ok(zoo_model_sha256(&c, &err));
    assert_string_equal(a.sha256, b.sha256);
    assert_string_not_equal(a.sha256, c.sha256);
    zoo_model_free(&a);
    zoo_model_free(&b);
    zoo_model_free(&c);
}

/* --- inputs --- */

static void text_models_get_tokens_masks_and_types(void **state) {
    (void)state;
    zoo_model m = load("bert-tiny", NULL);
    zoo_inputs in;
    zoo_input_options options = {.batch = 3, .sequence = 7, .seed = 5};
    assert_ok(zoo_make_inputs(&m, &options, &in, &err));
    assert_int_equal(in.count, 3);
    assert_int_equal(in.batch, 3);
    assert_int_equal(in.sequence, 7);
    assert_string_equal(in.assumed, "");
    bool differ = false;
    for (size_t i = 0; i < 21; i++) {
        int64_t id = dtype_get_i64(DTYPE_I64, in.tensors[0].data, i);
        assert_true(id >= 0 && id < 30522);
        differ = differ || id != dtype_get_i64(DTYPE_I64, in.tensors[0].data, 0);
        assert_int_equal(dtype_get_i64(DTYPE_I64, in.tensors[1].data, i), 1);
        assert_int_equal(dtype_get_i64(DTYPE_I64, in.tensors[2].data, i), 0);
    }
    assert_true(differ);
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void inputs_follow_from_the_seed(void **state) {
    (void)state;
    zoo_model m = load("bert-tiny", NULL);
    zoo_inputs a, b, c;
    zoo_input_options one = {.seed = 1}, two = {.seed = 2};
    assert_ok(zoo_make_inputs(&m, &one, &a, &err));
    assert_ok(zoo_make_inputs(&m, &one, &b, &err));
    assert_ok(zoo_make_inputs(&m, &two, &c, &err));
    assert_memory_equal(a.tensors[0].data, b.tensors[0].data, a.tensors[0].size_bytes);
    assert_memory_not_equal(a.tensors[0].data, c.tensors[0].data, a.tensors[0].size_bytes);
    zoo_inputs_free(&a);
    zoo_inputs_free(&b);
    zoo_inputs_free(&c);
    zoo_model_free(&m);
}

static void a_model_can_be_bound_again_and_again(void **state) {
    (void)state;
    static const int64_t batches[] = {1, 8, 2};
    zoo_model m = load("bert-tiny", NULL);
    for (size_t i = 0; i < 3; i++) {
        zoo_inputs in;
        zoo_input_options options = {.batch = batches[i], .sequence = 16};
        assert_ok(zoo_make_inputs(&m, &options, &in, &err));
        assert_ok(zoo_bind(&m, &in, &err));
        assert_int_equal(m.graph->values[m.graph->outputs[0]].type.shape.dims[0], batches[i]);
        zoo_inputs_free(&in);
    }
    zoo_model_free(&m);
}

static void a_sequence_beyond_the_positions_is_unsupported(void **state) {
    (void)state;
    zoo_model m = load("bert-tiny", NULL);
    zoo_inputs in;
    zoo_input_options options = {.sequence = 513};
    assert_int_equal(zoo_make_inputs(&m, &options, &in, &err), ACCEL_UNSUPPORTED);
    assert_says("positions for 512 tokens; 513 were asked for");
    zoo_model_free(&m);
}

/* --- .onnx files --- */

/* An image model, y = Relu(pixels), with inputs of these dims; its dims may have names. */
static const char *write_image_model(void **state, const int64_t dims[4], const char *const *names) {
    builder b;
    graph *g;
    const char *path = temp_path(state, "image.onnx");
    assert_ok(builder_start(&b, NULL, &err));
    value_id x = build_input(&b, "pixels", DTYPE_F32, 4, dims, names);
    build_output(&b, "y", BUILD(&b, "Relu", x));
    assert_ok(builder_finish(&b, &g, &err));
    assert_ok(onnx_write(g, path, NULL, &err));
    graph_destroy(g);
    return path;
}

static void an_onnx_file_is_handed_on_by_its_path(void **state) {
    const char *path = write_image_model(state, (int64_t[]){1, 3, 8, 8}, NULL);
    zoo_model m = load(path, NULL);
    assert_string_equal(m.name, "image");
    assert_string_equal(m.modality, "image");
    assert_string_equal(m.onnx_path, path);
    assert_int_equal(m.source, ZOO_FILE);
    zoo_model_free(&m);
}

static void a_fixed_batch_cannot_be_changed(void **state) {
    zoo_model m = load(write_image_model(state, (int64_t[]){1, 3, 8, 8}, NULL), NULL);
    zoo_inputs in;
    zoo_input_options options = {.batch = 8};
    assert_int_equal(zoo_make_inputs(&m, &options, &in, &err), ACCEL_UNSUPPORTED);
    assert_says("fixes the batch at 1; 8 was asked for");
    options.batch = 1;
    assert_ok(zoo_make_inputs(&m, &options, &in, &err));
    const float *pixels = in.tensors[0].data;
    for (size_t i = 0; i < 3 * 8 * 8; i++) {
        assert_true(pixels[i] >= 0 && pixels[i] < 1);
    }
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void dims_that_nobody_gave_are_reported(void **state) {
    static const char *const names[] = {"batch", NULL, "height", "width"};
    const char *path = write_image_model(state, (int64_t[]){DIM_UNKNOWN, 3, DIM_UNKNOWN, DIM_UNKNOWN}, names);
    zoo_model m = load(path, NULL);
    zoo_inputs in;
    zoo_dim given[] = {{"height", 32}};
    zoo_input_options options = {.batch = 2, .dims = given, .dim_count = 1};
    assert_ok(zoo_make_inputs(&m, &options, &in, &err));
    assert_true(shape_equal(&in.tensors[0].shape, &(shape){4, {2, 3, 32, 224}}));
    assert_string_equal(in.assumed, "width=224");
    zoo_inputs_free(&in);
    given[0] = (zoo_dim){"pixels:1", 4};
    assert_int_equal(zoo_make_inputs(&m, &options, &in, &err), ACCEL_UNSUPPORTED);
    assert_says("fixes dimension 1 of input 'pixels' at 3; 4 was asked for");
    zoo_model_free(&m);
}

static void a_dim_of_one_name_has_one_value(void **state) {
    static const char *const wide[] = {"s0", "s1", NULL}, *const flat[] = {"s0", "s1"};
    static const int64_t unknown[] = {DIM_UNKNOWN, DIM_UNKNOWN, 4};
    builder b;
    graph *g;
    assert_ok(builder_start(&b, NULL, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 3, unknown, wide);
    value_id ids = build_input(&b, "ids", DTYPE_I64, 2, unknown, flat);
    build_output(&b, "y", BUILD(&b, "Relu", x));
    build_output(&b, "z", BUILD(&b, "Neg", ids));
    assert_ok(builder_finish(&b, &g, &err));
    assert_ok(onnx_write(g, temp_path(state, "m.onnx"), NULL, &err));
    graph_destroy(g);
    zoo_model m = load(temp_path(state, "m.onnx"), NULL);
    shape shapes[2];
    zoo_input_options options = {.batch = 2, .sequence = 9};
    assert_ok(zoo_input_shapes(&m, &options, shapes, &err));
    assert_true(shape_equal(&shapes[0], &(shape){3, {2, 9, 4}}));
    assert_true(shape_equal(&shapes[1], &(shape){2, {2, 9}}));
    zoo_model_free(&m);
}

/* A window of 3x3 fits into no picture of one pixel. */
static void shapes_that_a_model_cannot_take_are_named_with_the_way_out(void **state) {
    static const int64_t unknown[] = {DIM_UNKNOWN, 3, DIM_UNKNOWN, 8};
    static const char *const names[] = {"batch", NULL, NULL, NULL};
    builder b;
    graph *g;
    assert_ok(builder_start(&b, NULL, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 4, unknown, names);
    build_output(&b, "y",
                 build_op(&b, "MaxPool", 1, &x, 1,
                          (build_attr[]){BUILD_INTS("kernel_shape", 2, ((int64_t[]){3, 3}))}));
    assert_ok(builder_finish(&b, &g, &err));
    assert_ok(onnx_write(g, temp_path(state, "m.onnx"), NULL, &err));
    graph_destroy(g);
    zoo_model m = load(temp_path(state, "m.onnx"), NULL);
    zoo_dim given[] = {{"x:2", 1}};
    zoo_input_options options = {.dims = given, .dim_count = 1};
    zoo_inputs in;
    assert_ok(zoo_make_inputs(&m, &options, &in, &err));
    assert_int_equal(zoo_bind(&m, &in, &err), ACCEL_BAD_GRAPH);
    assert_says("with 'x' [1,3,1,8]; --batch, --seq and --dim x:2=N choose other shapes");
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void pictures_and_sounds_of_any_size_get_usual_ones(void **state) {
    static const int64_t picture[] = {DIM_UNKNOWN, DIM_UNKNOWN, DIM_UNKNOWN, 3}, sound[] = {1, DIM_UNKNOWN};
    static const char *const none[] = {"N", "M1", "M2", NULL}, *const samples[] = {NULL, "samples"};
    builder b;
    graph *g;
    assert_ok(builder_start(&b, NULL, &err));
    build_output(&b, "y", BUILD(&b, "Relu", build_input(&b, "x", DTYPE_F32, 4, picture, none)));
    build_output(&b, "z", BUILD(&b, "Relu", build_input(&b, "wave", DTYPE_F32, 2, sound, samples)));
    build_output(&b, "r", BUILD(&b, "Neg", build_input(&b, "sr", DTYPE_I64, 0, NULL, NULL)));
    assert_ok(builder_finish(&b, &g, &err));
    assert_ok(onnx_write(g, temp_path(state, "m.onnx"), NULL, &err));
    graph_destroy(g);
    zoo_model m = load(temp_path(state, "m.onnx"), NULL);
    zoo_inputs in;
    assert_ok(zoo_make_inputs(&m, NULL, &in, &err));
    assert_true(shape_equal(&in.tensors[0].shape, &(shape){4, {1, 224, 224, 3}}));
    assert_true(shape_equal(&in.tensors[1].shape, &(shape){2, {1, 16000}}));
    assert_int_equal(*(const int64_t *)in.tensors[2].data, 16000);
    assert_string_equal(in.assumed, "M1=224, M2=224, samples=16000");
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

/* --- light graphs --- */

static void light_graphs_take_any_batch(void **state) {
    (void)state;
    zoo_options options = {.data_folder = source_path(".deps")};
    size_t seen = 0;
    for (size_t i = 0; i < zoo_name_count(); i++) {
        const zoo_name *n = zoo_name_at(i);
        if (!str_ends_with(n->name, "-light") || !zoo_name_available(n, &options)) {
            continue;
        }
        zoo_model m = load(n->name, &options);
        zoo_inputs in;
        zoo_input_options eight = {.batch = 8};
        assert_int_equal(m.source, ZOO_GENERATED);
        assert_ok(zoo_make_inputs(&m, &eight, &in, &err));
        assert_ok(zoo_bind(&m, &in, &err));
        const shape *out = &m.graph->values[m.graph->outputs[0]].type.shape;
        assert_int_equal(out->dims[0], 8);
        assert_int_equal(out->dims[1], 1000);
        zoo_inputs_free(&in);
        zoo_model_free(&m);
        seen++;
    }
    if (seen == 0) {
        print_message("skipped: make deps has not brought the onnx package\n");
        skip();
    }
    assert_int_equal(seen, 9);
}

/* --- memory --- */

static void running_out_of_memory_anywhere_is_an_error(void **state) {
    (void)state;
    accel_status status = ACCEL_OUT_OF_MEMORY;
    const char *folder = source_path("tests/golden/bert_mlm");
    /* Every failure point at first, then ever fewer: loading makes some thousands of allocations. */
    for (uint64_t n = 1; status != ACCEL_OK && n < 1000000; n += 1 + n / 50) {
        zoo_model m = {0};
        zoo_inputs in = {0};
        uint64_t hits = mem_fault_hits();
        mem_fault_set(n, false);
        status = zoo_load(folder, NULL, &m, &err);
        if (status == ACCEL_OK) {
            status = zoo_make_inputs(&m, &(zoo_input_options){.sequence = 8}, &in, &err);
        }
        if (status == ACCEL_OK) {
            status = zoo_bind(&m, &in, &err);
        }
        mem_fault_set(0, false);
        assert_true(status != ACCEL_OK || mem_fault_hits() == hits); /* nothing was passed over in silence */
        zoo_inputs_free(&in);
        zoo_model_free(&m);
        if (status != ACCEL_OK && status != ACCEL_OUT_OF_MEMORY) {
            fail_msg("allocation %llu: %s", (unsigned long long)n, err.message);
        }
    }
    assert_int_equal(status, ACCEL_OK);
}

int main(void) {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_name_gets_a_suggestion),
        cmocka_unit_test(every_name_is_complete),
        WITH_FOLDER(a_name_whose_files_are_missing_says_how_to_get_them),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        WITH_FOLDER(a_repository_is_looked_up_in_the_cache),
        WITH_FOLDER(pickled_weights_are_never_read),
        WITH_FOLDER(an_unknown_class_lists_the_known_ones),
        WITH_FOLDER(configurations_that_contradict_themselves_are_refused),
        WITH_FOLDER(weights_of_the_wrong_shape_are_named),
        WITH_FOLDER(half_precision_weights_give_nearly_the_same),
        cmocka_unit_test(generated_models_have_the_published_number_of_parameters),
        cmocka_unit_test(the_seed_is_the_identity_of_a_generated_model),
        cmocka_unit_test(text_models_get_tokens_masks_and_types),
        cmocka_unit_test(inputs_follow_from_the_seed),
        cmocka_unit_test(a_model_can_be_bound_again_and_again),
        cmocka_unit_test(a_sequence_beyond_the_positions_is_unsupported),
        WITH_FOLDER(an_onnx_file_is_handed_on_by_its_path),
        WITH_FOLDER(a_fixed_batch_cannot_be_changed),
        WITH_FOLDER(dims_that_nobody_gave_are_reported),
        WITH_FOLDER(a_dim_of_one_name_has_one_value),
        WITH_FOLDER(shapes_that_a_model_cannot_take_are_named_with_the_way_out),
        WITH_FOLDER(pictures_and_sounds_of_any_size_get_usual_ones),
        cmocka_unit_test(light_graphs_take_any_batch),
        cmocka_unit_test(running_out_of_memory_anywhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
