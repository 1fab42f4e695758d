/* Latency, throughput and memory of one old result, from keys spelt in many ways, and the unit of what has none in its key. */
#ifndef ACCEL_IMPORT_FIGURES_H
#define ACCEL_IMPORT_FIGURES_H

#include "import/value.h"

typedef enum figure_unit { FIGURE_NO_UNIT, FIGURE_NS, FIGURE_US, FIGURE_MS, FIGURE_S } figure_unit;

typedef struct figures {
    double mean_ms, median_ms, min_ms, max_ms, std_ms; /* NAN: not there */
    const int64_t *samples_ns;
    size_t sample_count;
    double items_per_s, tokens_per_s;
    double total_s; /* of all iterations, where the key says seconds or milliseconds */
    double load_ms, first_ms, compile_ms;
    double memory_bytes;
    bool per_item; /* the throughput shows that the latency is of one element of the batch */
} figures;

/* Whether a member of the object is a latency or a throughput. */
bool figures_are_in(yyjson_val *object);
bool figures_is_key(const char *key); /* of a latency or a throughput */

/* Reads what r's object says and notes it as used. `unit` is that of latencies whose key has none, FIGURE_NO_UNIT where nothing is known: then
 * the throughput (or the total time over the iterations) decides. ACCEL_BAD_FILE: two figures contradict each other, or a unit stays open. batch
 * and iterations: RECORD_NONE when absent. */
accel_status figures_read(value_reader *r, int64_t batch, int64_t iterations, figure_unit unit, figures *out,
                          accel_error *err);

#endif
