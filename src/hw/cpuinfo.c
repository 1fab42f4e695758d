/* /proc/cpuinfo: lines "key : value", a paragraph a processor. */
#include <string.h>

#include "hw/topology.h"

const char *cpuinfo_value(const char *cpuinfo, const char *key, size_t nth, size_t *length) {
    size_t key_length = strlen(key);
    for (const char *line = cpuinfo; line && *line;) {
        size_t line_length = strcspn(line, "\n"), at = key_length;
        if (line_length > key_length && strncmp(line, key, key_length) == 0) {
            at += strspn(line + at, " \t");
            if (line[at] == ':' && nth-- == 0) {
                at++;
                at += strspn(line + at, " \t");
                while (line_length > at && strchr(" \t\r", line[line_length - 1]))
                    line_length--;
                *length = line_length > at ? line_length - at : 0;
                return *length > 0 ? line + at : NULL;
            }
        }
        line += line_length + (line[line_length] == '\n');
    }
    return NULL;
}
