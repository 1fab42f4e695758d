/* The instances of a micro-kernel and their table. A file includes this once for each of its micro-kernels, behind the body, with
 *   TILE(name)    what names are made with; TILE(body)(rows, vectors, panels, args) is the body, TILE(tiles) becomes the table
 *   TILE_TARGET   the functions' attribute
 *   TILE_ROWS     most rows: 4, 6 or 8
 *   TILE_ARGS, TILE_TABLE   types; the table has tiles[rows - 1][vectors - 1], one_row_four_panels and two_rows_two_panels. */

#define INSTANCE(rows, vectors, panels)                                                                      \
    TILE_TARGET static __attribute__((noinline)) void TILE(rows##_##vectors##_##panels)(                     \
        const TILE_ARGS *t) {                                                                                \
        TILE(body)(rows, vectors, panels, t);                                                                \
    }
#define INSTANCES(rows) INSTANCE(rows, 1, 1) INSTANCE(rows, 2, 1)
INSTANCES(1)
INSTANCES(2)
INSTANCES(3)
INSTANCES(4)
#if TILE_ROWS > 4
INSTANCES(5)
INSTANCES(6)
#endif
#if TILE_ROWS > 6
INSTANCES(7)
INSTANCES(8)
#endif
/* One or two rows would wait for their few accumulators: several panels at once keep the multipliers busy. */
INSTANCE(1, 2, 4)
INSTANCE(2, 2, 2)

#define TABLE_ROW(rows) {TILE(rows##_1_1), TILE(rows##_2_1)}
static const TILE_TABLE TILE(tiles) = {
    .tiles =
        {
            TABLE_ROW(1),
            TABLE_ROW(2),
            TABLE_ROW(3),
            TABLE_ROW(4),
#if TILE_ROWS > 4
            TABLE_ROW(5),
            TABLE_ROW(6),
#endif
#if TILE_ROWS > 6
            TABLE_ROW(7),
            TABLE_ROW(8),
#endif
        },
    .one_row_four_panels = TILE(1_2_4),
    .two_rows_two_panels = TILE(2_2_2),
};
#undef TABLE_ROW
#undef INSTANCES
#undef INSTANCE
#undef TILE
#undef TILE_TARGET
#undef TILE_ROWS
#undef TILE_ARGS
#undef TILE_TABLE
