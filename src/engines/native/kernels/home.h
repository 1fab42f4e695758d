/* A constant right side that is packed into its own place in the model's file (kernel_call.home). */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_HOME_H
#define ACCEL_ENGINES_NATIVE_KERNELS_HOME_H

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engines/native/kernels/half_gemm.h"
#include "engines/native/kernels/kernels.h"

typedef struct home_matrix {
    gemm_source source; /* the whole matrix; no scale */
    gemm_form form;     /* that it is packed in */
    int64_t n, depth;
} home_matrix;

enum { HOME_FORM = 58, HOME_TRANSPOSED = 57, HOME_COLUMNS = 28, HOME_MOST = 1 << 28 };

/* kernel_call.kept_as: all that decides how the packed weights lie. */
INLINE uint64_t home_number(const home_matrix *m) {
    return UINT64_C(1) << 63 | (uint64_t)m->form << HOME_FORM |
           (uint64_t)(m->source.inner_stride == 1) << HOME_TRANSPOSED | (uint64_t)m->n << HOME_COLUMNS |
           (uint64_t)m->depth;
}
INLINE gemm_form home_form(uint64_t kept_as) {
    return (gemm_form)(kept_as >> HOME_FORM & 31);
}

/* Without what rounds it up. */
INLINE size_t home_bytes(const home_matrix *m) {
    return gemm_packed_floats(m->n, half_inner(m->form, m->depth)) * half_bytes(m->form);
}
/* Weights of 16 bits stay as they are: few rows read them so (gemv.h), two to three times as fast as packed. */
INLINE bool home_fits(const kernel_call *c, const home_matrix *m) {
    return FILES_IN_MEMORY && c->home != NULL && m->source.form == GEMM_F32 && m->n < HOME_MOST &&
           m->depth < HOME_MOST && home_bytes(m) <= (size_t)(m->n * m->depth) * sizeof(float);
}

typedef struct home_pack {
    const home_matrix *matrix;
    char *home, *copies; /* of the rows of a panel, one a worker */
    size_t row_bytes;
} home_pack;

static void home_task(void *context, size_t begin, size_t end, int worker) {
    const home_pack *pack = context;
    const home_matrix *m = pack->matrix;
    char *copy = pack->copies + (size_t)worker * GEMM_NR * pack->row_bytes;
    gemm_source source = m->source;
    source.base = (const float *)(void *)copy;
    for (size_t panel = begin; panel < end; panel++) {
        const int64_t first = (int64_t)panel * GEMM_NR, left = m->n - first;
        const int64_t rows = left < GEMM_NR ? left : GEMM_NR;
        char *place = pack->home + (size_t)first * pack->row_bytes;
        memcpy(copy, place, (size_t)rows * pack->row_bytes);
        half_pack_panel(m->form, &source, rows, 1, m->depth, 0, place);
    }
}

/* A transposed right side in elements of the same size: the rows of a panel lie where the packed panel is to lie. */
INLINE accel_status home_pack_panels(kernel_call *c, const home_matrix *m) {
    home_pack pack = {.matrix = m, .home = c->home, .row_bytes = (size_t)m->depth * sizeof(float)};
    const size_t bytes = (size_t)c->threads * GEMM_NR * pack.row_bytes;
    const size_t panels = (size_t)gemm_panels(m->n);
    const int64_t elements = m->n * m->depth;
    pack.copies = mem_alloc_aligned(bytes, 64, false);
    if (pack.copies == NULL) {
        return kernel_no_memory(c, bytes);
    }
    thread_pool_for(pool_for(c, elements), panels, grain_for(panels, elements), home_task, &pack);
    mem_free_aligned(pack.copies, bytes);
    return ACCEL_OK;
}

INLINE accel_status home_pack_whole(kernel_call *c, const home_matrix *m) {
    const size_t bytes = half_packed_bytes(m->form, m->n, 1, m->depth);
    char *packed = mem_alloc_aligned(bytes, 64, false);
    if (packed == NULL) {
        return kernel_no_memory(c, bytes);
    }
    half_pack(m->form, &m->source, m->n, 1, m->depth, packed, c->pool);
    memcpy(c->home, packed, home_bytes(m));
    mem_free_aligned(packed, bytes);
    return ACCEL_OK;
}

INLINE accel_status home_put(kernel_call *c, const home_matrix *m) {
    const bool by_panels = m->source.inner_stride == 1 && m->form == GEMM_F32;
    ACCEL_TRY(by_panels ? home_pack_panels(c, m) : home_pack_whole(c, m));
    c->kept_as = home_number(m);
    return ACCEL_OK;
}

/* Whether what lies there is this matrix as it is wanted; NULL: it is wanted otherwise. */
INLINE accel_status home_check(const kernel_call *c, const home_matrix *m) {
    return m != NULL && home_number(m) == c->kept_as
               ? ACCEL_OK
               : kernel_fail(
                     c, ACCEL_UNSUPPORTED,
                     "its weights are in memory only as they were packed for other shapes: load the model again");
}

#endif
