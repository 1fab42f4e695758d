/* Private to hw/: finding a line in a large table of the system, without remembering the table. */
#ifndef ACCEL_HW_BIG_FILE_H
#define ACCEL_HW_BIG_FILE_H

#include "hw/source.h"

/* Calls find(context, bytes, length) on the first of these files (NULL-terminated) that is there below the source's root, unless the source
 * already has an answer of that name; what find gives (in a; NULL: nothing) is remembered as the answer. The
 * result lies in a. */
typedef char *(*big_file_find)(const void *context, const char *bytes, size_t length, arena *a);
const char *big_file_answer(hw_source *s, const char *name, const char *const *paths, big_file_find find,
                            const void *context, arena *a);

/* The line that begins with `prefix`, or NULL; *length is the line's. */
const char *big_file_line(const char *bytes, size_t size, const char *prefix, size_t *length);

#endif
