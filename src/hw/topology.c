/* hwloc's view of a machine, made into figures. hwloc reads /sys itself, below the same root as our probes. */
#include "hw/topology.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/mem.h"
#include "hw/hwloc_load.h"
#include "hw/report.h"

enum { MOST_ELEMENTS = 4096 };
static const char UNREADABLE[] = "null"; /* the answer of a hwloc that failed */

/* ---- cores -------------------------------------------------------------------------------------------------------------- */

static int64_t info_number(const struct hwloc_info_s *infos, unsigned count, const char *name) {
    for (unsigned i = 0; i < count; i++)
        if (strcmp(infos[i].name, name) == 0)
            return strtoll(infos[i].value, NULL, 10);
    return HW_UNKNOWN;
}

/* 2: Intel's Core, 1: Atom. */
static int64_t info_type(const struct hwloc_info_s *infos, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (strcmp(infos[i].name, "CoreType") == 0)
            return strcmp(infos[i].value, "IntelAtom") == 0 ? 1 : 2;
    return HW_UNKNOWN;
}

const char *topology_next_line(const char *line) {
    line = strchr(line, '\n');
    return line ? line + 1 : "";
}

/* What tells cores apart that hwloc does not: Arm's "CPU part" by processor, from one pass over /proc/cpuinfo. */
typedef struct part_list {
    int64_t parts[MOST_ELEMENTS];
} part_list;

static void read_parts(const char *cpuinfo, part_list *out) {
    unsigned long processor = MOST_ELEMENTS;
    for (size_t i = 0; i < MOST_ELEMENTS; i++)
        out->parts[i] = HW_UNKNOWN;
    for (const char *line = cpuinfo; line && *line; line = topology_next_line(line)) {
        const char *value = line + strcspn(line, ":\n");
        if (*value != ':')
            continue;
        if (str_starts_with(line, "processor"))
            processor = strtoul(value + 1, NULL, 10);
        else if (str_starts_with(line, "CPU part") && processor < MOST_ELEMENTS)
            out->parts[processor] = strtoll(value + 1, NULL, 16);
    }
}

static int64_t type_of_processor(hw_source *s, const part_list *parts, unsigned processor) {
    char path[32];
    if (hw_source_kind_of(s) != HW_SOURCE_CPUID)
        return processor < MOST_ELEMENTS ? parts->parts[processor] : HW_UNKNOWN;
    str_format(path, sizeof path, "/pu%u", processor);
    const char *dump = hw_read(s, path);
    return dump ? cpuid_core_type(dump) : HW_UNKNOWN;
}

/* The kernel's own figure: hwloc gives all favoured cores of a kind the frequency of the others. */
static int64_t kernel_max_mhz(hw_source *s, unsigned processor) {
    char path[96];
    str_format(path, sizeof path, "/sys/devices/system/cpu/cpu%u/cpufreq/cpuinfo_max_freq", processor);
    int64_t khz = hw_read_number(s, path);
    return khz > 0 ? khz / 1000 : HW_UNKNOWN;
}

static core_facts facts_of(hw_source *s, const part_list *parts, hwloc_topology_t topology,
                           hwloc_obj_t core) {
    core_facts f = {.type = HW_UNKNOWN,
                    .max_mhz = HW_UNKNOWN,
                    .base_mhz = HW_UNKNOWN,
                    .capacity = HW_UNKNOWN,
                    .threads = hwloc_bitmap_weight(core->cpuset)};
    unsigned count = 0;
    struct hwloc_info_s *infos = NULL;
    int first = hwloc_bitmap_first(core->cpuset);
    int kind = hwloc_cpukinds_get_by_cpuset(topology, core->cpuset, 0);
    if (kind >= 0 && hwloc_cpukinds_get_info(topology, (unsigned)kind, NULL, NULL, &count, &infos, 0) == 0) {
        f.max_mhz = info_number(infos, count, "FrequencyMaxMHz");
        f.base_mhz = info_number(infos, count, "FrequencyBaseMHz");
        f.capacity = info_number(infos, count, "LinuxCapacity");
        f.type = info_type(infos, count);
    }
    if (first >= 0 && kernel_max_mhz(s, (unsigned)first) > 0)
        f.max_mhz = kernel_max_mhz(s, (unsigned)first);
    if (f.type == HW_UNKNOWN && first >= 0)
        f.type = type_of_processor(s, parts, (unsigned)first);
    return f;
}

static bool read_kinds(hw_source *s, hwloc_topology_t topology, hw_report *r) {
    hwloc_obj_type_t type =
        hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    size_t count = (size_t)hwloc_get_nbobjs_by_type(topology, type);
    core_facts *cores = mem_calloc(count, sizeof *cores);
    part_list *parts = mem_alloc(sizeof *parts);
    if (parts)
        read_parts(hw_read(s, "/proc/cpuinfo"), parts);
    for (size_t i = 0; cores && parts && i < count; i++)
        cores[i] = facts_of(s, parts, topology, hwloc_get_obj_by_type(topology, type, (unsigned)i));
    r->cpu.kinds = cores && parts ? core_kinds(cores, count, r->arena, &r->cpu.kind_count) : NULL;
    mem_free(parts);
    mem_free(cores);
    return r->cpu.kinds != NULL;
}

/* ---- caches and nodes -------------------------------------------------------------------------------------------------------- */

static void count_cache(hw_cache *caches, size_t *count, hwloc_obj_t o) {
    const struct hwloc_cache_attr_s *c = &o->attr->cache;
    char type = c->type == HWLOC_OBJ_CACHE_DATA ? 'd' : c->type == HWLOC_OBJ_CACHE_INSTRUCTION ? 'i' : 'u';
    int64_t bytes = c->size > 0 && c->size <= INT64_MAX ? (int64_t)c->size : HW_UNKNOWN;
    for (size_t i = 0; i < *count; i++) {
        if (caches[i].level == (int)c->depth && caches[i].type == type && caches[i].bytes == bytes) {
            caches[i].count++;
            return;
        }
    }
    if (*count < MOST_ELEMENTS)
        caches[(*count)++] =
            (hw_cache){(int)c->depth, type, bytes, c->linesize > 0 ? (int64_t)c->linesize : HW_UNKNOWN, 1};
}

/* Level by level, data before instructions, as the types of hwloc are in this order. */
static bool read_caches(hwloc_topology_t topology, hw_report *r) {
    static const hwloc_obj_type_t types[] = {HWLOC_OBJ_L1CACHE,  HWLOC_OBJ_L1ICACHE, HWLOC_OBJ_L2CACHE,
                                             HWLOC_OBJ_L2ICACHE, HWLOC_OBJ_L3CACHE,  HWLOC_OBJ_L3ICACHE,
                                             HWLOC_OBJ_L4CACHE,  HWLOC_OBJ_L5CACHE};
    size_t most = 0, count = 0;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        most += (size_t)hwloc_get_nbobjs_by_type(topology, types[t]);
    hw_cache *caches = ARENA_ARRAY(r->arena, hw_cache, most);
    if (!caches)
        return false;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int i = 0; i < hwloc_get_nbobjs_by_type(topology, types[t]); i++)
            count_cache(caches, &count, hwloc_get_obj_by_type(topology, types[t], (unsigned)i));
    r->cpu.caches = caches;
    r->cpu.cache_count = count;
    return true;
}

static const char *memory_kind(const char *subtype) {
    static const char *const kinds[] = {"DRAM", "HBM", "NVM", "MCDRAM", "CXL"};
    if (subtype && strncmp(subtype, "GPU", 3) == 0)
        return "GPU";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (str_equal(subtype, kinds[i]))
            return str_equal(subtype, "MCDRAM") ? "HBM" : kinds[i];
    return NULL;
}

static int compare_nodes(const void *a, const void *b) {
    int64_t x = ((const hw_node *)a)->index, y = ((const hw_node *)b)->index;
    return (x > y) - (x < y);
}

static bool read_nodes(hw_source *s, hwloc_topology_t topology, hw_report *r) {
    size_t count = (size_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
    if (hw_source_kind_of(s) == HW_SOURCE_CPUID)
        return true; /* CPUID does not tell memory; hwloc makes one node up */
    hw_node *nodes = ARENA_ARRAY(r->arena, hw_node, count);
    if (!nodes)
        return false;
    for (size_t i = 0; i < count; i++) {
        hwloc_obj_t o = hwloc_get_obj_by_type(topology, HWLOC_OBJ_NUMANODE, (unsigned)i);
        nodes[i] = (hw_node){o->os_index, (int64_t)(o->attr->numanode.local_memory & INT64_MAX),
                             hwloc_bitmap_weight(o->cpuset), memory_kind(o->subtype)};
    }
    qsort(nodes, count, sizeof *nodes, compare_nodes);
    r->cpu.nodes = nodes;
    r->cpu.node_count = count;
    return true;
}

/* ---- counts --------------------------------------------------------------------------------------------------------------- */

static int64_t count_within(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_const_bitmap_t set,
                            bool nodes) {
    int64_t within = 0;
    for (int i = 0; i < hwloc_get_nbobjs_by_type(topology, type); i++) {
        hwloc_obj_t o = hwloc_get_obj_by_type(topology, type, (unsigned)i);
        within += hwloc_bitmap_intersects(nodes ? o->nodeset : o->cpuset, set);
    }
    return within;
}

static void read_counts(hwloc_topology_t topology, hw_report *r) {
    hwloc_const_bitmap_t cpus = hwloc_topology_get_allowed_cpuset(topology);
    hw_cpu *c = &r->cpu;
    c->threads = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    c->cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
    c->packages = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PACKAGE);
    c->threads_offline = hwloc_bitmap_weight(hwloc_topology_get_complete_cpuset(topology)) - c->threads;
    if (c->cores == 0)
        c->cores = HW_UNKNOWN;
    if (c->packages == 0)
        c->packages = HW_UNKNOWN;
    r->allowance.threads = count_within(topology, HWLOC_OBJ_PU, cpus, false);
    r->allowance.cores = count_within(topology, HWLOC_OBJ_CORE, cpus, false);
    r->allowance.nodes =
        c->node_count == 0
            ? HW_UNKNOWN
            : count_within(topology, HWLOC_OBJ_NUMANODE, hwloc_topology_get_allowed_nodeset(topology), true);
}

static bool read_architecture(hw_source *s, hwloc_topology_t topology, hw_report *r) {
    struct utsname system;
    const char *name = hwloc_obj_get_info_by_name(hwloc_get_root_obj(topology), "Architecture");
    if (hw_source_kind_of(s) == HW_SOURCE_LIVE && uname(&system) == 0)
        name = system.machine;
    r->cpu.architecture = arena_strdup(r->arena, name);
    return !name || r->cpu.architecture;
}

static accel_status ask_hwloc(hw_source *s, hw_report *r, accel_error *err) {
    hwloc_topology_t topology = hwloc_load(s);
    if (!topology)
        return hw_answer_remember(s, TOPOLOGY_ANSWER, UNREADABLE, err);
    bool ok = read_architecture(s, topology, r) && read_kinds(s, topology, r) && read_caches(topology, r) &&
              read_nodes(s, topology, r);
    if (ok)
        read_counts(topology, r);
    hwloc_topology_destroy(topology);
    return ok ? topology_remember(s, r, err) : error_no_memory(err, "the machine's topology", 1);
}

/* Where packages and NUMA nodes contradict each other hwloc drops packages; /proc/cpuinfo still has their numbers. */
static int64_t packages_of_cpuinfo(const char *cpuinfo) {
    enum { MOST_PACKAGES = 1024 };
    static const char key[] = "physical id";
    bool seen[MOST_PACKAGES] = {false};
    int64_t packages = 0;
    for (const char *at = cpuinfo; at && (at = strstr(at, key));) {
        at += strlen(key);
        unsigned long id = strtoul(at + strspn(at, " \t:"), NULL, 10);
        if (id < MOST_PACKAGES && !seen[id]) {
            seen[id] = true;
            packages++;
        }
    }
    return packages;
}

static accel_status settle_packages(hw_source *s, hw_report *r) {
    int64_t told = r->cpu.packages, packages = packages_of_cpuinfo(hw_read(s, "/proc/cpuinfo"));
    if (packages == 0 || packages <= told)
        return ACCEL_OK;
    r->cpu.packages = packages;
    return told < 0
               ? ACCEL_OK
               : hw_report_evidence(
                     r, "cpu", true, "/sys/devices/system/cpu",
                     "its files contradict each other: hwloc finds %lld packages and drops caches with the others, "
                     "/proc/cpuinfo names %lld",
                     (long long)told, (long long)packages);
}

accel_status topology_read(hw_source *s, hw_report *r, accel_error *err) {
    if (!hw_answer(s, TOPOLOGY_ANSWER) && hw_source_kind_of(s) != HW_SOURCE_CAPTURE)
        ACCEL_TRY(ask_hwloc(s, r, err));
    else if (hw_answer(s, TOPOLOGY_ANSWER) && !str_equal(hw_answer(s, TOPOLOGY_ANSWER), UNREADABLE))
        ACCEL_TRY(topology_parse(r, hw_answer(s, TOPOLOGY_ANSWER), err));
    const char *said = hw_answer(s, TOPOLOGY_ANSWER);
    if (!said || str_equal(said, UNREADABLE))
        ACCEL_TRY(hw_report_evidence(r, "cpu", false, "hwloc", "the machine's topology cannot be read"));
    return settle_packages(s, r);
}
