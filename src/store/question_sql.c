#include "store/question_sql.h"

#include <string.h>

#include "store/question_words.h"

/* ---- SQL with parameters --------------------------------------------------------------------------------------------------- */

void question_sql_parameter(question_sql *w, const char *text) {
    if (w->count == QUESTION_MOST_PARAMETERS)
        w->too_many = true;
    else
        w->parameters[w->count++] = text;
}

/* column: SQL of ours. */
void question_sql_name(question_sql *w, const char *column, const char *name) {
    str_appendf(
        &w->text,
        strchr(name, '*') != NULL
            ? "lower(%s) LIKE replace(replace(replace(replace(lower(?), '!', '!!'), '%%', '!%%'), '_', '!_'), '*', '%%') ESCAPE '!'"
            : "lower(%s) = lower(?)",
        column);
    question_sql_parameter(w, name);
}

/* " AND (…)"; second may be NULL. */
void question_sql_fits(question_sql *w, const question_names *names, const char *first, const char *second) {
    for (size_t i = 0; i < names->count; i++) {
        str_append(&w->text, i == 0 ? " AND (" : " OR ");
        question_sql_name(w, first, names->names[i]);
        if (second != NULL) {
            str_append(&w->text, " OR ");
            question_sql_name(w, second, names->names[i]);
        }
    }
    if (names->count > 0)
        str_append(&w->text, ")");
}

static void fits_subject(question_sql *w, const question *q) {
    question_sql_fits(w, &q->models, "m.model_name", NULL);
    question_sql_fits(w, &q->families, "m.model_family", NULL);
    question_sql_fits(w, &q->hardware, "h.hardware_type", "h.device_name");
}

/* alias: of a table that has both columns. */
void question_sql_fits_provenance(question_sql *w, const char *alias, unsigned set) {
    const char *separator = "";
    str_appendf(&w->text,
                set & PROVENANCE_SIMULATED ? " AND (%s.is_simulated OR %s.provenance IN ("
                                           : " AND (NOT %s.is_simulated AND %s.provenance IN (",
                alias, alias);
    for (size_t i = 0; i < PROVENANCE_COUNT; i++) {
        if (!(set & question_provenances[i].bit))
            continue;
        str_appendf(&w->text, "%s'%s'", separator, question_provenances[i].name);
        separator = ", ";
    }
    str_append(&w->text, "))");
}

void question_sql_fits_since(question_sql *w, const question *q, const char *column) {
    if (q->since == NULL)
        return;
    str_appendf(&w->text, " AND %s >= " UTC_PARAMETER, column);
    question_sql_parameter(w, q->since);
}

/* ---- the questions ------------------------------------------------------------------------------------------------------------ */

/* Series with the names of contracts.md: two results with the same are measurements of the same thing. Statements name as few tables and functions
 * as they can: most of a question's time is DuckDB's reading of it. */
#define NAMES                                                                                                \
    QUESTION_SQL_MODEL                                                                                       \
    ", h.hardware_type AS platform, i.engine, h.device_name AS device, " QUESTION_SQL_SERIES
#define PROVENANCE QUESTION_SQL_PROVENANCE_OF("i")

void question_sql_figures(question_sql *w, const question *q) {
    for (size_t i = 0; i < METRIC_NONE; i++)
        if (q->metric == METRIC_NONE || q->metric == (question_metric)i)
            str_appendf(&w->text, ", %s", question_metrics[i].columns);
}

void question_sql_value(question_sql *w, const question *q) {
    const metric_words *m = question_metric_of(q->metric);
    str_appendf(&w->text, ", %s AS value, %s AS low, %s AS high", m->value, m->low, m->high);
}

const char *question_sql_first(const question *q) {
    return q->metric == METRIC_NONE ? "-epoch_us(f.started_at)" : question_metrics[q->metric].key;
}

void question_sql_has_value(question_sql *w, const question *q) {
    if (q->kind == QUESTION_TREND)
        str_append(&w->text, " AND f.status = 'ok'");
    if (q->kind != QUESTION_LATEST || q->metric != METRIC_NONE)
        str_appendf(&w->text, " AND %s IS NOT NULL", question_metric_of(q->metric)->value);
}

/* The series that fit, beside other tables: what follows goes on with AND. */
static void write_series(question_sql *w, const question *q, unsigned set, const char *beside) {
    str_appendf(
        &w->text,
        " FROM performance_identities i JOIN models m ON m.model_id = i.model_id JOIN hardware_platforms h ON h.hardware_id = i.hardware_id%s WHERE true",
        beside);
    fits_subject(w, q);
    question_sql_fits_provenance(w, "i", set);
}

#define LATEST " JOIN latest_results f ON f.identity_id = i.identity_id"

/* Where a statement has a limit, DuckDB picks what is first; else it leaves the order to question_order. */
static void write_limit(question_sql *w, const char *order, size_t limit) {
    if (limit > 0)
        str_appendf(&w->text, " ORDER BY %s LIMIT %zu", order, limit);
}

static void write_latest(question_sql *w, const question *q, unsigned set) {
    str_append(&w->text, "SELECT " NAMES);
    question_sql_figures(w, q);
    str_appendf(&w->text, ", f.iterations AS n, f.verified, %s, %s, %s AS first, i.identity_id", PROVENANCE,
                QUESTION_SQL_BEGAN("f"), question_sql_first(q));
    write_series(w, q, set, LATEST);
    question_sql_fits_since(w, q, "f.started_at");
    question_sql_has_value(w, q);
    write_limit(w, "first, identity_id", q->limit);
}

/* Of what differs only in its version, or in the driver or system below it, the newest counts: question_compare does that, and the rest. */
static void write_comparison(question_sql *w, const question *q, unsigned set) {
    str_append(&w->text, "SELECT CAST(0 AS BIGINT) AS comparison, " NAMES);
    question_sql_value(w, q);
    str_append(&w->text, ", CAST(NULL AS DOUBLE) AS best, CAST(NULL AS DOUBLE) AS ratio, "
                         "f.iterations AS n, f.verified, " PROVENANCE
                         ", " QUESTION_SQL_BEGAN("f") ", i.model_id, f.result_id");
    write_series(w, q, set, LATEST);
    question_sql_has_value(w, q);
    question_sql_fits_since(w, q, "f.started_at");
}

/* With a limit, the newest points of each series. */
static void write_trend(question_sql *w, const question *q, unsigned set) {
    str_append(&w->text, "SELECT i.identity_id AS series, " NAMES ", " QUESTION_SQL_BEGAN("r"));
    question_sql_value(w, q);
    str_append(&w->text, ", f.iterations AS n, " PROVENANCE ", r.git_commit, f.result_id");
    write_series(
        w, q, set,
        " JOIN performance_results f ON f.identity_id = i.identity_id JOIN test_runs r ON r.run_id = f.run_id");
    question_sql_has_value(w, q);
    question_sql_fits_since(w, q, "r.started_at");
    if (q->limit > 0)
        str_appendf(
            &w->text,
            " QUALIFY row_number() OVER (PARTITION BY f.identity_id ORDER BY r.started_at DESC, f.result_id DESC) <= %zu",
            q->limit);
}

/* The newest state of each model on each device counts. It is found among numbers; its words are read afterwards. */
static void write_compatibility(question_sql *w, const question *q, unsigned set) {
    str_append(
        &w->text,
        "WITH newest AS (SELECT c.model_id, c.hardware_id, " QUESTION_SQL_PROVENANCE_OF(
            "c") ", arg_max(c.compatibility_id, r.started_at) AS compatibility_id, "
                 "count(*) AS tests, count(*) FILTER (c.is_compatible) AS passed, max(r.started_at) AS last FROM hardware_compatibility c JOIN test_runs r "
                 "USING (run_id) WHERE true");
    question_sql_fits_provenance(w, "c", set);
    question_sql_fits_since(w, q, "r.started_at");
    str_append(
        &w->text,
        " GROUP BY ALL) SELECT m.model_name AS model, m.source AS weights, m.model_family AS family, h.hardware_type AS platform, count(*) AS devices, "
        "count(*) FILTER (c.is_compatible) AS compatible_devices, CAST(sum(tests) AS BIGINT) AS tests, CAST(sum(passed) AS BIGINT) AS passed_tests, "
        "avg(c.compatibility_score) AS score, arg_max(c.error_type, last) FILTER (NOT c.is_compatible) AS error_type, "
        "arg_max(c.error_message, last) FILTER (NOT c.is_compatible) AS error_message, newest.provenance, epoch_us(max(last)) AS last_tested FROM newest "
        "JOIN hardware_compatibility c USING (compatibility_id) JOIN models m ON m.model_id = newest.model_id "
        "JOIN hardware_platforms h ON h.hardware_id = newest.hardware_id WHERE true");
    fits_subject(w, q);
    str_append(&w->text,
               " GROUP BY m.model_name, m.source, m.model_family, h.hardware_type, newest.provenance");
    write_limit(w, "ALL", q->limit);
}

void question_sql_write(question_sql *w, const question *q, unsigned set) {
    switch (q->kind) {
    case QUESTION_LATEST:
        write_latest(w, q, set);
        break;
    case QUESTION_COMPARE_HARDWARE:
    case QUESTION_COMPARE_MODELS:
        write_comparison(w, q, set);
        break;
    case QUESTION_TREND:
        write_trend(w, q, set);
        break;
    case QUESTION_COMPATIBILITY:
        write_compatibility(w, q, set);
        break;
    }
}

/* ---- running -------------------------------------------------------------------------------------------------------------------- */

accel_status question_sql_run(store_reader *r, question_sql *w, const read_part *part, store_result *out,
                              accel_error *err) {
    statement s;
    if (w->too_many)
        return error_set(err, ACCEL_LIMIT, "a question takes at most %d names", QUESTION_MOST_PARAMETERS);
    if (w->text.failed)
        return error_no_memory(err, "a question", w->text.length);
    ACCEL_TRY(statement_prepare(&r->db, w->text.data, &s, err));
    for (size_t i = 0; i < w->count; i++)
        statement_text(&s, w->parameters[i]);
    accel_status status = s.failed ? error_set(err, ACCEL_INTERNAL, "%s: a value could not be bound", r->path)
                                   : query_execute(r, s.prepared, part, out, err);
    duckdb_destroy_prepare(&s.prepared);
    return status;
}
