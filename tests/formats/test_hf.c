/* config.json, Hugging Face folders and the cache. */
#include "support/test.h"

#include <math.h>
#include <sys/stat.h>

#include "formats/formats.h"
#include "support/temp_folder.h"

static accel_error err;

static hf_config *parse(const char *json) {
    hf_config *c;
    assert_ok(hf_config_parse(json, strlen(json), "config.json", &c, &err));
    return c;
}

/* --- fields --- */

static void fields_are_read_by_their_type(void **state) {
    (void)state;
    hf_config *c = parse(
        "{\"n\":12,\"eps\":1e-12,\"on\":true,\"act\":\"gelu\",\"sub\":{\"n\":3},\"f\":512.0,\"none\":null}");
    assert_int_equal(hf_config_int(c, "n", 0, 0, 100), 12);
    assert_int_equal(hf_config_int(c, "f", 0, 0, 1000), 512);
    assert_int_equal(hf_config_int(c, "sub.n", 0, 0, 100), 3);
    assert_true(fabs(hf_config_float(c, "eps", 1) - 1e-12) < 1e-27);
    assert_true(hf_config_bool(c, "on", false));
    assert_string_equal(hf_config_string(c, "act", ""), "gelu");
    assert_false(hf_config_has(c, "none"));
    assert_true(hf_config_has(c, "sub"));
    assert_ok(hf_config_check(c, &err));
    hf_config_destroy(c);
}

static void missing_and_null_fields_give_the_fallback(void **state) {
    (void)state;
    hf_config *c = parse("{\"none\":null}");
    assert_int_equal(hf_config_int(c, "none", 7, 0, 1), 7);
    assert_int_equal(hf_config_int(c, "a.b.c", 7, 0, 1), 7);
    assert_string_equal(hf_config_string(c, "none", "x"), "x");
    assert_ok(hf_config_check(c, &err));
    assert_int_equal(hf_config_int(c, "none", HF_REQUIRED, 1, 5), 1);
    assert_int_equal(hf_config_check(c, &err), ACCEL_BAD_FILE);
    assert_says("config.json: field 'none' is missing");
    hf_config_destroy(c);
}

static void the_first_fault_is_kept(void **state) {
    (void)state;
    static const struct {
        const char *json, *complaint;
    } faults[] = {{"{\"n\":\"12\"}", "field 'n' is not a whole number"},
                  {"{\"n\":1.5}", "field 'n' is not a whole number"},
                  {"{\"n\":-1}", "field 'n' is -1, which is not between 0 and 100"},
                  {"{\"n\":18446744073709551615}", "field 'n' is not a whole number"},
                  {"{\"n\":[1]}", "field 'n' is not a whole number"},
                  {"{\"n\":5,\"e\":\"x\"}", "field 'e' is not a finite number"},
                  {"{\"n\":5,\"e\":Infinity}", "field 'e' is not a finite number"}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        hf_config *c = parse(faults[i].json);
        (void)hf_config_int(c, "n", 5, 0, 100);
        (void)hf_config_float(c, "e", 5);
        (void)hf_config_bool(c, "n", false);
        assert_int_equal(hf_config_check(c, &err), ACCEL_BAD_FILE);
        assert_says(faults[i].complaint);
        hf_config_destroy(c);
    }
}

static void lists_of_integers_may_be_a_single_one(void **state) {
    (void)state;
    int64_t v[3];
    hf_config *c = parse("{\"a\":[4,5],\"b\":6,\"long\":[1,2,3,4],\"mixed\":[1,\"x\"]}");
    assert_int_equal(hf_config_ints(c, "a", v, 3), 2);
    assert_int_equal(v[1], 5);
    assert_int_equal(hf_config_ints(c, "b", v, 3), 1);
    assert_int_equal(v[0], 6);
    assert_int_equal(hf_config_ints(c, "none", v, 3), 0);
    assert_ok(hf_config_check(c, &err));
    assert_int_equal(hf_config_ints(c, "long", v, 3), 0);
    assert_int_equal(hf_config_check(c, &err), ACCEL_BAD_FILE);
    hf_config_destroy(c);
}

static void both_ages_of_configurations_are_read(void **state) {
    (void)state;
    hf_config *published = parse("{\"rope_theta\":1e6,\"torch_dtype\":\"bfloat16\"}");
    hf_config *now =
        parse("{\"rope_parameters\":{\"rope_theta\":5e5},\"dtype\":\"float16\",\"text\":{\"rope_theta\":7}}");
    hf_config *neither = parse("{}");
    assert_true(hf_config_rope_theta(published, "", 1e4) == 1e6);
    assert_true(hf_config_rope_theta(now, "", 1e4) == 5e5);
    assert_true(hf_config_rope_theta(now, "text.", 1e4) == 7);
    assert_true(hf_config_rope_theta(neither, "", 1e4) == 1e4);
    assert_string_equal(hf_config_dtype(published, ""), "bfloat16");
    assert_string_equal(hf_config_dtype(now, ""), "float16");
    assert_string_equal(hf_config_dtype(neither, ""), "float32");
    assert_string_equal(hf_config_architecture(neither), "");
    hf_config_destroy(published);
    hf_config_destroy(now);
    hf_config_destroy(neither);
}

static void what_is_no_object_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"", "[]", "7", "{\"a\":", "{\"a\":1}x", "nonsense"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        hf_config *c;
        assert_int_equal(hf_config_parse(texts[i], strlen(texts[i]), "config.json", &c, &err),
                         ACCEL_BAD_FILE);
        assert_says("config.json");
    }
}

/* --- folders --- */

static void make_folder(void **state, const char *name) {
    assert_int_equal(mkdir(temp_path(state, name), 0755), 0);
}

static void a_folder_without_config_is_no_model(void **state) {
    hf_folder f;
    assert_int_equal(hf_folder_open(*state, &f, &err), ACCEL_NOT_FOUND);
    assert_says("no config.json");
}

static void a_folder_says_what_sentence_transformers_want(void **state) {
    hf_folder f;
    temp_file(state, "config.json", "{}");
    temp_file(state, "pytorch_model.bin", "");
    make_folder(state, "1_Pooling");
    temp_file(state, "1_Pooling/config.json",
              "{\"pooling_mode_mean_tokens\":true,\"pooling_mode_cls_token\":false}");
    temp_file(state, "modules.json",
              "[{\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"
              "{\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"},"
              "{\"path\":\"2_Normalize\",\"type\":\"sentence_transformers.models.Normalize\"}]");
    assert_ok(hf_folder_open(*state, &f, &err));
    assert_true(f.mean_pooling && f.normalize && !f.cls_pooling && f.has_pickle);
    assert_null(f.weights);
    assert_null(f.unknown_pooling);
    hf_folder_close(&f);
}

static void unknown_modules_are_named(void **state) {
    hf_folder f;
    temp_file(state, "config.json", "{}");
    temp_file(state, "modules.json",
              "[{\"path\":\"2_Dense\",\"type\":\"sentence_transformers.models.Dense\"}]");
    assert_ok(hf_folder_open(*state, &f, &err));
    assert_string_equal(f.unknown_pooling, "sentence_transformers.models.Dense");
    hf_folder_close(&f);
}

static void modules_stay_in_the_folder(void **state) {
    hf_folder f;
    temp_file(state, "config.json", "{}");
    temp_file(state, "modules.json",
              "[{\"path\":\"../x\",\"type\":\"sentence_transformers.models.Pooling\"}]");
    assert_int_equal(hf_folder_open(*state, &f, &err), ACCEL_BAD_FILE);
    assert_says("not a plain name");
}

/* --- the cache --- */

static void a_repository_is_found_through_its_main_reference(void **state) {
    str_buf path = {0};
    make_folder(state, "models--org--name");
    make_folder(state, "models--org--name/refs");
    temp_file(state, "models--org--name/refs/main", "0123abcd\n");
    assert_ok(hf_cache_find(*state, "org/name", &path, &err));
    assert_string_equal(path.data, temp_path(state, "models--org--name/snapshots/0123abcd"));
    str_free(&path);
}

static void a_repository_that_is_not_there_names_the_cache(void **state) {
    str_buf path = {0};
    assert_int_equal(hf_cache_find(*state, "org/name", &path, &err), ACCEL_NOT_FOUND);
    assert_says((const char *)*state);
    str_free(&path);
}

static void a_reference_cannot_lead_out_of_the_cache(void **state) {
    static const char *const names[] = {"org/..", "../x", "a/b/c", "/x", "x/", "org/na me", "org"};
    str_buf path = {0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(hf_cache_find(*state, names[i], &path, &err), ACCEL_INVALID_ARGUMENT);
    }
    make_folder(state, "models--org--name");
    make_folder(state, "models--org--name/refs");
    temp_file(state, "models--org--name/refs/main", "../../../etc");
    assert_int_equal(hf_cache_find(*state, "org/name", &path, &err), ACCEL_BAD_FILE);
    str_free(&path);
}

int main(void) {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_by_their_type),
        cmocka_unit_test(missing_and_null_fields_give_the_fallback),
        cmocka_unit_test(the_first_fault_is_kept),
        cmocka_unit_test(lists_of_integers_may_be_a_single_one),
        cmocka_unit_test(both_ages_of_configurations_are_read),
        cmocka_unit_test(what_is_no_object_is_refused),
        WITH_FOLDER(a_folder_without_config_is_no_model),
        WITH_FOLDER(a_folder_says_what_sentence_transformers_want),
        WITH_FOLDER(unknown_modules_are_named),
        WITH_FOLDER(modules_stay_in_the_folder),
        WITH_FOLDER(a_repository_is_found_through_its_main_reference),
        WITH_FOLDER(a_repository_that_is_not_there_names_the_cache),
        WITH_FOLDER(a_reference_cannot_lead_out_of_the_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
