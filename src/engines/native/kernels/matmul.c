/* MatMul and Gemm on the packed GEMM: constant right sides are packed once, others at every run. A few rows read large weights
 * where they lie. */
#include <string.h>

#include "engines/native/kernels/gemv.h"
#include "engines/native/kernels/half_gemm.h"
#include "engines/native/kernels/home.h"
#include "engines/native/kernels/products.h"

typedef struct matmul_state {
    gemm_shape shape;
    product_batch batch;
    const char *packed; /* NULL: packed in the workspace when run */
    float *bias;
    int64_t depth;                     /* shape.inner in elements of the operands */
    gemm_source right;                 /* of the first matrix */
    size_t right_floats, packed_bytes; /* from one to the next */
    half_rows left;                    /* GEMM_BF16_PAIRS: what is rounded before the products */
    bool in_place;                     /* the right side is read where it lies: gemv.h */
} matmul_state;

static bool vector_of(const kernel_value *v, int64_t n) {
    int64_t count = value_elements(v);
    return v->constant && v->type == DTYPE_F32 &&
           (count == 1 || (count == n && v->shape.rank > 0 && v->shape.dims[v->shape.rank - 1] == n));
}

/* Of a narrow weight, which the plan gives in place of its Cast; GEMM_F32: it is none. */
static gemm_form stored_form(const kernel_value *v) {
    return v->type == DTYPE_F16 ? GEMM_RIGHT_F16 : v->type == DTYPE_BF16 ? GEMM_RIGHT_BF16 : GEMM_F32;
}

static bool matmul_accepts(const kernel_call *c) {
    const kernel_value *right = c->inputs[1];
    bool narrow = right->constant && right->shape.rank == 2 && stored_form(right) != GEMM_F32;
    return kernel_is_f32(c->inputs[0]) && (narrow || kernel_is_f32(right)) && c->inputs[0]->shape.rank >= 2 &&
           right->shape.rank >= 2;
}

static bool gemm_accepts(const kernel_call *c) {
    if (!matmul_accepts(c) || c->inputs[0]->shape.rank != 2 || kernel_attr_int(c, "transA", 0) != 0 ||
        !c->inputs[1]->constant) {
        return false;
    }
    const shape *b = &c->inputs[1]->shape;
    int64_t n = b->dims[kernel_attr_int(c, "transB", 0) != 0 ? 0 : 1];
    return !kernel_has(c, 2) || vector_of(c->inputs[2], n);
}

/* bias[j] = (alpha-free addend)[j] * beta * scale[j] + shift[j], padded to whole panels. NULL bias when there is nothing. */
static accel_status make_bias(kernel_call *c, matmul_state *s, const kernel_value *addend, float beta) {
    const kernel_epilogue *e = &c->epilogue;
    if (addend == NULL && e->shift == NULL) {
        return ACCEL_OK;
    }
    size_t bytes = (size_t)gemm_panels(s->shape.n) * GEMM_NR * sizeof(float);
    s->bias = kernel_state(c, bytes);
    if (s->bias == NULL) {
        return kernel_no_memory(c, bytes);
    }
    const float *from = addend == NULL ? NULL : addend->data;
    bool one = addend != NULL && value_elements(addend) == 1;
    for (int64_t j = 0; j < s->shape.n; j++) {
        float x = from == NULL ? 0.0f : from[one ? 0 : j] * beta;
        s->bias[j] = x * (e->scale == NULL ? 1.0f : e->scale[j]) + (e->shift == NULL ? 0.0f : e->shift[j]);
    }
    return ACCEL_OK;
}

static accel_status make_scale(kernel_call *c, matmul_state *s, float alpha) {
    const kernel_epilogue *e = &c->epilogue;
    s->right.scale = e->scale;
    if (alpha == 1.0f) {
        return ACCEL_OK;
    }
    float *scale = kernel_state(c, (size_t)s->shape.n * sizeof(float));
    if (scale == NULL) {
        return kernel_no_memory(c, (size_t)s->shape.n * sizeof(float));
    }
    for (int64_t j = 0; j < s->shape.n; j++) {
        scale[j] = alpha * (e->scale == NULL ? 1.0f : e->scale[j]);
    }
    s->right.scale = scale;
    return ACCEL_OK;
}

static const void *right_data(const kernel_call *c) {
    return c->raw != NULL ? c->raw : c->inputs[1]->data;
}

static gemm_source right_matrix(const kernel_call *c, const matmul_state *s, size_t index) {
    gemm_source source = s->right;
    if (source.form != GEMM_F32) {
        source.halves = right_data(c);
    } else {
        source.base = (const float *)right_data(c) + index * s->right_floats;
    }
    return source;
}

static home_matrix whole_right(const kernel_call *c, const matmul_state *s) {
    return (home_matrix){right_matrix(c, s, 0), s->shape.form, s->shape.n, s->depth};
}

static bool is_plain(const matmul_state *s) {
    return s->batch.right_count == 1 && s->right.scale == NULL;
}

static accel_status pack_constant(kernel_call *c, matmul_state *s) {
    const home_matrix right = whole_right(c, s);
    if (is_plain(s) && home_fits(c, &right)) {
        s->packed = c->home;
        return home_put(c, &right);
    }
    size_t bytes = s->batch.right_count * s->packed_bytes;
    char *packed = kernel_packed(c, bytes);
    if (packed == NULL) {
        return kernel_no_memory(c, bytes);
    }
    s->packed = packed;
    for (size_t i = 0; i < s->batch.right_count; i++) {
        const gemm_source source = right_matrix(c, s, i);
        half_pack(s->shape.form, &source, s->shape.n, 1, s->depth, packed + i * s->packed_bytes, c->pool);
    }
    return ACCEL_OK;
}

/* What an earlier session packed into the place of the weights. */
static accel_status take_kept(kernel_call *c, matmul_state *s) {
    const home_matrix right = whole_right(c, s);
    s->packed = c->home;
    return home_check(c, is_plain(s) ? &right : NULL);
}

static accel_status make_products(kernel_call *c, matmul_state *s, bool transposed) {
    const shape *a = &c->inputs[0]->shape, *b = &c->inputs[1]->shape, *out = &c->outputs[0]->shape;
    s->depth = a->dims[a->rank - 1];
    s->shape.n = out->dims[out->rank - 1];
    s->right_floats = (size_t)(s->shape.n * s->depth);
    s->right.column_stride = transposed ? s->depth : 1;
    s->right.inner_stride = transposed ? 1 : s->shape.n;
    s->right.form = stored_form(c->inputs[1]);
    ACCEL_TRY(product_batch_make(c, a, b, s->shape.n, sizeof(gemm_problem), &s->batch));
    s->shape.m = s->batch.m;
    return ACCEL_OK;
}

/* Few rows wait for the weights: where all of them came from 16 bits and no cache holds them, they are read as 16 bits. */
enum { CACHED_BYTES = 4 << 20 };
static gemm_form form_of_weights(const kernel_call *c, const matmul_state *s) {
    const size_t count = s->batch.right_count * s->right_floats;
    if (s->shape.m > GEMM_MR || s->right.scale != NULL || count * sizeof(float) < CACHED_BYTES) {
        return GEMM_F32;
    }
    return half_is_exact(GEMM_RIGHT_F16, right_data(c), (int64_t)count)    ? GEMM_RIGHT_F16
           : half_is_exact(GEMM_RIGHT_BF16, right_data(c), (int64_t)count) ? GEMM_RIGHT_BF16
                                                                           : GEMM_F32;
}

static bool fits_gemv(const kernel_call *c, const matmul_state *s) {
    return c->inputs[1]->constant && s->batch.right_count == 1 && s->right.inner_stride == 1 &&
           s->shape.m <= GEMV_MOST_ROWS;
}

/* Narrow weights stay so, unless packing scales them. */
static gemm_form form_at_fp32(const kernel_call *c, const matmul_state *s) {
    if (!c->inputs[1]->constant) {
        return GEMM_F32;
    }
    if (s->right.form == GEMM_F32) {
        return FILES_IN_MEMORY && c->home != NULL ? GEMM_F32 : form_of_weights(c, s);
    }
    return s->right.scale == NULL || fits_gemv(c, s) ? s->right.form : GEMM_F32;
}

/* A right side that is packed at every run is only rounded where that makes the products faster. */
static void choose_form(const kernel_call *c, matmul_state *s) {
    gemm_form form = half_form(c);
    if (FILES_IN_MEMORY && c->kept_as != 0) {
        form = home_form(c->kept_as);
    } else if (form == GEMM_F32 || (form != GEMM_BF16_PAIRS && !c->inputs[1]->constant)) {
        form = form_at_fp32(c, s);
    }
    s->shape.form = form;
    s->shape.inner = half_inner(form, s->depth);
    s->packed_bytes = half_packed_bytes(form, s->shape.n, 1, s->depth);
    if (form == GEMM_BF16_PAIRS) {
        int64_t rows = s->depth > 0 ? value_elements(c->inputs[0]) / s->depth : 0;
        s->left = (half_rows){.rows = rows, .row_stride = s->depth, .runs = 1, .inner = s->depth};
    }
}

static bool reads_in_place(const kernel_call *c, const matmul_state *s) {
    return fits_gemv(c, s) && s->shape.form == s->right.form &&
           (s->shape.form != GEMM_F32 || s->right_floats * sizeof(float) >= CACHED_BYTES);
}

static const char *variant_of(const kernel_call *c, const matmul_state *s) {
    if (s->in_place && s->shape.form != GEMM_F32) {
        return s->shape.form == GEMM_RIGHT_F16 ? "gemv fp16 in place" : "gemv bf16 in place";
    }
    if (s->shape.form != GEMM_F32) {
        return s->shape.form == GEMM_BF16_PAIRS  ? "gemm bf16"
               : s->shape.form == GEMM_RIGHT_F16 ? "gemm fp16 weights"
                                                 : "gemm bf16 weights";
    }
    return s->in_place              ? "gemv in place"
           : s->shape.m <= GEMM_MR  ? "gemm few rows"
           : c->inputs[1]->constant ? "gemm packed"
                                    : "gemm";
}

static accel_status prepare_product(kernel_call *c, bool transposed, float alpha, const kernel_value *addend,
                                    float beta) {
    matmul_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    c->state = s;
    s->shape = (gemm_shape){.taps = 1,
                            .activation = c->epilogue.activation,
                            .alpha = c->epilogue.alpha,
                            .beta = c->epilogue.beta};
    ACCEL_TRY(make_products(c, s, transposed));
    ACCEL_TRY(make_bias(c, s, addend, beta));
    ACCEL_TRY(make_scale(c, s, alpha));
    choose_form(c, s);
    if (FILES_IN_MEMORY && c->kept_as != 0) {
        ACCEL_TRY(take_kept(c, s));
    }
    s->in_place = s->packed == NULL && reads_in_place(c, s);
    c->variant = variant_of(c, s);
    if (s->in_place) {
        return ACCEL_OK;
    }
    c->workspace_bytes = gemm_workspace_bytes(&s->shape, c->threads) + half_pairs_bytes(&s->left);
    if (!c->inputs[1]->constant) {
        c->workspace_bytes += s->batch.right_count * s->packed_bytes;
        return ACCEL_OK;
    }
    c->packed_inputs |= 2;
    return s->packed == NULL ? pack_constant(c, s) : ACCEL_OK;
}

static accel_status matmul_prepare(kernel_call *c) {
    return prepare_product(c, c->transposed_right, 1.0f, NULL, 0.0f);
}

static accel_status gemm_prepare(kernel_call *c) {
    const kernel_value *addend = kernel_has(c, 2) ? c->inputs[2] : NULL;
    c->packed_inputs |= addend != NULL ? 4 : 0;
    return prepare_product(c, kernel_attr_int(c, "transB", 0) != 0, kernel_attr_float(c, "alpha", 1.0),
                           addend, kernel_attr_float(c, "beta", 1.0));
}

typedef struct pack_run {
    const kernel_call *call;
    char *out;
} pack_run;

static void pack_task(void *context, size_t begin, size_t end, int worker) {
    const pack_run *run = context;
    const matmul_state *s = run->call->state;
    const size_t panels = (size_t)gemm_panels(s->shape.n);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const gemm_source source = right_matrix(run->call, s, i / panels);
        half_pack_panel(s->shape.form, &source, s->shape.n, 1, s->depth, (int64_t)(i % panels),
                        run->out + i / panels * s->packed_bytes);
    }
}

/* The workspace: pointers of the products, then the left side where it is rounded, then the right side where it is packed now. */
static const char *pack_right(kernel_call *c, const matmul_state *s, char *out) {
    if (s->packed != NULL) {
        return s->packed;
    }
    pack_run run = {c, out};
    size_t panels = s->batch.right_count * (size_t)gemm_panels(s->shape.n);
    int64_t elements = (int64_t)(s->batch.right_count * s->right_floats);
    thread_pool_for(pool_for(c, elements), panels, grain_for(panels, elements), pack_task, &run);
    return out;
}

static const float *round_left(const kernel_call *c, const matmul_state *s, char *out) {
    if (s->shape.form != GEMM_BF16_PAIRS) {
        return c->inputs[0]->data;
    }
    half_rows rows = s->left;
    rows.base = c->inputs[0]->data;
    half_pairs(&rows, out, c->pool);
    return (const float *)(void *)out;
}

static accel_status run_in_place(kernel_call *c) {
    const matmul_state *s = c->state;
    const gemm_problem problem = {
        .left = {.base = c->inputs[0]->data, .row_stride = s->depth},
        .bias = s->bias,
        .residual = c->epilogue.residual == NULL ? NULL : c->epilogue.residual->data,
        .residual_stride = s->shape.n,
        .out = c->outputs[0]->data,
        .out_stride = s->shape.n,
    };
    const gemm_source right = right_matrix(c, s, 0);
    gemv_run(&s->shape, &problem, &right, c->pool);
    return ACCEL_OK;
}

static accel_status matmul_run(kernel_call *c) {
    matmul_state *s = c->state;
    if (s->in_place) {
        return run_in_place(c);
    }
    char *memory = (char *)c->workspace + gemm_workspace_bytes(&s->shape, c->threads);
    const float *left = round_left(c, s, memory);
    const char *packed = pack_right(c, s, memory + half_pairs_bytes(&s->left));
    const int64_t m = s->shape.m, n = s->shape.n, k = s->shape.inner;
    gemm_problem *problems = s->batch.problems;
    for (size_t i = 0; i < s->batch.count; i++) {
        size_t matrix = (size_t)(m * n);
        problems[i] = (gemm_problem){
            .left = {.base = left + s->batch.left_index[i] * (size_t)(m * k), .row_stride = k},
            .right = packed + s->batch.right_index[i] * s->packed_bytes,
            .bias = s->bias,
            .residual =
                c->epilogue.residual == NULL ? NULL : (const float *)c->epilogue.residual->data + i * matrix,
            .residual_stride = n,
            .out = (float *)c->outputs[0]->data + i * matrix,
            .out_stride = n,
        };
    }
    gemm_run(&s->shape, problems, s->batch.count, c->pool, c->workspace);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "MatMul", KERNEL_EPILOGUE | KERNEL_FILE_RIGHT, matmul_accepts, matmul_prepare, matmul_run},
    {"", "Gemm", KERNEL_EPILOGUE | KERNEL_FILE_RIGHT, gemm_accepts, gemm_prepare, matmul_run},
};
KERNEL_FAMILY(matmul, kernels);
