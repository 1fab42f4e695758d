/* What the host makes of images and prompts for the LLaVA classes, and what it refuses. */
#include "zoo/given.h"

static accel_error err;

enum { TEXT = 1, IMAGE = 8, VIDEO = 9, TILE = 4, PER_TILE = 4, PIXELS = 3 * TILE * TILE };

#define FIELDS                                                                                               \
    "\"image_token_index\":8,\"video_token_index\":9,\"image_grid_pinpoints\":[[4,8],[8,4],[8,8]],"          \
    "\"text_config\":{\"model_type\":\"llama\",\"vocab_size\":10,\"hidden_size\":8,\"num_hidden_layers\":1," \
    "\"num_attention_heads\":2,\"num_key_value_heads\":1,\"intermediate_size\":8,"                           \
    "\"max_position_embeddings\":99}"
#define VISION(type)                                                                                         \
    "\"vision_config\":{\"model_type\":\"" type "\",\"hidden_size\":8,\"num_hidden_layers\":2,"              \
    "\"num_attention_heads\":2,\"intermediate_size\":8,\"image_size\":4,\"patch_size\":2}"
/* Of a field that stands twice the first counts: more goes before the others. */
#define LLAVA(more) "{\"model_type\":\"llava\"," more FIELDS "," VISION("clip_vision_model") "}"
#define NEXT(more)  "{\"model_type\":\"llava_next\"," more FIELDS "," VISION("clip_vision_model") "}"
#define ONEVISION(more)                                                                                      \
    "{\"model_type\":\"llava_onevision\"," more FIELDS "," VISION("siglip_vision_model") "}"

/* before tokens of text, then so many of a kind. */
static void give_prompt(given *g, int64_t before, int64_t token, int64_t count) {
    int64_t *ids = give(g, "input_ids", DTYPE_I64, 2, (int64_t[]){1, before + count})->data;
    for (int64_t i = 0; i < before + count; i++) {
        ids[i] = i < before ? TEXT : token;
    }
}

/* Tile t of image i is all of the number 10·i + t (where images have ten). */
static void give_tiles(given *g, const char *name, int64_t images, int64_t tiles) {
    give_rows(g, name, 5, (int64_t[]){images, tiles, 3, TILE, TILE}, 2);
}

static void give_size(given *g, int64_t height, int64_t width) {
    give_ints(g, "image_sizes", 2, (int64_t[]){1, 2}, (int64_t[]){height, width});
}

static void lines_end_with_newlines_and_padding_is_left_out(void **state) {
    zoo_model m;
    zoo_inputs in;
    given g = {0};
    assert_ok(load_config(state, NEXT(""), ZOO_INFERENCE, &m, &err));
    /* 3 x 8 pixels: two tiles across, a grid of 2 x 4 features of which one row is cut off at neither end. */
    give_prompt(&g, 1, IMAGE, PER_TILE + 2 * 5);
    give_tiles(&g, "pixel_values", 1, 5);
    give_size(&g, 3, 8);
    assert_ok(complete(&m, &g, &in, &err));
    assert_int_equal(input(&in, "pixel_values")->shape.dims[0], 3); /* without two tiles of padding */
    assert_ints(input(&in, "feature_rows"), 14, (int64_t[]){0, 1, 2, 3, 4, 5, 8, 9, 12, 6, 7, 10, 11, 12});
    assert_ok(zoo_bind(&m, &in, &err));
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void tiles_may_come_one_after_the_other(void **state) {
    zoo_model m;
    zoo_inputs in;
    given g = {0};
    assert_ok(load_config(state, NEXT(""), ZOO_INFERENCE, &m, &err));
    give_prompt(&g, 0, IMAGE, PER_TILE + 2 * 5);
    give_rows(&g, "pixel_values", 4, (int64_t[]){3, 3, TILE, TILE}, 1);
    give_size(&g, 4, 8);
    assert_ok(complete(&m, &g, &in, &err));
    zoo_inputs_free(&in);
    give_prompt(&g, 0, IMAGE, PER_TILE + 2 * 5);
    give_rows(&g, "pixel_values", 4, (int64_t[]){4, 3, TILE, TILE}, 1);
    give_size(&g, 4, 8);
    assert_int_equal(complete(&m, &g, &in, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("pixel_values has 4 tiles; the images of image_sizes are cut into 3");
    zoo_model_free(&m);
}

static void videos_and_images_stand_where_the_prompt_has_them(void **state) {
    zoo_model m;
    zoo_inputs in;
    given g = {0};
    assert_ok(load_config(state, ONEVISION(""), ZOO_INFERENCE, &m, &err));
    /* A frame is pooled to one feature. The image is one of two of its prompt, so it is not cut. */
    int64_t ids[14] = {VIDEO, VIDEO, VIDEO, IMAGE, IMAGE, IMAGE, IMAGE,
                       IMAGE, TEXT,  IMAGE, IMAGE, IMAGE, IMAGE, IMAGE};
    give_ints(&g, "input_ids", 2, (int64_t[]){1, 14}, ids);
    give_tiles(&g, "pixel_values", 2, 3);
    give_ints(&g, "image_sizes", 2, (int64_t[]){2, 2}, (int64_t[]){4, 8, 8, 8});
    give_ints(&g, "batch_num_images", 1, (int64_t[]){1}, (int64_t[]){2});
    give_tiles(&g, "pixel_values_videos", 1, 2);
    assert_ok(complete(&m, &g, &in, &err));
    const tensor *pixels = input(&in, "pixel_values");
    const float *first = pixels->data;
    assert_int_equal(pixels->shape.dims[0], 4); /* an image, another, two frames */
    assert_true(first[0] == 0 && first[PIXELS] == 3 && first[2 * PIXELS] == 0 && first[3 * PIXELS] == 1);
    const int64_t *rows = input(&in, "feature_rows")->data;
    const float *weights = input(&in, "feature_weights")->data;
    static const int64_t frame[4] = {8, 9, 10, 11};
    for (int i = 0; i < 4; i++) {
        assert_true(rows[i] == frame[i] && weights[i] == 0.25f && rows[4 + i] == frame[i] + 4);
    }
    static const int64_t lines[] = {16, 0, 1, 2, 3, 16, 4, 5, 6, 7, 16}; /* 16 is the newline */
    for (int i = 0; i < 11; i++) {
        assert_true(rows[4 * (2 + i)] == lines[i] && weights[4 * (2 + i)] == 1 &&
                    weights[4 * (2 + i) + 1] == 0);
    }
    assert_ok(zoo_bind(&m, &in, &err));
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void a_prompt_of_text_runs_with_a_tile_of_zeros(void **state) {
    static const char *const configs[] = {LLAVA(""), NEXT(""), ONEVISION("")};
    for (size_t i = 0; i < 3; i++) {
        zoo_model m;
        zoo_inputs in;
        given g = {0};
        assert_ok(load_config(state, configs[i], ZOO_INFERENCE, &m, &err));
        give_prompt(&g, 3, IMAGE, 0);
        assert_ok(complete(&m, &g, &in, &err));
        assert_int_equal(input(&in, "pixel_values")->shape.dims[0], 1);
        assert_ok(zoo_bind(&m, &in, &err));
        zoo_inputs_free(&in);
        zoo_model_free(&m);
    }
}

static void images_and_tokens_that_differ_are_counted(void **state) {
    zoo_model m;
    zoo_inputs in;
    given g = {0};
    assert_ok(load_config(state, LLAVA(""), ZOO_INFERENCE, &m, &err));
    give_prompt(&g, 1, IMAGE, 7);
    give_rows(&g, "pixel_values", 4, (int64_t[]){2, 3, TILE, TILE}, 1);
    assert_int_equal(complete(&m, &g, &in, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("input_ids has 7 image tokens (8), but the images given stand for 8");
    give_prompt(&g, 1, IMAGE, 1);
    assert_int_equal(complete(&m, &g, &in, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("has 1 image tokens (8), but the images given stand for 0");
    give_prompt(&g, 1, IMAGE, 0);
    give_rows(&g, "pixel_values", 4, (int64_t[]){0, 3, TILE, TILE}, 1);
    assert_int_equal(complete(&m, &g, &in, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("pixel_values holds no image");
    zoo_model_free(&m);
}

static void tiles_that_do_not_fit_are_named(void **state) {
    static const struct {
        int64_t height, width, tokens, tiles;
        const char *complaint;
    } cases[] = {
        {3, 8, 13, 3, "has 13 image tokens (8), but the images given stand for 14"},
        {3, 8, 14, 2, "has 2 tiles for image 0 of image_sizes, which is cut into 3"},
        {0, 8, 14, 3, "the height 0 and the width 8"},
        {8, -1, 14, 3, "the width -1"},
        {INT64_MAX, INT64_MAX, 14, 3, "sides are from 1"},
        {1, 1 << 24, 14, 3, "stand for 4"}, /* a line: no feature of the tiles is left */
    };
    zoo_model m;
    zoo_inputs in;
    assert_ok(load_config(state, NEXT(""), ZOO_INFERENCE, &m, &err));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        given g = {0};
        give_prompt(&g, 1, IMAGE, cases[i].tokens);
        give_tiles(&g, "pixel_values", 1, cases[i].tiles);
        give_size(&g, cases[i].height, cases[i].width);
        assert_int_equal(complete(&m, &g, &in, &err), ACCEL_INVALID_ARGUMENT);
        assert_says(cases[i].complaint);
    }
    zoo_model_free(&m);
}

static void counts_of_images_must_add_up(void **state) {
    static const struct {
        int64_t counts[2];
        const char *complaint;
    } cases[] = {{{1, 1}, "prompt 1 has 1 images, but only 0"},
                 {{0, 0}, "counts 0 of the 1 images"},
                 {{-1, 1}, "prompt 0 has -1 images"},
                 {{INT64_MAX, INT64_MAX}, "but only 1"}};
    zoo_model m;
    zoo_inputs in;
    assert_ok(load_config(state, ONEVISION(""), ZOO_INFERENCE, &m, &err));
    for (size_t i = 0; i < 4; i++) {
        given g = {0};
        give_prompt(&g, 1, IMAGE, 14);
        give_tiles(&g, "pixel_values", 1, 3);
        give_size(&g, 4, 8);
        give_ints(&g, "batch_num_images", 1, (int64_t[]){2}, cases[i].counts);
        assert_int_equal(complete(&m, &g, &in, &err), ACCEL_INVALID_ARGUMENT);
        assert_says(cases[i].complaint);
    }
    zoo_model_free(&m);
}

static void configurations_that_cannot_be_are_refused(void **state) {
    static const struct {
        const char *config, *complaint;
    } cases[] = {
        {LLAVA("\"vision_feature_layer\":-4,"), "the vision tower has 2 layers"},
        {LLAVA("\"vision_feature_layer\":[],"), "names no layer"},
        {LLAVA("\"vision_feature_select_strategy\":\"some\","), "'some' is not supported"},
        {LLAVA("\"image_token_index\":10,"), "below vocab_size 10"},
        {"{\"model_type\":\"llava\"," FIELDS ",\"vision_config\":{\"model_type\":\"pixtral\"}}",
         "vision_config of type 'pixtral'"},
        {"{\"model_type\":\"llava\"," VISION(
             "clip_vision_model") ",\"text_config\":{\"model_type\":\"gemma\"}}",
         "text_config of type 'gemma'"},
        {NEXT("\"vision_feature_select_strategy\":\"full\","), "one feature a patch"},
        {NEXT("\"image_grid_pinpoints\":[[4,6]],"), "4 x 6 is not in whole tiles of 4"},
        {NEXT("\"image_grid_pinpoints\":[[4,-4]],"), "image_grid_pinpoints"},
        {NEXT("\"image_grid_pinpoints\":[[4,4611686018427387904]],"), "image_grid_pinpoints"},
        {NEXT("\"image_grid_pinpoints\":[],"), "image_grid_pinpoints is empty"},
        {ONEVISION("\"vision_aspect_ratio\":\"pad\","), "'pad' is not supported"},
    };
    zoo_model m;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_not_equal(load_config(state, cases[i].config, ZOO_INFERENCE, &m, &err), ACCEL_OK);
        assert_says(cases[i].complaint);
    }
}

static void a_benchmark_has_one_image_a_prompt(void **state) {
    static const struct {
        const char *config;
        int64_t features;
    } cases[] = {{LLAVA(""), 4}, {NEXT(""), 4 + 4 * 5}, {ONEVISION(""), 4 + 2 * 3}};
    for (size_t i = 0; i < 3; i++) {
        zoo_model m;
        zoo_inputs in;
        assert_ok(load_config(state, cases[i].config, ZOO_PREFILL, &m, &err));
        assert_ok(zoo_make_inputs(&m, &(zoo_input_options){.batch = 2}, &in, &err));
        assert_int_equal(in.batch, 2);
        assert_int_equal(in.sequence, cases[i].features + 32);
        assert_ok(zoo_bind(&m, &in, &err));
        zoo_inputs_free(&in);
        zoo_model_free(&m);
    }
}

static void published_models_have_their_number_of_parameters(void **state) {
    (void)state;
    assert_int_equal(parameters_of("llava-1.5-7b-hf"), 7063427072);
    assert_int_equal(parameters_of("llava-v1.6-mistral-7b-hf"), 7566747648);
    assert_int_equal(parameters_of("llava-onevision-qwen2-0.5b"), 893675552);
}

static void give_image_and_video(given *g) {
    int64_t ids[17] = {VIDEO, VIDEO, TEXT};
    for (int i = 3; i < 17; i++) {
        ids[i] = IMAGE;
    }
    give_ints(g, "input_ids", 2, (int64_t[]){1, 17}, ids);
    give_tiles(g, "pixel_values", 1, 3);
    give_size(g, 4, 8);
    give_tiles(g, "pixel_values_videos", 1, 1);
}

static void running_out_of_memory_anywhere_is_an_error(void **state) {
    assert_memory_may_end(state, ONEVISION(""), give_image_and_video);
}

int main(void) {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(lines_end_with_newlines_and_padding_is_left_out),
        WITH_FOLDER(tiles_may_come_one_after_the_other),
        WITH_FOLDER(videos_and_images_stand_where_the_prompt_has_them),
        WITH_FOLDER(a_prompt_of_text_runs_with_a_tile_of_zeros),
        WITH_FOLDER(images_and_tokens_that_differ_are_counted),
        WITH_FOLDER(tiles_that_do_not_fit_are_named),
        WITH_FOLDER(counts_of_images_must_add_up),
        WITH_FOLDER(configurations_that_cannot_be_are_refused),
        WITH_FOLDER(a_benchmark_has_one_image_a_prompt),
        cmocka_unit_test(published_models_have_their_number_of_parameters),
        WITH_FOLDER(running_out_of_memory_anywhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
