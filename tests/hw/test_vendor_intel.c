/* Intel's GPUs and NPUs: the kernel's files, and a stub library in place of Level Zero's loader. */
#include "vendor_check.h"

#define FIRST "0000:03:00.0" /* of the stub */

/* ---- Level Zero ------------------------------------------------------------------------------------------------------------------- */

static void one_gpu_is_described_whole(void **state) {
    (void)state;
    hw_report *r = ask_stubs("intel", "intel", "1", NULL);
    assert_int_equal(r->device_count, 1);
    const hw_device *d = at_pci(r, FIRST);
    assert_int_equal(d->kind, HW_GPU);
    assert_int_equal(d->state, HW_USABLE);
    assert_string_equal(d->vendor, "Intel");
    assert_string_equal(d->name, "Intel(R) Arc(TM) A770 Graphics");
    assert_string_equal(d->id, "86000000-0000-0000-0000-00000000000a");
    assert_int_equal(d->memory_bytes, INT64_C(16) << 30);
    assert_int_equal(d->memory_free_bytes, HW_UNKNOWN);
    assert_false(d->memory_shared);
    assert_int_equal(d->units, 32);
    assert_int_equal(d->max_mhz, 2450);
    assert_int_equal(d->memory_max_mhz, 2187);
    assert_int_equal(d->power_limit_mw, 190000);
    assert_string_equal(d->precisions, "fp32 fp16 int8");
    assert_string_equal(fact(d, "level zero"), "API 1.12, driver 1.6.32567");
    assert_string_equal(fact(d, "ecc"), "on");
    assert_true(has_interface(d, "level_zero"));
    assert_evidence(r, "libze_loader.so.1", "1 driver, 1 device");
    hw_report_destroy(r);
}

static void a_gpu_and_an_npu_are_two_devices(void **state) {
    (void)state;
    hw_report *r = ask_stubs("intel", "intel", "1", "npu integrated cpu");
    assert_int_equal(r->device_count, 2);
    const hw_device *d = at_pci(r, "0000:00:0b.0");
    assert_int_equal(d->kind, HW_NPU);
    assert_string_equal(d->name, "Intel(R) AI Boost");
    assert_int_equal(d->units, 2);
    assert_true(d->memory_shared);
    assert_int_equal(d->memory_bytes, HW_UNKNOWN);
    assert_true(at_pci(r, FIRST)->memory_shared);
    assert_evidence(r, "libze_loader.so.1", "a processor: neither GPU nor NPU");
    hw_report_destroy(r);
}

static void none_and_eight_are_counted(void **state) {
    (void)state;
    hw_report *r = ask_stubs("intel", "intel", "0", NULL);
    assert_int_equal(r->device_count, 0);
    assert_evidence(r, "libze_loader.so.1", "1 driver, 0 devices");
    hw_report_destroy(r);
    r = ask_stubs("intel", "intel", "8", NULL);
    assert_int_equal(count_state(r, HW_USABLE), 8);
    hw_report_destroy(r);
}

static void tiles_of_one_gpu_add_up(void **state) {
    (void)state;
    hw_report *r = ask_stubs("intel", "intel", "2", "tiles");
    assert_int_equal(r->device_count, 1);
    assert_int_equal(r->devices[0].units, 64);
    assert_int_equal(r->devices[0].memory_bytes, INT64_C(32) << 30);
    hw_report_destroy(r);
}

static void the_affinity_mask_is_named(void **state) {
    (void)state;
    setenv("ZE_AFFINITY_MASK", "1", 1);
    hw_report *r = ask_stubs("intel", "intel", "3", NULL);
    unsetenv("ZE_AFFINITY_MASK");
    assert_int_equal(r->device_count, 1);
    assert_non_null(at_pci(r, "0000:04:00.0"));
    assert_evidence(r, "libze_loader.so.1", "1 device left by ZE_AFFINITY_MASK=1");
    hw_report_destroy(r);
}

static void the_selector_of_sycl_is_named(void **state) {
    (void)state;
    setenv("ONEAPI_DEVICE_SELECTOR", "level_zero:1", 1);
    hw_report *r = ask_stubs("intel", "intel", "2", NULL);
    unsetenv("ONEAPI_DEVICE_SELECTOR");
    assert_int_equal(count_state(r, HW_USABLE), 2); /* Level Zero itself does not heed it */
    assert_contains(fact(at_pci(r, FIRST), "sycl"), "ONEAPI_DEVICE_SELECTOR=level_zero:1 leaves it out");
    assert_string_equal(fact(at_pci(r, "0000:04:00.0"), "sycl"), "");
    hw_report_destroy(r);
}

static void faults_are_sentences(void **state) {
    (void)state;
    hw_report *r = ask_stubs("intel", "intel", "1", "refused");
    assert_evidence(r, "libze_loader.so.1", "insufficient permissions; add the user to the group render");
    hw_report_destroy(r);
    r = ask_stubs("intel", "intel", "1", "no-driver");
    assert_evidence(r, "libze_loader.so.1",
                    "no driver is initialised; install Intel's libraries behind the loader");
    hw_report_destroy(r);
    r = ask_stubs("intel", "intel", "3", "middle npu");
    assert_evidence(r, "libze_loader.so.1", "the devices of a driver: Level Zero error 0x70020000");
    assert_int_equal(r->device_count, 1); /* the NPU, of the other driver */
    hw_report_destroy(r);
    r = ask_stubs("intel", "intel", "3", "one-broken");
    assert_evidence(r, "libze_loader.so.1", "the properties of a device: Level Zero error 0x70000001");
    assert_int_equal(count_state(r, HW_USABLE), 2);
    hw_report_destroy(r);
}

static void an_old_loader_gives_what_it_can(void **state) {
    (void)state;
    hw_report *r = ask_stubs("intel", "intel_old", "1", NULL);
    assert_int_equal(r->device_count, 1);
    assert_int_equal(r->devices[0].state, HW_USABLE);
    assert_null(r->devices[0].pci);
    assert_int_equal(r->devices[0].power_limit_mw, HW_UNKNOWN);
    assert_evidence(r, "libze_loader.so.1",
                    "an old library without zeInitDrivers, zeDevicePciGetPropertiesExt");
    hw_report_destroy(r);
}

static void misbehaviour_is_a_sentence(void **state) {
    (void)state;
    expect_misbehaviour_to_be_told("intel", "libze_loader.so.1");
}

/* ---- the kernel's files ------------------------------------------------------------------------------------------------------------ */

static void a_laptop_has_graphics_and_an_npu(void **state) {
    hw_report *r = run_tree(tree(state, "intel-laptop"), "intel");
    assert_int_equal(r->device_count, 2);
    const hw_device *d = at_pci(r, "0000:00:02.0");
    assert_int_equal(d->kind, HW_GPU);
    assert_string_equal(d->driver, "xe");
    assert_int_equal(d->max_mhz, 2050);
    assert_true(d->memory_shared);
    assert_int_equal(d->numa_node, HW_UNKNOWN);
    assert_int_equal(d->state, HW_NOT_PROBED);
    assert_true(has_interface(d, "level_zero"));
    d = at_pci(r, "0000:00:0b.0");
    assert_int_equal(d->kind, HW_NPU);
    assert_string_equal(d->name, "NPU of Lunar Lake");
    assert_string_equal(d->architecture, "NPU 40xx");
    assert_int_equal(d->max_mhz, 1950);
    assert_int_equal(d->state, HW_NO_DRIVER);
    assert_contains(d->reason, "libze_intel_npu.so.1 is not found");
    assert_false(has_interface(d, "level_zero"));
    hw_report_destroy(r);
}

static void a_card_without_its_device_file_is_hidden(void **state) {
    hw_report *r = run_tree(tree(state, "intel-arc"), "intel");
    const hw_device *d = at_pci(r, "0000:03:00.0");
    assert_string_equal(d->driver, "i915");
    assert_int_equal(d->max_mhz, 2400);
    assert_int_equal(d->power_limit_mw, 190000);
    assert_false(d->memory_shared);
    assert_int_equal(d->state, HW_HIDDEN);
    assert_contains(d->reason, "/dev/dri/renderD128 is missing here");
    hw_report_destroy(r);
}

static void the_mask_hides_without_asking(void **state) {
    const char *root = tree(state, "intel-laptop");
    hw_report *r = run_with_variable(state, root, "intel", "ZE_AFFINITY_MASK", "1");
    assert_int_equal(at_pci(r, "0000:00:02.0")->state, HW_HIDDEN);
    assert_contains(at_pci(r, "0000:00:02.0")->reason, "ZE_AFFINITY_MASK=1 leaves it out");
    hw_report_destroy(r);
    r = run_with_variable(state, root, "intel", "ZE_AFFINITY_MASK", "0.0");
    assert_int_equal(at_pci(r, "0000:00:02.0")->state, HW_NOT_PROBED);
    hw_report_destroy(r);
}

static void a_machine_without_intel_is_told_what_would_make_it_one(void **state) {
    hw_report *r = run_tree(tree(state, "nothing"), "intel");
    assert_int_equal(r->device_count, 0);
    assert_evidence(r, "/sys/class/drm", "no card of i915 or xe");
    assert_evidence(r, "/sys/class/accel", "no device of intel_vpu");
    assert_evidence(r, "Intel GPU or NPU", "to have one, an Intel GPU");
    hw_report_destroy(r);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_gpu_is_described_whole),
    cmocka_unit_test(a_gpu_and_an_npu_are_two_devices),
    cmocka_unit_test(none_and_eight_are_counted),
    cmocka_unit_test(tiles_of_one_gpu_add_up),
    cmocka_unit_test(the_affinity_mask_is_named),
    cmocka_unit_test(the_selector_of_sycl_is_named),
    cmocka_unit_test(faults_are_sentences),
    cmocka_unit_test(an_old_loader_gives_what_it_can),
    cmocka_unit_test(misbehaviour_is_a_sentence),
    IN_FOLDER(a_laptop_has_graphics_and_an_npu),
    IN_FOLDER(a_card_without_its_device_file_is_hidden),
    IN_FOLDER(the_mask_hides_without_asking),
    IN_FOLDER(a_machine_without_intel_is_told_what_would_make_it_one),
};

VENDOR_MAIN(tests)
