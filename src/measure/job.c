#include "measure/job.h"

#include <string.h>

static const char *const task_names[] = {[JOB_PROBE] = "probe",
                                         [JOB_PREPARE] = "prepare",
                                         [JOB_CASE] = "case",
                                         [JOB_REFERENCE] = "reference",
                                         [JOB_TUNE] = "tune"};

case_status case_status_of(accel_status status) {
    switch (status) {
    case ACCEL_OK:
        return CASE_OK;
    case ACCEL_OUT_OF_MEMORY:
        return CASE_OUT_OF_MEMORY;
    case ACCEL_UNSUPPORTED:
        return CASE_UNSUPPORTED;
    case ACCEL_ABSENT:
        return CASE_ABSENT;
    case ACCEL_TIMEOUT:
        return CASE_TIMEOUT;
    case ACCEL_CANCELLED:
        return CASE_CANCELLED;
    case ACCEL_CRASHED:
        return CASE_CRASHED;
    default:
        return CASE_ERROR;
    }
}

static void append_text(str_buf *out, const char *key, const char *text) {
    str_appendf(out, ",\"%s\":", key);
    json_append_text(out, text);
}

static void append_int(str_buf *out, const char *key, int64_t value) {
    str_appendf(out, ",\"%s\":%lld", key, (long long)value);
}

static void append_bool(str_buf *out, const char *key, bool value) {
    str_appendf(out, ",\"%s\":%s", key, value ? "true" : "false");
}

void device_append_json(str_buf *out, const engine_device *d) {
    str_appendf(out, "{\"platform\":\"%s\"", platform_name(d->platform));
    append_text(out, "id", d->id);
    append_text(out, "name", d->name);
    append_text(out, "driver", d->driver);
    str_appendf(out, ",\"memory_bytes\":%llu", (unsigned long long)d->memory_bytes);
    append_int(out, "precisions", (int64_t)d->precisions);
    append_text(out, "lacks", d->lacks);
    append_bool(out, "elsewhere", d->elsewhere);
    append_bool(out, "available", d->available);
    append_bool(out, "crashed", d->crashed);
    append_text(out, "reason", d->reason);
    append_text(out, "note", d->note);
    str_append_char(out, '}');
}

bool device_from_json(yyjson_val *object, arena *a, engine_device *out) {
    bool ok = yyjson_is_obj(object);
    const char *name = json_get_text(object, "platform", a, &ok);
    if (!ok || !platform_from_name(name, &out->platform))
        return false;
    out->id = json_get_text(object, "id", a, &ok);
    out->name = json_get_text(object, "name", a, &ok);
    out->driver = json_get_text(object, "driver", a, &ok);
    int64_t memory_bytes = json_get_int(object, "memory_bytes", 0, &ok);
    out->memory_bytes = memory_bytes > 0 ? (uint64_t)memory_bytes : 0;
    out->precisions = (uint32_t)(json_get_int(object, "precisions", 0, &ok) & 0xffffffff);
    out->lacks = json_get_text(object, "lacks", a, &ok);
    out->elsewhere = json_get_bool(object, "elsewhere", false, &ok);
    out->available = json_get_bool(object, "available", false, &ok);
    out->crashed = json_get_bool(object, "crashed", false, &ok);
    out->reason = json_get_text(object, "reason", a, &ok);
    out->note = json_get_text(object, "note", a, &ok);
    return ok;
}

void report_append_json(str_buf *out, const engine_report *r) {
    str_appendf(out, "{\"present\":%s", r->present ? "true" : "false");
    append_text(out, "reason", r->reason);
    append_text(out, "version", r->version);
    append_text(out, "library", r->library);
    str_append(out, ",\"devices\":[");
    for (size_t i = 0; i < r->device_count; i++) {
        str_append(out, i ? "," : "");
        device_append_json(out, &r->devices[i]);
    }
    str_append(out, "]}");
}

accel_status report_from_json(yyjson_val *object, arena *a, engine_report *out, accel_error *err) {
    bool ok = yyjson_is_obj(object);
    yyjson_val *devices = yyjson_obj_get(object, "devices");
    size_t count = yyjson_arr_size(devices);
    *out = (engine_report){0};
    out->present = json_get_bool(object, "present", false, &ok);
    out->reason = json_get_text(object, "reason", a, &ok);
    out->version = json_get_text(object, "version", a, &ok);
    out->library = json_get_text(object, "library", a, &ok);
    out->devices = ARENA_ARRAY(a, engine_device, count);
    if (!out->devices)
        return error_no_memory(err, "devices", count * sizeof *out->devices);
    for (; ok && out->device_count < count; out->device_count++)
        ok =
            device_from_json(yyjson_arr_get(devices, out->device_count), a, &out->devices[out->device_count]);
    return ok ? ACCEL_OK : error_set(err, ACCEL_RUNTIME, "its probe gave a report that cannot be read");
}

static void append_dims(str_buf *out, const bench_case *c) {
    str_append(out, ",\"dims\":[");
    for (size_t i = 0; i < c->dim_count; i++) {
        str_append(out, i ? ",{\"name\":" : "{\"name\":");
        json_append_text(out, c->dims[i].name);
        str_appendf(out, ",\"value\":%lld}", (long long)c->dims[i].value);
    }
    str_append_char(out, ']');
}

void case_append_json(str_buf *out, const bench_case *c) {
    str_append(out, "{\"model\":");
    json_append_text(out, c->model);
    str_appendf(out, ",\"platform\":\"%s\",\"precision\":\"%s\"", platform_name(c->platform),
                precision_name(c->precision));
    append_text(out, "mode", zoo_mode_name(c->mode));
    append_text(out, "engine", c->engine);
    append_text(out, "engine_version", c->engine_version);
    str_append(out, ",\"device\":");
    device_append_json(out, &c->device);
    append_int(out, "batch", c->batch);
    append_int(out, "sequence", c->sequence);
    append_dims(out, c);
    append_int(out, "threads", c->threads);
    append_int(out, "repeat", c->repeat);
    append_bool(out, "asked_by_name", c->asked_by_name);
    append_text(out, "preset", case_status_name(c->preset));
    append_text(out, "reason", c->reason);
    str_append_char(out, '}');
}

static bool in_range(int64_t value, int64_t low, int64_t high) {
    return value >= low && value <= high;
}

static bool read_dims(yyjson_val *list, arena *a, bench_case *out) {
    size_t count = yyjson_arr_size(list);
    zoo_dim *dims = ARENA_ARRAY(a, zoo_dim, count);
    bool ok = dims != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        yyjson_val *item = yyjson_arr_get(list, i);
        dims[i].name = json_get_text(item, "name", a, &ok);
        dims[i].value = json_get_int(item, "value", -1, &ok);
        ok = ok && dims[i].name && dims[i].value >= 0;
    }
    out->dims = dims;
    out->dim_count = count;
    return ok;
}

accel_status case_from_json(yyjson_val *object, arena *a, bench_case *out, accel_error *err) {
    bool ok = yyjson_is_obj(object);
    *out = (bench_case){0};
    out->model = json_get_text(object, "model", a, &ok);
    out->engine = json_get_text(object, "engine", a, &ok);
    out->engine_version = json_get_text(object, "engine_version", a, &ok);
    const char *platform_text = json_get_text(object, "platform", a, &ok);
    const char *precision_text = json_get_text(object, "precision", a, &ok);
    const char *preset = json_get_text(object, "preset", a, &ok);
    const char *mode = json_get_text(object, "mode", a, &ok);
    out->reason = json_get_text(object, "reason", a, &ok);
    out->batch = json_get_int(object, "batch", 0, &ok);
    out->sequence = json_get_int(object, "sequence", 0, &ok);
    out->threads = json_get_int(object, "threads", 1, &ok);
    out->repeat = json_get_int(object, "repeat", 0, &ok);
    out->asked_by_name = json_get_bool(object, "asked_by_name", false, &ok);
    ok = ok && out->model && out->engine && platform_from_name(platform_text, &out->platform) &&
         precision_from_name(precision_text ? precision_text : "fp32", &out->precision) &&
         zoo_mode_from_name(mode ? mode : "inference", &out->mode) &&
         case_status_from_name(preset ? preset : "ok", &out->preset) &&
         device_from_json(yyjson_obj_get(object, "device"), a, &out->device) &&
         read_dims(yyjson_obj_get(object, "dims"), a, out);
    ok = ok && in_range(out->batch, 0, 1 << 24) && in_range(out->sequence, 0, 1 << 24) &&
         in_range(out->threads, 1, 1 << 16) && in_range(out->repeat, 0, 1 << 20);
    return ok ? ACCEL_OK
              : error_set(err, ACCEL_BAD_FILE,
                          "case: a member is missing or has a value that it cannot have");
}

/* ---- jobs ------------------------------------------------------------------------------------------------------------ */

static void append_texts(str_buf *out, const char *key, const char *const *texts, size_t count) {
    str_appendf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        str_append(out, i ? "," : "");
        json_append_text(out, texts[i]);
    }
    str_append_char(out, ']');
}

static void append_context(str_buf *out, const engine_context *context) {
    if (!context)
        return;
    append_text(out, "program_folder", context->program_folder);
    append_text(out, "tuning_path", context->tuning_path);
    append_texts(out, "runtime_paths", context->runtime_paths, context->runtime_path_count);
    append_texts(out, "browsers", context->browsers, context->browser_count);
}

void job_write_json(const child_job *job, str_buf *out) {
    str_appendf(out, "{\"task\":\"%s\",\"case\":", task_names[job->task]);
    case_append_json(out, job->c);
    append_int(out, "seed", job->seed);
    append_int(out, "instances", job->instances);
    append_bool(out, "allow_fallback", job->allow_fallback);
    append_bool(out, "deterministic", job->deterministic);
    append_text(out, "onnx_path", job->onnx_path);
    append_text(out, "folder", job->folder);
    append_text(out, "known_sha256", job->known_sha256);
    append_text(out, "file_engines", job->file_engines);
    append_text(out, "data_folder", job->data_folder);
    append_texts(out, "tunings", job->tunings, job->tuning_count);
    append_int(out, "keys", job->keys);
    str_append(out, ",\"seconds\":");
    json_append_real(out, job->seconds);
    append_context(out, job->context);
    str_append_char(out, '}');
}

static const char *const *read_texts(yyjson_val *list, arena *a, size_t *count, bool *ok) {
    *count = yyjson_arr_size(list);
    const char **texts = ARENA_ARRAY(a, const char *, *count);
    for (size_t i = 0; texts && i < *count; i++) {
        const char *text = yyjson_get_str(yyjson_arr_get(list, i));
        texts[i] = arena_strdup(a, text ? text : "");
        *ok = *ok && texts[i];
    }
    *ok = *ok && texts;
    return texts;
}

static accel_status read_context(yyjson_val *root, arena *a, child_job *out, accel_error *err) {
    bool ok = true;
    engine_context *context = ARENA_NEW(a, engine_context);
    if (!context)
        return error_no_memory(err, "a job", sizeof *context);
    context->runtime_paths =
        read_texts(yyjson_obj_get(root, "runtime_paths"), a, &context->runtime_path_count, &ok);
    context->browsers = read_texts(yyjson_obj_get(root, "browsers"), a, &context->browser_count, &ok);
    context->program_folder = json_get_text(root, "program_folder", a, &ok);
    context->tuning_path = json_get_text(root, "tuning_path", a, &ok);
    out->context = context;
    return ok ? ACCEL_OK : error_set(err, ACCEL_BAD_FILE, "job: bad paths or browsers");
}

static accel_status read_job(yyjson_val *root, arena *a, child_job *out, accel_error *err) {
    bool ok = yyjson_is_obj(root);
    const char *task = json_get_text(root, "task", a, &ok);
    *out = (child_job){0};
    for (size_t i = 0; i < sizeof task_names / sizeof *task_names; i++)
        if (str_equal(task, task_names[i]))
            out->task = (job_task)i;
    bench_case *c = ARENA_NEW(a, bench_case);
    if (!c)
        return error_no_memory(err, "a job", sizeof *c);
    ACCEL_TRY(case_from_json(yyjson_obj_get(root, "case"), a, c, err));
    ACCEL_TRY(read_context(root, a, out, err));
    out->c = c;
    out->seed = json_get_int(root, "seed", 0, &ok);
    out->instances = json_get_int(root, "instances", 1, &ok);
    out->allow_fallback = json_get_bool(root, "allow_fallback", false, &ok);
    out->deterministic = json_get_bool(root, "deterministic", false, &ok);
    out->onnx_path = json_get_text(root, "onnx_path", a, &ok);
    out->folder = json_get_text(root, "folder", a, &ok);
    out->known_sha256 = json_get_text(root, "known_sha256", a, &ok);
    out->file_engines = json_get_text(root, "file_engines", a, &ok);
    out->data_folder = json_get_text(root, "data_folder", a, &ok);
    out->tunings = read_texts(yyjson_obj_get(root, "tunings"), a, &out->tuning_count, &ok);
    out->keys = json_get_int(root, "keys", 0, &ok);
    out->seconds = json_get_real(root, "seconds", 0, &ok);
    return ok ? ACCEL_OK : error_set(err, ACCEL_BAD_FILE, "job: a member has the wrong type");
}

accel_status job_read_json(const char *json, size_t length, arena *a, child_job *out, accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(json, length, 1 << 22, "job", &doc, err));
    accel_status status = read_job(yyjson_doc_get_root(doc), a, out, err);
    yyjson_doc_free(doc);
    return status;
}
