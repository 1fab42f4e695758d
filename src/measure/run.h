/* What the parts of plan_run share. Private to measure/. */
#ifndef ACCEL_MEASURE_RUN_H
#define ACCEL_MEASURE_RUN_H

#include "base/posix/owned_folder.h"
#include "base/random.h"
#include "measure/load.h"
#include "measure/measure.h"
#include "measure/outputs.h"
#include "measure/process.h"
#include "measure/profile.h"

/* ---- a model at given shapes, as its prepare child described it -------------------------------------------------------- */

typedef struct model_file {
    const char *engine;
    const char *path; /* or NULL: */
    case_status status;
    const char *message;
    struct model_file *next;
} model_file;

typedef struct model_reference {
    const char *name; /* engine, or VERIFY_REFERENCE */
    bool good;
    output_list outputs;
    const char *why_not;
    struct model_reference *next;
} model_reference;

typedef struct model_facts {
    arena *arena;
    const bench_case *c; /* the first case with these shapes */
    case_status status;  /* CASE_OK, or what every case of this model has, with the sentence: */
    const char *message;
    const char *name, *source, *family, *modality, *sha256, *onnx_path, *path, *assumed, *shapes;
    const char **outputs;
    size_t output_count;
    int64_t parameters, weight_bytes, activation_bytes, nodes_unknown, batch, sequence;
    double flops;
    precision precision; /* what it computes in by itself */
    owned_folder folder; /* of the files written for it */
    model_file *files;
    model_reference *references;
} model_facts;

/* ---- one case ----------------------------------------------------------------------------------------------------------------- */

typedef struct sample_block {
    size_t first, count; /* in samples_ns */
    double foreign_cores, elapsed_s, cpu_s, energy_j;
    bool kept;
} sample_block;

typedef struct case_run {
    const bench_case *c;
    size_t index; /* in the plan */
    arena *arena;
    record r;
    process p;
    bool alive; /* has a child that answers */
    int64_t
        own_bytes; /* the most that its child held by its first inference, pages of files left out; 0: unknown */
    case_status status;
    int64_t *samples_ns;
    size_t sample_count, sample_capacity;
    sample_block *blocks;
    size_t block_count, block_capacity;
    size_t warm_first; /* of samples_ns: where this child's warm-up begins */
    size_t warm_count, measured_runs;
    double warm_s, measured_s, quiet_s;
    size_t quiet_runs;
    bool warmed, done;
    double worst_foreign, worst_steal;
    bool throttled;
    int outputs; /* descriptor, or -1 */
    str_buf warnings;
    uint64_t started_ns;
    bool announced;
    case_profile *profile;  /* in the arena; NULL when none was asked for */
    case_feature *features; /* likewise */
    size_t feature_count;
} case_run;

/* ---- a run of a plan --------------------------------------------------------------------------------------------------------- */

typedef struct runner {
    const measure_host *host;
    const bench_settings *settings;
    const plan_callbacks *callbacks;
    measure_cancel cancel;
    size_t plan_count;
    arena *arena;
    record machine; /* its machine_* members */
    model_facts *facts;
    probe_list **probes; /* one an engine of the host, made when first needed */
    rng random;
    plan_outcome outcome;
} runner;

accel_status runner_open(runner *run, const measure_host *host, const bench_settings *settings,
                         const plan_callbacks *callbacks, measure_cancel cancel, accel_error *err);
void runner_close(runner *run); /* also after runner_open failed */
bool runner_cancelled(const runner *run);
void runner_progress(runner *run, const bench_case *c, const char *format, ...) ACCEL_PRINTF(3, 4);
/* An available CPU device of an engine, or NULL; probes it the first time. */
const engine_device *runner_cpu_device(runner *run, const engine_def *engine, const char **version);

/* facts.c */
accel_status facts_get(runner *run, const bench_case *c, const char *file_engines, model_facts **out,
                       accel_error *err);
void facts_destroy(model_facts *f); /* accepts NULL */
/* The file to give to this engine: NULL with CASE_OK when it needs none. */
case_status facts_file(runner *run, model_facts *f, const engine_def *engine, const char **path,
                       accel_error *err);
bool facts_same_shapes(const bench_case *a, const bench_case *b);
void drop_page_cache(const char *path); /* of a file, or of the files of a folder */

/* case_run.c */
accel_status case_run_init(runner *run, case_run *k, const bench_case *c, size_t index, accel_error *err);
void case_run_free(case_run *k);
void case_fail(case_run *k, case_status status,
               const char *sentence); /* ends its child; the first failure stays */
void case_warn(case_run *k, const char *format, ...) ACCEL_PRINTF(2, 3);
/* Starts its child and waits until it has run once. instances: sessions side by side. */
void case_start(runner *run, case_run *k, model_facts *f, int64_t instances);
/* Asks for one block; the samples are appended to k's. False when the case has failed. */
bool case_block(runner *run, case_run *k, const wire_block *block, wire_samples *out);
bool case_ask(runner *run, case_run *k, wire_kind kind, const void *bytes, size_t length, double extra_s,
              wire_samples *out);
void case_finish(runner *run, case_run *k); /* memory figures, outputs; ends the child */
void case_describe(runner *run, case_run *k, const model_facts *f);
/* Statistics over the kept samples into the record. */
accel_status case_summarize(case_run *k, const model_facts *f, accel_error *err);
/* Completes the record (status, warnings, duration) and hands it out. */
accel_status case_deliver(runner *run, case_run *k, accel_error *err);

/* profile.c: takes the profile from a child that has finished, hands it out when the record is. What fails is a sentence in it. */
void profile_take(runner *run, case_run *k);
accel_status profile_deliver(runner *run, case_run *k, accel_error *err);

/* starts.c: starts of a case with features on and off, from a child that has finished; handed out when the record is. */
void starts_take(runner *run, case_run *k);
accel_status starts_deliver(runner *run, case_run *k, accel_error *err);

/* comparison.c: cases that are compared with each other, from start to samples. */
accel_status comparison_run(runner *run, model_facts *f, case_run *cases, size_t count, accel_error *err);
/* scenario_search.c */
accel_status offline_run(runner *run, model_facts *f, case_run *k, accel_error *err);
accel_status server_run(runner *run, model_facts *f, case_run *k, accel_error *err);

/* reference.c */
/* Relative L2 allowed for this model: quantised ones run as they are, whatever was asked for. */
double model_verify_limit(const model_facts *f, precision asked);
void reference_check(runner *run, model_facts *f, case_run *cases, size_t count, case_run *k);
/* How far outputs of a case are from its reference, and the reference's name; *why (may not be NULL) says why they are wrong. False: they are, or there is
 * nothing to compare with. */
bool reference_compare(runner *run, model_facts *f, const case_run *k, const output_list *outputs,
                       double *relative_l2, const char **reference, str_buf *why);
/* Runs a case once (its engine may be VERIFY_REFERENCE) in a child and reads its outputs. */
case_status outputs_of(runner *run, model_facts *f, const bench_case *c, output_list *out, accel_error *err);
/* The same for `engine` at fp32 on its CPU device. */
case_status reference_outputs(runner *run, model_facts *f, const char *engine, output_list *out,
                              accel_error *err);

#endif
