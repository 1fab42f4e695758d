#include "server/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/file.h"
#include "base/posix/io.h"

accel_status secret_token(char out[TOKEN_BYTES], accel_error *err) {
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set(err, ACCEL_RUNTIME, "the system gives no random numbers: %s", strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++)
        str_format(out + 2 * i, 3, "%02x", bytes[i]);
    return ACCEL_OK;
}

bool secret_equal(const char *given, const char *token) {
    size_t length = strlen(token);
    if (!given || strlen(given) != length)
        return false;
    unsigned different = 0;
    for (size_t i = 0; i < length; i++)
        different |= (unsigned)(unsigned char)given[i] ^ (unsigned char)token[i];
    return different == 0;
}

static accel_status write_new(const char *path, const void *bytes, size_t length, accel_error *err) {
    (void)io_unlink(AT_FDCWD, path, 0); /* what a killed process left */
    int descriptor = io_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return io_error(err, "cannot write", path);
    bool written = io_write_all(descriptor, bytes, length) && io_fsync(descriptor) == 0;
    accel_status status = written ? ACCEL_OK : io_error(err, "cannot write", path);
    io_close(descriptor);
    return status;
}

accel_status secret_write(const char *path, const void *bytes, size_t length, accel_error *err) {
    str_buf folder = {0}, beside = {0};
    file_dir_name(&folder, path);
    str_appendf(&beside, "%s.new", path);
    accel_status status = folder.failed || beside.failed ? error_no_memory(err, "a path", strlen(path))
                                                         : file_make_folders(folder.data, err);
    if (status == ACCEL_OK)
        status = write_new(beside.data, bytes, length, err);
    if (status == ACCEL_OK && io_rename(beside.data, path) != 0)
        status = io_error(err, "cannot write", path);
    str_free(&folder);
    str_free(&beside);
    return status;
}
