#include "text/model.h"

#include "base/hash.h"
#include "text/tokenizer.h"

static const text_model_def *const defs[] = {&text_model_bpe, &text_model_unigram, &text_model_wordlevel,
                                             &text_model_wordpiece};

/* --- the cache: most words of a text have been seen before --- */

enum { CACHE_WORDS = 1 << 14, CACHED_BYTES = 80, CACHED_IDS = 10 };

typedef struct text_cached_word {
    uint32_t hash;
    uint8_t length; /* 0: free */
    uint8_t count;
    char bytes[CACHED_BYTES];
    uint32_t ids[CACHED_IDS];
} text_cached_word;

accel_status text_model_encode(text_model *model, text_span piece, text_ids *out, accel_error *err) {
    if (piece.length > CACHED_BYTES) {
        return model->def->encode(model, piece, out, err);
    }
    uint32_t hash = (uint32_t)hash_bytes(piece.bytes, piece.length, 0);
    text_cached_word *word = &model->cache[hash % CACHE_WORDS];
    if (word->hash == hash && word->length == piece.length &&
        memcmp(word->bytes, piece.bytes, piece.length) == 0) {
        for (size_t i = 0; i < word->count; i++) {
            text_ids_add(out, word->ids[i]);
        }
        return ACCEL_OK;
    }
    size_t before = out->count;
    ACCEL_TRY(model->def->encode(model, piece, out, err));
    size_t count = out->count - before;
    if (count <= CACHED_IDS && !out->failed) {
        *word = (text_cached_word){.hash = hash, .length = (uint8_t)piece.length, .count = (uint8_t)count};
        memcpy(word->bytes, piece.bytes, piece.length);
        if (count > 0) {
            memcpy(word->ids, out->items + before, count * sizeof *word->ids);
        }
    }
    return ACCEL_OK;
}

/* --- reading --- */

static accel_status check_id(const text_reader *r, text_object o, const char *key, yyjson_val *token,
                             yyjson_val *id) {
    if (!yyjson_is_uint(id)) {
        return text_bad(r, o, key, "gives \"%.60s\" an id that is not a whole number from 0 on",
                        yyjson_get_str(token));
    }
    if (yyjson_get_uint(id) >= TEXT_IDS) {
        return error_set(r->err, ACCEL_LIMIT, "%s: %s.%s gives \"%.60s\" an id above the limit of %d",
                         r->file, o.where, key, yyjson_get_str(token), TEXT_IDS - 1);
    }
    return ACCEL_OK;
}

accel_status text_model_read_vocab(const text_reader *r, text_object o, const char *key, text_model *model) {
    text_vocab *out = &model->vocab;
    text_object vocab;
    yyjson_val *token, *id;
    size_t i, count, id_count = 0;
    ACCEL_TRY(text_read_object(r, o, key, &vocab));
    yyjson_obj_foreach(vocab.value, i, count, token, id) {
        ACCEL_TRY(check_id(r, o, key, token, id));
        size_t wanted = (size_t)yyjson_get_uint(id) + 1;
        id_count = wanted > id_count ? wanted : id_count;
    }
    if (!text_vocab_start(out, r->memory, yyjson_obj_size(vocab.value), id_count)) {
        return text_no_memory(r);
    }
    yyjson_obj_foreach(vocab.value, i, count, token, id) {
        text_span copy;
        ACCEL_TRY(text_copy(r, token, &copy));
        text_vocab_add(out, copy, (uint32_t)yyjson_get_uint(id));
    }
    model->size = out->count;
    return ACCEL_OK;
}

accel_status text_model_no_unknown(const text_model *model, text_span token, accel_error *err) {
    return error_set(err, ACCEL_BAD_FILE,
                     "%s: the text needs the unknown token \"%.60s\", which model.vocab lacks", model->file,
                     token.bytes ? token.bytes : "");
}

void text_model_byte_ids(const text_vocab *v, int64_t ids[256]) {
    for (unsigned byte = 0; byte < 256; byte++) {
        char token[8];
        str_format(token, sizeof token, "<0x%02X>", byte);
        ids[byte] = text_vocab_id(v, (text_span){token, 6});
    }
}

/* Files of before 2020 name no type: it is told by the settings that only one model has. */
static const char *untold_type(yyjson_val *o) {
    return yyjson_obj_get(o, "merges")                     ? "BPE"
           : yyjson_obj_get(o, "max_input_chars_per_word") ? "WordPiece"
           : yyjson_is_arr(yyjson_obj_get(o, "vocab"))     ? "Unigram"
                                                           : "WordLevel";
}

accel_status text_model_read(text_reader *r, text_object root, text_model *out) {
    text_object o;
    text_span type = {0};
    ACCEL_TRY(text_read_object(r, root, "model", &o));
    ACCEL_TRY(text_read_text(r, o, "type", TEXT_OPTIONAL, &type));
    const char *name = type.bytes ? type.bytes : untold_type(o.value);
    for (size_t i = 0; i < sizeof defs / sizeof defs[0] && !out->def; i++) {
        out->def = str_equal(name, defs[i]->type) ? defs[i] : NULL;
    }
    if (!out->def) {
        return text_unsupported(r, o, "type", "is \"%.60s\", a model that is not supported", name);
    }
    out->file = r->file;
    out->cache = mem_calloc(CACHE_WORDS, sizeof *out->cache);
    return out->cache ? out->def->read(r, o, out) : text_no_memory(r);
}

void text_model_free(text_model *model) {
    if (model->def) {
        model->def->free(model);
    }
    mem_free(model->cache);
    *model = (text_model){0};
}
