/* Elements as the device holds them. */
#include <string.h>

#include "base/mem.h"
#include "engines/webgpu/gpu_plan.h"

static bool is_float(dtype t) {
    return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16;
}

uint64_t gpu_bytes_of(size_t elements, bool half) {
    uint64_t bytes = (uint64_t)elements * (half ? GPU_HALF_BYTES : GPU_ELEMENT_BYTES);
    return (bytes + GPU_ELEMENT_BYTES - 1) / GPU_ELEMENT_BYTES * GPU_ELEMENT_BYTES;
}

uint64_t gpu_tensor_bytes(const gpu_tensor *t) {
    return gpu_bytes_of(t->elements, t->half);
}

/* Of f32 in place. What lies above 65504 becomes an infinity. */
static void halve(uint32_t *elements, size_t count) {
    uint16_t pair[2] = {0, 0};
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, &elements[i], sizeof value);
        pair[i % 2] = f32_to_f16(value);
        if (i % 2 == 0)
            pair[1] = 0;
        memcpy(&elements[i / 2], pair, sizeof pair);
    }
}

bool gpu_elements_from(dtype type, const void *data, size_t count, bool half, uint32_t *out) {
    if (count == 0) /* there may be no memory at all */
        return true;
    if (half) {
        bool fits = gpu_elements_from(type, data, count, false, out);
        halve(out, count);
        return fits;
    }
    if (type == DTYPE_F32 || type == DTYPE_I32) {
        memcpy(out, data, count * sizeof *out);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_float(type)) {
            float value = (float)dtype_get_f64(type, data, i);
            memcpy(&out[i], &value, sizeof value);
            continue;
        }
        int64_t value = dtype_get_i64(type, data, i);
        if (value > INT32_MAX || value < INT32_MIN)
            return false;
        out[i] = (uint32_t)(int32_t)value;
    }
    return true;
}

static float half_at(const uint32_t *elements, size_t index) {
    uint16_t bits;
    memcpy(&bits, (const uint8_t *)elements + index * sizeof bits, sizeof bits);
    return f16_to_f32(bits);
}

void gpu_elements_to(dtype type, const uint32_t *elements, size_t count, bool half, void *out) {
    if (count == 0)
        return;
    if (!half && (type == DTYPE_F32 || type == DTYPE_I32)) {
        memcpy(out, elements, count * sizeof *elements);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        float value;
        if (half)
            value = half_at(elements, i);
        else
            memcpy(&value, &elements[i], sizeof value);
        if (is_float(type))
            dtype_set_f64(type, out, i, (double)value);
        else
            dtype_set_i64(type, out, i, (int32_t)elements[i]);
    }
}

/* Exchanges the last two axes of `count` elements. */
static accel_status turn(uint32_t *elements, size_t count, const shape *s, accel_error *err) {
    enum { TILE = 16 };
    size_t rows = (size_t)s->dims[s->rank - 2], columns = (size_t)s->dims[s->rank - 1], size = rows * columns;
    uint32_t *copy = mem_alloc((size > 0 ? size : 1) * sizeof *copy);
    if (copy == NULL)
        return error_no_memory(err, "a weight", size * sizeof *copy);
    for (size_t start = 0; size > 0 && start < count; start += size) {
        memcpy(copy, elements + start, size * sizeof *copy);
        for (size_t r = 0; r < rows; r += TILE)
            for (size_t c = 0; c < columns; c++)
                for (size_t i = r; i < r + TILE && i < rows; i++)
                    elements[start + c * rows + i] = copy[i * columns + c];
    }
    mem_free(copy);
    return ACCEL_OK;
}

/* How the part of a constant lies in it: `count` lines of `length` elements, one every `step`. */
typedef struct lines {
    size_t start, count, length, step;
} lines;

static lines lines_of(const gpu_tensor *c, const shape *s, size_t elements) {
    size_t rows = s->rank > 0 ? (size_t)s->dims[0] : 1, row = rows > 0 ? elements / rows : 0;
    if (c->part.count == 0)
        return (lines){0, 1, elements, elements};
    if (c->part.columns != c->turned) /* columns of the constant itself */
        return (lines){c->part.first, rows, c->part.count, row};
    return (lines){c->part.first * row, 1, c->part.count * row, c->part.count * row};
}

static bool take_lines(const tensor *t, const lines *from, uint32_t *out) {
    bool fits = true;
    for (size_t i = 0; i < from->count && from->length > 0 && fits; i++) {
        size_t at = (from->start + i * from->step) * dtype_bits(t->type) / 8;
        fits = gpu_elements_from(t->type, (const uint8_t *)t->data + at, from->length, false,
                                 out + i * from->length);
    }
    return fits;
}

static accel_status wide_constant(const gpu_plan *p, const gpu_tensor *constant, uint32_t *out,
                                  accel_error *err) {
    if (constant->own != NULL) {
        memcpy(out, constant->own, constant->elements * sizeof *out);
        return ACCEL_OK;
    }
    const graph_value *v = &p->graph->values[constant->value];
    shape s = v->type.shape;
    tensor t;
    bool owned = false;
    int64_t elements = 0;
    if (!shape_elements(&s, &elements))
        return error_set(err, ACCEL_INTERNAL, "constant '%s' has no size", v->name);
    ACCEL_TRY(graph_value_contents(p->graph, constant->value, &t, &owned, err));
    const lines from = lines_of(constant, &s, (size_t)elements);
    bool fits = take_lines(&t, &from, out);
    if (owned)
        tensor_free(&t);
    if (!fits)
        return error_set(err, ACCEL_UNSUPPORTED, "constant '%s' holds integers of more than 32 bits",
                         v->name);
    if (constant->part.count > 0) { /* as it was taken */
        int64_t taken = (int64_t)constant->part.count, others = (int64_t)constant->elements / taken;
        bool rows = constant->part.columns == constant->turned;
        s = (shape){.rank = 2, .dims = {rows ? taken : others, rows ? others : taken}};
    }
    return constant->turned ? turn(out, constant->elements, &s, err) : ACCEL_OK;
}

accel_status gpu_plan_constant(const gpu_plan *p, const gpu_tensor *constant, uint32_t *out,
                               accel_error *err) {
    ACCEL_TRY(wide_constant(p, constant, out, err));
    if (constant->half)
        halve(out, constant->elements);
    return ACCEL_OK;
}
