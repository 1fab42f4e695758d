/* Apple GPUs through Metal, by the Objective-C runtime called from C; compiled on macOS only. Untested on hardware. */
#include "hw/vendor.h"

#define APPLE_PROBE "apple"

#ifdef __APPLE__

#ifndef METAL_LIBRARY /* a test has its own */
#define METAL_LIBRARY   "/System/Library/Frameworks/Metal.framework/Metal"
#define RUNTIME_LIBRARY "/usr/lib/libobjc.A.dylib"
#endif

static const char *const metal_names[] = {METAL_LIBRARY, NULL};
static const char *const runtime_names[] = {RUNTIME_LIBRARY, NULL};

typedef struct metal_api {
    library *metal, *runtime;
    const char *metal_name, *runtime_name;
    void *(*all_devices)(void); /* MTLCopyAllDevices: an NSArray that we own */
    void *(*selector)(const char *name);
    void (*send)(void); /* objc_msgSend: called through the type of each message */
} metal_api;

/* A message without arguments: on arm64 and x86_64 integers, pointers and BOOL come back alike, in one register. */
static uint64_t send(const metal_api *m, void *object, const char *message) {
    uint64_t (*typed)(void *, void *) = (uint64_t (*)(void *, void *))m->send;
    return object ? typed(object, m->selector(message)) : 0;
}

static void *send_pointer(const metal_api *m, void *object, const char *message) {
    void *(*typed)(void *, void *) = (void *(*)(void *, void *))m->send;
    return object ? typed(object, m->selector(message)) : NULL;
}

static void *at_index(const metal_api *m, void *array, uint64_t index) {
    void *(*typed)(void *, void *, uint64_t) = (void *(*)(void *, void *, uint64_t))m->send;
    return typed(array, m->selector("objectAtIndex:"), index);
}

/* supportsFamily: takes MTLGPUFamily; Apple1 is 1001, and each later family includes the earlier ones. */
static int newest_family(const metal_api *m, void *device) {
    bool (*typed)(void *, void *, int64_t) = (bool (*)(void *, void *, int64_t))m->send;
    for (int family = 20; family > 0; family--)
        if (typed(device, m->selector("supportsFamily:"), 1000 + family))
            return family;
    return 0;
}

static accel_status add_device(const metal_api *m, hw_report *r, void *device) {
    hw_device *d = hw_report_device(r, NULL);
    const char *name = (const char *)send_pointer(m, send_pointer(m, device, "name"), "UTF8String");
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    d->kind = HW_GPU;
    d->state = HW_USABLE;
    d->probe = APPLE_PROBE;
    d->vendor = "Apple";
    d->name = name ? vendor_text(r->arena, name, 256) : NULL;
    d->id = arena_printf(r->arena, "%llu", (unsigned long long)send(m, device, "registryID"));
    d->memory_shared = (send(m, device, "hasUnifiedMemory") & 0xff) != 0;
    uint64_t bytes = send(m, device, "recommendedMaxWorkingSetSize");
    vendor_set_figure(&d->memory_bytes, bytes > 0 && bytes <= INT64_MAX ? (int64_t)bytes : HW_UNKNOWN);
    int family = newest_family(m, device);
    if (family > 0)
        d->architecture = arena_printf(r->arena, "apple%d", family);
    d->precisions = family >= 6 ? "fp32 fp16 bf16 int8" : "fp32 fp16 int8";
    ACCEL_TRY(hw_report_fact(r, d, "tested", "untested on hardware"));
    return hw_report_interface(r, d, "metal");
}

static accel_status ask_metal(const metal_api *m, hw_report *r) {
    void *devices = m->all_devices();
    uint64_t count = send(m, devices, "count");
    for (uint64_t i = 0; i < count && i < 64; i++)
        ACCEL_TRY(add_device(m, r, at_index(m, devices, i)));
    (void)send(m, devices, "release");
    return hw_report_evidence(r, APPLE_PROBE, count > 0, m->metal_name, "%llu device%s",
                              (unsigned long long)count, count == 1 ? "" : "s");
}

static accel_status ask(hw_report *r, accel_error *err) {
    metal_api m = {0};
    (void)err;
    ACCEL_TRY(vendor_open(r, APPLE_PROBE, metal_names, &m.metal, &m.metal_name));
    ACCEL_TRY(vendor_open(r, APPLE_PROBE, runtime_names, &m.runtime, &m.runtime_name));
    if (!m.metal || !m.runtime)
        return ACCEL_OK;
    if (!library_find(m.metal, "MTLCopyAllDevices", &m.all_devices) ||
        !library_find(m.runtime, "sel_registerName", &m.selector) ||
        !library_find(m.runtime, "objc_msgSend", &m.send))
        return hw_report_evidence(r, APPLE_PROBE, false, m.metal_name, "lacks functions that list devices");
    return ask_metal(&m, r);
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    bool found = false;
    (void)err; /* only memory can end it */
    return vendor_note_library(s, options, r, APPLE_PROBE, metal_names, &found);
}

static const hw_question question = {.name = "metal", .libraries = metal_names, .ask = ask};
static const hw_question *const questions[] = {&question, NULL};
#define QUESTIONS questions

#else

#define QUESTIONS NULL

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    (void)s;
    (void)options;
    (void)err;
    return hw_report_evidence(r, APPLE_PROBE, false, "platform mps",
                              "not macOS: Metal is Apple's; to have it, a Mac (untested on hardware)");
}

#endif

const hw_probe probe_apple = {
    .name = APPLE_PROBE,
    .priority = 64,
    .summary = "Apple GPUs: Metal (untested on hardware)",
    .run = run,
    .questions = QUESTIONS,
};
