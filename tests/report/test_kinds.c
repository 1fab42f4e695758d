/* Reports of kinds: every kind in every format, on an empty database and on one with rows of every kind. */
#include "report/kinds_check.h"

#include <math.h>
#include <stdlib.h>
#include <yyjson.h>

#include "base/file.h"
#include "measure/stats.h"
#include "report/kind_derive.h"
#include "report/result_table.h"

#define assert_near(got, expected, limit)                                                                    \
    do {                                                                                                     \
        double assert_got = (got), assert_expected = (expected);                                             \
        if (!(fabs(assert_got - assert_expected) <= (limit)))                                                \
            fail_msg("%s is %.17g, not %.17g", #got, assert_got, assert_expected);                           \
    } while (0)

static const report_scope measured = {0};
static const char *const all_provenances[] = {"measured", "predicted", "imported", "simulated"};
static const report_scope everything = {.provenances = all_provenances, .provenance_count = 4};

static kind_report report_of(const char *kind, const char *path, const report_scope *scope) {
    accel_error err = {0};
    kind_report r;
    assert_ok(kind_report_ask(report_kind_find(kind), path, scope, &r, &err));
    return r;
}

static str_buf written(const kind_report *r, kind_format format) {
    accel_error err = {0};
    str_buf out = {0};
    assert_ok(kind_report_write(r, format, false, &out, &err));
    return out;
}

static const store_result *section_of(const kind_report *r, const char *key) {
    for (size_t s = 0; s < r->kind->section_count; s++)
        if (str_equal(r->kind->sections[s].key, key))
            return r->answers[s];
    fail_msg("%s has no section %s", r->kind->name, key);
    return NULL;
}

/* The figure of the first row where a column has that text. */
static double figure_where(const store_result *answer, const char *column, const char *text,
                           const char *figure) {
    for (size_t row = 0; row < answer->row_count; row++) {
        const store_cell *c = answer_cell(answer, row, column);
        if (c != NULL && str_equal(c->text, text)) {
            const store_cell *value = answer_cell(answer, row, figure);
            return value != NULL ? value->real : NAN;
        }
    }
    fail_msg("no row has %s = %s", column, text);
    return NAN;
}

static bool is_absent(double figure) {
    return isnan(figure) != 0;
}

/* ---- on nothing --------------------------------------------------------------------------------------------------------- */

static void on_an_empty_database_every_report_says_what_to_run(void **state) {
    accel_error err = {0};
    const char *path = temp_path(state, "empty.duckdb");
    assert_ok(store_create(path, false, NULL, &err));
    for (size_t k = 0; k < report_kind_count(); k++) {
        const report_kind *kind = report_kind_at(k);
        kind_report r = report_of(kind->name, path, &measured);
        assert_true(kind_report_is_empty(&r));
        for (int format = KIND_TABLE; format <= KIND_JSON; format++) {
            str_buf text = written(&r, (kind_format)format);
            if (strstr(text.data, kind->to_run[0].command) == NULL)
                fail_msg("%s says not what to run: %s", kind->name, text.data);
            str_free(&text);
        }
        kind_report_free(&r);
    }
}

static void rows_that_are_not_shown_are_offered(void **state) {
    accel_error err = {0};
    const char *path = temp_path(state, "sample.duckdb");
    assert_ok(store_create(path, true, NULL, &err));
    kind_report r = report_of("web_platform", path, &measured);
    assert_true(kind_report_is_empty(&r));
    str_buf advice = {0};
    kind_report_advice(&r, &advice);
    assert_true(str_starts_with(advice.data, "accel report web_platform --provenance simulated\t"));
    str_free(&advice);
    kind_report_free(&r);
    r = report_of("web_platform", path, &everything);
    assert_false(kind_report_is_empty(&r));
    kind_report_free(&r);
}

/* ---- on everything ------------------------------------------------------------------------------------------------------- */

static size_t times(const char *text, const char *part) {
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, part)) != NULL; p += strlen(part))
        count++;
    return count;
}

static void every_section_of_every_kind_has_rows(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    for (size_t k = 0; k < report_kind_count(); k++) {
        kind_report r = report_of(report_kind_at(k)->name, path, &everything);
        for (size_t s = 0; s < r.kind->section_count; s++) {
            const char *key = r.kind->sections[s].key;
            if (str_equal(r.kind->name, "webgpu") && str_equal(key, "native"))
                continue; /* rows that only an engine on WebGPU makes */
            if (r.answers[s]->row_count == 0)
                fail_msg("%s, %s has no row", r.kind->name, key);
        }
        kind_report_free(&r);
    }
}

static void every_column_that_is_shown_is_one_of_the_answer(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    for (size_t k = 0; k < report_kind_count(); k++) {
        kind_report r = report_of(report_kind_at(k)->name, path, &measured);
        for (size_t s = 0; s < r.kind->section_count; s++) {
            const report_section *section = &r.kind->sections[s];
            for (size_t c = 0; c < section->column_count; c++) {
                const report_column *column = &section->columns[c];
                const char *const keys[] = {column->key,  column->half,      column->low,
                                            column->high, column->deviation, column->samples};
                for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
                    if (keys[i] != NULL && result_column(r.answers[s], keys[i]) == SIZE_MAX)
                        fail_msg("%s, %s: the answer has no column %s", r.kind->name, section->key, keys[i]);
            }
            const report_chart *drawn_from = section->chart;
            const char *const drawn[] = {
                drawn_from ? drawn_from->name : NULL,      drawn_from ? drawn_from->more : NULL,
                drawn_from ? drawn_from->series : NULL,    drawn_from ? drawn_from->x : NULL,
                drawn_from ? drawn_from->values[0] : NULL, drawn_from ? drawn_from->half : NULL,
                drawn_from ? drawn_from->low : NULL,       drawn_from ? drawn_from->samples : NULL};
            for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++)
                if (drawn[i] != NULL && result_column(r.answers[s], drawn[i]) == SIZE_MAX)
                    fail_msg("%s, %s: the chart's column %s is not there", r.kind->name, section->key,
                             drawn[i]);
        }
        kind_report_free(&r);
    }
}

static void texts_of_the_database_stay_texts(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    for (size_t k = 0; k < report_kind_count(); k++) {
        kind_report r = report_of(report_kind_at(k)->name, path, &everything);
        for (int format = KIND_TABLE; format <= KIND_CSV; format++) {
            str_buf text = written(&r, (kind_format)format);
            if (format == KIND_HTML || format == KIND_MARKDOWN)
                assert_null(strstr(text.data, "<script>alert"));
            if (format == KIND_MARKDOWN)
                assert_null(strstr(text.data, "\"|"));
            if (format != KIND_CSV)
                assert_null(strchr(text.data, '\033'));
            if (format == KIND_HTML)
                assert_int_equal(times(text.data, "<script>"), 1);
            str_free(&text);
        }
        kind_report_free(&r);
    }
}

static void json_is_json_and_csv_has_as_many_fields_in_every_row(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    for (size_t k = 0; k < report_kind_count(); k++) {
        kind_report r = report_of(report_kind_at(k)->name, path, &everything);
        str_buf text = written(&r, KIND_JSON);
        yyjson_doc *doc = yyjson_read(text.data, text.length, 0);
        assert_non_null(doc);
        yyjson_val *sections = yyjson_obj_get(yyjson_doc_get_root(doc), "sections");
        assert_int_equal(yyjson_arr_size(sections), r.kind->section_count);
        for (size_t s = 0; s < r.kind->section_count; s++)
            assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_arr_get(sections, s), "rows")),
                             r.answers[s]->row_count);
        assert_null(strstr(text.data, "\"_"));
        yyjson_doc_free(doc);
        str_free(&text);
        text = written(&r, KIND_CSV);
        size_t fields = 1, first = 0;
        bool quoted = false;
        for (const char *p = text.data; *p != 0; p++) {
            quoted ^= *p == '"';
            fields += !quoted && *p == ',';
            if (quoted || *p != '\n')
                continue;
            first = first == 0 ? fields : first;
            assert_int_equal(fields, first);
            fields = 1;
        }
        str_free(&text);
        kind_report_free(&r);
    }
}

static void long_texts_are_folded_on_a_page_and_cut_elsewhere(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    kind_report r = report_of("integration", path, &measured);
    str_buf page = written(&r, KIND_HTML), text = written(&r, KIND_TABLE);
    assert_non_null(strstr(page.data, "<details><summary>tttt"));
    assert_non_null(strstr(text.data, "tttt… (5000 bytes)"));
    str_free(&page);
    str_free(&text);
    kind_report_free(&r);
}

/* ---- figures -------------------------------------------------------------------------------------------------------------- */

static void an_improvement_is_computed_from_the_pairs(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    kind_report r = report_of("web_optimizations", path, &measured);
    const store_result *effect = section_of(&r, "effect");
    const size_t pairs = PAIRS;
    const stats_series on = {on_ms, &pairs, 1}, off = {off_ms, &pairs, 1};
    stats_ratio expected;
    stats_ratio_of_means(&on, &off, 0.95, &expected);
    assert_near(figure_where(effect, "model", "tiny", "ratio"), expected.ratio, 1e-12);
    assert_near(figure_where(effect, "model", "tiny", "ratio_low"), expected.low, 1e-12);
    assert_near(figure_where(effect, "model", "tiny", "improvement_percent"), 100 * (1 - expected.ratio),
                1e-9);
    assert_near(figure_where(effect, "model", "tiny", "improvement_low"), 100 * (1 - expected.high), 1e-9);
    assert_near(figure_where(effect, "model", "tiny", "improvement_high"), 100 * (1 - expected.low), 1e-9);
    assert_near(figure_where(effect, "model", "tiny", "pairs"), (double)PAIRS, 0);
    assert_near(figure_where(effect, "model", "tiny", "without_partner"), 1, 0);
    kind_report_free(&r);
}

static void one_pair_has_no_interval_and_says_so(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    kind_report r = report_of("web_optimizations", path, &measured);
    const store_result *effect = section_of(&r, "effect");
    assert_false(is_absent(figure_where(effect, "model", "single", "ratio")));
    assert_true(is_absent(figure_where(effect, "model", "single", "ratio_low")));
    assert_false(is_absent(figure_where(effect, "verdict", "too few pairs: no interval", "pairs")));
    kind_report_free(&r);
}

static void a_mean_has_students_interval(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    stats_summary expected;
    accel_error err = {0};
    kind_report r = report_of("web_platform", path, &measured);
    const store_result *browsers = section_of(&r, "browsers");
    assert_ok(stats_summarize(web_ms, WEB_RUNS, &expected, &err));
    assert_near(figure_where(browsers, "browser", "chromium", "inference_ms"), expected.mean, 1e-12);
    assert_near(figure_where(browsers, "browser", "chromium", "inference_ms_ci95"), expected.ci95, 1e-9);
    assert_near(figure_where(browsers, "browser", "chromium", "runs"), WEB_RUNS + 1, 0);
    assert_near(figure_where(browsers, "browser", "chromium", "succeeded"), WEB_RUNS, 0);
    kind_report_free(&r);
}

static void a_simulation_stands_beside_the_measurement_of_the_same(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    kind_report r = report_of("simulation_vs_real", path, &measured);
    const store_result *pairs = section_of(&r, "pairs"), *alone = section_of(&r, "alone");
    assert_int_equal(pairs->row_count, 1);
    assert_near(figure_where(pairs, "model", "tiny (generated weights)", "ratio"), 6 / 3.05, 1e-9);
    assert_near(figure_where(pairs, "model", "tiny (generated weights)", "simulated_n"), 2, 0);
    assert_near(figure_where(pairs, "model", "tiny (generated weights)", "real_n"), 2, 0);
    assert_int_equal(alone->row_count, 1);
    assert_string_equal(answer_cell(alone, 0, "command")->text, "accel bench alone --on cpu --batch 1");
    kind_report_free(&r);
}

static void only_changes_that_nobody_acknowledged_are_open(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    kind_report r = report_of("summary", path, &measured);
    const store_result *open = section_of(&r, "regressions");
    assert_int_equal(open->row_count, 1);
    assert_string_equal(answer_cell(open, 0, "model")->text, "tiny (generated weights)");
    assert_near(answer_cell(open, 0, "change_low")->real, 1.05, 0);
    kind_report_free(&r);
}

/* ---- what is shown -------------------------------------------------------------------------------------------------------- */

static void what_is_not_measured_is_only_shown_when_asked_for_and_marked(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    kind_report r = report_of("performance", path, &measured);
    assert_int_equal(section_of(&r, "newest")->row_count, 3);
    str_buf page = written(&r, KIND_HTML);
    assert_null(strstr(page.data, "<tr class=\"estimate\">"));
    assert_non_null(strstr(page.data, "4 more are simulated and not shown"));
    str_free(&page);
    kind_report_free(&r);
    r = report_of("performance", path, &everything);
    assert_int_equal(section_of(&r, "newest")->row_count, 5);
    page = written(&r, KIND_HTML);
    assert_int_equal(times(page.data, "<tr class=\"estimate\">"),
                     2 + 4); /* newest, and the history of both */
    str_free(&page);
    kind_report_free(&r);
}

static void filters_are_values_and_never_sql(void **state) {
    const char *path = temp_path(state, "full.duckdb");
    static const char *const names[] = {HOSTILE}, *const attacks[] = {"x') OR true --", "o'brien"};
    const report_scope one = {.models = names, .model_count = 1},
                       none = {.models = attacks, .model_count = 2};
    kind_report r = report_of("performance", path, &one);
    assert_int_equal(section_of(&r, "newest")->row_count, 1);
    kind_report_free(&r);
    r = report_of("performance", path, &none);
    assert_int_equal(section_of(&r, "newest")->row_count, 0);
    kind_report_free(&r);
    const report_scope later = {.since = "2026-01-02"}, never = {.since = "2027-01-01T00:00:00Z"};
    r = report_of("performance", path, &later);
    assert_int_equal(section_of(&r, "newest")->row_count, 3);
    assert_int_equal(section_of(&r, "history")->row_count, 0); /* one result of each series is left */
    kind_report_free(&r);
    r = report_of("performance", path, &never);
    assert_true(kind_report_is_empty(&r));
    kind_report_free(&r);
}

static void what_is_no_date_or_provenance_is_refused(void **state) {
    (void)state;
    accel_error err = {0};
    static const char *const names[] = {"guessed"};
    const report_scope date = {.since = "yesterday"},
                       provenance = {.provenances = names, .provenance_count = 1};
    assert_int_equal(report_scope_check(&date, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("yesterday");
    assert_int_equal(report_scope_check(&provenance, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("guessed");
}

static void a_chart_is_drawn_to_a_file(void **state) {
    const char *path = temp_path(state, "full.duckdb"), *picture = temp_path(state, "chart.svg");
    accel_error err = {0};
    kind_report r = report_of("performance", path, &measured);
    assert_ok(kind_report_draw(&r, picture, &err));
    assert_true(file_exists(picture));
    assert_int_equal(kind_report_draw(&r, temp_path(state, "chart.pdf"), &err), ACCEL_INVALID_ARGUMENT);
    kind_report_free(&r);
    const report_scope never = {.since = "2027-01-01"};
    r = report_of("performance", path, &never);
    assert_int_equal(kind_report_draw(&r, picture, &err), ACCEL_NOT_FOUND);
    kind_report_free(&r);
}

/* All tests read one database. */
static int setup(void **state) {
    int failed = temp_folder_setup(state);
    if (failed == 0)
        kind_database(temp_path(state, "full.duckdb"));
    return failed;
}

/* For tests/cli/test_report.py. */
static int write_database(const char *path) {
    kind_database(path);
    return 0;
}

int main(void) {
    const char *path = getenv("ACCEL_KINDS_DB");
    if (path != NULL)
        return write_database(path);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_an_empty_database_every_report_says_what_to_run),
        cmocka_unit_test(rows_that_are_not_shown_are_offered),
        cmocka_unit_test(every_section_of_every_kind_has_rows),
        cmocka_unit_test(every_column_that_is_shown_is_one_of_the_answer),
        cmocka_unit_test(texts_of_the_database_stay_texts),
        cmocka_unit_test(json_is_json_and_csv_has_as_many_fields_in_every_row),
        cmocka_unit_test(long_texts_are_folded_on_a_page_and_cut_elsewhere),
        cmocka_unit_test(an_improvement_is_computed_from_the_pairs),
        cmocka_unit_test(one_pair_has_no_interval_and_says_so),
        cmocka_unit_test(a_mean_has_students_interval),
        cmocka_unit_test(a_simulation_stands_beside_the_measurement_of_the_same),
        cmocka_unit_test(only_changes_that_nobody_acknowledged_are_open),
        cmocka_unit_test(what_is_not_measured_is_only_shown_when_asked_for_and_marked),
        cmocka_unit_test(filters_are_values_and_never_sql),
        cmocka_unit_test(what_is_no_date_or_provenance_is_refused),
        cmocka_unit_test(a_chart_is_drawn_to_a_file),
    };
    return cmocka_run_group_tests(tests, setup, temp_folder_teardown);
}
