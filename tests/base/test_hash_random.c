/* Hashes against their published values; random numbers against pinned bits and their distributions. */
#include "support/test.h"

#include <math.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

/* --- hashes --- */

static void sha256_has_the_standards_values(void **state) {
    (void)state;
    char hex[SHA256_HEX_BYTES];
    accel_error err;
    assert_ok(sha256_bytes("", 0, hex, &err));
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_ok(sha256_bytes("abc", 3, hex, &err));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void sha256_in_pieces_is_the_same(void **state) {
    (void)state;
    char whole[SHA256_HEX_BYTES];
    char pieces[SHA256_HEX_BYTES];
    char text[1000];
    memset(text, 'a', sizeof text);
    sha256_bytes(text, sizeof text, whole, NULL);
    sha256 *h = sha256_create();
    for (size_t at = 0; at < sizeof text; at += 100) {
        sha256_update(h, text + at, 100);
    }
    sha256_finish(h, pieces);
    assert_string_equal(whole, pieces);
}

static void sha256_without_memory_is_a_sentence(void **state) {
    (void)state;
    char hex[SHA256_HEX_BYTES];
    accel_error err;
    mem_fault_set(1, false);
    assert_int_equal(sha256_bytes("", 0, hex, &err), ACCEL_OUT_OF_MEMORY);
    mem_fault_set(0, false);
    sha256_destroy(NULL);
    sha256_destroy(sha256_create());
}

static void the_fast_hash_is_xxh64(void **state) {
    (void)state;
    assert_true(hash_bytes("", 0, 0) == 0xEF46DB3751D8E999u);
    assert_true(hash_text("abc") == 0x44BC2CF5AD770999u);
    assert_true(hash_bytes("", 0, 0x9E3779B1u) == 0xAC75FDA2929B17EFu);
    /* The specification's own input: bytes from a multiplying generator, at lengths around the block's. */
    uint8_t bytes[222];
    uint64_t generator = 2654435761u;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(generator >> 56);
        generator *= 11400714785074694797u;
    }
    assert_true(hash_bytes(bytes, 1, 0) == 0xE934A84ADB052768u);
    assert_true(hash_bytes(bytes, 14, 0) == 0x8282DCC4994E35C8u);
    assert_true(hash_bytes(bytes, 222, 0) == 0xB641AE8CB691C174u);
}

/* --- random numbers --- */

static void the_generator_gives_pinned_bits(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 0);
    /* xoshiro256** from splitmix64(0), as the authors' own code gives it */
    assert_true(rng_u64(&r) == 0x99EC5F36CB75F2B4u);
    assert_true(rng_u64(&r) == 0xBF6E1F784956452Au);
    assert_true(rng_u64(&r) == 0x1A5F849D4933E6E0u);
}

static void fills_give_pinned_bits(void **state) {
    (void)state;
    float values[1000];
    rng r;
    rng_seed_name(&r, 42, "layer.0.weight");
    rng_fill_normal_f32(&r, values, 1000, 0.5f, 0.02f);
    uint64_t normal = hash_bytes(values, sizeof values, 0);
    rng_fill_uniform_f32(&r, values, 1000, -0.1f, 0.3f);
    uint64_t uniform = hash_bytes(values, sizeof values, 0);
    assert_true(normal == 0x1D95240C4FA8E19Eu);
    assert_true(uniform == 0x2105B51E4C0A0A7Fu);
}

static void normal_fills_are_what_another_program_computes(void **state) {
    (void)state;
    float values[3];
    rng r;
    rng_seed(&r, 0);
    rng_fill_normal_f32(&r, values, 3, 0, 1);
    assert_true(values[0] == -1.52458704f && values[1] == 0.0475713164f && values[2] == 0.0954521596f);
}

static void each_name_has_its_own_stream(void **state) {
    (void)state;
    rng a;
    rng b;
    rng c;
    rng_seed_name(&a, 1, "x");
    rng_seed_name(&b, 1, "y");
    rng_seed_name(&c, 2, "x");
    uint64_t first = rng_u64(&a);
    assert_true(first != rng_u64(&b) && first != rng_u64(&c));
    rng_seed_name(&a, 1, "x");
    assert_true(first == rng_u64(&a));
}

static void uniform_numbers_stay_below_one(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 5);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        float f = rng_f32(&r);
        double d = rng_f64(&r);
        assert_true(f >= 0 && f < 1 && d >= 0 && d < 1);
        sum += d;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.005);
}

static void normal_numbers_have_mean_zero_and_deviation_one(void **state) {
    (void)state;
    static float values[200000];
    const int count = (int)(sizeof values / sizeof *values);
    rng r;
    rng_seed(&r, 6);
    rng_fill_normal_f32(&r, values, (size_t)count, 0, 1);
    double sum = 0;
    double squares = 0;
    int beyond_two = 0;
    for (int i = 0; i < count; i++) {
        double x = values[i];
        assert_true(fabs(x) < 4.25);
        sum += x;
        squares += x * x;
        beyond_two += fabs(x) > 2;
    }
    assert_true(fabs(sum / count) < 0.01);
    assert_true(fabs(squares / count - 1) < 0.015);
    assert_true(fabs((double)beyond_two / count - 0.0455) < 0.005);
}

static void below_is_fair_and_bounded(void **state) {
    (void)state;
    rng r;
    rng_seed(&r, 7);
    int counts[6] = {0};
    for (int i = 0; i < 60000; i++) {
        counts[rng_below(&r, 6)]++;
    }
    for (int i = 0; i < 6; i++) {
        assert_in_range(counts[i], 9600, 10400);
    }
    assert_int_equal(rng_below(&r, 0), 0);
    assert_int_equal(rng_below(&r, 1), 0);
    assert_true(rng_below(&r, ((uint64_t)1 << 63) + 1) <= (uint64_t)1 << 63);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_has_the_standards_values),
        cmocka_unit_test(sha256_in_pieces_is_the_same),
        cmocka_unit_test(sha256_without_memory_is_a_sentence),
        cmocka_unit_test(the_fast_hash_is_xxh64),
        cmocka_unit_test(the_generator_gives_pinned_bits),
        cmocka_unit_test(fills_give_pinned_bits),
        cmocka_unit_test(normal_fills_are_what_another_program_computes),
        cmocka_unit_test(each_name_has_its_own_stream),
        cmocka_unit_test(uniform_numbers_stay_below_one),
        cmocka_unit_test(normal_numbers_have_mean_zero_and_deviation_one),
        cmocka_unit_test(below_is_fair_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
