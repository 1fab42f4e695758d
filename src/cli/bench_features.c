#include "cli/bench_features.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "measure/stats.h"
#include "store/store.h"

accel_status bench_features_read(const command_line *line, bench_settings *out, accel_error *err) {
    size_t count = 0;
    const char *const *names = line_list(line, "web-features", &count);
    for (size_t i = 0; i < count; i++) {
        web_feature f;
        if (!web_feature_from_name(names[i], &f)) {
            const char *known[WEB_FEATURE_COUNT];
            for (int k = 0; k < WEB_FEATURE_COUNT; k++)
                known[k] = web_feature_name((web_feature)k);
            const char *near = str_nearest(names[i], known, WEB_FEATURE_COUNT);
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "--web-features: there is no feature '%s'%s%s; there are %s, %s and %s",
                             names[i], near != NULL ? ", did you mean " : "", near != NULL ? near : "",
                             known[0], known[1], known[2]);
        }
        out->features |= 1U << f;
    }
    out->feature_pairs = line_integer(line, "pairs", out->feature_pairs);
    return ACCEL_OK;
}

static bool copy_text(arena *a, const char **text) {
    return *text == NULL || (*text = arena_strdup(a, *text)) != NULL;
}

accel_status bench_features_keep(kept_features *k, size_t index, const case_feature *f, arena *a,
                                 accel_error *err) {
    if (!mem_grow((void **)&k->items, &k->capacity, k->count + 1, sizeof *k->items))
        return error_no_memory(err, "starts", sizeof *k->items);
    case_feature copy = *f;
    copy.runs = arena_copy(a, f->runs, f->count * sizeof *f->runs);
    bool ok =
        (copy.runs != NULL || f->count == 0) && copy_text(a, &copy.why_not) && copy_text(a, &copy.reference);
    for (size_t i = 0; ok && i < f->count; i++)
        ok = copy_text(a, &copy.runs[i].started_at);
    if (!ok)
        return error_no_memory(err, "starts", f->count * sizeof *f->runs);
    k->items[k->count++] = (kept_feature){index, copy};
    return ACCEL_OK;
}

void bench_features_free(kept_features *k) {
    mem_free(k->items);
    *k = (kept_features){0};
}

bool bench_features_failed(const kept_features *k) {
    for (size_t i = 0; i < k->count; i++)
        if (k->items[i].feature.why_not != NULL)
            return true;
    return false;
}

/* ---- comparing -------------------------------------------------------------------------------------------------------------- */

typedef struct feature_means {
    double off, on;
    stats_ratio ratio; /* on / off */
} feature_means;

/* As the report `web_optimizations` does it: runs are independent, the interval is Fieller's. */
static bool compare(const case_feature *f, feature_means *out) {
    double *values = mem_calloc(f->count + 1, sizeof *values);
    size_t half = f->count / 2, at[2] = {0, half};
    if (values == NULL || half == 0) {
        mem_free(values);
        return false;
    }
    *out = (feature_means){0};
    for (size_t i = 0; i < f->count; i++) {
        double ms = feature_run_ms(f, &f->runs[i]);
        values[at[f->runs[i].on]++] = ms;
        *(f->runs[i].on ? &out->on : &out->off) += ms / (double)half;
    }
    const stats_series off = {values, &half, 1}, on = {values + half, &half, 1};
    stats_ratio_of_means(&on, &off, 0.95, &out->ratio);
    mem_free(values);
    return true;
}

static const char *verdict(const stats_ratio *r) {
    if (isnan(r->low) || isnan(r->high))
        return "too few pairs to tell";
    return !r->different ? "no difference shown" : r->ratio < 1 ? "faster" : "slower";
}

static const char *what_is_timed(const case_feature *f) {
    return f->feature == WEB_COMPUTE_SHADERS ? "front end" : "start to first outputs";
}

void bench_features_print(const kept_features *k, const record *records, str_buf *out) {
    for (size_t i = 0; i < k->count; i++) {
        const case_feature *f = &k->items[i].feature;
        const record *r = &records[k->items[i].record];
        feature_means m;
        str_appendf(out, "%s %s %s: ", r->model_name, r->device_name != NULL ? r->device_name : "",
                    web_feature_name(f->feature));
        if (f->why_not != NULL || !compare(f, &m)) {
            str_appendf(out, "not measured: %s\n", f->why_not != NULL ? f->why_not : "memory ended");
            continue;
        }
        str_appendf(out, "%s %.1f ms without, %.1f ms with (%zu pairs); ratio %.3f", what_is_timed(f), m.off,
                    m.on, f->count / 2, m.ratio.ratio);
        if (!isnan(m.ratio.low) && !isnan(m.ratio.high))
            str_appendf(out, " (95 %%: %.3f to %.3f)", m.ratio.low, m.ratio.high);
        str_appendf(out, ": %s\n", verdict(&m.ratio));
    }
}

/* ---- as JSON ---------------------------------------------------------------------------------------------------------------- */

static void append_figure(str_buf *out, const char *key, double value) {
    str_appendf(out, ",\"%s\":", key);
    if (isnan(value))
        str_append(out, "null");
    else
        json_append_real(out, value);
}

static void append_run(const case_feature *f, const feature_run *r, str_buf *out) {
    str_appendf(out, "{\"on\":%s,\"started_at\":", r->on ? "true" : "false");
    json_append_text(out, r->started_at);
    append_figure(out, "start_ms", r->start_ms);
    append_figure(out, "load_ms", r->load_ms);
    if (f->feature == WEB_COMPUTE_SHADERS)
        append_figure(out, "run_ms", r->run_ms);
    append_figure(out, "download_ms", r->download_ms);
    append_figure(out, "plan_ms", r->plan_ms);
    append_figure(out, "upload_ms", r->upload_ms);
    append_figure(out, "pipeline_ms", r->pipeline_ms);
    append_figure(out, "shader_ms", r->shader_ms);
    append_figure(out, "shaders", r->shaders);
    append_figure(out, "shaders_listed", r->shaders_listed);
    append_figure(out, "shaders_compiled", r->shaders_compiled);
    append_figure(out, "relative_l2", r->relative_l2);
    str_append_char(out, '}');
}

static void append_feature(const case_feature *f, str_buf *out) {
    feature_means m;
    str_appendf(out, "{\"feature\":\"%s\",\"why_not\":", web_feature_name(f->feature));
    json_append_text(out, f->why_not);
    str_append(out, ",\"reference\":");
    json_append_text(out, f->reference);
    str_appendf(out, ",\"components\":%lld", (long long)f->components);
    append_figure(out, "audio_seconds", f->audio_s);
    if (f->why_not == NULL && compare(f, &m)) {
        append_figure(out, "off_ms", m.off);
        append_figure(out, "on_ms", m.on);
        append_figure(out, "ratio", m.ratio.ratio);
        append_figure(out, "ratio_low", m.ratio.low);
        append_figure(out, "ratio_high", m.ratio.high);
        str_appendf(out, ",\"verdict\":\"%s\"", verdict(&m.ratio));
    }
    str_append(out, ",\"runs\":[");
    for (size_t i = 0; i < f->count; i++) {
        str_append(out, i > 0 ? "," : "");
        append_run(f, &f->runs[i], out);
    }
    str_append(out, "]}");
}

void bench_features_json(const kept_features *k, size_t index, str_buf *out) {
    const char *separator = "";
    str_append_char(out, '[');
    for (size_t i = 0; i < k->count; i++) {
        if (k->items[i].record != index)
            continue;
        str_append(out, separator);
        append_feature(&k->items[i].feature, out);
        separator = ",";
    }
    str_append_char(out, ']');
}

/* ---- in the database -------------------------------------------------------------------------------------------------------- */

typedef struct feature_rows {
    store_optimization *optimizations;
    store_shader *shaders;
    store_loading *loadings;
    store_batch batch;
    arena *arena;
} feature_rows;

/* What tells one run from another and where it ran; the record of the case has the rest. */
static const char *environment_of(const case_feature *f, const record *r, size_t run, arena *a) {
    str_buf json = {0};
    const feature_run *one = &f->runs[run];
    str_append(&json, "{\"record_id\":");
    json_append_text(&json, r->record_id);
    str_append(&json, ",\"adapter\":");
    json_append_text(&json, r->device_driver);
    str_append(&json, ",\"browser_version\":");
    json_append_text(&json, r->device_name);
    str_append(&json, ",\"machine\":");
    json_append_text(&json, r->machine_id);
    str_appendf(&json, ",\"pair\":%zu,\"reference\":", run / 2 + 1);
    json_append_text(&json, f->reference);
    append_figure(&json, "relative_l2", one->relative_l2);
    append_figure(&json, "load_ms", one->load_ms);
    append_figure(&json, "download_ms", one->download_ms);
    append_figure(&json, "plan_ms", one->plan_ms);
    append_figure(&json, "upload_ms", one->upload_ms);
    append_figure(&json, "pipeline_ms", one->pipeline_ms);
    str_append_char(&json, '}');
    const char *copy = json.failed ? NULL : arena_strdup(a, str_text(&json));
    str_free(&json);
    return copy;
}

static accel_status add_optimization(feature_rows *rows, const case_feature *f, const record *r, size_t run,
                                     accel_error *err) {
    const feature_run *one = &f->runs[run];
    store_optimization *o = &rows->optimizations[rows->batch.optimization_count++];
    store_optimization_init(o);
    o->test_datetime = one->started_at;
    o->test_type = web_feature_test_type(f->feature);
    o->model_name = r->model_name;
    o->model_family = r->model_family;
    o->optimization_enabled = one->on;
    o->execution_time_ms = f->feature == WEB_COMPUTE_SHADERS ? one->run_ms : one->start_ms - one->load_ms;
    o->initialization_time_ms = one->start_ms;
    o->audio_length_seconds = f->audio_s;
    o->component_count = f->components;
    o->hardware_type = r->platform;
    o->browser = r->device_id;
    o->provenance = "measured";
    o->is_simulated = 0;
    o->environment = environment_of(f, r, run, rows->arena);
    return o->environment != NULL ? ACCEL_OK : error_no_memory(err, "a row", sizeof *o);
}

static void add_shaders(feature_rows *rows, const feature_run *one) {
    store_shader *s = &rows->shaders[rows->batch.shader_count++];
    store_shader_init(s);
    s->parent = (int64_t)rows->batch.optimization_count - 1;
    s->test_datetime = one->started_at;
    s->total_compilation_time_ms = one->shader_ms;
    if (isnan(one->shaders) || isnan(one->shaders_listed) || isnan(one->shaders_compiled))
        return;
    s->shader_count = (int64_t)one->shaders;
    s->cached_shaders_used = (int64_t)one->shaders_listed;
    s->new_shaders_compiled = (int64_t)one->shaders_compiled;
    s->cache_hit_rate = one->shaders > 0 ? one->shaders_listed / one->shaders : (double)NAN;
}

/* The pair's: it hangs on the run with the feature. */
static void add_loading(feature_rows *rows, const case_feature *f, size_t run) {
    const feature_run *on = &f->runs[run], *off = &f->runs[run ^ 1];
    store_loading *l = &rows->loadings[rows->batch.loading_count++];
    store_loading_init(l);
    l->parent = (int64_t)rows->batch.optimization_count - 1;
    l->test_datetime = on->started_at;
    l->components_loaded = f->components;
    l->sequential_load_time_ms = off->load_ms;
    l->parallel_load_time_ms = on->load_ms;
    l->loading_speedup = on->load_ms > 0 ? off->load_ms / on->load_ms : (double)NAN;
}

static accel_status make_rows(const kept_features *k, const record *records, feature_rows *rows,
                              accel_error *err) {
    size_t most = 1;
    for (size_t i = 0; i < k->count; i++)
        most += k->items[i].feature.count;
    rows->optimizations = ARENA_ARRAY(rows->arena, store_optimization, most);
    rows->shaders = ARENA_ARRAY(rows->arena, store_shader, most);
    rows->loadings = ARENA_ARRAY(rows->arena, store_loading, most);
    if (rows->optimizations == NULL || rows->shaders == NULL || rows->loadings == NULL)
        return error_no_memory(err, "rows", most * sizeof *rows->optimizations);
    for (size_t i = 0; i < k->count; i++) {
        const case_feature *f = &k->items[i].feature;
        for (size_t run = 0; run < f->count; run++) {
            ACCEL_TRY(add_optimization(rows, f, &records[k->items[i].record], run, err));
            if (f->feature == WEB_SHADER_PRECOMPILE)
                add_shaders(rows, &f->runs[run]);
            if (f->feature == WEB_PARALLEL_LOADING && f->runs[run].on)
                add_loading(rows, f, run);
        }
    }
    rows->batch.optimization_rows = rows->optimizations;
    rows->batch.shader_rows = rows->shaders;
    rows->batch.loading_rows = rows->loadings;
    return ACCEL_OK;
}

accel_status bench_features_store(const kept_features *k, const record *records, const char *path, arena *a,
                                  accel_error *err) {
    feature_rows rows = {.arena = a};
    store_bulk *bulk = NULL;
    ACCEL_TRY(make_rows(k, records, &rows, err));
    if (rows.batch.optimization_count == 0)
        return ACCEL_OK;
    ACCEL_TRY(store_bulk_open(path, -1, &bulk, err));
    accel_status status = store_bulk_add(bulk, &rows.batch, err);
    if (status == ACCEL_OK)
        status = store_bulk_commit(bulk, NULL, err);
    store_bulk_close(bulk);
    return status;
}
