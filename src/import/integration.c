#include "import/integration.h"

#include <math.h>
#include <string.h>

#include "import/performance.h"
#include "import/simulated.h"

double integration_seconds(value_reader *r) {
    double s = value_take_number(
        r,
        "execution_time_seconds|elapsed_time_seconds|duration_seconds|elapsed_seconds|execution_time|elapsed_time|duration|"
        "elapsed|time_taken|time_seconds");
    if (isnan(s))
        s = value_take_number(r, "execution_time_ms|elapsed_time_ms|duration_ms|elapsed_ms") / 1e3;
    return s >= 0 ? s : (double)NAN;
}

const char *integration_stem(import_context *c, const char *file) {
    const char *name = file;
    for (const char *at = file; *at != '\0'; at++)
        if (*at == '/' || *at == '\\')
            name = at + 1;
    return str_ends_with(name, ".py") ? arena_strndup(c->arena, name, strlen(name) - strlen(".py")) : name;
}

/* The last line that says something: Python's tracebacks end with the error. */
static const char *last_line(import_context *c, const char *text) {
    size_t end = strlen(text), begin;
    while (end > 0 && strchr(" \t\r\n", text[end - 1]) != NULL)
        end--;
    for (begin = end; begin > 0 && text[begin - 1] != '\n';)
        begin--;
    return end > begin ? arena_strndup(c->arena, text + begin, end - begin) : NULL;
}

static const char *error_of(import_context *c, yyjson_val *object, old_status s) {
    const char *error = status_error_text(c, object);
    if (error != NULL || s == STATUS_PASS)
        return error;
    error = value_text(c, value_any(object, "message|reason|details|longrepr"));
    const char *stderr_text = value_text(c, value_any(object, "stderr"));
    if (error == NULL && stderr_text != NULL)
        error = last_line(c, stderr_text);
    const char *status = value_text(c, value_any(object, "status|result|outcome"));
    return error != NULL ? error : status;
}

static const char *traceback_of(import_context *c, yyjson_val *object) {
    const char *own = value_text(c, value_any(object, "traceback|error_traceback|stack_trace|stacktrace"));
    const char *stderr_text = value_text(c, value_any(object, "stderr"));
    if (own == NULL && stderr_text != NULL &&
        strstr(stderr_text, "Traceback (most recent call last)") != NULL)
        own = stderr_text;
    return own;
}

/* tests/test_bert.py::TestBert::test_shapes */
static void split_node(import_context *c, const char *node, test_about *about) {
    const char *first = strstr(node, "::"), *last = first;
    if (first == NULL) {
        about->name = about->name != NULL ? about->name : node;
        return;
    }
    for (const char *at = first; (at = strstr(at, "::")) != NULL; at += 2)
        last = at;
    about->module =
        about->module != NULL ? about->module : arena_strndup(c->arena, node, (size_t)(first - node));
    if (last > first + 2 && about->test_class == NULL)
        about->test_class = arena_strndup(c->arena, first + 2, (size_t)(last - first - 2));
    about->name = last + 2;
}

static void learn(import_context *c, value_reader *r, test_about *about) {
    performance_about subject = performance_about_nothing();
    const char *module =
        value_take_name(r, "test_module|module|suite|test_suite|test_file|file|filename|classname");
    const char *name = value_take_name(r, "test_name|name|nodeid|test_id|test|id|title");
    const char *of_class = value_take_name(r, "test_class|class|class_name");
    about->module = module != NULL ? integration_stem(c, module) : about->module;
    about->test_class = of_class != NULL ? of_class : about->test_class;
    if (name != NULL) {
        about->name = NULL;
        split_node(c, name, about);
    }
    performance_learn(c, r->object, &subject);
    about->model = subject.model != NULL ? subject.model : about->model;
    about->family = subject.family != NULL ? subject.family : about->family;
    about->hardware = subject.hardware != NULL ? subject.hardware : about->hardware;
}

/* The model and platform that it was tried on name a test that has no name of its own. */
static const char *name_of(import_context *c, const test_about *a) {
    if (a->name != NULL)
        return a->name;
    if (a->model != NULL && a->hardware != NULL)
        return arena_printf(c->arena, "%s on %s", a->model, a->hardware);
    return a->model != NULL ? a->model : a->hardware != NULL ? a->hardware : a->module;
}

store_integration *integration_add_plain(import_context *c, const test_about *about, old_status status,
                                         const char *error, import_rows *rows) {
    store_integration *row = import_add_integration(rows);
    row->test_name = name_of(c, about);
    row->test_module = about->module != NULL ? about->module : row->test_name;
    row->test_class = about->test_class;
    row->model_name = about->model;
    row->model_family = about->model != NULL ? about->family : NULL;
    row->hardware_type = about->hardware;
    row->status = status_for_integration(status);
    row->error_message = error;
    SIMULATED_MARK(row, about->simulated);
    return row;
}

static accel_status check(yyjson_val *object, old_status s, const char *name, accel_error *err) {
    double code;
    int flag;
    bool passed = s == STATUS_PASS;
    if (passed && value_number(value_any(object, "return_code|exit_code|returncode"), &code) && code != 0)
        return error_set(err, ACCEL_BAD_FILE, "%s contradicts itself: it passed, and ended with the code %g",
                         name, code);
    if (s != STATUS_SKIP && value_flag(value_any(object, "success|passed"), &flag) && passed != (flag != 0))
        return error_set(err, ACCEL_BAD_FILE, "%s contradicts itself: its status and its success differ",
                         name);
    return ACCEL_OK;
}

static const char *any_text(import_context *c, yyjson_val *v) {
    return v == NULL ? NULL : yyjson_is_str(v) ? value_text(c, v) : value_json(c, v);
}

static void add_assertions(import_context *c, yyjson_val *list, size_t parent, import_rows *rows) {
    size_t i, count;
    yyjson_val *a;
    if (!yyjson_is_arr(list))
        return;
    yyjson_arr_foreach(list, i, count, a) {
        int passed = RECORD_UNKNOWN_BOOL;
        const char *name = value_text(c, value_any(a, "assertion_name|name|assertion|description"));
        old_status s = status_of(a);
        if (!value_flag(value_any(a, "passed|success"), &passed) && s != STATUS_NONE)
            passed = s == STATUS_PASS;
        if (name == NULL || passed < 0)
            continue; /* what it says stays in the row's metadata */
        store_assertion *row = import_add_assertion(rows);
        row->parent = (int64_t)parent;
        row->assertion_name = name;
        row->passed = passed;
        row->expected_value = any_text(c, value_any(a, "expected_value|expected"));
        row->actual_value = any_text(c, value_any(a, "actual_value|actual"));
        row->message = any_text(c, value_any(a, "message|error"));
    }
}

accel_status integration_add(import_context *c, const test_about *around, yyjson_val *object,
                             import_rows *rows, accel_error *err) {
    test_about about = *around;
    value_reader r = value_reader_of(c, object);
    learn(c, &r, &about);
    old_status s = status_of(object);
    const char *name = name_of(c, &about), *error = error_of(c, object, s);
    if (name == NULL || s == STATUS_NONE) {
        import_note(c, "%.80s: %s", name != NULL ? name : "a test",
                    name != NULL ? "it says not how it ended" : "it has no name");
        return ACCEL_OK;
    }
    ACCEL_TRY(check(object, s, name, err));
    const char *evidence = simulated_evidence(c, object, about.hardware);
    about.simulated = evidence != NULL ? evidence : about.simulated;
    store_integration *row = integration_add_plain(c, &about, s, error, rows);
    row->execution_time_seconds = integration_seconds(&r);
    row->error_traceback = s == STATUS_PASS ? NULL : traceback_of(c, object);
    row->metadata = value_rest(&r);
    if (rows->integration_count > 0)
        add_assertions(c, yyjson_obj_get(object, "assertions"), rows->integration_count - 1, rows);
    return ACCEL_OK;
}
