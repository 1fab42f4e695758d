/* The same operator as older opsets spell it. */
#include <string.h>

#include "graph/passes/form.h"

/* Constant integers of an input. False when they are not constant. */
static bool constant_ints(editor *e, value_id v, const int64_t **out, size_t *count) {
    tensor t;
    bool owned;
    if (!graph_value_is_constant(e->g, v) || graph_value_contents(e->g, v, &t, &owned, NULL) != ACCEL_OK) {
        return false;
    }
    int64_t elements = 0;
    shape_elements(&t.shape, &elements);
    int64_t *ints = ARENA_ARRAY(e->g->arena, int64_t, (size_t)elements);
    for (int64_t i = 0; ints && i < elements; i++) {
        ints[i] = dtype_get_i64(t.type, t.data, (size_t)i);
    }
    if (owned) {
        tensor_free(&t);
    }
    *out = ints;
    *count = (size_t)elements;
    return ints != NULL;
}

static accel_status set_ints(editor *e, graph_node *n, const char *name, const int64_t *ints, size_t count,
                             accel_error *err) {
    return node_set_attr(e->g, n,
                         &(graph_attr){.name = name, .kind = ATTR_INTS, .ints = ints, .count = count}, err);
}

/* The table describes the newest form only: a node in an older one is unknown to it, and keeps the types that were inferred. */
static void detach(editor *e, graph_node *n) {
    n->op = NULL;
    for (size_t k = 0; k < n->output_count; k++) {
        if (n->outputs[k] != VALUE_NONE) {
            graph_value *v = &e->g->values[n->outputs[k]];
            v->declared = v->type;
            v->has_declared = true;
        }
    }
}

/* Opset 18 made axes an input of the reductions. */
accel_status form_reduce_axes(editor *e, graph_node *n, accel_error *err) {
    value_id axes = input_or_none(n, 1);
    bool nothing_if_empty = node_attr_int(n, "noop_with_empty_axes", 0) != 0;
    node_remove_attr(n, "noop_with_empty_axes");
    if (axes == VALUE_NONE) {
        n->input_count = 1;
        return nothing_if_empty ? form_refuse(e, n, "a reduction over no axes", err) : ACCEL_OK;
    }
    const int64_t *ints;
    size_t count;
    if (!constant_ints(e, axes, &ints, &count) || (count == 0 && nothing_if_empty)) {
        return form_refuse(e, n, "its axes are computed", err);
    }
    n->input_count = 1;
    detach(e, n);
    return count > 0 ? set_ints(e, n, "axes", ints, count, err) : ACCEL_OK;
}

/* Opset 18 brought num_outputs: before it, sizes are an input. */
accel_status form_split_sizes(editor *e, graph_node *n, accel_error *err) {
    if (!node_attr(n, "num_outputs")) {
        return ACCEL_OK;
    }
    const shape *s = shape_of(e->g, n->inputs[0]);
    int axis;
    if (s->rank < 0 || !shape_axis(node_attr_int(n, "axis", 0), s->rank, &axis) || s->dims[axis] < 0) {
        return form_refuse(e, n, "the length it splits is not known", err);
    }
    int64_t parts = (int64_t)n->output_count, length = s->dims[axis];
    int64_t each = (length + parts - 1) / parts;
    int64_t *sizes = ARENA_ARRAY(e->g->arena, int64_t, n->output_count);
    value_id *inputs = ARENA_ARRAY(e->g->arena, value_id, 2);
    if (!sizes || !inputs) {
        return error_no_memory(err, "a node's inputs", n->output_count * sizeof *sizes);
    }
    for (int64_t i = 0; i < parts; i++) {
        sizes[i] = i + 1 < parts ? each : length - each * (parts - 1);
    }
    inputs[0] = n->inputs[0];
    inputs[1] = build_i64s(&e->b, n->output_count, sizes);
    n->inputs = inputs;
    n->input_count = 2;
    node_remove_attr(n, "num_outputs");
    return ACCEL_OK;
}

/* Opset 18 lets Pad name axes: before it, pads are given for all. */
accel_status form_pad_axes(editor *e, graph_node *n, accel_error *err) {
    if (strcmp(node_attr_string(n, "mode", "constant"), "wrap") == 0) {
        return form_refuse(e, n, "mode wrap", err);
    }
    if (input_or_none(n, 3) == VALUE_NONE) {
        n->input_count = n->input_count > 3 ? 3 : n->input_count;
        return ACCEL_OK;
    }
    const int64_t *axes, *pads;
    size_t axis_count, pad_count;
    int rank = shape_of(e->g, n->inputs[0])->rank;
    if (rank < 0 || !constant_ints(e, n->inputs[3], &axes, &axis_count) ||
        !constant_ints(e, n->inputs[1], &pads, &pad_count) || pad_count != 2 * axis_count) {
        return form_refuse(e, n, "its axes are computed", err);
    }
    int64_t all[2 * TENSOR_MAX_RANK] = {0};
    for (size_t i = 0; i < axis_count; i++) {
        int axis;
        if (!shape_axis(axes[i], rank, &axis)) {
            return form_refuse(e, n, "an axis outside of its input", err);
        }
        all[axis] = pads[i];
        all[rank + axis] = pads[axis_count + i];
    }
    n->inputs[1] = build_i64s(&e->b, (size_t)rank * 2, all);
    n->input_count = n->inputs[2] == VALUE_NONE ? 2 : 3;
    return ACCEL_OK;
}

/* Opset 20 renamed GridSample's modes and gave it volumes. */
accel_status form_grid_sample_modes(editor *e, graph_node *n, accel_error *err) {
    const char *mode = node_attr_string(n, "mode", "linear");
    const char *old = strcmp(mode, "linear") == 0  ? "bilinear"
                      : strcmp(mode, "cubic") == 0 ? "bicubic"
                                                   : mode;
    graph_attr attr = {.name = "mode", .kind = ATTR_STRING, .s = old, .s_length = strlen(old)};
    detach(e, n);
    return node_set_attr(e->g, n, &attr, err);
}

static bool all_ones(const graph_attr *a) {
    for (size_t i = 0; a && i < a->count; i++) {
        if (a->ints[i] != 1) {
            return false;
        }
    }
    return true;
}

/* Attributes that came later go where they hold their default; else the node cannot be said in the older opset. */
accel_status form_drop_new_attrs(editor *e, graph_node *n, accel_error *err) {
    static const struct {
        const char *op_type, *attr;
        int64_t fallback;
    } ints[] = {{"Resize", "antialias", 0},
                {"QuantizeLinear", "block_size", 0},
                {"DequantizeLinear", "block_size", 0},
                {"QuantizeLinear", "output_dtype", 0},
                {"QuantizeLinear", "precision", 0},
                {"DequantizeLinear", "output_dtype", 0},
                {"QuantizeLinear", "saturate", 1}};
    for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++) {
        if (strcmp(n->op_type, ints[i].op_type) == 0 &&
            node_attr_int(n, ints[i].attr, ints[i].fallback) != ints[i].fallback) {
            return form_refuse(e, n, ints[i].attr, err);
        }
        if (strcmp(n->op_type, ints[i].op_type) == 0) {
            node_remove_attr(n, ints[i].attr);
        }
    }
    if (node_is(n, "Resize")) {
        if (node_attr(n, "axes") ||
            strcmp(node_attr_string(n, "keep_aspect_ratio_policy", "stretch"), "stretch") != 0) {
            return form_refuse(e, n, "axes or an aspect ratio policy", err);
        }
        node_remove_attr(n, "keep_aspect_ratio_policy");
    }
    if (node_is(n, "AveragePool") && !all_ones(node_attr(n, "dilations"))) {
        return form_refuse(e, n, "dilations", err);
    }
    if (node_is(n, "AveragePool")) {
        node_remove_attr(n, "dilations");
    }
    if (node_is(n, "Cast") || node_is(n, "CastLike")) {
        node_remove_attr(n, "round_mode"); /* of float8 scales alone */
    }
    return ACCEL_OK;
}

accel_status form_too_new(editor *e, graph_node *n, accel_error *err) {
    char why[96];
    str_format(why, sizeof why, "%s is newer than its opset", n->op_type);
    return form_refuse(e, n, why, err);
}
