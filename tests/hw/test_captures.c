/* ctest: timeout 300
 * Real machines, as hwloc's collection has them. What is expected was written from the captures' own files (/proc/cpuinfo, /sys/devices/system,
 * /proc/meminfo) and from the makers' data sheets for CPUID dumps. Skipped where ../shared/machines is not there. */
#include "hw/hw_check.h"

typedef struct machine {
    const char *archive, *folder;
    const char *shape, *kinds, *caches, *nodes, *features, *model;
    int64_t total_kib; /* MemTotal of /proc/meminfo; -1: the capture has none */
    int64_t allowed_threads, allowed_cores, allowed_nodes;
    int64_t min_mhz, max_mhz;
    const char *architecture, *devices;
} machine;

#define AVX512                                                                                               \
    "sse4_2 avx f16c fma avx2 avx512f avx512cd avx512dq avx512bw avx512vl avx512_ifma avx512_vbmi avx512_vbmi2 avx512_vnni avx512_bf16"

static const machine machines[] = {
    {"nvidia-dgx-gb10", "nvidia-dgx-gb10", "1 packages, 20 cores, 20 threads, 0 off-line",
     "performance 10/10@3900 efficient 10/10@2808",
     "1d 20x64 1i 20x64 2u 10x512 2u 10x2048 3u 1x8192 3u 1x16384", "0:125508468",
     "neon fp16 fp16fml dotprod bf16 i8mm sve sve2 sve_bf16 sve_i8mm", "Cortex-A725 + Cortex-X925", 125508468,
     20, 20, 1, 338, 3900, "aarch64", ""},
    {"20em64t-hybrid-1p6c2t+2ca4co1t", "20em64t-hybrid-1p6c2t+2ca4co1t",
     "1 packages, 14 cores, 20 threads, 0 off-line", "performance 6/12@5200 efficient 8/8@3900",
     "1d 6x48 1d 8x32 1i 6x32 1i 8x64 2u 6x1280 2u 2x2048 3u 1x24576", "0:32489480",
     "sse4_2 avx f16c fma avx2 avx_vnni", "13th Gen Intel(R) Core(TM) i7-1370P", 32489496, 20, 14, 1, 400,
     5200, "x86_64", ""},
    {"16em64t-4s2c2t-offlines", "16em64t-4s2c2t-offlines", "4 packages, 7 cores, 12 threads, 4 off-line", "",
     "1d 7x16 2u 7x1024 3u 4x4096", "0:16772456", "", "Intel(R) Xeon(TM) CPU 2.60GHz", -1, 12, 7, 1, -1, -1,
     "x86_64", ""},
    {"32amd64-4s2n4c-cgroup2", "32amd64-4s2n4c-cgroup", "4 packages, 32 cores, 32 threads, 0 off-line", "",
     "1d 32x64 1i 32x64 2u 32x512 3u 8x5118",
     "0:16775084 1:16777216 2:16777216 3:16777216 4:16777216 5:16777216 6:16777216 7:16777216", "",
     "AMD Opteron(tm) Processor 6134", 132295672, 6, 6, 6, 800, 2300, "x86_64", ""},
    {"128arm-2pa2n8cluster4co", "128arm-2pa2n8cluster4co", "2 packages, 128 cores, 128 threads, 0 off-line",
     "", "1d 128x64 1i 128x64 2u 128x512 3u 4x32768", "0:131732940 1:132117940 2:132117936 3:131062408",
     "neon fp16 fp16fml dotprod", "TaiShan-v110", 527031224, 128, 128, 4, -1, -1, "aarch64", ""},
    {"2arm-2c", "2arm-2c", "1 packages, 2 cores, 2 threads, 0 off-line", "", "", "0:280840", "neon",
     "Cortex-A9", 280840, 2, 2, 1, 400, 800, "arm", ""},
    /* Its /sys contradicts itself: cpu3's core_siblings and cpu2's L3 name other processors. hwloc drops one of four L3 for that. */
    {"40intel64-4n10c+pci-conflicts", "40intel64-4n10c+pci-conflicts",
     "4 packages, 40 cores, 40 threads, 0 off-line", "", "1d 40x32 1i 40x32 2u 40x256 3u 3x30720",
     "0:134204252 1:134217728 2:134217728 3:134217728", "sse4_2", "Intel(R) Xeon(R) CPU E7- 4870  @ 2.40GHz",
     529428392, 40, 40, 4, -1, -1, "x86_64", ""},
    {"32em64t-2n8c+dax+nvme+mic+dimms", "32em64t-2n8c+1mic", "2 packages, 16 cores, 16 threads, 0 off-line",
     "", "1d 16x32 1i 16x32 2u 16x256 3u 2x20480", "0:16747124 1:16777216", "sse4_2 avx",
     "Intel(R) Xeon(R) CPU E5-2680 0 @ 2.70GHz", 32836008, 16, 16, 2, 1200, 2701, "x86_64",
     "0000:05:00.0 gpu ASPEED no driver -; 0000:83:00.0 accelerator Intel not probed mic"},
    {"256ppc-8n8s4t", "256ppc-8n8s4t", "64 packages, 64 cores, 256 threads, 0 off-line", "",
     "1d 64x32 1i 64x32 2u 64x256 3u 64x4096",
     "0:58458112 1:66322432 4:66846720 5:67108864 8:66846720 9:67108864 12:66846720 13:56885248", "altivec",
     "POWER7 (architected)", 514318208, 256, 64, 8, -1, -1, "ppc", ""},
    {"fakeheteromemtiers", "fakeheteromemtiers", "1 packages, 6 cores, 6 threads, 0 off-line", "",
     "1d 6x32 1i 6x32 2u 6x4096 3u 1x16384",
     "0:3005392DRAM 1:1002460DRAM 2:524288HBM 4:524288HBM 6:393216NVM 8:393216NVM 9:393216NVM", "",
     "QEMU Virtual CPU version 2.5+", 6254296, 6, 6, 7, -1, -1, "x86_64", ""},
    {"cpuid-AMD-19h-Zen4-2xEpyc-9654", "AMD-19h-Zen4-2xEpyc-9654",
     "2 packages, 192 cores, 384 threads, 0 off-line", "", "1d 192x32 1i 192x32 2u 192x1024 3u 24x32768", "",
     AVX512, "AMD EPYC 9654 96-Core Processor", -1, 384, 192, -1, -1, -1, "x86_64", ""},
    {"cpuid-AMD-1Ah-Zen5StrixPoint-RyzenAI9HX370", "AMD-1Ah-Zen5StrixPoint-RyzenAI9HX370",
     "1 packages, 12 cores, 24 threads, 0 off-line", "performance 4/8 efficient 8/16",
     "1d 12x48 1i 12x32 2u 12x1024 3u 1x16384 3u 1x8192", "", AVX512 " avx_vnni",
     "AMD Ryzen AI 9 HX 370 w/ Radeon 890M", -1, 24, 12, -1, -1, -1, "x86_64", ""},
    {"cpuid-Intel-ArrowLake-CoreUltra5-225U", "Intel-ArrowLake-CoreUltra5-225U",
     "1 packages, 12 cores, 14 threads, 0 off-line", "performance 2/4 efficient 10/10",
     "1d 2x48 1d 10x32 1i 12x64 2u 5x2048 3u 1x12288", "", "sse4_2 avx f16c fma avx2 avx_vnni",
     "Intel(R) Core(TM) Ultra 5 225U", -1, 14, 12, -1, -1, -1, "x86_64", ""},
    {"cpuid-Intel-SapphireRapids-2xXeonMax9460", "Intel-SapphireRapids-2xXeonMax9460",
     "2 packages, 80 cores, 160 threads, 0 off-line", "", "1d 80x48 1i 80x32 2u 80x2048 3u 2x99840", "",
     AVX512 " avx512_fp16 avx_vnni amx_tile amx_int8 amx_bf16", "Intel (R) Xeon (R) CPU Max 9460", -1, 160,
     80, -1, -1, -1, "x86_64", ""},
    {"cpuid-Intel-KnightsLanding-XeonPhi-7210", "Intel-KnightsLanding-XeonPhi-7210",
     "1 packages, 64 cores, 256 threads, 0 off-line", "", "1d 64x32 1i 64x32 2u 32x1024", "",
     "sse4_2 avx f16c fma avx2 avx512f avx512cd avx512er avx512pf",
     "Intel(R) Xeon Phi(TM) CPU 7210 @ 1.30GHz", -1, 256, 64, -1, -1, -1, "x86_64", ""},
    {"cpuid-AMD-K8-SantaRosa-2xOpteron-2218", "AMD-K8-SantaRosa-2xOpteron-2218",
     "2 packages, 4 cores, 4 threads, 0 off-line", "", "1d 4x64 1i 4x64 2u 4x1024", "", "",
     "Dual-Core AMD Opteron(tm) Processor 2218", -1, 4, 4, -1, -1, -1, "x86_64", ""},
};

static const char *shared_folder(void) {
    static char path[1024];
    const char *named = getenv("ACCEL_SHARED"), *source = getenv("ACCEL_SOURCE_DIR");
    if (named)
        snprintf(path, sizeof path, "%s/machines", named);
    else
        snprintf(path, sizeof path, "%s/../shared/machines", source ? source : ".");
    if (!file_is_folder(path)) {
        print_message("skipped: there is no folder %s\n", path);
        skip();
    }
    return path;
}

/* The folder of an unpacked capture. */
static const char *unpacked(void **state, const char *archive, const char *folder) {
    char command[4096];
    /* Without half of the files, which nobody reads. */
    snprintf(
        command, sizeof command,
        "tar -xjf '%s/%s.tar.bz2' -C '%s' --exclude=cpuidle --exclude=uevent --exclude=msi_irqs --exclude=infiniband "
        "--exclude='*_policy' --exclude='*_list' --exclude=number_of_sets --exclude=ways_of_associativity",
        shared_folder(), archive, (char *)*state);
    if (system(command) != 0) {
        fail_msg("cannot unpack %s", archive);
    }
    return temp_path(state, folder);
}

static void check(const machine *m, const hw_report *r) {
    str_buf text = {0};
    print_message("%s\n", m->archive);
    assert_string_equal(shape_line(r, &text), m->shape);
    assert_string_equal(kinds_line(r, &text), m->kinds);
    assert_string_equal(caches_line(r, &text), m->caches);
    assert_string_equal(nodes_line(r, &text), m->nodes);
    assert_string_equal(features_line(r, &text), m->features);
    assert_string_equal(devices_line(r, &text), m->devices);
    assert_string_equal(r->cpu.model, m->model);
    assert_string_equal(r->cpu.architecture, m->architecture);
    assert_int_equal(r->memory.total_bytes, m->total_kib < 0 ? HW_UNKNOWN : m->total_kib * 1024);
    assert_int_equal(r->allowance.threads, m->allowed_threads);
    assert_int_equal(r->allowance.usable_threads, m->allowed_threads);
    assert_int_equal(r->allowance.cores, m->allowed_cores);
    assert_int_equal(r->allowance.nodes, m->allowed_nodes);
    assert_int_equal(r->cpu.min_mhz, m->min_mhz);
    assert_int_equal(r->cpu.max_mhz, m->max_mhz);
    str_free(&text);
}

/* Which of them are virtual machines, and what they are called; of the others nothing is expected. */
static void check_system(const machine *m, const hw_report *r) {
    static const struct {
        const char *archive, *hypervisor, *machine;
    } expected[] = {
        {"fakeheteromemtiers", "qemu", "QEMU Standard PC (i440FX + PIIX, 1996)"},
        {"20em64t-hybrid-1p6c2t+2ca4co1t", "none", "HP EliteBook 840 14 inch G10 Notebook PC"},
        {"cpuid-AMD-19h-Zen4-2xEpyc-9654", "none", NULL},
        {"nvidia-dgx-gb10", NULL, "NVIDIA_DGX_Spark"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (strcmp(m->archive, expected[i].archive) != 0)
            continue;
        assert_true(str_equal(r->cpu.hypervisor, expected[i].hypervisor));
        assert_true(str_equal(r->machine, expected[i].machine));
    }
    if (strcmp(m->archive, "40intel64-4n10c+pci-conflicts") == 0)
        assert_non_null(evidence_of(r, "cpu", "contradict each other: hwloc finds 3 packages"));
}

/* What --gather writes shows the same machine to --from, on which hwloc does not run. */
static void check_round_trip(void **state, const hw_source *s, const hw_report *r) {
    accel_error err = {0};
    const char *capture = temp_path(state, "capture.json");
    assert_ok(hw_source_save(s, capture, &err));
    hw_report *again = detect_capture(capture);
    str_buf before = report_text(r), after = report_text(again);
    assert_string_equal(str_text(&before), str_text(&after));
    hw_report_destroy(again);
    str_free(&before);
    str_free(&after);
}

static void each_captured_machine_is_what_its_files_say(void **state) {
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        accel_error err = {0};
        hw_source *s = NULL;
        hw_report *r = NULL;
        assert_ok(hw_source_open(unpacked(state, machines[i].archive, machines[i].folder), &s, &err));
        assert_ok(hw_detect(s, NULL, &r, &err));
        check(&machines[i], r);
        check_system(&machines[i], r);
        check_round_trip(state, s, r);
        hw_report_destroy(r);
        hw_source_close(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_captured_machine_is_what_its_files_say, temp_folder_setup,
                                        temp_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
