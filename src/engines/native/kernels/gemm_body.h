/* The body of the packed GEMM's micro-kernel for what TILE_LEFT is: a float, or a word of two bfloat16 in all lanes. gemm.c and half_gemm.c
 * include it in front of tiles.h. TILE_TAKE reads the left side's element (or word), TILE_MULTIPLY adds its products to a sum. */

/* rows, vectors and panels are constants where this is inlined, so that the accumulators are registers. */
TILE_TARGET INLINE void TILE(body)(const int rows, const int vectors, const int panels,
                                   const gemm_tile_args *t) {
    const int wide = vectors * panels;
    vf acc[GEMM_MR][TILE_MOST];
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < wide; v++) {
            acc[i][v] = (vf){0};
        }
    }
    tile_sums sums;
    sums.room = GEMM_SUM;
    sums.any = false;
    const float *panel = t->panel;
    for (int64_t s = 0; s < t->segments; s++) {
        const float *row[GEMM_MR];
        UNROLL for (int i = 0; i < rows; i++) {
            row[i] = t->rows[s * t->row_step + i];
        }
        for (int64_t k = 0; k < t->length;) {
            const int64_t stop = t->length - k < sums.room ? t->length : k + sums.room;
            for (sums.room -= stop - k; k < stop; k++) {
                vf b[TILE_MOST];
                UNROLL for (int v = 0; v < wide; v++) {
                    const float *at = panel + (v / vectors) * t->panel_step + (v % vectors) * VW;
                    b[v] = v_load(at);
                    if (v * VW % GEMM_LINE == 0) {
                        __builtin_prefetch(at + GEMM_AHEAD);
                    }
                }
                panel += vectors * VW;
                UNROLL for (int i = 0; i < rows; i++) {
                    const TILE_LEFT a = TILE_TAKE(row[i] + k);
                    UNROLL for (int v = 0; v < wide; v++) {
                        acc[i][v] = TILE_MULTIPLY(acc[i][v], a, b[v]);
                    }
                }
            }
            if (sums.room == 0) {
                tile_keep(rows, wide, acc, &sums);
            }
        }
    }
    tile_end(rows, wide, acc, &sums, t);
}
#undef TILE_LEFT
#undef TILE_TAKE
#undef TILE_MULTIPLY
