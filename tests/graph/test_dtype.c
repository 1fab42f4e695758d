/* Element types: names, sizes, and every conversion against its definition. */
#include "support/test.h"

#include <math.h>

#include "base/random.h"
#include "graph/dtype.h"

static double f64_from(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* --- names and sizes --- */

static void names_and_numbers_are_those_of_onnx(void **state) {
    (void)state;
    assert_string_equal(dtype_name(DTYPE_F32), "float32");
    assert_string_equal(dtype_name((dtype)99), "undefined");
    assert_int_equal(dtype_from_name("bfloat16"), DTYPE_BF16);
    assert_int_equal(dtype_from_name("float"), DTYPE_UNDEFINED);
    assert_int_equal(dtype_from_onnx(24), DTYPE_F8E8M0);
    assert_int_equal(dtype_from_onnx(27), DTYPE_UNDEFINED);
    assert_int_equal(dtype_from_onnx(-1), DTYPE_UNDEFINED);
    for (int t = 1; t < (int)DTYPE_COUNT; t++) {
        assert_int_equal(dtype_from_name(dtype_name((dtype)t)), t);
    }
}

static void sub_byte_types_round_up_to_whole_bytes(void **state) {
    (void)state;
    size_t bytes;
    assert_true(dtype_size_bytes(DTYPE_I4, 3, &bytes));
    assert_int_equal(bytes, 2);
    assert_true(dtype_size_bytes(DTYPE_U2, 5, &bytes));
    assert_int_equal(bytes, 2);
    assert_true(dtype_size_bytes(DTYPE_F32, 0, &bytes));
    assert_int_equal(bytes, 0);
}

static void sizes_beyond_memory_are_refused(void **state) {
    (void)state;
    size_t bytes;
    assert_false(dtype_size_bytes(DTYPE_F64, INT64_MAX, &bytes));
    assert_false(dtype_size_bytes(DTYPE_F32, -1, &bytes));
    assert_false(dtype_size_bytes(DTYPE_STRING, 1, &bytes));
    assert_true(dtype_size_bytes(DTYPE_U8, INT64_MAX, &bytes));
    assert_true(dtype_size_bytes(DTYPE_I4, INT64_MAX, &bytes));
    assert_int_equal(bytes, INT64_MAX / 2 + 1);
}

/* --- narrow floats --- */

/* The nearest of all encodings of a type, ties to the even encoding: the definition, by search. */
static uint32_t nearest_encoding(dtype t, unsigned bits, double value) {
    uint32_t best = 0;
    double best_distance = INFINITY;
    for (uint32_t code = 0; code < 1u << bits; code++) {
        uint16_t storage = (uint16_t)code;
        double decoded = dtype_get_f64(t, &storage, 0);
        if (!isfinite(decoded) || signbit(decoded) != signbit(value)) {
            continue;
        }
        double distance = fabs(decoded - value);
        if (distance < best_distance || (distance == best_distance && (code & 1) == 0)) {
            best = code;
            best_distance = distance;
        }
    }
    return best;
}

static void assert_rounds_to_nearest_even(dtype t, unsigned bits, double largest) {
    rng r;
    rng_seed(&r, 7);
    for (int i = 0; i < 300; i++) {
        double value = (rng_f64(&r) * 2 - 1) * largest;
        value *= i % 3 == 0 ? 1e-3 : 1;
        uint16_t storage = 0;
        dtype_set_f64(t, &storage, 0, value);
        uint32_t want = nearest_encoding(t, bits, value);
        uint16_t wanted = (uint16_t)want;
        assert_true(dtype_get_f64(t, &storage, 0) == dtype_get_f64(t, &wanted, 0));
    }
}

static void narrow_floats_round_to_nearest_even(void **state) {
    (void)state;
    assert_rounds_to_nearest_even(DTYPE_F8E4M3FN, 8, 448);
    assert_rounds_to_nearest_even(DTYPE_F8E4M3FNUZ, 8, 240);
    assert_rounds_to_nearest_even(DTYPE_F8E5M2, 8, 57344);
    assert_rounds_to_nearest_even(DTYPE_F8E5M2FNUZ, 8, 57344);
    assert_rounds_to_nearest_even(DTYPE_F4E2M1, 4, 6);
    assert_rounds_to_nearest_even(DTYPE_F16, 16, 65504);
}

static void ties_go_to_the_even_encoding(void **state) {
    (void)state;
    assert_int_equal(f32_to_f16(1.0f + 0x1p-11f), 0x3C00);            /* half way to the next: down to even */
    assert_int_equal(f32_to_f16(1.0f + 0x1p-10f + 0x1p-11f), 0x3C02); /* half way: up to even */
    assert_int_equal(f32_to_f16(1.0f + 0x1p-11f + 0x1p-23f), 0x3C01); /* just above half way */
    assert_int_equal(f32_to_bf16(1.0f + 0x1p-8f), 0x3F80);
    assert_int_equal(f32_to_bf16(1.0f + 0x1p-7f + 0x1p-8f), 0x3F82);
}

static void a_double_is_rounded_once(void **state) {
    (void)state;
    /* By way of float this would become a tie first and then go down. */
    double just_above_half = 1.0 + 0x1p-11 + 0x1p-40;
    uint16_t half;
    dtype_set_f64(DTYPE_F16, &half, 0, just_above_half);
    assert_int_equal(half, 0x3C01);
}

static void every_encoding_survives_a_round_trip(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_F16,    DTYPE_BF16,       DTYPE_F8E4M3FN, DTYPE_F8E4M3FNUZ,
                                  DTYPE_F8E5M2, DTYPE_F8E5M2FNUZ, DTYPE_F8E8M0,   DTYPE_F4E2M1};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (uint32_t code = 0; code < 1u << dtype_bits(types[i]); code++) {
            uint16_t storage = (uint16_t)code, back = 0;
            double value = dtype_get_f64(types[i], &storage, 0);
            if (isinf(value) && types[i] == DTYPE_F8E5M2) {
                continue; /* saturates: infinity becomes the largest number */
            }
            dtype_set_f64(types[i], &back, 0, value);
            if (isnan(value)) {
                assert_true(isnan(dtype_get_f64(types[i], &back, 0)));
            } else {
                assert_int_equal(back, storage);
            }
        }
    }
}

static void half_precision_matches_its_definition(void **state) {
    (void)state;
    assert_true(f16_to_f32(0x0001) == 0x1p-24f);
    assert_true(f16_to_f32(0x7BFF) == 65504.0f);
    assert_true(isinf(f16_to_f32(0x7C00)) && isnan(f16_to_f32(0x7E00)));
    assert_true(signbit(f16_to_f32(0x8000)));
    assert_int_equal(f32_to_f16(65519.0f), 0x7BFF);
    assert_int_equal(f32_to_f16(65520.0f), 0x7C00); /* half way to 65536: infinity */
    assert_int_equal(f32_to_f16(0x1p-25f), 0);      /* half of the smallest: even is zero */
    assert_int_equal(f32_to_f16(0x1.8p-25f), 1);
    assert_int_equal(f32_to_f16(-0.0f), 0x8000);
    assert_true(isnan(f16_to_f32(f32_to_f16(NAN))));
    assert_true(isnan(bf16_to_f32(f32_to_bf16(NAN))));
    assert_true(isinf(bf16_to_f32(f32_to_bf16(INFINITY))));
}

static void float8_saturates(void **state) {
    (void)state;
    static const struct {
        dtype type;
        double largest;
    } cases[] = {{DTYPE_F8E4M3FN, 448},
                 {DTYPE_F8E4M3FNUZ, 240},
                 {DTYPE_F8E5M2, 57344},
                 {DTYPE_F8E5M2FNUZ, 57344},
                 {DTYPE_F4E2M1, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t code = 0;
        dtype_set_f64(cases[i].type, &code, 0, 1e30);
        assert_true(dtype_get_f64(cases[i].type, &code, 0) == cases[i].largest);
        dtype_set_f64(cases[i].type, &code, 0, -INFINITY);
        assert_true(dtype_get_f64(cases[i].type, &code, 0) == -cases[i].largest);
    }
}

static void types_without_negative_zero_have_none(void **state) {
    (void)state;
    uint8_t code = 0xFF;
    dtype_set_f64(DTYPE_F8E4M3FNUZ, &code, 0, -0.0);
    assert_int_equal(code, 0);
    dtype_set_f64(DTYPE_F8E5M2FNUZ, &code, 0, -1e-30);
    assert_int_equal(code, 0);
    dtype_set_f64(DTYPE_F8E4M3FNUZ, &code, 0, NAN);
    assert_int_equal(code, 0x80);
}

static void float4_has_no_nan_and_gives_its_largest(void **state) {
    (void)state;
    uint8_t code = 0;
    dtype_set_f64(DTYPE_F4E2M1, &code, 0, -NAN);
    assert_int_equal(code & 0xF, 0x7);
}

static void float8_e8m0_is_a_power_of_two(void **state) {
    (void)state;
    uint8_t code;
    static const struct {
        double value;
        uint8_t code;
    } cases[] = {{1, 127}, {2, 128},      {1.4, 127},   {1.6, 128},      {1.5, 128}, {3, 128},
                 {0, 0},   {0x1p-127, 0}, {1e300, 254}, {INFINITY, 254}, {-1, 255}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dtype_set_f64(DTYPE_F8E8M0, &code, 0, cases[i].value);
        assert_int_equal(code, cases[i].code);
    }
    code = 255;
    assert_true(isnan(dtype_get_f64(DTYPE_F8E8M0, &code, 0)));
}

/* --- integers --- */

static void packed_integers_do_not_touch_their_neighbours(void **state) {
    (void)state;
    uint8_t bytes[2] = {0, 0};
    dtype_set_i64(DTYPE_I4, bytes, 1, -3);
    dtype_set_i64(DTYPE_I4, bytes, 2, 7);
    assert_int_equal(bytes[0], 0xD0);
    assert_int_equal(bytes[1], 0x07);
    assert_int_equal(dtype_get_i64(DTYPE_I4, bytes, 0), 0);
    assert_int_equal(dtype_get_i64(DTYPE_I4, bytes, 1), -3);
    assert_int_equal(dtype_get_i64(DTYPE_U4, bytes, 1), 13);
    dtype_set_i64(DTYPE_I2, bytes, 3, -2);
    assert_int_equal(dtype_get_i64(DTYPE_I2, bytes, 3), -2);
    assert_int_equal(dtype_get_i64(DTYPE_U2, bytes, 3), 2);
}

static void setting_an_integer_truncates_like_a_cast(void **state) {
    (void)state;
    int8_t i8;
    dtype_set_f64(DTYPE_I8, &i8, 0, -3.9);
    assert_int_equal(i8, -3);
    dtype_set_f64(DTYPE_I8, &i8, 0, 300.0);
    assert_int_equal(i8, 44);
    dtype_set_f64(DTYPE_I8, &i8, 0, NAN);
    assert_int_equal(i8, 0);
    int64_t i64;
    dtype_set_f64(DTYPE_I64, &i64, 0, 1e30);
    assert_true(i64 == INT64_MAX);
    dtype_set_f64(DTYPE_I64, &i64, 0, -1e30);
    assert_true(i64 == INT64_MIN);
    dtype_set_f64(DTYPE_I64, &i64, 0, f64_from(0x43DFFFFFFFFFFFFFull)); /* the largest double below 2^63 */
    assert_true(i64 == INT64_MAX - 1023);
}

static void unsigned_64_reaches_its_whole_range(void **state) {
    (void)state;
    uint64_t u;
    dtype_set_f64(DTYPE_U64, &u, 0, 1e19);
    assert_true(u == 10000000000000000000ull);
    dtype_set_f64(DTYPE_U64, &u, 0, 1e30);
    assert_true(u == UINT64_MAX);
    assert_true(dtype_get_f64(DTYPE_U64, &u, 0) == 0x1p64);
    assert_int_equal(dtype_get_i64(DTYPE_U64, &u, 0), -1);
}

static void a_bool_is_whether_it_is_not_zero(void **state) {
    (void)state;
    uint8_t b = 9;
    assert_int_equal(dtype_get_i64(DTYPE_BOOL, &b, 0), 1);
    dtype_set_f64(DTYPE_BOOL, &b, 0, 0.25);
    assert_int_equal(b, 1);
    dtype_set_i64(DTYPE_BOOL, &b, 0, 256);
    assert_int_equal(b, 1);
}

static void contents_may_lie_unaligned(void **state) {
    (void)state;
    uint8_t bytes[24] = {0};
    dtype_set_f64(DTYPE_F64, bytes + 1, 1, 2.5);
    assert_true(dtype_get_f64(DTYPE_F64, bytes + 1, 1) == 2.5);
    dtype_set_i64(DTYPE_I32, bytes + 3, 2, -5);
    assert_int_equal(dtype_get_i64(DTYPE_I32, bytes + 3, 2), -5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers_are_those_of_onnx),
        cmocka_unit_test(sub_byte_types_round_up_to_whole_bytes),
        cmocka_unit_test(sizes_beyond_memory_are_refused),
        cmocka_unit_test(narrow_floats_round_to_nearest_even),
        cmocka_unit_test(ties_go_to_the_even_encoding),
        cmocka_unit_test(a_double_is_rounded_once),
        cmocka_unit_test(every_encoding_survives_a_round_trip),
        cmocka_unit_test(half_precision_matches_its_definition),
        cmocka_unit_test(float8_saturates),
        cmocka_unit_test(types_without_negative_zero_have_none),
        cmocka_unit_test(float4_has_no_nan_and_gives_its_largest),
        cmocka_unit_test(float8_e8m0_is_a_power_of_two),
        cmocka_unit_test(packed_integers_do_not_touch_their_neighbours),
        cmocka_unit_test(setting_an_integer_truncates_like_a_cast),
        cmocka_unit_test(unsigned_64_reaches_its_whole_range),
        cmocka_unit_test(a_bool_is_whether_it_is_not_zero),
        cmocka_unit_test(contents_may_lie_unaligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
