/* Series out of the database: what they are, their values by run, the changes that are known. */
#include "store/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/database.h"
#include "store/store.h"

enum { READ_PATIENCE_S = 5, BATCHES = 20, MOST_COLUMNS = 24 };

/* ---- names --------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *column, *unit;
    bool less_is_better;
} metrics[] = {
#define HISTORY_METRIC_ROW(symbol, name, column, unit, less) {name, column, unit, less},
    HISTORY_METRIC_LIST(HISTORY_METRIC_ROW)
#undef HISTORY_METRIC_ROW
};

static const struct {
    const char *name, *sql;
} fields[] = {
#define HISTORY_FIELD_ROW(symbol, name, sql) {name, sql},
    HISTORY_FIELD_LIST(HISTORY_FIELD_ROW)
#undef HISTORY_FIELD_ROW
};

bool history_metric_from_name(const char *name, history_metric *out) {
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        if (str_equal(metrics[i].name, name)) {
            *out = (history_metric)i;
            return true;
        }
    }
    return false;
}

const char *history_metric_name(history_metric metric) {
    return metrics[metric].name;
}

const char *history_metric_unit(history_metric metric) {
    return metrics[metric].unit;
}

bool history_metric_less_is_better(history_metric metric) {
    return metrics[metric].less_is_better;
}

const char *history_field_name(history_field field) {
    return fields[field].name;
}

bool history_field_from_name(const char *name, history_field *out) {
    for (size_t i = 0; i < HISTORY_FIELD_COUNT; i++) {
        if (str_equal(fields[i].name, name)) {
            *out = (history_field)i;
            return true;
        }
    }
    return false;
}

/* ---- rows of a query --------------------------------------------------------------------------------------------------------- */

typedef struct value {
    bool null;
    const char *text;   /* VARCHAR */
    int64_t integer;    /* BIGINT */
    double real;        /* DOUBLE */
    bool truth;         /* BOOLEAN */
    const double *list; /* DOUBLE[] */
    size_t list_count;
} value;

typedef accel_status (*take_row)(void *context, const value *row, accel_error *err);

static accel_status list_value(duckdb_vector vector, idx_t row, arena *a, value *out, accel_error *err) {
    const duckdb_list_entry *entries = duckdb_vector_get_data(vector);
    const double *all = duckdb_vector_get_data(duckdb_list_vector_get_child(vector));
    out->list_count = (size_t)entries[row].length;
    out->list = arena_copy(a, all + entries[row].offset, out->list_count * sizeof *all);
    return out->list != NULL ? ACCEL_OK : error_no_memory(err, "a history", out->list_count * sizeof *all);
}

static accel_status read_value(duckdb_vector vector, duckdb_type type, idx_t row, arena *a, value *out,
                               accel_error *err) {
    uint64_t *validity = duckdb_vector_get_validity(vector);
    const void *data = duckdb_vector_get_data(vector);
    *out = (value){.null = validity != NULL && !duckdb_validity_row_is_valid(validity, row), .real = NAN};
    if (out->null)
        return ACCEL_OK;
    switch (type) {
    case DUCKDB_TYPE_VARCHAR: {
        duckdb_string_t *s = &((duckdb_string_t *)(uintptr_t)data)[row];
        out->text = arena_strndup(a, duckdb_string_t_data(s), duckdb_string_t_length(*s));
        return out->text != NULL ? ACCEL_OK : error_no_memory(err, "a history", 0);
    }
    case DUCKDB_TYPE_BIGINT:
        out->integer = ((const int64_t *)data)[row];
        return ACCEL_OK;
    case DUCKDB_TYPE_DOUBLE:
        out->real = ((const double *)data)[row];
        return ACCEL_OK;
    case DUCKDB_TYPE_BOOLEAN:
        out->truth = ((const bool *)data)[row];
        return ACCEL_OK;
    case DUCKDB_TYPE_LIST:
        return list_value(vector, row, a, out, err);
    default:
        return error_set(err, ACCEL_INTERNAL, "a history has a column of type %d", (int)type);
    }
}

static accel_status read_chunk(duckdb_data_chunk chunk, arena *a, take_row take, void *context,
                               accel_error *err) {
    idx_t columns = duckdb_data_chunk_get_column_count(chunk);
    duckdb_vector vectors[MOST_COLUMNS];
    duckdb_type types[MOST_COLUMNS];
    for (idx_t c = 0; c < columns; c++) {
        vectors[c] = duckdb_data_chunk_get_vector(chunk, c);
        duckdb_logical_type type = duckdb_vector_get_column_type(vectors[c]);
        types[c] = duckdb_get_type_id(type);
        duckdb_destroy_logical_type(&type);
    }
    for (idx_t r = 0; r < duckdb_data_chunk_get_size(chunk); r++) {
        value row[MOST_COLUMNS];
        for (idx_t c = 0; c < columns; c++)
            ACCEL_TRY(read_value(vectors[c], types[c], r, a, &row[c], err));
        ACCEL_TRY(take(context, row, err));
    }
    return ACCEL_OK;
}

/* Texts and lists live in a. */
static accel_status each_row(database *db, const str_buf *sql, arena *a, take_row take, void *context,
                             accel_error *err) {
    duckdb_result result;
    accel_status status = ACCEL_OK;
    if (sql->failed)
        return error_no_memory(err, "a query", sql->length);
    if (duckdb_query(db->connection, str_text(sql), &result) != DuckDBSuccess) {
        status = error_set(err, ACCEL_RUNTIME, "%s: %s", db->path, duckdb_result_error(&result));
    } else {
        for (duckdb_data_chunk chunk; status == ACCEL_OK && (chunk = duckdb_fetch_chunk(result)) != NULL;) {
            status = read_chunk(chunk, a, take, context, err);
            duckdb_destroy_data_chunk(&chunk);
        }
    }
    duckdb_destroy_result(&result);
    return status;
}

static accel_status open_to_read(const char *path, database *db, accel_error *err) {
    accel_error why = {0};
    if (store_take_in(path, NULL, NULL, &why) != ACCEL_OK && why.status != ACCEL_NOT_FOUND)
        log_warning("results wait in %s.spool: %s", path, why.message);
    return database_open(path, true, READ_PATIENCE_S, db, err);
}

/* ---- what is read ------------------------------------------------------------------------------------------------------------ */

typedef struct result_row {
    int64_t identity_id, run_id, result_id;
    double figure;
} result_row;

typedef struct reading {
    database *db;
    arena *arena;
    const history_selection *selection;
    const history_filter *filter;
    history *out;
    history_series *series; /* by identity */
    size_t series_count, series_capacity;
    result_row *rows; /* by identity, then by time */
    size_t row_count, row_capacity;
    history_run *runs; /* by run_id */
    size_t run_count, run_capacity;
    history_change *known; /* by identity, then by time */
    size_t known_count, known_capacity;
} reading;

static accel_status no_room(accel_error *err) {
    return error_no_memory(err, "a history", 0);
}

static accel_status take_series(void *context, const value *row, accel_error *err) {
    reading *rd = context;
    if (!mem_grow((void **)&rd->series, &rd->series_capacity, rd->series_count + 1, sizeof *rd->series))
        return no_room(err);
    history_series *s = &rd->series[rd->series_count++];
    *s = (history_series){.identity_id = row[0].integer};
    for (size_t f = 0; f < HISTORY_FIELD_COUNT; f++)
        s->fields[f] = row[1 + f].text;
    return ACCEL_OK;
}

static accel_status take_result(void *context, const value *row, accel_error *err) {
    reading *rd = context;
    if (!mem_grow((void **)&rd->rows, &rd->row_capacity, rd->row_count + 1, sizeof *rd->rows))
        return no_room(err);
    rd->rows[rd->row_count++] = (result_row){row[0].integer, row[1].integer, row[2].integer, row[3].real};
    return ACCEL_OK;
}

static accel_status take_run(void *context, const value *row, accel_error *err) {
    reading *rd = context;
    if (!mem_grow((void **)&rd->runs, &rd->run_capacity, rd->run_count + 1, sizeof *rd->runs))
        return no_room(err);
    rd->runs[rd->run_count++] = (history_run){row[0].integer, row[1].text, row[2].text, row[3].text};
    return ACCEL_OK;
}

static accel_status take_known(void *context, const value *row, accel_error *err) {
    reading *rd = context;
    if (!mem_grow((void **)&rd->known, &rd->known_capacity, rd->known_count + 1, sizeof *rd->known))
        return no_room(err);
    rd->known[rd->known_count++] = (history_change){
        .id = row[0].integer,
        .identity_id = row[1].integer,
        .result_id = row[2].integer,
        .run_id = row[3].integer,
        .previous_run_id = row[4].integer,
        .worse = row[5].truth,
        .ratio = row[6].real,
        .low = row[7].real,
        .high = row[8].real,
        .p_value = row[9].real,
        .acknowledged = row[10].truth,
        .note = row[11].text,
    };
    return ACCEL_OK;
}

/* ---- the queries ----------------------------------------------------------------------------------------------------------------- */

/* Series that the filter lets through. */
static void append_series_from(const history_filter *f, str_buf *sql) {
    const char *provenance = f->provenance != NULL ? f->provenance : "measured";
    str_append(sql, " FROM performance_identities i JOIN models m USING (model_id) JOIN hardware_platforms h "
                    "USING (hardware_id) WHERE i.provenance = ");
    sql_append_text(sql, provenance);
    if (str_equal(provenance, "measured"))
        str_append(sql, " AND NOT i.is_simulated");
    for (size_t k = 0; k < f->only_count; k++) {
        for (size_t v = 0; v < f->only[k].count; v++) {
            str_appendf(sql, v == 0 ? " AND %s IN (" : ", ", fields[f->only[k].field].sql);
            sql_append_text(sql, f->only[k].values[v]);
        }
        if (f->only[k].count > 0)
            str_append(sql, ")");
    }
}

static accel_status read_series(reading *rd, accel_error *err) {
    str_buf sql = {0};
    str_append(&sql, "SELECT i.identity_id");
    for (size_t f = 0; f < HISTORY_FIELD_COUNT; f++)
        str_appendf(&sql, ", %s", fields[f].sql);
    append_series_from(rd->filter, &sql);
    str_append(&sql, " ORDER BY i.identity_id");
    accel_status status = each_row(rd->db, &sql, rd->arena, take_series, rd, err);
    str_free(&sql);
    return status;
}

static accel_status read_results(reading *rd, accel_error *err) {
    const char *column = metrics[rd->filter->metric].column;
    str_buf sql = {0};
    str_appendf(
        &sql,
        "SELECT p.identity_id, p.run_id, p.result_id, p.%s FROM performance_results p JOIN test_runs r USING (run_id) WHERE p.status = 'ok' "
        "AND p.%s > 0 AND isfinite(p.%s) AND r.started_at IS NOT NULL AND (%s) AND p.identity_id IN (SELECT i.identity_id",
        column, column, column, rd->selection->where != NULL ? rd->selection->where : "true");
    append_series_from(rd->filter, &sql);
    str_append(&sql, ")");
    if (rd->selection->newest_only)
        str_append(
            &sql,
            " QUALIFY dense_rank() OVER (PARTITION BY p.identity_id ORDER BY r.started_at DESC, p.run_id DESC) = 1");
    str_append(&sql, " ORDER BY p.identity_id, r.started_at, p.run_id, p.result_id");
    accel_status status = each_row(rd->db, &sql, rd->arena, take_result, rd, err);
    str_free(&sql);
    return status;
}

static accel_status read_runs(reading *rd, accel_error *err) {
    str_buf sql = {0};
    str_append(
        &sql,
        "SELECT run_id, run_uuid, strftime(started_at, '%Y-%m-%dT%H:%M:%SZ'), git_commit FROM test_runs ORDER BY run_id");
    accel_status status = each_row(rd->db, &sql, rd->arena, take_run, rd, err);
    str_free(&sql);
    return status;
}

static accel_status read_known(reading *rd, accel_error *err) {
    str_buf sql = {0};
    str_appendf(
        &sql,
        "SELECT g.regression_id, g.identity_id, g.result_id, g.run_id, coalesce(g.previous_run_id, 0), g.direction = 'worse', g.change_ratio, g.change_low, "
        "g.change_high, g.p_value, g.acknowledged_at IS NOT NULL, g.acknowledged_note FROM performance_regressions g JOIN test_runs r USING (run_id) "
        "WHERE g.metric = '%s' ORDER BY g.identity_id, r.started_at, g.run_id",
        metrics[rd->filter->metric].name);
    accel_status status = each_row(rd->db, &sql, rd->arena, take_known, rd, err);
    str_free(&sql);
    return status;
}

/* ---- series from rows ------------------------------------------------------------------------------------------------------------ */

static int compare_run(const void *key, const void *run) {
    int64_t id = *(const int64_t *)key, other = ((const history_run *)run)->run_id;
    return id < other ? -1 : id > other;
}

/* rows[begin, end) are this series'. */
static accel_status fill_series(reading *rd, const history_run *all_runs, size_t begin, size_t end,
                                history_series *s, accel_error *err) {
    size_t count = end - begin, runs = 0;
    double *values = ARENA_ARRAY(rd->arena, double, count), *means = ARENA_ARRAY(rd->arena, double, count);
    size_t *sizes = ARENA_ARRAY(rd->arena, size_t, count);
    int64_t *firsts = ARENA_ARRAY(rd->arena, int64_t, count);
    s->runs = ARENA_ARRAY(rd->arena, const history_run *, count);
    if (values == NULL || means == NULL || sizes == NULL || firsts == NULL || s->runs == NULL)
        return no_room(err);
    for (size_t i = 0; i < count; i++) {
        const result_row *row = &rd->rows[begin + i];
        if (i == 0 || row->run_id != row[-1].run_id) {
            firsts[runs] = row->result_id;
            s->runs[runs] = bsearch(&row->run_id, all_runs, rd->run_count, sizeof *all_runs, compare_run);
            if (s->runs[runs++] == NULL)
                return error_set(err, ACCEL_BAD_FILE, "%s: result %lld is of a run that is not there",
                                 rd->db->path, (long long)row->result_id);
        }
        values[i] = row->figure;
        means[runs - 1] += row->figure;
        sizes[runs - 1]++;
    }
    for (size_t i = 0; i < runs; i++)
        means[i] /= (double)sizes[i];
    s->count = count;
    s->side = (means_side){.values = values, .run_sizes = sizes, .run_count = runs};
    s->first_results = firsts;
    s->run_means = means;
    return ACCEL_OK;
}

/* Rows and known changes come in the order of series. */
static accel_status join_series(reading *rd, accel_error *err) {
    const history_run *runs = arena_copy(rd->arena, rd->runs, rd->run_count * sizeof *rd->runs);
    const history_change *known = arena_copy(rd->arena, rd->known, rd->known_count * sizeof *rd->known);
    history_series *out = ARENA_ARRAY(rd->arena, history_series, rd->series_count + 1);
    if (runs == NULL || known == NULL || out == NULL)
        return no_room(err);
    size_t row = 0, change = 0, count = 0;
    for (size_t i = 0; i < rd->series_count; i++) {
        history_series *s = &rd->series[i];
        size_t begin = row;
        while (row < rd->row_count && rd->rows[row].identity_id == s->identity_id)
            row++;
        while (change < rd->known_count && known[change].identity_id < s->identity_id)
            change++;
        s->known = &known[change];
        while (change < rd->known_count && known[change].identity_id == s->identity_id)
            change++;
        s->known_count = (size_t)(&known[change] - s->known);
        if (row == begin)
            continue;
        ACCEL_TRY(fill_series(rd, runs, begin, row, s, err));
        out[count++] = *s;
    }
    *rd->out = (history){out, count, rd->row_count};
    return ACCEL_OK;
}

/* ---- parts of a process that is alone ----------------------------------------------------------------------------------------------- */

static accel_status take_parts(void *context, const value *row, accel_error *err) {
    history *h = context;
    (void)err;
    for (size_t i = 0; i < h->count; i++) {
        history_series *s = &h->series[i];
        if (s->count == 1 && s->first_results[0] == row[0].integer && !row[1].null) {
            s->side.parts = row[1].list;
            s->side.part_count = row[1].list_count;
            break;
        }
    }
    return ACCEL_OK;
}

/* Means of up to 20 batches of neighbouring samples, which hardly resemble each other as neighbours do. */
static accel_status read_parts(reading *rd, accel_error *err) {
    static const char *const figure_of_batch[] = {
        [HISTORY_LATENCY] = "x / 1e6",
        [HISTORY_THROUGHPUT] = "throughput_items_per_second * average_latency_ms * 1e6 / x",
    };
    str_buf sql = {0};
    if (rd->filter->metric == HISTORY_MEMORY)
        return ACCEL_OK;
    str_appendf(
        &sql,
        "SELECT result_id, list_transform(list_transform(range(b), lambda i: list_avg(list_slice(samples_ns, n * i // b + 1, n * (i + 1) // b))), "
        "lambda x: %s) FROM (SELECT *, len(samples_ns) AS n, least(%d, len(samples_ns) // 2) AS b FROM performance_results WHERE result_id IN (0",
        figure_of_batch[rd->filter->metric], BATCHES);
    for (size_t i = 0; i < rd->out->count; i++)
        if (rd->out->series[i].count == 1)
            str_appendf(&sql, ", %lld", (long long)rd->out->series[i].first_results[0]);
    str_append(&sql, ")) WHERE b >= 2");
    accel_status status = each_row(rd->db, &sql, rd->arena, take_parts, rd->out, err);
    str_free(&sql);
    return status;
}

static accel_status read_all(reading *rd, bool with_parts, accel_error *err) {
    ACCEL_TRY(read_series(rd, err));
    ACCEL_TRY(read_results(rd, err));
    ACCEL_TRY(read_runs(rd, err));
    ACCEL_TRY(read_known(rd, err));
    ACCEL_TRY(join_series(rd, err));
    return with_parts ? read_parts(rd, err) : ACCEL_OK;
}

accel_status history_read(const history_selection *selection, const history_filter *filter, bool with_parts,
                          arena *a, history *out, accel_error *err) {
    database db;
    *out = (history){0};
    ACCEL_TRY(open_to_read(selection->path, &db, err));
    reading rd = {.db = &db, .arena = a, .selection = selection, .filter = filter, .out = out};
    accel_status status = read_all(&rd, with_parts, err);
    mem_free(rd.series);
    mem_free(rd.rows);
    mem_free(rd.runs);
    mem_free(rd.known);
    database_close(&db);
    return status;
}
