/* AMD's GPUs: what the files of amd*.c share. Private to hw/. */
#ifndef ACCEL_HW_AMD_H
#define ACCEL_HW_AMD_H

#include "hw/class.h"
#include "hw/vendor.h"

#define AMD_PROBE "amd"

/* AMD SMI or, where it is absent, ROCm SMI adds its GPUs, which await HIP's word. */
extern const hw_question amd_smi;
/* What HIP offers to this process decides which are usable; GPUs that only HIP knows are added. */
extern const hw_question amd_hip;

/* A GPU of ours at this address, found or new, with what all of AMD's have in common. partition: of one that is cut into several at one address;
 * HW_UNKNOWN: whole. NULL when memory ends. */
hw_device *amd_device(hw_report *r, const char *pci, int64_t partition);
/* The same by the parts of an address, in which ROCm's libraries write the partition as the function. */
hw_device *amd_device_at(hw_report *r, uint64_t domain, uint64_t bus, uint64_t device, uint64_t function);

#endif
