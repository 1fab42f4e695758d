/* optimum-benchmark: benchmark.json {config, report}, and benchmark_report.json, which is the report alone. A report has one object a target (load,
 * forward, prefill, decode, per_token, train, …) with latencies in seconds, memory in MB and energy in kWh. */
#include "import/foreign/foreign.h"

#include <math.h>

static const struct target {
    const char *name, *mode;
} targets[] = {{"forward", "inference"},
               {"prefill", "prefill"},
               {"decode", "decode"},
               {"call", "inference"},
               {"train", "training"}};
enum { TARGET_COUNT = sizeof targets / sizeof *targets };

static bool is_target(yyjson_val *v) {
    yyjson_val *latency = value_any(v, "latency");
    return yyjson_is_obj(latency) && yyjson_obj_get(latency, "unit") != NULL;
}

static bool is_report(yyjson_val *root) {
    for (size_t i = 0; i < TARGET_COUNT; i++)
        if (is_target(value_any(root, targets[i].name)))
            return true;
    return is_target(value_any(root, "load"));
}

static bool matches(yyjson_val *root) {
    return yyjson_is_obj(value_any(root, "config")) && is_report(value_any(root, "report"));
}

/* ---- what it is about -------------------------------------------------------------------------------------------------- */

static const char *platform_of(const char *backend, yyjson_val *settings) {
    const char *provider = json_text(value_any(settings, "provider"));
    if (str_equal(backend, "openvino") || str_equal(provider, "OpenVINOExecutionProvider"))
        return "openvino"; /* whatever the device */
    if (str_equal(provider, "CUDAExecutionProvider") || str_equal(provider, "TensorrtExecutionProvider"))
        return "cuda";
    if (str_equal(provider, "ROCMExecutionProvider") || str_equal(provider, "MIGraphXExecutionProvider"))
        return "rocm";
    if (str_equal(provider, "CPUExecutionProvider"))
        return "cpu";
    return value_platform(json_text(value_any(settings, "device")));
}

static void set_about(import_context *c, yyjson_val *config, record *r) {
    yyjson_val *backend = value_any(config, "backend"),
               *shapes = value_any(value_any(config, "scenario"), "input_shapes");
    yyjson_val *environment = value_any(config, "environment");
    r->engine_name = value_text(c, value_any(backend, "name"));
    r->engine_version = value_text(c, value_any(backend, "version"));
    r->platform = platform_of(r->engine_name, backend);
    r->model_name = value_text(c, value_any(backend, "model"));
    r->model_family = value_text(c, value_any(backend, "model_type"));
    if (value_any(backend, "quantization_scheme|quantization|load_in_8bit|load_in_4bit") == NULL)
        r->precision_asked = r->precision_ran =
            value_precision(json_text(value_any(backend, "torch_dtype|dtype|precision")));
    int64_t count;
    if (value_count(value_any(shapes, "batch_size"), &count) && count > 0)
        r->batch = count;
    if (value_count(value_any(shapes, "sequence_length"), &count) && count > 0)
        r->sequence = count;
    if (value_count(value_any(backend, "intra_op_num_threads"), &count) && count > 0)
        r->threads = count;
    yyjson_val *gpus = value_any(environment, "gpu");
    const char *cpu = value_text(c, value_any(environment, "cpu"));
    r->machine_cpu = cpu != NULL ? cpu + (*cpu == ' ') : NULL;
    r->machine_os = value_text(c, value_any(environment, "system"));
    if (value_count(value_any(environment, "cpu_count"), &count))
        r->machine_cores = count;
    if (str_equal(r->platform, "cpu"))
        r->device_name = r->machine_cpu;
    else if (yyjson_arr_size(gpus) == 1)
        r->device_name = value_text(c, yyjson_arr_get_first(gpus));
}

/* ---- figures ------------------------------------------------------------------------------------------------------------- */

static double ns_of_unit(yyjson_val *latency) {
    const char *unit = json_text(value_any(latency, "unit"));
    return str_equal(unit, "s") ? 1e9 : str_equal(unit, "ms") ? 1e6 : (double)NAN;
}

static double number(yyjson_val *object, const char *names) {
    double value = (double)NAN;
    return value_number(value_any(object, names), &value) && value > 0 ? value : (double)NAN;
}

static accel_status set_latency(import_context *c, const char *name, yyjson_val *latency, record *r,
                                accel_error *err) {
    double unit = ns_of_unit(latency);
    if (isnan(unit))
        return error_set(err, ACCEL_BAD_FILE, "%s: its latencies are in %.20s, not s or ms", name,
                         json_text(value_any(latency, "unit")) != NULL ? json_text(value_any(latency, "unit"))
                                                                       : "no unit");
    ACCEL_TRY(foreign_samples(c, value_any(latency, "values"), unit, r, err));
    r->latency_mean_ms = number(latency, "mean") * unit / 1e6;
    if (r->samples_ns_count > 0)
        return ACCEL_OK; /* the rest follows from them */
    int64_t count;
    if (value_count(value_any(latency, "count"), &count))
        r->iterations = count;
    r->latency_median_ms = number(latency, "p50") * unit / 1e6;
    r->latency_std_ms = number(latency, "stdev") * unit / 1e6;
    r->latency_p90_ms = number(latency, "p90") * unit / 1e6;
    r->latency_p95_ms = number(latency, "p95") * unit / 1e6;
    r->latency_p99_ms = number(latency, "p99") * unit / 1e6;
    return ACCEL_OK;
}

static void set_throughput(yyjson_val *target, record *r) {
    yyjson_val *throughput = value_any(target, "throughput");
    const char *unit = json_text(value_any(throughput, "unit"));
    double value = number(throughput, "value");
    if (unit != NULL && str_starts_with(unit, "tokens/"))
        r->tokens_per_s = value;
    else if (str_equal(unit, "samples/s") || str_equal(unit, "images/s"))
        r->throughput_items_per_s = value;
}

static int64_t bytes_of_mb(yyjson_val *memory, const char *name) {
    bool mb = value_is_text(value_any(memory, "unit"), "MB");
    double value = number(memory, name);
    return mb && value < 1e12 ? (int64_t)llround(value * 1e6) : RECORD_NONE;
}

static void set_memory_and_energy(yyjson_val *target, record *r) {
    yyjson_val *memory = value_any(target, "memory"), *energy = value_any(target, "energy");
    r->peak_rss_bytes = bytes_of_mb(memory, "max_ram");
    r->device_bytes = bytes_of_mb(memory, "max_process_vram");
    if (value_is_text(value_any(energy, "unit"), "kWh"))
        r->energy_j = number(energy, "total") * 3.6e6;
}

static accel_status add(import_context *c, const record *about, const struct target *t, yyjson_val *report,
                        const char *config, import_rows *rows, accel_error *err) {
    yyjson_val *target = value_any(report, t->name), *load = value_any(report, "load");
    /* decode's latencies are of all tokens of a text; a step is per_token's */
    yyjson_val *steps = str_equal(t->mode, "decode") ? value_any(report, "per_token") : target;
    record own = *about, *r = &own;
    r->mode = t->mode;
    r->scenario = "single-stream";
    if (is_target(steps))
        ACCEL_TRY(set_latency(c, t->name, value_any(steps, "latency"), r, err));
    set_throughput(target, r);
    set_memory_and_energy(target, r);
    double unit = ns_of_unit(value_any(load, "latency"));
    r->load_ns = isnan(unit) ? RECORD_NONE : foreign_ns(number(value_any(load, "latency"), "mean"), unit);
    if (r->samples_ns_count == 0 && isnan(r->latency_mean_ms) && isnan(r->tokens_per_s) &&
        isnan(r->throughput_items_per_s)) {
        import_note(c, "%s: it has no figure", t->name);
        return ACCEL_OK;
    }
    const char *rest = r->samples_ns_count > 0 ? NULL : value_json(c, target);
    const char *kept = arena_printf(c->arena, "{\"target\":\"%s\",\"config\":%s%s%s}", t->name, config,
                                    rest != NULL ? ",\"report\":" : "", rest != NULL ? rest : "");
    if (kept == NULL)
        return error_no_memory(err, "a record", 0);
    ACCEL_TRY(foreign_finish(c, r, kept, err));
    *import_add_record(rows) = own;
    return ACCEL_OK;
}

static accel_status read_report(import_context *c, yyjson_val *config, yyjson_val *report, import_rows *rows,
                                accel_error *err) {
    record about;
    record_init(&about);
    about.provenance = "imported";
    about.is_simulated = 0;
    if (config != NULL)
        set_about(c, config, &about);
    if (!foreign_about(c, &about))
        return ACCEL_OK;
    const char *text = config != NULL ? value_json(c, config) : "null";
    bool any = false;
    for (size_t i = 0; i < TARGET_COUNT; i++) {
        if (!is_target(value_any(report, targets[i].name)))
            continue;
        any = true;
        ACCEL_TRY(add(c, &about, &targets[i], report, text, rows, err));
    }
    if (!any)
        c->skip = "it only tells how long loading took: no inference was measured";
    return ACCEL_OK;
}

static accel_status read(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    return read_report(c, value_any(root, "config"), value_any(root, "report"), rows, err);
}

const import_shape shape_optimum_benchmark = {"optimum-benchmark", "performance", matches, read};

static accel_status read_alone(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    return read_report(c, NULL, root, rows, err);
}

const import_shape shape_optimum_report = {"optimum-benchmark report", "performance", is_report, read_alone};
