/* Vulkan adapters through the loader libvulkan.so.1. Its priority lies before the vendors' probes, so that what a vendor's own library says of the
 * same device stands in the end. */
#include "hw/vulkan.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "hw/vendor.h"

#define VULKAN_PROBE "vulkan"

enum { MOST_ADAPTERS = 64, MOST_EXTENSIONS = 4096 };

static const char *const names[] = {"libvulkan.so.1", NULL};

/* ---- run ----------------------------------------------------------------------------------------------------------------------------- */

/* Drivers tell the loader of themselves by JSON files; none means that Vulkan has no adapter. */
static accel_status note_drivers(hw_source *s, hw_report *r) {
    static const char *const folders[] = {"/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d",
                                          "/usr/local/share/vulkan/icd.d"};
    const char *list = "";
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const char *const *files = hw_list(s, folders[i]);
        for (size_t k = 0; files && files[k]; k++) {
            list = str_ends_with(files[k], ".json")
                       ? arena_printf(r->arena, "%s%s%s", list, list[0] ? ", " : "", files[k])
                       : list;
            if (!list)
                return ACCEL_OUT_OF_MEMORY;
        }
    }
    return hw_report_evidence(r, VULKAN_PROBE, list[0] != '\0', folders[0], "%s",
                              list[0] ? list : "no driver is registered here or in /etc/vulkan/icd.d");
}

/* A file that a variable names in place of the registered ones, or a folder of such. The loader passes over a bad one without a word. */
static accel_status note_file(hw_source *s, hw_report *r, const char *variable, const char *path) {
    const char *finding = "the loader takes the drivers named there alone";
    bool is_there = hw_exists(s, path),
         is_good = is_there && (hw_read_lines(s, path, "library_path") != NULL || hw_list(s, path) != NULL);
    if (!is_good)
        finding = is_there ? "it describes no driver" : "there is no such file";
    return hw_report_evidence(r, VULKAN_PROBE, is_good, path, "%s names it: %s", variable, finding);
}

static accel_status note_files(hw_source *s, hw_report *r, const char *variable, const char *list) {
    while (*list) {
        size_t length = strcspn(list, ":");
        const char *path = arena_strndup(r->arena, list, length);
        if (!path)
            return ACCEL_OUT_OF_MEMORY;
        if (length > 0)
            ACCEL_TRY(note_file(s, r, variable, path));
        list += length + (list[length] == ':');
    }
    return ACCEL_OK;
}

/* The first variable that is set counts; where none is, drivers are registered in folders. */
static accel_status note_where_drivers_are(hw_source *s, hw_report *r) {
    static const char *const variables[] = {"VK_DRIVER_FILES", "VK_ICD_FILENAMES"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = hw_variable_value(s, variables[i]);
        if (value && value[0])
            return note_files(s, r, variables[i], value);
    }
    return note_drivers(s, r);
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    (void)err; /* only memory can end it */
    bool found = false;
    ACCEL_TRY(vendor_note_library(s, options, r, VULKAN_PROBE, names, &found));
    if (!found)
        return hw_report_evidence(
            r, VULKAN_PROBE, false, "platform vulkan",
            "to have it: the loader (libvulkan1) and a driver (mesa-vulkan-drivers, or the "
            "GPU vendor's)");
    return note_where_drivers_are(s, r);
}

/* ---- the loader's functions ---------------------------------------------------------------------------------------------------------- */

typedef struct vulkan_api {
    library *library;
    const char *name;
    int (*instance_version)(uint32_t *version); /* since 1.1 */
    int (*create)(const vk_instance_wanted *wanted, const void *allocator, void **instance);
    void (*destroy)(void *instance, const void *allocator);
    int (*adapters)(void *instance, uint32_t *count, void **adapters);
    void (*properties)(void *adapter, vk_properties *properties);
    void (*properties_2)(void *adapter, vk_properties_2 *properties); /* since 1.1 */
    void (*memory)(void *adapter, vk_memory *memory);
    int (*extensions)(void *adapter, const char *layer, uint32_t *count, vk_extension *extensions);
} vulkan_api;

#define TAKE(field, name) {offsetof(vulkan_api, field), name, NULL}
static const vendor_symbol symbols[] = {
    TAKE(instance_version, "vkEnumerateInstanceVersion"),
    TAKE(create, "vkCreateInstance"),
    TAKE(destroy, "vkDestroyInstance"),
    TAKE(adapters, "vkEnumeratePhysicalDevices"),
    TAKE(properties, "vkGetPhysicalDeviceProperties"),
    TAKE(properties_2, "vkGetPhysicalDeviceProperties2"),
    TAKE(memory, "vkGetPhysicalDeviceMemoryProperties"),
    TAKE(extensions, "vkEnumerateDeviceExtensionProperties"),
};
#undef TAKE

static const char *version_text(arena *a, uint32_t v) {
    return arena_printf(a, "%u.%u.%u", v >> 22 & 0x7f, v >> 12 & 0x3ff, v & 0xfff);
}

static const char *words(arena *a, int error) {
    const char *text = error == VK_INCOMPATIBLE_DRIVER     ? ": no driver that works with this loader"
                       : error == VK_INITIALIZATION_FAILED ? ": initialisation failed"
                       : error == VK_OUT_OF_HOST_MEMORY
                           ? ": out of memory, or a driver's file that is no JSON"
                           : "";
    return arena_printf(a, "Vulkan error %d%s", error, text);
}

/* ---- an adapter ---------------------------------------------------------------------------------------------------------------------- */

typedef struct adapter {
    vk_properties properties;
    vk_driver driver;
    vk_pci pci;
    bool has_driver, has_pci;
} adapter;

static bool has_extension(const vk_extension *extensions, uint32_t count, const char *name) {
    for (uint32_t i = 0; i < count; i++)
        if (strncmp(extensions[i].name, name, sizeof extensions[i].name) == 0)
            return true;
    return false;
}

/* Structures may be chained only where the adapter says that it knows them. */
static void ask_extensions(const vulkan_api *v, void *handle, adapter *a) {
    uint32_t count = 0;
    if (!v->extensions || v->extensions(handle, NULL, &count, NULL) != VK_OK || count == 0)
        return;
    count = count < MOST_EXTENSIONS ? count : MOST_EXTENSIONS;
    vk_extension *extensions = mem_calloc(count, sizeof *extensions);
    if (!extensions)
        return;
    int result = v->extensions(handle, NULL, &count, extensions);
    if (result == VK_OK || result == VK_INCOMPLETE) {
        a->has_pci = has_extension(extensions, count, "VK_EXT_pci_bus_info");
        a->has_driver = has_extension(extensions, count, "VK_KHR_driver_properties");
    }
    mem_free(extensions);
}

static void read_adapter(const vulkan_api *v, uint32_t loader, void *handle, adapter *a) {
    vk_properties_2 p = {.type = VK_TYPE_PROPERTIES_2};
    memset(a, 0, sizeof *a);
    v->properties(handle, &a->properties);
    if (!v->properties_2 || loader < VK_API_1_1 || a->properties.api_version < VK_API_1_1)
        return;
    ask_extensions(v, handle, a);
    a->pci.type = VK_TYPE_PCI;
    a->driver.type = VK_TYPE_DRIVER;
    if (a->has_pci)
        p.next = &a->pci;
    if (a->has_driver) {
        a->driver.next = p.next;
        p.next = &a->driver;
    }
    v->properties_2(handle, &p);
}

/* An adapter without the extension: the one PCI device with its two identifiers, when there is but one. NULL: none, or several. */
static const char *address_by_ids(arena *a, const vk_properties *p) {
    hw_source *s = NULL;
    const char *found = NULL;
    size_t matches = 0;
    if (hw_source_open(NULL, &s, NULL) != ACCEL_OK)
        return NULL;
    const char *const *devices = hw_list(s, "/sys/bus/pci/devices");
    for (size_t i = 0; devices && devices[i]; i++) {
        const char *vendor = arena_printf(a, "/sys/bus/pci/devices/%s/vendor", devices[i]),
                   *device = arena_printf(a, "/sys/bus/pci/devices/%s/device", devices[i]);
        if (vendor && device && hw_read_number(s, vendor) == p->vendor_id &&
            hw_read_number(s, device) == p->device_id) {
            matches++;
            found = arena_strdup(a, devices[i]);
        }
    }
    hw_source_close(s);
    return matches == 1 ? found : NULL;
}

static const char *vendor_name(uint32_t id) {
    static const struct {
        uint32_t id;
        const char *name;
    } vendors[] = {{0x10de, "NVIDIA"},      {0x1002, "AMD"},   {0x8086, "Intel"},
                   {0x106b, "Apple"},       {0x13b5, "Arm"},   {0x5143, "Qualcomm"},
                   {0x1010, "Imagination"}, {0x10005, "Mesa"}, {0x14e4, "Broadcom"}};
    for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++)
        if (vendors[i].id == id)
            return vendors[i].name;
    return NULL;
}

/* Heaps of the device's own memory; an adapter that shares the processor's has only such ones too. */
static accel_status add_memory(const vulkan_api *v, hw_report *r, void *handle, hw_device *d) {
    vk_memory memory = {0};
    str_buf heaps = {0};
    int64_t own = 0;
    if (!v->memory)
        return ACCEL_OK;
    v->memory(handle, &memory);
    for (uint32_t i = 0; i < memory.heap_count && i < 16; i++) {
        bool local = (memory.heaps[i].flags & VK_HEAP_DEVICE_LOCAL) != 0;
        uint64_t bytes = memory.heaps[i].bytes;
        if (local && bytes <= (uint64_t)(INT64_MAX - own))
            own += (int64_t)bytes;
        str_appendf(&heaps, "%s%llu MiB %s", i > 0 ? ", " : "", (unsigned long long)(bytes >> 20),
                    local ? "local" : "of the host");
    }
    if (own > 0)
        vendor_set_figure(&d->memory_bytes, own);
    accel_status status = heaps.failed       ? ACCEL_OUT_OF_MEMORY
                          : heaps.length > 0 ? hw_report_fact(r, d, "vulkan heaps", "%s", str_text(&heaps))
                                             : ACCEL_OK;
    str_free(&heaps);
    return status;
}

static accel_status add_facts(hw_report *r, const adapter *a, size_t index, hw_device *d) {
    static const char *const kinds[] = {"other", "integrated GPU", "discrete GPU", "virtual GPU",
                                        "software: runs on the processor"};
    const char *api = version_text(r->arena, a->properties.api_version);
    int kind = a->properties.kind;
    const char *driver = a->has_driver ? vendor_text(r->arena, a->driver.name, sizeof a->driver.name) : NULL,
               *info = a->has_driver ? vendor_text(r->arena, a->driver.info, sizeof a->driver.info) : NULL;
    ACCEL_TRY(hw_report_fact(r, d, "vulkan adapter", "%zu", index));
    ACCEL_TRY(hw_report_fact(r, d, "vulkan type", "%s",
                             kind >= 0 && kind <= VK_KIND_CPU ? kinds[kind] : "unknown"));
    ACCEL_TRY(hw_report_fact(r, d, "vulkan", "%s", api ? api : "unknown"));
    return hw_report_fact(r, d, "vulkan driver", "%s %s", driver ? driver : "version",
                          info ? info : arena_printf(r->arena, "0x%x", a->properties.driver_version));
}

/* A software adapter computes on the processor: it is no GPU and is not counted as one. */
static accel_status add_adapter(const vulkan_api *v, hw_report *r, void *handle, const adapter *a,
                                size_t index) {
    bool software = a->properties.kind == VK_KIND_CPU;
    const char *pci = NULL;
    if (a->has_pci)
        pci = vendor_pci(r->arena, a->pci.domain, a->pci.bus, a->pci.device, a->pci.function);
    else if (!software)
        pci = address_by_ids(r->arena, &a->properties);
    hw_device *d = hw_report_device(r, pci);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    d->kind = software ? HW_ACCELERATOR : HW_GPU;
    d->probe = VULKAN_PROBE;
    if (!d->pci)
        d->id = arena_printf(r->arena, "adapter %zu", index);
    vendor_set_state(d, HW_USABLE, NULL, NULL);
    vendor_set_text(&d->name, vendor_text(r->arena, a->properties.name, sizeof a->properties.name));
    vendor_set_text(&d->vendor, vendor_name(a->properties.vendor_id));
    d->memory_shared |= software || a->properties.kind == VK_KIND_INTEGRATED;
    ACCEL_TRY(add_memory(v, r, handle, d));
    ACCEL_TRY(add_facts(r, a, index, d));
    return hw_report_interface(r, d, "vulkan");
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------------------ */

static accel_status ask_instance(const vulkan_api *v, hw_report *r, uint32_t loader, void *instance) {
    void *handles[MOST_ADAPTERS] = {NULL};
    uint32_t count = MOST_ADAPTERS;
    int result = v->adapters(instance, &count, handles);
    if (result != VK_OK && result != VK_INCOMPLETE)
        return hw_report_evidence(r, VULKAN_PROBE, false, v->name, "the list of adapters: %s",
                                  words(r->arena, result));
    count = count < MOST_ADAPTERS ? count : MOST_ADAPTERS;
    for (uint32_t i = 0; i < count; i++) {
        adapter a;
        read_adapter(v, loader, handles[i], &a);
        ACCEL_TRY(add_adapter(v, r, handles[i], &a, i));
    }
    return hw_report_evidence(r, VULKAN_PROBE, count > 0, v->name, "%u adapter%s", count,
                              count == 1 ? "" : "s");
}

static accel_status ask_open(const vulkan_api *v, hw_report *r, const char *missing) {
    uint32_t loader = 1 << 22; /* a loader without the question is 1.0 */
    void *instance = NULL;
    if (v->instance_version)
        (void)v->instance_version(&loader);
    const char *version = version_text(r->arena, loader);
    ACCEL_TRY(hw_report_evidence(r, VULKAN_PROBE, true, v->name, "loader of Vulkan %s%s%s",
                                 version ? version : "", missing ? "; an old one without " : "",
                                 missing ? missing : ""));
    const vk_application application = {.type = VK_TYPE_APPLICATION,
                                        .name = "accel",
                                        .api_version = loader >= VK_API_1_1 ? VK_API_1_1 : 1 << 22};
    const vk_instance_wanted wanted = {.type = VK_TYPE_INSTANCE, .application = &application};
    int result = v->create(&wanted, NULL, &instance);
    if (result != VK_OK)
        return hw_report_evidence(
            r, VULKAN_PROBE, false, v->name,
            "%s; install a driver (mesa-vulkan-drivers, or the GPU vendor's), or look at "
            "VK_DRIVER_FILES and VK_ICD_FILENAMES",
            words(r->arena, result));
    accel_status status = ask_instance(v, r, loader, instance);
    if (v->destroy)
        v->destroy(instance, NULL);
    return status;
}

static accel_status ask(hw_report *r, accel_error *err) {
    (void)err;
    vulkan_api v = {0};
    ACCEL_TRY(vendor_open(r, VULKAN_PROBE, names, &v.library, &v.name));
    if (!v.library)
        return ACCEL_OK;
    const char *missing = vendor_bind(v.library, symbols, sizeof symbols / sizeof symbols[0], &v, r->arena);
    if (!v.create || !v.adapters || !v.properties)
        return hw_report_evidence(r, VULKAN_PROBE, false, v.name, "is no Vulkan loader: it lacks %s",
                                  missing);
    return ask_open(&v, r, missing);
}

static const hw_question question = {.name = "vulkan", .libraries = names, .ask = ask};
static const hw_question *const questions[] = {&question, NULL};

const hw_probe probe_vulkan = {
    .name = VULKAN_PROBE,
    .priority = 55,
    .summary = "Vulkan adapters, through the loader",
    .run = run,
    .questions = questions,
};
