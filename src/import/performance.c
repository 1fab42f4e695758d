#include "import/performance.h"

#include <math.h>
#include <string.h>

#include "import/simulated.h"
#include "import/status.h"
#include "import/times.h"

enum { MOST_DEPTH = 12 };

performance_about performance_about_nothing(void) {
    return (performance_about){.batch = RECORD_NONE, .sequence = RECORD_NONE, .load_s = (double)NAN};
}

/* ---- what a result is about -------------------------------------------------------------------------------------------- */

#define MODEL_KEYS     "model_name|model|model_id|model_key|model_path"
#define HARDWARE_KEYS  "hardware_type|hardware|platform|device_type|hardware_platform|device|backend|target"
#define DEVICE_KEYS    "device_name|gpu_name|hardware_name|cpu_name"
#define FAMILY_KEYS    "model_family|family|model_type"
#define BATCH_KEYS     "batch_size|batch"
#define SEQUENCE_KEYS  "sequence_length|seq_length|seq_len|input_length"
#define PRECISION_KEYS "precision|dtype|data_type|quantization"

static int64_t count_of(value_reader *r, const char *names, int64_t fallback) {
    int64_t count = value_take_count(r, names);
    return count != RECORD_NONE && count > 0 ? count : fallback;
}

/* The first of the names whose text is a platform. */
static const char *take_platform(value_reader *r) {
    for (const char *at = HARDWARE_KEYS; *at != '\0'; at += strcspn(at, "|"), at += *at == '|') {
        yyjson_val *v = yyjson_obj_getn(r->object, at, strcspn(at, "|"));
        const char *platform = value_platform(json_text(v));
        if (platform == NULL)
            continue;
        if (strchr(json_text(v), ':') == NULL) /* cuda:1 also says which device */
            value_used(r, v);
        return platform;
    }
    return NULL;
}

static void learn(value_reader *r, performance_about *about) {
    const char *model = value_take_name(r, MODEL_KEYS);
    yyjson_val *nested = yyjson_obj_get(r->object, "model");
    if (model == NULL && yyjson_is_obj(nested))
        model = value_text(r->c, value_any(nested, "name|model_name|id"));
    if (value_is_name(model))
        about->model = model;
    const char *hardware = take_platform(r);
    if (hardware != NULL)
        about->hardware = hardware;
    const char *family = value_take_name(r, FAMILY_KEYS), *device = value_take_name(r, DEVICE_KEYS);
    about->family = family != NULL ? family : about->family;
    about->device = device != NULL ? device : about->device;
    const char *modality = value_modality(json_text(yyjson_obj_get(r->object, "modality")));
    about->modality = modality != NULL ? modality : about->modality;
    yyjson_val *precision = value_any(r->object, PRECISION_KEYS);
    if (value_precision(json_text(precision)) != NULL) {
        about->precision = value_precision(json_text(precision));
        value_used(r, precision);
    }
    about->batch = count_of(r, BATCH_KEYS, about->batch);
    about->sequence = count_of(r, SEQUENCE_KEYS, about->sequence);
}

void performance_learn(import_context *c, yyjson_val *object, performance_about *about) {
    value_reader r = value_reader_of(c, object);
    if (yyjson_is_obj(object))
        learn(&r, about);
}

bool performance_is_result(yyjson_val *object) {
    if (!yyjson_is_obj(object))
        return false;
    if (figures_are_in(object))
        return true;
    /* a failure, which has no figures: but no object that only holds others */
    old_status s = status_of(object);
    if (s == STATUS_NONE || s == STATUS_PASS)
        return false;
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, i, count, key,
                       value) if (yyjson_is_obj(value) && performance_is_below(value)) return false;
    return true;
}

static bool is_below(yyjson_val *v, int depth) {
    size_t i, count;
    yyjson_val *key, *value;
    if (depth > MOST_DEPTH)
        return false;
    if (yyjson_is_obj(v)) {
        if (figures_are_in(v))
            return true;
        yyjson_obj_foreach(v, i, count, key, value) if (is_below(value, depth + 1)) return true;
    } else if (yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, i, count, value) if (is_below(value, depth + 1)) return true;
    }
    return false;
}

bool performance_is_below(yyjson_val *v) {
    return is_below(v, 0);
}

/* ---- the record --------------------------------------------------------------------------------------------------------- */

accel_status performance_set_id(import_context *c, record *r, accel_error *err) {
    str_buf json = {0};
    char uuid[37];
    record copy = *r;
    copy.record_id = NULL;
    if (c->time_from != IMPORT_TIME_CONTENT && str_equal(r->started_at, c->started_at))
        copy.started_at = NULL; /* not of the content: another copy of the file has another */
    record_write_json(&copy, &json);
    accel_status status = json.failed ? error_no_memory(err, "a record", json.length)
                                      : import_uuid(str_text(&json), json.length, uuid, err);
    str_free(&json);
    if (status == ACCEL_OK && (r->record_id = arena_strdup(c->arena, uuid)) == NULL)
        status = error_no_memory(err, "a record's id", sizeof uuid);
    return status;
}

static int64_t ns_of(double ms) {
    return isnan(ms) || ms > 1e15 ? RECORD_NONE : (int64_t)llround(ms * 1e6);
}

static void set_figures(record *r, const figures *f) {
    r->latency_mean_ms = f->mean_ms;
    r->latency_median_ms = f->median_ms;
    r->latency_min_ms = f->min_ms;
    r->latency_max_ms = f->max_ms;
    r->latency_std_ms = f->std_ms;
    r->throughput_items_per_s = f->items_per_s;
    r->tokens_per_s = f->tokens_per_s;
    r->samples_ns = f->samples_ns;
    r->samples_ns_count = f->sample_count;
    r->first_ns = ns_of(f->first_ms);
    r->compile_ns = ns_of(f->compile_ms);
    r->peak_rss_bytes =
        isnan(f->memory_bytes) || f->memory_bytes > 1e18 ? RECORD_NONE : (int64_t)llround(f->memory_bytes);
    if (f->per_item)
        r->warnings = "the latency is of one element of the batch: so the throughput shows";
}

static bool has_figures(const figures *f) {
    return !isnan(f->mean_ms) || !isnan(f->median_ms) || !isnan(f->items_per_s) || !isnan(f->tokens_per_s);
}

/* What we could not place, below one name, so that no key of it can be taken for one of ours. */
static const char *foreign(import_context *c, const char *rest) {
    return rest != NULL ? arena_printf(c->arena, "{\"imported\":%s}", rest) : NULL;
}

static void set_about(record *r, const performance_about *a) {
    r->model_name = a->model;
    r->model_family = a->family;
    r->model_modality = a->modality;
    r->platform = a->hardware;
    r->device_name = a->device;
    r->batch = a->batch;
    r->sequence = a->sequence;
    r->precision_asked = r->precision_ran = a->precision;
    r->load_ns = ns_of(a->load_s * 1e3);
}

static const char *missing(const performance_about *a) {
    return a->model == NULL ? "no model is named" : "it names no platform that is known here";
}

static const char *why(import_context *c, old_status s, const char *error, yyjson_val *object) {
    const char *text = json_text(value_any(object, "status|test_status|state|outcome|result"));
    if (error != NULL)
        return error;
    if (s == STATUS_NONE || text == NULL)
        return "the file says that it failed, and no reason";
    return arena_printf(c->arena, "the file says \"%.80s\", and no reason", text);
}

accel_status performance_add(import_context *c, const performance_about *around, yyjson_val *object,
                             const char *where, import_rows *rows, accel_error *err) {
    performance_about about = *around;
    value_reader r = value_reader_of(c, object);
    figures f;
    learn(&r, &about);
    if (about.model == NULL || about.hardware == NULL) {
        import_note(c, "%s: %s", where, missing(&about));
        return ACCEL_OK;
    }
    int64_t iterations =
        value_take_count(&r, "iterations|num_iterations|n_iterations|iteration_count|num_runs|runs");
    int64_t warmup = value_take_count(&r, "warmup_iterations|warmup|num_warmup|warmup_runs");
    old_status s = status_of(object);
    const char *error = status_error_text(c, object);
    if (s == STATUS_NONE && error != NULL)
        s = STATUS_ERROR;
    bool failed = s != STATUS_PASS && s != STATUS_NONE; /* its figures, if it has any, say nothing */
    accel_status status = failed ? ACCEL_OK : figures_read(&r, about.batch, iterations, about.unit, &f, err);
    if (status != ACCEL_OK)
        return error_prefix(err, status, "%s", where);
    if (s == STATUS_PASS && !has_figures(&f) && error != NULL)
        s = STATUS_ERROR;
    bool ok = s == STATUS_PASS || s == STATUS_NONE;
    if (ok && !has_figures(&f)) {
        import_note(c, "%s: it has neither a figure nor a failure", where);
        return ACCEL_OK;
    }
    const char *started_at = times_of(c, object), *simulated = simulated_evidence(c, object, about.hardware);
    record *row = import_add_record(rows);
    set_about(row, &about);
    row->started_at = started_at != NULL ? started_at : c->started_at;
    row->engine_name = value_take_name(&r, "engine|framework|runtime");
    row->status = ok ? "ok" : case_status_name(status_for_record(s, error));
    if (ok) {
        if (!isnan(f.load_ms))
            row->load_ns = ns_of(f.load_ms);
        row->iterations = iterations;
        row->warmup_count = warmup;
        set_figures(row, &f);
    } else {
        r.used_count = 0; /* figures of a failure are told, not counted */
        row->error = why(c, s, error, object);
        row->load_ns = RECORD_NONE;
    }
    SIMULATED_MARK(row, simulated != NULL ? simulated : about.simulated);
    row->unknown_json = foreign(c, value_rest(&r));
    return performance_set_id(c, row, err);
}

/* ---- trees ---------------------------------------------------------------------------------------------------------------- */

/* Keys that only group. */
static bool is_structure(const char *key) {
    static const char *const keys[] = {"results",
                                       "benchmarks",
                                       "benchmark_results",
                                       "performance",
                                       "performance_results",
                                       "performance_metrics",
                                       "models",
                                       "model_results",
                                       "hardware_results",
                                       "hardware",
                                       "platforms",
                                       "batch_results",
                                       "batch_sizes",
                                       "configurations",
                                       "metrics",
                                       "benchmark",
                                       "by_hardware",
                                       "by_model",
                                       "platform_results",
                                       "summary",
                                       "data",
                                       "measurements",
                                       "runs",
                                       "inference",
                                       "tests",
                                       "families",
                                       "model_families",
                                       "details",
                                       "detailed_results",
                                       "sequence_lengths"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_equal(keys[i], key))
            return true;
    return false;
}

static bool number_after(const char *key, const char *word, int64_t *out, const char **rest) {
    size_t length = strlen(word), digits;
    if (strncmp(key, word, length) != 0)
        return false;
    key += length;
    key += *key == '_';
    digits = strspn(key, "0123456789");
    if (digits == 0 || digits > 9)
        return false;
    *out = 0;
    for (size_t i = 0; i < digits; i++)
        *out = *out * 10 + (key[i] - '0');
    *rest = key + digits;
    return *out > 0;
}

/* batch_8_seq_128, batch_size_4, seq_32, b8_s128 */
static bool learn_shape(const char *key, performance_about *about) {
    int64_t number;
    bool found = false;
    while (*key != '\0') {
        if (number_after(key, "batch_size", &number, &key) || number_after(key, "batch", &number, &key) ||
            number_after(key, "bs", &number, &key))
            about->batch = number;
        else if (number_after(key, "sequence_length", &number, &key) ||
                 number_after(key, "seq_len", &number, &key) ||
                 number_after(key, "sequence", &number, &key) || number_after(key, "seq", &number, &key))
            about->sequence = number;
        else
            return false;
        found = true;
        key += *key == '_' || *key == '-';
    }
    return found;
}

static void learn_key(const char *key, performance_about *about) {
    const char *platform = value_platform(key), *precision = value_precision(key);
    performance_about shaped = *about;
    if (platform != NULL)
        about->hardware = platform;
    else if (precision != NULL)
        about->precision = precision;
    else if (learn_shape(key, &shaped))
        *about = shaped;
    else if (!is_structure(key) && value_is_name(key)) {
        if (about->model != NULL && about->family == NULL)
            about->family = about->model; /* family, then model */
        about->model = key;
    }
}

static accel_status walk(import_context *c, const performance_about *around, yyjson_val *v, const char *where,
                         int depth, import_rows *rows, accel_error *err) {
    size_t i, count;
    yyjson_val *key, *value;
    if (depth > MOST_DEPTH || !yyjson_is_ctn(v))
        return ACCEL_OK;
    if (performance_is_result(v))
        return performance_add(c, around, v, where, rows, err);
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, i, count, value) {
            if (yyjson_is_num(value))
                break;
            const char *inner = arena_printf(c->arena, "%s[%zu]", where, i);
            if (inner == NULL)
                return error_no_memory(err, "a name", strlen(where));
            ACCEL_TRY(walk(c, around, value, inner, depth + 1, rows, err));
        }
        return ACCEL_OK;
    }
    performance_about here = *around;
    performance_learn(c, v, &here);
    if (here.simulated == NULL)
        here.simulated = simulated_around(c, v);
    double load_s;
    if (here.unit == FIGURE_S && value_number(yyjson_obj_get(v, "model_load_time"), &load_s) && load_s > 0)
        here.load_s = load_s;
    yyjson_obj_foreach(v, i, count, key, value) {
        performance_about inner = here;
        const char *name = yyjson_get_str(key);
        if (!yyjson_is_ctn(value) || str_equal(name, "performance_summary"))
            continue;
        const char *text = value_text(c, key);
        learn_key(text != NULL ? text : "", &inner);
        const char *path = arena_printf(c->arena, "%s%s%.60s", where, *where != '\0' ? "/" : "", name);
        if (path == NULL)
            return error_no_memory(err, "a name", strlen(name));
        ACCEL_TRY(walk(c, &inner, value, path, depth + 1, rows, err));
    }
    return ACCEL_OK;
}

accel_status performance_walk(import_context *c, const performance_about *about, yyjson_val *v,
                              import_rows *rows, accel_error *err) {
    performance_about here = *about;
    if (here.simulated == NULL)
        here.simulated = simulated_around(c, c->root);
    return walk(c, &here, v, "", 0, rows, err);
}
