/* Decoders: what makes a text of tokens. */
#ifndef ACCEL_TEXT_DECODER_H
#define ACCEL_TEXT_DECODER_H

#include "text/pattern.h"

/* Tokens one behind the other in one buffer. */
typedef struct text_tokens {
    str_buf text;
    size_t *ends; /* where each ends in text */
    size_t count, capacity;
    bool failed; /* memory ended */
} text_tokens;

/* Ends the token that was appended to t->text. */
void text_tokens_end(text_tokens *t);
void text_tokens_renew(text_tokens *t);
void text_tokens_free(text_tokens *t);

typedef struct text_decoder_step text_decoder_step;

/* A row of steps; a Sequence is flattened. */
typedef struct text_decoder {
    text_decoder_step *steps;
    size_t count, capacity;
    bool present; /* without a decoder, tokens are joined by spaces */
} text_decoder;

accel_status text_decoder_read(text_reader *r, text_object root, text_decoder *out);
void text_decoder_free(text_decoder *d);

/* Appends the text of *tokens to *out; *spare is memory for it. */
accel_status text_decode(const text_decoder *d, text_tokens *tokens, text_tokens *spare, str_buf *out,
                         accel_error *err);

#endif
