/* Regular expressions of tokenizer.json through PCRE2. The package has Oniguruma; what means something else there is
 * rewritten (\s, \w, \h, scripts, POSIX classes, ^ and $ at lines), what cannot be is refused. */
#ifndef ACCEL_TEXT_REGEX_H
#define ACCEL_TEXT_REGEX_H

#include "text/fields.h"

enum { TEXT_PATTERN_BYTES = 16 << 10 };

typedef struct text_regex text_regex;

/* Compiles the pattern that o.key holds. */
accel_status text_regex_compile(const text_reader *r, text_object o, const char *key, text_span pattern,
                                text_regex **out);
void text_regex_free(text_regex *re); /* accepts NULL */

/* Goes through a text from match to match. Zero is its start. */
typedef struct text_regex_cursor {
    size_t at;
    bool matched; /* there was a match, which ended at `at` */
} text_regex_cursor;

/* The next match [*start, *end), which may be empty but not where the last one ended. *found is false at the end. ACCEL_LIMIT
 * when the pattern needs too many steps on this text. */
accel_status text_regex_next(const text_regex *re, text_span text, text_regex_cursor *cursor, bool *found,
                             size_t *start, size_t *end, accel_error *err);

#endif
