/* The probes, one file each; table.c lists them. Private to hw/. */
#ifndef ACCEL_HW_PROBES_H
#define ACCEL_HW_PROBES_H

#include "hw/source.h"

/* In the order in which they run. To add one: its file with `const hw_probe probe_NAME` and a line here. */
#define HW_PROBES(X)                                                                                         \
    X(cpu)                                                                                                   \
    X(features)                                                                                              \
    X(frequency)                                                                                             \
    X(memory)                                                                                                \
    X(system)                                                                                                \
    X(allowance)                                                                                             \
    X(variables)                                                                                             \
    X(pci)                                                                                                   \
    X(vulkan) /* before the vendors: what their own libraries say of the same device stands in the end */    \
    X(nvidia)                                                                                                \
    X(amd)                                                                                                   \
    X(intel)                                                                                                 \
    X(qualcomm)                                                                                              \
    X(apple)                                                                                                 \
    X(webgpu)                                                                                                \
    X(browsers)

#define HW_PROBE_DECLARE(name) extern const hw_probe probe_##name;
HW_PROBES(HW_PROBE_DECLARE)
#undef HW_PROBE_DECLARE

#endif
