/* Data movement: the change of layout, Transpose, Concat, Split, Slice, Gather. */
#include <string.h>

#include "base/checked.h"
#include "engines/native/kernels/copy.h"
#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/square.h"

/* ---- transposing matrices ------------------------------------------------------------------------------------------ */

/* The edges of a matrix, where no whole square is left. */
static void transpose_edge(const uint32_t *in, int64_t in_stride, uint32_t *out, int64_t out_stride,
                           int64_t rows, int64_t columns) {
    for (int64_t c = 0; c < columns; c++) {
        for (int64_t r = 0; r < rows; r++) {
            out[c * out_stride + r] = in[r * in_stride + c];
        }
    }
}

static void transpose_whole(const uint32_t *in, int64_t in_stride, uint32_t *out, int64_t out_stride) {
    vf x[VW];
    UNROLL for (int i = 0; i < VW; i++) {
        x[i] = v_load((const float *)(const void *)(in + i * in_stride));
    }
    transpose_square(x);
    UNROLL for (int i = 0; i < VW; i++) {
        v_store((float *)(void *)(out + i * out_stride), x[i]);
    }
}

/* out[c * out_stride + r] = in[r * in_stride + c]. */
static void transpose_f32(const uint32_t *in, int64_t in_stride, uint32_t *out, int64_t out_stride,
                          int64_t rows, int64_t columns) {
    const int64_t whole_rows = rows - rows % VW, whole_columns = columns - columns % VW;
    for (int64_t c = 0; c < whole_columns; c += VW) {
        for (int64_t r = 0; r < whole_rows; r += VW) {
            transpose_whole(in + r * in_stride + c, in_stride, out + c * out_stride + r, out_stride);
        }
    }
    transpose_edge(in + whole_columns, in_stride, out + whole_columns * out_stride, out_stride, whole_rows,
                   columns - whole_columns);
    transpose_edge(in + whole_rows * in_stride, in_stride, out + whole_rows, out_stride, rows - whole_rows,
                   columns);
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef bytes16 bytes16_unaligned __attribute__((aligned(1), may_alias));

/* Sixteen rows of sixteen bytes: four rounds that each interleave row i with row i + 8. */
INLINE void transpose_16x16(const uint8_t *in, int64_t in_stride, uint8_t *out, int64_t out_stride) {
    bytes16 rows[16], mixed[16];
    UNROLL for (int i = 0; i < 16; i++) {
        rows[i] = *(const bytes16_unaligned *)(in + i * in_stride);
    }
    UNROLL for (int round = 0; round < 4; round++) {
        UNROLL for (int i = 0; i < 8; i++) {
            mixed[2 * i] = __builtin_shufflevector(rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5,
                                                   21, 6, 22, 7, 23);
            mixed[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12,
                                                       28, 13, 29, 14, 30, 15, 31);
        }
        UNROLL for (int i = 0; i < 16; i++) {
            rows[i] = mixed[i];
        }
    }
    UNROLL for (int i = 0; i < 16; i++) {
        *(bytes16_unaligned *)(out + i * out_stride) = rows[i];
    }
}

static void transpose_bytes(const uint8_t *in, int64_t in_stride, uint8_t *out, int64_t out_stride,
                            int64_t rows, int64_t columns) {
    enum { TILE_SIDE = 16 };
    for (int64_t r0 = 0; r0 < rows; r0 += TILE_SIDE) {
        int64_t r1 = r0 + TILE_SIDE < rows ? r0 + TILE_SIDE : rows;
        for (int64_t c0 = 0; c0 < columns; c0 += TILE_SIDE) {
            int64_t c1 = c0 + TILE_SIDE < columns ? c0 + TILE_SIDE : columns;
            if (r1 - r0 == 16 && c1 - c0 == 16) {
                transpose_16x16(in + r0 * in_stride + c0, in_stride, out + c0 * out_stride + r0, out_stride);
                continue;
            }
            for (int64_t c = c0; c < c1; c++) {
                for (int64_t r = r0; r < r1; r++) {
                    out[c * out_stride + r] = in[r * in_stride + c];
                }
            }
        }
    }
}

/* ---- Layout: between [N][C][pixels] and [N][pixels][C] -------------------------------------------------------------- */

static bool layout_accepts(const kernel_call *c) {
    return dtype_bits(c->inputs[0]->type) == 32 || dtype_bits(c->inputs[0]->type) == 8;
}

static accel_status layout_prepare(kernel_call *c) {
    c->variant = c->outputs[0]->channels_last ? "to channels-last" : "to row-major";
    return ACCEL_OK;
}

enum { LAYOUT_PIXELS = 256 }; /* in one piece of work */

static void layout_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const shape *s = &c->inputs[0]->shape;
    const int64_t channels = s->dims[1], pixels = product_of(s->dims + 2, s->rank - 2);
    const int64_t pieces = (pixels + LAYOUT_PIXELS - 1) / LAYOUT_PIXELS;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t image = (int64_t)i / pieces, first = (int64_t)i % pieces * LAYOUT_PIXELS;
        int64_t count = pixels - first < LAYOUT_PIXELS ? pixels - first : LAYOUT_PIXELS;
        const bool to_last = c->outputs[0]->channels_last;
        const int64_t stride = to_last ? c->outputs[0]->pixel_stride : c->inputs[0]->pixel_stride;
        const int64_t plane = image * channels * pixels + first, pixel = (image * pixels + first) * stride;
        const int64_t from = to_last ? plane : pixel, to = to_last ? pixel : plane;
        const int64_t from_stride = to_last ? pixels : stride, to_stride = to_last ? stride : pixels;
        const int64_t rows = to_last ? channels : count, columns = to_last ? count : channels;
        if (dtype_bits(c->inputs[0]->type) == 8) {
            transpose_bytes((const uint8_t *)c->inputs[0]->data + from, from_stride,
                            (uint8_t *)c->outputs[0]->data + to, to_stride, rows, columns);
        } else {
            transpose_f32((const uint32_t *)c->inputs[0]->data + from, from_stride,
                          (uint32_t *)c->outputs[0]->data + to, to_stride, rows, columns);
        }
    }
}

static accel_status layout_run(kernel_call *c) {
    const shape *s = &c->inputs[0]->shape;
    int64_t pixels = product_of(s->dims + 2, s->rank - 2), n = value_elements(c->inputs[0]);
    size_t pieces = (size_t)(s->dims[0] * ((pixels + LAYOUT_PIXELS - 1) / LAYOUT_PIXELS));
    thread_pool_for(pool_for(c, n), pieces, grain_for(pieces, n), layout_task, c);
    return ACCEL_OK;
}

/* ---- ChannelShuffle: channel j of the output is channel (j mod groups) · C/groups + j / groups of the input ------------- */

static bool shuffle_accepts(const kernel_call *c) {
    size_t bits = dtype_bits(c->inputs[0]->type);
    return (bits == 32 || bits == 8) && c->groups > 0 && c->inputs[0]->shape.dims[1] % c->groups == 0;
}

static accel_status shuffle_prepare(kernel_call *c) {
    c->variant = "shuffle channels";
    return ACCEL_OK;
}

/* groups is a constant where this is inlined: the compiler turns the inner loop into an interleaving of vectors. */
#define SHUFFLE_PIXEL(type)                                                                                  \
    INLINE void shuffle_##type(const type *restrict in, type *restrict out, int64_t each,                    \
                               const int64_t groups) {                                                       \
        for (int64_t k = 0; k < each; k++) {                                                                 \
            for (int64_t g = 0; g < groups; g++) {                                                           \
                out[k * groups + g] = in[g * each + k];                                                      \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static void pixel_of_##type(const kernel_call *c, size_t pixel, int64_t channels) {                      \
        const int64_t each = channels / c->groups, at = (int64_t)pixel * channels;                           \
        const type *in = (const type *)c->inputs[0]->data + at;                                              \
        type *out = (type *)c->outputs[0]->data + at;                                                        \
        if (c->groups == 2) {                                                                                \
            shuffle_##type(in, out, each, 2);                                                                \
        } else if (c->groups == 3) {                                                                         \
            shuffle_##type(in, out, each, 3);                                                                \
        } else if (c->groups == 4) {                                                                         \
            shuffle_##type(in, out, each, 4);                                                                \
        } else {                                                                                             \
            shuffle_##type(in, out, each, c->groups);                                                        \
        }                                                                                                    \
    }
SHUFFLE_PIXEL(uint8_t)
SHUFFLE_PIXEL(uint32_t)
#undef SHUFFLE_PIXEL

static void shuffle_pixels(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const int64_t channels = c->inputs[0]->shape.dims[1];
    const bool bytes = dtype_bits(c->inputs[0]->type) == 8;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        if (bytes) {
            pixel_of_uint8_t(c, i, channels);
        } else {
            pixel_of_uint32_t(c, i, channels);
        }
    }
}

static void shuffle_planes(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const shape *s = &c->inputs[0]->shape;
    const int64_t channels = s->dims[1];
    const size_t plane = (size_t)product_of(s->dims + 2, s->rank - 2) * (dtype_bits(c->inputs[0]->type) / 8);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t image = (int64_t)i / channels, j = (int64_t)i % channels;
        int64_t from = j % c->groups * (channels / c->groups) + j / c->groups;
        memcpy((char *)c->outputs[0]->data + i * plane,
               (const char *)c->inputs[0]->data + (size_t)(image * channels + from) * plane, plane);
    }
}

static accel_status shuffle_run(kernel_call *c) {
    const shape *s = &c->inputs[0]->shape;
    int64_t n = value_elements(c->inputs[0]);
    size_t planes = (size_t)(s->dims[0] * s->dims[1]),
           pixels = planes == 0 ? 0 : (size_t)n / (size_t)s->dims[1];
    if (c->outputs[0]->channels_last) {
        thread_pool_for(pool_for(c, n), pixels, grain_for(pixels, n), shuffle_pixels, c);
    } else {
        thread_pool_for(pool_for(c, n), planes, grain_for(planes, n), shuffle_planes, c);
    }
    return ACCEL_OK;
}

/* ---- Transpose ------------------------------------------------------------------------------------------------------ */

typedef struct transpose_state {
    int rank;                         /* after joining dims that stay together */
    int64_t dims[TENSOR_MAX_RANK];    /* of the output */
    int64_t strides[TENSOR_MAX_RANK]; /* of the input, along the output's dims */
    size_t element_bytes;
    bool is_matrix; /* the last two dims of the output are the transposed ones: tiles of 8 or 32 bits */
} transpose_state;

static void read_transpose(const kernel_call *c, transpose_state *s) {
    const shape *in = &c->inputs[0]->shape;
    const graph_attr *perm = node_attr(c->node, "perm");
    int64_t strides[TENSOR_MAX_RANK], step = 1;
    for (int d = in->rank - 1; d >= 0; d--) {
        strides[d] = step;
        step *= in->dims[d];
    }
    s->rank = 0;
    for (int d = 0; d < in->rank; d++) {
        int from = perm == NULL || perm->count == 0 ? in->rank - 1 - d : (int)perm->ints[d];
        if (in->dims[from] == 1) {
            continue;
        }
        int last = s->rank - 1;
        if (last >= 0 && s->strides[last] == strides[from] * in->dims[from]) {
            s->dims[last] *= in->dims[from];
            s->strides[last] = strides[from];
            continue;
        }
        s->dims[s->rank] = in->dims[from];
        s->strides[s->rank++] = strides[from];
    }
    if (s->rank == 0) {
        s->dims[s->rank] = 1;
        s->strides[s->rank++] = 1;
    }
    s->element_bytes = dtype_bits(c->inputs[0]->type) / 8;
}

static bool transpose_accepts(const kernel_call *c) {
    return dtype_bits(c->inputs[0]->type) >= 8;
}

static accel_status transpose_prepare(kernel_call *c) {
    transpose_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    read_transpose(c, s);
    s->is_matrix = s->rank >= 2 && (s->element_bytes == 4 || s->element_bytes == 1) &&
                   s->strides[s->rank - 1] != 1 && s->strides[s->rank - 2] == 1;
    c->state = s;
    c->variant = s->strides[s->rank - 1] == 1 ? "move rows"
                 : s->is_matrix               ? "transpose tiles"
                                              : "move elements";
    return ACCEL_OK;
}

/* Where row `at` of the outer dims starts in the input. */
static int64_t outer_offset(const transpose_state *s, int outer, size_t at) {
    int64_t offset = 0;
    for (int d = outer - 1; d >= 0; d--) {
        offset += (int64_t)(at % (size_t)s->dims[d]) * s->strides[d];
        at /= (size_t)s->dims[d];
    }
    return offset;
}

static void transpose_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const transpose_state *s = c->state;
    const int outer = s->rank - (s->is_matrix ? 2 : 1);
    const int64_t columns = s->dims[s->rank - 1];
    const int64_t each = s->is_matrix ? columns * s->dims[s->rank - 2] : columns;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const char *in =
            (const char *)c->inputs[0]->data + (size_t)outer_offset(s, outer, i) * s->element_bytes;
        char *out = (char *)c->outputs[0]->data + i * (size_t)each * s->element_bytes;
        if (s->is_matrix && s->element_bytes == 1) {
            transpose_bytes((const uint8_t *)in, s->strides[s->rank - 1], (uint8_t *)out, columns, columns,
                            s->dims[s->rank - 2]);
        } else if (s->is_matrix) {
            transpose_f32((const uint32_t *)(const void *)in, s->strides[s->rank - 1],
                          (uint32_t *)(void *)out, columns, columns, s->dims[s->rank - 2]);
        } else if (s->strides[s->rank - 1] == 1) {
            memcpy(out, in, (size_t)columns * s->element_bytes);
        } else {
            copy_steps(out, (int64_t)s->element_bytes, in,
                       s->strides[s->rank - 1] * (int64_t)s->element_bytes, columns, s->element_bytes);
        }
    }
}

static accel_status transpose_run(kernel_call *c) {
    const transpose_state *s = c->state;
    size_t rows = (size_t)product_of(s->dims, s->rank - (s->is_matrix ? 2 : 1));
    int64_t n = value_elements(c->outputs[0]);
    if (n > 0) {
        thread_pool_for(pool_for(c, n), rows, grain_for(rows, n), transpose_task, c);
    }
    return ACCEL_OK;
}

/* ---- Concat, Split, Slice: rectangles copied by rows ----------------------------------------------------------------- */

/* The dims around an axis as the bytes lie: outer × axis × inner. */
typedef struct axis_view {
    int64_t outer, axis, inner;
    int64_t row_stride; /* elements from one outer index to the next */
} axis_view;

static axis_view view_around(const kernel_value *v, int axis) {
    axis_view view = {1, v->shape.dims[axis], 1, 0};
    int rank = v->shape.rank;
    for (int d = 0; d < rank; d++) {
        /* Channels-last moves dim 1 behind all others. */
        int place = !v->channels_last ? d
                    : d == 1          ? rank
                                      : d,
            axis_place = !v->channels_last ? axis
                         : axis == 1       ? rank
                                           : axis;
        if (place < axis_place) {
            view.outer *= v->shape.dims[d];
        } else if (place > axis_place) {
            view.inner *= v->shape.dims[d];
        }
    }
    view.row_stride = v->channels_last && axis == 1 ? v->pixel_stride : view.axis * view.inner;
    return view;
}

typedef struct copy_state {
    int64_t rows;
    size_t element_bytes;
    size_t parts;
    struct copy_part {
        const kernel_value *from;
        kernel_value *to;
        int64_t from_offset, to_offset, from_stride, to_stride, count; /* elements; a row */
    } part[];
} copy_state;

static copy_state *make_copy(kernel_call *c, size_t parts) {
    size_t bytes = sizeof(copy_state) + parts * sizeof(struct copy_part);
    copy_state *s = kernel_state(c, bytes);
    if (s != NULL) {
        s->parts = parts;
        s->element_bytes = dtype_bits(c->inputs[0]->type) / 8;
        c->state = s;
        c->variant = "copy rows";
    }
    return s;
}

static bool whole_bytes(const kernel_call *c) {
    return dtype_bits(c->inputs[0]->type) >= 8;
}

/* Constants stay row-major beside channels-last images: then all of them must be. */
static bool concat_accepts(const kernel_call *c) {
    int axis;
    for (size_t i = 0; i < c->input_count; i++) {
        if (c->inputs[i] == NULL || c->inputs[i]->channels_last != c->outputs[0]->channels_last) {
            return false;
        }
    }
    return whole_bytes(c) && shape_axis(kernel_attr_int(c, "axis", 0), c->inputs[0]->shape.rank, &axis);
}

static accel_status concat_prepare(kernel_call *c) {
    copy_state *s = make_copy(c, c->input_count);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    int axis = 0;
    (void)shape_axis(kernel_attr_int(c, "axis", 0), c->inputs[0]->shape.rank, &axis);
    axis_view to = view_around(c->outputs[0], axis);
    s->rows = to.outer;
    int64_t at = 0;
    for (size_t i = 0; i < s->parts; i++) {
        axis_view from = view_around(c->inputs[i], axis);
        s->part[i] = (struct copy_part){c->inputs[i],  c->outputs[0],         0, at, from.row_stride,
                                        to.row_stride, from.axis * from.inner};
        at += from.axis * from.inner;
    }
    return ACCEL_OK;
}

static bool split_accepts(const kernel_call *c) {
    int axis;
    for (size_t i = 0; i < c->output_count; i++) {
        if (c->outputs[i] == NULL) {
            return false;
        }
    }
    return whole_bytes(c) && shape_axis(kernel_attr_int(c, "axis", 0), c->inputs[0]->shape.rank, &axis);
}

static accel_status split_prepare(kernel_call *c) {
    copy_state *s = make_copy(c, c->output_count);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    int axis = 0;
    (void)shape_axis(kernel_attr_int(c, "axis", 0), c->inputs[0]->shape.rank, &axis);
    axis_view from = view_around(c->inputs[0], axis);
    s->rows = from.outer;
    int64_t at = 0;
    for (size_t i = 0; i < s->parts; i++) {
        axis_view to = view_around(c->outputs[i], axis);
        s->part[i] = (struct copy_part){c->inputs[0],  c->outputs[i],     at, 0, from.row_stride,
                                        to.row_stride, to.axis * to.inner};
        at += to.axis * to.inner;
    }
    return ACCEL_OK;
}

/* Slices of one axis with step 1 and constant bounds; the others are left to the reference. */
static bool read_slice(const kernel_call *c, int *axis, int64_t *start) {
    const shape *in = &c->inputs[0]->shape, *out = &c->outputs[0]->shape;
    *axis = -1;
    for (int d = 0; d < in->rank; d++) {
        if (in->dims[d] != out->dims[d]) {
            if (*axis >= 0) {
                return false;
            }
            *axis = d;
        }
    }
    if (*axis < 0 || c->input_count < 3) {
        return false;
    }
    for (size_t i = 1; i < c->input_count; i++) {
        if (kernel_has(c, i) && (!c->inputs[i]->constant || c->inputs[i]->data == NULL)) {
            return false;
        }
    }
    int64_t count = value_elements(c->inputs[1]);
    for (int64_t i = 0; i < count; i++) {
        if (kernel_has(c, 4) && dtype_get_i64(c->inputs[4]->type, c->inputs[4]->data, (size_t)i) != 1) {
            return false;
        }
        int at;
        int64_t of = kernel_has(c, 3) ? dtype_get_i64(c->inputs[3]->type, c->inputs[3]->data, (size_t)i) : i;
        if (!shape_axis(of, in->rank, &at)) {
            return false;
        }
        if (at == *axis) {
            int64_t from = dtype_get_i64(c->inputs[1]->type, c->inputs[1]->data, (size_t)i);
            *start = from < 0 ? from + in->dims[at] : from;
        }
    }
    return *start >= 0 && *start + out->dims[*axis] <= in->dims[*axis];
}

static bool slice_accepts(const kernel_call *c) {
    int axis;
    int64_t start = 0;
    return whole_bytes(c) && read_slice(c, &axis, &start);
}

static accel_status slice_prepare(kernel_call *c) {
    copy_state *s = make_copy(c, 1);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    int axis = 0;
    int64_t start = 0;
    (void)read_slice(c, &axis, &start);
    axis_view from = view_around(c->inputs[0], axis), to = view_around(c->outputs[0], axis);
    s->rows = to.outer;
    s->part[0] = (struct copy_part){c->inputs[0],    c->outputs[0], start * from.inner, 0,
                                    from.row_stride, to.row_stride, to.axis * to.inner};
    return ACCEL_OK;
}

static void copy_part(const copy_state *s, const struct copy_part *part, size_t first, size_t rows) {
    const int64_t element = (int64_t)s->element_bytes, from_step = part->from_stride * element,
                  to_step = part->to_stride * element;
    const char *from =
        (const char *)part->from->data + part->from_offset * element + (int64_t)first * from_step;
    char *to = (char *)part->to->data + part->to_offset * element + (int64_t)first * to_step;
    /* Where they are the same the plan put it in its place before it was written: join.c. */
    if (part->count > 0 && to != from) {
        copy_steps(to, to_step, from, from_step, (int64_t)rows, (size_t)(part->count * element));
    }
}

/* All parts of a few rows, then of the next: what they share of a cache line is written while it is near. */
static void copy_task(void *context, size_t begin, size_t end, int worker) {
    enum { ROWS = 256 };
    const copy_state *s = context;
    (void)worker;
    for (size_t i = begin; i < end; i += ROWS) {
        for (size_t k = 0; k < s->parts; k++) {
            copy_part(s, &s->part[k], i, end - i < ROWS ? end - i : ROWS);
        }
    }
}

/* Whether nothing is left to do. */
static bool all_in_place(const copy_state *s) {
    for (size_t k = 0; k < s->parts; k++) {
        const struct copy_part *part = &s->part[k];
        const char *from = (const char *)part->from->data + (size_t)part->from_offset * s->element_bytes;
        if (from != (const char *)part->to->data + (size_t)part->to_offset * s->element_bytes ||
            part->from_stride != part->to_stride) {
            return false;
        }
    }
    return true;
}

static accel_status copy_run(kernel_call *c) {
    copy_state *s = c->state;
    if (all_in_place(s)) {
        return ACCEL_OK;
    }
    int64_t n = value_elements(c->outputs[0]);
    thread_pool_for(pool_for(c, n), (size_t)s->rows, grain_for((size_t)s->rows, n), copy_task, s);
    return ACCEL_OK;
}

/* ---- Gather ---------------------------------------------------------------------------------------------------------- */

typedef struct gather_state {
    int64_t outer, axis, indices;
    size_t row_bytes; /* of what follows the axis */
} gather_state;

static bool gather_accepts(const kernel_call *c) {
    int axis;
    return whole_bytes(c) && (c->inputs[1]->type == DTYPE_I64 || c->inputs[1]->type == DTYPE_I32) &&
           c->inputs[0]->shape.rank > 0 &&
           shape_axis(kernel_attr_int(c, "axis", 0), c->inputs[0]->shape.rank, &axis);
}

static accel_status gather_prepare(kernel_call *c) {
    gather_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape;
    int axis = 0;
    (void)shape_axis(kernel_attr_int(c, "axis", 0), x->rank, &axis);
    s->outer = product_of(x->dims, axis);
    s->axis = x->dims[axis];
    s->indices = value_elements(c->inputs[1]);
    s->row_bytes =
        (size_t)product_of(x->dims + axis + 1, x->rank - axis - 1) * (dtype_bits(c->inputs[0]->type) / 8);
    c->state = s;
    c->variant = "gather rows";
    return ACCEL_OK;
}

static int64_t gather_index(const kernel_call *c, size_t i) {
    const gather_state *s = c->state;
    int64_t index = c->inputs[1]->type == DTYPE_I64 ? ((const int64_t *)c->inputs[1]->data)[i]
                                                    : ((const int32_t *)c->inputs[1]->data)[i];
    return index < 0 ? index + s->axis : index;
}

static void gather_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const gather_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t outer = (int64_t)i / s->indices, index = gather_index(c, i % (size_t)s->indices);
        const char *from =
            (const char *)c->inputs[0]->data + (size_t)(outer * s->axis + index) * s->row_bytes;
        memcpy((char *)c->outputs[0]->data + i * s->row_bytes, from, s->row_bytes);
    }
}

static accel_status gather_run(kernel_call *c) {
    const gather_state *s = c->state;
    for (size_t i = 0; i < (size_t)s->indices; i++) {
        int64_t index = gather_index(c, i);
        if (index < 0 || index >= s->axis) {
            return kernel_fail(c, ACCEL_INVALID_ARGUMENT, "index %lld is outside of %lld rows",
                               (long long)index, (long long)s->axis);
        }
    }
    size_t rows = (size_t)(s->outer * s->indices);
    int64_t n = (int64_t)(rows * s->row_bytes / 4);
    thread_pool_for(pool_for(c, n), rows, grain_for(rows, n), gather_task, c);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"accel", "Layout", KERNEL_STRIDED_IN | KERNEL_STRIDED_OUT, layout_accepts, layout_prepare, layout_run},
    {"accel", "ChannelShuffle", KERNEL_ANY_LAYOUT, shuffle_accepts, shuffle_prepare, shuffle_run},
    {"", "Transpose", 0, transpose_accepts, transpose_prepare, transpose_run},
    {"", "Concat", KERNEL_ANY_LAYOUT | KERNEL_STRIDED_IN | KERNEL_STRIDED_OUT, concat_accepts, concat_prepare,
     copy_run},
    {"", "Split", KERNEL_ANY_LAYOUT, split_accepts, split_prepare, copy_run},
    {"", "Slice", KERNEL_ANY_LAYOUT, slice_accepts, slice_prepare, copy_run},
    {"", "Gather", 0, gather_accepts, gather_prepare, gather_run},
};
KERNEL_FAMILY(move, kernels);
