/* hwloc takes another root, and the folder of its plugins, only from the environment. A folder is read by a command, before it has
 * threads. The living machine, which a library's callers ask for, needs a variable only where plugins are installed: these would
 * load CUDA, NVML and OpenCL into this process. */
#include "hw/hwloc_load.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum {
    PLUGINS,
    COMPONENTS,
    THIS_SYSTEM,
    FOLDER,
    CPUID_FOLDER,
    XML_FILE,
    SYNTHETIC,
    HIDE_ERRORS,
    VARIABLE_COUNT
};
static const char *const names[VARIABLE_COUNT] = {
    "HWLOC_PLUGINS_PATH", "HWLOC_COMPONENTS", "HWLOC_THISSYSTEM", "HWLOC_FSROOT",
    "HWLOC_CPUID_PATH",   "HWLOC_XMLFILE",    "HWLOC_SYNTHETIC",  "HWLOC_HIDE_ERRORS"};
static const char NOWHERE[] = "/nowhere";

static void set_variable(const char *name, const char *value) {
    if (value)
        (void)setenv(name, value, 1);
    else
        (void)unsetenv(name);
}

/* Plugins lie in a folder beside the library. */
static bool has_plugins(void) {
    int (*function)(hwloc_topology_t *) = hwloc_topology_init;
    void *address;
    Dl_info library;
    str_buf path = {0};
    memcpy(&address, &function, sizeof address);
    if (getenv(names[PLUGINS]))
        return true;
    if (dladdr(address, &library) == 0 || !library.dli_fname)
        return false;
    file_dir_name(&path, library.dli_fname);
    str_append(&path, "/hwloc");
    bool there = !path.failed && file_is_folder(path.data);
    str_free(&path);
    return there;
}

static hwloc_topology_t load(bool live) {
    hwloc_topology_t topology = NULL;
    if (hwloc_topology_init(&topology) != 0)
        return NULL;
    (void)hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    (void)hwloc_topology_set_icache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL);
    /* The kernel tells what x86 would ask each processor for by moving there. */
    if (live)
        (void)hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
    if (hwloc_topology_load(topology) == 0)
        return topology;
    hwloc_topology_destroy(topology);
    return NULL;
}

/* With these variables set, the first `count` of them; afterwards they are as they were. */
static hwloc_topology_t load_with(const char *const *values, int count, bool live) {
    char *saved[VARIABLE_COUNT] = {NULL};
    for (int i = 0; i < count; i++) {
        const char *before = getenv(names[i]);
        saved[i] = before ? strdup(before) : NULL;
        set_variable(names[i], values[i]);
    }
    hwloc_topology_t topology = load(live);
    for (int i = 0; i < count; i++) {
        set_variable(names[i], saved[i]);
        free(saved[i]);
    }
    return topology;
}

hwloc_topology_t hwloc_load(const hw_source *s) {
    const char *values[VARIABLE_COUNT] = {[PLUGINS] = NOWHERE, [THIS_SYSTEM] = "0", [HIDE_ERRORS] = "2"};
    if (hw_source_kind_of(s) == HW_SOURCE_LIVE)
        return load_with(values, has_plugins() ? 1 : 0, true);
    bool cpuid = hw_source_kind_of(s) == HW_SOURCE_CPUID;
    values[COMPONENTS] = cpuid ? "x86,stop" : "linux,stop";
    values[cpuid ? CPUID_FOLDER : FOLDER] = hw_source_root(s);
    return load_with(values, VARIABLE_COUNT, false);
}
