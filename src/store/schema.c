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
    {"metadata", "JSON", ""},
    {"run_uuid", "VARCHAR NOT NULL UNIQUE", "names the run across database and spool"},
    CREATED_COLUMN,
};

static const schema_column performance_columns[] = {
    {"result_id", "BIGINT PRIMARY KEY DEFAULT nextval('performance_results_seq')", ""},
    {"run_id", "BIGINT NOT NULL REFERENCES test_runs(run_id)", ""},
    {"model_id", "BIGINT NOT NULL REFERENCES models(model_id)", ""},
    {"hardware_id", "BIGINT NOT NULL REFERENCES hardware_platforms(hardware_id)", ""},
    {"test_case", "VARCHAR NOT NULL", "mode and scenario: inference/single-stream"},
    {"batch_size", "BIGINT DEFAULT 1", "elements of the batch"},
    {"precision", "VARCHAR", "what the engine computed in (what was asked, unless ok)"},
    {"total_time_seconds", "DOUBLE", "sum of the measured samples"},
    {"average_latency_ms", "DOUBLE", "mean of the samples"},
    {"throughput_items_per_second", "DOUBLE", "elements of the batch per second"},
    {"memory_peak_mb", "DOUBLE", "peak resident memory of the case's process, 10^6 bytes"},
    {"iterations", "BIGINT", "measured samples"},
    {"warmup_iterations", "BIGINT", "inferences before the series was judged"},
    {"metrics", "JSON", "the whole record but its samples: docs/record.md"},
    {"status", "VARCHAR NOT NULL",
     "ok, unsupported, absent, crashed, timeout, out_of_memory, wrong_output, error, cancelled; figures are NULL unless ok"},
    {"error_message", "VARCHAR", "one sentence when not ok"},
    {"record_id", "VARCHAR NOT NULL UNIQUE", "UUID of the record"},
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

#define TABLE_SINCE(version, table_name, numbers, array, meaning)                                            \
    {table_name, meaning, numbers, array, sizeof array / sizeof *array, version}
#define TABLE(table_name, numbers, array, meaning) TABLE_SINCE(1, table_name, numbers, array, meaning)

const schema_table schema_tables[] = {
    TABLE("accel_schema", NULL, schema_info_columns, "which schema this database has"),
    TABLE("hardware_platforms", "hardware_platforms_seq", hardware_columns,
          "devices that results were measured on"),
    TABLE("models", "models_seq", model_columns, "models that results were measured with"),
    TABLE("test_runs", "test_runs_seq", run_columns, "one row a command"),
    TABLE("performance_results", "performance_results_seq", performance_columns,
          "one row a case, failed and unsupported ones included"),
    TABLE("hardware_compatibility", "hardware_compatibility_seq", compatibility_columns,
          "one row a model and platform in a run"),
    TABLE_SINCE(
        2, "hardware_availability_log", "hardware_availability_log_seq", availability_columns,
        "what `accel detect --save` found: a row a platform and device, and one for each that was there at the detection before and is gone"),
};
const size_t schema_table_count = sizeof schema_tables / sizeof *schema_tables;

/* ---- views ------------------------------------------------------------------------------------------------------------- */

/* What makes two rows measurements of the same thing (contracts.md). */
#define IDENTITY                                                                                             \
    "p.model_id, p.hardware_id, p.engine, p.engine_version, p.precision, p.batch_size, p.sequence_length, p.threads, p.mode, p.scenario, p.shapes"
#define MEASURED "p.provenance = 'measured' AND NOT p.is_simulated"

const schema_view schema_views[] = {
    {"performance_batch_results", "one row a measured iteration, over performance_results.samples_ns",
     "SELECT q.result_id * 16777216 + q.i - 1 AS batch_id, q.result_id, q.i - 1 AS batch_index, q.batch_size, q.sample_ns / 1e6 AS latency_ms, "
     "CAST(NULL AS DOUBLE) AS memory_usage_mb, q.provenance, q.is_simulated, q.created_at FROM (SELECT *, unnest(samples_ns) AS sample_ns, "
     "generate_subscripts(samples_ns, 1) AS i FROM performance_results) q",
     1},
    {"latest_performance_metrics", "the newest ok measurement, by the start of its run, of every identity",
     "SELECT m.model_name, m.model_family, m.source AS model_source, h.hardware_type, h.device_name, p.engine, p.engine_version, p.batch_size, p.precision, "
     "p.sequence_length, p.shapes, p.threads, p.mode, p.scenario, p.average_latency_ms, p.median_latency_ms, p.throughput_items_per_second, p.tokens_per_second, "
     "p.memory_peak_mb, p.verified, p.reference, p.relative_l2, p.provenance, r.started_at, p.created_at, p.result_id, p.run_id, p.model_id, p.hardware_id "
     "FROM performance_results p JOIN models m USING (model_id) JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r USING (run_id) "
     "WHERE p.status = 'ok' AND " MEASURED " "
     "QUALIFY row_number() OVER (PARTITION BY " IDENTITY " ORDER BY r.started_at DESC, p.result_id DESC) = 1",
     1},
    {"model_hardware_compatibility", "how often a model ran on a platform",
     "SELECT m.model_name, m.model_family, h.hardware_type, h.device_name, count(*) FILTER (c.is_compatible) AS compatible_count, "
     "count(*) FILTER (NOT c.is_compatible) AS incompatible_count, avg(c.compatibility_score) AS avg_compatibility_score, max(r.started_at) AS last_tested "
     "FROM hardware_compatibility c JOIN models m USING (model_id) JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r USING (run_id) "
     "WHERE c.provenance = 'measured' AND NOT c.is_simulated GROUP BY ALL",
     1},
    {"cross_platform_performance",
     "native and web rows of a model side by side: newest ok measurements, identity kept in the columns",
     "SELECT l.model_name, l.model_family, l.hardware_type, l.device_name, l.engine, l.batch_size, l.precision, l.sequence_length, l.threads, l.mode, l.scenario, "
     "l.average_latency_ms AS avg_latency_ms, l.throughput_items_per_second, l.hardware_type IN ('webnn', 'webgpu', 'wasm') AS is_web_platform, l.model_source, "
     "l.started_at FROM latest_performance_metrics l",
     1},
    {"hardware_availability_events",
     "what came and went from one `accel detect --save` of a machine to the next; its first brings all that is there",
     "SELECT id, machine_id, hardware_type, device, CASE WHEN is_available THEN 'appeared' ELSE 'vanished' END AS event, detection_method, detection_details, "
     "detected_at FROM (SELECT *, lag(is_available) OVER (PARTITION BY machine_id, hardware_type, device ORDER BY detected_at, id) AS was_available "
     "FROM hardware_availability_log WHERE NOT is_simulated) WHERE is_available <> coalesce(was_available, false)",
     2},
};
const size_t schema_view_count = sizeof schema_views / sizeof *schema_views;

/* ---- as DDL and as a document ------------------------------------------------------------------------------------------------ */

static void write_table(const schema_table *t, str_buf *out) {
    if (t->sequence != NULL)
        str_appendf(out, "CREATE SEQUENCE %s;\n", t->sequence);
    str_appendf(out, "CREATE TABLE %s (\n", t->name);
    for (size_t i = 0; i < t->column_count; i++) {
        str_appendf(out, "  %s %s%s\n", t->columns[i].name, t->columns[i].type,
                    i + 1 < t->column_count ? "," : "");
    }
    str_append(out, ");\n");
}

void schema_write_ddl(int version, str_buf *out) {
    for (size_t i = 0; i < schema_table_count; i++)
        if (schema_tables[i].since > version)
            write_table(&schema_tables[i], out);
    for (size_t i = 0; i < schema_view_count; i++)
        if (schema_views[i].since > version)
            str_appendf(out, "CREATE VIEW %s AS %s;\n", schema_views[i].name, schema_views[i].sql);
}

void schema_write_markdown(str_buf *out) {
    for (size_t i = 0; i < schema_table_count; i++) {
        const schema_table *t = &schema_tables[i];
        str_appendf(out, "### %s\n\n%s.\n\n| column | type | meaning |\n|---|---|---|\n", t->name, t->text);
        for (size_t c = 0; c < t->column_count; c++) {
            str_appendf(out, "| %s | %s | %s |\n", t->columns[c].name, t->columns[c].type,
                        t->columns[c].text);
        }
        str_append(out, "\n");
    }
    for (size_t i = 0; i < schema_view_count; i++)
        str_appendf(out, "### %s (view)\n\n%s.\n\n", schema_views[i].name, schema_views[i].text);
}
