/* Products of 8-bit matrices on the packed GEMM: constant right sides are packed once, others at every run, and so are the scales and
 * zero points of their columns. Those of the left side may be results of the model (DynamicQuantizeLinear). */
#include <string.h>

#include "engines/native/kernels/products.h"
#include "engines/native/kernels/q8_gemm.h"

/* Where each operator has its operands. */
typedef struct product_operands {
    uint8_t b, a_scale, a_zero, b_scale, b_zero;
    uint8_t bias;  /* floats behind the scale */
    uint8_t first; /* integers before it */
    uint8_t y_scale, y_zero;
    bool quantises; /* A is f32, quantised here as DynamicQuantizeLinear does */
} product_operands;

enum { NONE = Q8_ABSENT };
static const product_operands integer_operands = {1, NONE, 2, NONE, 3, NONE, NONE, NONE, NONE, false};
static const product_operands linear_operands = {3, 1, 2, 4, 5, NONE, NONE, 6, 7, false};
static const product_operands gemm_operands = {3, 1, 2, 4, 5, NONE, 6, 7, 8, false};
static const product_operands to_float_operands = {1, 2, 4, 3, 5, 6, NONE, NONE, NONE, false};
static const product_operands dynamic_operands = {1, NONE, NONE, 2, 3, 4, NONE, NONE, NONE, true};

typedef struct qmatmul_state {
    const product_operands *at;
    q8_shape shape;
    product_batch batch;
    q8_source right;                  /* of the first matrix */
    size_t right_bytes, packed_bytes; /* from one to the next */
    int8_t *packed;                   /* NULL: packed in the workspace when run */
    int32_t *sums, *start;            /* whole panels, for each right matrix */
    /* One a column, in whole panels: B's zero points; scale of B, QGemm's alpha and the epilogue; that times A's scale over
     * the result's; bias; QGemm's C. */
    int32_t *column_zeros;
    float *factor, *scale, *bias;
    int32_t *first;
    bool has_zeros, has_bias, has_first;
    bool is_fixed;   /* all of them are made of constants */
    float alpha;     /* QGemm */
    float *extremes; /* of A's elements, for each worker: a cache line */
    float a_scale;   /* of A as quantised here */
    int32_t a_zero;
    size_t table_bytes, left_bytes; /* of the workspace: tables, quantised A, packed B */
} qmatmul_state;

/* ---- operands ----------------------------------------------------------------------------------------------------- */

static int64_t columns_of(const kernel_call *c) {
    return c->outputs[0]->shape.dims[c->outputs[0]->shape.rank - 1];
}

static bool accepts_as(const kernel_call *c, const product_operands *at) {
    const kernel_value *a = c->inputs[0], *b = c->inputs[at->b];
    if (a->shape.rank < 2 || b->shape.rank < 2 || !is_byte(b) ||
        (at->quantises ? a->type != DTYPE_F32 : !is_byte(a))) {
        return false;
    }
    const int64_t n = columns_of(c);
    const kernel_value *y_zero = q8_operand(c, at->y_zero);
    return q8_is_one(q8_operand(c, at->a_scale), DTYPE_F32) &&
           q8_is_one(q8_operand(c, at->a_zero), a->type) &&
           q8_is_vector(q8_operand(c, at->b_scale), DTYPE_F32, n) &&
           q8_is_vector(q8_operand(c, at->b_zero), b->type, n) &&
           q8_is_vector(q8_operand(c, at->bias), DTYPE_F32, n) &&
           q8_is_vector(q8_operand(c, at->first), DTYPE_I32, n) &&
           q8_is_one(q8_operand(c, at->y_scale), DTYPE_F32) &&
           (y_zero == NULL || (is_byte(y_zero) && value_elements(y_zero) == 1));
}

static bool integer_accepts(const kernel_call *c) {
    return accepts_as(c, &integer_operands);
}
static bool linear_accepts(const kernel_call *c) {
    return accepts_as(c, &linear_operands);
}
static bool gemm_accepts(const kernel_call *c) {
    return kernel_attr_int(c, "transA", 0) == 0 && accepts_as(c, &gemm_operands);
}
static bool to_float_accepts(const kernel_call *c) {
    return accepts_as(c, &to_float_operands);
}
static bool dynamic_accepts(const kernel_call *c) {
    return accepts_as(c, &dynamic_operands);
}

/* ---- vectors of the columns ------------------------------------------------------------------------------------------ */

static void fill_factor(const kernel_call *c, qmatmul_state *s) {
    const float *scale = c->epilogue.scale;
    const kernel_value *b_scale = q8_operand(c, s->at->b_scale);
    const float *from = b_scale == NULL ? NULL : b_scale->data;
    const int64_t step = b_scale == NULL || value_elements(b_scale) == 1 ? 0 : 1;
    for (int64_t j = 0; j < s->shape.n; j++) {
        double factor = (double)s->alpha * (from == NULL ? 1.0 : (double)from[j * step]);
        s->factor[j] = (float)(scale == NULL ? factor : factor * (double)scale[j]);
    }
}

/* The bias of float outputs comes behind the scale. */
static void fill_bias(const kernel_call *c, qmatmul_state *s) {
    const kernel_epilogue *e = &c->epilogue;
    const kernel_value *bias = q8_operand(c, s->at->bias);
    const float *from = bias == NULL ? NULL : bias->data;
    const int64_t step = bias == NULL || value_elements(bias) == 1 ? 0 : 1;
    s->has_bias = bias != NULL || e->shift != NULL;
    for (int64_t j = 0; s->has_bias && j < s->shape.n; j++) {
        float b = (from == NULL ? 0.0f : from[j * step]) * (e->scale == NULL ? 1.0f : e->scale[j]);
        s->bias[j] = b + (e->shift == NULL ? 0.0f : e->shift[j]);
    }
}

/* QGemm's C is what the sums begin with. */
static void fill_first(const kernel_call *c, qmatmul_state *s) {
    const kernel_value *first = q8_operand(c, s->at->first);
    s->has_first = first != NULL;
    for (int64_t j = 0; s->has_first && j < s->shape.n; j++) {
        s->first[j] = ((const int32_t *)first->data)[value_elements(first) == 1 ? 0 : j];
    }
}

static void fill_vectors(const kernel_call *c, qmatmul_state *s) {
    s->has_zeros =
        q8_column_zeros(q8_operand(c, s->at->b_zero), s->right.is_signed, 0, s->shape.n, s->column_zeros);
    fill_factor(c, s);
    fill_bias(c, s);
    fill_first(c, s);
}

/* ---- preparing ---------------------------------------------------------------------------------------------------- */

static accel_status make_products(kernel_call *c, qmatmul_state *s, bool transposed) {
    const shape *a = &c->inputs[0]->shape, *b = &c->inputs[s->at->b]->shape;
    s->shape.taps = 1;
    s->shape.inner = a->dims[a->rank - 1];
    s->shape.n = columns_of(c);
    s->right_bytes = (size_t)(s->shape.n * s->shape.inner);
    s->packed_bytes = q8_packed_bytes(s->shape.n, 1, s->shape.inner);
    s->right = (q8_source){.column_stride = transposed ? s->shape.inner : 1,
                           .inner_stride = transposed ? 1 : s->shape.n,
                           .is_signed = c->inputs[s->at->b]->type == DTYPE_I8,
                           .vnni = s->shape.vnni};
    ACCEL_TRY(product_batch_make(c, a, b, s->shape.n, sizeof(q8_problem), &s->batch));
    s->shape.m = s->batch.m;
    return ACCEL_OK;
}

static accel_status make_vectors(kernel_call *c, qmatmul_state *s) {
    size_t columns = q8_columns(s->shape.n), bytes = (s->batch.right_count * 2 + 5) * columns * 4;
    s->sums = kernel_state(c, bytes + 64);
    s->extremes = kernel_state(c, (size_t)c->threads * 64);
    if (s->sums == NULL || s->extremes == NULL) {
        return kernel_no_memory(c, bytes);
    }
    s->start = s->sums + s->batch.right_count * columns;
    s->column_zeros = s->start + s->batch.right_count * columns;
    s->first = s->column_zeros + columns;
    s->factor = (float *)(void *)(s->first + columns);
    s->scale = s->factor + columns;
    s->bias = s->scale + columns;
    const uint8_t operands[] = {s->at->b_scale, s->at->b_zero, s->at->bias, s->at->first};
    s->is_fixed = true;
    for (size_t i = 0; i < sizeof operands; i++) {
        s->is_fixed = s->is_fixed && q8_is_constant(q8_operand(c, operands[i]));
    }
    if (s->is_fixed) {
        fill_vectors(c, s);
    }
    return ACCEL_OK;
}

static accel_status pack_constant(kernel_call *c, qmatmul_state *s) {
    size_t bytes = s->batch.right_count * s->packed_bytes;
    s->packed = kernel_packed(c, bytes + 64);
    if (s->packed == NULL) {
        return kernel_no_memory(c, bytes);
    }
    for (size_t i = 0; i < s->batch.right_count; i++) {
        q8_source source = s->right;
        source.base = (const uint8_t *)c->inputs[s->at->b]->data + i * s->right_bytes;
        q8_pack(&source, s->shape.n, 1, s->shape.inner, s->packed + i * s->packed_bytes,
                s->sums + i * q8_columns(s->shape.n), c->pool);
    }
    c->packed_inputs |= 1u << s->at->b;
    return ACCEL_OK;
}

static size_t whole_lines(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

static accel_status prepare_as(kernel_call *c, const product_operands *at) {
    qmatmul_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    c->state = s;
    s->at = at;
    s->alpha = 1.0f;
    s->shape = (q8_shape){.out = c->outputs[0]->type,
                          .activation = c->epilogue.activation,
                          .alpha = c->epilogue.alpha,
                          .beta = c->epilogue.beta,
                          .vnni = (c->extensions & CPU_VNNI) != 0};
    bool is_gemm = at == &gemm_operands;
    if (is_gemm) {
        s->alpha = kernel_attr_float(c, "alpha", 1.0);
    }
    ACCEL_TRY(make_products(c, s, is_gemm && kernel_attr_int(c, "transB", 0) != 0));
    ACCEL_TRY(make_vectors(c, s));
    s->table_bytes = whole_lines(q8_workspace_bytes(&s->shape, c->threads));
    s->left_bytes = at->quantises ? whole_lines((size_t)value_elements(c->inputs[0])) : 0;
    c->workspace_bytes = s->table_bytes + s->left_bytes;
    if (c->inputs[at->b]->constant) {
        ACCEL_TRY(pack_constant(c, s));
    } else {
        c->workspace_bytes += s->batch.right_count * s->packed_bytes;
    }
    c->variant = s->shape.vnni ? "gemm int8 vnni" : "gemm int8";
    return ACCEL_OK;
}

static accel_status integer_prepare(kernel_call *c) {
    return prepare_as(c, &integer_operands);
}
static accel_status linear_prepare(kernel_call *c) {
    return prepare_as(c, &linear_operands);
}
static accel_status gemm_prepare(kernel_call *c) {
    return prepare_as(c, &gemm_operands);
}
static accel_status to_float_prepare(kernel_call *c) {
    return prepare_as(c, &to_float_operands);
}
static accel_status dynamic_prepare(kernel_call *c) {
    return prepare_as(c, &dynamic_operands);
}

/* ---- quantising A, as DynamicQuantizeLinear does --------------------------------------------------------------------- */

typedef struct quantise_run {
    qmatmul_state *state;
    const float *in;
    uint8_t *out;
    int64_t count;
} quantise_run;

enum { QUANTISE_PIECE = 4096 }; /* elements handed out at once */

static void extremes_task(void *context, size_t begin, size_t end, int worker) {
    const quantise_run *run = context;
    float *extremes = run->state->extremes + worker * 16;
    int64_t i = (int64_t)begin * QUANTISE_PIECE, last = (int64_t)end * QUANTISE_PIECE;
    last = last < run->count ? last : run->count;
    vf low = v_splat(extremes[0]), high = v_splat(extremes[1]);
    for (; i + VW <= last; i += VW) { /* a NaN changes nothing */
        low = q8_min(v_load(run->in + i), low);
        high = q8_max(v_load(run->in + i), high);
    }
    low =
        q8_min(v_load_some(run->in + i, last - i), low); /* lanes behind the end are 0, which counts anyway */
    high = q8_max(v_load_some(run->in + i, last - i), high);
    for (int lane = 0; lane < VW; lane++) {
        extremes[0] = low[lane] < extremes[0] ? low[lane] : extremes[0];
        extremes[1] = high[lane] > extremes[1] ? high[lane] : extremes[1];
    }
}

static void quantise_task(void *context, size_t begin, size_t end, int worker) {
    const quantise_run *run = context;
    const float scale = run->state->a_scale;
    const vi zero = v_splat_int(run->state->a_zero);
    int64_t i = (int64_t)begin * QUANTISE_PIECE, last = (int64_t)end * QUANTISE_PIECE;
    last = last < run->count ? last : run->count;
    (void)worker;
    for (; i < last; i += VW) {
        vf x = v_load_some(run->in + i, last - i);
        vf ratio = scale == 0.0f ? (vf){0} : x / scale;
        v_narrow(run->out + i, v_steps(ratio, zero, false), last - i);
    }
}

static void quantise_left(kernel_call *c, qmatmul_state *s, uint8_t *out) {
    quantise_run run = {s, c->inputs[0]->data, out, value_elements(c->inputs[0])};
    size_t pieces = (size_t)((run.count + QUANTISE_PIECE - 1) / QUANTISE_PIECE);
    memset(s->extremes, 0, (size_t)c->threads * 64);
    thread_pool_for(pool_for(c, run.count), pieces, 4, extremes_task, &run);
    float low = 0.0f, high = 0.0f;
    for (int worker = 0; worker < c->threads; worker++) {
        low = s->extremes[worker * 16] < low ? s->extremes[worker * 16] : low;
        high = s->extremes[worker * 16 + 1] > high ? s->extremes[worker * 16 + 1] : high;
    }
    s->a_scale = (high - low) / 255.0f;
    float zero = s->a_scale == 0.0f ? 0.0f : -low / s->a_scale;
    zero = zero > 0.0f ? (zero < 255.0f ? zero : 255.0f) : 0.0f; /* NaN gives 0 */
    s->a_zero = (int32_t)__builtin_rintf(zero);
    thread_pool_for(pool_for(c, run.count), pieces, 4, quantise_task, &run);
}

/* ---- running --------------------------------------------------------------------------------------------------------- */

typedef struct pack_run {
    const kernel_call *call;
    int8_t *out;
} pack_run;

static void pack_task(void *context, size_t begin, size_t end, int worker) {
    const pack_run *run = context;
    const qmatmul_state *s = run->call->state;
    const size_t panels = (size_t)q8_panels(s->shape.n);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        size_t matrix = i / panels, panel = i % panels;
        q8_source source = s->right;
        source.base = (const uint8_t *)run->call->inputs[s->at->b]->data + matrix * s->right_bytes;
        q8_pack_panel(&source, s->shape.n, 1, s->shape.inner, (int64_t)panel,
                      run->out + matrix * s->packed_bytes + panel * q8_packed_bytes(Q8_NR, 1, s->shape.inner),
                      s->sums + (matrix * panels + panel) * Q8_NR);
    }
}

static const int8_t *packed_right(kernel_call *c, qmatmul_state *s) {
    if (s->packed != NULL) {
        return s->packed;
    }
    pack_run run = {c, (int8_t *)c->workspace + s->table_bytes + s->left_bytes};
    size_t panels = s->batch.right_count * (size_t)q8_panels(s->shape.n);
    int64_t work = (int64_t)(s->batch.right_count * s->right_bytes) / 4;
    thread_pool_for(pool_for(c, work), panels, grain_for(panels, work), pack_task, &run);
    return run.out;
}

static accel_status qmatmul_run(kernel_call *c) {
    qmatmul_state *s = c->state;
    const size_t columns = q8_columns(s->shape.n), matrix = (size_t)(s->shape.m * s->shape.n);
    const kernel_value *residual = c->epilogue.residual;
    q8_left left = {.base = c->inputs[0]->data,
                    .row_stride = s->shape.inner,
                    .is_signed = c->inputs[0]->type == DTYPE_I8,
                    .zero = q8_zero(q8_operand(c, s->at->a_zero))};
    float a_scale = q8_float(q8_operand(c, s->at->a_scale), 1.0f);
    if (s->at->quantises) {
        uint8_t *quantised = (uint8_t *)c->workspace + s->table_bytes;
        quantise_left(c, s, quantised);
        left.base = quantised;
        left.zero = s->a_zero;
        a_scale = s->a_scale;
    }
    const int8_t *packed = packed_right(c, s);
    if (!s->is_fixed) {
        fill_vectors(c, s);
    }
    s->shape.zero = q8_zero(q8_operand(c, s->at->y_zero));
    q8_scale(s->shape.n, s->factor, a_scale / q8_float(q8_operand(c, s->at->y_scale), 1.0f), s->scale);
    for (size_t i = 0; i < s->batch.right_count; i++) {
        q8_start(&left, s->shape.n, s->has_first ? s->first : NULL, s->sums + i * columns,
                 s->start + i * columns);
    }
    q8_problem *problems = s->batch.problems;
    for (size_t i = 0; i < s->batch.count; i++) {
        q8_problem *p = &problems[i];
        *p = (q8_problem){
            .left = left,
            .right = packed + s->batch.right_index[i] * s->packed_bytes,
            .start = s->start + s->batch.right_index[i] * columns,
            .column_zeros = s->has_zeros ? s->column_zeros : NULL,
            .scale = s->scale,
            .bias = s->has_bias ? s->bias : NULL,
            .residual = residual == NULL ? NULL : (const float *)residual->data + i * matrix,
            .residual_stride = s->shape.n,
            .out = (char *)c->outputs[0]->data + i * matrix * (dtype_bits(s->shape.out) / 8),
            .out_stride = s->shape.n,
        };
        p->left.base += s->batch.left_index[i] * (size_t)(s->shape.m * s->shape.inner);
    }
    q8_run(&s->shape, problems, s->batch.count, c->pool, c->workspace);
    return ACCEL_OK;
}

#define MS "com.microsoft"
static const kernel_def kernels[] = {
    {"", "MatMulInteger", 0, integer_accepts, integer_prepare, qmatmul_run},
    {"", "QLinearMatMul", 0, linear_accepts, linear_prepare, qmatmul_run},
    {MS, "QGemm", 0, gemm_accepts, gemm_prepare, qmatmul_run},
    {MS, "MatMulIntegerToFloat", KERNEL_EPILOGUE, to_float_accepts, to_float_prepare, qmatmul_run},
    {MS, "DynamicQuantizeMatMul", KERNEL_EPILOGUE, dynamic_accepts, dynamic_prepare, qmatmul_run},
};
KERNEL_FAMILY(qmatmul, kernels);
