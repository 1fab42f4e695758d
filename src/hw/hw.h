/* What hardware a machine has, and how that is known: processors, memory, accelerators, what this process may use of them.
 * A probe is a file and a line in table.c. It reads only through its hw_source, so every probe also runs on a captured machine. */
#ifndef ACCEL_HW_HW_H
#define ACCEL_HW_HW_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* Unknown figures are HW_UNKNOWN, unknown text is NULL; never 0 or "". */
#define HW_UNKNOWN INT64_C(-1)

typedef struct hw_source hw_source; /* source.h */

/* ---- processors and memory -------------------------------------------------------------------------------------------- */

typedef struct hw_cache {
    int level;     /* 1, 2, 3… */
    char type;     /* 'd'ata, 'i'nstruction, 'u'nified */
    int64_t bytes; /* of one */
    int64_t line_bytes;
    int64_t count; /* such caches on the machine */
} hw_cache;

/* Cores of one kind: all of them, or the performance and the efficient ones of a hybrid processor. */
typedef struct hw_core_kind {
    const char *name; /* "performance", "efficient", NULL on uniform processors */
    int64_t cores, threads;
    int64_t max_mhz, base_mhz;
} hw_core_kind;

typedef struct hw_node { /* of memory: NUMA */
    int64_t index, bytes, threads;
    const char *kind; /* "DRAM", "HBM", "NVM", "GPU", NULL */
} hw_node;

typedef struct hw_cpu {
    const char *vendor, *model, *architecture; /* architecture: "x86_64", "aarch64"… */
    int64_t packages, cores, threads;          /* on-line */
    int64_t threads_offline;
    const hw_core_kind *kinds;
    size_t kind_count;
    const hw_cache *caches;
    size_t cache_count;
    const hw_node *nodes;
    size_t node_count;
    const char *const
        *features; /* "avx2", "fma", "avx512f", "amx_int8", "neon", "sve", "i8mm"… in a fixed order */
    size_t feature_count;
    int64_t min_mhz, max_mhz;
    const char *governor;   /* of frequencies; NULL: the system shows none, as in most virtual machines */
    const char *hypervisor; /* "none", "kvm"…; NULL: not known */
} hw_cpu;

typedef struct hw_memory {
    int64_t total_bytes;     /* MemTotal: what the kernel manages */
    int64_t available_bytes; /* MemAvailable: without swapping */
    int64_t
        installed_bytes; /* the sum of the NUMA nodes as hwloc tells it; in virtual machines it may differ from total_bytes */
    int64_t swap_bytes;
} hw_memory;

/* What of it this process may use. */
typedef struct hw_allowance {
    int64_t threads, cores, nodes; /* of the affinity mask, cut by the control groups' sets of CPUs */
    double cpu_quota;              /* CPUs, of the tightest control group; below 0: no limit */
    int64_t
        usable_threads; /* what a program should plan with: threads cut by the quota, rounded up, at least 1 */
    int64_t memory_limit_bytes; /* of the tightest control group; HW_UNKNOWN: no limit */
    int64_t usable_bytes;       /* available memory cut by that limit */
    const char *cgroup;         /* "v1", "v2" or NULL */
    const char *container;      /* "docker", "podman", "lxc", "kubernetes", … or NULL */
} hw_allowance;

/* ---- devices ------------------------------------------------------------------------------------------------------------- */

typedef enum hw_kind { HW_GPU, HW_NPU, HW_ACCELERATOR, HW_BROWSER, HW_KIND_COUNT } hw_kind;
const char *hw_kind_name(hw_kind k);

typedef enum hw_state {
    HW_USABLE, /* its driver and its library answer, and this process may use it */
    HW_HIDDEN, /* there, but a variable, a control group or permissions keep it from this process: see reason */
    HW_NO_DRIVER,  /* there, without a driver or with one whose library is missing: see reason and remedy */
    HW_NOT_PROBED, /* there; the vendor's library was not asked (detect --all asks it) */
    HW_BROKEN      /* its driver or library failed: see reason */
} hw_state;
const char *hw_state_name(hw_state s);

/* A name and a text that a device has beside the common fields ("compute capability", "9.0"; "ecc", "on"). */
typedef struct hw_fact {
    const char *name, *value;
} hw_fact;

typedef struct hw_device {
    hw_kind kind;
    hw_state state;
    const char *probe; /* which probe found it, "nvidia" */
    const char *vendor, *name;
    const char *id;  /* what selects it: a UUID, or the index in the vendor's own order */
    const char *pci; /* "0000:01:00.0" */
    int64_t
        partition; /* of a device that is cut into several at one address: 0, 1…; HW_UNKNOWN: it is whole */
    const char *driver, *driver_version;
    const char *architecture; /* "sm_90", "gfx942", "xe2"… */
    int64_t memory_bytes, memory_free_bytes;
    bool memory_shared; /* with the processor */
    int64_t units;      /* multiprocessors, compute units, Xe cores, tiles of an NPU */
    int64_t max_mhz, memory_max_mhz;
    int64_t power_limit_mw;
    int64_t copy_to_mb_per_s,
        copy_from_mb_per_s; /* measured, with page-locked memory of the host; 10^6 bytes */
    int64_t numa_node;
    const char *const *
        interfaces; /* what could drive it: "cuda", "rocm", "level_zero", "vulkan", "metal", "webgpu", "webnn", "qnn", "opencl" */
    size_t interface_count;
    const char *precisions; /* "fp32 fp16 bf16 int8", as far as the vendor says */
    const char *reason;     /* why it is not usable */
    const char *remedy;     /* what would make it so */
    const hw_fact *facts;
    size_t fact_count;
    const char
        *asked_at; /* UTC: what its vendor's library said is an answer of that time, not of now; NULL */
    bool awaits;   /* private to hw/: its vendor's library has yet to say whether it is usable */
} hw_device;

/* What a probe looked for, found or not: the evidence. */
typedef struct hw_evidence {
    const char *probe; /* "nvidia" */
    const char
        *subject; /* a file, a library, a PCI class: "/proc/driver/nvidia/version", "libnvidia-ml.so.1" */
    const char *finding; /* "absent", "550.54.14", "refused: permission denied"… */
    bool found;
    const char *asked_at; /* as of a device */
} hw_evidence;

/* A variable that changes what is visible, and what it does. */
typedef struct hw_variable {
    const char *name, *value, *effect;
} hw_variable;

typedef struct hw_report {
    arena *arena;
    hw_cpu cpu;
    hw_memory memory;
    hw_allowance allowance;
    hw_device *devices;
    size_t device_count, device_capacity;
    hw_evidence *evidence;
    size_t evidence_count, evidence_capacity;
    hw_variable *variables;
    size_t variable_count, variable_capacity;
    const char *os, *kernel;
    const char *machine; /* the board's or system's name, "NVIDIA DGX Spark"; NULL */
} hw_report;

typedef struct hw_options {
    bool all;         /* ask vendor libraries too, each in a child process */
    bool measure;     /* also measure copies to and from devices that were found, in child processes */
    double timeout_s; /* a child may take; 0: 5 */
    const char
        *program; /* executable that answers `program __hw QUESTION` by hw_child_main; NULL: this one */
    /* A file of what vendors' libraries answered: written where all are asked, else read, as long as libraries, drivers, devices and variables
     * are the same. NULL: nothing is remembered. */
    const char *cache;
    /* Set to non-zero by a signal handler: the child that is being asked is ended and hw_detect gives ACCEL_CANCELLED. May be NULL. */
    const volatile sig_atomic_t *cancel;
} hw_options;

/* Everything that the source shows. Absent and broken hardware is part of the report; an error is only what keeps it from being made
 * (memory, a capture that cannot be read). hw_report_destroy it. */
accel_status hw_detect(hw_source *source, const hw_options *options, hw_report **out, accel_error *err);
void hw_report_destroy(hw_report *r); /* accepts NULL */

/* Bytes that this process may still take: what is available now, within the limits of its control groups; HW_UNKNOWN where the system does not
 * tell. Reads a dozen small files, nothing else. */
int64_t hw_usable_bytes(void);

/* ---- for probes ------------------------------------------------------------------------------------------------------------- */

/* What one library is asked, in a child of its own. */
typedef struct hw_question {
    const char *name; /* unique among all probes' */
    /* The library's names, NULL-terminated, absolute ones too: the first that is found is asked. */
    const char *const *libraries;
    /* Finds in r the devices that are known, and appends to or completes them, and evidence. */
    accel_status (*ask)(hw_report *r, accel_error *err);
    bool
        measures; /* takes a while: asked only to measure, where the probe found a device; never remembered */
} hw_question;

typedef struct hw_probe {
    const char *name;
    int priority; /* lower first: a later probe completes devices that an earlier one found at the same PCI address */
    const char *summary;
    accel_status (*run)(hw_source *source, const hw_options *options, hw_report *r, accel_error *err);
    const hw_question *const
        *questions; /* in their order, NULL-terminated; NULL: the probe asks no library */
} hw_probe;

size_t hw_probe_count(void);
const hw_probe *hw_probe_at(size_t index);

/* A new device with everything unknown, or the one at this PCI address that is there already. NULL when memory ends. */
hw_device *hw_report_device(hw_report *r, const char *pci);
/* The same of one part of a device that is cut into several; 0 is also the device that is whole. */
hw_device *hw_report_part(hw_report *r, const char *pci, int64_t partition);
accel_status hw_report_evidence(hw_report *r, const char *probe, bool found, const char *subject,
                                const char *format, ...) ACCEL_PRINTF(5, 6);
accel_status hw_report_fact(hw_report *r, hw_device *d, const char *name, const char *format, ...)
    ACCEL_PRINTF(4, 5);
accel_status hw_report_interface(hw_report *r, hw_device *d, const char *interface);
accel_status hw_report_variable(hw_report *r, const char *name, const char *value, const char *effect);

/* ---- as JSON: what `accel detect --format json` prints and what a child answers --------------------------------------------- */

hw_report *hw_report_create(void); /* empty; NULL when memory ends */
/* The whole report as one object; docs/hardware.md says what each field is. */
void hw_report_write_json(const hw_report *r, str_buf *out);
/* Appends the devices and the evidence of such an object, from a child or a capture: untrusted. A device at the same PCI address, or without
 * one of the same probe and id, completes the one that is there: what the object knows replaces what was known. */
accel_status hw_report_merge_json(hw_report *r, const char *json, size_t length, accel_error *err);

#endif
