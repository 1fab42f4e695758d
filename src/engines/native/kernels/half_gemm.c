/* Products with sides of 16 bits. See half_gemm.h. */
#include "engines/native/kernels/half_gemm.h"

#include <string.h>

#include "engines/native/kernels/gemm_tile.h"
#include "engines/native/kernels/half.h"
#include "engines/native/kernels/kernels.h"

INLINE vf h_widen(gemm_form form, vh x) {
    return form == GEMM_RIGHT_F16 ? f16_widen(x) : bf16_widen(x);
}

/* ---- packing ------------------------------------------------------------------------------------------------------ */

/* Floats that are packed before they are rounded: they stay in the first-level cache. */
enum { ROUND_FLOATS = 8192 };

/* Two rows of a panel, or one and zeros, as a row of words. */
static void round_pair(const float *first, const float *second, int64_t width, uint32_t *out) {
    for (int64_t at = 0; at < width; at += VW) {
        vu high = second == NULL ? (vu){0} : bf16_bits(v_load(second + at)) << 16;
        v_store((float *)(void *)(out + at), (vf)(bf16_bits(v_load(first + at)) | high));
    }
}

static void round_pairs(const float *from, int64_t inner, int64_t width, uint32_t *out) {
    for (int64_t c = 0; c < inner; c += 2, out += width) {
        round_pair(from + c * width, c + 1 < inner ? from + (c + 1) * width : NULL, width, out);
    }
}

static void round_run(gemm_form form, const float *from, int64_t count, uint16_t *out) {
    for (int64_t i = 0; i < count; i += VW) {
        vf x = v_load(from + i);
        h_store(out + i, form == GEMM_RIGHT_F16 ? f16_round(x) : bf16_round(x));
    }
}

typedef struct half_panel {
    gemm_form form;
    gemm_source source; /* of the panel's first column */
    int64_t taps, inner, columns, width;
    void *out;
} half_panel;

/* `count` inner elements of a piece of 16 bits as floats in `out`, and where they lie there. */
static gemm_source widen_piece(const half_panel *p, int64_t first, int64_t count, float *out) {
    const gemm_source *s = &p->source;
    const bool runs_along_depth = s->inner_stride == 1;
    const int64_t lines = runs_along_depth ? p->columns : count,
                  length = runs_along_depth ? count : p->columns;
    const int64_t stride = runs_along_depth ? s->column_stride : s->inner_stride;
    const uint16_t *from = s->halves + first * s->inner_stride;
    for (int64_t line = 0; line < lines; line++) {
        half_widen(s->form, from + line * stride, out + line * length, length);
    }
    return (gemm_source){.base = out,
                         .column_stride = runs_along_depth ? length : 1,
                         .inner_stride = runs_along_depth ? 1 : length,
                         .scale = s->scale};
}

/* `count` inner elements of some taps: packed as floats, then rounded to their place. */
static void pack_piece(const half_panel *p, int64_t tap, int64_t taps, int64_t first, int64_t count) {
    float packed[ROUND_FLOATS] __attribute__((aligned(64)));
    float wide[ROUND_FLOATS] __attribute__((aligned(64)));
    gemm_source source = p->source;
    if (source.halves != NULL) {
        source = widen_piece(p, first, count, wide);
    } else {
        source.base += tap * source.tap_stride + first * source.inner_stride;
    }
    if (p->form == GEMM_F32) { /* of 16 bits: one tap */
        gemm_pack_panel(&source, p->columns, 1, count, 0, (float *)p->out + first * p->width);
        return;
    }
    gemm_pack_panel(&source, p->columns, taps, count, 0, packed);
    for (int64_t t = 0; t < taps; t++) {
        const float *from = packed + t * count * p->width;
        if (p->form == GEMM_BF16_PAIRS) {
            int64_t row = (tap + t) * half_inner(p->form, p->inner) + first / 2;
            round_pairs(from, count, p->width, (uint32_t *)p->out + row * p->width);
        } else {
            int64_t row = (tap + t) * p->inner + first;
            round_run(p->form, from, count * p->width, (uint16_t *)p->out + row * p->width);
        }
    }
}

/* All taps of some inner elements where they fit, since they often lie next to each other; else tap by tap. Pieces are even, so that no
 * pair is split. */
static void pack_pieces(const half_panel *p) {
    int64_t taps = p->taps * 2 * p->width <= ROUND_FLOATS ? p->taps : 1;
    int64_t piece = taps > 0 ? ROUND_FLOATS / (taps * p->width) / 2 * 2 : 0;
    for (int64_t tap = 0; tap < p->taps; tap += taps) {
        for (int64_t first = 0; first < p->inner; first += piece) {
            pack_piece(p, tap, taps, first, p->inner - first < piece ? p->inner - first : piece);
        }
    }
}

void half_pack_panel(gemm_form form, const gemm_source *source, int64_t n, int64_t taps, int64_t inner,
                     int64_t panel, void *out) {
    const size_t offset = gemm_panel_offset(panel, taps * half_inner(form, inner));
    if (form == GEMM_F32 && source->halves == NULL) {
        gemm_pack_panel(source, n, taps, inner, panel, (float *)out + offset);
        return;
    }
    const int64_t first = panel * GEMM_NR, width = gemm_panel_vectors(n, panel) * VW;
    half_panel p = {.form = form,
                    .source = *source,
                    .taps = taps,
                    .inner = inner,
                    .columns = n - first < width ? n - first : width,
                    .width = width};
    if (source->halves != NULL) {
        p.source.halves += first * source->column_stride;
    } else {
        p.source.base += first * source->column_stride;
    }
    p.source.scale = source->scale == NULL ? NULL : source->scale + first;
    p.out = (char *)out + offset * half_bytes(form);
    pack_pieces(&p);
}

typedef struct pack_job {
    gemm_form form;
    const gemm_source *source;
    int64_t n, taps, inner;
    void *out;
} pack_job;

static void pack_task(void *context, size_t begin, size_t end, int worker) {
    const pack_job *j = context;
    (void)worker;
    for (size_t p = begin; p < end; p++) {
        half_pack_panel(j->form, j->source, j->n, j->taps, j->inner, (int64_t)p, j->out);
    }
}

void half_pack(gemm_form form, const gemm_source *source, int64_t n, int64_t taps, int64_t inner, void *out,
               thread_pool *pool) {
    pack_job job = {form, source, n, taps, inner, out};
    thread_pool_for(pool, (size_t)gemm_panels(n), 1, pack_task, &job);
}

bool half_is_exact(gemm_form form, const float *from, int64_t count) {
    for (int64_t i = 0; i < count; i += VW) {
        vf x = v_load_some(from + i, count - i);
        vf y = h_widen(form, form == GEMM_RIGHT_F16 ? f16_round(x) : bf16_round(x));
        if (memcmp(&x, &y, sizeof x) != 0) {
            return false;
        }
    }
    return true;
}

INLINE void widen_run(const gemm_form form, const uint16_t *from, float *to, int64_t count) {
    const int64_t whole = count - count % VW;
    for (int64_t i = 0; i < whole; i += VW) {
        v_store(to + i, h_widen(form, h_load(from + i)));
    }
    if (whole < count) {
        v_store_part(to + whole, h_widen(form, h_load_part(from + whole, count - whole)),
                     (size_t)(count - whole));
    }
}

void half_widen(gemm_form form, const uint16_t *from, float *to, int64_t count) {
    if (form == GEMM_RIGHT_F16) {
        widen_run(GEMM_RIGHT_F16, from, to, count);
    } else {
        widen_run(GEMM_RIGHT_BF16, from, to, count);
    }
}

/* ---- pairs --------------------------------------------------------------------------------------------------------- */

#if defined(__AVX512F__)
#define PAIRS __attribute__((target("avx512bf16")))

INLINE __m512i take_pair(const float *p) {
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm512_set1_epi32(word);
}
PAIRS INLINE vf add_pairs(vf sum, __m512i a, vf b) {
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}

#define TILE(name)    pair_##name
#define TILE_TARGET   PAIRS
#define TILE_LEFT     __m512i
#define TILE_TAKE     take_pair
#define TILE_MULTIPLY add_pairs
#include "engines/native/kernels/gemm_body.h"
#define TILE_ROWS  GEMM_MR
#define TILE_ARGS  gemm_tile_args
#define TILE_TABLE gemm_tiles
#include "engines/native/kernels/tiles.h"

const gemm_tiles *half_pair_tiles(void) {
    return &pair_tiles;
}

/* A run of floats, whose neighbours are pairs as they lie. */
PAIRS static void pair_run(const float *from, int64_t count, uint32_t *out) {
    int64_t i = 0;
    for (; i + 2 * VW <= count; i += 2 * VW) {
        __m512bh pairs = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + i + VW), _mm512_loadu_ps(from + i));
        memcpy(out + i / 2, &pairs, sizeof pairs);
    }
    if (i < count) {
        int64_t first = count - i < VW ? count - i : VW, second = count - i - first;
        vf low = v_load_some(from + i, first),
           high = second > 0 ? v_load_part(from + i + VW, (size_t)second) : (vf){0};
        __m512bh pairs = _mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
        memcpy(out + i / 2, &pairs, (size_t)((count - i + 1) / 2) * sizeof *out);
    }
}

typedef struct pairs_job {
    const half_rows *rows;
    uint32_t *out;
} pairs_job;

static void pairs_task(void *context, size_t begin, size_t end, int worker) {
    const pairs_job *j = context;
    const half_rows *r = j->rows;
    const int64_t words = half_inner(GEMM_BF16_PAIRS, r->inner);
    (void)worker;
    for (int64_t row = (int64_t)begin; row < (int64_t)end; row++) {
        for (int64_t run = 0; run < r->runs; run++) {
            pair_run(r->base + row * r->row_stride + run * r->inner, r->inner,
                     j->out + (row * r->runs + run) * words);
        }
    }
}

void half_pairs(const half_rows *r, void *out, thread_pool *pool) {
    pairs_job job = {r, out};
    const int64_t elements = r->rows * r->runs * r->inner;
    thread_pool_for(elements < 2 * PARALLEL_ELEMENTS ? NULL : pool, (size_t)r->rows,
                    grain_for((size_t)r->rows, elements), pairs_task, &job);
}
#else
const gemm_tiles *half_pair_tiles(void) {
    return NULL;
}
void half_pairs(const half_rows *r, void *out, thread_pool *pool) {
    (void)r, (void)out, (void)pool;
}
#endif
