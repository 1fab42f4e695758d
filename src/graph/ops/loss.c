/* Losses of classification. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

static const op_attr_def loss_attrs[] = {{"ignore_index", ATTR_INT, false, "none"},
                                         {"reduction", ATTR_STRING, false, "mean"}};
enum loss_reduction { LOSS_NONE, LOSS_MEAN, LOSS_SUM };

/* Input 0 [n, classes, d…], input 1 the classes [n, d…], input 2 optional weights [classes]. */
static accel_status loss_infer(op_context *c) {
    int reduction;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, 1, TYPES_INDEX));
    ACCEL_TRY(require_type(c, 2, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 2, TENSOR_MAX_RANK));
    ACCEL_TRY(require_rank(c, 2, 1, 1));
    ACCEL_TRY(attr_choice(c, "reduction", "mean", "none mean sum", &reduction));
    const shape *x = input_shape(c, 0), *target = input_shape(c, 1);
    if (x->rank != RANK_UNKNOWN) {
        int64_t classes = x->dims[1];
        ACCEL_TRY(require_rank(c, 1, x->rank - 1, x->rank - 1));
        if (op_has_input(c, 2))
            ACCEL_TRY(merge_dim(c, "the classes and the weights", &classes, input_dim(c, 2, 0)));
        for (int i = 0; i < target->rank; i++) {
            int64_t dim = x->dims[i == 0 ? 0 : i + 1];
            ACCEL_TRY(merge_dim(c, "the dims of input and target", &dim, target->dims[i]));
        }
    }
    shape scalar = {.rank = 0};
    put_output(c, 0, input_type(c, 0), reduction == LOSS_NONE ? target : &scalar);
    put_output(c, 1, input_type(c, 0), x);
    return ACCEL_OK;
}

typedef struct loss_sum {
    double loss, weight;
} loss_sum;

/* logs: log probabilities laid out as input 0. */
static accel_status loss_run(op_context *c, const double *logs) {
    const shape *x = input_shape(c, 0);
    int64_t classes = x->dims[1], inner = dims_product(x->dims + 2, x->rank - 2),
            count = op_elements(&c->inputs[1]);
    const graph_attr *ignore = op_attr(c, "ignore_index");
    int reduction;
    loss_sum sum = {0, 0};
    ACCEL_TRY(attr_choice(c, "reduction", "mean", "none mean sum", &reduction));
    for (int64_t i = 0; i < count; i++) {
        int64_t target = input_i64_at(c, 1, i, 0);
        double loss = 0;
        if (!ignore || target != ignore->i) {
            if (target < 0 || target >= classes)
                return op_fail(c, ACCEL_BAD_GRAPH, "class %lld is outside %lld classes", (long long)target,
                               (long long)classes);
            double weight = input_f64_at(c, 2, target, 1);
            loss = -logs[(i / inner * classes + target) * inner + i % inner] * weight;
            sum.weight += weight;
        }
        sum.loss += loss;
        if (reduction == LOSS_NONE)
            store_f64(c->outputs[0].type.type, c->output_data[0], i, 1, 1, &loss);
    }
    if (reduction == LOSS_MEAN)
        sum.loss /= sum.weight;
    if (reduction != LOSS_NONE)
        store_f64(c->outputs[0].type.type, c->output_data[0], 0, 1, 1, &sum.loss);
    return ACCEL_OK;
}

static accel_status nll_eval(op_context *c) {
    const double *x = op_input_f64(c, 0);
    return x ? loss_run(c, x) : ACCEL_OUT_OF_MEMORY;
}

static accel_status cross_entropy_eval(op_context *c) {
    axis_split s = split_at(input_shape(c, 0), 1);
    const double *x = op_input_f64(c, 0);
    double *logs = SCRATCH(c, double, s.outer *s.length *s.inner);
    if (!x || !logs)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t line = 0; line < s.outer * s.inner; line++) {
        int64_t base = line / s.inner * s.length * s.inner + line % s.inner;
        double top = -INFINITY, sum = 0;
        for (int64_t k = 0; k < s.length; k++)
            top = fmax(top, x[base + k * s.inner]);
        for (int64_t k = 0; k < s.length; k++)
            sum += exp(x[base + k * s.inner] - top);
        for (int64_t k = 0; k < s.length; k++)
            logs[base + k * s.inner] = x[base + k * s.inner] - top - log(sum);
    }
    ACCEL_TRY(loss_run(c, logs));
    return has_output(c, 1) ? op_output_from_f64(c, 1, logs) : ACCEL_OK;
}

static const op_def loss_ops[] = {
    {"", "NegativeLogLikelihoodLoss", 2, 3, 1, 1, 0, OPS_LIST(loss_attrs), loss_infer, NULL, nll_eval},
    {"", "SoftmaxCrossEntropyLoss", 2, 3, 1, 2, 0, OPS_LIST(loss_attrs), loss_infer, NULL,
     cross_entropy_eval},
};
OPS_FAMILY(loss, loss_ops);
