/* See gemv.h. Dot products along the depth: a few rows of the weights stream through the registers beside a few rows of the left side,
 * which stays in the first-level cache. Each lane's sum begins anew after GEMM_SUM terms, as in the packed GEMM.
 *
 * The rows that are read at once lie far apart, a part of a thread's piece each: so there are a few long streams, where the end of one row
 * is the beginning of the next, and the CPU asks for their memory by itself. Against neighbouring rows this is 1.1 times (long rows) to 1.5
 * times (rows below a page) as fast, on a Zen 3 whose weights come from memory; prefetching by hand is slower than both. */
#include "engines/native/kernels/gemv.h"

#include "engines/native/kernels/half.h"
#include "engines/native/kernels/math.h"

#if defined(__AVX512F__) || defined(__aarch64__)
enum { LEFT_ROWS = 4 }; /* 16 accumulators of 32 registers */
#else
enum { LEFT_ROWS = 2 };
#endif
enum {
    COLUMNS = 4, /* rows of the weights at once */
    BLOCK = GEMM_SUM * VW
};

typedef struct gemv_task {
    const gemm_shape *shape;
    const gemm_problem *problem;
    const gemm_source *right;
} gemv_task;

/* ---- dot products ---------------------------------------------------------------------------------------------------- */

/* What a row of the weights is read as, at element k of it. */
INLINE vf w_load(const gemm_form form, const void *row, int64_t k) {
    return form == GEMM_F32         ? v_load((const float *)row + k)
           : form == GEMM_RIGHT_F16 ? f16_widen(h_load((const uint16_t *)row + k))
                                    : bf16_widen(h_load((const uint16_t *)row + k));
}

INLINE vf w_load_part(const gemm_form form, const void *row, int64_t k, int64_t count) {
    return form == GEMM_F32         ? v_load_part((const float *)row + k, (size_t)count)
           : form == GEMM_RIGHT_F16 ? f16_widen(h_load_part((const uint16_t *)row + k, count))
                                    : bf16_widen(h_load_part((const uint16_t *)row + k, count));
}

/* form, rows and columns are constants where this is inlined, so that the accumulators are registers. */
INLINE void dot_block(const gemm_form form, const int rows, const int columns, const float *const *x,
                      const void *const *w, int64_t from, int64_t to, vf (*total)[COLUMNS]) {
    vf acc[LEFT_ROWS][COLUMNS];
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int j = 0; j < columns; j++) {
            acc[i][j] = (vf){0};
        }
    }
    for (int64_t k = from; k < to; k += VW) {
        vf b[COLUMNS];
        UNROLL for (int j = 0; j < columns; j++) {
            b[j] = w_load(form, w[j], k);
        }
        UNROLL for (int i = 0; i < rows; i++) {
            vf a = v_load(x[i] + k);
            UNROLL for (int j = 0; j < columns; j++) {
                acc[i][j] = v_madd(a, b[j], acc[i][j]);
            }
        }
    }
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int j = 0; j < columns; j++) {
            total[i][j] += acc[i][j];
        }
    }
}

/* Stands once: unrolled it would be most of each of the functions below. */
static __attribute__((noinline)) void sum_lanes(int rows, int columns, vf (*total)[COLUMNS],
                                                float (*sums)[COLUMNS]) {
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            sums[i][j] = v_sum(total[i][j]);
        }
    }
}

INLINE void dot_rows(const gemm_form form, const int rows, const int columns, const float *const *x,
                     const void *const *w, int64_t depth, float (*sums)[COLUMNS]) {
    const int64_t whole = depth - depth % VW;
    vf total[LEFT_ROWS][COLUMNS];
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int j = 0; j < columns; j++) {
            total[i][j] = v_load_part(x[i] + whole, (size_t)(depth - whole)) *
                          w_load_part(form, w[j], whole, depth - whole);
        }
    }
    for (int64_t from = 0; from < whole; from += BLOCK) {
        dot_block(form, rows, columns, x, w, from, whole - from < BLOCK ? whole : from + BLOCK, total);
    }
    sum_lanes(rows, columns, total, sums);
}

typedef void (*dot_function)(const float *const *x, const void *const *w, int64_t depth,
                             float (*sums)[COLUMNS]);

#define DOT(FORM, ROWS, COUNT)                                                                               \
    static void dot_##FORM##_##ROWS##x##COUNT(const float *const *x, const void *const *w, int64_t depth,    \
                                              float(*sums)[COLUMNS]) {                                       \
        dot_rows(FORM, ROWS, COUNT, x, w, depth, sums);                                                      \
    }
#if defined(__AVX512F__) || defined(__aarch64__)
#define DOTS(FORM)                                                                                           \
    DOT(FORM, 1, 1)                                                                                          \
    DOT(FORM, 1, 4)                                                                                          \
    DOT(FORM, 2, 1) DOT(FORM, 2, 4) DOT(FORM, 3, 1) DOT(FORM, 3, 4) DOT(FORM, 4, 1) DOT(FORM, 4, 4)
#define DOTS_OF(FORM)                                                                                        \
    {                                                                                                        \
        {dot_##FORM##_1x1, dot_##FORM##_1x4}, {dot_##FORM##_2x1, dot_##FORM##_2x4},                          \
            {dot_##FORM##_3x1, dot_##FORM##_3x4}, {                                                          \
            dot_##FORM##_4x1, dot_##FORM##_4x4                                                               \
        }                                                                                                    \
    }
#else
#define DOTS(FORM) DOT(FORM, 1, 1) DOT(FORM, 1, 4) DOT(FORM, 2, 1) DOT(FORM, 2, 4)
#define DOTS_OF(FORM)                                                                                        \
    {                                                                                                        \
        {dot_##FORM##_1x1, dot_##FORM##_1x4}, {                                                              \
            dot_##FORM##_2x1, dot_##FORM##_2x4                                                               \
        }                                                                                                    \
    }
#endif
DOTS(GEMM_F32)
DOTS(GEMM_RIGHT_F16)
DOTS(GEMM_RIGHT_BF16)

/* [form of the weights][rows of the left side - 1][one row of the weights, or COLUMNS] */
static const dot_function dots[][LEFT_ROWS][2] = {
    [GEMM_F32] = DOTS_OF(GEMM_F32),
    [GEMM_RIGHT_F16] = DOTS_OF(GEMM_RIGHT_F16),
    [GEMM_RIGHT_BF16] = DOTS_OF(GEMM_RIGHT_BF16),
};

/* ---- a block of columns ---------------------------------------------------------------------------------------------- */

static void store_sum(const gemv_task *t, int64_t row, int64_t column, float sum) {
    const gemm_problem *p = t->problem;
    sum *= t->right->scale == NULL ? 1.0f : t->right->scale[column];
    sum += p->bias == NULL ? 0.0f : p->bias[column];
    sum += p->residual == NULL ? 0.0f : p->residual[row * p->residual_stride + column];
    p->out[row * p->out_stride + column] = sum;
}

static const void *weight_row(const gemm_source *right, int64_t row) {
    const int64_t offset = row * right->column_stride;
    return right->form == GEMM_F32 ? (const void *)(right->base + offset) : right->halves + offset;
}

/* All rows beside `count` rows of the weights, COLUMNS or one, `apart` from one to the next. */
static void run_columns(const gemv_task *t, int64_t column, int count, int64_t apart) {
    const gemm_shape *s = t->shape;
    const gemm_left *left = &t->problem->left;
    const float *x[LEFT_ROWS];
    const void *w[COLUMNS];
    float sums[LEFT_ROWS][COLUMNS];
    for (int j = 0; j < count; j++) {
        w[j] = weight_row(t->right, column + j * apart);
    }
    for (int64_t row = 0; row < s->m; row += LEFT_ROWS) {
        const int rows = s->m - row < LEFT_ROWS ? (int)(s->m - row) : LEFT_ROWS;
        for (int i = 0; i < rows; i++) {
            x[i] = left->base + (row + i) * left->row_stride;
        }
        dots[t->right->form][rows - 1][count == COLUMNS](x, w, s->inner, sums);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < count; j++) {
                store_sum(t, row + i, column + j * apart, sums[i][j]);
            }
        }
    }
}

static void run_task(void *context, size_t begin, size_t end, int worker) {
    const gemv_task *t = context;
    const gemm_shape *s = t->shape;
    const gemm_problem *p = t->problem;
    int64_t column = (int64_t)begin * COLUMNS, last = (int64_t)end * COLUMNS;
    const int64_t first = column;
    (void)worker;
    last = last < s->n ? last : s->n;
    const int64_t apart = (last - first) / COLUMNS;
    for (; column < first + apart; column++) {
        run_columns(t, column, COLUMNS, apart);
    }
    for (column = first + apart * COLUMNS; column < last; column++) {
        run_columns(t, column, 1, 0);
    }
    for (int64_t row = 0; row < s->m && s->activation != ACT_NONE; row++) {
        float *out = p->out + row * p->out_stride + first;
        unary_apply(s->activation, s->alpha, s->beta, out, out, (size_t)(last - first));
    }
}

void gemv_run(const gemm_shape *s, const gemm_problem *p, const gemm_source *right, thread_pool *pool) {
    const gemv_task t = {s, p, right};
    const size_t groups = (size_t)((s->n + COLUMNS - 1) / COLUMNS);
    /* A few pieces a thread: the system gives its pages of the file at different speeds. */
    const size_t pieces = (size_t)thread_pool_size(pool) * 8;
    thread_pool_for(pool, groups, (groups + pieces - 1) / pieces, run_task, (void *)(uintptr_t)&t);
}
