#include "engines/native/isa.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* X(suffix, whether this CPU has it), best first. The builds define ACCEL_HAVE_ISA_suffix for those that are there. */
#if defined(__x86_64__)
#define HAS_AVX512                                                                                           \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&                              \
     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&                             \
     __builtin_cpu_supports("fma"))
#define HAS_AVX2                                                                                             \
    (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
#endif

#define TABLE(suffix, condition)                                                                             \
    extern const kernel_table kernel_table_##suffix;                                                         \
    static bool has_##suffix(void) {                                                                         \
        return condition;                                                                                    \
    }
#ifdef ACCEL_HAVE_ISA_avx512
TABLE(avx512, HAS_AVX512)
#endif
#ifdef ACCEL_HAVE_ISA_avx2
TABLE(avx2, HAS_AVX2)
#endif
#ifdef ACCEL_HAVE_ISA_neon
TABLE(neon, true)
#endif
/* A WebAssembly module has one of them: which one to load is found out by the page. */
#ifdef ACCEL_HAVE_ISA_relaxed
TABLE(relaxed, true)
#endif
#ifdef ACCEL_HAVE_ISA_simd128
TABLE(simd128, true)
#endif
#ifdef ACCEL_HAVE_ISA_baseline
TABLE(baseline, true)
#endif
#undef TABLE

static const struct {
    const kernel_table *table;
    bool (*has)(void);
} tables[] = {
#ifdef ACCEL_HAVE_ISA_avx512
    {&kernel_table_avx512, has_avx512},
#endif
#ifdef ACCEL_HAVE_ISA_avx2
    {&kernel_table_avx2, has_avx2},
#endif
#ifdef ACCEL_HAVE_ISA_neon
    {&kernel_table_neon, has_neon},
#endif
#ifdef ACCEL_HAVE_ISA_relaxed
    {&kernel_table_relaxed, has_relaxed},
#endif
#ifdef ACCEL_HAVE_ISA_simd128
    {&kernel_table_simd128, has_simd128},
#endif
#ifdef ACCEL_HAVE_ISA_baseline
    {&kernel_table_baseline, has_baseline},
#endif
};

size_t isa_count(void) {
    return sizeof tables / sizeof tables[0];
}
const kernel_table *isa_at(size_t index) {
    return tables[index].table;
}

bool isa_runs_here(const kernel_table *table) {
    for (size_t i = 0; i < isa_count(); i++) {
        if (tables[i].table == table) {
            return tables[i].has();
        }
    }
    return false;
}

static const char *forced_isa(void) {
#ifdef ACCEL_WASM
    return NULL;
#else
    const char *name = getenv("ACCEL_ISA");
    return name == NULL || name[0] == '\0' ? NULL : name;
#endif
}

/* Only the AVX-512 table has code for them. */
static uint32_t extensions_of(const kernel_table *table) {
    uint32_t found = 0;
#ifdef ACCEL_HAVE_ISA_avx512
    if (table == &kernel_table_avx512) {
        found |= __builtin_cpu_supports("avx512vnni") ? CPU_VNNI : 0u;
        found |= __builtin_cpu_supports("avx512bf16") ? CPU_BF16 : 0u;
        found |= __builtin_cpu_supports("avx512vbmi") ? CPU_VBMI : 0u;
    }
#endif
    (void)table;
    return found;
}

const char *isa_text(const kernel_table *table, uint32_t extensions, char *buffer, size_t size) {
    str_format(buffer, size, "%s%s%s%s", table->isa, (extensions & CPU_VNNI) != 0 ? "+vnni" : "",
               (extensions & CPU_BF16) != 0 ? "+bf16" : "", (extensions & CPU_VBMI) != 0 ? "+vbmi" : "");
    return buffer;
}

accel_status isa_choose(const kernel_table **out, uint32_t *extensions, accel_error *err) {
    const char *forced = forced_isa();
    const bool plain = forced != NULL && strcmp(forced, "avx512f") == 0;
    forced = plain ? "avx512" : forced;
    for (size_t i = 0; i < isa_count(); i++) {
        bool named = forced == NULL || strcmp(forced, tables[i].table->isa) == 0;
        if (named && tables[i].has()) {
            *out = tables[i].table;
            *extensions = plain ? 0 : extensions_of(tables[i].table);
            return ACCEL_OK;
        }
        if (named && forced != NULL) {
            return error_set(err, ACCEL_UNSUPPORTED, "ACCEL_ISA asks for %s, which this CPU lacks", forced);
        }
    }
    return error_set(err, ACCEL_UNSUPPORTED,
                     "ACCEL_ISA asks for '%s', which is none of the instruction sets built in", forced);
}

#if defined(__x86_64__)
#include <cpuid.h>

const char *isa_cpu_name(void) {
    static char name[49];
    unsigned words[12], highest = __get_cpuid_max(0x80000000U, NULL);
    if (highest < 0x80000004U) {
        return "CPU";
    }
    for (unsigned i = 0; i < 3; i++) {
        __get_cpuid(0x80000002U + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]);
    }
    memcpy(name, words, sizeof words);
    char *start = name;
    while (*start == ' ') {
        start++;
    }
    size_t length = strlen(start);
    while (length > 0 && start[length - 1] == ' ') {
        start[--length] = '\0';
    }
    return length == 0 ? "CPU" : start;
}
#else
const char *isa_cpu_name(void) {
    return "CPU";
}
#endif
