/* How many CPUs this process may use: its affinity, cut by the quota of the control group it runs in. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/posix/thread_cpus.h"
#include "base/thread.h"

enum { SMALL_FILE_BYTES = 64 * 1024, MOST_CPUS = 1 << 16 };

static int affinity_cpus(void) {
#ifdef CPU_ALLOC
    /* The kernel refuses a mask smaller than its own: double it until it fits. */
    for (int cpus = 1024; cpus <= MOST_CPUS; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        size_t size_bytes = CPU_ALLOC_SIZE((size_t)cpus);
        int result = set ? sched_getaffinity(0, size_bytes, set) : -1;
        int error = errno;
        int count = result == 0 ? CPU_COUNT_S(size_bytes, set) : 0;
        CPU_FREE(set);
        if (result == 0) {
            return count;
        }
        if (error != EINVAL) {
            break;
        }
    }
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 && online <= MOST_CPUS ? (int)online : 1;
}

/* Reads folder/name; false when it is not there. The text is cut to the buffer. */
static bool read_small(const char *folder, const char *name, char *text, size_t size) {
    str_buf path = {0};
    file_join(&path, folder, name);
    char *content = NULL;
    size_t length;
    bool there = !path.failed && file_read(path.data, SMALL_FILE_BYTES, &content, &length, NULL) == ACCEL_OK;
    if (there) {
        str_format(text, size, "%s", content);
    }
    mem_free(content);
    str_free(&path);
    return there;
}

static double min_quota(double quota, const char *allowed_text, const char *period_text) {
    char *end;
    double allowed = (double)strtoll(allowed_text, &end, 10);
    double period = (double)strtoll(period_text, NULL, 10);
    if (end == allowed_text || allowed <= 0 || period <= 0) {
        return quota; /* "max" or -1: no limit */
    }
    return quota == 0 || allowed / period < quota ? allowed / period : quota;
}

/* One folder's quota, in CPUs, taken together with the one found so far (0: none). */
static double folder_quota(const char *folder, double quota) {
    char allowed[64];
    char period[64];
    if (read_small(folder, "cpu.max", allowed, sizeof allowed)) { /* "200000 100000" */
        const char *blank = strchr(allowed, ' ');
        return blank ? min_quota(quota, allowed, blank + 1) : quota;
    }
    if (read_small(folder, "cpu.cfs_quota_us", allowed, sizeof allowed) &&
        read_small(folder, "cpu.cfs_period_us", period, sizeof period)) {
        return min_quota(quota, allowed, period);
    }
    return quota;
}

/* The group and all groups above it: the tightest holds. In a container the group's own path may not be visible
 * below root; then its beginnings, down to root itself, are what there is. */
static double path_quota(const char *root, const char *mount, const char *group, size_t length,
                         double quota) {
    str_buf folder = {0};
    str_append(&folder, root);
    str_append(&folder, mount);
    size_t base = folder.length;
    str_append_bytes(&folder, group, length);
    while (!folder.failed) {
        quota = folder_quota(folder.data, quota);
        if (folder.length <= base) {
            break;
        }
        do {
            folder.data[--folder.length] = '\0';
        } while (folder.length > base && folder.data[folder.length] != '/' &&
                 folder.data[folder.length - 1] != '/');
    }
    str_free(&folder);
    return quota;
}

/* A line of /proc/self/cgroup: "0::/group" (version 2) or "4:cpu,cpuacct:/group" (version 1). */
static double line_quota(const char *root, const char *line, size_t length, double quota) {
    const char *first = memchr(line, ':', length);
    const char *second = first ? memchr(first + 1, ':', length - (size_t)(first + 1 - line)) : NULL;
    if (!second) {
        return quota;
    }
    const char *group = second + 1;
    size_t group_length = length - (size_t)(group - line);
    if (second == first + 1) {
        return path_quota(root, "", group, group_length, quota);
    }
    for (const char *name = first + 1; name < second;) {
        size_t name_length = strcspn(name, ",:");
        if (name_length == 3 && memcmp(name, "cpu", 3) == 0) {
            return path_quota(root, "/cpu", group, group_length, quota);
        }
        name += name_length + 1;
    }
    return quota;
}

int thread_cgroup_cpus(const char *root, const char *groups) {
    double quota = 0;
    while (*groups != '\0') {
        size_t length = strcspn(groups, "\n");
        quota = line_quota(root, groups, length, quota);
        groups += length + (groups[length] == '\n');
    }
    if (quota <= 0 || quota > (double)MOST_CPUS) {
        return MOST_CPUS;
    }
    int whole = (int)quota;
    return whole + (quota > whole);
}

int thread_cpu_count(void) {
    int count = affinity_cpus();
    char *groups = NULL;
    size_t length;
    if (file_read("/proc/self/cgroup", SMALL_FILE_BYTES, &groups, &length, NULL) == ACCEL_OK) {
        int allowed = thread_cgroup_cpus("/sys/fs/cgroup", groups);
        count = allowed < count ? allowed : count;
    }
    mem_free(groups);
    return count < 1 ? 1 : count;
}

void thread_pin_self(int cpu) {
#ifdef CPU_ALLOC
    if (cpu < 0 || cpu >= MOST_CPUS) {
        return;
    }
    cpu_set_t *set = CPU_ALLOC((size_t)cpu + 1);
    size_t size_bytes = CPU_ALLOC_SIZE((size_t)cpu + 1);
    if (set) {
        CPU_ZERO_S(size_bytes, set);
        CPU_SET_S((size_t)cpu, size_bytes, set);
        (void)sched_setaffinity(0, size_bytes, set);
        CPU_FREE(set);
    }
#else
    (void)cpu;
#endif
}
