/* Operators that see or change the shape and leave the elements alone. */
#include <string.h>

#include "graph/ops/kit.h"

/* ---- Shape, Size --------------------------------------------------------------------------------------------------- */

static const op_attr_def shape_attrs[] = {{"start", ATTR_INT, false, "0"}, {"end", ATTR_INT, false, "rank"}};

/* Which dims: start and end count from the back when negative and are clamped, never refused (Shape-15). */
static void shape_range(const op_context *c, int rank, int *start, int *end) {
    int64_t s = op_attr_int(c, "start", 0), e = op_attr_int(c, "end", rank);
    s += s < 0 ? rank : 0;
    e += e < 0 ? rank : 0;
    s = s < 0 ? 0 : s > rank ? rank : s;
    e = e < 0 ? 0 : e > rank ? rank : e;
    *start = (int)s;
    *end = (int)(e < s ? s : e);
}

static accel_status shape_infer(op_context *c) {
    shape out = {.rank = 1, .dims = {DIM_UNKNOWN}};
    if (input_rank(c, 0) != RANK_UNKNOWN) {
        int start, end;
        shape_range(c, input_rank(c, 0), &start, &end);
        out.dims[0] = end - start;
    }
    put_output(c, 0, DTYPE_I64, &out);
    return ACCEL_OK;
}

static accel_status shape_eval(op_context *c) {
    int start, end;
    shape_range(c, input_rank(c, 0), &start, &end);
    if (end > start)
        memcpy(c->output_data[0], input_shape(c, 0)->dims + start, (size_t)(end - start) * sizeof(int64_t));
    return ACCEL_OK;
}

static accel_status size_infer(op_context *c) {
    shape scalar = {.rank = 0};
    put_output(c, 0, DTYPE_I64, &scalar);
    return ACCEL_OK;
}

static accel_status size_eval(op_context *c) {
    *(int64_t *)c->output_data[0] = op_elements(&c->inputs[0]);
    return ACCEL_OK;
}

/* ---- Identity ------------------------------------------------------------------------------------------------------- */

static accel_status identity_infer(op_context *c) {
    if (has_output(c, 0))
        c->outputs[0].type = c->inputs[0].type;
    return ACCEL_OK;
}

static accel_status identity_eval(op_context *c) {
    return c->inputs[0].type.container == CONTAINER_TENSOR ? eval_copy(c) : put_value(c, 0, &c->inputs[0]);
}

/* ---- Reshape, Flatten, Squeeze, Unsqueeze ------------------------------------------------------------------------------ */

static const op_attr_def reshape_attrs[] = {{"allowzero", ATTR_INT, false, "0"}};
static const op_attr_def flatten_attrs[] = {{"axis", ATTR_INT, false, "1"}};

/* The elements of the input divided by the dims that are given, for the one dim of -1. */
static accel_status infer_free_dim(const op_context *c, const shape *in, shape *out, int free_dim) {
    int64_t total, rest = 1;
    for (int i = 0; i < out->rank; i++) {
        if (i == free_dim)
            continue;
        if (out->dims[i] < 0)
            return ACCEL_OK; /* to be copied from a dim that is not known yet */
        if (!checked_mul_i64(rest, out->dims[i], &rest))
            return op_fail(c, ACCEL_LIMIT, "the shape has too many elements");
    }
    if (!shape_elements(in, &total))
        return ACCEL_OK;
    if (rest == 0 ? total != 0 : total % rest != 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "%lld elements do not fit the shape", (long long)total);
    out->dims[free_dim] = rest == 0 ? 0 : total / rest;
    return ACCEL_OK;
}

static accel_status reshape_dims(const op_context *c, const int64_t *dims, size_t count, shape *out) {
    const shape *in = input_shape(c, 0);
    bool allow_zero = op_attr_int(c, "allowzero", 0) != 0;
    int free_dim = -1;
    if (count > TENSOR_MAX_RANK)
        return op_fail(c, ACCEL_LIMIT, "a rank of %d is too large", (int)count);
    *out = (shape){.rank = (int)count};
    for (int i = 0; i < (int)count; i++) {
        out->dims[i] = dims[i];
        if (dims[i] < -1 || (dims[i] == -1 && free_dim >= 0))
            return op_fail(c, ACCEL_BAD_GRAPH, "the shape holds a dim of %lld", (long long)dims[i]);
        if (dims[i] == -1)
            free_dim = i;
        if (dims[i] != 0 || allow_zero)
            continue;
        if (in->rank != RANK_UNKNOWN && i >= in->rank)
            return op_fail(c, ACCEL_BAD_GRAPH, "dim %d is to be copied from an input of rank %d", i,
                           in->rank);
        out->dims[i] = in->rank == RANK_UNKNOWN ? DIM_UNKNOWN : in->dims[i];
    }
    if (free_dim >= 0)
        return infer_free_dim(c, in, out, free_dim);
    int64_t before, after;
    if (shape_elements(in, &before) && shape_is_static(out) &&
        (!shape_elements(out, &after) || before != after))
        return op_fail(c, ACCEL_BAD_GRAPH, "%lld elements do not fit the shape", (long long)before);
    return ACCEL_OK;
}

static accel_status reshape_infer(op_context *c) {
    const int64_t *dims;
    size_t count;
    bool known;
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_rank(c, 1, 1, 1));
    ACCEL_TRY(op_input_ints(c, 1, &dims, &count, &known));
    shape out = shape_unknown();
    int64_t rank = input_rank(c, 1) == 1 ? input_dim(c, 1, 0) : DIM_UNKNOWN;
    if (known)
        ACCEL_TRY(reshape_dims(c, dims, count, &out));
    else if (rank >= 0 && rank <= TENSOR_MAX_RANK)
        out = shape_of_rank((int)rank);
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

/* DIM_UNKNOWN where a dim is; beyond the limit when the product cannot be represented (another dim may be 0). */
static accel_status known_product(const op_context *c, const int64_t *dims, int count, int64_t *out) {
    *out = 1;
    for (int i = 0; i < count && *out != DIM_UNKNOWN; i++) {
        if (dims[i] < 0)
            *out = DIM_UNKNOWN;
        else if (!checked_mul_i64(*out, dims[i], out))
            return op_fail(c, ACCEL_LIMIT, "the shape has too many elements");
    }
    return ACCEL_OK;
}

static accel_status flatten_infer(op_context *c) {
    const shape *in = input_shape(c, 0);
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    shape out = shape_of_rank(2);
    if (in->rank != RANK_UNKNOWN) {
        int64_t axis = op_attr_int(c, "axis", 1);
        axis += axis < 0 ? in->rank : 0;
        if (axis < 0 || axis > in->rank) /* axis == rank is allowed here: [n, 1] */
            return op_fail(c, ACCEL_BAD_GRAPH, "axis %lld is outside a rank of %d", (long long)axis,
                           in->rank);
        ACCEL_TRY(known_product(c, in->dims, (int)axis, &out.dims[0]));
        ACCEL_TRY(known_product(c, in->dims + axis, in->rank - (int)axis, &out.dims[1]));
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status squeeze_infer(op_context *c) {
    const shape *in = input_shape(c, 0);
    const int64_t *axes = NULL;
    size_t count = 0;
    bool known = true, gone[TENSOR_MAX_RANK] = {false};
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    if (op_has_input(c, 1))
        ACCEL_TRY(op_input_ints(c, 1, &axes, &count, &known));
    put_unknown(c, 0, input_type(c, 0));
    if (in->rank == RANK_UNKNOWN || !known)
        return ACCEL_OK;
    bool all = !op_has_input(c, 1);
    if (all && !shape_is_static(in))
        return ACCEL_OK;
    for (size_t i = 0; i < count; i++) {
        int axis;
        ACCEL_TRY(require_axis(c, axes[i], in->rank, &axis));
        if (in->dims[axis] != 1 && in->dims[axis] != DIM_UNKNOWN)
            return op_fail(c, ACCEL_BAD_GRAPH, "axis %d has %lld elements and cannot be dropped", axis,
                           (long long)in->dims[axis]);
        gone[axis] = true;
    }
    shape out = {.rank = 0};
    for (int i = 0; i < in->rank; i++) {
        if (!gone[i] && !(all && in->dims[i] == 1))
            out.dims[out.rank++] = in->dims[i];
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status unsqueeze_infer(op_context *c) {
    const shape *in = input_shape(c, 0);
    const int64_t *axes;
    size_t count;
    bool known, added[TENSOR_MAX_RANK] = {false};
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(op_input_ints(c, 1, &axes, &count, &known));
    put_unknown(c, 0, input_type(c, 0));
    if (in->rank == RANK_UNKNOWN || !known)
        return ACCEL_OK;
    if (count > (size_t)(TENSOR_MAX_RANK - in->rank))
        return op_fail(c, ACCEL_LIMIT, "the rank would be above the limit of %d", TENSOR_MAX_RANK);
    shape out = {.rank = in->rank + (int)count};
    for (size_t i = 0; i < count; i++) {
        int axis;
        ACCEL_TRY(require_axis(c, axes[i], out.rank, &axis));
        if (added[axis])
            return op_fail(c, ACCEL_BAD_GRAPH, "axis %d is given twice", axis);
        added[axis] = true;
    }
    for (int i = 0, from = 0; i < out.rank; i++)
        out.dims[i] = added[i] ? 1 : in->dims[from++];
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

#define VIEW (OP_DATA_MOVEMENT | OP_VIEW)

static const op_def shape_ops[] = {
    {"", "Shape", 1, 1, 1, 1, OP_SHAPE_ONLY, OPS_LIST(shape_attrs), shape_infer, NULL, shape_eval},
    {"", "Size", 1, 1, 1, 1, OP_SHAPE_ONLY, OPS_NONE, size_infer, NULL, size_eval},
    {"", "Identity", 1, 1, 1, 1, VIEW, OPS_NONE, identity_infer, NULL, identity_eval},
    {"", "Reshape", 2, 2, 1, 1, VIEW, OPS_LIST(reshape_attrs), reshape_infer, NULL, eval_copy},
    {"", "Flatten", 1, 1, 1, 1, VIEW, OPS_LIST(flatten_attrs), flatten_infer, NULL, eval_copy},
    {"", "Squeeze", 1, 2, 1, 1, VIEW, OPS_NONE, squeeze_infer, NULL, eval_copy},
    {"", "Unsqueeze", 2, 2, 1, 1, VIEW, OPS_NONE, unsqueeze_infer, NULL, eval_copy},
};
OPS_FAMILY(shape, shape_ops);
