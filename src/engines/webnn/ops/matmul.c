/* Products of matrices. */
#include "engines/webnn/ops/families.h"

static int64_t rows_of(const shape *s) {
    int64_t rows = 1;
    for (int d = 0; d + 1 < s->rank; d++)
        rows *= s->dims[d];
    return rows;
}

/* Weights as backends pack them: [outputs, inputs], one row an output. */
static operand weights_by_output(lowering *l, size_t input) {
    const shape *w = value_shape(l, input_value(l, input));
    return turned_constant(l, input_value(l, input), 2, w->dims, (const int64_t[]){1, 0});
}

/* The Add of a vector that alone reads this node's output, behind which the sum is made along with the product. */
static value_id bias_behind(const lowering *l, int64_t width, value_id *sum) {
    const graph_node *add = only_reader(l, l->node->outputs[0]);
    if (add == NULL || !node_is_op(add, "Add"))
        return VALUE_NONE;
    for (size_t k = 0; k < 2; k++) {
        value_id v = add->inputs[k];
        const shape *s = value_shape(l, v);
        if (graph_value_is_constant(l->graph, v) && s->rank == 1 && s->dims[0] == width &&
            shape_equal(value_shape(l, add->outputs[0]), output_shape(l, 0))) {
            *sum = add->outputs[0];
            return v;
        }
    }
    return VALUE_NONE;
}

/* By a matrix of weights: one product of two dims, whatever stands before them, and the bias with it. */
static void by_weights(lowering *l) {
    const shape out = *output_shape(l, 0);
    const shape *w = value_shape(l, input_value(l, 1));
    const int64_t flat[2] = {rows_of(&out), w->dims[0]};
    value_id sum = VALUE_NONE, bias = bias_behind(l, w->dims[1], &sum);
    shape s = {.rank = 2, .dims = {flat[0], w->dims[1]}};
    operand x = emit_reshape(l, input_plain(l, 0), 2, flat), weights = weights_by_output(l, 1);
    operand added = bias != VALUE_NONE ? value_plain(l, bias) : OPERAND_NONE;
    call_start(l, "gemm");
    call_operand(l, "a", x);
    call_operand(l, "b", weights);
    if (bias != VALUE_NONE)
        option_operand(l, "c", added);
    option_bool(l, "bTranspose", true);
    operand y = emit_reshape(l, call_end(l, type_of(l, x), &s), out.rank, out.dims);
    if (bias != VALUE_NONE)
        set_value(l, sum, y);
    else
        set_output(l, 0, y);
}

/* A vector stands for a row before, or a column behind, the product. */
static operand as_matrix(lowering *l, size_t input) {
    operand x = input_plain(l, input);
    const shape s = *shape_of_operand(l, x);
    const int64_t row[2] = {1, s.dims[0]}, column[2] = {s.dims[0], 1};
    return s.rank == 1 ? emit_reshape(l, x, 2, input == 0 ? row : column) : x;
}

static void lower_mat_mul(lowering *l, const char *method) {
    (void)method;
    const shape *x = value_shape(l, input_value(l, 0)), *w = value_shape(l, input_value(l, 1));
    if (x->rank >= 2 && w->rank == 2 && is_constant(l, 1) && limits_have_method(l->limits, "gemm")) {
        by_weights(l);
        return;
    }
    operand a = as_matrix(l, 0), b = as_matrix(l, 1);
    const shape *out = output_shape(l, 0);
    set_output(l, 0, emit_reshape(l, emit_matmul(l, a, b), out->rank, out->dims));
}

static void lower_gemm(lowering *l, const char *method) {
    bool turned = attr_int(l, "transB", 0) != 0, early = !turned && is_constant(l, 1);
    operand a = input_plain(l, 0), b = early ? weights_by_output(l, 1) : input_plain(l, 1);
    operand c = has_input(l, 2) ? input_plain(l, 2) : OPERAND_NONE;
    double alpha = attr_float(l, "alpha", 1), beta = attr_float(l, "beta", 1);
    call_start(l, method);
    call_operand(l, "a", a);
    call_operand(l, "b", b);
    if (c != OPERAND_NONE)
        option_operand(l, "c", c);
    if (alpha != 1)
        option_real(l, "alpha", alpha);
    if (beta != 1 && c != OPERAND_NONE)
        option_real(l, "beta", beta);
    if (attr_int(l, "transA", 0) != 0)
        option_bool(l, "aTranspose", true);
    if (turned || early)
        option_bool(l, "bTranspose", true);
    set_output(l, 0, call_end(l, type_of(l, a), output_shape(l, 0)));
}

static const lower_def ops[] = {
    {"MatMul", lower_mat_mul, NULL, NULL},
    {"Gemm", lower_gemm, "gemm", NULL},
};
LOWER_FAMILY(lower_matmul, ops);
