/* What lies beside the database and should not: the spool's leftovers, and what killed processes did not put away. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/database_file.h"
#include "store/examine.h"

/* What a process at work has under its hands is younger. */
enum { OLD_S = 600 };

static bool is_old(const examination *x, const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && x->now_s - info.st_mtim.tv_sec > OLD_S;
}

typedef struct folder_walk {
    examination *x;
    const char *folder, *text;
    const char *endings[3];
    bool can_be_repaired;
    int64_t waiting; /* records */
} folder_walk;

static accel_status visit(void *context, const char *name, accel_error *err) {
    folder_walk *w = context;
    w->waiting += str_ends_with(name, ".json");
    for (size_t i = 0; i < 3 && w->endings[i] != NULL; i++) {
        if (!str_ends_with(name, w->endings[i]))
            continue;
        const char *path = arena_printf(w->x->arena, "%s/%s", w->folder, name);
        if (path == NULL)
            return error_no_memory(err, "a path", 0);
        if (!w->can_be_repaired || is_old(w->x, path))
            return examine_found(w->x, w->can_be_repaired ? "files" : "spool", path, RECORD_NONE,
                                 w->can_be_repaired, err, "%s", w->text);
    }
    return ACCEL_OK;
}

static accel_status walk(examination *x, const char *suffix, folder_walk *w, accel_error *err) {
    w->x = x;
    w->folder = arena_printf(x->arena, "%s%s", x->path, suffix);
    if (w->folder == NULL)
        return error_no_memory(err, "a path", 0);
    return file_is_folder(w->folder) ? file_list(w->folder, visit, w, err) : ACCEL_OK;
}

static accel_status check_spool(examination *x, accel_error *err) {
    folder_walk spool = {.endings = {".tmp"},
                         .can_be_repaired = true,
                         .text = "is left of a writer that was killed before its record was acknowledged"};
    folder_walk rejected = {.endings = {".json"}, .text = "was no valid record and was set aside"};
    ACCEL_TRY(walk(x, ".spool", &spool, err));
    if (spool.waiting > 0) /* what could be taken in was, before the checks began */
        ACCEL_TRY(examine_found(x, "spool", spool.folder, spool.waiting, false, err,
                                "holds records that could not be taken in"));
    return walk(x, ".spool/rejected", &rejected, err);
}

static accel_status check_beside(examination *x, accel_error *err) {
    static const struct {
        const char *suffix, *text;
        bool can_be_repaired;
    } files[] = {
        {".new", "is left of a rewriting that was not finished", true},
        {".new.wal", "is left of a rewriting that was not finished", true},
        {".restoring", "is left of a restoring that was not finished", true},
        {".wal.orphan", "is the log of a database that is gone", false},
        {".replaced.wal", "is the log of a database that was replaced by a backup", false},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = arena_printf(x->arena, "%s%s", x->path, files[i].suffix);
        if (path == NULL)
            return error_no_memory(err, "a path", 0);
        if (file_exists(path) && (!files[i].can_be_repaired || is_old(x, path)))
            ACCEL_TRY(examine_found(x, "files", path, RECORD_NONE, files[i].can_be_repaired, err, "%s",
                                    files[i].text));
    }
    return ACCEL_OK;
}

accel_status examine_files(examination *x, accel_error *err) {
    folder_walk backups = {.endings = {".part", ".unpacked", ".tmp"},
                           .can_be_repaired = true,
                           .text = "is left of a backup that was not finished"};
    ACCEL_TRY(check_spool(x, err));
    ACCEL_TRY(check_beside(x, err));
    return walk(x, ".backups", &backups, err);
}

accel_status repair_files(examination *x, accel_error *err) {
    for (size_t i = 0; i < x->count; i++)
        if (str_equal(x->items[i].check, "files") && x->items[i].can_be_repaired)
            ACCEL_TRY(file_remove(x->items[i].table, err));
    return ACCEL_OK;
}
