/* Cast between float and its 16-bit forms. */
#include "engines/native/kernels/half.h"
#include "engines/native/kernels/kernels.h"

enum { CHUNK = 4096 }; /* elements of a task */

static bool is_half(dtype t) {
    return t == DTYPE_F16 || t == DTYPE_BF16;
}

static bool cast_accepts(const kernel_call *c) {
    dtype from = c->inputs[0]->type, to = c->outputs[0]->type;
    return (is_half(from) && to == DTYPE_F32) || (from == DTYPE_F32 && is_half(to));
}

INLINE vf widen(dtype from, vh x) {
    return from == DTYPE_F16 ? f16_widen(x) : bf16_widen(x);
}
INLINE vh narrow(dtype to, vf x) {
    return to == DTYPE_F16 ? f16_round(x) : bf16_round(x);
}

INLINE void widen_run(const dtype from, const uint16_t *in, float *out, int64_t count) {
    int64_t i = 0;
    for (; i + VW <= count; i += VW) {
        v_store(out + i, widen(from, h_load(in + i)));
    }
    if (i < count) {
        v_store_part(out + i, widen(from, h_load_part(in + i, count - i)), (size_t)(count - i));
    }
}

INLINE void narrow_run(const dtype to, const float *in, uint16_t *out, int64_t count) {
    int64_t i = 0;
    for (; i + VW <= count; i += VW) {
        h_store(out + i, narrow(to, v_load(in + i)));
    }
    if (i < count) {
        h_store_part(out + i, narrow(to, v_load_part(in + i, (size_t)(count - i))), count - i);
    }
}

static void cast_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const dtype from = c->inputs[0]->type, to = c->outputs[0]->type;
    const int64_t first = (int64_t)begin * CHUNK, all = value_elements(c->inputs[0]);
    const int64_t last = (int64_t)end * CHUNK < all ? (int64_t)end * CHUNK : all;
    (void)worker;
    if (from == DTYPE_F16) {
        widen_run(DTYPE_F16, (const uint16_t *)c->inputs[0]->data + first,
                  (float *)c->outputs[0]->data + first, last - first);
    } else if (from == DTYPE_BF16) {
        widen_run(DTYPE_BF16, (const uint16_t *)c->inputs[0]->data + first,
                  (float *)c->outputs[0]->data + first, last - first);
    } else if (to == DTYPE_F16) {
        narrow_run(DTYPE_F16, (const float *)c->inputs[0]->data + first,
                   (uint16_t *)c->outputs[0]->data + first, last - first);
    } else {
        narrow_run(DTYPE_BF16, (const float *)c->inputs[0]->data + first,
                   (uint16_t *)c->outputs[0]->data + first, last - first);
    }
}

static accel_status cast_run(kernel_call *c) {
    const int64_t all = value_elements(c->inputs[0]);
    thread_pool_for(pool_for(c, all), (size_t)((all + CHUNK - 1) / CHUNK), 4, cast_task, c);
    return ACCEL_OK;
}

static accel_status cast_prepare(kernel_call *c) {
    c->variant = "cast";
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "Cast", 0, cast_accepts, cast_prepare, cast_run},
};
KERNEL_FAMILY(half_cast, kernels);
