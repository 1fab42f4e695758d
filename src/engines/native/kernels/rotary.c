/* RotaryEmbedding of f32: pairs of a head turned by the angles of their token. */
#include <string.h>

#include "engines/native/kernels/kernels.h"

typedef struct rotary_state {
    int64_t batch, heads, length, head, half; /* 2 · half elements of a head are turned */
    bool packed, interleaved;                 /* [batch, length, heads·head] */
} rotary_state;

static bool read_rotary(const kernel_call *c, rotary_state *s) {
    const shape *x = &c->inputs[0]->shape;
    *s = (rotary_state){.packed = x->rank == 3, .interleaved = kernel_attr_int(c, "interleaved", 0) != 0};
    int64_t heads = s->packed ? kernel_attr_int(c, "num_heads", 0) : x->dims[1];
    if ((x->rank != 3 && x->rank != 4) || heads < 1) {
        return false;
    }
    s->batch = x->dims[0];
    s->heads = heads;
    s->length = x->dims[s->packed ? 1 : 2];
    s->head = x->dims[x->rank - 1] / (s->packed ? heads : 1);
    int64_t turned = kernel_attr_int(c, "rotary_embedding_dim", 0);
    s->half = (turned > 0 ? turned : s->head) / 2;
    return true;
}

static bool rotary_accepts(const kernel_call *c) {
    rotary_state s;
    return kernel_is_f32(c->inputs[0]) && kernel_is_f32(c->inputs[1]) && kernel_is_f32(c->inputs[2]) &&
           read_rotary(c, &s);
}

static accel_status rotary_prepare(kernel_call *c) {
    rotary_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_rotary(c, s);
    c->state = s;
    c->variant = s->interleaved ? "rotary neighbours" : "rotary halves";
    return ACCEL_OK;
}

static void turn_halves(const float *x, const float *cosine, const float *sine, float *out, int64_t half) {
    int64_t i = 0;
    for (; i + VW <= half; i += VW) {
        vf a = v_load(x + i), b = v_load(x + half + i), c = v_load(cosine + i), s = v_load(sine + i);
        v_store(out + i, c * a - s * b);
        v_store(out + half + i, s * a + c * b);
    }
    for (; i < half; i++) {
        float a = x[i], b = x[half + i];
        out[i] = cosine[i] * a - sine[i] * b;
        out[half + i] = sine[i] * a + cosine[i] * b;
    }
}

static void turn_neighbours(const float *x, const float *cosine, const float *sine, float *out,
                            int64_t half) {
    for (int64_t i = 0; i < half; i++) {
        float a = x[2 * i], b = x[2 * i + 1];
        out[2 * i] = cosine[i] * a - sine[i] * b;
        out[2 * i + 1] = sine[i] * a + cosine[i] * b;
    }
}

/* The row of the tables for a token of the batch. */
static int64_t angle_row(const kernel_call *c, int64_t token) {
    return kernel_has(c, 3) ? ((const int64_t *)c->inputs[3]->data)[token] : token;
}

/* An item is a head of a token, in the order of the memory. */
static void rotary_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const rotary_state *s = c->state;
    (void)worker;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        int64_t token = s->packed ? i / s->heads : i / (s->heads * s->length) * s->length + i % s->length;
        int64_t row = angle_row(c, token) * s->half;
        const float *x = (const float *)c->inputs[0]->data + i * s->head;
        const float *cosine = (const float *)c->inputs[1]->data + row,
                    *sine = (const float *)c->inputs[2]->data + row;
        float *out = (float *)c->outputs[0]->data + i * s->head;
        (s->interleaved ? turn_neighbours : turn_halves)(x, cosine, sine, out, s->half);
        if (out != x && 2 * s->half < s->head) {
            memcpy(out + 2 * s->half, x + 2 * s->half, (size_t)(s->head - 2 * s->half) * sizeof(float));
        }
    }
}

static accel_status rotary_run(kernel_call *c) {
    const rotary_state *s = c->state;
    int64_t tokens = s->batch * s->length, rows = c->inputs[1]->shape.dims[0];
    for (int64_t i = 0; kernel_has(c, 3) && i < tokens; i++) {
        int64_t row = angle_row(c, i);
        if (row < 0 || row >= rows) {
            return kernel_fail(c, ACCEL_BAD_GRAPH, "position %lld is outside a cache of %lld", (long long)row,
                               (long long)rows);
        }
    }
    size_t items = (size_t)(tokens * s->heads);
    int64_t n = value_elements(c->outputs[0]) * 2;
    thread_pool_for(pool_for(c, n), items, grain_for(items, n), rotary_task, c);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "RotaryEmbedding", KERNEL_IN_PLACE, rotary_accepts, rotary_prepare, rotary_run}};
KERNEL_FAMILY(rotary, kernels);
