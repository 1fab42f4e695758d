#include <string.h>

#include "base/file.h"
#include "base/path_internal.h"

void file_join(str_buf *path, const char *folder, const char *name) {
    str_append(path, folder);
    size_t length = strlen(folder);
    if (length > 0 && folder[length - 1] != '/') {
        str_append_char(path, '/');
    }
    str_append(path, name);
}

const char *file_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void file_dir_name(str_buf *folder, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) {
        str_append(folder, ".");
        return;
    }
    while (slash > path && slash[-1] == '/') { /* "a//b" is in "a" */
        slash--;
    }
    str_append_bytes(folder, path, slash == path ? 1 : (size_t)(slash - path));
}

size_t path_first_component(const char *name, const char **rest) {
    size_t length = strcspn(name, "/");
    *rest = name + length + strspn(name + length, "/");
    return length;
}

accel_status path_check_beneath(const char *folder, const char *name, accel_error *err) {
    bool bad = *name == '\0' || *name == '/';
    for (const char *p = name, *rest; *p != '\0'; p = rest) {
        size_t length = path_first_component(p, &rest);
        bad = bad || (length == 2 && memcmp(p, "..", 2) == 0);
    }
    if (bad) {
        return error_set(
            err, ACCEL_BAD_FILE,
            "\"%s\" is refused: a file named by another file must be below %s, by a relative path "
            "without \"..\"",
            name, folder);
    }
    return ACCEL_OK;
}
