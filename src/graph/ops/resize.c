/* Resize (opset 19 form): interpolation along one axis after the other. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"
#include "graph/resize.h"

static const op_attr_def resize_attrs[] = {
    {"antialias", ATTR_INT, false, "0"},
    {"axes", ATTR_INTS, false, "all"},
    {"coordinate_transformation_mode", ATTR_STRING, false, "half_pixel"},
    {"cubic_coeff_a", ATTR_FLOAT, false, "-0.75"},
    {"exclude_outside", ATTR_INT, false, "0"},
    {"extrapolation_value", ATTR_FLOAT, false, "0.0"},
    {"keep_aspect_ratio_policy", ATTR_STRING, false, "stretch"},
    {"mode", ATTR_STRING, false, "nearest"},
    {"nearest_mode", ATTR_STRING, false, "round_prefer_floor"},
};

enum { X, ROI, SCALES, SIZES };
enum nearest_mode { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL };
enum aspect_policy { STRETCH, NOT_LARGER, NOT_SMALLER };
enum coordinate_mode {
    HALF_PIXEL,
    HALF_PIXEL_SYMMETRIC,
    PYTORCH_HALF_PIXEL,
    ALIGN_CORNERS,
    ASYMMETRIC,
    CROP_AND_RESIZE
};

/* ---- attributes and sizes --------------------------------------------------------------------------------------------- */

static accel_status read_modes(const op_context *c, resize_plan *p) {
    ACCEL_TRY(attr_choice(c, "mode", "nearest", "nearest linear cubic", &p->mode));
    ACCEL_TRY(attr_choice(c, "nearest_mode", "round_prefer_floor",
                          "round_prefer_floor round_prefer_ceil floor ceil", &p->nearest));
    ACCEL_TRY(
        attr_choice(c, "keep_aspect_ratio_policy", "stretch", "stretch not_larger not_smaller", &p->policy));
    ACCEL_TRY(attr_choice(
        c, "coordinate_transformation_mode", "half_pixel",
        "half_pixel half_pixel_symmetric pytorch_half_pixel align_corners asymmetric tf_crop_and_resize",
        &p->coordinates));
    p->antialias = op_attr_int(c, "antialias", 0) != 0;
    p->exclude_outside = op_attr_int(c, "exclude_outside", 0) != 0;
    p->cubic = op_attr_float(c, "cubic_coeff_a", -0.75);
    p->extrapolation = op_attr_float(c, "extrapolation_value", 0);
    return ACCEL_OK;
}

/* An empty tensor stands for an omitted one in older files. */
static bool given(const op_context *c, size_t input) {
    return op_has_input(c, input) && !(input_is_static(c, input) && op_elements(&c->inputs[input]) == 0);
}

static accel_status read_axes(const op_context *c, int rank, int *axes, int *count) {
    const graph_attr *a = op_attr(c, "axes");
    bool all = !a || a->count == 0, seen[TENSOR_MAX_RANK] = {false};
    *count = all ? rank : (int)a->count;
    if (!all && a->count > (size_t)rank)
        return op_fail(c, ACCEL_BAD_GRAPH, "more axes than the input has");
    for (int i = 0; i < *count; i++) {
        ACCEL_TRY(require_axis(c, all ? i : a->ints[i], rank, &axes[i]));
        if (seen[axes[i]])
            return op_fail(c, ACCEL_BAD_GRAPH, "axis %d is given twice", axes[i]);
        seen[axes[i]] = true;
    }
    return ACCEL_OK;
}

static accel_status require_entries(const op_context *c, size_t input, int count) {
    if (op_elements(&c->inputs[input]) == count)
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "input %d must hold %d numbers", (int)input, count);
}

static accel_status sizes_from_scales(const op_context *c, const int *axes, int count, resize_plan *p) {
    ACCEL_TRY(require_entries(c, SCALES, count));
    for (int i = 0; i < count; i++) {
        int axis = axes[i];
        double scale = input_f64_at(c, SCALES, i, 1), length = floor(scale * (double)input_dim(c, X, axis));
        if (!(scale > 0) || !(length < 1e15))
            return op_fail(c, ACCEL_BAD_GRAPH, "a scale of %g", scale);
        p->scale[axis] = scale;
        p->out[axis] = (int64_t)length;
    }
    return ACCEL_OK;
}

static accel_status sizes_from_sizes(const op_context *c, const int *axes, int count, resize_plan *p) {
    double common = 0;
    ACCEL_TRY(require_entries(c, SIZES, count));
    for (int i = 0; i < count; i++) {
        int axis = axes[i];
        int64_t size = input_i64_at(c, SIZES, i, 0), length = input_dim(c, X, axis);
        if (size < 0 || size > (int64_t)1 << 48 || (length == 0 && size > 0))
            return op_fail(c, ACCEL_BAD_GRAPH, "a size of %lld for an axis of %lld", (long long)size,
                           (long long)length);
        p->out[axis] = size;
        p->scale[axis] = length ? (double)size / (double)length : 1;
        bool better = p->policy == NOT_LARGER ? p->scale[axis] < common : p->scale[axis] > common;
        if (i == 0 || better)
            common = p->scale[axis];
    }
    for (int i = 0; i < count && p->policy != STRETCH; i++) {
        p->scale[axes[i]] = common;
        p->out[axes[i]] = (int64_t)(common * (double)input_dim(c, X, axes[i]) + 0.5); /* halves up */
    }
    return ACCEL_OK;
}

accel_status resize_read(const op_context *c, resize_plan *p) {
    int axes[TENSOR_MAX_RANK], count, rank = input_rank(c, X);
    *p = (resize_plan){0};
    ACCEL_TRY(read_modes(c, p));
    bool by_scales = given(c, SCALES), by_sizes = given(c, SIZES);
    if (by_scales == by_sizes)
        return op_fail(c, ACCEL_BAD_GRAPH, "either scales or sizes must be given");
    if (rank == RANK_UNKNOWN)
        return ACCEL_OK;
    ACCEL_TRY(read_axes(c, rank, axes, &count));
    for (int i = 0; i < rank; i++) {
        p->scale[i] = p->end[i] = 1;
        p->out[i] = input_dim(c, X, i);
    }
    for (int i = 0; i < count; i++)
        p->resized[axes[i]] = true;
    size_t by = by_scales ? SCALES : SIZES;
    if (!c->inputs[by].data || !input_is_static(c, by) || !input_is_static(c, X))
        return ACCEL_OK;
    p->known = true;
    ACCEL_TRY(by_scales ? sizes_from_scales(c, axes, count, p) : sizes_from_sizes(c, axes, count, p));
    if (p->coordinates != CROP_AND_RESIZE || !given(c, ROI) || !c->inputs[ROI].data)
        return ACCEL_OK;
    ACCEL_TRY(require_entries(c, ROI, 2 * count));
    for (int i = 0; i < count; i++) {
        p->start[axes[i]] = input_f64_at(c, ROI, i, 0);
        p->end[axes[i]] = input_f64_at(c, ROI, count + i, 1);
    }
    return ACCEL_OK;
}

static accel_status resize_infer(op_context *c) {
    resize_plan p;
    ACCEL_TRY(require_type(c, X, TYPES_NUMBER | TYPES_BOOL));
    ACCEL_TRY(require_type(c, ROI, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, SCALES, TYPE_BIT(DTYPE_F32)));
    ACCEL_TRY(require_type(c, SIZES, TYPES_I64));
    ACCEL_TRY(resize_read(c, &p));
    int rank = input_rank(c, X);
    shape out = rank == RANK_UNKNOWN ? shape_unknown() : shape_of_rank(rank);
    for (int i = 0; i < rank; i++) {
        if (p.known || !p.resized[i])
            out.dims[i] = p.out[i];
    }
    put_output(c, 0, input_type(c, X), &out);
    return ACCEL_OK;
}

/* ---- where an output position lies in the input -------------------------------------------------------------------------- */

static double original_position(const resize_plan *p, int axis, double x, int64_t length,
                                int64_t out_length) {
    double scale = p->scale[axis], width = scale * (double)length, last = (double)(length - 1);
    switch (p->coordinates) {
    case ALIGN_CORNERS:
        return width == 1 ? 0 : x * last / (width - 1);
    case ASYMMETRIC:
        return x / scale;
    case PYTORCH_HALF_PIXEL:
        return width == 1 ? -0.5 : (x + 0.5) / scale - 0.5;
    case HALF_PIXEL_SYMMETRIC:
        return (double)length / 2 * (1 - (double)out_length / width) + (x + 0.5) / scale - 0.5;
    case CROP_AND_RESIZE: {
        double start = p->start[axis], span = (p->end[axis] - start) * last;
        return start * last + (width == 1 ? span / 2 : x * span / (width - 1));
    }
    default:
        return (x + 0.5) / scale - 0.5;
    }
}

/* ---- weights --------------------------------------------------------------------------------------------------------------- */

/* Keys' cubic convolution (IEEE 1163711), with the free parameter a. */
static double cubic_weight(double x, double a) {
    x = fabs(x);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

int64_t resize_most_taps(const resize_plan *p, int axis) {
    double support = p->mode == RESIZE_CUBIC ? 2 : 1;
    double scale = p->antialias && p->scale[axis] < 1 ? p->scale[axis] : 1;
    return 2 * (int64_t)ceil(support / scale) + 2;
}

static int64_t nearest_place(int mode, double x) {
    double below = floor(x), ratio = x - below;
    bool up = ratio > 0 && (mode == PREFER_FLOOR  ? ratio > 0.5
                            : mode == PREFER_CEIL ? ratio >= 0.5
                                                  : mode == CEIL);
    return (int64_t)below + up;
}

static void find_taps(const resize_plan *p, int axis, double x, int64_t length, resize_taps *t) {
    if (p->mode == RESIZE_NEAREST) {
        t->first = nearest_place(p->nearest, x);
        t->count = 1;
        t->weights[0] = 1;
        return;
    }
    double support = p->mode == RESIZE_CUBIC ? 2 : 1, sum = 0;
    double scale = p->antialias && p->scale[axis] < 1 ? p->scale[axis] : 1;
    double base = ceil(x) - 1; /* the reference keeps the ratio in (0, 1] */
    int64_t reach = (int64_t)floor(-support / scale) + 1;
    t->first = (int64_t)base + reach;
    t->count = 2 - 2 * reach;
    for (int64_t i = 0; i < t->count; i++) {
        double distance = ((double)(reach + i) - (x - base)) * scale;
        double weight =
            p->mode == RESIZE_CUBIC ? cubic_weight(distance, p->cubic) : fmax(0, 1 - fabs(distance));
        bool outside = t->first + i < 0 || t->first + i >= length;
        t->weights[i] = p->exclude_outside && outside ? 0 : weight;
        sum += t->weights[i];
    }
    for (int64_t i = 0; i < t->count && (p->antialias || p->exclude_outside); i++)
        t->weights[i] /= sum;
}

/* ---- one axis ------------------------------------------------------------------------------------------------------------------ */

bool resize_keeps(const resize_plan *p, int axis, int64_t length) {
    bool whole = p->coordinates != CROP_AND_RESIZE || (p->start[axis] == 0 && p->end[axis] == 1);
    return !p->resized[axis] || (p->scale[axis] == 1 && p->out[axis] == length && whole);
}

bool resize_find_taps(const resize_plan *p, int axis, int64_t position, int64_t length, int64_t out_length,
                      resize_taps *t) {
    double x = original_position(p, axis, (double)position, length, out_length);
    bool outside = p->coordinates == CROP_AND_RESIZE && !(x >= 0 && x <= (double)(length - 1));
    find_taps(p, axis, fabs(x) < 1e15 ? x : 0, length, t);
    return !outside;
}

static void resize_axis(const resize_plan *p, int axis, axis_split from, int64_t out_length, const double *in,
                        double *out, resize_taps *t) {
    for (int64_t i = 0; i < out_length; i++) {
        bool outside = !resize_find_taps(p, axis, i, from.length, out_length, t);
        for (int64_t o = 0; o < from.outer; o++) {
            double *to = out + (o * out_length + i) * from.inner;
            for (int64_t k = 0; k < from.inner; k++)
                to[k] = outside ? p->extrapolation : 0;
            for (int64_t tap = 0; tap < t->count && !outside; tap++) {
                int64_t at = t->first + tap;
                at = at < 0 ? 0 : at >= from.length ? from.length - 1 : at; /* the edge repeats */
                const double *line = in + (o * from.length + at) * from.inner;
                for (int64_t k = 0; k < from.inner; k++)
                    to[k] += t->weights[tap] * line[k];
            }
        }
    }
}

/* Integers are saturated, as the reference casts. */
static void put_saturated(op_context *c, const double *values) {
    dtype type = c->outputs[0].type.type;
    unsigned bits = dtype_bits(type);
    bool is_signed = dtype_is_signed_integer(type), narrow = dtype_is_integer(type) && bits < 64;
    double low = is_signed ? -ldexp(1, (int)bits - 1) : 0,
           high = ldexp(1, (int)bits - (is_signed ? 1 : 0)) - 1;
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        double x = values[i];
        if (narrow)
            x = x < low ? low : x > high ? high : x;
        store_f64(type, c->output_data[0], i, 1, 1, &x);
    }
}

static accel_status resize_eval(op_context *c) {
    resize_plan p;
    ACCEL_TRY(resize_read(c, &p));
    shape now = *input_shape(c, X);
    const double *values = op_input_f64(c, X);
    if (!values)
        return ACCEL_OUT_OF_MEMORY;
    if (output_elements(c, 0) == 0)
        return ACCEL_OK;
    for (int axis = 0; axis < now.rank; axis++) {
        if (resize_keeps(&p, axis, now.dims[axis]))
            continue;
        axis_split from = split_at(&now, axis);
        resize_taps t = {.weights = SCRATCH(c, double, resize_most_taps(&p, axis))};
        double *out = SCRATCH(c, double, from.outer *p.out[axis] * from.inner);
        if (!t.weights || !out)
            return ACCEL_OUT_OF_MEMORY;
        resize_axis(&p, axis, from, p.out[axis], values, out, &t);
        now.dims[axis] = p.out[axis];
        values = out;
    }
    put_saturated(c, values);
    return ACCEL_OK;
}

static void resize_cost(const op_context *c, op_cost *out) {
    int rank = input_rank(c, X);
    bool nearest = strcmp(op_attr_string(c, "mode", "nearest"), "nearest") == 0;
    cost_of_flops(c, nearest ? 0 : 4.0 * (double)(rank > 2 ? rank - 2 : 1) * (double)output_elements(c, 0),
                  out);
}

static const op_def resize_ops[] = {
    {"", "Resize", 1, 4, 1, 1, 0, OPS_LIST(resize_attrs), resize_infer, resize_cost, resize_eval},
};
OPS_FAMILY(resize, resize_ops);
