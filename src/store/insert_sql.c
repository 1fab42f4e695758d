/* From staging tables to the tables: a few statements, whatever the number of rows. */
#include <string.h>

#include "base/str.h"
#include "store/archive_files.h"
#include "store/insert.h"
#include "store/insert_stages.h"

/* ---- the staging tables ---------------------------------------------------------------------------------------------- */

#define OF_RESULT(kind, name) OF_RESULT_##kind(name)
#define OF_RESULT_TEXT(name)  {#name, STAGE_TEXT, offsetof(staged_result, name), 0},
#define OF_RESULT_JSON(name)  {#name, STAGE_JSON, offsetof(staged_result, name), 0},
#define OF_RESULT_INT(name)   {#name, STAGE_INT, offsetof(staged_result, name), 0},
#define OF_RESULT_REAL(name)  {#name, STAGE_REAL, offsetof(staged_result, name), 0},
#define OF_RESULT_BOOL(name)  {#name, STAGE_BOOL, offsetof(staged_result, name), 0},
#define OF_RESULT_INTS(name)                                                                                 \
    {#name, STAGE_INTS, offsetof(staged_result, name), offsetof(staged_result, name##_count)},
#define OF_MODEL(kind, name)    {#name, STAGE_##kind, offsetof(staged_model, name), 0},
#define OF_HARDWARE(kind, name) {#name, STAGE_##kind, offsetof(staged_hardware, name), 0},
#define OF_IDENTITY(kind, name) {#name, STAGE_##kind, offsetof(staged_identity, name), 0},
#define OF_ID(kind, name)       {#name, STAGE_##kind, offsetof(staged_id, name), 0},

static const stage_column result_columns[] = {STAGED_RESULT_FIELDS(OF_RESULT)};
static const stage_column model_columns[] = {STAGED_MODEL_FIELDS(OF_MODEL)};
static const stage_column hardware_columns[] = {STAGED_HARDWARE_FIELDS(OF_HARDWARE)};
static const stage_column identity_columns[] = {STAGED_IDENTITY_FIELDS(OF_IDENTITY)};
static const stage_column id_columns[] = {STAGED_ID_FIELDS(OF_ID)};

/* The columns of another kind of row: its keys, prefixed since a row may have fields of these names, then its fields. */
#define KEY_COLUMNS(type)                                                                                    \
    {"k_run", STAGE_TEXT, offsetof(staged_##type, keys.run_uuid), 0},                                        \
        {"k_model", STAGE_TEXT, offsetof(staged_##type, keys.model_key), 0},                                 \
        {"k_hardware", STAGE_TEXT, offsetof(staged_##type, keys.hardware_key), 0},                           \
        {"k_content", STAGE_TEXT, offsetof(staged_##type, keys.content_key), 0},                             \
        {"k_parent", STAGE_TEXT, offsetof(staged_##type, keys.parent_key), 0},
enum { KEY_COLUMN_COUNT = 5 };
#define OF_run(kind, name)           {#name, STAGE_##kind, offsetof(staged_run, row.name), 0},
#define OF_compatibility(kind, name) {#name, STAGE_##kind, offsetof(staged_compatibility, row.name), 0},
#define OF_integration(kind, name)   {#name, STAGE_##kind, offsetof(staged_integration, row.name), 0},
#define OF_assertion(kind, name)     {#name, STAGE_##kind, offsetof(staged_assertion, row.name), 0},
#define OF_web(kind, name)           {#name, STAGE_##kind, offsetof(staged_web, row.name), 0},
#define OF_webgpu(kind, name)        {#name, STAGE_##kind, offsetof(staged_webgpu, row.name), 0},
#define OF_optimization(kind, name)  {#name, STAGE_##kind, offsetof(staged_optimization, row.name), 0},
#define OF_shader(kind, name)        {#name, STAGE_##kind, offsetof(staged_shader, row.name), 0},
#define OF_loading(kind, name)       {#name, STAGE_##kind, offsetof(staged_loading, row.name), 0},
#define OF_seen(kind, name)          {#name, STAGE_##kind, offsetof(staged_seen, row.name), 0},
#define OF_source(kind, name)        {#name, STAGE_##kind, offsetof(staged_source, row.name), 0},
#define COLUMNS(type, fields)                                                                                \
    static const stage_column type##_columns[] = {KEY_COLUMNS(type) fields(OF_##type)};
STORE_ROW_KINDS(COLUMNS)

/* ---- statements that are written out ------------------------------------------------------------------------------------ */

#define UTC(column) "CAST(replace(" column ", 'Z', '') AS TIMESTAMP)"

static const char new_runs_sql[] =
    "INSERT INTO test_runs (test_name, test_type, started_at, completed_at, execution_time_seconds, success, git_commit, git_branch, command_line, metadata, "
    "run_uuid) SELECT test_name, coalesce(test_type, 'performance'), " UTC("started_at") ", " UTC(
        "completed_at") ", execution_time_seconds, success, git_commit, "
                        "git_branch, command_line, metadata, uuid FROM staged_runs";
static const char models_sql[] =
    "INSERT INTO models (model_name, model_family, modality, source, version, parameters_million, metadata, natural_key) "
    "SELECT model_name, model_family, modality, source, version, parameters_million, metadata, natural_key FROM staged_models ON CONFLICT (natural_key) DO NOTHING";
static const char hardware_sql[] =
    "INSERT INTO hardware_platforms (hardware_type, device_name, platform, platform_version, driver_version, memory_gb, compute_units, metadata, natural_key) "
    "SELECT hardware_type, device_name, platform, platform_version, driver_version, memory_gb, compute_units, metadata, natural_key FROM staged_hardware "
    "ON CONFLICT (natural_key) DO NOTHING";

static const char identities_sql[] =
    "INSERT INTO performance_identities (model_id, hardware_id, engine, engine_version, precision, batch_size, sequence_length, shapes, threads, mode, scenario, "
    "provenance, is_simulated, natural_key) SELECT m.model_id, h.hardware_id, s.* EXCLUDE (model_key, hardware_key) FROM staged_identities s "
    "JOIN models m ON m.natural_key = s.model_key JOIN hardware_platforms h ON h.natural_key = s.hardware_key ON CONFLICT (natural_key) DO NOTHING";

/* ON CONFLICT would take whole rows through two hash tables (DuckDB 1.5 makes a MERGE of it): their ids alone are cheaper. */
static const char known_ids_sql[] =
    "DELETE FROM staged_ids WHERE record_id IN (SELECT CAST(p.record_id AS VARCHAR) FROM performance_results p SEMI JOIN staged_ids s "
    "ON p.record_id = CAST(s.record_id AS UUID))";
#define RESULT_COLUMNS                                                                                                                                         \
    "test_case, batch_size, precision, total_time_seconds, average_latency_ms, throughput_items_per_second, memory_peak_mb, iterations, warmup_iterations, "   \
    "metrics, status, error_message, record_id, engine, engine_version, precision_asked, precision_ran, sequence_length, shapes, threads, mode, scenario, "    \
    "median_latency_ms, p90_latency_ms, p99_latency_ms, ci95_latency_ms, tokens_per_second, load_ms, compile_ms, first_ms, verified, reference, relative_l2, " \
    "samples_ns, provenance, is_simulated, simulation_reason"
static const char results_sql[] =
    "INSERT INTO performance_results (run_id, model_id, hardware_id, identity_id, " RESULT_COLUMNS ") "
    "SELECT r.run_id, i.model_id, i.hardware_id, i.identity_id, s.* EXCLUDE (run_uuid, identity_key) FROM staged_results s ";
static const char results_joins_sql[] = "JOIN test_runs r ON r.run_uuid = s.run_uuid "
                                        "JOIN performance_identities i ON i.natural_key = s.identity_key";

/* $1: the last result_id before this batch. Rows of (run, model, hardware) that results of this batch touch are made anew from all results of the three. */
#define TOUCHED                                                                                              \
    "(SELECT DISTINCT run_id, model_id, hardware_id FROM performance_results WHERE result_id > $1 AND status != 'cancelled')"
static const char *const results_follow_sql[] = {
    "DELETE FROM hardware_compatibility WHERE content_key IS NULL AND (run_id, model_id, hardware_id) IN " TOUCHED,
    "INSERT INTO hardware_compatibility (run_id, model_id, hardware_id, is_compatible, detection_success, initialization_success, error_message, error_type, "
    "compatibility_score, metadata, provenance, is_simulated, simulation_reason) "
    "SELECT run_id, model_id, hardware_id, bool_or(status = 'ok'), NOT bool_and(status = 'absent'), "
    "bool_or(CASE WHEN status IN ('ok', 'wrong_output') THEN true ELSE coalesce(json_extract(metrics, '$.load_ns') != 'null', false) END), "
    "arg_min(error_message, result_id) FILTER (status != 'ok'), arg_min(status, result_id) FILTER (status != 'ok'), avg(CAST(status = 'ok' AS DOUBLE)), "
    "json_object('cases', count(*), 'ok', count(*) FILTER (status = 'ok')), arg_min(provenance, result_id), bool_or(is_simulated), "
    "arg_min(simulation_reason, result_id) FROM performance_results WHERE (run_id, model_id, hardware_id) IN " TOUCHED
    " AND status != 'cancelled' GROUP BY run_id, model_id, hardware_id",
    "INSERT OR REPLACE INTO latest_results SELECT p.identity_id, p.result_id, p.run_id, r.started_at, p.average_latency_ms, p.median_latency_ms, "
    "p.ci95_latency_ms, p.iterations, p.throughput_items_per_second, p.tokens_per_second, p.memory_peak_mb, p.verified, p.reference, p.relative_l2, "
    "p.simulation_reason, p.created_at FROM performance_results p JOIN test_runs r USING (run_id) LEFT JOIN latest_results l ON l.identity_id = p.identity_id "
    "WHERE p.result_id > $1 AND p.status = 'ok' AND (l.identity_id IS NULL OR (r.started_at, p.result_id) > (l.started_at, l.result_id)) "
    "QUALIFY row_number() OVER (PARTITION BY p.identity_id ORDER BY r.started_at DESC, p.result_id DESC) = 1",
    /* A case in a browser is a row of both tables. */
    "INSERT INTO web_platform_results (run_id, model_id, hardware_id, platform, browser, browser_version, success, load_time_ms, initialization_time_ms, "
    "inference_time_ms, total_time_ms, shader_compilation_time_ms, memory_usage_mb, error_message, metrics, content_key, provenance, is_simulated, simulation_reason) "
    "SELECT p.run_id, p.model_id, p.hardware_id, h.hardware_type, b.browser, json_extract_string(p.metrics, '$.web.browser_version'), p.status = 'ok', "
    "coalesce(CAST(json_extract(p.metrics, '$.web.download_ms') AS DOUBLE), 0) + p.load_ms, p.compile_ms, p.average_latency_ms, p.total_time_seconds * 1000, "
    "CAST(json_extract(p.metrics, '$.web.pipeline_ms') AS DOUBLE), CAST(json_extract(p.metrics, '$.web.wasm_bytes') AS DOUBLE) / 1e6, p.error_message, json_extract(p.metrics, '$.web'), 'record ' || p.record_id, "
    "p.provenance, p.is_simulated, p.simulation_reason FROM performance_results p JOIN hardware_platforms h USING (hardware_id) "
    "LEFT JOIN (VALUES ('chrome'), ('chromium'), ('edge'), ('firefox'), ('safari'), ('webkit')) b(browser) "
    "ON b.browser = coalesce(json_extract_string(p.metrics, '$.web.browser'), json_extract_string(h.metadata, '$.device_id')) "
    "WHERE p.result_id > $1 AND p.engine = 'browser' AND h.hardware_type IN ('webnn', 'webgpu', 'wasm') ON CONFLICT (content_key) DO NOTHING",
    /* Our engine on WebGPU is compute shaders alone, all of them compiled at once; a case is one component. What it does not know stays NULL. */
    "INSERT INTO webgpu_advanced_features (result_id, compute_shader_support, parallel_compilation, shader_cache_hit, compute_pipeline_time_ms, "
    "pre_compiled_pipeline, parallel_loading, components_loaded, component_loading_time_ms) "
    "SELECT w.result_id, true, true, CAST(json_extract(w.metrics, '$.shaders_listed') AS DOUBLE) = CAST(json_extract(w.metrics, '$.shaders') AS DOUBLE), "
    "w.shader_compilation_time_ms, CAST(json_extract(w.metrics, '$.shaders_listed') AS DOUBLE) > 0, "
    "CAST(json_extract(w.metrics, '$.features.parallelLoading') AS BOOLEAN), 1, w.load_time_ms FROM performance_results p JOIN web_platform_results w "
    "ON w.content_key = 'record ' || p.record_id WHERE p.result_id > $1 AND w.platform = 'webgpu' AND w.success "
    "AND NOT EXISTS (SELECT 1 FROM webgpu_advanced_features f WHERE f.result_id = w.result_id)",
};

/* ---- the staging tables, together ---------------------------------------------------------------------------------------- */

#define STAGE(name, columns) {name, columns, sizeof columns / sizeof *columns}
const stage_table stage_tables[STAGE_COUNT] = {
    [STAGE_RUNS] = STAGE("staged_runs", run_columns),
    [STAGE_MODELS] = STAGE("staged_models", model_columns),
    [STAGE_HARDWARE] = STAGE("staged_hardware", hardware_columns),
    [STAGE_IDENTITIES] = STAGE("staged_identities", identity_columns),
    [STAGE_IDS] = STAGE("staged_ids", id_columns),
    [STAGE_RESULTS] = STAGE("staged_results", result_columns),
    [STAGE_COMPATIBILITY] = STAGE("staged_compatibility", compatibility_columns),
    [STAGE_INTEGRATION] = STAGE("staged_integration", integration_columns),
    [STAGE_ASSERTIONS] = STAGE("staged_assertions", assertion_columns),
    [STAGE_WEB] = STAGE("staged_web", web_columns),
    [STAGE_WEBGPU] = STAGE("staged_webgpu", webgpu_columns),
    [STAGE_OPTIMIZATIONS] = STAGE("staged_optimizations", optimization_columns),
    [STAGE_SHADERS] = STAGE("staged_shaders", shader_columns),
    [STAGE_LOADING] = STAGE("staged_loading", loading_columns),
    [STAGE_SEEN] = STAGE("staged_seen", seen_columns),
    [STAGE_SOURCES] = STAGE("staged_sources", source_columns),
};

/* ---- rows of the other kinds: one pattern -------------------------------------------------------------------------------- */

#define NOT_TWICE "ON CONFLICT (content_key) DO NOTHING"
static const struct takeover {
    stage_id stage;
    const char *table;
    bool needs_run, has_subject, optional_subject; /* optional: model and hardware may be unknown */
    bool has_content_key;
    const char *parent, *parent_id; /* the table whose row its k_parent names, and that table's id */
    const char *parent_column;      /* the column that refers to it */
    const char *conflict;           /* what happens to a row that is there already */
} takeovers[] = {
    {STAGE_COMPATIBILITY, "hardware_compatibility", true, true, false, true, NULL, NULL, NULL, NOT_TWICE},
    {STAGE_INTEGRATION, "integration_test_results", true, true, true, true, NULL, NULL, NULL, NOT_TWICE},
    {STAGE_ASSERTIONS, "integration_test_assertions", false, false, false, false, "integration_test_results",
     "test_result_id", "test_result_id", ""},
    {STAGE_WEB, "web_platform_results", true, true, false, true, NULL, NULL, NULL, NOT_TWICE},
    {STAGE_WEBGPU, "webgpu_advanced_features", false, false, false, false, "web_platform_results",
     "result_id", "result_id", ""},
    {STAGE_OPTIMIZATIONS, "web_platform_optimizations", false, false, false, true, NULL, NULL, NULL,
     NOT_TWICE},
    {STAGE_SHADERS, "shader_compilation_stats", false, false, false, false, "web_platform_optimizations",
     "id", "optimization_id", ""},
    {STAGE_LOADING, "parallel_loading_stats", false, false, false, false, "web_platform_optimizations", "id",
     "optimization_id", ""},
    {STAGE_SEEN, "hardware_availability_log", false, false, false, false, NULL, NULL, NULL, ""},
    {STAGE_SOURCES, "migration_tracking", false, false, false, false, NULL, NULL, NULL,
     "ON CONFLICT (file_path) DO UPDATE SET file_hash = excluded.file_hash, file_size = excluded.file_size, category = excluded.category, migrated_at = "
     "excluded.migrated_at, status = excluded.status, records_imported = excluded.records_imported, message = excluded.message"},
};

static bool is_one_of(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (str_equal(name, names[i]))
            return true;
    return false;
}

/* Fields that tell the subject, and the index of the parent, are no columns of the target. */
static bool is_target_column(const struct takeover *t, const char *name) {
    static const char *const subject[] = {"model_name",   "model_family",  "model_modality",
                                          "model_source", "hardware_type", "device_name"};
    if (str_equal(name, "parent"))
        return false;
    return !t->has_subject || !is_one_of(name, subject, sizeof subject / sizeof *subject);
}

static void append_columns(const struct takeover *t, bool values, str_buf *sql) {
    static const char *const times[] = {"test_datetime", "detected_at"};
    const stage_table *staged = &stage_tables[t->stage];
    const char *separator = "";
    for (size_t c = KEY_COLUMN_COUNT; c < staged->column_count; c++) {
        const char *name = staged->columns[c].name;
        if (!is_target_column(t, name))
            continue;
        bool is_time = values && is_one_of(name, times, sizeof times / sizeof *times);
        const char *form = !values                           ? "%s%s"
                           : is_time                         ? "%sCAST(replace(s.%s, 'Z', '') AS TIMESTAMP)"
                           : str_equal(name, "is_simulated") ? "%scoalesce(s.%s, false)"
                                                             : "%ss.%s";
        str_appendf(sql, form, separator, name);
        separator = ", ";
    }
}

/* plain: none of its rows is there already. */
static void append_takeover(const struct takeover *t, bool plain, str_buf *sql) {
    bool sources = t->stage == STAGE_SOURCES;
    str_appendf(sql, "INSERT INTO %s (", t->table);
    append_columns(t, false, sql);
    str_appendf(sql, "%s%s%s%s%s%s) SELECT ", sources ? ", migrated_at" : "", t->needs_run ? ", run_id" : "",
                t->has_subject ? ", model_id, hardware_id" : "", t->parent != NULL ? ", " : "",
                t->parent != NULL ? t->parent_column : "", t->has_content_key ? ", content_key" : "");
    append_columns(t, true, sql);
    str_appendf(sql, "%s%s%s", sources ? ", now() AT TIME ZONE 'UTC'" : "", t->needs_run ? ", r.run_id" : "",
                t->has_subject ? ", m.model_id, h.hardware_id" : "");
    if (t->parent != NULL)
        str_appendf(sql, ", p.%s", t->parent_id);
    str_appendf(sql, "%s FROM %s s", t->has_content_key ? ", s.k_content" : "", stage_tables[t->stage].name);
    if (t->needs_run)
        str_append(sql, " JOIN test_runs r ON r.run_uuid = s.k_run");
    if (t->has_subject) {
        const char *join = t->optional_subject ? "LEFT JOIN" : "JOIN";
        str_appendf(
            sql,
            " %s models m ON m.natural_key = s.k_model %s hardware_platforms h ON h.natural_key = s.k_hardware",
            join, join);
    }
    if (t->parent != NULL) /* only of parents that this batch brought: others have their children */
        str_appendf(
            sql,
            " JOIN %s p ON p.content_key = s.k_parent AND p.%s > (SELECT last FROM staged_lasts WHERE name = '%s')",
            t->parent, t->parent_id, t->parent);
    if (!plain || !t->has_content_key)
        str_appendf(sql, " %s", t->conflict);
}

static const struct takeover *takeover_of(stage_id id) {
    for (size_t i = 0; i < sizeof takeovers / sizeof *takeovers; i++)
        if (takeovers[i].stage == id)
            return &takeovers[i];
    return NULL;
}

void stage_direct_sql(stage_id id, bool plain, str_buf *out) {
    const struct takeover *t = takeover_of(id);
    out->length = 0;
    if (id == STAGE_RUNS && plain)
        str_append(out, new_runs_sql);
    if (id == STAGE_RESULTS)
        str_appendf(out, "%s%s%s", results_sql,
                    plain ? "" : "SEMI JOIN staged_ids n ON n.record_id = s.record_id ", results_joins_sql);
    if (t != NULL && (plain || !t->has_content_key))
        append_takeover(t, plain, out);
}

/* ---- taking over ----------------------------------------------------------------------------------------------------------- */

static accel_status changed_rows(database *db, const char *sql, int64_t *rows, accel_error *err) {
    int64_t changed = 0;
    statement s;
    ACCEL_TRY(statement_prepare(db, sql, &s, err));
    ACCEL_TRY(statement_run(&s, &changed, NULL, err));
    if (rows != NULL)
        *rows += changed;
    return ACCEL_OK;
}

accel_status results_follow(database *db, int64_t last, accel_error *err) {
    statement s;
    for (size_t i = 0; i < sizeof results_follow_sql / sizeof *results_follow_sql; i++) {
        ACCEL_TRY(statement_prepare(db, results_follow_sql[i], &s, err));
        statement_i64(&s, last);
        ACCEL_TRY(statement_run(&s, NULL, NULL, err));
    }
    return ACCEL_OK;
}

static accel_status next_number(database *db, const char *table, int64_t *out, accel_error *err) {
    return database_number(db, out, err, "SELECT nextval('%s_seq')", table);
}

/* Executes the one statement of a stage, which must bring as many rows as were expected: none may be lost by a join. *first: a number before theirs. */
static accel_status finish_direct(database *db, stage *s, const char *table, int64_t expected, int64_t *first,
                                  accel_error *err) {
    int64_t last = 0;
    ACCEL_TRY(next_number(db, table, first, err));
    ACCEL_TRY(stage_finish(s, err));
    ACCEL_TRY(next_number(db, table, &last, err));
    if (last - *first - 1 != expected)
        return error_set(err, ACCEL_INTERNAL, "%s: %lld rows of %s were staged, %lld came", db->path,
                         (long long)expected, table, (long long)(last - *first - 1));
    return ACCEL_OK;
}

static accel_status take_over_results(database *db, stage *stages, int64_t *rows, int64_t *before,
                                      accel_error *err) {
    int64_t expected = (int64_t)stages[STAGE_RESULTS].total, first = 0;
    if (stages[STAGE_IDS].total > 0) {
        ACCEL_TRY(stage_finish(&stages[STAGE_IDS], err));
        ACCEL_TRY(database_exec(db, known_ids_sql, err));
        ACCEL_TRY(archive_drop_staged(db, stage_tables[STAGE_IDS].name, err));
        ACCEL_TRY(database_number(db, &expected, err, "SELECT count(*) FROM staged_ids"));
    }
    ACCEL_TRY(finish_direct(db, &stages[STAGE_RESULTS], "performance_results", expected, &first, err));
    *before = *before == 0 ? first : *before;
    *rows += expected;
    return ACCEL_OK;
}

/* The largest ids before this batch, of tables whose rows have children. */
static const char lasts_sql[] =
    "CREATE OR REPLACE TEMP TABLE staged_lasts AS SELECT 'integration_test_results' AS name, nextval('integration_test_results_seq') AS last "
    "UNION ALL SELECT 'web_platform_results', nextval('web_platform_results_seq') "
    "UNION ALL SELECT 'web_platform_optimizations', nextval('web_platform_optimizations_seq')";

static accel_status take_over_rows(database *db, const struct takeover *t, stage *s, int64_t *rows,
                                   accel_error *err) {
    int64_t first;
    if (t->stage == STAGE_SOURCES)
        return stage_finish(s, err);
    if (stage_is_direct(s)) {
        ACCEL_TRY(finish_direct(db, s, t->table, (int64_t)s->total, &first, err));
        *rows += (int64_t)s->total;
        return ACCEL_OK;
    }
    str_buf sql = {0};
    ACCEL_TRY(stage_finish(s, err));
    append_takeover(t, false, &sql);
    accel_status status =
        sql.failed ? error_no_memory(err, "a statement", sql.length) : changed_rows(db, sql.data, rows, err);
    str_free(&sql);
    return status;
}

/* Runs, models, hardware and series: what results refer to. */
static accel_status take_over_subjects(database *db, stage *stages, accel_error *err) {
    static const char *const others[] = {
        [STAGE_MODELS] = models_sql, [STAGE_HARDWARE] = hardware_sql, [STAGE_IDENTITIES] = identities_sql};
    stage *runs = &stages[STAGE_RUNS];
    ACCEL_TRY(stage_finish(runs, err)); /* their numbers are what users call them: none is left out */
    if (runs->total > 0 && !stage_is_direct(runs))
        ACCEL_TRY(database_execf(db, err, "%s ON CONFLICT (run_uuid) DO NOTHING", new_runs_sql));
    for (size_t i = STAGE_MODELS; i <= STAGE_IDENTITIES; i++) {
        if (stages[i].total == 0)
            continue;
        ACCEL_TRY(stage_finish(&stages[i], err));
        ACCEL_TRY(database_exec(db, others[i], err));
    }
    return ACCEL_OK;
}

accel_status take_over(database *db, stage *stages, int64_t *rows, int64_t *before, accel_error *err) {
    ACCEL_TRY(take_over_subjects(db, stages, err));
    /* What is staged has no statistics by which a join could be put in order: it comes first. */
    ACCEL_TRY(database_exec(db, "SET disabled_optimizers = 'join_order, build_side_probe_side'", err));
    if (stages[STAGE_RESULTS].total > 0)
        ACCEL_TRY(take_over_results(db, stages, rows, before, err));
    if (stages[STAGE_ASSERTIONS].total + stages[STAGE_WEBGPU].total + stages[STAGE_SHADERS].total +
            stages[STAGE_LOADING].total >
        0)
        ACCEL_TRY(database_exec(db, lasts_sql, err));
    for (size_t i = 0; i < sizeof takeovers / sizeof *takeovers; i++) {
        stage *s = &stages[takeovers[i].stage];
        if (s->total > 0)
            ACCEL_TRY(take_over_rows(db, &takeovers[i], s, rows, err));
    }
    return database_exec(db, "RESET disabled_optimizers", err);
}
