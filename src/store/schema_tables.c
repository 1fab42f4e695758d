/* The tables, with the meaning of every column. */
#include "store/schema.h"

/* Columns that every result table ends with. */
#define PROVENANCE_COLUMNS                                                                                   \
    {"provenance", "VARCHAR NOT NULL DEFAULT 'measured'", "measured, predicted, imported or simulated"},     \
        {"is_simulated", "BOOLEAN NOT NULL DEFAULT false",                                                   \
         "true: not a measurement; kept out of the measured views"},                                         \
        {"simulation_reason", "VARCHAR", "what shows that it was simulated"}, CREATED_COLUMN
#define CREATED_COLUMN                                                                                       \
    {"created_at", "TIMESTAMP DEFAULT (now() AT TIME ZONE 'UTC')",                                           \
     "when the row was inserted (UTC); never the time of the run"}

#define CONTENT_KEY_TEXT "SHA-256 of what the row says; a row that is there already is not added again"

static const schema_column schema_info_columns[] = {
    {"version", "INTEGER NOT NULL", "number of this schema"},
    {"program_version", "VARCHAR", "of the accel that made it"},
    CREATED_COLUMN,
};

static const schema_column hardware_columns[] = {
    {"hardware_id", "BIGINT PRIMARY KEY DEFAULT nextval('hardware_platforms_seq')", ""},
    {"hardware_type", "VARCHAR NOT NULL",
     "cpu, cuda, rocm, mps, openvino, qnn, webnn, webgpu, wasm, vulkan, dx12"},
    {"device_name", "VARCHAR", "the device as its driver names it"},
    {"platform", "VARCHAR", "operating system"},
    {"platform_version", "VARCHAR", "its kernel"},
    {"driver_version", "VARCHAR", "version of the device's driver"},
    {"memory_gb", "DOUBLE", "memory of the device (of the machine for CPUs), 10^9 bytes"},
    {"compute_units", "INTEGER", "CPU cores a process may use; units of an accelerator"},
    {"metadata", "JSON", "device id, CPU model, machine id"},
    {"natural_key", "VARCHAR NOT NULL UNIQUE",
     "SHA-256 of what identifies the row; rows are immutable and inserted if absent"},
    CREATED_COLUMN,
};

static const schema_column model_columns[] = {
    {"model_id", "BIGINT PRIMARY KEY DEFAULT nextval('models_seq')", ""},
    {"model_name", "VARCHAR NOT NULL", "name or file name"},
    {"model_family", "VARCHAR", "model class: bert, resnet, …"},
    {"modality", "VARCHAR", "text, image, audio, video, multimodal"},
    {"source", "VARCHAR", "file, hf or generated (seeded random weights)"},
    {"version", "VARCHAR", "SHA-256 over graph and weights; two files with one name are two models"},
    {"parameters_million", "DOUBLE", "weights' elements, 10^6"},
    {"metadata", "JSON", "bytes of the weights"},
    {"natural_key", "VARCHAR NOT NULL UNIQUE", "SHA-256 of name, source and version"},
    CREATED_COLUMN,
};

static const schema_column run_columns[] = {
    {"run_id", "BIGINT PRIMARY KEY DEFAULT nextval('test_runs_seq')", ""},
    {"test_name", "VARCHAR NOT NULL", "accel bench, or what the importer found"},
    {"test_type", "VARCHAR NOT NULL", "performance, hardware, compatibility, integration"},
    {"started_at", "TIMESTAMP", "UTC; the newest result is the one whose run started last"},
    {"completed_at", "TIMESTAMP", "NULL while it runs, or when it was killed"},
    {"execution_time_seconds", "DOUBLE", ""},
    {"success", "BOOLEAN", "it came to its end (single cases may have failed: see their status)"},
    {"git_commit", "VARCHAR", "of accel's sources"},
    {"git_branch", "VARCHAR", ""},
    {"command_line", "VARCHAR", ""},
    {"metadata", "JSON USING COMPRESSION zstd", ""},
    {"run_uuid", "VARCHAR NOT NULL UNIQUE", "names the run across database and spool"},
    CREATED_COLUMN,
};

static const schema_column performance_columns[] = {
    {"result_id", "BIGINT PRIMARY KEY DEFAULT nextval('performance_results_seq')", ""},
    {"run_id", "BIGINT NOT NULL REFERENCES test_runs(run_id)", ""},
    {"model_id", "BIGINT NOT NULL REFERENCES models(model_id)", ""},
    {"hardware_id", "BIGINT NOT NULL REFERENCES hardware_platforms(hardware_id)", ""},
    {"identity_id", "BIGINT NOT NULL REFERENCES performance_identities(identity_id)",
     "the series it belongs to"},
    {"test_case", "VARCHAR NOT NULL", "mode and scenario: inference/single-stream"},
    {"batch_size", "BIGINT DEFAULT 1", "elements of the batch"},
    {"precision", "VARCHAR", "what the engine computed in (what was asked, unless ok)"},
    {"total_time_seconds", "DOUBLE", "sum of the measured samples"},
    {"average_latency_ms", "DOUBLE", "mean of the samples"},
    {"throughput_items_per_second", "DOUBLE", "elements of the batch per second"},
    {"memory_peak_mb", "DOUBLE", "peak resident memory of the case's process, 10^6 bytes"},
    {"iterations", "BIGINT", "measured samples"},
    {"warmup_iterations", "BIGINT", "inferences before the series was judged"},
    {"metrics", "JSON USING COMPRESSION zstd",
     "the record (docs/record.md) but its samples and, of ok rows, what has a column here"},
    {"status", "VARCHAR NOT NULL",
     "ok, unsupported, absent, crashed, timeout, out_of_memory, wrong_output, error, cancelled; figures are NULL unless ok"},
    {"error_message", "VARCHAR", "one sentence when not ok"},
    {"record_id", "UUID NOT NULL UNIQUE", "of the record"},
    {"engine", "VARCHAR", "native, onnxruntime, openvino, …"},
    {"engine_version", "VARCHAR", ""},
    {"precision_asked", "VARCHAR", ""},
    {"precision_ran", "VARCHAR", ""},
    {"sequence_length", "BIGINT", "tokens, where the model has a sequence"},
    {"shapes", "JSON", "shape of each input"},
    {"threads", "BIGINT", "of one session"},
    {"mode", "VARCHAR", "inference, prefill, decode, training"},
    {"scenario", "VARCHAR", "single-stream, offline, server"},
    {"median_latency_ms", "DOUBLE", ""},
    {"p90_latency_ms", "DOUBLE", "NULL below 64 samples"},
    {"p99_latency_ms", "DOUBLE", "NULL below 662 samples"},
    {"ci95_latency_ms", "DOUBLE", "half width of the 95 % interval of the mean"},
    {"tokens_per_second", "DOUBLE", ""},
    {"load_ms", "DOUBLE", "reading the model into the runtime"},
    {"compile_ms", "DOUBLE", "optimising and packing, where known apart"},
    {"first_ms", "DOUBLE", "first inference"},
    {"verified", "BOOLEAN",
     "outputs agree with the reference; NULL when nothing independent could be compared with"},
    {"reference", "VARCHAR", "what the outputs were compared with"},
    {"relative_l2", "DOUBLE", "of the worst output"},
    {"samples_ns", "BIGINT[]", "every measured latency, in order, ns"},
    PROVENANCE_COLUMNS,
};

static const schema_column compatibility_columns[] = {
    {"compatibility_id", "BIGINT PRIMARY KEY DEFAULT nextval('hardware_compatibility_seq')", ""},
    {"run_id", "BIGINT NOT NULL REFERENCES test_runs(run_id)", ""},
    {"model_id", "BIGINT NOT NULL REFERENCES models(model_id)", ""},
    {"hardware_id", "BIGINT NOT NULL REFERENCES hardware_platforms(hardware_id)", ""},
    {"is_compatible", "BOOLEAN NOT NULL", "the model ran there and no reference contradicted it"},
    {"detection_success", "BOOLEAN NOT NULL", "the platform is there"},
    {"initialization_success", "BOOLEAN NOT NULL", "the model was loaded there"},
    {"error_message", "VARCHAR", ""},
    {"error_type", "VARCHAR", "the status of the case"},
    {"suggested_fix", "VARCHAR", ""},
    {"workaround_available", "BOOLEAN", ""},
    {"compatibility_score", "DOUBLE",
     "share of this run's cases of the model on the platform that were ok, 0 to 1"},
    {"metadata", "JSON", "cases and ok cases behind the score"},
    {"content_key", "VARCHAR UNIQUE", CONTENT_KEY_TEXT "; NULL: it sums up results of this database"},
    PROVENANCE_COLUMNS,
};

static const schema_column availability_columns[] = {
    {"id", "BIGINT PRIMARY KEY DEFAULT nextval('hardware_availability_log_seq')", ""},
    {"hardware_type", "VARCHAR NOT NULL",
     "platform: cpu, cuda, rocm, …; of devices that are no platform's their kind: gpu, npu, accelerator, browser"},
    {"is_available", "BOOLEAN NOT NULL", "it can be used; false: it cannot, or it is not there any more"},
    {"is_simulated", "BOOLEAN NOT NULL DEFAULT false", "true: not what a machine was seen to have"},
    {"detection_method", "VARCHAR NOT NULL", "detect, probe NAME or engine NAME: who looked"},
    {"detection_details", "JSON", "name, driver, memory, reason, …, as far as known"},
    {"detected_at", "TIMESTAMP NOT NULL", "UTC; the same for all rows of one detection"},
    {"machine_id", "VARCHAR NOT NULL", "names the machine and tells nothing of it"},
    {"device", "VARCHAR NOT NULL", "which of that type on this machine; empty: the platform as a whole"},
};

static const schema_column integration_columns[] = {
    {"test_result_id", "BIGINT PRIMARY KEY DEFAULT nextval('integration_test_results_seq')", ""},
    {"run_id", "BIGINT NOT NULL REFERENCES test_runs(run_id)", ""},
    {"test_module", "VARCHAR NOT NULL", "file or module of the test"},
    {"test_class", "VARCHAR", ""},
    {"test_name", "VARCHAR NOT NULL", ""},
    {"status", "VARCHAR NOT NULL CHECK (status IN ('pass', 'fail', 'error', 'skip'))",
     "pass, fail, error, skip"},
    {"execution_time_seconds", "DOUBLE", ""},
    {"hardware_id", "BIGINT REFERENCES hardware_platforms(hardware_id)",
     "what it ran on, where that is known"},
    {"model_id", "BIGINT REFERENCES models(model_id)", "the model under test, where there is one"},
    {"error_message", "VARCHAR", "one sentence"},
    {"error_traceback", "VARCHAR", "what the test printed about it"},
    {"metadata", "JSON USING COMPRESSION zstd", "what else was said, as it was said"},
    {"content_key", "VARCHAR NOT NULL UNIQUE", CONTENT_KEY_TEXT},
    PROVENANCE_COLUMNS,
};

static const schema_column assertion_columns[] = {
    {"assertion_id", "BIGINT PRIMARY KEY DEFAULT nextval('integration_test_assertions_seq')", ""},
    {"test_result_id", "BIGINT NOT NULL REFERENCES integration_test_results(test_result_id)", ""},
    {"assertion_name", "VARCHAR NOT NULL", ""},
    {"passed", "BOOLEAN NOT NULL", ""},
    {"expected_value", "VARCHAR", ""},
    {"actual_value", "VARCHAR", ""},
    {"message", "VARCHAR", ""},
    CREATED_COLUMN,
};

static const schema_column web_columns[] = {
    {"result_id", "BIGINT PRIMARY KEY DEFAULT nextval('web_platform_results_seq')", ""},
    {"run_id", "BIGINT NOT NULL REFERENCES test_runs(run_id)", ""},
    {"model_id", "BIGINT NOT NULL REFERENCES models(model_id)", ""},
    {"hardware_id", "BIGINT NOT NULL REFERENCES hardware_platforms(hardware_id)", ""},
    {"platform", "VARCHAR NOT NULL CHECK (platform IN ('webnn', 'webgpu', 'wasm'))", "webnn, webgpu, wasm"},
    {"browser", "VARCHAR CHECK (browser IN ('chrome', 'chromium', 'edge', 'firefox', 'safari', 'webkit'))",
     "chrome, chromium, edge, firefox, safari, webkit; NULL: not known"},
    {"browser_version", "VARCHAR", ""},
    {"test_file", "VARCHAR", "the page or script that ran"},
    {"success", "BOOLEAN", "it came to its end without an error"},
    {"load_time_ms", "DOUBLE", "fetching and parsing the model"},
    {"initialization_time_ms", "DOUBLE", "building it for the device"},
    {"inference_time_ms", "DOUBLE", "mean of one inference"},
    {"total_time_ms", "DOUBLE", ""},
    {"shader_compilation_time_ms", "DOUBLE", ""},
    {"memory_usage_mb", "DOUBLE", "10^6 bytes"},
    {"error_message", "VARCHAR", ""},
    {"metrics", "JSON", "what else was said, as it was said"},
    {"content_key", "VARCHAR NOT NULL UNIQUE", CONTENT_KEY_TEXT},
    PROVENANCE_COLUMNS,
};

static const schema_column webgpu_columns[] = {
    {"feature_id", "BIGINT PRIMARY KEY DEFAULT nextval('webgpu_advanced_features_seq')", ""},
    {"result_id", "BIGINT NOT NULL REFERENCES web_platform_results(result_id)", ""},
    {"compute_shader_support", "BOOLEAN", ""},
    {"parallel_compilation", "BOOLEAN", ""},
    {"shader_cache_hit", "BOOLEAN", ""},
    {"workgroup_size", "BIGINT", "invocations of one workgroup"},
    {"compute_pipeline_time_ms", "DOUBLE", ""},
    {"pre_compiled_pipeline", "BOOLEAN", ""},
    {"memory_optimization_level",
     "VARCHAR CHECK (memory_optimization_level IN ('none', 'low', 'medium', 'high'))",
     "none, low, medium, high"},
    {"audio_acceleration", "BOOLEAN", ""},
    {"video_acceleration", "BOOLEAN", ""},
    {"parallel_loading", "BOOLEAN", ""},
    {"parallel_loading_speedup", "DOUBLE", "time of loading one after the other for that of loading at once"},
    {"components_loaded", "BIGINT", ""},
    {"component_loading_time_ms", "DOUBLE", ""},
    CREATED_COLUMN,
};

static const schema_column optimization_columns[] = {
    {"id", "BIGINT PRIMARY KEY DEFAULT nextval('web_platform_optimizations_seq')", ""},
    {"test_datetime", "TIMESTAMP", "UTC"},
    {"test_type", "VARCHAR NOT NULL", "compute_shader, parallel_loading, shader_precompilation, …"},
    {"model_name", "VARCHAR NOT NULL", ""},
    {"model_family", "VARCHAR", ""},
    {"optimization_enabled", "BOOLEAN NOT NULL", "with or without it: runs come in pairs"},
    {"execution_time_ms", "DOUBLE", ""},
    {"initialization_time_ms", "DOUBLE", ""},
    {"improvement_percent", "DOUBLE", "as its source says it; reports compute theirs from the pairs"},
    {"audio_length_seconds", "DOUBLE", ""},
    {"component_count", "BIGINT", ""},
    {"hardware_type", "VARCHAR", ""},
    {"browser", "VARCHAR", ""},
    {"environment", "JSON", "what else was said of where it ran"},
    {"content_key", "VARCHAR NOT NULL UNIQUE", CONTENT_KEY_TEXT},
    PROVENANCE_COLUMNS,
};

static const schema_column shader_columns[] = {
    {"id", "BIGINT PRIMARY KEY DEFAULT nextval('shader_compilation_stats_seq')", ""},
    {"test_datetime", "TIMESTAMP", "UTC"},
    {"optimization_id", "BIGINT NOT NULL REFERENCES web_platform_optimizations(id)", ""},
    {"shader_count", "BIGINT", ""},
    {"cached_shaders_used", "BIGINT", ""},
    {"new_shaders_compiled", "BIGINT", ""},
    {"cache_hit_rate", "DOUBLE", "0 to 1"},
    {"total_compilation_time_ms", "DOUBLE", ""},
    {"peak_memory_mb", "DOUBLE", "10^6 bytes"},
    CREATED_COLUMN,
};

static const schema_column loading_columns[] = {
    {"id", "BIGINT PRIMARY KEY DEFAULT nextval('parallel_loading_stats_seq')", ""},
    {"test_datetime", "TIMESTAMP", "UTC"},
    {"optimization_id", "BIGINT NOT NULL REFERENCES web_platform_optimizations(id)", ""},
    {"components_loaded", "BIGINT", ""},
    {"sequential_load_time_ms", "DOUBLE", ""},
    {"parallel_load_time_ms", "DOUBLE", ""},
    {"memory_peak_mb", "DOUBLE", "10^6 bytes"},
    {"loading_speedup", "DOUBLE", ""},
    CREATED_COLUMN,
};

static const schema_column migration_columns[] = {
    {"file_path", "VARCHAR PRIMARY KEY", "as it was given"},
    {"file_hash", "VARCHAR NOT NULL",
     "SHA-256 of its bytes; a file with a hash that is here is not taken in again"},
    {"file_size", "BIGINT", "bytes"},
    {"category", "VARCHAR", "what the importer took it for"},
    {"migrated_at", "TIMESTAMP", "UTC"},
    {"status", "VARCHAR NOT NULL CHECK (status IN ('imported', 'skipped', 'rejected'))",
     "imported, skipped, rejected"},
    {"records_imported", "BIGINT NOT NULL DEFAULT 0", "rows, over all tables"},
    {"message", "VARCHAR", "why it was skipped or rejected; what was left out of it"},
    CREATED_COLUMN,
};

static const schema_column regression_columns[] = {
    {"regression_id", "BIGINT PRIMARY KEY DEFAULT nextval('performance_regressions_seq')", ""},
    {"identity_id", "BIGINT NOT NULL REFERENCES performance_identities(identity_id)", "which series"},
    {"metric", "VARCHAR NOT NULL", "latency, throughput, memory"},
    {"result_id", "BIGINT NOT NULL", "first result after the change"},
    {"run_id", "BIGINT NOT NULL REFERENCES test_runs(run_id)", "its run"},
    {"previous_run_id", "BIGINT REFERENCES test_runs(run_id)", "the last run before it"},
    {"git_commit", "VARCHAR", "of the first run after the change"},
    {"direction", "VARCHAR NOT NULL CHECK (direction IN ('worse', 'better'))", "worse, better"},
    {"change_ratio", "DOUBLE NOT NULL", "mean after for mean before"},
    {"change_low", "DOUBLE", "95 % interval of the ratio"},
    {"change_high", "DOUBLE", ""},
    {"p_value", "DOUBLE", "calibrated: docs/change.md"},
    {"found_at", "TIMESTAMP NOT NULL", "UTC"},
    {"acknowledged_at", "TIMESTAMP", "UTC; NULL: nobody has looked at it"},
    {"acknowledged_note", "VARCHAR", "why it is accepted"},
    CREATED_COLUMN,
};

/* A file counts as archived when it is listed here: listing it and deleting its rows is one transaction. */
static const schema_column archive_columns[] = {
    {"file_name", "VARCHAR PRIMARY KEY", "below the folder FILE.archive"},
    {"file_hash", "VARCHAR NOT NULL", "SHA-256 of its bytes"},
    {"file_size", "BIGINT NOT NULL", "bytes"},
    {"row_count", "BIGINT NOT NULL", "results in it"},
    {"first_started_at", "TIMESTAMP", "of the runs in it, UTC"},
    {"last_started_at", "TIMESTAMP", ""},
    CREATED_COLUMN,
};

/* The columns of an identity (contracts.md): what makes two rows measurements of the same thing. */
static const schema_column identity_columns[] = {
    {"identity_id", "BIGINT PRIMARY KEY DEFAULT nextval('performance_identities_seq')", ""},
    {"model_id", "BIGINT NOT NULL REFERENCES models(model_id)", ""},
    {"hardware_id", "BIGINT NOT NULL REFERENCES hardware_platforms(hardware_id)", ""},
    {"engine", "VARCHAR", ""},
    {"engine_version", "VARCHAR", ""},
    {"precision", "VARCHAR", ""},
    {"batch_size", "BIGINT", ""},
    {"sequence_length", "BIGINT", ""},
    {"shapes", "JSON", ""},
    {"threads", "BIGINT", ""},
    {"mode", "VARCHAR", ""},
    {"scenario", "VARCHAR", ""},
    {"provenance", "VARCHAR NOT NULL", "rows of two provenances are never one series"},
    {"is_simulated", "BOOLEAN NOT NULL", ""},
    {"natural_key", "VARCHAR NOT NULL UNIQUE", "SHA-256 of all of these"},
    CREATED_COLUMN,
};

/* Derived: `accel db check` compares it with what it stands for. */
static const schema_column latest_columns[] = {
    {"identity_id", "BIGINT PRIMARY KEY", "performance_identities"},
    {"result_id", "BIGINT NOT NULL", "its newest ok row in performance_results, by the start of the run"},
    {"run_id", "BIGINT NOT NULL", ""},
    {"started_at", "TIMESTAMP", "of the run"},
    {"average_latency_ms", "DOUBLE", "as in performance_results, like all that follow"},
    {"median_latency_ms", "DOUBLE", ""},
    {"ci95_latency_ms", "DOUBLE", ""},
    {"iterations", "BIGINT", ""},
    {"throughput_items_per_second", "DOUBLE", ""},
    {"tokens_per_second", "DOUBLE", ""},
    {"memory_peak_mb", "DOUBLE", ""},
    {"verified", "BOOLEAN", ""},
    {"reference", "VARCHAR", ""},
    {"relative_l2", "DOUBLE", ""},
    {"simulation_reason", "VARCHAR", ""},
    {"created_at", "TIMESTAMP", ""},
};

#define TABLE_SINCE(version, table_name, numbers, array, meaning)                                            \
    {table_name, meaning, numbers, array, sizeof array / sizeof *array, version}
#define TABLE(table_name, numbers, array, meaning) TABLE_SINCE(1, table_name, numbers, array, meaning)

const schema_table schema_tables[] = {
    TABLE("accel_schema", NULL, schema_info_columns, "which schema this database has"),
    TABLE("hardware_platforms", "hardware_platforms_seq", hardware_columns,
          "devices that results were measured on"),
    TABLE("models", "models_seq", model_columns, "models that results were measured with"),
    TABLE("test_runs", "test_runs_seq", run_columns, "one row a command"),
    TABLE_SINCE(3, "performance_identities", "performance_identities_seq", identity_columns,
                "what makes two results measurements of the same thing: one row a series"),
    TABLE("performance_results", "performance_results_seq", performance_columns,
          "one row a case, failed and unsupported ones included"),
    TABLE("hardware_compatibility", "hardware_compatibility_seq", compatibility_columns,
          "one row a model and platform in a run"),
    TABLE_SINCE(
        2, "hardware_availability_log", "hardware_availability_log_seq", availability_columns,
        "what `accel detect --save` found: a row a platform and device, and one for each that was there at the detection before and is gone"),
    TABLE_SINCE(3, "latest_results", NULL, latest_columns,
                "the newest ok result of every series, so that questions need not read all results"),
    TABLE_SINCE(3, "integration_test_results", "integration_test_results_seq", integration_columns,
                "one row a test"),
    TABLE_SINCE(3, "integration_test_assertions", "integration_test_assertions_seq", assertion_columns,
                "what a test asserted"),
    TABLE_SINCE(3, "web_platform_results", "web_platform_results_seq", web_columns,
                "one row a run of a model in a browser"),
    TABLE_SINCE(3, "webgpu_advanced_features", "webgpu_advanced_features_seq", webgpu_columns,
                "what WebGPU was used for in a row of web_platform_results"),
    TABLE_SINCE(3, "web_platform_optimizations", "web_platform_optimizations_seq", optimization_columns,
                "runs with and without an optimisation of the web platform"),
    TABLE_SINCE(3, "shader_compilation_stats", "shader_compilation_stats_seq", shader_columns,
                "shaders of a row of web_platform_optimizations"),
    TABLE_SINCE(3, "parallel_loading_stats", "parallel_loading_stats_seq", loading_columns,
                "loading of a row of web_platform_optimizations"),
    TABLE_SINCE(3, "migration_tracking", NULL, migration_columns,
                "files that were imported, skipped or rejected"),
    TABLE_SINCE(3, "archive_files", NULL, archive_columns,
                "Parquet files that hold the older rows of performance_results (`accel db archive`)"),
    TABLE_SINCE(3, "performance_regressions", "performance_regressions_seq", regression_columns,
                "changes that `accel trend` found"),
};
const size_t schema_table_count = sizeof schema_tables / sizeof *schema_tables;
