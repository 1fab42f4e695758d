/* Values of the graph as pieces of the device's memory. */
#include <string.h>

#include "base/mem.h"
#include "engines/webgpu/lower.h"

/* ---- looking ------------------------------------------------------------------------------------------------------- */

bool gpu_has_input(const gpu_lowering *l, size_t input) {
    return gpu_input_value(l, input) != VALUE_NONE;
}

bool gpu_has_output(const gpu_lowering *l, size_t output) {
    return output < l->node->output_count && l->node->outputs[output] != VALUE_NONE;
}

value_id gpu_input_value(const gpu_lowering *l, size_t input) {
    return input < l->node->input_count ? l->node->inputs[input] : VALUE_NONE;
}

const shape *gpu_shape(const gpu_lowering *l, value_id v) {
    static const shape none = {.rank = 0};
    return v == VALUE_NONE ? &none : &l->graph->values[v].type.shape;
}

const shape *gpu_input_shape(const gpu_lowering *l, size_t input) {
    return gpu_shape(l, gpu_input_value(l, input));
}

const shape *gpu_output_shape(const gpu_lowering *l, size_t output) {
    return gpu_shape(l, gpu_has_output(l, output) ? l->node->outputs[output] : VALUE_NONE);
}

static dtype type_of(const gpu_lowering *l, value_id v) {
    return v == VALUE_NONE ? DTYPE_UNDEFINED : l->graph->values[v].type.type;
}

dtype gpu_input_type(const gpu_lowering *l, size_t input) {
    return type_of(l, gpu_input_value(l, input));
}

dtype gpu_output_type(const gpu_lowering *l, size_t output) {
    return type_of(l, gpu_has_output(l, output) ? l->node->outputs[output] : VALUE_NONE);
}

size_t gpu_elements(const shape *s) {
    int64_t elements = 0;
    return shape_elements(s, &elements) ? (size_t)elements : 0;
}

const char *gpu_type_name(gpu_lowering *l, dtype t) {
    if (t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16)
        return "f32";
    if (t == DTYPE_BOOL || t == DTYPE_I64 || t == DTYPE_I32 || t == DTYPE_I16 || t == DTYPE_I8 ||
        t == DTYPE_U8 || t == DTYPE_U16)
        return "i32";
    gpu_fail(l, "the kernels have no %s", dtype_name(t));
    return "f32";
}

void gpu_want_reals(gpu_lowering *l) {
    if (strcmp(gpu_type_name(l, gpu_input_type(l, 0)), "f32") != 0)
        gpu_fail(l, "no kernel for %s", dtype_name(gpu_input_type(l, 0)));
}

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

block gpu_scratch(gpu_lowering *l, size_t elements, value_id like) {
    if (l->failed)
        return BLOCK_NONE;
    if (elements > UINT32_MAX / GPU_ELEMENT_BYTES) {
        gpu_fail(l, "a tensor of %zu elements is too large", elements);
        return BLOCK_NONE;
    }
    if (!mem_grow((void **)&l->blocks, &l->block_capacity, l->block_count + 1, sizeof *l->blocks)) {
        gpu_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at %zu pieces of a plan", l->block_count);
        return BLOCK_NONE;
    }
    bool half = gpu_is_half(l, like);
    l->blocks[l->block_count] = (gpu_block){.size_bytes = gpu_bytes_of(elements, half),
                                            .elements = elements,
                                            .half = half,
                                            .constant = VALUE_NONE,
                                            .whole = BLOCK_NONE,
                                            .first = UINT32_MAX};
    return (block)l->block_count++;
}

static block constant_block(gpu_lowering *l, value_id v, bool turned) {
    (void)gpu_type_name(l, l->graph->values[v].type.type);
    block b = gpu_scratch(l, gpu_elements(gpu_shape(l, v)), v);
    if (b != BLOCK_NONE) {
        l->blocks[b].constant = v;
        l->blocks[b].turned = turned;
    }
    return b;
}

block gpu_value(gpu_lowering *l, value_id v) {
    if (v == VALUE_NONE || l->failed)
        return BLOCK_NONE;
    if (l->placed[v] == BLOCK_NONE && gpu_is_constant(l, v))
        l->placed[v] = constant_block(l, v, false);
    if (l->placed[v] == BLOCK_NONE && !l->failed) {
        gpu_fail(l, "'%s' is not there", l->graph->values[v].name);
        l->follows = true;
    }
    return l->placed[v];
}

block gpu_input(gpu_lowering *l, size_t input) {
    return gpu_value(l, gpu_input_value(l, input));
}

block gpu_turned(gpu_lowering *l, value_id v) {
    if (l->turned[v] == BLOCK_NONE && !l->failed)
        l->turned[v] = constant_block(l, v, true);
    return l->turned[v];
}

value_id gpu_turned_constant(const gpu_lowering *l, value_id v) {
    node_id made = v == VALUE_NONE ? NODE_NONE : l->graph->values[v].producer;
    const graph_node *n = made == NODE_NONE ? NULL : l->graph->nodes[made];
    if (n == NULL || n->domain[0] != 0 || strcmp(n->op_type, "Transpose") != 0 ||
        gpu_shape(l, n->inputs[0])->rank != 2 || !gpu_is_constant(l, n->inputs[0]))
        return VALUE_NONE;
    const graph_attr *perm = node_attr(n, "perm");
    return perm == NULL || perm->ints[0] == 1 ? n->inputs[0] : VALUE_NONE;
}

block gpu_output_value(gpu_lowering *l, value_id v) {
    if (v == VALUE_NONE || l->failed)
        return BLOCK_NONE;
    (void)gpu_type_name(l, l->graph->values[v].type.type);
    return l->placed[v] = gpu_scratch(l, gpu_elements(gpu_shape(l, v)), v);
}

block gpu_output(gpu_lowering *l, size_t output) {
    return gpu_output_value(l, gpu_has_output(l, output) ? l->node->outputs[output] : VALUE_NONE);
}

const graph_node *gpu_only_reader(const gpu_lowering *l, value_id v) {
    return l->uses[v] == 1 ? l->readers[v] : NULL;
}

uint32_t *gpu_table_words(gpu_lowering *l, size_t elements) {
    uint32_t *words = l->failed ? NULL : ARENA_ARRAY(l->arena, uint32_t, elements + 1);
    if (words == NULL && !l->failed)
        gpu_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at a table of %zu elements", elements);
    return words;
}

block gpu_table(gpu_lowering *l, size_t elements, const uint32_t *words) {
    block b = gpu_scratch(l, elements, VALUE_NONE);
    if (b != BLOCK_NONE)
        l->blocks[b].own = words;
    return b;
}

bool gpu_block_is_constant(const gpu_block *b) {
    return b->constant != VALUE_NONE || b->own != NULL;
}

void gpu_set_output(gpu_lowering *l, size_t output, block b) {
    if (!l->failed && gpu_has_output(l, output))
        l->placed[l->node->outputs[output]] = b;
}

void gpu_view(gpu_lowering *l, size_t output, size_t input) {
    gpu_set_output(l, output, gpu_input(l, input));
}

/* ---- constants -------------------------------------------------------------------------------------------------------- */

bool gpu_is_constant(const gpu_lowering *l, value_id v) {
    return v != VALUE_NONE && graph_value_is_constant(l->graph, v);
}

bool gpu_constant_ints(gpu_lowering *l, size_t input, const int64_t **out, size_t *count) {
    bool known = false;
    *count = 0;
    if (!l->failed && op_input_ints(&l->context, input, out, count, &known) != ACCEL_OK)
        gpu_fail(l, "%s", l->err->message);
    else if (!l->failed && !known)
        gpu_fail(l, "input %zu is computed; the kernels want a constant", input);
    return !l->failed;
}

bool gpu_constant_number(gpu_lowering *l, size_t input, double *out) {
    const op_value *v = input < l->context.input_count ? &l->context.inputs[input] : NULL;
    bool known = v != NULL && v->data != NULL && gpu_elements(&v->type.shape) == 1;
    if (known)
        *out = dtype_get_f64(v->type.type, v->data, 0);
    else
        gpu_fail(l, "input %zu is computed; the kernels want a constant", input);
    return known;
}

/* ---- attributes -------------------------------------------------------------------------------------------------------- */

int64_t gpu_attr_int(const gpu_lowering *l, const char *name, int64_t fallback) {
    return node_attr_int(l->node, name, fallback);
}

double gpu_attr_float(const gpu_lowering *l, const char *name, double fallback) {
    return node_attr_float(l->node, name, fallback);
}

const char *gpu_attr_string(const gpu_lowering *l, const char *name, const char *fallback) {
    return node_attr_string(l->node, name, fallback);
}

int gpu_axis(gpu_lowering *l, int64_t axis, int rank) {
    int out = 0;
    if (!shape_axis(axis, rank, &out))
        gpu_fail(l, "axis %lld of a tensor of %d dims", (long long)axis, rank);
    return out;
}
