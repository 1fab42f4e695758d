/* The table of probes, by priority. */
#include "hw/probes.h"

static const hw_probe *const probes[] = {
#define HW_PROBE_ROW(name) &probe_##name,
    HW_PROBES(HW_PROBE_ROW)
#undef HW_PROBE_ROW
};

size_t hw_probe_count(void) {
    return sizeof probes / sizeof *probes;
}

const hw_probe *hw_probe_at(size_t index) {
    return index < hw_probe_count() ? probes[index] : NULL;
}
