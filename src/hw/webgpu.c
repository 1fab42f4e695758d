/* WebGPU outside browsers: wgpu-native, when its library is found. Browsers have a probe of their own. */
#include "hw/vendor.h"

#define WEBGPU_PROBE "webgpu"

static const char *const names[] = {"libwgpu_native.so", "/usr/local/lib/libwgpu_native.so", NULL};

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    bool found = false;
    (void)err; /* only memory can end it */
    ACCEL_TRY(vendor_note_library(s, options, r, WEBGPU_PROBE, names, &found));
    if (found)
        return ACCEL_OK;
    return hw_report_evidence(
        r, WEBGPU_PROBE, false, "platform webgpu",
        "outside browsers: to have it, wgpu-native's libwgpu_native.so in the loader's path "
        "(LD_LIBRARY_PATH) and a Vulkan driver");
}

/* wgpuGetVersion packs four bytes: 0x16000301 is 22.0.3.1. It is the one function whose form every release shares. */
static accel_status ask(hw_report *r, accel_error *err) {
    library *l = NULL;
    const char *name = NULL;
    uint32_t (*get_version)(void) = NULL;
    (void)err;
    ACCEL_TRY(vendor_open(r, WEBGPU_PROBE, names, &l, &name));
    if (!l)
        return ACCEL_OK;
    if (!library_find(l, "wgpuGetVersion", &get_version))
        return hw_report_evidence(r, WEBGPU_PROBE, false, name,
                                  "is no wgpu-native that tells its version: it lacks wgpuGetVersion");
    uint32_t v = get_version();
    return hw_report_evidence(r, WEBGPU_PROBE, true, name,
                              "wgpu-native %u.%u.%u.%u; its adapters are Vulkan's", v >> 24, v >> 16 & 0xff,
                              v >> 8 & 0xff, v & 0xff);
}

const hw_probe probe_webgpu = {
    .name = WEBGPU_PROBE,
    .priority = 70,
    .summary = "WebGPU outside browsers: wgpu-native",
    .run = run,
    .ask = ask,
};
