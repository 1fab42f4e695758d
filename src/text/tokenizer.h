/* Tokenizers from Hugging Face's tokenizer.json: text in, ids out, and back. The ids are those of the `tokenizers`
 * package for the same file (docs/tokenizers.md says what is supported and how that is checked).
 *
 * The file is untrusted: what breaks its rules is ACCEL_BAD_FILE, a type or setting that is not supported is
 * ACCEL_UNSUPPORTED and never passed over, what is above a limit is ACCEL_LIMIT; each sentence names file and field.
 *
 *     text_tokenizer *t;
 *     text_encoding e = {0};
 *     text_tokenizer_open("model/tokenizer.json", &t, err);
 *     text_tokenizer_encode(t, "a text", 6, NULL, &e, err);   // e.ids[0 .. e.count)
 *     text_encoding_free(&e);
 *     text_tokenizer_close(t);
 *
 * A tokenizer keeps scratch memory and a cache of words: one thread at a time may use it. */
#ifndef ACCEL_TEXT_TOKENIZER_H
#define ACCEL_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

typedef struct text_tokenizer text_tokenizer;

enum {
    TEXT_FILE_BYTES = 256 << 20, /* the largest tokenizer.json that is read; Gemma's has 33 MB */
    TEXT_INPUT_BYTES = 32 << 20, /* the longest text */
    TEXT_IDS = 1 << 22,          /* ids are below this */
};

/* Reads and checks a tokenizer.json. On success *out is the caller's, to close. */
accel_status text_tokenizer_open(const char *path, text_tokenizer **out, accel_error *err);
/* The same from memory, which may go afterwards; `what` stands for the file in sentences. */
accel_status text_tokenizer_open_bytes(const char *json, size_t length, const char *what,
                                       text_tokenizer **out, accel_error *err);
void text_tokenizer_close(text_tokenizer *t); /* accepts NULL */

/* --- encoding --- */

/* max_length beside a number of ids: */
#define TEXT_WHOLE   ((size_t)0) /* nothing is cut */
#define TEXT_AS_FILE (SIZE_MAX)  /* cut as the file's `truncation` says; nothing where it says nothing */

/* Zero is: no special tokens, one text, nothing cut. NULL in place of options is: with special tokens, the rest zero. */
typedef struct text_encode_options {
    bool special_tokens; /* run the file's post-processor with its [CLS], </s>, ... */
    const char *pair;    /* a second text, or NULL */
    size_t pair_length;
    /* Most ids of the result, special tokens counted. The file's direction and strategy hold for a number too;
     * without them the end of the longer text is cut. Padding is left to the caller. */
    size_t max_length;
} text_encode_options;

/* ids[count] and type_ids[count] (0 or 1 as the post-processor says: the second text of a pair). Zero-initialise it;
 * it may be used for encoding after encoding, and is freed once. */
typedef struct text_encoding {
    uint32_t *ids;
    uint32_t *type_ids;
    size_t count;
    size_t capacity; /* private */
} text_encoding;

/* Encodes length bytes of UTF-8; NUL bytes are characters like others. Bytes that are no UTF-8 are
 * ACCEL_INVALID_ARGUMENT (the package cannot be given any), as is a max_length that the special tokens alone exceed.
 * ACCEL_BAD_FILE when the text needs an unknown token that the file lacks, ACCEL_LIMIT when a pattern of the file
 * needs more steps on this text than are allowed. On failure *out is empty. */
accel_status text_tokenizer_encode(text_tokenizer *t, const char *text, size_t length,
                                   const text_encode_options *options, text_encoding *out, accel_error *err);
void text_encoding_free(text_encoding *e); /* leaves it zero */

/* --- decoding --- */

/* Appends the text of ids to *out. Ids that are no token are passed over, and with skip_special the special ones.
 * Bytes that form no UTF-8 become U+FFFD. */
accel_status text_tokenizer_decode(text_tokenizer *t, const uint32_t *ids, size_t count, bool skip_special,
                                   str_buf *out, accel_error *err);

/* --- the vocabulary --- */

/* Tokens of the model and added ones, each counted once. */
size_t text_tokenizer_vocabulary_size(const text_tokenizer *t);
/* The id of a token as it is written in the file; false when there is none. */
bool text_tokenizer_id(const text_tokenizer *t, const char *token, size_t length, uint32_t *id);
/* The token of an id (length bytes, no NUL after them, the tokenizer's memory), or NULL. */
const char *text_tokenizer_token(const text_tokenizer *t, uint32_t id, size_t *length);

typedef struct text_added_token {
    const char *content; /* length bytes, the tokenizer's memory */
    size_t length;
    uint32_t id;
    bool special;
} text_added_token;

/* The file's added tokens in its order. */
size_t text_tokenizer_added_count(const text_tokenizer *t);
text_added_token text_tokenizer_added(const text_tokenizer *t, size_t index); /* index < count */

#endif
