/* A text that is written run by run: what generate_run loops over, for callers that do something between runs, or carry the runs out themselves (pages). */
#ifndef ACCEL_MEASURE_GENERATION_H
#define ACCEL_MEASURE_GENERATION_H

#include "measure/generate_stage.h"
#include "measure/sample_token.h"

typedef struct generation {
    generate_options options;
    generate_stage prefill, decode;
    bool after_prompt; /* the prompt has been run: the next run is one of the decoder */
    tensor start;      /* of an encoder-decoder: the decoder's first tokens, where they were given; owned */
    int64_t batch;     /* known when the prompt has been run, as all below */
    int64_t prompt,
        fed; /* tokens of the prompt; of an encoder-decoder: of the decoder's start, and how many it was fed */
    int64_t capacity;
    int64_t kept_tokens; /* of the decoder's cache so far, padding included */
    int64_t *next_place; /* of each row: its next position */
    int64_t *token;      /* of each row: the last one chosen */
    int64_t column;      /* tokens chosen so far */
    token_sampler sampler;
    uint64_t load_ns; /* both graphs read */
} generation;

/* As generate_run takes them. Inputs are copied; options->device and what engine_options points to must stay. On failure nothing is left. */
accel_status generation_open(const char *reference, const zoo_options *zoo, const zoo_input_options *shapes,
                             const char *const *names, const tensor *values, size_t count,
                             const generate_options *options, generation *out, accel_error *err);
/* All tokens that were asked for are chosen, or every row has met the stop token. */
bool generation_is_over(const generation *g);
/* The stage of the next run gets its session: what takes long. *fresh: it has had none so far. */
accel_status generation_ready(generation *g, bool *fresh, accel_error *err);
generate_stage *generation_stage(generation *g);
/* One run in three parts, of which the second is generate_stage_run, or somebody else's. *chosen: tokens are there (g->token, one a row); not every
 * run gives some: an encoder does not. */
void generation_write(generation *g);
accel_status generation_take(generation *g, bool *chosen, accel_error *err);
void generation_close(generation *g); /* leaves it zero; accepts a zero one */

#endif
