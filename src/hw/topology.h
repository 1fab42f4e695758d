/* Private to hw/: the shape of a machine as hwloc tells it. */
#ifndef ACCEL_HW_TOPOLOGY_H
#define ACCEL_HW_TOPOLOGY_H

#include "hw/source.h"

/* Fills packages, cores, threads, kinds, caches and nodes of r->cpu, its architecture where hwloc knows it, and the threads, cores and nodes of
 * r->allowance that control groups leave. A machine that hwloc cannot read leaves them unknown, with a line of evidence. */
accel_status topology_read(hw_source *s, hw_report *r, accel_error *err);

#define TOPOLOGY_ANSWER "hwloc"
/* Writes these figures into the source's answers; and reads them from a capture's: untrusted. */
accel_status topology_remember(hw_source *s, const hw_report *r, accel_error *err);
accel_status topology_parse(hw_report *r, const char *json, accel_error *err);

/* One core as the kinds are told apart. */
typedef struct core_facts {
    int64_t type; /* of the processor's own numbering; HW_UNKNOWN */
    int64_t max_mhz, base_mhz, capacity, threads;
} core_facts;
/* Groups cores into kinds, the fastest first: by type where every core has one, else where the highest frequencies are far apart. NULL
 * when memory ends. */
const hw_core_kind *core_kinds(const core_facts *cores, size_t core_count, arena *a, size_t *count);

/* The register values that a line of a CPUID dump gives for a leaf. False: the dump has none. */
bool cpuid_dump_find(const char *dump, unsigned leaf, unsigned subleaf, uint32_t registers[4]);
/* The core type of a processor by its dump: Intel's leaf 0x1a, AMD's 0x80000026; HW_UNKNOWN. Larger is faster. */
int64_t cpuid_core_type(const char *dump);

/* The value behind "key :" in /proc/cpuinfo's text for the n-th time, up to the line's end; NULL. */
const char *cpuinfo_value(const char *cpuinfo, const char *key, size_t nth, size_t *length);

/* The beginning of the line behind this one; "" behind the last. */
const char *topology_next_line(const char *line);

#endif
