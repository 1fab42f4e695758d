/* How many CPUs: affinity, and the control groups' quotas, read from folders made up here. */
#include "support/test.h"

#include <sched.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/posix/thread_cpus.h"
#include "base/thread.h"
#include "support/temp_folder.h"

static const int NO_LIMIT = 1 << 16;

static void put(void **state, const char *folder, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_make_folders(temp_path(state, folder), NULL), ACCEL_OK);
    temp_file(state, path, text);
}

static void no_group_is_no_limit(void **state) {
    assert_int_equal(thread_cgroup_cpus(*state, ""), NO_LIMIT);
    assert_int_equal(thread_cgroup_cpus(*state, "0::/nowhere\n"), NO_LIMIT);
    assert_int_equal(thread_cgroup_cpus(*state, "nonsense\n:\n::\n"), NO_LIMIT);
}

static void version_two_rounds_up(void **state) {
    put(state, "a/b", "cpu.max", "150000 100000\n");
    assert_int_equal(thread_cgroup_cpus(*state, "0::/a/b\n"), 2);
    put(state, "a/b", "cpu.max", "200000 100000\n");
    assert_int_equal(thread_cgroup_cpus(*state, "0::/a/b"), 2);
    put(state, "a/b", "cpu.max", "1000 100000\n");
    assert_int_equal(thread_cgroup_cpus(*state, "0::/a/b\n"), 1);
    put(state, "a/b", "cpu.max", "max 100000\n");
    assert_int_equal(thread_cgroup_cpus(*state, "0::/a/b\n"), NO_LIMIT);
}

static void the_tightest_of_all_groups_above_holds(void **state) {
    put(state, "a/b", "cpu.max", "800000 100000\n");
    put(state, "a", "cpu.max", "300000 100000\n");
    put(state, ".", "cpu.max", "max 100000\n");
    assert_int_equal(thread_cgroup_cpus(*state, "0::/a/b\n"), 3);
}

static void a_container_that_sees_only_its_own_root(void **state) {
    put(state, ".", "cpu.max", "400000 100000\n");
    assert_int_equal(thread_cgroup_cpus(*state, "0::/docker/0123456789\n"), 4);
    assert_int_equal(thread_cgroup_cpus(*state, "0::/\n"), 4);
}

static void version_one_has_two_files(void **state) {
    put(state, "cpu/job", "cpu.cfs_quota_us", "250000\n");
    put(state, "cpu/job", "cpu.cfs_period_us", "100000\n");
    assert_int_equal(thread_cgroup_cpus(*state, "5:memory:/job\n4:cpu,cpuacct:/job\n"), 3);
    assert_int_equal(thread_cgroup_cpus(*state, "4:cpuset:/job\n"), NO_LIMIT);
    put(state, "cpu/job", "cpu.cfs_quota_us", "-1\n");
    assert_int_equal(thread_cgroup_cpus(*state, "4:cpuacct,cpu:/job\n"), NO_LIMIT);
}

static void strange_files_are_no_limit(void **state) {
    put(state, "a", "cpu.max", "");
    assert_int_equal(thread_cgroup_cpus(*state, "0::/a\n"), NO_LIMIT);
    put(state, "a", "cpu.max", "100000\n");
    assert_int_equal(thread_cgroup_cpus(*state, "0::/a\n"), NO_LIMIT);
    put(state, "a", "cpu.max", "100000 0\n");
    assert_int_equal(thread_cgroup_cpus(*state, "0::/a\n"), NO_LIMIT);
    put(state, "a", "cpu.max", "-5 -5\n");
    assert_int_equal(thread_cgroup_cpus(*state, "0::/a\n"), NO_LIMIT);
}

static void affinity_is_honoured(void **state) {
    (void)state;
    cpu_set_t before;
    sched_getaffinity(0, sizeof before, &before);
    assert_true(thread_cpu_count() >= 1 && thread_cpu_count() <= CPU_COUNT(&before));
    size_t first = 0;
    while (!CPU_ISSET(first, &before)) {
        first++;
    }
    thread_pin_self((int)first);
    int count = thread_cpu_count();
    sched_setaffinity(0, sizeof before, &before);
    assert_int_equal(count, 1);
    thread_pin_self(-1);
    thread_pin_self(1 << 30);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(no_group_is_no_limit),
        WITH_FOLDER(version_two_rounds_up),
        WITH_FOLDER(the_tightest_of_all_groups_above_holds),
        WITH_FOLDER(a_container_that_sees_only_its_own_root),
        WITH_FOLDER(version_one_has_two_files),
        WITH_FOLDER(strange_files_are_no_limit),
        cmocka_unit_test(affinity_is_honoured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
