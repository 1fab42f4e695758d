/* Devices of a class of the kernel's (drm: GPUs, accel: NPUs) that given drivers hold. Private to hw/. */
#ifndef ACCEL_HW_CLASS_H
#define ACCEL_HW_CLASS_H

#include "hw/source.h"

typedef struct class_device {
    const char *name;   /* "card0", "accel0" */
    const char *folder; /* of the device: "/sys/class/drm/card0/device" */
    const char *pci;    /* NULL: not on PCI */
    const char *driver;
    const char *node; /* "/dev/dri/renderD128", "/dev/accel/accel0": what a program opens; NULL: none */
    bool node_here;
} class_device;

/* drivers: NULL-terminated. *out lies in the report's arena with its texts; names alone lie in the source. */
accel_status class_drm(hw_source *s, hw_report *r, const char *const *drivers, class_device **out,
                       size_t *count);
accel_status class_accel(hw_source *s, hw_report *r, const char *const *drivers, class_device **out,
                         size_t *count);

/* A file of the device's folder; NULL or HW_UNKNOWN where it is absent. */
const char *class_text(hw_source *s, hw_report *r, const class_device *c, const char *file);
int64_t class_number(hw_source *s, hw_report *r, const class_device *c, const char *file);
/* The highest clock in a table as amdgpu's pp_dpm_sclk has it: lines of "0: 500Mhz *". HW_UNKNOWN. */
int64_t class_highest_mhz(hw_source *s, hw_report *r, const class_device *c, const char *file);
/* The first of `files` that a hwmon of the device has, which counts microwatts; in milliwatts. */
int64_t class_power_mw(hw_source *s, hw_report *r, const class_device *c, const char *const *files);

#endif
