#include "store/question_join.h"

#include <string.h>

#include "store/id_map.h"
#include "store/question_rows.h"
#include "store/question_sql.h"
#include "store/question_words.h"

/* One table's rows that the question needs, and where they are. */
typedef struct part {
    store_result *rows;
    id_map map;
} part;

enum { RESULTS, RUNS, SERIES, MODELS, HARDWARE, PARTS };

typedef struct joining {
    store_reader *reader;
    const question *question;
    store_result *answer;
    size_t most_rows;
    bool too_many;
    part parts[PARTS];
} joining;

/* ---- reading the tables --------------------------------------------------------------------------------------------------------- */

/* Where rows lie this close together, all between the first and the last are read in less time than a list of them takes. */
enum { SPARE_ROWS = 20000 };

/* column: where the rows have their own ids. */
static accel_status read_part_by(joining *j, size_t which, question_sql *w, const read_part *how,
                                 size_t column, accel_error *err) {
    part *p = &j->parts[which];
    accel_status status = ACCEL_OK;
    p->rows = ARENA_NEW(j->answer->arena, store_result);
    if (p->rows == NULL) {
        status = error_no_memory(err, "an answer", sizeof *p->rows);
    } else {
        p->rows->arena = j->answer->arena;
        status = question_sql_run(j->reader, w, how, p->rows, err);
    }
    str_free(&w->text);
    ACCEL_TRY(status);
    j->too_many = j->too_many || (which >= SERIES && p->rows->row_count > j->most_rows);
    return id_map_of(&p->map, p->rows, column, err);
}

static accel_status read_subjects(joining *j, accel_error *err) {
    const question *q = j->question;
    const read_part how = {.enough = j->most_rows};
    question_sql models = {0}, hardware = {0};
    str_append(&models.text, "SELECT m.model_id, " QUESTION_SQL_MODEL " FROM models m WHERE true");
    question_sql_fits(&models, &q->models, "m.model_name", NULL);
    question_sql_fits(&models, &q->families, "m.model_family", NULL);
    ACCEL_TRY(read_part_by(j, MODELS, &models, &how, 0, err));
    str_append(&hardware.text, "SELECT h.hardware_id, h.hardware_type AS platform, h.device_name AS device "
                               "FROM hardware_platforms h WHERE true");
    question_sql_fits(&hardware, &q->hardware, "h.hardware_type", "h.device_name");
    return read_part_by(j, HARDWARE, &hardware, &how, 0, err);
}

static accel_status read_series(joining *j, unsigned set, accel_error *err) {
    const question *q = j->question;
    const id_map *models = &j->parts[MODELS].map, *hardware = &j->parts[HARDWARE].map;
    const read_part how = {.only = {models, hardware}, .enough = j->most_rows};
    question_sql w = {0};
    str_append(&w.text, "SELECT i.model_id, i.hardware_id, i.identity_id, i.engine, " QUESTION_SQL_SERIES
                        ", " QUESTION_SQL_PROVENANCE_OF("i") " FROM performance_identities i WHERE true");
    if (q->models.count + q->families.count > 0)
        id_map_write(models, "i.model_id", 0, &w.text);
    if (q->hardware.count > 0)
        id_map_write(hardware, "i.hardware_id", 0, &w.text);
    question_sql_fits_provenance(&w, "i", set);
    return read_part_by(j, SERIES, &w, &how, 2, err);
}

static accel_status read_latest(joining *j, accel_error *err) {
    const question *q = j->question;
    const id_map *series = &j->parts[SERIES].map;
    const read_part how = {.only = {series}, .enough = SIZE_MAX};
    question_sql w = {0};
    str_append(&w.text, "SELECT f.identity_id");
    if (q->kind == QUESTION_LATEST) {
        question_sql_figures(&w, q);
        str_appendf(&w.text, ", %s AS first", question_sql_first(q));
    } else {
        question_sql_value(&w, q);
        str_append(&w.text, ", f.result_id");
    }
    str_append(&w.text, ", f.iterations AS n, f.verified, " QUESTION_SQL_BEGAN(
                            "f") " FROM latest_results f WHERE true");
    id_map_write(series, "f.identity_id", SPARE_ROWS, &w.text);
    question_sql_fits_since(&w, q, "f.started_at");
    question_sql_has_value(&w, q);
    return read_part_by(j, RESULTS, &w, &how, 0, err);
}

static accel_status read_history(joining *j, accel_error *err) {
    const question *q = j->question;
    const id_map *series = &j->parts[SERIES].map, *ran = &j->parts[RESULTS].map;
    const read_part results = {.only = {series}, .enough = SIZE_MAX},
                    runs = {.only = {ran}, .enough = SIZE_MAX};
    question_sql w = {0}, beside = {0};
    str_append(&w.text, "SELECT f.identity_id AS series, f.run_id, f.iterations AS n, f.result_id");
    question_sql_value(&w, q);
    str_append(&w.text, " FROM performance_results f WHERE true");
    id_map_write(series, "f.identity_id", 0, &w.text);
    question_sql_has_value(&w, q);
    ACCEL_TRY(read_part_by(j, RESULTS, &w, &results, 1, err));
    str_append(&beside.text,
               "SELECT r.run_id, r.git_commit, " QUESTION_SQL_BEGAN("r") " FROM test_runs r WHERE true");
    id_map_write(ran, "r.run_id", SPARE_ROWS, &beside.text);
    question_sql_fits_since(&beside, q, "r.started_at");
    return read_part_by(j, RUNS, &beside, &runs, 0, err);
}

/* ---- columns -------------------------------------------------------------------------------------------------------------------- */

#define SERIES_NAMES                                                                                         \
    "model weights family platform engine device engine_version precision batch sequence shapes threads mode scenario"

/* Where a column of the answer comes from; part PARTS: from none, it is filled later. */
typedef struct origin {
    size_t part, column;
} origin;

static void write_names(const question *q, str_buf *out) {
    switch (q->kind) {
    case QUESTION_LATEST:
        str_append(out, SERIES_NAMES);
        for (size_t i = 0; i < METRIC_NONE; i++)
            if (q->metric == METRIC_NONE || q->metric == (question_metric)i)
                str_appendf(out, " %s", question_metrics[i].column_names);
        str_append(out, " n verified provenance started_at");
        break;
    case QUESTION_TREND:
        str_append(out,
                   "series " SERIES_NAMES " started_at value low high n provenance git_commit result_id");
        break;
    default:
        str_append(out, "comparison " SERIES_NAMES
                        " value low high best ratio n verified provenance started_at model_id result_id");
    }
}

static origin find_column(const joining *j, const char *name) {
    for (size_t p = 0; p < PARTS; p++) {
        const store_result *rows = j->parts[p].rows;
        for (size_t c = 0; rows != NULL && c < rows->column_count; c++)
            if (str_equal(rows->columns[c], name))
                return (origin){p, c};
    }
    return (origin){PARTS, 0};
}

/* The answer's columns, and where each comes from. */
static accel_status make_columns(joining *j, origin **out, accel_error *err) {
    store_result *answer = j->answer;
    str_buf names = {0};
    write_names(j->question, &names);
    char *name = arena_strdup(answer->arena, str_text(&names));
    size_t most = names.length + 1; /* more than there are names in it */
    bool failed = names.failed || name == NULL;
    str_free(&names);
    answer->columns = ARENA_ARRAY(answer->arena, const char *, most);
    answer->numeric = ARENA_ARRAY(answer->arena, bool, most);
    *out = ARENA_ARRAY(answer->arena, origin, most);
    if (failed || answer->columns == NULL || answer->numeric == NULL || *out == NULL)
        return error_no_memory(err, "an answer", most);
    for (char *next; name != NULL; name = next) {
        size_t c = answer->column_count++;
        next = strchr(name, ' ');
        if (next != NULL)
            *next++ = '\0';
        origin o = find_column(j, name);
        (*out)[c] = o;
        answer->columns[c] = name;
        answer->numeric[c] = o.part == PARTS || j->parts[o.part].rows->numeric[o.column];
    }
    return ACCEL_OK;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------------------- */

/* The row of another part that a cell of this row names. */
static const store_cell *row_named(const joining *j, size_t which, const store_cell *id) {
    const part *p = &j->parts[which];
    int64_t row = id->type == STORE_INTEGER ? id_map_find(&p->map, id->integer) : ID_NOT_THERE;
    return row != ID_NOT_THERE ? &p->rows->cells[(size_t)row * p->rows->column_count] : NULL;
}

/* The rows that belong to one result; false: one of them is not there. */
static bool find_rows(const joining *j, const store_cell *result, const store_cell *rows[PARTS + 1]) {
    rows[RESULTS] = result;
    rows[SERIES] = row_named(j, SERIES, &result[0]);
    if (rows[SERIES] == NULL)
        return false;
    rows[MODELS] = row_named(j, MODELS, &rows[SERIES][0]);
    rows[HARDWARE] = row_named(j, HARDWARE, &rows[SERIES][1]);
    if (j->parts[RUNS].rows != NULL && (rows[RUNS] = row_named(j, RUNS, &result[1])) == NULL)
        return false;
    return rows[MODELS] != NULL && rows[HARDWARE] != NULL;
}

static accel_status make_rows(joining *j, const origin *origins, accel_error *err) {
    static const store_cell null = {.type = STORE_NULL};
    const store_result *results = j->parts[RESULTS].rows;
    store_result *answer = j->answer;
    store_cell *cells = ARENA_ARRAY(answer->arena, store_cell, results->row_count * answer->column_count + 1),
               *next = cells;
    if (cells == NULL)
        return error_no_memory(err, "an answer", results->row_count * answer->column_count * sizeof *cells);
    for (size_t i = 0; i < results->row_count; i++) {
        const store_cell *rows[PARTS + 1] = {[PARTS] = &null};
        if (!find_rows(j, &results->cells[i * results->column_count], rows))
            continue;
        for (size_t c = 0; c < answer->column_count; c++)
            *next++ = rows[origins[c].part][origins[c].column];
        answer->row_count++;
    }
    answer->cells = cells;
    return ACCEL_OK;
}

/* The newest points of each series. NULL is last of whatever order: a run without a time is the oldest, and stands at the end. */
static accel_status keep_newest(store_result *answer, size_t limit, accel_error *err) {
    const question_keys keys = question_keys_of(answer, "series -started_at -result_id"),
                        series = question_keys_of(answer, "series");
    size_t kept = 0, of_series = 0;
    question_row *rows;
    ACCEL_TRY(question_sort(answer, &keys, &rows, err));
    for (size_t i = 0; i < answer->row_count; i++) {
        bool next = kept == 0 || question_rows_compare(rows[kept - 1].cells, rows[i].cells, &series) != 0;
        of_series = next ? 1 : of_series + 1;
        if (of_series <= limit)
            rows[kept++] = rows[i];
    }
    return question_keep(answer, rows, kept, 0, err);
}

/* The results in their order, so that only what the limit leaves becomes rows. */
static accel_status join_latest(joining *j, accel_error *err) {
    origin *origins;
    ACCEL_TRY(read_latest(j, err));
    if (j->question->kind == QUESTION_LATEST)
        ACCEL_TRY(question_order(j->parts[RESULTS].rows, "first identity_id", 0, j->question->limit, err));
    ACCEL_TRY(make_columns(j, &origins, err));
    return make_rows(j, origins, err);
}

static accel_status join_history(joining *j, accel_error *err) {
    origin *origins;
    ACCEL_TRY(read_history(j, err));
    ACCEL_TRY(make_columns(j, &origins, err));
    ACCEL_TRY(make_rows(j, origins, err));
    if (j->question->limit > 0)
        ACCEL_TRY(keep_newest(j->answer, j->question->limit, err));
    return question_order(j->answer, "series started_at result_id", 0, 0, err);
}

accel_status question_join(store_reader *r, const question *q, unsigned set, size_t most_rows,
                           store_result *out, bool *fits, accel_error *err) {
    joining j = {.reader = r, .question = q, .answer = out, .most_rows = most_rows};
    ACCEL_TRY(read_subjects(&j, err));
    if (!j.too_many)
        ACCEL_TRY(read_series(&j, set, err));
    *fits = !j.too_many;
    if (j.too_many)
        return ACCEL_OK;
    ACCEL_TRY(q->kind == QUESTION_TREND ? join_history(&j, err) : join_latest(&j, err));
    return read_rows_check(out->row_count, arena_used_bytes(out->arena), &r->limits, err);
}
