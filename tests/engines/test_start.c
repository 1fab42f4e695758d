/* Features of the start: their names, what switches them. */
#include "support/test.h"

#include "base/str.h"
#include "engines/start.h"

static accel_error err;
static const char *said; /* NAME=WORD */

static char *environment(const char *name) {
    size_t length = strlen(name);
    bool is_it = said != NULL && strncmp(said, name, length) == 0 && said[length] == '=';
    return is_it ? (char *)(uintptr_t)(said + length + 1) : NULL;
}

static uint32_t with(const char *word) {
    uint32_t features = 0;
    said = word;
    assert_ok(web_features_default(environment, &features, &err));
    return features;
}

static void names_are_found_again(void **state) {
    web_feature found;
    (void)state;
    for (int f = 0; f < WEB_FEATURE_COUNT; f++) {
        assert_true(web_feature_from_name(web_feature_name((web_feature)f), &found));
        assert_int_equal(found, f);
        assert_true(strlen(web_feature_test_type((web_feature)f)) > 0);
    }
    assert_false(web_feature_from_name("shaders", &found));
}

static void variables_switch_them(void **state) {
    const uint32_t precompile = 1U << WEB_SHADER_PRECOMPILE, parallel = 1U << WEB_PARALLEL_LOADING,
                   compute = 1U << WEB_COMPUTE_SHADERS;
    uint32_t features;
    (void)state;
    assert_int_equal(with(NULL), parallel);
    assert_int_equal(with("WEBGPU_SHADER_PRECOMPILE_ENABLED=1"), precompile | parallel);
    assert_int_equal(with("WEBGPU_COMPUTE_SHADERS_ENABLED=true"), compute | parallel);
    assert_int_equal(with("WEB_PARALLEL_LOADING_ENABLED=off"), 0);
    assert_int_equal(with("WEB_PARALLEL_LOADING_ENABLED="), parallel);
    said = "WEB_PARALLEL_LOADING_ENABLED=perhaps";
    assert_int_equal(web_features_default(environment, &features, &err), ACCEL_INVALID_ARGUMENT);
    assert_string_equal(err.message, "WEB_PARALLEL_LOADING_ENABLED is 'perhaps'; it can be 1 or 0");
}

static void pages_are_told_all_of_them(void **state) {
    str_buf json = {0};
    (void)state;
    web_features_append(1U << WEB_SHADER_PRECOMPILE, &json);
    assert_string_equal(
        str_text(&json),
        "\"features\":{\"shaderPrecompile\":true,\"parallelLoading\":false,\"computeShaders\":false}");
    str_free(&json);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_are_found_again),
                                       cmocka_unit_test(variables_switch_them),
                                       cmocka_unit_test(pages_are_told_all_of_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
