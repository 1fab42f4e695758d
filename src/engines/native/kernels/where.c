/* Where: a condition and two operands of elements of any size, broadcast together, in either layout. */
#include <string.h>

#include "engines/native/kernels/broadcast.h"
#include "engines/native/kernels/kernels.h"

enum { OPERANDS = 3 };

typedef struct where_state {
    int rank; /* of the loops around the rows */
    int64_t dims[TENSOR_MAX_RANK], steps[OPERANDS][TENSOR_MAX_RANK];
    int64_t inner, inner_steps[OPERANDS], rows;
    size_t element_bytes;
} where_state;

static bool where_accepts(const kernel_call *c) {
    const unsigned bits = dtype_bits(c->inputs[1]->type);
    return c->inputs[0]->type == DTYPE_BOOL && (bits == 8 || bits == 16 || bits == 32 || bits == 64);
}

/* Adds a dim of memory order, outermost first, joined with the one before where all operands allow. */
static void add_dim(where_state *s, int64_t dim, const int64_t steps[OPERANDS]) {
    int last = s->rank - 1;
    bool joins = last >= 0;
    for (int k = 0; k < OPERANDS && joins; k++) {
        joins = s->steps[k][last] == steps[k] * dim;
    }
    if (dim == 1) {
        return;
    }
    int at = joins ? last : s->rank++;
    s->dims[at] = joins ? s->dims[at] * dim : dim;
    for (int k = 0; k < OPERANDS; k++) {
        s->steps[k][at] = steps[k];
    }
}

static accel_status where_prepare(kernel_call *c) {
    where_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const kernel_value *y = c->outputs[0];
    int64_t strides[OPERANDS][TENSOR_MAX_RANK];
    for (int k = 0; k < OPERANDS; k++) {
        operand_strides(c->inputs[k], &y->shape, strides[k]);
    }
    for (int place = 0; place < y->shape.rank; place++) {
        int d = !y->channels_last || place == 0 ? place : place == y->shape.rank - 1 ? 1 : place + 1;
        add_dim(s, y->shape.dims[d], (int64_t[]){strides[0][d], strides[1][d], strides[2][d]});
    }
    s->inner = 1;
    if (s->rank > 0) {
        s->inner = s->dims[--s->rank];
        for (int k = 0; k < OPERANDS; k++) {
            s->inner_steps[k] = s->steps[k][s->rank];
        }
    }
    s->rows = product_of(s->dims, s->rank);
    s->element_bytes = dtype_bits(c->inputs[1]->type) / 8;
    c->state = s;
    c->variant = "select rows";
    return ACCEL_OK;
}

/* The steps are constants where this is inlined. */
#define SELECT(type)                                                                                         \
    INLINE void select_##type(const uint8_t *test, int64_t test_step, const type *yes, int64_t yes_step,     \
                              const type *no, int64_t no_step, type *out, int64_t count) {                   \
        for (int64_t i = 0; i < count; i++) {                                                                \
            out[i] = test[i * test_step] != 0 ? yes[i * yes_step] : no[i * no_step];                         \
        }                                                                                                    \
    }                                                                                                        \
    static void row_##type(const int64_t steps[OPERANDS], const uint8_t *test, const void *yes,              \
                           const void *no, void *out, int64_t count) {                                       \
        if (steps[0] == 1 && steps[1] == 1 && steps[2] == 1) {                                               \
            select_##type(test, 1, yes, 1, no, 1, out, count);                                               \
        } else if (steps[0] == 1 && steps[1] == 0 && steps[2] == 1) {                                        \
            select_##type(test, 1, yes, 0, no, 1, out, count);                                               \
        } else if (steps[0] == 1 && steps[1] == 1 && steps[2] == 0) {                                        \
            select_##type(test, 1, yes, 1, no, 0, out, count);                                               \
        } else {                                                                                             \
            select_##type(test, steps[0], yes, steps[1], no, steps[2], out, count);                          \
        }                                                                                                    \
    }
SELECT(uint8_t)
SELECT(uint16_t)
SELECT(uint32_t)
SELECT(uint64_t)

static void where_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const where_state *s = c->state;
    (void)worker;
    for (int64_t at = (int64_t)begin; at < (int64_t)end;) {
        int64_t first = at % s->inner, rest = at / s->inner, n = s->inner - first, from[OPERANDS];
        n = n < (int64_t)end - at ? n : (int64_t)end - at;
        for (int k = 0; k < OPERANDS; k++) {
            from[k] = first * s->inner_steps[k];
        }
        for (int d = s->rank - 1; d >= 0; d--) {
            for (int k = 0; k < OPERANDS; k++) {
                from[k] += rest % s->dims[d] * s->steps[k][d];
            }
            rest /= s->dims[d];
        }
        const uint8_t *test = (const uint8_t *)c->inputs[0]->data + from[0];
        const char *yes = (const char *)c->inputs[1]->data + (size_t)from[1] * s->element_bytes,
                   *no = (const char *)c->inputs[2]->data + (size_t)from[2] * s->element_bytes;
        char *out = (char *)c->outputs[0]->data + (size_t)at * s->element_bytes;
        switch (s->element_bytes) {
        case 1:
            row_uint8_t(s->inner_steps, test, yes, no, out, n);
            break;
        case 2:
            row_uint16_t(s->inner_steps, test, yes, no, out, n);
            break;
        case 4:
            row_uint32_t(s->inner_steps, test, yes, no, out, n);
            break;
        default:
            row_uint64_t(s->inner_steps, test, yes, no, out, n);
            break;
        }
        at += n;
    }
}

static accel_status where_run(kernel_call *c) {
    int64_t n = value_elements(c->outputs[0]);
    thread_pool_for(pool_for(c, n), (size_t)n, PARALLEL_ELEMENTS / 2, where_task, c);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "Where", KERNEL_ANY_LAYOUT, where_accepts, where_prepare, where_run},
};
KERNEL_FAMILY(where, kernels);
