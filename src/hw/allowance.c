/* What this process may use: its affinity, and the limits of the control groups that it lies in, of both versions. A limit of a group
 * above holds too, so the whole path up to the mount is read and the tightest wins. */
#include <stdlib.h>
#include <string.h>

#include "hw/probes.h"

/* ---- affinity ----------------------------------------------------------------------------------------------------------- */

/* Whether a list of CPUs ("0-3,8,10-11") has this one. */
static bool list_has(const char *list, long cpu) {
    for (const char *at = list; at && *at;) {
        char *end = NULL;
        long low = strtol(at, &end, 10), high = low;
        if (end == at)
            return false;
        if (*end == '-')
            high = strtol(end + 1, &end, 10);
        if (cpu >= low && cpu <= high)
            return true;
        at = *end == ',' ? end + 1 : "";
    }
    return false;
}

/* CPUs of the affinity mask that are on-line; HW_UNKNOWN where the system does not show the mask. */
static int64_t affinity_threads(hw_source *s) {
    enum { MOST_CPUS = 1 << 14 };
    static const char key[] = "Cpus_allowed_list:";
    const char *allowed = hw_read_lines(s, "/proc/self/status", key);
    const char *online = hw_read(s, "/sys/devices/system/cpu/online");
    int64_t count = 0;
    if (!allowed || !(allowed = strstr(allowed, key)))
        return HW_UNKNOWN;
    allowed += strlen(key);
    allowed += strspn(allowed, " \t");
    for (long cpu = 0; cpu < MOST_CPUS; cpu++)
        count += list_has(allowed, cpu) && (!online || list_has(online, cpu));
    return count > 0 ? count : HW_UNKNOWN;
}

/* ---- where the groups are --------------------------------------------------------------------------------------------------- */

typedef struct group_place {
    bool found, version2;
    char mount[512];  /* the folder of the hierarchy */
    char group[1024]; /* this process's group in it, "/" at least */
} group_place;

static bool word_in(const char *words, size_t length, char separator, const char *word) {
    size_t word_length = strlen(word);
    for (size_t at = 0; at < length;) {
        const char *end = memchr(words + at, separator, length - at);
        size_t part = end ? (size_t)(end - words) - at : length - at;
        if (part == word_length && memcmp(words + at, word, part) == 0)
            return true;
        at += part + 1;
    }
    return false;
}

/* A line of /proc/self/mounts: device, folder, type, options. */
static bool mount_line(const char *line, const char *controller, group_place *out) {
    const char *folder = strchr(line, ' ');
    const char *type = folder ? strchr(folder + 1, ' ') : NULL;
    const char *options = type ? strchr(type + 1, ' ') : NULL;
    if (!options)
        return false;
    size_t folder_length = (size_t)(type - folder - 1), type_length = (size_t)(options - type - 1);
    bool version2 = type_length == 7 && memcmp(type + 1, "cgroup2", 7) == 0;
    bool version1 = type_length == 6 && memcmp(type + 1, "cgroup", 6) == 0 &&
                    word_in(options + 1, strcspn(options + 1, " \n"), ',', controller);
    if ((!version1 && !version2) || folder_length >= sizeof out->mount)
        return false;
    if (version2 && out->found)
        return false; /* version 1 has the controller: the unified hierarchy beside it does not */
    memcpy(out->mount, folder + 1, folder_length);
    out->mount[folder_length] = '\0';
    out->version2 = version2;
    out->found = true;
    return version1;
}

/* The line of /proc/self/cgroup for a hierarchy: "0::/group", or "4:cpu,cpuacct:/group". */
static void find_group(hw_source *s, const char *controller, group_place *out) {
    const char *text = hw_read(s, "/proc/self/cgroup");
    str_format(out->group, sizeof out->group, "/");
    for (const char *line = text; line && *line;) {
        size_t length = strcspn(line, "\n");
        const char *names = memchr(line, ':', length);
        const char *path = names ? memchr(names + 1, ':', length - (size_t)(names + 1 - line)) : NULL;
        if (path && (out->version2 ? path == names + 1
                                   : word_in(names + 1, (size_t)(path - names - 1), ',', controller))) {
            str_format(out->group, sizeof out->group, "%.*s", (int)(length - (size_t)(path + 1 - line)),
                       path + 1);
            return;
        }
        line += length + (line[length] == '\n');
    }
    const char *set = hw_read(s, "/proc/self/cpuset"); /* all that some captures have */
    if (!text && set)
        str_format(out->group, sizeof out->group, "%s", set);
}

static group_place find_place(hw_source *s, const char *controller) {
    group_place place = {0};
    const char *mounts = hw_read_lines(s, "/proc/self/mounts", " cgroup");
    for (const char *line = mounts; line && *line;) {
        if (mount_line(line, controller, &place))
            break;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!mounts && hw_exists(s, "/sys/fs/cgroup/cgroup.controllers")) {
        place = (group_place){.found = true, .version2 = true};
        str_format(place.mount, sizeof place.mount, "/sys/fs/cgroup");
    } else if (!mounts) {
        str_format(place.mount, sizeof place.mount, "/sys/fs/cgroup/%s", controller);
        place.found = hw_exists(s, place.mount);
    }
    if (place.found)
        find_group(s, controller, &place);
    return place;
}

/* ---- limits along the path ---------------------------------------------------------------------------------------------------- */

typedef struct limits {
    double quota;                     /* CPUs; below 0: none */
    int64_t memory_bytes, room_bytes; /* HW_UNKNOWN: none */
} limits;

static int64_t group_number(hw_source *s, const char *folder, const char *name) {
    char path[2048];
    str_format(path, sizeof path, "%s/%s", folder, name);
    return hw_read_number(s, path); /* "max" and -1 are no numbers: no limit */
}

static void take_quota(int64_t allowed, int64_t period, limits *l) {
    if (allowed <= 0 || period <= 0)
        return;
    double cpus = (double)allowed / (double)period;
    if (l->quota < 0 || cpus < l->quota)
        l->quota = cpus;
}

static void cpu_limit(hw_source *s, const char *folder, limits *l) {
    char path[2048], *end = NULL;
    str_format(path, sizeof path, "%s/cpu.max", folder);
    const char *text = hw_read(s, path);
    if (text) { /* "150000 100000" or "max 100000" */
        long long allowed = strtoll(text, &end, 10);
        take_quota(end == text ? 0 : allowed, strtoll(end, NULL, 10), l);
        return;
    }
    take_quota(group_number(s, folder, "cpu.cfs_quota_us"), group_number(s, folder, "cpu.cfs_period_us"), l);
}

/* Bytes of files in memory, which the kernel drops before it refuses anything. */
static int64_t droppable_bytes(hw_source *s, const char *folder) {
    static const char *const keys[] = {"inactive_file ", "active_file "};
    char path[2048];
    int64_t sum = 0;
    str_format(path, sizeof path, "%s/memory.stat", folder);
    const char *text = hw_read_lines(s, path, "active_file ");
    for (size_t i = 0; text && i < 2; i++) {
        for (const char *at = text; (at = strstr(at, keys[i])); at++) {
            if (at != text && at[-1] != '\n')
                continue; /* "inactive_file" has "active_file" in it, and version 1 "total_…" */
            long long bytes = strtoll(at + strlen(keys[i]), NULL, 10);
            sum += bytes > 0 && bytes <= INT64_MAX / 4 ? bytes : 0;
        }
    }
    return sum;
}

static void memory_limit(hw_source *s, const char *folder, limits *l) {
    /* Version 1 says "no limit" by a number of almost 2^63. */
    const int64_t none = INT64_C(1) << 60;
    int64_t limit = group_number(s, folder, "memory.max"), used = group_number(s, folder, "memory.current");
    if (limit == HW_UNKNOWN) {
        limit = group_number(s, folder, "memory.limit_in_bytes");
        used = group_number(s, folder, "memory.usage_in_bytes");
    }
    if (limit < 0 || limit >= none)
        return;
    int64_t held = used > 0 ? used - droppable_bytes(s, folder) : 0;
    int64_t room = held <= 0 ? limit : limit > held ? limit - held : 0;
    if (l->memory_bytes < 0 || limit < l->memory_bytes)
        l->memory_bytes = limit;
    if (l->room_bytes < 0 || room < l->room_bytes)
        l->room_bytes = room;
}

/* The group and all above it. In a container its own path may not be there: then its beginnings, down to the mount, are. */
static void walk(hw_source *s, const group_place *place, void (*look)(hw_source *, const char *, limits *),
                 limits *l) {
    char folder[sizeof place->mount + sizeof place->group];
    size_t base = strlen(place->mount);
    str_format(folder, sizeof folder, "%s%s", place->mount,
               strcmp(place->group, "/") == 0 ? "" : place->group);
    for (size_t length = strlen(folder);; folder[length] = '\0') {
        look(s, folder, l);
        if (length <= base)
            return;
        while (length > base && folder[--length] != '/')
            continue;
    }
}

/* ---- containers ----------------------------------------------------------------------------------------------------------------- */

static const char *container(hw_source *s) {
    static const struct {
        const char *word, *name;
    } groups[] = {{"kubepods", "kubernetes"}, {"libpod", "podman"},
                  {"docker", "docker"},       {"lxc", "lxc"},
                  {"garden", "garden"},       {"machine.slice", "systemd-nspawn"}};
    if (hw_variable_value(s, "KUBERNETES_SERVICE_HOST"))
        return "kubernetes";
    if (hw_exists(s, "/run/.containerenv"))
        return "podman";
    if (hw_exists(s, "/.dockerenv"))
        return "docker";
    const char *text = hw_read(s, "/run/systemd/container");
    if (!text)
        text = hw_variable_value(s, "container"); /* systemd-nspawn, lxc and podman set it */
    if (text)
        return text;
    text = hw_read(s, "/proc/self/cgroup");
    for (size_t i = 0; text && i < sizeof groups / sizeof *groups; i++)
        if (strstr(text, groups[i].word))
            return groups[i].name;
    return NULL;
}

/* ---- all of it -------------------------------------------------------------------------------------------------------------------- */

static int64_t least_known(int64_t a, int64_t b) {
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

static int64_t usable_threads(const hw_allowance *a) {
    const int64_t allowed = a->threads > 0 ? a->threads : 1;
    if (a->cpu_quota < 0 || a->cpu_quota >= (double)allowed)
        return allowed;
    int64_t whole = (int64_t)a->cpu_quota;
    whole += a->cpu_quota > (double)whole;
    return whole < 1 ? 1 : whole;
}

static accel_status tell_limits(hw_report *r, const group_place *cpu, const group_place *memory) {
    const hw_allowance *a = &r->allowance;
    if (cpu->found)
        ACCEL_TRY(hw_report_evidence(r, "allowance", a->cpu_quota >= 0, cpu->mount,
                                     a->cpu_quota >= 0 ? "a CPU quota" : "no CPU quota"));
    if (memory->found)
        ACCEL_TRY(hw_report_evidence(r, "allowance", a->memory_limit_bytes >= 0, memory->mount,
                                     a->memory_limit_bytes >= 0 ? "a memory limit" : "no memory limit"));
    return ACCEL_OK;
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    hw_allowance *a = &r->allowance;
    group_place cpu = find_place(s, "cpu"), memory = find_place(s, "memory");
    limits l = {-1, HW_UNKNOWN, HW_UNKNOWN};
    (void)options;
    (void)err;
    if (cpu.found)
        walk(s, &cpu, cpu_limit, &l);
    if (memory.found)
        walk(s, &memory, memory_limit, &l);
    a->threads = least_known(least_known(affinity_threads(s), a->threads), r->cpu.threads);
    a->cores = least_known(a->cores, a->threads);
    a->cpu_quota = l.quota;
    a->usable_threads = usable_threads(a);
    a->memory_limit_bytes = l.memory_bytes;
    a->usable_bytes = least_known(r->memory.available_bytes, l.room_bytes);
    a->cgroup = !cpu.found && !memory.found ? NULL : cpu.version2 || memory.version2 ? "v2" : "v1";
    a->container = arena_strdup(r->arena, container(s));
    return tell_limits(r, &cpu, &memory);
}

const hw_probe probe_allowance = {
    .name = "allowance", .priority = 30, .summary = "affinity, control groups, container", .run = run};
