/* Cutting the ids of one or two texts to a length, as the package's truncation does. */
#ifndef ACCEL_TEXT_TRUNCATION_H
#define ACCEL_TEXT_TRUNCATION_H

#include "text/model.h"

typedef enum text_strategy { TEXT_LONGEST_FIRST, TEXT_ONLY_FIRST, TEXT_ONLY_SECOND } text_strategy;

typedef struct text_truncation {
    size_t max_length; /* 0: none */
    text_strategy strategy;
    bool left; /* the start is cut, not the end */
} text_truncation;

accel_status text_truncation_read(const text_reader *r, text_object root, text_truncation *out);

/* Cuts to `most` ids in all; second may be NULL. */
accel_status text_truncate(const text_truncation *t, size_t most, text_ids *first, text_ids *second,
                           accel_error *err);

#endif
