/* The alphabet of byte-level BPE: each byte is one printable character (GPT-2's bytes_to_unicode). */
#ifndef ACCEL_TEXT_BYTES_H
#define ACCEL_TEXT_BYTES_H

#include "text/span.h"

/* Appends the characters of the bytes. */
void text_append_byte_chars(str_buf *out, text_span bytes);
/* Appends the bytes of the characters; false, with nothing appended, when one of them stands for no byte. */
bool text_append_bytes_of_chars(str_buf *out, text_span chars);

#endif
