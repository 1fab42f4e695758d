/* When is a series steady? A fixed warm-up is wrong in both directions (Traini et al., EMSE 2023: some series settle late, many never),
 * so the series itself is asked: it is steady when its last regime holds enough of it. */
#include <math.h>

#include "measure/change.h"
#include "measure/stats.h"

/* Medians of `chunk` neighbours: single interrupted iterations do not look like a regime. The last, short chunk is
 * left out. */
static size_t condense(const int64_t *samples_ns, size_t count, size_t chunk, double *points) {
    double sorted[64];
    size_t made = 0;
    size_t stride =
        chunk > 64 ? chunk / 64 : 1; /* of a large chunk every stride-th value speaks for the rest */
    for (size_t begin = 0; begin + chunk <= count && made < STEADY_POINTS; begin += chunk) {
        size_t n = 0;
        for (size_t i = begin; i < begin + chunk && n < 64; i += stride)
            sorted[n++] = (double)samples_ns[i];
        stats_sort(sorted, n);
        points[made++] = n % 2 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
    }
    return made;
}

static double mean_of(const double *values, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

void steady_judge(const int64_t *samples_ns, size_t count, double tolerance, steady_state *out) {
    /* The recipe's p-value is no false-alarm rate (change.h); here the step's size is a second condition. */
    const double max_p = 1e-3;
    double points[STEADY_POINTS];
    *out = (steady_state){false, false, 0, 0.0};
    if (count < STEADY_POINTS_LEAST)
        return;
    size_t chunk = (count + STEADY_POINTS - 1) / STEADY_POINTS;
    size_t n = condense(samples_ns, count, chunk, points), from = 0;
    if (n < STEADY_POINTS_LEAST)
        return;
    out->enough = true;
    for (;;) {
        size_t split = change_best_split(points + from, n - from, 2, NULL);
        if (split == 0 || change_split_p_value(points + from, n - from, split) >= max_p)
            break;
        double before = mean_of(points + from, split),
               after = mean_of(points + from + split, n - from - split);
        if (!(fabs(after - before) > tolerance * before))
            break;
        out->change = after / before - 1.0;
        from += split;
    }
    out->from = from * chunk;
    out->steady = n - from >= STEADY_POINTS_LEAST && 2 * (n - from) >= n;
}
