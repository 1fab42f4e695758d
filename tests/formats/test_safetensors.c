/* safetensors: the format's own rules, and shards. */
#include "support/test.h"

#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "formats/formats.h"
#include "support/temp_folder.h"

static accel_error err;

/* A file with this header and `data` zero bytes after it. */
static str_buf file_of(const char *header, size_t data) {
    str_buf b = {0};
    uint64_t length = strlen(header);
    for (int i = 0; i < 8; i++) {
        str_append_char(&b, (char)(length >> (8 * i)));
    }
    str_append(&b, header);
    for (size_t i = 0; i < data; i++) {
        str_append_char(&b, (char)i);
    }
    assert_false(b.failed);
    return b;
}

static accel_status open_header(const char *header, size_t data, safetensors **out) {
    str_buf b = file_of(header, data);
    char *copy = malloc(b.length); /* its own block, so that a sanitizer sees a byte too many */
    memcpy(copy, b.data, b.length);
    err = (accel_error){0};
    accel_status status = safetensors_open_bytes(copy, b.length, "w.safetensors", out, &err);
    if (status == ACCEL_OK) {
        safetensors_close(*out);
    }
    free(copy);
    str_free(&b);
    return status;
}

static void refused(const char *header, size_t data, const char *text) {
    safetensors *s;
    assert_int_equal(open_header(header, data, &s), ACCEL_BAD_FILE);
    assert_says("w.safetensors");
    assert_says(text);
}

#define F32(name, shape, begin, end)                                                                         \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

/* --- what is there is found --- */

static void tensors_are_found_by_name_and_lie_in_the_file(void **state) {
    (void)state;
    str_buf b = file_of(
        "{\"__metadata__\":{\"format\":\"pt\"}," F32("b", "[2]", "24", "32") "," F32(
            "a", "[2,3]", "0", "24") ",\"n\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[32,32]}}  ",
        32);
    safetensors *s;
    assert_ok(safetensors_open_bytes(b.data, b.length, "w.safetensors", &s, &err));
    assert_int_equal(safetensors_count(s), 3);
    const safetensors_entry *a = safetensors_find(s, "a");
    assert_non_null(a);
    assert_int_equal(a->type, DTYPE_F32);
    assert_int_equal(a->shape.rank, 2);
    assert_int_equal(a->shape.dims[1], 3);
    assert_int_equal(a->size_bytes, 24);
    assert_ptr_equal(a->bytes, b.data + b.length - 32);
    assert_null(safetensors_find(s, "c"));
    assert_null(safetensors_find(s, "__metadata__"));
    assert_string_equal(safetensors_at(s, 0)->name, "b");
    assert_null(safetensors_at(s, 3));
    safetensors_close(s);
    str_free(&b);
}

static void an_empty_file_of_tensors_is_fine(void **state) {
    (void)state;
    safetensors *s;
    assert_int_equal(open_header("{}", 0, &s), ACCEL_OK);
}

/* --- the rules --- */

static void holes_and_overlaps_are_refused(void **state) {
    (void)state;
    refused("{" F32("a", "[2]", "0", "8") "," F32("b", "[2]", "12", "20") "}", 20,
            "'b' leaves a hole before it");
    refused("{" F32("a", "[2]", "4", "12") "}", 12, "'a' leaves a hole before it");
    refused("{" F32("a", "[2]", "0", "8") "," F32("b", "[2]", "4", "12") "}", 12,
            "'b' overlaps another tensor");
    refused("{" F32("a", "[2]", "0", "8") "," F32("b", "[2]", "0", "8") "}", 8, "overlaps another tensor");
    refused("{" F32("a", "[2]", "0", "8") "}", 9, "end at byte 8 of 9");
    refused("{}", 1, "end at byte 0 of 1");
}

static void offsets_outside_the_file_are_refused(void **state) {
    (void)state;
    refused("{" F32("a", "[2]", "0", "8") "}", 7, "outside the file");
    refused("{" F32("a", "[2]", "8", "0") "}", 8, "outside the file");
    refused("{" F32("a", "[2]", "0", "18446744073709551615") "}", 8, "outside the file");
    refused("{" F32("a", "[2]", "-8", "0") "}", 8, "not two whole numbers");
    refused("{" F32("a", "[2]", "0", "8.0") "}", 8, "not two whole numbers");
}

static void length_must_be_dtype_times_shape(void **state) {
    (void)state;
    refused("{" F32("a", "[3]", "0", "8") "}", 8, "do not fit its dtype and shape");
    refused("{" F32("a", "[0]", "0", "8") "}", 8, "do not fit its dtype and shape");
    refused("{" F32("a", "[]", "0", "8") "}", 8, "do not fit its dtype and shape");
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    refused("{" F32("a", "[4294967296,4294967296,4]", "0", "8") "}", 8,
            "'a' has a shape larger than any memory");
    refused("{" F32("a", "[-1]", "0", "8") "}", 8, "not a whole number");
    refused("{" F32("a", "[18446744073709551615]", "0", "8") "}", 8, "not a whole number");
}

static void a_name_stands_once(void **state) {
    (void)state;
    refused("{" F32("a", "[2]", "0", "8") "," F32("a", "[2]", "8", "16") "}", 16, "'a' is there twice");
    refused("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ is there twice");
    refused("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4,
            "must have one dtype");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, "must have one dtype");
    refused("{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "NUL");
}

static void unknown_types_are_named(void **state) {
    (void)state;
    safetensors *s;
    assert_int_equal(open_header("{\"a\":{\"dtype\":\"F7\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, &s),
                     ACCEL_UNSUPPORTED);
    assert_says("tensor 'a' has dtype 'F7'");
    refused("{\"a\":7}", 0, "'a' is not described by an object");
    refused("[]", 0, "does not start with '{'");
    refused("{\"a\":", 0, "not valid JSON");
}

static void the_header_is_bounded(void **state) {
    (void)state;
    static const unsigned char huge[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, '{', '}'};
    static const unsigned char beyond[10] = {3, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    static const unsigned char none[8] = {0};
    safetensors *s;
    assert_int_equal(safetensors_open_bytes(huge, sizeof huge, "w.safetensors", &s, &err), ACCEL_BAD_FILE);
    assert_says("at most 100 MB");
    assert_int_equal(safetensors_open_bytes(beyond, sizeof beyond, "w.safetensors", &s, &err),
                     ACCEL_BAD_FILE);
    assert_says("cut off");
    assert_int_equal(safetensors_open_bytes(none, sizeof none, "w.safetensors", &s, &err), ACCEL_BAD_FILE);
    assert_int_equal(safetensors_open_bytes(none, 7, "w.safetensors", &s, &err), ACCEL_BAD_FILE);
    assert_says("too short");
}

static void a_file_cut_anywhere_is_refused(void **state) {
    (void)state;
    str_buf b = file_of("{" F32("a", "[2]", "0", "8") "}", 8);
    for (size_t length = 0; length < b.length; length++) {
        char *cut = malloc(length + 1);
        safetensors *s;
        memcpy(cut, b.data, length);
        assert_int_equal(safetensors_open_bytes(cut, length, "w.safetensors", &s, &err), ACCEL_BAD_FILE);
        free(cut);
    }
    str_free(&b);
}

static void running_out_of_memory_anywhere_is_an_error(void **state) {
    (void)state;
    str_buf b = file_of("{" F32("a", "[2]", "0", "8") "," F32("b", "[1]", "8", "12") "}", 12);
    accel_status status = ACCEL_OUT_OF_MEMORY;
    for (uint64_t n = 1; status != ACCEL_OK && n < 10000; n++) {
        safetensors *s = NULL;
        uint64_t hits = mem_fault_hits();
        mem_fault_set(n, false);
        status = safetensors_open_bytes(b.data, b.length, "w.safetensors", &s, &err);
        mem_fault_set(0, false);
        assert_true(status != ACCEL_OK || mem_fault_hits() == hits);
        safetensors_close(status == ACCEL_OK ? s : NULL);
        assert_true(status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY);
    }
    assert_int_equal(status, ACCEL_OK);
    str_free(&b);
}

/* --- shards --- */

static void write_file(const char *path, const char *header, size_t data) {
    str_buf b = file_of(header, data);
    assert_ok(file_replace(path, b.data, b.length, &err));
    str_free(&b);
}

static void shards_are_one_set_of_tensors(void **state) {
    safetensors *s;
    write_file(temp_path(state, "one.safetensors"), "{" F32("a", "[2]", "0", "8") "}", 8);
    write_file(temp_path(state, "two.safetensors"), "{" F32("b", "[1]", "0", "4") "}", 4);
    const char *index = temp_file(state, "model.safetensors.index.json",
                                  "{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}");
    assert_ok(safetensors_open(index, &s, &err));
    assert_int_equal(safetensors_count(s), 2);
    assert_int_equal(safetensors_find(s, "b")->size_bytes, 4);
    safetensors_close(s);
}

static void shards_may_be_links_as_in_the_hub_cache(void **state) {
    safetensors *s;
    write_file(temp_path(state, "blob"), "{" F32("a", "[2]", "0", "8") "}", 8);
    assert_int_equal(symlink("blob", temp_path(state, "one.safetensors")), 0);
    assert_ok(safetensors_open(temp_file(state, "i.json", "{\"weight_map\":{\"a\":\"one.safetensors\"}}"), &s,
                               &err));
    safetensors_close(s);
}

static void an_index_stays_in_its_folder(void **state) {
    static const char *const names[] = {
        "../one.safetensors", "/one.safetensors", "x/one.safetensors", "..", "", "one.bin"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char json[128];
        safetensors *s;
        snprintf(json, sizeof json, "{\"weight_map\":{\"a\":\"%s\"}}", names[i]);
        assert_int_equal(safetensors_open(temp_file(state, "i.json", json), &s, &err), ACCEL_BAD_FILE);
        assert_says("same folder");
    }
}

static void an_index_must_tell_the_truth(void **state) {
    safetensors *s;
    write_file(temp_path(state, "one.safetensors"), "{" F32("a", "[2]", "0", "8") "}", 8);
    write_file(temp_path(state, "two.safetensors"), "{" F32("b", "[2]", "0", "8") "}", 8);
    const char *lies = "{\"weight_map\":{\"b\":\"two.safetensors\",\"a\":\"two.safetensors\"}}";
    assert_int_equal(safetensors_open(temp_file(state, "i.json", lies), &s, &err), ACCEL_BAD_FILE);
    assert_says("'a' is in 'two.safetensors', but it is not");
    assert_int_equal(safetensors_open(temp_file(state, "i.json", "{}"), &s, &err), ACCEL_BAD_FILE);
    assert_says("no weight_map");
    const char *absent = "{\"weight_map\":{\"a\":\"three.safetensors\"}}";
    assert_int_equal(safetensors_open(temp_file(state, "i.json", absent), &s, &err), ACCEL_NOT_FOUND);
    assert_says("three.safetensors");
}

int main(void) {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_found_by_name_and_lie_in_the_file),
        cmocka_unit_test(an_empty_file_of_tensors_is_fine),
        cmocka_unit_test(holes_and_overlaps_are_refused),
        cmocka_unit_test(offsets_outside_the_file_are_refused),
        cmocka_unit_test(length_must_be_dtype_times_shape),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(a_name_stands_once),
        cmocka_unit_test(unknown_types_are_named),
        cmocka_unit_test(the_header_is_bounded),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(running_out_of_memory_anywhere_is_an_error),
        WITH_FOLDER(shards_are_one_set_of_tensors),
        WITH_FOLDER(shards_may_be_links_as_in_the_hub_cache),
        WITH_FOLDER(an_index_stays_in_its_folder),
        WITH_FOLDER(an_index_must_tell_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
