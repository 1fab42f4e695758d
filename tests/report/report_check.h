/* Made-up records for the reports' tests: no figure here was measured. */
#ifndef ACCEL_TESTS_REPORT_CHECK_H
#define ACCEL_TESTS_REPORT_CHECK_H

#include "report/report.h"
#include "support/test.h"

static inline record made_up(const char *model, const char *engine, double ms) {
    static const int64_t samples[70];
    record r;
    record_init(&r);
    r.record_id = "00000000-0000-4000-8000-000000000000";
    r.provenance = "simulated";
    r.status = "ok";
    r.model_name = model;
    r.model_source = "file";
    r.model_sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    r.platform = str_equal(engine, "openvino") ? "openvino" : "cpu";
    r.device_name = "Made-up CPU";
    r.engine_name = engine;
    r.engine_version = "1.2.3";
    r.batch = 1;
    r.sequence = 128;
    r.precision_asked = r.precision_ran = "fp32";
    r.threads = 2;
    r.mode = "inference";
    r.scenario = "single-stream";
    r.load_ns = 81000000;
    r.compile_ns = 22000000;
    r.first_ns = 15000000;
    r.samples_ns = samples;
    r.samples_ns_count = 70;
    r.latency_median_ms = ms;
    r.latency_mean_ms = ms * 1.01;
    r.latency_ci95_ms = ms * 0.02;
    r.latency_p90_ms = ms * 1.2;
    r.throughput_items_per_s = 1000 / ms;
    r.peak_rss_bytes = 240000000;
    r.verification_reference = "onnxruntime cpu";
    r.relative_l2 = 2e-6;
    r.verified = 1;
    r.machine_id = "a1b2c3";
    r.machine_cpu = "Made-up CPU";
    r.machine_cores = 2;
    r.machine_memory_bytes = 8000000000;
    r.machine_os = "Made-up OS 1";
    r.started_at = "2026-01-02T03:04:05Z";
    r.program_version = "0.1.0";
    r.command_line = "accel bench";
    return r;
}

static inline record made_up_failure(const char *model, const char *engine, const char *status,
                                     const char *why) {
    record r = made_up(model, engine, 1);
    r.status = status;
    r.error = why;
    r.samples_ns = NULL;
    r.samples_ns_count = 0;
    r.latency_median_ms = r.latency_mean_ms = r.latency_ci95_ms = r.latency_p90_ms = (double)NAN;
    r.throughput_items_per_s = (double)NAN;
    r.relative_l2 = (double)NAN;
    r.verified = RECORD_UNKNOWN_BOOL;
    return r;
}

#endif
