#include "text/pre_tokenizer.h"

#include "text/bytes.h"
#include "text/unicode.h"

typedef enum step_kind { STEP_SPLIT, STEP_PREFIX, STEP_METASPACE, STEP_BYTES } step_kind;
typedef enum prepend_scheme { PREPEND_ALWAYS, PREPEND_FIRST, PREPEND_NEVER } prepend_scheme;

struct text_step {
    step_kind kind;
    text_pattern pattern; /* STEP_SPLIT */
    text_behavior behavior;
    text_span content; /* what STEP_PREFIX puts before pieces, what STEP_METASPACE makes of a space */
    prepend_scheme scheme;
};

/* GPT-2's words, as the package has them. */
#define BYTE_LEVEL_WORDS "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* \w+|[^\w\s]+ with the \w of Rust's regex package. */
#define RUST_WORD        "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}"
#define WHITESPACE_WORDS "[" RUST_WORD "]+|[^" RUST_WORD "\\s]+"

/* --- steps --- */

static void split_piece(const text_step *step, const text_piece *piece, text_stretches *found,
                        text_pieces *out) {
    text_behavior_apply(step->behavior, found);
    for (size_t i = 0; i < found->count; i++) {
        text_stretch s = found->items[i];
        size_t origin = piece->origin > s.start ? piece->origin - s.start : 0;
        text_pieces_add(out, (text_piece){.start = piece->start + s.start,
                                          .length = s.end - s.start,
                                          .origin = origin < s.end - s.start ? origin : s.end - s.start,
                                          .token = piece->token});
    }
}

static void metaspace(const text_step *step, const text_piece *piece, text_span text, text_pieces *out) {
    size_t start = out->text.length, origin = 0;
    bool starts = text.bytes[0] == ' ' || text_span_starts(text, step->content);
    if (!starts && (step->scheme == PREPEND_ALWAYS || (step->scheme == PREPEND_FIRST && piece->origin > 0))) {
        text_append(&out->text, step->content);
    }
    for (size_t i = 0; i < text.length;) {
        const char *space = memchr(text.bytes + i, ' ', text.length - i);
        size_t end = space ? (size_t)(space - text.bytes) : text.length;
        text_append(&out->text, (text_span){text.bytes + i, end - i});
        if (space) {
            text_append(&out->text, step->content);
        }
        i = end + (space ? 1 : 0);
        if (i <= piece->origin) {
            origin = out->text.length - start;
        } else if (end > piece->origin && piece->origin > 0 && origin == 0) {
            origin = out->text.length - start - (i - piece->origin);
        }
    }
    text_pieces_add(out, (text_piece){start, out->text.length - start, origin, piece->token});
}

/* Writes the changed text of a piece. */
static void change_piece(const text_step *step, const text_piece *piece, text_span text, text_pieces *out) {
    size_t start = out->text.length;
    if (step->kind == STEP_METASPACE) {
        metaspace(step, piece, text, out);
        return;
    }
    if (step->kind == STEP_BYTES) {
        text_append_byte_chars(&out->text, text);
    } else {
        if (!text_span_starts(text, step->content)) {
            text_append(&out->text, step->content);
        }
        text_append(&out->text, text);
    }
    text_pieces_add(out, (text_piece){start, out->text.length - start, piece->origin, piece->token});
}

/* Cuts every piece where it lies: the text goes along as it is. */
static accel_status run_split(text_pre_tokenizer *p, const text_step *step, text_pieces *in, text_pieces *out,
                              accel_error *err) {
    for (size_t i = 0; i < in->count; i++) {
        const text_piece *piece = &in->items[i];
        if (piece->token >= 0) {
            text_pieces_add(out, *piece);
            continue;
        }
        p->scratch.count = 0;
        ACCEL_TRY(text_pattern_find(&step->pattern, text_piece_span(in, piece), &p->scratch, err));
        split_piece(step, piece, &p->scratch, out);
    }
    str_buf text = in->text;
    in->text = out->text;
    out->text = text;
    return ACCEL_OK;
}

static void run_change(const text_step *step, const text_pieces *in, text_pieces *out) {
    for (size_t i = 0; i < in->count; i++) {
        if (in->items[i].token >= 0) {
            text_pieces_add(out, (text_piece){0, 0, 0, in->items[i].token});
        } else {
            change_piece(step, &in->items[i], text_piece_span(in, &in->items[i]), out);
        }
    }
}

accel_status text_pre_tokenize(text_pre_tokenizer *p, text_pieces *pieces, text_pieces *spare,
                               accel_error *err) {
    for (size_t i = 0; i < p->count; i++) {
        text_pieces_renew(spare);
        if (p->steps[i].kind == STEP_SPLIT) {
            ACCEL_TRY(run_split(p, &p->steps[i], pieces, spare, err));
        } else {
            run_change(&p->steps[i], pieces, spare);
        }
        if (spare->failed || spare->text.failed) {
            return error_no_memory(err, "the pieces of a text", pieces->text.length);
        }
        text_pieces done = *spare;
        *spare = *pieces;
        *pieces = done;
    }
    return ACCEL_OK;
}

/* --- reading --- */

/* Takes the step over, also when that fails. */
static accel_status add(text_reader *r, text_pre_tokenizer *p, text_step step) {
    void *steps = p->steps;
    if (!mem_grow(&steps, &p->capacity, p->count + 1, sizeof step)) {
        text_pattern_free(&step.pattern);
        return text_no_memory(r);
    }
    p->steps = steps;
    p->steps[p->count++] = step;
    return ACCEL_OK;
}

static accel_status add_class(text_reader *r, text_pre_tokenizer *p, text_class class,
                              text_behavior behavior) {
    return add(r, p, (text_step){.kind = STEP_SPLIT, .pattern = {.class = class}, .behavior = behavior});
}

static accel_status add_regex(text_reader *r, text_object o, text_pre_tokenizer *p, text_span pattern,
                              bool invert, text_behavior behavior) {
    text_step step = {.kind = STEP_SPLIT, .pattern = {.invert = invert}, .behavior = behavior};
    ACCEL_TRY(text_regex_compile(r, o, "type", pattern, &step.pattern.regex));
    return add(r, p, step);
}

static accel_status read_bert(text_reader *r, text_object o, text_pre_tokenizer *p) {
    (void)o;
    ACCEL_TRY(add_class(r, p, text_is_space, TEXT_REMOVED));
    return add_class(r, p, text_is_punctuation, TEXT_ISOLATED);
}

static accel_status read_byte_level(text_reader *r, text_object o, text_pre_tokenizer *p) {
    bool prefix = false, regex = true;
    ACCEL_TRY(text_read_bool(r, o, "add_prefix_space", TEXT_REQUIRED, &prefix));
    ACCEL_TRY(text_read_bool(r, o, "use_regex", TEXT_OPTIONAL, &regex));
    if (prefix) {
        ACCEL_TRY(add(r, p, (text_step){.kind = STEP_PREFIX, .content = TEXT_SPAN(" ")}));
    }
    if (regex) {
        ACCEL_TRY(add_regex(r, o, p, TEXT_SPAN(BYTE_LEVEL_WORDS), false, TEXT_ISOLATED));
    }
    return add(r, p, (text_step){.kind = STEP_BYTES});
}

static accel_status read_delimiter(text_reader *r, text_object o, text_pre_tokenizer *p) {
    text_step step = {.kind = STEP_SPLIT, .behavior = TEXT_REMOVED};
    ACCEL_TRY(text_read_char(r, o, "delimiter", TEXT_REQUIRED, &step.pattern.literal));
    return add(r, p, step);
}

static accel_status read_digits(text_reader *r, text_object o, text_pre_tokenizer *p) {
    bool individual = false;
    ACCEL_TRY(text_read_bool(r, o, "individual_digits", TEXT_REQUIRED, &individual));
    return add_class(r, p, text_is_numeric, individual ? TEXT_ISOLATED : TEXT_CONTIGUOUS);
}

static accel_status read_metaspace(text_reader *r, text_object o, text_pre_tokenizer *p) {
    static const char *const schemes[] = {"always", "first", "never"};
    text_step step = {.kind = STEP_METASPACE};
    bool prefix = true, split = true;
    size_t scheme = PREPEND_ALWAYS;
    ACCEL_TRY(text_read_char(r, o, "replacement", TEXT_REQUIRED, &step.content));
    ACCEL_TRY(text_read_bool(r, o, "add_prefix_space", TEXT_OPTIONAL, &prefix));
    ACCEL_TRY(text_read_word(r, o, "prepend_scheme", TEXT_OPTIONAL, schemes, 3, &scheme));
    ACCEL_TRY(text_read_bool(r, o, "split", TEXT_OPTIONAL, &split));
    if (!prefix && scheme != PREPEND_NEVER && yyjson_obj_get(o.value, "prepend_scheme")) {
        return text_bad(r, o, "add_prefix_space", "contradicts prepend_scheme");
    }
    step.scheme = prefix ? (prepend_scheme)scheme : PREPEND_NEVER;
    ACCEL_TRY(add(r, p, step));
    if (!split) {
        return ACCEL_OK;
    }
    return add(r, p,
               (text_step){.kind = STEP_SPLIT,
                           .pattern = {.literal = step.content},
                           .behavior = TEXT_MERGED_WITH_NEXT});
}

static accel_status read_punctuation(text_reader *r, text_object o, text_pre_tokenizer *p) {
    text_behavior behavior = TEXT_ISOLATED;
    ACCEL_TRY(text_behavior_read(r, o, "behavior", TEXT_OPTIONAL, &behavior));
    return add_class(r, p, text_is_punctuation, behavior);
}

static accel_status read_split(text_reader *r, text_object o, text_pre_tokenizer *p) {
    text_step step = {.kind = STEP_SPLIT};
    bool invert = false;
    ACCEL_TRY(text_behavior_read(r, o, "behavior", TEXT_REQUIRED, &step.behavior));
    ACCEL_TRY(text_read_bool(r, o, "invert", TEXT_REQUIRED, &invert));
    ACCEL_TRY(text_pattern_read(r, o, "pattern", &step.pattern));
    step.pattern.invert = invert;
    return add(r, p, step);
}

static accel_status read_whitespace(text_reader *r, text_object o, text_pre_tokenizer *p) {
    return add_regex(r, o, p, TEXT_SPAN(WHITESPACE_WORDS), true, TEXT_REMOVED);
}

static accel_status read_whitespace_split(text_reader *r, text_object o, text_pre_tokenizer *p) {
    (void)o;
    return add_class(r, p, text_is_space, TEXT_REMOVED);
}

static accel_status read_one(text_reader *r, text_object o, text_pre_tokenizer *p);

static accel_status read_sequence(text_reader *r, text_object o, text_pre_tokenizer *p) {
    yyjson_val *list, *item;
    size_t i, count;
    ACCEL_TRY(text_read_list(r, o, "pretokenizers", &list));
    if (++r->depth > TEXT_NESTING) {
        return error_set(r->err, ACCEL_LIMIT, "%s: %s is nested more than %d deep", r->file, o.where,
                         TEXT_NESTING);
    }
    yyjson_arr_foreach(list, i, count, item) {
        text_object child;
        ACCEL_TRY(text_read_element(r, o, "pretokenizers", item, i, &child));
        ACCEL_TRY(read_one(r, child, p));
    }
    r->depth--;
    return ACCEL_OK;
}

static const struct {
    const char *type;
    accel_status (*read)(text_reader *r, text_object o, text_pre_tokenizer *p);
} types[] = {
    {"BertPreTokenizer", read_bert},
    {"ByteLevel", read_byte_level},
    {"CharDelimiterSplit", read_delimiter},
    {"Digits", read_digits},
    {"Metaspace", read_metaspace},
    {"Punctuation", read_punctuation},
    {"Sequence", read_sequence},
    {"Split", read_split},
    {"Whitespace", read_whitespace},
    {"WhitespaceSplit", read_whitespace_split},
};

static accel_status read_one(text_reader *r, text_object o, text_pre_tokenizer *p) {
    const char *type;
    ACCEL_TRY(text_read_type(r, o, &type));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (str_equal(type, types[i].type)) {
            return types[i].read(r, o, p);
        }
    }
    return text_unsupported(r, o, "type", "is \"%.60s\", a pre-tokenizer that is not supported", type);
}

accel_status text_pre_tokenizer_read(text_reader *r, text_object root, text_pre_tokenizer *out) {
    text_object o;
    yyjson_val *value = yyjson_obj_get(root.value, "pre_tokenizer");
    if (!value || yyjson_is_null(value)) {
        return ACCEL_OK;
    }
    ACCEL_TRY(text_read_object(r, root, "pre_tokenizer", &o));
    r->depth = 0;
    return read_one(r, o, out);
}

void text_pre_tokenizer_free(text_pre_tokenizer *p) {
    for (size_t i = 0; i < p->count; i++) {
        text_pattern_free(&p->steps[i].pattern);
    }
    mem_free(p->steps);
    mem_free(p->scratch.items);
    *p = (text_pre_tokenizer){0};
}
