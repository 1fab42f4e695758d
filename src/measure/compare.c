/* Is one result faster than another, and how sure is that? */
#include <math.h>

#include "base/mem.h"
#include "measure/measure.h"
#include "measure/stats.h"

/* Neighbouring samples of one process resemble each other: taken as independent they promise an interval that is too narrow. The means of
 * a few long batches hardly do (batch means; Alexopoulos & Seila 1998). */
enum { BATCHES = 20, BATCH_LEAST = 2 };

/* All samples of one side in a row, in ms. A group for each record (process), or, of a single process, for each batch. */
typedef struct side {
    double *values;
    size_t *sizes;
    stats_series series;
} side;

static size_t split_into_batches(size_t *sizes) {
    size_t count = sizes[0], batches = count / BATCH_LEAST < BATCHES ? count / BATCH_LEAST : BATCHES;
    if (batches < 2)
        return 1;
    for (size_t i = 0; i < batches; i++) /* sizes differ by one at most */
        sizes[i] = count * (i + 1) / batches - count * i / batches;
    return batches;
}

static accel_status gather_side(const record *const *records, size_t count, side *out, accel_error *err) {
    size_t total = 0, at = 0, groups = 0;
    for (size_t i = 0; i < count; i++)
        total += records[i]->samples_ns_count;
    out->values = mem_calloc(total + 1, sizeof *out->values);
    out->sizes = mem_calloc(count + BATCHES, sizeof *out->sizes);
    if (!out->values || !out->sizes)
        return error_no_memory(err, "a comparison", (unsigned long long)total * sizeof *out->values);
    for (size_t i = 0; i < count; i++) {
        if (records[i]->samples_ns_count == 0)
            continue; /* not ok: it has nothing to compare */
        out->sizes[groups++] = records[i]->samples_ns_count;
        for (size_t k = 0; k < records[i]->samples_ns_count; k++)
            out->values[at++] = (double)records[i]->samples_ns[k] * 1e-6;
    }
    if (groups == 1)
        groups = split_into_batches(out->sizes);
    out->series = (stats_series){out->values, out->sizes, groups};
    return ACCEL_OK;
}

static void free_side(side *s) {
    mem_free(s->values);
    mem_free(s->sizes);
}

accel_status record_compare(const record *const *a, size_t a_count, const record *const *b, size_t b_count,
                            record_comparison *out, accel_error *err) {
    side sides[2] = {0};
    stats_ratio ratio;
    *out = (record_comparison){NAN, NAN, NAN, false, false};
    accel_status status = gather_side(a, a_count, &sides[0], err);
    if (status == ACCEL_OK)
        status = gather_side(b, b_count, &sides[1], err);
    if (status == ACCEL_OK) {
        stats_ratio_of_means(&sides[0].series, &sides[1].series, 0.95, &ratio);
        *out = (record_comparison){ratio.ratio, ratio.low, ratio.high, ratio.different,
                                   a_count > 1 && b_count > 1};
    }
    free_side(&sides[0]);
    free_side(&sides[1]);
    return status;
}
