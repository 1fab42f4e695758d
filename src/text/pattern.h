/* What a Split or a Replace looks for, and how a text falls apart at it. */
#ifndef ACCEL_TEXT_PATTERN_H
#define ACCEL_TEXT_PATTERN_H

#include "text/regex.h"

typedef bool (*text_class)(uint32_t c);

/* One of the three: a class of characters, a literal text (not empty), a regular expression. */
typedef struct text_pattern {
    text_class class;
    text_span literal;
    text_regex *regex;
    bool invert; /* what lies between matches counts as match, and matches as between */
} text_pattern;

/* {"String": "..."} or {"Regex": "..."} at o.key. */
accel_status text_pattern_read(const text_reader *r, text_object o, const char *key, text_pattern *out);
void text_pattern_free(text_pattern *p);

/* A stretch of a text: a match of the pattern or what lies between. */
typedef struct text_stretch {
    size_t start, end;
    bool match;
} text_stretch;

typedef struct text_stretches {
    text_stretch *items;
    size_t count, capacity;
} text_stretches;

/* Appends the stretches of a text to *out, in order, without gaps. */
accel_status text_pattern_find(const text_pattern *p, text_span text, text_stretches *out, accel_error *err);

typedef enum text_behavior {
    TEXT_REMOVED,
    TEXT_ISOLATED,
    TEXT_MERGED_WITH_PREVIOUS,
    TEXT_MERGED_WITH_NEXT,
    TEXT_CONTIGUOUS,
} text_behavior;

accel_status text_behavior_read(const text_reader *r, text_object o, const char *key, text_presence p,
                                text_behavior *out);

/* Joins and drops stretches as the behavior says: what is left are the pieces. */
void text_behavior_apply(text_behavior b, text_stretches *s);

#endif
