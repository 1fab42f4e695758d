/* Checking a database: the findings, the order of the checks, and repairing. */
#include "store/examine.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/archive_files.h"
#include "store/database_file.h"
#include "store/rewrite.h"
#include "store/schema.h"
#include "store/spool.h"

enum { PATIENCE_S = 30 };

accel_status examine_found(examination *x, const char *check, const char *table, int64_t rows,
                           bool can_be_repaired, accel_error *err, const char *format, ...) {
    str_buf text = {0};
    va_list arguments;
    va_start(arguments, format);
    str_appendv(&text, format, arguments);
    va_end(arguments);
    store_finding f = {.check = check,
                       .table = arena_strdup(x->arena, table),
                       .text = arena_strdup(x->arena, str_text(&text)),
                       .rows = rows,
                       .can_be_repaired = can_be_repaired};
    bool ok = !text.failed && f.table != NULL && f.text != NULL &&
              mem_grow((void **)&x->items, &x->capacity, x->count + 1, sizeof *x->items);
    str_free(&text);
    if (!ok)
        return error_no_memory(err, "findings", (x->count + 1) * sizeof *x->items);
    x->items[x->count++] = f;
    return ACCEL_OK;
}

accel_status examine_count(examination *x, const char *check, const char *table, const char *text,
                           bool can_be_repaired, accel_error *err, const char *format, ...) {
    str_buf sql = {0};
    int64_t rows = 0;
    va_list arguments;
    va_start(arguments, format);
    str_appendv(&sql, format, arguments);
    va_end(arguments);
    accel_status status = sql.failed ? error_no_memory(err, "a statement", sql.length)
                                     : database_number(&x->db, &rows, err, "%s", sql.data);
    str_free(&sql);
    if (status != ACCEL_OK || rows == 0)
        return status;
    return examine_found(x, check, table, rows, can_be_repaired, err, "%s", text);
}

bool examine_has(const examination *x, const char *check) {
    for (size_t i = 0; i < x->count; i++)
        if (str_equal(x->items[i].check, check) && x->items[i].can_be_repaired)
            return true;
    return false;
}

accel_status examine_pages(examination *x, accel_error *err) {
    int64_t rows;
    accel_error why = {0};
    accel_status status = database_read_all(&x->db, x->catalog, &rows, &why);
    if (status != ACCEL_BAD_FILE)
        return status == ACCEL_OK ? status : error_set(err, status, "%s", why.message);
    x->no_rows = true; /* DuckDB answers nothing more after such an error */
    return examine_found(x, "pages", "", RECORD_NONE, false, err,
                         "%s; `accel db restore` brings back the last backup", why.message);
}

static accel_status find_catalog(examination *x, accel_error *err) {
    size_t count = 0;
    ACCEL_TRY(database_texts(&x->db, "SELECT '\"' || replace(current_database(), '\"', '\"\"') || '\"'",
                             x->arena, &x->catalog, 1, &count, err));
    return count == 1 ? ACCEL_OK : error_set(err, ACCEL_RUNTIME, "%s has no name in DuckDB", x->path);
}

static accel_status examine_all(examination *x, accel_error *err) {
    ACCEL_TRY(find_catalog(x, err));
    ACCEL_TRY(examine_pages(x, err));
    if (!x->no_rows)
        ACCEL_TRY(examine_archive(x, err));
    if (!x->no_rows && !x->no_archive) /* DuckDB lists no columns while a view's files are missing */
        ACCEL_TRY(examine_schema(x, err));
    if (!x->no_rows) {
        ACCEL_TRY(examine_columns(x, err));
        ACCEL_TRY(examine_results(x, err));
    }
    return examine_files(x, err);
}

static accel_status open_and_examine(examination *x, accel_error *err) {
    x->count = 0;
    x->no_rows = x->no_archive = false;
    ACCEL_TRY(database_open_existing(x->path, PATIENCE_S, &x->db, err));
    accel_status status = archive_prepare(&x->db, err);
    if (status == ACCEL_OK)
        status = spool_take_in(x->path, &x->db, NULL, NULL, err);
    if (status == ACCEL_OK)
        status = examine_all(x, err);
    if (status != ACCEL_OK)
        database_close(&x->db);
    return status;
}

/* ---- repairing ------------------------------------------------------------------------------------------------------------ */

static accel_status in_transaction(database *db, accel_status (*repair)(database *, accel_error *),
                                   accel_error *err) {
    ACCEL_TRY(database_exec(db, "BEGIN TRANSACTION", err));
    accel_status status = repair(db, err);
    if (status == ACCEL_OK)
        return database_exec(db, "COMMIT", err);
    (void)database_exec(db, "ROLLBACK", NULL);
    return status;
}

static accel_status repair_latest(database *db, accel_error *err) {
    return rebuild_latest(db, "", err);
}

accel_status repair_views(database *db, accel_error *err) {
    for (size_t i = 0; i < schema_view_count; i++)
        ACCEL_TRY(database_execf(db, err, "CREATE OR REPLACE VIEW %s AS %s", schema_views[i].name,
                                 schema_views[i].sql));
    return archive_make_view(db, err);
}

/* In this order: views are read by what follows, and the newest results follow from the results that stay. */
static accel_status repair_open(examination *x, accel_error *err) {
    if (examine_has(x, "views"))
        ACCEL_TRY(in_transaction(&x->db, repair_views, err));
    if (examine_has(x, "archive"))
        ACCEL_TRY(repair_archive(x, err));
    if (examine_has(x, "duplicates"))
        ACCEL_TRY(in_transaction(&x->db, repair_duplicates, err));
    if (examine_has(x, "latest") || examine_has(x, "duplicates") || examine_has(x, "archive"))
        ACCEL_TRY(in_transaction(&x->db, repair_latest, err));
    return ACCEL_OK;
}

static accel_status repair(examination *x, accel_error *err) {
    store_sizes sizes;
    bool rewrite = examine_has(x, "sequences") || examine_has(x, "schema");
    accel_status status = repair_open(x, err);
    database_close(&x->db);
    if (status == ACCEL_OK && rewrite) /* a sequence cannot be set, but a new file begins where it should */
        status = store_compact(x->path, &sizes, err);
    if (status == ACCEL_OK && examine_has(x, "files"))
        status = repair_files(x, err);
    return status;
}

/* What was found before and is not found any more was repaired. */
static void mark_repaired(store_finding *old, size_t old_count, const examination *now) {
    for (size_t i = 0; i < old_count; i++) {
        bool there = false;
        for (size_t k = 0; k < now->count && !there; k++)
            there = str_equal(old[i].check, now->items[k].check) &&
                    str_equal(old[i].table, now->items[k].table) &&
                    str_equal(old[i].text, now->items[k].text);
        old[i].repaired = old[i].can_be_repaired && !there;
    }
}

static accel_status repair_and_look_again(examination *x, accel_error *err) {
    store_finding *old = arena_copy(x->arena, x->items, x->count * sizeof *x->items);
    size_t old_count = x->count;
    if (old == NULL) {
        database_close(&x->db);
        return error_no_memory(err, "findings", old_count * sizeof *old);
    }
    ACCEL_TRY(repair(x, err));
    ACCEL_TRY(open_and_examine(x, err));
    database_close(&x->db);
    mark_repaired(old, old_count, x);
    size_t kept = 0; /* the repaired ones, then what is there now */
    for (size_t i = 0; i < old_count; i++)
        if (old[i].repaired)
            old[kept++] = old[i];
    if (!mem_grow((void **)&x->items, &x->capacity, x->count + kept, sizeof *x->items))
        return error_no_memory(err, "findings", (x->count + kept) * sizeof *x->items);
    memmove(x->items + kept, x->items, x->count * sizeof *x->items);
    memcpy(x->items, old, kept * sizeof *old);
    x->count += kept;
    return ACCEL_OK;
}

accel_status store_examine(const char *path, bool repair_it, arena *a, store_finding **out, size_t *count,
                           accel_error *err) {
    examination x = {.path = path, .arena = a, .now_s = time(NULL)};
    accel_status status = open_and_examine(&x, err);
    if (status == ACCEL_OK) {
        bool any = false;
        for (size_t i = 0; i < x.count; i++)
            any = any || x.items[i].can_be_repaired;
        if (repair_it && any)
            status = repair_and_look_again(&x, err);
        else
            database_close(&x.db);
    }
    *count = status == ACCEL_OK ? x.count : 0;
    *out = arena_copy(a, x.items != NULL ? (void *)x.items : "", *count * sizeof *x.items);
    if (*out == NULL && status == ACCEL_OK)
        status = error_no_memory(err, "findings", x.count * sizeof *x.items);
    mem_free(x.items);
    return status;
}
