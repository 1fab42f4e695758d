/* Operators that make tensors out of attributes or a few numbers. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

/* ---- Constant --------------------------------------------------------------------------------------------------------- */

static const op_attr_def constant_attrs[] = {
    {"value", ATTR_TENSOR, false, NULL},          {"value_float", ATTR_FLOAT, false, NULL},
    {"value_floats", ATTR_FLOATS, false, NULL},   {"value_int", ATTR_INT, false, NULL},
    {"value_ints", ATTR_INTS, false, NULL},       {"value_string", ATTR_STRING, false, NULL},
    {"value_strings", ATTR_STRINGS, false, NULL}, {"sparse_value", ATTR_OTHER, false, NULL},
};

static accel_status constant_infer(op_context *c) {
    shape scalar = {.rank = 0};
    for (size_t i = 0; i < c->op->attr_count; i++) {
        const graph_attr *a = op_attr(c, c->op->attrs[i].name);
        if (!a)
            continue;
        shape list = {.rank = 1, .dims = {(int64_t)a->count}};
        switch (a->kind) {
        case ATTR_TENSOR:
            put_output(c, 0, a->tensor.type, &a->tensor.shape);
            return ACCEL_OK;
        case ATTR_FLOAT:
            put_output(c, 0, DTYPE_F32, &scalar);
            return ACCEL_OK;
        case ATTR_INT:
            put_output(c, 0, DTYPE_I64, &scalar);
            return ACCEL_OK;
        case ATTR_FLOATS:
            put_output(c, 0, DTYPE_F32, &list);
            return ACCEL_OK;
        case ATTR_INTS:
            put_output(c, 0, DTYPE_I64, &list);
            return ACCEL_OK;
        default:
            return op_fail(c, ACCEL_UNSUPPORTED, "a constant of strings or sparse elements is not supported");
        }
    }
    return op_fail(c, ACCEL_BAD_GRAPH, "the value is missing");
}

static accel_status constant_eval(op_context *c) {
    for (size_t i = 0; i < c->op->attr_count; i++) {
        const graph_attr *a = op_attr(c, c->op->attrs[i].name);
        if (!a)
            continue;
        void *out = c->output_data[0];
        if (a->kind == ATTR_TENSOR && a->tensor.size_bytes)
            memcpy(out, a->tensor.data, a->tensor.size_bytes);
        if (a->kind == ATTR_FLOAT)
            store_f64(DTYPE_F32, out, 0, 1, 1, &a->f);
        if (a->kind == ATTR_INT)
            store_i64(DTYPE_I64, out, 0, 1, 1, &a->i);
        if (a->kind == ATTR_FLOATS)
            store_f64(DTYPE_F32, out, 0, 1, (int64_t)a->count, a->floats);
        if (a->kind == ATTR_INTS)
            store_i64(DTYPE_I64, out, 0, 1, (int64_t)a->count, a->ints);
        return ACCEL_OK;
    }
    return ACCEL_OK;
}

/* ---- ConstantOfShape ---------------------------------------------------------------------------------------------------- */

static const op_attr_def constant_of_shape_attrs[] = {{"value", ATTR_TENSOR, false, "0.0 in float32"}};

static accel_status constant_of_shape_infer(op_context *c) {
    const int64_t *dims;
    size_t count;
    bool known;
    const graph_attr *a = op_attr(c, "value");
    int64_t elements = 1;
    if (a && (a->kind != ATTR_TENSOR || !shape_elements(&a->tensor.shape, &elements) || elements != 1))
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute value must be a tensor of one element");
    ACCEL_TRY(require_type(c, 0, TYPES_I64));
    ACCEL_TRY(require_rank(c, 0, 1, 1));
    ACCEL_TRY(op_input_ints(c, 0, &dims, &count, &known));
    shape out = shape_unknown();
    if (known)
        ACCEL_TRY(shape_from_ints(c, dims, count, &out));
    else if (input_rank(c, 0) == 1 && input_dim(c, 0, 0) >= 0 && input_dim(c, 0, 0) <= TENSOR_MAX_RANK)
        out = shape_of_rank((int)input_dim(c, 0, 0));
    dtype type = a ? a->tensor.type : DTYPE_F32;
    if (!(TYPES_ANY & TYPE_BIT(type)))
        return op_fail(c, ACCEL_UNSUPPORTED, "a value of %s is not supported", dtype_name(type));
    put_output(c, 0, type, &out);
    return ACCEL_OK;
}

static accel_status constant_of_shape_eval(op_context *c) {
    const graph_attr *a = op_attr(c, "value");
    dtype type = c->outputs[0].type.type;
    int64_t count = output_elements(c, 0);
    size_t bytes = movable_bytes(type);
    uint8_t *out = movable_output(c, 0);
    if (!out)
        return ACCEL_OUT_OF_MEMORY;
    dtype raw = type == DTYPE_F4E2M1 ? DTYPE_U4 : type;
    uint8_t value[16] = {0};
    if (a && dtype_bits(type) < 8)
        value[0] = (uint8_t)dtype_get_i64(raw, a->tensor.data, 0);
    else if (a)
        memcpy(value, a->tensor.data, bytes);
    for (int64_t i = 0; i < count; i++)
        memcpy(out + (size_t)i * bytes, value, bytes);
    movable_finish(c, 0, out);
    return ACCEL_OK;
}

/* ---- Range ---------------------------------------------------------------------------------------------------------------- */

static const op_attr_def range_attrs[] = {{"stash_type", ATTR_INT, false, "1"}};

#define RANGE_TYPES (TYPES_FLOAT | TYPE_BIT(DTYPE_I16) | TYPE_BIT(DTYPE_I32) | TYPE_BIT(DTYPE_I64))

/* How many: max(ceil((limit - start) / delta), 0). */
static accel_status range_count(const op_context *c, int64_t *out) {
    double count;
    if (dtype_is_integer(input_type(c, 0))) {
        int64_t start = input_i64_at(c, 0, 0, 0), limit = input_i64_at(c, 1, 0, 0),
                delta = input_i64_at(c, 2, 0, 1), room;
        if (delta == 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "a step of 0");
        if (__builtin_sub_overflow(limit, start, &room) || room == INT64_MIN)
            return op_fail(c, ACCEL_LIMIT, "the range is too long");
        *out = room == 0 || (room > 0) != (delta > 0) ? 0
               : delta == -1                          ? -room
                                                      : room / delta + (room % delta != 0);
        return ACCEL_OK;
    }
    double start = input_f64_at(c, 0, 0, 0), limit = input_f64_at(c, 1, 0, 0),
           delta = input_f64_at(c, 2, 0, 1);
    count = ceil((limit - start) / delta);
    if (delta == 0 || isnan(count))
        return op_fail(c, ACCEL_BAD_GRAPH, "the range has no end");
    if (count > 1e15)
        return op_fail(c, ACCEL_LIMIT, "the range is too long");
    *out = count > 0 ? (int64_t)count : 0;
    return ACCEL_OK;
}

static accel_status range_infer(op_context *c) {
    ACCEL_TRY(require_all_same(c, 0, RANGE_TYPES));
    bool known = true;
    for (size_t i = 0; i < 3; i++) {
        ACCEL_TRY(require_one_element(c, i));
        known = known && c->inputs[i].data && input_is_static(c, i);
    }
    shape out = {.rank = 1, .dims = {DIM_UNKNOWN}};
    if (known)
        ACCEL_TRY(range_count(c, &out.dims[0]));
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status range_eval(op_context *c) {
    dtype type = input_type(c, 0);
    int64_t count = output_elements(c, 0);
    if (dtype_is_integer(type)) {
        uint64_t start = (uint64_t)input_i64_at(c, 0, 0, 0), delta = (uint64_t)input_i64_at(c, 2, 0, 1);
        for (int64_t i = 0; i < count; i++)
            dtype_set_i64(type, c->output_data[0], (size_t)i, (int64_t)(start + (uint64_t)i * delta));
        return ACCEL_OK;
    }
    double start = input_f64_at(c, 0, 0, 0), delta = input_f64_at(c, 2, 0, 1);
    for (int64_t i = 0; i < count; i++)
        dtype_set_f64(type, c->output_data[0], (size_t)i, start + (double)i * delta);
    return ACCEL_OK;
}

/* ---- EyeLike ---------------------------------------------------------------------------------------------------------------- */

static const op_attr_def eye_attrs[] = {{"dtype", ATTR_INT, false, "as the input"},
                                        {"k", ATTR_INT, false, "0"}};

static accel_status eye_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_NUMBER | TYPES_BOOL));
    ACCEL_TRY(require_rank(c, 0, 2, 2));
    dtype type = input_type(c, 0);
    if (op_attr(c, "dtype"))
        type = dtype_from_onnx(op_attr_int(c, "dtype", 0));
    if (op_attr(c, "dtype") && !((TYPES_NUMBER | TYPES_BOOL) & TYPE_BIT(type)))
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute dtype is %lld", (long long)op_attr_int(c, "dtype", 0));
    put_output(c, 0, type, input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status eye_eval(op_context *c) {
    const shape *s = &c->outputs[0].type.shape;
    int64_t rows = s->dims[0], columns = s->dims[1], k = op_attr_int(c, "k", 0);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++)
            dtype_set_i64(c->outputs[0].type.type, c->output_data[0], (size_t)(i * columns + j), j - i == k);
    }
    return ACCEL_OK;
}

static const op_def create_ops[] = {
    {"", "Constant", 0, 0, 1, 1, 0, OPS_LIST(constant_attrs), constant_infer, NULL, constant_eval},
    {"", "ConstantOfShape", 1, 1, 1, 1, OP_DATA_MOVEMENT, OPS_LIST(constant_of_shape_attrs),
     constant_of_shape_infer, NULL, constant_of_shape_eval},
    {"", "Range", 3, 3, 1, 1, 0, OPS_LIST(range_attrs), range_infer, NULL, range_eval},
    {"", "EyeLike", 1, 1, 1, 1, OP_SHAPE_ONLY, OPS_LIST(eye_attrs), eye_infer, NULL, eye_eval},
};
OPS_FAMILY(create, create_ops);
