#include "store/known_rows.h"

#include "base/str.h"
#include "store/archive_files.h"

enum { WORTH_ROWS = 8192, WORTH_TIMES = 4, MOST_KNOWN = 1 << 20 };

static const struct {
    const char *table, *column;
} found_by[STAGE_COUNT] = {[STAGE_RUNS] = {"test_runs", "run_uuid"},
                           [STAGE_RESULTS] = {"performance_results", "record_id"},
                           [STAGE_INTEGRATION] = {"integration_test_results", "content_key"},
                           [STAGE_WEB] = {"web_platform_results", "content_key"},
                           [STAGE_OPTIMIZATIONS] = {"web_platform_optimizations", "content_key"},
                           [STAGE_COMPATIBILITY] = {"hardware_compatibility", "content_key"}};

const char *known_rows_column(stage_id id) {
    return found_by[id].column;
}

static accel_status load(known_rows *k, database *db, const char *sql, size_t count, accel_error *err) {
    arena *a = arena_create();
    const char **texts = a != NULL ? ARENA_ARRAY(a, const char *, count + 1) : NULL;
    accel_status status = texts != NULL ? database_texts(db, sql, a, texts, count, &count, err)
                                        : error_no_memory(err, "keys of a table", count * sizeof *texts);
    known_key key;
    for (size_t i = 0; i < count && status == ACCEL_OK; i++)
        if (known_key_of(texts[i], &key) &&
            !known_keys_have(&k->keys, &key)) /* others are of rows that follow from results */
            status = known_keys_add(&k->keys, &key, err);
    arena_destroy(a);
    return status;
}

accel_status known_rows_learn(known_rows *k, database *db, stage_id id, size_t added, accel_error *err) {
    const char *table = found_by[id].table, *column = found_by[id].column;
    char sql[128];
    int64_t count = 0;
    ACCEL_TRY(database_number(db, &count, err, "SELECT count(*) FROM %s", table));
    if ((size_t)count > WORTH_ROWS + WORTH_TIMES * added || count > MOST_KNOWN / 2)
        return ACCEL_OK;
    if (id == STAGE_RESULTS &&
        archive_is_there(db->path)) /* records that are archived are no longer in the table */
        return ACCEL_OK;
    known_rows_forget(k);
    str_format(sql, sizeof sql, "SELECT CAST(%s AS VARCHAR) FROM %s WHERE %s IS NOT NULL", column, table,
               column);
    ACCEL_TRY(load(k, db, sql, (size_t)count, err));
    k->complete = true;
    return ACCEL_OK;
}

bool known_rows_trim(known_rows *k) {
    if (k->keys.count > MOST_KNOWN)
        known_rows_forget(k);
    return k->complete;
}

void known_rows_forget(known_rows *k) {
    known_keys_free(&k->keys);
    k->complete = false;
}
