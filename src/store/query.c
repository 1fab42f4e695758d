/* Reading: users' SQL, and records. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/duckdb_load.h"
#include "store/query.h"
#include "store/read_rows.h"
#include "store/record_columns.h"
#include "store/spool.h"

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

/* ---- statements ---------------------------------------------------------------------------------------------------------------- */

/* Columns of types that have no plain C form (lists, decimals, timestamps…) are read as their text: the statement is wrapped once its types are known. */
static void append_casts(duckdb_prepared_statement prepared, str_buf *out, bool *needed) {
    idx_t count = duckdb_prepared_statement_column_count(prepared);
    *needed = false;
    str_append(out, "SELECT ");
    for (idx_t c = 0; c < count; c++) {
        duckdb_type t = duckdb_prepared_statement_column_type(prepared, c);
        bool plain = type_is_plain(t);
        const char *cast = t == DUCKDB_TYPE_DECIMAL || t == DUCKDB_TYPE_UHUGEINT ? "DOUBLE" : "VARCHAR";
        *needed = *needed || !plain;
        str_appendf(out, plain ? "%s#%llu" : "%sCAST(#%llu AS %s)", c > 0 ? ", " : "",
                    (unsigned long long)c + 1, cast);
    }
    str_append(out, " FROM (");
}

/* ---- what goes wrong ------------------------------------------------------------------------------------------------------------- */

/* DuckDB's words about its own bugs and about damaged files end in advice and call stacks: the first line is enough. */
static accel_status damaged(const char *path, const char *words, accel_error *err) {
    return error_set(
        err, ACCEL_BAD_FILE,
        "%s seems to be damaged (%.*s); `accel db check` looks at all of it, a backup has it whole", path,
        (int)strcspn(words, "\n"), words);
}

static accel_status sql_failed(const store_reader *r, const char *words, accel_error *err) {
    const char *path = r->db.path, *text = words != NULL ? words : "no reason given";
    char memory[32];
    switch (watch_state(r->watch)) {
    case ACCEL_TIMEOUT:
        return error_set(err, ACCEL_TIMEOUT,
                         "the query ran for more than %g s and was stopped; --timeout allows more",
                         r->limits.timeout_s);
    case ACCEL_CANCELLED:
        return error_set(err, ACCEL_CANCELLED, "the query was interrupted");
    default:
        break;
    }
    if (str_starts_with(text, "INTERNAL Error") || str_starts_with(text, "FATAL Error") ||
        strstr(text, "Corrupt database") != NULL || strstr(text, "Serialization Error") != NULL)
        return damaged(path, text, err);
    bool memory_ended = str_starts_with(text, "Out of Memory Error") || strstr(text, "bad_alloc") != NULL ||
                        strstr(text, "bad allocation") != NULL;
    if (memory_ended && r->limits.memory_bytes > 0)
        return error_set(err, ACCEL_LIMIT,
                         "the query needs more than %s of memory; --memory (MB) allows more",
                         str_bytes(memory, sizeof memory, (double)r->limits.memory_bytes));
    return error_set(err, ACCEL_RUNTIME, "%s: %s", path, text);
}

/* Queries read the tables. DuckDB refuses to write to a file that was opened to be read; what reaches beyond the file, or changes
 * how DuckDB works, is closed here by its kind, whatever the settings are. */
static accel_status check_kind(const store_reader *r, duckdb_prepared_statement prepared, accel_error *err) {
    static const struct {
        duckdb_statement_type type;
        const char *name;
        bool with_files; /* open with --allow-files */
    } closed[] = {
        {DUCKDB_STATEMENT_TYPE_COPY, "COPY", true},
        {DUCKDB_STATEMENT_TYPE_EXPORT, "EXPORT", true},
        {DUCKDB_STATEMENT_TYPE_ATTACH, "ATTACH", true},
        {DUCKDB_STATEMENT_TYPE_DETACH, "DETACH", true},
        {DUCKDB_STATEMENT_TYPE_PRAGMA, "PRAGMA", false},
        {DUCKDB_STATEMENT_TYPE_SET, "SET", false},
        {DUCKDB_STATEMENT_TYPE_LOAD, "LOAD", false},
        {DUCKDB_STATEMENT_TYPE_EXTENSION, "extension", false},
        {DUCKDB_STATEMENT_TYPE_CALL, "CALL", false},
        {DUCKDB_STATEMENT_TYPE_PREPARE, "PREPARE", false},
        {DUCKDB_STATEMENT_TYPE_EXECUTE, "EXECUTE", false},
        {DUCKDB_STATEMENT_TYPE_VACUUM, "VACUUM", false},
        {DUCKDB_STATEMENT_TYPE_MULTI, "IMPORT", false},
    };
    duckdb_statement_type type = duckdb_prepared_statement_type(prepared);
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        if (closed[i].type == type && !(closed[i].with_files && r->limits.allow_files))
            return error_set(err, ACCEL_UNSUPPORTED, "%s statements are closed to queries%s", closed[i].name,
                             closed[i].with_files ? "; --allow-files opens them" : "");
    }
    return ACCEL_OK;
}

/* ---- running ------------------------------------------------------------------------------------------------------------------------- */

/* Rows come as they are made, so that a limit of rows ends a statement that would make many more. */
accel_status query_execute(store_reader *r, duckdb_prepared_statement prepared, const read_part *part,
                           store_result *out, accel_error *err) {
    duckdb_result result;
    accel_status status = ACCEL_OK;
    if (duckdb_execute_prepared_streaming(prepared, &result) != DuckDBSuccess) {
        status = sql_failed(r, duckdb_result_error(&result), err);
    } else {
        status = read_rows(&result, &r->limits, part, out, err);
        const char *words = status == ACCEL_OK ? duckdb_result_error(&result) : NULL;
        if (words != NULL && *words != '\0')
            status = sql_failed(r, words, err);
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
static accel_status execute_wrapped(store_reader *r, const char *sql, duckdb_prepared_statement plain,
                                    store_result *out, accel_error *err) {
    database *db = &r->db;
    str_buf wrapped = {0};
    bool needed = false;
    append_casts(plain, &wrapped, &needed);
    str_append_bytes(&wrapped, sql, needed ? statement_end(db, sql, out->arena) : 0);
    str_append(&wrapped, "\n) AS q");
    duckdb_prepared_statement prepared = NULL;
    bool usable =
        needed && !wrapped.failed && duckdb_prepare(db->connection, wrapped.data, &prepared) == DuckDBSuccess;
    accel_status status = query_execute(r, usable ? prepared : plain, NULL, out, err);
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

static accel_status run_statement(store_reader *r, duckdb_extracted_statements statements, idx_t index,
                                  const char *last, store_result *out, accel_error *err) {
    duckdb_prepared_statement prepared = NULL;
    accel_status status = ACCEL_OK;
    if (duckdb_prepare_extracted_statement(r->db.connection, statements, index, &prepared) != DuckDBSuccess)
        status = sql_failed(r, duckdb_prepare_error(prepared), err);
    if (status == ACCEL_OK)
        status = check_kind(r, prepared, err);
    if (status == ACCEL_OK && last != NULL) {
        status = execute_wrapped(r, last, prepared, out, err);
    } else if (status == ACCEL_OK) {
        duckdb_result ignored;
        if (duckdb_execute_prepared(prepared, &ignored) != DuckDBSuccess)
            status = sql_failed(r, duckdb_result_error(&ignored), err);
        duckdb_destroy_result(&ignored);
    }
    duckdb_destroy_prepare(&prepared);
    return status;
}

static accel_status run_statements(store_reader *r, const char *sql, store_result *out, accel_error *err) {
    duckdb_extracted_statements statements = NULL;
    idx_t count = duckdb_extract_statements(r->db.connection, sql, &statements);
    accel_status status =
        count > 0 ? ACCEL_OK : sql_failed(r, duckdb_extract_statements_error(statements), err);
    for (idx_t i = 0; i < count && status == ACCEL_OK; i++) {
        const char *last = i + 1 == count ? sql + last_statement(&r->db, sql, count, out->arena) : NULL;
        status = run_statement(r, statements, i, last, out, err);
        if (status == ACCEL_OK && watch_state(r->watch) != ACCEL_OK)
            status = sql_failed(r, NULL, err); /* between two statements */
    }
    duckdb_destroy_extracted(&statements);
    return status;
}

/* ---- readers --------------------------------------------------------------------------------------------------------------------------- */

accel_status store_reader_open(const char *path, store_reader **out, accel_error *err) {
    return store_reader_open_within(path, NULL, out, err);
}

accel_status store_reader_open_within(const char *path, const store_limits *limits, store_reader **out,
                                      accel_error *err) {
    *out = NULL;
    take_in_first(path);
    store_reader *r = mem_calloc(1, sizeof *r);
    size_t size = strlen(path) + 1;
    if (r == NULL || (r->path = mem_calloc(size, 1)) == NULL) {
        mem_free(r);
        return error_no_memory(err, "a reader", size);
    }
    memcpy(r->path, path, size);
    if (limits != NULL)
        r->limits = *limits;
    database_access access = {
        .read_only = true, .files = r->limits.allow_files, .memory_bytes = r->limits.memory_bytes};
    accel_status status = database_open_for(r->path, &access, READ_PATIENCE_S, &r->db, err);
    if (status != ACCEL_OK) {
        mem_free(r->path);
        mem_free(r);
        return status;
    }
    *out = r;
    return ACCEL_OK;
}

accel_status query_begin(store_reader *r, store_result **out, accel_error *err) {
    arena *a = arena_create();
    *out = a != NULL ? ARENA_NEW(a, store_result) : NULL;
    if (*out == NULL) {
        arena_destroy(a);
        return error_no_memory(err, "a result", 0);
    }
    (*out)->arena = a;
    accel_status status = watch_begin(&r->db, &r->limits, &r->watch, err);
    if (status != ACCEL_OK) {
        arena_destroy(a);
        *out = NULL;
    }
    return status;
}

accel_status query_end(store_reader *r, accel_status status, store_result **out) {
    (void)watch_end(r->watch);
    r->watch = NULL;
    if (status != ACCEL_OK) {
        store_result_destroy(*out);
        *out = NULL;
    }
    return status;
}

accel_status store_reader_ask(store_reader *r, const char *sql, size_t max_rows, store_result **out,
                              accel_error *err) {
    ACCEL_TRY(query_begin(r, out, err));
    r->limits.max_rows = max_rows;
    return query_end(r, run_statements(r, sql, *out, err), out);
}

void store_reader_close(store_reader *r) {
    if (r == NULL)
        return;
    database_close(&r->db);
    mem_free(r->path);
    mem_free(r);
}

accel_status store_query(const char *path, const char *sql, size_t max_rows, store_result **out,
                         accel_error *err) {
    store_reader *r;
    *out = NULL;
    ACCEL_TRY(store_reader_open(path, &r, err));
    accel_status status = store_reader_ask(r, sql, max_rows, out, err);
    store_reader_close(r);
    return status;
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

#define NAME_OF(member, column, scale) ", " #column
#define TEXT_OF(member, column, scale) ", CAST(" #column " AS VARCHAR)"
static const char record_select[] =
    "SELECT CAST(p.metrics AS VARCHAR), CAST(p.samples_ns AS VARCHAR)" RECORD_COLUMNS_INT(NAME_OF)
        RECORD_COLUMNS_REAL(NAME_OF) RECORD_COLUMNS_TEXT(
            TEXT_OF) " FROM performance_results p JOIN models m USING (model_id) JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r ON r.run_id = p.run_id";

/* One row of record_select. */
static accel_status row_record(const store_cell *cells, arena *a, record *out, accel_error *err) {
    if (cells[0].type != STORE_TEXT)
        return error_set(err, ACCEL_BAD_FILE,
                         "a row of performance_results has no record in its metrics column");
    ACCEL_TRY(record_read_json(cells[0].text, strlen(cells[0].text), a, out, err));
    const store_cell *c = &cells[2];
#define PUT_INT(member, column, scale)                                                                       \
    if (c->type == STORE_INTEGER)                                                                            \
        out->member = c->integer;                                                                            \
    else if (c->type == STORE_REAL)                                                                          \
        out->member = llround(c->real * (scale));                                                            \
    c++;
#define PUT_REAL(member, column, scale)                                                                      \
    if (c->type == STORE_REAL)                                                                               \
        out->member = c->real;                                                                               \
    c++;
    RECORD_COLUMNS_INT(PUT_INT)
    RECORD_COLUMNS_REAL(PUT_REAL)
#define PUT_TEXT(member, column, scale)                                                                      \
    if (c->type == STORE_TEXT && *c->text != 0 && (out->member = arena_strdup(a, c->text)) == NULL)          \
        return error_no_memory(err, "a record", 0);                                                          \
    c++;
    RECORD_COLUMNS_TEXT(PUT_TEXT)
    if (cells[1].type != STORE_TEXT)
        return ACCEL_OK;
    sample_figures follow;
    ACCEL_TRY(parse_samples(cells[1].text, a, out, err));
    ACCEL_TRY(figures_of_samples(out, &follow, err));
    if (isnan(out->latency_min_ms) && isnan(out->latency_max_ms) && isnan(out->latency_std_ms)) {
        out->latency_min_ms = follow.min_ms;
        out->latency_max_ms = follow.max_ms;
        out->latency_std_ms = follow.std_ms;
    }
    return ACCEL_OK;
}

accel_status store_records(const char *path, const char *filter_sql, size_t limit, arena *a, record **out,
                           size_t *count, accel_error *err) {
    str_buf sql = {0};
    store_result *rows = NULL;
    str_appendf(&sql, "%s WHERE (%s) ORDER BY r.started_at DESC, p.result_id", record_select,
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
        status = row_record(&rows->cells[i * rows->column_count], a, &(*out)[i], err);
    store_result_destroy(rows);
    return status == ACCEL_OK ? status : error_prefix(err, status, "%s", path);
}
