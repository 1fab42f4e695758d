/* What a model computes in by itself. */
#include "engines/engine.h"

static bool precision_of_type(dtype type, precision *out) {
    switch (type) {
    case DTYPE_F32:
    case DTYPE_F64:
        *out = PRECISION_FP32;
        return true;
    case DTYPE_F16:
        *out = PRECISION_FP16;
        return true;
    case DTYPE_BF16:
        *out = PRECISION_BF16;
        return true;
    case DTYPE_I8:
    case DTYPE_U8:
        *out = PRECISION_INT8;
        return true;
    case DTYPE_I4:
    case DTYPE_U4:
        *out = PRECISION_INT4;
        return true;
    default:
        return false;
    }
}

static void count_weights(const graph *g, double elements[PRECISION_COUNT]) {
    for (size_t i = 0; i < g->value_count; i++) {
        const graph_value *v = &g->values[i];
        precision p;
        int64_t count;
        if (v->origin == VALUE_INITIALIZER && precision_of_type(v->type.type, &p) &&
            shape_elements(&v->type.shape, &count)) {
            elements[p] += (double)count;
        }
    }
}

/* Small graphs, as those of conformance cases, may have no weights at all. */
static precision precision_of_inputs(const graph *g) {
    for (size_t i = 0; i < g->input_count; i++) {
        dtype type = g->values[g->inputs[i]].type.type;
        precision p;
        if ((type == DTYPE_F16 || type == DTYPE_BF16) && precision_of_type(type, &p)) {
            return p;
        }
    }
    return PRECISION_FP32;
}

/* Operators that compute with integers, or make them of real values. */
static bool computes_in_integers(const graph *g) {
    static const char *const ends[] = {"Integer", "QuantizeLinear", "QuantizeMatMul"};
    for (size_t i = 0; i < g->node_count; i++) {
        const char *op = g->nodes[i]->op_type;
        bool is = str_starts_with(op, "QLinear") || str_equal(op, "QGemm");
        for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++) {
            is = is || (str_ends_with(op, ends[k]) && !str_equal(op, "DequantizeLinear"));
        }
        if (is) {
            return true;
        }
    }
    return false;
}

precision engine_graph_precision(const graph *g) {
    if (computes_in_integers(g)) {
        return PRECISION_INT8;
    }
    double elements[PRECISION_COUNT] = {0};
    count_weights(g, elements);
    precision most = PRECISION_FP32;
    for (int p = 0; p < PRECISION_COUNT; p++) {
        if (elements[p] > elements[most]) {
            most = (precision)p;
        }
    }
    return elements[most] > 0 ? most : precision_of_inputs(g);
}

bool precision_is_integer(precision p) {
    return p == PRECISION_INT8 || p == PRECISION_INT4;
}
