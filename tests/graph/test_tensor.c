/* Shapes, tensors, and how far two tensors are apart. */
#include "support/test.h"

#include <math.h>

#include "base/mem.h"
#include "graph/tensor.h"

#define SHAPE(...)                                                                                           \
    shape_make((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})

/* --- shapes --- */

static void a_scalar_has_one_element_and_a_zero_dim_none(void **state) {
    (void)state;
    int64_t n;
    shape scalar = shape_make(0, NULL);
    assert_true(shape_elements(&scalar, &n));
    assert_int_equal(n, 1);
    shape empty = SHAPE(INT64_MAX, INT64_MAX, 0);
    assert_true(shape_elements(&empty, &n));
    assert_int_equal(n, 0);
}

static void unknown_and_overflowing_shapes_have_no_count(void **state) {
    (void)state;
    int64_t n = 42;
    shape unknown = shape_unknown(), open = SHAPE(2, DIM_UNKNOWN), huge = SHAPE(INT64_MAX, 2),
          largest = SHAPE(INT64_MAX, 1);
    assert_false(shape_elements(&unknown, &n));
    assert_false(shape_elements(&open, &n));
    assert_false(shape_elements(&huge, &n));
    assert_int_equal(n, 42);
    assert_true(shape_elements(&largest, &n));
    assert_true(n == INT64_MAX);
}

static void a_shape_prints_as_a_person_writes_it(void **state) {
    (void)state;
    char text[32];
    shape s = SHAPE(1, 3, DIM_UNKNOWN, 224), scalar = shape_make(0, NULL), unknown = shape_unknown();
    assert_string_equal(shape_text(&s, text, sizeof text), "[1,3,?,224]");
    assert_string_equal(shape_text(&scalar, text, sizeof text), "[]");
    assert_string_equal(shape_text(&unknown, text, sizeof text), "[...]");
    assert_string_equal(shape_text(&s, text, 5), "[1,3");
}

static void broadcasting_follows_numpy(void **state) {
    (void)state;
    shape a = SHAPE(8, 1, 6, 1), b = SHAPE(7, 1, 5), out, want = SHAPE(8, 7, 6, 5);
    assert_true(shape_broadcast(&a, &b, &out));
    assert_true(shape_equal(&out, &want));
    shape c = SHAPE(3), d = SHAPE(4);
    assert_false(shape_broadcast(&c, &d, &out));
}

static void an_unknown_dim_against_a_number_is_that_number(void **state) {
    (void)state;
    shape open = SHAPE(DIM_UNKNOWN, 4), five = SHAPE(5, 1), one = SHAPE(1, 4), out;
    assert_true(shape_broadcast(&open, &five, &out));
    assert_int_equal(out.dims[0], 5);
    assert_true(shape_broadcast(&open, &one, &out));
    assert_int_equal(out.dims[0], DIM_UNKNOWN);
    shape none = SHAPE(0, 4);
    assert_true(shape_broadcast(&one, &none, &out));
    assert_int_equal(out.dims[0], 0);
}

static void an_axis_counts_from_either_end(void **state) {
    (void)state;
    int axis;
    assert_true(shape_axis(-1, 3, &axis));
    assert_int_equal(axis, 2);
    assert_true(shape_axis(-3, 3, &axis));
    assert_int_equal(axis, 0);
    assert_false(shape_axis(3, 3, &axis));
    assert_false(shape_axis(-4, 3, &axis));
    assert_false(shape_axis(0, 0, &axis));
    assert_false(shape_axis(INT64_MIN, 3, &axis));
}

/* --- tensors --- */

static void a_tensor_is_aligned_and_zero(void **state) {
    (void)state;
    tensor t;
    shape s = SHAPE(3, 5);
    assert_int_equal(tensor_create(DTYPE_F32, &s, &t, NULL), ACCEL_OK);
    assert_int_equal(t.size_bytes, 60);
    assert_int_equal((uintptr_t)t.data % 64, 0);
    for (size_t i = 0; i < 15; i++) {
        assert_true(((float *)t.data)[i] == 0.0f);
    }
    tensor_free(&t);
    assert_null(t.data);
    tensor_free(&t);
}

static void a_tensor_without_elements_has_no_data(void **state) {
    (void)state;
    tensor t;
    shape s = SHAPE(3, 0);
    assert_int_equal(tensor_create(DTYPE_F32, &s, &t, NULL), ACCEL_OK);
    assert_null(t.data);
    assert_int_equal(t.size_bytes, 0);
    tensor_free(&t);
}

static void an_absurd_tensor_is_a_limit_not_a_crash(void **state) {
    (void)state;
    tensor t;
    accel_error err;
    shape s = SHAPE(INT64_MAX / 2, 4);
    assert_int_equal(tensor_create(DTYPE_F32, &s, &t, &err), ACCEL_LIMIT);
    assert_non_null(strstr(err.message, "float32[4611686018427387903,4]"));
    shape almost = SHAPE(INT64_MAX);
    assert_int_equal(tensor_create(DTYPE_F64, &almost, &t, &err), ACCEL_LIMIT);
    shape open = SHAPE(DIM_UNKNOWN);
    assert_int_equal(tensor_create(DTYPE_F32, &open, &t, &err), ACCEL_BAD_GRAPH);
    shape one = SHAPE(1);
    assert_int_equal(tensor_create(DTYPE_STRING, &one, &t, &err), ACCEL_UNSUPPORTED);
}

static void failing_to_allocate_is_reported(void **state) {
    (void)state;
    tensor t;
    accel_error err;
    shape s = SHAPE(4);
    mem_fault_set(1, false);
    accel_status status = tensor_create(DTYPE_F32, &s, &t, &err);
    mem_fault_set(0, false);
    assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
}

/* --- distance --- */

static tensor_distance between(dtype t, const void *a, const void *b, int64_t n) {
    tensor x = {.type = t, .shape = SHAPE(n), .data = (void *)(uintptr_t)a};
    tensor y = {.type = t, .shape = SHAPE(n), .data = (void *)(uintptr_t)b};
    tensor_distance d = {-1, -1};
    assert_int_equal(tensor_compare(&x, &y, &d, NULL), ACCEL_OK);
    return d;
}

static void distance_is_relative_to_the_reference(void **state) {
    (void)state;
    tensor_distance d = between(DTYPE_F32, (float[]){3, 4.5f}, (float[]){3, 4}, 2);
    assert_float_equal(d.relative_l2, 0.1, 1e-12);
    assert_float_equal(d.max_abs, 0.5, 1e-12);
    d = between(DTYPE_F32, (float[]){2, 0}, (float[]){0, 0}, 2);
    assert_float_equal(d.relative_l2, 2, 1e-12);
    d = between(DTYPE_I8, (int8_t[]){1, -2}, (int8_t[]){1, -2}, 2);
    assert_true(d.relative_l2 == 0 && d.max_abs == 0);
}

static void what_is_not_finite_must_stand_in_both(void **state) {
    (void)state;
    tensor_distance d = between(DTYPE_F32, (float[]){NAN, INFINITY, 1}, (float[]){NAN, INFINITY, 1}, 3);
    assert_true(d.relative_l2 == 0 && d.max_abs == 0);
    d = between(DTYPE_F32, (float[]){NAN, 1}, (float[]){0, 1}, 2);
    assert_true(isinf(d.relative_l2) && isinf(d.max_abs));
    d = between(DTYPE_F32, (float[]){INFINITY}, (float[]){-INFINITY}, 1);
    assert_true(isinf(d.relative_l2));
}

static void complex_numbers_are_compared_by_both_parts(void **state) {
    (void)state;
    tensor_distance d = between(DTYPE_C64, (float[]){1, 2}, (float[]){1, 5}, 1);
    assert_float_equal(d.max_abs, 3, 1e-12);
}

static void tensors_of_other_shapes_are_not_compared(void **state) {
    (void)state;
    float v[4] = {0};
    tensor a = {.type = DTYPE_F32, .shape = SHAPE(4), .data = v},
           b = {.type = DTYPE_F32, .shape = SHAPE(2, 2), .data = v};
    tensor_distance d;
    accel_error err;
    assert_int_equal(tensor_compare(&a, &b, &d, &err), ACCEL_INVALID_ARGUMENT);
    assert_string_equal(err.message, "shapes differ: [4] and [2,2]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scalar_has_one_element_and_a_zero_dim_none),
        cmocka_unit_test(unknown_and_overflowing_shapes_have_no_count),
        cmocka_unit_test(a_shape_prints_as_a_person_writes_it),
        cmocka_unit_test(broadcasting_follows_numpy),
        cmocka_unit_test(an_unknown_dim_against_a_number_is_that_number),
        cmocka_unit_test(an_axis_counts_from_either_end),
        cmocka_unit_test(a_tensor_is_aligned_and_zero),
        cmocka_unit_test(a_tensor_without_elements_has_no_data),
        cmocka_unit_test(an_absurd_tensor_is_a_limit_not_a_crash),
        cmocka_unit_test(failing_to_allocate_is_reported),
        cmocka_unit_test(distance_is_relative_to_the_reference),
        cmocka_unit_test(what_is_not_finite_must_stand_in_both),
        cmocka_unit_test(complex_numbers_are_compared_by_both_parts),
        cmocka_unit_test(tensors_of_other_shapes_are_not_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
