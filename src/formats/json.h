/* yyjson over base/mem.h. Private to formats/. */
#ifndef ACCEL_FORMATS_JSON_H
#define ACCEL_FORMATS_JSON_H

#include <yyjson.h>

#include "base/error.h"

/* Parses `length` bytes, which stay untouched. `name` stands for the file in error sentences.
 * yyjson_doc_free the result. */
accel_status json_parse(const char *bytes, size_t length, const char *name, yyjson_doc **out,
                        accel_error *err);
/* Reads and parses a file of at most max_bytes. */
accel_status json_read(const char *path, size_t max_bytes, yyjson_doc **out, accel_error *err);

/* The string as C text: NULL when v is no string or has a NUL inside. */
const char *json_text(yyjson_val *v);

#endif
