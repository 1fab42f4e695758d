/* Variables that change what programs see of this machine. */
#include <string.h>

#include "hw/probes.h"

static const struct {
    const char *name;
    const char *set;   /* its effect */
    const char *hides; /* when it is "" or "-1"; NULL: as set */
} variables[] = {
    {"CUDA_VISIBLE_DEVICES",
     "CUDA programs see only these NVIDIA GPUs, in this order, up to the first that is not there",
     "hides all NVIDIA GPUs from CUDA programs"},
    {"CUDA_DEVICE_ORDER", "the order in which CUDA numbers GPUs", NULL},
    {"HIP_VISIBLE_DEVICES", "HIP programs see only these AMD GPUs, in this order",
     "hides all AMD GPUs from HIP programs"},
    {"ROCR_VISIBLE_DEVICES", "ROCm's runtime, and all that is built on it, sees only these AMD GPUs",
     "hides all AMD GPUs from ROCm's runtime"},
    {"GPU_DEVICE_ORDINAL", "HIP and OpenCL programs see only these AMD GPUs",
     "hides all AMD GPUs from OpenCL programs"},
    {"ONEAPI_DEVICE_SELECTOR", "SYCL programs see only what this selects", NULL},
    {"ZE_AFFINITY_MASK", "Level Zero shows only these devices or tiles", NULL},
    {"ZE_FLAT_DEVICE_HIERARCHY", "whether Level Zero shows tiles as devices", NULL},
    {"OMP_NUM_THREADS", "programs that use OpenMP start this many threads", NULL},
    {"VK_DRIVER_FILES", "Vulkan's loader uses only these drivers",
     "Vulkan's loader uses its default drivers"},
    {"VK_ICD_FILENAMES", "Vulkan's loader uses only these drivers (VK_DRIVER_FILES goes before it)",
     "Vulkan's loader uses its default drivers"},
    {"VK_LOADER_DRIVERS_SELECT", "Vulkan's loader uses only drivers whose file names match", NULL},
    {"HWLOC_XMLFILE", "hwloc, and so this list, shows the machine of that file", NULL},
    {"HWLOC_SYNTHETIC", "hwloc, and so this list, shows a made-up machine", NULL},
    {"HWLOC_FSROOT", "hwloc, and so this list, shows the machine of that folder", NULL},
    {"VK_LOADER_DRIVERS_DISABLE", "Vulkan's loader leaves out drivers whose file names match", NULL},
};

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    (void)options;
    (void)err;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = hw_variable_value(s, variables[i].name);
        if (!value)
            continue;
        bool nothing = *value == '\0' || strcmp(value, "-1") == 0;
        const char *effect = nothing && variables[i].hides ? variables[i].hides : variables[i].set;
        ACCEL_TRY(hw_report_variable(r, variables[i].name, value, effect));
    }
    return ACCEL_OK;
}

const hw_probe probe_variables = {
    .name = "variables", .priority = 40, .summary = "variables that hide or order devices", .run = run};
