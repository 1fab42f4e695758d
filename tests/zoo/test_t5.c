/* What the goldens of T5 do not reach: the edges of its buckets, and configurations it refuses. */
#include "support/test.h"

#include "support/temp_folder.h"
#include "zoo/t5.h"
#include "zoo/zoo.h"

static accel_error err;

/* Of the published files: 32 buckets, 128 tokens. Values of the reference's _relative_position_bucket. */
static void buckets_of_both_ways_end_where_the_reference_has_them(void **state) {
    (void)state;
    static const struct {
        int64_t distance, bucket;
    } cases[] = {{0, 0},     {-1, 1},     {-7, 7},   {-8, 8},   {-11, 8},  {-12, 9},  {-15, 9},  {-16, 10},
                 {-22, 10},  {-23, 11},   {-31, 11}, {-32, 12}, {-63, 13}, {-64, 14}, {-90, 14}, {-91, 15},
                 {-128, 15}, {-5000, 15}, {1, 17},   {8, 24},   {16, 26},  {32, 28},  {64, 30},  {128, 31}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(zoo_t5_bucket(cases[i].distance, true, 32, 128), cases[i].bucket);
}

static void buckets_of_a_decoder_look_back_only(void **state) {
    (void)state;
    static const struct {
        int64_t distance, bucket;
    } cases[] = {{5, 0},    {0, 0},    {-1, 1},    {-15, 15},  {-16, 16},  {-18, 16},  {-19, 17},
                 {-32, 21}, {-64, 26}, {-112, 30}, {-113, 31}, {-128, 31}, {-9999, 31}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(zoo_t5_bucket(cases[i].distance, false, 32, 128), cases[i].bucket);
}

static void configurations_that_it_cannot_compute_are_refused(void **state) {
    static const struct {
        const char *config, *complaint;
    } cases[] = {{"{\"model_type\":\"t5\",\"feed_forward_proj\":\"gated-gelu-new\"}",
                  "neither an activation nor gated"},
                 {"{\"model_type\":\"t5\",\"feed_forward_proj\":\"gelo\"}", "did you mean 'gelu'"},
                 {"{\"model_type\":\"t5\",\"relative_attention_num_buckets\":300}", "half of them less"},
                 {"{\"model_type\":\"t5\",\"decoder_start_token_id\":32128}", "decoder_start_token_id"},
                 {"{\"model_type\":\"t5\",\"architectures\":[\"T5ForTokenClassification\"]}",
                  "T5ForConditionalGeneration"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        zoo_model m;
        temp_file(state, "config.json", cases[i].config);
        assert_int_not_equal(zoo_load(*state, NULL, &m, &err), ACCEL_OK);
        assert_says(cases[i].complaint);
    }
}

/* A text without decoder_input_ids begins with the start token; a name that is no input is one all the same. */
static void the_decoder_starts_with_its_token(void **state) {
    static const char *const names[] = {"input_ids", "inputs_ids"};
    zoo_model m;
    zoo_inputs in;
    int64_t ids[6] = {1, 2, 3, 4, 5, 6};
    tensor given = {.type = DTYPE_I64, .shape = {2, {2, 3}}, .data = ids, .size_bytes = sizeof ids};
    temp_file(state, "config.json",
              "{\"model_type\":\"t5\",\"vocab_size\":10,\"d_model\":4,\"d_kv\":2,\"d_ff\":4,\"num_layers\":1,"
              "\"num_heads\":2,\"decoder_start_token_id\":7}");
    assert_ok(zoo_load(*state, NULL, &m, &err));
    assert_ok(zoo_complete_inputs(&m, NULL, names, &given, 1, &in, &err));
    for (size_t i = 0; i < in.count; i++)
        if (strcmp(in.names[i], "decoder_input_ids") == 0) {
            assert_true(shape_equal(&in.tensors[i].shape, &(shape){2, {2, 1}}));
            assert_int_equal(((const int64_t *)in.tensors[i].data)[1], 7);
        } else if (strcmp(in.names[i], "decoder_attention_mask") == 0) {
            assert_true(shape_equal(&in.tensors[i].shape, &(shape){2, {2, 1}}));
        }
    zoo_inputs_free(&in);
    assert_int_equal(zoo_complete_inputs(&m, NULL, names + 1, &given, 1, &in, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("no input 'inputs_ids'");
    zoo_model_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_of_both_ways_end_where_the_reference_has_them),
        cmocka_unit_test(buckets_of_a_decoder_look_back_only),
        cmocka_unit_test_setup_teardown(configurations_that_it_cannot_compute_are_refused, temp_folder_setup,
                                        temp_folder_teardown),
        cmocka_unit_test_setup_teardown(the_decoder_starts_with_its_token, temp_folder_setup,
                                        temp_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
