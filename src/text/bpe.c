/* Byte-pair encoding. A word starts as its characters; of all neighbours that the file has a merge for, the pair with the lowest rank
 * becomes one symbol, until no pair is left. A heap of pairs makes that O(n log n). */
#include "text/model.h"
#include "text/tokenizer.h"

typedef struct merge {
    uint64_t pair; /* left << 32 | right, plus 1; 0 is free */
    uint32_t rank, id;
} merge;

/* A symbol of the word; those that were merged away have length 0. */
typedef struct symbol {
    uint32_t id;
    int32_t previous, next; /* -1: none */
    uint32_t length;
} symbol;

/* A pair that may be merged: the symbol at `at` and the one after it, as they were when it was found. */
typedef struct candidate {
    uint32_t rank, at, id;
    uint32_t left, right;
} candidate;

enum { QUICK_CHARACTERS = 0x800 };

typedef struct bpe {
    merge *merges; /* hash table */
    size_t merge_mask;
    text_span unknown, prefix, suffix;
    bool has_unknown, fuse_unknown, byte_fallback, ignore_merges;
    int64_t byte_ids[256];
    int32_t quick[QUICK_CHARACTERS]; /* ids of the first characters of Unicode */
    /* scratch */
    symbol *symbols;
    size_t symbol_count, symbol_capacity;
    candidate *heap;
    size_t heap_count, heap_capacity;
    str_buf decorated;
} bpe;

/* --- merges --- */

static merge *find_merge(const bpe *b, uint32_t left, uint32_t right) {
    uint64_t pair = ((uint64_t)left << 32 | right) + 1;
    size_t i = (size_t)(pair * 0x9E3779B97F4A7C15u >> 32);
    for (i &= b->merge_mask;; i = (i + 1) & b->merge_mask) {
        if (b->merges[i].pair == pair || b->merges[i].pair == 0) {
            return &b->merges[i];
        }
    }
}

static void sift_up(candidate *heap, size_t at) {
    candidate moved = heap[at];
    for (; at > 0; at = (at - 1) / 2) {
        candidate *parent = &heap[(at - 1) / 2];
        if (parent->rank < moved.rank || (parent->rank == moved.rank && parent->at <= moved.at)) {
            break;
        }
        heap[at] = *parent;
    }
    heap[at] = moved;
}

static bool before(const candidate *a, const candidate *b) {
    return a->rank < b->rank || (a->rank == b->rank && a->at < b->at);
}

static candidate take_first(bpe *b) {
    candidate *heap = b->heap, first = heap[0], moved = heap[--b->heap_count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < b->heap_count) {
        child += child + 1 < b->heap_count && before(&heap[child + 1], &heap[child]);
        if (!before(&heap[child], &moved)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
    return first;
}

/* Offers the pair of the symbol at `at` and its next one. A merge takes two pairs at most away and gives two, so that the heap never holds
 * more than twice the symbols: there is room. */
static void offer(bpe *b, int32_t at) {
    const symbol *left = &b->symbols[at], *right = &b->symbols[left->next];
    const merge *m = find_merge(b, left->id, right->id);
    if (m->pair != 0) {
        b->heap[b->heap_count] = (candidate){m->rank, (uint32_t)at, m->id, left->id, right->id};
        sift_up(b->heap, b->heap_count++);
    }
}

/* Whether the pair still stands. When its symbols changed but would merge into the same token, the package merges them too. */
static bool stands(const bpe *b, const candidate *c) {
    const symbol *left = &b->symbols[c->at];
    if (left->length == 0 || left->next < 0) {
        return false;
    }
    const symbol *right = &b->symbols[left->next];
    if (left->id == c->left && right->id == c->right) {
        return true;
    }
    const merge *m = find_merge(b, left->id, right->id);
    return m->pair != 0 && m->id == c->id;
}

static void merge_all(bpe *b) {
    b->heap_count = 0;
    for (size_t i = 0; i + 1 < b->symbol_count; i++) {
        offer(b, (int32_t)i);
    }
    while (b->heap_count > 0) {
        candidate c = take_first(b);
        if (!stands(b, &c)) {
            continue;
        }
        symbol *left = &b->symbols[c.at], *right = &b->symbols[left->next];
        left->id = c.id;
        left->length += right->length;
        left->next = right->next;
        right->length = 0;
        if (left->next >= 0) {
            b->symbols[left->next].previous = (int32_t)c.at;
        }
        if (left->previous >= 0) {
            offer(b, left->previous);
        }
        if (left->next >= 0) {
            offer(b, (int32_t)c.at);
        }
    }
}

/* --- a word's first symbols --- */

static void add_symbol(bpe *b, int64_t id, size_t length) {
    int32_t at = (int32_t)b->symbol_count++;
    if (at > 0) {
        b->symbols[at - 1].next = at;
    }
    b->symbols[at] = (symbol){(uint32_t)id, at - 1, -1, (uint32_t)length};
}

/* The character as the vocabulary has it: with the prefix unless it is first, with the suffix when it is last. */
static text_span decorate(bpe *b, text_span character, bool first, bool last) {
    if ((first || b->prefix.length == 0) && (!last || b->suffix.length == 0)) {
        return character;
    }
    text_clear(&b->decorated);
    text_append(&b->decorated, first ? (text_span){"", 0} : b->prefix);
    text_append(&b->decorated, character);
    text_append(&b->decorated, last ? b->suffix : (text_span){"", 0});
    return text_span_of(&b->decorated);
}

static int64_t character_id(const text_model *model, text_span decorated) {
    const bpe *b = model->own;
    size_t at = 0;
    if (decorated.length == text_char_bytes(decorated.bytes[0])) {
        uint32_t c = text_next_char(decorated.bytes, &at);
        if (c < QUICK_CHARACTERS) {
            return b->quick[c];
        }
    }
    return text_vocab_id(&model->vocab, decorated);
}

static bool add_bytes(bpe *b, text_span s) {
    bool all = b->byte_fallback;
    for (size_t i = 0; i < s.length && all; i++) {
        all = b->byte_ids[(unsigned char)s.bytes[i]] >= 0;
    }
    for (size_t i = 0; i < s.length && all; i++) {
        add_symbol(b, b->byte_ids[(unsigned char)s.bytes[i]], 1);
    }
    return all;
}

/* Characters that are unknown wait in *pending (their bytes): with fuse_unk a row of them is one symbol. That bytes of byte_fallback
 * go before those that wait is what the package does. */
static accel_status add_character(text_model *model, text_span s, size_t length, size_t *pending,
                                  accel_error *err) {
    bpe *b = model->own;
    int64_t id = character_id(model, s), unknown;
    if (id < 0 && add_bytes(b, s)) {
        return ACCEL_OK;
    }
    if (id < 0 && !b->has_unknown) {
        return ACCEL_OK; /* nothing stands for it */
    }
    if (*pending > 0 && (id >= 0 || !b->fuse_unknown)) {
        add_symbol(b, text_vocab_id(&model->vocab, b->unknown), *pending);
        *pending = 0;
    }
    if (id >= 0) {
        add_symbol(b, id, length);
        return ACCEL_OK;
    }
    unknown = text_vocab_id(&model->vocab, b->unknown);
    *pending += length;
    return unknown >= 0 ? ACCEL_OK : text_model_no_unknown(model, b->unknown, err);
}

/* Room for the symbols of a word: a character is one, or its bytes with prefix and suffix. */
static bool make_room(bpe *b, text_span word) {
    size_t most = word.length + 1;
    if (b->byte_fallback) {
        most = word.length * (1 + b->prefix.length) + b->suffix.length + 1;
    }
    void *symbols = b->symbols, *heap = b->heap;
    bool room = mem_grow(&symbols, &b->symbol_capacity, most, sizeof *b->symbols);
    b->symbols = symbols;
    room = room && mem_grow(&heap, &b->heap_capacity, 2 * most, sizeof *b->heap);
    b->heap = heap;
    return room;
}

static accel_status encode(text_model *model, text_span word, text_ids *out, accel_error *err) {
    bpe *b = model->own;
    int64_t whole = b->ignore_merges ? text_vocab_id(&model->vocab, word) : TEXT_NO_TOKEN;
    if (whole >= 0) {
        text_ids_add(out, (uint32_t)whole);
        return ACCEL_OK;
    }
    if (!make_room(b, word)) {
        return error_no_memory(err, "the symbols of a word", word.length * sizeof *b->symbols);
    }
    b->symbol_count = 0;
    text_renew(&b->decorated);
    size_t pending = 0;
    for (size_t at = 0; at < word.length;) {
        size_t length = text_char_bytes(word.bytes[at]);
        text_span s = decorate(b, (text_span){word.bytes + at, length}, at == 0, at + length == word.length);
        if (b->decorated.failed) {
            return error_no_memory(err, "the symbols of a word", word.length);
        }
        ACCEL_TRY(add_character(model, s, length, &pending, err));
        at += length;
    }
    if (pending > 0) {
        add_symbol(b, text_vocab_id(&model->vocab, b->unknown), pending);
    }
    merge_all(b);
    for (int32_t i = b->symbol_count > 0 ? 0 : -1; i >= 0; i = b->symbols[i].next) {
        text_ids_add(out, b->symbols[i].id);
    }
    return ACCEL_OK;
}

/* --- reading --- */

/* "a b", or ["a", "b"]. */
static accel_status read_pair(const text_reader *r, text_object o, yyjson_val *value, size_t index,
                              text_span *left, text_span *right) {
    if (yyjson_is_arr(value)) {
        yyjson_val *a = yyjson_arr_get(value, 0), *b = yyjson_arr_get(value, 1);
        if (yyjson_arr_size(value) == 2 && yyjson_is_str(a) && yyjson_is_str(b)) {
            *left = (text_span){yyjson_get_str(a), yyjson_get_len(a)};
            *right = (text_span){yyjson_get_str(b), yyjson_get_len(b)};
            return ACCEL_OK;
        }
    } else if (yyjson_is_str(value)) {
        const char *text = yyjson_get_str(value), *end = text + yyjson_get_len(value);
        const char *space = memchr(text, ' ', (size_t)(end - text));
        if (space && !memchr(space + 1, ' ', (size_t)(end - space - 1))) {
            *left = (text_span){text, (size_t)(space - text)};
            *right = (text_span){space + 1, (size_t)(end - space - 1)};
            return ACCEL_OK;
        }
    }
    return text_bad(r, o, "merges", "has at %zu no pair of tokens", index);
}

static accel_status add_merge(const text_reader *r, text_object o, text_model *model, yyjson_val *value,
                              size_t index, uint32_t rank) {
    bpe *b = model->own;
    text_span left, right;
    ACCEL_TRY(read_pair(r, o, value, index, &left, &right));
    if (right.length < b->prefix.length) {
        return text_bad(r, o, "merges", "has at %zu a right side without the prefix", index);
    }
    text_clear(&b->decorated);
    text_append(&b->decorated, left);
    text_append(&b->decorated, (text_span){right.bytes + b->prefix.length, right.length - b->prefix.length});
    if (b->decorated.failed) {
        return text_no_memory(r);
    }
    int64_t left_id = text_vocab_id(&model->vocab, left), right_id = text_vocab_id(&model->vocab, right);
    int64_t id = text_vocab_id(&model->vocab, text_span_of(&b->decorated));
    if (left_id < 0 || right_id < 0 || id < 0) {
        return text_bad(r, o, "merges", "has at %zu a token that model.vocab lacks", index);
    }
    *find_merge(b, (uint32_t)left_id, (uint32_t)right_id) =
        (merge){((uint64_t)left_id << 32 | (uint64_t)right_id) + 1, rank, (uint32_t)id};
    return ACCEL_OK;
}

static accel_status read_merges(const text_reader *r, text_object o, text_model *model) {
    bpe *b = model->own;
    yyjson_val *list, *value;
    size_t i, count, slots = 16;
    uint32_t rank = 0;
    ACCEL_TRY(text_read_list(r, o, "merges", &list));
    while (slots < 2 * yyjson_arr_size(list)) {
        slots *= 2;
    }
    b->merges = mem_calloc(slots, sizeof *b->merges);
    if (!b->merges) {
        return text_no_memory(r);
    }
    b->merge_mask = slots - 1;
    yyjson_arr_foreach(list, i, count, value) {
        if (yyjson_is_str(value) && str_starts_with(yyjson_get_str(value), "#version")) {
            continue;
        }
        ACCEL_TRY(add_merge(r, o, model, value, i, rank++));
    }
    return ACCEL_OK;
}

static void fill_quick(const text_model *model) {
    bpe *b = model->own;
    for (uint32_t c = 0; c < QUICK_CHARACTERS; c++) {
        char character[4];
        b->quick[c] =
            (int32_t)text_vocab_id(&model->vocab, (text_span){character, text_put_char(character, c)});
    }
}

static accel_status refuse_dropout(const text_reader *r, text_object o) {
    yyjson_val *dropout = yyjson_obj_get(o.value, "dropout");
    if (!dropout || yyjson_is_null(dropout) || (yyjson_is_num(dropout) && !(yyjson_get_num(dropout) > 0))) {
        return ACCEL_OK;
    }
    return text_unsupported(r, o, "dropout", "asks for encoding by chance, which is for training");
}

static accel_status read(text_reader *r, text_object o, text_model *model) {
    bpe *b = model->own = mem_calloc(1, sizeof *b);
    if (!b) {
        return text_no_memory(r);
    }
    ACCEL_TRY(refuse_dropout(r, o));
    ACCEL_TRY(text_read_text(r, o, "unk_token", TEXT_OPTIONAL, &b->unknown));
    ACCEL_TRY(text_read_text(r, o, "continuing_subword_prefix", TEXT_OPTIONAL, &b->prefix));
    ACCEL_TRY(text_read_text(r, o, "end_of_word_suffix", TEXT_OPTIONAL, &b->suffix));
    ACCEL_TRY(text_read_bool(r, o, "fuse_unk", TEXT_OPTIONAL, &b->fuse_unknown));
    ACCEL_TRY(text_read_bool(r, o, "byte_fallback", TEXT_OPTIONAL, &b->byte_fallback));
    ACCEL_TRY(text_read_bool(r, o, "ignore_merges", TEXT_OPTIONAL, &b->ignore_merges));
    b->has_unknown = b->unknown.bytes != NULL;
    if (b->prefix.length > 64 || b->suffix.length > 64) {
        return error_set(r->err, ACCEL_LIMIT, "%s: %s has a prefix or suffix of more than 64 bytes", r->file,
                         o.where);
    }
    ACCEL_TRY(text_model_read_vocab(r, o, "vocab", model));
    ACCEL_TRY(read_merges(r, o, model));
    text_model_byte_ids(&model->vocab, b->byte_ids);
    fill_quick(model);
    return ACCEL_OK;
}

static void free_own(text_model *model) {
    bpe *b = model->own;
    if (b) {
        mem_free(b->merges);
        mem_free(b->symbols);
        mem_free(b->heap);
        str_free(&b->decorated);
        mem_free(b);
    }
}

const text_model_def text_model_bpe = {"BPE", read, encode, free_own};
