/* The tile of the 8-bit GEMM. q8_gemm.c includes this once for each way to multiply: Q8_TILE(name) makes the names, Q8_TARGET is
 * the functions' attribute, Q8_LEFT and Q8_RIGHT the types of the operands once they are in registers, Q8_TAKE_LEFT and
 * Q8_TAKE_RIGHT what makes them of four bytes a lane, Q8_DOT what adds their products to a sum. */

/* rows, vectors and panels are constants where this is inlined, so that the sums are registers. */
Q8_TARGET INLINE void Q8_TILE(body)(const int rows, const int vectors, const int panels,
                                    const q8_tile_args *t) {
    enum { MOST = Q8_MR * 2 };
    const int wide = vectors * panels;
    const vu flip = (vu)v_splat_int((int32_t)t->flip);
    vi sum[Q8_MR][MOST];
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < wide; v++) {
            sum[i][v] = t->start == NULL ? (vi){0} : vi_load(t->start + v * VW);
        }
    }
    const int8_t *panel = t->panel;
    for (int64_t s = 0; s < t->segments; s++) {
        const uint8_t *row[Q8_MR];
        uint32_t tail[Q8_MR];
        UNROLL for (int i = 0; i < rows; i++) {
            row[i] = t->rows[s * Q8_MR + i];
        }
        int64_t left = t->length, groups = left / 4;
        while (left > 0) {
            for (int64_t k = 0; k < groups; k++) {
                Q8_RIGHT b[MOST];
                UNROLL for (int v = 0; v < wide; v++) {
                    b[v] = Q8_TAKE_RIGHT(
                        vi_load(panel + (v / vectors) * t->panel_step + (v % vectors) * VECTOR_BYTES));
                }
                panel += vectors * VECTOR_BYTES;
                UNROLL for (int i = 0; i < rows; i++) {
                    int32_t four;
                    __builtin_memcpy(&four, row[i] + 4 * k, 4);
                    Q8_LEFT a = Q8_TAKE_LEFT((vi)((vu)v_splat_int(four) ^ flip));
                    UNROLL for (int v = 0; v < wide; v++) {
                        sum[i][v] = Q8_DOT(sum[i][v], a, b[v]);
                    }
                }
            }
            left -= 4 * groups;
            if (left > 0) { /* the last one to three bytes of a row: what lies behind them is not read */
                UNROLL for (int i = 0; i < rows; i++) {
                    tail[i] = 0;
                    for (int64_t k = 0; k < left; k++) {
                        tail[i] |= (uint32_t)row[i][4 * groups + k] << (8 * k);
                    }
                    row[i] = (const uint8_t *)&tail[i];
                }
                left = 4;
                groups = 1;
            }
        }
    }
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < wide; v++) {
            vi_store(t->out + i * t->out_stride + v * VW, sum[i][v]);
        }
    }
}

#define TILE(rows, vectors, panels)                                                                          \
    Q8_TARGET static __attribute__((noinline)) void Q8_TILE(rows##_##vectors##_##panels)(                    \
        const q8_tile_args *t) {                                                                             \
        Q8_TILE(body)(rows, vectors, panels, t);                                                             \
    }
#define TILES(rows) TILE(rows, 1, 1) TILE(rows, 2, 1)
TILES(1)
TILES(2)
TILES(3)
TILES(4)
#if Q8_MR > 4
TILES(5)
TILES(6)
TILES(7)
TILES(8)
#endif
/* One or two rows would wait for their few sums: several panels at once keep the multipliers busy. */
TILE(1, 2, 4)
TILE(2, 2, 2)
#undef TILES
#undef TILE

#define TILE_ROW(rows) {Q8_TILE(rows##_1_1), Q8_TILE(rows##_2_1)}
static const q8_tiles Q8_TILE(tiles) = {
    .one =
        {
            TILE_ROW(1),
            TILE_ROW(2),
            TILE_ROW(3),
            TILE_ROW(4),
#if Q8_MR > 4
            TILE_ROW(5),
            TILE_ROW(6),
            TILE_ROW(7),
            TILE_ROW(8),
#endif
        },
    .four_panels = Q8_TILE(1_2_4),
    .two_panels = Q8_TILE(2_2_2),
};
#undef TILE_ROW
#undef Q8_TILE
#undef Q8_TARGET
#undef Q8_LEFT
#undef Q8_RIGHT
#undef Q8_TAKE_LEFT
#undef Q8_TAKE_RIGHT
#undef Q8_DOT
