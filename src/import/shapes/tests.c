/* Tests: what ran, how it ended, what it printed. */
#include <string.h>

#include "import/integration.h"
#include "import/performance.h"
#include "import/shapes/shapes.h"
#include "import/simulated.h"

enum { MOST_DEPTH = 6 };

static yyjson_val *get(yyjson_val *object, const char *name) {
    return yyjson_is_obj(object) ? yyjson_obj_get(object, name) : NULL;
}

static yyjson_val *first_member(yyjson_val *v) {
    if (yyjson_is_arr(v))
        return yyjson_arr_get_first(v);
    yyjson_obj_iter it;
    if (!yyjson_obj_iter_init(v, &it))
        return NULL;
    yyjson_val *key = yyjson_obj_iter_next(&it);
    return key != NULL ? yyjson_obj_iter_get_val(key) : NULL;
}

static test_about about_file(import_context *c) {
    return (test_about){.simulated = simulated_around(c, c->root)};
}

/* ---- {test_file, return_code, elapsed_time, stdout, stderr, json_result}, alone or {skill_tests{file{…}}} ------------------------------ */

static bool is_program_run(yyjson_val *v) {
    return value_any(v, "return_code|exit_code|returncode") != NULL &&
           value_any(v, "stdout|stderr|json_result|elapsed_time") != NULL;
}

static bool is_one_test(yyjson_val *root) {
    return is_program_run(root) && get(root, "test_file") != NULL;
}

static accel_status read_one_test(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    test_about about = about_file(c);
    return integration_add(c, &about, root, rows, err);
}

const import_shape shape_one_test = {"test program", "integration", is_one_test, read_one_test};

static bool is_test_programs(yyjson_val *root) {
    yyjson_val *first = first_member(value_any(root, "skill_tests|api_tests|test_files"));
    return is_program_run(first) || status_of(first) != STATUS_NONE;
}

static accel_status read_test_programs(import_context *c, yyjson_val *root, import_rows *rows,
                                       accel_error *err) {
    static const char *const groups[] = {"skill_tests", "api_tests", "test_files"};
    rows->run.command_line = value_text(c, value_any(root, "command"));
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        size_t i, count;
        yyjson_val *key, *value, *tests = get(root, groups[g]);
        if (!yyjson_is_obj(tests))
            continue;
        yyjson_obj_foreach(tests, i, count, key, value) {
            test_about about = about_file(c);
            const char *file = value_text(c, key);
            about.module = about.name = file != NULL ? integration_stem(c, file) : NULL;
            ACCEL_TRY(integration_add(c, &about, value, rows, err));
        }
    }
    return ACCEL_OK;
}

const import_shape shape_test_programs = {"test programs", "integration", is_test_programs,
                                          read_test_programs};

/* ---- {tests{name{exit_code, status}}}, {test_results[…]}, {modules{name:[…]}}, {summary, tests[…]} --------------------------------------- */

static bool is_test(yyjson_val *v) {
    return yyjson_is_obj(v) && status_of(v) != STATUS_NONE && !figures_are_in(v);
}

static bool holds_tests(yyjson_val *v, int depth) {
    size_t i, count;
    yyjson_val *key, *value;
    if (is_test(v))
        return true;
    if (depth == 0 || !yyjson_is_ctn(v))
        return false;
    if (yyjson_is_arr(v))
        return holds_tests(yyjson_arr_get_first(v), depth - 1);
    yyjson_obj_foreach(v, i, count, key, value) if (holds_tests(value, depth - 1)) return true;
    return false;
}

#define TEST_GROUPS "tests|test_results|modules|test_modules|test_suites"

static bool is_test_list(yyjson_val *root) {
    return holds_tests(value_any(root, TEST_GROUPS), 3);
}

static accel_status walk_tests(import_context *c, const test_about *about, yyjson_val *v, int depth,
                               import_rows *rows, accel_error *err) {
    size_t i, count;
    yyjson_val *key, *value;
    if (depth > MOST_DEPTH || !yyjson_is_ctn(v))
        return ACCEL_OK;
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, i, count, value) {
            if (yyjson_is_obj(value) && !is_test(value) &&
                !holds_tests(value, 3)) /* says not how it ended: told */
                ACCEL_TRY(integration_add(c, about, value, rows, err));
            else
                ACCEL_TRY(walk_tests(c, about, value, depth + 1, rows, err));
        }
        return ACCEL_OK;
    }
    if (is_test(v))
        return integration_add(c, about, v, rows, err);
    yyjson_obj_foreach(v, i, count, key, value) {
        test_about inner = *about;
        const char *name = value_text(c, key);
        if (name == NULL)
            continue;
        if (inner.name != NULL) /* a group in a group */
            inner.module =
                inner.module != NULL ? arena_printf(c->arena, "%s/%s", inner.module, inner.name) : inner.name;
        inner.name = integration_stem(c, name);
        if (yyjson_is_ctn(value))
            ACCEL_TRY(walk_tests(c, &inner, value, depth + 1, rows, err));
        else if (status_of_text(json_text(value)) != STATUS_NONE)
            integration_add_plain(
                c, &inner, status_of_text(json_text(value)),
                status_of_text(json_text(value)) == STATUS_PASS ? NULL : value_text(c, value), rows);
    }
    return ACCEL_OK;
}

static accel_status read_test_list(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    static const char *const groups[] = {"tests", "test_results", "modules", "test_modules", "test_suites"};
    rows->run.command_line = value_text(c, value_any(root, "command"));
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        test_about about = about_file(c);
        ACCEL_TRY(walk_tests(c, &about, get(root, groups[g]), 0, rows, err));
    }
    return ACCEL_OK;
}

const import_shape shape_test_list = {"test results", "integration", is_test_list, read_test_list};

/* ---- {summary, model_results{model{status, return_code, platform_status{hardware}}}} ----------------------------------------------------- */

static bool is_model_tests(yyjson_val *root) {
    yyjson_val *first = first_member(get(root, "model_results"));
    return yyjson_is_obj(get(root, "model_results")) && yyjson_is_obj(first) &&
           get(first, "platform_status") != NULL;
}

/* The time of the one example that ran on the platform. */
static double example_seconds(import_context *c, yyjson_val *model, const char *platform) {
    yyjson_val *examples = value_any(get(model, "structured_data"), "examples"), *e;
    size_t i, count;
    if (examples == NULL)
        examples = get(model, "examples");
    if (!yyjson_is_arr(examples))
        return (double)NAN;
    yyjson_arr_foreach(examples, i, count, e) {
        value_reader r = value_reader_of(c, e);
        if (str_equal(value_platform(json_text(get(e, "platform"))), platform))
            return integration_seconds(&r);
    }
    return (double)NAN;
}

static accel_status add_model_tests(import_context *c, const char *model, yyjson_val *v, import_rows *rows,
                                    accel_error *err) {
    yyjson_val *platforms = get(v, "platform_status"), *key, *value;
    size_t i, count;
    test_about about = about_file(c);
    about.model = value_is_name(model) ? model : NULL;
    about.module = about.name = model;
    if (!yyjson_is_obj(platforms) || yyjson_obj_size(platforms) == 0)
        return integration_add(c, &about, v, rows, err);
    yyjson_obj_foreach(platforms, i, count, key, value) {
        test_about one = about;
        const char *name = value_text(c, key), *text = value_text(c, value);
        one.hardware = value_platform(name);
        one.name = name;
        old_status s = yyjson_is_obj(value)    ? status_of(value)
                       : yyjson_is_bool(value) ? (yyjson_get_bool(value) ? STATUS_PASS : STATUS_FAIL)
                                               : status_of_text(text);
        if (s == STATUS_NONE || name == NULL) {
            import_note(c, "%.60s: its outcome on %.40s is not told", model,
                        name != NULL ? name : "a platform");
            continue;
        }
        const char *evidence = simulated_evidence(c, v, one.hardware);
        one.simulated = evidence != NULL ? evidence : one.simulated;
        store_integration *row = integration_add_plain(c, &one, s, s == STATUS_PASS ? NULL : text, rows);
        row->execution_time_seconds =
            one.hardware != NULL ? example_seconds(c, v, one.hardware) : (double)NAN;
        row->metadata = value_json_of(c, v, one.hardware);
    }
    return ACCEL_OK;
}

static accel_status read_model_tests(import_context *c, yyjson_val *root, import_rows *rows,
                                     accel_error *err) {
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(get(root, "model_results"), i, count, key, value) {
        const char *model = value_text(c, key);
        if (model != NULL && yyjson_is_obj(value))
            ACCEL_TRY(add_model_tests(c, model, value, rows, err));
    }
    return ACCEL_OK;
}

const import_shape shape_model_tests = {"model tests", "integration", is_model_tests, read_model_tests};

/* ---- {stats, model_results{model{hardware: bool}}, detailed_results[…]}, alone or by hardware ------------------------------------------------ */

static bool is_functionality(yyjson_val *root) {
    return yyjson_is_obj(root) &&
           (yyjson_is_arr(get(root, "detailed_results")) || get(root, "functionality_verification") != NULL ||
            (get(root, "stats") != NULL && yyjson_is_obj(get(root, "model_results"))));
}

/* Whether a detailed result tells the same pair. */
static bool is_detailed(yyjson_val *details, const char *model, const char *hardware) {
    size_t i, count;
    yyjson_val *d;
    if (!yyjson_is_arr(details))
        return false;
    yyjson_arr_foreach(details, i, count, d) {
        const char *own = value_platform(json_text(value_any(d, "hardware|hardware_type|platform")));
        if (str_equal(json_text(value_any(d, "model|model_name")), model) &&
            (own == NULL || str_equal(own, value_platform(hardware))))
            return true;
    }
    return false;
}

static void add_pairs(import_context *c, const test_about *about, yyjson_val *verification, const char *model,
                      yyjson_val *platforms, import_rows *rows) {
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(platforms, i, count, key, value) {
        test_about one = *about;
        const char *name = value_text(c, key);
        int flag = 0;
        old_status s = status_of_text(json_text(value));
        if (value_flag(value, &flag))
            s = flag ? STATUS_PASS : STATUS_FAIL;
        if (name == NULL || s == STATUS_NONE ||
            is_detailed(get(verification, "detailed_results"), model, name))
            continue;
        one.model = value_is_name(model) ? model : NULL;
        one.hardware = value_platform(name);
        one.name = arena_printf(c->arena, "%s on %s", model, name);
        integration_add_plain(c, &one, s,
                              s == STATUS_PASS ? NULL : "the file says that it failed, and no reason", rows);
    }
}

static accel_status read_verification(import_context *c, const test_about *around, yyjson_val *v,
                                      import_rows *rows, accel_error *err) {
    size_t i, count;
    yyjson_val *key, *value, *details = get(v, "detailed_results"), *models = get(v, "model_results");
    test_about about = *around;
    about.module = "functionality_verification";
    if (yyjson_is_arr(details)) {
        yyjson_arr_foreach(details, i, count, value) ACCEL_TRY(integration_add(c, &about, value, rows, err));
    }
    if (yyjson_is_obj(models)) {
        yyjson_obj_foreach(models, i, count, key, value) {
            const char *model = value_text(c, key);
            if (model != NULL && yyjson_is_obj(value))
                add_pairs(c, &about, v, model, value, rows);
        }
    }
    return ACCEL_OK;
}

/* {family: {status: "error"}}: benchmarks that did not run, of which neither model nor platform is told. */
static accel_status read_failed_benchmarks(import_context *c, const test_about *around,
                                           yyjson_val *benchmarks, import_rows *rows, accel_error *err) {
    size_t i, count;
    yyjson_val *key, *value;
    performance_about subject = performance_about_nothing();
    subject.simulated = around->simulated;
    if (!yyjson_is_obj(benchmarks))
        return ACCEL_OK;
    if (performance_is_below(benchmarks))
        return performance_walk(c, &subject, benchmarks, rows, err);
    yyjson_obj_foreach(benchmarks, i, count, key, value) {
        test_about about = *around;
        about.module = "performance_benchmarks";
        about.name = value_text(c, key);
        if (yyjson_is_obj(value))
            ACCEL_TRY(integration_add(c, &about, value, rows, err));
    }
    return ACCEL_OK;
}

static accel_status read_functionality(import_context *c, yyjson_val *root, import_rows *rows,
                                       accel_error *err) {
    size_t i, count;
    yyjson_val *key, *value, *by_hardware = get(root, "functionality_verification");
    test_about about = about_file(c);
    if (yyjson_is_obj(by_hardware) && get(by_hardware, "detailed_results") == NULL &&
        get(by_hardware, "model_results") == NULL) {
        yyjson_obj_foreach(by_hardware, i, count, key, value) {
            test_about one = about;
            one.hardware = value_platform(json_text(key));
            ACCEL_TRY(read_verification(c, &one, value, rows, err));
        }
    } else if (by_hardware != NULL) {
        ACCEL_TRY(read_verification(c, &about, by_hardware, rows, err));
    }
    ACCEL_TRY(read_verification(c, &about, root, rows, err));
    return read_failed_benchmarks(c, &about, get(root, "performance_benchmarks"), rows, err);
}

const import_shape shape_functionality = {"functionality verification", "integration", is_functionality,
                                          read_functionality};

/* ---- {metadata, results{file{status, execution_time, performance_metrics{platform{…}}}}} ---------------------------------------------------- */

static bool is_test_files(yyjson_val *root) {
    size_t i, count;
    yyjson_val *key, *value, *results = get(root, "results");
    if (!yyjson_is_obj(results))
        return false;
    yyjson_obj_foreach(results, i, count, key,
                       value) if (get(value, "performance_metrics") != NULL ||
                                  (str_ends_with(yyjson_get_str(key), ".py") && is_test(value))) return true;
    return false;
}

/* "bert" of test_hf_bert: how the tool named its tests. */
static const char *model_of_test(const char *stem) {
    const char *name = stem;
    if (str_starts_with(name, "test_"))
        name += strlen("test_");
    if (str_starts_with(name, "hf_"))
        name += strlen("hf_");
    return name != stem && value_is_name(name) ? name : NULL;
}

/* A figure whose unit is not told is not a figure; the test is still a test. */
static accel_status add_metrics(import_context *c, const char *stem, yyjson_val *test, const char *simulated,
                                import_rows *rows, accel_error *err) {
    performance_about about = performance_about_nothing();
    accel_error own = {0};
    size_t before = rows->record_count;
    about.model = model_of_test(stem);
    performance_learn(c, test, &about);
    about.simulated = simulated;
    accel_status status = performance_walk(c, &about, get(test, "performance_metrics"), rows, &own);
    if (status == ACCEL_BAD_FILE) {
        rows->record_count = before;
        import_note(c, "figures of %.60s: %.200s", stem, own.message);
        return ACCEL_OK;
    }
    return status == ACCEL_OK ? ACCEL_OK : error_set(err, status, "%s", own.message);
}

static accel_status read_test_files(import_context *c, yyjson_val *root, import_rows *rows,
                                    accel_error *err) {
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(get(root, "results"), i, count, key, value) {
        test_about about = about_file(c);
        const char *file = value_text(c, key);
        if (file == NULL || !yyjson_is_obj(value))
            continue;
        about.module = about.name = integration_stem(c, file);
        ACCEL_TRY(integration_add(c, &about, value, rows, err));
        const char *evidence = simulated_evidence(c, value, NULL);
        ACCEL_TRY(
            add_metrics(c, about.name, value, evidence != NULL ? evidence : about.simulated, rows, err));
    }
    return ACCEL_OK;
}

const import_shape shape_test_files = {"performance of test files", "performance", is_test_files,
                                       read_test_files};
