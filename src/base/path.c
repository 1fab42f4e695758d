#include <string.h>

#include "base/file.h"

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
