/* Reading and writing by tensors of indices. Every index is checked: one out of range fails and names the node. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

/* index in [-dim, dim), as ONNX counts, to [0, dim). */
static accel_status require_index(const op_context *c, int64_t index, int64_t dim, int64_t *out) {
    *out = 0;
    if (index < -dim || index >= dim)
        return op_fail(c, ACCEL_BAD_GRAPH, "index %lld is outside an axis of %lld", (long long)index,
                       (long long)dim);
    *out = index < 0 ? index + dim : index;
    return ACCEL_OK;
}

static const op_attr_def axis_attrs[] = {{"axis", ATTR_INT, false, "0"}};

/* ---- Gather ------------------------------------------------------------------------------------------------------- */

static accel_status gather_infer(op_context *c) {
    const shape *data = input_shape(c, 0), *indices = input_shape(c, 1);
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_INDEX));
    ACCEL_TRY(require_rank(c, 0, 1, TENSOR_MAX_RANK));
    put_unknown(c, 0, input_type(c, 0));
    if (data->rank == RANK_UNKNOWN || indices->rank == RANK_UNKNOWN)
        return ACCEL_OK;
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), data->rank, &axis));
    if (data->rank - 1 + indices->rank > TENSOR_MAX_RANK)
        return op_fail(c, ACCEL_LIMIT, "the rank of the result is above the limit of %d", TENSOR_MAX_RANK);
    shape out = {.rank = 0};
    for (int i = 0; i < axis; i++)
        out.dims[out.rank++] = data->dims[i];
    for (int i = 0; i < indices->rank; i++)
        out.dims[out.rank++] = indices->dims[i];
    for (int i = axis + 1; i < data->rank; i++)
        out.dims[out.rank++] = data->dims[i];
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status gather_eval(op_context *c) {
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), input_rank(c, 0), &axis));
    axis_split s = split_at(input_shape(c, 0), axis);
    int64_t count = op_elements(&c->inputs[1]);
    size_t part = (size_t)s.inner * movable_bytes(input_type(c, 0));
    const int64_t *indices = input_i64(c, 1);
    const uint8_t *from = movable_input(c, 0);
    uint8_t *out = movable_output(c, 0), *to = out;
    if (!indices || !from || !out)
        return ACCEL_OUT_OF_MEMORY;
    int64_t at;
    for (int64_t i = 0; i < count; i++) /* also where nothing is moved */
        ACCEL_TRY(require_index(c, indices[i], s.length, &at));
    for (int64_t o = 0; o < s.outer; o++) {
        for (int64_t i = 0; i < count; i++, to += part) {
            ACCEL_TRY(require_index(c, indices[i], s.length, &at));
            if (part)
                memcpy(to, from + (size_t)(o * s.length + at) * part, part);
        }
    }
    movable_finish(c, 0, out);
    return ACCEL_OK;
}

/* ---- GatherElements, ScatterElements --------------------------------------------------------------------------------- */

/* indices have the rank of data, and no dim above data's except along the axis. */
static accel_status elements_infer(op_context *c, bool scatter) {
    const shape *data = input_shape(c, 0), *indices = input_shape(c, 1);
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_INDEX));
    ACCEL_TRY(require_rank(c, 0, 1, TENSOR_MAX_RANK));
    int axis = 0;
    if (data->rank != RANK_UNKNOWN) {
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), data->rank, &axis));
        ACCEL_TRY(require_rank(c, 1, data->rank, data->rank));
    }
    for (int i = 0; i < data->rank && indices->rank == data->rank; i++) {
        if (i != axis && data->dims[i] >= 0 && indices->dims[i] > data->dims[i])
            return op_fail(c, ACCEL_BAD_GRAPH, "dim %d of the indices is larger than the data's", i);
    }
    if (scatter) {
        int reduction;
        ACCEL_TRY(require_same_type(c, 0, 2));
        ACCEL_TRY(attr_choice(c, "reduction", "none", "none add mul max min", &reduction));
        if (input_is_static(c, 1) && input_is_static(c, 2) && !shape_equal(indices, input_shape(c, 2)))
            return op_fail(c, ACCEL_BAD_GRAPH, "indices and updates must have one shape");
    }
    put_output(c, 0, input_type(c, 0), scatter ? data : indices);
    return ACCEL_OK;
}

static accel_status gather_elements_infer(op_context *c) {
    return elements_infer(c, false);
}
static accel_status scatter_elements_infer(op_context *c) {
    return elements_infer(c, true);
}

/* Calls back for each element of indices with its place in data. */
typedef void (*element_visit)(void *context, int64_t place, int64_t data_place);

static accel_status visit_elements(op_context *c, element_visit visit, void *context) {
    const shape *data = input_shape(c, 0), *shape_of_indices = input_shape(c, 1);
    int64_t strides[TENSOR_MAX_RANK], index[TENSOR_MAX_RANK] = {0}, count = op_elements(&c->inputs[1]);
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), data->rank, &axis));
    const int64_t *indices = input_i64(c, 1);
    if (!indices)
        return ACCEL_OUT_OF_MEMORY;
    dense_strides(data->rank, data->dims, strides);
    for (int64_t i = 0; i < count; i++) {
        int64_t at, place = 0;
        ACCEL_TRY(require_index(c, indices[i], data->dims[axis], &at));
        for (int d = 0; d < data->rank; d++)
            place += (d == axis ? at : index[d]) * strides[d];
        visit(context, i, place);
        for (int d = data->rank - 1; d >= 0 && ++index[d] == shape_of_indices->dims[d]; d--)
            index[d] = 0;
    }
    return ACCEL_OK;
}

static void take_element(void *context, int64_t place, int64_t data_place) {
    const movable *m = context;
    memcpy(m->out + (size_t)place * m->bytes, m->in + (size_t)data_place * m->bytes, m->bytes);
}

static accel_status gather_elements_eval(op_context *c) {
    movable m = {movable_input(c, 0), movable_output(c, 0), movable_bytes(input_type(c, 0))};
    if (!m.in || !m.out)
        return ACCEL_OUT_OF_MEMORY;
    ACCEL_TRY(visit_elements(c, take_element, &m));
    movable_finish(c, 0, m.out);
    return ACCEL_OK;
}

/* ---- scattering: replaces or reduces --------------------------------------------------------------------------------- */

static const op_attr_def scatter_elements_attrs[] = {{"axis", ATTR_INT, false, "0"},
                                                     {"reduction", ATTR_STRING, false, "none"}};
static const op_attr_def scatter_nd_attrs[] = {{"reduction", ATTR_STRING, false, "none"}};
enum reduction { REDUCTION_NONE, REDUCTION_ADD, REDUCTION_MUL, REDUCTION_MAX, REDUCTION_MIN };

typedef struct scatter_job {
    dtype type;
    const void *updates;
    void *out;
    int reduction;
} scatter_job;

static void scatter_element(void *context, int64_t place, int64_t data_place) {
    const scatter_job *job = context;
    size_t from = (size_t)place, to = (size_t)data_place;
    bool real = dtype_is_float(job->type);
    double x = dtype_get_f64(job->type, job->out, to), y = dtype_get_f64(job->type, job->updates, from);
    int64_t i = dtype_get_i64(job->type, job->out, to), k = dtype_get_i64(job->type, job->updates, from);
    bool larger = real ? y > x : job->type == DTYPE_U64 ? (uint64_t)k > (uint64_t)i : k > i;
    bool smaller = real ? y < x : job->type == DTYPE_U64 ? (uint64_t)k < (uint64_t)i : k < i;
    switch (job->reduction) {
    case REDUCTION_ADD:
        x += y;
        i = (int64_t)((uint64_t)i + (uint64_t)k);
        break;
    case REDUCTION_MUL:
        x *= y;
        i = (int64_t)((uint64_t)i * (uint64_t)k);
        break;
    default:
        if (job->reduction == REDUCTION_MAX ? !larger : job->reduction == REDUCTION_MIN && !smaller)
            return;
        x = y;
        i = k;
    }
    if (real)
        dtype_set_f64(job->type, job->out, to, x);
    else
        dtype_set_i64(job->type, job->out, to, i);
}

static accel_status scatter_start(op_context *c, scatter_job *job) {
    *job = (scatter_job){input_type(c, 0), c->inputs[2].data, c->output_data[0], 0};
    if (TYPES_COMPLEX & TYPE_BIT(job->type))
        return op_fail(c, ACCEL_UNSUPPORTED, "complex numbers are not supported");
    ACCEL_TRY(attr_choice(c, "reduction", "none", "none add mul max min", &job->reduction));
    return eval_copy(c);
}

static accel_status scatter_elements_eval(op_context *c) {
    scatter_job job;
    ACCEL_TRY(scatter_start(c, &job));
    return visit_elements(c, scatter_element, &job);
}

/* ---- GatherND, ScatterND ------------------------------------------------------------------------------------------------ */

static const op_attr_def gather_nd_attrs[] = {{"batch_dims", ATTR_INT, false, "0"}};

/* Each last row of indices addresses a block of data: `depth` dims after `batch` shared ones. */
static accel_status nd_depth(const op_context *c, int64_t batch, int64_t *depth) {
    const shape *data = input_shape(c, 0), *indices = input_shape(c, 1);
    *depth = indices->rank > 0 ? indices->dims[indices->rank - 1] : DIM_UNKNOWN;
    if (batch < 0 || (data->rank >= 0 && batch >= data->rank) ||
        (indices->rank >= 0 && batch >= indices->rank))
        return op_fail(c, ACCEL_BAD_GRAPH, "batch_dims is %lld", (long long)batch);
    if (*depth == 0 || (data->rank >= 0 && *depth > data->rank - batch))
        return op_fail(c, ACCEL_BAD_GRAPH, "indices of depth %lld do not fit the data", (long long)*depth);
    for (int64_t i = 0; i < batch && data->rank >= 0 && indices->rank >= 0; i++) {
        if (data->dims[i] >= 0 && indices->dims[i] >= 0 && data->dims[i] != indices->dims[i])
            return op_fail(c, ACCEL_BAD_GRAPH, "the batch dims of data and indices do not agree");
    }
    return ACCEL_OK;
}

static accel_status gather_nd_infer(op_context *c) {
    const shape *data = input_shape(c, 0), *indices = input_shape(c, 1);
    int64_t batch = op_attr_int(c, "batch_dims", 0), depth;
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_rank(c, 0, 1, TENSOR_MAX_RANK));
    ACCEL_TRY(require_rank(c, 1, 1, TENSOR_MAX_RANK));
    ACCEL_TRY(nd_depth(c, batch, &depth));
    put_unknown(c, 0, input_type(c, 0));
    if (data->rank == RANK_UNKNOWN || indices->rank == RANK_UNKNOWN || depth < 0)
        return ACCEL_OK;
    int64_t rank = indices->rank - 1 + data->rank - batch - depth;
    if (rank > TENSOR_MAX_RANK)
        return op_fail(c, ACCEL_LIMIT, "the rank of the result is above the limit");
    shape out = {.rank = 0};
    for (int i = 0; i < indices->rank - 1; i++)
        out.dims[out.rank++] = indices->dims[i];
    for (int64_t i = batch + depth; i < data->rank; i++)
        out.dims[out.rank++] = data->dims[i];
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

/* The block (in blocks of `block` elements) that one row of indices addresses, starting at data dim `batch`. */
static accel_status nd_place(const op_context *c, const int64_t *row, int64_t batch, int64_t depth,
                             int64_t *place) {
    const shape *data = input_shape(c, 0);
    *place = 0;
    for (int64_t i = 0; i < depth; i++) {
        int64_t at;
        ACCEL_TRY(require_index(c, row[i], data->dims[batch + i], &at));
        *place = *place * data->dims[batch + i] + at;
    }
    return ACCEL_OK;
}

static accel_status gather_nd_eval(op_context *c) {
    const shape *data = input_shape(c, 0), *s = input_shape(c, 1);
    int64_t batch = op_attr_int(c, "batch_dims", 0), depth;
    ACCEL_TRY(nd_depth(c, batch, &depth));
    int64_t batches = dims_product(data->dims, (int)batch), rows = dims_product(s->dims, s->rank - 1);
    int64_t addressed = dims_product(data->dims + batch, (int)depth);
    int64_t block = dims_product(data->dims + batch + depth, data->rank - (int)(batch + depth));
    size_t part = (size_t)block * movable_bytes(input_type(c, 0));
    const int64_t *indices = input_i64(c, 1);
    const uint8_t *from = movable_input(c, 0);
    uint8_t *out = movable_output(c, 0);
    if (!indices || !from || !out)
        return ACCEL_OUT_OF_MEMORY;
    int64_t rows_a_batch = batches ? rows / batches : 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t place;
        ACCEL_TRY(nd_place(c, indices + i * depth, batch, depth, &place));
        if (part)
            memcpy(out + (size_t)i * part, from + (size_t)(i / rows_a_batch * addressed + place) * part,
                   part);
    }
    movable_finish(c, 0, out);
    return ACCEL_OK;
}

static accel_status scatter_nd_infer(op_context *c) {
    const shape *data = input_shape(c, 0), *indices = input_shape(c, 1), *updates = input_shape(c, 2);
    int64_t depth;
    int reduction;
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_same_type(c, 0, 2));
    ACCEL_TRY(require_rank(c, 0, 1, TENSOR_MAX_RANK));
    ACCEL_TRY(require_rank(c, 1, 1, TENSOR_MAX_RANK));
    ACCEL_TRY(attr_choice(c, "reduction", "none", "none add mul max min", &reduction));
    ACCEL_TRY(nd_depth(c, 0, &depth));
    if (input_is_static(c, 0) && input_is_static(c, 1) && input_is_static(c, 2)) {
        bool fits = updates->rank == indices->rank - 1 + data->rank - (int)depth;
        for (int i = 0; fits && i < updates->rank; i++)
            fits =
                updates->dims[i] ==
                (i < indices->rank - 1 ? indices->dims[i] : data->dims[i - indices->rank + 1 + (int)depth]);
        if (!fits)
            return op_fail(c, ACCEL_BAD_GRAPH, "the updates do not have the shape that the indices address");
    }
    put_output(c, 0, input_type(c, 0), data);
    return ACCEL_OK;
}

static accel_status scatter_nd_eval(op_context *c) {
    const shape *data = input_shape(c, 0), *s = input_shape(c, 1);
    int64_t depth;
    scatter_job job;
    ACCEL_TRY(nd_depth(c, 0, &depth));
    ACCEL_TRY(scatter_start(c, &job));
    int64_t rows = dims_product(s->dims, s->rank - 1),
            block = dims_product(data->dims + depth, data->rank - (int)depth);
    const int64_t *indices = input_i64(c, 1);
    if (!indices)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < rows; i++) {
        int64_t place;
        ACCEL_TRY(nd_place(c, indices + i * depth, 0, depth, &place));
        for (int64_t k = 0; k < block; k++)
            scatter_element(&job, i * block + k, place * block + k);
    }
    return ACCEL_OK;
}

/* ---- TensorScatter: a step of a key or value cache -------------------------------------------------------------------------- */

static const op_attr_def tensor_scatter_attrs[] = {{"axis", ATTR_INT, false, "-2"},
                                                   {"mode", ATTR_STRING, false, "linear"}};

static accel_status tensor_scatter_infer(op_context *c) {
    const shape *cache = input_shape(c, 0), *update = input_shape(c, 1);
    int axis, mode;
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_same_type(c, 0, 1));
    ACCEL_TRY(require_type(c, 2, TYPES_I64));
    ACCEL_TRY(require_rank(c, 2, 1, 1));
    ACCEL_TRY(attr_choice(c, "mode", "linear", "linear circular", &mode));
    if (cache->rank != RANK_UNKNOWN) {
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -2), cache->rank, &axis));
        ACCEL_TRY(require_rank(c, 1, cache->rank, cache->rank));
        if (axis == 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "the axis cannot be the batch");
        int64_t batch = cache->dims[0];
        if (op_has_input(c, 2))
            ACCEL_TRY(merge_dim(c, "the batch and the write indices", &batch, input_dim(c, 2, 0)));
        for (int i = 0; i < cache->rank && update->rank == cache->rank; i++) {
            int64_t dim = cache->dims[i];
            if (i != axis)
                ACCEL_TRY(merge_dim(c, "the dims of cache and update", &dim, update->dims[i]));
            if (i == axis && dim >= 0 && update->dims[i] > dim)
                return op_fail(c, ACCEL_BAD_GRAPH, "the update is longer than the cache");
        }
    }
    put_output(c, 0, input_type(c, 0), cache);
    return ACCEL_OK;
}

static accel_status tensor_scatter_eval(op_context *c) {
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -2), input_rank(c, 0), &axis));
    axis_split cache = split_at(input_shape(c, 0), axis), update = split_at(input_shape(c, 1), axis);
    bool circular = strcmp(op_attr_string(c, "mode", "linear"), "circular") == 0;
    size_t part = (size_t)cache.inner * movable_bytes(input_type(c, 0));
    const uint8_t *past = movable_input(c, 0), *from = movable_input(c, 1);
    uint8_t *out = movable_output(c, 0);
    if (!past || !from || !out)
        return ACCEL_OUT_OF_MEMORY;
    if (part == 0 || cache.outer == 0 || cache.length == 0)
        return ACCEL_OK;
    memcpy(out, past, (size_t)(cache.outer * cache.length) * part);
    int64_t lines_a_batch = cache.outer / input_dim(c, 0, 0);
    for (int64_t line = 0; line < cache.outer; line++) {
        int64_t start = input_i64_at(c, 2, line / lines_a_batch, 0);
        if (start < 0 || (!circular && start > cache.length - update.length))
            return op_fail(c, ACCEL_BAD_GRAPH, "write index %lld is outside the cache", (long long)start);
        for (int64_t i = 0; i < update.length; i++) {
            int64_t at = (start % cache.length + i) % cache.length;
            if (!circular)
                at = start + i;
            memcpy(out + (size_t)(line * cache.length + at) * part,
                   from + (size_t)(line * update.length + i) * part, part);
        }
    }
    movable_finish(c, 0, out);
    return ACCEL_OK;
}

/* ---- OneHot ---------------------------------------------------------------------------------------------------------------------- */

static const op_attr_def one_hot_attrs[] = {{"axis", ATTR_INT, false, "-1"}};

static accel_status one_hot_infer(op_context *c) {
    const shape *in = input_shape(c, 0);
    ACCEL_TRY(require_type(c, 0, TYPES_NUMBER));
    ACCEL_TRY(require_type(c, 1, TYPES_NUMBER));
    ACCEL_TRY(require_type(c, 2, TYPES_ANY));
    ACCEL_TRY(require_one_element(c, 1));
    if (input_is_static(c, 2) && op_elements(&c->inputs[2]) != 2)
        return op_fail(c, ACCEL_BAD_GRAPH, "values must hold the off and the on value");
    put_unknown(c, 0, input_type(c, 2));
    if (in->rank == RANK_UNKNOWN)
        return ACCEL_OK;
    if (in->rank == TENSOR_MAX_RANK)
        return op_fail(c, ACCEL_LIMIT, "the rank of the result is above the limit");
    int axis;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), in->rank + 1, &axis));
    shape out = {.rank = in->rank + 1};
    for (int i = 0; i < out.rank; i++)
        out.dims[i] = i == axis ? input_i64_at(c, 1, 0, DIM_UNKNOWN) : in->dims[i - (i > axis)];
    if (c->inputs[1].data && out.dims[axis] < 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "a depth of %lld", (long long)out.dims[axis]);
    put_output(c, 0, input_type(c, 2), &out);
    return ACCEL_OK;
}

/* An index outside [-depth, depth) gives a row of off values (OneHot-11). */
static accel_status one_hot_eval(op_context *c) {
    int axis;
    const shape *out_shape = &c->outputs[0].type.shape;
    ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", -1), out_shape->rank, &axis));
    axis_split s = split_at(out_shape, axis);
    size_t bytes = movable_bytes(input_type(c, 2));
    const uint8_t *values = movable_input(c, 2);
    uint8_t *out = movable_output(c, 0);
    if (!values || !out)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < s.outer * s.length * s.inner; i++) {
        int64_t row = i / s.inner % s.length;
        double at = input_f64_at(c, 0, i / s.inner / s.length * s.inner + i % s.inner, 0);
        bool on = trunc(at) == (double)row || trunc(at) == (double)(row - s.length);
        memcpy(out + (size_t)i * bytes, values + (on ? bytes : 0), bytes);
    }
    movable_finish(c, 0, out);
    return ACCEL_OK;
}

/* ---- NonZero, Compress ------------------------------------------------------------------------------------------------------------ */

static accel_status non_zero_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_REAL));
    int rank = input_rank(c, 0);
    shape out = {.rank = 2, .dims = {rank == RANK_UNKNOWN ? DIM_UNKNOWN : rank, DIM_UNKNOWN}};
    put_output(c, 0, DTYPE_I64, &out);
    return ACCEL_OK;
}

static accel_status non_zero_eval(op_context *c) {
    const shape *s = input_shape(c, 0);
    int64_t count = op_elements(&c->inputs[0]), found = 0;
    for (int64_t i = 0; i < count; i++)
        found += input_f64_at(c, 0, i, 0) != 0;
    shape out = {.rank = 2, .dims = {s->rank, found}};
    ACCEL_TRY(op_allocate_output(c, 0, &out));
    int64_t *to = c->output_data[0], column = 0;
    for (int64_t i = 0; i < count; i++) {
        if (input_f64_at(c, 0, i, 0) == 0)
            continue;
        int64_t rest = i;
        for (int d = s->rank - 1; d >= 0; d--) {
            to[d * found + column] = rest % s->dims[d];
            rest /= s->dims[d];
        }
        column++;
    }
    return ACCEL_OK;
}

static const op_attr_def compress_attrs[] = {{"axis", ATTR_INT, false, "flattened"}};

/* How many of an axis stay; the condition may be shorter than it, when the rest is dropped. Longer, its rest is ignored. */
static int64_t compress_count(const op_context *c, int64_t length) {
    const uint8_t *condition = c->inputs[1].data;
    int64_t given = op_elements(&c->inputs[1]), kept = 0;
    for (int64_t i = 0; i < given && i < length; i++)
        kept += condition[i] != 0;
    return kept;
}

static accel_status compress_infer(op_context *c) {
    const shape *in = input_shape(c, 0);
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_BOOL));
    ACCEL_TRY(require_rank(c, 1, 1, 1));
    shape out = shape_unknown();
    int axis = 0;
    int64_t length = DIM_UNKNOWN;
    if (!op_attr(c, "axis")) {
        out = (shape){.rank = 1, .dims = {DIM_UNKNOWN}};
        length = input_is_static(c, 0) ? op_elements(&c->inputs[0]) : DIM_UNKNOWN;
    } else if (in->rank != RANK_UNKNOWN) {
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), in->rank, &axis));
        out = *in;
        length = in->dims[axis];
        out.dims[axis] = DIM_UNKNOWN;
    }
    if (length >= 0 && c->inputs[1].data)
        out.dims[axis] = compress_count(c, length);
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status compress_eval(op_context *c) {
    const shape *in = input_shape(c, 0);
    int axis = 0;
    axis_split s = {1, op_elements(&c->inputs[0]), 1};
    shape out = {.rank = 1};
    if (op_attr(c, "axis")) {
        ACCEL_TRY(require_axis(c, op_attr_int(c, "axis", 0), in->rank, &axis));
        s = split_at(in, axis);
        out = *in;
    }
    const uint8_t *condition = c->inputs[1].data;
    int64_t length = op_elements(&c->inputs[1]);
    length = length > s.length ? s.length : length;
    out.dims[axis] = compress_count(c, length);
    ACCEL_TRY(op_allocate_output(c, 0, &out));
    size_t part = (size_t)s.inner * movable_bytes(input_type(c, 0));
    const uint8_t *from = movable_input(c, 0);
    uint8_t *filled = movable_output(c, 0), *to = filled;
    if (!from || !filled)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t o = 0; o < s.outer; o++) {
        for (int64_t i = 0; i < length && part > 0; i++) {
            if (!condition[i])
                continue;
            memcpy(to, from + (size_t)(o * s.length + i) * part, part);
            to += part;
        }
    }
    movable_finish(c, 0, filled);
    return ACCEL_OK;
}

/* ---- ReverseSequence ---------------------------------------------------------------------------------------------------------------- */

static const op_attr_def reverse_attrs[] = {{"batch_axis", ATTR_INT, false, "1"},
                                            {"time_axis", ATTR_INT, false, "0"}};

static accel_status reverse_infer(op_context *c) {
    int64_t batch = op_attr_int(c, "batch_axis", 1), time = op_attr_int(c, "time_axis", 0);
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_rank(c, 0, 2, TENSOR_MAX_RANK));
    ACCEL_TRY(require_rank(c, 1, 1, 1));
    if (batch < 0 || batch > 1 || time < 0 || time > 1 || batch == time)
        return op_fail(c, ACCEL_BAD_GRAPH, "batch_axis and time_axis must be 0 and 1");
    if (input_rank(c, 0) != RANK_UNKNOWN) {
        int64_t dim = input_dim(c, 0, (int)batch);
        ACCEL_TRY(merge_dim(c, "the batch and the lengths", &dim, input_dim(c, 1, 0)));
    }
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status reverse_eval(op_context *c) {
    const shape *s = input_shape(c, 0);
    bool batch_first = op_attr_int(c, "batch_axis", 1) == 0;
    int64_t time = s->dims[batch_first ? 1 : 0], block = dims_product(s->dims + 2, s->rank - 2);
    size_t part = (size_t)block * movable_bytes(input_type(c, 0));
    const uint8_t *from = movable_input(c, 0);
    uint8_t *to = movable_output(c, 0);
    if (!from || !to)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < s->dims[0] * s->dims[1]; i++) {
        int64_t row = i / s->dims[1], column = i % s->dims[1];
        int64_t batch = batch_first ? row : column, step = batch_first ? column : row;
        int64_t length = input_i64_at(c, 1, batch, 0);
        if (length < 0 || length > time)
            return op_fail(c, ACCEL_BAD_GRAPH, "a length of %lld in a sequence of %lld", (long long)length,
                           (long long)time);
        int64_t source = step < length ? length - 1 - step : step;
        int64_t at = batch_first ? batch * time + source : source * s->dims[1] + batch;
        if (part)
            memcpy(to + (size_t)i * part, from + (size_t)at * part, part);
    }
    movable_finish(c, 0, to);
    return ACCEL_OK;
}

#define MOVES OP_DATA_MOVEMENT

static const op_def gather_ops[] = {
    {"", "Gather", 2, 2, 1, 1, MOVES, OPS_LIST(axis_attrs), gather_infer, cost_of_selection, gather_eval},
    {"", "GatherElements", 2, 2, 1, 1, MOVES, OPS_LIST(axis_attrs), gather_elements_infer, cost_of_selection,
     gather_elements_eval},
    {"", "GatherND", 2, 2, 1, 1, MOVES, OPS_LIST(gather_nd_attrs), gather_nd_infer, cost_of_selection,
     gather_nd_eval},
    {"", "ScatterElements", 3, 3, 1, 1, MOVES, OPS_LIST(scatter_elements_attrs), scatter_elements_infer, NULL,
     scatter_elements_eval},
    {"", "ScatterND", 3, 3, 1, 1, MOVES, OPS_LIST(scatter_nd_attrs), scatter_nd_infer, NULL, scatter_nd_eval},
    {"", "TensorScatter", 2, 3, 1, 1, MOVES, OPS_LIST(tensor_scatter_attrs), tensor_scatter_infer, NULL,
     tensor_scatter_eval},
    {"", "OneHot", 3, 3, 1, 1, MOVES, OPS_LIST(one_hot_attrs), one_hot_infer, NULL, one_hot_eval},
    {"", "NonZero", 1, 1, 1, 1, 0, OPS_NONE, non_zero_infer, NULL, non_zero_eval},
    {"", "Compress", 2, 2, 1, 1, MOVES, OPS_LIST(compress_attrs), compress_infer, NULL, compress_eval},
    {"", "ReverseSequence", 2, 2, 1, 1, MOVES, OPS_LIST(reverse_attrs), reverse_infer, NULL, reverse_eval},
};
OPS_FAMILY(gather, gather_ops);
