/* NVIDIA's GPUs: the driver's files, and stub libraries in place of NVML and CUDA. */
#include "vendor_check.h"

#include "hw/vendor.h"

#include <errno.h>
#include <signal.h>

#define FIRST  "0000:17:00.0" /* of the stubs */
#define SECOND "0000:18:00.0"
#define FOURTH "0000:1a:00.0"

/* ---- lists ---------------------------------------------------------------------------------------------------------------------- */

static void one_gpu_is_described_whole(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "1", NULL);
    assert_int_equal(r->device_count, 1);
    const hw_device *d = at_pci(r, FIRST);
    assert_int_equal(d->kind, HW_GPU);
    assert_int_equal(d->state, HW_USABLE);
    assert_string_equal(d->probe, "nvidia");
    assert_string_equal(d->vendor, "NVIDIA");
    assert_string_equal(d->name, "NVIDIA H100 80GB HBM3");
    assert_string_equal(d->id, "GPU-00000000-1111-2222-3333-444444444444");
    assert_string_equal(d->driver_version, "550.54.14");
    assert_string_equal(d->architecture, "sm_90");
    assert_int_equal(d->memory_bytes, INT64_C(80) << 30);
    assert_int_equal(d->memory_free_bytes, INT64_C(79) << 30);
    assert_false(d->memory_shared);
    assert_int_equal(d->units, 132);
    assert_int_equal(d->max_mhz, 1980);
    assert_int_equal(d->memory_max_mhz, 2619);
    assert_int_equal(d->power_limit_mw, 700000);
    assert_int_equal(d->numa_node, HW_UNKNOWN);
    assert_contains(d->precisions, "bf16");
    assert_true(has_interface(d, "cuda"));
    assert_null(d->reason);
    assert_string_equal(fact(d, "compute capability"), "9.0");
    assert_string_equal(fact(d, "ecc"), "on");
    assert_string_equal(fact(d, "mig"), "off");
    assert_string_equal(fact(d, "pcie"), "gen 5 x16");
    assert_string_equal(fact(d, "clocks held back by"), "nothing");
    assert_evidence(r, "libnvidia-ml.so.1", "NVML 12.550.54.14, driver 550.54.14, for CUDA 12.4");
    assert_evidence(r, "libcuda.so.1", "CUDA 12.4, 1 device for this process");
    hw_report_destroy(r);
}

static void eight_gpus_are_eight_devices(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "8", NULL);
    assert_int_equal(r->device_count, 8);
    assert_int_equal(count_state(r, HW_USABLE), 8);
    assert_string_equal(fact(at_pci(r, "0000:1e:00.0"), "cuda ordinal"), "7");
    hw_report_destroy(r);
}

static void no_gpu_is_a_count_of_none(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "0", NULL);
    assert_int_equal(r->device_count, 0);
    assert_evidence(r, "libnvidia-ml.so.1", "0 GPUs");
    assert_evidence(r, "libcuda.so.1", "CUDA_ERROR_NO_DEVICE");
    hw_report_destroy(r);
}

static void throttling_and_pending_ecc_are_told(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "1", "throttled ecc-changes");
    const hw_device *d = at_pci(r, FIRST);
    assert_string_equal(fact(d, "clocks held back by"), "power cap, hardware thermal slowdown, bits 0x1044");
    assert_string_equal(fact(d, "ecc"), "on, off after a restart");
    hw_report_destroy(r);
}

static void memory_that_nvml_does_not_tell_is_cudas(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "1", "unified");
    const hw_device *d = at_pci(r, FIRST);
    assert_true(d->memory_shared);
    assert_int_equal(d->memory_bytes, INT64_C(79) << 30);
    assert_int_equal(d->memory_free_bytes, HW_UNKNOWN);
    hw_report_destroy(r);
}

/* ---- what hides ------------------------------------------------------------------------------------------------------------------ */

static hw_report *ask_with_visible(const char *value) {
    setenv("CUDA_VISIBLE_DEVICES", value, 1);
    hw_report *r = ask_stubs("nvidia", "nvidia", "8", NULL);
    unsetenv("CUDA_VISIBLE_DEVICES");
    assert_int_equal(r->device_count, 8);
    return r;
}

static void indices_hide_the_others(void **state) {
    (void)state;
    hw_report *r = ask_with_visible("1,3");
    assert_int_equal(count_state(r, HW_USABLE), 2);
    assert_int_equal(at_pci(r, SECOND)->state, HW_USABLE);
    assert_int_equal(at_pci(r, FOURTH)->state, HW_USABLE);
    assert_int_equal(at_pci(r, FIRST)->state, HW_HIDDEN);
    assert_contains(at_pci(r, FIRST)->reason, "CUDA_VISIBLE_DEVICES=1,3 leaves it out");
    assert_non_null(at_pci(r, FIRST)->remedy);
    hw_report_destroy(r);
}

static void uuids_hide_the_others(void **state) {
    (void)state;
    hw_report *r = ask_with_visible("GPU-00000003-1111");
    assert_int_equal(count_state(r, HW_USABLE), 1);
    assert_int_equal(at_pci(r, FOURTH)->state, HW_USABLE);
    assert_int_equal(count_state(r, HW_HIDDEN), 7);
    hw_report_destroy(r);
}

static void an_empty_list_hides_all(void **state) {
    (void)state;
    hw_report *r = ask_with_visible("");
    assert_int_equal(count_state(r, HW_HIDDEN), 8);
    assert_contains(at_pci(r, FIRST)->reason, "CUDA_VISIBLE_DEVICES= leaves it out");
    hw_report_destroy(r);
}

static void prohibited_compute_mode_hides(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "2", "prohibited");
    assert_int_equal(at_pci(r, FIRST)->state, HW_HIDDEN);
    assert_contains(at_pci(r, FIRST)->reason, "compute mode is prohibited");
    assert_int_equal(at_pci(r, SECOND)->state, HW_USABLE);
    hw_report_destroy(r);
}

/* ---- MIG -------------------------------------------------------------------------------------------------------------------------- */

static const hw_device *instance(const hw_report *r, const char *id) {
    for (size_t i = 0; i < r->device_count; i++)
        if (r->devices[i].id && str_starts_with(r->devices[i].id, id))
            return &r->devices[i];
    fail_msg("no instance %s", id);
    return NULL;
}

static void instances_of_mig_stand_in_for_their_gpu(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "2", "mig");
    assert_int_equal(r->device_count, 4); /* two GPUs and two instances of the first, numbered with a gap */
    assert_int_equal(at_pci(r, FIRST)->state, HW_HIDDEN);
    assert_contains(at_pci(r, FIRST)->reason, "MIG is on: programs use its instances");
    assert_string_equal(fact(at_pci(r, FIRST), "mig"), "on");
    const hw_device *taken = instance(r, "MIG-a0000000"), *other = instance(r, "MIG-a0000003");
    assert_int_equal(taken->state, HW_USABLE);
    assert_string_equal(taken->name, "NVIDIA H100 MIG 1g.10gb");
    assert_int_equal(taken->memory_bytes, INT64_C(10) << 30);
    assert_int_equal(taken->units, 16);
    assert_null(taken->pci);
    assert_string_equal(fact(taken, "mig parent"), FIRST);
    assert_string_equal(other->architecture, "sm_90");
    assert_int_equal(other->state, HW_HIDDEN); /* CUDA takes the first alone */
    assert_contains(other->remedy, "CUDA_VISIBLE_DEVICES");
    assert_int_equal(at_pci(r, SECOND)->state, HW_USABLE);
    hw_report_destroy(r);
}

static void a_named_instance_is_the_usable_one(void **state) {
    (void)state;
    setenv("CUDA_VISIBLE_DEVICES", "MIG-a0000003-5555-6666-7777-888888888888", 1);
    hw_report *r = ask_stubs("nvidia", "nvidia", "2", "mig");
    unsetenv("CUDA_VISIBLE_DEVICES");
    assert_int_equal(instance(r, "MIG-a0000003")->state, HW_USABLE);
    assert_int_equal(instance(r, "MIG-a0000000")->state, HW_HIDDEN);
    assert_contains(instance(r, "MIG-a0000000")->reason, "CUDA_VISIBLE_DEVICES=MIG-a0000003");
    assert_int_equal(at_pci(r, SECOND)->state, HW_HIDDEN);
    hw_report_destroy(r);
}

static void mig_without_instances_is_told(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "2", "mig mig-empty");
    assert_int_equal(r->device_count, 2);
    assert_int_equal(at_pci(r, FIRST)->state, HW_HIDDEN);
    assert_contains(at_pci(r, FIRST)->reason, "there is no instance");
    assert_contains(at_pci(r, FIRST)->remedy, "nvidia-smi mig -cgi");
    hw_report_destroy(r);
}

/* ---- faults ------------------------------------------------------------------------------------------------------------------------ */

static void no_permission_is_a_sentence(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "2", "refused");
    assert_int_equal(r->device_count, 0);
    assert_evidence(r, "libnvidia-ml.so.1",
                    "NVML error 4: Insufficient Permissions; give this process access");
    hw_report_destroy(r);
}

static void one_refused_gpu_does_not_hide_the_others(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "3", "one-refused");
    assert_int_equal(r->device_count, 3);
    assert_int_equal(count_state(r, HW_USABLE), 2);
    assert_int_equal(instance(r, "1")->state, HW_HIDDEN);
    assert_contains(instance(r, "1")->reason, "Insufficient Permissions");
    hw_report_destroy(r);
}

static void a_lost_gpu_is_broken_and_the_rest_is_listed(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "8", "lost");
    assert_int_equal(r->device_count, 8);
    assert_int_equal(count_state(r, HW_USABLE), 7);
    assert_int_equal(instance(r, "3")->state, HW_BROKEN);
    assert_contains(instance(r, "3")->reason, "GPU is lost");
    assert_contains(instance(r, "3")->remedy, "Xid");
    hw_report_destroy(r);
}

static void a_question_that_fails_costs_only_its_answer(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "1", "nameless");
    assert_string_equal(at_pci(r, FIRST)->name, "NVIDIA H100 80GB HBM3"); /* CUDA's word */
    assert_evidence(r, "libnvidia-ml.so.1", "name of GPU 0000:17:00.0: NVML error 999: Unknown Error");
    hw_report_destroy(r);
}

static void an_error_in_the_middle_of_cudas_list_is_told(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "3", "cuda-middle");
    assert_int_equal(r->device_count, 3);
    assert_int_equal(count_state(r, HW_USABLE), 2);
    assert_evidence(r, "libcuda.so.1", "device 1: CUDA error 999");
    hw_report_destroy(r);
}

static void a_driver_of_another_version_is_told(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "1", "mismatch");
    assert_evidence(r, "libnvidia-ml.so.1",
                    "Driver/library version mismatch; the driver was updated while loaded");
    assert_evidence(r, "libcuda.so.1", "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH");
    hw_report_destroy(r);
    r = ask_stubs("nvidia", "nvidia", "1", "cuda-mismatch");
    assert_int_equal(at_pci(r, FIRST)->state, HW_BROKEN);
    assert_contains(at_pci(r, FIRST)->remedy, "differ in version");
    hw_report_destroy(r);
}

static void a_missing_fabric_manager_is_named(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "8", "no-fabric");
    assert_int_equal(count_state(r, HW_BROKEN), 8);
    assert_contains(at_pci(r, FIRST)->remedy, "nvidia-fabricmanager");
    hw_report_destroy(r);
}

static void without_libcuda_the_gpu_has_no_driver(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia_no_cuda", "1", NULL);
    assert_int_equal(at_pci(r, FIRST)->state, HW_NO_DRIVER);
    assert_contains(at_pci(r, FIRST)->reason, "libcuda.so.1");
    assert_evidence(r, "libcuda.so.1", "absent");
    hw_report_destroy(r);
}

static void an_old_library_gives_what_it_can(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia_old", "2", NULL);
    assert_int_equal(count_state(r, HW_USABLE), 2);
    assert_int_equal(at_pci(r, FIRST)->power_limit_mw, 700000);
    assert_string_equal(fact(at_pci(r, FIRST), "mig"), "");
    assert_evidence(r, "libnvidia-ml.so.1", "an old library without ");
    assert_evidence(r, "libnvidia-ml.so.1", "nvmlDeviceGetMigMode");
    hw_report_destroy(r);
}

static void another_library_of_that_name_is_told(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia_foreign", "1", NULL);
    assert_evidence(r, "libnvidia-ml.so.1", "is no NVML that lists GPUs: it lacks nvmlInit_v2");
    hw_report_destroy(r);
}

static void nonsense_is_bounded(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "2", "endless");
    assert_int_equal(r->device_count, 256); /* of the 4 thousand million that it claims */
    hw_report_destroy(r);
    r = ask_stubs("nvidia", "nvidia", "1", "garbage"); /* 128 bytes, none of them a NUL or UTF-8 */
    assert_int_equal(strlen(at_pci(r, FIRST)->name), 128);
    assert_int_equal(at_pci(r, FIRST)->name[0], '?');
    hw_report_destroy(r);
}

/* ---- a library that misbehaves ---------------------------------------------------------------------------------------------------------- */

static void a_crash_of_nvml_leaves_cudas_words(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "1", "crash");
    assert_evidence(r, "libnvidia-ml.so.1", "crashed with SIGSEGV");
    assert_evidence(r, "libcuda.so.1", "CUDA 12.4, 1 device for this process");
    assert_int_equal(r->device_count, 1);
    assert_int_equal(at_pci(r, FIRST)->state, HW_USABLE);
    assert_string_equal(at_pci(r, FIRST)->name, "NVIDIA H100 80GB HBM3");
    assert_int_equal(at_pci(r, FIRST)->power_limit_mw, HW_UNKNOWN); /* which CUDA does not tell */
    hw_report_destroy(r);
}

static void a_crash_of_cuda_leaves_nvmls_words(void **state) {
    (void)state;
    hw_report *r = ask_stubs("nvidia", "nvidia", "2", "cuda-crash");
    assert_evidence(r, "libcuda.so.1", "crashed with SIGSEGV");
    assert_evidence(r, "libnvidia-ml.so.1", "driver 550.54.14");
    assert_int_equal(r->device_count, 2);
    assert_int_equal(at_pci(r, SECOND)->power_limit_mw, 700000);
    assert_int_equal(count_state(r, HW_BROKEN), 2);
    assert_string_equal(at_pci(r, FIRST)->reason, "libcuda.so.1 says nothing of it");
    hw_report_destroy(r);
}

static void what_files_say_of_a_hidden_gpu_stands(void **state) {
    hw_report *r = hw_report_create();
    (void)state;
    hw_device *d = hw_report_device(r, SECOND);
    d->probe = "nvidia";
    vendor_set_state(d, HW_HIDDEN, "/dev/nvidia1 is missing here", "pass it in");
    setenv("CUDA_VISIBLE_DEVICES", "0", 1);
    ask_stubs_about(r, "nvidia", "nvidia", "2", NULL);
    unsetenv("CUDA_VISIBLE_DEVICES");
    assert_int_equal(at_pci(r, FIRST)->state, HW_USABLE);
    assert_int_equal(at_pci(r, SECOND)->state, HW_HIDDEN);
    assert_string_equal(at_pci(r, SECOND)->reason, "/dev/nvidia1 is missing here");
    assert_int_equal(at_pci(r, SECOND)->memory_bytes, INT64_C(80) << 30);
    hw_report_destroy(r);
}

static void misbehaviour_is_a_sentence(void **state) {
    (void)state;
    expect_misbehaviour_to_be_told("nvidia", "libnvidia-ml.so.1");
}

/* Ended, or about to be taken by whoever inherited it. */
static bool is_gone(long pid) {
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return true;
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    const char *after = read ? strrchr(line, ')') : NULL;
    return !after || after[2] == 'Z' || after[2] == 'X';
}

static void what_it_forks_is_ended_with_it(void **state) {
    const char *path = temp_path(state, "pid");
    setenv("STUB_PID_FILE", path, 1);
    hw_report *r = ask_stubs("nvidia", "nvidia", "1", "fork");
    unsetenv("STUB_PID_FILE");
    assert_int_equal(count_state(r, HW_USABLE), 1);
    hw_report_destroy(r);
    FILE *file = fopen(path, "r");
    long pid = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pid), 1);
    fclose(file);
    for (int i = 0; i < 500 && !is_gone(pid); i++)
        usleep(10000);
    assert_true(is_gone(pid));
}

/* ---- copies --------------------------------------------------------------------------------------------------------------------------- */

static hw_report *measure_copies(const char *mode) {
    accel_error err = {0};
    hw_source *source = NULL;
    hw_report *r = hw_report_create();
    hw_options options = {.all = true, .measure = true, .timeout_s = 30};
    use_stubs("nvidia", "2", mode);
    assert_ok(hw_source_open(NULL, &source, &err));
    assert_ok(hw_ask(source, probe_named("nvidia"), &options, r, &err));
    hw_source_close(source);
    return r;
}

static void copies_are_measured_on_request(void **state) {
    (void)state;
    hw_report *r = measure_copies(NULL);
    assert_int_equal(r->device_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(r->devices[i].state, HW_USABLE);
        assert_in_range(r->devices[i].copy_to_mb_per_s, 10, 10000000); /* memory's own speed */
        assert_in_range(r->devices[i].copy_from_mb_per_s, 10, 10000000);
    }
    hw_report_destroy(r);
    r = ask_stubs("nvidia", "nvidia", "1", NULL);
    assert_int_equal(r->devices[0].copy_to_mb_per_s, HW_UNKNOWN);
    hw_report_destroy(r);
}

static void copies_that_fail_are_told(void **state) {
    (void)state;
    hw_report *r = measure_copies("copy-fails");
    assert_evidence(r, "libcuda.so.1", "copies with device 1: CUDA error 214");
    assert_int_equal(count_state(r, HW_USABLE), 2);
    assert_int_equal(at_pci(r, FIRST)->copy_from_mb_per_s, HW_UNKNOWN);
    hw_report_destroy(r);
    r = measure_copies("copy-busy");
    assert_evidence(r, "libcuda.so.1", "copies with device 0: CUDA error 2");
    assert_int_equal(at_pci(r, FIRST)->copy_to_mb_per_s, HW_UNKNOWN);
    hw_report_destroy(r);
}

/* ---- the driver's files ------------------------------------------------------------------------------------------------------------------ */

static void the_drivers_files_tell_its_gpus(void **state) {
    hw_report *r = run_tree(tree(state, "nvidia-three"), "nvidia");
    assert_int_equal(r->device_count, 3);
    const hw_device *d = at_pci(r, "0000:17:00.0");
    assert_string_equal(d->name, "NVIDIA A100-SXM4-80GB");
    assert_string_equal(d->id, "GPU-6f5d6a3e-0c1b-4d2e-9a77-1f2e3d4c5b6a");
    assert_string_equal(d->driver_version, "570.86.15");
    assert_int_equal(d->state, HW_NOT_PROBED);
    assert_string_equal(d->remedy, "accel detect --all");
    assert_string_equal(fact(d, "firmware"), "570.86.15");
    assert_int_equal(d->memory_bytes, HW_UNKNOWN);
    assert_true(has_interface(d, "cuda"));
    d = at_pci(r, "0000:65:00.0");
    assert_int_equal(d->state, HW_HIDDEN);
    assert_contains(d->reason, "/dev/nvidia1 is missing here");
    d = at_pci(r, "0000:ca:00.0");
    assert_int_equal(d->state, HW_HIDDEN);
    assert_contains(d->reason, "NVreg_ExcludedGpus");
    assert_null(d->id); /* question marks are no UUID */
    assert_evidence(r, "libcuda.so.1", "/opt/driver/lib/libcuda.so.1: present, not probed");
    assert_evidence(r, "libnvidia-ml.so.1", "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1: present");
    hw_report_destroy(r);
}

static void a_machine_without_nvidia_is_told_what_would_make_it_one(void **state) {
    hw_report *r = run_tree(tree(state, "nothing"), "nvidia");
    assert_int_equal(r->device_count, 0);
    assert_evidence(r, "/proc/driver/nvidia/version", "absent: NVIDIA's kernel driver is not loaded");
    assert_evidence(r, "libcuda.so.1", "absent from LD_LIBRARY_PATH");
    assert_evidence(r, "platform cuda", "to have it, an NVIDIA GPU and NVIDIA's driver");
    hw_report_destroy(r);
}

static void odd_files_are_no_figures(void **state) {
    hw_report *r = run_tree(tree(state, "nvidia-odd"), "nvidia");
    assert_int_equal(r->device_count, 3);
    for (size_t i = 0; i < r->device_count; i++) {
        assert_null(r->devices[i].name);
        assert_null(r->devices[i].id);
        assert_null(r->devices[i].driver_version);
        assert_int_equal(r->devices[i].state, HW_NO_DRIVER); /* no libcuda.so.1 in this tree */
    }
    hw_report_destroy(r);
}

static void a_variable_hides_without_asking(void **state) {
    const char *root = tree(state, "nvidia-two");
    hw_report *r = run_with_variable(state, root, "nvidia", "CUDA_VISIBLE_DEVICES", "1");
    assert_int_equal(at_pci(r, "0000:01:00.0")->state, HW_HIDDEN);
    assert_contains(at_pci(r, "0000:01:00.0")->reason, "CUDA_VISIBLE_DEVICES=1 leaves it out");
    assert_int_equal(at_pci(r, "0000:02:00.0")->state, HW_NOT_PROBED);
    char uuid[64];
    snprintf(uuid, sizeof uuid, "%s", at_pci(r, "0000:01:00.0")->id); /* as the capture disguises it */
    hw_report_destroy(r);
    r = run_with_variable(state, root, "nvidia", "CUDA_VISIBLE_DEVICES", uuid);
    assert_int_equal(at_pci(r, "0000:01:00.0")->state, HW_NOT_PROBED);
    assert_int_equal(at_pci(r, "0000:02:00.0")->state, HW_HIDDEN);
    hw_report_destroy(r);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_gpu_is_described_whole),
    cmocka_unit_test(eight_gpus_are_eight_devices),
    cmocka_unit_test(no_gpu_is_a_count_of_none),
    cmocka_unit_test(throttling_and_pending_ecc_are_told),
    cmocka_unit_test(memory_that_nvml_does_not_tell_is_cudas),
    cmocka_unit_test(indices_hide_the_others),
    cmocka_unit_test(uuids_hide_the_others),
    cmocka_unit_test(an_empty_list_hides_all),
    cmocka_unit_test(prohibited_compute_mode_hides),
    cmocka_unit_test(instances_of_mig_stand_in_for_their_gpu),
    cmocka_unit_test(a_named_instance_is_the_usable_one),
    cmocka_unit_test(mig_without_instances_is_told),
    cmocka_unit_test(no_permission_is_a_sentence),
    cmocka_unit_test(one_refused_gpu_does_not_hide_the_others),
    cmocka_unit_test(a_lost_gpu_is_broken_and_the_rest_is_listed),
    cmocka_unit_test(a_question_that_fails_costs_only_its_answer),
    cmocka_unit_test(an_error_in_the_middle_of_cudas_list_is_told),
    cmocka_unit_test(a_driver_of_another_version_is_told),
    cmocka_unit_test(a_missing_fabric_manager_is_named),
    cmocka_unit_test(without_libcuda_the_gpu_has_no_driver),
    cmocka_unit_test(an_old_library_gives_what_it_can),
    cmocka_unit_test(another_library_of_that_name_is_told),
    cmocka_unit_test(nonsense_is_bounded),
    cmocka_unit_test(a_crash_of_nvml_leaves_cudas_words),
    cmocka_unit_test(a_crash_of_cuda_leaves_nvmls_words),
    cmocka_unit_test(what_files_say_of_a_hidden_gpu_stands),
    cmocka_unit_test(misbehaviour_is_a_sentence),
    IN_FOLDER(what_it_forks_is_ended_with_it),
    cmocka_unit_test(copies_are_measured_on_request),
    cmocka_unit_test(copies_that_fail_are_told),
    IN_FOLDER(the_drivers_files_tell_its_gpus),
    IN_FOLDER(a_machine_without_nvidia_is_told_what_would_make_it_one),
    IN_FOLDER(odd_files_are_no_figures),
    IN_FOLDER(a_variable_hides_without_asking),
};

VENDOR_MAIN(tests)
