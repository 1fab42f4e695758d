/* What `accel detect --measure` measures: that there is a figure for everything, never how large it is. */
/* ctest: serial */
#include "support/test.h"

#include <math.h>

#include "base/json.h"
#include "measure/capability.h"
#include "measure/triad.h"

static const hw_cache caches[] = {
    {.level = 1, .type = 'd', .bytes = 32 << 10, .line_bytes = 64, .count = 2},
    {.level = 1, .type = 'i', .bytes = 32 << 10, .line_bytes = 64, .count = 2},
    {.level = 2, .type = 'u', .bytes = 512 << 10, .line_bytes = 64, .count = 2}};
static const hw_cpu cpu = {.caches = caches, .cache_count = 3};

static void every_level_has_a_figure(void **state) {
    (void)state;
    accel_error err = {0};
    for (int threads = 1; threads <= 2; threads++) {
        capability c;
        assert_ok(capability_measure(&cpu, threads, &c, &err));
        assert_int_equal(c.level_count, 3);
        assert_string_equal(c.levels[0].name, "L1");
        assert_string_equal(c.levels[1].name, "L2");
        assert_string_equal(c.levels[2].name, "memory");
        assert_in_range(c.levels[0].array_bytes, (size_t)threads * 5000, (size_t)threads * 5461);
        for (size_t i = 0; i < c.level_count; i++)
            assert_true(c.levels[i].gb_per_s > 0);
        assert_true(c.peaks[0].gflops > 0);
        assert_true(threads == 1 ? isnan(c.wake_us) : c.wake_us > 0);
    }
}

static void unknown_figures_are_null(void **state) {
    (void)state;
    const capability c = {
        .threads = 1,
        .peaks = {{PRECISION_FP32, 12.5}, {PRECISION_BF16, (double)NAN}, {PRECISION_INT8, 7}},
        .levels = {{"memory", HW_UNKNOWN, 640, 1.5}},
        .level_count = 1,
        .wake_us = (double)NAN};
    str_buf out = {0};
    capability_write_json(&c, &out);
    assert_string_equal(
        str_text(&out),
        "{\"threads\": 1, \"peaks\": {\"fp32\": 12.5, \"bf16\": null, \"int8\": 7}, \"levels\": "
        "[{\"name\": \"memory\", \"cache_bytes\": null, \"array_bytes\": 640, \"gb_per_s\": 1.5}], "
        "\"wake_us\": null}");
    str_free(&out);
}

static void few_bytes_are_a_vector_a_thread(void **state) {
    (void)state;
    accel_error err = {0};
    double gb_per_s = 0;
    assert_ok(triad_measure(3, 0, &gb_per_s, &err));
    assert_true(gb_per_s > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_level_has_a_figure),
                                       cmocka_unit_test(unknown_figures_are_null),
                                       cmocka_unit_test(few_bytes_are_a_vector_a_thread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
