/* Our declarations of vendors' structures have the sizes and offsets that their own headers give on 64-bit machines: NVML 13's nvml.h, Level Zero
 * 1.x's ze_api.h and zes_api.h, Vulkan's vulkan_core.h, wgpu-native 29's webgpu.h. The stubs share our declarations, so only this notices a field that is missing. */
#include "support/test.h"

#include "hw/level_zero.h"
#include "hw/nvml.h"
#include "hw/vulkan.h"
#include "hw/webgpu.h"

static void nvml_structures_are_as_documented(void **state) {
    (void)state;
    assert_int_equal(sizeof(nvml_pci), 68);
    assert_int_equal(offsetof(nvml_pci, domain), 16);
    assert_int_equal(offsetof(nvml_pci, id), 36);
    assert_int_equal(sizeof(nvml_memory), 24);
    assert_int_equal(sizeof(nvml_attributes), 40);
    assert_int_equal(offsetof(nvml_attributes, memory_mib), 32);
}

static void level_zero_structures_are_as_documented(void **state) {
    (void)state;
    assert_int_equal(sizeof(ze_init_drivers), 24);
    assert_int_equal(sizeof(ze_driver), 40);
    assert_int_equal(offsetof(ze_driver, version), 32);
    assert_int_equal(sizeof(ze_device), 368);
    assert_int_equal(offsetof(ze_device, slices), 72);
    assert_int_equal(offsetof(ze_device, uuid), 96);
    assert_int_equal(offsetof(ze_device, name), 112);
    assert_int_equal(sizeof(ze_module), 64);
    assert_int_equal(sizeof(ze_memory), 296);
    assert_int_equal(offsetof(ze_memory, bytes), 32);
    assert_int_equal(offsetof(ze_pci, domain), 16);
    assert_true(sizeof(ze_pci) >= 56); /* of zes_pci_properties_t, the longer one of the two */
    assert_int_equal(sizeof(zes_sustained_limit), 12);
}

static void vulkan_structures_are_as_documented(void **state) {
    (void)state;
    assert_int_equal(sizeof(vk_application), 48);
    assert_int_equal(sizeof(vk_instance_wanted), 64);
    assert_int_equal(sizeof(vk_properties), 824);
    assert_int_equal(offsetof(vk_properties, limits), 296);
    assert_int_equal(sizeof(vk_properties_2), 840);
    assert_int_equal(sizeof(vk_driver), 536);
    assert_int_equal(sizeof(vk_pci), 32);
    assert_int_equal(sizeof(vk_memory), 520);
    assert_int_equal(offsetof(vk_memory, heaps), 264);
    assert_int_equal(sizeof(vk_extension), 260);
}

static void webgpu_structures_are_as_documented(void **state) {
    (void)state;
    assert_int_equal(sizeof(wgpu_text), 16);
    assert_int_equal(sizeof(wgpu_adapter_info), 96);
    assert_int_equal(offsetof(wgpu_adapter_info, description), 56);
    assert_int_equal(offsetof(wgpu_adapter_info, backend), 72);
    assert_int_equal(offsetof(wgpu_adapter_info, device_id), 84);
    assert_int_equal(WGPU_OPENGLES, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nvml_structures_are_as_documented),
        cmocka_unit_test(level_zero_structures_are_as_documented),
        cmocka_unit_test(vulkan_structures_are_as_documented),
        cmocka_unit_test(webgpu_structures_are_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
