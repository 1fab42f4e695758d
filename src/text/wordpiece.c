/* WordPiece (BERT) and WordLevel. A word becomes the longest token that it starts with, then the longest that goes on, written with a
 * prefix ("##"); where nothing fits, the whole word is the unknown token. */
#include "text/model.h"
#include "text/trie.h"

typedef struct wordpiece {
    text_trie trie;
    uint32_t inner; /* the node behind the prefix; 0: no token has it */
    text_span unknown;
    size_t most_characters;
} wordpiece;

static accel_status give_unknown(const text_model *model, text_span token, text_ids *out, accel_error *err) {
    int64_t id = text_vocab_id(&model->vocab, token);
    if (id < 0) {
        return text_model_no_unknown(model, token, err);
    }
    text_ids_add(out, (uint32_t)id);
    return ACCEL_OK;
}

static size_t count_characters(text_span s) {
    size_t count = 0;
    for (size_t i = 0; i < s.length; i++) {
        count += ((unsigned char)s.bytes[i] & 0xC0) != 0x80;
    }
    return count;
}

static accel_status encode_wordpiece(text_model *model, text_span word, text_ids *out, accel_error *err) {
    const wordpiece *w = model->own;
    size_t before = out->count;
    if (count_characters(word) > w->most_characters) {
        return give_unknown(model, w->unknown, out, err);
    }
    for (size_t at = 0; at < word.length;) {
        uint32_t node = at == 0 ? (uint32_t)TEXT_TRIE_ROOT : w->inner, id = 0;
        size_t length = node == 0 ? 0
                                  : text_trie_longest(&w->trie, node,
                                                      (text_span){word.bytes + at, word.length - at}, &id);
        if (length == 0) {
            out->count = before;
            return give_unknown(model, w->unknown, out, err);
        }
        text_ids_add(out, id);
        at += length;
    }
    return ACCEL_OK;
}

static accel_status fill_trie(const text_reader *r, text_object o, const text_vocab *v, text_trie *trie) {
    for (size_t i = 0; i < v->count; i++) {
        text_span token = v->entries[i].token;
        if (token.length > TEXT_TRIE_KEY_BYTES) {
            return error_set(r->err, ACCEL_LIMIT, "%s: %s.vocab has a token of %zu bytes; it may have %d",
                             r->file, o.where, token.length, TEXT_TRIE_KEY_BYTES);
        }
        if (!text_trie_add(trie, token, v->entries[i].id)) {
            return text_no_memory(r);
        }
    }
    return ACCEL_OK;
}

static accel_status read_wordpiece(text_reader *r, text_object o, text_model *model) {
    text_span prefix = {0};
    wordpiece *w = model->own = mem_calloc(1, sizeof *w);
    if (!w) {
        return text_no_memory(r);
    }
    ACCEL_TRY(text_read_text(r, o, "unk_token", TEXT_REQUIRED, &w->unknown));
    ACCEL_TRY(text_read_text(r, o, "continuing_subword_prefix", TEXT_REQUIRED, &prefix));
    ACCEL_TRY(text_read_size(r, o, "max_input_chars_per_word", TEXT_REQUIRED, &w->most_characters));
    ACCEL_TRY(text_model_read_vocab(r, o, "vocab", model));
    ACCEL_TRY(fill_trie(r, o, &model->vocab, &w->trie));
    w->inner = w->trie.node_count > 0 ? (uint32_t)TEXT_TRIE_ROOT : 0;
    for (size_t i = 0; i < prefix.length && w->inner > 0; i++) {
        w->inner = text_trie_step(&w->trie, w->inner, prefix.bytes[i]);
    }
    return ACCEL_OK;
}

static void free_wordpiece(text_model *model) {
    wordpiece *w = model->own;
    if (w) {
        text_trie_free(&w->trie);
        mem_free(w);
    }
}

/* --- WordLevel: a word is a token or it is not --- */

static accel_status encode_wordlevel(text_model *model, text_span word, text_ids *out, accel_error *err) {
    const text_span *unknown = model->own;
    int64_t id = text_vocab_id(&model->vocab, word);
    if (id < 0) {
        return give_unknown(model, *unknown, out, err);
    }
    text_ids_add(out, (uint32_t)id);
    return ACCEL_OK;
}

static accel_status read_wordlevel(text_reader *r, text_object o, text_model *model) {
    text_span *unknown = model->own = ARENA_NEW(r->memory, text_span);
    if (!unknown) {
        return text_no_memory(r);
    }
    ACCEL_TRY(text_read_text(r, o, "unk_token", TEXT_REQUIRED, unknown));
    return text_model_read_vocab(r, o, "vocab", model);
}

static void free_wordlevel(text_model *model) {
    (void)model; /* all of it lies in the arena */
}

const text_model_def text_model_wordpiece = {"WordPiece", read_wordpiece, encode_wordpiece, free_wordpiece};
const text_model_def text_model_wordlevel = {"WordLevel", read_wordlevel, encode_wordlevel, free_wordlevel};
