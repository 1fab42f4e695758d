/* Reading members of tokenizer.json's objects: each sentence names file and field. */
#ifndef ACCEL_TEXT_FIELDS_H
#define ACCEL_TEXT_FIELDS_H

#include "base/arena.h"
#include "base/json.h"
#include "text/span.h"

enum { TEXT_NESTING = 16 }; /* Sequences within Sequences */

typedef struct text_reader {
    const char *file;
    arena *memory; /* what is read lives here */
    int depth;     /* of Sequences around what is being read */
    accel_error *err;
} text_reader;

/* An object of the file and where it stands: "normalizer.normalizers[1]". */
typedef struct text_object {
    yyjson_val *value;
    const char *where;
} text_object;

typedef enum text_presence { TEXT_REQUIRED, TEXT_OPTIONAL } text_presence;

/* Sets "<file>: <where>.<key> <rest>" with ACCEL_BAD_FILE and returns it; key NULL: the object itself. */
accel_status text_bad(const text_reader *r, text_object o, const char *key, const char *format, ...)
    ACCEL_PRINTF(4, 5);
accel_status text_unsupported(const text_reader *r, text_object o, const char *key, const char *format, ...)
    ACCEL_PRINTF(4, 5);
accel_status text_no_memory(const text_reader *r);

/* Optional members that are absent or null leave *out alone. Strings are copied to the arena. */
accel_status text_read_bool(const text_reader *r, text_object o, const char *key, text_presence p, bool *out);
accel_status text_read_size(const text_reader *r, text_object o, const char *key, text_presence p,
                            size_t *out);
accel_status text_read_text(const text_reader *r, text_object o, const char *key, text_presence p,
                            text_span *out);
/* A string of one character. */
accel_status text_read_char(const text_reader *r, text_object o, const char *key, text_presence p,
                            text_span *out);
/* One of the words, by its index. */
accel_status text_read_word(const text_reader *r, text_object o, const char *key, text_presence p,
                            const char *const *words, size_t count, size_t *out);
/* An array or object, refused as anything else. */
accel_status text_read_list(const text_reader *r, text_object o, const char *key, yyjson_val **out);
accel_status text_read_object(const text_reader *r, text_object o, const char *key, text_object *out);
/* The element of an array as an object, with its place. */
accel_status text_read_element(const text_reader *r, text_object o, const char *key, yyjson_val *element,
                               size_t index, text_object *out);
/* The "type" of an object. */
accel_status text_read_type(const text_reader *r, text_object o, const char **out);

/* Copies a JSON string. */
accel_status text_copy(const text_reader *r, yyjson_val *string, text_span *out);

#endif
