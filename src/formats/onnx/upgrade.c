/* Older forms of operators to the newest, node by node, while a file is read: engines see one form of
 * each.
 *
 * The table at the end says for each operator below which opset a rewrite applies. A node passes through
 * it from top to bottom, so that a rewrite may rely on those above it and may leave an operator of another
 * name for those below. */
#include <string.h>

#include "formats/onnx/import.h"

static accel_status refuse(import_scope *s, const char *reason) {
    return error_set(s->state->err, ACCEL_UNSUPPORTED, "%s", reason);
}

/* ---- attributes --------------------------------------------------------------------------------------- */

static graph_attr *find_attr(import_node *n, const char *name) {
    for (size_t i = 0; i < n->attr_count; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            return &n->attrs[i];
    return NULL;
}

/* Removes the attribute and hands it over; false when the node has none of this name. */
static bool take_attr(import_node *n, const char *name, graph_attr *out) {
    graph_attr *a = find_attr(n, name);
    if (!a)
        return false;
    *out = *a;
    *a = n->attrs[--n->attr_count];
    return true;
}

static int64_t take_int(import_node *n, const char *name, int64_t fallback) {
    graph_attr a;
    return take_attr(n, name, &a) && a.kind == ATTR_INT ? a.i : fallback;
}

/* Replaces or adds. A rewrite adds at most IMPORT_SPARE_ATTRS. */
static void put_attr(import_node *n, graph_attr a) {
    graph_attr *there = find_attr(n, a.name);
    *(there ? there : &n->attrs[n->attr_count++]) = a;
}

static void put_int(import_node *n, const char *name, int64_t value) {
    put_attr(n, (graph_attr){.name = name, .kind = ATTR_INT, .i = value});
}

static void put_string(import_node *n, const char *name, const char *value) {
    put_attr(n, (graph_attr){.name = name, .kind = ATTR_STRING, .s = value, .s_length = strlen(value)});
}

static bool has_string(import_node *n, const char *name, const char *value) {
    const graph_attr *a = find_attr(n, name);
    return a && a->kind == ATTR_STRING && strcmp(a->s, value) == 0;
}

/* ---- inputs and new values ---------------------------------------------------------------------------- */

static bool has_input(const import_node *n, size_t index) {
    return index < n->input_count && n->inputs[index] != VALUE_NONE;
}

/* Sets an input beyond those that the node has; those between are omitted ones. index <
 * IMPORT_SPARE_INPUTS. */
static void put_input(import_node *n, size_t index, value_id v) {
    while (n->input_count <= index)
        n->inputs[n->input_count++] = VALUE_NONE;
    n->inputs[index] = v;
}

static const char *part_name(import_scope *s, const import_node *n, const char *part) {
    return arena_printf(s->state->memory, "%s/%s", n->output_count ? n->outputs[0] : n->op_type, part);
}

static accel_status add_constant(import_scope *s, const import_node *n, const char *part, dtype type,
                                 const shape *dims, const void *bytes, value_id *out) {
    const char *name = part_name(s, n, part);
    if (!name)
        return import_no_memory(s->state);
    return graph_add_constant(s->graph, name, type, dims, bytes, out, s->state->err);
}

static accel_status add_i64s(import_scope *s, const import_node *n, const char *part, const int64_t *values,
                             size_t count, value_id *out) {
    shape dims = shape_make(1, (const int64_t[]){(int64_t)count});
    return add_constant(s, n, part, DTYPE_I64, &dims, count ? (const void *)values : "", out);
}

/* A scalar of the type of a value, float32 where that is not known. */
static accel_status add_scalar_like(import_scope *s, const import_node *n, const char *part, value_id like,
                                    double value, value_id *out) {
    dtype type = import_type(s, like)->type;
    if (!dtype_is_float(type) && !dtype_is_integer(type))
        type = DTYPE_F32;
    uint8_t bytes[16] = {0};
    shape dims = shape_make(0, NULL);
    dtype_set_f64(type, bytes, 0, value);
    return add_constant(s, n, part, type, &dims, bytes, out);
}

/* A node before this one, with one output. */
static accel_status emit_before(import_scope *s, const import_node *n, const char *op_type, value_id *inputs,
                                size_t input_count, graph_attr *attrs, size_t attr_count, value_id *out) {
    const char *output = part_name(s, n, op_type);
    if (!output)
        return import_no_memory(s->state);
    import_node before = {.domain = "",
                          .op_type = op_type,
                          .name = output,
                          .inputs = inputs,
                          .input_count = input_count,
                          .outputs = &output,
                          .output_count = 1,
                          .attrs = attrs,
                          .attr_count = attr_count};
    return import_emit(s, &before, out);
}

/* An attribute of integers becomes an input. */
static accel_status ints_to_input(import_scope *s, import_node *n, const char *name, size_t index) {
    graph_attr a;
    value_id v;
    if (!take_attr(n, name, &a))
        return ACCEL_OK;
    if (a.kind == ATTR_INT) {
        ACCEL_TRY(add_i64s(s, n, name, &a.i, 1, &v));
    } else if (a.kind == ATTR_INTS) {
        ACCEL_TRY(add_i64s(s, n, name, a.ints, a.count, &v));
    } else {
        return error_set(s->state->err, ACCEL_BAD_GRAPH, "attribute '%s' must be a list of integers", name);
    }
    put_input(n, index, v);
    return ACCEL_OK;
}

/* An attribute that is a number becomes a scalar input of the type of input 0. */
static accel_status float_to_input(import_scope *s, import_node *n, const char *name, size_t index) {
    graph_attr a;
    value_id v;
    if (!take_attr(n, name, &a))
        return ACCEL_OK;
    if (a.kind != ATTR_FLOAT)
        return error_set(s->state->err, ACCEL_BAD_GRAPH, "attribute '%s' must be a number", name);
    ACCEL_TRY(add_scalar_like(s, n, name, n->input_count ? n->inputs[0] : VALUE_NONE, a.f, &v));
    put_input(n, index, v);
    return ACCEL_OK;
}

/* ---- rewrites: arithmetic ----------------------------------------------------------------------------- */

static accel_status unsqueeze_input(import_scope *s, import_node *n, size_t index, int first, int count) {
    int64_t axes[TENSOR_MAX_RANK];
    value_id inputs[2] = {n->inputs[index]};
    for (int i = 0; i < count; i++)
        axes[i] = first + i;
    ACCEL_TRY(add_i64s(s, n, "axes", axes, (size_t)count, &inputs[1]));
    return emit_before(s, n, "Unsqueeze", inputs, 2, NULL, 0, &n->inputs[index]);
}

/* Before opset 7, B's dims stood under those of A from `axis` on. Later B's stand under A's last ones: so
 * B gets ones behind. */
static accel_status broadcast_axis(import_scope *s, import_node *n) {
    graph_attr given;
    int64_t broadcast = take_int(n, "broadcast", 0);
    bool has_axis = take_attr(n, "axis", &given) && given.kind == ATTR_INT;
    if (!broadcast || !has_axis || !has_input(n, 0) || !has_input(n, 1))
        return ACCEL_OK;
    int a = import_type(s, n->inputs[0])->shape.rank, b = import_type(s, n->inputs[1])->shape.rank, axis;
    if (a == RANK_UNKNOWN || b == RANK_UNKNOWN)
        return refuse(s, "it broadcasts from an axis (a form older than opset 7), and the ranks of its "
                         "inputs are not known");
    if (!shape_axis(given.i, a, &axis) || axis + b > a)
        return error_set(s->state->err, ACCEL_BAD_GRAPH,
                         "its second input, of rank %d, does not fit at axis %lld of rank %d", b,
                         (long long)given.i, a);
    return axis + b == a ? ACCEL_OK : unsqueeze_input(s, n, 1, b, a - axis - b);
}

static accel_status drop_broadcast(import_scope *s, import_node *n) {
    (void)s;
    take_int(n, "broadcast", 0);
    return ACCEL_OK;
}

/* Before opset 7 a slope of [C] belonged to axis 1. */
static accel_status prelu_channels(import_scope *s, import_node *n) {
    if (!has_input(n, 0) || !has_input(n, 1))
        return ACCEL_OK;
    const shape *x = &import_type(s, n->inputs[0])->shape, *slope = &import_type(s, n->inputs[1])->shape;
    if (x->rank <= 2 || slope->rank != 1 || slope->dims[0] == 1)
        return ACCEL_OK;
    return unsqueeze_input(s, n, 1, 1, x->rank - 2);
}

static accel_status selu_defaults(import_scope *s, import_node *n) {
    (void)s;
    if (!find_attr(n, "alpha"))
        put_attr(n, (graph_attr){.name = "alpha", .kind = ATTR_FLOAT, .f = (double)1.6732f});
    if (!find_attr(n, "gamma"))
        put_attr(n, (graph_attr){.name = "gamma", .kind = ATTR_FLOAT, .f = (double)1.0507f});
    return ACCEL_OK;
}

static accel_status cast_by_name(import_scope *s, import_node *n) {
    static const struct {
        const char *name;
        dtype type;
    } names[] = {{"FLOAT", DTYPE_F32}, {"DOUBLE", DTYPE_F64}, {"FLOAT16", DTYPE_F16}};
    const graph_attr *to = find_attr(n, "to");
    if (!to || to->kind != ATTR_STRING)
        return ACCEL_OK;
    char lower[16] = "";
    for (size_t i = 0; i + 1 < sizeof lower && to->s[i]; i++)
        lower[i] = to->s[i] >= 'A' && to->s[i] <= 'Z' ? (char)(to->s[i] - 'A' + 'a') : to->s[i];
    dtype type = dtype_from_name(lower);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, to->s) == 0)
            type = names[i].type;
    if (type == DTYPE_UNDEFINED)
        return error_set(s->state->err, ACCEL_UNSUPPORTED, "it casts to '%s', an unknown type", to->s);
    put_int(n, "to", type);
    return ACCEL_OK;
}

static accel_status clip_inputs(import_scope *s, import_node *n) {
    ACCEL_TRY(float_to_input(s, n, "min", 1));
    return float_to_input(s, n, "max", 2);
}

/* ---- rewrites: softmax -------------------------------------------------------------------------------- */

/* Whether all dims after the axis are known to be 1: then one axis and "all from the axis on" are the
 * same. */
static bool ones_after(const shape *x, int axis) {
    for (int i = axis + 1; i < x->rank; i++)
        if (x->dims[i] != 1)
            return false;
    return true;
}

/* Before opset 13 these worked on the input seen as a matrix: all dims from the axis on were one. */
static accel_status flat_softmax(import_scope *s, import_node *n) {
    int64_t given = take_int(n, "axis", 1);
    int axis;
    if (!has_input(n, 0) || n->input_count != 1 || n->output_count != 1)
        return ACCEL_OK; /* graph_check refuses it */
    const shape x = import_type(s, n->inputs[0])->shape;
    if (x.rank != RANK_UNKNOWN && given == x.rank) /* an empty row: a softmax over single elements */
        axis = x.rank;
    else if (x.rank == RANK_UNKNOWN || !shape_axis(given, x.rank, &axis))
        axis = -1;
    if (axis >= 0 && axis < x.rank && ones_after(&x, axis)) {
        put_int(n, "axis", axis);
        return ACCEL_OK;
    }
    value_id input = n->inputs[0], dims, flat, soft;
    graph_attr at = {.name = "axis", .kind = ATTR_INT, .i = axis >= 0 ? axis : given};
    graph_attr last = {.name = "axis", .kind = ATTR_INT, .i = -1};
    ACCEL_TRY(emit_before(s, n, "Shape", &input, 1, NULL, 0, &dims));
    ACCEL_TRY(emit_before(s, n, "Flatten", &input, 1, &at, 1, &flat));
    ACCEL_TRY(emit_before(s, n, n->op_type, &flat, 1, &last, 1, &soft));
    n->op_type = "Reshape";
    n->inputs[0] = soft;
    put_input(n, 1, dims);
    n->attr_count = 0;
    return ACCEL_OK;
}

/* ---- rewrites: normalisation -------------------------------------------------------------------------- */

static accel_status batch_norm(import_scope *s, import_node *n) {
    take_int(n, "is_test", 1);
    if (take_int(n, "spatial", 1) == 0)
        return refuse(s, "spatial=0 (statistics for each position) is not supported");
    for (size_t i = 1; i < n->output_count; i++)
        if (n->outputs[i][0])
            return refuse(s, "it is in training mode (it has more than one output), which is not supported "
                             "before opset 14");
    n->output_count = n->output_count ? 1 : 0;
    return ACCEL_OK;
}

static accel_status dropout(import_scope *s, import_node *n) {
    take_int(n, "is_test", 1);
    graph_attr ratio;
    value_id v;
    if (!take_attr(n, "ratio", &ratio) || ratio.kind != ATTR_FLOAT)
        return ACCEL_OK;
    float value = (float)ratio.f;
    shape scalar = shape_make(0, NULL);
    ACCEL_TRY(add_constant(s, n, "ratio", DTYPE_F32, &scalar, &value, &v));
    put_input(n, 1, v);
    return ACCEL_OK;
}

/* Opset 18 had one scale and bias a group, opset 21 has one a channel: each is repeated for the channels
 * of its group. */
static accel_status repeat_for_channels(import_scope *s, import_node *n, size_t index, int64_t groups,
                                        int64_t channels) {
    value_id inputs[2] = {n->inputs[index]}, v;
    ACCEL_TRY(add_i64s(s, n, "column", (const int64_t[]){groups, 1}, 2, &inputs[1]));
    ACCEL_TRY(emit_before(s, n, "Reshape", inputs, 2, NULL, 0, &v));
    inputs[0] = v;
    ACCEL_TRY(add_i64s(s, n, "channels", (const int64_t[]){groups, channels / groups}, 2, &inputs[1]));
    ACCEL_TRY(emit_before(s, n, "Expand", inputs, 2, NULL, 0, &v));
    inputs[0] = v;
    ACCEL_TRY(add_i64s(s, n, "flat", (const int64_t[]){channels}, 1, &inputs[1]));
    return emit_before(s, n, "Reshape", inputs, 2, NULL, 0, &n->inputs[index]);
}

static accel_status group_norm(import_scope *s, import_node *n) {
    const graph_attr *groups = find_attr(n, "num_groups");
    if (n->input_count != 3 || !has_input(n, 0) || !groups || groups->kind != ATTR_INT || groups->i < 1)
        return ACCEL_OK; /* graph_check refuses it */
    const shape *x = &import_type(s, n->inputs[0])->shape;
    if (x->rank < 2 || x->dims[1] == DIM_UNKNOWN)
        return refuse(s, "the opset 18 form of this operator needs a known number of channels");
    int64_t channels = x->dims[1];
    if (channels % groups->i != 0)
        return error_set(s->state->err, ACCEL_BAD_GRAPH, "%lld channels do not fall into %lld groups",
                         (long long)channels, (long long)groups->i);
    ACCEL_TRY(repeat_for_channels(s, n, 1, groups->i, channels));
    return repeat_for_channels(s, n, 2, groups->i, channels);
}

/* ---- rewrites: shapes and data movement --------------------------------------------------------------- */

static accel_status axes_input(import_scope *s, import_node *n) {
    return ints_to_input(s, n, "axes", 1);
}

static accel_status reshape_input(import_scope *s, import_node *n) {
    return ints_to_input(s, n, "shape", 1);
}

static accel_status slice_inputs(import_scope *s, import_node *n) {
    ACCEL_TRY(ints_to_input(s, n, "starts", 1));
    ACCEL_TRY(ints_to_input(s, n, "ends", 2));
    return ints_to_input(s, n, "axes", 3);
}

static accel_status pad_inputs(import_scope *s, import_node *n) {
    ACCEL_TRY(ints_to_input(s, n, find_attr(n, "pads") ? "pads" : "paddings", 1));
    return float_to_input(s, n, "value", 2);
}

static accel_status split_input(import_scope *s, import_node *n) {
    return ints_to_input(s, n, "split", 1);
}

/* Since opset 18 equal parts are asked for by their number. */
static accel_status split_equally(import_scope *s, import_node *n) {
    (void)s;
    if (!has_input(n, 1) && !find_attr(n, "num_outputs"))
        put_int(n, "num_outputs", (int64_t)n->output_count);
    return ACCEL_OK;
}

static accel_status top_k_input(import_scope *s, import_node *n) {
    return ints_to_input(s, n, "k", 1);
}

static accel_status concat_axis(import_scope *s, import_node *n) {
    (void)s;
    if (!find_attr(n, "axis"))
        put_int(n, "axis", 1);
    return ACCEL_OK;
}

static accel_status tile_old(import_scope *s, import_node *n) {
    (void)n;
    return refuse(s, "the form of this operator before opset 6 is not supported");
}

static accel_status scatter_name(import_scope *s, import_node *n) {
    (void)s;
    n->op_type = "ScatterElements";
    return ACCEL_OK;
}

/* ---- rewrites: images --------------------------------------------------------------------------------- */

static accel_status add_scales(import_scope *s, import_node *n, const float *scales, size_t count) {
    shape dims = shape_make(1, (const int64_t[]){(int64_t)count});
    value_id v;
    ACCEL_TRY(add_constant(s, n, "scales", DTYPE_F32, &dims, scales, &v));
    put_input(n, 1, v);
    return ACCEL_OK;
}

static accel_status upsample_scales(import_scope *s, import_node *n) {
    graph_attr scales, height, width;
    float values[TENSOR_MAX_RANK] = {1, 1, 1, 1};
    if (take_attr(n, "height_scale", &height) && take_attr(n, "width_scale", &width)) {
        values[2] = (float)height.f;
        values[3] = (float)width.f;
        return add_scales(s, n, values, 4);
    }
    if (!take_attr(n, "scales", &scales) || scales.kind != ATTR_FLOATS || scales.count > TENSOR_MAX_RANK)
        return error_set(s->state->err, ACCEL_BAD_GRAPH,
                         "attribute 'scales' must be a list of at most %d numbers", TENSOR_MAX_RANK);
    for (size_t i = 0; i < scales.count; i++)
        values[i] = (float)scales.floats[i];
    return add_scales(s, n, values, scales.count);
}

static accel_status upsample_name(import_scope *s, import_node *n) {
    (void)s;
    n->op_type = "Resize";
    if (has_string(n, "mode", "bilinear"))
        put_string(n, "mode", "linear");
    return ACCEL_OK;
}

/* Reads constant scales; false when they are not known. */
static bool constant_scales(import_scope *s, const import_node *n, float *scales, size_t *count) {
    if (!has_input(n, 1) || !graph_value_is_constant(s->graph, n->inputs[1]))
        return false;
    const graph_value *v = &s->graph->values[n->inputs[1]];
    if (v->type.type != DTYPE_F32 || v->type.shape.rank != 1 || v->type.shape.dims[0] > TENSOR_MAX_RANK)
        return false;
    *count = (size_t)v->type.shape.dims[0];
    return graph_value_read(s->graph, n->inputs[1], scales, *count * sizeof *scales, NULL) == ACCEL_OK;
}

static accel_status resize_once(import_scope *s, import_node *n, const char *nearest_mode,
                                const float *scales, size_t count) {
    if (scales)
        ACCEL_TRY(add_scales(s, n, scales, count));
    put_input(n, 2, n->input_count > 1 ? n->inputs[1] : VALUE_NONE);
    n->inputs[1] = VALUE_NONE;
    put_string(n, "coordinate_transformation_mode", "asymmetric");
    put_string(n, "nearest_mode", nearest_mode);
    return ACCEL_OK;
}

/* Opset 10: inputs X, scales; output position / scale, rounded down along axes that grow and up along
 * those that shrink (so its test cases have it). Axes of both kinds take two steps. */
static accel_status resize_asymmetric(import_scope *s, import_node *n) {
    float scales[TENSOR_MAX_RANK], grow[TENSOR_MAX_RANK], shrink[TENSOR_MAX_RANK];
    size_t count, growing = 0, shrinking = 0;
    if (has_string(n, "mode", "linear") || !constant_scales(s, n, scales, &count))
        return resize_once(s, n, "floor", NULL, 0);
    for (size_t i = 0; i < count; i++) {
        growing += scales[i] > 1;
        shrinking += scales[i] < 1;
        grow[i] = scales[i] > 1 ? scales[i] : 1;
        shrink[i] = scales[i] < 1 ? scales[i] : 1;
    }
    if (growing == 0 || shrinking == 0)
        return resize_once(s, n, shrinking ? "ceil" : "floor", NULL, 0);
    value_id first[3] = {n->inputs[0], VALUE_NONE};
    graph_attr attrs[] = {
        {.name = "coordinate_transformation_mode", .kind = ATTR_STRING, .s = "asymmetric", .s_length = 10},
        {.name = "nearest_mode", .kind = ATTR_STRING, .s = "floor", .s_length = 5}};
    ACCEL_TRY(add_scales(s, n, grow, count));
    first[2] = n->inputs[1];
    ACCEL_TRY(emit_before(s, n, "Resize", first, 3, attrs, 2, &n->inputs[0]));
    return resize_once(s, n, "ceil", shrink, count);
}

/* Opset 11 demanded all inputs: an empty tensor stood for one that is not there. */
static accel_status resize_empty_inputs(import_scope *s, import_node *n) {
    for (size_t i = 1; i < n->input_count; i++) {
        int64_t elements;
        if (has_input(n, i) && graph_value_is_constant(s->graph, n->inputs[i]) &&
            shape_elements(&s->graph->values[n->inputs[i]].type.shape, &elements) && elements == 0)
            n->inputs[i] = VALUE_NONE;
    }
    while (n->input_count && n->inputs[n->input_count - 1] == VALUE_NONE)
        n->input_count--;
    return ACCEL_OK;
}

static accel_status grid_sample_modes(import_scope *s, import_node *n) {
    (void)s;
    if (has_string(n, "mode", "bilinear"))
        put_string(n, "mode", "linear");
    else if (has_string(n, "mode", "bicubic"))
        put_string(n, "mode", "cubic");
    return ACCEL_OK;
}

static accel_status roi_align_offset(import_scope *s, import_node *n) {
    (void)s;
    put_string(n, "coordinate_transformation_mode", "output_half_pixel");
    return ACCEL_OK;
}

static accel_status integer_p(import_scope *s, import_node *n) {
    (void)s;
    const graph_attr *p = find_attr(n, "p");
    if (p && p->kind == ATTR_FLOAT)
        put_int(n, "p", (int64_t)p->f);
    return ACCEL_OK;
}

/* ---- rewrites: signals and sequences ------------------------------------------------------------------ */

static accel_status dft_axis(import_scope *s, import_node *n) {
    int64_t axis = take_int(n, "axis", 1);
    shape scalar = shape_make(0, NULL);
    value_id v;
    ACCEL_TRY(add_constant(s, n, "axis", DTYPE_I64, &scalar, &axis, &v));
    put_input(n, 2, v);
    return ACCEL_OK;
}

static accel_status rnn_output_sequence(import_scope *s, import_node *n) {
    (void)s;
    take_int(n, "output_sequence", 0);
    return ACCEL_OK;
}

/* Opset 8 ran one scan for each element of a batch. With one element that is a scan without the batch dim. */
static accel_status scan_one(import_scope *s, import_node *n, const char *const *names, value_id *made) {
    value_id axis;
    ACCEL_TRY(add_i64s(s, n, "batch", (const int64_t[]){0}, 1, &axis));
    for (size_t i = 1; i < n->input_count; i++) {
        const shape *x = &import_type(s, n->inputs[i])->shape;
        if (x->rank < 1 || x->dims[0] != 1)
            return refuse(s, "the opset 8 form of this operator is supported for a batch of one only");
        ACCEL_TRY(
            emit_before(s, n, "Squeeze", (value_id[]){n->inputs[i], axis}, 2, NULL, 0, &n->inputs[i - 1]));
    }
    n->input_count--;
    ACCEL_TRY(import_emit(s, n, made));
    for (size_t i = 0; i < n->output_count; i++) {
        if (made[i] == VALUE_NONE)
            continue;
        import_node batch = {.domain = "",
                             .op_type = "Unsqueeze",
                             .name = names[i],
                             .inputs = (value_id[]){made[i], axis},
                             .input_count = 2,
                             .outputs = (const char *[]){names[i]},
                             .output_count = 1};
        ACCEL_TRY(import_emit(s, &batch, &made[i]));
    }
    return ACCEL_OK;
}

static accel_status scan_batch(import_scope *s, import_node *n) {
    graph_attr *directions = find_attr(n, "directions");
    if (directions)
        directions->name = "scan_input_directions";
    if (n->input_count == 0 || has_input(n, 0))
        return refuse(s, "the opset 8 form of this operator with sequence lengths is not supported");
    arena *a = s->state->memory;
    const char **names = ARENA_ARRAY(a, const char *, n->output_count);
    value_id *made = ARENA_ARRAY(a, value_id, n->output_count);
    if (!names || !made)
        return import_no_memory(s->state);
    for (size_t i = 0; i < n->output_count; i++) {
        names[i] = n->outputs[i];
        if (names[i][0] && !(n->outputs[i] = arena_printf(a, "%s/Scan", names[i])))
            return import_no_memory(s->state);
    }
    ACCEL_TRY(scan_one(s, n, names, made));
    n->made = made;
    return ACCEL_OK;
}

/* ---- the table ---------------------------------------------------------------------------------------- */

typedef accel_status (*rewrite)(import_scope *s, import_node *n);

static const struct upgrade {
    const char *op_type;
    int below; /* applies to opsets older than this */
    rewrite apply;
} upgrades[] = {
    {"Selu", 6, selu_defaults},
    {"Cast", 6, cast_by_name},
    {"Tile", 6, tile_old},
    {"Concat", 4, concat_axis},
    {"Reshape", 5, reshape_input},
    {"LpPool", 2, integer_p},
    {"GlobalLpPool", 2, integer_p},
    {"Add", 7, broadcast_axis},
    {"Sub", 7, broadcast_axis},
    {"Mul", 7, broadcast_axis},
    {"Div", 7, broadcast_axis},
    {"Pow", 7, broadcast_axis},
    {"And", 7, broadcast_axis},
    {"Or", 7, broadcast_axis},
    {"Xor", 7, broadcast_axis},
    {"Equal", 7, broadcast_axis},
    {"Greater", 7, broadcast_axis},
    {"Less", 7, broadcast_axis},
    {"PRelu", 7, prelu_channels},
    {"Gemm", 7, drop_broadcast},
    {"RNN", 7, rnn_output_sequence},
    {"GRU", 7, rnn_output_sequence},
    {"LSTM", 7, rnn_output_sequence},
    {"Scan", 9, scan_batch},
    {"Upsample", 9, upsample_scales},
    {"Upsample", 11, upsample_name},
    {"Resize", 11, resize_asymmetric},
    {"Resize", 13, resize_empty_inputs},
    {"Slice", 10, slice_inputs},
    {"TopK", 10, top_k_input},
    {"Scatter", 11, scatter_name},
    {"Pad", 11, pad_inputs},
    {"Clip", 11, clip_inputs},
    {"Dropout", 12, dropout},
    {"Squeeze", 13, axes_input},
    {"Unsqueeze", 13, axes_input},
    {"ReduceSum", 13, axes_input},
    {"Split", 13, split_input},
    {"Split", 18, split_equally},
    {"Softmax", 13, flat_softmax},
    {"LogSoftmax", 13, flat_softmax},
    {"Hardmax", 13, flat_softmax},
    {"BatchNormalization", 14, batch_norm},
    {"RoiAlign", 16, roi_align_offset},
    {"ReduceL1", 18, axes_input},
    {"ReduceL2", 18, axes_input},
    {"ReduceLogSum", 18, axes_input},
    {"ReduceLogSumExp", 18, axes_input},
    {"ReduceMax", 18, axes_input},
    {"ReduceMean", 18, axes_input},
    {"ReduceMin", 18, axes_input},
    {"ReduceProd", 18, axes_input},
    {"ReduceSumSquare", 18, axes_input},
    {"GridSample", 20, grid_sample_modes},
    {"DFT", 20, dft_axis},
    {"GroupNormalization", 21, group_norm},
};

accel_status upgrade_node(import_scope *s, import_node *n) {
    graph_attr ignored;
    if (s->opset < 6)
        take_attr(n, "consumed_inputs", &ignored);
    for (size_t i = 0; i < sizeof upgrades / sizeof upgrades[0]; i++)
        if (s->opset < upgrades[i].below && strcmp(n->op_type, upgrades[i].op_type) == 0)
            ACCEL_TRY(upgrades[i].apply(s, n));
    return ACCEL_OK;
}
