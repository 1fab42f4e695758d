#include "store/database.h"

#include <math.h>
#include <string.h>

#include "base/str.h"
#include "measure/record.h"
#include "store/store.h"

/* DuckDB's sentences begin with the kind of the error; prepare and commit tell it in no other way. */
static accel_status kind_of(const char *words) {
    static const struct {
        const char *begins;
        accel_status status;
    } kinds[] = {
        {"IO Error", ACCEL_IO},
        {"Permission Error", ACCEL_IO},
        {"FATAL Error", ACCEL_IO},              /* a disk that failed while the log was written */
        {"TransactionContext Error", ACCEL_IO}, /* a commit that could not be written */
        {"Out of Memory Error", ACCEL_OUT_OF_MEMORY},
        {"Conversion Error", ACCEL_BAD_FILE}, /* these four: the record's values, not the database */
        {"Constraint Error", ACCEL_BAD_FILE},
        {"Out of Range Error", ACCEL_BAD_FILE},
        {"Invalid Input Error", ACCEL_BAD_FILE},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (str_starts_with(words, kinds[i].begins))
            return kinds[i].status;
    }
    return ACCEL_RUNTIME;
}

static accel_status sql_error(const database *db, const char *words, accel_error *err) {
    const char *text = words != NULL ? words : "no reason given";
    if (strstr(text, "Could not set lock") != NULL)
        return error_set(err, ACCEL_BUSY, "%s is in use by another process; try again when it is done",
                         db->path);
    bool full = strstr(text, "No space left") != NULL;
    return error_set(err, kind_of(text), "%s: %s%s", db->path, text,
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

static accel_status exec_text(database *db, str_buf *sql, accel_error *err) {
    accel_status status =
        sql->failed ? error_no_memory(err, "a statement", sql->length) : database_exec(db, sql->data, err);
    str_free(sql);
    return status;
}

accel_status database_execf(database *db, accel_error *err, const char *format, ...) {
    str_buf sql = {0};
    va_list arguments;
    va_start(arguments, format);
    str_appendv(&sql, format, arguments);
    va_end(arguments);
    return exec_text(db, &sql, err);
}

accel_status database_number(database *db, int64_t *out, accel_error *err, const char *format, ...) {
    str_buf sql = {0};
    statement s;
    va_list arguments;
    va_start(arguments, format);
    str_appendv(&sql, format, arguments);
    va_end(arguments);
    *out = 0;
    accel_status status = sql.failed ? error_no_memory(err, "a statement", sql.length)
                                     : statement_prepare(db, sql.data, &s, err);
    str_free(&sql);
    return status == ACCEL_OK ? statement_run(&s, out, NULL, err) : status;
}

accel_status database_texts(database *db, const char *sql, arena *a, const char **out, size_t most,
                            size_t *count, accel_error *err) {
    duckdb_result result;
    accel_status status = ACCEL_OK;
    *count = 0;
    if (duckdb_query(db->connection, sql, &result) != DuckDBSuccess) {
        status = sql_error(db, duckdb_result_error(&result), err);
        duckdb_destroy_result(&result);
        return status;
    }
    for (duckdb_data_chunk chunk; status == ACCEL_OK && (chunk = duckdb_fetch_chunk(result)) != NULL;) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, 0);
        uint64_t *validity = duckdb_vector_get_validity(vector);
        duckdb_string_t *data = duckdb_vector_get_data(vector);
        for (idx_t r = 0; r < duckdb_data_chunk_get_size(chunk) && *count < most; r++) {
            if (validity != NULL && !duckdb_validity_row_is_valid(validity, r))
                continue;
            out[*count] = arena_strndup(a, duckdb_string_t_data(&data[r]), duckdb_string_t_length(data[r]));
            if (out[(*count)++] == NULL)
                status = error_no_memory(err, "a query", 0);
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    return status;
}

void sql_append_text(str_buf *out, const char *text) {
    str_append_char(out, '\'');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'')
            str_append_char(out, '\'');
        str_append_char(out, *c);
    }
    str_append_char(out, '\'');
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
