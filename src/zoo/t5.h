/* Private to zoo/. */
#ifndef ACCEL_ZOO_T5_H
#define ACCEL_ZOO_T5_H

#include <stdbool.h>
#include <stdint.h>

/* The bucket of a distance key - query (Raffel et al., arXiv 1910.10683): distances below half of a side's buckets have
 * one each, the rest share them by their logarithm, in float32 as in the reference, whose roundings decide at the
 * edges. both_ways: half of the buckets are for keys after the query; else those count as distance 0. Needs
 * buckets ≥ 4 (2 where not both_ways) and max_distance > buckets / 2 (half of that where both_ways). */
int64_t zoo_t5_bucket(int64_t distance, bool both_ways, int64_t buckets, int64_t max_distance);

#endif
