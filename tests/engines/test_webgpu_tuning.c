/* The text of a tuning, the file that keeps it, and what the lowering makes of it: without a GPU. */
#include "engines/webgpu/gpu_plan.h"

#include "base/file.h"
#include "engines/native_graphs.h"
#include "engines/tuning_file.h"

static const char *found(const char *text, gpu_tuned kernel, int64_t a, int64_t b, int64_t c) {
    const gpu_class class = gpu_class_of(kernel, a, b, c);
    const gpu_variant *v = gpu_tuning_find(text, &class);
    return v != NULL ? v->name : NULL;
}

static void test_a_class_is_the_power_of_two_that_holds_each_size(void **state) {
    (void)state;
    static const struct {
        int64_t size;
        int exponent;
    } rows[] = {{0, 0}, {1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {128, 7}, {129, 8}, {INT64_MAX, 62}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(gpu_class_of(GPU_GEMM, rows[i].size, 1, 1).sizes[0], rows[i].exponent);
}

static void test_small_products_have_small_tiles_in_pages(void **state) {
    (void)state;
    const gpu_class small = gpu_class_of(GPU_GEMM, 64, 768, 192),
                    large = gpu_class_of(GPU_GEMM, 128, 384, 384);
    assert_string_equal(gpu_variant_usual(&small, true)->name, "tile-4x4");
    assert_string_equal(gpu_variant_usual(&small, false)->name, "tile-8x8");
    assert_string_equal(gpu_variant_usual(&large, true)->name, "tile-8x8");
    const gpu_class other = gpu_class_of(GPU_SOFTMAX, 1, 1, 1);
    assert_string_equal(gpu_variant_usual(&other, true)->name, "row");
}

static void test_a_text_is_read(void **state) {
    (void)state;
    const char *text = "gemm/7.9.9=tile-8x16 gemv/0.11.9=split-4  norm/*=group";
    accel_error err = {0};
    check_ok(gpu_tuning_check(text, &err), &err);
    assert_int_equal(gpu_tuning_count(text), 3);
    assert_string_equal(found(text, GPU_GEMM, 128, 384, 512), "tile-8x16");
    assert_null(found(text, GPU_GEMM, 129, 384, 512));
    assert_null(found(text, GPU_GEMV, 128, 384, 512));
    assert_string_equal(found(text, GPU_GEMV, 1, 1536, 384), "split-4");
    assert_string_equal(found(text, GPU_NORM, 3, 4, 5), "group");
    assert_null(found(NULL, GPU_NORM, 3, 4, 5));
    assert_null(found("", GPU_NORM, 3, 4, 5));
}

static void test_a_bad_text_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"gemm",
                                      "gemm/7.9.9",
                                      "gemm/7.9=tile-8x8",
                                      "gemm/7.9.9.1=tile-8x8",
                                      "gemm/7..9=tile-8x8",
                                      "gemm/=tile-8x8",
                                      "gemm/7.9.=tile-8x8",
                                      "/7.9.9=tile-8x8",
                                      "gemm/7.9.9=tile-9x9",
                                      "gemv/7.9.9=tile-8x8",
                                      "gemm/-1.2.3=tile-8x8",
                                      "gemm/99.1.1=tile-8x8",
                                      "gemm/1.1.1=",
                                      "=/=",
                                      "gemm/*=",
                                      "gemm/7.9.9=tile-8x8\nnorm/*=group",
                                      "gemm/999999999999999999999.1.1=tile-8x8"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        accel_error err = {0};
        assert_int_equal(gpu_tuning_check(bad[i], &err), ACCEL_BAD_FILE);
    }
    char *long_text = malloc(GPU_TUNING_BYTES + 2);
    accel_error err = {0};
    memset(long_text, ' ', GPU_TUNING_BYTES + 1);
    long_text[GPU_TUNING_BYTES + 1] = 0;
    assert_int_equal(gpu_tuning_check(long_text, &err), ACCEL_BAD_FILE);
    free(long_text);
}

static void test_newer_choices_replace_older_ones(void **state) {
    (void)state;
    str_buf out = {0};
    gpu_tuning_merge(&out, "gemm/1.1.1=tile-4x4", "gemm/1.1.1=tile-8x8 gemm/2.1.1=tile-4x8");
    assert_string_equal(str_text(&out), "gemm/1.1.1=tile-4x4 gemm/2.1.1=tile-4x8");
    str_free(&out);
}

/* ---- the file ------------------------------------------------------------------------------------------------------------- */

static void in_folder(const char *name, str_buf *folder, str_buf *path) {
    accel_error err = {0};
    check_ok(file_make_temp_folder("accel-test-", folder, &err), &err);
    file_join(path, str_text(folder), name);
}

static void test_a_tuning_is_kept_by_adapter(void **state) {
    (void)state;
    accel_error err = {0};
    str_buf folder = {0}, path = {0}, text = {0};
    in_folder("new/tuning.json", &folder, &path);
    check_ok(tuning_file_find(str_text(&path), "one", &text, &err), &err);
    check_ok(tuning_file_find(NULL, "one", &text, &err), &err);
    assert_int_equal(text.length, 0);
    check_ok(tuning_file_store(str_text(&path), "one", "gemm/1.1.1=tile-4x4", &err), &err);
    check_ok(tuning_file_store(str_text(&path), "two \"quoted\"", "gemm/1.1.1=tile-8x16", &err), &err);
    check_ok(tuning_file_store(str_text(&path), "one", "norm/1.1.0=group", &err), &err);
    check_ok(tuning_file_find(str_text(&path), "one", &text, &err), &err);
    assert_string_equal(str_text(&text), "norm/1.1.0=group gemm/1.1.1=tile-4x4");
    str_free(&text);
    check_ok(tuning_file_find(str_text(&path), "two \"quoted\"", &text, &err), &err);
    assert_string_equal(str_text(&text), "gemm/1.1.1=tile-8x16");
    str_free(&text);
    check_ok(tuning_file_find(str_text(&path), "three", &text, &err), &err);
    assert_int_equal(text.length, 0);
    str_free(&text);
    check_ok(file_remove_tree(str_text(&folder), &err), &err);
    str_free(&folder);
    str_free(&path);
}

static void test_a_bad_file_is_a_sentence_and_is_replaced(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"accel_tuning\":2,\"adapters\":[]}",
        "{\"accel_tuning\":1,\"adapters\":{}}",
        "{\"accel_tuning\":1,\"adapters\":[{\"adapter\":\"one\"}]}",
        "{\"accel_tuning\":1,\"adapters\":[{\"adapter\":\"one\",\"tuning\":\"gemm/1.1.1=tile-9x9\"}]}",
        "{\"accel_tuning\":1,\"adapters\":[{\"adapter\":\"one\",\"tuning\":\"gemm/1.1.1=tile-4x4\\u0000\"}]}"};
    str_buf folder = {0}, path = {0}, text = {0};
    in_folder("tuning.json", &folder, &path);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        accel_error err = {0};
        check_ok(file_replace(str_text(&path), bad[i], strlen(bad[i]), &err), &err);
        assert_int_not_equal(tuning_file_find(str_text(&path), "one", &text, &err), ACCEL_OK);
        assert_int_not_equal(tuning_file_check(str_text(&path), &err), ACCEL_OK);
        assert_int_equal(text.length, 0);
        check_ok(tuning_file_store(str_text(&path), "one", "gemm/1.1.1=tile-4x4", &err), &err);
        check_ok(tuning_file_find(str_text(&path), "one", &text, &err), &err);
        assert_string_equal(str_text(&text), "gemm/1.1.1=tile-4x4");
        check_ok(tuning_file_check(str_text(&path), &err), &err);
        str_free(&text);
    }
    accel_error err = {0};
    check_ok(file_remove_tree(str_text(&folder), &err), &err);
    str_free(&folder);
    str_free(&path);
}

/* ---- plans ------------------------------------------------------------------------------------------------------------------ */

static gpu_plan *plan_with(graph *g, const char *tuning, uint32_t subgroup) {
    const gpu_limits limits = {.buffer_bytes = 256 << 20,
                               .binding_bytes = 128 << 20,
                               .groups = 65535,
                               .subgroup = subgroup,
                               .subgroup_directive = "enable subgroups;",
                               .tuning = tuning};
    accel_error err = {0};
    gpu_plan *p = NULL;
    check_ok(gpu_plan_create(g, &limits, &p, &err), &err);
    return p;
}

static void test_a_plan_takes_what_the_tuning_says(void **state) {
    (void)state;
    char text[128];
    builder b = start();
    build_output(&b, "one", BUILD(&b, "MatMul", input(&b, DIMS(1, 64)), constant(&b, DIMS(64, 32))));
    build_output(&b, "two", BUILD(&b, "MatMul", input(&b, DIMS(16, 64)), constant(&b, DIMS(64, 32))));
    graph *g = finish_graph(&b);
    gpu_plan *p = plan_with(g, NULL, 0);
    assert_int_equal(p->choice_count, 2);
    assert_false(p->choices[0].tuned || p->choices[1].tuned);
    assert_ptr_equal(p->choices[1].variant, gpu_variant_usual(&p->choices[1].class, false));
    gpu_plan_destroy(p);
    p = plan_with(g, "gemv/0.5.6=subgroup-4 gemm/4.5.6=shared-64x64", 4);
    gpu_plan_describe_tuning(p, text, sizeof text);
    assert_string_equal(text, "tuned=2 of 2, gemm/shared-64x64 1, gemv/subgroup-4 1");
    assert_non_null(strstr(p->shaders[0].text, "enable subgroups;"));
    gpu_plan_destroy(p);
    p = plan_with(g, "gemv/0.5.6=subgroup-4", 0); /* which this device has not */
    gpu_plan_describe_tuning(p, text, sizeof text);
    assert_string_equal(text, "tuned=0 of 2");
    assert_null(strstr(p->shaders[0].text, "subgroup"));
    gpu_plan_destroy(p);
    graph_destroy(g);
}

static void test_no_word_is_left_in_a_shader(void **state) {
    (void)state;
    for (size_t i = 0; i < gpu_variant_count(); i++) {
        char text[96];
        const gpu_variant *v = gpu_variant_at(i);
        builder b = start();
        value_id x = input(&b, DIMS(16, 64)), q = input(&b, DIMS(1, 2, 16, 8)),
                 image = input(&b, DIMS(1, 4, 9, 9));
        build_output(&b, "a", BUILD(&b, "MatMul", x, constant(&b, DIMS(64, 32))));
        build_output(&b, "b", BUILD(&b, "MatMul", input(&b, DIMS(1, 64)), constant(&b, DIMS(64, 32))));
        build_output(&b, "c", BUILD(&b, "LayerNormalization", x, constant(&b, DIMS(64))));
        build_output(&b, "d", BUILD(&b, "Softmax", x));
        build_output(&b, "e", BUILD(&b, "Conv", image, constant(&b, DIMS(8, 4, 3, 3))));
        build_output(&b, "f", BUILD(&b, "Attention", q, q, q));
        graph *g = finish_graph(&b);
        snprintf(text, sizeof text, "%s/*=%s", gpu_tuned_name(v->kernel), v->name);
        gpu_plan *p = plan_with(g, text, 32);
        for (size_t k = 0; k < p->shader_count; k++)
            assert_null(strchr(p->shaders[k].text, '$'));
        gpu_plan_destroy(p);
        graph_destroy(g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_class_is_the_power_of_two_that_holds_each_size),
        cmocka_unit_test(test_small_products_have_small_tiles_in_pages),
        cmocka_unit_test(test_a_text_is_read),
        cmocka_unit_test(test_a_bad_text_is_refused),
        cmocka_unit_test(test_newer_choices_replace_older_ones),
        cmocka_unit_test(test_a_tuning_is_kept_by_adapter),
        cmocka_unit_test(test_a_bad_file_is_a_sentence_and_is_replaced),
        cmocka_unit_test(test_a_plan_takes_what_the_tuning_says),
        cmocka_unit_test(test_no_word_is_left_in_a_shader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
