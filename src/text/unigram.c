/* Unigram (SentencePiece; T5, XLM-R): of all ways to cut a text into tokens the one with the largest sum of scores (Viterbi). A character
 * that no token covers alone may be unknown, at 10 below the lowest score. */
#include <math.h>

#include "text/model.h"
#include "text/tokenizer.h"
#include "text/trie.h"

static const double UNKNOWN_PENALTY = 10;

/* The best way to a byte of the text. */
typedef struct best {
    double score;
    uint32_t start; /* where its last token starts */
    uint32_t id;    /* that token */
    uint32_t next;  /* on the best way of all: where the token ends that starts here */
    bool reached;
} best;

typedef struct unigram {
    text_trie trie; /* token → id */
    double *scores; /* by id */
    double unknown_score;
    int64_t unknown; /* TEXT_NO_TOKEN when the file has none */
    bool byte_fallback;
    int64_t byte_ids[256];
    best *path;
    size_t path_capacity;
} unigram;

static void offer(best *to, double score, size_t start, uint32_t id) {
    if (!to->reached || score > to->score) {
        *to = (best){.score = score, .start = (uint32_t)start, .id = id, .reached = true};
    }
}

/* Offers every token that starts at `start`; the length of the text's character there decides about the unknown one. */
static bool step(const unigram *u, best *path, text_span text, size_t start) {
    double here = path[start].score;
    size_t character = text_char_bytes(text.bytes[start]);
    bool single = false;
    uint32_t node = TEXT_TRIE_ROOT;
    for (size_t end = start; end < text.length;) {
        node = text_trie_step(&u->trie, node, text.bytes[end]);
        if (node == 0) {
            break;
        }
        end++;
        if (u->trie.values[node] > 0) {
            uint32_t id = u->trie.values[node] - 1;
            offer(&path[end], here + u->scores[id], start, id);
            single = single || end - start == character;
        }
    }
    if (!single) {
        best *to = &path[start + character];
        if (u->unknown < 0 && (!to->reached || here + u->unknown_score > to->score)) {
            return false;
        }
        offer(to, here + u->unknown_score, start, (uint32_t)(u->unknown < 0 ? 0 : u->unknown));
    }
    return true;
}

/* A stretch of unknown characters: one token of the vocabulary by chance, its bytes, or the unknown token. */
static void add_unknown(text_model *model, text_span text, text_ids *out) {
    const unigram *u = model->own;
    int64_t id = text_vocab_id(&model->vocab, text);
    bool bytes = id < 0 && u->byte_fallback;
    for (size_t i = 0; i < text.length && bytes; i++) {
        bytes = u->byte_ids[(unsigned char)text.bytes[i]] >= 0;
    }
    if (!bytes) {
        text_ids_add(out, (uint32_t)(id < 0 ? u->unknown : id));
        return;
    }
    for (size_t i = 0; i < text.length; i++) {
        text_ids_add(out, (uint32_t)u->byte_ids[(unsigned char)text.bytes[i]]);
    }
}

/* The best way goes from the end to the start; `next` makes it go forwards. */
static void add_tokens(text_model *model, text_span text, text_ids *out) {
    const unigram *u = model->own;
    best *path = u->path;
    for (size_t end = text.length; end > 0; end = path[end].start) {
        path[path[end].start].next = (uint32_t)end;
    }
    for (size_t start = 0, end; start < text.length; start = end) {
        end = path[start].next;
        if ((int64_t)path[end].id != u->unknown) {
            text_ids_add(out, path[end].id);
            continue;
        }
        while (end < text.length && (int64_t)path[path[end].next].id == u->unknown) {
            end = path[end].next; /* unknown characters in a row are one token */
        }
        add_unknown(model, (text_span){text.bytes + start, end - start}, out);
    }
}

static accel_status encode(text_model *model, text_span text, text_ids *out, accel_error *err) {
    unigram *u = model->own;
    void *path = u->path;
    if (!mem_grow(&path, &u->path_capacity, text.length + 1, sizeof *u->path)) {
        return error_no_memory(err, "a text's best tokens", (text.length + 1) * sizeof *u->path);
    }
    u->path = path;
    memset(u->path, 0, (text.length + 1) * sizeof *u->path);
    for (size_t at = 0; at < text.length; at += text_char_bytes(text.bytes[at])) {
        if (!step(u, u->path, text, at)) {
            return error_set(err, ACCEL_BAD_FILE,
                             "%s: the text needs an unknown token, and model.unk_id names none", model->file);
        }
    }
    add_tokens(model, text, out);
    return ACCEL_OK;
}

/* --- reading --- */

/* A score as the package reads it: its JSON reader rounds twice, the digits to a double and that over a power of ten. In the last bit
 * it decides between ways of equal worth. The digits are the shortest that name the number, which is how such files are written. */
static double rounded_twice(const char *digits) {
    uint64_t significand = 0;
    int exponent = 0, written = 0;
    bool fraction = false, negative = *digits == '-', down = false;
    for (digits += negative; *digits != '\0' && *digits != 'e' && *digits != 'E'; digits++) {
        if (*digits == '.') {
            fraction = true;
            continue;
        }
        significand = significand * 10 + (uint64_t)(*digits - '0');
        exponent -= fraction;
    }
    if (*digits != '\0') {
        down = digits[1] == '-';
        for (digits += down || digits[1] == '+' ? 2 : 1; *digits != '\0'; digits++) {
            written = written * 10 + (*digits - '0');
        }
    }
    exponent += down ? -written : written;
    double value =
        exponent < 0 ? (double)significand / pow(10, -exponent) : (double)significand * pow(10, exponent);
    return negative ? -value : value;
}

static bool read_score(yyjson_val *number, double *out) {
    str_buf digits = {0};
    *out = yyjson_get_num(number);
    if (yyjson_is_real(number)) {
        json_append_value(&digits, number);
        *out = digits.failed ? 0 : rounded_twice(str_text(&digits));
    }
    bool read = !digits.failed;
    str_free(&digits);
    return read;
}

/* [["token", score], ...], the place is the id. */
static accel_status read_token(const text_reader *r, text_object o, text_model *model, yyjson_val *pair,
                               size_t id) {
    unigram *u = model->own;
    yyjson_val *token = yyjson_arr_get(pair, 0), *score = yyjson_arr_get(pair, 1);
    text_span copy;
    if (yyjson_arr_size(pair) != 2 || !yyjson_is_str(token) || !yyjson_is_num(score) ||
        !isfinite(yyjson_get_num(score))) {
        return text_bad(r, o, "vocab", "has at %zu no [token, score]", id);
    }
    if (yyjson_get_len(token) > TEXT_TRIE_KEY_BYTES) {
        return error_set(r->err, ACCEL_LIMIT, "%s: %s.vocab[%zu] has %zu bytes; a token may have %d", r->file,
                         o.where, id, yyjson_get_len(token), TEXT_TRIE_KEY_BYTES);
    }
    ACCEL_TRY(text_copy(r, token, &copy));
    text_vocab_add(&model->vocab, copy, (uint32_t)id);
    if (!read_score(score, &u->scores[id])) {
        return text_no_memory(r);
    }
    u->unknown_score = fmin(u->unknown_score, u->scores[id]);
    return text_trie_add(&u->trie, copy, (uint32_t)id) ? ACCEL_OK : text_no_memory(r);
}

static accel_status read_vocab(const text_reader *r, text_object o, text_model *model) {
    unigram *u = model->own;
    yyjson_val *list, *pair;
    size_t i, count;
    ACCEL_TRY(text_read_list(r, o, "vocab", &list));
    if (yyjson_arr_size(list) > TEXT_IDS) {
        return error_set(r->err, ACCEL_LIMIT, "%s: %s.vocab has more than %d tokens", r->file, o.where,
                         TEXT_IDS);
    }
    u->scores = ARENA_ARRAY(r->memory, double, yyjson_arr_size(list));
    if (!u->scores ||
        !text_vocab_start(&model->vocab, r->memory, yyjson_arr_size(list), yyjson_arr_size(list)) ||
        !text_trie_add(&u->trie, (text_span){"", 0}, 0)) {
        return text_no_memory(r);
    }
    model->size = yyjson_arr_size(list);
    u->unknown_score = INFINITY;
    yyjson_arr_foreach(list, i, count, pair) {
        ACCEL_TRY(read_token(r, o, model, pair, i));
    }
    u->unknown_score -= UNKNOWN_PENALTY;
    return ACCEL_OK;
}

static accel_status read(text_reader *r, text_object o, text_model *model) {
    size_t unknown = SIZE_MAX;
    unigram *u = model->own = mem_calloc(1, sizeof *u);
    if (!u) {
        return text_no_memory(r);
    }
    ACCEL_TRY(text_read_size(r, o, "unk_id", TEXT_OPTIONAL, &unknown));
    ACCEL_TRY(text_read_bool(r, o, "byte_fallback", TEXT_OPTIONAL, &u->byte_fallback));
    ACCEL_TRY(read_vocab(r, o, model));
    if (unknown != SIZE_MAX && unknown >= model->vocab.id_count) {
        return text_bad(r, o, "unk_id", "is outside the vocabulary");
    }
    u->unknown = unknown == SIZE_MAX ? TEXT_NO_TOKEN : (int64_t)unknown;
    text_model_byte_ids(&model->vocab, u->byte_ids);
    return ACCEL_OK;
}

static void free_own(text_model *model) {
    unigram *u = model->own;
    if (u) {
        text_trie_free(&u->trie);
        mem_free(u->path);
        mem_free(u);
    }
}

const text_model_def text_model_unigram = {"Unigram", read, encode, free_own};
