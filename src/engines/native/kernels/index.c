/* GatherElements, GatherND, ScatterElements, ScatterND of elements of any size. An index out of range fails and names the node:
 * all are checked before anything moves, but for GatherElements, which checks on the way. Scatters go in the order of their
 * indices, on one thread: the last one wins. */
#include <string.h>

#include "engines/native/kernels/kernels.h"

typedef enum scatter_kind {
    SCATTER_NONE,
    SCATTER_ADD,
    SCATTER_MUL,
    SCATTER_MAX,
    SCATTER_MIN,
    SCATTER_UNKNOWN
} scatter_kind;

typedef struct index_state {
    size_t element_bytes;
    scatter_kind kind;
    /* …Elements: rows of the last dim of the indices */
    int rank, axis;
    int64_t dims[TENSOR_MAX_RANK], strides[TENSOR_MAX_RANK]; /* of the indices; of the data */
    int64_t length, rows, width;                             /* length: of the data's axis */
    /* …ND: rows of `depth` indices, each of a block of elements */
    int64_t batch, depth, block, rows_a_batch;
} index_state;

static int64_t index_at(const kernel_value *v, int64_t i) {
    return v->type == DTYPE_I64 ? ((const int64_t *)v->data)[i] : ((const int32_t *)v->data)[i];
}

static accel_status require_index(const kernel_call *c, int64_t index, int64_t dim) {
    if (index < -dim || index >= dim) {
        return kernel_fail(c, ACCEL_BAD_GRAPH, "index %lld is outside an axis of %lld", (long long)index,
                           (long long)dim);
    }
    return ACCEL_OK;
}

static scatter_kind read_scatter(const kernel_call *c) {
    static const char *const names[] = {"none", "add", "mul", "max", "min"};
    const char *name = node_attr_string(c->node, "reduction", "none");
    for (int i = 0; i < SCATTER_UNKNOWN; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (scatter_kind)i;
        }
    }
    return SCATTER_UNKNOWN;
}

static bool moves_bytes(const kernel_call *c) {
    const unsigned bits = dtype_bits(c->inputs[0]->type);
    return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

/* Sums and the like of f32 only. */
static bool scatter_fits(const kernel_call *c) {
    scatter_kind kind = read_scatter(c);
    return moves_bytes(c) && kind != SCATTER_UNKNOWN && (kind == SCATTER_NONE || kernel_is_f32(c->inputs[0]));
}

static index_state *start_state(kernel_call *c) {
    index_state *s = kernel_state(c, sizeof *s);
    if (s != NULL) {
        s->element_bytes = dtype_bits(c->inputs[0]->type) / 8;
        s->kind = read_scatter(c);
        c->state = s;
    }
    return s;
}

/* ---- …Elements ---------------------------------------------------------------------------------------------------------- */

static bool has_axis(const kernel_call *c) {
    int axis;
    return c->inputs[0]->shape.rank > 0 &&
           shape_axis(kernel_attr_int(c, "axis", 0), c->inputs[0]->shape.rank, &axis);
}
static bool gather_elements_accepts(const kernel_call *c) {
    return moves_bytes(c) && has_axis(c);
}
static bool scatter_elements_accepts(const kernel_call *c) {
    return scatter_fits(c) && has_axis(c);
}

static accel_status elements_prepare(kernel_call *c) {
    index_state *s = start_state(c);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape;
    (void)shape_axis(kernel_attr_int(c, "axis", 0), x->rank, &s->axis);
    s->rank = x->rank;
    int64_t step = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        s->dims[d] = c->inputs[1]->shape.dims[d];
        s->strides[d] = step;
        step *= x->dims[d];
    }
    s->length = x->dims[s->axis];
    s->width = s->dims[s->rank - 1];
    s->rows = product_of(s->dims, s->rank - 1);
    c->variant = "single elements";
    return ACCEL_OK;
}

static accel_status check_elements(const kernel_call *c) {
    const index_state *s = c->state;
    const int64_t count = s->rows * s->width;
    const uint64_t length = (uint64_t)s->length;
    bool outside = c->inputs[1]->type != DTYPE_I64; /* or not known yet */
    for (int64_t i = 0; i < count && c->inputs[1]->type == DTYPE_I64; i++) {
        outside |= (uint64_t)((const int64_t *)c->inputs[1]->data)[i] + length >= 2 * length;
    }
    for (int64_t i = 0; i < count && outside; i++) {
        ACCEL_TRY(require_index(c, index_at(c->inputs[1], i), s->length));
    }
    return ACCEL_OK;
}

/* The place in the data of each index of a row. */
static int64_t row_place(const index_state *s, int64_t row) {
    int64_t place = 0;
    for (int d = s->rank - 2; d >= 0; d--) {
        place += d == s->axis ? 0 : row % s->dims[d] * s->strides[d];
        row /= s->dims[d];
    }
    return place;
}
INLINE int64_t element_place(const index_state *s, const kernel_value *indices, int64_t base, int64_t row,
                             int64_t i) {
    int64_t index = index_at(indices, row * s->width + i);
    index += index < 0 ? s->length : 0;
    return base + (s->axis == s->rank - 1 ? index : i + index * s->strides[s->axis]);
}

/* Elements of a row: element i comes from index[i] * step + i * along. Whether some index is outside, for which the first
 * element stands; the caller then says which. bytes, step and along are constants where they matter. */
#define TAKE(type)                                                                                           \
    INLINE bool take_##type(const type *index, int64_t n, int64_t length, const int64_t step,                \
                            const int64_t along, const char *from, const size_t bytes, char *out) {          \
        bool outside = false;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            int64_t at = (int64_t)index[i] + (index[i] < 0 ? length : 0);                                    \
            bool wrong = (uint64_t)at >= (uint64_t)length;                                                   \
            outside |= wrong;                                                                                \
            at = wrong ? 0 : at;                                                                             \
            memcpy(out + (size_t)i * bytes, from + (size_t)(at * step + i * along) * bytes, bytes);          \
        }                                                                                                    \
        return outside;                                                                                      \
    }
TAKE(int64_t)
TAKE(int32_t)

/* bytes is a constant where this is inlined. */
INLINE bool take_row(const kernel_call *c, int64_t row, const size_t bytes) {
    const index_state *s = c->state;
    const bool last = s->axis == s->rank - 1;
    const int64_t step = s->strides[s->axis], first = row * s->width;
    const char *from = (const char *)c->inputs[0]->data + (size_t)row_place(s, row) * bytes;
    char *out = (char *)c->outputs[0]->data + (size_t)first * bytes;
    if (c->inputs[1]->type == DTYPE_I64) {
        const int64_t *index = (const int64_t *)c->inputs[1]->data + first;
        return last ? take_int64_t(index, s->width, s->length, 1, 0, from, bytes, out)
                    : take_int64_t(index, s->width, s->length, step, 1, from, bytes, out);
    }
    const int32_t *index = (const int32_t *)c->inputs[1]->data + first;
    return last ? take_int32_t(index, s->width, s->length, 1, 0, from, bytes, out)
                : take_int32_t(index, s->width, s->length, step, 1, from, bytes, out);
}

typedef struct take_job {
    const kernel_call *call;
    bool outside; /* written by any thread, only ever to true */
} take_job;

static void take_task(void *context, size_t begin, size_t end, int worker) {
    take_job *job = context;
    const kernel_call *c = job->call;
    const index_state *s = c->state;
    bool outside = false;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        switch (s->element_bytes) {
        case 4:
            outside |= take_row(c, (int64_t)i, 4);
            break;
        case 8:
            outside |= take_row(c, (int64_t)i, 8);
            break;
        default:
            outside |= take_row(c, (int64_t)i, s->element_bytes);
            break;
        }
    }
    if (outside) {
        __atomic_store_n(&job->outside, true, __ATOMIC_RELAXED);
    }
}

static accel_status gather_elements_run(kernel_call *c) {
    const index_state *s = c->state;
    int64_t n = s->rows * s->width;
    take_job job = {c, s->length == 0};
    if (n > 0 && s->length > 0) {
        thread_pool_for(pool_for(c, n), (size_t)s->rows, grain_for((size_t)s->rows, n), take_task, &job);
    }
    return job.outside ? check_elements(c) : ACCEL_OK;
}

/* ---- scattering ------------------------------------------------------------------------------------------------------------ */

static void copy_data(const kernel_call *c) {
    const index_state *s = c->state;
    size_t bytes = (size_t)value_elements(c->inputs[0]) * s->element_bytes;
    if (bytes > 0 && c->outputs[0]->data != c->inputs[0]->data) {
        memcpy(c->outputs[0]->data, c->inputs[0]->data, bytes);
    }
}

/* `count` neighbouring elements of updates, from `from`, meet those of the output at `to`. */
static void scatter(const kernel_call *c, int64_t from, int64_t to, int64_t count) {
    const index_state *s = c->state;
    if (s->kind == SCATTER_NONE) {
        memcpy((char *)c->outputs[0]->data + (size_t)to * s->element_bytes,
               (const char *)c->inputs[2]->data + (size_t)from * s->element_bytes,
               (size_t)count * s->element_bytes);
        return;
    }
    const float *y = (const float *)c->inputs[2]->data + from;
    float *x = (float *)c->outputs[0]->data + to;
    for (int64_t i = 0; i < count; i++) {
        x[i] = s->kind == SCATTER_ADD   ? x[i] + y[i]
               : s->kind == SCATTER_MUL ? x[i] * y[i]
               : s->kind == SCATTER_MAX ? (y[i] > x[i] ? y[i] : x[i])
                                        : (y[i] < x[i] ? y[i] : x[i]);
    }
}

static accel_status scatter_elements_run(kernel_call *c) {
    const index_state *s = c->state;
    ACCEL_TRY(check_elements(c));
    copy_data(c);
    for (int64_t row = 0; row < s->rows && s->width > 0; row++) {
        int64_t base = row_place(s, row);
        for (int64_t i = 0; i < s->width; i++) {
            scatter(c, row * s->width + i, element_place(s, c->inputs[1], base, row, i), 1);
        }
    }
    return ACCEL_OK;
}

/* ---- …ND -------------------------------------------------------------------------------------------------------------------- */

static bool gather_nd_accepts(const kernel_call *c) {
    return moves_bytes(c) && c->inputs[1]->shape.rank > 0;
}
static bool scatter_nd_accepts(const kernel_call *c) {
    return scatter_fits(c) && c->inputs[1]->shape.rank > 0;
}

static accel_status nd_prepare(kernel_call *c) {
    index_state *s = start_state(c);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape, *indices = &c->inputs[1]->shape;
    s->batch = kernel_attr_int(c, "batch_dims", 0);
    s->depth = indices->dims[indices->rank - 1];
    s->rows = product_of(indices->dims, indices->rank - 1);
    int64_t batches = product_of(x->dims, (int)s->batch);
    s->rows_a_batch = batches > 0 ? s->rows / batches : 0;
    int blocks = (int)(s->batch + s->depth);
    s->block = product_of(x->dims + blocks, x->rank - blocks);
    c->variant = "blocks by index";
    return ACCEL_OK;
}

static accel_status check_nd(const kernel_call *c) {
    const index_state *s = c->state;
    const int64_t *dims = c->inputs[0]->shape.dims + s->batch;
    for (int64_t i = 0; i < s->rows * s->depth; i++) {
        ACCEL_TRY(require_index(c, index_at(c->inputs[1], i), dims[i % s->depth]));
    }
    return ACCEL_OK;
}

/* The block that a row of indices addresses. */
static int64_t nd_place(const kernel_call *c, int64_t row) {
    const index_state *s = c->state;
    const int64_t *dims = c->inputs[0]->shape.dims + s->batch;
    int64_t place = s->rows_a_batch > 0 ? row / s->rows_a_batch : 0;
    for (int64_t i = 0; i < s->depth; i++) {
        int64_t index = index_at(c->inputs[1], row * s->depth + i);
        place = place * dims[i] + index + (index < 0 ? dims[i] : 0);
    }
    return place;
}

static void blocks_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const index_state *s = c->state;
    const size_t bytes = (size_t)s->block * s->element_bytes;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const char *from = (const char *)c->inputs[0]->data + (size_t)nd_place(c, (int64_t)i) * bytes;
        memcpy((char *)c->outputs[0]->data + i * bytes, from, bytes);
    }
}

static accel_status gather_nd_run(kernel_call *c) {
    const index_state *s = c->state;
    int64_t n = s->rows * s->block;
    ACCEL_TRY(check_nd(c));
    if (n > 0) {
        thread_pool_for(pool_for(c, n), (size_t)s->rows, grain_for((size_t)s->rows, n), blocks_task, c);
    }
    return ACCEL_OK;
}

static accel_status scatter_nd_run(kernel_call *c) {
    const index_state *s = c->state;
    ACCEL_TRY(check_nd(c));
    copy_data(c);
    for (int64_t row = 0; row < s->rows && s->block > 0; row++) {
        scatter(c, row * s->block, nd_place(c, row) * s->block, s->block);
    }
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "GatherElements", 0, gather_elements_accepts, elements_prepare, gather_elements_run},
    {"", "ScatterElements", 0, scatter_elements_accepts, elements_prepare, scatter_elements_run},
    {"", "GatherND", 0, gather_nd_accepts, nd_prepare, gather_nd_run},
    {"", "ScatterND", 0, scatter_nd_accepts, nd_prepare, scatter_nd_run},
};
KERNEL_FAMILY(index, kernels);
