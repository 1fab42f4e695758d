/* Writing text with an autoregressive model: the prompt in one run (prefill), then one token a run (decode), with keys
 * and values of earlier tokens kept in a cache. See zoo_mode for the graphs. */
#ifndef ACCEL_MEASURE_GENERATE_H
#define ACCEL_MEASURE_GENERATE_H

#include "engines/engine.h"
#include "zoo/zoo.h"

enum { GENERATE_MOST_TOKENS = 1 << 20 };

typedef struct generate_options {
    const engine_def *engine;
    const engine_device *device;
    engine_options engine_options;
    int64_t
        max_new_tokens; /* exactly so many are written: no end token stops it, unless stop_token is given */
    int64_t stop_token; /* -1: none. Rows that met it go on with it; the run ends when all rows did */
    double temperature; /* 0: greedy, the first of the largest logits */
    int64_t top_k;      /* sampling among the k likeliest; 0: all */
    double top_p;       /* … among the likeliest that hold this probability together; 0 or 1: all */
    uint64_t seed;
    bool
        caches_stay; /* what the prompt leaves goes to the decoder on the engine's device, by the hand of whoever carries out the runs (pages) */
} generate_options;

typedef struct generate_result {
    tensor ids;         /* i64 [batch, new tokens]; owned */
    int64_t prompt;     /* tokens of the prompt; of the decoder's start for an encoder-decoder */
    uint64_t load_ns;   /* both graphs read, packed and written */
    uint64_t first_ns;  /* from the bound prompt to the first token chosen: time to first token */
    uint64_t *token_ns; /* of each further token; owned */
    size_t token_count;
} generate_result;

/* reference: as zoo_load takes it. Inputs by the names of the transformers package; input_ids (or the encoder's input)
 * must be among them unless shapes says what to make. Prompts of a batch are padded on the left, which attention_mask
 * says. ACCEL_UNSUPPORTED for a model that does not write text; ACCEL_INVALID_ARGUMENT when prompt and new tokens are
 * more than the model has positions for. */
accel_status generate_run(const char *reference, const zoo_options *zoo, const zoo_input_options *shapes,
                          const char *const *names, const tensor *values, size_t count,
                          const generate_options *options, generate_result *out, accel_error *err);
void generate_result_free(generate_result *r); /* leaves it zero; accepts a zero one */

#endif
