#include "support/test.h"
#include "support/temp_folder.h"

#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "engines/engine.h"

static const char variable[] = "ACCEL_TEST_RUNTIME";
static const char *const patterns[] = {"libzzz_runtime.so*"};

static const char *empty_file(void **state, const char *folder, const char *name) {
    accel_error err = {0};
    char path[512];
    snprintf(path, sizeof path, "%s", temp_path(state, folder));
    assert_ok(file_make_folders(path, &err));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return temp_file(state, path, "");
}

static accel_status find(const engine_context *context, str_buf *path, str_buf *looked, accel_error *err) {
    return engine_find_library(context, variable, "zzz", patterns, 1, path, looked, err);
}

static void assert_found(const engine_context *context, const char *end) {
    accel_error err = {0};
    str_buf path = {0}, looked = {0};
    assert_ok(find(context, &path, &looked, &err));
    if (!str_ends_with(path.data, end)) {
        fail_msg("%s was found, not %s", path.data, end);
    }
    str_free(&path);
    str_free(&looked);
}

static int clean(void **state) {
    unsetenv(variable);
    unsetenv("VIRTUAL_ENV");
    unsetenv("CONDA_PREFIX");
    unsetenv("ACCEL_DATA");
    unsetenv("LD_LIBRARY_PATH");
    return temp_folder_setup(state);
}

static void the_newest_version_in_a_folder_wins(void **state) {
    empty_file(state, "rt", "libzzz_runtime.so.1.9.2");
    empty_file(state, "rt", "libzzz_runtime.so.1.10.0");
    empty_file(state, "rt", "libzzz_runtime.so.1.10.0.backup");
    empty_file(state, "rt", "libzzz_runtime_providers.so");
    const char *folders[] = {temp_path(state, "rt")};
    engine_context context = {.runtime_paths = folders, .runtime_path_count = 1};
    assert_found(&context, "libzzz_runtime.so.1.10.0");
}

static void folders_and_broken_links_of_that_name_are_passed_over(void **state) {
    accel_error err = {0};
    empty_file(state, "rt", "libzzz_runtime.so.1");
    assert_ok(file_make_folders(temp_path(state, "rt/libzzz_runtime.so.3"), &err));
    assert_int_equal(symlink("nowhere", temp_path(state, "rt/libzzz_runtime.so.2")), 0);
    const char *folders[] = {temp_path(state, "rt")};
    engine_context context = {.runtime_paths = folders, .runtime_path_count = 1};
    assert_found(&context, "libzzz_runtime.so.1");
}

static void links_are_followed_to_the_file(void **state) {
    empty_file(state, "rt", "libzzz_runtime.so.1.2.3");
    assert_int_equal(symlink("libzzz_runtime.so.1.2.3", temp_path(state, "rt/libzzz_runtime.so")), 0);
    setenv(variable, temp_path(state, "rt/libzzz_runtime.so"), 1);
    assert_found(NULL, "libzzz_runtime.so.1.2.3");
}

static void runtime_path_comes_before_the_variable_and_deps_after_it(void **state) {
    empty_file(state, "named", "libzzz_runtime.so.1");
    empty_file(state, "variable", "libzzz_runtime.so.2");
    empty_file(state, ".deps/zzz/zzz/capi", "libzzz_runtime.so.3");
    const char *folders[] = {temp_path(state, "empty"), temp_path(state, "named")};
    char program[512];
    snprintf(program, sizeof program, "%s", temp_path(state, "named"));
    engine_context all = {.runtime_paths = folders, .runtime_path_count = 2, .program_folder = program};
    engine_context deps = {.program_folder = program};
    setenv(variable, temp_path(state, "variable"), 1);
    assert_found(&all, ".so.1");
    assert_found(&deps, ".so.2");
    unsetenv(variable);
    assert_found(&deps, ".so.3");
}

static void an_active_python_environment_is_searched(void **state) {
    empty_file(state, "venv/lib/python3.11/site-packages/zzz/libs", "libzzz_runtime.so.2641");
    setenv("VIRTUAL_ENV", temp_path(state, "venv"), 1);
    assert_found(NULL, "libzzz_runtime.so.2641");
}

static void the_loaders_variable_is_searched(void **state) {
    empty_file(state, "b", "libzzz_runtime.so.5");
    char list[1024];
    snprintf(list, sizeof list, "%s::%s", temp_path(state, "a"), temp_path(state, "b"));
    setenv("LD_LIBRARY_PATH", list, 1);
    assert_found(NULL, "libzzz_runtime.so.5");
}

static void what_the_variable_names_is_never_replaced(void **state) {
    accel_error err = {0};
    str_buf path = {0}, looked = {0};
    empty_file(state, ".deps/zzz", "libzzz_runtime.so.3");
    engine_context context = {.program_folder = temp_path(state, "")};
    setenv(variable, temp_path(state, "elsewhere"), 1);
    assert_int_equal(find(&context, &path, &looked, &err), ACCEL_ABSENT);
    assert_says(variable);
    assert_says("elsewhere");
    str_free(&path);
    str_free(&looked);
}

static void says_where_it_looked(void **state) {
    accel_error err = {0};
    str_buf path = {0}, looked = {0};
    const char *folders[] = {temp_path(state, "rt")};
    engine_context context = {
        .runtime_paths = folders, .runtime_path_count = 1, .program_folder = temp_path(state, "bin")};
    assert_int_equal(find(&context, &path, &looked, &err), ACCEL_ABSENT);
    assert_says("libzzz_runtime.so*");
    assert_says("--runtime-path");
    assert_says("ACCEL_TEST_RUNTIME (not set)");
    assert_says(".deps");
    assert_says("none is active");
    assert_says("library folders");
    str_free(&path);
    str_free(&looked);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, clean, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_newest_version_in_a_folder_wins),
        IN_FOLDER(folders_and_broken_links_of_that_name_are_passed_over),
        IN_FOLDER(links_are_followed_to_the_file),
        IN_FOLDER(runtime_path_comes_before_the_variable_and_deps_after_it),
        IN_FOLDER(an_active_python_environment_is_searched),
        IN_FOLDER(the_loaders_variable_is_searched),
        IN_FOLDER(what_the_variable_names_is_never_replaced),
        IN_FOLDER(says_where_it_looked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
