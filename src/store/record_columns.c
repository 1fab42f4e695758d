#include "store/record_columns.h"

#include "base/mem.h"
#include "measure/stats.h"

/* As the harness computes them, to the last bit. */
accel_status figures_of_samples(const record *r, sample_figures *out, accel_error *err) {
    stats_summary s;
    size_t count = r->samples_ns_count;
    *out = (sample_figures){(double)NAN, (double)NAN, (double)NAN};
    if (count == 0)
        return ACCEL_OK;
    double *sorted_ms = mem_calloc(count, sizeof *sorted_ms);
    if (sorted_ms == NULL)
        return error_no_memory(err, "statistics", count * sizeof *sorted_ms);
    for (size_t i = 0; i < count; i++)
        sorted_ms[i] = (double)r->samples_ns[i] * 1e-6;
    stats_sort(sorted_ms, count);
    stats_describe_sorted(sorted_ms, count, &s);
    *out = (sample_figures){s.min, s.max, s.std};
    mem_free(sorted_ms);
    return ACCEL_OK;
}
