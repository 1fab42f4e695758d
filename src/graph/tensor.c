#include "graph/tensor.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- shapes ------------------------------------------------------------------------------------------------- */

shape shape_make(int rank, const int64_t *dims) {
    shape s = {.rank = rank < 0 || rank > TENSOR_MAX_RANK ? RANK_UNKNOWN : rank};
    for (int i = 0; i < s.rank; i++) {
        s.dims[i] = dims[i];
    }
    return s;
}

shape shape_unknown(void) {
    return (shape){.rank = RANK_UNKNOWN};
}

bool shape_is_static(const shape *s) {
    if (s->rank < 0) {
        return false;
    }
    for (int i = 0; i < s->rank; i++) {
        if (s->dims[i] < 0) {
            return false;
        }
    }
    return true;
}

bool shape_equal(const shape *a, const shape *b) {
    if (a->rank != b->rank) {
        return false;
    }
    for (int i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i]) {
            return false;
        }
    }
    return true;
}

bool shape_elements(const shape *s, int64_t *out) {
    if (!shape_is_static(s)) {
        return false;
    }
    /* A zero anywhere makes the product zero, even where the other dims would overflow before it. */
    for (int i = 0; i < s->rank; i++) {
        if (s->dims[i] == 0) {
            *out = 0;
            return true;
        }
    }
    int64_t total = 1;
    for (int i = 0; i < s->rank; i++) {
        if (!checked_mul_i64(total, s->dims[i], &total)) {
            return false;
        }
    }
    *out = total;
    return true;
}

/* Appends to buffer[*at], never past size - 1. */
static void put(char *buffer, size_t size, size_t *at, const char *text) {
    while (*text && *at + 1 < size) {
        buffer[(*at)++] = *text++;
    }
    if (size > 0) {
        buffer[*at] = '\0';
    }
}

const char *shape_text(const shape *s, char *buffer, size_t size) {
    size_t at = 0;
    if (s->rank < 0) {
        put(buffer, size, &at, "[...]");
        return buffer;
    }
    put(buffer, size, &at, "[");
    for (int i = 0; i < s->rank; i++) {
        char dim[24];
        if (s->dims[i] < 0) {
            str_format(dim, sizeof dim, "%s?", i > 0 ? "," : "");
        } else {
            str_format(dim, sizeof dim, "%s%lld", i > 0 ? "," : "", (long long)s->dims[i]);
        }
        put(buffer, size, &at, dim);
    }
    put(buffer, size, &at, "]");
    return buffer;
}

/* One dim of a broadcast: false when both are known, differ, and neither is 1. */
static bool broadcast_dim(int64_t a, int64_t b, int64_t *out) {
    if (a == b || b == 1) {
        *out = a;
    } else if (a == 1) {
        *out = b;
    } else if (a < 0) {
        *out = b; /* unknown against a number above 1 (or 0): it can only be that number, or 1 */
    } else if (b < 0) {
        *out = a;
    } else {
        return false;
    }
    return true;
}

bool shape_broadcast(const shape *a, const shape *b, shape *out) {
    if (a->rank < 0 || b->rank < 0) {
        *out = shape_unknown();
        return true;
    }
    shape s = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 0; i < s.rank; i++) {
        int ia = i - (s.rank - a->rank), ib = i - (s.rank - b->rank);
        if (!broadcast_dim(ia < 0 ? 1 : a->dims[ia], ib < 0 ? 1 : b->dims[ib], &s.dims[i])) {
            return false;
        }
    }
    *out = s;
    return true;
}

bool shape_axis(int64_t axis, int rank, int *out) {
    if (axis < -(int64_t)rank || axis >= rank) {
        return false;
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

/* ---- tensors ------------------------------------------------------------------------------------------------ */

accel_status tensor_size_bytes(dtype type, const shape *s, const char *what, size_t *out, accel_error *err) {
    char text[160];
    int64_t elements;
    if (dtype_bits(type) == 0) {
        return error_set(err, ACCEL_UNSUPPORTED, "%s: element type %s has no fixed size", what,
                         dtype_name(type));
    }
    if (!shape_is_static(s)) {
        return error_set(err, ACCEL_BAD_GRAPH, "%s: shape %s is not known", what,
                         shape_text(s, text, sizeof text));
    }
    /* PTRDIFF_MAX: nothing larger can be allocated or indexed. */
    if (!shape_elements(s, &elements) || !dtype_size_bytes(type, elements, out) || *out > PTRDIFF_MAX) {
        return error_set(err, ACCEL_LIMIT, "%s: %s%s does not fit in memory", what, dtype_name(type),
                         shape_text(s, text, sizeof text));
    }
    return ACCEL_OK;
}

accel_status tensor_create(dtype type, const shape *s, tensor *out, accel_error *err) {
    enum { ALIGNMENT = 64 };
    size_t size_bytes;
    ACCEL_TRY(tensor_size_bytes(type, s, "tensor", &size_bytes, err));
    void *data = NULL;
    if (size_bytes > 0) {
        data = mem_alloc_aligned(size_bytes, ALIGNMENT, false);
        if (!data) {
            return error_no_memory(err, "a tensor", size_bytes);
        }
        memset(data, 0, size_bytes);
    }
    *out = (tensor){.type = type, .shape = *s, .data = data, .size_bytes = size_bytes};
    return ACCEL_OK;
}

void tensor_free(tensor *t) {
    if (t->data) {
        mem_free_aligned(t->data, t->size_bytes);
    }
    *t = (tensor){0};
}

/* ---- comparing ---------------------------------------------------------------------------------------------- */

/* A complex tensor read as twice as many real numbers. */
static dtype real_type(dtype t, int64_t *elements) {
    if (t == DTYPE_C64 || t == DTYPE_C128) {
        *elements *= 2;
        return t == DTYPE_C64 ? DTYPE_F32 : DTYPE_F64;
    }
    return t;
}

static void distance(dtype ta, const void *a, dtype tb, const void *b, size_t count, tensor_distance *out) {
    double difference = 0, reference = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        double x = dtype_get_f64(ta, a, i), y = dtype_get_f64(tb, b, i);
        if (x == y || (x != x && y != y)) {
            reference += isfinite(y) ? y * y : 0;
            continue;
        }
        if (!isfinite(x) || !isfinite(y)) {
            out->relative_l2 = out->max_abs = (double)INFINITY;
            return;
        }
        double d = fabs(x - y);
        difference += d * d;
        reference += y * y;
        largest = d > largest ? d : largest;
    }
    out->relative_l2 = sqrt(difference) / (reference > 0 ? sqrt(reference) : 1);
    out->max_abs = largest;
}

accel_status tensor_compare(const tensor *a, const tensor *b, tensor_distance *out, accel_error *err) {
    char ta[160], tb[160];
    if (!shape_equal(&a->shape, &b->shape)) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "shapes differ: %s and %s",
                         shape_text(&a->shape, ta, sizeof ta), shape_text(&b->shape, tb, sizeof tb));
    }
    int64_t elements, elements_b;
    if (!shape_elements(&a->shape, &elements) || dtype_bits(a->type) == 0 || dtype_bits(b->type) == 0) {
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "tensors of type %s and %s, shape %s, cannot be compared", dtype_name(a->type),
                         dtype_name(b->type), shape_text(&a->shape, ta, sizeof ta));
    }
    elements_b = elements;
    dtype real_a = real_type(a->type, &elements), real_b = real_type(b->type, &elements_b);
    if (elements != elements_b) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "a complex tensor cannot be compared with a real one");
    }
    distance(real_a, a->data, real_b, b->data, (size_t)elements, out);
    return ACCEL_OK;
}
