/* Sequences of tensors, and optional values. */
#include <string.h>

#include "graph/ops/kit.h"

/* ---- types ---------------------------------------------------------------------------------------------------------- */

static accel_status require_sequence(const op_context *c, size_t input) {
    if (!op_has_input(c, input) || c->inputs[input].type.container == CONTAINER_SEQUENCE)
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "input %d must be a sequence", (int)input);
}

static void put_sequence_type(op_context *c, size_t output, dtype type, const shape *s) {
    if (has_output(c, output))
        c->outputs[output].type = (value_type){CONTAINER_SEQUENCE, type, *s};
}

/* What is known of elements of either shape. */
static shape common_shape(const shape *a, const shape *b) {
    if (a->rank == RANK_UNKNOWN || a->rank != b->rank)
        return shape_unknown();
    shape out = *a;
    for (int i = 0; i < a->rank; i++)
        out.dims[i] = a->dims[i] == b->dims[i] ? a->dims[i] : DIM_UNKNOWN;
    return out;
}

static const op_sequence *sequence_of(const op_context *c, size_t input) {
    static const op_sequence empty = {0, NULL};
    return c->inputs[input].data ? c->inputs[input].data : &empty;
}

/* The position input, counted from the back when negative, in [0, limit]; the fallback when it is omitted. */
static accel_status read_position(const op_context *c, size_t input, int64_t count, int64_t limit,
                                  int64_t fallback, int64_t *out) {
    int64_t position = input_i64_at(c, input, 0, fallback);
    if (position < 0)
        position += count;
    if (position < 0 || position > limit)
        return op_fail(c, ACCEL_BAD_GRAPH, "position %lld is outside a sequence of %lld",
                       (long long)input_i64_at(c, input, 0, 0), (long long)count);
    *out = position;
    return ACCEL_OK;
}

static tensor tensor_of(const op_value *v) {
    tensor t = {.type = v->type.type, .shape = v->type.shape};
    memcpy(&t.data, &v->data, sizeof t.data); /* a view: nobody writes through it */
    dtype_size_bytes(t.type, op_elements(v), &t.size_bytes);
    return t;
}

/* ---- making sequences -------------------------------------------------------------------------------------------------- */

static const op_attr_def empty_attrs[] = {{"dtype", ATTR_INT, false, "1 (float32)"}};

static accel_status empty_infer(op_context *c) {
    dtype type = dtype_from_onnx(op_attr_int(c, "dtype", DTYPE_F32));
    shape any = shape_unknown();
    if (type == DTYPE_UNDEFINED)
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute dtype is not an element type");
    put_sequence_type(c, 0, type, &any);
    return ACCEL_OK;
}

static accel_status empty_eval(op_context *c) {
    return c->services->set_sequence(c, 0, NULL, 0);
}

static accel_status construct_infer(op_context *c) {
    ACCEL_TRY(require_all_same(c, 0, TYPES_ANY));
    shape all = *input_shape(c, 0);
    for (size_t i = 1; i < c->input_count; i++)
        all = common_shape(&all, input_shape(c, i));
    put_sequence_type(c, 0, input_type(c, 0), &all);
    return ACCEL_OK;
}

static accel_status construct_eval(op_context *c) {
    tensor *items = SCRATCH(c, tensor, (int64_t)c->input_count);
    if (!items)
        return ACCEL_OUT_OF_MEMORY;
    for (size_t i = 0; i < c->input_count; i++)
        items[i] = tensor_of(&c->inputs[i]);
    return c->services->set_sequence(c, 0, items, c->input_count);
}

/* ---- reading and changing them -------------------------------------------------------------------------------------------- */

static accel_status length_infer(op_context *c) {
    shape scalar = {.rank = 0};
    ACCEL_TRY(require_sequence(c, 0));
    put_output(c, 0, DTYPE_I64, &scalar);
    return ACCEL_OK;
}

static accel_status length_eval(op_context *c) {
    *(int64_t *)c->output_data[0] = (int64_t)sequence_of(c, 0)->count;
    return ACCEL_OK;
}

static accel_status at_infer(op_context *c) {
    ACCEL_TRY(require_sequence(c, 0));
    ACCEL_TRY(require_type(c, 1, TYPES_INDEX));
    ACCEL_TRY(require_one_element(c, 1));
    /* The shape of all elements is that of this one where it is known, but a sequence's shape is a promise of the file
     * only: the element decides. */
    put_unknown(c, 0, input_type(c, 0));
    return ACCEL_OK;
}

static accel_status at_eval(op_context *c) {
    const op_sequence *s = sequence_of(c, 0);
    int64_t position, count = (int64_t)s->count;
    ACCEL_TRY(read_position(c, 1, count, count - 1, 0, &position));
    op_value v = value_of_tensor(&s->items[position]);
    return put_value(c, 0, &v);
}

static accel_status insert_infer(op_context *c) {
    ACCEL_TRY(require_sequence(c, 0));
    ACCEL_TRY(require_type(c, 1, TYPES_ANY));
    ACCEL_TRY(require_same_type(c, 0, 1));
    ACCEL_TRY(require_type(c, 2, TYPES_INDEX));
    ACCEL_TRY(require_one_element(c, 2));
    shape any = shape_unknown();
    put_sequence_type(c, 0, input_type(c, 1), &any);
    return ACCEL_OK;
}

static accel_status insert_eval(op_context *c) {
    const op_sequence *s = sequence_of(c, 0);
    int64_t position, count = (int64_t)s->count;
    ACCEL_TRY(read_position(c, 2, count, count, count, &position));
    tensor *items = SCRATCH(c, tensor, count + 1);
    if (!items)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i <= count; i++)
        items[i] = i == position ? tensor_of(&c->inputs[1]) : s->items[i - (i > position)];
    return c->services->set_sequence(c, 0, items, (size_t)count + 1);
}

static accel_status erase_infer(op_context *c) {
    ACCEL_TRY(require_sequence(c, 0));
    ACCEL_TRY(require_type(c, 1, TYPES_INDEX));
    ACCEL_TRY(require_one_element(c, 1));
    put_sequence_type(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status erase_eval(op_context *c) {
    const op_sequence *s = sequence_of(c, 0);
    int64_t position, count = (int64_t)s->count;
    ACCEL_TRY(read_position(c, 1, count, count - 1, count - 1, &position));
    tensor *items = SCRATCH(c, tensor, count);
    if (!items)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < count - 1; i++)
        items[i] = s->items[i + (i >= position)];
    return c->services->set_sequence(c, 0, items, (size_t)(count - 1));
}

/* ---- ConcatFromSequence ------------------------------------------------------------------------------------------------------ */

static const op_attr_def concat_attrs[] = {{"axis", ATTR_INT, true, NULL},
                                           {"new_axis", ATTR_INT, false, "0"}};

static accel_status concat_infer(op_context *c) {
    ACCEL_TRY(require_sequence(c, 0));
    put_unknown(c, 0, input_type(c, 0));
    return ACCEL_OK;
}

/* The result's shape; elements must have one rank and agree except along the axis. */
static accel_status concat_shape(const op_context *c, const op_sequence *s, bool fresh, int *axis,
                                 shape *out) {
    if (s->count == 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "an empty sequence has nothing to join");
    const shape *first = &s->items[0].shape;
    if (first->rank + fresh > TENSOR_MAX_RANK)
        return op_fail(c, ACCEL_LIMIT, "the rank of the result is above the limit");
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), first->rank + fresh, axis));
    int64_t length = 0;
    for (size_t i = 0; i < s->count; i++) {
        const shape *item = &s->items[i].shape;
        bool agrees = item->rank == first->rank && s->items[i].type == s->items[0].type;
        for (int d = 0; agrees && d < item->rank; d++)
            agrees = item->dims[d] == first->dims[d] || (d == *axis && !fresh);
        if (!agrees)
            return op_fail(c, ACCEL_BAD_GRAPH, "the elements of the sequence do not fit together");
        length += fresh ? 1 : item->dims[*axis];
    }
    *out = (shape){.rank = first->rank + fresh};
    for (int d = 0; d < out->rank; d++)
        out->dims[d] = d == *axis ? length : first->dims[d - (fresh && d > *axis)];
    return ACCEL_OK;
}

static accel_status concat_eval(op_context *c) {
    const op_sequence *s = sequence_of(c, 0);
    bool fresh = op_attr_int(c, "new_axis", 0) != 0;
    int axis;
    shape out;
    ACCEL_TRY(concat_shape(c, s, fresh, &axis, &out));
    if (dtype_bits(s->items[0].type) < 8)
        return op_fail(c, ACCEL_UNSUPPORTED, "sequences of packed elements cannot be joined");
    ACCEL_TRY(op_allocate_output(c, 0, &out));
    axis_split whole = split_at(&out, axis);
    size_t bytes = movable_bytes(s->items[0].type), line = (size_t)(whole.length * whole.inner) * bytes,
           at = 0;
    for (size_t i = 0; i < s->count; i++) {
        size_t part = (size_t)((fresh ? 1 : s->items[i].shape.dims[axis]) * whole.inner) * bytes;
        for (int64_t o = 0; o < whole.outer && part > 0; o++)
            memcpy((uint8_t *)c->output_data[0] + (size_t)o * line + at,
                   (const uint8_t *)s->items[i].data + (size_t)o * part, part);
        at += part;
    }
    return ACCEL_OK;
}

/* ---- SplitToSequence ------------------------------------------------------------------------------------------------------------ */

static const op_attr_def split_attrs[] = {{"axis", ATTR_INT, false, "0"}, {"keepdims", ATTR_INT, false, "1"}};

static accel_status split_infer(op_context *c) {
    int axis;
    ACCEL_TRY(require_type(c, 0, TYPES_ANY & ~TYPES_SUB_BYTE));
    ACCEL_TRY(require_type(c, 1, TYPES_INDEX));
    ACCEL_TRY(require_rank(c, 0, 1, TENSOR_MAX_RANK));
    ACCEL_TRY(require_rank(c, 1, 0, 1));
    if (input_rank(c, 0) != RANK_UNKNOWN)
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), input_rank(c, 0), &axis));
    shape any = shape_unknown();
    put_sequence_type(c, 0, input_type(c, 0), &any);
    return ACCEL_OK;
}

/* Length of part i of an axis of `dim`, starting at `start`. */
static accel_status part_length(const op_context *c, int64_t i, int64_t start, int64_t dim, int64_t *out) {
    bool list = op_has_input(c, 1) && input_rank(c, 1) == 1;
    int64_t length = input_i64_at(c, 1, list ? i : 0, list ? 0 : 1);
    if (length < 0 || (!list && length == 0) || (list && length > dim - start))
        return op_fail(c, ACCEL_BAD_GRAPH, "a part of %lld", (long long)length);
    *out = length > dim - start ? dim - start : length;
    return ACCEL_OK;
}

static accel_status take_part(op_context *c, int axis, int64_t start, int64_t length, bool drop,
                              tensor *out) {
    const shape *in = input_shape(c, 0);
    axis_split s = split_at(in, axis);
    size_t bytes = movable_bytes(input_type(c, 0)), part = (size_t)(length * s.inner) * bytes;
    *out = (tensor){.type = input_type(c, 0), .shape = *in, .size_bytes = part * (size_t)s.outer};
    out->shape.dims[axis] = length;
    if (drop) {
        memmove(out->shape.dims + axis, out->shape.dims + axis + 1,
                (size_t)(in->rank - axis - 1) * sizeof(int64_t));
        out->shape.rank--;
    }
    out->data = SCRATCH(c, uint8_t, (int64_t)out->size_bytes);
    if (!out->data)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t o = 0; o < s.outer && part > 0; o++)
        memcpy((uint8_t *)out->data + (size_t)o * part,
               (const uint8_t *)c->inputs[0].data + (size_t)((o * s.length + start) * s.inner) * bytes, part);
    return ACCEL_OK;
}

static accel_status split_eval(op_context *c) {
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), input_rank(c, 0), &axis));
    int64_t dim = input_dim(c, 0, axis), start = 0, count = 0;
    bool list = op_has_input(c, 1) && input_rank(c, 1) == 1,
         drop = !op_has_input(c, 1) && op_attr_int(c, "keepdims", 1) == 0;
    int64_t most = list ? op_elements(&c->inputs[1]) : dim;
    tensor *items = SCRATCH(c, tensor, most);
    if (!items)
        return ACCEL_OUT_OF_MEMORY;
    while (list ? count < most : start < dim) {
        int64_t length = 0;
        ACCEL_TRY(part_length(c, count, start, dim, &length));
        ACCEL_TRY(take_part(c, axis, start, length, drop, &items[count++]));
        start += length;
    }
    if (start != dim)
        return op_fail(c, ACCEL_BAD_GRAPH, "the parts add up to %lld, the axis has %lld", (long long)start,
                       (long long)dim);
    return c->services->set_sequence(c, 0, items, (size_t)count);
}

/* ---- optionals ------------------------------------------------------------------------------------------------------------------- */

static const op_attr_def optional_attrs[] = {{"type", ATTR_OTHER, false, "of the input"}};

static accel_status optional_infer(op_context *c) {
    value_type type = {.container = CONTAINER_OPTIONAL, .shape = shape_unknown()};
    if (op_has_input(c, 0)) {
        type = c->inputs[0].type;
        type.container =
            type.container == CONTAINER_SEQUENCE ? CONTAINER_OPTIONAL_SEQUENCE : CONTAINER_OPTIONAL;
    }
    if (has_output(c, 0))
        c->outputs[0].type = type;
    return ACCEL_OK;
}

static accel_status optional_eval(op_context *c) {
    return op_has_input(c, 0) ? put_value(c, 0, &c->inputs[0]) : ACCEL_OK;
}

static accel_status has_element_infer(op_context *c) {
    shape scalar = {.rank = 0};
    put_output(c, 0, DTYPE_BOOL, &scalar);
    return ACCEL_OK;
}

static accel_status has_element_eval(op_context *c) {
    *(uint8_t *)c->output_data[0] = op_has_input(c, 0) && c->inputs[0].data != NULL;
    return ACCEL_OK;
}

static accel_status get_element_infer(op_context *c) {
    value_type type = c->inputs[0].type;
    bool sequence = type.container == CONTAINER_SEQUENCE || type.container == CONTAINER_OPTIONAL_SEQUENCE;
    type.container = sequence ? CONTAINER_SEQUENCE : CONTAINER_TENSOR;
    if (has_output(c, 0))
        c->outputs[0].type = type;
    return ACCEL_OK;
}

static accel_status get_element_eval(op_context *c) {
    if (!c->inputs[0].data)
        return op_fail(c, ACCEL_BAD_GRAPH, "the optional is empty");
    return put_value(c, 0, &c->inputs[0]);
}

static const op_def sequence_ops[] = {
    {"", "SequenceEmpty", 0, 0, 1, 1, 0, OPS_LIST(empty_attrs), empty_infer, NULL, empty_eval},
    {"", "SequenceConstruct", 1, OP_VARIADIC, 1, 1, 0, OPS_NONE, construct_infer, NULL, construct_eval},
    {"", "SequenceLength", 1, 1, 1, 1, 0, OPS_NONE, length_infer, NULL, length_eval},
    {"", "SequenceAt", 2, 2, 1, 1, 0, OPS_NONE, at_infer, NULL, at_eval},
    {"", "SequenceInsert", 2, 3, 1, 1, 0, OPS_NONE, insert_infer, NULL, insert_eval},
    {"", "SequenceErase", 1, 2, 1, 1, 0, OPS_NONE, erase_infer, NULL, erase_eval},
    {"", "ConcatFromSequence", 1, 1, 1, 1, 0, OPS_LIST(concat_attrs), concat_infer, NULL, concat_eval},
    {"", "SplitToSequence", 1, 2, 1, 1, 0, OPS_LIST(split_attrs), split_infer, NULL, split_eval},
    {"", "Optional", 0, 1, 1, 1, 0, OPS_LIST(optional_attrs), optional_infer, NULL, optional_eval},
    {"", "OptionalHasElement", 0, 1, 1, 1, 0, OPS_NONE, has_element_infer, NULL, has_element_eval},
    {"", "OptionalGetElement", 1, 1, 1, 1, 0, OPS_NONE, get_element_infer, NULL, get_element_eval},
};
OPS_FAMILY(sequence, sequence_ops);
