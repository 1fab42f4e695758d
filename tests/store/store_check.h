/* Helpers of the store's tests: made-up records, and one value out of a database. */
#ifndef ACCEL_TESTS_STORE_CHECK_H
#define ACCEL_TESTS_STORE_CHECK_H

#include "store/store.h"
#include "support/temp_folder.h"
#include "support/test.h"

/* A made-up, valid, ok record. The number gives its id. */
static inline record made_up(arena *a, unsigned number) {
    static const int64_t samples[] = {1000000, 1100000, 900000};
    record r;
    record_init(&r);
    r.record_id = arena_printf(a, "%08x-0000-4000-8000-00000000abcd", number);
    r.provenance = "measured";
    r.status = "ok";
    r.model_name = "tiny";
    r.model_source = "file";
    r.model_family = "bert";
    r.model_modality = "text";
    r.model_sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    r.model_parameters = 22700000;
    r.model_weight_bytes = 90800000;
    r.platform = "cpu";
    r.device_name = "Made-up CPU";
    r.engine_name = "native";
    r.engine_version = "0.1";
    r.machine_cpu = "Made-up CPU";
    r.machine_cores = 2;
    r.machine_memory_bytes = 8000000000;
    r.batch = 1;
    r.sequence = 32;
    r.shapes = "{\"input_ids\":[1,32]}";
    r.precision_asked = "fp32";
    r.precision_ran = "fp32";
    r.threads = 2;
    r.mode = "inference";
    r.scenario = "single-stream";
    r.load_ns = 5000000;
    r.first_ns = 2000000;
    r.warmup_count = 3;
    r.samples_ns = samples;
    r.samples_ns_count = 3;
    r.latency_mean_ms = 1.0;
    r.latency_median_ms = 1.0;
    r.latency_min_ms = 900000 * 1e-6;
    r.latency_max_ms = 1100000 * 1e-6;
    r.latency_std_ms = 0.1;
    r.throughput_items_per_s = 1000.0;
    r.peak_rss_bytes = 123000000;
    r.verification_reference = "scalar";
    r.relative_l2 = 1e-6;
    r.verified = 1;
    r.started_at = "2026-01-02T03:04:05Z";
    r.command_line = "accel bench tiny";
    return r;
}

static inline record made_up_failure(arena *a, unsigned number, const char *status) {
    record r = made_up(a, number);
    r.status = status;
    r.error = "it did not run";
    r.samples_ns = NULL;
    r.samples_ns_count = 0;
    r.latency_min_ms = r.latency_max_ms = r.latency_std_ms = (double)NAN;
    r.latency_mean_ms = r.latency_median_ms = r.throughput_items_per_s = (double)NAN;
    r.verified = RECORD_UNKNOWN_BOOL;
    return r;
}

static inline store_writer *writer_of(const char *path, double patience_s) {
    accel_error err = {0};
    store_writer *w = NULL;
    store_options options = {.path = path, .patience_s = patience_s};
    assert_ok(store_writer_create(&options, &w, &err));
    return w;
}

/* Adds the records in one run. */
static inline void add_all(const char *path, const record *records, size_t count) {
    accel_error err = {0};
    store_writer *w = writer_of(path, -1);
    for (size_t i = 0; i < count; i++)
        assert_ok(store_add(w, &records[i], &err));
    assert_ok(store_writer_close(w, true, &err));
}

/* The first cell as text, "" for NULL, in one of four buffers. Fails when the SQL does. */
static inline const char *ask(const char *path, const char *sql) {
    static char texts[4][4096];
    static unsigned next;
    char *text = texts[next++ % 4];
    accel_error err = {0};
    store_result *r = NULL;
    if (store_query(path, sql, 0, &r, &err) != ACCEL_OK)
        fail_msg("%s: %s", sql, err.message);
    bool any = r->row_count > 0 && r->cells[0].text != NULL;
    snprintf(text, sizeof texts[0], "%s", any ? r->cells[0].text : "");
    store_result_destroy(r);
    return text;
}

#endif
