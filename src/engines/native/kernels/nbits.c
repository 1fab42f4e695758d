/* com.microsoft MatMulNBits: A in float times weights of 2, 4 or 8 bits, which have a scale (and a zero point) for each block of the
 * depth. The weights stay as narrow as they are; a strip of columns is streamed through the registers once for two rows of A, so that
 * one row (decode) costs the memory's time and many (prompt) the multiplier's.
 *
 *   y = sum over blocks: scale · (sum a (q - middle)) - scale · (zero - middle) · sum a,   middle = half of the range */
#include <string.h>

#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"
#include "engines/native/kernels/q8_dot.h"

enum { STRIP_VECTORS = 4, STRIP = STRIP_VECTORS * VW, MOST_ROWS = 2 };
enum { A, B, SCALES, ZEROS, INDEX, BIAS };

typedef struct nbits_state {
    int64_t m, n, k, bits, block, blocks, strips;
    int64_t words;    /* of 32 bits, of one column along the depth */
    int64_t padded;   /* elements of a row of A that the words reach */
    uint32_t *packed; /* [strip][word][STRIP] */
    float *scale;     /* [strip][block][STRIP] */
    float *shift;     /* the same: what the sum of a block of A is multiplied with; NULL: no zero points */
    float *bias;      /* [strip][STRIP] or NULL */
    size_t sums_at;   /* in the workspace, behind the padded rows: [row][block] */
} nbits_state;

/* ---- preparing ------------------------------------------------------------------------------------------------------ */

static bool is_constant_f32(const kernel_call *c, size_t input) {
    return !kernel_has(c, input) || (c->inputs[input]->type == DTYPE_F32 && c->inputs[input]->constant);
}

static bool accepts(const kernel_call *c) {
    return kernel_is_f32(c->inputs[A]) && c->inputs[B]->constant && is_constant_f32(c, SCALES) &&
           (!kernel_has(c, ZEROS) || (c->inputs[ZEROS]->constant && (c->inputs[ZEROS]->type == DTYPE_U8 ||
                                                                     c->inputs[ZEROS]->type == DTYPE_F32))) &&
           !kernel_has(c, INDEX) && is_constant_f32(c, BIAS);
}

/* Field i of packed fields, low bits first. */
INLINE int32_t field(const uint8_t *bytes, int64_t bits, int64_t i) {
    int64_t at = i * bits;
    return bytes[at / 8] >> (at % 8) & ((1 << bits) - 1);
}

static float zero_of(const kernel_call *c, const nbits_state *s, int64_t column, int64_t block) {
    if (!kernel_has(c, ZEROS)) {
        return (float)(1 << (s->bits - 1));
    }
    const kernel_value *zeros = c->inputs[ZEROS];
    if (zeros->type == DTYPE_F32) {
        return ((const float *)zeros->data)[column * s->blocks + block];
    }
    const int64_t row_bytes = (s->blocks * s->bits + 7) / 8;
    return (float)field((const uint8_t *)zeros->data + column * row_bytes, s->bits, block);
}

/* The words of one column: little-endian bytes of the source, whose first field is in the lowest bits. */
static void pack_column(const kernel_call *c, nbits_state *s, int64_t column) {
    const float *scale = c->epilogue.scale;
    const int64_t row_bytes = s->blocks * s->block * s->bits / 8, lane = column % STRIP;
    const uint8_t *from = (const uint8_t *)c->inputs[B]->data + column * row_bytes;
    uint32_t *to = s->packed + column / STRIP * s->words * STRIP + lane;
    for (int64_t w = 0; w < s->words; w++) {
        to[w * STRIP] = (uint32_t)from[4 * w] | (uint32_t)from[4 * w + 1] << 8 |
                        (uint32_t)from[4 * w + 2] << 16 | (uint32_t)from[4 * w + 3] << 24;
    }
    for (int64_t block = 0; block < s->blocks; block++) {
        const int64_t at = (column / STRIP * s->blocks + block) * STRIP + lane;
        s->scale[at] = ((const float *)c->inputs[SCALES]->data)[column * s->blocks + block] *
                       (scale == NULL ? 1.0f : scale[column]);
        if (s->shift != NULL) {
            s->shift[at] = s->scale[at] * ((float)(1 << (s->bits - 1)) - zero_of(c, s, column, block));
        }
    }
    if (s->bias != NULL) {
        float bias = kernel_has(c, BIAS) ? ((const float *)c->inputs[BIAS]->data)[column] : 0.0f;
        s->bias[column] = bias * (scale == NULL ? 1.0f : scale[column]) +
                          (c->epilogue.shift == NULL ? 0.0f : c->epilogue.shift[column]);
    }
}

static void pack_task(void *context, size_t begin, size_t end, int worker) {
    kernel_call *c = context;
    nbits_state *s = c->state;
    (void)worker;
    for (int64_t column = (int64_t)begin * STRIP; column < (int64_t)end * STRIP && column < s->n; column++) {
        pack_column(c, s, column);
    }
}

static accel_status prepare(kernel_call *c) {
    nbits_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    s->k = kernel_attr_int(c, "K", 0);
    s->n = kernel_attr_int(c, "N", 0);
    s->m = value_elements(c->inputs[A]) / s->k;
    s->bits = kernel_attr_int(c, "bits", 4);
    s->block = kernel_attr_int(c, "block_size", 0);
    s->blocks = (s->k + s->block - 1) / s->block;
    s->words = (s->k * s->bits + 31) / 32;
    s->padded = s->words * 32 / s->bits;
    s->strips = (s->n + STRIP - 1) / STRIP;
    const size_t weights = (size_t)(s->strips * s->words * STRIP) * 4,
                 scales = (size_t)(s->strips * s->blocks * STRIP) * 4;
    const bool has_bias = kernel_has(c, BIAS) || c->epilogue.shift != NULL, has_zeros = kernel_has(c, ZEROS);
    s->packed = kernel_packed(c, weights);
    s->scale = kernel_packed(c, scales);
    s->shift = has_zeros ? kernel_packed(c, scales) : NULL;
    s->bias = has_bias ? kernel_state(c, (size_t)(s->strips * STRIP) * sizeof(float)) : NULL;
    if (s->packed == NULL || s->scale == NULL || (has_zeros && s->shift == NULL) ||
        (has_bias && s->bias == NULL)) {
        return kernel_no_memory(c, weights);
    }
    if (s->strips > 0) { /* columns that are not there, in the last one */
        memset(s->packed + (s->strips - 1) * s->words * STRIP, 0, (size_t)(s->words * STRIP) * 4);
        memset(s->scale + (s->strips - 1) * s->blocks * STRIP, 0, (size_t)(s->blocks * STRIP) * 4);
    }
    if (s->strips > 0 && has_zeros) {
        memset(s->shift + (s->strips - 1) * s->blocks * STRIP, 0, (size_t)(s->blocks * STRIP) * 4);
    }
    c->state = s;
    thread_pool_for(c->pool, (size_t)s->strips, 1, pack_task, c);
    c->packed_inputs |=
        1u << B | 1u << SCALES | (has_zeros ? 1u << ZEROS : 0u) | (kernel_has(c, BIAS) ? 1u << BIAS : 0u);
    s->sums_at = s->padded == s->k ? 0 : (size_t)(s->m * s->padded) * sizeof(float);
    c->workspace_bytes = s->sums_at + (has_zeros ? (size_t)(s->m * s->blocks) * sizeof(float) : 0);
    c->variant = s->bits == 4 ? "4-bit weights" : s->bits == 8 ? "8-bit weights" : "2-bit weights";
    return ACCEL_OK;
}

/* ---- one strip of columns ---------------------------------------------------------------------------------------------- */

/* Field i of each word, less the middle of its range. The mantissa's low bits of 2^23 count ones. */
INLINE vf decode(vu words, const int bits, const int i) {
#if defined(__AVX512F__)
    if (bits == 4) { /* an index uses its low four bits only */
        const __m512 values = _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
        return (vf)_mm512_permutexvar_ps((__m512i)(words >> (4 * i)), values);
    }
#endif
    vu fields = (words >> (bits * i)) & ((1u << bits) - 1u);
    return (vf)(fields | 0x4B000000u) - (8388608.0f + (float)(1 << (bits - 1)));
}

typedef struct strip_job {
    const nbits_state *state;
    const float *a, *sums; /* of the rows */
    int64_t strip;
    float *out; /* [row][STRIP] */
} strip_job;

/* bits and rows are constants where this is inlined. */
INLINE void strip_body(const int bits, const int rows, const strip_job *job) {
    const nbits_state *s = job->state;
    const uint32_t *words = s->packed + job->strip * s->words * STRIP;
    const int64_t words_a_block = s->block * bits / 32;
    const float *a = job->a;
    vf total[MOST_ROWS][STRIP_VECTORS];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
            total[r][v] = s->bias == NULL ? (vf){0} : v_load(s->bias + job->strip * STRIP + v * VW);
        }
    }
    for (int64_t block = 0; block < s->blocks; block++) {
        const int64_t first = block * words_a_block;
        const int64_t last = first + words_a_block < s->words ? first + words_a_block : s->words;
        vf sum[MOST_ROWS][STRIP_VECTORS];
        UNROLL for (int r = 0; r < rows; r++) {
            UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
                sum[r][v] = (vf){0};
            }
        }
        for (int64_t w = first; w < last; w++) {
            vu word[STRIP_VECTORS];
            UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
                word[v] = (vu)vi_load(words + w * STRIP + v * VW);
            }
            UNROLL for (int i = 0; i < 32 / bits; i++) {
                vf weight[STRIP_VECTORS];
                UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
                    weight[v] = decode(word[v], bits, i);
                }
                UNROLL for (int r = 0; r < rows; r++) {
                    const float x = a[r * s->padded + w * (32 / bits) + i];
                    UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
                        sum[r][v] += x * weight[v];
                    }
                }
            }
        }
        const float *scale = s->scale + (job->strip * s->blocks + block) * STRIP;
        UNROLL for (int r = 0; r < rows; r++) {
            UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
                total[r][v] += sum[r][v] * v_load(scale + v * VW);
                if (s->shift != NULL) {
                    const float *shift = s->shift + (job->strip * s->blocks + block) * STRIP;
                    total[r][v] += job->sums[r * s->blocks + block] * v_load(shift + v * VW);
                }
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
            v_store(job->out + r * STRIP + v * VW, total[r][v]);
        }
    }
}

#define STRIPS(bits)                                                                                         \
    static __attribute__((noinline)) void strip_##bits##_1(const strip_job *job) {                           \
        strip_body(bits, 1, job);                                                                            \
    }                                                                                                        \
    static __attribute__((noinline)) void strip_##bits##_2(const strip_job *job) {                           \
        strip_body(bits, 2, job);                                                                            \
    }
STRIPS(2)
STRIPS(4)
STRIPS(8)

static void run_strip(int64_t bits, int64_t rows, const strip_job *job) {
    switch (bits) {
    case 2:
        (rows == 1 ? strip_2_1 : strip_2_2)(job);
        break;
    case 4:
        (rows == 1 ? strip_4_1 : strip_4_2)(job);
        break;
    default:
        (rows == 1 ? strip_8_1 : strip_8_2)(job);
    }
}

/* ---- running --------------------------------------------------------------------------------------------------------- */

static const float *rows_of(const kernel_call *c, const nbits_state *s) {
    return s->padded == s->k ? c->inputs[A]->data : c->workspace;
}

/* Rows that end within a word go on with zeros; the sums of their blocks. */
static void rows_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const nbits_state *s = c->state;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const float *row = (const float *)c->inputs[A]->data + (int64_t)i * s->k;
        if (s->padded != s->k) {
            float *copy = (float *)c->workspace + (int64_t)i * s->padded;
            memcpy(copy, row, (size_t)s->k * sizeof(float));
            memset(copy + s->k, 0, (size_t)(s->padded - s->k) * sizeof(float));
        }
        for (int64_t block = 0; s->shift != NULL && block < s->blocks; block++) {
            const int64_t first = block * s->block, last = first + s->block < s->k ? first + s->block : s->k;
            vf sum = {0};
            for (int64_t k = first; k < last; k += VW) {
                sum += v_load_some(row + k, last - k);
            }
            ((float *)(void *)((char *)c->workspace + s->sums_at))[(int64_t)i * s->blocks + block] =
                v_sum(sum);
        }
    }
}

static void store_rows(const kernel_call *c, const nbits_state *s, int64_t row, int64_t rows, int64_t strip,
                       const float *from) {
    const kernel_epilogue *e = &c->epilogue;
    const int64_t column = strip * STRIP, count = s->n - column < STRIP ? s->n - column : STRIP;
    for (int64_t r = 0; r < rows; r++) {
        float *out = (float *)c->outputs[0]->data + (row + r) * s->n + column;
        const float *residual =
            e->residual == NULL ? NULL : (const float *)e->residual->data + (row + r) * s->n + column;
        for (int64_t j = 0; j < count; j++) {
            out[j] = from[r * STRIP + j] + (residual == NULL ? 0.0f : residual[j]);
        }
        if (e->activation != ACT_NONE) {
            unary_apply(e->activation, e->alpha, e->beta, out, out, (size_t)count);
        }
    }
}

static void strip_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const nbits_state *s = c->state;
    float out[MOST_ROWS * STRIP];
    (void)worker;
    for (int64_t strip = (int64_t)begin; strip < (int64_t)end; strip++) {
        for (int64_t row = 0; row < s->m; row += MOST_ROWS) {
            const int64_t rows = s->m - row < MOST_ROWS ? s->m - row : MOST_ROWS;
            strip_job job = {s, rows_of(c, s) + row * s->padded,
                             (const float *)(const void *)((const char *)c->workspace + s->sums_at) +
                                 row * s->blocks,
                             strip, out};
            run_strip(s->bits, rows, &job);
            store_rows(c, s, row, rows, strip, out);
        }
    }
}

static accel_status run(kernel_call *c) {
    const nbits_state *s = c->state;
    const int64_t work = s->m * s->n * s->k / 8;
    if (s->padded != s->k || s->shift != NULL) {
        thread_pool_for(pool_for(c, s->m * s->k), (size_t)s->m, grain_for((size_t)s->m, s->m * s->k),
                        rows_task, c);
    }
    thread_pool_for(pool_for(c, work), (size_t)s->strips, grain_for((size_t)s->strips, work), strip_task, c);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"com.microsoft", "MatMulNBits", KERNEL_EPILOGUE, accepts, prepare, run},
};
KERNEL_FAMILY(nbits, kernels);
