#include "hw/big_file.h"

#include <string.h>

#include "base/file.h"

const char *big_file_line(const char *bytes, size_t size, const char *prefix, size_t *length) {
    size_t prefix_length = strlen(prefix);
    for (const char *line = bytes, *end = bytes + size; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t line_length = newline ? (size_t)(newline - line) : (size_t)(end - line);
        if (line_length >= prefix_length && memcmp(line, prefix, prefix_length) == 0) {
            *length = line_length;
            return line;
        }
        line += line_length + 1;
    }
    return NULL;
}

const char *big_file_answer(hw_source *s, const char *name, const char *const *paths, big_file_find find,
                            const void *context, arena *a) {
    const char *known = hw_answer(s, name), *root = hw_source_root(s);
    char *found = NULL;
    if (known || hw_source_kind_of(s) == HW_SOURCE_CAPTURE)
        return arena_strdup(a, known); /* it outlives the source */
    for (size_t i = 0; !found && paths[i]; i++) {
        file_map map;
        const char *path = root ? arena_printf(a, "%s%s", root, paths[i]) : paths[i];
        if (!path || file_map_open(path, &map, NULL) != ACCEL_OK)
            continue;
        found = find(context, (const char *)map.bytes, map.size_bytes, a);
        file_map_close(&map);
    }
    if (found && hw_answer_remember(s, name, found, NULL) != ACCEL_OK)
        return NULL;
    return found;
}
