#include "store/lake.h"

#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/posix/io.h"
#include "base/version.h"
#include "store/archive_files.h"
#include "store/rewrite.h"
#include "store/schema.h"
#include "store/store.h"

#define RUN          " LEFT JOIN test_runs r ON r.run_id = t.run_id"
#define MODEL        " LEFT JOIN models m ON m.model_id = t.model_id"
#define HARDWARE     " LEFT JOIN hardware_platforms h ON h.hardware_id = t.hardware_id"
#define SUBJECT_KEYS "run_id=r.run_uuid model_id=m.natural_key hardware_id=h.natural_key"
#define MACHINE      "h.metadata->>'machine_id'"
#define CREATED      "t.created_at"
#define STARTED      "r.started_at"
/* Rows below another have no key of their own: its key, and what they say. */
#define BELOW "concat_ws(chr(31), p.content_key, "

const lake_table lake_tables[] = {
    {"hardware_platforms", "t.natural_key", "hardware_platforms t", "t.metadata->>'machine_id'", CREATED,
     CREATED, "", "hardware_id"},
    {"models", "t.natural_key", "models t", "NULL", CREATED, CREATED, "", "model_id"},
    {"test_runs", "t.run_uuid", "test_runs t", "NULL", "t.started_at",
     "coalesce(t.completed_at, t.created_at)", "", "run_id"},
    {"performance_identities", "t.natural_key", "performance_identities t" MODEL HARDWARE, MACHINE, CREATED,
     CREATED, "model_id=m.natural_key hardware_id=h.natural_key", "identity_id"},
    {"performance_results", "t.record_id",
     ARCHIVE_VIEW " t" RUN MODEL HARDWARE
                  " LEFT JOIN performance_identities i ON i.identity_id = t.identity_id",
     MACHINE, STARTED, CREATED, SUBJECT_KEYS " identity_id=i.natural_key", "result_id"},
    {"hardware_compatibility",
     "coalesce(t.content_key, concat_ws(chr(31), r.run_uuid, m.natural_key, h.natural_key))",
     "hardware_compatibility t" RUN MODEL HARDWARE, MACHINE, STARTED, CREATED, SUBJECT_KEYS,
     "compatibility_id"},
    {"hardware_availability_log",
     "concat_ws(chr(31), t.machine_id, t.hardware_type, t.device, t.detected_at, t.detection_method, t.is_available)",
     "hardware_availability_log t", "t.machine_id", "t.detected_at", "t.detected_at", "", "id"},
    {"integration_test_results", "t.content_key", "integration_test_results t" RUN MODEL HARDWARE, MACHINE,
     STARTED, CREATED, SUBJECT_KEYS, "test_result_id"},
    {"integration_test_assertions",
     BELOW "t.assertion_name, t.passed, t.expected_value, t.actual_value, t.message)",
     "integration_test_assertions t JOIN integration_test_results p ON p.test_result_id = t.test_result_id",
     "NULL", CREATED, CREATED, "test_result_id=p.content_key", "assertion_id"},
    {"web_platform_results", "t.content_key", "web_platform_results t" RUN MODEL HARDWARE, MACHINE, STARTED,
     CREATED, SUBJECT_KEYS, "result_id"},
    {"webgpu_advanced_features", "p.content_key",
     "webgpu_advanced_features t JOIN web_platform_results p ON p.result_id = t.result_id", "NULL", CREATED,
     CREATED, "result_id=p.content_key", "feature_id"},
    {"web_platform_optimizations", "t.content_key", "web_platform_optimizations t", "NULL", "t.test_datetime",
     CREATED, "", "id"},
    {"shader_compilation_stats", BELOW "t.test_datetime, t.shader_count)",
     "shader_compilation_stats t JOIN web_platform_optimizations p ON p.id = t.optimization_id", "NULL",
     CREATED, CREATED, "optimization_id=p.content_key", "id"},
    {"parallel_loading_stats", BELOW "t.test_datetime, t.components_loaded)",
     "parallel_loading_stats t JOIN web_platform_optimizations p ON p.id = t.optimization_id", "NULL",
     CREATED, CREATED, "optimization_id=p.content_key", "id"},
};
const size_t lake_table_count = sizeof lake_tables / sizeof *lake_tables;

static const schema_table *find_table(const char *name) {
    for (size_t i = 0; i < schema_table_count; i++)
        if (str_equal(schema_tables[i].name, name))
            return &schema_tables[i];
    return NULL;
}

static const lake_table *find_lake_table(const char *name) {
    for (size_t i = 0; i < lake_table_count; i++)
        if (str_equal(lake_tables[i].name, name))
            return &lake_tables[i];
    return NULL;
}

/* The next "column=key" of a list; false at its end. */
static bool next_key(const char **at, const char **column, size_t *column_length, const char **key,
                     size_t *key_length) {
    *at += strspn(*at, " ");
    if (**at == '\0')
        return false;
    *column = *at;
    *column_length = strcspn(*at, "=");
    *key = *at + *column_length + 1;
    *key_length = strcspn(*key, " ");
    *at = *key + *key_length;
    return true;
}

static bool is_own_column(const lake_table *t, const char *name) {
    const char *at = t->keys, *column, *key;
    size_t column_length, key_length;
    if (str_equal(name, t->id))
        return false;
    while (next_key(&at, &column, &column_length, &key, &key_length))
        if (strlen(name) == column_length && memcmp(name, column, column_length) == 0)
            return false;
    return true;
}

/* ---- writing --------------------------------------------------------------------------------------------------------------- */

static void append_own_columns(const lake_table *t, bool with_created, str_buf *sql) {
    const schema_table *table = find_table(t->name);
    const char *separator = "";
    for (size_t c = 0; c < table->column_count; c++) {
        const char *name = table->columns[c].name;
        if (!is_own_column(t, name) || (!with_created && str_equal(name, "created_at")))
            continue;
        str_appendf(sql, "%st.%s", separator, name);
        separator = ", ";
    }
}

void lake_append_select(const lake_table *t, str_buf *sql) {
    const char *at = t->keys, *column, *key;
    size_t column_length, key_length;
    str_append(sql, "SELECT ");
    append_own_columns(t, true, sql);
    while (next_key(&at, &column, &column_length, &key, &key_length))
        str_appendf(sql, ", %.*s AS %.*s_key", (int)key_length, key, (int)column_length, column);
    str_appendf(sql, ", %s AS lake_key, hash(", t->key);
    append_own_columns(t, false, sql);
    /* A machine's hash is what a record says it is, and becomes a folder's name. */
    str_appendf(
        sql,
        ") AS lake_hash, %s AS lake_time, CASE WHEN (%s) IS NULL THEN 'none' WHEN regexp_full_match(%s, '[0-9a-f]{1,64}') THEN %s ELSE "
        "left(sha256(%s), 16) END AS host, strftime(coalesce(%s, %s), '%%Y-%%m-%%d') AS day FROM %s",
        t->time, t->host, t->host, t->host, t->host, t->day, t->time, t->from);
}

void lake_glob(const char *folder, const char *table, str_buf *out) {
    str_appendf(out, "%s/%s/host=*/day=*/*.parquet", folder, table);
}

static accel_status any_file(void *context, const char *name, accel_error *err) {
    (void)err;
    *(bool *)context = *(bool *)context || str_starts_with(name, "host=");
    return ACCEL_OK;
}

accel_status lake_has(const char *folder, const char *table, arena *a, bool *out, accel_error *err) {
    const char *path = arena_printf(a, "%s/%s", folder, table);
    *out = false;
    if (path == NULL)
        return error_no_memory(err, "a path", 0);
    return file_is_folder(path) ? file_list(path, any_file, out, err) : ACCEL_OK;
}

/* ---- reading --------------------------------------------------------------------------------------------------------------- */

bool lake_is_folder(const char *path) {
    bool any = false;
    arena *a = arena_create();
    for (size_t i = 0; i < lake_table_count && a != NULL && !any; i++)
        (void)lake_has(path, lake_tables[i].name, a, &any, NULL);
    arena_destroy(a);
    return any;
}

/* Ids are hashes of keys: the same in whatever row refers to it. Those of results are counted, since the views over samples multiply them. */
static void append_id(const char *column, const char *key, bool counted, str_buf *sql) {
    str_appendf(sql,
                counted ? "row_number() OVER (ORDER BY %s) AS %s" : "CAST(hash(%s) >> 1 AS BIGINT) AS %s",
                key, column);
}

static void append_view(const lake_table *t, const char *folder, str_buf *sql) {
    const char *at = t->keys, *column, *key;
    size_t column_length, key_length;
    str_buf glob = {0};
    lake_glob(folder, t->name, &glob);
    str_appendf(
        sql,
        "CREATE VIEW main.%s AS SELECT * FROM shape.%s UNION ALL BY NAME SELECT * EXCLUDE (lake_key, lake_hash, lake_time",
        t->name, t->name);
    while (next_key(&at, &column, &column_length, &key, &key_length))
        str_appendf(sql, ", %.*s_key", (int)column_length, column);
    str_append(sql, "), ");
    append_id(t->id, "lake_key", str_equal(t->id, "result_id") && str_equal(t->name, "performance_results"),
              sql);
    for (at = t->keys; next_key(&at, &column, &column_length, &key, &key_length);)
        str_appendf(sql, ", CAST(hash(%.*s_key) >> 1 AS BIGINT) AS %.*s", (int)column_length, column,
                    (int)column_length, column);
    str_append(sql, " FROM (SELECT * FROM read_parquet(");
    sql_append_text(sql, str_text(&glob));
    str_append(
        sql,
        ", hive_partitioning = false, union_by_name = true) QUALIFY row_number() OVER (PARTITION BY lake_key ORDER BY lake_time DESC, lake_hash) = 1);\n");
    sql->failed = sql->failed || glob.failed;
    str_free(&glob);
}

/* Empty tables give every view its columns and types, whatever the files have. */
static void append_shapes(str_buf *sql) {
    str_append(sql, "CREATE SCHEMA shape; USE shape;\n");
    for (size_t i = 0; i < schema_table_count; i++) {
        if (schema_tables[i].sequence != NULL)
            str_appendf(sql, "CREATE SEQUENCE %s;\n", schema_tables[i].sequence);
        schema_write_table(&schema_tables[i], sql);
    }
    str_appendf(sql, "INSERT INTO accel_schema (version, program_version) VALUES (%d, '%s');\nUSE main;\n",
                STORE_SCHEMA_VERSION, accel_version_text());
}

static accel_status append_tables(const char *folder, arena *a, str_buf *sql, accel_error *err) {
    for (size_t i = 0; i < schema_table_count; i++) {
        const char *name = schema_tables[i].name;
        const lake_table *t = find_lake_table(name);
        bool there = false;
        if (t != NULL)
            ACCEL_TRY(lake_has(folder, name, a, &there, err));
        if (there)
            append_view(t, folder, sql);
        else if (!str_equal(name, "latest_results"))
            str_appendf(sql, "CREATE VIEW main.%s AS SELECT * FROM shape.%s;\n", name, name);
    }
    str_append(sql, "CREATE VIEW latest_results AS ");
    str_appendf(sql, LATEST_SQL ";\n", "", "performance_results", "");
    schema_write_views(0, sql);
    return ACCEL_OK;
}

static accel_status open_in(database *db, bool files, arena *a, accel_error *err) {
    char folder[PATH_MAX];
    str_buf sql = {0};
    if (io_real_path(db->path, folder) == NULL)
        return io_error(err, "cannot find the folder", db->path);
    append_shapes(&sql);
    accel_status status = append_tables(folder, a, &sql, err);
    str_append(&sql, "SET allowed_directories = [");
    sql_append_text(&sql, folder);
    str_appendf(&sql, "];\n%sSET lock_configuration = true",
                files ? "" : "SET enable_external_access = false; ");
    if (status == ACCEL_OK)
        status =
            sql.failed ? error_no_memory(err, "a statement", sql.length) : database_exec(db, sql.data, err);
    str_free(&sql);
    return status;
}

accel_status lake_open(database *db, bool files, accel_error *err) {
    arena *a = arena_create();
    accel_status status = a != NULL ? open_in(db, files, a, err) : error_no_memory(err, "a lake", 0);
    arena_destroy(a);
    return status;
}
