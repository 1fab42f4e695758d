#include "text/pattern.h"

accel_status text_pattern_read(const text_reader *r, text_object o, const char *key, text_pattern *out) {
    text_object pattern;
    text_span literal = {0}, regex = {0};
    ACCEL_TRY(text_read_object(r, o, key, &pattern));
    ACCEL_TRY(text_read_text(r, pattern, "String", TEXT_OPTIONAL, &literal));
    ACCEL_TRY(text_read_text(r, pattern, "Regex", TEXT_OPTIONAL, &regex));
    if (!literal.bytes == !regex.bytes) {
        return text_unsupported(r, o, key, "is neither one String nor one Regex");
    }
    *out = (text_pattern){.literal = literal};
    if (literal.length > 0) {
        return ACCEL_OK;
    }
    return text_regex_compile(r, pattern, regex.bytes ? "Regex" : "String", regex.bytes ? regex : literal,
                              &out->regex); /* an empty String matches everywhere */
}

void text_pattern_free(text_pattern *p) {
    text_regex_free(p->regex);
    *p = (text_pattern){0};
}

static bool add(text_stretches *s, size_t start, size_t end, bool match) {
    if (s->count == s->capacity) {
        void *items = s->items;
        if (!mem_grow(&items, &s->capacity, s->count + 1, sizeof *s->items)) {
            return false;
        }
        s->items = items;
    }
    s->items[s->count++] = (text_stretch){start, end, match};
    return true;
}

/* A match at [start, end), and what lies between the last one and it. */
static bool add_match(const text_pattern *p, text_stretches *s, size_t *last, size_t start, size_t end) {
    bool added = (*last == start || add(s, *last, start, p->invert)) && add(s, start, end, !p->invert);
    *last = end;
    return added;
}

static bool find_class(const text_pattern *p, text_span text, text_stretches *out, size_t *last) {
    for (size_t at = 0; at < text.length;) {
        size_t start = at;
        if (p->class(text_next_char(text.bytes, &at)) && !add_match(p, out, last, start, at)) {
            return false;
        }
    }
    return true;
}

static bool find_literal(const text_pattern *p, text_span text, text_stretches *out, size_t *last) {
    const char *found;
    while ((found = memmem(text.bytes + *last, text.length - *last, p->literal.bytes, p->literal.length))) {
        size_t start = (size_t)(found - text.bytes);
        if (!add_match(p, out, last, start, start + p->literal.length)) {
            return false;
        }
    }
    return true;
}

static accel_status find_regex(const text_pattern *p, text_span text, text_stretches *out, size_t *last,
                               accel_error *err) {
    text_regex_cursor cursor = {0};
    for (;;) {
        bool found;
        size_t start, end;
        ACCEL_TRY(text_regex_next(p->regex, text, &cursor, &found, &start, &end, err));
        if (!found) {
            return ACCEL_OK;
        }
        if (!add_match(p, out, last, start, end)) {
            return error_no_memory(err, "the pieces of a text", out->capacity * sizeof *out->items);
        }
    }
}

accel_status text_pattern_find(const text_pattern *p, text_span text, text_stretches *out, accel_error *err) {
    size_t last = 0;
    bool fine = true;
    if (p->regex) {
        ACCEL_TRY(find_regex(p, text, out, &last, err));
    } else {
        fine = p->class ? find_class(p, text, out, &last) : find_literal(p, text, out, &last);
    }
    if (!fine || (last < text.length && !add(out, last, text.length, p->invert))) {
        return error_no_memory(err, "the pieces of a text", out->capacity * sizeof *out->items);
    }
    return ACCEL_OK;
}

/* --- behaviors --- */

accel_status text_behavior_read(const text_reader *r, text_object o, const char *key, text_presence p,
                                text_behavior *out) {
    static const char *const words[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext",
                                        "Contiguous"};
    size_t at = *out;
    ACCEL_TRY(text_read_word(r, o, key, p, words, sizeof words / sizeof words[0], &at));
    *out = (text_behavior)at;
    return ACCEL_OK;
}

static void remove_matches(text_stretches *s) {
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (!s->items[i].match) {
            s->items[kept++] = s->items[i];
        }
    }
    s->count = kept;
}

/* Joins a stretch to the one before it: a row of stretches of one kind (contiguous), or a first match to what it follows. */
static void join_forwards(text_stretches *s, bool contiguous) {
    size_t kept = 0;
    bool previous = false;
    for (size_t i = 0; i < s->count; i++) {
        text_stretch now = s->items[i];
        if (kept > 0 && (contiguous ? now.match == previous : now.match && !previous)) {
            s->items[kept - 1].end = now.end;
        } else {
            s->items[kept++] = now;
        }
        previous = now.match;
    }
    s->count = kept;
}

/* Joins a last match to what follows it. */
static void join_backwards(text_stretches *s) {
    size_t kept = s->count; /* items[kept ..] are done */
    bool previous = false;
    for (size_t i = s->count; i-- > 0;) {
        text_stretch now = s->items[i];
        if (kept < s->count && now.match && !previous) {
            s->items[kept].start = now.start;
        } else {
            s->items[--kept] = now;
        }
        previous = now.match;
    }
    memmove(s->items, s->items + kept, (s->count - kept) * sizeof *s->items);
    s->count -= kept;
}

void text_behavior_apply(text_behavior b, text_stretches *s) {
    if (s->count == 0) {
        return;
    }
    switch (b) {
    case TEXT_REMOVED:
        remove_matches(s);
        break;
    case TEXT_ISOLATED:
        break;
    case TEXT_MERGED_WITH_PREVIOUS:
    case TEXT_CONTIGUOUS:
        join_forwards(s, b == TEXT_CONTIGUOUS);
        break;
    case TEXT_MERGED_WITH_NEXT:
        join_backwards(s);
        break;
    }
}
