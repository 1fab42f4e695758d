/* Memory: what the kernel manages (/proc/meminfo) and what is installed (the NUMA nodes of hwloc). In virtual machines with memory
 * ballooning the two differ. */
#include <stdlib.h>
#include <string.h>

#include "hw/probes.h"

/* The bytes behind "MemTotal:       527031224 kB". */
static int64_t field_bytes(const char *meminfo, const char *key) {
    const char *at = meminfo ? strstr(meminfo, key) : NULL;
    char *end = NULL;
    if (!at || (at != meminfo && at[-1] != '\n'))
        return HW_UNKNOWN;
    at += strlen(key);
    long long kib = strtoll(at, &end, 10);
    return end == at || kib < 0 || kib > INT64_MAX / 1024 ? HW_UNKNOWN : (int64_t)kib * 1024;
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    const char *meminfo = hw_read(s, "/proc/meminfo");
    (void)options;
    (void)err;
    r->memory.total_bytes = field_bytes(meminfo, "MemTotal:");
    r->memory.available_bytes = field_bytes(meminfo, "MemAvailable:");
    if (r->memory.available_bytes == HW_UNKNOWN) /* kernels before 3.14 */
        r->memory.available_bytes = field_bytes(meminfo, "MemFree:");
    r->memory.swap_bytes = field_bytes(meminfo, "SwapTotal:");
    int64_t sum = 0;
    for (size_t i = 0; i < r->cpu.node_count; i++)
        if (r->cpu.nodes[i].bytes > 0 && r->cpu.nodes[i].bytes <= INT64_MAX - sum)
            sum += r->cpu.nodes[i].bytes;
    r->memory.installed_bytes = sum > 0 ? sum : HW_UNKNOWN;
    return ACCEL_OK;
}

const hw_probe probe_memory = {
    .name = "memory", .priority = 20, .summary = "memory: managed, available, installed, swap", .run = run};
