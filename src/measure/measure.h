/* The harness: from what a user asks for to result records.
 *
 *   probe_all      what every engine finds on this machine, each in a child process
 *   plan_make      request × probes → a plan: a list of cases; what was asked for and is not here is a case too
 *   plan_run       runs the cases, each in its own child process, and gives one record a case
 *   verify_run     outputs of one engine against another's
 *
 * Isolation: nothing of a model or of a vendor library is touched by the calling process. It starts `program __case` children (the program answers by
 * calling measure_child_main), talks to them over a socket, believes no length they send, and turns a crash, a hang, or memory without
 * end into a record with that status. */
#ifndef ACCEL_MEASURE_MEASURE_H
#define ACCEL_MEASURE_MEASURE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "engines/start.h"
#include "measure/profile.h"
#include "measure/record.h"
#include "zoo/zoo.h"

/* ---- the process ---------------------------------------------------------------------------------------------------- */

/* What the harness needs to know about the program it lives in. All may be zero. */
typedef struct measure_host {
    const char
        *program; /* executable that calls measure_child_main for `program __case`; NULL: this program */
    const engine_context *context; /* where vendor libraries are looked for; may be NULL */
    const char *data_folder;       /* zoo_options.data_folder for all children */
    const engine_def *const
        *engines; /* instead of the table of engines (tests); the child is given its own */
    size_t engine_count;
    int64_t memory_bytes;     /* for all children that are alive together; 0: what the system has available */
    const char *command_line; /* for the records; may be NULL */
    const char *git_commit;   /* of accel's sources; may be NULL */
} measure_host;

#define MEASURE_CHILD_ARGUMENT "__case"
/* The hidden entry: call it first thing in main when argv[1] is MEASURE_CHILD_ARGUMENT, return its result. engines NULL: the table. */
int measure_child_main(const engine_def *const *engines, size_t engine_count);

/* Set to non-zero by a signal handler: running cases become `cancelled`, finished ones are kept. May be NULL. */
typedef const volatile sig_atomic_t *measure_cancel;

/* ---- probes ----------------------------------------------------------------------------------------------------------- */

typedef enum probe_kind {
    PROBE_ASKED,      /* now */
    PROBE_REMEMBERED, /* its last answer, of the same library on the same hardware */
    PROBE_NOT_ASKED   /* its library is there; it has no devices in the report yet */
} probe_kind;

typedef struct probe_entry {
    const engine_def *engine;
    engine_report report; /* present false with a reason when the probe crashed or hung, too */
    probe_kind kind;
} probe_entry;

typedef struct probe_list {
    arena *arena;
    probe_entry *entries; /* one an engine, in table order */
    size_t count;
} probe_list;

/* timeout_s 0: 20 seconds an engine. Engines are probed at the same time. */
accel_status probe_all(const measure_host *host, double timeout_s, measure_cancel cancel, probe_list **out,
                       accel_error *err);
/* The same of the engines that a request can be about: one that is asked by request only (engine_def.by_request) and not meant is left out. */
struct bench_request;
accel_status probe_requested(const measure_host *host, const struct bench_request *request,
                             measure_cancel cancel, probe_list **out, accel_error *err);
/* The same without loading a vendor library: what an earlier probe_remember wrote to the file, as long as the library's path, size and time and
 * `hardware` (any text that tells whether devices or drivers changed) are the same; else only that the library is there. */
accel_status probe_quickly(const measure_host *host, const char *cache_path, const char *hardware,
                           probe_list **out, accel_error *err);
/* Best effort: a cache that cannot be written is none. */
void probe_remember(const probe_list *list, const char *cache_path, const char *hardware);
void probe_list_destroy(probe_list *p); /* accepts NULL */

/* ---- a request ---------------------------------------------------------------------------------------------------------- */

#define SCENARIO_LIST(X)                                                                                     \
    X(SCENARIO_SINGLE_STREAM, "single-stream") /* one inference after another: latency */                    \
    X(SCENARIO_OFFLINE, "offline")             /* best throughput over instances x threads splits */         \
    X(SCENARIO_SERVER, "server")               /* Poisson arrivals: highest rate within the latency bound */

typedef enum scenario {
#define SCENARIO_ENUM(symbol, name) symbol,
    SCENARIO_LIST(SCENARIO_ENUM)
#undef SCENARIO_ENUM
        SCENARIO_COUNT
} scenario;
const char *scenario_name(scenario s);
bool scenario_from_name(const char *name, scenario *out);

/* What holds for all cases of a plan. bench_settings_default gives the values in brackets. */
typedef struct bench_settings {
    scenario scenario;
    double min_time_s; /* measured time a case at least [1] */
    double max_time_s; /* and at most, busy-machine retries included [10] */
    int64_t min_runs;  /* [10] */
    int64_t repeat;    /* process-level repetitions [1] */
    double timeout_s;  /* of one phase of a child: load, first inference, or one inference later on [300] */
    int64_t
        memory_limit_bytes; /* resident memory of one child; 0: 90 % of what is available when the case starts [0] */
    int64_t seed;           /* of inputs and generated weights [0] */
    double latency_bound_ms; /* server [100] */
    double reference_flops;  /* above it, the scalar evaluator is not the reference [3e10] */
    bool interleave;         /* children of one comparison alive together, blocks in random order [true] */
    bool verify;             /* compare outputs with the reference [true] */
    bool cold;               /* drop the model's files from the page cache before loading [false] */
    bool allow_fallback;     /* engine_options [false] */
    bool deterministic;      /* engine_options [false] */
    uint32_t
        features; /* bits of web_feature: afterwards, starts with and without each: plan_callbacks.on_feature [0]; no part of a saved plan */
    int64_t feature_pairs; /* of each [5]; likewise */
    bool
        profile; /* afterwards, where the time goes: plan_callbacks.on_profile [false]; no part of a saved plan */
} bench_settings;
void bench_settings_default(bench_settings *out);

typedef struct bench_request {
    const char *const *models; /* references as zoo_load takes them */
    size_t model_count;
    bool all_platforms;        /* --on all: every platform of every engine, absent ones recorded as absent */
    const platform *platforms; /* none and not all: every device that is available */
    size_t platform_count;
    const char *const *engines; /* none: all engines */
    size_t engine_count;
    const char *const *browsers; /* which of the engine browser's; none: all that are here */
    size_t browser_count;
    const int64_t *batches; /* none: 0, which is 1 or what the model fixes */
    size_t batch_count;
    const int64_t *sequences; /* none: 0, the model's own */
    size_t sequence_count;
    const zoo_dim *dims; /* the user's word on single dims, in every case */
    size_t dim_count;
    const int64_t *threads; /* none: all CPUs allowed */
    size_t thread_count;
    const precision *precisions; /* none: fp32 */
    size_t precision_count;
    const zoo_mode *modes; /* none: inference */
    size_t mode_count;
    bench_settings settings;
} bench_request;

/* Whether cases of this engine may come of the request. */
bool bench_request_means(const bench_request *r, const engine_def *engine);

/* ---- a plan ------------------------------------------------------------------------------------------------------------- */

typedef struct bench_case {
    const char *model; /* the reference */
    platform platform;
    const char *engine;         /* "" when no engine knows the platform */
    const char *engine_version; /* or NULL */
    engine_device device;       /* as probed */
    precision precision;
    zoo_mode mode;
    int64_t batch;    /* 0: 1, or what the model fixes */
    int64_t sequence; /* 0: the model's own; in decode, tokens before the one that is added */
    const zoo_dim *dims;
    size_t dim_count;
    int64_t threads;
    int64_t repeat;     /* which repetition, from 0 */
    bool asked_by_name; /* its platform or engine was named: absent then means exit code 3 */
    case_status
        preset; /* CASE_OK: to be run. CASE_ABSENT, CASE_UNSUPPORTED, CASE_CRASHED: known already, with `reason` */
    const char *reason;
    bool done; /* plan_skip_finished found its record: not run again */
} bench_case;

typedef struct bench_plan {
    arena *arena;
    bench_settings settings;
    bench_case *cases; /* in the order of running: cases that are compared with each other stand together */
    size_t count;
} bench_plan;

/* ACCEL_INVALID_ARGUMENT for an unknown engine (with a suggestion), a batch below 1 or the like; ACCEL_LIMIT above PLAN_MAX_CASES. */
enum { PLAN_MAX_CASES = 100000 };
accel_status plan_make(const bench_request *request, const probe_list *probes, bench_plan **out,
                       accel_error *err);
void plan_destroy(bench_plan *p); /* accepts NULL */

void plan_write_json(const bench_plan *p, str_buf *out);
accel_status plan_read_json(const char *json, size_t length, bench_plan **out,
                            accel_error *err); /* untrusted */

/* For --resume: marks the cases that one of these records answers (same model name, platform, engine, device, precision, mode, shapes,
 * threads, scenario, seed, repetition; cancelled ones do not count) as done. Returns how many. */
size_t plan_skip_finished(bench_plan *p, const record *records, size_t count);
/* "minilm" for "minilm", "model" for "dir/model.onnx": what zoo_model.name will be. Into buffer, which is returned. */
const char *case_model_name(const char *reference, char *buffer, size_t size);
/* "minilm · onnxruntime cpu · batch 8 · seq 128 · 2 threads · fp32", into buffer, which is returned. */
const char *case_label(const bench_case *c, char *buffer, size_t size);

/* ---- running ------------------------------------------------------------------------------------------------------------ */

/* Starts of a case in pages of one browser, each fresh, in pairs of one with the feature and one without, in random order. */
typedef struct feature_run {
    bool on;
    const char *started_at;   /* UTC */
    double start_ms, load_ms; /* by the page: until the first outputs; of it, until the model was ready */
    double run_ms;            /* median of later runs; NAN: there were none */
    double download_ms, plan_ms, upload_ms, pipeline_ms, shader_ms; /* NAN: not told */
    double shaders, shaders_listed, shaders_compiled;               /* likewise */
    double relative_l2; /* of its outputs to the reference: within the limit */
} feature_run;

typedef struct case_feature {
    web_feature feature;
    const char *why_not; /* the sentence why there are no runs, or NULL */
    feature_run *runs;   /* 2i and 2i + 1 are a pair */
    size_t count;
    int64_t components; /* of the model that were loaded; 0: no run told */
    double audio_s;     /* of sound, of a front end; NAN: it is none */
    const char *reference;
} case_feature;
/* The figure that the feature is about: start_ms, of a front end run_ms. */
double feature_run_ms(const case_feature *f, const feature_run *r);

typedef struct plan_callbacks {
    void *context;
    /* Any may be NULL. All are called on the thread that called plan_run. */
    void (*on_case_started)(void *context, const bench_case *c, size_t index, size_t count);
    void (*on_progress)(void *context, const bench_case *c,
                        const char *text); /* "loading", "warming up: 40 runs", … for a status line */
    /* One a case that is not done, in the order in which they finish. A failure (store and spool both refused it) ends the run with that status. */
    accel_status (*on_record)(void *context, const bench_case *c, const record *r, accel_error *err);
    /* With settings.profile, after the record of a case that is ok. Both live until it returns. A failure ends the run, too. */
    accel_status (*on_profile)(void *context, const bench_case *c, const record *r, const case_profile *p,
                               accel_error *err);
    /* With settings.features, one each, after the record of a case in a page that is ok, likewise. */
    accel_status (*on_feature)(void *context, const bench_case *c, const record *r, const case_feature *f,
                               accel_error *err);
} plan_callbacks;

typedef struct plan_outcome {
    size_t by_status[CASE_STATUS_COUNT];
    size_t absent_by_name; /* of the absent ones, those asked for by name */
    bool cancelled;
} plan_outcome;

/* Runs every case that is not done. Returns ACCEL_OK when all cases have a record, whatever their statuses; ACCEL_CANCELLED after the cancel flag
 * (cases that had not begun have no record); otherwise why the harness itself could not go on. outcome may be NULL. */
accel_status plan_run(const measure_host *host, const bench_plan *plan, const plan_callbacks *callbacks,
                      measure_cancel cancel, plan_outcome *outcome, accel_error *err);

/* ---- the machine ---------------------------------------------------------------------------------------------------------- */

/* Fills the machine_* members of r (except load_before and throttled, which belong to a case). Texts live in a. */
accel_status machine_describe(arena *a, record *r, accel_error *err);

/* ---- comparing two results ------------------------------------------------------------------------------------------------ */

typedef struct record_comparison {
    double ratio, low,
        high; /* mean latency of a over that of b, 95 % interval; NAN where it cannot be told */
    bool different;
    bool
        between_processes; /* several repetitions on both sides: the interval holds between-process variance too */
} record_comparison;
/* a and b: the records of all repetitions of each side. */
accel_status record_compare(const record *const *a, size_t a_count, const record *const *b, size_t b_count,
                            record_comparison *out, accel_error *err);

/* ---- verify --------------------------------------------------------------------------------------------------------------- */

#define VERIFY_REFERENCE "reference" /* the scalar evaluator of graph/, as an engine name here */

typedef struct verify_request {
    const char *const *models;
    size_t model_count;
    const char *engine;  /* A: engine name; its CPU device, or the first one available */
    const char *against; /* B: engine name or VERIFY_REFERENCE; must not be A */
    int64_t batch;       /* 0: 1 */
    int64_t sequence;    /* 0: the model's own */
    const zoo_dim *dims;
    size_t dim_count;
    int64_t threads;     /* 0: all */
    precision precision; /* of A; B runs fp32 */
    int64_t seed;
    double timeout_s; /* 0: 300 */
} verify_request;

typedef struct verify_case {
    const char *model, *engine, *against;
    const char *output; /* name of the output; "" when there are none because of the status */
    double relative_l2, max_abs_error, limit; /* NAN unless status is CASE_OK or CASE_WRONG_OUTPUT */
    bool pass;
    case_status status; /* of the side that failed first */
    const char *error;  /* NULL when all is well */
} verify_case;

typedef struct verify_result {
    arena *arena;
    verify_case *cases; /* one an output of each model */
    size_t count, passed, failed;
} verify_result;

accel_status verify_run(const measure_host *host, const verify_request *request, const probe_list *probes,
                        const plan_callbacks *callbacks, measure_cancel cancel, verify_result **out,
                        accel_error *err);
void verify_result_destroy(verify_result *r);                 /* accepts NULL */
void verify_write_json(const verify_result *r, str_buf *out); /* {"cases":[…],"passed":N,"failed":N} */

/* Quantised models run as they are, so fp32 asked of one of int8 is judged as int8. Relative L2 allowed between an engine at this precision and the fp32 reference: fp32 5e-5, fp16 5e-3, bf16 4e-2, int8 0.1, int4 0.25. */
double verify_limit(precision p);

#endif
