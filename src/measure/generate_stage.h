/* The graphs of a model that writes, each with its inputs and a session, and the caches that pass between them. Private to
 * measure/. */
#ifndef ACCEL_MEASURE_GENERATE_STAGE_H
#define ACCEL_MEASURE_GENERATE_STAGE_H

#include "measure/generate.h"
#include "measure/open.h"

/* One of the two graphs, running. */
typedef struct generate_stage {
    zoo_model model;
    zoo_inputs inputs;
    open_session session;
    tensor *outputs; /* views, one an output of the graph */
    bool *left;      /* by output: it lies in a cache that stays with the engine, and is not read */
} generate_stage;

/* The graph ends with the logits, or with the token that o says (output "token") where that leaves more on the engine's device. */
accel_status generate_stage_load(const char *reference, const zoo_options *zoo, zoo_mode mode,
                                 const generate_options *o, generate_stage *s, accel_error *err);
/* Binds the stage's inputs, which are made by then, and opens a session. */
accel_status generate_stage_start(generate_stage *s, const generate_options *o, accel_error *err);
accel_status generate_stage_run(generate_stage *s, accel_error *err);
accel_status generate_stage_take(generate_stage *s, accel_error *err); /* the outputs of the run */
void generate_stage_rest(generate_stage *s); /* ends the session, and with it the outputs */
void generate_stage_end(generate_stage *s);  /* accepts a zero one */
/* By name; NULL: there is none. */
tensor *generate_input(const generate_stage *s, const char *name);
const tensor *generate_output(const generate_stage *s, const char *name);
const shape *generate_output_shape(const generate_stage *s, const char *name); /* once the inputs are bound */
/* Of a decoder's input that is a cache: *output is the prompt's output that fills it, or the count of outputs where none does. False: it is no cache. */
bool generate_cache_source(const generate_stage *prefill, const generate_stage *decode, size_t input,
                           size_t *output);
/* What the prompt left behind becomes the inputs of the decoder; caches that it did not write start empty. */
accel_status generate_fill_caches(const generate_stage *prefill, generate_stage *decode, accel_error *err);
/* Engines that could not hold the caches in place gave them back elsewhere: copied into their inputs. */
void generate_keep_caches(generate_stage *decode);

#endif
