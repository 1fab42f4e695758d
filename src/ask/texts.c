/* Texts as a batch of token ids. */
#include <string.h>

#include "ask/internal.h"
#include "base/log.h"

/* ---- the tokenizer and what lies beside it ------------------------------------------------------------ */

/* Needed for texts; for what is written or heard it is taken where it is there. */
accel_status ask_open_tokenizer(ask *a, accel_error *err) {
    static const char *const files[] = {"tokenizer.json", NULL};
    const char *path = ask_file(a, files[0]);
    if (a->question.text_count > 0)
        ACCEL_TRY(ask_need_file(a, files, "which turns texts into tokens", "input_ids", &path, err));
    return path ? text_tokenizer_open(path, &a->tokenizer, err) : ACCEL_OK;
}

static accel_status read_beside(const ask *a, const char *name, hf_config **out, accel_error *err) {
    const char *path = ask_file(a, name);
    *out = NULL;
    return path ? hf_config_read(path, out, err) : ACCEL_OK;
}

/* A token is a text, or an object with its content. */
static bool token_of_file(const ask *a, hf_config *c, const char *key, uint32_t *id) {
    const char *content = arena_printf(a->memory, "%s.content", key);
    if (!c || !content || !hf_config_has(c, key))
        return false;
    const char *text = hf_config_string(c, hf_config_has(c, content) ? content : key, "");
    return text_tokenizer_id(a->tokenizer, text, strlen(text), id);
}

accel_status ask_special_token(const ask *a, const char *key, int64_t *out, accel_error *err) {
    static const char *const files[] = {"tokenizer_config.json", "special_tokens_map.json"};
    const char *id_key = arena_printf(a->memory, "%s_id", key);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        hf_config *c;
        uint32_t id;
        ACCEL_TRY(read_beside(a, files[i], &c, err));
        bool found = token_of_file(a, c, key, &id);
        hf_config_destroy(c);
        if (found) {
            *out = (int64_t)id;
            return ACCEL_OK;
        }
    }
    *out = id_key ? ask_config_int(a, id_key, -1) : -1;
    return ACCEL_OK;
}

/* Models without a padding token (GPT-2) are padded with the one that ends a text: the mask covers it. */
static accel_status padding_token(const ask *a, int64_t *out, accel_error *err) {
    ACCEL_TRY(ask_special_token(a, "pad_token", out, err));
    if (*out < 0)
        *out = ask_stop_token(a) >= 0 ? ask_stop_token(a) : 0;
    return ACCEL_OK;
}

static accel_status lower(const ask *a, const char *file, const char *key, size_t *limit, accel_error *err) {
    hf_config *c;
    ACCEL_TRY(read_beside(a, file, &c, err));
    double most = c ? hf_config_float(c, key, 0) : 0; /* transformers writes 1e30 for "any" */
    accel_status status = c ? hf_config_check(c, err) : ACCEL_OK;
    hf_config_destroy(c);
    if (most >= 1 && most < 1e9 && (*limit == TEXT_WHOLE || (size_t)most < *limit))
        *limit = (size_t)most;
    return status;
}

/* The most tokens of a text: the model's positions, or what it was trained for. */
static accel_status longest_text(const ask *a, size_t *out, accel_error *err) {
    *out = a->model->max_sequence > 0 ? (size_t)a->model->max_sequence : TEXT_WHOLE;
    ACCEL_TRY(lower(a, "tokenizer_config.json", "model_max_length", out, err));
    return lower(a, "sentence_bert_config.json", "max_seq_length", out, err);
}

/* ---- encoding ----------------------------------------------------------------------------------------- */

static accel_status encode(ask *a, const char *text, size_t longest, ask_row *row, accel_error *err) {
    text_encode_options options = {.special_tokens = true, .max_length = TEXT_WHOLE};
    text_encoding e = {0};
    accel_status status = text_tokenizer_encode(a->tokenizer, text, strlen(text), &options, &e, err);
    if (status == ACCEL_OK && longest != TEXT_WHOLE && e.count > longest) {
        log_warning("a text of %zu tokens is cut to the %zu that %s takes", e.count, longest, a->model->name);
        options.max_length = longest; /* by the file's rules, which keep special tokens */
        status = text_tokenizer_encode(a->tokenizer, text, strlen(text), &options, &e, err);
    }
    row->count = e.count;
    row->ids = arena_copy(a->memory, e.ids, e.count * sizeof *e.ids);
    row->type_ids = arena_copy(a->memory, e.type_ids, e.count * sizeof *e.type_ids);
    if (status == ACCEL_OK && (!row->ids || !row->type_ids))
        status = error_no_memory(err, "the tokens of a text", e.count);
    text_encoding_free(&e);
    return status;
}

/* How an image stands in a prompt that does not say where. */
static const char *image_text(const ask *a) {
    return str_starts_with(ask_model_type(a), "qwen") ? "<|vision_start|><|image_pad|><|vision_end|>"
                                                      : "<image>\n";
}

static size_t count_token(const ask_row *row, int64_t token) {
    size_t count = 0;
    for (size_t i = 0; i < row->count; i++)
        count += (int64_t)row->ids[i] == token;
    return count;
}

static accel_status encode_all(ask *a, const char *const *texts, size_t longest, int64_t image_token,
                               size_t *images, accel_error *err) {
    *images = 0;
    for (size_t i = 0; i < a->question.text_count; i++) {
        accel_status status = encode(a, texts[i], longest, &a->rows[i], err);
        if (status != ACCEL_OK)
            return error_prefix(err, status, "text %zu", i + 1);
        if (a->images_of)
            *images += a->images_of[i] = count_token(&a->rows[i], image_token);
    }
    return ACCEL_OK;
}

/* All images before the one text, or one before each. */
static accel_status put_images_first(ask *a, int64_t image_token, size_t *images, accel_error *err) {
    const ask_question *q = &a->question;
    size_t each = q->text_count == 1 ? q->image_count : 1;
    const char **texts = ARENA_ARRAY(a->memory, const char *, q->text_count);
    if (q->text_count > 1 && q->text_count != q->image_count)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "%zu texts and %zu pictures: say with %s in the texts where each picture belongs",
                         q->text_count, q->image_count, image_text(a));
    for (size_t i = 0; texts && i < q->text_count; i++) {
        str_buf text = {0};
        for (size_t k = 0; k < each; k++)
            str_append(&text, image_text(a));
        str_append(&text, q->texts[i]);
        texts[i] = text.failed ? NULL : arena_strdup(a->memory, str_text(&text));
        str_free(&text);
        if (!texts[i])
            return error_no_memory(err, "a prompt", strlen(q->texts[i]));
    }
    return texts ? encode_all(a, texts, TEXT_WHOLE, image_token, images, err)
                 : error_no_memory(err, "prompts", q->text_count);
}

/* image_token < 0: texts hold no images. Prompts with images are not cut: every feature needs its token. */
accel_status ask_encode_texts(ask *a, int64_t image_token, accel_error *err) {
    const ask_question *q = &a->question;
    size_t longest = TEXT_WHOLE, images;
    a->rows = ARENA_ARRAY(a->memory, ask_row, q->text_count);
    if (image_token >= 0)
        a->images_of = ARENA_ARRAY(a->memory, size_t, q->text_count);
    if (!a->rows || (image_token >= 0 && !a->images_of))
        return error_no_memory(err, "the tokens of texts", q->text_count);
    if (image_token < 0 || q->image_count == 0)
        ACCEL_TRY(longest_text(a, &longest, err));
    ACCEL_TRY(encode_all(a, q->texts, longest, image_token, &images, err));
    if (image_token < 0)
        return ACCEL_OK;
    if (images == 0 && q->image_count > 0)
        ACCEL_TRY(put_images_first(a, image_token, &images, err));
    if (images != q->image_count)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "the texts have %zu image tokens (id %lld) for %zu pictures; there must be one for "
                         "each, as in %s",
                         images, (long long)image_token, q->image_count, image_text(a));
    return ACCEL_OK;
}

static accel_status expand(const ask *a, ask_row *row, int64_t image_token, const int64_t *counts,
                           accel_error *err) {
    size_t length = row->count, at = 0, image = 0;
    for (size_t i = 0; i < row->count; i++)
        if ((int64_t)row->ids[i] == image_token)
            length += (size_t)counts[image++] - 1;
    ask_row out = {ARENA_ARRAY(a->memory, uint32_t, length), ARENA_ARRAY(a->memory, uint32_t, length),
                   length};
    if (!out.ids || !out.type_ids)
        return error_no_memory(err, "a prompt", length);
    image = 0;
    for (size_t i = 0; i < row->count; i++) {
        int64_t copies = (int64_t)row->ids[i] == image_token ? counts[image++] : 1;
        for (int64_t k = 0; k < copies; k++, at++) {
            out.ids[at] = row->ids[i];
            out.type_ids[at] = row->type_ids[i];
        }
    }
    *row = out;
    return ACCEL_OK;
}

accel_status ask_expand_image_tokens(ask *a, int64_t image_token, const int64_t *counts, accel_error *err) {
    for (size_t i = 0; i < a->question.text_count; i++) {
        ACCEL_TRY(expand(a, &a->rows[i], image_token, counts, err));
        counts += a->images_of[i];
    }
    return ACCEL_OK;
}

/* ---- batches ------------------------------------------------------------------------------------------ */

static void fill_row(const ask_row *row, size_t length, bool left, int64_t pad, int64_t *ids, int64_t *mask,
                     int64_t *types) {
    size_t first = left ? length - row->count : 0;
    for (size_t i = 0; i < length; i++) {
        bool kept = i >= first && i - first < row->count;
        ids[i] = kept ? (int64_t)row->ids[i - first] : pad;
        if (mask)
            mask[i] = kept;
        if (types)
            types[i] = kept ? (int64_t)row->type_ids[i - first] : 0;
    }
}

accel_status ask_add_texts(ask *a, accel_error *err) {
    size_t count = a->question.text_count, length = 0;
    bool left = a->model->generation.able && !a->model->generation.encoder_decoder;
    tensor *ids, *mask = NULL, *types = NULL;
    int64_t pad;
    ACCEL_TRY(padding_token(a, &pad, err));
    for (size_t i = 0; i < count; i++)
        length = a->rows[i].count > length ? a->rows[i].count : length;
    if (length == 0)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the texts have no tokens");
    int64_t dims[] = {(int64_t)count, (int64_t)length};
    ACCEL_TRY(ask_add(a, "input_ids", DTYPE_I64, 2, dims, &ids, err));
    if (ask_takes(a, "attention_mask"))
        ACCEL_TRY(ask_add(a, "attention_mask", DTYPE_I64, 2, dims, &mask, err));
    if (ask_takes(a, "token_type_ids"))
        ACCEL_TRY(ask_add(a, "token_type_ids", DTYPE_I64, 2, dims, &types, err));
    for (size_t i = 0; i < count; i++)
        fill_row(&a->rows[i], length, left, pad, (int64_t *)ids->data + i * length,
                 mask ? (int64_t *)mask->data + i * length : NULL,
                 types ? (int64_t *)types->data + i * length : NULL);
    return ACCEL_OK;
}

/* ---- the decoder's first tokens ----------------------------------------------------------------------- */

/* Whisper is told language and task by tokens: --text "<|en|><|transcribe|><|notimestamps|>". */
static accel_status encode_start(ask *a, text_encoding *e, accel_error *err) {
    const char *text = a->question.text_count > 0 ? a->question.texts[0] : "";
    if (a->question.text_count > 1)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "the text that %s goes on from is the same for all sounds: give one --text",
                         a->model->name);
    static const text_encode_options plain = {0};
    return text_tokenizer_encode(a->tokenizer, text, strlen(text), &plain, e, err);
}

/* Without a text the zoo gives the start token alone. */
accel_status ask_add_decoder_start(ask *a, accel_error *err) {
    text_encoding e = {0};
    tensor *ids;
    if (a->question.text_count == 0 || ask_takes(a, "input_ids") || a->input_count == 0)
        return ACCEL_OK;
    accel_status status = encode_start(a, &e, err);
    int64_t dims[] = {a->inputs[0].shape.dims[0], 1 + (int64_t)e.count};
    if (status == ACCEL_OK)
        status = ask_add(a, "decoder_input_ids", DTYPE_I64, 2, dims, &ids, err);
    for (int64_t row = 0; status == ACCEL_OK && row < dims[0]; row++) {
        int64_t *to = (int64_t *)ids->data + row * dims[1];
        to[0] = a->model->generation.start_token;
        for (size_t i = 0; i < e.count; i++)
            to[1 + i] = (int64_t)e.ids[i];
    }
    text_encoding_free(&e);
    return status;
}
