/* Private to the onnxruntime engine: the vendor's C API behind one header, the loaded runtime, its execution providers. */
#ifndef ACCEL_ENGINES_ONNXRUNTIME_ORT_H
#define ACCEL_ENGINES_ONNXRUNTIME_ORT_H

#include <onnxruntime_c_api.h>

#include "base/arena.h"
#include "base/str.h"
#include "engines/engine.h"

/* Every function used here is in the API of this version; newer ones are looked at only when the library has them. */
enum { ORT_OLDEST_API = 17 };

typedef struct ort_runtime {
    const OrtApi *api;
    uint32_t api_version; /* what was asked for: the lower of the header's and the library's */
    char version[32];     /* of the library: "1.32.0" */
    char path[512];
} ort_runtime;

/* Finds and loads the library, once a process for each path; it stays loaded, since it starts threads. The result lives as long as
 * the process. ACCEL_ABSENT with a sentence that says where was looked, or the loader's words. */
accel_status ort_runtime_open(const engine_context *context, const ort_runtime **out, accel_error *err);
/* Where it would be loaded from. */
accel_status ort_runtime_find(const engine_context *context, str_buf *path, accel_error *err);

/* A joined sentence from a failed call: "what: the runtime's message". Releases the status. ACCEL_OK for NULL. */
accel_status ort_check(const ort_runtime *rt, OrtStatus *status, accel_error *err, const char *format, ...)
    ACCEL_PRINTF(4, 5);

/* The environment that sessions live in; counted by the runtime, so each ort_env_create needs one ReleaseEnv. */
accel_status ort_env_create(const ort_runtime *rt, OrtEnv **out, accel_error *err);

/* ---- execution providers (providers.c) ---------------------------------------------------------------------------- */

typedef struct ort_provider ort_provider;

size_t ort_provider_count(void);
const ort_provider *ort_provider_at(size_t index);
/* The row behind a device id ("CPU", "CUDA:0") and the number of the device. NULL when unknown. */
const ort_provider *ort_provider_of(const char *device_id, int *number);
const char *ort_provider_name(const ort_provider *p); /* "CUDAExecutionProvider" */
bool ort_provider_is_cpu(const ort_provider *p);
/* Whether this precision can be had from a model whose file has `file` precision; *ran is what it computes in then. */
bool ort_provider_precision(const ort_provider *p, precision file, precision asked, precision *ran);
/* Adds the provider to the options of a session; its libraries are loaded here, and their absence is the error. `used` receives
 * the settings as "key=value, …". */
accel_status ort_provider_append(const ort_runtime *rt, const ort_provider *p, int number, precision asked,
                                 OrtSessionOptions *options, str_buf *used, accel_error *err);
/* Devices of all rows, those absent too, with the reason. */
accel_status ort_provider_devices(const ort_runtime *rt, arena *a, engine_device **out, size_t *count,
                                  accel_error *err);

/* ---- sessions (load.c makes and ends them, session.c runs them) ------------------------------------------------------ */

typedef struct ort_output {
    tensor ours;     /* bound in place, when its shape is known before the run */
    bool in_input;   /* ours is a cache in memory of the caller, who lets us write over it */
    OrtValue *value; /* around ours, or as the runtime gave it after a run */
    char *name;      /* as the file says */
} ort_output;

struct engine_session {
    const ort_runtime *rt;
    const graph *graph;
    const ort_provider *provider;
    OrtEnv *env;
    OrtSession *session;
    OrtMemoryInfo *memory; /* the host's */
    OrtIoBinding *binding; /* NULL until bind */
    OrtRunOptions *run_options;
    OrtValue **inputs;
    ort_output *outputs;
    bool has_open_outputs; /* some have a shape that only the run tells */
    engine_timing timing;
    engine_ran ran;
    char *profile_prefix; /* NULL: not profiled */
    char *profile_folder; /* temporary, ours to remove */
};

accel_status ort_load(const engine_model *model, const engine_device *device, const engine_options *options,
                      engine_session **out, accel_error *err);
void ort_unload(engine_session *s);
accel_status ort_bind(engine_session *s, const tensor *inputs, size_t count, accel_error *err);
accel_status ort_run(engine_session *s, accel_error *err);
accel_status ort_outputs(engine_session *s, tensor *views, size_t count, accel_error *err);
/* Drops what bind made. */
void ort_unbind(engine_session *s);

/* ---- the report of the runtime's own profiler (profile.c) --------------------------------------------------------------- */

/* Ends the profile of the session (its report covers the whole session) and gives the nodes of the last run, their
 * times as medians over the runs that were like it. */
accel_status ort_profile(engine_session *s, arena *a, engine_profile_row **rows, size_t *count,
                         accel_error *err);

#endif
