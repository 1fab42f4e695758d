/* Records to rows: of models, hardware, series and results. */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "store/inserter.h"

/* ---- models and hardware ------------------------------------------------------------------------------------------------------ */

accel_status stage_model(inserter *in, const record *r, const char *key, accel_error *err) {
    bool is_new;
    ACCEL_TRY(inserter_is_new(in, STAGE_MODELS, key, &is_new, err));
    if (!is_new)
        return ACCEL_OK;
    char metadata[64];
    str_format(metadata, sizeof metadata, "{\"weight_bytes\": %lld}", (long long)r->model_weight_bytes);
    staged_model m = {
        .model_name = r->model_name != NULL ? r->model_name : "",
        .model_family = r->model_family,
        .modality = r->model_modality,
        .source = r->model_source,
        .version = r->model_sha256,
        .parameters_million =
            r->model_parameters == RECORD_NONE ? (double)NAN : (double)r->model_parameters / 1e6,
        .metadata = r->model_weight_bytes == RECORD_NONE ? NULL : metadata,
        .natural_key = key,
    };
    return stage_row(in, STAGE_MODELS, &m, err);
}

static void hardware_metadata(const record *r, str_buf *out) {
    const char *const names[] = {"device_id", "cpu", "machine_id", "virtualised"};
    const char *const values[] = {r->device_id, r->machine_cpu, r->machine_id, r->machine_virtualised};
    str_append(out, "{");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (values[i] == NULL)
            continue;
        str_appendf(out, "%s\"%s\": ", out->length > 1 ? ", " : "", names[i]);
        str_append_json(out, values[i], strlen(values[i]));
    }
    str_append(out, "}");
}

accel_status stage_hardware(inserter *in, const record *r, const char *key, accel_error *err) {
    bool is_new;
    ACCEL_TRY(inserter_is_new(in, STAGE_HARDWARE, key, &is_new, err));
    if (!is_new)
        return ACCEL_OK;
    bool cpu = str_equal(r->platform, "cpu");
    int64_t memory = r->device_memory_bytes != RECORD_NONE ? r->device_memory_bytes
                     : cpu                                 ? r->machine_memory_bytes
                                                           : RECORD_NONE;
    str_buf metadata = {0};
    hardware_metadata(r, &metadata);
    staged_hardware h = {
        .hardware_type = r->platform,
        .device_name = r->device_name,
        .platform = r->machine_os,
        .platform_version = r->machine_kernel,
        .driver_version = r->device_driver,
        .memory_gb = memory == RECORD_NONE ? (double)NAN : (double)memory / 1e9,
        .compute_units = cpu ? r->machine_cores : RECORD_NONE,
        .metadata = str_text(&metadata),
        .natural_key = key,
    };
    accel_status status = metadata.failed ? error_no_memory(err, "a hardware row", metadata.length)
                                          : stage_row(in, STAGE_HARDWARE, &h, err);
    str_free(&metadata);
    return status;
}

/* ---- results ---------------------------------------------------------------------------------------------------------------------- */

static double ms(int64_t ns) {
    return ns == RECORD_NONE ? (double)NAN : (double)ns / 1e6;
}

static double total_seconds(const record *r) {
    if (r->samples_ns_count == 0)
        return (double)NAN;
    double sum = 0;
    for (size_t i = 0; i < r->samples_ns_count; i++)
        sum += (double)r->samples_ns[i];
    return sum / 1e9;
}

static void set_figures(staged_result *s, const record *r) {
    s->total_time_seconds = total_seconds(r);
    s->average_latency_ms = r->latency_mean_ms;
    s->throughput_items_per_second = r->throughput_items_per_s;
    s->memory_peak_mb = r->peak_rss_bytes != RECORD_NONE ? (double)r->peak_rss_bytes / 1e6 : (double)NAN;
    s->iterations = r->samples_ns_count > 0 ? (int64_t)r->samples_ns_count : r->iterations;
    s->warmup_iterations = r->warmup_count;
    s->median_latency_ms = r->latency_median_ms;
    s->p90_latency_ms = r->latency_p90_ms;
    s->p99_latency_ms = r->latency_p99_ms;
    s->ci95_latency_ms = r->latency_ci95_ms;
    s->tokens_per_second = r->tokens_per_s;
    s->load_ms = ms(r->load_ns);
    s->compile_ms = ms(r->compile_ns);
    s->first_ms = ms(r->first_ns);
    s->samples_ns = r->samples_ns;
    s->samples_ns_count = r->samples_ns_count;
}

static void no_figures(staged_result *s) {
    record none;
    record_init(&none);
    set_figures(s, &none);
}

static accel_status stage_identity(inserter *in, const staged_result *s, const store_prepared *p,
                                   accel_error *err) {
    bool is_new;
    ACCEL_TRY(inserter_is_new(in, STAGE_IDENTITIES, p->identity_key, &is_new, err));
    if (!is_new)
        return ACCEL_OK;
    staged_identity i = {
        .model_key = p->model_key, .hardware_key = p->hardware_key, .natural_key = p->identity_key};
#define OF_SERIES(kind, name) i.name = s->name;
    STAGED_SERIES_FIELDS(OF_SERIES)
    return stage_row(in, STAGE_IDENTITIES, &i, err);
}

/* A record that is there twice in a transaction counts once. */
static accel_status stage_record_id(inserter *in, const record *r, bool *is_new, accel_error *err) {
    staged_id s = {.record_id = r->record_id};
    ACCEL_TRY(inserter_wants(in, STAGE_RESULTS, r->record_id, is_new, err));
    if (!*is_new || in->known[STAGE_RESULTS].complete)
        return ACCEL_OK;
    *is_new = key_set_find(&in->ids, r->record_id) == NULL;
    if (!*is_new)
        return ACCEL_OK;
    ACCEL_TRY(key_set_add(&in->ids, r->record_id, "", NULL, err));
    return stage_row(in, STAGE_IDS, &s, err);
}

accel_status stage_result(inserter *in, const char *run_uuid, const record *r, const store_prepared *p,
                          accel_error *err) {
    bool is_new;
    ACCEL_TRY(stage_record_id(in, r, &is_new, err));
    if (!is_new)
        return ACCEL_OK;
    ACCEL_TRY(stage_model(in, r, p->model_key, err));
    ACCEL_TRY(stage_hardware(in, r, p->hardware_key, err));
    staged_result s = {
        .run_uuid = run_uuid,
        .identity_key = p->identity_key,
        .test_case = p->test_case,
        .metrics = p->metrics,
        .batch_size = r->batch,
        .precision = record_precision(r),
        .status = r->status,
        .error_message = r->error,
        .record_id = r->record_id,
        .engine = r->engine_name,
        .engine_version = r->engine_version,
        .precision_asked = r->precision_asked,
        .precision_ran = r->precision_ran,
        .sequence_length = r->sequence,
        .shapes = r->shapes,
        .threads = r->threads,
        .mode = r->mode,
        .scenario = r->scenario,
        .verified = r->verified,
        .reference = r->verification_reference,
        .relative_l2 = r->relative_l2,
        .provenance = r->provenance,
        .is_simulated = record_is_simulated(r),
        .simulation_reason = r->simulation_reason,
    };
    if (record_is_ok(r))
        set_figures(&s, r);
    else
        no_figures(&s);
    ACCEL_TRY(stage_identity(in, &s, p, err));
    return stage_row(in, STAGE_RESULTS, &s, err);
}
