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

/* Of float16 or bfloat16, which may lie anywhere. */
static void widen(dtype type, const uint8_t *data, size_t count, uint32_t *out) {
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, data + i * sizeof bits, sizeof bits);
        float value = type == DTYPE_F16 ? f16_to_f32(bits) : bf16_to_f32(bits);
        memcpy(&out[i], &value, sizeof value);
    }
}

bool gpu_elements_from(dtype type, const void *data, size_t count, bool half, uint32_t *out) {
    if (count == 0) /* there may be no memory at all */
        return true;
    if (half && type == DTYPE_F16) {
        out[(count - 1) / 2] = 0;
        memcpy(out, data, count * GPU_HALF_BYTES);
        return true;
    }
    if (half) {
        bool fits = gpu_elements_from(type, data, count, false, out);
        halve(out, count);
        return fits;
    }
    if (type == DTYPE_F32 || type == DTYPE_I32) {
        memcpy(out, data, count * sizeof *out);
        return true;
    }
    if (is_float(type)) {
        widen(type, data, count, out);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
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

/* `count` elements in matrices of so many rows and columns, whose axes are exchanged on the way. */
static void turn(const uint32_t *from, uint32_t *to, size_t count, size_t rows, size_t columns) {
    enum { TILE = 16 };
    size_t size = rows * columns;
    for (size_t start = 0; size > 0 && start < count; start += size)
        for (size_t r = 0; r < rows; r += TILE)
            for (size_t c = 0; c < columns; c++)
                for (size_t i = r; i < r + TILE && i < rows; i++)
                    to[start + c * rows + i] = from[start + i * columns + c];
}

static accel_status turn_in_place(uint32_t *elements, size_t count, const shape *s, accel_error *err) {
    uint32_t *copy = mem_alloc((count > 0 ? count : 1) * sizeof *copy);
    if (copy == NULL)
        return error_no_memory(err, "a weight", count * sizeof *copy);
    memcpy(copy, elements, count * sizeof *copy);
    turn(copy, elements, count, (size_t)s->dims[s->rank - 2], (size_t)s->dims[s->rank - 1]);
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
        size_t at = (from->start + i * from->step) * (dtype_bits(t->type) / 8);
        fits = gpu_elements_from(t->type, (const uint8_t *)t->data + at, from->length, false,
                                 out + i * from->length);
    }
    return fits;
}

/* The constant's elements, 4 bytes each, of which t has the contents. */
static accel_status take_part(const gpu_tensor *c, const char *name, const tensor *t, uint32_t *out,
                              accel_error *err) {
    shape s = t->shape;
    bool as_it_lies = (t->type == DTYPE_F32 || t->type == DTYPE_I32) && c->part.count == 0;
    if (c->turned && as_it_lies) {
        turn(t->data, out, c->elements, (size_t)s.dims[s.rank - 2], (size_t)s.dims[s.rank - 1]);
        return ACCEL_OK;
    }
    int64_t elements = 0;
    if (!shape_elements(&s, &elements))
        return error_set(err, ACCEL_INTERNAL, "constant '%s' has no size", name);
    const lines from = lines_of(c, &s, (size_t)elements);
    if (!take_lines(t, &from, out))
        return error_set(err, ACCEL_UNSUPPORTED, "constant '%s' holds integers of more than 32 bits", name);
    if (c->part.count > 0) { /* as it was taken */
        int64_t taken = (int64_t)c->part.count, others = (int64_t)c->elements / taken;
        bool rows = c->part.columns == c->turned;
        s = (shape){.rank = 2, .dims = {rows ? taken : others, rows ? others : taken}};
    }
    return c->turned ? turn_in_place(out, c->elements, &s, err) : ACCEL_OK;
}

static accel_status wide_constant(const gpu_plan *p, const gpu_tensor *constant, uint32_t *out,
                                  accel_error *err) {
    if (constant->own != NULL) {
        memcpy(out, constant->own, constant->elements * sizeof *out);
        return ACCEL_OK;
    }
    tensor t;
    bool owned = false;
    ACCEL_TRY(graph_value_contents(p->graph, constant->value, &t, &owned, err));
    accel_status status = take_part(constant, p->graph->values[constant->value].name, &t, out, err);
    if (owned)
        tensor_free(&t);
    return status;
}

accel_status gpu_plan_constant(const gpu_plan *p, const gpu_tensor *constant, uint32_t *out,
                               accel_error *err) {
    ACCEL_TRY(wide_constant(p, constant, out, err));
    if (constant->half)
        halve(out, constant->elements);
    return ACCEL_OK;
}
