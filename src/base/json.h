/* JSON: yyjson with the house's allocator, and helpers that check as they read. */
#ifndef ACCEL_BASE_JSON_H
#define ACCEL_BASE_JSON_H

#include <yyjson.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

const yyjson_alc *json_allocator(void);

/* Parses untrusted JSON of at most max_bytes; the bytes stay untouched. NaN and Infinity, which Python writes, are read as numbers: readers check. `what` stands for the file
 * in error sentences. yyjson_doc_free the result. */
accel_status json_parse(const char *json, size_t length, size_t max_bytes, const char *what, yyjson_doc **out,
                        accel_error *err);

/* Reads and parses a file of at most max_bytes. */
accel_status json_read(const char *path, size_t max_bytes, yyjson_doc **out, accel_error *err);

/* The string as C text: NULL when v is no string or has a NUL inside. */
const char *json_text(yyjson_val *v);

/* Appends a value as compact JSON text. */
void json_append_value(str_buf *out, yyjson_val *value);
/* The same of a value that somebody else wrote: NaN and Infinity, which are no JSON, become null. */
void json_append_foreign(str_buf *out, yyjson_val *value);
/* Appends the shortest decimal that reads back as the same double; null for a NaN or an infinity. */
void json_append_real(str_buf *out, double value);
void json_append_text(str_buf *out, const char *text); /* null for NULL */

/* Members of an object, for messages and plans. A member that is absent or null gives the fallback; one of another type sets *ok to false. */
const char *json_get_text(yyjson_val *object, const char *key, arena *a,
                          bool *ok); /* copied to a; NULL when absent */
int64_t json_get_int(yyjson_val *object, const char *key, int64_t fallback, bool *ok);
double json_get_real(yyjson_val *object, const char *key, double fallback, bool *ok);
bool json_get_bool(yyjson_val *object, const char *key, bool fallback, bool *ok);

#endif
