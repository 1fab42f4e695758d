/* Adding records: into the database, or into the spool when it cannot be had. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "store/spool.h"
#include "store/store.h"

enum { DEFAULT_PATIENCE_S = 2, MOST_WAITING = 1000 };

struct store_writer {
    arena *arena;
    const char *path;
    double patience_s;
    store_run run;
    bool run_described; /* the first record completed `run` */
    uint64_t started_ns;
    size_t waiting; /* of its records, in the spool */
};

const char *store_default_path(const char *given) {
    if (given != NULL)
        return given;
    const char *environment = getenv("BENCHMARK_DB_PATH");
    return environment != NULL && *environment != 0 ? environment : "./benchmark_db.duckdb";
}

static accel_status describe_run(store_writer *w, const store_options *options, accel_error *err) {
    char text[CLOCK_UTC_TEXT_BYTES];
    record id;
    record_init(&id);
    ACCEL_TRY(record_new_id(w->arena, &id, err)); /* a UUID is a UUID */
    store_run_init(&w->run);
    w->run.uuid = id.record_id;
    w->run.test_name =
        arena_strdup(w->arena, options->test_name != NULL ? options->test_name : "accel bench");
    w->run.started_at = arena_strdup(w->arena, clock_utc_text(clock_utc_us(), text));
    w->run.git_commit = accel_git_commit();
    if (w->run.test_name == NULL || w->run.started_at == NULL)
        return error_no_memory(err, "a writer", 0);
    return ACCEL_OK;
}

accel_status store_writer_create(const store_options *options, store_writer **out, accel_error *err) {
    *out = NULL;
    store_writer *w = mem_calloc(1, sizeof *w);
    if (w == NULL)
        return error_no_memory(err, "a writer", sizeof *w);
    w->arena = arena_create();
    w->patience_s = options->patience_s < 0 ? (double)DEFAULT_PATIENCE_S : options->patience_s;
    w->started_ns = clock_now_ns();
    w->path = w->arena != NULL ? arena_strdup(w->arena, options->path) : NULL;
    accel_status status =
        w->path != NULL ? describe_run(w, options, err) : error_no_memory(err, "a writer", 0);
    if (status != ACCEL_OK) {
        arena_destroy(w->arena);
        mem_free(w);
        return status;
    }
    *out = w;
    return ACCEL_OK;
}

/* A lock held or a full disk is what the spool is for; a file that is no database, or one of another tool, is a mistake that the user must
 * hear of before he measures for an hour. */
static bool spool_helps(accel_status status) {
    return status == ACCEL_BUSY || status == ACCEL_IO || status == ACCEL_OUT_OF_MEMORY;
}

static accel_status add_to_database(store_writer *w, const record *r, accel_error *err) {
    database db;
    ACCEL_TRY(database_open(w->path, false, w->patience_s, &db, err));
    accel_status status = insert_records(&db, &w->run, r, 1, err);
    database_close(&db);
    return status;
}

/* What the run is called is known with its first record; whether the database will take it is asked then, too. */
static accel_status begin_run(store_writer *w, const record *r, accel_error *err) {
    if (w->run_described)
        return ACCEL_OK;
    accel_error why = {0};
    database db;
    accel_status status = database_open(w->path, false, 0, &db, &why);
    if (status == ACCEL_OK)
        database_close(&db);
    else if (!spool_helps(status))
        return error_set(err, status, "%s", why.message);
    w->run.command_line = arena_strdup(w->arena, r->command_line);
    w->run_described = true;
    return ACCEL_OK;
}

/* A file is durable in a millisecond where a transaction of its own costs the database fifty, and it waits for nobody's lock. */
accel_status store_add(store_writer *w, const record *r, accel_error *err) {
    accel_error why = {0}, spool_why = {0};
    ACCEL_TRY(record_validate(r, err));
    ACCEL_TRY(begin_run(w, r, err));
    if (spool_write(w->path, &w->run, r, &spool_why) == ACCEL_OK) {
        if (++w->waiting < MOST_WAITING)
            return ACCEL_OK;
        w->waiting = 0;
        if (store_take_in(w->path, NULL, NULL, &why) != ACCEL_OK)
            log_info("results wait in %s.spool: %s", w->path, why.message);
        return ACCEL_OK;
    }
    accel_status status = add_to_database(w, r, &why);
    if (status == ACCEL_OK)
        return ACCEL_OK;
    return error_set(err, status, "a result could not be stored: %s; nor spooled: %s", why.message,
                     spool_why.message);
}

accel_status store_check(const char *path, accel_error *err) {
    database db;
    accel_status status = database_open(path, false, 0, &db, err);
    if (status == ACCEL_OK)
        database_close(&db);
    return status == ACCEL_BUSY ? ACCEL_OK : status;
}

accel_status store_writer_close(store_writer *w, bool success, accel_error *err) {
    if (w == NULL)
        return ACCEL_OK;
    accel_status status = ACCEL_OK;
    if (w->run_described) {
        database db;
        status = database_open(w->path, false, w->patience_s, &db, err);
        if (status == ACCEL_OK) {
            status = spool_take_in(w->path, &db, NULL, NULL, err);
            double seconds = (double)(clock_now_ns() - w->started_ns) / 1e9;
            if (status == ACCEL_OK)
                status = finish_run(&db, &w->run, seconds, success, err);
            database_close(&db);
        }
        if (status == ACCEL_BUSY) { /* all records are in the database or the spool */
            log_warning(
                "results wait in %s.spool: another process has the database; whoever opens it next takes them in",
                w->path);
            status = ACCEL_OK;
        }
    }
    arena_destroy(w->arena);
    mem_free(w);
    return status;
}

accel_status store_take_in(const char *path, size_t *taken, size_t *left, accel_error *err) {
    database db;
    if (taken != NULL)
        *taken = 0;
    if (left != NULL)
        *left = 0;
    if (spool_is_empty(path))
        return ACCEL_OK;
    ACCEL_TRY(database_open(path, false, DEFAULT_PATIENCE_S, &db, err));
    accel_status status = spool_take_in(path, &db, taken, left, err);
    database_close(&db);
    return status;
}
