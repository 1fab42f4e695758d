/* accel: run machine-learning models on whatever a machine has, and measure them there.
 *
 *     accel_error err;
 *     accel_model *model;
 *     accel_session *session;
 *     if (accel_model_open("model.onnx", 0, &model, &err) != ACCEL_OK) …err.message…
 *     accel_session_options options = {.engine = "native", .batch = 1};
 *     accel_session_open(model, &options, &session, &err);
 *     accel_session_run(session, &err);                     // on seeded inputs, or on yours:
 *     accel_session_set_input(session, 0, pixels, bytes, &err);
 *
 * Ownership: what an *_open function gives is closed with its *_close, which accepts NULL. Strings and views that a
 * getter gives belong to the object they came from and live as long as it does, unless said otherwise. Texts are UTF-8.
 * Threads: different objects may be used from different threads; one object by one thread at a time. A model may be closed
 * before its sessions. Nothing here writes to stdout or stderr.
 * Errors: see accel/status.h. Whatever a file holds, these functions return a status; they never abort. */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include <stddef.h>
#include <stdint.h>

#include "accel/status.h"

#ifdef __cplusplus
extern "C" {
#endif

ACCEL_API const char *accel_version(void); /* "0.1.0" */

/* ---- what is here ----------------------------------------------------------------------------------------------- */

/* The engines of this build, by number; NULL beyond the last. */
ACCEL_API const char *accel_engine_name(size_t index);

/* ---- models ------------------------------------------------------------------------------------------------------ */

typedef struct accel_model accel_model;

/* reference: an .onnx or .gguf file, a Hugging Face folder, a name of `accel models`, or org/name in the local Hugging Face cache. seed: of
 * generated weights. Weights are mapped, not copied: the files must not change while the model or a session of it is open. */
ACCEL_API accel_status accel_model_open(const char *reference, uint64_t seed, accel_model **out,
                                        accel_error *err);
ACCEL_API void accel_model_close(accel_model *model);
ACCEL_API const char *accel_model_name(const accel_model *model);
/* The model as JSON: inputs, outputs, operators, parameters, FLOPs, bytes. The text belongs to the model and is replaced by the next call. */
ACCEL_API accel_status accel_model_describe(accel_model *model, const char **json, accel_error *err);

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

enum { ACCEL_MAX_RANK = 8 };

/* A dense, row-major tensor. type: "float32", "int64", … as numpy and ml_dtypes spell it. */
typedef struct accel_tensor {
    const char *name;
    const char *type;
    int rank;
    int64_t dims[ACCEL_MAX_RANK];
    const void *data; /* NULL when the tensor has no elements */
    size_t size_bytes;
} accel_tensor;

/* Zero is a good value for every member. */
typedef struct accel_session_options {
    const char *engine;    /* "native" (NULL), "onnxruntime", "openvino" */
    const char *device;    /* one of the engine's, as `accel detect` calls it; NULL: the first usable one */
    const char *precision; /* "fp32" (NULL), "fp16", "bf16", "int8", "int4" */
    int threads;           /* 0: as many as CPUs allowed */
    int64_t batch;         /* 0: 1, or what the model fixes */
    int64_t sequence;      /* 0: 128, or what the model fixes; ignored by models without one */
    uint64_t seed;         /* of the inputs that the session starts with */
    const char *runtime_path; /* folder to look in first for vendor libraries; NULL: none */
} accel_session_options;

typedef struct accel_session accel_session;

/* Loads and compiles the model for these shapes. ACCEL_ABSENT when the engine's runtime or device is not here (the sentence says where was
 * looked), ACCEL_UNSUPPORTED when a node cannot run there: nothing falls back silently. options may be NULL. */
ACCEL_API accel_status accel_session_open(const accel_model *model, const accel_session_options *options,
                                          accel_session **out, accel_error *err);
ACCEL_API void accel_session_close(accel_session *session);

ACCEL_API size_t accel_session_input_count(const accel_session *session);
ACCEL_API size_t accel_session_output_count(const accel_session *session);
/* Type, shape and current contents of an input (seeded ones until set). */
ACCEL_API accel_status accel_session_input(const accel_session *session, size_t index, accel_tensor *out,
                                           accel_error *err);
/* Copies new contents into an input; size_bytes must be its size. */
ACCEL_API accel_status accel_session_set_input(accel_session *session, size_t index, const void *data,
                                               size_t size_bytes, accel_error *err);
/* One inference. */
ACCEL_API accel_status accel_session_run(accel_session *session, accel_error *err);
/* An output of the last run, in place: valid until the next run or close. */
ACCEL_API accel_status accel_session_output(accel_session *session, size_t index, accel_tensor *out,
                                            accel_error *err);

/* ---- the benchmark database ---------------------------------------------------------------------------------------- */

/* Adds results to a benchmark database, which is made when there is none. json: one object or an array of objects whose members have the names
 * of the database's columns (docs/db-add.md); a performance result may also be a record (docs/record.md). database NULL: $BENCHMARK_DB_PATH, else
 * ./benchmark_db.duckdb. result_type: "performance", "compatibility", "integration", "web" or "optimization". A result that states no
 * provenance is "imported". All results of a call are durable when it returns ACCEL_OK, and none of them otherwise: ACCEL_BAD_FILE when
 * one breaks the rules (the sentence names it and what is wrong), ACCEL_BUSY while another process has the database (a single performance
 * result is then spooled instead). added (may be NULL) receives their number. One thread of a process at a time. */
ACCEL_API accel_status accel_db_add(const char *database, const char *result_type, const char *json,
                                    size_t json_bytes, size_t *added, accel_error *err);

/* ---- the command ------------------------------------------------------------------------------------------------ */

/* What the command accel does with these arguments; argv[0] is its name. Writes to stdout and stderr; returns the exit code. The command
 * itself is this call, so that its code and the library's are on disk once. */
ACCEL_API int accel_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
