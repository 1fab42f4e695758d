/* See gemv.h. Dot products along the depth: a few rows of the weights stream through the registers beside a few rows of the left side,
 * which stays in the first-level cache. Each lane's sum begins anew after GEMM_KC terms, as in the packed GEMM. */
#include "engines/native/kernels/gemv.h"

#include "engines/native/kernels/math.h"

#if defined(__AVX512F__) || defined(__aarch64__)
enum { LEFT_ROWS = 4 }; /* 16 accumulators of 32 registers */
#else
enum { LEFT_ROWS = 2 };
#endif
enum {
    COLUMNS = 4, /* rows of the weights at once */
    AHEAD =
        256, /* floats that are asked for before they are needed: over the end of a page, where the CPU's own asking ends */
    LINE = 16, /* floats of a cache line */
    BLOCK = GEMM_KC * VW
};

typedef struct gemv_task {
    const gemm_shape *shape;
    const gemm_problem *problem;
    const gemm_source *right;
} gemv_task;

/* ---- dot products ---------------------------------------------------------------------------------------------------- */

/* rows and columns are constants where this is inlined, so that the accumulators are registers. */
INLINE void dot_block(const int rows, const int columns, const float *const *x, const float *const *w,
                      int64_t from, int64_t to, vf (*total)[COLUMNS]) {
    vf acc[LEFT_ROWS][COLUMNS];
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int j = 0; j < columns; j++) {
            acc[i][j] = (vf){0};
        }
    }
    for (int64_t k = from; k < to; k += VW) {
        vf b[COLUMNS];
        UNROLL for (int j = 0; j < columns; j++) {
            if (VW >= LINE || k % LINE == 0) {
                __builtin_prefetch(w[j] + k + AHEAD);
            }
            b[j] = v_load(w[j] + k);
        }
        UNROLL for (int i = 0; i < rows; i++) {
            vf a = v_load(x[i] + k);
            UNROLL for (int j = 0; j < columns; j++) {
                acc[i][j] += a * b[j];
            }
        }
    }
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int j = 0; j < columns; j++) {
            total[i][j] += acc[i][j];
        }
    }
}

INLINE void dot_rows(const int rows, const int columns, const float *const *x, const float *const *w,
                     int64_t depth, float (*sums)[COLUMNS]) {
    const int64_t whole = depth - depth % VW;
    vf total[LEFT_ROWS][COLUMNS];
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int j = 0; j < columns; j++) {
            total[i][j] = v_load_part(x[i] + whole, (size_t)(depth - whole)) *
                          v_load_part(w[j] + whole, (size_t)(depth - whole));
        }
    }
    for (int64_t from = 0; from < whole; from += BLOCK) {
        dot_block(rows, columns, x, w, from, whole - from < BLOCK ? whole : from + BLOCK, total);
    }
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int j = 0; j < columns; j++) {
            sums[i][j] = v_sum(total[i][j]);
        }
    }
}

typedef void (*dot_function)(const float *const *x, const float *const *w, int64_t depth,
                             float (*sums)[COLUMNS]);

#define DOT(ROWS, COUNT)                                                                                     \
    static void dot_##ROWS##x##COUNT(const float *const *x, const float *const *w, int64_t depth,            \
                                     float(*sums)[COLUMNS]) {                                                \
        dot_rows(ROWS, COUNT, x, w, depth, sums);                                                            \
    }
DOT(1, 1)
DOT(1, 4)
DOT(2, 1)
DOT(2, 4)
#if defined(__AVX512F__) || defined(__aarch64__)
DOT(3, 1)
DOT(3, 4)
DOT(4, 1)
DOT(4, 4)
#endif

/* [rows of the left side - 1][one row of the weights, or COLUMNS] */
static const dot_function dots[LEFT_ROWS][2] = {
    {dot_1x1, dot_1x4},
    {dot_2x1, dot_2x4},
#if defined(__AVX512F__) || defined(__aarch64__)
    {dot_3x1, dot_3x4},
    {dot_4x1, dot_4x4},
#endif
};

/* ---- a block of columns ---------------------------------------------------------------------------------------------- */

static void store_sum(const gemv_task *t, int64_t row, int64_t column, float sum) {
    const gemm_problem *p = t->problem;
    sum *= t->right->scale == NULL ? 1.0f : t->right->scale[column];
    sum += p->bias == NULL ? 0.0f : p->bias[column];
    sum += p->residual == NULL ? 0.0f : p->residual[row * p->residual_stride + column];
    p->out[row * p->out_stride + column] = sum;
}

/* All rows beside `count` rows of the weights: COLUMNS or one. */
static void run_columns(const gemv_task *t, int64_t column, int count) {
    const gemm_shape *s = t->shape;
    const gemm_left *left = &t->problem->left;
    const float *x[LEFT_ROWS], *w[COLUMNS];
    float sums[LEFT_ROWS][COLUMNS];
    for (int j = 0; j < count; j++) {
        w[j] = t->right->base + (column + j) * t->right->column_stride;
    }
    for (int64_t row = 0; row < s->m; row += LEFT_ROWS) {
        const int rows = s->m - row < LEFT_ROWS ? (int)(s->m - row) : LEFT_ROWS;
        for (int i = 0; i < rows; i++) {
            x[i] = left->base + (row + i) * left->row_stride;
        }
        dots[rows - 1][count == COLUMNS](x, w, s->inner, sums);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < count; j++) {
                store_sum(t, row + i, column + j, sums[i][j]);
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
    for (; column + COLUMNS <= last; column += COLUMNS) {
        run_columns(t, column, COLUMNS);
    }
    for (; column < last; column++) {
        run_columns(t, column, 1);
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
