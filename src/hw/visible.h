/* Which devices the variables of vendors leave visible. For the vendors' probes. */
#ifndef ACCEL_HW_VISIBLE_H
#define ACCEL_HW_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>

/* A list in the manner of CUDA_VISIBLE_DEVICES, HIP_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES. */
typedef struct hw_visible {
    const char *value;         /* of the variable; NULL: not set, all are visible */
    const char *const *names;  /* UUIDs ("GPU-…", "MIG-…") of what the list may name; NULL: only indices */
    const char *const *others; /* second names of the same ("MIG-GPU-…/1/0"); NULL, or entries NULL: none */
    size_t count;              /* of names */
    size_t indexed;            /* the first of them that may be named by index */
} hw_visible;

/* The place of number `index` in the list, from 0; -1: hidden. An entry is an index or the beginning of a UUID that fits one device only; all
 * entries are of the first one's kind. The list ends at the first entry that names nothing, a device named twice empties it, "" and "-1" hide
 * all: as CUDA has it. Not set: its own index. */
int hw_visible_place(const hw_visible *v, size_t index);

/* ZE_AFFINITY_MASK: "0,2.1" names devices or their tiles. NULL: all. */
bool hw_mask_allows(const char *value, size_t device);

/* ONEAPI_DEVICE_SELECTOR: "level_zero:0,1;!opencl:*". backend: "level_zero"; type: "gpu", "cpu" or "fpga". NULL: all. */
bool hw_selector_allows(const char *value, const char *backend, const char *type, size_t device);

#endif
