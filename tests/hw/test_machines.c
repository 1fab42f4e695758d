/* Small machines, made up file by file: limits, kinds, devices. */
#include "hw/hw_check.h"

#include "base/thread.h"

/* A processor with n threads, one core each; /proc and /sys as hwloc wants them. */
static void put_cpus(void **state, int count) {
    char path[128], text[64];
    str_buf cpuinfo = {0};
    for (int i = 0; i < count; i++) {
        str_appendf(
            &cpuinfo,
            "processor\t: %d\nvendor_id\t: GenuineIntel\nmodel name\t: Made-up CPU\nflags\t\t: fpu sse4_2 avx2 fma\n\n",
            i);
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/physical_package_id", i);
        put(state, path, "0\n");
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/core_id", i);
        snprintf(text, sizeof text, "%d\n", i);
        put(state, path, text);
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings", i);
        snprintf(text, sizeof text, "%x\n", 1u << i);
        put(state, path, text);
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/core_siblings", i);
        snprintf(text, sizeof text, "%x\n", (1u << count) - 1);
        put(state, path, text);
    }
    put(state, "/proc/cpuinfo", str_text(&cpuinfo));
    str_free(&cpuinfo);
    snprintf(text, sizeof text, "0-%d\n", count - 1);
    put(state, "/sys/devices/system/cpu/online", text);
    put(state, "/proc/meminfo",
        "MemTotal:       16777216 kB\nMemFree:        8388608 kB\nMemAvailable:   12582912 kB\nSwapTotal:             0 kB\n");
}

static const int64_t MIB = 1024 * 1024;

static void without_groups_all_of_it(void **state) {
    put_cpus(state, 4);
    hw_report *r = detect_in(*state);
    str_buf text = {0};
    assert_string_equal(shape_line(r, &text), "1 packages, 4 cores, 4 threads, 0 off-line");
    assert_string_equal(features_line(r, &text), "sse4_2 fma avx2");
    assert_string_equal(r->cpu.vendor, "Intel");
    assert_string_equal(r->cpu.hypervisor, "none");
    assert_int_equal(r->allowance.usable_threads, 4);
    assert_true(r->allowance.cpu_quota < 0);
    assert_int_equal(r->allowance.memory_limit_bytes, HW_UNKNOWN);
    assert_int_equal(r->allowance.usable_bytes, 12582912 * INT64_C(1024));
    assert_null(r->allowance.cgroup);
    assert_int_equal(r->memory.swap_bytes, 0);
    str_free(&text);
    hw_report_destroy(r);
}

static void version_two_allows_a_processor_and_a_half_and_512_mib(void **state) {
    put_cpus(state, 4);
    put(state, "/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n");
    put(state, "/proc/self/cgroup", "0::/system.slice/docker-1.scope\n");
    put(state, "/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    put(state, "/sys/fs/cgroup/system.slice/docker-1.scope/cpu.max", "150000 100000\n");
    put(state, "/sys/fs/cgroup/system.slice/docker-1.scope/memory.max", "536870912\n");
    put(state, "/sys/fs/cgroup/system.slice/docker-1.scope/memory.current", "104857600\n");
    put(state, "/sys/fs/cgroup/system.slice/docker-1.scope/memory.stat",
        "anon 20971520\nfile 83886080\ninactive_file 52428800\nactive_file 31457280\n");
    hw_report *r = detect_in(*state);
    assert_string_equal(r->allowance.cgroup, "v2");
    assert_string_equal(r->allowance.container, "docker");
    assert_true(r->allowance.cpu_quota == 1.5);
    assert_int_equal(r->allowance.usable_threads, 2);
    assert_int_equal(r->allowance.threads, 4);
    assert_int_equal(r->allowance.memory_limit_bytes, 512 * MIB);
    assert_int_equal(r->allowance.usable_bytes,
                     492 * MIB); /* 100 MiB used, 80 of them files that can be dropped */
    hw_report_destroy(r);
}

static void a_limit_of_a_group_above_holds(void **state) {
    put_cpus(state, 8);
    put(state, "/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
    put(state, "/proc/self/cgroup", "0::/a/b/c\n");
    put(state, "/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
    put(state, "/sys/fs/cgroup/a/b/cpu.max", "600000 100000\n");
    put(state, "/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    put(state, "/sys/fs/cgroup/a/b/memory.max", "max\n");
    put(state, "/sys/fs/cgroup/a/memory.max", "1073741824\n");
    hw_report *r = detect_in(*state);
    assert_int_equal(r->allowance.usable_threads, 3);
    assert_int_equal(r->allowance.memory_limit_bytes, 1024 * MIB);
    hw_report_destroy(r);
}

/* In a container its own path is not below the mount; the limits are those of the mount itself. */
static void a_container_sees_its_limits_at_the_mount(void **state) {
    put_cpus(state, 8);
    put(state, "/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 ro 0 0\n");
    put(state, "/proc/self/cgroup", "0::/../../kubepods/pod1\n");
    put(state, "/sys/fs/cgroup/cpu.max", "50000 100000\n");
    put(state, "/sys/fs/cgroup/memory.max", "268435456\n");
    hw_report *r = detect_in(*state);
    assert_string_equal(r->allowance.container, "kubernetes");
    assert_int_equal(r->allowance.usable_threads, 1);
    assert_int_equal(r->allowance.memory_limit_bytes, 256 * MIB);
    hw_report_destroy(r);
}

static void version_one_has_a_folder_for_each_controller(void **state) {
    put_cpus(state, 4);
    put(state, "/proc/self/mounts",
        "tmpfs /sys/fs/cgroup tmpfs ro 0 0\ncgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
        "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n");
    put(state, "/proc/self/cgroup", "5:memory:/job\n4:cpu,cpuacct:/job\n0::/elsewhere\n");
    put(state, "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
    put(state, "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
    put(state, "/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "536870912\n");
    put(state, "/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "1048576\n");
    put(state, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    hw_report *r = detect_in(*state);
    assert_string_equal(r->allowance.cgroup, "v1");
    assert_true(r->allowance.cpu_quota == 2.5);
    assert_int_equal(r->allowance.usable_threads, 3);
    assert_int_equal(r->allowance.memory_limit_bytes, 512 * MIB);
    assert_int_equal(r->allowance.usable_bytes, 511 * MIB);
    hw_report_destroy(r);
}

static void no_limit_of_version_one_is_none(void **state) {
    put_cpus(state, 2);
    put(state, "/proc/self/mounts",
        "cgroup /cg/cpu cgroup rw,cpu 0 0\ncgroup /cg/memory cgroup rw,memory 0 0\n");
    put(state, "/proc/self/cgroup", "2:memory:/\n1:cpu:/\n");
    put(state, "/cg/cpu/cpu.cfs_quota_us", "-1\n");
    put(state, "/cg/cpu/cpu.cfs_period_us", "100000\n");
    put(state, "/cg/memory/memory.limit_in_bytes", "9223372036854771712\n");
    hw_report *r = detect_in(*state);
    assert_true(r->allowance.cpu_quota < 0);
    assert_int_equal(r->allowance.memory_limit_bytes, HW_UNKNOWN);
    assert_int_equal(r->allowance.usable_threads, 2);
    hw_report_destroy(r);
}

static void affinity_counts_processors_that_are_on_line(void **state) {
    put_cpus(state, 4);
    put(state, "/proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t1-2,6-7\n");
    hw_report *r = detect_in(*state);
    assert_int_equal(r->allowance.threads, 2);
    assert_int_equal(r->allowance.usable_threads, 2);
    hw_report_destroy(r);
}

static void frequencies_that_are_far_apart_are_kinds(void **state) {
    static const char *const mhz[] = {"5000000\n", "5200000\n", "3900000\n", "3900000\n"};
    char path[128];
    str_buf text = {0};
    put_cpus(state, 4);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpufreq/policy%d/cpuinfo_max_freq", i);
        put(state, path, mhz[i]);
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/cpuinfo_max_freq", i);
        put(state, path, mhz[i]);
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpufreq/policy%d/cpuinfo_min_freq", i);
        put(state, path, "400000\n");
    }
    hw_report *r = detect_in(*state);
    assert_string_equal(kinds_line(r, &text), "performance 2/2@5200 efficient 2/2@3900");
    assert_int_equal(r->cpu.max_mhz, 5200);
    assert_int_equal(r->cpu.min_mhz, 400);
    str_free(&text);
    hw_report_destroy(r);
}

/* ---- PCI ------------------------------------------------------------------------------------------------------------------- */

static void put_pci(void **state, const char *address, const char *class_code, const char *vendor,
                    const char *device, const char *driver) {
    char path[256], target[128];
    const char *const names[] = {"class", "vendor", "device"}, *const texts[] = {class_code, vendor, device};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/%s", address, names[i]);
        put(state, path, texts[i]);
    }
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/numa_node", address);
    put(state, path, "-1\n");
    if (!driver)
        return;
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/driver", address);
    snprintf(target, sizeof target, "../../../bus/pci/drivers/%s", driver);
    put_link(state, path, target);
}

static const hw_device *device_at(const hw_report *r, const char *pci) {
    for (size_t i = 0; i < r->device_count; i++)
        if (str_equal(r->devices[i].pci, pci))
            return &r->devices[i];
    fail_msg("no device at %s", pci);
    return NULL;
}

static void a_gpu_without_a_driver_names_what_is_missing(void **state) {
    put_pci(state, "0000:01:00.0", "0x030200\n", "0x10de\n", "0x2330\n", NULL);
    put_pci(state, "0000:02:00.0", "0x030000\n", "0x1002\n", "0x744c\n", NULL);
    put_pci(state, "0000:03:00.0", "0x120000\n", "0x8086\n", "0x7d1d\n", NULL);
    put_pci(state, "0000:04:00.0", "0x020000\n", "0x8086\n", "0x1533\n", "igb");
    put_pci(state, "0000:05:00.0", "0x030000\n", "0x8086\n", "0x56a0\n", NULL);
    hw_report *r = detect_in(*state);
    str_buf text = {0};
    assert_string_equal(devices_line(r, &text),
                        "0000:01:00.0 gpu NVIDIA no driver -; 0000:02:00.0 gpu AMD no driver -; "
                        "0000:03:00.0 npu Intel no driver -; 0000:05:00.0 gpu Intel no driver -");
    assert_non_null(strstr(device_at(r, "0000:05:00.0")->reason, "it needs i915 or xe"));
    const hw_device *d = device_at(r, "0000:01:00.0");
    assert_non_null(strstr(d->reason, "it needs nvidia"));
    assert_non_null(strstr(d->remedy, "install NVIDIA's driver"));
    assert_non_null(strstr(device_at(r, "0000:02:00.0")->remedy, "amdgpu"));
    assert_non_null(strstr(device_at(r, "0000:03:00.0")->remedy, "intel_vpu"));
    assert_int_equal(d->numa_node, HW_UNKNOWN);
    str_free(&text);
    hw_report_destroy(r);
}

static void the_wrong_driver_and_one_for_guests_are_told(void **state) {
    put_pci(state, "0000:01:00.0", "0x030000\n", "0x10de\n", "0x2330\n", "nouveau");
    put_pci(state, "0000:02:00.0", "0x030000\n", "0x10de\n", "0x2330\n", "vfio-pci");
    put_pci(state, "0000:03:00.0", "0x030000\n", "0x10de\n", "0x2330\n", "nvidia");
    put(state, "/sys/module/nvidia/version", "550.54.14\n");
    hw_report *r = detect_in(*state);
    assert_int_equal(device_at(r, "0000:01:00.0")->state, HW_NO_DRIVER);
    assert_non_null(strstr(device_at(r, "0000:01:00.0")->reason,
                           "its driver is nouveau, with which it does not compute"));
    assert_int_equal(device_at(r, "0000:02:00.0")->state, HW_HIDDEN);
    assert_non_null(strstr(device_at(r, "0000:02:00.0")->reason, "virtual machine"));
    assert_int_equal(device_at(r, "0000:03:00.0")->state, HW_NOT_PROBED);
    assert_string_equal(device_at(r, "0000:03:00.0")->driver_version, "550.54.14");
    hw_report_destroy(r);
}

static void names_come_from_the_table_of_pci_ids(void **state) {
    put(state, "/usr/share/misc/pci.ids",
        "# comment\n1002  Advanced Micro Devices\n\t2330  Not this one\n10de  NVIDIA Corporation\n\t2330  GH100 [H100 SXM5 80GB]\n"
        "\t\t10de 16c1  A subsystem\n8086  Intel\n\t7d1d  Not this one either\n");
    put_pci(state, "0000:01:00.0", "0x030200\n", "0x10de\n", "0x2330\n", NULL);
    put_pci(state, "0000:02:00.0", "0x030200\n", "0x10de\n", "0x7d1d\n", NULL);
    hw_report *r = detect_in(*state);
    assert_string_equal(device_at(r, "0000:01:00.0")->name, "GH100 [H100 SXM5 80GB]");
    assert_string_equal(device_at(r, "0000:02:00.0")->name, "device 10de:7d1d");
    hw_report_destroy(r);
}

static void strange_files_of_a_device_leave_it_out(void **state) {
    put_pci(state, "0000:01:00.0", "", "0x10de\n", "0x2330\n", NULL);
    put_pci(state, "0000:02:00.0", "0x030000\n", "\x01\x02\n", "0x2330\n", NULL);
    put_pci(state, "0000:03:00.0", "0x030000\n", "0x10de\n", "0x99999\n", NULL);
    put(state, "/sys/bus/pci/devices/not-a-folder", "x");
    hw_report *r = detect_in(*state);
    str_buf text = {0};
    assert_string_equal(devices_line(r, &text), "");
    assert_non_null(evidence_of(r, "pci", "4 devices, none of them"));
    str_free(&text);
    hw_report_destroy(r);
}

/* ---- browsers ---------------------------------------------------------------------------------------------------------------- */

static const char *fact_of(const hw_device *d, const char *name) {
    for (size_t i = 0; i < d->fact_count; i++)
        if (str_equal(d->facts[i].name, name))
            return d->facts[i].value;
    return "";
}

static void browsers_are_found_by_their_files(void **state) {
    put(state, "/usr/lib/firefox-esr/firefox-esr", "x");
    put(state, "/usr/lib/firefox-esr/application.ini", "[App]\nVersion=153.0.1\n[Gecko]\nMinVersion=1.0\n");
    put(state, "/usr/lib/chromium/chromium", "x");
    put(state, "/var/lib/dpkg/status",
        "Package: chromium-common\nStatus: install ok installed\nVersion: 1.0\n\nPackage: chromium\nStatus: install ok installed\n"
        "Architecture: amd64\nVersion: 156.0.7000.1-1~deb12u1\n\nPackage: zstd\nStatus: install ok installed\nVersion: 2\n");
    put(state, "/usr/bin/epiphany", "x");
    hw_report *r = detect_in(*state);
    assert_int_equal(r->device_count, 3);
    const hw_device *chromium = &r->devices[0], *firefox = &r->devices[1], *webkit = &r->devices[2];
    assert_string_equal(chromium->name, "Chromium");
    assert_string_equal(chromium->driver_version, "156.0.7000.1");
    assert_string_equal(fact_of(chromium, "should offer wasm"), "yes");
    assert_non_null(strstr(fact_of(chromium, "should offer webgpu"), "--enable-unsafe-webgpu"));
    assert_string_equal(firefox->name, "Firefox ESR");
    assert_string_equal(firefox->driver_version, "153.0.1");
    assert_string_equal(fact_of(firefox, "should offer webnn"), "no");
    assert_string_equal(webkit->id, "/usr/bin/epiphany");
    assert_null(webkit->driver_version);
    assert_non_null(strstr(fact_of(webkit, "should offer"), "unknown"));
    hw_report_destroy(r);
}

/* Reports outlive their sources: seen under the sanitizer, since captures' texts lie in the source. */
static void a_report_outlives_the_capture_that_it_came_from(void **state) {
    accel_error err = {0};
    hw_source *s = NULL;
    hw_report *r = NULL;
    const char *path = temp_path(state, "capture.json");
    put(state, "/usr/share/misc/pci.ids", "10de  NVIDIA Corporation\n\t2330  GH100 [H100 SXM5 80GB]\n");
    put_pci(state, "0000:01:00.0", "0x030200\n", "0x10de\n", "0x2330\n", "nvidia");
    put(state, "/usr/lib/chromium/chromium", "x");
    put(state, "/var/lib/dpkg/status",
        "Package: chromium\nStatus: install ok installed\nVersion: 156.0-1\n\n");
    assert_ok(hw_source_open(*state, &s, &err));
    assert_ok(hw_detect(s, NULL, &r, &err));
    assert_ok(hw_source_save(s, path, &err));
    hw_source_close(s);
    str_buf before = report_text(r);
    hw_report_destroy(r);
    r = detect_capture(path);
    str_buf after = report_text(r);
    assert_string_equal(str_text(&before), str_text(&after));
    hw_report_destroy(r);
    str_free(&before);
    str_free(&after);
}

/* ---- all of a machine ---------------------------------------------------------------------------------------------------------- */

static void an_empty_folder_is_a_machine_of_which_nothing_is_known(void **state) {
    hw_report *r = detect_in(*state);
    assert_null(r->cpu.model);
    assert_int_equal(r->cpu.packages, HW_UNKNOWN);
    assert_int_equal(r->memory.total_bytes, HW_UNKNOWN);
    assert_int_equal(r->device_count, 0);
    assert_non_null(evidence_of(r, "cpu", "cannot be read"));
    assert_true(r->allowance.usable_threads >= 1);
    hw_report_destroy(r);
}

static void binary_and_empty_files_leave_things_unknown(void **state) {
    static const char *const paths[] = {"/proc/cpuinfo",
                                        "/proc/meminfo",
                                        "/proc/self/cgroup",
                                        "/proc/self/mounts",
                                        "/proc/self/status",
                                        "/sys/fs/cgroup/cpu.max",
                                        "/sys/devices/system/cpu/online",
                                        "/etc/os-release"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        put(state, paths[i], i % 2 ? "" : "\xff\xfe\x01 : \n");
    hw_report *r = detect_in(*state);
    assert_null(r->cpu.model);
    assert_int_equal(r->memory.total_bytes, HW_UNKNOWN);
    assert_true(r->allowance.usable_threads >= 1);
    hw_report_destroy(r);
}

/* What probes say of this machine and what kernels plan with are the same. */
static void this_machine_allows_what_the_pool_is_given(void **state) {
    (void)state;
    hw_report *r = detect_in(NULL);
    assert_int_equal(r->allowance.usable_threads, thread_cpu_count());
    assert_true(r->cpu.threads >= r->allowance.threads);
    assert_true(r->memory.total_bytes > 0);
    assert_non_null(r->cpu.architecture);
    assert_non_null(r->kernel);
    hw_report_destroy(r);
}

/* hwloc's plugins load CUDA, NVML and OpenCL: none of them may be loaded into this process. */
static void plugins_of_hwloc_are_not_loaded(void **state) {
    char command[1024];
    const char *source = temp_file(
        state, "plugin.c",
        "#include <stdlib.h>\n__attribute__((constructor)) static void begin(void) { setenv(\"PLUGIN_LOADED\", \"1\", 1); }\n");
    snprintf(command, sizeof command, "cc -shared -fPIC -o '%s' '%s' 2>/dev/null",
             temp_path(state, "hwloc_plugin.so"), source);
    if (system(command) != 0) {
        print_message("skipped: no C compiler to build a library with\n");
        skip();
    }
    setenv("HWLOC_PLUGINS_PATH", *state, 1);
    hw_report_destroy(detect_in(NULL));
    hw_report_destroy(detect_in(*state));
    assert_null(getenv("PLUGIN_LOADED"));
    assert_string_equal(getenv("HWLOC_PLUGINS_PATH"), *state);
    unsetenv("HWLOC_PLUGINS_PATH");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_groups_all_of_it),
        TEST(version_two_allows_a_processor_and_a_half_and_512_mib),
        TEST(a_limit_of_a_group_above_holds),
        TEST(a_container_sees_its_limits_at_the_mount),
        TEST(version_one_has_a_folder_for_each_controller),
        TEST(no_limit_of_version_one_is_none),
        TEST(affinity_counts_processors_that_are_on_line),
        TEST(frequencies_that_are_far_apart_are_kinds),
        TEST(a_gpu_without_a_driver_names_what_is_missing),
        TEST(the_wrong_driver_and_one_for_guests_are_told),
        TEST(names_come_from_the_table_of_pci_ids),
        TEST(strange_files_of_a_device_leave_it_out),
        TEST(browsers_are_found_by_their_files),
        TEST(a_report_outlives_the_capture_that_it_came_from),
        TEST(an_empty_folder_is_a_machine_of_which_nothing_is_known),
        TEST(binary_and_empty_files_leave_things_unknown),
        TEST(plugins_of_hwloc_are_not_loaded),
        TEST(this_machine_allows_what_the_pool_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
