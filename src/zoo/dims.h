/* What the symbolic dims of a model's inputs stand for. Private to zoo/. */
#ifndef ACCEL_ZOO_DIMS_H
#define ACCEL_ZOO_DIMS_H

#include "base/str.h"
#include "zoo/zoo.h"

typedef struct zoo_shapes {
    shape *shapes; /* one an input, static; caller's memory */
    int64_t batch; /* see zoo_inputs */
    int64_t sequence;
    str_buf assumed; /* "height=224, width=224"; str_free it */
} zoo_shapes;

/* Fills s->shapes[0..input_count). s is otherwise zero-initialised. */
accel_status zoo_resolve_shapes(const zoo_model *m, const zoo_input_options *options, zoo_shapes *s,
                                accel_error *err);

/* Whether text contains word, whatever the case of letters. */
bool zoo_contains(const char *text, const char *word);

#endif
