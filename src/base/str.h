/* Strings: formatting that works everywhere (also in the wasm build), a growing buffer, and small helpers. */
#ifndef ACCEL_BASE_STR_H
#define ACCEL_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* snprintf's contract: always ends in NUL when size > 0, returns the length that the whole text has. */
int str_format(char *buffer, size_t size, const char *format, ...) ACCEL_PRINTF(3, 4);
int str_formatv(char *buffer, size_t size, const char *format, va_list arguments);

/* A growing byte buffer. Zero-initialise it ({0}). After an allocation failure `failed` stays true, later appends do nothing,
 * and str_text() gives what was there; check `failed` once, at the end. data always ends in NUL. */
typedef struct str_buf {
    char *data;
    size_t length;
    size_t capacity;
    bool failed;
} str_buf;

void str_append(str_buf *b, const char *text);
void str_append_bytes(str_buf *b, const void *bytes, size_t length);
void str_append_char(str_buf *b, char c);
void str_append_i64(str_buf *b, int64_t value); /* as %lld, ten times as fast */
void str_appendf(str_buf *b, const char *format, ...) ACCEL_PRINTF(2, 3);
void str_appendv(str_buf *b, const char *format, va_list arguments);
void str_append_json(str_buf *b, const char *text,
                     size_t length);    /* quoted and escaped; invalid UTF-8 becomes U+FFFD */
const char *str_text(const str_buf *b); /* never NULL */
void str_free(str_buf *b);              /* leaves it zero */

bool str_equal(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts_with(const char *text, const char *prefix);
bool str_ends_with(const char *text, const char *suffix);
bool str_utf8_valid(const char *bytes, size_t length);

/* Whole-string parses: no blanks, no rest, no overflow. */
bool str_to_i64(const char *text, int64_t *out);
bool str_to_f64(const char *text, double *out);

/* Edit distance (insert, delete, replace, swap of neighbours), for "did you mean". */
size_t str_edit_distance(const char *a, const char *b);
/* The nearest of `count` candidates when it is near enough to suggest, else NULL. */
const char *str_nearest(const char *word, const char *const *candidates, size_t count);

/* Human sizes and counts into buffer (which is returned): "90.9 MB" (10^6), "1.31 G". */
const char *str_bytes(char *buffer, size_t size, double bytes);
const char *str_si(char *buffer, size_t size, double value);

#endif
