/* The one interface that every engine implements, and the table of engines.
 *
 * An engine executes a graph on a device. Adding one is a folder here with one `const engine_def`, and one line in
 * engines/table.c. A *platform* is what a user asks for (cpu, cuda, openvino, …); an engine's devices say which platform they realise.
 *
 * Life of a session: load → bind → run, run, run … → outputs → unload. A session is used by one thread at a time. Engines are
 * strict: a node that the device asked for can't run is ACCEL_UNSUPPORTED with the nodes named; nothing falls back silently,
 * and the precision that ran is reported, not assumed. */
#ifndef ACCEL_ENGINES_ENGINE_H
#define ACCEL_ENGINES_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "graph/graph.h"
#include "graph/op.h"
#include "graph/passes.h"
#include "graph/tensor.h"

/* ---- names (contracts.md) --------------------------------------------------------------------------------------- */

#define PLATFORM_LIST(X)                                                                                     \
    X(PLATFORM_CPU, "cpu")                                                                                   \
    X(PLATFORM_CUDA, "cuda")                                                                                 \
    X(PLATFORM_ROCM, "rocm")                                                                                 \
    X(PLATFORM_MPS, "mps")                                                                                   \
    X(PLATFORM_OPENVINO, "openvino")                                                                         \
    X(PLATFORM_QNN, "qnn")                                                                                   \
    X(PLATFORM_WEBNN, "webnn")                                                                               \
    X(PLATFORM_WEBGPU, "webgpu")                                                                             \
    X(PLATFORM_WASM, "wasm")                                                                                 \
    X(PLATFORM_VULKAN, "vulkan")                                                                             \
    X(PLATFORM_DX12, "dx12")

typedef enum platform {
#define PLATFORM_ENUM(symbol, name) symbol,
    PLATFORM_LIST(PLATFORM_ENUM)
#undef PLATFORM_ENUM
        PLATFORM_COUNT
} platform;
const char *platform_name(platform p);
bool platform_from_name(const char *name, platform *out);

#define PRECISION_LIST(X)                                                                                    \
    X(PRECISION_FP32, "fp32")                                                                                \
    X(PRECISION_FP16, "fp16")                                                                                \
    X(PRECISION_BF16, "bf16")                                                                                \
    X(PRECISION_INT8, "int8")                                                                                \
    X(PRECISION_INT4, "int4")

typedef enum precision {
#define PRECISION_ENUM(symbol, name) symbol,
    PRECISION_LIST(PRECISION_ENUM)
#undef PRECISION_ENUM
        PRECISION_COUNT
} precision;
const char *precision_name(precision p);
bool precision_from_name(const char *name, precision *out); /* accepts f32, float32, f16, half too */

/* ---- what an engine finds on this machine ------------------------------------------------------------------------ */

typedef struct engine_device {
    platform platform;
    const char *id;        /* what the engine calls it: "CPU", "GPU.0", "cuda:0" */
    const char *name;      /* "AMD EPYC", "NVIDIA H200" */
    const char *driver;    /* version of the driver, or NULL */
    uint64_t memory_bytes; /* 0 when unknown */
    uint32_t precisions;   /* bit (1 << precision) for each that it executes */
    const char *lacks;     /* why it does not execute more, where that is known: "it lacks …", or NULL */
    bool
        elsewhere; /* of another machine: what this one has and does says nothing about it. Used only where it is named */
    bool available;
    bool crashed; /* when not: while it was asked; what it is, is not known */
    const char *
        reason; /* when not available: the evidence ("libcudart.so.12: cannot open shared object file"), else NULL */
    const char *note; /* e.g. "untested on hardware", or NULL */
} engine_device;

typedef struct engine_report {
    bool present;        /* the runtime itself is here */
    const char *reason;  /* when not: where was looked for it, and how to get it */
    const char *version; /* of the runtime; for native: of accel */
    const char *library; /* path it was loaded from, or NULL */
    size_t device_count;
    engine_device *devices; /* absent ones too, with their reason */
} engine_report;

typedef struct engine_context {
    const char *const *runtime_paths; /* from --runtime-path, searched first */
    size_t runtime_path_count;
    const char *const
        *browsers; /* those that are asked for: the others are not started to be probed. None: all */
    size_t browser_count;
    const char *program_folder; /* where accel lies; deps are looked for beside it. May be NULL */
    const char *tuning_path;    /* what `accel tune` found (tuning_file.h); NULL: nothing is known */
} engine_context;

/* ---- a session ------------------------------------------------------------------------------------------------------ */

typedef struct engine_model {
    const graph
        *graph; /* bound to concrete input shapes and inferred; belongs to the caller, outlives the session */
    const char *
        onnx_path; /* the file to give to runtimes that read files: the user's own, byte for byte, or one written by
                              engine_write_model() in the engine's form. NULL for engines that execute the graph itself */
} engine_model;

typedef struct engine_options {
    const engine_context *context; /* may be NULL */
    precision precision;
    int threads;              /* 0: as many as CPUs allowed */
    bool allow_fallback;      /* asked for: the runtime may put nodes on another device; recorded */
    const char *profile_path; /* NULL */
    bool profile;             /* measure each node: engine_def.profile gives it */
    bool deterministic;       /* no choices made by timing */
    const char *tuning;       /* variants of kernels; NULL: as context->tuning_path has them for the device */
} engine_options;

typedef struct engine_session engine_session; /* each engine defines its own */

typedef struct engine_timing {
    uint64_t load_ns; /* reading the model and its weights into the runtime */
    uint64_t
        compile_ns; /* optimising, packing, planning; 0 when the runtime does both in one call (then all is in load_ns) */
    bool split;        /* the two are known apart */
    uint64_t first_ns; /* the first inference, where the engine is remote and its own clock tells; else 0 */
} engine_timing;

/* A block of inferences, for engines that are remote: what measure/sampler.h does for the others. */
typedef struct engine_block {
    uint64_t lead_in_ns;          /* runs before, without keeping times */
    uint64_t duration_ns;         /* at least this long … */
    size_t least_runs, most_runs; /* … and so many runs, but no more than these */
} engine_block;

typedef struct engine_samples {
    int64_t *samples_ns; /* room for most_runs, the caller's */
    size_t count;
    size_t lead_in_runs;
    uint64_t elapsed_ns; /* of the samples, by the engine's clock */
    uint64_t cpu_ns;     /* of the engine's processes meanwhile; 0 unknown */
} engine_samples;

typedef struct engine_memory {
    uint64_t model_bytes;      /* weights as the engine holds them; 0 unknown */
    uint64_t activation_bytes; /* planned arena; 0 unknown */
    uint64_t device_bytes;     /* on an accelerator; 0 none or unknown */
    uint64_t
        process_bytes; /* most resident memory of the engine's own processes (a browser's) so far; 0: it has none */
} engine_memory;

typedef struct engine_ran {
    precision precision; /* what the runtime says it computes in */
    int threads;
    char options[256]; /* settings that matter, as "key=value, …": spinning, allocator, hint, ISA */
    bool fell_back;    /* some nodes ran elsewhere (only with allow_fallback) */
} engine_ran;

typedef struct engine_profile_row {
    const char *node; /* its name, or that of its first output when it has none */
    const char *op_type;
    const char *fused; /* operators that run inside it: "BatchNormalization, Relu"; NULL: none, or not told */
    const char *kernel; /* the variant that ran, as the engine calls it */
    uint64_t time_ns;
    double flops, bytes; /* of the operator as the graph has it; 0: not known */
} engine_profile_row;

typedef struct engine_unsupported {
    size_t count;       /* nodes that can't run */
    char sentence[512]; /* names the first few: "3 nodes: 'x' (Foo, domain bar) …" */
} engine_unsupported;

/* Of engines whose kernels have variants that measuring chooses among (webgpu/tuning.h): the same model under several tunings. One that fails, or gives
 * other numbers, says so in its trial. */
typedef struct engine_trial {
    const char *tuning;
    accel_status status;
    char why[256];
    double time_ns;    /* of a run, the median; 0: it failed */
    bool by_gpu;       /* by the device's own clock, of the kernels alone; else from inputs to outputs */
    double difference; /* relative L2 of its outputs against those of the first trial */
} engine_trial;

typedef struct engine_tuner_state engine_tuner_state;

typedef struct engine_tuner {
    bool in_child; /* a driver that crashes would take the process with it: the harness asks it in a child */
    /* For trials in this precision. The adapter in words that change with its driver, by which tunings are kept, is appended. */
    accel_status (*open)(const engine_context *context, const engine_device *device, precision precision,
                         engine_tuner_state **out, str_buf *adapter, accel_error *err);
    /* In rounds, for about `seconds` in all; what is far slower than the rest runs a few times only. turn: told which trial runs next; or NULL. */
    accel_status (*compare)(engine_tuner_state *s, const engine_model *model, const tensor *inputs,
                            engine_trial *trials, size_t count, double seconds, void (*turn)(size_t index),
                            accel_error *err);
    /* What is known of the device beside variants, a line each. */
    void (*notes)(const engine_tuner_state *s, str_buf *out);
    void (*close)(engine_tuner_state *s); /* accepts NULL */
} engine_tuner;

struct engine_start;
struct engine_started;
struct engine_text;
struct engine_written;

typedef struct engine_def {
    const char *name;        /* "native", "onnxruntime", "openvino" */
    const char *summary;     /* one line for help and docs */
    const char *environment; /* variable that names its library, or NULL */
    bool needs_file;         /* reads engine_model.onnx_path */
    graph_form form;         /* of the file that engine_write_model writes for it */
    bool probe_in_child;     /* loading its library can crash the process: probe it in a child */
    uint32_t
        by_request; /* bits (1 << platform) of platforms that are left alone unless one of them or the engine is named, or all are:
                            it takes long to ask for them. 0: asked always */
    bool reads_back; /* a run copies outputs from a device: a graph that ends with less costs less */
    bool
        profile_ends; /* profile can be asked for once and ends it: rows are medians over all runs until then */

    /* Where its library lies, without loading it: ACCEL_ABSENT with where was looked. NULL: it needs none. */
    accel_status (*find)(const engine_context *context, str_buf *path, accel_error *err);
    /* Devices or the reason there are none. Strings live in `a`. Absent is not an error: OK with present false. */
    accel_status (*probe)(const engine_context *context, arena *a, engine_report *out, accel_error *err);
    /* Which nodes this device can't run. NULL: only load can tell. */
    accel_status (*supports)(const graph *g, const engine_device *device, const engine_options *options,
                             engine_unsupported *out, accel_error *err);
    accel_status (*load)(const engine_model *model, const engine_device *device,
                         const engine_options *options, engine_session **out, accel_error *err);
    /* Inputs in graph input order, concrete shapes as bound; the memory stays valid and in place until the next bind or unload, its
     * contents may change between runs, but for those of inputs that the engine holds. */
    accel_status (*bind)(engine_session *s, const tensor *inputs, size_t count, accel_error *err);
    /* Whether an input (graph_value.held) lies with the engine from bind on: each run goes on from what the one before left of it, what the
     * caller writes there counts at the next bind, and what lies there meanwhile is not said. NULL: none does. */
    bool (*holds)(const engine_session *s, size_t input);
    accel_status (*run)(engine_session *s, accel_error *err);
    /* A block of runs timed where the engine is; NULL: the caller runs and times. Outputs are then those of its last run. */
    accel_status (*sample)(engine_session *s, const engine_block *block, engine_samples *out,
                           accel_error *err);
    /* Views of the outputs of the last run, in graph output order; valid until the next run or unload. */
    accel_status (*outputs)(engine_session *s, tensor *views, size_t count, accel_error *err);
    /* One of them: those that lie in inputs which the engine holds come from its device only when they are asked for. NULL: they come all. */
    accel_status (*output)(engine_session *s, size_t index, tensor *view, accel_error *err);
    /* The same where the model's inputs or outputs are sequences or optionals (op.h says how they lie); NULL: the engine takes and
     * gives tensors only. */
    accel_status (*bind_values)(engine_session *s, const op_value *inputs, size_t count, accel_error *err);
    accel_status (*output_values)(engine_session *s, op_value *views, size_t count, accel_error *err);
    void (*timing)(const engine_session *s, engine_timing *out);
    void (*memory)(const engine_session *s, engine_memory *out);
    void (*ran)(const engine_session *s, engine_ran *out);
    /* Appends a JSON object of what only an engine in a browser knows (record.h, web); NULL: it is in none. */
    void (*web)(const engine_session *s, str_buf *json);
    /* Rows of the last run with options.profile; NULL: the engine has none. */
    accel_status (*profile)(engine_session *s, arena *a, engine_profile_row **rows, size_t *count,
                            accel_error *err);
    /* From nothing to the first outputs in a fresh page (engines/start.h). Afterwards the session can do nothing but this and unload. NULL: no engine of
     * a page. */
    accel_status (*start)(engine_session *s, const struct engine_start *how, struct engine_started *out,
                          accel_error *err);
    /* Text by a loop of its own (engines/text.h). NULL: none. */
    accel_status (*generate)(const struct engine_text *text, const engine_device *device,
                             const engine_options *options, struct engine_written *out, accel_error *err);
    void (*unload)(engine_session *s); /* accepts NULL */
    const engine_tuner *tuner;         /* NULL: there is nothing to tune */
} engine_def;

/* The table (engines/table.c). */
size_t engine_count(void);
const engine_def *engine_at(size_t index);
const engine_def *engine_find(const char *name); /* NULL when unknown */

/* One of several files that are written together. */
typedef struct engine_file {
    const engine_def *engine;
    str_buf path; /* the caller frees it */
    accel_status status;
    accel_error failure;
} engine_file;

/* The same for several engines, for the life of this program only: large weights are written once, into a file that all of theirs refer to,
 * and nothing waits for the disk. Each file has a status of its own; an error is one that all would have. */
accel_status engine_write_models(engine_file *files, size_t count, const graph *g, const char *folder,
                                 accel_error *err);
/* Writes the graph as a file in the engine's form into folder (weights as external data above 1 MiB), symbolic dims kept bound.
 * path receives the file's name. */
accel_status engine_write_model(const engine_def *engine, const graph *g, const char *folder, str_buf *path,
                                accel_error *err);

/* What a model computes in by itself: int8 when operators of it compute with integers or quantise, else the type of most of its weights, of
 * its inputs when it has no weights; fp32 when nothing tells. A model of int8 or int4 runs as it is when fp32 is asked for, which is what
 * nobody has to ask for; engine_ran says so. */
precision engine_graph_precision(const graph *g);
bool precision_is_integer(precision p);

/* Finding a vendor library: --runtime-path folders, the environment variable, the deps folder, site-packages of an active
 * Python environment (VIRTUAL_ENV, CONDA_PREFIX), the system's loader. Tries each candidate (patterns as "libonnxruntime.so*") and says in `looked` where it looked. */
accel_status engine_find_library(const engine_context *context, const char *environment, const char *package,
                                 const char *const *patterns, size_t pattern_count, str_buf *path,
                                 str_buf *looked, accel_error *err);

#endif
