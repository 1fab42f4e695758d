/* What a child is told to do, and the JSON of cases that job and plan share. Private to measure/. */
#ifndef ACCEL_MEASURE_JOB_H
#define ACCEL_MEASURE_JOB_H

#include "base/json.h"
#include "measure/measure.h"

typedef enum job_task {
    JOB_PROBE,     /* say what one engine finds */
    JOB_PREPARE,   /* load a model, say what it is, write it for engines that read files */
    JOB_CASE,      /* load, run, sample as told */
    JOB_REFERENCE, /* run the scalar evaluator once */
    JOB_TUNE       /* a model under several tunings; none: say what the device is */
} job_task;

typedef struct child_job {
    job_task task;
    const bench_case *c; /* PROBE: only its engine; PREPARE: only model and shapes */
    int64_t seed;
    int64_t instances; /* sessions side by side (offline), else 1 */
    bool allow_fallback, deterministic;
    const char *onnx_path;      /* for engines that read a file, and TUNE; else NULL */
    const char *folder;         /* PREPARE: where to write */
    const char *known_sha256;   /* PREPARE: of an earlier one of this model, or NULL */
    const char *file_engines;   /* PREPARE: names of engines to write for, separated by blanks */
    const char *const *tunings; /* TUNE */
    size_t tuning_count;
    int64_t keys;   /* TUNE: tune_inputs_make */
    double seconds; /* TUNE: of the trials */
    const engine_context *context;
    const char *data_folder;
} child_job;

void job_write_json(const child_job *job, str_buf *out);
/* Texts live in a. */
accel_status job_read_json(const char *json, size_t length, arena *a, child_job *out, accel_error *err);

void case_append_json(str_buf *out, const bench_case *c);
accel_status case_from_json(yyjson_val *object, arena *a, bench_case *out, accel_error *err);
void device_append_json(str_buf *out, const engine_device *d);
bool device_from_json(yyjson_val *object, arena *a, engine_device *out);
void report_append_json(str_buf *out, const engine_report *r);
accel_status report_from_json(yyjson_val *object, arena *a, engine_report *out, accel_error *err);

case_status case_status_of(accel_status status);

#endif
