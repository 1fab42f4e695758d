/* How busy the machine is, and with what. Private to measure/. */
#ifndef ACCEL_MEASURE_LOAD_H
#define ACCEL_MEASURE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

typedef struct load_snapshot {
    bool known;
    uint64_t time_ns;
    double busy_s, steal_s; /* of the CPUs that this process may use, since the start of the system */
    uint64_t throttles;     /* thermal throttling events counted by the CPU */
} load_snapshot;

void load_take(load_snapshot *out);

typedef struct load_between {
    bool known;
    double foreign_cores; /* CPU time per second that was not ours, steal included; at least 0 */
    double steal_share;   /* of the CPUs' time that the hypervisor gave to others */
    bool throttled;       /* thermal throttling was counted */
} load_between;
/* own_cpu_s: what this process and its children used meanwhile. */
void load_compare(const load_snapshot *before, const load_snapshot *after, double own_cpu_s,
                  load_between *out);

/* Foreign load that a measurement with this many threads bears. */
double load_allowed_cores(int64_t threads);

#endif
