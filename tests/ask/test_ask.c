/* What the room promises apart from its numbers (tests/cli/test_ask.py compares those): ranks, and memory that ends. */
#include "support/test.h"

#include <math.h>

#include "ask/internal.h"
#include "base/mem.h"

static accel_error err;

/* ---- ranks -------------------------------------------------------------------------------------------- */

static void the_largest_come_first_and_of_equals_the_first(void **state) {
    (void)state;
    const float values[] = {1, 3, -2, 3, 0};
    ask_rank best[3];
    assert_int_equal(ask_rank_values(values, 5, 3, best), 3);
    assert_int_equal(best[0].index, 1);
    assert_int_equal(best[1].index, 3);
    assert_int_equal(best[2].index, 0);
}

static void probabilities_are_the_softmax_of_all_values(void **state) {
    (void)state;
    const float values[] = {1000, 1001};
    ask_rank best[5];
    assert_int_equal(ask_rank_values(values, 2, 5, best), 2);
    assert_true(fabs(best[0].probability - 1 / (1 + exp(-1.0))) < 1e-12);
    assert_true(fabs(best[0].probability + best[1].probability - 1) < 1e-12);
}

/* ---- memory ------------------------------------------------------------------------------------------- */

/* The weights of a golden, beside the tokenizer or processor that its question has. */
static void load(const char *name, zoo_model *m) {
    char weights[128], files[128];
    str_format(weights, sizeof weights, "tests/golden/zoo/%s", name);
    str_format(files, sizeof files, "tests/golden/ask/%s", name);
    assert_ok(zoo_load(weights, NULL, m, &err));
    mem_free(m->path);
    m->path = mem_alloc(strlen(files) + 1);
    assert_non_null(m->path);
    memcpy(m->path, files, strlen(files) + 1);
}

static accel_status ask_and_answer(const zoo_model *m, const ask_question *q, const ask_output *output) {
    ask *a = NULL;
    ACCEL_TRY(ask_open(m, q, &a, &err));
    accel_status status = ask_answer_outputs(a, output, 1, &err);
    ask_close(a);
    return status;
}

/* A question for a golden, and an output of zeros to be read. */
typedef struct question {
    const char *name;
    const char *texts[2], *image, *sound;
    size_t text_count;
    const char *output;
    dtype type;
    shape shape;
} question;

static const question questions[] = {
    {"gpt2", {"the word", "they have not"}, NULL, NULL, 2, "generated_ids", DTYPE_I64, {2, {2, 4}}},
    {"bert-mlm", {"the [MASK]"}, NULL, NULL, 1, "logits", DTYPE_F32, {3, {1, 8, 100}}},
    {"vit", {NULL}, "tests/golden/media/plain.jpg", NULL, 0, "logits", DTYPE_F32, {2, {1, 7}}},
    {"clip",
     {"the", "they"},
     "tests/golden/media/c2d8.png",
     NULL,
     2,
     "logits_per_image",
     DTYPE_F32,
     {2, {1, 2}}},
    {"qwen2-vl",
     {"the word"},
     "tests/golden/media/plain.jpg",
     NULL,
     1,
     "generated_ids",
     DTYPE_I64,
     {2, {1, 4}}},
    {"llava-onevision",
     {"the <image> word"},
     "tests/golden/media/wide.jpg",
     NULL,
     1,
     "generated_ids",
     DTYPE_I64,
     {2, {1, 4}}},
    {"wav2vec2-ctc", {NULL}, NULL, "tests/golden/media/mono.wav", 0, "logits", DTYPE_F32, {3, {1, 9, 20}}},
    {"whisper", {"<|en|>"}, NULL, "tests/golden/media/mono.wav", 1, "generated_ids", DTYPE_I64, {2, {1, 4}}},
    {"clap",
     {"the", "they"},
     NULL,
     "tests/golden/media/mono.wav",
     2,
     "logits_per_audio",
     DTYPE_F32,
     {2, {1, 2}}},
};

/* Each time with a model of its own: a configuration remembers its first fault. */
static void every_failed_allocation_is_out_of_memory(const question *q) {
    ask_question asked = {.texts = q->texts,
                          .text_count = q->text_count,
                          .images = &q->image,
                          .image_count = q->image != NULL,
                          .sounds = &q->sound,
                          .sound_count = q->sound != NULL};
    ask_output output = {.name = q->output};
    accel_status status = ACCEL_OUT_OF_MEMORY;
    assert_ok(tensor_create(q->type, &q->shape, &output.value, &err));
    for (uint64_t n = 0; (n <= 1 || status != ACCEL_OK) && n < 10000;
         n++) { /* 0: none fails; libraries are loaded */
        zoo_model m;
        load(q->name, &m);
        mem_fault_set(n, false);
        status = ask_and_answer(&m, &asked, &output);
        mem_fault_set(0, false);
        zoo_model_free(&m);
        if (status != ACCEL_OK && status != ACCEL_OUT_OF_MEMORY)
            fail_msg("%s, allocation %d: %s", q->name, (int)n, err.message);
    }
    if (status != ACCEL_OK)
        fail_msg("%s: %s", q->name, err.message);
    tensor_free(&output.value);
}

static void memory_that_ends_is_said(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
        every_failed_allocation_is_out_of_memory(&questions[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_come_first_and_of_equals_the_first),
        cmocka_unit_test(probabilities_are_the_softmax_of_all_values),
        cmocka_unit_test(memory_that_ends_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
