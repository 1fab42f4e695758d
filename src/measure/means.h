/* Two sides of a comparison, each measured by some processes in some runs: how many times as large is the one, and may that be chance?
 *
 * The interval is of the level that varies (Kalibera & Jones, ISMM 2013): of runs where there are enough, else of processes. One process tells
 * nothing of how processes differ, whatever the number of its samples: where both sides have one only, no difference is called one. */
#ifndef ACCEL_MEASURE_MEANS_H
#define ACCEL_MEASURE_MEANS_H

#include <stddef.h>

#include "measure/stats.h"

/* symbol, name, what varies */
#define MEANS_LEVEL_LIST(X)                                                                                  \
    X(MEANS_RUNS, "runs", "between runs, of which each side has three at least")                             \
    X(MEANS_PROCESSES, "processes", "between processes, of which each side has two at least")                \
    X(MEANS_OTHER_SIDE, "other side",                                                                        \
      "between the processes of one side; the other has one and is taken to vary as much")                   \
    X(MEANS_SAMPLES, "samples", "between the samples of one process a side")                                 \
    X(MEANS_NONE, "none", "nothing that is known")

typedef enum means_level {
#define MEANS_LEVEL_ENUM(symbol, name, text) symbol,
    MEANS_LEVEL_LIST(MEANS_LEVEL_ENUM)
#undef MEANS_LEVEL_ENUM
} means_level;
const char *means_level_name(means_level level);

typedef enum means_verdict {
    MEANS_SMALLER, /* of b, against a */
    MEANS_LARGER,
    MEANS_SAME,   /* no difference shown */
    MEANS_TOO_FEW /* more processes are needed to tell */
} means_verdict;

typedef struct means_side {
    const double *values;    /* one a process, run after run; above 0 */
    const size_t *run_sizes; /* processes of each run */
    size_t run_count;
    const double *
        parts; /* means of a few long batches of samples of a process that is alone (Alexopoulos & Seila 1998) */
    size_t part_count;
} means_side;

typedef struct means_comparison {
    double mean_a, mean_b;
    size_t processes_a, processes_b;
    stats_ratio ratio; /* of b to a, 95 % */
    means_level level;
    means_verdict verdict;
} means_comparison;

/* at_least: a share; the verdict is a difference only where the interval lies wholly beyond it (0.05: below 1/1.05 or above 1.05). */
void means_compare(const means_side *a, const means_side *b, double at_least, means_comparison *out);

#endif
