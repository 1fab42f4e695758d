/* Shared by the files of the room. */
#ifndef ACCEL_ASK_INTERNAL_H
#define ACCEL_ASK_INTERNAL_H

#include "ask/ask.h"
#include "base/arena.h"
#include "base/str.h"
#include "formats/formats.h"
#include "media/tensors.h"
#include "text/tokenizer.h"

enum { ASK_MAX_INPUTS = 12, ASK_MAX_STOPS = 16 };

/* The ids of one text, in the ask's memory. */
typedef struct ask_row {
    uint32_t *ids, *type_ids;
    size_t count;
} ask_row;

struct ask {
    const zoo_model *model;
    ask_question question;
    arena *memory;
    const char *folder; /* of the model's files; NULL: its weights are generated */
    text_tokenizer *tokenizer;
    ask_row *rows;             /* one a text */
    size_t *images_of;         /* one a text: its image tokens; NULL where prompts hold no images */
    int64_t (*image_sizes)[2]; /* height, width of the pictures as they came */
    int64_t stops[ASK_MAX_STOPS];
    size_t stop_count;
    size_t input_count;
    const char *names[ASK_MAX_INPUTS];
    tensor inputs[ASK_MAX_INPUTS]; /* owned */
    ask_answer *answers;
    size_t answer_count, answer_capacity;
};

/* ---- the model ---- */

bool ask_takes(const ask *a, const char *input); /* an input of the graph */
const char *ask_model_type(const ask *a);        /* "qwen2_vl"; "" for a file that does not say */
/* A whole number of config.json, else of its text_config, else the fallback. */
int64_t ask_config_int(const ask *a, const char *key, int64_t fallback);
/* folder/name in the ask's memory, or NULL when there is no such file. */
const char *ask_file(const ask *a, const char *name);
/* The first of the files (NULL-terminated) that is there; without one a sentence that says what it is for. */
accel_status ask_need_file(const ask *a, const char *const *names, const char *purpose, const char *input,
                           const char **out, accel_error *err);
bool ask_is_given(const ask *a, const char *input); /* otherwise than by the question */

/* ---- inputs ---- */

/* A new input of zeros; an error when it is given otherwise too. */
accel_status ask_add(ask *a, const char *name, dtype type, int rank, const int64_t *dims, tensor **out,
                     accel_error *err);
/* Those that the model takes. */
accel_status ask_add_media(ask *a, const media_tensors *made, accel_error *err);

/* texts.c: opens the tokenizer and encodes; then pads and adds. Between them the images are read. */
/* "pad_token", "mask_token": its id by the files beside the tokenizer, else by config.json; -1: none. */
accel_status ask_special_token(const ask *a, const char *key, int64_t *out, accel_error *err);
accel_status ask_open_tokenizer(ask *a, accel_error *err);
accel_status ask_encode_texts(ask *a, int64_t image_token, accel_error *err);
/* In place of the image tokens of the texts as many as counts says, image by image. */
accel_status ask_expand_image_tokens(ask *a, int64_t image_token, const int64_t *counts, accel_error *err);
accel_status ask_add_texts(ask *a, accel_error *err);
accel_status ask_add_decoder_start(ask *a, accel_error *err);

accel_status ask_add_images(ask *a, accel_error *err); /* pictures.c */
accel_status ask_add_sounds(ask *a, accel_error *err); /* sounds.c */

/* ---- answers ---- */

/* What row i of a batch is about. */
const char *ask_subject(const ask *a, size_t row);
const tensor *ask_find(const ask_output *outputs, size_t count, const char *name);
accel_status ask_say(ask *a, const ask_answer *answer, accel_error *err);

/* answer_texts.c */
accel_status ask_say_written(ask *a, const tensor *ids, const char *output, accel_error *err);
accel_status ask_say_heard(ask *a, const tensor *logits, const char *output, accel_error *err);
accel_status ask_say_fillers(ask *a, const tensor *logits, const char *output, accel_error *err);

/* ranks.c: the `most` largest of values, the largest first, with their softmax among all. Returns how many. */
typedef struct ask_rank {
    size_t index;
    double probability;
} ask_rank;
size_t ask_rank_values(const float *values, size_t count, size_t most, ask_rank *out);

#endif
