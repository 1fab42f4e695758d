/* Single calls that many lowerings share. */
#include <math.h>
#include <string.h>

#include "engines/webnn/lower.h"

operand emit_unary(lowering *l, const char *method, operand x) {
    call_start(l, method);
    call_operand(l, strcmp(method, "logicalNot") == 0 ? "a" : "input", x);
    return call_end(l, type_of(l, x), shape_of_operand(l, x));
}

static operand two(lowering *l, const char *method, operand a, operand b, dtype type) {
    shape s = {.rank = 0};
    if (!l->failed && !shape_broadcast(shape_of_operand(l, a), shape_of_operand(l, b), &s))
        lower_fail(l, "the shapes of its operands do not fit each other");
    call_start(l, method);
    call_operand(l, "a", a);
    call_operand(l, "b", b);
    return call_end(l, type, &s);
}

operand emit_binary(lowering *l, const char *method, operand a, operand b) {
    return two(l, method, a, b, type_of(l, a));
}

operand emit_compare(lowering *l, const char *method, operand a, operand b) {
    return two(l, method, a, b, DTYPE_U8);
}

operand emit_where(lowering *l, operand condition, operand a, operand b) {
    shape s = {.rank = 0};
    if (!l->failed && (!shape_broadcast(shape_of_operand(l, a), shape_of_operand(l, b), &s) ||
                       !shape_broadcast(shape_of_operand(l, condition), &s, &s)))
        lower_fail(l, "the shapes of its operands do not fit each other");
    call_start(l, "where");
    call_operand(l, "condition", condition);
    call_operand(l, "trueValue", a);
    call_operand(l, "falseValue", b);
    return call_end(l, type_of(l, a), &s);
}

operand emit_cast(lowering *l, operand x, dtype type) {
    if (l->failed || type_of(l, x) == type)
        return x;
    if (webnn_type_name(type) == NULL)
        lower_fail(l, "WebNN has no %s", dtype_name(type));
    call_start(l, "cast");
    call_operand(l, "input", x);
    call_text(l, dtype_name(type));
    return call_end(l, type, shape_of_operand(l, x));
}

operand emit_clamp(lowering *l, operand x, double low, double high) {
    if (l->failed || (isinf(low) && isinf(high) && low < high))
        return x;
    call_start(l, "clamp");
    call_operand(l, "input", x);
    if (!isinf(low))
        option_real(l, "minValue", low);
    if (!isinf(high))
        option_real(l, "maxValue", high);
    return call_end(l, type_of(l, x), shape_of_operand(l, x));
}

operand emit_reshape(lowering *l, operand x, int rank, const int64_t *dims) {
    shape s = shape_make(rank, dims);
    if (l->failed || shape_equal(&s, shape_of_operand(l, x)))
        return x;
    if (l->operands[x].bytes != NULL)
        return add_constant(l, type_of(l, x), &s, l->operands[x].bytes, l->operands[x].size_bytes);
    call_start(l, "reshape");
    call_operand(l, "input", x);
    call_ints(l, (size_t)rank, dims);
    return call_end(l, type_of(l, x), &s);
}

operand emit_transpose(lowering *l, operand x, const int64_t *perm) {
    const shape from = *shape_of_operand(l, x);
    shape s = {.rank = from.rank};
    bool same = true;
    for (int d = 0; d < s.rank; d++) {
        s.dims[d] = from.dims[perm[d]];
        same = same && perm[d] == d;
    }
    if (l->failed || same)
        return x;
    call_start(l, "transpose");
    call_operand(l, "input", x);
    option_ints(l, "permutation", (size_t)s.rank, perm);
    return call_end(l, type_of(l, x), &s);
}

operand emit_expand(lowering *l, operand x, const shape *s) {
    if (l->failed || shape_equal(s, shape_of_operand(l, x)))
        return x;
    call_start(l, "expand");
    call_operand(l, "input", x);
    call_ints(l, (size_t)s->rank, s->dims);
    return call_end(l, type_of(l, x), s);
}

operand emit_slice(lowering *l, operand x, const int64_t *starts, const int64_t *sizes,
                   const int64_t *strides) {
    const shape from = *shape_of_operand(l, x);
    shape s = {.rank = from.rank};
    bool steps = false, whole = true;
    for (int d = 0; d < s.rank; d++) {
        int64_t stride = strides != NULL ? strides[d] : 1;
        s.dims[d] = (sizes[d] + stride - 1) / stride;
        steps = steps || stride != 1;
        whole = whole && s.dims[d] == from.dims[d];
    }
    if (l->failed || whole)
        return x;
    call_start(l, "slice");
    call_operand(l, "input", x);
    call_ints(l, (size_t)s.rank, starts);
    call_ints(l, (size_t)s.rank, sizes);
    if (steps)
        option_ints(l, "strides", (size_t)s.rank, strides);
    return call_end(l, type_of(l, x), &s);
}

operand emit_concat(lowering *l, size_t count, const operand *x, int axis) {
    if (l->failed || count == 1)
        return count > 0 ? x[0] : OPERAND_NONE;
    shape s = *shape_of_operand(l, x[0]);
    for (size_t i = 1; i < count; i++)
        s.dims[axis] += shape_of_operand(l, x[i])->dims[axis];
    call_start(l, "concat");
    call_operands(l, "inputs", count, x);
    call_int(l, axis);
    return call_end(l, type_of(l, x[0]), &s);
}

operand emit_gather(lowering *l, operand x, operand indices, int axis) {
    const shape from = *shape_of_operand(l, x), at = *shape_of_operand(l, indices);
    shape s = {.rank = 0};
    if (from.rank + at.rank - 1 > TENSOR_MAX_RANK)
        lower_fail(l, "its result has a rank above %d", TENSOR_MAX_RANK);
    if (l->failed)
        return OPERAND_NONE;
    for (int d = 0; d < axis; d++)
        s.dims[s.rank++] = from.dims[d];
    for (int d = 0; d < at.rank; d++)
        s.dims[s.rank++] = at.dims[d];
    for (int d = axis + 1; d < from.rank; d++)
        s.dims[s.rank++] = from.dims[d];
    call_start(l, "gather");
    call_operand(l, "input", x);
    call_operand(l, "indices", indices);
    option_int(l, "axis", axis);
    return call_end(l, type_of(l, x), &s);
}

operand emit_matmul(lowering *l, operand a, operand b) {
    const shape x = *shape_of_operand(l, a), y = *shape_of_operand(l, b);
    if (!l->failed && (x.rank < 2 || y.rank < 2 || x.dims[x.rank - 1] != y.dims[y.rank - 2]))
        lower_fail(l, "its operands do not fit each other");
    if (l->failed)
        return OPERAND_NONE;
    shape x_batch = shape_make(x.rank - 2, x.dims), y_batch = shape_make(y.rank - 2, y.dims), s = {.rank = 0};
    if (!shape_broadcast(&x_batch, &y_batch, &s) || s.rank + 2 > TENSOR_MAX_RANK) {
        lower_fail(l, "its operands do not fit each other");
        return OPERAND_NONE;
    }
    s.dims[s.rank++] = x.dims[x.rank - 2];
    s.dims[s.rank++] = y.dims[y.rank - 1];
    call_start(l, "matmul");
    call_operand(l, "a", a);
    call_operand(l, "b", b);
    return call_end(l, type_of(l, a), &s);
}

operand emit_reduce(lowering *l, const char *method, operand x, size_t count, const int64_t *axes,
                    bool keep) {
    const shape from = *shape_of_operand(l, x);
    shape s = {.rank = 0};
    if (l->failed || count == 0)
        return x;
    for (int d = 0; d < from.rank; d++) {
        bool gone = false;
        for (size_t i = 0; i < count; i++)
            gone = gone || axes[i] == d;
        if (!gone || keep)
            s.dims[s.rank++] = gone ? 1 : from.dims[d];
    }
    call_start(l, method);
    call_operand(l, "input", x);
    option_ints(l, "axes", count, axes);
    if (keep)
        option_bool(l, "keepDimensions", true);
    return call_end(l, type_of(l, x), &s);
}

operand emit_pad(lowering *l, operand x, const int64_t *before, const int64_t *after, const char *mode,
                 double value) {
    shape s = *shape_of_operand(l, x);
    bool any = false;
    for (int d = 0; d < s.rank; d++) {
        any = any || before[d] != 0 || after[d] != 0;
        s.dims[d] += before[d] + after[d];
    }
    if (l->failed || !any)
        return x;
    call_start(l, "pad");
    call_operand(l, "input", x);
    call_ints(l, (size_t)s.rank, before);
    call_ints(l, (size_t)s.rank, after);
    if (strcmp(mode, "constant") != 0)
        option_text(l, "mode", mode);
    else if (value != 0)
        option_real(l, "value", value);
    return call_end(l, type_of(l, x), &s);
}

operand emit_reverse(lowering *l, operand x, size_t count, const int64_t *axes) {
    if (l->failed || count == 0)
        return x;
    call_start(l, "reverse");
    call_operand(l, "input", x);
    option_ints(l, "axes", count, axes);
    return call_end(l, type_of(l, x), shape_of_operand(l, x));
}
