/* Calls of kernels: their text, their memory, their parameters. */
#include <string.h>

#include "base/mem.h"
#include "engines/webgpu/lower.h"

void gpu_call_text(gpu_lowering *l, const char *kernel, const char *text) {
    str_free(&l->text);
    l->kernel = kernel;
    l->call = (gpu_draft){.step = {.node = l->node}};
    l->words = 0;
    l->written = 0;
    if (!l->failed)
        str_append(&l->text, text);
}

void gpu_call(gpu_lowering *l, const char *kernel) {
    const char *text = gpu_source(kernel);
    if (text == NULL)
        gpu_fatal(l, ACCEL_INTERNAL, "there is no kernel '%s'", kernel);
    gpu_call_text(l, kernel, text != NULL ? text : "");
}

static bool is_word(char c) {
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void gpu_define(gpu_lowering *l, const char *word, const char *text) {
    str_buf out = {0};
    size_t length = strlen(word);
    if (l->failed)
        return;
    for (const char *at = str_text(&l->text); *at != 0;) {
        if (at[0] == '$' && strncmp(at + 1, word, length) == 0 && !is_word(at[length + 1])) {
            str_append(&out, text);
            at += length + 1;
        } else {
            size_t rest = 1 + strcspn(at + 1, "$");
            str_append_bytes(&out, at, rest);
            at += rest;
        }
    }
    out.failed |= l->text.failed;
    str_free(&l->text);
    l->text = out;
}

/* ---- $for ---------------------------------------------------------------------------------------------------------- */

/* The line's first word, when it is `word`. */
static const char *line_starts(const char *line, const char *word) {
    line += strspn(line, " ");
    return strncmp(line, word, strlen(word)) == 0 ? line + strlen(word) : NULL;
}

static const char *next_line(const char *line) {
    const char *end = strchr(line, '\n');
    return end != NULL ? end + 1 : line + strlen(line);
}

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

/* "$for i 4", lines, "$end": the lines four times, with 0 to 3 for $i. Software adapters unroll no loops, and hold what is indexed in memory. False: a
 * $for without a number or an end. */
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
        out.failed |= text->failed;
        str_free(text);
        *text = out;
        if (text->failed)
            return false;
        line = str_text(text) + done; /* an inner $for may stand here now */
    }
    return true;
}

/* ---- memory and parameters ------------------------------------------------------------------------------------------ */

static void bind(gpu_lowering *l, block b, bool written) {
    uint32_t at = l->call.step.binding_count;
    if (!l->failed && (b == BLOCK_NONE || at == GPU_MOST_BINDINGS))
        gpu_fatal(l, ACCEL_INTERNAL, "kernel '%s' is called with memory that it does not take", l->kernel);
    if (l->failed)
        return;
    l->call.bindings[at] = b;
    l->call.step.binding_count++;
    l->written |= (uint32_t)written << at;
}

void gpu_read(gpu_lowering *l, block b) {
    bind(l, b, false);
}

void gpu_write(gpu_lowering *l, block b) {
    bind(l, b, true);
}

static void add_word(gpu_lowering *l, uint32_t word) {
    if (!l->failed && l->words == GPU_PARAMETER_WORDS)
        gpu_fatal(l, ACCEL_INTERNAL, "kernel '%s' is called with too many parameters", l->kernel);
    if (!l->failed)
        l->call.step.parameters[l->words++] = word;
}

void gpu_word(gpu_lowering *l, int64_t value) {
    if (value > (int64_t)UINT32_MAX || value < INT32_MIN)
        gpu_fail(l, "%lld is too large for the kernels", (long long)value);
    add_word(l, (uint32_t)value);
}

void gpu_real(gpu_lowering *l, double value) {
    float f = (float)value;
    uint32_t word;
    memcpy(&word, &f, sizeof word);
    add_word(l, word);
}

void gpu_words(gpu_lowering *l, size_t count, const int64_t *values, size_t room, int64_t rest) {
    for (size_t i = 0; i < room; i++)
        gpu_word(l, i < count ? values[i] : rest);
}

/* The shader of the call's text: one that is there, or a new one. */
static bool find_shader(gpu_lowering *l, uint32_t *out) {
    for (size_t i = 0; i < l->shader_count; i++) {
        *out = (uint32_t)i;
        if (strcmp(l->shaders[i].text, l->text.data) == 0)
            return true;
    }
    *out = (uint32_t)l->shader_count;
    char *text = arena_strndup(l->arena, l->text.data, l->text.length);
    if (text == NULL ||
        !mem_grow((void **)&l->shaders, &l->shader_capacity, l->shader_count + 1, sizeof *l->shaders))
        return false;
    l->shaders[l->shader_count++] = (gpu_shader){
        .name = l->kernel, .text = text, .binding_count = l->call.step.binding_count, .written = l->written};
    return true;
}

static void touch(gpu_lowering *l) {
    uint32_t now = (uint32_t)l->draft_count;
    for (uint32_t i = 0; i < l->call.step.binding_count; i++) {
        gpu_block *b = &l->blocks[l->call.bindings[i]];
        b->first = b->first == UINT32_MAX ? now : b->first;
        b->last = now;
    }
}

void gpu_run_groups(gpu_lowering *l, size_t x, size_t y, size_t z) {
    uint32_t most = l->limits->groups;
    if (l->failed || x == 0 || y == 0 || z == 0)
        return;
    if (x > most || y > most || z > most) {
        gpu_fail(l, "%zu × %zu × %zu workgroups; the device runs %u in each direction", x, y, z, most);
        return;
    }
    l->call.step.groups[0] = (uint32_t)x;
    l->call.step.groups[1] = (uint32_t)y;
    l->call.step.groups[2] = (uint32_t)z;
    if (!l->text.failed && !unroll(&l->text) && !l->text.failed) {
        gpu_fatal(l, ACCEL_INTERNAL, "kernel '%s' has a $for without a number or an $end", l->kernel);
        return;
    }
    if (l->text.failed || !find_shader(l, &l->call.step.shader) ||
        !mem_grow((void **)&l->drafts, &l->draft_capacity, l->draft_count + 1, sizeof *l->drafts)) {
        gpu_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at %zu steps of a plan", l->draft_count);
        return;
    }
    touch(l);
    l->drafts[l->draft_count++] = l->call;
}

void gpu_run_lines(gpu_lowering *l, size_t groups) {
    size_t most = l->limits->groups, rows = (groups + most - 1) / most;
    gpu_run_groups(l, rows > 1 ? (groups + rows - 1) / rows : groups, rows, groups > 0);
}

void gpu_run(gpu_lowering *l, size_t invocations) {
    gpu_run_lines(l, (invocations + GPU_GROUP - 1) / GPU_GROUP);
}
