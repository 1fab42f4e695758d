/* GridSample of the native engine against the reference: every mode and padding, images of one to three dims. */
#include "engines/native_graphs.h"

static const char *const modes[] = {"linear", "nearest", "cubic"};
static const char *const paddings[] = {"zeros", "border", "reflection"};

static value_id sampled(builder *b, value_id x, value_id grid, size_t mode, size_t padding, bool align) {
    build_attr attrs[] = {BUILD_STRING("mode", modes[mode]), BUILD_STRING("padding_mode", paddings[padding]),
                          BUILD_INT("align_corners", align)};
    return build_op(b, "GridSample", 2, (value_id[]){x, grid}, 3, attrs);
}

/* A grid from -factor to factor: beyond 1 it leaves the image. */
static value_id grid_of(builder *b, double factor, int rank, const int64_t *dims) {
    return BUILD(b, "Mul", input(b, rank, dims), build_f32(b, (float)factor));
}

static void test_every_mode_and_padding(void **state) {
    (void)state;
    for (size_t i = 0; i < 18; i++) {
        for (int k = 0; k < 2; k++) {
            builder b = start();
            value_id grid = grid_of(&b, k == 0 ? 1 : 3.7, DIMS(2, 9, 17, 2));
            finish(&b, sampled(&b, input(&b, DIMS(2, 5, 6, 7)), grid, i % 3, i / 3 % 3, i >= 9), 2e-6,
                   modes[i % 3]);
        }
    }
}

static void test_other_ranks(void **state) {
    (void)state;
    for (size_t i = 0; i < 9; i++) {
        builder b = start();
        value_id results[] = {
            sampled(&b, input(&b, DIMS(2, 3, 6)), grid_of(&b, 1.5, DIMS(2, 70, 1)), i % 3, i / 3, i % 2 == 0),
            sampled(&b, input(&b, DIMS(1, 3, 4, 5, 6)), grid_of(&b, 1.5, DIMS(1, 2, 3, 11, 3)), i % 3, i / 3,
                    i % 2 == 0)};
        finish_all(&b, 2, results, 2e-6, "other ranks");
    }
}

/* Coordinates that are no numbers, and pixels that are none but are not looked at. */
static void test_what_is_not_finite(void **state) {
    (void)state;
    for (size_t i = 0; i < 9; i++) {
        builder b = start();
        value_id grid = salted(&b, grid_of(&b, 2, DIMS(1, 9, 11, 2)), DIMS(1, 9, 11, 2)),
                 x = salted(&b, input(&b, DIMS(1, 2, 8, 9)), DIMS(1, 2, 8, 9));
        value_id results[] = {sampled(&b, input(&b, DIMS(1, 2, 8, 9)), grid, i % 3, i / 3, false),
                              sampled(&b, x, grid_of(&b, 2, DIMS(1, 9, 11, 2)), i % 3, i / 3, false)};
        finish_all(&b, 2, results, 2e-6, "not finite");
    }
}

/* Halves are rounded to even; corners and edges are hit exactly. */
static void test_exact_places(void **state) {
    (void)state;
    for (size_t i = 0; i < 18; i++) {
        builder b = start();
        value_id whole = BUILD(&b, "Sub", input_of(&b, DTYPE_I64, DIMS(1, 40, 5, 2)), build_i64(&b, 1)),
                 grid = build_op(&b, "Cast", 1, &whole, 1, (build_attr[]){BUILD_INT("to", DTYPE_F32)});
        grid = BUILD(&b, "Mul", grid, build_f32(&b, 0.5f));
        finish(&b, sampled(&b, input(&b, DIMS(1, 3, 4, 5)), grid, i % 3, i / 3 % 3, i >= 9), 2e-6,
               "exact places");
    }
}

static void test_nothing(void **state) {
    (void)state;
    builder b = start();
    value_id results[] = {sampled(&b, input(&b, DIMS(1, 3, 4, 5)), input(&b, DIMS(1, 0, 3, 2)), 0, 0, false),
                          sampled(&b, input(&b, DIMS(1, 0, 4, 5)), input(&b, DIMS(1, 2, 3, 2)), 0, 0, false)};
    finish_all(&b, 2, results, 0, "nothing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_mode_and_padding),
        cmocka_unit_test(test_other_ranks),
        cmocka_unit_test(test_what_is_not_finite),
        cmocka_unit_test(test_exact_places),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
