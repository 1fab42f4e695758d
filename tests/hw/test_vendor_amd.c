/* AMD's GPUs and NPUs: the kernel's files, and stub libraries in place of AMD SMI, ROCm SMI and HIP. */
#include "vendor_check.h"

/* ---- libraries ------------------------------------------------------------------------------------------------------------------- */

static void one_gpu_is_described_whole(void **state) {
    (void)state;
    hw_report *r = ask_stubs("amd", "amd", "1", NULL);
    assert_int_equal(r->device_count, 1);
    const hw_device *d = at_pci(r, "0000:03:00.0");
    assert_int_equal(d->kind, HW_GPU);
    assert_int_equal(d->state, HW_USABLE);
    assert_string_equal(d->vendor, "AMD");
    assert_string_equal(d->name, "AMD Instinct MI300X");
    assert_int_equal(d->memory_bytes, INT64_C(192) << 30);
    assert_int_equal(d->memory_free_bytes, INT64_C(190) << 30);
    assert_int_equal(d->power_limit_mw, 750000);
    assert_int_equal(d->units, HW_UNKNOWN);
    assert_true(has_interface(d, "rocm"));
    assert_string_equal(fact(d, "hip device"), "0");
    assert_evidence(r, "libamd_smi.so", "version 25.3.0, 1 GPU");
    assert_evidence(r, "libamdhip64.so", "HIP 6.3.42134, 1 device for this process");
    hw_report_destroy(r);
}

static void eight_gpus_are_eight_devices(void **state) {
    (void)state;
    expect_all_usable("amd", "8", 8);
}

static void no_gpu_is_a_count_of_none(void **state) {
    (void)state;
    hw_report *r = ask_stubs("amd", "amd", "0", NULL);
    assert_int_equal(r->device_count, 0);
    assert_evidence(r, "libamd_smi.so", "0 GPUs");
    assert_evidence(r, "libamdhip64.so", "0 devices");
    hw_report_destroy(r);
}

static void rocm_smi_stands_in_for_amd_smi(void **state) {
    (void)state;
    hw_report *r = ask_stubs("amd", "amd_rocm", "2", NULL);
    assert_int_equal(r->device_count, 2);
    assert_int_equal(count_state(r, HW_USABLE), 2);
    const hw_device *d = at_pci(r, "0000:04:00.0");
    assert_string_equal(d->name, "AMD Instinct MI210");
    assert_string_equal(d->id, "GPU-abcdef0000000001");
    assert_int_equal(d->memory_free_bytes, INT64_C(63) << 30);
    assert_int_equal(d->power_limit_mw, 300000);
    assert_evidence(r, "libamd_smi.so", "absent");
    assert_evidence(r, "librocm_smi64.so", "version 7.4.0, 2 GPUs");
    hw_report_destroy(r);
}

static void variables_hide(void **state) {
    (void)state;
    setenv("ROCR_VISIBLE_DEVICES", "1,2", 1);
    setenv("HIP_VISIBLE_DEVICES", "1", 1);
    hw_report *r = ask_stubs("amd", "amd", "4", NULL);
    unsetenv("ROCR_VISIBLE_DEVICES");
    unsetenv("HIP_VISIBLE_DEVICES");
    assert_int_equal(count_state(r, HW_USABLE), 1);
    assert_int_equal(at_pci(r, "0000:05:00.0")->state, HW_USABLE); /* the second of those that ROCR leaves */
    assert_contains(at_pci(r, "0000:03:00.0")->reason, "_VISIBLE_DEVICES");
    hw_report_destroy(r);
}

static void no_permission_is_a_sentence(void **state) {
    (void)state;
    hw_report *r = ask_stubs("amd", "amd", "1", "refused");
    assert_evidence(
        r, "libamd_smi.so",
        "AMD SMI error 10: AMDSMI_STATUS_NO_PERM: Permission Denied; add the user to the groups render");
    assert_evidence(r, "librocm_smi64.so", "absent"); /* the other one is tried */
    assert_string_equal(at_pci(r, "0000:03:00.0")->name, "AMD Instinct MI300X by HIP");
    hw_report_destroy(r);
    r = ask_stubs("amd", "amd_rocm", "1", "refused");
    assert_evidence(r, "librocm_smi64.so", "ROCm SMI error 4: RSMI_STATUS_PERMISSION");
    hw_report_destroy(r);
}

static void an_error_in_the_middle_costs_one_gpus_figures(void **state) {
    (void)state;
    hw_report *r = ask_stubs("amd", "amd", "3", "middle");
    assert_int_equal(count_state(r, HW_USABLE), 3); /* HIP knows the second */
    assert_evidence(r, "libamd_smi.so", "the GPUs of a socket: AMD SMI error 7");
    assert_int_equal(at_pci(r, "0000:04:00.0")->power_limit_mw, HW_UNKNOWN);
    assert_int_equal(at_pci(r, "0000:05:00.0")->power_limit_mw, 750000);
    hw_report_destroy(r);
    r = ask_stubs("amd", "amd", "2", "nameless");
    assert_evidence(r, "libamd_smi.so", "the name of GPU 0000:03:00.0");
    hw_report_destroy(r);
}

static void an_old_library_without_hip_gives_what_it_can(void **state) {
    (void)state;
    hw_report *r = ask_stubs("amd", "amd_old", "1", NULL);
    const hw_device *d = at_pci(r, "0000:03:00.0");
    assert_int_equal(d->state, HW_NO_DRIVER);
    assert_contains(d->reason, "libamdhip64.so cannot be loaded");
    assert_int_equal(d->memory_bytes, INT64_C(192) << 30);
    assert_int_equal(d->memory_free_bytes, HW_UNKNOWN);
    assert_evidence(r, "libamd_smi.so", "an old library without amdsmi_get_lib_version");
    hw_report_destroy(r);
}

static void hips_faults_are_sentences(void **state) {
    (void)state;
    hw_report *r = ask_stubs("amd", "amd", "1", "hip-broken");
    assert_int_equal(at_pci(r, "0000:03:00.0")->state, HW_BROKEN);
    assert_contains(at_pci(r, "0000:03:00.0")->reason, "HIP error 3: initialization error");
    hw_report_destroy(r);
    r = ask_stubs("amd", "amd", "1", "unsupported");
    assert_int_equal(at_pci(r, "0000:03:00.0")->state, HW_NO_DRIVER);
    assert_contains(at_pci(r, "0000:03:00.0")->remedy, "HSA_OVERRIDE_GFX_VERSION");
    hw_report_destroy(r);
}

static void misbehaviour_is_a_sentence(void **state) {
    (void)state;
    expect_misbehaviour_to_be_told("amd", "libamd_smi.so");
}

/* ---- the kernel's files ------------------------------------------------------------------------------------------------------------ */

static void compute_nodes_and_cards_tell_the_gpus(void **state) {
    hw_report *r = run_tree(tree(state, "amd-mi300-two"), "amd");
    assert_int_equal(r->device_count, 2);
    const hw_device *d = at_pci(r, "0000:05:00.0");
    assert_string_equal(d->name, "AMD Instinct MI300X OAM");
    assert_string_equal(d->architecture, "gfx942");
    assert_contains(d->precisions, "float8e4m3fnuz");
    assert_string_equal(d->id, "GPU-abcdef0123456789");
    assert_string_equal(d->driver, "amdgpu");
    assert_string_equal(d->driver_version, "6.10.5");
    assert_int_equal(d->units, 304);
    assert_int_equal(d->max_mhz, 2100);
    assert_int_equal(d->memory_bytes, INT64_C(206141652992));
    assert_int_equal(d->memory_free_bytes, INT64_C(206141652992) - 297627648);
    assert_int_equal(d->memory_max_mhz, 1300);
    assert_int_equal(d->power_limit_mw, 750000);
    assert_int_equal(d->numa_node, 1);
    assert_string_equal(fact(d, "compute dies"), "8");
    assert_string_equal(fact(d, "compute partition"), "SPX");
    assert_int_equal(d->state, HW_NOT_PROBED);
    assert_true(has_interface(d, "rocm"));
    d = at_pci(r, "0001:26:00.0");
    assert_int_equal(d->state, HW_HIDDEN);
    assert_contains(d->reason, "/dev/dri/renderD129 is missing here");
    hw_report_destroy(r);
}

static void a_laptop_has_graphics_and_an_npu(void **state) {
    hw_report *r = run_tree(tree(state, "amd-laptop"), "amd");
    assert_int_equal(r->device_count, 3);
    const hw_device *d = at_pci(r, "0000:c5:00.0");
    assert_string_equal(d->architecture, "gfx1150");
    assert_int_equal(d->units, 16);
    assert_int_equal(d->max_mhz, 2900);
    assert_int_equal(d->state, HW_NO_DRIVER);
    assert_contains(d->reason, "libamdhip64.so is not found");
    assert_false(has_interface(d, "rocm"));
    d = at_pci(r, "0000:01:00.0");
    assert_contains(d->reason, "no compute node");
    d = at_pci(r, "0000:c6:00.1");
    assert_int_equal(d->kind, HW_NPU);
    assert_string_equal(d->name, "NPU Strix");
    assert_string_equal(d->driver, "amdxdna");
    assert_string_equal(fact(d, "firmware"), "1.0.0.63");
    hw_report_destroy(r);
}

static void variables_hide_without_asking(void **state) {
    const char *root = tree(state, "amd-mi300-two");
    hw_report *r = run_with_variable(state, root, "amd", "ROCR_VISIBLE_DEVICES", "1");
    assert_int_equal(at_pci(r, "0000:05:00.0")->state, HW_HIDDEN);
    assert_contains(at_pci(r, "0000:05:00.0")->reason, "ROCR_VISIBLE_DEVICES=1 leaves it out");
    hw_report_destroy(r);
    r = run_with_variable(state, root, "amd", "HIP_VISIBLE_DEVICES", "0");
    assert_int_equal(at_pci(r, "0000:05:00.0")->state,
                     HW_NOT_PROBED); /* node 2: counted as a number, before node 10 */
    hw_report_destroy(r);
}

static void a_machine_without_amd_is_told_what_would_make_it_one(void **state) {
    hw_report *r = run_tree(tree(state, "nothing"), "amd");
    assert_int_equal(r->device_count, 0);
    assert_evidence(r, "/sys/class/kfd/kfd/topology/nodes", "absent");
    assert_evidence(r, "/dev/kfd", "absent");
    assert_evidence(r, "platform rocm", "to have it, an AMD GPU that ROCm supports");
    hw_report_destroy(r);
}

/* ---- partitions ----------------------------------------------------------------------------------------------------------------------- */

/* The files of a GPU in four partitions and of a whole one, then the libraries' words on them. */
static hw_report *ask_partitions(void **state, const char *mode) {
    hw_report *r = run_tree(tree(state, "amd-mi300-cpx"), "amd");
    ask_stubs_about(r, "amd", "amd", "5", mode);
    return r;
}

static const hw_device *part(const hw_report *r, int64_t number) {
    for (size_t i = 0; i < r->device_count; i++)
        if (str_equal(r->devices[i].pci, "0000:05:00.0") && r->devices[i].partition == number)
            return &r->devices[i];
    fail_msg("no partition %d", (int)number);
    return NULL;
}

static void partitions_are_devices_of_their_own(void **state) {
    hw_report *r = run_tree(tree(state, "amd-mi300-cpx"), "amd");
    assert_int_equal(r->device_count, 5);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(part(r, i)->units, 38);
        assert_int_equal(part(r, i)->state, HW_NOT_PROBED);
    }
    assert_int_equal(at_pci(r, "0000:26:00.0")->partition, HW_UNKNOWN);
    assert_string_equal(fact(part(r, 0), "compute partition"), "CPX");
    hw_report_destroy(r);
}

static void hip_offers_each_partition(void **state) {
    static const char *const modes[] = {"cpx", "cpx functions"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        hw_report *r = ask_partitions(state, modes[i]);
        assert_int_equal(r->device_count, 5);
        assert_int_equal(count_state(r, HW_USABLE), 5);
        for (int k = 0; k < 4; k++) {
            char ordinal[2] = {(char)('0' + k), '\0'};
            assert_string_equal(fact(part(r, k), "hip device"), ordinal);
            assert_int_equal(part(r, k)->power_limit_mw, 750000); /* AMD SMI's word */
        }
        assert_string_equal(fact(at_pci(r, "0000:26:00.0"), "hip device"), "4");
        hw_report_destroy(r);
        temp_folder_teardown(state);
        temp_folder_setup(state);
    }
}

static void a_partition_that_is_left_out_is_hidden(void **state) {
    setenv("ROCR_VISIBLE_DEVICES", "2", 1);
    hw_report *r = ask_partitions(state, "cpx functions");
    unsetenv("ROCR_VISIBLE_DEVICES");
    assert_int_equal(count_state(r, HW_USABLE), 1);
    assert_int_equal(part(r, 2)->state, HW_USABLE);
    assert_int_equal(part(r, 0)->state, HW_HIDDEN);
    assert_string_equal(part(r, 0)->reason, "ROCR_VISIBLE_DEVICES=2 leaves it out");
    hw_report_destroy(r);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_gpu_is_described_whole),
    cmocka_unit_test(eight_gpus_are_eight_devices),
    cmocka_unit_test(no_gpu_is_a_count_of_none),
    cmocka_unit_test(rocm_smi_stands_in_for_amd_smi),
    cmocka_unit_test(variables_hide),
    cmocka_unit_test(no_permission_is_a_sentence),
    cmocka_unit_test(an_error_in_the_middle_costs_one_gpus_figures),
    cmocka_unit_test(an_old_library_without_hip_gives_what_it_can),
    cmocka_unit_test(hips_faults_are_sentences),
    cmocka_unit_test(misbehaviour_is_a_sentence),
    IN_FOLDER(compute_nodes_and_cards_tell_the_gpus),
    IN_FOLDER(a_laptop_has_graphics_and_an_npu),
    IN_FOLDER(variables_hide_without_asking),
    IN_FOLDER(partitions_are_devices_of_their_own),
    IN_FOLDER(hip_offers_each_partition),
    IN_FOLDER(a_partition_that_is_left_out_is_hidden),
    IN_FOLDER(a_machine_without_amd_is_told_what_would_make_it_one),
};

VENDOR_MAIN(tests)
