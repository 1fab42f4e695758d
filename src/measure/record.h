/* The result record: the joint of the house. The harness, a browser tab and an importer produce it; the store accepts nothing
 * else. RECORD_FIELDS is the one description from which the struct, the JSON writer and reader, the JSON Schema and the
 * documentation are made. Absent is null in JSON: for numbers NAN (doubles) or RECORD_NONE (integers), for text NULL. Never 0. */
#ifndef ACCEL_MEASURE_RECORD_H
#define ACCEL_MEASURE_RECORD_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum { RECORD_SCHEMA_VERSION = 1 };
#define RECORD_NONE         INT64_MIN
#define RECORD_UNKNOWN_BOOL (-1)

#define CASE_STATUS_LIST(X)                                                                                  \
    X(CASE_OK, "ok")                                                                                         \
    X(CASE_UNSUPPORTED, "unsupported")                                                                       \
    X(CASE_ABSENT, "absent")                                                                                 \
    X(CASE_CRASHED, "crashed")                                                                               \
    X(CASE_TIMEOUT, "timeout")                                                                               \
    X(CASE_OUT_OF_MEMORY, "out_of_memory")                                                                   \
    X(CASE_WRONG_OUTPUT, "wrong_output")                                                                     \
    X(CASE_ERROR, "error")                                                                                   \
    X(CASE_CANCELLED, "cancelled")

typedef enum case_status {
#define CASE_STATUS_ENUM(symbol, name) symbol,
    CASE_STATUS_LIST(CASE_STATUS_ENUM)
#undef CASE_STATUS_ENUM
        CASE_STATUS_COUNT
} case_status;
const char *case_status_name(case_status s);
bool case_status_from_name(const char *name, case_status *out);

/* X(kind, member, json path, unit or "", what it is)
 * Kinds: TEXT const char *; INT int64_t; REAL double; BOOL int (0, 1, RECORD_UNKNOWN_BOOL); INTS int64_t array with <member>_count;
 * JSON const char *, a JSON text kept as it is. Paths with a dot are nested objects. */
#define RECORD_FIELDS(X)                                                                                     \
    X(INT, schema_version, "schema_version", "", "version of this description")                              \
    X(TEXT, record_id, "record_id", "", "UUID; unique for ever")                                             \
    X(TEXT, provenance, "provenance", "", "measured, predicted, imported or simulated")                      \
    X(BOOL, is_simulated, "is_simulated", "",                                                                \
      "no measurement, whatever the provenance; null: only where that says simulated")                       \
    X(TEXT, simulation_reason, "simulation_reason", "", "what shows that it was simulated")                  \
    X(TEXT, status, "status", "",                                                                            \
      "ok, unsupported, absent, crashed, timeout, out_of_memory, wrong_output, error, cancelled")            \
    X(TEXT, error, "error", "", "one sentence when the status is not ok")                                    \
    X(TEXT, model_name, "model.name", "", "name or file name of the model")                                  \
    X(TEXT, model_source, "model.source", "", "where the weights come from: file, hf or generated")          \
    X(TEXT, model_family, "model.family", "", "model class: bert, vit, …")                                   \
    X(TEXT, model_modality, "model.modality", "", "text, image, audio, video, multimodal")                   \
    X(TEXT, model_sha256, "model.sha256", "", "SHA-256 over graph and weights")                              \
    X(INT, model_parameters, "model.parameters", "", "weights' elements")                                    \
    X(REAL, model_flops, "model.flops", "FLOP",                                                              \
      "floating-point operations of one inference at these shapes")                                          \
    X(INT, model_weight_bytes, "model.weight_bytes", "B", "bytes of all weights as stored")                  \
    X(TEXT, platform, "platform", "", "cpu, cuda, rocm, mps, openvino, qnn, webnn, webgpu, wasm, vulkan")    \
    X(TEXT, device_name, "device.name", "", "the device")                                                    \
    X(TEXT, device_id, "device.id", "", "what the engine calls it")                                          \
    X(TEXT, device_driver, "device.driver", "", "version of its driver")                                     \
    X(INT, device_memory_bytes, "device.memory_bytes", "B", "its memory")                                    \
    X(TEXT, engine_name, "engine.name", "", "native, onnxruntime, openvino, …")                              \
    X(TEXT, engine_version, "engine.version", "", "version of the engine")                                   \
    X(TEXT, engine_options, "engine.options", "",                                                            \
      "settings that matter: spinning, allocator, hints, instruction set")                                   \
    X(INT, batch, "batch", "", "elements of the batch")                                                      \
    X(INT, sequence, "sequence", "tokens",                                                                   \
      "sequence length, where the model has one; in decode, the tokens before the one that is added")        \
    X(JSON, shapes, "shapes", "", "object: shape of each input")                                             \
    X(TEXT, precision_asked, "precision_asked", "", "fp32, fp16, bf16, int8, int4")                          \
    X(TEXT, precision_ran, "precision_ran", "", "what the engine computed in")                               \
    X(INT, threads, "threads", "", "threads of one session")                                                 \
    X(TEXT, mode, "mode", "", "inference, prefill, decode or training")                                      \
    X(TEXT, scenario, "scenario", "", "single-stream, offline or server")                                    \
    X(JSON, scenario_details, "scenario_details", "",                                                        \
      "object: instances, target rate, latency bound, search of the scenario")                               \
    X(INT, seed, "seed", "", "seed of the inputs and generated weights")                                     \
    X(INT, repeat, "repeat", "", "number of this process-level repetition, from 0")                          \
    X(INT, load_ns, "load_ns", "ns", "reading the model into the runtime")                                   \
    X(INT, compile_ns, "compile_ns", "ns", "optimising and packing, where known apart")                      \
    X(INT, first_ns, "first_ns", "ns", "first inference")                                                    \
    X(INT, warmup_count, "warmup_count", "", "inferences before the series was judged")                      \
    X(BOOL, steady, "steady", "", "the series reached a steady state")                                       \
    X(INT, iterations, "iterations", "", "measured inferences, of results whose samples were not kept")      \
    X(INTS, samples_ns, "samples_ns", "ns", "every measured latency, in order")                              \
    X(INT, samples_discarded, "samples_discarded", "",                                                       \
      "samples dropped because of foreign load in their block")                                              \
    X(INT, clock_overhead_ns, "clock_overhead_ns", "ns", "median cost of reading the clock")                 \
    X(TEXT, clock_source, "clock_source", "", "name of the clock")                                           \
    X(REAL, latency_mean_ms, "latency_ms.mean", "ms", "")                                                    \
    X(REAL, latency_median_ms, "latency_ms.median", "ms", "ordinary median (p50)")                           \
    X(REAL, latency_min_ms, "latency_ms.min", "ms", "")                                                      \
    X(REAL, latency_max_ms, "latency_ms.max", "ms", "")                                                      \
    X(REAL, latency_std_ms, "latency_ms.std", "ms", "sample standard deviation")                             \
    X(REAL, latency_p90_ms, "latency_ms.p90", "ms", "by the early-stopping rule; null below 64 samples")     \
    X(REAL, latency_p95_ms, "latency_ms.p95", "ms", "null below 130 samples")                                \
    X(REAL, latency_p99_ms, "latency_ms.p99", "ms", "null below 662 samples")                                \
    X(REAL, latency_ci95_ms, "latency_ms.ci95", "ms", "half width of the 95 % interval of the mean")         \
    X(REAL, throughput_items_per_s, "throughput_items_per_s", "1/s", "elements of the batch per second")     \
    X(REAL, tokens_per_s, "tokens_per_s", "1/s", "tokens per second, for text models")                       \
    X(INT, peak_rss_bytes, "memory.peak_rss_bytes", "B", "peak resident memory of the case's process")       \
    X(INT, file_backed_bytes, "memory.file_backed_bytes", "B",                                               \
      "part of the resident memory that is pages of files")                                                  \
    X(INT, model_bytes, "memory.model_bytes", "B", "weights as the engine holds them")                       \
    X(INT, activation_bytes, "memory.activation_bytes", "B", "planned activation memory")                    \
    X(INT, device_bytes, "memory.device_bytes", "B", "memory on the accelerator")                            \
    X(JSON, web, "web", "",                                                                                  \
      "object, of cases in a browser: browser, browser_version, build, devices, download_ms, engine_ms, "    \
      "downloaded_bytes, cached_bytes, clock_resolution_ms, runs_per_sample, wasm_bytes, page_bytes; of "    \
      "webgpu also adapter, plan_ms, upload_ms, pipeline_ms, gpu_ms, shaders, shaders_listed, features")     \
    X(INT, cpu_time_ns, "cpu_time_ns", "ns", "CPU time of the process over the measured samples")            \
    X(REAL, energy_j, "energy_j", "J", "energy over the measured samples, where a counter exists")           \
    X(TEXT, verification_reference, "verification.reference", "", "what the outputs were compared with")     \
    X(REAL, relative_l2, "verification.relative_l2", "", "worst output")                                     \
    X(REAL, max_abs_error, "verification.max_abs_error", "", "worst output")                                 \
    X(REAL, verification_limit, "verification.limit", "", "relative L2 allowed for this precision")          \
    X(BOOL, verified, "verification.pass", "", "null when nothing independent could be compared with")       \
    X(TEXT, machine_id, "machine.id", "", "hash that identifies the machine without naming it")              \
    X(TEXT, machine_cpu, "machine.cpu", "", "CPU model")                                                     \
    X(INT, machine_cores, "machine.cores", "", "CPUs that the process may use")                              \
    X(INT, machine_memory_bytes, "machine.memory_bytes", "B", "")                                            \
    X(TEXT, machine_os, "machine.os", "", "")                                                                \
    X(TEXT, machine_kernel, "machine.kernel", "", "")                                                        \
    X(TEXT, machine_virtualised, "machine.virtualised", "", "hypervisor, or none")                           \
    X(REAL, machine_load_before, "machine.load_before", "cores", "foreign load before the case")             \
    X(BOOL, machine_throttled, "machine.throttled", "", "clock fell or steal was seen during the case")      \
    X(TEXT, warnings, "warnings", "", "sentences about the quality of the figures, separated by newlines")   \
    X(TEXT, started_at, "started_at", "", "UTC, ISO 8601")                                                   \
    X(INT, duration_ns, "duration_ns", "ns", "of the whole case")                                            \
    X(TEXT, command_line, "command_line", "", "")                                                            \
    X(TEXT, git_commit, "git_commit", "", "of accel's sources")                                              \
    X(TEXT, program_version, "program_version", "", "of accel")

typedef struct record {
#define RECORD_MEMBER_TEXT(member) const char *member;
#define RECORD_MEMBER_JSON(member) const char *member;
#define RECORD_MEMBER_INT(member)  int64_t member;
#define RECORD_MEMBER_REAL(member) double member;
#define RECORD_MEMBER_BOOL(member) int member;
#define RECORD_MEMBER_INTS(member)                                                                           \
    const int64_t *member;                                                                                   \
    size_t member##_count;
#define RECORD_MEMBER(kind, member, path, unit, text) RECORD_MEMBER_##kind(member)
    RECORD_FIELDS(RECORD_MEMBER)
#undef RECORD_MEMBER
    const char *unknown_json; /* fields of a newer or foreign writer, kept: a JSON object, or NULL */
} record;

typedef enum record_kind {
    RECORD_TEXT,
    RECORD_INT,
    RECORD_REAL,
    RECORD_BOOL,
    RECORD_INTS,
    RECORD_JSON
} record_kind;

typedef struct record_field {
    record_kind kind;
    const char *member, *path, *unit, *text;
    size_t
        offset; /* in record; INTS: the count follows as size_t after the pointer (record_ints_count_offset) */
    size_t count_offset;
} record_field;
extern const record_field record_fields[];
extern const size_t record_field_count;

void record_init(record *r);                                       /* everything absent, schema_version set */
accel_status record_new_id(arena *a, record *r, accel_error *err); /* a fresh UUID (version 4) */

/* JSON of one record / of an array; the reader validates types, lengths (untrusted) and keeps unknown fields. Texts live in a. */
void record_write_json(const record *r, str_buf *out);
/* The same without what is absent, which the reader takes for absent all the same: where records are kept by the million. */
void record_write_json_brief(const record *r, str_buf *out);
accel_status record_read_json(const char *json, size_t length, arena *a, record *out, accel_error *err);
accel_status record_read_json_array(const char *json, size_t length, arena *a, record **out, size_t *count,
                                    accel_error *err);
/* What every stored record must satisfy: ids, names from the lists, figures absent unless ok, finite numbers. */
accel_status record_validate(const record *r, accel_error *err);
void record_write_schema(str_buf *out);   /* JSON Schema, draft 2020-12 */
void record_write_markdown(str_buf *out); /* the table in docs/record.md */

#endif
