/* The last 64 KiB of a text that has no end. Private to browsers/. */
#ifndef ACCEL_BROWSERS_RING_H
#define ACCEL_BROWSERS_RING_H

#include "base/str.h"

enum { RING_BYTES = 64 * 1024 };

typedef struct text_ring {
    size_t length;
    char bytes[RING_BYTES];
} text_ring;

void ring_add(text_ring *r, const char *bytes, size_t length);

/* Appends what somebody else wrote for people to read: nothing that moves a terminal's cursor, no broken UTF-8; a newline becomes `newline`. */
void ring_append_printable(str_buf *out, const char *bytes, size_t length, const char *newline);

/* The last lines on one, printable, for a sentence: ` ("…")`; nothing when there are none. */
void ring_append_last_words(str_buf *out, const char *bytes, size_t length);

#endif
