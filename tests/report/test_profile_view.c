/* The views of a profile: what they say, what they leave out, and that names cannot become markup. No figure here was measured. */
#include <math.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/profile_view.h"
#include "report_check.h"

static engine_profile_row rows[] = {
    {"/block.0/attention/query/MatMul", "MatMul", "Add", "gemm packed", 400000, 8e7, 4e5},
    {"/block.0/attention/softmax/Softmax", "Softmax", NULL, "softmax", 100000, 1e5, 9e6},
    {"/block.0/norm/LayerNormalization", "LayerNormalization", NULL, "norm", 50000, 1e5, 4e5},
    {"/block.1/query/MatMul", "MatMul", "Add, Gelu", "gemm packed", 300000, 9e7, 4e5},
    {"/block.1/<i>&\"x\"", "Made<Up>", NULL, "reference", 50000, 0, 0},
};

static case_profile made_up_profile(void) {
    return (case_profile){.rows = rows,
                          .row_count = sizeof rows / sizeof *rows,
                          .runs = 30,
                          .run_ms = 1.0,
                          .threads = 2,
                          .roof = {PRECISION_FP32, 2, 250, 40, 134e6},
                          .roof8.peak_gflops = (double)NAN};
}

static str_buf text_of(const case_profile *p, size_t most, table_format format) {
    record r = made_up("tiny", "native", 0.95);
    profiled_case c = {&r, p};
    str_buf out = {0};
    accel_error err = {0};
    assert_ok(profile_view_text(&c, most, format, false, &out, &err));
    return out;
}

static void says(const str_buf *text, const char *what) {
    if (!strstr(str_text(text), what))
        fail_msg("\"%s\" is not in:\n%s", what, str_text(text));
}

static void text_tells_what_was_run_and_the_sums(void **state) {
    (void)state;
    case_profile p = made_up_profile();
    str_buf text = text_of(&p, 2, TABLE_TEXT);
    says(&text, "native: where the time goes");
    says(&text, "profiled run 1.000 ms (median of 30), its steps 0.900 ms, unprofiled median 0.950 ms");
    says(&text, "250 GFLOP/s by our own fp32 product of 1024³, 40.0 GB/s by a triad");
    says(&text, "The 2 longest of 5 steps");
    says(&text, "/block.0/attention/query/MatMul + Add");
    says(&text, "77.8 %"); /* 0.7 of 0.9 ms are MatMul */
    says(&text, "97.1 %"); /* of peak: 1.7e8 in 0.7 ms are 243 GFLOP/s */
    says(&text, "More than 100 % of DRAM");
    says(&text, "Kernel \"reference\"");
    assert_null(strstr(str_text(&text), "LayerNormalization + ")); /* the third longest is not listed */
    str_free(&text);
}

static void no_rows_are_listed_when_none_are_wanted(void **state) {
    (void)state;
    case_profile p = made_up_profile();
    str_buf text = text_of(&p, 0, TABLE_MARKDOWN);
    says(&text, "### tiny");
    says(&text, "| MatMul");
    assert_null(strstr(str_text(&text), "query"));
    str_free(&text);
}

static void a_missing_profile_has_its_reason(void **state) {
    (void)state;
    case_profile p = {.why_not = "the profiler was switched off"};
    str_buf text = text_of(&p, 20, TABLE_TEXT);
    says(&text, "no profile: the profiler was switched off");
    str_free(&text);
}

static void json_holds_every_step(void **state) {
    (void)state;
    case_profile p = made_up_profile();
    str_buf json = {0};
    yyjson_doc *doc = NULL;
    accel_error err = {0};
    assert_ok(profile_view_json(&p, &json, &err));
    assert_ok(json_parse(json.data, json.length, 1 << 20, "a profile", &doc, &err));
    yyjson_val *root = yyjson_doc_get_root(doc), *steps = yyjson_obj_get(root, "steps");
    assert_int_equal(yyjson_arr_size(steps), 5);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "operators")), 4);
    assert_true(yyjson_is_null(yyjson_obj_get(root, "why_not")));
    yyjson_val *last = yyjson_arr_get(steps, 4);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(last, "node")), "/block.1/<i>&\"x\"");
    assert_true(yyjson_is_null(yyjson_obj_get(last, "gflops"))); /* not known is null, never 0 */
    yyjson_val *first = yyjson_arr_get(steps, 0);
    assert_true(fabs(yyjson_get_num(yyjson_obj_get(first, "gflops")) - 200) < 1e-9);
    assert_true(fabs(yyjson_get_num(yyjson_obj_get(first, "of_peak")) - 0.8) < 1e-9);
    yyjson_val *roof = yyjson_obj_get(root, "roofline");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(roof, "provenance")), "measured");
    assert_true(yyjson_is_null(yyjson_obj_get(roof, "peak_int8_gops")));
    yyjson_doc_free(doc);
    str_free(&json);
}

static str_buf html_of(const case_profile *p) {
    record r = made_up("tiny", "native", 0.95);
    profiled_case c = {&r, p};
    str_buf out = {0};
    accel_error err = {0};
    assert_ok(profile_view_html(&c, 1, 20, &out, &err));
    return out;
}

static size_t count_of(const str_buf *text, const char *what) {
    size_t n = 0;
    for (const char *at = str_text(text); (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

static void frames_nest_by_the_scopes_of_names(void **state) {
    (void)state;
    case_profile p = made_up_profile();
    str_buf page = html_of(&p);
    assert_int_equal(count_of(&page, "<rect class=\"frame k"), 5); /* the nodes */
    assert_int_equal(count_of(&page, "<rect class=\"frame scope"),
                     4); /* the run, block.0, its attention, block.1 */
    says(&page, "/block.0: 3 steps");
    says(&page, "attention: 2 steps");
    says(&page, "one run, 1.000 ms");
    says(&page, "0.1000 ms more than the sum of its steps");
    str_free(&page);
}

static void names_cannot_become_markup(void **state) {
    (void)state;
    case_profile p = made_up_profile();
    str_buf page = html_of(&p);
    assert_null(strstr(page.data, "<i>"));
    assert_null(strstr(page.data, "Made<Up>"));
    says(&page, "&lt;i&gt;&amp;&quot;x&quot;");
    str_free(&page);
}

static void odd_names_and_no_time_do_no_harm(void **state) {
    (void)state;
    char deep[400];
    memset(deep, '/', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    engine_profile_row odd[] = {{"", "", NULL, "", 0, 0, 0},
                                {deep, "A", NULL, "", 10, 0, 0},
                                {deep, "A", NULL, "", 10, 0, 0},
                                {"a/", "B", "", "", 10, 1, 1},
                                {"größer/ß/ü", "C", NULL, "", 10, 1, 1},
                                {"größer/ß/ü", "C", NULL, "", 10, 1, 1}};
    case_profile p = {.rows = odd, .row_count = 6, .runs = 1, .run_ms = 0.0};
    p.roof.peak_gflops = p.roof.bandwidth_gb_per_s = p.roof8.peak_gflops = (double)NAN;
    str_buf page = html_of(&p);
    assert_true(str_utf8_valid(page.data, page.length));
    str_free(&page);
    p.row_count = 1; /* which takes no time */
    page = html_of(&p);
    assert_null(strstr(page.data, "<svg"));
    assert_null(strstr(page.data, "nan"));
    str_free(&page);
}

static void memory_that_ends_is_reported(void **state) {
    (void)state;
    case_profile p = made_up_profile();
    record r = made_up("tiny", "native", 0.95);
    profiled_case c = {&r, &p};
    bool done = false;
    for (uint64_t n = 1; n < 2000 && !done; n++) {
        str_buf text = {0}, json = {0}, page = {0};
        uint64_t hits = mem_fault_hits();
        mem_fault_set(n, false);
        accel_status status = profile_view_text(&c, 20, TABLE_TEXT, false, &text, NULL);
        if (status == ACCEL_OK)
            status = profile_view_json(&p, &json, NULL);
        if (status == ACCEL_OK)
            status = profile_view_html(&c, 1, 20, &page, NULL);
        done = mem_fault_hits() == hits;
        mem_fault_set(0, false);
        assert_true(status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY);
        assert_true(status != ACCEL_OK || page.length > 5000); /* only the subject may be missing */
        str_free(&text);
        str_free(&json);
        str_free(&page);
    }
    assert_true(done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_tells_what_was_run_and_the_sums),
        cmocka_unit_test(no_rows_are_listed_when_none_are_wanted),
        cmocka_unit_test(a_missing_profile_has_its_reason),
        cmocka_unit_test(json_holds_every_step),
        cmocka_unit_test(frames_nest_by_the_scopes_of_names),
        cmocka_unit_test(names_cannot_become_markup),
        cmocka_unit_test(odd_names_and_no_time_do_no_harm),
        cmocka_unit_test(memory_that_ends_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
