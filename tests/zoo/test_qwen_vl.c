/* What the host makes of grids and prompts for Qwen2-VL and Qwen3-VL, and what it refuses. */
#include "zoo/given.h"

static accel_error err;

enum { TEXT = 1, IMAGE = 8, VIDEO = 9, VALUES = 3 * 2 * 2 * 2 };

#define TEXT_FIELDS                                                                                          \
    "\"vocab_size\":10,\"hidden_size\":16,\"num_hidden_layers\":1,\"num_attention_heads\":2,"                \
    "\"num_key_value_heads\":1,\"intermediate_size\":16,\"max_position_embeddings\":64,\"head_dim\":8,"      \
    "\"rope_scaling\":{\"type\":\"mrope\",\"mrope_section\":[2,1,1]}"
#define TOKENS "\"image_token_id\":8,\"video_token_id\":9,"
/* Of a field that stands twice the first counts: vision goes before the others. */
#define QWEN2(vision)                                                                                        \
    "{\"model_type\":\"qwen2_vl\"," TOKENS TEXT_FIELDS ",\"vision_config\":{" vision                         \
    "\"depth\":1,\"embed_dim\":16,"                                                                          \
    "\"num_heads\":2,\"patch_size\":2,\"hidden_size\":16}}"
#define QWEN3(vision)                                                                                        \
    "{\"model_type\":\"qwen3_vl\"," TOKENS "\"text_config\":{" TEXT_FIELDS "},\"vision_config\":{" vision    \
    "\"depth\":2,"                                                                                           \
    "\"hidden_size\":16,\"num_heads\":2,\"patch_size\":2,\"intermediate_size\":16,\"out_hidden_size\":16,"   \
    "\"num_position_embeddings\":25,\"deepstack_visual_indexes\":[0]}}"

static void give_ids(given *g, int64_t count, const int64_t *ids) {
    give_ints(g, "input_ids", 2, (int64_t[]){1, count}, ids);
}

static void give_patches(given *g, const char *name, int64_t rows) {
    give_rows(g, name, 2, (int64_t[]){rows, VALUES}, 1);
}

static void positions_follow_time_row_and_column(void **state) {
    zoo_model m;
    zoo_inputs in;
    given g = {0};
    assert_ok(load_config(state, QWEN2(""), ZOO_INFERENCE, &m, &err));
    /* A video of 2 x 2 x 4 patches: 2 frames of 1 x 2 features; text goes on after its longer side, 2. */
    give_ids(&g, 7, (int64_t[]){TEXT, VIDEO, VIDEO, VIDEO, VIDEO, TEXT, TEXT});
    give_patches(&g, "pixel_values_videos", 16);
    give_ints(&g, "video_grid_thw", 2, (int64_t[]){1, 3}, (int64_t[]){2, 2, 4});
    assert_ok(complete(&m, &g, &in, &err));
    assert_ints(input(&in, "position_ids"), 21,
                (int64_t[]){0, 1, 1, 2, 2, 3, 4, 0, 1, 1, 1, 1, 3, 4, 0, 1, 2, 1, 2, 3, 4});
    assert_ints(input(&in, "feature_rows"), 4, (int64_t[]){0, 1, 2, 3});
    assert_ok(zoo_bind(&m, &in, &err));
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void padding_has_no_position(void **state) {
    zoo_model m;
    zoo_inputs in;
    given g = {0};
    assert_ok(load_config(state, QWEN2(""), ZOO_PREFILL, &m, &err));
    give_ids(&g, 4, (int64_t[]){0, 0, TEXT, TEXT});
    give_ints(&g, "attention_mask", 2, (int64_t[]){1, 4}, (int64_t[]){0, 0, 1, 1});
    assert_ok(complete(&m, &g, &in, &err));
    assert_ints(input(&in, "position_ids"), 12, (int64_t[]){0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1});
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void frames_of_all_sizes_are_one_batch(void **state) {
    zoo_model m;
    zoo_inputs in;
    given g = {0};
    assert_ok(load_config(state, QWEN2(""), ZOO_INFERENCE, &m, &err));
    /* The video's token comes first; its patches come after those of the image and its features follow the prompt. */
    give_ids(&g, 5, (int64_t[]){VIDEO, TEXT, IMAGE, IMAGE, TEXT});
    give_patches(&g, "pixel_values", 8);
    give_patches(&g, "pixel_values_videos", 4);
    give_ints(&g, "image_grid_thw", 2, (int64_t[]){1, 3}, (int64_t[]){1, 4, 2});
    give_ints(&g, "video_grid_thw", 2, (int64_t[]){1, 3}, (int64_t[]){1, 2, 2});
    assert_ok(complete(&m, &g, &in, &err));
    assert_ints(input(&in, "patch_rows"), 16, (int64_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 0, 0, 0});
    assert_ints(input(&in, "patch_mask"), 16, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0});
    assert_ints(input(&in, "patch_places"), 32, (int64_t[]){0, 0, 0, 1, 1, 0, 1, 1, 2, 0, 2, 1, 3, 0, 3, 1,
                                                            0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0});
    assert_ints(input(&in, "feature_rows"), 3, (int64_t[]){2, 0, 1});
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void the_table_of_positions_reaches_from_corner_to_corner(void **state) {
    zoo_model m;
    zoo_inputs in;
    given g = {0};
    assert_ok(load_config(state, QWEN3(""), ZOO_INFERENCE, &m, &err));
    give_ids(&g, 2, (int64_t[]){IMAGE, IMAGE});
    give_patches(&g, "pixel_values", 8);
    give_ints(&g, "image_grid_thw", 2, (int64_t[]){1, 3}, (int64_t[]){1, 2, 4});
    assert_ok(complete(&m, &g, &in, &err));
    const int64_t *rows = input(&in, "table_rows")->data;
    const float *weights = input(&in, "table_weights")->data;
    assert_true(rows[0] == 0 && weights[0] == 1);          /* row 0, column 0 */
    assert_true(rows[4 * 7] == 24 && weights[4 * 7] == 1); /* row 1, column 3: the last of 5 x 5 */
    assert_true(rows[4] == 1 && weights[4] > 0.66f && rows[5] == 2 &&
                weights[5] > 0.33f); /* column 1 of 4: 4/3 */
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void frames_of_a_video_stand_apart_in_qwen3(void **state) {
    zoo_model m;
    zoo_inputs in;
    given g = {0};
    assert_ok(load_config(state, QWEN3(""), ZOO_INFERENCE, &m, &err));
    give_ids(&g, 4, (int64_t[]){VIDEO, TEXT, TEXT, VIDEO});
    give_patches(&g, "pixel_values_videos", 8);
    give_ints(&g, "video_grid_thw", 2, (int64_t[]){1, 3}, (int64_t[]){2, 2, 2});
    assert_ok(complete(&m, &g, &in, &err));
    assert_ints(input(&in, "position_ids"), 12, (int64_t[]){0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3});
    assert_ints(input(&in, "feature_rows"), 2, (int64_t[]){0, 1});
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void a_prompt_of_text_has_no_empty_dim(void **state) {
    zoo_model m;
    zoo_inputs in;
    given g = {0};
    assert_ok(load_config(state, QWEN3(""), ZOO_INFERENCE, &m, &err));
    give_ids(&g, 3, (int64_t[]){TEXT, TEXT, TEXT});
    assert_ok(complete(&m, &g, &in, &err));
    for (size_t i = 0; i < in.count; i++) {
        for (int axis = 0; axis < in.tensors[i].shape.rank; axis++) {
            assert_true(in.tensors[i].shape.dims[axis] > 0);
        }
    }
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void what_does_not_fit_is_named(void **state) {
    static const struct {
        int64_t ids[6], grid[3], patches;
        const char *complaint;
    } cases[] = {
        {{IMAGE, IMAGE, IMAGE, TEXT}, {1, 2, 4}, 8, "more image tokens than the grids of image_grid_thw"},
        {{IMAGE, TEXT, IMAGE, TEXT}, {1, 2, 4}, 8, "stands for 2 tokens in a row, but the prompt has only 1"},
        {{TEXT, TEXT, TEXT, IMAGE}, {1, 2, 4}, 8, "has only 1 there"},
        {{TEXT, TEXT, TEXT, TEXT}, {1, 2, 4}, 8, "0 of the 1 pieces that image_grid_thw"},
        {{VIDEO, TEXT, IMAGE, IMAGE}, {1, 2, 4}, 8, "more video tokens"},
        {{IMAGE, IMAGE, TEXT, TEXT}, {1, 2, 4}, 9, "1 rows more than the grids"},
        {{IMAGE, IMAGE, TEXT, TEXT}, {1, 2, 4}, 4, "more patches than pixel_values has rows left, 4"},
        {{IMAGE, IMAGE, TEXT, TEXT}, {1, 3, 4}, 12, "multiples of 2"},
        {{IMAGE, IMAGE, TEXT, TEXT}, {1, 0, 4}, 8, "multiples of 2"},
        {{IMAGE, IMAGE, TEXT, TEXT}, {INT64_MAX, 2, 4}, 8, "multiples of 2"},
        {{IMAGE, IMAGE, TEXT, TEXT}, {1 << 20, 1 << 20, 1 << 20}, 8, "more patches than pixel_values"},
    };
    zoo_model m;
    zoo_inputs in;
    assert_ok(load_config(state, QWEN2(""), ZOO_INFERENCE, &m, &err));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        given g = {0};
        give_ids(&g, 4, cases[i].ids);
        give_patches(&g, "pixel_values", cases[i].patches);
        give_ints(&g, "image_grid_thw", 2, (int64_t[]){1, 3}, cases[i].grid);
        assert_int_equal(complete(&m, &g, &in, &err), ACCEL_INVALID_ARGUMENT);
        assert_says(cases[i].complaint);
    }
    zoo_model_free(&m);
}

static accel_status complete_one(const zoo_model *m, const char *name, int rank, const int64_t *dims) {
    zoo_inputs in;
    given g = {0};
    give_ids(&g, 2, (int64_t[]){TEXT, TEXT});
    (void)give(&g, name, strstr(name, "pixel") ? DTYPE_F32 : DTYPE_I64, rank, dims);
    accel_status status = complete(m, &g, &in, &err);
    if (status == ACCEL_OK) {
        zoo_inputs_free(&in);
    }
    return status;
}

static void inputs_of_wrong_shapes_are_named(void **state) {
    zoo_model m;
    assert_ok(load_config(state, QWEN2(""), ZOO_INFERENCE, &m, &err));
    assert_int_equal(complete_one(&m, "pixel_values", 2, (int64_t[]){4, VALUES}), ACCEL_INVALID_ARGUMENT);
    assert_says("pixel_values and image_grid_thw must be given together");
    assert_int_equal(complete_one(&m, "pixel_values", 3, (int64_t[]){1, 4, VALUES}), ACCEL_INVALID_ARGUMENT);
    assert_says("pixel_values");
    assert_int_equal(complete_one(&m, "attention_mask", 2, (int64_t[]){1, 3}), ACCEL_INVALID_ARGUMENT);
    assert_says("attention_mask must have the shape of input_ids");
    assert_int_equal(complete_one(&m, "mm_token_type_ids", 2, (int64_t[]){2, 1}), ACCEL_INVALID_ARGUMENT);
    assert_says("mm_token_type_ids");
    assert_int_equal(complete_one(&m, "image_sizes", 2, (int64_t[]){1, 2}), ACCEL_INVALID_ARGUMENT);
    assert_says("no input 'image_sizes'");
    assert_ok(complete_one(&m, "mm_token_type_ids", 2, (int64_t[]){1, 2}));
    zoo_model_free(&m);
}

static void configurations_that_cannot_be_are_refused(void **state) {
    static const struct {
        const char *config, *complaint;
    } cases[] = {
        {QWEN2("\"num_heads\":3,"), "not a multiple of the heads"},
        {QWEN2("\"num_heads\":8,"), "multiple of 4"},
        {QWEN2("\"hidden_size\":12,"), "features of width 12"},
        {QWEN2("\"spatial_merge_size\":0,"), "spatial_merge_size"},
        {QWEN2("\"patch_size\":\"big\","), "patch_size"},
        {QWEN3("\"num_position_embeddings\":24,"), "24 is not the square"},
        {QWEN3("\"deepstack_visual_indexes\":[1,0],"), "rising numbers"},
        {QWEN3("\"deepstack_visual_indexes\":[2],"), "rising numbers of the 2 vision blocks"},
        {"{\"model_type\":\"qwen2_vl\",\"image_token_id\":10,\"video_token_id\":9," TEXT_FIELDS "}",
         "below vocab_size 10"},
    };
    zoo_model m;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_not_equal(load_config(state, cases[i].config, ZOO_INFERENCE, &m, &err), ACCEL_OK);
        assert_says(cases[i].complaint);
    }
}

static void a_benchmark_has_one_image_a_prompt(void **state) {
    zoo_model m;
    zoo_inputs in;
    assert_ok(load_config(state, QWEN3(""), ZOO_PREFILL, &m, &err));
    assert_ok(zoo_make_inputs(&m, &(zoo_input_options){.batch = 2}, &in, &err));
    assert_int_equal(in.batch, 2);
    assert_int_equal(in.sequence, 25 + 32); /* 5 x 5 features: as many as leave positions for the text */
    assert_int_equal(input(&in, "patch_rows")->shape.dims[0], 2);
    assert_ok(zoo_bind(&m, &in, &err));
    zoo_inputs_free(&in);
    assert_int_equal(zoo_make_inputs(&m, &(zoo_input_options){.sequence = 25}, &in, &err), ACCEL_UNSUPPORTED);
    assert_says("more than 25 tokens");
    zoo_model_free(&m);
    assert_ok(load_config(state, QWEN3(""), ZOO_DECODE, &m, &err));
    assert_ok(zoo_make_inputs(&m, NULL, &in, &err));
    assert_int_equal(input(&in, "position_ids")->shape.rank, 3);
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void published_models_have_their_number_of_parameters(void **state) {
    (void)state;
    assert_int_equal(parameters_of("qwen2-vl-2b-instruct"), 2208985600);
    assert_int_equal(parameters_of("qwen3-vl-2b-instruct"), 2127532032);
}

static void give_image_and_video(given *g) {
    give_ids(g, 5, (int64_t[]){VIDEO, TEXT, IMAGE, IMAGE, TEXT});
    give_patches(g, "pixel_values", 8);
    give_patches(g, "pixel_values_videos", 4);
    give_ints(g, "image_grid_thw", 2, (int64_t[]){1, 3}, (int64_t[]){1, 4, 2});
    give_ints(g, "video_grid_thw", 2, (int64_t[]){1, 3}, (int64_t[]){1, 2, 2});
}

static void running_out_of_memory_anywhere_is_an_error(void **state) {
    assert_memory_may_end(state, QWEN3(""), give_image_and_video);
}

int main(void) {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(positions_follow_time_row_and_column),
        WITH_FOLDER(padding_has_no_position),
        WITH_FOLDER(frames_of_all_sizes_are_one_batch),
        WITH_FOLDER(the_table_of_positions_reaches_from_corner_to_corner),
        WITH_FOLDER(frames_of_a_video_stand_apart_in_qwen3),
        WITH_FOLDER(a_prompt_of_text_has_no_empty_dim),
        WITH_FOLDER(what_does_not_fit_is_named),
        WITH_FOLDER(inputs_of_wrong_shapes_are_named),
        WITH_FOLDER(configurations_that_cannot_be_are_refused),
        WITH_FOLDER(a_benchmark_has_one_image_a_prompt),
        cmocka_unit_test(published_models_have_their_number_of_parameters),
        WITH_FOLDER(running_out_of_memory_anywhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
