/* The micro-kernel's calls, packing and the driver of the 8-bit GEMM. See q8_gemm.h. */
#include "engines/native/kernels/q8_gemm.h"

#include <string.h>

#include "engines/native/kernels/math.h"
#include "engines/native/kernels/product_tasks.h"

/* ---- micro-kernel ----------------------------------------------------------------------------------------------- */

typedef struct q8_tile_args {
    /* With VNNI: where rows lie, [segments][Q8_MR], and the bytes of a row in a segment. */
    const uint8_t *const *rows;
    int64_t segments, length;
    uint32_t flip; /* of four bytes of a row: to unsigned */
    /* Without: rows of that many words, widened. */
    const int32_t *wide;
    int64_t pairs;
    const int8_t *panel;
    int64_t panel_step; /* bytes to the next panel, where several are computed at once */
    const int32_t *start;
    int32_t *out;
    int64_t out_stride;
} q8_tile_args;

typedef void (*q8_tile_function)(const q8_tile_args *);
typedef struct q8_tiles {
    q8_tile_function tiles[Q8_MR][2]; /* rows, vectors */
    q8_tile_function one_row_four_panels, two_rows_two_panels;
} q8_tiles;

#include "engines/native/kernels/q8_exact.h"
#define TILE(name) exact_##name
#define TILE_TARGET
#define TILE_ROWS  Q8_MR
#define TILE_ARGS  q8_tile_args
#define TILE_TABLE q8_tiles
#include "engines/native/kernels/tiles.h"

#ifdef Q8_HAVE_VNNI
#include "engines/native/kernels/q8_vnni.h"
#define TILE(name)  vnni_##name
#define TILE_TARGET Q8_VNNI
#define TILE_ROWS   Q8_MR
#define TILE_ARGS   q8_tile_args
#define TILE_TABLE  q8_tiles
#include "engines/native/kernels/tiles.h"
#endif

static const q8_tiles *tiles_for(bool vnni) {
#ifdef Q8_HAVE_VNNI
    if (vnni) {
        return &vnni_tiles;
    }
#endif
    (void)vnni;
    return &exact_tiles;
}

/* ---- packing ---------------------------------------------------------------------------------------------------- */

/* Bytes before panel p: all before the last are full. */
INLINE int64_t panel_offset(int64_t panel, int64_t groups) {
    return panel * groups * 4 * Q8_NR;
}
INLINE int panel_vectors(int64_t n, int64_t panel) {
    return n - panel * Q8_NR <= VW ? 1 : 2;
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef bytes16 bytes16_unaligned __attribute__((aligned(1), may_alias));

#define ZIP_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define ZIP_HIGH(a, b)                                                                                       \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

/* Sixteen columns of four rows: four bytes a column, or for the exact tile two bytes a column of rows 0 and 1 and, `width` columns
 * behind, of rows 2 and 3. */
INLINE void interleave16(const uint8_t *from, int64_t stride, uint8_t flip, int64_t width, bool vnni,
                         int8_t *out) {
    bytes16 row[4];
    for (int r = 0; r < 4; r++) {
        row[r] = *(const bytes16_unaligned *)(from + r * stride) ^ flip;
    }
    if (!vnni) {
        *(bytes16_unaligned *)out = ZIP_LOW(row[0], row[1]);
        *(bytes16_unaligned *)(out + 16) = ZIP_HIGH(row[0], row[1]);
        *(bytes16_unaligned *)(out + 2 * width) = ZIP_LOW(row[2], row[3]);
        *(bytes16_unaligned *)(out + 2 * width + 16) = ZIP_HIGH(row[2], row[3]);
        return;
    }
    /* Rows 0 and 2, 1 and 3; then both: the order 0 1 2 3. */
    bytes16 even = ZIP_LOW(row[0], row[2]), odd = ZIP_LOW(row[1], row[3]);
    *(bytes16_unaligned *)out = ZIP_LOW(even, odd);
    *(bytes16_unaligned *)(out + 16) = ZIP_HIGH(even, odd);
    even = ZIP_HIGH(row[0], row[2]);
    odd = ZIP_HIGH(row[1], row[3]);
    *(bytes16_unaligned *)(out + 32) = ZIP_LOW(even, odd);
    *(bytes16_unaligned *)(out + 48) = ZIP_HIGH(even, odd);
}

/* One group: `count` (1 to 4) rows of `columns` columns; the rest of the group's width is 0. */
INLINE void pack_group(const q8_source *s, const uint8_t *from, int64_t count, int64_t columns, int64_t width,
                       int8_t *out) {
    const uint8_t flip = s->is_signed ? 0 : 128;
    const int64_t each = s->vnni ? 4 : 2; /* bytes of a column that lie together */
    int64_t j = 0;
    if (count < 4 || columns < width) {
        memset(out, 0, (size_t)(4 * width));
    }
    for (; count == 4 && s->column_stride == 1 && j + 16 <= columns; j += 16) {
        interleave16(from + j, s->inner_stride, flip, width, s->vnni, out + each * j);
    }
    for (; j < columns; j++) {
        for (int64_t i = 0; i < count; i++) {
            out[i / each * each * width + each * j + i % each] =
                (int8_t)(from[j * s->column_stride + i * s->inner_stride] ^ flip);
        }
    }
}

/* Adds the columns of a packed group to total. */
INLINE void sum_group(const q8_source *s, const int8_t *group, int vectors, vi *total) {
    const vs ones = (vs)v_splat_int(0x00010001);
    for (int v = 0; v < vectors; v++) {
        if (s->vnni) {
            total[v] = q8_dot(total[v], v_splat_int(0x01010101), vi_load(group + v * VECTOR_BYTES));
        } else {
            total[v] += q8_pairs(ones, exact_right(group + v * 2 * VW)) +
                        q8_pairs(ones, exact_right(group + (vectors + v) * 2 * VW));
        }
    }
}

void q8_pack_panel(const q8_source *source, int64_t n, int64_t taps, int64_t inner, int64_t panel,
                   int8_t *out, int32_t *sums) {
    const int64_t first = panel * Q8_NR, width = panel_vectors(n, panel) * VW;
    const int64_t columns = n - first < width ? n - first : width;
    vi total[2] = {{0}, {0}};
    for (int64_t tap = 0; tap < taps; tap++) {
        const uint8_t *from = source->base + tap * source->tap_stride + first * source->column_stride;
        for (int64_t c = 0; c < inner; c += 4) {
            pack_group(source, from + c * source->inner_stride, inner - c < 4 ? inner - c : 4, columns, width,
                       out);
            sum_group(source, out, (int)(width / VW), total);
            out += 4 * width;
        }
    }
    vi_store(sums, total[0]);
    vi_store(sums + VW, total[1]);
}

typedef struct pack_job {
    const q8_source *source;
    int64_t n, taps, inner;
    int8_t *out;
    int32_t *sums;
} pack_job;

static void pack_task(void *context, size_t begin, size_t end, int worker) {
    const pack_job *job = context;
    const int64_t groups = q8_groups(job->taps, job->inner);
    (void)worker;
    for (size_t p = begin; p < end; p++) {
        q8_pack_panel(job->source, job->n, job->taps, job->inner, (int64_t)p,
                      job->out + panel_offset((int64_t)p, groups), job->sums + p * Q8_NR);
    }
}

void q8_pack(const q8_source *source, int64_t n, int64_t taps, int64_t inner, int8_t *out, int32_t *sums,
             thread_pool *pool) {
    pack_job job = {source, n, taps, inner, out, sums};
    thread_pool_for(pool, (size_t)q8_panels(n), 1, pack_task, &job);
}

void q8_start(const q8_left *left, int64_t n, const int32_t *bias, const int32_t *sums, int32_t *start) {
    const vu zero = (vu)v_splat_int(q8_unsigned_zero(left));
    int64_t columns = (int64_t)q8_columns(n);
    for (int64_t j = 0; j < columns; j += VW) {
        vi from = {0};
        if (bias != NULL && j < n) {
            memcpy(&from, bias + j, (size_t)(n - j < VW ? n - j : VW) * sizeof(int32_t));
        }
        vi_store(start + j, (vi)((vu)from - zero * (vu)vi_load(sums + j)));
    }
}

bool q8_column_zeros(const kernel_value *zeros, bool is_signed, int64_t first, int64_t n, int32_t *out) {
    const int64_t step = zeros == NULL || value_elements(zeros) == 1 ? 0 : 1;
    int32_t any = 0;
    for (int64_t j = 0; j < n; j++) {
        int64_t at = step * (first + j);
        int32_t zero = zeros == NULL ? 0
                       : is_signed   ? ((const int8_t *)zeros->data)[at]
                                     : ((const uint8_t *)zeros->data)[at];
        out[j] = zero - (is_signed ? 0 : 128);
        any |= out[j];
    }
    return any != 0;
}

/* ---- how the work is cut ---------------------------------------------------------------------------------------- */

typedef struct q8_cut {
    const q8_shape *shape;
    const q8_problem *problems;
    const q8_tiles *tiles;
    product_tasks tasks;
    int64_t panels_a_group;
    size_t table_bytes, wide_bytes; /* of one worker: pointers to rows, widened rows */
    char *tables;
} q8_cut;

/* The depth is never cut, so nothing here changes a bit of the result. */
static void cut_work(const q8_shape *s, size_t count, int threads, q8_cut *cut) {
    const product_size size = {s->m, q8_panels(s->n), Q8_NR, Q8_MR, Q8_MC, count, threads};
    cut_rows(&size, &cut->tasks);
    cut_columns(&size, size.panels, &cut->tasks);
    int64_t panel_bytes = q8_groups(s->taps, s->inner) * 4 * Q8_NR;
    cut->panels_a_group = panel_bytes > 0 ? Q8_GROUP / panel_bytes : size.panels;
    cut->panels_a_group = cut->panels_a_group < 4 ? 4 : cut->panels_a_group;
}

static size_t table_bytes(const q8_shape *s) {
    return ((size_t)s->taps * Q8_MR * sizeof(uint8_t *) + 63) / 64 * 64;
}

/* Words of a widened row. */
static int64_t wide_words(const q8_shape *s) {
    return 2 * q8_groups(s->taps, s->inner);
}
static size_t wide_bytes(const q8_shape *s) {
    return s->vnni ? 0 : ((size_t)wide_words(s) * Q8_MR * sizeof(int32_t) + 63) / 64 * 64;
}

size_t q8_workspace_bytes(const q8_shape *s, int threads) {
    return (table_bytes(s) + wide_bytes(s)) * (size_t)threads;
}

/* ---- rows reached through pointers -------------------------------------------------------------------------------- */

/* What q8_taps does where some taps lie in padding. */
static void fill_border(const q8_left *left, const int64_t origin[3], const uint8_t *base,
                        int64_t inner_origin, int64_t step, const uint8_t **table) {
    const gemm_window *w = left->window;
    int64_t tap = 0;
    for (int64_t i = 0; i < w->kernel[0]; i++) {
        int64_t z = origin[0] + i * w->dilation[0];
        for (int64_t j = 0; j < w->kernel[1]; j++) {
            int64_t y = origin[1] + j * w->dilation[1];
            bool outside = z < 0 || z >= w->in[0] || y < 0 || y >= w->in[1];
            for (int64_t k = 0; k < w->kernel[2]; k++, tap++) {
                int64_t x = origin[2] + k * w->dilation[2];
                table[tap * step] = outside || x < 0 || x >= w->in[2]
                                        ? left->padding
                                        : base + (inner_origin + left->tap_offsets[tap]);
            }
        }
    }
}

bool q8_taps(const q8_left *left, int64_t taps, int64_t row, int64_t step, const uint8_t **table) {
    const gemm_window *w = left->window;
    int64_t origin[3], pixel = 0;
    bool inside = true;
    const int64_t at[3] = {row / w->out[2] / w->out[1] % w->out[0], row / w->out[2] % w->out[1],
                           row % w->out[2]};
    for (int d = 0; d < 3; d++) {
        origin[d] = at[d] * w->stride[d] - w->pad[d];
        inside = inside && origin[d] >= 0 && origin[d] + (w->kernel[d] - 1) * w->dilation[d] < w->in[d];
        pixel = pixel * w->in[d] + origin[d];
    }
    const uint8_t *base = left->base + row / w->out[2] / w->out[1] / w->out[0] * w->image_stride;
    pixel *= w->pixel_stride;
    if (!inside) {
        fill_border(left, origin, base, pixel, step, table);
        return false;
    }
    for (int64_t tap = 0; tap < taps; tap++) {
        table[tap * step] = base + (pixel + left->tap_offsets[tap]);
    }
    return true;
}

void q8_inside_line(const gemm_window *w, int64_t *first, int64_t *end) {
    const int64_t last = w->in[2] - 1 - (w->kernel[2] - 1) * w->dilation[2] + w->pad[2]; /* of tap 0 */
    *first = (w->pad[2] + w->stride[2] - 1) / w->stride[2];
    *end = last < 0 ? 0 : last / w->stride[2] + 1;
    *end = *end < w->out[2] ? *end : w->out[2];
}

/* The pixel beside one that has all its taps inside is that many bytes further, as long as the line lasts. */
static void fill_pixels(const q8_left *left, int64_t taps, int64_t row, int64_t count, int64_t line_end,
                        const uint8_t **table) {
    const gemm_window *w = left->window;
    const int64_t step = w->stride[2] * w->pixel_stride;
    bool inside = false;
    for (int64_t i = 0, x = row % w->out[2]; i < count; i++, x++) {
        x = x == w->out[2] ? 0 : x;
        if (!inside || x == 0 || x >= line_end) {
            inside = q8_taps(left, taps, row + i, Q8_MR, table + i);
            continue;
        }
        for (int64_t tap = 0; tap < taps; tap++) {
            table[tap * Q8_MR + i] = table[tap * Q8_MR + i - 1] + step;
        }
    }
}

/* Pointers of the rows of a tile: table[tap][Q8_MR]. */
static void fill_table(const q8_left *left, int64_t taps, int64_t first, int64_t count, int64_t line_end,
                       const uint8_t **table) {
    if (left->window != NULL) {
        fill_pixels(left, taps, first, count, line_end, table);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        table[i] = left->base + (first + i) * left->row_stride;
    }
}

/* One tap of a row, its unsigned bytes as 16 bits, whole groups of four. */
static void widen_tap(const uint8_t *from, int64_t count, uint8_t flip, uint16_t *to) {
    typedef uint8_t half_unsigned __attribute__((vector_size(VECTOR_BYTES / 2)));
    enum { STEP = VECTOR_BYTES / 2 };
    int64_t k = 0;
    for (; k + STEP <= count; k += STEP) {
        half_unsigned x;
        memcpy(&x, from + k, sizeof x);
        vus wide = __builtin_convertvector(x ^ flip, vus);
        memcpy(to + k, &wide, sizeof wide);
    }
    for (; k < count; k++) {
        to[k] = from[k] ^ flip;
    }
    for (; k % 4 != 0; k++) {
        to[k] = 0;
    }
}

static void widen_rows(const q8_shape *s, const q8_left *left, int count, const uint8_t *const *table,
                       int32_t *wide) {
    const int64_t words = 2 * q8_groups(1, s->inner);
    for (int i = 0; i < count; i++) {
        for (int64_t tap = 0; tap < s->taps; tap++, wide += words) {
            widen_tap(table[tap * Q8_MR + i], s->inner, left->is_signed ? 128 : 0, (uint16_t *)wide);
        }
    }
}

/* sum[i] = row sum of a' less K za': what B's zero points are multiplied with. */
static void sum_rows(const q8_shape *s, const q8_left *left, int count, const uint8_t *const *table,
                     int32_t *sum) {
    const vi flip = v_splat_int(left->is_signed ? (int32_t)0x80808080u : 0);
    for (int i = 0; i < count; i++) {
        vi lanes = {0};
        int64_t total = -s->taps * s->inner * q8_unsigned_zero(left);
        for (int64_t tap = 0; tap < s->taps; tap++) {
            const uint8_t *row = table[tap * Q8_MR + i];
            int64_t k = 0;
            for (; k + VECTOR_BYTES <= s->inner; k += VECTOR_BYTES) {
                lanes = q8_dot(lanes, vi_load(row + k) ^ flip, v_splat_int(0x01010101));
            }
            for (; k < s->inner; k++) {
                total += row[k] ^ (left->is_signed ? 128 : 0);
            }
        }
        for (int lane = 0; lane < VW; lane++) {
            total += lanes[lane];
        }
        sum[i] = (int32_t)total;
    }
}

/* ---- what becomes of the sums --------------------------------------------------------------------------------------- */

/* The sums of one tile, `stride` apart from row to row, and where they go. */
typedef struct q8_result {
    const q8_shape *shape;
    const q8_problem *problem;
    int32_t *sums;
    int64_t stride, row, column, rows, columns;
} q8_result;

static void subtract_column_zeros(const q8_result *r, const int32_t *row_sums) {
    const int32_t *zeros = r->problem->column_zeros + r->column;
    for (int64_t i = 0; i < r->rows; i++) {
        const vu factor = (vu)v_splat_int(row_sums[i]);
        for (int64_t j = 0; j < r->columns; j += VW) {
            int32_t *at = r->sums + i * r->stride + j;
            vi_store(at, (vi)((vu)vi_load(at) - factor * (vu)vi_load(zeros + j)));
        }
    }
}

static void store_integers(const q8_result *r) {
    const q8_problem *p = r->problem;
    for (int64_t i = 0; i < r->rows; i++) {
        int32_t *out = (int32_t *)p->out + (r->row + i) * p->out_stride + r->column;
        const int32_t *sums = r->sums + i * r->stride;
        int64_t j = 0;
        for (; j + VW <= r->columns; j += VW) {
            vi_store(out + j, vi_load(sums + j));
        }
        for (; j < r->columns; j++) {
            out[j] = sums[j];
        }
    }
}

typedef uint8_t half_vector __attribute__((vector_size(Q8_NR)));

INLINE void q8_halve(vi x, half_vector out[2]) {
#if defined(__AVX512F__)
    out[0] = (half_vector)_mm512_castsi512_si256((__m512i)x);
    out[1] = (half_vector)_mm512_extracti64x4_epi64((__m512i)x, 1);
#else
    memcpy(out, &x, sizeof x);
#endif
}

INLINE void store_row(uint8_t *out, half_vector row, int64_t count) {
    if (count >= Q8_NR) {
        memcpy(out, &row, Q8_NR);
    } else {
        q8_copy_some(out, (const uint8_t *)&row, count);
    }
}

/* Two rows of two vectors at a time. The second of each may be no part of the result: what stands there is not stored. */
static void store_bytes(const q8_result *r) {
    const q8_problem *p = r->problem;
    const q8_range range = {r->shape->out == DTYPE_I8, r->shape->zero};
    for (int64_t j = 0; j < r->columns; j += Q8_NR) {
        const float *scale = p->scale + r->column + j;
        const vf scales[4] = {v_load(scale), v_load(scale + VW), v_load(scale), v_load(scale + VW)};
        for (int64_t i = 0; i < r->rows; i += 2) {
            const int32_t *first = r->sums + i * r->stride + j,
                          *second = first + (i + 1 < r->rows ? r->stride : 0);
            const vi sums[4] = {vi_load(first), vi_load(first + VW), vi_load(second), vi_load(second + VW)};
            half_vector rows[2];
            q8_halve(q8_unzip(q8_requantise(sums, scales, range)), rows);
            uint8_t *out = (uint8_t *)p->out + (r->row + i) * p->out_stride + r->column + j;
            store_row(out, rows[0], r->columns - j);
            if (i + 1 < r->rows) {
                store_row(out + p->out_stride, rows[1], r->columns - j);
            }
        }
    }
}

static void store_floats(const q8_result *r) {
    const q8_problem *p = r->problem;
    const q8_shape *s = r->shape;
    for (int64_t i = 0; i < r->rows; i++) {
        float *out = (float *)p->out + (r->row + i) * p->out_stride + r->column;
        const float *residual =
            p->residual == NULL ? NULL : p->residual + (r->row + i) * p->residual_stride + r->column;
        const int32_t *sums = r->sums + i * r->stride;
        for (int64_t j = 0; j < r->columns; j += VW) {
            vf x = __builtin_convertvector(vi_load(sums + j), vf) * v_load(p->scale + r->column + j);
            int64_t count = r->columns - j;
            x += p->bias == NULL ? (vf){0} : v_load(p->bias + r->column + j);
            x += residual == NULL ? (vf){0} : v_load_some(residual + j, count);
            x = s->activation == ACT_RELU ? v_relu(x) : x;
            if (count >= VW) {
                v_store(out + j, x);
            } else {
                v_store_part(out + j, x, (size_t)count);
            }
        }
        if (s->activation != ACT_NONE && s->activation != ACT_RELU) {
            unary_apply(s->activation, s->alpha, s->beta, out, out, (size_t)r->columns);
        }
    }
}

static void store_result(const q8_result *r) {
    switch (r->shape->out) {
    case DTYPE_I32:
        store_integers(r);
        break;
    case DTYPE_F32:
        store_floats(r);
        break;
    default:
        store_bytes(r);
    }
}

/* ---- one task ---------------------------------------------------------------------------------------------------- */

/* The rows of a tile and the panels that they meet. */
typedef struct q8_strip {
    const q8_cut *cut;
    const q8_problem *problem;
    int64_t row;
    int rows;
    bool is_alone; /* the block has no other tile */
    int32_t row_sums[Q8_MR];
    const uint8_t *const *table;
    int32_t *wide; /* the rows, widened; NULL: read where they lie */
} q8_strip;

/* How many panels are computed at once: one or two rows alone would wait for their few sums. */
static int panels_at_once(const q8_strip *b, int64_t panel, int64_t panel_end) {
    int wanted = !b->is_alone || b->rows > 2 ? 1 : b->rows == 1 ? 4 : 2;
    return panel + wanted <= panel_end && (panel + wanted) * Q8_NR <= b->cut->shape->n ? wanted : 1;
}

static void run_tile(const q8_strip *b, int64_t panel, int at_once) {
    const q8_shape *s = b->cut->shape;
    const q8_problem *p = b->problem;
    const int64_t groups = q8_groups(s->taps, s->inner), column = panel * Q8_NR;
    const int vectors = panel_vectors(s->n, panel);
    const int64_t wide = (int64_t)at_once * vectors * VW;
    /* A vector more: store_bytes reads two vectors where the last row has one. */
    int32_t sums[Q8_MR * Q8_NR + VW] __attribute__((aligned(64)));
    q8_tile_args t = {
        .rows = b->table,
        .segments = s->taps,
        .length = p->left.has_slack ? (s->inner + 3) / 4 * 4 : s->inner,
        .panel = p->right + panel_offset(panel, groups),
        .panel_step = panel_offset(1, groups),
        .start = p->start == NULL ? NULL : p->start + column,
        .flip = p->left.is_signed ? 0x80808080u : 0,
        .wide = b->wide,
        .pairs = 2 * groups,
        .out = sums,
        .out_stride = wide,
    };
    q8_result r = {s, p, sums, wide, b->row, column, b->rows, s->n - column < wide ? s->n - column : wide};
    const q8_tiles *tiles = b->cut->tiles;
    (at_once == 4   ? tiles->one_row_four_panels
     : at_once == 2 ? tiles->two_rows_two_panels
                    : tiles->tiles[b->rows - 1][vectors - 1])(&t);
    if (p->column_zeros != NULL) {
        subtract_column_zeros(&r, b->row_sums);
    }
    store_result(&r);
}

/* Rows of a block are spread evenly over tiles: 49 rows are seven tiles of 7, not six of 8 and one of 1. */
INLINE int64_t tile_first_row(int64_t rows, int64_t tiles, int64_t tile) {
    return rows * tile / tiles;
}

/* Panels go in groups that stay in the second-level cache; inside a group each tile of rows meets all panels. */
static void run_block(const q8_cut *cut, const q8_problem *p, int64_t first, int64_t rows,
                      int64_t panel_begin, int64_t panel_end, const uint8_t **table, int32_t *wide) {
    const q8_shape *s = cut->shape;
    const int64_t tiles = divide_up(rows, Q8_MR);
    q8_strip b = {.cut = cut,
                  .problem = p,
                  .is_alone = tiles == 1,
                  .table = (const uint8_t *const *)table,
                  .wide = wide};
    int64_t line_first, line_end = 0;
    if (p->left.window != NULL) {
        q8_inside_line(p->left.window, &line_first, &line_end);
    }
    for (int64_t from = panel_begin; from < panel_end; from += cut->panels_a_group) {
        int64_t to = from + cut->panels_a_group < panel_end ? from + cut->panels_a_group : panel_end;
        for (int64_t tile = 0; tile < tiles; tile++) {
            b.row = first + tile_first_row(rows, tiles, tile);
            b.rows = (int)(first + tile_first_row(rows, tiles, tile + 1) - b.row);
            fill_table(&p->left, s->taps, b.row, b.rows, line_end, table);
            if (wide != NULL) {
                widen_rows(s, &p->left, b.rows, b.table, wide);
            }
            if (p->column_zeros != NULL) {
                sum_rows(s, &p->left, b.rows, b.table, b.row_sums);
            }
            for (int64_t panel = from; panel < to;) {
                int at_once = panels_at_once(&b, panel, to);
                run_tile(&b, panel, at_once);
                panel += at_once;
            }
        }
    }
}

static void run_task(void *context, size_t begin, size_t end, int worker) {
    const q8_cut *cut = context;
    const q8_shape *s = cut->shape;
    char *memory = cut->tables + (size_t)worker * (cut->table_bytes + cut->wide_bytes);
    const uint8_t **table = (const uint8_t **)(void *)memory;
    int32_t *wide = s->vnni ? NULL : (int32_t *)(void *)(memory + cut->table_bytes);
    for (size_t i = begin; i < end; i++) {
        int64_t column_block = (int64_t)i % cut->tasks.column_blocks;
        int64_t row_block = (int64_t)i / cut->tasks.column_blocks % cut->tasks.row_blocks;
        const q8_problem *p = cut->problems + (int64_t)i / cut->tasks.column_blocks / cut->tasks.row_blocks;
        int64_t first = row_block * cut->tasks.rows_a_block, panel = column_block * cut->tasks.panels_a_block;
        int64_t rows = s->m - first < cut->tasks.rows_a_block ? s->m - first : cut->tasks.rows_a_block;
        int64_t panels = q8_panels(s->n) - panel;
        panels = panels > cut->tasks.panels_a_block ? cut->tasks.panels_a_block : panels;
        run_block(cut, p, first, rows, panel, panel + panels, table, wide);
    }
}

/* Multiplications below which a second thread costs more than it saves. */
static const double small_work = 800000;

void q8_run(const q8_shape *s, const q8_problem *problems, size_t count, thread_pool *pool, void *workspace) {
    if (s->m <= 0 || s->n <= 0 || count == 0) {
        return;
    }
    double work = (double)s->m * (double)s->n * (double)(s->taps * s->inner) * (double)count;
    thread_pool *used = work < small_work ? NULL : pool;
    q8_cut cut = {.shape = s, .problems = problems, .tiles = tiles_for(s->vnni), .tables = workspace};
    cut_work(s, count, thread_pool_size(used), &cut);
    cut.table_bytes = table_bytes(s);
    cut.wide_bytes = wide_bytes(s);
    size_t tasks = count * (size_t)(cut.tasks.row_blocks * cut.tasks.column_blocks);
    thread_pool_for(used, tasks, 1, run_task, &cut);
}
