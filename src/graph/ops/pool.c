/* Pooling: windows over the spatial dims, and the global forms that take them whole. */
#include <math.h>
#include <string.h>

#include "base/thread.h"
#include "graph/ops/kit.h"
#include "graph/window.h"

#define POOL_ATTRS                                                                                           \
    {"auto_pad", ATTR_STRING, false, "NOTSET"}, {"ceil_mode", ATTR_INT, false, "0"},                         \
        {"dilations", ATTR_INTS, false, "1 each"}, {"kernel_shape", ATTR_INTS, true, NULL},                  \
        {"pads", ATTR_INTS, false, "0 each"}, {"strides", ATTR_INTS, false, "1 each"}

static const op_attr_def max_attrs[] = {POOL_ATTRS, {"storage_order", ATTR_INT, false, "0"}};
static const op_attr_def average_attrs[] = {POOL_ATTRS, {"count_include_pad", ATTR_INT, false, "0"}};
static const op_attr_def lp_attrs[] = {POOL_ATTRS, {"p", ATTR_INT, false, "2"}};
static const op_attr_def global_lp_attrs[] = {{"p", ATTR_INT, false, "2"}};

/* ---- MaxPool, AveragePool, LpPool --------------------------------------------------------------------------------- */

static accel_status pool_infer_types(op_context *c, type_set types) {
    ACCEL_TRY(require_type(c, 0, types));
    ACCEL_TRY(require_rank(c, 0, 3, TENSOR_MAX_RANK));
    const shape *x = input_shape(c, 0);
    shape out = shape_unknown();
    if (x->rank != RANK_UNKNOWN) {
        window w;
        ACCEL_TRY(window_read(c, x, NULL, &w));
        out = (shape){.rank = x->rank, .dims = {x->dims[0], x->dims[1]}};
        memcpy(out.dims + 2, w.out, (size_t)w.rank * sizeof(int64_t));
    }
    put_output(c, 0, input_type(c, 0), &out);
    put_output(c, 1, DTYPE_I64, &out);
    return ACCEL_OK;
}

static accel_status max_pool_infer(op_context *c) {
    return pool_infer_types(c, TYPES_FLOAT | TYPE_BIT(DTYPE_I8) | TYPE_BIT(DTYPE_U8));
}

static accel_status float_pool_infer(op_context *c) {
    return pool_infer_types(c, TYPES_FLOAT);
}

typedef struct pool_job pool_job;
/* One output position of one plane. */
typedef void (*pool_step)(const pool_job *job, int64_t plane, int64_t output);

struct pool_job {
    window window, padded; /* padded: the same, with the padding counted as input */
    const double *x;
    double *out;
    int64_t *indices; /* MaxPool's second output, or NULL */
    int64_t inputs, outputs, taps;
    bool count_padding, column_major;
    double p;
    pool_step step;
};

static void pool_task(void *context, size_t begin, size_t end, int worker) {
    const pool_job *job = context;
    (void)worker;
    for (int64_t plane = (int64_t)begin; plane < (int64_t)end; plane++) {
        for (int64_t output = 0; output < job->outputs; output++)
            job->step(job, plane, output);
    }
}

static accel_status pool_run(op_context *c, pool_job *job) {
    const shape *x = input_shape(c, 0);
    ACCEL_TRY(window_read(c, x, NULL, &job->window));
    const window *w = &job->window;
    job->inputs = window_inputs(w);
    job->outputs = window_outputs(w);
    job->taps = window_taps(w);
    job->padded = *w;
    for (int d = 0; d < w->rank; d++) {
        job->padded.in[d] = w->in[d] + w->pad_begin[d] + w->pad_end[d];
        job->padded.pad_begin[d] = 0;
    }
    job->x = op_input_f64(c, 0);
    job->out = SCRATCH(c, double, output_elements(c, 0));
    if (!job->x || !job->out)
        return ACCEL_OUT_OF_MEMORY;
    thread_pool_for(c->pool, (size_t)(x->dims[0] * x->dims[1]), 1, pool_task, job);
    return op_output_from_f64(c, 0, job->out);
}

/* storage_order 1: the index counts the first spatial dim fastest. */
static int64_t column_major_index(const window *w, int64_t index) {
    int64_t result = 0, at[TENSOR_MAX_RANK];
    for (int d = w->rank - 1; d >= 0; d--) {
        at[d] = index % w->in[d];
        index /= w->in[d];
    }
    for (int d = w->rank - 1; d >= 0; d--)
        result = result * w->in[d] + at[d];
    return result;
}

static void max_step(const pool_job *job, int64_t plane, int64_t output) {
    const double *x = job->x + plane * job->inputs;
    double best = -INFINITY;
    int64_t best_at = -1;
    for (int64_t tap = 0; tap < job->taps; tap++) {
        int64_t at = window_source(&job->window, output, tap);
        if (at >= 0 && (best_at < 0 || x[at] > best || isnan(x[at]))) {
            best = x[at];
            best_at = at;
            if (isnan(best))
                break;
        }
    }
    job->out[plane * job->outputs + output] = best;
    if (!job->indices)
        return;
    if (best_at >= 0 && job->column_major)
        best_at = column_major_index(&job->window, best_at);
    job->indices[plane * job->outputs + output] = best_at < 0 ? -1 : plane * job->inputs + best_at;
}

static accel_status max_pool_eval(op_context *c) {
    pool_job job = {.step = max_step, .column_major = op_attr_int(c, "storage_order", 0) != 0};
    if (has_output(c, 1))
        job.indices = c->output_data[1];
    return pool_run(c, &job);
}

/* The padding counts as far as the pads go; a window that ceil_mode lets stick out further is cut. */
static void average_step(const pool_job *job, int64_t plane, int64_t output) {
    const double *x = job->x + plane * job->inputs;
    double sum = 0;
    int64_t count = 0;
    for (int64_t tap = 0; tap < job->taps; tap++) {
        int64_t at = window_source(&job->window, output, tap);
        if (at >= 0)
            sum += x[at];
        if (at >= 0 || (job->count_padding && window_source(&job->padded, output, tap) >= 0))
            count++;
    }
    job->out[plane * job->outputs + output] = count ? sum / (double)count : 0;
}

static accel_status average_pool_eval(op_context *c) {
    pool_job job = {.step = average_step, .count_padding = op_attr_int(c, "count_include_pad", 0) != 0};
    return pool_run(c, &job);
}

static void lp_step(const pool_job *job, int64_t plane, int64_t output) {
    const double *x = job->x + plane * job->inputs;
    double sum = 0;
    for (int64_t tap = 0; tap < job->taps; tap++) {
        int64_t at = window_source(&job->window, output, tap);
        if (at >= 0)
            sum += pow(fabs(x[at]), job->p);
    }
    job->out[plane * job->outputs + output] = pow(sum, 1 / job->p);
}

static accel_status lp_pool_eval(op_context *c) {
    pool_job job = {.step = lp_step, .p = (double)op_attr_int(c, "p", 2)};
    return pool_run(c, &job);
}

static void pool_cost(const op_context *c, op_cost *out) {
    window w;
    double taps = 1;
    if (window_read(c, input_shape(c, 0), NULL, &w) == ACCEL_OK)
        taps = (double)window_taps(&w);
    cost_of_flops(c, taps * (double)output_elements(c, 0), out);
}

/* ---- GlobalMaxPool, GlobalAveragePool, GlobalLpPool ---------------------------------------------------------------- */

static accel_status global_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 2, TENSOR_MAX_RANK));
    shape out = *input_shape(c, 0);
    for (int d = 2; d < out.rank; d++)
        out.dims[d] = 1;
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

static double plane_max(const double *x, int64_t n, double p) {
    double best = -INFINITY;
    (void)p;
    for (int64_t i = 0; i < n; i++)
        best = x[i] > best || isnan(x[i]) ? x[i] : best;
    return best;
}

static double plane_mean(const double *x, int64_t n, double p) {
    double sum = 0;
    (void)p;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

static double plane_norm(const double *x, int64_t n, double p) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += pow(fabs(x[i]), p);
    return pow(sum, 1 / p);
}

static accel_status global_run(op_context *c, double (*step)(const double *x, int64_t n, double p)) {
    const shape *s = input_shape(c, 0);
    int64_t planes = output_elements(c, 0), inputs = dims_product(s->dims + 2, s->rank - 2);
    double p = (double)op_attr_int(c, "p", 2);
    const double *x = op_input_f64(c, 0);
    if (!x)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < planes; i++) {
        double value = step(x + i * inputs, inputs, p);
        store_f64(c->outputs[0].type.type, c->output_data[0], i, 1, 1, &value);
    }
    return ACCEL_OK;
}

static accel_status global_max_eval(op_context *c) {
    return global_run(c, plane_max);
}
static accel_status global_average_eval(op_context *c) {
    return global_run(c, plane_mean);
}
static accel_status global_lp_eval(op_context *c) {
    return global_run(c, plane_norm);
}

static void global_cost(const op_context *c, op_cost *out) {
    cost_of_flops(c, (double)op_elements(&c->inputs[0]), out);
}

static const op_def pool_ops[] = {
    {"", "MaxPool", 1, 1, 1, 2, 0, OPS_LIST(max_attrs), max_pool_infer, pool_cost, max_pool_eval},
    {"", "AveragePool", 1, 1, 1, 1, 0, OPS_LIST(average_attrs), float_pool_infer, pool_cost,
     average_pool_eval},
    {"", "LpPool", 1, 1, 1, 1, 0, OPS_LIST(lp_attrs), float_pool_infer, pool_cost, lp_pool_eval},
    {"", "GlobalMaxPool", 1, 1, 1, 1, 0, OPS_NONE, global_infer, global_cost, global_max_eval},
    {"", "GlobalAveragePool", 1, 1, 1, 1, 0, OPS_NONE, global_infer, global_cost, global_average_eval},
    {"", "GlobalLpPool", 1, 1, 1, 1, 0, OPS_LIST(global_lp_attrs), global_infer, global_cost, global_lp_eval},
};
OPS_FAMILY(pool, pool_ops);
