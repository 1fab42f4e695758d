/* hyperfine --export-json: wall times of whole commands, in seconds. A command is no model, so each is a test; where the user states model and
 * platform of the one command of a file, it is a result of that model, every run a sample. */
#include "import/foreign/foreign.h"

#include <math.h>

static bool matches(yyjson_val *root) {
    yyjson_val *first = yyjson_arr_get_first(value_any(root, "results"));
    return yyjson_is_obj(root) && yyjson_obj_get(first, "command") != NULL &&
           yyjson_obj_get(first, "mean") != NULL && yyjson_obj_get(first, "user") != NULL &&
           yyjson_obj_get(first, "system") != NULL;
}

/* The first exit code that is not 0; RECORD_NONE: all are. null: killed by a signal. */
static int64_t failure_of(yyjson_val *result) {
    size_t i, n;
    yyjson_val *v, *codes = value_any(result, "exit_codes");
    if (!yyjson_is_arr(codes))
        return RECORD_NONE;
    yyjson_arr_foreach(codes, i, n, v) {
        if (yyjson_is_null(v))
            return -1;
        if (yyjson_is_int(v) && yyjson_get_sint(v) != 0)
            return yyjson_get_sint(v);
    }
    return RECORD_NONE;
}

static accel_status add_test(import_context *c, yyjson_val *result, import_rows *rows, accel_error *err) {
    value_reader r = value_reader_of(c, result);
    const char *command = value_take_text(&r, "command");
    double mean = value_take_number(&r, "mean");
    if (command == NULL || !(mean >= 0)) {
        import_note(c, "%.80s: %s", command != NULL ? command : "a result",
                    command == NULL ? "no command is named" : "its mean is no time");
        return ACCEL_OK;
    }
    int64_t code = failure_of(result);
    store_integration *t = import_add_integration(rows);
    t->test_module = "hyperfine";
    t->test_name = command;
    t->status = code == RECORD_NONE ? "pass" : "fail";
    t->error_message = code == RECORD_NONE ? NULL
                       : code < 0          ? "a run was killed by a signal"
                                           : arena_printf(c->arena, "exit code %lld", (long long)code);
    t->execution_time_seconds = mean;
    t->hardware_type = c->stated.hardware;
    t->metadata = value_rest(&r);
    return code == RECORD_NONE || t->error_message != NULL ? ACCEL_OK : error_no_memory(err, "a test", 0);
}

static int64_t largest(yyjson_val *list) {
    size_t i, n;
    yyjson_val *v;
    int64_t most = RECORD_NONE, value;
    if (!yyjson_is_arr(list))
        return RECORD_NONE;
    yyjson_arr_foreach(list, i, n, v) if (value_count(v, &value) && value > most) most = value;
    return most;
}

static accel_status add_record(import_context *c, yyjson_val *result, import_rows *rows, accel_error *err) {
    value_reader r = value_reader_of(c, result);
    record *row = import_add_record(rows);
    (void)foreign_about(c, row);
    row->latency_mean_ms = value_take_number(&r, "mean") * 1e3;
    row->latency_median_ms = value_take_number(&r, "median") * 1e3;
    row->latency_min_ms = value_take_number(&r, "min") * 1e3;
    row->latency_max_ms = value_take_number(&r, "max") * 1e3;
    row->latency_std_ms = value_take_number(&r, "stddev") * 1e3;
    row->peak_rss_bytes = largest(value_any(result, "memory_usage_byte"));
    row->mode = "inference";
    row->scenario = "single-stream";
    row->warnings = "wall time of a whole command: starting the process and loading the model are part of it";
    ACCEL_TRY(foreign_samples(c, value_any(result, "times"), 1e9, row, err));
    if (row->samples_ns_count > 0)
        (void)value_take(&r, "times");
    return foreign_finish(c, row, value_rest(&r), err);
}

static accel_status read(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    yyjson_val *list = value_any(root, "results"), *result;
    size_t i, n = yyjson_arr_size(list);
    bool is_model = c->stated.model != NULL && c->stated.hardware != NULL && n == 1 &&
                    failure_of(yyjson_arr_get_first(list)) == RECORD_NONE;
    if (c->stated.model != NULL && n > 1)
        import_note(c, "--model, which cannot be of %zu commands at once: they are tests", n);
    yyjson_arr_foreach(list, i, n, result)
        ACCEL_TRY(is_model ? add_record(c, result, rows, err) : add_test(c, result, rows, err));
    return ACCEL_OK;
}

const import_shape shape_hyperfine = {"hyperfine", "integration", matches, read};
