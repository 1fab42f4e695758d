#include "import/databases.h"

#include "base/file.h"
#include "store/store.h"

static bool is_of_a_run(const char *table) {
    return str_ends_with(table, "_results") || str_equal(table, "hardware_compatibility") ||
           str_equal(table, "web_platform_optimizations");
}

/* New rows of result tables, and in words what came and what was there. */
static accel_status tell(const store_merged *merged, size_t count, bool dry_run, import_report *report,
                         import_file *f, accel_error *err) {
    str_buf words = {0};
    int64_t known = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        all += merged[i].added;
        known += merged[i].known;
        if (is_of_a_run(merged[i].table))
            f->rows += (size_t)merged[i].added;
        if (merged[i].added > 0)
            str_appendf(&words, "%s%lld of %s", words.length > 0 ? ", " : "", (long long)merged[i].added,
                        merged[i].table);
    }
    f->outcome = all > 0 ? IMPORT_IMPORTED : IMPORT_SKIPPED;
    f->known = all == 0;
    report->new_rows += (int64_t)f->rows;
    f->message = all > 0 ? arena_printf(report->arena, "%s%s; %lld rows were here already",
                                        dry_run ? "would add " : "added ", str_text(&words), (long long)known)
                         : "all its rows were here already";
    bool failed = words.failed || f->message == NULL;
    str_free(&words);
    return failed ? error_no_memory(err, "a report", 256) : ACCEL_OK;
}

static accel_status merge(const import_options *o, const char *path, import_report *report, import_file *f,
                          accel_error *err) {
    const store_merged *merged;
    size_t count;
    accel_error own = {0};
    if (o->dry_run && !file_exists(o->database)) {
        f->outcome = IMPORT_SKIPPED;
        f->message = "it would be merged into a new database";
        return ACCEL_OK;
    }
    accel_status status = store_merge(o->database, path, o->dry_run, report->arena, &merged, &count, &own);
    if (status == ACCEL_OK)
        return tell(merged, count, o->dry_run, report, f, err);
    if (status != ACCEL_BAD_FILE && status != ACCEL_UNSUPPORTED && status != ACCEL_INVALID_ARGUMENT)
        return error_set(err, status, "%s", own.message);
    f->outcome = IMPORT_REJECTED;
    f->message = arena_strdup(report->arena, own.message);
    return f->message != NULL ? ACCEL_OK : error_no_memory(err, "a report", 256);
}

accel_status databases_merge(const import_options *options, const char *const *paths, size_t count,
                             import_report *report, accel_error *err) {
    for (size_t i = 0; i < count; i++) {
        import_file *f = &report->files[report->file_count];
        *f = (import_file){.path = paths[i], .shape = "accel database"};
        ACCEL_TRY(merge(options, paths[i], report, f, err));
        report->counts[f->outcome]++;
        report->file_count++;
    }
    return ACCEL_OK;
}
