#include "measure/load.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"

enum {
    STAT_USER,
    STAT_NICE,
    STAT_SYSTEM,
    STAT_IDLE,
    STAT_IOWAIT,
    STAT_IRQ,
    STAT_SOFTIRQ,
    STAT_STEAL,
    STAT_FIELDS
};

/* "cpu3 user nice system idle iowait irq softirq steal …" in ticks, proc(5). */
static void add_cpu_line(const char *line, const cpu_set_t *allowed, load_snapshot *out) {
    char *at = NULL;
    long cpu = strtol(line + 3, &at, 10);
    double ticks[STAT_FIELDS] = {0};
    if (at == line + 3 || cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, allowed))
        return;
    for (int i = 0; i < STAT_FIELDS; i++)
        ticks[i] = (double)strtoull(at, &at, 10);
    double per_second = (double)sysconf(_SC_CLK_TCK);
    out->busy_s +=
        (ticks[STAT_USER] + ticks[STAT_NICE] + ticks[STAT_SYSTEM] + ticks[STAT_IRQ] + ticks[STAT_SOFTIRQ]) /
        per_second;
    out->steal_s += ticks[STAT_STEAL] / per_second;
    out->known = true;
}

static uint64_t throttle_events(void) {
    uint64_t sum = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        char path[96], *text = NULL;
        size_t length = 0;
        str_format(path, sizeof path, "/sys/devices/system/cpu/cpu%d/thermal_throttle/package_throttle_count",
                   cpu);
        if (file_read(path, 64, &text, &length, NULL) != ACCEL_OK)
            return sum;
        sum += strtoull(text, NULL, 10);
        mem_free(text);
    }
    return sum;
}

void load_take(load_snapshot *out) {
    char *text = NULL;
    size_t length = 0;
    cpu_set_t allowed;
    *out = (load_snapshot){.time_ns = clock_now_ns()};
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    if (file_read("/proc/stat", 1 << 22, &text, &length, NULL) != ACCEL_OK)
        return;
    for (const char *line = text; line && strncmp(line, "cpu", 3) == 0;) {
        add_cpu_line(line, &allowed, out);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    mem_free(text);
    out->throttles = throttle_events();
}

void load_compare(const load_snapshot *before, const load_snapshot *after, double own_cpu_s,
                  load_between *out) {
    double elapsed_s = (double)(after->time_ns - before->time_ns) * 1e-9;
    *out = (load_between){.known = before->known && after->known && elapsed_s > 0.0};
    if (!out->known)
        return;
    double steal_s = after->steal_s - before->steal_s;
    double foreign_s = after->busy_s - before->busy_s + steal_s - own_cpu_s;
    out->foreign_cores = foreign_s > 0.0 ? foreign_s / elapsed_s : 0.0;
    out->steal_share = steal_s / elapsed_s / thread_cpu_count();
    out->throttled = after->throttles > before->throttles;
}

/* A tenth of a core is the noise of an idle system (and of counting in ticks). CPUs that the case does not use may work a little
 * for others; more than that takes memory bandwidth and clock frequency away. */
double load_allowed_cores(int64_t threads) {
    int64_t spare = (int64_t)thread_cpu_count() - threads;
    return 0.1 + (spare > 0 ? 0.25 * (double)spare : 0.0);
}
