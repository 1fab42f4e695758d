/* Errors: a status and a sentence. */
#include "support/test.h"

#include "base/str.h"

static void a_status_has_a_stable_name(void **state) {
    (void)state;
    assert_string_equal(accel_status_name(ACCEL_OK), "ok");
    assert_string_equal(accel_status_name(ACCEL_OUT_OF_MEMORY), "out_of_memory");
    assert_string_equal(accel_status_name(ACCEL_INTERNAL), "internal_error");
}

static void a_number_that_is_no_status_is_unknown(void **state) {
    (void)state;
    assert_string_equal(accel_status_name((accel_status)16), "unknown");
}

static void setting_returns_the_status_and_keeps_the_sentence(void **state) {
    (void)state;
    accel_error err = {0};
    assert_int_equal(error_set(&err, ACCEL_BAD_FILE, "%s: byte %d", "model.onnx", 7), ACCEL_BAD_FILE);
    assert_int_equal(err.status, ACCEL_BAD_FILE);
    assert_string_equal(err.message, "model.onnx: byte 7");
}

static void nobody_needs_to_listen(void **state) {
    (void)state;
    assert_int_equal(error_set(NULL, ACCEL_IO, "%d", 1), ACCEL_IO);
    assert_int_equal(error_prefix(NULL, ACCEL_LIMIT, "%d", 1), ACCEL_LIMIT);
    assert_int_equal(error_no_memory(NULL, "x", 1), ACCEL_OUT_OF_MEMORY);
}

static void a_prefix_keeps_status_and_sentence(void **state) {
    (void)state;
    accel_error err;
    error_set(&err, ACCEL_LIMIT, "too long");
    assert_int_equal(error_prefix(&err, ACCEL_IO, "node \"%s\"", "Conv_1"), ACCEL_LIMIT);
    assert_string_equal(err.message, "node \"Conv_1\": too long");
}

static void the_sentence_may_be_its_own_argument(void **state) {
    (void)state;
    accel_error err;
    error_set(&err, ACCEL_IO, "inner");
    error_set(&err, ACCEL_IO, "outer (%s)", err.message);
    assert_string_equal(err.message, "outer (inner)");
}

static void memory_is_asked_for_in_human_units(void **state) {
    (void)state;
    accel_error err;
    assert_int_equal(error_no_memory(&err, "weights", 90900000), ACCEL_OUT_OF_MEMORY);
    assert_string_equal(err.message, "not enough memory for weights (90.9 MB)");
}

/* One to four bytes a character, so that the cut falls at every place inside one. */
static void a_cut_sentence_ends_in_a_whole_character(void **state) {
    (void)state;
    static const char *const characters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (int kind = 0; kind < 4; kind++) {
        for (int offset = 0; offset < 4; offset++) {
            str_buf long_text = {0};
            str_append_bytes(&long_text, "....", (size_t)offset);
            while (long_text.length < 1500) {
                str_append(&long_text, characters[kind]);
            }
            accel_error err;
            error_set(&err, ACCEL_IO, "%s", long_text.data);
            size_t length = strlen(err.message);
            assert_true(length < ACCEL_ERROR_MESSAGE_BYTES && length >= ACCEL_ERROR_MESSAGE_BYTES - 4);
            assert_true(str_utf8_valid(err.message, length));
            str_free(&long_text);
        }
    }
}

static accel_status tries(accel_status status, int *reached) {
    ACCEL_TRY(status);
    *reached = 1;
    return ACCEL_OK;
}

static void try_returns_only_a_failure(void **state) {
    (void)state;
    int reached = 0;
    assert_int_equal(tries(ACCEL_BUSY, &reached), ACCEL_BUSY);
    assert_int_equal(reached, 0);
    assert_int_equal(tries(ACCEL_OK, &reached), ACCEL_OK);
    assert_int_equal(reached, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_has_a_stable_name),
        cmocka_unit_test(a_number_that_is_no_status_is_unknown),
        cmocka_unit_test(setting_returns_the_status_and_keeps_the_sentence),
        cmocka_unit_test(nobody_needs_to_listen),
        cmocka_unit_test(a_prefix_keeps_status_and_sentence),
        cmocka_unit_test(the_sentence_may_be_its_own_argument),
        cmocka_unit_test(memory_is_asked_for_in_human_units),
        cmocka_unit_test(a_cut_sentence_ends_in_a_whole_character),
        cmocka_unit_test(try_returns_only_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
