/* What of a record stands in a column and, when the row is ok, not in its metrics. Private to the store. */
#ifndef ACCEL_STORE_RECORD_COLUMNS_H
#define ACCEL_STORE_RECORD_COLUMNS_H

#include "measure/record.h"

/* X(member of the record, column, what the column's value is multiplied by); p: performance_results, m: models, h: hardware_platforms. */
#define RECORD_COLUMNS_INT(X)                                                                                \
    X(load_ns, p.load_ms, 1e6)                                                                               \
    X(compile_ns, p.compile_ms, 1e6)                                                                         \
    X(first_ns, p.first_ms, 1e6)                                                                             \
    X(peak_rss_bytes, p.memory_peak_mb, 1e6)                                                                 \
    X(batch, p.batch_size, 1)                                                                                \
    X(sequence, p.sequence_length, 1)                                                                        \
    X(threads, p.threads, 1)                                                                                 \
    X(warmup_count, p.warmup_iterations, 1)
#define RECORD_COLUMNS_REAL(X)                                                                               \
    X(latency_mean_ms, p.average_latency_ms, 1)                                                              \
    X(latency_median_ms, p.median_latency_ms, 1)                                                             \
    X(latency_p90_ms, p.p90_latency_ms, 1)                                                                   \
    X(latency_p99_ms, p.p99_latency_ms, 1)                                                                   \
    X(latency_ci95_ms, p.ci95_latency_ms, 1)                                                                 \
    X(throughput_items_per_s, p.throughput_items_per_second, 1)                                              \
    X(tokens_per_s, p.tokens_per_second, 1)                                                                  \
    X(relative_l2, p.relative_l2, 1)
#define RECORD_COLUMNS_TEXT(X)                                                                               \
    X(record_id, p.record_id, 1)                                                                             \
    X(model_name, m.model_name, 1)                                                                           \
    X(model_family, m.model_family, 1)                                                                       \
    X(model_modality, m.modality, 1)                                                                         \
    X(model_source, m.source, 1)                                                                             \
    X(model_sha256, m.version, 1)                                                                            \
    X(platform, h.hardware_type, 1)                                                                          \
    X(device_name, h.device_name, 1)                                                                         \
    X(engine_name, p.engine, 1)                                                                              \
    X(engine_version, p.engine_version, 1)                                                                   \
    X(shapes, p.shapes, 1)                                                                                   \
    X(precision_asked, p.precision_asked, 1)                                                                 \
    X(precision_ran, p.precision_ran, 1)                                                                     \
    X(mode, p.mode, 1)                                                                                       \
    X(scenario, p.scenario, 1)                                                                               \
    X(verification_reference, p.reference, 1)

/* Figures that follow from the samples: where a record's own are these, they are not stored. NAN without samples. */
typedef struct sample_figures {
    double min_ms, max_ms, std_ms;
} sample_figures;
accel_status figures_of_samples(const record *r, sample_figures *out, accel_error *err);

#endif
