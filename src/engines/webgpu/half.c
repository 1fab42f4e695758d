/* Which values lie on the device as f16 when fp16 is asked for: all floats but
 * - what the caller gives and takes as f32, and the former where it is only moved; not caches, which stay on the device;
 * - what has up to 256 elements, which saves nothing: epsilons, factors and a mask's -3e38 mean what they say;
 * - what follows from integers and such constants alone: positions (f16 has no 2049) and their angles, masks. */
#include <string.h>

#include "base/mem.h"
#include "engines/webgpu/lower.h"

enum { SMALL = 256 };
enum { /* of l->half */
       IS_HALF = 1,
       FOLLOWS = 2, /* from integers and small constants alone */
       GIVEN = 4    /* f32 of the caller's */
};

bool gpu_is_half(const gpu_lowering *l, value_id v) {
    return l->half != NULL && v != VALUE_NONE && (l->half[v] & IS_HALF) != 0;
}

static bool is_real(const gpu_lowering *l, value_id v) {
    dtype t = l->graph->values[v].type.type;
    return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16;
}

static bool is_small(const gpu_lowering *l, value_id v) {
    return gpu_elements(gpu_shape(l, v)) <= SMALL;
}

/* What the caller gives or takes lies as the graph has it. */
static bool is_half_at_the_door(const graph_value *v) {
    return v->type.type == DTYPE_F16 || (v->type.type == DTYPE_F32 && v->held);
}

static bool moves(const graph_node *n) {
    static const char *const movers[] = {"Reshape",   "Squeeze",      "Unsqueeze", "Flatten",
                                         "Transpose", "Concat",       "Split",     "Slice",
                                         "Pad",       "DepthToSpace", "Identity"};
    for (size_t i = 0; i < sizeof movers / sizeof *movers; i++)
        if (n->domain[0] == 0 && strcmp(n->op_type, movers[i]) == 0)
            return true;
    return false;
}

static bool moves_given(const gpu_lowering *l, const graph_node *n) {
    bool given = moves(n) && n->input_count > 0;
    for (size_t i = 0; i < n->input_count && given; i++) {
        value_id v = n->inputs[i];
        given = v == VALUE_NONE || !is_real(l, v) || (l->half[v] & GIVEN) != 0 ||
                (i > 0 && gpu_is_constant(l, v) && !gpu_is_half(l, v));
    }
    return given;
}

static bool follows_from_integers(const gpu_lowering *l, const graph_node *n) {
    bool some = false;
    for (size_t i = 0; i < n->input_count; i++) {
        value_id v = n->inputs[i];
        if (v == VALUE_NONE)
            continue;
        bool constant = gpu_is_constant(l, v), real = is_real(l, v);
        if (real && (constant ? gpu_is_half(l, v) : (l->half[v] & FOLLOWS) == 0))
            return false;
        some |= !constant;
    }
    return some;
}

static void choose_outputs(gpu_lowering *l, const graph_node *n) {
    uint8_t how = follows_from_integers(l, n) ? FOLLOWS : moves_given(l, n) ? GIVEN : IS_HALF;
    for (size_t i = 0; i < n->output_count; i++) {
        value_id v = n->outputs[i];
        if (v != VALUE_NONE && is_real(l, v))
            l->half[v] = how == IS_HALF && is_small(l, v) ? 0 : how;
    }
}

static void choose_all(gpu_lowering *l) {
    const graph *g = l->graph;
    for (size_t v = 0; v < g->value_count; v++)
        if (gpu_is_constant(l, (value_id)v) && is_real(l, (value_id)v) && !is_small(l, (value_id)v))
            l->half[v] = IS_HALF;
    for (size_t i = 0; i < g->input_count; i++)
        l->half[g->inputs[i]] = is_half_at_the_door(&g->values[g->inputs[i]]) ? IS_HALF : GIVEN;
    for (size_t i = 0; i < g->node_count; i++)
        if (!g->nodes[i]->dead)
            choose_outputs(l, g->nodes[i]);
    for (size_t i = 0; i < g->output_count; i++) {
        uint8_t *how = &l->half[g->outputs[i]];
        *how = is_half_at_the_door(&g->values[g->outputs[i]]) ? IS_HALF : (uint8_t)(*how & ~IS_HALF);
    }
}

accel_status gpu_choose_half(gpu_lowering *l, accel_error *err) {
    precision asked = l->limits->precision;
    if (asked == PRECISION_FP32)
        return ACCEL_OK;
    if (asked != PRECISION_FP16)
        return error_set(err, ACCEL_UNSUPPORTED, "the kernels compute in fp32 and fp16; %s was asked for",
                         precision_name(asked));
    if (!l->limits->f16)
        return error_set(err, ACCEL_UNSUPPORTED,
                         "this GPU lacks the feature shader-f16, which fp16 needs: ask for fp32");
    l->half = ARENA_ARRAY(l->arena, uint8_t, l->graph->value_count + 1);
    if (l->half == NULL)
        return error_no_memory(err, "a plan", l->graph->value_count);
    choose_all(l);
    return ACCEL_OK;
}
