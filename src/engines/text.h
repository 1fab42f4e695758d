/* Text that an engine writes by a loop of its own, where the model is: in a page. Other engines run the graphs of measure/generation.h. */
#ifndef ACCEL_ENGINES_TEXT_H
#define ACCEL_ENGINES_TEXT_H

#include "engines/engine.h"
#include "zoo/zoo.h"

typedef struct engine_text {
    const zoo_model *model;          /* in any mode: its name, source and path say what to load */
    uint64_t weight_seed;            /* of generated weights */
    const zoo_input_options *shapes; /* of inputs that are not given */
    const char *const *names;        /* of those that are; as zoo_complete_inputs takes them */
    const tensor *values;
    size_t count;
    int64_t max_new_tokens, stop_token, top_k; /* as generate_options has them (measure/generate.h) */
    double temperature, top_p;
    uint64_t seed;
} engine_text;

typedef struct engine_written {
    tensor
        ids; /* i64 [batch, tokens], fewer than asked for where all rows met the stop token; the caller's */
    uint64_t *token_ns; /* of each column, as the engine's clock tells; the caller's */
} engine_written;

#endif
