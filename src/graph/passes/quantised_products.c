/* Convolutions and matrix products of 8-bit values. */
#include "graph/passes/quantised.h"

#include <math.h>
#include <string.h>

/* ---- biases --------------------------------------------------------------------------------------------------------- */

/* An initializer's numbers, or NULL. Small: biases and scales. */
static double *read_numbers(editor *e, value_id v, int64_t *count) {
    tensor t;
    bool owned;
    if (!is_initializer(e->g, v) || !shape_elements(shape_of(e->g, v), count) ||
        graph_value_contents(e->g, v, &t, &owned, &e->b.error) != ACCEL_OK) {
        return NULL;
    }
    double *numbers = room_for(e, *count, sizeof *numbers);
    for (int64_t i = 0; numbers != NULL && i < *count; i++) {
        numbers[i] = dtype_get_f64(t.type, t.data, (size_t)i);
    }
    if (owned) {
        tensor_free(&t);
    }
    return numbers;
}

/* A bias as numbers: a constant, or dequantised from one (which has no zero point other than 0). */
static double *read_bias(editor *e, value_id bias, int64_t *count) {
    const graph_node *n = producer_of(e->g, bias);
    if (n == NULL) {
        return read_numbers(e, bias, count);
    }
    int64_t scales = 0;
    double zero = 0;
    value_id zero_id = input_or_none(n, 2);
    double *values = is_dequantise(n) ? read_numbers(e, n->inputs[0], count) : NULL;
    double *scale = values == NULL ? NULL : read_numbers(e, n->inputs[1], &scales);
    bool has_zero =
        zero_id != VALUE_NONE && scales == 1 && (!scalar_constant(e->g, zero_id, &zero) || zero != 0);
    if (scale == NULL || has_zero || (scales != 1 && scales != *count)) {
        return NULL;
    }
    for (int64_t i = 0; i < *count; i++) {
        values[i] *= scale[scales == 1 ? 0 : i];
    }
    return values;
}

/* Of the result's step: a rounded bias may move a sum by this much, so that it decides what lies nearly between two steps only. */
static const double bias_slack = 1.0 / 256;

/* The bias in int32 steps of the products, as quantisers write it. Any other that can be said so is taken too. */
static bool integer_bias(editor *e, value_id bias, int64_t channels, const quantised *x,
                         const quantised_weights *w, double y_step, value_id *out) {
    int64_t count = 0, scales = 0;
    *out = VALUE_NONE;
    if (bias == VALUE_NONE) {
        return true;
    }
    const double *values = read_bias(e, bias, &count);
    const double *scale = values == NULL ? NULL : read_numbers(e, w->scale, &scales);
    int32_t *steps = room_for(e, channels, sizeof *steps);
    if (scale == NULL || steps == NULL || (count != channels && count != 1)) {
        return false;
    }
    for (int64_t c = 0; c < channels; c++) {
        double value = values[count == 1 ? 0 : c], step = x->step * scale[scales == 1 ? 0 : c];
        double rounded = step > 0 ? rint(value / step) : NAN;
        if (!(fabs(rounded) < 1 << 30) || !(fabs(value - rounded * step) <= bias_slack * y_step)) {
            return false;
        }
        steps[c] = (int32_t)rounded;
    }
    return e->b.error.status == ACCEL_OK &&
           graph_add_constant(e->g, NULL, DTYPE_I32, &(shape){.rank = 1, .dims = {channels}}, steps, out,
                              &e->b.error) == ACCEL_OK;
}

/* A constant of one element, or one a column of `columns` and nothing else. */
static bool is_column_vector(const graph *g, value_id v, int64_t columns) {
    int64_t count;
    const shape *s = shape_of(g, v);
    return shape_is_static(s) && shape_elements(s, &count) &&
           (count == 1 || (count == columns && s->rank > 0 && s->dims[s->rank - 1] == columns));
}

/* ---- between DequantizeLinear and QuantizeLinear ------------------------------------------------------------------------ */

bool quantised_conv(editor *e, graph_node *n, const quantised *y, graph_node *q) {
    quantised x;
    quantised_weights w;
    value_id bias;
    if (!find_weights(e, n->inputs[1], 0, &w) || !find_quantised(e, n->inputs[0], &x) ||
        !integer_bias(e, input_or_none(n, 2), shape_of(e->g, w.q)->dims[0], &x, &w, y->step, &bias)) {
        return false;
    }
    become(e, n, "", "QLinearConv", bias == VALUE_NONE ? 8 : 9,
           (value_id[]){x.q, x.scale, x.zero, w.q, w.scale, w.zero, y->scale, y->zero, bias});
    take_output(e, n, q);
    return true;
}

bool quantised_gemm(editor *e, graph_node *n, const quantised *y, graph_node *q) {
    quantised x;
    quantised_weights w;
    value_id c = input_or_none(n, 2), bias;
    int columns = node_attr_int(n, "transB", 0) != 0 ? 0 : 1;
    if (node_attr_float(n, "alpha", 1) != 1 || node_attr_int(n, "transA", 0) != 0 ||
        (c != VALUE_NONE && node_attr_float(n, "beta", 1) != 1) ||
        !find_weights(e, n->inputs[1], columns, &w) || shape_of(e->g, w.q)->rank != 2) {
        return false;
    }
    int64_t width = shape_of(e->g, w.q)->dims[columns];
    if ((c != VALUE_NONE && !is_column_vector(e->g, c, width)) || !find_quantised(e, n->inputs[0], &x) ||
        !integer_bias(e, c, width, &x, &w, y->step, &bias)) {
        return false;
    }
    node_remove_attr(n, "beta");
    become(e, n, "com.microsoft", "QGemm", 9,
           (value_id[]){x.q, x.scale, x.zero, w.q, w.scale, w.zero, bias, y->scale, y->zero});
    take_output(e, n, q);
    return true;
}

/* The right side of a product: weights with one scale or one a column, or another quantised value. */
static bool find_right(editor *e, value_id v, quantised_weights *out) {
    quantised b;
    graph_node *n = producer_of(e->g, v);
    int rank = n == NULL ? RANK_UNKNOWN : shape_of(e->g, v)->rank;
    if (rank >= 2 && find_weights(e, v, rank - 1, out) && (rank == 2 || out->channels == 1)) {
        return true;
    }
    if (!find_quantised(e, v, &b)) {
        return false;
    }
    *out = (quantised_weights){.q = b.q, .scale = b.scale, .zero = b.zero, .channels = 1};
    return true;
}

bool quantised_matmul(editor *e, graph_node *n, const quantised *y, graph_node *q) {
    quantised x;
    quantised_weights w;
    if (!find_quantised(e, n->inputs[0], &x) || !find_right(e, n->inputs[1], &w)) {
        return false;
    }
    become(e, n, "", "QLinearMatMul", 8,
           (value_id[]){x.q, x.scale, x.zero, w.q, w.scale, w.zero, y->scale, y->zero});
    take_output(e, n, q);
    return true;
}

/* ---- products whose result is float ---------------------------------------------------------------------------------------- */

static bool is_plain_gemm(const graph_node *n) {
    return node_is(n, "Gemm") && node_attr_int(n, "transA", 0) == 0 && node_attr_int(n, "transB", 0) == 0 &&
           node_attr_float(n, "alpha", 1) == 1 && node_attr_float(n, "beta", 1) == 1;
}

static bool is_float_vector(const graph *g, value_id v, int64_t columns) {
    return is_initializer(g, v) && g->values[v].type.type == DTYPE_F32 && shape_of(g, v)->rank == 1 &&
           shape_of(g, v)->dims[0] == columns;
}

bool float_product(editor *e, graph_node *n) {
    quantised x;
    quantised_weights w;
    bool gemm = is_plain_gemm(n);
    if ((!gemm && !node_is(n, "MatMul")) || !find_weights(e, n->inputs[1], 1, &w) ||
        shape_of(e->g, w.q)->rank != 2) {
        return false;
    }
    value_id bias = gemm ? input_or_none(n, 2) : VALUE_NONE;
    if ((bias != VALUE_NONE && !is_float_vector(e->g, bias, shape_of(e->g, w.q)->dims[1])) ||
        !find_quantised(e, n->inputs[0], &x)) {
        return false;
    }
    n->attr_count = 0;
    become(e, n, "com.microsoft", "MatMulIntegerToFloat", 7,
           (value_id[]){x.q, w.q, x.scale, w.scale, x.zero, w.zero, bias});
    return true;
}

/* Which input of a node is made by that operator and read by nothing else; -1: none. */
static int input_made_by(const editor *e, const graph_node *n, const char *op_type, graph_node **made) {
    for (int k = 0; k < 2; k++) {
        *made = made_by(e->g, n->inputs[k], op_type);
        if (*made != NULL && used_once(e, n->inputs[k])) {
            return k;
        }
    }
    return -1;
}

/* quantize_dynamic's spelling of a product, from its last node back:
 * (q, s, z) = DynamicQuantizeLinear(x);  y = Mul(Cast(MatMulInteger(q, w, z, w_zero)), Mul(s, w_scale)) */
typedef struct dynamic_chain {
    graph_node *product, *source;
    value_id w_scale;
} dynamic_chain;

static bool read_chain(const editor *e, const graph_node *n, dynamic_chain *out) {
    const graph *g = e->g;
    graph_node *cast, *scales;
    int at = node_is(n, "Mul") ? input_made_by(e, n, "Cast", &cast) : -1;
    if (at < 0 || dtype_from_onnx(node_attr_int(cast, "to", 0)) != DTYPE_F32) {
        return false;
    }
    out->product = made_by(g, cast->inputs[0], "MatMulInteger");
    scales = made_by(g, n->inputs[1 - at], "Mul");
    value_id zero = out->product == NULL ? VALUE_NONE : input_or_none(out->product, 2);
    out->source = zero == VALUE_NONE ? NULL : producer_of(g, zero);
    if (scales == NULL || out->source == NULL || !used_once(e, cast->inputs[0]) ||
        !node_is(out->source, "DynamicQuantizeLinear") || out->source->output_count != 3 ||
        out->source->outputs[2] != zero || out->source->outputs[0] != out->product->inputs[0]) {
        return false;
    }
    value_id scale = out->source->outputs[1];
    out->w_scale = scales->inputs[0] == scale ? scales->inputs[1] : scales->inputs[0];
    return scales->inputs[0] == scale || scales->inputs[1] == scale;
}

bool dynamic_product(editor *e, graph_node *n) {
    dynamic_chain c;
    if (!read_chain(e, n, &c)) {
        return false;
    }
    const graph *g = e->g;
    value_id q = c.product->inputs[0], w = c.product->inputs[1], scale = c.source->outputs[1],
             zero = c.source->outputs[2], w_zero = input_or_none(c.product, 3);
    const shape *s = shape_of(g, w);
    if (s->rank < 2 || s->dims[s->rank - 1] < 0 || !is_column_vector(g, c.w_scale, s->dims[s->rank - 1]) ||
        (w_zero != VALUE_NONE && !is_column_vector(g, w_zero, s->dims[s->rank - 1]))) {
        return false;
    }
    if (used_once(e, q) && used_once(e, scale) && used_once(e, zero)) {
        become(e, n, "com.microsoft", "DynamicQuantizeMatMul", 5,
               (value_id[]){c.source->inputs[0], w, c.w_scale, w_zero, VALUE_NONE});
    } else {
        become(e, n, "com.microsoft", "MatMulIntegerToFloat", 7,
               (value_id[]){q, w, scale, c.w_scale, zero, w_zero, VALUE_NONE});
    }
    return true;
}

/* An Add of a constant vector behind a product that has room for a bias. */
bool product_bias(editor *e, graph_node *n) {
    static const struct {
        const char *name;
        size_t bias, weights;
    } products[] = {{"MatMulIntegerToFloat", 6, 1}, {"DynamicQuantizeMatMul", 4, 1}};
    for (int k = 0; node_is(n, "Add") && k < 2; k++) {
        graph_node *p = producer_of(e->g, n->inputs[k]);
        for (size_t i = 0; p != NULL && used_once(e, n->inputs[k]) && i < 2; i++) {
            if (strcmp(p->op_type, products[i].name) != 0 || p->inputs[products[i].bias] != VALUE_NONE) {
                continue;
            }
            const shape *w = shape_of(e->g, p->inputs[products[i].weights]);
            if (is_float_vector(e->g, n->inputs[1 - k], w->dims[w->rank - 1])) {
                p->inputs[products[i].bias] = n->inputs[1 - k];
                take_output(e, p, n);
                return true;
            }
        }
    }
    return false;
}
