/* Mapped reading, and opening that cannot leave a folder. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path_internal.h"
#include "base/posix/io.h"

/* Where the system has it: a descriptor that only names a folder, and needs no right to read it. */
#ifdef O_PATH
#define FOLDER_FLAGS (O_PATH | O_DIRECTORY)
#else
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY)
#endif

/* Nonblocking, so that opening a FIFO returns (and is then refused) instead of waiting for a writer; a regular
 * file does not mind. */
#define FILE_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY)

static const uint8_t empty_file[1];

static accel_status map_regular(int descriptor, const struct stat *info, const char *name, file_map *out,
                                accel_error *err) {
    if ((uintmax_t)info->st_size > (uintmax_t)PTRDIFF_MAX) {
        return error_set(err, ACCEL_LIMIT, "%s is too large to map into memory", name);
    }
    size_t size_bytes = (size_t)info->st_size;
    if (size_bytes == 0) {
        *out = (file_map){empty_file, 0, NULL};
        return ACCEL_OK;
    }
    void *bytes = io_map(size_bytes, descriptor);
    if (bytes == MAP_FAILED) {
        return io_error(err, "cannot map", name);
    }
    *out = (file_map){bytes, size_bytes, bytes};
    return ACCEL_OK;
}

accel_status file_map_open(const char *path, file_map *out, accel_error *err) {
    *out = (file_map){0};
    int descriptor = io_open(AT_FDCWD, path, FILE_FLAGS, 0);
    if (descriptor < 0) {
        return io_error(err, "cannot open", path);
    }
    struct stat info;
    accel_status status;
    if (io_fstat(descriptor, &info) != 0) {
        status = io_error(err, "cannot examine", path);
    } else if (!S_ISREG(info.st_mode)) {
        status = error_set(err, ACCEL_IO, "%s is not a regular file%s", path,
                           S_ISDIR(info.st_mode) ? " but a folder" : "");
    } else {
        status = map_regular(descriptor, &info, path, out, err);
    }
    (void)io_close(descriptor); /* only read from: nothing can be lost */
    return status;
}

void file_map_close(file_map *map) {
    if (map->handle) {
        (void)munmap(map->handle, map->size_bytes);
    }
    *map = (file_map){0};
}

void file_map_release_pages(const file_map *map, const void *start, size_t length) {
    if (!map->handle || length == 0) {
        return;
    }
    /* Whole pages inside the range only: the page at either end may hold a neighbour's bytes. */
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t map_end = (uintptr_t)map->bytes + map->size_bytes;
    uintptr_t from = (uintptr_t)start;
    if (from < (uintptr_t)map->bytes || from > map_end || length > map_end - from) {
        return;
    }
    uintptr_t to = from + length == map_end ? map_end + page - 1 : from + length;
    from = (from + page - 1) / page * page;
    to = to / page * page;
    if (from < to) {
        (void)madvise((uint8_t *)map->handle + (from - (uintptr_t)map->bytes), to - from, MADV_DONTNEED);
    }
}

/* --- beneath a folder --- */

struct file_folder {
    int descriptor;
    char path[]; /* for the sentences */
};

accel_status file_folder_open(const char *path, file_folder **out, accel_error *err) {
    *out = NULL;
    size_t length = strlen(path);
    file_folder *folder = mem_alloc(sizeof *folder + length + 1);
    if (!folder) {
        return error_no_memory(err, "a folder", sizeof *folder + length + 1);
    }
    memcpy(folder->path, path, length + 1);
    folder->descriptor = io_open(AT_FDCWD, path, FOLDER_FLAGS, 0);
    if (folder->descriptor < 0) {
        mem_free(folder);
        return io_error(err, "cannot open the folder", path);
    }
    *out = folder;
    return ACCEL_OK;
}

void file_folder_close(file_folder *folder) {
    if (folder) {
        (void)io_close(folder->descriptor);
        mem_free(folder);
    }
}

/* Where there is no openat2: one component at a time, following no link. -1 and errno on failure. */
static int open_by_walking(int folder, const char *name) {
    int at = folder;
    int next = -1;
    const char *rest;
    for (const char *p = name; *p != '\0'; p = rest) {
        char component[256];
        size_t length = path_first_component(p, &rest);
        if (length == 1 && *p == '.') {
            continue;
        }
        if (length >= sizeof component) {
            errno = ENAMETOOLONG;
            next = -1;
        } else {
            memcpy(component, p, length);
            component[length] = '\0';
            next = io_open(at, component, (*rest != '\0' ? FOLDER_FLAGS : FILE_FLAGS) | O_NOFOLLOW, 0);
        }
        int saved_errno = errno;
        if (at != folder) {
            (void)io_close(at);
        }
        errno = saved_errno;
        if (next < 0) {
            return -1;
        }
        at = next;
    }
    if (next < 0) {
        errno = EISDIR; /* "." and the like */
    }
    return next;
}

static int open_beneath(const file_folder *folder, const char *name) {
    int descriptor = io_open_beneath(folder->descriptor, name, FILE_FLAGS);
    /* EPERM and EINVAL: sandboxes that do not know the call, or not these flags. */
    if (descriptor < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL)) {
        descriptor = open_by_walking(folder->descriptor, name);
    }
    return descriptor;
}

static accel_status open_failure(const file_folder *folder, const char *name, accel_error *err) {
    if (errno == ELOOP || errno == EXDEV) {
        return error_set(err, ACCEL_BAD_FILE,
                         "\"%s\" in %s is refused: it is or goes through a symbolic link; put the "
                         "file itself there",
                         name, folder->path);
    }
    if (errno == ENOTDIR) {
        return error_set(
            err, ACCEL_BAD_FILE,
            "\"%s\" in %s is refused: it goes through a symbolic link or through something that is no "
            "folder",
            name, folder->path);
    }
    int number = errno;
    return error_set(err, io_status(number), "cannot open \"%s\" in %s: %s", name, folder->path,
                     strerror(number));
}

static accel_status check_descriptor(const file_folder *folder, const char *name, int descriptor,
                                     struct stat *info, accel_error *err) {
    if (io_fstat(descriptor, info) != 0) {
        return io_error(err, "cannot examine", name);
    }
    if (!S_ISREG(info->st_mode)) {
        return error_set(err, ACCEL_BAD_FILE, "\"%s\" in %s is refused: it is not a regular file", name,
                         folder->path);
    }
    if (info->st_nlink > 1) {
        return error_set(err, ACCEL_BAD_FILE,
                         "\"%s\" in %s is refused: it has more than one hard link; copy the file "
                         "there",
                         name, folder->path);
    }
    return ACCEL_OK;
}

accel_status file_map_beneath(const file_folder *folder, const char *name, file_map *out, accel_error *err) {
    *out = (file_map){0};
    ACCEL_TRY(path_check_beneath(folder->path, name, err));
    int descriptor = open_beneath(folder, name);
    if (descriptor < 0) {
        return open_failure(folder, name, err);
    }
    struct stat info;
    accel_status status = check_descriptor(folder, name, descriptor, &info, err);
    if (status == ACCEL_OK) {
        status = map_regular(descriptor, &info, name, out, err);
    }
    (void)io_close(descriptor);
    return status;
}
