#include "store/database.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "base/version.h"
#include "measure/record.h"
#include "store/duckdb_load.h"
#include "store/schema.h"

/* ---- opening ------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *value;
    bool read_only; /* only for databases that users' SQL reads */
} settings[] = {
    {"autoinstall_known_extensions", "false", false},
    {"autoload_known_extensions", "false", false},
    {"allow_community_extensions", "false", false},
    {"threads", "2", false},
    {"access_mode", "READ_ONLY", true},
    {"enable_external_access", "false", true},
    {"lock_configuration", "true", true},
};

static bool make_config(bool read_only, duckdb_config *out) {
    if (duckdb_create_config(out) != DuckDBSuccess)
        return false;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (settings[i].read_only && !read_only)
            continue;
        if (duckdb_set_config(*out, settings[i].name, settings[i].value) != DuckDBSuccess)
            return false;
    }
    return true;
}

/* DuckDB tells the reason only in words. */
static accel_status open_error(const char *path, const char *words, accel_error *err) {
    if (strstr(words, "Could not set lock") != NULL || strstr(words, "Conflicting lock") != NULL) {
        return error_set(err, ACCEL_BUSY, "%s is in use by another process; try again when it is done", path);
    }
    if (strstr(words, "not a valid DuckDB database") != NULL) {
        return error_set(
            err, ACCEL_BAD_FILE,
            "%s exists but is not a DuckDB database; give another file with --db, or move it away", path);
    }
    return error_set(err, ACCEL_IO, "cannot open the database %s: %s", path, words);
}

static accel_status open_once(const char *path, bool read_only, database *out, accel_error *err) {
    duckdb_config config = NULL;
    char *words = NULL;
    if (!make_config(read_only, &config)) {
        duckdb_destroy_config(&config);
        return error_set(err, ACCEL_RUNTIME,
                         "this DuckDB library refuses its settings; `make deps` brings the right one");
    }
    duckdb_state state = duckdb_open_ext(path, &out->handle, config, &words);
    duckdb_destroy_config(&config);
    if (state != DuckDBSuccess) {
        accel_status status = open_error(path, words != NULL ? words : "no reason given", err);
        duckdb_free(words);
        return status;
    }
    if (duckdb_connect(out->handle, &out->connection) != DuckDBSuccess) {
        duckdb_close(&out->handle);
        return error_set(err, ACCEL_RUNTIME, "cannot connect to the database %s", path);
    }
    out->path = path;
    out->open = true;
    return ACCEL_OK;
}

static accel_status table_exists(database *db, const char *name, bool *out, accel_error *err) {
    statement s;
    int64_t count = 0;
    ACCEL_TRY(statement_prepare(db, "SELECT count(*) FROM information_schema.tables WHERE table_name = ?", &s,
                                err));
    statement_text(&s, name);
    ACCEL_TRY(statement_run(&s, &count, NULL, err));
    *out = count > 0;
    return ACCEL_OK;
}

static accel_status create_schema(database *db, accel_error *err) {
    str_buf ddl = {0};
    str_append(&ddl, "BEGIN TRANSACTION;\n");
    schema_write_ddl(&ddl);
    str_appendf(&ddl, "INSERT INTO accel_schema (version, program_version) VALUES (%d, '%s');\nCOMMIT;\n",
                STORE_SCHEMA_VERSION, accel_version_text());
    accel_status status =
        ddl.failed ? error_no_memory(err, "the schema", ddl.length) : database_exec(db, ddl.data, err);
    str_free(&ddl);
    if (status != ACCEL_OK)
        (void)database_exec(db, "ROLLBACK", NULL);
    return status;
}

static accel_status check_schema(database *db, accel_error *err) {
    bool ours = false, old = false;
    ACCEL_TRY(table_exists(db, "accel_schema", &ours, err));
    if (!ours) {
        ACCEL_TRY(table_exists(db, "performance_results", &old, err));
        if (old)
            return error_set(
                err, ACCEL_UNSUPPORTED,
                "%s was made by another tool: its tables have other columns; give a new file with --db",
                db->path);
        return create_schema(db, err);
    }
    statement s;
    int64_t version = 0;
    ACCEL_TRY(statement_prepare(db, "SELECT max(version) FROM accel_schema", &s, err));
    ACCEL_TRY(statement_run(&s, &version, NULL, err));
    if (version == STORE_SCHEMA_VERSION)
        return ACCEL_OK;
    return error_set(
        err, ACCEL_UNSUPPORTED,
        "%s has schema %lld, this accel writes schema %d; use the accel that made it, or a new file with --db",
        db->path, (long long)version, STORE_SCHEMA_VERSION);
}

accel_status database_open(const char *path, bool read_only, double patience_s, database *out,
                           accel_error *err) {
    *out = (database){0};
    ACCEL_TRY(store_duckdb_load(err));
    if (read_only && !file_exists(path)) {
        return error_set(err, ACCEL_NOT_FOUND,
                         "there is no database %s; `accel bench MODEL` makes it, --db names another", path);
    }
    uint64_t end = clock_now_ns() + (uint64_t)(fmax(patience_s, 0) * 1e9);
    uint64_t pause_ns = 2000000;
    accel_status status;
    for (;;) {
        status = open_once(path, read_only, out, err);
        if (status != ACCEL_BUSY || clock_now_ns() >= end)
            break;
        clock_sleep_ns(pause_ns);
        if (pause_ns < 50000000)
            pause_ns += pause_ns / 2;
    }
    if (status == ACCEL_OK && !read_only) {
        status = check_schema(out, err);
        if (status != ACCEL_OK)
            database_close(out);
    }
    return status;
}

void database_close(database *db) {
    if (!db->open)
        return;
    duckdb_disconnect(&db->connection);
    duckdb_close(&db->handle);
    *db = (database){0};
}

/* ---- statements ----------------------------------------------------------------------------------------------------------- */

static accel_status sql_error(const database *db, const char *words, accel_error *err) {
    const char *text = words != NULL ? words : "no reason given";
    bool full = strstr(text, "No space left") != NULL;
    return error_set(err, ACCEL_IO, "%s: %s%s", db->path, text,
                     full ? " (free some space; results wait in the spool)" : "");
}

accel_status database_exec(database *db, const char *sql, accel_error *err) {
    duckdb_result result;
    accel_status status = ACCEL_OK;
    if (duckdb_query(db->connection, sql, &result) != DuckDBSuccess)
        status = sql_error(db, duckdb_result_error(&result), err);
    duckdb_destroy_result(&result);
    return status;
}

accel_status statement_prepare(database *db, const char *sql, statement *out, accel_error *err) {
    *out = (statement){.db = db, .next = 1};
    if (duckdb_prepare(db->connection, sql, &out->prepared) == DuckDBSuccess)
        return ACCEL_OK;
    accel_status status = sql_error(db, duckdb_prepare_error(out->prepared), err);
    duckdb_destroy_prepare(&out->prepared);
    return status;
}

static void bound(statement *s, duckdb_state state) {
    if (state != DuckDBSuccess)
        s->failed = true;
    s->next++;
}

void statement_text(statement *s, const char *text) {
    bound(s, text != NULL ? duckdb_bind_varchar(s->prepared, s->next, text)
                          : duckdb_bind_null(s->prepared, s->next));
}

void statement_i64(statement *s, int64_t value) {
    bound(s, value != RECORD_NONE ? duckdb_bind_int64(s->prepared, s->next, value)
                                  : duckdb_bind_null(s->prepared, s->next));
}

void statement_f64(statement *s, double value) {
    bound(s, isnan(value) ? duckdb_bind_null(s->prepared, s->next)
                          : duckdb_bind_double(s->prepared, s->next, value));
}

void statement_bool(statement *s, int value) {
    bound(s, value < 0 ? duckdb_bind_null(s->prepared, s->next)
                       : duckdb_bind_boolean(s->prepared, s->next, value != 0));
}

accel_status statement_run(statement *s, int64_t *value, bool *found, accel_error *err) {
    duckdb_result result;
    accel_status status = ACCEL_OK;
    if (found != NULL)
        *found = false;
    if (s->failed) {
        status = error_set(err, ACCEL_INTERNAL, "%s: a value could not be bound", s->db->path);
    } else {
        if (duckdb_execute_prepared(s->prepared, &result) != DuckDBSuccess) {
            status = sql_error(s->db, duckdb_result_error(&result), err);
        } else {
            duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
            bool row = chunk != NULL && duckdb_data_chunk_get_size(chunk) > 0;
            if (row && value != NULL) {
                duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, 0);
                uint64_t *validity = duckdb_vector_get_validity(vector);
                bool valid = validity == NULL || duckdb_validity_row_is_valid(validity, 0);
                duckdb_logical_type type = duckdb_vector_get_column_type(vector);
                bool wide = duckdb_get_type_id(type) == DUCKDB_TYPE_BIGINT;
                duckdb_destroy_logical_type(&type);
                const void *data = duckdb_vector_get_data(vector);
                *value = !valid ? 0 : wide ? *(const int64_t *)data : *(const int32_t *)data;
            }
            if (found != NULL)
                *found = row;
            duckdb_destroy_data_chunk(&chunk);
        }
        duckdb_destroy_result(&result);
    }
    duckdb_destroy_prepare(&s->prepared);
    return status;
}
