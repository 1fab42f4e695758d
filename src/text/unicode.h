/* What tokenizers ask about characters. White space, case and decompositions come from utf8proc; the other classes are
 * those of the `tokenizers` package (classes.inc), whose Unicode tables are of other versions. */
#ifndef ACCEL_TEXT_UNICODE_H
#define ACCEL_TEXT_UNICODE_H

#include "text/span.h"

bool text_is_space(uint32_t c); /* White_Space */
bool text_is_punctuation(
    uint32_t c);                  /* P*, and all of ASCII that is neither letter, digit, space nor control */
bool text_is_numeric(uint32_t c); /* N* */
bool text_is_other(uint32_t c);   /* control, format, private use; not \t \n \r */
bool text_is_mark_nonspacing(uint32_t c); /* Mn */
bool text_is_mark(uint32_t c);            /* M* */

/* Appends the lower-case form: one character, two for U+0130. */
void text_append_lower(str_buf *out, uint32_t c);

typedef enum text_form { TEXT_NFC, TEXT_NFD, TEXT_NFKC, TEXT_NFKD } text_form;

/* Appends text in a normalization form. Linear in the text, also where marks stand in long rows. */
void text_append_form(str_buf *out, text_form form, text_span text);

/* Where the grapheme cluster ends that starts at `at` (before the end of text). */
size_t text_grapheme_end(text_span text, size_t at);

/* Whether bytes are UTF-8; where not, *at is the first bad one. */
bool text_is_utf8(const char *bytes, size_t length, size_t *at);
/* Appends bytes with U+FFFD for each longest piece that begins a character and does not end it. */
void text_append_lossy(str_buf *out, const char *bytes, size_t length);

#endif
