/* Intel GPUs and NPUs, by the files of the kernel's drivers (i915, xe, intel_vpu). What Level Zero says is in intel_level_zero.c. */
#include "base/str.h"
#include "hw/class.h"
#include "hw/level_zero.h"
#include "hw/visible.h"

static const char *const gpu_names[] = {"libze_intel_gpu.so.1", NULL};
static const char *const npu_names[] = {"libze_intel_npu.so.1", "libze_intel_vpu.so.1", NULL};

typedef struct machine {
    class_device *gpus, *npus;
    size_t gpu_count, npu_count;
    bool loader, gpu_library, npu_library;
} machine;

/* ---- GPUs ------------------------------------------------------------------------------------------------------------------------ */

/* i915 keeps clocks beside the device's folder, xe below it, by tile. */
static int64_t highest_mhz(hw_source *s, hw_report *r, const class_device *c) {
    static const char *const files[] = {"gt_RP0_freq_mhz", "gt_max_freq_mhz"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *path = arena_printf(r->arena, "/sys/class/drm/%s/%s", c->name, files[i]);
        int64_t mhz = path ? hw_read_number(s, path) : HW_UNKNOWN;
        if (mhz > 0)
            return mhz;
    }
    int64_t mhz = class_number(s, r, c, "tile0/gt0/freq0/rp0_freq");
    return mhz > 0 ? mhz : HW_UNKNOWN;
}

/* One GPU has the index 0 whatever the order; among several the files do not tell which index is whose: Level Zero does. */
static void judge_gpu(hw_source *s, hw_report *r, const machine *m, const class_device *c, hw_device *d) {
    const char *mask = hw_variable_value(s, "ZE_AFFINITY_MASK");
    if (!c->node_here)
        vendor_set_state(
            d, HW_HIDDEN,
            arena_printf(r->arena, "%s is missing here", c->node ? c->node : "its render node of /dev/dri"),
            "in a container: pass /dev/dri in (--device)");
    else if (m->gpu_count == 1 && !hw_mask_allows(mask, 0))
        vendor_hide(r, d, "ZE_AFFINITY_MASK", mask);
    else if (!m->loader || !m->gpu_library)
        vendor_set_state(d, HW_NO_DRIVER,
                         m->loader ? "Intel's compute library libze_intel_gpu.so.1 is not found"
                                   : "Level Zero's loader libze_loader.so.1 is not found",
                         "install Level Zero and Intel's compute runtime (libze1, libze-intel-gpu1)");
    else
        vendor_await(r, d, "Level Zero");
}

static hw_device *add(hw_source *s, hw_report *r, const class_device *c, hw_kind kind) {
    hw_device *d = hw_report_device(r, c->pci);
    if (!d)
        return NULL;
    d->kind = kind;
    d->probe = INTEL_PROBE;
    d->vendor = "Intel";
    d->driver = c->driver;
    vendor_set_figure(&d->numa_node, class_number(s, r, c, "numa_node"));
    const char *path = arena_printf(r->arena, "/sys/module/%s/version", c->driver);
    vendor_set_text(&d->driver_version, path ? vendor_version_in(r->arena, hw_read(s, path)) : NULL);
    return d;
}

static accel_status add_gpu(hw_source *s, hw_report *r, const machine *m, const class_device *c) {
    static const char *const caps[] = {"power1_max", "power1_rated_max", NULL};
    hw_device *d = add(s, r, c, HW_GPU);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    vendor_set_figure(&d->max_mhz, highest_mhz(s, r, c));
    vendor_set_figure(&d->power_limit_mw, class_power_mw(s, r, c, caps));
    d->memory_shared |= str_equal(c->pci, "0000:00:02.0"); /* where every processor has its own graphics */
    judge_gpu(s, r, m, c, d);
    ACCEL_TRY(hw_report_evidence(r, INTEL_PROBE, true, c->folder, "GPU of %s%s%s", c->driver,
                                 c->node ? ", " : "", c->node ? c->node : ""));
    return m->loader && m->gpu_library ? hw_report_interface(r, d, "level_zero") : ACCEL_OK;
}

/* ---- NPUs ------------------------------------------------------------------------------------------------------------------------ */

typedef struct npu_kind {
    int64_t device_id;
    const char *name, *architecture;
} npu_kind;

/* The kernel's driver intel_vpu knows these PCI devices. */
static const npu_kind *npu_kind_of(int64_t device_id) {
    static const npu_kind kinds[] = {
        {0x7d1d, "NPU of Meteor Lake", "NPU 37xx"},  {0xad1d, "NPU of Arrow Lake", "NPU 37xx"},
        {0x643e, "NPU of Lunar Lake", "NPU 40xx"},   {0xb03e, "NPU of Panther Lake", "NPU 50xx"},
        {0xfd3e, "NPU of Wildcat Lake", "NPU 50xx"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].device_id == device_id)
            return &kinds[i];
    return NULL;
}

static void judge_npu(hw_report *r, const machine *m, const class_device *c, hw_device *d) {
    if (!c->node_here)
        vendor_set_state(
            d, HW_HIDDEN,
            arena_printf(r->arena, "%s is missing here", c->node ? c->node : "its node of /dev/accel"),
            "in a container: pass /dev/accel in (--device)");
    else if (!m->loader || !m->npu_library)
        vendor_set_state(
            d, HW_NO_DRIVER,
            m->loader ? "Intel's NPU library libze_intel_npu.so.1 is not found"
                      : "Level Zero's loader libze_loader.so.1 is not found",
            "install Level Zero and Intel's NPU driver (intel-level-zero-npu, intel-driver-compiler-npu)");
    else
        vendor_await(r, d, "Level Zero");
}

static accel_status add_npu(hw_source *s, hw_report *r, const machine *m, const class_device *c) {
    hw_device *d = add(s, r, c, HW_NPU);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    const npu_kind *kind = npu_kind_of(class_number(s, r, c, "device"));
    if (!d->name || str_starts_with(d->name, "device ")) /* a machine without pci.ids */
        d->name = kind ? kind->name : "NPU";
    vendor_set_text(&d->architecture, kind ? kind->architecture : NULL);
    vendor_set_text(&d->precisions, "fp16 int8");
    int64_t mhz = class_number(s, r, c, "npu_max_frequency_mhz");
    vendor_set_figure(&d->max_mhz, mhz > 0 ? mhz : HW_UNKNOWN);
    d->memory_shared = true;
    judge_npu(r, m, c, d);
    ACCEL_TRY(hw_report_evidence(r, INTEL_PROBE, true, c->folder, "%s of %s", d->name, c->driver));
    return m->loader && m->npu_library ? hw_report_interface(r, d, "level_zero") : ACCEL_OK;
}

/* ---- run --------------------------------------------------------------------------------------------------------------------------- */

static accel_status read_machine(hw_source *s, const hw_options *options, hw_report *r, machine *m) {
    static const char *const gpu_drivers[] = {"i915", "xe", NULL}, *const npu_drivers[] = {"intel_vpu", NULL};
    ACCEL_TRY(class_drm(s, r, gpu_drivers, &m->gpus, &m->gpu_count));
    ACCEL_TRY(class_accel(s, r, npu_drivers, &m->npus, &m->npu_count));
    if (m->gpu_count == 0)
        ACCEL_TRY(hw_report_evidence(r, INTEL_PROBE, false, "/sys/class/drm", "no card of i915 or xe"));
    if (m->npu_count == 0)
        ACCEL_TRY(hw_report_evidence(r, INTEL_PROBE, false, "/sys/class/accel", "no device of intel_vpu"));
    ACCEL_TRY(vendor_note_library(s, options, r, INTEL_PROBE, intel_level_zero.libraries, &m->loader));
    ACCEL_TRY(vendor_note_library(s, options, r, INTEL_PROBE, gpu_names, &m->gpu_library));
    return vendor_note_library(s, options, r, INTEL_PROBE, npu_names, &m->npu_library);
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    (void)err; /* only memory can end it */
    machine m = {0};
    ACCEL_TRY(read_machine(s, options, r, &m));
    for (size_t i = 0; i < m.gpu_count; i++)
        ACCEL_TRY(add_gpu(s, r, &m, &m.gpus[i]));
    for (size_t i = 0; i < m.npu_count; i++)
        ACCEL_TRY(add_npu(s, r, &m, &m.npus[i]));
    if (m.gpu_count + m.npu_count > 0)
        return ACCEL_OK;
    return hw_report_evidence(
        r, INTEL_PROBE, false, "Intel GPU or NPU",
        "none: to have one, an Intel GPU with the kernel's driver i915 or xe, or an NPU "
        "with intel_vpu, and Level Zero with Intel's libraries");
}

static const hw_question *const questions[] = {&intel_level_zero, NULL};

const hw_probe probe_intel = {
    .name = INTEL_PROBE,
    .priority = 62,
    .summary = "Intel GPUs and NPUs: i915, xe and intel_vpu in /sys, Level Zero",
    .run = run,
    .questions = questions,
};
