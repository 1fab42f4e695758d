/* Reading images at computed places: GridSample, AffineGrid, RoiAlign, MaxRoiPool, DeformConv. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"
#include "graph/ops/products.h"
#include "graph/sample.h"

/* ---- interpolation at a point of any number of dims ---------------------------------------------------------------------- */

/* Folds x into [low, high] by reflecting at both ends. */
static double reflect(double x, double low, double high) {
    double span = high - low;
    if (!(span > 0))
        return low;
    double beyond = fmod(fabs(x - low), 2 * span);
    return low + (beyond <= span ? beyond : 2 * span - beyond);
}

static double inside(const sampler *s, int d, double x) {
    double low = s->align_corners ? 0 : -0.5, high = (double)s->dims[d] - (s->align_corners ? 1 : 0.5);
    if (isnan(x))
        return s->padding == PADDING_ZEROS ? -1e9 : 0;
    if (x >= low && x <= high)
        return x;
    double last = (double)(s->dims[d] - 1);
    if (s->padding == PADDING_BORDER)
        return x < 0 ? 0 : x > last ? last : x;
    if (s->padding == PADDING_REFLECTION)
        return isinf(x) ? 0 : reflect(x, low, high);
    return x < -1e9 ? -1e9 : x > 1e15 ? 1e15 : x;
}

/* The place that a tap reads: -1 for nothing. */
static int64_t tap_place(const sampler *s, int d, int64_t at) {
    int64_t last = s->dims[d] - 1;
    if (at >= 0 && at <= last)
        return at;
    if (s->padding == PADDING_ZEROS)
        return -1;
    if (s->padding == PADDING_BORDER)
        return at < 0 ? 0 : last;
    double low = s->align_corners ? 0 : -0.5, high = (double)last + (s->align_corners ? 0 : 0.5);
    int64_t folded = (int64_t)reflect((double)at, low, high);
    return folded < 0 ? 0 : folded > last ? last : folded;
}

static double keys_weight(double x) {
    const double a = -0.75;
    x = fabs(x);
    return x <= 1  ? ((a + 2) * x - (a + 3)) * x * x + 1
           : x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
                   : 0;
}

int sampler_taps(const sampler *s, int d, double x, int64_t *places, double *weights) {
    double base = floor(x);
    if (s->mode == SAMPLE_NEAREST) {
        places[0] = tap_place(s, d, (int64_t)base);
        weights[0] = 1;
        return 1;
    }
    int count = s->mode == SAMPLE_CUBIC ? 4 : 2, first = s->mode == SAMPLE_CUBIC ? -1 : 0;
    for (int i = 0; i < count; i++) {
        double distance = x - base - (double)(first + i);
        places[i] = tap_place(s, d, (int64_t)base + first + i);
        weights[i] = s->mode == SAMPLE_CUBIC ? keys_weight(distance) : 1 - fabs(distance);
    }
    return count;
}

/* The taps of a point, all dims together: up to 4^rank flat places with weights. */
enum { SAMPLE_MAX_POINTS = 4096 };
typedef struct point {
    int count;
    int64_t places[SAMPLE_MAX_POINTS];
    double weights[SAMPLE_MAX_POINTS];
} point;

static void find_point(const sampler *s, const double *x, point *p) {
    p->count = 1;
    p->places[0] = 0;
    p->weights[0] = 1;
    for (int d = 0; d < s->rank; d++) {
        int64_t places[SAMPLE_MAX_TAPS];
        double weights[SAMPLE_MAX_TAPS];
        int taps = sampler_taps(s, d, x[d], places, weights), before = p->count;
        /* From the back, so that what is overwritten was already read. */
        for (int i = before * taps - 1; i >= 0; i--) {
            int64_t outer = p->places[i / taps], at = places[i % taps];
            p->weights[i] = p->weights[i / taps] * weights[i % taps];
            p->places[i] = outer < 0 || at < 0 ? -1 : outer * s->dims[d] + at;
        }
        p->count = before * taps;
    }
}

static double read_point(const point *p, const double *plane) {
    double sum = 0;
    for (int i = 0; i < p->count; i++) {
        if (p->places[i] >= 0)
            sum += p->weights[i] * plane[p->places[i]];
    }
    return sum;
}

/* ---- GridSample -------------------------------------------------------------------------------------------------------------- */

static const op_attr_def grid_attrs[] = {{"align_corners", ATTR_INT, false, "0"},
                                         {"mode", ATTR_STRING, false, "linear"},
                                         {"padding_mode", ATTR_STRING, false, "zeros"}};

accel_status sampler_read(const op_context *c, sampler *s) {
    *s = (sampler){.align_corners = op_attr_int(c, "align_corners", 0) != 0};
    ACCEL_TRY(attr_choice(c, "mode", "linear", "linear nearest cubic bilinear bicubic", &s->mode));
    if (s->mode == 3)
        s->mode = SAMPLE_LINEAR; /* the names of opset 16 */
    if (s->mode == 4)
        s->mode = SAMPLE_CUBIC;
    return attr_choice(c, "padding_mode", "zeros", "zeros border reflection", &s->padding);
}

static accel_status grid_sample_infer(op_context *c) {
    sampler s;
    const shape *x = input_shape(c, 0), *grid = input_shape(c, 1);
    ACCEL_TRY(sampler_read(c, &s));
    ACCEL_TRY(require_type(c, 0, TYPES_NUMBER | TYPES_BOOL));
    ACCEL_TRY(require_type(c, 1, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 3, TENSOR_MAX_RANK));
    shape out = shape_unknown();
    if (x->rank != RANK_UNKNOWN) {
        int64_t n = x->dims[0], coordinates = x->rank - 2;
        ACCEL_TRY(require_rank(c, 1, x->rank, x->rank));
        out = shape_of_rank(x->rank);
        out.dims[1] = x->dims[1];
        if (grid->rank != RANK_UNKNOWN) {
            ACCEL_TRY(merge_dim(c, "the batches of input and grid", &n, grid->dims[0]));
            ACCEL_TRY(merge_dim(c, "the spatial dims and the grid's coordinates", &coordinates,
                                grid->dims[grid->rank - 1]));
            memcpy(out.dims + 2, grid->dims + 1, (size_t)(x->rank - 2) * sizeof(int64_t));
        }
        out.dims[0] = n;
        for (int i = 2; i < x->rank; i++) {
            if (x->dims[i] == 0)
                return op_fail(c, ACCEL_BAD_GRAPH, "an image without pixels cannot be sampled");
        }
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

void sampler_position(const sampler *s, const double *grid, double *x) {
    for (int d = 0; d < s->rank; d++) {
        double n = grid[s->rank - 1 - d], length = (double)s->dims[d];
        double at = s->align_corners ? (n + 1) / 2 * (length - 1) : ((n + 1) * length - 1) / 2;
        if (s->mode == SAMPLE_NEAREST && fabs(at) < 1e15)
            at = round_even(at);
        x[d] = inside(s, d, at);
    }
}

static accel_status grid_sample_eval(op_context *c) {
    sampler s;
    const shape *in = input_shape(c, 0);
    ACCEL_TRY(sampler_read(c, &s));
    s.rank = in->rank - 2;
    memcpy(s.dims, in->dims + 2, (size_t)s.rank * sizeof(int64_t));
    int64_t pixels = dims_product(s.dims, s.rank), channels = in->dims[1];
    int64_t points = dims_product(c->outputs[0].type.shape.dims + 2, s.rank);
    const double *x = op_input_f64(c, 0), *grid = op_input_f64(c, 1);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    point *p = SCRATCH(c, point, 1);
    if (!x || !grid || !out || !p)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < in->dims[0] * points; i++) {
        double at[SAMPLE_MAX_RANK];
        sampler_position(&s, grid + i * s.rank, at);
        find_point(&s, at, p);
        for (int64_t ch = 0; ch < channels; ch++) {
            int64_t plane = i / points * channels + ch;
            out[plane * points + i % points] = read_point(p, x + plane * pixels);
        }
    }
    return op_output_from_f64(c, 0, out);
}

/* ---- AffineGrid ------------------------------------------------------------------------------------------------------------------ */

static const op_attr_def affine_attrs[] = {{"align_corners", ATTR_INT, false, "0"}};

static accel_status affine_infer(op_context *c) {
    const int64_t *size;
    size_t count;
    bool known;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, 1, TYPES_I64));
    ACCEL_TRY(require_rank(c, 0, 3, 3));
    ACCEL_TRY(op_input_ints(c, 1, &size, &count, &known));
    shape out = shape_unknown(), image;
    if (known) {
        if (count != 4 && count != 5)
            return op_fail(c, ACCEL_BAD_GRAPH, "a size of %d numbers, expected 4 or 5", (int)count);
        ACCEL_TRY(shape_from_ints(c, size, count, &image));
        int64_t n = size[0], rows = (int64_t)count - 2, columns = rows + 1;
        ACCEL_TRY(merge_dim(c, "the batches of theta and size", &n, input_dim(c, 0, 0)));
        ACCEL_TRY(merge_dim(c, "the rows of theta", &rows, input_dim(c, 0, 1)));
        ACCEL_TRY(merge_dim(c, "the columns of theta", &columns, input_dim(c, 0, 2)));
        out = (shape){.rank = (int)count, .dims = {n}};
        memcpy(out.dims + 1, image.dims + 2, (count - 2) * sizeof(int64_t));
        out.dims[count - 1] = rows;
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static accel_status affine_eval(op_context *c) {
    const shape *out = &c->outputs[0].type.shape;
    int rank = out->rank - 2;
    bool align = op_attr_int(c, "align_corners", 0) != 0;
    int64_t points = dims_product(out->dims + 1, rank);
    const double *theta = op_input_f64(c, 0);
    if (!theta)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < out->dims[0] * points; i++) {
        double position[4] = {0}, result[3];
        int64_t rest = i % points;
        for (int d = rank - 1; d >= 0; d--) {
            int64_t length = out->dims[d + 1], at = rest % length;
            double centre = ((double)at * 2 + 1) / (double)length - 1;
            double corner = length > 1 ? (double)at * 2 / (double)(length - 1) - 1 : -1;
            position[rank - 1 - d] = align ? corner : centre; /* x first */
            rest /= length;
        }
        position[rank] = 1;
        for (int row = 0; row < rank; row++) {
            result[row] = 0;
            for (int k = 0; k <= rank; k++)
                result[row] += theta[(i / points * rank + row) * (rank + 1) + k] * position[k];
        }
        store_f64(c->outputs[0].type.type, c->output_data[0], i * rank, 1, rank, result);
    }
    return ACCEL_OK;
}

/* ---- RoiAlign ---------------------------------------------------------------------------------------------------------------------- */

static const op_attr_def roi_align_attrs[] = {
    {"coordinate_transformation_mode", ATTR_STRING, false, "half_pixel"},
    {"mode", ATTR_STRING, false, "avg"},
    {"output_height", ATTR_INT, false, "1"},
    {"output_width", ATTR_INT, false, "1"},
    {"sampling_ratio", ATTR_INT, false, "0"},
    {"spatial_scale", ATTR_FLOAT, false, "1.0"},
};

enum { ROI_MAX_SIZE = 1 << 20, ROI_MAX_GRID = 1 << 15 };

static accel_status roi_align_infer(op_context *c) {
    int64_t height = op_attr_int(c, "output_height", 1), width = op_attr_int(c, "output_width", 1);
    int64_t ratio = op_attr_int(c, "sampling_ratio", 0), rois = DIM_UNKNOWN;
    int choice;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_same_type(c, 0, 1));
    ACCEL_TRY(require_type(c, 2, TYPES_I64));
    ACCEL_TRY(require_rank(c, 0, 4, 4));
    ACCEL_TRY(require_rank(c, 1, 2, 2));
    ACCEL_TRY(require_rank(c, 2, 1, 1));
    ACCEL_TRY(attr_choice(c, "mode", "avg", "avg max", &choice));
    ACCEL_TRY(attr_choice(c, "coordinate_transformation_mode", "half_pixel", "half_pixel output_half_pixel",
                          &choice));
    if (height < 1 || width < 1 || height > ROI_MAX_SIZE || width > ROI_MAX_SIZE || ratio < 0 ||
        ratio > ROI_MAX_GRID)
        return op_fail(c, ACCEL_BAD_GRAPH, "output_height, output_width or sampling_ratio is out of range");
    if (input_rank(c, 1) == 2) {
        int64_t four = 4;
        rois = input_dim(c, 1, 0);
        ACCEL_TRY(merge_dim(c, "the numbers of a region", &four, input_dim(c, 1, 1)));
    }
    if (input_rank(c, 2) == 1)
        ACCEL_TRY(merge_dim(c, "the regions and their batch indices", &rois, input_dim(c, 2, 0)));
    shape out = {.rank = 4, .dims = {rois, input_dim(c, 0, 1), height, width}};
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

typedef struct bilinear {
    int64_t at[4];
    double weight[4];
} bilinear;

/* False outside the image, which counts as zero. */
static bool roi_point(double y, double x, int64_t height, int64_t width, bilinear *p) {
    memset(p, 0, sizeof *p);
    if (!(y >= -1 && y <= (double)height && x >= -1 && x <= (double)width))
        return false;
    double at[2] = {fmax(y, 0), fmax(x, 0)}, rest[2];
    int64_t low[2], high[2], size[2] = {height, width};
    for (int d = 0; d < 2; d++) {
        low[d] = (int64_t)at[d];
        if (low[d] >= size[d] - 1) {
            low[d] = high[d] = size[d] - 1;
            at[d] = (double)low[d];
        } else {
            high[d] = low[d] + 1;
        }
        rest[d] = at[d] - (double)low[d];
    }
    for (int k = 0; k < 4; k++) {
        p->at[k] = (k & 2 ? high[0] : low[0]) * width + (k & 1 ? high[1] : low[1]);
        p->weight[k] = (k & 2 ? rest[0] : 1 - rest[0]) * (k & 1 ? rest[1] : 1 - rest[1]);
    }
    return true;
}

typedef struct roi_bin {
    double start[2], size[2]; /* of the bin: y, x */
    int64_t grid[2];
    bool maximum;
} roi_bin;

/* Max takes the largest weighted corner, as the reference (and Detectron's code before it) does. */
static double pool_bin(const roi_bin *b, const double *plane, int64_t height, int64_t width) {
    double result = 0;
    int64_t count = b->grid[0] * b->grid[1];
    for (int64_t i = 0; i < count; i++) {
        double y = b->start[0] + ((double)(i / b->grid[1]) + 0.5) * b->size[0] / (double)b->grid[0];
        double x = b->start[1] + ((double)(i % b->grid[1]) + 0.5) * b->size[1] / (double)b->grid[1];
        bilinear p;
        roi_point(y, x, height, width, &p);
        double sum = 0, top = -INFINITY;
        for (int k = 0; k < 4; k++) {
            double part = p.weight[k] * plane[p.at[k]];
            sum += part;
            top = fmax(top, part);
        }
        if (!b->maximum)
            result += sum;
        else
            result = i == 0 ? top : fmax(result, top);
    }
    return b->maximum || count == 0 ? result : result / (double)count;
}

static accel_status roi_align_eval(op_context *c) {
    const int64_t *x = input_shape(c, 0)->dims, *out = c->outputs[0].type.shape.dims;
    bool half = strcmp(op_attr_string(c, "coordinate_transformation_mode", "half_pixel"), "half_pixel") == 0;
    double scale = op_attr_float(c, "spatial_scale", 1), offset = half ? 0.5 : 0;
    int64_t ratio = op_attr_int(c, "sampling_ratio", 0);
    const double *in = op_input_f64(c, 0);
    if (!in)
        return ACCEL_OUT_OF_MEMORY;
    if (x[2] * x[3] == 0 && output_elements(c, 0) > 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "an image without pixels cannot be sampled");
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        int64_t roi = i / (out[1] * out[2] * out[3]), ch = i / (out[2] * out[3]) % out[1];
        int64_t image = input_i64_at(c, 2, roi, 0), cell[2] = {i / out[3] % out[2], i % out[3]};
        roi_bin bin = {.maximum = strcmp(op_attr_string(c, "mode", "avg"), "max") == 0};
        if (image < 0 || image >= x[0])
            return op_fail(c, ACCEL_BAD_GRAPH, "batch index %lld of %lld", (long long)image, (long long)x[0]);
        for (int d = 0; d < 2; d++) {
            double start = input_f64_at(c, 1, roi * 4 + 1 - d, 0) * scale - offset;
            double extent = input_f64_at(c, 1, roi * 4 + 3 - d, 0) * scale - offset - start;
            if (!half)
                extent = fmax(extent, 1);
            bin.size[d] = extent / (double)out[2 + d];
            bin.start[d] = start + (double)cell[d] * bin.size[d];
            bin.grid[d] = ratio;
            if (ratio == 0) {
                if (!(bin.size[d] <= (double)ROI_MAX_GRID))
                    return op_fail(c, ACCEL_BAD_GRAPH, "region %lld is too large", (long long)roi);
                bin.grid[d] = (int64_t)fmax(ceil(bin.size[d]), 0);
            }
        }
        double value = pool_bin(&bin, in + (image * x[1] + ch) * x[2] * x[3], x[2], x[3]);
        store_f64(c->outputs[0].type.type, c->output_data[0], i, 1, 1, &value);
    }
    return ACCEL_OK;
}

/* ---- MaxRoiPool ------------------------------------------------------------------------------------------------------------------------ */

static const op_attr_def max_roi_attrs[] = {{"pooled_shape", ATTR_INTS, true, NULL},
                                            {"spatial_scale", ATTR_FLOAT, false, "1.0"}};

static accel_status max_roi_infer(op_context *c) {
    const int64_t *pooled;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_same_type(c, 0, 1));
    ACCEL_TRY(require_rank(c, 0, 4, 4));
    ACCEL_TRY(require_rank(c, 1, 2, 2));
    ACCEL_TRY(attr_ints(c, "pooled_shape", 2, 1, ROI_MAX_SIZE, &pooled));
    if (!pooled)
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute pooled_shape is missing");
    int64_t five = 5;
    if (input_rank(c, 1) == 2)
        ACCEL_TRY(merge_dim(c, "the numbers of a region", &five, input_dim(c, 1, 1)));
    shape out = {.rank = 4, .dims = {input_dim(c, 1, 0), input_dim(c, 0, 1), pooled[0], pooled[1]}};
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static int64_t clamp_to(double x, int64_t high) {
    return !(x > 0) ? 0 : x > (double)high ? high : (int64_t)x;
}

/* Regions are [batch, x1, y1, x2, y2], corners included and rounded to pixels (Fast R-CNN). */
static accel_status max_roi_eval(op_context *c) {
    const int64_t *x = input_shape(c, 0)->dims, *out = c->outputs[0].type.shape.dims;
    double scale = op_attr_float(c, "spatial_scale", 1);
    const double *in = op_input_f64(c, 0), *rois = op_input_f64(c, 1);
    if (!in || !rois)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        const double *roi = rois + i / (out[1] * out[2] * out[3]) * 5;
        int64_t ch = i / (out[2] * out[3]) % out[1], cell[2] = {i / out[3] % out[2], i % out[3]}, from[2],
                to[2];
        if (!(roi[0] >= 0 && roi[0] < (double)x[0]))
            return op_fail(c, ACCEL_BAD_GRAPH, "batch index %g of %lld", roi[0], (long long)x[0]);
        for (int d = 0; d < 2; d++) {
            double start = floor(roi[2 - d] * scale + 0.5), end = floor(roi[4 - d] * scale + 0.5);
            double size = fmax(end - start + 1, 1) / (double)out[2 + d];
            from[d] = clamp_to(floor((double)cell[d] * size) + start, x[2 + d]);
            to[d] = clamp_to(ceil((double)(cell[d] + 1) * size) + start, x[2 + d]);
        }
        bool empty = to[0] <= from[0] || to[1] <= from[1];
        double best = empty ? 0 : -INFINITY;
        for (int64_t row = from[0]; row < to[0] && !empty; row++) {
            for (int64_t column = from[1]; column < to[1]; column++)
                best = fmax(best, in[(((int64_t)roi[0] * x[1] + ch) * x[2] + row) * x[3] + column]);
        }
        store_f64(c->outputs[0].type.type, c->output_data[0], i, 1, 1, &best);
    }
    return ACCEL_OK;
}

/* ---- DeformConv ---------------------------------------------------------------------------------------------------------------------------- */

static const op_attr_def deform_attrs[] = {
    {"dilations", ATTR_INTS, false, "1 each"},    {"group", ATTR_INT, false, "1"},
    {"kernel_shape", ATTR_INTS, false, "from W"}, {"offset_group", ATTR_INT, false, "1"},
    {"pads", ATTR_INTS, false, "0 each"},         {"strides", ATTR_INTS, false, "1 each"},
};
enum { DEFORM_X, DEFORM_W, DEFORM_OFFSET, DEFORM_BIAS, DEFORM_MASK };

static accel_status deform_infer(op_context *c) {
    conv_dims d;
    ACCEL_TRY(require_all_same(c, 0, TYPES_FLOAT));
    ACCEL_TRY(conv_read(c, DEFORM_X, DEFORM_W, DEFORM_BIAS, &d));
    int64_t groups = op_attr_int(c, "offset_group", 1);
    if (groups < 1 || groups >= (int64_t)1 << 31 || (d.channels >= 0 && d.channels % groups != 0))
        return op_fail(c, ACCEL_BAD_GRAPH, "offset_group is %lld", (long long)groups);
    shape out = conv_result(&d);
    put_output(c, 0, input_type(c, 0), &out);
    if (!shape_is_static(&out) || !input_is_static(c, DEFORM_W))
        return ACCEL_OK;
    int64_t taps = window_taps(&d.window);
    for (size_t i = DEFORM_OFFSET; i <= DEFORM_MASK; i += 2) {
        if (!input_is_static(c, i))
            continue;
        shape wanted = out;
        wanted.dims[1] = groups * taps * (i == DEFORM_OFFSET ? d.window.rank : 1);
        if (!shape_equal(&wanted, input_shape(c, i)))
            return op_fail(c, ACCEL_BAD_GRAPH, "the shape of offset or mask does not fit");
    }
    return ACCEL_OK;
}

/* One row of patches: a tap of a channel, displaced at every output position. */
static void deform_row(const conv_dims *d, const sampler *s, int64_t tap, const double *plane,
                       const double *offset, const double *mask, double *row, point *p) {
    const window *w = &d->window;
    int64_t outputs = window_outputs(w);
    for (int64_t o = 0; o < outputs; o++) {
        double at[SAMPLE_MAX_RANK];
        int64_t rest_o = o, rest_t = tap;
        for (int i = w->rank - 1; i >= 0; i--) {
            int64_t place =
                rest_o % w->out[i] * w->stride[i] - w->pad_begin[i] + rest_t % w->kernel[i] * w->dilation[i];
            at[i] = inside(s, i, (double)place + offset[i * outputs + o]);
            rest_o /= w->out[i];
            rest_t /= w->kernel[i];
        }
        find_point(s, at, p);
        row[o] = read_point(p, plane) * (mask ? mask[o] : 1);
    }
}

static accel_status deform_eval(op_context *c) {
    conv_dims d;
    ACCEL_TRY(conv_read(c, DEFORM_X, DEFORM_W, DEFORM_BIAS, &d));
    const window *w = &d.window;
    sampler s = {.rank = w->rank, .mode = SAMPLE_LINEAR, .padding = PADDING_ZEROS};
    memcpy(s.dims, w->in, sizeof s.dims);
    int64_t taps = window_taps(w), inputs = window_inputs(w), outputs = window_outputs(w),
            rows = d.channels * taps;
    int64_t per_group = rows / d.groups, filters = d.filters / d.groups,
            offset_groups = op_attr_int(c, "offset_group", 1);
    const double *x = op_input_f64(c, DEFORM_X), *weights = op_input_f64(c, DEFORM_W),
                 *offset = op_input_f64(c, DEFORM_OFFSET);
    const double *mask = op_has_input(c, DEFORM_MASK) ? op_input_f64(c, DEFORM_MASK) : NULL;
    double *out = SCRATCH(c, double, output_elements(c, 0)), *patches = SCRATCH(c, double, rows *outputs);
    point *p = SCRATCH(c, point, 1);
    if (!x || !weights || !offset || !out || !patches || !p || (op_has_input(c, DEFORM_MASK) && !mask))
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t image = 0; image < d.n; image++) {
        for (int64_t row = 0; row < rows; row++) {
            int64_t ch = row / taps, tap = row % taps, group = ch / (d.channels / offset_groups);
            int64_t at = (image * offset_groups + group) * taps + tap;
            deform_row(&d, &s, tap, x + (image * d.channels + ch) * inputs, offset + at * w->rank * outputs,
                       mask ? mask + at * outputs : NULL, patches + row * outputs, p);
        }
        for (int64_t g = 0; g < d.groups; g++)
            matmul_f64(c->pool, filters, outputs, per_group, weights + g * filters * per_group, per_group,
                       patches + g * per_group * outputs, outputs,
                       out + (image * d.filters + g * filters) * outputs, outputs);
    }
    for (int64_t i = 0; i < output_elements(c, 0); i++)
        out[i] += input_f64_at(c, DEFORM_BIAS, i / outputs % d.filters, 0);
    return op_output_from_f64(c, 0, out);
}

static void deform_cost(const op_context *c, op_cost *out) {
    conv_cost_of(c, 1, out);
}

static const op_def sample_ops[] = {
    {"", "GridSample", 2, 2, 1, 1, 0, OPS_LIST(grid_attrs), grid_sample_infer, NULL, grid_sample_eval},
    {"", "AffineGrid", 2, 2, 1, 1, 0, OPS_LIST(affine_attrs), affine_infer, NULL, affine_eval},
    {"", "RoiAlign", 3, 3, 1, 1, 0, OPS_LIST(roi_align_attrs), roi_align_infer, NULL, roi_align_eval},
    {"", "MaxRoiPool", 2, 2, 1, 1, 0, OPS_LIST(max_roi_attrs), max_roi_infer, NULL, max_roi_eval},
    {"", "DeformConv", 3, 5, 1, 1, 0, OPS_LIST(deform_attrs), deform_infer, deform_cost, deform_eval},
};
OPS_FAMILY(sample, sample_ops);
