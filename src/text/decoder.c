#include "text/decoder.h"

#include "text/bytes.h"
#include "text/unicode.h"

struct text_decoder_step {
    accel_status (*run)(const text_decoder_step *s, const text_tokens *in, text_tokens *out,
                        accel_error *err);
    text_pattern pattern;
    text_span content; /* prefix, suffix, replacement, pad token: as the type says */
    text_span delimiter;
    bool cleanup, drop_first;
    size_t start, stop;
};

/* --- tokens --- */

void text_tokens_end(text_tokens *t) {
    void *ends = t->ends;
    if (t->failed || !mem_grow(&ends, &t->capacity, t->count + 1, sizeof *t->ends)) {
        t->failed = true;
        return;
    }
    t->ends = ends;
    t->ends[t->count++] = t->text.length;
}

void text_tokens_renew(text_tokens *t) {
    text_renew(&t->text);
    t->count = 0;
    t->failed = false;
}

void text_tokens_free(text_tokens *t) {
    str_free(&t->text);
    mem_free(t->ends);
    *t = (text_tokens){0};
}

static text_span token_at(const text_tokens *t, size_t i) {
    size_t start = i > 0 ? t->ends[i - 1] : 0;
    return (text_span){str_text(&t->text) + start, t->ends[i] - start};
}

static void add_token(text_tokens *t, text_span token) {
    text_append(&t->text, token);
    text_tokens_end(t);
}

/* Appends text with every `from` (not empty) become `to`. */
static void append_replaced(str_buf *out, text_span text, text_span from, text_span to) {
    const char *found;
    while (text.length > 0 && from.length > 0 &&
           (found = memmem(text.bytes, text.length, from.bytes, from.length))) {
        size_t before = (size_t)(found - text.bytes);
        text_append(out, (text_span){text.bytes, before});
        text_append(out, to);
        text = (text_span){found + from.length, text.length - before - from.length};
    }
    text_append(out, text);
}

/* --- steps --- */

static accel_status run_byte_level(const text_decoder_step *s, const text_tokens *in, text_tokens *out,
                                   accel_error *err) {
    (void)s;
    str_buf bytes = {0};
    for (size_t i = 0; i < in->count; i++) {
        if (!text_append_bytes_of_chars(&bytes, token_at(in, i))) {
            text_append(&bytes, token_at(in, i));
        }
    }
    text_append_lossy(&out->text, str_text(&bytes), bytes.length);
    text_tokens_end(out);
    bool failed = bytes.failed;
    str_free(&bytes);
    return failed ? error_no_memory(err, "a decoded text", in->text.length) : ACCEL_OK;
}

static accel_status run_bpe(const text_decoder_step *s, const text_tokens *in, text_tokens *out,
                            accel_error *err) {
    (void)err;
    for (size_t i = 0; i < in->count; i++) {
        append_replaced(&out->text, token_at(in, i), s->content,
                        i + 1 < in->count ? TEXT_SPAN(" ") : TEXT_SPAN(""));
        text_tokens_end(out);
    }
    return ACCEL_OK;
}

/* The row of byte tokens since `start` becomes their characters, or U+FFFD for each when it is not UTF-8. */
static void end_bytes(text_tokens *out, str_buf *bytes) {
    size_t at;
    if (bytes->length == 0) {
        return;
    }
    if (text_is_utf8(bytes->data, bytes->length, &at)) {
        add_token(out, text_span_of(bytes));
    } else {
        for (size_t i = 0; i < bytes->length; i++) {
            add_token(out, TEXT_SPAN("\xEF\xBF\xBD"));
        }
    }
    text_clear(bytes);
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* The byte of "<0x41>", -1 for another token. "+4" is a number to the package too. */
static int byte_of_token(text_span t) {
    if (t.length != 6 || memcmp(t.bytes, "<0x", 3) != 0 || t.bytes[5] != '>') {
        return -1;
    }
    int high = hex_digit(t.bytes[3]), low = hex_digit(t.bytes[4]);
    if (t.bytes[3] == '+') {
        high = 0;
    }
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static accel_status run_byte_fallback(const text_decoder_step *s, const text_tokens *in, text_tokens *out,
                                      accel_error *err) {
    (void)s;
    str_buf bytes = {0};
    for (size_t i = 0; i < in->count; i++) {
        int byte = byte_of_token(token_at(in, i));
        if (byte >= 0) {
            str_append_char(&bytes, (char)byte);
        } else {
            end_bytes(out, &bytes);
            add_token(out, token_at(in, i));
        }
    }
    end_bytes(out, &bytes);
    bool failed = bytes.failed;
    str_free(&bytes);
    return failed ? error_no_memory(err, "a decoded text", in->text.length) : ACCEL_OK;
}

static accel_status run_fuse(const text_decoder_step *s, const text_tokens *in, text_tokens *out,
                             accel_error *err) {
    (void)s;
    (void)err;
    add_token(out, text_span_of(&in->text));
    return ACCEL_OK;
}

static accel_status run_metaspace(const text_decoder_step *s, const text_tokens *in, text_tokens *out,
                                  accel_error *err) {
    (void)err;
    for (size_t i = 0; i < in->count; i++) {
        append_replaced(&out->text, token_at(in, i), s->content,
                        i == 0 && s->drop_first ? TEXT_SPAN("") : TEXT_SPAN(" "));
        text_tokens_end(out);
    }
    return ACCEL_OK;
}

static accel_status run_replace(const text_decoder_step *s, const text_tokens *in, text_tokens *out,
                                accel_error *err) {
    text_stretches found = {0};
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < in->count && status == ACCEL_OK; i++) {
        text_span token = token_at(in, i);
        found.count = 0;
        status = token.length > 0 ? text_pattern_find(&s->pattern, token, &found, err) : ACCEL_OK;
        for (size_t k = 0; k < found.count && status == ACCEL_OK; k++) {
            text_stretch part = found.items[k];
            text_append(&out->text, part.match
                                        ? s->content
                                        : (text_span){token.bytes + part.start, part.end - part.start});
        }
        text_tokens_end(out);
    }
    mem_free(found.items);
    return status;
}

/* Takes at most s->start times the character off a token's start, and s->stop times off its end. */
static accel_status run_strip(const text_decoder_step *s, const text_tokens *in, text_tokens *out,
                              accel_error *err) {
    (void)err;
    for (size_t i = 0; i < in->count; i++) {
        text_span t = token_at(in, i);
        for (size_t k = 0; k < s->start && t.length > 0 && text_span_starts(t, s->content); k++) {
            t.bytes += s->content.length;
            t.length -= s->content.length;
        }
        for (size_t k = 0; k < s->stop && t.length >= s->content.length; k++) {
            if (memcmp(t.bytes + t.length - s->content.length, s->content.bytes, s->content.length) != 0) {
                break;
            }
            t.length -= s->content.length;
        }
        add_token(out, t);
    }
    return ACCEL_OK;
}

/* What English loses by being cut at punctuation. */
static void append_clean(str_buf *out, text_span text) {
    static const char *const pairs[][2] = {
        {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
        {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    str_buf now = {0}, next = {0};
    text_append(&now, text);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        text_clear(&next);
        append_replaced(&next, text_span_of(&now), (text_span){pairs[i][0], strlen(pairs[i][0])},
                        (text_span){pairs[i][1], strlen(pairs[i][1])});
        str_buf done = next;
        next = now;
        now = done;
    }
    text_append(out, text_span_of(&now));
    out->failed |= now.failed || next.failed;
    str_free(&now);
    str_free(&next);
}

static accel_status run_wordpiece(const text_decoder_step *s, const text_tokens *in, text_tokens *out,
                                  accel_error *err) {
    (void)err;
    str_buf word = {0};
    for (size_t i = 0; i < in->count; i++) {
        text_span t = token_at(in, i);
        bool inner = i > 0 && text_span_starts(t, s->content);
        size_t cut = inner ? s->content.length : 0;
        text_clear(&word);
        str_append(&word, i > 0 && !inner ? " " : "");
        text_append(&word, (text_span){t.bytes + cut, t.length - cut});
        if (s->cleanup && memchr(str_text(&word), ' ', word.length)) {
            append_clean(&out->text, text_span_of(&word));
        } else {
            text_append(&out->text, text_span_of(&word));
        }
        text_tokens_end(out);
    }
    out->failed |= word.failed;
    str_free(&word);
    return ACCEL_OK;
}

/* CTC (wav2vec2): tokens that repeat are one, the pad token is none, a delimiter is a space. */
static accel_status run_ctc(const text_decoder_step *s, const text_tokens *in, text_tokens *out,
                            accel_error *err) {
    (void)err;
    str_buf word = {0}, clean = {0};
    for (size_t i = 0; i < in->count; i++) {
        if (i > 0 && text_span_equal(token_at(in, i), token_at(in, i - 1))) {
            continue;
        }
        text_clear(&word);
        append_replaced(&word, token_at(in, i), s->content, TEXT_SPAN(""));
        if (s->cleanup) {
            text_clear(&clean);
            append_clean(&clean, text_span_of(&word));
            text_clear(&word);
            append_replaced(&word, text_span_of(&clean), s->delimiter, TEXT_SPAN(" "));
        }
        if (word.length > 0) {
            add_token(out, text_span_of(&word));
        }
    }
    out->failed |= word.failed || clean.failed;
    str_free(&word);
    str_free(&clean);
    return ACCEL_OK;
}

accel_status text_decode(const text_decoder *d, text_tokens *tokens, text_tokens *spare, str_buf *out,
                         accel_error *err) {
    for (size_t i = 0; i < d->count && !(tokens->failed || tokens->text.failed); i++) {
        text_tokens_renew(spare);
        ACCEL_TRY(d->steps[i].run(&d->steps[i], tokens, spare, err));
        text_tokens done = *spare;
        *spare = *tokens;
        *tokens = done;
    }
    for (size_t i = 0; i < tokens->count; i++) {
        str_append(out, i > 0 && !d->present ? " " : "");
        text_append(out, token_at(tokens, i));
    }
    return tokens->failed || tokens->text.failed || out->failed
               ? error_no_memory(err, "a decoded text", tokens->text.length)
               : ACCEL_OK;
}

/* --- reading --- */

static accel_status read_nothing(text_reader *r, text_object o, text_decoder_step *s) {
    (void)r;
    (void)o;
    (void)s;
    return ACCEL_OK;
}

static accel_status read_bpe(text_reader *r, text_object o, text_decoder_step *s) {
    return text_read_text(r, o, "suffix", TEXT_REQUIRED, &s->content);
}

static accel_status read_ctc(text_reader *r, text_object o, text_decoder_step *s) {
    ACCEL_TRY(text_read_text(r, o, "pad_token", TEXT_REQUIRED, &s->content));
    ACCEL_TRY(text_read_text(r, o, "word_delimiter_token", TEXT_REQUIRED, &s->delimiter));
    return text_read_bool(r, o, "cleanup", TEXT_REQUIRED, &s->cleanup);
}

static accel_status read_metaspace(text_reader *r, text_object o, text_decoder_step *s) {
    static const char *const schemes[] = {"always", "first", "never"};
    bool prefix = true;
    size_t scheme = 0;
    ACCEL_TRY(text_read_char(r, o, "replacement", TEXT_REQUIRED, &s->content));
    ACCEL_TRY(text_read_bool(r, o, "add_prefix_space", TEXT_OPTIONAL, &prefix));
    ACCEL_TRY(text_read_word(r, o, "prepend_scheme", TEXT_OPTIONAL, schemes, 3, &scheme));
    s->drop_first = prefix && scheme != 2;
    return ACCEL_OK;
}

static accel_status read_replace(text_reader *r, text_object o, text_decoder_step *s) {
    ACCEL_TRY(text_read_text(r, o, "content", TEXT_REQUIRED, &s->content));
    return text_pattern_read(r, o, "pattern", &s->pattern);
}

static accel_status read_strip(text_reader *r, text_object o, text_decoder_step *s) {
    ACCEL_TRY(text_read_char(r, o, "content", TEXT_REQUIRED, &s->content));
    ACCEL_TRY(text_read_size(r, o, "start", TEXT_REQUIRED, &s->start));
    return text_read_size(r, o, "stop", TEXT_REQUIRED, &s->stop);
}

static accel_status read_wordpiece(text_reader *r, text_object o, text_decoder_step *s) {
    ACCEL_TRY(text_read_text(r, o, "prefix", TEXT_REQUIRED, &s->content));
    return text_read_bool(r, o, "cleanup", TEXT_REQUIRED, &s->cleanup);
}

static const struct {
    const char *type;
    accel_status (*read)(text_reader *r, text_object o, text_decoder_step *s);
    accel_status (*run)(const text_decoder_step *s, const text_tokens *in, text_tokens *out,
                        accel_error *err);
} types[] = {
    {"BPEDecoder", read_bpe, run_bpe},
    {"ByteFallback", read_nothing, run_byte_fallback},
    {"ByteLevel", read_nothing, run_byte_level},
    {"CTC", read_ctc, run_ctc},
    {"Fuse", read_nothing, run_fuse},
    {"Metaspace", read_metaspace, run_metaspace},
    {"Replace", read_replace, run_replace},
    {"Strip", read_strip, run_strip},
    {"WordPiece", read_wordpiece, run_wordpiece},
};

static accel_status read_one(text_reader *r, text_object o, text_decoder *d);

static accel_status read_sequence(text_reader *r, text_object o, text_decoder *d) {
    yyjson_val *list, *item;
    size_t i, count;
    ACCEL_TRY(text_read_list(r, o, "decoders", &list));
    if (++r->depth > TEXT_NESTING) {
        return error_set(r->err, ACCEL_LIMIT, "%s: %s is nested more than %d deep", r->file, o.where,
                         TEXT_NESTING);
    }
    yyjson_arr_foreach(list, i, count, item) {
        text_object child;
        ACCEL_TRY(text_read_element(r, o, "decoders", item, i, &child));
        ACCEL_TRY(read_one(r, child, d));
    }
    r->depth--;
    return ACCEL_OK;
}

static accel_status read_one(text_reader *r, text_object o, text_decoder *d) {
    const char *type;
    ACCEL_TRY(text_read_type(r, o, &type));
    if (str_equal(type, "Sequence")) {
        return read_sequence(r, o, d);
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (str_equal(type, types[i].type)) {
            void *steps = d->steps;
            if (!mem_grow(&steps, &d->capacity, d->count + 1, sizeof *d->steps)) {
                return text_no_memory(r);
            }
            d->steps = steps;
            d->steps[d->count] = (text_decoder_step){.run = types[i].run};
            return types[i].read(r, o, &d->steps[d->count++]);
        }
    }
    return text_unsupported(r, o, "type", "is \"%.60s\", a decoder that is not supported", type);
}

accel_status text_decoder_read(text_reader *r, text_object root, text_decoder *out) {
    text_object o;
    yyjson_val *value = yyjson_obj_get(root.value, "decoder");
    if (!value || yyjson_is_null(value)) {
        return ACCEL_OK;
    }
    ACCEL_TRY(text_read_object(r, root, "decoder", &o));
    out->present = true;
    r->depth = 0;
    return read_one(r, o, out);
}

void text_decoder_free(text_decoder *d) {
    for (size_t i = 0; i < d->count; i++) {
        text_pattern_free(&d->steps[i].pattern);
    }
    mem_free(d->steps);
    *d = (text_decoder){0};
}
