/* Frequencies as cpufreq shows them, of all processors: the lowest and the highest. Most virtual machines show none. */
#include <string.h>

#include "hw/probes.h"

static void take_folder(hw_source *s, const char *folder, hw_report *r) {
    char path[512];
    const int64_t khz_per_mhz = 1000;
    str_format(path, sizeof path, "%s/cpuinfo_min_freq", folder);
    int64_t low = hw_read_number(s, path);
    str_format(path, sizeof path, "%s/cpuinfo_max_freq", folder);
    int64_t high = hw_read_number(s, path);
    if (low > 0 && (r->cpu.min_mhz == HW_UNKNOWN || low / khz_per_mhz < r->cpu.min_mhz))
        r->cpu.min_mhz = low / khz_per_mhz;
    if (high > 0 && high / khz_per_mhz > r->cpu.max_mhz)
        r->cpu.max_mhz = high / khz_per_mhz;
    str_format(path, sizeof path, "%s/scaling_governor", folder);
    if (!r->cpu.governor)
        r->cpu.governor = arena_strdup(r->arena, hw_read(s, path));
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    static const char policies[] = "/sys/devices/system/cpu/cpufreq";
    const char *const *names = hw_list(s, policies);
    char path[512];
    bool any = false;
    (void)options;
    for (size_t i = 0; names && names[i]; i++) {
        if (!str_starts_with(names[i], "policy"))
            continue;
        str_format(path, sizeof path, "%s/%s", policies, names[i]);
        take_folder(s, path, r);
        any = true;
    }
    if (!any) /* kernels before 4.3 */
        take_folder(s, "/sys/devices/system/cpu/cpu0/cpufreq", r);
    if (r->cpu.max_mhz == HW_UNKNOWN &&
        hw_report_evidence(r, "frequency", false, policies, "no frequencies are shown here") != ACCEL_OK)
        return error_no_memory(err, "evidence", 1);
    return ACCEL_OK;
}

const hw_probe probe_frequency = {
    .name = "frequency", .priority = 12, .summary = "frequencies and governor", .run = run};
