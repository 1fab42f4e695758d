/* Making a database, and made-up rows to try queries and reports on. */
#include <stdio.h>

#include "base/file.h"
#include "base/random.h"
#include "store/store.h"

enum {
    MODELS = 4,
    PLATFORMS = 3,
    BATCHES = 2,
    RUNS = 3,
    SAMPLES = 20,
    PER_RUN = MODELS * PLATFORMS * BATCHES
};

static const struct {
    const char *name, *family, *modality;
    double ms; /* on the first platform */
} sample_models[MODELS] = {{"sample-bert", "bert", "text", 12},
                           {"sample-vit", "vit", "image", 40},
                           {"sample-whisper", "whisper", "audio", 90},
                           {"sample-llama", "llama", "text", 150}};
static const struct {
    const char *name, *engine;
    double faster;
} sample_platforms[PLATFORMS] = {
    {"cpu", "native", 1}, {"openvino", "openvino", 1.2}, {"webgpu", "browser", 2.5}};
#define REASON "made up by accel db create --sample-data"

typedef struct sample_run {
    record records[PER_RUN];
    int64_t samples[PER_RUN][SAMPLES];
    char ids[PER_RUN][40];
    store_web web[MODELS];
    store_integration tests[MODELS];
    store_optimization pairs[2 * MODELS];
    store_compatibility compatible[MODELS];
} sample_run;

static void make_record(sample_run *s, size_t run, size_t i, rng *random) {
    size_t m = i / (PLATFORMS * BATCHES), p = i / BATCHES % PLATFORMS, batch = i % BATCHES ? 8 : 1;
    record *r = &s->records[i];
    double mean = 0, ms = sample_models[m].ms / sample_platforms[p].faster * (double)batch * 0.9;
    record_init(r);
    for (size_t k = 0; k < SAMPLES; k++) {
        s->samples[i][k] = (int64_t)(ms * 1e6 * (0.98 + 0.04 * (double)rng_below(random, 1000) / 1000));
        mean += (double)s->samples[i][k] / 1e6 / (double)SAMPLES;
    }
    snprintf(s->ids[i], sizeof s->ids[i], "5a3b1e00-%04zx-4000-8000-%012zx", run, i);
    r->record_id = s->ids[i];
    r->provenance = "simulated";
    r->is_simulated = 1;
    r->simulation_reason = REASON;
    r->status = "ok";
    r->model_name = sample_models[m].name;
    r->model_family = sample_models[m].family;
    r->model_modality = sample_models[m].modality;
    r->platform = sample_platforms[p].name;
    r->engine_name = sample_platforms[p].engine;
    r->device_name = "made-up device";
    if (str_equal(r->engine_name, "browser"))
        r->device_id = "chromium";
    r->batch = (int64_t)batch;
    r->precision_asked = r->precision_ran = "fp32";
    r->mode = "inference";
    r->scenario = "single-stream";
    r->samples_ns = s->samples[i];
    r->samples_ns_count = SAMPLES;
    r->latency_mean_ms = r->latency_median_ms = mean;
    r->throughput_items_per_s = 1000 * (double)batch / mean;
    r->peak_rss_bytes = 100000000 * (int64_t)(m + 1);
}

#define SIMULATED(row)                                                                                       \
    ((row).provenance = "simulated", (row).is_simulated = 1, (row).simulation_reason = REASON)

static void make_rows(sample_run *s, size_t m, const char *started_at) {
    static const char *const states[] = {"pass", "fail", "error", "skip"};
    store_web *w = &s->web[m];
    store_integration *t = &s->tests[m];
    store_compatibility *c = &s->compatible[m];
    store_web_init(w);
    store_integration_init(t);
    store_compatibility_init(c);
    w->model_name = t->model_name = c->model_name = sample_models[m].name;
    w->model_family = t->model_family = c->model_family = sample_models[m].family;
    w->model_modality = t->model_modality = c->model_modality = sample_models[m].modality;
    w->hardware_type = w->platform = "webgpu";
    w->browser = m % 2 ? "firefox" : "chromium";
    w->success = 1;
    w->load_time_ms = 10 * sample_models[m].ms;
    w->inference_time_ms = sample_models[m].ms / 2;
    t->test_module = "sample_tests";
    t->test_name = sample_models[m].name;
    t->status = states[m];
    t->error_message = m == 0 ? NULL : "made up";
    c->hardware_type = "rocm";
    c->is_compatible = c->detection_success = c->initialization_success = 0;
    c->error_type = "absent";
    c->error_message = "made up";
    SIMULATED(*w);
    SIMULATED(*t);
    SIMULATED(*c);
    for (int on = 0; on < 2; on++) {
        store_optimization *o = &s->pairs[2 * m + (size_t)on];
        store_optimization_init(o);
        o->test_datetime = started_at;
        o->test_type = "shader_precompilation";
        o->model_name = sample_models[m].name;
        o->model_family = sample_models[m].family;
        o->optimization_enabled = on;
        o->initialization_time_ms = on ? 60 : 140;
        o->execution_time_ms = sample_models[m].ms;
        o->hardware_type = "webgpu";
        o->browser = "chromium";
        SIMULATED(*o);
    }
}

static accel_status add_run(store_bulk *bulk, size_t run, accel_error *err) {
    static sample_run s; /* 20 kB; one database is open at a time */
    char uuid[40], started_at[32];
    rng random;
    rng_seed(&random, run);
    snprintf(uuid, sizeof uuid, "5a3b1e00-%04zx-4000-9000-000000000000", run);
    snprintf(started_at, sizeof started_at, "2026-01-%02zuT12:00:00Z", run + 1);
    for (size_t i = 0; i < PER_RUN; i++)
        make_record(&s, run, i, &random);
    for (size_t m = 0; m < MODELS; m++)
        make_rows(&s, m, started_at);
    store_batch b = {.records = s.records,
                     .record_count = PER_RUN,
                     .web_rows = s.web,
                     .web_count = MODELS,
                     .integration_rows = s.tests,
                     .integration_count = MODELS,
                     .optimization_rows = s.pairs,
                     .optimization_count = 2 * (size_t)MODELS,
                     .compatibility_rows = s.compatible,
                     .compatibility_count = run == 0 ? MODELS : 0};
    store_run_init(&b.run);
    b.run.uuid = uuid;
    b.run.test_name = "sample data";
    b.run.started_at = b.run.completed_at = started_at;
    b.run.success = 1;
    return store_bulk_add(bulk, &b, err);
}

accel_status store_create(const char *path, bool with_samples, bool *made, accel_error *err) {
    store_bulk *bulk;
    bool was_there = file_exists(path);
    ACCEL_TRY(store_bulk_open(path, -1, &bulk, err));
    accel_status status = ACCEL_OK;
    for (size_t run = 0; run < RUNS && with_samples && status == ACCEL_OK; run++) {
        status = add_run(bulk, run, err);
        if (status ==
            ACCEL_OK) /* each on its own: compatibility rows have no key by which they are found again */
            status = store_bulk_commit(bulk, NULL, err);
    }
    store_bulk_close(bulk);
    if (made != NULL)
        *made = !was_there;
    return status;
}
