#include "import/performance.h"

#include <math.h>
#include <string.h>

#include "import/simulated.h"
#include "import/status.h"
#include "import/times.h"

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
    const char *names = HARDWARE_KEYS, *name;
    size_t length;
    while ((name = value_next_name(&names, &length)) != NULL) {
        yyjson_val *v = yyjson_obj_getn(r->object, name, length);
        const char *platform = value_platform(json_text(v));
        if (platform == NULL)
            continue;
        if (strchr(json_text(v), ':') == NULL) /* cuda:1 also says which device */
            value_used(r, v);
        return platform;
    }
    return NULL;
}

void performance_take(value_reader *r, performance_about *about) {
    const char *model = value_take_name(r, MODEL_KEYS);
    yyjson_val *nested = yyjson_obj_get(r->object, "model");
    if (model == NULL && yyjson_is_obj(nested))
        model = value_text(r->c, value_any(nested, "name|model_name|id"));
    if (value_is_name(value_text(r->c, value_any(nested, "family|model_family"))))
        about->family = value_text(r->c, value_any(nested, "family|model_family"));
    if (value_is_name(model))
        about->model = model;
    const char *hardware = take_platform(r);
    nested = value_any(r->object, "hardware|device");
    if (hardware == NULL && yyjson_is_obj(nested)) {
        hardware = value_platform(json_text(value_any(nested, "type|hardware_type|platform")));
        if (value_is_name(value_text(r->c, value_any(nested, "name|device_name"))))
            about->device = value_text(r->c, value_any(nested, "name|device_name"));
    }
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
        performance_take(&r, about);
}

/* {model, hardware, status, metrics: {latency_ms, …}}: the figures of a result that are in an object of their own. */
static yyjson_val *nested_figures(yyjson_val *object) {
    static const char *const places[] = {"metrics", "performance_metrics", "performance", "measurements",
                                         "results"};
    if (value_any(object, MODEL_KEYS "|" HARDWARE_KEYS) == NULL && status_of(object) == STATUS_NONE)
        return NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (figures_are_in(yyjson_obj_get(object, places[i])))
            return yyjson_obj_get(object, places[i]);
    return NULL;
}

bool performance_is_result(yyjson_val *object) {
    if (!yyjson_is_obj(object))
        return false;
    if (figures_are_in(object) || nested_figures(object) != NULL)
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

/* ---- the record --------------------------------------------------------------------------------------------------------- */

/* Every field of a record, as bytes: what it says, not how it would be written. */
static void append_record(str_buf *out, const record *r) {
    for (size_t i = 0; i < record_field_count; i++) {
        const record_field *f = &record_fields[i];
        const char *member = (const char *)r + f->offset;
        const char *text = f->kind == RECORD_TEXT || f->kind == RECORD_JSON
                               ? *(const char *const *)(const void *)member
                               : NULL;
        switch (f->kind) {
        case RECORD_TEXT:
        case RECORD_JSON:
            str_append_bytes(out, text != NULL ? text : "\x01", text != NULL ? strlen(text) + 1 : 2);
            break;
        case RECORD_INT:
            str_append_bytes(out, member, sizeof(int64_t));
            break;
        case RECORD_REAL:
            if (isnan(*(const double *)(const void *)member)) /* of which there are many */
                str_append_char(out, '\x01');
            else
                str_append_bytes(out, member, sizeof(double));
            break;
        case RECORD_BOOL:
            str_append_bytes(out, member, sizeof(int));
            break;
        case RECORD_INTS:
            str_append_bytes(out, *(const int64_t *const *)(const void *)member,
                             *(const size_t *)(const void *)((const char *)r + f->count_offset) *
                                 sizeof(int64_t));
            break;
        }
    }
    str_append(out, r->unknown_json != NULL ? r->unknown_json : "");
}

accel_status performance_set_id(import_context *c, record *r, accel_error *err) {
    str_buf content = {0};
    char uuid[37];
    record copy = *r;
    copy.record_id = NULL;
    if (c->time_from != IMPORT_TIME_CONTENT && str_equal(r->started_at, c->started_at))
        copy.started_at = NULL; /* not of the content: another copy of the file has another */
    append_record(&content, &copy);
    accel_status status = content.failed ? error_no_memory(err, "a record", content.length)
                                         : store_uuid_of(str_text(&content), content.length, uuid, err);
    str_free(&content);
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
    r->latency_ci95_ms = f->ci95_ms;
    r->latency_p90_ms = f->p90_ms;
    r->latency_p95_ms = f->p95_ms;
    r->latency_p99_ms = f->p99_ms;
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

/* What we could not place, below names of its own, so that no key of it can be taken for one of ours. */
static const char *foreign(import_context *c, const char *rest, const char *metrics, const char *around) {
    str_buf text = {0};
    const char *const names[] = {"imported", "metrics", "around"}, *const values[] = {rest, metrics, around};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (values[i] != NULL)
            str_appendf(&text, i == 2 ? "%s\"%s\":{%s}" : "%s\"%s\":%s", text.length > 0 ? "," : "{",
                        names[i], values[i]);
    str_append(&text, text.length > 0 ? "}" : "");
    const char *copy =
        text.length > 0 && !text.failed ? arena_strndup(c->arena, text.data, text.length) : NULL;
    str_free(&text);
    return copy;
}

static void set_about(record *r, const performance_about *a) {
    r->model_name = a->model;
    r->model_family = a->family;
    r->model_modality = a->modality;
    r->platform = a->hardware;
    r->device_name = a->device;
    r->batch = a->batch;
    r->sequence = a->sequence;
    r->precision_asked = a->precision; /* what ran, nobody says */
    r->load_ns = ns_of(a->load_s * 1e3);
}

static const char *missing(const performance_about *a) {
    return a->model == NULL ? "no model is named" : "it names no platform that is known here";
}

static const char *why(import_context *c, const char *error, yyjson_val *object) {
    const char *text = json_text(value_any(object, "status|test_status|state|outcome|result"));
    const char *reason = value_text(c, value_any(object, "reason|message|details"));
    if (error != NULL || reason != NULL)
        return error != NULL ? error : reason;
    if (text == NULL)
        return "the file says that it failed, and no reason";
    return arena_printf(c->arena, "the file says \"%.80s\", and no reason", text);
}

/* One result being read. */
typedef struct entry {
    value_reader own,
        nested; /* nested: of an object that holds the figures; its object is NULL when there is none */
    performance_about about;
    int64_t iterations, warmup;
    old_status status;
    const char *error;
    figures figures; /* of one that is ok */
} entry;

static int64_t count_in(entry *e, const char *names) {
    int64_t count = value_take_count(&e->own, names);
    return count != RECORD_NONE ? count : value_take_count(&e->nested, names);
}

static entry open_entry(import_context *c, const performance_about *around, yyjson_val *object) {
    entry e = {.about = *around, .own = value_reader_of(c, object)};
    e.nested = value_reader_of(c, figures_are_in(object) ? NULL : nested_figures(object));
    value_used(&e.own, e.nested.object);
    performance_take(&e.own, &e.about);
    if (e.nested.object != NULL)
        performance_take(&e.nested, &e.about);
    e.iterations = count_in(&e, "iterations|num_iterations|n_iterations|iteration_count|num_runs|runs");
    e.warmup = count_in(&e, "warmup_iterations|warmup|num_warmup|warmup_runs");
    return e;
}

/* How it ended, and the figures of one that ended well: those of another say nothing. */
static accel_status read_outcome(import_context *c, entry *e, accel_error *err) {
    yyjson_val *object = e->own.object;
    int success;
    e->error = status_error_text(c, object);
    e->status = status_of(object);
    bool passed = e->status == STATUS_PASS;
    if (e->status != STATUS_NONE && e->status != STATUS_SKIP &&
        value_flag(value_any(object, "success"), &success) && passed != (success != 0))
        return error_set(err, ACCEL_BAD_FILE, "its status and its success contradict each other");
    if (e->status == STATUS_NONE)
        e->status = e->error != NULL ? STATUS_ERROR : STATUS_PASS;
    if (e->status != STATUS_PASS)
        return ACCEL_OK;
    value_reader *figured = e->nested.object != NULL ? &e->nested : &e->own;
    ACCEL_TRY(figures_read(figured, e->about.batch, e->iterations, e->about.unit, &e->figures, err));
    if (!has_figures(&e->figures) && e->error != NULL)
        e->status = STATUS_ERROR;
    return ACCEL_OK;
}

static void set_ok(record *row, const entry *e) {
    row->status = case_status_name(CASE_OK);
    if (!isnan(e->figures.load_ms))
        row->load_ns = ns_of(e->figures.load_ms);
    row->iterations = e->iterations;
    row->warmup_count = e->warmup;
    set_figures(row, &e->figures);
}

/* Figures of a failure are told with all the rest, and are no columns. */
static void set_failed(import_context *c, record *row, entry *e) {
    row->status = case_status_name(status_for_record(e->status, e->error));
    row->error = why(c, e->error, e->own.object);
    row->load_ns = RECORD_NONE;
    e->own.used_count = e->nested.used_count = 0;
    value_used(&e->own, e->nested.object);
}

accel_status performance_add(import_context *c, const performance_about *around, yyjson_val *object,
                             const char *where, import_rows *rows, accel_error *err) {
    entry e = open_entry(c, around, object);
    if (e.about.model == NULL || e.about.hardware == NULL) {
        import_note(c, "%s: %s", where, missing(&e.about));
        return ACCEL_OK;
    }
    accel_status status = read_outcome(c, &e, err);
    if (status != ACCEL_OK)
        return error_prefix(err, status, "%s", where);
    bool ok = e.status == STATUS_PASS;
    if (ok && !has_figures(&e.figures)) {
        import_note(c, "%s: it has neither a figure nor a failure", where);
        return ACCEL_OK;
    }
    const char *started_at = times_of(c, object), *evidence = simulated_evidence(c, object, e.about.hardware);
    record *row = import_add_record(rows);
    set_about(row, &e.about);
    row->started_at = started_at != NULL ? started_at : c->started_at;
    row->engine_name = value_take_name(&e.own, "engine|framework|runtime");
    SIMULATED_MARK(row, evidence != NULL ? evidence : e.about.simulated);
    if (ok)
        set_ok(row, &e);
    else
        set_failed(c, row, &e);
    row->unknown_json = foreign(c, value_rest(&e.own), value_rest(&e.nested), e.about.around);
    return performance_set_id(c, row, err);
}
