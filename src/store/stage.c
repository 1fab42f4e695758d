#include "store/stage.h"

#include <math.h>
#include <string.h>

#include "base/str.h"
#include "measure/record.h"

static const char *const kind_types[] = {"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "BIGINT[]", "JSON"};
_Static_assert(sizeof kind_types / sizeof *kind_types == STAGE_JSON + 1, "one type a kind");

void stage_init(stage *s, database *db, const stage_table *table) {
    *s = (stage){.table = table, .db = db};
}

static duckdb_logical_type make_type(stage_kind kind) {
    static const duckdb_type types[] = {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_DOUBLE,
                                        DUCKDB_TYPE_BOOLEAN};
    if (kind == STAGE_JSON) { /* what DuckDB calls JSON is text of that name */
        duckdb_logical_type json = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
        duckdb_logical_type_set_alias(json, "JSON");
        return json;
    }
    if (kind != STAGE_INTS)
        return duckdb_create_logical_type(types[kind]);
    duckdb_logical_type element = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_logical_type list = duckdb_create_list_type(element);
    duckdb_destroy_logical_type(&element);
    return list;
}

/* Of a stage that several statements read. */
static accel_status make_table(stage *s, accel_error *err) {
    const stage_table *t = s->table;
    str_buf sql = {0};
    str_appendf(&sql, "CREATE OR REPLACE TEMP TABLE %s (", t->name);
    for (size_t c = 0; c < t->column_count; c++)
        str_appendf(&sql, "%s%s %s", c > 0 ? ", " : "", t->columns[c].name, kind_types[t->columns[c].kind]);
    str_append(&sql, ")");
    accel_status status =
        sql.failed ? error_no_memory(err, "a statement", sql.length) : database_exec(s->db, sql.data, err);
    str_free(&sql);
    return status;
}

/* An empty chunk: its columns are asked for once, not once a value. */
static void begin_chunk(stage *s) {
    for (size_t c = 0; c < s->table->column_count; c++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(s->chunk, c);
        duckdb_vector_ensure_validity_writable(vector);
        s->vectors[c] =
            (stage_vector){vector, duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector)};
    }
    s->rows = 0;
}

bool stage_is_direct(const stage *s) {
    return s->insert.length > 0;
}

static accel_status make(stage *s, accel_error *err) {
    const stage_table *t = s->table;
    for (size_t c = 0; c < t->column_count; c++)
        s->types[c] = make_type(t->columns[c].kind);
    s->chunk = duckdb_create_data_chunk(s->types, t->column_count);
    s->made = true;
    if (s->chunk == NULL)
        return error_no_memory(err, "a staging table", 0);
    begin_chunk(s);
    return ACCEL_OK;
}

static accel_status appender_error(stage *s, accel_error *err) {
    const char *words = s->appender != NULL ? duckdb_appender_error(s->appender) : NULL;
    return error_set(err, ACCEL_RUNTIME, "%s: rows cannot be staged: %s", s->db->path,
                     words != NULL ? words : "no reason given");
}

static accel_status open_appender(stage *s, accel_error *err) {
    const stage_table *t = s->table;
    const char *names[sizeof s->types / sizeof *s->types];
    if (!s->made)
        ACCEL_TRY(make(s, err));
    if (!stage_is_direct(s) && !s->has_table)
        ACCEL_TRY(make_table(s, err));
    s->has_table |= !stage_is_direct(s);
    for (size_t c = 0; c < t->column_count; c++)
        names[c] = t->columns[c].name;
    duckdb_state state =
        stage_is_direct(s)
            ? duckdb_appender_create_query(s->db->connection, s->insert.data, t->column_count, s->types,
                                           t->name, names, &s->appender)
            : duckdb_appender_create_ext(s->db->connection, "temp", "main", t->name, &s->appender);
    if (state == DuckDBSuccess)
        return ACCEL_OK;
    accel_status status = appender_error(s, err);
    duckdb_appender_destroy(&s->appender);
    return status;
}

static accel_status append_chunk(stage *s, accel_error *err) {
    if (s->rows == 0)
        return ACCEL_OK;
    duckdb_data_chunk_set_size(s->chunk, s->rows);
    if (duckdb_append_data_chunk(s->appender, s->chunk) != DuckDBSuccess)
        return appender_error(s, err);
    duckdb_data_chunk_reset(s->chunk);
    begin_chunk(s);
    return ACCEL_OK;
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

static void set_null(const stage_vector *v, size_t row) {
    v->validity[row / 64] &= ~((uint64_t)1 << row % 64);
}

static void put_text(const stage_vector *v, size_t row, const char *text) {
    if (text == NULL)
        set_null(v, row);
    else
        duckdb_vector_assign_string_element_len(v->vector, row, text, strlen(text));
}

static bool put_ints(const stage_vector *v, size_t row, const int64_t *values, size_t count) {
    idx_t used = duckdb_list_vector_get_size(v->vector);
    ((duckdb_list_entry *)v->data)[row] = (duckdb_list_entry){used, count};
    if (count == 0) {
        set_null(v, row);
        return true;
    }
    if (duckdb_list_vector_reserve(v->vector, used + count) != DuckDBSuccess ||
        duckdb_list_vector_set_size(v->vector, used + count) != DuckDBSuccess)
        return false;
    int64_t *data = duckdb_vector_get_data(duckdb_list_vector_get_child(v->vector));
    memcpy(data + used, values, count * sizeof *values);
    return true;
}

static bool put(stage *s, size_t c, const void *row) {
    const stage_column *column = &s->table->columns[c];
    const char *member = (const char *)row + column->offset;
    const stage_vector *v = &s->vectors[c];
    switch (column->kind) {
    case STAGE_TEXT:
    case STAGE_JSON:
        put_text(v, s->rows, *(const char *const *)(const void *)member);
        return true;
    case STAGE_INT:
        ((int64_t *)v->data)[s->rows] = *(const int64_t *)(const void *)member;
        if (((int64_t *)v->data)[s->rows] == RECORD_NONE)
            set_null(v, s->rows);
        return true;
    case STAGE_REAL:
        ((double *)v->data)[s->rows] = *(const double *)(const void *)member;
        if (isnan(((double *)v->data)[s->rows]))
            set_null(v, s->rows);
        return true;
    case STAGE_BOOL:
        ((bool *)v->data)[s->rows] = *(const int *)(const void *)member > 0;
        if (*(const int *)(const void *)member < 0)
            set_null(v, s->rows);
        return true;
    case STAGE_INTS:
        return put_ints(v, s->rows, *(const int64_t *const *)(const void *)member,
                        *(const size_t *)(const void *)((const char *)row + column->count_offset));
    }
    return false;
}

accel_status stage_add(stage *s, const void *row, accel_error *err) {
    if (s->appender == NULL)
        ACCEL_TRY(open_appender(s, err));
    for (size_t c = 0; c < s->table->column_count; c++)
        if (!put(s, c, row))
            return error_no_memory(err, "rows of a batch", 0);
    s->total++;
    return ++s->rows == duckdb_vector_size() ? append_chunk(s, err) : ACCEL_OK;
}

accel_status stage_finish(stage *s, accel_error *err) {
    if (s->appender == NULL)
        return ACCEL_OK;
    ACCEL_TRY(append_chunk(s, err));
    if (duckdb_appender_close(s->appender) != DuckDBSuccess)
        return appender_error(s, err);
    duckdb_appender_destroy(&s->appender);
    return ACCEL_OK;
}

accel_status stage_clear(stage *s, accel_error *err) {
    if (s->appender != NULL)
        duckdb_appender_destroy(&s->appender);
    if (s->chunk != NULL) {
        duckdb_data_chunk_reset(s->chunk);
        begin_chunk(s);
    }
    if (s->total == 0)
        return ACCEL_OK;
    s->total = 0;
    if (!s->has_table)
        return ACCEL_OK;
    str_buf sql = {0};
    str_appendf(&sql, "TRUNCATE TABLE %s", s->table->name);
    accel_status status =
        sql.failed ? error_no_memory(err, "a statement", sql.length) : database_exec(s->db, sql.data, err);
    str_free(&sql);
    return status;
}

void stage_free(stage *s) {
    if (s->appender != NULL)
        duckdb_appender_destroy(&s->appender);
    if (s->chunk != NULL)
        duckdb_destroy_data_chunk(&s->chunk);
    for (size_t c = 0; c < s->table->column_count && s->made; c++)
        duckdb_destroy_logical_type(&s->types[c]);
    str_free(&s->insert);
    *s = (stage){0};
}
