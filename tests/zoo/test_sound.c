/* What the goldens of Whisper, Wav2Vec2 and CLAP do not reach: lengths and configurations they refuse, what follows from
 * given inputs, and what is counted. */
#include "support/test.h"

#include "graph/cost.h"
#include "support/temp_folder.h"
#include "zoo/zoo.h"

#define WHISPER                                                                                               \
    "{\"model_type\":\"whisper\",\"vocab_size\":20,\"d_model\":8,\"num_mel_bins\":4,\"encoder_layers\":1,"    \
    "\"decoder_layers\":1,\"encoder_attention_heads\":2,\"decoder_attention_heads\":2,\"encoder_ffn_dim\":8," \
    "\"decoder_ffn_dim\":8,\"max_source_positions\":5,\"max_target_positions\":6,"                            \
    "\"decoder_start_token_id\":3}"
#define WAV2VEC2(more)                                                                                       \
    "{\"model_type\":\"wav2vec2\",\"hidden_size\":8,\"num_hidden_layers\":1,\"num_attention_heads\":2,"      \
    "\"intermediate_size\":8,\"num_conv_pos_embeddings\":4,\"num_conv_pos_embedding_groups\":2," more "}"
#define CLAP_OF(window, hidden, more)                                                                        \
    "{\"model_type\":\"clap\",\"projection_dim\":4,\"text_config\":{\"vocab_size\":20,\"hidden_size\":8,"    \
    "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"intermediate_size\":8,"                             \
    "\"max_position_embeddings\":20},\"audio_config\":{\"num_mel_bins\":4,\"spec_size\":16,"                 \
    "\"patch_embeds_hidden_size\":4,\"depths\":[1,1],\"num_attention_heads\":[1,2],"                         \
    "\"window_size\":" window ",\"hidden_size\":" hidden more "}}"
#define CLAP(more) CLAP_OF("2", "8", more)

static accel_error err;

static zoo_model load(void **state, const char *config) {
    zoo_model m;
    temp_file(state, "config.json", config);
    assert_ok(zoo_load(*state, NULL, &m, &err));
    return m;
}

static accel_status complete(const zoo_model *m, const char *name, int rank, const int64_t *dims,
                             zoo_inputs *in) {
    tensor t;
    shape s = shape_make(rank, dims);
    assert_ok(tensor_create(DTYPE_F32, &s, &t, &err));
    accel_status status = zoo_complete_inputs(m, NULL, &name, &t, 1, in, &err);
    tensor_free(&t);
    return status;
}

static const tensor *input_named(const zoo_inputs *in, const char *name) {
    for (size_t i = 0; i < in->count; i++)
        if (strcmp(in->names[i], name) == 0)
            return &in->tensors[i];
    fail_msg("no input '%s'", name);
    return NULL;
}

static void assert_refused(void **state, const char *config, const char *complaint) {
    zoo_model m;
    temp_file(state, "config.json", config);
    assert_int_not_equal(zoo_load(*state, NULL, &m, &err), ACCEL_OK);
    assert_says(complaint);
}

/* --- whisper --- */

static void whisper_takes_one_length(void **state) {
    zoo_model m = load(state, WHISPER);
    zoo_inputs in;
    assert_int_equal(complete(&m, "input_features", 3, (int64_t[]){1, 4, 9}, &in), ACCEL_INVALID_ARGUMENT);
    assert_says("input 'input_features' is given as float32 [1,4,9]; the model takes float32 [?,4,10]");
    assert_ok(complete(&m, "input_features", 3, (int64_t[]){3, 4, 10}, &in));
    const tensor *ids = input_named(&in, "decoder_input_ids");
    assert_true(shape_equal(&ids->shape, &(shape){2, {3, 1}}));
    assert_int_equal(((const int64_t *)ids->data)[2], 3);
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void whisper_has_so_many_positions(void **state) {
    zoo_model m = load(state, WHISPER);
    zoo_inputs in;
    zoo_input_options options = {.sequence = 7};
    assert_int_equal(zoo_make_inputs(&m, &options, &in, &err), ACCEL_UNSUPPORTED);
    assert_says("positions for 6 tokens; 7 were asked for");
    zoo_model_free(&m);
    assert_refused(state, "{\"model_type\":\"whisper\",\"vocab_size\":20}", "decoder_start_token_id 50257");
    assert_refused(state, "{\"model_type\":\"whisper\",\"d_model\":100}", "not a multiple of the heads 6");
}

/* --- wav2vec2 --- */

/* The published convolutions see 400 samples. */
static void a_sound_shorter_than_one_frame_is_refused(void **state) {
    zoo_model m = load(state, WAV2VEC2("\"conv_dim\":[4,4,4,4,4,4,4]"));
    zoo_inputs in;
    assert_int_equal(complete(&m, "input_values", 2, (int64_t[]){1, 399}, &in), ACCEL_UNSUPPORTED);
    assert_says("input 'input_values' has 399 samples;");
    assert_says("takes at least 400");
    assert_ok(complete(&m, "input_values", 2, (int64_t[]){2, 400}, &in));
    assert_int_equal(((const int64_t *)input_named(&in, "attention_mask")->data)[799], 1);
    zoo_inputs_free(&in);
    assert_ok(zoo_make_inputs(&m, NULL, &in, &err));
    assert_int_equal(in.tensors[0].shape.dims[1], 16000);
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void convolutions_that_do_not_go_together_are_refused(void **state) {
    assert_refused(state, WAV2VEC2("\"conv_dim\":[4,4]"), "have 2, 7 and 7 entries");
    assert_refused(state, WAV2VEC2("\"conv_dim\":[4],\"conv_kernel\":[0],\"conv_stride\":[1]"), "kernel 0");
    assert_refused(state,
                   WAV2VEC2("\"conv_dim\":[4,4],\"conv_kernel\":[1,1],\"conv_stride\":[1000000,1000000]"),
                   "frames of more than");
    assert_refused(state, WAV2VEC2("\"feat_extract_norm\":\"batch\""), "neither \"group\" nor \"layer\"");
    assert_refused(state, WAV2VEC2("\"add_adapter\":true"), "add_adapter");
}

/* --- clap --- */

static void clap_takes_as_many_frames_as_its_picture_holds(void **state) {
    zoo_model m = load(state, CLAP(""));
    zoo_inputs in;
    assert_int_equal(complete(&m, "input_features", 4, (int64_t[]){1, 1, 65, 4}, &in), ACCEL_UNSUPPORTED);
    assert_says("input 'input_features' has 65 frames;");
    assert_says("takes at most 64");
    assert_ok(zoo_make_inputs(&m, NULL, &in, &err));
    assert_true(shape_equal(&input_named(&in, "input_features")->shape, &(shape){4, {1, 1, 63, 4}}));
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void only_fused_files_read_is_longer(void **state) {
    static const char *const names[] = {"is_longer"};
    bool yes = true;
    tensor longer = {.type = DTYPE_BOOL, .shape = {2, {1, 1}}, .data = &yes, .size_bytes = 1};
    zoo_model m = load(state, CLAP(""));
    zoo_inputs in;
    assert_ok(zoo_complete_inputs(&m, NULL, names, &longer, 1, &in, &err));
    assert_int_equal(in.count, 3);
    zoo_inputs_free(&in);
    zoo_model_free(&m);
    m = load(state, CLAP(",\"enable_fusion\":true"));
    assert_ok(zoo_make_inputs(&m, NULL, &in, &err));
    assert_int_equal(in.count, 4);
    assert_false(*(const bool *)input_named(&in, "is_longer")->data);
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void pictures_that_windows_do_not_tile_are_refused(void **state) {
    assert_refused(state, CLAP_OF("3", "8", ""), "not tiled by windows of 3");
    assert_refused(state, CLAP(",\"patch_size\":5"), "patch_size 5 with patch_stride 4");
    assert_refused(state, CLAP_OF("2", "16", ""), "audio_config.hidden_size 16 is not");
    assert_refused(state, CLAP(",\"enable_fusion\":true,\"fusion_type\":\"channel_map\""), "channel_map");
}

/* --- counts --- */

static void generated_models_have_the_published_number_of_parameters(void **state) {
    static const struct {
        const char *config;
        int64_t parameters;
    } cases[] = {
        {"{\"model_type\":\"t5\"}", 60506624},
        {"{\"model_type\":\"t5\",\"d_model\":256,\"d_ff\":1024,\"num_layers\":4,\"num_heads\":4}", 15570688},
        {"{\"model_type\":\"whisper\"}", 37760640},
        {"{\"model_type\":\"wav2vec2\"}", 94371712},
        {"{\"model_type\":\"wav2vec2\",\"architectures\":[\"Wav2Vec2ForCTC\"]}", 94396320},
        {"{\"model_type\":\"clap\"}", 153492890},
        {"{\"model_type\":\"clap\",\"audio_config\":{\"enable_fusion\":true}}", 153507530}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph_cost cost;
        zoo_model m = load(state, cases[i].config);
        assert_ok(graph_cost_compute(m.graph, &cost, &err));
        assert_int_equal(cost.parameters, cases[i].parameters);
        zoo_model_free(&m);
    }
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(whisper_takes_one_length),
        WITH_FOLDER(whisper_has_so_many_positions),
        WITH_FOLDER(a_sound_shorter_than_one_frame_is_refused),
        WITH_FOLDER(convolutions_that_do_not_go_together_are_refused),
        WITH_FOLDER(clap_takes_as_many_frames_as_its_picture_holds),
        WITH_FOLDER(only_fused_files_read_is_longer),
        WITH_FOLDER(pictures_that_windows_do_not_tile_are_refused),
        WITH_FOLDER(generated_models_have_the_published_number_of_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
