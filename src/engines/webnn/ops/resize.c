/* Resize, axis by axis: nearest takes elements by index; everything else is a product by the matrix of its taps, so that all of ONNX's ways to
 * read coordinates hold, of which WebNN's resample2d has one. */
#include "engines/webnn/ops/families.h"
#include "graph/resize.h"

/* Rows of the matrix, one an output place: how much of each input place goes into it. */
static double *tap_matrix(lowering *l, const resize_plan *p, int axis, int64_t from, int64_t to) {
    double *matrix = lower_alloc(l, (size_t)(from * to), sizeof *matrix);
    resize_taps t = {.weights = lower_alloc(l, (size_t)resize_most_taps(p, axis), sizeof(double))};
    for (int64_t i = 0; matrix != NULL && t.weights != NULL && i < to; i++) {
        if (!resize_find_taps(p, axis, i, from, to, &t))
            lower_fail(l, "places outside of its region");
        for (int64_t k = 0; k < t.count; k++) {
            int64_t at = t.first + k;
            at = at < 0 ? 0 : at >= from ? from - 1 : at; /* the edge repeats */
            matrix[i * from + at] += t.weights[k];
        }
    }
    return l->failed ? NULL : matrix;
}

/* Each row holds a single 1. */
static operand nearest(lowering *l, operand x, int axis, const double *matrix, int64_t from, int64_t to) {
    double *places = lower_alloc(l, (size_t)to, sizeof *places);
    for (int64_t i = 0; places != NULL && i < to; i++) {
        for (int64_t k = 0; k < from; k++)
            places[i] = matrix[i * from + k] > 0.5 ? (double)k : places[i];
    }
    return places == NULL ? OPERAND_NONE : emit_gather(l, x, numbers(l, DTYPE_I32, 1, &to, places), axis);
}

/* The axis to the end, the product, and back. */
static operand weighted(lowering *l, operand x, int axis, const double *matrix, int64_t from, int64_t to) {
    int rank = rank_of(l, x);
    int64_t perm[TENSOR_MAX_RANK];
    const int64_t dims[2] = {from, to};
    double *columns = lower_alloc(l, (size_t)(from * to), sizeof *columns);
    for (int64_t i = 0; columns != NULL && i < from * to; i++)
        columns[i] = matrix[i % to * from + i / to];
    for (int d = 0; d < rank; d++)
        perm[d] = d;
    perm[axis] = rank - 1;
    perm[rank - 1] = axis;
    operand taps = columns == NULL ? OPERAND_NONE : numbers(l, type_of(l, x), 2, dims, columns);
    return emit_transpose(l, emit_matmul(l, emit_transpose(l, x, perm), taps), perm);
}

static void lower_resize_node(lowering *l, const char *method) {
    (void)method;
    resize_plan p;
    const shape s = *value_shape(l, input_value(l, 0)), *out = output_shape(l, 0);
    bool last = wants_last(l);
    operand x = input_laid(l, 0, last);
    if (l->failed)
        return;
    if (resize_read(&l->context, &p) != ACCEL_OK || !p.known) {
        lower_fail(l, "its sizes are computed");
        return;
    }
    for (int d = 0; d < s.rank && !l->failed; d++) {
        if (resize_keeps(&p, d, s.dims[d]))
            continue;
        double *matrix = tap_matrix(l, &p, d, s.dims[d], out->dims[d]);
        int axis = last ? axis_last(d, s.rank) : d;
        if (matrix != NULL)
            x = p.mode == RESIZE_NEAREST ? nearest(l, x, axis, matrix, s.dims[d], out->dims[d])
                                         : weighted(l, x, axis, matrix, s.dims[d], out->dims[d]);
    }
    set_output_laid(l, 0, x, last);
}

static const lower_def ops[] = {
    {"Resize", lower_resize_node, NULL, NULL},
};
LOWER_FAMILY(lower_resize, ops);
