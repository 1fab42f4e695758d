/* Files in a page: those that it has written into this memory, read where they lie; there is nowhere
 * to write. */
#include "base/file.h"

#include <string.h>

#include "base/mem.h"
#include "base/path_internal.h"
#include "base/wasm/files.h"

/* Bytes of a file that something else has taken the place of. */
typedef struct reused_range {
    const uint8_t *start;
    size_t length;
    uint64_t what;
} reused_range;

static struct {
    memory_file *files;
    size_t count, capacity;
    char *missing; /* the name that was last looked for in vain */
    reused_range *reused;
    size_t reused_count, reused_capacity;
} page_files;
static memory_reuse reuse; /* stays when the files go */

static memory_file *find(const char *name) {
    for (size_t i = 0; i < page_files.count; i++) {
        if (str_equal(page_files.files[i].name, name)) {
            return &page_files.files[i];
        }
    }
    return NULL;
}

static char *copy_name(const char *name, size_t length) {
    char *copy = mem_alloc(length + 1);
    if (copy) {
        memcpy(copy, name, length);
        copy[length] = '\0';
    }
    return copy;
}

accel_status memory_file_add(const char *name, size_t name_length, void *bytes, size_t size_bytes,
                             accel_error *err) {
    if (!mem_grow((void **)&page_files.files, &page_files.capacity, page_files.count + 1,
                  sizeof *page_files.files)) {
        return error_no_memory(err, "a list of files", sizeof *page_files.files);
    }
    memory_file file = {copy_name(name, name_length), bytes, size_bytes};
    if (!file.name) {
        return error_no_memory(err, "the name of a file", name_length);
    }
    if (find(file.name)) {
        error_set(err, ACCEL_INVALID_ARGUMENT, "the file %s was given twice", file.name);
        mem_free(file.name);
        return ACCEL_INVALID_ARGUMENT;
    }
    page_files.files[page_files.count++] = file;
    return ACCEL_OK;
}

const char *memory_file_missing(void) {
    return page_files.missing;
}

void memory_files_drop(void) {
    for (size_t i = 0; i < page_files.count; i++) {
        mem_free(page_files.files[i].name);
        mem_free(page_files.files[i].bytes);
    }
    mem_free(page_files.files);
    mem_free(page_files.missing);
    mem_free(page_files.reused);
    memset(&page_files, 0, sizeof page_files);
}

/* ---- contents that are written over --------------------------------------------------------------------------- */

void memory_files_reuse(memory_reuse when) {
    reuse = when;
}

/* Of small models a second set of shapes is made ready sooner from what the file holds, and memory is not what they lack. */
static bool may_reuse(void) {
    const size_t large = (size_t)256 << 20;
    size_t total = 0; /* of one memory: below 4 GiB */
    for (size_t i = 0; i < page_files.count; i++) {
        total += page_files.files[i].size_bytes;
    }
    return reuse == REUSE_ALWAYS || (reuse == REUSE_OF_LARGE && total > large);
}

void *file_reuse(const void *start, size_t length) {
    const uint8_t *from = start;
    if (!may_reuse() || !mem_grow((void **)&page_files.reused, &page_files.reused_capacity,
                                  page_files.reused_count + 1, sizeof *page_files.reused)) {
        return NULL;
    }
    for (size_t i = 0; i < page_files.count; i++) {
        const memory_file *f = &page_files.files[i];
        if (from >= f->bytes && length <= f->size_bytes &&
            (size_t)(from - f->bytes) <= f->size_bytes - length) {
            return f->bytes + (from - f->bytes);
        }
    }
    return NULL;
}

void file_note_reuse(const void *start, size_t length, uint64_t what) {
    page_files.reused[page_files.reused_count++] = (reused_range){start, length, what};
}

uint64_t file_reused(const void *start, size_t length) {
    const uint8_t *from = start;
    for (size_t i = 0; i < page_files.reused_count; i++) {
        const reused_range *r = &page_files.reused[i];
        if (r->start == from && r->length == length) {
            return r->what;
        }
        if (r->start < from + length && from < r->start + r->length) {
            return FILE_REUSED_OTHERWISE;
        }
    }
    return 0;
}

static accel_status absent(accel_error *err, const char *what, const char *path) {
    return error_set(err, ACCEL_ABSENT, "cannot %s %s: a page has no file system", what, path);
}

static accel_status find_or_note(const char *path, memory_file **out, accel_error *err) {
    *out = find(path);
    if (*out) {
        return ACCEL_OK;
    }
    mem_free(page_files.missing);
    page_files.missing = copy_name(path, strlen(path));
    return error_set(err, ACCEL_NOT_FOUND, "the page has no file %s", path);
}

accel_status file_map_open(const char *path, file_map *out, accel_error *err) {
    memory_file *file;
    *out = (file_map){0};
    ACCEL_TRY(find_or_note(path, &file, err));
    *out = (file_map){file->bytes, file->size_bytes, NULL};
    return ACCEL_OK;
}

void file_map_close(file_map *map) {
    *map = (file_map){0};
}

void file_map_release_pages(const file_map *map, const void *start, size_t length) {
    (void)map;
    (void)start;
    (void)length;
}

struct file_folder {
    size_t path_length;
    char path[];
};

accel_status file_folder_open(const char *path, file_folder **out, accel_error *err) {
    size_t length = strlen(path);
    *out = mem_alloc(sizeof **out + length + 1);
    if (!*out) {
        return error_no_memory(err, "a folder", length);
    }
    (*out)->path_length = length;
    memcpy((*out)->path, path, length + 1);
    return ACCEL_OK;
}

void file_folder_close(file_folder *folder) {
    mem_free(folder);
}

accel_status file_map_beneath(const file_folder *folder, const char *name, file_map *out, accel_error *err) {
    *out = (file_map){0};
    ACCEL_TRY(path_check_beneath(folder->path, name, err));
    str_buf path = {0};
    if (str_equal(folder->path, ".")) { /* where a file lies whose name has no slash */
        str_append(&path, name);
    } else {
        file_join(&path, folder->path, name);
    }
    accel_status status = path.failed ? error_no_memory(err, "a path", folder->path_length)
                                      : file_map_open(path.data, out, err);
    str_free(&path);
    return status;
}

accel_status file_read(const char *path, size_t max_bytes, char **out, size_t *length, accel_error *err) {
    memory_file *file;
    *out = NULL;
    *length = 0;
    ACCEL_TRY(find_or_note(path, &file, err));
    if (file->size_bytes > max_bytes) {
        return error_set(err, ACCEL_LIMIT, "%s has %zu bytes; %zu are allowed for it", path, file->size_bytes,
                         max_bytes);
    }
    *out = copy_name((const char *)file->bytes, file->size_bytes);
    *length = file->size_bytes;
    return *out ? ACCEL_OK : error_no_memory(err, path, file->size_bytes + 1);
}

bool file_exists(const char *path) {
    return find(path) != NULL;
}

bool file_is_folder(const char *path) {
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/') {
        length--;
    }
    for (size_t i = 0; i < page_files.count; i++) {
        const char *name = page_files.files[i].name;
        if (strlen(name) > length && memcmp(name, path, length) == 0 && name[length] == '/') {
            return true;
        }
    }
    return false;
}

accel_status file_replace(const char *path, const void *bytes, size_t length, accel_error *err) {
    (void)bytes;
    (void)length;
    return absent(err, "write", path);
}

accel_status file_writer_open(const char *path, file_writer **out, accel_error *err) {
    *out = NULL;
    return absent(err, "write", path);
}

accel_status file_writer_write(file_writer *w, const void *bytes, size_t length, accel_error *err) {
    (void)w;
    (void)bytes;
    (void)length;
    return absent(err, "write", "a file");
}

void file_writer_set_scratch(file_writer *w) {
    (void)w;
}

uint64_t file_writer_offset(const file_writer *w) {
    (void)w;
    return 0;
}

accel_status file_writer_commit(file_writer *w, accel_error *err) {
    (void)w;
    return absent(err, "write", "a file");
}

void file_writer_abort(file_writer *w) {
    (void)w;
}

accel_status file_make_folders(const char *path, accel_error *err) {
    return absent(err, "make the folder", path);
}

accel_status file_remove(const char *path, accel_error *err) {
    return absent(err, "remove", path);
}

accel_status file_remove_tree(const char *path, accel_error *err) {
    return absent(err, "remove", path);
}

accel_status file_make_temp_folder(const char *prefix, str_buf *path, accel_error *err) {
    (void)path;
    return absent(err, "make a temporary folder", prefix);
}

accel_status file_list(const char *folder, file_visitor visit, void *context, accel_error *err) {
    (void)visit;
    (void)context;
    return absent(err, "list", folder);
}

void file_fault_set(uint64_t n, int errno_value) {
    (void)n;
    (void)errno_value;
}

uint64_t file_io_count(void) {
    return 0;
}
