#include "import/put_away.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/posix/io.h"
#include "import/file.h"

/* Whether a file with these bytes is there: then it was moved by an import that was stopped. */
static bool has_hash(const char *path, const char *hash) {
    char *bytes, own[SHA256_HEX_BYTES];
    size_t length;
    if (file_read(path, IMPORT_MOST_FILE_BYTES, &bytes, &length, NULL) != ACCEL_OK)
        return false;
    bool same = sha256_bytes(bytes, length, own, NULL) == ACCEL_OK && str_equal(own, hash);
    mem_free(bytes);
    return same;
}

static accel_status copy_over(const char *path, const char *to, accel_error *err) {
    char *bytes;
    size_t length;
    ACCEL_TRY(file_read(path, IMPORT_MOST_FILE_BYTES, &bytes, &length, err));
    accel_status status = file_replace(to, bytes, length, err);
    mem_free(bytes);
    return status == ACCEL_OK ? file_remove(path, err) : status;
}

static accel_status move(const char *path, const char *to, const char *hash, accel_error *err) {
    if (file_exists(to))
        return has_hash(to, hash)
                   ? file_remove(path, err)
                   : error_set(err, ACCEL_IO, "%s stays where it is: there is another file %s", path, to);
    if (io_rename(path, to) == 0)
        return ACCEL_OK;
    return errno == EXDEV ? copy_over(path, to, err) : io_error(err, "cannot move to", to);
}

accel_status put_away_move(const char *path, const char *root, const char *folder, const char *hash,
                           accel_error *err) {
    str_buf to = {0}, parent = {0};
    const char *name = root != NULL ? path + strlen(root) : file_base_name(path);
    file_join(&to, folder, name + strspn(name, "/"));
    file_dir_name(&parent, str_text(&to));
    accel_status status = to.failed || parent.failed ? error_no_memory(err, "a path", to.length)
                                                     : file_make_folders(str_text(&parent), err);
    if (status == ACCEL_OK && file_exists(str_text(&to)) && !has_hash(str_text(&to), hash))
        str_appendf(&to, ".%.16s", hash);
    if (status == ACCEL_OK)
        status = to.failed ? error_no_memory(err, "a path", to.length) : move(path, str_text(&to), hash, err);
    str_free(&to);
    str_free(&parent);
    return status;
}
