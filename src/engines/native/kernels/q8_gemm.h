/* The packed GEMM of 8-bit values, which all quantised products and convolutions call: sums of (a - a_zero)(b - b_zero) in 32-bit
 * integers, then stored as they are, requantised to 8 bits or scaled to floats.
 *
 * The multiplier takes unsigned bytes on the left and signed ones on the right (VNNI's vpdpbusd). So a' = a + 128 where A is
 * signed, b' = b - 128 where B is unsigned, zero points likewise, and
 *   sum (a - za)(b - zb) = sum a' b' - za' · (column sum of b') - zb' · (row sum of a' - K za')
 * The second term is known before the product starts (`start`); the third is needed only where B has zero points. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_Q8_GEMM_H
#define ACCEL_ENGINES_NATIVE_KERNELS_Q8_GEMM_H

#include "engines/native/kernels/gemm.h"
#include "engines/native/kernels/q8_dot.h"

#if defined(__AVX512F__) || defined(__aarch64__)
#define Q8_MR 8
#else
#define Q8_MR 6
#endif
#define Q8_NR (2 * VW)
/* Rows of a block, bytes of the panels of a group: both stay in the second-level cache. */
#define Q8_MC    160
#define Q8_GROUP (256 * 1024)

/* Bytes of A: rows of a matrix, or output pixels of a convolution whose taps are `inner` channels each. */
typedef struct q8_left {
    const uint8_t *base;
    int64_t row_stride;
    const gemm_window *window;  /* NULL: a matrix, of one tap */
    const int64_t *tap_offsets; /* window: elements from the pixel of tap 0 to that of each tap */
    const uint8_t
        *padding; /* window: `inner` bytes of A's zero point, and three more where rows have slack */
    bool is_signed;
    bool has_slack; /* up to three bytes behind each row may be read */
    int32_t zero;   /* as it stands in A's type */
} q8_left;

typedef struct q8_problem {
    q8_left left;
    const int8_t *right;         /* packed by q8_pack */
    const int32_t *start;        /* sums begin with it: see q8_start; whole panels */
    const int32_t *column_zeros; /* b's zero points, as b'; whole panels; NULL: all 0 */
    const float *scale;          /* 8-bit and float outputs: one a column, whole panels */
    const float *bias;           /* float outputs: one a column, whole panels, or NULL */
    const float *residual;       /* float outputs, or NULL */
    int64_t residual_stride;
    void *out;
    int64_t out_stride; /* elements */
} q8_problem;

typedef struct q8_shape {
    int64_t m, n, taps, inner;
    dtype out;                    /* DTYPE_I32, DTYPE_U8, DTYPE_I8 or DTYPE_F32 */
    int32_t zero;                 /* of 8-bit outputs */
    kernel_activation activation; /* of float outputs */
    float alpha, beta;
    bool vnni;
} q8_shape;

INLINE int64_t q8_panels(int64_t n) {
    return (n + Q8_NR - 1) / Q8_NR;
}
/* Columns in whole panels: what vectors of columns must hold. */
INLINE size_t q8_columns(int64_t n) {
    return (size_t)q8_panels(n) * Q8_NR;
}
/* Groups of four along the depth: every tap starts a new one. */
INLINE int64_t q8_groups(int64_t taps, int64_t inner) {
    return taps * ((inner + 3) / 4);
}
INLINE size_t q8_packed_bytes(int64_t n, int64_t taps, int64_t inner) {
    return q8_columns(n) * (size_t)q8_groups(taps, inner) * 4;
}

/* Where element (tap, c, column) of an unpacked right side lies. */
typedef struct q8_source {
    const uint8_t *base;
    int64_t column_stride, inner_stride, tap_stride;
    bool is_signed;
    bool vnni; /* as the shape's: what it is packed for */
} q8_source;

#define q8_pack            ISA_NAME(q8_pack)
#define q8_taps            ISA_NAME(q8_taps)
#define q8_inside_line     ISA_NAME(q8_inside_line)
#define q8_pack_panel      ISA_NAME(q8_pack_panel)
#define q8_start           ISA_NAME(q8_start)
#define q8_run             ISA_NAME(q8_run)
#define q8_workspace_bytes ISA_NAME(q8_workspace_bytes)

/* Packs B and writes the column sums of b', whole panels of them. */
void q8_pack(const q8_source *source, int64_t n, int64_t taps, int64_t inner, int8_t *out, int32_t *sums,
             thread_pool *pool);
void q8_pack_panel(const q8_source *source, int64_t n, int64_t taps, int64_t inner, int64_t panel,
                   int8_t *out, int32_t *sums);

/* The pixels that the taps of output pixel `row` meet: table[tap * step]; whether all lie inside. */
bool q8_taps(const q8_left *left, int64_t taps, int64_t row, int64_t step, const uint8_t **table);

/* The pixels of an output line that have no tap beside the input's line: from *first to before *end. */
void q8_inside_line(const gemm_window *w, int64_t *first, int64_t *end);

/* start[j] = bias[j] - za' sums[j], whole panels. bias (n elements) may be NULL. */
void q8_start(const q8_left *left, int64_t n, const int32_t *bias, const int32_t *sums, int32_t *start);

/* A's zero point as a'. */
INLINE int32_t q8_unsigned_zero(const q8_left *left) {
    return left->is_signed ? left->zero + 128 : left->zero;
}

/* out[j] = factor[j] * by for whole panels. */
INLINE void q8_scale(int64_t n, const float *factor, float by, float *out) {
    for (size_t j = 0; j < q8_columns(n); j += VW) {
        v_store(out + j, v_load(factor + j) * by);
    }
}

/* ---- operands of quantised operators ------------------------------------------------------------------------------ */

enum { Q8_ABSENT = 255 }; /* an operand that an operator does not have */

INLINE const kernel_value *q8_operand(const kernel_call *c, uint8_t index) {
    return index != Q8_ABSENT && kernel_has(c, index) ? c->inputs[index] : NULL;
}
/* One element of that type, or none at all. */
INLINE bool q8_is_one(const kernel_value *v, dtype type) {
    return v == NULL || (v->type == type && value_elements(v) == 1);
}
/* One element, or one a column (or filter). */
INLINE bool q8_is_vector(const kernel_value *v, dtype type, int64_t n) {
    return q8_is_one(v, type) || (v->type == type && value_elements(v) == n && v->shape.rank > 0 &&
                                  v->shape.dims[v->shape.rank - 1] == n);
}
INLINE bool q8_is_constant(const kernel_value *v) {
    return v == NULL || v->constant;
}
INLINE float q8_float(const kernel_value *v, float fallback) {
    return v == NULL ? fallback : *(const float *)v->data;
}
INLINE int32_t q8_zero(const kernel_value *v) {
    return v == NULL ? 0 : v->type == DTYPE_I8 ? *(const int8_t *)v->data : *(const uint8_t *)v->data;
}

#define q8_column_zeros ISA_NAME(q8_column_zeros)
/* out[j] = zero points as b', one a column or one for all (NULL: 0), elements first…first+n of them; returns whether any is
 * not 0. */
bool q8_column_zeros(const kernel_value *zeros, bool is_signed, int64_t first, int64_t n, int32_t *out);

/* Runs `count` problems of one shape, split over the pool. workspace: q8_workspace_bytes(). */
size_t q8_workspace_bytes(const q8_shape *s, int threads);
void q8_run(const q8_shape *s, const q8_problem *problems, size_t count, thread_pool *pool, void *workspace);

#endif
