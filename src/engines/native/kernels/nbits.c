/* com.microsoft MatMulNBits: A in float times weights of 2, 4 or 8 bits, which have a scale (and a zero point) for each block of the
 * depth. The weights stay as narrow as they are; a strip of columns is streamed through the registers once for two rows of A, so that
 * one row (decode) costs the memory's time and many (prompt) the multiplier's.
 *
 *   y = sum over blocks: scale · (sum a (q - middle)) - scale · (zero - middle) · sum a,   middle = half of the range
 *
 * Many rows of floats are worth unpacking the weights for: a part of the columns at a time goes through the packed GEMM.
 *
 * Where the model allows it (accuracy_level 4) and the CPU has VNNI, A is rounded to 8 bits, with a scale for each block, and the
 * sums of a block are of integers. */
#include <string.h>

#include "engines/native/kernels/gemm.h"
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
    bool integers;    /* A is rounded to 8 bits */
    /* The workspace: rows of A where they are not read as they lie; then [row][block] the sums of blocks; and for integers the
     * scales of blocks and what their sums begin with. */
    size_t row_bytes, sums_at, scales_at, starts_at;
    /* Many rows: so many strips are unpacked at a time, 0: none; where in the workspace, and the GEMM's own. */
    int64_t strips_at_once;
    size_t unpacked_at, tables_at;
    gemm_shape product;
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

static void place_rows(kernel_call *c, nbits_state *s) {
#ifdef Q8_HAVE_VNNI
    enum { AS_IT_COMES = 0, INT8 = 4 };
    s->integers =
        kernel_attr_int(c, "accuracy_level", AS_IT_COMES) == INT8 && (c->extensions & CPU_VNNI) != 0;
#endif
    const size_t blocks = (size_t)(s->m * s->blocks) * sizeof(float), per_vector = 16;
    s->row_bytes = s->integers         ? ((size_t)s->padded + per_vector - 1) / per_vector * per_vector
                   : s->padded == s->k ? 0
                                       : (size_t)s->padded * sizeof(float);
    s->sums_at = ((size_t)s->m * s->row_bytes + 63) / 64 * 64;
    s->scales_at = s->sums_at + blocks;
    s->starts_at = s->scales_at + blocks;
    c->workspace_bytes = s->starts_at + blocks;
}

/* From so many rows on, the GEMM's better tiles pay for unpacking. */
enum { MANY_ROWS = 16, UNPACKED_FLOATS = 1024 * 1024 };

static void place_unpacked(kernel_call *c, nbits_state *s) {
    if (s->integers || s->m < MANY_ROWS) {
        return;
    }
    const int64_t most = UNPACKED_FLOATS / (s->k * STRIP);
    s->strips_at_once = most < 1 ? 1 : most < s->strips ? most : s->strips;
    s->product = (gemm_shape){.m = s->m,
                              .n = s->strips_at_once * STRIP,
                              .taps = 1,
                              .inner = s->k,
                              .activation = c->epilogue.activation,
                              .alpha = c->epilogue.alpha,
                              .beta = c->epilogue.beta};
    s->unpacked_at = (c->workspace_bytes + 63) / 64 * 64;
    s->tables_at = s->unpacked_at + (size_t)(s->product.n * s->k) * sizeof(float);
    c->workspace_bytes = s->tables_at + gemm_workspace_bytes(&s->product, c->threads);
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
    place_rows(c, s);
    place_unpacked(c, s);
    c->variant = s->integers    ? "narrow weights, int8 vnni"
                 : s->bits == 4 ? "4-bit weights"
                 : s->bits == 8 ? "8-bit weights"
                                : "2-bit weights";
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
    const uint8_t *bytes;  /* of the rows as integers */
    const float *scales;
    const int32_t *starts;
    int64_t strip;
    float *out; /* [row][STRIP] */
} strip_job;

/* Every row begins with the bias. */
INLINE void start_totals(const strip_job *job, const int rows, vf total[][STRIP_VECTORS]) {
    const float *bias = job->state->bias;
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
            total[r][v] = bias == NULL ? (vf){0} : v_load(bias + job->strip * STRIP + v * VW);
        }
    }
}

/* bits and rows are constants where this is inlined. */
INLINE void strip_body(const int bits, const int rows, const strip_job *job) {
    const nbits_state *s = job->state;
    const uint32_t *words = s->packed + job->strip * s->words * STRIP;
    const int64_t words_a_block = s->block * bits / 32;
    const float *a = job->a;
    vf total[MOST_ROWS][STRIP_VECTORS];
    start_totals(job, rows, total);
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

#ifdef Q8_HAVE_VNNI
/* The same of integers: part j of a word's bytes holds its fields j, j + parts, j + 2 parts, j + 3 parts. */
Q8_VNNI INLINE void integer_body(const int bits, const int rows, const strip_job *job) {
    enum { MOST_PARTS = 4 };
    const nbits_state *s = job->state;
    const uint32_t *words = s->packed + job->strip * s->words * STRIP;
    const int64_t words_a_block = s->block * bits / 32;
    const int parts = 8 / bits;
    const uint32_t mask = bits == 8 ? 0xffffffffu : bits == 4 ? 0x0f0f0f0fu : 0x03030303u;
    vf total[MOST_ROWS][STRIP_VECTORS];
    start_totals(job, rows, total);
    for (int64_t block = 0; block < s->blocks; block++) {
        const int64_t first = block * words_a_block;
        const int64_t last = first + words_a_block < s->words ? first + words_a_block : s->words;
        vi sum[MOST_ROWS][STRIP_VECTORS];
        UNROLL for (int r = 0; r < rows; r++) {
            UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
                sum[r][v] = v_splat_int(job->starts[r * s->blocks + block]);
            }
        }
        for (int64_t w = first; w < last; w++) {
            UNROLL for (int j = 0; j < parts; j++) {
                vu bytes[STRIP_VECTORS];
                UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
                    bytes[v] = ((vu)vi_load(words + w * STRIP + v * VW) >> (bits * j)) & mask;
                }
                UNROLL for (int r = 0; r < rows; r++) {
                    int32_t four;
                    __builtin_memcpy(&four, job->bytes + (size_t)r * s->row_bytes + (w * parts + j) * 4, 4);
                    UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
                        sum[r][v] = (vi)_mm512_dpbusd_epi32((__m512i)sum[r][v], (__m512i)bytes[v],
                                                            (__m512i)v_splat_int(four));
                    }
                }
            }
        }
        const int64_t at = (job->strip * s->blocks + block) * STRIP;
        UNROLL for (int r = 0; r < rows; r++) {
            const float scale = job->scales[r * s->blocks + block], whole = job->sums[r * s->blocks + block];
            UNROLL for (int v = 0; v < STRIP_VECTORS; v++) {
                total[r][v] +=
                    __builtin_convertvector(sum[r][v], vf) * (scale * v_load(s->scale + at + v * VW));
                if (s->shift != NULL) {
                    total[r][v] += whole * v_load(s->shift + at + v * VW);
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

#define INTEGER_STRIPS(bits)                                                                                 \
    Q8_VNNI static __attribute__((noinline)) void integer_strip_##bits##_1(const strip_job *job) {           \
        integer_body(bits, 1, job);                                                                          \
    }                                                                                                        \
    Q8_VNNI static __attribute__((noinline)) void integer_strip_##bits##_2(const strip_job *job) {           \
        integer_body(bits, 2, job);                                                                          \
    }
INTEGER_STRIPS(2)
INTEGER_STRIPS(4)
INTEGER_STRIPS(8)
#endif

typedef void (*strip_function)(const strip_job *);

static strip_function function_for(const nbits_state *s, int64_t rows) {
    static const strip_function floats[3][MOST_ROWS] = {
        {strip_2_1, strip_2_2}, {strip_4_1, strip_4_2}, {strip_8_1, strip_8_2}};
    const int64_t width = s->bits / 4; /* 2, 4, 8 bits: 0, 1, 2 */
#ifdef Q8_HAVE_VNNI
    static const strip_function integers[3][MOST_ROWS] = {{integer_strip_2_1, integer_strip_2_2},
                                                          {integer_strip_4_1, integer_strip_4_2},
                                                          {integer_strip_8_1, integer_strip_8_2}};
    if (s->integers) {
        return integers[width][rows - 1];
    }
#endif
    return floats[width][rows - 1];
}

/* ---- running --------------------------------------------------------------------------------------------------------- */

INLINE float *floats_at(const kernel_call *c, size_t offset) {
    return (float *)(void *)((char *)c->workspace + offset);
}

#ifdef Q8_HAVE_VNNI
typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* Sixteen integers in the order of parts. */
INLINE bytes16 in_parts(bytes16 x, int64_t bits) {
    return bits == 8   ? x
           : bits == 4 ? __builtin_shufflevector(x, x, 0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15)
                       : __builtin_shufflevector(x, x, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}

/* One block of one row, rounded so that the largest magnitude becomes 127. A block with a NaN has the scale NaN. */
static void round_block(const kernel_call *c, const nbits_state *s, int64_t row, int64_t block) {
    const int64_t first = block * s->block, last = first + s->block < s->k ? first + s->block : s->k;
    const float *from = (const float *)c->inputs[A]->data + row * s->k;
    uint8_t *to = (uint8_t *)c->workspace + (size_t)row * s->row_bytes;
    vf most = {0};
    vi nan = {0}, total = {0};
    for (int64_t k = first; k < last; k += VW) {
        vf x = v_load_some(from + k, last - k);
        most = q8_max((vf)((vi)x & 0x7fffffff), most);
        nan |= x != x;
    }
    const float largest = v_max_lane(most);
    const float by = largest > 0.0f ? 127.0f / largest : 0.0f;
    for (int64_t k = first; k < last; k += VW) {
        vi rounded = v_steps(v_load_some(from + k, last - k) * by, (vi){0}, true);
        bytes16 bytes;
        v_narrow((uint8_t *)&bytes, rounded, VW);
        bytes = in_parts(bytes, s->bits);
        memcpy(to + k, &bytes, sizeof bytes);
        total += rounded;
    }
    int32_t sum = 0;
    bool any_nan = false;
    for (int lane = 0; lane < VW; lane++) {
        sum += total[lane];
        any_nan = any_nan || nan[lane] != 0;
    }
    const int64_t at = row * s->blocks + block;
    const float scale = any_nan ? NAN : largest / 127.0f;
    floats_at(c, s->scales_at)[at] = scale;
    floats_at(c, s->sums_at)[at] = scale * (float)sum;
    ((int32_t *)(void *)floats_at(c, s->starts_at))[at] = -sum * (1 << (s->bits - 1));
}
#endif

static void sum_block(const kernel_call *c, const nbits_state *s, int64_t row, int64_t block) {
    const int64_t first = block * s->block, last = first + s->block < s->k ? first + s->block : s->k;
    const float *from = (const float *)c->inputs[A]->data + row * s->k;
    vf sum = {0};
    for (int64_t k = first; k < last; k += VW) {
        sum += v_load_some(from + k, last - k);
    }
    floats_at(c, s->sums_at)[row * s->blocks + block] = v_sum(sum);
}

/* Rows that end within a word go on with zeros. */
static void copy_row(const kernel_call *c, const nbits_state *s, int64_t row) {
    float *copy = floats_at(c, (size_t)row * s->row_bytes);
    memcpy(copy, (const float *)c->inputs[A]->data + row * s->k, (size_t)s->k * sizeof(float));
    memset(copy + s->k, 0, (size_t)(s->padded - s->k) * sizeof(float));
}

static void rows_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const nbits_state *s = c->state;
    (void)worker;
    for (int64_t row = (int64_t)begin; row < (int64_t)end; row++) {
        if (!s->integers && s->row_bytes > 0) {
            copy_row(c, s, row);
        }
        for (int64_t block = 0; block < s->blocks; block++) {
#ifdef Q8_HAVE_VNNI
            if (s->integers) {
                round_block(c, s, row, block);
                continue;
            }
#endif
            if (s->shift != NULL) {
                sum_block(c, s, row, block);
            }
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
            strip_job job = {.state = s,
                             .a = s->row_bytes == 0 ? (const float *)c->inputs[A]->data + row * s->k
                                                    : floats_at(c, (size_t)row * s->row_bytes),
                             .sums = floats_at(c, s->sums_at) + row * s->blocks,
                             .bytes = (const uint8_t *)c->workspace + (size_t)row * s->row_bytes,
                             .scales = floats_at(c, s->scales_at) + row * s->blocks,
                             .starts =
                                 (const int32_t *)(const void *)floats_at(c, s->starts_at) + row * s->blocks,
                             .strip = strip,
                             .out = out};
            function_for(s, rows)(&job);
            store_rows(c, s, row, rows, strip, out);
        }
    }
}

/* ---- many rows ------------------------------------------------------------------------------------------------------- */

typedef struct unpack_job {
    const kernel_call *call;
    int64_t strip; /* the first; `out` has the panels of the GEMM from there on */
    float *out;
} unpack_job;

/* bits is a constant where this is inlined. */
INLINE void unpack_strip(const int bits, const nbits_state *s, int64_t strip, float *out) {
    enum { PANELS = STRIP / GEMM_NR };
    const int64_t words_a_block = s->block * bits / 32;
    float *panels[PANELS];
    int vectors[PANELS];
    for (int p = 0; p < PANELS; p++) {
        const int64_t panel = strip * PANELS + p;
        panels[p] = out + gemm_panel_offset(p, s->k);
        vectors[p] = panel * GEMM_NR < s->n ? gemm_panel_vectors(s->n, panel) : 0;
    }
    for (int64_t w = 0; w < s->words; w++) {
        const uint32_t *words = s->packed + (strip * s->words + w) * STRIP;
        const int64_t at = (strip * s->blocks + w / words_a_block) * STRIP;
        UNROLL for (int i = 0; i < 32 / bits; i++) {
            const int64_t k = w * (32 / bits) + i;
            for (int v = 0; v < STRIP_VECTORS && k < s->k; v++) {
                const int panel = v / 2;
                vf x = decode((vu)vi_load(words + v * VW), bits, i) * v_load(s->scale + at + v * VW);
                x += s->shift == NULL ? (vf){0} : v_load(s->shift + at + v * VW);
                if (v % 2 < vectors[panel]) {
                    v_store(panels[panel] + (k * vectors[panel] + v % 2) * VW, x);
                }
            }
        }
    }
}

static void unpack_task(void *context, size_t begin, size_t end, int worker) {
    const unpack_job *job = context;
    const nbits_state *s = job->call->state;
    (void)worker;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        float *out = job->out + gemm_panel_offset(i * (STRIP / GEMM_NR), s->k);
        switch (s->bits) {
        case 2:
            unpack_strip(2, s, job->strip + i, out);
            break;
        case 4:
            unpack_strip(4, s, job->strip + i, out);
            break;
        default:
            unpack_strip(8, s, job->strip + i, out);
        }
    }
}

static void run_many_rows(kernel_call *c, nbits_state *s) {
    const kernel_value *residual = c->epilogue.residual;
    for (int64_t strip = 0; strip < s->strips; strip += s->strips_at_once) {
        const int64_t count = s->strips - strip < s->strips_at_once ? s->strips - strip : s->strips_at_once;
        const int64_t column = strip * STRIP;
        unpack_job job = {c, strip, floats_at(c, s->unpacked_at)};
        thread_pool_for(pool_for(c, count * STRIP * s->k), (size_t)count, 1, unpack_task, &job);
        s->product.n = s->n - column < count * STRIP ? s->n - column : count * STRIP;
        gemm_problem problem = {.left = {.base = c->inputs[A]->data, .row_stride = s->k},
                                .right = job.out,
                                .bias = s->bias == NULL ? NULL : s->bias + column,
                                .residual = residual == NULL ? NULL : (const float *)residual->data + column,
                                .residual_stride = s->n,
                                .out = (float *)c->outputs[0]->data + column,
                                .out_stride = s->n};
        gemm_run(&s->product, &problem, 1, c->pool, (char *)c->workspace + s->tables_at);
    }
}

static accel_status run(kernel_call *c) {
    nbits_state *s = c->state;
    if (s->strips_at_once > 0) {
        run_many_rows(c, s);
        return ACCEL_OK;
    }
    const int64_t work = s->m * s->n * s->k / 8;
    if (s->integers || s->row_bytes > 0 || s->shift != NULL) {
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
