/* Calls of kernels: their text, their memory, their parameters. */
#include <string.h>

#include "base/mem.h"
#include "engines/webgpu/lower.h"
#include "engines/webgpu/template.h"

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

void gpu_define(gpu_lowering *l, const char *word, const char *text) {
    if (!l->failed)
        template_define(&l->text, word, text);
}

void gpu_include(gpu_lowering *l, const char *word, const char *file) {
    const char *text = gpu_source(file);
    if (text == NULL)
        gpu_fatal(l, ACCEL_INTERNAL, "there is no text '%s' for kernel '%s'", file, l->kernel);
    gpu_define(l, word, text != NULL ? text : "");
}

/* ---- memory and parameters ------------------------------------------------------------------------------------------ */

static void bind(gpu_lowering *l, block b, bool written) {
    uint32_t at = l->call.step.binding_count;
    if (!l->failed && (b == BLOCK_NONE || at == GPU_MOST_BINDINGS))
        gpu_fatal(l, ACCEL_INTERNAL, "kernel '%s' is called with memory that it does not take", l->kernel);
    if (l->failed)
        return;
    const gpu_block *of = &l->blocks[b];
    bool window = of->whole != BLOCK_NONE;
    l->call.bindings[at] = window ? of->whole : b;
    if (window)
        l->call.step.bindings[at] = (gpu_range){.offset = of->range.offset, .size_bytes = of->size_bytes};
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

/* The text as WGSL; it binds what the call does. */
static void finish_text(gpu_lowering *l) {
    uint32_t count = 0, written = 0, half = 0;
    for (uint32_t i = 0; i < l->call.step.binding_count; i++)
        half |= (uint32_t)l->blocks[l->call.bindings[i]].half << i;
    bool fine = template_expand(&l->text, half, &count, &written);
    if (l->text.failed)
        gpu_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at a shader");
    else if (!fine)
        gpu_fatal(l, ACCEL_INTERNAL, "kernel '%s' has a line with a $ that says nothing", l->kernel);
    else if (count != l->call.step.binding_count || written != l->written)
        gpu_fatal(l, ACCEL_INTERNAL, "kernel '%s' is called with memory that it does not take", l->kernel);
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
    finish_text(l);
    if (l->failed)
        return;
    if (!find_shader(l, &l->call.step.shader) ||
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
