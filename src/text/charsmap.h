/* SentencePiece's precompiled_charsmap (T5, XLM-R): a double-array trie from pieces of text to their replacements, in base64. */
#ifndef ACCEL_TEXT_CHARSMAP_H
#define ACCEL_TEXT_CHARSMAP_H

#include "text/fields.h"

typedef struct text_charsmap {
    const uint32_t *units; /* the trie, in the arena */
    size_t unit_count;
    text_span replacements; /* texts with a NUL after each */
} text_charsmap;

accel_status text_charsmap_read(const text_reader *r, text_object o, const char *key, text_charsmap *out);

/* The replacement of the shortest entry that text starts with; false when there is none. That the shortest counts, and that what is
 * left of `text` is dropped with it, is what the package does. */
bool text_charsmap_find(const text_charsmap *map, text_span text, text_span *replacement);

#endif
