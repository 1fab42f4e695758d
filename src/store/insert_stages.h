/* The staging tables and the statements that take them over. Private to the store. */
#ifndef ACCEL_STORE_INSERT_STAGES_H
#define ACCEL_STORE_INSERT_STAGES_H

#include "store/rows.h"
#include "store/stage.h"

/* A row of performance_results on its way in. Keys are natural keys of the rows it refers to. */
#define STAGED_RESULT_FIELDS(X)                                                                              \
    X(TEXT, run_uuid)                                                                                        \
    X(TEXT, identity_key)                                                                                    \
    X(TEXT, test_case)                                                                                       \
    X(INT, batch_size)                                                                                       \
    X(TEXT, precision)                                                                                       \
    X(REAL, total_time_seconds)                                                                              \
    X(REAL, average_latency_ms)                                                                              \
    X(REAL, throughput_items_per_second)                                                                     \
    X(REAL, memory_peak_mb)                                                                                  \
    X(INT, iterations)                                                                                       \
    X(INT, warmup_iterations)                                                                                \
    X(JSON, metrics)                                                                                         \
    X(TEXT, status)                                                                                          \
    X(TEXT, error_message)                                                                                   \
    X(TEXT, record_id)                                                                                       \
    X(TEXT, engine)                                                                                          \
    X(TEXT, engine_version)                                                                                  \
    X(TEXT, precision_asked)                                                                                 \
    X(TEXT, precision_ran)                                                                                   \
    X(INT, sequence_length)                                                                                  \
    X(JSON, shapes)                                                                                          \
    X(INT, threads)                                                                                          \
    X(TEXT, mode)                                                                                            \
    X(TEXT, scenario)                                                                                        \
    X(REAL, median_latency_ms)                                                                               \
    X(REAL, p90_latency_ms)                                                                                  \
    X(REAL, p99_latency_ms)                                                                                  \
    X(REAL, ci95_latency_ms)                                                                                 \
    X(REAL, tokens_per_second)                                                                               \
    X(REAL, load_ms)                                                                                         \
    X(REAL, compile_ms)                                                                                      \
    X(REAL, first_ms)                                                                                        \
    X(BOOL, verified)                                                                                        \
    X(TEXT, reference)                                                                                       \
    X(REAL, relative_l2)                                                                                     \
    X(INTS, samples_ns)                                                                                      \
    X(TEXT, provenance)                                                                                      \
    X(BOOL, is_simulated)                                                                                    \
    X(TEXT, simulation_reason)

#define STAGED_MODEL_FIELDS(X)                                                                               \
    X(TEXT, model_name)                                                                                      \
    X(TEXT, model_family)                                                                                    \
    X(TEXT, modality)                                                                                        \
    X(TEXT, source)                                                                                          \
    X(TEXT, version)                                                                                         \
    X(REAL, parameters_million)                                                                              \
    X(TEXT, metadata)                                                                                        \
    X(TEXT, natural_key)

#define STAGED_HARDWARE_FIELDS(X)                                                                            \
    X(TEXT, hardware_type)                                                                                   \
    X(TEXT, device_name)                                                                                     \
    X(TEXT, platform)                                                                                        \
    X(TEXT, platform_version)                                                                                \
    X(TEXT, driver_version)                                                                                  \
    X(REAL, memory_gb)                                                                                       \
    X(INT, compute_units)                                                                                    \
    X(TEXT, metadata)                                                                                        \
    X(TEXT, natural_key)

/* What a series has in common with its results. */
#define STAGED_SERIES_FIELDS(X)                                                                              \
    X(TEXT, engine)                                                                                          \
    X(TEXT, engine_version)                                                                                  \
    X(TEXT, precision)                                                                                       \
    X(INT, batch_size)                                                                                       \
    X(INT, sequence_length)                                                                                  \
    X(JSON, shapes)                                                                                          \
    X(INT, threads)                                                                                          \
    X(TEXT, mode)                                                                                            \
    X(TEXT, scenario)                                                                                        \
    X(TEXT, provenance)                                                                                      \
    X(BOOL, is_simulated)
#define STAGED_IDENTITY_FIELDS(X)                                                                            \
    X(TEXT, model_key)                                                                                       \
    X(TEXT, hardware_key)                                                                                    \
    STAGED_SERIES_FIELDS(X)                                                                                  \
    X(TEXT, natural_key)

#define STAGED_ID_FIELDS(X) X(TEXT, record_id)

#define STAGED_MEMBER_TEXT(name) const char *name;
#define STAGED_MEMBER_JSON(name) const char *name;
#define STAGED_MEMBER_INT(name)  int64_t name;
#define STAGED_MEMBER_REAL(name) double name;
#define STAGED_MEMBER_BOOL(name) int name;
#define STAGED_MEMBER_INTS(name)                                                                             \
    const int64_t *name;                                                                                     \
    size_t name##_count;
#define STAGED_MEMBER(kind, name) STAGED_MEMBER_##kind(name)

typedef struct staged_result {
    STAGED_RESULT_FIELDS(STAGED_MEMBER)
} staged_result;
typedef struct staged_model {
    STAGED_MODEL_FIELDS(STAGED_MEMBER)
} staged_model;
typedef struct staged_hardware {
    STAGED_HARDWARE_FIELDS(STAGED_MEMBER)
} staged_hardware;
typedef struct staged_identity {
    STAGED_IDENTITY_FIELDS(STAGED_MEMBER)
} staged_identity;
typedef struct staged_id {
    STAGED_ID_FIELDS(STAGED_MEMBER)
} staged_id;

/* Where a row of any other kind belongs: natural keys, absent where the kind has none. */
typedef struct staged_keys {
    const char *run_uuid, *model_key, *hardware_key, *content_key, *parent_key;
} staged_keys;
#define STAGED_ROW(type, fields)                                                                             \
    typedef struct staged_##type {                                                                           \
        staged_keys keys;                                                                                    \
        store_##type row;                                                                                    \
    } staged_##type;
STORE_ROW_KINDS(STAGED_ROW)

/* The staging tables. Models and hardware come before results, parents before children: the order in which they are taken over. */
typedef enum stage_id {
    STAGE_RUNS,
    STAGE_MODELS,
    STAGE_HARDWARE,
    STAGE_IDENTITIES,
    STAGE_IDS,
    STAGE_RESULTS,
    STAGE_COMPATIBILITY,
    STAGE_INTEGRATION,
    STAGE_ASSERTIONS,
    STAGE_WEB,
    STAGE_WEBGPU,
    STAGE_OPTIMIZATIONS,
    STAGE_SHADERS,
    STAGE_LOADING,
    STAGE_SEEN,
    STAGE_SOURCES,
    STAGE_COUNT
} stage_id;
extern const stage_table stage_tables[STAGE_COUNT];

/* The one statement that takes a stage over, into out; empty: it takes several. plain: none of its rows is in its table, which saves DuckDB (1.5: a
 * MERGE, with all rows of the stage in a hash table) from looking. */
void stage_direct_sql(stage_id id, bool plain, str_buf *out);

/* Takes over every stage that has rows; inside a transaction. *rows: new rows of result tables are added. *before: a number of
 * performance_results before those of its rows, where it is 0 and there are any. */
accel_status take_over(database *db, stage *stages, int64_t *rows, int64_t *before, accel_error *err);

#endif
