/* com.microsoft's QLinear operators on 8-bit values, accel Lookup. One element: through a table of 256 results. Two: as numbers. */
#include <math.h>
#include <string.h>

#include "engines/native/kernels/broadcast.h"
#include "engines/native/kernels/bytes.h"
#include "engines/native/kernels/math.h"

enum { TABLE_SIZE = 256 };

/* ---- QLinearAdd, QLinearMul ----------------------------------------------------------------------------------------------- */

typedef struct two_state {
    broadcast loops;
    step_scale a, b, y;
    float a_ratio, b_ratio; /* scales over the result's */
    float error;            /* of an estimate, in steps */
    bool product, is_signed, estimate;
} two_state;

/* Half a vector of results as the reference computes them. */
INLINE vhf exact_half(const two_state *s, const int32_t *a, const int32_t *b, const bool product) {
    vhi x, y;
    __builtin_memcpy(&x, a, sizeof x);
    __builtin_memcpy(&y, b, sizeof y);
    vd left = __builtin_convertvector(x, vd) * (double)s->a.scale;
    vd right = __builtin_convertvector(y, vd) * (double)s->b.scale;
    return __builtin_convertvector(product ? left * right : left + right, vhf) / s->y.scale;
}

static __attribute__((noinline)) vf exact_ratio(const two_state *s, vi a, vi b, const bool product) {
    int32_t x[VW], y[VW];
    float out[VW];
    vf ratio;
    __builtin_memcpy(x, &a, sizeof x);
    __builtin_memcpy(y, &b, sizeof y);
    for (int half = 0; half < VW; half += HALF) {
        vhf r = exact_half(s, x + half, y + half, product);
        __builtin_memcpy(out + half, &r, sizeof r);
    }
    __builtin_memcpy(&ratio, out, sizeof ratio);
    return ratio;
}

/* What the loop holds in registers. */
typedef struct two_lanes {
    const two_state *state;
    vi a_zero, b_zero, y_zero;
    vf a_ratio, b_ratio, middle;
} two_lanes;

static two_lanes splat_state(const two_state *s) {
    return (two_lanes){.state = s,
                       .a_zero = v_splat_int(s->a.zero),
                       .b_zero = v_splat_int(s->b.zero),
                       .y_zero = v_splat_int(s->y.zero),
                       .a_ratio = v_splat(s->a_ratio),
                       .b_ratio = v_splat(s->b_ratio),
                       .middle = v_splat(0.5f - s->error)};
}

/* Steps, not saturated yet; *off is how far each was rounded. */
INLINE vi estimate_steps(const two_lanes *s, const bool product, vi a, vi b, vf *off) {
    vf x = __builtin_convertvector(a, vf), y = __builtin_convertvector(b, vf);
    vf ratio = product ? x * y * s->a_ratio : x * s->a_ratio + y * s->b_ratio;
    return v_rounded(ratio, s->y_zero, off);
}

/* count is VW, or a constant 2 VW with which the check is paid once, or a rest below VW. */
INLINE void two_vectors(const two_lanes *s, const bool product, const bool is_signed, const bool estimate,
                        const vi *a, const vi *b, uint8_t *out, int64_t count) {
    const int vectors = count > VW ? 2 : 1;
    vf off[2], worst = {0};
    vi steps[2];
    UNROLL for (int v = 0; v < vectors && estimate; v++) {
        steps[v] = estimate_steps(s, product, a[v], b[v], &off[v]);
        worst = v_max(worst, off[v]);
    }
    if (!estimate || __builtin_expect(any_above(worst, s->middle), 0)) {
        for (int v = 0; v < vectors; v++) {
            steps[v] = v_steps(exact_ratio(s->state, a[v], b[v], product), s->y_zero, is_signed);
        }
    }
    UNROLL for (int v = 0; v < vectors; v++) {
        v_saturate(out + v * VW, steps[v], is_signed, count > VW ? VW : count);
    }
}

INLINE vi two_operand(const uint8_t *p, bool is_signed, int64_t stride, int64_t at, int64_t count) {
    if (stride == 0) {
        return v_splat_int(is_signed ? *(const int8_t *)p : *p);
    }
    return v_widen(p + at, is_signed, count);
}

/* All but the pointers are constants where this is inlined. */
INLINE void two_row(const two_state *state, const bool product, const bool is_signed, const bool estimate,
                    const int64_t sa, const int64_t sb, const uint8_t *a, const uint8_t *b, uint8_t *out,
                    int64_t count) {
    const two_lanes s = splat_state(state);
    int64_t i = 0;
    for (; i + 2 * VW <= count; i += 2 * VW) {
        vi x[2], y[2];
        UNROLL for (int v = 0; v < 2; v++) {
            x[v] = two_operand(a, is_signed, sa, i + v * VW, VW) - s.a_zero;
            y[v] = two_operand(b, is_signed, sb, i + v * VW, VW) - s.b_zero;
        }
        two_vectors(&s, product, is_signed, estimate, x, y, out + i, 2 * VW);
    }
    for (; i < count; i += VW) {
        int64_t lanes = count - i < VW ? count - i : VW;
        vi x = two_operand(a, is_signed, sa, i, lanes) - s.a_zero;
        vi y = two_operand(b, is_signed, sb, i, lanes) - s.b_zero;
        two_vectors(&s, product, is_signed, estimate, &x, &y, out + i, lanes);
    }
}

INLINE void two_strides(const two_state *s, const bool product, const bool is_signed, const uint8_t *a,
                        const uint8_t *b, uint8_t *out, int64_t count) {
    if (!s->estimate) {
        two_row(s, product, is_signed, false, s->loops.left_inner, s->loops.right_inner, a, b, out, count);
    } else if (s->loops.left_inner == 0) {
        two_row(s, product, is_signed, true, 0, 1, a, b, out, count);
    } else if (s->loops.right_inner == 0) {
        two_row(s, product, is_signed, true, 1, 0, a, b, out, count);
    } else {
        two_row(s, product, is_signed, true, 1, 1, a, b, out, count);
    }
}

static void two_any(const two_state *s, const uint8_t *a, const uint8_t *b, uint8_t *out, int64_t count) {
    if (s->product) {
        two_strides(s, true, s->is_signed, a, b, out, count);
    } else if (s->is_signed) {
        two_strides(s, false, true, a, b, out, count);
    } else {
        two_strides(s, false, false, a, b, out, count);
    }
}

static bool read_two(const kernel_call *c, two_state *s) {
    for (size_t i = 0; i < 8; i++) {
        if (!kernel_has(c, i)) {
            return false;
        }
    }
    return is_byte(c->inputs[0]) && c->inputs[3]->type == c->inputs[0]->type &&
           c->outputs[0]->type == c->inputs[0]->type && read_step_scale(c, 1, &s->a) &&
           read_step_scale(c, 4, &s->b) && read_step_scale(c, 6, &s->y) &&
           broadcast_read(c->inputs[0], c->inputs[3], c->outputs[0], &s->loops);
}

static bool two_accepts(const kernel_call *c) {
    two_state s;
    return read_two(c, &s);
}

static accel_status two_prepare(kernel_call *c) {
    two_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_two(c, s);
    s->product = strcmp(c->node->op_type, "QLinearMul") == 0;
    s->is_signed = c->outputs[0]->type == DTYPE_I8;
    double a = (double)s->a.scale / (double)s->y.scale, b = (double)s->b.scale / (double)s->y.scale;
    s->a_ratio = (float)(s->product ? a * (double)s->b.scale : a);
    s->b_ratio = (float)b;
    double largest = s->product ? 255.0 * 255.0 * fabs((double)s->a_ratio) : 255.0 * (a + b);
    s->estimate = largest <= (double)LARGEST_TERM;
    s->error = (float)largest * ESTIMATE_ERROR;
    c->state = s;
    c->variant = "8-bit binary";
    return ACCEL_OK;
}

static void two_rows(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const two_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t left, right;
        broadcast_row(&s->loops, i, &left, &right);
        two_any(s, (const uint8_t *)c->inputs[0]->data + left, (const uint8_t *)c->inputs[3]->data + right,
                (uint8_t *)c->outputs[0]->data + (int64_t)i * s->loops.inner, s->loops.inner);
    }
}

static void two_elements(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const two_state *s = c->state;
    (void)worker;
    two_any(s, (const uint8_t *)c->inputs[0]->data + (int64_t)begin * s->loops.left_inner,
            (const uint8_t *)c->inputs[3]->data + (int64_t)begin * s->loops.right_inner,
            (uint8_t *)c->outputs[0]->data + begin, (int64_t)(end - begin));
}

static accel_status two_run(kernel_call *c) {
    const two_state *s = c->state;
    int64_t n = s->loops.rows * s->loops.inner;
    if (s->loops.rows == 1) {
        thread_pool_for(pool_for(c, n), (size_t)s->loops.inner, PARALLEL_ELEMENTS, two_elements, c);
    } else {
        thread_pool_for(pool_for(c, n), (size_t)s->loops.rows, grain_for((size_t)s->loops.rows, n), two_rows,
                        c);
    }
    return ACCEL_OK;
}

/* ---- QLinearSigmoid, QLinearLeakyRelu, Lookup --------------------------------------------------------------------------------- */

typedef struct table_state {
    uint8_t table[TABLE_SIZE]; /* by the bits of the input */
} table_state;

static bool one_accepts(const kernel_call *c) {
    step_scale x, y;
    return is_byte(c->inputs[0]) && c->outputs[0]->type == c->inputs[0]->type && kernel_has(c, 2) &&
           kernel_has(c, 4) && read_step_scale(c, 1, &x) && read_step_scale(c, 3, &y);
}

static accel_status one_prepare(kernel_call *c) {
    table_state *s = kernel_state(c, sizeof *s);
    step_scale x = {1, 0}, y = x;
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)(read_step_scale(c, 1, &x) && read_step_scale(c, 3, &y));
    const bool is_signed = c->outputs[0]->type == DTYPE_I8,
               sigmoid = strcmp(c->node->op_type, "QLinearSigmoid") == 0;
    const double alpha = node_attr_float(c->node, "alpha", 0.01);
    for (int i = 0; i < TABLE_SIZE; i++) {
        double v = value_of(i, &x, is_signed);
        double result = !sigmoid ? (v < 0 ? alpha * v : v)
                        : v >= 0 ? 1 / (1 + exp(-v))
                                 : exp(v) / (1 + exp(v));
        s->table[i] = step_of(result, &y, is_signed);
    }
    c->state = s;
    c->variant = "table";
    return ACCEL_OK;
}

static bool lookup_accepts(const kernel_call *c) {
    return is_byte(c->inputs[0]) && is_byte(c->inputs[1]) && c->inputs[1]->constant &&
           value_elements(c->inputs[1]) == TABLE_SIZE;
}

static accel_status lookup_prepare(kernel_call *c) {
    table_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const uint8_t *given = c->inputs[1]->data, least = c->inputs[0]->type == DTYPE_I8 ? 128 : 0;
    for (int i = 0; i < TABLE_SIZE; i++) {
        s->table[i] = given[(uint8_t)(i + least)];
    }
    c->state = s;
    c->variant = "table";
    return ACCEL_OK;
}

static void table_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const table_state *s = c->state;
    (void)worker;
    look_up(c, s->table, (const uint8_t *)c->inputs[0]->data + begin, (uint8_t *)c->outputs[0]->data + begin,
            (int64_t)(end - begin));
}

static accel_status table_run(kernel_call *c) {
    int64_t n = value_elements(c->outputs[0]);
    thread_pool_for(pool_for(c, n), (size_t)n, PARALLEL_ELEMENTS / 2, table_task, c);
    return ACCEL_OK;
}

/* ---- QLinearConcat: each input through a table, or as it is where the scales agree ----------------------------------------------- */

typedef struct concat_part {
    uint8_t table[TABLE_SIZE];
    bool same;
    int64_t row, offset; /* bytes of a row, and where it begins in the output's */
} concat_part;

typedef struct concat_state {
    int64_t rows, row; /* row: bytes of the output's */
    size_t count;
    concat_part parts[];
} concat_state;

static bool concat_accepts(const kernel_call *c) {
    step_scale s;
    int axis;
    if (c->input_count < 5 || !kernel_has(c, 1) || !is_byte(c->outputs[0]) || !read_step_scale(c, 0, &s) ||
        !shape_axis(kernel_attr_int(c, "axis", 0), c->outputs[0]->shape.rank, &axis)) {
        return false;
    }
    for (size_t i = 2; i < c->input_count; i += 3) {
        if (!kernel_has(c, i + 2) || c->inputs[i]->type != c->outputs[0]->type ||
            !read_step_scale(c, i + 1, &s) || c->inputs[i]->channels_last != c->outputs[0]->channels_last) {
            return false;
        }
    }
    return true;
}

/* Bytes of one row: the axis and what lies behind it. Channels-last, channels lie behind all others. */
static int64_t concat_row(const kernel_value *v, int axis) {
    const shape *s = &v->shape;
    if (!v->channels_last) {
        return product_of(s->dims + axis, s->rank - axis);
    }
    return axis == 1   ? s->dims[1]
           : axis == 0 ? product_of(s->dims, s->rank)
                       : product_of(s->dims + axis, s->rank - axis) * s->dims[1];
}

static void prepare_part(const kernel_call *c, size_t input, const step_scale *y, concat_part *part) {
    step_scale x;
    const bool is_signed = c->outputs[0]->type == DTYPE_I8;
    (void)read_step_scale(c, input + 1, &x);
    part->same = x.scale == y->scale && x.zero == y->zero;
    for (int i = 0; i < TABLE_SIZE; i++) {
        part->table[i] = step_of(value_of(i, &x, is_signed), y, is_signed);
    }
}

static accel_status concat_prepare(kernel_call *c) {
    size_t count = (c->input_count - 2) / 3, bytes = sizeof(concat_state) + count * sizeof(concat_part);
    concat_state *s = kernel_state(c, bytes);
    step_scale y;
    int axis = 0;
    if (s == NULL) {
        return kernel_no_memory(c, bytes);
    }
    (void)read_step_scale(c, 0, &y);
    (void)shape_axis(kernel_attr_int(c, "axis", 0), c->outputs[0]->shape.rank, &axis);
    s->count = count;
    s->row = concat_row(c->outputs[0], axis);
    s->rows = s->row == 0 ? 0 : value_elements(c->outputs[0]) / s->row;
    for (size_t i = 0, offset = 0; i < count; i++) {
        concat_part *part = &s->parts[i];
        prepare_part(c, 2 + 3 * i, &y, part);
        part->row = concat_row(c->inputs[2 + 3 * i], axis);
        part->offset = (int64_t)offset;
        offset += (size_t)part->row;
    }
    c->state = s;
    c->variant = "table rows";
    return ACCEL_OK;
}

static void concat_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const concat_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        for (size_t k = 0; k < s->count; k++) {
            const concat_part *part = &s->parts[k];
            const uint8_t *from = (const uint8_t *)c->inputs[2 + 3 * k]->data + (int64_t)i * part->row;
            uint8_t *to = (uint8_t *)c->outputs[0]->data + (int64_t)i * s->row + part->offset;
            if (part->same) {
                memcpy(to, from, (size_t)part->row);
            } else {
                look_up(c, part->table, from, to, part->row);
            }
        }
    }
}

static accel_status concat_run(kernel_call *c) {
    const concat_state *s = c->state;
    int64_t n = value_elements(c->outputs[0]);
    thread_pool_for(pool_for(c, n), (size_t)s->rows, grain_for((size_t)s->rows, n), concat_task, c);
    return ACCEL_OK;
}

/* ---- QLinearSoftmax: exponentials of differences of bytes, of which there are 256 -------------------------------------------------- */

typedef struct softmax_state {
    int64_t outer, length, inner;
    step_scale y;
    bool is_signed;
    double power[TABLE_SIZE]; /* e^(-i · scale) */
} softmax_state;

static bool softmax_accepts(const kernel_call *c) {
    int axis;
    return one_accepts(c) && shape_axis(kernel_attr_int(c, "axis", -1), c->inputs[0]->shape.rank, &axis);
}

static accel_status softmax_prepare(kernel_call *c) {
    softmax_state *s = kernel_state(c, sizeof *s);
    const shape *x = &c->inputs[0]->shape;
    step_scale scale;
    int axis = 0;
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)(read_step_scale(c, 1, &scale) && read_step_scale(c, 3, &s->y));
    (void)shape_axis(kernel_attr_int(c, "axis", -1), x->rank, &axis);
    s->outer = product_of(x->dims, axis);
    s->length = x->dims[axis];
    s->inner = product_of(x->dims + axis + 1, x->rank - axis - 1);
    if (kernel_attr_int(c, "opset", 13) < 13) { /* over the axis and all that follow */
        s->length *= s->inner;
        s->inner = 1;
    }
    s->is_signed = c->outputs[0]->type == DTYPE_I8;
    for (int i = 0; i < TABLE_SIZE; i++) {
        s->power[i] = exp(-(double)i * (double)scale.scale);
    }
    c->state = s;
    c->variant = "table of powers";
    return ACCEL_OK;
}

/* With the least byte first, whatever the type. */
static void softmax_line(const softmax_state *s, const uint8_t *x, uint8_t *out) {
    const uint8_t least = s->is_signed ? 128 : 0;
    uint8_t most = 0;
    double sum = 0;
    for (int64_t i = 0; i < s->length; i++) {
        uint8_t v = (uint8_t)(x[i * s->inner] + least);
        most = v > most ? v : most;
    }
    for (int64_t i = 0; i < s->length; i++) {
        sum += s->power[most - (uint8_t)(x[i * s->inner] + least)];
    }
    for (int64_t i = 0; i < s->length; i++) {
        out[i * s->inner] =
            step_of(s->power[most - (uint8_t)(x[i * s->inner] + least)] / sum, &s->y, s->is_signed);
    }
}

static void softmax_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const softmax_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t at = (int64_t)i / s->inner * s->length * s->inner + (int64_t)i % s->inner;
        softmax_line(s, (const uint8_t *)c->inputs[0]->data + at, (uint8_t *)c->outputs[0]->data + at);
    }
}

static accel_status softmax_run(kernel_call *c) {
    const softmax_state *s = c->state;
    size_t lines = (size_t)(s->outer * s->inner);
    int64_t n = value_elements(c->outputs[0]) * 8;
    thread_pool_for(pool_for(c, n), lines, grain_for(lines, n), softmax_task, c);
    return ACCEL_OK;
}

#define MS "com.microsoft"
enum { ELEMENTWISE = KERNEL_ANY_LAYOUT | KERNEL_IN_PLACE };
static const kernel_def kernels[] = {
    {MS, "QLinearAdd", ELEMENTWISE, two_accepts, two_prepare, two_run},
    {MS, "QLinearMul", ELEMENTWISE, two_accepts, two_prepare, two_run},
    {MS, "QLinearSigmoid", ELEMENTWISE, one_accepts, one_prepare, table_run},
    {MS, "QLinearLeakyRelu", ELEMENTWISE, one_accepts, one_prepare, table_run},
    {"accel", "Lookup", ELEMENTWISE, lookup_accepts, lookup_prepare, table_run},
    {MS, "QLinearConcat", KERNEL_ANY_LAYOUT, concat_accepts, concat_prepare, concat_run},
    {MS, "QLinearSoftmax", 0, softmax_accepts, softmax_prepare, softmax_run},
};
KERNEL_FAMILY(qlinear, kernels);
