/* AMD's GPUs: what the files of amd*.c share. Private to hw/. */
#ifndef ACCEL_HW_AMD_H
#define ACCEL_HW_AMD_H

#include "hw/class.h"
#include "hw/vendor.h"

#define AMD_PROBE "amd"

/* "gfx942" of the kernel's gfx_target_version 90402; NULL for 0 and below. */
const char *amd_gfx_name(arena *a, int64_t version);
/* What a GPU of this architecture computes in, by ROCm's table of data types; NULL: not known. */
const char *amd_precisions(int64_t gfx_target_version);

/* Adds the GPUs of AMD SMI or, where it is absent, of ROCm SMI, all HW_NOT_PROBED. */
accel_status amd_ask_smi(hw_report *r);
/* What HIP offers to this process decides which are usable; GPUs that only HIP knows are added. */
accel_status amd_ask_hip(hw_report *r);

/* A GPU of ours at this address, found or new, with what all of AMD's have in common. NULL when memory ends. */
hw_device *amd_device(hw_report *r, const char *pci);

#endif
