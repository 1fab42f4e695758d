/* Values of the graph as operands: constants, layouts, and element types that the browser holds. */
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "engines/webnn/lower.h"

/* ---- types -------------------------------------------------------------------------------------------------------- */

dtype held_type(const lowering *l, dtype t) {
    if (t == DTYPE_BOOL)
        return DTYPE_U8;
    if (!l->wide && t == DTYPE_I64)
        return DTYPE_I32;
    if (!l->wide && t == DTYPE_U64)
        return DTYPE_U32;
    return t;
}

dtype type_of(const lowering *l, operand x) {
    return x == OPERAND_NONE ? DTYPE_UNDEFINED : l->operands[x].type;
}

const shape *shape_of_operand(const lowering *l, operand x) {
    static const shape none = {.rank = 0};
    return x == OPERAND_NONE ? &none : &l->operands[x].shape;
}

int rank_of(const lowering *l, operand x) {
    return shape_of_operand(l, x)->rank;
}

/* ---- operands ----------------------------------------------------------------------------------------------------- */

/* WebNN has neither empty tensors nor all element types. */
static bool can_be_held(lowering *l, dtype type, const shape *s) {
    char text[128];
    int64_t elements = 0;
    if (webnn_type_name(type) == NULL)
        lower_fail(l, "WebNN has no %s", dtype_name(type));
    else if (!shape_elements(s, &elements) || elements < 1)
        lower_fail(l, "WebNN has no tensor of shape %s", shape_text(s, text, sizeof text));
    else if (elements > INT32_MAX)
        lower_fail(l, "a tensor of shape %s is too large for WebNN", shape_text(s, text, sizeof text));
    return !l->failed;
}

operand add_operand(lowering *l, dtype type, const shape *s) {
    if (l->failed || !can_be_held(l, type, s))
        return OPERAND_NONE;
    const shape own = *s; /* s may lie in the table, which moves */
    if (l->operand_count >= INT32_MAX ||
        !mem_grow((void **)&l->operands, &l->operand_capacity, l->operand_count + 1, sizeof *l->operands)) {
        lower_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at %llu operands",
                    (unsigned long long)l->operand_count);
        return OPERAND_NONE;
    }
    l->operands[l->operand_count] = (webnn_operand){.type = type, .shape = own};
    return (operand)l->operand_count++;
}

operand add_constant(lowering *l, dtype type, const shape *s, const void *bytes, size_t size_bytes) {
    if (!l->failed && !limits_take_type(l->limits, NULL, "constant", type)) {
        l->wants_narrow = l->wants_narrow || (l->wide && (type == DTYPE_I64 || type == DTYPE_U64));
        lower_fail(l, "the browser takes no constants of %s", dtype_name(type));
    }
    operand x = bytes != NULL ? add_operand(l, type, s) : OPERAND_NONE;
    if (x != OPERAND_NONE) {
        l->operands[x].bytes = bytes;
        l->operands[x].size_bytes = size_bytes;
    }
    return x;
}

operand numbers(lowering *l, dtype type, int rank, const int64_t *dims, const double *values) {
    shape s = shape_make(rank, dims);
    int64_t count = 0;
    size_t size = 0;
    if (l->failed || !shape_elements(&s, &count) || !dtype_size_bytes(type, count, &size))
        return OPERAND_NONE;
    uint8_t *bytes = lower_alloc(l, size, 1);
    for (size_t i = 0; bytes != NULL && i < (size_t)count; i++)
        dtype_set_f64(type, bytes, i, values[i]);
    return add_constant(l, type, &s, bytes, size);
}

operand number(lowering *l, dtype type, double value) {
    return numbers(l, type, 0, NULL, &value);
}

/* ---- constants of the graph ----------------------------------------------------------------------------------------- */

/* 64-bit integers in half as many bits, where they fit. */
static void *narrowed(lowering *l, const graph_value *v, const tensor *t, dtype to, size_t *size) {
    int64_t count = 0;
    const bool is_signed = to == DTYPE_I32;
    const int64_t low = is_signed ? INT32_MIN : 0, high = is_signed ? INT32_MAX : (int64_t)UINT32_MAX;
    shape_elements(&t->shape, &count);
    *size = (size_t)count * 4;
    void *bytes = lower_alloc(l, (size_t)count, 4);
    for (size_t i = 0; bytes != NULL && i < (size_t)count; i++) {
        int64_t x = dtype_get_i64(t->type, t->data, i);
        if (x < low || x > high) {
            lower_fail(l, "constant '%s' holds %lld, and the browser has no %s but %s", v->name, (long long)x,
                       dtype_name(t->type), dtype_name(to));
            return NULL;
        }
        dtype_set_i64(to, bytes, i, x);
    }
    return bytes;
}

/* Contents in place, or made now and kept as long as the description. */
static bool contents_of(lowering *l, value_id v, tensor *t) {
    bool owned = false;
    accel_error why = {0};
    accel_status status = graph_value_contents(l->graph, v, t, &owned, &why);
    if (status == ACCEL_OK && owned) {
        if (mem_grow((void **)&l->kept, &l->kept_capacity, l->kept_count + 1, sizeof *l->kept)) {
            l->kept[l->kept_count++] = *t;
        } else {
            tensor_free(t);
            status = error_set(&why, ACCEL_OUT_OF_MEMORY, "memory ended at the weights");
        }
    }
    if (status != ACCEL_OK)
        lower_fatal(l, status, "%s", why.message);
    return status == ACCEL_OK;
}

/* Bytes of a constant as operands hold them. */
static const void *held_bytes(lowering *l, value_id v, size_t *size) {
    const graph_value *value = &l->graph->values[v];
    dtype to = held_type(l, value->type.type);
    tensor t = {0};
    if (!contents_of(l, v, &t))
        return NULL;
    *size = t.size_bytes;
    bool shrinks = dtype_bits(to) < dtype_bits(t.type);
    return shrinks ? narrowed(l, value, &t, to, size) : t.data;
}

static operand constant_of(lowering *l, value_id v) {
    const graph_value *value = &l->graph->values[v];
    dtype type = held_type(l, value->type.type);
    size_t size = 0;
    if (!can_be_held(l, type, &value->type.shape))
        return OPERAND_NONE;
    const void *bytes = held_bytes(l, v, &size);
    return bytes == NULL ? OPERAND_NONE : add_constant(l, type, &value->type.shape, bytes, size);
}

static void copy_turned(const uint8_t *from, uint8_t *to, size_t element, int rank, const int64_t *dims,
                        const int64_t *perm) {
    int64_t strides[TENSOR_MAX_RANK], index[TENSOR_MAX_RANK] = {0}, count = 1, step = 1;
    for (int d = rank - 1; d >= 0; d--) {
        strides[d] = step;
        step *= dims[d];
        count *= dims[d];
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0;
        for (int d = 0; d < rank; d++)
            at += index[d] * strides[perm[d]];
        memcpy(to + (size_t)i * element, from + (size_t)at * element, element);
        for (int d = rank - 1; d >= 0 && ++index[d] == dims[perm[d]]; d--)
            index[d] = 0;
    }
}

operand turned_constant(lowering *l, value_id v, int rank, const int64_t *dims, const int64_t *perm) {
    dtype type = held_type(l, l->graph->values[v].type.type);
    size_t size = 0, element = dtype_bits(type) / 8;
    const uint8_t *from = l->failed ? NULL : held_bytes(l, v, &size);
    if (from == NULL || element == 0) {
        if (!l->failed)
            lower_fail(l, "weights of %s cannot be laid out otherwise", dtype_name(type));
        return OPERAND_NONE;
    }
    shape s = {.rank = rank};
    for (int d = 0; d < rank; d++)
        s.dims[d] = dims[perm[d]];
    uint8_t *to = lower_alloc(l, size, 1);
    if (to != NULL)
        copy_turned(from, to, element, rank, dims, perm);
    return add_constant(l, type, &s, to, size);
}

/* ---- layouts ------------------------------------------------------------------------------------------------------ */

int axis_last(int axis, int rank) {
    return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1;
}

/* Channels to the end, or back to the second place. */
static void turn(int rank, bool to_last, int64_t *perm) {
    for (int d = 0; d < rank; d++) {
        int at = axis_last(d, rank);
        perm[to_last ? at : d] = to_last ? d : at;
    }
}

/* Between the two layouts; where they are the same bytes, a view. */
static operand turned(lowering *l, operand x, bool to_last) {
    const shape s = *shape_of_operand(l, x);
    int64_t elements = 0, dims[TENSOR_MAX_RANK], perm[TENSOR_MAX_RANK];
    int64_t channels = s.rank > 1 ? s.dims[to_last ? 1 : s.rank - 1] : 1;
    turn(s.rank, to_last, perm);
    for (int d = 0; d < s.rank; d++)
        dims[d] = s.dims[perm[d]];
    shape_elements(&s, &elements);
    bool same = channels == 1 || elements == channels * s.dims[0];
    return same ? emit_reshape(l, x, s.rank, dims) : emit_transpose(l, x, perm);
}

operand value_plain(lowering *l, value_id v) {
    if (l->failed)
        return OPERAND_NONE;
    if (l->plain[v] == OPERAND_NONE && graph_value_is_constant(l->graph, v))
        l->plain[v] = constant_of(l, v);
    else if (l->plain[v] == OPERAND_NONE && l->last[v] != OPERAND_NONE)
        l->plain[v] = turned(l, l->last[v], false);
    if (l->plain[v] == OPERAND_NONE && !l->failed) {
        l->follows = true;
        lower_fail(l, "what it reads could not be made");
    }
    return l->plain[v];
}

/* Of this rank: a value that broadcasts against channels-last ones gets dims of 1 before its own, then is turned. */
static operand value_last(lowering *l, value_id v, int rank) {
    const shape *s = value_shape(l, v);
    int64_t elements = 0, dims[TENSOR_MAX_RANK], perm[TENSOR_MAX_RANK];
    if (l->failed || (l->last[v] != OPERAND_NONE && rank_of(l, l->last[v]) == rank))
        return l->failed ? OPERAND_NONE : l->last[v];
    if (shape_elements(s, &elements) && elements == 1 && s->rank < rank)
        return value_plain(l, v);
    for (int d = 0; d < rank; d++)
        dims[d] = d < rank - s->rank ? 1 : s->dims[d - (rank - s->rank)];
    turn(rank, true, perm);
    if (graph_value_is_constant(l->graph, v))
        l->last[v] = turned_constant(l, v, rank, dims, perm);
    else
        l->last[v] = turned(l, emit_reshape(l, value_plain(l, v), rank, dims), true);
    return l->last[v];
}

/* ---- the node at hand ---------------------------------------------------------------------------------------------- */

value_id input_value(const lowering *l, size_t input) {
    return input < l->node->input_count ? l->node->inputs[input] : VALUE_NONE;
}

bool has_input(const lowering *l, size_t input) {
    return input_value(l, input) != VALUE_NONE;
}

bool is_constant(const lowering *l, size_t input) {
    return has_input(l, input) && graph_value_is_constant(l->graph, input_value(l, input));
}

const shape *value_shape(const lowering *l, value_id v) {
    return &l->graph->values[v].type.shape;
}

dtype value_held_type(const lowering *l, value_id v) {
    return held_type(l, l->graph->values[v].type.type);
}

operand input_plain(lowering *l, size_t input) {
    if (!has_input(l, input)) {
        lower_fail(l, "input %zu is missing", input);
        return OPERAND_NONE;
    }
    return value_plain(l, input_value(l, input));
}

operand input_last(lowering *l, size_t input) {
    if (!has_input(l, input)) {
        lower_fail(l, "input %zu is missing", input);
        return OPERAND_NONE;
    }
    return value_last(l, input_value(l, input), output_shape(l, 0)->rank);
}

operand input_laid(lowering *l, size_t input, bool last) {
    return last ? input_last(l, input) : input_plain(l, input);
}

bool lies_last(const lowering *l, size_t input) {
    value_id v = input_value(l, input);
    return v != VALUE_NONE && l->plain[v] == OPERAND_NONE && l->last[v] != OPERAND_NONE &&
           !graph_value_is_constant(l->graph, v) && rank_of(l, l->last[v]) == value_shape(l, v)->rank;
}

bool wants_last(const lowering *l) {
    bool any = false;
    int rank = output_shape(l, 0)->rank;
    for (size_t i = 0; i < l->node->input_count; i++)
        any = any || (lies_last(l, i) && value_shape(l, l->node->inputs[i])->rank == rank);
    return any && rank >= 3;
}

bool node_is_op(const graph_node *n, const char *op_type) {
    return n->domain[0] == 0 && strcmp(n->op_type, op_type) == 0;
}

const graph_node *only_reader(const lowering *l, value_id v) {
    return l->uses[v] == 1 ? l->readers[v] : NULL;
}

bool output_wanted(const lowering *l, size_t output) {
    return output < l->node->output_count && l->node->outputs[output] != VALUE_NONE;
}

const shape *output_shape(const lowering *l, size_t output) {
    return value_shape(l, l->node->outputs[output]);
}

/* A lowering that gives another type or shape than inference found is wrong, and would be found out far from here. */
static void check_output(lowering *l, value_id v, operand x, bool last) {
    const shape *s = value_shape(l, v);
    shape expected = *s;
    for (int d = 0; last && d < s->rank; d++)
        expected.dims[axis_last(d, s->rank)] = s->dims[d];
    char a[128], b[128];
    if (type_of(l, x) != value_held_type(l, v) || !shape_equal(shape_of_operand(l, x), &expected))
        lower_fail(l, "this is a bug: its lowering gives %s %s, expected %s %s", dtype_name(type_of(l, x)),
                   shape_text(shape_of_operand(l, x), a, sizeof a), dtype_name(value_held_type(l, v)),
                   shape_text(&expected, b, sizeof b));
}

void set_output_laid(lowering *l, size_t output, operand x, bool last) {
    if (l->failed || !output_wanted(l, output))
        return;
    value_id v = l->node->outputs[output];
    check_output(l, v, x, last);
    *(last ? &l->last[v] : &l->plain[v]) = x;
}

void set_value(lowering *l, value_id v, operand x) {
    if (l->failed)
        return;
    check_output(l, v, x, false);
    l->plain[v] = x;
}

void set_output(lowering *l, size_t output, operand x) {
    set_output_laid(l, output, x, false);
}

void set_output_last(lowering *l, size_t output, operand x) {
    set_output_laid(l, output, x, true);
}

bool constant_input(lowering *l, size_t input, tensor *out) {
    if (!is_constant(l, input)) {
        lower_fail(l, "input %zu is computed, and WebNN needs to know it", input);
        return false;
    }
    return !l->failed && contents_of(l, input_value(l, input), out);
}

bool constant_ints(lowering *l, size_t input, const int64_t **out, size_t *count) {
    tensor t;
    int64_t elements = 0;
    if (!constant_input(l, input, &t) || !shape_elements(&t.shape, &elements))
        return false;
    int64_t *ints = lower_alloc(l, (size_t)elements, sizeof *ints);
    for (size_t i = 0; ints != NULL && i < (size_t)elements; i++)
        ints[i] = dtype_get_i64(t.type, t.data, i);
    *out = ints;
    *count = (size_t)elements;
    return ints != NULL;
}

bool constant_number(lowering *l, size_t input, double *out) {
    tensor t;
    int64_t elements = 0;
    if (l->failed || !is_constant(l, input) ||
        !shape_elements(value_shape(l, input_value(l, input)), &elements) || elements != 1 ||
        !contents_of(l, input_value(l, input), &t))
        return false;
    *out = dtype_get_f64(t.type, t.data, 0);
    return true;
}

int64_t attr_int(const lowering *l, const char *name, int64_t fallback) {
    return node_attr_int(l->node, name, fallback);
}

double attr_float(const lowering *l, const char *name, double fallback) {
    return node_attr_float(l->node, name, fallback);
}

const char *attr_string(const lowering *l, const char *name, const char *fallback) {
    return node_attr_string(l->node, name, fallback);
}

int attr_axis(lowering *l, const char *name, int64_t fallback, int rank) {
    int axis = 0;
    if (!shape_axis(attr_int(l, name, fallback), rank, &axis))
        lower_fail(l, "%s is outside of its input", name);
    return axis;
}
