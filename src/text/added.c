#include "text/added.h"

#include "text/tokenizer.h"

enum { MOST_ADDED = 1 << 20, ADDED_BYTES = 1024 };

/* \w of Rust's regex package. */
#define WORD_CHARACTER "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]"

/* --- finding --- */

typedef struct search {
    const text_added *added;
    text_span text;
    size_t origin;
    size_t done; /* pieces reach up to here */
    text_pieces *out;
    accel_error *err;
} search;

static accel_status is_word(const search *s, size_t start, size_t end, bool *is) {
    text_regex_cursor cursor = {0};
    size_t a, b;
    return text_regex_next(s->added->word, (text_span){s->text.bytes + start, end - start}, &cursor, is, &a,
                           &b, s->err);
}

/* Whether no word goes on to the left or to the right of [start, end). */
static accel_status stands_alone(const search *s, size_t start, size_t end, bool *alone) {
    bool left = false, right = false;
    if (start > 0) {
        ACCEL_TRY(is_word(s, text_previous_char(s->text.bytes, start), start, &left));
    }
    if (end < s->text.length) {
        ACCEL_TRY(is_word(s, end, end + text_char_bytes(s->text.bytes[end]), &right));
    }
    *alone = !left && !right;
    return ACCEL_OK;
}

static size_t spaces_before(text_span text, size_t at, size_t least) {
    while (at > least) {
        size_t next = text_previous_char(text.bytes, at), after = next;
        if (!text_is_space(text_next_char(text.bytes, &after))) {
            break;
        }
        at = next;
    }
    return at;
}

static size_t spaces_after(text_span text, size_t at) {
    for (size_t next = at; at < text.length && text_is_space(text_next_char(text.bytes, &next)); at = next) {
    }
    return at;
}

static void add_text(const search *s, size_t start, size_t end) {
    size_t base = s->out->text.length, origin = s->origin > start ? s->origin - start : 0;
    text_append(&s->out->text, (text_span){s->text.bytes + start, end - start});
    text_pieces_add(
        s->out, (text_piece){base, end - start, origin < end - start ? origin : end - start, TEXT_NO_TOKEN});
}

static accel_status take(search *s, const text_added_entry *entry, size_t start, size_t end) {
    if (entry->single_word) {
        bool alone;
        ACCEL_TRY(stands_alone(s, start, end, &alone));
        if (!alone) {
            return ACCEL_OK;
        }
    }
    if (entry->left) {
        start = spaces_before(s->text, start, s->done < start ? s->done : start);
    }
    if (entry->right) {
        end = spaces_after(s->text, end);
    }
    if (s->done < start) {
        add_text(s, s->done, start);
    }
    text_pieces_add(s->out, (text_piece){0, 0, 0, entry->id});
    s->done = end;
    return ACCEL_OK;
}

accel_status text_added_split(const text_added *added, bool normalized, text_span text, size_t origin,
                              text_pieces *out, accel_error *err) {
    const text_trie *trie = normalized ? &added->normalized : &added->plain;
    search s = {.added = added, .text = text, .origin = origin, .out = out, .err = err};
    for (size_t at = 0; at < text.length && trie->node_count > 0;) {
        uint32_t entry = 0;
        size_t length = 0;
        if (trie->starts[(unsigned char)text.bytes[at]]) {
            length = text_trie_longest(trie, TEXT_TRIE_ROOT, (text_span){text.bytes + at, text.length - at},
                                       &entry);
        }
        if (length > 0) {
            ACCEL_TRY(take(&s, &added->entries[entry], at, at + length));
        }
        at += length > 0 ? length : 1;
    }
    if (s.done < text.length) {
        add_text(&s, s.done, text.length);
    }
    return out->failed || out->text.failed ? error_no_memory(err, "the pieces of a text", text.length)
                                           : ACCEL_OK;
}

/* --- looking up --- */

const text_added_entry *text_added_at(const text_added *added, uint32_t id) {
    const text_vocab_entry *e = text_vocab_at(&added->vocab, id);
    return e ? &added->entries[e - added->vocab.entries] : NULL; /* both stand in the same order */
}

static const text_added_entry *entry_of(const text_added *added, text_span content) {
    int64_t id = text_vocab_id(&added->vocab, content);
    return id < 0 ? NULL : text_added_at(added, (uint32_t)id);
}

bool text_added_is_special(const text_added *added, text_span content) {
    const text_added_entry *e = entry_of(added, content);
    return e && e->special;
}

/* --- reading --- */

static accel_status read_entry(const text_reader *r, text_object o, text_added_entry *e) {
    ACCEL_TRY(text_read_text(r, o, "content", TEXT_REQUIRED, &e->content));
    ACCEL_TRY(text_read_bool(r, o, "single_word", TEXT_REQUIRED, &e->single_word));
    ACCEL_TRY(text_read_bool(r, o, "lstrip", TEXT_REQUIRED, &e->left));
    ACCEL_TRY(text_read_bool(r, o, "rstrip", TEXT_REQUIRED, &e->right));
    ACCEL_TRY(text_read_bool(r, o, "normalized", TEXT_REQUIRED, &e->normalized));
    ACCEL_TRY(text_read_bool(r, o, "special", TEXT_REQUIRED, &e->special));
    if (e->content.length > ADDED_BYTES) {
        return error_set(r->err, ACCEL_LIMIT, "%s: %s.content has %zu bytes; an added token may have %d",
                         r->file, o.where, e->content.length, ADDED_BYTES);
    }
    e->shown = e->content;
    return ACCEL_OK;
}

/* Puts the token among those to be found. */
static accel_status make_findable(text_reader *r, text_object o, const text_normalizer *n,
                                  text_draft *scratch, text_added *added, size_t index) {
    text_added_entry *e = &added->entries[index];
    if (e->normalized && n) {
        text_draft_set(scratch, e->content, true);
        ACCEL_TRY(text_normalize(n, scratch, r->err));
        e->shown = text_span_of(&scratch->now);
        e->shown.bytes = arena_strndup(r->memory, e->shown.bytes, e->shown.length);
        if (!e->shown.bytes) {
            return text_no_memory(r);
        }
    }
    if (e->shown.length == 0 || e->shown.length > TEXT_TRIE_KEY_BYTES) {
        return text_bad(r, o, "content", "is %s once it is normalized",
                        e->shown.length == 0 ? "empty" : "too long");
    }
    if (e->single_word && !added->word) {
        ACCEL_TRY(text_regex_compile(r, o, "single_word", TEXT_SPAN(WORD_CHARACTER), &added->word));
    }
    return text_trie_add(e->normalized ? &added->normalized : &added->plain, e->shown, (uint32_t)index)
               ? ACCEL_OK
               : text_no_memory(r);
}

/* The id of a new token; *next is the first free one. */
static accel_status give_id(const text_reader *r, text_object o, const text_model *model, text_added_entry *e,
                            size_t *next) {
    int64_t id = text_vocab_id(&model->vocab, e->content);
    size_t written = SIZE_MAX;
    ACCEL_TRY(text_read_size(r, o, "id", TEXT_REQUIRED, &written));
    e->id = (uint32_t)(id < 0 ? (int64_t)(*next)++ : id);
    if (e->id != written) {
        return text_bad(r, o, "id",
                        "is %zu, but \"%.60s\" has the id %u by the vocabulary and the tokens before it",
                        written, e->content.bytes, e->id);
    }
    return ACCEL_OK;
}

static bool same_flags(const text_added_entry *a, const text_added_entry *b) {
    return a->single_word == b->single_word && a->left == b->left && a->right == b->right &&
           a->normalized == b->normalized && a->special == b->special;
}

accel_status text_added_read(text_reader *r, text_object root, const text_model *model,
                             const text_normalizer *n, text_draft *scratch, text_added *out) {
    yyjson_val *list = yyjson_obj_get(root.value, "added_tokens"), *item;
    size_t i, count, next = model->size, most = yyjson_arr_size(list);
    if (list && !yyjson_is_arr(list)) {
        return text_bad(r, root, "added_tokens", "is not an array");
    }
    if (most > MOST_ADDED) {
        return error_set(r->err, ACCEL_LIMIT, "%s: added_tokens are more than %d", r->file, MOST_ADDED);
    }
    out->entries = ARENA_ARRAY(r->memory, text_added_entry, most);
    size_t id_count = (model->vocab.id_count > next ? model->vocab.id_count : next) + most;
    if (!out->entries || !text_vocab_start(&out->vocab, r->memory, most, id_count)) {
        return text_no_memory(r);
    }
    yyjson_arr_foreach(list, i, count, item) {
        text_object o;
        text_added_entry *e = &out->entries[out->count];
        *e = (text_added_entry){0};
        ACCEL_TRY(text_read_element(r, root, "added_tokens", item, i, &o));
        ACCEL_TRY(read_entry(r, o, e));
        const text_added_entry *earlier = entry_of(out, e->content);
        if (earlier && !same_flags(earlier, e)) {
            return text_bad(r, o, "content", "\"%.60s\" stands twice, with other settings", e->content.bytes);
        }
        if (earlier || e->content.length == 0) {
            continue;
        }
        ACCEL_TRY(give_id(r, o, model, e, &next));
        ACCEL_TRY(make_findable(r, o, n, scratch, out, out->count));
        text_vocab_add(&out->vocab, e->content, e->id);
        out->count++;
    }
    return ACCEL_OK;
}

void text_added_free(text_added *added) {
    text_trie_free(&added->plain);
    text_trie_free(&added->normalized);
    text_regex_free(added->word);
    *added = (text_added){0};
}
