/* Add, Sub, Mul, Div, Max, Min, PRelu, Pow of f32 with broadcasting, in either layout. */
#include <string.h>

#include "engines/native/kernels/broadcast.h"
#include "engines/native/kernels/math.h"

typedef enum binary_kind {
    BINARY_ADD,
    BINARY_SUB,
    BINARY_MUL,
    BINARY_DIV,
    BINARY_MAX,
    BINARY_MIN,
    BINARY_PRELU,
    BINARY_POW,
    BINARY_CUBE, /* Pow by 3 */
    BINARY_NONE
} binary_kind;

typedef struct binary_state {
    binary_kind kind;
    broadcast loops;
} binary_state;

INLINE vf combine(binary_kind kind, vf a, vf b) {
    switch (kind) {
    case BINARY_ADD:
        return a + b;
    case BINARY_SUB:
        return a - b;
    case BINARY_MUL:
        return a * b;
    case BINARY_DIV:
        return a / b;
    case BINARY_MAX:
        return v_select((a > b) | (a != a), a, b);
    case BINARY_MIN:
        return v_select((a < b) | (a != a), a, b);
    case BINARY_PRELU:
        return v_select(a >= (vf){0}, a, a * b);
    case BINARY_POW:
        return v_pow(a, b);
    case BINARY_CUBE:
        return a * a * a;
    case BINARY_NONE:
        break;
    }
    return a;
}

INLINE vf operand(const float *p, int64_t stride, int64_t at, int64_t count) {
    if (stride == 0) {
        return v_splat(*p);
    }
    return v_load_some(p + at, count);
}

/* kind and strides are constants where this is inlined. */
INLINE void row(const binary_kind kind, const int64_t sa, const int64_t sb, const float *a, const float *b,
                float *out, int64_t count) {
    int64_t i = 0;
    for (; i + VW <= count; i += VW) {
        v_store(out + i, combine(kind, operand(a, sa, i, VW), operand(b, sb, i, VW)));
    }
    if (i < count) {
        v_store_part(out + i, combine(kind, operand(a, sa, i, count - i), operand(b, sb, i, count - i)),
                     (size_t)(count - i));
    }
}

INLINE void row_strides(const binary_kind kind, const binary_state *s, const float *a, const float *b,
                        float *out, int64_t count) {
    if (s->loops.left_inner == 0) {
        row(kind, 0, 1, a, b, out, count);
    } else if (s->loops.right_inner == 0) {
        row(kind, 1, 0, a, b, out, count);
    } else {
        row(kind, 1, 1, a, b, out, count);
    }
}

static void run_row(const binary_state *s, const float *a, const float *b, float *out, int64_t count) {
    bool cube = s->kind == BINARY_POW && s->loops.right_inner == 0 && *b == 3.0f;
    switch (cube ? BINARY_CUBE : s->kind) {
#define CASE(kind)                                                                                           \
    case kind:                                                                                               \
        row_strides(kind, s, a, b, out, count);                                                              \
        break;
        CASE(BINARY_ADD)
        CASE(BINARY_SUB)
        CASE(BINARY_MUL)
        CASE(BINARY_DIV)
        CASE(BINARY_MAX)
        CASE(BINARY_MIN)
        CASE(BINARY_PRELU)
        CASE(BINARY_POW)
#undef CASE
    case BINARY_CUBE:
        row(BINARY_CUBE, 1, 0, a, b, out, count);
        break;
    case BINARY_NONE:
        break;
    }
}

static bool read_kind(const kernel_call *c, binary_state *s) {
    static const char *const names[] = {"Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Pow"};
    s->kind = strcmp(c->node->op_type, "Sum") == 0 ? BINARY_ADD : BINARY_NONE;
    for (int i = 0; i < BINARY_CUBE; i++) {
        if (strcmp(c->node->op_type, names[i]) == 0) {
            s->kind = (binary_kind)i;
        }
    }
    return s->kind != BINARY_NONE;
}

static bool binary_accepts(const kernel_call *c) {
    binary_state s;
    return c->input_count == 2 && kernel_is_f32(c->inputs[0]) && kernel_is_f32(c->inputs[1]) &&
           read_kind(c, &s) && broadcast_read(c->inputs[0], c->inputs[1], c->outputs[0], &s.loops);
}

static accel_status binary_prepare(kernel_call *c) {
    binary_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)(read_kind(c, s) && broadcast_read(c->inputs[0], c->inputs[1], c->outputs[0], &s->loops));
    c->state = s;
    c->variant = "vector binary";
    return ACCEL_OK;
}

/* ---- run ------------------------------------------------------------------------------------------------------------ */

static void finish_row(const kernel_call *c, float *out, int64_t count) {
    const kernel_epilogue *e = &c->epilogue;
    if (e->activation != ACT_NONE) {
        unary_apply(e->activation, e->alpha, e->beta, out, out, (size_t)count);
    }
}

static void rows_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const binary_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t left, right;
        broadcast_row(&s->loops, i, &left, &right);
        float *out = (float *)c->outputs[0]->data + (int64_t)i * s->loops.inner;
        run_row(s, (const float *)c->inputs[0]->data + left, (const float *)c->inputs[1]->data + right, out,
                s->loops.inner);
        finish_row(c, out, s->loops.inner);
    }
}

/* One long row is shared by elements. */
static void elements_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const binary_state *s = c->state;
    (void)worker;
    int64_t at = (int64_t)begin, count = (int64_t)(end - begin);
    float *out = (float *)c->outputs[0]->data + at;
    run_row(s, (const float *)c->inputs[0]->data + at * s->loops.left_inner,
            (const float *)c->inputs[1]->data + at * s->loops.right_inner, out, count);
    finish_row(c, out, count);
}

static accel_status binary_run(kernel_call *c) {
    const binary_state *s = c->state;
    int64_t n = s->loops.rows * s->loops.inner;
    if (s->loops.rows == 1) {
        thread_pool_for(pool_for(c, n), (size_t)s->loops.inner, PARALLEL_ELEMENTS / 2, elements_task, c);
    } else {
        thread_pool_for(pool_for(c, n), (size_t)s->loops.rows, grain_for((size_t)s->loops.rows, n), rows_task,
                        c);
    }
    return ACCEL_OK;
}

#define BINARY(name)                                                                                         \
    {                                                                                                        \
        "",                                                                                                  \
        name,                                                                                                \
        KERNEL_ANY_LAYOUT | KERNEL_IN_PLACE | KERNEL_ACTIVATION,                                             \
        binary_accepts,                                                                                      \
        binary_prepare,                                                                                      \
        binary_run}
static const kernel_def kernels[] = {BINARY("Add"), BINARY("Sub"),   BINARY("Mul"),
                                     BINARY("Div"), BINARY("Max"),   BINARY("Min"),
                                     BINARY("Sum"), BINARY("PRelu"), BINARY("Pow")};
KERNEL_FAMILY(binary, kernels);
