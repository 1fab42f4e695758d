/* Helpers for the entries of the operator table. */
#include "graph/op.h"

#include <string.h>

accel_status op_fail(const op_context *c, accel_status status, const char *format, ...) {
    if (!c->err) {
        return status;
    }
    char label[256], sentence[ACCEL_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    str_formatv(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return error_set(c->err, status, "%s: %s", node_label(c->graph, c->node, label, sizeof label), sentence);
}

accel_status op_allocate_output(op_context *c, size_t output, const shape *s) {
    if (!c->services || !c->services->allocate_output) {
        return op_fail(c, ACCEL_INTERNAL, "an output was allocated outside of eval");
    }
    return c->services->allocate_output(c, output, s);
}

/* ---- attributes ----------------------------------------------------------------------------------------------- */

const graph_attr *op_attr(const op_context *c, const char *name) {
    return node_attr(c->node, name);
}

int64_t op_attr_int(const op_context *c, const char *name, int64_t fallback) {
    return node_attr_int(c->node, name, fallback);
}

double op_attr_float(const op_context *c, const char *name, double fallback) {
    return node_attr_float(c->node, name, fallback);
}

const char *op_attr_string(const op_context *c, const char *name, const char *fallback) {
    return node_attr_string(c->node, name, fallback);
}

/* ---- inputs and outputs ---------------------------------------------------------------------------------------- */

bool op_has_input(const op_context *c, size_t index) {
    return index < c->input_count && c->inputs[index].present;
}

int64_t op_elements(const op_value *v) {
    int64_t elements;
    return shape_elements(&v->type.shape, &elements) ? elements : 0;
}

accel_status op_input_ints(const op_context *c, size_t input, const int64_t **out, size_t *count,
                           bool *known) {
    *known = false;
    *count = 0;
    if (!op_has_input(c, input)) {
        return ACCEL_OK;
    }
    const op_value *v = &c->inputs[input];
    if (v->type.type != DTYPE_UNDEFINED && !dtype_is_integer(v->type.type) && v->type.type != DTYPE_BOOL) {
        return op_fail(c, ACCEL_BAD_GRAPH, "input %llu must hold integers, not %s", (unsigned long long)input,
                       dtype_name(v->type.type));
    }
    if (!v->data || !shape_is_static(&v->type.shape)) {
        return ACCEL_OK;
    }
    size_t n = (size_t)op_elements(v);
    int64_t *ints = ARENA_ARRAY(c->scratch, int64_t, n);
    if (!ints) {
        return op_fail(c, ACCEL_OUT_OF_MEMORY, "not enough memory for %llu integers", (unsigned long long)n);
    }
    for (size_t i = 0; i < n; i++) {
        ints[i] = dtype_get_i64(v->type.type, v->data, i);
    }
    *out = ints;
    *count = n;
    *known = true;
    return ACCEL_OK;
}

void op_set_output(op_context *c, size_t output, dtype type, const shape *s) {
    if (output < c->output_count && c->outputs[output].present) {
        c->outputs[output].type = (value_type){.container = CONTAINER_TENSOR, .type = type, .shape = *s};
    }
}

const double *op_input_f64(op_context *c, size_t input) {
    const op_value *v = &c->inputs[input];
    size_t n = (size_t)op_elements(v);
    double *values = ARENA_ARRAY(c->scratch, double, n);
    if (!values) {
        op_fail(c, ACCEL_OUT_OF_MEMORY, "not enough memory for %llu numbers of working space",
                (unsigned long long)n);
        return NULL;
    }
    if (v->type.type == DTYPE_F64) {
        memcpy(values, v->data, n * sizeof *values);
        return values;
    }
    for (size_t i = 0; i < n; i++) {
        values[i] = dtype_get_f64(v->type.type, v->data, i);
    }
    return values;
}

accel_status op_output_from_f64(op_context *c, size_t output, const double *values) {
    const op_value *v = &c->outputs[output];
    if (!v->present) {
        return ACCEL_OK;
    }
    if (!c->output_data[output]) {
        return op_fail(c, ACCEL_INTERNAL, "output %llu was written before it was allocated",
                       (unsigned long long)output);
    }
    size_t n = (size_t)op_elements(v);
    for (size_t i = 0; i < n; i++) {
        dtype_set_f64(v->type.type, c->output_data[output], i, values[i]);
    }
    return ACCEL_OK;
}
