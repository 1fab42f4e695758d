/* CPUID dumps as hwloc-gather-cpuid writes them, one file a processor, lines of
 *   mask eax ebx ecx edx => eax ebx ecx edx
 * in hexadecimal; mask says which of the input registers counted (1: eax, 4: ecx). */
#include <stdlib.h>
#include <string.h>

#include "hw/topology.h"

/* `count` hexadecimal numbers; NULL when there are fewer. */
static const char *take_numbers(const char *at, uint32_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char *end = NULL;
        unsigned long value = strtoul(at, &end, 16);
        if (end == at)
            return NULL;
        numbers[i] = (uint32_t)value;
        at = end;
    }
    return at;
}

bool cpuid_dump_find(const char *dump, unsigned leaf, unsigned subleaf, uint32_t registers[4]) {
    const uint32_t ecx_counts = 4;
    for (const char *line = dump; line && *line; line = topology_next_line(line)) {
        uint32_t in[5];
        const char *at = *line == '#' ? NULL : take_numbers(line, in, 5);
        if (!at || in[1] != leaf || ((in[0] & ecx_counts) != 0 ? in[3] != subleaf : subleaf != 0))
            continue;
        at += strspn(at, " =>");
        return take_numbers(at, registers, 4) != NULL;
    }
    return false;
}

int64_t cpuid_core_type(const char *dump) {
    uint32_t r[4];
    const unsigned intel = 0x1a, amd = 0x80000026;
    if (cpuid_dump_find(dump, intel, 0, r) && r[0] != 0)
        return r[0] >> 24; /* 0x20 Atom, 0x40 Core */
    for (unsigned level = 0; level < 8 && cpuid_dump_find(dump, amd, level, r); level++) {
        bool core_level = (r[2] >> 8 & 0xff) == 1, differ = (r[0] >> 30 & 1) != 0;
        if (core_level && differ)
            return 2 - (int64_t)(r[1] >> 28 & 0xf); /* 0 performance, 1 efficient */
    }
    return HW_UNKNOWN;
}
