/* Add, Sub, Mul, Div, Max, Min, Pow of f32 with broadcasting, in either layout. */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"

typedef enum binary_kind {
    BINARY_ADD,
    BINARY_SUB,
    BINARY_MUL,
    BINARY_DIV,
    BINARY_MAX,
    BINARY_MIN,
    BINARY_NONE
} binary_kind;

/* The output as nested loops: `outer` dims around rows of `inner` elements. A stride of 0 repeats an element. */
typedef struct binary_state {
    binary_kind kind;
    int rank; /* of the outer loops */
    int64_t dims[TENSOR_MAX_RANK], left[TENSOR_MAX_RANK], right[TENSOR_MAX_RANK];
    int64_t rows, inner, left_inner, right_inner;
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
    if (s->left_inner == 0) {
        row(kind, 0, 1, a, b, out, count);
    } else if (s->right_inner == 0) {
        row(kind, 1, 0, a, b, out, count);
    } else {
        row(kind, 1, 1, a, b, out, count);
    }
}

static void run_row(const binary_state *s, const float *a, const float *b, float *out, int64_t count) {
    switch (s->kind) {
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
#undef CASE
    case BINARY_NONE:
        break;
    }
}

/* ---- how the operands lie --------------------------------------------------------------------------------------- */

/* Stride of each of the output's dims in an operand; 0 where it repeats. */
static void operand_strides(const kernel_value *v, const shape *out, int64_t strides[TENSOR_MAX_RANK]) {
    int shift = out->rank - v->shape.rank;
    int64_t step = 1;
    memset(strides, 0, TENSOR_MAX_RANK * sizeof *strides);
    if (v->channels_last) {
        step = v->shape.dims[1];
        strides[1] = v->shape.dims[1] == 1 ? 0 : 1;
    }
    for (int d = v->shape.rank - 1; d >= 0; d--) {
        if (v->channels_last && d == 1) {
            continue;
        }
        strides[shift + d] = v->shape.dims[d] == 1 ? 0 : step;
        step *= v->shape.dims[d];
    }
}

/* Adds a dim of memory order, outermost first, joining it with the one before where both operands allow. */
static void add_dim(binary_state *s, int64_t dim, int64_t left, int64_t right) {
    if (dim == 1) {
        return;
    }
    int last = s->rank - 1;
    if (last >= 0 && s->left[last] == left * dim && s->right[last] == right * dim) {
        s->dims[last] *= dim;
        s->left[last] = left;
        s->right[last] = right;
        return;
    }
    s->dims[s->rank] = dim;
    s->left[s->rank] = left;
    s->right[s->rank++] = right;
}

static bool read_loops(const kernel_call *c, binary_state *s) {
    const kernel_value *out = c->outputs[0];
    int64_t left[TENSOR_MAX_RANK], right[TENSOR_MAX_RANK];
    operand_strides(c->inputs[0], &out->shape, left);
    operand_strides(c->inputs[1], &out->shape, right);
    s->rank = 0;
    for (int d = 0; d < out->shape.rank; d++) {
        if (!out->channels_last || d != 1) {
            add_dim(s, out->shape.dims[d], left[d], right[d]);
        }
    }
    if (out->channels_last) {
        add_dim(s, out->shape.dims[1], left[1], right[1]);
    }
    if (s->rank == 0) {
        s->dims[s->rank] = 1;
        s->left[s->rank] = 1;
        s->right[s->rank++] = 1;
    }
    s->rank--;
    s->inner = s->dims[s->rank];
    s->left_inner = s->left[s->rank];
    s->right_inner = s->right[s->rank];
    s->rows = product_of(s->dims, s->rank);
    return s->left_inner <= 1 && s->right_inner <= 1 && s->left_inner + s->right_inner > 0;
}

static bool read_kind(const kernel_call *c, binary_state *s) {
    static const char *const names[] = {"Add", "Sub", "Mul", "Div", "Max", "Min"};
    s->kind = strcmp(c->node->op_type, "Sum") == 0 ? BINARY_ADD : BINARY_NONE;
    for (int i = 0; i < BINARY_NONE; i++) {
        if (strcmp(c->node->op_type, names[i]) == 0) {
            s->kind = (binary_kind)i;
        }
    }
    return s->kind != BINARY_NONE;
}

static bool binary_accepts(const kernel_call *c) {
    binary_state s;
    return c->input_count == 2 && kernel_is_f32(c->inputs[0]) && kernel_is_f32(c->inputs[1]) &&
           read_kind(c, &s) && read_loops(c, &s);
}

static accel_status binary_prepare(kernel_call *c) {
    binary_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)(read_kind(c, s) && read_loops(c, s));
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
        int64_t rest = (int64_t)i, left = 0, right = 0;
        for (int d = s->rank - 1; d >= 0; d--) {
            left += rest % s->dims[d] * s->left[d];
            right += rest % s->dims[d] * s->right[d];
            rest /= s->dims[d];
        }
        float *out = (float *)c->outputs[0]->data + (int64_t)i * s->inner;
        run_row(s, (const float *)c->inputs[0]->data + left, (const float *)c->inputs[1]->data + right, out,
                s->inner);
        finish_row(c, out, s->inner);
    }
}

/* One long row is shared by elements. */
static void elements_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const binary_state *s = c->state;
    (void)worker;
    int64_t at = (int64_t)begin, count = (int64_t)(end - begin);
    float *out = (float *)c->outputs[0]->data + at;
    run_row(s, (const float *)c->inputs[0]->data + at * s->left_inner,
            (const float *)c->inputs[1]->data + at * s->right_inner, out, count);
    finish_row(c, out, count);
}

static accel_status binary_run(kernel_call *c) {
    const binary_state *s = c->state;
    int64_t n = s->rows * s->inner;
    if (s->rows == 1) {
        thread_pool_for(pool_for(c, n), (size_t)s->inner, PARALLEL_ELEMENTS / 2, elements_task, c);
    } else {
        thread_pool_for(pool_for(c, n), (size_t)s->rows, grain_for((size_t)s->rows, n), rows_task, c);
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
static const kernel_def kernels[] = {BINARY("Add"), BINARY("Sub"), BINARY("Mul"), BINARY("Div"),
                                     BINARY("Max"), BINARY("Min"), BINARY("Sum")};
KERNEL_FAMILY(binary, kernels);
