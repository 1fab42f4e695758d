/* Instruction sets that matter for models, in a fixed order, whatever order a kernel lists them in. */
#include <string.h>

#include "hw/probes.h"
#include "hw/topology.h"

enum { EAX, EBX, ECX, EDX };

/* What /proc/cpuinfo calls it on x86 ("flags") and on Arm ("Features"), and its CPUID bit (leaf 0: none). A name in `arm` may have
 * two forms, of 64-bit and of 32-bit kernels. */
typedef struct feature {
    const char *name, *x86, *arm, *arm32;
    unsigned leaf, subleaf, reg, bit;
} feature;

static const feature features[] = {
    {"sse4_2", "sse4_2", NULL, NULL, 1, 0, ECX, 20},
    {"avx", "avx", NULL, NULL, 1, 0, ECX, 28},
    {"f16c", "f16c", NULL, NULL, 1, 0, ECX, 29},
    {"fma", "fma", NULL, NULL, 1, 0, ECX, 12},
    {"avx2", "avx2", NULL, NULL, 7, 0, EBX, 5},
    {"avx512f", "avx512f", NULL, NULL, 7, 0, EBX, 16},
    {"avx512cd", "avx512cd", NULL, NULL, 7, 0, EBX, 28},
    {"avx512er", "avx512er", NULL, NULL, 7, 0, EBX, 27},
    {"avx512pf", "avx512pf", NULL, NULL, 7, 0, EBX, 26},
    {"avx512dq", "avx512dq", NULL, NULL, 7, 0, EBX, 17},
    {"avx512bw", "avx512bw", NULL, NULL, 7, 0, EBX, 30},
    {"avx512vl", "avx512vl", NULL, NULL, 7, 0, EBX, 31},
    {"avx512_ifma", "avx512ifma", NULL, NULL, 7, 0, EBX, 21},
    {"avx512_vbmi", "avx512vbmi", NULL, NULL, 7, 0, ECX, 1},
    {"avx512_vbmi2", "avx512_vbmi2", NULL, NULL, 7, 0, ECX, 6},
    {"avx512_vnni", "avx512_vnni", NULL, NULL, 7, 0, ECX, 11},
    {"avx512_bf16", "avx512_bf16", NULL, NULL, 7, 1, EAX, 5},
    {"avx512_fp16", "avx512_fp16", NULL, NULL, 7, 0, EDX, 23},
    {"avx_vnni", "avx_vnni", NULL, NULL, 7, 1, EAX, 4},
    {"avx_vnni_int8", "avx_vnni_int8", NULL, NULL, 7, 1, EDX, 4},
    {"avx_ne_convert", "avx_ne_convert", NULL, NULL, 7, 1, EDX, 5},
    {"avx_ifma", "avx_ifma", NULL, NULL, 7, 1, EAX, 23},
    {"amx_tile", "amx_tile", NULL, NULL, 7, 0, EDX, 24},
    {"amx_int8", "amx_int8", NULL, NULL, 7, 0, EDX, 25},
    {"amx_bf16", "amx_bf16", NULL, NULL, 7, 0, EDX, 22},
    {"amx_fp16", "amx_fp16", NULL, NULL, 7, 1, EAX, 21},
    {"neon", NULL, "asimd", "neon", 0, 0, 0, 0},
    {"fp16", NULL, "asimdhp", NULL, 0, 0, 0, 0},
    {"fp16fml", NULL, "asimdfhm", NULL, 0, 0, 0, 0},
    {"dotprod", NULL, "asimddp", NULL, 0, 0, 0, 0},
    {"bf16", NULL, "bf16", NULL, 0, 0, 0, 0},
    {"i8mm", NULL, "i8mm", NULL, 0, 0, 0, 0},
    {"sve", NULL, "sve", NULL, 0, 0, 0, 0},
    {"sve2", NULL, "sve2", NULL, 0, 0, 0, 0},
    {"sve_bf16", NULL, "svebf16", NULL, 0, 0, 0, 0},
    {"sve_i8mm", NULL, "svei8mm", NULL, 0, 0, 0, 0},
    {"sme", NULL, "sme", NULL, 0, 0, 0, 0},
    {"sme2", NULL, "sme2", NULL, 0, 0, 0, 0},
};
enum { FEATURE_COUNT = sizeof features / sizeof *features };

static bool has_word(const char *words, size_t length, const char *word) {
    size_t word_length = word ? strlen(word) : 0;
    for (size_t at = 0; word && at < length;) {
        size_t end = at;
        while (end < length && words[end] != ' ')
            end++;
        if (end - at == word_length && memcmp(words + at, word, word_length) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

/* How a machine tells its instruction sets. */
typedef struct evidence_text {
    const char *x86, *arm, *dump;
    size_t x86_length, arm_length;
    bool altivec;
} evidence_text;

static bool has(const evidence_text *e, const feature *f) {
    uint32_t registers[4];
    if (e->dump)
        return f->leaf != 0 && cpuid_dump_find(e->dump, f->leaf, f->subleaf, registers) &&
               (registers[f->reg] >> f->bit & 1) != 0;
    return (e->x86 && has_word(e->x86, e->x86_length, f->x86)) ||
           (e->arm && (has_word(e->arm, e->arm_length, f->arm) || has_word(e->arm, e->arm_length, f->arm32)));
}

static evidence_text look(hw_source *s) {
    evidence_text e = {0};
    size_t length = 0;
    const char *cpuinfo = hw_read(s, "/proc/cpuinfo");
    if (!cpuinfo) {
        e.dump = hw_read(s, "/pu0");
        return e;
    }
    e.x86 = cpuinfo_value(cpuinfo, "flags", 0, &e.x86_length);
    e.arm = cpuinfo_value(cpuinfo, "Features", 0, &e.arm_length);
    const char *power = cpuinfo_value(cpuinfo, "cpu", 0, &length);
    e.altivec = power && memmem(power, length, "altivec supported", strlen("altivec supported"));
    return e;
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    (void)options;
    evidence_text e = look(s);
    const char **found = ARENA_ARRAY(r->arena, const char *, FEATURE_COUNT + 1);
    if (!found)
        return error_no_memory(err, "instruction sets", FEATURE_COUNT);
    size_t count = 0;
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        if (has(&e, &features[i]))
            found[count++] = features[i].name;
    if (e.altivec)
        found[count++] = "altivec";
    r->cpu.features = found;
    r->cpu.feature_count = count;
    return ACCEL_OK;
}

const hw_probe probe_features = {
    .name = "features", .priority = 11, .summary = "instruction sets", .run = run};
