/* The system around the processor: its name, its kernel, whose virtual machine it is. */
#include <string.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "hw/probes.h"
#include "hw/topology.h"

/* ---- the hypervisor --------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *signature, *name;
} signatures[] = {{"KVMKVMKVM", "kvm"},     {"Microsoft Hv", "hyper-v"}, {"VMwareVMware", "vmware"},
                  {"XenVMMXenVMM", "xen"},  {"TCGTCGTCGTCG", "qemu"},    {"VBoxVBoxVBox", "virtualbox"},
                  {"ACRNACRNACRN", "acrn"}, {"bhyve bhyve ", "bhyve"},   {" QNXQVMBSQG ", "qnx"}};

static const char *name_of_signature(uint32_t ebx, uint32_t ecx, uint32_t edx) {
    char text[13] = {0};
    memcpy(text, &ebx, 4);
    memcpy(text + 4, &ecx, 4);
    memcpy(text + 8, &edx, 4);
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (str_equal(text, signatures[i].signature))
            return signatures[i].name;
    return "unknown";
}

static const unsigned HYPERVISOR_BIT = 31, HYPERVISOR_LEAF = 0x40000000;

/* What this processor says of itself. */
static const char *ask_processor(void) {
#if defined(__x86_64__) || defined(__i386__)
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return NULL;
    if ((ecx >> HYPERVISOR_BIT & 1) == 0)
        return "none";
    __cpuid(HYPERVISOR_LEAF, eax, ebx, ecx, edx);
    return name_of_signature(ebx, ecx, edx);
#else
    return NULL;
#endif
}

static const char *ask_dump(const char *dump) {
    uint32_t r[4];
    if (!cpuid_dump_find(dump, 1, 0, r))
        return NULL;
    if ((r[2] >> HYPERVISOR_BIT & 1) == 0)
        return "none";
    return cpuid_dump_find(dump, HYPERVISOR_LEAF, 0, r) ? name_of_signature(r[1], r[2], r[3]) : "unknown";
}

/* Firmware tables name the maker of a virtual machine. */
static const char *ask_firmware(hw_source *s) {
    static const struct {
        const char *word, *name;
    } makers[] = {{"Amazon EC2", "amazon"},
                  {"Google", "google"},
                  {"VMware", "vmware"},
                  {"innotek", "virtualbox"},
                  {"Xen", "xen"},
                  {"OpenStack", "kvm"},
                  {"KVM", "kvm"},
                  {"QEMU", "qemu"},
                  {"Virtual Machine", "hyper-v"}};
    static const char *const files[] = {"/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name"};
    for (size_t f = 0; f < 2; f++) {
        const char *text = hw_read(s, files[f]);
        for (size_t i = 0; text && i < sizeof makers / sizeof *makers; i++)
            if (strstr(text, makers[i].word))
                return makers[i].name;
    }
    const char *type = hw_read(s, "/sys/hypervisor/type");
    if (type)
        return type;
    return hw_exists(s, "/proc/device-tree/hypervisor") ? "unknown" : NULL;
}

/* Without an answer of the processor: its flags and the firmware. */
static const char *ask_files(hw_source *s) {
    size_t length = 0;
    const char *cpuinfo = hw_read(s, "/proc/cpuinfo");
    const char *flags = cpuinfo ? cpuinfo_value(cpuinfo, "flags", 0, &length) : NULL;
    bool flagged = flags && memmem(flags, length, " hypervisor", strlen(" hypervisor"));
    if (flags && !flagged)
        return "none";
    const char *named = ask_firmware(s);
    return named ? named : flagged ? "unknown" : NULL;
}

static accel_status find_hypervisor(hw_source *s, hw_report *r, accel_error *err) {
    static const char answer[] = "cpuid.hypervisor";
    const char *name = hw_answer(s, answer), *dump = hw_read(s, "/pu0");
    if (!name && hw_source_kind_of(s) == HW_SOURCE_LIVE && (name = ask_processor()))
        ACCEL_TRY(hw_answer_remember(s, answer, name, err));
    if (!name)
        name = dump ? ask_dump(dump) : ask_files(s);
    r->cpu.hypervisor = arena_strdup(r->arena, name);
    return ACCEL_OK;
}

/* ---- names -------------------------------------------------------------------------------------------------------------------- */

/* The value of PRETTY_NAME="Debian GNU/Linux 12 (bookworm)". */
static const char *system_name(hw_source *s, arena *a) {
    static const char key[] = "PRETTY_NAME=";
    const char *text = hw_read_lines(s, "/etc/os-release", key);
    const char *at = text ? strstr(text, key) : NULL;
    if (!at)
        return NULL;
    at += strlen(key);
    at += strspn(at, "\"'");
    return arena_strndup(a, at, strcspn(at, "\"'\n"));
}

/* What firmware writers leave in a field that they do not fill. */
static bool means_nothing(const char *text) {
    static const char *const fillers[] = {"To be filled",        "To Be Filled", "Default string",
                                          "System Product Name", "None",         "N/A",
                                          "Not Specified",       "NONE"};
    for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++)
        if (!text || str_starts_with(text, fillers[i]))
            return true;
    return false;
}

static const char *board_name(hw_source *s, arena *a) {
    const char *vendor = hw_read(s, "/sys/class/dmi/id/sys_vendor");
    const char *product = hw_read(s, "/sys/class/dmi/id/product_name");
    if (means_nothing(product))
        return arena_strdup(a, hw_read(s, "/proc/device-tree/model"));
    if (means_nothing(vendor) || str_starts_with(product, vendor))
        return arena_strdup(a, product);
    return arena_printf(a, "%s %s", vendor, product);
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    (void)options;
    r->os = system_name(s, r->arena);
    r->kernel = arena_strdup(r->arena, hw_read(s, "/proc/sys/kernel/osrelease"));
    r->machine = board_name(s, r->arena);
    return find_hypervisor(s, r, err);
}

const hw_probe probe_system = {
    .name = "system", .priority = 25, .summary = "system, kernel, board, hypervisor", .run = run};
