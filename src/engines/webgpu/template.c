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

/* "data: f32" of a $read or $write. */
static bool append_binding(str_buf *out, const char *declared, bool is_written, uint32_t binding) {
    size_t name = strcspn(declared, ":\n"), type = strcspn(declared, "\n");
    if (declared[name] != ':' || declared[name + 1] != ' ' || type < name + 3)
        return false;
    str_appendf(out, "@group(0) @binding(%u) var<storage, %s> %.*s: array<%.*s>;\n", binding,
                is_written ? "read_write" : "read", (int)name, declared, (int)(type - name - 2),
                declared + name + 2);
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

static bool declare(str_buf *text, uint32_t *binding_count, uint32_t *written) {
    str_buf out = {0};
    bool fine = true;
    *binding_count = *written = 0;
    str_append(&out, "@group(0) @binding(0) var<uniform> p: Parameters;\n");
    for (const char *line = str_text(text); *line != 0 && fine; line = next_line(line)) {
        const char *read = line_starts(line, "$read "), *write = line_starts(line, "$write ");
        const char *each = line_starts(line, "$each ");
        if (read != NULL || write != NULL) {
            *written |= (uint32_t)(write != NULL) << *binding_count;
            fine = append_binding(&out, read != NULL ? read : write, write != NULL, ++*binding_count);
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

bool template_expand(str_buf *text, uint32_t *binding_count, uint32_t *written) {
    return !text->failed && declare(text, binding_count, written) && unroll(text);
}
