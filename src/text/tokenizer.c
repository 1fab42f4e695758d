#include "text/tokenizer.h"

#include "base/file.h"
#include "text/added.h"
#include "text/decoder.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/truncation.h"

struct text_tokenizer {
    arena *memory;
    text_truncation truncation;
    text_normalizer *normalizer;
    text_pre_tokenizer pre_tokenizer;
    text_model model;
    text_added added;
    text_post_processor post_processor;
    text_decoder decoder;
    /* scratch */
    text_draft draft;
    text_pieces pieces, spare;
    text_tokens tokens, spare_tokens;
    text_ids first, second;
};

/* --- opening --- */

static accel_status check_version(const text_reader *r, text_object root) {
    text_span version = {0};
    if (!yyjson_is_obj(root.value)) {
        return error_set(r->err, ACCEL_BAD_FILE, "%s: the file is no JSON object, so no tokenizer.json",
                         r->file);
    }
    ACCEL_TRY(text_read_text(r, root, "version", TEXT_OPTIONAL, &version));
    if (version.bytes && !str_equal(version.bytes, "1.0")) {
        return text_unsupported(r, root, "version", "is \"%.60s\"; 1.0 is supported", version.bytes);
    }
    return ACCEL_OK;
}

static accel_status read_parts(text_reader *r, text_object root, text_tokenizer *t) {
    ACCEL_TRY(check_version(r, root));
    ACCEL_TRY(text_truncation_read(r, root, &t->truncation));
    ACCEL_TRY(text_normalizer_read(r, root, &t->normalizer));
    ACCEL_TRY(text_pre_tokenizer_read(r, root, &t->pre_tokenizer));
    ACCEL_TRY(text_model_read(r, root, &t->model));
    ACCEL_TRY(text_added_read(r, root, &t->model, t->normalizer, &t->draft, &t->added));
    ACCEL_TRY(text_post_processor_read(r, root, &t->post_processor));
    return text_decoder_read(r, root, &t->decoder);
}

static accel_status create(yyjson_doc *doc, const char *what, text_tokenizer **out, accel_error *err) {
    text_tokenizer *t = mem_calloc(1, sizeof *t);
    if (!t) {
        return error_no_memory(err, what, sizeof *t);
    }
    t->memory = arena_create();
    text_reader r = {
        .memory = t->memory, .err = err, .file = t->memory ? arena_strdup(t->memory, what) : NULL};
    accel_status status = r.file ? read_parts(&r, (text_object){yyjson_doc_get_root(doc), ""}, t)
                                 : error_no_memory(err, what, sizeof *t);
    if (status != ACCEL_OK) {
        text_tokenizer_close(t);
        return status;
    }
    *out = t;
    return ACCEL_OK;
}

accel_status text_tokenizer_open_bytes(const char *json, size_t length, const char *what,
                                       text_tokenizer **out, accel_error *err) {
    yyjson_doc *doc;
    ACCEL_TRY(json_parse(json, length, TEXT_FILE_BYTES, what, &doc, err));
    accel_status status = create(doc, what, out, err);
    yyjson_doc_free(doc);
    return status;
}

accel_status text_tokenizer_open(const char *path, text_tokenizer **out, accel_error *err) {
    yyjson_doc *doc;
    ACCEL_TRY(json_read(path, TEXT_FILE_BYTES, &doc, err));
    accel_status status = create(doc, path, out, err);
    yyjson_doc_free(doc);
    return status;
}

void text_tokenizer_close(text_tokenizer *t) {
    if (!t) {
        return;
    }
    text_normalizer_free(t->normalizer);
    text_pre_tokenizer_free(&t->pre_tokenizer);
    text_model_free(&t->model);
    text_added_free(&t->added);
    text_decoder_free(&t->decoder);
    text_draft_free(&t->draft);
    text_pieces_free(&t->pieces);
    text_pieces_free(&t->spare);
    text_tokens_free(&t->tokens);
    text_tokens_free(&t->spare_tokens);
    mem_free(t->first.items);
    mem_free(t->second.items);
    arena_destroy(t->memory);
    mem_free(t);
}

/* --- encoding --- */

/* Normalizes the pieces that are text, and finds the added tokens that are looked for in normalized text. */
static accel_status normalize_pieces(text_tokenizer *t, accel_error *err) {
    text_pieces_renew(&t->spare);
    for (size_t i = 0; i < t->pieces.count; i++) {
        const text_piece *piece = &t->pieces.items[i];
        if (piece->token >= 0) {
            text_pieces_add(&t->spare, *piece);
            continue;
        }
        text_draft_set(&t->draft, text_piece_span(&t->pieces, piece), piece->origin > 0);
        ACCEL_TRY(text_normalize(t->normalizer, &t->draft, err));
        ACCEL_TRY(
            text_added_split(&t->added, true, text_span_of(&t->draft.now), t->draft.origin, &t->spare, err));
    }
    text_pieces done = t->spare;
    t->spare = t->pieces;
    t->pieces = done;
    return done.failed ? error_no_memory(err, "the pieces of a text", done.text.length) : ACCEL_OK;
}

/* The model's ids of the pieces, of the first ones that give `most` ids at least; 0: of all. */
static accel_status encode_pieces(text_tokenizer *t, size_t most, text_ids *out, accel_error *err) {
    for (size_t i = 0; i < t->pieces.count && (most == 0 || out->count < most); i++) {
        const text_piece *piece = &t->pieces.items[i];
        if (piece->token >= 0) {
            text_ids_add(out, (uint32_t)piece->token);
        } else {
            ACCEL_TRY(text_model_encode(&t->model, text_piece_span(&t->pieces, piece), out, err));
        }
    }
    return out->failed ? error_no_memory(err, "the ids of a text", out->count * sizeof *out->items)
                       : ACCEL_OK;
}

static accel_status check_text(const char *text, size_t length, accel_error *err) {
    size_t at;
    if (length > TEXT_INPUT_BYTES) {
        return error_set(err, ACCEL_LIMIT, "the text has %zu bytes; a tokenizer takes %d", length,
                         TEXT_INPUT_BYTES);
    }
    if (!text_is_utf8(text, length, &at)) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the text is not UTF-8 at byte %zu", at);
    }
    return ACCEL_OK;
}

static accel_status encode_text(text_tokenizer *t, text_span text, size_t most, text_ids *out,
                                accel_error *err) {
    out->count = 0;
    out->failed = false;
    ACCEL_TRY(check_text(text.bytes, text.length, err));
    size_t origin = text.length > 0 ? text_char_bytes(text.bytes[0]) : 0;
    text_pieces_renew(&t->pieces);
    ACCEL_TRY(text_added_split(&t->added, false, text, origin, &t->pieces, err));
    ACCEL_TRY(normalize_pieces(t, err));
    ACCEL_TRY(text_pre_tokenize(&t->pre_tokenizer, &t->pieces, &t->spare, err));
    return encode_pieces(t, most, out, err);
}

static bool reserve(text_encoding *e, size_t count) {
    size_t capacity = e->capacity;
    void *ids = e->ids, *type_ids = e->type_ids;
    bool room = mem_grow(&ids, &capacity, count, sizeof *e->ids);
    e->ids = ids;
    if (!room) {
        return false;
    }
    capacity = e->capacity;
    room = mem_grow(&type_ids, &capacity, count, sizeof *e->type_ids);
    e->type_ids = type_ids;
    e->capacity = room ? capacity : e->capacity;
    return room;
}

/* Puts the parts together. */
static accel_status assemble(const text_tokenizer *t, const text_template *template, bool special,
                             text_encoding *out, accel_error *err) {
    for (size_t i = 0; i < template->count; i++) {
        const text_part *part = &template->parts[i];
        const text_ids *text = part->kind == TEXT_PART_FIRST ? &t->first : &t->second;
        bool is_text = part->kind != TEXT_PART_SPECIAL;
        size_t count = is_text ? text->count : special ? part->id_count : 0;
        const uint32_t *ids = is_text ? text->items : part->ids;
        if (!reserve(out, out->count + count)) {
            return error_no_memory(err, "the ids of a text", (out->count + count) * sizeof *out->ids);
        }
        for (size_t k = 0; k < count; k++) {
            out->ids[out->count] = ids[k];
            out->type_ids[out->count++] = part->type_id;
        }
    }
    return ACCEL_OK;
}

static accel_status encode(text_tokenizer *t, text_span text, const text_encode_options *o,
                           text_encoding *out, accel_error *err) {
    const text_template *template = o->pair ? &t->post_processor.pair : &t->post_processor.single;
    text_truncation cut = t->truncation;
    cut.max_length = o->max_length == TEXT_AS_FILE ? cut.max_length : o->max_length;
    /* How two texts are cut depends on how long both are, one is cut at its end: there the rest need not be looked at. */
    bool whole = o->pair || cut.left || cut.strategy == TEXT_ONLY_SECOND;
    ACCEL_TRY(encode_text(t, text, whole ? 0 : cut.max_length, &t->first, err));
    if (o->pair) {
        ACCEL_TRY(encode_text(t, (text_span){o->pair, o->pair_length}, 0, &t->second, err));
    }
    if (cut.max_length > 0) {
        size_t added = o->special_tokens ? text_template_added(template) : 0;
        if (added > cut.max_length) {
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "max_length %zu has no room for the %zu special tokens", cut.max_length, added);
        }
        ACCEL_TRY(text_truncate(&cut, cut.max_length - added, &t->first, o->pair ? &t->second : NULL, err));
    }
    return assemble(t, template, o->special_tokens, out, err);
}

accel_status text_tokenizer_encode(text_tokenizer *t, const char *text, size_t length,
                                   const text_encode_options *options, text_encoding *out, accel_error *err) {
    static const text_encode_options usual = {.special_tokens = true};
    out->count = 0;
    accel_status status = encode(t, (text_span){text, length}, options ? options : &usual, out, err);
    if (status != ACCEL_OK) {
        out->count = 0;
    }
    return status;
}

void text_encoding_free(text_encoding *e) {
    mem_free(e->ids);
    mem_free(e->type_ids);
    *e = (text_encoding){0};
}

/* --- decoding and looking up --- */

static bool find_token(const text_tokenizer *t, uint32_t id, text_span *out) {
    const text_added_entry *added = text_added_at(&t->added, id);
    const text_vocab_entry *known = text_vocab_at(&t->model.vocab, id);
    if (added || known) {
        *out = added ? added->shown : known->token;
    }
    return added || known;
}

accel_status text_tokenizer_decode(text_tokenizer *t, const uint32_t *ids, size_t count, bool skip_special,
                                   str_buf *out, accel_error *err) {
    text_tokens_renew(&t->tokens);
    for (size_t i = 0; i < count; i++) {
        text_span token;
        if (find_token(t, ids[i], &token) && !(skip_special && text_added_is_special(&t->added, token))) {
            text_append(&t->tokens.text, token);
            text_tokens_end(&t->tokens);
        }
    }
    return text_decode(&t->decoder, &t->tokens, &t->spare_tokens, out, err);
}

size_t text_tokenizer_vocabulary_size(const text_tokenizer *t) {
    size_t size = t->model.size;
    for (size_t i = 0; i < t->added.count; i++) {
        size += text_vocab_id(&t->model.vocab, t->added.entries[i].content) < 0;
    }
    return size;
}

bool text_tokenizer_id(const text_tokenizer *t, const char *token, size_t length, uint32_t *id) {
    int64_t found = text_vocab_id(&t->added.vocab, (text_span){token, length});
    found = found < 0 ? text_vocab_id(&t->model.vocab, (text_span){token, length}) : found;
    if (found >= 0) {
        *id = (uint32_t)found;
    }
    return found >= 0;
}

const char *text_tokenizer_token(const text_tokenizer *t, uint32_t id, size_t *length) {
    text_span token;
    if (!find_token(t, id, &token)) {
        return NULL;
    }
    *length = token.length;
    return token.bytes;
}

size_t text_tokenizer_added_count(const text_tokenizer *t) {
    return t->added.count;
}

text_added_token text_tokenizer_added(const text_tokenizer *t, size_t index) {
    const text_added_entry *e = &t->added.entries[index];
    return (text_added_token){e->content.bytes, e->content.length, e->id, e->special};
}
