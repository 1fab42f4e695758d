#include "zoo/anyres.h"

#include <math.h>

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

void zoo_anyres_pinpoint(const int64_t image[2], const int64_t (*pinpoints)[2], size_t count,
                         int64_t best[2]) {
    int64_t most = 0, wasted = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        const int64_t *p = pinpoints[i];
        double down = (double)p[0] / (double)image[0], across = (double)p[1] / (double)image[1];
        double scale = across < down ? across : down;
        int64_t height = (int64_t)((double)image[0] * scale), width = (int64_t)((double)image[1] * scale);
        int64_t kept = least(height * width, image[0] * image[1]), waste = p[0] * p[1] - kept;
        if (kept > most || (kept == most && waste < wasted)) {
            most = kept;
            wasted = waste;
            best[0] = p[0];
            best[1] = p[1];
        }
    }
}

/* What is cut off at each end of a side of `current` features, of which the image covers so many. The package rounds to seven
 * digits before it truncates, so 5e-8 below a whole number counts as it. */
static int64_t padding(int64_t current, double covered) {
    int64_t cut = (current - (int64_t)(covered + 5e-8)) / 2;
    return cut > 0 ? cut : 0;
}

zoo_window zoo_anyres_unpad(const int64_t image[2], int64_t rows, int64_t columns) {
    zoo_window w = {0, 0, rows, columns, 0, 0};
    double height = (double)image[0], width = (double)image[1];
    if (width / height > (double)columns / (double)rows)
        w.top = padding(rows, height * ((double)columns / width));
    else
        w.left = padding(columns, width * ((double)rows / height));
    w.out_rows = w.rows = rows - 2 * w.top;
    w.out_columns = w.columns = columns - 2 * w.left;
    return w;
}

/* Whole times that ratio goes into size: less by one than a rounded quotient where that is rounded up to a whole number. */
static int64_t whole_times(int64_t size, double ratio) {
    double value = (double)size;
    return (int64_t)floor((value - fmod(value, ratio)) / ratio + 0.5);
}

void zoo_anyres_shrink(zoo_window *w, int64_t most) {
    double ratio = sqrt((double)(w->rows * w->columns) / (double)most);
    if (ratio > 1.1) {
        w->out_rows = whole_times(w->rows, ratio);
        w->out_columns = whole_times(w->columns, ratio);
    }
}

/* In float32, as the reference computes it. */
void zoo_bilinear_taps(int64_t out, int64_t size_out, int64_t size, int64_t near[2], float *second) {
    float at = (float)size / (float)size_out * ((float)out + 0.5f) - 0.5f;
    at = at > 0 ? at : 0;
    near[0] = least((int64_t)at, size - 1);
    near[1] = least(near[0] + 1, size - 1);
    *second = at - (float)near[0];
}
