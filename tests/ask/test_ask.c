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

/* Each time with a model of its own: a configuration remembers its first fault. */
static void every_failed_allocation_is_out_of_memory(const char *name, const ask_question *q,
                                                     const ask_output *output) {
    accel_status status = ACCEL_OUT_OF_MEMORY;
    for (uint64_t n = 1; status != ACCEL_OK && n < 10000; n++) {
        zoo_model m;
        load(name, &m);
        mem_fault_set(n, false);
        status = ask_and_answer(&m, q, output);
        mem_fault_set(0, false);
        zoo_model_free(&m);
        if (status != ACCEL_OK && status != ACCEL_OUT_OF_MEMORY)
            fail_msg("allocation %d: %s", (int)n, err.message);
    }
    assert_int_equal(status, ACCEL_OK);
}

static void memory_that_ends_is_said_of_texts(void **state) {
    (void)state;
    const char *const texts[] = {"the word", "they have not"};
    int64_t ids[] = {5, 6, 7, 8};
    ask_output written = {"generated_ids",
                          {.type = DTYPE_I64, .shape = {2, {2, 2}}, .data = ids, .size_bytes = sizeof ids}};
    every_failed_allocation_is_out_of_memory("gpt2", &(ask_question){.texts = texts, .text_count = 2},
                                             &written);
}

static void memory_that_ends_is_said_of_prompts_with_pictures(void **state) {
    (void)state;
    const char *const texts[] = {"the word"}, *const images[] = {"tests/golden/media/plain.jpg"};
    ask_question q = {.texts = texts, .text_count = 1, .images = images, .image_count = 1};
    every_failed_allocation_is_out_of_memory("qwen2-vl", &q, &(ask_output){.name = "none"});
}

static void memory_that_ends_is_said_of_labels(void **state) {
    (void)state;
    const char *const images[] = {"tests/golden/media/plain.jpg"};
    float logits[7] = {0};
    ask_output labels = {
        "logits", {.type = DTYPE_F32, .shape = {2, {1, 7}}, .data = logits, .size_bytes = sizeof logits}};
    every_failed_allocation_is_out_of_memory("vit", &(ask_question){.images = images, .image_count = 1},
                                             &labels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_come_first_and_of_equals_the_first),
        cmocka_unit_test(probabilities_are_the_softmax_of_all_values),
        cmocka_unit_test(memory_that_ends_is_said_of_texts),
        cmocka_unit_test(memory_that_ends_is_said_of_prompts_with_pictures),
        cmocka_unit_test(memory_that_ends_is_said_of_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
