/* Answers that are texts: written, heard, or filled in. */
#include <math.h>
#include <string.h>

#include "ask/internal.h"
#include "base/json.h"

enum { BEST = 5, VOCABULARY_MAX_BYTES = 64 << 20 };

static accel_status say_text(ask *a, const char *output, size_t row, const str_buf *text, double score,
                             accel_error *err) {
    const char *kept = text->failed ? NULL : arena_strdup(a->memory, str_text(text));
    if (!kept)
        return error_no_memory(err, "a text", text->length);
    return ask_say(
        a, &(ask_answer){.output = output, .input = ask_subject(a, row), .text = kept, .score = score}, err);
}

/* ---- written ------------------------------------------------------------------------------------------ */

static bool stops(const ask *a, int64_t id) {
    for (size_t i = 0; i < a->stop_count; i++)
        if (a->stops[i] == id)
            return true;
    return false;
}

/* "<|3.20|>": Whisper's times, which its tokenizer does not call special. */
static bool is_time(const ask *a, uint32_t id) {
    size_t length;
    const char *token = text_tokenizer_token(a->tokenizer, id, &length);
    if (!token || length < 6 || memcmp(token, "<|", 2) != 0 || memcmp(token + length - 2, "|>", 2) != 0)
        return false;
    size_t points = 0;
    for (size_t i = 2; i < length - 2; i++) {
        if ((token[i] < '0' || token[i] > '9') && token[i] != '.')
            return false;
        points += token[i] == '.';
    }
    return points == 1;
}

static accel_status decode(ask *a, const int64_t *ids, size_t count, str_buf *out, accel_error *err) {
    uint32_t *kept = ARENA_ARRAY(a->memory, uint32_t, count);
    size_t length = 0;
    if (!kept)
        return error_no_memory(err, "a text", count);
    for (size_t i = 0; i < count && !stops(a, ids[i]); i++)
        if (ids[i] >= 0 && ids[i] < TEXT_IDS && !is_time(a, (uint32_t)ids[i]))
            kept[length++] = (uint32_t)ids[i];
    return text_tokenizer_decode(a->tokenizer, kept, length, true, out, err);
}

/* ids [batch, tokens]. Without a tokenizer nothing is said. */
accel_status ask_say_written(ask *a, const tensor *ids, const char *output, accel_error *err) {
    if (!a->tokenizer || ids->type != DTYPE_I64 || ids->shape.rank != 2)
        return ACCEL_OK;
    size_t width = (size_t)ids->shape.dims[1];
    for (size_t row = 0; row < (size_t)ids->shape.dims[0]; row++) {
        str_buf text = {0};
        accel_status status = decode(a, (const int64_t *)ids->data + row * width, width, &text, err);
        if (status == ACCEL_OK)
            status = say_text(a, output, row, &text, NAN, err);
        str_free(&text);
        ACCEL_TRY(status);
    }
    return ACCEL_OK;
}

/* ---- heard -------------------------------------------------------------------------------------------- */

/* The tokens of a CTC model: tokenizer.json, or vocab.json { token: id }. */
typedef struct letters {
    const ask *a;
    const char **of_file; /* NULL: the tokenizer's */
    size_t count;
} letters;

static accel_status read_letters(ask *a, const char *path, size_t count, letters *out, accel_error *err) {
    yyjson_doc *doc;
    yyjson_obj_iter it;
    ACCEL_TRY(json_read(path, VOCABULARY_MAX_BYTES, &doc, err));
    *out = (letters){a, ARENA_ARRAY(a->memory, const char *, count), count};
    yyjson_obj_iter_init(yyjson_doc_get_root(doc), &it);
    for (yyjson_val *key; out->of_file && (key = yyjson_obj_iter_next(&it));) {
        yyjson_val *id = yyjson_obj_iter_get_val(key);
        if (yyjson_is_uint(id) && yyjson_get_uint(id) < count)
            out->of_file[yyjson_get_uint(id)] = arena_strdup(a->memory, json_text(key));
    }
    yyjson_doc_free(doc);
    return out->of_file ? ACCEL_OK : error_no_memory(err, "a vocabulary", count);
}

static void append_letter(const letters *l, size_t id, str_buf *out) {
    size_t length = 0;
    const char *token =
        l->of_file ? l->of_file[id] : text_tokenizer_token(l->a->tokenizer, (uint32_t)id, &length);
    if (!token)
        return;
    length = l->of_file ? strlen(token) : length;
    bool blank = length == 1 && token[0] == '|'; /* between words */
    if (blank && out->length > 0)
        str_append_char(out, ' ');
    if (!blank)
        str_append_bytes(out, token, length);
}

/* Connectionist temporal classification (Graves et al., 2006), read greedily: the likeliest token of each frame, a run of the
 * same as one, blanks left out. */
static void hear(const letters *l, const float *logits, size_t frames, size_t blank, str_buf *out) {
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < frames; i++) {
        ask_rank best;
        ask_rank_values(logits + i * l->count, l->count, 1, &best);
        if (best.index != last && best.index != blank)
            append_letter(l, best.index, out);
        last = best.index;
    }
    while (out->length > 0 && out->data[out->length - 1] == ' ')
        out->data[--out->length] = 0;
}

/* logits [batch, frames, vocabulary]. */
accel_status ask_say_heard(ask *a, const tensor *logits, const char *output, accel_error *err) {
    const char *path = a->tokenizer ? NULL : ask_file(a, "vocab.json");
    if ((!a->tokenizer && !path) || logits->type != DTYPE_F32 || logits->shape.rank != 3)
        return ACCEL_OK;
    size_t frames = (size_t)logits->shape.dims[1], width = (size_t)logits->shape.dims[2];
    letters l = {a, NULL, width};
    if (path)
        ACCEL_TRY(read_letters(a, path, width, &l, err));
    for (size_t row = 0; row < (size_t)logits->shape.dims[0]; row++) {
        str_buf text = {0};
        hear(&l, (const float *)logits->data + row * frames * width, frames,
             (size_t)ask_config_int(a, "pad_token_id", 0), &text);
        accel_status status = say_text(a, output, row, &text, NAN, err);
        str_free(&text);
        ACCEL_TRY(status);
    }
    return ACCEL_OK;
}

/* ---- filled in ---------------------------------------------------------------------------------------- */

static accel_status say_best_tokens(ask *a, const float *logits, size_t width, size_t row, const char *output,
                                    accel_error *err) {
    ask_rank best[BEST];
    size_t count = ask_rank_values(logits, width, BEST, best);
    for (size_t i = 0; i < count; i++) {
        str_buf text = {0};
        uint32_t id = (uint32_t)best[i].index;
        accel_status status = text_tokenizer_decode(a->tokenizer, &id, 1, false, &text, err);
        if (status == ACCEL_OK)
            status = say_text(a, output, row, &text, best[i].probability, err);
        str_free(&text);
        ACCEL_TRY(status);
    }
    return ACCEL_OK;
}

/* logits [batch, sequence, vocabulary]: the likeliest tokens at each mask of the texts. */
accel_status ask_say_fillers(ask *a, const tensor *logits, const char *output, accel_error *err) {
    int64_t mask;
    if (!a->rows || logits->type != DTYPE_F32 || logits->shape.rank != 3)
        return ACCEL_OK;
    ACCEL_TRY(ask_special_token(a, "mask_token", &mask, err));
    size_t length = (size_t)logits->shape.dims[1], width = (size_t)logits->shape.dims[2];
    for (size_t row = 0; row < a->question.text_count; row++)
        for (size_t i = 0; i < a->rows[row].count; i++)
            if ((int64_t)a->rows[row].ids[i] == mask)
                ACCEL_TRY(say_best_tokens(a, (const float *)logits->data + (row * length + i) * width, width,
                                          row, output, err));
    return ACCEL_OK;
}
