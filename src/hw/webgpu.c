/* WebGPU outside browsers: wgpu-native, when its library is found. Browsers have a probe of their own. An adapter is a device that Vulkan, Metal or
 * OpenGL drives, so most are known before, by the PCI bus or by Vulkan; then only how WebGPU reaches them is added. */
#include "hw/webgpu.h"

#include <string.h>

#include "hw/report.h"
#include "hw/vendor.h"

#define WEBGPU_PROBE "webgpu"

enum { MOST_ADAPTERS = 64 };

/* The second name is the one in the Python package wgpu. */
static const char *const names[] = {"libwgpu_native.so", "libwgpu_native-release.so",
                                    "/usr/local/lib/libwgpu_native.so", NULL};

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    bool found = false;
    (void)err; /* only memory can end it */
    ACCEL_TRY(vendor_note_library(s, options, r, WEBGPU_PROBE, names, &found));
    if (found)
        return ACCEL_OK;
    return hw_report_evidence(
        r, WEBGPU_PROBE, false, "platform webgpu",
        "outside browsers: to have it, wgpu-native's libwgpu_native.so in the loader's path "
        "(LD_LIBRARY_PATH; the Python package wgpu has it in wgpu/resources) and a Vulkan driver");
}

/* ---- the library's functions ------------------------------------------------------------------------------------------------------ */

typedef struct wgpu_api {
    library *library;
    const char *name;
    uint32_t (*version)(void); /* 0x16000301: 22.0.3.1 */
    void *(*create)(const void *wanted);
    void (*destroy)(void *instance);
    size_t (*adapters)(void *instance, const void *options, void **adapters);
    int (*info)(void *adapter, wgpu_adapter_info *info);
    void (*free_info)(wgpu_adapter_info info);
    void (*release)(void *adapter);
} wgpu_api;

#define TAKE(field, name) {offsetof(wgpu_api, field), name, NULL}
static const vendor_symbol symbols[] = {
    TAKE(version, "wgpuGetVersion"),      TAKE(create, "wgpuCreateInstance"),
    TAKE(destroy, "wgpuInstanceRelease"), TAKE(adapters, "wgpuInstanceEnumerateAdapters"),
    TAKE(info, "wgpuAdapterGetInfo"),     TAKE(free_info, "wgpuAdapterInfoFreeMembers"),
    TAKE(release, "wgpuAdapterRelease"),
};
#undef TAKE

/* ---- an adapter ------------------------------------------------------------------------------------------------------------------- */

static const char *text_of(arena *a, wgpu_text text) {
    enum { MOST = 256 };
    return text.data ? vendor_text(a, text.data, text.length < MOST ? text.length : MOST) : NULL;
}

static const char *backend_name(int backend) {
    static const char *const known[] = {
        [WGPU_D3D11] = "d3d11",   [WGPU_D3D12] = "d3d12",   [WGPU_METAL] = "metal",
        [WGPU_VULKAN] = "vulkan", [WGPU_OPENGL] = "opengl", [WGPU_OPENGLES] = "opengles"};
    return backend >= WGPU_D3D11 && backend <= WGPU_OPENGLES ? known[backend] : "unknown";
}

static const char *kind_name(int kind) {
    static const char *const known[] = {[WGPU_DISCRETE_GPU] = "discrete GPU",
                                        [WGPU_INTEGRATED_GPU] = "integrated GPU",
                                        [WGPU_CPU] = "software: runs on the processor"};
    return kind >= WGPU_DISCRETE_GPU && kind <= WGPU_CPU ? known[kind] : "unknown";
}

/* The first device with these identifiers, or this name, that WebGPU does not reach by this backend yet: several of one kind are told in the
 * order of the bus. */
static hw_device *find(hw_report *r, const char *ids, const char *name, const char *how) {
    for (size_t i = 0; i < r->device_count; i++) {
        hw_device *d = &r->devices[i];
        bool same = ids ? str_equal(report_fact(d, "pci id"), ids) : name && str_equal(d->name, name);
        if (same && !report_fact(d, how))
            return d;
    }
    return NULL;
}

static hw_device *device_of(hw_report *r, const wgpu_adapter_info *info, const char *name, const char *how,
                            size_t index) {
    const char *ids = info->vendor_id != 0 && info->device_id != 0
                          ? arena_printf(r->arena, "%04x:%04x", info->vendor_id, info->device_id)
                          : NULL;
    hw_device *d = ids ? find(r, ids, NULL, how) : NULL;
    d = d ? d : find(r, NULL, name, how);
    if (d)
        return d;
    d = hw_report_device(r, NULL);
    if (!d)
        return NULL;
    d->kind = info->kind == WGPU_DISCRETE_GPU || info->kind == WGPU_INTEGRATED_GPU ? HW_GPU : HW_ACCELERATOR;
    d->probe = WEBGPU_PROBE;
    d->name = name;
    d->id = arena_printf(r->arena, "adapter %zu", index);
    d->memory_shared = info->kind == WGPU_INTEGRATED_GPU || info->kind == WGPU_CPU;
    vendor_set_state(d, HW_USABLE, NULL, NULL);
    return d;
}

static accel_status add_adapter(hw_report *r, const wgpu_adapter_info *info, size_t index) {
    const char *name = text_of(r->arena, info->device), *driver = text_of(r->arena, info->description),
               *how = arena_printf(r->arena, "webgpu %s", backend_name(info->backend));
    hw_device *d = how ? device_of(r, info, name, how, index) : NULL;
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    vendor_set_text(&d->vendor, text_of(r->arena, info->vendor));
    ACCEL_TRY(hw_report_fact(r, d, how, "%s%s%s", kind_name(info->kind), driver ? ", driver " : "",
                             driver ? driver : ""));
    return hw_report_interface(r, d, "webgpu");
}

static accel_status ask_adapter(const wgpu_api *w, hw_report *r, void *handle, size_t index) {
    wgpu_adapter_info info = {0};
    if (w->info(handle, &info) != WGPU_SUCCESS)
        return hw_report_evidence(r, WEBGPU_PROBE, false, w->name, "adapter %zu does not tell what it is",
                                  index);
    accel_status status = add_adapter(r, &info, index);
    if (w->free_info)
        w->free_info(info);
    return status;
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------------- */

static accel_status ask_instance(const wgpu_api *w, hw_report *r, void *instance, const char *version) {
    void *handles[MOST_ADAPTERS] = {NULL};
    size_t count = w->adapters(instance, NULL, NULL);
    if (count > MOST_ADAPTERS)
        return hw_report_evidence(r, WEBGPU_PROBE, false, w->name, "%s claims %zu adapters", version, count);
    count = count > 0 ? w->adapters(instance, NULL, handles) : 0;
    for (size_t i = 0; i < count && i < MOST_ADAPTERS; i++) {
        ACCEL_TRY(ask_adapter(w, r, handles[i], i));
        if (w->release)
            w->release(handles[i]);
    }
    return hw_report_evidence(r, WEBGPU_PROBE, count > 0, w->name, "%s, %zu adapter%s%s", version, count,
                              count == 1 ? "" : "s",
                              count > 0 ? "" : ": it needs a driver of Vulkan or OpenGL");
}

static accel_status ask_open(const wgpu_api *w, hw_report *r, const char *missing) {
    uint32_t v = w->version();
    const char *version =
        arena_printf(r->arena, "wgpu-native %u.%u.%u.%u", v >> 24, v >> 16 & 0xff, v >> 8 & 0xff, v & 0xff);
    if (!version)
        return ACCEL_OUT_OF_MEMORY;
    if (v >> 24 < WGPU_OLDEST)
        return hw_report_evidence(r, WEBGPU_PROBE, true, w->name,
                                  "%s; its adapters are listed from version %d on", version, WGPU_OLDEST);
    if (!w->create || !w->adapters || !w->info)
        return hw_report_evidence(r, WEBGPU_PROBE, false, w->name, "%s lists no adapters: it lacks %s",
                                  version, missing);
    void *instance = w->create(NULL);
    if (!instance)
        return hw_report_evidence(r, WEBGPU_PROBE, false, w->name, "%s makes no instance", version);
    accel_status status = ask_instance(w, r, instance, version);
    if (w->destroy)
        w->destroy(instance);
    return status;
}

static accel_status ask(hw_report *r, accel_error *err) {
    wgpu_api w = {0};
    (void)err; /* only memory can end it */
    ACCEL_TRY(vendor_open(r, WEBGPU_PROBE, names, &w.library, &w.name));
    if (!w.library)
        return ACCEL_OK;
    const char *missing = vendor_bind(w.library, symbols, sizeof symbols / sizeof symbols[0], &w, r->arena);
    if (!w.version)
        return hw_report_evidence(r, WEBGPU_PROBE, false, w.name,
                                  "is no wgpu-native that tells its version: it lacks wgpuGetVersion");
    return ask_open(&w, r, missing);
}

static const hw_question question = {.name = "webgpu", .libraries = names, .ask = ask};
static const hw_question *const questions[] = {&question, NULL};

const hw_probe probe_webgpu = {
    .name = WEBGPU_PROBE,
    .priority = 70,
    .summary = "WebGPU outside browsers: wgpu-native",
    .run = run,
    .questions = questions,
};
