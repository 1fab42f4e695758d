/* A stated performance result: columns of performance_results and of what it refers to, or members of a record. */
#include "store/given_record.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engines/engine.h"
#include "measure/stats.h"
#include "store/given_value.h"

/* Columns that the record calls otherwise; scale: how many of the record's unit one of the column's is. */
static const struct alias {
    const char *column, *path;
    double scale;
} aliases[] = {
    {"model_name", "model.name", 1},
    {"model_source", "model.source", 1},
    {"model_family", "model.family", 1},
    {"model_modality", "model.modality", 1},
    {"modality", "model.modality", 1},
    {"model_version", "model.sha256", 1},
    {"parameters_million", "model.parameters", 1e6},
    {"hardware_type", "platform", 1},
    {"device_name", "device.name", 1},
    {"driver_version", "device.driver", 1},
    {"batch_size", "batch", 1},
    {"sequence_length", "sequence", 1},
    {"engine", "engine.name", 1},
    {"engine_version", "engine.version", 1},
    {"error_message", "error", 1},
    {"warmup_iterations", "warmup_count", 1},
    {"average_latency_ms", "latency_ms.mean", 1},
    {"median_latency_ms", "latency_ms.median", 1},
    {"p90_latency_ms", "latency_ms.p90", 1},
    {"p99_latency_ms", "latency_ms.p99", 1},
    {"ci95_latency_ms", "latency_ms.ci95", 1},
    {"throughput_items_per_second", "throughput_items_per_s", 1},
    {"tokens_per_second", "tokens_per_s", 1},
    {"memory_peak_mb", "memory.peak_rss_bytes", 1e6},
    {"load_ms", "load_ns", 1e6},
    {"compile_ms", "compile_ns", 1e6},
    {"first_ms", "first_ns", 1e6},
    {"verified", "verification.pass", 1},
    {"reference", "verification.reference", 1},
    {"relative_l2", "verification.relative_l2", 1},
};

bool given_is_internal(const char *name) {
    static const char *const names[] = {
        "result_id",      "run_id",     "model_id",       "hardware_id",      "identity_id", "natural_key",
        "content_key",    "created_at", "test_result_id", "compatibility_id", "run_uuid",    "test_case",
        "schema_version", "id"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_equal(name, names[i]))
            return true;
    return false;
}

static const record_field *field_of(const char *path) {
    for (size_t i = 0; i < record_field_count; i++)
        if (str_equal(record_fields[i].path, path))
            return &record_fields[i];
    return NULL;
}

static const record_field *find(const char *name, yyjson_val *v, double *scale) {
    *scale = 1;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (str_equal(aliases[i].column, name) && !yyjson_is_obj(v)) {
            *scale = aliases[i].scale;
            return field_of(aliases[i].path);
        }
    return field_of(name);
}

/* Whether the record has members below that name. */
static bool is_group(const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < record_field_count; i++)
        if (str_starts_with(record_fields[i].path, name) && record_fields[i].path[length] == '.')
            return true;
    return false;
}

enum { MOST_FIELDS = 256, MOST_PATH_BYTES = 64 };

typedef struct reading {
    const given_defaults *defaults;
    arena *arena;
    record *out;
    bool seen[MOST_FIELDS];
    given_rest rest;
    const char *precision; /* the column: what was asked and what ran in one */
    double total_s;        /* the column total_time_seconds, which samples tell by themselves */
    accel_error *err;
} reading;

static accel_status read_field(reading *in, const char *name, const record_field *f, double scale,
                               yyjson_val *v) {
    size_t index = (size_t)(f - record_fields);
    if (given_is_absent(v, in->defaults))
        return ACCEL_OK;
    if (in->seen[index])
        return error_set(in->err, ACCEL_BAD_FILE, "%.60s is stated twice (it is %s of a record)", name,
                         f->path);
    in->seen[index] = true;
    return given_value(f->kind, name, v, scale, in->defaults, in->arena, (char *)in->out + f->offset,
                       (size_t *)(void *)((char *)in->out + f->count_offset), in->err);
}

static accel_status read_members(reading *in, yyjson_val *object, const char *group);

/* Members of a group that nobody knows stay in their group. */
static accel_status read_group(reading *in, const char *group, yyjson_val *object) {
    given_rest outer = in->rest;
    const char *inner;
    in->rest = (given_rest){0};
    accel_status status = read_members(in, object, group);
    accel_status finished = given_rest_finish(&in->rest, in->arena, &inner, in->err);
    in->rest = outer;
    if (inner != NULL)
        given_keep_text(&in->rest, group, inner);
    return status == ACCEL_OK ? finished : status;
}

static accel_status read_member(reading *in, const char *group, const char *key, yyjson_val *v) {
    char path[MOST_PATH_BYTES];
    double scale;
    int length = str_format(path, sizeof path, "%s%s%s", group, *group != '\0' ? "." : "", key);
    const record_field *f = (size_t)length >= sizeof path ? NULL : find(path, v, &scale);
    if (f != NULL)
        return read_field(in, path, f, scale, v);
    if (*group == '\0' && is_group(key) && yyjson_is_obj(v))
        return read_group(in, key, v);
    if (*group == '\0' && str_equal(key, "precision"))
        return given_value(RECORD_TEXT, key, v, 1, in->defaults, in->arena, &in->precision, NULL, in->err);
    if (*group == '\0' && str_equal(key, "total_time_seconds"))
        return given_value(RECORD_REAL, key, v, 1, in->defaults, in->arena, &in->total_s, NULL, in->err);
    if (*group == '\0' && (given_is_internal(key) || str_equal(key, "metrics") || str_equal(key, "run") ||
                           str_equal(key, "git_branch")))
        return ACCEL_OK;
    if (!yyjson_is_null(v))
        given_keep(&in->rest, key, v);
    return ACCEL_OK;
}

static accel_status read_members(reading *in, yyjson_val *object, const char *group) {
    size_t i, count;
    yyjson_val *key, *v;
    yyjson_obj_foreach(object, i, count, key, v) ACCEL_TRY(read_member(in, group, yyjson_get_str(key), v));
    return ACCEL_OK;
}

/* Every record has these, and a column of that name that somebody else filled has not. */
static bool is_record(yyjson_val *object) {
    return yyjson_is_obj(object) && yyjson_obj_get(object, "schema_version") != NULL &&
           yyjson_obj_get(object, "provenance") != NULL;
}

/* The column metrics of a row that came out of a database of ours is its record: the columns go before it. */
static accel_status read_metrics(reading *in, yyjson_val *metrics) {
    yyjson_doc *doc = NULL;
    if (json_text(metrics) != NULL && json_parse(yyjson_get_str(metrics), yyjson_get_len(metrics), SIZE_MAX,
                                                 "metrics", &doc, in->err) != ACCEL_OK)
        return ACCEL_BAD_FILE;
    yyjson_val *object = doc != NULL ? yyjson_doc_get_root(doc) : metrics;
    accel_status status = ACCEL_OK;
    if (is_record(object))
        status = read_members(in, object, "");
    else if (!given_is_absent(metrics, in->defaults))
        given_keep(&in->rest, "metrics", object);
    yyjson_doc_free(doc);
    memset(in->seen, 0, sizeof in->seen);
    return status;
}

/* ---- what follows from it ----------------------------------------------------------------------------------------------- */

/* fp32, fp16, … of what is certainly one of them; other names stay. */
static const char *canonical_precision(const char *name) {
    precision p;
    return name != NULL && precision_from_name(name, &p) ? precision_name(p) : name;
}

static bool has_figures(const record *r) {
    return r->samples_ns_count > 0 || !isnan(r->latency_mean_ms) || !isnan(r->latency_median_ms) ||
           !isnan(r->throughput_items_per_s) || !isnan(r->tokens_per_s) || r->peak_rss_bytes != RECORD_NONE;
}

static accel_status set_status(record *r, accel_error *err) {
    if (r->status == NULL && r->error == NULL && has_figures(r))
        r->status = case_status_name(CASE_OK);
    if (r->status == NULL)
        return error_set(
            err, ACCEL_BAD_FILE,
            "status is missing: ok, unsupported, absent, crashed, timeout, out_of_memory, wrong_output, error or cancelled");
    if (!str_equal(r->status, case_status_name(CASE_OK)))
        return ACCEL_OK;
    return has_figures(r) ? ACCEL_OK
                          : error_set(err, ACCEL_BAD_FILE,
                                      "it states no figure: average_latency_ms, throughput_items_per_second, "
                                      "tokens_per_second, memory_peak_mb or samples_ns");
}

accel_status record_summarize_samples(record *r, accel_error *err) {
    stats_summary s;
    size_t count = r->samples_ns_count;
    if (count == 0)
        return ACCEL_OK;
    double *sorted = mem_calloc(count, sizeof *sorted);
    if (sorted == NULL)
        return error_no_memory(err, "statistics", count * sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = (double)r->samples_ns[i] / 1e6;
    stats_sort(sorted, count);
    accel_status status = stats_summarize(sorted, count, &s, err);
    if (status == ACCEL_OK && fabs(r->latency_mean_ms - s.mean) > 0.01 * s.mean)
        status = error_set(err, ACCEL_BAD_FILE,
                           "the mean latency is stated as %.6g ms, but that of its samples is %.6g ms",
                           r->latency_mean_ms, s.mean);
    if (status == ACCEL_OK) {
        struct {
            double *member, value;
        } figures[] = {
            {&r->latency_mean_ms, s.mean},
            {&r->latency_median_ms, s.median},
            {&r->latency_min_ms, s.min},
            {&r->latency_max_ms, s.max},
            {&r->latency_std_ms, s.std},
            {&r->latency_ci95_ms, s.ci95},
            {&r->latency_p90_ms, stats_percentile(sorted, count, 0.90)},
            {&r->latency_p95_ms, stats_percentile(sorted, count, 0.95)},
            {&r->latency_p99_ms, stats_percentile(sorted, count, 0.99)},
        };
        for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
            if (isnan(*figures[i].member))
                *figures[i].member = figures[i].value;
    }
    mem_free(sorted);
    return status;
}

/* A figure of 0 is one that was not measured. */
static accel_status refuse_zeros(const record *r, accel_error *err) {
    double memory = r->peak_rss_bytes == RECORD_NONE ? (double)NAN : (double)r->peak_rss_bytes;
    const struct {
        const char *name;
        double value;
    } figures[] = {{"average_latency_ms", r->latency_mean_ms},
                   {"median_latency_ms", r->latency_median_ms},
                   {"throughput_items_per_second", r->throughput_items_per_s},
                   {"tokens_per_second", r->tokens_per_s},
                   {"memory_peak_mb", memory}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (figures[i].value >= 0 && !(figures[i].value > 0))
            return error_set(err, ACCEL_BAD_FILE,
                             "%s is 0, which no measurement gives; leave out what is not known",
                             figures[i].name);
    return ACCEL_OK;
}

static accel_status finish(reading *in, accel_error *err) {
    record *r = in->out;
    const given_defaults *d = in->defaults;
    if (!isnan(in->total_s) && r->samples_ns_count == 0) {
        str_buf total = {0};
        json_append_real(&total, in->total_s);
        given_keep_text(&in->rest, "total_time_seconds", str_text(&total));
        in->rest.json.failed |= total.failed;
        str_free(&total);
    }
    ACCEL_TRY(given_rest_finish(&in->rest, in->arena, &r->unknown_json, err));
    if (r->model_name == NULL)
        return error_set(err, ACCEL_BAD_FILE, "model_name is missing");
    if (r->platform == NULL)
        return error_set(err, ACCEL_BAD_FILE, "hardware_type is missing");
    ACCEL_TRY(set_status(r, err));
    ACCEL_TRY(record_summarize_samples(r, err));
    ACCEL_TRY(refuse_zeros(r, err));
    if (r->samples_ns_count > 0 && r->iterations != RECORD_NONE) {
        if (r->iterations != (int64_t)r->samples_ns_count)
            return error_set(err, ACCEL_BAD_FILE, "iterations is %lld, but there are %zu samples",
                             (long long)r->iterations, r->samples_ns_count);
        r->iterations = RECORD_NONE; /* the samples tell it */
    }
    const char *both = canonical_precision(in->precision);
    r->precision_asked = canonical_precision(r->precision_asked != NULL ? r->precision_asked : both);
    r->precision_ran = canonical_precision(r->precision_ran);
    if (r->precision_ran == NULL && str_equal(r->status, case_status_name(CASE_OK)))
        r->precision_ran = both;
    if (r->record_id != NULL)
        return ACCEL_OK;
    const char *name = arena_printf(in->arena, "%s\x1f%zu\x1frecord", d->seed, d->number);
    return name != NULL ? uuid_from_text(in->arena, name, &r->record_id, err)
                        : error_no_memory(err, "a record's id", 0);
}

accel_status given_record(yyjson_val *object, const given_defaults *defaults, arena *a, record *out,
                          accel_error *err) {
    reading in = {.defaults = defaults, .arena = a, .out = out, .total_s = (double)NAN, .err = err};
    yyjson_val *metrics = yyjson_obj_get(object, "metrics");
    record_init(out);
    accel_status status = metrics != NULL ? read_metrics(&in, metrics) : ACCEL_OK;
    if (status == ACCEL_OK)
        status = read_members(&in, object, "");
    if (status == ACCEL_OK)
        return finish(&in, err);
    str_free(&in.rest.json);
    return status;
}
