/* Images of any size in tiles of one size, as LLaVA-NeXT and OneVision cut them: the arithmetic, on the host. Equal to
 * the transformers package's select_best_resolution and unpad_image, whose rules in float64 are kept. Private to zoo/. */
#ifndef ACCEL_ZOO_ANYRES_H
#define ACCEL_ZOO_ANYRES_H

#include <stddef.h>
#include <stdint.h>

enum { ZOO_MAX_IMAGE_SIDE = 1 << 24 };

/* The pinpoint [height, width], of at least one, that an image fits best: that which keeps most of its pixels, then the one
 * that wastes least. Sides are from 1 to ZOO_MAX_IMAGE_SIDE. */
void zoo_anyres_pinpoint(const int64_t image[2], const int64_t (*pinpoints)[2], size_t count,
                         int64_t best[2]);

/* A window of a grid, and the size that it is resampled to. */
typedef struct zoo_window {
    int64_t top, left, rows, columns;
    int64_t out_rows, out_columns;
} zoo_window;

/* What remains of a grid of rows x columns features without those that see only the padding about an image [height, width].
 * Nothing may remain of a side of an image that is hardly a line. */
zoo_window zoo_anyres_unpad(const int64_t image[2], int64_t rows, int64_t columns);
/* Shrinks it to about `most` features where it has more than 1.1² as many. */
void zoo_anyres_shrink(zoo_window *w, int64_t most);

/* Bilinear resampling, align_corners false: where `out` of `size_out` falls among `size`: two neighbours and the weight of the second. */
void zoo_bilinear_taps(int64_t out, int64_t size_out, int64_t size, int64_t near[2], float *second);

#endif
