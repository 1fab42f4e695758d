/* Files in a page: those that it has taken in can be read, whole; there is nowhere to write. */
#include "base/file.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/path_internal.h"
#include "base/wasm/host.h"

static accel_status absent(accel_error *err, const char *what, const char *path) {
    return error_set(err, ACCEL_ABSENT, "cannot %s %s: a page has no file system", what, path);
}

/* Fresh memory with the file and one NUL after it. */
static accel_status read_whole(const char *path, double max_bytes, uint8_t **out, size_t *length,
                               accel_error *err) {
    size_t path_length = strlen(path);
    double size = host_file_size(path, path_length);
    if (size < 0) {
        return size == -1 ? error_set(err, ACCEL_NOT_FOUND, "the page has no file %s", path)
                          : absent(err, "read", path);
    }
    if (size > max_bytes) {
        return error_set(err, ACCEL_LIMIT, "%s has %.0f bytes; %.0f are allowed for it", path, size,
                         max_bytes);
    }
    size_t size_bytes = (size_t)size;
    uint8_t *bytes = mem_alloc(size_bytes + 1);
    if (!bytes) {
        return error_no_memory(err, path, size_bytes + 1);
    }
    if (host_file_read(path, path_length, 0, bytes, size_bytes) != size) {
        mem_free(bytes);
        return error_set(err, ACCEL_IO, "cannot read %s: the page gave less than its %.0f bytes", path, size);
    }
    bytes[size_bytes] = 0;
    *out = bytes;
    *length = size_bytes;
    return ACCEL_OK;
}

accel_status file_map_open(const char *path, file_map *out, accel_error *err) {
    *out = (file_map){0};
    uint8_t *bytes;
    size_t length;
    ACCEL_TRY(read_whole(path, (double)(PTRDIFF_MAX - 1), &bytes, &length, err));
    *out = (file_map){bytes, length, bytes};
    return ACCEL_OK;
}

void file_map_close(file_map *map) {
    mem_free(map->handle);
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
    file_join(&path, folder->path, name);
    accel_status status = path.failed ? error_no_memory(err, "a path", folder->path_length)
                                      : file_map_open(path.data, out, err);
    str_free(&path);
    return status;
}

accel_status file_read(const char *path, size_t max_bytes, char **out, size_t *length, accel_error *err) {
    *out = NULL;
    *length = 0;
    uint8_t *bytes;
    double most = max_bytes < PTRDIFF_MAX ? (double)max_bytes : (double)(PTRDIFF_MAX - 1);
    ACCEL_TRY(read_whole(path, most, &bytes, length, err));
    *out = (char *)bytes;
    return ACCEL_OK;
}

bool file_exists(const char *path) {
    return host_file_size(path, strlen(path)) >= 0;
}

bool file_is_folder(const char *path) {
    (void)path;
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
