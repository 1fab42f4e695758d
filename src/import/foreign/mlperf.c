/* mlperf_log_summary.txt of MLPerf's LoadGen: "name : value" lines under three headings. It names the system under test, but neither model nor platform:
 * the user does. */
#include "import/foreign/foreign.h"

#include <math.h>
#include <string.h>

static const char heading[] = "MLPerf Results Summary";

static bool matches(const char *bytes, size_t length) {
    enum { SEARCHED = 512 };
    size_t most = length < SEARCHED ? length : SEARCHED;
    for (size_t i = 0; i + sizeof heading - 1 <= most; i++)
        if (memcmp(bytes + i, heading, sizeof heading - 1) == 0)
            return true;
    return false;
}

/* ---- lines as a JSON object --------------------------------------------------------------------------------------------- */

static const char *trimmed(const char *from, const char *to, size_t *length) {
    while (from < to && strchr(" \t\r", *from) != NULL && *from != '\0')
        from++;
    while (to > from && strchr(" \t\r", to[-1]) != NULL && to[-1] != '\0')
        to--;
    *length = (size_t)(to - from);
    return from;
}

/* "Mean latency (ns)      : 123": the last colon that a blank or a bracket is before, or the first one. */
static void append_line(const char *line, size_t length, str_buf *json) {
    const char *colon = memchr(line, ':', length);
    if (colon == NULL || *line == '=')
        return;
    size_t name_length, value_length;
    const char *name = trimmed(line, colon, &name_length);
    const char *value = trimmed(colon + 1, line + length, &value_length);
    if (name_length == 0 || value_length == 0 || *name == '*')
        return;
    str_append(json, json->length > 1 ? "," : "");
    str_append_json(json, name, name_length);
    str_append_char(json, ':');
    str_append_json(json, value, value_length);
}

static accel_status lines_as_object(import_context *c, accel_error *err) {
    str_buf json = {0};
    str_append_char(&json, '{');
    for (const char *at = c->bytes, *end = c->bytes + c->length; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop != NULL ? stop : end) - at);
        append_line(at, length, &json);
        at += length + 1;
    }
    str_append_char(&json, '}');
    accel_status status = foreign_document(c, &json, err);
    str_free(&json);
    return status;
}

/* ---- the result ------------------------------------------------------------------------------------------------------------ */

static double number(value_reader *r, const char *names) {
    double value = value_take_number(r, names);
    return value > 0 ? value : (double)NAN;
}

/* Latencies of Offline are waits since all samples were issued at once: no latency of an inference. */
static void set_latencies(value_reader *r, record *row) {
    row->latency_mean_ms = number(r, "Mean latency (ns)") / 1e6;
    row->latency_min_ms = number(r, "Min latency (ns)") / 1e6;
    row->latency_max_ms = number(r, "Max latency (ns)") / 1e6;
    row->latency_median_ms = number(r, "50.00 percentile latency (ns)") / 1e6;
    row->latency_p90_ms = number(r, "90.00 percentile latency (ns)") / 1e6;
    row->latency_p95_ms = number(r, "95.00 percentile latency (ns)") / 1e6;
    row->latency_p99_ms = number(r, "99.00 percentile latency (ns)") / 1e6;
}

static const struct {
    const char *theirs, *ours; /* NULL: has no name here */
} scenarios[] = {{"SingleStream", "single-stream"},
                 {"Single Stream", "single-stream"},
                 {"Offline", "offline"},
                 {"Server", "server"},
                 {"MultiStream", NULL},
                 {"Multi Stream", NULL}};

static accel_status set_scenario(value_reader *r, record *row, accel_error *err) {
    const char *name = value_take_text(r, "Scenario");
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        if (!str_equal(scenarios[i].theirs, name))
            continue;
        row->scenario = scenarios[i].ours;
        row->scenario_details = arena_printf(r->c->arena, "{\"mlperf\":\"%s\"}", scenarios[i].theirs);
        return row->scenario_details != NULL ? ACCEL_OK : error_no_memory(err, "a record", 0);
    }
    return error_set(err, ACCEL_BAD_FILE, "its scenario is %.40s, none that is known here",
                     name != NULL ? name : "missing");
}

static accel_status read(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    (void)root;
    ACCEL_TRY(lines_as_object(c, err));
    value_reader r = value_reader_of(c, c->root);
    const char *mode = json_text(value_any(c->root, "Mode"));
    if (mode == NULL || value_any(c->root, "Result is") == NULL)
        return error_set(err, ACCEL_BAD_FILE, "it is cut off: its mode or its result is missing");
    if (!str_starts_with(mode, "Performance")) {
        c->skip = "a run for accuracy: it holds no figures of performance";
        return ACCEL_OK;
    }
    record about;
    record_init(&about);
    about.provenance = "imported";
    about.is_simulated = 0;
    if (!foreign_about(c, &about))
        return ACCEL_OK;
    ACCEL_TRY(set_scenario(&r, &about, err));
    about.mode = "inference";
    if (!str_equal(about.scenario, "offline"))
        set_latencies(&r, &about);
    about.throughput_items_per_s = number(
        &r,
        "Samples per second|Completed samples per second|Scheduled samples per second|QPS w/o loadgen overhead");
    about.tokens_per_s = number(&r, "Tokens per second|Completed tokens per second");
    if (isnan(about.latency_mean_ms) && isnan(about.throughput_items_per_s)) {
        import_note(c, "it has neither a latency nor a throughput");
        return ACCEL_OK;
    }
    if (!value_is_text(value_any(c->root, "Result is"), "VALID"))
        about.warnings = "LoadGen calls the result INVALID: the run did not meet the rules of its scenario";
    record *row = import_add_record(rows);
    *row = about;
    return foreign_finish(c, row, value_rest(&r), err);
}

const import_text_shape shape_mlperf = {{"mlperf summary", "performance", NULL, read}, matches};
