/* Results as series over runs: what `accel compare` puts side by side and `accel trend` judges; and the changes that were found in them. */
#ifndef ACCEL_STORE_HISTORY_H
#define ACCEL_STORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "measure/means.h"

/* name, column of a result, whether less of it is better */
#define HISTORY_METRIC_LIST(X)                                                                               \
    X(HISTORY_LATENCY, "latency", "average_latency_ms", "ms", true)                                          \
    X(HISTORY_THROUGHPUT, "throughput", "throughput_items_per_second", "items/s", false)                     \
    X(HISTORY_MEMORY, "memory", "memory_peak_mb", "MB", true)

typedef enum history_metric {
#define HISTORY_METRIC_ENUM(symbol, name, column, unit, less) symbol,
    HISTORY_METRIC_LIST(HISTORY_METRIC_ENUM)
#undef HISTORY_METRIC_ENUM
} history_metric;
bool history_metric_from_name(const char *name, history_metric *out);
const char *history_metric_name(history_metric metric);
const char *history_metric_unit(history_metric metric);
bool history_metric_less_is_better(history_metric metric);

/* What makes two results measurements of the same thing (performance_identities), in natural terms, so that series of two databases can be
 * compared. symbol, name, SQL */
#define HISTORY_FIELD_LIST(X)                                                                                \
    X(HISTORY_MODEL, "model", "m.model_name")                                                                \
    X(HISTORY_WEIGHTS, "weights", "m.source")                                                                \
    X(HISTORY_MODEL_VERSION, "model_version", "m.version")                                                   \
    X(HISTORY_HARDWARE, "hardware", "h.hardware_type")                                                       \
    X(HISTORY_DEVICE, "device", "h.device_name")                                                             \
    X(HISTORY_MACHINE, "machine", "h.natural_key")                                                           \
    X(HISTORY_ENGINE, "engine", "i.engine")                                                                  \
    X(HISTORY_ENGINE_VERSION, "engine_version", "i.engine_version")                                          \
    X(HISTORY_PRECISION, "precision", "i.precision")                                                         \
    X(HISTORY_BATCH, "batch", "CAST(i.batch_size AS VARCHAR)")                                               \
    X(HISTORY_SEQUENCE, "sequence", "CAST(i.sequence_length AS VARCHAR)")                                    \
    X(HISTORY_SHAPES, "shapes", "CAST(i.shapes AS VARCHAR)")                                                 \
    X(HISTORY_THREADS, "threads", "CAST(i.threads AS VARCHAR)")                                              \
    X(HISTORY_MODE, "mode", "i.mode")                                                                        \
    X(HISTORY_SCENARIO, "scenario", "i.scenario")

typedef enum history_field {
#define HISTORY_FIELD_ENUM(symbol, name, sql) symbol,
    HISTORY_FIELD_LIST(HISTORY_FIELD_ENUM)
#undef HISTORY_FIELD_ENUM
        HISTORY_FIELD_COUNT
} history_field;
const char *history_field_name(history_field field);
bool history_field_from_name(const char *name, history_field *out);

typedef struct history_run {
    int64_t run_id;
    const char *uuid, *started_at, *git_commit; /* git_commit may be NULL */
} history_run;

/* A change that was found: a row of performance_regressions. */
typedef struct history_change {
    int64_t id; /* regression_id */
    int64_t identity_id, result_id, run_id, previous_run_id;
    bool worse;
    double ratio, low, high, p_value; /* low, high may be NAN */
    bool acknowledged;
    const char *note; /* of the acknowledgement; may be NULL */
} history_change;

typedef struct history_series {
    int64_t identity_id;
    const char *fields[HISTORY_FIELD_COUNT]; /* NULL: absent */
    means_side side;                         /* one value a process, run after run by their start */
    size_t count;                            /* values */
    const history_run **runs;                /* side.run_count */
    const int64_t *first_results;            /* of each run: result_id of its first value */
    const double *run_means;
    const history_change *known; /* changes of this metric that are stored, in the order of their runs */
    size_t known_count;
} history_series;

typedef struct history {
    history_series *series; /* those with a value */
    size_t count;
    size_t result_count;
} history;

/* Which results. A name of `accel compare`: a database's file, "latest", "latest~N", a run's number or the beginning of its UUID, or the
 * beginning of a commit. */
typedef struct history_selection {
    const char *path;    /* the database */
    const char *where;   /* SQL over test_runs r and performance_results p; NULL: all */
    bool newest_only;    /* of each series only the newest of these runs */
    const char *subject; /* for people: "run 12 (2026-11-23T02:11:00Z, commit 0c63c16)" */
} history_selection;
/* db_path: of names that are no file. ACCEL_NOT_FOUND when there is no such run, commit or database; ACCEL_INVALID_ARGUMENT when several runs begin
 * so. */
accel_status history_select(const char *name, const char *db_path, arena *a, history_selection *out,
                            accel_error *err);

typedef struct history_filter {
    history_metric metric;
    const char *provenance; /* NULL: measured. Series of two kinds are never mixed */
    struct {
        history_field field;
        const char *const *values;
        size_t count; /* 0: all */
    } only[4];
    size_t only_count;
} history_filter;

/* Ok results whose figure is there and whose run's start is known, in memory of a. with_parts: side.parts of series of one process. */
accel_status history_read(const history_selection *selection, const history_filter *filter, bool with_parts,
                          arena *a, history *out, accel_error *err);

/* Stores changes that were found, and sets their ids. One that is there already (by series, metric and result) is no second row. */
accel_status history_store_changes(const char *path, history_metric metric, history_change *changes,
                                   size_t count, accel_error *err);
/* ACCEL_NOT_FOUND when there is no such change. One that is acknowledged already gets the new note. */
accel_status history_acknowledge(const char *path, int64_t id, const char *note, accel_error *err);

#endif
