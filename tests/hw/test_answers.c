/* What vendors' libraries answered is remembered, shown with its time, and forgotten when what it depends on has changed. */
#include "hw/vendor_check.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/mem.h"
#include "hw/hw_check.h"

#define GPU "0000:17:00.0" /* of the stubs */

static hw_report *detect(void **state, bool all) {
    accel_error err = {0};
    hw_source *source = NULL;
    hw_report *r = NULL;
    hw_options options = {.all = all, .timeout_s = 20, .cache = temp_path(state, "cache/hardware.json")};
    assert_ok(hw_source_open(NULL, &source, &err));
    assert_ok(hw_detect(source, &options, &r, &err));
    hw_source_close(source);
    return r;
}

/* Asks the stubs, with their libraries in a folder of the test's own, whose files it may change. */
static void ask_all(void **state, const char *mode) {
    char folder[4096], command[8300];
    snprintf(folder, sizeof folder, "%s", temp_path(state, "libraries"));
    snprintf(command, sizeof command, "mkdir -p %s && cp -p %s/nvidia/lib* %s", folder, STUBS, folder);
    assert_int_equal(system(command), 0);
    use_stubs("nvidia", "2", mode);
    setenv("LD_LIBRARY_PATH", folder, 1);
    hw_report_destroy(detect(state, true));
}

/* Of the stubs' GPU; the machine may have other drivers that remember. */
static bool is_remembered(void **state) {
    hw_report *r = detect(state, false);
    bool remembered = false;
    for (size_t i = 0; i < r->device_count; i++)
        remembered |= str_equal(r->devices[i].pci, GPU) && r->devices[i].asked_at != NULL;
    hw_report_destroy(r);
    return remembered;
}

static void make_newer(void **state, const char *library) {
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 2000000000}};
    char name[256];
    snprintf(name, sizeof name, "libraries/%s", library);
    assert_int_equal(utimensat(AT_FDCWD, temp_path(state, name), times, 0), 0);
}

/* ---- shown ---------------------------------------------------------------------------------------------------------------------- */

static void an_answer_is_shown_with_its_time(void **state) {
    ask_all(state, NULL);
    hw_report *r = detect(state, false);
    const hw_device *d = at_pci(r, GPU);
    assert_int_equal(d->state, HW_USABLE);
    assert_string_equal(d->name, "NVIDIA H100 80GB HBM3");
    assert_string_equal(fact(d, "cuda ordinal"), "0");
    assert_non_null(d->asked_at);
    assert_true(str_starts_with(d->asked_at, "20"));
    assert_true(str_ends_with(d->asked_at, "Z"));
    assert_int_equal(d->memory_free_bytes, HW_UNKNOWN); /* of that time */
    const hw_evidence *e = evidence_of(r, "nvidia", "2 devices for this process");
    assert_non_null(e);
    assert_non_null(e->asked_at);
    assert_null(evidence_of(r, "nvidia", "/proc/driver/nvidia/version")->asked_at); /* looked at now */
    hw_report_destroy(r);
}

static void an_answer_of_now_has_no_time(void **state) {
    ask_all(state, NULL);
    hw_report *r = detect(state, true);
    assert_null(at_pci(r, GPU)->asked_at);
    assert_int_equal(at_pci(r, GPU)->memory_free_bytes, INT64_C(79) << 30);
    hw_report_destroy(r);
}

static void without_a_file_nothing_is_remembered(void **state) {
    ask_all(state, NULL);
    hw_report *r = detect_in(NULL);
    for (size_t i = 0; i < r->device_count; i++)
        assert_null(r->devices[i].asked_at);
    hw_report_destroy(r);
}

/* ---- forgotten ------------------------------------------------------------------------------------------------------------------ */

static void an_answer_of_another_file_is_not_shown(void **state) {
    ask_all(state, NULL);
    assert_true(is_remembered(state));
    make_newer(state, "libcuda.so.1");
    hw_report *r = detect(state, false);
    assert_non_null(evidence_of(r, "nvidia", "NVML 12.550.54.14")); /* whose library is the same */
    assert_null(evidence_of(r, "nvidia", "devices for this process"));
    assert_int_equal(at_pci(r, GPU)->state, HW_NOT_PROBED); /* CUDA has yet to say */
    hw_report_destroy(r);
    make_newer(state, "libnvidia-ml.so.1");
    assert_false(is_remembered(state));
}

static void a_later_answer_goes_with_the_earlier_ones_library(void **state) {
    ask_all(state, NULL);
    make_newer(state, "libnvidia-ml.so.1");
    assert_false(is_remembered(state)); /* CUDA's child was told what NVML had said */
}

static void an_answer_under_other_variables_is_not_shown(void **state) {
    ask_all(state, NULL);
    setenv("CUDA_VISIBLE_DEVICES", "1", 1);
    assert_false(is_remembered(state));
    unsetenv("CUDA_VISIBLE_DEVICES");
    assert_true(is_remembered(state));
}

static void a_library_that_fails_leaves_no_answer(void **state) {
    ask_all(state, NULL);
    ask_all(state, "cuda-crash");
    hw_report *r = detect(state, false);
    assert_non_null(evidence_of(r, "nvidia", "NVML 12.550.54.14"));
    assert_null(evidence_of(r, "nvidia", "crashed"));
    assert_int_equal(at_pci(r, GPU)->state, HW_NOT_PROBED);
    hw_report_destroy(r);
}

/* ---- a file that is not ours ------------------------------------------------------------------------------------------------------ */

static void a_damaged_file_is_as_none(void **state) {
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"accel_answers\": 99}",
        "{\"accel_answers\": 1, \"answers\": {}}",
        "{\"accel_answers\": 1, \"answers\": [1, null, {\"question\": \"cuda\"}]}"};
    ask_all(state, NULL);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        temp_file(state, "cache/hardware.json", texts[i]);
        assert_false(is_remembered(state));
    }
}

/* Whatever byte of it is changed: no crash, and a report. */
static void every_damage_is_survived(void **state) {
    accel_error err = {0};
    char *text = NULL, *path = strdup(temp_path(state, "cache/hardware.json"));
    size_t length = 0;
    ask_all(state, NULL);
    assert_ok(file_read(path, 1 << 20, &text, &length, &err));
    for (size_t i = 0; i < length; i += 97) {
        char kept = text[i];
        text[i] = (char)(kept ^ 0x15);
        assert_ok(file_replace(path, text, length, &err));
        hw_report_destroy(detect(state, false));
        text[i] = kept;
    }
    mem_free(text);
    free(path);
}

/* With the nth allocation of a plain detection failing. False: there are not so many. */
static bool detect_short_of_memory(void **state, uint64_t n) {
    accel_error err = {0};
    hw_source *source = NULL;
    hw_report *r = NULL;
    hw_options options = {.cache = temp_path(state, "cache/hardware.json")};
    assert_ok(hw_source_open(NULL, &source, &err));
    uint64_t hits = mem_fault_hits();
    mem_fault_set(n, false);
    accel_status status = hw_detect(source, &options, &r, &err);
    mem_fault_set(0, false);
    bool failed = mem_fault_hits() > hits;
    assert_true(status == ACCEL_OK || (failed && status == ACCEL_OUT_OF_MEMORY));
    hw_report_destroy(r);
    hw_source_close(source);
    return failed;
}

static void failing_allocations_are_survived(void **state) {
    uint64_t n = 1;
    ask_all(state, NULL);
    while (detect_short_of_memory(state, n))
        n += 3;
    assert_true(n > 10);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

static const struct CMUnitTest tests[] = {
    IN_FOLDER(an_answer_is_shown_with_its_time),
    IN_FOLDER(an_answer_of_now_has_no_time),
    IN_FOLDER(without_a_file_nothing_is_remembered),
    IN_FOLDER(an_answer_of_another_file_is_not_shown),
    IN_FOLDER(a_later_answer_goes_with_the_earlier_ones_library),
    IN_FOLDER(an_answer_under_other_variables_is_not_shown),
    IN_FOLDER(a_library_that_fails_leaves_no_answer),
    IN_FOLDER(a_damaged_file_is_as_none),
    IN_FOLDER(every_damage_is_survived),
    IN_FOLDER(failing_allocations_are_survived),
};

VENDOR_MAIN(tests)
