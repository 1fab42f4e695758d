/* How a product's output is cut into tasks for threads: blocks of rows by blocks of columns, which are counted in panels. Nothing of it changes a
 * bit of the result. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_PRODUCT_TASKS_H
#define ACCEL_ENGINES_NATIVE_KERNELS_PRODUCT_TASKS_H

#include "engines/native/kernel.h"
#include "engines/native/kernels/vector.h"

/* What is known: `count` problems of m rows by panels of panel_columns; tiles have tile_rows, a block of rows at most most_rows. */
typedef struct product_size {
    int64_t m, panels, panel_columns, tile_rows, most_rows;
    size_t count;
    int threads;
} product_size;

typedef struct product_tasks {
    int64_t row_blocks, column_blocks; /* tasks a problem */
    int64_t rows_a_block, panels_a_block;
} product_tasks;

INLINE int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* Four tasks a thread, about square; sets the blocks of rows, and suggests panels_a_block. */
INLINE void cut_rows(const product_size *s, product_tasks *out) {
    int64_t row_blocks = divide_up(s->m, s->most_rows), column_blocks = 1;
    const int64_t wanted = s->threads > 1 ? 4 * s->threads : 1;
    while ((int64_t)s->count * row_blocks * column_blocks < wanted) {
        int64_t rows = divide_up(s->m, row_blocks), panels = divide_up(s->panels, column_blocks);
        if (panels > 1 && (panels * s->panel_columns >= rows || rows < 4 * s->tile_rows)) {
            column_blocks++;
        } else if (rows >= 4 * s->tile_rows) {
            row_blocks++;
        } else {
            break;
        }
    }
    out->rows_a_block = divide_up(divide_up(s->m, row_blocks), s->tile_rows) * s->tile_rows;
    out->row_blocks = divide_up(s->m, out->rows_a_block);
    out->panels_a_block = divide_up(s->panels, column_blocks);
}

/* Blocks of at most `most` panels, after cut_rows. Nine tasks for two threads take as long as ten: of up to 16 tasks a thread, the fewest that keep
 * all threads busy but for a twentieth, else those that do so best. */
INLINE void cut_columns(const product_size *s, int64_t most, product_tasks *out) {
    const int64_t others = (int64_t)s->count * out->row_blocks;
    int64_t wide = out->panels_a_block < most ? out->panels_a_block : most;
    wide = divide_up(s->panels, divide_up(s->panels, wide));
    out->panels_a_block = wide;
    for (double busiest = 0; wide >= 1 && busiest < 0.95; wide--) {
        int64_t tasks = others * divide_up(s->panels, wide);
        double busy =
            (double)(others * s->panels) / (double)(divide_up(tasks, s->threads) * s->threads * wide);
        if (busiest > 0 && tasks > 16 * (int64_t)s->threads) {
            break;
        }
        if (busy > busiest) {
            busiest = busy;
            out->panels_a_block = wide;
        }
    }
    out->column_blocks = divide_up(s->panels, out->panels_a_block);
}

#endif
