#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* One match may take so many steps, plus some for each byte: \s+(?!\S) on a row of blanks goes back once a blank. An evil
 * pattern, (a+)+$, ends after a fraction of a second. */
enum { STEPS = 1 << 20, STEPS_A_BYTE = 16, HEAP_KIB = 64 << 10, JIT_STACK_BYTES = 1 << 20 };

struct text_regex {
    pcre2_general_context *general;
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    const char *where; /* "file: field", for sentences */
};

static void *regex_malloc(size_t size, void *context) {
    (void)context;
    return mem_alloc(size);
}

static void regex_free(void *pointer, void *context) {
    (void)context;
    mem_free(pointer);
}

/* --- from Oniguruma's way of writing to PCRE2's --- */

#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"

typedef struct rewriting {
    const text_reader *r;
    text_object o;
    const char *key;
    text_span in;
    size_t at;
    bool in_class;
    str_buf out;
} rewriting;

/* What stands inside [...] or makes a class of its own. */
static void append_class(rewriting *w, const char *members) {
    str_appendf(&w->out, w->in_class ? "%s" : "[%s]", members);
}

static accel_status rewrite_property(rewriting *w) {
    size_t end = w->at + 2;
    while (end < w->in.length && w->in.bytes[end] != '}') {
        end++;
    }
    const char *name = w->in.bytes + w->at + 3;
    size_t length = end - w->at - 3;
    bool braced = w->at + 2 < w->in.length && w->in.bytes[w->at + 2] == '{' && end < w->in.length;
    if (!braced || length == 0) {
        return text_unsupported(w->r, w->o, w->key, "has a \\p without {name}");
    }
    bool negated = name[0] == '^';
    name += negated;
    length -= negated;
    /* PCRE2 takes the name of a script for all that is used with it, Oniguruma for what belongs to it. */
    static const char *const scripts[] = {"Han",      "Hiragana",   "Katakana", "Latin",
                                          "Cyrillic", "Greek",      "Arabic",   "Hebrew",
                                          "Hangul",   "Devanagari", "Thai",     "Common"};
    const char *prefix = "";
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        if (text_span_equal((text_span){name, length}, (text_span){scripts[i], strlen(scripts[i])})) {
            prefix = "sc:";
        }
    }
    str_appendf(&w->out, "\\%c{%s%s%.*s}", w->in.bytes[w->at + 1], negated ? "^" : "", prefix, (int)length,
                name);
    w->at = end + 1;
    return ACCEL_OK;
}

static accel_status rewrite_escape(rewriting *w) {
    char c = w->at + 1 < w->in.length ? w->in.bytes[w->at + 1] : '\0';
    switch (c) {
    case 'p':
    case 'P':
        return rewrite_property(w);
    case 's':
    case 'S':
        str_append(&w->out, c == 's' ? "\\p{White_Space}" : "\\P{White_Space}");
        break;
    case 'd':
    case 'D':
        str_append(&w->out, c == 'd' ? "\\p{Nd}" : "\\P{Nd}");
        break;
    case 'w':
        append_class(w, WORD);
        break;
    case 'h':
        append_class(w, "0-9a-fA-F");
        break;
    case 'W':
    case 'H':
        if (w->in_class) {
            return text_unsupported(w->r, w->o, w->key, "has \\%c within [...]", c);
        }
        str_append(&w->out, c == 'W' ? "[^" WORD "]" : "[^0-9a-fA-F]");
        break;
    case 'b':
    case 'B':
        if (w->in_class) {
            str_append(&w->out, "\\x08");
        } else {
            str_append(&w->out, c == 'b' ? "(?:(?<=[" WORD "])(?![" WORD "])|(?<![" WORD "])(?=[" WORD "]))"
                                         : "(?:(?<=[" WORD "])(?=[" WORD "])|(?<![" WORD "])(?![" WORD "]))");
        }
        break;
    case 'K':
    case 'X':
    case 'R':
    case 'N':
    case 'O':
    case 'y':
    case 'Y':
    case 'C':
    case 'M':
    case 'E':
    case 'Q':
        return text_unsupported(w->r, w->o, w->key, "has \\%c, which is not supported", c);
    case '\0':
        return text_bad(w->r, w->o, w->key, "ends in a backslash");
    default:
        str_append_bytes(&w->out, w->in.bytes + w->at, 2);
    }
    w->at += 2;
    return ACCEL_OK;
}

/* [:space:] and its like within a class. */
static accel_status rewrite_posix(rewriting *w) {
    static const char *const pairs[][2] = {
        {"[:space:]", "\\p{White_Space}"},       {"[:punct:]", "\\p{P}\\p{S}"},
        {"[:alpha:]", "\\p{Alphabetic}"},        {"[:digit:]", "\\p{Nd}"},
        {"[:upper:]", "\\p{Uppercase}"},         {"[:lower:]", "\\p{Lowercase}"},
        {"[:alnum:]", "\\p{Alphabetic}\\p{Nd}"}, {"[:word:]", WORD}};
    text_span rest = {w->in.bytes + w->at, w->in.length - w->at};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        text_span name = {pairs[i][0], strlen(pairs[i][0])};
        if (text_span_starts(rest, name)) {
            str_append(&w->out, pairs[i][1]);
            w->at += name.length;
            return ACCEL_OK;
        }
    }
    return text_unsupported(w->r, w->o, w->key, "has a class within a class, which is not supported");
}

static accel_status rewrite_in_class(rewriting *w) {
    char c = w->in.bytes[w->at];
    if (c == '[') {
        return rewrite_posix(w);
    }
    if (c == '&' && w->at + 1 < w->in.length && w->in.bytes[w->at + 1] == '&') {
        return text_unsupported(w->r, w->o, w->key, "has && within [...], which is not supported");
    }
    w->in_class = c != ']';
    str_append_char(&w->out, c);
    w->at++;
    return ACCEL_OK;
}

static accel_status rewrite(rewriting *w) {
    while (w->at < w->in.length) {
        char c = w->in.bytes[w->at];
        if (c == '\\') {
            ACCEL_TRY(rewrite_escape(w));
        } else if (w->in_class) {
            ACCEL_TRY(rewrite_in_class(w));
        } else {
            w->in_class = c == '[';
            str_append_char(&w->out, c);
            w->at++;
            /* A ] at the very start of a class is a member of it. */
            bool negated = w->in_class && w->at < w->in.length && w->in.bytes[w->at] == '^';
            str_append(&w->out, negated ? "^" : "");
            w->at += negated;
            if (w->in_class && w->at < w->in.length && w->in.bytes[w->at] == ']') {
                str_append(&w->out, "\\]");
                w->at++;
            }
        }
    }
    return w->out.failed ? text_no_memory(w->r) : ACCEL_OK;
}

/* --- compiling --- */

static accel_status compile(const text_reader *r, text_object o, const char *key, text_span pattern,
                            text_regex *re) {
    int code = 0;
    PCRE2_SIZE at = 0;
    pcre2_compile_context *context = pcre2_compile_context_create(re->general);
    if (!context) {
        return text_no_memory(r);
    }
    pcre2_set_parens_nest_limit(context, 100);
    re->code =
        pcre2_compile((PCRE2_SPTR)pattern.bytes, pattern.length,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
    pcre2_compile_context_free(context);
    if (re->code) {
        return ACCEL_OK;
    }
    if (code == PCRE2_ERROR_NOMEMORY || code == 121 /* "failed to allocate heap memory" */) {
        return text_no_memory(r);
    }
    char sentence[160] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)sentence, sizeof sentence);
    return text_bad(r, o, key, "is no regular expression that PCRE2 takes: %s", sentence);
}

static accel_status prepare(const text_reader *r, text_object o, const char *key, text_regex *re) {
    re->where = arena_printf(r->memory, "%s: %s%s%s", r->file, o.where, *o.where ? "." : "", key);
    re->match = pcre2_match_data_create_from_pattern(re->code, re->general);
    re->context = pcre2_match_context_create(re->general);
    if (!re->where || !re->match || !re->context) {
        return text_no_memory(r);
    }
    pcre2_set_heap_limit(re->context, HEAP_KIB);
    /* Without just-in-time compilation (no executable memory here, no support) the interpreter does it. */
    if (pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE) == 0) {
        re->stack = pcre2_jit_stack_create(32 << 10, JIT_STACK_BYTES, re->general);
        pcre2_jit_stack_assign(re->context, NULL, re->stack);
    }
    return ACCEL_OK;
}

accel_status text_regex_compile(const text_reader *r, text_object o, const char *key, text_span pattern,
                                text_regex **out) {
    if (pattern.length > TEXT_PATTERN_BYTES) {
        return error_set(r->err, ACCEL_LIMIT, "%s: %s.%s has %zu bytes; a pattern may have %d", r->file,
                         o.where, key, pattern.length, TEXT_PATTERN_BYTES);
    }
    text_regex *re = mem_calloc(1, sizeof *re);
    if (!re) {
        return text_no_memory(r);
    }
    rewriting w = {.r = r, .o = o, .key = key, .in = pattern};
    re->general = pcre2_general_context_create(regex_malloc, regex_free, NULL);
    accel_status status = re->general ? rewrite(&w) : text_no_memory(r);
    if (status == ACCEL_OK) {
        status = compile(r, o, key, text_span_of(&w.out), re);
    }
    if (status == ACCEL_OK) {
        status = prepare(r, o, key, re);
    }
    str_free(&w.out);
    if (status != ACCEL_OK) {
        text_regex_free(re);
        return status;
    }
    *out = re;
    return ACCEL_OK;
}

void text_regex_free(text_regex *re) {
    if (!re) {
        return;
    }
    pcre2_match_data_free(re->match);
    pcre2_match_context_free(re->context);
    pcre2_jit_stack_free(re->stack);
    pcre2_code_free(re->code);
    pcre2_general_context_free(re->general);
    mem_free(re);
}

/* --- matching --- */

static int search(const text_regex *re, text_span text, size_t at) {
    pcre2_set_match_limit(re->context, (uint32_t)(STEPS + STEPS_A_BYTE * text.length));
    int found = pcre2_match(re->code, (PCRE2_SPTR)text.bytes, text.length, at, PCRE2_NO_UTF_CHECK, re->match,
                            re->context);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) { /* the interpreter has the heap */
        found = pcre2_match(re->code, (PCRE2_SPTR)text.bytes, text.length, at,
                            PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, re->match, re->context);
    }
    return found;
}

static accel_status failure(const text_regex *re, int code, accel_error *err) {
    if (code == PCRE2_ERROR_NOMEMORY) {
        return error_no_memory(err, re->where, 0);
    }
    if (code == PCRE2_ERROR_MATCHLIMIT || code == PCRE2_ERROR_HEAPLIMIT || code == PCRE2_ERROR_DEPTHLIMIT) {
        return error_set(err, ACCEL_LIMIT, "%s needs more steps on this text than are allowed", re->where);
    }
    char sentence[160] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)sentence, sizeof sentence);
    return error_set(err, ACCEL_RUNTIME, "%s: PCRE2 failed: %s", re->where, sentence);
}

accel_status text_regex_next(const text_regex *re, text_span text, text_regex_cursor *cursor, bool *found,
                             size_t *start, size_t *end, accel_error *err) {
    *found = false;
    while (cursor->at <= text.length) {
        int code = search(re, text, cursor->at);
        if (code == PCRE2_ERROR_NOMATCH) {
            return ACCEL_OK;
        }
        if (code < 0) {
            return failure(re, code, err);
        }
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(re->match);
        if (at[0] > at[1]) {
            return error_set(err, ACCEL_UNSUPPORTED, "%s moves the start of its match behind the end",
                             re->where);
        }
        if (at[0] == at[1] && cursor->matched && cursor->at == at[1]) {
            cursor->at += cursor->at < text.length ? text_char_bytes(text.bytes[cursor->at]) : 1;
            cursor->matched = false;
            continue;
        }
        *cursor = (text_regex_cursor){at[1], true};
        *start = at[0];
        *end = at[1];
        *found = true;
        return ACCEL_OK;
    }
    return ACCEL_OK;
}
