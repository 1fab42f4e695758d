/* Answers as ROCm SMI would, AMD SMI's predecessor. */
#include "hw/stubs/amd/gpus.h"

EXPORT int rsmi_init(uint64_t flags) {
    (void)flags;
    stub_misbehave();
    return stub_mode("refused") ? 4 : 0;
}

EXPORT int rsmi_shut_down(void) {
    return 0;
}

EXPORT int rsmi_status_string(int error, const char **text) {
    *text = error == 4 ? "RSMI_STATUS_PERMISSION: Permission Denied" : "RSMI_STATUS_UNKNOWN_ERROR";
    return 0;
}

EXPORT int rsmi_version_get(uint32_t *version) {
    const uint32_t numbers[] = {7, 4, 0};
    memcpy(version, numbers, sizeof numbers);
    return 0;
}

EXPORT int rsmi_num_monitor_devices(uint32_t *count) {
    *count = (uint32_t)stub_gpus();
    return 0;
}

EXPORT int rsmi_dev_name_get(uint32_t index, char *text, size_t size) {
    (void)index;
    stub_text(text, size, "AMD Instinct MI210");
    return 0;
}

EXPORT int rsmi_dev_pci_id_get(uint32_t index, uint64_t *bdf) {
    if (stub_mode("middle") && index == 1)
        return -1;
    *bdf = (uint64_t)(BUS_OF_FIRST + index) << 8;
    return 0;
}

EXPORT int rsmi_dev_unique_id_get(uint32_t index, uint64_t *id) {
    *id = unique_id((int)index);
    return 0;
}

EXPORT int rsmi_dev_memory_total_get(uint32_t index, int kind, uint64_t *bytes) {
    (void)index;
    (void)kind;
    *bytes = UINT64_C(64) << 30;
    return 0;
}

EXPORT int rsmi_dev_memory_usage_get(uint32_t index, int kind, uint64_t *bytes) {
    (void)index;
    (void)kind;
    *bytes = UINT64_C(1) << 30;
    return 0;
}

EXPORT int rsmi_dev_power_cap_get(uint32_t index, uint32_t sensor, uint64_t *microwatts) {
    (void)index;
    (void)sensor;
    *microwatts = 300000000;
    return 0;
}
