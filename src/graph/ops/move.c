/* Data movement by regular patterns: no element changes, no index comes from a tensor of indices. */
#include <string.h>

#include "graph/ops/kit.h"

/* ---- Concat -------------------------------------------------------------------------------------------------------- */

static const op_attr_def concat_attrs[] = {{"axis", ATTR_INT, true, NULL}};

static accel_status concat_infer(op_context *c) {
    ACCEL_TRY(require_all_same(c, 0, TYPES_ANY));
    int rank = RANK_UNKNOWN, axis;
    for (size_t i = 0; i < c->input_count; i++) {
        if (input_rank(c, i) != RANK_UNKNOWN)
            rank = input_rank(c, i);
    }
    shape out = shape_unknown();
    if (rank != RANK_UNKNOWN) {
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), rank, &axis));
        out = shape_of_rank(rank);
        int64_t length = 0;
        for (size_t i = 0; i < c->input_count; i++) {
            ACCEL_TRY(require_rank(c, i, rank, rank));
            int64_t dim = input_dim(c, i, axis);
            if (dim < 0 || length < 0)
                length = DIM_UNKNOWN;
            else if (!checked_add_i64(length, dim, &length))
                return op_fail(c, ACCEL_LIMIT, "the result is too long");
            for (int d = 0; d < rank; d++) {
                if (d != axis)
                    ACCEL_TRY(merge_dim(c, "the dims of the inputs", &out.dims[d], input_dim(c, i, d)));
            }
        }
        out.dims[axis] = length;
    }
    dtype type = DTYPE_UNDEFINED;
    for (size_t i = 0; i < c->input_count && type == DTYPE_UNDEFINED; i++)
        type = input_type(c, i);
    put_output(c, 0, type, &out);
    return ACCEL_OK;
}

static accel_status concat_eval(op_context *c) {
    const shape *s = &c->outputs[0].type.shape;
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), s->rank, &axis));
    axis_split whole = split_at(s, axis);
    size_t bytes = movable_bytes(c->outputs[0].type.type);
    uint8_t *out = movable_output(c, 0);
    if (!out)
        return ACCEL_OUT_OF_MEMORY;
    size_t at = 0, line = (size_t)(whole.length * whole.inner) * bytes;
    for (size_t i = 0; i < c->input_count; i++) {
        size_t part = (size_t)(input_dim(c, i, axis) * whole.inner) * bytes;
        const uint8_t *in = movable_input(c, i);
        if (!in)
            return ACCEL_OUT_OF_MEMORY;
        for (int64_t o = 0; o < whole.outer && part > 0; o++)
            memcpy(out + (size_t)o * line + at, in + (size_t)o * part, part);
        at += part;
    }
    movable_finish(c, 0, out);
    return ACCEL_OK;
}

/* ---- Split ---------------------------------------------------------------------------------------------------------- */

static const op_attr_def split_attrs[] = {{"axis", ATTR_INT, false, "0"},
                                          {"num_outputs", ATTR_INT, false, NULL}};

/* The length of part i along an axis of `dim` elements; DIM_UNKNOWN while it cannot be told. */
static accel_status split_length(const op_context *c, int64_t dim, size_t i, int64_t *out) {
    *out = DIM_UNKNOWN;
    if (op_has_input(c, 1)) {
        const int64_t *lengths;
        size_t count;
        bool known;
        ACCEL_TRY(op_input_ints(c, 1, &lengths, &count, &known));
        if (!known)
            return ACCEL_OK;
        if (count != c->output_count)
            return op_fail(c, ACCEL_BAD_GRAPH, "%d lengths for %d outputs", (int)count, (int)c->output_count);
        int64_t sum = 0;
        for (size_t k = 0; k < count; k++) {
            if (lengths[k] < 0 || !checked_add_i64(sum, lengths[k], &sum))
                return op_fail(c, ACCEL_BAD_GRAPH, "a length of %lld", (long long)lengths[k]);
        }
        if (dim >= 0 && sum != dim)
            return op_fail(c, ACCEL_BAD_GRAPH, "the lengths add up to %lld, the axis has %lld",
                           (long long)sum, (long long)dim);
        *out = lengths[i];
        return ACCEL_OK;
    }
    int64_t parts = op_attr_int(c, "num_outputs", (int64_t)c->output_count);
    if (parts != (int64_t)c->output_count)
        return op_fail(c, ACCEL_BAD_GRAPH, "num_outputs is %lld for %d outputs", (long long)parts,
                       (int)c->output_count);
    if (dim < 0)
        return ACCEL_OK;
    int64_t chunk = dim / parts + (dim % parts != 0), start = chunk * (int64_t)i;
    *out = start >= dim ? 0 : dim - start < chunk ? dim - start : chunk;
    return ACCEL_OK;
}

static accel_status split_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    const shape *in = input_shape(c, 0);
    int axis = 0;
    if (in->rank != RANK_UNKNOWN)
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), in->rank, &axis));
    for (size_t i = 0; i < c->output_count; i++) {
        shape out = *in;
        int64_t length;
        ACCEL_TRY(split_length(c, in->rank == RANK_UNKNOWN ? DIM_UNKNOWN : in->dims[axis], i, &length));
        if (in->rank != RANK_UNKNOWN)
            out.dims[axis] = length;
        put_output(c, i, input_type(c, 0), &out);
    }
    return ACCEL_OK;
}

static accel_status split_eval(op_context *c) {
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), input_rank(c, 0), &axis));
    axis_split whole = split_at(input_shape(c, 0), axis);
    size_t bytes = movable_bytes(input_type(c, 0)), line = (size_t)(whole.length * whole.inner) * bytes,
           at = 0;
    const uint8_t *in = movable_input(c, 0);
    if (!in)
        return ACCEL_OUT_OF_MEMORY;
    for (size_t i = 0; i < c->output_count; i++) {
        int64_t length;
        ACCEL_TRY(split_length(c, whole.length, i, &length));
        size_t part = (size_t)(length * whole.inner) * bytes;
        if (has_output(c, i)) {
            uint8_t *out = movable_output(c, i);
            if (!out)
                return ACCEL_OUT_OF_MEMORY;
            for (int64_t o = 0; o < whole.outer && part > 0; o++)
                memcpy(out + (size_t)o * part, in + (size_t)o * line + at, part);
            movable_finish(c, i, out);
        }
        at += part;
    }
    return ACCEL_OK;
}

/* ---- Transpose -------------------------------------------------------------------------------------------------------- */

static const op_attr_def transpose_attrs[] = {{"perm", ATTR_INTS, false, "reversed"}};

static accel_status read_permutation(const op_context *c, int rank, int *perm) {
    const int64_t *given;
    bool seen[TENSOR_MAX_RANK] = {false};
    ACCEL_TRY(attr_ints(c, "perm", (size_t)rank, 0, rank - 1, &given));
    for (int i = 0; i < rank; i++) {
        perm[i] = given ? (int)given[i] : rank - 1 - i;
        if (seen[perm[i]])
            return op_fail(c, ACCEL_BAD_GRAPH, "perm holds %d twice", perm[i]);
        seen[perm[i]] = true;
    }
    return ACCEL_OK;
}

static accel_status transpose_infer(op_context *c) {
    const shape *in = input_shape(c, 0);
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    shape out = *in;
    int perm[TENSOR_MAX_RANK];
    if (in->rank > 0)
        ACCEL_TRY(read_permutation(c, in->rank, perm));
    for (int i = 0; i < in->rank; i++)
        out.dims[i] = in->dims[perm[i]];
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

/* Fills output 0 from input 0 by strides; `offset` is the first element read. */
static accel_status gather_strided(op_context *c, int rank, const int64_t *dims, const int64_t *from_strides,
                                   int64_t offset) {
    size_t bytes = movable_bytes(input_type(c, 0));
    const uint8_t *in = movable_input(c, 0);
    uint8_t *out = movable_output(c, 0);
    int64_t to_strides[WALK_MAX_RANK];
    if (!in || !out)
        return ACCEL_OUT_OF_MEMORY;
    if (output_elements(c, 0) == 0)
        return ACCEL_OK;
    dense_strides(rank, dims, to_strides);
    copy_strided(bytes, rank, dims, out, to_strides, in + offset * (int64_t)bytes, from_strides);
    movable_finish(c, 0, out);
    return ACCEL_OK;
}

static accel_status transpose_eval(op_context *c) {
    const shape *in = input_shape(c, 0);
    int perm[TENSOR_MAX_RANK];
    int64_t dense[TENSOR_MAX_RANK], strides[TENSOR_MAX_RANK];
    if (in->rank > 0)
        ACCEL_TRY(read_permutation(c, in->rank, perm));
    dense_strides(in->rank, in->dims, dense);
    for (int i = 0; i < in->rank; i++)
        strides[i] = dense[perm[i]];
    return gather_strided(c, in->rank, c->outputs[0].type.shape.dims, strides, 0);
}

/* ---- Slice -------------------------------------------------------------------------------------------------------------- */

typedef struct slice_plan {
    bool known; /* starts, ends, axes and steps are all known */
    bool touched[TENSOR_MAX_RANK];
    int64_t start[TENSOR_MAX_RANK], step[TENSOR_MAX_RANK], count[TENSOR_MAX_RANK];
} slice_plan;

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
}

/* One axis of a known length, by Slice-13's clamping. */
static void slice_axis(int64_t dim, int64_t start, int64_t end, int64_t step, int64_t *first,
                       int64_t *count) {
    start += start < 0 ? dim : 0;
    end += end < 0 ? dim : 0;
    start = step > 0 ? clamp(start, 0, dim) : clamp(start, 0, dim - 1);
    end = step > 0 ? clamp(end, 0, dim) : clamp(end, -1, dim - 1);
    int64_t room = step > 0 ? end - start : start - end;
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    *first = start;
    *count = room <= 0 || dim == 0 ? 0 : (int64_t)(((uint64_t)room - 1) / stride) + 1;
}

static accel_status slice_read(const op_context *c, slice_plan *plan) {
    const shape *in = input_shape(c, 0);
    const int64_t *lists[5] = {NULL};
    size_t counts[5] = {0};
    *plan = (slice_plan){.known = in->rank != RANK_UNKNOWN};
    for (size_t i = 1; i < 5; i++) {
        bool known = true;
        if (op_has_input(c, i))
            ACCEL_TRY(op_input_ints(c, i, &lists[i], &counts[i], &known));
        plan->known = plan->known && known;
    }
    if (!plan->known)
        return ACCEL_OK;
    for (int d = 0; d < in->rank; d++) {
        plan->step[d] = 1;
        plan->count[d] = in->dims[d];
    }
    for (size_t i = 1; i < 5; i++) {
        if (lists[i] && counts[i] != counts[1])
            return op_fail(c, ACCEL_BAD_GRAPH, "starts, ends, axes and steps must have one length");
    }
    for (size_t i = 0; i < counts[1]; i++) {
        int axis;
        ACCEL_TRY(require_axis(c, lists[3] ? lists[3][i] : (int64_t)i, in->rank, &axis));
        int64_t step = lists[4] ? lists[4][i] : 1;
        if (step == 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "a step of 0");
        if (plan->touched[axis])
            return op_fail(c, ACCEL_BAD_GRAPH, "axis %d is given twice", axis);
        plan->touched[axis] = true;
        plan->step[axis] = step;
        if (in->dims[axis] == DIM_UNKNOWN)
            plan->count[axis] = DIM_UNKNOWN;
        else
            slice_axis(in->dims[axis], lists[1][i], lists[2][i], step, &plan->start[axis],
                       &plan->count[axis]);
    }
    return ACCEL_OK;
}

static accel_status slice_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    slice_plan plan;
    for (size_t i = 1; i < 5; i++) {
        ACCEL_TRY(require_type(c, i, TYPES_INDEX));
        ACCEL_TRY(require_rank(c, i, 1, 1));
    }
    ACCEL_TRY(slice_read(c, &plan));
    int rank = input_rank(c, 0);
    shape out = rank == RANK_UNKNOWN ? shape_unknown() : shape_of_rank(rank);
    if (plan.known)
        memcpy(out.dims, plan.count, sizeof out.dims);
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status slice_eval(op_context *c) {
    const shape *in = input_shape(c, 0);
    slice_plan plan;
    int64_t strides[TENSOR_MAX_RANK], offset = 0;
    if (output_elements(c, 0) == 0)
        return ACCEL_OK; /* other dims may be beyond all arithmetic */
    ACCEL_TRY(slice_read(c, &plan));
    dense_strides(in->rank, in->dims, strides);
    for (int i = 0; i < in->rank; i++) {
        offset += plan.start[i] * strides[i];
        strides[i] =
            plan.count[i] > 1 ? strides[i] * plan.step[i] : 0; /* a step past the end must not overflow */
    }
    return gather_strided(c, in->rank, c->outputs[0].type.shape.dims, strides, offset);
}

/* ---- Expand, Tile -------------------------------------------------------------------------------------------------------- */

static accel_status expand_infer(op_context *c) {
    const int64_t *dims;
    size_t count;
    bool known;
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_rank(c, 1, 1, 1));
    ACCEL_TRY(op_input_ints(c, 1, &dims, &count, &known));
    shape wanted, out = shape_unknown();
    if (known) {
        ACCEL_TRY(shape_from_ints(c, dims, count, &wanted));
        if (!shape_broadcast(input_shape(c, 0), &wanted, &out))
            return op_fail(c, ACCEL_BAD_GRAPH, "the input does not broadcast to the shape asked for");
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status expand_eval(op_context *c) {
    const shape *in = input_shape(c, 0), *out = &c->outputs[0].type.shape;
    int64_t strides[TENSOR_MAX_RANK], dense[TENSOR_MAX_RANK];
    dense_strides(in->rank, in->dims, dense);
    for (int i = 0; i < out->rank; i++) {
        int from = i - (out->rank - in->rank);
        strides[i] = from < 0 || in->dims[from] == 1 ? 0 : dense[from];
    }
    return gather_strided(c, out->rank, out->dims, strides, 0);
}

static accel_status tile_infer(op_context *c) {
    const int64_t *repeats;
    size_t count;
    bool known;
    const shape *in = input_shape(c, 0);
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(op_input_ints(c, 1, &repeats, &count, &known));
    if (in->rank == RANK_UNKNOWN) {
        put_unknown(c, 0, input_type(c, 0));
        return ACCEL_OK;
    }
    shape out = shape_of_rank(in->rank);
    if (known && count != (size_t)in->rank)
        return op_fail(c, ACCEL_BAD_GRAPH, "%d repeats for a rank of %d", (int)count, in->rank);
    for (int i = 0; i < in->rank && known; i++) {
        if (repeats[i] < 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "a repeat of %lld", (long long)repeats[i]);
        if (in->dims[i] >= 0 && !checked_mul_i64(in->dims[i], repeats[i], &out.dims[i]))
            return op_fail(c, ACCEL_LIMIT, "the result is too large");
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

/* Each dim is seen as two, repeats × length, of which the first has stride 0. */
static accel_status tile_eval(op_context *c) {
    const shape *in = input_shape(c, 0), *out = &c->outputs[0].type.shape;
    int64_t dims[WALK_MAX_RANK], strides[WALK_MAX_RANK], dense[TENSOR_MAX_RANK];
    dense_strides(in->rank, in->dims, dense);
    for (int i = 0; i < in->rank; i++) {
        dims[2 * i] = in->dims[i] ? out->dims[i] / in->dims[i] : 0;
        dims[2 * i + 1] = in->dims[i];
        strides[2 * i] = 0;
        strides[2 * i + 1] = dense[i];
    }
    return gather_strided(c, 2 * in->rank, dims, strides, 0);
}

/* ---- DepthToSpace, SpaceToDepth ---------------------------------------------------------------------------------------------- */

static const op_attr_def depth_attrs[] = {{"blocksize", ATTR_INT, true, NULL},
                                          {"mode", ATTR_STRING, false, "DCR"}};
static const op_attr_def space_attrs[] = {{"blocksize", ATTR_INT, true, NULL},
                                          {"mode", ATTR_STRING, false, "DCR"}};

static accel_status block_infer(op_context *c, bool to_space) {
    int64_t block = op_attr_int(c, "blocksize", 0);
    int mode;
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_rank(c, 0, 4, 4));
    ACCEL_TRY(attr_choice(c, "mode", "DCR", "DCR CRD", &mode));
    if (block < 1 || block > 1 << 15)
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute blocksize is %lld", (long long)block);
    const shape *in = input_shape(c, 0);
    shape out = *in;
    for (int i = 1; i < 4 && in->rank == 4; i++) {
        int64_t factor = i == 1 ? block * block : block, dim = in->dims[i];
        bool divide = (i == 1) == to_space;
        if (dim < 0)
            continue;
        if (divide && dim % factor != 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "dim %d of %lld does not divide by %lld", i, (long long)dim,
                           (long long)factor);
        if (!divide && !checked_mul_i64(dim, factor, &out.dims[i]))
            return op_fail(c, ACCEL_LIMIT, "the result is too large");
        if (divide)
            out.dims[i] = dim / factor;
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status depth_infer(op_context *c) {
    return block_infer(c, true);
}
static accel_status space_infer(op_context *c) {
    return block_infer(c, false);
}

static accel_status depth_eval(op_context *c) {
    const int64_t *d = c->outputs[0].type.shape.dims, block = op_attr_int(c, "blocksize", 1);
    bool column_first = strcmp(op_attr_string(c, "mode", "DCR"), "CRD") == 0;
    int64_t height = d[2] / block, width = d[3] / block, plane = height * width;
    /* Output order: n, channel, row, row in block, column, column in block. */
    const int64_t dims[6] = {d[0], d[1], height, block, width, block};
    int64_t channel = column_first ? block * block * plane : plane, tap = column_first ? plane : d[1] * plane;
    const int64_t strides[6] = {d[1] * block * block * plane, channel, width, block * tap, 1, tap};
    return gather_strided(c, 6, dims, strides, 0);
}

static accel_status space_eval(op_context *c) {
    const int64_t *in = input_shape(c, 0)->dims, *d = c->outputs[0].type.shape.dims,
                  block = op_attr_int(c, "blocksize", 1);
    bool column_first = strcmp(op_attr_string(c, "mode", "DCR"), "CRD") == 0;
    int64_t line = in[3], plane = in[2] * in[3];
    /* DCR: output channels are (row in block, column in block, channel); CRD: (channel, row in block, column in block). */
    const int64_t dcr[6] = {d[0], block, block, in[1], d[2], d[3]},
                  crd[6] = {d[0], in[1], block, block, d[2], d[3]};
    const int64_t dcr_strides[6] = {in[1] * plane, line, 1, plane, block * line, block};
    const int64_t crd_strides[6] = {in[1] * plane, plane, line, 1, block * line, block};
    return gather_strided(c, 6, column_first ? crd : dcr, column_first ? crd_strides : dcr_strides, 0);
}

/* ---- Pad ------------------------------------------------------------------------------------------------------------------------ */

static const op_attr_def pad_attrs[] = {{"mode", ATTR_STRING, false, "constant"}};
enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP };

typedef struct pad_plan {
    bool known;
    int mode;
    int64_t begin[TENSOR_MAX_RANK], end[TENSOR_MAX_RANK];
} pad_plan;

static accel_status pad_read(const op_context *c, pad_plan *plan) {
    const int64_t *pads, *axes = NULL;
    size_t count, axis_count = 0;
    bool axes_known = true;
    int rank = input_rank(c, 0);
    *plan = (pad_plan){0};
    ACCEL_TRY(attr_choice(c, "mode", "constant", "constant reflect edge wrap", &plan->mode));
    ACCEL_TRY(op_input_ints(c, 1, &pads, &count, &plan->known));
    if (op_has_input(c, 3))
        ACCEL_TRY(op_input_ints(c, 3, &axes, &axis_count, &axes_known));
    plan->known = plan->known && axes_known && rank != RANK_UNKNOWN;
    if (!plan->known)
        return ACCEL_OK;
    if (!op_has_input(c, 3))
        axis_count = (size_t)rank;
    if (count != 2 * axis_count)
        return op_fail(c, ACCEL_BAD_GRAPH, "%d pads for %d axes", (int)count, (int)axis_count);
    for (size_t i = 0; i < axis_count; i++) {
        int axis;
        ACCEL_TRY(require_axis(c, axes ? axes[i] : (int64_t)i, rank, &axis));
        plan->begin[axis] = pads[i];
        plan->end[axis] = pads[axis_count + i];
    }
    return ACCEL_OK;
}

static accel_status pad_infer(op_context *c) {
    pad_plan plan;
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_same_type(c, 0, 2));
    ACCEL_TRY(require_one_element(c, 2));
    ACCEL_TRY(require_type(c, 3, TYPES_INDEX));
    ACCEL_TRY(pad_read(c, &plan));
    const shape *in = input_shape(c, 0);
    shape out = in->rank == RANK_UNKNOWN ? shape_unknown() : shape_of_rank(in->rank);
    for (int i = 0; i < in->rank && plan.known; i++) {
        if (in->dims[i] < 0)
            continue;
        int64_t sum;
        if (!checked_add_i64(plan.begin[i], plan.end[i], &sum) || !checked_add_i64(sum, in->dims[i], &sum))
            return op_fail(c, ACCEL_LIMIT, "the padded input is too large");
        if (sum < 0 || plan.begin[i] < -in->dims[i] || plan.end[i] < -in->dims[i])
            return op_fail(c, ACCEL_BAD_GRAPH, "negative pads crop more than axis %d has", i);
        if (plan.mode != PAD_CONSTANT && in->dims[i] == 0 && sum > 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "axis %d is empty: there is nothing to pad with", i);
        out.dims[i] = sum;
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

/* Where a place before or after the input reads; -1: the constant. */
static int64_t pad_source(int mode, int64_t at, int64_t dim) {
    if (at >= 0 && at < dim)
        return at;
    if (mode == PAD_CONSTANT)
        return -1;
    if (mode == PAD_EDGE)
        return at < 0 ? 0 : dim - 1;
    if (mode == PAD_WRAP)
        return (at % dim + dim) % dim;
    if (dim == 1)
        return 0;
    int64_t period = 2 * (dim - 1), folded = (at % period + period) % period;
    return folded < dim ? folded : period - folded;
}

static accel_status pad_eval(op_context *c) {
    const shape *in = input_shape(c, 0), *out = &c->outputs[0].type.shape;
    pad_plan plan;
    ACCEL_TRY(pad_read(c, &plan));
    size_t bytes = movable_bytes(input_type(c, 0));
    const uint8_t *from = movable_input(c, 0), *constant = op_has_input(c, 2) ? movable_input(c, 2) : NULL;
    uint8_t *to = movable_output(c, 0);
    int64_t strides[TENSOR_MAX_RANK], index[TENSOR_MAX_RANK] = {0}, count = output_elements(c, 0);
    if (!from || !to || (op_has_input(c, 2) && !constant))
        return ACCEL_OUT_OF_MEMORY;
    dense_strides(in->rank, in->dims, strides);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0;
        for (int d = 0; d < in->rank && at >= 0; d++) {
            int64_t source = pad_source(plan.mode, index[d] - plan.begin[d], in->dims[d]);
            at = source < 0 ? -1 : at + source * strides[d];
        }
        if (at >= 0)
            memcpy(to + (size_t)i * bytes, from + (size_t)at * bytes, bytes);
        else if (constant)
            memcpy(to + (size_t)i * bytes, constant, bytes);
        else
            memset(to + (size_t)i * bytes, 0, bytes);
        for (int d = in->rank - 1; d >= 0 && ++index[d] == out->dims[d]; d--)
            index[d] = 0;
    }
    movable_finish(c, 0, to);
    return ACCEL_OK;
}

/* ---- CenterCropPad ------------------------------------------------------------------------------------------------- */

static const op_attr_def centre_attrs[] = {{"axes", ATTR_INTS, false, "all"}};

static accel_status centre_read(const op_context *c, shape *out, bool *known) {
    const shape *in = input_shape(c, 0);
    const graph_attr *axes = op_attr(c, "axes");
    const int64_t *dims;
    size_t count;
    ACCEL_TRY(op_input_ints(c, 1, &dims, &count, known));
    *out = *in;
    if (!*known || in->rank == RANK_UNKNOWN)
        return ACCEL_OK;
    bool all = !axes || axes->count == 0;
    if (count != (all ? (size_t)in->rank : axes->count))
        return op_fail(c, ACCEL_BAD_GRAPH, "%d dims are given for %d axes", (int)count,
                       all ? in->rank : (int)axes->count);
    for (size_t i = 0; i < count; i++) {
        int axis;
        ACCEL_TRY(require_axis(c, all ? (int64_t)i : axes->ints[i], in->rank, &axis));
        if (dims[i] < 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "a dim of %lld", (long long)dims[i]);
        out->dims[axis] = dims[i];
    }
    return ACCEL_OK;
}

static accel_status centre_infer(op_context *c) {
    shape out;
    bool known;
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_INDEX));
    ACCEL_TRY(centre_read(c, &out, &known));
    if (!known)
        out = input_rank(c, 0) == RANK_UNKNOWN ? shape_unknown() : shape_of_rank(input_rank(c, 0));
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status centre_eval(op_context *c) {
    const shape *in = input_shape(c, 0), *out = &c->outputs[0].type.shape;
    int64_t dims[TENSOR_MAX_RANK], from_strides[TENSOR_MAX_RANK], to_strides[TENSOR_MAX_RANK], from = 0,
                                                                                               to = 0;
    size_t bytes = movable_bytes(input_type(c, 0));
    const uint8_t *source = movable_input(c, 0);
    uint8_t *target = movable_output(c, 0);
    if (!source || !target)
        return ACCEL_OUT_OF_MEMORY;
    if (output_elements(c, 0) == 0)
        return ACCEL_OK; /* other dims may be beyond all arithmetic */
    memset(target, 0, (size_t)output_elements(c, 0) * bytes);
    dense_strides(in->rank, in->dims, from_strides);
    dense_strides(out->rank, out->dims, to_strides);
    for (int i = 0; i < in->rank; i++) {
        int64_t extra = in->dims[i] - out->dims[i];
        dims[i] = extra > 0 ? out->dims[i] : in->dims[i];
        from += extra > 0 ? extra / 2 * from_strides[i] : 0;
        to += extra < 0 ? -extra / 2 * to_strides[i] : 0;
    }
    if (dims_product(dims, in->rank) > 0)
        copy_strided(bytes, in->rank, dims, target + to * (int64_t)bytes, to_strides,
                     source + from * (int64_t)bytes, from_strides);
    movable_finish(c, 0, target);
    return ACCEL_OK;
}

/* ---- Trilu ------------------------------------------------------------------------------------------------------------------------ */

static const op_attr_def trilu_attrs[] = {{"upper", ATTR_INT, false, "1"}};

static accel_status trilu_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_one_element(c, 1));
    ACCEL_TRY(require_rank(c, 0, 2, TENSOR_MAX_RANK));
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status trilu_eval(op_context *c) {
    const shape *s = input_shape(c, 0);
    int64_t rows = s->dims[s->rank - 2], columns = s->dims[s->rank - 1], count = output_elements(c, 0);
    bool upper = op_attr_int(c, "upper", 1) != 0;
    /* Beyond the matrix every diagonal is the same: the clamp keeps row + k from overflowing. */
    int64_t k = clamp(input_i64_at(c, 1, 0, 0), -rows - 1, columns + 1);
    size_t bytes = movable_bytes(input_type(c, 0));
    const uint8_t *from = movable_input(c, 0);
    uint8_t *to = movable_output(c, 0);
    if (!from || !to)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < count; i++) {
        int64_t row = i / columns % rows, column = i % columns;
        bool keep = upper ? column >= row + k : column <= row + k;
        if (keep)
            memcpy(to + (size_t)i * bytes, from + (size_t)i * bytes, bytes);
        else
            memset(to + (size_t)i * bytes, 0, bytes);
    }
    movable_finish(c, 0, to);
    return ACCEL_OK;
}

static const op_def move_ops[] = {
    {"", "Concat", 1, OP_VARIADIC, 1, 1, OP_DATA_MOVEMENT, OPS_LIST(concat_attrs), concat_infer, NULL,
     concat_eval},
    {"", "Split", 1, 2, 1, OP_VARIADIC, OP_DATA_MOVEMENT, OPS_LIST(split_attrs), split_infer, NULL,
     split_eval},
    {"", "Transpose", 1, 1, 1, 1, OP_DATA_MOVEMENT, OPS_LIST(transpose_attrs), transpose_infer, NULL,
     transpose_eval},
    {"", "Slice", 3, 5, 1, 1, OP_DATA_MOVEMENT, OPS_NONE, slice_infer, cost_of_selection, slice_eval},
    {"", "Expand", 2, 2, 1, 1, OP_DATA_MOVEMENT, OPS_NONE, expand_infer, NULL, expand_eval},
    {"", "Tile", 2, 2, 1, 1, OP_DATA_MOVEMENT, OPS_NONE, tile_infer, NULL, tile_eval},
    {"", "DepthToSpace", 1, 1, 1, 1, OP_DATA_MOVEMENT, OPS_LIST(depth_attrs), depth_infer, NULL, depth_eval},
    {"", "SpaceToDepth", 1, 1, 1, 1, OP_DATA_MOVEMENT, OPS_LIST(space_attrs), space_infer, NULL, space_eval},
    {"", "Pad", 2, 4, 1, 1, OP_DATA_MOVEMENT, OPS_LIST(pad_attrs), pad_infer, NULL, pad_eval},
    {"", "CenterCropPad", 2, 2, 1, 1, OP_DATA_MOVEMENT, OPS_LIST(centre_attrs), centre_infer, NULL,
     centre_eval},
    {"", "Trilu", 1, 2, 1, 1, OP_DATA_MOVEMENT, OPS_LIST(trilu_attrs), trilu_infer, NULL, trilu_eval},
};
OPS_FAMILY(move, move_ops);
