/* Whether the archive is what archive_files lists, and nothing is both there and in the table. */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "store/archive_files.h"
#include "store/examine.h"
#include "store/store.h"

typedef struct archive_walk {
    examination *x;
    const char *folder;
    const char *below; /* "" or "year=2025/" and so on */
    const char *const *listed;
    size_t listed_count;
} archive_walk;

static bool is_listed(const archive_walk *w, const char *name) {
    for (size_t i = 0; i < w->listed_count; i++)
        if (str_equal(w->listed[i], name))
            return true;
    return false;
}

/* A file that no transaction has listed. One that still has its temporary name as well was being written when the process was killed; all
 * its results are in the table. */
static accel_status unlisted(archive_walk *w, const char *name, const char *path, accel_error *err) {
    examination *x = w->x;
    int64_t only_here = 0;
    str_buf text = {0};
    sql_append_text(&text, path);
    bool unreadable =
        text.failed ||
        database_number(
            &x->db, &only_here, NULL,
            "SELECT count(*) FROM read_parquet(%s) WHERE record_id NOT IN (SELECT record_id FROM %s q)",
            text.data, x->results) != ACCEL_OK;
    str_free(&text);
    const char *marker = arena_printf(x->arena, "%s.tmp", path);
    bool unfinished = str_ends_with(name, ".tmp") ||
                      (marker != NULL && file_exists(marker) && only_here == 0 && !unreadable);
    return examine_found(
        x, "archive", path, unreadable ? RECORD_NONE : only_here, unfinished, err, "%s",
        unfinished
            ? "is left of an archiving that was not finished; all its results are in the database"
            : "is not listed in archive_files: a backup from before it was listed may have been restored, or one that lists it will be");
}

static accel_status visit(void *context, const char *name, accel_error *err) {
    archive_walk *w = context;
    const char *below = arena_printf(w->x->arena, "%s%s", w->below, name);
    const char *path = below != NULL ? arena_printf(w->x->arena, "%s/%s", w->folder, below) : NULL;
    if (path == NULL)
        return error_no_memory(err, "a path", 0);
    if (!file_is_folder(path))
        return is_listed(w, below) ? ACCEL_OK : unlisted(w, below, path, err);
    archive_walk inner = *w;
    inner.below = arena_printf(w->x->arena, "%s/", below);
    return inner.below != NULL ? file_list(path, visit, &inner, err) : error_no_memory(err, "a path", 0);
}

static accel_status check_listed(examination *x, const char *folder, const char *name, accel_error *err) {
    str_buf path = {0}, quoted = {0};
    char hash[SHA256_HEX_BYTES] = "";
    int64_t same = 0;
    file_map map = {0};
    file_join(&path, folder, name);
    sql_append_text(&quoted, name);
    accel_status status = path.failed || quoted.failed ? error_no_memory(err, "a path", 0) : ACCEL_OK;
    bool there = status == ACCEL_OK && file_map_open(path.data, &map, NULL) == ACCEL_OK;
    if (there) {
        status = sha256_bytes(map.bytes, map.size_bytes, hash, err);
        file_map_close(&map);
    }
    if (status == ACCEL_OK)
        status =
            database_number(&x->db, &same, err,
                            "SELECT count(*) FROM archive_files WHERE file_name = %s AND file_hash = '%s'",
                            quoted.data, hash);
    if (status == ACCEL_OK && same == 0) {
        x->no_archive = true;
        status = examine_found(x, "archive", str_text(&path), RECORD_NONE, false, err, "%s",
                               there ? "is not what was archived: its SHA-256 is another"
                                     : "is listed in archive_files and is not there");
    }
    str_free(&path);
    str_free(&quoted);
    return status;
}

static accel_status check_twice(examination *x, accel_error *err) {
    return examine_count(
        x, "archive", "performance_results", "is in the table and in the archive", true, err,
        "SELECT count(*) FROM (SELECT record_id FROM %s q GROUP BY record_id HAVING count(*) > 1)",
        x->results);
}

accel_status examine_archive(examination *x, accel_error *err) {
    const char **names;
    size_t count;
    int64_t has_list = 0;
    str_buf folder = {0};
    x->results = "performance_results";
    ACCEL_TRY(database_number(&x->db, &has_list, err,
                              "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'archive_files'"));
    if (has_list == 0)
        return ACCEL_OK; /* examine_schema says so */
    ACCEL_TRY(archive_list(&x->db, "", x->arena, &names, &count, err));
    archive_folder(x->path, &folder);
    archive_walk w = {.x = x,
                      .folder = arena_strdup(x->arena, str_text(&folder)),
                      .below = "",
                      .listed = names,
                      .listed_count = count};
    str_free(&folder);
    if (w.folder == NULL)
        return error_no_memory(err, "a path", 0);
    for (size_t i = 0; i < count; i++)
        ACCEL_TRY(check_listed(x, w.folder, names[i], err));
    x->results = archive_results_sql(x->path, names, count, x->arena);
    if (x->no_archive || x->results == NULL)
        return x->no_archive ? ACCEL_OK : error_no_memory(err, "a statement", 0);
    if (count > 0)
        ACCEL_TRY(check_twice(x, err));
    return file_is_folder(w.folder) ? file_list(w.folder, visit, &w, err) : ACCEL_OK;
}

accel_status repair_archive(examination *x, accel_error *err) {
    for (size_t i = 0; i < x->count; i++) {
        const store_finding *f = &x->items[i];
        if (!str_equal(f->check, "archive") || !f->can_be_repaired)
            continue;
        if (str_equal(f->table, "performance_results")) /* archived rows never change, so the live ones go */
            ACCEL_TRY(database_execf(
                &x->db, err,
                "DELETE FROM performance_results WHERE record_id IN (SELECT record_id FROM %s q GROUP BY record_id HAVING count(*) > 1)",
                x->results));
        else
            ACCEL_TRY(file_remove(f->table, err));
    }
    return ACCEL_OK;
}
