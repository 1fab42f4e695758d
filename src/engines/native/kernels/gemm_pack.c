/* Packing the right side of a product into panels of GEMM_NR columns: what loading a model mostly is. Three ways:
 *   rows       columns lie next to each other: lines are copied
 *   transpose  a column's depth lies in one run (weights [out][in], filters [out][in][taps]): squares of VW × VW are turned
 *   plain      any strides; also the edges of the other two */
#include "engines/native/kernels/gemm.h"

#include <string.h>

#include "engines/native/kernels/square.h"

/* One panel: where it reads, and how. */
typedef struct panel_job {
    const float *base; /* of its first column */
    int64_t column_stride, inner_stride, tap_stride;
    int64_t taps, inner;
    int64_t columns, width; /* real ones, and floats of a row of the panel */
    const float *scale;     /* of its columns, or NULL */
    float *out;
} panel_job;

static void pack_rows(const panel_job *j) {
    for (int64_t tap = 0; tap < j->taps; tap++) {
        for (int64_t c = 0; c < j->inner; c++) {
            const float *from = j->base + tap * j->tap_stride + c * j->inner_stride;
            float *to = j->out + (tap * j->inner + c) * j->width;
            for (int64_t at = 0; at < j->width; at += VW) {
                vf x = j->columns > at ? v_load_some(from + at, j->columns - at) : (vf){0};
                if (j->scale != NULL && j->columns > at) {
                    x *= v_load_some(j->scale + at, j->columns - at);
                }
                v_store(to + at, x);
            }
        }
    }
}

/* Row of the panel that element d of a column's run belongs to. */
INLINE int64_t row_of(const panel_job *j, int64_t d) {
    return j->inner_stride == 1 ? d : d % j->taps * j->inner + d / j->taps;
}

/* VW columns from `column` on; count of them are real, depth is one run from `from` on. */
static void turn_columns(const panel_job *j, const float *from, int64_t depth, int64_t column, int64_t count,
                         float *out) {
    vf scale = j->scale != NULL ? v_load_some(j->scale + column, count) : v_splat(1.0f);
    for (int64_t d = 0; d < depth; d += VW) {
        int64_t deep = depth - d < VW ? depth - d : VW;
        vf x[VW];
        if (deep == VW && count >= VW) {
            UNROLL for (int i = 0; i < VW; i++) {
                x[i] = v_load(from + (column + i) * j->column_stride + d);
            }
        } else {
            for (int i = 0; i < VW; i++) {
                x[i] = i < count ? v_load_some(from + (column + i) * j->column_stride + d, deep) : (vf){0};
            }
        }
        transpose_square(x);
        if (deep == VW && j->inner_stride == 1) {
            UNROLL for (int i = 0; i < VW; i++) {
                v_store(out + (d + i) * j->width + column, x[i] * scale);
            }
        } else {
            for (int64_t i = 0; i < deep; i++) {
                v_store(out + row_of(j, d + i) * j->width + column, x[i] * scale);
            }
        }
    }
}

static void pack_transposed(const panel_job *j) {
    const bool one_run = j->inner_stride != 1 || j->taps == 1;
    const int64_t runs = one_run ? 1 : j->taps, depth = one_run ? j->taps * j->inner : j->inner;
    for (int64_t run = 0; run < runs; run++) {
        float *out = j->out + run * j->inner * j->width;
        for (int64_t column = 0; column < j->width; column += VW) {
            int64_t count = j->columns > column ? j->columns - column : 0;
            turn_columns(j, j->base + run * j->tap_stride, depth, column, count, out);
        }
    }
}

static void pack_plain(const panel_job *j) {
    for (int64_t tap = 0; tap < j->taps; tap++) {
        for (int64_t c = 0; c < j->inner; c++) {
            const float *from = j->base + tap * j->tap_stride + c * j->inner_stride;
            float *to = j->out + (tap * j->inner + c) * j->width;
            for (int64_t i = 0; i < j->columns; i++) {
                to[i] = from[i * j->column_stride] * (j->scale == NULL ? 1.0f : j->scale[i]);
            }
            memset(to + j->columns, 0, (size_t)(j->width - j->columns) * sizeof(float));
        }
    }
}

void gemm_pack_panel(const gemm_source *source, int64_t n, int64_t taps, int64_t inner, int64_t panel,
                     float *out) {
    const int64_t first = panel * GEMM_NR, width = gemm_panel_vectors(n, panel) * VW;
    const panel_job job = {.base = source->base + first * source->column_stride,
                           .column_stride = source->column_stride,
                           .inner_stride = source->inner_stride,
                           .tap_stride = source->tap_stride,
                           .taps = taps,
                           .inner = inner,
                           .columns = n - first < width ? n - first : width,
                           .width = width,
                           .scale = source->scale == NULL ? NULL : source->scale + first,
                           .out = out};
    if (source->column_stride == 1) {
        pack_rows(&job);
    } else if (source->inner_stride == 1 || (source->inner_stride == taps && source->tap_stride == 1)) {
        pack_transposed(&job);
    } else {
        pack_plain(&job);
    }
}

typedef struct pack_job {
    const gemm_source *source;
    int64_t n, taps, inner;
    float *out;
} pack_job;

static void pack_task(void *context, size_t begin, size_t end, int worker) {
    const pack_job *job = context;
    (void)worker;
    for (size_t p = begin; p < end; p++) {
        float *out = job->out + gemm_panel_offset((int64_t)p, job->taps * job->inner);
        gemm_pack_panel(job->source, job->n, job->taps, job->inner, (int64_t)p, out);
    }
}

void gemm_pack(const gemm_source *source, int64_t n, int64_t taps, int64_t inner, float *out,
               thread_pool *pool) {
    pack_job job = {source, n, taps, inner, out};
    thread_pool_for(pool, (size_t)gemm_panels(n), 1, pack_task, &job);
}
