#include "import/find.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/posix/io.h"

enum { MOST_FOLDERS_DEEP = 32, MOST_FILES = 1000000 };

typedef struct search {
    arena *arena;
    const char *root, *folder;
    int depth;
    found_files *out;
} search;

static accel_status add(found_files *out, const char *path, const char *root, accel_error *err) {
    size_t capacity = out->capacity;
    if (out->count >= MOST_FILES)
        return error_set(err, ACCEL_LIMIT, "there are more than %d files to import: give smaller folders",
                         MOST_FILES);
    if (path == NULL || !mem_grow((void **)&out->paths, &capacity, out->count + 1, sizeof *out->paths) ||
        !mem_grow((void **)&out->roots, &out->capacity, out->count + 1, sizeof *out->roots))
        return error_no_memory(err, "the files to import", (out->count + 1) * sizeof *out->paths);
    out->paths[out->count] = path;
    out->roots[out->count++] = root;
    return ACCEL_OK;
}

static bool is_result_name(const char *name) {
    static const char *const ends[] = {".json", ".jsonl", ".csv", ".parquet"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (str_ends_with(name, ends[i]))
            return true;
    return str_equal(name, "mlperf_log_summary.txt");
}

/* DuckDB files begin with a checksum and their mark. */
static bool is_database(const char *path) {
    static const char mark[] = "DUCK";
    enum { MARK_AT = 8 };
    file_map map;
    if (file_map_open(path, &map, NULL) != ACCEL_OK)
        return false;
    bool is = map.size_bytes > MARK_AT + strlen(mark) && memcmp(map.bytes + MARK_AT, mark, strlen(mark)) == 0;
    file_map_close(&map);
    return is;
}

static accel_status add_database(found_files *out, const char *path, accel_error *err) {
    if (!mem_grow((void **)&out->databases, &out->database_capacity, out->database_count + 1,
                  sizeof *out->databases))
        return error_no_memory(err, "the databases to merge", sizeof *out->databases);
    out->databases[out->database_count++] = path;
    return ACCEL_OK;
}

static accel_status visit(void *context, const char *name, accel_error *err) {
    search *s = context, below = *s;
    struct stat facts;
    str_buf path = {0};
    file_join(&path, s->folder, name);
    below.folder = arena_strdup(s->arena, str_text(&path));
    bool failed = path.failed || below.folder == NULL;
    str_free(&path);
    if (failed)
        return error_no_memory(err, "a path", strlen(name));
    if (io_lstat(below.folder, &facts) != 0)
        return errno == ENOENT ? ACCEL_OK
                               : io_error(err, "cannot look at", below.folder); /* gone since it was listed */
    if (S_ISDIR(facts.st_mode)) {
        if (++below.depth > MOST_FOLDERS_DEEP)
            return error_set(err, ACCEL_LIMIT, "%s is more than %d folders deep", below.folder,
                             MOST_FOLDERS_DEEP);
        return file_list(below.folder, visit, &below, err);
    }
    if (S_ISREG(facts.st_mode) && is_result_name(name))
        return add(s->out, below.folder, s->root, err);
    s->out->others++;
    return ACCEL_OK;
}

accel_status find_files(const char *path, arena *a, found_files *out, accel_error *err) {
    const char *own = arena_strdup(a, path);
    if (own == NULL)
        return error_no_memory(err, "a path", strlen(path));
    if (!file_exists(path))
        return error_set(err, ACCEL_NOT_FOUND, "there is no file or folder %s", path);
    if (!file_is_folder(path))
        return is_database(path) ? add_database(out, own, err) : add(out, own, NULL, err);
    search s = {.arena = a, .root = own, .folder = own, .out = out};
    return file_list(own, visit, &s, err);
}

void found_files_free(found_files *f) {
    mem_free((void *)f->paths);
    mem_free((void *)f->roots);
    mem_free((void *)f->databases);
    *f = (found_files){0};
}
