#include "import/foreign/foreign.h"

#include <math.h>
#include <string.h>

#include "import/performance.h"
#include "import/times.h"
#include "store/given.h"

bool foreign_about(import_context *c, record *r) {
    if (!value_is_name(r->model_name))
        r->model_name = c->stated.model;
    if (r->platform == NULL)
        r->platform = c->stated.hardware;
    if (r->model_name == NULL)
        import_note(c, "no model is named; say which it was with --model");
    else if (r->platform == NULL)
        import_note(c,
                    "%.60s: it does not say on what it ran, or that has no name here; say it with --hardware",
                    r->model_name);
    return r->model_name != NULL && r->platform != NULL;
}

/* What nobody read, below one name, so that no key of it can be taken for one of ours; and what the file did not say itself. */
static const char *kept(import_context *c, const record *r, const char *rest) {
    str_buf json = {0};
    bool model = r->model_name == c->stated.model, hardware = r->platform == c->stated.hardware;
    str_appendf(&json, "{\"imported\":%s", rest != NULL ? rest : "{}");
    if (model || hardware)
        str_appendf(&json, ",\"stated\":[%s%s%s]", model ? "\"model\"" : "", model && hardware ? "," : "",
                    hardware ? "\"hardware\"" : "");
    str_append_char(&json, '}');
    const char *copy = json.failed ? NULL : arena_strdup(c->arena, json.data);
    str_free(&json);
    return copy;
}

/* Tools write 0 for what they did not measure. */
static void drop_zeros(record *r) {
    double *const positive[] = {&r->latency_mean_ms, &r->latency_median_ms,      &r->latency_min_ms,
                                &r->latency_max_ms,  &r->throughput_items_per_s, &r->tokens_per_s};
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        if (!(*positive[i] > 0))
            *positive[i] = (double)NAN;
    if (r->peak_rss_bytes == 0)
        r->peak_rss_bytes = RECORD_NONE;
}

accel_status foreign_finish(import_context *c, record *r, const char *rest, accel_error *err) {
    drop_zeros(r);
    r->status = case_status_name(CASE_OK);
    if (r->started_at == NULL)
        r->started_at = c->started_at;
    ACCEL_TRY(record_summarize_samples(r, err));
    r->unknown_json = kept(c, r, rest);
    return r->unknown_json != NULL ? performance_set_id(c, r, err) : error_no_memory(err, "a record", 0);
}

int64_t foreign_ns(double value, double ns_per_unit) {
    double ns = value * ns_per_unit;
    return ns > 0 && ns < 0x1p62 ? (int64_t)llround(ns) : RECORD_NONE;
}

accel_status foreign_samples(import_context *c, yyjson_val *list, double ns_per_unit, record *r,
                             accel_error *err) {
    size_t i, n, count = yyjson_arr_size(list);
    yyjson_val *v;
    if (!yyjson_is_arr(list) || count == 0)
        return ACCEL_OK;
    int64_t *samples = ARENA_ARRAY(c->arena, int64_t, count);
    if (samples == NULL)
        return error_no_memory(err, "samples", count * sizeof *samples);
    yyjson_arr_foreach(list, i, n, v) {
        double value = (double)NAN;
        (void)value_number(v, &value);
        samples[i] = foreign_ns(value, ns_per_unit);
        if (samples[i] == RECORD_NONE) {
            import_note(c, "sample %zu of %.60s is no time above 0: the samples were left out", i + 1,
                        r->model_name != NULL ? r->model_name : "a result");
            return ACCEL_OK;
        }
    }
    r->samples_ns = samples;
    r->samples_ns_count = count;
    return ACCEL_OK;
}

const char *foreign_without(import_context *c, yyjson_val *object, const char *without) {
    value_reader r = value_reader_of(c, object);
    value_used(&r, yyjson_obj_get(object, without));
    const char *json = value_rest(&r);
    return json != NULL ? json : "{}";
}

accel_status foreign_document(import_context *c, const str_buf *json, accel_error *err) {
    if (json->failed)
        return error_no_memory(err, "a file's content", json->length);
    ACCEL_TRY(json_parse(str_text(json), json->length, SIZE_MAX, "its content", &c->doc, err));
    c->root = yyjson_doc_get_root(c->doc);
    return times_of_run(c, c->mtime_us, err);
}

accel_status foreign_table(import_context *c, table_format format, accel_error *err) {
    const char *const *rows;
    size_t count;
    str_buf all = {0};
    ACCEL_TRY(table_file_rows(format, c->bytes, c->length, c->arena, &rows, &count, err));
    str_append_char(&all, '[');
    for (size_t i = 0; i < count; i++) {
        str_append(&all, i > 0 ? "," : "");
        str_append(&all, rows[i]);
    }
    str_append_char(&all, ']');
    accel_status status = foreign_document(c, &all, err);
    str_free(&all);
    return status;
}

static bool has_column(const char *line, size_t length, const char *name, size_t name_length) {
    for (size_t at = 0; at + name_length <= length; at++) {
        bool begins = at == 0 || strchr(",;\t\"\xbf", line[at - 1]) != NULL;
        size_t end = at + name_length;
        if (begins && memcmp(line + at, name, name_length) == 0 &&
            (end == length || (line[end] != '\0' && strchr(",;\t\"\r", line[end]) != NULL)))
            return true;
    }
    return false;
}

bool foreign_columns(const char *bytes, size_t length, const char *names) {
    enum { MOST_LINE = 1 << 16 };
    size_t line = 0;
    while (line < length && line < MOST_LINE && bytes[line] != '\n' && bytes[line] != '\0')
        line++;
    for (; *names != '\0'; names += strcspn(names, "|"), names += *names == '|')
        if (!has_column(bytes, line, names, strcspn(names, "|")))
            return false;
    return line > 0 && *bytes != '{' && *bytes != '[';
}
