/* The processor: its shape by hwloc, its name and its instruction sets by /proc/cpuinfo or a CPUID dump. */
#include "hw/probes.h"

#include <stdlib.h>
#include <string.h>

#include "hw/topology.h"

/* ---- the name ----------------------------------------------------------------------------------------------------------- */

typedef struct code_name {
    int64_t code;
    const char *name;
} code_name;

/* Arm's implementer codes (Arm ARM, MIDR_EL1). */
static const code_name implementers[] = {
    {0x41, "Arm"},    {0x42, "Broadcom"},      {0x43, "Cavium"},    {0x46, "Fujitsu"}, {0x48, "HiSilicon"},
    {0x4e, "NVIDIA"}, {0x50, "Applied Micro"}, {0x51, "Qualcomm"},  {0x53, "Samsung"}, {0x56, "Marvell"},
    {0x61, "Apple"},  {0x69, "Intel"},         {0x6d, "Microsoft"}, {0xc0, "Ampere"}};

/* Parts that Arm designed, and some of others: implementer << 12 | part. */
static const code_name parts[] = {
    {0x41c09, "Cortex-A9"},   {0x41c0f, "Cortex-A15"},  {0x41d03, "Cortex-A53"},   {0x41d04, "Cortex-A35"},
    {0x41d05, "Cortex-A55"},  {0x41d07, "Cortex-A57"},  {0x41d08, "Cortex-A72"},   {0x41d09, "Cortex-A73"},
    {0x41d0a, "Cortex-A75"},  {0x41d0b, "Cortex-A76"},  {0x41d0c, "Neoverse-N1"},  {0x41d0d, "Cortex-A77"},
    {0x41d40, "Neoverse-V1"}, {0x41d41, "Cortex-A78"},  {0x41d44, "Cortex-X1"},    {0x41d46, "Cortex-A510"},
    {0x41d47, "Cortex-A710"}, {0x41d48, "Cortex-X2"},   {0x41d49, "Neoverse-N2"},  {0x41d4d, "Cortex-A715"},
    {0x41d4e, "Cortex-X3"},   {0x41d4f, "Neoverse-V2"}, {0x41d80, "Cortex-A520"},  {0x41d81, "Cortex-A720"},
    {0x41d82, "Cortex-X4"},   {0x41d84, "Neoverse-V3"}, {0x41d85, "Cortex-X925"},  {0x41d87, "Cortex-A725"},
    {0x41d8e, "Neoverse-N3"}, {0x46001, "A64FX"},       {0x48d01, "TaiShan-v110"}, {0x51001, "Oryon"},
    {0xc0ac3, "Ampere-1"},    {0xc0ac4, "Ampere-1a"}};

static const char *name_of(const code_name *names, size_t count, int64_t code) {
    for (size_t i = 0; i < count; i++)
        if (names[i].code == code)
            return names[i].name;
    return NULL;
}

static int64_t hexadecimal(const char *text) {
    return text ? (int64_t)strtoll(text, NULL, 16) : HW_UNKNOWN;
}

static const char *x86_vendor(const char *id, size_t length) {
    static const struct {
        const char *id, *name;
    } vendors[] = {{"GenuineIntel", "Intel"},
                   {"AuthenticAMD", "AMD"},
                   {"HygonGenuine", "Hygon"},
                   {"CentaurHauls", "VIA"},
                   {"  Shanghai  ", "Zhaoxin"}};
    for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++)
        if (strlen(vendors[i].id) == length && memcmp(vendors[i].id, id, length) == 0)
            return vendors[i].name;
    return NULL;
}

/* "Cortex-X925 + Cortex-A725": each design that the processors name, once, in order of their numbers. */
static void arm_model(const char *cpuinfo, int64_t implementer, str_buf *out) {
    int64_t seen[8];
    size_t count = 0, length = 0;
    const char *value;
    for (const char *at = cpuinfo; (value = cpuinfo_value(at, "CPU part", 0, &length)); at = value) {
        int64_t part = hexadecimal(value);
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known = known || seen[i] == part;
        if (known || count == sizeof seen / sizeof *seen)
            continue;
        seen[count++] = part;
        const char *name = name_of(parts, sizeof parts / sizeof *parts, implementer << 12 | part);
        str_append(out, out->length > 0 ? " + " : "");
        if (name)
            str_append(out, name);
        else
            str_appendf(out, "part 0x%llx", (long long)part);
    }
}

static void name_from_cpuinfo(const char *cpuinfo, hw_report *r) {
    size_t length = 0;
    hw_cpu *c = &r->cpu;
    const char *value = cpuinfo_value(cpuinfo, "vendor_id", 0, &length);
    if (value)
        c->vendor =
            x86_vendor(value, length) ? x86_vendor(value, length) : arena_strndup(r->arena, value, length);
    value = cpuinfo_value(cpuinfo, "CPU implementer", 0, &length);
    if (!c->vendor && value)
        c->vendor = name_of(implementers, sizeof implementers / sizeof *implementers, hexadecimal(value));
    const char *implementer = value;
    if ((value = cpuinfo_value(cpuinfo, "model name", 0, &length)))
        c->model = arena_strndup(r->arena, value, length);
    if (implementer && (!c->model || str_starts_with(c->model, "ARMv"))) {
        str_buf model = {0};
        arm_model(cpuinfo, hexadecimal(implementer), &model);
        if (model.length > 0)
            c->model = arena_strdup(r->arena, str_text(&model));
        str_free(&model);
    }
    if (!c->model &&
        (value = cpuinfo_value(cpuinfo, "cpu", 0, &length))) { /* "POWER7 (architected), altivec supported" */
        length = strcspn(value, ",\n") < length ? strcspn(value, ",\n") : length;
        c->model = arena_strndup(r->arena, value, length);
        if (str_starts_with(value, "POWER"))
            c->vendor = "IBM";
    }
}

/* The brand string lies in three leaves, the vendor's name in ebx, edx, ecx of leaf 0. */
static void name_from_dump(const char *dump, hw_report *r) {
    uint32_t v[4], brand[12] = {0};
    char vendor[13] = {0};
    if (cpuid_dump_find(dump, 0, 0, v)) {
        memcpy(vendor, &v[1], 4);
        memcpy(vendor + 4, &v[3], 4);
        memcpy(vendor + 8, &v[2], 4);
        r->cpu.vendor = x86_vendor(vendor, 12);
    }
    for (unsigned i = 0; i < 3; i++)
        if (!cpuid_dump_find(dump, 0x80000002 + i, 0, &brand[(size_t)4 * i]))
            return;
    const char *text = (const char *)brand;
    size_t length = strnlen(text, sizeof brand), start = strspn(text, " ");
    while (length > start && text[length - 1] == ' ')
        length--;
    if (length > start && str_utf8_valid(text, length))
        r->cpu.model = arena_strndup(r->arena, text + start, length - start);
}

/* A family that hwloc names by the word size it was built for, or not at all. */
static void settle_architecture(const char *cpuinfo, hw_report *r) {
    hw_cpu *c = &r->cpu;
    size_t length = 0;
    if (!cpuinfo || (c->architecture && !str_equal(c->architecture, "x86")))
        return;
    const char *arm = cpuinfo_value(cpuinfo, "Features", 0, &length);
    if (arm) /* only 64-bit kernels call it so */
        c->architecture = memmem(arm, length, "asimd", strlen("asimd")) ? "aarch64" : "arm";
    else if (cpuinfo_value(cpuinfo, "flags", 0, &length))
        c->architecture = "x86_64";
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    (void)options;
    ACCEL_TRY(topology_read(s, r, err));
    const char *cpuinfo = hw_read(s, "/proc/cpuinfo"), *dump = hw_read(s, "/pu0");
    settle_architecture(cpuinfo, r);
    if (cpuinfo)
        name_from_cpuinfo(cpuinfo, r);
    else if (dump) {
        name_from_dump(dump, r);
        r->cpu.architecture = "x86_64";
    }
    return ACCEL_OK;
}

const hw_probe probe_cpu = {.name = "cpu",
                            .priority = 10,
                            .summary = "packages, cores, threads, kinds, caches, NUMA nodes",
                            .run = run};
