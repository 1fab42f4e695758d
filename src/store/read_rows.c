#include "store/read_rows.h"

#include <math.h>
#include <string.h>

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

/* Numbers are read without their texts. */
static store_cell integer_cell(int64_t value) {
    return (store_cell){STORE_INTEGER, NULL, value, (double)value};
}

static store_cell wide_cell(duckdb_type t, const void *data, idx_t row) {
    duckdb_hugeint v = {0};
    if (t == DUCKDB_TYPE_HUGEINT)
        v = ((const duckdb_hugeint *)data)[row];
    else
        v.lower = ((const uint64_t *)data)[row];
    int64_t low = (int64_t)v.lower;
    if (v.upper == (low < 0 ? -1 : 0))
        return integer_cell(low);
    return (store_cell){STORE_REAL, NULL, 0, (double)v.upper * 0x1p64 + (double)v.lower};
}

/* DuckDB's VARCHAR; others were cast to it by the query wrapper. Many texts are those of the row above, whose memory they share. */
static const char *text_at(const void *data, idx_t row, const store_cell *above, arena *a) {
    duckdb_string_t *s = &((duckdb_string_t *)(uintptr_t)data)[row];
    const char *text = duckdb_string_t_data(s);
    size_t length = duckdb_string_t_length(*s);
    if (above != NULL && above->type == STORE_TEXT && memchr(text, 0, length) == NULL &&
        strncmp(above->text, text, length) == 0 && above->text[length] == '\0')
        return above->text;
    return arena_strndup(a, text, length);
}

/* above: the cell above it, or NULL. */
static bool read_cell(duckdb_type type, const void *data, idx_t row, const store_cell *above, arena *a,
                      store_cell *out) {
    if (type == DUCKDB_TYPE_BOOLEAN) {
        bool value = ((const bool *)data)[row];
        *out = (store_cell){STORE_BOOL, value ? "true" : "false", value, value};
    } else if (is_integer(type)) {
        *out = integer_cell(integer_at(type, data, row));
    } else if (is_wide(type)) {
        *out = wide_cell(type, data, row);
    } else if (is_real(type)) {
        double value =
            type == DUCKDB_TYPE_FLOAT ? (double)((const float *)data)[row] : ((const double *)data)[row];
        *out = (store_cell){STORE_REAL, NULL, 0, value};
    } else if (type == DUCKDB_TYPE_VARCHAR) {
        *out = (store_cell){STORE_TEXT, text_at(data, row, above, a), 0, NAN};
        return out->text != NULL;
    } else { /* only where a statement could not be wrapped: DESCRIBE, PRAGMA and the like */
        *out = (store_cell){STORE_TEXT, "(not shown: wrap the statement in a SELECT with a CAST)", 0, NAN};
    }
    return true;
}

/* ---- texts ---------------------------------------------------------------------------------------------------------------------- */

static bool write_text(store_cell *c, arena *a) {
    c->text = c->type == STORE_INTEGER ? arena_printf(a, "%lld", (long long)c->integer)
                                       : arena_printf(a, "%.10g", c->real);
    return c->text != NULL;
}

static bool is_bare(const store_cell *c) {
    return c->text == NULL && (c->type == STORE_INTEGER || c->type == STORE_REAL);
}

/* Most numbers of a series' columns are those of the row above, and share its text. */
static bool write_texts(store_cell *cells, size_t rows, size_t columns, arena *a) {
    for (size_t c = 0; c < columns; c++) {
        const store_cell *above = NULL;
        for (size_t i = c; i < rows * columns; above = &cells[i], i += columns) {
            if (!is_bare(&cells[i]))
                continue;
            if (above != NULL && above->type == cells[i].type && above->integer == cells[i].integer &&
                memcmp(&above->real, &cells[i].real, sizeof above->real) == 0)
                cells[i].text = above->text;
            else if (!write_text(&cells[i], a))
                return false;
        }
    }
    return true;
}

accel_status read_rows_write_texts(store_result *r, accel_error *err) {
    store_cell *cells = (store_cell *)(uintptr_t)r->cells; /* the result's own */
    return write_texts(cells, r->row_count, r->column_count, r->arena) ? ACCEL_OK
                                                                       : error_no_memory(err, "a result", 0);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------------- */

typedef struct reader {
    store_result *out;
    store_cell *cells; /* of more than one chunk */
    size_t capacity;
    duckdb_type *types;
    const read_part *part;
    uint32_t *rows; /* of the chunk */
} reader;

/* The C interface documents the form of the mask; a call a cell takes longer than the cell. */
static bool is_valid(const uint64_t *validity, idx_t row) {
    return validity == NULL || (validity[row / 64] >> row % 64 & 1) != 0;
}

static accel_status read_columns(reader *rd, duckdb_result *result, accel_error *err) {
    store_result *out = rd->out;
    out->column_count = duckdb_column_count(result);
    out->columns = ARENA_ARRAY(out->arena, const char *, out->column_count + 1);
    out->numeric = ARENA_ARRAY(out->arena, bool, out->column_count + 1);
    rd->types = ARENA_ARRAY(out->arena, duckdb_type, out->column_count + 1);
    rd->rows = ARENA_ARRAY(out->arena, uint32_t, duckdb_vector_size());
    if (out->columns == NULL || out->numeric == NULL || rd->types == NULL || rd->rows == NULL)
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

/* Which rows of a chunk count, in rd->rows; their number. */
static idx_t choose_rows(reader *rd, duckdb_data_chunk chunk) {
    idx_t rows = duckdb_data_chunk_get_size(chunk);
    for (idx_t i = 0; i < rows; i++)
        rd->rows[i] = (uint32_t)i;
    for (idx_t c = 0; rd->part != NULL && c < 2 && rd->part->only[c] != NULL; c++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, c);
        const void *ids = duckdb_vector_get_data(vector);
        const uint64_t *validity = duckdb_vector_get_validity(vector);
        idx_t kept = 0;
        for (idx_t i = 0; i < rows; i++) {
            uint32_t row = rd->rows[i];
            if (is_integer(rd->types[c]) && is_valid(validity, row) &&
                id_map_find(rd->part->only[c], integer_at(rd->types[c], ids, row)) != ID_NOT_THERE)
                rd->rows[kept++] = row;
        }
        rows = kept;
    }
    return rows;
}

static bool read_column(reader *rd, duckdb_data_chunk chunk, idx_t c, idx_t rows, store_cell *cell) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, c);
    const void *data = duckdb_vector_get_data(vector);
    const uint64_t *validity = duckdb_vector_get_validity(vector);
    const store_cell *above = NULL;
    for (idx_t i = 0; i < rows; i++, above = cell, cell += rd->out->column_count) {
        if (!is_valid(validity, rd->rows[i]))
            *cell = (store_cell){.type = STORE_NULL};
        else if (!read_cell(rd->types[c], data, rd->rows[i], above, rd->out->arena, cell))
            return false;
    }
    return true;
}

/* Where the next rows' cells go: the first chunk's into the result, and away from it when there is another, since an arena cannot grow what it gave. */
static store_cell *room_for(reader *rd, idx_t rows) {
    store_result *out = rd->out;
    size_t there = out->row_count * out->column_count;
    if (out->row_count == 0) {
        store_cell *first = ARENA_ARRAY(out->arena, store_cell, rows * out->column_count + 1);
        out->cells = first;
        return first;
    }
    bool second = rd->cells == NULL;
    if (!mem_grow((void **)&rd->cells, &rd->capacity, there + rows * out->column_count, sizeof *rd->cells))
        return NULL;
    if (second)
        memcpy(rd->cells, out->cells, there * sizeof *rd->cells);
    return rd->cells + there;
}

static accel_status read_chunk(reader *rd, duckdb_data_chunk chunk, accel_error *err) {
    store_result *out = rd->out;
    idx_t rows = choose_rows(rd, chunk);
    store_cell *cells = room_for(rd, rows);
    bool fine = cells != NULL;
    for (idx_t c = 0; fine && c < out->column_count; c++)
        fine = read_column(rd, chunk, c, rows, cells + c);
    if (!fine || (rd->part == NULL && !write_texts(cells, rows, out->column_count, out->arena)))
        return error_no_memory(err, "a result",
                               (out->row_count + rows) * out->column_count * sizeof *rd->cells);
    out->row_count += rows;
    return ACCEL_OK;
}

accel_status read_rows_check(size_t rows, size_t bytes, const store_limits *limits, accel_error *err) {
    char text[32];
    if (limits->max_rows > 0 && rows > limits->max_rows)
        return error_set(err, ACCEL_LIMIT,
                         "the result has more than %zu rows; add LIMIT, or raise --max-rows",
                         limits->max_rows);
    if (limits->memory_bytes > 0 && bytes > (size_t)limits->memory_bytes)
        return error_set(err, ACCEL_LIMIT,
                         "the result takes more than %s of memory; add LIMIT, or raise --memory (MB)",
                         str_bytes(text, sizeof text, (double)limits->memory_bytes));
    return ACCEL_OK;
}

static accel_status read_chunks(reader *rd, duckdb_result *result, const store_limits *limits,
                                accel_error *err) {
    size_t enough = rd->part != NULL ? rd->part->enough : 0;
    accel_status status = ACCEL_OK;
    while (status == ACCEL_OK && (enough == 0 || rd->out->row_count <= enough)) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
        if (chunk == NULL)
            break;
        status = read_chunk(rd, chunk, err);
        duckdb_destroy_data_chunk(&chunk);
        if (status == ACCEL_OK)
            status = read_rows_check(enough == 0 ? rd->out->row_count : 0,
                                     arena_used_bytes(rd->out->arena) + rd->capacity * sizeof *rd->cells,
                                     limits, err);
    }
    return status;
}

accel_status read_rows(duckdb_result *result, const store_limits *limits, const read_part *part,
                       store_result *out, accel_error *err) {
    reader rd = {.out = out, .part = part};
    accel_status status = read_columns(&rd, result, err);
    if (status == ACCEL_OK)
        status = read_chunks(&rd, result, limits, err);
    if (status == ACCEL_OK && rd.cells != NULL) {
        out->cells = arena_copy(out->arena, rd.cells, out->row_count * out->column_count * sizeof *rd.cells);
        if (out->cells == NULL)
            status = error_no_memory(err, "a result", 0);
    }
    mem_free(rd.cells);
    return status;
}
