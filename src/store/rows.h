/* Rows of every kind that the database takes, and a batch of them: what goes in together or not at all.
 *
 * Each kind is one list of fields, from which its struct, its staging table and its validation are made. Absent is NULL for text, NAN
 * for REAL, RECORD_NONE for INT, RECORD_UNKNOWN_BOOL for BOOL, as in a record (measure/record.h); ROW_INIT makes such a row. Texts are the
 * caller's and must live until the batch is added; JSON is the text of an object. Times are UTC as 2026-11-23T02:11:00Z. */
#ifndef ACCEL_STORE_ROWS_H
#define ACCEL_STORE_ROWS_H

#include "base/arena.h"
#include "measure/record.h"

/* The command, file or test suite that results belong to. uuid names it across database and spool: equal uuids are one row. */
#define STORE_RUN_FIELDS(X)                                                                                  \
    X(TEXT, uuid)                                                                                            \
    X(TEXT, test_name)                                                                                       \
    X(TEXT, test_type) /* performance, hardware, compatibility, integration; NULL: performance */            \
    X(TEXT, started_at)                                                                                      \
    X(TEXT, completed_at)                                                                                    \
    X(REAL, execution_time_seconds)                                                                          \
    X(BOOL, success)                                                                                         \
    X(TEXT, git_commit)                                                                                      \
    X(TEXT, git_branch)                                                                                      \
    X(TEXT, command_line)                                                                                    \
    X(JSON, metadata)

/* What a row is about, as far as it is known. Rows of one batch belong to its run. */
#define STORE_SUBJECT_FIELDS(X)                                                                              \
    X(TEXT, model_name)                                                                                      \
    X(TEXT, model_family)                                                                                    \
    X(TEXT, model_modality)                                                                                  \
    X(TEXT, model_source) /* file, hf, generated; NULL: not known */                                         \
    X(TEXT, hardware_type)                                                                                   \
    X(TEXT, device_name)

#define STORE_PROVENANCE_FIELDS(X)                                                                           \
    X(TEXT, provenance) /* measured, predicted, imported or simulated */                                     \
    X(BOOL, is_simulated)                                                                                    \
    X(TEXT, simulation_reason)

/* A model on a platform, where no record of a run tells it. */
#define STORE_COMPATIBILITY_FIELDS(X)                                                                        \
    STORE_SUBJECT_FIELDS(X)                                                                                  \
    X(BOOL, is_compatible)                                                                                   \
    X(BOOL, detection_success)                                                                               \
    X(BOOL, initialization_success)                                                                          \
    X(TEXT, error_message)                                                                                   \
    X(TEXT, error_type)                                                                                      \
    X(TEXT, suggested_fix)                                                                                   \
    X(BOOL, workaround_available)                                                                            \
    X(REAL, compatibility_score)                                                                             \
    X(JSON, metadata)                                                                                        \
    STORE_PROVENANCE_FIELDS(X)

#define STORE_INTEGRATION_FIELDS(X)                                                                          \
    STORE_SUBJECT_FIELDS(X) /* both may be absent */                                                         \
    X(TEXT, test_module)                                                                                     \
    X(TEXT, test_class)                                                                                      \
    X(TEXT, test_name)                                                                                       \
    X(TEXT, status) /* pass, fail, error, skip */                                                            \
    X(REAL, execution_time_seconds)                                                                          \
    X(TEXT, error_message)                                                                                   \
    X(TEXT, error_traceback)                                                                                 \
    X(JSON, metadata)                                                                                        \
    STORE_PROVENANCE_FIELDS(X)

#define STORE_ASSERTION_FIELDS(X)                                                                            \
    X(INT, parent) /* index into the batch's integration rows */                                             \
    X(TEXT, assertion_name)                                                                                  \
    X(BOOL, passed)                                                                                          \
    X(TEXT, expected_value)                                                                                  \
    X(TEXT, actual_value)                                                                                    \
    X(TEXT, message)

#define STORE_WEB_FIELDS(X)                                                                                  \
    STORE_SUBJECT_FIELDS(X)                                                                                  \
    X(TEXT, platform) /* webnn, webgpu, wasm */                                                              \
    X(TEXT, browser)                                                                                         \
    X(TEXT, browser_version)                                                                                 \
    X(TEXT, test_file)                                                                                       \
    X(BOOL, success)                                                                                         \
    X(REAL, load_time_ms)                                                                                    \
    X(REAL, initialization_time_ms)                                                                          \
    X(REAL, inference_time_ms)                                                                               \
    X(REAL, total_time_ms)                                                                                   \
    X(REAL, shader_compilation_time_ms)                                                                      \
    X(REAL, memory_usage_mb)                                                                                 \
    X(TEXT, error_message)                                                                                   \
    X(JSON, metrics)                                                                                         \
    STORE_PROVENANCE_FIELDS(X)

#define STORE_WEBGPU_FIELDS(X)                                                                               \
    X(INT, parent) /* index into the batch's web rows */                                                     \
    X(BOOL, compute_shader_support)                                                                          \
    X(BOOL, parallel_compilation)                                                                            \
    X(BOOL, shader_cache_hit)                                                                                \
    X(INT, workgroup_size)                                                                                   \
    X(REAL, compute_pipeline_time_ms)                                                                        \
    X(BOOL, pre_compiled_pipeline)                                                                           \
    X(TEXT, memory_optimization_level)                                                                       \
    X(BOOL, audio_acceleration)                                                                              \
    X(BOOL, video_acceleration)                                                                              \
    X(BOOL, parallel_loading)                                                                                \
    X(REAL, parallel_loading_speedup)                                                                        \
    X(INT, components_loaded)                                                                                \
    X(REAL, component_loading_time_ms)

#define STORE_OPTIMIZATION_FIELDS(X)                                                                         \
    X(TEXT, test_datetime)                                                                                   \
    X(TEXT, test_type)                                                                                       \
    X(TEXT, model_name)                                                                                      \
    X(TEXT, model_family)                                                                                    \
    X(BOOL, optimization_enabled)                                                                            \
    X(REAL, execution_time_ms)                                                                               \
    X(REAL, initialization_time_ms)                                                                          \
    X(REAL, improvement_percent)                                                                             \
    X(REAL, audio_length_seconds)                                                                            \
    X(INT, component_count)                                                                                  \
    X(TEXT, hardware_type)                                                                                   \
    X(TEXT, browser)                                                                                         \
    X(JSON, environment)                                                                                     \
    STORE_PROVENANCE_FIELDS(X)

#define STORE_SHADER_FIELDS(X)                                                                               \
    X(INT, parent) /* index into the batch's optimization rows */                                            \
    X(TEXT, test_datetime)                                                                                   \
    X(INT, shader_count)                                                                                     \
    X(INT, cached_shaders_used)                                                                              \
    X(INT, new_shaders_compiled)                                                                             \
    X(REAL, cache_hit_rate)                                                                                  \
    X(REAL, total_compilation_time_ms)                                                                       \
    X(REAL, peak_memory_mb)

#define STORE_LOADING_FIELDS(X)                                                                              \
    X(INT, parent) /* index into the batch's optimization rows */                                            \
    X(TEXT, test_datetime)                                                                                   \
    X(INT, components_loaded)                                                                                \
    X(REAL, sequential_load_time_ms)                                                                         \
    X(REAL, parallel_load_time_ms)                                                                           \
    X(REAL, memory_peak_mb)                                                                                  \
    X(REAL, loading_speedup)

/* A platform of a machine that somebody else's tool saw or did not see. */
#define STORE_SEEN_FIELDS(X)                                                                                 \
    X(TEXT, hardware_type)                                                                                   \
    X(BOOL, is_available)                                                                                    \
    X(BOOL, is_simulated)                                                                                    \
    X(TEXT, detection_method)                                                                                \
    X(JSON, detection_details)                                                                               \
    X(TEXT, detected_at)                                                                                     \
    X(TEXT, machine_id)                                                                                      \
    X(TEXT, device)

/* A file and what became of it. */
#define STORE_SOURCE_FIELDS(X)                                                                               \
    X(TEXT, file_path)                                                                                       \
    X(TEXT, file_hash)                                                                                       \
    X(INT, file_size)                                                                                        \
    X(TEXT, category)                                                                                        \
    X(TEXT, status) /* imported, skipped, rejected */                                                        \
    X(INT, records_imported)                                                                                 \
    X(TEXT, message)

/* X(type, FIELDS, what it is): store_NAME for each kind of row. */
#define STORE_ROW_KINDS(X)                                                                                   \
    X(run, STORE_RUN_FIELDS)                                                                                 \
    X(compatibility, STORE_COMPATIBILITY_FIELDS)                                                             \
    X(integration, STORE_INTEGRATION_FIELDS)                                                                 \
    X(assertion, STORE_ASSERTION_FIELDS)                                                                     \
    X(web, STORE_WEB_FIELDS)                                                                                 \
    X(webgpu, STORE_WEBGPU_FIELDS)                                                                           \
    X(optimization, STORE_OPTIMIZATION_FIELDS)                                                               \
    X(shader, STORE_SHADER_FIELDS)                                                                           \
    X(loading, STORE_LOADING_FIELDS)                                                                         \
    X(seen, STORE_SEEN_FIELDS)                                                                               \
    X(source, STORE_SOURCE_FIELDS)

#define STORE_MEMBER_TEXT        const char *
#define STORE_MEMBER_JSON        const char *
#define STORE_MEMBER_INT         int64_t
#define STORE_MEMBER_REAL        double
#define STORE_MEMBER_BOOL        int
#define STORE_MEMBER(kind, name) STORE_MEMBER_##kind name;
#define STORE_STRUCT(type, fields)                                                                           \
    typedef struct store_##type {                                                                            \
        fields(STORE_MEMBER)                                                                                 \
    } store_##type;
STORE_ROW_KINDS(STORE_STRUCT)

/* An absent value of each kind; a row of them: store_web w; store_web_init(&w). */
#define STORE_ABSENT_TEXT       NULL
#define STORE_ABSENT_JSON       NULL
#define STORE_ABSENT_INT        RECORD_NONE
#define STORE_ABSENT_REAL       ((double)NAN)
#define STORE_ABSENT_BOOL       RECORD_UNKNOWN_BOOL
#define STORE_RESET(kind, name) row->name = STORE_ABSENT_##kind;
#define STORE_INIT(type, fields)                                                                             \
    static inline void store_##type##_init(store_##type *row) {                                              \
        fields(STORE_RESET)                                                                                  \
    }
STORE_ROW_KINDS(STORE_INIT)

/* What follows from a record, or from a row of the other kinds that are found again by what they say: their natural and content keys, what a record
 * holds beside its columns. */
typedef struct store_prepared {
    const char *model_key, *hardware_key, *identity_key, *content_key;
    const char *metrics, *test_case;
} store_prepared;

/* One run and what belongs to it. Any array may be empty. */
typedef struct store_batch {
    store_run run; /* uuid NULL: no run, and no rows that need one (only seen, optimizations, a source) */
    const record *records;
    size_t record_count;
#define STORE_ARRAY(type)                                                                                    \
    const store_##type *type##_rows;                                                                         \
    size_t type##_count;
    STORE_ARRAY(compatibility)
    STORE_ARRAY(integration)
    STORE_ARRAY(assertion)
    STORE_ARRAY(web)
    STORE_ARRAY(webgpu)
    STORE_ARRAY(optimization)
    STORE_ARRAY(shader)
    STORE_ARRAY(loading)
    STORE_ARRAY(seen)
#undef STORE_ARRAY
    const store_source *source; /* the file it comes from; NULL: none */
    const store_prepared *
        prepared; /* by store_batch_prepare: of the records, integration, web, optimization and compatibility rows */
} store_batch;

/* A UUID that follows from the text, for what must have the same id whenever it is said again (RFC 9562, version 8: from its SHA-256). */
accel_status store_uuid_of(const char *text, size_t length, char uuid[37], accel_error *err);

/* "2026-11-23T02:11:00Z", with or without a fraction. */
bool store_is_utc(const char *text);

/* What the database would refuse, or must not hold: names missing or not from their lists, a number that is infinite or negative, text that is no
 * UTF-8, JSON that is none, a parent that is not there. One sentence, ACCEL_BAD_FILE. */
accel_status store_batch_validate(const store_batch *b, accel_error *err);
accel_status store_source_validate(const store_source *source, accel_error *err);

/* Does beforehand, on any thread, what one writer would do else: validates the batch (but not its source) and sets b->prepared, in a. A preparer
 * remembers keys; one thread at a time uses it. */
typedef struct store_preparer store_preparer;
store_preparer *store_preparer_create(void); /* NULL when memory ends */
void store_preparer_destroy(store_preparer *p);
accel_status store_batch_prepare(store_preparer *p, arena *a, store_batch *b, accel_error *err);

#endif
