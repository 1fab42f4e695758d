/* What the key of a figure means: "p50_latency_ms", "throughput_items_per_second", "peak_memory_mb". Private to figures.c. */
#ifndef ACCEL_IMPORT_FIGURE_KEYS_H
#define ACCEL_IMPORT_FIGURE_KEYS_H

#include "import/figures.h"

typedef enum figure_kind {
    KIND_NONE,
    KIND_MEAN,
    KIND_MEDIAN,
    KIND_MIN,
    KIND_MAX,
    KIND_STD,
    KIND_PERCENTILE, /* an ordinary one: not what ours mean, kept with the rest */
    KIND_SAMPLES,
    KIND_ITEMS,
    KIND_TOKENS,
    KIND_TOTAL,
    KIND_LOAD,
    KIND_FIRST,
    KIND_COMPILE,
    KIND_MEMORY
} figure_kind;

typedef struct figure_key {
    figure_kind kind;
    figure_unit unit;
    double factor; /* KIND_MEMORY: bytes of one */
} figure_key;

figure_key figure_key_of(const char *key); /* KIND_NONE: of no figure */
/* Of a member of an object that is about latencies: "mean", "p50_ms". */
figure_key figure_statistic_of(const char *key);

#endif
