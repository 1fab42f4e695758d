#include "base/posix/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

#include "base/file.h"

static atomic_uint_least64_t io_calls;
static atomic_uint_least64_t fault_at; /* the call that fails; 0: none */
static atomic_int fault_errno;

void file_fault_set(uint64_t n, int errno_value) {
    uint64_t count = atomic_load(&io_calls);
    atomic_store(&fault_errno, errno_value);
    atomic_store(&fault_at, n == 0 ? 0 : count + n);
}

uint64_t file_io_count(void) {
    return atomic_load(&io_calls);
}

static bool fault_now(void) {
    uint64_t number = atomic_fetch_add(&io_calls, 1) + 1;
    if (number != atomic_load(&fault_at)) {
        return false;
    }
    errno = atomic_load(&fault_errno);
    return true;
}

/* Makes the call, again as long as a signal interrupts it. */
#define IO_CALL(result, failed, call)                                                                        \
    do {                                                                                                     \
        (result) = fault_now() ? (failed) : (call);                                                          \
    } while ((result) == (failed) && errno == EINTR)

int io_open(int folder, const char *path, int flags, mode_t mode) {
    int descriptor;
    IO_CALL(descriptor, -1, openat(folder, path, flags | O_CLOEXEC, mode));
    return descriptor;
}

static int open_resolved(int folder, const char *path, int flags, bool in_root) {
#ifdef SYS_openat2
    struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC),
                           .resolve = in_root ? RESOLVE_IN_ROOT : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int descriptor;
    /* EAGAIN: somebody renamed something while the kernel looked. */
    for (int tries = 0; tries < 100; tries++) {
        IO_CALL(descriptor, -1, (int)syscall(SYS_openat2, folder, path, &how, sizeof how));
        if (descriptor >= 0 || errno != EAGAIN) {
            break;
        }
    }
    return descriptor;
#else
    (void)folder;
    (void)path;
    (void)flags;
    (void)in_root;
    errno = ENOSYS;
    return -1;
#endif
}

int io_open_beneath(int folder, const char *path, int flags) {
    return open_resolved(folder, path, flags, false);
}

int io_open_in_root(int folder, const char *path, int flags) {
    return open_resolved(folder, path, flags, true);
}

int io_close(int descriptor) {
    bool fault = fault_now();
    int saved_errno = errno;
    /* Never repeated: on Linux the descriptor is gone even when a signal interrupts. */
    int result = close(descriptor);
    if (fault) {
        errno = saved_errno;
        return -1;
    }
    return result != 0 && errno == EINTR ? 0 : result;
}

ssize_t io_read(int descriptor, void *bytes, size_t length) {
    ssize_t result;
    IO_CALL(result, -1, read(descriptor, bytes, length));
    return result;
}

ssize_t io_write(int descriptor, const void *bytes, size_t length) {
    ssize_t result;
    IO_CALL(result, -1, write(descriptor, bytes, length));
    return result;
}

bool io_write_all(int descriptor, const void *bytes, size_t length) {
    for (const char *at = bytes; length > 0;) {
        ssize_t written = io_write(descriptor, at, length);
        if (written == 0)
            errno = ENOSPC;
        if (written <= 0)
            return false;
        at += written;
        length -= (size_t)written;
    }
    return true;
}

int io_fsync(int descriptor) {
    int result;
    IO_CALL(result, -1, fsync(descriptor));
    return result;
}

int io_fstat(int descriptor, struct stat *out) {
    int result;
    IO_CALL(result, -1, fstat(descriptor, out));
    return result;
}

int io_stat(const char *path, struct stat *out) {
    int result;
    IO_CALL(result, -1, stat(path, out));
    return result;
}

int io_lstat(const char *path, struct stat *out) {
    int result;
    IO_CALL(result, -1, lstat(path, out));
    return result;
}

int io_rename(const char *from, const char *to) {
    int result;
    IO_CALL(result, -1, rename(from, to));
    return result;
}

int io_lock(int descriptor) {
    int result;
    IO_CALL(result, -1, flock(descriptor, LOCK_EX | LOCK_NB));
    return result;
}

int io_unlink(int folder, const char *path, int flags) {
    int result;
    IO_CALL(result, -1, unlinkat(folder, path, flags));
    return result;
}

int io_mkdir(const char *path, mode_t mode) {
    int result;
    IO_CALL(result, -1, mkdir(path, mode));
    return result;
}

char *io_make_temp_folder(char *pattern) {
    char *result;
    IO_CALL(result, NULL, mkdtemp(pattern));
    return result;
}

char *io_real_path(const char *path, char *out) {
    char *result;
    IO_CALL(result, NULL, realpath(path, out));
    return result;
}

void *io_map(size_t length, int descriptor) {
    void *result;
    IO_CALL(result, MAP_FAILED, mmap(NULL, length, PROT_READ, MAP_PRIVATE, descriptor, 0));
    return result;
}

DIR *io_open_folder(int descriptor) {
    DIR *result;
    IO_CALL(result, NULL, fdopendir(descriptor));
    if (!result) {
        int saved_errno = errno;
        close(descriptor);
        errno = saved_errno;
    }
    return result;
}

struct dirent *io_next_entry(DIR *folder) {
    if (fault_now()) {
        return NULL;
    }
    errno = 0;
    return readdir(folder);
}

accel_status io_status(int errno_value) {
    switch (errno_value) {
    case ENOENT:
        return ACCEL_NOT_FOUND;
    case ENOMEM:
        return ACCEL_OUT_OF_MEMORY;
    default:
        return ACCEL_IO;
    }
}

accel_status io_error(accel_error *err, const char *what, const char *path) {
    int number = errno;
    return error_set(err, io_status(number), "%s %s: %s", what, path, strerror(number));
}
