/* Elementwise operators of every plain type on the native engine against the reference. */
#include "engines/native_graphs.h"

static const dtype plain[] = {DTYPE_I64, DTYPE_I32, DTYPE_I16, DTYPE_I8,  DTYPE_U32,
                              DTYPE_U16, DTYPE_U8,  DTYPE_F32, DTYPE_F64, DTYPE_BOOL};
enum { PLAIN = sizeof plain / sizeof plain[0] };

static value_id cast(builder *b, value_id x, dtype to) {
    return build_op(b, "Cast", 1, &x, 1, (build_attr[]){BUILD_INT("to", (int64_t)to)});
}

/* Numbers beyond small integers: fractions, negatives, what does not fit. */
static value_id wild(builder *b, int rank, const int64_t *dims) {
    value_id x = BUILD(b, "Mul", input(b, rank, dims), build_f32(b, 3e4f));
    return salted(b, x, rank, dims);
}

static void test_casts(void **state) {
    (void)state;
    for (size_t from = 0; from < PLAIN; from++) {
        for (size_t to = 0; to < PLAIN; to++) {
            builder b = start();
            finish(&b, cast(&b, input_of(&b, plain[from], DIMS(3, 7, 31)), plain[to]), 0, "cast");
        }
    }
    for (size_t to = 0; to < PLAIN; to++) {
        builder b = start();
        finish(&b, cast(&b, wild(&b, DIMS(5, 77)), plain[to]), 0, "cast of wild numbers");
    }
    builder b = start();
    finish(&b, cast(&b, input(&b, DIMS(0, 3)), DTYPE_I64), 0, "cast of nothing");
}

static const char *const arithmetic[] = {"Add", "Sub", "Mul", "Div", "Mod", "Max", "Min"};
static const char *const comparisons[] = {"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"};
static const char *const logic[] = {"And", "Or", "Xor"};

static void pair(const char *op, dtype type, int left_rank, const int64_t *left, int right_rank,
                 const int64_t *right) {
    char name[64];
    snprintf(name, sizeof name, "%s of %s", op, dtype_name(type));
    builder b = start();
    value_id x = input_of(&b, type, left_rank, left), y = input_of(&b, type, right_rank, right);
    finish(&b, BUILD(&b, op, x, y), 2e-7, name);
}

static void test_pairs_of_numbers(void **state) {
    (void)state;
    static const dtype numbers[] = {DTYPE_I64, DTYPE_I32, DTYPE_U8, DTYPE_F32, DTYPE_F64};
    for (size_t t = 0; t < sizeof numbers / sizeof numbers[0]; t++) {
        for (size_t i = 0; i < sizeof arithmetic / sizeof arithmetic[0]; i++) {
            bool remainder = strcmp(arithmetic[i], "Mod") == 0;
            if (remainder && numbers[t] == DTYPE_F32) {
                continue; /* fmod is asked for there */
            }
            pair(arithmetic[i], numbers[t], DIMS(2, 3, 300), DIMS(3, 300));
            pair(arithmetic[i], numbers[t], DIMS(2, 1, 5), DIMS(4, 1));
        }
        for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++) {
            pair(comparisons[i], numbers[t], DIMS(2, 3, 300), DIMS(1));
            pair(comparisons[i], numbers[t], DIMS(1, 7), DIMS(6, 1));
        }
    }
    for (size_t i = 0; i < sizeof logic / sizeof logic[0]; i++) {
        pair(logic[i], DTYPE_BOOL, DIMS(4, 90), DIMS(1, 90));
        pair(logic[i], DTYPE_BOOL, SCALAR, SCALAR);
    }
    pair("Add", DTYPE_I64, DIMS(0, 3), DIMS(1, 3));
}

static void test_pairs_with_odd_numbers(void **state) {
    (void)state;
    static const char *const real[] = {"Equal", "Less", "Greater", "GreaterOrEqual", "PRelu", "Max"};
    for (size_t i = 0; i < sizeof real / sizeof real[0]; i++) {
        builder b = start();
        value_id x = salted(&b, input(&b, DIMS(2, 5, 7)), DIMS(2, 5, 7));
        finish(&b, BUILD(&b, real[i], x, constant(&b, DIMS(5, 1))), 1e-7, real[i]);
    }
    builder b = start();
    value_id x = BUILD(&b, "Conv", input(&b, DIMS(1, 4, 5, 5)), constant(&b, DIMS(9, 4, 1, 1)));
    finish(&b, BUILD(&b, "PRelu", x, constant(&b, DIMS(9, 1, 1))), 2e-6, "PRelu, channels-last");
    b = start();
    x = input_of(&b, DTYPE_I64, DIMS(40));
    value_id y = BUILD(&b, "Sub", input_of(&b, DTYPE_I64, DIMS(40)), build_i64(&b, 2));
    x = BUILD(&b, "Sub", x, build_i64(&b, 2));
    value_id results[] = {BUILD(&b, "Div", x, y), BUILD(&b, "Mod", x, y), BUILD(&b, "Neg", x),
                          BUILD(&b, "Abs", x), BUILD(&b, "Sign", x)};
    finish_all(&b, 5, results, 0, "negative integers and zeros");
}

static void test_powers(void **state) {
    (void)state;
    static const float exponents[] = {2, 3, 0.5f, -1, -0.5f, 0, 1, 2.7f};
    for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++) {
        builder b = start();
        value_id x = salted(&b, input(&b, DIMS(3, 300)), DIMS(3, 300));
        finish(&b, BUILD(&b, "Pow", x, build_f32(&b, exponents[i])), 1e-7, "Pow");
    }
    builder b = start();
    value_id x = input(&b, DIMS(3, 5)), y = input_of(&b, DTYPE_I64, DIMS(5));
    finish(&b, BUILD(&b, "Pow", x, y), 1e-7, "Pow of mixed types");
}

static void test_tests_of_one_operand(void **state) {
    (void)state;
    builder b = start();
    value_id x = salted(&b, input(&b, DIMS(3, 33)), DIMS(3, 33));
    value_id is_nan = BUILD(&b, "IsNaN", x);
    value_id results[] = {is_nan, BUILD(&b, "Not", is_nan)};
    finish_all(&b, 2, results, 0, "IsNaN, Not");
}

static void test_where(void **state) {
    (void)state;
    for (size_t t = 0; t < PLAIN; t++) {
        builder b = start();
        value_id test = input_of(&b, DTYPE_BOOL, DIMS(2, 1, 5, 33)),
                 yes = input_of(&b, plain[t], DIMS(3, 1, 33)), no = input_of(&b, plain[t], SCALAR);
        value_id results[] = {BUILD(&b, "Where", test, yes, no), BUILD(&b, "Where", test, no, yes),
                              BUILD(&b, "Where", test, yes, yes)};
        finish_all(&b, 3, results, 0, "Where");
    }
    builder b = start();
    value_id x = BUILD(&b, "Conv", input(&b, DIMS(2, 4, 5, 5)), constant(&b, DIMS(9, 4, 1, 1)));
    value_id low =
        BUILD(&b, "Where", BUILD(&b, "Less", x, constant(&b, DIMS(9, 1, 1))), x, constant(&b, DIMS(5)));
    finish(&b, low, 2e-6, "Where, channels-last");
    b = start();
    finish(
        &b,
        BUILD(&b, "Where", input_of(&b, DTYPE_BOOL, DIMS(0, 1)), input(&b, DIMS(1, 4)), input(&b, DIMS(4))),
        0, "Where of nothing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_casts),
        cmocka_unit_test(test_pairs_of_numbers),
        cmocka_unit_test(test_pairs_with_odd_numbers),
        cmocka_unit_test(test_powers),
        cmocka_unit_test(test_tests_of_one_operand),
        cmocka_unit_test(test_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
