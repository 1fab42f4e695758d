/* Models: what makes ids of a piece of text. One file a model; model.c has the table. */
#ifndef ACCEL_TEXT_MODEL_H
#define ACCEL_TEXT_MODEL_H

#include "text/fields.h"
#include "text/vocab.h"

/* A growing list of ids. Zero is empty. */
typedef struct text_ids {
    uint32_t *items;
    size_t count, capacity;
    bool failed; /* memory ended */
} text_ids;

static inline void text_ids_add(text_ids *ids, uint32_t id) {
    if (ids->count == ids->capacity) {
        void *items = ids->items;
        if (ids->failed || !mem_grow(&items, &ids->capacity, ids->count + 1, sizeof id)) {
            ids->failed = true;
            return;
        }
        ids->items = items;
    }
    ids->items[ids->count++] = id;
}

typedef struct text_model text_model;

/* What a kind of model is. Its own data is model->own. */
typedef struct text_model_def {
    const char *type;
    /* Reads the file's "model" into model->vocab and model->own; what it made is freed by `free` also on failure. */
    accel_status (*read)(text_reader *r, text_object o, text_model *model);
    /* Appends the ids of a piece, which is not empty. */
    accel_status (*encode)(text_model *model, text_span piece, text_ids *out, accel_error *err);
    void (*free)(text_model *model);
} text_model_def;

extern const text_model_def text_model_bpe;
extern const text_model_def text_model_unigram;
extern const text_model_def text_model_wordlevel;
extern const text_model_def text_model_wordpiece;

struct text_model {
    const text_model_def *def;
    const char *file; /* for sentences */
    text_vocab vocab;
    size_t size; /* tokens as the package counts them: added ones get ids from here on */
    void *own;
    struct text_cached_word *cache; /* words and their ids */
};

accel_status text_model_read(text_reader *r, text_object root, text_model *out);
void text_model_free(text_model *model);
/* Appends the ids of a piece. */
accel_status text_model_encode(text_model *model, text_span piece, text_ids *out, accel_error *err);

/* Reads a vocabulary {"token": id, ...} at o.key into model->vocab. */
accel_status text_model_read_vocab(const text_reader *r, text_object o, const char *key, text_model *model);
/* "<file>: the text needs the unknown token …, which model.vocab lacks". */
accel_status text_model_no_unknown(const text_model *model, text_span token, accel_error *err);
/* The ids of <0x00> to <0xFF>, TEXT_NO_TOKEN where there is none. */
void text_model_byte_ids(const text_vocab *v, int64_t ids[256]);

#endif
