/* What people ask a model, and what they get to read: texts, pictures and sounds become the inputs that the model takes, and
 * its outputs become words. The room where the zoo, tokenizers and preprocessing meet.
 *
 *     ask *a;
 *     ask_open(&model, &(ask_question){.texts = texts, .text_count = 2}, &a, err);
 *     … zoo_complete_inputs with ask_input_name, ask_input; run …
 *     ask_answer_outputs(a, outputs, count, err); … ask_answers(a, &count)
 *     ask_close(a);
 *
 * What a model's folder must hold: tokenizer.json for texts (docs/tokenizers.md), preprocessor_config.json or
 * processor_config.json for pictures and sounds (docs/preprocessing.md). */
#ifndef ACCEL_ASK_ASK_H
#define ACCEL_ASK_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "graph/tensor.h"
#include "zoo/zoo.h"

/* Everything is read in place and must outlive the ask. */
typedef struct ask_question {
    const char *const *texts; /* UTF-8 */
    size_t text_count;
    const char *const *images; /* PNG and JPEG files; of X-CLIP the frames of videos */
    size_t image_count;
    const char *const *sounds; /* files that libsndfile reads */
    size_t sound_count;
    const char *const *given; /* names of inputs that are given otherwise */
    size_t given_count;
} ask_question;

typedef struct ask ask;

/* Makes the inputs, by the names of the transformers package, as its tokenizers and processors make them:
 *   texts    a batch, padded with the model's padding token on the left for models that go on writing a text and on the right for
 *            others, cut to what the model has positions for;
 *   images   through the class's processor; in a prompt the image token stands for as many tokens as the image has features. Images
 *            belong to the image tokens of the prompts in their order; where no prompt has any, they stand before the text;
 *   sounds   through the class's feature extractor.
 * An encoder-decoder starts with its start token, to which a text asked with a sound is added.
 * ACCEL_INVALID_ARGUMENT for what the model does not take, or when a modality that it needs is missing; ACCEL_NOT_FOUND names the
 * file that the folder lacks. m must outlive the ask. */
accel_status ask_open(const zoo_model *m, const ask_question *question, ask **out, accel_error *err);
void ask_close(ask *a); /* accepts NULL */

size_t ask_input_count(const ask *a);
const char *ask_input_name(const ask *a, size_t index);
const tensor *ask_input(const ask *a, size_t index); /* the ask's memory */

/* The token that ends a written text, as the folder's files say; -1: none. */
int64_t ask_stop_token(const ask *a);

/* ---- answers ------------------------------------------------------------------------------------------ */

typedef struct ask_output {
    const char *name;
    tensor value; /* a view */
} ask_output;

/* One thing to say about one input. */
typedef struct ask_answer {
    const char *output; /* that it was read from */
    const char *input;  /* the text or file that it is about */
    const char *text;   /* a label, another text, what was written or heard */
    double score;       /* probability or cosine; NAN: none */
    bool boxed;
    double box[4]; /* left, top, right, bottom in pixels of the picture as it came */
} ask_answer;

/* Adds what the outputs say, as far as the model tells what they mean (answers.c has the table). Outputs without a meaning
 * for people add nothing. */
accel_status ask_answer_outputs(ask *a, const ask_output *outputs, size_t count, accel_error *err);
/* All so far; the ask's memory, until the next call of ask_answer_outputs. */
const ask_answer *ask_answers(const ask *a, size_t *count);

#endif
