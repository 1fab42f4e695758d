/* Taking out of a text what tells whose machine it is. Private to hw/. */
#ifndef ACCEL_HW_SCRUB_H
#define ACCEL_HW_SCRUB_H

#include "base/arena.h"
#include "base/str.h"

enum { SCRUB_WORDS = 8, SCRUB_IDENTIFIERS = 4096 };

typedef struct scrubber {
    arena *arena;
    const char *words[SCRUB_WORDS]; /* names of the user and of the host */
    const char *substitutes[SCRUB_WORDS];
    size_t word_count;
    const char **identifiers; /* seen so far; the same one is replaced by the same everywhere */
    size_t identifier_count, identifier_capacity;
} scrubber;

/* The names of this host and of this user. a outlives it. */
void scrub_begin(scrubber *s, arena *a);
void scrub_end(scrubber *s);
/* A further name to take out; ignored when it is too short or a word that hardware texts use. */
void scrub_word(scrubber *s, const char *word, const char *substitute);
/* Appends text with names, UUIDs, MAC addresses, serial numbers, long identifiers and names of home folders replaced. */
void scrub_append(scrubber *s, const char *text, str_buf *out);

#endif
