/* The real Vulkan loader with configurations that are broken. Skipped where it is not installed. */
#include "hw/vendor_check.h"

#include "base/library.h"
#include "hw/hw_check.h"

/* The device list and the evidence of `--all` with VK_ICD_FILENAMES naming these files. */
static hw_report *detect_with(const char *files) {
    accel_error err = {0};
    hw_source *source = NULL;
    hw_report *r = hw_report_create();
    setenv("VK_ICD_FILENAMES", files, 1);
    assert_ok(hw_source_open(NULL, &source, &err));
    assert_ok(probe_named("vulkan")->run(source, &(hw_options){.all = true}, r, &err));
    assert_ok(hw_ask(source, probe_named("vulkan"), &(hw_options){.all = true, .timeout_s = 20}, r, &err));
    hw_source_close(source);
    unsetenv("VK_ICD_FILENAMES");
    return r;
}

static void expect_no_adapter(const char *file, const char *fault) {
    hw_report *r = detect_with(file);
    assert_int_equal(r->device_count, 0);
    assert_evidence(r, file, fault);
    assert_evidence(r, "libvulkan.so.1", "loader of Vulkan 1.");
    assert_evidence(r, "libvulkan.so.1", "look at VK_DRIVER_FILES and VK_ICD_FILENAMES");
    hw_report_destroy(r);
}

static void a_missing_driver_file_is_named(void **state) {
    (void)state;
    expect_no_adapter("/nowhere/icd.json", "VK_ICD_FILENAMES names it: there is no such file");
}

static void a_bad_driver_file_is_named(void **state) {
    static const char *const texts[] = {"", "{", "[]", "no JSON", "{\"ICD\": {\"library\": 1}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put(state, "/icd.json", texts[i]);
        expect_no_adapter(temp_path(state, "icd.json"), "VK_ICD_FILENAMES names it: it describes no driver");
    }
}

static void a_driver_file_without_its_library_gives_no_adapter(void **state) {
    put(state, "/icd.json",
        "{\"file_format_version\": \"1.0.0\", \"ICD\": {\"library_path\": \"/nowhere/libx.so\", \"api_version\": \"1.1.0\"}}");
    expect_no_adapter(temp_path(state, "icd.json"), "VK_ICD_FILENAMES names it: the loader takes");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

static const struct CMUnitTest tests[] = {
    IN_FOLDER(a_missing_driver_file_is_named),
    IN_FOLDER(a_bad_driver_file_is_named),
    IN_FOLDER(a_driver_file_without_its_library_gives_no_adapter),
};

int main(int argc, char **argv) {
    enum { SKIPPED = 77 };
    accel_error why = {0};
    library *loader = NULL;
    if (argc == 3 && strcmp(argv[1], HW_CHILD_ARGUMENT) == 0)
        return hw_child_main(NULL, 0, argv[2]);
    if (library_open("libvulkan.so.1", &loader, &why) != ACCEL_OK) {
        printf("skipped: no Vulkan loader is installed: %s\n", why.message);
        return SKIPPED;
    }
    library_close(loader);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
