/* .npy files. With arguments (--convert IN OUT) reads one file and writes another: test_npy.py compares
 * with numpy. */
#include "support/test.h"

#include "base/file.h"
#include "formats/formats.h"
#include "support/temp_folder.h"

static accel_error err;

/* A version 1 file with this dictionary and `count` bytes 0, 1, 2… after it. */
static str_buf file_of(const char *dictionary, size_t count) {
    str_buf b = {0};
    size_t length = strlen(dictionary);
    str_append_bytes(&b, "\x93NUMPY\x01\x00", 8);
    str_append_char(&b, (char)length);
    str_append_char(&b, (char)(length >> 8));
    str_append(&b, dictionary);
    for (size_t i = 0; i < count; i++) {
        str_append_char(&b, (char)i);
    }
    assert_false(b.failed);
    return b;
}

static accel_status read_text(const char *dictionary, size_t count, tensor *t) {
    str_buf b = file_of(dictionary, count);
    char *copy = malloc(b.length);
    memcpy(copy, b.data, b.length);
    err = (accel_error){0};
    accel_status status = npy_read_bytes(copy, b.length, "x.npy", t, &err);
    free(copy);
    str_free(&b);
    return status;
}

static void refused(const char *dictionary, size_t count, accel_status status, const char *text) {
    tensor t;
    assert_int_equal(read_text(dictionary, count, &t), status);
    assert_says("x.npy");
    assert_says(text);
}

static void dictionaries_may_be_spelt_in_many_ways(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }   \n",
        "{\"shape\": (2,3), \"descr\": \"<i2\", \"fortran_order\": False}",
        "{'descr':'<i2','fortran_order':False,'shape':(2L, 3L)}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        tensor t;
        assert_ok(read_text(texts[i], 12, &t));
        assert_int_equal(t.type, DTYPE_I16);
        assert_int_equal(t.shape.rank, 2);
        assert_int_equal(t.shape.dims[1], 3);
        assert_int_equal(dtype_get_i64(t.type, t.data, 1), 0x0302);
        tensor_free(&t);
    }
}

static void scalars_and_empty_arrays_are_read(void **state) {
    (void)state;
    tensor t;
    assert_ok(read_text("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", 8, &t));
    assert_int_equal(t.shape.rank, 0);
    tensor_free(&t);
    assert_ok(read_text("{'descr': '<f8', 'fortran_order': False, 'shape': (0,)}", 0, &t));
    assert_int_equal(t.shape.dims[0], 0);
    tensor_free(&t);
}

static void column_major_arrays_are_turned(void **state) {
    (void)state;
    static const uint8_t want[6] = {0, 2, 4, 1, 3, 5};
    tensor t;
    assert_ok(read_text("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", 6, &t));
    assert_memory_equal(t.data, want, 6);
    tensor_free(&t);
}

static void big_endian_numbers_are_turned(void **state) {
    (void)state;
    tensor t;
    assert_ok(read_text("{'descr': '>i4', 'fortran_order': False, 'shape': (1,)}", 4, &t));
    assert_int_equal(dtype_get_i64(t.type, t.data, 0), 0x00010203);
    tensor_free(&t);
}

static void broken_headers_are_refused(void **state) {
    (void)state;
    refused("", 0, ACCEL_BAD_FILE, "not the dictionary");
    refused("{'descr': '<f4', 'fortran_order': False}", 4, ACCEL_BAD_FILE, "not the dictionary");
    refused("{'descr': '<f4', 'fortran_order': Maybe, 'shape': ()}", 4, ACCEL_BAD_FILE, "not the dictionary");
    refused("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4, ACCEL_BAD_FILE,
            "not the dict");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 4, ACCEL_BAD_FILE,
            "not the dictionary");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 4, ACCEL_BAD_FILE,
            "not the");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 4, ACCEL_LIMIT,
            "rank above 8");
    refused("{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}", 16, ACCEL_UNSUPPORTED, "'<U4'");
    refused("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, ACCEL_UNSUPPORTED, "'|O'");
    refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4, ACCEL_UNSUPPORTED,
            "records");
}

static void the_elements_must_fit_the_shape(void **state) {
    (void)state;
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 11, ACCEL_BAD_FILE, "holds 11 bytes");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 13, ACCEL_BAD_FILE, "need 12");
    tensor t;
    assert_true(read_text("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,1099511627776)}",
                          4, &t) != ACCEL_OK);
    assert_says("x.npy");
}

static void a_file_cut_anywhere_is_refused(void **state) {
    (void)state;
    str_buf b = file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 4);
    for (size_t length = 0; length < b.length; length++) {
        char *cut = malloc(length + 1);
        tensor t;
        memcpy(cut, b.data, length);
        assert_int_equal(npy_read_bytes(cut, length, "x.npy", &t, &err), ACCEL_BAD_FILE);
        free(cut);
    }
    str_free(&b);
}

/* Types that numpy can hold come back as they were. */
static void what_is_written_is_read_again(void **state) {
    static const dtype types[] = {DTYPE_F32, DTYPE_F64, DTYPE_F16,  DTYPE_BF16, DTYPE_I8,
                                  DTYPE_U8,  DTYPE_I16, DTYPE_U16,  DTYPE_I32,  DTYPE_U32,
                                  DTYPE_I64, DTYPE_U64, DTYPE_BOOL, DTYPE_C64,  DTYPE_C128};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        tensor t, back;
        shape s = shape_make(2, (int64_t[]){2, 3});
        assert_ok(tensor_create(types[i], &s, &t, &err));
        for (size_t k = 0; k < t.size_bytes; k++) {
            ((uint8_t *)t.data)[k] = types[i] == DTYPE_BOOL ? k % 2 : (uint8_t)(k * 7);
        }
        const char *path = temp_path(state, "t.npy");
        assert_ok(npy_write(path, &t, &err));
        assert_ok(npy_read(path, &back, &err));
        assert_int_equal(back.type, t.type);
        assert_true(shape_equal(&back.shape, &t.shape));
        assert_memory_equal(back.data, t.data, t.size_bytes);
        tensor_free(&t);
        tensor_free(&back);
    }
}

static void sub_byte_types_are_widened(void **state) {
    tensor t, back;
    shape s = shape_make(1, (int64_t[]){3});
    assert_ok(tensor_create(DTYPE_I4, &s, &t, &err));
    for (size_t i = 0; i < 3; i++) {
        dtype_set_i64(DTYPE_I4, t.data, i, (int64_t)i - 2);
    }
    assert_ok(npy_write(temp_path(state, "t.npy"), &t, &err));
    assert_ok(npy_read(temp_path(state, "t.npy"), &back, &err));
    assert_int_equal(back.type, DTYPE_I8);
    assert_int_equal(((int8_t *)back.data)[0], -2);
    tensor_free(&t);
    tensor_free(&back);
}

static int convert(const char *from, const char *to) {
    tensor t;
    if (npy_read(from, &t, &err) != ACCEL_OK || npy_write(to, &t, &err) != ACCEL_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    tensor_free(&t);
    return 0;
}

int main(int count, char **arguments) {
    if (count == 4 && strcmp(arguments[1], "--convert") == 0) {
        return convert(arguments[2], arguments[3]);
    }
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dictionaries_may_be_spelt_in_many_ways),
        cmocka_unit_test(scalars_and_empty_arrays_are_read),
        cmocka_unit_test(column_major_arrays_are_turned),
        cmocka_unit_test(big_endian_numbers_are_turned),
        cmocka_unit_test(broken_headers_are_refused),
        cmocka_unit_test(the_elements_must_fit_the_shape),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        WITH_FOLDER(what_is_written_is_read_again),
        WITH_FOLDER(sub_byte_types_are_widened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
