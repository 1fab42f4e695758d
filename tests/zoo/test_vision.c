/* CLIP, X-CLIP, ViT, ResNet and DETR: what their goldens do not show. */
#include "support/test.h"

#include "base/mem.h"
#include "graph/cost.h"
#include "support/temp_folder.h"
#include "zoo/zoo.h"

static accel_error err;

static zoo_model load_config(void **state, const char *config) {
    zoo_model m;
    temp_file(state, "config.json", config);
    assert_ok(zoo_load(*state, NULL, &m, &err));
    return m;
}

/* --- parameters --- */

static void published_models_have_their_number_of_parameters(void **state) {
    static const struct {
        const char *config;
        int64_t parameters;
    } cases[] = {
        {"{\"model_type\":\"clip\"}", 151277313},
        {"{\"model_type\":\"xclip\"}", 196585729},
        {"{\"model_type\":\"vit\",\"architectures\":[\"ViTForImageClassification\"],\"num_labels\":1000}",
         86567656},
        {"{\"model_type\":\"vit\",\"architectures\":[\"ViTModel\"]}", 86389248},
        {"{\"model_type\":\"resnet\",\"architectures\":[\"ResNetForImageClassification\"],"
         "\"num_labels\":1000}",
         25557032},
        {"{\"model_type\":\"detr\",\"num_labels\":91,\"use_timm_backbone\":true,\"backbone\":\"resnet50\"}",
         41524768},
        {"{\"model_type\":\"detr\",\"num_labels\":91,\"backbone_config\":{\"model_type\":\"resnet\"}}",
         41524768}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph_cost cost;
        zoo_model m = load_config(state, cases[i].config);
        assert_ok(graph_cost_compute(m.graph, &cost, &err));
        assert_int_equal(cost.parameters, cases[i].parameters);
        zoo_model_free(&m);
    }
}

static void statistics_of_batch_norm_are_weights_but_no_parameters(void **state) {
    graph_cost cost;
    zoo_model m = load_config(state, "{\"model_type\":\"resnet\",\"num_labels\":1000,"
                                     "\"architectures\":[\"ResNetForImageClassification\"]}");
    assert_ok(graph_cost_compute(m.graph, &cost, &err));
    int64_t f32s = (int64_t)(cost.weight_bytes / sizeof(float)) - cost.parameters;
    assert_in_range(f32s, 2 * 26560, 2 * 26560 + 16); /* and the sizes of a reshape */
    zoo_model_free(&m);
}

/* --- configurations --- */

static void configurations_that_cannot_be_computed_are_refused(void **state) {
    static const struct {
        const char *config, *complaint;
    } cases[] = {
        {"{\"model_type\":\"vit\",\"image_size\":[8,64]}",
         "patch_size 16 x 16 does not fit into image_size 8 x 64"},
        {"{\"model_type\":\"vit\",\"patch_size\":0}", "patch_size 0 x 0"},
        {"{\"model_type\":\"vit\",\"image_size\":[224,224,3]}", "image_size"},
        {"{\"model_type\":\"vit\",\"num_attention_heads\":7}", "not a multiple of the heads 7"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"num_attention_heads\":7}}", "heads 7"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"hidden_size\":-1}}", "hidden_size"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"hidden_act\":\"nothing\"}}", "'nothing'"},
        {"{\"model_type\":\"clip\",\"architectures\":[\"CLIPForImageClassification\"]}", "CLIPModel"},
        {"{\"model_type\":\"xclip\",\"projection_dim\":256}",
         "mit_hidden_size 512 is not projection_dim 256"},
        {"{\"model_type\":\"resnet\",\"layer_type\":\"wide\"}", "layer_type 'wide'"},
        {"{\"model_type\":\"resnet\",\"depths\":[1,2]}", "hidden_sizes has 4 entries, depths has 2"},
        {"{\"model_type\":\"resnet\",\"depths\":[1,2,0,1]}", "depths holds 0"},
        {"{\"model_type\":\"resnet\",\"hidden_sizes\":[2,2,2,2]}", "hidden_sizes holds 2"},
        {"{\"model_type\":\"detr\",\"backbone\":\"swin_tiny\"}", "backbone 'swin_tiny'"},
        {"{\"model_type\":\"detr\",\"backbone_config\":{\"model_type\":\"swin\"}}",
         "a backbone of model_type 'swin'"},
        {"{\"model_type\":\"detr\",\"backbone_config\":{\"model_type\":\"resnet\",\"out_indices\":[3]}}",
         "end with 3"},
        {"{\"model_type\":\"detr\",\"position_embedding_type\":\"learned\"}", "position_embedding_type"},
        {"{\"model_type\":\"detr\",\"dilation\":true}", "dilation"},
        {"{\"model_type\":\"detr\",\"d_model\":250,\"encoder_attention_heads\":5,\"decoder_attention_heads\":5}",
         "multiple of 4"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        zoo_model m;
        temp_file(state, "config.json", cases[i].config);
        assert_true(zoo_load(*state, NULL, &m, &err) != ACCEL_OK);
        assert_says(cases[i].complaint);
    }
}

static void the_older_repeated_configuration_of_a_tower_counts(void **state) {
    zoo_model m = load_config(state, "{\"model_type\":\"clip\",\"text_config\":{\"vocab_size\":100},"
                                     "\"text_config_dict\":{\"vocab_size\":200}}");
    assert_int_equal(m.vocabulary, 200);
    zoo_model_free(&m);
}

/* --- inputs --- */

#define SMALL "\"hidden_size\":8,\"num_attention_heads\":2,\"num_hidden_layers\":1,\"intermediate_size\":8"

static void images_of_another_size_are_refused(void **state) {
    zoo_model m = load_config(state, "{\"model_type\":\"vit\",\"image_size\":[32,48]," SMALL "}");
    static const char *const names[] = {"pixel_values"};
    tensor pixels;
    zoo_inputs in;
    shape s = shape_make(4, (int64_t[]){1, 3, 48, 32});
    assert_ok(tensor_create(DTYPE_F32, &s, &pixels, &err));
    assert_int_equal(zoo_complete_inputs(&m, NULL, names, &pixels, 1, &in, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("'pixel_values' is given as float32 [1,3,48,32]; the model takes float32 [?,3,32,48]");
    tensor_free(&pixels);
    zoo_model_free(&m);
}

static void texts_are_counted_apart_from_images(void **state) {
    zoo_model m = load_config(state, "{\"model_type\":\"clip\",\"text_config\":{" SMALL "},"
                                     "\"vision_config\":{\"image_size\":32," SMALL "}}");
    static const char *const names[] = {"pixel_values", "input_ids"};
    tensor values[2];
    zoo_inputs in;
    shape pixels = shape_make(4, (int64_t[]){2, 3, 32, 32}), ids = shape_make(2, (int64_t[]){5, 7});
    assert_ok(tensor_create(DTYPE_F32, &pixels, &values[0], &err));
    assert_ok(tensor_create(DTYPE_I64, &ids, &values[1], &err));
    assert_ok(zoo_complete_inputs(&m, NULL, names, values, 2, &in, &err));
    for (size_t i = 0; i < in.count; i++) {
        if (strcmp(in.names[i], "attention_mask") == 0) {
            assert_true(shape_equal(&in.tensors[i].shape, &ids));
        }
    }
    assert_ok(zoo_bind(&m, &in, &err));
    const shape *logits = &m.graph->values[graph_find_value(m.graph, "logits_per_image")].type.shape;
    assert_int_equal(logits->dims[0], 2);
    assert_int_equal(logits->dims[1], 5);
    zoo_inputs_free(&in);
    tensor_free(&values[0]);
    tensor_free(&values[1]);
    zoo_model_free(&m);
}

static void inputs_that_disagree_about_a_side_are_refused(void **state) {
    zoo_model m = load_config(state, "{\"model_type\":\"detr\"}");
    static const char *const names[] = {"pixel_values", "pixel_mask"};
    tensor values[2];
    zoo_inputs in;
    shape pixels = shape_make(4, (int64_t[]){1, 3, 64, 96}), mask = shape_make(3, (int64_t[]){1, 64, 32});
    assert_ok(tensor_create(DTYPE_F32, &pixels, &values[0], &err));
    assert_ok(tensor_create(DTYPE_I64, &mask, &values[1], &err));
    assert_int_equal(zoo_complete_inputs(&m, NULL, names, values, 2, &in, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("input 'pixel_mask' has 32 for 'width', and another input has 96");
    tensor_free(&values[0]);
    tensor_free(&values[1]);
    zoo_model_free(&m);
}

static void detection_is_measured_on_photographs(void **state) {
    zoo_model m = load_config(state, "{\"model_type\":\"detr\"}");
    shape shapes[2];
    assert_ok(zoo_input_shapes(&m, NULL, shapes, &err));
    assert_int_equal(shapes[0].dims[2], 480);
    assert_int_equal(shapes[0].dims[3], 640);
    assert_int_equal(shapes[1].dims[1], 480);
    zoo_model_free(&m);
}

/* --- memory --- */

static accel_status load_and_bind(const char *folder) {
    zoo_model m = {0};
    zoo_inputs in = {0};
    accel_status status = zoo_load(folder, NULL, &m, &err);
    if (status == ACCEL_OK) {
        status = zoo_make_inputs(&m, &(zoo_input_options){.batch = 2}, &in, &err);
    }
    if (status == ACCEL_OK) {
        status = zoo_bind(&m, &in, &err);
    }
    zoo_inputs_free(&in);
    zoo_model_free(&m);
    return status;
}

static void running_out_of_memory_anywhere_is_an_error(void **state) {
    static const char detr[] =
        "{\"model_type\":\"detr\",\"d_model\":8,\"encoder_layers\":1,\"decoder_layers\":1,"
        "\"backbone_config\":{\"model_type\":\"resnet\",\"hidden_sizes\":[8,8],\"depths\":[1,1]}}";
    static const char *const configs[] = {
        "{\"model_type\":\"xclip\",\"projection_dim\":8,\"text_config\":{" SMALL "},\"vision_config\":{"
        "\"mit_hidden_size\":8,\"image_size\":32," SMALL "}}",
        "{\"model_type\":\"vit\",\"image_size\":32," SMALL "}", detr};
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        accel_status status = ACCEL_OUT_OF_MEMORY;
        temp_file(state, "config.json", configs[i]);
        for (uint64_t n = 1; status != ACCEL_OK && n < 1000000; n += 1 + n / 20) {
            uint64_t hits = mem_fault_hits();
            mem_fault_set(n, false);
            status = load_and_bind(*state);
            mem_fault_set(0, false);
            assert_true(status != ACCEL_OK || mem_fault_hits() == hits);
            if (status != ACCEL_OK && status != ACCEL_OUT_OF_MEMORY) {
                fail_msg("allocation %llu: %s", (unsigned long long)n, err.message);
            }
        }
        assert_int_equal(status, ACCEL_OK);
    }
}

int main(void) {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(published_models_have_their_number_of_parameters),
        WITH_FOLDER(statistics_of_batch_norm_are_weights_but_no_parameters),
        WITH_FOLDER(configurations_that_cannot_be_computed_are_refused),
        WITH_FOLDER(the_older_repeated_configuration_of_a_tower_counts),
        WITH_FOLDER(images_of_another_size_are_refused),
        WITH_FOLDER(texts_are_counted_apart_from_images),
        WITH_FOLDER(inputs_that_disagree_about_a_side_are_refused),
        WITH_FOLDER(detection_is_measured_on_photographs),
        WITH_FOLDER(running_out_of_memory_anywhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
