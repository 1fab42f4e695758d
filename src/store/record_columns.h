/* Figures of a record that stand in a column of performance_results and, when the row is ok, not in its metrics. Private to the store. */
#ifndef ACCEL_STORE_RECORD_COLUMNS_H
#define ACCEL_STORE_RECORD_COLUMNS_H

/* X(member of the record, column, what the column's value is multiplied by) */
#define RECORD_COLUMNS_INT(X)                                                                                \
    X(load_ns, load_ms, 1e6)                                                                                 \
    X(compile_ns, compile_ms, 1e6)                                                                           \
    X(first_ns, first_ms, 1e6)                                                                               \
    X(peak_rss_bytes, memory_peak_mb, 1e6)
#define RECORD_COLUMNS_REAL(X)                                                                               \
    X(latency_mean_ms, average_latency_ms, 1)                                                                \
    X(latency_median_ms, median_latency_ms, 1)                                                               \
    X(latency_p90_ms, p90_latency_ms, 1)                                                                     \
    X(latency_p99_ms, p99_latency_ms, 1)                                                                     \
    X(latency_ci95_ms, ci95_latency_ms, 1)                                                                   \
    X(throughput_items_per_s, throughput_items_per_second, 1)                                                \
    X(tokens_per_s, tokens_per_second, 1)

#endif
