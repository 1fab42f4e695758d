/* Added tokens: texts that become one id wherever they stand, before the model sees anything. */
#ifndef ACCEL_TEXT_ADDED_H
#define ACCEL_TEXT_ADDED_H

#include "text/model.h"
#include "text/normalizer.h"
#include "text/pieces.h"
#include "text/trie.h"

typedef struct text_added_entry {
    text_span content;
    text_span
        shown; /* what decoding gives: the normalized content, where the token is matched in normalized text */
    uint32_t id;
    bool single_word, left, right; /* left, right: takes the white space there along */
    bool normalized, special;
} text_added_entry;

typedef struct text_added {
    text_added_entry *entries; /* in the file's order, each content once */
    size_t count;
    text_vocab vocab;
    text_trie plain;      /* → entry; what is looked for in the text as it is given */
    text_trie normalized; /* → entry; in the normalized text */
    text_regex *word;     /* one character of a word; NULL when no token asks */
} text_added;

/* Ids are given as the package gives them: the model's where it has the token, else the next free one. */
accel_status text_added_read(text_reader *r, text_object root, const text_model *model,
                             const text_normalizer *n, text_draft *scratch, text_added *out);
void text_added_free(text_added *added);

/* Appends to *out the pieces of text between the tokens found, and the tokens. origin: of the text (normalizer.h). */
accel_status text_added_split(const text_added *added, bool normalized, text_span text, size_t origin,
                              text_pieces *out, accel_error *err);

/* The entry with this id, or NULL. */
const text_added_entry *text_added_at(const text_added *added, uint32_t id);
bool text_added_is_special(const text_added *added, text_span content);

#endif
