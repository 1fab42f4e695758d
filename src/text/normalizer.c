#include "text/normalizer.h"

#include "text/bytes.h"
#include "text/charsmap.h"

struct text_normalizer {
    accel_status (*apply)(const text_normalizer *n, text_draft *d, accel_error *err);
    text_normalizer *children; /* of a Sequence */
    size_t child_count;
    text_form form;
    bool (*drop)(uint32_t c); /* characters that go */
    text_pattern pattern;
    text_span content;
    bool left, right;                               /* Strip */
    bool clean_text, chinese, strip_accents, lower; /* BertNormalizer */
    text_charsmap charsmap;
};

/* --- drafts --- */

void text_draft_set(text_draft *d, text_span text, bool at_origin) {
    text_renew(&d->next);
    text_renew(&d->now);
    text_append(&d->now, text);
    d->origin = at_origin && text.length > 0 ? text_char_bytes(text.bytes[0]) : 0;
}

void text_draft_free(text_draft *d) {
    str_free(&d->now);
    str_free(&d->next);
}

/* What was written becomes the text, with this origin. */
static void turn(text_draft *d, size_t origin) {
    str_buf written = d->next;
    d->next = d->now;
    d->now = written;
    d->origin = origin;
}

/* A step that goes from character to character of d->now. */
typedef struct walk {
    text_draft *d;
    size_t at;
    size_t origin; /* of what is being written */
} walk;

static walk walk_start(text_draft *d) {
    text_clear(&d->next);
    return (walk){.d = d};
}

/* The next character; false at the end, where the two texts change places. */
static bool walk_next(walk *w, uint32_t *c) {
    text_draft *d = w->d;
    if (w->at <= d->origin) {
        w->origin = d->next.length;
    }
    if (w->at >= d->now.length) {
        turn(d, w->origin);
        return false;
    }
    *c = text_next_char(d->now.data, &w->at);
    return true;
}

/* --- one step each --- */

static accel_status apply_sequence(const text_normalizer *n, text_draft *d, accel_error *err) {
    for (size_t i = 0; i < n->child_count; i++) {
        ACCEL_TRY(n->children[i].apply(&n->children[i], d, err));
    }
    return ACCEL_OK;
}

static accel_status apply_form(const text_normalizer *n, text_draft *d, accel_error *err) {
    (void)err;
    text_clear(&d->next);
    text_append_form(&d->next, n->form, (text_span){str_text(&d->now), d->origin});
    size_t origin = d->next.length;
    text_clear(&d->next);
    text_append_form(&d->next, n->form, text_span_of(&d->now));
    turn(d, origin < d->next.length ? origin : d->next.length);
    return ACCEL_OK;
}

static accel_status apply_lowercase(const text_normalizer *n, text_draft *d, accel_error *err) {
    (void)n;
    (void)err;
    uint32_t c;
    for (walk w = walk_start(d); walk_next(&w, &c);) {
        text_append_lower(&d->next, c);
    }
    return ACCEL_OK;
}

static accel_status apply_drop(const text_normalizer *n, text_draft *d, accel_error *err) {
    (void)err;
    uint32_t c;
    for (walk w = walk_start(d); walk_next(&w, &c);) {
        if (!n->drop(c)) {
            text_append_char(&d->next, c);
        }
    }
    return ACCEL_OK;
}

static accel_status apply_prepend(const text_normalizer *n, text_draft *d, accel_error *err) {
    (void)err;
    if (d->now.length == 0) {
        return ACCEL_OK;
    }
    text_clear(&d->next);
    text_append(&d->next, n->content);
    text_append(&d->next, text_span_of(&d->now));
    turn(d, d->origin + (d->origin > 0 ? n->content.length : 0));
    return ACCEL_OK;
}

static accel_status apply_bytes(const text_normalizer *n, text_draft *d, accel_error *err) {
    (void)n;
    (void)err;
    text_clear(&d->next);
    text_append_byte_chars(&d->next, (text_span){str_text(&d->now), d->origin});
    size_t origin = d->next.length;
    text_append_byte_chars(&d->next, (text_span){str_text(&d->now) + d->origin, d->now.length - d->origin});
    turn(d, origin);
    return ACCEL_OK;
}

static accel_status apply_strip(const text_normalizer *n, text_draft *d, accel_error *err) {
    (void)err;
    size_t start = 0, end = d->now.length, next;
    while (n->left && start < end && (next = start, text_is_space(text_next_char(d->now.data, &next)))) {
        start = next;
    }
    while (n->right && end > start) {
        size_t last = next = text_previous_char(d->now.data, end);
        if (!text_is_space(text_next_char(d->now.data, &next))) {
            break;
        }
        end = last;
    }
    text_clear(&d->next);
    text_append(&d->next, (text_span){str_text(&d->now) + start, end - start});
    turn(d, d->origin > start ? (d->origin < end ? d->origin : end) - start : 0);
    return ACCEL_OK;
}

static accel_status apply_replace(const text_normalizer *n, text_draft *d, accel_error *err) {
    text_stretches found = {0};
    accel_status status = text_pattern_find(&n->pattern, text_span_of(&d->now), &found, err);
    size_t origin = 0;
    text_clear(&d->next);
    for (size_t i = 0; i < found.count && status == ACCEL_OK; i++) {
        text_stretch s = found.items[i];
        text_append(&d->next, s.match ? n->content : (text_span){d->now.data + s.start, s.end - s.start});
        if (s.end <= d->origin) {
            origin = d->next.length;
        } else if (s.start < d->origin && !s.match) {
            origin = d->next.length - (s.end - d->origin);
        }
    }
    mem_free(found.items);
    ACCEL_TRY(status);
    turn(d, origin);
    return ACCEL_OK;
}

static accel_status apply_nmt(const text_normalizer *n, text_draft *d, accel_error *err) {
    (void)n;
    (void)err;
    uint32_t c;
    for (walk w = walk_start(d); walk_next(&w, &c);) {
        if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F ||
            c == 0x9F) {
            continue;
        }
        bool blank = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                     (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                     c == 0xFEFF || c == 0xFFFD;
        text_append_char(&d->next, blank ? ' ' : c);
    }
    return ACCEL_OK;
}

/* --- BertNormalizer --- */

static bool is_chinese(uint32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) ||
           (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

/* Cleaning and the spaces around Chinese characters in one go. */
static void clean(const text_normalizer *n, text_draft *d) {
    uint32_t c;
    for (walk w = walk_start(d); walk_next(&w, &c);) {
        if (n->clean_text && (c == 0 || c == 0xFFFD || text_is_other(c))) {
            continue;
        }
        if (n->chinese && is_chinese(c)) {
            str_append_char(&d->next, ' ');
            text_append_char(&d->next, c);
            str_append_char(&d->next, ' ');
        } else {
            text_append_char(&d->next, n->clean_text && text_is_space(c) ? ' ' : c);
        }
    }
}

static bool is_ascii(const str_buf *b) {
    unsigned char all = 0;
    for (size_t i = 0; i < b->length; i++) {
        all |= (unsigned char)b->data[i];
    }
    return all < 0x80;
}

static accel_status apply_bert(const text_normalizer *n, text_draft *d, accel_error *err) {
    static const text_normalizer decompose = {.form = TEXT_NFD};
    static const text_normalizer strip = {.drop = text_is_mark_nonspacing};
    if (n->clean_text || n->chinese) {
        clean(n, d);
    }
    if (n->strip_accents && !is_ascii(&d->now)) {
        ACCEL_TRY(apply_form(&decompose, d, err));
        ACCEL_TRY(apply_drop(&strip, d, err));
    }
    return n->lower ? apply_lowercase(n, d, err) : ACCEL_OK;
}

/* --- Precompiled --- */

enum { LONGEST_CLUSTER = 6 }; /* a cluster of so many bytes and more is looked up character by character */

static void append_mapped(const text_normalizer *n, str_buf *out, text_span part) {
    text_span replacement;
    text_append(out, text_charsmap_find(&n->charsmap, part, &replacement) ? replacement : part);
}

static void append_cluster(const text_normalizer *n, str_buf *out, text_span cluster) {
    text_span replacement;
    if (cluster.length < LONGEST_CLUSTER && text_charsmap_find(&n->charsmap, cluster, &replacement)) {
        text_append(out, replacement);
        return;
    }
    for (size_t at = 0; at < cluster.length;) {
        size_t length = text_char_bytes(cluster.bytes[at]);
        append_mapped(n, out, (text_span){cluster.bytes + at, length});
        at += length;
    }
}

static accel_status apply_precompiled(const text_normalizer *n, text_draft *d, accel_error *err) {
    (void)err;
    text_span text = text_span_of(&d->now);
    size_t origin = 0;
    text_clear(&d->next);
    for (size_t at = 0; at < text.length;) {
        size_t end = text_grapheme_end(text, at);
        append_cluster(n, &d->next, (text_span){text.bytes + at, end - at});
        /* A first character that vanishes gives its place to the one after it. */
        if (at < d->origin || (origin == 0 && d->origin > 0)) {
            origin = d->next.length;
        }
        at = end;
    }
    turn(d, origin);
    return ACCEL_OK;
}

accel_status text_normalize(const text_normalizer *n, text_draft *d, accel_error *err) {
    if (n) {
        ACCEL_TRY(n->apply(n, d, err));
    }
    return d->now.failed || d->next.failed ? error_no_memory(err, "a normalized text", d->now.length)
                                           : ACCEL_OK;
}

/* --- reading --- */

static accel_status read_one(text_reader *r, text_object o, text_normalizer *n);

static accel_status read_sequence(text_reader *r, text_object o, text_normalizer *n) {
    yyjson_val *list, *item;
    size_t i, count;
    ACCEL_TRY(text_read_list(r, o, "normalizers", &list));
    if (++r->depth > TEXT_NESTING) {
        return error_set(r->err, ACCEL_LIMIT, "%s: %s is nested more than %d deep", r->file, o.where,
                         TEXT_NESTING);
    }
    n->children = mem_calloc(yyjson_arr_size(list), sizeof *n->children);
    if (!n->children) {
        return text_no_memory(r);
    }
    n->apply = apply_sequence;
    yyjson_arr_foreach(list, i, count, item) {
        text_object child;
        ACCEL_TRY(text_read_element(r, o, "normalizers", item, i, &child));
        n->child_count++; /* it is freed with the others also when reading it fails */
        ACCEL_TRY(read_one(r, child, &n->children[i]));
    }
    r->depth--;
    return ACCEL_OK;
}

static accel_status read_bert(text_reader *r, text_object o, text_normalizer *n) {
    n->apply = apply_bert;
    ACCEL_TRY(text_read_bool(r, o, "clean_text", TEXT_REQUIRED, &n->clean_text));
    ACCEL_TRY(text_read_bool(r, o, "handle_chinese_chars", TEXT_REQUIRED, &n->chinese));
    ACCEL_TRY(text_read_bool(r, o, "lowercase", TEXT_REQUIRED, &n->lower));
    n->strip_accents = n->lower;
    return text_read_bool(r, o, "strip_accents", TEXT_OPTIONAL, &n->strip_accents);
}

static accel_status read_replace(text_reader *r, text_object o, text_normalizer *n) {
    n->apply = apply_replace;
    ACCEL_TRY(text_read_text(r, o, "content", TEXT_REQUIRED, &n->content));
    return text_pattern_read(r, o, "pattern", &n->pattern);
}

static accel_status read_prepend(text_reader *r, text_object o, text_normalizer *n) {
    n->apply = apply_prepend;
    return text_read_text(r, o, "prepend", TEXT_REQUIRED, &n->content);
}

static accel_status read_strip(text_reader *r, text_object o, text_normalizer *n) {
    n->apply = apply_strip;
    ACCEL_TRY(text_read_bool(r, o, "strip_left", TEXT_REQUIRED, &n->left));
    return text_read_bool(r, o, "strip_right", TEXT_REQUIRED, &n->right);
}

static accel_status read_precompiled(text_reader *r, text_object o, text_normalizer *n) {
    n->apply = apply_precompiled;
    return text_charsmap_read(r, o, "precompiled_charsmap", &n->charsmap);
}

/* A type without settings of its own says what it is here, the others are read by a function. */
static const struct {
    const char *type;
    accel_status (*read)(text_reader *r, text_object o, text_normalizer *n);
    text_normalizer plain;
} types[] = {
    {"BertNormalizer", read_bert, {0}},
    {"ByteLevel", NULL, {.apply = apply_bytes}},
    {"Lowercase", NULL, {.apply = apply_lowercase}},
    {"NFC", NULL, {.apply = apply_form, .form = TEXT_NFC}},
    {"NFD", NULL, {.apply = apply_form, .form = TEXT_NFD}},
    {"NFKC", NULL, {.apply = apply_form, .form = TEXT_NFKC}},
    {"NFKD", NULL, {.apply = apply_form, .form = TEXT_NFKD}},
    {"Nmt", NULL, {.apply = apply_nmt}},
    {"Precompiled", read_precompiled, {0}},
    {"Prepend", read_prepend, {0}},
    {"Replace", read_replace, {0}},
    {"Sequence", read_sequence, {0}},
    {"Strip", read_strip, {0}},
    {"StripAccents", NULL, {.apply = apply_drop, .drop = text_is_mark}},
};

static accel_status read_one(text_reader *r, text_object o, text_normalizer *n) {
    const char *type;
    ACCEL_TRY(text_read_type(r, o, &type));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (str_equal(type, types[i].type)) {
            *n = types[i].plain;
            return types[i].read ? types[i].read(r, o, n) : ACCEL_OK;
        }
    }
    return text_unsupported(r, o, "type", "is \"%.60s\", a normalizer that is not supported", type);
}

accel_status text_normalizer_read(text_reader *r, text_object root, text_normalizer **out) {
    text_object o;
    *out = NULL;
    yyjson_val *value = yyjson_obj_get(root.value, "normalizer");
    if (!value || yyjson_is_null(value)) {
        return ACCEL_OK;
    }
    ACCEL_TRY(text_read_object(r, root, "normalizer", &o));
    *out = mem_calloc(1, sizeof **out);
    r->depth = 0;
    return *out ? read_one(r, o, *out) : text_no_memory(r);
}

static void free_one(text_normalizer *n) {
    text_pattern_free(&n->pattern);
    for (size_t i = 0; i < n->child_count; i++) {
        free_one(&n->children[i]);
    }
    mem_free(n->children);
}

void text_normalizer_free(text_normalizer *n) {
    if (n) {
        free_one(n);
        mem_free(n);
    }
}
