/* Elements as the device holds them. */
#include <string.h>

#include "base/mem.h"
#include "engines/webgpu/gpu_plan.h"

static bool is_float(dtype t) {
    return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16;
}

bool gpu_elements_from(dtype type, const void *data, size_t count, uint32_t *out) {
    if (count == 0) /* there may be no memory at all */
        return true;
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

void gpu_elements_to(dtype type, const uint32_t *elements, size_t count, void *out) {
    if (count == 0)
        return;
    if (type == DTYPE_F32 || type == DTYPE_I32) {
        memcpy(out, elements, count * sizeof *elements);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        float value;
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

accel_status gpu_plan_constant(const gpu_plan *p, const gpu_tensor *constant, uint32_t *out,
                               accel_error *err) {
    if (constant->own != NULL) {
        memcpy(out, constant->own, constant->elements * sizeof *out);
        return ACCEL_OK;
    }
    const graph_value *v = &p->graph->values[constant->value];
    tensor t;
    bool owned = false;
    ACCEL_TRY(graph_value_contents(p->graph, constant->value, &t, &owned, err));
    bool fits = gpu_elements_from(t.type, t.data, constant->elements, out);
    if (owned)
        tensor_free(&t);
    if (!fits)
        return error_set(err, ACCEL_UNSUPPORTED, "constant '%s' holds integers of more than 32 bits",
                         v->name);
    return constant->turned ? turn(out, constant->elements, &v->type.shape, err) : ACCEL_OK;
}
