#include "store/read_rows.h"

#include <math.h>

#include "base/mem.h"

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

bool type_is_plain(duckdb_type t) {
    return t == DUCKDB_TYPE_BOOLEAN || t == DUCKDB_TYPE_VARCHAR || is_integer(t) || is_wide(t) || is_real(t);
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

static accel_status check_size(const reader *rd, const store_limits *limits, accel_error *err) {
    char text[32];
    size_t bytes = arena_used_bytes(rd->out->arena) + rd->capacity * sizeof *rd->cells;
    if (limits->max_rows > 0 && rd->out->row_count > limits->max_rows)
        return error_set(err, ACCEL_LIMIT,
                         "the result has more than %zu rows; add LIMIT, or raise --max-rows",
                         limits->max_rows);
    if (limits->memory_bytes > 0 && bytes > (size_t)limits->memory_bytes)
        return error_set(err, ACCEL_LIMIT,
                         "the result takes more than %s of memory; add LIMIT, or raise --memory (MB)",
                         str_bytes(text, sizeof text, (double)limits->memory_bytes));
    return ACCEL_OK;
}

accel_status read_rows(duckdb_result *result, const store_limits *limits, store_result *out,
                       accel_error *err) {
    reader rd = {.out = out};
    accel_status status = read_columns(&rd, result, err);
    while (status == ACCEL_OK) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
        if (chunk == NULL)
            break;
        status = read_chunk(&rd, chunk, err);
        duckdb_destroy_data_chunk(&chunk);
        if (status == ACCEL_OK)
            status = check_size(&rd, limits, err);
    }
    if (status == ACCEL_OK && rd.cells != NULL) {
        out->cells = arena_copy(out->arena, rd.cells, out->row_count * out->column_count * sizeof *rd.cells);
        if (out->cells == NULL)
            status = error_no_memory(err, "a result", 0);
    }
    mem_free(rd.cells);
    return status;
}
