/* Vulkan, wgpu-native, Qualcomm and Apple: files, and stub libraries in place of theirs. */
#include "vendor_check.h"

#include "base/mem.h"
#include "hw/vendor.h"

#define FIRST "0000:17:00.0" /* of the stubs of Vulkan and NVIDIA */

/* ---- Vulkan ------------------------------------------------------------------------------------------------------------------------ */

static void a_vulkan_adapter_is_described_whole(void **state) {
    (void)state;
    hw_report *r = ask_stubs("vulkan", "vulkan", "1", NULL);
    assert_int_equal(r->device_count, 1);
    const hw_device *d = at_pci(r, FIRST);
    assert_int_equal(d->kind, HW_GPU);
    assert_int_equal(d->state, HW_USABLE);
    assert_string_equal(d->vendor, "NVIDIA");
    assert_int_equal(d->memory_bytes, INT64_C(80) << 30);
    assert_false(d->memory_shared);
    assert_true(has_interface(d, "vulkan"));
    assert_string_equal(fact(d, "vulkan"), "1.3.277");
    assert_string_equal(fact(d, "vulkan type"), "discrete GPU");
    assert_string_equal(fact(d, "vulkan driver"), "NVIDIA 550.54.14");
    assert_string_equal(fact(d, "vulkan heaps"), "81920 MiB local, 262144 MiB of the host");
    assert_evidence(r, "libvulkan.so.1", "loader of Vulkan 1.3.280");
    assert_evidence(r, "libvulkan.so.1", "1 adapter");
    hw_report_destroy(r);
}

static void a_software_adapter_is_no_gpu(void **state) {
    (void)state;
    hw_report *r = ask_stubs("vulkan", "vulkan", "0", "software");
    assert_int_equal(r->device_count, 1);
    const hw_device *d = &r->devices[0];
    assert_int_equal(d->kind, HW_ACCELERATOR);
    assert_null(d->pci);
    assert_true(d->memory_shared);
    assert_contains(d->name, "llvmpipe");
    assert_string_equal(fact(d, "vulkan type"), "software: runs on the processor");
    assert_string_equal(fact(d, "vulkan driver"), "llvmpipe Mesa 22.3.6");
    hw_report_destroy(r);
}

static void none_and_eight_adapters_are_counted(void **state) {
    (void)state;
    hw_report *r = ask_stubs("vulkan", "vulkan", "0", NULL);
    assert_int_equal(r->device_count, 0);
    assert_evidence(r, "libvulkan.so.1", "0 adapters");
    hw_report_destroy(r);
    expect_all_usable("vulkan", "8", 8);
}

static void vulkans_faults_are_sentences(void **state) {
    (void)state;
    hw_report *r = ask_stubs("vulkan", "vulkan", "1", "no-driver");
    assert_evidence(r, "libvulkan.so.1",
                    "Vulkan error -9: no driver that works with this loader; install a driver");
    hw_report_destroy(r);
    r = ask_stubs("vulkan", "vulkan", "1", "list-fails");
    assert_evidence(r, "libvulkan.so.1", "the list of adapters: Vulkan error -3");
    hw_report_destroy(r);
    expect_misbehaviour_to_be_told("vulkan", "libvulkan.so.1");
}

static void a_loader_of_vulkan_1_0_gives_what_it_can(void **state) {
    (void)state;
    hw_report *r = ask_stubs("vulkan", "vulkan_old", "1", NULL);
    assert_int_equal(r->device_count, 1);
    assert_null(r->devices[0].pci); /* no such device on this machine's bus either */
    assert_string_equal(fact(&r->devices[0], "vulkan driver"), "version 0x89c0380");
    assert_evidence(r, "libvulkan.so.1",
                    "loader of Vulkan 1.0.0; an old one without vkEnumerateInstanceVersion");
    hw_report_destroy(r);
}

static void registered_drivers_are_listed(void **state) {
    const char *root = tree(state, "vulkan");
    hw_report *r = run_tree(root, "vulkan");
    assert_evidence(r, "/usr/share/vulkan/icd.d", "lvp_icd.x86_64.json, nvidia_icd.json");
    hw_report_destroy(r);
    r = run_with_variable(state, root, "vulkan", "VK_ICD_FILENAMES", "/a/b.json");
    assert_evidence(r, "/a/b.json", "VK_ICD_FILENAMES names it: there is no such file");
    hw_report_destroy(r);
}

/* ---- several probes on one device ------------------------------------------------------------------------------------------------------ */

static void the_vendors_word_stands_over_vulkans(void **state) {
    (void)state;
    accel_error err = {0};
    hw_source *source = NULL;
    hw_report *r = NULL;
    setenv("CUDA_VISIBLE_DEVICES", "1", 1);
    use_stubs("machine", "2", NULL);
    assert_ok(hw_source_open(NULL, &source, &err));
    assert_ok(hw_detect(source, &(hw_options){.all = true, .timeout_s = 20}, &r, &err));
    unsetenv("CUDA_VISIBLE_DEVICES");
    const hw_device *d = at_pci(r, FIRST);
    assert_string_equal(d->probe, "nvidia");
    assert_string_equal(d->name, "NVIDIA H100 80GB HBM3");
    assert_int_equal(d->state, HW_HIDDEN);
    assert_contains(d->reason, "CUDA_VISIBLE_DEVICES=1 leaves it out");
    assert_true(has_interface(d, "vulkan")); /* which that variable does not concern */
    assert_string_equal(fact(d, "vulkan"), "1.3.277");
    d = at_pci(r, "0000:18:00.0");
    assert_int_equal(d->state, HW_USABLE);
    assert_true(has_interface(d, "cuda"));
    assert_true(has_interface(d, "vulkan"));
    hw_report_destroy(r);
    hw_source_close(source);
}

static void a_device_whose_library_says_nothing_is_broken(void **state) {
    hw_report *r = hw_report_create();
    hw_device *d = hw_report_device(r, FIRST);
    (void)state;
    d->probe = "nvidia";
    vendor_await(r, d, "its library");
    assert_int_equal(d->state, HW_NOT_PROBED);
    assert_string_equal(d->reason, "its library was not asked");
    ask_stubs_about(r, "nvidia", "nvidia", "1", "crash cuda-crash");
    assert_int_equal(at_pci(r, FIRST)->state, HW_BROKEN);
    assert_string_equal(at_pci(r, FIRST)->reason, "libcuda.so.1 says nothing of it");
    hw_report_destroy(r);
}

/* ---- wgpu-native ------------------------------------------------------------------------------------------------------------------------ */

static void wgpu_native_lists_its_adapters(void **state) {
    (void)state;
    hw_report *r = ask_stubs("webgpu", "webgpu", "1", NULL);
    assert_evidence(r, "libwgpu_native.so", "wgpu-native 29.0.0.0, 2 adapters");
    assert_int_equal(r->device_count, 2);
    const hw_device *d = &r->devices[0];
    assert_int_equal(d->kind, HW_GPU);
    assert_int_equal(d->state, HW_USABLE);
    assert_string_equal(d->name, "NVIDIA H100 80GB HBM3");
    assert_string_equal(fact(d, "webgpu vulkan"), "discrete GPU, driver NVIDIA 550.54.14");
    assert_true(has_interface(d, "webgpu"));
    d = &r->devices[1];
    assert_int_equal(d->kind, HW_ACCELERATOR); /* it computes on the processor */
    assert_true(d->memory_shared);
    assert_string_equal(fact(d, "webgpu opengles"), "software: runs on the processor");
    hw_report_destroy(r);
}

/* Two GPUs of one kind that the bus knows, and Vulkan's adapter of software. */
static void adapters_that_are_known_are_completed(void **state) {
    accel_error err = {0};
    hw_report *r = hw_report_create();
    (void)state;
    for (int i = 0; i < 2; i++) {
        hw_device *gpu = hw_report_device(r, i == 0 ? "0000:17:00.0" : "0000:18:00.0");
        gpu->kind = HW_GPU;
        gpu->probe = "nvidia";
        vendor_set_state(gpu, HW_HIDDEN, "CUDA_VISIBLE_DEVICES= leaves it out", NULL);
        assert_ok(hw_report_fact(r, gpu, "pci id", "10de:2330"));
    }
    hw_device *software = hw_report_device(r, NULL);
    software->probe = "vulkan";
    software->id = "adapter 2";
    software->name = "llvmpipe (LLVM 15.0.6, 256 bits)";
    ask_stubs_about(r, "webgpu", "webgpu", "2", NULL);
    assert_int_equal(r->device_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(has_interface(&r->devices[i], "webgpu"));
    assert_int_equal(r->devices[1].state, HW_HIDDEN); /* of its vendor's platform */
    assert_string_equal(fact(&r->devices[1], "webgpu vulkan"), "discrete GPU, driver NVIDIA 550.54.14");
    assert_string_equal(fact(&r->devices[2], "webgpu opengles"), "software: runs on the processor");
    hw_report_destroy(r);
}

static void wgpu_natives_faults_are_sentences(void **state) {
    static const char *const cases[][2] = {
        {"old", "wgpu-native 22.1.5.3; its adapters are listed from version 24 on"},
        {"none", "wgpu-native 29.0.0.0, 0 adapters: it needs a driver of Vulkan or OpenGL"},
        {"no-instance", "wgpu-native 29.0.0.0 makes no instance"},
        {"endless", "claims 18446744073709551615 adapters"},
        {"mute", "adapter 0 does not tell what it is"},
        {"crash", "crashed with SIGSEGV"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hw_report *r = ask_stubs("webgpu", "webgpu", "1", cases[i][0]);
        assert_evidence(r, "libwgpu_native.so", cases[i][1]);
        assert_int_equal(r->device_count, 0);
        hw_report_destroy(r);
    }
    hw_report *r = ask_stubs("webgpu", "vulkan", "1", NULL);
    assert_evidence(r, "libwgpu_native.so", "absent: the system's loader does not find it");
    hw_report_destroy(r);
}

static void without_wgpu_native_is_told_where_was_looked(void **state) {
    hw_report *r = run_tree(tree(state, "nothing"), "webgpu");
    assert_evidence(r, "libwgpu_native.so", "absent from LD_LIBRARY_PATH");
    assert_evidence(r, "platform webgpu", "to have it, wgpu-native's libwgpu_native.so");
    hw_report_destroy(r);
}

/* ---- Qualcomm ---------------------------------------------------------------------------------------------------------------------------- */

static void a_boards_compute_dsp_is_an_npu(void **state) {
    hw_report *r = run_tree(tree(state, "qualcomm-board"), "qualcomm");
    assert_int_equal(r->device_count, 1);
    const hw_device *d = &r->devices[0];
    assert_int_equal(d->kind, HW_NPU);
    assert_string_equal(d->name, "Hexagon compute DSP of QCS9100 (Snapdragon)");
    assert_int_equal(d->state, HW_NOT_PROBED);
    assert_true(has_interface(d, "qnn"));
    assert_string_equal(fact(d, "tested"), "untested on hardware");
    hw_report_destroy(r);
}

static void a_stopped_dsp_has_no_driver(void **state) {
    hw_report *r = run_tree(tree(state, "qualcomm-stopped"), "qualcomm");
    assert_int_equal(r->device_count, 1);
    assert_int_equal(r->devices[0].state, HW_NO_DRIVER);
    assert_contains(r->devices[0].reason, "its processor is offline");
    hw_report_destroy(r);
}

static void qnn_tells_its_version(void **state) {
    (void)state;
    hw_report *r = ask_stubs("qualcomm", "qualcomm", "1", NULL);
    assert_evidence(r, "libQnnHtp.so", "HTP_QTI_AISW, QNN API 2.20.0, backend 5.33.1");
    hw_report_destroy(r);
    r = ask_stubs("qualcomm", "qualcomm", "1", "refused");
    assert_evidence(r, "libQnnHtp.so", "QNN error 1000");
    hw_report_destroy(r);
}

/* ---- Apple, and a machine with nothing ------------------------------------------------------------------------------------------------------ */

static void every_absent_platform_has_its_line(void **state) {
    static const char *const expected[][3] = {
        {"apple", "platform mps", "not macOS"},
        {"qualcomm", "platform qnn", "to have it, a Snapdragon"},
        {"vulkan", "platform vulkan", "to have it: the loader"},
    };
    const char *root = tree(state, "nothing");
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        hw_report *r = run_tree(root, expected[i][0]);
        assert_int_equal(r->device_count, 0);
        assert_evidence(r, expected[i][1], expected[i][2]);
        hw_report_destroy(r);
    }
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------------------- */

/* With the nth allocation failing. False: there are not so many. */
static bool run_short_of_memory(const char *root, const char *probe, uint64_t n) {
    accel_error err = {0};
    hw_source *source = NULL;
    assert_ok(hw_source_open(root, &source, &err));
    hw_report *r = hw_report_create();
    assert_non_null(r);
    uint64_t hits = mem_fault_hits();
    mem_fault_set(n, false);
    accel_status status = probe_named(probe)->run(source, &(hw_options){0}, r, &err);
    mem_fault_set(0, false);
    bool failed = mem_fault_hits() > hits;
    assert_true(status == ACCEL_OK || (failed && status == ACCEL_OUT_OF_MEMORY));
    hw_report_destroy(r);
    hw_source_close(source);
    return failed;
}

static void every_failing_allocation_is_survived(void **state) {
    static const char *const machines[][2] = {{"nvidia-three", "nvidia"}, {"amd-mi300-two", "amd"},
                                              {"amd-laptop", "amd"},      {"intel-laptop", "intel"},
                                              {"vulkan", "vulkan"},       {"qualcomm-board", "qualcomm"}};
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        const char *root = tree(state, machines[i][0]);
        uint64_t n = 1;
        while (run_short_of_memory(root, machines[i][1], n))
            n++;
        assert_true(n > 4);
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_vulkan_adapter_is_described_whole),
    cmocka_unit_test(a_software_adapter_is_no_gpu),
    cmocka_unit_test(none_and_eight_adapters_are_counted),
    cmocka_unit_test(vulkans_faults_are_sentences),
    cmocka_unit_test(a_loader_of_vulkan_1_0_gives_what_it_can),
    IN_FOLDER(registered_drivers_are_listed),
    cmocka_unit_test(the_vendors_word_stands_over_vulkans),
    cmocka_unit_test(a_device_whose_library_says_nothing_is_broken),
    cmocka_unit_test(wgpu_native_lists_its_adapters),
    cmocka_unit_test(adapters_that_are_known_are_completed),
    cmocka_unit_test(wgpu_natives_faults_are_sentences),
    IN_FOLDER(without_wgpu_native_is_told_where_was_looked),
    IN_FOLDER(a_boards_compute_dsp_is_an_npu),
    IN_FOLDER(a_stopped_dsp_has_no_driver),
    cmocka_unit_test(qnn_tells_its_version),
    IN_FOLDER(every_absent_platform_has_its_line),
    IN_FOLDER(every_failing_allocation_is_survived),
};

VENDOR_MAIN(tests)
