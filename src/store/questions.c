#include "store/questions.h"

#include <string.h>

#include "store/duckdb_load.h"
#include "store/query.h"
#include "store/question_compare.h"
#include "store/question_rows.h"

/* ---- words --------------------------------------------------------------------------------------------------------------- */

/* The interval is that of the mean latency; throughput's follows from it, since it is batch / mean. */
static const struct {
    const char *name, *title, *unit, *value, *low, *high, *key; /* key: the less, the better */
    bool less_is_better;
} metrics[] = {
    [METRIC_LATENCY] = {"latency", "mean latency", "ms", "f.average_latency_ms",
                        "f.average_latency_ms - f.ci95_latency_ms",
                        "f.average_latency_ms + f.ci95_latency_ms", "f.average_latency_ms", true},
    [METRIC_THROUGHPUT] =
        {"throughput", "throughput", "items/s", "f.throughput_items_per_second",
         "f.throughput_items_per_second * f.average_latency_ms / (f.average_latency_ms + f.ci95_latency_ms)",
         "CASE WHEN f.ci95_latency_ms < f.average_latency_ms THEN f.throughput_items_per_second * f.average_latency_ms / "
         "(f.average_latency_ms - f.ci95_latency_ms) END",
         "-f.throughput_items_per_second", false},
    [METRIC_MEMORY] = {"memory", "peak memory", "MB", "f.memory_peak_mb", "CAST(NULL AS DOUBLE)",
                       "CAST(NULL AS DOUBLE)", "f.memory_peak_mb", true},
};

static const struct {
    const char *name;
    unsigned bit;
} provenances[] = {
    {"measured", PROVENANCE_MEASURED},
    {"predicted", PROVENANCE_PREDICTED},
    {"imported", PROVENANCE_IMPORTED},
    {"simulated", PROVENANCE_SIMULATED},
};
enum { PROVENANCE_COUNT = sizeof provenances / sizeof *provenances };

static question_metric metric_of(question_metric m) {
    return m == METRIC_NONE ? METRIC_LATENCY : m;
}

const char *question_metric_unit(question_metric m) {
    return metrics[metric_of(m)].unit;
}

const char *question_metric_name(question_metric m) {
    return metrics[metric_of(m)].title;
}

bool question_metric_less_is_better(question_metric m) {
    return metrics[metric_of(m)].less_is_better;
}

bool question_metric_from_name(const char *name, question_metric *out) {
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        if (str_equal(name, metrics[i].name)) {
            *out = (question_metric)i;
            return true;
        }
    }
    return false;
}

bool question_provenance_from_name(const char *name, unsigned *out) {
    for (size_t i = 0; i < PROVENANCE_COUNT; i++) {
        if (str_equal(name, provenances[i].name)) {
            *out = provenances[i].bit;
            return true;
        }
    }
    return false;
}

/* ---- SQL with parameters --------------------------------------------------------------------------------------------------- */

enum { MOST_PARAMETERS = 256 };

/* A statement that is being written, and what its ? stand for. */
typedef struct writing {
    str_buf sql;
    const char *parameters[MOST_PARAMETERS];
    size_t count;
    bool too_many;
} writing;

static void parameter(writing *w, const char *text) {
    if (w->count == MOST_PARAMETERS)
        w->too_many = true;
    else
        w->parameters[w->count++] = text;
}

/* column: SQL of ours. */
static void one_name(writing *w, const char *column, const char *name) {
    str_appendf(
        &w->sql,
        strchr(name, '*') != NULL
            ? "lower(%s) LIKE replace(replace(replace(replace(lower(?), '!', '!!'), '%%', '!%%'), '_', '!_'), '*', '%%') ESCAPE '!'"
            : "lower(%s) = lower(?)",
        column);
    parameter(w, name);
}

/* " AND (…)"; second may be NULL. */
static void fits(writing *w, const question_names *names, const char *first, const char *second) {
    for (size_t i = 0; i < names->count; i++) {
        str_append(&w->sql, i == 0 ? " AND (" : " OR ");
        one_name(w, first, names->names[i]);
        if (second != NULL) {
            str_append(&w->sql, " OR ");
            one_name(w, second, names->names[i]);
        }
    }
    if (names->count > 0)
        str_append(&w->sql, ")");
}

static void fits_subject(writing *w, const question *q) {
    fits(w, &q->models, "m.model_name", NULL);
    fits(w, &q->families, "m.model_family", NULL);
    fits(w, &q->hardware, "h.hardware_type", "h.device_name");
}

#define PROVENANCE_OF(alias) "CASE WHEN " alias ".is_simulated THEN 'simulated' ELSE " alias ".provenance END"

/* alias: of a table that has both columns. */
static void fits_provenance(writing *w, const char *alias, unsigned set) {
    const char *separator = "";
    str_appendf(&w->sql,
                set & PROVENANCE_SIMULATED ? " AND (%s.is_simulated OR %s.provenance IN ("
                                           : " AND (NOT %s.is_simulated AND %s.provenance IN (",
                alias, alias);
    for (size_t i = 0; i < PROVENANCE_COUNT; i++) {
        if (!(set & provenances[i].bit))
            continue;
        str_appendf(&w->sql, "%s'%s'", separator, provenances[i].name);
        separator = ", ";
    }
    str_append(&w->sql, "))");
}

static void fits_since(writing *w, const question *q, const char *column) {
    if (q->since == NULL)
        return;
    str_appendf(&w->sql, " AND %s >= " UTC_PARAMETER, column);
    parameter(w, q->since);
}

/* ---- the questions ------------------------------------------------------------------------------------------------------------ */

/* Series with the names of contracts.md: two results with the same are measurements of the same thing. Statements name as few tables and functions
 * as they can: most of a question's time is DuckDB's reading of it. Times leave it as microseconds. */
#define NAMES                                                                                                                                \
    "m.model_name AS model, m.source AS weights, m.model_family AS family, h.hardware_type AS platform, i.engine, h.device_name AS device, " \
    "i.engine_version, i.precision, i.batch_size AS batch, i.sequence_length AS sequence, CAST(i.shapes AS VARCHAR) AS shapes, i.threads, i.mode, i.scenario"
#define BEGAN      "epoch_us(%s) AS started_at"
#define PROVENANCE PROVENANCE_OF("i") " AS provenance"

/* The series that fit, beside other tables: what follows goes on with AND. */
static void write_series(writing *w, const question *q, unsigned set, const char *beside) {
    str_appendf(
        &w->sql,
        " FROM performance_identities i JOIN models m ON m.model_id = i.model_id JOIN hardware_platforms h ON h.hardware_id = i.hardware_id%s WHERE true",
        beside);
    fits_subject(w, q);
    fits_provenance(w, "i", set);
}

#define LATEST " JOIN latest_results f ON f.identity_id = i.identity_id"

/* Where a statement has a limit, DuckDB picks what is first; else it leaves the order to question_order. */
static void write_limit(writing *w, const char *order, size_t limit) {
    if (limit > 0)
        str_appendf(&w->sql, " ORDER BY %s LIMIT %zu", order, limit);
}

static void write_latest(writing *w, const question *q, unsigned set) {
    static const char *const figures[] = {
        [METRIC_LATENCY] = "f.average_latency_ms AS latency_ms, f.ci95_latency_ms AS ci95_ms",
        [METRIC_THROUGHPUT] =
            "f.throughput_items_per_second AS throughput, f.tokens_per_second AS tokens_per_s",
        [METRIC_MEMORY] = "f.memory_peak_mb AS memory_mb",
    };
    bool all = q->metric == METRIC_NONE;
    str_append(&w->sql, "SELECT " NAMES);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (all || q->metric == (question_metric)i)
            str_appendf(&w->sql, ", %s", figures[i]);
    str_appendf(&w->sql,
                ", f.iterations AS n, f.verified, " PROVENANCE ", " BEGAN ", %s AS first, i.identity_id",
                "f.started_at", all ? "-epoch_us(f.started_at)" : metrics[q->metric].key);
    write_series(w, q, set, LATEST);
    fits_since(w, q, "f.started_at");
    if (!all)
        str_appendf(&w->sql, " AND %s IS NOT NULL", metrics[q->metric].value);
    write_limit(w, "first, identity_id", q->limit);
}

/* Of what differs only in its version, or in the driver or system below it, the newest counts: question_compare does that, and the rest. */
static void write_comparison(writing *w, const question *q, unsigned set) {
    question_metric m = metric_of(q->metric);
    str_appendf(
        &w->sql,
        "SELECT CAST(0 AS BIGINT) AS comparison, " NAMES
        ", %s AS value, %s AS low, %s AS high, CAST(NULL AS DOUBLE) AS best, CAST(NULL AS DOUBLE) AS ratio, "
        "f.iterations AS n, f.verified, " PROVENANCE ", " BEGAN ", i.model_id, f.result_id",
        metrics[m].value, metrics[m].low, metrics[m].high, "f.started_at");
    write_series(w, q, set, LATEST);
    str_appendf(&w->sql, " AND %s IS NOT NULL", metrics[m].value);
    fits_since(w, q, "f.started_at");
}

static accel_status compare(store_result *answer, const question *q, accel_error *err) {
    comparison c = {
        .same = "model weights model_id precision batch sequence shapes threads mode scenario provenance",
        .different = "platform engine device",
        .newest = "-started_at -result_id",
        .hidden = 2,
        .limit = q->limit,
        .less_is_better = question_metric_less_is_better(q->metric)};
    if (q->kind == QUESTION_COMPARE_MODELS) {
        c.same = "platform engine device precision batch threads mode scenario provenance";
        c.different = "model weights model_id sequence shapes";
    }
    return question_compare(answer, &c, err);
}

/* With a limit, the newest points of each series. */
static void write_trend(writing *w, const question *q, unsigned set) {
    question_metric m = metric_of(q->metric);
    str_appendf(&w->sql,
                "SELECT i.identity_id AS series, " NAMES ", " BEGAN
                ", %s AS value, %s AS low, %s AS high, f.iterations AS n, " PROVENANCE
                ", r.git_commit, f.result_id",
                "r.started_at", metrics[m].value, metrics[m].low, metrics[m].high);
    write_series(
        w, q, set,
        " JOIN performance_results f ON f.identity_id = i.identity_id JOIN test_runs r ON r.run_id = f.run_id");
    str_appendf(&w->sql, " AND f.status = 'ok' AND %s IS NOT NULL", metrics[m].value);
    fits_since(w, q, "r.started_at");
    if (q->limit > 0)
        str_appendf(
            &w->sql,
            " QUALIFY row_number() OVER (PARTITION BY f.identity_id ORDER BY r.started_at DESC, f.result_id DESC) <= %zu",
            q->limit);
}

/* The newest state of each model on each device counts. It is found among numbers; its words are read afterwards. */
static void write_compatibility(writing *w, const question *q, unsigned set) {
    str_append(
        &w->sql,
        "WITH newest AS (SELECT c.model_id, c.hardware_id, " PROVENANCE_OF(
            "c") " AS provenance, arg_max(c.compatibility_id, r.started_at) AS compatibility_id, "
                 "count(*) AS tests, count(*) FILTER (c.is_compatible) AS passed, max(r.started_at) AS last FROM hardware_compatibility c JOIN test_runs r "
                 "USING (run_id) WHERE true");
    fits_provenance(w, "c", set);
    fits_since(w, q, "r.started_at");
    str_append(
        &w->sql,
        " GROUP BY ALL) SELECT m.model_name AS model, m.source AS weights, m.model_family AS family, h.hardware_type AS platform, count(*) AS devices, "
        "count(*) FILTER (c.is_compatible) AS compatible_devices, CAST(sum(tests) AS BIGINT) AS tests, CAST(sum(passed) AS BIGINT) AS passed_tests, "
        "avg(c.compatibility_score) AS score, arg_max(c.error_type, last) FILTER (NOT c.is_compatible) AS error_type, "
        "arg_max(c.error_message, last) FILTER (NOT c.is_compatible) AS error_message, newest.provenance, epoch_us(max(last)) AS last_tested FROM newest "
        "JOIN hardware_compatibility c USING (compatibility_id) JOIN models m ON m.model_id = newest.model_id "
        "JOIN hardware_platforms h ON h.hardware_id = newest.hardware_id WHERE true");
    fits_subject(w, q);
    str_append(&w->sql,
               " GROUP BY m.model_name, m.source, m.model_family, h.hardware_type, newest.provenance");
    write_limit(w, "ALL", q->limit);
}

/* ---- asking --------------------------------------------------------------------------------------------------------------------- */

static accel_status run(store_reader *r, writing *w, store_result **out, accel_error *err) {
    statement s;
    if (w->too_many)
        return error_set(err, ACCEL_LIMIT, "a question takes at most %d names", MOST_PARAMETERS);
    if (w->sql.failed)
        return error_no_memory(err, "a question", w->sql.length);
    ACCEL_TRY(query_begin(r, out, err));
    accel_status status = statement_prepare(&r->db, w->sql.data, &s, err);
    if (status == ACCEL_OK) {
        for (size_t i = 0; i < w->count; i++)
            statement_text(&s, w->parameters[i]);
        status = s.failed ? error_set(err, ACCEL_INTERNAL, "%s: a value could not be bound", r->path)
                          : query_execute(r, s.prepared, *out, err);
        duckdb_destroy_prepare(&s.prepared);
    }
    return query_end(r, status, out);
}

static accel_status put_in_order(store_result *answer, const question *q, accel_error *err) {
    switch (q->kind) {
    case QUESTION_LATEST:
        return question_order(answer, "first identity_id", 2, err);
    case QUESTION_COMPARE_HARDWARE:
    case QUESTION_COMPARE_MODELS:
        return compare(answer, q, err);
    case QUESTION_TREND:
        return question_order(answer, "series started_at result_id", 0, err);
    case QUESTION_COMPATIBILITY:
        return question_order(
            answer, "model weights family platform devices compatible_devices tests passed_tests provenance",
            0, err);
    }
    return ACCEL_OK;
}

static accel_status ask(store_reader *r, const question *q, unsigned set, store_result **out,
                        accel_error *err) {
    writing w = {0};
    switch (q->kind) {
    case QUESTION_LATEST:
        write_latest(&w, q, set);
        break;
    case QUESTION_COMPARE_HARDWARE:
    case QUESTION_COMPARE_MODELS:
        write_comparison(&w, q, set);
        break;
    case QUESTION_TREND:
        write_trend(&w, q, set);
        break;
    case QUESTION_COMPATIBILITY:
        write_compatibility(&w, q, set);
        break;
    }
    accel_status status = run(r, &w, out, err);
    str_free(&w.sql);
    if (status == ACCEL_OK)
        status = put_in_order(*out, q, err);
    if (status == ACCEL_OK)
        status =
            question_write_times(*out, q->kind == QUESTION_COMPATIBILITY ? "last_tested" : "started_at", err);
    if (status != ACCEL_OK) {
        store_result_destroy(*out);
        *out = NULL;
    }
    return status;
}

/* ---- what does not fit ------------------------------------------------------------------------------------------------------------ */

enum { MOST_NAMES = 10000 };

/* Whether each name is there at all; else the sentence names the nearest. */
static accel_status check_names(store_reader *r, const char *what, const question_names *names,
                                const char *column, const char *all_sql, accel_error *err) {
    for (size_t i = 0; i < names->count; i++) {
        writing w = {0};
        store_result *found = NULL;
        str_appendf(&w.sql, "SELECT %s FROM (%s) WHERE ", column, all_sql);
        one_name(&w, column, names->names[i]);
        str_append(&w.sql, " LIMIT 1");
        accel_status status = run(r, &w, &found, err);
        size_t rows = status == ACCEL_OK ? found->row_count : 0;
        store_result_destroy(found);
        str_free(&w.sql);
        ACCEL_TRY(status);
        if (rows > 0)
            continue;
        const char *known[MOST_NAMES];
        size_t count = 0;
        str_appendf(&w.sql, "SELECT DISTINCT %s FROM (%s) WHERE %s IS NOT NULL LIMIT %d", column, all_sql,
                    column, MOST_NAMES);
        w.count = 0;
        status = run(r, &w, &found, err);
        str_free(&w.sql);
        ACCEL_TRY(status);
        for (; count < found->row_count; count++)
            known[count] = found->cells[count].text;
        const char *near = str_nearest(names->names[i], known, count);
        status = near != NULL
                     ? error_set(err, ACCEL_NOT_FOUND, "%s has no %s '%s'; did you mean '%s'?", r->path, what,
                                 names->names[i], near)
                     : error_set(err, ACCEL_NOT_FOUND, "%s has no %s '%s'", r->path, what, names->names[i]);
        store_result_destroy(found);
        return status;
    }
    return ACCEL_OK;
}

static accel_status check_all_names(store_reader *r, const question *q, accel_error *err) {
    ACCEL_TRY(check_names(r, "model", &q->models, "model_name", "SELECT model_name FROM models", err));
    ACCEL_TRY(
        check_names(r, "model family", &q->families, "model_family", "SELECT model_family FROM models", err));
    return check_names(
        r, "hardware", &q->hardware, "name",
        "SELECT hardware_type AS name FROM hardware_platforms UNION SELECT device_name FROM hardware_platforms",
        err);
}

/* Rows of the same question for each of the other provenances. */
static accel_status remark_others(store_reader *r, const question *q, unsigned asked, str_buf *remark,
                                  accel_error *err) {
    str_buf found = {0}, names = {0}, asked_names = {0};
    question counted = *q;
    counted.limit = 0;
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < PROVENANCE_COUNT && status == ACCEL_OK; i++) {
        if (asked & provenances[i].bit) {
            str_appendf(&asked_names, "%s%s", asked_names.length > 0 ? " or " : "", provenances[i].name);
            continue;
        }
        store_result *others = NULL;
        status = ask(r, &counted, provenances[i].bit, &others, err);
        if (status == ACCEL_OK && others->row_count > 0) {
            str_appendf(&found, "%s%zu %s", found.length > 0 ? " and " : "", others->row_count,
                        provenances[i].name);
            str_appendf(&names, "%s%s", names.length > 0 ? "," : "", provenances[i].name);
        }
        store_result_destroy(others);
    }
    if (status == ACCEL_OK && found.length > 0)
        str_appendf(remark, "Nothing %s fits, but %s rows do: --provenance %s shows them.",
                    str_text(&asked_names), str_text(&found), str_text(&names));
    else if (status == ACCEL_OK)
        str_append(remark, "No result fits.");
    remark->failed |= found.failed || names.failed || asked_names.failed;
    str_free(&found);
    str_free(&names);
    str_free(&asked_names);
    return status;
}

/* A date or a time of UTC, and one that there is. */
static accel_status check_since(store_reader *r, const char *text, accel_error *err) {
    char whole[48];
    writing w = {0};
    store_result *answer = NULL;
    str_format(whole, sizeof whole, "%sT00:00:00Z", text);
    bool fine = store_is_utc(text) || store_is_utc(whole);
    if (fine) {
        str_append(&w.sql, "SELECT TRY_CAST(replace(?, 'Z', '') AS TIMESTAMP) IS NOT NULL");
        parameter(&w, text);
        accel_status status = run(r, &w, &answer, err);
        str_free(&w.sql);
        ACCEL_TRY(status);
        fine = answer->cells[0].integer != 0;
        store_result_destroy(answer);
    }
    return fine ? ACCEL_OK
                : error_set(err, ACCEL_INVALID_ARGUMENT,
                            "a date is written 2026-01-31 or 2026-01-31T10:00:00Z, not '%s'", text);
}

accel_status store_ask(store_reader *r, const question *q, store_result **out, str_buf *remark,
                       accel_error *err) {
    *out = NULL;
    unsigned set = q->provenances != 0 ? q->provenances : PROVENANCE_MEASURED;
    if (q->since != NULL)
        ACCEL_TRY(check_since(r, q->since, err));
    if (q->kind == QUESTION_TREND && q->models.count == 0)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "a trend needs the model whose series are shown");
    ACCEL_TRY(ask(r, q, set, out, err));
    if ((*out)->row_count > 0)
        return ACCEL_OK;
    accel_status status = check_all_names(r, q, err);
    if (status == ACCEL_OK && remark != NULL)
        status = remark_others(r, q, set, remark, err);
    if (status != ACCEL_OK) {
        store_result_destroy(*out);
        *out = NULL;
    }
    return status;
}
