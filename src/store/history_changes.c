/* performance_regressions: storing what was found, and acknowledging it. */
#include <math.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/database.h"
#include "store/history.h"

enum { WRITE_PATIENCE_S = 5 };

static accel_status insert_change(database *db, history_metric metric, const history_change *c,
                                  const char *now, accel_error *err) {
    statement s;
    ACCEL_TRY(statement_prepare(
        db,
        "INSERT INTO performance_regressions (identity_id, metric, result_id, run_id, previous_run_id, git_commit, direction, change_ratio, change_low, "
        "change_high, p_value, found_at) SELECT $1, $2, $3, $4, $5, (SELECT git_commit FROM test_runs WHERE run_id = $4), $6, $7, $8, $9, $10, "
        "CAST(replace($11, 'Z', '') AS TIMESTAMP) WHERE NOT EXISTS (SELECT 1 FROM performance_regressions WHERE identity_id = $1 AND metric = $2 AND "
        "result_id = $3)",
        &s, err));
    statement_i64(&s, c->identity_id);
    statement_text(&s, history_metric_name(metric));
    statement_i64(&s, c->result_id);
    statement_i64(&s, c->run_id);
    statement_i64(&s, c->previous_run_id);
    statement_text(&s, c->worse ? "worse" : "better");
    statement_f64(&s, c->ratio);
    statement_f64(&s, c->low);
    statement_f64(&s, c->high);
    statement_f64(&s, c->p_value);
    statement_text(&s, now);
    return statement_run(&s, NULL, NULL, err);
}

static accel_status find_id(database *db, history_metric metric, history_change *c, accel_error *err) {
    statement s;
    ACCEL_TRY(statement_prepare(
        db,
        "SELECT regression_id FROM performance_regressions WHERE identity_id = ? AND metric = ? AND result_id = ?",
        &s, err));
    statement_i64(&s, c->identity_id);
    statement_text(&s, history_metric_name(metric));
    statement_i64(&s, c->result_id);
    return statement_run(&s, &c->id, NULL, err);
}

static accel_status insert_all(database *db, history_metric metric, history_change *changes, size_t count,
                               accel_error *err) {
    char now[CLOCK_UTC_TEXT_BYTES];
    (void)clock_utc_text(clock_utc_us(), now);
    for (size_t i = 0; i < count; i++) {
        ACCEL_TRY(insert_change(db, metric, &changes[i], now, err));
        ACCEL_TRY(find_id(db, metric, &changes[i], err));
    }
    return ACCEL_OK;
}

accel_status history_store_changes(const char *path, history_metric metric, history_change *changes,
                                   size_t count, accel_error *err) {
    database db;
    ACCEL_TRY(database_open(path, false, WRITE_PATIENCE_S, &db, err));
    accel_status status = database_exec(&db, "BEGIN TRANSACTION", err);
    if (status == ACCEL_OK) {
        status = insert_all(&db, metric, changes, count, err);
        if (status == ACCEL_OK)
            status = database_exec(&db, "COMMIT", err);
        else
            (void)database_exec(&db, "ROLLBACK", NULL);
    }
    database_close(&db);
    return status;
}

static accel_status update_note(database *db, int64_t id, const char *note, accel_error *err) {
    char now[CLOCK_UTC_TEXT_BYTES];
    statement s;
    int64_t changed = 0;
    ACCEL_TRY(statement_prepare(db,
                                "UPDATE performance_regressions SET acknowledged_at = " UTC_PARAMETER
                                ", acknowledged_note = ? WHERE regression_id = ?",
                                &s, err));
    statement_text(&s, clock_utc_text(clock_utc_us(), now));
    statement_text(&s, note);
    statement_i64(&s, id);
    ACCEL_TRY(statement_run(&s, &changed, NULL, err));
    if (changed == 0)
        return error_set(err, ACCEL_NOT_FOUND, "%s has no change %lld; `accel trend` lists them", db->path,
                         (long long)id);
    return ACCEL_OK;
}

accel_status history_acknowledge(const char *path, int64_t id, const char *note, accel_error *err) {
    database db;
    if (!file_exists(path))
        return error_set(err, ACCEL_NOT_FOUND, "there is no database %s; --db names another", path);
    ACCEL_TRY(database_open(path, false, WRITE_PATIENCE_S, &db, err));
    accel_status status = update_note(&db, id, note, err);
    database_close(&db);
    return status;
}
