/* Reading: users' SQL, and records. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/database.h"
#include "store/duckdb_load.h"
#include "store/spool.h"
#include "store/store.h"

enum { READ_PATIENCE_S = 5 };

const char *store_engine_version(void) {
    static char text[64];
    if (store_duckdb_load(NULL) != ACCEL_OK)
        return NULL;
    str_format(text, sizeof text, "DuckDB %s", duckdb_library_version());
    return text;
}

/* What waits in the spool belongs to the database: taken in when the lock can be had, else mentioned. */
static void take_in_first(const char *path) {
    accel_error err = {0};
    if (spool_is_empty(path))
        return;
    if (store_take_in(path, NULL, NULL, &err) != ACCEL_OK)
        log_warning("results wait in %s.spool: %s", path, err.message);
}

/* ---- values ------------------------------------------------------------------------------------------------------------------- */

static bool is_integer(duckdb_type t) {
    return t == DUCKDB_TYPE_TINYINT || t == DUCKDB_TYPE_SMALLINT || t == DUCKDB_TYPE_INTEGER ||
           t == DUCKDB_TYPE_BIGINT || t == DUCKDB_TYPE_UTINYINT || t == DUCKDB_TYPE_USMALLINT ||
           t == DUCKDB_TYPE_UINTEGER;
}

/* Integers of which most, not all, fit 64 bits: what sum() gives. */
static bool is_wide(duckdb_type t) {
    return t == DUCKDB_TYPE_HUGEINT || t == DUCKDB_TYPE_UBIGINT;
}

static bool is_real(duckdb_type t) {
    return t == DUCKDB_TYPE_FLOAT || t == DUCKDB_TYPE_DOUBLE;
}

static int64_t integer_at(duckdb_type t, const void *data, idx_t row) {
    switch (t) {
    case DUCKDB_TYPE_TINYINT:
        return ((const int8_t *)data)[row];
    case DUCKDB_TYPE_SMALLINT:
        return ((const int16_t *)data)[row];
    case DUCKDB_TYPE_INTEGER:
        return ((const int32_t *)data)[row];
    case DUCKDB_TYPE_UTINYINT:
        return ((const uint8_t *)data)[row];
    case DUCKDB_TYPE_USMALLINT:
        return ((const uint16_t *)data)[row];
    case DUCKDB_TYPE_UINTEGER:
        return ((const uint32_t *)data)[row];
    default:
        return ((const int64_t *)data)[row];
    }
}

static store_cell wide_cell(duckdb_type t, const void *data, idx_t row, arena *a) {
    duckdb_hugeint v = {0};
    if (t == DUCKDB_TYPE_HUGEINT)
        v = ((const duckdb_hugeint *)data)[row];
    else
        v.lower = ((const uint64_t *)data)[row];
    int64_t low = (int64_t)v.lower;
    if (v.upper == (low < 0 ? -1 : 0))
        return (store_cell){STORE_INTEGER, arena_printf(a, "%lld", (long long)low), low, (double)low};
    double value = (double)v.upper * 0x1p64 + (double)v.lower;
    return (store_cell){STORE_REAL, arena_printf(a, "%.10g", value), 0, value};
}

/* DuckDB's VARCHAR; others were cast to it by the query wrapper. */
static const char *text_at(const void *data, idx_t row, arena *a) {
    duckdb_string_t *s = &((duckdb_string_t *)(uintptr_t)data)[row];
    return arena_strndup(a, duckdb_string_t_data(s), duckdb_string_t_length(*s));
}

static bool read_cell(duckdb_type type, duckdb_vector vector, idx_t row, arena *a, store_cell *out) {
    uint64_t *validity = duckdb_vector_get_validity(vector);
    *out = (store_cell){.type = STORE_NULL};
    if (validity != NULL && !duckdb_validity_row_is_valid(validity, row))
        return true;
    const void *data = duckdb_vector_get_data(vector);
    if (type == DUCKDB_TYPE_BOOLEAN) {
        bool value = ((const bool *)data)[row];
        *out = (store_cell){STORE_BOOL, value ? "true" : "false", value, value};
    } else if (is_integer(type)) {
        int64_t value = integer_at(type, data, row);
        *out = (store_cell){STORE_INTEGER, arena_printf(a, "%lld", (long long)value), value, (double)value};
    } else if (is_wide(type)) {
        *out = wide_cell(type, data, row, a);
    } else if (is_real(type)) {
        double value =
            type == DUCKDB_TYPE_FLOAT ? (double)((const float *)data)[row] : ((const double *)data)[row];
        *out = (store_cell){STORE_REAL, arena_printf(a, "%.10g", value), 0, value};
    } else if (type == DUCKDB_TYPE_VARCHAR) {
        *out = (store_cell){STORE_TEXT, text_at(data, row, a), 0, NAN};
    } else { /* only where a statement could not be wrapped: DESCRIBE, PRAGMA and the like */
        *out = (store_cell){STORE_TEXT, "(not shown: wrap the statement in a SELECT with a CAST)", 0, NAN};
    }
    return out->text != NULL;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------------- */

typedef struct reader {
    store_result *out;
    store_cell *cells;
    size_t capacity;
    duckdb_type *types;
} reader;

static accel_status read_columns(reader *rd, duckdb_result *result, accel_error *err) {
    store_result *out = rd->out;
    out->column_count = duckdb_column_count(result);
    out->columns = ARENA_ARRAY(out->arena, const char *, out->column_count + 1);
    out->numeric = ARENA_ARRAY(out->arena, bool, out->column_count + 1);
    rd->types = ARENA_ARRAY(out->arena, duckdb_type, out->column_count + 1);
    if (out->columns == NULL || out->numeric == NULL || rd->types == NULL)
        return error_no_memory(err, "a result", 0);
    for (idx_t c = 0; c < out->column_count; c++) {
        rd->types[c] = duckdb_column_type(result, c);
        out->numeric[c] = is_integer(rd->types[c]) || is_wide(rd->types[c]) || is_real(rd->types[c]);
        out->columns[c] = arena_strdup(out->arena, duckdb_column_name(result, c));
        if (out->columns[c] == NULL)
            return error_no_memory(err, "a result", 0);
    }
    return ACCEL_OK;
}

static accel_status read_chunk(reader *rd, duckdb_data_chunk chunk, accel_error *err) {
    store_result *out = rd->out;
    idx_t rows = duckdb_data_chunk_get_size(chunk);
    if (!mem_grow((void **)&rd->cells, &rd->capacity, (out->row_count + rows) * out->column_count,
                  sizeof *rd->cells)) {
        return error_no_memory(err, "a result",
                               (out->row_count + rows) * out->column_count * sizeof *rd->cells);
    }
    for (idx_t c = 0; c < out->column_count; c++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, c);
        for (idx_t r = 0; r < rows; r++) {
            if (!read_cell(rd->types[c], vector, r, out->arena,
                           &rd->cells[(out->row_count + r) * out->column_count + c])) {
                return error_no_memory(err, "a result", 0);
            }
        }
    }
    out->row_count += rows;
    return ACCEL_OK;
}

static accel_status read_rows(duckdb_result *result, size_t max_rows, store_result *out, accel_error *err) {
    reader rd = {.out = out};
    accel_status status = read_columns(&rd, result, err);
    while (status == ACCEL_OK) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
        if (chunk == NULL)
            break;
        status = read_chunk(&rd, chunk, err);
        duckdb_destroy_data_chunk(&chunk);
        if (status == ACCEL_OK && max_rows > 0 && out->row_count > max_rows) {
            status = error_set(err, ACCEL_LIMIT,
                               "the result has more than %zu rows; add LIMIT, or raise --max-rows", max_rows);
        }
    }
    if (status == ACCEL_OK && rd.cells != NULL) {
        out->cells = arena_copy(out->arena, rd.cells, out->row_count * out->column_count * sizeof *rd.cells);
        if (out->cells == NULL)
            status = error_no_memory(err, "a result", 0);
    }
    mem_free(rd.cells);
    return status;
}

/* Columns of types that have no plain C form (lists, decimals, timestamps…) are read as their text: the statement is wrapped once its types are known. */
static void append_casts(duckdb_prepared_statement prepared, str_buf *out, bool *needed) {
    idx_t count = duckdb_prepared_statement_column_count(prepared);
    *needed = false;
    str_append(out, "SELECT ");
    for (idx_t c = 0; c < count; c++) {
        duckdb_type t = duckdb_prepared_statement_column_type(prepared, c);
        bool plain =
            t == DUCKDB_TYPE_BOOLEAN || t == DUCKDB_TYPE_VARCHAR || is_integer(t) || is_wide(t) || is_real(t);
        const char *cast = t == DUCKDB_TYPE_DECIMAL || t == DUCKDB_TYPE_UHUGEINT ? "DOUBLE" : "VARCHAR";
        *needed = *needed || !plain;
        str_appendf(out, plain ? "%s#%llu" : "%sCAST(#%llu AS %s)", c > 0 ? ", " : "",
                    (unsigned long long)c + 1, cast);
    }
    str_append(out, " FROM (");
}

static accel_status sql_failed(const char *path, const char *words, accel_error *err) {
    return error_set(err, ACCEL_RUNTIME, "%s: %s", path, words != NULL ? words : "no reason given");
}

static accel_status execute(database *db, duckdb_prepared_statement prepared, size_t max_rows,
                            store_result *out, accel_error *err) {
    duckdb_result result;
    accel_status status = ACCEL_OK;
    if (duckdb_execute_prepared(prepared, &result) != DuckDBSuccess) {
        status = sql_failed(db->path, duckdb_result_error(&result), err);
    } else {
        status = read_rows(&result, max_rows, out, err);
    }
    duckdb_destroy_result(&result);
    return status;
}

static idx_t statement_count(database *db, const char *sql) {
    duckdb_extracted_statements statements = NULL;
    idx_t count = duckdb_extract_statements(db->connection, sql, &statements);
    duckdb_destroy_extracted(&statements);
    return count;
}

/* Where one statement's text ends: before its semicolon and what comments follow it, which must not come into a pair of brackets. */
static size_t statement_end(database *db, const char *sql, arena *a) {
    size_t length = strlen(sql);
    while (length > 0 && strchr("; \t\r\n", sql[length - 1]) != NULL)
        length--;
    for (size_t i = length; i > 0; i--) {
        if (sql[i - 1] != ';' || statement_count(db, sql + i) != 0)
            continue;
        const char *head = arena_strndup(a, sql, i);
        if (head != NULL && statement_count(db, head) == 1)
            return i - 1;
    }
    return length;
}

/* Positional references (#1) keep duplicate column names apart; the names are restored from the unwrapped statement. */
static accel_status execute_wrapped(database *db, const char *sql, duckdb_prepared_statement plain,
                                    size_t max_rows, store_result *out, accel_error *err) {
    str_buf wrapped = {0};
    bool needed = false;
    append_casts(plain, &wrapped, &needed);
    str_append_bytes(&wrapped, sql, needed ? statement_end(db, sql, out->arena) : 0);
    str_append(&wrapped, "\n) AS q");
    duckdb_prepared_statement prepared = NULL;
    bool usable =
        needed && !wrapped.failed && duckdb_prepare(db->connection, wrapped.data, &prepared) == DuckDBSuccess;
    accel_status status = execute(db, usable ? prepared : plain, max_rows, out, err);
    for (idx_t c = 0; usable && status == ACCEL_OK && c < out->column_count; c++) {
        const char *name = duckdb_prepared_statement_column_name(plain, c); /* ours, unlike a result's */
        out->columns[c] = arena_strdup(out->arena, name);
        duckdb_free((void *)(uintptr_t)name);
        if (out->columns[c] == NULL)
            status = error_no_memory(err, "a result", 0);
    }
    duckdb_destroy_prepare(&prepared);
    str_free(&wrapped);
    return status;
}

/* Where the last of several statements begins: the last semicolon that leaves all others before it. DuckDB's parser decides, since a
 * semicolon may stand in a string or a comment. */
static size_t last_statement(database *db, const char *sql, idx_t count, arena *a) {
    for (size_t i = strlen(sql); i > 0 && count > 1; i--) {
        if (sql[i - 1] != ';' || statement_count(db, sql + i) != 1)
            continue;
        const char *head = arena_strndup(a, sql, i);
        if (head != NULL && statement_count(db, head) == count - 1)
            return i;
    }
    return 0;
}

/* The files of an archive may be read, so DuckDB would let them be written. */
static bool writes_files(duckdb_statement_type type) {
    return type == DUCKDB_STATEMENT_TYPE_COPY || type == DUCKDB_STATEMENT_TYPE_EXPORT;
}

static accel_status run_statements(database *db, const char *sql, size_t max_rows, store_result *out,
                                   accel_error *err) {
    duckdb_extracted_statements statements = NULL;
    idx_t count = duckdb_extract_statements(db->connection, sql, &statements);
    accel_status status =
        count > 0 ? ACCEL_OK : sql_failed(db->path, duckdb_extract_statements_error(statements), err);
    for (idx_t i = 0; i < count && status == ACCEL_OK; i++) {
        duckdb_prepared_statement prepared = NULL;
        if (duckdb_prepare_extracted_statement(db->connection, statements, i, &prepared) != DuckDBSuccess) {
            status = sql_failed(db->path, duckdb_prepare_error(prepared), err);
        } else if (writes_files(duckdb_prepared_statement_type(prepared))) {
            status = sql_failed(db->path, "COPY and EXPORT write files, and a query only reads", err);
        } else if (i + 1 == count) {
            status = execute_wrapped(db, sql + last_statement(db, sql, count, out->arena), prepared, max_rows,
                                     out, err);
        } else {
            duckdb_result ignored;
            if (duckdb_execute_prepared(prepared, &ignored) != DuckDBSuccess)
                status = sql_failed(db->path, duckdb_result_error(&ignored), err);
            duckdb_destroy_result(&ignored);
        }
        duckdb_destroy_prepare(&prepared);
    }
    duckdb_destroy_extracted(&statements);
    return status;
}

accel_status store_query(const char *path, const char *sql, size_t max_rows, store_result **out,
                         accel_error *err) {
    database db;
    *out = NULL;
    take_in_first(path);
    ACCEL_TRY(database_open(path, true, READ_PATIENCE_S, &db, err));
    arena *a = arena_create();
    store_result *result = a != NULL ? ARENA_NEW(a, store_result) : NULL;
    accel_status status = result != NULL ? ACCEL_OK : error_no_memory(err, "a result", 0);
    if (status == ACCEL_OK) {
        result->arena = a;
        status = run_statements(&db, sql, max_rows, result, err);
    }
    database_close(&db);
    if (status != ACCEL_OK) {
        arena_destroy(a);
        return status;
    }
    *out = result;
    return ACCEL_OK;
}

void store_result_destroy(store_result *r) {
    if (r != NULL)
        arena_destroy(r->arena);
}

/* ---- records ------------------------------------------------------------------------------------------------------------------- */

/* "[1, 2, 3]", as DuckDB writes a list. */
static accel_status parse_samples(const char *text, arena *a, record *r, accel_error *err) {
    size_t most = 1, count = 0;
    for (const char *p = text; *p != 0; p++)
        most += *p == ',';
    int64_t *samples = ARENA_ARRAY(a, int64_t, most);
    if (samples == NULL)
        return error_no_memory(err, "samples", most * sizeof *samples);
    for (const char *p = text; *p != 0;) {
        if (strchr("[], ", *p) != NULL) {
            p++;
            continue;
        }
        char *end = NULL;
        errno = 0;
        samples[count] = strtoll(p, &end, 10);
        if (end == p || errno != 0 || samples[count++] < 0)
            return error_set(err, ACCEL_BAD_FILE, "samples_ns of record %s holds what is no time",
                             r->record_id);
        p = end;
    }
    r->samples_ns = samples;
    r->samples_ns_count = count;
    return ACCEL_OK;
}

static accel_status row_record(const store_cell *cells, arena *a, record *out, accel_error *err) {
    if (cells[0].type != STORE_TEXT)
        return error_set(err, ACCEL_BAD_FILE,
                         "a row of performance_results has no record in its metrics column");
    ACCEL_TRY(record_read_json(cells[0].text, strlen(cells[0].text), a, out, err));
    return cells[1].type == STORE_TEXT ? parse_samples(cells[1].text, a, out, err) : ACCEL_OK;
}

accel_status store_records(const char *path, const char *filter_sql, size_t limit, arena *a, record **out,
                           size_t *count, accel_error *err) {
    str_buf sql = {0};
    store_result *rows = NULL;
    str_appendf(
        &sql,
        "SELECT CAST(p.metrics AS VARCHAR), CAST(p.samples_ns AS VARCHAR) FROM performance_results p JOIN models m USING (model_id) "
        "JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r ON r.run_id = p.run_id WHERE (%s) ORDER BY r.started_at DESC, p.result_id",
        filter_sql != NULL ? filter_sql : "true");
    if (limit > 0)
        str_appendf(&sql, " LIMIT %zu", limit);
    accel_status status =
        sql.failed ? error_no_memory(err, "a query", sql.length) : store_query(path, sql.data, 0, &rows, err);
    str_free(&sql);
    ACCEL_TRY(status);
    *count = rows->row_count;
    *out = ARENA_ARRAY(a, record, rows->row_count + 1);
    if (*out == NULL)
        status = error_no_memory(err, "records", rows->row_count * sizeof **out);
    for (size_t i = 0; i < rows->row_count && status == ACCEL_OK; i++)
        status = row_record(&rows->cells[2 * i], a, &(*out)[i], err);
    store_result_destroy(rows);
    return status == ACCEL_OK ? status : error_prefix(err, status, "%s", path);
}
