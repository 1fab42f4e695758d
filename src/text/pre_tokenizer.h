/* Pre-tokenizers: how a normalized text is cut into the pieces that the model sees one by one. */
#ifndef ACCEL_TEXT_PRE_TOKENIZER_H
#define ACCEL_TEXT_PRE_TOKENIZER_H

#include "text/pattern.h"
#include "text/pieces.h"

/* Pre-tokenizers become a row of steps; a step cuts pieces or changes their text. */
typedef struct text_step text_step;

typedef struct text_pre_tokenizer {
    text_step *steps;
    size_t count, capacity;
    text_stretches scratch;
} text_pre_tokenizer;

/* No steps for one that is absent or null. */
accel_status text_pre_tokenizer_read(text_reader *r, text_object root, text_pre_tokenizer *out);
void text_pre_tokenizer_free(text_pre_tokenizer *p);

/* Cuts *pieces; *spare is memory for it. */
accel_status text_pre_tokenize(text_pre_tokenizer *p, text_pieces *pieces, text_pieces *spare,
                               accel_error *err);

#endif
