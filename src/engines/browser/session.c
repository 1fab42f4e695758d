#include "engines/browser/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engines/tuning_file.h"
#include "engines/vendor.h"

static const double MEMORY_TIMEOUT_S = 60;
static const double LOAD_TIMEOUT_S = 3600; /* the harness has the user's limit and ends the process */
enum { MOST_ADAPTER_BYTES = 16384 };

static uint64_t ns_of(yyjson_val *object, const char *key) {
    bool ok = true;
    double ms = json_get_real(object, key, 0.0, &ok);
    return ok && isfinite(ms) && ms > 0.0 && ms < 1e10 ? (uint64_t)(ms * 1e6) : 0;
}

/* ---- loading ------------------------------------------------------------------------------------------------------------ */

static accel_status describe_load(engine_session *s, const engine_model *model, const engine_device *device,
                                  const engine_options *options, str_buf *out, accel_error *err) {
    str_buf adapter = {0}, tuning = {0};
    ACCEL_TRY(web_features_default(getenv, &s->features, err));
    ACCEL_TRY(page_append_model(s->tab, s->memory, model->onnx_path, model->graph, out, err));
    if (options->tuning != NULL) {
        str_append(&tuning, options->tuning);
    } else if (device->platform == PLATFORM_WEBGPU && options->context != NULL && !options->deterministic) {
        page_describe_adapter(s->tab, device->id, &adapter);
        tuning_append_precision(&adapter, options->precision);
        (void)tuning_file_find(options->context->tuning_path, str_text(&adapter), &tuning, NULL);
    }
    if (tuning.length > 0) {
        str_append(out, ",\"tuning\":");
        json_append_text(out, str_text(&tuning));
    }
    str_free(&adapter);
    str_free(&tuning);
    str_appendf(out, ",\"platform\":\"%s\",\"precision\":\"%s\",\"threads\":%d,",
                platform_name(device->platform), precision_name(options->precision), vendor_threads(options));
    web_features_append(s->features, out);
    if (options->profile)
        str_append(out, ",\"profile\":true");
    return out->failed ? error_no_memory(err, "a job", out->length) : ACCEL_OK;
}

double page_number(yyjson_val *object, const char *key) {
    bool ok = true;
    double value = json_get_real(object, key, (double)NAN, &ok);
    return ok && isfinite(value) && value >= 0.0 ? value : (double)NAN;
}

static accel_status take_loaded(engine_session *s, yyjson_val *result, const engine_device *device,
                                const engine_options *options, accel_error *err) {
    bool ok = yyjson_is_obj(result);
    yyjson_val *figures = yyjson_obj_get(result, "figures");
    const char *ran = json_get_text(result, "precision", s->memory, &ok);
    const char *variant = json_get_text(result, "variant", s->memory, &ok);
    int64_t threads = json_get_int(result, "threads", 1, &ok);
    s->ran.precision = options->precision;
    if (!ok || (ran != NULL && !precision_from_name(ran, &s->ran.precision)))
        return error_set(err, ACCEL_RUNTIME, "the page's description of the loaded model cannot be read");
    s->ran.threads = device->platform == PLATFORM_WEBGPU ? vendor_threads(options) /* a GPU's own affair */
                                                         : (int)threads;
    s->timing =
        (engine_timing){.load_ns = ns_of(figures, "load_ms"), .compile_ns = ns_of(figures, "compile_ms")};
    s->timing.split = s->timing.load_ns > 0;
    s->figures.variant = variant;
    s->figures.download_ms = page_number(figures, "download_ms");
    s->figures.engine_ms = page_number(figures, "engine_ms");
    s->figures.downloaded_bytes = page_number(figures, "downloaded_bytes");
    s->figures.cached_bytes = page_number(figures, "cached_bytes");
    s->figures.plan_ms = page_number(figures, "plan_ms");
    s->figures.upload_ms = page_number(figures, "upload_ms");
    s->figures.pipeline_ms = page_number(figures, "pipeline_ms");
    s->figures.shaders = page_number(figures, "shaders");
    s->figures.shaders_listed = page_number(figures, "shaders_listed");
    const char *tuned = json_get_text(figures, "tuned", s->memory, &ok);
    str_format(s->ran.options, sizeof s->ran.options, "build=%s%s%s", variant != NULL ? variant : "unknown",
               tuned != NULL ? ", " : "", tuned != NULL ? tuned : "");
    return ACCEL_OK;
}

accel_status page_load(const engine_model *model, const engine_device *device, const engine_options *options,
                       engine_session **out, accel_error *err) {
    str_buf job = {0};
    yyjson_doc *answer = NULL;
    *out = NULL;
    ACCEL_TRY(vendor_check_file(model, "the browser", err));
    ACCEL_TRY(vendor_check_values(model->graph, "the browser", err));
    engine_session *s = mem_calloc(1, sizeof *s);
    if (s == NULL || (s->memory = arena_create()) == NULL) {
        mem_free(s);
        return error_no_memory(err, "a session", sizeof *s);
    }
    s->graph = model->graph;
    s->figures.browser = arena_strdup(s->memory, device->id);
    s->figures.clock_resolution_ms = s->figures.runs_per_sample = s->figures.gpu_ms = (double)NAN;
    s->inference_timeout_s = LOAD_TIMEOUT_S;
    accel_status status = tab_open(options->context, device->id, &s->tab, err);
    if (status == ACCEL_OK)
        status = describe_load(s, model, device, options, &job, err);
    if (status == ACCEL_OK)
        status = tab_job(s->tab, "load", str_text(&job), LOAD_TIMEOUT_S, &answer, err);
    if (status == ACCEL_OK)
        status = take_loaded(s, yyjson_obj_get(yyjson_doc_get_root(answer), "result"), device, options, err);
    s->figures.loaded = answer;
    str_free(&job);
    if (status == ACCEL_OK)
        *out = s;
    else
        page_unload(s);
    return status;
}

void page_unload(engine_session *s) {
    if (s == NULL)
        return;
    tab_close(s->tab);
    yyjson_doc_free(s->figures.loaded);
    mem_free(s->outputs);
    arena_destroy(s->memory);
    mem_free(s);
}

/* ---- inputs ---------------------------------------------------------------------------------------------------------------- */

accel_status page_bind(engine_session *s, const tensor *inputs, size_t count, accel_error *err) {
    str_buf job = {0};
    yyjson_doc *answer = NULL;
    ACCEL_TRY(vendor_check_inputs(s->graph, inputs, count, err));
    tab_forget_bytes(s->tab);
    accel_status status = page_append_inputs(s->tab, s->graph, inputs, &job, err);
    if (status == ACCEL_OK && job.failed)
        status = error_no_memory(err, "a job", job.length);
    if (status == ACCEL_OK)
        status = tab_job(s->tab, "bind", str_text(&job), s->inference_timeout_s, &answer, err);
    yyjson_doc_free(answer);
    str_free(&job);
    s->inputs = status == ACCEL_OK ? inputs : NULL;
    return status;
}

/* ---- running ---------------------------------------------------------------------------------------------------------------- */

accel_status page_run(engine_session *s, accel_error *err) {
    yyjson_doc *answer = NULL;
    s->outputs_fetched = false;
    ACCEL_TRY(tab_job(s->tab, "run", "", s->inference_timeout_s, &answer, err));
    if (s->timing.first_ns == 0)
        s->timing.first_ns = ns_of(yyjson_obj_get(yyjson_doc_get_root(answer), "result"), "run_ms");
    yyjson_doc_free(answer);
    return ACCEL_OK;
}

static accel_status take_samples(yyjson_val *result, const engine_block *block, engine_samples *out,
                                 accel_error *err) {
    yyjson_val *samples = yyjson_obj_get(result, "samples_ms"), *sample;
    yyjson_arr_iter it = yyjson_arr_iter_with(samples);
    bool ok = yyjson_is_obj(result) && yyjson_is_arr(samples);
    out->count = 0;
    while (ok && out->count < block->most_runs && (sample = yyjson_arr_iter_next(&it)) != NULL) {
        double ms = yyjson_get_num(sample);
        ok = yyjson_is_num(sample) && ms >= 0.0 && ms < 1e9;
        out->samples_ns[out->count++] = (int64_t)llround(ms * 1e6);
    }
    out->lead_in_runs = (size_t)json_get_int(result, "lead_in_runs", 0, &ok);
    out->elapsed_ns = ns_of(result, "elapsed_ms");
    return ok ? ACCEL_OK : error_set(err, ACCEL_RUNTIME, "the page's samples cannot be read");
}

accel_status page_sample(engine_session *s, const engine_block *block, engine_samples *out,
                         accel_error *err) {
    char job[192];
    yyjson_doc *answer = NULL;
    s->outputs_fetched = false;
    str_format(job, sizeof job, "\"lead_in_ms\":%.3f,\"duration_ms\":%.3f,\"least\":%zu,\"most\":%zu",
               (double)block->lead_in_ns / 1e6, (double)block->duration_ns / 1e6, block->least_runs,
               block->most_runs);
    uint64_t before_ns = tab_cpu_ns(s->tab);
    ACCEL_TRY(tab_job(s->tab, "sample", job, s->inference_timeout_s, &answer, err));
    uint64_t after_ns = tab_cpu_ns(s->tab);
    out->cpu_ns = after_ns > before_ns ? after_ns - before_ns : 0;
    yyjson_val *result = yyjson_obj_get(yyjson_doc_get_root(answer), "result");
    s->figures.clock_resolution_ms = page_number(result, "clock_resolution_ms");
    s->figures.runs_per_sample = page_number(result, "runs_per_sample");
    s->figures.gpu_ms = page_number(result, "gpu_ms");
    accel_status status = take_samples(result, block, out, err);
    yyjson_doc_free(answer);
    return status;
}

/* ---- outputs ----------------------------------------------------------------------------------------------------------------- */

static accel_status ask_for_outputs(engine_session *s, yyjson_doc **answer, accel_error *err) {
    str_buf put = {0}, job = {0};
    accel_status status = page_expect_outputs(s, s->graph, &put, err);
    str_append(&job, "\"put\":");
    json_append_text(&job, str_text(&put));
    if (status == ACCEL_OK)
        status = job.failed ? error_no_memory(err, "a job", job.length)
                            : tab_job(s->tab, "outputs", str_text(&job), s->inference_timeout_s, answer, err);
    str_free(&put);
    str_free(&job);
    return status;
}

static accel_status fetch_outputs(engine_session *s, accel_error *err) {
    yyjson_doc *answer = NULL;
    ACCEL_TRY(ask_for_outputs(s, &answer, err));
    yyjson_val *result = yyjson_obj_get(yyjson_doc_get_root(answer), "result");
    accel_status status = page_take_outputs(s, s->graph, result, err);
    yyjson_doc_free(answer);
    s->outputs_fetched = status == ACCEL_OK;
    return status;
}

accel_status page_outputs(engine_session *s, tensor *views, size_t count, accel_error *err) {
    if (count != s->graph->output_count)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "%zu outputs were asked for; the model has %zu", count,
                         s->graph->output_count);
    if (!s->outputs_fetched)
        ACCEL_TRY(fetch_outputs(s, err));
    memcpy(views, s->outputs, count * sizeof *views);
    return ACCEL_OK;
}

/* ---- profile ------------------------------------------------------------------------------------------------------------------ */

static bool take_row(yyjson_val *row, arena *a, engine_profile_row *out) {
    bool ok = yyjson_is_obj(row);
    const double time_ns = page_number(row, "time_ns"), flops = page_number(row, "flops"),
                 bytes = page_number(row, "bytes");
    *out = (engine_profile_row){.node = json_get_text(row, "node", a, &ok),
                                .op_type = json_get_text(row, "op_type", a, &ok),
                                .kernel = json_get_text(row, "kernel", a, &ok),
                                .time_ns = isnan(time_ns) || time_ns > 1e18 ? 0 : (uint64_t)time_ns,
                                .flops = isnan(flops) ? 0.0 : flops,
                                .bytes = isnan(bytes) ? 0.0 : bytes};
    return ok && out->node != NULL && out->op_type != NULL && out->kernel != NULL && !isnan(time_ns);
}

accel_status page_profile(engine_session *s, arena *a, engine_profile_row **rows, size_t *count,
                          accel_error *err) {
    yyjson_doc *answer = NULL;
    ACCEL_TRY(tab_job(s->tab, "profile", "", s->inference_timeout_s, &answer, err));
    yyjson_val *list = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(answer), "result"), "rows");
    *count = yyjson_arr_size(list);
    *rows = ARENA_ARRAY(a, engine_profile_row, *count + 1);
    bool ok = *rows != NULL && yyjson_is_arr(list);
    for (size_t i = 0; i < *count && ok; i++)
        ok = take_row(yyjson_arr_get(list, i), a, &(*rows)[i]);
    yyjson_doc_free(answer);
    return ok ? ACCEL_OK : error_set(err, ACCEL_RUNTIME, "the page's profile cannot be read");
}

/* The page's answer about its memory; NULL when there is none. */
static yyjson_doc *ask_memory(const engine_session *s) {
    yyjson_doc *answer = NULL;
    return tab_job(s->tab, "memory", "", MEMORY_TIMEOUT_S, &answer, NULL) == ACCEL_OK ? answer : NULL;
}

/* "devices", and "adapter" where the page names one. */
static void append_devices(str_buf *json, yyjson_val *loaded) {
    yyjson_val *devices = yyjson_obj_get(loaded, "devices"), *adapter = yyjson_obj_get(loaded, "adapter");
    str_append(json, ",\"devices\":[");
    for (size_t i = 0; i < yyjson_arr_size(devices); i++) {
        str_append(json, i > 0 ? "," : "");
        json_append_text(json, yyjson_get_str(yyjson_arr_get(devices, i)));
    }
    str_append(json, "]");
    str_buf text = {0};
    if (yyjson_is_obj(adapter))
        json_append_value(&text, adapter);
    if (text.length > 0 && text.length <= MOST_ADAPTER_BYTES && !text.failed) {
        str_append(json, ",\"adapter\":");
        str_append(json, str_text(&text));
    }
    str_free(&text);
}

static void append_number(str_buf *json, const char *key, double value) {
    str_appendf(json, ",\"%s\":", key);
    if (isnan(value))
        str_append(json, "null");
    else
        json_append_real(json, value);
}

void page_web(const engine_session *s, str_buf *json) {
    const page_figures *f = &s->figures;
    str_append(json, "{\"browser\":");
    json_append_text(json, f->browser);
    str_append(json, ",\"browser_version\":");
    json_append_text(json, tab_browser_version(s->tab));
    str_append(json, ",\"build\":");
    json_append_text(json, f->variant);
    append_devices(json, yyjson_obj_get(yyjson_doc_get_root(f->loaded), "result"));
    append_number(json, "download_ms", f->download_ms);
    append_number(json, "engine_ms", f->engine_ms);
    append_number(json, "downloaded_bytes", f->downloaded_bytes);
    append_number(json, "cached_bytes", f->cached_bytes);
    if (!isnan(f->pipeline_ms)) {
        append_number(json, "plan_ms", f->plan_ms);
        append_number(json, "upload_ms", f->upload_ms);
        append_number(json, "pipeline_ms", f->pipeline_ms);
        append_number(json, "gpu_ms", f->gpu_ms);
        append_number(json, "shaders", f->shaders);
        append_number(json, "shaders_listed", f->shaders_listed);
        str_append_char(json, ',');
        web_features_append(s->features, json);
    }
    append_number(json, "clock_resolution_ms", f->clock_resolution_ms);
    append_number(json, "runs_per_sample", f->runs_per_sample);
    yyjson_doc *answer = ask_memory(s);
    yyjson_val *memory = yyjson_obj_get(yyjson_doc_get_root(answer), "result");
    append_number(json, "wasm_bytes", page_number(memory, "wasm_bytes"));
    append_number(json, "page_bytes", page_number(memory, "page_bytes"));
    yyjson_doc_free(answer);
    str_append(json, "}");
}

void page_memory(const engine_session *s, engine_memory *out) {
    yyjson_doc *answer = ask_memory(s);
    yyjson_val *memory = yyjson_obj_get(yyjson_doc_get_root(answer), "result");
    double model = page_number(memory, "model_bytes"), activation = page_number(memory, "activation_bytes");
    *out = (engine_memory){.model_bytes = isnan(model) ? 0 : (uint64_t)model,
                           .activation_bytes = isnan(activation) ? 0 : (uint64_t)activation,
                           .process_bytes = tab_most_rss(s->tab)};
    yyjson_doc_free(answer);
}
