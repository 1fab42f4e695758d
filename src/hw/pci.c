/* Display controllers, processing accelerators and co-processors on the PCI bus, with the driver that is bound to each. What a vendor's
 * library knows about them is added by that vendor's probe. */
#include <string.h>

#include "hw/big_file.h"
#include "hw/probes.h"

static const char BUS[] = "/sys/bus/pci/devices";

/* ---- vendors ------------------------------------------------------------------------------------------------------------ */

enum { DISPLAY = 0x03, PROCESSING = 0x12, SIGNAL = 0x11, COPROCESSOR = 0x0b40 };

typedef struct pci_vendor {
    unsigned id;
    const char *name;
    const char
        *graphics;      /* drivers with which its display devices compute, "a b"; NULL: they do not compute */
    const char *others; /* of its accelerators; NULL: not known */
    const char *graphics_remedy, *others_remedy;
} pci_vendor;

static const pci_vendor vendors[] = {
    {0x10de, "NVIDIA", "nvidia", "nvidia",
     "install NVIDIA's driver (Debian: nvidia-driver; kernel module nvidia)",
     "install NVIDIA's driver (kernel module nvidia)"},
    {0x1002, "AMD", "amdgpu", "amdgpu",
     "load the kernel module amdgpu and install its firmware (Debian: firmware-amd-graphics)",
     "load the kernel module amdgpu"},
    {0x1022, "AMD", NULL, "amdxdna", NULL,
     "load the kernel module amdxdna (Linux 6.14 or newer) and install AMD's XRT"},
    {0x8086, "Intel", "i915 xe", "intel_vpu mic habanalabs",
     "load the kernel module xe or i915 and install its firmware",
     "load the kernel module intel_vpu (Linux 6.3 or newer) and install Intel's NPU firmware"},
    {0x17cb, "Qualcomm", NULL, "qaic", NULL,
     "load the kernel module qaic (Linux 6.4 or newer) and install its firmware"},
    {0x1da3, "Habana Labs", NULL, "habanalabs", NULL,
     "load the kernel module habanalabs and install its firmware"},
    {0x1e52, "Tenstorrent", NULL, "tenstorrent", NULL, "install Tenstorrent's kernel module (tt-kmd)"},
    {0x1ae0, "Google", NULL, "apex gasket", NULL, "install the kernel modules gasket and apex"},
    {0x1e60, "Hailo", NULL, "hailo hailo_pci", NULL, "install Hailo's kernel module (hailo_pci)"},
    {0x19e5, "Huawei", NULL, "davinci devdrv_device_driver", NULL, "install Ascend's driver"},
    {0x1d0f, "Amazon", NULL, "neuron", NULL, "install AWS Neuron's driver (aws-neuronx-dkms)"},
    {0x1a03, "ASPEED", NULL, NULL, NULL, NULL},
    {0x102b, "Matrox", NULL, NULL, NULL, NULL},
    {0x1af4, "Red Hat (virtio)", NULL, NULL, NULL, NULL},
    {0x1234, "QEMU", NULL, NULL, NULL, NULL},
    {0x1b36, "Red Hat (QXL)", NULL, NULL, NULL, NULL},
    {0x1013, "Cirrus Logic", NULL, NULL, NULL, NULL},
    {0x15ad, "VMware", NULL, NULL, NULL, NULL},
    {0x80ee, "VirtualBox", NULL, NULL, NULL, NULL},
    {0x1414, "Microsoft", NULL, NULL, NULL, NULL},
};

static const pci_vendor *vendor_of(int64_t id) {
    for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++)
        if (vendors[i].id == id)
            return &vendors[i];
    return NULL;
}

/* Neural processors, by vendor << 16 | device: their class tells them apart from other accelerators on no machine. */
static bool is_npu(int64_t vendor, int64_t device) {
    static const int64_t ids[] = {0x80867d1d, 0x8086ad1d, 0x8086643e, 0x8086b03e,
                                  0x8086fd3e, 0x80867e4c,              /* Intel: Meteor, Arrow, Lunar,
                                                                                                 Panther Lake and their variants */
                                  0x10221502, 0x102217f0, 0x102217f8}; /* AMD: XDNA, XDNA 2 */
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i] == (vendor << 16 | device))
            return true;
    return false;
}

/* ---- names of pci.ids ------------------------------------------------------------------------------------------------------- */

typedef struct pci_ids {
    unsigned vendor, device;
} pci_ids;

static char *after_blanks(arena *a, const char *line, size_t length, size_t at) {
    while (at < length && line[at] == ' ')
        at++;
    return at < length && str_utf8_valid(line + at, length - at) ? arena_strndup(a, line + at, length - at)
                                                                 : NULL;
}

/* "10de  NVIDIA Corporation", and below it "\t2330  GH100 [H100 SXM5 80GB]", until the next vendor's line. */
static char *find_name(const void *context, const char *bytes, size_t size, arena *a) {
    const pci_ids *ids = context;
    char vendor[8], device[8];
    size_t length = 0;
    str_format(vendor, sizeof vendor, "%04x ", ids->vendor);
    str_format(device, sizeof device, "\t%04x ", ids->device);
    const char *line = big_file_line(bytes, size, vendor, &length), *end = bytes + size;
    while (line && line + length + 1 < end) {
        line += length + 1;
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        length = newline ? (size_t)(newline - line) : (size_t)(end - line);
        if (length > 0 && *line != '\t' && *line != '#')
            return NULL;
        if (length > 6 && memcmp(line, device, 6) == 0)
            return after_blanks(a, line, length, 6);
    }
    return NULL;
}

static const char *name_of(hw_source *s, int64_t vendor, int64_t device, arena *a) {
    static const char *const paths[] = {"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids",
                                        "/usr/share/pci.ids", NULL};
    pci_ids ids = {(unsigned)vendor & 0xffff, (unsigned)device & 0xffff};
    char answer[32];
    str_format(answer, sizeof answer, "pci.ids %04x:%04x", ids.vendor, ids.device);
    const char *name = big_file_answer(s, answer, paths, find_name, &ids, a);
    return name ? name : arena_printf(a, "device %04x:%04x", ids.vendor, ids.device);
}

/* ---- one device ---------------------------------------------------------------------------------------------------------------- */

typedef struct pci_device {
    const char *address;
    int64_t class_code, vendor, device; /* class: 24 bits */
    const char *driver;
} pci_device;

static int64_t number(hw_source *s, const char *address, const char *name) {
    char path[512];
    str_format(path, sizeof path, "%s/%s/%s", BUS, address, name);
    return hw_read_number(s, path);
}

static bool is_display(const pci_device *p) {
    return p->class_code >> 16 == DISPLAY;
}

static bool computes_or_shows(const pci_device *p) {
    return is_display(p) || p->class_code >> 16 == PROCESSING || p->class_code >> 8 == COPROCESSOR ||
           (p->class_code >> 16 == SIGNAL && is_npu(p->vendor, p->device));
}

static bool word_of(const char *words, const char *word) {
    size_t length = strlen(word);
    for (const char *at = words; at; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, word, length) == 0 && (at[length] == ' ' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* "i915 xe" as "i915 or xe". */
static const char *either(const char *words, arena *a) {
    str_buf out = {0};
    for (const char *at = words; *at; at++)
        str_append(&out, *at == ' ' ? " or " : (const char[]){*at, '\0'});
    const char *text = arena_strdup(a, str_text(&out));
    str_free(&out);
    return text ? text : words;
}

/* State, reason and remedy by what is bound to it. */
static void judge(const pci_device *p, const pci_vendor *v, arena *a, hw_device *d) {
    const char *wanted = v ? (is_display(p) ? v->graphics : v->others) : NULL;
    const char *remedy = v ? (is_display(p) ? v->graphics_remedy : v->others_remedy) : NULL;
    if (p->driver && (str_starts_with(p->driver, "vfio") || str_equal(p->driver, "pci-stub") ||
                      str_equal(p->driver, "xen-pciback"))) {
        d->state = HW_HIDDEN;
        d->reason = arena_printf(a, "its driver is %s: it is set aside for a virtual machine", p->driver);
        d->remedy = arena_printf(a, "unbind it from %s and bind its own driver", p->driver);
        return;
    }
    d->state = HW_NO_DRIVER;
    d->remedy = remedy;
    if (!wanted && is_display(p) && v) {
        d->reason = "it only shows pictures: no driver makes it compute";
    } else if (!wanted) {
        d->state = p->driver ? HW_NOT_PROBED : HW_NO_DRIVER;
        d->reason = p->driver ? "its driver is bound; this program knows no library that asks it"
                              : "no driver is bound to it";
        d->remedy = p->driver ? NULL : "install its maker's driver";
    } else if (!p->driver) {
        d->reason = arena_printf(a, "no driver is bound to it; it needs %s", either(wanted, a));
    } else if (!word_of(wanted, p->driver)) {
        d->reason = arena_printf(a, "its driver is %s, with which it does not compute; it needs %s",
                                 p->driver, either(wanted, a));
    } else {
        d->state = HW_NOT_PROBED;
        d->reason = "its driver is bound; its vendor's library was not asked";
        d->remedy = NULL;
    }
}

static accel_status add_device(hw_source *s, const pci_device *p, hw_report *r) {
    char path[512], subject[64];
    const pci_vendor *v = vendor_of(p->vendor);
    hw_device *d = hw_report_device(r, p->address);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    d->kind = is_display(p) ? HW_GPU : is_npu(p->vendor, p->device) ? HW_NPU : HW_ACCELERATOR;
    d->probe = "pci";
    d->vendor = v ? v->name : arena_printf(r->arena, "vendor %04llx", (unsigned long long)p->vendor);
    d->name = name_of(s, p->vendor, p->device, r->arena);
    d->driver = arena_strdup(r->arena, p->driver);
    d->numa_node = number(s, p->address, "numa_node");
    if (p->driver) {
        str_format(path, sizeof path, "/sys/module/%s/version", p->driver);
        d->driver_version = arena_strdup(r->arena, hw_read(s, path));
    }
    judge(p, v, r->arena, d);
    ACCEL_TRY(hw_report_fact(r, d, "pci id", "%04llx:%04llx", (unsigned long long)p->vendor,
                             (unsigned long long)p->device));
    str_format(subject, sizeof subject, "pci %s", p->address);
    return hw_report_evidence(r, "pci", true, subject, "class %06llx, driver %s",
                              (unsigned long long)p->class_code, p->driver ? p->driver : "none");
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    const char *const *names = hw_list(s, BUS);
    size_t looked_at = 0, found = 0;
    (void)options;
    (void)err;
    if (!names)
        return hw_report_evidence(r, "pci", false, BUS,
                                  "absent: this machine has no PCI bus, or it is not shown here");
    for (; names[looked_at]; looked_at++) {
        char path[512];
        pci_device p = {.address = names[looked_at], .class_code = number(s, names[looked_at], "class")};
        if (p.class_code < 0 || (p.class_code >> 16 != DISPLAY && p.class_code >> 16 != PROCESSING &&
                                 p.class_code >> 16 != SIGNAL && p.class_code >> 8 != COPROCESSOR))
            continue;
        p.vendor = number(s, p.address, "vendor");
        p.device = number(s, p.address, "device");
        if (p.vendor < 0 || p.device < 0 || p.vendor > 0xffff || p.device > 0xffff || !computes_or_shows(&p))
            continue;
        str_format(path, sizeof path, "%s/%s/driver", BUS, p.address);
        p.driver = hw_link(s, path);
        ACCEL_TRY(add_device(s, &p, r));
        found++;
    }
    return found > 0 ? ACCEL_OK
                     : hw_report_evidence(
                           r, "pci", false, BUS,
                           "%zu devices, none of them a display controller, a co-processor or an accelerator",
                           looked_at);
}

const hw_probe probe_pci = {.name = "pci",
                            .priority = 50,
                            .summary = "display controllers and accelerators on the PCI bus",
                            .run = run};
