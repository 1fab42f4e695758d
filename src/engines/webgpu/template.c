#include "engines/webgpu/template.h"

#include <string.h>

static bool is_word(char c) {
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* `out` takes the place of the text. */
static void replace(str_buf *text, str_buf *out) {
    out->failed |= text->failed;
    str_free(text);
    *text = *out;
}

void template_define(str_buf *text, const char *word, const char *value) {
    str_buf out = {0};
    size_t length = strlen(word);
    for (const char *at = str_text(text); *at != 0;) {
        if (at[0] == '$' && strncmp(at + 1, word, length) == 0 && !is_word(at[length + 1])) {
            str_append(&out, value);
            at += length + 1;
        } else {
            size_t rest = 1 + strcspn(at + 1, "$");
            str_append_bytes(&out, at, rest);
            at += rest;
        }
    }
    replace(text, &out);
}

/* ---- lines ----------------------------------------------------------------------------------------------------------- */

/* What follows when the line begins with `word`. */
static const char *line_starts(const char *line, const char *word) {
    line += strspn(line, " ");
    return strncmp(line, word, strlen(word)) == 0 ? line + strlen(word) : NULL;
}

static const char *next_line(const char *line) {
    const char *end = strchr(line, '\n');
    return end != NULL ? end + 1 : line + strlen(line);
}

/* ---- bindings and the head of main ------------------------------------------------------------------------------------- */

/* A binding whose memory holds f16. */
typedef struct half_binding {
    char name[24];
    bool wide; /* four at once */
} half_binding;
typedef struct half_bindings {
    uint32_t bits; /* as template_expand is given them */
    size_t count;
    half_binding items[16];
} half_bindings;

static const char *const scalars[] = {"f32", "f16"}, *const vectors[] = {"vec4<f32>", "vec4<f16>"};

static const char *type_of(const half_binding *b, bool stored) {
    return b->wide ? vectors[stored] : scalars[stored];
}

static bool is_text(const char *text, size_t length, const char *whole) {
    return strlen(whole) == length && strncmp(text, whole, length) == 0;
}

/* Notes a binding of f16; false: its elements are no floats. */
static bool add_half(half_bindings *h, const char *name, size_t name_length, const char *type,
                     size_t type_length) {
    half_binding *b = &h->items[h->count];
    b->wide = is_text(type, type_length, vectors[0]);
    if (h->count + 1 == sizeof h->items / sizeof *h->items || name_length >= sizeof b->name ||
        !(b->wide || is_text(type, type_length, scalars[0])))
        return false;
    str_format(b->name, sizeof b->name, "%.*s", (int)name_length, name);
    h->count++;
    return true;
}

/* "data: f32" of a $read or $write. */
static bool append_binding(str_buf *out, const char *declared, bool is_written, uint32_t binding,
                           half_bindings *h) {
    size_t name = strcspn(declared, ":\n"), end = strcspn(declared, "\n");
    if (declared[name] != ':' || declared[name + 1] != ' ' || end < name + 3)
        return false;
    const char *type = declared + name + 2;
    size_t length = end - name - 2;
    bool half = (h->bits >> (binding - 1) & 1) != 0;
    if (half && !add_half(h, declared, name, type, length))
        return false;
    if (half)
        type = type_of(&h->items[h->count - 1], true);
    str_appendf(out, "@group(0) @binding(%u) var<storage, %s> %.*s: array<%.*s>;\n", binding,
                is_written ? "read_write" : "read", (int)name, declared, (int)length, type);
    return true;
}

/* "row of rows {" of an $each. */
static bool append_main(str_buf *out, const char *declared) {
    size_t name = strcspn(declared, " \n");
    const char *count = declared + name;
    if (strncmp(count, " of ", 4) != 0)
        return false;
    count += 4;
    size_t length = strcspn(count, " \n");
    if (strncmp(count + length, " {", 2) != 0)
        return false;
    str_appendf(
        out,
        "@compute @workgroup_size(64)\n"
        "fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {\n"
        "let %.*s = id.x + id.y * groups.x * 64u;\nif (%.*s >= p.%.*s) { return; }\n",
        (int)name, declared, (int)name, declared, (int)length, count);
    return true;
}

static bool declare(str_buf *text, half_bindings *h, uint32_t *binding_count, uint32_t *written) {
    str_buf out = {0};
    bool fine = true;
    const char *start = str_text(text);
    *binding_count = *written = 0;
    while (*start == '\n' || line_starts(start, "enable ") != NULL) /* which must come first */
        start = next_line(start);
    str_append(&out, h->bits != 0 ? "enable f16;\n" : "");
    str_append_bytes(&out, str_text(text), (size_t)(start - str_text(text)));
    str_append(&out, "@group(0) @binding(0) var<uniform> p: Parameters;\n");
    for (const char *line = start; *line != 0 && fine; line = next_line(line)) {
        const char *read = line_starts(line, "$read "), *write = line_starts(line, "$write ");
        const char *each = line_starts(line, "$each ");
        if (read != NULL || write != NULL) {
            *written |= (uint32_t)(write != NULL) << *binding_count;
            fine = append_binding(&out, read != NULL ? read : write, write != NULL, ++*binding_count, h);
        } else if (each != NULL) {
            fine = append_main(&out, each);
        } else {
            str_append_bytes(&out, line, (size_t)(next_line(line) - line));
        }
    }
    replace(text, &out);
    return fine && !text->failed;
}

/* ---- $for ---------------------------------------------------------------------------------------------------------- */

/* The $end that belongs to the $for before `line`; NULL: there is none. */
static const char *find_end(const char *line) {
    for (int depth = 1; *line != 0; line = next_line(line)) {
        depth += (line_starts(line, "$for ") != NULL) - (line_starts(line, "$end") != NULL);
        if (depth == 0)
            return line;
    }
    return NULL;
}

static void append_with(str_buf *out, const char *text, const char *end, char name, int64_t value) {
    for (; text < end; text++) {
        if (text[0] == '$' && text[1] == name) {
            str_append_i64(out, value);
            text++;
        } else {
            str_append_char(out, *text);
        }
    }
}

/* False: a $for without a number or an end. */
static bool unroll(str_buf *text) {
    const char *line = str_text(text);
    while (*line != 0) {
        const char *head = line_starts(line, "$for "), *body = next_line(line);
        if (head == NULL) {
            line = body;
            continue;
        }
        char number[16];
        int64_t count = 0;
        const char *end = find_end(body);
        str_format(number, sizeof number, "%.*s", (int)strcspn(head + 2, "\n"), head + 2);
        if (end == NULL || !str_to_i64(number, &count))
            return false;
        str_buf out = {0};
        size_t done = (size_t)(line - text->data);
        str_append_bytes(&out, text->data, done);
        for (int64_t i = 0; i < count; i++)
            append_with(&out, body, end, head[0], i);
        str_append(&out, next_line(end));
        replace(text, &out);
        if (text->failed)
            return false;
        line = str_text(text) + done; /* an inner $for may stand here now */
    }
    return true;
}

/* ---- f16 ------------------------------------------------------------------------------------------------------------- */

static size_t name_length(const char *text, const char *end) {
    const char *at = text;
    while (at < end && (is_word(*at) || (*at >= 'a' && *at <= 'z')))
        at++;
    return (size_t)(at - text);
}

static const half_binding *find_half(const half_bindings *h, const char *name, size_t length) {
    for (size_t i = 0; i < h->count; i++)
        if (is_text(name, length, h->items[i].name))
            return &h->items[i];
    return NULL;
}

/* The ']' of the '[' at `open`, or `end`. */
static const char *closing(const char *open, const char *end) {
    int depth = 0;
    for (; open < end; open++) {
        depth += (*open == '[') - (*open == ']');
        if (depth == 0)
            return open;
    }
    return end;
}

/* "data[i]" as f32(data[i]), "result[i] = x;" as result[i] = f16(x); */
static void append_converted(str_buf *out, const char *text, const char *end, const half_bindings *h) {
    const char *const assigned = "] = ";
    bool stores = false;
    while (text < end) {
        size_t length = name_length(text, end);
        bool indexed = length > 0 && text + length < end && text[length] == '[';
        const half_binding *b = indexed ? find_half(h, text, length) : NULL;
        if (b == NULL) {
            if (stores && *text == ';') {
                str_append_char(out, ')');
                stores = false;
            }
            if (length == 0) /* a member of something is no binding */
                length = 1 + (*text == '.' ? name_length(text + 1, end) : 0);
            str_append_bytes(out, text, length);
            text += length;
            continue;
        }
        const char *index = text + length + 1, *close = closing(index - 1, end);
        bool store = strncmp(close, assigned, strlen(assigned)) == 0;
        if (!store)
            str_appendf(out, "%s(", type_of(b, false));
        str_append_bytes(out, text, length + 1);
        append_converted(out, index, close, h);
        if (store)
            str_appendf(out, "%s%s(", assigned, type_of(b, true));
        else
            str_append(out, "])");
        stores |= store;
        text = close + (store ? strlen(assigned) : 1);
    }
}

static bool convert(str_buf *text, const half_bindings *h) {
    str_buf out = {0};
    if (h->count == 0)
        return true;
    append_converted(&out, str_text(text), str_text(text) + text->length, h);
    replace(text, &out);
    return !text->failed;
}

bool template_expand(str_buf *text, uint32_t half, uint32_t *binding_count, uint32_t *written) {
    half_bindings h = {.bits = half};
    return !text->failed && declare(text, &h, binding_count, written) && unroll(text) && convert(text, &h);
}
