/* A vocabulary: tokens by id and ids by token. */
#ifndef ACCEL_TEXT_VOCAB_H
#define ACCEL_TEXT_VOCAB_H

#include "base/arena.h"
#include "text/span.h"

enum { TEXT_NO_TOKEN = -1 };

typedef struct text_vocab_entry {
    text_span token;
    uint32_t id;
    uint32_t hash;
} text_vocab_entry;

/* Zero is an empty one. Entries and tables lie in the arena that text_vocab_start was given, tokens with whoever added them. */
typedef struct text_vocab {
    text_vocab_entry *entries;
    size_t count, capacity; /* distinct tokens */
    uint32_t *slots;        /* index of an entry + 1, by hash; 0 is free */
    size_t slot_mask;
    uint32_t *by_id; /* index of an entry + 1 */
    size_t id_count; /* ids are below this */
} text_vocab;

/* For at most `capacity` tokens with ids below id_count. False when memory ends. */
bool text_vocab_start(text_vocab *v, arena *memory, size_t capacity, size_t id_count);
/* A token that is there already gets the new id, as the package's tables do. */
void text_vocab_add(text_vocab *v, text_span token, uint32_t id);
/* The id, or TEXT_NO_TOKEN. */
int64_t text_vocab_id(const text_vocab *v, text_span token);
/* NULL where no token has the id. */
const text_vocab_entry *text_vocab_at(const text_vocab *v, uint32_t id);

#endif
