/* What keeps, drops or places whole elements of any size: OneHot, Trilu, Compress, ReverseSequence. */
#include <string.h>

#include "engines/native/kernels/kernels.h"

/* A view of a tensor along one axis, or rows of a matrix. */
typedef struct select_state {
    int64_t outer, length, inner;
    size_t element_bytes;
    bool upper;       /* Trilu */
    bool batch_first; /* ReverseSequence */
} select_state;

static bool moves_bytes(const kernel_value *v) {
    const unsigned bits = dtype_bits(v->type);
    return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

static select_state *start_state(kernel_call *c, size_t moved, const char *variant) {
    select_state *s = kernel_state(c, sizeof *s);
    if (s != NULL) {
        s->element_bytes = dtype_bits(c->inputs[moved]->type) / 8;
        c->state = s;
        c->variant = variant;
    }
    return s;
}

static void split_axis(select_state *s, const shape *x, int axis) {
    s->outer = product_of(x->dims, axis);
    s->length = x->dims[axis];
    s->inner = product_of(x->dims + axis + 1, x->rank - axis - 1);
}

static accel_status run_rows(kernel_call *c, int64_t rows, int64_t elements, thread_task task,
                             void *context) {
    if (rows > 0 && elements > 0) {
        thread_pool_for(pool_for(c, elements), (size_t)rows, grain_for((size_t)rows, elements), task,
                        context);
    }
    return ACCEL_OK;
}

/* ---- OneHot --------------------------------------------------------------------------------------------------------------- */

enum { INDICES, DEPTH, VALUES };

static bool one_hot_accepts(const kernel_call *c) {
    const dtype t = c->inputs[INDICES]->type;
    int axis;
    return (t == DTYPE_I64 || t == DTYPE_I32 || t == DTYPE_F32) && moves_bytes(c->inputs[VALUES]) &&
           shape_axis(kernel_attr_int(c, "axis", -1), c->outputs[0]->shape.rank, &axis);
}

static accel_status one_hot_prepare(kernel_call *c) {
    select_state *s = start_state(c, VALUES, "one hot");
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    int axis = 0;
    (void)shape_axis(kernel_attr_int(c, "axis", -1), c->outputs[0]->shape.rank, &axis);
    split_axis(s, &c->outputs[0]->shape, axis);
    return ACCEL_OK;
}

/* Whether the index is within [-length, length); *row is then the one it means. Fractions are cut off. */
static bool one_hot_row(const kernel_value *indices, int64_t at, int64_t length, int64_t *row) {
    switch (indices->type) {
    case DTYPE_I64:
        *row = ((const int64_t *)indices->data)[at];
        break;
    case DTYPE_I32:
        *row = ((const int32_t *)indices->data)[at];
        break;
    default: {
        float x = ((const float *)indices->data)[at];
        if (!(__builtin_fabsf(x) < 9e18f)) {
            return false;
        }
        *row = (int64_t)x;
        break;
    }
    }
    if (*row < -length || *row >= length) {
        return false;
    }
    *row += *row < 0 ? length : 0;
    return true;
}

/* bytes is a constant where this is inlined. */
INLINE void fill_with(char *to, const char *value, int64_t count, const size_t bytes) {
    for (int64_t i = 0; i < count; i++) {
        memcpy(to + (size_t)i * bytes, value, bytes);
    }
}

static void fill(char *to, const char *value, int64_t count, size_t bytes) {
    switch (bytes) {
    case 1:
        memset(to, *value, (size_t)count);
        break;
    case 2:
        fill_with(to, value, count, 2);
        break;
    case 4:
        fill_with(to, value, count, 4);
        break;
    default:
        fill_with(to, value, count, 8);
        break;
    }
}

static void one_hot_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const select_state *s = c->state;
    const size_t bytes = s->element_bytes;
    const char *off = c->inputs[VALUES]->data, *on = off + bytes;
    const int64_t block = s->length * s->inner;
    (void)worker;
    for (int64_t o = (int64_t)begin; o < (int64_t)end; o++) {
        char *out = (char *)c->outputs[0]->data + (size_t)(o * block) * bytes;
        fill(out, off, block, bytes);
        for (int64_t i = 0; i < s->inner; i++) {
            int64_t row;
            if (one_hot_row(c->inputs[INDICES], o * s->inner + i, s->length, &row)) {
                memcpy(out + (size_t)(row * s->inner + i) * bytes, on, bytes);
            }
        }
    }
}

static accel_status one_hot_run(kernel_call *c) {
    const select_state *s = c->state;
    return run_rows(c, s->outer, s->outer * s->length * s->inner, one_hot_task, c);
}

/* ---- Trilu ------------------------------------------------------------------------------------------------------------------ */

static bool trilu_accepts(const kernel_call *c) {
    return moves_bytes(c->inputs[0]) && c->inputs[0]->shape.rank >= 2;
}

static accel_status trilu_prepare(kernel_call *c) {
    select_state *s = start_state(c, 0, "triangle");
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape;
    s->outer = product_of(x->dims, x->rank - 2);
    s->length = x->dims[x->rank - 2];
    s->inner = x->dims[x->rank - 1];
    s->upper = kernel_attr_int(c, "upper", 1) != 0;
    return ACCEL_OK;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
}

/* Columns of a row before the diagonal are those on its left, and, of a lower triangle, on it. */
static void trilu_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const select_state *s = c->state;
    const size_t bytes = s->element_bytes, row_bytes = (size_t)s->inner * bytes;
    /* Beyond the matrix every diagonal is the same: the clamp keeps row + k from overflowing. */
    const int64_t k =
        kernel_has(c, 1) ? clamp(((const int64_t *)c->inputs[1]->data)[0], -s->length - 1, s->inner + 1) : 0;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const char *from = (const char *)c->inputs[0]->data + i * row_bytes;
        char *to = (char *)c->outputs[0]->data + i * row_bytes;
        int64_t row = (int64_t)i % s->length;
        size_t before = (size_t)clamp(row + k + (s->upper ? 0 : 1), 0, s->inner) * bytes;
        size_t kept = s->upper ? before : 0, end_of_kept = s->upper ? row_bytes : before;
        if (to != from) {
            memcpy(to + kept, from + kept, end_of_kept - kept);
        }
        memset(to + (s->upper ? 0 : before), 0, s->upper ? before : row_bytes - before);
    }
}

static accel_status trilu_run(kernel_call *c) {
    const select_state *s = c->state;
    return run_rows(c, s->outer * s->length, value_elements(c->inputs[0]), trilu_task, c);
}

/* ---- Compress ----------------------------------------------------------------------------------------------------------------- */

static bool compress_accepts(const kernel_call *c) {
    int axis;
    return moves_bytes(c->inputs[0]) &&
           (node_attr(c->node, "axis") == NULL ||
            shape_axis(kernel_attr_int(c, "axis", 0), c->inputs[0]->shape.rank, &axis));
}

static accel_status compress_prepare(kernel_call *c) {
    select_state *s = start_state(c, 0, "rows by condition");
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    int axis = 0;
    *s = (select_state){1, value_elements(c->inputs[0]), 1, s->element_bytes, false, false};
    if (node_attr(c->node, "axis") != NULL) {
        (void)shape_axis(kernel_attr_int(c, "axis", 0), c->inputs[0]->shape.rank, &axis);
        split_axis(s, &c->inputs[0]->shape, axis);
    }
    return ACCEL_OK;
}

static void compress_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const select_state *s = c->state;
    const uint8_t *condition = c->inputs[1]->data;
    const size_t part = (size_t)s->inner * s->element_bytes;
    const int64_t given = value_elements(c->inputs[1]), length = given < s->length ? given : s->length,
                  kept = value_elements(c->outputs[0]) / (s->outer * s->inner);
    (void)worker;
    for (size_t o = begin; o < end; o++) {
        const char *from = (const char *)c->inputs[0]->data + o * (size_t)s->length * part;
        char *to = (char *)c->outputs[0]->data + o * (size_t)kept * part;
        for (int64_t i = 0; i < length; i++) {
            if (condition[i] != 0) {
                memcpy(to, from + (size_t)i * part, part);
                to += part;
            }
        }
    }
}

/* A declared output may not be what a condition of this run keeps. */
static accel_status check_kept(const kernel_call *c) {
    const select_state *s = c->state;
    const uint8_t *condition = c->inputs[1]->data;
    const int64_t given = value_elements(c->inputs[1]);
    int64_t kept = 0;
    for (int64_t i = 0; i < given && i < s->length; i++) {
        kept += condition[i] != 0;
    }
    if (s->outer * kept * s->inner != value_elements(c->outputs[0])) {
        return kernel_fail(c, ACCEL_BAD_GRAPH, "the condition keeps %lld, the output is for another number",
                           (long long)kept);
    }
    return ACCEL_OK;
}

static accel_status compress_run(kernel_call *c) {
    const select_state *s = c->state;
    ACCEL_TRY(check_kept(c));
    return run_rows(c, s->outer, value_elements(c->outputs[0]), compress_task, c);
}

/* ---- ReverseSequence ------------------------------------------------------------------------------------------------------------ */

static bool reverse_accepts(const kernel_call *c) {
    return moves_bytes(c->inputs[0]) && c->inputs[0]->shape.rank >= 2;
}

static accel_status reverse_prepare(kernel_call *c) {
    select_state *s = start_state(c, 0, "rows of sequences");
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    split_axis(s, &c->inputs[0]->shape, 1);
    s->batch_first = kernel_attr_int(c, "batch_axis", 1) == 0;
    return ACCEL_OK;
}

static void reverse_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const select_state *s = c->state;
    const size_t part = (size_t)s->inner * s->element_bytes;
    const int64_t *lengths = c->inputs[1]->data;
    (void)worker;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        int64_t row = i / s->length, column = i % s->length;
        int64_t batch = s->batch_first ? row : column, step = s->batch_first ? column : row;
        int64_t source = step < lengths[batch] ? lengths[batch] - 1 - step : step;
        int64_t at = s->batch_first ? batch * s->length + source : source * s->length + batch;
        memcpy((char *)c->outputs[0]->data + (size_t)i * part,
               (const char *)c->inputs[0]->data + (size_t)at * part, part);
    }
}

static accel_status reverse_run(kernel_call *c) {
    const select_state *s = c->state;
    const int64_t *lengths = c->inputs[1]->data;
    const int64_t time = s->batch_first ? s->length : s->outer, rows = s->outer * s->length;
    for (int64_t i = 0; i < value_elements(c->inputs[1]) && rows > 0; i++) {
        if (lengths[i] < 0 || lengths[i] > time) {
            return kernel_fail(c, ACCEL_BAD_GRAPH, "a length of %lld in a sequence of %lld",
                               (long long)lengths[i], (long long)time);
        }
    }
    return run_rows(c, rows, value_elements(c->inputs[0]), reverse_task, c);
}

static const kernel_def kernels[] = {
    {"", "OneHot", 0, one_hot_accepts, one_hot_prepare, one_hot_run},
    {"", "Trilu", KERNEL_IN_PLACE, trilu_accepts, trilu_prepare, trilu_run},
    {"", "Compress", 0, compress_accepts, compress_prepare, compress_run},
    {"", "ReverseSequence", 0, reverse_accepts, reverse_prepare, reverse_run},
};
KERNEL_FAMILY(select, kernels);
