/* The tiles of the 8-bit GEMM. q8_gemm.c includes this once for each way to multiply, behind the tile's body, which Q8_TILE(body) names;
 * Q8_TARGET is the functions' attribute. */

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
TILES(5)
TILES(6)
#if Q8_MR > 6
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
            TILE_ROW(5),
            TILE_ROW(6),
#if Q8_MR > 6
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
