/* Writing that is whole or absent: a temporary beside the file, fsync, rename, fsync of the folder. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/posix/io.h"

enum { BUFFER_BYTES = 64 * 1024, NAME_TRIES = 100 };

struct file_writer {
    int descriptor; /* -1: closed */
    bool failed;    /* a write failed, so that a commit must not show the file */
    bool temporary_there;
    bool scratch;    /* need not outlive a power cut */
    uint64_t offset; /* written so far, as the caller sees it */
    size_t buffered;
    str_buf path; /* of the file itself: a symbolic link is resolved, not replaced */
    str_buf folder;
    str_buf temporary;
    uint8_t buffer[BUFFER_BYTES];
};

static void writer_destroy(file_writer *w) {
    if (w->descriptor >= 0) {
        (void)io_close(w->descriptor);
    }
    if (w->temporary_there) {
        (void)io_unlink(AT_FDCWD, w->temporary.data, 0);
    }
    str_free(&w->path);
    str_free(&w->folder);
    str_free(&w->temporary);
    mem_free(w);
}

/* A device or a FIFO must not be renamed over (think of /dev/null), and a link stays a link. */
static accel_status resolve_target(file_writer *w, const char *path, accel_error *err) {
    struct stat info;
    char resolved[PATH_MAX];
    if (io_lstat(path, &info) == 0 && S_ISLNK(info.st_mode)) {
        if (io_real_path(path, resolved)) {
            path = resolved;
        } else {
            return io_error(err, "cannot follow the link", path);
        }
    }
    if (io_stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        return error_set(err, ACCEL_IO, "cannot write %s: it is there and is not a regular file", path);
    }
    str_append(&w->path, path);
    file_dir_name(&w->folder, path);
    return ACCEL_OK;
}

/* Short and independent of the file's own name, which may already have the greatest length. */
static accel_status temporary_name(file_writer *w, accel_error *err) {
    static atomic_uint counter;
    char name[96];
    str_format(name, sizeof name, ".accel-%ld-%u-%llx.tmp", (long)getpid(), atomic_fetch_add(&counter, 1),
               (unsigned long long)clock_now_ns());
    str_free(&w->temporary);
    file_join(&w->temporary, w->folder.data ? w->folder.data : ".", name);
    if (w->path.failed || w->folder.failed || w->temporary.failed) {
        return error_no_memory(err, "the name of a temporary file", sizeof name);
    }
    return ACCEL_OK;
}

static accel_status open_temporary(file_writer *w, accel_error *err) {
    for (int tries = 0; tries < NAME_TRIES; tries++) {
        ACCEL_TRY(temporary_name(w, err));
        w->descriptor = io_open(AT_FDCWD, w->temporary.data, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
        if (w->descriptor >= 0) {
            w->temporary_there = true;
            return ACCEL_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return io_error(err, "cannot create a temporary file to write", w->path.data);
}

accel_status file_writer_open(const char *path, file_writer **out, accel_error *err) {
    *out = NULL;
    file_writer *w = mem_alloc(sizeof *w);
    if (!w) {
        return error_no_memory(err, "a file's buffer", sizeof *w);
    }
    memset(w, 0, offsetof(file_writer, buffer));
    w->descriptor = -1;
    accel_status status = resolve_target(w, path, err);
    if (status == ACCEL_OK) {
        status = open_temporary(w, err);
    }
    if (status != ACCEL_OK) {
        writer_destroy(w);
        return status;
    }
    *out = w;
    return ACCEL_OK;
}

static accel_status write_all(file_writer *w, const void *bytes, size_t length, accel_error *err) {
    if (!io_write_all(w->descriptor, bytes, length)) {
        w->failed = true;
        return io_error(err, "cannot write", w->path.data);
    }
    return ACCEL_OK;
}

static accel_status flush(file_writer *w, accel_error *err) {
    size_t length = w->buffered;
    w->buffered = 0;
    return write_all(w, w->buffer, length, err);
}

accel_status file_writer_write(file_writer *w, const void *bytes, size_t length, accel_error *err) {
    if (w->failed) {
        return error_set(err, ACCEL_IO, "cannot write %s: an earlier write failed", w->path.data);
    }
    if (length > sizeof w->buffer - w->buffered) {
        ACCEL_TRY(flush(w, err));
    }
    if (length > sizeof w->buffer) {
        ACCEL_TRY(write_all(w, bytes, length, err));
    } else if (length > 0) {
        memcpy(w->buffer + w->buffered, bytes, length);
        w->buffered += length;
    }
    w->offset += length;
    return ACCEL_OK;
}

void file_writer_set_scratch(file_writer *w) {
    w->scratch = true;
}

uint64_t file_writer_offset(const file_writer *w) {
    return w->offset;
}

static accel_status finish_temporary(file_writer *w, accel_error *err) {
    if (w->failed) {
        return error_set(err, ACCEL_IO, "cannot write %s: an earlier write failed", w->path.data);
    }
    ACCEL_TRY(flush(w, err));
    if (!w->scratch && io_fsync(w->descriptor) != 0) {
        return io_error(err, "cannot bring to disk", w->path.data);
    }
    int descriptor = w->descriptor;
    w->descriptor = -1;
    if (io_close(descriptor) != 0) {
        return io_error(err, "cannot finish writing", w->path.data);
    }
    return ACCEL_OK;
}

static accel_status sync_folder(const char *folder, accel_error *err) {
    int descriptor = io_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
    if (descriptor < 0) {
        return io_error(err, "cannot open the folder", folder);
    }
    accel_status status = ACCEL_OK;
    /* EINVAL: a file system that has nothing to do for a folder. */
    if (io_fsync(descriptor) != 0 && errno != EINVAL) {
        status = io_error(err, "cannot bring to disk the folder", folder);
    }
    (void)io_close(descriptor);
    return status;
}

accel_status file_writer_commit(file_writer *w, accel_error *err) {
    accel_status status = finish_temporary(w, err);
    if (status == ACCEL_OK) {
        if (io_rename(w->temporary.data, w->path.data) != 0) {
            status = io_error(err, "cannot put in place", w->path.data);
        } else {
            w->temporary_there = false;
            status = w->scratch ? ACCEL_OK : sync_folder(w->folder.data, err);
        }
    }
    writer_destroy(w);
    return status;
}

void file_writer_abort(file_writer *w) {
    if (w) {
        writer_destroy(w);
    }
}

accel_status file_replace(const char *path, const void *bytes, size_t length, accel_error *err) {
    file_writer *w;
    ACCEL_TRY(file_writer_open(path, &w, err));
    accel_status status = file_writer_write(w, bytes, length, err);
    if (status != ACCEL_OK) {
        file_writer_abort(w);
        return status;
    }
    return file_writer_commit(w, err);
}
