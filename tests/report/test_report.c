/* The table of results and the page, from made-up records. */
#include "report/groups.h"
#include "report/report_check.h"

#include <math.h>

#include "base/file.h"
#include "base/mem.h"

static const char *table_text_of(const record *records, size_t count, table_format format) {
    static char text[16384];
    str_buf out = {0};
    accel_error err = {0};
    table *t = report_table(records, count);
    assert_non_null(t);
    assert_ok(table_print(t, format, false, &out, &err));
    snprintf(text, sizeof text, "%s", str_text(&out));
    str_free(&out);
    table_destroy(t);
    return text;
}

static str_buf page_of(const record *records, size_t count) {
    str_buf out = {0};
    accel_error err = {0};
    report_options options = {.database = "made-up.duckdb"};
    assert_ok(report_html(records, count, &options, &out, &err));
    return out;
}

static size_t times(const char *text, const char *part) {
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, part)) != NULL; p += strlen(part))
        count++;
    return count;
}

static void records_that_differ_in_the_engine_form_a_group(void **state) {
    (void)state;
    record r[] = {made_up("a", "native", 3), made_up("b", "native", 1), made_up("a", "onnxruntime", 2),
                  made_up("a", "openvino", 4)};
    record_groups g;
    accel_error err = {0};
    assert_ok(record_groups_make(r, 4, &g, &err));
    assert_int_equal(g.group_count, 2);
    assert_ptr_equal(g.rows[0], &r[2]); /* fastest first */
    assert_ptr_equal(g.rows[1], &r[0]);
    assert_ptr_equal(g.rows[2], &r[3]);
    assert_ptr_equal(record_groups_best(&g, 0), &r[2]);
    record_groups_free(&g);
}

static void each_part_of_the_subject_makes_a_group(void **state) {
    (void)state;
    record r[9];
    for (size_t i = 0; i < 9; i++)
        r[i] = made_up("a", "native", 1);
    r[1].batch = 8;
    r[2].sequence = 32;
    r[3].precision_asked = "bf16";
    r[4].threads = 1;
    r[5].mode = "training";
    r[6].scenario = "offline";
    r[7].model_sha256 = "0000b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    r[8].model_source = "generated";
    record_groups g;
    accel_error err = {0};
    assert_ok(record_groups_make(r, 9, &g, &err));
    assert_int_equal(g.group_count, 9);
    record_groups_free(&g);
}

static void each_browser_is_a_column_of_the_matrix(void **state) {
    (void)state;
    static const char *const browsers[] = {"chromium", "firefox"};
    record r[2];
    accel_error err = {0};
    str_buf out = {0};
    for (size_t i = 0; i < 2; i++) {
        r[i] = made_up("a", "browser", (double)i + 3);
        r[i].platform = "wasm";
        r[i].device_id = browsers[i];
    }
    table *t = report_matrix(r, 2);
    assert_ok(table_print(t, TABLE_CSV, false, &out, &err));
    assert_string_equal(str_text(&out), "model,browser wasm chromium,browser wasm firefox\na,3,4\n");
    table_destroy(t);
    str_free(&out);
}

/* A case that failed before the model was hashed stands with its siblings, in whatever order they came. */
static void a_failure_without_a_hash_joins_its_group(void **state) {
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        record r[4];
        for (size_t i = 0; i < 4; i++) {
            static const char *const engines[] = {"native", "onnxruntime", "openvino"};
            r[(i + shift) % 4] = i < 3 ? made_up("a", engines[i], (double)i + 1)
                                       : made_up_failure("a", "webgpu", "absent", "no adapter");
            if (i == 3)
                r[(i + shift) % 4].model_sha256 = NULL;
        }
        record_groups g;
        accel_error err = {0};
        assert_ok(record_groups_make(r, 4, &g, &err));
        assert_int_equal(g.group_count, 1);
        record_groups_free(&g);
    }
}

static void wrong_and_failed_rows_are_never_the_best(void **state) {
    (void)state;
    record r[] = {made_up("a", "native", 1), made_up("a", "onnxruntime", 2),
                  made_up_failure("a", "openvino", "unsupported", "no kernel for Foo")};
    r[0].verified = 0;
    const char *text = table_text_of(r, 3, TABLE_TEXT);
    assert_non_null(strstr(text, "2.000 ± 0.040*"));
    assert_null(strstr(text, "1.000 ± 0.020*"));
    assert_non_null(strstr(text, "unsupported"));
    assert_non_null(strstr(text, "no kernel for Foo"));
    assert_non_null(strstr(text, "WRONG"));
}

static void generated_weights_and_provenance_are_always_shown(void **state) {
    (void)state;
    record r[] = {made_up("a", "native", 1), made_up("a", "onnxruntime", 2)};
    r[0].model_source = r[1].model_source = "generated";
    const char *text = table_text_of(r, 2, TABLE_TEXT);
    assert_int_equal(times(text, "generated"), 2);
    assert_int_equal(times(text, "simulated"), 2);
    str_buf page = page_of(r, 2);
    assert_non_null(strstr(page.data, "a (generated weights)"));
    assert_non_null(strstr(page.data, "2 of 2 results are simulated"));
    str_free(&page);
}

static void measured_figures_come_before_others(void **state) {
    (void)state;
    record r[] = {made_up("a", "native", 1), made_up("a", "onnxruntime", 2), made_up("a", "openvino", 4)};
    r[1].provenance = r[2].provenance = "measured"; /* for the test's sake */
    record_groups g;
    accel_error err = {0};
    assert_ok(record_groups_make(r, 3, &g, &err));
    assert_ptr_equal(record_groups_best(&g, 0), &r[1]);
    assert_ptr_equal(record_groups_second(&g, 0, &r[1]), &r[2]);
    record_groups_free(&g);
    str_buf page = page_of(r, 3);
    assert_non_null(
        strstr(page.data, "onnxruntime is fastest with 2.000 ms, 2.00 times as fast as openvino."));
    assert_non_null(strstr(page.data, "1.000 ms · simulated"));
    str_free(&page);
    page = page_of(r, 1);
    assert_non_null(strstr(page.data, "native takes 1.000 ms (simulated, not measured)."));
    str_free(&page);
}

static void offline_runs_are_judged_by_throughput(void **state) {
    (void)state;
    record r[] = {made_up("a", "native", 10), made_up("a", "onnxruntime", 20)};
    r[0].scenario = r[1].scenario = "offline";
    r[1].throughput_items_per_s = 500; /* more latency, more items */
    record_groups g;
    accel_error err = {0};
    assert_ok(record_groups_make(r, 2, &g, &err));
    assert_ptr_equal(record_groups_best(&g, 0), &r[1]);
    record_groups_free(&g);
}

static void warnings_are_said_once(void **state) {
    (void)state;
    record r[] = {made_up("a", "native", 1), made_up("a", "onnxruntime", 2)};
    str_buf out = {0};
    r[0].warnings = "the machine was busy\nclock fell";
    r[1].warnings = "the machine was busy";
    report_notes(r, 2, &out);
    assert_int_equal(times(str_text(&out), "the machine was busy"), 1);
    assert_int_equal(times(str_text(&out), "clock fell"), 1);
    assert_non_null(strstr(str_text(&out), "2 of 2"));
    str_free(&out);
}

static void names_cannot_become_markup(void **state) {
    (void)state;
    record r[] = {made_up("<script>alert(1)</script>", "native", 1),
                  made_up("<script>alert(1)</script>", "\"><img", 2),
                  made_up_failure("<script>alert(1)</script>", "openvino", "error", "<b>&\"'</b>")};
    r[0].warnings = "<script>w</script>";
    r[0].command_line = "accel <script>";
    r[0].machine_cpu = "<script>";
    r[0].verification_reference = "<script>";
    str_buf page = page_of(r, 3);
    assert_null(strstr(page.data, "<script"));
    assert_null(strstr(page.data, "<img"));
    assert_null(strstr(page.data, "<b>&"));
    assert_non_null(strstr(page.data, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    str_free(&page);
}

static void the_page_needs_no_network(void **state) {
    (void)state;
    record r[] = {made_up("a", "native", 1), made_up("a", "onnxruntime", 2)};
    str_buf page = page_of(r, 2);
    static const char *const forbidden[] = {"http:", "https:", "src=", "href=", "@import", "url("};
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        if (strstr(page.data, forbidden[i]) != NULL)
            fail_msg("the page holds %s", forbidden[i]);
    }
    str_free(&page);
}

static void absent_figures_are_dashes_never_zeros(void **state) {
    (void)state;
    record r = made_up_failure("a", "native", "crashed", "signal 11");
    r.load_ns = r.compile_ns = r.first_ns = r.peak_rss_bytes = RECORD_NONE;
    str_buf page = page_of(&r, 1);
    assert_null(strstr(page.data, ">nan"));
    assert_null(strstr(page.data, "<svg"));
    assert_non_null(strstr(page.data, "signal 11"));
    assert_null(strstr(page.data, ">0.000<"));
    str_free(&page);
}

static void no_records_make_a_page_that_says_so(void **state) {
    (void)state;
    str_buf page = page_of(NULL, 0);
    assert_non_null(strstr(page.data, "no results"));
    str_free(&page);
}

static void memory_that_ends_is_reported(void **state) {
    (void)state;
    record r[] = {made_up("a", "native", 1), made_up("a", "onnxruntime", 2),
                  made_up_failure("a", "openvino", "unsupported", "no kernel for Foo")};
    report_options options = {0};
    str_buf whole = page_of(r, 3);
    r[0].warnings = "one\ntwo";
    bool done = false;
    for (uint64_t n = 1; n < 2000 && !done; n++) {
        str_buf out = {0};
        uint64_t hits = mem_fault_hits();
        mem_fault_set(n, false);
        accel_status status = report_html(r, 3, &options, &out, NULL);
        done = mem_fault_hits() == hits;
        mem_fault_set(0, false);
        assert_true(status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY);
        assert_true(status != ACCEL_OK || out.length > whole.length / 2);
        str_free(&out);
    }
    assert_true(done);
    str_free(&whole);
}

/* For a look at it, and for test_page.py: ACCEL_REPORT_PAGE=FILE writes a page with all kinds of rows. */
static void a_page_with_all_kinds_of_rows(void **state) {
    (void)state;
    const char *path = getenv("ACCEL_REPORT_PAGE");
    if (path == NULL)
        skip();
    record r[] = {
        made_up("all-MiniLM-L6-v2", "native", 9.412),
        made_up("all-MiniLM-L6-v2", "onnxruntime", 8.731),
        made_up("all-MiniLM-L6-v2", "openvino", 10.05),
        made_up_failure("all-MiniLM-L6-v2", "webgpu", "absent",
                        "no adapter was found: looked for Vulkan drivers in two folders"),
        made_up("resnet50", "native", 61.2),
        made_up("resnet50", "onnxruntime", 48.9),
        made_up("resnet50", "openvino", 55.1),
        made_up("resnet50", "browser", 171.9),
        made_up_failure("resnet50", "webgpu", "unsupported",
                        "BatchNormalization with training_mode at node 7"),
        made_up("a-model-with-a-rather-long-name-that-goes-on-and-on-for-a-while-1.7b-instruct", "native",
                1834.2),
        made_up("a-model-with-a-rather-long-name-that-goes-on-and-on-for-a-while-1.7b-instruct",
                "an-engine-with-a-long-name", 2104.4),
    };
    size_t count = sizeof r / sizeof *r;
    for (size_t i = 4; i < 9; i++) {
        r[i].model_source = "generated";
        r[i].batch = 8;
        r[i].sequence = RECORD_NONE;
    }
    r[4].latency_ci95_ms = 6;
    r[6].verified = 0;
    r[6].relative_l2 = 0.2;
    r[7].platform = "wasm";
    r[7].verified = RECORD_UNKNOWN_BOOL;
    r[10].platform = "cuda";
    r[1].provenance = r[2].provenance = r[4].provenance =
        "measured"; /* only to see the style; the page says so in its title */
    r[0].warnings = "the machine was busy: 0.7 cores of foreign load before the case";
    engine_profile_row nodes[] = {
        {"/first/MatMul", "MatMul", "Relu", "gemm", 7000000, 8e8, 4e6},
        {"/first/<odd> & \"quoted\"", "Softmax", NULL, "softmax", 2000000, 1e5, 9e6}};
    case_profile profile = {.rows = nodes, .row_count = 2, .runs = 30, .run_ms = 9.5, .threads = 2};
    profile.roof = (roofline){PRECISION_FP32, 2, 250, 40, 134e6};
    profile.roof8.peak_gflops = (double)NAN;
    profiled_case profiles[] = {{&r[0], &profile}};
    str_buf page = {0};
    accel_error err = {0};
    report_options options = {.title = "Made-up records for a test",
                              .database = "made-up.duckdb",
                              .profiles = profiles,
                              .profile_count = 1,
                              .profile_rows = 20};
    assert_ok(report_html(r, count, &options, &page, &err));
    assert_ok(file_replace(path, page.data, page.length, &err));
    str_free(&page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_that_differ_in_the_engine_form_a_group),
        cmocka_unit_test(each_part_of_the_subject_makes_a_group),
        cmocka_unit_test(each_browser_is_a_column_of_the_matrix),
        cmocka_unit_test(a_failure_without_a_hash_joins_its_group),
        cmocka_unit_test(wrong_and_failed_rows_are_never_the_best),
        cmocka_unit_test(generated_weights_and_provenance_are_always_shown),
        cmocka_unit_test(measured_figures_come_before_others),
        cmocka_unit_test(offline_runs_are_judged_by_throughput),
        cmocka_unit_test(warnings_are_said_once),
        cmocka_unit_test(names_cannot_become_markup),
        cmocka_unit_test(the_page_needs_no_network),
        cmocka_unit_test(absent_figures_are_dashes_never_zeros),
        cmocka_unit_test(no_records_make_a_page_that_says_so),
        cmocka_unit_test(memory_that_ends_is_reported),
        cmocka_unit_test(a_page_with_all_kinds_of_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
