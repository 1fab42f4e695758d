/* Normalizers: what happens to a text before it is cut into pieces. */
#ifndef ACCEL_TEXT_NORMALIZER_H
#define ACCEL_TEXT_NORMALIZER_H

#include "text/pattern.h"
#include "text/unicode.h"

/* A text on its way. `origin` is how many of its first bytes came out of the first character of what the caller gave:
 * Metaspace's "first" asks for it. */
typedef struct text_draft {
    str_buf now;
    str_buf next; /* where a step writes, before the two change places */
    size_t origin;
} text_draft;

void text_draft_set(text_draft *d, text_span text, bool at_origin);
void text_draft_free(text_draft *d);

typedef struct text_normalizer text_normalizer;

/* NULL for a normalizer that is absent or null. */
accel_status text_normalizer_read(text_reader *r, text_object root, text_normalizer **out);
void text_normalizer_free(text_normalizer *n); /* accepts NULL */

/* Normalizes d->now. n may be NULL. */
accel_status text_normalize(const text_normalizer *n, text_draft *d, accel_error *err);

#endif
