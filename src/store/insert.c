#include "store/insert.h"

#include "base/mem.h"
#include "store/inserter.h"

/* Rows that are held until they are taken over, inside the transaction, while others read the next files. */
enum { HELD_ROWS = 49152, MOST_KEYS = 1 << 18, LARGE_COMMIT_ROWS = 2000 };

accel_status inserter_create(database *db, inserter **out, accel_error *err) {
    inserter *in = mem_calloc(1, sizeof *in);
    *out = NULL;
    if (in == NULL)
        return error_no_memory(err, "a writer", sizeof *in);
    in->db = db;
    in->preparer = store_preparer_create();
    in->scratch = arena_create();
    for (size_t i = 0; i < STAGE_COUNT; i++)
        stage_init(&in->stages[i], db, &stage_tables[i]);
    if (in->preparer == NULL || in->scratch == NULL) {
        inserter_destroy(in);
        return error_no_memory(err, "a writer", 0);
    }
    *out = in;
    return ACCEL_OK;
}

void inserter_learn(inserter *in) {
    in->learns = true;
}

static void forget_natural(inserter *in, size_t most) {
    size_t count = 0;
    for (size_t i = 0; i < STAGE_COUNT; i++)
        count += in->natural[i].count;
    for (size_t i = 0; i < STAGE_COUNT && count > most; i++)
        key_set_free(&in->natural[i]);
}

static void forget_known(inserter *in) {
    for (size_t i = 0; i < STAGE_COUNT; i++)
        known_rows_forget(&in->known[i]);
}

static accel_status clear_stages(inserter *in, accel_error *err) {
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        accel_status s = stage_clear(&in->stages[i], status == ACCEL_OK ? err : NULL);
        status = status == ACCEL_OK ? s : status;
    }
    key_set_free(&in->ids);
    return status;
}

/* Everything staged, into the transaction. */
static accel_status flush(inserter *in, accel_error *err) {
    if (!in->begun)
        ACCEL_TRY(database_exec(in->db, "BEGIN TRANSACTION", err));
    in->begun = true;
    ACCEL_TRY(take_over(in->db, in->stages, &in->rows, &in->before, err));
    return clear_stages(in, err);
}

static size_t rows_held(const inserter *in) {
    size_t rows = 0;
    for (size_t i = 0; i < STAGE_COUNT; i++)
        rows += in->stages[i].total;
    return rows;
}

accel_status inserter_add(inserter *in, const store_batch *b, accel_error *err) {
    if (in->failure.status != ACCEL_OK)
        return ACCEL_OK; /* the commit tells */
    store_batch own = *b;
    arena_reset(in->scratch);
    accel_status status =
        b->prepared == NULL ? prepare_batch(in->preparer, in->scratch, &own, err) : ACCEL_OK;
    if (status == ACCEL_OK)
        status = stage_batch(in, &own, err);
    if (status != ACCEL_OK) {
        in->failure = (accel_error){0};
        error_set(&in->failure, status, "a batch could not be staged");
    } else if (rows_held(in) >= HELD_ROWS) {
        (void)flush(in, &in->failure); /* may be the fault of an earlier batch */
    }
    return status;
}

/* A large transaction goes straight into the file: its rows would be written to the log only to be read from memory and written again by the next
 * checkpoint. Where it is cut off the file's header still names the blocks of before. Small ones wait in the log, since each checkpoint writes the
 * last, unfinished part of every column again. */
static accel_status commit(inserter *in, accel_error *err) {
    ACCEL_TRY(database_exec(in->db,
                            in->rows >= LARGE_COMMIT_ROWS ? "SET checkpoint_threshold = '0KB'"
                                                          : "SET checkpoint_threshold = '256MB'",
                            err));
    return database_exec(in->db, "COMMIT", err);
}

/* The database, and what taking over had set for its time, are as before. */
static void roll_back(inserter *in) {
    (void)database_exec(in->db, "ROLLBACK", NULL);
    for (size_t i = 0; i < STAGE_COUNT; i++) /* one that the transaction had made is gone */
        in->stages[i].has_table = false;
    (void)database_exec(in->db, "RESET disabled_optimizers", NULL);
}

accel_status inserter_commit(inserter *in, int64_t *rows, accel_error *err) {
    accel_status status = in->failure.status;
    if (status != ACCEL_OK)
        error_set(err, status, "%s", in->failure.message);
    else
        status = flush(in, err);
    if (status == ACCEL_OK && in->before > 0)
        status = results_follow(in->db, in->before, err);
    if (status == ACCEL_OK)
        status = commit(in, err);
    if (status != ACCEL_OK && in->begun)
        roll_back(in);
    accel_status cleared = clear_stages(in, status == ACCEL_OK ? err : NULL);
    forget_natural(in, status == ACCEL_OK ? MOST_KEYS
                                          : 0); /* what they name is gone, or there are too many to keep */
    if (status != ACCEL_OK)
        forget_known(in);
    if (rows != NULL)
        *rows = status == ACCEL_OK ? in->rows : 0;
    in->begun = false;
    in->rows = in->before = 0;
    in->failure = (accel_error){0};
    return status == ACCEL_OK ? cleared : status;
}

void inserter_destroy(inserter *in) {
    if (in == NULL)
        return;
    for (size_t i = 0; i < STAGE_COUNT; i++)
        stage_free(&in->stages[i]);
    if (in->begun)
        roll_back(in);
    forget_natural(in, 0);
    forget_known(in);
    key_set_free(&in->ids);
    store_preparer_destroy(in->preparer);
    arena_destroy(in->scratch);
    mem_free(in);
}

accel_status insert_records(database *db, const store_run *run, const record *records, size_t count,
                            accel_error *err) {
    inserter *in;
    store_batch b = {.run = *run, .records = records, .record_count = count};
    ACCEL_TRY(inserter_create(db, &in, err));
    accel_status status = inserter_add(in, &b, err);
    if (status == ACCEL_OK)
        status = inserter_commit(in, NULL, err);
    inserter_destroy(in);
    return status;
}

accel_status finish_run(database *db, const store_run *run, double seconds, bool success, accel_error *err) {
    statement s;
    ACCEL_TRY(statement_prepare(
        db,
        "UPDATE test_runs SET completed_at = now() AT TIME ZONE 'UTC', execution_time_seconds = ?, success = ? WHERE run_uuid = ?",
        &s, err));
    statement_f64(&s, seconds);
    statement_bool(&s, success);
    statement_text(&s, run->uuid);
    return statement_run(&s, NULL, NULL, err);
}
