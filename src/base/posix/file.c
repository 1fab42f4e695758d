/* Reading whole files, and folders. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/posix/io.h"

enum { DEEPEST_TREE = 128 }; /* each level holds a descriptor open */

/* --- reading --- */

static accel_status read_descriptor(int descriptor, const char *path, size_t max_bytes, str_buf *b,
                                    accel_error *err) {
    char chunk[16 * 1024];
    /* To the end, whatever fstat says: files of /proc and /sys have sizes that are not true. */
    for (;;) {
        ssize_t got = io_read(descriptor, chunk, sizeof chunk);
        if (got < 0) {
            return io_error(err, "cannot read", path);
        }
        if (got == 0) {
            break;
        }
        if ((size_t)got > max_bytes - b->length) {
            return error_set(err, ACCEL_LIMIT, "%s is larger than the %zu bytes allowed for it", path,
                             max_bytes);
        }
        str_append_bytes(b, chunk, (size_t)got);
        if (b->failed) {
            break;
        }
    }
    if (!b->data) {
        str_append_bytes(b, "", 0); /* an empty file is an empty text */
    }
    return b->failed ? error_no_memory(err, path, b->length) : ACCEL_OK;
}

accel_status file_read(const char *path, size_t max_bytes, char **out, size_t *length, accel_error *err) {
    *out = NULL;
    *length = 0;
    /* Nonblocking and then checked: a FIFO must not make us wait. */
    int descriptor = io_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (descriptor < 0) {
        return io_error(err, "cannot open", path);
    }
    struct stat info;
    str_buf b = {0};
    accel_status status;
    if (io_fstat(descriptor, &info) != 0) {
        status = io_error(err, "cannot examine", path);
    } else if (!S_ISREG(info.st_mode)) {
        status = error_set(err, ACCEL_IO, "%s is not a regular file", path);
    } else {
        status = read_descriptor(descriptor, path, max_bytes, &b, err);
    }
    (void)io_close(descriptor);
    if (status != ACCEL_OK) {
        str_free(&b);
        return status;
    }
    *out = b.data;
    *length = b.length;
    return ACCEL_OK;
}

/* --- what is there --- */

bool file_exists(const char *path) {
    struct stat info;
    return io_stat(path, &info) == 0;
}

bool file_is_folder(const char *path) {
    struct stat info;
    return io_stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* --- folders --- */

static accel_status make_folder(const char *path, accel_error *err) {
    if (io_mkdir(path, 0755) == 0) {
        return ACCEL_OK;
    }
    int saved_errno = errno;
    if (file_is_folder(path)) {
        return ACCEL_OK;
    }
    errno = saved_errno;
    return io_error(err, "cannot make the folder", path);
}

accel_status file_make_folders(const char *path, accel_error *err) {
    str_buf b = {0};
    str_append(&b, path);
    if (b.failed) {
        return error_no_memory(err, "a path", strlen(path));
    }
    accel_status status = ACCEL_OK;
    for (char *slash = b.data; status == ACCEL_OK && slash;) {
        slash = strchr(slash + strspn(slash, "/"), '/');
        if (slash) {
            *slash = '\0';
        }
        if (*b.data != '\0') {
            status = make_folder(b.data, err);
        }
        if (slash) {
            *slash = '/';
        }
    }
    str_free(&b);
    return status;
}

accel_status file_remove(const char *path, accel_error *err) {
    if (io_unlink(AT_FDCWD, path, 0) != 0 && errno != ENOENT) {
        return io_error(err, "cannot remove", path);
    }
    return ACCEL_OK;
}

static bool is_self_or_parent(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static accel_status remove_entry(int folder, const char *name, const char *root, int depth, accel_error *err);

static accel_status remove_contents(DIR *stream, const char *root, int depth, accel_error *err) {
    for (;;) {
        struct dirent *entry = io_next_entry(stream);
        if (!entry) {
            return errno == 0 ? ACCEL_OK : io_error(err, "cannot list a folder of", root);
        }
        if (!is_self_or_parent(entry->d_name)) {
            ACCEL_TRY(remove_entry(dirfd(stream), entry->d_name, root, depth, err));
        }
    }
}

static accel_status remove_folder(int folder, const char *name, const char *root, int depth,
                                  accel_error *err) {
    if (depth > DEEPEST_TREE) {
        return error_set(err, ACCEL_LIMIT, "%s has folders deeper than %d levels", root, DEEPEST_TREE);
    }
    int descriptor = io_open(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    DIR *stream = descriptor >= 0 ? io_open_folder(descriptor) : NULL;
    if (!stream) {
        return io_error(err, "cannot open a folder of", root);
    }
    accel_status status = remove_contents(stream, root, depth + 1, err);
    closedir(stream);
    if (status == ACCEL_OK && io_unlink(folder, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
        status = io_error(err, "cannot remove a folder of", root);
    }
    return status;
}

/* A link is removed, never followed. */
static accel_status remove_entry(int folder, const char *name, const char *root, int depth,
                                 accel_error *err) {
    if (io_unlink(folder, name, 0) == 0 || errno == ENOENT) {
        return ACCEL_OK;
    }
    if (errno != EISDIR && errno != EPERM) { /* EPERM: what POSIX says of a folder */
        return io_error(err, "cannot remove a file of", root);
    }
    return remove_folder(folder, name, root, depth, err);
}

accel_status file_remove_tree(const char *path, accel_error *err) {
    return remove_entry(AT_FDCWD, path, path, 0, err);
}

accel_status file_remove_tree_within(const char *path, double limit_s, accel_error *err) {
    const uint64_t pause_ns = 10000000, begin = clock_now_ns();
    for (;;) {
        accel_status status = file_remove_tree(path, err);
        if (status == ACCEL_OK || (double)(clock_now_ns() - begin) * 1e-9 > limit_s) {
            return status;
        }
        clock_sleep_ns(pause_ns);
    }
}

accel_status file_make_temp_folder(const char *prefix, str_buf *path, accel_error *err) {
    const char *base = getenv("TMPDIR");
    str_buf pattern = {0};
    file_join(&pattern, base && *base != '\0' ? base : "/tmp", prefix);
    str_append(&pattern, "XXXXXX");
    accel_status status = ACCEL_OK;
    if (pattern.failed) {
        status = error_no_memory(err, "a path", pattern.length);
    } else if (!io_make_temp_folder(pattern.data)) {
        status = io_error(err, "cannot make a temporary folder like", pattern.data);
    } else {
        str_append(path, pattern.data);
        if (path->failed) {
            (void)io_unlink(AT_FDCWD, pattern.data, AT_REMOVEDIR);
            status = error_no_memory(err, "a path", pattern.length);
        }
    }
    str_free(&pattern);
    return status;
}

/* --- listing --- */

typedef struct names {
    arena *texts;
    const char **list;
    size_t count;
    size_t capacity;
} names;

static bool names_add(names *n, const char *name) {
    void *list = n->list;
    if (!mem_grow(&list, &n->capacity, n->count + 1, sizeof *n->list)) {
        return false;
    }
    n->list = list;
    const char *copy = arena_strdup(n->texts, name);
    if (!copy) {
        return false;
    }
    n->list[n->count++] = copy;
    return true;
}

static accel_status collect_names(DIR *stream, const char *folder, names *n, accel_error *err) {
    for (;;) {
        struct dirent *entry = io_next_entry(stream);
        if (!entry) {
            return errno == 0 ? ACCEL_OK : io_error(err, "cannot list", folder);
        }
        if (!is_self_or_parent(entry->d_name) && !names_add(n, entry->d_name)) {
            return error_no_memory(err, "the names in a folder", n->count * sizeof *n->list);
        }
    }
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static accel_status read_names(const char *folder, names *n, accel_error *err) {
    int descriptor = io_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
    DIR *stream = descriptor >= 0 ? io_open_folder(descriptor) : NULL;
    if (!stream) {
        return io_error(err, "cannot list", folder);
    }
    accel_status status = collect_names(stream, folder, n, err);
    closedir(stream);
    return status;
}

accel_status file_list(const char *folder, file_visitor visit, void *context, accel_error *err) {
    names n = {.texts = arena_create()};
    if (!n.texts) {
        return error_no_memory(err, "the names in a folder", 0);
    }
    /* All names before the first visit, so that a visitor may remove what it sees. */
    accel_status status = read_names(folder, &n, err);
    if (status == ACCEL_OK && n.count > 1) {
        qsort(n.list, n.count, sizeof *n.list, compare_names);
    }
    for (size_t i = 0; status == ACCEL_OK && i < n.count; i++) {
        status = visit(context, n.list[i], err);
    }
    mem_free(n.list);
    arena_destroy(n.texts);
    return status;
}
