/* Conv and ConvTranspose of one to six spatial dims. */
#include <string.h>

#include "base/thread.h"
#include "graph/ops/kit.h"
#include "graph/ops/products.h"

static const op_attr_def conv_attrs[] = {
    {"auto_pad", ATTR_STRING, false, "NOTSET"},
    {"dilations", ATTR_INTS, false, "1 each"},
    {"group", ATTR_INT, false, "1"},
    {"kernel_shape", ATTR_INTS, false, "from W"},
    {"pads", ATTR_INTS, false, "0 each"},
    {"strides", ATTR_INTS, false, "1 each"},
};
static const op_attr_def conv_transpose_attrs[] = {
    {"auto_pad", ATTR_STRING, false, "NOTSET"},
    {"dilations", ATTR_INTS, false, "1 each"},
    {"group", ATTR_INT, false, "1"},
    {"kernel_shape", ATTR_INTS, false, "from W"},
    {"output_padding", ATTR_INTS, false, "0 each"},
    {"output_shape", ATTR_INTS, false, "computed"},
    {"pads", ATTR_INTS, false, "0 each"},
    {"strides", ATTR_INTS, false, "1 each"},
};

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static accel_status read_groups(const op_context *c, int64_t *groups) {
    *groups = op_attr_int(c, "group", 1);
    if (*groups >= 1 && *groups < (int64_t)1 << 31)
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "attribute group is %lld", (long long)*groups);
}

static accel_status require_groups_divide(const op_context *c, const char *what, int64_t dim,
                                          int64_t groups) {
    if (dim < 0 || dim % groups == 0)
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "%lld %s do not divide into %lld groups", (long long)dim, what,
                   (long long)groups);
}

/* Ranks of x, w and bias; *rank is RANK_UNKNOWN when neither x's nor w's is known. */
static accel_status conv_ranks(const op_context *c, size_t x, size_t w, size_t bias, int *rank) {
    ACCEL_TRY(require_rank(c, x, 3, TENSOR_MAX_RANK));
    ACCEL_TRY(require_rank(c, w, 3, TENSOR_MAX_RANK));
    if (bias < c->input_count)
        ACCEL_TRY(require_rank(c, bias, 1, 1));
    *rank = input_rank(c, x);
    if (*rank != RANK_UNKNOWN)
        return require_rank(c, w, *rank, *rank);
    *rank = input_rank(c, w);
    return ACCEL_OK;
}

static void known_shapes(const op_context *c, size_t x, size_t w, int rank, shape *xs, shape *ws) {
    *xs = input_rank(c, x) == RANK_UNKNOWN ? shape_of_rank(rank) : *input_shape(c, x);
    *ws = input_rank(c, w) == RANK_UNKNOWN ? shape_of_rank(rank) : *input_shape(c, w);
}

static accel_status merge_bias(const op_context *c, size_t bias, int64_t *filters) {
    if (bias >= c->input_count || !op_has_input(c, bias))
        return ACCEL_OK;
    return merge_dim(c, "the bias and the number of filters", filters, input_dim(c, bias, 0));
}

accel_status conv_read(const op_context *c, size_t x, size_t w, size_t bias, conv_dims *d) {
    int rank;
    shape xs, ws;
    *d = (conv_dims){.n = DIM_UNKNOWN, .window.rank = RANK_UNKNOWN};
    ACCEL_TRY(read_groups(c, &d->groups));
    ACCEL_TRY(conv_ranks(c, x, w, bias, &rank));
    if (rank == RANK_UNKNOWN)
        return ACCEL_OK;
    known_shapes(c, x, w, rank, &xs, &ws);
    ACCEL_TRY(window_read(c, &xs, ws.dims + 2, &d->window));
    d->n = xs.dims[0];
    d->channels = xs.dims[1];
    d->filters = ws.dims[0];
    if (ws.dims[1] >= (int64_t)1 << 31)
        return op_fail(c, ACCEL_LIMIT, "too many channels");
    ACCEL_TRY(merge_dim(c, "the channels of the input and of the weights", &d->channels,
                        ws.dims[1] < 0 ? DIM_UNKNOWN : ws.dims[1] * d->groups));
    ACCEL_TRY(merge_bias(c, bias, &d->filters));
    ACCEL_TRY(require_groups_divide(c, "channels", d->channels, d->groups));
    return require_groups_divide(c, "filters", d->filters, d->groups);
}

shape conv_result(const conv_dims *d) {
    if (d->window.rank == RANK_UNKNOWN)
        return shape_unknown();
    shape s = {.rank = d->window.rank + 2, .dims = {d->n, d->filters}};
    memcpy(s.dims + 2, d->window.out, (size_t)d->window.rank * sizeof(int64_t));
    return s;
}

void conv_cost_of(const op_context *c, size_t w, op_cost *out) {
    const shape *ws = input_shape(c, w);
    double macs = (double)output_elements(c, 0) * (double)dims_product(ws->dims + 1, ws->rank - 1);
    cost_of_flops(c, 2 * macs, out);
}

/* ---- the reference: patches of the input as columns, then a matrix product ---------------------------------------- */

enum { CONV_COLUMNS = 128 };

typedef struct conv_job {
    const conv_dims *dims;
    const double *x, *w;
    double *out;
    double *patches;  /* [workers][rows, CONV_COLUMNS] */
    int64_t *sources; /* [workers][CONV_COLUMNS] */
    int64_t rows;     /* channels of a group × taps */
    int64_t inputs, outputs, taps, blocks;
} conv_job;

/* patches[(channel, tap), column] = the input pixel that the tap meets at output first + column, 0 in padding. */
static void take_patches(const conv_job *job, const double *x, int64_t first, int64_t columns,
                         double *patches, int64_t *sources) {
    int64_t channels = job->dims->channels / job->dims->groups;
    for (int64_t tap = 0; tap < job->taps; tap++) {
        for (int64_t j = 0; j < columns; j++)
            sources[j] = window_source(&job->dims->window, first + j, tap);
        for (int64_t ch = 0; ch < channels; ch++) {
            const double *plane = x + ch * job->inputs;
            double *row = patches + (ch * job->taps + tap) * CONV_COLUMNS;
            for (int64_t j = 0; j < columns; j++)
                row[j] = sources[j] < 0 ? 0 : plane[sources[j]];
        }
    }
}

/* One item is a block of output positions of one group of one image. */
static void conv_task(void *context, size_t begin, size_t end, int worker) {
    const conv_job *job = context;
    const conv_dims *d = job->dims;
    int64_t channels = d->channels / d->groups, filters = d->filters / d->groups;
    double *patches = job->patches + worker * job->rows * CONV_COLUMNS;
    int64_t *sources = job->sources + worker * CONV_COLUMNS;
    for (int64_t item = (int64_t)begin; item < (int64_t)end; item++) {
        int64_t first = item % job->blocks * CONV_COLUMNS;
        int64_t group = item / job->blocks % d->groups, image = item / job->blocks / d->groups;
        int64_t columns = job->outputs - first < CONV_COLUMNS ? job->outputs - first : CONV_COLUMNS;
        const double *x = job->x + (image * d->channels + group * channels) * job->inputs;
        take_patches(job, x, first, columns, patches, sources);
        double *out = job->out + (image * d->filters + group * filters) * job->outputs + first;
        matmul_f64(NULL, filters, columns, job->rows, job->w + group * filters * job->rows, job->rows,
                   patches, CONV_COLUMNS, out, job->outputs);
    }
}

accel_status conv_f64(op_context *c, const conv_dims *d, const double *x, const double *w, double *out) {
    conv_job job = {.dims = d, .x = x, .w = w, .out = out};
    int workers = thread_pool_size(c->pool);
    job.taps = window_taps(&d->window);
    job.inputs = window_inputs(&d->window);
    job.outputs = window_outputs(&d->window);
    job.blocks = (job.outputs + CONV_COLUMNS - 1) / CONV_COLUMNS;
    job.rows = d->channels / d->groups * job.taps;
    int64_t patch;
    if (!checked_mul_i64(job.rows, (int64_t)workers * CONV_COLUMNS, &patch))
        return op_fail(c, ACCEL_LIMIT, "the kernel is too large");
    job.patches = SCRATCH(c, double, patch);
    job.sources = SCRATCH(c, int64_t, (int64_t)workers *CONV_COLUMNS);
    if (!job.patches || !job.sources)
        return ACCEL_OUT_OF_MEMORY;
    thread_pool_for(c->pool, (size_t)(d->n * d->groups * job.blocks), 1, conv_task, &job);
    return ACCEL_OK;
}

/* ---- Conv -------------------------------------------------------------------------------------------------------- */

static accel_status conv_infer(op_context *c) {
    conv_dims d;
    ACCEL_TRY(require_all_same(c, 0, TYPES_FLOAT));
    ACCEL_TRY(conv_read(c, 0, 1, 2, &d));
    shape out = conv_result(&d);
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static void add_bias(double *out, const double *bias, int64_t n, int64_t filters, int64_t outputs) {
    for (int64_t i = 0; i < n * filters; i++) {
        for (int64_t j = 0; j < outputs; j++)
            out[i * outputs + j] += bias[i % filters];
    }
}

static accel_status conv_eval(op_context *c) {
    conv_dims d;
    ACCEL_TRY(conv_read(c, 0, 1, 2, &d));
    const double *x = op_input_f64(c, 0), *w = op_input_f64(c, 1);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!x || !w || !out)
        return ACCEL_OUT_OF_MEMORY;
    ACCEL_TRY(conv_f64(c, &d, x, w, out));
    if (op_has_input(c, 2)) {
        const double *bias = op_input_f64(c, 2);
        if (!bias)
            return ACCEL_OUT_OF_MEMORY;
        add_bias(out, bias, d.n, d.filters, window_outputs(&d.window));
    }
    return op_output_from_f64(c, 0, out);
}

static void conv_cost(const op_context *c, op_cost *out) {
    conv_cost_of(c, 1, out);
}

/* ---- ConvTranspose: a matrix product, then each column is added where its taps land ------------------------------- */

static accel_status transpose_read(const op_context *c, conv_dims *d) {
    int rank;
    shape xs, ws;
    *d = (conv_dims){.n = DIM_UNKNOWN, .window.rank = RANK_UNKNOWN};
    ACCEL_TRY(read_groups(c, &d->groups));
    ACCEL_TRY(conv_ranks(c, 0, 1, 2, &rank));
    if (rank == RANK_UNKNOWN)
        return ACCEL_OK;
    known_shapes(c, 0, 1, rank, &xs, &ws);
    ACCEL_TRY(window_read_transposed(c, &xs, ws.dims + 2, &d->window));
    d->n = xs.dims[0];
    d->channels = xs.dims[1];
    if (ws.dims[1] >= (int64_t)1 << 31)
        return op_fail(c, ACCEL_LIMIT, "too many filters");
    d->filters = ws.dims[1] < 0 ? DIM_UNKNOWN : ws.dims[1] * d->groups;
    ACCEL_TRY(merge_dim(c, "the channels of the input and of the weights", &d->channels, ws.dims[0]));
    ACCEL_TRY(merge_bias(c, 2, &d->filters));
    return require_groups_divide(c, "channels", d->channels, d->groups);
}

static accel_status conv_transpose_infer(op_context *c) {
    conv_dims d;
    ACCEL_TRY(require_all_same(c, 0, TYPES_FLOAT));
    ACCEL_TRY(transpose_read(c, &d));
    shape out = conv_result(&d);
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

void columns_to_image(const window *w, int64_t channels, const double *columns, double *image) {
    /* Seen from the image, this is a window that slides over it and meets `positions` columns. */
    window over = *w;
    memcpy(over.in, w->out, sizeof over.in);
    memcpy(over.out, w->in, sizeof over.out);
    int64_t taps = window_taps(w), positions = window_inputs(w), pixels = window_outputs(w);
    for (int64_t tap = 0; tap < taps; tap++) {
        for (int64_t j = 0; j < positions; j++) {
            int64_t at = window_source(&over, j, tap);
            for (int64_t ch = 0; ch < channels && at >= 0; ch++)
                image[ch * pixels + at] += columns[(ch * taps + tap) * positions + j];
        }
    }
}

static accel_status conv_transpose_eval(op_context *c) {
    conv_dims d;
    ACCEL_TRY(transpose_read(c, &d));
    int64_t channels = d.channels / d.groups, filters = d.filters / d.groups;
    int64_t inputs = window_inputs(&d.window), outputs = window_outputs(&d.window);
    int64_t rows = filters * window_taps(&d.window), column_count;
    if (!checked_mul_i64(rows, inputs, &column_count))
        return op_fail(c, ACCEL_LIMIT, "the kernel is too large");
    const double *x = op_input_f64(c, 0), *w = op_input_f64(c, 1);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    double *columns = SCRATCH(c, double, column_count);
    double *turned = SCRATCH(c, double, rows *channels);
    if (!x || !w || !out || !columns || !turned)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t item = 0; item < d.n * d.groups; item++) {
        const double *weights = w + item % d.groups * channels * rows;
        for (int64_t i = 0; i < channels * rows; i++)
            turned[i % rows * channels + i / rows] = weights[i];
        matmul_f64(c->pool, rows, inputs, channels, turned, channels, x + item * channels * inputs, inputs,
                   columns, inputs);
        columns_to_image(&d.window, filters, columns, out + item * filters * outputs);
    }
    if (op_has_input(c, 2)) {
        const double *bias = op_input_f64(c, 2);
        if (!bias)
            return ACCEL_OUT_OF_MEMORY;
        add_bias(out, bias, d.n, d.filters, outputs);
    }
    return op_output_from_f64(c, 0, out);
}

static void conv_transpose_cost(const op_context *c, op_cost *out) {
    const shape *ws = input_shape(c, 1);
    double macs = (double)op_elements(&c->inputs[0]) * (double)dims_product(ws->dims + 1, ws->rank - 1);
    cost_of_flops(c, 2 * macs, out);
}

static const op_def conv_ops[] = {
    {"", "Conv", 2, 3, 1, 1, 0, OPS_LIST(conv_attrs), conv_infer, conv_cost, conv_eval},
    {"", "ConvTranspose", 2, 3, 1, 1, 0, OPS_LIST(conv_transpose_attrs), conv_transpose_infer,
     conv_transpose_cost, conv_transpose_eval},
};
OPS_FAMILY(conv, conv_ops);
