/* NVIDIA GPUs, by the files of NVIDIA's kernel driver. What its libraries say is in nvidia_nvml.c and nvidia_cuda.c. */
#include <string.h>

#include "base/str.h"
#include "hw/nvml.h"
#include "hw/visible.h"

#define GPUS    "/proc/driver/nvidia/gpus"
#define VERSION "/proc/driver/nvidia/version"

typedef struct gpu {
    const char *pci, *model, *uuid, *firmware;
    int64_t minor; /* of /dev/nvidiaN */
    bool excluded; /* by the administrator, through NVreg_ExcludedGpus */
} gpu;

enum { MOST_GPUS = 256 }; /* a capture may claim any number */

typedef struct machine {
    const char *driver_version;
    gpu *gpus;
    const char **uuids; /* of all; NULL unless all are known */
    size_t count;
    bool nvml, cuda, control;
} machine;

const char *nvidia_precisions(int major, int minor) {
    int capability = major * 10 + minor;
    if (capability >= 100)
        return "fp64 fp32 fp16 bf16 float8e4m3fn float8e5m2 float4e2m1 int8";
    if (capability >= 89)
        return capability < 90 ? "fp64 fp32 fp16 bf16 float8e4m3fn float8e5m2 int8 int4"
                               : "fp64 fp32 fp16 bf16 float8e4m3fn float8e5m2 int8";
    if (capability >= 80)
        return "fp64 fp32 fp16 bf16 int8 int4";
    if (capability >= 75)
        return "fp64 fp32 fp16 int8 int4";
    if (capability >= 61) /* 6.2 and 7.x keep the 8-bit dot product of 6.1 */
        return "fp64 fp32 fp16 int8";
    if (capability >= 53 && capability != 60)
        return "fp64 fp32 fp16";
    return capability == 60 ? "fp64 fp32 fp16" : capability > 0 ? "fp64 fp32" : NULL;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

/* Before a GPU is first used the driver writes question marks in place of its UUID. */
static const char *known_uuid(const char *uuid) {
    return uuid && str_starts_with(uuid, "GPU-") && !strchr(uuid, '?') ? uuid : NULL;
}

static accel_status read_gpu(hw_source *s, hw_report *r, const char *folder, gpu *g) {
    const char *path = arena_printf(r->arena, GPUS "/%s/information", folder);
    const char *text = path ? hw_read(s, path) : NULL;
    g->pci = folder; /* lives as long as the source: copied where it is kept */
    g->model = vendor_line_value(r->arena, text, "Model");
    g->uuid = known_uuid(vendor_line_value(r->arena, text, "GPU UUID"));
    g->firmware = vendor_line_value(r->arena, text, "GPU Firmware");
    g->minor = vendor_line_number(text, "Device Minor");
    g->excluded = str_equal(vendor_line_value(r->arena, text, "GPU Excluded"), "Yes");
    return path ? hw_report_evidence(r, NVIDIA_PROBE, text != NULL, path, "%s",
                                     !text      ? "cannot be read"
                                     : g->model ? g->model
                                                : "names no model")
                : ACCEL_OUT_OF_MEMORY;
}

static accel_status read_gpus(hw_source *s, hw_report *r, machine *m) {
    const char *const *folders = hw_list(s, GPUS);
    size_t count = 0;
    while (folders && folders[count] && count < MOST_GPUS)
        count++;
    m->gpus = ARENA_ARRAY(r->arena, gpu, count);
    m->uuids = ARENA_ARRAY(r->arena, const char *, count);
    if (!m->gpus || !m->uuids)
        return ACCEL_OUT_OF_MEMORY;
    for (; m->count < count; m->count++) {
        ACCEL_TRY(read_gpu(s, r, folders[m->count], &m->gpus[m->count]));
        m->uuids[m->count] = m->gpus[m->count].uuid;
    }
    for (size_t i = 0; i < count && m->uuids; i++)
        m->uuids = m->uuids[i] ? m->uuids : NULL;
    return ACCEL_OK;
}

static accel_status read_driver(hw_source *s, hw_report *r, machine *m) {
    const char *text = hw_read(s, VERSION);
    m->driver_version = vendor_version_in(r->arena, text);
    if (!text)
        return hw_report_evidence(r, NVIDIA_PROBE, false, VERSION,
                                  "absent: NVIDIA's kernel driver is not loaded");
    return hw_report_evidence(r, NVIDIA_PROBE, true, VERSION, "%s",
                              m->driver_version ? m->driver_version : "names no version");
}

static accel_status look_for_libraries(hw_source *s, const hw_options *options, hw_report *r, machine *m) {
    bool wsl = false;
    ACCEL_TRY(vendor_note_library(s, options, r, NVIDIA_PROBE, nvidia_nvml.libraries, &m->nvml));
    ACCEL_TRY(vendor_note_library(s, options, r, NVIDIA_PROBE, nvidia_cuda.libraries, &m->cuda));
    ACCEL_TRY(vendor_note_path(s, r, NVIDIA_PROBE, "/dev/nvidiactl", "absent: no program can open the driver",
                               &m->control));
    if (!hw_exists(s, "/dev/dxg"))
        return ACCEL_OK;
    return vendor_note_path(s, r, NVIDIA_PROBE, "/dev/dxg", "absent", &wsl); /* Windows' own driver */
}

/* ---- what this process may use --------------------------------------------------------------------------------------------- */

/* CUDA numbers the fastest GPU 0 unless CUDA_DEVICE_ORDER says PCI_BUS_ID; among equal ones both orders are the same. */
static bool order_is_known(hw_source *s, const machine *m) {
    bool equal = true;
    for (size_t i = 1; i < m->count; i++)
        equal &= str_equal(m->gpus[i].model, m->gpus[0].model);
    return equal || str_equal(hw_variable_value(s, "CUDA_DEVICE_ORDER"), "PCI_BUS_ID");
}

/* Whether CUDA_VISIBLE_DEVICES surely leaves a GPU out. A list of MIG instances does not tell which GPUs they are on. */
static bool is_left_out(hw_source *s, const machine *m, size_t index) {
    hw_visible v = {.value = hw_variable_value(s, "CUDA_VISIBLE_DEVICES"),
                    .names = m->uuids,
                    .count = m->count,
                    .indexed = m->count};
    bool by_uuid = v.value && str_starts_with(v.value, "GPU-"),
         by_index = v.value && v.value[0] >= '0' && v.value[0] <= '9';
    if (!v.value || str_starts_with(v.value, "MIG-") || (by_uuid && !m->uuids) ||
        (by_index && !order_is_known(s, m)))
        return false;
    return hw_visible_place(&v, index) < 0;
}

static void judge(hw_source *s, hw_report *r, const machine *m, size_t index, hw_device *d) {
    const gpu *g = &m->gpus[index];
    const char *node = arena_printf(r->arena, "/dev/nvidia%lld", (long long)g->minor);
    if (g->excluded)
        vendor_set_state(d, HW_HIDDEN, "the driver was told to exclude it (NVreg_ExcludedGpus)",
                         "take it out of that module option and load the driver again");
    else if (!m->control || (g->minor >= 0 && node && !hw_exists(s, node)))
        vendor_set_state(
            d, HW_HIDDEN,
            m->control ? arena_printf(r->arena, "%s is missing here", node)
                       : "/dev/nvidiactl is missing here",
            "in a container: start it with this GPU (docker run --gpus all); else run nvidia-modprobe");
    else if (is_left_out(s, m, index))
        vendor_hide(r, d, "CUDA_VISIBLE_DEVICES", hw_variable_value(s, "CUDA_VISIBLE_DEVICES"));
    else if (!m->cuda)
        vendor_set_state(d, HW_NO_DRIVER, "libcuda.so.1 is not found",
                         "install the driver's libraries of the same version; in a container: "
                         "NVIDIA_DRIVER_CAPABILITIES=compute,utility");
    else
        vendor_await(r, d, "NVIDIA's library");
}

static accel_status add_gpu(hw_source *s, hw_report *r, const machine *m, size_t index) {
    const gpu *g = &m->gpus[index];
    hw_device *d = hw_report_device(r, g->pci);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    d->kind = HW_GPU;
    d->probe = NVIDIA_PROBE;
    d->vendor = "NVIDIA";
    d->driver = "nvidia";
    d->driver_version = m->driver_version;
    d->name = g->model ? g->model : d->name;
    d->id = g->uuid ? g->uuid : d->id;
    judge(s, r, m, index, d);
    if (m->cuda)
        ACCEL_TRY(hw_report_interface(r, d, "cuda"));
    return g->firmware ? hw_report_fact(r, d, "firmware", "%s", g->firmware) : ACCEL_OK;
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    (void)err; /* only memory can end it */
    machine m = {0};
    ACCEL_TRY(read_driver(s, r, &m));
    ACCEL_TRY(read_gpus(s, r, &m));
    ACCEL_TRY(look_for_libraries(s, options, r, &m));
    for (size_t i = 0; i < m.count; i++)
        ACCEL_TRY(add_gpu(s, r, &m, i));
    if (m.count > 0)
        return ACCEL_OK;
    return hw_report_evidence(
        r, NVIDIA_PROBE, false, "platform cuda",
        "no GPU in " GPUS ": to have it, an NVIDIA GPU and NVIDIA's driver (kernel module nvidia, "
        "libcuda.so.1, libnvidia-ml.so.1)%s",
        hw_exists(s, "/dev/dxg") ? "; under WSL2 the driver is Windows' and only its library tells" : "");
}

static const hw_question *const questions[] = {&nvidia_nvml, &nvidia_cuda, &nvidia_copy, NULL};

const hw_probe probe_nvidia = {
    .name = NVIDIA_PROBE,
    .priority = 60,
    .summary = "NVIDIA GPUs: /proc/driver/nvidia, NVML, CUDA's driver library",
    .run = run,
    .questions = questions,
};
