/* Which results a name of `accel compare` means. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "store/database.h"
#include "store/history.h"
#include "store/store.h"

enum { PREFIX_LEAST = 4, LATEST_MOST = 1000000 };

/* What a run is called: only runs that have results are looked at. */
#define RUN_WORDS                                                                                             \
    "'run ' || r.run_id || ' (' || coalesce(strftime(r.started_at, '%Y-%m-%d %H:%M'), 'start not known') || " \
    "coalesce(', commit ' || left(r.git_commit, 12), '') || ')'"
#define RUNS_WITH_RESULTS "FROM test_runs r WHERE r.run_id IN (SELECT run_id FROM performance_results)"

/* The columns of the first row, and how many rows there are (up to 3). */
static accel_status first_row(const char *path, str_buf *sql, arena *a, const char *out[2], size_t *rows,
                              accel_error *err) {
    store_result *result = NULL;
    accel_status status = sql->failed ? error_no_memory(err, "a query", sql->length)
                                      : store_query(path, str_text(sql), 0, &result, err);
    str_free(sql);
    ACCEL_TRY(status);
    *rows = result->row_count;
    for (size_t c = 0; c < 2 && *rows > 0 && status == ACCEL_OK; c++) {
        out[c] = arena_strdup(a, result->cells[c].text != NULL ? result->cells[c].text : "");
        if (out[c] == NULL)
            status = error_no_memory(err, "a query", 0);
    }
    store_result_destroy(result);
    return status;
}

static accel_status set_run(const char *run[2], const char *path, arena *a, history_selection *out,
                            accel_error *err) {
    *out = (history_selection){
        .path = path, .where = arena_printf(a, "r.run_id = %s", run[0]), .subject = run[1]};
    return out->where != NULL ? ACCEL_OK : error_no_memory(err, "a selection", 0);
}

/* "latest", "latest~2" */
static bool is_latest(const char *name, int64_t *back) {
    if (!str_starts_with(name, "latest"))
        return false;
    const char *rest = name + strlen("latest");
    *back = 0;
    return *rest == 0 || (*rest == '~' && str_to_i64(rest + 1, back) && *back >= 0 && *back <= LATEST_MOST);
}

static accel_status select_latest(const char *name, int64_t back, const char *path, arena *a,
                                  history_selection *out, accel_error *err) {
    const char *run[2];
    size_t rows = 0;
    str_buf sql = {0};
    str_appendf(
        &sql,
        "SELECT r.run_id, %s %s ORDER BY r.started_at DESC NULLS LAST, r.run_id DESC LIMIT 1 OFFSET %lld",
        RUN_WORDS, RUNS_WITH_RESULTS, (long long)back);
    ACCEL_TRY(first_row(path, &sql, a, run, &rows, err));
    if (rows == 0)
        return error_set(err, ACCEL_NOT_FOUND, "%s has no run '%s' with results", path, name);
    return set_run(run, path, a, out, err);
}

/* The run that `condition` says; rows: how many there are, at most 2. */
static accel_status select_run_where(str_buf *condition, const char *path, arena *a, history_selection *out,
                                     size_t *rows, accel_error *err) {
    const char *run[2];
    str_buf sql = {0};
    str_appendf(&sql, "SELECT r.run_id, %s %s AND %s LIMIT 2", RUN_WORDS, RUNS_WITH_RESULTS,
                str_text(condition));
    sql.failed |= condition->failed;
    str_free(condition);
    ACCEL_TRY(first_row(path, &sql, a, run, rows, err));
    return *rows == 1 ? set_run(run, path, a, out, err) : ACCEL_OK;
}

/* The run of that number, else the one whose UUID begins so. */
static accel_status select_run(const char *name, const char *path, arena *a, history_selection *out,
                               size_t *rows, accel_error *err) {
    int64_t number = 0;
    str_buf condition = {0};
    *rows = 0;
    if (name[0] != '0' && str_to_i64(name, &number) && number > 0) {
        str_appendf(&condition, "r.run_id = %lld", (long long)number);
        ACCEL_TRY(select_run_where(&condition, path, a, out, rows, err));
    }
    if (*rows > 0 || strlen(name) < PREFIX_LEAST)
        return ACCEL_OK;
    str_append(&condition, "starts_with(r.run_uuid, ");
    sql_append_text(&condition, name);
    str_append(&condition, ")");
    ACCEL_TRY(select_run_where(&condition, path, a, out, rows, err));
    if (*rows > 1)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "%s has several runs that begin with '%s'; give more of it, or the run's number",
                         path, name);
    return ACCEL_OK;
}

static accel_status select_commit(const char *name, const char *path, arena *a, history_selection *out,
                                  size_t *commits, accel_error *err) {
    const char *commit[2];
    str_buf sql = {0}, where = {0};
    *commits = 0;
    if (strlen(name) < PREFIX_LEAST)
        return ACCEL_OK;
    str_appendf(&sql, "SELECT r.git_commit, count(*) %s AND starts_with(r.git_commit, ", RUNS_WITH_RESULTS);
    sql_append_text(&sql, name);
    str_append(&sql, ") GROUP BY r.git_commit LIMIT 2");
    ACCEL_TRY(first_row(path, &sql, a, commit, commits, err));
    if (*commits > 1)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "%s has several commits that begin with '%s'; give more of it", path, name);
    if (*commits == 0)
        return ACCEL_OK;
    str_append(&where, "r.git_commit = ");
    sql_append_text(&where, commit[0]);
    *out = (history_selection){.path = path,
                               .where = where.failed ? NULL : arena_strdup(a, where.data),
                               .subject = arena_printf(a, "commit %.12s (%s run%s)", commit[0], commit[1],
                                                       str_equal(commit[1], "1") ? "" : "s")};
    str_free(&where);
    return out->where != NULL && out->subject != NULL ? ACCEL_OK : error_no_memory(err, "a selection", 0);
}

accel_status history_select(const char *name, const char *db_path, arena *a, history_selection *out,
                            accel_error *err) {
    int64_t back = 0;
    size_t found = 0;
    if (file_exists(name) || strchr(name, '/') != NULL || str_ends_with(name, ".duckdb")) {
        *out = (history_selection){.path = name, .newest_only = true, .subject = name};
        return ACCEL_OK;
    }
    if (is_latest(name, &back))
        return select_latest(name, back, db_path, a, out, err);
    ACCEL_TRY(select_run(name, db_path, a, out, &found, err));
    if (found == 0)
        ACCEL_TRY(select_commit(name, db_path, a, out, &found, err));
    if (found == 0)
        return error_set(
            err, ACCEL_NOT_FOUND,
            "%s has no results of a run or commit '%s', and there is no such file; `accel query \"SELECT run_id, started_at, git_commit FROM test_runs\"` "
            "lists the runs",
            db_path, name);
    return ACCEL_OK;
}
