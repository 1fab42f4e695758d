/* Every I/O system call of base/, and every read of hw/, goes through here: each is counted, can be made to fail (file_fault_set) and is
 * repeated when a signal interrupts it. They return what the system call returns, with errno set. */
#ifndef ACCEL_BASE_POSIX_IO_H
#define ACCEL_BASE_POSIX_IO_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"

int io_open(int folder, const char *path, int flags, mode_t mode); /* openat; folder may be AT_FDCWD */
int io_open_beneath(int folder, const char *path, int flags);      /* openat2; ENOSYS where there is none */
/* The same with links followed as if folder were the root (chroot). */
int io_open_in_root(int folder, const char *path, int flags);
int io_close(int descriptor); /* closes also when it is made to fail */
ssize_t io_read(int descriptor, void *bytes, size_t length);
ssize_t io_write(int descriptor, const void *bytes, size_t length);
bool io_write_all(int descriptor, const void *bytes, size_t length); /* false with errno set */
int io_fsync(int descriptor);
int io_fstat(int descriptor, struct stat *out);
int io_stat(const char *path, struct stat *out);
int io_lstat(const char *path, struct stat *out);
int io_rename(const char *from, const char *to);
int io_lock(int descriptor);                            /* flock, without waiting */
int io_unlink(int folder, const char *path, int flags); /* unlinkat */
int io_mkdir(const char *path, mode_t mode);
char *io_make_temp_folder(char *pattern); /* mkdtemp */
char *io_real_path(const char *path, char *out);
void *io_map(size_t length, int descriptor); /* MAP_FAILED on failure */
DIR *io_open_folder(int descriptor);         /* fdopendir; owns the descriptor, also on failure */
struct dirent *io_next_entry(DIR *folder);   /* NULL at the end (errno 0) and on failure (errno set) */

/* "<what> <path>: <the system's words>", with the status that errno stands for. */
accel_status io_error(accel_error *err, const char *what, const char *path);
accel_status io_status(int errno_value);

#endif
