/* MatMul and Gemm on the packed GEMM: constant right sides are packed once, others at every run. */
#include <string.h>

#include "engines/native/kernels/gemm.h"
#include "engines/native/kernels/kernels.h"

typedef struct matmul_state {
    gemm_shape shape;
    gemm_problem *problems; /* one a product of the output's batch */
    size_t count;
    const float *packed; /* NULL: packed in the workspace when run */
    float *bias;
    gemm_source right;                  /* of the first matrix */
    size_t right_count;                 /* distinct right matrices */
    size_t right_floats, packed_floats; /* from one to the next */
    size_t *right_index, *left_index;   /* of each product */
} matmul_state;

static bool vector_of(const kernel_value *v, int64_t n) {
    int64_t count = value_elements(v);
    return v->constant && v->type == DTYPE_F32 &&
           (count == 1 || (count == n && v->shape.rank > 0 && v->shape.dims[v->shape.rank - 1] == n));
}

static bool matmul_accepts(const kernel_call *c) {
    return kernel_is_f32(c->inputs[0]) && kernel_is_f32(c->inputs[1]) && c->inputs[0]->shape.rank >= 2 &&
           c->inputs[1]->shape.rank >= 2;
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

static accel_status pack_constant(kernel_call *c, matmul_state *s) {
    size_t bytes = s->right_count * s->packed_floats * sizeof(float);
    float *packed = kernel_packed(c, bytes);
    if (packed == NULL) {
        return kernel_no_memory(c, bytes);
    }
    s->packed = packed;
    for (size_t i = 0; i < s->right_count; i++) {
        gemm_source source = s->right;
        source.base = (const float *)c->inputs[1]->data + i * s->right_floats;
        gemm_pack(&source, s->shape.n, 1, s->shape.inner, packed + i * s->packed_floats, c->pool);
    }
    c->packed_inputs |= 2;
    return ACCEL_OK;
}

static accel_status make_products(kernel_call *c, matmul_state *s, bool transposed) {
    const shape *a = &c->inputs[0]->shape, *b = &c->inputs[1]->shape, *out = &c->outputs[0]->shape;
    s->right_count = (size_t)product_of(b->dims, b->rank - 2);
    bool one_right = s->right_count == 1;
    s->shape.inner = a->dims[a->rank - 1];
    s->shape.n = out->dims[out->rank - 1];
    s->shape.m =
        one_right && s->shape.n > 0 ? value_elements(c->outputs[0]) / s->shape.n : a->dims[a->rank - 2];
    /* One right matrix for all rows only holds when the left side is not broadcast along a batch of the right one. */
    s->count = one_right ? 1 : (size_t)product_of(out->dims, out->rank - 2);
    s->right_floats = (size_t)(s->shape.n * s->shape.inner);
    s->packed_floats = gemm_packed_floats(s->shape.n, s->shape.inner);
    s->right.column_stride = transposed ? s->shape.inner : 1;
    s->right.inner_stride = transposed ? 1 : s->shape.n;
    size_t bytes = s->count * (sizeof(gemm_problem) + 2 * sizeof(size_t));
    s->problems = kernel_state(c, bytes + 64);
    if (s->problems == NULL) {
        return kernel_no_memory(c, bytes);
    }
    s->right_index = (size_t *)(void *)(s->problems + s->count);
    s->left_index = s->right_index + s->count;
    for (size_t i = 0; i < s->count && !one_right; i++) {
        s->right_index[i] = broadcast_index(b, out, i);
        s->left_index[i] = broadcast_index(a, out, i);
    }
    return ACCEL_OK;
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
    size_t tables = gemm_workspace_bytes(&s->shape, c->threads);
    c->workspace_bytes = tables;
    if (c->inputs[1]->constant) {
        ACCEL_TRY(pack_constant(c, s));
    } else {
        c->workspace_bytes = tables + s->right_count * s->packed_floats * sizeof(float);
    }
    c->variant = s->shape.m <= GEMM_MR ? "gemm few rows" : c->inputs[1]->constant ? "gemm packed" : "gemm";
    return ACCEL_OK;
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
    float *out;
} pack_run;

static void pack_task(void *context, size_t begin, size_t end, int worker) {
    const pack_run *run = context;
    const matmul_state *s = run->call->state;
    const size_t panels = (size_t)gemm_panels(s->shape.n);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        gemm_source source = s->right;
        source.base = (const float *)run->call->inputs[1]->data + i / panels * s->right_floats;
        float *out =
            run->out + i / panels * s->packed_floats + (i % panels) * (size_t)s->shape.inner * GEMM_NR;
        gemm_pack_panel(&source, s->shape.n, 1, s->shape.inner, (int64_t)(i % panels), out);
    }
}

static accel_status matmul_run(kernel_call *c) {
    matmul_state *s = c->state;
    const float *packed = s->packed;
    if (packed == NULL) {
        float *out = (float *)(void *)((char *)c->workspace + gemm_workspace_bytes(&s->shape, c->threads));
        pack_run run = {c, out};
        size_t panels = s->right_count * (size_t)gemm_panels(s->shape.n);
        int64_t elements = (int64_t)(s->right_count * s->right_floats);
        thread_pool_for(pool_for(c, elements), panels, grain_for(panels, elements), pack_task, &run);
        packed = out;
    }
    const int64_t m = s->shape.m, n = s->shape.n, k = s->shape.inner;
    for (size_t i = 0; i < s->count; i++) {
        size_t matrix = (size_t)(m * n);
        s->problems[i] = (gemm_problem){
            .left = {.base = (const float *)c->inputs[0]->data + s->left_index[i] * (size_t)(m * k),
                     .row_stride = k},
            .right = packed + s->right_index[i] * s->packed_floats,
            .bias = s->bias,
            .residual =
                c->epilogue.residual == NULL ? NULL : (const float *)c->epilogue.residual->data + i * matrix,
            .residual_stride = n,
            .out = (float *)c->outputs[0]->data + i * matrix,
            .out_stride = n,
        };
    }
    gemm_run(&s->shape, s->problems, s->count, c->pool, c->workspace);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "MatMul", KERNEL_EPILOGUE, matmul_accepts, matmul_prepare, matmul_run},
    {"", "Gemm", KERNEL_EPILOGUE, gemm_accepts, gemm_prepare, matmul_run},
};
KERNEL_FAMILY(matmul, kernels);
