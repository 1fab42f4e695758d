/* The micro-kernel and the driver of the packed GEMM. See gemm.h; packing is in gemm_pack.c. */
#include "engines/native/kernels/gemm.h"

#include <string.h>

#include "engines/native/kernels/gemm_tile.h"
#include "engines/native/kernels/half_gemm.h"
#include "engines/native/kernels/math.h"
#include "engines/native/kernels/product_tasks.h"

/* ---- micro-kernel ----------------------------------------------------------------------------------------------- */

INLINE float take_float(const float *p) {
    return *p;
}
INLINE vf add_product(vf sum, float a, vf b) {
    return v_madd(v_splat(a), b, sum);
}

#define TILE(name) float_##name
#define TILE_TARGET
#define TILE_LEFT     float
#define TILE_TAKE     take_float
#define TILE_MULTIPLY add_product
#include "engines/native/kernels/gemm_body.h"
#define TILE_ROWS  GEMM_MR
#define TILE_ARGS  gemm_tile_args
#define TILE_TABLE gemm_tiles
#include "engines/native/kernels/tiles.h"

const gemm_tiles *gemm_tiles_of(gemm_form form) {
    return form == GEMM_BF16_PAIRS ? half_pair_tiles() : &float_tiles;
}
static bool is_widened(gemm_form form) {
    return form == GEMM_RIGHT_F16 || form == GEMM_RIGHT_BF16;
}

/* ---- how the work is cut ---------------------------------------------------------------------------------------- */

typedef struct gemm_cut {
    const gemm_shape *shape;
    const gemm_problem *problems;
    const gemm_tiles *tiles;
    product_tasks tasks;
    int64_t piece, pieces;    /* a tap's inner elements are cut in pieces of `piece` */
    int64_t segments;         /* pieces of all taps */
    int64_t segments_a_block; /* in one depth block */
    int64_t segments_a_table; /* whose pointers are made at once */
    int64_t panels_a_group;   /* that stay in the second-level cache */
    size_t table_bytes;       /* of one worker */
    size_t wide_bytes;        /* of one worker, behind its table: a group of panels, widened */
    char *tables;
} gemm_cut;

/* A panel of 16 bits that a single tile reads once is widened in blocks that stay in the first-level cache. */
enum { DEPTH_WIDENED = 64 };

/* Depth blocks depend on the shape alone, never on the threads: so results are the same on any number of them. */
static void cut_depth(const gemm_shape *s, gemm_cut *cut) {
    const bool widened_once = is_widened(s->form) && s->m <= GEMM_MR;
    const int64_t usual = s->taps * s->inner <= GEMM_WHOLE ? GEMM_WHOLE : GEMM_KC;
    const int64_t depth = widened_once ? DEPTH_WIDENED : s->most_depth > 0 ? s->most_depth : usual;
    cut->pieces = divide_up(s->inner, depth);
    if (cut->pieces < 1) {
        cut->pieces = 1;
    }
    cut->piece = divide_up(s->inner, cut->pieces);
    int64_t most = cut->pieces > 1 ? 1 : s->inner > 0 ? depth / s->inner : s->taps;
    most = most < 1 ? 1 : most > s->taps ? s->taps : most;
    /* Even blocks: 9 taps in blocks of 8 and 1 would load and store C for one tap. */
    cut->segments = s->taps * cut->pieces;
    cut->segments_a_block = cut->pieces > 1 ? 1 : divide_up(s->taps, divide_up(s->taps, most));
    /* A single tile walks down each panel at once: B is read in one stream. */
    cut->segments_a_table = s->m <= GEMM_MR ? cut->segments : cut->segments_a_block;
    int64_t block = cut->segments_a_block * cut->piece;
    cut->panels_a_group = block > 0 ? GEMM_GROUP / (block * GEMM_NR) : gemm_panels(s->n);
    cut->panels_a_group = s->m <= GEMM_MR || cut->panels_a_group < 4 ? 4 : cut->panels_a_group;
    if (cut->panels_a_group > gemm_panels(s->n)) {
        cut->panels_a_group = gemm_panels(s->n);
    }
    cut->wide_bytes =
        is_widened(s->form) ? (size_t)(cut->panels_a_group * block) * GEMM_NR * sizeof(float) : 0;
}

static void cut_work(const gemm_shape *s, size_t count, int threads, gemm_cut *cut) {
    const product_size size = {s->m, gemm_panels(s->n), GEMM_NR, GEMM_MR, GEMM_MC, count, threads};
    int64_t most = size.panels;
    cut_depth(s, cut);
    cut_rows(&size, &cut->tasks);
    if (cut->segments > cut->segments_a_block && s->m > GEMM_MR) {
        most = GEMM_OUT / (cut->tasks.rows_a_block * GEMM_NR);
        most = most < cut->panels_a_group ? cut->panels_a_group : most;
    }
    cut_columns(&size, most, &cut->tasks);
}

static size_t table_bytes(const gemm_cut *cut, int64_t rows) {
    size_t bytes = (size_t)rows * (size_t)cut->segments_a_table * sizeof(float *);
    return (bytes + 63) / 64 * 64;
}

size_t gemm_workspace_bytes(const gemm_shape *s, int threads) {
    gemm_cut cut = {0};
    cut_depth(s, &cut);
    int64_t rows = s->m < GEMM_MC ? s->m : GEMM_MC + GEMM_MR;
    return (table_bytes(&cut, rows + GEMM_MR) + cut.wide_bytes) * (size_t)threads;
}

/* ---- one task ---------------------------------------------------------------------------------------------------- */

/* Rows of a block are spread evenly over tiles: 49 rows are seven tiles of 7, not six of 8 and one of 1. */
INLINE int64_t tile_first_row(int64_t rows, int64_t tiles, int64_t tile) {
    return rows * tile / tiles;
}

/* rows first…first+count of one segment into table[i]. */
static void fill_matrix(const gemm_left *left, int64_t first, int64_t count, int64_t offset,
                        const float **table) {
    for (int64_t i = 0; i < count; i++) {
        table[i] = left->base + (first + i) * left->row_stride + offset;
    }
}

/* An output pixel; at[2] runs fastest. */
typedef struct window_position {
    int64_t at[3];
    int64_t image;
} window_position;

static window_position window_at(const gemm_window *w, int64_t row) {
    window_position p;
    for (int d = 2; d >= 0; d--) {
        p.at[d] = row % w->out[d];
        row /= w->out[d];
    }
    p.image = row;
    return p;
}

static void next_line(const gemm_window *w, window_position *p) {
    p->at[2] = 0;
    if (++p->at[1] == w->out[1]) {
        p->at[1] = 0;
        if (++p->at[0] == w->out[0]) {
            p->at[0] = 0;
            p->image++;
        }
    }
}

/* The pixels that one tap reads for a run of output pixels on one line. */
static void fill_line(const gemm_left *left, const window_position *p, const int64_t kernel[3], int64_t count,
                      int64_t offset, const float **table) {
    const gemm_window *w = left->window;
    int64_t in[3];
    for (int d = 0; d < 3; d++) {
        in[d] = p->at[d] * w->stride[d] - w->pad[d] + kernel[d] * w->dilation[d];
    }
    bool inside = in[0] >= 0 && in[0] < w->in[0] && in[1] >= 0 && in[1] < w->in[1];
    int64_t width = inside ? w->in[2] : 0, step = w->stride[2] * w->pixel_stride;
    int64_t at = ((in[0] * w->in[1] + in[1]) * w->in[2] + in[2]) * w->pixel_stride +
                 p->image * w->image_stride + offset;
    for (int64_t i = 0; i < count; i++, at += step) {
        int64_t x = in[2] + i * w->stride[2];
        table[i] = x >= 0 && x < width ? left->base + at : left->zeros;
    }
}

static void fill_window(const gemm_left *left, window_position p, int64_t count, int64_t tap, int64_t offset,
                        const float **table) {
    const gemm_window *w = left->window;
    const int64_t kernel[3] = {tap / w->kernel[2] / w->kernel[1], tap / w->kernel[2] % w->kernel[1],
                               tap % w->kernel[2]};
    while (count > 0) {
        int64_t run = w->out[2] - p.at[2] < count ? w->out[2] - p.at[2] : count;
        fill_line(left, &p, kernel, run, offset, table);
        table += run;
        count -= run;
        next_line(w, &p);
    }
}

/* Pointers of a block of rows and a block of segments: table[segment][row]. */
static void fill_table(const gemm_cut *cut, const gemm_left *left, int64_t first, int64_t rows,
                       int64_t segment, int64_t segments, const float **table) {
    window_position start = {0};
    if (left->window != NULL) {
        start = window_at(left->window, first);
    }
    for (int64_t s = 0; s < segments; s++, table += rows) {
        int64_t tap = (segment + s) / cut->pieces, offset = (segment + s) % cut->pieces * cut->piece;
        if (left->window != NULL) {
            fill_window(left, start, rows, tap, offset, table);
        } else {
            fill_matrix(left, first, rows, tap * cut->shape->inner + offset, table);
        }
    }
}

/* count floats, fewer than GEMM_NR: pieces of constant size, since a call of memcpy costs as much as the tile's stores. */
INLINE void copy_columns(float *to, const float *from, int64_t count) {
    if (count >= VW) { /* two vectors that overlap */
        vf first = v_load(from), last = v_load(from + count - VW);
        v_store(to, first);
        v_store(to + count - VW, last);
        return;
    }
    for (int64_t piece = VW / 2; piece > 0; piece /= 2) {
        if ((count & piece) != 0) {
            for (int64_t i = 0; i < piece; i++) {
                to[i] = from[i];
            }
            to += piece;
            from += piece;
        }
    }
}

/* A tile whose columns do not fill its vectors: through a small buffer. */
static void tile_narrow(gemm_tile_function tile, int rows, int64_t columns, const gemm_tile_args *t) {
    float buffer[GEMM_MR * GEMM_NR], residual[GEMM_MR * GEMM_NR];
    gemm_tile_args narrow = *t;
    narrow.out = buffer;
    narrow.out_stride = GEMM_NR;
    if (t->accumulate) {
        memset(buffer, 0, sizeof buffer);
        for (int i = 0; i < rows; i++) {
            copy_columns(buffer + i * GEMM_NR, t->out + i * t->out_stride, columns);
        }
    }
    if (t->residual != NULL) {
        memset(residual, 0, sizeof residual);
        for (int i = 0; i < rows; i++) {
            copy_columns(residual + i * GEMM_NR, t->residual + i * t->residual_stride, columns);
        }
        narrow.residual = residual;
        narrow.residual_stride = GEMM_NR;
    }
    tile(&narrow);
    for (int i = 0; i < rows; i++) {
        copy_columns(t->out + i * t->out_stride, buffer + i * GEMM_NR, columns);
    }
}

/* One depth block of one block of rows: what its tiles share. */
typedef struct gemm_block {
    const gemm_cut *cut;
    const gemm_problem *problem;
    int64_t first, rows, tiles;
    int64_t depth_before;
    bool is_last; /* depth block: residual and activation */
    gemm_tile_args args;
    const float *const *table; /* of the first segment of args */
    float *wide;               /* the panels from wide_first on, widened; NULL: read as they are packed */
    int64_t wide_first;
} gemm_block;

/* The depth block that begins with this segment. */
static void enter_depth(gemm_block *b, int64_t segment) {
    const gemm_cut *cut = b->cut;
    const gemm_shape *s = cut->shape;
    const int64_t left = cut->segments - segment, offset = segment % cut->pieces * cut->piece;
    b->args.segments = left < cut->segments_a_block ? left : cut->segments_a_block;
    b->args.length = s->inner - offset < cut->piece ? s->inner - offset : cut->piece;
    b->args.accumulate = segment > 0;
    b->depth_before = segment / cut->pieces * s->inner + offset;
    b->is_last = left <= cut->segments_a_block;
    b->args.relu = b->is_last && s->activation == ACT_RELU;
}

/* How many panels are computed at once: one or two rows alone would wait for their few accumulators. */
static int panels_at_once(const gemm_block *b, int64_t panel, int64_t panel_end) {
    int wanted = b->tiles > 1 || b->rows > 2 ? 1 : b->rows == 1 ? 4 : 2;
    return panel + wanted <= panel_end && (panel + wanted) * GEMM_NR <= b->cut->shape->n ? wanted : 1;
}

/* Elements before this depth block of a panel. */
static size_t block_offset(const gemm_block *b, int64_t panel) {
    const gemm_shape *s = b->cut->shape;
    return gemm_panel_offset(panel, s->taps * s->inner) +
           (size_t)(b->depth_before * gemm_panel_vectors(s->n, panel) * VW);
}

/* This depth block of some panels, as floats in the worker's memory. */
static void widen_panels(gemm_block *b, int64_t from, int64_t to) {
    if (b->wide == NULL) {
        return;
    }
    const gemm_shape *s = b->cut->shape;
    const int64_t depth = b->args.segments * b->args.length;
    b->wide_first = from;
    for (int64_t panel = from; panel < to; panel++) {
        half_widen(s->form, (const uint16_t *)b->problem->right + block_offset(b, panel),
                   b->wide + (panel - from) * depth * GEMM_NR, depth * gemm_panel_vectors(s->n, panel) * VW);
    }
}

static void set_panel(const gemm_block *b, int64_t panel, gemm_tile_args *t) {
    const gemm_shape *s = b->cut->shape;
    if (b->wide != NULL) {
        t->panel_step = b->args.segments * b->args.length * GEMM_NR;
        t->panel = b->wide + (panel - b->wide_first) * t->panel_step;
        return;
    }
    t->panel = (const float *)b->problem->right + block_offset(b, panel);
    t->panel_step = (int64_t)gemm_panel_offset(1, s->taps * s->inner);
}

static void run_tile(const gemm_block *b, int64_t tile, int64_t panel, int at_once) {
    const gemm_shape *s = b->cut->shape;
    const gemm_problem *p = b->problem;
    const int vectors = gemm_panel_vectors(s->n, panel);
    const int64_t from = b->first + tile_first_row(b->rows, b->tiles, tile);
    const int count = (int)(b->first + tile_first_row(b->rows, b->tiles, tile + 1) - from);
    const int64_t column = panel * GEMM_NR, wide = (int64_t)at_once * vectors * VW;
    const int64_t columns = s->n - column < wide ? s->n - column : wide;
    gemm_tile_args t = b->args;
    t.rows = b->table + (from - b->first);
    t.row_step = b->rows;
    set_panel(b, panel, &t);
    t.bias = p->bias == NULL ? NULL : p->bias + column;
    t.out = p->out + from * p->out_stride + column;
    t.out_stride = p->out_stride;
    t.residual = p->residual == NULL || !b->is_last ? NULL : p->residual + from * p->residual_stride + column;
    t.residual_stride = p->residual_stride;
    const gemm_tiles *tiles = b->cut->tiles;
    if (at_once == 4) {
        tiles->one_row_four_panels(&t);
    } else if (at_once == 2) {
        tiles->two_rows_two_panels(&t);
    } else if (columns == wide) {
        tiles->tiles[count - 1][vectors - 1](&t);
    } else {
        tile_narrow(tiles->tiles[count - 1][vectors - 1], count, columns, &t);
    }
}

/* The activation of what a tile of rows has in these panels: of many panels at once, since a row of one is shorter than the call. */
static void finish_tile(const gemm_block *b, int64_t tile, int64_t panel_begin, int64_t panel_end) {
    const gemm_shape *s = b->cut->shape;
    const gemm_problem *p = b->problem;
    if (!b->is_last || s->activation == ACT_NONE || s->activation == ACT_RELU) {
        return;
    }
    const int64_t from = b->first + tile_first_row(b->rows, b->tiles, tile);
    const int64_t to = b->first + tile_first_row(b->rows, b->tiles, tile + 1);
    const int64_t column = panel_begin * GEMM_NR;
    const int64_t end = panel_end * GEMM_NR < s->n ? panel_end * GEMM_NR : s->n;
    for (int64_t row = from; row < to; row++) {
        float *out = p->out + row * p->out_stride + column;
        unary_apply(s->activation, s->alpha, s->beta, out, out, (size_t)(end - column));
    }
}

/* Panels go in groups that stay in the second-level cache; inside a group each tile of rows meets all panels, so that rows of C
 * are written from left to right. */
static void run_tiles(gemm_block *b, int64_t panel_begin, int64_t panel_end) {
    const int64_t group = b->cut->panels_a_group;
    for (int64_t from = panel_begin; from < panel_end; from += group) {
        int64_t to = from + group < panel_end ? from + group : panel_end;
        widen_panels(b, from, to);
        for (int64_t tile = 0; tile < b->tiles; tile++) {
            for (int64_t panel = from; panel < to; panel++) {
                run_tile(b, tile, panel, 1);
            }
            finish_tile(b, tile, from, to);
        }
    }
}

/* A single tile: down each panel, or several side by side. */
static void run_panels(gemm_block *b, int64_t panel_begin, int64_t panel_end) {
    const float *const *table = b->table;
    for (int64_t panel = panel_begin; panel < panel_end;) {
        int at_once = panels_at_once(b, panel, panel_end);
        for (int64_t segment = 0; segment < b->cut->segments; segment += b->cut->segments_a_block) {
            enter_depth(b, segment);
            b->table = table + segment * b->rows;
            widen_panels(b, panel, panel + at_once);
            run_tile(b, 0, panel, at_once);
        }
        finish_tile(b, 0, panel, panel + at_once);
        panel += at_once;
    }
}

static void run_block(const gemm_cut *cut, const gemm_problem *p, int64_t first, int64_t rows,
                      int64_t panel_begin, int64_t panel_end, const float **table, float *wide) {
    gemm_block b = {.cut = cut,
                    .problem = p,
                    .first = first,
                    .rows = rows,
                    .tiles = divide_up(rows, GEMM_MR),
                    .table = (const float *const *)table,
                    .wide = wide};
    for (int64_t segment = 0; segment < cut->segments; segment += cut->segments_a_table) {
        int64_t left = cut->segments - segment;
        fill_table(cut, &p->left, first, rows, segment,
                   left < cut->segments_a_table ? left : cut->segments_a_table, table);
        if (cut->shape->m <= GEMM_MR) {
            run_panels(&b, panel_begin, panel_end);
        } else {
            enter_depth(&b, segment);
            run_tiles(&b, panel_begin, panel_end);
        }
    }
}

static void run_task(void *context, size_t begin, size_t end, int worker) {
    const gemm_cut *cut = context;
    const gemm_shape *s = cut->shape;
    char *memory = cut->tables + (size_t)worker * (cut->table_bytes + cut->wide_bytes);
    const float **table = (const float **)(void *)memory;
    float *wide = cut->wide_bytes > 0 ? (float *)(void *)(memory + cut->table_bytes) : NULL;
    for (size_t i = begin; i < end; i++) {
        int64_t column_block = (int64_t)i % cut->tasks.column_blocks;
        int64_t row_block = (int64_t)i / cut->tasks.column_blocks % cut->tasks.row_blocks;
        const gemm_problem *p = cut->problems + (int64_t)i / cut->tasks.column_blocks / cut->tasks.row_blocks;
        int64_t first = row_block * cut->tasks.rows_a_block, panel = column_block * cut->tasks.panels_a_block;
        int64_t rows = s->m - first < cut->tasks.rows_a_block ? s->m - first : cut->tasks.rows_a_block;
        int64_t panels = gemm_panels(s->n) - panel;
        if (panels > cut->tasks.panels_a_block) {
            panels = cut->tasks.panels_a_block;
        }
        run_block(cut, p, first, rows, panel, panel + panels, table, wide);
    }
}

/* Below this a second thread costs more than it saves (about 2 µs to wake a spinning worker). */
static const double small_work = 200000;

void gemm_run(const gemm_shape *s, const gemm_problem *problems, size_t count, thread_pool *pool,
              void *workspace) {
    if (s->m <= 0 || s->n <= 0 || count == 0) {
        return;
    }
    double work = (double)s->m * (double)s->n * (double)(s->taps * s->inner) * (double)count;
    thread_pool *used = work < small_work ? NULL : pool;
    gemm_cut cut = {.shape = s, .problems = problems, .tiles = gemm_tiles_of(s->form), .tables = workspace};
    cut_work(s, count, thread_pool_size(used), &cut);
    cut.table_bytes = table_bytes(&cut, cut.tasks.rows_a_block);
    size_t tasks = count * (size_t)(cut.tasks.row_blocks * cut.tasks.column_blocks);
    thread_pool_for(used, tasks, 1, run_task, &cut);
}
