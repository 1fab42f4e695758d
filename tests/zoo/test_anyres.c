/* The arithmetic of tiles on odd sizes, against the transformers package's select_best_resolution and unpad_image. */
#include "support/test.h"

#include "zoo/anyres.h"

typedef struct expected {
    int64_t image[2], pinpoint[2], window[6];
} expected;

static void check(const expected *e, const int64_t (*pinpoints)[2], size_t count, int64_t tile, int64_t side,
                  int64_t most) {
    int64_t best[2];
    zoo_anyres_pinpoint(e->image, pinpoints, count, best);
    assert_int_equal(best[0], e->pinpoint[0]);
    assert_int_equal(best[1], e->pinpoint[1]);
    zoo_window w = zoo_anyres_unpad(e->image, best[0] / tile * side, best[1] / tile * side);
    if (most > 0) {
        zoo_anyres_shrink(&w, most);
    }
    int64_t have[6] = {w.top, w.left, w.rows, w.columns, w.out_rows, w.out_columns};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(have[i], e->window[i]);
    }
}

static void next_keeps_what_the_image_covers(void **state) {
    (void)state;
    static const int64_t pinpoints[][2] = {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}};
    static const expected cases[] = {
        {{480, 640}, {672, 672}, {6, 0, 36, 48, 36, 48}},
        {{640, 480}, {672, 672}, {0, 6, 48, 36, 48, 36}},
        {{336, 336}, {336, 672}, {0, 12, 24, 24, 24, 24}},
        {{1, 1}, {336, 672}, {0, 12, 24, 24, 24, 24}},
        {{1000, 333}, {1008, 336}, {0, 0, 72, 24, 72, 24}},
        {{333, 1000}, {336, 1008}, {0, 0, 24, 72, 24, 72}},
        {{1, 5000}, {336, 672}, {12, 0, 0, 48, 0, 48}},
        {{3638, 2}, {336, 672}, {0, 24, 24, 0, 24, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check(&cases[i], pinpoints, 5, 336, 24, 0);
    }
}

static void onevision_shrinks_large_grids(void **state) {
    (void)state;
    static const expected cases[] = {
        {{480, 640}, {768, 768}, {7, 0, 40, 54, 40, 54}},
        {{384, 384}, {384, 384}, {0, 0, 27, 27, 27, 27}},
        {{1523, 4934}, {768, 2304}, {2, 0, 50, 162, 44, 145}}, /* 50 // ratio is 44, though 50 / ratio rounds to 45 */
        {{74904, 45662}, {2304, 1536}, {0, 5, 162, 98, 104, 62}},
        {{50, 3000}, {384, 2304}, {12, 0, 3, 162, 3, 162}},
        {{2304, 2304}, {2304, 2304}, {0, 0, 162, 162, 81, 81}},
    };
    int64_t pinpoints[36][2];
    for (int i = 0; i < 36; i++) {
        pinpoints[i][0] = 384 * (i / 6 + 1);
        pinpoints[i][1] = 384 * (i % 6 + 1);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check(&cases[i], (const int64_t(*)[2])pinpoints, 36, 384, 27, 9 * 27 * 27);
    }
}

static void taps_stay_inside(void **state) {
    (void)state;
    int64_t near[2];
    float second;
    zoo_bilinear_taps(0, 2, 3, near, &second); /* 0.25 */
    assert_true(near[0] == 0 && near[1] == 1 && second == 0.25f);
    zoo_bilinear_taps(1, 2, 3, near, &second); /* 1.75 */
    assert_true(near[0] == 1 && near[1] == 2 && second == 0.75f);
    zoo_bilinear_taps(4, 5, 2, near, &second); /* 1.3, beyond the last */
    assert_true(near[0] == 1 && near[1] == 1);
    zoo_bilinear_taps(0, 5, 2, near, &second); /* -0.3, before the first */
    assert_true(near[0] == 0 && second == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_keeps_what_the_image_covers),
        cmocka_unit_test(onevision_shrinks_large_grids),
        cmocka_unit_test(taps_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
