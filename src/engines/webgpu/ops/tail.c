#include "engines/webgpu/ops/tail.h"

#include <string.h>

gpu_tail gpu_tail_of(value_id result) {
    return (gpu_tail){.result = result, .to = BLOCK_NONE, .residual = BLOCK_NONE};
}

void gpu_tail_pass(gpu_tail *t, const graph_node *n) {
    t->passed[t->passed_count++] = t->result;
    t->result = n->outputs[0];
}

static void take_activation(gpu_lowering *l, gpu_tail *t) {
    const graph_node *n = gpu_only_reader(l, t->result);
    if (n == NULL || t->activation.expression != NULL || !gpu_activation(n, &t->activation))
        return;
    t->activation_last = t->residual != BLOCK_NONE;
    gpu_tail_pass(t, n);
}

/* An Add of a value of the same shape that an earlier step makes. */
static void take_residual(gpu_lowering *l, gpu_tail *t) {
    const graph_node *n = gpu_only_reader(l, t->result);
    if (n == NULL || n->domain[0] != 0 || strcmp(n->op_type, "Add") != 0 || n->inputs[0] == n->inputs[1])
        return;
    value_id other = n->inputs[0] == t->result ? n->inputs[1] : n->inputs[0];
    if (gpu_is_constant(l, other) || l->placed[other] == BLOCK_NONE ||
        !shape_equal(gpu_shape(l, other), gpu_shape(l, t->result)) ||
        l->graph->values[other].type.type != DTYPE_F32)
        return;
    t->residual = l->placed[other];
    gpu_tail_pass(t, n);
}

void gpu_tail_take(gpu_lowering *l, gpu_tail *t) {
    take_activation(l, t);
    take_residual(l, t);
    take_activation(l, t);
}

static void append_functions(const gpu_tail *t, bool wide, str_buf *text) {
    if (t->activation.expression == NULL)
        return;
    str_appendf(text, "%sfn activation(a: f32) -> f32 { return %s; }\n",
                t->activation.helpers != NULL ? t->activation.helpers : "", t->activation.expression);
    str_appendf(
        text,
        wide
            ? "fn activated(x: vec4<f32>) -> vec4<f32> { return vec4<f32>(activation(x.x), activation(x.y), activation(x.z), activation(x.w)); }"
            : "fn activated(x: f32) -> f32 { return activation(x); }");
}

static void append_result(const gpu_tail *t, const char *index, str_buf *text) {
    bool active = t->activation.expression != NULL, after = active && t->activation_last;
    str_append(text, after ? "activated(x" : active ? "activated(x)" : "x");
    if (t->residual != BLOCK_NONE)
        str_appendf(text, " + residual[%s]", index);
    str_append(text, after ? ")" : "");
}

void gpu_tail_define(gpu_lowering *l, const gpu_tail *t, bool wide, const char *index) {
    str_buf functions = {0}, result = {0};
    append_functions(t, wide, &functions);
    append_result(t, index, &result);
    if (functions.failed || result.failed)
        gpu_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at a shader");
    gpu_define(l, "FUNCTIONS", str_text(&functions));
    gpu_define(l, "RESIDUAL",
               t->residual == BLOCK_NONE ? ""
               : wide                    ? "$read residual: vec4<f32>"
                                         : "$read residual: f32");
    gpu_define(l, "RESULT", str_text(&result));
    str_free(&functions);
    str_free(&result);
}

void gpu_tail_place(gpu_lowering *l, gpu_tail *t) {
    if (t->to == BLOCK_NONE)
        t->to = gpu_output_value(l, t->result);
    for (int i = 0; i < t->passed_count && !l->failed; i++)
        l->placed[t->passed[i]] = t->to;
    t->passed_count = 0;
}

void gpu_tail_bind(gpu_lowering *l, gpu_tail *t) {
    if (t->residual != BLOCK_NONE)
        gpu_read(l, t->residual);
    gpu_tail_place(l, t);
    gpu_write(l, t->to);
}

void gpu_tail_words(gpu_lowering *l, const gpu_tail *t) {
    gpu_real(l, t->activation.x);
    gpu_real(l, t->activation.y);
}
