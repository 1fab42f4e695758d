/* onnxruntime_perf_test: its result file, one "model,seconds,peak bytes,CPU %,run" a line without a header, with statistics after a blank line
 * (-s). The file does not say which execution provider ran: the user does. Profiles of ONNX Runtime (and any other trace) are no results. */
#include "import/foreign/foreign.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 5, MOST_LINE = 4096 };

typedef struct perf_line {
    const char *model;
    size_t model_length;
    double seconds;
    int64_t peak_bytes, cpu_percent, run;
} perf_line;

/* The last four fields are numbers; whatever is before them is the model's name, which may hold commas. */
static bool read_line(const char *line, size_t length, perf_line *out) {
    char text[MOST_LINE];
    const char *fields[COLUMNS - 1];
    while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == ' '))
        length--;
    if (length == 0 || length >= sizeof text || memchr(line, '\0', length) != NULL)
        return false;
    memcpy(text, line, length);
    text[length] = '\0';
    for (int i = COLUMNS - 2; i >= 0; i--) {
        char *comma = strrchr(text, ',');
        if (comma == NULL)
            return false;
        *comma = '\0';
        fields[i] = comma + 1;
    }
    out->model = line;
    out->model_length = strlen(text);
    return out->model_length > 0 && str_to_f64(fields[0], &out->seconds) &&
           str_to_i64(fields[1], &out->peak_bytes) && str_to_i64(fields[2], &out->cpu_percent) &&
           str_to_i64(fields[3], &out->run);
}

/* The next line; false at the end. */
static bool next_line(const char **at, const char *end, const char **line, size_t *length) {
    if (*at >= end)
        return false;
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    *line = *at;
    *length = (size_t)((stop != NULL ? stop : end) - *at);
    *at = stop != NULL ? stop + 1 : end;
    return true;
}

static bool matches(const char *bytes, size_t length) {
    const char *at = bytes, *line;
    size_t line_length;
    perf_line p;
    return next_line(&at, bytes + length, &line, &line_length) && read_line(line, line_length, &p) &&
           p.run == 0;
}

/* What follows the runs: "P50 Latency: 0.0021 s", "Min Latency is 0.002sec". */
static bool is_statistic(const char *line, size_t length) {
    static const char word[] = " Latency";
    for (size_t i = 0; i + sizeof word <= length; i++)
        if (memcmp(line + i, word, sizeof word - 1) == 0)
            return true;
    return false;
}

typedef struct series {
    import_context *c;
    import_rows *rows;
    const perf_line *first;
    int64_t *samples;
    size_t count;
} series;

/* Runs are appended to a file that is there, so that it may hold several sessions: each begins with run 0. */
static accel_status finish_series(series *s, accel_error *err) {
    import_context *c = s->c;
    if (s->count == 0)
        return ACCEL_OK;
    record r;
    record_init(&r);
    r.provenance = "imported";
    r.is_simulated = 0;
    r.model_name = arena_strndup(c->arena, s->first->model, s->first->model_length);
    const char *rest =
        arena_printf(c->arena, "{\"average_cpu_percent\":%lld}", (long long)s->first->cpu_percent);
    if (r.model_name == NULL || rest == NULL)
        return error_no_memory(err, "a record", 0);
    if (!str_utf8_valid(r.model_name, s->first->model_length))
        return error_set(err, ACCEL_BAD_FILE, "a model's name is not UTF-8");
    r.engine_name = "onnxruntime";
    r.mode = "inference";
    r.scenario = "single-stream";
    r.samples_ns = s->samples;
    r.samples_ns_count = s->count;
    r.peak_rss_bytes = s->first->peak_bytes > 0 ? s->first->peak_bytes : RECORD_NONE;
    s->samples += s->count; /* the next series goes on behind */
    s->count = 0;
    if (!foreign_about(c, &r))
        return ACCEL_OK;
    ACCEL_TRY(foreign_finish(c, &r, rest, err));
    *import_add_record(s->rows) = r;
    return ACCEL_OK;
}

static size_t count_lines(const char *bytes, size_t length) {
    size_t lines = 1;
    for (size_t i = 0; i < length; i++)
        lines += bytes[i] == '\n';
    return lines;
}

static accel_status read(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    (void)root;
    const char *at = c->bytes, *line;
    size_t length, number = 0;
    perf_line first = {0}, p;
    size_t most = count_lines(c->bytes, c->length);
    series s = {.c = c, .rows = rows, .first = &first, .samples = ARENA_ARRAY(c->arena, int64_t, most)};
    if (s.samples == NULL)
        return error_no_memory(err, "samples", most * sizeof *s.samples);
    while (next_line(&at, c->bytes + c->length, &line, &length)) {
        number++;
        if (length == 0 || (length == 1 && *line == '\r') || is_statistic(line, length))
            continue;
        if (!read_line(line, length, &p))
            return error_set(err, ACCEL_BAD_FILE,
                             "line %zu is no run of onnxruntime_perf_test: model,seconds,bytes,percent,run",
                             number);
        if (p.run == 0) {
            ACCEL_TRY(finish_series(&s, err));
            first = p;
        }
        if (p.run != (int64_t)s.count)
            return error_set(err, ACCEL_BAD_FILE,
                             "line %zu is run %lld where run %zu was to follow: lines are missing", number,
                             (long long)p.run, s.count);
        int64_t ns = foreign_ns(p.seconds, 1e9);
        if (ns == RECORD_NONE)
            return error_set(err, ACCEL_BAD_FILE, "line %zu: its time is no time above 0", number);
        s.samples[s.count++] = ns;
    }
    return finish_series(&s, err);
}

const import_text_shape shape_perf_test = {{"onnxruntime_perf_test", "performance", NULL, read}, matches};

/* ---- profiles ------------------------------------------------------------------------------------------------------------ */

static bool is_event(yyjson_val *v) {
    return yyjson_is_obj(v) && yyjson_obj_get(v, "ph") != NULL && yyjson_obj_get(v, "ts") != NULL &&
           yyjson_obj_get(v, "pid") != NULL;
}

static bool is_trace(yyjson_val *root) {
    return is_event(yyjson_arr_get_first(yyjson_is_arr(root) ? root : value_any(root, "traceEvents")));
}

static accel_status skip_trace(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    (void)root;
    (void)rows;
    (void)err;
    c->skip = "a profile (trace events): times of operators while being profiled, no result of the model";
    return ACCEL_OK;
}

const import_shape shape_chrome_trace = {"trace", NULL, is_trace, skip_trace};
